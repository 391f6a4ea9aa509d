package app

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// What a Listener remembers and says at most, whoever knocks however often.
const (
	knocksKept     = 256 // that wait for their answer, and askers that are told apart
	addressesHeard = 1024
	linesASecond   = 20
)

// answerWithin is how long a knock waits for this host's answer before it counts as unanswered: the kernel answers at
// once, an application's handshake too, and the tap tells of it a moment later.
const answerWithin = time.Second

// A Listener tells of what others send to addresses of this host without being asked, and what this host does with it,
// as it happens. It is a fold over events, and safe for concurrent use.
type Listener struct {
	say   func(at time.Time, line string)
	count int // of knocks, after which it is done; 0: never

	mu      sync.Mutex
	named   netip.Addr // what is listened for; invalid: every global address of this host
	own     map[diag.InterfaceAddr]bool
	waiting map[knock]wait
	heard   map[netip.Addr]*Heard
	knocks  int
	second  time.Time // in which lines were said
	lines   int
	unsaid  int
	closed  bool // what comes from now on does not count
	done    chan struct{}
	ended   bool
}

// A knock is what asks for an answer.
type knock struct {
	kind     diag.FrameType
	from, to netip.Addr
	id, seq  uint16 // of an echo
	ports    [2]uint16
}

// A wait is a knock that is not answered yet.
type wait struct {
	at    time.Time
	seq   int64
	iface string // by which it came
	// arrived: the tap has shown it; dropped: the kernel says that it threw it, or the answer, away. Either may be first.
	arrived, dropped bool
}

// Heard is what came for an address.
type Heard struct {
	Solicited, Asked  int // solicitations for it; echo requests and connections to it
	Answered, Missed  int // of both
	Waiting           int // had no answer yet when the listening ended
	DroppedHere       int
	AnsweredDiscovery int // of the solicitations
	From              []netip.Addr
	Elsewhere         string // by which another interface an answer left
}

// NewListener listens for one address, or for every global one where it is invalid. It is done after count knocks that
// are answered or have waited for it; never, where count is 0.
func NewListener(named netip.Addr, count int, say func(at time.Time, line string)) *Listener {
	return &Listener{
		say: say, count: count, named: named.WithZone(""), own: map[diag.InterfaceAddr]bool{},
		waiting: map[knock]wait{}, heard: map[netip.Addr]*Heard{}, done: make(chan struct{}),
	}
}

// Done is closed when as much came as was wanted.
func (l *Listener) Done() <-chan struct{} { return l.done }

// Enough has it count nothing that comes from now on. It is done once what came has its answer, or has waited for it.
func (l *Listener) Enough() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.finish()
}

// Take takes an event in.
func (l *Listener) Take(e diag.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.overdue(e.At)
	switch b := e.Body.(type) {
	case diag.Address:
		l.address(e, b)
	case diag.Frame:
		if b.Out {
			l.left(e, b)
		} else {
			l.arrived(e, b)
		}
	case diag.Drop:
		l.dropped(e, b)
	case diag.Flood:
		l.tell(e.At, words.Say("listen.other", "what", diag.Describe(e)))
	}
	l.finish()
}

func (l *Listener) finish() {
	if l.enough() && len(l.waiting) == 0 && !l.ended {
		l.ended = true
		close(l.done)
	}
}

// mine reports whether an address is one that is listened for.
func (l *Listener) mine(addr netip.Addr) bool {
	if l.named.IsValid() {
		return addr == l.named
	}
	_, known := l.heard[addr]
	return known
}

// address learns what this host has, and tells of what changes while it listens.
func (l *Listener) address(e diag.Event, a diag.Address) {
	key := diag.InterfaceAddr{Interface: a.Interface, Address: a.Address}
	global := !a.Address.IsLinkLocalUnicast() && !a.Address.IsLoopback() && !a.Passing()
	if a.Address != l.named && (l.named.IsValid() || !global) {
		return
	}
	if l.own[key] != !a.Gone {
		if a.Gone {
			delete(l.own, key)
			l.tell(e.At, words.Say("listen.gone", "what", diag.Describe(e)))
		} else if len(l.own) < addressesHeard {
			l.own[key] = true
			l.of(a.Address)
		}
	}
}

// of returns what was heard for an address; of those beyond the bound, what nobody looks at.
func (l *Listener) of(addr netip.Addr) *Heard {
	h := l.heard[addr]
	if h == nil {
		h = &Heard{}
		if len(l.heard) < addressesHeard {
			l.heard[addr] = h
		}
	}
	return h
}

