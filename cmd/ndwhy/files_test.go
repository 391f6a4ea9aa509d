package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ndwhy/diag/lab/labtest"
)

// in runs the program in this process.
func in(stdout string, args ...string) (code int, out, errs string, err error) {
	var b, e strings.Builder
	if stdout == "" {
		code = run(args, strings.NewReader(""), &b, &e)
		return code, b.String(), e.String(), nil
	}
	f, err := os.OpenFile(stdout, os.O_WRONLY, 0)
	if err != nil {
		return 0, "", "", err
	}
	defer f.Close()
	code = run(args, strings.NewReader(""), f, &e)
	return code, "", e.String(), nil
}

const recordingOfALab = "testdata/neighbour-table-full.jsonl"

// Whatever is wrong with a command line, the files that it names are as they were, and it is said in
// one line.
func TestBadInputHarmsNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, hard, soft, recording := filepath.Join(dir, "file"), filepath.Join(dir, "hard"), filepath.Join(dir, "soft"), filepath.Join(dir, "recording")
	text, err := os.ReadFile(recordingOfALab)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(file, []byte("precious"), 0o600), os.WriteFile(recording, text, 0o600), os.Link(recording, hard), os.Symlink(recording, soft)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		says string
	}{
		{"check --from RECORDING --output RECORDING", "--output and --from name the same file"},
		{"check --from HARD --output RECORDING", "--output and --from name the same file"},
		{"check --from RECORDING --output SOFT", "--output and --from name the same file"},
		{"check --record FILE --output FILE", "--record and --output name the same file"},
		{"check --record FILE --pcap FILE", "--record and --pcap name the same file"},
		{"check --record NEW --pcap NEW", "--record and --pcap name the same file"},
		{"watch --record FILE --pcap FILE", "--record and --pcap name the same file"},
		{"--record FILE --pcap FILE --plain", "--record and --pcap name the same file"},
		{"lab --switch-log FILE -- ndwhy check --record FILE", "--switch-log and --record name the same file"},
		{"lab --switch-log RECORDING -- ndwhy check --from=HARD", "--switch-log and --from name the same file"},
		{"lab nonsense --switch-log FILE", "nonsense"},
		{"check --output FILE --peer nope", "nope"},
		{"check --output FILE -i nope", "nope"},
		{"check --record FILE -i nope", "nope"},
		{"check --record FILE --pcap /nonexistent/file", "/nonexistent/file"},
		{"check --output FILE --from /nonexistent/file", "/nonexistent/file"},
		{"check --output FILE --from /proc/self/status", "neither a recording nor a capture"},
	} {
		line := strings.NewReplacer("RECORDING", recording, "HARD", hard, "SOFT", soft, "FILE", file, "NEW", filepath.Join(dir, "new")).Replace(c.args)
		code, out, errs, _ := in("", strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(errs, c.says) || strings.Count(errs, "\n") != 1 || out != "" {
			t.Errorf("%s: exit %d, %q, %q", c.args, code, out, errs)
		}
	}
	for path, want := range map[string]string{file: "precious", recording: string(text)} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s has %d bytes, had %d: %v", path, len(got), len(want), err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 4 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// What cannot be delivered is said in one line, whatever it was.
func TestFullDevice(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"--help", "check --help", "--version", "explain", "explain net.open-link", "lab list",
		"check --from " + recordingOfALab, "check --json --from " + recordingOfALab, "check --from " + recordingOfALab + " --output /dev/full",
		"replay --plain --speed 1000 " + recordingOfALab,
	} {
		code, _, errs, err := in("/dev/full", strings.Fields(args)...)
		if err != nil {
			t.Skip(err)
		}
		if code != exitUnknown || !strings.Contains(errs, "no space left on device") || strings.Count(errs, "\n") != 1 {
			t.Errorf("ndwhy %s: exit %d, %q", args, code, errs)
		}
	}
}

// A result that cannot be written to its file goes where it can.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	result := func(args ...string) (code int, out, errs string) {
		var o, e strings.Builder
		code = run(append([]string{"check", "--from", recordingOfALab}, args...), nil, &o, &e)
		return code, o.String(), e.String()
	}
	for _, format := range []string{"text", "json", "html"} {
		_, want, _ := result("--format", format)
		code, got, errs := result("--format", format, "--output", "/dev/full")
		if code != exitUnknown || got != want || got == "" || !strings.Contains(errs, "no space left on device") {
			t.Errorf("%s: exit %d, %d bytes of %d, %q", format, code, len(got), len(want), errs)
		}
	}
}

// A reader that has gone ends the program without a word, as it ends cat.
func TestReaderGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	var errs strings.Builder
	if code := run([]string{"explain"}, nil, w, &errs); code != 128+int(syscall.SIGPIPE) || errs.Len() > 0 {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

// What a run found is said though what it saw could not be kept; and what only writes ends with that.
func TestFullDeviceWhileRunning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		command        string
		code           int
		stdout, stderr string
	}{
		{"ndwhy check --record /dev/full", exitUnknown, "OK  The router", "recording: write /dev/full: no space left on device"},
		{"ndwhy check --pcap /dev/full", exitUnknown, "OK  The router", "capture: write /dev/full: no space left on device"},
		{"ndwhy watch >/dev/full", exitUnknown, "", "standard output: no space left on device"},
		{"ndwhy --plain --passive >/dev/full", exitUnknown, "", "standard output: no space left on device"},
	} {
		r := labtest.Run(t, "vpc", "sh", "-c", c.command)
		if r.Code != c.code || !strings.Contains(r.Stdout, c.stdout) || !strings.Contains(r.Stderr, c.stderr) || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%s: exit %d, %q, %q", c.command, r.Code, r.Stdout, r.Stderr)
		}
	}
}

// A result is hidden line by line, however it is written: no word is cut in two, and little of it is held.
func TestLineByLine(t *testing.T) {
	text := strings.Repeat("2001:db8:1f16:8df0::1 is silent\n\n", 20_000) + "the end"
	var got strings.Builder
	most := 0
	l := lineByLine{w: &got, say: func(lines string) string {
		most = max(most, len(lines))
		if whole := strings.TrimSuffix(lines, "the end"); !strings.HasSuffix(whole, "\n") {
			t.Errorf("a line is cut: …%s", lines[len(lines)-20:])
		}
		return strings.ToUpper(lines)
	}}
	for rest := text; rest != ""; {
		n := min(len(rest), 4093)
		if _, err := l.Write([]byte(rest[:n])); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := l.end(); err != nil || got.String() != strings.ToUpper(text) || most > 2*linesAtOnce {
		t.Errorf("%v; %d bytes of %d, %d held", err, got.Len(), len(text), most)
	}
}
