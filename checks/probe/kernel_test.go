package probe

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/kernel"
	"ndwhy/diag/kernel/nstest"
	"ndwhy/diag/session"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A host is an instance on eth0 and, in a namespace of its own, a kernel that is peer, router and
// Internet to it.
type host struct {
	t    *testing.T
	sess *session.Session
	net  *Net
	run  diag.Run
	peer netip.Addr  // the other side's link-local address
	far  chan func() // run on the other side
}

const (
	instance  = "2001:db8:1:2::10"
	neighbour = "2001:db8:1:2::20"
	second    = "2001:db8:1:2::21"
	beyond    = "2001:db8:ffff::1"
)

func newHost(t *testing.T) *host {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "wire"}))
	wire := nstest.Link(t, "wire")
	inside, far := make(chan error), make(chan func())
	go func() { // its thread stays in the new namespace, and ends with it
		runtime.LockOSThread()
		inside <- func() error {
			own, err := netns.Get()
			if err != nil {
				return err
			}
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err
			}
			other, err := netns.Get()
			if err != nil {
				return err
			}
			back, err := netlink.NewHandleAt(own)
			if err != nil {
				return err
			}
			if err := back.LinkSetNsFd(wire, int(other)); err != nil {
				return err
			}
			for key, value := range map[string]string{"default/accept_dad": "0", "wire/accept_dad": "0", "all/forwarding": "1"} {
				if err := os.WriteFile("/proc/thread-self/net/../../sys/net/ipv6/conf/"+key, []byte(value), 0); err != nil {
					if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+key, []byte(value), 0); err != nil {
						return err
					}
				}
			}
			l, err := netlink.LinkByName("wire")
			if err != nil {
				return err
			}
			lo, err := netlink.LinkByName("lo")
			if err != nil {
				return err
			}
			for _, a := range []struct {
				link   netlink.Link
				prefix string
			}{{lo, beyond + "/128"}, {l, neighbour + "/64"}, {l, second + "/64"}} {
				addr, err := netlink.ParseAddr(a.prefix)
				if err != nil {
					return err
				}
				addr.Flags = unix.IFA_F_NODAD
				if err := netlink.AddrAdd(a.link, addr); err != nil {
					return err
				}
			}
			if err := netlink.LinkSetUp(lo); err != nil {
				return err
			}
			return netlink.LinkSetUp(l)
		}()
		for f := range far { // keeps the namespace
			f()
		}
	}()
	must(t, <-inside)
	nstest.Sysctl(t, "ipv6/conf/eth0/accept_ra", "0")
	nstest.Sysctl(t, "ipv6/conf/eth0/accept_dad", "1")
	must(t, netlink.LinkSetUp(nstest.Link(t, "eth0")))
	nstest.Address(t, "eth0", instance+"/64")
	var mac diag.MAC
	copy(mac[:], wire.Attrs().HardwareAddr)
	h := &host{t: t, sess: session.New(nil), peer: mac.LinkLocal(), far: far}
	h.run = diag.Run{
		Interfaces: []string{"eth0"}, Peers: []netip.Addr{netip.MustParseAddr(neighbour), h.peer},
		Internet: []netip.Addr{netip.MustParseAddr(beyond)}, InternetGiven: true,
		Assigned: []netip.Prefix{netip.MustParsePrefix(instance + "/128")},
		Add:      diag.AddNone, Count: 2, IntervalMS: 200, WaitMS: 1000,
	}
	must(t, netlink.RouteAdd(&netlink.Route{
		LinkIndex: nstest.Link(t, "eth0").Attrs().Index, Gw: h.peer.AsSlice(),
		Dst: nil, Family: unix.AF_INET6,
	}))
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open starts what watches, and waits until it is complete and the addresses are usable.
func (h *host) open() {
	h.t.Helper()
	h.sess.Emit(h.run)
	h.net = New(h.sess)
	h.sess.Emit(Admin())
	h.t.Cleanup(h.net.Close)
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	reader, err := kernel.Open(kernel.Options{})
	must(h.t, err)
	tap, err := capture.Open([]string{"eth0"})
	must(h.t, err)
	go func() { _ = reader.Run(ctx, h.sess) }()
	go func() { _ = tap.Run(ctx, h.sess) }()
	wait, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	ready := h.sess.Wait(wait.Done(), func(s *diag.State) bool {
		usable := 0
		for _, a := range s.AddressesOn("eth0") {
			if a.Fact.Flags.Usable() {
				usable++
			}
		}
		return usable == 2 && s.Complete(diag.FeedNetlink) && s.Complete(diag.FeedFrames)
	})
	if !ready {
		h.t.Fatal("the instance did not come up")
	}
}

func (h *host) check() time.Duration {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 15*time.Second)
	defer cancel()
	begun := time.Now()
	must(h.t, checks.Run(ctx, checks.Runner{Session: h.sess, Net: h.net}))
	took := time.Since(begun)
	h.sess.Look(func(s *diag.State) {
		for _, p := range s.Paths() {
			h.t.Logf("%s: %s %s %s sent %d received %d rtt %.3f nud %s errno %s", p.ID, p.Outcome, p.Detail, p.Note, p.Sent, p.Received, p.RTTMS, p.NUD, p.Errno)
		}
		for _, c := range s.Checks {
			if c.State != diag.CheckDone {
				h.t.Logf("check %+v", c)
			}
		}
	})
	h.t.Logf("took %s", took)
	return took
}

