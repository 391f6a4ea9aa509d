package checks

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/session"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

var (
	ourMAC    = diag.MAC{0x06, 0xdf, 0xa5, 0x6c, 0x5d, 0x57}
	routerMAC = diag.MAC{0x06, 0xfd, 0xd1, 0xc8, 0xf9, 0xcf}
	peerMAC   = diag.MAC{0x06, 0xf0, 0x13, 0xeb, 0xc6, 0x1d}

	ourLL     = ourMAC.LinkLocal()
	ourGUA    = addr("2001:db8:1:2:f557:112e:f9bd:c7f3")
	router    = routerMAC.LinkLocal()
	peerLL    = peerMAC.LinkLocal()
	peerGUA   = addr("2001:db8:1:2:d326:143a:2015:79fa")
	peerGUA2  = addr("2001:db8:1:2:d326:143a:2015:79fb")
	farHost   = addr("2001:db8:ffff::1")
	subnet    = netip.MustParsePrefix("2001:db8:1:2::/64")
	otherMAC  = diag.MAC{0x06, 1, 2, 3, 4, 5}
	defaultRt = netip.MustParsePrefix("::/0")
)

// A world is a host and a network that behave as the kernel was measured to (E1 to E10), in the
// bubble's time.
type world struct {
	t    *testing.T
	sess *session.Session

	mu      sync.Mutex
	entries map[netip.Addr]diag.Neighbour
	forgot  map[netip.Addr]int // how often an entry was deleted, and with it what waited for it
	log     []string           // what was put on the wire, and what was changed, in order
	at      []time.Duration
	begun   time.Time
	joined  int
	added   map[netip.Addr]bool
	closed  bool

	// What the network does.
	holders  map[netip.Addr]diag.MAC // who answers solicitations
	filtered func(src netip.Addr) bool
	echoes   func(src, dst netip.Addr) bool
	latency  time.Duration
	lose     func(f diag.Frame) bool // of those that leave
	noRA     bool
	tapLag   time.Duration                            // how much later than the sockets the tap sees
	pathMTU  int                                      // of the way beyond the router; 0: no limit
	noPTB    bool                                     // what is too big for it vanishes
	offers   []netip.Addr                             // of the DHCPv6 server; nil: it is silent
	extra    []netip.Addr                             // who else answers ff02::1
	answers  map[Service]string                       // what services say; "closed" is no answer but a refusal
	tcp      func(src netip.Addr, port uint16) string // what farHost says to a connection; nil: "closed"
	tcpError netip.Addr                               // who refuses connections with an ICMPv6 error

	serviceTime time.Duration // that services take beyond the latency

	// busy: this host has no time to read what comes, frames and replies, until it is told to.
	busy   bool
	unread []func()

	// What the host does.
	linkLocal                       netip.Addr // that it has
	dropNSOut, dropNAIn, dropEchoIn bool
	echoErrno                       string
	errorFrom                       netip.Addr
	dupOnDAD                        bool
	free                            diag.Selection // the kernel's choice where nothing is bound; zero: as on eth0
	gateway                         netip.Addr     // of the default route
	listenErr                       error
	panicOn                         string
	slow                            map[netip.Addr]time.Duration // how long it takes to look up an entry, or to add an address
	toldLate                        time.Duration                // that an entry is gone
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, sess: session.New(nil), entries: map[netip.Addr]diag.Neighbour{}, forgot: map[netip.Addr]int{}, added: map[netip.Addr]bool{},
		holders:  map[netip.Addr]diag.MAC{router: routerMAC, peerLL: peerMAC, peerGUA: peerMAC, peerGUA2: peerMAC},
		filtered: func(src netip.Addr) bool { return src != ourLL && src != ourGUA && !src.IsUnspecified() },
		echoes:   func(_, dst netip.Addr) bool { return dst != router },
		latency:  300 * time.Microsecond, begun: time.Now(), linkLocal: ourLL, gateway: router,
	}
	for _, b := range []diag.Body{
		diag.Run{
			Interfaces: []string{"eth0"}, Peers: []netip.Addr{peerGUA, peerLL}, Internet: []netip.Addr{farHost},
			InternetGiven: true, Assigned: []netip.Prefix{netip.PrefixFrom(ourGUA, 128)}, Add: diag.AddNone,
			Count: 2, IntervalMS: 200, WaitMS: 1000,
		},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Feed{Name: diag.FeedFrames, State: diag.Synced},
		diag.Feed{Name: diag.FeedAdmin, State: diag.Synced},
		diag.Link{Interface: "eth0", Index: 2, MAC: ourMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Address{Interface: "eth0", Address: ourLL, PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever},
		diag.Address{Interface: "eth0", Address: ourGUA, PrefixLen: 128, PreferredS: 140, ValidS: 450},
		diag.Route{Interface: "eth0", Dst: defaultRt, Via: router, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: diag.Forever},
		diag.Route{Interface: "eth0", Dst: subnet, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: diag.Forever},
		diag.Route{Interface: "eth0", Dst: linkLocalPrefix, Table: diag.MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: diag.Forever},
	} {
		w.sess.Emit(b)
	}
	return w
}

