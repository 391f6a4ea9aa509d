package checks

import (
	"testing"

	"ndwhy/diag"
)

// What the kernel said in a run before is asked anew: the address that it chose then may be gone.
func TestChoicesAreAskedAnew(t *testing.T) {
	gone := addr("2001:db8:1:2::dead")
	inWorld(t, "an address that was there", func(w *world) {
		w.read(diag.Selection{Dst: farHost, Bound: "eth0", Interface: "eth0", Source: gone, Via: router})
		w.run(w.t.Context(), nil)
		if sel := w.state().Selections[diag.SelectionKey{Dst: farHost, Bound: "eth0"}]; sel.Source != ourGUA {
			w.t.Errorf("the kernel chooses %s, want %s", sel.Source, ourGUA)
		}
		for _, p := range w.state().PathsSorted() {
			if p.Source == gone {
				w.t.Errorf("%s is asked from an address that this host does not have", p.ID)
			}
		}
	})
}
