package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"
	"ndwhy/diag/session"
	"ndwhy/diag/wire"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

var (
	own     = netip.MustParseAddr("2001:db8::1")
	peer    = netip.MustParseAddr("2001:db8::2")
	router  = netip.MustParseAddr("fe80::1")
	peerMAC = diag.MAC{2, 0, 0, 0, 0, 2}
)

// A followed kernel is a Reader at work, its session, and all that it emitted.
type followed struct {
	*session.Session
	*Reader
	t      *testing.T
	events []diag.Event // under the session's lock
}

func follow(t *testing.T, opt Options) *followed {
	t.Helper()
	r, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	f := &followed{Session: session.New(nil), Reader: r, t: t}
	f.Watch(func(e diag.Event) { f.events = append(f.events, e) })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx, f.Session) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Run goes on after its context ended")
		}
	})
	f.until("synced", func(s *diag.State) bool { return s.Complete(diag.FeedNetlink) })
	return f
}

// until waits for the state to satisfy cond.
func (f *followed) until(what string, cond func(*diag.State) bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	if !f.Wait(ctx.Done(), cond) {
		f.Look(func(s *diag.State) {
			f.t.Fatalf("not seen: %s\nlinks %+v\naddresses %+v\nroutes %+v\nneighbours %+v",
				what, s.Links, s.Addresses, s.Routes, s.Neighbours)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// neighbourOf is an entry on eth0.
func neighbourOf(t *testing.T, addr netip.Addr, state int, mac diag.MAC, flags int) *netlink.Neigh {
	t.Helper()
	return &netlink.Neigh{
		LinkIndex: nstest.Link(t, "eth0").Attrs().Index, Family: unix.AF_INET6, State: state, Flags: flags,
		IP: addr.AsSlice(), HardwareAddr: mac[:],
	}
}

// solicit makes the kernel resolve addr: it sends a datagram there.
func solicit(t *testing.T, addr netip.Addr) {
	t.Helper()
	c, err := net.Dial("udp", netip.AddrPortFrom(addr, 9).String())
	must(t, err)
	defer c.Close()
	_, err = c.Write([]byte{0})
	must(t, err)
}

func advertise(t *testing.T, ra *ndp.RouterAdvertisement) {
	t.Helper()
	b, err := ndp.MarshalMessage(ra)
	must(t, err)
	nstest.Send(t, "wire", toAllNodes(router, b))
}

// toAllNodes returns the frame by which the peer sends a message to all nodes.
func toAllNodes(src netip.Addr, message []byte) []byte {
	p := wire.Packet{Src: src, Dst: diag.AllNodes, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: message}
	return p.Frame(diag.MulticastMAC(diag.AllNodes), peerMAC)
}

// TestDump holds the first picture against what another reader finds in the kernel.
func TestDump(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	eth0 := nstest.Link(t, "eth0")
	_, other, _ := net.ParseCIDR("2001:db8:1::/48")
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Dst: other, Gw: peer.AsSlice(), Priority: 7, Protocol: unix.RTPROT_STATIC}))
	_, many, _ := net.ParseCIDR("2001:db8:2::/48")
	third := netip.MustParseAddr("2001:db8::3")
	must(t, netlink.RouteAdd(&netlink.Route{Dst: many, Priority: 8, MultiPath: []*netlink.NexthopInfo{
		{LinkIndex: eth0.Attrs().Index, Gw: peer.AsSlice()}, {LinkIndex: eth0.Attrs().Index, Gw: third.AsSlice()},
	}}))
	_, dead, _ := net.ParseCIDR("2001:db8:3::/48")
	must(t, netlink.RouteAdd(&netlink.Route{Dst: dead, Type: unix.RTN_UNREACHABLE, Table: 1000}))
	rule := netlink.NewRule()
	rule.Family, rule.Priority, rule.Table, rule.Mark, rule.Invert = unix.AF_INET6, 100, 1000, 0x2a, true
	rule.Src, rule.IifName = other, "eth0"
	must(t, netlink.RuleAdd(rule))
	must(t, netlink.NeighAdd(neighbourOf(t, peer, netlink.NUD_PERMANENT, peerMAC, netlink.NTF_ROUTER)))
	must(t, netlink.NeighAdd(neighbourOf(t, third, netlink.NUD_STALE, peerMAC, 0)))
	must(t, netlink.NeighAdd(neighbourOf(t, router, 0, diag.MAC{}, netlink.NTF_PROXY)))

	f := follow(t, Options{})
	addrs, err := netlink.AddrList(eth0, netlink.FAMILY_V6)
	must(t, err)
	want := map[string]string{}
	for _, a := range addrs {
		want[a.IP.String()] = diag.AddrFlags(a.Flags & int(namedFlags)).Names()[0]
	}
	f.Look(func(s *diag.State) {
		got := map[string]string{}
		for _, a := range s.AddressesOn("eth0") {
			got[a.Fact.Address.String()] = a.Fact.Flags.Names()[0]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("addresses (-kernel +state)\n%s", diff)
		}
		l := s.Links["eth0"]
		if l.MAC != diag.MAC(eth0.Attrs().HardwareAddr) || l.MTU != 1500 || !l.Up || !l.Carrier || !l.Ethernet || l.Type != "veth" || l.XDP || l.Index != eth0.Attrs().Index {
			t.Errorf("eth0 is %+v", l)
		}
		if lo := s.Links["lo"]; !lo.Loopback || lo.Ethernet {
			t.Errorf("lo is %+v", lo)
		}
		wantRoutes := []diag.Route{
			{Interface: "eth0", Dst: netip.MustParsePrefix("2001:db8:1::/48"), Via: peer, Metric: 7, Table: 254, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever},
			{Interface: "eth0", Dst: netip.MustParsePrefix("2001:db8:2::/48"), Via: peer, Metric: 8, Table: 254, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
			{Interface: "eth0", Dst: netip.MustParsePrefix("2001:db8:2::/48"), Via: third, Metric: 8, Table: 254, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
			{Interface: "lo", Dst: netip.MustParsePrefix("2001:db8:3::/48"), Metric: 1024, Table: 1000, Protocol: "boot", Type: "unreachable", ExpiresS: diag.Forever},
			{Interface: "eth0", Dst: netip.MustParsePrefix("2001:db8::/64"), Metric: 256, Table: 254, Protocol: "kernel", Type: "unicast", ExpiresS: diag.Forever},
			{Interface: "eth0", Dst: netip.MustParsePrefix("fe80::/64"), Metric: 256, Table: 254, Protocol: "kernel", Type: "unicast", ExpiresS: diag.Forever},
		}
		var routes []diag.Route
		for _, r := range s.Routes.All() {
			routes = append(routes, r.Fact)
		}
		if len(routes) != len(wantRoutes) {
			t.Errorf("%d routes, want %d: %+v", len(routes), len(wantRoutes), routes)
		}
		for _, r := range wantRoutes {
			if !slices.Contains(routes, r) {
				t.Errorf("no route %+v in %+v", r, routes)
			}
		}
		wantRule := diag.PolicyRule{Priority: 100, Src: netip.MustParsePrefix("2001:db8:1::/48"), Interface: "eth0", Mark: 0x2a, Table: 1000, Action: "to_table", Invert: true}
		if !s.Rules[wantRule] || !s.Rules[diag.PolicyRule{Priority: 32766, Table: 254, Action: "to_table"}] || len(s.Rules) != 3 {
			t.Errorf("rules are %+v", s.Rules)
		}
		wantNeighbours := map[netip.Addr]diag.Neighbour{
			peer:  {Interface: "eth0", Address: peer, MAC: peerMAC, State: diag.PermanentNUD, Router: true},
			third: {Interface: "eth0", Address: third, MAC: peerMAC, State: diag.Stale},
		}
		for addr, n := range wantNeighbours {
			got := s.Neighbours.Of(diag.InterfaceAddr{Interface: "eth0", Address: addr}).Fact
			got.ConfirmedS = 0
			if got != n {
				t.Errorf("neighbour %+v, want %+v", got, n)
			}
		}
		if s.Neighbours.Len() != len(wantNeighbours) {
			t.Errorf("neighbours are %+v", s.Neighbours)
		}
		if _, ok := s.Proxies[diag.InterfaceAddr{Interface: "eth0", Address: router}]; !ok || len(s.Proxies) != 1 {
			t.Errorf("proxies are %+v", s.Proxies)
		}
	})
}

// TestChanges follows one of each kind as it comes, changes and goes.
func TestChanges(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	f := follow(t, Options{})
	nstest.Veth(t, "eth0", "wire")
	f.until("eth0 up", func(s *diag.State) bool { return s.Links["eth0"].Carrier })
	addr, err := netlink.ParseAddr(own.String() + "/64")
	must(t, err)
	addr.Flags, addr.ValidLft, addr.PreferedLft = syscall.IFA_F_NODAD, 300, 200
	must(t, netlink.AddrAdd(nstest.Link(t, "eth0"), addr))
	key := diag.InterfaceAddr{Interface: "eth0", Address: own}
	f.until("the address with its lifetimes", func(s *diag.State) bool {
		a := s.Addresses[key].Fact
		return a.PrefixLen == 64 && a.ValidS > 290 && a.ValidS <= 300 && a.PreferredS > 190 && a.PreferredS <= 200 && a.UpdatedS < 1
	})
	addr.ValidLft, addr.PreferedLft = 300, 0
	must(t, netlink.AddrReplace(nstest.Link(t, "eth0"), addr))
	f.until("the address deprecated", func(s *diag.State) bool { return s.Addresses[key].Fact.Flags&diag.Deprecated != 0 })

	entry := diag.InterfaceAddr{Interface: "eth0", Address: peer}
	n := neighbourOf(t, peer, netlink.NUD_PERMANENT, peerMAC, 0)
	must(t, netlink.NeighAdd(n))
	f.until("the neighbour", func(s *diag.State) bool { return s.Neighbours.Of(entry).Fact.MAC == peerMAC })
	must(t, netlink.NeighDel(n))
	f.until("the neighbour gone", func(s *diag.State) bool { _, ok := s.Neighbours.Find(entry); return !ok })

	_, all, _ := net.ParseCIDR("::/0")
	first := netlink.Route{LinkIndex: nstest.Link(t, "eth0").Attrs().Index, Dst: all, Gw: peer.AsSlice(), Priority: 50}
	must(t, netlink.RouteAdd(&first))
	f.until("the default route", func(s *diag.State) bool {
		d := s.DefaultRoutes("eth0")
		return len(d) == 1 && d[0].Fact.Via == peer && d[0].Fact.Metric == 50
	})
	second := first
	second.Gw = router.AsSlice()
	must(t, netlink.RouteReplace(&second))
	f.until("the default route replaced", func(s *diag.State) bool {
		d := s.DefaultRoutes("eth0")
		return len(d) == 1 && d[0].Fact.Via == router
	})
	must(t, netlink.RouteDel(&second))
	f.until("the default route gone", func(s *diag.State) bool { return len(s.DefaultRoutes("eth0")) == 0 })

	// Two rules that differ in nothing that is told of them.
	rule := netlink.NewRule()
	rule.Family, rule.Priority, rule.Table = unix.AF_INET6, 77, 1000
	twin := *rule
	twin.Protocol = unix.RTPROT_STATIC
	told := diag.PolicyRule{Priority: 77, Table: 1000, Action: "to_table"}
	must(t, netlink.RuleAdd(rule))
	must(t, netlink.RuleAdd(&twin))
	f.until("the rule", func(s *diag.State) bool { return s.Rules[told] })
	must(t, netlink.RuleDel(rule))
	must(t, netlink.LinkSetMTU(nstest.Link(t, "eth0"), 1400)) // comes after the rule's end
	f.until("the MTU", func(s *diag.State) bool { return s.Links["eth0"].MTU == 1400 })
	f.Look(func(s *diag.State) {
		if !s.Rules[told] {
			t.Error("the end of one rule took its twin with it")
		}
	})
	must(t, netlink.RuleDel(&twin))
	f.until("the rule gone", func(s *diag.State) bool { return !s.Rules[told] })

	must(t, netlink.LinkSetDown(nstest.Link(t, "eth0")))
	f.until("eth0 down", func(s *diag.State) bool { return !s.Links["eth0"].Up && len(s.AddressesOn("eth0")) == 0 })
}

// TestLinkEnds: what an interface had goes with it, or moves to its new name.
func TestLinkEnds(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	must(t, netlink.NeighAdd(neighbourOf(t, peer, netlink.NUD_PERMANENT, peerMAC, 0)))
	f := follow(t, Options{})
	must(t, netlink.LinkSetName(nstest.Link(t, "eth0"), "ens5"))
	whole := func(s *diag.State, name string) bool {
		_, link := s.Links[name]
		_, addr := s.Addresses[diag.InterfaceAddr{Interface: name, Address: own}]
		_, neigh := s.Neighbours.Find(diag.InterfaceAddr{Interface: name, Address: peer})
		return link && addr && neigh
	}
	f.until("all under the new name", func(s *diag.State) bool {
		_, old := s.Links["eth0"]
		return whole(s, "ens5") && !old
	})
	must(t, netlink.LinkDel(nstest.Link(t, "ens5")))
	f.until("all gone", func(s *diag.State) bool {
		return len(s.Links) == 1 && s.Neighbours.Len() == 0 && len(s.AddressesOn("ens5")) == 0 && s.Routes.Len() == 0
	})
}

// TestAsk: the kernel does not announce that it started to resolve.
func TestAsk(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	f := follow(t, Options{})
	solicit(t, peer)
	asked := time.Now()
	f.Ask("eth0", peer)
	f.Ask("nosuch", peer)
	key := diag.InterfaceAddr{Interface: "eth0", Address: peer}
	f.until("INCOMPLETE", func(s *diag.State) bool { return s.Neighbours.Of(key).Fact.State == diag.Incomplete })
	if took := time.Since(asked); took > 200*time.Millisecond {
		t.Errorf("INCOMPLETE took %v", took)
	}
	f.until("FAILED", func(s *diag.State) bool { return s.Neighbours.Of(key).Fact.State == diag.Failed })
	n, ok, err := Neighbour("eth0", peer)
	if err != nil || !ok || n.State != diag.Failed {
		t.Errorf("Neighbour: %+v %v %v", n, ok, err)
	}
	if n, ok, err := Neighbour("eth0", router); err != nil || ok {
		t.Errorf("Neighbour of nobody: %+v %v %v", n, ok, err)
	}
	if _, _, err := Neighbour("nosuch", router); err == nil {
		t.Error("Neighbour on no interface: no error")
	}
}

// TestAskMany: more questions than are asked one by one are answered by the whole table, and Ask
// from inside a watcher does not lock.
func TestAskMany(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	f := follow(t, Options{})
	solicit(t, peer)
	stop := f.Watch(func(diag.Event) {
		for i := range 1000 {
			a := own.As16()
			binary.BigEndian.PutUint16(a[14:], uint16(i))
			f.Ask("eth0", netip.AddrFrom16(a))
		}
	})
	f.Emit(diag.Tick{})
	f.until("INCOMPLETE", func(s *diag.State) bool {
		return s.Neighbours.Of(diag.InterfaceAddr{Interface: "eth0", Address: peer}).Fact.State == diag.Incomplete
	})
	stop()
}

// TestCounters: without a tap the kernel's count of solicitations stands in for it.
func TestCounters(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	f := follow(t, Options{PollCounters: true, Interfaces: []string{"eth0", "nosuch"}})
	solicit(t, peer)
	began := time.Now()
	f.until("INCOMPLETE", func(s *diag.State) bool {
		return s.Neighbours.Of(diag.InterfaceAddr{Interface: "eth0", Address: peer}).Fact.State == diag.Incomplete
	})
	if took := time.Since(began); took > time.Second {
		t.Errorf("INCOMPLETE took %v", took)
	}
}

// TestBurst makes 100,000 changes at once: each is emitted, or a loss is and a resync.
func TestBurst(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	f := follow(t, Options{})
	const entries, rounds = 5000, 20
	index := nstest.Link(t, "eth0").Attrs().Index
	s, err := dial()
	must(t, err)
	defer s.close()
	addr := func(i int) netip.Addr {
		a := own.As16()
		binary.BigEndian.PutUint32(a[12:], uint32(i))
		return netip.AddrFrom16(a)
	}
	for round := range rounds {
		for i := range entries {
			must(t, netlinkNeighbour(s, index, addr(i), diag.MAC{2, 0, 0, 0, byte(round), byte(i)}))
		}
	}
	want := map[netip.Addr]diag.MAC{}
	list, err := netlink.NeighList(index, netlink.FAMILY_V6)
	must(t, err)
	for _, n := range list {
		if ip, ok := netip.AddrFromSlice(n.IP); ok && !ip.IsMulticast() {
			want[ip] = diag.MAC(n.HardwareAddr)
		}
	}
	if len(want) != entries {
		t.Fatalf("the kernel has %d entries, want %d", len(want), entries)
	}
	f.until("the kernel's table", func(s *diag.State) bool {
		if s.Neighbours.Len() != len(want) || !s.Complete(diag.FeedNetlink) {
			return false
		}
		return s.Neighbours.Of(diag.InterfaceAddr{Interface: "eth0", Address: addr(entries - 1)}).Fact.MAC == want[addr(entries-1)]
	})
	f.Look(func(s *diag.State) {
		for a, mac := range want {
			if got := s.Neighbours.Of(diag.InterfaceAddr{Interface: "eth0", Address: a}).Fact.MAC; got != mac {
				t.Fatalf("%s is at %s, the kernel has %s", a, got, mac)
			}
		}
		changes, losses := 0, 0
		for _, e := range f.events {
			switch b := e.Body.(type) {
			case diag.Neighbour:
				changes++
			case diag.Feed:
				if b.State == diag.Lost {
					losses++
				}
			}
		}
		t.Logf("%d changes emitted, %d losses", changes, losses)
		if changes != entries*rounds && losses == 0 {
			t.Errorf("%d of %d changes emitted, and no loss", changes, entries*rounds)
		}
	})
}

// TestLoss overflows the subscription while the sink stands still, as a blocked screen would make it.
func TestLoss(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	f := follow(t, Options{})
	f.mu.Lock()
	must(t, f.follow.raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	}))
	f.mu.Unlock()
	index := nstest.Link(t, "eth0").Attrs().Index
	s, err := dial()
	must(t, err)
	defer s.close()
	must(t, netlink.NeighAdd(neighbourOf(t, router, netlink.NUD_PERMANENT, peerMAC, 0)))
	key := diag.InterfaceAddr{Interface: "eth0", Address: router}
	f.until("the entry to be deleted", func(s *diag.State) bool { _, ok := s.Neighbours.Find(key); return ok })
	f.Look(func(*diag.State) { // holds the sink
		for i := range 200 {
			must(t, netlinkNeighbour(s, index, peer, diag.MAC{2, 0, 0, 0, 0, byte(i)}))
		}
		must(t, netlink.NeighDel(neighbourOf(t, router, netlink.NUD_PERMANENT, peerMAC, 0)))
	})
	lost := func() (lost, again bool) {
		for _, e := range f.events {
			if b, ok := e.Body.(diag.Feed); ok {
				again = lost && b.State == diag.Synced
				lost = lost || b.State == diag.Lost && b.Why != ""
			}
		}
		return lost, again
	}
	f.until("the loss, then the table again", func(s *diag.State) bool {
		_, again := lost()
		_, there := s.Neighbours.Find(key)
		return again && !there && s.Neighbours.Of(diag.InterfaceAddr{Interface: "eth0", Address: peer}).Fact.MAC == diag.MAC{2, 0, 0, 0, 0, 199}
	})
}

// netlinkNeighbour sets a permanent entry without waiting for an acknowledgement.
func netlinkNeighbour(s *socket, index int, addr netip.Addr, mac diag.MAC) error {
	b := ndmsg(index, false)
	native.PutUint16(b[8:], unix.NUD_PERMANENT)
	msg := make([]byte, unix.SizeofNlMsghdr, 64)
	native.PutUint16(msg[4:], unix.RTM_NEWNEIGH)
	native.PutUint16(msg[6:], unix.NLM_F_REQUEST|unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	msg = append(msg, b...)
	attr := func(typ uint16, v []byte) {
		msg = append(append(msg, nl.Uint16Attr(uint16(4+len(v)))...), nl.Uint16Attr(typ)...)
		msg = append(msg, v...)
	}
	attr(unix.NDA_DST, addr.AsSlice())
	attr(unix.NDA_LLADDR, append(mac[:], 0, 0)[:6])
	msg = append(msg, 0, 0)
	native.PutUint32(msg, uint32(len(msg)))
	var failed error
	err := s.raw.Write(func(fd uintptr) bool {
		failed = unix.Sendto(int(fd), msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(failed, unix.EAGAIN)
	})
	if failed != nil {
		return failed
	}
	return err
}

// TestDuplicate: an address with a lifetime that fails its check is deleted at once, and only the
// deletion says why.
func TestDuplicate(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Sysctl(t, "ipv6/conf/eth0/accept_dad", "1")
	f := follow(t, Options{})
	addr, err := netlink.ParseAddr(own.String() + "/128")
	must(t, err)
	addr.ValidLft, addr.PreferedLft = 20, 0
	must(t, netlink.AddrAdd(nstest.Link(t, "eth0"), addr))
	key := diag.InterfaceAddr{Interface: "eth0", Address: own}
	f.until("tentative", func(s *diag.State) bool { return s.Addresses[key].Fact.Flags&diag.Tentative != 0 })
	na, err := ndp.MarshalMessage(&ndp.NeighborAdvertisement{
		Override: true, TargetAddress: own,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: peerMAC[:]}},
	})
	must(t, err)
	frame := toAllNodes(own, na)
	failed := func(s *diag.State) bool {
		_, there := s.Addresses[key]
		_, failed := s.DADFailures[key]
		return !there && failed
	}
	// The kernel waits up to a second before it starts to check, and hears nothing until then.
	for range 100 {
		nstest.Send(t, "wire", frame)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		gone := f.Wait(ctx.Done(), failed)
		cancel()
		if gone {
			return
		}
	}
	f.until("gone, as failed", failed)
}

// TestAdvertised: what an advertisement made says so, when it ends, and, though the kernel does not
// announce it, when that moved.
func TestAdvertised(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Sysctl(t, "ipv6/conf/eth0/accept_ra", "2")
	f := follow(t, Options{})
	ra := &ndp.RouterAdvertisement{RouterLifetime: 600 * time.Second, Options: []ndp.Option{
		&ndp.PrefixInformation{
			PrefixLength: 64, OnLink: true, AutonomousAddressConfiguration: true, Prefix: netip.MustParseAddr("2001:db8:5::"),
			ValidLifetime: 900 * time.Second, PreferredLifetime: 800 * time.Second,
		},
		&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: peerMAC[:]},
	}}
	f.until("the link-local address", func(s *diag.State) bool {
		return slices.ContainsFunc(s.AddressesOn("eth0"), func(a diag.At[diag.Address]) bool { return a.Fact.Flags&diag.Tentative == 0 })
	})
	advertise(t, ra)
	f.until("the advertised route", func(s *diag.State) bool {
		d := s.DefaultRoutes("eth0")
		return len(d) == 1 && d[0].Fact.Via == router && d[0].Fact.Protocol == "ra" && d[0].Fact.ExpiresS >= 590 && d[0].Fact.ExpiresS <= 600
	})
	f.until("the advertised address", func(s *diag.State) bool {
		for _, a := range s.AddressesOn("eth0") {
			if netip.MustParsePrefix("2001:db8:5::/64").Contains(a.Fact.Address) {
				return a.Fact.ValidS > 880 && a.Fact.ValidS <= 900 && (a.Fact.Origin == "kernel_ra" || !hasOrigin(t))
			}
		}
		return false
	})
	f.until("the router", func(s *diag.State) bool {
		n := s.Neighbours.Of(diag.InterfaceAddr{Interface: "eth0", Address: router}).Fact
		return n.Router && n.MAC == peerMAC && n.State == diag.Stale
	})
	ra.RouterLifetime = 1800 * time.Second
	advertise(t, ra)
	f.until("the renewed expiry", func(s *diag.State) bool {
		d := s.DefaultRoutes("eth0")
		return len(d) == 1 && d[0].Fact.ExpiresS >= 1790
	})
	ra.RouterLifetime = 0
	advertise(t, ra)
	f.until("no default route", func(s *diag.State) bool { return len(s.DefaultRoutes("eth0")) == 0 })
}

