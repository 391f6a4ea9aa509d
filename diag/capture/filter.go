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

// tcpSnap is how much of a TCP segment is captured: its headers, and nothing of what it carries.
const tcpSnap = offPayload + 60

// tcpEnds are the flags of the segments that begin and end a connection: FIN, SYN and RST.
const tcpEnds = wire.FIN | wire.SYN | wire.RST

// filter lets through what the program understands, and so keeps the rest of a busy host's traffic
// from being copied: neighbour discovery (133–137), echo (128, 129), ICMPv6 errors (1–4), MLD
// (130–132, 143), each also behind a hop-by-hop header, as MLD always is (RFC 3810 §5), DHCPv6 (UDP
// ports 546 and 547), and where segments is set those with which TCP begins and ends a connection.
func filter(segments bool) []bpf.Instruction {
	const reject, accept, headers = 29, 30, 31
	tcp := uint8(reject)
	if segments {
		tcp = 27
	}
	return []bpf.Instruction{
		/*  0 */ bpf.LoadAbsolute{Off: offEtherType, Size: 2},
		/*  1 */ bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IPV6, SkipTrue: reject - 2},
		/*  2 */ bpf.LoadAbsolute{Off: offNextHeader, Size: 1},
		/*  3 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: 14 - 4},
		/*  4 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipTrue: 21 - 5},
		/*  5 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipTrue: tcp - 6},
		/*  6 */ bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_HOPOPTS, SkipTrue: reject - 7},

		// The extension header's length is in units of 8 bytes, without the first (RFC 8200 §4.3).
		/*  7 */ bpf.LoadAbsolute{Off: offPayload, Size: 1},
		/*  8 */ bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_ICMPV6, SkipTrue: reject - 9},
		/*  9 */ bpf.LoadAbsolute{Off: offPayload + 1, Size: 1},
		/* 10 */ bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: 1},
		/* 11 */ bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 3},
		/* 12 */ bpf.TAX{},
		/* 13 */ bpf.Jump{Skip: 15 - 14},

		// The ICMPv6 type, behind X bytes of extension header.
		/* 14 */ bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
		/* 15 */ bpf.LoadIndirect{Off: offPayload, Size: 1},
		/* 16 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: 143, SkipTrue: accept - 17},
		/* 17 */ bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 137, SkipTrue: reject - 18},
		/* 18 */ bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: 128, SkipTrue: accept - 19},
		/* 19 */ bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 4, SkipTrue: reject - 20},
		/* 20 */ bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: 1, SkipTrue: accept - 21, SkipFalse: reject - 21},

		// Either UDP port: 546 is the client's, 547 the server's.
		/* 21 */ bpf.LoadAbsolute{Off: offPayload, Size: 2},
		/* 22 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Client, SkipTrue: accept - 23},
		/* 23 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Server, SkipTrue: accept - 24},
		/* 24 */ bpf.LoadAbsolute{Off: offPayload + 2, Size: 2},
		/* 25 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Client, SkipTrue: accept - 26},
		/* 26 */ bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.DHCPv6Server, SkipTrue: accept - 27, SkipFalse: reject - 27},

		/* 27 */ bpf.LoadAbsolute{Off: offPayload + 13, Size: 1},
		/* 28 */ bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: tcpEnds, SkipTrue: headers - 29},
		/* 29 */ bpf.RetConstant{Val: 0},
		/* 30 */ bpf.RetConstant{Val: snap},
		/* 31 */ bpf.RetConstant{Val: tcpSnap},
	}
}