// want fails unless some path of the check has the outcome.
func (h *host) want(check string, asks diag.Asks, target string, via diag.Via, outcome diag.Outcome, detail string) {
	h.t.Helper()
	var have []diag.Path
	h.sess.Look(func(s *diag.State) {
		for _, p := range s.Paths() {
			if p.Check == check && p.Asks == asks && p.Target.String() == target && p.Via == via {
				have = append(have, p)
			}
		}
	})
	if !slices.ContainsFunc(have, func(p diag.Path) bool { return p.Outcome == outcome && p.Detail == detail }) {
		h.t.Errorf("%s %s %s by %s: want %s %q, have %+v", check, asks, target, via, outcome, detail, have)
	}
}

func TestKernel(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t)
	h.open()
	if took := h.check(); took > 1400*time.Millisecond {
		t.Errorf("took %s", took)
	}
	for _, target := range []string{neighbour, h.peer.String()} {
		h.want("peer-echo", diag.AsksEcho, target, diag.ViaKernel, diag.Answered, "")
		h.want("peer-echo", diag.AsksEcho, target, diag.ViaWire, diag.Answered, "")
		h.want("peer-nd", diag.AsksND, target, diag.ViaWire, diag.Answered, "")
	}
	h.want("peer-nd", diag.AsksND, neighbour, diag.ViaKernel, diag.Answered, "")
	h.want("internet", diag.AsksEcho, beyond, diag.ViaKernel, diag.Answered, "")
	h.want("internet", diag.AsksEcho, beyond, diag.ViaWire, diag.Answered, "")
	h.want("all-nodes", diag.AsksEcho, "ff02::1", diag.ViaWire, diag.Answered, "")
	h.want("all-nodes", diag.AsksEcho, "ff02::1", diag.ViaKernel, diag.Answered, "")
	h.want("ra", diag.AsksRS, "ff02::2", diag.ViaWire, diag.Silent, "")
}

func TestKernelFirewall(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed")
	}
	for name, tc := range map[string]struct {
		rule  string
		check func(h *host)
	}{
		"solicitations": {"output icmpv6 type nd-neighbor-solicit drop", func(h *host) {
			h.want("peer-nd", diag.AsksND, neighbour, diag.ViaKernel, diag.Unsent, checks.DetailNotSeen)
			h.want("peer-nd", diag.AsksND, neighbour, diag.ViaWire, diag.Answered, "")
			h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaKernel, diag.Silent, checks.DetailUnresolved)
			h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaWire, diag.Answered, "")
		}},
		"advertisements": {"input icmpv6 type nd-neighbor-advert drop", func(h *host) {
			h.want("peer-nd", diag.AsksND, neighbour, diag.ViaKernel, diag.Silent, "")
			h.want("peer-nd", diag.AsksND, neighbour, diag.ViaWire, diag.Answered, "")
			h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaWire, diag.Answered, "")
		}},
		"echo replies": {"input icmpv6 type echo-reply drop", func(h *host) {
			h.want("peer-nd", diag.AsksND, neighbour, diag.ViaKernel, diag.Answered, "")
			h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaKernel, diag.Silent, "")
			h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaWire, diag.Answered, "")
		}},
		"echo requests": {"output icmpv6 type echo-request drop", func(h *host) {
			h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaKernel, diag.Unsent, "")
			h.want("peer-nd", diag.AsksND, neighbour, diag.ViaKernel, diag.OutcomeSkipped, checks.DetailEchoUnsent)
			h.want("peer-nd", diag.AsksND, neighbour, diag.ViaWire, diag.Answered, "")
			h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaWire, diag.Answered, "")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if !nstest.Enter(t) {
				return
			}
			h := newHost(t)
			hook, rest, _ := strings.Cut(tc.rule, " ")
			nft(t, "table ip6 f { chain c { type filter hook "+hook+" priority 0; "+rest+"; }; }")
			h.open()
			h.check()
			tc.check(h)
		})
	}
}

func nft(t *testing.T, ruleset string) {
	t.Helper()
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(ruleset)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

func TestKernelCandidates(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t)
	h.run.Add = diag.AddKernel
	h.run.Peers = append(h.run.Peers, netip.MustParseAddr(second))
	h.open()
	var marks []diag.Address
	stop := h.sess.Watch(func(e diag.Event) {
		if a, ok := e.Body.(diag.Address); ok && !a.Gone {
			marks = append(marks, a)
		}
	})
	h.check()
	stop()
	// Whenever this program is killed, the kernel removes what it configured.
	for _, a := range marks {
		if !a.Temporary() || a.ValidS > 20 || a.Flags&diag.Deprecated == 0 {
			t.Errorf("configured %+v", a)
		}
	}
	if len(marks) < 4 {
		t.Errorf("only %d addresses were seen", len(marks))
	}
	var cs []netip.Addr
	h.sess.Look(func(s *diag.State) {
		for _, p := range s.Paths() {
			if p.Check == "added" && p.Asks == diag.AsksDAD && p.Via == diag.ViaKernel {
				cs = append(cs, p.Target)
				if p.Outcome != diag.Silent {
					t.Errorf("%s: %s %s %s", p.ID, p.Outcome, p.Detail, p.Note)
				}
			}
		}
	})
	if len(cs) != 4 {
		t.Fatalf("candidates %v, want four", cs)
	}
	// The other side filters nothing, so all of it works.
	h.want("added", diag.AsksND, second, diag.ViaKernel, diag.Answered, "")
	h.want("added", diag.AsksEcho, second, diag.ViaKernel, diag.Answered, "")
	h.want("added", diag.AsksEcho, neighbour, diag.ViaKernel, diag.Answered, "")
	h.want("added", diag.AsksND, neighbour, diag.ViaWire, diag.Answered, "")
	addrs, err := netlink.AddrList(nstest.Link(t, "eth0"), netlink.FAMILY_V6)
	must(t, err)
	if len(addrs) != 2 {
		t.Errorf("left behind: %v", addrs)
	}
}
