package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"ndwhy/diag"
	"ndwhy/diag/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/mdlayher/ndp"
	"golang.org/x/sys/unix"
)

var (
	ourMAC   = diag.MAC{2, 0, 0, 0, 0, 1}
	theirMAC = diag.MAC{2, 0, 0, 0, 0, 2}
	ours     = netip.MustParseAddr("fe80::1")
	theirs   = netip.MustParseAddr("fe80::2")
	global   = netip.MustParseAddr("2001:db8::7")
	nobody   = netip.IPv6Unspecified()
	groupOf7 = diag.SolicitedNode(global)
)

// nd returns a frame with a neighbour discovery message.
func nd(tb testing.TB, src, dst netip.Addr, m ndp.Message) []byte {
	tb.Helper()
	b, err := ndp.MarshalMessage(m)
	if err != nil {
		tb.Fatal(err)
	}
	return icmp(src, dst, 255, b...)
}

func icmp(src, dst netip.Addr, hopLimit byte, message ...byte) []byte {
	return frame(src, dst, hopLimit, unix.IPPROTO_ICMPV6, message)
}

// frame returns a frame from the other host with a packet, its checksum right.
func frame(src, dst netip.Addr, hopLimit, proto byte, payload []byte) []byte {
	return wire.Packet{Src: src, Dst: dst, HopLimit: hopLimit, Proto: proto, Payload: payload}.Frame(ourMAC, theirMAC)
}

func sourceLL() ndp.Option {
	return &ndp.LinkLayerAddress{Direction: ndp.Source, Addr: net.HardwareAddr(theirMAC[:])}
}

