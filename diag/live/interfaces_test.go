package live

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/kernel"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	link := func(name string, index int, up bool) diag.Link {
		return diag.Link{Interface: name, Index: index, Ethernet: true, Up: up}
	}
	lo := diag.Link{Interface: "lo", Index: 1, Loopback: true, Up: true}
	wg := diag.Link{Interface: "wg0", Index: 9, Type: "wireguard", Up: true}
	eth0, eth1, eth2 := link("eth0", 2, true), link("eth1", 3, true), link("eth2", 4, false)
	docker := diag.Link{Interface: "docker0", Index: 5, Type: "bridge", Ethernet: true, Up: true}
	bridged, br0 := diag.Link{Interface: "eth5", Index: 15, Port: "bridge", Ethernet: true, Up: true, Master: 16}, diag.Link{Interface: "br0", Index: 16, Type: "bridge", Ethernet: true, Up: true}
	member := diag.Link{Interface: "eth8", Index: 8, Port: "bond", Up: true}
	global := func(name string) diag.Address {
		return diag.Address{Interface: name, Address: netip.MustParseAddr("2001:db8::1"), PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever}
	}
	out := func(name string) diag.Route {
		return diag.Route{Interface: name, Dst: netip.MustParsePrefix("::/0"), Table: diag.MainTable, Type: "unicast", ExpiresS: diag.Forever}
	}
	both := diag.Survey{Links: []diag.Link{lo, eth0, eth1, docker, wg}, Addresses: []diag.Address{global("eth0"), global("eth1"), global("docker0"), global("wg0")}}
	for name, tt := range map[string]struct {
		v            diag.Survey
		asked, zones string
		want, left   string
		why          string // a part of the error
		noND         bool
	}{
		"all that are used":                   {v: both, want: "eth0 eth1", left: "docker0 wg0"},
		"one that is named":                   {v: both, asked: "eth1", want: "eth1", left: "eth0"},
		"one that is named, and is inside":    {v: both, asked: "docker0", want: "docker0", left: "eth0 eth1"},
		"two that are named, one twice":       {v: both, asked: "eth1 eth0 eth1", want: "eth0 eth1"},
		"all":                                 {v: both, asked: "all", want: "docker0 eth0 eth1", left: "wg0"},
		"a zone names one more":               {v: both, zones: "docker0", want: "docker0 eth0 eth1", left: "wg0"},
		"a zone beside one that is named":     {v: both, asked: "eth1", zones: "eth0", want: "eth0 eth1"},
		"a zone is no wildcard":               {v: both, zones: "all", why: `no interface "all"`},
		"IPv4's way out":                      {v: diag.Survey{Links: []diag.Link{lo, eth0, eth1}, Default4: "eth1"}, want: "eth1", left: "eth0"},
		"nothing but what it routes for":      {v: diag.Survey{Links: []diag.Link{lo, docker, eth0}, Addresses: []diag.Address{global("docker0")}}, want: "docker0", left: "eth0"},
		"the only one that is up":             {v: diag.Survey{Links: []diag.Link{lo, eth0, eth2}}, want: "eth0", left: "eth2"},
		"the only one, down":                  {v: diag.Survey{Links: []diag.Link{lo, eth2, wg}}, want: "eth2"},
		"two are up":                          {v: diag.Survey{Links: []diag.Link{lo, eth1, eth0, eth2}}, why: "choose one with -i: eth0, eth1, eth2 (down)"},
		"two are up, and a zone tells":        {v: diag.Survey{Links: []diag.Link{lo, eth1, eth0}}, zones: "eth1", want: "eth1", left: "eth0"},
		"there is none":                       {v: diag.Survey{Links: []diag.Link{lo, wg}}, why: "none that does neighbour discovery"},
		"the only way out is a VPN's":         {v: diag.Survey{Links: []diag.Link{lo, wg}, Routes: []diag.Route{out("wg0")}}, why: "wg0 does no neighbour discovery", noND: true},
		"a VPN is named":                      {v: both, asked: "eth0 wg0", why: "wg0 does no neighbour discovery", noND: true},
		"a port is named":                     {v: diag.Survey{Links: []diag.Link{lo, eth0, member}}, asked: "eth8", why: "eth8 is a port of a bond", noND: true},
		"a port is named that has an address": {v: diag.Survey{Links: []diag.Link{lo, bridged, br0}, Addresses: []diag.Address{global("eth5")}}, asked: "eth5", want: "eth5"},
		"an address was left on a port":       {v: diag.Survey{Links: []diag.Link{lo, bridged, br0}, Addresses: []diag.Address{global("eth5")}, Routes: []diag.Route{out("br0")}}, want: "br0 eth5"},
		"it is where it should be":            {v: diag.Survey{Links: []diag.Link{lo, bridged, br0}, Addresses: []diag.Address{global("br0")}, Routes: []diag.Route{out("br0")}}, want: "br0", left: "eth5"},
		"all, of which one is a port":         {v: diag.Survey{Links: []diag.Link{lo, eth0, bridged, br0}, Addresses: []diag.Address{global("br0")}, Routes: []diag.Route{out("br0")}}, asked: "all", want: "br0 eth0", left: "eth5"},
		"what is not there is named":          {v: both, asked: "eth9", why: `no interface "eth9"; choose one with -i: eth0, eth1`},
	} {
		links, left, err := choose(tt.v, strings.Fields(tt.asked), strings.Fields(tt.zones))
		var e *kernel.InterfaceError
		if tt.why != "" {
			if !errors.As(err, &e) || e.NoND != tt.noND || !strings.Contains(err.Error(), tt.why) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error %v, want %q", name, err, tt.why)
			}
			continue
		}
		var got, rest []string
		for _, l := range links {
			got = append(got, l.Interface)
		}
		for _, x := range left {
			rest = append(rest, x.Interface)
		}
		if err != nil || !slices.Equal(got, strings.Fields(tt.want)) || !slices.Equal(rest, strings.Fields(tt.left)) {
			t.Errorf("%s: %v, left %v (%v); want %s, left %s", name, got, rest, err, tt.want, tt.left)
		}
	}
}
