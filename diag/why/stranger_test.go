package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

var anyRoute = netip.MustParsePrefix("::/0")

func na(from netip.Addr, mac diag.MAC, router bool) diag.Frame {
	return diag.Frame{
		Interface: "eth0", SrcMAC: mac, Src: from, Dst: diagtest.MyLocal, HopLimit: 255, Type: diag.NA, Target: from, LLAddr: mac, Router: router, Solicited: true,
	}
}

// slaac is a healthy LAN whose hosts make their addresses themselves.
func slaac() *diagtest.World {
	return diagtest.LAN().Drop(diagtest.OfKind(func(f diag.Frame) bool { return f.Type == diag.RA })).Say(diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diag.Advertisement{
		LifetimeS: 1800, Preference: "medium", LLAddr: diagtest.RouterMAC,
		Prefixes: []diag.PrefixInfo{{Prefix: diagtest.Subnet, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}},
	}))
}

func internetOrSource(p diag.Path) bool {
	return p.TargetClass == diag.TargetInternet && p.SourceClass != diag.SourceCandidate
}

// strangerTests are networks and faults that no scenario of the lab has. A healthy one names no cause.
var strangerTests = []struct {
	name   string
	world  func() *diagtest.World
	faults []string
	cause  string // whose finding is looked at; "" for none
	sure   Confidence
	says   string // part of its summary or explanation
	// unexplained is how many symptoms nothing explains.
	unexplained int
}{
	{name: "SLAAC", world: slaac, faults: []string{}},
	{
		name: "a ULA beside a global address does not reach the Internet", faults: []string{},
		world: func() *diagtest.World {
			return slaac().Say(diagtest.ByHand(diagtest.UlaCand, 64)).Path(diag.Path{
				Check: "source", Asks: diag.AsksEcho, Source: diagtest.UlaCand, SourceClass: diag.SourceUnknown, Target: diagtest.Host1, TargetClass: diag.TargetInternet,
				Given: true, Outcome: diag.Silent,
			})
		},
	},
	{
		name: "a ULA alone reaches neither the Internet nor a name server out there", faults: []string{"assignment.none"}, cause: "assignment.none",
		world: func() *diagtest.World {
			prefix := diag.PrefixInfo{Prefix: netip.PrefixFrom(diagtest.UlaCand, 64).Masked(), OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}
			w := slaac().NoAddress().Advertise(diag.Advertisement{LifetimeS: 1800, Prefixes: []diag.PrefixInfo{prefix}}).Say(diagtest.ByHand(diagtest.UlaCand, 64))
			w.Both(diag.Path{Check: "internet", Asks: diag.AsksEcho, Source: diagtest.UlaCand, SourceClass: diag.SourceUnknown, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Silent})
			server := netip.MustParseAddr("2001:db8:53::53")
			return w.Say(diag.Resolvers{File: "/etc/resolv.conf", Addresses: []netip.Addr{server}}).Path(diag.Path{
				Check: "services", Asks: diag.AsksService, Via: diag.ViaKernel, Source: diagtest.UlaCand, SourceClass: diag.SourceUnknown, Target: server, TargetClass: diag.TargetService, Outcome: diag.Silent,
			})
		},
	},
	{
		name: "no prefix, no DHCPv6", faults: []string{"assignment.none"}, cause: "assignment.none", sure: Likely, says: "no prefix",
		world: func() *diagtest.World {
			return slaac().NoAddress().Advertise(diag.Advertisement{}).Path(diag.Path{
				Check: "internet", Asks: diag.AsksEcho, Source: diagtest.MyLocal, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Refused,
				Error: &diag.PathError{Type: diag.Unreachable, Code: 2, From: diagtest.RouterAddr},
			})
		},
	},
	{
		name: "a prefix that no address can be made from", faults: []string{"assignment.none"}, cause: "assignment.none", says: "64 bits",
		world: func() *diagtest.World {
			return slaac().NoAddress().Advertise(diag.Advertisement{Prefixes: []diag.PrefixInfo{
				{Prefix: netip.MustParsePrefix("2001:db8:1f16::/48"), OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200},
			}})
		},
	},
	{
		name: "the kernel is told to make no address", faults: []string{"router.advertisement-ignored"}, cause: "router.advertisement-ignored",
		sure: Certain, says: "autoconf=0",
		world: func() *diagtest.World {
			return slaac().NoAddress().Say(diag.Sysctl{Scope: "eth0", Name: "autoconf", Value: "0"})
		},
	},
	{
		name: "somebody took the address away", faults: []string{}, unexplained: 1,
		world: func() *diagtest.World {
			return slaac().NoAddress().Path(diag.Path{
				Check: "internet", Asks: diag.AsksEcho, Source: diagtest.MyLocal, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Refused,
				Error: &diag.PathError{Type: diag.Unreachable, Code: 2, From: diagtest.RouterAddr},
			})
		},
	},
	{
		name: "no link-local address", faults: []string{"address.not-configured"}, cause: "address.not-configured", says: "no link-local",
		world: func() *diagtest.World {
			return slaac().Drop(diagtest.OfKind(func(a diag.Address) bool { return a.Address == diagtest.MyLocal }))
		},
	},
	{
		name: "an MTU that is too small for IPv6", faults: []string{"host.ipv6-disabled"}, cause: "host.ipv6-disabled", sure: Certain, says: "1280",
		world: func() *diagtest.World {
			w := slaac().Drop(diagtest.OfKind(func(diag.Address) bool { return true })).Drop(diagtest.OfKind(func(diag.Route) bool { return true })).
				Say(diag.Link{Interface: "eth0", Index: 2, MAC: diagtest.MyMAC, MTU: 1000, Up: true, Carrier: true, Ethernet: true})
			w.Paths = nil
			return w
		},
	},
	{
		name: "an address from another network", faults: []string{}, unexplained: 1,
		world: func() *diagtest.World {
			stray := netip.MustParseAddr("2001:db8:77::7")
			w := slaac().Say(diagtest.ByHand(stray, 64))
			w.Both(diag.Path{Check: "source", Asks: diag.AsksEcho, Source: stray, SourceClass: diag.SourceUnknown, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Silent})
			return w.Path(diag.Path{Check: "source", Asks: diag.AsksND, Source: stray, SourceClass: diag.SourceUnknown, Target: diagtest.RouterAddr, TargetClass: diag.TargetRouter})
		},
	},
	{
		name: "a router that answers echo and no solicitation", faults: []string{"router.unresolvable"}, cause: "router.unresolvable", sure: Certain,
		says: "remembers its MAC",
		world: func() *diagtest.World {
			return slaac().Silence(func(p diag.Path) bool {
				return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksND && p.Via == diag.ViaWire
			}).
				Each(func(p diag.Path) bool {
					return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksND && p.Via == diag.ViaKernel
				}, func(p *diag.Path) {
					p.Outcome, p.Detail = diag.OutcomeSkipped, "already-resolved"
				})
		},
	},
	{
		name: "a router whose advertisements nobody may believe", faults: []string{"router.unresolvable"}, cause: "router.unresolvable", says: "hop limit 64",
		world: func() *diagtest.World {
			spoofed := na(diagtest.RouterAddr, diagtest.RouterMAC, true)
			spoofed.HopLimit, spoofed.Bad = 64, "hop limit 64, not 255"
			return slaac().Say(spoofed).Silence(func(p diag.Path) bool { return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksND })
		},
	},
	{
		name: "no solicitation is answered on the link", faults: []string{"path.unheard"}, cause: "path.unheard", says: "drops neighbour discovery",
		world: func() *diagtest.World {
			w := slaac().Silence(func(p diag.Path) bool { return p.Asks == diag.AsksND || internetOrSource(p) })
			w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate })
			return w
		},
	},
	{
		name: "a router that says it is none", faults: []string{"route.missing"}, cause: "route.missing", says: "flag R",
		world: func() *diagtest.World {
			return slaac().NoDefault().Say(na(diagtest.RouterAddr, diagtest.RouterMAC, false))
		},
	},
	{
		name: "a default route without a router", faults: []string{"host.routing"}, cause: "host.routing", sure: Certain, says: "names no router",
		world: func() *diagtest.World {
			return slaac().Say(
				diag.Route{Interface: "eth0", Dst: anyRoute, Metric: 10, Table: diag.MainTable, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
				diag.Selection{Dst: diagtest.Host1, Source: diagtest.Mine, Interface: "eth0"}, diag.Selection{Dst: diagtest.Host1, From: diagtest.Mine, Source: diagtest.Mine, Interface: "eth0"},
				diag.Selection{Dst: diagtest.Host2, Source: diagtest.Mine, Interface: "eth0"},
			).Each(func(p diag.Path) bool { return internetOrSource(p) && p.Via == diag.ViaKernel }, func(p *diag.Path) {
				diagtest.Silent(p)
				p.Outcome, p.Sent, p.Detail = diag.Unsent, 0, "not-seen-leaving"
			})
		},
	},
	{
		name: "a default route through a host", faults: []string{"host.routing"}, cause: "host.routing", sure: Likely, says: "no router",
		world: func() *diagtest.World {
			return slaac().Say(
				diag.Route{Interface: "eth0", Dst: anyRoute, Via: diagtest.PeerLocal, Metric: 10, Table: diag.MainTable, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
				diag.Selection{Dst: diagtest.Host1, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.PeerLocal}, diag.Selection{Dst: diagtest.Host1, From: diagtest.Mine, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.PeerLocal},
				diag.Selection{Dst: diagtest.Host2, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.PeerLocal}, na(diagtest.PeerLocal, diagtest.PeerMAC, false),
			).Silence(internetOrSource)
		},
	},
	{
		name: "a second router by hand, and nothing beyond it", faults: []string{"path.beyond-router"}, cause: "path.beyond-router", says: diagtest.PeerLocal.String(),
		world: func() *diagtest.World {
			return slaac().Say(
				diag.Selection{Dst: diagtest.Host1, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.PeerLocal}, diag.Selection{Dst: diagtest.Host1, From: diagtest.Mine, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.PeerLocal},
				diag.Selection{Dst: diagtest.Host2, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.PeerLocal},
			).Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
		},
	},
	{
		name: "a static entry for the router", faults: []string{"host.neighbour-override"}, cause: "host.neighbour-override", sure: Certain,
		world: func() *diagtest.World {
			w := slaac().Say(diag.Neighbour{Interface: "eth0", Address: diagtest.RouterAddr, MAC: diagtest.OtherMAC, State: diag.NoARP}).
				Silence(func(p diag.Path) bool {
					return internetOrSource(p) || p.Target == diagtest.RouterAddr && p.Asks == diag.AsksEcho
				})
			return w.Each(func(p diag.Path) bool { return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksND }, func(p *diag.Path) {
				p.Responders = []diag.Responder{{Address: diagtest.RouterAddr, MAC: diagtest.RouterMAC}}
			})
		},
	},
	{
		name: "packets larger than the link takes", faults: []string{"path.mtu"}, cause: "path.mtu", says: "not even neighbours",
		world: func() *diagtest.World {
			w := slaac()
			for _, p := range []diag.Path{
				{Source: diagtest.MyLocal, Target: diagtest.RouterAddr, TargetClass: diag.TargetRouter},
				{Source: diagtest.Mine, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer, Given: true},
				{Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true},
			} {
				p.Check, p.Asks, p.Outcome, p.SourceClass = "mtu", diag.AsksMTU, diag.Silent, diag.SourceUnknown
				w.Path(p)
			}
			return w
		},
	},
	{
		name: "the host does not answer for its own address", faults: []string{"host.firewall"}, cause: "host.firewall", sure: Certain, says: "no advertisement left",
		world: func() *diagtest.World {
			asks := diag.Frame{Interface: "eth0", SrcMAC: diagtest.RouterMAC, Src: diagtest.RouterAddr, Dst: diag.SolicitedNode(diagtest.Mine), HopLimit: 255, Type: diag.NS, Target: diagtest.Mine}
			return slaac().Say(asks, diag.Filter{
				Table: "ip6 filter", Chain: "INPUT", Hook: "input", Rule: "policy drop", Verdict: "drop", Matches: []string{"ns", "na", "ra", "echo-request"},
			}).Silence(internetOrSource)
		},
	},
	{
		name: "one lost solicitation, which three checks share", faults: []string{}, cause: "path.lossy", sure: Possible,
		world: func() *diagtest.World {
			return slaac().Each(func(p diag.Path) bool {
				return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksND && p.Source == diagtest.MyLocal
			}, func(p *diag.Path) { p.Sent, p.Received = 2, 1 }).
				Path(diag.Path{Check: "source", Asks: diag.AsksND, Source: diagtest.MyLocal, Target: diagtest.RouterAddr, TargetClass: diag.TargetRouter, Sent: 2, Received: 1})
		},
	},
	{
		name: "a limit in the host's own packet filter", faults: []string{"host.firewall"}, cause: "host.firewall", sure: Likely, says: "a part of what arrives",
		world: func() *diagtest.World {
			return slaac().Each(func(p diag.Path) bool { return p.Asks == diag.AsksEcho && p.Via == diag.ViaKernel }, func(p *diag.Path) { p.Sent, p.Received = 14, 5 }).
				Each(func(p diag.Path) bool { return p.Asks == diag.AsksEcho && p.Via == diag.ViaWire }, func(p *diag.Path) { p.Sent, p.Received = 14, 14 })
		},
	},
	{
		name: "answers that come when nobody waits any more", faults: []string{"path.lossy"}, cause: "path.lossy", sure: Certain, says: "1.6 s",
		world: func() *diagtest.World {
			w := slaac().Silence(func(p diag.Path) bool {
				return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksEcho || p.Target == diag.AllNodes
			})
			w.Late = 1600 * time.Millisecond
			return w
		},
	},
}

// TestStrangers: what no scenario has is named for what it is, or not at all.
func TestStrangers(t *testing.T) {
	for _, tt := range strangerTests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world().State())
			if got := faults(d); !slices.Equal(got, tt.faults) {
				t.Errorf("faults %v, want %v", got, tt.faults)
			}
			if len(d.Unexplained) != tt.unexplained {
				t.Errorf("unexplained: %+v", d.Unexplained)
			}
			if slices.Contains(named(d), "net.router-silent") {
				t.Error("the router is called silent")
			}
			if tt.cause == "" {
				return
			}
			f := find(t, d, tt.cause)
			if tt.sure != "" && f.Confidence != tt.sure {
				t.Errorf("%s is %s, want %s", tt.cause, f.Confidence, tt.sure)
			}
			if !strings.Contains(f.Summary+" "+f.Explanation, tt.says) {
				t.Errorf("%q is not said:\n%s\n%s", tt.says, f.Summary, f.Explanation)
			}
			if strings.ContainsAny(f.Summary+f.Explanation+strings.Join(f.Remedy, ""), "{}") && tt.cause != "host.firewall" {
				t.Errorf("a placeholder is left:\n%s\n%s\n%v", f.Summary, f.Explanation, f.Remedy)
			}
		})
	}
}

