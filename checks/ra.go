package checks

import (
	"net/netip"
	"time"

	"ndwhy/diag"
)

const idRA = "ra"

// The check ra asks whether a router solicitation gets an advertisement. What the advertisement says,
// and whether the kernel acted on it, stands in the state.
func init() {
	declare(Check{
		ID:      idRA,
		Needs:   NeedsNetRaw,
		Sends:   []Bound{{"sends.rs", solicitations, "per.interface"}},
		Changes: []string{"changes.ra"},
		plan:    planRA,
	})
}

// RFC 4861 §10: a host sends MAX_RTR_SOLICITATIONS, RTR_SOLICITATION_INTERVAL apart.
const (
	solicitations        = 3
	solicitationInterval = 4 * time.Second
)

func planRA(p *planner) {
	src, ok := p.linkLocal()
	if !ok {
		src = netip.IPv6Unspecified()
	}
	p.add(Question{Path: diag.Path{Source: src, Target: diag.AllRouters, TargetClass: diag.TargetRouter}}, rsByWire{})
}

// rsByWire solicits an advertisement: once, and where silence would be a symptom as often as
// RFC 4861 §6.3.7 has a host ask, if the time allows.
type rsByWire struct{ byWire }

func (rsByWire) asks() diag.Asks { return diag.AsksRS }

func (rsByWire) cost(Question, int) (first, again int) { return solicitations, 0 }

// topics: a router may answer all nodes.
func (rsByWire) topics(q Question) []topic {
	return []topic{{q.Interface, netip.Addr{}, diag.AllNodes}}
}

func (rsByWire) adjust(l *lane, a *asking) {
	a.count, a.again = 1, func(a *asking) bool {
		for _, t := range a.tallies {
			t.done = true
		}
		l.publish(false) // what depends on it need not wait for the repetitions
		next := a.end.Add(solicitationInterval - l.r.wait)
		if a.sent >= solicitations || !l.symptom(a.tallies) || !l.r.timeFor(next.Add(l.r.wait)) || l.deaf() {
			return false
		}
		a.count, a.next = a.sent+1, next
		return true
	}
}

// deaf reports whether IPv6 is switched off on the interface: whatever a router may say later, this host takes none of it.
func (l *lane) deaf() (off bool) {
	l.r.Session.Look(func(s *diag.State) {
		value, _ := s.Sysctl(l.key.Interface, "disable_ipv6")
		off = value == "1"
	})
	return off
}

func (rsByWire) compose(_ *lane, t *tally) func() Frame {
	return func() Frame {
		return Frame{Type: diag.RS, Src: t.q.Source, Dst: diag.AllRouters, DstMAC: diag.MulticastMAC(diag.AllRouters)}
	}
}

func (rsByWire) frame(t *tally, e diag.Event, f diag.Frame) {
	switch {
	case f.Out && f.Type == diag.RS:
		t.leaves(e)
	case !f.Out && f.Type == diag.RA && t.path.Sent > 0:
		rtt := milliseconds(e.At.Sub(t.last))
		if t.path.Received == 0 {
			t.path.RTTMS = rtt
			t.path.Received = 1
		}
		t.responder(f.Src, f.SrcMAC, rtt)
		t.note(e)
	}
}

// raDone reports whether waiting for an advertisement can bring no default router any more.
func (p *planner) raDone() bool {
	return p.guess || !wanted(p.s.Run, idRA) || !p.wire() || len(p.net().Gateways()) > 0 || p.settled(idRA)
}
