package diagtest

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// CauseTests have, for every cause, observations in which it holds. faults are all that is wrong:
// a cause that is not in the list must not be named with more than info.
var CauseTests = []struct {
	Name   string
	Cause  string
	World  func() *World
	Faults []string
	Sure   string // "" is not looked at
}{
	{Name: "hand-added address", Cause: "address.unassigned", Sure: "certain", Faults: []string{"address.unassigned"}, World: HandAdded},
	{Name: "another host has the MAC", Cause: "address.mac-duplicate", Sure: "certain", Faults: []string{"address.mac-duplicate"}, World: Cloned},
	{
		Name: "another host has the MAC, and answers go to it", Cause: "address.mac-duplicate", Sure: "certain", Faults: []string{"address.mac-duplicate"},
		World: func() *World {
			return Cloned().Each(func(p diag.Path) bool { return p.Asks == diag.AsksEcho && p.SourceClass == diag.SourceUnknown }, func(p *diag.Path) {
				p.Sent, p.Received = 4, 2
			})
		},
	},
	{
		Name: "a peer that failed over", Cause: "neighbour.stale-lladdr", Sure: "certain", Faults: []string{"neighbour.stale-lladdr"},
		World: func() *World {
			return Moved(PeerGlobal, OtherMAC).Silence(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Asks == diag.AsksEcho })
		},
	},
	{
		Name: "a router that failed over, and what was asked mended it", Cause: "neighbour.stale-lladdr", Sure: "likely", Faults: []string{"neighbour.stale-lladdr"},
		World: func() *World {
			return Moved(RouterAddr, OtherMAC).Say(diag.Neighbour{Interface: "eth0", Address: RouterAddr, MAC: RouterMAC, State: diag.Reachable, Router: true})
		},
	},
	{
		Name: "a router that failed over, and nothing beyond it is reached", Cause: "neighbour.stale-lladdr", Sure: "certain", Faults: []string{"neighbour.stale-lladdr"},
		World: func() *World {
			return Moved(RouterAddr, OtherMAC).Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
		},
	},
	{
		Name: "two answer for a peer", Cause: "address.duplicate", Sure: "certain", Faults: []string{"address.duplicate"},
		World: func() *World { return LAN().Say(Advertised(PeerGlobal, PeerMAC), Advertised(PeerGlobal, OtherMAC)) },
	},
	{
		Name: "another answers for what this host has", Cause: "address.duplicate", Sure: "certain", Faults: []string{"address.duplicate"},
		World: func() *World { return LAN().Say(Advertised(Mine, OtherMAC)) },
	},
	{Name: "a peer that only a question to its MAC reaches", Cause: "net.snooping", Sure: "likely", Faults: []string{"net.snooping"}, World: Forgotten},
	{
		Name:  "a peer that only a question to its MAC reaches, and that answers once it has found this host",
		Cause: "net.snooping", Sure: "likely", Faults: []string{"net.snooping"},
		World: func() *World {
			return Forgotten().Each(func(p diag.Path) bool {
				return p.Check == "peer-echo" && p.Target == PeerGlobal && p.Outcome == diag.Answered
			}, func(p *diag.Path) {
				p.Sent, p.Received = 14, 3
			})
		},
	},
	{
		Name: "a peer that only a question to its MAC reaches, and a querier", Cause: "net.snooping", Sure: "possible", Faults: []string{"net.snooping"},
		World: func() *World { return Forgotten().Say(Queried()) },
	},
	{Name: "a peer finds this host only when it is told", Cause: "net.snooping", Sure: "likely", Faults: []string{"net.snooping"}, World: Unfound},
	{
		Name: "the loopback interface is down", Cause: "host.loopback-down", Sure: "certain", Faults: []string{"host.loopback-down"},
		World: func() *World { return VPC().Say(diag.Link{Interface: "lo", Index: 1, MTU: 65536, Loopback: true}) },
	},
	{
		Name: "the rule for its own addresses comes last", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"},
		World: func() *World {
			return VPC().Say(localRule(40000), mainRule).Each(func(p diag.Path) bool { return p.Via == diag.ViaKernel && p.TargetClass != diag.TargetRouter }, Silent)
		},
	},
	{
		Name: "the rule for its own addresses was moved, and comes before the others", Cause: "net.per-address-filter", Faults: []string{},
		World: func() *World { return VPC().Say(localRule(32765), mainRule) },
	},
	{
		Name: "the loopback interface has no ::1", Cause: "host.loopback-down", Sure: "certain", Faults: []string{"host.loopback-down"},
		World: func() *World {
			return VPC().Say(diag.Link{Interface: "lo", Index: 1, MTU: 65536, Loopback: true, Up: true})
		},
	},
	{
		Name: "the loopback interface is up", Cause: "net.per-address-filter", Faults: []string{},
		World: func() *World {
			return VPC().Say(diag.Link{Interface: "lo", Index: 1, MTU: 65536, Loopback: true, Up: true}, diag.Address{
				Interface: "lo", Address: netip.IPv6Loopback(), PrefixLen: 128, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever,
			})
		},
	},
	{Name: "an interface that looks for no neighbours", Cause: "host.discovery-off", Sure: "certain", Faults: []string{"host.discovery-off"}, World: DiscoveryOff},
	{
		Name: "a rule of this host's writes a hop limit of one", Cause: "path.hop-limit", Sure: "certain", Faults: []string{"path.hop-limit"},
		World: func() *World {
			w := LAN().Say(diag.Frame{
				Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: Mine, Dst: Host1, SrcMAC: MyMAC, DstMAC: RouterMAC, HopLimit: 1, Raw: []byte{1},
			})
			left := int64(len(w.Bodies) + 1) // after the Run
			return w.Each(func(p diag.Path) bool { return To(Host1)(p) && p.Asks == diag.AsksEcho }, func(p *diag.Path) {
				p.Outcome, p.Received, p.Given, p.Evidence = diag.Refused, 0, true, []int64{left}
				p.Error = &diag.PathError{Type: diag.TimeExceeded, From: Subnet.Addr().Next()}
			})
		},
	},
	{
		Name: "an interface on which the kernel multicasts no solicitation", Cause: "host.discovery-off", Sure: "certain", Faults: []string{"host.discovery-off"},
		World: func() *World {
			return LAN().Say(diag.Sysctl{Scope: "eth0", Name: "neigh.mcast_solicit", Value: "0"}).Each(func(p diag.Path) bool {
				return p.Via != diag.ViaWire && p.Target == PeerGlobal
			}, func(p *diag.Path) {
				if Silent(p); p.Asks == diag.AsksND {
					p.Outcome, p.Detail, p.Sent = diag.Unsent, "not-seen-leaving", 0
				} else {
					p.Detail, p.Sent = diag.DetailUnresolved, 0
				}
			})
		},
	},
	{
		Name: "an interface on which a daemon solicits in the kernel's place", Cause: "net.open-link", Faults: []string{},
		World: func() *World { return LAN().Say(diag.Sysctl{Scope: "eth0", Name: "neigh.mcast_solicit", Value: "0"}) },
	},
	{Name: "an address that was left on a port", Cause: "host.address-on-port", Sure: "certain", Faults: []string{"host.address-on-port"}, World: OnPort},
	{Name: "hosts are kept apart", Cause: "peer.isolated", Sure: "likely", Faults: []string{"peer.isolated"}, World: Isolated},
	{
		Name: "an address with a prefix where none is on the link", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"},
		World: func() *World { return NothingOnLink(64) },
	},
	{Name: "a neighbour that is sent to by way of the router", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"}, World: ByRouter},
	{
		Name: "a host beyond the router that is silent, and not found on the link either", Cause: "peer.echo-blocked", Faults: []string{"peer.echo-blocked"},
		World: func() *World {
			return ByRouter().Each(func(p diag.Path) bool {
				return p.Target == PeerGlobal && p.Asks == diag.AsksND && p.Via == diag.ViaWire
			}, Silent)
		},
	},
	{Name: "its own solicitation, looped back", Cause: "address.looped-back", Sure: "certain", Faults: []string{"address.looped-back"}, World: LoopedBack},
	{
		Name: "hand-added address that the kernel prefers", Cause: "host.source-selection", Sure: "certain",
		Faults: []string{"address.unassigned", "host.source-selection"},
		World: func() *World {
			return HandAdded().Say(diag.Selection{Dst: Host1, Source: Hand, Interface: "eth0", Via: RouterAddr})
		},
	},
	{
		Name: "temporary address that the kernel prefers", Cause: "host.source-selection", Sure: "certain",
		Faults: []string{"address.unassigned", "host.source-selection"},
		World: func() *World {
			a := ByHand(Hand, 64)
			a.Flags, a.PreferredS, a.ValidS = diag.Temporary, 86400, 604800
			return HandAdded().Say(a, diag.Sysctl{Scope: "eth0", Name: "use_tempaddr", Value: "2"}, diag.Selection{Dst: Host1, Source: Hand, Interface: "eth0", Via: RouterAddr})
		},
	},
	{
		Name: "a route that names the link-local address as its source", Cause: "host.source-selection", Sure: "likely", Faults: []string{"host.source-selection"},
		World: func() *World { return NearSource(MyLocal, diag.Silent) },
	},
	{
		Name: "the same, and no other address was tried", Cause: "host.source-selection", Sure: "likely", Faults: []string{"host.source-selection"},
		World: func() *World {
			w := NearSource(MyLocal, diag.Silent)
			w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet && p.Via != diag.ViaApp })
			return w
		},
	},
	{
		Name: "a route that names the global address as its source", Cause: "net.open-link", Faults: []string{},
		World: func() *World { return NearSource(Mine, diag.Answered) },
	},
	{
		Name: "deprecated, so that the kernel takes another interface's address", Cause: "host.source-selection", Sure: "certain",
		Faults: []string{"host.source-selection"}, World: Aside,
	},
	{
		Name: "spoofed advertisement", Cause: "link.spoofed", Sure: "certain", Faults: []string{},
		World: func() *World {
			f := RaFrame(PeerLocal, PeerMAC, VpcRA())
			f.HopLimit, f.Bad = 254, "hop limit 254, not 255: it did not come from this link"
			return LAN().Say(f)
		},
	},
	{
		Name: "advertisement with a wrong checksum", Cause: "link.spoofed", Sure: "certain", Faults: []string{},
		World: func() *World {
			f := RaFrame(PeerLocal, PeerMAC, VpcRA())
			f.Bad = diag.BadChecksum
			return LAN().Say(f)
		},
	},
	{
		Name: "flood of solicitations", Cause: "link.flood", Sure: "certain", Faults: []string{"link.flood"},
		World: func() *World {
			return VPC().Say(Flooded(diag.NS, 2000, 1), Flooded(diag.NA, 700, 500))
		},
	},
	{
		Name: "flood of routers", Cause: "link.flood", Sure: "certain", Faults: []string{"link.flood"},
		World: func() *World {
			return VPC().Say(Crowd{Routers: 300}.Bodies()...).Say(Flooded(diag.RA, 800, 800))
		},
	},
	{
		Name: "a flood that takes what others answer", Cause: "link.flood", Sure: "certain", Faults: []string{"link.flood"},
		World: func() *World { return lossy(VPC(), 2).Say(Flooded(diag.NS, 20_000, 1)) },
	},
	{
		Name: "a flood that takes all", Cause: "link.flood", Sure: "certain", Faults: []string{"link.flood"},
		World: func() *World {
			return VPC().Each(answersOurs, func(p *diag.Path) {
				Silent(p)
				if p.Via == diag.ViaKernel && p.Target == PeerGlobal && p.Asks == diag.AsksEcho {
					p.Outcome, p.Sent, p.Detail = diag.Unsent, 0, "not-seen-leaving"
				}
			}).Say(Flooded(diag.NS, 20_000, 1))
		},
	},
	{
		Name: "a flood that takes what came for the kernel", Cause: "link.flood", Sure: "certain", Faults: []string{"link.flood"},
		World: func() *World {
			return lossy(VPC(), 2).Each(func(p diag.Path) bool {
				return p.Via == diag.ViaKernel && p.Target == Host1 && p.Asks == diag.AsksEcho && answersOurs(p)
			}, func(p *diag.Path) {
				Silent(p)
				p.Sent = 2
			}).Say(Flooded(diag.NS, 20_000, 1))
		},
	},
	{
		Name: "a flood does not hide a peer that is gone", Cause: "peer.unmapped", Faults: []string{"link.flood", "peer.unmapped"},
		World: func() *World { return lossy(VPC(), 3).Silence(To(PeerLocal)).Say(Flooded(diag.NS, 20_000, 1)) },
	},
	{
		Name: "traces of a flood of routers", Cause: "link.flood", Sure: "certain", Faults: []string{"link.flood"},
		World: func() *World {
			return LAN().Say(Crowd{Routers: 300}.Bodies()...).Drop(OfKind(func(f diag.Frame) bool { return f.Src != RouterAddr }))
		},
	},
	{
		Name: "assigned and absent", Cause: "address.not-configured", Sure: "certain", Faults: []string{"address.not-configured"},
		World: func() *World { return VPC().Assign(Mine, PeerSecond) },
	},
	{
		Name: "assigned and routed to a container", Cause: "address.not-configured", Faults: []string{},
		World: func() *World {
			return VPC().Assign(Mine, PeerSecond).Say(diag.Route{
				Interface: "veth1", Dst: netip.PrefixFrom(PeerSecond, 128), Table: diag.MainTable, Type: "unicast", ExpiresS: diag.Forever,
			})
		},
	},
	{
		Name: "other interface's address", Cause: "address.wrong-interface", Sure: "certain",
		Faults: []string{"address.wrong-interface"},
		World: func() *World {
			return VPC().Run2().Say(ByHand(Hand, 128)).Say(diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{
				{MAC: MyMAC, ID: "eni-0123", Addresses: []netip.Addr{Mine}, Subnets: []netip.Prefix{Subnet}},
				{MAC: OtherMAC, ID: "eni-4567", Addresses: []netip.Addr{Hand}, Subnets: []netip.Prefix{Subnet}},
			}}).Say(diag.Link{Interface: "eth1", MAC: OtherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true}).
				Say(diag.Address{Interface: "eth1", Address: OtherMAC.LinkLocal(), PrefixLen: 64, PreferredS: diag.Forever, ValidS: diag.Forever, Flags: diag.Permanent})
		},
	},
	{
		Name: "DAD failed", Cause: "address.duplicate", Sure: "certain", Faults: []string{"address.duplicate"},
		World: func() *World {
			a := ByHand(Hand, 64)
			a.Flags |= diag.DADFailed | diag.Tentative
			return VPC().Say(a)
		},
	},
	{
		Name: "DAD failed and only the deletion tells", Cause: "address.duplicate", Sure: "certain", Faults: []string{"address.duplicate"},
		World: func() *World {
			a := Leased(Mine)
			a.Flags |= diag.DADFailed | diag.Tentative
			a.Gone = true
			return VPC().NoAddress().Say(a)
		},
	},
	{
		Name: "assigned, absent, answered by somebody else", Cause: "address.duplicate", Sure: "certain", Faults: []string{"address.duplicate"},
		World: func() *World {
			return VPC().Assign(Mine, PeerSecond).Path(diag.Path{
				Check: "assignment", Asks: diag.AsksND, Source: Mine, Target: PeerSecond, TargetClass: diag.TargetPeer,
				Responders: []diag.Responder{{Address: PeerSecond, MAC: PeerMAC}},
			})
		},
	},
	{
		Name: "lease not renewed, and deprecated meanwhile", Cause: "address.expiring", Sure: "certain", Faults: []string{"address.expiring"},
		World: func() *World {
			a, over := Leased(Mine), Leased(Mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 3, 330, 117
			over.PreferredS, over.ValidS, over.UpdatedS, over.Flags = 0, 330, 117.1, diag.Deprecated
			return VPC().Say(a, over)
		},
	},
	{
		Name: "an address that ends in a moment, and of which no lease is known", Cause: "address.expiring", Sure: "likely", Faults: []string{"address.expiring"},
		World: func() *World {
			a := Leased(Mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 6, 12, 1
			return LAN().Drop(OfKind(func(x diag.Address) bool { return x.Address == Mine })).Say(a)
		},
	},
	{
		Name: "an address that ends in a moment, with a client that renews it", Cause: "net.open-link", Faults: []string{},
		World: func() *World {
			a := Leased(Mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 6, 12, 1
			return LAN().Drop(OfKind(func(x diag.Address) bool { return x.Address == Mine })).Say(a, diag.Manager{Interface: "eth0", Name: "dhcpcd"})
		},
	},
	{
		Name: "lease not renewed", Cause: "address.expiring", Sure: "certain", Faults: []string{"address.expiring"},
		World: func() *World {
			a := Leased(Mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 20, 330, 120
			return VPC().Drop(OfKind(func(x diag.Address) bool { return x.Address == Mine })).Say(a)
		},
	},
	{
		Name: "the VPC's own address", Cause: "address.reserved", Sure: "certain", Faults: []string{"address.reserved"},
		World: func() *World {
			return VPC().Say(ByHand(netip.MustParseAddr("2001:db8:1f16:8df::1"), 64))
		},
	},
	{
		Name: "the subnet's last address", Cause: "address.reserved", Faults: []string{"address.reserved"},
		World: func() *World {
			return VPC().Say(ByHand(netip.MustParseAddr("2001:db8:1f16:8df:ffff:ffff:ffff:ffff"), 64))
		},
	},
	{
		Name: "stable-privacy link-local", Cause: "address.link-local-not-eui64", Sure: "likely", Faults: []string{"address.link-local-not-eui64"},
		World: func() *World {
			return VPC().Say(ByHand(netip.MustParseAddr("fe80::dead:beef"), 64))
		},
	},
	{
		Name: "stable-privacy link-local, and an advertisement to all comes after its solicitation", Cause: "address.link-local-not-eui64",
		Sure: "likely", Faults: []string{"address.link-local-not-eui64"},
		World: func() *World {
			local := netip.MustParseAddr("fe80::dead:beef")
			return VPC().Say(ByHand(local, 64)).Path(diag.Path{
				Check: "ra", Asks: diag.AsksRS, Source: local, SourceClass: diag.SourceUnassigned, Target: diag.AllRouters, TargetClass: diag.TargetRouter,
				Responders: []diag.Responder{{Address: RouterAddr, MAC: RouterMAC}},
			})
		},
	},
	{
		Name: "nothing assigned", Cause: "assignment.none", Sure: "certain", Faults: []string{"assignment.none"},
		World: func() *World { return VPC().Assign().NoAddress() },
	},
	{
		Name: "no router", Cause: "router.no-advertisement", Sure: "likely", Faults: []string{"router.no-advertisement"},
		World: NoRouter,
	},
	{
		Name: "no router for long", Cause: "router.no-advertisement", Sure: "certain", Faults: []string{"router.no-advertisement"},
		World: func() *World {
			w := NoRouter()
			for range 3 {
				w.Say(diag.Frame{Interface: "eth0", Out: true, Type: diag.RS, Src: MyLocal, Dst: diag.AllRouters})
			}
			for range 12000 {
				w.Say(diag.Tick{})
			}
			w.Elapsed = 30 * time.Second
			return w.Say(diag.Frame{Interface: "eth0", Out: true, Type: diag.RS, Src: MyLocal, Dst: diag.AllRouters})
		},
	},
	{
		Name: "forwarding makes the kernel deaf", Cause: "router.advertisement-ignored", Sure: "certain",
		Faults: []string{"router.advertisement-ignored"},
		World: func() *World {
			return VPC().NoDefault().Say(diag.Sysctl{Scope: "eth0", Name: "forwarding", Value: "1"})
		},
	},
	{
		Name: "accept_ra off and nobody else listens", Cause: "router.advertisement-ignored", Sure: "certain",
		Faults: []string{"router.advertisement-ignored"},
		World: func() *World {
			return VPC().NoDefault().Say(diag.Sysctl{Scope: "eth0", Name: "accept_ra", Value: "0"})
		},
	},
	{
		Name: "the router withdraws", Cause: "router.not-default", Sure: "certain", Faults: []string{"router.not-default"},
		World: func() *World {
			ra := VpcRA()
			ra.LifetimeS = 0
			return VPC().NoDefault().Say(RaFrame(RouterAddr, RouterMAC, ra))
		},
	},
	{
		Name: "accepted and yet no route", Cause: "route.missing", Sure: "certain", Faults: []string{"route.missing"},
		World: func() *World { return VPC().NoDefault() },
	},
	{
		Name: "the router does not resolve", Cause: "router.unresolvable", Sure: "certain", Faults: []string{"router.unresolvable"},
		World: func() *World {
			return VPC().Silence(func(p diag.Path) bool {
				return p.Target == RouterAddr && p.Asks != diag.AsksRS || p.TargetClass == diag.TargetInternet
			}).Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet && p.Via == diag.ViaKernel }, func(p *diag.Path) { p.Detail = "unresolved" })
		},
	},
	{
		Name: "the router does not resolve any more, and the kernel has not noticed", Cause: "router.unresolvable",
		Sure: "certain", Faults: []string{"router.unresolvable"},
		World: func() *World {
			toIt := func(p diag.Path) bool { return p.Target == RouterAddr && p.Asks != diag.AsksRS }
			return VPC().Silence(toIt).Each(toIt, func(p *diag.Path) {
				if p.Via == diag.ViaKernel {
					p.NUD = diag.Reachable
				}
			})
		},
	},
	{
		Name: "a second router in a VPC", Cause: "router.rogue", Sure: "certain", Faults: []string{"router.rogue"},
		World: func() *World {
			return VPC().Say(RaFrame(netip.MustParseAddr("fe80::bad"), PeerMAC, diag.Advertisement{LifetimeS: 1800, Preference: "high"}))
		},
	},
	{
		Name: "a second router on a LAN", Cause: "router.rogue", Faults: []string{},
		World: func() *World {
			return LAN().Say(RaFrame(PeerLocal, PeerMAC, diag.Advertisement{LifetimeS: 1800}))
		},
	},
	{
		Name: "no DHCPv6 client", Cause: "dhcpv6.no-client", Sure: "certain", Faults: []string{"dhcpv6.no-client"},
		World: func() *World {
			return VPC().NoAddress().Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(Mine, 128)}}}).
				Path(diag.Path{Check: "dhcpv6", Asks: diag.AsksDHCP, Source: MyLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: diag.TargetService}).
				Say(NoDHCPv6Client())
		},
	},
	{
		Name: "an offer that nobody takes in so short a time", Cause: "dhcpv6.no-client", Sure: "possible", Faults: []string{"dhcpv6.no-client"},
		World: func() *World {
			w := VPC().NoAddress().Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(Mine, 128)}}})
			w.Elapsed = 300 * time.Millisecond
			return w
		},
	},
	{
		Name: "a DHCPv6 client at work, and no lease", Cause: "dhcpv6.client-fails", Sure: "likely", Faults: []string{"dhcpv6.client-fails"},
		World: func() *World { return LeaseOf(PeerSecond).Say(diag.Manager{Interface: "eth0", Name: "dhclient"}) },
	},
	{
		Name: "an offer of what another host has", Cause: "address.duplicate", Sure: "certain", Faults: []string{"address.duplicate"},
		World: func() *World {
			return LeaseOf(PeerSecond).Say(diag.Manager{Interface: "eth0", Name: "dhclient"}).Path(diag.Path{
				Check: "assignment", Asks: diag.AsksND, Source: MyLocal, SourceClass: diag.SourceUnknown, Target: PeerSecond, TargetClass: diag.TargetPeer,
				Responders: []diag.Responder{{Address: PeerSecond, MAC: PeerMAC}},
			})
		},
	},
	{
		Name: "an offer that nobody takes", Cause: "dhcpv6.no-client", Sure: "likely", Faults: []string{"dhcpv6.no-client"},
		World: func() *World {
			return VPC().NoAddress().Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(Mine, 128)}}})
		},
	},
	{
		Name: "a DHCPv6 client that nobody answers", Cause: "dhcpv6.client-fails", Sure: "likely", Faults: []string{"dhcpv6.client-fails"},
		World: func() *World {
			return VPC().NoAddress().Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(Mine, 128)}}}).
				Say(diag.Frame{
					Interface: "eth0", Out: true, Type: diag.DHCPv6Frame, Src: MyLocal, SrcMAC: MyMAC, HopLimit: 1, Raw: []byte{4},
					DHCPv6: &diag.DHCPv6{Message: "solicit", Transaction: "abcdef"},
				})
		},
	},
	{
		Name: "no DHCPv6 server", Cause: "dhcpv6.silent", Sure: "certain", Faults: []string{"dhcpv6.silent"},
		World: func() *World {
			return VPC().NoAddress().Path(diag.Path{
				Check: "dhcpv6", Asks: diag.AsksDHCP, Source: MyLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: diag.TargetService, Outcome: diag.Silent,
			})
		},
	},
	{
		Name: "no DHCPv6 answer, where some answers get lost", Cause: "dhcpv6.silent", Sure: "possible", Faults: []string{"dhcpv6.silent"},
		World: func() *World {
			return VPC().NoAddress().Each(func(p diag.Path) bool { return p.Target == PeerLocal && p.Asks == diag.AsksEcho && answersOurs(p) }, func(p *diag.Path) {
				p.Sent, p.Received = 4, 2
			}).Path(diag.Path{
				Check: "dhcpv6", Asks: diag.AsksDHCP, Source: MyLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: diag.TargetService, Outcome: diag.Silent, Sent: 3,
			})
		},
	},
	{
		Name: "a DHCPv6 server without an address", Cause: "dhcpv6.no-address", Sure: "certain", Faults: []string{"dhcpv6.no-address"},
		World: func() *World {
			return VPC().NoAddress().Offer(diag.DHCPv6{Message: "advertise", Status: "NoAddrsAvail"}).
				Path(diag.Path{Check: "dhcpv6", Asks: diag.AsksDHCP, Source: MyLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: diag.TargetService, Detail: "no-address"})
		},
	},
	{
		Name: "nothing assigned, as the DHCPv6 server says too", Cause: "assignment.none", Faults: []string{"assignment.none"},
		World: func() *World {
			return VPC().Assign().NoAddress().Offer(diag.DHCPv6{Message: "advertise", Status: "NoAddrsAvail"}).
				Path(diag.Path{Check: "dhcpv6", Asks: diag.AsksDHCP, Source: MyLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: diag.TargetService, Detail: "no-address"})
		},
	},
	{
		Name: "no DHCPv6 client, and a second address that none would ask for", Cause: "address.not-configured", Sure: "certain",
		Faults: []string{"address.not-configured", "dhcpv6.no-client"},
		World: func() *World {
			return VPC().Assign(Mine, PeerSecond).NoAddress().Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(Mine, 128)}}})
		},
	},
	{
		Name: "an address that is lost when the server has offered it", Cause: "address.not-configured", Sure: "certain",
		Faults: []string{"address.not-configured"},
		World: func() *World {
			gone := Leased(Mine)
			gone.Gone = true
			return VPC().NoAddress().Say(Leased(Mine)).Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(Mine, 128)}}}).Say(gone)
		},
	},
	{
		Name: "peer that does not exist", Cause: "peer.unmapped", Sure: "likely", Faults: []string{"peer.unmapped"},
		World: func() *World {
			return VPC().Silence(To(PeerGlobal)).
				Each(func(p diag.Path) bool {
					return p.Target == PeerGlobal && p.Via == diag.ViaKernel && p.Asks == diag.AsksEcho
				}, func(p *diag.Path) { p.Detail, p.Sent = "unresolved", 0 })
		},
	},
	{
		Name: "a peer whose filter drops solicitations, and whose MAC is known", Cause: "peer.unmapped", Sure: "likely", Faults: []string{"peer.unmapped"},
		World: func() *World {
			return LAN().Silence(func(p diag.Path) bool { return p.Target == PeerLocal && p.Asks == diag.AsksND }).
				Say(diag.Frame{Interface: "eth0", Type: diag.EchoReply, Src: PeerLocal, Dst: MyLocal, SrcMAC: PeerMAC, DstMAC: MyMAC, HopLimit: 64})
		},
	},
	{
		Name: "peer behind a security group", Cause: "peer.echo-blocked", Sure: "likely", Faults: []string{"peer.echo-blocked"},
		World: func() *World {
			return VPC().Silence(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Asks == diag.AsksEcho })
		},
	},
	{
		Name: "echoes that another host never saw", Cause: "far.not-arrived", Sure: "certain", Faults: []string{"far.not-arrived"},
		World: func() *World { return EchoSilent().Watched(ToNobody) },
	},
	{
		Name: "echoes that another host did not answer", Cause: "far.not-answered", Sure: "certain", Faults: []string{"far.not-answered"},
		World: func() *World { return EchoSilent().Watched(ToThere) },
	},
	{
		Name: "answers that left another host and never came", Cause: "far.answer-lost", Sure: "certain", Faults: []string{"far.answer-lost"},
		World: func() *World { return EchoSilent().Watched(BackThere) },
	},
	{
		Name: "echoes of another host that never arrive here", Cause: "far.call-lost", Sure: "certain", Faults: []string{"far.call-lost"},
		World: func() *World { return VPC().Watched(BackHere).Called(ToNobody) },
	},
	{
		Name: "answers to another host that never arrive there", Cause: "far.call-lost", Sure: "certain", Faults: []string{"far.call-lost"},
		World: func() *World { return VPC().Watched(BackHere).Called(BackThere) },
	},
	{
		Name: "an address of a peer that answers only some pings", Cause: "peer.echo-blocked", Sure: "possible", Faults: []string{"peer.echo-blocked"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Asks == diag.AsksEcho && answersOurs(p) }, func(p *diag.Path) {
				p.Sent, p.Received = 4, 2
			}).Silence(func(p diag.Path) bool { return p.Target == PeerLocal && p.Asks == diag.AsksEcho })
		},
	},
	{
		Name: "a peer of which the kernel knew before, and nobody asks", Cause: "peer.echo-blocked", Sure: "possible", Faults: []string{"peer.echo-blocked"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Asks == diag.AsksND }, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Detail, p.Sent = diag.OutcomeSkipped, "already-resolved", 0
			}).Each(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Asks == diag.AsksEcho && answersOurs(p) }, func(p *diag.Path) {
				Silent(p)
				p.NUD = diag.Stale
			})
		},
	},
	{
		Name: "peer beyond the router", Cause: "peer.echo-blocked", Sure: "possible", Faults: []string{"peer.echo-blocked"},
		World: func() *World { return VPC().FarPeer(diag.Silent) },
	},
	{
		Name: "peer beyond the router, and nothing else there answers", Cause: "path.beyond-router", Faults: []string{"path.beyond-router"},
		World: func() *World {
			return VPC().FarPeer(diag.Silent).Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
		},
	},
	{
		Name: "nothing beyond the router", Cause: "path.beyond-router", Sure: "likely", Faults: []string{"path.beyond-router"},
		World: func() *World {
			return VPC().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }).Path(diag.Path{
				Check: "internet", Asks: diag.AsksTCP, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaKernel, Outcome: diag.Silent, Sent: 4,
			})
		},
	},
	{
		Name: "nothing beyond the router, and another leads out", Cause: "path.beyond-router", Sure: "certain", Faults: []string{"path.beyond-router"},
		World: func() *World {
			w := LAN().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }).Say(diag.Route{
				Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: PeerLocal, Metric: 2048, Table: diag.MainTable, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever,
			})
			for router, outcome := range map[netip.Addr]diag.Outcome{RouterAddr: diag.Silent, PeerLocal: diag.Answered} {
				w.Path(diag.Path{
					Check: "internet", Asks: diag.AsksWayOut, Source: Mine, SourceClass: diag.SourceUnknown, Target: router, TargetClass: diag.TargetRouter,
					Outcome: outcome, Sent: 2, Note: Host1.String(),
				})
			}
			return w
		},
	},
	{
		Name: "the queue throws all frames away", Cause: "host.egress-hook", Sure: "likely", Faults: []string{"host.egress-hook"},
		World: func() *World {
			return LAN().Each(func(p diag.Path) bool { return p.Outcome != diag.OutcomeSkipped }, func(p *diag.Path) {
				Silent(p)
				p.Sent = 0
				if p.Via == diag.ViaWire {
					p.Outcome, p.Detail = diag.Unsent, "not-seen-leaving"
				}
			})
		},
	},
	{
		Name: "one of two routers that are used in turn leads nowhere", Cause: "path.beyond-router", Sure: "certain", Faults: []string{"path.beyond-router"},
		World: func() *World { return InTurn(diag.Silent) },
	},
	{
		Name: "two routers that are used in turn both lead out", Cause: "net.open-link", Faults: []string{},
		World: func() *World { return InTurn(diag.Answered) },
	},
	{
		Name: "nothing beyond the router, of which echo alone was asked", Cause: "path.beyond-router", Sure: "possible", Faults: []string{"path.beyond-router"},
		World: func() *World {
			return VPC().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
		},
	},
	{
		Name: "refused on the way", Cause: "path.refused", Sure: "certain", Faults: []string{"path.refused"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool {
				return p.TargetClass == diag.TargetInternet && p.SourceClass == diag.SourceAssigned
			}, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Error = diag.Refused, &diag.PathError{Type: diag.Unreachable, Code: 1, From: RouterAddr}
			})
		},
	},
	{
		Name: "large packets vanish", Cause: "path.mtu", Sure: "likely", Faults: []string{"path.mtu"},
		World: func() *World {
			return VPC().Path(diag.Path{Check: "mtu", Asks: diag.AsksMTU, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Silent})
		},
	},
	{
		Name: "the interface takes no full-size packets", Cause: "path.mtu", Sure: "certain", Faults: []string{"path.mtu"},
		World: func() *World {
			w := VPC()
			for target, class := range map[netip.Addr]diag.TargetClass{PeerGlobal: diag.TargetPeer, Host1: diag.TargetInternet} {
				w.Path(diag.Path{
					Check: "mtu", Asks: diag.AsksMTU, Via: diag.ViaWire, Source: Mine, SourceClass: diag.SourceAssigned, Target: target, TargetClass: class,
					Given: true, Outcome: diag.Unsent, Errno: "ENOBUFS",
				})
			}
			return w
		},
	},
	{
		Name: "30 % loss", Cause: "path.lossy", Sure: "certain", Faults: []string{"path.lossy"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool {
				return p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Answered && p.Asks == diag.AsksEcho
			}, func(p *diag.Path) {
				p.Sent, p.Received = 12, 8
			})
		},
	},
	{
		Name: "30 % loss takes the kernel's three solicitations", Cause: "path.lossy", Sure: "certain", Faults: []string{"path.lossy"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool {
				return p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Answered && p.Reaches()
			}, func(p *diag.Path) {
				p.Sent, p.Received = 4, 2
				if p.Via == diag.ViaKernel && p.Target == PeerGlobal {
					Silent(p)
					p.Sent = 3
				}
			})
		},
	},
	{
		Name: "30 % loss takes a router solicitation", Cause: "path.lossy", Sure: "certain", Faults: []string{"path.lossy"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool { return p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Answered }, func(p *diag.Path) {
				p.Sent, p.Received = 4, 2
				if p.Asks == diag.AsksRS {
					Silent(p)
					p.Sent = 3
				}
			})
		},
	},
	{
		Name: "30 % loss takes what a DHCPv6 server was asked", Cause: "path.lossy", Sure: "certain", Faults: []string{"path.lossy"},
		World: func() *World {
			return VPC().Path(diag.Path{Check: "dhcpv6", Asks: diag.AsksDHCP, Outcome: diag.Silent, Sent: 3, Source: MyLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: diag.TargetService}).
				Each(func(p diag.Path) bool { return p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Answered }, func(p *diag.Path) {
					p.Sent, p.Received = 4, 2
				})
		},
	},
	{
		Name: "loss does not hide a peer that is gone", Cause: "peer.unmapped", Faults: []string{"path.lossy", "peer.unmapped"},
		World: func() *World {
			return lossy(VPC(), 3).Silence(To(PeerLocal))
		},
	},
	{
		Name: "IPv6 off", Cause: "host.ipv6-disabled", Sure: "certain", Faults: []string{"host.ipv6-disabled"},
		World: func() *World {
			w := VPC().Drop(OfKind(func(diag.Address) bool { return true })).NoDefault().Say(diag.Sysctl{Scope: "eth0", Name: "disable_ipv6", Value: "1"})
			w.Paths = nil
			return w
		},
	},
	{
		Name: "no carrier", Cause: "host.link-down", Sure: "certain", Faults: []string{"host.link-down"},
		World: func() *World {
			w := VPC().NoDefault().NoAddress().Say(diag.Link{Interface: "eth0", MAC: MyMAC, MTU: 9001, Up: true, Ethernet: true})
			w.Paths = nil
			return w
		},
	},
	{
		Name: "nft drops NA", Cause: "host.firewall", Sure: "certain", Faults: []string{"host.firewall"},
		World: func() *World {
			return VPC().Say(diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "icmpv6 type nd-neighbor-advert drop", Handle: 7, Verdict: "drop", Matches: []string{"na"}}).
				KernelDeaf("unresolved")
		},
	},
	{
		Name: "nft drops NS out", Cause: "host.firewall", Sure: "certain", Faults: []string{"host.firewall"},
		World: func() *World {
			return VPC().Say(diag.Filter{Table: "ip6 filter", Chain: "OUTPUT", Hook: "output", Rule: "icmpv6 type nd-neighbor-solicit drop", Verdict: "drop", Matches: []string{"ns"}}).
				Each(func(p diag.Path) bool { return p.Via == diag.ViaKernel && p.Asks == diag.AsksND }, func(p *diag.Path) {
					Silent(p)
					p.Outcome, p.Sent, p.Detail = diag.Unsent, 0, "not-seen-leaving"
				}).KernelDeaf("unresolved")
		},
	},
	{
		Name: "nft drops echo replies", Cause: "host.firewall", Sure: "certain", Faults: []string{"host.firewall"},
		World: func() *World {
			return VPC().Say(diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "drop", Verdict: "drop", Matches: []string{"echo-reply"}}).
				KernelDeaf("")
		},
	},
	{
		Name: "nft drops answers that nobody knows the question of", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World {
			return VPC().Say(diag.Filter{
				Table: "inet filter", Chain: "input", Hook: "input", Rule: "ct state invalid drop", Handle: 7, Verdict: "drop", Matches: []string{}, Invalid: []string{"echo-reply"},
			}).KernelDeaf("")
		},
	},
	{
		Name: "a rule that concerns the peer alone", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World { return Suspect(ForPeer("drop")) },
	},
	{
		Name: "a rule by which a program decides", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World { return Suspect(ForPeer("queue")) },
	},
	{
		Name: "a rule that sends packets elsewhere", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World { return Suspect(ForPeer("translate")) },
	},
	{
		Name: "a policy of IPsec", Cause: "host.firewall", Sure: "certain", Faults: []string{"host.firewall"},
		World: func() *World {
			return Suspect(diag.Filter{}).Say(diag.Filter{
				Table: "ipsec", Chain: "policy out", Hook: "output", Rule: "src ::/0 dst ::/0 dir out action block", Handle: 1, Tool: diag.ToolIPsec, Verdict: "drop",
				Matches: []string{"ns", "echo-request"},
			})
		},
	},
	{
		Name: "no room to track another connection", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World {
			return VPC().Say(diag.TableUse{Tracked: 65536, TrackedMost: 65536}).Each(func(p diag.Path) bool {
				return p.Via == diag.ViaKernel && p.Asks == diag.AsksEcho && p.SourceClass == diag.SourceAssigned
			}, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "EPERM"
			})
		},
	},
	{
		Name: "echo is not permitted", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool {
				return p.Via == diag.ViaKernel && p.Asks == diag.AsksEcho && p.SourceClass == diag.SourceAssigned
			}, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "EPERM"
			})
		},
	},
	{
		Name: "tc drops what leaves", Cause: "host.egress-hook", Sure: "certain", Faults: []string{"host.egress-hook"},
		World: func() *World {
			return VPC().Each(func(p diag.Path) bool { return p.Asks != diag.AsksDAD }, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Sent, p.Detail = diag.Unsent, 0, "not-seen-leaving"
				if p.Via == diag.ViaWire {
					p.Errno, p.Detail = "ENOBUFS", ""
				}
			})
		},
	},
	{
		Name: "static entry", Cause: "host.neighbour-override", Sure: "certain", Faults: []string{"host.neighbour-override"},
		World: func() *World {
			return VPC().Say(diag.Neighbour{Interface: "eth0", Address: PeerGlobal, MAC: OtherMAC, State: diag.PermanentNUD}).
				Each(func(p diag.Path) bool {
					return p.Target == PeerGlobal && p.Via == diag.ViaKernel && p.Asks == diag.AsksEcho
				}, func(p *diag.Path) { Silent(p) }).
				Each(func(p diag.Path) bool {
					return p.Target == PeerGlobal && p.Via == diag.ViaKernel && p.Asks == diag.AsksND
				}, func(p *diag.Path) { p.Outcome, p.Detail = diag.OutcomeSkipped, "already-resolved" })
		},
	},
	{
		Name: "table full", Cause: "host.neighbour-table-full", Sure: "certain", Faults: []string{"host.neighbour-table-full"},
		World: func() *World {
			return VPC().Say(diag.TableUse{Entries: 1024, Thresh3: 1024, TableFulls: 4}).
				Each(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Via == diag.ViaKernel }, func(p *diag.Path) {
					Silent(p)
					p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "ENOBUFS"
				})
		},
	},
	{
		Name: "table full, as a container sees it", Cause: "host.neighbour-table-full", Sure: "likely", Faults: []string{"host.neighbour-table-full"},
		World: func() *World {
			return VPC().Drop(OfKind(func(diag.TableUse) bool { return true })).
				Each(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Via == diag.ViaKernel }, func(p *diag.Path) {
					Silent(p)
					p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "EINVAL"
				})
		},
	},
	{
		Name: "the other interface's default route", Cause: "host.routing", Sure: "certain", Faults: []string{"host.routing"},
		World: func() *World {
			return VPC().Say(
				diag.Link{Interface: "eth1", MAC: OtherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
				diag.Selection{Dst: Host1, From: Mine, Source: Mine, Interface: "eth1", Via: RouterAddr},
			).Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet && p.Via == diag.ViaKernel }, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Sent, p.Detail = diag.Unsent, 0, "not-seen-leaving"
			})
		},
	},
	{
		Name: "a default route without a router, by which the kernel was not even asked", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"},
		World: func() *World {
			straight := DefaultRoute("static")
			straight.Via, straight.Metric = netip.Addr{}, 512
			w := VPC().Say(straight)
			for _, host := range []netip.Addr{Host1, Host2} {
				w.Say(
					diag.Selection{Dst: host, Source: Mine, Interface: "eth0", Table: diag.MainTable}, diag.Selection{Dst: host, From: Mine, Source: Mine, Interface: "eth0", Table: diag.MainTable},
				)
			}
			return w.Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet && p.Via == diag.ViaKernel }, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Sent, p.Detail = diag.OutcomeSkipped, 0, "unproven-source"
			})
		},
	},
	{
		Name: "an unreachable route", Cause: "host.routing", Sure: "certain", Faults: []string{"host.routing"},
		World: func() *World {
			return VPC().Say(
				diag.Route{Interface: "lo", Dst: netip.MustParsePrefix("2001:db8:ffff::/48"), Table: diag.MainTable, Type: "unreachable", Metric: 1, ExpiresS: diag.Forever},
				diag.Selection{Dst: Host1, Errno: "EHOSTUNREACH"}, diag.Selection{Dst: Host2, Errno: "EHOSTUNREACH"},
			).Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet && p.Via == diag.ViaKernel }, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "EHOSTUNREACH"
			})
		},
	},
	{
		Name: "a policy rule that refuses", Cause: "host.routing", Sure: "certain", Faults: []string{"host.routing"},
		World: func() *World {
			return Refused(diag.PolicyRule{Priority: 100, Action: "blackhole"}, diag.Selection{Dst: Host1, Errno: "EINVAL"}, diag.Selection{Dst: Host2, Errno: "EINVAL"})
		},
	},
	{
		Name: "a policy rule that refuses what is marked", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"},
		World: func() *World { return Refused(diag.PolicyRule{Priority: 100, Mark: 7, Action: "blackhole"}) },
	},
	{
		Name: "a default route that no policy rule leads to", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"},
		World: func() *World {
			return Refused(diag.PolicyRule{Priority: 100, Action: "to_table", Table: diag.MainTable, SuppressBelow: 1},
				diag.Selection{Dst: Host1, Errno: "ENETUNREACH"}, diag.Selection{Dst: Host2, Errno: "ENETUNREACH"})
		},
	},
	{
		Name: "containers speak", Cause: "host.forwards-unassigned", Sure: "certain", Faults: []string{"host.forwards-unassigned"},
		World: func() *World {
			return VPC().Say(diag.Frame{Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: netip.MustParseAddr("fd00:10::5"), Dst: Host1})
		},
	},
	{
		Name: "DNS does not answer", Cause: "service.unreachable", Sure: "likely", Faults: []string{"service.unreachable"},
		World: func() *World {
			return VPC().Path(diag.Path{Check: "services", Asks: diag.AsksService, Source: Mine, Target: netip.MustParseAddr("fd00:ec2::253"), TargetClass: diag.TargetService, Via: diag.ViaKernel, Outcome: diag.Silent})
		},
	},
	{
		Name: "a name server of resolv.conf does not answer", Cause: "service.unreachable", Sure: "likely", Faults: []string{"service.unreachable"},
		World: func() *World { return resolving().Path(asksResolver(diag.Silent)) },
	},
	{
		Name: "a name server of resolv.conf refuses: nothing listens there", Cause: "service.unreachable", Sure: "likely", Faults: []string{"service.unreachable"},
		World: func() *World {
			p := asksResolver(diag.Refused)
			p.Error = &diag.PathError{Type: diag.Unreachable, Code: 4, From: p.Target}
			return resolving().Path(p)
		},
	},
	{
		Name: "a router on the way refuses packets to a name server", Cause: "path.refused", Sure: "certain", Faults: []string{"path.refused"},
		World: func() *World {
			p := asksResolver(diag.Refused)
			p.Error = &diag.PathError{Type: diag.Unreachable, From: RouterAddr}
			return resolving().Path(p)
		},
	},
	{
		Name: "a name server of resolv.conf looks nothing up", Cause: "service.unreachable", Sure: "likely", Faults: []string{"service.unreachable"},
		World: func() *World {
			p := asksResolver(diag.Answered)
			p.Detail, p.Note = diag.DetailDeclines, "Refused"
			return resolving().Path(p)
		},
	},
	{
		Name: "a name server of resolv.conf looks nothing up, and the next does", Cause: "service.unreachable", Sure: "likely", Faults: []string{},
		World: func() *World {
			p, next := asksResolver(diag.Answered), asksResolver(diag.Answered)
			p.Detail, p.Note = diag.DetailDeclines, "Refused"
			next.Target = next.Target.Next()
			return LAN().Say(diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{p.Target, next.Target}}).Path(p).Path(next)
		},
	},
	{
		Name: "a name server of resolv.conf looks nothing up, and another is asked by IPv4", Cause: "service.unreachable", Sure: "likely", Faults: []string{},
		World: func() *World {
			p := asksResolver(diag.Answered)
			p.Detail, p.Note = diag.DetailDeclines, "Refused"
			return LAN().Say(diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{p.Target}, Others: 1}).Path(p)
		},
	},
	{
		Name: "a name server of local names, on a link without a way out", Cause: "service.unreachable", Sure: "likely", Faults: []string{},
		World: func() *World {
			p := asksResolver(diag.Answered)
			p.Detail, p.Note = diag.DetailDeclines, "Refused"
			w := resolving().Path(p)
			w.Run.InternetOff = true
			w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
			return w
		},
	},
	{
		Name: "a name server of resolv.conf does not know the question", Cause: "net.open-link", Faults: []string{},
		World: func() *World {
			p := asksResolver(diag.Answered)
			p.Detail, p.Note = diag.DetailDeclines, "NotImplemented"
			return resolving().Path(p)
		},
	},
	{
		Name: "a name server of resolv.conf answers", Cause: "net.open-link", Faults: []string{},
		World: func() *World { return resolving().Path(asksResolver(diag.Answered)) },
	},
	{
		Name: "nothing beyond the router answers, and so no name server does", Cause: "path.beyond-router", Faults: []string{"path.beyond-router"},
		World: func() *World {
			return resolving().Path(asksResolver(diag.Silent)).Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }, Silent)
		},
	},
	{
		Name: "NTP answers and DNS does not, on a machine that does not say what it is", Cause: "service.unreachable", Faults: []string{"service.unreachable"},
		World: func() *World {
			return VPC().NoDMI().Service("fd00:ec2::253", diag.Silent).Service("fd00:ec2::123", diag.Answered)
		},
	},
	{
		Name: "no service answers, as on Xen", Cause: "net.per-address-filter", Faults: []string{},
		World: func() *World {
			return VPC().NoDMI().Service("fd00:ec2::253", diag.Silent).Service("fd00:ec2::123", diag.Silent).Service("fd00:ec2::254", diag.Silent)
		},
	},
	{
		Name: "no service answers, on Nitro", Cause: "service.unreachable", Faults: []string{"service.unreachable"},
		World: func() *World {
			return VPC().Service("fd00:ec2::253", diag.Silent).Service("fd00:ec2::123", diag.Silent)
		},
	},
	{
		Name: "the host drops advertisements, so that no service can be asked", Cause: "host.firewall", Faults: []string{"host.firewall"},
		World: func() *World {
			w := VPC().Service("fd00:ec2::253", diag.Silent).Service("fd00:ec2::123", diag.Silent)
			return w.Each(func(p diag.Path) bool { return p.Via == diag.ViaKernel && p.SourceClass == diag.SourceAssigned }, func(p *diag.Path) {
				if p.TargetClass == diag.TargetPeer || p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService {
					Silent(p)
					p.Detail = "unresolved"
				}
			}).Say(diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "drop", Verdict: "drop", Matches: []string{"na"}})
		},
	},
	{Name: "a rule for marked packets leads into a tunnel", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"}, World: LedAway},
	{
		Name: "no translator for IPv4 hosts", Cause: "path.nat64-missing", Sure: "likely", Faults: []string{"path.nat64-missing"},
		World: func() *World { return VPC().ByNAT64() },
	},
	{
		Name: "no translator for IPv4 hosts, though a router says so", Cause: "path.nat64-missing", Sure: "likely", Faults: []string{"path.nat64-missing"},
		World: func() *World {
			ra := VpcRA()
			ra.Unknown = []diag.Option{{Type: 38, Raw: []byte{38, 2, 0x07, 0x08, 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}}}
			return LAN().Say(RaFrame(RouterAddr, RouterMAC, ra)).ByNAT64()
		},
	},
	{
		Name: "a name server makes up addresses for IPv4 hosts, and nothing translates", Cause: "path.nat64-missing", Sure: "likely", Faults: []string{"path.nat64-missing"},
		World: func() *World { return LAN().DNS64(diag.Silent, diag.Silent) },
	},
	{
		Name: "a name server makes up addresses for IPv4 hosts, and the router refuses them", Cause: "path.nat64-missing", Sure: "likely", Faults: []string{"path.nat64-missing"},
		World: func() *World { return LAN().DNS64(diag.Refused, diag.Refused) },
	},
	{
		Name: "IMDS gives a pod no token", Cause: "service.imds-hop-limit", Sure: "likely", Faults: []string{},
		World: func() *World {
			return Pod().Say(diag.Metadata{Endpoint: "http://169.254.169.254", State: diag.MetadataUnreachable, Why: "no token", Mute: true})
		},
	},
	{
		Name: "IMDS refuses whoever asks", Cause: "service.imds-off", Faults: []string{},
		World: func() *World {
			return VPC().Say(diag.Machine{SysVendor: "Amazon EC2"},
				diag.Metadata{Endpoint: "http://169.254.169.254", State: diag.MetadataUnreachable, Why: "status 403", Refused: true})
		},
	},
	{
		Name: "IMDS over IPv6 is off", Cause: "service.imds-ipv6-off", Faults: []string{},
		World: func() *World {
			return VPC().Path(diag.Path{Check: "services", Asks: diag.AsksService, Source: Mine, Target: diag.IMDSIPv6, TargetClass: diag.TargetService, Via: diag.ViaKernel, Outcome: diag.Silent})
		},
	},
	{
		Name: "a VPN's client that nobody answers for", Cause: "host.proxy-missing", Sure: "likely", Faults: []string{"host.proxy-missing"},
		World: func() *World {
			client := netip.MustParseAddr("2001:db8:1f16:8df::77")
			return LAN().Say(
				diag.Route{Interface: "wg0", Dst: netip.PrefixFrom(client, 128), Table: diag.MainTable, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever},
				asked(client),
			)
		},
	},
	{
		Name: "nobody is answered, and no rule that can be read is why", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World { return LAN().Say(asked(Mine), asked(MyLocal)) },
	},
	{
		Name: "nobody is answered, because of a rule", Cause: "host.firewall", Sure: "certain", Faults: []string{"host.firewall"},
		World: func() *World {
			return LAN().Say(
				diag.Feed{Name: diag.FeedDrops, State: diag.Synced},
				diag.Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Rule: "policy drop", Verdict: "drop", Matches: []string{"ns"}},
				asked(MyLocal), diag.Drop{Frame: asked(MyLocal), Reason: "NETFILTER_DROP", Function: "nft_do_chain"},
			)
		},
	},
	{
		Name: "the containers have the peer's prefix", Cause: "host.routing", Sure: "likely", Faults: []string{"host.routing"},
		World: func() *World { return Overlapping("bridge") },
	},
	{
		Name: "another interface, which is no containers', has the peer's prefix", Cause: "net.open-link", Faults: []string{},
		World: func() *World { return Overlapping("") },
	},
	{
		Name: "an XDP program drops the advertisements, which no kernel calls XDP", Cause: "host.firewall", Sure: "certain", Faults: []string{"host.firewall"},
		World: func() *World {
			answer := diag.Frame{
				Interface: "eth0", Type: diag.NA, Src: RouterAddr, Dst: MyLocal, SrcMAC: RouterMAC, DstMAC: MyMAC, HopLimit: 255, Target: RouterAddr, LLAddr: RouterMAC, Solicited: true,
			}
			return LAN().Relink(func(l *diag.Link) { l.XDP = true }).Each(func(p diag.Path) bool {
				return p.Target == RouterAddr && p.Asks == diag.AsksND
			}, Silent).Say(diag.Feed{Name: diag.FeedDrops, State: diag.Synced}, diag.Drop{Frame: answer, Reason: "NOT_SPECIFIED", Function: "do_xdp_generic"})
		},
	},
	{
		Name: "the answers of DHCPv6 are dropped, and a client lives by them", Cause: "host.firewall", Sure: "likely", Faults: []string{"host.firewall"},
		World: func() *World {
			return VPC().Say(diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "policy drop", Verdict: "drop", Matches: []string{"dhcpv6"}})
		},
	},
	{
		Name: "a ruleset drops the error about our own frame, of which connection tracking does not know", Cause: "net.per-address-filter", Faults: []string{},
		World: func() *World {
			tooBig := diag.Frame{
				Interface: "eth0", Type: diag.PacketTooBig, Src: RouterAddr, Dst: Mine, SrcMAC: RouterMAC, HopLimit: 64, MTU: 1500,
				Quoted: &diag.Quoted{Src: Mine, Dst: Host1, Type: diag.EchoRequest, EchoID: 7, EchoSeq: 9},
			}
			w := VPC().Say(diag.Feed{Name: diag.FeedDrops, State: diag.Synced}, tooBig, diag.Drop{Frame: tooBig, Reason: "NETFILTER_DROP", Function: "nft_do_chain"})
			seen := int64(len(w.Bodies)) // the run comes before them, and the drop is the last
			return w.Path(diag.Path{
				Check: "mtu", Asks: diag.AsksMTU, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Detail: "too-big", Evidence: []int64{seen},
			})
		},
	},
	{
		Name: "a pod with an address of the instance's prefix", Cause: "net.open-link", Faults: []string{},
		World: func() *World {
			return LAN().Say(diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{
				{MAC: OtherMAC, ID: "eni-0123", Prefixes: []netip.Prefix{netip.PrefixFrom(Mine, 80).Masked()}, Subnets: []netip.Prefix{Subnet}},
			}})
		},
	},
	{
		Name: "a router died, and the kernel still tries it before the other", Cause: "router.unresolvable", Sure: "certain", Faults: []string{"router.unresolvable"},
		World: func() *World {
			w := LAN().Say(RaFrame(PeerLocal, PeerMAC, diag.Advertisement{LifetimeS: 1800})).
				Silence(func(p diag.Path) bool { return p.Target == RouterAddr && p.Asks != diag.AsksRS })
			w.Path(diag.Path{
				Check: "internet", Asks: diag.AsksTCP, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaKernel, Outcome: diag.Silent, Sent: 4,
			})
			return w.Each(func(p diag.Path) bool {
				return p.TargetClass == diag.TargetInternet && p.Via == diag.ViaKernel && p.Asks == diag.AsksEcho
			}, func(p *diag.Path) {
				Silent(p)
				p.Outcome, p.Sent, p.Detail = diag.Unsent, 0, "not-seen-leaving"
			})
		},
	},
	{
		Name: "a device that does not let a group through", Cause: "host.group-not-joined", Sure: "likely", Faults: []string{"host.group-not-joined"},
		World: func() *World {
			local := []netip.Addr{diag.SolicitedNode(MyLocal), diag.SolicitedNode(Mine)}
			return VPC().Say(diag.Groups{Interface: "eth0", Joined: local, Device: []diag.MAC{diag.MulticastMAC(local[0])}})
		},
	},
	{
		Name: "echo alone is lost beyond the router", Cause: "path.icmp-blocked", Sure: "likely", Faults: []string{"path.icmp-blocked"},
		World: func() *World {
			w := VPC().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
			return w.Path(diag.Path{
				Check: "internet", Asks: diag.AsksTCP, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaKernel, Detail: "closed", Note: "443",
			})
		},
	},
	{
		Name: "connections alone are lost beyond the router, and one that another opened goes on", Cause: "path.tcp-blocked", Sure: "likely", Faults: []string{"path.tcp-blocked"},
		World: func() *World { return ConnectionsLost(true, true) },
	},
	{
		Name: "connections alone are lost beyond the router", Cause: "path.tcp-blocked", Sure: "likely", Faults: []string{"path.tcp-blocked"},
		World: func() *World {
			return VPC().Path(diag.Path{
				Check: "internet", Asks: diag.AsksTCP, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaKernel, Outcome: diag.Silent, Sent: 4,
			})
		},
	},
	{
		Name: "the solicitation brought the way out", Cause: "router.advertisements-lost", Sure: "likely", Faults: []string{"router.advertisements-lost"},
		World: func() *World {
			route := func(r diag.Route) bool { return r.Dst.Bits() == 0 }
			w := VPC().Drop(OfKind(route))
			w.Drop(OfKind(func(f diag.Frame) bool { return f.Type == diag.RA }))
			solicited := RaFrame(RouterAddr, RouterMAC, VpcRA())
			solicited.Dst = MyLocal
			w.Bodies = append(w.Bodies,
				diag.Address{Interface: "eth0", Address: MyLocal, PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever, UpdatedS: 900},
				diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckRunning},
				diag.Frame{Interface: "eth0", Type: diag.RS, Out: true, Src: MyLocal, SrcMAC: MyMAC, Dst: diag.AllRouters, HopLimit: 255},
				solicited, DefaultRoute("ra"),
			)
			return w
		},
	},
	{
		Name: "nothing is answered, and the MAC was changed", Cause: "path.unheard", Sure: "likely", Faults: []string{"path.unheard"},
		World: func() *World { return Unheard(LAN()).Relink(func(l *diag.Link) { l.PermMAC = OtherMAC }) },
	},
	{
		Name: "nothing is answered, and nothing tells why", Cause: "path.unheard", Sure: "likely", Faults: []string{"path.unheard"},
		World: func() *World { return Unheard(LAN()) },
	},
	{
		Name: "nothing is answered, and only the router was asked", Cause: "path.unheard", Sure: "possible", Faults: []string{"path.unheard"},
		World: func() *World { return Unheard(LAN().NoPeers()) },
	},
	{
		Name: "nothing is answered to a macvlan", Cause: "path.unheard", Sure: "likely", Faults: []string{"path.unheard"},
		World: func() *World {
			return Unheard(LAN()).Relink(func(l *diag.Link) { l.Type, l.Parent = "macvlan", 9 }).
				Say(diag.Link{Interface: "eth1", Index: 9, MAC: OtherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true})
		},
	},
	{
		Name: "the router answers the link-local address that is made of the MAC, and no other", Cause: "address.link-local-not-eui64", Sure: "certain",
		Faults: []string{"address.link-local-not-eui64"}, World: PortSecurity,
	},
	{
		Name: "somebody else has the same MAC", Cause: "address.mac-duplicate", Sure: "certain", Faults: []string{"address.mac-duplicate"},
		World: func() *World {
			return LAN().Say(diag.Frame{Interface: "eth0", Type: diag.NS, Src: PeerLocal, SrcMAC: MyMAC, Dst: diag.SolicitedNode(RouterAddr), Target: RouterAddr, HopLimit: 255})
		},
	},
	{
		Name: "an address left of a prefix that is gone", Cause: "address.prefix-withdrawn", Sure: "likely", Faults: []string{"address.prefix-withdrawn"},
		World: func() *World { return Renumbered(diag.Silent) },
	},
	{
		Name: "a hop limit of three", Cause: "path.hop-limit", Sure: "certain", Faults: []string{"path.hop-limit"},
		World: func() *World { return FewHops("3", 3).DieOnTheWay() },
	},
	{
		Name: "two routers with two MTUs", Cause: "router.inconsistent", Sure: "certain", Faults: []string{"router.inconsistent"},
		World: func() *World {
			return Narrow(1400, diag.Answered).Set("mtu", "1400").Say(RaFrame(SecondLocal, SecondMAC2, diag.Advertisement{LifetimeS: 1800, MTU: 1500}))
		},
	},
	{
		Name: "a host that is pinged and lets no echo in", Cause: "host.inbound-unanswered", Sure: "certain", Faults: []string{},
		World: func() *World {
			return VPC().Say(diag.Feed{Name: diag.FeedDrops, State: diag.Synced}, Call(1), diag.Drop{Frame: Call(1), Reason: "NETFILTER_DROP", Function: "nft_do_chain"})
		},
	},
	{
		Name: "a router that does not hear that it is answered", Cause: "router.asks-again", Sure: "likely", Faults: []string{"router.asks-again"},
		World: func() *World {
			return AsksAgain(LAN().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }), 1)
		},
	},
	{
		Name: "a redirect to nobody", Cause: "router.redirects", Sure: "certain", Faults: []string{"router.redirects"}, World: Redirected,
	},
	{Name: "filter", Cause: "net.per-address-filter", Sure: "certain", Faults: []string{}, World: VPC},
	{Name: "no multicast", Cause: "net.multicast-suppressed", Sure: "certain", Faults: []string{}, World: VPC},
	{
		Name: "no multicast, as far as two pings tell", Cause: "net.multicast-suppressed", Sure: "possible", Faults: []string{},
		World: func() *World { return LAN().Silence(To(diag.AllNodes)) },
	},
	{Name: "quiet router", Cause: "net.router-silent", Sure: "certain", Faults: []string{}, World: VPC},
	{Name: "open link", Cause: "net.open-link", Faults: []string{}, World: LAN},
	{
		Name: "two faults at once", Cause: "peer.unmapped", Faults: []string{"address.unassigned", "peer.unmapped"},
		World: func() *World { return HandAdded().Silence(To(PeerGlobal)) },
	},
	{
		Name: "three faults at once", Cause: "path.beyond-router", Faults: []string{"address.expiring", "path.beyond-router", "peer.echo-blocked"},
		World: func() *World {
			a := Leased(Mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 20, 330, 120
			return VPC().Drop(OfKind(func(x diag.Address) bool { return x.Address == Mine })).Say(a).
				Silence(func(p diag.Path) bool {
					return p.TargetClass == diag.TargetInternet || p.Target == PeerGlobal && p.Asks == diag.AsksEcho
				})
		},
	},
}

