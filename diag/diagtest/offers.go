package diagtest

import (
	"net/netip"

	"ndwhy/diag"
)

// What is announced and not in force, or in force and does harm.
var (
	// FarPrefix lies behind a router that announces the route to it, FarHost in it.
	FarPrefix = netip.MustParsePrefix("fd99:1:2:3::/64")
	FarHost   = netip.MustParseAddr("fd99:1:2:3::99")
	// OtherPrefix is a second router's, or was the link's before it got another; OtherAddr is of it.
	OtherPrefix = netip.MustParsePrefix("2001:db8:fff0:1::/64")
	OtherAddr   = netip.MustParseAddr("2001:db8:fff0:1:4df:a5ff:fe6c:5d57")
	SecondLocal = netip.MustParseAddr("fe80::400:ff:fe00:202")
	SecondMAC2  = diag.MAC{0x06, 0, 0, 0, 0x02, 0x02}
)

// settings are the interface's, as kernels have them that nobody told otherwise.
func settings() []diag.Body {
	var list []diag.Body
	for name, value := range map[string]string{
		"accept_ra_defrtr": "1", "accept_ra_pinfo": "1", "autoconf": "1", "accept_ra_rtr_pref": "1", "accept_ra_rt_info_min_plen": "0",
		"accept_ra_rt_info_max_plen": "0", "accept_ra_min_lft": "0", "accept_ra_mtu": "1", "accept_ra_min_hop_limit": "1",
		"max_addresses": "16", "hop_limit": "64", "mtu": "1500",
	} {
		list = append(list, diag.Sysctl{Scope: "eth0", Name: name, Value: value})
	}
	return list
}

// Set changes a setting of the interface.
func (w *World) Set(name, value string) *World {
	w.Drop(OfKind(func(x diag.Sysctl) bool { return x.Scope == "eth0" && x.Name == name }))
	return w.Say(diag.Sysctl{Scope: "eth0", Name: name, Value: value})
}

// Settled is a plain LAN of which the settings are known too.
func Settled() *World {
	w := LAN().Say(settings()...)
	return w.Drop(OfKind(func(l diag.Link) bool { return l.Interface == "eth0" })).
		Say(diag.Link{Interface: "eth0", Index: 2, MAC: MyMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true})
}

// BorderRouter is such a LAN on which another router announces the route to FarPrefix, and no way out; what is asked
// of FarHost, through the default router, comes out so.
func BorderRouter(outcome diag.Outcome) *World {
	w := Settled().Say(
		RaFrame(SecondLocal, SecondMAC2, diag.Advertisement{Routes: []diag.RouteInfo{{Prefix: FarPrefix, LifetimeS: 1800}}}),
		diag.Selection{Dst: FarHost, Source: Mine, Interface: "eth0", Via: RouterAddr},
	)
	p := diag.Path{
		Check: "internet", Asks: diag.AsksEcho, Source: Mine, SourceClass: diag.SourceUnknown, Target: FarHost, TargetClass: diag.TargetInternet,
		Given: true, Outcome: outcome,
	}
	if outcome == diag.Refused {
		p.Error = &diag.PathError{Type: diag.Unreachable, From: RouterAddr}
	}
	if outcome == diag.Silent {
		p.Sent = 14
	}
	w.Both(p)
	return w
}

// TwoPrefixes is such a LAN with a second router that has a prefix of its own, and an address of each on the host.
// The kernel hands all to the first; what is from the second's prefix comes out so.
func TwoPrefixes(outcome diag.Outcome) *World {
	w := Settled().Advertise(diag.Advertisement{
		Prefixes: []diag.PrefixInfo{{Prefix: Subnet, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}},
	}).Say(RaFrame(SecondLocal, SecondMAC2, diag.Advertisement{
		LifetimeS: 1800, Preference: "low", Prefixes: []diag.PrefixInfo{{Prefix: OtherPrefix, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}},
	}))
	return w.otherAddress(outcome)
}

// Renumbered is such a LAN that had another prefix before, of which the host still has an address.
func Renumbered(outcome diag.Outcome) *World {
	return Settled().Advertise(diag.Advertisement{
		Prefixes: []diag.PrefixInfo{{Prefix: Subnet, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}},
	}).otherAddress(outcome)
}

// otherAddress gives the host an address of OtherPrefix, and asks beyond from it.
func (w *World) otherAddress(outcome diag.Outcome) *World {
	w.Say(
		diag.Address{Interface: "eth0", Address: OtherAddr, PrefixLen: 64, PreferredS: 7000, ValidS: 7000, UpdatedS: 200},
		diag.Route{Interface: "eth0", Dst: OtherPrefix, Metric: 256, Table: diag.MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: 7000},
		diag.Selection{Dst: Host1, From: OtherAddr, Source: OtherAddr, Interface: "eth0", Via: RouterAddr},
	)
	p := diag.Path{
		Check: "source", Asks: diag.AsksEcho, Source: OtherAddr, SourceClass: diag.SourceUnknown, Target: Host1, TargetClass: diag.TargetInternet,
		Given: true, Outcome: outcome,
	}
	if outcome == diag.Silent {
		p.Sent = 14
	}
	w.Both(p)
	return w
}

// FewHops is such a LAN whose router announces a hop limit, which the kernel has taken.
func FewHops(hops string, announced int) *World {
	return Settled().Advertise(diag.Advertisement{
		HopLimit: announced, Prefixes: []diag.PrefixInfo{{Prefix: Subnet, OnLink: true, ValidS: 7200, PreferredS: 7200}},
	}).Set("hop_limit", hops)
}

// DieOnTheWay has what the kernel sends beyond the router die of its hop limit there.
func (w *World) DieOnTheWay() *World {
	return w.Each(func(p diag.Path) bool {
		return p.Via == diag.ViaKernel && p.TargetClass == diag.TargetInternet && p.SourceClass != diag.SourceCandidate
	}, func(p *diag.Path) {
		Silent(p)
		p.Outcome, p.Error = diag.Refused, &diag.PathError{Type: diag.TimeExceeded, From: RouterAddr}
	})
}

// NotOnLink is such a LAN whose router does not say that the hosts of its prefix are neighbours, as the host's own
// route has it.
func NotOnLink() *World {
	return Settled().Advertise(diag.Advertisement{Prefixes: []diag.PrefixInfo{{Prefix: Subnet, Autonomous: true, ValidS: 7200, PreferredS: 7200}}}).
		Say(diag.Selection{Dst: PeerGlobal, Source: Mine, Interface: "eth0"})
}

// Narrow is such a LAN whose router announces an MTU that the host does not use, while full packets are lost.
func Narrow(announced int, outcome diag.Outcome) *World {
	w := Settled().Advertise(diag.Advertisement{
		MTU: announced, Prefixes: []diag.PrefixInfo{{Prefix: Subnet, OnLink: true, ValidS: 7200, PreferredS: 7200}},
	})
	return w.Path(diag.Path{
		Check: "mtu", Asks: diag.AsksMTU, Source: Mine, SourceClass: diag.SourceUnknown, Target: Host1, TargetClass: diag.TargetInternet, Given: true,
		Outcome: outcome,
	})
}
