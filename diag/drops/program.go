package drops

import (
	"math"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"ndwhy/diag/wire"
)

// What one second may bring: so many drops of one place in the kernel, so that a flood there hides no
// other, and so many in all.
const (
	perPlace  = 100
	perSecond = 200
)

// TCP and UDP have windows of their own, so that whoever knocks at a busy host's ports hides nothing of neighbour
// discovery: what this host sends to a port that is asked here, or gets from one; and what else begins a
// connection, of which some are told and nobody misses the rest.
const (
	perSecondAsked = 100
	perSecondOther = 20
)

// AskedPorts are the ports of TCP and UDP that the checks ask: of DNS, HTTP, NTP and HTTPS.
var AskedPorts = []uint16{53, 80, 123, 443}

const (
	// copied is how much of a packet is kept, from its IPv6 header on.
	copied = 192
	// ringSize holds some 800 drops, four seconds of the most that come; it is a multiple of every
	// page size.
	ringSize = 256 << 10
	// watched bounds the interfaces that the program tells apart by itself.
	watched = 32
	// anyIndex, as the first of them, lets those of every interface through.
	anyIndex = math.MaxUint32
)

// Where the parts of a sample stand, in bytes. Numbers are the host's.
const (
	sampleTime     = 0  // uint64: CLOCK_MONOTONIC, nanoseconds
	sampleReason   = 8  // uint32
	sampleIndex    = 12 // uint32: of the interface
	sampleFrom     = 16 // uint32: of the interface that it came in by; 0: made on this host
	sampleLength   = 20 // uint16: bytes of packet copied
	sampleLink     = 22 // uint16: bytes of link-layer header copied, 0 or 14
	sampleHeader   = 24 // 14 bytes, and 2 of nothing
	samplePacket   = 40
	sampleFunction = samplePacket + copied // text, ended by a zero
	sampleSize     = sampleFunction + 64
)

// Where the parts of the memory stand that the program shares with us.
const (
	sharedIndexes = 0                         // [watched]uint32: the interfaces, ended by a zero
	sharedExcess  = sharedIndexes + 4*watched // uint64: drops beyond what a second may bring
	sharedFull    = sharedExcess + 8          // uint64: drops that found the ring full
	sharedExtra   = sharedFull + 8            // uint64: the same as sharedExcess, of ports that are asked
	sharedSecond  = sharedExtra + 8           // a window for all but TCP and UDP
	sharedAsked   = sharedSecond + windowSize // one for what concerns the ports that are asked
	sharedOther   = sharedAsked + windowSize  // one for what else begins a connection
	sharedPlaces  = sharedOther + windowSize  // a window for each place, by a hash of its address
	sharedSize    = sharedPlaces + windowSize*places
	windowSize    = 16 // uint64: when it began; uint64: drops in it
	places        = 64 // a power of two
)

// Sizes of headers, in bytes, and where in them the parts stand that the program looks at.
const (
	ethernetLen   = 14
	ipv6Len       = 40
	icmpLen       = 4
	tcpLen        = 20
	offNextHeader = 6
	offTCPFlags   = 13
	// portsLen is how much of a TCP or UDP header is read: of TCP to its flags.
	portsLen = offTCPFlags + 1
)

// The tracepoint's arguments in the context, behind the skb.
const (
	contextPlace  = 8
	contextReason = 16
)

// skbDstNoRef is the bit in sk_buff._skb_refdst that is no part of the pointer (include/linux/skbuff.h).
const skbDstNoRef = 1

// The UDP ports of DHCPv6 (RFC 8415 §7.2).
const (
	dhcpClient = 546
	dhcpServer = 547
)

// Where the program keeps what it reads, from the end of its stack on.
const (
	slot     = -8  // what was read last
	slotHead = -48 // the packet's IPv6 header
	slotDev  = -64 // the interface's index
	slotNow  = -72
	slotFrom = -80
	slotNet  = -88 // where in the buffer the IPv6 header stands
	slotLink = -96 // the length of the link-layer header
	slotArgs = -104
	slotPort = -120 // of TCP and UDP: both ports and what follows them
)

