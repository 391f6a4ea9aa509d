// Package nstest runs tests in a network namespace of their own, so that they may make links,
// addresses and rules without touching the machine. The program itself knows no namespaces: a whole
// process enters the new one, by running the test binary again for the one test.
package nstest

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	inside = "NDWHY_NSTEST"
	// denied is what the child prints where the system gives it a namespace without the privilege
	// to use it (AppArmor's restriction of unprivileged user namespaces does).
	denied = "nstest: the new namespace came without CAP_NET_ADMIN"
)

// Run calls f in a child process that has a fresh network namespace: see Enter.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if Enter(t) {
		f(t)
	}
}

// Enter reports whether the process is one that has a fresh network namespace for t, in which it is
// root and lo is up. The first time it is not: then Enter has run t again in a child process where
// it is, and what the child prints and how it ends have become t's, so t must return. t must be a
// top-level test, or a subtest whose parents do nothing before. Where no namespace can be made t is
// skipped, saying why, or fails if CI=true.
func Enter(t *testing.T) bool {
	t.Helper()
	return enter(t, true)
}

// EnterAsRoot is Enter for what only the machine's own root may do, not that of a user namespace. For an
// ordinary user t is skipped, wherever it runs.
func EnterAsRoot(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root of the machine may do this")
	}
	return enter(t, false)
}

func enter(t *testing.T, user bool) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if errors.Is(err, os.ErrPermission) {
			t.Fatal(denied)
		}
		if err != nil {
			t.Fatalf("lo: %v", err)
		}
		return true
	}
	flags := uintptr(syscall.CLONE_NEWNET)
	if user {
		flags |= syscall.CLONE_NEWUSER
	}
	out, err := child(t, flags)
	if user && unavailable(out, err) && os.Geteuid() == 0 {
		out, err = child(t, syscall.CLONE_NEWNET)
	}
	text := strings.TrimSpace(string(out))
	switch {
	case unavailable(out, err):
		if os.Getenv("CI") == "true" {
			t.Fatalf("no network namespace for %s: %v %s", t.Name(), err, text)
		}
		t.Skipf("no network namespace (as an ordinary user, allow user namespaces: sudo sysctl "+
			"kernel.apparmor_restrict_unprivileged_userns=0): %v %s", err, text)
	case err != nil:
		t.Fatalf("in its namespace: %v\n%s", err, text)
	case bytes.Contains(out, []byte("--- SKIP")):
		t.Skip(text)
	case !bytes.Contains(out, []byte("--- PASS: "+t.Name())):
		t.Fatalf("the child did not run %s:\n%s", t.Name(), text)
	default:
		t.Log(text)
	}
	return false
}

func unavailable(out []byte, err error) bool {
	if bytes.Contains(out, []byte(denied)) {
		return true
	}
	var exit *exec.ExitError
	return err != nil && !errors.As(err, &exit)
}

// child runs t's test alone in new namespaces and returns what it printed.
func child(t *testing.T, flags uintptr) ([]byte, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if deadline, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-time.Second))
		defer cancel()
	}
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, exe, "-test.run="+pattern, "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if flags&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// The kernel kills the child when the thread that started it ends, not the process (prctl(2)).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	return out.Bytes(), err
}

// Veth makes a pair of virtual Ethernet interfaces, both up. The second has no IPv6 of its own: it
// is the wire's other end, for a test's own frames.
func Veth(t *testing.T, name, wire string) {
	t.Helper()
	must(t, "veth", netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: wire}))
	Sysctl(t, "ipv6/conf/"+wire+"/disable_ipv6", "1")
	for _, n := range []string{wire, name} {
		must(t, n, netlink.LinkSetUp(Link(t, n)))
	}
}

// Link returns an interface by name.
func Link(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, name, err)
	return l
}

// Address adds an address, given with its prefix length, without duplicate address detection, and
// returns once the kernel uses it. The interface must be up.
func Address(t *testing.T, link, prefix string) {
	t.Helper()
	a, err := netlink.ParseAddr(netip.MustParsePrefix(prefix).String())
	must(t, prefix, err)
	a.Flags = syscall.IFA_F_NODAD
	must(t, prefix, netlink.AddrAdd(Link(t, link), a))
	// The kernel begins to use even such an address from a work queue.
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for range 5000 {
		routes, err := netlink.RouteGet(a.IP)
		if err == nil && len(routes) == 1 && routes[0].Type == syscall.RTN_LOCAL {
			return
		}
		<-poll.C
	}
	t.Fatalf("%s on %s is not used", prefix, link)
}

// Sysctl sets /proc/sys/net/KEY of the namespace.
func Sysctl(t *testing.T, key, value string) {
	t.Helper()
	must(t, key, os.WriteFile("/proc/sys/net/"+key, []byte(value), 0))
}

// Send puts frames on the wire at an interface, as fast as it takes them.
func Send(t *testing.T, link string, frames ...[]byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, "packet socket", err)
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Ifindex: Link(t, link).Attrs().Index}
	for _, frame := range frames {
		must(t, link, unix.Sendto(fd, frame, 0, to))
	}
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
