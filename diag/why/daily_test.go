package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// TestOnPortWell: a port whose kernel gets answers has nothing that was left there in vain.
func TestOnPortWell(t *testing.T) {
	w := diagtest.LAN().Relink(func(l *diag.Link) { l.Port, l.Master = "bridge", 9 })
	w.Say(diag.Link{Interface: "br9", Index: 9, Up: true, Carrier: true, Ethernet: true, Type: "bridge"})
	if got := named(Diagnose(w.State())); slices.Contains(got, "host.address-on-port") {
		t.Errorf("named %v", got)
	}
}

// TestDiscoveryOffWell: an interface whose other end takes every frame needs no discovery, and its kernel gets answers.
func TestDiscoveryOffWell(t *testing.T) {
	w := diagtest.LAN().Relink(func(l *diag.Link) { l.NoARP = true })
	if got := named(Diagnose(w.State())); slices.Contains(got, "host.discovery-off") {
		t.Errorf("named %v", got)
	}
}

// TestLeftOnPort: a route that was left on a port is told with its master, which is the one that is examined.
func TestLeftOnPort(t *testing.T) {
	w := diagtest.LAN().Relink(func(l *diag.Link) { l.Index, l.Type = 9, "bridge" })
	w.Say(diag.Link{Interface: "eth5", Index: 5, Master: 9, Port: "bridge", Ethernet: true, Up: true, Carrier: true})
	if got := named(Diagnose(w.State())); slices.Contains(got, "host.address-on-port") {
		t.Errorf("nothing was left: named %v", got)
	}
	w.Say(diag.Route{Interface: "eth5", Dst: netip.MustParsePrefix("2001:db8:1f16:8df::/64"), Table: diag.MainTable, Type: "unicast", Protocol: "kernel", Metric: 256, ExpiresS: diag.Forever})
	if got := named(Diagnose(w.State())); !slices.Contains(got, "host.address-on-port") {
		t.Errorf("a route was left: named %v", got)
	}
}
