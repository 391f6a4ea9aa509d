package ui

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/session"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// A screenFile counts what the program writes.
type screenFile struct {
	mu     sync.Mutex
	writes int
	b      bytes.Buffer
}

func (f *screenFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	return f.b.Write(p)
}

func (f *screenFile) take() (writes int, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	writes, text = f.writes, f.b.String()
	f.writes = 0
	f.b.Reset()
	return writes, text
}

// A program is a real tea.Program over a real session, on a clock that the test's bubble owns. feed is
// what cmd does: it takes at most ten Frames a second.
type program struct {
	s      *session.Session
	p      *tea.Program
	m      *Model
	out    *screenFile
	frames int
	end    func()
}

func start(t *testing.T, w, h int) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &program{s: session.New(nil), out: &screenFile{}}
	lens, box := NewLens(), NewMailbox()
	stop := r.s.Watch(lens.Note)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-lens.Wake():
			}
			var f Frame
			r.s.Look(func(s *diag.State) { f = lens.Snapshot(s) })
			box.Put(f)
			r.frames++
			time.Sleep(100 * time.Millisecond)
		}
	})
	r.m = New(Config{Frames: box.Take, Want: lens.Want})
	r.p = tea.NewProgram(r.m,
		tea.WithInput(nil), tea.WithOutput(r.out), tea.WithoutSignalHandler(), tea.WithContext(ctx),
		tea.WithWindowSize(w, h), tea.WithColorProfile(colorprofile.ANSI),
		tea.WithEnvironment([]string{"TERM=xterm-256color"}))
	wg.Go(func() {
		if _, err := r.p.Run(); err != nil {
			t.Error(err)
		}
	})
	r.end = func() {
		stop()
		r.p.Quit()
		r.p.Wait()
		box.Close()
		cancel()
		wg.Wait()
	}
	return r
}

func (r *program) press(key rune) { r.p.Send(tea.KeyPressMsg{Code: key, Text: string(key)}) }

func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func begin(r *program) {
	r.s.Emit(diag.Run{Interfaces: []string{"eth0"}, Add: diag.AddNone})
	r.s.Emit(diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{2, 0, 0, 0, 0, 1}, MTU: 1500, Up: true, Carrier: true, Ethernet: true})
	r.s.Emit(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced})
	r.s.Emit(diag.Feed{Name: diag.FeedFrames, State: diag.Synced})
}

func neighbour(i int, state diag.NUD) diag.Neighbour {
	a := netip.MustParseAddr("2001:db8::").As16()
	a[13], a[14], a[15] = byte(i>>16), byte(i>>8), byte(i)
	return diag.Neighbour{Interface: "eth0", Address: netip.AddrFrom16(a), MAC: diag.MAC{2, 0, 1, a[13], a[14], a[15]}, State: state}
}

// On a quiet link nothing is written, though the clock ticks.
func TestIdleWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 80, 24)
		begin(r)
		settle(3 * time.Second)
		r.out.take()
		for range 60 {
			r.s.Emit(diag.Tick{})
			settle(time.Second)
		}
		if writes, text := r.out.take(); writes != 0 {
			t.Errorf("%d writes in an idle minute: %q", writes, text)
		}
		r.end()
	})
}

// In a storm the screen takes ten Frames a second and shows what came last.
func TestStormIsTenFramesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 120, 40)
		begin(r)
		r.press('3')
		settle(time.Second)
		before := r.frames
		states := []diag.NUD{diag.Reachable, diag.Stale, diag.Delay, diag.Failed}
		for i := range 10000 {
			r.s.Emit(neighbour(i%500, states[i/500%4]))
			time.Sleep(100 * time.Microsecond)
		}
		settle(time.Second)
		if n := r.frames - before; n > 12 {
			t.Errorf("%d frames in a second of storm", n)
		}
		r.end()
		if text := r.m.View().Content; !strings.Contains(text, "500 FAILED") {
			t.Errorf("the last state of the storm is not on the screen:\n%s", text)
		}
	})
}

// An entry that became INCOMPLETE is on the screen within 200 ms, also right after another Frame.
func TestIncompleteIsShownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, 80, 24)
		begin(r)
		r.press('3')
		settle(time.Second)
		r.s.Emit(neighbour(1, diag.Reachable))
		settle(10 * time.Millisecond)
		r.out.take()
		r.s.Emit(neighbour(2, diag.Incomplete))
		settle(150 * time.Millisecond)
		if _, text := r.out.take(); !bytes.Contains([]byte(text), []byte("INCOMPLETE")) {
			t.Errorf("after 150 ms the screen has got %q", text)
		}
		r.end()
	})
}

// A mailbox keeps the newest Frame, and its closing ends who waits.
func TestMailboxKeepsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := NewMailbox()
		for i := range int64(50) {
			box.Put(Frame{Seq: i})
		}
		if f, ok := box.Take(); !ok || f.Seq != 49 {
			t.Errorf("got %d %v, want the newest", f.Seq, ok)
		}
		done := make(chan bool)
		go func() { _, ok := box.Take(); done <- ok }()
		synctest.Wait()
		box.Close()
		box.Close()
		if <-done {
			t.Error("a closed mailbox gave a Frame")
		}
	})
}

func benchStage(b *testing.B, n int, w, h int) *stage {
	b.Helper()
	s := newStage(b, Config{}, w, h).play("unassigned-address")
	at := s.state.Now
	states := []diag.NUD{diag.Reachable, diag.Stale, diag.Delay, diag.Failed}
	for i := range n {
		e := diag.Event{Seq: s.state.Seq + 1, At: at, Body: neighbour(i, states[i%4])}
		s.state.Apply(e)
		s.lens.Note(e)
	}
	return s.look()
}

// What a Frame costs while neighbours change, on the screens that show least and most of them.
func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		for _, screen := range []Screen{ScreenMap, ScreenNeighbours, ScreenPackets} {
			b.Run(screen.name()+"/"+map[int]string{10: "10", 100_000: "100000"}[n], func(b *testing.B) {
				s := benchStage(b, n, 80, 24)
				s.press(string(rune('0' + int(screen))))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					i++
					e := diag.Event{Seq: s.state.Seq + 1, At: s.state.Now.Add(100 * time.Millisecond), Body: neighbour(i%max(n, 1), diag.Reachable)}
					s.state.Apply(e)
					s.lens.Note(e)
					s.lens.Snapshot(s.state)
				}
			})
		}
	}
}

// What drawing costs.
func BenchmarkView(b *testing.B) {
	for _, size := range [][2]int{{80, 24}, {200, 60}} {
		for _, screen := range []Screen{ScreenMap, ScreenMatrix, ScreenNeighbours} {
			for _, n := range []int{10, 100_000} {
				b.Run(screen.name()+"/"+map[int]string{80: "80x24", 200: "200x60"}[size[0]]+"/"+map[int]string{10: "10", 100_000: "100000"}[n], func(b *testing.B) {
					s := benchStage(b, n, size[0], size[1])
					s.press(string(rune('0' + int(screen))))
					b.ReportAllocs()
					for b.Loop() {
						_ = s.m.View()
					}
				})
			}
		}
	}
}
