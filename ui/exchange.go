package ui

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// An Exchange is a question on the wire with what came of it: repeated solicitations and their
// answer, an echo and its replies. A frame that belongs to nothing is an exchange of its own.
type Exchange struct {
	Type     diag.FrameType // of the first frame
	First    diag.Event
	At       time.Time // of the newest question
	Asked    int
	Answers  int
	After    time.Duration // from the question to the first answer
	By       diag.Frame    // the first answer
	Expects  bool          // an answer is due
	Refused  bool          // by an ICMPv6 error
	Dropped  bool          // First is the kernel's own word that it threw the packet away
	Ours     bool          // what is solicited is an address of this host
	Trial    bool          // asked from an address that may expect no answer
	Events   []diag.Event  // the frames themselves, oldest first; the first some of many
	lastSeen time.Time
}

// Frame returns the first frame.
func (x *Exchange) Frame() diag.Frame { return frameOf(x.First) }

// frameOf returns the frame that was seen, or that the kernel dropped.
func frameOf(e diag.Event) diag.Frame {
	switch b := e.Body.(type) {
	case diag.Frame:
		return b
	case diag.Drop:
		return b.Frame
	default:
		return diag.Frame{}
	}
}

// unheeded reports whether somebody else solicited for an address of this host and got no answer.
func (x *Exchange) unheeded(now time.Time) bool {
	return x.Ours && x.Answers == 0 && !x.waits(now)
}

// waits reports whether an answer is still to be hoped for at now.
func (x *Exchange) waits(now time.Time) bool {
	return x.Expects && x.Answers == 0 && now.Sub(x.At) < answerWithin
}

const (
	// A question repeated within this time is the same question: the kernel asks three times a
	// second apart (mcast_solicit, retrans_time_ms).
	repeatWithin = 1500 * time.Millisecond
	answerWithin = 1500 * time.Millisecond
	eventsKept   = 16
)

// exchangeKey tells what belongs together.
type exchangeKey struct {
	iface    string
	kind     diag.FrameType
	from, to netip.Addr
	id       string
}

