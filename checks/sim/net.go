package sim

import (
	"net/netip"
	"time"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/checks"
	"ndwhy/checks/probe"
	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// host implements checks.Net: the checks ask by the kernel of the host that they run on.
var _ checks.Net = (*host)(nil)

// Open implements checks.Net.
func (h *host) Open(iface string) error {
	if h.nic(iface) == nil {
		return checks.Errno("ENODEV")
	}
	return nil
}

// Send implements checks.Net.
func (h *host) Send(iface string, f checks.Frame) error {
	n := h.nic(iface)
	if n == nil {
		return checks.Errno("ENODEV")
	}
	b, err := probe.Marshal(f)
	if err != nil {
		h.w.broken("a frame that cannot be sent: %v", err)
		return err
	}
	h.w.byWire = true
	defer func() { h.w.byWire = false }()
	return errnoOf(n.transmit(b))
}

// usable reports why a socket cannot be bound.
func (h *host) usable(iface string, source netip.Addr) error {
	n := h.nic(iface)
	if n == nil {
		return checks.Errno("ENODEV")
	}
	if source.IsValid() {
		on, a := h.own(source)
		if a == nil || !a.Flags.Usable() || source.IsLinkLocalUnicast() && on != n {
			return checks.Errno("EADDRNOTAVAIL")
		}
	}
	return nil
}

// Listen implements checks.Net.
func (h *host) Listen(iface string, source netip.Addr, size int) (checks.Asker, error) {
	if err := h.usable(iface, source); err != nil {
		return nil, err
	}
	h.w.sockets++
	s := &echoSocket{h: h, iface: iface, source: source, size: size, id: uint16(h.w.sockets), asked: map[uint16]diag.Socket{}}
	h.echoes = append(h.echoes, s)
	return s, nil
}

// An echoSocket asks for echoes as ping does.
type echoSocket struct {
	h      *host
	iface  string
	source netip.Addr
	size   int
	id     uint16
	asked  map[uint16]diag.Socket
	closed bool
}

// ID implements checks.Asker.
func (s *echoSocket) ID() uint16 { return s.id }

// Close implements checks.Asker.
func (s *echoSocket) Close() error {
	s.closed = true
	return nil
}

// chosen is how a packet of a socket goes, and from where: a socket without a source is bound to an interface only
// where that is needed.
func (h *host) chosen(iface string, source, target netip.Addr) diag.Selection {
	if !source.IsValid() && !target.IsLinkLocalUnicast() {
		iface = ""
	}
	sel := h.route(target, source, iface)
	if sel.Errno == "" && !sel.Source.IsValid() {
		sel.Errno = "EADDRNOTAVAIL"
	}
	return sel
}

// Ask implements checks.Asker.
func (s *echoSocket) Ask(to netip.AddrPort, seq uint16) {
	target, w := to.Addr(), s.h.w
	e := diag.Socket{Interface: s.iface, Event: diag.SocketSent, Source: s.source, Target: target, EchoID: s.id, EchoSeq: seq}
	sel := s.h.chosen(s.iface, s.source, target)
	src, errno := s.source, sel.Errno
	if !s.source.IsValid() {
		src = sel.Source
		e.Via, e.Source = diag.ViaApp, src
	}
	s.asked[seq] = e
	p := wire.Packet{
		Src: src, Dst: target, Proto: unix.IPPROTO_ICMPV6,
		Payload: wire.Echo{Type: ipv6.ICMPTypeEchoRequest, ID: s.id, Seq: seq, Data: make([]byte, max(56, s.size-48))}.Marshal(),
	}
	if target.IsMulticast() {
		p.HopLimit = 1
	}
	at := w.now
	if errno == "" {
		errno = s.h.sendBy(sel, p, diag.EchoRequest, func() {
			failed := e
			failed.Event, failed.Errno, failed.Type, failed.Code, failed.From = diag.SocketError, "EHOSTUNREACH", diag.Unreachable, 3, src
			s.tell(failed)
		})
	}
	if errno != "" {
		e.Event, e.Errno = diag.SocketError, errno
	}
	w.EmitAt(at, e)
	w.asked(e)
}

func (s *echoSocket) tell(e diag.Socket) {
	if !s.closed {
		s.h.w.sock.put(e)
	}
}

// replied takes an echo reply in.
func (s *echoSocket) replied(f diag.Frame) {
	e, ok := s.asked[f.EchoSeq]
	if !ok || f.EchoID != s.id || s.source.IsValid() && f.Dst != s.source {
		return
	}
	e.Event, e.From = diag.SocketReply, f.Src
	s.tell(e)
}

// Times that requests take at most, and of repeated SYNs (RFC 6298 §2).
const (
	requestTime   = 5 * time.Second
	handshakeTime = 900 * time.Millisecond
)

// Inquire implements checks.Net.
func (h *host) Inquire(iface string, source netip.Addr, service checks.Service) (checks.Asker, error) {
	if err := h.usable(iface, source); err != nil {
		return nil, err
	}
	h.w.sockets++
	return &inquiry{h: h, iface: iface, source: source, service: service, id: uint16(h.w.sockets)}, nil
}

// An inquiry asks a service, or for a TCP connection.
type inquiry struct {
	h       *host
	iface   string
	source  netip.Addr
	service checks.Service
	id      uint16
	closed  bool
}

// ID implements checks.Asker.
func (q *inquiry) ID() uint16 { return q.id }

// Close implements checks.Asker.
func (q *inquiry) Close() error {
	q.closed = true
	return nil
}

// A request is one question of an inquiry on its way.
type request struct {
	*inquiry
	event diag.Socket
	src   netip.Addr
	local uint16
	port  uint16
	over  bool
}

var servicePorts = map[checks.Service]uint16{checks.IMDS: 80, checks.DNS: 53, checks.NTP: 123}

// Ask implements checks.Asker.
func (q *inquiry) Ask(to netip.AddrPort, seq uint16) {
	w, target := q.h.w, to.Addr()
	r := &request{inquiry: q, port: servicePorts[q.service], event: diag.Socket{
		Interface: q.iface, Event: diag.SocketSent, Source: q.source, Target: target, EchoID: q.id, EchoSeq: seq,
		Service: string(q.service), Port: int(to.Port()),
	}}
	if r.port == 0 {
		r.port = to.Port()
	}
	sel := q.h.chosen(q.iface, q.source, target)
	errno := sel.Errno
	if r.src = q.source; !q.source.IsValid() {
		r.src = sel.Source
		r.event.Via, r.event.Source = diag.ViaApp, r.src
	}
	q.h.ports++
	r.local = 32768 + q.h.ports
	r.event.LocalPort = r.local
	q.h.flows[r.local] = r
	if errno == "" {
		errno = r.send(0)
	}
	e := r.event
	if errno != "" {
		e.Event, e.Errno, r.over = diag.SocketError, errno, true
	}
	w.Emit(e)
	w.asked(e)
	limit := requestTime
	if q.service == checks.TCP {
		limit = handshakeTime
	}
	w.after(limit, func() { r.over = true })
}

func (q *inquiry) stream() bool { return q.service == checks.TCP || q.service == checks.IMDS }

// send sends the request's packet, and a SYN again as often as the kernel does.
func (r *request) send(again int) (errno string) {
	p := wire.Packet{Src: r.src, Dst: r.event.Target, Proto: unix.IPPROTO_UDP}
	typ := diag.UDPFrame
	if r.stream() {
		typ, p.Proto, p.Payload = diag.TCPSyn, unix.IPPROTO_TCP, segment(r.local, r.port, wire.SYN)
	} else {
		p.Payload = wire.UDP{Src: r.local, Dst: r.port, Payload: make([]byte, 48)}.Marshal()
	}
	errno = r.h.sendBy(r.h.chosen(r.iface, r.source, r.event.Target), p, typ, func() {
		r.fail(diag.Socket{Errno: "EHOSTUNREACH", Type: diag.Unreachable, Code: 3, From: r.src})
	})
	if r.stream() {
		r.h.w.after(time.Second<<again, func() {
			if !r.over && !r.closed {
				r.send(again + 1)
			}
		})
	}
	return errno
}

// segment is a TCP segment without options or data.
func segment(src, dst uint16, flags byte) []byte {
	b := make([]byte, wire.TCPLen)
	b[0], b[1], b[2], b[3] = byte(src>>8), byte(src), byte(dst>>8), byte(dst)
	b[12], b[13] = 5<<4, flags
	return b
}

func (r *request) told(answer string) {
	e := r.event
	e.Event, e.From, e.Answer = diag.SocketReply, r.event.Target, answer
	r.say(e)
}

func (r *request) fail(why diag.Socket) {
	e := r.event
	e.Event, e.Errno, e.Type, e.Code, e.From = diag.SocketError, why.Errno, why.Type, why.Code, why.From
	r.say(e)
}

// reset is a refusal by whoever is asked, as the socket takes it.
func (r *request) reset() {
	if r.service == checks.TCP {
		r.told(checks.TCPClosed)
	} else {
		r.fail(diag.Socket{Errno: "ECONNREFUSED"})
	}
}

func (r *request) say(e diag.Socket) {
	if !r.over && !r.closed {
		r.over = true
		r.h.w.sock.put(e)
	}
}

// segment is an answer to a SYN of this host.
func (n *nic) segment(f diag.Frame, p wire.Packet) {
	r := n.flows[f.DstPort]
	if r == nil && f.Type == diag.TCPSyn { // nobody listens
		n.send(wire.Packet{Src: p.Dst, Dst: p.Src, Proto: unix.IPPROTO_TCP, Payload: segment(f.DstPort, f.SrcPort, wire.RST|wire.ACK)}, "", diag.TCPRst)
		return
	}
	if r == nil || p.Src != r.event.Target || f.SrcPort != r.port {
		return
	}
	switch {
	case f.Type == diag.TCPRst:
		r.reset()
	case r.service == checks.TCP:
		r.told(checks.TCPOpen)
		n.send(wire.Packet{Src: p.Dst, Dst: p.Src, Proto: unix.IPPROTO_TCP, Payload: segment(r.local, r.port, wire.RST)}, "", diag.TCPRst)
	default:
		n.w.after(2*n.w.delay(), func() { r.told("HTTP 200") })
	}
}

// datagram is one that may answer this host.
func (n *nic) datagram(p wire.Packet) {
	u, ok := p.UDP()
	if !ok {
		return
	}
	if r := n.flows[u.Dst]; r != nil && p.Src == r.event.Target {
		answer := map[checks.Service]string{checks.DNS: "Success", checks.NTP: "stratum 4"}[r.service]
		if in := r.h.w.Spec.Internet; in.RefusesDNS && r.event.Target == in.Resolver {
			answer = "Refused"
		}
		r.told(answer)
	}
}

// refused is an ICMPv6 error about what this host sent.
func (n *nic) refused(f diag.Frame) {
	if f.Quoted == nil {
		return
	}
	why := diag.Socket{Type: f.Type, Code: f.Code, From: f.Src, Errno: "EPROTO"}
	switch f.Type {
	case diag.PacketTooBig:
		why.Errno = "EMSGSIZE"
	case diag.TimeExceeded:
		why.Errno = "EHOSTUNREACH"
	case diag.Unreachable:
		why.Errno = map[int]string{0: "ENETUNREACH", 1: "EACCES", 2: "EHOSTUNREACH", 3: "EHOSTUNREACH", 4: "ECONNREFUSED"}[f.Code]
	default:
	}
	if r := n.flows[f.Quoted.SrcPort]; r != nil && f.Quoted.Dst == r.event.Target {
		r.fail(why)
		return
	}
	for _, s := range n.echoes {
		if e, ok := s.asked[f.Quoted.EchoSeq]; ok && s.id == f.Quoted.EchoID && f.Quoted.Type == diag.EchoRequest {
			e.Event, e.Errno, e.Type, e.Code, e.From = diag.SocketError, why.Errno, why.Type, why.Code, why.From
			s.tell(e)
		}
	}
}

// Join implements checks.Net.
func (h *host) Join(iface string, group netip.Addr) (leave func() error, err error) {
	n := h.nic(iface)
	if n == nil {
		return nil, checks.Errno("ENODEV")
	}
	n.listen(group, +1)
	return func() error {
		n.listen(group, -1)
		return nil
	}, nil
}

// AddAddress implements checks.Net. The kernel removes the address up to 1.2 s late.
func (h *host) AddAddress(iface string, a netip.Addr, valid time.Duration) error {
	n := h.nic(iface)
	switch {
	case n == nil:
		return checks.Errno("ENODEV")
	case n.own(a) != nil:
		return checks.Errno("EEXIST")
	case n.disabled:
		return checks.Errno("EACCES")
	}
	h.w.added[a] = true
	n.assign(diag.Address{
		Interface: iface, Address: a, PrefixLen: 128, Flags: diag.NoPrefixRoute | diag.Deprecated, ValidS: int64(valid / time.Second),
	})
	h.w.after(valid+h.w.within(1200*time.Millisecond), func() { _ = h.DelAddress(iface, a) })
	return nil
}

// DelAddress implements checks.Net.
func (h *host) DelAddress(iface string, a netip.Addr) error {
	n := h.nic(iface)
	if n == nil {
		return checks.Errno("ENODEV")
	}
	x := n.own(a)
	if x == nil {
		return checks.Errno("EADDRNOTAVAIL")
	}
	n.remove(x)
	return nil
}

// DelNeighbour implements checks.Net.
func (h *host) DelNeighbour(iface string, a netip.Addr) error {
	n := h.nic(iface)
	if n == nil {
		return checks.Errno("ENODEV")
	}
	e := n.neigh[a]
	if e == nil {
		return checks.Errno("ENOENT")
	}
	if e.State == diag.Incomplete {
		n.giveUp(e)
	}
	delete(n.neigh, a)
	gone := e.Neighbour
	gone.Gone = true
	n.say(gone)
	return nil
}

// Neighbour implements checks.Net.
func (h *host) Neighbour(iface string, a netip.Addr) (diag.Neighbour, error) {
	n := h.nic(iface)
	if n == nil {
		return diag.Neighbour{}, checks.Errno("ENODEV")
	}
	if e := n.neigh[a]; e != nil {
		return e.told(h.w), nil
	}
	return diag.Neighbour{Interface: iface, Address: a, Gone: true}, nil
}

// Route implements checks.Net.
func (h *host) Route(iface string, dst netip.Addr) diag.Selection {
	if iface != "" && h.nic(iface) == nil {
		return diag.Selection{Dst: dst, Bound: iface, Errno: "ENODEV"}
	}
	return h.route(dst, netip.Addr{}, iface)
}
