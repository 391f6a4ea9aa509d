package measure

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"
	"ndwhy/diag/wire"
	"ndwhy/ui/termtest/vt"
)

// A strain is a link with much on it.
type strain struct {
	name  string
	near  func(t *testing.T, other int) // what this host has; other: the process at the other end
	flood string                        // what the other end sends all the time; empty: nothing
}

var strains = []strain{
	{name: "nothing much"},
	{name: "1,000 addresses", near: manyAddresses},
	{name: "5,000 routes", near: manyRoutes},
	{name: "4,096 routers, each a default route and a prefix", near: manyRouters},
	{name: "100,000 neighbours", near: manyNeighbours},
	{name: "all of these", near: manyOfAll},
	{name: "NS", flood: "atk6-flood_solicitate6 wire0 2001:db8::7 2001:db8::7"},
	{name: "NA", flood: "atk6-flood_advertise6 wire0"},
	{name: "redirects", flood: "atk6-flood_redir6 wire0"},
	{name: "MLD", flood: "atk6-flood_mld6 wire0"},
	{name: "RA", flood: "atk6-flood_router26 wire0"},
	{name: "all of these, and RA", near: manyOfAll, flood: "atk6-flood_router26 wire0"},
}

func manyOfAll(t *testing.T, other int) {
	t.Helper()
	for _, have := range []func(*testing.T, int){manyAddresses, manyRoutes, manyRouters, manyNeighbours} {
		have(t, other)
	}
}

func manyAddresses(t *testing.T, _ int) {
	t.Helper()
	nstest.Addresses(t, "eth0", 1000)
}

func manyRoutes(t *testing.T, _ int) {
	t.Helper()
	link := nstest.Link(t, "eth0").Attrs().Index
	for n := range 5000 {
		to := numbered("3fff:0:0:0::", 0)
		to[5], to[6], to[7] = byte(n>>16), byte(n>>8), byte(n)
		r := &netlink.Route{LinkIndex: link, Dst: &net.IPNet{IP: to, Mask: net.CIDRMask(64, 128)}, Gw: net.ParseIP("2001:db8::1")}
		if err := netlink.RouteAdd(r); err != nil {
			t.Fatal(err)
		}
	}
}

func manyNeighbours(t *testing.T, _ int) {
	t.Helper()
	nstest.Neighbours(t, "eth0", changesAtOnce)
}

// manyRouters has this host hear that many of them, once.
func manyRouters(t *testing.T, other int) {
	t.Helper()
	nstest.Sysctl(t, "ipv6/conf/eth0/accept_ra", "2")
	nstest.Sysctl(t, "ipv6/conf/eth0/autoconf", "0")
	fd, at := socketOf(t, other)
	defer unix.Close(fd)
	for n := range 4096 {
		src, _ := netip.AddrFromSlice(numbered("fe80::3:0", n))
		mac := diag.MAC{2, 3, 0, 0, byte(n >> 8), byte(n)}
		prefix := [16]byte{0x3f, 0xfe, 6: byte(n >> 8), 7: byte(n)}
		raw, err := ndp.MarshalMessage(&ndp.RouterAdvertisement{
			CurrentHopLimit: 64, RouterLifetime: 30 * time.Minute, Options: []ndp.Option{
				&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: mac[:]},
				&ndp.PrefixInformation{
					PrefixLength: 64, OnLink: true, ValidLifetime: time.Hour, PreferredLifetime: time.Hour, Prefix: netip.AddrFrom16(prefix),
				},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		p := wire.Packet{Src: src, Dst: diag.AllNodes, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: raw}
		if err := unix.Sendto(fd, p.Frame(diag.MulticastMAC(diag.AllNodes), mac), 0, at); err != nil {
			t.Fatal(err)
		}
		if n%64 == 0 {
			time.Sleep(20 * time.Millisecond) // the kernel takes no more at a time
		}
	}
	routes, err := netlink.RouteListFiltered(unix.AF_INET6, &netlink.Route{}, netlink.RT_FILTER_DST)
	if err != nil || len(routes) < 4000 {
		t.Fatalf("%d default routes: %v", len(routes), err)
	}
}

// socketOf opens a packet socket in the network namespace of a process, on wire0.
func socketOf(t *testing.T, pid int) (fd int, at *unix.SockaddrLinklayer) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with the goroutine
		done <- func() error {
			ns, err := netns.GetFromPid(pid)
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := netns.Set(ns); err != nil {
				return err
			}
			if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
				return err
			}
			link, err := net.InterfaceByName("wire0")
			if err != nil {
				return err
			}
			at = &unix.SockaddrLinklayer{Ifindex: link.Index}
			return nil
		}()
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return fd, at
}

