package pcap

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"golang.org/x/sys/unix"

	"ndwhy/diag/wire"
)

// Tunnels that carry Ethernet, as clouds mirror the traffic of an instance, switches that of a port, and networks of
// containers are made.
const (
	portVXLAN      = 4789 // RFC 7348 §5
	portLinuxVXLAN = 8472 // Linux's own before that, and still its default
	portGENEVE     = 6081 // RFC 8926 §3.3

	tunnelLen  = 8 // bytes of either header, GENEVE's options aside
	vxlanHasID = 0x08

	etherInTunnel = 0x6558 // transparent Ethernet bridging: in GENEVE and in GRE (RFC 7637 §3.2)
	erspan        = 0x88be // draft-foschiano-erspan-03, types I and II
	erspanIII     = 0x22eb

	greLen      = 4
	greChecksum = 0x8000 // RFC 2784 §2.1; this and the two below say that another four bytes are there (RFC 2890 §2)
	greKey      = 0x2000
	greSequence = 0x1000
)

// tunnelled returns the Ethernet frame in a packet of a tunnel, and what to call the network that it is of.
func tunnelled(etherType uint16, packet []byte) (frame []byte, name string, ok bool) {
	switch proto, payload := carried(etherType, packet); proto {
	case unix.IPPROTO_UDP:
		return inUDP(payload)
	case unix.IPPROTO_GRE:
		return inGRE(payload)
	}
	return nil, "", false
}

func inUDP(payload []byte) (frame []byte, name string, ok bool) {
	u, ok := wire.ParseUDP(payload)
	if !ok || len(u.Payload) < tunnelLen {
		return nil, "", false
	}
	n := tunnelLen
	switch u.Dst {
	case portVXLAN, portLinuxVXLAN:
		ok = u.Payload[0]&vxlanHasID != 0
	case portGENEVE:
		n += 4 * int(u.Payload[0]&0x3f)
		ok = u.Payload[0]>>6 == 0 && binary.BigEndian.Uint16(u.Payload[2:]) == etherInTunnel && n <= len(u.Payload)
	default:
		ok = false
	}
	if !ok {
		return nil, "", false
	}
	return u.Payload[n:], fmt.Sprint("vni", binary.BigEndian.Uint32(u.Payload[4:])>>8), true
}

func inGRE(payload []byte) (frame []byte, name string, ok bool) {
	if len(payload) < greLen {
		return nil, "", false
	}
	flags := binary.BigEndian.Uint16(payload)
	n := greLen + 4*bits.OnesCount16(flags)
	if flags&^(greChecksum|greKey|greSequence) != 0 || n > len(payload) {
		return nil, "", false // another version, or routing, which nobody uses any more
	}
	frame, name = payload[n:], "gre"
	mirror := 0 // bytes of a switch's own header
	switch binary.BigEndian.Uint16(payload[2:]) {
	case etherInTunnel:
		if flags&greKey != 0 {
			name = fmt.Sprint(name, binary.BigEndian.Uint32(payload[greLen+4*bits.OnesCount16(flags&greChecksum):]))
		}
		return frame, name, true
	case erspan:
		if flags&greSequence == 0 {
			return frame, "erspan", true // type I, which has no header
		}
		mirror = 8
	case erspanIII:
		mirror = 12
		if len(frame) >= mirror && frame[mirror-1]&1 != 0 {
			mirror += 8 // what a vendor adds
		}
	default:
		return nil, "", false
	}
	if len(frame) < mirror {
		return nil, "", false
	}
	return frame[mirror:], fmt.Sprint("erspan", binary.BigEndian.Uint16(frame[2:])&0x3ff), true // of the session
}

// carried returns what a packet of either IP carries, and by which protocol: 0 where that is not all there.
func carried(etherType uint16, packet []byte) (proto uint8, payload []byte) {
	switch etherType {
	case unix.ETH_P_IPV6:
		if p, err := wire.ParsePacket(packet); err == nil {
			return p.Proto, p.Payload
		}
	case unix.ETH_P_IP:
		const least = 20 // bytes of a header (RFC 791 §3.1)
		if len(packet) < least || binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 {
			return 0, nil // a fragment has not all of it
		}
		if n := 4 * int(packet[0]&0xf); packet[0]>>4 == 4 && n >= least && n <= len(packet) {
			return packet[9], packet[n:]
		}
	}
	return 0, nil
}
