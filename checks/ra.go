package checks

import (
	"net/netip"
	"time"

	"ndwhy/diag"
)

// raCheck asks whether a router solicitation gets an advertisement. What the advertisement says,
// and whether the kernel acted on it, stands in the state.
var raCheck = Check{
	ID:      idRA,
	Needs:   NeedsNetRaw,
	Sends:   []Bound{{"sends.rs", solicitations, "per.interface"}},
	Changes: []string{"changes.ra"},
	plan:    planRA,
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
	p.add(Question{
		Path: diag.Path{
			Check: idRA, Asks: diag.AsksRS, Via: diag.ViaWire,
			Source: src, Target: diag.AllRouters, TargetClass: diag.TargetRouter,
		},
		Frames: solicitations,
	})
}

// raDone reports whether waiting for an advertisement can bring no default router any more.
func (p *planner) raDone() bool {
	return p.guess || !wanted(p.s.Run, idRA) || !p.wire() || len(p.routers()) > 0 || p.settled(idRA)
}
