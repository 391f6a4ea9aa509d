package kernel

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ndwhy/diag"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// How much is read of the table of connections: a host with 100,000 is asked for no more of them than
// tell of where they lead.
const (
	socketsRead   = 4096 // connections that are looked at
	listenersRead = 1024
	flowsKept     = 64
	stuckKept     = 16 // of them, of those that wait for an answer
)

const (
	// flowsEvery is how often connections are looked at, and flowsSay how often they are told of while
	// they are only alive: a busy host's always are.
	flowsEvery = 5 * time.Second
	flowsSay   = 30 * time.Second
	// flowsShare: a look waits for so many times what the last took.
	flowsShare = 300
)

// Of linux/tcp.h (tcp_states.h), the states that are asked for.
const (
	tcpEstablished = 1
	tcpSynSent     = 2
	tcpSynRecv     = 3
	tcpListen      = 10
)

// Of linux/inet_diag.h.
const (
	inetDiagMsgSize     = 72
	sizeofInetDiagReq   = 56 // struct inet_diag_req_v2
	inetDiagInfo        = 2
	inetDiagReqBytecode = 1
)

// Flows reads the connections of this host: what others acknowledge of them, or do not, proves more of
// a way than any question of ours, and costs no packet. It needs no privilege.
type Flows struct {
	sink diag.Sink

	mu     sync.Mutex
	failed string    // why it could not be read, as last said
	synced bool      // FeedFlows was said to be whole
	said   time.Time // when Flows was last emitted
	stuck  []stuckFlow
}

type stuckFlow struct {
	local, remote netip.AddrPort
	state         diag.FlowState
}

// NewFlows returns a reader that emits into sink.
func NewFlows(sink diag.Sink) *Flows { return &Flows{sink: sink} }

// Read emits the connections as they are now, and FeedFlows where that says something new.
func (f *Flows) Read() { f.read(true) }

// Watch reads every few seconds until ctx ends, and emits what tells more than the last time: another
// connection that waits for an answer, or none any more, or half a minute.
func (f *Flows) Watch(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		start := time.Now()
		f.read(first)
		select {
		case <-ctx.Done():
		case <-time.After(max(flowsEvery, flowsShare*time.Since(start))):
		}
	}
}

func (f *Flows) read(always bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	flows, err := readFlows()
	if err != nil {
		if f.synced || f.failed != err.Error() {
			f.synced, f.failed = false, err.Error()
			f.sink.Emit(diag.Feed{Name: diag.FeedFlows, State: diag.Unavailable, Why: err.Error()})
		}
		return
	}
	var stuck []stuckFlow
	for _, c := range flows.List {
		if c.Stuck() {
			stuck = append(stuck, stuckFlow{c.Local, c.Remote, c.State})
		}
	}
	if always || time.Since(f.said) >= flowsSay || !slices.Equal(stuck, f.stuck) {
		f.sink.Emit(flows)
		f.said, f.stuck = time.Now(), stuck
	}
	if !f.synced {
		f.synced, f.failed = true, ""
		f.sink.Emit(diag.Feed{Name: diag.FeedFlows, State: diag.Synced})
	}
}

// A connection is a Flow with the index of the interface that it is bound to.
type connection struct {
	diag.Flow
	index int
}

func readFlows() (diag.Flows, error) {
	var flows diag.Flows
	listens, _, err := sockets(1<<tcpListen, listenersRead)
	if err != nil {
		return flows, err
	}
	list, whole, err := sockets(1<<tcpEstablished|1<<tcpSynSent|1<<tcpSynRecv, socketsRead)
	if err != nil {
		return flows, err
	}
	flows.Partial = !whole
	own := func(c connection) bool { return c.Local.Addr() == c.Remote.Addr() || c.Remote.Addr().IsLoopback() }
	list = slices.DeleteFunc(list, own)
	flows.Count = len(list)
	for i := range list {
		c := &list[i]
		c.Inbound = c.State == diag.FlowSynRecv || slices.ContainsFunc(listens, func(l connection) bool {
			return l.Local.Port() == c.Local.Port() && (l.Local.Addr().IsUnspecified() || l.Local.Addr() == c.Local.Addr())
		})
	}
	names := map[int]string{}
	for _, c := range telling(list) {
		if c.index != 0 {
			if _, known := names[c.index]; !known {
				names[c.index] = interfaceName(c.index)
			}
			c.Interface = names[c.index]
		}
		flows.List = append(flows.List, c.Flow)
	}
	return flows, nil
}

func interfaceName(index int) string {
	s, err := dialBriefly(unix.NETLINK_ROUTE)
	if err != nil {
		return ""
	}
	defer s.close()
	l, err := s.link("", index)
	if err != nil {
		return "" // it went meanwhile
	}
	return l.Interface
}