// edit changes what the user asked for.
func (w *world) edit(change func(*diag.Run)) {
	var run diag.Run
	w.sess.Look(func(s *diag.State) { run = s.Run })
	change(&run)
	w.sess.Emit(run)
}

// knows gives the kernel an entry.
func (w *world) knows(a netip.Addr, mac diag.MAC, state diag.NUD) {
	n := diag.Neighbour{Interface: "eth0", Address: a, MAC: mac, State: state, Router: a == router}
	w.entries[a] = n
	w.sess.Emit(n)
}

func (w *world) run(ctx context.Context, expect func(diag.Path) bool) time.Duration {
	w.t.Helper()
	w.begun = time.Now()
	if err := Run(ctx, Runner{Session: w.sess, Net: w, Expect: expect, Collect: w.collect}); err != nil && ctx.Err() == nil {
		w.t.Fatal(err)
	}
	return time.Since(w.begun)
}

func (w *world) state() (st *diag.State) {
	w.sess.Look(func(s *diag.State) { st = s })
	return st
}

// path finds a path by its ID, or fails.
func (w *world) path(id string) diag.Path {
	w.t.Helper()
	p, ok := w.state().Path(id)
	if !ok {
		for _, q := range w.state().Paths() {
			w.t.Logf("path %s: %s %s", q.ID, q.Outcome, q.Detail)
		}
		w.t.Fatalf("no path %s", id)
	}
	return p
}

func (w *world) want(id string, outcome diag.Outcome, detail string) diag.Path {
	w.t.Helper()
	p := w.path(id)
	if p.Outcome != outcome || p.Detail != detail {
		w.t.Errorf("%s: %s %q, want %s %q (sent %d, received %d, errno %s, note %s, nud %s)",
			id, p.Outcome, p.Detail, outcome, detail, p.Sent, p.Received, p.Errno, p.Note, p.NUD)
	}
	return p
}

func (w *world) note(what string) {
	w.log = append(w.log, what)
	w.at = append(w.at, time.Since(w.begun))
}

// when returns when something was first noted.
func (w *world) when(what string) time.Duration {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.log, what)
	if i < 0 {
		w.t.Fatalf("%q did not happen; what did: %q", what, w.log)
	}
	return w.at[i]
}

func (w *world) happened(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, s := range w.log {
		if s == what {
			n++
		}
	}
	return n
}

// later does something after the network's latency.
func (w *world) later(d time.Duration, f func()) { time.AfterFunc(d, f) }

// leave puts a frame of this host on the wire, and brings back what comes of it.
func (w *world) leave(f diag.Frame, by string) {
	f.Interface, f.Out, f.SrcMAC = "eth0", true, ourMAC
	f.HopLimit = 255
	w.mu.Lock()
	lost := w.lose != nil && w.lose(f)
	what := by + " " + string(f.Type) + " " + f.Src.String() + " > "
	if f.Target.IsValid() {
		what += f.Target.String()
	} else {
		what += f.Dst.String()
	}
	w.note(what)
	w.mu.Unlock()
	w.tap(f)
	if lost || w.filtered(f.Src) {
		return
	}
	w.later(w.latency, func() { w.network(f) })
}

