package drops

import (
	"context"
	"encoding/binary"
	"errors"
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
	"ndwhy/diag/kernel/nstest"
	"ndwhy/diag/session"
	"ndwhy/diag/wire"

	"github.com/cilium/ebpf"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

var (
	own     = netip.MustParseAddr("2001:db8::1")
	peer    = netip.MustParseAddr("2001:db8::2")
	peerMAC = diag.MAC{2, 0, 0, 0, 0, 2}
)

// enter reports whether the process is one in a network namespace of its own that may load programs;
// else t is skipped.
func enter(t *testing.T) bool {
	t.Helper()
	if !nstest.EnterAsRoot(t) {
		return false
	}
	network(t)
	m, err := Open([]string{"eth0"})
	if err != nil {
		t.Skipf("the kernel lets no program in here: %v", err)
	}
	m.Close()
	return true
}

// network makes one: eth0 with own, and peer at the other end.
func network(t *testing.T) {
	t.Helper()
	nstest.Veth(t, "eth0", "wire")
	nstest.Address(t, "eth0", own.String()+"/64")
	must(t, netlink.NeighSet(&netlink.Neigh{
		LinkIndex: nstest.Link(t, "eth0").Attrs().Index, Family: unix.AF_INET6, State: netlink.NUD_PERMANENT,
		IP: peer.AsSlice(), HardwareAddr: peerMAC[:],
	}))
}

// A listened kernel is a Monitor at work, and all that it told.
type listened struct {
	*session.Session
	*Monitor
	t      *testing.T
	events []diag.Event // under the session's lock
	end    func()
}

func listen(t *testing.T) *listened {
	t.Helper()
	m, err := Open([]string{"eth0"})
	must(t, err)
	s := &listened{Session: session.New(nil), Monitor: m, t: t}
	s.Watch(func(e diag.Event) { s.events = append(s.events, e) })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- m.Run(ctx, s.Session) }()
	s.end = func() {
		cancel()
		select {
		case err, first := <-ended:
			if first {
				close(ended)
			}
			must(t, err)
		case <-time.After(5 * time.Second):
			t.Error("Run goes on after its context ended")
		}
	}
	t.Cleanup(s.end)
	s.until("synced", func(s *diag.State) bool { return s.Complete(diag.FeedDrops) })
	return s
}

func (s *listened) until(what string, cond func(*diag.State) bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if !s.Wait(ctx.Done(), cond) {
		s.Look(func(*diag.State) { s.t.Fatalf("not seen: %s, in %+v", what, s.events) })
	}
}

// drop waits for a packet to be told, and returns what is told of it.
func (s *listened) drop(key diag.PacketKey) (d diag.Drop) {
	s.t.Helper()
	key.Interface = "eth0"
	s.until("a drop", func(st *diag.State) bool {
		e, ok := st.DropOf(key)
		if ok {
			d = e.Body.(diag.Drop)
			if age := time.Since(e.At); age < 0 || age > 10*time.Second {
				s.t.Errorf("it happened %v ago", age)
			}
		}
		return ok
	})
	return d
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// ask has the kernel send an echo request, as an application would.
func ask(t *testing.T, id, seq uint16) {
	t.Helper()
	c, err := net.Dial("ip6:ipv6-icmp", peer.String())
	must(t, err)
	defer c.Close()
	_, err = c.Write(echo(128, id, seq))
	if err != nil && !errors.Is(err, unix.EPERM) { // which is how an output hook's drop looks
		t.Fatal(err)
	}
}

func echo(typ byte, id, seq uint16) []byte {
	return []byte{typ, 0, 0, 0, byte(id >> 8), byte(id), byte(seq >> 8), byte(seq), 'n', 'd'}
}

// comes puts what peer would send on the wire.
func comes(t *testing.T, message []byte) {
	t.Helper()
	nstest.Send(t, "wire", arriving(t, "eth0", message))
}

func arriving(t *testing.T, link string, message []byte) []byte {
	t.Helper()
	mac := diag.MAC(nstest.Link(t, link).Attrs().HardwareAddr)
	return wire.Packet{Src: peer, Dst: own, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: message}.Frame(mac, peerMAC)
}

// advertisement is a neighbour advertisement of peer.
func advertisement() []byte {
	a := peer.As16()
	return slices.Concat([]byte{136, 0, 0, 0, 0x60, 0, 0, 0}, a[:], []byte{2, 1}, peerMAC[:])
}

// filter has nftables drop everything at a hook, until the function it returns is called.
func filter(t *testing.T, family nftables.TableFamily, hook *nftables.ChainHook, device string) (undo func()) {
	t.Helper()
	nft, err := nftables.New()
	must(t, err)
	table := nft.AddTable(&nftables.Table{Family: family, Name: "t"})
	chain := nft.AddChain(&nftables.Chain{
		Name: "c", Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityFilter, Device: device,
	})
	nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}})
	if err := nft.Flush(); err != nil {
		t.Skipf("this kernel's nftables has no such chain: %v", err)
	}
	return func() {
		nft.DelTable(table)
		must(t, nft.Flush())
	}
}

