package termtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Usage is what the program has used since it started.
type Usage struct {
	CPU  time.Duration // on all cores, the kernel's work for it included
	RSS  int64         // bytes, now
	Peak int64         // bytes, at most
	Out  int64         // bytes written to the terminal; of a process without one 0
}

// Usage reads what the program has used. Children do not count.
func (p *Terminal) Usage() (Usage, error) {
	u, err := UsageOf(p.Pid())
	p.mu.Lock()
	defer p.mu.Unlock()
	u.Out = p.screen.Bytes()
	return u, err
}

// UsageOf reads what a process has used: its threads' time on a core (schedstat, in nanoseconds, where
// /proc/PID/stat counts hundredths of a second) and its memory.
func UsageOf(pid int) (u Usage, err error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	threads, err := filepath.Glob(dir + "/task/*/schedstat")
	if err != nil {
		return u, err
	}
	for _, path := range threads {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // the thread ended
		}
		var ns int64
		if _, err := fmt.Sscan(string(raw), &ns); err != nil {
			return u, fmt.Errorf("%s: %w", path, err)
		}
		u.CPU += time.Duration(ns)
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return u, err
	}
	for line := range bytes.Lines(status) {
		var kB int64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %d kB", &kB); n == 1 {
			u.RSS = kB << 10
		}
		if n, _ := fmt.Sscanf(string(line), "VmHWM: %d kB", &kB); n == 1 {
			u.Peak = kB << 10
		}
	}
	return u, nil
}

// Started is when the program was started.
func (p *Terminal) Started() time.Time { return p.started }
