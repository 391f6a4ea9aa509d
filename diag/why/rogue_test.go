package why

import (
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A router that the kernel knew, and whose answer to the run's solicitation was lost, was there before all the same.
func TestKnownRouterHeardLate(t *testing.T) {
	backup := diagtest.VpcRA()
	backup.Preference = "low"
	events := diagtest.LAN().Say(diagtest.RaFrame(diagtest.SecondLocal, diagtest.SecondMAC2, backup)).Events()
	i := slices.IndexFunc(events, func(e diag.Event) bool {
		f, ok := e.Body.(diag.Frame)
		return ok && f.Type == diag.RA && f.Src == diagtest.RouterAddr
	})
	late := events[i]
	events = slices.Delete(events, i, i+1)
	late.Seq, late.At = events[len(events)-1].Seq+1, late.At.Add(3*time.Second)
	if d := Diagnose(diagtest.Fold(append(events, late))); slices.Contains(named(d), "router.rogue") {
		t.Errorf("%+v", find(t, d, "router.rogue").Summary)
	}
}
