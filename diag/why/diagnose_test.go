package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
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
	d := Diagnose(diagtest.VPC().State())
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
	for _, p := range diagtest.VPC().State().Paths() {
		if n := d.Normal[p.ID]; n == nil || !*n {
			t.Errorf("%s: normal %v, want true", p.ID, n)
		}
	}
}

// TestCandidateThatIsAskedFor: with no peer to ask, candidates of an open link stay unanswered, because
// they answer no solicitation; but the router asks for them, with the reply in its hands.
func TestCandidateThatIsAskedFor(t *testing.T) {
	silent := func() *diagtest.World {
		return diagtest.LAN().Silence(func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate && p.Asks != diag.AsksDAD })
	}
	ns := diag.Frame{
		Interface: "eth0", SrcMAC: diagtest.RouterMAC, Src: diagtest.RouterAddr, Dst: diag.SolicitedNode(diagtest.MineNext), HopLimit: 255, Type: diag.NS, Target: diagtest.MineNext,
	}
	if got := named(Diagnose(silent().State())); !slices.Contains(got, "net.per-address-filter") {
		t.Errorf("named %v", got)
	}
	if got := named(Diagnose(silent().Say(ns).State())); slices.Contains(got, "net.per-address-filter") {
		t.Errorf("a candidate was heard, and yet: %v", got)
	}
	dad := ns
	dad.Src = netip.IPv6Unspecified()
	if got := named(Diagnose(silent().Say(dad).State())); !slices.Contains(got, "net.per-address-filter") {
		t.Errorf("that another host wants the address proves nothing: %v", got)
	}
}

// TestServicesFromALinkLocalAddress: without a global address no service can answer.
func TestServicesFromALinkLocalAddress(t *testing.T) {
	d := Diagnose(diagtest.VPC().NoAddress().Path(diag.Path{
		Check: "services", Asks: diag.AsksService, Source: diagtest.MyLocal, Target: diag.IMDSIPv6, TargetClass: diag.TargetService, Via: diag.ViaKernel, Outcome: diag.Silent,
	}).State())
	if got := named(d); slices.Contains(got, "service.imds-ipv6-off") {
		t.Errorf("named %v", got)
	}
}

// TestAbsentAndNotTaken: that nobody answers for an address of the instance's own is as it must be.
func TestAbsentAndNotTaken(t *testing.T) {
	d := Diagnose(diagtest.VPC().Assign(diagtest.Mine, diagtest.PeerSecond).Path(diag.Path{
		Check: "assignment", Asks: diag.AsksND, Source: diagtest.Mine, Target: diagtest.PeerSecond, TargetClass: diag.TargetPeer, Outcome: diag.Silent,
	}).State())
	got := slices.DeleteFunc(named(d), func(c string) bool { return strings.HasPrefix(c, "net.") })
	if !slices.Equal(got, []string{"address.not-configured"}) {
		t.Errorf("named %v", got)
	}
}

// TestInterfaceGone: what an interface lacks after it was removed is no fault of the network, and
// what was asked meanwhile says nothing.
func TestInterfaceGone(t *testing.T) {
	d := Diagnose(diagtest.VPC().Path(diag.Path{
		Check: "router-nd", Asks: diag.AsksND, Source: diagtest.MyLocal, Target: diagtest.RouterAddr, TargetClass: diag.TargetRouter, Outcome: diag.Unsent,
	}).Say(
		diag.Address{Interface: "eth0", Address: diagtest.Mine, PrefixLen: 128, Gone: true},
		diag.Address{Interface: "eth0", Address: diagtest.MyLocal, PrefixLen: 64, Gone: true},
		diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: diagtest.RouterAddr, Type: "unicast", Metric: 1024, Table: 254, Protocol: "ra", Gone: true},
		diag.Link{Interface: "eth0", Gone: true},
	).State())
	if d.Verdict != VerdictUnknown || len(d.Findings) > 0 || len(d.Unexplained) > 0 || !strings.Contains(d.Headline, "eth0 was removed") {
		t.Errorf("verdict %s: %s, named %v, unexplained %v", d.Verdict, d.Headline, named(d), d.Unexplained)
	}
}

// TestManyPermanentNeighbours: container networks put thousands of permanent entries into the table, which
// its limit does not count.
func TestManyPermanentNeighbours(t *testing.T) {
	for _, fulls := range []int{0, 4} {
		if d := Diagnose(diagtest.VPC().Say(diag.TableUse{Entries: 100101, Thresh3: 1024, TableFulls: fulls}).State()); d.Verdict != VerdictOK {
			t.Errorf("full %d times once: %s: %s", fulls, d.Verdict, d.Headline)
		}
	}
}

