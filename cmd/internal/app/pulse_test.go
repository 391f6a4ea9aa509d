package app

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/session"
)

// A village is a made-up link: who of it answers echoes, and how often it was asked.
type village struct {
	*session.Session
	mu    sync.Mutex
	here  map[netip.Addr]bool
	deaf  bool // echoes that no check asks are lost
	asked map[netip.Addr]int
	runs  [][]string
}

var (
	villageOwn    = netip.MustParseAddr("2001:db8::1")
	villagePeer   = netip.MustParseAddr("2001:db8::2")
	villageLocal  = netip.MustParseAddr("fe80::2") // of the same host
	villageRouter = netip.MustParseAddr("fe80::3")
	villageFirm   = netip.MustParseAddr("2001:db8::4") // answers no ping
)

// is has somebody be there, or not.
func (v *village) is(here bool, who ...netip.Addr) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, a := range who {
		v.here[a] = here
	}
}

func (v *village) answers(a netip.Addr) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.here[a]
}

// after lets time pass, and returns which checks were run and how often somebody was asked.
func (v *village) after(d time.Duration) (runs [][]string, asked map[netip.Addr]int) {
	time.Sleep(d)
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.runs), maps.Clone(v.asked)
}

// check asks everybody, as a run of the checks does.
func (v *village) check(ids []string) error {
	v.mu.Lock()
	v.runs = append(v.runs, ids)
	v.mu.Unlock()
	all := []diag.Path{
		{Check: "peer-echo", Target: villagePeer, TargetClass: diag.TargetPeer, Responders: []diag.Responder{{MAC: diag.MAC{2, 0, 0, 0, 0, 2}}}},
		{Check: "peer-echo", Target: villageLocal, TargetClass: diag.TargetPeer, Responders: []diag.Responder{{MAC: diag.MAC{2, 0, 0, 0, 0, 2}}}},
		{Check: "peer-echo", Target: villageFirm, TargetClass: diag.TargetPeer},
		{Check: "router-echo", Target: villageRouter, TargetClass: diag.TargetRouter, Responders: []diag.Responder{{MAC: diag.MAC{2, 0, 0, 0, 0, 3}}}},
	}
	check := func(state diag.CheckState) {
		for _, id := range []string{"peer-echo", "router-echo"} {
			if len(ids) == 0 || slices.Contains(ids, id) {
				v.Emit(diag.Check{ID: id, Interface: "eth0", State: state})
			}
		}
	}
	check(diag.CheckRunning)
	time.Sleep(3300 * time.Millisecond)
	for _, p := range all {
		p.ID, p.Interface, p.Asks, p.Via, p.Source, p.SourceClass = p.Target.String(), "eth0", diag.AsksEcho, diag.ViaWire, villageOwn, diag.SourceAssigned
		p.Outcome = diag.Answered
		if !v.answers(p.Target) {
			p.Outcome, p.Responders = diag.Silent, nil
		}
		if len(ids) == 0 || slices.Contains(ids, p.Check) {
			v.Emit(p)
		}
	}
	check(diag.CheckDone)
	return nil
}

