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
	Out  int64         // bytes written to the terminal
}

// Usage reads what the program has used: its threads' time on a core (schedstat, in nanoseconds,
// where /proc/PID/stat counts hundredths of a second) and its memory. Children do not count.
func (p *Terminal) Usage() (Usage, error) {
	var u Usage
	dir := fmt.Sprintf("/proc/%d", p.Pid())
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
	p.mu.Lock()
	defer p.mu.Unlock()
	u.Out = p.screen.Bytes()
	return u, nil
}

// Started is when the program was started.
func (p *Terminal) Started() time.Time { return p.started }
