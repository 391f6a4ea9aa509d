package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/lab"
	"ndwhy/diag/wire"
)

// Times of Linux (RFC 4861 §10) and how long it queues for a neighbour.
const (
	retransTimer = time.Second
	solicits     = 3
	delayFirst   = 5 * time.Second
	maxQueued    = 101
)

// A host is a kernel's IPv6 stack, as far as the checks meet it.
type host struct {
	w       *World
	spec    *lab.Host
	nics    []*nic
	routes  []diag.Route
	rules   []diag.PolicyRule
	filters []*filter
	proxies []netip.Addr
	watched bool // what happens in it is seen by the program
	forward bool
	echoes  []*echoSocket
	flows   map[uint16]*request       // of TCP and UDP, by local port
	shorter map[netip.Addr]netip.Addr // next hops that a router named in place of its own
	ports   uint16                    // the newest of them
}

// A nic is one interface of a host.
type nic struct {
	*host
	name     string
	index    int
	mac      diag.MAC
	mtu      int
	kind     string // veth, or empty
	port     int    // of the switch; none: it leads inside
	up       bool
	carrier  bool
	gone     bool
	disabled bool // disable_ipv6
	acceptRA bool // the kernel acts on advertisements
	networkd *lab.Networkd
	early    map[string]string // settings from before it came up
	hopLimit int               // of what it sends
	mtu6     int               // that a router announced
	dad      bool
	dhcp     bool // a DHCPv6 client has its port
	addrs    []*address
	neigh    map[netip.Addr]*entry
	groups   map[netip.Addr]int
}

const none = -100

type address struct {
	diag.Address
	since time.Time // when its lifetimes were as they stand there
}

type entry struct {
	diag.Neighbour
	queue  []queued
	probes int
	round  int // of timers: those of an earlier one are void
	used   time.Time
}

type queued struct {
	packet wire.Packet
	failed func()
	given  time.Time
}

func (n *nic) alive() bool { return n.up && n.carrier && !n.gone && !n.disabled }

func (h *host) nic(name string) *nic {
	i := slices.IndexFunc(h.nics, func(n *nic) bool { return n.name == name && !n.gone })
	if i < 0 {
		return nil
	}
	return h.nics[i]
}

// own returns the interface that has an address, if any.
func (h *host) own(a netip.Addr) (*nic, *address) {
	for _, n := range h.nics {
		if x := n.own(a); x != nil && n.alive() {
			return n, x
		}
	}
	return nil, nil
}

func (n *nic) own(a netip.Addr) *address {
	for _, x := range n.addrs {
		if x.Address.Address == a {
			return x
		}
	}
	return nil
}

// linkLocal is the link-local address that the kernel speaks from.
func (n *nic) linkLocal() netip.Addr {
	for _, a := range n.addrs {
		if a.Address.Address.IsLinkLocalUnicast() && a.Flags.Usable() {
			return a.Address.Address
		}
	}
	return netip.IPv6Unspecified()
}

// route is how a packet goes: for a source where it has one, bound to an interface where it is.
func (h *host) route(dst, from netip.Addr, bound string) diag.Selection {
	sel := diag.Selection{Dst: dst, From: from, Bound: bound}
	if dst.IsMulticast() {
		n := h.nic(bound)
		if n == nil {
			n = h.nics[0]
		}
		sel.Interface = n.name
		sel.Source = n.choose(dst)
		return sel
	}
	if n, _ := h.own(dst); n != nil {
		sel.Interface, sel.Source, sel.Type, sel.Table = "lo", dst, "local", 255
		return sel
	}
	r, ok := h.lookup(dst, from, bound)
	switch {
	case !ok:
		sel.Errno = "ENETUNREACH"
		return sel
	case r.Type == "unreachable":
		sel.Errno = "EHOSTUNREACH"
		return sel
	}
	sel.Interface, sel.Via, sel.Table, sel.Metric, sel.Protocol, sel.Type = r.Interface, r.Via, r.Table, r.Metric, r.Protocol, r.Type
	if via, ok := h.shorter[dst]; ok && sel.Via.IsValid() {
		sel.Via = via
	}
	if hops := h.nic(r.Interface).hopLimit; r.Protocol == "ra" && r.Dst.Bits() == 0 && hops != defaultHops {
		sel.HopLimit = hops
	}
	switch {
	case from.IsValid():
		sel.Source = from
	case r.PrefSrc.IsValid():
		sel.Source = r.PrefSrc
	default:
		sel.Source = h.nic(r.Interface).choose(dst)
	}
	return sel
}

