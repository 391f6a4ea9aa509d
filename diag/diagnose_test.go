package diag

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag/words"
)

// faults are the causes named that are not info.
func faults(d Diagnosis) []string {
	list := []string{}
	for _, f := range d.Findings {
		if f.Severity != Info && !slices.Contains(list, f.Cause) {
			list = append(list, f.Cause)
		}
	}
	slices.Sort(list)
	return list
}

func TestHealthyVPC(t *testing.T) {
	d := Diagnose(vpc().state())
	want := []string{"net.multicast-suppressed", "net.per-address-filter", "net.router-silent"}
	if got := named(d); !slices.Equal(got, want) {
		t.Errorf("named %v, want %v", got, want)
	}
	if d.Verdict != VerdictOK || len(d.Unexplained) > 0 || len(d.Unknown) > 0 {
		t.Errorf("verdict %s, unexplained %v, unknown %v", d.Verdict, d.Unexplained, d.Unknown)
	}
	if d.Profile.Name != "aws" || d.Profile.Confidence != Certain {
		t.Errorf("profile %+v", d.Profile)
	}
	f := find(t, d, "net.per-address-filter")
	if f.Confidence != Certain || len(f.Evidence) < 2 {
		t.Errorf("per-address-filter: %+v", f)
	}
	for _, p := range vpc().state().Paths() {
		if n := d.Normal[p.ID]; n == nil || !*n {
			t.Errorf("%s: normal %v, want true", p.ID, n)
		}
	}
}

// TestCandidateThatIsAskedFor: with no peer to ask, candidates of an open link stay unanswered, because
// they answer no solicitation; but the router asks for them, with the reply in its hands.
func TestCandidateThatIsAskedFor(t *testing.T) {
	silent := func() *world {
		return lan().silence(func(p Path) bool { return p.SourceClass == SourceCandidate && p.Asks != AsksDAD })
	}
	ns := Frame{
		Interface: "eth0", SrcMAC: routerMAC, Src: routerAddr, Dst: SolicitedNode(mineNext), HopLimit: 255, Type: NS, Target: mineNext,
	}
	if got := named(Diagnose(silent().state())); !slices.Contains(got, "net.per-address-filter") {
		t.Errorf("named %v", got)
	}
	if got := named(Diagnose(silent().say(ns).state())); slices.Contains(got, "net.per-address-filter") {
		t.Errorf("a candidate was heard, and yet: %v", got)
	}
	dad := ns
	dad.Src = netip.IPv6Unspecified()
	if got := named(Diagnose(silent().say(dad).state())); !slices.Contains(got, "net.per-address-filter") {
		t.Errorf("that another host wants the address proves nothing: %v", got)
	}
}

// TestServicesFromALinkLocalAddress: without a global address no service can answer.
func TestServicesFromALinkLocalAddress(t *testing.T) {
	d := Diagnose(vpc().noAddress().path(Path{
		Check: "services", Asks: AsksService, Source: myLocal, Target: imdsIPv6, TargetClass: TargetService, Via: ViaKernel, Outcome: Silent,
	}).state())
	if got := named(d); slices.Contains(got, "service.imds-ipv6-off") {
		t.Errorf("named %v", got)
	}
}

// TestAbsentAndNotTaken: that nobody answers for an address of the instance's own is as it must be.
func TestAbsentAndNotTaken(t *testing.T) {
	d := Diagnose(vpc().assign(mine, peerSecond).path(Path{
		Check: "assignment", Asks: AsksND, Source: mine, Target: peerSecond, TargetClass: TargetPeer, Outcome: Silent,
	}).state())
	got := slices.DeleteFunc(named(d), func(c string) bool { return strings.HasPrefix(c, "net.") })
	if !slices.Equal(got, []string{"address.not-configured"}) {
		t.Errorf("named %v", got)
	}
}

// TestInterfaceGone: what an interface lacks after it was removed is no fault of the network, and
// what was asked meanwhile says nothing.
func TestInterfaceGone(t *testing.T) {
	d := Diagnose(vpc().path(Path{
		Check: "router-nd", Asks: AsksND, Source: myLocal, Target: routerAddr, TargetClass: TargetRouter, Outcome: Unsent,
	}).say(
		Address{Interface: "eth0", Address: mine, PrefixLen: 128, Gone: true},
		Address{Interface: "eth0", Address: myLocal, PrefixLen: 64, Gone: true},
		Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: routerAddr, Type: "unicast", Metric: 1024, Table: 254, Protocol: "ra", Gone: true},
		Link{Interface: "eth0", Gone: true},
	).state())
	if d.Verdict != VerdictUnknown || len(d.Findings) > 0 || len(d.Unexplained) > 0 || !strings.Contains(d.Headline, "eth0 was removed") {
		t.Errorf("verdict %s: %s, named %v, unexplained %v", d.Verdict, d.Headline, named(d), d.Unexplained)
	}
}

// TestManyPermanentNeighbours: container networks put thousands of permanent entries into the table, which
// its limit does not count.
func TestManyPermanentNeighbours(t *testing.T) {
	for _, fulls := range []int{0, 4} {
		if d := Diagnose(vpc().say(TableUse{Entries: 100101, Thresh3: 1024, TableFulls: fulls}).state()); d.Verdict != VerdictOK {
			t.Errorf("full %d times once: %s: %s", fulls, d.Verdict, d.Headline)
		}
	}
}

// TestNoLinkLocal: what is asked without an address is no second riddle.
func TestNoLinkLocal(t *testing.T) {
	d := Diagnose(vpc().say(Address{Interface: "eth0", Address: myLocal, PrefixLen: 64, Gone: true}).path(Path{
		Check: "ra", Asks: AsksRS, Source: netip.IPv6Unspecified(), SourceClass: SourceUnspecified, Target: AllRouters, TargetClass: TargetRouter, Outcome: Silent,
	}).state())
	if got := find(t, d, "address.not-configured"); len(got.Explains) == 0 || len(d.Unexplained) > 0 {
		t.Errorf("named %v, unexplained %v", named(d), d.Unexplained)
	}
}

// TestShaken: what an interface lost for a moment while it was asked on is no fault that is there to stay,
// and what was asked meanwhile says nothing. What it lost before is long known, and what it stays without is
// for the causes to name.
func TestShaken(t *testing.T) {
	up := Link{Interface: "eth0", Index: 2, MAC: myMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true}
	down := up
	down.Up, down.Carrier = false, false
	running := Check{ID: "peer-nd", Interface: "eth0", State: CheckRunning}
	done := Check{ID: "peer-nd", Interface: "eth0", State: CheckDone}
	gone := Address{Interface: "eth0", Address: mine, PrefixLen: 128, PreferredS: 100, ValidS: 400, Gone: true}
	candidate := Address{Interface: "eth0", Address: mineNext, PrefixLen: 128, ValidS: 20, Flags: NoPrefixRoute, Gone: true}
	for name, c := range map[string]struct {
		say     []Body
		verdict Verdict
		says    string
	}{
		"link, for a moment":         {[]Body{running, down, up, done}, VerdictUnknown, "the link of eth0 was down for a moment"},
		"link, and it runs yet":      {[]Body{running, down, up}, VerdictUnknown, "the link of eth0 was down for a moment"},
		"link, for good":             {[]Body{running, down, done}, VerdictCritical, "eth0 is down"},
		"link, before it was asked":  {[]Body{down, up, running, done}, VerdictOK, "as it should be"},
		"link, and asked again":      {[]Body{running, down, up, done, running, done}, VerdictOK, "as it should be"},
		"address that asked":         {[]Body{running, gone, done}, VerdictUnknown, mine.String() + " was removed from eth0"},
		"IPv6 as a whole":            {[]Body{running, gone, Sysctl{Scope: "eth0", Name: "disable_ipv6", Value: "1"}, done}, VerdictCritical, "IPv6 is switched off on eth0"},
		"candidate that was removed": {[]Body{running, candidate, done}, VerdictOK, "as it should be"},
	} {
		t.Run(name, func(t *testing.T) {
			w := vpc()
			if c.verdict != VerdictOK {
				w.path(Path{Check: "router-nd", Asks: AsksND, Source: myLocal, Target: routerAddr, TargetClass: TargetRouter, Outcome: Unsent})
			}
			if name == "IPv6 as a whole" {
				w.say(Address{Interface: "eth0", Address: myLocal, PrefixLen: 64, Gone: true})
			}
			state := fold(w.say(c.say...).state().Events()) // as a recording that begins then
			d := Diagnose(state)
			if d.Verdict != c.verdict || !strings.Contains(d.Headline, c.says) {
				t.Errorf("verdict %s: %s", d.Verdict, d.Headline)
			}
			if faults := slices.DeleteFunc(named(d), func(c string) bool { return strings.HasPrefix(c, "net.") }); c.verdict == VerdictUnknown && len(faults)+len(d.Unexplained) > 0 {
				t.Errorf("named %v, unexplained %v", faults, d.Unexplained)
			}
		})
	}
}