// TestNoLinkLocal: what is asked without an address is no second riddle.
func TestNoLinkLocal(t *testing.T) {
	d := Diagnose(diagtest.VPC().Say(diag.Address{Interface: "eth0", Address: diagtest.MyLocal, PrefixLen: 64, Gone: true}).Path(diag.Path{
		Check: "ra", Asks: diag.AsksRS, Source: netip.IPv6Unspecified(), SourceClass: diag.SourceUnspecified, Target: diag.AllRouters, TargetClass: diag.TargetRouter, Outcome: diag.Silent,
	}).State())
	if got := find(t, d, "address.not-configured"); len(got.Explains) == 0 || len(d.Unexplained) > 0 {
		t.Errorf("named %v, unexplained %v", named(d), d.Unexplained)
	}
}

// TestShaken: what an interface lost for a moment while it was asked on is no fault that is there to stay,
// and what was asked meanwhile says nothing. What it lost before is long known, and what it stays without is
// for the causes to name.
func TestShaken(t *testing.T) {
	up := diag.Link{Interface: "eth0", Index: 2, MAC: diagtest.MyMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true}
	down := up
	down.Up, down.Carrier = false, false
	running := diag.Check{ID: "peer-nd", Interface: "eth0", State: diag.CheckRunning}
	done := diag.Check{ID: "peer-nd", Interface: "eth0", State: diag.CheckDone}
	gone := diag.Address{Interface: "eth0", Address: diagtest.Mine, PrefixLen: 128, PreferredS: 100, ValidS: 400, Gone: true}
	candidate := diag.Address{Interface: "eth0", Address: diagtest.MineNext, PrefixLen: 128, ValidS: 20, Flags: diag.NoPrefixRoute, Gone: true}
	second := slices.Repeat([]diag.Body{diag.Tick{}}, 1000) // a millisecond each
	for name, c := range map[string]struct {
		say     []diag.Body
		verdict Verdict
		says    string
	}{
		"link, for a moment":         {[]diag.Body{running, down, up, done}, VerdictUnknown, "the link of eth0 was down for a moment"},
		"link, and it runs yet":      {[]diag.Body{running, down, up}, VerdictUnknown, "the link of eth0 was down for a moment"},
		"link, for good":             {[]diag.Body{running, down, done}, VerdictCritical, "eth0 is down"},
		"link, before it was asked":  {[]diag.Body{down, up, running, done}, VerdictOK, "as is normal here"},
		"link, told a moment late":   {[]diag.Body{running, done, down, up}, VerdictUnknown, "the link of eth0 was down for a moment"},
		"link, after it was asked":   {slices.Concat([]diag.Body{running, done}, second, []diag.Body{down, up}), VerdictOK, "as is normal here"},
		"link, and asked again":      {[]diag.Body{running, down, up, done, running, done}, VerdictOK, "as is normal here"},
		"address that asked":         {[]diag.Body{running, gone, done}, VerdictUnknown, diagtest.Mine.String() + " was removed from eth0"},
		"IPv6 as a whole":            {[]diag.Body{running, gone, diag.Sysctl{Scope: "eth0", Name: "disable_ipv6", Value: "1"}, done}, VerdictCritical, "IPv6 is switched off on eth0"},
		"candidate that was removed": {[]diag.Body{running, candidate, done}, VerdictOK, "as is normal here"},
	} {
		t.Run(name, func(t *testing.T) {
			w := diagtest.VPC()
			if c.verdict != VerdictOK {
				w.Path(diag.Path{Check: "router-nd", Asks: diag.AsksND, Source: diagtest.MyLocal, Target: diagtest.RouterAddr, TargetClass: diag.TargetRouter, Outcome: diag.Unsent})
			}
			if name == "IPv6 as a whole" {
				w.Say(diag.Address{Interface: "eth0", Address: diagtest.MyLocal, PrefixLen: 64, Gone: true})
			}
			state := diagtest.Fold(w.Say(c.say...).State().Events()) // as a recording that begins then
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
	d := Diagnose(diagtest.LAN().State())
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

func TestFarPeerWords(t *testing.T) {
	f := find(t, Diagnose(diagtest.VPC().FarPeer(diag.Silent).State()), "peer.echo-blocked")
	if strings.Contains(f.Summary+f.Explanation, "resolve") || !strings.Contains(f.Summary, "router") {
		t.Errorf("nobody resolved a peer beyond the router:\n%s\n%s", f.Summary, f.Explanation)
	}
}

func TestCauses(t *testing.T) {
	covered := map[string]bool{}
	for _, tt := range diagtest.CauseTests {
		covered[tt.Cause] = true
		t.Run(tt.Name, func(t *testing.T) {
			d := Diagnose(tt.World().State())
			f := find(t, d, tt.Cause)
			if tt.Sure != "" && f.Confidence != Confidence(tt.Sure) {
				t.Errorf("%s is %s, want %s", tt.Cause, f.Confidence, tt.Sure)
			}
			if got := faults(d); !slices.Equal(got, tt.Faults) {
				t.Errorf("faults %v, want %v", got, tt.Faults)
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
				t.Errorf("%s has no evidence", tt.Cause)
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
	tests := map[string]func() *diagtest.World{
		"networkd handles advertisements": func() *diagtest.World {
			return diagtest.VPC().Say(diag.Sysctl{Scope: "eth0", Name: "accept_ra", Value: "0"}, diag.Manager{Interface: "eth0", Name: "networkd", RA: true})
		},
		"DAD is off": func() *diagtest.World {
			return diagtest.VPC().Say(diag.Sysctl{Scope: "eth0", Name: "accept_dad", Value: "0"}).
				Each(func(p diag.Path) bool { return p.Asks == diag.AsksDAD }, func(p *diag.Path) { p.Outcome, p.Detail, p.Sent = diag.OutcomeSkipped, "off", 0 })
		},
		"leftover FAILED entry": func() *diagtest.World {
			return diagtest.VPC().Say(diag.Neighbour{Interface: "eth0", Address: diagtest.PeerSecond, State: diag.Failed})
		},
		"a peer that limits its echoes": func() *diagtest.World {
			return diagtest.VPC().Each(func(p diag.Path) bool {
				return p.Target == diagtest.PeerGlobal && p.Asks == diag.AsksEcho && p.SourceClass == diag.SourceAssigned
			}, func(p *diag.Path) {
				p.Sent, p.Received = 2, 1
				if p.Via == diag.ViaWire {
					diagtest.Silent(p)
				}
			})
		},
		"a second router of low preference": func() *diagtest.World {
			return diagtest.LAN().Say(diagtest.RaFrame(diagtest.PeerLocal, diagtest.PeerMAC, diag.Advertisement{LifetimeS: 600, Preference: "low"}))
		},
		"an address in a delegated prefix": func() *diagtest.World {
			inside := netip.MustParseAddr("2001:db8:1f16:8df:a::5")
			return diagtest.VPC().Say(diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{
				MAC: diagtest.MyMAC, ID: "eni-0123", Addresses: []netip.Addr{diagtest.Mine}, Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:1f16:8df:a::/80")},
				Subnets: []netip.Prefix{diagtest.Subnet},
			}}}).Say(diagtest.ByHand(inside, 128))
		},
		"deprecated and valid": func() *diagtest.World {
			a := diagtest.Leased(diagtest.Mine)
			a.PreferredS, a.ValidS, a.UpdatedS, a.Flags = 0, 3000, 600, diag.Deprecated
			return diagtest.VPC().Drop(diagtest.OfKind(func(x diag.Address) bool { return x.Address == diagtest.Mine })).Say(a)
		},
		"deprecated by hand while it is watched": func() *diagtest.World {
			a, by := diagtest.Leased(diagtest.Mine), diagtest.Leased(diagtest.Mine)
			a.PreferredS, a.ValidS, a.UpdatedS = 60, 330, 60
			by.PreferredS, by.ValidS, by.UpdatedS, by.Flags = 0, 3000, 0, diag.Deprecated
			return diagtest.VPC().Say(a, by)
		},
		"two interfaces with policy routing": func() *diagtest.World {
			return diagtest.VPC().Drop(diagtest.OfKind(func(r diag.Route) bool { return r.Dst.Bits() == 0 })).Say(
				diag.Link{Interface: "eth1", MAC: diagtest.OtherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
				diag.Route{Interface: "eth1", Dst: netip.MustParsePrefix("::/0"), Via: diagtest.RouterAddr, Metric: 512, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: 1700},
				diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: diagtest.RouterAddr, Metric: 512, Table: 10000, Protocol: "ra", Type: "unicast", ExpiresS: 1700},
				diag.PolicyRule{Priority: 10000, Src: netip.PrefixFrom(diagtest.Mine, 128), Table: 10000},
			)
		},
		"static default route, no advertisements": func() *diagtest.World {
			w := diagtest.LAN().Drop(diagtest.OfKind(func(f diag.Frame) bool { return f.Type == diag.RA })).Drop(diagtest.OfKind(func(r diag.Route) bool { return r.Dst.Bits() == 0 })).Say(diagtest.DefaultRoute("static"))
			return w.Silence(func(p diag.Path) bool { return p.Asks == diag.AsksRS })
		},
		"the built-in Internet hosts are silent, and a connection beyond the router is acknowledged": func() *diagtest.World {
			w := diagtest.VPC().Say(acknowledged())
			w.Run.InternetGiven = false
			return w.Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }, func(p *diag.Path) { p.Given = false }).
				Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
		},
		"a peer from the cache is silent": func() *diagtest.World {
			return diagtest.VPC().Each(diagtest.To(diagtest.PeerGlobal), func(p *diag.Path) { p.Given = false }).Silence(diagtest.To(diagtest.PeerGlobal))
		},
		"the user turned checks off": func() *diagtest.World {
			w := diagtest.VPC()
			for i := range w.Checks {
				if w.Checks[i].ID == "internet" || w.Checks[i].ID == "added" {
					w.Checks[i].State, w.Checks[i].User = diag.CheckSkipped, true
				}
			}
			return w
		},
		"fe80:ec2::1 and ::1 do not resolve": func() *diagtest.World {
			return diagtest.VPC().Path(diag.Path{Check: "router-nd", Asks: diag.AsksND, Source: diagtest.MyLocal, Target: diag.VPCRouter, TargetClass: diag.TargetRouter, Outcome: diag.Silent}).
				Path(diag.Path{Check: "router-nd", Asks: diag.AsksND, Source: diagtest.Mine, Target: netip.MustParseAddr("2001:db8:1f16:8df::1"), TargetClass: diag.TargetRouter, Outcome: diag.Silent})
		},
		"SLAAC address on a LAN with a lease": func() *diagtest.World {
			ra := diagtest.VpcRA()
			ra.Prefixes[0].Autonomous = true
			return diagtest.LAN().Say(diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, ra)).
				Say(diag.Lease{Interface: "eth0", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Mine, 128), PreferredS: 3600, ValidS: 7200, At: diagtest.Start}}}).
				Say(diag.Address{Interface: "eth0", Address: diagtest.Hand, PrefixLen: 64, PreferredS: 1000, ValidS: 2000, Origin: "kernel_ra"})
		},
		"the candidates while they are configured": func() *diagtest.World {
			return diagtest.VPC().Say(diag.Address{Interface: "eth0", Address: diagtest.MineNext, PrefixLen: 128, Flags: diag.NoPrefixRoute | diag.Deprecated, PreferredS: 0, ValidS: 20})
		},
	}
	for name, world := range tests {
		t.Run(name, func(t *testing.T) {
			d := Diagnose(world().State())
			if d.Verdict != VerdictOK {
				t.Errorf("verdict %s: %v, unexplained %+v, unknown %+v", d.Verdict, faults(d), d.Unexplained, d.Unknown)
			}
		})
	}
}

