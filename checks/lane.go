package checks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"ndwhy/diag"
)

// Times of design rules.
const (
	// A kernel question of which nothing was seen leaving by then did not leave.
	leaveWithin = 150 * time.Millisecond
	// The tap's copy of a frame comes by another way than the socket's answer: a copy that must come
	// is waited for as long as this, one that may come not so long.
	tapLag    = 150 * time.Millisecond
	tapMayLag = 30 * time.Millisecond
	// Re-asking of an unexpected silence.
	reaskInterval = 100 * time.Millisecond
	// How long the kernel solicits before it gives an entry up: 3 times, 1 s apart (RFC 4861 §10).
	resolveTime = 3300 * time.Millisecond
)

// A lane asks the questions of one source to one target, in order: by kernel, then by wire.
type lane struct {
	*task
	r       *Loop
	key     Lane
	tallies []*tally
	in      *inbox
	// candidate is the address whose claim the lane belongs to; zero for none.
	candidate diag.InterfaceAddr

	hop     netip.Addr
	before  diag.NUD
	host    Host
	link    diag.Link
	reasked bool
	// What was seen of the kernel's discovery of the next hop.
	solicited bool
	peeked    bool
	confirmed bool
	// entry is the event that told the kernel's entry for it last: what is older says nothing, nor does anything
	// before it was looked up.
	entry int64

	published map[string]diag.Path
}

// letGo lets those go on that wait for the lane's target.
func (l *lane) letGo() { l.r.held[l.key] = false }

func (r *Loop) newLane(key Lane, list []Question) *lane {
	l := &lane{r: r, key: key, in: &inbox{}, hop: key.Target, entry: math.MaxInt64, published: map[string]diag.Path{}}
	r.Session.Look(func(s *diag.State) {
		if r.own == nil {
			r.own = map[netip.Addr]bool{}
			for k := range s.Addresses {
				r.own[k.Address] = true
			}
		}
		l.link = s.Links[key.Interface]
		l.host.Tap = s.Feeds[diag.FeedFrames].State == diag.Synced
	})
	own := r.own
	l.host.MAC, l.host.XDP = l.link.MAC, l.link.XDP
	l.host.Own = func(a netip.Addr) bool { return own[a] }
	for _, q := range list {
		if q.NextHop.IsValid() {
			l.hop = q.NextHop
		}
		l.tallies = append(l.tallies, newTally(q, l.host))
	}
	return l
}

// of returns the lane's questions of one kind that are still to be asked.
func (l *lane) of(via diag.Via, asks diag.Asks) []*tally {
	var list []*tally
	for _, t := range l.tallies {
		if t.q.Via == via && (asks == "" || t.q.Asks == asks) && t.preset == "" {
			list = append(list, t)
		}
	}
	return list
}

// serves reports whether the lane asks a service: a late answer is one, as long as the run lasts.
func (l *lane) serves() bool { return l.tallies[0].q.Service != "" }

func (l *lane) run() {
	defer l.letGo()
	defer l.finish()
	for _, t := range l.tallies {
		for _, before := range t.q.After {
			if !l.await(func() bool { return !l.r.held[before] }) {
				return
			}
		}
	}
	if !l.join() {
		return
	}
	l.r.subscribe(l.in, topic{l.key.Interface, l.key.Target, 0})
	l.r.subscribe(l.in, topic{l.key.Interface, l.hop, 0})
	if !l.serves() {
		defer l.r.unsubscribe(l.in)
	}
	switch {
	case len(l.of(diag.ViaWire, diag.AsksRS)) > 0:
		l.solicitRouter()
	case len(l.of(diag.ViaWire, diag.AsksDHCP)) > 0:
		l.solicitServer()
	default:
		l.byKernel()
		l.letGo()
		l.byWire()
		l.delivered()
		l.fullSize()
	}
}

