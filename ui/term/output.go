package term

import (
	"context"
	"os"
	"sync/atomic"
	"time"

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
	deaf    atomic.Bool // the terminal takes nothing: do not try
}

func newOutput(file *os.File, p Profile) *output {
	return &output{file: file, profile: p, filter: filter{profile: p}, lock: make(chan struct{}, 1)}
}

// Write writes what the terminal understands of p in one piece.
func (o *output) Write(p []byte) (int, error) {
	o.lock <- struct{}{}
	defer func() { <-o.lock }()
	if o.closed || o.deaf.Load() {
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

// takes is how long a terminal may take for a frame before it is given up, when the program is to
// end: a screenful at 300 baud is no longer written by anybody.
const takes = time.Second

// end writes what puts the screen back and lets nothing more through.
func (o *output) end() {
	if !o.locked() {
		o.unblock()
		if !o.locked() {
			return
		}
	}
	defer func() { <-o.lock }()
	if o.closed {
		return
	}
	o.closed = true
	text := o.filter.end()
	if o.deaf.Load() && text != "" {
		text = "\x18" + text // CAN: a sequence may have been cut off
	}
	_, _ = o.file.WriteString(text)
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

// unblockAfter unblocks the output unless ended is closed in time.
func (o *output) unblockAfter(ended <-chan struct{}) {
	timeout, cancel := context.WithTimeout(context.Background(), takes)
	defer cancel()
	select {
	case <-ended:
	case <-timeout.Done():
		o.unblock()
	}
}

// unblock lets a write that hangs go on (ctrl-s, a connection that nobody reads): what the terminal
// did not take is thrown away.
func (o *output) unblock() {
	if !foreground(o.file) {
		return
	}
	o.deaf.Store(true)
	fd := int(o.file.Fd())
	_ = unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOON)
	_ = unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCOFLUSH)
}

// foreground reports whether the terminal is ours to change: it is, too, where there is no job
// control.
func foreground(tty *os.File) bool {
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}
