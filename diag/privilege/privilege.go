// Package privilege raises a capability for the one call that needs it, and says which line would
// give a missing one. Files get =p: with =ep a program cannot even start where a capability is out
// of bounds, as in most containers; so what is permitted is put into effect here, and nowhere else.
package privilege

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
)

// With calls f on a thread that has a capability (unix.CAP_NET_RAW …) in effect, if the process is
// permitted it; else as it is. The kernel asks for it where a socket is opened or a request is sent,
// so all of f runs on that thread.
func With(capability int, f func() error) error {
	done := make(chan error)
	go func() {
		defer guard.Rescue()
		runtime.LockOSThread()
		restored, err := raised(capability, f)
		if restored {
			runtime.UnlockOSThread()
		} // else the thread ends with this goroutine, and the privilege with it
		done <- err
	}()
	return <-done
}

// raised calls f with the capability in effect on this thread, to which the goroutine is locked,
// and reports whether the thread has afterwards what it had before.
func raised(capability int, f func() error) (restored bool, err error) {
	word, bit := capability/32, uint32(1)<<(capability%32)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData // version 3 writes two
	if unix.Capget(&header, &had[0]) != nil || had[word].Permitted&^had[word].Effective&bit == 0 {
		return true, f()
	}
	more := had
	more[word].Effective |= bit
	if unix.Capset(&header, &more[0]) != nil {
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
var names = map[int]string{unix.CAP_NET_RAW: "net_raw", unix.CAP_NET_ADMIN: "net_admin"}

// Fix says what would give this process a capability: of a file's capabilities, only what the
// bounding set has is given, and nothing under no_new_privs.
func Fix(capability int) string {
	status, _ := os.ReadFile("/proc/thread-self/status")
	exe, err := os.Executable()
	if err != nil {
		exe = "ndwhy"
	}
	upper := strings.ToUpper(names[capability])
	switch bounds, newPrivs := readStatus(status); {
	case bounds&(1<<capability) == 0:
		return "give the container or service CAP_" + upper + ": docker run --cap-add=" + upper + ", or CapabilityBoundingSet=CAP_" + upper + " in its unit"
	case !newPrivs:
		return "start it outside no_new_privs (NoNewPrivileges=no in its unit), or with AmbientCapabilities=CAP_" + upper
	default:
		// One line for both: a second setcap would take away what the first gave.
		return "sudo setcap cap_net_raw,cap_net_admin=p " + exe
	}
}

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