// again asks once more what stayed silent, because loss was seen elsewhere in the run.
func (l *lane) again() {
	defer l.finish()
	if !l.join() {
		return
	}
	l.r.subscribe(l.in, topic{l.key.Interface, l.key.Target, 0})
	for _, t := range l.tallies {
		for id := range t.ids {
			l.hear(id)
		}
	}
	defer l.r.unsubscribe(l.in)
	var list []*asking
	for _, t := range l.of(diag.ViaKernel, "") {
		if t.q.Asks == diag.AsksND || t.path.Detail == DetailClosed || t.verdict().Outcome != diag.Silent || t.unresolved() {
			continue
		}
		sock, err := l.r.socket(l.task, socketKey{l.key.Interface, l.key.Source, t.q.Service})
		if err != nil {
			continue
		}
		t.closed = false
		l.useID(sock.ID())
		list = append(list, l.moreOf(t, func() error { sock.Ask(l.key.Target, l.r.nextSeq(l.key.Target)); return nil }))
		break
	}
	for _, t := range l.of(diag.ViaWire, "") {
		if t.verdict().Outcome == diag.Silent && (t.q.Asks == diag.AsksND || len(list) == 0 && t.q.Asks == diag.AsksEcho) {
			list = append(list, l.moreOf(t, l.sender(t)))
		}
	}
	l.pursue(list...)
}

// moreOf is the re-asking of one question.
func (l *lane) moreOf(t *tally, send func() error) *asking {
	l.reasked = true
	return &asking{
		tallies: []*tally{t}, send: send, count: l.r.reasks(), interval: reaskInterval, wait: reaskInterval, reasked: true,
	}
}

// silent reports whether a question of the lane stayed silent and was not re-asked.
func (l *lane) silent() bool {
	if l.reasked {
		return false
	}
	for _, t := range l.tallies {
		if t.preset != "" || t.quiet || t.q.Target.IsMulticast() || t.path.Detail == DetailClosed {
			continue
		}
		switch t.q.Asks {
		case diag.AsksEcho, diag.AsksND, diag.AsksService:
			if t.verdict().Outcome == diag.Silent {
				return true
			}
		default:
		}
	}
	return false
}

// An asking is a question on its way: sent count times, interval apart, then waited for.
type asking struct {
	tallies        []*tally
	send           func() error
	ready          func() bool
	count, sent    int
	cost           int // packets that the first sending causes; 1 where it is 0
	interval, wait time.Duration
	next, end      time.Time
	// leave is set where nothing leaving within leaveWithin ends the asking.
	leave   bool
	started time.Time
	reasked bool
	// twice: the kernel had a second round of discovery.
	twice bool
	// again may prolong an asking whose wait has ended.
	again func(*asking) bool
	over  bool
}

// pursue asks until every asking has its answer or its wait has ended.
func (l *lane) pursue(list ...*asking) {
	for {
		var wake time.Time
		at := func(t time.Time) {
			if wake.IsZero() || t.Before(wake) {
				wake = t
			}
		}
		busy := false
		for _, a := range list {
			if a.over || a.ready != nil && !a.ready() {
				continue
			}
			if l.step(a, at) {
				busy = true
			}
			if l.ended() {
				return
			}
		}
		if !busy {
			return
		}
		if !l.listen(wake) {
			return
		}
	}
}

// step brings one asking on, and reports whether there is more to wait for, until when through at.
func (l *lane) step(a *asking, at func(time.Time)) (busy bool) {
	for {
		now := l.r.now
		answered, grace := a.answered()
		if answered && !now.Before(grace) {
			a.finish()
			return false
		}
		if answered {
			at(grace)
			return true
		}
		if a.leave && a.sent > 0 && !l.left(a) {
			if dead := a.started.Add(leaveWithin); now.Before(dead) {
				at(dead)
			} else {
				a.over = true
				return false
			}
		}
		if a.sent > 0 && a.sent < a.count && a.gaveUp() {
			a.count, a.end = a.sent, now
		}
		switch {
		case a.sent < a.count && !now.Before(a.next):
			cost := 1
			if a.sent == 0 {
				cost = max(1, a.cost)
				a.started = now
			}
			if !l.r.pace.pay(l.task, cost) {
				a.over = true
				if !l.ended() {
					for _, t := range a.tallies {
						if t.path.Sent == 0 {
							t.skip(DetailBudget, "")
						}
					}
				}
				return false
			}
			now = l.r.now
			if a.sent == 0 {
				a.started = now
			} else if l.drain(); a.idle() {
				l.r.pace.charge(now, -cost) // in the meantime there is nothing to send
				continue
			}
			if err := a.send(); err != nil {
				for _, t := range a.tallies {
					t.refuse(errno(err))
				}
			}
			a.sent++
			a.next, a.end = now.Add(a.interval), now.Add(a.wait)
		case a.sent < a.count:
			at(a.next)
			return true
		case now.Before(a.end):
			at(a.end)
			return true
		case a.again != nil && a.again(a):
		default:
			a.finish()
			return false
		}
	}
}

