package checks

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// evidenceKept bounds what one path points at.
const evidenceKept = 16

// respondersKept bounds who is listed as having answered one question.
const respondersKept = 256

// A Host is what judging needs to know of this host.
type Host struct {
	MAC diag.MAC
	// Own reports whether an address is configured here.
	Own func(netip.Addr) bool
	// XDP: a program may drop what no tap sees.
	XDP bool
	// Tap: frames are seen, so one that was not seen did not leave.
	Tap bool
}

// Judge returns what a list of events means for a question: what a Run would say of it. ids are
// the echo ids that it was asked with.
func Judge(q Question, host Host, ids []uint16, before diag.NUD, events []diag.Event) diag.Path {
	t := newTally(q, host)
	t.before = before
	for _, id := range ids {
		t.ids[id] = true
	}
	for _, e := range events {
		t.see(e)
	}
	return t.verdict()
}

// A tally is a question's answer as it comes together, event by event. It does no I/O.
type tally struct {
	q    Question
	host Host
	path diag.Path

	ids    map[uint16]bool
	before diag.NUD // the entry's state before the kernel was asked

	asked    map[uint16]time.Time // echoes that were seen leaving or, by kernel, were taken
	answered map[uint16]bool
	copies   int       // frames seen leaving
	taken    int       // packets that the socket took
	last     time.Time // of the newest question
	// solicits are the times of a solicitation's repetitions. Their answers do not tell which they
	// answer: where all came, in turn.
	solicits []time.Time
	heard    time.Time // the first answer to them
	nud      diag.NUD
	nonce    []byte // of our own DAD solicitation
	// transaction is our own of DHCPv6, in hexadecimal.
	transaction string
	local       bool // this host itself said that the target is unreachable
	closed      bool // what comes later does not count
	done        bool // its wait has come to an end
	waited      bool // it came to an end once; it may be asked again since
	muted       bool // what comes now is not about it yet
	quiet       bool // it serves another question, and is not reported
	// preset is the outcome of a question that is not asked any more.
	preset diag.Outcome
}

func newTally(q Question, host Host) *tally {
	t := &tally{
		q: q, host: host, path: q.Path,
		ids: map[uint16]bool{}, asked: map[uint16]time.Time{}, answered: map[uint16]bool{},
	}
	if q.Outcome != "" {
		t.preset = q.Outcome
	}
	return t
}

// skip settles the question as not asked.
func (t *tally) skip(detail, note string) {
	if t.preset == "" {
		t.preset, t.path.Detail, t.path.Note = diag.OutcomeSkipped, detail, note
	}
}

// refuse notes that this host did not let the question out.
func (t *tally) refuse(errno string) {
	if !t.closed && t.path.Errno == "" {
		t.path.Errno = errno
	}
}

func (t *tally) kernel() bool { return t.q.Via == diag.ViaKernel }

// see folds one event. What came before the question is not to be shown to it.
func (t *tally) see(e diag.Event) {
	if t.closed && !t.late(e) || t.muted || t.preset != "" {
		return
	}
	switch b := e.Body.(type) {
	case diag.Frame:
		if b.Interface == t.q.Interface && b.Bad == "" {
			t.seeFrame(e, b)
		}
	case diag.Socket:
		if b.Interface == t.q.Interface && t.kernel() && t.ids[b.EchoID] && b.Source == t.q.Source && b.Target == t.q.Target {
			t.seeSocket(e, b)
		}
	case diag.Neighbour:
		if b.Interface == t.q.Interface && b.Address == t.hop() && t.kernel() && !b.Gone {
			if t.q.Asks != diag.AsksND {
				t.nud = b.State
			} else if t.nud != diag.Reachable {
				t.nud = b.State // what was confirmed once was answered, whoever flushes the entry afterwards
				t.note(e)
			}
		}
	case diag.Address:
		if b.Interface == t.q.Interface && b.Address == t.q.Target && t.q.Asks == diag.AsksDAD && t.kernel() {
			t.seeAddress(e, b)
		}
	}
}

