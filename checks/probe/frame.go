// Package probe is the Linux network behind the checks: frames of our own through packet sockets,
// echoes through the sockets that any application would use, and the few changes that a check may
// make on the host. It judges nothing and waits for nothing: what comes back is seen by the tap or
// becomes a socket event.
package probe

import (
	"encoding/binary"
	"fmt"
	"ndwhy/checks"
	"ndwhy/diag"
)

const (
	etherIPv6  = 0x86dd
	nextICMPv6 = 58

	icmpEchoRequest = 128
	icmpEchoReply   = 129
	icmpRS          = 133
	icmpNS          = 135

	optionSourceLinkAddr = 1  // RFC 4861 §4.6.1
	optionNonce          = 14 // RFC 3971 §5.3.2, used by RFC 7527

	// hopLimitND is what a receiver insists on (RFC 4861 §7.1.1).
	hopLimitND   = 255
	hopLimitEcho = 64
)

// payload is what an echo carries: as much as ping's, and it says who asks.
var payload = []byte("ndwhy: a neighbour discovery check, see ndwhy explain...")

// Marshal returns the Ethernet frame for f, checksums and options included. An error names the field
// that cannot be sent.
func Marshal(f checks.Frame) ([]byte, error) {
	if !f.Src.Is6() || !f.Dst.Is6() {
		return nil, fmt.Errorf("frame %s: from %s to %s: both must be IPv6 addresses", f.Type, f.Src, f.Dst)
	}
	var body []byte
	hopLimit := byte(hopLimitND)
	switch f.Type {
	case diag.NS:
		if !f.Target.Is6() || f.Target.IsMulticast() {
			return nil, fmt.Errorf("neighbour solicitation for %s: want a unicast IPv6 address", f.Target)
		}
		body = []byte{icmpNS, 0, 0, 0, 0, 0, 0, 0}
		body = append(body, f.Target.AsSlice()...)
		body = options(body, f)
	case diag.RS:
		body = options([]byte{icmpRS, 0, 0, 0, 0, 0, 0, 0}, f)
	case diag.EchoRequest:
		hopLimit = hopLimitEcho
		body = []byte{icmpEchoRequest, 0, 0, 0}
		body = binary.BigEndian.AppendUint16(body, f.EchoID)
		body = binary.BigEndian.AppendUint16(body, f.EchoSeq)
		body = append(body, payload...)
	default:
		return nil, fmt.Errorf("frame of type %q: only rs, ns and echo-request are sent", f.Type)
	}
	b := make([]byte, 0, 54+len(body))
	b = append(append(b, f.DstMAC[:]...), f.SrcMAC[:]...)
	b = binary.BigEndian.AppendUint16(b, etherIPv6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	b = append(b, nextICMPv6, hopLimit)
	b = append(append(b, f.Src.AsSlice()...), f.Dst.AsSlice()...)
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[56:], checksum(b[22:54], body))
	return b, nil
}

// options appends the options of a solicitation. From the unspecified address there must be no
// source link-layer address (RFC 4861 §§4.1, 4.3).
func options(body []byte, f checks.Frame) []byte {
	if !f.Src.IsUnspecified() {
		body = append(body, optionSourceLinkAddr, 1)
		body = append(body, f.SrcMAC[:]...)
	}
	if len(f.Nonce) > 0 {
		n := (2 + len(f.Nonce) + 7) / 8
		option := make([]byte, n*8)
		option[0], option[1] = optionNonce, byte(n)
		copy(option[2:], f.Nonce)
		body = append(body, option...)
	}
	return body
}

// checksum is RFC 4443 §2.3's, over the pseudo-header of the two addresses.
func checksum(addresses, body []byte) uint16 {
	sum := uint32(len(body)) + nextICMPv6
	for _, part := range [][]byte{addresses, body} {
		for i := 0; i < len(part); i += 2 {
			sum += uint32(part[i]) << 8
			if i+1 < len(part) {
				sum += uint32(part[i+1])
			}
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
