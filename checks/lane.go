package checks

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"time"

	"ndwhy/diag"
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
	// measured: it is asked again because loss is to be measured in it.
	measured bool
	// What was seen of the kernel's discovery of the next hop.
	solicited bool
	peeked    bool
	confirmed bool
	gone      bool // the entry that was deleted last
	// entry is the event that told the kernel's entry for it last: what is older says nothing, nor does anything
	// before it was looked up.
	entry int64
}

// letGo lets those go on that wait for the lane's target.
func (l *lane) letGo() { l.r.held[l.key] = false }

func (r *Loop) newLane(key Lane, list []*Question) *lane {
	l := &lane{r: r, key: key, in: &inbox{}, hop: key.Target, entry: math.MaxInt64}
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
	l.host.MAC, l.host.XDP, l.host.NoARP = l.link.MAC, l.link.XDP, l.link.NoARP
	l.host.Own = func(a netip.Addr) bool { return own[a] }
	l.host.Class = func(iface string, a netip.Addr) (class diag.SourceClass) {
		r.Session.Look(func(s *diag.State) { class = s.ClassOf(iface, a) })
		return class
	}
	for _, q := range list {
		if q.NextHop.IsValid() {
			l.hop = q.NextHop
		}
		l.tallies = append(l.tallies, newTally(*q, l.host))
	}
	return l
}

// open returns the lane's questions of some kinds that are still to be asked.
func (l *lane) open(match func(kind) bool) []*tally {
	var list []*tally
	for _, t := range l.tallies {
		if t.preset == "" && match(t.q.kind) {
			list = append(list, t)
		}
	}
	return list
}

func (l *lane) of(k kind) []*tally { return l.open(func(other kind) bool { return other == k }) }

func isSocketKind(k kind) bool { _, is := k.(socketKind); return is }
func isWireKind(k kind) bool   { _, is := k.(wireKind); return is }

// serves reports whether the lane asks a service: a late answer is one, as long as the run lasts.
func (l *lane) serves() bool { return l.tallies[0].q.Asks == diag.AsksService }

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
	l.subscribe()
	if !l.serves() {
		defer l.r.unsubscribe(l.in)
	}
	l.bySocket()
	l.letGo()
	l.byWire()
	l.delivered()
}

// subscribe has the lane told of what its questions are about.
func (l *lane) subscribe() {
	on := func(remote, local netip.Addr) { l.r.subscribe(l.in, topic{l.key.Interface, remote, local}) }
	on(l.key.Target, l.key.Source)
	on(l.key.Target, netip.Addr{})
	on(l.hop, netip.Addr{})
	if l.key.Target.IsMulticast() {
		on(netip.Addr{}, l.key.Source) // members answer from their own addresses
	}
	for _, t := range l.tallies {
		for _, more := range t.q.kind.topics(t.q) {
			l.r.subscribe(l.in, more)
		}
	}
}

// again asks once more what stayed silent, because loss was seen elsewhere in the run; and what was answered, where
// the loss is to be measured.
func (l *lane) again() {
	defer l.finish()
	if !l.join() {
		return
	}
	l.subscribe()
	defer l.r.unsubscribe(l.in)
	var list []*asking
	silent, asked, copied := l.silent(), map[kind]bool{}, false
	lost := l.lostEntry()
	if l.ended() {
		return
	}
	for _, t := range l.open(isSocketKind) {
		again := silent && t.q.kind.again() && t.path.Detail != DetailClosed && t.verdict().Outcome == diag.Silent && !t.unresolved()
		if lost || asked[t.q.kind] || !again && (!l.measured || !l.measurable(t)) {
			continue
		}
		asked[t.q.kind] = true
		k, _ := t.q.kind.(socketKind)
		sock, err := l.r.socket(l.task, k, t.q)
		if err != nil {
			continue
		}
		t.closed = false
		copied = copied || k.via() == diag.ViaKernel
		a := l.moreOf(t)
		a.send = l.asks(sock, k, a)
		list = append(list, a)
	}
	for _, t := range l.open(isWireKind) {
		again := silent && t.q.kind.again() && t.verdict().Outcome == diag.Silent && (!copied || !t.q.kind.copied())
		if !asked[t.q.kind] && (again || l.measured && l.measurable(t)) {
			asked[t.q.kind] = true
			a := l.moreOf(t)
			a.send = l.sender(t)
			list = append(list, a)
		}
	}
	l.pursue(list...)
}

// lostEntry reports whether the kernel would have to resolve what it knew when a source asked that makes it resolve nothing
// (safety rule 2).
func (l *lane) lostEntry() bool {
	if l.tallies[0].q.SourceClass == diag.SourceAssigned || !l.before.Resolved() || len(l.open(isSocketKind)) == 0 {
		return false
	}
	e, ok := l.neighbour()
	n, _ := e.Body.(diag.Neighbour)
	return !ok || n.Gone || !n.State.Resolved()
}

// moreOf is the re-asking of one question, until it is answered; of one that is, until it was asked as often as that.
func (l *lane) moreOf(t *tally) *asking {
	l.reasked = true
	a := &asking{tallies: []*tally{t}, count: l.r.reasks(), interval: reaskInterval, wait: l.reaskWait(), reasked: true}
	if t.hasAnswer() {
		a.full, a.count = true, min(a.count, max(0, l.r.count+reasks-t.path.Sent))
	}
	return a
}

// silent reports whether a question of the lane stayed silent and was not re-asked.
func (l *lane) silent() bool {
	if l.reasked {
		return false
	}
	for _, t := range l.tallies {
		if t.preset == "" && !t.quiet && !t.q.Target.IsMulticast() && t.path.Detail != DetailClosed &&
			t.q.kind.again() && t.verdict().Outcome == diag.Silent {
			return true
		}
	}
	return false
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
	if n, ok := e.Body.(diag.Neighbour); ok && n.Address == l.hop && n.Gone {
		l.gone = true
	}
	for _, t := range l.tallies {
		t.see(e)
		if t.q.Via == diag.ViaKernel && !t.q.kind.rides() && t.copies > 0 && !t.q.Fresh {
			l.letGo()
		}
	}
}

// publish reports what is settled; at the end, everything.
func (l *lane) publish(end bool) {
	for _, t := range l.tallies {
		if t.quiet || !end && (!t.hasAnswer() && !t.done || t.outstanding()) {
			continue
		}
		p := t.verdict()
		if end && t.outstanding() {
			p.Sent = max(p.Received, p.Sent-t.underway(l.r.now)) // what was asked last, by the kernel, or when time was up, is not lost
		}
		if t.lossy() && p.Received < p.Sent {
			l.r.lossy = true
		}
		if p.Outcome == diag.Answered && p.Asks == diag.AsksND && len(p.Responders) > 0 {
			l.r.learnMAC(p.Interface, p.Target, p.Responders[0].MAC)
		}
		if t.published.Equal(&p) {
			continue
		}
		if p.Outcome == diag.Answered && t.published.Outcome != diag.Answered && p.RTTMS > 0 && p.Asks != diag.AsksRS && p.Asks != diag.AsksDHCP {
			l.timing().learn(time.Duration(p.RTTMS * float64(time.Millisecond)))
		}
		t.published = p
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

// hear makes questions know what is said about an echo id.
func hear(id uint16, lists ...[]*tally) {
	for _, list := range lists {
		for _, t := range list {
			t.ids[id] = true
		}
	}
}
