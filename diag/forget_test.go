package diag

import (
	"net/netip"
	"testing"
	"time"
)

// What a check asked in an earlier run, and in a later one did not, is not set against what is now.
func TestEarlierRunIsForgotten(t *testing.T) {
	s := NewState()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	emit := func(b Body) { s.Apply(Event{Seq: s.Seq + 1, At: at, Body: b}) }
	check := func(id string, state CheckState) { emit(Check{ID: id, Interface: "eth0", State: state}) }
	asked := func(check, target string, outcome Outcome) {
		emit(Path{
			ID: check + target, Check: check, Interface: "eth0", Source: netip.MustParseAddr("fe80::1"), Target: netip.MustParseAddr(target), TargetClass: TargetPeer,
			Asks: AsksEcho, Via: ViaWire, Outcome: outcome,
		})
	}
	paths := func() (ids []string) {
		for _, p := range s.Paths() {
			ids = append(ids, p.ID)
		}
		return ids
	}
	check("added", CheckRunning)
	asked("added", "fe80::2", Answered)
	asked("added", "fe80::3", Answered)
	check("added", CheckDone)
	check("peer-echo", CheckRunning)
	asked("peer-echo", "fe80::2", Answered)
	check("peer-echo", CheckDone)

	check("added", CheckRunning)
	asked("added", "fe80::3", Silent)
	if got := paths(); len(got) != 3 {
		t.Errorf("while it runs there are %v, want what was known", got)
	}
	check("added", CheckDone)
	if got := paths(); len(got) != 2 || got[0] != "addedfe80::3" || got[1] != "peer-echofe80::2" {
		t.Errorf("there are %v, want the newest of each check", got)
	}
	if _, ok := s.Path("addedfe80::2"); ok {
		t.Error("what was not asked again is still there")
	}
}

// A peer stops between two runs: while the second is under way, what the first learnt by wire does not
// make the silence that the kernel now meets the fault of this host. What is as it was stays.
func TestHalfARunBlamesNobody(t *testing.T) {
	s := NewState()
	emit := func(b Body) { s.Apply(Event{Seq: s.Seq + 1, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Body: b}) }
	running := func() { emit(Check{ID: "peer-echo", Interface: "eth0", State: CheckRunning}) }
	asked := func(via Via, outcome Outcome) {
		emit(Path{
			ID: "peer-echo/eth0/fe80::1/fe80::2/" + string(via), Check: "peer-echo", Interface: "eth0", Source: netip.MustParseAddr("fe80::1"),
			Target: netip.MustParseAddr("fe80::2"), TargetClass: TargetPeer, Asks: AsksEcho, Via: via, Outcome: outcome,
		})
	}
	known := func(want int) {
		t.Helper()
		if got := len(s.Paths()); got != want {
			t.Errorf("%d paths, want %d", got, want)
		}
	}
	running()
	asked(ViaKernel, Answered)
	asked(ViaWire, Answered)
	emit(Check{ID: "peer-echo", Interface: "eth0", State: CheckDone})
	running()
	known(2)
	asked(ViaKernel, Silent)
	known(1)
	asked(ViaWire, Answered) // this host's fault after all
	asked(ViaKernel, Silent)
	known(2)
	running()
	asked(ViaWire, Answered)
	known(2)
	asked(ViaKernel, Answered) // mended
	known(2)
	asked(ViaWire, Silent) // of the same run
	known(2)
}
