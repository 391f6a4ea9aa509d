package lab_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
)

// What the user opened for the command arrives there under its number, whatever the lab itself needs
// numbers for, and nowhere else: neither is it written to by the lab, nor kept open by it.
func TestInheritedDescriptors(t *testing.T) {
	t.Parallel()
	// As a shell's "3>file 5>file": descriptor 4, which the lab uses too, is left to it.
	log := t.TempDir() + "/log"
	cmd := labtest.Command(t, "vpc", log, "sh", "-c", "echo three >&3; echo five >&5; exec 3>&- 5>&-; read line")
	three, threeEnd := pipe(t)
	_, unused := pipe(t)
	five, fiveEnd := pipe(t)
	cmd.ExtraFiles = []*os.File{threeEnd, unused, fiveEnd}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	threeEnd.Close()
	fiveEnd.Close()
	// Their ends come while the lab runs on: the command has closed them, and nobody else has them.
	for want, r := range map[string]*os.File{"three\n": three, "five\n": five} {
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%q came, want %q: %v", got, want, err)
		}
	}
	in.Close()
	_ = cmd.Wait()
	if stderr.Len() > 0 {
		t.Error(stderr.String())
	}
	if len(labtest.ReadLog(t, log)) == 0 {
		t.Error("no switch log")
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// A log that the disk has no room for does not stop the network; it is said, and is no success.
func TestSwitchLogOnAFullDevice(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]int{"true": 125, "exit 2": 2} {
		cmd := labtest.Command(t, "vpc", "/dev/full", "sh", "-c", command)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != want || !strings.Contains(string(out), "no space left on device") || bytes.Count(out, []byte("\n")) != 1 {
			t.Errorf("%s: exit %d, want %d: %s", command, code, want, out)
		}
	}
}
