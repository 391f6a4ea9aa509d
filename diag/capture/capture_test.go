package capture

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/kernel"
	"ndwhy/diag/kernel/nstest"
	"ndwhy/diag/session"
	"ndwhy/diag/wire"

	"github.com/google/nftables"
	"github.com/mdlayher/ndp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	own  = netip.MustParseAddr("2001:db8::1")
	peer = netip.MustParseAddr("2001:db8::2")
)

// A tapped network is a tap at work on eth0, and all that it emitted.
type tapped struct {
	*session.Session
	tap    *Tap
	t      *testing.T
	events []diag.Event // under the session's lock
}

func open(t *testing.T) *tapped {
	t.Helper()
	tap, err := Open([]string{"eth0"})
	must(t, err)
	s := &tapped{Session: session.New(nil), tap: tap, t: t}
	s.Watch(func(e diag.Event) { s.events = append(s.events, e) })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- tap.Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			must(t, err)
		case <-time.After(5 * time.Second):
			t.Error("Run goes on after its context ended")
		}
	})
	return s
}

// until waits for an event that cond holds of, and returns it.
func (s *tapped) until(what string, cond func(diag.Event) bool) (found diag.Event) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	seen := 0
	ok := s.Wait(ctx.Done(), func(*diag.State) bool {
		for ; seen < len(s.events); seen++ {
			if cond(s.events[seen]) {
				found = s.events[seen]
				return true
			}
		}
		return false
	})
	if !ok {
		s.t.Fatalf("not seen: %s, in %+v", what, s.events)
	}
	return found
}

func (s *tapped) frame(what string, cond func(diag.Frame) bool) (diag.Event, diag.Frame) {
	s.t.Helper()
	e := s.until(what, func(e diag.Event) bool {
		f, ok := e.Body.(diag.Frame)
		return ok && cond(f)
	})
	return e, e.Body.(diag.Frame)
}

func (s *tapped) complete(want bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	if !s.Wait(ctx.Done(), func(st *diag.State) bool {
		_, said := st.Feeds[diag.FeedFrames]
		return said && st.Complete(diag.FeedFrames) == want
	}) {
		s.t.Fatalf("the feed does not become complete=%v: %+v", want, s.events)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// solicit makes the kernel resolve peer: it sends a datagram there.
func solicit(t *testing.T) {
	t.Helper()
	c, err := net.Dial("udp", netip.AddrPortFrom(peer, 9).String())
	must(t, err)
	defer c.Close()
	_, err = c.Write([]byte{0})
	must(t, err)
}

// answer puts peer's advertisement on the wire.
func answer(t *testing.T) {
	t.Helper()
	b, err := ndp.MarshalMessage(&ndp.NeighborAdvertisement{
		Solicited: true, Override: true, TargetAddress: peer,
		Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: theirMAC[:]}},
	})
	must(t, err)
	mac := diag.MAC(nstest.Link(t, "eth0").Attrs().HardwareAddr)
	packet := wire.Packet{Src: peer, Dst: own, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: b}
	nstest.Send(t, "wire", packet.Frame(mac, theirMAC))
}

// becomes waits for the kernel's entry for peer to leave INCOMPLETE for a state.
func becomes(t *testing.T, want diag.NUD) {
	t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for range 1000 {
		n, ok, err := kernel.Neighbour("eth0", peer)
		must(t, err)
		if ok && n.State == want {
			return
		}
		if n.State != diag.Incomplete {
			t.Fatalf("the kernel has %+v, want %s", n, want)
		}
		<-poll.C
	}
	t.Fatalf("the kernel's entry does not become %s", want)
}

func isNA(f diag.Frame) bool { return !f.Out && f.Type == diag.NA && f.Target == peer && f.Bad == "" }

