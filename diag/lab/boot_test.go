package lab

import "testing"

// TestBootWaitsForWhatIsComing: what a fault does not touch is whole when the command runs, however
// long a loaded machine takes for it, and what never comes is not waited for.
func TestBootWaitsForWhatIsComing(t *testing.T) {
	for _, tt := range []struct {
		scenario      string
		lease, routes bool
	}{
		{"vpc", true, true},
		{"router-unresolvable", true, true},
		{"peer-echo-blocked", true, true},
		{"dhcp-silent", false, true},
		{"no-ra", true, false},
		{"peer-unmapped", false, false},
		{"not-default", true, false},
	} {
		spec, _, err := Find(tt.scenario)
		if err != nil {
			t.Fatal(err)
		}
		peer := spec.ubuntu2()
		if got := spec.leases(port{peer, &peer.NICs[0]}); got != tt.lease {
			t.Errorf("%s: a lease of ubuntu2 is waited for: %v", tt.scenario, got)
		}
		if got := spec.routes(peer); got != tt.routes {
			t.Errorf("%s: a default route of ubuntu2 is waited for: %v", tt.scenario, got)
		}
	}
	spec, _, err := Find("nothing-assigned")
	if err != nil {
		t.Fatal(err)
	}
	if spec.leases(port{spec.ubuntu1(), &spec.ubuntu1().NICs[0]}) || !spec.leases(port{spec.ubuntu2(), &spec.ubuntu2().NICs[0]}) {
		t.Error("ubuntu1 gets no lease there, and ubuntu2 does")
	}
}
