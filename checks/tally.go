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
	// NoARP: the kernel looks for no neighbours on the interface.
	NoARP bool
	// Tap: frames are seen, so one that was not seen did not leave.
	Tap bool
	// Class says what an address is as a source on an interface.
	Class func(iface string, addr netip.Addr) diag.SourceClass
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
	ports    map[uint16]int // of TCP, what each asked
	copies   int            // frames seen leaving
	first    time.Time      // when the first of them left, which the kernel may have held while it looked for the next hop
	taken    int            // packets that the socket took
	last     time.Time      // of the newest question
	// solicits are the times of a solicitation's repetitions. Their answers do not tell which they
	// answer: where all came, in turn.
	solicits []time.Time
	heard    time.Time     // the first answer to them
	slowest  time.Duration // that an answer took
	toOne    bool          // the newest solicitation went to one MAC, not to all who have the address
	alone    diag.MAC      // who answered such
	nud      diag.NUD
	nonce    []byte // of our own DAD solicitation
	// Of a neighbour that is to find this host: it solicited for it, this host told it, it replied.
	foundBy, told, replied bool
	// transaction is our own of DHCPv6, in hexadecimal.
	transaction string
	size        int    // that the packet is to have; 0: as many bytes as it needs
	local       bool   // this host itself said that the target is unreachable
	rejected    string // the error by which a rule of this host refused what was to be sent
	closed      bool   // what comes later does not count
	done        bool   // its wait has come to an end
	waited      bool   // it came to an end once; it may be asked again since
	passed      bool   // the kernel has found the address unique
	muted       bool   // what comes now is not about it yet
	quiet       bool   // it serves another question, and is not reported
	// preset is the outcome of a question that is not asked any more.
	preset diag.Outcome

	draft     diag.Path // that verdict works on
	published diag.Path // what was reported last
}

func newTally(q Question, host Host) *tally {
	q.Asks, q.Via = q.kind.asks(), q.kind.via()
	t := &tally{
		q: q, host: host, path: q.Path, size: q.Size,
		ids: map[uint16]bool{}, asked: map[uint16]time.Time{}, answered: map[uint16]bool{}, ports: map[uint16]int{},
	}
	if q.Via == diag.ViaApp { // the kernel chooses
		t.path.Source, t.path.SourceClass = netip.Addr{}, diag.SourceUnknown
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

// bySocket reports whether the host's own network stack was asked, not the wire.
func (t *tally) bySocket() bool { return t.q.kind.via() != diag.ViaWire }

// see folds one event. What came before the question is not to be shown to it.
func (t *tally) see(e diag.Event) {
	if t.closed && !t.late(e) || t.muted || t.preset != "" {
		return
	}
	k := t.q.kind
	switch b := e.Body.(type) {
	case diag.Frame:
		// What the kernel addresses to the interface itself, as it does where it looks for no neighbours, asks nobody; else
		// another machine may have the same MAC.
		toItself := t.host.NoARP && b.Out && b.DstMAC == t.host.MAC && !t.bySocket()
		if b.Interface == t.q.Interface && b.Bad == "" && !toItself {
			k.frame(t, e, b)
		}
	case diag.Socket:
		if b.Interface == t.q.Interface && k.hears(t, b) {
			if b.Via == diag.ViaApp {
				t.speaks(b.Source)
			}
			k.socket(t, e, b)
		}
	case diag.Neighbour:
		if b.Interface == t.q.Interface && b.Address == t.hop() && !b.Gone {
			k.entry(t, e, b)
		}
	case diag.Address:
		if b.Interface == t.q.Interface && b.Address == t.q.Target {
			k.address(t, e, b)
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
	t.slowest = max(t.slowest, e.At.Sub(at))
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

// addressUnreachable is the code of the error by which a host tells itself that it could not resolve the next hop
// (RFC 4443 §3.1).
const addressUnreachable = 3

// error notes an ICMPv6 error. The host's own come from the source asked with, which may be a candidate: they say that it
// could not resolve the next hop, or, as errno, that a rule of its own rejects what was to be sent.
func (t *tally) error(e diag.Event, says diag.PathError, errno string) {
	switch {
	case says.From.IsValid() && says.From != t.path.Source && !t.host.Own(says.From):
		if t.path.Error == nil {
			t.path.Error = &says
			t.note(e)
		}
	case errno != "" && says.Type == diag.Unreachable && says.Code != addressUnreachable:
		t.rejected = errno
		t.note(e)
	default:
		t.local = true
	}
}

// copy counts a frame that was seen to leave.
func (t *tally) copy(e diag.Event) {
	if t.copies++; t.copies == 1 {
		t.first = e.At
	}
}

// leaves counts a question of which every copy is one.
func (t *tally) leaves(e diag.Event) {
	t.copy(e)
	t.path.Sent++
	t.last = e.At
	t.note(e)
}

// left reports whether anything of the question was seen to leave this host.
func (t *tally) left() bool { return t.copies > 0 || t.path.Received > 0 }

// failed reports whether the kernel's own discovery came to its end in vain.
func (t *tally) failed() bool { return t.nud == diag.Failed && !t.before.Resolved() }

// outlawed reports whether the entry that a source which makes the kernel resolve nothing may use (safety rule 2) is
// gone since.
func (t *tally) outlawed() bool {
	return t.bySocket() && t.q.SourceClass != diag.SourceAssigned && t.before.Resolved() && t.unresolved()
}

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
	default:
		return t.q.kind.answered(t)
	}
}

// outstanding reports whether a question is still on its way though another was answered.
func (t *tally) outstanding() bool {
	return t.path.Received > 0 && t.q.kind.pending(t)
}

// lossy reports whether some questions were answered and some were not.
func (t *tally) lossy() bool {
	return t.preset == "" && !t.q.Target.IsMulticast() && t.path.Received > 0 && t.path.Received < t.path.Sent
}

// verdict says what has come of the question so far. It may be asked again after more events.
func (t *tally) verdict() diag.Path {
	p := &t.draft
	*p = t.path
	p.Evidence = slices.Clone(p.Evidence)
	if t.nud != "" && t.hop() == t.q.Target {
		p.NUD = t.nud
	}
	if t.preset != "" {
		p.Outcome = t.preset
		return *p
	}
	t.q.kind.judge(t, p)
	if p.Out != "" && p.Out != p.Interface && p.Outcome != diag.Answered && p.Detail == "" {
		p.Detail, p.Note = DetailElsewhere, p.Out
	}
	return *p
}

// usual is how most outcomes are judged: by what was seen leaving, and what came.
func (t *tally) usual(p *diag.Path) {
	switch {
	case p.Received > 0:
		p.Outcome = diag.Answered
	case p.Error != nil:
		p.Outcome = diag.Refused
	case t.rejected != "":
		p.Outcome, p.Errno = diag.Unsent, t.rejected
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
}
