package kernel

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// connect makes a connection from an address of the host, on which something was said and
// acknowledged.
func connect(t *testing.T, listener net.Listener, from, to string) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	a, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(a, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
}

func TestFlows(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "w0")
	nstest.Address(t, "eth0", "2001:db8::1/64")
	nstest.Address(t, "eth0", "2001:db8::2/64")
	listener, err := net.Listen("tcp", "[::]:22")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	connect(t, listener, "2001:db8::1", "[2001:db8::2]:22")
	connect(t, listener, "2001:db8::2", "[2001:db8::2]:22") // one with oneself tells nothing
	connect(t, listener, "::1", "[::1]:22")
	connect(t, listener, "127.0.0.1", "127.0.0.1:22")

	var ends []string
	local, err := Ends(22)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range local {
		ends = append(ends, a.String())
	}
	slices.Sort(ends)
	// The first is IPv4's, by a socket of IPv6.
	if diff := cmp.Diff([]string{"127.0.0.1", "2001:db8::2", "2001:db8::2", "::1"}, ends); diff != "" {
		t.Errorf("the ends of port 22 (-want +got)\n%s", diff)
	}

	// Nobody answers there, so that it has to be asked again after a second.
	dead := netip.MustParseAddr("2001:db8::dead")
	if err := netlink.NeighSet(&netlink.Neigh{LinkIndex: nstest.Link(t, "eth0").Attrs().Index, IP: dead.AsSlice(), HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}, State: unix.NUD_PERMANENT, Family: unix.AF_INET6}); err != nil {
		t.Fatal(err)
	}
	go func() {
		d := net.Dialer{Timeout: 20 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP("2001:db8::1")}}
		if c, err := d.DialContext(t.Context(), "tcp", netip.AddrPortFrom(dead, 443).String()); err == nil {
			c.Close()
		}
	}()
	var flows diag.Flows
	stuck := func() bool { return len(flows.List) > 0 && flows.List[0].Stuck() }
	for deadline := time.Now().Add(15 * time.Second); !stuck() && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if flows, err = readFlows(); err != nil {
			t.Fatal(err)
		}
	}
	if !stuck() {
		t.Fatalf("no connection is stuck: %+v", flows)
	}
	if f := flows.List[0]; f.Remote != netip.AddrPortFrom(dead, 443) || f.State != diag.FlowSynSent || f.Inbound {
		t.Errorf("stuck is %+v", f)
	}
	var got []string
	for _, f := range flows.List[1:] {
		if f.AckedS > 15 || f.RTTMS <= 0 || f.MTU != 1500 && f.MTU != 65536 {
			t.Errorf("%+v", f)
		}
		got = append(got, fmt.Sprintf("%s %s > %s %v", f.State, f.Local.Addr(), f.Remote.Addr(), f.Inbound))
	}
	slices.Sort(got)
	want := []string{"established 2001:db8::1 > 2001:db8::2 false", "established 2001:db8::2 > 2001:db8::1 true"}
	if diff := cmp.Diff(want, got); diff != "" || flows.Count != 3 || flows.Partial {
		t.Errorf("%d, partial %v (-want +got)\n%s", flows.Count, flows.Partial, diff)
	}
}

// A host with more connections than are looked at says so, and looks at no more.
func TestFlowsAreBounded(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	listener, err := net.Listen("tcp", "[::1]:22")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for range 3 {
		connect(t, listener, "::1", "[::1]:22")
	}
	all, whole, err := sockets(1<<tcpEstablished, 6)
	if err != nil || !whole || len(all) != 6 {
		t.Errorf("%d, whole %v, %v", len(all), whole, err)
	}
	some, whole, err := sockets(1<<tcpEstablished, 5)
	if err != nil || whole || len(some) != 5 {
		t.Errorf("%d, whole %v, %v", len(some), whole, err)
	}
}

func TestTelling(t *testing.T) {
	t.Parallel()
	at := func(local, remote string, acked float64) connection {
		return connection{Flow: diag.Flow{Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote), State: diag.FlowEstablished, AckedS: acked}}
	}
	var list []connection
	for i := range 200 {
		list = append(list, at("[2001:db8::1]:1000", fmt.Sprintf("[2001:db8:1:%x::1]:443", i), float64(i)))
		waits := at("[2001:db8::1]:2000", fmt.Sprintf("[2001:db8:2:%x::1]:443", i), 9)
		waits.Retransmits = i + 1
		list = append(list, waits)
	}
	begun := at("[2001:db8::1]:3000", "[2001:db8:3::1]:443", 0)
	begun.State = diag.FlowSynSent
	list = append(list, begun, at("[2001:db8::1]:1001", "[2001:db8:1::2]:443", 0.5),
		at("[fe80::1]:1", "[fe80::2]:1", 0.1), at("[fe80::1]:1", "[fe80::3]:1", 0.2))
	got := telling(list)
	if len(got) != flowsKept || got[0].Retransmits != 200 || got[stuckKept-1].Retransmits != 185 || got[stuckKept].Stuck() {
		t.Fatalf("%d: %+v", len(got), got)
	}
	var remotes []string
	for _, c := range got[stuckKept : stuckKept+4] {
		remotes = append(remotes, c.Remote.String())
	}
	want := []string{"[2001:db8:1::1]:443", "[fe80::2]:1", "[fe80::3]:1", "[2001:db8:1:1::1]:443"}
	if diff := cmp.Diff(want, remotes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func FuzzParseSocket(f *testing.F) {
	b := make([]byte, inetDiagMsgSize)
	b[0], b[1] = unix.AF_INET6, tcpEstablished
	f.Add(append(b, attr(inetDiagInfo, make([]byte, 232)...)...))
	f.Add(append(b, attr(inetDiagInfo, 1, 2, 3)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, ok := parseSocket(b); ok && (c.Local.Addr().Is4In6() || !c.Local.IsValid()) {
			t.Errorf("%+v", c)
		}
	})
}

func BenchmarkFlows(b *testing.B) {
	for b.Loop() {
		if _, err := readFlows(); err != nil {
			b.Fatal(err)
		}
	}
}