// program returns what runs in the kernel at each packet that it throws away, in whatever namespace. It
// lets go at once what is no IPv6, or of no watched interface in the network namespace whose inode
// number is netns, and copies the start of what the tap would show (see package capture) into the ring,
// and of what DNS and NTP carry.
//
// R6 is the context, three numbers: the skb, the place in the kernel, the reason. R7 is the skb, later
// the sample; R8 the IPv6 header, R9 how much of the packet is copied.
func program(l *layout, netns uint32, m *maps) asm.Instructions {
	var p asm.Instructions
	label := ""
	add := func(list ...asm.Instruction) {
		if label != "" {
			list[0], label = list[0].WithSymbol(label), ""
		}
		p = append(p, list...)
	}
	// read copies from what a register points to into memory; what cannot be read becomes zero.
	read := func(dst asm.Register, to int, size asm.Instruction, from asm.Register, at int) {
		add(asm.Mov.Reg(asm.R1, dst), asm.Add.Imm(asm.R1, int32(to)), size,
			asm.Mov.Reg(asm.R3, from), asm.Add.Imm(asm.R3, int32(at)), asm.FnProbeReadKernel.Call())
	}
	bytes := func(n int) asm.Instruction { return asm.Mov.Imm(asm.R2, int32(n)) }
	member := func(dst, base asm.Register, at int16, size asm.Size) {
		read(asm.RFP, slot, bytes(size.Sizeof()), base, int(at))
		add(asm.LoadMem(dst, asm.RFP, slot, size))
	}
	store := func(at int16, src asm.Register) { add(asm.StoreMem(asm.RFP, at, src, asm.DWord)) }
	load := func(dst asm.Register, at int16) { add(asm.LoadMem(dst, asm.RFP, at, asm.DWord)) }

	add(asm.Mov.Reg(asm.R6, asm.R1), asm.LoadMem(asm.R7, asm.R6, 0, asm.DWord))
	member(asm.R1, asm.R7, l.protocol, asm.Half)
	add(asm.HostTo(asm.BE, asm.R1, asm.Half), asm.JNE.Imm(asm.R1, unix.ETH_P_IPV6, "exit"))

	// A packet on its way out has no device before the output hook has let it; its route has.
	member(asm.R8, asm.R7, l.dev, asm.DWord)
	add(asm.JNE.Imm(asm.R8, 0, "device"))
	member(asm.R8, asm.R7, l.dst, asm.DWord)
	add(asm.And.Imm(asm.R8, ^skbDstNoRef), asm.JEq.Imm(asm.R8, 0, "exit"))
	member(asm.R8, asm.R8, l.dstDev, asm.DWord)
	add(asm.JEq.Imm(asm.R8, 0, "exit"))
	label = "device"
	member(asm.R1, asm.R8, l.ifindex, asm.Word)
	store(slotDev, asm.R1)
	add(asm.LoadMapValue(asm.R2, m.shared.FD(), sharedIndexes),
		asm.LoadMem(asm.R3, asm.R2, 0, asm.Word), asm.JEq.Imm32(asm.R3, -1, "watched"))
	for i := range watched {
		add(asm.LoadMem(asm.R3, asm.R2, int16(4*i), asm.Word),
			asm.JEq.Imm(asm.R3, 0, "exit"),
			asm.JEq.Reg(asm.R3, asm.R1, "watched"))
	}
	add(asm.Ja.Label("exit"))
	label = "watched"
	member(asm.R8, asm.R8, l.net, asm.DWord)
	member(asm.R1, asm.R8, l.inum, asm.Word)
	add(asm.JNE.Imm32(asm.R1, int32(netns), "exit"))
	member(asm.R1, asm.R7, l.iif, asm.Word)
	store(slotFrom, asm.R1)

	// Its headers have to be in the part of the packet that is in one piece.
	member(asm.R8, asm.R7, l.head, asm.DWord)
	member(asm.R9, asm.R7, l.network, asm.Half)
	store(slotNet, asm.R9)
	member(asm.R1, asm.R7, l.tail, asm.Word)
	add(asm.Sub.Reg(asm.R1, asm.R9), asm.JSLT.Imm(asm.R1, ipv6Len+icmpLen, "exit"),
		asm.Add.Reg(asm.R8, asm.R9), asm.Mov.Reg(asm.R9, asm.R1),
		asm.JSLE.Imm(asm.R9, copied, "short"), asm.Mov.Imm(asm.R9, copied))
	label = "short"
	read(asm.RFP, slotHead, bytes(ipv6Len), asm.R8, 0)
	add(asm.LoadMem(asm.R1, asm.RFP, slotHead, asm.Byte), asm.RSh.Imm(asm.R1, 4), asm.JNE.Imm(asm.R1, 6, "exit"),
		asm.LoadMem(asm.R1, asm.RFP, slotHead+offNextHeader, asm.Byte),
		asm.JEq.Imm(asm.R1, unix.IPPROTO_ICMPV6, "kept"),
		asm.JEq.Imm(asm.R1, unix.IPPROTO_HOPOPTS, "kept"), // MLD (RFC 3810 §5)
		asm.JEq.Imm(asm.R1, unix.IPPROTO_TCP, "ports"),
		asm.JNE.Imm(asm.R1, unix.IPPROTO_UDP, "exit"))

	// The port of the other end, R4, is that which a packet goes to, or comes from. R5 are the flags of TCP.
	label = "ports"
	read(asm.RFP, slotPort, bytes(portsLen), asm.R8, ipv6Len)
	load(asm.R1, slotDev)
	load(asm.R2, slotFrom)
	port := func(dst asm.Register, at int16) {
		add(asm.LoadMem(dst, asm.RFP, slotPort+at, asm.Half), asm.HostTo(asm.BE, dst, asm.Half))
	}
	port(asm.R3, 0)
	port(asm.R4, 2)
	add(asm.LoadMem(asm.R5, asm.RFP, slotHead+offNextHeader, asm.Byte), asm.JEq.Imm(asm.R5, unix.IPPROTO_TCP, "tcp"))
	for _, r := range []asm.Register{asm.R3, asm.R4} {
		add(asm.JEq.Imm(r, dhcpClient, "kept"), asm.JEq.Imm(r, dhcpServer, "kept"))
	}
	add(asm.Ja.Label("far"))
	label = "tcp"
	add(asm.JSLT.Imm(asm.R9, ipv6Len+tcpLen, "exit"),
		asm.LoadMem(asm.R5, asm.RFP, slotPort+offTCPFlags, asm.Byte), asm.Mov.Reg(asm.R0, asm.R5),
		asm.And.Imm(asm.R0, wire.FIN|wire.SYN|wire.RST), asm.JEq.Imm(asm.R0, 0, "exit"))
	label = "far"
	add(asm.JNE.Reg(asm.R1, asm.R2, "outward"), asm.Mov.Reg(asm.R4, asm.R3))
	label = "outward"
	for _, n := range AskedPorts {
		add(asm.JEq.Imm(asm.R4, int32(n), "asked"))
	}
	add(asm.LoadMem(asm.R1, asm.RFP, slotHead+offNextHeader, asm.Byte), asm.JNE.Imm(asm.R1, unix.IPPROTO_TCP, "exit"),
		asm.And.Imm(asm.R5, wire.SYN|wire.ACK), asm.JNE.Imm(asm.R5, wire.SYN, "exit"))
	now := func() {
		add(asm.FnKtimeGetNs.Call())
		store(slotNow, asm.R0)
		add(asm.LoadMem(asm.R2, asm.R6, contextPlace, asm.DWord))
		store(slotArgs, asm.R2)
	}
	now()
	add(asm.LoadMapValue(asm.R1, m.shared.FD(), sharedOther))
	add(inWindow("other", perSecondOther, "exit")...)
	add(asm.Ja.Label("room"))
	label = "asked"
	now()
	add(asm.LoadMapValue(asm.R1, m.shared.FD(), sharedAsked))
	add(inWindow("of-asked", perSecondAsked, "extra")...)
	add(asm.Ja.Label("room"))

	// Is there room for it in this second? The place's hash spreads by Knuth's multiplicative method.
	label = "kept"
	now()
	add(asm.Mul.Imm(asm.R2, 0x61c88647), asm.RSh.Imm(asm.R2, 20), asm.And.Imm(asm.R2, places-1), asm.Mul.Imm(asm.R2, windowSize),
		asm.LoadMapValue(asm.R1, m.shared.FD(), sharedPlaces), asm.Add.Reg(asm.R1, asm.R2))
	add(inWindow("place", perPlace, "excess")...)
	add(asm.LoadMapValue(asm.R1, m.shared.FD(), sharedSecond))
	add(inWindow("second", perSecond, "excess")...)

	label = "room"
	member(asm.R1, asm.R7, l.mac, asm.Half)
	load(asm.R2, slotNet)
	add(asm.Sub.Reg(asm.R2, asm.R1), asm.JEq.Imm(asm.R2, ethernetLen, "ethernet"), asm.Mov.Imm(asm.R2, 0))
	label = "ethernet"
	store(slotLink, asm.R2)

	add(asm.LoadMapPtr(asm.R1, m.ring.FD()), asm.Mov.Imm(asm.R2, sampleSize), asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(), asm.JEq.Imm(asm.R0, 0, "full"), asm.Mov.Reg(asm.R7, asm.R0))
	for _, part := range []struct {
		at, from int16
		size     asm.Size
	}{
		{sampleTime, slotNow, asm.DWord},
		{sampleIndex, slotDev, asm.Word},
		{sampleFrom, slotFrom, asm.Word},
		{sampleLink, slotLink, asm.Half},
	} {
		load(asm.R1, part.from)
		add(asm.StoreMem(asm.R7, part.at, asm.R1, part.size))
	}
	add(asm.LoadMem(asm.R1, asm.R6, contextReason, asm.DWord), asm.StoreMem(asm.R7, sampleReason, asm.R1, asm.Word),
		asm.StoreMem(asm.R7, sampleLength, asm.R9, asm.Half))
	read(asm.R7, samplePacket, asm.Mov.Reg(asm.R2, asm.R9), asm.R8, 0)
	load(asm.R1, slotLink)
	add(asm.JEq.Imm(asm.R1, 0, "name"))
	read(asm.R7, sampleHeader, bytes(ethernetLen), asm.R8, -ethernetLen)
	label = "name"
	add(asm.Mov.Reg(asm.R1, asm.R7), asm.Add.Imm(asm.R1, sampleFunction), asm.Mov.Imm(asm.R2, sampleSize-sampleFunction),
		asm.LoadMapValue(asm.R3, m.format.FD(), 0), asm.Mov.Reg(asm.R4, asm.RFP), asm.Add.Imm(asm.R4, slotArgs), asm.Mov.Imm(asm.R5, 8),
		asm.FnSnprintf.Call(),
		asm.Mov.Reg(asm.R1, asm.R7), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufSubmit.Call(), asm.Ja.Label("exit"))

	for _, counter := range []struct {
		label string
		at    uint32
	}{{"excess", sharedExcess}, {"extra", sharedExtra}, {"full", sharedFull}} {
		label = counter.label
		add(asm.LoadMapValue(asm.R1, m.shared.FD(), counter.at), asm.Mov.Imm(asm.R2, 1),
			asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0), asm.Ja.Label("exit"))
	}
	label = "exit"
	add(asm.Mov.Imm(asm.R0, 0), asm.Return())
	return p
}

