package vswitch

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

var (
	mac1      = diag.MAC{6, 0xdf, 0xa5, 0x6c, 0x5d, 0x57}
	mac2      = diag.MAC{6, 0xf0, 0x13, 0xeb, 0xc6, 0x1d}
	macRouter = diag.MAC{6, 0xfd, 0xd1, 0xc8, 0xf9, 0xcf}
	macBeyond = diag.MAC{6, 0, 0x5e, 0, 0x53, 1}

	serversMAC = diag.MAC{0x33, 0x33, 0, 1, 0, 2} // of ff02::1:2

	global1    = netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:c7f3")
	global2    = netip.MustParseAddr("2001:db8:1f16:8df0:d326:143a:2015:79fa")
	delegated2 = netip.MustParseAddr("2001:db8:1f16:8df0:aaaa::77")
	foreign    = netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:c7f4")
	routerOne  = netip.MustParseAddr("2001:db8:1f16:8df0::1")
	internet   = netip.MustParseAddr("3fff::71")
	service    = netip.MustParseAddr("fd00:ec2::254")
	unspec     = netip.IPv6Unspecified()
	ll1, ll2   = mac1.LinkLocal(), mac2.LinkLocal()
	llRouter   = macRouter.LinkLocal()
	start      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// vpc is the network of the tables: 0 and 1 are instances, the router behaves as a VPC's.
func vpc() Config {
	return Config{
		Subnet: netip.MustParsePrefix("2001:db8:1f16:8df0::/64"), Subnet4: netip.MustParsePrefix("10.0.0.0/24"),
		Fabric: Fabric{Filter: true, Proxy: true},
		Ports: []Port{
			{Name: "ubuntu1", MAC: mac1, Addresses: []netip.Addr{global1}, Address4: ip4Of("10.0.0.11"), Lease: global1},
			{
				Name: "ubuntu2", MAC: mac2, Addresses: []netip.Addr{global2}, Address4: ip4Of("10.0.0.12"), Lease: global2,
				Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:1f16:8df0:aaaa::/80")},
			},
		},
		Routers: []Router{{
			Name: "router", MAC: macRouter, Addresses: []netip.Addr{routerOne, diag.VPCRouter}, Address4: ip4Of("10.0.0.1"),
			Every: 10 * time.Second, Lifetime: 1800 * time.Second, HopLimit: 64, Managed: true, OnLink: true,
			DHCP: DHCP{Preferred: 140 * time.Second, Valid: 450 * time.Second},
		}},
		Beyond: Beyond{Name: "internet", MAC: macBeyond, Services: []netip.Prefix{
			netip.MustParsePrefix("fd00:ec2::/32"), netip.MustParsePrefix("169.254.169.254/32"),
		}},
	}
}

func lan() Config {
	c := vpc()
	c.Fabric = Fabric{Multicast: true}
	c.Routers[0].AnswersEcho = true
	return c
}

func forwarded() Config {
	c := vpc()
	c.Fabric.Proxy = false
	return c
}

func ip4Of(s string) netip.Addr { return netip.MustParseAddr(s) }

// Frames.

func ns(srcMAC diag.MAC, src, target netip.Addr) []byte {
	m := &ndp.NeighborSolicitation{TargetAddress: target}
	if !src.IsUnspecified() {
		m.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: srcMAC[:]}}
	}
	group := diag.SolicitedNode(target)
	return buildND(diag.MulticastMAC(group), srcMAC, src, group, m)
}

func na(dstMAC, srcMAC diag.MAC, target, dst netip.Addr) []byte {
	return buildND(dstMAC, srcMAC, target, dst, &ndp.NeighborAdvertisement{
		Solicited: true, Override: true, TargetAddress: target,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: srcMAC[:]}},
	})
}

func rs(src netip.Addr) []byte {
	return buildND(diag.MulticastMAC(diag.AllRouters), mac1, src, diag.AllRouters, &ndp.RouterSolicitation{})
}

func icmp(typ ipv6.ICMPType, dstMAC, srcMAC diag.MAC, src, dst netip.Addr, size int) []byte {
	return frameICMPv6(dstMAC, srcMAC, src, dst, 64, append([]byte{byte(typ), 0, 0, 0, 0x12, 0x34, 0, 1}, make([]byte, size)...))
}

func echo(dstMAC, srcMAC diag.MAC, src, dst netip.Addr) []byte {
	return icmp(ipv6.ICMPTypeEchoRequest, dstMAC, srcMAC, src, dst, 56)
}

func hopLimit(n uint8, frame []byte) []byte { frame[wire.EthernetLen+7] = n; return frame }

