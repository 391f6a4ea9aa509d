package checks

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ndwhy/diag"
)

const (
	idEchoKernel = "peer-echo/eth0/2001:db8:1:2:f557:112e:f9bd:c7f3/2001:db8:1:2:d326:143a:2015:79fa/kernel"
	idEchoWire   = "peer-echo/eth0/2001:db8:1:2:f557:112e:f9bd:c7f3/2001:db8:1:2:d326:143a:2015:79fa/wire"
	idNDKernel   = "peer-nd/eth0/2001:db8:1:2:f557:112e:f9bd:c7f3/2001:db8:1:2:d326:143a:2015:79fa/kernel"
	idNDWire     = "peer-nd/eth0/2001:db8:1:2:f557:112e:f9bd:c7f3/2001:db8:1:2:d326:143a:2015:79fa/wire"
)

func inWorld(t *testing.T, name string, f func(w *world)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer func() {
				w.mu.Lock()
				w.closed = true
				w.mu.Unlock()
				time.Sleep(10 * time.Second) // let the world's timers end
			}()
			f(w)
		})
	})
}

func TestRunHealthy(t *testing.T) {
	inWorld(t, "cold", func(w *world) {
		t := w.t
		w.echoes = func(_, _ netip.Addr) bool { return true }
		took := w.run(t.Context(), nil)
		for _, id := range []string{idEchoKernel, idEchoWire, idNDKernel, idNDWire} {
			p := w.want(id, diag.Answered, "")
			if p.Sent != 1 || p.Received != 1 {
				t.Errorf("%s: sent %d, received %d, want 1 and 1", id, p.Sent, p.Received)
			}
		}
		// What the kernel asked was on the wire: no frame of ours goes to the peer.
		if n := w.happened("wire ns " + ourGUA.String() + " > " + peerGUA.String()); n != 0 {
			t.Errorf("%d solicitations of our own for a peer that the kernel resolved", n)
		}
		if took > 1300*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
	inWorld(t, "warm", func(w *world) {
		t := w.t
		w.knows(peerGUA, peerMAC, diag.Stale)
		w.knows(router, routerMAC, diag.Reachable)
		took := w.run(t.Context(), nil)
		w.want(idEchoKernel, diag.Answered, "")
		w.want(idEchoWire, diag.Answered, "")
		w.want(idNDKernel, diag.OutcomeSkipped, DetailResolved)
		w.want(idNDWire, diag.Answered, "")
		asked := w.when("kernel echo-request " + ourGUA.String() + " > " + peerGUA.String())
		if at := w.when("wire ns " + ourGUA.String() + " > " + peerGUA.String()); at <= asked {
			t.Errorf("solicited at %s, before the kernel asked at %s", at, asked)
		}
		w.want("router-echo/eth0/"+ourLL.String()+"/"+router.String()+"/kernel", diag.Silent, "")
		w.want("router-echo/eth0/"+ourLL.String()+"/"+router.String()+"/wire", diag.Silent, "")
		w.want("router-nd/eth0/"+ourLL.String()+"/"+router.String()+"/wire", diag.Answered, "")
		if took > 1400*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if p := w.want("all-nodes/eth0/"+ourLL.String()+"/ff02::1/kernel", diag.Silent, ""); len(p.Responders) != 0 {
			t.Errorf("ourselves among who answered ff02::1: %v", p.Responders)
		}
		for k, c := range w.state().Checks {
			if c.State == diag.CheckRunning {
				t.Errorf("%v still running", k)
			}
		}
	})
}

func TestRunHostFaults(t *testing.T) {
	inWorld(t, "the host drops its own solicitations", func(w *world) {
		t := w.t
		w.dropNSOut = true
		w.run(t.Context(), nil)
		w.want(idNDKernel, diag.Unsent, DetailNotSeen)
		w.want(idEchoKernel, diag.Silent, DetailUnresolved)
		w.want(idNDWire, diag.Answered, "")
		w.want(idEchoWire, diag.Answered, "")
		at := w.when("wire ns " + ourGUA.String() + " > " + peerGUA.String())
		if at < leaveWithin || at > leaveWithin+100*time.Millisecond {
			t.Errorf("our own solicitation at %s, want %s after the kernel asked", at, leaveWithin)
		}
	})
	inWorld(t, "the host drops advertisements", func(w *world) {
		t := w.t
		w.dropNAIn = true
		w.run(t.Context(), nil)
		w.want(idNDKernel, diag.Silent, "")
		w.want(idEchoKernel, diag.Silent, DetailUnresolved)
		w.want(idNDWire, diag.Answered, "")
		w.want(idEchoWire, diag.Answered, "")
		if at := w.when("wire echo-request " + ourGUA.String() + " > " + peerGUA.String()); at < 1200*time.Millisecond {
			t.Errorf("our own echo at %s, within the kernel's wait", at)
		}
	})
	inWorld(t, "the host drops echo replies", func(w *world) {
		t := w.t
		w.dropEchoIn = true
		w.knows(peerGUA, peerMAC, diag.Reachable)
		w.run(t.Context(), nil)
		w.want(idEchoKernel, diag.Silent, "")
		w.want(idEchoWire, diag.Answered, "")
	})
	inWorld(t, "the host refuses echo requests", func(w *world) {
		t := w.t
		w.echoErrno = "EPERM"
		took := w.run(t.Context(), nil)
		if p := w.want(idEchoKernel, diag.Unsent, ""); p.Errno != "EPERM" {
			t.Errorf("errno %q", p.Errno)
		}
		if p := w.want(idNDKernel, diag.OutcomeSkipped, DetailEchoUnsent); p.Note != "EPERM" {
			t.Errorf("note %q", p.Note)
		}
		w.want(idNDWire, diag.Answered, "")
		w.want(idEchoWire, diag.Answered, "")
		if took > 1500*time.Millisecond {
			t.Errorf("took %s: a refusal is an answer", took)
		}
	})
}

// A host that is too busy to read what comes before the wait for it is over finds what it would find
// otherwise.
func TestRunBusy(t *testing.T) {
	inWorld(t, "nothing is wrong", func(w *world) {
		w.busy = true
		w.echoes = func(_, _ netip.Addr) bool { return true }
		w.run(w.t.Context(), nil)
		for _, id := range []string{idEchoKernel, idEchoWire, idNDKernel, idNDWire} {
			w.want(id, diag.Answered, "")
		}
		for _, p := range w.state().Paths() {
			if p.Target == diag.VPCRouter || p.Detail == DetailOwn {
				continue // which a LAN need not have, or must not
			}
			if p.Outcome == diag.Unsent || p.Outcome == diag.Silent && p.Asks != diag.AsksDHCP && !p.Target.IsMulticast() {
				w.t.Errorf("%s: %s %q (sent %d, received %d)", p.ID, p.Outcome, p.Detail, p.Sent, p.Received)
			}
		}
	})
	inWorld(t, "the entry is there already", func(w *world) {
		w.busy = true
		w.knows(peerGUA, peerMAC, diag.Stale)
		w.run(w.t.Context(), nil)
		w.want(idEchoKernel, diag.Answered, "")
		w.want(idEchoWire, diag.Answered, "")
	})
	inWorld(t, "the host drops advertisements", func(w *world) {
		w.busy, w.dropNAIn = true, true
		w.run(w.t.Context(), nil)
		w.want(idNDKernel, diag.Silent, "")
		w.want(idEchoKernel, diag.Silent, DetailUnresolved)
		w.want(idEchoWire, diag.Answered, "")
	})
	inWorld(t, "somebody has the candidate", func(w *world) {
		w.busy = true
		w.edit(func(r *diag.Run) { r.Add, r.Try = diag.AddClaim, []netip.Addr{addr("fe80::1234")} })
		w.holders[addr("fe80::1234")] = otherMAC
		w.run(w.t.Context(), nil)
		if n := w.happened("wire echo-request fe80::1234 > " + peerLL.String()); n != 0 {
			w.t.Errorf("%d echoes from an address that somebody has", n)
		}
	})
}

func TestRunNetworkFaults(t *testing.T) {
	inWorld(t, "the peer is gone", func(w *world) {
		t := w.t
		delete(w.holders, peerGUA)
		took := w.run(t.Context(), nil)
		if p := w.want(idNDKernel, diag.Silent, ""); p.NUD != diag.Incomplete {
			t.Errorf("entry %q, want INCOMPLETE", p.NUD)
		}
		w.want(idEchoKernel, diag.Silent, DetailUnresolved)
		w.want(idNDWire, diag.Silent, "")
		w.want(idEchoWire, diag.OutcomeSkipped, DetailUnresolved)
		if took > 1500*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
	inWorld(t, "refused by a router beyond", func(w *world) {
		t := w.t
		w.errorFrom = addr("2001:db8:9::9")
		w.run(t.Context(), nil)
		for _, via := range []string{"kernel", "wire"} {
			p := w.want("internet/eth0/"+ourGUA.String()+"/"+farHost.String()+"/"+via, diag.Refused, "")
			if p.Error == nil || p.Error.From != w.errorFrom || p.Error.Code != 1 {
				t.Errorf("%s: error %+v", via, p.Error)
			}
		}
	})
	inWorld(t, "refused, and the socket hears of it before the tap does", func(w *world) {
		t := w.t
		w.errorFrom, w.tapLag = addr("2001:db8:9::9"), 20*time.Millisecond
		w.knows(router, routerMAC, diag.Reachable)
		w.run(t.Context(), nil)
		for _, via := range []string{"kernel", "wire"} {
			p := w.want("internet/eth0/"+ourGUA.String()+"/"+farHost.String()+"/"+via, diag.Refused, "")
			if p.Sent != 1 {
				t.Errorf("%s: refused, and %d sent", via, p.Sent)
			}
		}
		if n := w.happened("wire echo-request " + ourGUA.String() + " > " + farHost.String()); n != 0 {
			t.Errorf("%d frames of our own ask what the kernel had asked", n)
		}
	})
	inWorld(t, "refused, and the tap misses the request", func(w *world) {
		t := w.t
		w.errorFrom, w.tapLag = addr("2001:db8:9::9"), time.Hour
		w.knows(router, routerMAC, diag.Reachable)
		w.run(t.Context(), nil)
		p := w.want("internet/eth0/"+ourGUA.String()+"/"+farHost.String()+"/kernel", diag.Refused, "")
		if p.Sent == 0 {
			t.Error("refused by another host, and never sent")
		}
	})
	inWorld(t, "a peer beyond the router", func(w *world) {
		t := w.t
		far := addr("2001:db8:5::5")
		w.edit(func(r *diag.Run) { r.Peers = []netip.Addr{far} })
		w.dropNSOut = true // so that the kernel's own echo never leaves
		w.run(t.Context(), nil)
		for _, via := range []string{"kernel", "wire"} {
			p := w.want("peer-nd/eth0/"+ourGUA.String()+"/"+far.String()+"/"+via, diag.OutcomeSkipped, DetailRouted)
			if p.Note != router.String() {
				t.Errorf("%s: note %q", via, p.Note)
			}
		}
		p := w.want("peer-echo/eth0/"+ourGUA.String()+"/"+far.String()+"/wire", diag.Answered, "")
		if p.Responders[0].MAC != routerMAC {
			t.Errorf("the echo went to %s, not to the gateway", p.Responders[0].MAC)
		}
		if p := w.path("peer-echo/eth0/" + ourGUA.String() + "/" + far.String() + "/kernel"); p.NUD != "" {
			t.Errorf("its entry is %s, and it can have none", p.NUD)
		}
		if n := w.happened("wire echo-request " + ourGUA.String() + " > " + far.String()); n == 0 {
			t.Error("no echo of our own")
		}
		for _, what := range w.log {
			if strings.Contains(what, " ns ") && strings.HasSuffix(what, "> "+far.String()) {
				t.Errorf("%s: nobody on the link could know", what)
			}
		}
	})
	inWorld(t, "no advertisement", func(w *world) {
		t := w.t
		w.noRA = true
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		took := w.run(ctx, func(p diag.Path) bool { return p.Asks == diag.AsksRS })
		if p := w.want("ra/eth0/"+ourLL.String()+"/ff02::2/wire", diag.Silent, ""); p.Sent != 3 {
			t.Errorf("%d solicitations, want 3", p.Sent)
		}
		if took < 9*time.Second || took > 10*time.Second {
			t.Errorf("took %s", took)
		}
	})
	inWorld(t, "no advertisement where IPv6 is switched off", func(w *world) {
		t := w.t
		w.noRA = true
		w.sess.Emit(diag.Sysctl{Scope: "eth0", Name: "disable_ipv6", Value: "1"})
		took := w.run(t.Context(), func(p diag.Path) bool { return p.Asks == diag.AsksRS })
		if p := w.want("ra/eth0/"+ourLL.String()+"/ff02::2/wire", diag.Silent, ""); p.Sent != 1 || took > 2*time.Second {
			t.Errorf("%d solicitations in %s, want 1: no answer would help", p.Sent, took)
		}
	})
	inWorld(t, "unexpected silence is asked again", func(w *world) {
		t := w.t
		w.knows(peerGUA, peerMAC, diag.Reachable)
		var n atomic.Int32
		w.echoes = func(_, dst netip.Addr) bool { return dst != peerGUA || n.Add(1) > 2*6 } // each time by kernel and as applications do
		took := w.run(t.Context(), func(p diag.Path) bool { return p.Target == peerGUA })
		p := w.want(idEchoKernel, diag.Answered, "")
		if p.Sent != 7 || p.Received != 1 {
			t.Errorf("sent %d, received %d, want 7 and 1", p.Sent, p.Received)
		}
		w.want(idEchoWire, diag.Answered, "")
		if took > 3500*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
	inWorld(t, "it stays silent", func(w *world) {
		t := w.t
		w.knows(peerGUA, peerMAC, diag.Reachable)
		w.echoes = func(_, dst netip.Addr) bool { return dst != peerGUA }
		w.run(t.Context(), func(p diag.Path) bool { return p.Target == peerGUA })
		if p := w.want(idEchoKernel, diag.Silent, ""); p.Sent != 2+reasks {
			t.Errorf("sent %d, want %d", p.Sent, 2+reasks)
		}
	})
}

func TestRunEnds(t *testing.T) {
	inWorld(t, "at the deadline", func(w *world) {
		t := w.t
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		took := w.run(ctx, nil)
		w.want("router-echo/eth0/"+ourLL.String()+"/"+router.String()+"/kernel", diag.OutcomeSkipped, DetailTimeout)
		w.want(idEchoKernel, diag.Answered, "")
		if took > 510*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
	inWorld(t, "when the interface vanishes", func(w *world) {
		t := w.t
		time.AfterFunc(400*time.Millisecond, func() { w.sess.Emit(diag.Link{Interface: "eth0", Gone: true}) })
		w.run(t.Context(), nil)
		if p := w.want("router-echo/eth0/"+ourLL.String()+"/"+router.String()+"/kernel", diag.Unsent, ""); p.Errno != "ENODEV" {
			t.Errorf("errno %q", p.Errno)
		}
	})
	for _, where := range []string{"ask ", "look up "} {
		inWorld(t, "with a panic in one check: "+where, func(w *world) {
			t := w.t
			w.panicOn = where + peerLL.String()
			w.run(t.Context(), nil)
			w.want(idEchoKernel, diag.Answered, "")
			some := false
			for _, c := range w.state().Checks {
				some = some || c.State == diag.CheckSkipped && c.Why != "" && (c.ID == "peer-nd" || c.ID == "peer-echo")
			}
			if !some {
				t.Error("the broken check says nothing")
			}
		})
	}
	inWorld(t, "sending nothing when passive", func(w *world) {
		t := w.t
		w.edit(func(r *diag.Run) { r.Passive = true })
		w.run(t.Context(), nil)
		if len(w.log) > 0 || len(w.state().Paths()) > 0 {
			t.Errorf("sent %q", w.log)
		}
		for _, id := range IDs() {
			if c := w.state().Checks[diag.CheckKey{ID: id, Interface: "eth0"}]; c.State != diag.CheckSkipped || !c.User {
				t.Errorf("check %s: %+v", id, c)
			}
		}
	})
	inWorld(t, "without privilege", func(w *world) {
		t := w.t
		w.sess.Emit(diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "no CAP_NET_RAW", Fix: Fix})
		w.listenErr = &Denied{Why: "no echo socket", Fix: Fix}
		w.run(t.Context(), nil)
		for _, id := range []string{"ra", "router-echo", "peer-echo", "internet", "all-nodes"} {
			if c := w.state().Checks[diag.CheckKey{ID: id, Interface: "eth0"}]; c.State != diag.CheckSkipped || c.User || c.Fix != Fix {
				t.Errorf("check %s: %+v", id, c)
			}
		}
		if len(w.log) > 0 {
			t.Errorf("sent %q", w.log)
		}
	})
	inWorld(t, "without the tap the sockets still tell", func(w *world) {
		t := w.t
		w.sess.Emit(diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "no CAP_NET_RAW", Fix: Fix})
		w.run(t.Context(), nil)
		w.want(idEchoKernel, diag.Answered, "")
		w.want(idNDKernel, diag.Answered, "")
		w.want(idEchoWire, diag.OutcomeSkipped, DetailNoRaw)
	})
}

func TestRunLoss(t *testing.T) {
	inWorld(t, "the first frame and every third is lost", func(w *world) {
		t := w.t
		type flow struct {
			typ              diag.FrameType
			src, dst, target netip.Addr
		}
		seen := map[flow]int{}
		w.lose = func(f diag.Frame) bool {
			key := flow{f.Type, f.Src, f.Dst, f.Target}
			seen[key]++
			return seen[key]%3 == 1
		}
		w.run(t.Context(), func(p diag.Path) bool {
			return p.TargetClass == diag.TargetPeer || p.TargetClass == diag.TargetInternet
		})
		lossy := false
		for _, p := range w.state().Paths() {
			if (p.TargetClass == diag.TargetPeer || p.TargetClass == diag.TargetInternet) && p.Outcome != diag.Answered && p.Detail != DetailResolved && p.Detail != DetailOwn {
				t.Errorf("%s: %s %s", p.ID, p.Outcome, p.Detail)
			}
			lossy = lossy || p.Outcome == diag.Answered && p.Received < p.Sent
		}
		if !lossy {
			t.Error("no path shows the loss")
		}
	})
	inWorld(t, "loss anywhere has every silence asked again", func(w *world) {
		t := w.t
		w.knows(peerGUA, peerMAC, diag.Reachable)
		w.knows(router, routerMAC, diag.Reachable)
		w.echoes = func(_, dst netip.Addr) bool { return dst != router }
		w.noRA = true
		w.edit(func(r *diag.Run) { r.Only = []string{"router-echo", "peer-echo"} })
		var asked atomic.Int32
		w.lose = func(f diag.Frame) bool { return f.Dst == peerGUA && asked.Add(1) == 1 }
		w.run(t.Context(), nil)
		if p := w.want("router-echo/eth0/"+ourLL.String()+"/"+router.String()+"/kernel", diag.Silent, ""); p.Sent < 2+reasks {
			t.Errorf("asked %d times: a normal silence is not sure where frames get lost", p.Sent)
		}
	})
}

// manyPeers replaces the peers, and returns them.
func (w *world) manyPeers(n int) []netip.Addr {
	var list []netip.Addr
	for i := range n {
		b := subnet.Addr().As16()
		b[13], b[14], b[15] = 9, byte(i>>8), byte(i)
		list = append(list, netip.AddrFrom16(b))
	}
	w.edit(func(r *diag.Run) { r.Peers = list })
	return list
}

func TestRunManySilentPeers(t *testing.T) {
	inWorld(t, "within the bounds, and in time", func(w *world) {
		t := w.t
		const timeout = 10 * time.Second
		peers := w.manyPeers(300)
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		took := w.run(ctx, func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer })
		silent := map[netip.Addr]bool{}
		for _, p := range w.state().Paths() {
			if p.Check == "peer-nd" && p.Via == diag.ViaWire && p.Outcome == diag.Silent {
				silent[p.Target] = true
			}
		}
		if len(silent) != len(peers) {
			t.Errorf("%d of %d silent peers were told within %s (%s)", len(silent), len(peers), timeout, took)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if rate := float64(len(w.log)-burst) / took.Seconds(); rate > packetsPerSecond {
			t.Errorf("%d packets in %s", len(w.log), took)
		}
		if len(w.log) > perPeer*len(peers) {
			t.Errorf("%d packets for %d peers", len(w.log), len(peers))
		}
	})
}

func TestRunTooManyPeers(t *testing.T) {
	inWorld(t, "what there is time for", func(w *world) {
		t := w.t
		peers := w.manyPeers(400)
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
		defer cancel()
		w.run(ctx, func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer })
		silent, first := 0, 0
		for _, p := range w.state().Paths() {
			if p.Check == "peer-nd" && p.Via == diag.ViaWire && p.Outcome == diag.Silent {
				silent++
				if i := slices.Index(peers, p.Target); i < 60 {
					first++
				}
			}
		}
		// Two solicitations each at a hundred a second; the first of the list first.
		if silent < 100 || first < 55 {
			t.Errorf("%d of 400 silent peers were told in 6 s, %d of the first 60", silent, first)
		}
		w.want("internet/eth0/"+ourGUA.String()+"/"+farHost.String()+"/kernel", diag.Answered, "")
		w.want("router-echo/eth0/"+ourLL.String()+"/"+router.String()+"/wire", diag.Silent, "")
	})
}

func TestRunManyPeers(t *testing.T) {
	inWorld(t, "within the bounds", func(w *world) {
		t := w.t
		const n = 120
		for _, p := range w.manyPeers(n) {
			w.holders[p] = peerMAC
		}
		took := w.run(t.Context(), nil)
		byKernel, sent := 0, 0
		for _, p := range w.state().Paths() {
			if p.Check == "peer-echo" && p.Via == diag.ViaKernel && p.Outcome == diag.Answered {
				byKernel++
			}
			if p.Check == "peer-echo" && p.Via == diag.ViaWire && p.Outcome != diag.Answered {
				t.Errorf("%s: %s", p.ID, p.Outcome)
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		sent = len(w.log)
		if byKernel == 0 || byKernel > maxFresh {
			t.Errorf("the kernel was asked about %d unknown targets", byKernel)
		}
		if rate := float64(sent-burst) / took.Seconds(); rate > packetsPerSecond {
			t.Errorf("%d packets in %s", sent, took)
		}
		if took > 4*time.Second {
			t.Errorf("%d packets took %s", sent, took)
		}
	})
}