func (w *world) network(f diag.Frame) {
	in := diag.Frame{Interface: "eth0", DstMAC: ourMAC, Dst: f.Src, HopLimit: 255}
	switch f.Type {
	case diag.RS:
		if w.noRA {
			return
		}
		in.Type, in.Src, in.SrcMAC = diag.RA, router, routerMAC
		in.RA = &diag.Advertisement{
			Managed: true, LifetimeS: 1800, LLAddr: routerMAC,
			Prefixes: []diag.PrefixInfo{{Prefix: subnet, OnLink: true}},
		}
		w.arrive(in)
	case diag.NS:
		mac, ok := w.holders[f.Target]
		if !ok {
			return
		}
		in.Type, in.Src, in.SrcMAC, in.LLAddr, in.Target = diag.NA, f.Target, mac, mac, f.Target
		in.Router, in.Solicited = f.Target == router, true
		if f.Src.IsUnspecified() {
			in.Dst, in.Solicited = diag.AllNodes, false
		}
		w.arrive(in)
	case diag.DHCPv6Frame:
		if w.offers == nil {
			return
		}
		in.Type, in.Src, in.SrcMAC = diag.DHCPv6Frame, router, routerMAC
		in.DHCPv6 = &diag.DHCPv6{Message: "advertise", Transaction: f.DHCPv6.Transaction, Status: "NoAddrsAvail"}
		for _, a := range w.offers {
			in.DHCPv6.Status = ""
			in.DHCPv6.Addresses = append(in.DHCPv6.Addresses, diag.LeaseAddress{Prefix: netip.PrefixFrom(a, 128)})
		}
		w.arrive(in)
	case diag.EchoRequest:
		if w.pathMTU > 0 && f.Size > w.pathMTU && f.Dst == farHost {
			if !w.noPTB {
				in.Type, in.Src, in.SrcMAC, in.MTU = diag.PacketTooBig, addr("2001:db8:1:2::1"), routerMAC, w.pathMTU
				in.Quoted = &diag.Quoted{Src: f.Src, Dst: f.Dst, Type: diag.EchoRequest, EchoID: f.EchoID, EchoSeq: f.EchoSeq}
				w.arrive(in)
			}
			return
		}
		in.Type, in.Src, in.SrcMAC, in.EchoID, in.EchoSeq = diag.EchoReply, f.Dst, f.DstMAC, f.EchoID, f.EchoSeq
		if w.errorFrom.IsValid() && f.Dst == farHost {
			in.Type, in.Src, in.EchoID, in.EchoSeq, in.Code = diag.Unreachable, w.errorFrom, 0, 0, 1
			in.Quoted = &diag.Quoted{Src: f.Src, Dst: f.Dst, Type: diag.EchoRequest, EchoID: f.EchoID, EchoSeq: f.EchoSeq}
			w.arrive(in)
			return
		}
		if f.Dst.IsMulticast() {
			for _, a := range append([]netip.Addr{w.linkLocal}, w.extra...) {
				one := in
				one.Src, one.SrcMAC = a, otherMAC
				w.arrive(one)
			}
			return
		}
		if w.echoes(f.Src, f.Dst) {
			w.arrive(in)
		}
	}
}

// tap shows a frame.
func (w *world) tap(f diag.Frame) {
	if w.tapLag == 0 {
		w.read(f)
		return
	}
	w.later(w.tapLag, func() { w.read(f) })
}

