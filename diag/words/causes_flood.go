package words

// causesFlood has the words of floods on a link.
var causesFlood = map[string]string{
	"cause.link.spoofed.title":       "Neighbour discovery comes in that nobody may believe",
	"cause.link.spoofed.summary":     "{n} neighbour discovery messages came in on {interface} that cannot be from this link.",
	"cause.link.spoofed.explanation": "The newest is {what} from {from} ({mac}) with hop limit {hops}. Neighbour discovery is sent with hop limit 255, and each router takes one off: what has less was routed here, or made up by somebody who does not know the rule. The kernel drops it, and nothing here rests on it.",
	"cause.link.spoofed.means":       "Somebody sends neighbour discovery from elsewhere, or it is spoilt on its way. Details: RFC 4861 has every receiver drop messages with a hop limit below 255 or a wrong checksum.",
	"cause.link.spoofed.evidence":    "An RA, NS, NA or redirect that came in with a hop limit below 255, or with a wrong ICMPv6 checksum.",
	"cause.link.spoofed.contradicts": "All of them arrive with hop limit 255 and a right checksum.",
	"cause.link.spoofed.apart":       "the messages themselves show it: their hop limit or checksum",
	"cause.link.spoofed.see":         "tcpdump -vni IF icmp6 and 'ip6[7] < 255'",
	"cause.link.spoofed.source":      "RFC 4861 §6.1, §7.1, §8.1",

	"cause.link.spoofed.checksum.summary":     "{n} neighbour discovery messages came in on {interface} whose checksum is wrong.",
	"cause.link.spoofed.checksum.explanation": "The newest is {what} from {from} ({mac}). A wrong checksum means that it was spoilt on its way, or badly made up. The kernel drops it, and nothing here rests on it.",

	"flood.of":       "{n} {what} a second",
	"flood.ra":       "router advertisements",
	"flood.rs":       "router solicitations",
	"flood.ns":       "neighbour solicitations",
	"flood.na":       "neighbour advertisements",
	"flood.redirect": "redirects",
	"flood.mld":      "multicast listener messages",

	"cause.link.flood.title":       "Somebody floods the link",
	"cause.link.flood.summary":     "{what} come in on {interface}.",
	"cause.link.flood.explanation": "They come from {senders} Ethernet addresses, most from {mac}. Each one costs this host time, and may cost it an entry of its neighbour table. Only some of them are shown; everything else was asked and judged as always.",
	"cause.link.flood.forged":      "A machine can make up the Ethernet addresses that it sends from: the switch knows by which port they come.",
	"cause.link.flood.table":       "The neighbour table has {entries} entries of at most {limit}.",
	"cause.link.flood.loss":        "This host does not keep up with it: packets get lost, or are answered late. What did not answer may have done so for that reason alone. End the flood, then ask again.",
	"cause.link.flood.means":       "A machine on the link sends far more neighbour discovery than any network needs: a fault, a loop in the network, or an attack. Details: more than 500 NS, NA or MLD messages a second, or 50 RA or redirects.",
	"cause.link.flood.evidence":    "The packets themselves, counted as they come in; or far more default routes than a link has routers, which the kernel made of advertisements.",
	"cause.link.flood.contradicts": "Fewer packets than that: a busy link with hundreds of hosts stays far below.",
	"cause.link.flood.apart":       "the same kind of packet comes hundreds of times a second",
	"cause.link.flood.see":         "tcpdump -eni IF icmp6; ip -6 route show default | wc -l; ip -6 neigh show | wc -l",
	"cause.link.flood.source":      "RFC 6104, RFC 6105 (RA guard), RFC 6583 (neighbour table exhaustion)",
	"cause.link.flood.severity":    "critical where nothing beyond the router answers because of it",

	"cause.link.flood.routers.summary":     "{what} come in on {interface}.",
	"cause.link.flood.routers.explanation": "They come from {senders} Ethernet addresses, most from {mac}. This kernel has made {routes} default routes and {addresses} addresses of them. A default route through a router that is not there takes packets away. Only some of the packets are shown; everything else was asked and judged as always.",

	"cause.link.flood.traces.summary":     "{interface} has {routes} default routes that routers advertised: somebody flooded the link.",
	"cause.link.flood.traces.explanation": "No link has so many routers. The kernel made these routes, and {addresses} addresses, of advertisements that came before this run. A default route through a router that is not there takes packets away. They run out by themselves when the advertised lifetime is over.",
}
