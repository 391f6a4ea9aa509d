package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
)

// endless writes a recording that never ends to a named pipe.
func endless(args []string) error {
	pipe := filepath.Join(args[0], "endless")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return err
	}
	cmd := exec.Command("ndwhy", "check", "--from", pipe)
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		for err == nil {
			_, err = io.WriteString(f, "{}\n")
		}
	}()
	time.Sleep(500 * time.Millisecond)
	start := time.Now()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	return json.NewEncoder(os.Stdout).Encode([2]int64{int64(cmd.ProcessState.ExitCode()), time.Since(start).Milliseconds()})
}

// A signal ends the program also where it hangs: here it reads a recording that has no end.
func TestSignalWhereItHangs(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "vpc", "ndwhy", "test-endless", t.TempDir())
	var got [2]int64
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		t.Fatalf("exit %d: %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	if got[0] != exitInterrupted || got[1] > (endsWithin+2*time.Second).Milliseconds() {
		t.Errorf("exit %d after %d ms", got[0], got[1])
	}
}

// --timeout counts from the start, and leaves a report of what there is.
func TestTimeout(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "vpc", "ndwhy", "check", "--json", "--timeout", "300ms", "--add", "kernel")
	var got report.Report
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		t.Fatalf("exit %d: %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	// It is a busy machine that may be late by more than a fifth of a second.
	if r.Code != exitUnknown || got.DurationMS > 2000 || len(got.Skipped) == 0 {
		t.Errorf("exit %d after %d ms, skipped %v", r.Code, got.DurationMS, got.Skipped)
	}
}
