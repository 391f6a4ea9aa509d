package probe

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/capture"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
)

var (
	ourMAC = diag.MAC{2, 0, 0x5e, 0x10, 0, 1}
	ourLL  = ourMAC.LinkLocal()
	target = netip.MustParseAddr("2001:db8::1234")
)

// dissect returns the parts of a frame, with the checksum verified by another implementation.
func dissect(t *testing.T, b []byte) (header *ipv6.Header, body []byte) {
	t.Helper()
	if binary.BigEndian.Uint16(b[12:]) != 0x86dd {
		t.Fatalf("ethertype %x", b[12:14])
	}
	header, err := ipv6.ParseHeader(b[14:])
	if err != nil {
		t.Fatal(err)
	}
	body = b[54:]
	if header.PayloadLen != len(body) || header.NextHeader != 58 {
		t.Fatalf("header %v over %d bytes", header, len(body))
	}
	// x/net/icmp computes the checksum when it is given a pseudo-header.
	m, err := icmp.ParseMessage(58, body)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Marshal(icmp.IPv6PseudoHeader(header.Src, header.Dst))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, body) {
		t.Fatalf("checksum: have %x, want %x", body[2:4], again[2:4])
	}
	return header, body
}

func TestMarshalSolicitations(t *testing.T) {
	group := diag.SolicitedNode(target)
	for name, tc := range map[string]struct {
		frame checks.Frame
		slla  bool
	}{
		"ns":  {checks.Frame{Type: diag.NS, Src: ourLL, Dst: group, Target: target}, true},
		"dad": {checks.Frame{Type: diag.NS, Src: netip.IPv6Unspecified(), Dst: group, Target: target, Nonce: []byte{1, 2, 3, 4, 5, 6}}, false},
		"rs":  {checks.Frame{Type: diag.RS, Src: ourLL, Dst: diag.AllRouters}, true},
		"rs without address": {
			checks.Frame{Type: diag.RS, Src: netip.IPv6Unspecified(), Dst: diag.AllRouters}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.frame.SrcMAC, tc.frame.DstMAC = ourMAC, diag.MulticastMAC(tc.frame.Dst)
			b, err := Marshal(tc.frame)
			if err != nil {
				t.Fatal(err)
			}
			header, body := dissect(t, b)
			if header.HopLimit != 255 {
				t.Errorf("hop limit %d: receivers drop it (RFC 4861 §7.1.1)", header.HopLimit)
			}
			if !bytes.Equal(b[:6], tc.frame.DstMAC[:]) || !bytes.Equal(b[6:12], ourMAC[:]) {
				t.Errorf("Ethernet addresses %x", b[:12])
			}
			m, err := ndp.ParseMessage(body)
			if err != nil {
				t.Fatal(err)
			}
			var options []ndp.Option
			switch m := m.(type) {
			case *ndp.NeighborSolicitation:
				options = m.Options
				if m.TargetAddress != target {
					t.Errorf("target %s", m.TargetAddress)
				}
			case *ndp.RouterSolicitation:
				options = m.Options
			default:
				t.Fatalf("%T", m)
			}
			slla, nonce := false, false
			for _, o := range options {
				switch o := o.(type) {
				case *ndp.LinkLayerAddress:
					slla = o.Direction == ndp.Source && bytes.Equal(o.Addr, ourMAC[:])
				case *ndp.Nonce:
					nonce = true
				}
			}
			if slla != tc.slla {
				t.Errorf("source link-layer address option: %v, want %v", slla, tc.slla)
			}
			if nonce != (len(tc.frame.Nonce) > 0) {
				t.Errorf("nonce option: %v", nonce)
			}
		})
	}
}

