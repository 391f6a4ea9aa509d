package checks

import "ndwhy/diag"

// peerND asks who has each peer's address; peerEcho whether it answers an echo.
var (
	peerND = Check{
		ID:      idPeerND,
		Sends:   []Bound{{"sends.ns", 5, "per.peer"}},
		Changes: []string{"changes.neighbour"},
		plan:    func(p *planner) { planPeers(p, idPeerND, diag.AsksND) },
	}
	peerEcho = Check{
		ID:      idPeerEcho,
		Sends:   []Bound{{"sends.echo", 4, "per.peer"}},
		Changes: []string{"changes.neighbour"},
		plan:    func(p *planner) { planPeers(p, idPeerEcho, diag.AsksEcho) },
	}
)

func planPeers(p *planner, check string, asks diag.Asks) {
	peers, given := p.peers()
	may := p.kernelMayAsk(peers)
	reserved := p.reserved()
	for _, peer := range peers {
		q := Question{Path: diag.Path{
			Check: check, Asks: asks, Target: peer, TargetClass: diag.TargetPeer, Given: given,
		}}
		if p.own(peer) {
			q.Via = diag.ViaKernel
			p.skip(q, DetailOwn, "")
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
			q.Via = diag.ViaKernel
			p.skip(q, DetailNoSource, "")
			continue
		}
		q.Source, q.NextHop = src, via
		q.Via = diag.ViaKernel
		wire := q
		wire.Via = diag.ViaWire
		if asks == diag.AsksND && via.IsValid() {
			p.skip(q, DetailRouted, via.String())
			if p.onLink(peer) {
				p.add(wire) // the kernel takes another way than the link would allow
			} else {
				p.skip(wire, DetailRouted, via.String())
			}
			continue
		}
		if !via.IsValid() && !p.mayBeNear(peer) {
			// Nobody on this link can say who has an address beyond it, and nobody leads there.
			p.skip(wire, DetailNoRouter, "")
			if asks == diag.AsksEcho {
				p.add(q) // the kernel says why it cannot
			}
			continue
		}
		if may[peer] {
			p.add(q)
		} else {
			p.skip(q, DetailTooMany, "")
		}
		p.add(wire)
	}
}