func TestHealthyLAN(t *testing.T) {
	d := Diagnose(lan().state())
	if got := named(d); !slices.Equal(got, []string{"net.open-link"}) {
		t.Errorf("named %v", got)
	}
	if d.Verdict != VerdictOK || d.Profile.Name != "lan" {
		t.Errorf("verdict %s, profile %v, unexplained %v, unknown %v", d.Verdict, d.Profile, d.Unexplained, d.Unknown)
	}
	if f := find(t, d, "net.open-link"); f.Confidence == Certain {
		t.Error("net.open-link is certain although the assigned set is not known")
	}
}

// causeTests have, for every cause, observations in which it holds. faults are all that is wrong:
// a cause that is not in the list must not be named with more than info.
var causeTests = []struct {
	name   string
	cause  string
	world  func() *world
	faults []string
	sure   Confidence // "" is not looked at
}{
	{name: "hand-added address", cause: "address.unassigned", sure: Certain, faults: []string{"address.unassigned"}, world: handAdded},
	{
		name: "hand-added address that the kernel prefers", cause: "host.source-selection", sure: Certain,
		faults: []string{"address.unassigned", "host.source-selection"},
		world: func() *world {
			return handAdded().say(Selection{Dst: host1, Source: hand, Interface: "eth0", Via: routerAddr})
		},
	},
	{
		name: "assigned and absent", cause: "address.not-configured", sure: Certain, faults: []string{"address.not-configured"},
		world: func() *world { return vpc().assign(mine, peerSecond) },
	},
	{
		name: "assigned and routed to a container", cause: "address.not-configured", faults: []string{},
		world: func() *world {
			return vpc().assign(mine, peerSecond).say(Route{
				Interface: "veth1", Dst: netip.PrefixFrom(peerSecond, 128), Table: MainTable, Type: "unicast", ExpiresS: Forever,
			})
		},
	},
	{
		name: "other interface's address", cause: "address.wrong-interface", sure: Certain,
		faults: []string{"address.wrong-interface"},
		world: func() *world {
			return vpc().run2().say(byHand(hand, 128)).say(Metadata{State: MetadataOK, Interfaces: []MetadataInterface{
				{MAC: myMAC, ID: "eni-0123", Addresses: []netip.Addr{mine}, Subnets: []netip.Prefix{subnet}},
				{MAC: otherMAC, ID: "eni-4567", Addresses: []netip.Addr{hand}, Subnets: []netip.Prefix{subnet}},
			}}).say(Link{Interface: "eth1", MAC: otherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true}).
				say(Address{Interface: "eth1", Address: otherMAC.LinkLocal(), PrefixLen: 64, PreferredS: Forever, ValidS: Forever, Flags: Permanent})
		},
	},
	{
		name: "DAD failed", cause: "address.duplicate", sure: Certain, faults: []string{"address.duplicate"},
		world: func() *world {
			a := byHand(hand, 64)
			a.Flags |= DADFailed | Tentative
			return vpc().say(a)
		},
	},
	{
		name: "DAD failed and only the deletion tells", cause: "address.duplicate", sure: Certain, faults: []string{"address.duplicate"},
		world: func() *world {
			a := leased(mine)
			a.Flags |= DADFailed | Tentative
			a.Gone = true
			return vpc().noAddress().say(a)
		},
	},
	{
		name: "assigned, absent, answered by somebody else", cause: "address.duplicate", sure: Certain, faults: []string{"address.duplicate"},
		world: func() *world {
			return vpc().assign(mine, peerSecond).path(Path{
				Check: "assignment", Asks: AsksND, Source: mine, Target: peerSecond, TargetClass: TargetPeer,
				Responders: []Responder{{Address: peerSecond, MAC: peerMAC}},
			})
		},
	},
	{
		name: "lease not renewed, and deprecated meanwhile", cause: "address.expiring", sure: Certain, faults: []string{"address.expiring"},
		world: func() *world {
			a, over := leased(mine), leased(mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 3, 330, 117
			over.PreferredS, over.ValidS, over.UpdatedS, over.Flags = 0, 330, 117.1, Deprecated
			return vpc().say(a, over)
		},
	},
	{
		name: "lease not renewed", cause: "address.expiring", sure: Certain, faults: []string{"address.expiring"},
		world: func() *world {
			a := leased(mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 20, 330, 120
			return vpc().drop(ofKind(func(x Address) bool { return x.Address == mine })).say(a)
		},
	},
	{
		name: "the VPC's own address", cause: "address.reserved", sure: Certain, faults: []string{"address.reserved"},
		world: func() *world { return vpc().say(byHand(netip.MustParseAddr("2001:db8:1f16:8df::1"), 64)) },
	},
	{
		name: "the subnet's last address", cause: "address.reserved", faults: []string{"address.reserved"},
		world: func() *world {
			return vpc().say(byHand(netip.MustParseAddr("2001:db8:1f16:8df:ffff:ffff:ffff:ffff"), 64))
		},
	},
	{
		name: "stable-privacy link-local", cause: "address.link-local-not-eui64", sure: Likely, faults: []string{"address.link-local-not-eui64"},
		world: func() *world { return vpc().say(byHand(netip.MustParseAddr("fe80::dead:beef"), 64)) },
	},
	{
		name: "stable-privacy link-local, and an advertisement to all comes after its solicitation", cause: "address.link-local-not-eui64",
		sure: Likely, faults: []string{"address.link-local-not-eui64"},
		world: func() *world {
			local := netip.MustParseAddr("fe80::dead:beef")
			return vpc().say(byHand(local, 64)).path(Path{
				Check: "ra", Asks: AsksRS, Source: local, SourceClass: SourceUnassigned, Target: AllRouters, TargetClass: TargetRouter,
				Responders: []Responder{{Address: routerAddr, MAC: routerMAC}},
			})
		},
	},
	{
		name: "nothing assigned", cause: "assignment.none", sure: Certain, faults: []string{"assignment.none"},
		world: func() *world { return vpc().assign().noAddress() },
	},
	{
		name: "no router", cause: "router.no-advertisement", sure: Likely, faults: []string{"router.no-advertisement"},
		world: noRouter,
	},
	{
		name: "no router for long", cause: "router.no-advertisement", sure: Certain, faults: []string{"router.no-advertisement"},
		world: func() *world {
			w := noRouter()
			for range 3 {
				w.say(Frame{Interface: "eth0", Out: true, Type: RS, Src: myLocal, Dst: AllRouters})
			}
			for range 12000 {
				w.say(Tick{})
			}
			w.elapsed = 30 * time.Second
			return w.say(Frame{Interface: "eth0", Out: true, Type: RS, Src: myLocal, Dst: AllRouters})
		},
	},
	{
		name: "forwarding makes the kernel deaf", cause: "router.advertisement-ignored", sure: Certain,
		faults: []string{"router.advertisement-ignored"},
		world:  func() *world { return vpc().noDefault().say(Sysctl{Scope: "eth0", Name: "forwarding", Value: "1"}) },
	},
	{
		name: "accept_ra off and nobody else listens", cause: "router.advertisement-ignored", sure: Certain,
		faults: []string{"router.advertisement-ignored"},
		world:  func() *world { return vpc().noDefault().say(Sysctl{Scope: "eth0", Name: "accept_ra", Value: "0"}) },
	},
	{
		name: "the router withdraws", cause: "router.not-default", sure: Certain, faults: []string{"router.not-default"},
		world: func() *world {
			ra := vpcRA()
			ra.LifetimeS = 0
			return vpc().noDefault().say(raFrame(routerAddr, routerMAC, ra))
		},
	},
	{
		name: "accepted and yet no route", cause: "route.missing", sure: Certain, faults: []string{"route.missing"},
		world: func() *world { return vpc().noDefault() },
	},
	{
		name: "the router does not resolve", cause: "router.unresolvable", sure: Certain, faults: []string{"router.unresolvable"},
		world: func() *world {
			return vpc().silence(func(p Path) bool {
				return p.Target == routerAddr && p.Asks != AsksRS || p.TargetClass == TargetInternet
			}).each(func(p Path) bool { return p.TargetClass == TargetInternet && p.Via == ViaKernel }, func(p *Path) { p.Detail = "unresolved" })
		},
	},
	{
		name: "the router does not resolve any more, and the kernel has not noticed", cause: "router.unresolvable",
		sure: Certain, faults: []string{"router.unresolvable"},
		world: func() *world {
			toIt := func(p Path) bool { return p.Target == routerAddr && p.Asks != AsksRS }
			return vpc().silence(toIt).each(toIt, func(p *Path) {
				if p.Via == ViaKernel {
					p.NUD = Reachable
				}
			})
		},
	},
	{
		name: "a second router in a VPC", cause: "router.rogue", sure: Certain, faults: []string{"router.rogue"},
		world: func() *world {
			return vpc().say(raFrame(netip.MustParseAddr("fe80::bad"), peerMAC, Advertisement{LifetimeS: 1800, Preference: "high"}))
		},
	},
	{
		name: "a second router on a LAN", cause: "router.rogue", faults: []string{},
		world: func() *world {
			return lan().say(raFrame(peerLocal, peerMAC, Advertisement{LifetimeS: 1800}))
		},
	},
	{
		name: "no DHCPv6 client", cause: "dhcpv6.no-client", sure: Certain, faults: []string{"dhcpv6.no-client"},
		world: func() *world {
			return vpc().noAddress().offer(DHCPv6{Message: "advertise", Addresses: []LeaseAddress{{Prefix: netip.PrefixFrom(mine, 128)}}}).
				path(Path{Check: "dhcpv6", Asks: AsksDHCP, Source: myLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: TargetService})
		},
	},
	{
		name: "no DHCPv6 server", cause: "dhcpv6.silent", sure: Certain, faults: []string{"dhcpv6.silent"},
		world: func() *world {
			return vpc().noAddress().path(Path{
				Check: "dhcpv6", Asks: AsksDHCP, Source: myLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: TargetService, Outcome: Silent,
			})
		},
	},
	{
		name: "a DHCPv6 server without an address", cause: "dhcpv6.no-address", sure: Certain, faults: []string{"dhcpv6.no-address"},
		world: func() *world {
			return vpc().noAddress().offer(DHCPv6{Message: "advertise", Status: "NoAddrsAvail"}).
				path(Path{Check: "dhcpv6", Asks: AsksDHCP, Source: myLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: TargetService, Detail: "no-address"})
		},
	},
	{
		name: "nothing assigned, as the DHCPv6 server says too", cause: "assignment.none", faults: []string{"assignment.none"},
		world: func() *world {
			return vpc().assign().noAddress().offer(DHCPv6{Message: "advertise", Status: "NoAddrsAvail"}).
				path(Path{Check: "dhcpv6", Asks: AsksDHCP, Source: myLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: TargetService, Detail: "no-address"})
		},
	},
	{
		name: "no DHCPv6 client, and a second address that none would ask for", cause: "address.not-configured", sure: Certain,
		faults: []string{"address.not-configured", "dhcpv6.no-client"},
		world: func() *world {
			return vpc().assign(mine, peerSecond).noAddress().offer(DHCPv6{Message: "advertise", Addresses: []LeaseAddress{{Prefix: netip.PrefixFrom(mine, 128)}}})
		},
	},
	{
		name: "peer that does not exist", cause: "peer.unmapped", sure: Likely, faults: []string{"peer.unmapped"},
		world: func() *world {
			return vpc().silence(to(peerGlobal)).
				each(func(p Path) bool { return p.Target == peerGlobal && p.Via == ViaKernel && p.Asks == AsksEcho }, func(p *Path) { p.Detail, p.Sent = "unresolved", 0 })
		},
	},
	{
		name: "peer behind a security group", cause: "peer.echo-blocked", sure: Likely, faults: []string{"peer.echo-blocked"},
		world: func() *world {
			return vpc().silence(func(p Path) bool { return p.Target == peerGlobal && p.Asks == AsksEcho })
		},
	},
	{
		name: "peer beyond the router", cause: "peer.echo-blocked", sure: Likely, faults: []string{"peer.echo-blocked"},
		world: func() *world { return vpc().farPeer(Silent) },
	},
	{
		name: "peer beyond the router, and nothing else there answers", cause: "path.beyond-router", faults: []string{"path.beyond-router"},
		world: func() *world {
			return vpc().farPeer(Silent).silence(func(p Path) bool { return p.TargetClass == TargetInternet })
		},
	},
	{
		name: "nothing beyond the router", cause: "path.beyond-router", sure: Likely, faults: []string{"path.beyond-router"},
		world: func() *world { return vpc().silence(func(p Path) bool { return p.TargetClass == TargetInternet }) },
	},
	{
		name: "refused on the way", cause: "path.refused", sure: Certain, faults: []string{"path.refused"},
		world: func() *world {
			return vpc().each(func(p Path) bool { return p.TargetClass == TargetInternet && p.SourceClass == SourceAssigned }, func(p *Path) {
				p.silent()
				p.Outcome, p.Error = Refused, &PathError{Type: Unreachable, Code: 1, From: routerAddr}
			})
		},
	},
	{
		name: "large packets vanish", cause: "path.mtu", sure: Likely, faults: []string{"path.mtu"},
		world: func() *world {
			return vpc().path(Path{Check: "mtu", Asks: AsksMTU, Source: mine, Target: host1, TargetClass: TargetInternet, Given: true, Outcome: Silent})
		},
	},
	{
		name: "30 % loss", cause: "path.lossy", sure: Certain, faults: []string{"path.lossy"},
		world: func() *world {
			return vpc().each(func(p Path) bool {
				return p.SourceClass == SourceAssigned && p.Outcome == Answered && p.Asks == AsksEcho
			}, func(p *Path) {
				p.Sent, p.Received = 12, 8
			})
		},
	},
	{
		name: "30 % loss takes the kernel's three solicitations", cause: "path.lossy", sure: Certain, faults: []string{"path.lossy"},
		world: func() *world {
			return vpc().each(func(p Path) bool { return p.SourceClass == SourceAssigned && p.Outcome == Answered && reaches(&p) }, func(p *Path) {
				p.Sent, p.Received = 4, 2
				if p.Via == ViaKernel && p.Target == peerGlobal {
					p.silent()
					p.Sent = 3
				}
			})
		},
	},
	{
		name: "30 % loss takes a router solicitation", cause: "path.lossy", sure: Certain, faults: []string{"path.lossy"},
		world: func() *world {
			return vpc().each(func(p Path) bool { return p.SourceClass == SourceAssigned && p.Outcome == Answered }, func(p *Path) {
				p.Sent, p.Received = 4, 2
				if p.Asks == AsksRS {
					p.silent()
					p.Sent = 3
				}
			})
		},
	},
	{
		name: "30 % loss takes what a DHCPv6 server was asked", cause: "path.lossy", sure: Certain, faults: []string{"path.lossy"},
		world: func() *world {
			return vpc().path(Path{Check: "dhcpv6", Asks: AsksDHCP, Outcome: Silent, Sent: 3, Source: myLocal, Target: netip.MustParseAddr("ff02::1:2"), TargetClass: TargetService}).
				each(func(p Path) bool { return p.SourceClass == SourceAssigned && p.Outcome == Answered }, func(p *Path) {
					p.Sent, p.Received = 4, 2
				})
		},
	},
	{
		name: "loss does not hide a peer that is gone", cause: "peer.unmapped", faults: []string{"path.lossy", "peer.unmapped"},
		world: func() *world {
			return vpc().each(func(p Path) bool { return p.SourceClass == SourceAssigned && p.Outcome == Answered && reaches(&p) }, func(p *Path) {
				p.Sent, p.Received = 4, 3
			}).silence(to(peerLocal))
		},
	},
	{
		name: "IPv6 off", cause: "host.ipv6-disabled", sure: Certain, faults: []string{"host.ipv6-disabled"},
		world: func() *world {
			w := vpc().drop(ofKind(func(Address) bool { return true })).noDefault().say(Sysctl{Scope: "eth0", Name: "disable_ipv6", Value: "1"})
			w.paths = nil
			return w
		},
	},
	{
		name: "no carrier", cause: "host.link-down", sure: Certain, faults: []string{"host.link-down"},
		world: func() *world {
			w := vpc().noDefault().noAddress().say(Link{Interface: "eth0", MAC: myMAC, MTU: 9001, Up: true, Ethernet: true})
			w.paths = nil
			return w
		},
	},
	{
		name: "nft drops NA", cause: "host.firewall", sure: Certain, faults: []string{"host.firewall"},
		world: func() *world {
			return vpc().say(Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "icmpv6 type nd-neighbor-advert drop", Handle: 7, Verdict: "drop", Matches: []string{"na"}}).
				kernelDeaf("unresolved")
		},
	},
	{
		name: "nft drops NS out", cause: "host.firewall", sure: Certain, faults: []string{"host.firewall"},
		world: func() *world {
			return vpc().say(Filter{Table: "ip6 filter", Chain: "OUTPUT", Hook: "output", Rule: "icmpv6 type nd-neighbor-solicit drop", Verdict: "drop", Matches: []string{"ns"}}).
				each(func(p Path) bool { return p.Via == ViaKernel && p.Asks == AsksND }, func(p *Path) {
					p.silent()
					p.Outcome, p.Sent, p.Detail = Unsent, 0, "not-seen-leaving"
				}).kernelDeaf("unresolved")
		},
	},
	{
		name: "nft drops echo replies", cause: "host.firewall", sure: Certain, faults: []string{"host.firewall"},
		world: func() *world {
			return vpc().say(Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "drop", Verdict: "drop", Matches: []string{"echo-reply"}}).
				kernelDeaf("")
		},
	},
	{
		name: "echo is not permitted", cause: "host.firewall", sure: Likely, faults: []string{"host.firewall"},
		world: func() *world {
			return vpc().each(func(p Path) bool { return p.Via == ViaKernel && p.Asks == AsksEcho && p.SourceClass == SourceAssigned }, func(p *Path) {
				p.silent()
				p.Outcome, p.Sent, p.Errno = Unsent, 0, "EPERM"
			})
		},
	},
	{
		name: "tc drops what leaves", cause: "host.egress-hook", sure: Certain, faults: []string{"host.egress-hook"},
		world: func() *world {
			return vpc().each(func(p Path) bool { return p.Asks != AsksDAD }, func(p *Path) {
				p.silent()
				p.Outcome, p.Sent, p.Detail = Unsent, 0, "not-seen-leaving"
				if p.Via == ViaWire {
					p.Errno, p.Detail = "ENOBUFS", ""
				}
			})
		},
	},
	{
		name: "static entry", cause: "host.neighbour-override", sure: Certain, faults: []string{"host.neighbour-override"},
		world: func() *world {
			return vpc().say(Neighbour{Interface: "eth0", Address: peerGlobal, MAC: otherMAC, State: PermanentNUD}).
				each(func(p Path) bool { return p.Target == peerGlobal && p.Via == ViaKernel && p.Asks == AsksEcho }, func(p *Path) { p.silent() }).
				each(func(p Path) bool { return p.Target == peerGlobal && p.Via == ViaKernel && p.Asks == AsksND }, func(p *Path) { p.Outcome, p.Detail = OutcomeSkipped, "already-resolved" })
		},
	},
	{
		name: "table full", cause: "host.neighbour-table-full", sure: Certain, faults: []string{"host.neighbour-table-full"},
		world: func() *world {
			return vpc().say(TableUse{Entries: 1024, Thresh3: 1024, TableFulls: 4}).
				each(func(p Path) bool { return p.Target == peerGlobal && p.Via == ViaKernel }, func(p *Path) {
					p.silent()
					p.Outcome, p.Sent, p.Errno = Unsent, 0, "ENOBUFS"
				})
		},
	},
	{
		name: "table full, as a container sees it", cause: "host.neighbour-table-full", sure: Likely, faults: []string{"host.neighbour-table-full"},
		world: func() *world {
			return vpc().drop(ofKind(func(TableUse) bool { return true })).
				each(func(p Path) bool { return p.Target == peerGlobal && p.Via == ViaKernel }, func(p *Path) {
					p.silent()
					p.Outcome, p.Sent, p.Errno = Unsent, 0, "EINVAL"
				})
		},
	},
	{
		name: "the other interface's default route", cause: "host.routing", sure: Certain, faults: []string{"host.routing"},
		world: func() *world {
			return vpc().say(
				Link{Interface: "eth1", MAC: otherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
				Selection{Dst: host1, From: mine, Source: mine, Interface: "eth1", Via: routerAddr},
			).each(func(p Path) bool { return p.TargetClass == TargetInternet && p.Via == ViaKernel }, func(p *Path) {
				p.silent()
				p.Outcome, p.Sent, p.Detail = Unsent, 0, "not-seen-leaving"
			})
		},
	},
	{
		name: "an unreachable route", cause: "host.routing", sure: Certain, faults: []string{"host.routing"},
		world: func() *world {
			return vpc().say(
				Route{Interface: "lo", Dst: netip.MustParsePrefix("2001:db8:ffff::/48"), Table: MainTable, Type: "unreachable", Metric: 1, ExpiresS: Forever},
				Selection{Dst: host1, Errno: "EHOSTUNREACH"}, Selection{Dst: host2, Errno: "EHOSTUNREACH"},
			).each(func(p Path) bool { return p.TargetClass == TargetInternet && p.Via == ViaKernel }, func(p *Path) {
				p.silent()
				p.Outcome, p.Sent, p.Errno = Unsent, 0, "EHOSTUNREACH"
			})
		},
	},
	{
		name: "containers speak", cause: "host.forwards-unassigned", sure: Certain, faults: []string{"host.forwards-unassigned"},
		world: func() *world {
			return vpc().say(Frame{Interface: "eth0", Out: true, Type: EchoRequest, Src: netip.MustParseAddr("fd00:10::5"), Dst: host1})
		},
	},
	{
		name: "DNS does not answer", cause: "service.unreachable", sure: Likely, faults: []string{"service.unreachable"},
		world: func() *world {
			return vpc().path(Path{Check: "services", Asks: AsksService, Source: mine, Target: netip.MustParseAddr("fd00:ec2::253"), TargetClass: TargetService, Via: ViaKernel, Outcome: Silent})
		},
	},
	{
		name: "NTP answers and DNS does not, on a machine that does not say what it is", cause: "service.unreachable", faults: []string{"service.unreachable"},
		world: func() *world {
			return vpc().noDMI().service("fd00:ec2::253", Silent).service("fd00:ec2::123", Answered)
		},
	},
	{
		name: "no service answers, as on Xen", cause: "net.per-address-filter", faults: []string{},
		world: func() *world {
			return vpc().noDMI().service("fd00:ec2::253", Silent).service("fd00:ec2::123", Silent).service("fd00:ec2::254", Silent)
		},
	},
	{
		name: "no service answers, on Nitro", cause: "service.unreachable", faults: []string{"service.unreachable"},
		world: func() *world { return vpc().service("fd00:ec2::253", Silent).service("fd00:ec2::123", Silent) },
	},
	{
		name: "the host drops advertisements, so that no service can be asked", cause: "host.firewall", faults: []string{"host.firewall"},
		world: func() *world {
			w := vpc().service("fd00:ec2::253", Silent).service("fd00:ec2::123", Silent)
			return w.each(func(p Path) bool { return p.Via == ViaKernel && p.SourceClass == SourceAssigned }, func(p *Path) {
				if p.TargetClass == TargetPeer || p.TargetClass == TargetInternet || p.TargetClass == TargetService {
					p.silent()
					p.Detail = "unresolved"
				}
			}).say(Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "drop", Verdict: "drop", Matches: []string{"na"}})
		},
	},
	{
		name: "IMDS over IPv6 is off", cause: "service.imds-ipv6-off", faults: []string{},
		world: func() *world {
			return vpc().path(Path{Check: "services", Asks: AsksService, Source: mine, Target: imdsIPv6, TargetClass: TargetService, Via: ViaKernel, Outcome: Silent})
		},
	},
	{name: "filter", cause: "net.per-address-filter", sure: Certain, faults: []string{}, world: vpc},
	{name: "no multicast", cause: "net.multicast-suppressed", sure: Certain, faults: []string{}, world: vpc},
	{name: "quiet router", cause: "net.router-silent", sure: Certain, faults: []string{}, world: vpc},
	{name: "open link", cause: "net.open-link", faults: []string{}, world: lan},
	{
		name: "two faults at once", cause: "peer.unmapped", faults: []string{"address.unassigned", "peer.unmapped"},
		world: func() *world { return handAdded().silence(to(peerGlobal)) },
	},
	{
		name: "three faults at once", cause: "path.beyond-router", faults: []string{"address.expiring", "path.beyond-router", "peer.echo-blocked"},
		world: func() *world {
			a := leased(mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 20, 330, 120
			return vpc().drop(ofKind(func(x Address) bool { return x.Address == mine })).say(a).
				silence(func(p Path) bool {
					return p.TargetClass == TargetInternet || p.Target == peerGlobal && p.Asks == AsksEcho
				})
		},
	},
}

// handAdded is the article's last experiment: an address that nobody assigned, configured.
func handAdded() *world {
	w := vpc().say(byHand(hand, 64))
	w.path(Path{Check: "source", Asks: AsksND, Source: hand, SourceClass: SourceUnassigned, Target: routerAddr, TargetClass: TargetRouter, Outcome: Silent})
	return w.path(Path{Check: "source", Asks: AsksEcho, Source: hand, SourceClass: SourceUnassigned, Target: host1, TargetClass: TargetInternet, Given: true, Outcome: Silent})
}

func noRouter() *world {
	w := vpc().noDefault().noAddress().drop(ofKind(func(f Frame) bool { return f.Type == RA }))
	w.paths = nil
	w.path(Path{Check: "ra", Asks: AsksRS, Source: myLocal, Target: AllRouters, TargetClass: TargetRouter, Outcome: Silent, Sent: 2})
	return w
}

func (w *world) noDefault() *world {
	w.drop(ofKind(func(r Route) bool { return r.Dst.Bits() == 0 }))
	return w.each(func(p Path) bool {
		return p.TargetClass == TargetInternet && p.Via == ViaKernel && p.SourceClass == SourceAssigned
	}, func(p *Path) {
		p.silent()
		p.Outcome, p.Sent, p.Errno = Unsent, 0, "ENETUNREACH"
	})
}

// noDMI takes away what the machine says of itself.
func (w *world) noDMI() *world {
	return w.drop(func(b Body) bool { _, dmi := b.(Machine); return dmi })
}

func (w *world) service(target string, outcome Outcome) *world {
	return w.path(Path{
		Check: "services", Asks: AsksService, Source: mine, Target: netip.MustParseAddr(target), TargetClass: TargetService,
		Via: ViaKernel, Outcome: outcome,
	})
}

// farPeer asks a peer of another subnet.
func (w *world) farPeer(outcome Outcome) *world {
	far := netip.MustParseAddr("2001:db8:1f16:8df1::7")
	w.say(Selection{Dst: far, Bound: "eth0", Source: mine, Interface: "eth0", Via: routerAddr})
	w.both(Path{
		Check: "peer-nd", Asks: AsksND, Source: mine, Target: far, TargetClass: TargetPeer, Given: true,
		Outcome: OutcomeSkipped, Detail: "via-router", Note: routerAddr.String(),
	})
	w.both(Path{Check: "peer-echo", Asks: AsksEcho, Source: mine, Target: far, TargetClass: TargetPeer, Given: true, Outcome: outcome})
	return w
}

func TestFarPeerWords(t *testing.T) {
	f := find(t, Diagnose(vpc().farPeer(Silent).state()), "peer.echo-blocked")
	if strings.Contains(f.Summary+f.Explanation, "resolve") || !strings.Contains(f.Summary, "router") {
		t.Errorf("nobody resolved a peer beyond the router:\n%s\n%s", f.Summary, f.Explanation)
	}
}

func (w *world) noAddress() *world {
	w.drop(ofKind(func(a Address) bool { return a.Address == mine }))
	w.paths = slices.DeleteFunc(w.paths, func(p Path) bool { return p.Source == mine })
	return w
}

// assign replaces what the metadata service says is assigned.
func (w *world) assign(list ...netip.Addr) *world {
	state := MetadataOK
	return w.say(Metadata{State: state, Interfaces: []MetadataInterface{{
		MAC: myMAC, ID: "eni-0123", Subnet: "subnet-0123", Addresses: list, Subnets: []netip.Prefix{subnet},
	}}})
}

// run2 makes the run one about two interfaces.
func (w *world) run2() *world {
	w.run.Interfaces = []string{"eth0", "eth1"}
	return w
}

func (w *world) offer(d DHCPv6) *world {
	return w.say(Frame{Interface: "eth0", Type: DHCPv6Frame, Src: routerAddr, Dst: myLocal, DHCPv6: &d})
}

// kernelDeaf silences the kernel's echoes while the wire is answered.
func (w *world) kernelDeaf(detail string) *world {
	return w.each(func(p Path) bool {
		return p.Via == ViaKernel && p.SourceClass == SourceAssigned && p.Outcome == Answered && (p.Asks == AsksEcho || detail != "" && p.Asks == AsksND)
	}, func(p *Path) {
		p.silent()
		if p.Asks == AsksEcho && detail != "" {
			p.Detail, p.Sent = detail, 0
		}
	})
}

func TestCauses(t *testing.T) {
	covered := map[string]bool{}
	for _, tt := range causeTests {
		covered[tt.cause] = true
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world().state())
			f := find(t, d, tt.cause)
			if tt.sure != "" && f.Confidence != tt.sure {
				t.Errorf("%s is %s, want %s", tt.cause, f.Confidence, tt.sure)
			}
			if got := faults(d); !slices.Equal(got, tt.faults) {
				t.Errorf("faults %v, want %v", got, tt.faults)
			}
			if len(d.Unexplained) > 0 {
				t.Errorf("unexplained: %+v", d.Unexplained)
			}
			for _, text := range append([]string{f.Summary, f.Explanation, d.Headline}, f.Remedy...) {
				if i := strings.IndexByte(text, '{'); i >= 0 && i+1 < len(text) && text[i+1] >= 'a' && text[i+1] <= 'z' {
					t.Errorf("a placeholder is left in %q", text)
				}
			}
			if f.Severity != Info && len(f.Evidence) == 0 {
				t.Errorf("%s has no evidence", tt.cause)
			}
		})
	}
	for _, id := range CauseNames() {
		if !covered[id] {
			t.Errorf("no test for %s", id)
		}
	}
}