func TestWhatCouldNotBeHadIsUnknown(t *testing.T) {
	tests := map[string]func(*diagtest.World){
		"frames unavailable": func(w *diagtest.World) {
			w.Say(diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "no CAP_NET_RAW", Fix: "sudo ndwhy"})
		},
		"netlink lost": func(w *diagtest.World) { w.Say(diag.Feed{Name: diag.FeedNetlink, State: diag.Lost}) },
		"metadata silent": func(w *diagtest.World) {
			w.Say(diag.Feed{Name: diag.FeedIMDS, State: diag.Unavailable, Why: "time-out"})
		},
		"check timed out": func(w *diagtest.World) {
			w.Checks[3] = diag.Check{ID: "peer-nd", Interface: "eth0", State: diag.CheckSkipped, Why: words.Say("skipped.timeout")}
		},
		"path timed out": func(w *diagtest.World) {
			w.Path(diag.Path{Check: "internet", Asks: diag.AsksEcho, Source: diagtest.Mine, Target: netip.MustParseAddr("2001:db8::9"), TargetClass: diag.TargetInternet, Outcome: diag.OutcomeSkipped, Detail: "timeout"})
		},
		"no such interface": func(w *diagtest.World) { w.Run.Interfaces = []string{"eth0", "eth7"} },
		"nothing asked":     func(w *diagtest.World) { w.Paths, w.Checks = nil, nil },
	}
	for name, bend := range tests {
		t.Run(name, func(t *testing.T) {
			w := diagtest.VPC()
			bend(w)
			if d := Diagnose(w.State()); d.Verdict != VerdictUnknown || len(d.Unknown) == 0 {
				t.Errorf("verdict %s, unknown %v, faults %v, unexplained %+v", d.Verdict, d.Unknown, faults(d), d.Unexplained)
			}
		})
	}
}