// TestReasons: whatever stands in the way of a packet, it is told which and why, with the packet.
func TestReasons(t *testing.T) {
	t.Parallel()
	if !enter(t) {
		return
	}
	s := listen(t)
	asked := func(seq uint16) diag.PacketKey {
		return diag.PacketKey{Out: true, Type: diag.EchoRequest, Peer: peer, EchoID: 7, EchoSeq: seq}
	}
	answered := func(seq uint16) diag.PacketKey {
		return diag.PacketKey{Type: diag.EchoReply, Peer: peer, EchoID: 7, EchoSeq: seq}
	}
	refused := func(t *testing.T, d diag.Drop, src, dst netip.Addr) {
		t.Helper()
		if d.Reason != "NETFILTER_DROP" || d.Frame.Src != src || d.Frame.Dst != dst || d.Frame.Bad != "" || !d.Telling() {
			t.Errorf("%+v", d)
		}
		// nf_hook_slow before Linux 6.4, nft_do_chain since.
		if !strings.HasPrefix(d.Function, "nf") {
			t.Errorf("in %q", d.Function)
		}
	}
	t.Run("nftables output", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookOutput, "")()
		ask(t, 7, 1)
		refused(t, s.drop(asked(1)), own, peer)
	})
	t.Run("nftables input", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyINet, nftables.ChainHookInput, "")()
		comes(t, echo(129, 7, 2))
		d := s.drop(answered(2))
		refused(t, d, peer, own)
		if d.Frame.SrcMAC != peerMAC || d.Frame.Size != 50 {
			t.Errorf("from %v, %d bytes", d.Frame.SrcMAC, d.Frame.Size)
		}
	})
	t.Run("nftables netdev ingress", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyNetdev, nftables.ChainHookIngress, "eth0")()
		comes(t, echo(129, 7, 3))
		refused(t, s.drop(answered(3)), peer, own)
	})
	t.Run("advertisement", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookInput, "")()
		comes(t, advertisement())
		d := s.drop(diag.PacketKey{Type: diag.NA, Peer: peer})
		refused(t, d, peer, own)
		if d.Frame.Target != peer || d.Frame.LLAddr != peerMAC {
			t.Errorf("%+v", d.Frame)
		}
	})
	t.Run("large", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookInput, "")()
		comes(t, append(echo(129, 7, 4), make([]byte, 1000)...))
		if d := s.drop(answered(4)); d.Frame.Bad != "" || d.Frame.Size != 1050 || len(d.Frame.Raw) > ethernetLen+copied {
			t.Errorf("%+v", d)
		}
	})
	t.Run("nobody waits for a reply", func(t *testing.T) {
		comes(t, echo(129, 7, 5))
		if d := s.drop(answered(5)); d.Telling() {
			t.Errorf("%+v", d)
		}
	})
	t.Run("legacy ip6tables", func(t *testing.T) {
		const tool = "ip6tables-legacy"
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
		if out, err := exec.CommandContext(t.Context(), tool, "-A", "OUTPUT", "-p", "ipv6-icmp", "-j", "DROP").CombinedOutput(); err != nil {
			t.Skipf("this kernel has no x_tables: %s", out)
		}
		defer func() { must(t, exec.CommandContext(t.Context(), tool, "-F").Run()) }()
		ask(t, 7, 6)
		refused(t, s.drop(asked(6)), own, peer)
	})
}

