package checks

import (
	"context"
	"net/netip"
	"sync"
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

// A pacer lets packets out at a bounded rate, and no more than a bounded number. It is safe for
// concurrent use; those who wait are served in the order in which they came.
type pacer struct {
	turn chan struct{} // held by whoever is next

	mu      sync.Mutex
	left    int       // packets that may yet be sent
	waiting int       // packets that wait for their turn
	free    time.Time // when the bucket would be full
}

func newPacer(left int) *pacer { return &pacer{turn: make(chan struct{}, 1), left: left} }

// take waits for its turn to send n packets. It is false when ctx ended or the bound is reached.
func (p *pacer) take(ctx context.Context, n int) bool {
	p.queue(n)
	defer p.queue(-n)
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-p.turn }()
	for {
		wait, ok := p.try(n)
		switch {
		case !ok:
			return false
		case wait <= 0:
			return ctx.Err() == nil
		case !sleep(ctx, wait):
			return false
		}
	}
}

func (p *pacer) queue(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += n
}

// try takes n packets if they may be sent now, else it says when to try again. It is not ok when the
// bound is reached.
func (p *pacer) try(n int) (wait time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left < n {
		return 0, false
	}
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	free := p.free.Add(time.Duration(n) * perPacket)
	if wait = free.Sub(now) - burst*perPacket; wait > 0 {
		return wait, true
	}
	p.left -= n
	p.free = free
	return 0, true
}

// charge counts packets that have left without having been waited for.
func (p *pacer) charge(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left -= n
	if now := time.Now(); p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(n) * perPacket)
}

// room is how many packets may be sent until a time, beside those that wait.
func (p *pacer) room(until time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	start := time.Now()
	if p.free.After(start) {
		start = p.free
	}
	return max(0, min(p.left, int(until.Sub(start)/perPacket))-p.waiting)
}

func (p *pacer) spent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left <= 0
}

// A ledger tells the solicitations that the kernel adds to what it was asked from those that were
// paced. The kernel repeats them by its own clock.
type ledger struct {
	mu    sync.Mutex
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
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[diag.InterfaceAddr{Interface: iface, Address: target}] = true
	l.paid[solicitation{iface, src, target}]++
}

// wire notes a solicitation of ours.
func (l *ledger) wire(iface string, src, target netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paid[solicitation{iface, src, target}]++
}

// unpaid reports whether a solicitation that was seen leaving is one that the kernel added.
func (l *ledger) unpaid(f diag.Frame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
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
