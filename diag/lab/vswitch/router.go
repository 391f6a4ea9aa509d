package vswitch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// How long the router of an open link keeps a packet while it asks who has its destination.
const resolveWait = 3 * time.Second

// Lifetimes of the advertised prefix: the defaults of RFC 4861 §6.2.1. What a VPC announces is not
// documented.
const (
	prefixValid     = 30 * 24 * time.Hour
	prefixPreferred = 7 * 24 * time.Hour
	routeLifetime   = 1800 * time.Second
)

// advertisement is r's RA to dst.
func (t *turn) advertisement(r *Router, dst netip.Addr, mac diag.MAC) []byte {
	from := r.MAC
	if r.Physical != (diag.MAC{}) {
		from = r.Physical
	}
	ra := &ndp.RouterAdvertisement{
		CurrentHopLimit:           r.HopLimit,
		ManagedConfiguration:      r.Managed,
		OtherConfiguration:        r.Other,
		RouterSelectionPreference: r.Preference,
		RouterLifetime:            r.Lifetime,
		Options:                   []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: from[:]}},
	}
	if prefix := t.cfg.prefix(r); r.OnLink || r.Autonomous {
		ra.Options = append(ra.Options, &ndp.PrefixInformation{
			PrefixLength: uint8(prefix.Bits()), Prefix: prefix.Masked().Addr(),
			OnLink: r.OnLink, AutonomousAddressConfiguration: r.Autonomous,
			ValidLifetime: prefixValid, PreferredLifetime: prefixPreferred,
		})
	}
	if r.MTU > 0 {
		ra.Options = append(ra.Options, ndp.NewMTU(r.MTU))
	}
	for _, p := range r.Routes {
		ra.Options = append(ra.Options, &ndp.RouteInformation{
			PrefixLength: uint8(p.Bits()), Prefix: p.Masked().Addr(), Preference: r.Preference, RouteLifetime: cmp.Or(r.Lifetime, routeLifetime),
		})
	}
	if len(r.NameServers) > 0 {
		ra.Options = append(ra.Options, &ndp.RecursiveDNSServer{Lifetime: cmp.Or(r.Lifetime, routeLifetime), Servers: r.NameServers})
	}
	return buildND(mac, from, r.LinkLocal(), dst, ra)
}

func buildND(dstMAC, srcMAC diag.MAC, src, dst netip.Addr, m ndp.Message) []byte {
	b, err := ndp.MarshalMessage(m)
	if err != nil {
		// The messages are made of the configuration alone, never of what came in.
		panic(fmt.Sprintf("vswitch: configuration makes no neighbour discovery message: %v", err))
	}
	return frameICMPv6(dstMAC, srcMAC, src, dst, 255, b)
}

// frameICMPv6 makes a frame of an ICMPv6 message, and puts its checksum in.
func frameICMPv6(dstMAC, srcMAC diag.MAC, src, dst netip.Addr, hopLimit uint8, message []byte) []byte {
	p := wire.Packet{Src: src, Dst: dst, HopLimit: hopLimit, Proto: unix.IPPROTO_ICMPV6, Payload: message}
	return p.Frame(dstMAC, srcMAC)
}

// neighbourAdvertisement answers the solicitation p. To one from :: it goes to all nodes (RFC 4861
// §7.2.4), on the asker's port alone.
func neighbourAdvertisement(p *ip6, target netip.Addr, mac diag.MAC, router bool) []byte {
	dst := p.Src
	if dst.IsUnspecified() {
		dst = allNodes
	}
	return buildND(macFor(p, dst), mac, target, dst, &ndp.NeighborAdvertisement{
		Router: router, Solicited: !dst.IsMulticast(), Override: true, TargetAddress: target,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: mac[:]}},
	})
}

// echoReply answers the echo request p from one of r's addresses.
func echoReply(r *Router, src netip.Addr, p *ip6) []byte {
	e, _ := wire.ParseEcho(p.Payload)
	e.Type = ipv6.ICMPTypeEchoReply
	return frameICMPv6(p.ether.Src, r.MAC, src, p.Src, 64, e.Marshal())
}

