package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// TestDiscoveryOffWell: an interface whose other end takes every frame needs no discovery, and its kernel gets answers.
func TestDiscoveryOffWell(t *testing.T) {
	w := diagtest.LAN().Relink(func(l *diag.Link) { l.NoARP = true })
	if got := named(Diagnose(w.State())); slices.Contains(got, "host.discovery-off") {
		t.Errorf("named %v", got)
	}
}
