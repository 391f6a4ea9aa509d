package checks

import (
	"context"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// A Loop is one run of the checks. It owns all that the run knows, and neither reads a clock nor waits: it is told
// what has come and what time it is, sends what is to be sent, and says when it wants to look again. Run drives it on
// this host; a simulated network can do so as well, in a time of its own.
//
// Inside, whatever goes on by itself (a lane, a claim, the planning of rounds) is a task: a coroutine that runs until
// it has to wait. Only one runs at a time, so none of what they share needs a lock.
type Loop struct {
	Runner
	rounds
	spec           diag.Run
	count          int
	interval, wait time.Duration
	deadline       time.Time
	whole          extent
	ifaces         map[string]*extent // what is asked on an interface; it ends when that vanishes

	pace   *pacer
	ledger *ledger
	// lossy: some packets got lost, so that no silence is sure.
	lossy bool
	// near and beyond are how long answers of the link take, and of what is behind its router.
	near, beyond timing
	seq          uint32 // the newest of an echo
	ids          map[uint16]bool
	sockets      map[socketKey]*openSocket
	macs         map[diag.InterfaceAddr]diag.MAC
	claims       map[diag.InterfaceAddr]*claim
	own          map[netip.Addr]bool // addresses of this host; nil: not looked up
	denied       *Denied
	broke        map[diag.CheckKey]string

	now   time.Time
	tasks []*task
	boxes map[topic][]*inbox
	// stirred: something has come that a task may wait for.
	stirred bool
	// learnt: something that planning depends on has changed.
	learnt bool
	calls  []*Call
	next   Next
}

// Mail is what has come since the last Step.
type Mail struct {
	Events []diag.Event // of the stream, in order, with what the loop itself emitted
	Made   []*Call
	// End is why the run is to end: what is open is settled without waiting. Nil: it goes on. The first cause counts.
	End error
}

// Next is what a Step asks for.
type Next struct {
	Calls []*Call
	// Wake is when to Step again if no mail comes before; zero: only mail brings anything new.
	Wake time.Time
	// Due is when a wait for answers is over. What the host's sockets hold by then belongs into the mail.
	Due time.Time
	// Over: all is settled, and nothing of what the run changed on the host is left.
	Over bool
}

// A Call asks the host for something that may take long, or changes something on it.
type Call struct {
	do    func()
	broke any // the value that it panicked with
	made  bool
}

// Make does it. It is to be called once, beside the loop; the Call then comes back by mail.
func (c *Call) Make() {
	defer func() { c.broke = recover() }()
	c.do()
}

// NewLoop returns the run that the state asks for. It has begun when Step is called first, and ends by itself at the
// deadline; zero: at none.
func NewLoop(runner Runner, deadline time.Time) *Loop {
	r := &Loop{
		Runner: runner, deadline: deadline, ifaces: map[string]*extent{}, ledger: newLedger(),
		rounds:  rounds{known: map[identity]bool{}, running: map[Lane]bool{}, queued: map[Lane][]*Question{}, held: map[Lane]bool{}, kept: kept{lost: map[string]bool{}}},
		sockets: map[socketKey]*openSocket{}, macs: map[diag.InterfaceAddr]diag.MAC{}, ids: map[uint16]bool{},
		claims: map[diag.InterfaceAddr]*claim{}, broke: map[diag.CheckKey]string{},
		boxes: map[topic][]*inbox{}, stirred: true,
	}
	runner.Session.Look(func(s *diag.State) { r.spec = s.Run })
	r.count = max(1, r.spec.Count)
	r.interval = time.Duration(max(1, r.spec.IntervalMS)) * time.Millisecond
	r.wait = time.Duration(max(1, r.spec.WaitMS)) * time.Millisecond
	r.pace = &pacer{left: packetBound(r.spec)}
	r.seq = rand.Uint32N(groupSeq)
	for _, iface := range r.spec.Interfaces {
		r.ifaces[iface] = &extent{within: &r.whole}
	}
	r.start(&r.whole, func(t *task) { r.conduct(t) })
	return r
}

// Step takes in the mail and lets everything go on that can. What came before now is in this mail or was in an earlier
// one. Steps follow each other: no two at a time.
func (r *Loop) Step(now time.Time, mail Mail) Next {
	r.now = now
	for _, c := range mail.Made {
		c.made, r.stirred = true, true
	}
	for _, e := range mail.Events {
		r.fold(e)
	}
	if mail.End == nil && !r.deadline.IsZero() && !now.Before(r.deadline) {
		mail.End = context.DeadlineExceeded
	}
	if mail.End != nil && r.whole.err() == nil {
		r.whole.end(mail.End)
		r.stirred = true
	}
	if r.stirred || !r.next.Wake.IsZero() && !now.Before(r.next.Wake) {
		r.turn()
	}
	r.next.Calls, r.calls = r.calls, nil
	return r.next
}

// fold takes an event in, and passes it on to those who asked for it.
func (r *Loop) fold(e diag.Event) {
	switch b := e.Body.(type) {
	case diag.Frame:
		if b.Out && b.Type == diag.NS && r.ledger.unpaid(b) {
			r.pace.charge(r.now, 1)
		}
	case diag.Link:
		if iface := r.ifaces[b.Interface]; iface != nil && b.Gone {
			iface.end(errGone)
			r.stirred = true
		}
	case diag.Address:
		r.own = nil
	case diag.Socket:
		if b.Event == diag.SocketReply && b.Service == string(TCP) && b.Answer == TCPOpen {
			r.pace.charge(r.now, handshakeRest)
		}
	}
	to := about(e)
	if to.learnt {
		r.learnt, r.stirred = true, true
	}
	for _, t := range to.topics[:to.n] {
		for _, box := range r.boxes[t] {
			box.put(e)
			r.stirred = true
		}
	}
}

// turn lets every task go on that can, until none can.
func (r *Loop) turn() {
	for again := true; again; {
		again, r.stirred = false, false
		for _, t := range slices.Clone(r.tasks) {
			if t.waits.over(r.now) {
				again = true
				t.waits, t.going = t.next()
			}
		}
		r.tasks = slices.DeleteFunc(r.tasks, func(t *task) bool { return !t.going })
	}
	r.next = Next{Over: len(r.tasks) == 0}
	if !r.deadline.IsZero() && r.whole.err() == nil {
		r.next.Wake = r.deadline
	}
	for _, t := range r.tasks {
		r.next.Wake = earlier(r.next.Wake, t.waits.until)
		if t.waits.mail != nil {
			r.next.Due = earlier(r.next.Due, t.waits.until)
		}
	}
}

// earlier is the first of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// A task goes on by itself, until what it is part of has ended or it has come to its own end.
type task struct {
	r      *Loop
	within *extent
	next   func() (wait, bool)
	yield  func(wait) bool
	waits  wait
	going  bool
}

// start begins a task. It is called inside Step alone, and once before.
func (r *Loop) start(within *extent, body func(*task)) {
	t := &task{r: r, within: within, going: true, waits: wait{ready: func() bool { return true }}}
	t.next, _ = iter.Pull(func(yield func(wait) bool) {
		t.yield = yield
		body(t)
	})
	r.tasks = append(r.tasks, t)
}

// A wait says when a task can go on: whichever comes first.
type wait struct {
	within *extent     // its end; nil: that is not waited for
	mail   *inbox      // something in it
	until  time.Time   // zero: no time
	ready  func() bool // what another task, or a Call, brings about
}

func (w wait) over(now time.Time) bool {
	return w.ready != nil && w.ready() || w.mail != nil && len(w.mail.list) > 0 ||
		!w.until.IsZero() && !now.Before(w.until) || w.within.err() != nil
}

// ended reports whether what the task is part of has ended.
func (t *task) ended() bool { return t.within.err() != nil }

// await waits until something holds, and reports whether it does; the end of the task ends the wait.
func (t *task) await(ready func() bool) bool {
	if !ready() && !t.ended() {
		t.yield(wait{within: t.within, ready: ready})
	}
	return ready()
}

// outlast waits until something holds, whatever ends.
func (t *task) outlast(ready func() bool) {
	if !ready() {
		t.yield(wait{ready: ready})
	}
}

// sleep waits for a time, or the end of the task.
func (t *task) sleep(until time.Time) {
	if t.r.now.Before(until) && !t.ended() {
		t.yield(wait{within: t.within, until: until})
	}
}

// ask has the host asked beside the loop, and waits for the answer. It is not ok when the task ended before: what is
// asked so must change nothing.
func ask[T any](t *task, question func() T) (answer T, ok bool) {
	if t.ended() {
		return answer, false
	}
	var got T
	if !t.call(t.within, func() { got = question() }) {
		return answer, false
	}
	return got, true
}

// change has something on the host changed beside the loop, and waits for what comes of it, however long that takes.
func (t *task) change(do func() error) (err error) {
	t.call(nil, func() { err = do() })
	return err
}

func (t *task) call(within *extent, do func()) bool {
	c := &Call{do: do}
	t.r.calls = append(t.r.calls, c)
	t.yield(wait{within: within, ready: func() bool { return c.made }})
	if c.made && c.broke != nil {
		panic(c.broke)
	}
	return c.made
}

type openSocket struct {
	sock  Asker
	err   error
	tried bool
}

// An extent is how long something is asked: until it is ended, or what it is part of is.
type extent struct {
	within *extent
	cause  error
}

// end ends it, unless it has ended before.
func (x *extent) end(cause error) {
	if x.err() == nil {
		x.cause = cause
	}
}

// err is why it has ended; nil: it has not.
func (x *extent) err() error {
	for ; x != nil; x = x.within {
		if x.cause != nil {
			return x.cause
		}
	}
	return nil
}
