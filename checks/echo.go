package checks

import (
	"net/netip"
	"time"

	"ndwhy/diag"
)

// An echo asks for a reply to an ICMPv6 echo request (RFC 4443 §4).
var echo = ways{echoByKernel{}, echoByWire{}, echoAsApp{}}

// groupSeq marks the sequence numbers of echoes to a group. Their replies come from the members' own
// addresses, and from the same socket's id would pass for replies to what was asked of those.
const groupSeq = 1 << 15

// echoes is what all echoes have in common.
type echoes struct{}

func (echoes) asks() diag.Asks { return diag.AsksEcho }
func (echoes) again() bool     { return true }

// answered: of a group there may always be one more.
func (echoes) answered(t *tally) bool { return t.path.Received > 0 && !t.q.Target.IsMulticast() }

func (echoes) pending(t *tally) bool { return len(t.answered) < len(t.asked) }

// echoByKernel asks as ping does.
type echoByKernel struct {
	byKernel
	echoes
}

// frame counts what is seen leaving; the socket says what was asked and answered.
func (echoByKernel) frame(t *tally, e diag.Event, f diag.Frame) {
	if t.isRequest(f) {
		t.copy(e)
	}
}

func (echoByKernel) socket(t *tally, e diag.Event, s diag.Socket) {
	switch s.Event {
	case diag.SocketSent:
		t.taken++
		t.ask(e, s.EchoSeq)
	case diag.SocketReply:
		if t.answers(s.From) {
			t.answer(e, s.EchoSeq, s.From, diag.MAC{})
		}
	case diag.SocketError:
		switch {
		case s.Type != "":
			t.error(e, diag.PathError{Type: s.Type, Code: s.Code, From: s.From}, s.Errno)
		case s.From.IsValid() || s.Errno == "EHOSTUNREACH" && t.taken > 0:
			t.local = true
		default:
			t.refuse(s.Errno)
			t.note(e)
		}
	}
}

// lag: the request that was answered must have left, and the answer have come.
func (echoByKernel) lag(l *lane, t *tally) time.Duration {
	if t.path.Received == 0 && t.path.Error == nil {
		return 0
	}
	if t.copies == 0 {
		return tapLag
	}
	for _, w := range l.of(echo.wire) {
		if w.path.Received == 0 && w.path.Error == nil || w.outstanding() && !t.outstanding() {
			return tapLag
		}
	}
	return 0
}

func (echoByKernel) judge(t *tally, p *diag.Path) {
	if t.host.Tap {
		p.Sent = max(t.copies, p.Received)
		if p.Error != nil {
			p.Sent = max(p.Sent, 1) // what another host refuses has left
		}
	}
	switch {
	case p.Received > 0 || p.Error != nil:
		t.usual(p)
	case p.Errno != "" && t.taken == 0:
		p.Outcome = diag.Unsent
	case t.copies > 0:
		p.Outcome = diag.Silent
	case t.unresolved():
		p.Outcome, p.Detail = diag.Silent, DetailUnresolved
	case t.host.Tap || t.taken == 0:
		p.Outcome, p.Detail = diag.Unsent, DetailNotSeen
	default:
		p.Outcome = diag.Silent
	}
}

// echoAsApp asks as ping does that is given nothing but the target.
type echoAsApp struct {
	echoByKernel
	asApp
}

// lag: the tap's copy is waited for where there is one. None is the wire's question.
func (echoAsApp) lag(_ *lane, t *tally) time.Duration {
	if t.host.Tap && t.copies == 0 && (t.path.Received > 0 || t.path.Error != nil) {
		return tapLag
	}
	return 0
}

// echoByWire asks by frames of our own, or by the kernel's where those are on the wire.
type echoByWire struct {
	byWire
	echoes
}

func (echoByWire) copied() bool { return true }

func (echoByWire) adjust(l *lane, a *asking) { a.ready = l.addressed }

func (echoByWire) compose(l *lane, t *tally) func() Frame {
	id := l.r.echoID()
	hear(id, l.of(echo.wire))
	return func() Frame { return l.echoRequest(t, id) }
}

func (echoByWire) frame(t *tally, e diag.Event, f diag.Frame) { t.seeEcho(e, f) }

func (l *lane) echoRequest(t *tally, id uint16) Frame {
	return Frame{
		Type: diag.EchoRequest, Src: t.q.Source, Dst: t.q.Target, DstMAC: l.mac(),
		EchoID: id, EchoSeq: l.r.nextSeq(t.q.Target),
	}
}

func (t *tally) isRequest(f diag.Frame) bool {
	return f.Out && f.Type == diag.EchoRequest && t.ids[f.EchoID] && f.Src == t.path.Source && f.Dst == t.q.Target
}

// seeEcho follows an echo by its frames.
func (t *tally) seeEcho(e diag.Event, f diag.Frame) {
	switch {
	case t.isRequest(f):
		t.copy(e)
		t.ask(e, f.EchoSeq)
	case f.Out:
	case f.Type == diag.EchoReply && t.ids[f.EchoID] && f.Dst == t.q.Source && t.answers(f.Src):
		t.answer(e, f.EchoSeq, f.Src, f.SrcMAC)
	case f.Type.IsError() && f.Quoted != nil && t.ids[f.Quoted.EchoID] &&
		f.Quoted.Src == t.q.Source && f.Quoted.Dst == t.q.Target:
		t.error(e, diag.PathError{Type: f.Type, Code: f.Code, From: f.Src, MTU: f.MTU}, "")
	}
}

// answers reports whether an echo reply from addr is for this question.
func (t *tally) answers(addr netip.Addr) bool {
	if t.q.Target.IsMulticast() {
		return !t.host.Own(addr)
	}
	return addr == t.q.Target
}

// nextSeq returns the sequence number of the run's next echo.
func (r *Loop) nextSeq(target netip.Addr) uint16 {
	r.seq++
	seq := uint16(r.seq) &^ groupSeq
	if target.IsMulticast() {
		seq |= groupSeq
	}
	return seq
}
