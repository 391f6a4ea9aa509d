// Package wire builds and takes apart what neighbour discovery sends: Ethernet frames, the IPv6
// packets in them, and the UDP datagrams and ICMPv6 echoes in those, with their checksums; of TCP it
// reads as much as tells connections apart. It judges nothing: whether a frame is to be believed, or let through, is for whoever reads it. Protocol
// numbers and EtherTypes are golang.org/x/sys/unix's, ICMPv6 types golang.org/x/net/ipv6's.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"ndwhy/diag"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// Lengths of headers, in bytes.
const (
	EthernetLen = 14
	IPv6Len     = 40 // RFC 8200 §3
	UDPLen      = 8
	TCPLen      = 20 // RFC 9293 §3.1, without options
	EchoLen     = 8  // RFC 4443 §4.1
)

// The UDP ports of DHCPv6 (RFC 8415 §7.2).
const (
	DHCPv6Client = 546
	DHCPv6Server = 547
)

// Flags of a TCP segment (RFC 9293 §3.1).
const (
	FIN = 0x01
	SYN = 0x02
	RST = 0x04
	ACK = 0x10
)

// MaxPayload is the most that the length in an IPv6 header can say, in bytes.
const MaxPayload = 1<<16 - 1

// extensionsMax bounds the extension headers that are stepped over.
const extensionsMax = 8

// An Ethernet is the header of an untagged Ethernet frame.
type Ethernet struct {
	Dst, Src diag.MAC
	Type     uint16
}

// ParseEthernet takes off the Ethernet header. payload shares b's memory, and may end in padding. ok
// is false where b is shorter than a header.
func ParseEthernet(b []byte) (h Ethernet, payload []byte, ok bool) {
	if len(b) < EthernetLen {
		return h, nil, false
	}
	return Ethernet{diag.MAC(b), diag.MAC(b[6:]), binary.BigEndian.Uint16(b[12:])}, b[EthernetLen:], true
}

// Frame returns the frame that holds payload.
func (h Ethernet) Frame(payload []byte) []byte {
	b := make([]byte, 0, EthernetLen+len(payload))
	b = append(append(b, h.Dst[:]...), h.Src[:]...)
	b = binary.BigEndian.AppendUint16(b, h.Type)
	return append(b, payload...)
}

// A Fragment says what the fragment header of a packet says (RFC 8200 §4.5).
type Fragment int

// The kinds of fragments.
const (
	NotFragmented Fragment = iota
	// Atomic is a whole packet with a fragment header (RFC 6946).
	Atomic
	First
	Later
)

// A Packet is an IPv6 packet.
type Packet struct {
	Src, Dst netip.Addr // IPv6 addresses, without zones
	HopLimit uint8
	// Proto is the protocol of Payload: the first that is not an extension header.
	Proto uint8
	// Payload is what is behind the extension headers. It is nil in a later fragment, whose Proto is
	// the fragment header's own.
	Payload []byte

	// What only parsing tells.
	Raw      []byte // from the IPv6 header on, as far as the packet goes and there is of it
	Length   int    // of the whole packet in bytes, as its header has it
	Fragment Fragment
}

// ParsePacket reads an IPv6 header and steps over the extension headers that can stand before what
// we read (RFC 8200 §4): hop-by-hop options, routing, fragment, destination options. What is behind
// the length in the header is left off, as Ethernet's padding; where there is less, Cut reports it.
// The packet shares b's memory. With an error Src and Dst are set if the IPv6 header could be read.
func ParsePacket(b []byte) (p Packet, err error) {
	if len(b) < IPv6Len {
		return p, fmt.Errorf("IPv6 header cut off at %d bytes", len(b))
	}
	if b[0]>>4 != 6 {
		return p, fmt.Errorf("IP version %d in an IPv6 frame", b[0]>>4)
	}
	p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	p.Proto, p.HopLimit = b[6], b[7]
	p.Length = IPv6Len + int(binary.BigEndian.Uint16(b[4:]))
	p.Raw = b[:min(len(b), p.Length)]
	p.Payload = p.Raw[IPv6Len:]
	for range extensionsMax {
		length := 8
		switch p.Proto {
		case unix.IPPROTO_HOPOPTS, unix.IPPROTO_ROUTING, unix.IPPROTO_DSTOPTS:
			if len(p.Payload) > 1 {
				length += 8 * int(p.Payload[1])
			}
		case unix.IPPROTO_FRAGMENT:
		default:
			return p, nil
		}
		if len(p.Payload) < length {
			return p, fmt.Errorf("extension header %d cut off", p.Proto)
		}
		if p.Proto == unix.IPPROTO_FRAGMENT {
			switch field := binary.BigEndian.Uint16(p.Payload[2:]); {
			case field>>3 != 0:
				p.Fragment, p.Payload = Later, nil
				return p, nil
			case field&1 != 0:
				p.Fragment = First
			default:
				p.Fragment = max(p.Fragment, Atomic)
			}
		}
		p.Proto, p.Payload = p.Payload[0], p.Payload[length:]
	}
	return p, errors.New("more extension headers than any packet needs")
}

