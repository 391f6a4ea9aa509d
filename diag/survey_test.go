package diag

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// TestUsed holds what is examined, and what is said of the rest, against hosts as they are met.
func TestUsed(t *testing.T) {
	link := func(name, kind string) Link {
		return Link{Interface: name, Index: len(name), Type: kind, Ethernet: true, Up: true}
	}
	lo := Link{Interface: "lo", Index: 1, Loopback: true, Up: true}
	tunnel := func(name, kind string) Link {
		l := link(name, kind)
		l.Ethernet = false
		return l
	}
	port := func(l Link, of string) Link { l.Port, l.Ethernet = of, false; return l }
	fixed := func(iface, addr string) Address {
		return Address{Interface: iface, Address: netip.MustParseAddr(addr), PrefixLen: 64, Flags: Permanent, PreferredS: Forever, ValidS: Forever}
	}
	leased := func(iface, addr string) Address {
		return Address{Interface: iface, Address: netip.MustParseAddr(addr), PrefixLen: 128, PreferredS: 140, ValidS: 450}
	}
	route := func(iface, dst string, table int, expires int64) Route {
		return Route{Interface: iface, Dst: netip.MustParsePrefix(dst), Table: table, Metric: 1024, Type: "unicast", Protocol: "static", ExpiresS: expires}
	}
	out := func(iface string) Route { return route(iface, "::/0", MainTable, Forever) }
	temporary := leased("eth1", "2001:db8::9")
	temporary.PreferredS, temporary.ValidS, temporary.Flags = 0, 20, NoPrefixRoute
	var nics []Link
	var theirs []Address
	for i := range 10 {
		name := fmt.Sprint("eth", i)
		nics = append(nics, Link{Interface: name, Index: i + 1, Ethernet: true, Up: true})
		theirs = append(theirs, fixed(name, fmt.Sprintf("2001:db8:%d::1", i)))
	}
	down := link("eth1", "")
	down.Up = false
	for name, tt := range map[string]struct {
		v    Survey
		used []string
		left map[string]NotExamining
	}{
		"an instance": {
			Survey{Links: []Link{lo, link("eth0", "")}, Addresses: []Address{fixed("lo", "::1"), fixed("eth0", "fe80::1"), leased("eth0", "2001:db8::1")}, Routes: []Route{out("eth0")}},
			[]string{"eth0"},
			nil,
		},
		"two ENIs, the second by a table of its own": {
			Survey{Links: []Link{lo, link("eth1", ""), link("eth0", "")}, Addresses: []Address{leased("eth0", "2001:db8::1"), leased("eth1", "2001:db8::2")}, Routes: []Route{out("eth0"), route("eth1", "::/0", 10001, Forever)}},
			[]string{"eth0", "eth1"},
			nil,
		},
		"docker, whose IPv6 took the host's default route": {
			Survey{Links: []Link{lo, link("eth0", ""), link("docker0", "bridge"), port(link("veth1", "veth"), "bridge")}, Addresses: []Address{leased("eth0", "2001:db8::1"), fixed("docker0", "fd00::1")}},
			[]string{"eth0"},
			map[string]NotExamining{"docker0": ExamineInside},
		},
		"docker with addresses of the Internet": {
			Survey{Links: []Link{lo, link("eth0", ""), link("docker0", "bridge")}, Addresses: []Address{leased("eth0", "2001:db8::1"), fixed("docker0", "2001:db8:d0c::1")}, Routes: []Route{out("eth0")}},
			[]string{"eth0"},
			map[string]NotExamining{"docker0": ExamineInside},
		},
		"machines on a bridge that has the host's address": {
			Survey{Links: []Link{lo, port(link("eth0", ""), "bridge"), link("br0", "bridge"), port(link("vnet0", "tun"), "bridge")}, Addresses: []Address{fixed("br0", "2001:db8::1")}, Routes: []Route{out("br0")}},
			[]string{"br0"},
			map[string]NotExamining{"eth0": ExaminePort},
		},
		"the same without a default route: it hears a router": {
			Survey{Links: []Link{lo, link("br0", "bridge")}, Addresses: []Address{fixed("br0", "2001:db8::1")}, Routes: []Route{route("br0", "2001:db8::/64", MainTable, 7000)}},
			[]string{"br0"},
			nil,
		},
		"the same without a default route: IPv4 has one": {
			Survey{Links: []Link{lo, link("br0", "bridge"), link("virbr0", "bridge")}, Addresses: []Address{fixed("br0", "2001:db8::1"), fixed("virbr0", "fd00::1")}, Default4: "br0"},
			[]string{"br0"},
			map[string]NotExamining{"virbr0": ExamineInside},
		},
		"pods, each with the host's end": {
			Survey{Links: []Link{lo, link("eth0", ""), link("cali1", "veth"), link("veth2", "veth"), link("flannel.1", "vxlan")}, Addresses: []Address{leased("eth0", "2001:db8::1"), fixed("veth2", "fd00::1"), fixed("flannel.1", "fd00:1::")}, Routes: []Route{out("eth0"), route("cali1", "fd00::2/128", MainTable, Forever)}},
			[]string{"eth0"},
			map[string]NotExamining{"veth2": ExamineInside, "flannel.1": ExamineInside},
		},
		"inside a container": {
			Survey{Links: []Link{lo, link("eth0", "veth")}, Addresses: []Address{fixed("eth0", "fd00::2")}, Routes: []Route{out("eth0")}},
			[]string{"eth0"},
			nil,
		},
		"macvlan, bond and vlan": {
			Survey{Links: []Link{lo, port(link("eth0", ""), "bond"), link("bond0", "bond"), link("bond0.7", "vlan"), link("mv0", "macvlan")}, Addresses: []Address{fixed("bond0", "2001:db8::1"), fixed("bond0.7", "fd00:7::1"), fixed("mv0", "2001:db8::2")}},
			[]string{"bond0", "bond0.7", "mv0"},
			map[string]NotExamining{"eth0": ExaminePort},
		},
		"a VPN that takes everything": {
			Survey{Links: []Link{lo, link("eth0", ""), tunnel("wg0", "wireguard"), tunnel("sit0", "sit")}, Addresses: []Address{leased("eth0", "2001:db8::1"), fixed("wg0", "fd86::2")}, Routes: []Route{route("wg0", "::/0", 51820, Forever), out("eth0")}},
			[]string{"eth0"},
			map[string]NotExamining{"wg0": ExamineNoND},
		},
		"a NIC without IPv6, and one that is switched off": {
			Survey{Links: []Link{lo, link("eth0", ""), down, link("eth22", ""), link("lxcbr0", "bridge")}, Addresses: []Address{leased("eth0", "2001:db8::1"), fixed("eth22", "fe80::22")}, Routes: []Route{out("eth0")}},
			[]string{"eth0"},
			map[string]NotExamining{"eth1": ExamineDown, "eth22": ExamineLocal},
		},
		"a default route and no address yet": {
			Survey{Links: []Link{lo, link("eth0", "")}, Addresses: []Address{fixed("eth0", "fe80::1")}, Routes: []Route{out("eth0")}},
			[]string{"eth0"},
			nil,
		},
		"a refusal is no way out, nor an address that a check lends": {
			Survey{Links: []Link{lo, link("eth1", "")}, Addresses: []Address{temporary}, Routes: []Route{{Interface: "eth1", Dst: netip.MustParsePrefix("::/0"), Type: "unreachable", ExpiresS: Forever}}},
			nil,
			map[string]NotExamining{"eth1": ExamineLocal},
		},
		"more than are examined: those with a way out first": {
			Survey{Links: nics, Addresses: theirs, Routes: []Route{out("eth9"), route("eth8", "::/0", 100, Forever)}},
			[]string{"eth0", "eth1", "eth2", "eth3", "eth4", "eth5", "eth8", "eth9"},
			map[string]NotExamining{"eth6": ExamineMany, "eth7": ExamineMany},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // whatever order the kernel lists them in
				links, left := tt.v.Used()
				var used []string
				for _, l := range links {
					used = append(used, l.Interface)
				}
				why := map[string]NotExamining{}
				for _, x := range left {
					why[x.Interface] = x.Why
				}
				if !slices.Equal(used, tt.used) || fmt.Sprint(why) != fmt.Sprint(tt.left) || len(why) != len(left) {
					t.Errorf("used %v, left %v\nwant %v, %v", used, why, tt.used, tt.left)
				}
				slices.Reverse(tt.v.Links)
				slices.Reverse(tt.v.Routes)
			}
		})
	}
}