// gaveUp reports whether the kernel has ended its discovery in vain before all was asked: another
// question would only make it begin anew.
func (a *asking) gaveUp() bool {
	return !a.reasked && slices.ContainsFunc(a.tallies, (*tally).failed)
}

// idle reports whether another question has lost its point while it waited for its turn.
func (a *asking) idle() bool {
	answered, _ := a.answered()
	return answered || a.gaveUp()
}

func (a *asking) finish() {
	a.over = true
	for _, t := range a.tallies {
		t.done = true
	}
}

// answered reports whether every question has its answer, and until when others on their way are
// waited for: those sent before the answer came are not lost yet.
func (a *asking) answered() (ok bool, grace time.Time) {
	for _, t := range a.tallies {
		if !t.hasAnswer() {
			return false, grace
		}
		if t.outstanding() {
			if g := t.last.Add(t.patience()); g.After(grace) {
				grace = g
			}
		}
	}
	return true, grace
}

// left reports whether the kernel was seen to act on an asking, or is waiting for an answer that it
// asked for before.
func (l *lane) left(a *asking) bool {
	if l.solicited || l.before == diag.Incomplete {
		return true
	}
	for _, t := range a.tallies {
		if t.left() {
			return true
		}
	}
	return false
}

// errno names a system's error as errno(3) does.
func errno(err error) string {
	if no, ok := errors.AsType[Errno](err); ok {
		return string(no)
	}
	return "EIO"
}

// listen waits for events until wake, folds them and reports what is settled. It is false when what the lane is part
// of has ended.
func (l *lane) listen(wake time.Time) bool {
	if len(l.in.list) == 0 && !l.ended() {
		l.yield(wait{within: l.within, mail: l.in, until: wake})
	}
	if l.drain() {
		l.peek()
	}
	return !l.ended()
}

// drain folds what has come by now, and reports whether anything had.
func (l *lane) drain() bool {
	list := l.in.take()
	for _, e := range list {
		if _, entry := e.Body.(diag.Neighbour); !entry || e.Seq > l.entry {
			l.fold(e)
		}
	}
	if len(list) > 0 {
		l.publish(false)
	}
	return len(list) > 0
}

func (l *lane) fold(e diag.Event) {
	if f, ok := e.Body.(diag.Frame); ok && f.Out && f.Type == diag.NS && f.Target == l.hop && !f.Src.IsUnspecified() {
		l.solicited = true
	}
	for _, t := range l.tallies {
		t.see(e)
		if t.kernel() && t.q.Asks == diag.AsksEcho && t.copies > 0 && !t.q.Fresh {
			l.letGo()
		}
	}
}

// peek asks for the entry once the kernel was seen to solicit, for it announces no INCOMPLETE, and
// once an answer was seen.
func (l *lane) peek() {
	var nd, answered bool
	for _, t := range l.of(diag.ViaKernel, "") {
		if t.closed {
			continue
		}
		nd = nd || t.q.Asks == diag.AsksND && !t.before.Resolved() && !t.nud.Resolved()
		answered = answered || t.path.Received > 0
	}
	switch {
	case !nd:
		return
	case answered && !l.confirmed:
		l.peeked, l.confirmed = true, true
	case l.solicited && !l.peeked:
		l.peeked = true
	default:
		return
	}
	l.look()
}

