package why

import (
	"slices"
	"strings"
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

// An explanation speaks of connection tracking where that has a part in it, and of numbers that could be read.
func TestExplanationsSayWhatIsKnown(t *testing.T) {
	for name, absent := range map[string]string{
		"a policy of IPsec":                  "onnection tracking",
		"table full, as a container sees it": "0 entries",
	} {
		for _, c := range diagtest.CauseTests {
			if c.Name != name {
				continue
			}
			for _, f := range Diagnose(c.World().State()).Findings {
				if f.Cause == c.Cause && strings.Contains(f.Summary+f.Explanation, absent) {
					t.Errorf("%s: %s %s", name, f.Summary, f.Explanation)
				}
			}
		}
	}
}
