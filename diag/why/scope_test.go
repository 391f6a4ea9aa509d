package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/words"
)

func toClass(class diag.TargetClass) func(diag.Path) bool {
	return func(p diag.Path) bool { return p.TargetClass == class }
}

// unasked takes all questions away that ok holds of.
func unasked(w *diagtest.World, ok func(diag.Path) bool) *diagtest.World {
	w.Paths = slices.DeleteFunc(w.Paths, ok)
	return w
}

var isMetadata = diagtest.OfKind(func(diag.Metadata) bool { return true })

// TestNotAsked: whatever nothing was asked of is named, once, and makes nothing unknown.
func TestNotAsked(t *testing.T) {
	all := func(diag.Path) bool { return true }
	noPeers := func(w *diagtest.World) *diagtest.World {
		w.Run.Peers = nil
		return unasked(w, toClass(diag.TargetPeer))
	}
	addNone := func(w *diagtest.World) *diagtest.World {
		w.Run.Add = diag.AddNone
		return unasked(w, func(p diag.Path) bool { return p.Check == "added" })
	}
	for name, tt := range map[string]struct {
		world *diagtest.World
		want  string
	}{
		"everything asked":       {diagtest.VPC(), "inbound"},
		"by default":             {addNone(diagtest.VPC()), "added inbound"},
		"--internet none":        {noInternet(diagtest.VPC()), "internet inbound"},
		"no peer is known":       {noPeers(diagtest.VPC()), "peers inbound"},
		"--skip":                 {diagtest.VPC().Skip("added", "mtu"), "added mtu inbound"},
		"--only":                 {diagtest.VPC().Only("ra", "internet"), "router-nd router-echo peer-nd peer-echo all-nodes source added assignment dhcpv6 host mtu services inbound"},
		"one of two interfaces":  {diagtest.VPC().Second(func(p diag.Path) bool { return p.TargetClass != diag.TargetInternet }), "internet inbound"},
		"no peer on the second":  {noPeers(diagtest.VPC()).Second(all), "peers inbound"},
		"of very many addresses": {diagtest.VPC().Say(diagtest.Crowd{Addresses: 20}.Bodies()...).Drop(isMetadata), "sources inbound"},
		"of very many routers":   {diagtest.LAN().Say(diagtest.Crowd{Routers: 20}.Bodies()...), "routers found inbound"},
		"a rule about large packets": {diagtest.VPC().Say(diag.Filter{
			Table: "inet t", Chain: "o", Hook: "output", Rule: "meta length > 9000 drop", Verdict: "drop", Partly: []string{"echo-request"}, By: []string{"length"},
		}), "rules inbound"},
		"a rule about one address": {diagtest.VPC().Say(diag.Filter{
			Table: "inet t", Chain: "o", Hook: "output", Rule: "ip6 daddr 2001:db8::5 drop", Verdict: "drop", Partly: []string{"echo-request"},
		}), "inbound"},
		"a bridge of containers": {diagtest.VPC().Say(
			diag.Link{Interface: "docker0", Index: 9, MAC: diagtest.OtherMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true, Type: "bridge"},
			diag.Address{Interface: "docker0", Address: netip.MustParseAddr("fd00:d0c::1"), PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever},
			diag.Sysctl{Scope: "eth0", Name: "forwarding", Value: "1"}, diag.Sysctl{Scope: "docker0", Name: "forwarding", Value: "1"},
		), "forwarded inbound"},
		"nobody asked by multicast": {diagtest.LAN(), "found inbound"},
		"somebody asked by multicast": {diagtest.LAN().Say(diag.Frame{
			Interface: "eth0", Type: diag.NS, Src: diagtest.PeerGlobal, Dst: diag.SolicitedNode(diagtest.Mine), Target: diagtest.Mine, SrcMAC: diagtest.PeerMAC, HopLimit: 255,
		}, diag.Frame{
			Interface: "eth0", Out: true, Type: diag.NA, Src: diagtest.Mine, Dst: diagtest.PeerGlobal, Target: diagtest.Mine, LLAddr: diagtest.MyMAC, SrcMAC: diagtest.MyMAC, HopLimit: 255,
		}), "inbound"},
		"--skip takes the rest along": {noInternet(diagtest.VPC()).Skip("internet", "source"), "internet source inbound"},
	} {
		d := Diagnose(tt.world.State())
		var got []string
		for _, u := range d.NotAsked {
			got = append(got, u.What)
			if u.Why == "" || strings.Contains(u.Why, "{") {
				t.Errorf("%s: %s because of %q", name, u.What, u.Why)
			}
		}
		if want := strings.Fields(strings.ReplaceAll(tt.want, "", "")); !slices.Equal(got, want) || d.Verdict != VerdictOK {
			t.Errorf("%s: %s, not asked %v, want %v; unknown %v", name, d.Verdict, got, want, d.Unknown)
		}
	}
	w := diagtest.VPC()
	w.Run.Passive, w.Paths, w.Checks = true, nil, nil
	if d := Diagnose(w.State()); d.Verdict != VerdictUnknown || fmt.Sprint(d.NotAsked) != "[{network --passive sends nothing}]" {
		t.Errorf("passive: %s, not asked %v", d.Verdict, d.NotAsked)
	}
}

