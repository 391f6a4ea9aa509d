package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A neighbour whose Ethernet address changes, and nothing is lost by it.
func TestMovedAndWell(t *testing.T) {
	entry := func(state diag.NUD, mac diag.MAC) diag.Neighbour {
		return diag.Neighbour{Interface: "eth0", Address: diagtest.PeerGlobal, MAC: mac, State: state}
	}
	begun := diag.Check{ID: "peer-echo", Interface: "eth0", State: diag.CheckRunning}
	for _, tt := range []struct {
		name  string
		world *diagtest.World
		found bool
	}{
		{"it moved before the run, and said so", diagtest.VPC().Say(entry(diag.Stale, diagtest.OtherMAC), entry(diag.Stale, diagtest.PeerMAC), begun), false},
		{"it moved during the run, and said so", diagtest.VPC().Say(entry(diag.Reachable, diagtest.PeerMAC), begun, entry(diag.Stale, diagtest.OtherMAC)), false},
		{"what is sent to the old one arrives", diagtest.Moved(diagtest.PeerGlobal, diagtest.OtherMAC), false},
		{"the old one is heard of", diagtest.Moved(diagtest.PeerGlobal, diagtest.OtherMAC).Say(
			entry(diag.Reachable, diagtest.PeerMAC),
			diag.Frame{Interface: "eth0", Type: diag.RA, SrcMAC: diagtest.PeerMAC, RA: &diag.Advertisement{LLAddr: diagtest.OtherMAC}},
		), false},
		{"it is mended by what was asked", diagtest.Moved(diagtest.PeerGlobal, diagtest.OtherMAC).Say(entry(diag.Reachable, diagtest.PeerMAC)), true},
		{"it had been given up", diagtest.VPC().Say(entry(diag.Failed, diagtest.OtherMAC), begun, entry(diag.Reachable, diagtest.PeerMAC)), false},
	} {
		if got := slices.Contains(named(Diagnose(tt.world.State())), "neighbour.stale-lladdr"); got != tt.found {
			t.Errorf("%s: named %v, want %v", tt.name, got, tt.found)
		}
	}
}

// A router that moved, and was asked where it is no more, is not one that answers no echo.
func TestMovedIsNotQuiet(t *testing.T) {
	w := diagtest.Moved(diagtest.RouterAddr, diagtest.OtherMAC).Silence(func(p diag.Path) bool {
		return p.TargetClass == diag.TargetInternet || p.Target == diagtest.RouterAddr && p.Asks == diag.AsksEcho
	})
	d := Diagnose(w.State())
	if got := named(d); !slices.Contains(got, "neighbour.stale-lladdr") || slices.Contains(got, "net.router-silent") {
		t.Errorf("named %v", got)
	}
}
