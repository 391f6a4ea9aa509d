package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"ndwhy/diag"
	"ndwhy/diag/record"
	"ndwhy/diag/session"
)

// feeding returns a feeder of a session's events, and the reader's end.
func feeding(t *testing.T) (*session.Session, *feeder, *io.PipeReader) {
	t.Helper()
	s := session.New(nil)
	from, to := io.Pipe()
	f := &feeder{out: to, news: make(chan struct{}, 1)}
	say := func(e diag.Event) string {
		return fmt.Sprintf("e%d %s %s %s\n", e.Seq, e.Kind(), diag.Describe(e), strings.Repeat("x", 1000))
	}
	f.line = func(e diag.Event) (string, bool) {
		_, tick := e.Body.(diag.Tick)
		return say(e), !tick
	}
	f.gap = say
	f.facts = func(taken func()) (facts []diag.Event) {
		s.Look(func(st *diag.State) {
			facts = st.Facts()
			taken()
		})
		return facts
	}
	s.Watch(f.add)
	return s, f, from
}

func entry(i int, state diag.NUD) diag.Neighbour {
	addr := netip.MustParseAddr("2001:db8::").As16()
	addr[15] = byte(i)
	return diag.Neighbour{Interface: "eth0", Address: netip.AddrFrom16(addr), MAC: diag.MAC{2, 0, 0, 0, 0, byte(i)}, State: state}
}

// Whoever reads slowly holds nothing up. Once he reads on he gets what waited, word of the gap, and what is so now of
// every entry, and after that what happens: no state that he is left with is an old one.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f, from := feeding(t)
		ran := make(chan error, 1)
		go func() { ran <- f.run() }()
		const entries = 50
		states := []diag.NUD{diag.Incomplete, diag.Reachable, diag.Stale}
		began := time.Now()
		for i := range 20_000 {
			s.Emit(entry(i%entries, states[i%len(states)]))
		}
		synctest.Wait()
		if len(f.waiting) > waitingMost || f.missed == 0 {
			t.Fatalf("%d bytes wait, %d events are missed", len(f.waiting), f.missed)
		}
		if time.Since(began) != 0 {
			t.Errorf("the events waited %v for the reader", time.Since(began))
		}
		seen, gaps, synced := map[netip.Addr]string{}, 0, false
		done := make(chan struct{})
		go func() {
			defer close(done)
			for in := bufio.NewScanner(from); in.Scan(); {
				line := in.Text()
				gaps += strings.Count(line, "came faster than they were read")
				synced = synced || gaps > 0 && strings.Contains(line, " feed ") && !strings.Contains(line, "came faster")
				for i := range entries {
					e := entry(i, "")
					if strings.Contains(line, " neighbour ") && strings.Contains(line, e.Address.String()+" ") {
						seen[e.Address] = line
					}
				}
			}
		}()
		synctest.Wait()
		s.Emit(entry(7, diag.Failed))
		f.end()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		from.CloseWithError(io.EOF)
		<-done
		if gaps != 1 || !synced {
			t.Errorf("%d gaps, and their end: %v", gaps, synced)
		}
		s.Look(func(st *diag.State) {
			if len(seen) != entries {
				t.Errorf("%d entries are known to the reader, of %d", len(seen), entries)
			}
			for key, n := range st.Neighbours.All() {
				if line := seen[key.Address]; !strings.HasPrefix(line, fmt.Sprintf("e%d ", n.Seq)) {
					t.Errorf("%s: the reader's newest is %.60q, the state's e%d", key.Address, line, n.Seq)
				}
			}
		})
	})
}

// Whoever takes the stream in after a gap knows what is so as the host itself does, and what went meanwhile, and that
// something is missing.
func TestSlowReaderTakesItIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f, from := feeding(t)
		say := func(e diag.Event) string {
			b, err := e.MarshalJSON()
			if err != nil {
				t.Error(err)
			}
			return string(b) + "\n"
		}
		f.line, f.gap = func(e diag.Event) (string, bool) { return say(e), true }, say
		address := func(n byte) diag.Address {
			return diag.Address{Interface: "eth0", Address: netip.AddrFrom16([16]byte{0x20, 1, 15: n}), PrefixLen: 64, PreferredS: diag.Forever, ValidS: diag.Forever}
		}
		gone := func(b diag.Address) diag.Address {
			b.Gone = true
			return b
		}
		for _, b := range []diag.Body{
			diag.Run{Host: "there", Interfaces: []string{"eth0"}},
			diag.Link{Interface: "eth0", Up: true, Carrier: true, Ethernet: true},
			address(1), address(2), entry(200, diag.Reachable),
			diag.Filter{Table: "filter", Chain: "input", Rule: "drop", Verdict: "drop"},
			diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		} {
			s.Emit(b)
		}
		ran := make(chan error, 1)
		go func() { ran <- f.run() }()
		for i := range 40_000 {
			s.Emit(entry(i%50, []diag.NUD{diag.Incomplete, diag.Reachable, diag.Stale}[i%3]))
			time.Sleep(time.Millisecond)
		}
		begun := time.Now()
		for _, b := range []diag.Body{
			gone(address(2)), address(3),
			diag.Neighbour{Interface: "eth0", Address: entry(200, "").Address, Gone: true},
			diag.Filter{Table: "filter", Chain: "input", Rule: "drop", Verdict: "drop", Gone: true},
		} {
			s.Emit(b)
		}
		if f.missed == 0 {
			t.Fatal("nothing is missed")
		}
		here := diag.NewState()
		taken := make(chan struct{})
		go func() {
			defer close(taken)
			for e, err := range record.Lines(from, 1<<20) {
				if err != nil {
					t.Error(err)
					continue
				}
				here.Apply(diag.Event{Seq: here.Seq + 1, At: e.At, Body: diag.Far{From: "x", Event: &e}})
			}
		}()
		synctest.Wait()
		s.Emit(address(4)) // after the gap
		f.end()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		f.out.(io.Closer).Close()
		<-taken
		far := here.Far("x")
		if why, until := far.Missed(); why == "" || until.Before(begun) {
			t.Errorf("the gap: %q until %v, want after %v", why, until, begun)
		}
		s.Look(func(st *diag.State) {
			facts := func(s *diag.State) (list []string) {
				for _, a := range s.Addresses {
					list = append(list, a.Fact.Address.String())
				}
				for _, n := range s.Neighbours.All() {
					list = append(list, fmt.Sprint(n.Fact.Address, " ", n.Fact.State))
				}
				slices.Sort(list)
				return append(list, fmt.Sprint(len(s.Links), " links, filters ", s.Filters))
			}
			if diff := gocmp.Diff(facts(st), facts(far.State)); diff != "" {
				t.Errorf("the host knows, and the reader:\n%s", diff)
			}
		})
	})
}