// answersOurs holds of what was answered to an assigned address.
func answersOurs(p diag.Path) bool {
	return p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Answered && p.Reaches()
}

// lossy lets so many answers come of four.
func lossy(w *World, received int) *World {
	return w.Each(answersOurs, func(p *diag.Path) { p.Sent, p.Received = 4, received })
}

// asked is a neighbour's solicitation for an address.
func asked(a netip.Addr) diag.Frame {
	return diag.Frame{Interface: "eth0", Type: diag.NS, Src: PeerLocal, SrcMAC: PeerMAC, Dst: diag.SolicitedNode(a), Target: a, HopLimit: 255}
}

// HandAdded is the article's last experiment: an address that nobody assigned, configured.
func HandAdded() *World {
	w := VPC().Say(ByHand(Hand, 64))
	w.Path(diag.Path{Check: "source", Asks: diag.AsksND, Source: Hand, SourceClass: diag.SourceUnassigned, Target: RouterAddr, TargetClass: diag.TargetRouter, Outcome: diag.Silent})
	return w.Path(diag.Path{Check: "source", Asks: diag.AsksEcho, Source: Hand, SourceClass: diag.SourceUnassigned, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Silent})
}

// NoRouter is a link on which nobody advertises.
func NoRouter() *World {
	w := VPC().NoDefault().NoAddress().Drop(OfKind(func(f diag.Frame) bool { return f.Type == diag.RA }))
	w.Paths = nil
	w.Path(diag.Path{Check: "ra", Asks: diag.AsksRS, Source: MyLocal, Target: diag.AllRouters, TargetClass: diag.TargetRouter, Outcome: diag.Silent, Sent: 2})
	return w
}

// resolving is a LAN of a host that is configured to ask a name server beyond the router.
func resolving() *World {
	return LAN().Say(diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{asksResolver("").Target}})
}

// asksResolver is what came of asking that one.
func asksResolver(outcome diag.Outcome) diag.Path {
	return diag.Path{
		Check: "services", Asks: diag.AsksService, Source: Mine, SourceClass: diag.SourceUnknown, Target: netip.MustParseAddr("3fff:7f8:b001::53"),
		TargetClass: diag.TargetService, Via: diag.ViaKernel, Outcome: outcome, Sent: 13,
	}
}

// localRule has the host's own addresses looked up, mainRule has all others.
func localRule(priority int) diag.PolicyRule {
	return diag.PolicyRule{Priority: priority, Table: diag.LocalTable, Action: "to_table"}
}

var mainRule = diag.PolicyRule{Priority: 32766, Table: diag.MainTable, Action: "to_table"}
