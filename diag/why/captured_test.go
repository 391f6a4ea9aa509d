package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
)

var (
	capA, capB, capC = diag.MAC{2, 0, 0, 0, 0, 0xa}, diag.MAC{2, 0, 0, 0, 0, 0xb}, diag.MAC{2, 0, 0, 0, 0, 0xc}
	addrA, addrB     = netip.MustParseAddr("2001:db8::a"), netip.MustParseAddr("2001:db8::b")
	addrA2, addrFar  = netip.MustParseAddr("2001:db8::a2"), netip.MustParseAddr("3fff::1")
)

// A capture is a list of frames, each so long after the first.
type capture struct {
	at     time.Duration
	events []diag.Event
}

func newCapture() *capture {
	c := &capture{}
	return c.body(diag.Run{Version: "1", Capture: &diag.Capture{Format: "pcap"}}).body(diag.Feed{Name: diag.FeedFrames, State: diag.Synced})
}

func (c *capture) body(b diag.Body) *capture {
	c.events = append(c.events, diag.Event{
		Seq: int64(len(c.events) + 1), At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(c.at), Body: b,
	})
	return c
}

func (c *capture) after(d time.Duration) *capture { c.at += d; return c }

func (c *capture) frame(f diag.Frame) *capture {
	f.Interface = "capture"
	if f.HopLimit == 0 {
		f.HopLimit = 255
	}
	f.Raw = fmt.Appendf(nil, "%v", f)
	return c.body(f)
}

func (c *capture) ns(from diag.MAC, src, target netip.Addr) *capture {
	group := diag.SolicitedNode(target)
	return c.frame(diag.Frame{Type: diag.NS, SrcMAC: from, DstMAC: diag.MulticastMAC(group), Src: src, Dst: group, Target: target, LLAddr: from})
}

// probe asks by unicast, as the kernel does of a neighbour that it knew.
func (c *capture) probe(from diag.MAC, src netip.Addr, to diag.MAC, target netip.Addr) {
	c.frame(diag.Frame{Type: diag.NS, SrcMAC: from, DstMAC: to, Src: src, Dst: target, Target: target, LLAddr: from})
}

func (c *capture) dad(from diag.MAC, target netip.Addr, nonce ...byte) *capture {
	group := diag.SolicitedNode(target)
	return c.frame(diag.Frame{Type: diag.NS, SrcMAC: from, DstMAC: diag.MulticastMAC(group), Src: netip.IPv6Unspecified(), Dst: group, Target: target, Nonce: nonce})
}

func (c *capture) na(from, to diag.MAC, target, dst netip.Addr) *capture {
	return c.frame(diag.Frame{Type: diag.NA, SrcMAC: from, DstMAC: to, Src: target, Dst: dst, Target: target, LLAddr: from, Override: true, Solicited: true})
}

func (c *capture) ping(kind diag.FrameType, from, to diag.MAC, src, dst netip.Addr) *capture {
	return c.frame(diag.Frame{Type: kind, SrcMAC: from, DstMAC: to, Src: src, Dst: dst, HopLimit: 64})
}

func (c *capture) unreachable(from, to diag.MAC, code int) *capture {
	return c.frame(diag.Frame{
		Type: diag.Unreachable, Code: code, SrcMAC: from, DstMAC: to, Src: from.LinkLocal(), Dst: addrA, HopLimit: 64,
		Quoted: &diag.Quoted{Src: addrA, Dst: addrFar, Type: diag.EchoRequest},
	})
}

func (c *capture) ra(from diag.MAC, lifetime int64) *capture {
	return c.frame(diag.Frame{
		Type: diag.RA, SrcMAC: from, DstMAC: diag.MulticastMAC(diag.AllNodes), Src: from.LinkLocal(), Dst: diag.AllNodes,
		RA: &diag.Advertisement{LifetimeS: lifetime, Preference: "medium", LLAddr: from},
	})
}