// look folds the kernel's entry for the next hop as it is now.
func (l *lane) look() {
	if e, ok := l.neighbour(); ok {
		l.fold(e)
		l.publish(false)
	}
}

// neighbour reads the kernel's entry for the next hop into the stream. It is not ok where that cannot be read.
func (l *lane) neighbour() (e diag.Event, ok bool) {
	type entry struct {
		diag.Neighbour
		err error
	}
	n, ok := ask(l.task, func() (n entry) {
		n.Neighbour, n.err = l.r.Net.Neighbour(l.key.Interface, l.hop)
		return n
	})
	if !ok || n.err != nil {
		return e, false
	}
	e = l.r.Session.Emit(n.Neighbour)
	l.drain()
	l.entry = e.Seq
	return e, true
}

// publish reports what is settled; at the end, everything.
func (l *lane) publish(end bool) {
	for _, t := range l.tallies {
		if t.quiet || !end && (!t.hasAnswer() && !t.done || t.outstanding()) {
			continue
		}
		p := t.verdict()
		if t.lossy() {
			l.r.lossy = true
		}
		if p.Outcome == diag.Answered && p.Asks == diag.AsksND && len(p.Responders) > 0 {
			l.r.learnMAC(p.Interface, p.Target, p.Responders[0].MAC)
		}
		if old, ok := l.published[p.ID]; ok && reflect.DeepEqual(old, p) {
			continue
		}
		l.published[p.ID] = p
		l.r.Session.Emit(p)
	}
}

// finish settles whatever is open by the reason for which the lane ended.
func (l *lane) finish() {
	if v := recover(); v != nil {
		l.r.broken(l.tallies[0].q.Check, l.key.Interface, v)
		for _, t := range l.tallies {
			if !t.hasAnswer() && !t.done {
				t.skip(DetailInterrupted, "")
			}
		}
	}
	l.drain()
	cause := l.within.err()
	for _, t := range l.tallies {
		if t.hasAnswer() || t.done || cause == nil {
			continue
		}
		if t.waited && errors.Is(cause, context.DeadlineExceeded) {
			continue // it was asked in full, if not again
		}
		interrupt(t, cause)
	}
	l.publish(true)
}

// symptom reports whether a silence is to be asked about again.
func (l *lane) symptom(list []*tally) bool {
	for _, t := range list {
		if t.preset != "" || t.hasAnswer() || t.q.Target == diag.AllNodes {
			continue
		}
		p := t.verdict()
		if p.Outcome == diag.Silent && (l.r.lossy || l.r.Expect != nil && l.r.Expect(p)) {
			return true
		}
	}
	return false
}

// reask prolongs an asking that stayed silent where an answer would be normal.
func (l *lane) reask(a *asking) bool {
	for _, t := range a.tallies {
		t.done, t.waited = true, true // for those who look on: silent so far
	}
	l.publish(false)
	again := a.reasked && l.r.lossy && !a.twice && l.unresolved(a.tallies)
	if a.reasked && !again || l.r.pace.spent() || !l.symptom(a.tallies) {
		return false
	}
	more := l.r.reasks()
	unresolved := l.unresolved(a.tallies)
	if unresolved && more < reasks {
		more /= kernelSolicits // each makes the kernel solicit anew
	}
	if more == 0 {
		return false
	}
	for _, t := range a.tallies {
		t.done = false
	}
	a.reasked, l.reasked = true, true
	a.next = l.r.now
	a.count, a.interval, a.wait = a.count+more, reaskInterval, reaskInterval
	if unresolved {
		// The kernel solicits once a second, whatever it is asked meanwhile: one more of its
		// solicitations, and where frames get lost three more, after the entry has failed.
		a.interval, a.wait = 6*reaskInterval, 6*reaskInterval
		a.count = a.sent + min(more, 2)
		if again {
			a.twice = true
			a.count = a.sent + min(more, 6)
		}
	}
	return true
}

