package checks

import (
	"testing"

	"ndwhy/diag"
)

// TestAskedAlone: a neighbour that no multicast reaches is asked once more at the MAC that is known of it, and what it
// says is no answer to what everybody was asked. Where no MAC is known, or the silence is as it should be, nobody is.
func TestAskedAlone(t *testing.T) {
	id := "peer-nd/eth0/" + ourGUA.String() + "/" + peerGUA.String() + "/wire"
	all := func(diag.Path) bool { return true }
	for name, c := range map[string]struct {
		expect  func(diag.Path) bool
		change  func(*world)
		outcome diag.Outcome
		detail  string
		alone   int
	}{
		"the kernel has its MAC": {all, func(w *world) { w.knows(peerGUA, peerMAC, diag.Stale) }, diag.Silent, DetailAlone, 1},
		"a frame of it was seen": {all, func(w *world) {
			w.arrive(diag.Frame{Interface: "eth0", Type: diag.EchoRequest, Src: peerGUA, Dst: ourGUA, SrcMAC: peerMAC, DstMAC: ourMAC})
		}, diag.Silent, DetailAlone, 1},
		"it is somewhere else now":   {all, func(w *world) { w.knows(peerGUA, peerMAC, diag.Stale); delete(w.holders, peerGUA) }, diag.Silent, "", 1},
		"its MAC is not known":       {all, func(*world) {}, diag.Silent, "", 0},
		"nobody expects it to speak": {func(diag.Path) bool { return false }, func(w *world) { w.knows(peerGUA, peerMAC, diag.Stale) }, diag.Silent, "", 0},
		"multicast reaches it":       {all, func(w *world) { w.knows(peerGUA, peerMAC, diag.Stale); w.lose = nil }, diag.Answered, "", 0},
	} {
		inWorld(t, name, func(w *world) {
			alone := 0
			w.lose = func(f diag.Frame) bool {
				if f.Type == diag.NS && !f.Dst.IsMulticast() {
					alone++
				}
				return f.Type == diag.NS && f.Target == peerGUA && f.Dst.IsMulticast()
			}
			c.change(w)
			w.run(w.t.Context(), c.expect)
			w.want(id, c.outcome, c.detail)
			if alone != c.alone {
				w.t.Errorf("%d were asked alone, want %d", alone, c.alone)
			}
		})
	}
}

// An address that is made of a MAC says itself at which it is to be asked alone.
func TestAskedAloneAsMade(t *testing.T) {
	inWorld(t, "multicast does not reach it", func(w *world) {
		w.lose = func(f diag.Frame) bool { return f.Type == diag.NS && f.Target == peerLL && f.Dst.IsMulticast() }
		w.run(w.t.Context(), func(diag.Path) bool { return true })
		if p := w.want("peer-nd/eth0/"+ourLL.String()+"/"+peerLL.String()+"/wire", diag.Silent, DetailAlone); p.Note != peerMAC.String() {
			w.t.Errorf("asked at %s, want %s", p.Note, peerMAC)
		}
	})
}