func TestUnassignedIsNeverClaimedWithoutTheAssignedSet(t *testing.T) {
	w := diagtest.HandAdded().Drop(diagtest.OfKind(func(diag.Metadata) bool { return true })).Say(diag.Feed{Name: diag.FeedIMDS, State: diag.Unavailable})
	w.Each(func(p diag.Path) bool { return p.Source == diagtest.Hand || p.Source == diagtest.Mine }, func(p *diag.Path) { p.SourceClass = diag.SourceUnknown })
	d := Diagnose(w.State())
	for _, f := range d.Findings {
		if f.Cause == "address.unassigned" || f.Cause == "host.source-selection" {
			t.Errorf("%s is claimed", f.Cause)
		}
		if f.Cause == "net.per-address-filter" && f.Confidence == Certain && !slices.ContainsFunc(w.Paths, func(p diag.Path) bool {
			return p.SourceClass == diag.SourceAssigned && p.Target == diagtest.PeerLocal
		}) {
			t.Error("the filter is certain without a source known to be assigned")
		}
	}
}

func TestStrongerCauseOfAnAddressHidesTheWeaker(t *testing.T) {
	reserved := netip.MustParseAddr("2001:db8:1f16:8df::2")
	w := diagtest.VPC().Say(diagtest.ByHand(reserved, 64), diagtest.ByHand(netip.MustParseAddr("fe80::1234:1"), 64), diagtest.ByHand(diagtest.Hand, 128))
	w.Say(diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{
		{MAC: diagtest.MyMAC, ID: "eni-0123", Addresses: []netip.Addr{diagtest.Mine}, Subnets: []netip.Prefix{diagtest.Subnet}},
		{MAC: diagtest.OtherMAC, ID: "eni-4567", Addresses: []netip.Addr{diagtest.Hand, reserved}, Subnets: []netip.Prefix{diagtest.Subnet}},
	}})
	d := Diagnose(w.State())
	want := map[string]string{
		reserved.String(): "address.wrong-interface", diagtest.Hand.String(): "address.wrong-interface", "fe80::1234:1": "address.link-local-not-eui64",
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
	w := diagtest.VPC().Say(diag.Link{Interface: "eth0", MAC: diagtest.MyMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true, XDP: true})
	w.Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
	f := find(t, Diagnose(w.State()), "path.beyond-router")
	if f.Confidence != Possible || !strings.Contains(f.Explanation, "XDP") {
		t.Errorf("%s: %s", f.Confidence, f.Explanation)
	}
}

