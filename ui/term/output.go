package term

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	tty "github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// input is the terminal as Bubble Tea reads it. Once dead it is none: nobody sets its modes again.
type input struct {
	*os.File
	dead atomic.Bool
}

// Fd returns the file descriptor, or one that never is.
func (i *input) Fd() uintptr {
	if i.dead.Load() {
		return ^uintptr(0)
	}
	return i.File.Fd()
}

// output is the terminal as Bubble Tea writes it, through the filter. It has what term.File of
// charmbracelet/x asks for, so that Bubble Tea sees a terminal and its size, and no other method
// of os.File, which would write past the filter.
type output struct {
	file    *os.File
	profile Profile
	lock    chan struct{} // holds one value; a mutex that can be waited for in bounded time
	filter  filter
	buf     []byte
	closed  bool
}

func newOutput(file *os.File, p Profile) *output {
	return &output{file: file, profile: p, filter: filter{profile: p}, lock: make(chan struct{}, 1)}
}

// Write writes what the terminal understands of p in one piece.
func (o *output) Write(p []byte) (int, error) {
	o.lock <- struct{}{}
	defer func() { <-o.lock }()
	if o.closed {
		return len(p), nil
	}
	o.buf = o.filter.pass(o.buf[:0], p)
	if len(o.buf) == 0 {
		return len(p), nil
	}
	if _, err := o.file.Write(o.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read, Close and Fd make it a term.File. Closing is the owner's.
func (o *output) Read(p []byte) (int, error) { return o.file.Read(p) }

// Close does nothing.
func (o *output) Close() error { return nil }

// Fd returns the file descriptor.
func (o *output) Fd() uintptr { return o.file.Fd() }

// takes is how long a terminal may take for a frame when the program is to end.
const takes = time.Second

// end writes what puts the screen back and lets nothing more through. It reports whether the
// terminal takes it: a write that hangs (a stopped terminal, a connection that nobody reads) cannot
// be broken off.
func (o *output) end() bool {
	if !o.locked() {
		return false
	}
	defer func() { <-o.lock }()
	if !o.closed {
		o.closed = true
		_, _ = o.file.WriteString(o.filter.end())
	}
	return true
}

// locked takes the lock, if that can be had in time.
func (o *output) locked() bool {
	timeout, cancel := context.WithTimeout(context.Background(), takes)
	defer cancel()
	select {
	case o.lock <- struct{}{}:
		return true
	case <-timeout.Done():
		return false
	}
}

// detach takes the terminal away from the standard streams: whoever writes to it next, a report or
// the runtime's trace, would hang as the last write does, and the program would never end.
func detach() {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	for fd := range 3 {
		if tty.IsTerminal(uintptr(fd)) {
			_ = unix.Dup3(null, fd, 0)
		}
	}
}

// foreground reports whether the terminal is ours to change: it is, too, where there is no job
// control.
func foreground(file *os.File) bool {
	group, err := unix.IoctlGetInt(int(file.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}
