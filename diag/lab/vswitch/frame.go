package vswitch

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"

	"ndwhy/diag"
)

// EtherTypes and protocol numbers that the fabric knows.
const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeIPv6 = 0x86dd

	protoHopByHop = 0
	protoTCP      = 6
	protoUDP      = 17
	protoRouting  = 43
	protoFragment = 44
	protoICMPv6   = 58
	protoDestOpts = 60
)

// ICMPv6 types (RFC 4443, 4861, 2710, 3810).
const (
	icmpUnreachable  = 1
	icmpTooBig       = 2
	icmpTimeExceeded = 3
	icmpEcho         = 128
	icmpEchoReply    = 129
	icmpMLDQuery     = 130
	icmpMLDReport    = 131
	icmpMLDDone      = 132
	icmpRS           = 133
	icmpRA           = 134
	icmpNS           = 135
	icmpNA           = 136
	icmpRedirect     = 137
	icmpMLDv2Report  = 143
)

const (
	etherLen = 14
	ipv6Len  = 40
	ipv4Len  = 20
	minMTU   = 1280 // RFC 8200 §5: also the bound of an ICMPv6 error (RFC 4443 §2.4)
)

var (
	allNodes    = netip.MustParseAddr("ff02::1")
	allNodesMAC = diag.MulticastMAC(allNodes)
	broadcast   = diag.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

func macOf(b []byte) (m diag.MAC) { copy(m[:], b); return m }

// An ip6 is an IPv6 packet taken apart as far as the fabric needs.
type ip6 struct {
	srcMAC, dstMAC diag.MAC
	src, dst       netip.Addr
	hopLimit       uint8
	packet         []byte // from the IPv6 header to the end of the payload
	proto          uint8  // of the payload, after the extension headers that can be stepped over
	payload        []byte // nil where the packet is a later fragment
}

// parse6 reads the IPv6 packet of a frame whose EtherType was checked.
func parse6(frame []byte) (ip6, error) {
	b := frame[etherLen:]
	if len(b) < ipv6Len {
		return ip6{}, fmt.Errorf("IPv6 header cut off at %d bytes", len(b))
	}
	if b[0]>>4 != 6 {
		return ip6{}, fmt.Errorf("IP version %d in an IPv6 frame", b[0]>>4)
	}
	n := ipv6Len + int(binary.BigEndian.Uint16(b[4:]))
	if len(b) < n {
		return ip6{}, fmt.Errorf("IPv6 payload cut off: %d of %d bytes", len(b)-ipv6Len, n-ipv6Len)
	}
	p := ip6{
		dstMAC: macOf(frame), srcMAC: macOf(frame[6:]), hopLimit: b[7],
		src:    netip.AddrFrom16([16]byte(b[8:24])),
		dst:    netip.AddrFrom16([16]byte(b[24:40])),
		packet: b[:n], proto: b[6], payload: b[ipv6Len:n],
	}
	for {
		switch p.proto {
		case protoHopByHop, protoRouting, protoDestOpts:
			if len(p.payload) < 8 {
				return p, fmt.Errorf("extension header %d cut off", p.proto)
			}
			l := 8 + 8*int(p.payload[1])
			if len(p.payload) < l {
				return p, fmt.Errorf("extension header %d cut off", p.proto)
			}
			p.proto, p.payload = p.payload[0], p.payload[l:]
		case protoFragment:
			if len(p.payload) < 8 {
				return p, fmt.Errorf("fragment header cut off")
			}
			if binary.BigEndian.Uint16(p.payload[2:])>>3 != 0 {
				p.payload = nil
				return p, nil
			}
			p.proto, p.payload = p.payload[0], p.payload[8:]
		default:
			return p, nil
		}
	}
}

// icmp returns the ICMPv6 type, or -1.
func (p *ip6) icmp() int {
	if p.proto != protoICMPv6 || len(p.payload) < 4 {
		return -1
	}
	return int(p.payload[0])
}

// udp returns the ports of a UDP datagram.
func (p *ip6) udp() (src, dst uint16, ok bool) {
	if p.proto != protoUDP || len(p.payload) < 8 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(p.payload), binary.BigEndian.Uint16(p.payload[2:]), true
}

func (p *ip6) nd() bool { t := p.icmp(); return t >= icmpRS && t <= icmpRedirect }

func (p *ip6) mld() bool {
	t := p.icmp()
	return t == icmpMLDQuery || t == icmpMLDReport || t == icmpMLDDone || t == icmpMLDv2Report
}

// message returns the ND message of a packet, believed only as RFC 4861 §6.1 and §7.1 have it.
func (p *ip6) message() (ndp.Message, error) {
	switch {
	case p.hopLimit != 255:
		return nil, fmt.Errorf("hop limit %d: it may come from off the link (RFC 4861 §7.1)", p.hopLimit)
	case p.payload[1] != 0:
		return nil, fmt.Errorf("ICMPv6 code %d", p.payload[1])
	case checksum6(p.src, p.dst, protoICMPv6, p.payload) != 0:
		return nil, fmt.Errorf("wrong ICMPv6 checksum")
	}
	return ndp.ParseMessage(p.payload)
}

// linkLayer returns the link-layer address option of a message that points in direction.
func linkLayer(options []ndp.Option, direction ndp.Direction) (diag.MAC, bool) {
	for _, o := range options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == direction && len(l.Addr) == 6 {
			return macOf(l.Addr), true
		}
	}
	return diag.MAC{}, false
}