// An advertisement renews a route without a word of the kernel's, also one that had run out: who heard it asks.
func TestRenewed(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Sysctl(t, "ipv6/conf/eth0/accept_ra", "2")
	f := follow(t, Options{})
	f.until("the link-local address", func(s *diag.State) bool {
		return slices.ContainsFunc(s.AddressesOn("eth0"), func(a diag.At[diag.Address]) bool { return a.Fact.Flags&diag.Tentative == 0 })
	})
	lifetime := func(d time.Duration) {
		advertise(t, &ndp.RouterAdvertisement{RouterLifetime: d, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: peerMAC[:]}}})
	}
	lifetime(time.Second)
	f.until("a route", func(s *diag.State) bool { return len(s.DefaultRoutes("eth0")) == 1 })
	<-time.After(1100 * time.Millisecond) // it runs out, and nobody says so
	for _, seconds := range []int64{600, 1200, 1800, 2400} {
		lifetime(time.Duration(seconds) * time.Second)
		asked := time.Now()
		f.AskRoutes()
		f.until("what renewed it", func(s *diag.State) bool {
			d := s.DefaultRoutes("eth0")
			return len(d) == 1 && d[0].Fact.ExpiresS >= seconds-2 && d[0].Fact.ExpiresS <= seconds
		})
		if took := time.Since(asked); took > refreshEvery/4 {
			t.Errorf("%d s are known after %v", seconds, took)
		}
	}
}

