package checks

import "ndwhy/diag"

const (
	idPeerND   = "peer-nd"
	idPeerEcho = "peer-echo"
)

// The check peer-nd asks who has each peer's address; peer-echo whether it answers an echo.
func init() {
	declare(Check{
		ID:       idPeerND,
		Sends:    []Bound{{"sends.ns", 5, "per.peer"}},
		Changes:  []string{"changes.neighbour"},
		plan:     func(p *planner) { planPeers(p, nd) },
		crowds:   true,
		controls: diag.TargetPeer,
		nothing:  because("detail.no-peer"),
	})
	declare(Check{
		ID:       idPeerEcho,
		Sends:    []Bound{{"sends.echo", 4, "per.peer"}},
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
		if !src.IsValid() {
			p.skip(q, DetailNoSource, "", by.kernel)
			continue
		}
		q.Source, q.NextHop = src, via
		if by == nd && via.IsValid() {
			p.skip(q, DetailRouted, via.String(), by.kernel)
			if p.net().Within(peer) {
				p.add(q, by.wire) // the kernel takes another way than the link would allow
			} else {
				p.skip(q, DetailRouted, via.String(), by.wire)
			}
			continue
		}
		if !via.IsValid() && !p.mayBeNear(peer) {
			// Nobody on this link can say who has an address beyond it, and nobody leads there.
			p.skip(q, DetailNoRouter, "", by.wire)
			if by == echo {
				p.add(q, by.kernel) // the kernel says why it cannot
			}
			continue
		}
		if may[peer] {
			p.add(q, by.kernel)
		} else {
			p.skip(q, DetailTooMany, "", by.kernel)
		}
		p.add(q, by.wire)
	}
}
