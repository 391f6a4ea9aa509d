package probe

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// path returns the one path of the check internet that was asked so.
func (h *host) path(asks diag.Asks, target string, via diag.Via) (path diag.Path) {
	h.t.Helper()
	found := 0
	h.sess.Look(func(s *diag.State) {
		for _, p := range s.Paths() {
			if p.Check == "internet" && p.Asks == asks && p.Target.String() == target && p.Via == via {
				path = p
				found++
			}
		}
	})
	if found != 1 {
		h.t.Errorf("%s %s by %s: %d paths, want one", asks, target, via, found)
	}
	return path
}

func TestAsApplications(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t)
	h.open()
	h.check()
	for _, target := range []string{neighbour, h.peer.String()} {
		h.want("peer-echo", diag.AsksEcho, target, diag.ViaApp, diag.Answered, "")
	}
	h.want("internet", diag.AsksEcho, beyond, diag.ViaApp, diag.Answered, "")
	for _, via := range []diag.Via{diag.ViaApp, diag.ViaKernel} {
		h.want("internet", diag.AsksTCP, beyond, via, diag.Answered, checks.DetailClosed) // nobody listens: that is an answer
		if p := h.path(diag.AsksTCP, beyond, via); p.Note != "443" || p.Source.String() != instance || p.Sent != 1 || p.RTTMS == 0 {
			t.Errorf("%+v", p)
		}
	}
	if p := h.path(diag.AsksEcho, beyond, diag.ViaApp); p.Source.String() != instance || p.Out != "eth0" || p.Sent != 1 {
		t.Errorf("%+v", p)
	}
}

// What a tunnel's policy rule takes is what applications get, whatever the interface itself can do.
func TestAsApplicationsThroughATunnel(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t)
	must(t, netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "wg0"}, Mode: netlink.TUNTAP_MODE_TUN}))
	wg := nstest.Link(t, "wg0")
	must(t, netlink.LinkSetUp(wg))
	own, err := netlink.ParseAddr("fd86:ea04:1115::2/64")
	must(t, err)
	own.Flags = unix.IFA_F_NODAD
	must(t, netlink.AddrAdd(wg, own))
	const table = 51820
	must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: wg.Attrs().Index, Family: unix.AF_INET6, Table: table, Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}))
	unmarked := netlink.NewRule()
	unmarked.Family, unmarked.Invert, unmarked.Mark, unmarked.Table = unix.AF_INET6, true, table, table
	must(t, netlink.RuleAdd(unmarked))
	near := netlink.NewRule() // all but default routes of the main table come before
	near.Family, near.Table, near.SuppressPrefixlen = unix.AF_INET6, unix.RT_TABLE_MAIN, 0
	must(t, netlink.RuleAdd(near))
	h.open()
	h.check()
	for _, asks := range []diag.Asks{diag.AsksEcho, diag.AsksTCP} {
		h.want("internet", asks, beyond, diag.ViaApp, diag.Silent, checks.DetailElsewhere)
		if p := h.path(asks, beyond, diag.ViaApp); p.Out != "wg0" || p.Interface != "eth0" || p.Source.String() != "fd86:ea04:1115::2" || p.Sent == 0 {
			t.Errorf("%+v", p)
		}
	}
	h.want("internet", diag.AsksEcho, beyond, diag.ViaKernel, diag.Answered, "")
	h.want("internet", diag.AsksEcho, beyond, diag.ViaWire, diag.Answered, "")
	h.want("internet", diag.AsksTCP, beyond, diag.ViaKernel, diag.Answered, checks.DetailClosed)
	h.want("peer-echo", diag.AsksEcho, neighbour, diag.ViaApp, diag.Answered, "")
	h.sess.Look(func(s *diag.State) {
		if sel := s.Selections[diag.SelectionKey{Dst: netip.MustParseAddr(beyond)}]; sel.Interface != "wg0" || sel.Table != table {
			t.Errorf("the kernel's choice is %+v", sel)
		}
	})
}

// A connection that is accepted goes no further: it is reset at once, whoever accepted it reads nothing.
func TestTCPAccepted(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	h := newHost(t)
	var mu sync.Mutex
	var heard []error // what reading from each connection came to
	h.across(func() error {
		l, err := net.Listen("tcp6", "["+beyond+"]:443")
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, err = c.Read(make([]byte, 1))
				c.Close()
				mu.Lock()
				heard = append(heard, err)
				mu.Unlock()
			}
		}()
		return nil
	})
	h.run.Only = []string{"internet"}
	h.open()
	h.check()
	h.want("internet", diag.AsksTCP, beyond, diag.ViaApp, diag.Answered, "")
	h.want("internet", diag.AsksTCP, beyond, diag.ViaKernel, diag.Answered, "")
	mu.Lock()
	defer mu.Unlock()
	for _, err := range heard {
		if errors.Is(err, io.EOF) || err == nil {
			t.Errorf("a connection was not reset: %v", err)
		}
	}
	if len(heard) > 2 { // one that is reset before it is accepted is never seen
		t.Errorf("%d connections, want one each way", len(heard))
	}
}

func TestTCPBlocked(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed")
	}
	const refused = "2001:db8:fffe::1"
	for name, tc := range map[string]struct {
		ruleset string
		check   func(h *host)
	}{
		"one port": {"table ip6 f { chain c { type filter hook output priority 0; tcp dport 443 drop; }; }", func(h *host) {
			h.want("internet", diag.AsksTCP, beyond, diag.ViaApp, diag.Answered, checks.DetailClosed)
			if p := h.path(diag.AsksTCP, beyond, diag.ViaApp); p.Note != "80" || p.Sent != 1 {
				h.t.Errorf("%+v", p)
			}
		}},
		"all of it": {"table ip6 f { chain c { type filter hook input priority 0; meta l4proto tcp drop; }; }", func(h *host) {
			h.want("internet", diag.AsksTCP, beyond, diag.ViaApp, diag.Silent, "")
			h.want("internet", diag.AsksTCP, beyond, diag.ViaKernel, diag.Silent, "")
			h.want("internet", diag.AsksEcho, beyond, diag.ViaApp, diag.Answered, "")
		}},
		"by a router": {"", func(h *host) {
			h.want("internet", diag.AsksTCP, refused, diag.ViaKernel, diag.Refused, "")
			h.want("internet", diag.AsksTCP, refused, diag.ViaApp, diag.Refused, "")
			if p := h.path(diag.AsksTCP, refused, diag.ViaApp); p.Error == nil || p.Error.Type != diag.Unreachable || p.Error.Code != 1 {
				h.t.Errorf("%+v", p)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if !nstest.Enter(t) {
				return
			}
			h := newHost(t)
			if tc.ruleset != "" {
				nft(t, tc.ruleset)
			}
			h.run.Only = []string{"internet"}
			h.run.Internet = append(slices.Clone(h.run.Internet), netip.MustParseAddr(refused))
			h.across(func() error {
				_, dst, _ := net.ParseCIDR(refused + "/128")
				return netlink.RouteAdd(&netlink.Route{Dst: dst, Type: unix.RTN_PROHIBIT, Family: unix.AF_INET6})
			})
			h.open()
			if took := h.check(); took > 2500*time.Millisecond {
				t.Errorf("took %s", took)
			}
			tc.check(h)
		})
	}
}