// late reports whether an event is the answer to what the kernel sent before its wait was over: our own
// frames, which came after, have no part in it. No frame of ours asks a service.
func (t *tally) late(e diag.Event) bool {
	b, ok := e.Body.(diag.Socket)
	return ok && b.Event == diag.SocketReply && (t.copies > 0 || b.Service != "")
}

// hop is the address whose entry the question depends on.
func (t *tally) hop() netip.Addr {
	if t.q.NextHop.IsValid() {
		return t.q.NextHop
	}
	return t.q.Target
}

func (t *tally) note(e diag.Event) {
	if e.Seq != 0 && len(t.path.Evidence) < evidenceKept && !slices.Contains(t.path.Evidence, e.Seq) {
		t.path.Evidence = append(slices.Clip(t.path.Evidence), e.Seq)
	}
}

func (t *tally) seeFrame(e diag.Event, f diag.Frame) {
	switch t.q.Asks {
	case diag.AsksEcho, diag.AsksMTU:
		t.seeEcho(e, f)
	case diag.AsksDHCP:
		t.seeDHCP(e, f)
	case diag.AsksND:
		t.seeND(e, f)
	case diag.AsksDAD:
		t.seeDAD(e, f)
	case diag.AsksRS:
		t.seeRS(e, f)
	default:
	}
}

func (t *tally) seeEcho(e diag.Event, f diag.Frame) {
	switch {
	case f.Out && f.Type == diag.EchoRequest && t.ids[f.EchoID] && f.Src == t.q.Source && f.Dst == t.q.Target:
		t.copies++
		if t.kernel() {
			return // its socket says what it asked
		}
		t.ask(e, f.EchoSeq)
	case f.Out || t.kernel():
	case f.Type == diag.EchoReply && t.ids[f.EchoID] && f.Dst == t.q.Source && t.answers(f.Src):
		t.answer(e, f.EchoSeq, f.Src, f.SrcMAC)
	case f.Type.IsError() && f.Quoted != nil && t.ids[f.Quoted.EchoID] &&
		f.Quoted.Src == t.q.Source && f.Quoted.Dst == t.q.Target:
		t.error(e, f.Type, f.Code, f.Src, f.MTU)
	}
}

// answers reports whether an echo reply from addr is for this question.
func (t *tally) answers(addr netip.Addr) bool {
	if t.q.Target.IsMulticast() {
		return !t.host.Own(addr)
	}
	return addr == t.q.Target
}

func (t *tally) ask(e diag.Event, seq uint16) {
	if _, again := t.asked[seq]; !again {
		t.asked[seq] = e.At
		t.last = e.At
	}
	t.path.Sent = len(t.asked)
	t.note(e)
}

func (t *tally) answer(e diag.Event, seq uint16, from netip.Addr, mac diag.MAC) {
	at, asked := t.asked[seq]
	if !asked {
		if t.q.Target.IsMulticast() || seq&groupSeq != 0 {
			return // to another question from the same socket
		}
		// The copy of the question was lost on its way to the tap: the answer proves that it left.
		at = e.At
		t.asked[seq] = at
		t.path.Sent = len(t.asked)
	}
	rtt := milliseconds(e.At.Sub(at))
	if !t.answered[seq] {
		t.answered[seq] = true
		t.path.Received = len(t.answered)
	}
	if len(t.answered) == 1 && t.path.RTTMS == 0 {
		t.path.RTTMS = rtt
	}
	t.responder(from, mac, rtt)
	t.note(e)
}

func (t *tally) responder(addr netip.Addr, mac diag.MAC, rtt float64) {
	for i, r := range t.path.Responders {
		if r.Address == addr {
			if r.MAC == (diag.MAC{}) {
				t.path.Responders = slices.Clone(t.path.Responders)
				t.path.Responders[i].MAC = mac
			}
			return
		}
	}
	if len(t.path.Responders) < respondersKept {
		t.path.Responders = append(slices.Clip(t.path.Responders), diag.Responder{Address: addr, MAC: mac, RTTMS: rtt})
	}
}