func sum(b []byte, s uint32) uint32 {
	for len(b) >= 2 {
		s += uint32(b[0])<<8 | uint32(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// checksum6 returns the Internet checksum with the IPv6 pseudo-header (RFC 8200 §8.1): what to put
// into a payload whose checksum field is zero, or 0 for a payload that is right.
func checksum6(src, dst netip.Addr, proto uint8, payload []byte) uint16 {
	a, b := src.As16(), dst.As16()
	s := sum(a[:], 0)
	s = sum(b[:], s)
	s += uint32(len(payload)) + uint32(proto)
	return fold(sum(payload, s))
}

func ether(dst, src diag.MAC, etherType uint16, payload []byte) []byte {
	f := make([]byte, etherLen, etherLen+len(payload))
	copy(f, dst[:])
	copy(f[6:], src[:])
	binary.BigEndian.PutUint16(f[12:], etherType)
	return append(f, payload...)
}

// build6 makes a frame of an upper-layer payload, with its checksum put in at offset at.
func build6(dstMAC, srcMAC diag.MAC, src, dst netip.Addr, hopLimit, proto uint8, payload []byte, at int) []byte {
	binary.BigEndian.PutUint16(payload[at:], 0)
	c := checksum6(src, dst, proto, payload)
	if c == 0 && proto == protoUDP {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(payload[at:], c)
	h := make([]byte, ipv6Len, ipv6Len+len(payload))
	h[0] = 6 << 4
	binary.BigEndian.PutUint16(h[4:], uint16(len(payload)))
	h[6], h[7] = proto, hopLimit
	a, b := src.As16(), dst.As16()
	copy(h[8:], a[:])
	copy(h[24:], b[:])
	return ether(dstMAC, srcMAC, typeIPv6, append(h, payload...))
}

// build4 puts an IPv4 packet that was routed into a frame: one hop less, the header's checksum anew.
func build4(dstMAC, srcMAC diag.MAC, packet []byte) []byte {
	f := ether(dstMAC, srcMAC, typeIPv4, packet)
	h := f[etherLen:]
	h[8]--
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], fold(sum(h[:int(h[0]&15)*4], 0)))
	return f
}

// An ip4 is an IPv4 packet taken apart as far as the fabric needs.
type ip4 struct {
	srcMAC, dstMAC diag.MAC
	src, dst       netip.Addr
	ttl, proto     uint8
	packet         []byte
	payload        []byte
}

func parse4(frame []byte) (ip4, error) {
	b := frame[etherLen:]
	if len(b) < ipv4Len || b[0]>>4 != 4 || int(b[0]&15)*4 < ipv4Len || len(b) < int(b[0]&15)*4 {
		return ip4{}, fmt.Errorf("IPv4 header cut off or of another version")
	}
	n, h := int(binary.BigEndian.Uint16(b[2:])), int(b[0]&15)*4
	if n < h || n > len(b) {
		return ip4{}, fmt.Errorf("IPv4 packet cut off: %d of %d bytes", len(b), n)
	}
	return ip4{
		dstMAC: macOf(frame), srcMAC: macOf(frame[6:]),
		src: netip.AddrFrom4([4]byte(b[12:16])), dst: netip.AddrFrom4([4]byte(b[16:20])),
		ttl: b[8], proto: b[9], packet: b[:n], payload: b[h:n],
	}, nil
}

// An arp is an ARP packet for IPv4 over Ethernet.
type arp struct {
	op                 uint16 // 1 request, 2 reply
	senderMAC          diag.MAC
	senderIP, targetIP netip.Addr
}

func parseARP(frame []byte) (arp, error) {
	b := frame[etherLen:]
	if len(b) < 28 || binary.BigEndian.Uint32(b) != 0x00010800 || b[4] != 6 || b[5] != 4 {
		return arp{}, fmt.Errorf("ARP packet cut off or not for IPv4 over Ethernet")
	}
	return arp{
		op: binary.BigEndian.Uint16(b[6:]), senderMAC: macOf(b[8:]),
		senderIP: netip.AddrFrom4([4]byte(b[14:18])), targetIP: netip.AddrFrom4([4]byte(b[24:28])),
	}, nil
}

// buildARPReply tells to, who has the address toIP, that ip is at mac.
func buildARPReply(to diag.MAC, toIP netip.Addr, mac diag.MAC, ip netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, 2}
	a, z := ip.As4(), toIP.As4()
	b = append(append(b, mac[:]...), a[:]...)
	b = append(append(b, to[:]...), z[:]...)
	return ether(to, mac, typeARP, b)
}

// Summary describes a frame in one line of printable text.
func Summary(frame []byte) string {
	if len(frame) < etherLen {
		return fmt.Sprintf("%d bytes, too short for an Ethernet frame", len(frame))
	}
	etherType := binary.BigEndian.Uint16(frame[12:])
	switch etherType {
	case typeIPv6:
		p, err := parse6(frame)
		if err != nil {
			return fmt.Sprintf("malformed IPv6 from %s: %v", macOf(frame[6:]), err)
		}
		return fmt.Sprintf("%s > %s: %s", p.src, p.dst, p.say())
	case typeIPv4:
		p, err := parse4(frame)
		if err != nil {
			return fmt.Sprintf("malformed IPv4 from %s: %v", macOf(frame[6:]), err)
		}
		return fmt.Sprintf("%s > %s: %s", p.src, p.dst, sayProto(p.proto, p.payload))
	case typeARP:
		a, err := parseARP(frame)
		if err != nil {
			return fmt.Sprintf("malformed ARP from %s: %v", macOf(frame[6:]), err)
		}
		if a.op == 2 {
			return fmt.Sprintf("ARP reply: %s is at %s", a.senderIP, a.senderMAC)
		}
		return fmt.Sprintf("ARP request: who has %s tell %s", a.targetIP, a.senderIP)
	}
	return fmt.Sprintf("%s > %s: EtherType 0x%04x, %d bytes", macOf(frame[6:]), macOf(frame), etherType, len(frame))
}

func sayProto(proto uint8, payload []byte) string {
	if len(payload) >= 4 && (proto == protoTCP || proto == protoUDP) {
		name := map[uint8]string{protoTCP: "TCP", protoUDP: "UDP"}[proto]
		return fmt.Sprintf("%s %d > %d, %d bytes", name, binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:]), len(payload))
	}
	return fmt.Sprintf("protocol %d, %d bytes", proto, len(payload))
}

