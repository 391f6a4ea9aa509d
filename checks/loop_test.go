package checks

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
)

// A sim is a host with two peers, one of them deaf, in a time that passes when nothing else happens: no goroutine, no
// clock. Its kernel has all entries.
type sim struct {
	now   time.Time
	state *diag.State
	mail  Mail
	later []planned // what is to happen, in order
	rand  *rand.Rand
}

type planned struct {
	at time.Time
	do func()
}

func newSim(seed uint64, bodies ...diag.Body) *sim {
	s := &sim{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), state: diag.NewState(), rand: rand.New(rand.NewPCG(seed, 1))}
	for _, b := range bodies {
		s.Emit(b)
	}
	return s
}

func (s *sim) after(most time.Duration, do func()) {
	p := planned{s.now.Add(time.Duration(s.rand.Int64N(int64(most)))), do}
	i := slices.IndexFunc(s.later, func(q planned) bool { return q.at.After(p.at) })
	if i < 0 {
		i = len(s.later)
	}
	s.later = slices.Insert(s.later, i, p)
}

// drive runs the loop to its end, or until it was to end after some steps, and returns how long it took in the sim's time
// or, there, how long it went on.
func (s *sim) drive(t *testing.T, steps int) time.Duration {
	t.Helper()
	begun := s.now
	loop := NewLoop(Runner{Session: s, Net: s}, begun.Add(time.Minute))
	for range 100_000 {
		mail := s.mail
		s.mail = Mail{}
		if steps--; steps == 0 {
			mail.End = context.Canceled
			begun = s.now
		}
		next := loop.Step(s.now, mail)
		for _, c := range next.Calls {
			s.after(5*time.Millisecond, func() { c.Make(); s.mail.Made = append(s.mail.Made, c) })
		}
		switch {
		case next.Over:
			return s.now.Sub(begun)
		case len(s.mail.Events) > 0:
		case len(s.later) > 0 && (next.Wake.IsZero() || !s.later[0].at.After(next.Wake)):
			s.now = s.later[0].at
			s.later[0].do()
			s.later = s.later[1:]
		case next.Wake.After(s.now):
			s.now = next.Wake
		default:
			t.Fatal("nothing to wait for, and not over")
		}
	}
	t.Fatal("it never ends")
	return 0
}

func (s *sim) Emit(b diag.Body) diag.Event { return s.EmitAt(s.now, b) }

func (s *sim) EmitAt(at time.Time, b diag.Body) diag.Event {
	e := diag.Event{Seq: s.state.Seq + 1, At: at, Body: b}
	s.state.Apply(e)
	s.mail.Events = append(s.mail.Events, e)
	return e
}

func (s *sim) Watch(func(diag.Event)) (stop func()) { return func() {} }
func (s *sim) Look(fn func(*diag.State))            { fn(s.state) }

func (s *sim) Open(string) error { return nil }

func (s *sim) Send(_ string, f Frame) error {
	s.leave(diag.Frame{Type: f.Type, Src: f.Src, Dst: f.Dst, Target: f.Target, EchoID: f.EchoID, EchoSeq: f.EchoSeq})
	return nil
}

// leave shows a frame to the tap, and what comes of it within 150 ms.
func (s *sim) leave(f diag.Frame) {
	f.Interface, f.Out, f.SrcMAC, f.HopLimit = "eth0", true, ourMAC, 255
	s.Emit(f)
	in := diag.Frame{Interface: "eth0", SrcMAC: peerMAC, Src: f.Dst, Dst: f.Src, HopLimit: 255, EchoID: f.EchoID, EchoSeq: f.EchoSeq}
	switch {
	case f.Type == diag.NS && f.Target == peerGUA:
		in.Type, in.Src, in.Target, in.LLAddr, in.Solicited = diag.NA, f.Target, f.Target, peerMAC, true
	case f.Type == diag.EchoRequest && f.Dst == peerGUA:
		in.Type = diag.EchoReply
	default:
		return
	}
	s.after(150*time.Millisecond, func() {
		s.Emit(in)
		if in.Type == diag.EchoReply && in.EchoID == kernelID {
			s.Emit(diag.Socket{
				Interface: "eth0", Event: diag.SocketReply, Source: in.Dst, Target: in.Src, From: in.Src,
				EchoID: kernelID, EchoSeq: in.EchoSeq,
			})
		}
	})
}

