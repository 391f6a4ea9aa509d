package checks

import (
	"errors"
	"slices"
	"time"

	"ndwhy/diag"
)

// An asking is a question on its way: sent count times, interval apart, then waited for.
type asking struct {
	tallies        []*tally
	send           func() error
	ready          func() bool
	count, sent    int
	cost, each     int // packets that the first sending causes, and each further one; 1 where it is 0
	interval, wait time.Duration
	next, end      time.Time
	// leave is set where nothing leaving within leaveWithin ends the asking.
	leave   bool
	started time.Time
	reasked bool
	// full: it is asked count times, whatever answers.
	full bool
	// twice: the kernel had a second round of discovery.
	twice bool
	// again may prolong an asking whose wait has ended; more begins another where the answer calls for it.
	again func(*asking) bool
	more  func() bool
	over  bool
}

// price is how many packets the next sending causes.
func (a *asking) price() int {
	if a.sent == 0 {
		return max(1, a.cost)
	}
	return max(1, a.each)
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
			if a.more != nil && a.more() {
				continue
			}
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
			cost := a.price()
			if a.sent == 0 {
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
		case a.waits(l, at):
			return true
		case a.again != nil && a.again(a):
		default:
			a.finish()
			return false
		}
	}
}

// waits reports whether the time for answers is not over, and until when that is so through at.
func (a *asking) waits(l *lane, at func(time.Time)) bool {
	end := l.end(a)
	if !l.r.now.Before(end) {
		return false
	}
	at(end)
	return true
}

// gaveUp reports whether the kernel has ended its discovery in vain before all was asked: another
// question would only make it begin anew.
func (a *asking) gaveUp() bool {
	return slices.ContainsFunc(a.tallies, func(t *tally) bool { return !a.reasked && t.failed() || t.outlawed() })
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
	if a.full && a.sent < a.count {
		return false, grace
	}
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
	late := a.reasked && !a.twice && l.seeks(a)
	if a.reasked && !again && !late || l.r.pace.spent() || !l.symptom(a.tallies) || isSocketKind(a.tallies[0].q.kind) && l.lostEntry() {
		return false
	}
	more := l.r.reasks()
	if late {
		more = min(more, lateAsks)
	} else if l.seeks(a) {
		more = max(0, more-lateAsks)
	}
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
	a.reasked = true
	l.reasked = l.reasked || a.tallies[0].q.Via != diag.ViaApp // what an unbound socket sends is not the wire's question
	a.next = l.r.now
	a.count, a.interval, a.wait = a.count+more, reaskInterval, l.reaskWait()
	if late {
		a.twice, a.next = true, a.started.Add(findTime)
	}
	if unresolved {
		// The kernel solicits once a second, whatever it is asked meanwhile: one more of its
		// solicitations, and where frames get lost three more, after the entry has failed.
		a.interval, a.wait = 6*reaskInterval, max(6*reaskInterval, a.wait)
		a.count = a.sent + min(more, 2)
		if again {
			a.twice = true
			a.count = a.sent + min(more, 6)
		}
	}
	return true
}

// Whoever is asked for an echo may have to find this host before it can answer, and gives up after three solicitations,
// a second apart (RFC 4861 §10): what is asked within that time may all be lost with them. So a neighbour is asked
// lateAsks times once more when it is over.
const (
	findTime = 3*time.Second + reaskInterval
	lateAsks = 3
)

// seeks reports whether the asked one may have to find this host first, and there is time for it to try twice.
func (l *lane) seeks(a *asking) bool {
	return a.tallies[0].q.Asks == diag.AsksEcho && l.hop == l.key.Target && !l.hop.IsMulticast() && !l.unresolved(a.tallies) &&
		l.r.timeFor(a.started.Add(findTime+2*lateAsks*reaskInterval))
}

func (l *lane) unresolved(list []*tally) bool {
	return slices.ContainsFunc(list, func(t *tally) bool { return t.bySocket() && t.unresolved() })
}