// ra returns an advertisement with what a VPC's and a home's router say.
func ra() *ndp.RouterAdvertisement {
	return &ndp.RouterAdvertisement{
		CurrentHopLimit: 64, ManagedConfiguration: true, RouterSelectionPreference: ndp.Low,
		RouterLifetime: 1800 * time.Second, ReachableTime: 30 * time.Second, RetransmitTimer: time.Second,
		Options: []ndp.Option{
			sourceLL(), ndp.NewMTU(1500),
			&ndp.PrefixInformation{PrefixLength: 64, OnLink: true, Prefix: netip.MustParseAddr("2001:db8::"), ValidLifetime: ndp.Infinity, PreferredLifetime: 600 * time.Second},
			&ndp.RecursiveDNSServer{Lifetime: ndp.Infinity, Servers: []netip.Addr{global, ours}},
			&ndp.DNSSearchList{Lifetime: time.Minute, DomainNames: []string{"example.org"}},
			&ndp.RawOption{Type: 24, Length: 2, Value: []byte{60, 0x08, 0, 0, 0, 200, 0x20, 0x01, 0x0d, 0xb8, 0, 1, 0xff, 0xf0}},
			&ndp.RawOption{Type: 253, Length: 1, Value: []byte{1, 2, 3, 4, 5, 6}},
		},
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	quoted := frame(ours, global, 64, unix.IPPROTO_ICMPV6, []byte{128, 0, 0, 0, 0x12, 0x34, 0, 9})[14:]
	for name, tt := range map[string]struct {
		frame []byte
		want  diag.Frame
	}{
		"NS": {
			nd(t, theirs, groupOf7, &ndp.NeighborSolicitation{TargetAddress: global, Options: []ndp.Option{sourceLL()}}),
			diag.Frame{Src: theirs, Dst: groupOf7, HopLimit: 255, Type: diag.NS, Target: global, LLAddr: theirMAC, Size: 72},
		},
		"DAD NS with a nonce": {
			nd(t, nobody, groupOf7, &ndp.NeighborSolicitation{TargetAddress: global, Options: []ndp.Option{&ndp.RawOption{Type: 14, Length: 1, Value: []byte{1, 2, 3, 4, 5, 6}}}}),
			diag.Frame{Src: nobody, Dst: groupOf7, HopLimit: 255, Type: diag.NS, Target: global, Nonce: []byte{1, 2, 3, 4, 5, 6}, Size: 72},
		},
		"NA": {
			nd(t, theirs, ours, &ndp.NeighborAdvertisement{Router: true, Solicited: true, Override: true, TargetAddress: global, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: theirMAC[:]}}}),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 255, Type: diag.NA, Target: global, LLAddr: theirMAC, Router: true, Solicited: true, Override: true, Size: 72},
		},
		"RS": {
			nd(t, theirs, diag.AllRouters, &ndp.RouterSolicitation{Options: []ndp.Option{sourceLL()}}),
			diag.Frame{Src: theirs, Dst: diag.AllRouters, HopLimit: 255, Type: diag.RS, LLAddr: theirMAC, Size: 56},
		},
		"RA": {
			nd(t, theirs, diag.AllNodes, ra()),
			diag.Frame{Src: theirs, Dst: diag.AllNodes, HopLimit: 255, Type: diag.RA, LLAddr: theirMAC, Size: 192, RA: &diag.Advertisement{
				Managed: true, HopLimit: 64, LifetimeS: 1800, Preference: "low", ReachableMS: 30000, RetransMS: 1000, MTU: 1500, LLAddr: theirMAC,
				Prefixes: []diag.PrefixInfo{{Prefix: netip.MustParsePrefix("2001:db8::/64"), OnLink: true, ValidS: diag.Forever, PreferredS: 600}},
				RDNSS:    []netip.Addr{global, ours}, RDNSSLifeS: diag.Forever, DNSSL: []string{"example.org"},
				Routes:  []diag.RouteInfo{{Prefix: netip.MustParsePrefix("2001:db8:1:fff0::/60"), LifetimeS: 200, Preference: "high"}},
				Unknown: []diag.Option{{Type: 253, Raw: []byte{253, 1, 1, 2, 3, 4, 5, 6}}},
			}},
		},
		"redirect": {
			icmp(theirs, ours, 255, redirect(ours, global, append([]byte{4, byte((len(quoted) + 8) / 8), 0, 0, 0, 0, 0, 0}, quoted...))...),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 255, Type: diag.RedirectFrame, Target: ours, Size: 136, Quoted: &diag.Quoted{Src: ours, Dst: global, Type: diag.EchoRequest, EchoID: 0x1234, EchoSeq: 9}},
		},
		"echo": {
			icmp(theirs, ours, 64, 129, 0, 0, 0, 0x12, 0x34, 0, 7, 'h', 'e', 'y'),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 64, Type: diag.EchoReply, EchoID: 0x1234, EchoSeq: 7, Size: 51},
		},
		"unreachable": {
			icmp(theirs, ours, 64, append([]byte{1, 3, 0, 0, 0, 0, 0, 0}, quoted...)...),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 64, Type: diag.Unreachable, Code: 3, Size: 96, Quoted: &diag.Quoted{Src: ours, Dst: global, Type: diag.EchoRequest, EchoID: 0x1234, EchoSeq: 9}},
		},
		"packet too big, which quotes little": {
			icmp(theirs, ours, 64, append([]byte{2, 0, 0, 0, 0, 0, 5, 0x14}, quoted[:41]...)...),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 64, Type: diag.PacketTooBig, MTU: 1300, Size: 89, Quoted: &diag.Quoted{Src: ours, Dst: global}},
		},
		"MLD": {
			frame(theirs, ours, 1, 0, mld(theirs, ours)),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 1, Type: diag.MLD, Size: 56, MLD: &diag.MLDMessage{Message: "report"}},
		},
		"MLDv2 report": {
			frame(theirs, mldRouters, 1, 0, hopByHop(theirs, mldRouters, slices.Concat(
				[]byte{143, 0, 0, 0, 0, 0, 0, 3},
				[]byte{4, 0, 0, 0}, groupOf7.AsSlice(), // to exclude nothing
				[]byte{3, 1, 0, 0}, diag.AllNodes.AsSlice(), []byte{9, 9, 9, 9}, // to include nothing
				[]byte{6, 0, 0, 1}, diag.AllRouters.AsSlice(), global.AsSlice()))), // to block a source
			diag.Frame{Src: theirs, Dst: mldRouters, HopLimit: 1, Type: diag.MLD, Size: 136, MLD: &diag.MLDMessage{
				Message: "report", Groups: []netip.Addr{groupOf7}, Left: []netip.Addr{diag.AllNodes},
			}},
		},
		"MLD query": {
			frame(theirs, diag.AllNodes, 1, 0, hopByHop(theirs, diag.AllNodes, slices.Concat(
				[]byte{130, 0, 0, 0, 0x80, 0, 0, 0}, nobody.AsSlice(), []byte{2, 125, 0, 0}))),
			diag.Frame{Src: theirs, Dst: diag.AllNodes, HopLimit: 1, Type: diag.MLD, Size: 76, MLD: &diag.MLDMessage{Message: "query", MaxDelayMS: 32768}},
		},
		"MLD done": {
			frame(theirs, diag.AllRouters, 1, 0, hopByHop(theirs, diag.AllRouters, slices.Concat(
				[]byte{132, 0, 0, 0, 0, 0, 0, 0}, groupOf7.AsSlice()))),
			diag.Frame{Src: theirs, Dst: diag.AllRouters, HopLimit: 1, Type: diag.MLD, Size: 72, MLD: &diag.MLDMessage{Message: "done", Left: []netip.Addr{groupOf7}}},
		},
		"SYN": {
			segment(ourMAC, netip.AddrPortFrom(theirs, 40000), netip.AddrPortFrom(ours, 22), 0xc2, nil),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 64, Type: diag.TCPSyn, Size: 60, SrcPort: 40000, DstPort: 22},
		},
		"SYN-ACK": {
			segment(ourMAC, netip.AddrPortFrom(theirs, 22), netip.AddrPortFrom(ours, 40000), 0x12, nil),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 64, Type: diag.TCPSynAck, Size: 60, SrcPort: 22, DstPort: 40000},
		},
		"packet too big for a segment": {
			icmp(theirs, ours, 64, append([]byte{2, 0, 0, 0, 0, 0, 5, 0}, segment(ourMAC, netip.AddrPortFrom(ours, 40000), netip.AddrPortFrom(global, 443), 0x10, nil)[14:]...)...),
			diag.Frame{Src: theirs, Dst: ours, HopLimit: 64, Type: diag.PacketTooBig, MTU: 1280, Size: 108, Quoted: &diag.Quoted{Src: ours, Dst: global, SrcPort: 40000, DstPort: 443}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := Decode("eth0", true, tt.frame, false)
			if !ok {
				t.Fatal("not decoded")
			}
			tt.want.Interface, tt.want.Out, tt.want.SrcMAC, tt.want.DstMAC, tt.want.Raw = "eth0", true, theirMAC, ourMAC, tt.frame
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			padded := append(bytes.Clone(tt.frame), 0, 0, 0, 0)
			if got, _ := Decode("eth0", true, padded, false); got.Bad != "" {
				t.Errorf("with Ethernet's padding: %s", got.Bad)
			}
			for i := 22; i < len(tt.frame); i++ { // addresses and payload, all under the checksum
				if tt.want.Type == diag.MLD && i >= 54 && i < 62 {
					continue // a hop-by-hop header is not
				}
				flipped := bytes.Clone(tt.frame)
				flipped[i] ^= 0x20
				if got, ok := Decode("eth0", false, flipped, !tt.want.Type.IsTCP()); ok && got.Bad == "" {
					t.Fatalf("believed with byte %d changed", i)
				}
			}
		})
	}
}

