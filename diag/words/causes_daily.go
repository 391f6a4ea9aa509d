package words

// causesDaily has the words of causes of daily life: what a switch forgets.
var causesDaily = map[string]string{
	"cause.host.address-on-port.title":         "Addresses were left on a port",
	"cause.host.address-on-port.summary":       "{own} is on {left}, which is a port of the {port} {master}: what comes in there is for {master}, so no answer gets to it.",
	"cause.host.address-on-port.route.summary": "The route to {prefix} leads through {left}, which is a port of the {port} {master}: what comes in there is for {master}, so no answer gets back.",
	"cause.host.address-on-port.explanation":   "From the moment at which an interface becomes a port, the kernel hands every frame that arrives on it to the {port}. Packets still leave by {left}, for its addresses and routes stay, and the answers never get to them. Addresses and routes belong on {master}.",
	"cause.host.address-on-port.means":         "The machine gave its door to another and still has its name on it, so its mail is taken in next door. Details: an interface with a global address or a default route is a port of a bridge, a bond or a team.",
	"cause.host.address-on-port.evidence":      "The kernel's word that the interface is a port, and the address or route that is on it.",
	"cause.host.address-on-port.contradicts":   "An answer that the kernel got on the port: then something hands it back (ebtables' broute table).",
	"cause.host.address-on-port.apart":         "ip -d link show {left} has a master, and ip -6 addr show dev {left} has global addresses",
	"cause.host.address-on-port.see":           "ip -d link show dev IF; ip -6 addr show dev IF; ip -6 route show dev IF; bridge link show",
	"cause.host.address-on-port.source":        "Linux net/core/dev.c (rx_handler), net/bridge/br_input.c (br_handle_frame), 2026; ip-link(8)",

	"cause.host.discovery-off.title":       "The interface is told to look for no neighbours",
	"cause.host.discovery-off.summary":     "{interface} has the flag NOARP: the kernel looks for no neighbours there, and what it sends reaches none.",
	"cause.host.discovery-off.explanation": "The flag is for links with one other end, which takes every frame. Somebody set it on an Ethernet interface (ip link set dev {interface} arp off; ARP=no in a .network file or by a bonding script). Despite its name it holds for IPv6 too: the kernel solicits for nobody, and addresses every frame to its own MAC.",
	"cause.host.discovery-off.means":       "The machine may not ask who its neighbours are, so it sends everything to itself. Details: IFF_NOARP is set on an Ethernet interface, so every neighbour entry is made without a question (NOARP), with the interface's own MAC.",
	"cause.host.discovery-off.evidence":    "The flag in the kernel's word about the interface.",
	"cause.host.discovery-off.contradicts": "An answer to what the kernel itself sent to a neighbour: then the other end takes every frame, as a modem does.",
	"cause.host.discovery-off.apart":       "ip link show {interface} has NOARP",
	"cause.host.discovery-off.see":         "ip link show dev IF (NOARP); ip -6 neigh show nud noarp dev IF",
	"cause.host.discovery-off.source":      "Linux net/ipv6/ndisc.c (ndisc_constructor), 2026; ip-link(8), netdevice(7)",

	"cause.net.snooping.title":       "Solicitations do not reach who is there",
	"cause.net.snooping.summary":     "{target} answers what is sent to its MAC address {mac}, and no solicitation that was sent to its multicast group {group}: most likely the switch has forgotten that it is a member.",
	"cause.net.snooping.explanation": "Neighbour discovery asks by multicast. A switch that follows multicast groups (MLD snooping) passes a question on only to ports from which somebody said that he is a member. Hosts say so once, and again when a querier asks. Where no router or switch is the querier, the switch forgets after about 4 minutes, and from then on nobody finds the host who has not its MAC address already. A filter on the target that drops multicast looks the same.",
	"cause.net.snooping.unqueried":   "No query for members was heard in this run. Queriers ask every 125 seconds, so that alone proves little.",
	"cause.net.snooping.queried":     "A query for members was heard in this run, so there is a querier: then the target's own reports get lost, or something else drops multicast.",
	"cause.net.snooping.others":      "Other hosts of the link were sought by multicast alone, as their MAC addresses are not known, and did not answer either.",
	"cause.net.snooping.inwards":     "Others asked for this host's addresses in this run, and only at its MAC address: whether what they ask by multicast would arrive is not known.",
	"cause.net.snooping.means":       "The switch no longer knows that the machine next door listens, so the question who is there does not get to it. Details: solicitations to the group of its address are silent, and one to its MAC address is answered.",
	"cause.net.snooping.evidence":    "The solicitations to the group, which nothing answered, and the answer to one that went to the MAC address that the kernel or an earlier frame told. Likely, for the switch itself is not seen; possible where a query was heard.",
	"cause.net.snooping.contradicts": "An answer to a solicitation that was sent to the group.",
	"cause.net.snooping.apart":       "ndisc6 finds nobody at {target}, and ping -6 by the neighbour entry does",
	"cause.net.snooping.see":         "bridge mdb show; ip -d link show BRIDGE (mcast_snooping, mcast_querier); ip -6 maddr show; tcpdump for MLD queries (ICMPv6 type 130)",
	"cause.net.snooping.source":      "RFC 4541 §3; RFC 3810 §§5.1, 9.4; RFC 4861 §§7.2.2, 7.3.3; Linux Documentation/networking/bridge.rst",
}
