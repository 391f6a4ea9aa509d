package words

// listen has the lines of `ndwhy listen`.
var listen = map[string]string{
	"cli.listen.short": "What arrives for an address here, and what this host does with it",
	"cli.listen.long": `The receiving half of "nobody can reach me": says, as it happens, what others
send to ADDR (default: every global address of this host), what this host
answers and by which way, what its kernel throws away, and at the end what it
means. It sends nothing, and does not make the device promiscuous, which would
hide a multicast filter that is at fault. Ends with ctrl-c, after --timeout or
after --count.

Exit codes: 0 all that came was answered, 1 or 2 it was not or something stands
in the way, 3 nothing came, or it could not be seen, 64 usage, 130 interrupted.`,
	"cli.listen.example": `  ndwhy listen
  ndwhy listen 2001:db8::1 --timeout 30s
  ndwhy listen --count 3 --record heard.jsonl
  ndwhy lab exec ubuntu1 -- ndwhy listen     and in a third terminal:
  ndwhy lab exec ubuntu2 -- ping -c3 2001:db8:1f16:8df0:f557:112e:f9bd:c7f3`,
	"cli.flag.listen-count":   "end after this many solicitations, echo requests and connections; 0: never",
	"cli.flag.listen-timeout": "end after this long; 0: never",

	"listen.for":        "Listening for {address}: {state}.",
	"listen.no-address": "{interfaces} has no global address, so nothing can arrive for one. Name an address to listen for it anyway.",
	"listen.nobody-has": "no interface here has it",

	"listen.group.heard":      "it is on {interface}, which hears solicitations for it ({group})",
	"listen.group.unusable":   "it is on {interface}, which does not use it: duplicate address detection failed or still runs",
	"listen.group.unknown":    "it is on {interface}; whether that hears solicitations for it ({group}) is not known",
	"listen.group.not-joined": "it is on {interface}, which is not in its group {group}: it does not hear solicitations for it",
	"listen.group.device":     "it is on {interface}, whose device filters out its group {group}: it does not hear solicitations for it",

	"listen.blind.frames": "ndwhy cannot see what arrives: {why}.",
	"listen.blind.drops":  "ndwhy cannot see what the kernel drops: {why}.",

	"listen.arrived.ns":           "arrived   {from} asks who has {address} ({interface})",
	"listen.arrived.echo-request": "arrived   {from} pings {address} ({interface})",
	"listen.arrived.tcp-syn":      "arrived   {from} connects to {address} port {port} ({interface})",
	"listen.bad":                  "arrived   forged or damaged ({why}): {what}",
	"listen.other":                "arrived   {what}",

	"listen.answered.na":         "answered  told {to} who has {address}, by {interface}, after {ms} ms",
	"listen.answered.echo-reply": "answered  the ping of {to} to {address}, by {interface}, after {ms} ms",
	"listen.answered.tcp-synack": "answered  {to} may connect to {address} port {port}, by {interface}, after {ms} ms",
	"listen.answered.tcp-rst":    "answered  refused {to} at {address} port {port}: nobody listens there; by {interface}, after {ms} ms",
	"listen.answered.elsewhere":  "answered  {to}, but by {interface}, not by the interface that its question to {address} came in on, after {ms} ms",
	"listen.gone":                "gone      {what}",
	"listen.dropped":             "dropped   {what}",
	"listen.unanswered":          "silent    no answer left to the {what} of {from} for {address}",
	"listen.unsaid":              "besides   {n} more lines in that second",
	"listen.kind.ns":             "solicitation",
	"listen.kind.echo-request":   "ping",
	"listen.kind.tcp-syn":        "connection",

	"listen.sum":               "{address}: pings and connections: {asked}, solicitations: {solicited}, from hosts: {hosts}. Answered: {answered}, not answered: {missed}, dropped here: {dropped}.",
	"listen.not-known":         "not known",
	"listen.means.nothing":     "Nothing came for it, not even a solicitation. Either something in front of this host stopped the packets (a security group, a network ACL, a route, the other host's firewall, a switch that does not know that this host is in {group}), or they went to another address.",
	"listen.means.solicited":   "Neighbours solicited it and got an answer, and nothing followed. Either something stopped their packets, or the router's, on the way here, or they only checked that this host is there.",
	"listen.means.not-told":    "Neighbours solicited it and got no answer: they cannot send anything to it.",
	"listen.means.answered":    "Everything that came was answered. If the other side hears nothing, the answer is lost on its way back.",
	"listen.means.waiting":     "When ndwhy stopped listening, it was too early to say whether this host answers: {n} came less than a second before.",
	"listen.means.elsewhere":   "Answers left by {interface}, not by the interface that the questions came in on. A network that checks source addresses drops them.",
	"listen.means.blind":       "ndwhy could not see what arrived, so it cannot say anything about it.",
	"listen.others":            "Not about {address}: {list}. `ndwhy check` says more.",
	"listen.other-finding":     "{cause} ({subject})",
	"listen.means.unexplained": "Nothing that ndwhy could read on this host says why it did not answer.",
}
