package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ndwhy/diag/outfile"
)

// The init's descriptors beyond the standard ones: the caller, where those come in who knocked at the
// caller's door, and the switch's log, if as many are handed over. Others are none of its own.
const (
	controlFD = 3
	doorFD    = 4
	logFD     = 5
)

// runInit is the lab's first process. args are the names of the files that are handed over to it.
func runInit(args []string) int {
	// Else it would be "exe", after the link by which it was started, wherever processes are named.
	if name, err := unix.BytePtrFromString(initName); err == nil {
		_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
	}
	// What the terminal sends is for the commands; caught rather than ignored, because they would
	// inherit that it is ignored.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	conn, err := inherited(controlFD)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ndwhy lab: control socket:", err)
		return Failed
	}
	control := conn.(*net.UnixConn)
	say := json.NewEncoder(control)
	l, err := newInit(args[min(len(args), logFD-controlFD):])
	if err != nil {
		denied := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
		_ = say.Encode(reply{Err: err.Error(), Denied: denied})
		return Failed
	}
	if err := say.Encode(reply{Ready: true}); err != nil {
		return Failed
	}
	go l.letIn()
	go l.world.bench.letIn()
	l.serve(control)
	return 0
}

// inherited returns the socket that came as a descriptor.
func inherited(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "inherited")
	defer f.Close()
	unix.CloseOnExec(fd)
	return net.FileConn(f)
}

// An initProcess is the lab's first process at work.
type initProcess struct {
	spec  Spec
	world *world
	door  *net.UnixConn
	path  string

	mu       sync.Mutex // held while a process is started, so that its end cannot come before its entry
	children map[int]chan syscall.WaitStatus
}

func newInit(logs []string) (*initProcess, error) {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return nil, err
	}
	l := &initProcess{children: map[int]chan syscall.WaitStatus{}, path: executable()}
	if err := json.Unmarshal(text, &l.spec); err != nil {
		return nil, fmt.Errorf("specification: %w", err)
	}
	door, err := inherited(doorFD)
	if err != nil {
		return nil, err
	}
	l.door = door.(*net.UnixConn)
	var log io.Writer
	if len(logs) > 0 {
		unix.CloseOnExec(logFD)
		file := os.NewFile(logFD, logs[0])
		// Only now is it sure enough that something comes in place of what it holds.
		if err := outfile.Empty(file); err != nil {
			return nil, err
		}
		log = file
	}
	if err := privateMounts(); err != nil {
		return nil, err
	}
	// Processes see each other by it. A container that masks parts of its own /proc is not allowed a
	// new one; the old one serves, with other process numbers.
	_ = unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	go l.reap()
	if l.world, err = boot(&l.spec, log); err != nil {
		return nil, err
	}
	for name, ns := range l.world.namespaces {
		if err := l.openDoor(ns); err != nil {
			return nil, fmt.Errorf("%s: socket for lab exec: %w", name, err)
		}
	}
	return l, nil
}

// openDoor lets commands inside a host come in as those outside do: there this lab is the one of process 1.
func (l *initProcess) openDoor(ns *os.File) error {
	var door *net.UnixListener
	err := within(ns, func() (err error) {
		door, err = net.ListenUnix("unix", &net.UnixAddr{Name: doorName(os.Getuid(), 1), Net: "unix"})
		return err
	})
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := door.AcceptUnix()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if samePeer(c) == nil {
					l.serve(c)
				}
			}()
		}
	}()
	return nil
}

// reap collects every process of the lab that ends: orphans become children of process 1.
func (l *initProcess) reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	for range ended {
		for l.reapOne() {
		}
	}
}

func (l *initProcess) reapOne() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if errors.Is(err, syscall.EINTR) {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if done, ok := l.children[pid]; ok {
		delete(l.children, pid)
		done <- status
	}
	return true
}

// letIn serves those whom the caller let in.
func (l *initProcess) letIn() {
	for {
		files, err := receiveFiles(l.door, 1)
		if err != nil {
			return
		}
		c, err := net.FileConn(files[0])
		closeAll(files)
		if err != nil {
			continue
		}
		go func() {
			defer c.Close()
			l.serve(c.(*net.UnixConn))
		}()
	}
}

