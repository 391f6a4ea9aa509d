package checks

import (
	"ndwhy/diag"
	"ndwhy/diag/why"
)

const (
	idPeerND   = "peer-nd"
	idPeerEcho = "peer-echo"
)

// The check peer-nd asks who has each peer's address; peer-echo whether it answers an echo. Those that the user named are
// also asked as applications do.
func init() {
	declare(Check{
		ID:       idPeerND,
		Sends:    []Bound{{"sends.ns", 6, "per.peer"}},
		Changes:  []string{"changes.neighbour"},
		plan:     func(p *planner) { planPeers(p, nd) },
		crowds:   true,
		controls: diag.TargetPeer,
		nothing:  because("detail.no-peer"),
	})
	declare(Check{
		ID:       idPeerEcho,
		Sends:    []Bound{{"sends.echo", 6, "per.peer"}},
		Changes:  []string{"changes.neighbour"},
		plan:     func(p *planner) { planPeers(p, echo) },
		crowds:   true,
		controls: diag.TargetPeer,
		nothing:  because("detail.no-peer"),
	})
}

func planPeers(p *planner, by ways) {
	peers, given := p.peers()
	may := p.kernelMayAsk(peers)
	reserved := p.reserved()
	for _, peer := range peers {
		q := Question{Path: diag.Path{Target: peer, TargetClass: diag.TargetPeer, Given: given}}
		if p.own(peer) {
			p.skip(q, DetailOwn, "", by.kernel)
			continue
		}
		if peer == reserved && p.held(peer) {
			continue // a candidate asks it first
		}
		src, via, ok := p.chosen(peer)
		if !ok {
			continue
		}
		q.Source, q.NextHop = src, via
		p.planPeer(q, by, may[peer])
		if by == echo && given && may[peer] {
			p.add(q, echo.app)
		}
	}
}

// planPeer asks a peer by wire, and where it may by kernel.
func (p *planner) planPeer(q Question, by ways, may bool) {
	near, via := p.net().Within(q.Target), q.NextHop
	switch {
	case !q.Source.IsValid():
		p.skip(q, DetailNoSource, "", by.kernel)
	case by == nd && via.IsValid():
		p.skip(q, DetailRouted, via.String(), by.kernel)
		if near || diag.Beside(q.Target, q.Source) && !why.ProfileNamed(p.recognised().Name).Apart {
			p.add(q, by.wire) // the kernel may take another way than the link would allow
		} else {
			p.skip(q, DetailRouted, via.String(), by.wire)
		}
	case !via.IsValid() && !p.mayBeNear(q.Target):
		// Nobody on this link can say who has an address beyond it, and nobody leads there.
		p.skip(q, DetailNoRouter, "", by.wire)
		if by == echo {
			p.add(q, by.kernel) // the kernel says why it cannot
		}
	case may:
		p.add(q, by.kernel, by.wire)
	default:
		p.skip(q, DetailTooMany, "", by.kernel)
		p.add(q, by.wire)
	}
}
