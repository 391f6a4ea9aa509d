package diag

import (
	"net/netip"
	"testing"
	"time"
)

// The stream of another host may last for weeks: what is kept of it is what matters, which is found in the stream of here.
func TestFarIsBounded(t *testing.T) {
	t.Parallel()
	s := NewState()
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	address := Event{Seq: 2, At: at, Body: Address{Interface: "eth0", Address: netip.MustParseAddr("2001:db8::1"), PrefixLen: 64}}
	tell := func(e Event) {
		s.Apply(Event{Seq: s.Seq + 1, At: at, Body: Far{From: "ssh far", Event: &e}})
	}
	tell(Event{Seq: 1, At: at, Body: Run{Host: "far"}})
	tell(address)
	for seq := int64(3); seq < 20*toldLeast; seq++ {
		at = at.Add(time.Second)
		tell(Event{Seq: seq, At: at.Add(3 * time.Second), Body: Tick{}})
	}
	f := s.Fars[0]
	if len(f.told) > 2*toldLeast || cap(f.told) > 4*toldLeast {
		t.Errorf("the places of %d events are kept, in room for %d", len(f.told), cap(f.told))
	}
	if here := f.Here(address); here.Seq != 2 {
		t.Errorf("the address stands in event %d of here", here.Seq)
	}
	if f.Told() != at {
		t.Errorf("it has told up to %v, want %v", f.Told(), at)
	}
}

// How much later than it happens something is known here is judged by the last minutes: the clocks drift apart.
func TestFarDrifts(t *testing.T) {
	t.Parallel()
	s := NewState()
	here := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	there := here
	s.Apply(Event{Seq: 1, At: here, Body: Far{From: "ssh far", Event: &Event{Seq: 1, At: there, Body: Run{}}}})
	for seq := int64(2); seq < 7200; seq++ {
		here, there = here.Add(time.Second), there.Add(999*time.Millisecond)
		s.Apply(Event{Seq: seq, At: here, Body: Far{From: "ssh far", Event: &Event{Seq: seq, At: there, Body: Tick{}}}})
	}
	if d := here.Sub(s.Fars[0].Told()); d > 200*time.Millisecond {
		t.Errorf("%v of what it told are taken for not told", d)
	}
}
