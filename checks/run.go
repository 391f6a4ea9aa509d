package checks

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/guard"
)

// A Runner runs the checks that the state's Run asks for. Session and Net are needed.
type Runner struct {
	Session Session
	Net     Net
	// Expect reports whether a path's silence would be a symptom where the host finds itself. Such
	// a silence is asked again before it is believed. Nil: no silence is.
	Expect func(diag.Path) bool
	// Patient: every silence is waited for in full, also where answers tell how long they take.
	Patient bool
	// Collect brings into the stream what this host's sockets hold by now: on a busy machine that may wait
	// there to be read when the time for an answer is up. Nil: nothing holds anything.
	Collect func()
}

// Run asks what the state's Run wants to know and returns when every question is settled, or ctx
// has ended: what is open then is reported as skipped. Nothing of what it changed on the host is
// left behind. The error is ctx's, unless that ended by its deadline, which is no error.
func Run(ctx context.Context, runner Runner) error {
	deadline, _ := ctx.Deadline()
	loop, box := NewLoop(runner, deadline), &mailbox{ping: make(chan struct{}, 1)}
	spare := spareFor(time.Until(deadline))
	defer runner.Session.Watch(box.see)()
	ended := ctx.Done()
	for next := (Next{}); !next.Over; {
		now := time.Now()
		if runner.Collect != nil && !next.Due.IsZero() && !now.Before(next.Due) {
			runner.Collect()
		}
		mail := box.take()
		mail.End = ctx.Err()
		if !deadline.IsZero() && !now.Before(deadline.Add(-spare.time)) {
			mail.End = cmp.Or(mail.End, context.DeadlineExceeded)
		}
		next = loop.Step(now, mail)
		spare.took(time.Since(now))
		for _, c := range next.Calls {
			go func() {
				defer guard.Rescue()
				c.Make()
				box.made(c)
			}()
		}
		if mail.End != nil {
			ended = nil
		}
		if !next.Over {
			wake := next.Wake
			if !deadline.IsZero() && mail.End == nil {
				wake = earlier(wake, deadline.Add(-spare.time))
			}
			box.wait(wake, ended)
		}
	}
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// A spare is the time before the deadline at which a run ends, so that the deadline holds also where every step takes
// long, because very much is on the link or the machine has other things to do: the last steps and the diagnosis read
// as much as the slowest step did, the sources end and the process too.
type spare struct{ time, most time.Duration }

const (
	// spareShare is which part of the whole time the spare is at most.
	spareShare = 4
	// spareLeast is what it is at least, or half of the most: a kernel that has more to do than it can takes that long
	// to let a process end.
	spareLeast = 150 * time.Millisecond
)

func spareFor(whole time.Duration) spare {
	most := max(0, whole/spareShare)
	return spare{min(most/2, spareLeast), most}
}

// took takes note of how long a step took.
func (s *spare) took(step time.Duration) { s.time = max(s.time, min(2*step, s.most)) }

// mailLimit bounds what a flood can make a mailbox hold; what comes on top is dropped, but for word of an interface.
const mailLimit = 1 << 14

// A mailbox gathers what comes while the loop is at work.
type mailbox struct {
	ping chan struct{}

	mu   sync.Mutex
	mail Mail
}

// see takes an event of the stream. The session calls it inside Emit.
func (m *mailbox) see(e diag.Event) {
	to := about(e)
	if to.n == 0 && !to.learnt {
		return
	}
	m.mu.Lock()
	if _, link := e.Body.(diag.Link); link || len(m.mail.Events) < mailLimit {
		m.mail.Events = append(m.mail.Events, e)
	}
	m.mu.Unlock()
	m.wake()
}

func (m *mailbox) made(c *Call) {
	m.mu.Lock()
	m.mail.Made = append(m.mail.Made, c)
	m.mu.Unlock()
	m.wake()
}

func (m *mailbox) wake() {
	select {
	case m.ping <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := m.mail
	m.mail = Mail{}
	return mail
}

// wait waits for mail, a time (zero: for none), or the end.
func (m *mailbox) wait(until time.Time, ended <-chan struct{}) {
	var fire <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		fire = t.C
	}
	select {
	case <-m.ping:
	case <-fire:
	case <-ended:
	}
}
