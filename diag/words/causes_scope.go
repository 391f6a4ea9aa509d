package words

// causesScope has the words of the causes that are about how far an address, or a router, of this host's reaches.
var causesScope = map[string]string{
	"cause.host.source-selection.scope.summary":      "For {target} the kernel chooses the source {address}, a {kind} address: no answer comes from there, and {better} gets one.",
	"cause.host.source-selection.scope.explanation":  "A {kind} address does not reach the Internet: routers do not forward what comes from it, or the answers find no way back. Left to itself, the kernel chooses an address that reaches as far as the target (RFC 6724 §5). So something here makes it choose otherwise: a route that names this source (src), or an entry in the table of address labels (ip addrlabel).",
	"cause.host.egress-hook.swallowed.summary":       "Nothing that this host sends leaves {interface}: it disappears on the way to the device, without an error.",
	"cause.host.egress-hook.swallowed.explanation":   "{interface} is up and takes every frame, but a copy of none was seen leaving. The packet filter does not do that: a queueing discipline that throws frames away does (tc qdisc), or a program at the interface's egress.",
	"remedy.qdisc-away":                              "Have the interface use the kernel's usual queue.",
	"cause.service.unreachable.declines.summary":     "The name server {target} was asked for the addresses of ipv4only.arpa and for the root's name servers, and answers \"{says}\" to all.",
	"cause.service.unreachable.declines.explanation": "The server is there and its answers arrived. \"Refused\" means that it does not serve this host: often its access list knows IPv4 addresses only. \"ServerFailure\" means that it cannot ask the servers above it. A server of local names alone says so too: then it is well, and names out there must come from another. A program asks the next server that it is to ask, if there is one.",
	"cause.path.beyond-router.in-turn.summary":       "The router {router} leads nowhere, and the kernel sends by it in turn with others; the router {better-router} leads out.",
	"cause.path.beyond-router.in-turn.explanation":   "A ping of {pinged} was given to each. The default route has several next hops, and the kernel chooses one for each flow by a hash of its addresses and ports. So some connections work, and others to the same host do not. The kernel never tries whether a router leads out.",
	"cause.host.firewall.xdp.summary":                "An XDP program on {interface} drops packets that this host needs.",
	"cause.host.firewall.xdp.explanation":            "The kernel itself reports the packets that the program dropped. An XDP program sees them before the packet filter does, and before any program that captures packets. Load balancers and filters against floods install such programs.",
	"remedy.xdp-away":                                "Take the program off the interface. Whatever installed it may need it.",
	"cause.host.loopback-down.bare.summary":          "The loopback interface {lo} has no ::1, so programs on this host do not reach one another by IPv6 at localhost.",
	"cause.host.loopback-down.bare.explanation":      "The kernel gives ::1 to the loopback interface when that goes up. Somebody deleted it, or switched IPv6 off on {lo} (disable_ipv6). Connections with other hosts work all the same. Programs that look up localhost often try ::1 first.",
	"remedy.loopback-address":                        "Give the loopback interface its address again.",
	"remedy.loopback-up":                             "Switch the loopback interface on.",
	"cause.host.routing.inside.summary":              "{target} is found on the link of {interface}, but this host sends what is for it to {other}, where only its own containers are.",
	"cause.host.routing.inside.explanation":          "{other} was given a prefix or a route that contains an address of another host. The kernel takes the most specific route, so that host is sought among the containers. Often the containers' network has the prefix of the link, or a part of it.",
	"remedy.ask.inside":                              "Give the network behind {other} a prefix of its own, which no host on the link of {interface} has an address of.",
	"cause.host.ipv6-disabled.dad":                   "accept_dad is 2 here: the kernel itself switches IPv6 off when another host has the interface's link-local address, and does so again after you switch it on. The kernel's log (dmesg) has a line about it then (DAD).",
	"cause.path.beyond-router.local":                 "All of it was sent from unique local addresses, which nobody routes on the Internet (RFC 4193 §4.1).",
	"word.scope.link-local":                          "link-local",
	"word.scope.unique-local":                        "unique local",
	"remedy.route-source":                            "Have the route name the source that gets answers.",
}