func (p *ip6) say() string {
	if p.payload == nil {
		return "a later fragment"
	}
	if src, dst, ok := p.udp(); ok && (src == 546 || src == 547) && (dst == 546 || dst == 547) {
		if m, err := dhcpv6.MessageFromBytes(p.payload[8:]); err == nil {
			return "DHCPv6 " + m.MessageType.String()
		}
		return "malformed DHCPv6"
	}
	if p.proto != protoICMPv6 {
		return sayProto(p.proto, p.payload)
	}
	if p.nd() {
		m, err := p.message()
		if err != nil {
			return fmt.Sprintf("malformed neighbour discovery (type %d): %v", p.icmp(), err)
		}
		return sayND(m)
	}
	switch t := p.icmp(); {
	case (t == icmpEcho || t == icmpEchoReply) && len(p.payload) >= 8:
		what := map[int]string{icmpEcho: "echo request", icmpEchoReply: "echo reply"}[t]
		return fmt.Sprintf("%s, id %d seq %d, %d bytes", what,
			binary.BigEndian.Uint16(p.payload[4:]), binary.BigEndian.Uint16(p.payload[6:]), len(p.payload))
	case t == icmpUnreachable:
		return fmt.Sprintf("destination unreachable, code %d", p.payload[1])
	case t == icmpTooBig && len(p.payload) >= 8:
		return fmt.Sprintf("packet too big, MTU %d", binary.BigEndian.Uint32(p.payload[4:]))
	case t == icmpTimeExceeded:
		return fmt.Sprintf("time exceeded, code %d", p.payload[1])
	case p.mld():
		return fmt.Sprintf("MLD, type %d", t)
	case t >= 0:
		return fmt.Sprintf("ICMPv6 type %d code %d", t, p.payload[1])
	}
	return "ICMPv6 cut off"
}

func sayND(m ndp.Message) string {
	switch m := m.(type) {
	case *ndp.NeighborSolicitation:
		return "NS: who has " + m.TargetAddress.String()
	case *ndp.NeighborAdvertisement:
		mac, ok := linkLayer(m.Options, ndp.Target)
		if !ok {
			return fmt.Sprintf("NA: %s is here", m.TargetAddress)
		}
		return fmt.Sprintf("NA: %s is at %s", m.TargetAddress, mac)
	case *ndp.RouterSolicitation:
		return "RS"
	case *ndp.RouterAdvertisement:
		return fmt.Sprintf("RA: lifetime %s, M=%t O=%t", m.RouterLifetime, m.ManagedConfiguration, m.OtherConfiguration)
	}
	return "neighbour discovery"
}
