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
	"listen.no-address": "{interfaces} has no global address: nothing can come for one. Name an address to listen for it all the same.",
	"listen.nobody-has": "no interface here has it",

	"listen.group.heard":      "it is on {interface}, which hears who asks for it ({group})",
	"listen.group.unknown":    "it is on {interface}; whether that hears who asks for it ({group}) is not known",
	"listen.group.not-joined": "it is on {interface}, which is not in its group {group}: who asks for it is not heard",
	"listen.group.device":     "it is on {interface}, whose device does not let its group {group} through: who asks for it is not heard",

	"listen.blind.frames": "What arrives cannot be seen: {why}.",
	"listen.blind.drops":  "What the kernel throws away cannot be seen: {why}.",

	"listen.arrived.ns":           "arrived   {from} asks who has {address} ({interface})",
	"listen.arrived.echo-request": "arrived   {from} pings {address} ({interface})",
	"listen.arrived.tcp-syn":      "arrived   {from} connects to {address} port {port} ({interface})",
	"listen.bad":                  "arrived   not to be believed ({why}): {what}",
	"listen.other":                "arrived   {what}",

	"listen.answered.na":         "answered  told {to} who has {address}, by {interface}, after {ms} ms",
	"listen.answered.echo-reply": "answered  the ping of {to} to {address}, by {interface}, after {ms} ms",
	"listen.answered.tcp-synack": "answered  {to} may connect to {address} port {port}, by {interface}, after {ms} ms",
	"listen.answered.tcp-rst":    "answered  refused {to} at {address} port {port}: nobody listens there; by {interface}, after {ms} ms",
	"listen.answered.elsewhere":  "answered  {to}, but by {interface}, another interface than that by which it asked {address}, after {ms} ms",
	"listen.dropped":             "dropped   {what}",
	"listen.unanswered":          "silent    no answer left to the {what} of {from} for {address}",
	"listen.unsaid":              "and {n} lines more that second",
	"listen.kind.ns":             "solicitation",
	"listen.kind.echo-request":   "ping",
	"listen.kind.tcp-syn":        "connection",

	"listen.sum":               "{address}: {asked} pings and connections and {solicited} solicitations came, of {hosts} hosts; answered {answered}, not answered {missed}, dropped here {dropped}.",
	"listen.means.nothing":     "Nothing came for it, not even a question who has it. Whoever tried was stopped before this host (a security group, a network ACL, a route, a firewall of its own), or tried another address.",
	"listen.means.solicited":   "Neighbours asked who has it and were told, and nothing followed. What they meant to send, or the router to pass on, was stopped on its way here, or they only made sure that this host is there.",
	"listen.means.not-told":    "Neighbours asked who has it and were not told: they cannot send anything to it.",
	"listen.means.answered":    "What came was answered. If the other side hears nothing, the answer is lost on its way back.",
	"listen.means.elsewhere":   "Answers left by {interface}, another interface than that by which the questions came. A network that looks at source addresses drops them.",
	"listen.means.blind":       "What arrived could not be seen, so nothing can be said of it.",
	"listen.means.unexplained": "Nothing that could be read on this host says why it was not answered.",
}
