package words

// causesUnheard has the words of the causes about an interface that nobody hears.
var causesUnheard = map[string]string{
	"cause.path.unheard.title":                 "Nothing answers what the interface sends",
	"cause.path.unheard.summary":               "Nothing answers what {interface} sends, neither {asked} nor anybody else.",
	"cause.path.unheard.explanation":           "Frames left this host, and everybody who was asked stayed silent. Either all of them are away, or the port that {interface} is connected to lets nothing through. From here, ndwhy cannot tell which.",
	"cause.path.unheard.changed.summary":       "Nothing answers what {interface} sends, and its MAC address was changed: it is {mac}, and the hardware came with {right}.",
	"cause.path.unheard.changed.explanation":   "Frames left this host, and everybody who was asked stayed silent. A port that only accepts the MAC address it was made for, as virtual switches do, drops everything sent with another.",
	"cause.path.unheard.named.summary":         "Nothing answers what {interface} sends, and its MAC address {mac} is not this instance's: the metadata service names {right}.",
	"cause.path.unheard.named.explanation":     "Frames left this host, and everybody who was asked stayed silent. The network only accepts frames from this interface with the MAC address that the metadata service names for it.",
	"cause.path.unheard.beneath.summary":       "Nothing answers what {interface} sends, and its MAC address ({mac}) is not that of {under} ({right}), which carries its frames.",
	"cause.path.unheard.beneath.explanation":   "Frames left this host, and everybody who was asked stayed silent. A port that only accepts the MAC address of {under} (port security; a hypervisor that blocks forged frames) drops frames with another. A macvlan, or a bridge with its own MAC address, then hears what is sent to all, and nobody hears it.",
	"cause.path.unheard.macvlan.summary":       "Nothing answers what {interface} sends, and its MAC address ({mac}) differs from that of the interface that carries its frames.",
	"cause.path.unheard.macvlan.explanation":   "Frames left this host, and everybody who was asked stayed silent. A port that only accepts the MAC address of the interface beneath (port security; a hypervisor that blocks forged frames) drops frames with another.",
	"cause.path.unheard.discovery.summary":     "Nothing answers the solicitations that {interface} sends, for {asked} or any other host, but pings are answered.",
	"cause.path.unheard.discovery.explanation": "Packets reach the hosts that the kernel still remembers, and it finds nobody new. Something between here and the others drops neighbour discovery, or all multicast: a filter, or a switch that only forwards multicast to ports that reported.",
	"cause.path.unheard.hears":                 "{interface} does hear others, so the link itself works in that direction.",
	"cause.path.unheard.delivered":             "Frames to its MAC address do arrive, so the port knows that address. It may still block all of its IPv6 addresses.",
	"cause.path.unheard.deaf":                  "Nothing from others was heard on {interface} either: the link may lead nowhere, or into another network (a VLAN).",
	"cause.path.unheard.local":                 "Its link-local address is not made from its MAC address either, and some ports let no other through.",
	"cause.path.unheard.means":                 "This machine speaks, and nobody seems to hear. Details: solicitations for routers and peers were seen leaving, and neither they nor any ping, DHCPv6 Solicit or connection got an answer. Port security that knows another MAC address does that, and so does a network without anybody on it.",
	"cause.path.unheard.evidence":              "Unanswered solicitations on the wire, and no answer of any kind to anything that the interface sent. Likely if the MAC address is one that the port may not know: changed from the hardware's, not the one that the metadata service names, a macvlan's, or a bridge's own. Possible if the router may equally be at fault.",
	"cause.path.unheard.contradicts":           "Any answer to anything that the interface sent; a connection whose segments are acknowledged. An advertisement to all nodes does not count.",
	"cause.path.unheard.apart":                 "other hosts on the link do reach the router; a capture at the router or at the port does not show frames from {mac}",
	"cause.path.unheard.see":                   "ip -d link show dev IF (link/ether, permaddr); tcpdump -eni IF icmp6; ndisc6 ROUTER IF",
	"cause.path.unheard.source":                "moby/moby#30772 (macvlan); OpenStack Neutron, neutron/agent/linux/iptables_firewall.py (2026-08-07)",
}