func TestUnreadableSettingsGiveAlternatives(t *testing.T) {
	w := diagtest.VPC().NoDefault().Drop(diagtest.OfKind(func(diag.Sysctl) bool { return true }))
	d := Diagnose(w.State())
	f := d.Findings[0]
	if f.Cause != "router.advertisement-ignored" && f.Cause != "route.missing" {
		t.Fatalf("found %v", named(d))
	}
	if len(f.Alternatives) != 1 || f.Alternatives[0].TellApart == "" || f.Confidence == Certain {
		t.Errorf("alternatives %+v, confidence %s", f.Alternatives, f.Confidence)
	}
}

func TestAnAnswerThatNobodyExpectsIsUnexplained(t *testing.T) {
	w := diagtest.VPC().Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes }, func(p *diag.Path) {
		p.Outcome, p.Received, p.Responders = diag.Answered, 1, []diag.Responder{{Address: diagtest.PeerLocal, MAC: diagtest.PeerMAC}}
	})
	d := Diagnose(w.State())
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
	noPeers := func() *diagtest.World {
		w := diagtest.VPC()
		w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer })
		return w
	}
	echo := diag.Path{Check: "peer-echo", Asks: diag.AsksEcho, Source: diagtest.Mine, Target: farPeer, TargetClass: diag.TargetPeer, Given: true, NUD: diag.Reachable}
	tests := []struct {
		name  string
		world func() *diagtest.World
		want  Confidence // "" is not named
	}{
		{name: "nobody else", world: noPeers},
		{name: "a peer outside the link's prefixes", world: func() *diagtest.World {
			w := noPeers()
			w.Both(echo)
			return w
		}},
		{name: "a peer in a prefix of the link that the kernel reaches through the router", world: func() *diagtest.World {
			w := noPeers().Say(diag.Selection{Dst: diagtest.PeerGlobal, Bound: "eth0", Source: diagtest.Mine, Interface: "eth0", Via: diagtest.RouterAddr})
			p := echo
			p.Target = diagtest.PeerGlobal
			w.Both(p)
			return w
		}},
		{name: "a peer for which there is nothing to resolve", world: func() *diagtest.World {
			w := noPeers()
			p := echo
			p.Target = diagtest.PeerGlobal
			w.Both(p)
			return w.Path(diag.Path{
				Check: "peer-nd", Asks: diag.AsksND, Source: diagtest.Mine, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer, Via: diag.ViaKernel,
				Outcome: diag.OutcomeSkipped, Detail: "via-router", Note: diagtest.RouterAddr.String(),
			})
		}},
		{name: "an echo whose discovery nobody saw", world: func() *diagtest.World {
			w := noPeers()
			p := echo
			p.Target, p.Via, p.NUD = diagtest.PeerGlobal, diag.ViaWire, ""
			return w.Path(p)
		}},
		{name: "a neighbour of the kernel's", want: Certain, world: func() *diagtest.World {
			w := noPeers()
			p := echo
			p.Target, p.Via = diagtest.PeerGlobal, diag.ViaKernel
			return w.Path(p)
		}},
		{name: "a neighbour that resolves", want: Likely, world: func() *diagtest.World {
			return noPeers().Path(diag.Path{Check: "peer-nd", Asks: diag.AsksND, Source: diagtest.Mine, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer, Given: true})
		}},
		{name: "a router that answers echo", want: Certain, world: func() *diagtest.World {
			return noPeers().Each(func(p diag.Path) bool { return p.Check == "router-echo" }, func(p *diag.Path) {
				p.Outcome, p.Received = diag.Answered, 2
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Confidence
			for _, f := range Diagnose(tt.world().State()).Findings {
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
	rogueMAC := diag.MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	rogue := rogueMAC.LinkLocal()
	elsewhere := diag.PrefixInfo{Prefix: netip.MustParsePrefix("2001:db8:bad::/64"), OnLink: true, ValidS: 7200, PreferredS: 7200}
	offered := diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Mine, 128)}}}
	// first makes the rogue the advertiser that was heard first, as one that answers quickly is.
	first := func(w *diagtest.World, a diag.Advertisement) *diagtest.World {
		w.Bodies = slices.Insert(w.Bodies, 0, diag.Body(diagtest.RaFrame(rogue, rogueMAC, a)))
		return w
	}
	noSubnets := func(w *diagtest.World, addresses ...netip.Addr) *diagtest.World {
		return w.Say(diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{MAC: diagtest.MyMAC, ID: "eni-0123", Addresses: addresses}}})
	}
	tests := map[string]func() *diagtest.World{
		"high preference alone": func() *diagtest.World {
			return first(diagtest.VPC(), diag.Advertisement{LifetimeS: 1800, Preference: "high"})
		},
		"high preference and a prefix of its own": func() *diagtest.World {
			return first(diagtest.VPC(), diag.Advertisement{LifetimeS: 1800, Preference: "high", Prefixes: []diag.PrefixInfo{elsewhere}})
		},
		"a prefix of its own, and the subnet is not known": func() *diagtest.World {
			return first(noSubnets(diagtest.VPC(), diagtest.Mine), diag.Advertisement{LifetimeS: 1800, Preference: "high", Prefixes: []diag.PrefixInfo{elsewhere}})
		},
		"the same prefix, and the real one is the DHCPv6 server": func() *diagtest.World {
			ra := diagtest.VpcRA()
			ra.Preference = "high"
			return first(diagtest.VPC(), ra).Offer(offered)
		},
		"the same prefix, and it has a DHCPv6 server of its own": func() *diagtest.World {
			ra := diagtest.VpcRA()
			ra.Preference = "high"
			return first(diagtest.VPC(), ra).Offer(offered).Say(diag.Frame{
				Interface: "eth0", Type: diag.DHCPv6Frame, Src: rogue, Dst: diagtest.MyLocal, SrcMAC: rogueMAC,
				DHCPv6: &diag.DHCPv6{Message: "reply", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Hand, 128), PreferredS: 100, ValidS: 200}}},
			}).Drop(diagtest.OfKind(func(diag.Lease) bool { return true }))
		},
		"the same prefix on a LAN, from the DHCPv6 server of the lease": func() *diagtest.World {
			ra := diagtest.VpcRA()
			ra.Preference = "high"
			w := first(diagtest.LAN(), ra)
			w.Run.Assigned = []netip.Prefix{netip.PrefixFrom(diagtest.Mine, 128)}
			return w.Offer(offered)
		},
	}
	for name, world := range tests {
		t.Run(name, func(t *testing.T) {
			f := find(t, Diagnose(world().State()), "router.rogue")
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
	mac := diag.MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	standing := diagtest.VpcRA()
	standing.Preference = "low"
	elsewhere := standing
	elsewhere.Prefixes = []diag.PrefixInfo{{Prefix: netip.MustParsePrefix("2001:db8:bad::/64"), OnLink: true, ValidS: 7200, PreferredS: 7200}}
	for _, tt := range []struct {
		name  string
		world *diagtest.World
		ra    diag.Advertisement
		rogue bool
	}{
		{"low preference", diagtest.LAN(), standing, false},
		{"low preference, a prefix of its own", diagtest.LAN(), elsewhere, true},
		{"the same preference", diagtest.LAN(), diagtest.VpcRA(), true},
		{"low preference, where there is one router", diagtest.VPC(), standing, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world.Say(diagtest.RaFrame(mac.LinkLocal(), mac, tt.ra)).State())
			if got := slices.Contains(named(d), "router.rogue"); got != tt.rogue {
				t.Errorf("router.rogue named: %v, want %v", got, tt.rogue)
			}
		})
	}
}