func (l *lane) unresolved(list []*tally) bool {
	return slices.ContainsFunc(list, func(t *tally) bool { return t.kernel() && t.unresolved() })
}

// byKernel asks through a socket. The frames that leave are the wire's questions too.
func (l *lane) byKernel() {
	kernel := l.of(diag.ViaKernel, "")
	if len(kernel) == 0 {
		return
	}
	defer func() {
		for _, t := range kernel {
			t.closed = t.preset == "" && !l.ended()
		}
		l.publish(false)
	}()
	if !l.hop.IsMulticast() {
		// The entry as it stands is no answer; a solicitation that left meanwhile is one's beginning.
		e, ok := l.neighbour()
		if n, _ := e.Body.(diag.Neighbour); ok && !n.Gone {
			l.before = n.State
		} else if !ok {
			l.entry = 0
		}
	}
	if l.ended() {
		return
	}
	for _, t := range l.tallies {
		t.before = l.before
	}
	if !l.permitted() {
		for _, t := range kernel {
			t.skip(DetailUnproven, "")
		}
		return
	}
	if l.before.Resolved() && len(l.of(diag.ViaKernel, diag.AsksEcho))+len(l.of(diag.ViaKernel, diag.AsksService)) == 0 {
		return
	}
	sock, err := l.r.socket(l.task, socketKey{l.key.Interface, l.key.Source, kernel[0].q.Service})
	if err != nil {
		_, denied := errors.AsType[*Denied](err)
		for _, t := range kernel {
			if denied {
				t.skip(DetailNoSocket, "")
			} else {
				t.refuse(errno(err))
			}
		}
		return
	}
	l.useID(sock.ID())
	a := &asking{
		tallies: kernel, count: l.r.count, interval: l.r.interval, wait: l.r.wait, again: l.reask, leave: l.host.Tap,
		send: func() error { sock.Ask(l.key.Target, l.r.nextSeq(l.key.Target)); return nil },
	}
	switch {
	case kernel[0].q.Service != "":
		// The tap shows none of it: one request, and again where silence would be a symptom.
		a.count, a.leave, a.cost = 1, false, kernel[0].q.Frames-kernelSolicits
	case !l.before.Resolved() && !l.hop.IsMulticast():
		a.cost = 2
		l.r.ledger.kernel(l.key.Interface, l.key.Source, l.hop)
	default:
		// The kernel has nothing to solicit; what its echo does is all there is to see.
		a.tallies = l.of(diag.ViaKernel, diag.AsksEcho)
	}
	l.pursue(a)
	if !l.ended() {
		l.settleKernel(kernel, a.started)
	}
	if kernel[0].q.Fresh && !l.before.Resolved() {
		l.forget()
	}
}

// settleKernel waits for the tap's side of what the socket already answered, and reads the entry
// that the kernel's discovery left behind.
func (l *lane) settleKernel(kernel []*tally, started time.Time) {
	answered := l.r.now
	for l.host.Tap {
		lag := l.tapBehind(kernel)
		if end := answered.Add(lag); !l.r.now.Before(end) {
			break
		} else if !l.listen(end) {
			return
		}
	}
	if !l.hop.IsMulticast() && !l.before.Resolved() {
		l.look()
	}
	if kernel[0].q.Fresh {
		end := started.Add(resolveTime)
		for waiting := true; waiting && !discovered(kernel) && l.r.now.Before(end); {
			waiting = l.listen(end)
		}
	}
	l.drain()
	for _, t := range kernel {
		t.done = true
	}
	for _, t := range l.of(diag.ViaWire, "") {
		// What the kernel asked was asked by wire; its wait is over with the kernel's.
		if t.path.Sent > 0 {
			t.done = true
		}
	}
}

// forget deletes the neighbour entry that the question made.
func (l *lane) forget() {
	err := l.change(func() error { return l.r.Net.DelNeighbour(l.key.Interface, l.hop) })
	if err != nil && errno(err) != "ENOENT" && errno(err) != "ENODEV" {
		l.r.broken(l.tallies[0].q.Check, l.key.Interface, fmt.Errorf("neighbour entry %s on %s: %w", l.hop, l.key.Interface, err))
		return
	}
	l.r.Session.Emit(diag.Neighbour{Interface: l.key.Interface, Address: l.hop, Gone: true})
}