// TestNamedTargetsAreMet: what the user named is asked, or the verdict is not ok.
func TestNamedTargetsAreMet(t *testing.T) {
	skip := func(detail string) func(*diag.Path) {
		return func(p *diag.Path) {
			diagtest.Silent(p)
			p.Outcome, p.Detail, p.Sent = diag.OutcomeSkipped, detail, 0
		}
	}
	toPeer := func(p diag.Path) bool { return p.Target == diagtest.PeerGlobal && p.SourceClass == diag.SourceAssigned }
	far := netip.MustParseAddr("2001:db8:2::2")
	named := func(peer netip.Addr) *diagtest.World {
		w := diagtest.VPC()
		w.Run.Peers = append(slices.Clone(w.Run.Peers), peer)
		return w
	}
	zoned := diagtest.VPC().Second(func(p diag.Path) bool { return p.Target != diagtest.PeerLocal })
	zoned.Run.Peers = []netip.Addr{diagtest.PeerGlobal, diagtest.PeerLocal.WithZone("eth1")}
	running := named(far)
	for i := range running.Checks {
		if strings.HasPrefix(running.Checks[i].ID, "peer-") {
			running.Checks[i].State = diag.CheckRunning
		}
	}
	hosts := diagtest.VPC().Each(toClass(diag.TargetInternet), skip("budget"))
	mine := named(diagtest.Mine).Path(diag.Path{Check: "peer-nd", Asks: diag.AsksND, Target: diagtest.Mine, TargetClass: diag.TargetPeer, Given: true, Outcome: diag.OutcomeSkipped, Detail: "own-address"})
	off := named(far).Skip("peer-nd", "peer-echo")
	for name, tt := range map[string]struct {
		world   *diagtest.World
		verdict Verdict
		says    string
	}{
		"without a source":             {diagtest.VPC().Each(toPeer, skip("no-source")), VerdictUnknown, diagtest.PeerGlobal.String() + " could not be asked: there is no address to ask from"},
		"out of time":                  {diagtest.VPC().Each(toPeer, skip("timeout")), VerdictUnknown, "time was up"},
		"out of packets":               {diagtest.VPC().Each(toPeer, skip("budget")), VerdictUnknown, "the bound on packets was reached"},
		"hosts out of packets":         {hosts, VerdictUnknown, "the bound on packets was reached"},
		"never planned":                {named(far), VerdictUnknown, far.String() + " could not be asked"},
		"not by its zone":              {zoned, VerdictUnknown, diagtest.PeerLocal.String() + "%eth1 could not be asked"},
		"the kernel alone was not":     {diagtest.VPC().Each(func(p diag.Path) bool { return toPeer(p) && p.Via == diag.ViaKernel }, skip("too-many")), VerdictOK, ""},
		"its own address":              {mine, VerdictOK, ""},
		"turned off by the user":       {off, VerdictOK, ""},
		"not yet":                      {running, VerdictOK, ""},
		"tried, and not allowed":       {tried("forwarding"), VerdictUnknown, diagtest.Hand.String() + " could not be tried: this host forwards"},
		"tried, and somebody's":        {tried("answered-for"), VerdictOK, ""},
		"something worse":              {named(far).Silence(toPeer), VerdictWarning, "Nobody answers"},
		"those that the program chose": {func() *diagtest.World { w := named(far); w.Run.Peers = nil; return w }(), VerdictOK, ""},
		"hosts that the program chose": {func() *diagtest.World {
			w := unasked(diagtest.VPC(), toClass(diag.TargetInternet))
			w.Run.InternetGiven = false
			return w
		}(), VerdictOK, "the Internet was not asked"},
	} {
		d := Diagnose(tt.world.State())
		if d.Verdict != tt.verdict || !strings.Contains(d.Headline, tt.says) {
			t.Errorf("%s: %s: %s; want %s: %s", name, d.Verdict, d.Headline, tt.verdict, tt.says)
		}
	}
}

