package why

import (
	"net/netip"

	"ndwhy/diag"
)

var snooping = Cause{
	ID: "net.snooping", Severity: Warning,
	Remedy: []Remedy{
		ask("ask.snooping"),
		way("", "ip -6 maddr show dev {interface}", "tcpdump -eni {interface} 'ip6 and ip6[6] == 0'"),
	},
	find: findSnooping,
}

// findSnooping looks for neighbours who answer what is sent to their MAC and are not reached by the group that their
// addresses are sought by. Where no router or switch asks for members, a switch that follows them forgets them.
func findSnooping(iv *ifaceView) []hypothesis {
	found := iv.ungrouped()
	if len(found) == 0 {
		return nil
	}
	forgotten := map[netip.Addr]bool{}
	h := hypothesis{
		confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true,
		args: []any{"target", found[0].Target, "mac", found[0].Note, "group", diag.SolicitedNode(found[0].Target)},
	}
	for _, p := range found {
		forgotten[p.Target] = true
		rest(&h, p)
	}
	none := !iv.any(func(p *path) bool {
		return p.TargetClass == diag.TargetPeer && p.Asks == diag.AsksND && p.Outcome == diag.Answered
	})
	for _, p := range iv.paths {
		hop := p.Target
		if via, known := iv.net.Gateway(p.Target, p.Source); known && via.IsValid() {
			hop = via
		}
		sought := p.Asks == diag.AsksND || p.failedDiscovery()
		switch {
		case p.lossy() && forgotten[p.Target]:
			iv.explain(&h, p) // until it found where to send its answers
		case !p.Missing() || p.origin != ours || p.symptom < 0:
		case forgotten[p.Target], forgotten[hop] && p.failedDiscovery():
			iv.explain(&h, p)
			if p.TargetClass == diag.TargetInternet && !iv.out {
				h.severity = Critical
			}
		case none && p.TargetClass == diag.TargetPeer && iv.near(p.Target) && sought:
			iv.explain(&h, p)
			h.more = []string{"cause.net.snooping.others"}
		}
	}
	if iv.queriedMLD() {
		h.confidence = Possible
		h.more = append(h.more, "cause.net.snooping.queried")
	} else {
		h.more = append(h.more, "cause.net.snooping.unqueried")
	}
	if iv.traffic.askedByOne && !iv.traffic.askedByGroup {
		h.more = append(h.more, "cause.net.snooping.inwards")
	}
	return []hypothesis{h}
}

// ungrouped are the questions to neighbours who answer what is sent to their MAC, and nothing that is sent to their group.
func (iv *ifaceView) ungrouped() []*path {
	return iv.where(func(p *path) bool {
		return p.alone() && p.origin == ours && len(iv.answers[asked{diag.AsksND, p.Target}]) == 0
	})
}
