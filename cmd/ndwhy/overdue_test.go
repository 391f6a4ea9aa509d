package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"ndwhy/diag/guard"
	"ndwhy/diag/kernel/nstest"
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

// hang is a command that takes no notice of anything, as one does that waits for a kernel which does not answer.
func hang([]string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	defer guard.Before(func() { fmt.Println("put right") })()
	cmd := &cobra.Command{RunE: ends(func(*cobra.Command, []string) error {
		fmt.Println("hangs")
		select {}
	})}
	cmd.SetArgs(nil)
	return cmd.ExecuteContext(ctx)
}

// A command that hangs is ended by force when a signal came a while ago, no sooner, and the terminal is put right.
func TestSignalForces(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = []string{"ndwhy", "test-hang"}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	start := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	lines.Scan()
	said := lines.Text()
	_ = cmd.Wait()
	took := time.Since(start)
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || said != "put right" || took < endsWithin || took > endsWithin+3*time.Second {
		t.Errorf("exit %d after %s, %q", code, took, said)
	}
}

// --timeout counts from the start, and leaves a report of what there is, also where the kernel has more to do than it can.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"vpc", "flood-routers"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			// A busy machine may be late by more than a fifth of a second. It is not every time.
			var late []string
			for range 3 {
				r := labtest.Run(t, scenario, "ndwhy", "test-took", "check", "--json", "--timeout", "600ms", "--add", "kernel")
				var got report.Report
				if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
					t.Fatalf("exit %d: %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
				}
				if got.Verdict == "ok" || got.Headline == "" {
					t.Fatalf("verdict %s: %q", got.Verdict, got.Headline)
				}
				took, err := time.ParseDuration(strings.TrimSpace(r.Stderr))
				if err != nil {
					t.Fatalf("%v\n%s", err, r.Stderr)
				}
				if took <= 800*time.Millisecond {
					return
				}
				late = append(late, took.String())
			}
			t.Errorf("it ended after %s, want at most 800ms", late)
		})
	}
}

// took runs "ndwhy ARGS" and tells on stderr how long that took.
func took(args []string) error {
	cmd := exec.Command("ndwhy", args...)
	cmd.Stdout = os.Stdout
	begun := time.Now()
	err := cmd.Run()
	fmt.Fprintln(os.Stderr, time.Since(begun))
	if _, ended := errors.AsType[*exec.ExitError](err); ended {
		return nil
	}
	return err
}

// A signal ends a run at once, also where there is so much on the link that reading it takes a while.
func TestSignalWithMuch(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T){
		"1,000 addresses":    func(t *testing.T) { t.Helper(); nstest.Addresses(t, "eth0", 1000) },
		"100,000 neighbours": func(t *testing.T) { t.Helper(); nstest.Neighbours(t, "eth0", 100_000) },
	} {
		t.Run(name, func(t *testing.T) {
			if !nstest.Enter(t) {
				return
			}
			nstest.Veth(t, "eth0", "wire0")
			nstest.Address(t, "eth0", "2001:db8::7/64")
			fill(t)
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
				var late []string
				for range 3 { // a busy machine may be late; it is not every time
					cmd := exec.Command(self, "check", "-i", "eth0", "--json", "--peer", "2001:db8::1", "--internet", "none", "--imds", "none")
					cmd.Args[0] = "ndwhy"
					if err := cmd.Start(); err != nil {
						t.Fatal(err)
					}
					time.Sleep(300 * time.Millisecond)
					start := time.Now()
					_ = cmd.Process.Signal(s)
					_ = cmd.Wait()
					took := time.Since(start)
					if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
						t.Fatalf("%s: exit %d", s, code)
					}
					if took <= 200*time.Millisecond {
						late = nil
						break
					}
					late = append(late, took.String())
				}
				if late != nil {
					t.Errorf("%s: it ended after %s, want at most 200ms", s, late)
				}
			}
		})
	}
}
