package record

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ndwhy/diag"
	"ndwhy/diag/pcap"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// at makes a stream: each body so long after the beginning.
type moment struct {
	after time.Duration
	body  diag.Body
}

func stream(moments ...moment) []diag.Event {
	var events []diag.Event
	for i, m := range moments {
		events = append(events, diag.Event{Seq: int64(i + 1), At: began.Add(m.after), Body: m.body})
	}
	return events
}

func link(up bool) diag.Link {
	return diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{6, 1, 2, 3, 4, 5}, MTU: 1500, Up: up, Carrier: up, Ethernet: true}
}

// outage is 10 s in which a link goes down and comes back; the findings change at events 6 and 8.
func outage() []diag.Event {
	return stream(
		moment{0, diag.Run{Version: "1", Interfaces: []string{"eth0"}}},
		moment{0, diag.Feed{Name: diag.FeedNetlink, State: diag.Synced}},
		moment{0, link(true)},
		moment{time.Second, diag.Tick{}},
		moment{1500 * time.Millisecond, diag.Neighbour{Interface: "eth0", Address: diag.VPCRouter, State: diag.Stale}},
		moment{2 * time.Second, link(false)},
		moment{3 * time.Second, diag.Tick{}},
		moment{4 * time.Second, link(true)},
		moment{10 * time.Second, diag.Tick{}},
	)
}

// playing is a player that runs within a bubble.
type playing struct {
	*Player
	noted   []int64
	changes int
}

// play runs a recording and lets fn drive it; the bubble's clock moves only where fn waits.
func play(t *testing.T, text string, fn func(p *playing)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &playing{}
		var err error
		p.Player, err = NewPlayer("1", strings.NewReader(text), func(e diag.Event) { p.noted = append(p.noted, e.Seq) }, func() { p.changes++ })
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan struct{})
		go func() {
			defer close(ran)
			p.Run(ctx)
		}()
		synctest.Wait()
		fn(p)
		cancel()
		<-ran
	})
}

// after lets time pass and wants so many events to have been played.
func (p *playing) after(t *testing.T, d time.Duration, events int) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
	if got := p.Progress().Event; got != events {
		t.Errorf("%d events after %s more, want %d", got, d, events)
	}
}

