package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A helper's main goroutine stays on the main thread, whose name and namespaces are what /proc shows of
// the process. Only what is locked during initialisation is sure to be there.
func init() {
	if len(os.Args) > 0 && slices.Contains([]string{initName, enterName, networkdName}, os.Args[0]) {
		runtime.LockOSThread()
	}
}

// Entry is to be called first in main, before anything else: it does the work of the lab's helper
// processes, which are this executable under other names. handled says that this process was one;
// it is then to exit with code.
func Entry() (code int, handled bool) {
	if len(os.Args) == 0 {
		return 0, false
	}
	switch os.Args[0] {
	case initName:
		return runInit(os.Args[1:]), true
	case enterName:
		return enter(os.Args[1:]), true
	case networkdName:
		return networkd(os.Args[1:]), true
	case probeName:
		return probe(), true
	}
	return 0, false
}

// probe tries what an init needs first.
func probe() int {
	if err := privateMounts(); err != nil {
		return 1
	}
	ns, err := newNamespace()
	if err != nil {
		return 1
	}
	ns.Close()
	return 0
}

// The exit codes of shells and of docker run for a command that cannot be started.
const (
	notExecutable = 126
	notFound      = 127
)

// enter is the beginning of a command: it goes into the instance and becomes the command. args are
// the descriptor of the instance's network namespace, the host's name, the working directory and the
// command. Every other descriptor the command inherits.
func enter(args []string) int {
	fail := func(code int, format string, a ...any) int {
		fmt.Fprintf(os.Stderr, "ndwhy lab: "+format+"\n", a...)
		return code
	}
	if len(args) < 4 {
		return fail(Failed, "nothing to run")
	}
	host, dir, command := args[1], args[2], args[3:]
	ns, err := strconv.Atoi(args[0])
	if err != nil {
		return fail(Failed, "namespace of %s: %v", host, err)
	}
	if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
		return fail(Failed, "enter %s: setns: %v", host, err)
	}
	unix.CloseOnExec(ns)
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWUTS); err == nil {
		// A sysfs shows the namespace of whom it was mounted by: the instance's interfaces. Where a
		// container's masks forbid it the old one stays, and nothing here reads links from it.
		_ = unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
		_ = unix.Sethostname([]byte(host))
		ownState()
	}
	if err := os.Chdir(dir); err != nil {
		if err := os.Chdir("/"); err != nil {
			return fail(Failed, "%v", err)
		}
	}
	path := self
	if command[0] != "ndwhy" {
		var err error
		path, err = exec.LookPath(command[0])
		if errors.Is(err, exec.ErrDot) {
			err = nil
		}
		switch {
		case errors.Is(err, fs.ErrPermission):
			return fail(notExecutable, "%s: permission denied", command[0])
		case err != nil:
			return fail(notFound, "%s: command not found", command[0])
		}
	}
	err = unix.Exec(path, command, os.Environ())
	if errors.Is(err, unix.ENOENT) {
		return fail(notFound, "%s: %v", command[0], err)
	}
	return fail(notExecutable, "%s: %v", command[0], err)
}

// shell returns the user's interactive shell.
func shell(env []string) string {
	for _, e := range slices.Backward(env) {
		if s, ok := strings.CutPrefix(e, "SHELL="); ok && filepath.IsAbs(s) {
			if unix.Access(s, unix.X_OK) == nil && filepath.Base(s) != "nologin" && filepath.Base(s) != "false" {
				return s
			}
		}
	}
	return "/bin/sh"
}

// privateMounts cuts the mount namespace off from the one that it was copied from.
func privateMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount / private: %w", err)
	}
	return nil
}

// newNamespace makes a network namespace and returns its file; closing the last one destroys it.
func newNamespace() (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result, 1)
	go func() {
		// The thread is left locked, and so ends with the goroutine: it must not run anything else.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- result{nil, fmt.Errorf("unshare network namespace: %w", err)}
			return
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		done <- result{f, err}
	}()
	r := <-done
	return r.f, r.err
}

// within calls f on a thread that is in the network namespace. f must not start goroutines that
// need it too: what it opens there stays there.
func within(ns *os.File, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("setns: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}
