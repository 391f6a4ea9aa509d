package diagtest

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// Echo is an echo request to all nodes, as the tap sees it leave or, with our own MAC, arrive.
func Echo(src netip.Addr, out bool) diag.Frame {
	return diag.Frame{
		Interface: "eth0", Out: out, Type: diag.EchoRequest, SrcMAC: MyMAC, DstMAC: diag.MulticastMAC(diag.AllNodes),
		Src: src, Dst: diag.AllNodes, HopLimit: 1, EchoID: 5, EchoSeq: 1, Size: 64,
	}
}

// Cloned is a LAN on which another host has this one's MAC.
func Cloned() *World {
	again := Echo(PeerLocal, false)
	again.EchoSeq++
	return LAN().Say(Echo(PeerLocal, false), again)
}

// Hairpin is a LAN that sends a host's own frames back to it.
func Hairpin() *World { return LAN().Say(Echo(MyLocal, true), Echo(MyLocal, false)) }

// LoopedBack is the same, and the kernel does not know its own solicitation by a nonce.
func LoopedBack() *World {
	a := ByHand(Hand, 64)
	a.Flags |= diag.DADFailed | diag.Tentative
	return Hairpin().Say(
		a, diag.Sysctl{Scope: "all", Name: "enhanced_dad", Value: "0"}, diag.Sysctl{Scope: "eth0", Name: "enhanced_dad", Value: "0"},
	).Path(diag.Path{Check: "assignment", Asks: diag.AsksND, Source: Mine, SourceClass: diag.SourceUnknown, Target: Hand, TargetClass: diag.TargetPeer, Outcome: diag.Silent})
}

// Moved is a VPC in which the kernel knew an old Ethernet address of a neighbour when the run began.
func Moved(addr netip.Addr, old diag.MAC) *World {
	w := VPC()
	w.Each(func(p diag.Path) bool {
		return p.Asks == diag.AsksND && p.Outcome == diag.Answered && len(p.Responders) == 0
	}, func(p *diag.Path) {
		p.Responders = []diag.Responder{{Address: p.Target, MAC: RouterMAC}}
	})
	// What is said of the router in the healthy world was heard before the run.
	return w.Say(
		diag.Neighbour{Interface: "eth0", Address: addr, MAC: old, State: diag.Stale},
		diag.Check{ID: "peer-echo", Interface: "eth0", State: diag.CheckRunning},
	)
}

// Advertised is an answer for an address by a host that says that it is its own.
func Advertised(addr netip.Addr, mac diag.MAC) diag.Frame {
	return diag.Frame{
		Interface: "eth0", Type: diag.NA, SrcMAC: mac, DstMAC: MyMAC, Src: addr, Dst: Mine, HopLimit: 255, Target: addr, LLAddr: mac,
		Solicited: true, Override: true,
	}
}

// Isolated is a LAN on which nobody but the router is heard.
func Isolated() *World {
	w := LAN()
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate })
	w.Both(diag.Path{Check: "peer-nd", Asks: diag.AsksND, Source: MyLocal, Target: OtherMAC.LinkLocal(), TargetClass: diag.TargetPeer, Given: true})
	w.Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer && p.Asks != diag.AsksDAD })
	return w.Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes }, func(p *diag.Path) {
		p.Responders = []diag.Responder{{Address: RouterAddr, MAC: RouterMAC}}
	})
}

// NothingOnLink is a network whose router says of no prefix that it is on the link, and a host whose address was
// written with a prefix of that length: with less than 128 bits its peers are silent.
func NothingOnLink(bits int) *World {
	w := LAN().Advertise(diag.Advertisement{})
	w.Drop(OfKind(func(a diag.Address) bool { return a.Address == Mine })).Say(ByHand(Mine, bits))
	w.Both(diag.Path{
		Check: "peer-nd", Asks: diag.AsksND, Source: Mine, SourceClass: diag.SourceUnknown, Target: PeerSecond, TargetClass: diag.TargetPeer, Given: true,
	})
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate })
	if bits == 128 {
		return w
	}
	return w.Silence(func(p diag.Path) bool { return p.Target == PeerGlobal || p.Target == PeerSecond })
}

// InTurn is a LAN whose host has a default route with two next hops, written down, and what came of asking whether the
// second leads out.
func InTurn(second diag.Outcome) *World {
	w := LAN()
	for router, outcome := range map[netip.Addr]diag.Outcome{RouterAddr: diag.Answered, PeerLocal: second} {
		w.Say(diag.Route{
			Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: router, Metric: 512, Table: diag.MainTable, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever,
		})
		w.Path(diag.Path{
			Check: "internet", Asks: diag.AsksWayOut, Source: Mine, SourceClass: diag.SourceUnknown, Target: router, TargetClass: diag.TargetRouter,
			Outcome: outcome, Sent: 2, Note: Host1.String(),
		})
	}
	return w
}

// Overlapping is a LAN whose peer the kernel sends to by another interface, of a type, which was not asked there.
func Overlapping(kind string) *World {
	w := LAN().Say(
		diag.Link{Interface: "docker0", Index: 9, MTU: 1500, Type: kind, Up: true, Carrier: true, Ethernet: true, MAC: diag.MAC{2, 0x42, 0, 0, 0, 1}},
		diag.Selection{Dst: PeerGlobal, Interface: "docker0", Source: netip.MustParseAddr("2001:db8:1f16:8df:d326::1")},
	)
	return w.Path(diag.Path{
		Check: "peer-echo", Asks: diag.AsksEcho, Via: diag.ViaApp, SourceClass: diag.SourceUnknown, Target: PeerGlobal, TargetClass: diag.TargetPeer, Given: true,
		Outcome: diag.OutcomeSkipped, Detail: "unproven-source", Out: "docker0",
	})
}