// TestInterfaces: an interface with the same index in another namespace is not ours, another one of ours
// is not asked about, and one that comes back is known again.
func TestInterfaces(t *testing.T) {
	t.Parallel()
	if !enter(t) {
		return
	}
	s := listen(t)
	nstest.Veth(t, "other", "elsewhere")
	nstest.Send(t, "elsewhere", arriving(t, "other", echo(129, 4, 1)))
	key := func(id uint16) diag.PacketKey {
		return diag.PacketKey{Out: true, Type: diag.EchoRequest, Peer: peer, EchoID: id, EchoSeq: 1}
	}
	here, err := os.Open("/proc/thread-self/ns/net")
	must(t, err)
	defer here.Close()
	filter(t, nftables.TableFamilyIPv6, nftables.ChainHookOutput, "")

	runtime.LockOSThread() // and never unlocks: the thread ends with the test
	must(t, unix.Unshare(unix.CLONE_NEWNET))
	network(t)
	index := nstest.Link(t, "eth0").Attrs().Index
	filter(t, nftables.TableFamilyIPv6, nftables.ChainHookOutput, "")
	ask(t, 1, 1)
	must(t, unix.Setns(int(here.Fd()), unix.CLONE_NEWNET))
	if got := nstest.Link(t, "eth0").Attrs().Index; got != index {
		t.Fatalf("eth0 is %d here and %d there: this tries nothing", got, index)
	}
	ask(t, 2, 1)
	s.drop(key(2))

	must(t, netlink.LinkDel(nstest.Link(t, "eth0")))
	network(t)
	if nstest.Link(t, "eth0").Attrs().Index == index {
		t.Fatal("the index is the same")
	}
	s.until("the interface again", func(st *diag.State) bool {
		ask(t, 3, 1)
		_, ok := st.DropOf(diag.PacketKey{Interface: "eth0", Out: true, Type: diag.EchoRequest, Peer: peer, EchoID: 3, EchoSeq: 1})
		return ok
	})
	s.Look(func(st *diag.State) {
		for _, e := range st.Drops() {
			if d := e.Body.(diag.Drop); d.Frame.EchoID == 1 || d.Frame.EchoID == 4 {
				t.Errorf("another interface's: %+v", d)
			}
		}
	})
}

// segment is what peer would send of TCP.
func segment(t *testing.T, src, dst uint16, flags byte) []byte {
	t.Helper()
	b := make([]byte, tcpLen)
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	b[12], b[offTCPFlags] = tcpLen/4<<4, flags
	mac := diag.MAC(nstest.Link(t, "eth0").Attrs().HardwareAddr)
	return wire.Packet{Src: peer, Dst: own, HopLimit: 64, Proto: unix.IPPROTO_TCP, Payload: b}.Frame(mac, peerMAC)
}

