package why

import (
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// TestMadeAgain: an address that an advertisement made comes back with the next one, heard or not, so that to delete it alone is no
// remedy; one that was added by hand does not.
func TestMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*diag.Address)
		alone  bool
	}{
		"by hand":                         {func(*diag.Address) {}, true},
		"the kernel says so":              {func(a *diag.Address) { a.Flags, a.ValidS, a.Origin = 0, 7200, "kernel_ra" }, false},
		"a kernel that does not say it":   {func(a *diag.Address) { a.Flags, a.ValidS = diag.ManageTemp, 7200 }, false},
		"a lifetime that somebody set":    {func(a *diag.Address) { a.Flags, a.ValidS = 0, 7200 }, true},
		"by hand, temporary ones made of": {func(a *diag.Address) { a.Flags |= diag.ManageTemp }, true},
	} {
		a := diagtest.ByHand(diagtest.Hand, 64)
		c.change(&a)
		f := find(t, Diagnose(diagtest.VPC().Say(a).State()), "address.unassigned")
		deletes, alone := false, false
		for _, r := range f.Remedies {
			i := slices.IndexFunc(r.Do, func(do string) bool { return strings.Contains(do, "addr del") })
			deletes, alone = deletes || i >= 0, alone || i == 0
		}
		if alone != c.alone || !deletes {
			t.Errorf("%s: deleted %t, alone %t, want %t: %v", name, deletes, alone, c.alone, f.Remedies)
		}
	}
}