// toRouter is a packet to a router's MAC.
func (t *turn) toRouter(r *Router, p *ip6) {
	switch {
	case r.owns(p.Dst):
		switch {
		case p.ICMPType() != ipv6.ICMPTypeEchoRequest:
			t.drop("%s has no such service", r.Name)
		case !r.AnswersEcho:
			t.drop("%s does not answer echo requests", r.Name)
		case len(p.Payload) < wire.EchoLen:
			t.drop("echo request cut off")
		default:
			t.decide(Answered, "%s answers echo requests", r.Name)
			t.to(r.Name)
			t.send(t.port, echoReply(r, p.Dst, p), r.Name+" answers an echo request")
		}
	case r.Nowhere:
		t.drop("%s leads nowhere", r.Name)
	case t.cfg.Fabric.LocalND && p.Dst.IsLinkLocalUnicast():
		t.route(r, p, "bridged to "+p.Dst.String())
	case p.Src.IsLinkLocalUnicast() || p.Dst.IsLinkLocalUnicast():
		t.drop("a link-local address is not routed (RFC 4291 §2.5.6)")
	case p.HopLimit <= 1:
		t.drop("hop limit used up")
		t.icmpError(r, p, ipv6.ICMPTypeTimeExceeded, 0, 0)
	case t.cfg.onLink(p.Dst) && r.OneWay:
		t.drop("%s sends nothing back to where it came from", r.Name)
	case t.cfg.onLink(p.Dst):
		t.route(r, p, fmt.Sprintf("routed back into the subnet, to %s", p.Dst))
	default:
		t.toBeyond(r, p)
	}
}

// toBeyond routes a packet out of the subnet.
func (t *turn) toBeyond(r *Router, p *ip6) {
	b := &t.cfg.Beyond
	next := slices.IndexFunc(b.Subnets, func(n Subnet) bool { return n.Prefix.Contains(p.Dst) })
	switch {
	case t.service(p.Dst):
		t.decide(Forwarded, "routed to the infrastructure's own service")
	case next >= 0 && b.Subnets[next].Reach == Refused:
		t.drop("refused: administratively prohibited between the two subnets")
		t.icmpError(r, p, ipv6.ICMPTypeDestinationUnreachable, 1, 0)
		return
	case next >= 0 && b.Subnets[next].Reach == Blackhole:
		t.drop("the gateway lets nothing through to %s", b.Subnets[next].Prefix)
		return
	case next >= 0:
		t.decide(Forwarded, "routed to the other subnet, %s", b.Subnets[next].Prefix)
	case b.Internet == Blackhole:
		t.drop("nothing beyond the router takes it: no route leads to the Internet")
		return
	case b.Internet == Refused:
		t.drop("refused: administratively prohibited beyond the router")
		t.icmpError(r, p, ipv6.ICMPTypeDestinationUnreachable, 1, 0)
		return
	case !t.cfg.prefix(r).Contains(p.Src) || p.Src.IsPrivate() && !b.Translated:
		t.drop("the Internet knows no way back to %s", p.Src)
		return
	case b.NoEcho && p.ICMPType() == ipv6.ICMPTypeEchoRequest:
		t.drop("the access list lets no ICMPv6 echo request out")
		return
	case b.NoTCP && p.Proto == unix.IPPROTO_TCP:
		t.drop("the access list lets no TCP out")
		return
	case b.OnlyTCP != 0 && p.Proto == unix.IPPROTO_TCP && !p.toPort(b.OnlyTCP):
		t.drop("the access list lets TCP out to port %d alone", b.OnlyTCP)
		return
	case b.MTU > 0 && len(p.Raw) > b.MTU:
		t.drop("%d bytes are too many for the path, MTU %d", len(p.Raw), b.MTU)
		if !b.NoPTB {
			t.icmpError(r, p, ipv6.ICMPTypePacketTooBig, 0, uint32(b.MTU))
		}
		return
	default:
		t.decide(Forwarded, "routed beyond the subnet")
	}
	t.pass(BeyondPort, routed(b.MAC, r.MAC, p.Raw))
}

// toPort reports whether a packet of TCP goes to a port.
func (p *ip6) toPort(port uint16) bool {
	t, ok := p.TCP()
	return ok && t.Dst == port
}

// routed is a packet after one hop.
func routed(dst, src diag.MAC, packet []byte) []byte {
	f := wire.Ethernet{Dst: dst, Src: src, Type: unix.ETH_P_IPV6}.Frame(packet)
	f[wire.EthernetLen+7]--
	return f
}