// lookup finds the route of the first table that has one: the longest prefix, the least metric, and of equals the first
// whose gateway is not known to be dead (net/ipv6/route.c, find_rr_leaf).
func (h *host) lookup(dst, from netip.Addr, bound string) (best diag.Route, ok bool) {
	for _, rule := range h.rules {
		if rule.Src.IsValid() && !rule.Src.Contains(from) {
			continue
		}
		if rule.Action == "unreachable" {
			return diag.Route{Type: rule.Action}, true
		}
		dead := func(r diag.Route) bool {
			e := h.nic(r.Interface).neigh[r.Via]
			return r.Via.IsValid() && e != nil && e.State == diag.Failed
		}
		for _, r := range h.routes {
			if r.Table != rule.Table || !r.Dst.Contains(dst) || bound != "" && r.Interface != bound && r.Type == "unicast" {
				continue
			}
			if n := h.nic(r.Interface); r.Type == "unicast" && (n == nil || !n.alive()) {
				continue
			}
			better := !ok || r.Dst.Bits() > best.Dst.Bits() || r.Dst.Bits() == best.Dst.Bits() && (r.Metric < best.Metric ||
				r.Metric == best.Metric && best.Type == "unicast" && r.Type == "unicast" && dead(best) && !dead(r))
			if better {
				best, ok = r, true
			}
		}
		if ok {
			return best, true
		}
	}
	return best, false
}

// choose is RFC 6724 §5, as far as it comes into play here.
func (n *nic) choose(dst netip.Addr) (best netip.Addr) {
	local := dst.IsLinkLocalUnicast() || dst.IsLinkLocalMulticast()
	rank, top := 0, -1
	for _, a := range slices.Backward(n.addrs) { // of equals the newest
		addr := a.Address.Address
		if !a.Flags.Usable() || local != addr.IsLinkLocalUnicast() && (local || addr.IsLinkLocalUnicast()) {
			continue
		}
		rank = min(common(addr, dst), a.PrefixLen)
		if a.Flags&diag.Deprecated == 0 {
			rank += 1000
		}
		if diag.ScopeOf(addr) == diag.ScopeOf(dst) {
			rank += 200
		}
		if rank > top {
			best, top = addr, rank
		}
	}
	if best.IsValid() {
		return best
	}
	for _, other := range n.nics { // an address of another interface, if one has any of the scope
		if other != n && other.alive() && !local {
			for _, a := range other.addrs {
				if a.Flags.Usable() && !a.Address.Address.IsLinkLocalUnicast() {
					return a.Address.Address
				}
			}
		}
	}
	if ll := n.linkLocal(); ll.IsValid() && !ll.IsUnspecified() {
		return ll
	}
	return netip.Addr{}
}

func common(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := range 128 {
		if (x[i/8]^y[i/8])>>(7-i%8)&1 != 0 {
			return i
		}
	}
	return 128
}

// send puts a packet of this host's own on its way, with its own hop limit where it names none. bound is the interface
// of a socket bound to one.
func (h *host) send(p wire.Packet, bound string, typ diag.FrameType) {
	h.sendBy(h.route(p.Dst, p.Src, bound), p, typ, nil)
}

