package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"ndwhy/diag"

	"golang.org/x/sys/unix"
)

// rawMax bounds what a Frame keeps of the frame itself.
const rawMax = 2048

// Sizes of headers, in bytes.
const (
	etherLen = 14
	ipv6Len  = 40
	icmpLen  = 4
	udpLen   = 8
	tcpLen   = 20
)

// The UDP ports of DHCPv6 (RFC 8415 §7.2).
const (
	dhcpClient = 546
	dhcpServer = 547
)

// icmpTypes are the ICMPv6 types that are told apart.
var icmpTypes = map[byte]diag.FrameType{
	1: diag.Unreachable, 2: diag.PacketTooBig, 3: diag.TimeExceeded, 4: diag.ParameterProblem,
	128: diag.EchoRequest, 129: diag.EchoReply,
	130: diag.MLD, 131: diag.MLD, 132: diag.MLD, 143: diag.MLD,
	133: diag.RS, 134: diag.RA, 135: diag.NS, 136: diag.NA, 137: diag.RedirectFrame,
}

// Decode reads an Ethernet frame that was seen on an interface, leaving it where out is set.
// csumNotReady says that a UDP checksum in it is still the hardware's to complete, so it is not
// judged. ok is false for a frame that is none of the frame types; one that is and must not be
// believed says why in Bad. The Frame keeps no reference to b.
func Decode(iface string, out bool, b []byte, csumNotReady bool) (f diag.Frame, ok bool) {
	if len(b) < etherLen+ipv6Len || binary.BigEndian.Uint16(b[offEtherType:]) != unix.ETH_P_IPV6 {
		return f, false
	}
	p, ok := parsePacket(b[etherLen:])
	if !ok || p.fragment == laterFragment {
		return f, false
	}
	f.Type = p.frameType()
	if f.Type == "" {
		return f, false
	}
	f.Interface, f.Out = iface, out
	f.DstMAC, f.SrcMAC = diag.MAC(b[0:6]), diag.MAC(b[6:12])
	f.Src, f.Dst, f.HopLimit, f.Size = p.src, p.dst, p.hopLimit, p.size
	if p.header == unix.IPPROTO_TCP {
		// Only its headers are captured, so that of what carries data no checksum can be judged; and only
		// they are kept.
		f.SrcPort, f.DstPort = p.ports()
		f.Raw = append([]byte(nil), b[:min(len(b), tcpSnap)]...)
		switch {
		case p.fragment == firstFragment:
			f.Bad = "only the first fragment of a packet"
		case !p.cut && !csumNotReady && p.checksum() != 0:
			f.Bad = "wrong TCP checksum"
		}
		return f, true
	}
	f.Raw = append([]byte(nil), b[:min(len(b), rawMax)]...)
	switch {
	case p.cut:
		f.Bad = fmt.Sprintf("cut short: %d of %d bytes", len(b)-etherLen, p.size)
	case p.fragment == firstFragment:
		f.Bad = "only the first fragment of a packet"
	case p.header == unix.IPPROTO_ICMPV6 && p.checksum() != 0:
		f.Bad = "wrong ICMPv6 checksum"
	case p.header == unix.IPPROTO_UDP && !csumNotReady && p.checksum() != 0:
		f.Bad = "wrong UDP checksum"
	}
	if p.header == unix.IPPROTO_UDP {
		f.DHCPv6 = decodeDHCPv6(p.payload[udpLen:])
		if f.DHCPv6 == nil {
			bad(&f, "malformed DHCPv6 message")
		}
		return f, true
	}
	f.Code = int(p.payload[1])
	decodeICMPv6(&f, p)
	return f, true
}

// bad notes why a frame must not be believed; the first reason stands.
func bad(f *diag.Frame, why string) {
	if f.Bad == "" {
		f.Bad = why
	}
}

// A packet is an IPv6 packet with its extension headers stepped over.
type packet struct {
	src, dst netip.Addr
	hopLimit int
	size     int  // as the header has it
	cut      bool // there is less than size
	header   byte // of the payload
	payload  []byte
	fragment fragment
}

// fragment says what a fragment header said.
type fragment int

const (
	notFragmented  fragment = iota
	atomicFragment          // a fragment header around the whole packet (RFC 6946)
	firstFragment
	laterFragment
)

// extensionsMax bounds the extension headers that are stepped over.
const extensionsMax = 8

// parsePacket reads an IPv6 header and steps over the extension headers that can stand before what
// we read (RFC 8200 §4). Nothing after an unknown one is read.
func parsePacket(b []byte) (p packet, ok bool) {
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return p, false
	}
	p.src, p.dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	length := int(binary.BigEndian.Uint16(b[4:]))
	p.hopLimit, p.size, p.header = int(b[7]), ipv6Len+length, b[6]
	p.cut = length > len(b)-ipv6Len
	p.payload = b[ipv6Len:min(len(b), p.size)] // what is behind is Ethernet's padding
	for range extensionsMax {
		switch p.header {
		case unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS:
			if len(p.payload) < 8 {
				return p, false
			}
			next := (int(p.payload[1]) + 1) * 8
			if next > len(p.payload) {
				return p, false
			}
			p.header, p.payload = p.payload[0], p.payload[next:]
		case unix.IPPROTO_FRAGMENT:
			if len(p.payload) < 8 {
				return p, false
			}
			switch field := binary.BigEndian.Uint16(p.payload[2:]); {
			case field>>3 != 0:
				p.fragment = laterFragment
			case field&1 != 0:
				p.fragment = firstFragment
			default:
				p.fragment = max(p.fragment, atomicFragment)
			}
			p.header, p.payload = p.payload[0], p.payload[8:]
		default:
			return p, true
		}
	}
	return p, false
}

