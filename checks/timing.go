package checks

import (
	"time"

	"ndwhy/diag"
)

// How long an answer is waited for. A silence that would be a symptom is waited for in full (the run's WaitMS), and
// asked again. One that is normal here decides less, and is concluded from the answers' own timing: what was answered
// in the same run, near or beyond the router, tells how long an answer takes, and at what spread.
const (
	// silenceFloor is the least that a silence takes, however fast others answer: a host that has much to do, or has
	// to wake up first, answers within it.
	silenceFloor = 300 * time.Millisecond
	// silenceFactor is how many times the slowest answer of the run so far is waited for.
	silenceFactor = 4
	// silenceControls is how many answers that takes to be known from.
	silenceControls = 3
)

// A timing is how long answers take.
type timing struct {
	answers int
	slowest time.Duration
}

func (t *timing) learn(rtt time.Duration) {
	t.answers++
	t.slowest = max(t.slowest, rtt)
}

// silence is how long a normal silence is waited for, at most as long as any.
func (t *timing) silence(most time.Duration) time.Duration {
	if t.answers < silenceControls {
		return most
	}
	return min(most, max(silenceFloor, silenceFactor*t.slowest))
}

// timing is that of the way that the lane's target is on.
func (l *lane) timing() *timing {
	if l.hop != l.key.Target {
		return &l.r.beyond
	}
	return &l.r.near
}

// end is when the wait for an asking's answers is over, or is to be looked at again: whether a silence is a symptom is
// judged when it is old enough to be none. What the kernel held back is waited for from when it left, however late it was
// handed over.
func (l *lane) end(a *asking) time.Time {
	end := a.end
	for _, t := range a.tallies {
		if left := t.first.Add(l.r.wait); t.bySocket() && t.copies > 0 && left.After(end) {
			end = left
		}
	}
	if a.wait != l.r.wait || l.r.Expect == nil || l.r.lossy || l.r.Patient {
		return end
	}
	sooner := end.Add(l.timing().silence(a.wait) - a.wait)
	if !sooner.Before(end) {
		return end
	}
	for _, t := range a.tallies {
		if t.q.Asks != diag.AsksND && t.q.Asks != diag.AsksEcho {
			return end
		}
	}
	if !l.r.now.Before(sooner) && l.symptom(a.tallies) {
		return end
	}
	return sooner
}

// reaskWait is how long after the last re-asking answers are waited for: twice as long as the slowest of the run so far
// took, at the most as long as after the first.
func (l *lane) reaskWait() time.Duration {
	return min(max(2*l.timing().slowest, reaskInterval), l.r.wait)
}

// stragglers is until when answers on their way are waited for, of questions that the kernel's frames asked by wire
// too: some came, and what was asked last is not lost yet. Zero: there are none.
func (l *lane) stragglers() (until time.Time) {
	for _, t := range l.open(isWireKind) {
		if t.outstanding() && t.last.Add(t.patience()).After(until) {
			until = t.last.Add(t.patience())
		}
	}
	return until
}

// patience is how long after the newest question others on their way are waited for: twice as long as
// the slowest answer so far took, at the most.
func (t *tally) patience() time.Duration {
	rtt := t.rtt()
	if len(t.solicits) > 0 {
		rtt += t.solicits[len(t.solicits)-1].Sub(t.solicits[0])
	}
	return twice(rtt)
}

// rtt is the time that an answer took, the slowest so far.
func (t *tally) rtt() time.Duration {
	return max(t.slowest, time.Duration(t.path.RTTMS*float64(time.Millisecond)))
}

// twice is for how long others are waited for where an answer took so long.
func twice(rtt time.Duration) time.Duration { return min(max(2*rtt, tapMayLag), time.Second) }

// underway is how many unanswered questions may be on their way still: asked later than twice the time of an answer ago.
func (t *tally) underway(now time.Time) (n int) {
	since := now.Add(-t.patience())
	for _, at := range t.solicits { // whose answers do not tell which they answer, nor so how long they took
		if at.After(since) {
			n++
		}
	}
	since = now.Add(-twice(t.rtt()))
	for seq, at := range t.asked {
		if !t.answered[seq] && at.After(since) {
			n++
		}
	}
	return n
}