// sendBy is send by a route that was looked up already: that of a socket which left its source to the kernel was, before
// it had one.
func (h *host) sendBy(sel diag.Selection, p wire.Packet, typ diag.FrameType, failed func()) (errno string) {
	if sel.Errno != "" {
		return sel.Errno
	}
	if sel.Type == "local" {
		return "" // to itself: the loopback
	}
	begins := typ == diag.TCPSyn
	if f := h.stopping("output", traffic{typ: typ, port: portOf(p), tracked: !begins, dst: p.Dst}, h.nic(sel.Interface)); f != nil {
		if f.Reject != nil && begins {
			h.refuse(p, f.Reject)
			return "" // the socket is told as if by the other host
		}
		return "EPERM"
	}
	hop := p.Dst
	if sel.Via.IsValid() {
		hop = sel.Via
	}
	if p.HopLimit == 0 {
		p.HopLimit = byte(h.nic(sel.Interface).hopLimit)
	}
	return h.nic(sel.Interface).hand(p, hop, failed)
}

// hand gives a packet to whom it goes to on the link.
func (n *nic) hand(p wire.Packet, hop netip.Addr, failed func()) (errno string) {
	if hop.IsMulticast() {
		return n.transmit(p.Frame(diag.MulticastMAC(hop), n.mac))
	}
	e := n.neigh[hop]
	if e != nil && e.State.Resolved() {
		n.use(e)
		return n.transmit(p.Frame(e.MAC, n.mac))
	}
	if e == nil {
		e = &entry{Neighbour: diag.Neighbour{Interface: n.name, Address: hop}}
		n.neigh[hop] = e
	}
	e.queue = append(e.queue, queued{p, failed, n.w.now})
	if len(e.queue) > maxQueued {
		e.queue = e.queue[1:]
	}
	if e.State != diag.Incomplete {
		e.State, e.probes = diag.Incomplete, 0
		e.round++
		n.discover(e, e.round)
	}
	return ""
}

// use is what becomes of an entry by which a packet leaves.
func (n *nic) use(e *entry) {
	if e.State != diag.Stale {
		return
	}
	n.become(e, diag.Delay)
	round := e.round
	n.w.after(delayFirst, func() {
		if e.round == round && e.State == diag.Delay {
			e.probes = 0
			n.become(e, diag.Probing)
			n.discover(e, e.round)
		}
	})
}

// become changes the state of an entry, which the kernel announces.
func (n *nic) become(e *entry, state diag.NUD) {
	e.State = state
	e.round++
	n.say(e.told(n.w))
}

func (e *entry) told(w *World) diag.Neighbour {
	t := e.Neighbour
	if !e.used.IsZero() {
		t.ConfirmedS = w.now.Sub(e.used).Seconds()
	}
	return t
}

// giveUp ends the discovery of an entry in vain.
func (n *nic) giveUp(e *entry) {
	for _, q := range e.queue {
		if q.failed != nil {
			q.failed()
		}
	}
	e.queue, e.MAC = nil, diag.MAC{}
	n.become(e, diag.Failed)
}

// discover solicits, once a second, and gives up.
func (n *nic) discover(e *entry, round int) {
	if e.round != round || n.neigh[e.Address] != e || !n.alive() {
		return
	}
	if e.probes == solicits {
		n.giveUp(e)
		return
	}
	e.probes++
	src := n.linkLocal()
	if last := len(e.queue) - 1; last >= 0 && n.own(e.queue[last].packet.Src) != nil {
		src = e.queue[last].packet.Src
	}
	to, mac := diag.SolicitedNode(e.Address), diag.MulticastMAC(diag.SolicitedNode(e.Address))
	if e.State == diag.Probing {
		to, mac = e.Address, e.MAC
	}
	if src.IsValid() && !src.IsUnspecified() && !n.filtered("output", traffic{typ: diag.NS}, n) {
		n.transmit(ndPacket(src, to, &ndp.NeighborSolicitation{
			TargetAddress: e.Address, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: n.mac[:]}},
		}).Frame(mac, n.mac))
	}
	n.w.after(retransTimer+n.w.within(30*time.Millisecond), func() { n.discover(e, round) })
}

// learnt is what an entry becomes when a neighbour told its address.
func (n *nic) learnt(a netip.Addr, mac diag.MAC, state diag.NUD, router bool) {
	e := n.neigh[a]
	if e == nil {
		e = &entry{Neighbour: diag.Neighbour{Interface: n.name, Address: a}}
		n.neigh[a] = e
	}
	if e.State.Fixed() {
		return
	}
	same := e.State == state && e.MAC == mac && e.Router == (router || e.Router)
	e.MAC, e.Router = mac, router || e.Router
	if state == diag.Reachable {
		e.used = n.w.now
	}
	if !same {
		n.become(e, state)
	}
	queue := e.queue
	e.queue = nil
	for _, q := range queue {
		n.use(e)
		n.w.givenAt = q.given
		n.transmit(q.packet.Frame(mac, n.mac))
		n.w.givenAt = time.Time{}
	}
}