// exchanges pairs the frames, puts what the kernel dropped beside them, and returns the newest first. own says
// whether an address is this host's, to be answered for; tried whether a frame may expect no answer.
func exchanges(frames, drops []diag.Event, own func(diag.InterfaceAddr) bool, tried func(diag.Frame) bool) []Exchange {
	p := pairing{open: map[exchangeKey]int{}, own: own, tried: tried}
	events := slices.Concat(frames, drops)
	diag.SortFunc(events, func(a, b diag.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, e := range events {
		switch b := e.Body.(type) {
		case diag.Frame:
			p.add(e, b)
		case diag.Drop:
			p.dropped(e, b)
		}
	}
	slices.Reverse(p.list)
	return p.list
}

type pairing struct {
	own   func(diag.InterfaceAddr) bool
	tried func(diag.Frame) bool
	list  []Exchange
	open  map[exchangeKey]int
}

func (p *pairing) add(e diag.Event, f diag.Frame) {
	if f.Bad != "" {
		p.alone(e, f)
		return
	}
	switch f.Type {
	case diag.NS:
		k := exchangeKey{iface: f.Interface, kind: diag.NS, from: f.Src, to: f.Target}
		p.ask(e, f, k)
		p.list[p.open[k]].Ours = !f.Out && p.own(diag.InterfaceAddr{Interface: f.Interface, Address: f.Target})
	case diag.NA:
		p.advertised(e, f)
	case diag.RS:
		p.ask(e, f, exchangeKey{iface: f.Interface, kind: diag.RS, from: f.Src})
	case diag.RA:
		p.routed(e, f)
	case diag.EchoRequest:
		p.ask(e, f, echoKey(f.Interface, f.Src, f.Dst, f.EchoID))
	case diag.EchoReply:
		k := echoKey(f.Interface, f.Dst, f.Src, f.EchoID)
		if !p.answer(e, f, k) && !p.answer(e, f, echoKey(f.Interface, f.Dst, diag.AllNodes, f.EchoID)) {
			p.alone(e, f)
		}
	case diag.DHCPv6Frame:
		p.dhcp(e, f)
	case diag.MLD: // nobody answers a report; it is said several times (RFC 3810 §6.1)
		k := exchangeKey{iface: f.Interface, kind: diag.MLD, from: f.Src, to: f.Dst}
		p.ask(e, f, k)
		p.list[p.open[k]].Expects = false
	default:
		p.refused(e, f)
	}
}

// dropped is a packet that the kernel threw away, for a reason that says something of this host: a line of its own,
// which counts how often. What becomes of many a packet where all is well is left out.
func (p *pairing) dropped(e diag.Event, d diag.Drop) {
	if !d.Telling() {
		return
	}
	f := d.Frame
	k := exchangeKey{iface: f.Interface, kind: f.Type, from: f.Src, to: f.Dst, id: "dropped " + d.Reason + " " + d.Function}
	p.ask(e, f, k)
	x := &p.list[p.open[k]]
	x.Expects, x.Dropped = false, true
}

func echoKey(iface string, from, to netip.Addr, id uint16) exchangeKey {
	return exchangeKey{iface: iface, kind: diag.EchoRequest, from: from, to: to, id: string([]byte{byte(id >> 8), byte(id)})}
}

// ask opens an exchange, or counts a repetition. Echo requests of one id go on after an answer.
func (p *pairing) ask(e diag.Event, f diag.Frame, k exchangeKey) {
	if i, ok := p.open[k]; ok {
		x := &p.list[i]
		if e.At.Sub(x.lastSeen) < repeatWithin && (x.Answers == 0 || k.kind == diag.EchoRequest) {
			x.Asked++
			x.At, x.lastSeen = e.At, e.At
			x.keep(e)
			return
		}
	}
	p.open[k] = len(p.list)
	p.list = append(p.list, Exchange{Type: f.Type, First: e, At: e.At, Asked: 1, Expects: true, Trial: p.tried(f), Events: []diag.Event{e}, lastSeen: e.At})
}

func (x *Exchange) keep(e diag.Event) {
	if len(x.Events) < eventsKept {
		x.Events = append(x.Events, e)
	}
}

func (p *pairing) answer(e diag.Event, f diag.Frame, k exchangeKey) bool {
	i, ok := p.open[k]
	if !ok {
		return false
	}
	x := &p.list[i]
	if e.At.Sub(x.lastSeen) > answerWithin {
		return false
	}
	if x.Answers++; x.Answers == 1 {
		x.After, x.By = e.At.Sub(x.At), f
	}
	x.lastSeen = e.At
	x.keep(e)
	return true
}

func (p *pairing) alone(e diag.Event, f diag.Frame) {
	p.list = append(p.list, Exchange{Type: f.Type, First: e, At: e.At, Asked: 1, Events: []diag.Event{e}, lastSeen: e.At})
}

// advertised pairs an NA with the solicitation it answers: the asker's, or that of a DAD, which is
// answered to all nodes.
func (p *pairing) advertised(e diag.Event, f diag.Frame) {
	for _, from := range []netip.Addr{f.Dst, netip.IPv6Unspecified()} {
		if p.answer(e, f, exchangeKey{iface: f.Interface, kind: diag.NS, from: from, to: f.Target}) {
			return
		}
	}
	p.alone(e, f)
}

// routed pairs an RA with the solicitation it answers; one to all nodes answers every open one.
func (p *pairing) routed(e diag.Event, f diag.Frame) {
	if p.answer(e, f, exchangeKey{iface: f.Interface, kind: diag.RS, from: f.Dst}) {
		return
	}
	if f.Dst == diag.AllNodes {
		for k, i := range p.open {
			if k.kind == diag.RS && k.iface == f.Interface && p.list[i].Answers == 0 && p.answer(e, f, k) {
				return
			}
		}
	}
	p.alone(e, f)
}

func (p *pairing) dhcp(e diag.Event, f diag.Frame) {
	if f.DHCPv6 == nil {
		p.alone(e, f)
		return
	}
	k := exchangeKey{iface: f.Interface, kind: diag.DHCPv6Frame, id: f.DHCPv6.Transaction}
	switch f.DHCPv6.Message {
	case "advertise", "reply":
		if !p.answer(e, f, k) {
			p.alone(e, f)
		}
	default:
		p.ask(e, f, k)
	}
}

// refused shows an error by itself, and closes the echo that it quotes.
func (p *pairing) refused(e diag.Event, f diag.Frame) {
	if q := f.Quoted; q != nil && f.Type.IsError() && q.Type == diag.EchoRequest {
		k := echoKey(f.Interface, q.Src, q.Dst, q.EchoID)
		if p.answer(e, f, k) {
			p.list[p.open[k]].Refused = true
			return
		}
	}
	p.alone(e, f)
}
