package why

import (
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
)

// What a check asked in an earlier run, and in a later one did not, is not set against what is now.
func TestEarlierRunIsForgotten(t *testing.T) {
	s := diag.NewState()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	emit := func(b diag.Body) { s.Apply(diag.Event{Seq: s.Seq + 1, At: at, Body: b}) }
	check := func(id string, state diag.CheckState) { emit(diag.Check{ID: id, Interface: "eth0", State: state}) }
	asked := func(check, target string, outcome diag.Outcome) {
		emit(diag.Path{
			ID: check + target, Check: check, Interface: "eth0", Source: netip.MustParseAddr("fe80::1"), Target: netip.MustParseAddr(target), TargetClass: diag.TargetPeer,
			Asks: diag.AsksEcho, Via: diag.ViaWire, Outcome: outcome,
		})
	}
	paths := func() (ids []string) {
		for _, p := range s.Paths() {
			ids = append(ids, p.ID)
		}
		return ids
	}
	check("added", diag.CheckRunning)
	asked("added", "fe80::2", diag.Answered)
	asked("added", "fe80::3", diag.Answered)
	check("added", diag.CheckDone)
	check("peer-echo", diag.CheckRunning)
	asked("peer-echo", "fe80::2", diag.Answered)
	check("peer-echo", diag.CheckDone)

	check("added", diag.CheckRunning)
	asked("added", "fe80::3", diag.Silent)
	if got := paths(); len(got) != 3 {
		t.Errorf("while it runs there are %v, want what was known", got)
	}
	check("added", diag.CheckDone)
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
	s := diag.NewState()
	emit := func(b diag.Body) {
		s.Apply(diag.Event{Seq: s.Seq + 1, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Body: b})
	}
	running := func() { emit(diag.Check{ID: "peer-echo", Interface: "eth0", State: diag.CheckRunning}) }
	asked := func(via diag.Via, outcome diag.Outcome) {
		emit(diag.Path{
			ID: "peer-echo/eth0/fe80::1/fe80::2/" + string(via), Check: "peer-echo", Interface: "eth0", Source: netip.MustParseAddr("fe80::1"),
			Target: netip.MustParseAddr("fe80::2"), TargetClass: diag.TargetPeer, Asks: diag.AsksEcho, Via: via, Outcome: outcome,
		})
	}
	known := func(want int) {
		t.Helper()
		if got := len(s.Paths()); got != want {
			t.Errorf("%d paths, want %d", got, want)
		}
	}
	running()
	asked(diag.ViaKernel, diag.Answered)
	asked(diag.ViaWire, diag.Answered)
	emit(diag.Check{ID: "peer-echo", Interface: "eth0", State: diag.CheckDone})
	running()
	known(2)
	asked(diag.ViaKernel, diag.Silent)
	known(1)
	asked(diag.ViaWire, diag.Answered) // this host's fault after all
	asked(diag.ViaKernel, diag.Silent)
	known(2)
	running()
	asked(diag.ViaWire, diag.Answered)
	known(2)
	asked(diag.ViaKernel, diag.Answered) // mended
	known(2)
	asked(diag.ViaWire, diag.Silent) // of the same run
	known(2)
}
