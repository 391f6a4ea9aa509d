package words

// causesUnheard has the words of the causes about an interface that nobody hears.
var causesUnheard = map[string]string{
	"cause.path.unheard.title":                 "Nothing that the interface sends is answered",
	"cause.path.unheard.summary":               "Nothing that {interface} sends is answered, by {asked} or by anybody else.",
	"cause.path.unheard.explanation":           "Frames left this host, and whoever was asked stayed silent. Either everybody who was asked is away, or the port that {interface} is connected to lets nothing of it through: which of the two cannot be told from here.",
	"cause.path.unheard.changed.summary":       "Nothing that {interface} sends is answered, and its MAC address was changed: it is {mac}, and the hardware came with {right}.",
	"cause.path.unheard.changed.explanation":   "Frames left this host, and whoever was asked stayed silent. A port that accepts only the MAC address which it was made for (as virtual switches do) drops everything that is sent with another.",
	"cause.path.unheard.named.summary":         "Nothing that {interface} sends is answered, and its MAC address {mac} is none of this instance's: the metadata service names {right}.",
	"cause.path.unheard.named.explanation":     "Frames left this host, and whoever was asked stayed silent. The network accepts frames of this interface only with the MAC address that the metadata service names for it.",
	"cause.path.unheard.beneath.summary":       "Nothing that {interface} sends is answered, and its MAC address ({mac}) is not that of {under} ({right}), by which it sends.",
	"cause.path.unheard.beneath.explanation":   "Frames left this host, and whoever was asked stayed silent. A port that accepts only the MAC address of {under} (port security; a hypervisor that lets no forged frames through) drops what is sent with another: a macvlan, or a bridge with a MAC address of its own, then hears what is sent to all and is heard by nobody.",
	"cause.path.unheard.macvlan.summary":       "Nothing that {interface} sends is answered, and it has a MAC address of its own ({mac}), beside that of the interface by which it sends.",
	"cause.path.unheard.macvlan.explanation":   "Frames left this host, and whoever was asked stayed silent. A port that accepts only the MAC address of the interface beneath (port security; a hypervisor that lets no forged frames through) drops what is sent with another.",
	"cause.path.unheard.discovery.summary":     "No solicitation that {interface} sends is answered, for {asked} or for any other, and echoes are.",
	"cause.path.unheard.discovery.explanation": "Packets get through to whom the kernel still knows, and nobody new is found: something between here and the others drops neighbour discovery, or all multicast (a filter, a switch that forwards multicast only where it saw reports).",
	"cause.path.unheard.hears":                 "{interface} does hear others, so the link itself is not dead.",
	"cause.path.unheard.delivered":             "Frames to its MAC address alone do arrive, so the port knows that address; it may still let none of its IPv6 addresses speak.",
	"cause.path.unheard.deaf":                  "Nothing of others was heard on {interface} either: the link may lead nowhere, or into another network (a VLAN).",
	"cause.path.unheard.local":                 "Its link-local address is not made of its MAC address either, and some ports let no other speak.",
	"cause.path.unheard.means":                 "This machine speaks and nobody seems to hear. Details: solicitations for routers and peers were seen leaving and none was answered; no echo, no DHCPv6 Solicit and no connection was either. Port security that knows another MAC address does that, and so does a network on which nobody is.",
	"cause.path.unheard.evidence":              "Unanswered solicitations by wire, and no answer of any kind to anything that the interface sent. Likely where a MAC address is seen that the port may not know: changed from the hardware's, not the one that the metadata service names, a macvlan's, a bridge's own. Possible where it may as well be the router.",
	"cause.path.unheard.contradicts":           "Any answer to anything that the interface sent, or a connection whose segments are acknowledged. An advertisement to all nodes is none.",
	"cause.path.unheard.apart":                 "others on the same link do reach the router; capture at the router or at the port: frames of {mac} do not arrive there",
	"cause.path.unheard.see":                   "ip -d link show dev IF (link/ether, permaddr); tcpdump -eni IF icmp6; ndisc6 ROUTER IF",
	"cause.path.unheard.source":                "moby/moby#30772 (macvlan); OpenStack Neutron, neutron/agent/linux/iptables_firewall.py (2026-08-07)",
}
