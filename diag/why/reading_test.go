package why

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A socket that could not have its source, as that was taken away meanwhile, tells of no filter, and of nothing else.
func TestSourceTakenAway(t *testing.T) {
	gone := netip.MustParseAddr("2001:db8:1f16:8df::dead")
	ask := func(via diag.Via, outcome diag.Outcome, errno string) diag.Path {
		return diag.Path{
			Check: "internet", Asks: diag.AsksEcho, Source: gone, SourceClass: diag.SourceAssigned, Target: diagtest.Host1,
			TargetClass: diag.TargetInternet, Given: true, Via: via, Outcome: outcome, Errno: errno,
		}
	}
	d := Diagnose(diagtest.VPC().Path(ask(diag.ViaWire, diag.Answered, "")).Path(ask(diag.ViaKernel, diag.Unsent, "EADDRNOTAVAIL")).State())
	for _, f := range d.Findings {
		if f.Severity != Info {
			t.Errorf("%s: %s", f.Cause, f.Summary)
		}
	}
	if len(d.Unexplained) > 0 {
		t.Errorf("not explained: %s", d.Unexplained[0].Text)
	}
}
