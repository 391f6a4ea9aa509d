// Package termtest runs a program in a pseudo-terminal and lets a test press its keys and wait for
// what it shows. The terminal is one of package vt, so a test also learns what the program wrote
// that its terminal does not understand. Nothing here sleeps: waiting is for what appears.
package termtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/ui/termtest/vt"
)

// program is the variable that makes a test binary one of its programs.
const program = "NDWHY_TERMTEST_PROGRAM"

// Main is for TestMain: os.Exit(termtest.Main(m, programs)). In a process that Start made for one of
// the programs it runs that and returns its exit code, else it runs the tests.
func Main(m *testing.M, programs map[string]func() int) int {
	if run, ok := programs[os.Getenv(program)]; ok {
		return run()
	}
	return m.Run()
}

// Config says what to run and where.
type Config struct {
	// Program is one of those that TestMain gave to Main. Where it is empty Command is run, or Cmd,
	// which is not started yet and whose environment is kept.
	Program string
	Command []string
	Cmd     *exec.Cmd
	// Dir is where it runs; empty: where the test does. Files that a user asks for are written there.
	Dir string
	// Env is added to PATH, HOME, LANG=C.UTF-8 and the TERM of the dialect.
	Env []string
	// Width and Height are 80 and 24 where they are 0.
	Width, Height int
	// Dialect is the terminal's; the strict VT220 where it is the zero Dialect.
	Dialect vt.Dialect
	// Foreign: it is no program of ours, and not held to its terminal.
	Foreign bool
	// Patience is how long to wait for what should appear; 20 s where it is 0.
	Patience time.Duration
}

// terms are the values of TERM for the dialects.
var terms = map[string]string{"vt220": "vt220", "linux": "linux", "xterm": "xterm-256color", "modern": "xterm-kitty"}

// A Terminal is a pseudo-terminal with a program in it.
type Terminal struct {
	tb       testing.TB
	master   *os.File
	cmd      *exec.Cmd
	patience time.Duration
	died     chan struct{} // closed when the program ended
	ended    chan struct{} // closed when, besides, all it wrote is on the screen
	started  time.Time

	mu      sync.Mutex
	screen  *vt.Screen
	partial bool          // there is more to read: what shows may be half a frame
	changed chan struct{} // closed with the next change of the screen
}

// Start runs the program as the leader of a session of its own, with the pseudo-terminal as its
// controlling terminal. It is killed at the end of the test, if it still runs. When it ends it must
// have written nothing that its terminal does not understand; that fails the test.
func Start(tb testing.TB, c Config) *Terminal {
	tb.Helper()
	p, err := start(tb, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		p.Signal(unix.SIGKILL)
		<-p.ended
		p.Look(func(s *vt.Screen) {
			if err := s.Err(); err != nil && !c.Foreign {
				tb.Errorf("written to a terminal that does not understand it:\n%v", err)
			}
		})
	})
	return p
}

func start(tb testing.TB, c Config) (*Terminal, error) {
	tb.Helper()
	if c.Width == 0 {
		c.Width = 80
	}
	if c.Height == 0 {
		c.Height = 24
	}
	if c.Dialect.Name == "" {
		c.Dialect = vt.VT220
	}
	if c.Patience == 0 {
		c.Patience = 20 * time.Second
	}
	env := []string{"LANG=C.UTF-8", "TERM=" + terms[c.Dialect.Name], "GORACE=atexit_sleep_ms=0"}
	if c.Cmd == nil {
		env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"))
	}
	command := c.Command
	if c.Program != "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		command = []string{self}
		env = append(env, program+"="+c.Program)
	}
	master, slave, err := open()
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	p := &Terminal{
		tb: tb, master: master, patience: c.Patience, died: make(chan struct{}), ended: make(chan struct{}),
		screen: vt.New(c.Width, c.Height, c.Dialect), changed: make(chan struct{}),
	}
	p.screen.Reply = func(answer string) { _, _ = io.WriteString(master, answer) }
	if err := p.resize(c.Width, c.Height); err != nil {
		return nil, err
	}
	p.cmd = c.Cmd
	if p.cmd == nil {
		p.cmd = exec.Command(command[0], command[1:]...)
	}
	p.cmd.Env = slices.Concat(p.cmd.Env, env, c.Env)
	if c.Dir != "" {
		p.cmd.Dir = c.Dir
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	p.started = time.Now() //nolint:forbidigo // what is measured is the time itself
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, master.Close())
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		p.read()
	}()
	go func() {
		_ = p.cmd.Wait()
		close(p.died)
		// What it left in the terminal is still to be read; children that go on keep it open.
		patience, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		select {
		case <-read:
		case <-patience.Done():
		}
		_ = master.Close()
		<-read
		close(p.ended)
	}()
	return p, nil
}

// open makes a pseudo-terminal: pts(4).
func open() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open /dev/ptmx: %w", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	fail := func(what string, err error) (*os.File, *os.File, error) {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", what, err), master.Close())
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return fail("TIOCSPTLCK", err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return fail("TIOCGPTN", err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return fail("the other end", err)
	}
	return master, slave, nil
}