func spoil(frame []byte) []byte { frame[wire.EthernetLen+wire.IPv6Len+2] ^= 1; return frame }

func udp(dstMAC, srcMAC diag.MAC, src, dst netip.Addr, from, to uint16, payload []byte) []byte {
	return wire.Packet{
		Src: src, Dst: dst, HopLimit: 1, Proto: unix.IPPROTO_UDP,
		Payload: wire.UDP{Src: from, Dst: to, Payload: payload}.Marshal(),
	}.Frame(dstMAC, srcMAC)
}

func mld(src netip.Addr) []byte {
	p := wire.Packet{
		Src: src, Dst: netip.MustParseAddr("ff02::16"), HopLimit: 1, Proto: unix.IPPROTO_ICMPV6,
		Payload: []byte{byte(ipv6.ICMPTypeVersion2MulticastListenerReport), 0, 0, 0, 0, 0, 0, 0},
	}
	report := p.Marshal()[wire.IPv6Len:]
	// A hop-by-hop header with a router alert goes before it (RFC 3810 §5).
	p.Proto, p.Payload = unix.IPPROTO_HOPOPTS, append([]byte{unix.IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0}, report...)
	return p.Frame(diag.MulticastMAC(p.Dst), mac1)
}

func tcp(dstMAC, srcMAC diag.MAC, src, dst netip.Addr) []byte {
	p := wire.Packet{Src: src, Dst: dst, HopLimit: 64, Proto: unix.IPPROTO_TCP, Payload: make([]byte, 20)}
	return p.Frame(dstMAC, srcMAC)
}

func arpRequest(srcMAC diag.MAC, src, target netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, 1}
	s, d := src.As4(), target.As4()
	b = append(append(b, srcMAC[:]...), s[:]...)
	b = append(append(b, 0, 0, 0, 0, 0, 0), d[:]...)
	return wire.Ethernet{Dst: broadcast, Src: srcMAC, Type: unix.ETH_P_ARP}.Frame(b)
}

func tcp4(dstMAC, srcMAC diag.MAC, src, dst string) []byte {
	h := make([]byte, 40)
	h[0], h[8], h[9] = 0x45, 64, unix.IPPROTO_TCP
	binary.BigEndian.PutUint16(h[2:], 40)
	a, b := ip4Of(src).As4(), ip4Of(dst).As4()
	copy(h[12:], a[:])
	copy(h[16:], b[:])
	binary.BigEndian.PutUint16(h[10:], wire.Sum(h[:20]))
	return wire.Ethernet{Dst: dstMAC, Src: srcMAC, Type: unix.ETH_P_IP}.Frame(h)
}

// out is what is expected to leave: a port's name and a part of the frame's summary.
type out struct{ port, frame string }