// arrived takes a frame that came.
func (l *Listener) arrived(e diag.Event, f diag.Frame) {
	key, asks := knockOf(f)
	switch {
	case asks && f.Type != diag.UDPFrame && l.mine(key.to):
	case f.Type.IsError() && f.Quoted != nil && l.mine(f.Quoted.Src), f.Type == diag.NA && l.mine(f.Target):
		l.tell(e.At, words.Say("listen.other", "what", diag.Describe(e)))
		return
	default:
		return
	}
	if f.Bad != "" {
		l.tell(e.At, words.Say("listen.bad", "what", diag.Describe(e), "why", f.Bad))
		return
	}
	h, w, again := l.about(key)
	if h == nil {
		return
	}
	l.knocks++
	if f.Type == diag.NS {
		h.Solicited++
	} else {
		h.Asked++
	}
	if len(h.From) < knocksKept && !slices.Contains(h.From, f.Src) {
		h.From = append(h.From, f.Src)
	}
	l.tell(e.At, words.Say("listen.arrived."+string(f.Type), "from", f.Src, "address", key.to, "port", f.DstPort, "interface", f.Interface))
	if again || len(l.waiting) < knocksKept {
		l.waiting[key] = wait{at: e.At, seq: e.Seq, iface: f.Interface, arrived: true, dropped: w.dropped && !w.arrived}
	}
}

// about returns what a knock counts for, nil where it counts no more, and whether it waits for its answer already.
func (l *Listener) about(key knock) (h *Heard, w wait, waits bool) {
	if w, waits = l.waiting[key]; waits || !l.enough() {
		h = l.of(key.to)
	}
	return h, w, waits
}

// enough reports whether as much came as is wanted: what comes after that does not count.
func (l *Listener) enough() bool { return l.closed || l.count > 0 && l.knocks >= l.count }

// knockOf names what a frame that came asks; ok is false where it asks for no answer.
func knockOf(f diag.Frame) (key knock, ok bool) {
	switch f.Type {
	case diag.NS:
		return knock{kind: f.Type, from: f.Src, to: f.Target}, true
	case diag.EchoRequest:
		return knock{kind: f.Type, from: f.Src, to: f.Dst, id: f.EchoID, seq: f.EchoSeq}, true
	case diag.TCPSyn, diag.UDPFrame:
		return knock{kind: f.Type, from: f.Src, to: f.Dst, ports: [2]uint16{f.SrcPort, f.DstPort}}, true
	default:
		return knock{}, false
	}
}

// answerOf names what a frame that left answers.
func answerOf(f diag.Frame) (key knock, ok bool) {
	switch f.Type {
	case diag.NA:
		from := f.Dst
		if from == diag.AllNodes {
			from = netip.IPv6Unspecified() // who asked for it had no address yet (RFC 4861 §7.2.4)
		}
		return knock{kind: diag.NS, from: from, to: f.Target}, true
	case diag.EchoReply:
		return knock{kind: diag.EchoRequest, from: f.Dst, to: f.Src, id: f.EchoID, seq: f.EchoSeq}, true
	case diag.TCPSynAck, diag.TCPRst:
		return knock{kind: diag.TCPSyn, from: f.Dst, to: f.Src, ports: [2]uint16{f.DstPort, f.SrcPort}}, true
	default:
		return knock{}, false
	}
}

// left takes a frame that left: the answer to a knock, if it is one.
func (l *Listener) left(e diag.Event, f diag.Frame) {
	key, ok := answerOf(f)
	asked := l.waiting[key]
	if !ok || !asked.arrived {
		return
	}
	delete(l.waiting, key)
	h := l.of(key.to)
	h.Answered++
	if key.kind == diag.NS {
		h.AnsweredDiscovery++
	}
	say := "listen.answered." + string(f.Type)
	if asked.iface != f.Interface {
		h.Elsewhere = f.Interface
		say = "listen.answered.elsewhere"
	}
	l.tell(e.At, words.Say(say, "to", key.from, "address", key.to, "interface", f.Interface,
		"ms", float64(e.At.Sub(asked.at).Round(10*time.Microsecond))/float64(time.Millisecond), "port", f.SrcPort))
}

// dropped takes the kernel's word that it threw away what came, or the answer.
func (l *Listener) dropped(e diag.Event, d diag.Drop) {
	f := d.Frame
	key, ok := knockOf(f)
	if f.Out {
		key, ok = answerOf(f)
	}
	if !ok || !l.mine(key.to) || !d.Telling() {
		return
	}
	h, w, waits := l.about(key)
	if h == nil {
		return
	}
	h.DroppedHere++
	if !waits {
		w = wait{at: e.At, seq: e.Seq}
	}
	if w.dropped = true; waits || !f.Out && len(l.waiting) < knocksKept {
		l.waiting[key] = w
	}
	l.tell(e.At, words.Say("listen.dropped", "what", diag.Describe(e)))
}

