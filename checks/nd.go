package checks

import (
	"net/netip"
	"slices"
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

// cost has one more where nobody answered, and it is known where who has the address was: see askAlone.
func (ndByWire) cost(q Question, count int) (first, again int) {
	first, again = (byWire{}).cost(q, count)
	if q.Ours() {
		again++
	}
	return first, again
}

func (ndByWire) adjust(l *lane, a *asking) { l.askAlone(a) }

// answered takes what the one who was asked alone says for the end of the matter, though it is no answer to what
// everybody was asked.
func (ndByWire) answered(t *tally) bool { return t.path.Received > 0 || t.alone != (diag.MAC{}) }

func (ndByWire) compose(_ *lane, t *tally) func() Frame {
	return func() Frame { return solicit(t.q, nil) }
}

func (ndByWire) frame(t *tally, e diag.Event, f diag.Frame) { t.seeND(e, f) }

// judge says of a silence about an address of this host that it is meant to be.
// And of one who answers what is sent to its MAC alone, that it is there.
func (ndByWire) judge(t *tally, p *diag.Path) {
	switch t.usual(p); {
	case p.Outcome != diag.Silent:
	case t.alone != (diag.MAC{}):
		p.Detail, p.Note = DetailAlone, t.alone.String()
	case p.Detail == "" && t.host.Own(p.Target):
		p.Detail = DetailOwn
	}
}

func (ndByWire) pending(t *tally) bool { return t.path.Received < t.path.Sent }

// solicit asks who has a question's target.
func solicit(q Question, nonce []byte) Frame {
	group := diag.SolicitedNode(q.Target)
	return Frame{Type: diag.NS, Src: q.Source, Dst: group, DstMAC: diag.MulticastMAC(group), Target: q.Target, Nonce: nonce}
}

// askAlone has the last known holder of an address asked once more, by a solicitation to its MAC alone (RFC 4861 §7.3.3
// probes so), where the one to all who have the address stays silent and should not. Who answers that is there, and
// did not get the other: a switch that follows multicast groups may have forgotten that it is in this one.
func (l *lane) askAlone(a *asking) {
	more, did := a.again, false
	a.again = func(a *asking) bool {
		if more != nil && more(a) {
			return true
		}
		t := a.tallies[0]
		if did || !t.path.Ours() || t.path.Sent == 0 || l.r.pace.spent() || !l.symptom(a.tallies) {
			return false
		}
		mac := l.holder(t.q.Target)
		if mac == (diag.MAC{}) {
			return false
		}
		did, t.done = true, false
		a.send = func() error {
			f := solicit(t.q, nil)
			f.SrcMAC, f.Dst, f.DstMAC = l.link.MAC, t.q.Target, mac
			l.r.ledger.wire(l.key.Interface, f.Src, f.Target)
			return l.r.Net.Send(l.key.Interface, f)
		}
		a.count, a.wait, a.next = a.sent+1, l.r.wait, l.r.now
		return true
	}
}

// holder returns the MAC that an address of the link was seen at, that the kernel has for it, or that it is made of; zero:
// none.
func (l *lane) holder(addr netip.Addr) (mac diag.MAC) {
	if mac = l.r.macOf(l.key.Interface, addr); mac != (diag.MAC{}) {
		return mac
	}
	l.r.Session.Look(func(s *diag.State) {
		for _, e := range slices.Backward(s.Frames()) {
			f, ok := e.Body.(diag.Frame)
			if ok && !f.Out && f.Bad == "" && f.Interface == l.key.Interface && f.Src == addr && f.SrcMAC != (diag.MAC{}) && !s.OwnMAC(f.SrcMAC) {
				mac = f.SrcMAC
				return
			}
		}
	})
	if mac == (diag.MAC{}) {
		mac, _ = diag.MACIn(addr)
	}
	return mac
}

func (t *tally) seeND(e diag.Event, f diag.Frame) {
	switch {
	case f.Target != t.q.Target:
	case f.Out && f.Type == diag.NS && f.Src == t.q.Source && f.Dst == t.q.Target:
		t.toOne = true
		t.note(e)
	case f.Out && f.Type == diag.NS && f.Src == t.q.Source:
		t.toOne = false
		t.leaves(e)
		t.solicits = append(t.solicits, e.At)
	case f.Out:
	case f.Type == diag.NA && (f.Dst == t.q.Source || f.Dst.IsMulticast()):
		if holder(f) == t.host.MAC {
			return
		}
		if t.toOne && t.path.Received == 0 && t.alone == (diag.MAC{}) {
			t.alone = holder(f)
			t.note(e)
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
