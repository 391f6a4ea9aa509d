package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"ndwhy/diag"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// A PrivilegeError says that this process may open no packet socket.
type PrivilegeError struct {
	Err error
	// Fix is the line, or the words, that would let it.
	Fix string
}

func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("frames cannot be captured: packet socket: %v (CAP_NET_RAW is missing)", e.Err)
}

func (e *PrivilegeError) Unwrap() error { return e.Err }

// Missing returns what a stream says in place of frames, where Open failed with err.
func Missing(err error) diag.Feed {
	feed := diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: err.Error()}
	if privilege, ok := errors.AsType[*PrivilegeError](err); ok {
		feed.Fix = privilege.Fix
	}
	return feed
}

// withNetRaw calls f on a thread that has CAP_NET_RAW in effect, if the process is permitted it. A
// file with =p gives it so: =ep would keep the program from starting at all where the capability is
// out of bounds, as in containers.
func withNetRaw(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		restored, err := raised(f)
		if restored {
			runtime.UnlockOSThread()
		} // else the thread ends with this goroutine, and the privilege with it
		done <- err
	}()
	return <-done
}

// raised calls f with CAP_NET_RAW in effect on this thread, to which the goroutine is locked, and
// reports whether the thread has afterwards what it had before.
func raised(f func() error) (restored bool, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData // version 3 writes two
	if unix.Capget(&header, &had[0]) != nil || had[0].Permitted&^had[0].Effective&(1<<unix.CAP_NET_RAW) == 0 {
		return true, f()
	}
	more := had
	more[0].Effective |= 1 << unix.CAP_NET_RAW
	if unix.Capset(&header, &more[0]) != nil {
		return true, f()
	}
	err = f()
	return unix.Capset(&header, &had[0]) == nil, err
}

// fix says what would give this process CAP_NET_RAW: of a file's capabilities, only what the
// bounding set has is given, and nothing under no_new_privs.
func fix() string {
	status, _ := os.ReadFile("/proc/thread-self/status")
	exe, err := os.Executable()
	if err != nil {
		exe = "ndwhy"
	}
	switch bounds, newPrivs := readStatus(status); {
	case bounds&(1<<unix.CAP_NET_RAW) == 0:
		return "give the container or service CAP_NET_RAW: docker run --cap-add=NET_RAW, or CapabilityBoundingSet=CAP_NET_RAW in its unit"
	case !newPrivs:
		return "start it outside no_new_privs (NoNewPrivileges=no in its unit), or with AmbientCapabilities=CAP_NET_RAW"
	default:
		return "sudo setcap cap_net_raw=p " + exe
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