func TestLooksSuspiciousAndIsNot(t *testing.T) {
	tests := map[string]func() *world{
		"networkd handles advertisements": func() *world {
			return vpc().say(Sysctl{Scope: "eth0", Name: "accept_ra", Value: "0"}, Manager{Interface: "eth0", Name: "networkd", RA: true})
		},
		"DAD is off": func() *world {
			return vpc().say(Sysctl{Scope: "eth0", Name: "accept_dad", Value: "0"}).
				each(func(p Path) bool { return p.Asks == AsksDAD }, func(p *Path) { p.Outcome, p.Detail, p.Sent = OutcomeSkipped, "off", 0 })
		},
		"leftover FAILED entry": func() *world {
			return vpc().say(Neighbour{Interface: "eth0", Address: peerSecond, State: Failed})
		},
		"a peer that limits its echoes": func() *world {
			return vpc().each(func(p Path) bool {
				return p.Target == peerGlobal && p.Asks == AsksEcho && p.SourceClass == SourceAssigned
			}, func(p *Path) {
				p.Sent, p.Received = 2, 1
				if p.Via == ViaWire {
					p.silent()
				}
			})
		},
		"a second router of low preference": func() *world {
			return lan().say(raFrame(peerLocal, peerMAC, Advertisement{LifetimeS: 600, Preference: "low"}))
		},
		"an address in a delegated prefix": func() *world {
			inside := netip.MustParseAddr("2001:db8:1f16:8df:a::5")
			return vpc().say(Metadata{State: MetadataOK, Interfaces: []MetadataInterface{{
				MAC: myMAC, ID: "eni-0123", Addresses: []netip.Addr{mine}, Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:1f16:8df:a::/80")},
				Subnets: []netip.Prefix{subnet},
			}}}).say(byHand(inside, 128))
		},
		"deprecated and valid": func() *world {
			a := leased(mine)
			a.PreferredS, a.ValidS, a.UpdatedS, a.Flags = 0, 3000, 600, Deprecated
			return vpc().drop(ofKind(func(x Address) bool { return x.Address == mine })).say(a)
		},
		"deprecated by hand while it is watched": func() *world {
			a, by := leased(mine), leased(mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 60, 330, 60
			by.PreferredS, by.ValidS, by.UpdatedS, by.Flags = 0, 3000, 0, Deprecated
			return vpc().say(a, by)
		},
		"two interfaces with policy routing": func() *world {
			return vpc().drop(ofKind(func(r Route) bool { return r.Dst.Bits() == 0 })).say(
				Link{Interface: "eth1", MAC: otherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
				Route{Interface: "eth1", Dst: netip.MustParsePrefix("::/0"), Via: routerAddr, Metric: 512, Table: MainTable, Protocol: "ra", Type: "unicast", ExpiresS: 1700},
				Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: routerAddr, Metric: 512, Table: 10000, Protocol: "ra", Type: "unicast", ExpiresS: 1700},
				PolicyRule{Priority: 10000, Src: netip.PrefixFrom(mine, 128), Table: 10000},
			)
		},
		"static default route, no advertisements": func() *world {
			w := lan().drop(ofKind(func(f Frame) bool { return f.Type == RA })).drop(ofKind(func(r Route) bool { return r.Dst.Bits() == 0 })).say(defaultRoute("static"))
			return w.silence(func(p Path) bool { return p.Asks == AsksRS })
		},
		"the built-in Internet hosts are silent": func() *world {
			w := vpc()
			w.run.InternetGiven = false
			return w.each(func(p Path) bool { return p.TargetClass == TargetInternet }, func(p *Path) { p.Given = false }).
				silence(func(p Path) bool { return p.TargetClass == TargetInternet })
		},
		"a peer from the cache is silent": func() *world {
			return vpc().each(to(peerGlobal), func(p *Path) { p.Given = false }).silence(to(peerGlobal))
		},
		"the user turned checks off": func() *world {
			w := vpc()
			for i := range w.checks {
				if w.checks[i].ID == "internet" || w.checks[i].ID == "added" {
					w.checks[i].State, w.checks[i].User = CheckSkipped, true
				}
			}
			return w
		},
		"fe80:ec2::1 and ::1 do not resolve": func() *world {
			return vpc().path(Path{Check: "router-nd", Asks: AsksND, Source: myLocal, Target: VPCRouter, TargetClass: TargetRouter, Outcome: Silent}).
				path(Path{Check: "router-nd", Asks: AsksND, Source: mine, Target: netip.MustParseAddr("2001:db8:1f16:8df::1"), TargetClass: TargetRouter, Outcome: Silent})
		},
		"SLAAC address on a LAN with a lease": func() *world {
			ra := vpcRA()
			ra.Prefixes[0].Autonomous = true
			return lan().say(raFrame(routerAddr, routerMAC, ra)).
				say(Lease{Interface: "eth0", Addresses: []LeaseAddress{{Prefix: netip.PrefixFrom(mine, 128), PreferredS: 3600, ValidS: 7200, At: start}}}).
				say(Address{Interface: "eth0", Address: hand, PrefixLen: 64, PreferredS: 1000, ValidS: 2000, Origin: "kernel_ra"})
		},
		"the candidates while they are configured": func() *world {
			return vpc().say(Address{Interface: "eth0", Address: mineNext, PrefixLen: 128, Flags: NoPrefixRoute | Deprecated, PreferredS: 0, ValidS: 20})
		},
	}
	for name, world := range tests {
		t.Run(name, func(t *testing.T) {
			d := Diagnose(world().state())
			if d.Verdict != VerdictOK {
				t.Errorf("verdict %s: %v, unexplained %+v, unknown %+v", d.Verdict, faults(d), d.Unexplained, d.Unknown)
			}
		})
	}
}

func TestWhatCouldNotBeHadIsUnknown(t *testing.T) {
	tests := map[string]func(*world){
		"frames unavailable": func(w *world) {
			w.say(Feed{Name: FeedFrames, State: Unavailable, Why: "no CAP_NET_RAW", Fix: "sudo ndwhy"})
		},
		"netlink lost":    func(w *world) { w.say(Feed{Name: FeedNetlink, State: Lost}) },
		"metadata silent": func(w *world) { w.say(Feed{Name: FeedIMDS, State: Unavailable, Why: "time-out"}) },
		"check timed out": func(w *world) {
			w.checks[3] = Check{ID: "peer-nd", Interface: "eth0", State: CheckSkipped, Why: words.Say("skipped.timeout")}
		},
		"path timed out": func(w *world) {
			w.path(Path{Check: "internet", Asks: AsksEcho, Source: mine, Target: netip.MustParseAddr("2001:db8::9"), TargetClass: TargetInternet, Outcome: OutcomeSkipped, Detail: "timeout"})
		},
		"no such interface": func(w *world) { w.run.Interfaces = []string{"eth0", "eth7"} },
		"nothing asked":     func(w *world) { w.paths, w.checks = nil, nil },
	}
	for name, bend := range tests {
		t.Run(name, func(t *testing.T) {
			w := vpc()
			bend(w)
			if d := Diagnose(w.state()); d.Verdict != VerdictUnknown || len(d.Unknown) == 0 {
				t.Errorf("verdict %s, unknown %v, faults %v, unexplained %+v", d.Verdict, d.Unknown, faults(d), d.Unexplained)
			}
		})
	}
}

func TestUnassignedIsNeverClaimedWithoutTheAssignedSet(t *testing.T) {
	w := handAdded().drop(ofKind(func(Metadata) bool { return true })).say(Feed{Name: FeedIMDS, State: Unavailable})
	w.each(func(p Path) bool { return p.Source == hand || p.Source == mine }, func(p *Path) { p.SourceClass = SourceUnknown })
	d := Diagnose(w.state())
	for _, f := range d.Findings {
		if f.Cause == "address.unassigned" || f.Cause == "host.source-selection" {
			t.Errorf("%s is claimed", f.Cause)
		}
		if f.Cause == "net.per-address-filter" && f.Confidence == Certain && !slices.ContainsFunc(w.paths, func(p Path) bool {
			return p.SourceClass == SourceAssigned && p.Target == peerLocal
		}) {
			t.Error("the filter is certain without a source known to be assigned")
		}
	}
}

func TestStrongerCauseOfAnAddressHidesTheWeaker(t *testing.T) {
	reserved := netip.MustParseAddr("2001:db8:1f16:8df::2")
	w := vpc().say(byHand(reserved, 64), byHand(netip.MustParseAddr("fe80::1234:1"), 64), byHand(hand, 128))
	w.say(Metadata{State: MetadataOK, Interfaces: []MetadataInterface{
		{MAC: myMAC, ID: "eni-0123", Addresses: []netip.Addr{mine}, Subnets: []netip.Prefix{subnet}},
		{MAC: otherMAC, ID: "eni-4567", Addresses: []netip.Addr{hand, reserved}, Subnets: []netip.Prefix{subnet}},
	}})
	d := Diagnose(w.state())
	want := map[string]string{
		reserved.String(): "address.wrong-interface", hand.String(): "address.wrong-interface", "fe80::1234:1": "address.link-local-not-eui64",
	}
	for _, f := range d.Findings {
		if f.Subject.Kind != "address" {
			continue
		}
		if want[f.Subject.Value] != f.Cause {
			t.Errorf("%s: %s, want %s", f.Subject.Value, f.Cause, want[f.Subject.Value])
		}
		delete(want, f.Subject.Value)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func TestXDPMakesSilenceBeyondUncertain(t *testing.T) {
	w := vpc().say(Link{Interface: "eth0", MAC: myMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true, XDP: true})
	w.silence(func(p Path) bool { return p.TargetClass == TargetInternet })
	f := find(t, Diagnose(w.state()), "path.beyond-router")
	if f.Confidence != Possible || !strings.Contains(f.Explanation, "XDP") {
		t.Errorf("%s: %s", f.Confidence, f.Explanation)
	}
}

func TestUnreadableSettingsGiveAlternatives(t *testing.T) {
	w := vpc().noDefault().drop(ofKind(func(Sysctl) bool { return true }))
	d := Diagnose(w.state())
	f := d.Findings[0]
	if f.Cause != "router.advertisement-ignored" && f.Cause != "route.missing" {
		t.Fatalf("found %v", named(d))
	}
	if len(f.Alternatives) != 1 || f.Alternatives[0].TellApart == "" || f.Confidence == Certain {
		t.Errorf("alternatives %+v, confidence %s", f.Alternatives, f.Confidence)
	}
}

func TestAnAnswerThatNobodyExpectsIsUnexplained(t *testing.T) {
	w := vpc().each(func(p Path) bool { return p.TargetClass == TargetAllNodes }, func(p *Path) {
		p.Outcome, p.Received, p.Responders = Answered, 1, []Responder{{Address: peerLocal, MAC: peerMAC}}
	})
	d := Diagnose(w.state())
	if len(d.Unexplained) == 0 || d.Verdict != VerdictWarning {
		t.Errorf("verdict %s, unexplained %v", d.Verdict, d.Unexplained)
	}
	if !strings.Contains(d.Headline, "ff02::1") {
		t.Errorf("the headline hides it: %s", d.Headline)
	}
}

func TestExitCode(t *testing.T) {
	for _, tt := range []struct {
		verdict Verdict
		failOn  string
		want    int
	}{
		{VerdictOK, "unknown", 0},
		{VerdictWarning, "unknown", 1},
		{VerdictCritical, "unknown", 2},
		{VerdictUnknown, "unknown", 3},
		{VerdictUnknown, "warning", 0},
		{VerdictWarning, "warning", 1},
		{VerdictWarning, "critical", 0},
		{VerdictCritical, "critical", 2},
		{VerdictCritical, "never", 0},
	} {
		if got := ExitCode(tt.verdict, tt.failOn); got != tt.want {
			t.Errorf("ExitCode(%s, %s) = %d, want %d", tt.verdict, tt.failOn, got, tt.want)
		}
	}
}

var farPeer = netip.MustParseAddr("2001:db8:5::1")

// TestMulticastIsSuppressedOnlyWhereANeighbourIsProven: a host behind the router says nothing about
// who else is on the link.
func TestMulticastIsSuppressedOnlyWhereANeighbourIsProven(t *testing.T) {
	noPeers := func() *world {
		w := vpc()
		w.paths = slices.DeleteFunc(w.paths, func(p Path) bool { return p.TargetClass == TargetPeer })
		return w
	}
	echo := Path{Check: "peer-echo", Asks: AsksEcho, Source: mine, Target: farPeer, TargetClass: TargetPeer, Given: true, NUD: Reachable}
	tests := []struct {
		name  string
		world func() *world
		want  Confidence // "" is not named
	}{
		{name: "nobody else", world: noPeers},
		{name: "a peer outside the link's prefixes", world: func() *world {
			w := noPeers()
			w.both(echo)
			return w
		}},
		{name: "a peer in a prefix of the link that the kernel reaches through the router", world: func() *world {
			w := noPeers().say(Selection{Dst: peerGlobal, Bound: "eth0", Source: mine, Interface: "eth0", Via: routerAddr})
			p := echo
			p.Target = peerGlobal
			w.both(p)
			return w
		}},
		{name: "a peer for which there is nothing to resolve", world: func() *world {
			w := noPeers()
			p := echo
			p.Target = peerGlobal
			w.both(p)
			return w.path(Path{
				Check: "peer-nd", Asks: AsksND, Source: mine, Target: peerGlobal, TargetClass: TargetPeer, Via: ViaKernel,
				Outcome: OutcomeSkipped, Detail: "via-router", Note: routerAddr.String(),
			})
		}},
		{name: "an echo whose discovery nobody saw", world: func() *world {
			w := noPeers()
			p := echo
			p.Target, p.Via, p.NUD = peerGlobal, ViaWire, ""
			return w.path(p)
		}},
		{name: "a neighbour of the kernel's", want: Certain, world: func() *world {
			w := noPeers()
			p := echo
			p.Target, p.Via = peerGlobal, ViaKernel
			return w.path(p)
		}},
		{name: "a neighbour that resolves", want: Likely, world: func() *world {
			return noPeers().path(Path{Check: "peer-nd", Asks: AsksND, Source: mine, Target: peerGlobal, TargetClass: TargetPeer, Given: true})
		}},
		{name: "a router that answers echo", want: Certain, world: func() *world {
			return noPeers().each(func(p Path) bool { return p.Check == "router-echo" }, func(p *Path) {
				p.Outcome, p.Received = Answered, 2
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Confidence
			for _, f := range Diagnose(tt.world().state()).Findings {
				if f.Cause == "net.multicast-suppressed" {
					got = f.Confidence
				}
			}
			if got != tt.want {
				t.Errorf("net.multicast-suppressed is %q, want %q", got, tt.want)
			}
		})
	}
}

// TestTheRouterThatBelongsIsNotTheRogue: what the infrastructure itself shows outweighs what anybody
// can put into an advertisement.
func TestTheRouterThatBelongsIsNotTheRogue(t *testing.T) {
	rogueMAC := MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	rogue := rogueMAC.LinkLocal()
	elsewhere := PrefixInfo{Prefix: netip.MustParsePrefix("2001:db8:bad::/64"), OnLink: true, ValidS: 7200, PreferredS: 7200}
	offered := DHCPv6{Message: "advertise", Addresses: []LeaseAddress{{Prefix: netip.PrefixFrom(mine, 128)}}}
	// first makes the rogue the advertiser that was heard first, as one that answers quickly is.
	first := func(w *world, a Advertisement) *world {
		w.bodies = slices.Insert(w.bodies, 0, Body(raFrame(rogue, rogueMAC, a)))
		return w
	}
	noSubnets := func(w *world, addresses ...netip.Addr) *world {
		return w.say(Metadata{State: MetadataOK, Interfaces: []MetadataInterface{{MAC: myMAC, ID: "eni-0123", Addresses: addresses}}})
	}
	tests := map[string]func() *world{
		"high preference alone": func() *world {
			return first(vpc(), Advertisement{LifetimeS: 1800, Preference: "high"})
		},
		"high preference and a prefix of its own": func() *world {
			return first(vpc(), Advertisement{LifetimeS: 1800, Preference: "high", Prefixes: []PrefixInfo{elsewhere}})
		},
		"a prefix of its own, and the subnet is not known": func() *world {
			return first(noSubnets(vpc(), mine), Advertisement{LifetimeS: 1800, Preference: "high", Prefixes: []PrefixInfo{elsewhere}})
		},
		"the same prefix, and the real one is the DHCPv6 server": func() *world {
			ra := vpcRA()
			ra.Preference = "high"
			return first(vpc(), ra).offer(offered)
		},
		"the same prefix, and it has a DHCPv6 server of its own": func() *world {
			ra := vpcRA()
			ra.Preference = "high"
			return first(vpc(), ra).offer(offered).say(Frame{
				Interface: "eth0", Type: DHCPv6Frame, Src: rogue, Dst: myLocal, SrcMAC: rogueMAC,
				DHCPv6: &DHCPv6{Message: "reply", Addresses: []LeaseAddress{{Prefix: netip.PrefixFrom(hand, 128), PreferredS: 100, ValidS: 200}}},
			}).drop(ofKind(func(Lease) bool { return true }))
		},
		"the same prefix on a LAN, from the DHCPv6 server of the lease": func() *world {
			ra := vpcRA()
			ra.Preference = "high"
			w := first(lan(), ra)
			w.run.Assigned = []netip.Prefix{netip.PrefixFrom(mine, 128)}
			return w.offer(offered)
		},
	}
	for name, world := range tests {
		t.Run(name, func(t *testing.T) {
			f := find(t, Diagnose(world().state()), "router.rogue")
			if f.Subject.Value != rogue.String() {
				t.Errorf("%s is called the rogue (%s)", f.Subject.Value, f.Confidence)
			}
			if f.Confidence != Certain {
				t.Errorf("it is %s", f.Confidence)
			}
		})
	}
}

// TestBackupRouter: on a LAN a second router may stand by for the first; a prefix of its own, or an
// equal say, is something else.
func TestBackupRouter(t *testing.T) {
	mac := MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	standing := vpcRA()
	standing.Preference = "low"
	elsewhere := standing
	elsewhere.Prefixes = []PrefixInfo{{Prefix: netip.MustParsePrefix("2001:db8:bad::/64"), OnLink: true, ValidS: 7200, PreferredS: 7200}}
	for _, tt := range []struct {
		name  string
		world *world
		ra    Advertisement
		rogue bool
	}{
		{"low preference", lan(), standing, false},
		{"low preference, a prefix of its own", lan(), elsewhere, true},
		{"the same preference", lan(), vpcRA(), true},
		{"low preference, where there is one router", vpc(), standing, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world.say(raFrame(mac.LinkLocal(), mac, tt.ra)).state())
			if got := slices.Contains(named(d), "router.rogue"); got != tt.rogue {
				t.Errorf("router.rogue named: %v, want %v", got, tt.rogue)
			}
		})
	}
}

// TestWhoCameFirstIsNoProof: of two advertisers that nothing tells apart but their word, neither is
// certainly the rogue.
func TestWhoCameFirstIsNoProof(t *testing.T) {
	rogueMAC := MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	for _, preference := range []string{"high", "medium", "low"} {
		ra := vpcRA()
		ra.Preference = preference
		w := vpc().say(raFrame(rogueMAC.LinkLocal(), rogueMAC, ra))
		if f := find(t, Diagnose(w.state()), "router.rogue"); f.Confidence == Certain {
			t.Errorf("%s preference: %s is certainly the rogue", preference, f.Subject.Value)
		}
	}
}

// TestNoCommandOnARogueWord: what an address's subnet is, a rogue router's prefix does not say.
func TestNoCommandOnARogueWord(t *testing.T) {
	rogueMAC := MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	inside := netip.MustParseAddr("2001:db8:bad::77")
	rogueRA := raFrame(rogueMAC.LinkLocal(), rogueMAC, Advertisement{LifetimeS: 1800, Preference: "high", Prefixes: []PrefixInfo{
		{Prefix: netip.MustParsePrefix("2001:db8:bad::/64"), OnLink: true, ValidS: 7200, PreferredS: 7200},
	}})
	noSubnets := Metadata{State: MetadataOK, Interfaces: []MetadataInterface{{MAC: myMAC, ID: "eni-0123", Addresses: []netip.Addr{mine}}}}
	tests := []struct {
		name    string
		address netip.Addr
		world   *world
		offered bool
	}{
		{"in the rogue's prefix", inside, vpc().say(rogueRA), false},
		{"in the rogue's prefix, the subnet not known", inside, vpc().say(rogueRA, noSubnets), false},
		{"in the router's prefix, the subnet not known", hand, vpc().say(rogueRA, noSubnets), true},
		{"the rogue alone is heard", inside, vpc().drop(ofKind(func(f Frame) bool { return f.Type == RA })).say(rogueRA, noSubnets), false},
		{"in the subnet", hand, vpc().say(rogueRA), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.world.say(byHand(tt.address, 64), Selection{Dst: host1, Source: tt.address, Interface: "eth0", Via: routerAddr})
			d := Diagnose(w.state())
			for _, cause := range []string{"address.unassigned", "host.source-selection"} {
				offered := slices.ContainsFunc(find(t, d, cause).Remedy, func(c string) bool { return strings.Contains(c, "assign-ipv6-addresses") })
				if offered != tt.offered {
					t.Errorf("%s: the command that assigns %s is offered: %v", cause, tt.address, offered)
				}
			}
		})
	}
}

// TestAnAssignedPrefixMakesNobodyADuplicate: a peer in a prefix that is assigned to us, as a whole
// subnet may be by --assigned, has its own address and not one of ours.
func TestAnAssignedPrefixMakesNobodyADuplicate(t *testing.T) {
	for _, prefix := range []string{"2001:db8:1f16:8df::/64", "::/0", "2001:db8:1f16:8df:d326::/80"} {
		for name, w := range map[string]*world{"a VPC": vpc(), "a LAN": lan()} {
			w.run.Assigned = []netip.Prefix{netip.MustParsePrefix(prefix)}
			if got := faults(Diagnose(w.state())); len(got) > 0 {
				t.Errorf("--assigned %s in %s: %v", prefix, name, got)
			}
		}
	}
	w := vpc()
	w.run.Assigned = []netip.Prefix{netip.PrefixFrom(peerGlobal, 128)}
	if f := find(t, Diagnose(w.state()), "address.duplicate"); f.Subject.Value != peerGlobal.String() {
		t.Errorf("%s is the duplicate, want %s", f.Subject.Value, peerGlobal)
	}
}

// TestSourceSelectionNamesWhatMatters: the example is what an application would speak to, and what is
// said of it no worse than what is so.
func TestSourceSelectionNamesWhatMatters(t *testing.T) {
	vpcOne := netip.MustParseAddr("2001:db8:1f16:8df::1")
	chooses := func(dst, source netip.Addr, via ...netip.Addr) Selection {
		sel := Selection{Dst: dst, Bound: "eth0", Source: source, Interface: "eth0"}
		if len(via) > 0 {
			sel.Via = via[0]
		}
		return sel
	}
	dns := netip.MustParseAddr("fd00:ec2::253")
	right := chooses(host1, mine, routerAddr)
	right.Bound = "" // as the world has it
	tests := []struct {
		name    string
		say     []Body
		target  netip.Addr
		cutsOff bool
	}{
		{"the Internet before all", []Body{
			chooses(vpcOne, hand), chooses(dns, hand, routerAddr), chooses(peerGlobal, hand), chooses(host2, hand, routerAddr),
		}, host2, true},
		{"a peer before the router's own address", []Body{chooses(vpcOne, hand), chooses(peerGlobal, hand)}, peerGlobal, false},
		{"a peer before a service", []Body{chooses(dns, hand, routerAddr), chooses(peerGlobal, hand)}, peerGlobal, false},
		{"the router's own address where there is nothing else", []Body{chooses(vpcOne, hand)}, vpcOne, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := handAdded().say(right).say(tt.say...)
			f := find(t, Diagnose(w.state()), "host.source-selection")
			if !strings.Contains(f.Summary, "For "+tt.target.String()+" ") {
				t.Errorf("%s\nwant %s as the example", f.Summary, tt.target)
			}
			if got := strings.Contains(f.Summary, "cut itself off"); got != tt.cutsOff {
				t.Errorf("%s\nthe instance is cut off: %v", f.Summary, tt.cutsOff)
			}
		})
	}
}

// TestExplanationsDoNotNameTheSubject: the summary does, so that findings of one cause can share one
// explanation.
func TestExplanationsDoNotNameTheSubject(t *testing.T) {
	worlds := []func() *world{
		func() *world { return vpc().silence(to(peerGlobal)).silence(to(peerLocal)) },
		func() *world {
			return vpc().silence(func(p Path) bool { return p.TargetClass == TargetPeer && p.Asks == AsksEcho })
		},
		func() *world { return handAdded().say(byHand(mineNext, 64)) },
		func() *world { return vpc().assign(mine, peerSecond, hand) },
		func() *world {
			return vpc().say(Selection{Dst: host1, Bound: "eth0", Source: hand, Interface: "eth0", Via: routerAddr}, byHand(hand, 64))
		},
	}
	for _, tt := range causeTests {
		worlds = append(worlds, tt.world)
	}
	for _, world := range worlds {
		d := Diagnose(world().state())
		same := map[string]string{}
		for _, f := range d.Findings {
			if f.Subject.Kind == "interface" || f.Subject.Kind == "host" {
				continue
			}
			if strings.Contains(f.Explanation, f.Subject.Value) {
				t.Errorf("%s: the explanation names %s: %s", f.Cause, f.Subject.Value, f.Explanation)
			}
			if before, ok := same[f.Cause]; ok && before != f.Explanation {
				t.Errorf("%s is explained twice in one diagnosis:\n%s\n%s", f.Cause, before, f.Explanation)
			}
			same[f.Cause] = f.Explanation
		}
	}
}

// TestNoCommandAboutALinkLocalPeer: EC2 does not list link-local addresses.
func TestNoCommandAboutALinkLocalPeer(t *testing.T) {
	for _, asks := range [][]Asks{{AsksEcho}, {AsksEcho, AsksND}} {
		d := Diagnose(vpc().silence(func(p Path) bool { return p.TargetClass == TargetPeer && slices.Contains(asks, p.Asks) }).state())
		for _, f := range d.Findings {
			for _, c := range f.Remedy {
				if strings.Contains(c, "ipv6-addresses.ipv6-address,Values=fe80:") {
					t.Errorf("%s: %s", f.Cause, c)
				}
			}
		}
	}
}
