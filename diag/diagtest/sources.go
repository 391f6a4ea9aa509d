package diagtest

import (
	"net/netip"

	"ndwhy/diag"
)

// OfVPN is the address that a VPN of this host has.
var OfVPN = netip.MustParseAddr("fd00:8::2")

// LedAway is a VPC and a host that leads the connections that its programs open into a tunnel, by a mark: nobody answers there,
// and a socket that is bound to the interface gets its answers.
func LedAway() *World {
	w := VPC().Say(
		diag.PolicyRule{Priority: 100, Mark: 9, Action: "to_table", Table: 99},
		diag.Link{Interface: "t0", Index: 7, Up: true, Carrier: true, MTU: 1420},
		diag.Route{Interface: "t0", Dst: netip.PrefixFrom(netip.IPv6Unspecified(), 0), Table: 99, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
	)
	for via, outcome := range map[diag.Via]diag.Outcome{diag.ViaKernel: diag.Answered, diag.ViaApp: diag.Silent} {
		w.Path(diag.Path{
			Check: "internet", Asks: diag.AsksTCP, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true, Via: via, Outcome: outcome, Note: "443",
		})
	}
	return w
}

// LeaseOf is a LAN and a host without an address, whose DHCPv6 server offers it one.
func LeaseOf(offered netip.Addr) *World {
	return LAN().Advertise(VpcRA()).NoAddress().Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(offered, 128)}}})
}

// ConnectionsLost is a VPC in which no connection of this host's is answered beyond the router, and one goes on that another
// host opened, or this one. given: the user named whom to ask.
func ConnectionsLost(inbound, given bool) *World {
	return VPC().Path(diag.Path{
		Check: "internet", Asks: diag.AsksTCP, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: given, Via: diag.ViaKernel, Outcome: diag.Silent, Sent: 4,
	}).Say(diag.Flows{Count: 1, List: []diag.Flow{{
		Local: netip.AddrPortFrom(Mine, 22), Remote: netip.AddrPortFrom(Host2, 40000), State: diag.FlowEstablished, Inbound: inbound, AckedS: 0.2,
	}}})
}

// DNS64 adds a name server that makes up addresses for IPv4 hosts, and what comes of asking two of them.
func (w *World) DNS64(outcomes ...diag.Outcome) *World {
	server := netip.MustParseAddr("2001:db8:53::53")
	w.Say(diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{server}})
	w.Path(diag.Path{
		Check: "services", Asks: diag.AsksService, Source: Mine, SourceClass: diag.SourceUnknown, Target: server, TargetClass: diag.TargetService, Via: diag.ViaKernel,
		Detail: diag.DetailTranslates, Note: "64:ff9b::/96",
	})
	for i, outcome := range outcomes {
		p := diag.Path{
			Check: "internet", Asks: diag.AsksEcho, Source: Mine, SourceClass: diag.SourceUnknown, TargetClass: diag.TargetInternet, Outcome: outcome,
			Target: []netip.Addr{netip.MustParseAddr("64:ff9b::808:808"), netip.MustParseAddr("64:ff9b::101:101")}[i],
		}
		if outcome == diag.Refused {
			p.Sent, p.Error = 1, &diag.PathError{Type: diag.Unreachable, From: RouterAddr}
		}
		w.Both(p)
	}
	return w
}

// ByNAT64 adds a question to an IPv4 host by way of a translator, and silence.
func (w *World) ByNAT64() *World {
	w.Both(diag.Path{
		Check: "internet", Asks: diag.AsksEcho, Source: Mine, Target: netip.MustParseAddr("64:ff9b::c633:6407"), TargetClass: diag.TargetInternet,
		Given: true, Outcome: diag.Silent,
	})
	return w
}

// ByRouter is a LAN whose host has a /128 and no route to its neighbours: it sends what is for them to the router, which
// sends nothing back.
func ByRouter() *World {
	ra := VpcRA()
	ra.Prefixes = nil
	w := LAN()
	w.Drop(OfKind(func(r diag.Route) bool { return r.Dst == Subnet })).Drop(OfKind(func(f diag.Frame) bool { return f.Type == diag.RA }))
	w.Say(RaFrame(RouterAddr, RouterMAC, ra), diag.Selection{Dst: PeerGlobal, Source: Mine, Interface: "eth0", Via: RouterAddr},
		diag.Selection{Dst: PeerGlobal, Bound: "eth0", Source: Mine, Interface: "eth0", Via: RouterAddr})
	return w.Each(func(p diag.Path) bool { return p.Target == PeerGlobal }, func(p *diag.Path) {
		switch {
		case p.Asks == diag.AsksEcho:
			Silent(p)
			p.NUD = ""
		case p.Via == diag.ViaKernel:
			p.Outcome, p.Detail, p.Note, p.Sent, p.Received, p.Responders, p.NUD = diag.OutcomeSkipped, "via-router", RouterAddr.String(), 0, 0, nil, ""
		}
	})
}

// Aside is an instance whose own address is deprecated, so that the kernel chooses that of its VPN for everything.
func Aside() *World {
	own := ByHand(Mine, 128)
	own.Flags |= diag.Deprecated
	own.PreferredS = 0
	vpn := ByHand(OfVPN, 128)
	vpn.Interface = "wg0"
	w := VPC().Say(
		own, diag.Link{Interface: "wg0", Index: 9, MTU: 1420, Up: true, Carrier: true}, vpn,
		diag.Selection{Dst: Host1, Source: OfVPN, Interface: "eth0", Via: RouterAddr},
	)
	for _, via := range []diag.Via{diag.ViaApp, diag.ViaKernel, diag.ViaWire} {
		w.Path(diag.Path{
			Check: "internet", Asks: diag.AsksEcho, Via: via, Source: OfVPN, SourceClass: diag.SourceUnassigned, Target: Host1,
			TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Silent, Out: "eth0",
		})
	}
	return w
}
