package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/record"
	"ndwhy/ui/termtest"
)

// outage is a recording in which a link goes down after two minutes and comes back.
func outage(t *testing.T) string {
	t.Helper()
	began := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	link := func(up bool) diag.Link {
		return diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{6, 1, 2, 3, 4, 5}, MTU: 1500, Up: up, Carrier: up, Ethernet: true}
	}
	var events []diag.Event
	say := func(after time.Duration, bodies ...diag.Body) {
		for _, b := range bodies {
			events = append(events, diag.Event{Seq: int64(len(events) + 1), At: began.Add(after), Body: b})
		}
	}
	say(0, diag.Run{Version: "1", Host: "ubuntu1", Interfaces: []string{"eth0"}, Passive: true},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced}, link(true))
	for i := range 12 {
		say(time.Duration(i+1)*10*time.Second, diag.Tick{})
	}
	say(120*time.Second, link(false))
	say(130*time.Second, diag.Tick{})
	say(140*time.Second, link(true))
	say(150*time.Second, diag.Tick{})
	return write(t, events)
}

func write(t *testing.T, events []diag.Event) string {
	t.Helper()
	var b bytes.Buffer
	w, err := record.NewWriter(&b, "1", events[0].At)
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
	return keepText(t, b.String())
}

func keepText(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "run.jsonl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// program returns the path of this very program, under the name that it is to have.
func program(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ndwhy")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplayOnAScreen(t *testing.T) {
	t.Parallel()
	// Slow enough that nothing happens but what keys do: the gaps of 3 s last 5 minutes.
	p := termtest.Start(t, termtest.Config{Command: []string{program(t), "replay", "--speed", "0.01", outage(t)}})
	p.Wait("3/19")
	p.Send(" ")
	p.Wait("paused at 3/19")
	p.Send(".")
	p.Wait("paused at 4/19")
	p.Send("+")
	p.Wait("x0.02")
	p.Send("n")
	p.Wait("paused at 16/19")
	p.Wait("eth0 is down")
	p.Send("r")
	p.Wait("this is a replay")
	p.Send("e")
	p.Wait("this is a replay")
	p.Send("n")
	p.Wait("paused at 18/19")
	p.WaitGone("eth0 is down")
	p.Send(".")
	p.Wait("end of recording 19/19")
	p.Send("R")
	p.Wait("3/19")
	p.WaitGone("end of recording")
	p.Send("n")
	p.Wait("paused at 16/19")
	p.Wait("eth0 is down")
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// What the replay shortens and what it could not read is said on the screen.
func TestReplaySaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(outage(t))
	if err != nil {
		t.Fatal(err)
	}
	file := keepText(t, string(text)+`{"seq":20,"at":"2026`)
	p := termtest.Start(t, termtest.Config{Command: []string{program(t), "replay", "--speed", "50", file}})
	p.Wait("end of recording 19/19")
	p.Wait("Not all of the recording can be read: line 21")
	p.Send("-------- ")
	p.Wait("shortened to 3 s")
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func TestReplayGoesOnByItself(t *testing.T) {
	t.Parallel()
	p := termtest.Start(t, termtest.Config{Command: []string{program(t), "replay", "--speed", "50", outage(t)}, Height: 60})
	p.Wait("end of recording 19/19")
	p.Send("Q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if text := p.String(); !strings.Contains(text, "done at") {
		t.Errorf("Q leaves no report:\n%s", text)
	}
}

// replayed runs `ndwhy replay` without a terminal.
func replayed(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(append([]string{"replay"}, args...), strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestReplayAsLines(t *testing.T) {
	t.Parallel()
	file := outage(t)
	code, stdout, stderr := replayed("--speed", "100", "--plain", file)
	if code != 0 || stderr != "" {
		t.Errorf("exit %d, %q", code, stderr)
	}
	found := strings.Index(stdout, "New finding: host.link-down")
	gone := strings.Index(stdout, "Finding gone: host.link-down")
	if found < 0 || gone < found {
		t.Errorf("the lines are\n%s", stdout)
	}
	if _, _, stderr := replayed("--speed", "1000", file); !strings.Contains(stderr, "no terminal") {
		t.Errorf("why there are lines is not said: %q", stderr)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := keepText(t, string(raw[:len(raw)-20]))
	code, stdout, stderr = replayed("--speed", "1000", "--plain", cut)
	if code != 0 || stdout == "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, cut+": line 20: cut off") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

// A capture by whatever program is shown as a recording is, compressed or not: on the screens and as lines.
func TestReplayOfACapture(t *testing.T) {
	t.Parallel()
	raw, _ := captureOf(t, "../../ui/testdata/lab/rogue-router.jsonl.zst")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(raw)
	z.Close()
	file := filepath.Join(t.TempDir(), "capture.pcapng.gz")
	if err := os.WriteFile(file, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := replayed("--speed", "1000", "--plain", file)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "router.rogue") || strings.Contains(stdout, "link eth0 gone") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	p := termtest.Start(t, termtest.Config{Width: 120, Height: 40, Command: []string{program(t), "replay", "--speed", "0.01", file}})
	p.Wait("a capture has only frames")
	p.Send("n")
	p.Wait("A second router announces itself")
	p.Send("6")
	p.Wait("who has")
	p.Send("R")
	p.WaitGone("A second router announces itself")
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
	cut := keepText(t, string(raw[:len(raw)-3]))
	if code, stdout, stderr := replayed("--speed", "1000", "--plain", cut); code != 0 || !strings.Contains(stdout, "router.rogue") || !strings.Contains(stderr, "cut off") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

// A pipe is read to its end before anything is shown.
func TestReplayOfAPipe(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(outage(t))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		_, _ = w.Write(raw)
		w.Close()
	}()
	code, stdout, stderr := replayed("--speed", "1000", "--plain", fmt.Sprintf("/proc/self/fd/%d", r.Fd()))
	if code != 0 || stderr != "" || !strings.Contains(stdout, "host.link-down") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

func TestReplayOfABadFile(t *testing.T) {
	t.Parallel()
	empty := keepText(t, "")
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "name one recording"},
		{[]string{"/nonexistent/file"}, "/nonexistent/file"},
		{[]string{t.TempDir()}, "neither a file nor a pipe"},
		{[]string{"/dev/zero"}, "neither a file nor a pipe"},
		{[]string{empty}, empty + ": no event in the recording: it is empty"},
		{[]string{keepText(t, "\x7fELF\x02\x01\n\x1b[2J")}, "no event in the recording"},
		{[]string{"--speed", "0", empty}, "--speed 0: want 0.01 to 1000"},
		{[]string{"--speed", "NaN", empty}, "--speed NaN"},
	} {
		code, stdout, stderr := replayed(c.args...)
		if code != exitUsage || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "\x1b") {
			t.Errorf("%q: exit %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
}

// What was recorded in a real network gives the same report whether it is folded, played, or begun
// anywhere in the middle.
func TestRecordingOfALab(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/run.jsonl"
	r := labtest.Run(t, "vpc", "ndwhy", "check", "--json", "--add", "claim", "--record", file)
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
	}
	from := func(file string) string {
		var out, errs strings.Builder
		if code := run([]string{"check", "--json", "--from", file}, nil, &out, &errs); code != 0 {
			t.Errorf("exit %d\n%s", code, errs.String())
		}
		return out.String()
	}
	if got := from(file); got != r.Stdout {
		t.Errorf("check --from gives %d bytes, the check gave %d", len(got), len(r.Stdout))
	}
	opened, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	var events []diag.Event
	for e, err := range record.Read(opened) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	state := diag.NewState()
	for i, e := range events {
		state.Apply(e)
		if i%(len(events)/8) == 0 || i == len(events)-1 {
			known := state.Events()
			if got := from(write(t, slices.Concat(known, events[i+1:]))); got != r.Stdout {
				t.Errorf("begun after event %d of %d the report is another", i+1, len(events))
			}
		}
	}
	code, stdout, stderr := replayed("--speed", "20", "--plain", file)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "net.per-address-filter") {
		t.Errorf("exit %d, %q, %q", code, stderr, stdout)
	}
}

// A recording that is begun in the middle, when all has been asked, still knows all of it.
func TestRecordingBegunWhileRunning(t *testing.T) {
	t.Parallel()
	labtest.Need(t)
	self := program(t)
	lab := filepath.Join(t.TempDir(), "ndwhy-labtest")
	if err := os.Symlink(self, lab); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := termtest.Start(t, termtest.Config{
		Command: []string{lab, "vpc", "", "sh", "-c", "cd " + dir + " && ndwhy --add claim"},
		Env:     []string{"PATH=" + filepath.Dir(self) + string(os.PathListSeparator) + os.Getenv("PATH")},
	})
	p.Wait("work, and yours do")
	p.Send("e")
	p.Wait("* recording")
	p.Send("e")
	p.Wait("The recording is in")
	p.Send("q")
	if code := p.Exit(); code != 0 {
		t.Fatalf("exit %d\n%s", code, p)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %v %v", files, err)
	}
	var out, errs strings.Builder
	if code := run([]string{"check", "--json", "--from", files[0]}, nil, &out, &errs); code != 0 {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	causes(t, readReport(t, labtest.Result{Stdout: out.String()}), "net.per-address-filter", "net.multicast-suppressed", "net.router-silent")
	screen := termtest.Start(t, termtest.Config{Command: []string{self, "replay", "--speed", "100", files[0]}})
	screen.Wait("work, and yours do")
	screen.Wait("end of recording")
	screen.Send("q")
	if code := screen.Exit(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