func TestHandle(t *testing.T) {
	t.Parallel()
	detached, blackhole, refused, narrow, hole := vpc(), vpc(), vpc(), vpc(), vpc()
	detached.Ports[1].Detached = true
	blackhole.Beyond.Internet = Blackhole
	refused.Beyond.Internet = Refused
	narrow.Beyond.MTU = 1280
	hole.Beyond.MTU, hole.Beyond.NoPTB = 1280, true
	isolated, own := lan(), lan()
	isolated.Fabric.Isolated = true
	own.Routers[0].Prefix = netip.MustParsePrefix("3fff:7f8:fff0:1::/64")
	noEcho, noTCP := vpc(), vpc()
	noEcho.Beyond.NoEcho, noTCP.Beyond.NoTCP = true, true
	guarded := vpc()
	guarded.Ports[1].NoEchoIn = true
	mute := vpc()
	mute.Routers[0].Silent, mute.Routers[0].Unresolvable, mute.Routers[0].DHCP.Off = true, true, true
	local1 := netip.MustParseAddr("fd12:3456:789a:1::1")
	uniqueLocal := lan()
	uniqueLocal.Subnet = netip.PrefixFrom(local1, 64)
	translated := uniqueLocal
	translated.Beyond.Translated = true
	macSecond := diag.MAC{0x06, 0, 0, 0, 0, 2}
	dead := lan()
	second := dead.Routers[0]
	second.MAC, second.Addresses = macSecond, nil
	dead.Routers = append(dead.Routers, second)
	dead.Routers[0].Nowhere = true
	tests := []struct {
		name    string
		config  Config
		port    int
		frame   []byte
		verdict Verdict
		reason  string
		outs    []out
	}{
		// The article's observations.
		{"NS for a peer is answered on its behalf", vpc(), 0, ns(mac1, global1, global2), Answered, "on its behalf", []out{{"ubuntu1", "NA: " + global2.String() + " is at " + mac2.String()}}},
		{"NS for a peer's link-local too", vpc(), 0, ns(mac1, ll1, ll2), Answered, "on its behalf", []out{{"ubuntu1", "NA: " + ll2.String()}}},
		{"NS for an address in a delegated prefix too", vpc(), 0, ns(mac1, ll1, delegated2), Answered, "ubuntu2", []out{{"ubuntu1", "NA: " + delegated2.String()}}},
		{"NS from an unassigned source is not answered", vpc(), 0, ns(mac1, foreign, global2), Dropped, "not assigned to ubuntu1: a solicitation", nil},
		{"nor from a link-local that is not the MAC's", vpc(), 0, ns(mac1, netip.MustParseAddr("fe80::1234"), ll2), Dropped, "not assigned", nil},
		{"nor from a peer's address", vpc(), 0, ns(mac1, global2, llRouter), Dropped, "not assigned", nil},
		{"echo from an unassigned source goes nowhere", vpc(), 0, echo(mac2, mac1, foreign, global2), Dropped, "not assigned", nil},
		{"nor beyond the router", vpc(), 0, echo(macRouter, mac1, foreign, internet), Dropped, "not assigned", nil},
		{"DAD of an unassigned address passes", vpc(), 0, ns(mac1, unspec, foreign), Dropped, "duplicate address detection passes", nil},
		{"DAD of a peer's address is answered", vpc(), 0, ns(mac1, unspec, global2), Answered, "assigned to ubuntu2", []out{{"ubuntu1", "> ff02::1: NA: " + global2.String()}}},
		{"DAD of the own address is not", vpc(), 0, ns(mac1, unspec, global1), Dropped, "itself", nil},
		{"DAD of the router's address is answered", vpc(), 0, ns(mac1, unspec, routerOne), Answered, "address of router", []out{{"ubuntu1", "NA: " + routerOne.String()}}},
		{"echo to all nodes reaches nobody", vpc(), 0, echo(allNodesMAC, mac1, ll1, allNodes), Dropped, "multicast is not carried", nil},
		{"the router resolves", vpc(), 0, ns(mac1, ll1, llRouter), Answered, "address of router", []out{{"ubuntu1", "is at " + macRouter.String()}}},
		{"under fe80:ec2::1 too", vpc(), 0, ns(mac1, ll1, diag.VPCRouter), Answered, "address of router", []out{{"ubuntu1", "NA: fe80:ec2::1"}}},
		{"and does not answer echo", vpc(), 0, echo(macRouter, mac1, ll1, llRouter), Dropped, "does not answer echo", nil},
		{"echo to a peer is delivered", vpc(), 0, echo(mac2, mac1, global1, global2), Delivered, "may send", []out{{"ubuntu2", "echo request"}}},
		{"echo beyond is routed", vpc(), 0, echo(macRouter, mac1, global1, internet), Forwarded, "beyond", []out{{"internet", "echo request"}}},
		{"its reply comes back", vpc(), BeyondPort, icmp(ipv6.ICMPTypeEchoReply, macRouter, macBeyond, internet, global1, 56), Forwarded, "into the subnet", []out{{"ubuntu1", "echo reply"}}},

		// The filter.
		{"another MAC", vpc(), 0, echo(mac2, macBeyond, global1, global2), Dropped, "source MAC", nil},
		{":: is not for echo", vpc(), 0, echo(allNodesMAC, mac1, unspec, allNodes), Dropped, "unspecified", nil},
		{":: is not for RS", vpc(), 0, rs(unspec), Dropped, "unspecified", nil},
		{"MLD may come from ::", vpc(), 0, mld(unspec), Delivered, "hears of the group", nil},
		{"a multicast source", vpc(), 0, echo(mac2, mac1, allNodes, global2), Dropped, "cannot be a source", nil},
		{"an address that nobody has", vpc(), 0, echo(mac2, mac1, global1, foreign), Dropped, "assigned to no interface", nil},
		{"a peer at the wrong MAC", vpc(), 0, echo(macBeyond, mac1, global1, global2), Dropped, "not at MAC", nil},
		{"a router of one's own", vpc(), 0, buildND(allNodesMAC, mac1, ll1, allNodes, &ndp.RouterAdvertisement{RouterLifetime: time.Hour}), Dropped, "as a router", nil},
		{"an advertisement for a foreign address", vpc(), 0, na(mac2, mac1, foreign, ll2), Dropped, "not assigned", nil},
		{"nothing at all", vpc(), 0, nil, Dropped, "too short", nil},
		{"an advertisement of one's own", vpc(), 0, na(mac2, mac1, ll1, ll2), Dropped, "not passed on", nil},
		{"a DHCPv6 server of one's own", vpc(), 0, udp(mac2, mac1, ll1, ll2, 547, 546, nil), Dropped, "DHCPv6 server", nil},
		{"another EtherType", vpc(), 0, wire.Ethernet{Dst: mac2, Src: mac1, Type: 0x8100}.Frame(make([]byte, 50)), Dropped, "only IPv6", nil},

		// What ND demands (RFC 4861 §7.1).
		{"ND from off the link", vpc(), 0, hopLimit(64, ns(mac1, global1, global2)), Dropped, "hop limit 64", nil},
		{"ND with a wrong checksum", vpc(), 0, spoil(ns(mac1, global1, global2)), Dropped, "checksum", nil},
		{"ND cut off", vpc(), 0, ns(mac1, global1, global2)[:wire.EthernetLen+wire.IPv6Len+10], Dropped, "cut off", nil},

		// The router.
		{"RS from a link-local", vpc(), 0, rs(ll1), Answered, "", []out{{"ubuntu1", "> " + ll1.String() + ": RA: lifetime 1800 s, M=true"}}},
		{"the last hop", vpc(), 0, hopLimit(1, echo(macRouter, mac1, global1, internet)), Dropped, "hop limit", []out{{"ubuntu1", "time exceeded"}}},
		{"link-local beyond the router", vpc(), 0, echo(macRouter, mac1, ll1, internet), Dropped, "not routed", nil},
		{"a peer by way of the router", vpc(), 0, echo(macRouter, mac1, global1, global2), Forwarded, "back into the subnet", []out{{"ubuntu2", "echo request"}}},
		{"no Internet", blackhole, 0, echo(macRouter, mac1, global1, internet), Dropped, "no route", nil},
		{"the services remain", blackhole, 0, echo(macRouter, mac1, global1, service), Forwarded, "service", []out{{"internet", "echo request"}}},
		{"kept from each other: NS", isolated, 0, ns(mac1, global1, global2), Dropped, "kept from each other", nil},
		{"kept from each other: echo", isolated, 0, echo(mac2, mac1, global1, global2), Dropped, "kept from each other", nil},
		{"kept from each other: the router", isolated, 0, ns(mac1, ll1, macRouter.LinkLocal()), Answered, "address of router", []out{{"ubuntu1", "NA:"}}},
		{"another prefix than the router's", own, 0, echo(macRouter, mac1, global1, internet), Dropped, "no way back", nil},
		{"the router's own prefix", own, 0, echo(macRouter, mac1, netip.MustParseAddr("3fff:7f8:fff0:1::5"), internet), Forwarded, "beyond", []out{{"internet", "echo request"}}},
		{"no echo", noEcho, 0, echo(macRouter, mac1, global1, internet), Dropped, "access list", nil},
		{"no echo, but TCP", noEcho, 0, tcp(macRouter, mac1, global1, internet), Forwarded, "beyond", []out{{"internet", "TCP"}}},
		{"no TCP", noTCP, 0, tcp(macRouter, mac1, global1, internet), Dropped, "access list", nil},
		{"no TCP, but echo", noTCP, 0, echo(macRouter, mac1, global1, internet), Forwarded, "beyond", []out{{"internet", "echo request"}}},
		{"no TCP, but to the services", noTCP, 0, tcp(macRouter, mac1, global1, service), Forwarded, "service", []out{{"internet", "TCP"}}},
		{"refused", refused, 0, echo(macRouter, mac1, global1, internet), Dropped, "prohibited", []out{{"ubuntu1", routerOne.String() + " > " + global1.String() + ": destination unreachable, code 1"}}},
		{"an error about an error", refused, 0, icmp(ipv6.ICMPTypeDestinationUnreachable, macRouter, mac1, global1, internet, 60), Dropped, "prohibited", nil},
		{"too big", narrow, 0, icmp(ipv6.ICMPTypeEchoRequest, macRouter, mac1, global1, internet, 1300), Dropped, "too many", []out{{"ubuntu1", "packet too big, MTU 1280"}}},
		{"too big, and nobody says so", hole, 0, icmp(ipv6.ICMPTypeEchoRequest, macRouter, mac1, global1, internet, 1300), Dropped, "too many", nil},
		{"from beyond to nobody", vpc(), BeyondPort, echo(macRouter, macBeyond, internet, foreign), Dropped, "assigned to no interface", nil},
		{"silent: RS", mute, 0, rs(ll1), Dropped, "no router answers", nil},
		{"silent: NS", mute, 0, ns(mac1, ll1, llRouter), Dropped, "answers no solicitation", nil},

		// Security group, detached interface.
		{"echo request into a security group", guarded, 0, echo(mac2, mac1, global1, global2), Dropped, "security group", nil},
		{"echo reply into it", guarded, 0, icmp(ipv6.ICMPTypeEchoReply, mac2, mac1, global1, global2, 56), Delivered, "", []out{{"ubuntu2", "echo reply"}}},
		{"from beyond into it", guarded, BeyondPort, echo(macRouter, macBeyond, internet, global2), Dropped, "security group", nil},
		{"NS for what was detached", detached, 0, ns(mac1, global1, global2), Dropped, "assigned to no interface", nil},
		{"from what was detached", detached, 1, echo(mac1, mac2, global2, global1), Dropped, "attached to nothing", nil},

		// IPv4, as far as the metadata service needs it.
		{"ARP for the router", vpc(), 0, arpRequest(mac1, ip4Of("10.0.0.11"), ip4Of("10.0.0.1")), Answered, "router", []out{{"ubuntu1", "10.0.0.1 is at " + macRouter.String()}}},
		{"ARP for a peer", vpc(), 0, arpRequest(mac1, ip4Of("10.0.0.11"), ip4Of("10.0.0.12")), Answered, "on its behalf", []out{{"ubuntu1", "10.0.0.12 is at " + mac2.String()}}},
		{"ARP from a foreign address", vpc(), 0, arpRequest(mac1, ip4Of("10.0.0.99"), ip4Of("10.0.0.1")), Dropped, "not assigned", nil},
		{"the metadata service", vpc(), 0, tcp4(macRouter, mac1, "10.0.0.11", "169.254.169.254"), Forwarded, "service", []out{{"internet", "TCP"}}},
		{"from a foreign address", vpc(), 0, tcp4(macRouter, mac1, "10.0.0.99", "169.254.169.254"), Dropped, "not assigned", nil},
		{"its answer", vpc(), BeyondPort, tcp4(macRouter, macBeyond, "169.254.169.254", "10.0.0.11"), Forwarded, "", []out{{"ubuntu1", "TCP"}}},
		{"IPv4 elsewhere", vpc(), 0, tcp4(macRouter, mac1, "10.0.0.11", "192.0.2.1"), Dropped, "services only", nil},

		// Neutron's way: filtered, but the target answers.
		{"forwarded: NS reaches the peer", forwarded(), 0, ns(mac1, global1, global2), Delivered, "target itself", []out{{"ubuntu2", "NS"}}},
		{"forwarded: not from an unassigned source", forwarded(), 0, ns(mac1, foreign, global2), Dropped, "not assigned", nil},
		{"forwarded: the peer's answer", forwarded(), 1, na(mac1, mac2, global2, global1), Delivered, "answer", []out{{"ubuntu1", "NA"}}},
		{"forwarded: an answer for another's address", forwarded(), 1, na(mac1, mac2, foreign, global1), Dropped, "not assigned", nil},
		{"forwarded: all nodes", forwarded(), 0, echo(allNodesMAC, mac1, ll1, allNodes), Dropped, "not carried", nil},

		// An open link.
		{"lan: any source", lan(), 0, echo(mac2, mac1, foreign, global2), Delivered, "MAC", []out{{"ubuntu2", "echo request"}}},
		{"lan: all nodes", lan(), 0, echo(allNodesMAC, mac1, ll1, allNodes), Delivered, "every interface", []out{{"ubuntu2", "echo request"}, {"ubuntu1", llRouter.String() + " > " + ll1.String() + ": echo reply"}}},
		{"lan: the router answers", lan(), 0, echo(macRouter, mac1, global1, routerOne), Answered, "", []out{{"ubuntu1", "echo reply"}}},
		{"lan: RS from ::", lan(), 0, rs(unspec), Answered, "", []out{{"ubuntu1", "> ff02::1: RA"}}},
		{"lan: a foreign source has no way back", lan(), 0, echo(macRouter, mac1, netip.MustParseAddr("fd00::1"), internet), Dropped, "no way back", nil},
		{"lan: the router asks for what is assigned too", lan(), BeyondPort, echo(macRouter, macBeyond, internet, global1), Dropped, "asks who has", []out{{"ubuntu1", "NS: who has " + global1.String()}, {"ubuntu2", "NS: who has " + global1.String()}}},

		// A unique-local prefix, and a second router.
		{"unique-local: no way back", uniqueLocal, 0, echo(macRouter, mac1, local1, internet), Dropped, "no way back", nil},
		{"unique-local: translated", translated, 0, echo(macRouter, mac1, local1, internet), Forwarded, "beyond", []out{{"internet", "echo request"}}},
		{"dead: by the first router", dead, 0, echo(macRouter, mac1, global1, internet), Dropped, "leads nowhere", nil},
		{"dead: by the second", dead, 0, echo(macSecond, mac1, global1, internet), Forwarded, "beyond", []out{{"internet", "echo request"}}},
		{"dead: the second asks for whom the answer is", dead, BeyondPort, echo(macRouter, macBeyond, internet, global1), Dropped, "asks who has", []out{{"ubuntu1", macSecond.LinkLocal().String() + " > "}, {"ubuntu2", "NS: who has"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := New(tt.config, start)
			outs, entries := s.Handle(start, tt.port, tt.frame)
			e := entries[0]
			if e.Verdict != tt.verdict || !strings.Contains(e.Reason, tt.reason) || e.Reason == "" {
				t.Errorf("%s: %s because %q, want %s because of %q", e.Frame, e.Verdict, e.Reason, tt.verdict, tt.reason)
			}
			var got []out
			for i, o := range outs {
				text := Summary(o.Frame)
				if i < len(tt.outs) && strings.Contains(text, tt.outs[i].frame) {
					text = tt.outs[i].frame
				}
				got = append(got, out{s.name(o.Port), text})
				wellFormed(t, o.Frame)
			}
			if diff := cmp.Diff(tt.outs, got, cmp.AllowUnexported(out{})); diff != "" {
				t.Errorf("frames out (-want +got):\n%s", diff)
			}
		})
	}
}

// wellFormed checks what a kernel would check of a frame that leaves the switch.
func wellFormed(t *testing.T, frame []byte) {
	t.Helper()
	h, packet, _ := wire.ParseEthernet(frame)
	if h.Type == unix.ETH_P_IP {
		if wire.Sum(packet[:20]) != 0 {
			t.Errorf("%s: wrong IPv4 header checksum", Summary(frame))
		}
		return
	}
	if h.Type != unix.ETH_P_IPV6 {
		return
	}
	p, err := parse6(frame)
	if err != nil {
		t.Errorf("%s: %v", Summary(frame), err)
		return
	}
	if p.nd() {
		if _, err := p.message(); err != nil {
			t.Errorf("%s: %v", Summary(frame), err)
		}
	}
	if p.Proto == unix.IPPROTO_ICMPV6 || p.Proto == unix.IPPROTO_UDP {
		if !p.Intact() {
			t.Errorf("%s: wrong checksum", Summary(frame))
		}
	}
}

func TestRoutingCountsDownAndRewrites(t *testing.T) {
	t.Parallel()
	in := echo(macRouter, mac1, global1, internet)
	before := string(in)
	outs, _ := New(vpc(), start).Handle(start, 0, in)
	f := outs[0].Frame
	h, _, _ := wire.ParseEthernet(f)
	if h.Dst != macBeyond || h.Src != macRouter || f[wire.EthernetLen+7] != 63 {
		t.Errorf("to %s from %s with hop limit %d; want %s, %s, 63", h.Dst, h.Src, f[wire.EthernetLen+7], macBeyond, macRouter)
	}
	if string(in) != before {
		t.Error("the frame that came in was changed")
	}
}

func TestAdvertisement(t *testing.T) {
	t.Parallel()
	s := New(vpc(), start)
	if got := s.Next(); !got.Equal(start) {
		t.Fatalf("first advertisement at %s, want %s", got, start)
	}
	outs, _ := s.Tick(start)
	if len(outs) != 2 {
		t.Fatalf("%d advertisements, want one a port", len(outs))
	}
	p, err := parse6(outs[1].Frame)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.message()
	if err != nil {
		t.Fatal(err)
	}
	want := &ndp.RouterAdvertisement{
		CurrentHopLimit: 64, ManagedConfiguration: true, RouterLifetime: 1800 * time.Second,
		Options: []ndp.Option{
			&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: net.HardwareAddr(macRouter[:])},
			&ndp.PrefixInformation{
				PrefixLength: 64, OnLink: true, ValidLifetime: prefixValid, PreferredLifetime: prefixPreferred,
				Prefix: netip.MustParseAddr("2001:db8:1f16:8df0::"),
			},
		},
	}
	if diff := cmp.Diff(want, m, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("advertisement (-want +got):\n%s", diff)
	}
	if p.Src != llRouter || p.Dst != allNodes {
		t.Errorf("from %s to %s", p.Src, p.Dst)
	}
	if got, want := s.Next(), start.Add(10*time.Second); !got.Equal(want) {
		t.Errorf("next one at %s, want %s", got, want)
	}
	if outs, _ := s.Tick(start.Add(9 * time.Second)); len(outs) != 0 {
		t.Error("an advertisement before its time")
	}
	silent := vpc()
	silent.Routers[0].Silent = true
	if got := New(silent, start).Next(); !got.IsZero() {
		t.Errorf("a silent router advertises at %s", got)
	}
}