func (c *capture) dhcp(from, to diag.MAC, message, status string) *capture {
	return c.frame(diag.Frame{
		Type: diag.DHCPv6Frame, SrcMAC: from, DstMAC: to, Src: from.LinkLocal(), Dst: to.LinkLocal(),
		DHCPv6: &diag.DHCPv6{Message: message, Transaction: "01", Status: status},
	})
}

// echo is a ping or its reply, of so many bytes.
func (c *capture) echo(kind diag.FrameType, from, to diag.MAC, src, dst netip.Addr, seq, size int) {
	c.frame(diag.Frame{Type: kind, SrcMAC: from, DstMAC: to, Src: src, Dst: dst, HopLimit: 64, EchoID: 7, EchoSeq: uint16(seq), Size: size})
}

// cooked is a frame as a capture of all interfaces has it: without the MAC that it went to.
func (c *capture) cooked(f diag.Frame) {
	f.DstMAC = diag.MAC{}
	c.frame(f)
}

// redirect sends who asked a router to another host, for a destination.
func (c *capture) redirect(router, to, via diag.MAC, dst netip.Addr) {
	c.frame(diag.Frame{
		Type: diag.RedirectFrame, SrcMAC: router, DstMAC: to, Src: router.LinkLocal(), Dst: addrA, Target: via.LinkLocal(), LLAddr: via,
		Quoted: &diag.Quoted{Dst: dst},
	})
}

// offer is an exchange of DHCPv6 in which an address is offered.
func (c *capture) offer(client, server diag.MAC, transaction int, messages ...string) {
	for i, m := range messages {
		from, to := client, server
		d := &diag.DHCPv6{Message: m, Transaction: fmt.Sprint(transaction)}
		if i > 0 {
			from, to = server, client
			d.Addresses = []diag.LeaseAddress{{Prefix: netip.PrefixFrom(addrA, 128)}}
		}
		c.frame(diag.Frame{Type: diag.DHCPv6Frame, SrcMAC: from, DstMAC: to, Src: from.LinkLocal(), Dst: to.LinkLocal(), DHCPv6: d})
	}
}

// thrice asks as the kernel does: three times, a second apart.
func (c *capture) thrice(ask func()) *capture {
	for range 3 {
		ask()
		c.after(time.Second)
	}
	return c
}

func (c *capture) state() *diag.State {
	s := diag.NewState()
	for _, e := range c.events {
		s.Apply(e)
	}
	return s
}

// What routers say of the link itself is compared in a capture as it is by a host of the link.
func TestCapturedContradiction(t *testing.T) {
	t.Parallel()
	for name, mtus := range map[string][2]int{"": {1500, 1500}, "router.inconsistent warning certain": {1500, 9001}} {
		c := newCapture()
		for i, mac := range []diag.MAC{capC, capB} {
			c.after(time.Second).frame(diag.Frame{
				Type: diag.RA, SrcMAC: mac, DstMAC: diag.MulticastMAC(diag.AllNodes), Src: mac.LinkLocal(), Dst: diag.AllNodes,
				RA: &diag.Advertisement{LifetimeS: 1800, MTU: mtus[i]},
			})
		}
		got := ""
		for _, f := range Diagnose(c.state()).Findings {
			if f.Cause != "router.rogue" {
				got = fmt.Sprint(f.Cause, " ", f.Severity, " ", f.Confidence)
			}
		}
		if got != name {
			t.Errorf("%v: %q, want %q", mtus, got, name)
		}
	}
}

// A capture that was made with too little of each packet does not say that nothing is wrong.
func TestCapturedCut(t *testing.T) {
	t.Parallel()
	c := newCapture().ns(capA, addrA, addrB)
	c.frame(diag.Frame{Type: diag.NS, SrcMAC: capA, DstMAC: capB, Src: addrA, Dst: addrB, Bad: diag.BadCut + ": 50 of 72 bytes"})
	d := Diagnose(c.state())
	if !strings.Contains(d.Headline, "1 frame is cut short, of 2") || !slices.ContainsFunc(d.Unknown, func(u Unknown) bool { return strings.Contains(u.Why, "tcpdump -s 0") }) {
		t.Errorf("%s %+v", d.Headline, d.Unknown)
	}
}