// inWindow goes on where the window that R1 points to has seen fewer than limit in the second up to
// slotNow, and else to a label. CPUs that meet in it let a few too many through.
func inWindow(name string, limit int32, otherwise string) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R0, asm.RFP, slotNow, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.DWord),
		asm.Mov.Reg(asm.R3, asm.R0),
		asm.Sub.Reg(asm.R3, asm.R2),
		asm.JLT.Imm(asm.R3, int32(time.Second), name),
		asm.StoreMem(asm.R1, 0, asm.R0, asm.DWord),
		asm.Mov.Imm(asm.R2, 0),
		asm.StoreMem(asm.R1, 8, asm.R2, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, 8, asm.DWord).WithSymbol(name),
		asm.JGE.Imm(asm.R2, limit, otherwise),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 8),
	}
}

// maps are the program's: what it shares with us, the samples, and the format that has the kernel itself
// name a place in it ("nft_do_chain [nf_tables]"), which needs no /proc/kallsyms and no CAP_SYSLOG.
type maps struct{ shared, ring, format *ebpf.Map }

func newMaps() (m *maps, err error) {
	m = &maps{}
	for _, one := range []struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&m.shared, ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: sharedSize, MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE}},
		{&m.ring, ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: ringSize}},
		{&m.format, ebpf.MapSpec{
			Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1, Flags: unix.BPF_F_RDONLY_PROG,
			Contents: []ebpf.MapKV{{Key: uint32(0), Value: []byte("%ps\x00")}},
		}},
	} {
		if *one.to, err = ebpf.NewMap(&one.spec); err != nil {
			m.close()
			return nil, err
		}
	}
	if err := m.format.Freeze(); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *maps) close() {
	for _, one := range []*ebpf.Map{m.shared, m.ring, m.format} {
		one.Close()
	}
}
