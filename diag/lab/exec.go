package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ExecOptions say what to run in a lab that runs already.
type ExecOptions struct {
	Lab     int    // process ID of the `ndwhy lab`, 1 of the one around this process; 0: the only one of this user
	Host    string // ubuntu1, ubuntu2, internet, in some ubuntu3
	Command []string
	Stdin   *os.File
	Stdout  *os.File
	Stderr  *os.File
}

// Exec runs a command inside a host of a running lab, from outside or from another of its hosts, and returns its exit code. On a terminal the
// command gets one of its own, with job control; signals are passed on. An error is the lab's own.
func Exec(o ExecOptions) (int, error) {
	pid, err := choose(o.Lab)
	if err != nil {
		return 0, err
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: doorName(os.Getuid(), pid), Net: "unix"})
	if err != nil {
		return 0, fmt.Errorf("lab %d: %w", pid, err)
	}
	defer c.Close()
	if err := samePeer(c); err != nil {
		return 0, fmt.Errorf("lab %d: %w", pid, err)
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	numbers, inherited := inheritedFiles(os.Getenv)
	req := request{Host: o.Host, Args: o.Command, Env: os.Environ(), Dir: dir, Session: true, Inherits: numbers}
	files := []*os.File{o.Stdin, o.Stdout, o.Stderr}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTSTP, unix.SIGCONT)
	defer signal.Stop(signals)
	if isTerminal(o.Stdin) && isTerminal(o.Stdout) {
		t, err := openTerminal(o.Stdin, o.Stdout)
		if err != nil {
			return 0, fmt.Errorf("terminal for %s: %w", o.Host, err)
		}
		defer t.close()
		files = []*os.File{t.slave, t.slave, t.slave}
		if !isTerminal(o.Stderr) {
			files[2] = o.Stderr
		}
		req.Terminal = true
		code, err := req.run(c, json.NewDecoder(c), append(files, inherited...), signals)
		t.drain()
		return code, err
	}
	return req.run(c, json.NewDecoder(c), append(files, inherited...), signals)
}

// choose returns the lab that is meant.
func choose(pid int) (int, error) {
	running, err := labs()
	if err != nil {
		return 0, err
	}
	slices.Sort(running)
	text := strings.Trim(fmt.Sprint(running), "[]")
	switch {
	case pid != 0 && slices.Contains(running, pid):
		return pid, nil
	case len(running) == 0:
		return 0, errors.New("no lab of yours is running; start one in another terminal: ndwhy lab")
	case pid != 0:
		return 0, fmt.Errorf("no lab %d of yours is running; there are %s", pid, text)
	case len(running) > 1:
		return 0, fmt.Errorf("several labs of yours are running; choose one with --lab PID: %s", text)
	}
	return running[0], nil
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// A terminal is a pseudo-terminal for a command in another session, joined to ours, which is raw
// meanwhile: keys such as ctrl-c act where the command is.
type terminal struct {
	master, slave *os.File
	in            *os.File
	saved         *unix.Termios
	resized       chan os.Signal
	copied        chan struct{}
}

func openTerminal(in, out *os.File) (*terminal, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/ptmx: %w", err)
	}
	t := &terminal{master: os.NewFile(uintptr(fd), "/dev/ptmx"), in: in, resized: make(chan os.Signal, 1), copied: make(chan struct{})}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.master.Close()
		return nil, err
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.master.Close()
		return nil, err
	}
	if t.slave, err = os.OpenFile(filepath.Join("/dev/pts", fmt.Sprint(n)), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.master.Close()
		return nil, err
	}
	if t.saved, err = unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err != nil {
		t.slave.Close()
		t.master.Close()
		return nil, err
	}
	raw := *t.saved
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag &^= unix.CSIZE | unix.PARENB
	raw.Cflag |= unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, t.saved) // the command's terminal behaves as ours did
	if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &raw); err != nil {
		t.slave.Close()
		t.master.Close()
		return nil, err
	}
	signal.Notify(t.resized, unix.SIGWINCH)
	t.resize()
	go func() {
		for range t.resized {
			t.resize()
		}
	}()
	go func() { _, _ = io.Copy(t.master, in) }() // ends with the process, in a read
	go func() {
		_, _ = io.Copy(out, t.master) // ends when the last holder of the slave is gone
		close(t.copied)
	}()
	return t, nil
}

// resize gives the command's terminal the size of ours.
func (t *terminal) resize() {
	if size, err := unix.IoctlGetWinsize(int(t.in.Fd()), unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(t.slave.Fd()), unix.TIOCSWINSZ, size)
	}
}

// drain writes what the command has still to show. The kernel hangs the terminal up when the
// session's leader ends; what comes later than a second after is not waited for.
func (t *terminal) drain() {
	t.slave.Close()
	_ = t.master.SetReadDeadline(time.Now().Add(time.Second))
	<-t.copied
}

func (t *terminal) close() {
	signal.Stop(t.resized)
	_ = unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETS, t.saved)
	t.slave.Close()
	t.master.Close()
}