type simEcho struct {
	s      *sim
	source netip.Addr
}

func (e simEcho) ID() uint16   { return kernelID }
func (e simEcho) Close() error { return nil }

func (e simEcho) Ask(to netip.AddrPort, seq uint16) {
	target := to.Addr()
	sent := diag.Socket{Interface: "eth0", Event: diag.SocketSent, Source: e.source, Target: target, EchoID: kernelID, EchoSeq: seq}
	if !e.source.IsValid() {
		sent.Via, sent.Source = diag.ViaApp, ourGUA
	}
	e.s.Emit(sent)
	e.s.leave(diag.Frame{Type: diag.EchoRequest, Src: sent.Source, Dst: target, EchoID: kernelID, EchoSeq: seq})
}

func (s *sim) Listen(_ string, source netip.Addr) (Asker, error) { return simEcho{s, source}, nil }
func (s *sim) Inquire(_ string, source netip.Addr, _ Service) (Asker, error) {
	return simEcho{s, source}, nil
}

func (s *sim) Join(string, netip.Addr) (func() error, error)      { return func() error { return nil }, nil }
func (s *sim) AddAddress(string, netip.Addr, time.Duration) error { return nil }
func (s *sim) DelAddress(string, netip.Addr) error                { return nil }
func (s *sim) DelNeighbour(string, netip.Addr) error              { return nil }

func (s *sim) Neighbour(_ string, a netip.Addr) (diag.Neighbour, error) {
	return diag.Neighbour{Interface: "eth0", Address: a, MAC: peerMAC, State: diag.Reachable}, nil
}

func (s *sim) Route(string, netip.Addr) diag.Selection {
	return diag.Selection{Interface: "eth0", Source: ourGUA}
}

// A run needs neither a clock nor a goroutine: a thousand of them, each with answers and the host's own calls in
// another order, find the same.
func TestLoopInVirtualTime(t *testing.T) {
	bodies := []diag.Body{
		diag.Run{
			Interfaces: []string{"eth0"}, Peers: []netip.Addr{peerGUA, peerGUA2}, Only: []string{idPeerND, idPeerEcho},
			Assigned: []netip.Prefix{netip.PrefixFrom(ourGUA, 128)}, Count: 2, IntervalMS: 200, WaitMS: 1000,
		},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Feed{Name: diag.FeedFrames, State: diag.Synced},
		diag.Link{Interface: "eth0", MAC: ourMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Address{Interface: "eth0", Address: ourGUA, PrefixLen: 64, PreferredS: 140, ValidS: 450},
		diag.Route{Interface: "eth0", Dst: subnet, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: diag.Forever},
	}
	for seed := range uint64(1000) {
		s := newSim(seed, bodies...)
		took := s.drive(t, -1)
		for _, check := range []string{idPeerND, idPeerEcho} {
			for target, want := range map[netip.Addr]diag.Outcome{peerGUA: diag.Answered, peerGUA2: diag.Silent} {
				id := check + "/eth0/" + ourGUA.String() + "/" + target.String() + "/wire"
				if p, _ := s.state.Path(id); p.Outcome != want {
					t.Fatalf("seed %d: %s %s, want %s", seed, id, p.Outcome, want)
				}
			}
		}
		if took > 3*time.Second {
			t.Fatalf("seed %d: took %s", seed, took)
		}
	}
	for seed := range uint64(100) { // ended by the user, at any moment
		s := newSim(seed, bodies...)
		steps := 1 + s.rand.IntN(15)
		if took := s.drive(t, steps); took > 10*time.Millisecond { // the host's own calls
			t.Errorf("seed %d: went on for %s", seed, took)
		}
		for k, c := range s.state.Checks {
			if c.State == diag.CheckRunning {
				t.Errorf("seed %d: %v is still running", seed, k)
			}
		}
	}
}

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