// transmit puts a frame on the wire, past the hooks at the device itself.
func (n *nic) transmit(frame []byte) (errno string) {
	switch {
	case n.gone:
		return "ENODEV"
	case !n.up:
		return "ENETDOWN"
	}
	var f diag.Frame
	var ok bool
	if n.watched || len(n.filters) > 0 {
		f, ok = capture.Decode(n.name, true, frame, false)
	}
	if ok && n.filtered("egress", traffic{typ: f.Type}, n) {
		return "ENOBUFS"
	}
	if ok && n.watched {
		n.w.witness(f)
	}
	if n.carrier {
		n.w.carry(n.port, frame)
	}
	return ""
}

func ndPacket(src, dst netip.Addr, m ndp.Message) wire.Packet {
	b, err := ndp.MarshalMessage(m)
	if err != nil {
		panic(err)
	}
	return wire.Packet{Src: src, Dst: dst, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: b}
}

// receive takes a frame in: first the tap sees it, then the packet filter, then the stack.
func (n *nic) receive(frame []byte) {
	if !n.up || !n.carrier || n.gone {
		return
	}
	f, ok := capture.Decode(n.name, false, frame, false)
	if ok && n.watched {
		n.w.tap(f)
	}
	ether, b, _ := wire.ParseEthernet(frame)
	if n.disabled || ether.Dst != n.mac && ether.Dst[0]&1 == 0 {
		return
	}
	p, err := wire.ParsePacket(b)
	if err != nil || ok && f.Bad != "" {
		return
	}
	if !p.Dst.IsMulticast() {
		if mine, _ := n.host.own(p.Dst); mine == nil {
			n.forwardIn(p)
			return
		}
	} else if diag.SolicitedNode(p.Dst) == p.Dst && n.groups[p.Dst] == 0 {
		return
	}
	if n.filtered("input", traffic{typ: f.Type, port: portOf(p), tracked: n.tracks(f, p), dst: p.Dst}, n) {
		return
	}
	switch f.Type {
	case diag.NS:
		n.solicited(f)
	case diag.NA:
		n.advertised(f)
	case diag.RA:
		n.routerAdvertised(f)
	case diag.EchoRequest:
		n.echoed(f, p)
	case diag.EchoReply:
		for _, s := range n.echoes {
			s.replied(f)
		}
	case diag.Unreachable, diag.PacketTooBig, diag.TimeExceeded, diag.ParameterProblem:
		n.refused(f)
	case diag.TCPSyn, diag.TCPSynAck, diag.TCPRst:
		n.segment(f, p)
	case diag.UDPFrame:
		n.datagram(p)
	case diag.RedirectFrame:
		n.redirected(f, p)
	case diag.DHCPv6Frame:
		if !n.dhcp {
			n.unreachable(p, 4) // nobody has the port
		}
	default:
	}
}

// tracks reports whether connection tracking takes a packet for an answer to what this host's own sockets sent.
func (n *nic) tracks(f diag.Frame, p wire.Packet) bool {
	mine := func(id uint16) bool {
		return slices.ContainsFunc(n.echoes, func(s *echoSocket) bool { return s.id == id })
	}
	switch {
	case f.Type == diag.EchoReply:
		return mine(f.EchoID)
	case f.Quoted != nil:
		return mine(f.Quoted.EchoID) || n.flows[f.Quoted.SrcPort] != nil
	default:
		_, port := p.Ports()
		return n.flows[port] != nil
	}
}