// TestWhoCameFirstIsNoProof: of two advertisers that nothing tells apart but their word, neither is
// certainly the rogue.
func TestWhoCameFirstIsNoProof(t *testing.T) {
	rogueMAC := diag.MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	for _, preference := range []string{"high", "medium", "low"} {
		ra := diagtest.VpcRA()
		ra.Preference = preference
		w := diagtest.VPC().Say(diagtest.RaFrame(rogueMAC.LinkLocal(), rogueMAC, ra))
		if f := find(t, Diagnose(w.State()), "router.rogue"); f.Confidence == Certain {
			t.Errorf("%s preference: %s is certainly the rogue", preference, f.Subject.Value)
		}
	}
}

// TestNoCommandOnARogueWord: what an address's subnet is, a rogue router's prefix does not say.
func TestNoCommandOnARogueWord(t *testing.T) {
	rogueMAC := diag.MAC{0x06, 0, 0x5e, 0, 0x53, 0x66}
	inside := netip.MustParseAddr("2001:db8:bad::77")
	rogueRA := diagtest.RaFrame(rogueMAC.LinkLocal(), rogueMAC, diag.Advertisement{LifetimeS: 1800, Preference: "high", Prefixes: []diag.PrefixInfo{
		{Prefix: netip.MustParsePrefix("2001:db8:bad::/64"), OnLink: true, ValidS: 7200, PreferredS: 7200},
	}})
	noSubnets := diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{MAC: diagtest.MyMAC, ID: "eni-0123", Addresses: []netip.Addr{diagtest.Mine}}}}
	tests := []struct {
		name    string
		address netip.Addr
		world   *diagtest.World
		offered bool
	}{
		{"in the rogue's prefix", inside, diagtest.VPC().Say(rogueRA), false},
		{"in the rogue's prefix, the subnet not known", inside, diagtest.VPC().Say(rogueRA, noSubnets), false},
		{"in the router's prefix, the subnet not known", diagtest.Hand, diagtest.VPC().Say(rogueRA, noSubnets), true},
		{"the rogue alone is heard", inside, diagtest.VPC().Drop(diagtest.OfKind(func(f diag.Frame) bool { return f.Type == diag.RA })).Say(rogueRA, noSubnets), false},
		{"in the subnet", diagtest.Hand, diagtest.VPC().Say(rogueRA), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := tt.world.Say(diagtest.ByHand(tt.address, 64), diag.Selection{Dst: diagtest.Host1, Source: tt.address, Interface: "eth0", Via: diagtest.RouterAddr})
			d := Diagnose(w.State())
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
		for name, w := range map[string]*diagtest.World{"a VPC": diagtest.VPC(), "a LAN": diagtest.LAN()} {
			w.Run.Assigned = []netip.Prefix{netip.MustParsePrefix(prefix)}
			if got := faults(Diagnose(w.State())); len(got) > 0 {
				t.Errorf("--assigned %s in %s: %v", prefix, name, got)
			}
		}
	}
	w := diagtest.VPC()
	w.Run.Assigned = []netip.Prefix{netip.PrefixFrom(diagtest.PeerGlobal, 128)}
	if f := find(t, Diagnose(w.State()), "address.duplicate"); f.Subject.Value != diagtest.PeerGlobal.String() {
		t.Errorf("%s is the duplicate, want %s", f.Subject.Value, diagtest.PeerGlobal)
	}
}

