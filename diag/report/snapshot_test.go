package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/why"
)

// again is what a recording that begins with the events of s gives, written down and read back.
func again(t *testing.T, s *diag.State) *diag.State {
	t.Helper()
	var events []diag.Event
	last := int64(0)
	for _, e := range s.Events() {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var read diag.Event
		if err := json.Unmarshal(raw, &read); err != nil {
			t.Fatal(err)
		}
		if e.Seq <= last {
			t.Fatalf("event %d after event %d", e.Seq, last)
		}
		last = e.Seq
		events = append(events, read)
	}
	if len(events) > 0 && events[0].Kind() != "run" {
		t.Fatalf("the first event is a %s", events[0].Kind())
	}
	return diagtest.Fold(events)
}

// says is what a field of a state says: of a table its rows, however they are kept.
func says(field reflect.Value) any {
	switch x := field.Interface().(type) {
	case diag.Neighbours:
		return maps.Collect(x.All())
	case diag.Routes:
		return maps.Collect(x.All())
	default:
		return x
	}
}

// same reports where two states differ, but for the order of paths, which nothing depends on.
func same(t *testing.T, want, got *diag.State) {
	t.Helper()
	if a, b := ReportJSON(t, want), ReportJSON(t, got); !bytes.Equal(a, b) {
		t.Errorf("another report:\n%s\n%s", a, b)
	}
	if a, b := why.Diagnose(want), why.Diagnose(got); loose(a) != loose(b) || !reflect.DeepEqual(a.Findings, b.Findings) {
		t.Errorf("another diagnosis:\n%s\n%s", loose(a), loose(b))
	}
	list := func(s *diag.State) (all [][]diag.Event) {
		for _, part := range [][]diag.Event{s.Frames(), s.Segments(), s.Notes()} {
			all = append(all, slices.Clip(part))
		}
		return all
	}
	if a, b := list(want), list(got); !reflect.DeepEqual(a, b) {
		t.Errorf("%d frames, %d segments and %d notes are remembered, want %d, %d and %d", len(b[0]), len(b[1]), len(b[2]), len(a[0]), len(a[1]), len(a[2]))
	}
	a, b := reflect.ValueOf(*want), reflect.ValueOf(*got)
	for i := range a.NumField() {
		field := a.Type().Field(i)
		if field.Name == "Fars" || !field.IsExported() {
			continue // they are compared as states are
		}
		if was, is := says(a.Field(i)), says(b.Field(i)); !reflect.DeepEqual(was, is) {
			t.Errorf("%s: %v, want %v", field.Name, is, was)
		}
	}
	if len(want.Fars) != len(got.Fars) {
		t.Fatalf("%d other hosts, want %d", len(got.Fars), len(want.Fars))
	}
	for i, a := range want.Fars {
		b := got.Fars[i]
		if a.From != b.From || a.Reading != b.Reading || a.Why != b.Why {
			t.Errorf("another host: %s %s %s, want %s %s %s", b.From, b.Reading, b.Why, a.From, a.Reading, a.Why)
		}
		if a.State.Seq > 0 {
			same(t, a.State, b.State)
		}
	}
	for _, iface := range []string{"eth0", "eth1", "lo"} {
		a, okA := want.Before(iface)
		b, okB := got.Before(iface)
		if okA != okB || !reflect.DeepEqual(a, b) {
			t.Errorf("before the run on %s: %+v, want %+v", iface, b, a)
		}
	}
	for _, p := range want.Paths() {
		for _, seq := range p.Evidence {
			a, okA := want.Evidence(seq)
			b, okB := got.Evidence(seq)
			if okA != okB || !reflect.DeepEqual(a, b) {
				t.Errorf("evidence %d: %v, want %v", seq, b, a)
			}
		}
	}
}

// utc gives the times the location that they have when they were read.
func utc(events []diag.Event) []diag.Event {
	for i := range events {
		events[i].At = events[i].At.UTC()
	}
	return events
}

func TestARecordingMayBeginAnywhere(t *testing.T) {
	if diag.NewState().Events() != nil {
		t.Error("a state of nothing has events")
	}
	rounds := uint64(400)
	if testing.Short() {
		rounds = 100
	}
	for seed := range rounds {
		c := diagtest.Chance{Rand: rand.New(rand.NewPCG(seed, 11))}
		events := utc(c.World().Events())
		at := 1 + c.IntN(len(events))
		live := diagtest.Fold(events[:at])
		recorded := again(t, live)
		same(t, live, recorded)
		for _, e := range events[at:] {
			live.Apply(e)
			recorded.Apply(e)
		}
		same(t, live, recorded)
		same(t, live, again(t, recorded))
		if t.Failed() {
			t.Fatalf("seed %d, cut at %d of %d", seed, at, len(events))
		}
	}
}

