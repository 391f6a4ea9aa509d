package checks

import (
	"errors"
	"fmt"
	"net/netip"
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
)

// turns are the lane's questions through sockets, those of one socket together, in the order planned. What rides
// goes with the first.
func (l *lane) turns() (turns [][]*tally) {
	list := l.open(isSocketKind)
	for _, t := range slices.Concat(asked(list), list) {
		k, _ := t.q.kind.(socketKind)
		i := slices.IndexFunc(turns, func(turn []*tally) bool {
			first, _ := turn[0].q.kind.(socketKind)
			return k.rides() || first.shares(turn[0].q) == k.shares(t.q)
		})
		switch {
		case i < 0:
			turns = append(turns, []*tally{t})
		case !slices.Contains(turns[i], t):
			turns[i] = append(turns[i], t)
		}
	}
	return turns
}

// asked are those of the questions that something is sent for.
func asked(list []*tally) []*tally {
	return slices.DeleteFunc(slices.Clone(list), func(t *tally) bool { return t.q.kind.rides() })
}

// bySocket asks through sockets of this host, through all of them at once. The frames that leave bound ones are the
// wire's questions too.
func (l *lane) bySocket() {
	turns := l.turns()
	list := slices.Concat(turns...)
	if len(list) == 0 {
		return
	}
	defer func() {
		for _, t := range list {
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
	var bound, free [][]*tally
	for _, turn := range turns {
		if turn[0].q.Via == diag.ViaApp {
			free = append(free, turn)
		} else {
			bound = append(bound, turn)
		}
	}
	permitted := len(bound) > 0 && l.permitted()
	if !permitted {
		for _, t := range slices.Concat(bound...) {
			t.skip(DetailUnproven, "")
		}
		bound = nil
	}
	later := false
	if len(free) > 0 {
		sel, ok := l.route(slices.Concat(free...))
		if !ok {
			return
		}
		later = !l.harmless(sel, permitted)
		if !later {
			l.through(slices.Concat(bound, free))
		} else if l.through(bound); !l.ended() && !l.harmless(sel, false) {
			// What is bound has resolved nothing that this would use.
			for _, t := range slices.Concat(free...) {
				t.skip(DetailUnproven, "")
			}
		} else {
			l.through(free)
		}
		return
	}
	l.through(bound)
}

// through asks the questions of each socket, those of all sockets side by side, until they have their answers or
// their time is up.
func (l *lane) through(turns [][]*tally) {
	var list []*tally
	var askings []*asking
	for _, turn := range turns {
		if l.ended() {
			return
		}
		if l.before.Resolved() && len(asked(turn)) == 0 {
			continue
		}
		if a := l.opened(turn); a != nil {
			askings = append(askings, a)
			list = append(list, turn...)
		}
	}
	if len(askings) == 0 {
		return
	}
	if !l.before.Resolved() && !l.hop.IsMulticast() {
		askings[0].cost++ // one solicitation, whoever calls for it
		l.r.ledger.kernel(l.key.Interface, l.key.Source, l.hop)
	}
	l.pursue(askings...)
	if !l.ended() {
		l.settle(list)
	}
	if list[0].q.Fresh && !l.before.Resolved() {
		l.forget()
	}
}

// opened is the asking of one socket's questions; nil where there is no such socket.
func (l *lane) opened(turn []*tally) *asking {
	k, _ := turn[0].q.kind.(socketKind)
	sock, err := l.r.socket(l.task, k, turn[0].q)
	if err != nil {
		_, denied := errors.AsType[*Denied](err)
		for _, t := range turn {
			if denied {
				t.skip(DetailNoSocket, "")
			} else {
				t.refuse(errno(err))
			}
		}
		return nil
	}
	hear(sock.ID(), turn)
	if k.via() == diag.ViaKernel {
		hear(sock.ID(), l.open(isWireKind))
	}
	a := &asking{
		tallies: turn, cost: 1, count: l.r.count, interval: l.r.interval, wait: l.r.wait, again: l.reask, leave: turn[0].host.Tap,
	}
	a.send = l.asks(sock, k, a)
	switch {
	case l.before.Resolved() || l.hop.IsMulticast():
		a.tallies = asked(turn) // there is nothing to solicit
	case turn[0].q.Fresh:
		a.send = l.anew(a)
	}
	k.adjust(l, a)
	return a
}

// asks is what asks one question after the other through a socket.
func (l *lane) asks(sock Asker, k socketKind, a *asking) func() error {
	return func() error {
		if (a.sent > 0 || a.reasked) && k.via() == diag.ViaKernel && !l.lawful() {
			l.r.pace.charge(l.r.now, -a.price())
			a.count = 0 // what was asked is waited for, and no more is
			return nil
		}
		sock.Ask(netip.AddrPortFrom(l.key.Target, k.port(a.sent)), l.r.nextSeq(l.key.Target))
		return nil
	}
}

// anew makes each question one that the kernel solicits for at once: by itself it would not do so again for a second
// (RFC 4861 §10, RETRANS_TIMER), and what is asked for meanwhile waits for that.
func (l *lane) anew(a *asking) func() error {
	send := a.send
	return func() error {
		if a.sent > 0 {
			l.forget()
			if answered, _ := a.answered(); answered { // meanwhile: nobody would wait for what comes of another
				l.r.pace.charge(l.r.now, -a.price())
				return nil
			}
		}
		return send()
	}
}

// settle waits for the tap's side of what the socket already answered, and reads the entry
// that the kernel's discovery left behind.
func (l *lane) settle(list []*tally) {
	answered := l.r.now
	for l.host.Tap {
		lag := l.tapBehind(list)
		if end := answered.Add(lag); !l.r.now.Before(end) {
			break
		} else if !l.listen(end) {
			return
		}
	}
	for until := l.stragglers(); l.r.now.Before(until); until = l.stragglers() {
		if !l.listen(until) {
			return
		}
	}
	if !l.hop.IsMulticast() && !l.before.Resolved() {
		l.look()
	}
	l.drain()
	for _, t := range list {
		t.done = true
	}
	for _, t := range l.open(isWireKind) {
		// What the kernel asked was asked by wire; its wait is over with the kernel's.
		if t.path.Sent > 0 {
			t.done = true
		}
	}
}

// forget deletes the neighbour entry that the question made. The kernel announces that its discovery failed and then
// that it is gone, which is waited for: it would pass for the end of the next.
func (l *lane) forget() {
	l.drain()
	l.gone = false
	err := l.change(func() error { return l.r.Net.DelNeighbour(l.key.Interface, l.hop) })
	switch {
	case err == nil:
		end := l.r.now.Add(l.r.wait) // a busy host reads it late
		for waiting := true; waiting && !l.gone && l.r.now.Before(end); {
			waiting = l.listen(end)
		}
	case errno(err) != "ENOENT" && errno(err) != "ENODEV":
		l.r.broken(l.tallies[0].q.Check, l.key.Interface, fmt.Errorf("neighbour entry %s on %s: %w", l.hop, l.key.Interface, err))
		return
	}
	if !l.gone {
		l.r.Session.Emit(diag.Neighbour{Interface: l.key.Interface, Address: l.hop, Gone: true})
	}
}

// tapBehind returns how long to wait for frames that the tap has not shown yet, though the kernel's
// answers tell of them.
func (l *lane) tapBehind(list []*tally) (lag time.Duration) {
	for _, t := range list {
		lag = max(lag, t.q.kind.lag(l, t))
	}
	return lag
}

// permitted applies safety rule 2: a source that is not known to be assigned makes the kernel
// resolve nothing, unless the network was seen to answer a solicitation from it.
func (l *lane) permitted() bool {
	first := l.tallies[0].q
	if !l.lawful() {
		return false
	}
	if first.SourceClass == diag.SourceAssigned || first.Fresh || l.hop.IsMulticast() || l.before.Resolved() {
		return true
	}
	if first.SourceClass == diag.SourceCandidate || !l.host.Tap {
		return first.SourceClass == diag.SourceUnknown && !l.host.Tap && l.r.only(l.key.Interface, l.key.Source)
	}
	t := newTally(Question{kind: nd.wire, Path: diag.Path{Interface: l.key.Interface, Source: l.key.Source, Target: l.hop}}, l.host)
	t.quiet = true
	kernel := l.open(isSocketKind)
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
	for _, w := range l.of(nd.wire) {
		w.done = w.q.Target == l.hop
	}
	return t.path.Received > 0
}

// lawful reports whether the kernel may be asked by a source that makes it resolve nothing (safety rule 2): it sends by the
// next hop that was looked at, and has resolved that, if it had then. Either may change at any time.
func (l *lane) lawful() bool {
	if q := l.tallies[0].q; q.SourceClass == diag.SourceAssigned || q.Fresh || l.hop.IsMulticast() {
		return true
	}
	lawful, ok := ask(l.task, func() bool {
		if l.before.Resolved() {
			if n, err := l.r.Net.Neighbour(l.key.Interface, l.hop); err != nil || !n.State.Resolved() {
				return false
			}
		}
		return l.hop == l.key.Target || route(l.r.Net, []lookup{{l.key.Interface, l.key.Target}})[0].Via == l.hop
	})
	return ok && lawful
}

// peek asks for the entry once the kernel was seen to solicit, for it announces no INCOMPLETE, and
// once an answer was seen.
func (l *lane) peek() {
	var solicits, answered bool
	for _, t := range l.open(isSocketKind) {
		if t.closed {
			continue
		}
		solicits = solicits || t.q.kind == nd.kernel && !t.before.Resolved() && !t.nud.Resolved()
		answered = answered || t.path.Received > 0
	}
	switch {
	case !solicits:
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