// ask sends a DHCPv6 message from ubuntu1 and returns the answer.
func ask(t *testing.T, s *Switch, m *dhcpv6.Message) (*dhcpv6.Message, Entry) {
	t.Helper()
	outs, entries := s.Handle(start, 0, udp(serversMAC, mac1, ll1, netip.MustParseAddr("ff02::1:2"), 546, 547, m.ToBytes()))
	if len(outs) == 0 {
		return nil, entries[0]
	}
	p, err := parse6(outs[0].Frame)
	if err != nil {
		t.Fatal(err)
	}
	if p.Src != llRouter || p.Dst != ll1 {
		t.Errorf("answer from %s to %s, want %s to %s", p.Src, p.Dst, llRouter, ll1)
	}
	wellFormed(t, outs[0].Frame)
	a, err := dhcpv6.MessageFromBytes(p.Payload[wire.UDPLen:])
	if err != nil {
		t.Fatal(err)
	}
	return a, entries[0]
}

func TestDHCPv6Exchange(t *testing.T) {
	t.Parallel()
	s := New(vpc(), start)
	solicit, err := dhcpv6.NewSolicit(net.HardwareAddr(mac1[:]), dhcpv6.WithRapidCommit)
	if err != nil {
		t.Fatal(err)
	}
	advertise, _ := ask(t, s, solicit)
	if advertise == nil || advertise.MessageType != dhcpv6.MessageTypeAdvertise {
		t.Fatalf("to a Solicit with Rapid Commit: %v, want an Advertise", advertise)
	}
	request, err := dhcpv6.NewRequestFromAdvertise(advertise)
	if err != nil {
		t.Fatal(err)
	}
	reply, _ := ask(t, s, request)
	a := reply.Options.OneIANA().Options.OneAddress()
	if !a.IPv6Addr.Equal(global1.AsSlice()) || a.PreferredLifetime != 140*time.Second || a.ValidLifetime != 450*time.Second {
		t.Errorf("leased %s, preferred %s, valid %s", a.IPv6Addr, a.PreferredLifetime, a.ValidLifetime)
	}
	if ia := reply.Options.OneIANA(); ia.T1 != 70*time.Second || ia.T2 != 112*time.Second {
		t.Errorf("T1 %s, T2 %s; want 70s, 112s", ia.T1, ia.T2)
	}
	request.MessageType = dhcpv6.MessageTypeRenew
	if again, _ := ask(t, s, request); again == nil || again.MessageType != dhcpv6.MessageTypeReply {
		t.Errorf("to a Renew: %v", again)
	}
	request.UpdateOption(dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: net.HardwareAddr(mac2[:])}))
	if again, e := ask(t, s, request); again != nil {
		t.Errorf("a Renew for another server was %s: %s", e.Verdict, e.Reason)
	}
}

