//go:build interop

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The subnet that other people's parts make up here has the addresses of the lab's own: what the
// files in testdata/interop say too.
const (
	subnetOf     = "2001:db8:1f16:8df0::/64"
	assignedOf   = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3"
	nextTo       = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f4"
	instanceLL   = "fe80::4df:a5ff:fe6c:5d57"
	instanceMAC  = "06:df:a5:6c:5d:57"
	peerOf       = "2001:db8:1f16:8df0:d326:143a:2015:79fa"
	peerFresh    = "2001:db8:1f16:8df0:d326:143a:2015:7a01"
	peerLL       = "fe80::4f0:13ff:feeb:c61d"
	peerMAC      = "06:f0:13:eb:c6:1d"
	routerLL     = "fe80::4fd:d1ff:fec8:f9cf"
	routerGlobal = "2001:db8:1f16:8df0::1"
	routerMAC    = "06:fd:d1:c8:f9:cf"
	internetOf   = "3fff:7f8:b001:c09::71"
	routerOut    = "3fff:7f8:b001:c09::1"
)

// What a link of a VPC carries, and what the Internet does (EC2 user guide, "Network MTU").
const vpcMTU, internetMTU = 9001, 1500

// within is how long anything here may take that has to happen: more than any of it takes on a slow
// machine.
const within = 20 * time.Second

// programs are what the suite needs, by the Debian package that has each.
var programs = map[string]string{
	"radvd": "radvd", "dnsmasq": "dnsmasq-base", "dhclient": "isc-dhcp-client", "nft": "nftables",
	"chronyd": "chrony", "ip": "iproute2", "ping": "iputils-ping", "ndisc6": "ndisc6", "rdisc6": "ndisc6", "unshare": "util-linux",
}

// need skips the test where the programs of others are not all there, saying which; with CI=true
// it fails.
func need(t *testing.T) {
	t.Helper()
	// Daemons are where an ordinary user's PATH does not look.
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name+" (package "+programs[name]+")")
		}
	}
	if len(missing) > 0 {
		absent(t, "not installed: "+strings.Join(missing, ", "))
	}
}

func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// A node is a network namespace: one thread stays in it, on which everything in it is started, so
// that what is started dies with the test.
type node struct {
	name  string
	ns    int // of the namespace
	calls chan func()
	nl    *netlink.Handle
}

func newNode(t *testing.T, name string) *node {
	t.Helper()
	n := &node{name: name, calls: make(chan func())}
	made := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine and takes its namespace along.
		runtime.LockOSThread()
		made <- n.enter()
		for f := range n.calls {
			f()
		}
	}()
	must(t, "namespace of "+name, <-made)
	t.Cleanup(func() { close(n.calls); n.nl.Close(); _ = unix.Close(n.ns) })
	return n
}

func (n *node) enter() (err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if n.ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if n.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return err
	}
	lo, err := n.nl.LinkByName("lo")
	if err != nil {
		return err
	}
	return n.nl.LinkSetUp(lo)
}

// in calls f on the thread that is in the namespace.
func (n *node) in(f func()) {
	done := make(chan struct{})
	n.calls <- func() { defer close(done); f() }
	<-done
}

func (n *node) sysctl(t *testing.T, key, value string) {
	t.Helper()
	var err error
	n.in(func() { err = os.WriteFile("/proc/sys/net/ipv6/conf/"+key, []byte(value), 0) })
	must(t, n.name+" "+key, err)
}

func (n *node) link(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := n.nl.LinkByName(name)
	must(t, n.name+" "+name, err)
	return l
}

// address adds an address that needs no duplicate address detection.
func (n *node) address(t *testing.T, link, prefix string) {
	t.Helper()
	a, err := netlink.ParseAddr(prefix)
	must(t, prefix, err)
	a.Flags = unix.IFA_F_NODAD
	must(t, n.name+" "+prefix, n.nl.AddrAdd(n.link(t, link), a))
}

// A process is a program running in a node.
type process struct {
	name           string
	cmd            *exec.Cmd
	ended          chan struct{}
	err            error
	stdout, stderr output
}