// What frames alone tell of whatever host, each beside what looks alike and is well.
func TestCaptured(t *testing.T) {
	t.Parallel()
	toAll := diag.MulticastMAC(diag.AllNodes)
	for name, tt := range map[string]struct {
		make func(c *capture)
		want string // cause, severity, confidence, subject; "" for none
		says string
	}{
		"nobody answers": {
			func(c *capture) { c.thrice(func() { c.ns(capA, addrA, addrB) }) },
			"peer.unmapped warning likely 2001:db8::b", "3 times in a row",
		},
		"nobody answers who would be heard": {
			func(c *capture) {
				c.ns(capB, addrB, addrA).na(capA, capB, addrA, addrB).na(capB, capA, addrB, addrA)
				c.thrice(func() { c.ns(capA, addrA, addrB) })
			},
			"peer.unmapped warning certain 2001:db8::b", "02:00:00:00:00:0b uses the address",
		},
		"answered at last": {
			func(c *capture) { c.thrice(func() { c.ns(capA, addrA, addrB) }).na(capB, capA, addrB, addrA) }, "", "",
		},
		"answered to somebody else": {
			func(c *capture) { c.thrice(func() { c.ns(capA, addrA, addrB) }).na(capB, capC, addrB, addrB) },
			"peer.unmapped warning likely 2001:db8::b", "",
		},
		"asked twice, and the capture ends": {
			func(c *capture) { c.ns(capA, addrA, addrB).after(time.Second).ns(capA, addrA, addrB) }, "", "",
		},
		"probed, and then nobody wants anything of it": {
			func(c *capture) {
				c.ns(capB, addrB, addrA).na(capB, capA, addrB, addrA).thrice(func() { c.probe(capA, addrA, capB, addrB) })
			},
			"peer.unmapped info certain 2001:db8::b", "still there",
		},
		"probed, and then asked for": {
			func(c *capture) {
				c.ns(capB, addrB, addrA).na(capB, capA, addrB, addrA).thrice(func() { c.probe(capA, addrA, capB, addrB) }).ns(capA, addrA, addrB)
			},
			"peer.unmapped warning certain 2001:db8::b", "02:00:00:00:00:0b uses the address",
		},
		"a router that is probed": {
			func(c *capture) {
				c.ra(capC, 1800).thrice(func() { c.probe(capA, addrA, capC, capC.LinkLocal()) })
			},
			"router.unresolvable critical likely fe80::ff:fe00:c", "",
		},
		"asked for by a program that is in a hurry": {
			func(c *capture) { c.ns(capA, addrA, addrB).ns(capA, addrA, addrB).ns(capA, addrA, addrB) }, "", "",
		},
		"an address that nobody answers": {
			func(c *capture) {
				c.thrice(func() { c.ns(capA, addrA2, addrB) }).ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
			},
			"address.unassigned warning likely 2001:db8::a2", "From 2001:db8::a it asked 2001:db8::b too",
		},
		"an address that a program tries": {
			func(c *capture) {
				c.thrice(func() { c.ns(capA, addrA2, addrB).ns(capA, addrA2, addrB) }).ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
			},
			"address.unassigned info likely 2001:db8::a2", "as from ndwhy check",
		},
		"an address that somebody answers": {
			func(c *capture) {
				c.ns(capB, addrB, addrA2).na(capA, capB, addrA2, addrB).na(capB, capA, addrB, addrA2).ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
				c.thrice(func() { c.ns(capA, addrA2, addrB) })
			},
			"peer.unmapped warning certain 2001:db8::b", "",
		},
		"a neighbour that was there for the other address, and is gone": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA).thrice(func() { c.ns(capA, addrA2, addrB) })
			},
			"peer.unmapped warning certain 2001:db8::b", "",
		},
		"pings that nobody answers": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA).thrice(func() { c.ping(diag.EchoRequest, capA, capB, addrA, addrB) })
			},
			"peer.echo-blocked info likely 2001:db8::b", "3 pings in a row",
		},
		"pings, and an answer": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA).thrice(func() { c.ping(diag.EchoRequest, capA, capB, addrA, addrB) })
				c.ping(diag.EchoReply, capB, capA, addrB, addrA)
			}, "", "",
		},
		"pings that a router passes on, from one that is answered and one that is not": {
			func(c *capture) {
				c.ns(capC, capC.LinkLocal(), addrB).na(capB, capC, addrB, capC.LinkLocal()).thrice(func() {
					c.ping(diag.EchoRequest, capC, capB, addrFar, addrB)
					c.ping(diag.EchoRequest, capC, capB, netip.MustParseAddr("3fff::2"), addrB).ping(diag.EchoReply, capB, capC, addrB, netip.MustParseAddr("3fff::2"))
				})
			}, "", "",
		},
		"pings that the router must not pass on": {
			func(c *capture) {
				c.ns(capA, addrA, capC.LinkLocal()).na(capC, capA, capC.LinkLocal(), addrA).thrice(func() {
					c.ping(diag.EchoRequest, capA, capC, addrA, addrFar).unreachable(capC, capA, 1)
				})
			},
			"path.refused warning certain 3fff::1", "administratively prohibited",
		},
		"an address beyond the router that nobody has": {
			func(c *capture) { c.unreachable(capC, capA, 3).unreachable(capC, capA, 3) },
			"path.refused info certain 3fff::1", "address unreachable",
		},
		"a closed port": {
			func(c *capture) { c.unreachable(capC, capA, 4).unreachable(capC, capA, 4) }, "", "",
		},
		"it asks whether another has its own address": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA).thrice(func() { c.ns(capA, capA.LinkLocal(), addrA) })
			}, "", "",
		},
		"cut, but sent to": {
			func(c *capture) {
				c.thrice(func() { c.ns(capA, addrA, addrB) }).
					frame(diag.Frame{Type: diag.EchoRequest, SrcMAC: capA, DstMAC: capB, Src: addrA, Dst: addrB, Bad: "cut short: 60 of 104 bytes"})
			}, "", "",
		},
		"a router looks for what a scan asks": {
			func(c *capture) { c.ra(capC, 1800).thrice(func() { c.ns(capC, capC.LinkLocal(), addrB) }) },
			"peer.unmapped info likely 2001:db8::b", "Only routers ask",
		},
		"nobody answers for the router": {
			func(c *capture) { c.ra(capC, 1800).thrice(func() { c.ns(capA, addrA, capC.LinkLocal()) }) },
			"router.unresolvable critical likely fe80::ff:fe00:c", "",
		},
		"an address that is free": {
			func(c *capture) { c.dad(capA, addrA, 1).after(time.Second).na(capA, toAll, addrA, diag.AllNodes) }, "", "",
		},
		"an address that another has": {
			func(c *capture) {
				c.dad(capA, addrB, 1).after(100*time.Millisecond).na(capB, toAll, addrB, diag.AllNodes)
			},
			"address.duplicate warning certain 2001:db8::b", "02:00:00:00:00:0b answered that it has it",
		},
		"an address that a proxy answers for, to who asks": {
			func(c *capture) { c.dad(capA, addrB, 1).ns(capA, addrA, addrB).na(capC, capA, addrB, addrA) }, "", "",
		},
		"an address that two want": {
			func(c *capture) { c.dad(capA, addrB, 1).after(100*time.Millisecond).dad(capB, addrB, 2) },
			"address.duplicate warning certain 2001:db8::b", "",
		},
		"asked twice whether it is free": {
			func(c *capture) { c.dad(capA, addrB).after(time.Second).dad(capA, addrB) }, "", "",
		},
		"a question that comes back": {
			func(c *capture) { c.dad(capA, addrB).after(time.Millisecond).dad(capA, addrB) },
			"address.looped-back warning likely 2001:db8::b", "came back",
		},
		"a question that comes back, and is known again": {
			func(c *capture) { c.dad(capA, addrB, 1).after(time.Millisecond).dad(capA, addrB, 1) },
			"address.looped-back info likely 2001:db8::b", "carry a nonce",
		},
		"a question that a host passes on, captured on all its interfaces": {
			func(c *capture) {
				for _, out := range []bool{false, false, true} {
					c.after(time.Millisecond).cooked(diag.Frame{Type: diag.NS, SrcMAC: capA, Src: netip.IPv6Unspecified(), Dst: diag.SolicitedNode(addrB), Target: addrB, Out: out})
				}
			}, "", "",
		},
		"a question that comes back, captured on all interfaces": {
			func(c *capture) {
				for _, out := range []bool{true, false} {
					c.after(time.Millisecond).cooked(diag.Frame{Type: diag.NS, SrcMAC: capA, Src: netip.IPv6Unspecified(), Dst: diag.SolicitedNode(addrB), Target: addrB, Out: out})
				}
			}, "address.looped-back warning likely 2001:db8::b", "",
		},
		"a mirror that shows all twice": {
			func(c *capture) {
				c.dad(capA, addrB).dad(capA, addrB)
				c.na(capA, capC, addrA, addrB).na(capA, capC, addrA, addrB)
			}, "", "",
		},
		"a proxy answers beside who has the address": {
			func(c *capture) {
				for range 3 {
					c.ns(capC, addrA, addrB).na(capB, capC, addrB, addrA)
					c.frame(diag.Frame{Type: diag.NA, SrcMAC: capA, DstMAC: capC, Src: addrA2, Dst: addrA, Target: addrB, LLAddr: capA, Solicited: true})
				}
			}, "", "",
		},
		"a host whose pings are answered, captured on all interfaces": {
			func(c *capture) {
				c.cooked(diag.Frame{Type: diag.NS, SrcMAC: capA, Src: addrA, Dst: diag.SolicitedNode(addrB), Target: addrB, LLAddr: capA, Out: true})
				c.cooked(diag.Frame{Type: diag.NA, SrcMAC: capB, Src: addrB, Dst: addrA, Target: addrB, LLAddr: capB})
				c.thrice(func() {
					c.cooked(diag.Frame{Type: diag.EchoRequest, SrcMAC: capA, Src: addrA, Dst: addrB, HopLimit: 64, Out: true})
				})
			}, "peer.echo-blocked info likely 2001:db8::b", "3 pings",
		},
		"only what a host sends, captured on all interfaces": {
			func(c *capture) {
				c.cooked(diag.Frame{Type: diag.NS, SrcMAC: capA, Src: addrA, Dst: diag.SolicitedNode(addrB), Target: addrB, LLAddr: capA, Out: true})
				c.thrice(func() {
					c.cooked(diag.Frame{Type: diag.EchoRequest, SrcMAC: capA, Src: addrA, Dst: addrB, HopLimit: 64, Out: true})
				})
			}, "", "",
		},
		"a program tries an address with several": {
			func(c *capture) {
				c.ra(capC, 1800)
				for _, target := range []netip.Addr{addrB, capC.LinkLocal()} {
					c.ns(capA, addrA, target).na(capB, capA, target, addrA)
				}
				for range 3 {
					for _, target := range []netip.Addr{addrB, capC.LinkLocal()} {
						c.after(100*time.Millisecond).ns(capA, addrA2, target)
					}
				}
			}, "address.unassigned info likely 2001:db8::a2", "program tried 1 address",
		},
		"large pings alone are lost": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
				for i := range 8 {
					size := 104 + i%2*1396
					c.after(time.Second).echo(diag.EchoRequest, capA, capB, addrA, addrB, i, size)
					if size < 1000 {
						c.echo(diag.EchoReply, capB, capA, addrB, addrA, i, size)
					}
				}
				c.after(2*time.Second).ra(capC, 1800)
			}, "path.mtu warning likely 2001:db8::b", "up to 104 bytes",
		},
		"some pings are lost": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
				for i := range 9 {
					c.after(time.Second).echo(diag.EchoRequest, capA, capB, addrA, addrB, i, 104)
					if i%2 == 0 {
						c.echo(diag.EchoReply, capB, capA, addrB, addrA, i, 104)
					}
				}
			}, "path.lossy info likely 2001:db8::b", "3 of 8 pings",
		},
		"all pings are answered, the last when the capture has ended": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
				for i := range 9 {
					c.echo(diag.EchoRequest, capA, capB, addrA, addrB, i, 104)
					if i < 8 {
						c.after(500*time.Millisecond).echo(diag.EchoReply, capB, capA, addrB, addrA, i, 104)
					}
				}
			}, "", "",
		},
		"nobody answers a host": {
			func(c *capture) {
				c.ra(capC, 1800).thrice(func() { c.ns(capA, addrA, addrB).ns(capA, addrA, capC.LinkLocal()) })
			}, "path.unheard warning likely 02:00:00:00:00:0a", "asked for 2 addresses",
		},
		"a router asks again": {
			func(c *capture) {
				c.ra(capC, 1800)
				for range 4 {
					c.after(time.Second).ns(capC, capC.LinkLocal(), addrA).na(capA, capC, addrA, capC.LinkLocal())
				}
			}, "router.asks-again warning likely 2001:db8::a", "(3 times)",
		},
		"a router asks again, and uses what it learnt": {
			func(c *capture) {
				c.ra(capC, 1800)
				for range 4 {
					c.after(time.Second).ns(capC, capC.LinkLocal(), addrA).na(capA, capC, addrA, capC.LinkLocal())
					c.ping(diag.EchoRequest, capC, capA, addrFar, addrA)
				}
			}, "", "",
		},
		"a router asks again after a while": {
			func(c *capture) {
				c.ra(capC, 1800)
				for range 4 {
					c.after(30*time.Second).ns(capC, capC.LinkLocal(), addrA).na(capA, capC, addrA, capC.LinkLocal())
				}
			}, "", "",
		},
		"a host asks again": {
			func(c *capture) {
				for range 4 {
					c.after(time.Second).ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
				}
			}, "far.answer-lost warning likely 2001:db8::b", "though it is answered",
		},
		"redirected to where nobody is": {
			func(c *capture) {
				c.ra(capC, 1800).redirect(capC, capA, capB, addrFar)
				c.thrice(func() { c.ping(diag.EchoRequest, capA, capB, addrA, addrFar) })
			}, "router.redirects warning certain 3fff::1", "Nothing in the capture comes from 02:00:00:00:00:0b",
		},
		"redirected to a better router": {
			func(c *capture) {
				c.ra(capC, 1800).redirect(capC, capA, capB, addrFar)
				c.thrice(func() { c.ping(diag.EchoRequest, capA, capB, addrA, addrFar) })
				c.ping(diag.EchoReply, capB, capA, addrFar, addrA)
			}, "", "",
		},
		"redirected, and not followed": {
			func(c *capture) {
				c.ra(capC, 1800).redirect(capC, capA, capB, addrFar)
				c.thrice(func() { c.ping(diag.EchoRequest, capA, capC, addrA, addrFar) })
			}, "", "",
		},
		"offered an address in vain": {
			func(c *capture) {
				for i := range 4 {
					c.after(time.Second).offer(capA, capC, i, "solicit", "advertise")
				}
			}, "dhcpv6.client-fails warning likely 02:00:00:00:00:0a", "4 exchanges",
		},
		"offered an address, and asks for it": {
			func(c *capture) {
				for i := range 4 {
					c.after(time.Second).offer(capA, capC, i, "solicit", "advertise")
				}
				c.offer(capA, capC, 9, "request", "reply")
			}, "", "",
		},
		"a flood": {
			func(c *capture) {
				c.ns(capA, addrA, addrB).na(capB, capA, addrB, addrA)
				c.body(diag.Flood{Interface: "capture", Type: diag.NS, Packets: 900, OverS: 0.5, Senders: 40, MAC: capB, Most: 30}).after(time.Hour).ra(capC, 1800)
			}, "link.flood warning certain capture", "1800 neighbour solicitations a second",
		},
		"two claim an address": {
			func(c *capture) {
				for range 2 {
					c.na(capA, toAll, addrB, diag.AllNodes).after(time.Second).na(capB, toAll, addrB, diag.AllNodes)
				}
			},
			"address.duplicate critical certain 2001:db8::b", "02:00:00:00:00:0a, 02:00:00:00:00:0b",
		},
		"an address that moved": {
			func(c *capture) {
				c.na(capA, toAll, addrB, diag.AllNodes).after(time.Minute).na(capB, toAll, addrB, diag.AllNodes).after(time.Minute).na(capB, toAll, addrB, diag.AllNodes)
			}, "", "",
		},
		"a router in time": {
			func(c *capture) {
				c.ra(capC, 30).after(10*time.Second).ra(capC, 30).after(10*time.Second).ns(capA, addrA, addrB)
			}, "", "",
		},
		"a router out of time": {
			func(c *capture) { c.ra(capC, 30).after(40*time.Second).ra(capC, 30) },
			"router.no-advertisement warning likely fe80::ff:fe00:c", "after 40 s",
		},
		"a router that fell silent": {
			func(c *capture) { c.ra(capC, 30).after(40*time.Second).ns(capA, addrA, addrB) },
			"router.no-advertisement critical likely fe80::ff:fe00:c", "silent for 40 s",
		},
		"a router that goes": {
			func(c *capture) { c.ra(capC, 30).after(time.Second).ra(capC, 0) },
			"router.not-default critical certain fe80::ff:fe00:c", "withdrew",
		},
		"two routers, as of one link with two ways out": {
			func(c *capture) { c.ra(capC, 1800).after(time.Minute).ra(capB, 1800) },
			"router.rogue info likely fe80::ff:fe00:b", "besides fe80::ff:fe00:c",
		},
		"two routers where the cloud has one": {
			func(c *capture) {
				c.body(diag.Run{Profile: "aws", Capture: &diag.Capture{Format: "pcap"}})
				c.ra(capC, 1800).after(time.Minute).frame(diag.Frame{
					Type: diag.RA, SrcMAC: capB, DstMAC: toAll, Src: netip.MustParseAddr("fe80::b"), Dst: diag.AllNodes, RA: &diag.Advertisement{LifetimeS: 1800},
				})
			},
			"router.rogue critical certain fe80::b", "does not belong here",
		},
		"a router that stands by": {
			func(c *capture) {
				c.ra(capC, 1800).frame(diag.Frame{
					Type: diag.RA, SrcMAC: capB, DstMAC: toAll, Src: capB.LinkLocal(), Dst: diag.AllNodes, RA: &diag.Advertisement{LifetimeS: 1800, Preference: "low"},
				})
			}, "", "",
		},
		"another machine with the router's address": {
			func(c *capture) {
				for range 2 {
					for _, mac := range []diag.MAC{capC, capB} {
						c.after(time.Second).frame(diag.Frame{
							Type: diag.RA, SrcMAC: mac, DstMAC: toAll, Src: capC.LinkLocal(), Dst: diag.AllNodes, RA: &diag.Advertisement{LifetimeS: 1800, LLAddr: mac},
						})
					}
				}
			},
			"address.duplicate critical certain fe80::ff:fe00:c", "02:00:00:00:00:0c, 02:00:00:00:00:0b",
		},
		"a virtual router that fails over": {
			func(c *capture) {
				for _, mac := range []diag.MAC{capC, capC, capB, capB} {
					c.after(time.Second).frame(diag.Frame{
						Type: diag.RA, SrcMAC: mac, DstMAC: toAll, Src: capC.LinkLocal(), Dst: diag.AllNodes, RA: &diag.Advertisement{LifetimeS: 1800, LLAddr: mac},
					})
				}
			}, "", "",
		},
		"a DHCPv6 client in vain": {
			func(c *capture) { c.thrice(func() { c.dhcp(capA, capC, "solicit", "") }) },
			"dhcpv6.silent warning likely 02:00:00:00:00:0a", "same solicit 3 times",
		},
		"a DHCPv6 client with success": {
			func(c *capture) {
				c.dhcp(capA, capC, "solicit", "").after(time.Second).dhcp(capA, capC, "solicit", "").dhcp(capC, capA, "advertise", "")
			}, "", "",
		},
		"no address to be had": {
			func(c *capture) {
				c.dhcp(capA, capC, "solicit", "").dhcp(capC, capA, "advertise", "NoAddrsAvail")
			},
			"dhcpv6.no-address warning certain 02:00:00:00:00:0a", "NoAddrsAvail",
		},
		"a wrong hop limit": {
			func(c *capture) {
				c.na(capA, capB, addrA, addrB)
				c.frame(diag.Frame{Type: diag.NA, SrcMAC: capA, DstMAC: capB, Src: addrA, Dst: addrB, Target: addrA, HopLimit: 64, Bad: "hop limit 64, not 255"})
			},
			"link.spoofed warning certain 02:00:00:00:00:0a", "hop limit 64",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCapture()
			tt.make(c)
			d := Diagnose(c.state())
			var got []string
			for _, f := range d.Findings {
				got = append(got, fmt.Sprint(f.Cause, " ", f.Severity, " ", f.Confidence, " ", f.Subject.Value))
				if text := f.Summary + " " + f.Explanation; !strings.Contains(text, tt.says) || strings.Contains(text, "{") {
					t.Errorf("%q, want %q in it", text, tt.says)
				}
				if len(f.Evidence) == 0 || len(f.Remedy) > 0 {
					t.Errorf("evidence %v, remedy %v", f.Evidence, f.Remedy)
				}
			}
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			if d.Verdict == VerdictOK || d.Headline == "" {
				t.Errorf("%s: %s", d.Verdict, d.Headline)
			}
			if asked := strings.HasPrefix(tt.want, "peer.echo-blocked info"); asked != strings.Contains(d.Headline, "does not answer the pings") {
				t.Errorf("what was asked in vain is the headline: %v: %s", !asked, d.Headline)
			}
		})
	}
}

// Routers that somebody makes up by the hundred are one finding.
func TestCapturedRouterFlood(t *testing.T) {
	t.Parallel()
	c := newCapture().ra(capA, 1800)
	for i := range 100 {
		c.after(time.Millisecond).ra(diag.MAC{2, 0, 0, 0, 1, byte(i)}, 1800)
	}
	rogues := 0
	for _, f := range Diagnose(c.state()).Findings {
		if f.Cause == "router.rogue" {
			rogues++
		}
	}
	if rogues != 1 {
		t.Errorf("%d findings for 100 routers", rogues)
	}
}

// Whoever looks for the router that every VPC has finds none elsewhere, which is nobody's fault.
func TestCapturedNoVPC(t *testing.T) {
	t.Parallel()
	c := newCapture()
	for range 4 {
		c.after(time.Second).ns(capA, addrA, diag.VPCRouter)
	}
	if got := Diagnose(c.state()).Findings; len(got) > 0 {
		t.Errorf("%s", got[0].Summary)
	}
}
