package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// Silent peers are no isolation where anybody else is heard, or where they may be one host.
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
		{"all addresses may be one host's", func(w *diagtest.World) {
			w.Paths = slices.DeleteFunc(w.Paths, diagtest.To(diagtest.OtherMAC.LinkLocal()))
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