func TestMarshalEcho(t *testing.T) {
	b, err := Marshal(checks.Frame{
		Type: diag.EchoRequest, SrcMAC: ourMAC, DstMAC: ourMAC, Src: ourLL, Dst: target, EchoID: 0xbeef, EchoSeq: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, body := dissect(t, b)
	m, err := icmp.ParseMessage(58, body)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := m.Body.(*icmp.Echo); !ok || e.ID != 0xbeef || e.Seq != 7 || m.Type != ipv6.ICMPTypeEchoRequest {
		t.Errorf("%+v", m)
	}
}

func TestMarshalFullSize(t *testing.T) {
	for _, size := range []int{1280, 1500, 9001} {
		b, err := Marshal(checks.Frame{Type: diag.EchoRequest, SrcMAC: ourMAC, DstMAC: ourMAC, Src: ourLL, Dst: target, Size: size})
		if err != nil {
			t.Fatal(err)
		}
		if len(b) != 14+size {
			t.Errorf("%d bytes, want %d", len(b), 14+size)
		}
		dissect(t, b)
	}
}

func TestMarshalSolicit(t *testing.T) {
	duid := []byte{0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1}
	servers := netip.MustParseAddr("ff02::1:2")
	b, err := Marshal(checks.Frame{
		Type: diag.DHCPv6Frame, SrcMAC: ourMAC, DstMAC: diag.MulticastMAC(servers), Src: ourLL, Dst: servers,
		Client: checks.Client{DUID: duid, IAID: 0x5e100001}, Transaction: [3]byte{1, 2, 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The tap's decoder is independent of what sends, and judges the checksum.
	f, ok := capture.Decode("eth0", true, b, false)
	if !ok || f.Bad != "" || f.DHCPv6 == nil {
		t.Fatalf("%+v", f)
	}
	d := *f.DHCPv6
	if d.Message != "solicit" || d.Transaction != "010203" || d.ClientDUID != "0003000102005e100001" || d.IAID != 0x5e100001 {
		t.Errorf("%+v", d)
	}
	m, err := dhcpv6.MessageFromBytes(b[62:])
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Options.IANA()) != 1 || m.GetOneOption(dhcpv6.OptionRapidCommit) != nil {
		t.Errorf("%s: want one IA_NA and no Rapid Commit, which would lease an address", m.Summary())
	}
}

func TestMarshalRefuses(t *testing.T) {
	v4 := netip.MustParseAddr("192.0.2.1")
	for name, f := range map[string]checks.Frame{
		"no address":       {Type: diag.RS},
		"IPv4":             {Type: diag.EchoRequest, Src: v4, Dst: v4},
		"multicast target": {Type: diag.NS, Src: ourLL, Dst: diag.AllNodes, Target: diag.AllNodes},
		"what others say":  {Type: diag.RA, Src: ourLL, Dst: diag.AllNodes},
	} {
		if b, err := Marshal(f); err == nil {
			t.Errorf("%s: made % x", name, b)
		}
	}
}

func FuzzErrorQueue(f *testing.F) {
	// As Linux 6.18 on amd64 queues an "administratively prohibited" from 2001:db8::1.
	f.Add([]byte{
		60, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 25, 0, 0, 0, 13, 0, 0, 0, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		10, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
	})
	f.Add([]byte{16, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 25, 0, 0, 0})
	f.Fuzz(func(t *testing.T, oob []byte) {
		var s diag.Socket
		if parseError(oob, &s) && s.Type != "" && !s.Type.IsError() {
			t.Errorf("%+v", s)
		}
	})
}

func TestErrorQueue(t *testing.T) {
	oob := []byte{
		60, 0, 0, 0, 0, 0, 0, 0, 41, 0, 0, 0, 25, 0, 0, 0, 13, 0, 0, 0, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		10, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
	}
	var s diag.Socket
	if !parseError(oob, &s) {
		t.Fatal("not understood")
	}
	want := diag.Socket{Errno: "EACCES", Type: diag.Unreachable, Code: 1, From: netip.MustParseAddr("2001:db8::1")}
	if s != want {
		t.Errorf("have %+v, want %+v", s, want)
	}
}