// pulsed has a Pulse beat in the village while do happens.
func pulsed(t *testing.T, deaf bool, do func(v *village, p *Pulse)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		v := &village{
			Session: session.New(nil), asked: map[netip.Addr]int{}, deaf: deaf,
			here: map[netip.Addr]bool{villagePeer: true, villageLocal: true, villageRouter: true},
		}
		v.Emit(diag.Run{Interfaces: []string{"eth0"}})
		v.Emit(diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500, Up: true, Carrier: true, Ethernet: true})
		v.Emit(diag.Address{Interface: "eth0", Address: villageOwn, PrefixLen: 64, ValidS: diag.Forever, PreferredS: diag.Forever})
		v.Emit(diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("2001:db8::/64"), Table: diag.MainTable, Type: "unicast", ExpiresS: diag.Forever})
		p := NewPulse(v, v.check, func() {})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.beat(ctx, func(iface string, f checks.Frame) error {
				v.mu.Lock()
				v.asked[f.Dst]++
				v.mu.Unlock()
				if f.Src != villageOwn || f.DstMAC != (diag.MAC{2, 0, 0, 0, 0, f.DstMAC[5]}) || f.DstMAC[5] < 2 {
					t.Errorf("sent %+v", f)
				}
				if v.answers(f.Dst) && !v.deaf {
					go p.hear(diag.Frame{Interface: iface, Type: diag.EchoReply, Src: f.Dst, Dst: f.Src, EchoID: f.EchoID, EchoSeq: f.EchoSeq})
				}
				return nil
			})
		}()
		if _, asked := v.after(time.Minute); len(asked) > 0 {
			t.Errorf("asked %v before any check was", asked)
		}
		_ = v.check(nil)
		do(v, p)
		cancel()
		<-ended
	})
}

// Who goes away is missed within two seconds, and who comes back is seen as soon; nobody is asked oftener than once a second
// while all is as it was.
func TestPulse(t *testing.T) {
	pulsed(t, false, func(v *village, p *Pulse) {
		runs, asked := v.after(10 * time.Second)
		if want := map[netip.Addr]int{villagePeer: 5, villageLocal: 5, villageRouter: 10}; !maps.Equal(asked, want) {
			t.Errorf("asked in ten seconds %v, want the addresses of each host that answers pings in turn, %v", asked, want)
		}
		if len(runs) != 1 {
			t.Errorf("checks run %v, and nothing happened", runs)
		}
		v.is(false, villagePeer, villageLocal)
		v.after(2 * time.Second)
		for _, a := range []netip.Addr{villagePeer, villageLocal} {
			if at := p.Quiet()[diag.InterfaceAddr{Interface: "eth0", Address: a}]; time.Since(at) > 2*time.Second {
				t.Errorf("two seconds after it went away %s is not missed: %v", a, p.Quiet())
			}
		}
		if runs, _ = v.after(time.Minute); len(runs) != 2 || !slices.Equal(runs[1], []string{"peer-echo"}) || len(p.Quiet()) > 0 {
			t.Errorf("run %v and still quiet %v, want the peers' check run once, which knows", runs, p.Quiet())
		}
		v.is(true, villagePeer, villageLocal)
		if runs, _ = v.after(2 * time.Second); len(runs) != 3 {
			t.Errorf("run %v: it is not seen coming back", runs)
		}
		v.after(time.Minute)
		v.is(false, villageLocal) // the host stays, and loses an address
		if runs, _ = v.after(3 * time.Second); len(runs) != 4 {
			t.Errorf("run %v: that it lost an address is not seen", runs)
		}
		v.after(time.Minute)
		v.is(false, villageRouter)
		if runs, _ = v.after(2 * time.Second); len(runs) != 5 || !slices.Contains(runs[4], "router-echo") {
			t.Errorf("run %v: the router is not missed", runs)
		}
	})
}

// Where its own echoes get lost the checks are not run for every one of them.
func TestPulseIsDoubted(t *testing.T) {
	pulsed(t, true, func(v *village, _ *Pulse) {
		if runs, _ := v.after(10 * time.Minute); len(runs) < 5 || len(runs) > 20 {
			t.Errorf("in ten minutes of silence that the checks do not find they were run %d times", len(runs))
		}
	})
}

// From an address that was taken off nobody is asked.
func TestPulseFromNoOther(t *testing.T) {
	pulsed(t, false, func(v *village, _ *Pulse) {
		v.Emit(diag.Address{Interface: "eth0", Address: villageOwn, PrefixLen: 64, Gone: true})
		if _, asked := v.after(10 * time.Second); len(asked) > 0 {
			t.Errorf("asked %v", asked)
		}
	})
}
