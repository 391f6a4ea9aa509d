package pcap

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"ndwhy/diag/wire"
)

// Tunnels that carry Ethernet in UDP, as clouds mirror the traffic of an instance and networks of containers are made.
const (
	portVXLAN      = 4789 // RFC 7348 §5
	portLinuxVXLAN = 8472 // Linux's own before that, and still its default
	portGENEVE     = 6081 // RFC 8926 §3.3

	tunnelLen     = 8 // bytes of either header, GENEVE's options aside
	vxlanHasID    = 0x08
	etherInGENEVE = 0x6558
)

// tunnelled returns the Ethernet frame in a packet of a tunnel, and the number of the network that it is of.
func tunnelled(etherType uint16, packet []byte) (frame []byte, id uint32, ok bool) {
	u, ok := datagram(etherType, packet)
	if !ok || len(u.Payload) < tunnelLen {
		return nil, 0, false
	}
	id = binary.BigEndian.Uint32(u.Payload[4:]) >> 8
	switch u.Dst {
	case portVXLAN, portLinuxVXLAN:
		return u.Payload[tunnelLen:], id, u.Payload[0]&vxlanHasID != 0
	case portGENEVE:
		n := tunnelLen + 4*int(u.Payload[0]&0x3f)
		if u.Payload[0]>>6 != 0 || binary.BigEndian.Uint16(u.Payload[2:]) != etherInGENEVE || n > len(u.Payload) {
			return nil, 0, false
		}
		return u.Payload[n:], id, true
	}
	return nil, 0, false
}

// datagram returns the UDP datagram in a packet of either IP.
func datagram(etherType uint16, packet []byte) (u wire.UDP, ok bool) {
	switch etherType {
	case unix.ETH_P_IPV6:
		p, err := wire.ParsePacket(packet)
		if err != nil {
			return u, false
		}
		return p.UDP()
	case unix.ETH_P_IP:
		const least = 20 // bytes of a header (RFC 791 §3.1)
		if len(packet) < least || packet[9] != unix.IPPROTO_UDP || binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 {
			return u, false // a fragment has not all of it
		}
		if n := 4 * int(packet[0]&0xf); packet[0]>>4 == 4 && n >= least && n <= len(packet) {
			return wire.ParseUDP(packet[n:])
		}
	}
	return u, false
}