// An output collects what a process prints, and is read while it does.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a program in the node until it ends or the test does.
func (n *node) start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(name), cmd: exec.CommandContext(t.Context(), name, args...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	n.in(func() { err = p.cmd.Start() })
	must(t, n.name+" "+name, err)
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("%s on %s: %.4000s%.4000s", p.name, n.name, p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// wait returns the exit code.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		t.Fatalf("%s has not ended after %s: %s", p.name, within, p.stderr.String())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatalf("%s: %v", p.name, p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// run runs a program in the node to its end and returns what it printed and its exit code.
func (n *node) run(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	p := n.start(t, nil, name, args...)
	code := p.wait(t)
	return p.stdout.String() + p.stderr.String(), code
}

// ok runs a program that has to succeed.
func (n *node) ok(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, code := n.run(t, name, args...)
	if code != 0 {
		t.Fatalf("%s: %s %s: exit code %d: %s", n.name, name, strings.Join(args, " "), code, out)
	}
	return out
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// eventually waits until cond holds, looking again and again.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// A subnet is a VPC's subnet of other people's parts: radvd and dnsmasq on a router, a kernel bridge
// whose nftables filter plays the fabric, an instance that got its address through dhclient, a peer,
// and a host beyond the router.
type subnet struct {
	fabric, router, instance, peer, beyond *node
	dir                                    string // of files that belong to the run
	ndwhy                                  string // the program: this test binary by its name
	leases                                 string // what stands for /var/lib/dhcp
	empty                                  string
	client                                 *process
}

// newSubnet builds it and returns when the instance has its address and its default route.
func newSubnet(t *testing.T) *subnet {
	t.Helper()
	s := &subnet{dir: t.TempDir()}
	s.leases, s.empty = filepath.Join(s.dir, "dhcp"), filepath.Join(s.dir, "empty")
	must(t, "leases", os.Mkdir(s.leases, 0o755))
	must(t, "empty", os.Mkdir(s.empty, 0o755))
	exe, err := os.Executable()
	must(t, "ndwhy", err)
	s.ndwhy = filepath.Join(s.dir, "ndwhy")
	must(t, "ndwhy", os.Symlink(exe, s.ndwhy))
	s.fabric, s.router = newNode(t, "fabric"), newNode(t, "router")
	s.instance, s.peer = newNode(t, "instance"), newNode(t, "peer")
	s.beyond = newNode(t, "beyond")

	s.fabric.sysctl(t, "default/disable_ipv6", "1")
	for _, n := range []*node{s.router, s.peer, s.instance, s.beyond} {
		n.sysctl(t, "default/disable_ipv6", "0")
		n.sysctl(t, "default/accept_ra", "1")
		n.sysctl(t, "all/forwarding", "0")
		n.sysctl(t, "default/accept_dad", "0")
	}
	s.router.sysctl(t, "all/forwarding", "1")
	s.instance.sysctl(t, "default/accept_dad", "1")

	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "fabric"}, MulticastSnooping: new(false)}
	must(t, "bridge", s.fabric.nl.LinkAdd(bridge))
	must(t, "bridge", s.fabric.nl.LinkSetUp(bridge))
	s.fabric.ok(t, "nft", "-f", "testdata/interop/switch.nft")
	s.plug(t, s.router, bridge, routerMAC)
	s.plug(t, s.peer, bridge, peerMAC)
	s.peer.address(t, "eth0", peerOf+"/64")
	s.peer.address(t, "eth0", peerFresh+"/64")

	s.router.ok(t, "nft", "-f", "testdata/interop/router.nft")
	s.router.address(t, "eth0", routerGlobal+"/64")
	must(t, "router", s.router.nl.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "eth1", MTU: internetMTU},
		PeerName:  "eth0", PeerMTU: internetMTU, PeerNamespace: netlink.NsFd(s.beyond.ns),
	}))
	must(t, "router", s.router.nl.LinkSetUp(s.router.link(t, "eth1")))
	must(t, "beyond", s.beyond.nl.LinkSetUp(s.beyond.link(t, "eth0")))
	s.router.address(t, "eth1", routerOut+"/64")
	s.beyond.address(t, "eth0", internetOf+"/64")
	s.beyond.ok(t, "ip", "route", "add", "default", "via", routerOut)

	s.router.start(t, nil, "radvd", "-n", "-m", "stderr", "-C", s.copy(t, "radvd.conf", 0o600), "-p", filepath.Join(s.dir, "radvd.pid"))
	s.router.start(t, nil, "dnsmasq", "--no-daemon", "--conf-file=testdata/interop/dnsmasq.conf",
		"--pid-file="+filepath.Join(s.dir, "dnsmasq.pid"), "--dhcp-leasefile="+filepath.Join(s.dir, "dnsmasq.leases"))

	s.plug(t, s.instance, bridge, instanceMAC)
	eventually(t, "the instance's link-local address", func() bool { return s.instance.usable(t, instanceLL) })
	s.lease(t, filepath.Join(s.leases, "dhclient6.leases"))
	eventually(t, "the instance's address from dnsmasq through dhclient", func() bool { return s.instance.usable(t, assignedOf) })
	eventually(t, "the instance's default route from radvd", func() bool { return s.instance.hasDefault(t) })
	return s
}

