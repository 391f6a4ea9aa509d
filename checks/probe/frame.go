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
	nextUDP    = 17

	headerLen = 40
	maxSize   = headerLen + 1<<16 - 1

	dhcpClientPort, dhcpServerPort = 546, 547 // RFC 8415 §7.2

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
	hopLimit, next, sumAt := byte(hopLimitND), byte(nextICMPv6), 2
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
		if f.Size > maxSize {
			return nil, fmt.Errorf("echo of %d bytes: at most %d fit a packet", f.Size, maxSize)
		}
		for len(body)+headerLen < f.Size {
			body = append(body, byte(len(body)))
		}
	case diag.DHCPv6Frame:
		next, sumAt, hopLimit = nextUDP, 6, 1
		body = solicit(f)
	default:
		return nil, fmt.Errorf("frame of type %q: only rs, ns, echo-request and dhcpv6 are sent", f.Type)
	}
	b := make([]byte, 0, 54+len(body))
	b = append(append(b, f.DstMAC[:]...), f.SrcMAC[:]...)
	b = binary.BigEndian.AppendUint16(b, etherIPv6)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	b = append(b, next, hopLimit)
	b = append(append(b, f.Src.AsSlice()...), f.Dst.AsSlice()...)
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[54+sumAt:], checksum(b[22:54], next, body))
	return b, nil
}

// solicit returns the UDP datagram of a DHCPv6 Solicit (RFC 8415 §18.2.1) for one address.
func solicit(f checks.Frame) []byte {
	const (
		messageSolicit    = 1
		optionClientID    = 1
		optionIANA        = 3
		optionRequest     = 6
		optionElapsed     = 8
		optionDNS         = 23
		optionSolMaxRetry = 82
	)
	m := []byte{messageSolicit, f.Transaction[0], f.Transaction[1], f.Transaction[2]}
	option := func(code uint16, value []byte) {
		m = binary.BigEndian.AppendUint16(m, code)
		m = binary.BigEndian.AppendUint16(m, uint16(len(value)))
		m = append(m, value...)
	}
	option(optionClientID, f.Client.DUID)
	option(optionElapsed, []byte{0, 0})
	option(optionIANA, append(binary.BigEndian.AppendUint32(nil, f.Client.IAID), 0, 0, 0, 0, 0, 0, 0, 0))
	option(optionRequest, []byte{0, optionDNS, 0, optionSolMaxRetry})
	b := binary.BigEndian.AppendUint16(nil, dhcpClientPort)
	b = binary.BigEndian.AppendUint16(b, dhcpServerPort)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(m)))
	b = append(b, 0, 0)
	return append(b, m...)
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
func checksum(addresses []byte, next byte, body []byte) uint16 {
	sum := uint32(len(body)) + uint32(next)
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
	if sum == 0xffff && next == nextUDP {
		return 0xffff // 0 would say that there is none (RFC 8200 §8.1)
	}
	return ^uint16(sum)
}
