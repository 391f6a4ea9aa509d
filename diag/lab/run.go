package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag/outfile"
)

// Failed is the exit code of a lab that itself failed; every other code is the command's.
const Failed = 125

// Options say what to run and where.
type Options struct {
	Spec      Spec
	Command   []string // in ubuntu1; empty: an interactive shell. "ndwhy" is this executable
	SwitchLog string   // file for the switch's log, JSON Lines of vswitch.Entry; empty: none
	Slow      func()   // is called where the network is not there in a moment; nil: not
	Stdin     *os.File
	Stdout    *os.File
	Stderr    *os.File
}

// moment is how long nobody asks what the lab is doing.
const moment = 150 * time.Millisecond

// The names under which the executable enters itself again (argv[0]), and its helpers' descriptors.
const (
	initName  = "ndwhy-lab-init"
	enterName = "ndwhy-lab-enter"
	probeName = "ndwhy-lab-probe"

	self = "/proc/self/exe"
)

// Run builds the lab, runs the command in ubuntu1 and returns its exit code (128+n where signal n
// ended it). An error is the lab's own: one line that says what to do; with the command's code comes
// that the switch's log is not whole. What this process inherited beyond the standard descriptors, the
// command inherits. Everything is gone when Run returns.
func Run(o Options) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(signals)

	numbers, inherited := inheritedFiles(os.Getenv)
	var log *os.File
	if o.SwitchLog != "" {
		var err error
		if log, err = outfile.Open(o.SwitchLog); err != nil {
			return 0, fmt.Errorf("switch log: %w", err)
		}
		defer log.Close()
	}
	terminal := foreground()
	defer terminal.restore()
	l, err := start(o.Spec, log, o.Stderr)
	if err != nil {
		return 0, err
	}
	defer l.stop()
	slow := time.NewTimer(moment)
	defer slow.Stop()
	ready := make(chan error, 1)
	go func() { ready <- l.ready() }()
	for built := false; !built; {
		select {
		case err := <-ready:
			if err != nil {
				return 0, err
			}
			built = true
		case <-slow.C:
			if o.Slow != nil {
				o.Slow()
			}
		case s := <-signals:
			return 128 + int(s.(unix.Signal)), nil
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	req := request{Host: "ubuntu1", Args: o.Command, Env: os.Environ(), Dir: dir, Inherits: numbers}
	passed := make(chan os.Signal, 16)
	go func() {
		for s := range signals {
			// The terminal has sent these to the command itself.
			if (s == unix.SIGINT || s == unix.SIGQUIT) && terminal.ours() {
				continue
			}
			passed <- s
		}
	}()
	return req.run(l.control, l.replies, append([]*os.File{o.Stdin, o.Stdout, o.Stderr}, inherited...), passed)
}

// A running is the caller's end of a lab.
type running struct {
	control *net.UnixConn
	replies *json.Decoder
	door    *net.UnixListener // where lab exec knocks
	inner   *net.UnixConn     // by which it is let in
	exited  <-chan struct{}
	kill    func()
}

// start starts the init.
func start(spec Spec, log, stderr *os.File) (*running, error) {
	control, theirs, err := socketPair("control")
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	door, err := net.ListenUnix("unix", &net.UnixAddr{Name: doorName(os.Getuid(), os.Getpid()), Net: "unix"})
	if err != nil {
		control.Close()
		return nil, fmt.Errorf("socket for lab exec: %w", err)
	}
	inner, innerEnd, err := socketPair("door")
	if err != nil {
		control.Close()
		door.Close()
		return nil, err
	}
	defer innerEnd.Close()
	files := []*os.File{theirs, innerEnd}
	if log != nil {
		files = append(files, log)
	}
	l := &running{control: control, replies: json.NewDecoder(control), door: door, inner: inner}
	text, err := json.Marshal(spec)
	if err != nil {
		l.close()
		return nil, err
	}
	cmd, exited, err := startInit(text, files, stderr)
	if err != nil {
		l.close()
		return nil, err
	}
	l.exited, l.kill = exited, func() { _ = cmd.Process.Kill() }
	go l.letIn()
	return l, nil
}

// letIn hands those who come by the door on to the init, if they are this user. It is the caller that
// looks: in a user namespace all foreign users look alike.
func (l *running) letIn() {
	for {
		c, err := l.door.AcceptUnix()
		if err != nil {
			return
		}
		if samePeer(c) == nil {
			if f, err := c.File(); err == nil {
				_ = sendFiles(l.inner, []*os.File{f}) // an init that is gone: the lab ends
				f.Close()
			}
		}
		c.Close()
	}
}

func (l *running) close() {
	l.control.Close()
	l.door.Close()
	l.inner.Close()
}

// socketPair returns our end of a stream, and theirs as a file to inherit.
func socketPair(name string) (*net.UnixConn, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), name), os.NewFile(uintptr(pair[1]), name)
	defer ours.Close()
	c, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return c.(*net.UnixConn), theirs, nil
}

// namespaces of a lab beside, perhaps, the user namespace.
const namespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET

// startInit starts the init in new namespaces: plainly where that is allowed, else in a user
// namespace in which the caller has every capability.
func startInit(spec []byte, files []*os.File, stderr *os.File) (*exec.Cmd, <-chan struct{}, error) {
	var cmd *exec.Cmd
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		// The kernel kills the init when the thread that started it ends: this one lives as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		var err error
		if os.Geteuid() == 0 {
			cmd = initCommand(spec, files, stderr, false)
			err = cmd.Start()
		}
		if cmd == nil || errors.Is(err, unix.EPERM) {
			cmd = initCommand(spec, files, stderr, true)
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is told by what it said before
		}
	}()
	if err := <-started; err != nil {
		return nil, nil, &NamespaceError{err.Error()}
	}
	return cmd, exited, nil
}