// numbered is an address with a number added.
func numbered(base string, n int) net.IP {
	a := netip.MustParseAddr(base).As16()
	a[14], a[15] = a[14]+byte(n>>8), a[15]+byte(n)
	return a[:]
}

// muchOnTheLink measures every command where there is much on the link, or too much coming.
func muchOnTheLink(t *testing.T, ndwhy string) string {
	t.Helper()
	flags := []string{"-i", "eth0", "--imds", "none", "--internet", "none", "--peer", "2001:db8::1"}
	// No router is there to answer: who waits for one is not done before it is ended.
	waiting := append([]string{ndwhy, "check", "--json"}, flags...)
	flags = append(flags, "--skip", "ra")
	check := append([]string{ndwhy, "check", "--json"}, flags...)
	tab := newTable("on the link", "packets/s", "`check`, s", "peak, MB", "`--timeout 1s` ended after, s", "SIGTERM after 0.5 s: ended after, ms",
		"`watch --json`: peak, MB", "SIGTERM: ended after, ms", "screens: a key is answered after, ms (most of 10)", "peak, MB", "SIGTERM: ended after, ms")
	for _, s := range strains {
		lacks, others := "", "exec sleep 10000"
		if s.flood != "" {
			tool, _, _ := strings.Cut(s.flood, " ")
			lacks, others = missing(tool), "exec "+s.flood+" 2>&1"
		}
		if lacks != "" {
			tab.row(s.name, lacks, "", "", "", "", "", "", "", "", "")
			continue
		}
		t.Run("", func(t *testing.T) { // its end takes the link away
			other := cable(t, "ip addr add 2001:db8::1/64 dev wire0 nodad; echo ready; read go\n"+others)
			if s.near != nil {
				s.near(t, other.pid)
			}
			other.goOn(t)
			rate := arriving(t)
			whole := measured(t, nil, 3, check)[0]
			short := measured(t, nil, 3, append(slices.Clone(waiting), "--timeout", "1s"))[0]
			var stopped []float64
			for range 3 {
				_, ended := stop(t, 500*time.Millisecond, waiting...)
				stopped = append(stopped, ended)
			}
			watched, watchEnded := stop(t, 6*time.Second, append([]string{ndwhy, "watch", "--json"}, "-i", "eth0", "--imds", "none")...)
			key, screen, screenEnded := pressed(t, append([]string{ndwhy}, flags...)...)
			_, seconds := of(whole, wall)
			memory, _ := of(whole, peak)
			_, late := of(short, wall)
			tab.row(s.name, rate, seconds, number(memory), late, fmt.Sprintf("%.0f", slices.Max(stopped)),
				number(watched), fmt.Sprintf("%.0f", watchEnded), fmt.Sprintf("%.0f", key), number(screen), fmt.Sprintf("%.0f", screenEnded))
		})
	}
	return tab.String() + `
Each row is a pair of network namespaces; the floods are those of thc-ipv6, as fast as it sends. The runtime is told to
stay within 40 MiB (` + "`GOMEMLIMIT`" + ` overrides it): beyond that garbage is collected more often.
`
}

// arriving is how many packets a second come in on eth0.
func arriving(t *testing.T) string {
	t.Helper()
	came := func() uint64 { return nstest.Link(t, "eth0").Attrs().Statistics.RxPackets }
	before, start := came(), time.Now()
	time.Sleep(2 * time.Second)
	return fmt.Sprintf("%.0f", float64(came()-before)/time.Since(start).Seconds())
}

// stop ends a command by SIGTERM after a time, and returns its peak of memory in MB and how many milliseconds later it
// had ended.
func stop(t *testing.T, after time.Duration, command ...string) (mb, ms float64) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	start := time.Now()
	_ = cmd.Process.Signal(unix.SIGTERM)
	_ = cmd.Wait()
	took := time.Since(start)
	return sampleOf(cmd.ProcessState, took).Peak, 1000 * took.Seconds()
}

// pressed runs the screens for some seconds, and returns the longest time that a key took to show, the peak of memory
// in MB, and how long after SIGTERM they ended; times in milliseconds.
func pressed(t *testing.T, command ...string) (key, mb, ended float64) {
	t.Helper()
	p := onScreen(t, command...)
	firstFrame(p, "")
	for i := range 10 {
		time.Sleep(500 * time.Millisecond)
		press, shows := "3", "[3 Neigh"
		if i%2 == 1 {
			press, shows = "7", "[7 Check"
		}
		start := time.Now()
		p.Send(press)
		p.WaitFor(shows, func(s *vt.Screen) bool { return strings.Contains(s.String(), shows) })
		key = max(key, 1000*time.Since(start).Seconds())
	}
	mb = float64(usage(t, p).Peak) / 1e6
	start := time.Now()
	p.Signal(unix.SIGTERM)
	p.Exit()
	return key, mb, 1000 * time.Since(start).Seconds()
}