// crowded is a stream long enough to push out almost all that was remembered of its beginning.
type crowded struct {
	events []diag.Event
	at     time.Time
}

func (c *crowded) say(bodies ...diag.Body) (seq int64) {
	for _, b := range bodies {
		seq = int64(len(c.events) + 1)
		c.at = c.at.Add(time.Millisecond)
		c.events = append(c.events, diag.Event{Seq: seq, At: c.at, Body: b})
	}
	return seq
}

// pass lets so many neighbours and frames come and go that everything is pushed out of the rings.
func (c *crowded) pass() {
	for i := range diag.EventsKept + 10 {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		c.say(
			diag.Neighbour{Interface: "eth0", Address: a, MAC: diagtest.PeerMAC, State: diag.Reachable},
			diag.Frame{Interface: "eth0", Type: diag.NS, Src: diagtest.PeerLocal, Dst: diag.SolicitedNode(a), Target: a},
			diag.Neighbour{Interface: "eth0", Address: a, Gone: true},
		)
	}
}

func TestALongStreamMayBeginAnywhere(t *testing.T) {
	c := crowded{at: diagtest.Start}
	ra := diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diagtest.VpcRA())
	out := func(src netip.Addr) diag.Frame {
		return diag.Frame{Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: src, Dst: diagtest.Host1}
	}
	for _, e := range diagtest.VPC().Events() {
		c.say(e.Body)
	}
	old := c.say(diag.Socket{Interface: "eth0", Event: diag.SocketSent, Target: diagtest.PeerGlobal, EchoSeq: 7})
	path := diag.Path{ID: "again", Interface: "eth0", Check: "peer-echo", Asks: diag.AsksEcho, Target: diagtest.PeerGlobal, Via: diag.ViaKernel, Outcome: diag.Silent}
	path.Evidence = []int64{old}
	c.say(
		path, ra, ra, diag.Feed{Name: diag.FeedFrames, State: diag.Lost, Why: "a gap"}, diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckRunning},
		diag.Socket{Interface: "eth0", Event: diag.SocketError, Target: diagtest.Host1, Errno: "ENOBUFS"}, diag.TableUse{Entries: 9, Thresh3: 1024},
		diag.PolicyRule{Priority: 1, Table: 7, Action: "to_table"}, diag.PolicyRule{Priority: 2, Table: 7, Action: "to_table"},
		diag.Change{Interface: "eth0", What: "something"},
		diag.Address{Interface: "eth0", Address: diagtest.Hand, PrefixLen: 64, Flags: diag.DADFailed | diag.Tentative, Gone: true},
		out(diagtest.UlaCand), // forwarded for somebody
		diag.Frame{Interface: "eth0", Type: diag.DHCPv6Frame, Src: diagtest.RouterAddr, DHCPv6: &diag.DHCPv6{
			Message: "reply", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Mine, 128), PreferredS: 140, ValidS: 450}},
		}},
	)
	c.pass()
	c.say(
		// Its own address when it sent, gone since; and one that had not come yet.
		diagtest.ByHand(diagtest.Hand, 64), out(diagtest.Hand), diag.Address{Interface: "eth0", Address: diagtest.Hand, Gone: true},
		out(diagtest.MineNext), diagtest.ByHand(diagtest.MineNext, 64), out(diagtest.Mine), diagtest.Leased(diagtest.Mine), ra,
		diag.PolicyRule{Priority: 1, Table: 7, Action: "to_table", Gone: true},
		diag.Neighbour{Interface: "eth0", Address: diagtest.PeerSecond, MAC: diagtest.PeerMAC, State: diag.Stale},
	)
	path.Evidence = []int64{old, c.say(diag.Socket{Interface: "eth0", Event: diag.SocketSent, Target: diagtest.PeerGlobal, EchoSeq: 8})}
	c.say(path, diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckDone}, diag.Run{Version: "test", Interfaces: []string{"eth0", "eth1"}, Count: 2})
	for i := range diag.EventsKept + 10 {
		// Neighbours alone: what says whose the addresses were is pushed out, the frames are not.
		c.say(diag.Neighbour{Interface: "eth0", Address: diagtest.PeerLocal, MAC: diagtest.PeerMAC, State: []diag.NUD{diag.Stale, diag.Reachable}[i%2]})
	}
	c.say(
		// An interface that went and came back has nothing of what it had.
		diag.Link{Interface: "eth1", Index: 3, MAC: diagtest.OtherMAC, Up: true, Ethernet: true},
		diag.Neighbour{Interface: "eth1", Address: diagtest.PeerLocal, MAC: diagtest.PeerMAC, State: diag.Stale},
		byHandOn("eth1", diagtest.PeerSecond), diag.Link{Interface: "eth1", Gone: true},
		diag.Link{Interface: "eth1", Index: 4, MAC: diagtest.OtherMAC, Up: true, Ethernet: true},
	)
	c.at = c.at.Add(time.Minute)
	c.say(diag.Tick{})
	c.at = c.at.Add(-time.Second)
	c.say(out(diagtest.Mine)) // frames have the time of their capture
	live := diagtest.Fold(c.events)
	if _, ok := live.Evidence(old); !ok || len(live.Foreign) != 2 {
		t.Fatal("the stream is not what it should be")
	}
	recorded := again(t, live)
	same(t, live, recorded)
	if n, most := len(live.Events()), 2*diag.EventsKept+150; n > most {
		t.Errorf("%d events, want at most %d", n, most)
	}
	begun := diagtest.OfKind(func(c diag.Check) bool { return c.ID == "ra" && c.State == diag.CheckRunning })
	if !slices.ContainsFunc(live.Events(), func(e diag.Event) bool { return begun(e.Body) }) {
		t.Error("when a check began is not told")
	}
	for _, body := range []diag.Body{ra, out(diagtest.Hand), diag.Neighbour{Interface: "eth0", Address: diagtest.PeerLocal, Gone: true}, diag.Tick{}} {
		e := diag.Event{Seq: live.Seq + 1, At: live.Now.Add(time.Second), Body: body}
		live.Apply(e)
		recorded.Apply(e)
	}
	same(t, live, recorded)
}