// discovered reports whether the kernel's discovery came to one end or the other.
func discovered(list []*tally) bool {
	for _, t := range list {
		if t.nud == diag.Failed || t.nud.Resolved() {
			return true
		}
	}
	return false
}

// tapBehind returns how long to wait for frames that the tap has not shown yet, though the kernel's
// answers tell of them.
func (l *lane) tapBehind(kernel []*tally) (lag time.Duration) {
	for _, k := range kernel {
		switch k.q.Asks {
		case diag.AsksEcho:
			if k.path.Received == 0 && k.path.Error == nil {
				continue
			}
			if k.copies == 0 {
				lag = tapLag
			}
			for _, w := range l.of(diag.ViaWire, diag.AsksEcho) {
				if w.path.Received == 0 && w.path.Error == nil || w.outstanding() && !k.outstanding() {
					lag = tapLag
				}
			}
		case diag.AsksND:
			if k.nud.Resolved() && !l.before.Resolved() && k.path.Received == 0 {
				lag = max(lag, tapMayLag)
			}
		default:
		}
	}
	return lag
}

// permitted applies safety rule 2: a source that is not known to be assigned makes the kernel
// resolve nothing, unless the network was seen to answer a solicitation from it.
func (l *lane) permitted() bool {
	first := l.tallies[0].q
	if first.SourceClass == diag.SourceAssigned || first.Fresh || l.hop.IsMulticast() || l.before.Resolved() {
		return true
	}
	if first.SourceClass == diag.SourceCandidate || !l.host.Tap {
		return first.SourceClass == diag.SourceUnknown && !l.host.Tap && l.r.only(l.key.Interface, l.key.Source)
	}
	t := newTally(Question{Path: diag.Path{
		Interface: l.key.Interface, Asks: diag.AsksND, Via: diag.ViaWire, Source: l.key.Source, Target: l.hop,
	}}, l.host)
	t.quiet = true
	kernel := l.of(diag.ViaKernel, "")
	for _, k := range kernel {
		k.muted = true // what follows is ours
	}
	l.tallies = append(l.tallies, t)
	l.pursue(&asking{
		tallies: []*tally{t}, count: l.r.count, interval: l.r.interval, wait: l.r.wait, send: l.sender(t),
	})
	l.tallies = l.tallies[:len(l.tallies)-1]
	for _, k := range kernel {
		k.muted = false
	}
	for _, w := range l.of(diag.ViaWire, diag.AsksND) {
		w.done = w.q.Target == l.hop
	}
	return t.path.Received > 0
}

// useID makes the lane hear what is said about an echo id.
func (l *lane) useID(id uint16) {
	for _, t := range l.tallies {
		t.ids[id] = true
	}
	l.hear(id)
}

func (l *lane) hear(id uint16) {
	addr := l.key.Target
	l.r.subscribe(l.in, topic{l.key.Interface, addr, id})
	if addr.IsMulticast() {
		l.r.subscribe(l.in, topic{l.key.Interface, netip.Addr{}, id})
	}
}

// byWire sends frames of our own for what was not on the wire yet, and asks once more what stayed
// silent and should not have.
func (l *lane) byWire() {
	if !l.host.Tap || l.ended() {
		return
	}
	l.drain()
	var list []*asking
	for _, asks := range []diag.Asks{diag.AsksND, diag.AsksEcho} {
		var open []*tally
		for _, t := range l.of(diag.ViaWire, asks) {
			if !t.hasAnswer() {
				open = append(open, t)
			}
		}
		if len(open) == 0 {
			continue
		}
		a := &asking{tallies: open, count: l.r.count, interval: l.r.interval, wait: l.r.wait, again: l.reask}
		if open[0].path.Sent > 0 {
			if l.reasked && asks == diag.AsksEcho {
				continue // the kernel's re-asking was on the wire
			}
			a.count, a.end = 0, l.r.now
		}
		a.send = l.sender(open[0])
		if asks == diag.AsksEcho {
			a.ready = func() bool { return l.mac() != (diag.MAC{}) }
		}
		list = append(list, a)
	}
	l.awaitRouter(list)
	l.pursue(list...)
	if l.ended() {
		return
	}
	for _, a := range list {
		for _, t := range a.tallies {
			if !a.over {
				t.skip(DetailUnresolved, "")
			}
		}
	}
}

