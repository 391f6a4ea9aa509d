package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"ndwhy/diag"

	"github.com/google/go-cmp/cmp"
)

var began = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// session is what one might have said.
func session() []diag.Event {
	router := netip.MustParseAddr("fe80::4fd:d1ff:fec8:f9cf")
	own := netip.MustParseAddr("2001:db8:f:a:f557:112e:f9bd:c7f3")
	mac, _ := diag.ParseMAC("06:fd:d1:c8:f9:cf")
	bodies := []diag.Body{
		diag.Run{Version: "1.0", Host: "ubuntu1", Interfaces: []string{"eth0"}, Add: diag.AddClaim, Count: 2},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Link{Interface: "eth0", Index: 2, MTU: 9001, Up: true, Carrier: true, Ethernet: true, MAC: mac},
		diag.Address{Interface: "eth0", Address: own, PrefixLen: 128, Flags: diag.NoPrefixRoute, PreferredS: 140, ValidS: 450},
		diag.Frame{
			Interface: "eth0", Src: router, Dst: diag.AllNodes, SrcMAC: mac, Type: diag.RA, HopLimit: 255, Size: 64,
			RA: &diag.Advertisement{LifetimeS: 1800, Managed: true}, Raw: []byte("\x33\x33\x00\x00\x00\x01raw <frame>"),
		},
		diag.Neighbour{Interface: "eth0", Address: router, MAC: mac, State: diag.Stale, Router: true},
		diag.Metadata{State: diag.MetadataUnreachable, Why: "one line\nand another"},
		diag.Tick{},
		diag.Path{ID: "p", Interface: "eth0", Target: router, Outcome: diag.Answered, Evidence: []int64{5}},
	}
	events := make([]diag.Event, len(bodies))
	for i, b := range bodies {
		events[i] = diag.Event{Seq: int64(i + 1), At: began.Add(time.Duration(i) * time.Millisecond), Body: b}
	}
	// A frame's time is when it was captured, which may be before the event before it.
	events[4].At = began.Add(-time.Millisecond)
	return events
}