// read shows what a socket got, or on a busy host what it will have got.
func (w *world) read(b diag.Body) {
	w.mu.Lock()
	if w.busy {
		at := time.Now()
		w.unread = append(w.unread, func() { w.sess.EmitAt(at, b) })
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	w.sess.Emit(b)
}

func (w *world) collect() {
	w.mu.Lock()
	list := w.unread
	w.unread = nil
	w.mu.Unlock()
	for _, show := range list {
		show()
	}
}

// arrive shows a frame to the tap, then to the kernel.
func (w *world) arrive(f diag.Frame) {
	w.tap(f)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f.Type {
	case diag.NA:
		if w.dropNAIn || !f.Solicited {
			return
		}
		if n, ok := w.entries[f.Target]; ok && n.State == diag.Incomplete {
			n.State, n.MAC = diag.Reachable, f.LLAddr
			w.entries[f.Target] = n
			go w.sess.Emit(n)
		}
	case diag.EchoReply, diag.Unreachable:
		if w.dropEchoIn || w.closed {
			return
		}
		s := diag.Socket{Interface: "eth0", Event: diag.SocketReply, Source: f.Dst, Target: f.Src, From: f.Src, EchoID: f.EchoID, EchoSeq: f.EchoSeq}
		if f.Type == diag.Unreachable {
			s.Event, s.Errno, s.Type, s.Code = diag.SocketError, "EACCES", f.Type, f.Code
			s.Target, s.EchoID, s.EchoSeq = f.Quoted.Dst, f.Quoted.EchoID, f.Quoted.EchoSeq
		}
		if s.EchoID == appID {
			s.Via = diag.ViaApp
		}
		if s.EchoID == kernelID || s.EchoID == appID {
			go w.read(s)
		}
	}
}

// The kernel's sockets, all bound ones with one id, and all others.
const kernelID, appID = 4711, 4712

type fakeEcho struct {
	w      *world
	source netip.Addr
}

func (e *fakeEcho) ID() uint16 {
	if !e.source.IsValid() {
		return appID
	}
	return kernelID
}
func (e *fakeEcho) Close() error { return nil }

// chooses is the kernel's choice for an unbound socket.
func (w *world) chooses(target netip.Addr) diag.Selection { return w.Route("", target) }

func (e *fakeEcho) Ask(to netip.AddrPort, seq uint16) {
	w, target := e.w, to.Addr()
	if w.panicOn == "ask "+target.String() {
		panic("broken on purpose")
	}
	s := diag.Socket{Interface: "eth0", Event: diag.SocketSent, Source: e.source, Target: target, EchoID: e.ID(), EchoSeq: seq}
	by := "kernel"
	if !e.source.IsValid() {
		s.Via, s.Source, by = diag.ViaApp, w.chooses(target).Source, "app"
		if errno := w.chooses(target).Errno; errno != "" {
			s.Event, s.Errno = diag.SocketError, errno
			w.sess.Emit(s)
			return
		}
	}
	if w.echoErrno != "" && !target.IsMulticast() {
		s.Event, s.Errno = diag.SocketError, w.echoErrno
		w.sess.Emit(s)
		return
	}
	w.sess.Emit(s)
	if s.Via == diag.ViaApp && w.chooses(target).Interface != "eth0" {
		w.mu.Lock()
		w.note("app elsewhere " + target.String())
		w.mu.Unlock()
		return // nothing there answers
	}
	f := diag.Frame{Type: diag.EchoRequest, Src: s.Source, Dst: target, EchoID: s.EchoID, EchoSeq: seq}
	hop := target
	if beyond(target) {
		hop = w.leadsBy()
	}
	if target.IsMulticast() {
		w.leave(f, by)
		return
	}
	w.resolve(s.Source, hop, func() {
		w.mu.Lock()
		f.DstMAC = w.entries[hop].MAC
		w.mu.Unlock()
		w.leave(f, by)
	})
}

// resolve does what the kernel does before it can send: three solicitations, one second apart.
func (w *world) resolve(src, hop netip.Addr, send func()) {
	w.mu.Lock()
	n := w.entries[hop]
	if n.State.Resolved() {
		w.mu.Unlock()
		send()
		return
	}
	already, deleted := n.State == diag.Incomplete, w.forgot[hop]
	w.entries[hop] = diag.Neighbour{Interface: "eth0", Address: hop, State: diag.Incomplete}
	w.mu.Unlock()
	go func() {
		for i := range 300 {
			if i%100 == 0 && !already && !w.dropNSOut {
				w.mu.Lock()
				pending := w.entries[hop].State == diag.Incomplete && w.forgot[hop] == deleted
				w.mu.Unlock()
				if pending {
					w.leave(diag.Frame{Type: diag.NS, Src: src, Dst: diag.SolicitedNode(hop), Target: hop, LLAddr: ourMAC}, "kernel")
				}
			}
			time.Sleep(10 * time.Millisecond)
			w.mu.Lock()
			state, over := w.entries[hop].State, w.closed || w.forgot[hop] != deleted
			w.mu.Unlock()
			if state.Resolved() && !over {
				send()
			}
			if state != diag.Incomplete || over {
				return
			}
		}
		w.mu.Lock()
		n := w.entries[hop]
		if n.State == diag.Incomplete {
			n.State = diag.Failed
			w.entries[hop] = n
		}
		w.mu.Unlock()
		w.sess.Emit(n)
	}()
}

func (w *world) Listen(_ string, source netip.Addr, _ int) (Asker, error) {
	if w.listenErr != nil {
		return nil, w.listenErr
	}
	return &fakeEcho{w, source}, nil
}

// A fakeInquirer asks services, which the tap does not see.
type fakeInquirer struct {
	w       *world
	source  netip.Addr
	service Service
}

func (i *fakeInquirer) ID() uint16   { return 99 }
func (i *fakeInquirer) Close() error { return nil }

func (i *fakeInquirer) Ask(to netip.AddrPort, seq uint16) {
	w, target := i.w, to.Addr()
	if i.service == TCP {
		i.connect(to, seq)
		return
	}
	s := diag.Socket{Interface: "eth0", Event: diag.SocketSent, Source: i.source, Target: target, EchoID: 99, EchoSeq: seq, Service: string(i.service)}
	w.sess.Emit(s)
	w.resolve(i.source, router, func() {
		w.mu.Lock()
		w.note("request " + string(i.service))
		lost := w.lose != nil && w.lose(diag.Frame{Type: "request", Src: i.source, Dst: target})
		answer := w.answers[i.service]
		w.mu.Unlock()
		if answer == "" || lost || w.filtered(i.source) {
			return
		}
		s.Event, s.From, s.Answer = diag.SocketReply, target, answer
		if answer == "closed" {
			s.Event, s.From, s.Answer, s.Errno = diag.SocketError, netip.Addr{}, "", "ECONNREFUSED"
		}
		w.later(w.latency+w.serviceTime, func() { w.sess.Emit(s) })
	})
}

// connect is TCP, of which the tap shows nothing either.
func (i *fakeInquirer) connect(to netip.AddrPort, seq uint16) {
	w := i.w
	s := diag.Socket{
		Interface: "eth0", Event: diag.SocketSent, Source: i.source, Target: to.Addr(), EchoID: 99, EchoSeq: seq, Service: "tcp", Port: int(to.Port()),
	}
	by, out := "kernel", "eth0"
	if !i.source.IsValid() {
		sel := w.chooses(to.Addr())
		s.Via, s.Source, by, out = diag.ViaApp, sel.Source, "app", sel.Interface
		if sel.Errno != "" {
			s.Event, s.Errno = diag.SocketError, sel.Errno
			w.sess.Emit(s)
			return
		}
	}
	w.sess.Emit(s)
	if out != "eth0" {
		return
	}
	w.resolve(s.Source, router, func() {
		w.mu.Lock()
		w.note(fmt.Sprintf("%s syn %d", by, to.Port()))
		lost := w.lose != nil && w.lose(diag.Frame{Type: "syn", Src: s.Source, Dst: to.Addr()})
		s.Event, s.From, s.Answer = diag.SocketReply, to.Addr(), TCPClosed
		if w.tcp != nil {
			s.Answer = w.tcp(s.Source, to.Port())
		}
		if w.tcpError.IsValid() {
			s.Event, s.From, s.Answer, s.Errno, s.Type, s.Code = diag.SocketError, w.tcpError, "", "EACCES", diag.Unreachable, 1
		}
		w.mu.Unlock()
		if s.Answer == "" && s.Type == "" || lost || w.filtered(s.Source) {
			return
		}
		w.later(w.latency, func() { w.sess.Emit(s) })
	})
}

func (w *world) Inquire(_ string, source netip.Addr, service Service) (Asker, error) {
	if w.listenErr != nil {
		return nil, w.listenErr
	}
	return &fakeInquirer{w, source, service}, nil
}

func (w *world) Open(string) error { return nil }

func (w *world) Send(_ string, f Frame) error {
	out := diag.Frame{
		Type: f.Type, Src: f.Src, Dst: f.Dst, DstMAC: f.DstMAC, Target: f.Target, EchoID: f.EchoID, EchoSeq: f.EchoSeq,
		Nonce: f.Nonce, LLAddr: f.SrcMAC, Size: f.Size,
	}
	if f.Type == diag.DHCPv6Frame {
		out.DHCPv6 = &diag.DHCPv6{
			Message: "solicit", Transaction: hex.EncodeToString(f.Transaction[:]),
			ClientDUID: hex.EncodeToString(f.Client.DUID), IAID: f.Client.IAID,
		}
	}
	w.leave(out, "wire")
	return nil
}

func (w *world) Join(string, netip.Addr) (func() error, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.joined++
	return func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.joined--
		return nil
	}, nil
}