// TestPorts: of TCP and UDP it is told what becomes of what is asked here, and of those who want in.
func TestPorts(t *testing.T) {
	t.Parallel()
	if !enter(t) {
		return
	}
	s := listen(t)
	t.Run("a question of UDP", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookOutput, "")()
		c, err := net.Dial("udp6", netip.AddrPortFrom(peer, 53).String())
		must(t, err)
		defer c.Close()
		if _, err = c.Write([]byte("who?")); err != nil && !errors.Is(err, unix.EPERM) {
			t.Fatal(err)
		}
		port := c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		d := s.drop(diag.PacketKey{Out: true, Type: diag.UDPFrame, Peer: peer, Port: port})
		if d.Frame.DstPort != 53 || d.Reason != "NETFILTER_DROP" || d.Frame.Bad != "" {
			t.Errorf("%+v", d)
		}
	})
	t.Run("a connection", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookOutput, "")()
		dialer := net.Dialer{Timeout: 10 * time.Millisecond, LocalAddr: &net.TCPAddr{IP: own.AsSlice(), Port: 40001}}
		if c, err := dialer.DialContext(t.Context(), "tcp6", netip.AddrPortFrom(peer, 443).String()); err == nil {
			c.Close()
			t.Fatal("it stands")
		}
		if d := s.drop(diag.PacketKey{Out: true, Type: diag.TCPSyn, Peer: peer, Port: 40001}); d.Reason != "NETFILTER_DROP" || d.Frame.Dst != peer {
			t.Errorf("%+v", d)
		}
	})
	t.Run("its answer", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookInput, "")()
		nstest.Send(t, "wire", segment(t, 443, 40002, wire.SYN|wire.ACK))
		if d := s.drop(diag.PacketKey{Type: diag.TCPSynAck, Peer: peer, Port: 40002}); d.Reason != "NETFILTER_DROP" || d.Frame.SrcMAC != peerMAC {
			t.Errorf("%+v", d)
		}
	})
	t.Run("who wants in", func(t *testing.T) {
		defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookInput, "")()
		nstest.Send(t, "wire", segment(t, 50000, 8080, wire.SYN))
		s.drop(diag.PacketKey{Type: diag.TCPSyn, Peer: peer, Port: 8080})
	})
	t.Run("nobody listens, and data", func(t *testing.T) {
		nstest.Send(t, "wire", segment(t, 50000, 8081, wire.SYN))
		func() {
			defer filter(t, nftables.TableFamilyIPv6, nftables.ChainHookInput, "")()
			nstest.Send(t, "wire", segment(t, 443, 40003, wire.ACK))
			nstest.Send(t, "wire", segment(t, 443, 40004, wire.RST))
			s.drop(diag.PacketKey{Type: diag.TCPRst, Peer: peer, Port: 40004})
		}()
		s.Look(func(st *diag.State) {
			for _, e := range st.Drops() {
				if f := e.Body.(diag.Drop).Frame; f.DstPort == 8081 || f.DstPort == 40003 {
					t.Errorf("told: %+v", e)
				}
			}
		})
	})
}

// TestPortFlood: who knocks at many ports is no gap; answers that are thrown away by the thousand are one of TCP
// and UDP alone.
func TestPortFlood(t *testing.T) {
	t.Parallel()
	if !enter(t) {
		return
	}
	filter(t, nftables.TableFamilyNetdev, nftables.ChainHookIngress, "eth0")
	s := listen(t)
	start := time.Now()
	flood(t, 5000, segment(t, 50000, 8080, wire.SYN))
	comes(t, echo(129, 9, 1))
	s.drop(diag.PacketKey{Type: diag.EchoReply, Peer: peer, EchoID: 9, EchoSeq: 1})
	s.Look(func(st *diag.State) {
		seconds := int(time.Since(start)/time.Second) + 2
		if n := len(st.Drops()) - 1; n < perSecondOther || n > perSecondOther*seconds {
			t.Errorf("%d knocks are told", n)
		}
	})
	flood(t, 5000, segment(t, 443, 40000, wire.SYN|wire.ACK))
	s.until("the gap", func(st *diag.State) bool { return st.Feeds[diag.FeedPorts].State == diag.Lost })
	s.until("its end", func(st *diag.State) bool { return st.Complete(diag.FeedPorts) })
	s.Look(func(*diag.State) {
		for _, e := range s.events {
			if f, ok := e.Body.(diag.Feed); ok && f.Name == diag.FeedDrops && f.State != diag.Synced {
				t.Errorf("%+v", f)
			}
		}
	})
}

// flood puts a frame on the wire many times.
func flood(t *testing.T, times int, frame []byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Ifindex: nstest.Link(t, "wire").Attrs().Index}
	for range times {
		if err := unix.Sendto(fd, frame, 0, to); err != nil && !errors.Is(err, unix.ENOBUFS) {
			t.Fatal(err)
		}
	}
}