// A reader that has gone ends the writing with that error.
func TestFeederReaderGone(t *testing.T) {
	t.Parallel()
	s, f, from := feeding(t)
	from.Close()
	s.Emit(entry(1, diag.Stale))
	if err := f.run(); err == nil {
		t.Error("nobody reads, and no error")
	}
}

// Packets are chosen by their types; an entry that waits for an answer names the solicitation that asks for it.
func TestWatcher(t *testing.T) {
	t.Parallel()
	ns := diag.Event{Seq: 1, At: time.Date(2026, 11, 22, 12, 0, 0, 5e6, time.UTC), Body: diag.Frame{
		Interface: "eth0", Type: diag.NS, Out: true, Src: netip.MustParseAddr("fe80::1"), Target: entry(1, "").Address,
	}}
	ra := diag.Event{Seq: 2, Body: diag.Frame{Interface: "eth0", Type: diag.RA}}
	w := &watcher{kinds: []string{"neighbour", "ra"}}
	if w.wants(ns) || !w.wants(ra) || !w.wants(diag.Event{Body: entry(1, diag.Stale)}) || w.wants(diag.Event{Body: diag.Tick{}}) {
		t.Error("--only neighbour,ra shows other events")
	}
	w.because(ns)
	if got := w.because(diag.Event{Body: entry(1, diag.Incomplete)}); got != "; fe80::1 solicited for it at 12:00:00.005" {
		t.Errorf("%q", got)
	}
	for _, n := range []diag.Neighbour{entry(1, diag.Reachable), entry(2, diag.Incomplete)} {
		if got := w.because(diag.Event{Body: n}); got != "" {
			t.Errorf("%s %s: %q", n.Address, n.State, got)
		}
	}
}

// A person who begins to watch sees what is so in a few lines, with how much more there is; then what changes, and nothing
// that was asked again and is what it was. A source that is lost is said at any time.
func TestWatchIsBrief(t *testing.T) {
	t.Parallel()
	s := diag.NewState()
	w := &watcher{brief: true, opening: true}
	shows := func(body diag.Body) bool {
		e := diag.Event{Seq: s.Seq + 1, At: time.Unix(s.Seq, 0), Body: body}
		s.Apply(e)
		return w.wants(e)
	}
	metadata, lost := diag.Metadata{State: diag.MetadataOK}, diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "no CAP_NET_RAW"}
	shows(diag.Run{Interfaces: []string{"eth0"}})
	there := []diag.Body{
		metadata, lost,
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Link{Interface: "eth0"},
		diag.Link{Interface: "lo"},
		diag.Address{Interface: "eth0", Address: netip.MustParseAddr("2001:db8::7")},
		diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: netip.MustParseAddr("fe80::1"), Table: diag.MainTable},
		diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("2001:db8::/64"), Table: diag.MainTable},
	}
	for i := range 90 {
		there = append(there, diag.Sysctl{Scope: "eth0", Name: fmt.Sprint("setting", i), Value: "1"}, entry(i, diag.Stale))
	}
	for _, body := range there {
		if shows(body) {
			t.Errorf("%v is shown before it is known what is so", body)
		}
	}
	if !shows(diag.Frame{Interface: "eth0", Type: diag.NS}) {
		t.Error("a frame is not shown while it begins")
	}
	w.opening = false
	kinds := map[string]int{}
	for _, e := range w.briefly(s) {
		kinds[e.Kind()]++
		if !w.wants(e) {
			t.Errorf("%s is not shown", diag.Describe(e))
		}
	}
	want := map[string]int{"feed": 1, "link": 1, "address": 1, "route": 1, "neighbour": brieflyMost}
	if diff := gocmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
	if want := "1 link, 1 metadata, 82 neighbour, 1 route, 90 sysctl"; w.beside != want {
		t.Errorf("beside it there is %q, want %q", w.beside, want)
	}
	if shows(metadata) || shows(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced}) {
		t.Error("what is asked again and is what it was is shown")
	}
	if !shows(lost) || !shows(diag.Metadata{State: diag.MetadataUnreachable}) || !shows(diag.Sysctl{Scope: "eth0", Name: "setting1", Value: "0"}) || !shows(entry(1, diag.Failed)) {
		t.Error("a change is not shown")
	}
}
