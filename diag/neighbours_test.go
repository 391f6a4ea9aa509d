package diag

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// An entry is given as it was told, of which little is kept; what can be no entry is none.
func TestNeighbours(t *testing.T) {
	zone := time.FixedZone("", 3600)
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, zone)
	n := Neighbour{
		Interface: "eth0", Address: netip.MustParseAddr("fe80::1"), MAC: MAC{2, 0, 0, 0, 0, 1}, State: Stale, Router: true, ConfirmedS: 1.25,
	}
	key := InterfaceAddr{n.Interface, n.Address}
	s := NewState()
	s.Apply(Event{Seq: 7, At: at, Body: n})
	if got := s.Neighbours.Of(key); got.Fact != n || got.Seq != 7 || got.At != at {
		t.Errorf("%+v, want %+v", got, n)
	}
	other := n
	other.Interface, other.State = "eth1", "of another kernel"
	s.Apply(Event{Seq: 8, At: at, Body: other})
	for _, addr := range []string{"192.0.2.1", "fe80::1%eth0"} {
		n := n
		n.Address = netip.MustParseAddr(addr)
		s.Apply(Event{Seq: 9, At: at, Body: n})
		if got, ok := s.Neighbours.Find(InterfaceAddr{n.Interface, n.Address}); ok {
			t.Errorf("%s: %+v", addr, got)
		}
	}
	if got := s.CountNeighbours("eth1"); s.Neighbours.Len() != 2 || len(got) != 1 || got[""] != 1 {
		t.Errorf("%d entries, in these states: %v", s.Neighbours.Len(), got)
	}
	s.Apply(Event{Seq: 10, At: at, Body: Link{Interface: "eth0", Gone: true}})
	if got := s.CountNeighbours("eth0"); s.Neighbours.Len() != 1 || len(got) != 0 {
		t.Errorf("of an interface that is gone %v; in all %d, want 1", got, s.Neighbours.Len())
	}
}

// 100,000 of them leave room for the rest within what the program may take.
func TestNeighboursAreSmall(t *testing.T) {
	const count, most = 100_000, 12 << 20
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	s, before := NewState(), held()
	for i := range count {
		addr := netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		s.applyNeighbour(Event{}, Neighbour{Interface: "eth0", Address: addr, State: Stale})
	}
	if took := held() - before; took > most {
		t.Errorf("%d entries take %.1f MB, want at most %d", count, float64(took)/1e6, most>>20)
	}
	runtime.KeepAlive(s)
}