// serve runs the one command that is asked for on c, and returns when it has ended and been
// reported, or when the other side is gone. A command whose asker is gone is hung up.
func (l *initProcess) serve(c *net.UnixConn) {
	files, err := receiveFiles(c, 3)
	if err != nil {
		return
	}
	say, in := json.NewEncoder(c), json.NewDecoder(c)
	var req request
	if err := in.Decode(&req); err != nil {
		closeAll(files)
		return
	}
	pid, done, err := l.start(&req, files)
	closeAll(files)
	if err != nil {
		_ = say.Encode(reply{Err: err.Error()})
		return
	}
	target := pid
	if req.Session || req.Terminal {
		target = -pid
	}
	go func() {
		for {
			var s signalling
			if err := in.Decode(&s); err != nil {
				_ = unix.Kill(target, unix.SIGHUP)
				_ = unix.Kill(target, unix.SIGCONT)
				return
			}
			if s.Signal > 0 {
				_ = unix.Kill(target, unix.Signal(s.Signal))
			}
		}
	}()
	status := <-done
	code := status.ExitStatus()
	if status.Signaled() {
		code = 128 + int(status.Signal())
	}
	if err := say.Encode(reply{Ended: true, Code: code, Log: l.world.wire.unlogged()}); err != nil {
		return
	}
	// The asker closes when it has read: an init that ended before would look like one that died.
	_, _ = c.Read(make([]byte, 1))
}

// start starts a command.
func (l *initProcess) start(req *request, files []*os.File) (int, <-chan syscall.WaitStatus, error) {
	host := l.spec.Host(req.Host)
	ns := l.world.namespaces[req.Host]
	if ns == nil {
		return 0, nil, fmt.Errorf("no host %q in this lab; there are %s", req.Host, l.world.names())
	}
	env := req.Env
	set := func(key, value string) {
		env = slices.DeleteFunc(env, func(e string) bool { return len(e) > len(key) && e[:len(key)+1] == key+"=" })
		env = append(env, key+"="+value)
	}
	if host != nil {
		for k, v := range l.spec.environment(host) {
			set(k, v)
		}
	}
	var inherits table
	for i, f := range files[:3] {
		inherits.put(i, f.Fd())
	}
	if len(req.Inherits) != len(files)-3 {
		return 0, nil, fmt.Errorf("%d descriptors came, want %d", len(files)-3, len(req.Inherits))
	}
	for i, n := range req.Inherits {
		if n < 3 || n >= highestInherited {
			return 0, nil, fmt.Errorf("descriptor %d cannot be inherited", n)
		}
		inherits.put(n, files[3+i].Fd())
	}
	nsFD := inherits.add(ns.Fd())
	handle := l.world.bench.handle
	if inode, err := inodeOf(int(handle.Fd())); err == nil {
		set(controlEnv, fmt.Sprintf("%d:%d", inherits.add(handle.Fd()), inode))
	}
	if l.path != "" {
		set("PATH", l.path+":"+pathOf(env))
	}
	args := req.Args
	if len(args) == 0 {
		args = []string{shell(env)}
	}
	attr := &syscall.ProcAttr{
		Dir: "/", Env: env,
		Files: inherits,
		Sys:   &syscall.SysProcAttr{Setsid: req.Session || req.Terminal, Setctty: req.Terminal},
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	pid, err := syscall.ForkExec(self, append([]string{enterName, strconv.Itoa(nsFD), req.Host, req.Dir}, args...), attr)
	if err != nil {
		return 0, nil, fmt.Errorf("start %s: %w", args[0], err)
	}
	done := make(chan syscall.WaitStatus, 1)
	l.children[pid] = done
	return pid, done, nil
}

// pathOf returns PATH, or what shells take for it where it is not set.
func pathOf(env []string) string {
	for _, e := range slices.Backward(env) {
		if len(e) > 5 && e[:5] == "PATH=" {
			return e[5:]
		}
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
}