// overdue gives up the knocks that have waited long enough.
func (l *Listener) overdue(now time.Time) {
	for _, key := range l.sorted() {
		w := l.waiting[key]
		if now.Sub(w.at) < answerWithin {
			continue
		}
		switch {
		case w.dropped:
			l.miss(key)
		case key.kind == diag.NS && key.from.IsUnspecified() && !l.holds(key.to):
			delete(l.waiting, key) // somebody is about to take the address, and nobody here has it
		default:
			l.miss(key)
			l.tell(now, words.Say("listen.unanswered", "from", key.from, "address", key.to, "what", words.Say("listen.kind."+string(key.kind))))
		}
	}
}

// miss counts a knock that gets no answer.
func (l *Listener) miss(key knock) {
	h := l.of(key.to)
	h.Missed++
	if !l.waiting[key].arrived { // the tap shows no datagrams, and not every SYN
		h.Asked++
		l.knocks++
	}
	delete(l.waiting, key)
}

func (l *Listener) holds(addr netip.Addr) bool {
	for key := range l.own {
		if key.Address == addr {
			return true
		}
	}
	return false
}

// sorted are the knocks that wait, the oldest first.
func (l *Listener) sorted() []knock {
	list := make([]knock, 0, len(l.waiting))
	for key := range l.waiting {
		list = append(list, key)
	}
	diag.SortFunc(list, func(a, b knock) int { return int(l.waiting[a].seq - l.waiting[b].seq) })
	return list
}

// tell says a line, if not too many were said in this second; how many were not is said in the next.
func (l *Listener) tell(at time.Time, line string) {
	if at.Sub(l.second) >= time.Second {
		if l.unsaid > 0 {
			l.say(at, words.Say("listen.unsaid", "n", l.unsaid))
		}
		l.second, l.lines, l.unsaid = at, 0, 0
	}
	if l.lines++; l.lines > linesASecond {
		l.unsaid++
		return
	}
	l.say(at, line)
}