func recorded(t testing.TB, events []diag.Event) string { //nolint:thelper // also called by a fuzz target
	var b bytes.Buffer
	w, err := NewWriter(&b, "1.0", began)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := w.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(text string) (events []diag.Event, errs []string) {
	for e, err := range Read(strings.NewReader(text)) {
		if err != nil {
			errs = append(errs, err.Error())
		} else {
			events = append(events, e)
		}
	}
	return events, errs
}

// internals lets cmp see the whole State, evidence and all.
var internals = cmp.Options{
	cmp.Exporter(func(t reflect.Type) bool { return t.PkgPath() == "ndwhy/diag" }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
	cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	cmp.Transformer("rows", func(t diag.Neighbours) map[diag.InterfaceAddr]diag.At[diag.Neighbour] { return maps.Collect(t.All()) }),
	cmp.Transformer("rows", func(t diag.Routes) map[diag.RouteKey]diag.At[diag.Route] { return maps.Collect(t.All()) }),
}

func TestReplayIsTheStateThatWasRecorded(t *testing.T) {
	live := diag.NewState()
	for _, e := range session() {
		live.Apply(e)
	}
	got, unread, err := Replay(strings.NewReader(recorded(t, session())))
	if err != nil || len(unread) != 0 {
		t.Fatalf("%v %v", unread, err)
	}
	if diff := cmp.Diff(live, got, internals); diff != "" {
		t.Errorf("(-live +replayed)\n%s", diff)
	}
	if e, ok := got.Evidence(5); !ok || e.Kind() != "frame" {
		t.Errorf("evidence e5: %v %v", e, ok)
	}
}

func TestReadSaysWhatItCannotRead(t *testing.T) {
	good := recorded(t, session())
	lines := strings.SplitAfter(strings.TrimSuffix(good, "\n"), "\n")
	with := func(i int, line string) string {
		return strings.Join(slices.Replace(slices.Clone(lines), i, i+1, line), "")
	}
	all := len(session())
	for name, c := range map[string]struct {
		text   string
		events int
		errs   []string
	}{
		"whole":            {good, all, nil},
		"without last \\n": {strings.TrimSuffix(good, "\n"), all, nil},
		"blank lines":      {with(2, "\n \n"+lines[2]), all, nil},
		"cut off":          {good[:len(good)-20], all - 1, []string{"line 10: cut off"}},
		"unknown kind":     {with(3, `{"seq":3,"at":"2026-11-22T12:00:00Z","kind":"ha\u001bha","body":{}}`+"\n"), all - 1, []string{`line 4: event 3: unknown kind "ha.ha"`}},
		"garbage":          {with(3, "\x1b[2J\x00\xff garbage\n"), all - 1, []string{"line 4: "}},
		"too long":         {with(3, `{"seq":3,"x":"`+strings.Repeat("x", maxLine)+"\"}\n"), all - 1, []string{"line 4: longer than"}},
		"out of order":     {with(4, lines[4]+lines[4]+lines[2]), all, []string{"line 6: event 4 after event 4", "line 7: event 2 after event 4"}},
		"no number":        {with(1, strings.Replace(lines[1], `"seq":1`, `"seq":0`, 1)), all - 1, []string{"line 2: event 0 after event 0"}},
		"newer":            {with(0, `{"schema":"ndwhy.events/2","version":"9\u001b","started":"2026-11-22T12:00:00Z"}`+"\n"), all, []string{"line 1: schema ndwhy.events/2 of ndwhy"}},
		"no header":        {strings.Join(lines[1:], ""), all, []string{"line 1: no header"}},
		"another file":     {"hello\n", 0, []string{"line 1: no header", "line 1: "}},
		"empty":            {"", 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			events, errs := read(c.text)
			if len(events) != c.events {
				t.Errorf("%d events, want %d", len(events), c.events)
			}
			if name == "another file" {
				errs = errs[:1]
				c.errs = c.errs[:1]
			}
			if len(errs) != len(c.errs) {
				t.Fatalf("errors %q, want %q", errs, c.errs)
			}
			for i := range errs {
				if !strings.HasPrefix(errs[i], c.errs[i]) || strings.ContainsFunc(errs[i], func(r rune) bool { return r < ' ' }) {
					t.Errorf("error %q, want %q …", errs[i], c.errs[i])
				}
			}
		})
	}
}

// What a slow reader of a stream is told again comes after what it was told before.
func TestReadGap(t *testing.T) {
	t.Parallel()
	line := func(seq int64, body string) string {
		return fmt.Sprintf(`{"seq":%d,"at":"2026-11-22T12:00:00Z",%s}`+"\n", seq, body)
	}
	const lost, synced, tick = `"kind":"feed","body":{"name":"watch","state":"lost"}`, `"kind":"feed","body":{"name":"watch","state":"synced"}`, `"kind":"tick","body":{}`
	text := line(1, tick) + line(5, tick) + line(9, lost) + line(3, tick) + line(2, tick) + line(9, synced) + line(8, tick) + line(10, tick) +
		line(11, lost) + line(12, tick) + line(1, tick) + line(13, synced) + line(14, tick) + line(1<<62+1<<61, tick) + line(math.MaxInt64, tick)
	var got []int64
	wrong := 0
	for e, err := range Lines(strings.NewReader(text), maxLine) {
		if err != nil {
			wrong++
			continue
		}
		got = append(got, e.Seq)
	}
	// The 8 is of the past, and the last number has no room above it.
	if want := []int64{1, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 1<<62 + 1<<61 + 4}; !slices.Equal(got, want) || wrong != 2 {
		t.Errorf("%d, want %d; %d are wrong", got, want, wrong)
	}
}

func TestReadLetsNoControlCharacterThrough(t *testing.T) {
	e := diag.Event{Seq: 1, At: began, Body: diag.Feed{
		Name: "x\x1b[2J", Why: "bell\x07 c1\u009b turned\u202e <&> \\u001b \"quoted\" tab\t newline\n 日本語 😀",
	}}
	events, errs := read(recorded(t, []diag.Event{e}))
	if len(errs) != 0 || len(events) != 1 {
		t.Fatalf("%v %v", events, errs)
	}
	want := diag.Feed{Name: "x.[2J", Why: "bell. c1. turned. <&> \\u001b \"quoted\" tab\t newline\n 日本語 😀"}
	if diff := cmp.Diff(want, events[0].Body); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReadStopsAtAnErrorOfTheFile(t *testing.T) {
	broken := errors.New("input/output error")
	in := io.MultiReader(strings.NewReader(recorded(t, session()[:2])), iotest.ErrReader(broken))
	var events int
	var last error
	for _, err := range Read(in) {
		if last = err; err == nil {
			events++
		}
	}
	if events != 2 || !errors.Is(last, broken) {
		t.Errorf("%d events and %v", events, last)
	}
}

func TestReplayOfNoRecording(t *testing.T) {
	state, unread, err := Replay(strings.NewReader(strings.Repeat("not a recording\n", 1000)))
	if state != nil || err == nil || len(unread) != maxNotes+1 || !strings.Contains(err.Error(), "no header") {
		t.Errorf("%v: %d lines: %q", err, len(unread), unread)
	}
	if _, _, err := Replay(strings.NewReader("")); err == nil {
		t.Error("an empty file was taken for a recording")
	}
}

// What a killed process leaves is at most a quarter of a second short.
func TestWriterHandsOverInTime(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, "1.0", began)
	if err != nil {
		t.Fatal(err)
	}
	write := func(seq int64, after time.Duration, body diag.Body) int {
		t.Helper()
		if err := w.Write(diag.Event{Seq: seq, At: began.Add(after), Body: body}); err != nil {
			t.Fatal(err)
		}
		events, _ := read(b.String())
		return len(events)
	}
	if n := write(1, 0, diag.Machine{}); n != 0 {
		t.Errorf("%d events handed over at once", n)
	}
	if n := write(2, flushAfter, diag.Machine{}); n != 2 {
		t.Errorf("%d events after %v, want 2", n, flushAfter)
	}
	if n := write(3, flushAfter, diag.Tick{}); n != 3 {
		t.Errorf("%d events after a Tick, want 3", n)
	}
}

func TestWriterSaysWhenThePlaceIsFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	if _, err := NewWriter(full, "1.0", began); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	good := recorded(f, session())
	f.Add([]byte(good))
	f.Add([]byte(good[:len(good)/2]))
	f.Add([]byte(`{"schema":"ndwhy.events/7"}` + "\n" + `{"seq":9,"at":"9999-12-31T23:59:59Z","kind":"tick","body":{}}`))
	f.Add([]byte("{\"seq\":1,\"kind\":\"feed\",\"body\":{\"why\":\"\\u001b\\ud83d\\ude00\x9b\"}}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var last int64
		results := 0
		for e, err := range Read(bytes.NewReader(b)) {
			results++
			if err != nil {
				if s := err.Error(); strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
					t.Errorf("error %q", s)
				}
				continue
			}
			if e.Seq <= last || e.Body == nil {
				t.Errorf("event %d after %d: %v", e.Seq, last, e.Body)
			}
			last = e.Seq
			if feed, ok := e.Body.(diag.Feed); ok && strings.ContainsFunc(feed.Why, func(r rune) bool { return !passes(r) && r != '\ufffd' }) {
				t.Errorf("%q came through", feed.Why)
			}
		}
		if lines := bytes.Count(b, []byte{'\n'}) + 2; results > lines {
			t.Errorf("%d results of %d lines", results, lines)
		}
		_, _, _ = Replay(bytes.NewReader(b))
	})
}
