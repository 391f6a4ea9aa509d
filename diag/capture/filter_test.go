package capture

import (
	"encoding/binary"
	"testing"

	"ndwhy/diag/wire"

	"golang.org/x/net/bpf"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

func udp(src, dst uint16, payload ...byte) []byte {
	return wire.UDP{Src: src, Dst: dst, Payload: payload}.Marshal()
}

func TestFilter(t *testing.T) {
	t.Parallel()
	vm, err := bpf.NewVM(filter(true))
	if err != nil {
		t.Fatal(err)
	}
	frame := func(proto byte, payload ...byte) []byte {
		return frame(theirs, ours, 255, proto, payload)
	}
	passes := func(what string, b []byte, want bool) {
		t.Helper()
		n, err := vm.Run(b)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if (n > 0) != want {
			t.Errorf("%s: passes %v, want %v", what, n > 0, want)
		}
		if n > 0 && n < 65536 && b[20] != unix.IPPROTO_TCP {
			t.Errorf("%s: cut at %d bytes", what, n)
		}
	}
	for kind := range 256 {
		_, want := icmpTypes[ipv6.ICMPType(kind)]
		passes("ICMPv6", frame(unix.IPPROTO_ICMPV6, byte(kind), 0, 0, 0, 0, 0, 0, 0), want)
		short := append([]byte{unix.IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0}, byte(kind), 0, 0, 0)
		passes("ICMPv6 behind a hop-by-hop header", frame(unix.IPPROTO_HOPOPTS, short...), want)
		long := append([]byte{unix.IPPROTO_ICMPV6, 1, 5, 2, 0, 0, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0}, byte(kind), 0, 0, 0)
		passes("ICMPv6 behind a longer one", frame(unix.IPPROTO_HOPOPTS, long...), want)
	}
	passes("from a DHCPv6 client", frame(unix.IPPROTO_UDP, udp(546, 547)...), true)
	passes("from a DHCPv6 server", frame(unix.IPPROTO_UDP, udp(547, 546)...), true)
	passes("from a server's other port", frame(unix.IPPROTO_UDP, udp(40000, 546)...), true)
	passes("to a server from another port", frame(unix.IPPROTO_UDP, udp(40000, 547)...), true)
	passes("DNS", frame(unix.IPPROTO_UDP, udp(40000, 53)...), false)
	for flags := range 256 {
		passes("TCP", frame(unix.IPPROTO_TCP, append(make([]byte, 13), byte(flags), 0, 0, 0, 0, 0, 0)...), flags&7 != 0)
	}
	passes("a short TCP segment", frame(unix.IPPROTO_TCP, make([]byte, 12)...), false)
	quiet, err := bpf.NewVM(filter(false))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := quiet.Run(frame(unix.IPPROTO_TCP, append(make([]byte, 13), 2, 0, 0, 0, 0, 0, 0)...)); n != 0 || err != nil {
		t.Errorf("a SYN passes where none should: %d, %v", n, err)
	}
	passes("UDP behind a hop-by-hop header", frame(unix.IPPROTO_HOPOPTS, append([]byte{unix.IPPROTO_UDP, 0, 1, 4, 0, 0, 0, 0}, udp(546, 547)...)...), false)
	passes("an ICMPv6 packet without ICMPv6", frame(unix.IPPROTO_ICMPV6), false)
	arp := frame(unix.IPPROTO_ICMPV6, 135, 0, 0, 0)
	binary.BigEndian.PutUint16(arp[12:], unix.ETH_P_ARP)
	passes("ARP", arp, false)
	passes("nothing", nil, false)
}
