package probe

import (
	"ndwhy/checks"
	"ndwhy/diag"
	"runtime"

	"golang.org/x/sys/unix"
)

// with calls fn with a capability effective, if this process is permitted it: capabilities are a
// thread's, and no other thread of the program gets it.
func with(capability int, fn func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		return fn()
	}
	word, bit := capability/32, uint32(1)<<(capability%32)
	if had[word].Permitted&bit == 0 || had[word].Effective&bit != 0 {
		return fn()
	}
	raised := had
	raised[word].Effective |= bit
	if err := unix.Capset(&header, &raised[0]); err != nil {
		return fn()
	}
	defer func() { _ = unix.Capset(&header, &had[0]) }()
	return fn()
}

// Admin says whether this process may configure addresses.
func Admin() diag.Feed {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err == nil &&
		(data[0].Permitted|data[0].Effective)&(1<<unix.CAP_NET_ADMIN) != 0 {
		return diag.Feed{Name: diag.FeedAdmin, State: diag.Synced}
	}
	return diag.Feed{
		Name: diag.FeedAdmin, State: diag.Unavailable,
		Why: "CAP_NET_ADMIN is missing: no address can be configured", Fix: checks.Fix,
	}
}
