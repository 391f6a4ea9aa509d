package measure

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag/kernel/nstest"
)

// ndpVersion is the one of go.mod, whose command is built apart from it.
const ndpVersion = "v1.1.0"

// ndpCommand builds the command ndp, or says why there is none.
func ndpCommand(t *testing.T) (path, lacks string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "install", "github.com/mdlayher/ndp/cmd/ndp@"+ndpVersion)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%v\n%s", err, out)
		return "", "not measured: its module cannot be had here"
	}
	return filepath.Join(dir, "ndp"), ""
}

// A far end is a shell in a namespace of its own.
type farEnd struct {
	pid int
	in  io.Writer
}

// goOn lets the far end's script go on that waits in "read go".
func (f farEnd) goOn(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(f.in, "go\n"); err != nil {
		t.Fatal(err)
	}
}

// cable makes eth0, with 2001:db8::7/64, whose other end is wire0 in a namespace of its own. There a shell runs the
// script, which is to say "ready" and go on until it is killed.
func cable(t *testing.T, script string) farEnd {
	t.Helper()
	nstest.Veth(t, "eth0", "wire0")
	// The kernel kills the shell when the thread that started it ends, not the process (prctl(2)).
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	other := exec.Command("sh", "-c", "read go; ip link set lo up; sysctl -qw net.ipv6.conf.wire0.disable_ipv6=0; ip link set wire0 up\n"+script)
	other.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	other.Stderr = os.Stderr
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-other.Process.Pid, syscall.SIGKILL)
		_ = other.Wait()
		_ = netlink.LinkDel(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}})
	})
	if err := netlink.LinkSetNsPid(nstest.Link(t, "wire0"), other.Process.Pid); err != nil {
		t.Fatal(err)
	}
	far := farEnd{other.Process.Pid, in}
	far.goOn(t)
	said := bufio.NewScanner(out)
	for said.Text() != "ready" {
		if !said.Scan() {
			t.Fatal("the other end did not come up")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	nstest.Address(t, "eth0", "2001:db8::7/64")
	return far
}

// manyPeers asks a thousand neighbours, all of them there.
func manyPeers(t *testing.T, ndwhy string) string {
	t.Helper()
	cable(t, `for n in $(seq 1000); do printf 'addr add 2001:db8::1:%x/64 dev wire0 nodad\n' $n; done | ip -6 -batch -
echo ready; exec sleep 1000`)
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: nstest.Link(t, "eth0").Attrs().Index, Gw: net.ParseIP("2001:db8::1:1")}); err != nil {
		t.Fatal(err)
	}
	ours := []string{ndwhy, "check", "peer-nd", "peer-echo", "--json", "--internet", "none", "--imds", "none", "--timeout", "60s", "--count", "1"}
	var list strings.Builder
	for n := range 1000 {
		peer := fmt.Sprintf("2001:db8::1:%x", n+1)
		ours = append(ours, "--peer", peer)
		list.WriteString(peer + "\n")
	}
	file := filepath.Join(t.TempDir(), "peers")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	commands, lacks := [][]string{ours}, missing("fping")
	if lacks == "" {
		commands = append(commands, []string{"fping", "-6", "-q", "-c1", "-i", "20", "-f", file})
	}
	took := make([][]sample, len(commands))
	for range 3 {
		for i, command := range commands {
			if out, err := exec.Command("ip", "-6", "neigh", "flush", "dev", "eth0").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			took[i] = append(took[i], measured(t, nil, 1, command)[0]...)
		}
	}
	tab := newTable("1,000 peers, all there", "s", "CPU, s", "peak, MB")
	w, spread := of(took[0], wall)
	c, _ := of(took[0], cpu)
	p, _ := of(took[0], peak)
	if took[0][0].Code != 0 {
		t.Errorf("check: exit %d", took[0][0].Code)
	}
	tab.row("`ndwhy check peer-nd peer-echo --peer A …`: neighbour discovery and echo, at most 100 packets a second", spread, number(c), number(p))
	if lacks != "" {
		tab.row("`fping -6 -q -c1 -i 20`", lacks, "", "")
		return tab.String()
	}
	other, spread := of(took[1], wall)
	c, _ = of(took[1], cpu)
	p, _ = of(took[1], peak)
	tab.row("`fping -6 -q -c1 -i 20`: echo, at the same peers a second", spread, number(c), number(p))
	tab.row("ratio", fmt.Sprintf("%.2f", w/other), "", "")
	return tab.String() + `
A peer is sent two packets, a solicitation and an echo request: at 100 packets a second, which is the most that ndwhy sends
on the average, 1,000 peers take 20 s. fping is told to send 50 a second. The neighbour cache is
emptied before each run: whom it has ndwhy asks by the kernel too, which makes three packets.
`
}

// setNeighbour gives neighbour n a MAC address. A permanent entry does not count against the kernel's limits
// (net/core/neighbour.c, neigh_alloc), which all namespaces share.
func setNeighbour(t *testing.T, link, n int, mac byte) {
	t.Helper()
	addr := netip.MustParseAddr("2001:db8::1:0:0").As16()
	addr[13], addr[14], addr[15] = byte(n>>16), byte(n>>8), byte(n)
	err := netlink.NeighSet(&netlink.Neigh{
		LinkIndex: link, Family: unix.AF_INET6, State: netlink.NUD_PERMANENT, IP: addr[:],
		HardwareAddr: net.HardwareAddr{2, 0, mac, byte(n >> 16), byte(n >> 8), byte(n)},
	})
	if err != nil {
		t.Fatalf("neighbour %d: %v", n, err)
	}
}
