package capture

import (
	"ndwhy/diag/wire"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Where the fields of an untagged Ethernet frame with IPv6 in it stand.
const (
	offEtherType  = 12
	offNextHeader = 20
	offPayload    = wire.EthernetLen + wire.IPv6Len
)

// snap is how much of a frame is captured: all of it, even of a segment that the hardware is yet to
// cut up.
const snap = 1 << 18

// filter lets through what the program understands, and so keeps the rest of a busy host's traffic
// from being copied: neighbour discovery (133–137), echo (128, 129), ICMPv6 errors (1–4), MLD
// (130–132, 143), each also behind a hop-by-hop header, as MLD always is (RFC 3810 §5), and DHCPv6
// (UDP ports 546 and 547).
func filter() []bpf.Instruction {
	const reject, accept = 26, 27
	return []bpf.Instruction{
		/*  0 */ bpf.LoadAbsolute{Off: offEtherType, Size: 2},
		/*  1 */ bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IPV6, SkipTrue: reject - 2},
		/*  2 */ bpf.LoadAbsolute{Off: offNextHeader, Size: 1},
		/*  3 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 13 - 4},
		/*  4 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: 20 - 5},
		/*  5 */ bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_HOPOPTS, SkipTrue: reject - 6},

		// The extension header's length is in units of 8 bytes, without the first (RFC 8200 §4.3).
		/*  6 */ bpf.LoadAbsolute{Off: offPayload, Size: 1},
		/*  7 */ bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: reject - 8},
		/*  8 */ bpf.LoadAbsolute{Off: offPayload + 1, Size: 1},
		/*  9 */ bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 1},
		/* 10 */ bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 3},
		/* 11 */ bpf.TAX{},
		/* 12 */ bpf.Jump{Skip: 14 - 13},

		// The ICMPv6 type, behind X bytes of extension header.
		/* 13 */ bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
		/* 14 */ bpf.LoadIndirect{Off: offPayload, Size: 1},
		/* 15 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: 143, SkipTrue: accept - 16},
		/* 16 */ bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 137, SkipTrue: reject - 17},
		/* 17 */ bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: 128, SkipTrue: accept - 18},
		/* 18 */ bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 4, SkipTrue: reject - 19},
		/* 19 */ bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: 1, SkipTrue: accept - 20, SkipFalse: reject - 20},

		// Either UDP port: 546 is the client's, 547 the server's.
		/* 20 */ bpf.LoadAbsolute{Off: offPayload, Size: 2},
		/* 21 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Client, SkipTrue: accept - 22},
		/* 22 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Server, SkipTrue: accept - 23},
		/* 23 */ bpf.LoadAbsolute{Off: offPayload + 2, Size: 2},
		/* 24 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Client, SkipTrue: accept - 25},
		/* 25 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Server, SkipTrue: accept - 26},
		/* 26 */ bpf.RetConstant{Val: 0},
		/* 27 */ bpf.RetConstant{Val: snap},
	}
}
