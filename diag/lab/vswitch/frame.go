package vswitch

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

const (
	ipv4Len = 20
	minMTU  = 1280 // RFC 8200 §5: also the bound of an ICMPv6 error (RFC 4443 §2.4)
)

var (
	allNodes    = netip.MustParseAddr("ff02::1")
	allNodesMAC = diag.MulticastMAC(allNodes)
	broadcast   = diag.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// An ip6 is a frame with a whole IPv6 packet.
type ip6 struct {
	wire.Packet
	ether wire.Ethernet
}

// parse6 reads the IPv6 packet of a frame whose EtherType was checked.
func parse6(frame []byte) (p ip6, err error) {
	var b []byte
	p.ether, b, _ = wire.ParseEthernet(frame)
	p.Packet, err = wire.ParsePacket(b)
	if err == nil && p.Cut() {
		err = fmt.Errorf("IPv6 packet cut off: %d of %d bytes", len(b), p.Length)
	}
	return p, err
}

func (p *ip6) nd() bool {
	t := p.ICMPType()
	return t >= ipv6.ICMPTypeRouterSolicitation && t <= ipv6.ICMPTypeRedirect
}

func (p *ip6) mld() bool {
	t := p.ICMPType()
	return t >= ipv6.ICMPTypeMulticastListenerQuery && t <= ipv6.ICMPTypeMulticastListenerDone ||
		t == ipv6.ICMPTypeVersion2MulticastListenerReport
}

// message returns the ND message of a packet, believed only as RFC 4861 §6.1 and §7.1 have it.
func (p *ip6) message() (ndp.Message, error) {
	switch {
	case p.HopLimit != 255:
		return nil, fmt.Errorf("hop limit %d: it may come from off the link (RFC 4861 §7.1)", p.HopLimit)
	case p.Payload[1] != 0:
		return nil, fmt.Errorf("ICMPv6 code %d", p.Payload[1])
	case !p.Intact():
		return nil, fmt.Errorf("wrong ICMPv6 checksum")
	}
	return ndp.ParseMessage(p.Payload)
}

// linkLayer returns the link-layer address option of a message that points in direction.
func linkLayer(options []ndp.Option, direction ndp.Direction) (diag.MAC, bool) {
	for _, o := range options {
		if l, ok := o.(*ndp.LinkLayerAddress); ok && l.Direction == direction && len(l.Addr) == 6 {
			return diag.MAC(l.Addr), true
		}
	}
	return diag.MAC{}, false
}

// build4 puts an IPv4 packet that was routed into a frame: one hop less, the header's checksum anew.
func build4(dst, src diag.MAC, packet []byte) []byte {
	f := wire.Ethernet{Dst: dst, Src: src, Type: unix.ETH_P_IP}.Frame(packet)
	h := f[wire.EthernetLen:]
	h[8]--
	h[10], h[11] = 0, 0
	binary.BigEndian.PutUint16(h[10:], wire.Sum(h[:int(h[0]&15)*4]))
	return f
}

// An ip4 is an IPv4 packet taken apart as far as the fabric needs.
type ip4 struct {
	ether      wire.Ethernet
	src, dst   netip.Addr
	ttl, proto uint8
	packet     []byte
	payload    []byte
}

func parse4(frame []byte) (ip4, error) {
	ether, b, _ := wire.ParseEthernet(frame)
	if len(b) < ipv4Len || b[0]>>4 != 4 || int(b[0]&15)*4 < ipv4Len || len(b) < int(b[0]&15)*4 {
		return ip4{}, fmt.Errorf("IPv4 header cut off or of another version")
	}
	n, h := int(binary.BigEndian.Uint16(b[2:])), int(b[0]&15)*4
	if n < h || n > len(b) {
		return ip4{}, fmt.Errorf("IPv4 packet cut off: %d of %d bytes", len(b), n)
	}
	return ip4{
		ether: ether, src: netip.AddrFrom4([4]byte(b[12:16])), dst: netip.AddrFrom4([4]byte(b[16:20])),
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
	_, b, _ := wire.ParseEthernet(frame)
	if len(b) < 28 || binary.BigEndian.Uint32(b) != 0x00010800 || b[4] != 6 || b[5] != 4 {
		return arp{}, fmt.Errorf("ARP packet cut off or not for IPv4 over Ethernet")
	}
	return arp{
		op: binary.BigEndian.Uint16(b[6:]), senderMAC: diag.MAC(b[8:]),
		senderIP: netip.AddrFrom4([4]byte(b[14:18])), targetIP: netip.AddrFrom4([4]byte(b[24:28])),
	}, nil
}

// buildARPReply tells to, who has the address toIP, that ip is at mac.
func buildARPReply(to diag.MAC, toIP netip.Addr, mac diag.MAC, ip netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, 2}
	a, z := ip.As4(), toIP.As4()
	b = append(append(b, mac[:]...), a[:]...)
	b = append(append(b, to[:]...), z[:]...)
	return wire.Ethernet{Dst: to, Src: mac, Type: unix.ETH_P_ARP}.Frame(b)
}

// Summary describes a frame in one line of printable text.
func Summary(frame []byte) string {
	h, _, ok := wire.ParseEthernet(frame)
	if !ok {
		return fmt.Sprintf("%d bytes, too short for an Ethernet frame", len(frame))
	}
	switch h.Type {
	case unix.ETH_P_IPV6:
		p, err := parse6(frame)
		if err != nil {
			return fmt.Sprintf("malformed IPv6 from %s: %v", h.Src, err)
		}
		return fmt.Sprintf("%s > %s: %s", p.Src, p.Dst, p.say())
	case unix.ETH_P_IP:
		p, err := parse4(frame)
		if err != nil {
			return fmt.Sprintf("malformed IPv4 from %s: %v", h.Src, err)
		}
		return fmt.Sprintf("%s > %s: %s", p.src, p.dst, sayProto(p.proto, p.payload))
	case unix.ETH_P_ARP:
		a, err := parseARP(frame)
		if err != nil {
			return fmt.Sprintf("malformed ARP from %s: %v", h.Src, err)
		}
		if a.op == 2 {
			return fmt.Sprintf("ARP reply: %s is at %s", a.senderIP, a.senderMAC)
		}
		return fmt.Sprintf("ARP request: who has %s tell %s", a.targetIP, a.senderIP)
	}
	return fmt.Sprintf("%s > %s: EtherType 0x%04x, %d bytes", h.Src, h.Dst, h.Type, len(frame))
}

func sayProto(proto uint8, payload []byte) string {
	if len(payload) >= 4 && (proto == unix.IPPROTO_TCP || proto == unix.IPPROTO_UDP) {
		name := map[uint8]string{unix.IPPROTO_TCP: "TCP", unix.IPPROTO_UDP: "UDP"}[proto]
		return fmt.Sprintf("%s %d > %d, %d bytes", name, binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:]), len(payload))
	}
	return fmt.Sprintf("protocol %d, %d bytes", proto, len(payload))
}