// tried is a VPC in which the user wants an address to be tried that is skipped.
func tried(detail string) *diagtest.World {
	w := diagtest.VPC()
	w.Run.Try = []netip.Addr{diagtest.Hand}
	return w.Path(diag.Path{
		Check: "added", Asks: diag.AsksDAD, Source: netip.IPv6Unspecified(), SourceClass: diag.SourceUnspecified, Target: diagtest.Hand, TargetClass: diag.TargetPeer,
		Outcome: diag.OutcomeSkipped, Detail: detail, Note: "all.forwarding",
	})
}

// inner adds an interface with an address that was set by hand, from which nothing leads on.
func inner(w *diagtest.World) *diagtest.World {
	fixed := func(a string, bits int) diag.Address {
		return diag.Address{Interface: "eth1", Address: netip.MustParseAddr(a), PrefixLen: bits, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever}
	}
	own := netip.MustParseAddr("fd99::1")
	w.Run.Interfaces = []string{"eth0", "eth1"}
	w.Say(
		diag.Link{Interface: "eth1", Index: 3, MAC: diagtest.OtherMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		fixed(diagtest.OtherMAC.LinkLocal().String(), 64), fixed(own.String(), 64),
		diag.Route{Interface: "eth1", Dst: netip.MustParsePrefix("fd99::/64"), Metric: 256, Table: diag.MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: diag.Forever},
		diag.Selection{Dst: diagtest.Host1, From: own, Source: own, Interface: "eth0", Via: diagtest.RouterAddr},
	)
	w.Path(diag.Path{Interface: "eth1", Check: "ra", Asks: diag.AsksRS, Source: diagtest.OtherMAC.LinkLocal(), Target: diag.AllRouters, TargetClass: diag.TargetRouter, Outcome: diag.Silent})
	return w.Path(diag.Path{Interface: "eth1", Check: "internet", Asks: diag.AsksEcho, Source: own, SourceClass: diag.SourceUnknown, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaKernel, Outcome: diag.Unsent, Errno: "ENETUNREACH"})
}

// TestInward: a network of its own has no router, and none is missed; where one was, or where the
// infrastructure has one, it is, with a warning as long as applications go another way.
func TestInward(t *testing.T) {
	prefix := diag.Route{Interface: "eth1", Dst: netip.MustParsePrefix("2001:db8:5::/64"), Metric: 256, Table: diag.MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: 3000}
	eni := inner(diagtest.VPC())
	eni.Say(diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{
		{MAC: diagtest.MyMAC, Addresses: []netip.Addr{diagtest.Mine}, Subnets: []netip.Prefix{diagtest.Subnet}}, {MAC: diagtest.OtherMAC, Addresses: []netip.Addr{netip.MustParseAddr("fd99::1")}},
	}})
	silentRouter := diagtest.RaFrame(netip.MustParseAddr("fe80::99"), diagtest.PeerMAC, diag.Advertisement{Preference: "medium"})
	silentRouter.Interface = "eth1"
	router := diagtest.RaFrame(netip.MustParseAddr("fe80::99"), diagtest.PeerMAC, diag.Advertisement{Preference: "medium", LifetimeS: 1800})
	router.Interface = "eth1"
	alone := inner(diagtest.LAN())
	alone.Run.Interfaces = []string{"eth1"}
	for name, tt := range map[string]struct {
		world *diagtest.World
		want  Verdict
	}{
		"beside a LAN":                      {inner(diagtest.LAN()), VerdictOK},
		"beside a VPC":                      {inner(diagtest.VPC()), VerdictOK},
		"an interface that the VPC made":    {eni, VerdictWarning},
		"a router was there":                {inner(diagtest.LAN()).Say(prefix), VerdictWarning},
		"its router says that it is none":   {inner(diagtest.LAN()).Say(prefix, silentRouter), VerdictOK},
		"its router says that it is one":    {inner(diagtest.LAN()).Say(prefix, router), VerdictWarning},
		"alone, and asked for the Internet": {alone, VerdictWarning},
		"it was the only way out":           {inner(diagtest.LAN()).NoDefault(), VerdictCritical},
	} {
		d := Diagnose(tt.world.State())
		if d.Verdict != tt.want {
			t.Errorf("%s: %s: %s; %v", name, d.Verdict, d.Headline, named(d))
		}
		if tt.want == VerdictOK && !strings.HasPrefix(d.Headline, "The router, the peers and the Internet answer") {
			t.Errorf("%s: %s", name, d.Headline)
		}
	}
}