// telling chooses the connections that are told of: those that wait for an answer, longest first, and
// of those that get theirs one for each own address and network beyond, the last acknowledged first.
func telling(list []connection) []connection {
	var stuck []connection
	type way struct {
		index   int
		local   netip.Addr
		network netip.Prefix
		inbound bool
	}
	alive := map[way]connection{}
	for _, c := range list {
		if c.Stuck() {
			stuck = append(stuck, c)
			continue
		}
		if c.State != diag.FlowEstablished {
			continue // it has only begun
		}
		bits := 64
		if c.Remote.Addr().IsLinkLocalUnicast() {
			bits = 128
		}
		key := way{c.index, c.Local.Addr(), netip.PrefixFrom(c.Remote.Addr(), bits).Masked(), c.Inbound}
		if old, ok := alive[key]; !ok || c.AckedS < old.AckedS {
			alive[key] = c
		}
	}
	order := func(a, b connection) int {
		return cmp.Or(cmp.Compare(b.Retransmits, a.Retransmits), cmp.Compare(a.AckedS, b.AckedS),
			a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
	}
	diag.SortFunc(stuck, order)
	stuck = stuck[:min(len(stuck), stuckKept)]
	rest := make([]connection, 0, len(alive))
	for _, c := range alive {
		rest = append(rest, c)
	}
	diag.SortFunc(rest, order)
	return append(stuck, rest[:min(len(rest), flowsKept-len(stuck))]...)
}

// sockets returns the TCP sockets over IPv6 in some states (bits by number), at most so many; whole
// says that these are all.
func sockets(states uint32, most int) (list []connection, whole bool, err error) {
	s, err := dialProtocol(unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, false, err
	}
	defer s.close() // which also ends a dump that is not read to its end
	// A dump that was interrupted may have missed some, as one that is cut short does.
	whole = true
	err = s.each(context.Background(), dumpSockets(states), func(m message) bool {
		if c, ok := parseSocket(m.data); ok {
			if len(list) == most {
				whole = false
				return false
			}
			list = append(list, c)
		}
		return true
	})
	if errors.Is(err, errInterrupted) {
		return list, false, nil
	}
	return list, whole, err
}

// dumpSockets asks for sockets in some states, without those of IPv4 that are mapped into IPv6: the
// kernel leaves them out, so that a busy dual-stack server has nothing to copy for us.
func dumpSockets(states uint32) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
	b := make([]byte, sizeofInetDiagReq)
	b[0], b[1] = unix.AF_INET6, unix.IPPROTO_TCP
	if states != 1<<tcpListen {
		b[2] = 1 << (inetDiagInfo - 1)
	}
	native.PutUint32(b[4:], states)
	req.AddData(raw(b))
	if states != 1<<tcpListen {
		req.AddData(nl.NewRtAttr(inetDiagReqBytecode, notMapped()))
	}
	return req
}

// notMapped is a program for the kernel (linux/inet_diag.h, struct inet_diag_bc_op): where the far
// address is in ::ffff:0:0/96 go on, to a jump beyond the end, which refuses; else to the end, which
// accepts.
func notMapped() []byte {
	const jump, remote = 1, 8 // INET_DIAG_BC_JMP, INET_DIAG_BC_D_COND
	const op, cond = 4, 24
	b := []byte{remote, op + cond, 0, 0, unix.AF_INET6, 96, 0, 0}
	native.PutUint16(b[2:], op+cond+op)
	b = append(b, 0xff, 0xff, 0xff, 0xff) // any port: -1
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0)
	b = append(b, jump, op, 0, 0)
	native.PutUint16(b[len(b)-2:], 2*op)
	return b
}

// parseSocket reads an inet_diag_msg.
func parseSocket(b []byte) (c connection, ok bool) {
	if len(b) < inetDiagMsgSize || b[0] != unix.AF_INET6 {
		return c, false
	}
	switch b[1] {
	case tcpEstablished:
		c.State = diag.FlowEstablished
	case tcpSynSent:
		c.State = diag.FlowSynSent
	case tcpSynRecv:
		c.State = diag.FlowSynRecv
	case tcpListen:
	default:
		return c, false
	}
	c.Retransmits = int(b[3])
	c.Local = netip.AddrPortFrom(addr6(b[8:24]), binary.BigEndian.Uint16(b[4:]))
	c.Remote = netip.AddrPortFrom(addr6(b[24:40]), binary.BigEndian.Uint16(b[6:]))
	c.index = int(native.Uint32(b[40:]))
	if c.Local.Addr().Is4In6() || c.Remote.Addr().Is4In6() {
		return c, false
	}
	for typ, v := range attributes(b[inetDiagMsgSize:]) {
		if typ == inetDiagInfo {
			tcpInfo(&c.Flow, v)
		}
	}
	return c, true
}

// tcpInfo takes what a struct tcp_info (linux/tcp.h) tells; an older kernel's is shorter.
func tcpInfo(f *diag.Flow, b []byte) {
	word := func(at int) uint32 {
		if len(b) < at+4 {
			return 0
		}
		return native.Uint32(b[at:])
	}
	if len(b) >= 8 {
		f.Retransmits = max(f.Retransmits, int(b[2]))
		f.Backoff = int(b[4])
	}
	f.Unacked = int(word(24))
	f.SentS = float64(word(44)) / 1000
	f.ReceivedS = float64(word(52)) / 1000
	f.AckedS = float64(word(56)) / 1000
	f.MTU = int(word(60))
	f.RTTMS = float64(word(68)) / 1000
	f.Retransmitted = int(word(100))
	if len(b) >= 136 {
		f.BytesAcked, f.BytesReceived = native.Uint64(b[120:]), native.Uint64(b[128:])
	}
}
