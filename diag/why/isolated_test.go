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

// One silent host alone may be kept apart as well as gone: neither is more than possible.
func TestOneSilentHost(t *testing.T) {
	w := diagtest.Isolated()
	w.Paths = slices.DeleteFunc(w.Paths, diagtest.To(diagtest.OtherMAC.LinkLocal()))
	for _, f := range Diagnose(w.State()).Findings {
		if f.Cause != "peer.isolated" && f.Cause != "peer.unmapped" {
			continue
		}
		if f.Confidence != Possible {
			t.Errorf("%s of %s is %s", f.Cause, f.Subject.Value, f.Confidence)
		}
	}
}