// plug connects a node to the bridge.
func (s *subnet) plug(t *testing.T, n *node, bridge netlink.Link, mac string) {
	t.Helper()
	addr, err := net.ParseMAC(mac)
	must(t, mac, err)
	must(t, n.name, s.fabric.nl.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: n.name, MTU: vpcMTU, MasterIndex: bridge.Attrs().Index},
		PeerName:  "eth0", PeerMTU: vpcMTU, PeerHardwareAddr: addr, PeerNamespace: netlink.NsFd(n.ns),
	}))
	must(t, n.name, s.fabric.nl.LinkSetUp(s.fabric.link(t, n.name)))
	must(t, n.name, n.nl.LinkSetUp(n.link(t, "eth0")))
}

// services has the metadata, name and time services of a VPC answer at their addresses: the mock,
// dnsmasq and chrony.
func (s *subnet) services(t *testing.T, mock string) {
	t.Helper()
	const imds, dns, ntp = "fd00:ec2::254", "fd00:ec2::253", "fd00:ec2::123"
	for _, a := range []string{imds, dns, ntp} {
		s.beyond.address(t, "eth0", a+"/128")
	}
	s.router.ok(t, "ip", "route", "add", "fd00:ec2::/32", "via", internetOf)
	metadata := s.beyond.start(t, []string{"HOME=" + s.dir}, mock, "-c", "testdata/interop/imds.json",
		"--hostname", "["+imds+"]", "--port", "80")
	s.beyond.start(t, nil, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
		"--bind-interfaces", "--listen-address="+dns, "--pid-file="+filepath.Join(s.dir, "names.pid"))
	s.beyond.start(t, nil, "chronyd", "-d", "-x", "-U", "-u", "root", "local stratum 3", "allow all", "cmdport 0",
		"bindaddress "+ntp, "pidfile "+filepath.Join(s.dir, "chronyd.pid"))
	eventually(t, "the mock listens", func() bool { return s.beyond.listens(t, "["+imds+"]:80", metadata) })
	eventually(t, "dnsmasq and chrony listen", func() bool {
		var sockets []byte
		var err error
		s.beyond.in(func() { sockets, err = os.ReadFile("/proc/thread-self/net/udp6") })
		must(t, "sockets", err)
		return bytes.Contains(sockets, []byte(":0035 ")) && bytes.Contains(sockets, []byte(":007B "))
	})
}

// copy puts a file of testdata/interop where the program that reads it may want it.
func (s *subnet) copy(t *testing.T, name string, mode os.FileMode) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/interop", name))
	must(t, name, err)
	path := filepath.Join(s.dir, name)
	must(t, name, os.WriteFile(path, b, mode))
	return path
}

// lease has dhclient ask for a lease and keep it, and write it down in file. The client that did so
// before ends without a word to the server, as in a crash.
func (s *subnet) lease(t *testing.T, file string) {
	t.Helper()
	if s.client != nil {
		must(t, "dhclient", s.client.cmd.Process.Kill())
		<-s.client.ended
	}
	s.client = s.instance.start(t, nil, "dhclient", "-6", "-d", "-D", "LL",
		"-cf", "testdata/interop/dhclient.conf", "-lf", file, "-pf", filepath.Join(s.dir, "dhclient.pid"),
		"-sf", s.copy(t, "dhclient-script", 0o755), "eth0")
}

func (n *node) usable(t *testing.T, address string) bool {
	t.Helper()
	list, err := n.nl.AddrList(n.link(t, "eth0"), netlink.FAMILY_V6)
	must(t, n.name, err)
	return slices.ContainsFunc(list, func(a netlink.Addr) bool {
		return a.IP.String() == address && a.Flags&unix.IFA_F_TENTATIVE == 0
	})
}

func (n *node) hasDefault(t *testing.T) bool {
	t.Helper()
	list, err := n.nl.RouteList(n.link(t, "eth0"), netlink.FAMILY_V6)
	must(t, n.name, err)
	return slices.ContainsFunc(list, func(r netlink.Route) bool {
		return r.Gw.String() == routerLL && r.Protocol == unix.RTPROT_RA && (r.Dst == nil || r.Dst.IP.IsUnspecified())
	})
}

// dropped returns how many frames each rule of the bridge's filter has dropped.
func (s *subnet) dropped(t *testing.T) map[string]int {
	t.Helper()
	var list struct {
		Nftables []struct {
			Counter struct {
				Name    string
				Packets int
			}
		}
	}
	must(t, "counters", json.Unmarshal([]byte(s.fabric.ok(t, "nft", "-j", "list", "counters", "table", "bridge", "vpc")), &list))
	count := map[string]int{}
	for _, o := range list.Nftables {
		if o.Counter.Name != "" {
			count[o.Counter.Name] = o.Counter.Packets
		}
	}
	return count
}

