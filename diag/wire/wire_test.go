package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"ndwhy/diag"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

var (
	mac1 = diag.MAC{2, 0, 0, 0, 0, 1}
	mac2 = diag.MAC{2, 0, 0, 0, 0, 2}
	src  = netip.MustParseAddr("fe80::1")
	dst  = netip.MustParseAddr("2001:db8::7")
)

// The frame is held against other people's implementations of each of its layers.
func TestEchoFrame(t *testing.T) {
	for size := range 70 { // odd lengths too
		data := bytes.Repeat([]byte{0xa5}, size)
		echo := Echo{Type: ipv6.ICMPTypeEchoRequest, ID: 0xbeef, Seq: 7, Data: data}
		frame := Packet{Src: src, Dst: dst, HopLimit: 64, Proto: unix.IPPROTO_ICMPV6, Payload: echo.Marshal()}.Frame(mac2, mac1)
		if !bytes.Equal(frame[:6], mac2[:]) || !bytes.Equal(frame[6:12], mac1[:]) || binary.BigEndian.Uint16(frame[12:]) != 0x86dd {
			t.Fatalf("Ethernet header % x", frame[:14])
		}
		h, err := ipv6.ParseHeader(frame[14:])
		if err != nil {
			t.Fatal(err)
		}
		if h.Version != 6 || h.PayloadLen != 8+size || h.NextHeader != 58 || h.HopLimit != 64 ||
			!h.Src.Equal(src.AsSlice()) || !h.Dst.Equal(dst.AsSlice()) {
			t.Fatalf("IPv6 header %v", h)
		}
		m := icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{ID: 0xbeef, Seq: 7, Data: data}}
		want, err := m.Marshal(icmp.IPv6PseudoHeader(h.Src, h.Dst))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(frame[54:], want) {
			t.Fatalf("%d bytes of data:\nhave % x\nwant % x", size, frame[54:], want)
		}
	}
}

// A checksum that comes out as zero is sent as all ones, which sums up to the same (RFC 8200 §8.1).
func TestUDPChecksumOfZero(t *testing.T) {
	for word := range 1 << 16 {
		u := UDP{Src: DHCPv6Client, Dst: DHCPv6Server, Payload: binary.BigEndian.AppendUint16(nil, uint16(word))}
		b := Packet{Src: src, Dst: dst, Proto: unix.IPPROTO_UDP, Payload: u.Marshal()}.Marshal()
		p, err := ParsePacket(b)
		if sum := binary.BigEndian.Uint16(b[46:]); err != nil || sum == 0 || !p.Intact() {
			t.Fatalf("payload %04x: checksum %04x, intact %v, %v", word, sum, p.Intact(), err)
		}
	}
}

func TestMarshalPutsTheChecksumRight(t *testing.T) {
	message := Echo{Type: ipv6.ICMPTypeEchoReply}.Marshal()
	message[2] = 0x77
	p, err := ParsePacket(Packet{Src: src, Dst: dst, Proto: unix.IPPROTO_ICMPV6, Payload: message}.Marshal())
	if err != nil || !p.Intact() {
		t.Errorf("intact %v, %v", p.Intact(), err)
	}
	if message[2] != 0x77 {
		t.Error("the caller's message was changed")
	}
}

// A fragment header's next header, and its offset and flag (RFC 8200 §4.5).
func fragment(next byte, field uint16) []byte {
	return []byte{next, 0, byte(field >> 8), byte(field), 0, 0, 0, 1}
}