func (n *nic) solicited(f diag.Frame) {
	if len(f.LLAddr) > 0 && f.LLAddr != (diag.MAC{}) && !f.Src.IsUnspecified() {
		switch e := n.neigh[f.Src]; {
		case e == nil, e.State == diag.Incomplete, e.MAC != f.LLAddr:
			if n.own(f.Target) != nil || slices.Contains(n.proxies, f.Target) {
				n.learnt(f.Src, f.LLAddr, diag.Stale, false)
			}
		}
	}
	a := n.own(f.Target)
	switch {
	case a == nil && slices.Contains(n.proxies, f.Target):
	case a == nil, a.Flags&diag.DADFailed != 0:
		return
	case a.Flags&diag.Tentative != 0 && a.Flags&diag.Optimistic == 0:
		if looped := f.SrcMAC == n.mac && n.setting(n.name, "enhanced_dad") == "1"; f.Src.IsUnspecified() && !looped {
			n.duplicate(a)
		}
		return
	}
	dst := f.Src
	if dst.IsUnspecified() {
		dst = diag.AllNodes
	}
	if n.filtered("output", traffic{typ: diag.NA}, n) {
		return
	}
	n.hand(ndPacket(f.Target, dst, &ndp.NeighborAdvertisement{
		Router: n.forward, Solicited: dst != diag.AllNodes, Override: a != nil, TargetAddress: f.Target,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: n.mac[:]}},
	}), dst, nil)
}

func (n *nic) advertised(f diag.Frame) {
	if a := n.own(f.Target); a != nil {
		if a.Flags&diag.Tentative != 0 {
			n.duplicate(a)
		}
		return
	}
	mac := f.LLAddr
	if mac == (diag.MAC{}) {
		mac = f.SrcMAC
	}
	e := n.neigh[f.Target]
	switch {
	case e == nil, e.State == diag.Failed, e.State.Fixed(), e.State == "":
	case e.State == diag.Incomplete && f.Solicited:
		n.learnt(f.Target, mac, diag.Reachable, f.Router)
	case e.State == diag.Incomplete:
		n.learnt(f.Target, mac, diag.Stale, f.Router)
	case mac != e.MAC && !f.Override:
	case f.Solicited:
		n.learnt(f.Target, mac, diag.Reachable, f.Router)
	case mac != e.MAC:
		n.learnt(f.Target, mac, diag.Stale, f.Router)
	}
}

func (n *nic) echoed(f diag.Frame, p wire.Packet) {
	src := f.Dst
	if src.IsMulticast() {
		src = n.choose(f.Src)
	}
	e, ok := wire.ParseEcho(p.Payload)
	if !ok || !src.IsValid() {
		return
	}
	if n.setting("icmp", "echo_ignore_all") == "1" {
		return
	}
	e.Type = ipv6.ICMPTypeEchoReply
	bound := ""
	if f.Src.IsLinkLocalUnicast() {
		bound = n.name
	}
	n.send(wire.Packet{Src: src, Dst: f.Src, Proto: unix.IPPROTO_ICMPV6, Payload: e.Marshal()}, bound, diag.EchoReply)
}

// routerAdvertised acts on an advertisement, as the kernel does or networkd in its place.
func (n *nic) routerAdvertised(f diag.Frame) {
	if f.RA.LLAddr != (diag.MAC{}) {
		if e := n.neigh[f.Src]; e == nil || e.State == diag.Incomplete || e.State == diag.Failed || e.MAC != f.RA.LLAddr || !e.Router {
			n.learnt(f.Src, f.RA.LLAddr, diag.Stale, true)
		}
	}
	if n.acceptRA || n.networkd != nil {
		n.act(f.Src, f.RA)
	}
}

// setRoute adds a route, renews it, or removes it; the kernel announces what it did not have before.
func (h *host) setRoute(r diag.Route) {
	i := slices.IndexFunc(h.routes, func(o diag.Route) bool {
		return o.Interface == r.Interface && o.Dst == r.Dst && o.Via == r.Via && o.Metric == r.Metric && o.Table == r.Table && o.Type == r.Type
	})
	switch {
	case i >= 0 && r.Gone:
		h.routes = slices.Delete(h.routes, i, i+1)
		h.say(r)
	case i >= 0:
		h.routes[i].ExpiresS = r.ExpiresS
	case !r.Gone:
		h.routes = append(h.routes, r)
		h.say(r)
	}
}

