package why

import (
	"time"

	"ndwhy/diag"
)

var advertisementsLost = Cause{
	ID: "router.advertisements-lost", Severity: Warning, Working: true,
	Remedy: []Remedy{
		way("solicit", "sysctl -w net.ipv6.conf.{interface}.router_solicitations=-1").when(as("unsolicited")).kept(keep{sysctl: "{conf}.router_solicitations=-1"}),
		ask("ask.multicast").when(as("")),
		way("default-by-hand", "ip -6 route add default via {router} dev {interface} metric 2048").when(as("")).kept(keep{networkd: "[Route] Gateway={router}; Metric=2048", up: true}),
		way("", "tcpdump -ni {interface} 'icmp6[0]==134'", "ip -6 route show default dev {interface}"),
	},
	find: findAdvertisementsLost,
}

// grace is how long after its link came up an interface may be without an advertisement that was multicast or
// that it solicited: the kernel solicits at once and after four seconds (RFC 4861 §10).
const grace = 5 * time.Second

// findAdvertisementsLost looks for a way out that was not there before the program asked for one: its solicitation
// brought what the routers' own advertisements, to all nodes, had not.
func findAdvertisementsLost(iv *ifaceView) []hypothesis {
	before, ok := iv.s.Before(iv.name)
	if !ok || !before.Complete || len(before.Routes) > 0 || iv.normals.inward(iv.name) {
		return nil
	}
	for _, a := range iv.addresses {
		// It comes with the link, so that its age is the link's.
		if a.Fact.Address.IsLinkLocalUnicast() && a.Fact.UpdatedS+before.At.Sub(a.At).Seconds() < grace.Seconds() {
			return nil
		}
	}
	for _, d := range iv.net.Defaults {
		router := iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: d.Fact.Via}]
		if d.Fact.Protocol != "ra" || d.Seq <= before.Seq || router == nil || router.ToAll() || iv.traffic.solicitations == 0 {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Likely, subject: Subject{"router", router.Address.String()}, addr: router.Address,
			args:  []any{"router", router.Address},
			facts: []diag.Event{iv.heard(router), diag.FactOf(d)},
		}
		if n, e := iv.sysctl("router_solicitations"); n == "0" && !iv.managesRA() {
			h.as = "unsolicited"
			h.args = append(h.args, "sysctl", diag.SysctlName(iv.name, "router_solicitations"))
			h.facts = append(h.facts, e)
		}
		if len(before.Addresses) == 0 && iv.hasUsableGlobal() {
			h.more = []string{"cause.router.advertisements-lost.address"}
		}
		return []hypothesis{h}
	}
	return nil
}