func TestDHCPv6Refusals(t *testing.T) {
	t.Parallel()
	solicit, err := dhcpv6.NewSolicit(net.HardwareAddr(mac1[:]))
	if err != nil {
		t.Fatal(err)
	}
	off, none := vpc(), vpc()
	off.Routers[0].DHCP.Off = true
	none.Ports[0].Lease = netip.Addr{}
	if a, e := ask(t, New(off, start), solicit); a != nil || e.Verdict != Dropped {
		t.Errorf("a server that is off: %s: %s", e.Verdict, e.Reason)
	}
	a, _ := ask(t, New(none, start), solicit)
	if a == nil || a.Options.OneIANA().Options.OneAddress() != nil || a.Options.OneIANA().Options.Status().StatusCode != iana.StatusNoAddrsAvail {
		t.Errorf("without an address to give: %v, want NoAddrsAvail", a)
	}
	for range maxIA {
		solicit.AddOption(&dhcpv6.OptIANA{})
	}
	if a, e := ask(t, New(vpc(), start), solicit); a != nil {
		t.Errorf("%d identity associations were %s: %s", maxIA+1, e.Verdict, e.Reason)
	}
}

// On an open link the router asks who has an address, and sends all that waits.
func TestOpenLinkRouterResolves(t *testing.T) {
	t.Parallel()
	s := New(lan(), start)
	outs, entries := s.Handle(start, BeyondPort, echo(macRouter, macBeyond, internet, foreign))
	if len(outs) != 2 || !strings.Contains(Summary(outs[0].Frame), "NS: who has "+foreign.String()) {
		t.Fatalf("%s: %s; %d frames out", entries[0].Verdict, entries[0].Reason, len(outs))
	}
	s.Handle(start, BeyondPort, echo(macRouter, macBeyond, internet, foreign))
	outs, _ = s.Handle(start.Add(time.Millisecond), 0, na(macRouter, mac1, foreign, llRouter))
	if len(outs) != 2 || outs[0].Port != 0 || diag.MAC(outs[0].Frame) != mac1 || outs[0].Frame[wire.EthernetLen+7] != 63 {
		t.Fatalf("after the answer: %v", outs)
	}
	outs, entries = s.Handle(start.Add(time.Second), BeyondPort, echo(macRouter, macBeyond, internet, foreign))
	if len(outs) != 1 || entries[0].Verdict != Forwarded {
		t.Errorf("the next packet: %s: %s", entries[0].Verdict, entries[0].Reason)
	}
}

