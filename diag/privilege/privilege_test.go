package privilege

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"ndwhy/diag/kernel/nstest"
)

func TestReadStatus(t *testing.T) {
	t.Parallel()
	bounds, newPrivs := readStatus([]byte("Name:\tndwhy\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\n"))
	if bounds != 0xa80425fb || newPrivs {
		t.Errorf("bounding set %x, new privileges %v", bounds, newPrivs)
	}
	if bounds, newPrivs := readStatus([]byte("garbage\nCapBnd: x\n")); bounds != ^uint64(0) || !newPrivs {
		t.Errorf("of garbage: bounding set %x, new privileges %v", bounds, newPrivs)
	}
}

// A capability that is only permitted, as a file's =p gives it, is in effect for the call and no
// longer.
func TestRaised(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	runtime.LockOSThread() // and never unlocks: the thread ends here
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps, after [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		t.Fatal(err)
	}
	caps[0].Effective &^= 1 << unix.CAP_NET_RAW
	if err := unix.Capset(&header, &caps[0]); err != nil {
		t.Fatal(err)
	}
	open := func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		return unix.Close(fd)
	}
	if open() == nil {
		t.Fatal("a packet socket without the capability")
	}
	restored, err := raised(open, unix.CAP_NET_RAW)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Capget(&header, &after[0]); err != nil {
		t.Fatal(err)
	}
	if !restored || after != caps {
		t.Errorf("capabilities %+v, before %+v", after, caps)
	}
}

// What was given up stays given up, on every thread, but for the one call that needs it; and nothing that is started
// gains anything.
func TestConfine(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	err := Confine()
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("built with cgo, where Go sets nothing on all threads; the program is built without")
	}
	if err != nil {
		t.Fatal(err)
	}
	raw := func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	var wg sync.WaitGroup
	for range 8 { // threads of their own
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if err := raw(); !errors.Is(err, unix.EPERM) {
				t.Errorf("a packet socket without asking for it: %v", err)
			}
			if err := With(unix.CAP_NET_RAW, raw); err != nil {
				t.Errorf("a packet socket: %v", err)
			}
			if Permitted(unix.CAP_SYS_ADMIN) {
				t.Error("CAP_SYS_ADMIN is still permitted")
			}
		})
	}
	wg.Wait()
	if status, err := os.ReadFile("/proc/thread-self/status"); err != nil || !strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Errorf("new privileges can be had: %v", err)
	}
	if err := Drop(); err != nil {
		t.Fatal(err)
	}
	if err := With(unix.CAP_NET_RAW, raw); !errors.Is(err, unix.EPERM) {
		t.Errorf("a packet socket after the drop: %v", err)
	}
}

// What is sealed changes no file and starts nothing, on any thread, and reads as before.
func TestSeal(t *testing.T) {
	if !nstest.Enter(t) { // in a process of its own
		return
	}
	err := errors.Join(Drop(), Seal())
	switch {
	case errors.Is(err, unix.ENOTSUP):
		t.Skip("built with cgo, where Go sets nothing on all threads; the program is built without")
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		t.Skip("this kernel has no Landlock")
	case err != nil:
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 { // threads of their own
		wg.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if err := os.WriteFile(filepath.Join(os.TempDir(), "ndwhy-sealed"), nil, 0o600); !errors.Is(err, unix.EACCES) {
				t.Errorf("a file can be made: %v", err)
			}
			if err := os.Remove(self); !errors.Is(err, unix.EACCES) {
				t.Errorf("a file can be removed: %v", err)
			}
			if _, err := os.StartProcess(self, []string{self, "-test.list=none"}, &os.ProcAttr{}); !errors.Is(err, unix.EACCES) {
				t.Errorf("a program can be started: %v", err)
			}
			if _, err := os.ReadFile("/proc/self/status"); err != nil {
				t.Errorf("a file cannot be read: %v", err)
			}
		})
	}
	wg.Wait()
}
