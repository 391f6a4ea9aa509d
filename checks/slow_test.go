package checks

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
)

// A kernel that takes its time over one neighbour keeps nobody else waiting, nor the end of the run.
func TestRunSlowKernel(t *testing.T) {
	inWorld(t, "others are asked meanwhile", func(w *world) {
		w.slow = map[netip.Addr]time.Duration{peerGUA: 3 * time.Second}
		w.run(w.t.Context(), nil)
		if at := w.when("kernel echo-request " + ourLL.String() + " > " + peerLL.String()); at > 50*time.Millisecond {
			w.t.Errorf("another peer was asked after %s", at)
		}
		w.want(idEchoKernel, diag.Answered, "")
	})
	inWorld(t, "it is not waited for when time is up", func(w *world) {
		w.slow = map[netip.Addr]time.Duration{peerGUA: 3 * time.Second}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if took := w.run(ctx, nil); took > 1010*time.Millisecond {
			w.t.Errorf("took %s", took)
		}
		w.want(idEchoKernel, diag.OutcomeSkipped, DetailTimeout)
	})
	inWorld(t, "an address that it adds too late is taken back", func(w *world) {
		w.edit(func(r *diag.Run) { r.Add = diag.AddKernel })
		late := w.candidates(w.t)[0].addr
		w.slow = map[netip.Addr]time.Duration{late: 2 * time.Second}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		w.run(ctx, nil)
		if w.happened("add "+late.String()) != 1 || len(w.added) > 0 {
			w.t.Errorf("left behind: %v", w.added)
		}
	})
}

// A kernel that finds a neighbour at last, by what that asks itself, sends what waited for it: its answers have as long as
// any others.
func TestHeldBackIsWaitedFor(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.latency, w.dropNAIn = 900*time.Millisecond, true
		w.knows(router, routerMAC, diag.Reachable)
		lost := false
		w.lose = func(f diag.Frame) bool { // one is, so that all is asked for as long as it takes where some are
			first := f.Type == diag.EchoRequest && f.Dst == farHost && !lost
			lost = lost || first
			return first
		}
		w.later(5500*time.Millisecond, func() {
			n := diag.Neighbour{Interface: "eth0", Address: peerGUA, MAC: peerMAC, State: diag.Stale}
			w.mu.Lock()
			w.entries[peerGUA] = n
			w.mu.Unlock()
			w.sess.Emit(n)
		})
		w.run(w.t.Context(), func(diag.Path) bool { return true })
		w.want(idEchoKernel, diag.Answered, "")
	})
}

// What is asked again where answers take their time is waited for as long as they take.
func TestReaskedIsWaitedFor(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.latency = 400 * time.Millisecond
		w.knows(router, routerMAC, diag.Reachable)
		w.knows(peerGUA, peerMAC, diag.Reachable)
		asked := 0
		w.lose = func(f diag.Frame) bool { // the large ones, but for the last
			if f.Size == 0 || f.Dst != peerGUA {
				return false
			}
			asked++
			return asked < 2+reasks
		}
		w.run(w.t.Context(), func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer })
		w.want("mtu/eth0/"+ourGUA.String()+"/"+peerGUA.String()+"/wire", diag.Answered, "")
	})
}