func (p *Terminal) read() {
	buf := make([]byte, 4<<10) // as much as a pseudo-terminal gives at a time
	for {
		n, err := p.master.Read(buf)
		if n > 0 {
			p.mu.Lock()
			_, _ = p.screen.Write(buf[:n])
			if p.partial = p.readable(0); !p.partial {
				p.wake()
			}
			p.mu.Unlock()
		}
		if err != nil { // EIO: nobody has the other end open
			p.mu.Lock()
			p.partial = false
			p.wake()
			p.mu.Unlock()
			return
		}
	}
}

// readable reports whether there is something to read, waiting for it so many milliseconds.
func (p *Terminal) readable(wait int) bool {
	raw, err := p.master.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err = unix.Poll(ready, wait); err != nil || ready[0].Revents&unix.POLLIN == 0 {
			n = 0
		}
	})
	return err == nil && n > 0
}

func (p *Terminal) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Look calls fn with the screen, which fn must not keep.
func (p *Terminal) Look(fn func(*vt.Screen)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(p.screen)
}

// String returns what the screen shows.
func (p *Terminal) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.screen.String()
}

// Send presses keys: text, "\r" for enter, "\x1a" for ctrl-z, "\x1b[A" for up.
func (p *Terminal) Send(keys string) {
	p.tb.Helper()
	if _, err := io.WriteString(p.master, keys); err != nil {
		p.tb.Fatalf("pressing %q: %v\n%s", keys, err, p)
	}
}

// Resize gives the terminal a new size and tells the program.
func (p *Terminal) Resize(width, height int) {
	p.tb.Helper()
	p.mu.Lock()
	p.screen.Resize(width, height)
	p.mu.Unlock()
	if err := p.resize(width, height); err != nil {
		p.tb.Fatal(err)
	}
}

func (p *Terminal) resize(width, height int) error {
	raw, err := p.master.SyscallConn()
	if err != nil {
		return err
	}
	var sizeErr error
	err = raw.Control(func(fd uintptr) {
		sizeErr = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(width), Row: uint16(height)})
	})
	return errors.Join(err, sizeErr)
}

// Signal sends a signal to the program alone.
func (p *Terminal) Signal(s unix.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Fatalf("%v: %v", s, err)
	}
}

// Pid returns the program's process ID.
func (p *Terminal) Pid() int { return p.cmd.Process.Pid }

// Wait waits until the screen shows text.
func (p *Terminal) Wait(text string) {
	p.tb.Helper()
	p.WaitFor(fmt.Sprintf("%q on the screen", text), func(s *vt.Screen) bool { return strings.Contains(s.String(), text) })
}

// WaitGone waits until the screen does not show text.
func (p *Terminal) WaitGone(text string) {
	p.tb.Helper()
	p.WaitFor(fmt.Sprintf("no %q on the screen", text), func(s *vt.Screen) bool { return !strings.Contains(s.String(), text) })
}

// WaitFor waits until cond holds of the screen; what says what that means.
func (p *Terminal) WaitFor(what string, cond func(*vt.Screen) bool) {
	p.tb.Helper()
	if err := p.await(cond); err != nil {
		p.tb.Fatalf("waiting for %s: %v; the screen shows:\n%s", what, err, p)
	}
}

func (p *Terminal) await(cond func(*vt.Screen) bool) error {
	patience, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	for {
		p.mu.Lock()
		ok, changed := !p.partial && cond(p.screen), p.changed
		p.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-p.ended:
			p.mu.Lock()
			ok = cond(p.screen)
			p.mu.Unlock()
			if !ok {
				return fmt.Errorf("the program ended (%s)", p.cmd.ProcessState)
			}
		case <-patience.Done():
			return fmt.Errorf("not within %s", p.patience)
		}
	}
}

// Exit waits until the program has ended and returns its exit code, -1 if a signal ended it.
func (p *Terminal) Exit() int {
	p.tb.Helper()
	patience, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	select {
	case <-p.ended:
	case <-patience.Done():
		p.tb.Fatalf("the program did not end within %s; the screen shows:\n%s", p.patience, p)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Stall presses keys while nothing reads what the program writes, waits until it has begun to
// write, and calls fn, still not reading.
func (p *Terminal) Stall(keys string, fn func()) {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := io.WriteString(p.master, keys); err != nil {
		p.tb.Fatalf("pressing %q: %v", keys, err)
	}
	if !p.readable(int(p.patience.Milliseconds())) {
		p.tb.Error("the program wrote nothing")
	}
	fn()
}

// AwaitDeath waits until the program has ended, whether or not what it wrote is read. It may be
// called within Stall.
func (p *Terminal) AwaitDeath() {
	p.tb.Helper()
	patience, cancel := context.WithTimeout(context.Background(), p.patience)
	defer cancel()
	select {
	case <-p.died:
	case <-patience.Done():
		p.tb.Errorf("the program did not end within %s", p.patience)
	}
}