// TestAssignmentCouldNotBeTold: a metadata service that was asked and gave nothing to be read leaves unknown
// what is assigned, unless something else tells.
func TestAssignmentCouldNotBeTold(t *testing.T) {
	w := func() *diagtest.World {
		return slaac().Say(diag.Metadata{State: diag.MetadataUnreachable, Why: "HTTP 401"})
	}
	if d := Diagnose(w().State()); d.Verdict != VerdictUnknown || !strings.Contains(d.Headline, "HTTP 401") {
		t.Errorf("verdict %s: %s", d.Verdict, d.Headline)
	}
	known := w()
	known.Run.Assigned = []netip.Prefix{netip.PrefixFrom(diagtest.Mine, 128)}
	known.Each(func(p diag.Path) bool { return p.Source == diagtest.Mine }, func(p *diag.Path) { p.SourceClass = diag.SourceAssigned })
	if d := Diagnose(known.State()); d.Verdict != VerdictOK {
		t.Errorf("verdict %s: %s", d.Verdict, d.Headline)
	}
}

// TestClientAtWork: who asks for an address in vain is not said to be nobody, and who has only begun is not said to fail.
func TestClientAtWork(t *testing.T) {
	offer := diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Mine, 128), PreferredS: 140, ValidS: 450}}}
	asks := diag.Frame{
		Interface: "eth0", Out: true, Type: diag.DHCPv6Frame, Src: diagtest.MyLocal, SrcMAC: diagtest.MyMAC, DHCPv6: &diag.DHCPv6{Message: "solicit", Transaction: "abcdef"},
	}
	answer := asks
	answer.Out, answer.Src, answer.SrcMAC, answer.DHCPv6 = false, diagtest.RouterAddr, diagtest.RouterMAC, &diag.DHCPv6{Message: "reply", Transaction: "abcdef"}
	drop := diag.Drop{Frame: answer, Reason: "NETFILTER_DROP", Function: "nft_do_chain"}
	for name, c := range map[string]struct {
		seen    []diag.Body
		elapsed time.Duration
		cause   string
		sure    Confidence
		says    string
	}{
		"nobody":                 {[]diag.Body{diagtest.NoDHCPv6Client()}, 2 * time.Second, "dhcpv6.no-client", Certain, "no DHCPv6 client"},
		"nobody heard":           {nil, 2 * time.Second, "dhcpv6.no-client", Likely, "no DHCPv6 client"},
		"in vain":                {[]diag.Body{asks}, 2 * time.Second, "dhcpv6.client-fails", Likely, "gets no answer"},
		"just begun":             {[]diag.Body{asks}, 500 * time.Millisecond, "dhcpv6.client-fails", Possible, "just started asking"},
		"answered":               {[]diag.Body{asks, answer}, 2 * time.Second, "dhcpv6.client-fails", Likely, "still not configured"},
		"kept from it by a rule": {[]diag.Body{diag.Feed{Name: diag.FeedDrops, State: diag.Synced}, asks, answer, drop}, 2 * time.Second, "host.firewall", Certain, "NETFILTER_DROP"},
	} {
		t.Run(name, func(t *testing.T) {
			w := diagtest.VPC().NoAddress().Offer(offer).Say(c.seen...)
			w.Elapsed = c.elapsed
			d := Diagnose(w.State())
			f := find(t, d, c.cause)
			if got := faults(d); !slices.Equal(got, []string{c.cause}) || f.Confidence != c.sure || !strings.Contains(f.Summary, c.says) {
				t.Errorf("named %v, %s: %s", got, f.Confidence, f.Summary)
			}
		})
	}
}