// TestNotExamined: what comes into use later is said, whatever was said of it before; what the user left
// out stays so.
func TestNotExamined(t *testing.T) {
	s := NewState()
	say := func(b Body) { s.Apply(Event{Seq: s.Seq + 1, Body: b}) }
	eth := func(name string) Link { return Link{Interface: name, Ethernet: true, Up: true} }
	address := func(name, a string) Address {
		return Address{Interface: name, Address: netip.MustParseAddr(a), PrefixLen: 64, Flags: Permanent, PreferredS: Forever, ValidS: Forever}
	}
	say(Run{Interfaces: []string{"eth0"}, NotExamined: []NotExamined{{Interface: "eth1", Why: ExamineUnasked}, {Interface: "eth2", Why: ExamineDown}}})
	for i, name := range []string{"eth0", "eth1", "eth2", "eth3"} {
		say(eth(name))
		say(address(name, fmt.Sprintf("fe80::%d", i+1)))
	}
	if got := fmt.Sprint(s.NotExamined()); got != "[{eth1 unasked } {eth2 down }]" {
		t.Errorf("before: %s", got)
	}
	for i, name := range []string{"eth0", "eth1", "eth2", "eth3"} {
		say(address(name, fmt.Sprintf("2001:db8::%d", i+1)))
	}
	if got := fmt.Sprint(s.NotExamined()); got != "[{eth1 unasked } {eth2 appeared } {eth3 appeared }]" {
		t.Errorf("after: %s", got)
	}
}
