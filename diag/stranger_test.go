package diag

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

var anyRoute = netip.MustParsePrefix("::/0")

func na(from netip.Addr, mac MAC, router bool) Frame {
	return Frame{
		Interface: "eth0", SrcMAC: mac, Src: from, Dst: myLocal, HopLimit: 255, Type: NA, Target: from, LLAddr: mac, Router: router, Solicited: true,
	}
}

// slaac is a healthy LAN whose hosts make their addresses themselves.
func slaac() *world {
	return lan().drop(ofKind(func(f Frame) bool { return f.Type == RA })).say(raFrame(routerAddr, routerMAC, Advertisement{
		LifetimeS: 1800, Preference: "medium", LLAddr: routerMAC,
		Prefixes: []PrefixInfo{{Prefix: subnet, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}},
	}))
}

func (w *world) advertise(a Advertisement) *world {
	a.LifetimeS, a.Preference, a.LLAddr = 1800, "medium", routerMAC
	return w.drop(ofKind(func(f Frame) bool { return f.Type == RA })).say(raFrame(routerAddr, routerMAC, a))
}

func internetOrSource(p Path) bool {
	return p.TargetClass == TargetInternet && p.SourceClass != SourceCandidate
}

// strangerTests are networks and faults that no scenario of the lab has. A healthy one names no cause.
var strangerTests = []struct {
	name   string
	world  func() *world
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
		world: func() *world {
			return slaac().say(byHand(ulaCand, 64)).path(Path{
				Check: "source", Asks: AsksEcho, Source: ulaCand, SourceClass: SourceUnknown, Target: host1, TargetClass: TargetInternet,
				Given: true, Outcome: Silent,
			})
		},
	},
	{
		name: "no prefix, no DHCPv6", faults: []string{"assignment.none"}, cause: "assignment.none", sure: Likely, says: "no prefix",
		world: func() *world {
			return slaac().noAddress().advertise(Advertisement{}).path(Path{
				Check: "internet", Asks: AsksEcho, Source: myLocal, Target: host1, TargetClass: TargetInternet, Given: true, Outcome: Refused,
				Error: &PathError{Type: Unreachable, Code: 2, From: routerAddr},
			})
		},
	},
	{
		name: "a prefix that no address can be made from", faults: []string{"assignment.none"}, cause: "assignment.none", says: "64 bits",
		world: func() *world {
			return slaac().noAddress().advertise(Advertisement{Prefixes: []PrefixInfo{
				{Prefix: netip.MustParsePrefix("2001:db8:1f16::/48"), OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200},
			}})
		},
	},
	{
		name: "the kernel is told to make no address", faults: []string{"router.advertisement-ignored"}, cause: "router.advertisement-ignored",
		sure: Certain, says: "autoconf=0",
		world: func() *world { return slaac().noAddress().say(Sysctl{Scope: "eth0", Name: "autoconf", Value: "0"}) },
	},
	{
		name: "somebody took the address away", faults: []string{}, unexplained: 1,
		world: func() *world {
			return slaac().noAddress().path(Path{
				Check: "internet", Asks: AsksEcho, Source: myLocal, Target: host1, TargetClass: TargetInternet, Given: true, Outcome: Refused,
				Error: &PathError{Type: Unreachable, Code: 2, From: routerAddr},
			})
		},
	},
	{
		name: "no link-local address", faults: []string{"address.not-configured"}, cause: "address.not-configured", says: "no link-local",
		world: func() *world { return slaac().drop(ofKind(func(a Address) bool { return a.Address == myLocal })) },
	},
	{
		name: "an MTU that is too small for IPv6", faults: []string{"host.ipv6-disabled"}, cause: "host.ipv6-disabled", sure: Certain, says: "1280",
		world: func() *world {
			w := slaac().drop(ofKind(func(Address) bool { return true })).drop(ofKind(func(Route) bool { return true })).
				say(Link{Interface: "eth0", Index: 2, MAC: myMAC, MTU: 1000, Up: true, Carrier: true, Ethernet: true})
			w.paths = nil
			return w
		},
	},
	{
		name: "an address from another network", faults: []string{}, unexplained: 1,
		world: func() *world {
			stray := netip.MustParseAddr("2001:db8:77::7")
			w := slaac().say(byHand(stray, 64))
			w.both(Path{Check: "source", Asks: AsksEcho, Source: stray, SourceClass: SourceUnknown, Target: host1, TargetClass: TargetInternet, Given: true, Outcome: Silent})
			return w.path(Path{Check: "source", Asks: AsksND, Source: stray, SourceClass: SourceUnknown, Target: routerAddr, TargetClass: TargetRouter})
		},
	},
	{
		name: "a router that answers echo and no solicitation", faults: []string{"router.unresolvable"}, cause: "router.unresolvable", sure: Certain,
		says: "remembers its MAC",
		world: func() *world {
			return slaac().silence(func(p Path) bool { return p.Target == routerAddr && p.Asks == AsksND && p.Via == ViaWire }).
				each(func(p Path) bool { return p.Target == routerAddr && p.Asks == AsksND && p.Via == ViaKernel }, func(p *Path) {
					p.Outcome, p.Detail = OutcomeSkipped, "already-resolved"
				})
		},
	},
	{
		name: "a router whose advertisements nobody may believe", faults: []string{"router.unresolvable"}, cause: "router.unresolvable", says: "hop limit 64",
		world: func() *world {
			spoofed := na(routerAddr, routerMAC, true)
			spoofed.HopLimit, spoofed.Bad = 64, "hop limit 64, not 255"
			return slaac().say(spoofed).silence(func(p Path) bool { return p.Target == routerAddr && p.Asks == AsksND })
		},
	},
	{
		name: "no solicitation is answered on the link", faults: []string{"router.unresolvable"}, cause: "router.unresolvable",
		world: func() *world {
			w := slaac().silence(func(p Path) bool { return p.Asks == AsksND || internetOrSource(p) })
			w.paths = slices.DeleteFunc(w.paths, func(p Path) bool { return p.SourceClass == SourceCandidate })
			return w
		},
	},
	{
		name: "a router that says it is none", faults: []string{"route.missing"}, cause: "route.missing", says: "flag R",
		world: func() *world { return slaac().noDefault().say(na(routerAddr, routerMAC, false)) },
	},
	{
		name: "a default route without a router", faults: []string{"host.routing"}, cause: "host.routing", sure: Certain, says: "names no router",
		world: func() *world {
			return slaac().say(
				Route{Interface: "eth0", Dst: anyRoute, Metric: 10, Table: MainTable, Protocol: "boot", Type: "unicast", ExpiresS: Forever},
				Selection{Dst: host1, Source: mine, Interface: "eth0"}, Selection{Dst: host1, From: mine, Source: mine, Interface: "eth0"},
				Selection{Dst: host2, Source: mine, Interface: "eth0"},
			).each(func(p Path) bool { return internetOrSource(p) && p.Via == ViaKernel }, func(p *Path) {
				p.silent()
				p.Outcome, p.Sent, p.Detail = Unsent, 0, "not-seen-leaving"
			})
		},
	},
	{
		name: "a default route through a host", faults: []string{"host.routing"}, cause: "host.routing", sure: Likely, says: "no router",
		world: func() *world {
			return slaac().say(
				Route{Interface: "eth0", Dst: anyRoute, Via: peerLocal, Metric: 10, Table: MainTable, Protocol: "boot", Type: "unicast", ExpiresS: Forever},
				Selection{Dst: host1, Source: mine, Interface: "eth0", Via: peerLocal}, Selection{Dst: host1, From: mine, Source: mine, Interface: "eth0", Via: peerLocal},
				Selection{Dst: host2, Source: mine, Interface: "eth0", Via: peerLocal}, na(peerLocal, peerMAC, false),
			).silence(internetOrSource)
		},
	},
	{
		name: "a second router by hand, and nothing beyond it", faults: []string{"path.beyond-router"}, cause: "path.beyond-router", says: peerLocal.String(),
		world: func() *world {
			return slaac().say(
				Selection{Dst: host1, Source: mine, Interface: "eth0", Via: peerLocal}, Selection{Dst: host1, From: mine, Source: mine, Interface: "eth0", Via: peerLocal},
				Selection{Dst: host2, Source: mine, Interface: "eth0", Via: peerLocal},
			).silence(func(p Path) bool { return p.TargetClass == TargetInternet })
		},
	},
	{
		name: "a static entry for the router", faults: []string{"host.neighbour-override"}, cause: "host.neighbour-override", sure: Certain,
		world: func() *world {
			w := slaac().say(Neighbour{Interface: "eth0", Address: routerAddr, MAC: otherMAC, State: NoARP}).
				silence(func(p Path) bool { return internetOrSource(p) || p.Target == routerAddr && p.Asks == AsksEcho })
			return w.each(func(p Path) bool { return p.Target == routerAddr && p.Asks == AsksND }, func(p *Path) {
				p.Responders = []Responder{{Address: routerAddr, MAC: routerMAC}}
			})
		},
	},
	{
		name: "packets larger than the link takes", faults: []string{"path.mtu"}, cause: "path.mtu", says: "neighbours neither",
		world: func() *world {
			w := slaac()
			for _, p := range []Path{
				{Source: myLocal, Target: routerAddr, TargetClass: TargetRouter},
				{Source: mine, Target: peerGlobal, TargetClass: TargetPeer, Given: true},
				{Source: mine, Target: host1, TargetClass: TargetInternet, Given: true},
			} {
				p.Check, p.Asks, p.Outcome, p.SourceClass = "mtu", AsksMTU, Silent, SourceUnknown
				w.path(p)
			}
			return w
		},
	},
	{
		name: "the host does not answer for its own address", faults: []string{"host.firewall"}, cause: "host.firewall", sure: Certain, says: "no advertisement left",
		world: func() *world {
			asks := Frame{Interface: "eth0", SrcMAC: routerMAC, Src: routerAddr, Dst: SolicitedNode(mine), HopLimit: 255, Type: NS, Target: mine}
			return slaac().say(asks, Filter{
				Table: "ip6 filter", Chain: "INPUT", Hook: "input", Rule: "policy drop", Verdict: "drop", Matches: []string{"ns", "na", "ra", "echo-request"},
			}).silence(internetOrSource)
		},
	},
	{
		name: "one lost solicitation, which three checks share", faults: []string{}, cause: "path.lossy", sure: Possible,
		world: func() *world {
			return slaac().each(func(p Path) bool { return p.Target == routerAddr && p.Asks == AsksND && p.Source == myLocal }, func(p *Path) { p.Sent, p.Received = 2, 1 }).
				path(Path{Check: "source", Asks: AsksND, Source: myLocal, Target: routerAddr, TargetClass: TargetRouter, Sent: 2, Received: 1})
		},
	},
	{
		name: "a limit in the host's own packet filter", faults: []string{"host.firewall"}, cause: "host.firewall", sure: Likely, says: "a part of what arrives",
		world: func() *world {
			return slaac().each(func(p Path) bool { return p.Asks == AsksEcho && p.Via == ViaKernel }, func(p *Path) { p.Sent, p.Received = 14, 5 }).
				each(func(p Path) bool { return p.Asks == AsksEcho && p.Via == ViaWire }, func(p *Path) { p.Sent, p.Received = 14, 14 })
		},
	},
	{
		name: "answers that come when nobody waits any more", faults: []string{"path.lossy"}, cause: "path.lossy", sure: Certain, says: "1.6 s",
		world: func() *world {
			w := slaac().silence(func(p Path) bool { return p.Target == routerAddr && p.Asks == AsksEcho || p.Target == AllNodes })
			w.late = 1600 * time.Millisecond
			return w
		},
	},
}

