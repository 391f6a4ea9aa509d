package checks

import (
	"testing"

	"ndwhy/diag"
)

// TestLossIsMeasured: one lost packet is enough to be asked more, of those who answered, so that what is lost is told
// from what one target does not answer, and from chance.
func TestLossIsMeasured(t *testing.T) {
	wire := func(what string, target string) string {
		return what + "/eth0/" + ourGUA.String() + "/" + target + "/wire"
	}
	for name, c := range map[string]struct {
		lose      func(f diag.Frame, n int) bool
		asked     bool
		elsewhere bool // others lose too
	}{
		"none is lost":       {func(diag.Frame, int) bool { return false }, false, false},
		"one in five":        {func(_ diag.Frame, n int) bool { return n%5 == 1 }, true, true},
		"one target's alone": {func(f diag.Frame, n int) bool { return f.Dst == farHost && n%3 == 1 }, true, false},
	} {
		inWorld(t, name, func(w *world) {
			n := map[string]int{}
			w.lose = func(f diag.Frame) bool {
				key := string(f.Type) + f.Dst.String()
				n[key]++
				return c.lose(f, n[key])
			}
			w.run(w.t.Context(), nil)
			far, peer := w.path(wire("internet", farHost.String())), w.path(wire("peer-echo", peerGUA.String()))
			if more := far.Sent >= reasks && peer.Sent >= reasks; more != c.asked {
				w.t.Errorf("asked %d and %d times", far.Sent, peer.Sent)
			}
			if lost := peer.Received < peer.Sent; lost != c.elsewhere {
				w.t.Errorf("of %d from the peer, %d came", peer.Sent, peer.Received)
			}
			if c.asked && far.Received >= far.Sent {
				w.t.Errorf("of %d from beyond, %d came", far.Sent, far.Received)
			}
		})
	}
}