func milliseconds(d time.Duration) float64 {
	return float64(max(0, d).Round(time.Microsecond)) / float64(time.Millisecond)
}

// error notes an ICMPv6 error. The host's own say only that it could not resolve the next hop; they
// come from the source asked with, which may be a candidate.
func (t *tally) error(e diag.Event, typ diag.FrameType, code int, from netip.Addr, mtu int) {
	if !from.IsValid() || from == t.q.Source || t.host.Own(from) {
		t.local = true
		return
	}
	if t.path.Error == nil {
		t.path.Error = &diag.PathError{Type: typ, Code: code, From: from, MTU: mtu}
		t.note(e)
	}
}

func (t *tally) seeSocket(e diag.Event, b diag.Socket) {
	if t.q.Asks == diag.AsksService {
		t.seeService(e, b)
		return
	}
	if t.q.Asks != diag.AsksEcho {
		if b.Event == diag.SocketError && b.Type == "" && !b.From.IsValid() {
			t.refuse(b.Errno) // so it solicits nothing either
		}
		return
	}
	switch b.Event {
	case diag.SocketSent:
		t.taken++
		t.ask(e, b.EchoSeq)
	case diag.SocketReply:
		if t.answers(b.From) {
			t.answer(e, b.EchoSeq, b.From, diag.MAC{})
		}
	case diag.SocketError:
		switch {
		case b.Type != "":
			t.error(e, b.Type, b.Code, b.From, 0)
		case b.From.IsValid() || b.Errno == "EHOSTUNREACH" && t.taken > 0:
			t.local = true
		default:
			t.refuse(b.Errno)
			t.note(e)
		}
	}
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

// leaves counts a question of which every copy is one.
func (t *tally) leaves(e diag.Event) {
	t.copies++
	t.path.Sent++
	t.last = e.At
	t.note(e)
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

// seeDAD looks for another holder of the address (RFC 4862 §5.4.3), or another that wants it at the
// same moment, which its nonce tells from our own solicitation looped back (RFC 7527).
func (t *tally) seeDAD(e diag.Event, f diag.Frame) {
	switch {
	case f.Target != t.q.Target:
	case f.Out && f.Type == diag.NS && f.Src.IsUnspecified():
		if len(t.nonce) > 0 && !slices.Equal(f.Nonce, t.nonce) {
			return // the kernel's own
		}
		t.leaves(e)
	case f.Out || f.SrcMAC == t.host.MAC:
	case f.Type == diag.NS && len(t.nonce) > 0 && slices.Equal(f.Nonce, t.nonce): // ours, looped back
	case f.Type == diag.NA, f.Type == diag.NS && f.Src.IsUnspecified():
		t.path.Received++
		t.held(e, f)
	}
}

// seeAddress follows the kernel's own DAD. A failed one with a lifetime shows in the deletion alone.
func (t *tally) seeAddress(e diag.Event, a diag.Address) {
	switch {
	case a.Flags&diag.DADFailed != 0:
		t.path.Received = max(1, t.path.Received)
		t.note(e)
	case !a.Gone && a.Flags&diag.Tentative == 0:
		t.nud = diag.NoARP // passed: the address may be used
		t.note(e)
	}
}

func (t *tally) seeRS(e diag.Event, f diag.Frame) {
	switch {
	case f.Out && f.Type == diag.RS:
		t.leaves(e)
	case !f.Out && f.Type == diag.RA && t.path.Sent > 0:
		rtt := milliseconds(e.At.Sub(t.last))
		if t.path.Received == 0 {
			t.path.RTTMS = rtt
			t.path.Received = 1
		}
		t.responder(f.Src, f.SrcMAC, rtt)
		t.note(e)
	}
}

// passed reports whether the kernel's DAD came to its end.
func (t *tally) passed() bool { return t.nud == diag.NoARP }

// left reports whether anything of the question was seen to leave this host.
func (t *tally) left() bool { return t.copies > 0 || t.path.Received > 0 }

// failed reports whether the kernel's own discovery came to its end in vain.
func (t *tally) failed() bool { return t.kernel() && t.nud == diag.Failed && !t.before.Resolved() }

// unresolved reports whether the kernel's entry for the next hop failed or is not made.
func (t *tally) unresolved() bool {
	return t.local || t.nud == diag.Incomplete || t.nud == diag.Failed
}

// hasAnswer reports whether an answer of any kind has come, or cannot come any more.
func (t *tally) hasAnswer() bool {
	switch {
	case t.preset != "" || t.closed:
		return true
	case t.path.Error != nil || t.path.Errno != "" && t.path.Sent == 0 || t.path.Detail == DetailClosed:
		return true
	case t.q.Asks == diag.AsksND && t.kernel():
		return t.nud.Resolved() || t.nud == diag.Failed && (t.copies > 0 || !t.host.Tap)
	case t.q.Target.IsMulticast() && t.q.Asks == diag.AsksEcho:
		return false // there may always be one more
	default:
		return t.path.Received > 0
	}
}

// outstanding reports whether a question is still on its way though another was answered.
func (t *tally) outstanding() bool {
	switch {
	case t.path.Received == 0:
		return false
	case t.q.Asks == diag.AsksND:
		return !t.kernel() && t.path.Received < t.path.Sent
	default:
		return (t.q.Asks == diag.AsksEcho || t.q.Asks == diag.AsksMTU) && len(t.answered) < len(t.asked)
	}
}

// patience is how long after the newest question others on their way are waited for: twice as long as
// an answer takes, at the most.
func (t *tally) patience() time.Duration {
	rtt := time.Duration(t.path.RTTMS * float64(time.Millisecond))
	if len(t.solicits) > 0 {
		rtt += t.solicits[len(t.solicits)-1].Sub(t.solicits[0])
	}
	return min(max(2*rtt, tapMayLag), time.Second)
}

// lossy reports whether some questions were answered and some were not.
func (t *tally) lossy() bool {
	return t.preset == "" && !t.q.Target.IsMulticast() && t.path.Received > 0 && t.path.Received < t.path.Sent
}

// verdict says what has come of the question so far. It may be asked again after more events.
func (t *tally) verdict() diag.Path {
	p := t.path
	p.Evidence = slices.Clone(p.Evidence)
	if t.kernel() && t.q.Asks != diag.AsksDAD && t.nud != "" && t.hop() == t.q.Target {
		p.NUD = t.nud
	}
	if t.preset != "" {
		p.Outcome = t.preset
		return p
	}
	if t.kernel() && t.q.Asks == diag.AsksEcho && t.host.Tap {
		p.Sent = max(t.copies, p.Received)
		if p.Error != nil {
			p.Sent = max(p.Sent, 1) // what another host refuses has left
		}
	}
	switch {
	case t.q.Asks == diag.AsksND && t.kernel():
		t.judgeKernelND(&p)
	case p.Received > 0:
		p.Outcome = diag.Answered
	case p.Error != nil:
		p.Outcome = diag.Refused
	case t.q.Asks == diag.AsksDAD && t.kernel():
		p.Outcome = diag.Silent
	case t.q.Asks == diag.AsksEcho && t.kernel():
		t.judgeKernelEcho(&p)
	case t.q.Asks == diag.AsksService:
		t.judgeService(&p)
	case p.Sent > 0:
		p.Outcome = diag.Silent
		if t.host.XDP {
			p.Detail = DetailXDP
		}
	default:
		p.Outcome = diag.Unsent
		if p.Errno == "" {
			p.Detail = DetailNotSeen
		}
	}
	return p
}

// judgeKernelND reads the kernel's neighbour discovery from the entry and the solicitations that
// were seen to leave.
func (t *tally) judgeKernelND(p *diag.Path) {
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

func (t *tally) judgeKernelEcho(p *diag.Path) {
	switch {
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