func redirect(target, dst netip.Addr, opts []byte) []byte {
	b := append([]byte{137, 0, 0, 0, 0, 0, 0, 0}, target.AsSlice()...)
	return append(append(b, dst.AsSlice()...), opts...)
}

// mld is a hop-by-hop header with a router alert, and a report behind it with its checksum.
func mld(src, dst netip.Addr) []byte {
	return hopByHop(src, dst, []byte{143, 0, 0, 0, 0, 0, 0, 0})
}

// hopByHop returns an ICMPv6 message with its checksum, behind the header that MLD comes with.
func hopByHop(src, dst netip.Addr, message []byte) []byte {
	message = frame(src, dst, 1, unix.IPPROTO_ICMPV6, message)[54:]
	return append([]byte{unix.IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0}, message...)
}

// segment returns a frame with a TCP segment without data that acknowledges ack, the four bytes of a
// sequence number, plus one.
func segment(to diag.MAC, src, dst netip.AddrPort, flags byte, ack []byte) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, src.Port())
	binary.BigEndian.PutUint16(b[2:], dst.Port())
	if ack != nil {
		binary.BigEndian.PutUint32(b[8:], binary.BigEndian.Uint32(ack)+1)
	}
	b[12], b[13] = 5<<4, flags
	return wire.Packet{Src: src.Addr(), Dst: dst.Addr(), HopLimit: 64, Proto: unix.IPPROTO_TCP, Payload: b}.Frame(to, theirMAC)
}

var mldRouters = netip.MustParseAddr("ff02::16")