// unreachable says that a datagram was not taken.
func (n *nic) unreachable(p wire.Packet, code byte) {
	b := append([]byte{1, code, 0, 0, 0, 0, 0, 0}, p.Raw...)
	bound := ""
	if p.Src.IsLinkLocalUnicast() {
		bound = n.name
	}
	n.send(wire.Packet{Src: p.Dst, Dst: p.Src, Proto: unix.IPPROTO_ICMPV6, Payload: b}, bound, diag.Unreachable)
}

// forwardIn is a packet for another: of a claim, or of somebody behind this host.
func (n *nic) forwardIn(p wire.Packet) {
	if !n.forward || p.Src.IsLinkLocalUnicast() {
		return
	}
	if sel := n.route(p.Dst, netip.Addr{}, ""); sel.Errno == "" && sel.Type != "local" && n.nic(sel.Interface) != n {
		return // it is taken there
	}
	n.unreachable(p, 0)
}

// assign configures an address, and looks for duplicates where that is on.
func (n *nic) assign(a diag.Address) {
	x := &address{Address: a, since: n.w.now}
	n.addrs = append(n.addrs, x)
	n.listen(diag.SolicitedNode(a.Address), +1)
	if !n.dad || a.Flags&diag.NoDAD != 0 {
		n.say(x.Address)
		return
	}
	x.Flags |= diag.Tentative
	n.say(x.Address)
	n.detect(x)
}

// tell announces what became of an address, if it is still there.
func (n *nic) tell(x *address) {
	if n.own(x.Address.Address) == x {
		n.say(x.Address)
	}
}

// detect looks for duplicates of an address, after some time.
func (n *nic) detect(x *address) {
	n.w.after(n.w.within(time.Second), func() {
		if n.own(x.Address.Address) != x || !n.alive() {
			return
		}
		if !n.filtered("output", traffic{typ: diag.NS}, n) {
			group := diag.SolicitedNode(x.Address.Address)
			n.transmit(ndPacket(netip.IPv6Unspecified(), group, &ndp.NeighborSolicitation{TargetAddress: x.Address.Address}).
				Frame(diag.MulticastMAC(group), n.mac))
		}
		n.w.after(retransTimer, func() {
			if n.own(x.Address.Address) == x && x.Flags&diag.DADFailed == 0 {
				x.Flags &^= diag.Tentative | diag.Optimistic
				n.say(x.Address)
			}
		})
	})
}

// duplicate is what becomes of a tentative address that somebody else has: one that does not stay is removed at once.
func (n *nic) duplicate(a *address) {
	a.Flags |= diag.DADFailed
	if a.ValidS == diag.Forever {
		n.say(a.Address)
		return
	}
	n.remove(a)
}

func (n *nic) remove(a *address) {
	n.addrs = slices.DeleteFunc(n.addrs, func(x *address) bool { return x == a })
	n.listen(diag.SolicitedNode(a.Address.Address), -1)
	gone := a.Address
	gone.Gone = true
	n.say(gone)
}

// listen joins or leaves a group, which costs two reports each.
func (n *nic) listen(group netip.Addr, by int) {
	was := n.groups[group]
	n.groups[group] += by
	if !n.watched || n.w.booting || (was > 0) == (was+by > 0) {
		return
	}
	record := byte(4) // CHANGE_TO_EXCLUDE_MODE
	if by < 0 {
		record = 3 // CHANGE_TO_INCLUDE_MODE
	}
	for range 2 {
		n.w.after(n.w.within(time.Second), func() {
			if !n.alive() || n.filtered("output", traffic{typ: diag.MLD}, n) {
				return
			}
			n.transmit(report(n.linkLocal(), group, record).Frame(diag.MulticastMAC(mldRouters), n.mac))
		})
	}
}

var mldRouters = netip.MustParseAddr("ff02::16")