// TestSourceSelectionNamesWhatMatters: the example is what an application would speak to, and what is
// said of it no worse than what is so.
func TestSourceSelectionNamesWhatMatters(t *testing.T) {
	vpcOne := netip.MustParseAddr("2001:db8:1f16:8df::1")
	chooses := func(dst, source netip.Addr, via ...netip.Addr) diag.Selection {
		sel := diag.Selection{Dst: dst, Bound: "eth0", Source: source, Interface: "eth0"}
		if len(via) > 0 {
			sel.Via = via[0]
		}
		return sel
	}
	dns := netip.MustParseAddr("fd00:ec2::253")
	right := chooses(diagtest.Host1, diagtest.Mine, diagtest.RouterAddr)
	right.Bound = "" // as the world has it
	tests := []struct {
		name    string
		say     []diag.Body
		target  netip.Addr
		cutsOff bool
	}{
		{"the Internet before all", []diag.Body{
			chooses(vpcOne, diagtest.Hand), chooses(dns, diagtest.Hand, diagtest.RouterAddr), chooses(diagtest.PeerGlobal, diagtest.Hand), chooses(diagtest.Host2, diagtest.Hand, diagtest.RouterAddr),
		}, diagtest.Host2, true},
		{"a peer before the router's own address", []diag.Body{chooses(vpcOne, diagtest.Hand), chooses(diagtest.PeerGlobal, diagtest.Hand)}, diagtest.PeerGlobal, false},
		{"a peer before a service", []diag.Body{chooses(dns, diagtest.Hand, diagtest.RouterAddr), chooses(diagtest.PeerGlobal, diagtest.Hand)}, diagtest.PeerGlobal, false},
		{"the router's own address where there is nothing else", []diag.Body{chooses(vpcOne, diagtest.Hand)}, vpcOne, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := diagtest.HandAdded().Say(right).Say(tt.say...)
			f := find(t, Diagnose(w.State()), "host.source-selection")
			if !strings.Contains(f.Summary, " to "+tt.target.String()+" ") {
				t.Errorf("%s\nwant %s as the example", f.Summary, tt.target)
			}
			if got := strings.Contains(f.Summary, "is cut off"); got != tt.cutsOff {
				t.Errorf("%s\nthe instance is cut off: %v", f.Summary, tt.cutsOff)
			}
		})
	}
}

