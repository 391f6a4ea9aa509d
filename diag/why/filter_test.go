package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// What an application sent by another interface says nothing of this one's network.
func TestFilterOfAnotherInterface(t *testing.T) {
	for _, on := range []string{"eth0", "eth1"} {
		w := diagtest.HandAdded().Say(diag.Link{Interface: "eth1", Index: 9, MAC: diagtest.OtherMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true})
		w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.Check == "added" })
		for i, b := range w.Bodies {
			if a, ok := b.(diag.Address); ok && a.Address == diagtest.Hand {
				a.Interface = on
				w.Bodies[i] = a
			}
		}
		if got := named(Diagnose(w.State())); slices.Contains(got, "net.per-address-filter") != (on == "eth0") {
			t.Errorf("on %s: named %v", on, got)
		}
	}
}
