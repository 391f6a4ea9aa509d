package checks

import (
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
)

// TestAgainWithoutEntry: packets were lost, so what stayed silent is asked again, by kernel only as long as that has the
// kernel resolve nothing in the name of a source that nobody assigned. An entry may be gone by then.
func TestAgainWithoutEntry(t *testing.T) {
	other := addr("2001:db8:1:2::aaaa")
	for name, c := range map[string]struct {
		assigned netip.Addr
		gone     bool
		again    bool
	}{
		"the entry is there":                       {other, false, true},
		"the entry is gone":                        {other, true, false},
		"the entry is gone, of an assigned source": {ourGUA, true, true},
	} {
		inWorld(t, name, func(w *world) {
			w.edit(func(r *diag.Run) { r.Assigned = []netip.Prefix{netip.PrefixFrom(c.assigned, 128)} })
			w.knows(peerGUA, peerMAC, diag.Reachable)
			w.knows(router, routerMAC, diag.Reachable)
			asked, lost := 0, false
			w.lose = func(f diag.Frame) bool {
				if f.Type != diag.EchoRequest || f.Src != ourGUA {
					return false
				}
				if f.Dst == peerGUA {
					if asked++; asked == 1 && c.gone {
						w.later(500*time.Millisecond, func() {
							w.mu.Lock()
							delete(w.entries, peerGUA)
							w.mu.Unlock()
						})
					}
					return true
				}
				first := f.Dst == farHost && !lost
				lost = lost || first
				return first
			}
			w.run(w.t.Context(), nil)
			by := func(what string) int {
				return w.happened("kernel " + what + " " + ourGUA.String() + " > " + peerGUA.String())
			}
			if solicited := by("ns") > 0; solicited != (c.gone && c.again) {
				w.t.Errorf("the kernel solicited: %t", solicited)
			}
			if again := by("echo-request") > 2; again != c.again {
				w.t.Errorf("%d echo requests by kernel", by("echo-request"))
			}
		})
	}
}