func TestPlayAsItHappened(t *testing.T) {
	play(t, recorded(t, outage()), func(p *playing) {
		p.after(t, 0, 3)
		p.after(t, 999*time.Millisecond, 3)
		p.after(t, time.Millisecond, 4)
		p.after(t, 500*time.Millisecond, 5)
		p.after(t, 2500*time.Millisecond, 8)
		// Of six seconds in which nothing happened three are left.
		p.after(t, longestGap-time.Millisecond, 8)
		if got, want := p.Progress(), (Progress{Event: 8, Events: 9, Speed: 1, Quiet: 6 * time.Second}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		p.after(t, time.Millisecond, 9)
		if got, want := p.Progress(), (Progress{Event: 9, Events: 9, Ended: true, Speed: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if p.changes != 2 {
			t.Errorf("told %d times, want once of the quiet time and once of the end", p.changes)
		}
		if !slices.Equal(p.noted, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("noted %v", p.noted)
		}
		want := diag.NewState()
		for _, e := range outage() {
			want.Apply(e)
		}
		p.Look(func(s *diag.State) {
			if diff := cmp.Diff(want, s, internals); diff != "" {
				t.Errorf("(-recorded +played)\n%s", diff)
			}
		})
		// At the end there is nothing to do for any of them.
		p.Step()
		p.NextFinding()
		p.Pause(false)
		p.after(t, time.Hour, 9)
	})
}

// From the beginning again it is the same, also after the end.
func TestRestart(t *testing.T) {
	play(t, recorded(t, outage()), func(p *playing) {
		p.Speed(1000)
		p.after(t, time.Second, 9)
		p.noted = nil
		p.Restart()
		p.Restart()
		p.Speed(1)
		p.after(t, time.Second, 4)
		if got, want := p.Progress(), (Progress{Event: 4, Events: 9, Speed: 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		p.Speed(1000)
		p.after(t, time.Second, 9)
		if !slices.Equal(p.noted[len(p.noted)-9:], []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("noted %v", p.noted)
		}
		want := diag.NewState()
		for _, e := range outage() {
			want.Apply(e)
		}
		p.Look(func(s *diag.State) {
			if diff := cmp.Diff(want, s, internals); diff != "" {
				t.Errorf("(-recorded +played)\n%s", diff)
			}
		})
	})
}

func TestPause(t *testing.T) {
	play(t, recorded(t, outage()), func(p *playing) {
		p.after(t, 600*time.Millisecond, 3)
		p.Pause(true)
		if !p.Progress().Paused || p.changes != 1 {
			t.Error("nobody is told that it is paused")
		}
		p.after(t, time.Hour, 3)
		p.Pause(true)
		p.after(t, time.Hour, 3)
		p.Pause(false)
		p.after(t, 399*time.Millisecond, 3)
		p.after(t, time.Millisecond, 4)
	})
}

func TestStep(t *testing.T) {
	play(t, recorded(t, outage()), func(p *playing) {
		p.after(t, 600*time.Millisecond, 3)
		p.Step()
		p.after(t, time.Hour, 4)
		p.Step()
		p.after(t, 0, 5)
		if !p.Progress().Paused {
			t.Error("a step does not pause")
		}
		p.Pause(false)
		p.after(t, 499*time.Millisecond, 5)
		p.after(t, time.Millisecond, 6)
	})
}

func TestSpeed(t *testing.T) {
	play(t, recorded(t, outage()), func(p *playing) {
		p.after(t, 500*time.Millisecond, 3)
		p.Speed(2)
		p.after(t, 249*time.Millisecond, 3)
		p.after(t, time.Millisecond, 4)
		p.Speed(0.5)
		p.after(t, 999*time.Millisecond, 4)
		p.after(t, time.Millisecond, 5)
		for _, none := range []float64{0, -1, math.NaN(), math.Inf(-1)} {
			p.Speed(none)
		}
		if got := p.Progress().Speed; got != 0.5 {
			t.Errorf("speed %g", got)
		}
		p.Speed(math.Inf(1))
		p.after(t, 100*time.Millisecond, 9)
		p.Speed(1e-9)
		if got := p.Progress().Speed; got != Slowest {
			t.Errorf("speed %g", got)
		}
	})
}

func TestNextFinding(t *testing.T) {
	play(t, recorded(t, outage()), func(p *playing) {
		p.NextFinding()
		p.after(t, 0, 6)
		if !p.Progress().Paused {
			t.Error("it goes on from where the findings change")
		}
		p.Look(func(s *diag.State) {
			if !strings.Contains(findings(s), "host.link-down eth0") {
				t.Errorf("found: %s", findings(s))
			}
		})
		p.after(t, time.Hour, 6)
		p.NextFinding()
		p.after(t, 0, 8)
		p.NextFinding() // there is no other
		p.after(t, 0, 9)
		if !p.Progress().Ended {
			t.Error("it has not ended")
		}
	})
}

// What a search passes over is not waited for afterwards.
func TestGoOnAfterASearch(t *testing.T) {
	play(t, recorded(t, outage()), func(p *playing) {
		p.after(t, 1900*time.Millisecond, 5)
		p.NextFinding()
		p.after(t, 0, 6)
		p.Pause(false)
		p.after(t, 999*time.Millisecond, 6)
		p.after(t, time.Millisecond, 7)
	})
}

// A change that lasts no longer than anybody could have seen is none, and a search can be stopped.
func TestSearch(t *testing.T) {
	moments := []moment{
		{0, diag.Run{Version: "1", Interfaces: []string{"eth0"}}},
		{0, diag.Feed{Name: diag.FeedNetlink, State: diag.Synced}},
		{0, link(true)},
		{200 * time.Millisecond, link(false)},
		{210 * time.Millisecond, link(true)},
	}
	for i := range 5_000 {
		moments = append(moments, moment{time.Second + time.Duration(i)*time.Millisecond, link(true)})
	}
	moments = append(moments, moment{time.Hour, link(false)})
	text := recorded(t, stream(moments...))
	play(t, text, func(p *playing) {
		p.NextFinding()
		p.after(t, 0, len(moments))
	})
	p, err := NewPlayer("1", strings.NewReader(text), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.Step()
	}
	p.NextFinding()
	for range 97 {
		p.turn()
	}
	p.Pause(true)
	if _, goesOn := p.turn(); goesOn || p.Progress().Event != 100 {
		t.Errorf("%+v: a search cannot be stopped", p.Progress())
	}
	p.stop()
}

// What a recording begins with was known all at once, whenever it happened.
func TestRecordingThatBeginsInTheMiddle(t *testing.T) {
	live := diag.NewState()
	events := outage()
	for _, e := range events[:6] {
		live.Apply(e)
	}
	known := live.Events()
	text := recorded(t, append(known, events[6:]...))
	play(t, text, func(p *playing) {
		p.after(t, 0, len(known))
		p.after(t, time.Second, len(known)+1)
	})
	synctest.Test(t, func(t *testing.T) {
		for name, do := range map[string]func(*Player){"step": (*Player).Step, "search": (*Player).NextFinding} {
			p := playing{}
			var err error
			if p.Player, err = NewPlayer("1", strings.NewReader(text), nil, nil); err != nil {
				t.Fatal(err)
			}
			do(p.Player)
			ctx, cancel := context.WithCancel(context.Background())
			go p.Run(ctx)
			want := map[string]int{"step": len(known), "search": len(known) + 2}
			p.after(t, 0, want[name])
			cancel()
			synctest.Wait()
		}
	})
}

// A process that was stopped does not run through what it would have played meanwhile.
func TestStoppedProcess(t *testing.T) {
	var moments []moment
	for i := range 100 {
		moments = append(moments, moment{time.Duration(i) * time.Second, diag.Tick{}})
	}
	synctest.Test(t, func(t *testing.T) {
		p := playing{}
		var err error
		if p.Player, err = NewPlayer("1", strings.NewReader(recorded(t, stream(moments...))), nil, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // nobody plays
		ctx, cancel := context.WithCancel(context.Background())
		go p.Run(ctx)
		p.after(t, 0, 2)
		p.after(t, time.Second, 3)
		cancel()
		synctest.Wait()
	})
}

func TestPlayerOfBadFiles(t *testing.T) {
	whole := recorded(t, session())
	header, rest, _ := strings.Cut(whole, "\n")
	newer := strings.Replace(header, "/1", "/2", 1)
	for _, tt := range []struct {
		name, text string
		events     int // as counted at first
		played     int
		says       string
	}{
		{"whole", whole, 9, 9, ""},
		{"cut off", whole[:len(whole)-10], 9, 8, "line 10: cut off"},
		{"newer", newer + "\n" + rest, 9, 9, "is newer than this program"},
		{"no header", rest, 9, 9, "line 1: no header"},
		{"garbage between", header + "\nwhat?\n\n" + rest + "\n \n", 9, 9, "line 2:"},
		{"a long line", header + "\n" + rest + strings.Repeat("x", 3<<20) + "\n", 10, 9, "longer than"},
		{"an unknown kind", header + "\n" + rest + `{"seq":99,"at":"2026-11-22T12:00:00Z","kind":"new","body":{}}` + "\n", 10, 9, `unknown kind "new"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, tt.text, func(p *playing) {
				if p.NextFinding(); p.Progress().Events != tt.events && p.Progress().Events != tt.played {
					t.Errorf("%d events, want %d", p.Progress().Events, tt.events)
				}
				p.Pause(false)
				p.after(t, time.Minute, tt.played)
				if got := p.Progress(); got.Events != tt.played || !got.Ended {
					t.Errorf("%+v, want %d events", got, tt.played)
				}
				said := strings.Join(p.Problems(), "\n")
				if tt.says == "" && said != "" || !strings.Contains(said, tt.says) {
					t.Errorf("problems: %q, want %q", said, tt.says)
				}
			})
		})
	}
	for _, text := range []string{"", "\n\n", header + "\n", "PK\x03\x04", strings.Repeat("{}\n", 100)} {
		_, err := NewPlayer("1", strings.NewReader(text), nil, nil)
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

// FuzzPlayer holds the player against the fold of the same file.
func FuzzPlayer(f *testing.F) {
	f.Add(recorded(f, session()), uint8(3))
	f.Add(recorded(f, outage()), uint8(200))
	live := diag.NewState()
	for _, e := range outage() {
		live.Apply(e)
	}
	f.Add(recorded(f, live.Events()), uint8(0))
	f.Add(`{"seq":1,"at":"9999-12-31T23:59:59Z","kind":"run","body":{"resumed":{"until":9223372036854775807}}}`, uint8(1))
	f.Fuzz(func(t *testing.T, text string, steps uint8) {
		if pcap.Detect([]byte(text)[:min(8, len(text))]) != "" {
			return // a capture is no recording
		}
		want, unread, err := Replay(strings.NewReader(text))
		synctest.Test(t, func(t *testing.T) {
			p, playErr := NewPlayer("1", strings.NewReader(text), nil, nil)
			if (err == nil) != (playErr == nil) {
				t.Fatalf("%v, but %v", err, playErr)
			}
			if err != nil {
				return
			}
			for range steps {
				p.Step()
			}
			p.Speed(Fastest)
			p.Pause(false)
			ctx, cancel := context.WithCancel(context.Background())
			go p.Run(ctx)
			for range len(text) {
				if p.Progress().Ended {
					break
				}
				time.Sleep(longestGap)
				synctest.Wait()
			}
			cancel()
			synctest.Wait()
			if got := p.Problems(); !slices.Equal(got, unread) {
				t.Errorf("problems %q, want %q", got, unread)
			}
			a, _ := json.Marshal(report.New(want, why.Diagnose(want)))
			var b []byte
			p.Look(func(s *diag.State) { b, _ = json.Marshal(report.New(s, why.Diagnose(s))) })
			if string(a) != string(b) {
				t.Errorf("another report:\n%s\n%s", a, b)
			}
		})
	})
}

func BenchmarkPlayerSearch(b *testing.B) {
	var events []diag.Event
	for i := range 10_000 {
		events = append(events, outage()[2])
		events[i].Seq, events[i].At = int64(i+1), began.Add(time.Duration(i)*10*time.Millisecond)
	}
	text := recorded(b, events)
	b.ReportMetric(float64(len(text)), "bytes")
	for b.Loop() {
		p, err := NewPlayer("1", strings.NewReader(text), nil, nil)
		if err != nil {
			b.Fatal(err)
		}
		p.NextFinding()
		for playing := true; playing; {
			_, playing = p.turn()
		}
		if p.Progress().Event != 10_000 {
			b.Fatal(fmt.Sprint(p.Progress()))
		}
	}
}