func (w *world) AddAddress(_ string, a netip.Addr, valid time.Duration) error {
	time.Sleep(w.slow[a])
	w.mu.Lock()
	w.note("add " + a.String())
	w.added[a] = true
	w.mu.Unlock()
	body := diag.Address{
		Interface: "eth0", Address: a, PrefixLen: 128, ValidS: int64(valid / time.Second),
		Flags: diag.NoPrefixRoute | diag.Deprecated | diag.Tentative,
	}
	w.sess.Emit(body)
	w.later(500*time.Millisecond, func() {
		w.leave(diag.Frame{Type: diag.NS, Src: netip.IPv6Unspecified(), Dst: diag.SolicitedNode(a), Target: a, Nonce: []byte{1}}, "kernel")
	})
	w.later(1500*time.Millisecond, func() {
		w.mu.Lock()
		there := w.added[a]
		if w.dupOnDAD {
			w.added[a] = false
		}
		w.mu.Unlock()
		switch {
		case !there:
		case w.dupOnDAD:
			body.Flags |= diag.DADFailed
			body.Gone = true
			w.sess.Emit(body)
		default:
			body.Flags &^= diag.Tentative
			w.sess.Emit(body)
		}
	})
	return nil
}

func (w *world) DelAddress(_ string, a netip.Addr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("del " + a.String())
	if !w.added[a] {
		return Errno("EADDRNOTAVAIL")
	}
	delete(w.added, a)
	return nil
}