// TestBothWays: the kernel's own solicitation leaves, and the answer arrives, each at its time.
func TestBothWays(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	s := open(t)
	s.complete(true)
	before := time.Now()
	solicit(t)
	asked, ns := s.frame("the solicitation", func(f diag.Frame) bool { return f.Out && f.Type == diag.NS && f.Target == peer })
	if ns.Bad != "" || ns.Src != own || ns.Dst != diag.SolicitedNode(peer) || ns.SrcMAC != diag.MAC(nstest.Link(t, "eth0").Attrs().HardwareAddr) {
		t.Errorf("solicitation %+v", ns)
	}
	answer(t)
	answered, na := s.frame("the answer", isNA)
	if na.LLAddr != theirMAC || !na.Solicited {
		t.Errorf("answer %+v", na)
	}
	for _, order := range [][2]time.Time{{before, asked.At}, {asked.At, answered.At}, {answered.At, time.Now()}} {
		if order[1].Before(order[0]) {
			t.Errorf("%v comes after %v", order[0], order[1])
		}
	}
	becomes(t, diag.Reachable) // the kernel gets the answer after the tap

	// A datagram's checksum is left to the hardware, which a veth does not have.
	c, err := net.Dial("udp", "[ff02::1:2%eth0]:547")
	must(t, err)
	defer c.Close()
	_, err = c.Write([]byte{1, 7, 7, 7})
	must(t, err)
	if _, f := s.frame("DHCPv6", func(f diag.Frame) bool { return f.Type == diag.DHCPv6Frame }); f.Bad != "" || f.DHCPv6.Message != "solicit" {
		t.Errorf("a datagram of this host: %+v", f)
	} else if again, _ := Decode("eth0", true, f.Raw, false); again.Bad == "" {
		t.Error("the datagram's checksum is finished: this test shows nothing")
	}
}

// TestCollect: what was seen is in the stream after Collect, though nobody had the time to read it.
func TestCollect(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	tap, err := Open([]string{"eth0"})
	must(t, err)
	defer tap.Close()
	s := session.New(nil)
	seen := 0
	s.Watch(func(e diag.Event) {
		if f, ok := e.Body.(diag.Frame); ok && f.Out && f.Type == diag.NS && f.Target == peer {
			seen++
		}
	})
	tap.Collect() // it may be asked before Run has begun
	tap.sink, tap.said = s, true
	solicit(t)
	tap.Collect()
	if seen != 1 {
		t.Errorf("%d solicitations, want the one that left", seen)
	}
}

// TestFirewall: what this host's firewall drops on the way in is seen all the same.
func TestFirewall(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	nft, err := nftables.New()
	must(t, err)
	table := nft.AddTable(&nftables.Table{Family: nftables.TableFamilyNetdev, Name: "t"})
	drop := nftables.ChainPolicyDrop
	nft.AddChain(&nftables.Chain{
		Name: "in", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookIngress,
		Priority: nftables.ChainPriorityFilter, Policy: &drop, Device: "eth0",
	})
	if err := nft.Flush(); err != nil {
		t.Skipf("this kernel has no nftables netdev ingress chain: %v", err)
	}
	s := open(t)
	solicit(t)
	s.frame("the solicitation", func(f diag.Frame) bool { return f.Out && f.Type == diag.NS })
	answer(t)
	s.frame("the answer", isNA)
	becomes(t, diag.Failed) // the kernel never gets it
}

// TestInterfaceEnds: an interface that goes down, or away, is a gap, until it is back.
func TestInterfaceEnds(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	s := open(t)
	s.complete(true)
	must(t, netlink.LinkSetDown(nstest.Link(t, "eth0")))
	s.complete(false)
	must(t, netlink.LinkSetUp(nstest.Link(t, "eth0")))
	s.complete(true)
	must(t, netlink.LinkDel(nstest.Link(t, "eth0")))
	s.complete(false)
	s.until("why", func(e diag.Event) bool {
		f, ok := e.Body.(diag.Feed)
		return ok && f.State == diag.Lost && strings.Contains(f.Why, "eth0 is gone")
	})
	nstest.Veth(t, "eth0", "wire")
	s.complete(true)
	nstest.Address(t, "eth0", own.String()+"/64")
	answer(t)
	s.frame("an answer on the new interface", isNA)
}

// TestDrops: frames that nobody had room for are a gap.
func TestDrops(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	s := open(t)
	s.complete(true)
	must(t, s.tap.taps[0].raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	}))
	s.Look(func(*diag.State) { // holds the sink
		for range 200 {
			answer(t)
		}
	})
	s.until("how many", func(e diag.Event) bool {
		f, ok := e.Body.(diag.Feed)
		return ok && f.State == diag.Lost && strings.Contains(f.Why, "frames came faster")
	})
	s.complete(true)
}