// settings is what must be the same before and after: addresses, routes, sysctls, groups, and of
// neighbours in use who they are.
func (s *subnet) settings(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	n := s.instance
	links, err := n.nl.LinkList()
	must(t, "links", err)
	for _, l := range links {
		name := l.Attrs().Name
		addrs, err := n.nl.AddrList(l, netlink.FAMILY_V6)
		must(t, name, err)
		for _, a := range addrs {
			all[fmt.Sprintf("address %s on %s", a.IPNet, name)] = fmt.Sprintf("flags %#x", a.Flags)
		}
		neighs, err := n.nl.NeighList(l.Attrs().Index, netlink.FAMILY_V6)
		must(t, name, err)
		for _, e := range neighs {
			if e.State&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY|unix.NUD_PROBE) != 0 {
				all[fmt.Sprintf("neighbour %s on %s", e.IP, name)] = fmt.Sprintf("%s router %t", e.HardwareAddr, e.Flags&unix.NTF_ROUTER != 0)
			}
		}
	}
	// Of every table: a candidate's own route is in the local one.
	routes, err := n.nl.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	must(t, "routes", err)
	for _, r := range routes {
		all[fmt.Sprintf("route %s via %s dev %d table %d type %d metric %d", r.Dst, r.Gw, r.LinkIndex, r.Table, r.Type, r.Priority)] = r.Protocol.String()
	}
	n.in(func() { err = readSettings(all) })
	must(t, "settings", err)
	return all
}

// readSettings adds the sysctls and multicast groups of the present thread's namespace.
func readSettings(all map[string]string) error {
	for _, dir := range []string{"all", "default", "eth0"} {
		dir = "/proc/sys/net/ipv6/conf/" + dir
		files, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, f := range files {
			path := dir + "/" + f.Name()
			if b, err := os.ReadFile(path); err == nil { // stable_secret is not readable while unset
				all[path] = strings.TrimSpace(string(b))
			}
		}
	}
	groups, err := os.ReadFile("/proc/thread-self/net/igmp6")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(groups)) {
		if f := strings.Fields(line); len(f) > 3 {
			all["group "+f[2]+" on "+f[1]] = "joined by " + f[3]
		}
	}
	return nil
}

// program starts ndwhy on the instance, which sees of this machine neither DMI nor its managers nor
// its leases, but dhclient's of the instance where leases is the subnet's directory.
func (s *subnet) program(t *testing.T, leases string, args ...string) *process {
	t.Helper()
	script := `e=$1 l=$2; shift 2
		for d in /sys/class/dmi/id /run/systemd/netif /run/NetworkManager /var/lib/NetworkManager \
			/var/lib/dhcpcd /var/lib/dhcpcd5 /var/db/dhcpcd /var/lib/dhclient; do
			[ ! -d $d ] || mount --bind "$e" $d || exit 99
		done
		mount --bind "$l" /var/lib/dhcp || exit 99
		exec "$@"`
	list := append([]string{"-m", "sh", "-c", script, "sh", s.empty, leases, s.ndwhy}, args...)
	return s.instance.start(t, nil, "unshare", list...)
}

// readReport is what the suite looks at of `ndwhy check --json`.
type seenReport struct {
	Profile  struct{ Name, Confidence string }
	Verdict  string
	Headline string
	Assigned []struct{ Prefix, Source string }
	Address  []struct {
		Address  string
		Assigned *bool
	} `json:"addresses"`
	Routers []struct {
		Address, MAC string
		Flags        []string
		LifetimeS    int `json:"lifetime_s"`
		Prefixes     []struct {
			Prefix     string
			OnLink     bool `json:"on_link"`
			Autonomous bool
		}
	}
	Neighbours struct {
		Asked []struct {
			Address, MAC, State string
			Router              bool
		}
	}
	Paths       []path
	Findings    []finding
	Unexplained []any
	Traffic     struct{ Sent int }
	Evidence    []struct{ ID, What string }
}

type path struct {
	ID, Check, Asks, Source, Target, Via, Outcome, Detail string
	SourceClass                                           string `json:"source_class"`
	TargetClass                                           string `json:"target_class"`
	Normal                                                *bool
	Sent, Received                                        int
	Responders                                            []struct{ Address, MAC string }
	Evidence                                              []string
}