// hasOrigin reports whether the kernel knows IFA_PROTO (Linux 5.18).
func hasOrigin(t *testing.T) bool {
	t.Helper()
	var u unix.Utsname
	must(t, unix.Uname(&u))
	var major, minor int
	_, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor)
	must(t, err)
	return major > 5 || major == 5 && minor >= 18
}

func TestRoute(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	eth0 := nstest.Link(t, "eth0").Attrs().Index
	_, via, _ := net.ParseCIDR("2001:db8:1::/48")
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: eth0, Dst: via, Gw: peer.AsSlice(), MTU: 1400, Hoplimit: 32}))
	_, not, _ := net.ParseCIDR("2001:db8:2::/48")
	must(t, netlink.RouteAdd(&netlink.Route{Dst: not, Type: unix.RTN_PROHIBIT}))
	_, elsewhere, _ := net.ParseCIDR("2001:db8:3::/48")
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: eth0, Dst: elsewhere, Gw: peer.AsSlice(), Table: 1000, Priority: 77, Src: own.AsSlice(), Protocol: unix.RTPROT_STATIC}))
	rule := netlink.NewRule()
	rule.Family, rule.Table, rule.Priority = unix.AF_INET6, 1000, 500
	must(t, netlink.RuleAdd(rule))
	other := netip.MustParseAddr("2001:db8:3::5")
	beyond, refused, nowhere := netip.MustParseAddr("2001:db8:1::5"), netip.MustParseAddr("2001:db8:2::5"), netip.MustParseAddr("2001:db8:9::5")
	for _, tt := range []struct {
		dst, from netip.Addr
		oif       string
		want      diag.Selection
	}{
		{dst: peer, want: diag.Selection{Dst: peer, Source: own, Interface: "eth0", Table: diag.MainTable, Metric: 256, Protocol: "kernel", Type: "unicast"}},
		{dst: other, want: diag.Selection{Dst: other, Source: own, Interface: "eth0", Via: peer, Table: 1000, Metric: 77, Protocol: "static", Type: "unicast"}},
		{dst: beyond, want: diag.Selection{Dst: beyond, Source: own, Interface: "eth0", Via: peer, MTU: 1400, HopLimit: 32, Table: diag.MainTable, Metric: 1024, Protocol: "boot", Type: "unicast"}},
		{dst: beyond, from: own, oif: "eth0", want: diag.Selection{Dst: beyond, From: own, Bound: "eth0", Source: own, Interface: "eth0", Via: peer, MTU: 1400, HopLimit: 32, Table: diag.MainTable, Metric: 1024, Protocol: "boot", Type: "unicast"}},
		{dst: refused, want: diag.Selection{Dst: refused, Errno: "EACCES"}},
		{dst: nowhere, want: diag.Selection{Dst: nowhere, Errno: "ENETUNREACH"}},
		{dst: peer, oif: "nosuch", want: diag.Selection{Dst: peer, Bound: "nosuch", Errno: "ENODEV"}},
		{dst: own, want: diag.Selection{Dst: own, Source: own, Interface: "lo", Table: unix.RT_TABLE_LOCAL, Protocol: "kernel", Type: "local"}},
	} {
		got := Route(tt.dst, tt.from, tt.oif)
		if !tt.from.IsValid() && got.From.IsValid() || got != tt.want {
			t.Errorf("Route(%s, %s, %q)\n got %+v\nwant %+v", tt.dst, tt.from, tt.oif, got, tt.want)
		}
	}
	_, all6, _ := net.ParseCIDR("::/0")
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: eth0, Dst: all6, Gw: peer.AsSlice()}))
	v, err := Look(t.Context())
	must(t, err)
	if v.Default4 != "" || len(v.Links) != 3 || !slices.ContainsFunc(v.Routes, func(r diag.Route) bool { return r.Via == peer && r.Dst.Bits() == 0 && r.Interface == "eth0" }) {
		t.Errorf("Look: %+v", v)
	}
	_, all4, _ := net.ParseCIDR("0.0.0.0/0")
	must(t, netlink.AddrAdd(nstest.Link(t, "eth0"), &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}}))
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: eth0, Dst: all4, Gw: net.IPv4(192, 0, 2, 2)}))
	if v, err = Look(t.Context()); err != nil || v.Default4 != "eth0" {
		t.Errorf("Look with an IPv4 default route: %+v %v", v, err)
	}
}

func TestClosed(t *testing.T) {
	r, err := Open(Options{})
	must(t, err)
	r.Close()
	if err := r.Run(t.Context(), session.New(nil)); err == nil {
		t.Error("a closed Reader runs")
	}
}
