package checks

import (
	"context"
	"sync"
	"time"

	"ndwhy/diag"
)

// Pacing of safety rule 4.
const (
	packetsPerSecond = 100
	burst            = 40
)

// packetBound is how many packets a run may send.
func packetBound(run diag.Run) int { return max(maxPackets, perPeer*len(run.Peers)) }

// A pacer lets packets out at a bounded rate, and no more than a bounded number. It is safe for
// concurrent use; those who wait are served in the order in which they came.
type pacer struct {
	mu   sync.Mutex
	left int       // packets that may yet be sent
	free time.Time // when the bucket would be full
}

// take waits for its turn to send n packets. It is false when ctx ended or the bound is reached.
func (p *pacer) take(ctx context.Context, n int) bool {
	p.mu.Lock()
	if p.left < n {
		p.mu.Unlock()
		return false
	}
	p.left -= n
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(n) * time.Second / packetsPerSecond)
	wait := p.free.Sub(now) - burst*time.Second/packetsPerSecond
	p.mu.Unlock()
	return sleep(ctx, wait)
}

func (p *pacer) spent() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left <= 0
}