type finding struct {
	Cause, Severity, Confidence, Summary string
	Subject                              struct{ Kind, Value string }
	Explains, Evidence, Remedy           []string
}

func (p path) String() string {
	normal := "unknown"
	if p.Normal != nil {
		normal = fmt.Sprint(*p.Normal)
	}
	return fmt.Sprintf("%s %s %s(%s) > %s(%s) by %s: %s %s, normal %s, %d of %d", p.Check, p.Asks, p.Source,
		p.SourceClass, p.Target, p.TargetClass, p.Via, p.Outcome, p.Detail, normal, p.Received, p.Sent)
}

// common are the flags of every run: both of the peer's addresses of the subnet and its link-local
// one, and the host beyond the router.
var common = []string{
	"check", "--json", "-i", "eth0", "--internet", internetOf,
	"--peer", peerOf, "--peer", peerFresh, "--peer", peerLL,
}

// check runs `ndwhy check --json` on the instance and holds the report and the exit code together;
// what the program changed, and did not put back, fails the test.
func (s *subnet) check(t *testing.T, leases string, args ...string) seenReport {
	t.Helper()
	before := s.settings(t)
	p := s.program(t, leases, append(slices.Clone(common), args...)...)
	r := p.report(t)
	after := s.settings(t)
	for k, was := range before {
		if is, ok := after[k]; !ok || is != was {
			t.Errorf("%s was %q, is %q (there: %t)", k, was, is, ok)
		}
	}
	for k, is := range after {
		// Asking makes entries for the asked.
		if _, ok := before[k]; !ok && !strings.HasPrefix(k, "neighbour ") {
			t.Errorf("%s was not there before: %q", k, is)
		}
	}
	return r
}

// readReport waits for the program's end and reads what it says.
func (p *process) report(t *testing.T) seenReport {
	t.Helper()
	code := p.wait(t)
	var r seenReport
	if err := json.Unmarshal([]byte(p.stdout.String()), &r); err != nil {
		t.Fatalf("exit code %d, %v: %s%s", code, err, p.stdout.String(), p.stderr.String())
	}
	if want := map[string]int{"ok": 0, "warning": 1, "critical": 2, "unknown": 3}[r.Verdict]; code != want {
		t.Errorf("exit code %d with verdict %q", code, r.Verdict)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: %s", r.Verdict, r.Headline)
			for _, p := range r.Paths {
				t.Log(p)
			}
			for _, f := range r.Findings {
				t.Logf("%s [%s, %s] %s: %s", f.Cause, f.Severity, f.Confidence, f.Subject.Value, f.Summary)
			}
			t.Log(p.stderr.String())
		}
	})
	return r
}

// paths returns those of a check that match what is given: "asks", "source", "target", "via" …; an
// empty value matches all.
func (r seenReport) paths(match path) []path {
	var list []path
	fits := func(want, is string) bool { return want == "" || want == is }
	for _, p := range r.Paths {
		if fits(match.Check, p.Check) && fits(match.Asks, p.Asks) && fits(match.Source, p.Source) &&
			fits(match.Target, p.Target) && fits(match.Via, p.Via) && fits(match.SourceClass, p.SourceClass) &&
			fits(match.TargetClass, p.TargetClass) {
			list = append(list, p)
		}
	}
	return list
}

// want fails unless the report has paths that match, each with the outcome and judged normal or not
// as given. "answered!" is an outcome that must be normal, "silent?" one that must not be a fault.
func (r seenReport) want(t *testing.T, outcome string, match path) []path {
	t.Helper()
	list := r.paths(match)
	if len(list) == 0 {
		t.Errorf("no path of %+v", match)
	}
	bare := strings.TrimRight(outcome, "!?")
	for _, p := range list {
		switch {
		case p.Outcome != bare,
			strings.HasSuffix(outcome, "!") && (p.Normal == nil || !*p.Normal),
			strings.HasSuffix(outcome, "?") && p.Normal != nil && !*p.Normal:
			t.Errorf("want %s: %s", outcome, p)
		}
	}
	return list
}

// finding returns the finding of a cause.
func (r seenReport) finding(t *testing.T, cause string) finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Cause == cause {
			return f
		}
	}
	t.Errorf("no finding %s", cause)
	return finding{}
}

func (r seenReport) causes() []string {
	list := []string{}
	for _, f := range r.Findings {
		list = append(list, f.Cause)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// candidates returns the sources that the program tried although nobody assigned them.
func (r seenReport) candidates() []netip.Addr {
	var list []netip.Addr
	for _, p := range r.paths(path{Check: "added", SourceClass: "candidate"}) {
		if a, err := netip.ParseAddr(p.Source); err == nil && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}
