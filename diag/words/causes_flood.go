package words

// causesFlood has the words of floods on a link.
var causesFlood = map[string]string{
	"cause.link.spoofed.title":       "Forged or damaged neighbour discovery arrives",
	"cause.link.spoofed.summary":     "{interface} received {n|neighbour discovery message|neighbour discovery messages} that cannot come from this link.",
	"cause.link.spoofed.explanation": "The newest is {what} from {from} ({mac}) with hop limit {hops}. Neighbour discovery is sent with hop limit 255, and each router lowers it by one. So a message with less was routed here, or somebody who does not know the rule made it up. The kernel drops it, and ndwhy relies on none of it.",
	"cause.link.spoofed.means":       "Somebody sends neighbour discovery from elsewhere, or it is damaged on its way. Details: every receiver must drop messages with a hop limit below 255 or a wrong checksum (RFC 4861).",
	"cause.link.spoofed.evidence":    "A router advertisement, solicitation, neighbour advertisement or redirect that arrived with a hop limit below 255, or with a wrong ICMPv6 checksum.",
	"cause.link.spoofed.contradicts": "All of them arrive with hop limit 255 and a correct checksum.",
	"cause.link.spoofed.apart":       "the messages themselves show it by their hop limit or checksum",
	"cause.link.spoofed.see":         "tcpdump -vni IF icmp6 and 'ip6[7] < 255'",
	"cause.link.spoofed.source":      "RFC 4861 §6.1, §7.1, §8.1",

	"cause.link.spoofed.checksum.summary":     "{interface} received {n|neighbour discovery message|neighbour discovery messages} with a wrong checksum.",
	"cause.link.spoofed.checksum.explanation": "The newest is {what} from {from} ({mac}). A wrong checksum means that it was damaged on its way, or somebody forged it badly. The kernel drops it, and ndwhy relies on none of it.",

	"flood.of":       "{n} {what} a second",
	"flood.ra":       "router advertisements",
	"flood.rs":       "router solicitations",
	"flood.ns":       "neighbour solicitations",
	"flood.na":       "neighbour advertisements",
	"flood.redirect": "redirects",
	"flood.mld":      "multicast listener messages",

	"cause.link.flood.title":       "Somebody floods the link",
	"cause.link.flood.summary":     "{interface} receives {what}.",
	"cause.link.flood.explanation": "They come from {senders|MAC address|MAC addresses}; {mac} sends the most. Each one costs this host time, and may take up an entry of its neighbour table. ndwhy shows only some of them. It asked and judged everything else as usual.",
	"cause.link.flood.forged":      "A machine can make up the MAC addresses that it sends from. The switch knows which port the frames come from.",
	"cause.link.flood.table":       "The neighbour table has {entries} of at most {limit} entries.",
	"cause.link.flood.loss":        "This host cannot keep up: packets get lost, or are answered late. That alone may explain what did not answer. End the flood, then ask again.",
	"cause.link.flood.means":       "A machine on the link sends far more neighbour discovery than any network needs: a fault, a loop in the network, or an attack. Details: more than 500 solicitations, advertisements or MLD messages a second, or 50 router advertisements or redirects.",
	"cause.link.flood.evidence":    "The packets themselves, counted as they arrive; or far more default routes from advertisements than a link has routers.",
	"cause.link.flood.contradicts": "Fewer packets: a busy link with hundreds of hosts stays far below.",
	"cause.link.flood.apart":       "the same kind of packet arrives hundreds of times a second",
	"cause.link.flood.see":         "tcpdump -eni IF icmp6; ip -6 route show default | wc -l; ip -6 neigh show | wc -l",
	"cause.link.flood.source":      "RFC 6104, RFC 6105 (RA guard), RFC 6583 (neighbour table exhaustion)",
	"cause.link.flood.severity":    "critical if nothing beyond the router answers because of it",

	"cause.link.flood.routers.summary":     "{interface} receives {what}.",
	"cause.link.flood.routers.explanation": "They come from {senders|MAC address|MAC addresses}; {mac} sends the most. From them, this kernel has made {routes|default route|default routes} and {addresses|address|addresses}. Packets sent through a router that is not there are lost. ndwhy shows only some of the packets. It asked and judged everything else as usual.",

	"cause.link.flood.traces.summary":     "{interface} has {routes|default route|default routes} that routers advertised: somebody flooded the link.",
	"cause.link.flood.traces.explanation": "No link has so many routers. The kernel made these routes, and {addresses|address|addresses}, from advertisements that came before this run. Packets sent through a router that is not there are lost. The routes expire by themselves when the advertised lifetime is over.",
}