// frameType returns the type of what a packet carries; empty for what is none of ours.
func (p packet) frameType() diag.FrameType {
	switch {
	case p.header == unix.IPPROTO_ICMPV6 && len(p.payload) >= icmpLen:
		return icmpTypes[p.payload[0]]
	case p.header == unix.IPPROTO_UDP && len(p.payload) >= udpLen:
		for _, port := range []uint16{binary.BigEndian.Uint16(p.payload), binary.BigEndian.Uint16(p.payload[2:])} {
			if port == dhcpClient || port == dhcpServer {
				return diag.DHCPv6Frame
			}
		}
	case p.header == unix.IPPROTO_TCP && len(p.payload) >= tcpLen:
		return tcpType(p.payload[13])
	}
	return ""
}

// tcpType is the type of a segment by its flags; empty for one in the middle of a connection.
func tcpType(flags byte) diag.FrameType {
	const fin, syn, rst, ack = 0x01, 0x02, 0x04, 0x10
	switch {
	case flags&rst != 0:
		return diag.TCPRst
	case flags&(syn|ack) == syn|ack:
		return diag.TCPSynAck
	case flags&syn != 0:
		return diag.TCPSyn
	case flags&fin != 0:
		return diag.TCPFin
	}
	return ""
}

// ports returns the ports of TCP or UDP, 0 where there are none.
func (p packet) ports() (src, dst uint16) {
	if p.header != unix.IPPROTO_TCP && p.header != unix.IPPROTO_UDP || len(p.payload) < 4 {
		return 0, 0
	}
	return binary.BigEndian.Uint16(p.payload), binary.BigEndian.Uint16(p.payload[2:])
}

// checksum is 0 where the payload's checksum is right (RFC 8200 §8.1).
func (p packet) checksum() uint16 {
	src, dst := p.src.As16(), p.dst.As16()
	sum := uint64(len(p.payload)) + uint64(p.header)
	for _, part := range [][]byte{src[:], dst[:], p.payload} {
		for len(part) >= 4 {
			sum += uint64(binary.BigEndian.Uint32(part))
			part = part[4:]
		}
		var last [4]byte // an odd end counts as if zeros followed
		copy(last[:], part)
		sum += uint64(binary.BigEndian.Uint32(last[:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// decodeICMPv6 reads the ICMPv6 message of a packet.
func decodeICMPv6(f *diag.Frame, p packet) {
	b := p.payload
	switch f.Type {
	case diag.RS, diag.RA, diag.NS, diag.NA, diag.RedirectFrame:
		if p.fragment != notFragmented {
			bad(f, "fragmented (RFC 6980 §5)")
		}
		decodeND(f, b)
	case diag.MLD:
		if f.HopLimit != 1 {
			bad(f, fmt.Sprintf("hop limit %d, not 1 (RFC 3810 §5)", f.HopLimit))
		}
		if !f.Src.IsUnspecified() && !f.Src.IsLinkLocalUnicast() {
			bad(f, "the source of an MLD message is no link-local address")
		}
		if f.MLD = decodeMLD(b); f.MLD == nil {
			bad(f, "malformed MLD message")
		}
	default: // an echo, or an error
		if len(b) < 8 {
			bad(f, fmt.Sprintf("an ICMPv6 message of %d bytes", len(b)))
			return
		}
		switch {
		case !f.Type.IsError():
			f.EchoID, f.EchoSeq = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
			return
		case f.Type == diag.PacketTooBig:
			f.MTU = int(binary.BigEndian.Uint32(b[4:]))
		}
		f.Quoted = quote(b[8:])
	}
}

// quote reads as much of a packet as an error message quotes of it; nil where not even its IPv6
// header can be read.
func quote(b []byte) *diag.Quoted {
	p, ok := parsePacket(b)
	if !ok {
		if len(b) < ipv6Len || b[0]>>4 != 6 {
			return nil
		}
		return &diag.Quoted{Src: p.src, Dst: p.dst}
	}
	q := &diag.Quoted{Src: p.src, Dst: p.dst}
	if p.fragment == laterFragment {
		return q
	}
	q.Type = p.frameType()
	q.SrcPort, q.DstPort = p.ports()
	if (q.Type == diag.EchoRequest || q.Type == diag.EchoReply) && len(p.payload) >= 8 {
		q.EchoID, q.EchoSeq = binary.BigEndian.Uint16(p.payload[4:]), binary.BigEndian.Uint16(p.payload[6:])
	}
	return q
}