func byHandOn(iface string, a netip.Addr) diag.Address {
	b := diagtest.ByHand(a, 64)
	b.Interface = iface
	return b
}

// Whoever floods a link with advertisements takes no router's place in a recording either.
func TestAFloodOfRoutersMayBeRecorded(t *testing.T) {
	c := crowded{at: diagtest.Start}
	c.say(diagtest.VPC().Run)
	flood := func(n int) {
		for i := range n {
			c.say(diagtest.RaFrame(netip.AddrFrom16([16]byte{0xfe, 0x80, 14: byte(i >> 8), 15: byte(i)}), diagtest.OtherMAC, diagtest.VpcRA()))
		}
	}
	c.say(diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diagtest.VpcRA()))
	flood(diag.EventsKept + 1000)
	c.say(diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diagtest.VpcRA()))
	live := diagtest.Fold(c.events)
	if r := live.Routers[diag.InterfaceAddr{Interface: "eth0", Address: diagtest.RouterAddr}]; r == nil || r.Count != 2 || len(live.Routers) != diag.RoutersKept {
		t.Fatal("the stream is not what it should be")
	}
	same(t, live, again(t, live))
}

// What begins in the middle is as little to be trusted as any other file.
func TestAFalseResumption(t *testing.T) {
	s := diag.NewState()
	s.Apply(diag.Event{Seq: 1, At: diagtest.Start, Body: diag.Run{Interfaces: []string{"eth0"}, Resumed: &diag.Resumed{
		Until: 1 << 62, Foreign: []int64{-1, 2}, Evidence: []int64{2, 2, 3}, Routers: []diag.ResumedRouter{{Interface: "eth0", Address: diagtest.RouterAddr, Count: -5, IntervalS: -1}},
	}}})
	s.Apply(diag.Event{Seq: 2, At: diagtest.Start, Body: diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diagtest.VpcRA())})
	s.Apply(diag.Event{Seq: 3, At: diagtest.Start, Body: diag.Path{ID: "x", Target: diagtest.Host1, Evidence: []int64{2, 2, 3, 9}}})
	s.Apply(diag.Event{Seq: 4, At: diagtest.Start, Body: diag.Path{ID: "x", Target: diagtest.Host1}})
	s.Apply(diag.Event{Seq: 5, At: diagtest.Start, Body: diag.Run{Interfaces: []string{"eth1"}, Resumed: &diag.Resumed{Until: 9}}})
	if r := s.Routers[diag.InterfaceAddr{Interface: "eth0", Address: diagtest.RouterAddr}]; r == nil || r.Count != 1 || r.IntervalS != 0 {
		t.Errorf("router %+v", r)
	}
	if s.Run.Resumed != nil {
		t.Error("the run says how the recording began")
	}
	ReportJSON(t, s)
	same(t, s, again(t, s))
}

func BenchmarkEvents(b *testing.B) {
	s := diagtest.Fold(crowd(100_000))
	b.ReportAllocs()
	for b.Loop() {
		s.Events()
	}
}