// addresses are those that are listened for.
func (l *Listener) addresses() []netip.Addr {
	if l.named.IsValid() {
		return []netip.Addr{l.named}
	}
	list := make([]netip.Addr, 0, len(l.heard))
	for addr := range l.heard {
		list = append(list, addr)
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}

// A Line is prose, which may be broken, or a command to copy, which may not.
type Line struct {
	Text    string
	Command bool
}

// Begin says what is listened for, and what would keep this host from hearing it.
func (l *Listener) Begin(s *diag.State) (lines []Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	say := func(key string, args ...any) { lines = append(lines, Line{Text: words.Say(key, args...)}) }
	for _, addr := range l.addresses() {
		say("listen.for", "address", addr, "state", hearing(s, addr))
	}
	if len(lines) == 0 {
		say("listen.no-address", "interfaces", words.List(s.InterfacesOf()))
	}
	for _, name := range []diag.FeedName{diag.FeedFrames, diag.FeedDrops} {
		if f := s.Feeds[name]; f.State == diag.Unavailable || f.State == diag.Lost {
			say("listen.blind."+string(name), "why", f.Why)
			if f.Fix != "" {
				lines = append(lines, Line{words.Say("plain.do", "command", f.Fix), true})
			}
		}
	}
	return lines
}

// hearing says whether this host could hear who asks for an address.
func hearing(s *diag.State, addr netip.Addr) string {
	iface := s.InterfaceWith(addr)
	if iface == "" {
		return words.Say("listen.nobody-has")
	}
	groups, known := s.Groups[iface]
	joined, device := groups.Hears(addr)
	key := "listen.group.heard"
	switch link := s.Links[iface]; {
	case !s.Addresses[diag.InterfaceAddr{Interface: iface, Address: addr}].Fact.Flags.Usable():
		key = "listen.group.unusable"
	case !known || groups.Partial:
		key = "listen.group.unknown"
	case !joined:
		key = "listen.group.not-joined"
	case !device && !link.AllMulticast && !link.Promiscuous:
		key = "listen.group.device"
	}
	return words.Say(key, "interface", iface, "group", diag.SolicitedNode(addr))
}

// End says what came of each address, what it means where nothing came, and which findings explain what is not as it
// should be. code is the verdict's: ok where all that came was answered, unknown where nothing did.
func (l *Listener) End(s *diag.State, d why.Diagnosis) (lines []Line, verdict why.Verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	say := func(key string, args ...any) { lines = append(lines, Line{Text: words.Say(key, args...)}) }
	verdict = why.VerdictOK
	if l.unsaid > 0 {
		say("listen.unsaid", "n", l.unsaid)
	}
	for _, key := range l.sorted() {
		if l.waiting[key].dropped {
			l.miss(key)
		} else {
			l.of(key.to).Waiting++
		}
	}
	blind := !s.Complete(diag.FeedFrames)
	came, missed, waits := false, false, false
	for _, addr := range l.addresses() {
		h := l.of(addr)
		missed = missed || h.Missed > 0 || h.DroppedHere > 0
		came = came || h.Asked+h.Solicited > 0
		waits = waits || h.Waiting > 0
		var dropped any = h.DroppedHere
		if h.DroppedHere == 0 && !s.Complete(diag.FeedDrops) {
			dropped = words.Say("listen.not-known")
		}
		if !blind {
			say("listen.sum", "address", addr, "asked", h.Asked, "solicited", h.Solicited, "hosts", len(h.From),
				"answered", h.Answered, "missed", h.Missed, "dropped", dropped)
		}
		switch {
		case blind:
		case h.Asked > 0 && h.Elsewhere != "":
			say("listen.means.elsewhere", "interface", h.Elsewhere)
		case h.Waiting > 0 && h.Missed+h.DroppedHere == 0:
			say("listen.means.waiting", "n", h.Waiting)
		case h.Asked > 0 && h.Missed+h.DroppedHere == 0:
			say("listen.means.answered")
		case h.Asked > 0:
		case h.Solicited > 0 && h.AnsweredDiscovery == h.Solicited:
			say("listen.means.solicited")
		case h.Solicited > 0:
			say("listen.means.not-told")
		default:
			say("listen.means.nothing", "group", diag.SolicitedNode(addr))
		}
	}
	if blind {
		say("listen.means.blind")
	}
	explained := false
	r := report.Report{Interfaces: make([]report.Interface, len(s.InterfacesOf()))}
	telling, others := l.telling(d.Findings)
	for _, f := range telling {
		tells := f.Cause == why.InboundUnanswered
		explained = explained || tells
		switch {
		case f.Severity == why.Critical:
			verdict = why.VerdictCritical
		case verdict != why.VerdictCritical && (f.Severity == why.Warning || tells):
			verdict = why.VerdictWarning
		}
		say("plain.finding", "cause", f.Cause, "severity", words.Say("severity."+string(f.Severity)),
			"confidence", words.Say("confidence."+string(f.Confidence)), "summary", r.On(f.Interface, f.Summary))
		lines = append(lines, Line{Text: f.Explanation})
		for _, command := range f.Remedy {
			lines = append(lines, Line{words.Say("plain.do", "command", command), true})
		}
	}
	if len(others) > 0 {
		say("listen.others", "address", l.named, "list", words.List(others))
	}
	switch {
	case verdict != why.VerdictOK:
	case missed:
		verdict = why.VerdictWarning
		if !explained {
			say("listen.means.unexplained")
		}
	case !came || blind || waits:
		verdict = why.VerdictUnknown
	}
	return lines, verdict
}

// telling are the findings that may say why an address that is listened for is not reached, those about it first. The
// others, about another address of this host, or about somebody to whom it owed no answer, are named only.
func (l *Listener) telling(findings []why.Finding) (list []why.Finding, others []string) {
	var about []why.Finding
	for _, f := range findings {
		subject, _ := netip.ParseAddr(f.Subject.Value)
		named := l.named.IsValid() && subject == l.named
		h := l.heard[l.named]
		missed := h != nil && h.Missed+h.DroppedHere > 0
		elsewhere := false
		switch f.Subject.Kind {
		case "address":
			elsewhere = subject.IsValid() && !named && !subject.IsLinkLocalUnicast() // which speaks for all of the interface
		case "peer", "target", "service":
			elsewhere = !missed
		}
		switch {
		case named, f.Cause == why.InboundUnanswered && (missed || !l.named.IsValid()):
			about = append(about, f)
		case f.Severity == why.Info && f.Cause != why.InboundUnanswered:
		case l.named.IsValid() && (elsewhere || f.Cause == why.InboundUnanswered):
			others = append(others, words.Say("listen.other-finding", "cause", f.Cause, "subject", f.Subject.Value))
		default:
			list = append(list, f)
		}
	}
	return append(about, list...), others
}