func initCommand(spec []byte, files []*os.File, stderr *os.File, user bool) *exec.Cmd {
	cmd := &exec.Cmd{
		Path: self, Args: []string{initName}, Env: os.Environ(), Dir: "/",
		Stdin: bytes.NewReader(spec), Stderr: stderr, ExtraFiles: files,
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: namespaces},
	}
	for _, f := range files {
		cmd.Args = append(cmd.Args, f.Name())
	}
	if user {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		cmd.SysProcAttr.AmbientCaps = allCapabilities()
	}
	return cmd
}

// allCapabilities lists the capabilities that the kernel knows. A lab's processes have them all, over
// the lab alone, without being user 0 in it: as that, tcpdump and others try to become another user,
// and a user namespace of one user has no other.
func allCapabilities() []uintptr {
	last := uintptr(unix.CAP_AUDIT_READ) // of Linux 3.16
	if b, err := os.ReadFile("/proc/sys/kernel/cap_last_cap"); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 8); err == nil {
			last = uintptr(n)
		}
	}
	var all []uintptr
	for c := range last + 1 {
		all = append(all, c)
	}
	return all
}

// ready waits until the network stands.
func (l *running) ready() error {
	var r reply
	switch err := l.replies.Decode(&r); {
	case errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET):
		return errors.New("the lab's first process ended before the network stood")
	case err != nil:
		return err
	case r.Denied:
		return &NamespaceError{r.Err}
	case r.Err != "":
		return errors.New(r.Err)
	case !r.Ready:
		return errors.New("the lab's first process does not say that the network stands")
	}
	return nil
}

// stop takes the lab down and returns when nothing of it is left.
func (l *running) stop() {
	l.close() // the init ends by itself on this
	select {
	case <-l.exited:
	case <-time.After(2 * time.Second):
		l.kill()
		<-l.exited
	}
}

// A NamespaceError says that the system does not let a lab be built.
type NamespaceError struct{ Why string }

func (e *NamespaceError) Error() string {
	return fmt.Sprintf("this system does not let a lab be built (%s): %s", e.Why, advice())
}

// advice says what would let a lab be built, from what the system says of itself.
func advice() string {
	zero := func(path string) bool {
		b, err := os.ReadFile(path)
		return err == nil && strings.TrimSpace(string(b)) == "0"
	}
	one := func(path string) bool {
		b, err := os.ReadFile(path)
		return err == nil && strings.TrimSpace(string(b)) == "1"
	}
	switch {
	case os.Geteuid() == 0:
		return "root here may not make namespaces: in a container, run it with --privileged"
	case zero("/proc/sys/kernel/unprivileged_userns_clone"):
		return "run it as root, or: sudo sysctl -w kernel.unprivileged_userns_clone=1"
	case one("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"):
		return "run it as root, or: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
	case zero("/proc/sys/user/max_user_namespaces"):
		return "run it as root, or: sudo sysctl -w user.max_user_namespaces=10000"
	}
	return "run it as root (in a container: with --privileged)"
}

// Available reports, as a *NamespaceError, why no lab can be built here, or nil.
func Available() error {
	try := func(user bool) error {
		cmd := initCommand(nil, nil, nil, user)
		cmd.Args = []string{probeName}
		return cmd.Run()
	}
	var err error = unix.EPERM
	if os.Geteuid() == 0 {
		err = try(false)
	}
	if err != nil {
		err = try(true)
	}
	if err != nil {
		return &NamespaceError{err.Error()}
	}
	return nil
}

// doorName is the abstract socket at which a lab lets further commands in.
func doorName(uid, pid int) string { return fmt.Sprintf("@ndwhy-lab-%d-%d", uid, pid) }

// labs returns the process IDs of this user's running labs.
func labs() ([]int, error) {
	b, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil, err
	}
	const listening = "00010000" // __SO_ACCEPTCON of the kernel
	var pids []int
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 8 || f[3] != listening {
			continue
		}
		if rest, ok := strings.CutPrefix(f[7], fmt.Sprintf("@ndwhy-lab-%d-", os.Getuid())); ok {
			if pid, err := strconv.Atoi(rest); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// A tty is the controlling terminal, if there is one and this process is in its foreground.
type tty struct {
	file *os.File
	pgrp int
}

// foreground notes who owns the terminal, to give it back after a shell that took it.
func foreground() *tty {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return &tty{}
	}
	t := &tty{file: f, pgrp: unix.Getpgrp()}
	if !t.ours() {
		f.Close()
		return &tty{}
	}
	return t
}

// ours reports whether this process's group is in the terminal's foreground.
func (t *tty) ours() bool {
	if t.file == nil {
		return false
	}
	n, err := unix.IoctlGetInt(int(t.file.Fd()), unix.TIOCGPGRP)
	return err == nil && n == t.pgrp
}

// restore takes the terminal back. A shell in another PID namespace cannot: it cannot name our group.
func (t *tty) restore() {
	if t.file == nil {
		return
	}
	defer t.file.Close()
	signal.Ignore(unix.SIGTTOU)
	defer signal.Reset(unix.SIGTTOU)
	_ = unix.IoctlSetPointerInt(int(t.file.Fd()), unix.TIOCSPGRP, t.pgrp)
}

// executable returns the directory of this very program, "" where it cannot be told.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}