func TestLossOnlyAfterBegin(t *testing.T) {
	t.Parallel()
	c := vpc()
	c.Ports[0].Loss = 30
	s := New(c, start)
	lost := func() (n int) {
		for range 1000 {
			if outs, _ := s.Handle(start, 0, echo(mac2, mac1, global1, global2)); len(outs) == 0 {
				n++
			}
		}
		return n
	}
	if n := lost(); n != 0 {
		t.Errorf("%d of 1000 lost while instances boot", n)
	}
	s.Begin()
	if n := lost(); n < 250 || n > 350 {
		t.Errorf("%d of 1000 lost, want about 300", n)
	}
}

// FuzzHandle: whatever comes in, nothing panics, the log tells about it, and a filtering fabric lets
// nothing out of an instance that is not assigned to it.
func FuzzHandle(f *testing.F) {
	solicit, err := dhcpv6.NewSolicit(net.HardwareAddr(mac1[:]))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		ns(mac1, global1, global2), ns(mac1, unspec, foreign), ns(mac1, foreign, global2), na(mac2, mac1, ll1, ll2), rs(ll1), mld(unspec),
		echo(mac2, mac1, global1, global2), echo(macRouter, mac1, global1, internet), echo(allNodesMAC, mac1, ll1, allNodes),
		arpRequest(mac1, ip4Of("10.0.0.11"), ip4Of("10.0.0.1")), tcp4(macRouter, mac1, "10.0.0.11", "169.254.169.254"),
		udp(serversMAC, mac1, ll1, netip.MustParseAddr("ff02::1:2"), 546, 547, solicit.ToBytes()),
		echo(macRouter, macBeyond, internet, global1),
	} {
		f.Add(seed, 0)
		f.Add(seed, 1)
		f.Add(seed, 2)
	}
	f.Fuzz(func(t *testing.T, frame []byte, from int) {
		port := from % 3
		if port < 0 || port == 2 {
			port = BeyondPort
		}
		for _, c := range []Config{vpc(), forwarded(), lan()} {
			s := New(c, start)
			outs, entries := s.Handle(start, port, frame)
			if len(entries) == 0 || entries[0].Reason == "" || entries[0].Frame == "" {
				t.Fatalf("no reason in the log: %+v", entries)
			}
			if strings.ContainsFunc(entries[0].Frame+entries[0].Reason, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Fatalf("control characters in the log: %q", entries[0])
			}
			if len(outs) > 8 {
				t.Fatalf("%d frames out of one", len(outs))
			}
			for _, o := range outs {
				if o.Port != BeyondPort && (o.Port < 0 || o.Port >= len(c.Ports)) {
					t.Fatalf("a frame on port %d", o.Port)
				}
				if !c.Fabric.Filter || port == BeyondPort || entries[0].Verdict == Answered {
					continue
				}
				if o.Port == port {
					continue // an ICMPv6 error
				}
				if p, err := parse6(o.Frame); err == nil && p.ether.Type == unix.ETH_P_IPV6 &&
					!c.Ports[port].assigned(p.Src) && (!p.Src.IsUnspecified() || c.Fabric.Proxy) {
					t.Fatalf("%s came through from %s", Summary(o.Frame), c.Ports[port].Name)
				}
			}
		}
	})
}