func (w *world) DelNeighbour(_ string, a netip.Addr) error {
	w.mu.Lock()
	w.note("forget " + a.String())
	n, had := w.entries[a]
	delete(w.entries, a)
	w.forgot[a]++
	w.mu.Unlock()
	w.later(w.toldLate, func() {
		if had && n.State == diag.Incomplete {
			n.State = diag.Failed // which the kernel announces before it is gone
			w.sess.Emit(n)
		}
		if n.Gone = true; had {
			w.sess.Emit(n)
		}
	})
	return nil
}

func (w *world) Neighbour(_ string, a netip.Addr) (diag.Neighbour, error) {
	time.Sleep(w.slow[a])
	if w.panicOn == "look up "+a.String() {
		panic("broken on purpose")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n, ok := w.entries[a]; ok {
		return n, nil
	}
	return diag.Neighbour{Interface: "eth0", Address: a, Gone: true}, nil
}

// beyond reports whether a router leads to an address.
func beyond(a netip.Addr) bool {
	return !subnet.Contains(a) && !a.IsLinkLocalUnicast() && !a.IsMulticast()
}

func (w *world) Route(iface string, dst netip.Addr) diag.Selection {
	if iface == "" && w.free != (diag.Selection{}) {
		return w.free
	}
	sel := diag.Selection{Interface: "eth0", Source: ourGUA}
	if dst.IsLinkLocalUnicast() {
		sel.Source = w.linkLocal
	}
	if beyond(dst) {
		sel.Via = w.leadsBy()
	}
	return sel
}

// leadsBy is the kernel's gateway at this moment.
func (w *world) leadsBy() netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gateway
}
