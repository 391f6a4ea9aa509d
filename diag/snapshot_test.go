package diag

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

// again is what a recording that begins with the events of s gives, written down and read back.
func again(t *testing.T, s *State) *State {
	t.Helper()
	var events []Event
	last := int64(0)
	for _, e := range s.Events() {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var read Event
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
	return fold(events)
}

// same reports where two states differ, but for the order of paths, which nothing depends on.
func same(t *testing.T, want, got *State) {
	t.Helper()
	if a, b := reportJSON(t, want), reportJSON(t, got); !bytes.Equal(a, b) {
		t.Errorf("another report:\n%s\n%s", a, b)
	}
	if a, b := Diagnose(want), Diagnose(got); loose(a) != loose(b) || !reflect.DeepEqual(a.Findings, b.Findings) {
		t.Errorf("another diagnosis:\n%s\n%s", loose(a), loose(b))
	}
	list := func(s *State) (all [][]Event) {
		for _, part := range [][]Event{s.Frames(), s.Notes()} {
			all = append(all, slices.Clip(part))
		}
		return all
	}
	if a, b := list(want), list(got); !reflect.DeepEqual(a, b) {
		t.Errorf("%d frames and %d notes are remembered, want %d and %d", len(b[0]), len(b[1]), len(a[0]), len(a[1]))
	}
	a, b := reflect.ValueOf(*want), reflect.ValueOf(*got)
	for i := range a.NumField() {
		field := a.Type().Field(i)
		if field.IsExported() && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			t.Errorf("%s: %v, want %v", field.Name, b.Field(i), a.Field(i))
		}
	}
	for seq, pin := range want.evidence {
		if other := got.evidence[seq]; !reflect.DeepEqual(pin, other) {
			t.Errorf("evidence %d: %v, want %v", seq, other, pin)
		}
	}
	if len(got.evidence) != len(want.evidence) {
		t.Errorf("%d events are evidence, want %d", len(got.evidence), len(want.evidence))
	}
}

// utc gives the times the location that they have when they were read.
func utc(events []Event) []Event {
	for i := range events {
		events[i].At = events[i].At.UTC()
	}
	return events
}

