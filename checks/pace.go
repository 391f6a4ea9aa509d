package checks

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// Pacing of safety rule 4.
const (
	packetsPerSecond = 100
	burst            = 40

	perPacket = time.Second / packetsPerSecond
)

// packetBound is how many packets a run may send.
func packetBound(run diag.Run) int { return max(maxPackets, perPeer*len(run.Peers)) }

// A pacer lets packets out at a bounded rate, and no more than a bounded number.
type pacer struct {
	left  int       // packets that may yet be sent
	free  time.Time // when the bucket would be full
	queue []*ticket // of those who wait for their turn, in the order in which they came
}

type ticket struct{ packets int }

// pay waits for the task's turn to send n packets. It is false when the task ended or the bound is reached.
func (p *pacer) pay(t *task, n int) bool {
	mine := &ticket{n}
	p.queue = append(p.queue, mine)
	defer func() { p.queue = slices.DeleteFunc(p.queue, func(other *ticket) bool { return other == mine }) }()
	if !t.await(func() bool { return p.queue[0] == mine }) {
		return false
	}
	for p.left >= n && t.r.now.Before(p.at(n)) && !t.ended() {
		t.sleep(p.at(n))
	}
	if t.ended() || p.left < n {
		return false
	}
	p.charge(t.r.now, n)
	return true
}

// at is when n packets may be sent.
func (p *pacer) at(n int) time.Time { return p.free.Add(time.Duration(n-burst) * perPacket) }

// charge counts packets that leave.
func (p *pacer) charge(now time.Time, n int) {
	p.left -= n
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(n) * perPacket)
}

// room is how many packets may be sent until a time, beside those that wait.
func (p *pacer) room(now, until time.Time) int {
	if p.free.After(now) {
		now = p.free
	}
	waiting := 0
	for _, t := range p.queue {
		waiting += t.packets
	}
	return max(0, min(p.left, int(until.Sub(now)/perPacket))-waiting)
}

func (p *pacer) spent() bool { return p.left <= 0 }

// A ledger tells the solicitations that the kernel adds to what it was asked from those that were
// paced. The kernel repeats them by its own clock.
type ledger struct {
	asked map[diag.InterfaceAddr]bool // by kernel, while it had no entry
	paid  map[solicitation]int
}

type solicitation struct {
	iface       string
	src, target netip.Addr
}

func newLedger() *ledger {
	return &ledger{asked: map[diag.InterfaceAddr]bool{}, paid: map[solicitation]int{}}
}

// kernel notes that the kernel is about to solicit a target, once at least: that one is paid for.
func (l *ledger) kernel(iface string, src, target netip.Addr) {
	l.asked[diag.InterfaceAddr{Interface: iface, Address: target}] = true
	l.paid[solicitation{iface, src, target}]++
}

// wire notes a solicitation of ours.
func (l *ledger) wire(iface string, src, target netip.Addr) {
	l.paid[solicitation{iface, src, target}]++
}

// unpaid reports whether a solicitation that was seen leaving is one that the kernel added.
func (l *ledger) unpaid(f diag.Frame) bool {
	if !l.asked[diag.InterfaceAddr{Interface: f.Interface, Address: f.Target}] {
		return false
	}
	key := solicitation{f.Interface, f.Src, f.Target}
	if l.paid[key] > 0 {
		l.paid[key]--
		return false
	}
	return true
}
