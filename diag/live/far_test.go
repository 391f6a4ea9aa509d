package live

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/record"
	"ndwhy/diag/report"
	"ndwhy/diag/session"
	"ndwhy/diag/why"
)

// listening is a session that hears one command alone, until the test ends.
func listening(t *testing.T, command string) (l *Session, stop func()) {
	t.Helper()
	l = &Session{Session: session.New(nil), far: 1}
	ctx, cancel := context.WithCancel(t.Context())
	l.Emit(diag.Run{Interfaces: []string{"eth0"}})
	l.wg.Go(func() { l.hear(ctx, command, 0) })
	return l, func() {
		cancel()
		l.wg.Wait()
	}
}

// ended waits until the stream has ended by itself, and returns why.
func ended(t *testing.T, l *Session) (why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if !l.Wait(ctx.Done(), func(s *diag.State) bool { return len(s.Fars) == 1 && s.Fars[0].Reading == diag.FarEnded }) {
		t.Fatal("the stream does not end")
	}
	l.Look(func(s *diag.State) { why = s.Fars[0].Why })
	return why
}

// What a command prints is taken in as the other host's, its own clock and numbers kept; what is no event is left out
// and told of.
func TestHear(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, e := range diagtest.VPC().Events() {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	lines = append(lines[:3], append([]string{"rubbish"}, lines[3:]...)...)
	file := filepath.Join(t.TempDir(), "stream")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	l, stop := listening(t, "cat "+file)
	if why := ended(t, l); !strings.Contains(why, "line 4") {
		t.Errorf("it ended: %s", why)
	}
	stop()
	l.Look(func(s *diag.State) {
		got := s.Fars[0].State
		want := diagtest.VPC().State()
		if got.Seq != want.Seq || !got.Now.Equal(want.Now) || len(got.Addresses) != len(want.Addresses) {
			t.Errorf("event %d of %v, %d addresses; want %d, %v, %d", got.Seq, got.Now, len(got.Addresses), want.Seq, want.Now, len(want.Addresses))
		}
	})
}

// A stream ends at its bound, whatever comes.
func TestHearTooMuch(t *testing.T) {
	t.Parallel()
	run, err := json.Marshal(diag.Event{Seq: 1, At: diagtest.Start, Body: diag.Run{Host: "far"}})
	if err != nil {
		t.Fatal(err)
	}
	l, stop := listening(t, fmt.Sprintf("echo '%s'; exec yes \"$(printf '%%8000s')\"", run))
	defer stop()
	if why := ended(t, l); !strings.Contains(why, "more than") {
		t.Errorf("it ended: %s", why)
	}
}

// Whatever the command does with signals, and whoever of its children lives on, it is gone with the run, at once.
func TestHearEnds(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	l, stop := listening(t, fmt.Sprintf("trap '' TERM; sleep 60 & echo $! $$ > %s.new; mv %s.new %s; while :; do sleep 1; done", pids, pids, pids))
	var text []byte
	for len(text) == 0 {
		text, _ = os.ReadFile(pids)
		time.Sleep(time.Millisecond)
	}
	begun := time.Now()
	stop()
	if d := time.Since(begun); d > 2*time.Second {
		t.Errorf("it took %v", d)
	}
	for pid := range strings.FieldsSeq(string(text)) {
		for { // the kernel may take a moment to end what it was told to kill
			state, err := os.ReadFile("/proc/" + pid + "/stat")
			if err != nil || strings.Contains(string(state), ") Z ") {
				break
			}
			if time.Since(begun) > 5*time.Second {
				t.Fatalf("process %s is still there: %s", pid, state)
			}
			time.Sleep(time.Millisecond)
		}
	}
	l.Look(func(s *diag.State) {
		if s.Fars[0].Reading != diag.FarStarted {
			t.Errorf("that the run ended it is told as %s", s.Fars[0].Reading)
		}
	})
}

// In a session that stays a stream that ended is begun anew, and is of another run there.
func TestHearAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, w := range []*diagtest.World{diagtest.VPC(), diagtest.LAN()} {
		var lines []string
		for _, e := range w.Events() {
			b, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(b))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := &Session{Session: session.New(nil), far: 1}
	ctx, cancel := context.WithCancel(t.Context())
	l.Emit(diag.Run{Interfaces: []string{"eth0"}})
	l.wg.Go(func() {
		l.hear(ctx, fmt.Sprintf("cd %s; if test -e done; then cat 1; exec sleep 60; fi; touch done; cat 0", dir), time.Millisecond)
	})
	want := diagtest.LAN().State()
	soon, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if !l.Wait(soon.Done(), func(s *diag.State) bool {
		return len(s.Fars) == 1 && s.Fars[0].Reading == diag.FarStarted && s.Fars[0].State.Seq == want.Seq && len(s.Fars[0].State.Addresses) == len(want.Addresses)
	}) {
		t.Error("the second stream does not come")
	}
	cancel()
	l.wg.Wait()
}

// One that hangs is taken to have ended, where somebody waits for it no longer.
func TestHearHangs(t *testing.T) {
	t.Parallel()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	l := &Session{Session: session.New(nil)}
	if err := l.read("ssh far", &heard{ctx: t.Context(), file: out, patience: 10 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "nothing came for 10ms") {
		t.Errorf("%v", err)
	}
}

// A later version has kinds of events that this one does not know, which keeps nothing of what it does know from being
// complete.
func TestHearLaterVersion(t *testing.T) {
	t.Parallel()
	lines := []string{`{"schema":"ndwhy.events/1","version":"9","started":"2026-11-27T08:00:00Z"}`}
	for _, e := range diagtest.VPC().Events() {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if len(lines) == 3 {
			text = fmt.Sprintf(`{"seq":%d,"at":"2026-11-27T08:00:00Z","kind":"weather","body":{"rain":true}}`, e.Seq)
		}
		lines = append(lines, text)
	}
	l := &Session{Session: session.New(nil), far: 1}
	l.Emit(diag.Run{Interfaces: []string{"eth0"}})
	if err := l.read("ssh far", strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Error(err)
	}
	l.Look(func(s *diag.State) {
		if why, _ := s.Fars[0].Missed(); why != "" || len(s.Fars[0].State.Addresses) == 0 {
			t.Errorf("a part is missing: %s; %d addresses", why, len(s.Fars[0].State.Addresses))
		}
	})
}

// What is left out of a stream because it is too long is a gap of that stream and the end of nothing: what comes after
// it is read, and what did not come is not taken for what did not happen.
func TestHearTooLong(t *testing.T) {
	t.Parallel()
	events := diagtest.VPC().Events()
	var lines []string
	for i, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(b); i == 2 {
			lines = append(lines, text[:len(text)-1]+strings.Repeat(" ", mostLine)+"}")
		} else {
			lines = append(lines, text)
		}
	}
	var kept bytes.Buffer
	w, err := record.NewWriter(&kept, "1", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	l := &Session{Session: session.New(func(e diag.Event) {
		if err := w.Write(e); err != nil {
			t.Error(err)
		}
	}), far: 1}
	l.Emit(diag.Run{Interfaces: []string{"eth0"}})
	_ = l.read("ssh far", strings.NewReader(strings.Join(lines, "\n")))
	l.Emit(diag.Far{From: "ssh far", State: diag.FarComplete})
	l.Look(func(s *diag.State) {
		if got := s.Fars[0].State.Seq; got != events[len(events)-1].Seq {
			t.Errorf("it is read up to event %d", got)
		}
		far := report.New(s, why.Diagnose(s)).Far[0]
		if far.State != diag.FarBehind || far.Why == nil || !strings.Contains(*far.Why, "line 3") {
			t.Errorf("it is told as %s, %v", far.State, far.Why)
		}
	})
}

// The addresses of another host are asked: global ones, and on a link that both are on the link-local one by that link.
func TestStrangers(t *testing.T) {
	t.Parallel()
	local := diagtest.ByHand(diagtest.PeerLocal, 64)
	s := diagtest.LAN().Watched(diagtest.BackHere, local, diagtest.ByHand(diagtest.Mine, 64)).State()
	s.Run.Peers = nil
	got := fmt.Sprint(strangers(s))
	if want := fmt.Sprintf("[%s %s %s]", diagtest.PeerGlobal, diagtest.PeerSecond, diagtest.PeerLocal.WithZone("eth0")); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var many []diag.Body
	a := diagtest.PeerGlobal
	for range 1000 {
		a = a.Next()
		many = append(many, diagtest.ByHand(a, 64))
	}
	if n := len(strangers(diagtest.LAN().Watched(diagtest.BackHere, many...).State())); n > mostNamed {
		t.Errorf("%d addresses are asked because another host says so", n)
	}
}

// Whatever another host prints, the diagnosis and the report come to an end and are fit for a terminal.
func FuzzHear(f *testing.F) {
	var all []string
	w := diagtest.EchoSilent().Watched(diagtest.ToThere)
	for _, e := range w.Events() {
		if far, ok := e.Body.(diag.Far); ok && far.Event != nil {
			b, err := json.Marshal(far.Event)
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, string(b))
			f.Add(b)
		}
	}
	f.Add([]byte(strings.Join(all, "\n")))
	f.Add([]byte(all[0] + "\n" + `{"seq":2,"at":"2026-01-01T00:00:00Z","kind":"far","body":{"from":"x","event":{"kind":"far"}}}`))
	f.Fuzz(func(t *testing.T, stream []byte) {
		l := &Session{Session: session.New(nil), far: 1}
		for _, e := range diagtest.EchoSilent().Events() {
			l.EmitAt(e.At, e.Body)
		}
		_ = l.read("ssh far", strings.NewReader(string(stream)))
		l.Emit(diag.Far{From: "ssh far", State: diag.FarComplete})
		l.Look(func(s *diag.State) {
			text, err := json.Marshal(report.New(s, why.Diagnose(s)))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), `\u001b`) {
				t.Error("a control character in the report")
			}
		})
	})
}
