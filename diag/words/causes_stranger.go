package words

// causesStranger has the words of what rules of a host do beside stopping all packets of a kind.
var causesStranger = map[string]string{
	"cause.host.firewall.some.summary":          "A rule of this host stops some packets: {rule}.",
	"cause.host.firewall.some.explanation":      "The network is not at fault: something on this host stops these packets, and this is the only rule that concerns them. It stops some packets of this kind and not others, by address, port, user, size, rate, or a condition that ndwhy cannot evaluate.",
	"cause.host.firewall.some.or":               "; or ",
	"cause.host.firewall.hop-limit.summary":     "A rule of this host changes the hop limit of its neighbour discovery, so nobody accepts it: {rule}.",
	"cause.host.firewall.hop-limit.explanation": "Neighbour discovery must arrive with hop limit 255 (RFC 4861): that proves that it comes from the same link. A rule that sets the hop limit of all packets, to hide a router or a shared connection, must leave out ICMPv6 133 to 137.",
	"cause.host.firewall.queue.summary":         "A rule of this host gives packets to a program, which does not let them pass: {rule}.",
	"cause.host.firewall.queue.explanation":     "The network is not at fault: something on this host stops these packets, and this rule has a program decide about them (NFQUEUE). If the program does not run, the kernel drops them.",
	"cause.host.firewall.translate.summary":     "A rule of this host changes the addresses of packets, and no answer comes: {rule}.",
	"cause.host.firewall.translate.explanation": "What programs on this host ask is rewritten before it leaves: it goes to another address or port, or has another source. So the one that they ask may never hear of it, or the answer goes elsewhere. Frames that ndwhy itself sends pass below this rule.",
	"unknown.untried":                           "no candidate address could be tried on {interface}: {why}",

	"cause.host.routing.rule.summary":         "A policy rule of this host refuses packets to {target}: {rule}.",
	"cause.host.routing.rule.explanation":     "The kernel tries policy rules by priority, before it looks for a route. What this rule concerns goes nowhere, whatever routes there are.",
	"cause.host.routing.led-away.summary":     "A policy rule of this host leads some packets to {target} out by {other}, where nobody answers: {rule}.",
	"cause.host.routing.led-away.explanation": "The rule concerns only packets with a mark, or of a user, a protocol or a port. The packet filter may set the mark. They follow table {table} ({route}). What ndwhy sends by {interface} itself is answered. A tunnel that is down, or that its other end has forgotten, swallows packets like that.",
	"cause.host.routing.rule.route":           "The table that it leads to refuses: {route}.",
	"cause.host.routing.no-rule.summary":      "The kernel has no way to {target}, although {interface} has a route there ({route}): no policy rule leads to it.",
	"cause.host.routing.no-rule.explanation":  "The kernel looks for routes only in the tables that policy rules name. None names table {table}, or the rule that does passes over this route (suppress_prefixlength). Programs that a VPN or a network manager left halfway leave such rules behind.",
}