func TestARecordingMayBeginAnywhere(t *testing.T) {
	if NewState().Events() != nil {
		t.Error("a state of nothing has events")
	}
	rounds := uint64(400)
	if testing.Short() {
		rounds = 100
	}
	for seed := range rounds {
		c := chance{rand.New(rand.NewPCG(seed, 11))}
		events := utc(c.world().events())
		at := 1 + c.IntN(len(events))
		live := fold(events[:at])
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
	events []Event
	at     time.Time
}

func (c *crowded) say(bodies ...Body) (seq int64) {
	for _, b := range bodies {
		seq = int64(len(c.events) + 1)
		c.at = c.at.Add(time.Millisecond)
		c.events = append(c.events, Event{seq, c.at, b})
	}
	return seq
}

// pass lets so many neighbours and frames come and go that everything is pushed out of the rings.
func (c *crowded) pass() {
	for i := range eventsKept + 10 {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
		c.say(
			Neighbour{Interface: "eth0", Address: a, MAC: peerMAC, State: Reachable},
			Frame{Interface: "eth0", Type: NS, Src: peerLocal, Dst: SolicitedNode(a), Target: a},
			Neighbour{Interface: "eth0", Address: a, Gone: true},
		)
	}
}

func TestALongStreamMayBeginAnywhere(t *testing.T) {
	c := crowded{at: start}
	ra := raFrame(routerAddr, routerMAC, vpcRA())
	out := func(src netip.Addr) Frame {
		return Frame{Interface: "eth0", Out: true, Type: EchoRequest, Src: src, Dst: host1}
	}
	for _, e := range vpc().events() {
		c.say(e.Body)
	}
	old := c.say(Socket{Interface: "eth0", Event: SocketSent, Target: peerGlobal, EchoSeq: 7})
	path := Path{ID: "again", Interface: "eth0", Check: "peer-echo", Asks: AsksEcho, Target: peerGlobal, Via: ViaKernel, Outcome: Silent}
	path.Evidence = []int64{old}
	c.say(
		path, ra, ra, Feed{Name: FeedFrames, State: Lost, Why: "a gap"}, Check{ID: "ra", Interface: "eth0", State: CheckRunning},
		Socket{Interface: "eth0", Event: SocketError, Target: host1, Errno: "ENOBUFS"}, TableUse{Entries: 9, Thresh3: 1024},
		PolicyRule{Priority: 1, Table: 7, Action: "to_table"}, PolicyRule{Priority: 2, Table: 7, Action: "to_table"},
		Change{Interface: "eth0", What: "something"},
		Address{Interface: "eth0", Address: hand, PrefixLen: 64, Flags: DADFailed | Tentative, Gone: true},
		out(ulaCand), // forwarded for somebody
		Frame{Interface: "eth0", Type: DHCPv6Frame, Src: routerAddr, DHCPv6: &DHCPv6{
			Message: "reply", Addresses: []LeaseAddress{{Prefix: netip.PrefixFrom(mine, 128), PreferredS: 140, ValidS: 450}},
		}},
	)
	c.pass()
	c.say(
		// Its own address when it sent, gone since; and one that had not come yet.
		byHand(hand, 64), out(hand), Address{Interface: "eth0", Address: hand, Gone: true},
		out(mineNext), byHand(mineNext, 64), out(mine), leased(mine), ra,
		PolicyRule{Priority: 1, Table: 7, Action: "to_table", Gone: true},
		Neighbour{Interface: "eth0", Address: peerSecond, MAC: peerMAC, State: Stale},
	)
	path.Evidence = []int64{old, c.say(Socket{Interface: "eth0", Event: SocketSent, Target: peerGlobal, EchoSeq: 8})}
	c.say(path, Check{ID: "ra", Interface: "eth0", State: CheckDone}, Run{Version: "test", Interfaces: []string{"eth0", "eth1"}, Count: 2})
	for i := range eventsKept + 10 {
		// Neighbours alone: what says whose the addresses were is pushed out, the frames are not.
		c.say(Neighbour{Interface: "eth0", Address: peerLocal, MAC: peerMAC, State: []NUD{Stale, Reachable}[i%2]})
	}
	c.say(
		// An interface that went and came back has nothing of what it had.
		Link{Interface: "eth1", Index: 3, MAC: otherMAC, Up: true, Ethernet: true},
		Neighbour{Interface: "eth1", Address: peerLocal, MAC: peerMAC, State: Stale},
		byHandOn("eth1", peerSecond), Link{Interface: "eth1", Gone: true},
		Link{Interface: "eth1", Index: 4, MAC: otherMAC, Up: true, Ethernet: true},
	)
	c.at = c.at.Add(time.Minute)
	c.say(Tick{})
	c.at = c.at.Add(-time.Second)
	c.say(out(mine)) // frames have the time of their capture
	live := fold(c.events)
	if _, ok := live.Evidence(old); !ok || len(live.Foreign) != 2 {
		t.Fatal("the stream is not what it should be")
	}
	recorded := again(t, live)
	same(t, live, recorded)
	if n, most := len(live.Events()), 2*eventsKept+150; n > most {
		t.Errorf("%d events, want at most %d", n, most)
	}
	begun := ofKind(func(c Check) bool { return c.ID == "ra" && c.State == CheckRunning })
	if !slices.ContainsFunc(live.Events(), func(e Event) bool { return begun(e.Body) }) {
		t.Error("when a check began is not told")
	}
	for _, body := range []Body{ra, out(hand), Neighbour{Interface: "eth0", Address: peerLocal, Gone: true}, Tick{}} {
		e := Event{live.Seq + 1, live.Now.Add(time.Second), body}
		live.Apply(e)
		recorded.Apply(e)
	}
	same(t, live, recorded)
}

func byHandOn(iface string, a netip.Addr) Address {
	b := byHand(a, 64)
	b.Interface = iface
	return b
}

// Whoever floods a link with advertisements takes no router's place in a recording either.
func TestAFloodOfRoutersMayBeRecorded(t *testing.T) {
	c := crowded{at: start}
	c.say(vpc().run)
	flood := func(n int) {
		for i := range n {
			c.say(raFrame(netip.AddrFrom16([16]byte{0xfe, 0x80, 14: byte(i >> 8), 15: byte(i)}), otherMAC, vpcRA()))
		}
	}
	c.say(raFrame(routerAddr, routerMAC, vpcRA()))
	flood(eventsKept + 1000)
	c.say(raFrame(routerAddr, routerMAC, vpcRA()))
	live := fold(c.events)
	if r := live.Routers[InterfaceAddr{"eth0", routerAddr}]; r == nil || r.Count != 2 || len(live.Routers) != routersKept {
		t.Fatal("the stream is not what it should be")
	}
	same(t, live, again(t, live))
}

// What begins in the middle is as little to be trusted as any other file.
func TestAFalseResumption(t *testing.T) {
	s := NewState()
	s.Apply(Event{1, start, Run{Interfaces: []string{"eth0"}, Resumed: &Resumed{
		Until: 1 << 62, Foreign: []int64{-1, 2}, Evidence: []int64{2, 2, 3}, Routers: []ResumedRouter{{Interface: "eth0", Address: routerAddr, Count: -5, IntervalS: -1}},
	}}})
	s.Apply(Event{2, start, raFrame(routerAddr, routerMAC, vpcRA())})
	s.Apply(Event{3, start, Path{ID: "x", Target: host1, Evidence: []int64{2, 2, 3, 9}}})
	s.Apply(Event{4, start, Path{ID: "x", Target: host1}})
	s.Apply(Event{5, start, Run{Interfaces: []string{"eth1"}, Resumed: &Resumed{Until: 9}}})
	if r := s.Routers[InterfaceAddr{"eth0", routerAddr}]; r == nil || r.Count != 1 || r.IntervalS != 0 {
		t.Errorf("router %+v", r)
	}
	if s.Run.Resumed != nil {
		t.Error("the run says how the recording began")
	}
	reportJSON(t, s)
	same(t, s, again(t, s))
}

func BenchmarkEvents(b *testing.B) {
	s := fold(crowd(100_000))
	b.ReportAllocs()
	for b.Loop() {
		s.Events()
	}
}
