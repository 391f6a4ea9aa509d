package kernel

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"ndwhy/diag"
)

func TestDefaultInterface(t *testing.T) {
	t.Parallel()
	link := func(name string, index int, ethernet, up bool) diag.Link {
		return diag.Link{Interface: name, Index: index, Ethernet: ethernet, Up: up}
	}
	lo, eth0, eth1, down, wg := link("lo", 1, false, true), link("eth0", 2, true, true), link("eth1", 3, true, true), link("eth2", 4, true, false), link("wg0", 5, false, true)
	gateway := func(iface string, metric int) diag.Route {
		return diag.Route{Interface: iface, Dst: netip.MustParsePrefix("::/0"), Metric: metric, Table: 254, Type: "unicast"}
	}
	elsewhere, refused := gateway("eth0", 1), gateway("lo", 1)
	elsewhere.Table, refused.Type = 1000, "unreachable"
	for name, tt := range map[string]struct {
		links  []diag.Link
		routes []diag.Route
		v4     string
		want   string
		why    string // a part of the error
		noND   bool
	}{
		"the lowest metric":            {links: []diag.Link{lo, eth0, eth1}, routes: []diag.Route{gateway("eth0", 1024), gateway("eth1", 512)}, v4: "eth0", want: "eth1"},
		"another table's, a refusal":   {links: []diag.Link{lo, eth0, eth1}, routes: []diag.Route{elsewhere, refused, gateway("eth1", 512)}, want: "eth1"},
		"IPv4's":                       {links: []diag.Link{lo, eth0, eth1}, v4: "eth1", want: "eth1"},
		"the only one that is up":      {links: []diag.Link{lo, eth0, down, wg}, want: "eth0"},
		"two are up":                   {links: []diag.Link{lo, eth1, eth0}, why: "choose one with -i: eth0, eth1"},
		"none is up":                   {links: []diag.Link{lo, down}, why: "choose one with -i: eth2"},
		"there is none":                {links: []diag.Link{lo, wg}, why: "none that does neighbour discovery"},
		"the default route is a VPN's": {links: []diag.Link{lo, eth0, wg}, routes: []diag.Route{gateway("wg0", 1)}, want: "wg0", why: "wg0 does no neighbour discovery", noND: true},
	} {
		got, err := DefaultInterface(tt.links, tt.routes, tt.v4)
		if tt.why == "" && (got != tt.want || err != nil) {
			t.Errorf("%s: %q %v, want %q", name, got, err, tt.want)
		}
		var e *InterfaceError
		if tt.why != "" && (!errors.As(err, &e) || e.NoND != tt.noND || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: error %v, want %q", name, err, tt.why)
		}
	}
	if err := CheckInterface([]diag.Link{lo, eth0}, "eth9"); err == nil || !strings.Contains(err.Error(), `no interface "eth9"; choose one with -i: eth0`) {
		t.Errorf("eth9: %v", err)
	}
	if err := CheckInterface([]diag.Link{lo, eth0}, "eth0"); err != nil {
		t.Errorf("eth0: %v", err)
	}
	if err := CheckInterface([]diag.Link{lo, eth0}, "lo"); !errors.As(err, new(*InterfaceError)) {
		t.Errorf("lo: %v", err)
	}
}