// TestSegments: the beginning and the end of a connection are seen, and not what it carries; more of
// them than can be looked at are left alone, and that is said.
func TestSegments(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	eth0 := nstest.Link(t, "eth0").Attrs()
	must(t, netlink.NeighSet(&netlink.Neigh{LinkIndex: eth0.Index, IP: peer.AsSlice(), HardwareAddr: theirMAC[:], State: unix.NUD_PERMANENT, Family: unix.AF_INET6}))
	s := open(t)
	s.complete(true)
	refused := make(chan error)
	go func() {
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(peer, 443).String(), 10*time.Second)
		if err == nil {
			c.Close()
		}
		refused <- err
	}()
	_, syn := s.frame("our SYN", func(f diag.Frame) bool { return f.Out && f.Type == diag.TCPSyn })
	if syn.Src != own || syn.Dst != peer || syn.DstPort != 443 || syn.Bad != "" || len(syn.Raw) != 14+syn.Size {
		t.Errorf("SYN %+v", syn)
	}
	from := func(port, to uint16, flags byte, ack []byte) []byte {
		return segment(diag.MAC(eth0.HardwareAddr), netip.AddrPortFrom(peer, port), netip.AddrPortFrom(own, to), flags, ack)
	}
	nstest.Send(t, "wire", from(443, syn.SrcPort, 0x14, syn.Raw[58:62]))
	s.frame("their RST", func(f diag.Frame) bool {
		return !f.Out && f.Type == diag.TCPRst && f.SrcPort == 443 && f.DstPort == syn.SrcPort
	})
	if err := <-refused; err == nil {
		t.Error("nobody listens there")
	}
	many := slices.Repeat([][]byte{from(443, 9, 1, nil)}, 3*segmentsMost)
	tooMany := func() (is bool) {
		s.Look(func(st *diag.State) { is = !st.Complete(diag.FeedTCP) })
		return is
	}
	for last := int64(0); !tooMany(); { // how many of them a busy machine sends in a second is not known
		nstest.Send(t, "wire", many...)
		answer(t)
		last = s.until("what is no segment", func(e diag.Event) bool {
			f, ok := e.Body.(diag.Frame)
			return ok && isNA(f) && e.Seq > last
		}).Seq
	}
	one := s.tap.taps[0]
	one.taking.Lock()
	one.resting = time.Now()
	one.taking.Unlock()
	s.until("that they are looked at again", func(e diag.Event) bool {
		f, ok := e.Body.(diag.Feed)
		return ok && f.Name == diag.FeedTCP && f.State == diag.Synced && e.Seq > 3
	})
	var segments []diag.Event
	s.Look(func(st *diag.State) {
		segments = st.Segments()
		for _, e := range st.Frames() {
			if f, ok := e.Body.(diag.Frame); ok && f.Type.IsTCP() {
				t.Errorf("%+v among what is not to be pushed out", f)
			}
		}
	})
	took := segments[len(segments)-1].At.Sub(segments[0].At)
	if seconds := int(took/time.Second) + 1; len(segments) > seconds*segmentsMost {
		t.Errorf("%d segments in %v", len(segments), took)
	}
}

func TestNoInterface(t *testing.T) {
	t.Parallel()
	if !nstest.Enter(t) {
		return
	}
	for _, name := range []string{"nosuch", strings.Repeat("x", 40)} {
		if _, err := Open([]string{name}); err == nil || !strings.Contains(err.Error(), "no interface") {
			t.Errorf("Open(%q): %v", name, err)
		}
	}
}

// TestUnprivileged runs itself without CAP_NET_RAW.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	const without = "NDWHY_WITHOUT_NET_RAW"
	if !nstest.Enter(t) {
		return
	}
	if os.Getenv(without) == "" {
		exe, err := os.Executable()
		must(t, err)
		runtime.LockOSThread() // and never unlocks: the thread ends here
		must(t, unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_NET_RAW, 0, 0, 0))
		cmd := exec.Command(exe, "-test.run=^TestUnprivileged$", "-test.v")
		cmd.Env = append(os.Environ(), without+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	_, err := Open([]string{"lo"})
	feed := Missing(err)
	if feed.State != diag.Unavailable || feed.Name != diag.FeedFrames || !strings.Contains(feed.Why, "CAP_NET_RAW") || !strings.Contains(feed.Fix, "NET_RAW") {
		t.Errorf("without the capability: %v, %+v", err, feed)
	}
}

// TestCaptured: a frame's time is comparable with the session's, whatever happens to the wall clock.
func TestCaptured(t *testing.T) {
	t.Parallel()
	now := time.Now()
	wall := now.Round(0)
	if got := captured(now, wall.Add(-time.Millisecond)); now.Sub(got) != time.Millisecond {
		t.Errorf("a frame of 1 ms ago was %v ago", now.Sub(got))
	}
	for name, at := range map[string]time.Time{"no stamp": {}, "the future": wall.Add(time.Hour), "the past": wall.Add(-time.Hour)} {
		if got := captured(now, at); !got.Equal(now) {
			t.Errorf("%s: %v, want now", name, got)
		}
	}
}
