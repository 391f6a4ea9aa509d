package checks

import "ndwhy/diag"

const idAssignment = "assignment"

// The check assignment compares what was assigned with what is configured, which stands in the state, and
// asks whether somebody else answers for what is assigned and not configured here.
func init() {
	declare(Check{
		ID:    idAssignment,
		Sends: []Bound{{"sends.ns", 2, "per.address"}},
		plan:  planAssignment,
	})
}

// absentAsked bounds how many absent addresses are asked about.
const absentAsked = 16

func planAssignment(p *planner) {
	n := 0
	for _, a := range p.assigned().Rows {
		addr := a.Prefix.Addr()
		if !a.Prefix.IsSingleIP() || diag.ScopeOf(addr) == diag.LinkLocalScope || p.own(addr) || n == absentAsked {
			continue
		}
		src := p.guard(addr)
		if !src.IsValid() {
			continue
		}
		n++
		p.add(Question{Path: diag.Path{Source: src, Target: addr, TargetClass: diag.TargetPeer}}, nd.wire)
	}
}