// TestBad has a frame for each rule about what is received.
func TestBad(t *testing.T) {
	t.Parallel()
	ns := func(target netip.Addr, opts ...ndp.Option) ndp.Message {
		return &ndp.NeighborSolicitation{TargetAddress: target, Options: opts}
	}
	na := func(target netip.Addr, solicited bool) ndp.Message {
		return &ndp.NeighborAdvertisement{TargetAddress: target, Solicited: solicited}
	}
	message := func(m ndp.Message) []byte {
		b, err := ndp.MarshalMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	code := message(ns(global))
	code[1] = 1
	zero := append(message(ns(global)), 1, 0, 0, 0, 0, 0, 0, 0)
	beyond := append(message(ns(global)), 1, 9, 0, 0, 0, 0, 0, 0)
	half := append(message(ns(global)), 1)
	mapped := append(message(ns(global))[:8], netip.MustParseAddr("::ffff:192.0.2.1").AsSlice()...)
	wrong := nd(t, theirs, groupOf7, ns(global))
	wrong[len(wrong)-1]++
	atomic := frame(theirs, ours, 255, unix.IPPROTO_FRAGMENT, append([]byte{unix.IPPROTO_ICMPV6, 0, 0, 0, 0, 0, 0, 1}, nd(t, theirs, ours, ns(global))[54:]...))
	first := frame(theirs, ours, 64, unix.IPPROTO_FRAGMENT, []byte{unix.IPPROTO_ICMPV6, 0, 0, 1, 0, 0, 0, 1, 128, 0, 0, 0, 0, 1, 0, 1})
	cut := nd(t, theirs, groupOf7, ns(global))
	cut = cut[:len(cut)-4]
	many := message(ns(global))
	for range optionsMax + 1 {
		many = append(many, 253, 1, 0, 0, 0, 0, 0, 0)
	}
	for name, b := range map[string][]byte{
		"hop limit 64":                     icmp(theirs, groupOf7, 64, message(ns(global))...),
		"wrong ICMPv6 checksum":            wrong,
		"code 1":                           icmp(theirs, groupOf7, 255, code...),
		"bytes, too short for ns":          icmp(theirs, groupOf7, 255, message(ns(global))[:20]...),
		"an option's length is zero":       icmp(theirs, groupOf7, 255, zero...),
		"or beyond the end":                icmp(theirs, groupOf7, 255, beyond...),
		"option's length":                  icmp(theirs, groupOf7, 255, half...),
		"more than 128 options":            icmp(theirs, groupOf7, 255, many...),
		"malformed ns":                     icmp(theirs, groupOf7, 255, mapped...),
		"target is a multicast address":    nd(t, theirs, groupOf7, ns(diag.AllNodes)),
		"the target is a multicast":        nd(t, theirs, ours, na(diag.AllNodes, true)),
		"not to a solicited-node group":    nd(t, nobody, diag.AllNodes, ns(global)),
		"from the unspecified address":     nd(t, nobody, groupOf7, ns(global, sourceLL())),
		"link-layer address from the unsp": nd(t, nobody, diag.AllRouters, &ndp.RouterSolicitation{Options: []ndp.Option{sourceLL()}}),
		"solicited, and sent to a multic":  nd(t, theirs, diag.AllNodes, na(global, true)),
		"is no link-local address":         nd(t, global, diag.AllNodes, ra()),
		"of a redirect is no link-local":   icmp(global, ours, 255, redirect(ours, global, nil)...),
		"a redirect for a multicast":       icmp(theirs, ours, 255, redirect(ours, diag.AllNodes, nil)...),
		"redirected to neither":            icmp(theirs, ours, 255, redirect(netip.MustParseAddr("2001:db8::9"), global, nil)...),
		"fragmented":                       atomic,
		"only the first fragment":          first,
		"cut short: 60 of 64 bytes":        cut,
		"hop limit 64, not 1":              frame(theirs, ours, 64, 0, mld(theirs, ours)),
		"an ICMPv6 message of 6 bytes":     icmp(theirs, ours, 64, 128, 0, 0, 0, 1, 2),
		"malformed DHCPv6":                 frame(theirs, ours, 64, unix.IPPROTO_UDP, udp(547, 546, 7, 1, 2, 3, 0, 1, 0, 99, 1)),
	} {
		f, ok := Decode("eth0", false, b, false)
		if !ok || !strings.Contains(f.Bad, name) {
			t.Errorf("%q: decoded %v, bad because %q", name, ok, f.Bad)
		}
	}
}

// TestNotOurs: what is no frame of ours is none, whatever it looks like.
func TestNotOurs(t *testing.T) {
	t.Parallel()
	good := nd(t, theirs, groupOf7, &ndp.NeighborSolicitation{TargetAddress: global})
	ipv4 := bytes.Clone(good)
	binary.BigEndian.PutUint16(ipv4[12:], unix.ETH_P_IP)
	version := bytes.Clone(good)
	version[14] = 0x40
	later := frame(theirs, ours, 255, unix.IPPROTO_FRAGMENT, append([]byte{unix.IPPROTO_ICMPV6, 0, 0, 8, 0, 0, 0, 1}, good[54:]...))
	for name, b := range map[string][]byte{
		"nothing": nil, "an Ethernet header": good[:14], "half an IPv6 header": good[:50], "IPv4": ipv4, "version 4": version,
		"a later fragment": later, "TCP": frame(theirs, ours, 64, unix.IPPROTO_TCP, make([]byte, 20)),
		"a node information query": icmp(theirs, ours, 64, 139, 0, 0, 0),
		"endless headers":          frame(theirs, ours, 64, unix.IPPROTO_DSTOPTS, bytes.Repeat([]byte{unix.IPPROTO_DSTOPTS, 0, 1, 4, 0, 0, 0, 0}, 50)),
	} {
		if f, ok := Decode("eth0", false, b, false); ok {
			t.Errorf("%s: decoded as %+v", name, f)
		}
	}
}

// TestOneBadOption: an option that is malformed, in a message that is not, hides no other.
func TestOneBadOption(t *testing.T) {
	t.Parallel()
	b, err := ndp.MarshalMessage(&ndp.RouterAdvertisement{RouterLifetime: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	hostile := []byte{31, 3, 0, 0, 0, 0, 0, 60, 9, 'e', 'v', 0x1b, '[', '2', 'J', 7, 'i', 'l', 0, 0, 0, 0, 0, 0}
	b = append(b, 3, 1, 0, 0, 0, 0, 0, 0)       // a prefix information option without a prefix
	b = append(b, 24, 1, 64, 0x10, 0, 0, 0, 1)  // a route with the reserved preference
	b = append(b, hostile...)                   // a search list with escape sequences
	b = append(b, 5, 1, 0, 0, 0, 0, 5, 0x14)    // an MTU
	b = append(b, 25, 33)                       // more servers than ndp reads in one option
	b = append(b, make([]byte, 33*8-2)...)      // …
	b = append(b, 2, 1, 2, 0, 0, 0, 0, 9, 1, 1) // a target's address, which is an advertisement's only
	b = append(b, theirMAC[:]...)               // …
	f, ok := Decode("eth0", false, icmp(theirs, diag.AllNodes, 255, b...), false)
	if !ok || f.Bad != "" {
		t.Fatalf("%v %q", ok, f.Bad)
	}
	if f.RA.MTU != 1300 || f.RA.LLAddr != theirMAC {
		t.Errorf("MTU %d and %s, want 1300 and %s", f.RA.MTU, f.RA.LLAddr, theirMAC)
	}
	var kinds []int
	for _, o := range f.RA.Unknown {
		kinds = append(kinds, o.Type)
	}
	if diff := cmp.Diff([]int{3, 24, 25, 2}, kinds); diff != "" {
		t.Errorf("options kept raw (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{`ev\x1b[2J\ail`}, f.RA.DNSSL); diff != "" {
		t.Errorf("search list (-want +got)\n%s", diff)
	}
}

func TestDHCPv6(t *testing.T) {
	t.Parallel()
	client := &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: theirMAC[:]}
	m := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: dhcpv6.TransactionID{1, 2, 3}}
	m.AddOption(dhcpv6.OptClientID(client))
	m.AddOption(dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: ourMAC[:]}))
	m.AddOption(&dhcpv6.OptIANA{IaId: [4]byte{0, 0, 1, 2}, T1: 70 * time.Second, T2: 112 * time.Second, Options: dhcpv6.IdentityOptions{Options: dhcpv6.Options{
		&dhcpv6.OptIAAddress{IPv6Addr: global.AsSlice(), PreferredLifetime: 140 * time.Second, ValidLifetime: 0xffffffff * time.Second},
	}}})
	m.AddOption(&dhcpv6.OptIAPD{IaId: [4]byte{9}, Options: dhcpv6.PDOptions{Options: dhcpv6.Options{
		&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoPrefixAvail, StatusMessage: "\x1b[2J"},
	}}})
	reply := frame(theirs, ours, 64, unix.IPPROTO_UDP, udp(547, 546, m.ToBytes()...))
	f, ok := Decode("eth0", false, reply, false)
	if !ok || f.Bad != "" || f.DHCPv6 == nil {
		t.Fatalf("%v %q", ok, f.Bad)
	}
	want := diag.DHCPv6{
		Message: "reply", Transaction: "010203", ClientDUID: "00030001020000000002", ServerDUID: "00030001020000000001",
		IAID: 0x102, T1S: 70, T2S: 112, Status: "NoPrefixAvail",
		Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(global, 128), PreferredS: 140, ValidS: diag.Forever}},
	}
	if diff := cmp.Diff(want, *f.DHCPv6, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	reply[60]++ // the UDP checksum, which the hardware may still have to make
	if f, _ := Decode("eth0", false, reply, false); f.Bad != "wrong UDP checksum" {
		t.Errorf("a wrong checksum is %q", f.Bad)
	}
	if f, _ := Decode("eth0", false, reply, true); f.Bad != "" {
		t.Errorf("an unfinished checksum is %q", f.Bad)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(nd(f, theirs, diag.AllNodes, ra()), false)
	f.Add(nd(f, theirs, ours, &ndp.NeighborAdvertisement{TargetAddress: global}), false)
	f.Add(icmp(theirs, ours, 255, redirect(ours, global, nil)...), true)
	f.Add(icmp(theirs, ours, 64, append([]byte{1, 0, 0, 0, 0, 0, 0, 0}, icmp(ours, global, 64, 128, 0, 0, 0, 1, 2, 3, 4)[14:]...)...), false)
	f.Add(frame(theirs, ours, 1, 0, mld(theirs, ours)), false)
	f.Add(segment(ourMAC, netip.AddrPortFrom(theirs, 40000), netip.AddrPortFrom(ours, 22), 2, nil), true)
	f.Add(frame(theirs, mldRouters, 1, 0, hopByHop(theirs, mldRouters, []byte{143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0})), false)
	m, err := dhcpv6.NewAdvertiseFromSolicit(&dhcpv6.Message{MessageType: dhcpv6.MessageTypeSolicit, Options: dhcpv6.MessageOptions{Options: dhcpv6.Options{
		dhcpv6.OptClientID(&dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: theirMAC[:]}),
	}}}, dhcpv6.WithIANA(dhcpv6.OptIAAddress{IPv6Addr: global.AsSlice()}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame(theirs, ours, 64, unix.IPPROTO_UDP, udp(547, 546, m.ToBytes()...)), true)
	f.Fuzz(func(t *testing.T, b []byte, csumNotReady bool) {
		frame, ok := Decode("eth0", true, b, csumNotReady)
		if !ok {
			return
		}
		if frame.Type == "" || len(frame.Raw) == 0 || len(frame.Raw) > rawMax {
			t.Errorf("type %q with %d bytes kept", frame.Type, len(frame.Raw))
		}
		// A recording must give back what was recorded.
		raw, err := json.Marshal(diag.Event{Seq: 1, Body: frame})
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{frame.Bad}
		if frame.RA != nil {
			texts = append(texts, frame.RA.DNSSL...)
		}
		if d := frame.DHCPv6; d != nil {
			texts = append(texts, d.Message, d.Transaction, d.ClientDUID, d.ServerDUID, d.Status)
		}
		for _, text := range texts {
			if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is not printable", text)
			}
		}
		var back diag.Event
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatalf("%v in %s", err, raw)
		}
		again, err := json.Marshal(back)
		if err != nil || !bytes.Equal(raw, again) {
			t.Errorf("recorded %s\nread back %s %v", raw, again, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for name, frame := range map[string][]byte{
		"NS": nd(b, theirs, groupOf7, &ndp.NeighborSolicitation{TargetAddress: global, Options: []ndp.Option{sourceLL()}}),
		"RA": nd(b, theirs, diag.AllNodes, ra()),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := Decode("eth0", false, frame, false); !ok {
					b.Fatal("not decoded")
				}
			}
		})
	}
}
