package words

// causesFlood has the words of floods on a link.
var causesFlood = map[string]string{
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
