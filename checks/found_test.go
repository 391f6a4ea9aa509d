package checks

import (
	"net/netip"
	"sync/atomic"
	"testing"

	"ndwhy/diag"
)

// TestFound: a neighbour that does not know this host looks for it by multicast before it answers; one that answers at once
// knew it; one that answers only after it was told could not find it. Who answers no such ping at all tells nothing.
func TestFound(t *testing.T) {
	id := "all-nodes/eth0/" + ourLL.String() + "/" + peerGUA.String() + "/wire"
	seeks := diag.Frame{Interface: "eth0", Type: diag.NS, Src: peerGUA, Dst: diag.SolicitedNode(ourLL), Target: ourLL, SrcMAC: peerMAC, DstMAC: diag.MulticastMAC(diag.SolicitedNode(ourLL)), HopLimit: 255}
	for name, c := range map[string]struct {
		answers func(w *world, told bool) bool
		outcome diag.Outcome
		detail  string
		told    int
	}{
		"it finds this host":                      {func(w *world, _ bool) bool { w.arrive(seeks); return true }, diag.Answered, "", 0},
		"it finds this host, and answers no ping": {func(w *world, _ bool) bool { w.arrive(seeks); return false }, diag.Answered, "", 0},
		"it knows this host":                      {func(*world, bool) bool { return true }, diag.OutcomeSkipped, DetailKnown, 0},
		"it does not find this host":              {func(_ *world, told bool) bool { return told }, diag.Silent, DetailTold, 1},
		"it answers no ping":                      {func(*world, bool) bool { return false }, diag.Silent, "", 1},
	} {
		inWorld(t, name, func(w *world) {
			w.edit(func(r *diag.Run) { r.Peers = []netip.Addr{peerGUA} })
			var told atomic.Int32 // what leaves and what comes are counted by different goroutines
			w.lose = func(f diag.Frame) bool {
				if f.Type == diag.NS && f.Src == ourLL && f.Target == peerGUA {
					told.Add(1)
				}
				return false
			}
			w.echoes = func(src, dst netip.Addr) bool {
				if src == ourLL && dst == peerGUA {
					return c.answers(w, told.Load() > 0)
				}
				return dst != router
			}
			w.run(w.t.Context(), nil)
			w.want(id, c.outcome, c.detail)
			if n := int(told.Load()); n != c.told {
				w.t.Errorf("it was told %d times, want %d", n, c.told)
			}
		})
	}
	inWorld(t, "somebody was heard to look for this host", func(w *world) {
		w.edit(func(r *diag.Run) { r.Peers = []netip.Addr{peerGUA} })
		w.arrive(seeks)
		w.run(w.t.Context(), nil)
		if _, asked := w.state().Path(id); asked {
			w.t.Error("asked")
		}
	})
	inWorld(t, "the next one, where the first knows this host", func(w *world) {
		w.edit(func(r *diag.Run) { r.Peers = []netip.Addr{peerGUA, peerGUA2} })
		w.holders[peerGUA2] = otherMAC
		w.run(w.t.Context(), nil)
		w.want(id, diag.OutcomeSkipped, DetailKnown)
		w.want("all-nodes/eth0/"+ourLL.String()+"/"+peerGUA2.String()+"/wire", diag.OutcomeSkipped, DetailKnown)
	})
}
