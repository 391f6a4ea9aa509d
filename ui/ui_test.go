package ui

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/record"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// A stage plays a session to a Model: events through State, Diagnose and the Lens; keys through
// Update, with what their commands bring.
type stage struct {
	t       testing.TB
	state   *diag.State
	lens    *Lens
	m       *Model
	intents *intents
	lab     *Lab
	replay  *Replay
	sent    []string // types of messages that only the program understands
}

func newStage(tb testing.TB, cfg Config, w, h int) *stage {
	tb.Helper()
	s := &stage{t: tb, state: diag.NewState(), lens: NewLens(), intents: &intents{}}
	if cfg.Intents == nil && cfg.Mode != Replaying {
		cfg.Intents = s.intents
	}
	cfg.Want = s.lens.Want
	cfg.Checks = []string{"ra", "router-nd", "router-echo", "peer-nd", "peer-echo", "all-nodes", "internet", "source", "added"}
	s.m = New(cfg)
	s.m.Init()
	s.send(tea.WindowSizeMsg{Width: w, Height: h})
	return s
}

// play folds a recording.
func (s *stage) play(name string) *stage {
	s.t.Helper()
	path := filepath.Join("testdata", name+".jsonl")
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join("testdata", "lab", name+".jsonl.zst") // ndwhy lab NAME -- ndwhy check --record
	}
	return s.playFile(path)
}

func (s *stage) playFile(path string) *stage {
	s.t.Helper()
	file, err := record.Stream(s.t.Context(), path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	for e, err := range record.Read(file) {
		if err != nil {
			s.t.Fatal(err)
		}
		s.state.Apply(e)
		s.lens.Note(e)
	}
	return s.look()
}

// emit folds made-up events after what has been.
func (s *stage) emit(after time.Duration, bodies ...diag.Body) *stage {
	s.t.Helper()
	at := s.state.Now
	if at.IsZero() {
		at = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	}
	for _, b := range bodies {
		e := diag.Event{Seq: s.state.Seq + 1, At: at.Add(after), Body: b}
		s.state.Apply(e)
		s.lens.Note(e)
	}
	return s.look()
}

// look takes Frames until the Model wants no other.
func (s *stage) look() *stage {
	s.t.Helper()
	for range 3 {
		f := s.lens.Snapshot(s.state)
		f.Lab, f.Replay = s.lab, s.replay
		f.Recording = s.intents.recording
		s.send(frameMsg{f})
	}
	return s
}

func (s *stage) send(msg tea.Msg) {
	s.t.Helper()
	_, cmd := s.m.Update(msg)
	s.m.View() // as after every message in the program
	s.do(cmd)
}

func (s *stage) do(cmd tea.Cmd) {
	s.t.Helper()
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			s.do(c)
		}
	case noticeMsg, planMsg, heldMsg:
		s.send(msg)
	default:
		s.sent = append(s.sent, fmt.Sprintf("%T %v", msg, msg))
	}
}

var named = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
	"right": tea.KeyRight, "tab": tea.KeyTab, "end": tea.KeyEnd, "home": tea.KeyHome, "pgdown": tea.KeyPgDown,
	"pgup": tea.KeyPgUp, "backspace": tea.KeyBackspace,
}

// press presses keys by name; single characters are typed.
func (s *stage) press(keys ...string) *stage {
	s.t.Helper()
	for _, k := range keys {
		code, ok := named[k]
		switch {
		case ok:
			s.send(tea.KeyPressMsg{Code: code})
		case k == "shift+tab":
			s.send(tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift})
		case k == "space":
			s.send(tea.KeyPressMsg{Code: ' ', Text: " "})
		case strings.HasPrefix(k, "ctrl+"):
			s.send(tea.KeyPressMsg{Code: rune(k[5]), Mod: tea.ModCtrl})
		default:
			s.send(tea.KeyPressMsg{Code: []rune(k)[0], Text: k})
		}
		s.look()
	}
	return s
}

func (s *stage) typed(text string) *stage {
	for _, r := range text {
		s.press(string(r))
	}
	return s
}

// shown returns the screen without its styles.
func (s *stage) shown() string { return ansi.Strip(s.m.View().Content) }

func (s *stage) want(texts ...string) *stage {
	s.t.Helper()
	got := s.shown()
	for _, text := range texts {
		if !strings.Contains(got, text) {
			s.t.Errorf("%q is not on the screen:\n%s", text, got)
		}
	}
	return s
}

func (s *stage) wantNot(texts ...string) {
	s.t.Helper()
	got := s.shown()
	for _, text := range texts {
		if strings.Contains(got, text) {
			s.t.Errorf("%q is on the screen:\n%s", text, got)
		}
	}
}

// golden holds the text on the screen against a file.
func (s *stage) golden(name string) *stage {
	s.t.Helper()
	same(s.t, name+".txt", s.shown())
	return s
}

// styled holds the screen with its styles against a file.
func (s *stage) styled(name string) {
	s.t.Helper()
	same(s.t, name+".ansi", s.m.View().Content)
}

func same(tb testing.TB, name, got string) {
	tb.Helper()
	file := filepath.Join("testdata", "golden", name)
	got += "\n"
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		tb.Fatalf("%v (go test ./ui -update writes it)", err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		tb.Errorf("%s (go test ./ui -update, and read the difference): -want +got\n%s", file, diff)
	}
}

// intents remembers what was asked for.
type intents struct {
	mu        sync.Mutex
	asked     []string
	kept      string
	saved     string
	recording string
	err       error
}

func (i *intents) Every(d time.Duration) { i.note("every %v", d) }

func (i *intents) note(format string, args ...any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, fmt.Sprintf(format, args...))
}

var candidate = netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:c7f6")

func (i *intents) Plan(checks []string, add diag.AddMode) (Plan, error) {
	i.note("plan %v %s", checks, add)
	peer := netip.MustParseAddr("2001:db8:1f16:8df0:d326:143a:2015:79fa")
	line := func(asks diag.Asks, from, to netip.Addr, class diag.SourceClass) PlanLine {
		return PlanLine{Path: diag.Path{
			Interface: "eth0", Check: "added", Asks: asks, Source: from, SourceClass: class, Target: to,
			TargetClass: diag.TargetPeer, Via: diag.ViaWire,
		}, Frames: 2, Changes: []string{"changes.mld"}}
	}
	return Plan{Frames: 42, Lines: []PlanLine{
		line(diag.AsksDAD, netip.IPv6Unspecified(), candidate, diag.SourceUnspecified),
		line(diag.AsksND, candidate, peer, diag.SourceCandidate),
	}}, i.err
}

func (i *intents) Run(checks []string, add diag.AddMode) error {
	i.note("run %v %s", checks, add)
	return i.err
}

func (i *intents) Stop() { i.note("stop") }

func (i *intents) Record(on bool) (string, error) {
	i.recording = ""
	if on {
		i.recording = "/root/ndwhy.jsonl"
	}
	return "/root/ndwhy.jsonl", i.err
}

func (i *intents) Save(markdown string) (string, error) {
	i.saved = markdown
	return "/root/ndwhy.md", i.err
}

func (i *intents) Keep(text string) (string, error) {
	i.kept = text
	return "/root/.cache/ndwhy/copied.txt", i.err
}

var errDisk = errors.New("writing /root/ndwhy.md: no space left on device")