func TestExtensionHeaders(t *testing.T) {
	const hop, routing, frag, opts, icmpv6 = unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_FRAGMENT, unix.IPPROTO_DSTOPTS, unix.IPPROTO_ICMPV6
	header := func(next byte, units byte) []byte {
		return append([]byte{next, units}, make([]byte, 6+8*int(units))...)
	}
	message := []byte{129, 0, 0, 0}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, tt := range map[string]struct {
		first    byte
		payload  []byte
		want     ipv6.ICMPType
		fragment Fragment
	}{
		"none":                    {icmpv6, message, 129, NotFragmented},
		"all of them":             {hop, join(header(routing, 0), header(opts, 2), header(frag, 1), fragment(icmpv6, 0), message), 129, Atomic},
		"the first fragment":      {frag, join(fragment(icmpv6, 1), message), 129, First},
		"the first, then an atom": {frag, join(fragment(frag, 1), fragment(icmpv6, 0), message), 129, First},
		"a later fragment":        {frag, join(fragment(icmpv6, 8), message), -1, Later},
		"an unknown one":          {99, message, -1, NotFragmented},
	} {
		p, err := ParsePacket(Packet{Src: src, Dst: dst, Proto: tt.first, Payload: tt.payload}.Marshal())
		if err != nil || p.ICMPType() != tt.want || p.Fragment != tt.fragment || (p.Payload == nil) != (tt.fragment == Later) {
			t.Errorf("%s: ICMPv6 type %d, fragment %d, payload % x, %v", name, p.ICMPType(), p.Fragment, p.Payload, err)
		}
	}
	for name, tt := range map[string]struct {
		first   byte
		payload []byte
	}{
		"nothing behind":   {hop, nil},
		"half a header":    {opts, []byte{58, 0, 0}},
		"half a fragment":  {frag, []byte{58, 0, 0, 0, 0, 0, 0}},
		"beyond the end":   {routing, []byte{58, 1, 0, 0, 0, 0, 0, 0}},
		"endlessly many":   {opts, bytes.Repeat(header(opts, 0), 50)},
		"many fragmenteds": {frag, bytes.Repeat(fragment(frag, 0), 50)},
	} {
		p, err := ParsePacket(Packet{Src: src, Dst: dst, Proto: tt.first, Payload: tt.payload}.Marshal())
		if err == nil {
			t.Errorf("%s: read as %+v", name, p)
		}
		if p.Src != src || p.Dst != dst {
			t.Errorf("%s: from %s to %s, which could be read", name, p.Src, p.Dst)
		}
	}
}