// TestFlood: 100,000 drops cost little, are no silent loss, and hide no drop elsewhere.
func TestFlood(t *testing.T) {
	t.Parallel()
	if !enter(t) {
		return
	}
	undo := filter(t, nftables.TableFamilyNetdev, nftables.ChainHookIngress, "eth0")
	s := listen(t)
	frame := arriving(t, "eth0", echo(128, 9, 1))
	const many = 100_000
	start := time.Now()
	flood(t, many, frame)
	undo()
	comes(t, echo(129, 9, 2)) // nobody waits for it
	s.drop(diag.PacketKey{Type: diag.EchoReply, Peer: peer, EchoID: 9, EchoSeq: 2})
	took := time.Since(start)
	s.until("the gap", func(st *diag.State) bool { return st.Feeds[diag.FeedDrops].State == diag.Lost })
	s.until("its end", func(st *diag.State) bool { return st.Complete(diag.FeedDrops) })
	s.Look(func(st *diag.State) {
		if n, most := len(st.Drops()), perPlace*(int(took/time.Second)+2); n < perPlace || n > most {
			t.Errorf("%d of %d drops in %v are told, want %d to %d", n, many, took, perPlace, most)
		}
		feeds := 0
		for _, e := range s.events {
			if f, ok := e.Body.(diag.Feed); ok && f.Name == diag.FeedDrops {
				feeds++
				if f.State == diag.Lost && !strings.Contains(f.Why, "beyond the 200 a second") {
					t.Error(f.Why)
				}
			}
		}
		if feeds != 3 {
			t.Errorf("how the feed stands is said %d times: want synced, lost, synced", feeds)
		}
	})
	t.Logf("%d drops in %v", many, took)
}

// TestNothingStays in the kernel once Run has ended.
func TestNothingStays(t *testing.T) {
	t.Parallel()
	if !enter(t) {
		return
	}
	s := listen(t)
	info, err := s.program.Info()
	must(t, err)
	id, ok := info.ID()
	if !ok {
		t.Skip("this kernel numbers no programs")
	}
	s.end()
	poll := time.NewTicker(10 * time.Millisecond) // the kernel frees it from a work queue
	defer poll.Stop()
	for range 500 {
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		must(t, err)
		p.Close()
		<-poll.C
	}
	t.Error("the program is still there")
}

// TestRefused: where it may not be had that is seen at once, and said with the line that would help.
func TestRefused(t *testing.T) {
	t.Parallel()
	t.Run("user namespace", func(t *testing.T) {
		if !nstest.Enter(t) {
			return
		}
		if inInitialUserNamespace() {
			t.Skip("this system has none for tests")
		}
		s := session.New(nil)
		must(t, Follow(t.Context(), s, []string{"lo"}))
		s.Look(func(st *diag.State) {
			f := st.Feeds[diag.FeedDrops]
			if f.State != diag.Unavailable || !strings.Contains(f.Why, "user namespace") || !strings.Contains(f.Fix, "root") {
				t.Errorf("%+v", f)
			}
		})
	})
	t.Run("no capability", func(t *testing.T) {
		if !inInitialUserNamespace() {
			t.Skip("there is no telling in a user namespace")
		}
		runtime.LockOSThread() // and never unlocks: the thread ends here
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		must(t, unix.Capset(&header, &none[0]))
		_, err := Open([]string{"lo"})
		if f := Missing(err); f.State != diag.Unavailable || !strings.Contains(f.Why, "CAP_BPF") || !strings.Contains(strings.ToLower(f.Fix), "perfmon") {
			t.Errorf("%+v", f)
		}
	})
	t.Run("something else", func(t *testing.T) {
		if f := Missing(errNoReasons); f.State != diag.Unavailable || !strings.Contains(f.Why, "5.17") || f.Fix != "" {
			t.Errorf("%+v", f)
		}
	})
}

func TestTurnedOff(t *testing.T) {
	t.Setenv(Off, "off")
	s := session.New(nil)
	must(t, Follow(t.Context(), s, []string{"lo"}))
	s.Look(func(st *diag.State) {
		if f := st.Feeds[diag.FeedDrops]; f.State != diag.NotAsked || !strings.Contains(f.Why, Off) {
			t.Errorf("%+v", f)
		}
	})
}

func TestFunction(t *testing.T) {
	for text, want := range map[string]string{
		"nft_do_chain [nf_tables]\x00rest": "nft_do_chain",
		"ip6_mc_input.part.0\x00":          "ip6_mc_input",
		"icmpv6_rcv\x00":                   "icmpv6_rcv",
		"0xffffffff81000000\x00":           "",
		"\x00":                             "",
	} {
		if got := function([]byte(text)); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
