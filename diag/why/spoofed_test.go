package why

import (
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// Forged and damaged messages are not counted together: the forged ones are told of.
func TestForgedIsNotDamaged(t *testing.T) {
	t.Parallel()
	forged := diagtest.RaFrame(diagtest.PeerLocal, diagtest.PeerMAC, diagtest.VpcRA())
	damaged := forged
	forged.HopLimit, forged.Bad = 64, "hop limit 64, not 255: it did not come from this link"
	damaged.Bad = diag.BadChecksum
	d := Diagnose(diagtest.LAN().Say(forged, damaged, forged, damaged, damaged).State())
	for _, f := range d.Findings {
		if f.Cause == linkSpoofed.ID {
			if !strings.Contains(f.Summary, "received 2 neighbour discovery messages that cannot come from this link") {
				t.Error(f.Summary)
			}
			return
		}
	}
	t.Errorf("not found in %+v", d.Findings)
}
