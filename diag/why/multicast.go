package why

import (
	"math"
	"net/netip"

	"ndwhy/diag"
)

var multicastSuppressed = Cause{
	ID: "net.multicast-suppressed", Severity: Info, Working: true,
	// ff02::1 reached nobody, and somebody is there.
	find: rule{
		confidence: Likely, direct: true,
		explains: all(toward(diag.TargetAllNodes), unanswered, fromUs),
		given: func(iv *ifaceView, _ netip.Addr) bool {
			return len(iv.traffic.late) == 0 && !iv.toAnother() && iv.first(proofOfLife) != nil
		},
		denied: all(toward(diag.TargetAllNodes), answers),
		more: func(iv *ifaceView, h *hypothesis) {
			p := iv.first(all(proofOfLife, asking(diag.AsksEcho)))
			if p != nil {
				h.confidence = Certain
			} else {
				p = iv.first(proofOfLife)
			}
			lost := iv.loss()
			lossy := len(lost) > 0 && lost[0].confidence != Possible
			if !iv.any(func(p *path) bool {
				return p.TargetClass == diag.TargetAllNodes && iv.normals.expect(*p.Path) == ExpectSilence && !(lossy && math.Pow(iv.losing, float64(p.Sent)) > unlikely)
			}) {
				h.confidence = Possible // where that is not known of the network, so few packets get lost by chance, and some hosts answer none
			}
			rest(h, p)
			h.args = []any{"target", p.Target}
		},
	}.find,
}

// proofOfLife is an answer of a neighbour that ff02::1 would have reached. A router's discovery may be
// answered in its stead.
var proofOfLife = all(answers, live, either(
	all(toward(diag.TargetPeer), asking(diag.AsksND, diag.AsksEcho)), all(toward(diag.TargetRouter), asking(diag.AsksEcho)),
))
