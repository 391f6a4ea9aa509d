package words

// causesDaily has the words of causes of daily life: what a switch forgets.
var causesDaily = map[string]string{
	"cause.host.address-on-port.title":         "Addresses were left on a port",
	"cause.host.address-on-port.summary":       "{left} still has {own}, but is now a port of the {port} {master}: answers go to {master} and never reach the address.",
	"cause.host.address-on-port.route.summary": "The route to {prefix} leads through {left}, which is now a port of the {port} {master}: answers go to {master} and never get back.",
	"cause.host.address-on-port.explanation":   "Once an interface is a port, the kernel hands every frame that arrives on it to the {port}. The addresses and routes of {left} stay, so packets still leave through it, but the answers never reach them. They belong on {master}.",
	"cause.host.address-on-port.means":         "The machine moved its door next door and left its name on the old one, so its mail is taken in elsewhere. Details: an interface with a global address or a default route is a port of a bridge, a bond or a team.",
	"cause.host.address-on-port.evidence":      "The kernel says that the interface is a port, and has an address or a route on it.",
	"cause.host.address-on-port.contradicts":   "The kernel got an answer on the port: something hands it back (the broute table of ebtables).",
	"cause.host.address-on-port.apart":         "ip -d link show {left} has a master, and ip -6 addr show dev {left} has global addresses",
	"cause.host.address-on-port.see":           "ip -d link show dev IF; ip -6 addr show dev IF; ip -6 route show dev IF; bridge link show",
	"cause.host.address-on-port.source":        "Linux net/core/dev.c (rx_handler), net/bridge/br_input.c (br_handle_frame), 2026; ip-link(8)",

	"cause.host.discovery-off.title":       "Neighbour discovery is switched off on the interface",
	"cause.host.discovery-off.summary":     "{interface} has the flag NOARP: the kernel looks for no neighbours there, so nothing that it sends reaches anybody.",
	"cause.host.discovery-off.explanation": "The flag is for links with a single host at the other end, which accepts every frame. Somebody set it on an Ethernet interface: with ip link set dev {interface} arp off, with ARP=no in a .network file, or in a bonding script. In spite of its name it applies to IPv6 too. The kernel asks for nobody, and addresses every frame to its own MAC.",
	"cause.host.discovery-off.means":       "The machine may not ask who its neighbours are, so it sends everything to itself. Details: IFF_NOARP is set on an Ethernet interface. So the kernel makes every neighbour entry without asking (NOARP), with the MAC of the interface itself.",
	"cause.host.discovery-off.evidence":    "The kernel reports the flag on the interface.",
	"cause.host.discovery-off.contradicts": "A neighbour answered what the kernel itself sent: the other end accepts every frame, as a modem does.",
	"cause.host.discovery-off.apart":       "ip link show {interface} has NOARP",
	"cause.host.discovery-off.see":         "ip link show dev IF (NOARP); ip -6 neigh show nud noarp dev IF",
	"cause.host.discovery-off.source":      "Linux net/ipv6/ndisc.c (ndisc_constructor), 2026; ip-link(8), netdevice(7)",

	"cause.net.snooping.title":       "Multicast questions do not reach a host that is there",
	"cause.net.snooping.summary":     "Questions sent to the multicast group of {target} get no answer, but one sent to its MAC address {mac} does: most likely the switch has forgotten that this host is in the group.",
	"cause.net.snooping.explanation": "Neighbour discovery asks by multicast, here the group {group}. A switch with MLD snooping passes multicast only to ports whose hosts have reported their groups. Hosts report once, and then only when a querier asks: without one, the switch forgets them after about 4 minutes. Only those who already know its MAC address still find it. A filter on {target} that drops multicast looks the same.",
	"cause.net.snooping.unqueried":   "No querier asked during this run. They ask every 125 seconds, so that alone proves little.",
	"cause.net.snooping.queried":     "A querier did ask during this run. So the reports of {target} get lost, or something else drops multicast.",
	"cause.net.snooping.others":      "Other hosts, whose MAC addresses ndwhy does not know, did not answer either.",
	"cause.net.snooping.inwards":     "During this run others asked for the addresses of this host only at its MAC address, so whether it can be found by multicast is not known.",
	"cause.net.snooping.means":       "The switch no longer knows that the machine next door listens, so questions do not get to it. Details: solicitations to its solicited-node group get no answer, and one to its MAC address does.",
	"cause.net.snooping.evidence":    "Solicitations to the group without an answer, and the answer to one sent to the MAC address that the kernel or an earlier frame told. Likely, as the switch itself is not seen; possible if a query was heard.",
	"cause.net.snooping.contradicts": "An answer to a solicitation that was sent to the group.",
	"cause.net.snooping.apart":       "ndisc6 does not find {target}, and ping -6 reaches it through the neighbour entry",
	"cause.net.snooping.see":         "bridge mdb show; ip -d link show BRIDGE (mcast_snooping, mcast_querier); ip -6 maddr show; tcpdump for MLD queries (ICMPv6 type 130)",
	"cause.net.snooping.source":      "RFC 4541 §3; RFC 3810 §§5.1, 9.4; RFC 4861 §§7.2.2, 7.3.3; Linux Documentation/networking/bridge.rst",
}
