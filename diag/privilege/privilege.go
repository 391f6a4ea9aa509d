// Package privilege raises a capability for the one call that needs it, and says which line would
// give a missing one. Files get =p: with =ep a program cannot even start where a capability is out
// of bounds, as in most containers; so what is permitted is put into effect here, and nowhere else.
package privilege

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
)

// kept are the capabilities that Confine leaves permitted: what the program uses, and what the files need that root
// writes for somebody else.
var kept = capabilitySet(
	unix.CAP_NET_RAW, unix.CAP_NET_ADMIN, unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH,
)

// standing are those of them that stay in effect; the others are raised for the one call.
var standing = capabilitySet(unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH)

func capabilitySet(list ...int) (set [2]uint32) {
	for _, c := range list {
		set[c/32] |= 1 << (c % 32)
	}
	return set
}

// Confine gives up for good, on every thread, what the program never uses: whoever gets hold of it by what it reads from
// the network has no more than that. No program that it starts could gain anything. It changes nothing where the kernel
// does not let it, and is to be called before anything else runs.
func Confine() error {
	began() // what Fix says is of the privileges that were given
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return limit(kept)
}

// Drop is Confine for who needs no capability but for files.
func Drop() error {
	if err := Confine(); err != nil {
		return err
	}
	return limit(standing)
}

// limit leaves no capability permitted but those of a set, on every thread.
func limit(to [2]uint32) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return os.NewSyscallError("capget", err)
	}
	for i := range caps {
		caps[i].Permitted &= to[i]
		caps[i].Effective &= standing[i]
		caps[i].Inheritable = 0
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&caps[0])), 0)
	runtime.KeepAlive(&header)
	runtime.KeepAlive(&caps)
	if errno != 0 {
		return os.NewSyscallError("capset", errno)
	}
	return nil
}

// With calls f on a thread that has a capability (unix.CAP_NET_RAW …) in effect, if the process is
// permitted it; else as it is. The kernel asks for it where a socket is opened or a request is sent,
// so all of f runs on that thread.
func With(capability int, f func() error) error { return WithAll(f, capability) }

// WithAll is With for what needs several capabilities at once.
func WithAll(f func() error, capabilities ...int) error {
	done := make(chan error)
	go func() {
		defer guard.Rescue()
		runtime.LockOSThread()
		restored, err := raised(f, capabilities...)
		if restored {
			runtime.UnlockOSThread()
		} // else the thread ends with this goroutine, and the privilege with it
		done <- err
	}()
	return <-done
}

// raised calls f with those of the capabilities that are permitted in effect on this thread, to which
// the goroutine is locked, and reports whether the thread has afterwards what it had before.
func raised(f func() error, capabilities ...int) (restored bool, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData // version 3 writes two
	if unix.Capget(&header, &had[0]) != nil {
		return true, f()
	}
	more := had
	for _, c := range capabilities {
		more[c/32].Effective |= had[c/32].Permitted & (1 << (c % 32))
	}
	if more == had || unix.Capset(&header, &more[0]) != nil {
		return true, f()
	}
	err = f()
	return unix.Capset(&header, &had[0]) == nil, err
}

// Permitted reports whether the process may put a capability into effect.
func Permitted(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	word, bit := capability/32, uint32(1)<<(capability%32)
	return unix.Capget(&header, &had[0]) == nil && (had[word].Permitted|had[word].Effective)&bit != 0
}

// names are those of the capabilities that the program uses.
var names = map[int]string{
	unix.CAP_NET_RAW: "net_raw", unix.CAP_NET_ADMIN: "net_admin", unix.CAP_BPF: "bpf", unix.CAP_PERFMON: "perfmon",
}

// Fix says what would give this process capabilities: of a file's, only what the bounding set has is
// given, and nothing under no_new_privs.
func Fix(capabilities ...int) string {
	exe, err := os.Executable()
	if err != nil {
		exe = "ndwhy"
	}
	// One line for all: a second setcap would take away what the first gave.
	file := []string{"cap_net_raw", "cap_net_admin"}
	var upper []string
	within := true
	bounds, newPrivs := began()
	for _, c := range capabilities {
		within = within && bounds&(1<<c) != 0
		upper = append(upper, strings.ToUpper(names[c]))
		if name := "cap_" + names[c]; !slices.Contains(file, name) {
			file = append(file, name)
		}
	}
	list := "CAP_" + strings.Join(upper, " CAP_")
	switch {
	case !within:
		return "Give the container or service " + list + ": docker run --cap-add=" + strings.Join(upper, " --cap-add=") +
			", or CapabilityBoundingSet=" + list + " in its unit."
	case !newPrivs:
		return "Start it outside no_new_privs (NoNewPrivileges=no in its unit), or with AmbientCapabilities=" + list + "."
	default:
		return "sudo setcap " + strings.Join(file, ",") + "=p " + exe
	}
}

// began says what this process was given as it began, which it may have given up since.
var began = sync.OnceValues(func() (bounds uint64, newPrivs bool) {
	status, _ := os.ReadFile("/proc/thread-self/status")
	return readStatus(status)
})

// readStatus reads the bounding set of a /proc/PID/status, and whether running a file can give new
// privileges.
func readStatus(b []byte) (bounds uint64, newPrivs bool) {
	bounds, newPrivs = ^uint64(0), true
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) != 2 {
			continue
		}
		switch string(fields[0]) {
		case "CapBnd:":
			if set, err := strconv.ParseUint(string(fields[1]), 16, 64); err == nil {
				bounds = set
			}
		case "NoNewPrivs:":
			newPrivs = string(fields[1]) != "1"
		}
	}
	return bounds, newPrivs
}