// delivered waits for the socket's side of an answer that the tap showed after the kernel's wait.
func (l *lane) delivered() {
	for _, w := range l.of(diag.ViaWire, diag.AsksEcho) {
		if w.path.Received == 0 {
			continue
		}
		end := l.r.now.Add(tapMayLag)
		for _, k := range l.of(diag.ViaKernel, diag.AsksEcho) {
			for k.copies > 0 && k.path.Received == 0 && l.r.now.Before(end) {
				if !l.listen(end) {
					return
				}
			}
		}
	}
}

// awaitRouter waits for the gateway's link-layer address, which other lanes ask for.
func (l *lane) awaitRouter(list []*asking) {
	if l.hop == l.key.Target || len(list) == 0 {
		return
	}
	end := l.r.now.Add(l.r.interval + l.r.wait)
	for l.mac() == (diag.MAC{}) && l.r.now.Before(end) {
		if !l.listen(l.r.now.Add(tapMayLag)) {
			return
		}
	}
}

// sender returns what sends a frame of our own for a question, with a new echo id where it is one.
func (l *lane) sender(t *tally) func() error {
	var id uint16
	if t.q.Asks == diag.AsksEcho {
		id = l.r.echoID()
		l.useID(id)
	}
	return l.wireSender(t, id)
}

func (l *lane) wireSender(t *tally, id uint16) func() error {
	return func() error {
		f := Frame{SrcMAC: l.link.MAC, Src: t.q.Source}
		switch t.q.Asks {
		case diag.AsksND:
			f.Type, f.Target = diag.NS, t.q.Target
			f.Dst = diag.SolicitedNode(t.q.Target)
			f.DstMAC = diag.MulticastMAC(f.Dst)
		case diag.AsksRS:
			f.Type, f.Dst, f.DstMAC = diag.RS, diag.AllRouters, diag.MulticastMAC(diag.AllRouters)
		default:
			f.Type, f.Dst, f.DstMAC = diag.EchoRequest, t.q.Target, l.mac()
			f.EchoID, f.EchoSeq = id, l.r.nextSeq(t.q.Target)
		}
		if f.Type == diag.NS {
			l.r.ledger.wire(l.key.Interface, f.Src, f.Target)
		}
		return l.r.Net.Send(l.key.Interface, f)
	}
}

// mac returns the link-layer address that a frame to the target goes to; zero: not known yet.
func (l *lane) mac() diag.MAC {
	if l.hop.IsMulticast() {
		return diag.MulticastMAC(l.hop)
	}
	return l.r.macOf(l.key.Interface, l.hop)
}

// solicitRouter asks for an advertisement: once, and where silence would be a symptom as often as
// RFC 4861 §6.3.7 has a host ask, if the time allows.
func (l *lane) solicitRouter() {
	l.letGo()
	if !l.host.Tap {
		return
	}
	tallies := l.of(diag.ViaWire, diag.AsksRS)
	l.pursue(&asking{
		tallies: tallies, count: 1, wait: l.r.wait, send: l.wireSender(tallies[0], 0),
		again: func(a *asking) bool {
			for _, t := range tallies {
				t.done = true
			}
			l.publish(false) // what depends on it need not wait for the repetitions
			next := a.end.Add(solicitationInterval - l.r.wait)
			if a.sent >= solicitations || !l.symptom(tallies) || !l.r.timeFor(next.Add(l.r.wait)) {
				return false
			}
			a.count, a.next = a.sent+1, next
			return true
		},
	})
}
