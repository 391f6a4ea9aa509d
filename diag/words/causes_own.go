package words

// causesOwn has the words of the causes that are about how this host speaks with itself.
var causesOwn = map[string]string{
	"cause.host.routing.not-local.summary":     "This host does not take what is sent to its own address {own}: a policy rule leads elsewhere before its own addresses are looked up.",
	"cause.host.routing.not-local.explanation": "A host takes packets for the addresses in its table local, which the rule with priority 0 has it look at first. Here that rule is missing or comes late, and another finds a route before it. So answers arrive and are not taken, and others' questions are not answered. Scripts that move the rule for a VRF or for policy routing leave it so.",

	"cause.host.loopback-down.title":       "The loopback interface is down",
	"cause.host.loopback-down.summary":     "The loopback interface {lo} is down, so programs on this host cannot reach one another.",
	"cause.host.loopback-down.explanation": "Whatever a host sends to itself goes by the loopback interface. While that is down, ::1 and 127.0.0.1 do not answer. Connections with other hosts work all the same. In a network namespace made by hand the interface is down until somebody switches it on.",
	"cause.host.loopback-down.own":         "The host does not reach its own address {own} either, though others do.",
	"cause.host.loopback-down.means":       "A machine cannot talk to itself. Details: IFF_UP is not set on the loopback interface; the kernel's routes to its own addresses (table local) lead there, and it has no ::1.",
	"cause.host.loopback-down.evidence":    "What the kernel says about the link.",
	"cause.host.loopback-down.contradicts": "The link is up.",
	"cause.host.loopback-down.apart":       "ip link shows {lo} without UP",
	"cause.host.loopback-down.see":         "ip link show dev lo; ping -6 -c 1 ::1",
	"cause.host.loopback-down.source":      "net/ipv6/route.c (addrconf_f6i_alloc); RFC 4291 §2.5.3",
}