// Cut reports whether there is less of a packet than its header says.
func (p Packet) Cut() bool { return len(p.Raw) < p.Length }

// ICMPType is the type of the ICMPv6 message that a packet holds, -1 where it holds none.
func (p Packet) ICMPType() ipv6.ICMPType {
	if p.Proto != unix.IPPROTO_ICMPV6 || len(p.Payload) < 4 {
		return -1
	}
	return ipv6.ICMPType(p.Payload[0])
}

// UDP returns the datagram that a packet holds.
func (p Packet) UDP() (UDP, bool) {
	if p.Proto != unix.IPPROTO_UDP {
		return UDP{}, false
	}
	return ParseUDP(p.Payload)
}

// TCP returns the header of the segment that a packet holds.
func (p Packet) TCP() (TCP, bool) {
	if p.Proto != unix.IPPROTO_TCP {
		return TCP{}, false
	}
	return ParseTCP(p.Payload)
}

// Ports returns the ports of the datagram or segment that a packet holds, even where no more is there of
// its header, as in what an error message quotes; 0 where it has none.
func (p Packet) Ports() (src, dst uint16) {
	if p.Proto != unix.IPPROTO_TCP && p.Proto != unix.IPPROTO_UDP || len(p.Payload) < 4 {
		return 0, 0
	}
	return binary.BigEndian.Uint16(p.Payload), binary.BigEndian.Uint16(p.Payload[2:])
}

// Intact reports whether the checksum of a packet that holds ICMPv6, UDP or TCP is right (RFC 4443 §2.3,
// RFC 8200 §8.1, RFC 9293 §3.1). A datagram's covers as much as its own length says.
func (p Packet) Intact() bool {
	payload := p.Payload
	if u, ok := p.UDP(); ok {
		if u.Cut {
			return false
		}
		payload = payload[:UDPLen+len(u.Payload)]
	}
	return Checksum(p.Src, p.Dst, p.Proto, payload) == 0
}

// Marshal returns the packet, without extension headers: Src, Dst, HopLimit, Proto and Payload are
// what counts, the addresses must be IPv6 ones and the payload at most MaxPayload bytes. Whatever
// stands in the checksum field of ICMPv6, UDP or TCP, the right checksum takes its place; Payload itself
// is left as it is.
func (p Packet) Marshal() []byte {
	src, dst := p.Src.As16(), p.Dst.As16()
	b := make([]byte, 0, IPv6Len+len(p.Payload))
	b = append(b, 6<<4, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Payload)))
	b = append(b, p.Proto, p.HopLimit)
	b = append(append(b, src[:]...), dst[:]...)
	b = append(b, p.Payload...)
	payload := b[IPv6Len:]
	var field []byte
	switch {
	case p.Proto == unix.IPPROTO_ICMPV6 && len(payload) >= 4:
		field = payload[2:4]
	case p.Proto == unix.IPPROTO_UDP && len(payload) >= UDPLen:
		field = payload[6:8]
	case p.Proto == unix.IPPROTO_TCP && len(payload) >= TCPLen:
		field = payload[16:18]
	default:
		return b
	}
	clear(field)
	sum := Checksum(p.Src, p.Dst, p.Proto, payload)
	if sum == 0 && p.Proto == unix.IPPROTO_UDP {
		sum = 0xffff // 0 would say that there is none (RFC 8200 §8.1)
	}
	binary.BigEndian.PutUint16(field, sum)
	return b
}

