package checks

import (
	"time"

	"ndwhy/diag"
)

// nd asks who has an address (RFC 4861 §7.2).
var nd = ways{kernel: ndByKernel{}, wire: ndByWire{}}

// ndByKernel is what the kernel does to reach a neighbour, when it is asked for anything there.
type ndByKernel struct{ byKernel }

func (ndByKernel) asks() diag.Asks { return diag.AsksND }
func (ndByKernel) rides() bool     { return true }

func (ndByKernel) frame(t *tally, e diag.Event, f diag.Frame) { t.seeND(e, f) }

func (ndByKernel) socket(t *tally, _ diag.Event, s diag.Socket) {
	if s.Event == diag.SocketError && s.Type == "" && !s.From.IsValid() {
		t.refuse(s.Errno) // so it solicits nothing either
	}
}

func (ndByKernel) entry(t *tally, e diag.Event, n diag.Neighbour) {
	if t.q.Fresh && n.State == diag.Failed {
		return // that is the entry being forgotten: by itself it would fail after seconds
	}
	if t.nud != diag.Reachable {
		t.nud = n.State // what was confirmed once was answered, whoever flushes the entry afterwards
		t.note(e)
	}
}

func (ndByKernel) answered(t *tally) bool {
	return t.nud.Resolved() || t.nud == diag.Failed && (t.copies > 0 || !t.host.Tap)
}

func (ndByKernel) lag(l *lane, t *tally) time.Duration {
	if t.nud.Resolved() && !l.before.Resolved() && t.path.Received == 0 {
		return tapMayLag
	}
	return 0
}

// judge reads the kernel's neighbour discovery from the entry and the solicitations that were seen to
// leave.
func (ndByKernel) judge(t *tally, p *diag.Path) {
	switch {
	case t.before.Resolved():
		p.Outcome, p.Detail = diag.OutcomeSkipped, DetailResolved
	case t.nud.Resolved() && t.host.Tap && (p.Sent == 0 || t.nud != diag.Reachable && p.Received == 0):
		// Another source's question was answered meanwhile; or an advertisement or solicitation of the target
		// told its address, and nothing yet whether it answers.
		p.Outcome, p.Detail = diag.OutcomeSkipped, DetailResolved
	case t.nud.Resolved():
		p.Outcome = diag.Answered
		p.Received = max(1, p.Received)
		p.Sent = max(p.Sent, p.Received)
	case p.Sent > 0 || !t.host.Tap && t.unresolved() || t.before == diag.Incomplete && t.unresolved():
		p.Outcome = diag.Silent
		p.Received = 0
	case p.Errno != "":
		p.Outcome, p.Detail = diag.OutcomeSkipped, DetailEchoUnsent
		p.Note, p.Errno = p.Errno, ""
	default:
		p.Outcome, p.Detail = diag.Unsent, DetailNotSeen
	}
}

// ndByWire solicits by frames of our own, or sees the kernel's.
type ndByWire struct{ byWire }

func (ndByWire) asks() diag.Asks { return diag.AsksND }
func (ndByWire) again() bool     { return true }

func (ndByWire) compose(_ *lane, t *tally) func() Frame {
	return func() Frame { return solicit(t.q, nil) }
}

func (ndByWire) frame(t *tally, e diag.Event, f diag.Frame) { t.seeND(e, f) }

// judge says of a silence about an address of this host that it is meant to be.
func (ndByWire) judge(t *tally, p *diag.Path) {
	if t.usual(p); p.Outcome == diag.Silent && p.Detail == "" && t.host.Own(p.Target) {
		p.Detail = DetailOwn
	}
}

func (ndByWire) pending(t *tally) bool { return t.path.Received < t.path.Sent }

// solicit asks who has a question's target.
func solicit(q Question, nonce []byte) Frame {
	group := diag.SolicitedNode(q.Target)
	return Frame{Type: diag.NS, Src: q.Source, Dst: group, DstMAC: diag.MulticastMAC(group), Target: q.Target, Nonce: nonce}
}

func (t *tally) seeND(e diag.Event, f diag.Frame) {
	switch {
	case f.Target != t.q.Target:
	case f.Out && f.Type == diag.NS && f.Src == t.q.Source:
		t.leaves(e)
		t.solicits = append(t.solicits, e.At)
	case f.Out:
	case f.Type == diag.NA && (f.Dst == t.q.Source || f.Dst.IsMulticast()):
		if holder(f) == t.host.MAC {
			return
		}
		if t.path.Received < t.path.Sent || t.path.Sent == 0 {
			t.path.Received++
		}
		t.held(e, f)
		if t.heard.IsZero() {
			t.heard = e.At
		}
		if n := len(t.solicits); n > 1 && t.path.Received == n && t.path.Sent == n {
			t.path.RTTMS = milliseconds(t.heard.Sub(t.solicits[0]))
		}
	}
}

// held notes who says that the address asked about is theirs.
func (t *tally) held(e diag.Event, f diag.Frame) {
	rtt := 0.0
	if !t.last.IsZero() {
		rtt = milliseconds(e.At.Sub(t.last))
	}
	if t.path.Received == 1 {
		t.path.RTTMS = rtt
	}
	t.responder(f.Target, holder(f), rtt)
	t.note(e)
}

// holder is whose address an advertisement, or a solicitation of duplicate address detection, is about.
func holder(f diag.Frame) diag.MAC {
	if f.LLAddr != (diag.MAC{}) {
		return f.LLAddr
	}
	return f.SrcMAC
}
