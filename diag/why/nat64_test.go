package why

import (
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A translator for which one of two IPv4 hosts answers is there; where nothing else beyond answers either, it is not the translator
// that is missing.
func TestTranslatorIsThere(t *testing.T) {
	for name, w := range map[string]*diagtest.World{
		"both answer": diagtest.LAN().DNS64(diag.Answered, diag.Answered),
		"one answers": diagtest.LAN().DNS64(diag.Silent, diag.Answered),
	} {
		if d := Diagnose(w.State()); d.Verdict != VerdictOK {
			t.Errorf("%s: %s: %s", name, d.Verdict, d.Headline)
		}
	}
	w := diagtest.LAN().DNS64(diag.Silent, diag.Silent).Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
	d := Diagnose(w.State())
	if f := d.Findings[0]; f.Cause != "path.beyond-router" {
		t.Errorf("nothing beyond answers: %s", f.Cause)
	}
}