// Frame returns the Ethernet frame that holds p, made as Marshal makes it.
func (p Packet) Frame(dst, src diag.MAC) []byte {
	return Ethernet{dst, src, unix.ETH_P_IPV6}.Frame(p.Marshal())
}

// Checksum returns the checksum of a payload with its IPv6 pseudo-header (RFC 8200 §8.1): what
// belongs into its checksum field where that is zero, and 0 where the field is right.
func Checksum(src, dst netip.Addr, proto uint8, payload []byte) uint16 {
	s, d := src.As16(), dst.As16()
	rest := binary.BigEndian.AppendUint32(make([]byte, 0, 8), uint32(len(payload)))
	rest = append(rest, 0, 0, 0, proto)
	return Sum(s[:], d[:], rest, payload)
}

// Sum returns the Internet checksum (RFC 1071) over the parts, of which all but the last must be a
// multiple of four bytes long. Over what holds its own checksum it is 0 where that is right.
func Sum(parts ...[]byte) uint16 {
	var sum uint64
	for _, b := range parts {
		for len(b) >= 4 {
			sum += uint64(binary.BigEndian.Uint32(b))
			b = b[4:]
		}
		var last [4]byte // an odd end counts as if zeros followed
		copy(last[:], b)
		sum += uint64(binary.BigEndian.Uint32(last[:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// A UDP is a UDP datagram (RFC 768).
type UDP struct {
	Src, Dst uint16 // ports
	Payload  []byte // as far as the length in the header goes and there is of it
	Cut      bool   // the length is shorter than a header, or beyond the end
}

// ParseUDP reads a datagram. The payload shares b's memory. ok is false where b is shorter than a
// header.
func ParseUDP(b []byte) (u UDP, ok bool) {
	if len(b) < UDPLen {
		return u, false
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	return UDP{
		Src: binary.BigEndian.Uint16(b), Dst: binary.BigEndian.Uint16(b[2:]),
		Payload: b[UDPLen:max(UDPLen, min(length, len(b)))], Cut: length < UDPLen || length > len(b),
	}, true
}

// Marshal returns the datagram, its checksum zero.
func (u UDP) Marshal() []byte {
	b := make([]byte, 0, UDPLen+len(u.Payload))
	b = binary.BigEndian.AppendUint16(b, u.Src)
	b = binary.BigEndian.AppendUint16(b, u.Dst)
	b = binary.BigEndian.AppendUint16(b, uint16(UDPLen+len(u.Payload)))
	return append(append(b, 0, 0), u.Payload...)
}

// A TCP is what tells in the header of a TCP segment which connection it is of, and what it does to it.
type TCP struct {
	Src, Dst uint16 // ports
	Flags    uint8
}

// ParseTCP reads a segment's header. ok is false where b is shorter than one.
func ParseTCP(b []byte) (t TCP, ok bool) {
	if len(b) < TCPLen {
		return t, false
	}
	return TCP{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), b[13]}, true
}

// An Echo is an ICMPv6 echo request or reply (RFC 4443 §§4.1, 4.2).
type Echo struct {
	Type    ipv6.ICMPType
	ID, Seq uint16
	Data    []byte
}

// ParseEcho reads an echo request or reply. The data shares b's memory. ok is false where b is
// neither.
func ParseEcho(b []byte) (e Echo, ok bool) {
	if len(b) < EchoLen {
		return e, false
	}
	e = Echo{ipv6.ICMPType(b[0]), binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:]), b[EchoLen:]}
	return e, e.Type == ipv6.ICMPTypeEchoRequest || e.Type == ipv6.ICMPTypeEchoReply
}

// Marshal returns the message, its checksum zero.
func (e Echo) Marshal() []byte {
	b := make([]byte, 0, EchoLen+len(e.Data))
	b = append(b, byte(e.Type), 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, e.ID)
	b = binary.BigEndian.AppendUint16(b, e.Seq)
	return append(b, e.Data...)
}