// report is a multicast listener report (RFC 3810 §5.2) behind its router alert.
func report(src, group netip.Addr, record byte) wire.Packet {
	g := group.As16()
	message := append([]byte{143, 0, 0, 0, 0, 0, 0, 1, record, 0, 0, 0}, g[:]...)
	sum := wire.Checksum(src, mldRouters, unix.IPPROTO_ICMPV6, message)
	message[2], message[3] = byte(sum>>8), byte(sum)
	return wire.Packet{
		Src: src, Dst: mldRouters, HopLimit: 1, Proto: unix.IPPROTO_HOPOPTS,
		Payload: append([]byte{unix.IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0}, message...),
	}
}

// say has the program hear what the kernel announces.
func (h *host) say(b diag.Body) {
	if h.watched && !h.w.booting {
		h.w.netlink.put(b)
	}
}

// A filter is a rule of a host's packet filter, or a chain that drops what it does not let pass.
type filter struct {
	lab.Filter
	tokens float64
	at     time.Time
}

// icmpTypes are the types that filters of the lab name.
var icmpTypes = map[byte]diag.FrameType{
	1: diag.Unreachable, 2: diag.PacketTooBig, 3: diag.TimeExceeded, 4: diag.ParameterProblem, 128: diag.EchoRequest, 129: diag.EchoReply,
	130: diag.MLD, 131: diag.MLD, 132: diag.MLD, 143: diag.MLD, 133: diag.RS, 134: diag.RA, 135: diag.NS, 136: diag.NA, 137: diag.RedirectFrame,
}

// traffic is what a filter of the lab looks at of a packet.
type traffic struct {
	typ     diag.FrameType
	port    uint16 // that it goes to
	tracked bool   // it belongs to what this host began
	dst     netip.Addr
}

func portOf(p wire.Packet) uint16 {
	_, dst := p.Ports()
	return dst
}

// stops reports whether the rule drops, or refuses, a packet.
func (f *filter) stops(t traffic) bool {
	if f.Reject != nil && !t.typ.IsTCP() {
		return false
	}
	if f.Type != 0 {
		return icmpTypes[f.Type] == t.typ && (!f.To.IsValid() || f.To == t.dst)
	}
	datagram := t.typ == diag.DHCPv6Frame || t.typ == diag.UDPFrame
	return !slices.ContainsFunc(f.Pass, func(p lab.Pass) bool {
		switch {
		case p == (lab.Pass{}):
			return false // the loopback
		case p.Tracked:
			return t.tracked
		case p.Type != 0:
			return icmpTypes[p.Type] == t.typ
		case p.ICMPv6:
			return !t.typ.IsTCP() && !datagram
		case p.UDP != 0:
			return datagram && t.port == p.UDP
		default:
			return t.typ.IsTCP() && t.port == p.TCP
		}
	})
}

// refuse tells a socket of this host what a rule answers its connection with.
func (h *host) refuse(p wire.Packet, how *expr.Reject) {
	src, _ := p.Ports()
	r := h.flows[src]
	h.w.after(h.w.within(100*time.Microsecond), func() {
		if how.Type == unix.NFT_REJECT_TCP_RST {
			r.reset()
		} else {
			r.fail(diag.Socket{Errno: "ECONNREFUSED", Type: diag.Unreachable, Code: int(how.Code), From: p.Src})
		}
	})
}

// filtered reports whether a packet is dropped at a hook.
func (h *host) filtered(hook string, t traffic, n *nic) bool { return h.stopping(hook, t, n) != nil }

// stopping returns the rule that stops a packet at a hook; nil: none does.
func (h *host) stopping(hook string, t traffic, n *nic) *filter {
	for _, f := range h.filters {
		if f.Hook != hook || f.NIC != "" && f.NIC != n.name || !f.stops(t) {
			continue
		}
		if f.Above > 0 {
			now := h.w.now
			f.tokens = min(float64(f.Above), f.tokens+now.Sub(f.at).Seconds()*float64(f.Above))
			f.at = now
			if f.tokens >= 1 {
				f.tokens--
				continue
			}
		}
		return f
	}
	return nil
}

// named are the names that nft gives to types.
var named = map[byte]string{
	2: "packet-too-big", 128: "echo-request", 129: "echo-reply", 134: "nd-router-advert", 135: "nd-neighbor-solicit",
	136: "nd-neighbor-advert", 143: "mld2-listener-report",
}

