// Package sim is a network for the tests of the checks: hosts with a kernel each, the switch of the lab, and what
// is beyond it, in a time of its own. It is made of the lab's own descriptions (lab.Spec), gives the same events as
// the sources on a host do, and answers a checks.Loop. It has no goroutine, no clock and no luck but that of its
// seed, so a run takes a millisecond and can be had again.
package sim

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// A clock is a time that passes when nothing else is left to do.
type clock struct {
	now   time.Time
	queue queue
	n     int
	dice  *rand.Rand
}

type due struct {
	at time.Time
	n  int // in the order in which they were planned
	do func()
}

type queue []due

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].n < q[j].n
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(due)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = due{}
	*q = (*q)[:last]
	return x
}

// after does something when a time has passed.
func (c *clock) after(d time.Duration, do func()) {
	c.n++
	heap.Push(&c.queue, due{c.now.Add(max(0, d)), c.n, do})
}

// within is some time from 0 to most.
func (c *clock) within(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(c.dice.Int64N(int64(most) + 1))
}

// chance is true so often.
func (c *clock) chance(p float64) bool { return p > 0 && c.dice.Float64() < p }

// next does what is due next, unless that is later than until (zero: whenever it is), and reports whether there was any.
func (c *clock) next(until time.Time) bool {
	if len(c.queue) == 0 || !until.IsZero() && c.queue[0].at.After(until) {
		return false
	}
	d := heap.Pop(&c.queue).(due)
	c.now = d.at
	d.do()
	return true
}