func TestLengths(t *testing.T) {
	whole := Packet{Src: src, Dst: dst, Proto: unix.IPPROTO_ICMPV6, Payload: []byte{129, 0, 0, 0, 0, 1, 0, 2}}.Marshal()
	for name, tt := range map[string]struct {
		b   []byte
		raw int
		cut bool
	}{
		"whole":  {whole, 48, false},
		"padded": {append(bytes.Clone(whole), 0, 0, 0), 48, false},
		"short":  {whole[:45], 45, true},
	} {
		p, err := ParsePacket(tt.b)
		if err != nil || len(p.Raw) != tt.raw || p.Length != 48 || p.Cut() != tt.cut || p.Intact() == tt.cut {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for _, tt := range []struct {
		length byte
		data   int
		cut    bool
	}{{12, 4, false}, {10, 2, false}, {8, 0, false}, {7, 0, true}, {0, 0, true}, {13, 4, true}} {
		u, ok := ParseUDP([]byte{2, 34, 2, 35, 0, tt.length, 0, 0, 1, 2, 3, 4})
		if !ok || u.Src != DHCPv6Client || u.Dst != DHCPv6Server || len(u.Payload) != tt.data || u.Cut != tt.cut {
			t.Errorf("length %d: %+v, %v", tt.length, u, ok)
		}
	}
}

// A segment is read by its ports and flags, and judged by its checksum; of one that is cut off in an error
// message its ports tell which connection it is of.
func TestTCP(t *testing.T) {
	segment := make([]byte, TCPLen)
	copy(segment, []byte{0x9c, 0x40, 0, 22})
	segment[12], segment[13] = 5<<4, SYN|ACK
	b := Packet{Src: src, Dst: dst, Proto: unix.IPPROTO_TCP, Payload: segment}.Marshal()
	p, err := ParsePacket(b)
	got, ok := p.TCP()
	if want := (TCP{40000, 22, SYN | ACK}); err != nil || !ok || got != want || !p.Intact() {
		t.Errorf("%+v %v, intact %v, %v", got, ok, p.Intact(), err)
	}
	b[len(b)-1] ^= 1
	if p.Intact() {
		t.Error("intact though a bit was flipped")
	}
	for length, want := range map[int][2]uint16{19: {40000, 22}, 4: {40000, 22}, 3: {}, 0: {}} {
		p, err := ParsePacket(b[:IPv6Len+length])
		from, to := p.Ports()
		if _, ok := p.TCP(); err != nil || ok || [2]uint16{from, to} != want {
			t.Errorf("cut off at %d bytes: %d > %d, read whole %v, %v", length, from, to, ok, err)
		}
	}
}

// What is behind a datagram in its packet is none of it, and not under its checksum.
func TestBehindADatagram(t *testing.T) {
	datagram := Packet{Src: src, Dst: dst, Proto: unix.IPPROTO_UDP, Payload: UDP{Payload: []byte("ask")}.Marshal()}.Marshal()
	b := append(datagram, 0xff, 0xff)
	b[5] += 2
	p, err := ParsePacket(b)
	u, _ := p.UDP()
	if err != nil || !p.Intact() || string(u.Payload) != "ask" {
		t.Errorf("intact %v, payload %q, %v", p.Intact(), u.Payload, err)
	}
}

// FuzzParse: whatever comes in is read within its bounds, and what is read whole and has no
// extension headers is built again as it was.
func FuzzParse(f *testing.F) {
	f.Add(Packet{Src: src, Dst: dst, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: Echo{Type: ipv6.ICMPTypeEchoReply, Seq: 9}.Marshal()}.Frame(mac1, mac2))
	f.Add(Packet{Src: src, Dst: dst, HopLimit: 1, Proto: unix.IPPROTO_UDP, Payload: UDP{Src: 546, Dst: 547, Payload: []byte{1}}.Marshal()}.Frame(mac1, mac2))
	f.Add(Packet{Src: src, Dst: dst, HopLimit: 64, Proto: unix.IPPROTO_TCP, Payload: make([]byte, TCPLen)}.Frame(mac1, mac2))
	f.Add(Packet{Src: src, Dst: dst, Proto: unix.IPPROTO_FRAGMENT, Payload: append(fragment(58, 1), 128, 0, 0, 0)}.Frame(mac1, mac2))
	f.Add(Packet{Src: src, Dst: dst, Proto: unix.IPPROTO_HOPOPTS, Payload: []byte{58, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0}}.Frame(mac1, mac2))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, ok := ParseEthernet(b)
		if !ok {
			return
		}
		if !bytes.Equal(h.Frame(rest), b) {
			t.Fatalf("Ethernet: %+v", h)
		}
		p, err := ParsePacket(rest)
		if err != nil {
			return
		}
		if len(p.Raw) > len(rest) || len(p.Payload) > len(p.Raw)-IPv6Len || p.Cut() != (len(rest) < p.Length) {
			t.Fatalf("%+v", p)
		}
		if u, ok := p.UDP(); ok && len(u.Payload) > len(p.Payload)-UDPLen {
			t.Fatalf("UDP: %+v", u)
		}
		if e, ok := ParseEcho(p.Payload); ok {
			again := e.Marshal()
			copy(again[1:4], p.Payload[1:4]) // code and checksum
			if !bytes.Equal(again, p.Payload) {
				t.Fatalf("echo: % x from % x", again, p.Payload)
			}
		}
		if p.Cut() || p.Raw[6] != p.Proto || !p.Intact() {
			return
		}
		again := p.Marshal()
		copy(again[:4], p.Raw[:4]) // traffic class and flow label
		if q, err := ParsePacket(again); err != nil || !q.Intact() || !bytes.Equal(again[:IPv6Len], p.Raw[:IPv6Len]) {
			t.Fatalf("% x from % x", again, p.Raw)
		}
	})
}
