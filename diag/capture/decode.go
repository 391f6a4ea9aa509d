package capture

import (
	"encoding/binary"
	"fmt"

	"ndwhy/diag"
	"ndwhy/diag/wire"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// rawMax bounds what a Frame keeps of the frame itself.
const rawMax = 2048

// icmpTypes are the ICMPv6 types that are told apart.
var icmpTypes = map[ipv6.ICMPType]diag.FrameType{
	ipv6.ICMPTypeDestinationUnreachable: diag.Unreachable, ipv6.ICMPTypePacketTooBig: diag.PacketTooBig,
	ipv6.ICMPTypeTimeExceeded: diag.TimeExceeded, ipv6.ICMPTypeParameterProblem: diag.ParameterProblem,
	ipv6.ICMPTypeEchoRequest: diag.EchoRequest, ipv6.ICMPTypeEchoReply: diag.EchoReply,
	ipv6.ICMPTypeMulticastListenerQuery: diag.MLD, ipv6.ICMPTypeMulticastListenerReport: diag.MLD,
	ipv6.ICMPTypeMulticastListenerDone: diag.MLD, ipv6.ICMPTypeVersion2MulticastListenerReport: diag.MLD,
	ipv6.ICMPTypeRouterSolicitation: diag.RS, ipv6.ICMPTypeRouterAdvertisement: diag.RA,
	ipv6.ICMPTypeNeighborSolicitation: diag.NS, ipv6.ICMPTypeNeighborAdvertisement: diag.NA,
	ipv6.ICMPTypeRedirect: diag.RedirectFrame,
}

// Decode reads an Ethernet frame that was seen on an interface, leaving it where out is set.
// csumNotReady says that a UDP or TCP checksum in it is still the hardware's to complete, so it is not
// judged. ok is false for a frame that is none of the frame types; one that is and must not be
// believed says why in Bad. The Frame keeps no reference to b.
func Decode(iface string, out bool, b []byte, csumNotReady bool) (f diag.Frame, ok bool) {
	header, rest, ok := wire.ParseEthernet(b)
	if !ok || header.Type != unix.ETH_P_IPV6 {
		return f, false
	}
	p, err := wire.ParsePacket(rest)
	if err != nil {
		return f, false
	}
	f.Type = frameType(p)
	if f.Type == "" {
		return f, false
	}
	f.Interface, f.Out = iface, out
	f.DstMAC, f.SrcMAC = header.Dst, header.Src
	f.Src, f.Dst, f.HopLimit, f.Size = p.Src, p.Dst, int(p.HopLimit), p.Length
	if t, ok := p.TCP(); ok {
		// Only its headers are captured, so that of what carries data no checksum can be judged; and only
		// they are kept.
		f.SrcPort, f.DstPort = t.Src, t.Dst
		f.Raw = append([]byte(nil), b[:min(len(b), tcpSnap)]...)
		switch {
		case p.Fragment == wire.First:
			f.Bad = diag.BadFragment
		case !p.Cut() && !csumNotReady && !p.Intact():
			f.Bad = "wrong TCP checksum"
		}
		return f, true
	}
	f.Raw = append([]byte(nil), b[:min(len(b), rawMax)]...)
	switch {
	case p.Cut():
		f.Bad = fmt.Sprintf("%s: %d of %d bytes", diag.BadCut, len(p.Raw), p.Length)
	case p.Fragment == wire.First:
		f.Bad = diag.BadFragment
	case p.Proto == unix.IPPROTO_ICMPV6 && !p.Intact():
		f.Bad = diag.BadChecksum
	case p.Proto == unix.IPPROTO_UDP && !csumNotReady && !p.Intact():
		f.Bad = "wrong UDP checksum"
	}
	if u, ok := p.UDP(); ok && f.Type == diag.UDPFrame {
		f.SrcPort, f.DstPort = u.Src, u.Dst
		return f, true
	} else if ok {
		f.DHCPv6 = decodeDHCPv6(u.Payload)
		if f.DHCPv6 == nil {
			bad(&f, "malformed DHCPv6 message")
		}
		return f, true
	}
	f.Code = int(p.Payload[1])
	decodeICMPv6(&f, p)
	return f, true
}

// bad notes why a frame must not be believed; the first reason stands.
func bad(f *diag.Frame, why string) {
	if f.Bad == "" {
		f.Bad = why
	}
}

// frameType returns the type of what a packet carries; empty for what is none of ours.
func frameType(p wire.Packet) diag.FrameType {
	if u, ok := p.UDP(); ok {
		for _, port := range []uint16{u.Src, u.Dst} {
			if port == wire.DHCPv6Client || port == wire.DHCPv6Server {
				return diag.DHCPv6Frame
			}
		}
		return diag.UDPFrame
	}
	if t, ok := p.TCP(); ok {
		return tcpType(t)
	}
	return icmpTypes[p.ICMPType()]
}

// tcpType is the type of a segment by its flags; empty for one in the middle of a connection.
func tcpType(t wire.TCP) diag.FrameType {
	switch {
	case t.Flags&wire.RST != 0:
		return diag.TCPRst
	case t.Flags&(wire.SYN|wire.ACK) == wire.SYN|wire.ACK:
		return diag.TCPSynAck
	case t.Flags&wire.SYN != 0:
		return diag.TCPSyn
	case t.Flags&wire.FIN != 0:
		return diag.TCPFin
	default:
		return ""
	}
}

// decodeICMPv6 reads the ICMPv6 message of a packet.
func decodeICMPv6(f *diag.Frame, p wire.Packet) {
	b := p.Payload
	switch f.Type {
	case diag.RS, diag.RA, diag.NS, diag.NA, diag.RedirectFrame:
		if p.Fragment != wire.NotFragmented {
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
		if echo, ok := wire.ParseEcho(b); ok {
			f.EchoID, f.EchoSeq = echo.ID, echo.Seq
			return
		}
		if f.Type == diag.PacketTooBig {
			f.MTU = int(binary.BigEndian.Uint32(b[4:]))
		}
		f.Quoted = quote(b[8:])
	}
}

// quote reads as much of a packet as an error message quotes of it; nil where not even its IPv6
// header can be read.
func quote(b []byte) *diag.Quoted {
	p, err := wire.ParsePacket(b)
	if !p.Src.IsValid() {
		return nil
	}
	q := &diag.Quoted{Src: p.Src, Dst: p.Dst}
	if err != nil {
		return q
	}
	q.Type = frameType(p)
	q.SrcPort, q.DstPort = p.Ports()
	if p.Proto == unix.IPPROTO_ICMPV6 {
		if echo, ok := wire.ParseEcho(p.Payload); ok {
			q.EchoID, q.EchoSeq = echo.ID, echo.Seq
		}
	}
	return q
}
