package why

import (
	"slices"
	"testing"
)

// What a finding knows stands in the commands that show it; what needs root has sudo.
func TestSee(t *testing.T) {
	got := See("router.unresolvable", "eth0", Subject{"router", "fe80::1"})
	if want := []string{"sudo ndisc6 fe80::1 eth0", "ip -6 neigh show fe80::1 dev eth0"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := See("router.unresolvable", "", Subject{}); got[0] != "sudo ndisc6 ROUTER IF" {
		t.Errorf("nothing is known: %q", got)
	}
}