// icmpError tells p's sender why p was dropped (RFC 4443 §2.4: never about an error or a multicast).
func (t *turn) icmpError(r *Router, p *ip6, typ ipv6.ICMPType, code uint8, value uint32) {
	if i := p.ICMPType(); p.Fragment == wire.Later || i >= 0 && i < ipv6.ICMPTypeEchoRequest || p.Dst.IsMulticast() || p.Src.IsUnspecified() {
		return
	}
	src := r.LinkLocal()
	for _, a := range r.Addresses {
		if !a.IsLinkLocalUnicast() {
			src = a
			break
		}
	}
	b := make([]byte, 8, minMTU)
	b[0], b[1] = byte(typ), code
	binary.BigEndian.PutUint32(b[4:], value)
	b = append(b, p.Raw[:min(len(p.Raw), minMTU-wire.IPv6Len-8)]...)
	t.send(t.port, frameICMPv6(p.ether.Src, r.MAC, src, p.Src, 64, b), r.Name+" says why")
}

// route hands a packet for an address of the subnet to whom it belongs: a filtering fabric knows, on an open
// link the router asks.
func (t *turn) route(r *Router, p *ip6, reason string) {
	if t.cfg.Fabric.Filter {
		if q, ok := t.owner(p.Dst); ok {
			t.toPort(q, p, routed(t.cfg.Ports[q].MAC, r.MAC, p.Raw), Forwarded, reason)
			return
		}
		t.drop("%s is assigned to no interface of this subnet", p.Dst)
		return
	}
	hop := p.Dst
	if i := slices.IndexFunc(t.cfg.Ports, func(q Port) bool { return q.delegated(p.Dst) }); r.ByLinkLocal && i >= 0 {
		hop = t.cfg.Ports[i].MAC.LinkLocal()
	}
	if k, ok := t.known[hop]; ok && !r.Deaf {
		t.toPort(k.port, p, routed(k.mac, r.MAC, p.Raw), Forwarded, reason)
		return
	}
	for a, w := range t.pending {
		if t.now.Sub(w.at) > resolveWait {
			delete(t.pending, a)
		}
	}
	waiting := t.pending[hop].frames
	if waiting == nil && len(t.pending) >= maxPending {
		t.drop("the router waits for too many answers already to ask who has %s", hop)
		return
	}
	waiting = append(waiting, routed(diag.MAC{}, r.MAC, p.Raw))
	t.pending[hop] = pending{t.now, waiting[max(0, len(waiting)-maxWaiting):]}
	t.drop("the router keeps it while it asks who has %s", hop)
	group := diag.SolicitedNode(hop)
	ns := buildND(diag.MulticastMAC(group), r.MAC, r.LinkLocal(), group, &ndp.NeighborSolicitation{
		TargetAddress: hop, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: r.MAC[:]}},
	})
	for i := range t.cfg.Ports {
		t.send(i, slices.Clone(ns), r.Name+" asks who has "+hop.String())
	}
}

// resolved sends what waited for a.
func (t *turn) resolved(r *Router, a netip.Addr, mac diag.MAC) {
	w, ok := t.pending[a]
	delete(t.pending, a)
	if !ok || t.now.Sub(w.at) > resolveWait {
		return
	}
	for _, frame := range w.frames {
		copy(frame, mac[:])
		t.send(t.port, frame, r.Name+" forwards what waited for the answer")
	}
}

// fromBeyond is a frame from behind the router.
func (t *turn) fromBeyond(etherType uint16) {
	r := t.gateway()
	switch etherType {
	case unix.ETH_P_IPV6:
		p, err := parse6(t.frame)
		switch {
		case err != nil:
			t.drop("%v", err)
		case p.nd() || p.mld() || p.Dst.IsMulticast():
			t.drop("the far side of the router knows no neighbours")
		case !t.cfg.onLink(p.Dst):
			t.drop("%s is not in the subnet", p.Dst)
		case r.Nowhere:
			t.drop("no router is left")
		case p.HopLimit <= 1:
			t.drop("hop limit used up")
			t.icmpError(r, &p, ipv6.ICMPTypeTimeExceeded, 0, 0)
		default:
			t.route(r, &p, fmt.Sprintf("routed into the subnet, to %s", p.Dst))
		}
	case unix.ETH_P_IP:
		p, err := parse4(t.frame)
		if err != nil {
			t.drop("%v", err)
			return
		}
		q, ok := t.owner4(p.dst)
		switch {
		case !ok:
			t.drop("%s is assigned to no interface", p.dst)
		case p.ttl <= 1:
			t.drop("TTL used up")
		default:
			t.decide(Forwarded, "routed into the subnet, to %s", p.dst)
			t.pass(q, build4(t.cfg.Ports[q].MAC, r.MAC, p.packet))
		}
	default:
		t.drop("only IPv6 and IPv4 come from beyond the router")
	}
}