// ephemeral is a port that no service has.
const ephemeral = 0xc000

// judged are the kinds of packets that the program asks of every chain what becomes of them (diag/host, messages).
var judged = map[string][]traffic{
	"input": {
		{typ: diag.RA},
		{typ: diag.NS},
		{typ: diag.NA},
		{typ: diag.RedirectFrame, tracked: true},
		{typ: diag.EchoRequest},
		{typ: diag.EchoReply, tracked: true},
		{typ: diag.Unreachable, tracked: true},
		{typ: diag.PacketTooBig, tracked: true},
		{typ: diag.TimeExceeded, tracked: true},
		{typ: diag.ParameterProblem, tracked: true},
		{typ: diag.MLD},
		{typ: diag.DHCPv6Frame, port: wire.DHCPv6Client},
		{typ: diag.UDPFrame, port: ephemeral, tracked: true},
		{typ: diag.TCPSyn},
		{typ: diag.TCPSynAck, port: ephemeral, tracked: true},
	},
	"output": {
		{typ: diag.RS},
		{typ: diag.NS},
		{typ: diag.NA},
		{typ: diag.EchoRequest},
		{typ: diag.EchoReply, tracked: true},
		{typ: diag.Unreachable, tracked: true},
		{typ: diag.PacketTooBig, tracked: true},
		{typ: diag.TimeExceeded, tracked: true},
		{typ: diag.ParameterProblem, tracked: true},
		{typ: diag.MLD},
		{typ: diag.DHCPv6Frame, port: wire.DHCPv6Server},
		{typ: diag.UDPFrame, port: 53},
		{typ: diag.TCPSyn, port: 443},
		{typ: diag.TCPSynAck, tracked: true},
	},
}

// asked are the kinds of which the program says that a rule concerns some (diag/host, needed).
var asked = map[string]map[diag.FrameType]bool{
	"input":  {diag.NS: true, diag.NA: true, diag.RA: true, diag.EchoReply: true, diag.TCPSynAck: true, diag.UDPFrame: true},
	"output": {diag.NS: true, diag.NA: true, diag.EchoRequest: true, diag.TCPSyn: true, diag.UDPFrame: true},
}

// read is the rule as the program reads it; it is not ok where reading tells nothing, or nothing that is of interest.
func (f *filter) read() (r diag.Filter, ok bool) {
	r = diag.Filter{Interface: f.NIC, Table: f.Table, Chain: f.Chain, Hook: f.Hook, Rule: "policy drop", Verdict: "drop"}
	if f.Type != 0 {
		r.Rule, r.Handle = "icmpv6 type "+named[f.Type]+" drop", 4
	}
	kinds := judged[f.Hook]
	if f.Hook == "egress" {
		kinds = judged["output"]
	}
	if f.Reject != nil {
		r.Rule, r.Handle, r.Verdict = "meta l4proto tcp reject", 4, "reject"
	}
	partly := f.Opaque || f.Above > 0 || f.To.IsValid()
	if f.IPsec {
		r.Table, r.Chain, r.Tool = "ipsec", "policy "+map[string]string{"input": "in", "output": "out"}[f.Hook], diag.ToolIPsec
	}
	if f.To.IsValid() {
		r.Dst = netip.PrefixFrom(f.To, 128)
	}
	for _, k := range kinds {
		k.dst = f.To
		some := f.Type == 0 && k.typ == diag.TCPSyn && k.port == 0 && slices.ContainsFunc(f.Pass, func(p lab.Pass) bool { return p.TCP != 0 })
		if f.stops(k) && !some {
			r.Matches = append(r.Matches, string(k.typ))
		}
	}
	if partly {
		r.Matches, r.Partly = []string{}, slices.DeleteFunc(r.Matches, func(typ string) bool { return !asked[f.Hook][diag.FrameType(typ)] })
	}
	return r, len(r.Matches)+len(r.Partly) > 0
}

// errnoOf makes the error that the checks understand of a name.
func errnoOf(name string) error {
	if name == "" {
		return nil
	}
	return checks.Errno(name)
}