// TestPeerOnAnotherLink: a link-local peer that is named without a zone answers on its own link.
func TestPeerOnAnotherLink(t *testing.T) {
	w := func() *diagtest.World { return diagtest.VPC().Second(func(diag.Path) bool { return true }) }
	there := func(p diag.Path) bool { return p.Interface == "eth1" && p.Target == diagtest.PeerLocal }
	if d := Diagnose(w().Silence(there).State()); d.Verdict != VerdictOK {
		t.Errorf("it answers on eth0: %s: %s", d.Verdict, d.Headline)
	}
	if d := Diagnose(w().Silence(diagtest.To(diagtest.PeerLocal)).State()); d.Verdict != VerdictWarning {
		t.Errorf("it answers nowhere: %s: %s", d.Verdict, d.Headline)
	}
}

// TestGoodNewsFits two lines of a terminal, behind the verdict.
func TestGoodNewsFits(t *testing.T) {
	const width = 80 - len("OK  ")
	for _, profile := range Profiles() {
		network := words.Say("profile." + profile + ".name")
		for more, who := range map[string]string{
			words.Say("headline.more.filter"):                                    "rpi",
			words.Say("headline.more.no-internet-by", "interfaces", "enp0s31f6"): "rp",
		} {
			for _, text := range []string{
				words.Say("headline.ok", "who", words.Say("headline.who."+who), "network", network, "more", more),
				words.Say("headline.same", "network", network, "more", more),
				words.Say("headline.host", "network", network),
			} {
				lines, used := 1, 0
				for word := range strings.FieldsSeq(text) {
					if used > 0 && used+1+len(word) > width {
						lines, used = lines+1, 0
					}
					used += len(word) + 1
				}
				if lines > 2 {
					t.Errorf("%d lines: %s", lines, text)
				}
			}
		}
	}
}

// TestNoCandidate: who has candidates tried and none could be is not told that all is well.
func TestNoCandidate(t *testing.T) {
	skipped := func(detail string) *diagtest.World {
		return diagtest.VPC().Each(func(p diag.Path) bool { return p.Check == "added" }, func(p *diag.Path) {
			p.Outcome, p.Detail, p.Sent, p.Received, p.Responders = diag.OutcomeSkipped, detail, 0, 0, nil
		})
	}
	for name, tt := range map[string]struct {
		world *diagtest.World
		want  Verdict
		says  string
	}{
		"one was tried":         {diagtest.VPC(), VerdictOK, ""},
		"the host forwards":     {skipped("forwarding"), VerdictUnknown, "this host forwards"},
		"there is no other":     {skipped("no-other"), VerdictUnknown, "no other preferred address"},
		"it was found assigned": {skipped("assigned"), VerdictOK, ""},
	} {
		d := Diagnose(tt.world.State())
		if d.Verdict != tt.want {
			t.Errorf("%s: %s, want %s: %v", name, d.Verdict, tt.want, d.Unknown)
		}
		if tt.says != "" && !slices.ContainsFunc(d.Unknown, func(u Unknown) bool { return u.What == "added" && strings.Contains(u.Why, tt.says) }) {
			t.Errorf("%s: nothing says %q: %v", name, tt.says, d.Unknown)
		}
	}
}

// What is asked again for itself takes nothing back of what was asked before: nobody left the other checks out.
func TestAskedAgainIsNotLeftOut(t *testing.T) {
	w := diagtest.VPC()
	want := Diagnose(w.State())
	w.Run.Now = []string{"peer-nd", "peer-echo"}
	got := Diagnose(w.Say(w.Run).State())
	if !slices.Equal(got.NotAsked, want.NotAsked) || got.Headline != want.Headline {
		t.Errorf("while peers are asked again, not asked: %v, and %q; before: %v, and %q", got.NotAsked, got.Headline, want.NotAsked, want.Headline)
	}
}