func (p *ip6) say() string {
	if p.Fragment == wire.Later {
		return "a later fragment"
	}
	if u, ok := p.UDP(); ok && dhcpPort(u.Src) && dhcpPort(u.Dst) {
		if m, err := dhcpv6.MessageFromBytes(u.Payload); err == nil {
			return "DHCPv6 " + m.MessageType.String()
		}
		return "malformed DHCPv6"
	}
	if p.Proto != unix.IPPROTO_ICMPV6 {
		return sayProto(p.Proto, p.Payload)
	}
	if p.nd() {
		m, err := p.message()
		if err != nil {
			return fmt.Sprintf("malformed neighbour discovery (type %d): %v", p.ICMPType(), err)
		}
		return sayND(m)
	}
	if e, ok := wire.ParseEcho(p.Payload); ok {
		return fmt.Sprintf("%s, id %d seq %d, %d bytes", e.Type, e.ID, e.Seq, len(p.Payload))
	}
	switch t := p.ICMPType(); {
	case t == ipv6.ICMPTypePacketTooBig && len(p.Payload) >= 8:
		return fmt.Sprintf("packet too big, MTU %d", binary.BigEndian.Uint32(p.Payload[4:]))
	case t == ipv6.ICMPTypeDestinationUnreachable, t == ipv6.ICMPTypeTimeExceeded:
		return fmt.Sprintf("%s, code %d", t, p.Payload[1])
	case p.mld():
		return fmt.Sprintf("MLD, type %d", t)
	case t >= 0:
		return fmt.Sprintf("ICMPv6 type %d code %d", t, p.Payload[1])
	}
	return "ICMPv6 cut off"
}

func dhcpPort(port uint16) bool { return port == wire.DHCPv6Client || port == wire.DHCPv6Server }

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
		return fmt.Sprintf("RA: lifetime %g s, M=%t O=%t", m.RouterLifetime.Seconds(), m.ManagedConfiguration, m.OtherConfiguration)
	}
	return "neighbour discovery"
}
