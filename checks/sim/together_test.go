package sim

import (
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/lab"
)

// No two faults that are had at once give an interface the same address twice: a kernel refuses the second (EEXIST), of
// whatever prefix length, and what would be simulated is no network.
func TestAddedOnce(t *testing.T) {
	for _, network := range Pairs() {
		spec, _, err := lab.Find(network)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range spec.Hosts {
			added := map[diag.InterfaceAddr]bool{}
			for _, a := range h.Added {
				key := diag.InterfaceAddr{Interface: a.NIC, Address: a.Prefix.Addr()}
				if added[key] {
					t.Errorf("%s: %s twice on %s of %s", network, a.Prefix.Addr(), a.NIC, h.Name)
				}
				added[key] = true
			}
		}
	}
}
