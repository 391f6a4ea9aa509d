package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// Silent peers are no isolation where anybody else is heard, or the router is not.
func TestNotIsolated(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(*diagtest.World)
	}{
		{"another host asks for an address", func(w *diagtest.World) {
			w.Say(diag.Frame{Interface: "eth0", Type: diag.NS, SrcMAC: diagtest.OtherMAC, Src: diagtest.OtherMAC.LinkLocal(), Target: diagtest.RouterAddr})
		}},
		{"one of them answers", func(w *diagtest.World) {
			w.Each(diagtest.To(diagtest.OtherMAC.LinkLocal()), func(p *diag.Path) { p.Outcome, p.Received = diag.Answered, p.Sent })
		}},
		{"the router is silent too", func(w *diagtest.World) {
			w.Silence(func(p diag.Path) bool { return p.Asks == diag.AsksND })
		}},
	} {
		w := diagtest.Isolated()
		tt.bend(w)
		if got := named(Diagnose(w.State())); slices.Contains(got, "peer.isolated") {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// One silent host alone is more likely gone than kept apart, and that it may be kept apart is said.
func TestOneSilentHost(t *testing.T) {
	w := diagtest.Isolated()
	w.Paths = slices.DeleteFunc(w.Paths, diagtest.To(diagtest.OtherMAC.LinkLocal()))
	findings := slices.DeleteFunc(Diagnose(w.State()).Findings, func(f Finding) bool { return f.Cause != "peer.unmapped" })
	if len(findings) == 0 {
		t.Fatal("peer.unmapped is not found")
	}
	for _, f := range findings {
		if f.Confidence != Likely || !slices.ContainsFunc(f.Alternatives, func(a Alternative) bool { return a.Cause == "peer.isolated" && a.TellApart != "" }) {
			t.Errorf("%s is %s, beside %v", f.Subject.Value, f.Confidence, f.Alternatives)
		}
	}
}