// TestStrangers: what no scenario has is named for what it is, or not at all.
func TestStrangers(t *testing.T) {
	for _, tt := range strangerTests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world().state())
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
	w := func() *world { return slaac().say(Metadata{State: MetadataUnreachable, Why: "HTTP 401"}) }
	if d := Diagnose(w().state()); d.Verdict != VerdictUnknown || !strings.Contains(d.Headline, "HTTP 401") {
		t.Errorf("verdict %s: %s", d.Verdict, d.Headline)
	}
	known := w()
	known.run.Assigned = []netip.Prefix{netip.PrefixFrom(mine, 128)}
	known.each(func(p Path) bool { return p.Source == mine }, func(p *Path) { p.SourceClass = SourceAssigned })
	if d := Diagnose(known.state()); d.Verdict != VerdictOK {
		t.Errorf("verdict %s: %s", d.Verdict, d.Headline)
	}
}

// TestClientAtWork: an address that is on its way is not said to have nobody who asks for it.
func TestClientAtWork(t *testing.T) {
	offer := DHCPv6{Message: "advertise", Addresses: []LeaseAddress{{Prefix: netip.PrefixFrom(mine, 128), PreferredS: 140, ValidS: 450}}}
	w := vpc().noAddress().offer(offer).say(Frame{
		Interface: "eth0", Out: true, Type: DHCPv6Frame, Src: myLocal, SrcMAC: myMAC, DHCPv6: &DHCPv6{Message: "request", Transaction: "abcdef"},
	})
	f := find(t, Diagnose(w.state()), "dhcpv6.no-client")
	if f.Confidence == Certain || !strings.Contains(f.Summary, "not hold it yet") {
		t.Errorf("%s: %s", f.Confidence, f.Summary)
	}
}