// A second advertiser in a VPC swallows what the kernel sends to it. Which of two routers the kernel takes may
// change while it is asked, and nothing that went to the wrong one is another fault.
func TestARogueExplainsWhatItSwallows(t *testing.T) {
	rogueMAC := diag.MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	rogue := rogueMAC.LinkLocal()
	swallowed := func(p diag.Path) bool { return p.Target == diagtest.Host1 && p.SourceClass == diag.SourceAssigned }
	for name, world := range map[string]func() *diagtest.World{
		"by the kernel's choice": func() *diagtest.World {
			r := diagtest.DefaultRoute("ra")
			r.Via = rogue
			return diagtest.VPC().Drop(diagtest.OfKind(func(r diag.Route) bool { return r.Dst.Bits() == 0 })).
				Say(r, diag.Selection{Dst: diagtest.Host1, From: diagtest.Mine, Source: diagtest.Mine, Interface: "eth0", Via: rogue})
		},
		"by the frames that left": func() *diagtest.World {
			w := diagtest.VPC().Say(diag.Frame{
				Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: diagtest.Mine, Dst: diagtest.Host1, SrcMAC: diagtest.MyMAC, DstMAC: rogueMAC, HopLimit: 64,
			})
			sent := int64(len(w.Bodies) + 1) // after the Run
			return w.Each(func(p diag.Path) bool { return p.Target == diagtest.Host1 }, func(p *diag.Path) { p.Evidence = []int64{sent} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			ra := diagtest.VpcRA()
			ra.Preference = "low" // of two that say the same, the one that ranks itself lower
			d := Diagnose(world().Silence(swallowed).Say(diagtest.RaFrame(rogue, rogueMAC, ra)).State())
			if got := faults(d); !slices.Equal(got, []string{"router.rogue"}) || len(d.Unexplained) > 0 {
				t.Errorf("named %v, unexplained %v", got, d.Unexplained)
			}
		})
	}
}

// TestLargePacketsStopped: the kernel gets no answer to a full-size packet that the wire answers: it is this host's rule about
// lengths, and not the path.
func TestLargePacketsStopped(t *testing.T) {
	w := diagtest.VPC().Say(diag.Filter{
		Table: "inet t", Chain: "o", Hook: "output", Rule: "meta length > 1280 drop", Handle: 2, Verdict: "drop", Matches: []string{}, Partly: []string{"echo-request"}, By: []string{"length"},
	})
	p := diag.Path{Check: "mtu", Asks: diag.AsksMTU, Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Sent: 1, Received: 1}
	w.Path(p)
	p.Via, p.Outcome, p.Sent, p.Received, p.Errno = diag.ViaKernel, diag.Unsent, 0, 0, "EPERM"
	w.Path(p)
	d := Diagnose(w.State())
	if d.Verdict != VerdictCritical || len(d.Findings) == 0 || d.Findings[0].Cause != "host.firewall" || !strings.Contains(d.Findings[0].Summary, "meta length > 1280") {
		t.Errorf("%s: %v", d.Verdict, d.Findings)
	}
	for _, f := range d.Findings {
		if f.Cause == "path.mtu" {
			t.Errorf("the path: %v", f)
		}
	}
	for _, u := range d.NotAsked {
		if u.What == UnaskedRules {
			t.Error("it was asked")
		}
	}
}

// TestRouterFellSilent: where only an older advertisement's route is left and no router answers, the route is about to run
// out. A router that was heard, or a route that stays, is no such thing.
func TestRouterFellSilent(t *testing.T) {
	silent := func() *diagtest.World {
		w := diagtest.LAN().Silence(func(p diag.Path) bool { return p.Asks == diag.AsksRS }).Drop(diagtest.OfKind(func(f diag.Frame) bool { return f.Type == diag.RA }))
		return w
	}
	f := find(t, Diagnose(silent().State()), "router.no-advertisement")
	if f.Severity != Warning || f.Confidence == Possible || f.Subject.Value != diagtest.RouterAddr.String() || !strings.Contains(f.Summary, "runs out in") {
		t.Errorf("%s, %s, %v: %s", f.Severity, f.Confidence, f.Subject, f.Summary)
	}
	for _, r := range f.Remedies {
		if strings.Contains(r.Does, "associate-subnet") || strings.Contains(strings.Join(r.Do, ";"), "<router>") {
			t.Errorf("a remedy for a network without a router: %s %v", r.Does, r.Do)
		}
	}
	for name, w := range map[string]*diagtest.World{
		"well":         diagtest.LAN(),
		"by hand":      silent().NoDefault().Say(diagtest.DefaultRoute("static")),
		"RA was heard": diagtest.LAN().Silence(func(p diag.Path) bool { return p.Asks == diag.AsksRS }),
	} {
		for _, f := range Diagnose(w.State()).Findings {
			if f.Cause == "router.no-advertisement" && strings.Contains(f.Summary, "runs out") {
				t.Errorf("%s: %s", name, f.Summary)
			}
		}
	}
}

// TestRouterAddressTwice: who has the router's address and is no router takes the default route away, again and again. To
// set it by hand is then no cure, and what fails beyond the router is no other cause's doing.
func TestRouterAddressTwice(t *testing.T) {
	claim := func(mac diag.MAC, router bool) diag.Frame {
		f := na(diagtest.RouterAddr, mac, router)
		f.Target, f.LLAddr, f.Solicited, f.Override = diagtest.RouterAddr, mac, true, true
		return f
	}
	d := Diagnose(diagtest.LAN().NoDefault().Say(claim(diagtest.RouterMAC, true), claim(diagtest.OtherMAC, false)).State())
	f := find(t, d, "address.duplicate")
	if f.Severity != Critical || !strings.Contains(f.Explanation, "drops the default route") || len(f.Explains) == 0 {
		t.Errorf("%s: %s %v", f.Severity, f.Explanation, f.Explains)
	}
	if slices.Contains(named(d), "route.missing") || len(d.Unexplained) > 0 {
		t.Errorf("named %v, unexplained %v", named(d), d.Unexplained)
	}
}

// TestRouteOfOtherSources: a default route for sources that this host does not have is none to it, and one for its own is
// deleted as the kernel has it.
func TestRouteOfOtherSources(t *testing.T) {
	foreign := diagtest.DefaultRoute("static")
	foreign.From = diagtest.FarPrefix
	w := diagtest.LAN().NoDefault().Say(foreign)
	if s := w.State(); len(s.LinkOf("eth0").Defaults) != 0 {
		t.Errorf("default routes %v", s.LinkOf("eth0").Defaults)
	}
	if got := named(Diagnose(w.State())); !slices.Contains(got, "route.missing") {
		t.Errorf("named %v", got)
	}
	own := diagtest.DefaultRoute("static")
	own.Via, own.From, own.Metric = diagtest.OtherMAC.LinkLocal(), diagtest.Subnet, 1
	w = diagtest.LAN().Say(own)
	for range 3 {
		w.Path(diag.Path{Check: "router-nd", Asks: diag.AsksND, Via: diag.ViaWire, Source: diagtest.MyLocal, Target: own.Via, TargetClass: diag.TargetRouter, Outcome: diag.Silent, Sent: 3})
	}
	f := find(t, Diagnose(w.State()), "router.unresolvable")
	if len(f.Remedies) == 0 || !strings.Contains(strings.Join(f.Remedies[0].Do, ";"), "default from "+diagtest.Subnet.String()+" via") {
		t.Errorf("%+v", f.Remedies)
	}
	gone := own
	gone.Via, gone.Metric = diagtest.RouterAddr, diagtest.DefaultRoute("ra").Metric
	if s := diagtest.LAN().Say(gone).State(); len(s.LinkOf("eth0").Defaults) != 2 {
		t.Errorf("the route for all sources and that for some are one: %v", s.LinkOf("eth0").Defaults)
	}
}

// TestLowerDownNamed: what is to be switched on has its name in the sentence too.
func TestLowerDownNamed(t *testing.T) {
	w := diagtest.LAN().Relink(func(l *diag.Link) { l.Type, l.Parent, l.Carrier = "macvlan", 9, false })
	w.Say(diag.Link{Interface: "eth7", Index: 9, MAC: diagtest.OtherMAC, Ethernet: true})
	f := find(t, Diagnose(w.State()), "host.link-down")
	if !slices.ContainsFunc(f.Remedies, func(r Advice) bool { return strings.Contains(r.Does, "Switch on eth7") }) {
		t.Errorf("%+v", f.Remedies)
	}
}
