package nstest

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// Frame returns an Ethernet frame that holds an IPv6 packet with one upper-layer message. Where the
// message has a checksum field (ICMPv6, UDP), it must be zero, and is filled in.
func Frame(srcMAC, dstMAC [6]byte, src, dst netip.Addr, hopLimit, nextHeader byte, message []byte) []byte {
	b := make([]byte, 0, 54+len(message))
	b = append(append(b, dstMAC[:]...), srcMAC[:]...)
	b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(message)))
	b = append(b, nextHeader, hopLimit)
	b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
	b = append(b, message...)
	field := map[byte]int{unix.IPPROTO_ICMPV6: 2, unix.IPPROTO_UDP: 6}
	at, ok := field[nextHeader]
	if !ok || len(message) < at+2 {
		return b
	}
	sum := uint32(len(message)) + uint32(nextHeader)
	for i := 22; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[54+at:], ^uint16(sum))
	return b
}

// Send puts a frame on the wire at an interface.
func Send(t *testing.T, link string, frame []byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, "packet socket", err)
	defer unix.Close(fd)
	must(t, link, unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: Link(t, link).Attrs().Index}))
}
