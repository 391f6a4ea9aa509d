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