// TestExplanationsDoNotNameTheSubject: the summary does, so that findings of one cause can share one
// explanation.
func TestExplanationsDoNotNameTheSubject(t *testing.T) {
	worlds := []func() *diagtest.World{
		func() *diagtest.World {
			return diagtest.VPC().Silence(diagtest.To(diagtest.PeerGlobal)).Silence(diagtest.To(diagtest.PeerLocal))
		},
		func() *diagtest.World {
			return diagtest.VPC().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer && p.Asks == diag.AsksEcho })
		},
		func() *diagtest.World { return diagtest.HandAdded().Say(diagtest.ByHand(diagtest.MineNext, 64)) },
		func() *diagtest.World {
			return diagtest.VPC().Assign(diagtest.Mine, diagtest.PeerSecond, diagtest.Hand)
		},
		func() *diagtest.World {
			return diagtest.VPC().Say(diag.Selection{Dst: diagtest.Host1, Bound: "eth0", Source: diagtest.Hand, Interface: "eth0", Via: diagtest.RouterAddr}, diagtest.ByHand(diagtest.Hand, 64))
		},
	}
	for _, tt := range diagtest.CauseTests {
		worlds = append(worlds, tt.World)
	}
	for _, world := range worlds {
		d := Diagnose(world().State())
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
	for _, asks := range [][]diag.Asks{{diag.AsksEcho}, {diag.AsksEcho, diag.AsksND}} {
		d := Diagnose(diagtest.VPC().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer && slices.Contains(asks, p.Asks) }).State())
		for _, f := range d.Findings {
			for _, c := range f.Remedy {
				if strings.Contains(c, "ipv6-addresses.ipv6-address,Values=fe80:") {
					t.Errorf("%s: %s", f.Cause, c)
				}
			}
		}
	}
}

// acknowledged is a connection with a host beyond the router that gets its acknowledgements.
func acknowledged() diag.Flows {
	return diag.Flows{Count: 1, List: []diag.Flow{{
		Local: netip.AddrPortFrom(diagtest.Mine, 40000), Remote: netip.AddrPortFrom(diagtest.Host2, 443), State: diag.FlowEstablished, AckedS: 0.2,
	}}}
}

// Who has put the packet filter right is not told again of what it threw away before.
func TestWhatRulesDroppedBeforeTheyChanged(t *testing.T) {
	rule := diag.Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Rule: "icmpv6 type nd-neighbor-advert drop", Handle: 3, Verdict: "drop", Matches: []string{"na"}}
	dropped := diag.Drop{
		Reason: "NETFILTER_DROP", Function: "nft_do_chain",
		Frame: diag.Frame{Interface: "eth0", Type: diag.NA, Src: diagtest.PeerLocal, Dst: diagtest.MyLocal, Target: diagtest.PeerLocal, HopLimit: 255},
	}
	gone := rule
	gone.Gone = true
	for _, c := range []struct {
		name   string
		bodies []diag.Body
		want   bool
	}{
		{"a rule drops", []diag.Body{dropped}, true},
		{"a rule dropped, and is gone", []diag.Body{rule, dropped, gone}, false},
		{"another drops since", []diag.Body{rule, gone, dropped}, true},
	} {
		d := Diagnose(diagtest.VPC().Say(c.bodies...).State())
		if got := slices.Contains(named(d), "host.firewall"); got != c.want {
			t.Errorf("%s: a firewall is found: %v, want %v (%s)", c.name, got, c.want, d.Headline)
		}
	}
}
