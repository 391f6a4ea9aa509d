package words

// causesCaptured has the words of causes that a packet capture shows, of hosts that are not this one.
var causesCaptured = map[string]string{
	"captured.answered-before": "It was answered earlier in the capture.",
	"captured.alive":           "{holder} uses the address in the same capture: that host is there, and does not answer, or its answers do not get through.",
	"captured.by-router":       "Only routers ask: somebody beyond them looks for an address that nobody has, as scans do. That alone is no fault.",
	"captured.elsewhere":       "No unicast to those who ask was captured, so an answer would perhaps not be seen here. That they ask again shows that they got none.",

	"cause.peer.unmapped.captured.summary":          "Nobody answers for {peer}.",
	"cause.peer.unmapped.captured.explanation":      "{askers} asked for its MAC address, {count} times in a row and to the end of the capture, and no neighbour advertisement came.",
	"cause.peer.unmapped.captured-many.summary":     "Nobody answers for {n} addresses that are asked for.",
	"cause.peer.unmapped.captured-many.explanation": "The first are {addresses}. Each was asked for at least three times in a row. So many at once are a scan, or a part of the network that is gone.",

	"cause.router.unresolvable.captured.summary":     "Nobody answers for the router {router}.",
	"cause.router.unresolvable.captured.explanation": "The router advertises itself. {askers} asked for its MAC address, {count} times in a row and to the end of the capture, and no neighbour advertisement came.",

	"cause.address.duplicate.captured.summary":             "{host} asked whether {address} is free, and {other} has it, or wants it too.",
	"cause.address.duplicate.captured.explanation":         "Duplicate address detection fails then (RFC 4862 §5.4), and who asked does not use the address.",
	"cause.address.duplicate.captured-looped.summary":      "The question of {host} whether {address} is free came back to the link.",
	"cause.address.duplicate.captured-looped.explanation":  "The same frame is in the capture again, moments later. A switch or an access point that returns it makes a host take its own question for another's, and give up the address, unless it marks its questions (RFC 7527).",
	"cause.address.duplicate.captured-claimed.summary":     "More than one host says that {address} is its own: {macs}.",
	"cause.address.duplicate.captured-claimed.explanation": "Their claims alternate ({changes} changes). A failover changes hands once, and who shares an address by intent (anycast) clears the override flag. What is sent to the address reaches now one and now the other.",

	"cause.router.no-advertisement.captured.summary":          "{router} advertised itself for {lifetime} s and has been silent for {gap} s since.",
	"cause.router.no-advertisement.captured.explanation":      "When the lifetime of an advertisement runs out, every host drops its default route by that router. The router stopped, or its advertisements no longer get here.",
	"cause.router.no-advertisement.captured-late.summary":     "{router} advertises itself for {lifetime} s at a time, and the next advertisement came after {gap} s.",
	"cause.router.no-advertisement.captured-late.explanation": "In between every host was without its default route by that router. Advertisements got lost, or the router's interval is longer than its lifetime.",

	"cause.router.not-default.captured.summary":               "{router} advertises with lifetime 0: it does not offer to be the way out.",
	"cause.router.not-default.captured.explanation":           "Hosts make no default route of such an advertisement (RFC 4861 §6.3.4), and no other router in the capture offers one.",
	"cause.router.not-default.captured-withdrawn.summary":     "{router} took back its offer to be the way out.",
	"cause.router.not-default.captured-withdrawn.explanation": "It advertised a lifetime before, and its last advertisement has lifetime 0, as a router sends when it shuts down. Hosts drop their default route by it at once.",

	"cause.dhcpv6.silent.captured.summary":     "Nobody answers the DHCPv6 client {client}.",
	"cause.dhcpv6.silent.captured.explanation": "It sent the same {message} {count} times, and the capture has no answer to it.",

	"cause.dhcpv6.no-address.captured.summary":     "The DHCPv6 server {server} has no address for {client}.",
	"cause.dhcpv6.no-address.captured.explanation": "It answers: {status}.",

	"cause.link.spoofed.captured.summary":              "{sender} sent {n} neighbour discovery messages that cannot be from this link.",
	"cause.link.spoofed.captured.explanation":          "The newest is {what} from {from} with hop limit {hops}. Neighbour discovery is sent with hop limit 255, and each router takes one off. Every host drops what has less.",
	"cause.link.spoofed.captured-checksum.summary":     "{sender} sent {n} neighbour discovery messages with a wrong checksum.",
	"cause.link.spoofed.captured-checksum.explanation": "The newest is {what} from {from}. Every host drops them: they were spoilt on their way, or badly made up.",

	"cause.link.spoofed.captured-many.summary":     "{senders} senders sent neighbour discovery that nobody may believe.",
	"cause.link.spoofed.captured-many.explanation": "The newest is {what} from {from} ({sender}). Hop limit or checksum is wrong, so every host drops it. So many senders are made up by one.",

	"headline.capture":      "No fault shows in the {frames} frames of {hosts} hosts in this capture.",
	"headline.capture-none": "The capture has no frame of neighbour discovery.",
	"unknown.capture":       "a capture has frames alone: what the hosts have configured, filter or were assigned is not in it",
	"unknown.capture-full":  "the capture has more hosts than are looked at",
}
