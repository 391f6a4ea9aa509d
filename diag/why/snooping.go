package why

import (
	"math"
	"net/netip"

	"ndwhy/diag"
)

var snooping = Cause{
	ID: "net.snooping", Severity: Warning,
	Remedy: []Remedy{
		ask("ask.snooping"),
		way("all-multicast", "ip link set dev {interface} allmulticast on").when(as("inwards")).kept(keep{networkd: "[Link] AllMulticast=yes", up: true}),
		way("", "ip -6 maddr show dev {interface}", "tcpdump -eni {interface} 'ip6 and ip6[6] == 0'"),
	},
	find: findSnooping,
}

// findSnooping looks for neighbours who answer what is sent to their MAC and are not reached by the group that their
// addresses are sought by. Where no router or switch asks for members, a switch that follows them forgets them.
func findSnooping(iv *ifaceView) []hypothesis {
	found := iv.ungrouped()
	if len(found) == 0 {
		return iv.findUnfound()
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
	most := 0
	for _, p := range found {
		most = max(most, p.Sent)
	}
	if most <= 3 || math.Pow(iv.losing, float64(most)) > unlikely {
		h.confidence = Possible // what was sent to the group may have been lost by chance
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

// findUnfound looks for neighbours that could not find this host until they were told its MAC: what they ask of its
// groups does not reach it.
func (iv *ifaceView) findUnfound() []hypothesis {
	lost := iv.where(func(p *path) bool { return p.Asks == diag.AsksFound && p.Detail == diag.DetailTold && p.symptom >= 0 })
	answers := iv.toldAnswers()
	h := hypothesis{as: "inwards", confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true, direct: true}
	tries := foundTries * len(lost)
	var source, target netip.Addr
	switch {
	case len(lost) > 0:
		source, target = lost[0].Source, lost[0].Target
	case len(answers) > 0:
		source, target = answers[0].source, answers[0].target
	default:
		return nil
	}
	h.args = []any{"target", target, "address", source, "group", diag.SolicitedNode(source)}
	iv.explain(&h, lost...)
	for _, a := range answers {
		tries += a.tries
		h.facts = append(h.facts, a.asked, a.told, a.came)
		iv.explain(&h, iv.where(func(p *path) bool { return p.lossy() && p.Source == a.source && p.Target == a.target })...)
	}
	switch {
	case tries < foundTries || math.Pow(iv.losing, float64(tries)) > unlikely:
		h.confidence = Possible // its solicitations may have been lost by chance
	case iv.net.Link.XDP:
		h.confidence = Possible // a program of this host's may drop them before anybody sees them
	}
	if iv.traffic.toAll {
		h.more = append(h.more, "cause.net.snooping.inwards.to-all")
	} else {
		h.more = append(h.more, "cause.net.snooping.inwards.nothing")
	}
	return []hypothesis{h}
}

// foundTries is how often a neighbour solicits at least before the check tells it.
const foundTries = 2

// ungrouped are the questions to neighbours who answer what is sent to their MAC, and nothing that is sent to their group.
func (iv *ifaceView) ungrouped() []*path {
	return iv.where(func(p *path) bool {
		return p.alone() && p.origin == ours && len(iv.answers[asked{diag.AsksND, p.Target}]) == 0
	})
}
