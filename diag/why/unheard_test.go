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

// TestNobodyHears: where nothing that is sent is answered, it is not the router that is blamed for certain, and what is
// known of the MAC is said.
func TestNobodyHears(t *testing.T) {
	port := diag.Link{Interface: "eth1", Index: 9, MAC: diagtest.OtherMAC, Up: true, Carrier: true, Ethernet: true}
	for name, tt := range map[string]struct {
		world *diagtest.World
		says  string
	}{
		"a changed MAC":                   {diagtest.Unheard(diagtest.LAN()).Relink(func(l *diag.Link) { l.PermMAC = diagtest.OtherMAC }), "came with " + diagtest.OtherMAC.String()},
		"nothing is known":                {diagtest.Unheard(diagtest.LAN()), "cannot tell which"},
		"a macvlan":                       {diagtest.Unheard(diagtest.LAN()).Relink(func(l *diag.Link) { l.Type, l.Parent = "macvlan", 9 }).Say(port), "that of eth1"},
		"a container's macvlan":           {diagtest.Unheard(diagtest.LAN()).Relink(func(l *diag.Link) { l.Type, l.Parent, l.Elsewhere = "macvlan", 9, true }), "differs from that of the interface"},
		"a bridge with a MAC of its own":  {diagtest.Unheard(diagtest.LAN()).Relink(func(l *diag.Link) { l.Type = "bridge" }).Say(func() diag.Link { p := port; p.Master, p.Port = 2, "bridge"; return p }()), "that of eth1"},
		"a MAC that the metadata names":   {diagtest.Unheard(diagtest.VPC().Run2()).Relink(func(l *diag.Link) { l.MAC = diagtest.PeerMAC }).Drop(diagtest.OfKind(func(a diag.Address) bool { return a.Address == diagtest.MyLocal })).Say(diagtest.ByHand(diagtest.PeerMAC.LinkLocal(), 64)).Say(func() diag.Link { p := port; p.MAC = diagtest.SecondMAC; return p }(), both), "the metadata service names " + diagtest.MyMAC.String()},
		"a MAC that the port does know":   {diagtest.Unheard(diagtest.LAN()).Relink(func(l *diag.Link) { l.PermMAC = diagtest.OtherMAC }).Say(unicast), "cannot tell which"},
		"a link-local address of its own": {diagtest.Unheard(diagtest.LAN()).Say(diagtest.ByHand(diagtest.Private, 64)), "not made from its MAC"},
	} {
		t.Run(name, func(t *testing.T) {
			d := Diagnose(tt.world.State())
			f := find(t, d, "path.unheard")
			if f.Severity != Critical || f.Confidence == Certain || !strings.Contains(f.Summary+" "+f.Explanation, tt.says) {
				t.Errorf("%s, %s: %s %s", f.Severity, f.Confidence, f.Summary, f.Explanation)
			}
			for _, f := range d.Findings {
				if f.Cause == "router.unresolvable" && f.Confidence != Possible {
					t.Errorf("the router is to blame as well: %s", f.Confidence)
				}
			}
		})
	}
}

// unicast is a solicitation to the interface alone, as of somebody who knew it and wants to know whether it is there yet.
var unicast = diag.Frame{
	Interface: "eth0", Type: diag.NS, Src: diagtest.PeerLocal, SrcMAC: diagtest.PeerMAC, Dst: diagtest.MyLocal, DstMAC: diagtest.MyMAC, Target: diagtest.Host2, HopLimit: 255,
}

var both = diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{
	{MAC: diagtest.MyMAC, ID: "eni-0123", Addresses: []netip.Addr{diagtest.Mine}, Subnets: []netip.Prefix{diagtest.Subnet}},
	{MAC: diagtest.SecondMAC, ID: "eni-0456", Subnets: []netip.Prefix{diagtest.Subnet}},
}}

// TestSomebodyHears: one answer is enough, of whatever kind; then the silent ones are to blame.
func TestSomebodyHears(t *testing.T) {
	solicited := func() *diagtest.World {
		w := diagtest.Unheard(diagtest.LAN())
		ra := diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diagtest.VpcRA())
		ra.Dst = diagtest.MyLocal
		w.Say(ra)
		seq := int64(len(w.Bodies) + 1)
		return w.Each(func(p diag.Path) bool { return p.Asks == diag.AsksRS }, func(p *diag.Path) {
			p.Outcome, p.Received, p.Evidence = diag.Answered, 1, []int64{seq}
		})
	}
	acked := func() *diagtest.World { return diagtest.Unheard(diagtest.LAN()).Say(acknowledged()) }
	peer := func() *diagtest.World {
		return diagtest.LAN().Silence(func(p diag.Path) bool { return p.Target == diagtest.RouterAddr && p.Asks != diag.AsksRS })
	}
	for name, world := range map[string]func() *diagtest.World{"an advertisement to it alone": solicited, "a connection": acked, "a peer": peer} {
		d := Diagnose(world().State())
		if slices.Contains(named(d), "path.unheard") && !strings.Contains(find(t, d, "path.unheard").Summary, "but pings are answered") {
			t.Errorf("%s: %v", name, named(d))
		}
	}
	if f := find(t, Diagnose(peer().State()), "router.unresolvable"); f.Confidence != Certain {
		t.Errorf("the router alone is silent: %s", f.Confidence)
	}
}

// TestOneAskedInVain: where a single host is asked and stays silent, it is that host that is missed: nothing is known of
// the others. A second one, or a router that is asked in vain, makes it the interface.
func TestOneAskedInVain(t *testing.T) {
	alone := func(target netip.Addr) *diagtest.World {
		w := diagtest.Unheard(diagtest.LAN())
		w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.Asks != diag.AsksDAD && p.Target != target })
		return w
	}
	d := Diagnose(alone(diagtest.PeerGlobal).State())
	f := find(t, d, "peer.unmapped")
	if f.Confidence != Likely || f.Severity != Warning || !strings.Contains(f.Summary, "nobody else") || slices.Contains(named(d), "path.unheard") {
		t.Errorf("%s, %s: %s; %v", f.Severity, f.Confidence, f.Summary, named(d))
	}
	if d := Diagnose(diagtest.Unheard(diagtest.LAN()).State()); slices.Contains(named(d), "peer.unmapped") {
		t.Errorf("all are silent: %v", named(d))
	}
	d = Diagnose(alone(diagtest.RouterAddr).State())
	for _, f := range d.Findings {
		if f.Cause == "path.unheard" && strings.Contains(f.Summary, "anybody else") {
			t.Errorf("the router alone was asked: %s", f.Summary)
		}
	}
	if d.Verdict == "ok" {
		t.Errorf("the router alone was asked, and is silent: %s", d.Headline)
	}
}

// TestMACsThatAreWell: a MAC that is not the hardware's, a macvlan's, a link-local address of one's own, a virtual
// router's MAC on two machines, and what a switch reflects are no faults where they work.
func TestMACsThatAreWell(t *testing.T) {
	reflected := diag.Frame{
		Interface: "eth0", Type: diag.NS, Src: diagtest.Mine, SrcMAC: diagtest.MyMAC, Dst: diag.SolicitedNode(diagtest.RouterAddr), Target: diagtest.RouterAddr, HopLimit: 255,
	}
	vrrp := diag.MAC{0x00, 0x00, 0x5e, 0x00, 0x02, 0x33}
	for name, world := range map[string]*diagtest.World{
		"a bond": diagtest.LAN().Relink(func(l *diag.Link) { l.Type, l.PermMAC = "bond", diagtest.OtherMAC }),
		"a macvlan": diagtest.LAN().Relink(func(l *diag.Link) { l.Type, l.Parent = "macvlan", 9 }).
			Say(diag.Link{Interface: "eth1", Index: 9, MAC: diagtest.OtherMAC, Up: true, Carrier: true, Ethernet: true}),
		"a link-local address of its own": diagtest.LAN().Say(diagtest.ByHand(diagtest.Private, 64)).
			Path(diag.Path{Check: "source", Asks: diag.AsksND, Source: diagtest.Private, SourceClass: diag.SourceUnassigned, Target: diagtest.RouterAddr, TargetClass: diag.TargetRouter}),
		"what a switch reflects": diagtest.LAN().Say(reflected),
		"a virtual router's MAC": diagtest.LAN().Relink(func(l *diag.Link) { l.MAC = vrrp }).Say(diagtest.ByHand(diagtest.MyLocal, 64), diag.Frame{
			Interface: "eth0", Type: diag.MLD, Src: diagtest.PeerLocal, SrcMAC: vrrp, Dst: diag.AllRouters, HopLimit: 1,
		}),
		"a container's packets that a switch reflects": diagtest.LAN().Say(
			diag.Frame{Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: diagtest.UlaCand.Next(), SrcMAC: diagtest.MyMAC, Dst: diagtest.Host1},
			diag.Frame{Interface: "eth0", Type: diag.EchoRequest, Src: diagtest.UlaCand.Next(), SrcMAC: diagtest.MyMAC, Dst: diagtest.Host1},
		),
	} {
		if d := Diagnose(world.State()); len(faults(d)) > 0 || slices.Contains(named(d), "address.link-local-not-eui64") {
			t.Errorf("%s: %s: %s; %v", name, d.Verdict, d.Headline, named(d))
		}
	}
}

// TestSeverityIsByHarm: the same cause is critical where the host gets out no more, and a warning where it does.
func TestSeverityIsByHarm(t *testing.T) {
	if f := find(t, Diagnose(diagtest.PortSecurity().State()), "address.link-local-not-eui64"); f.Severity != Critical {
		t.Errorf("nothing gets out: %s", f.Severity)
	}
	if f := find(t, Diagnose(diagtest.VPC().Say(diagtest.ByHand(diagtest.Private, 64)).State()), "address.link-local-not-eui64"); f.Severity != Warning {
		t.Errorf("all gets out: %s", f.Severity)
	}
	dead := func() *diagtest.World {
		return diagtest.VPC().Silence(func(p diag.Path) bool { return p.Target == diagtest.RouterAddr && p.Asks != diag.AsksRS })
	}
	if f := find(t, Diagnose(dead().State()), "router.unresolvable"); f.Severity != Warning {
		t.Errorf("another way is taken: %s", f.Severity)
	}
	if f := find(t, Diagnose(dead().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }).State()), "router.unresolvable"); f.Severity != Critical {
		t.Errorf("the only router: %s", f.Severity)
	}
}

// TestDuplicateSaysWhatWasSeen: that somebody else has an address is said where somebody was seen to.
func TestDuplicateSaysWhatWasSeen(t *testing.T) {
	failed := diagtest.ByHand(diagtest.Hand, 64)
	failed.Flags |= diag.DADFailed | diag.Tentative
	na := diag.Frame{Interface: "eth0", Type: diag.NA, Src: diagtest.Hand, SrcMAC: diagtest.PeerMAC, Dst: diag.AllNodes, Target: diagtest.Hand, HopLimit: 255}
	for says, seen := range map[string][]diag.Body{
		"This run did not see which":                       nil,
		diagtest.PeerMAC.String() + " answered the questi": {na},
	} {
		f := find(t, Diagnose(diagtest.VPC().Say(seen...).Say(failed).State()), "address.duplicate")
		if !strings.Contains(f.Explanation, says) {
			t.Errorf("%q is not said: %s %s", says, f.Summary, f.Explanation)
		}
		if other := strings.Contains(f.Summary, "Somebody else"); other != strings.Contains(says, "answered") {
			t.Errorf("somebody else is blamed: %v: %s", other, f.Summary)
		}
	}
}

// TestCertainMeansSeen: that a network drops what an address sends is certain where it was seen, whatever is documented.
func TestCertainMeansSeen(t *testing.T) {
	unseen := diagtest.VPC().Say(diagtest.ByHand(diagtest.Hand, 64), diag.Selection{Dst: diagtest.Host1, Source: diagtest.Hand, Interface: "eth0", Via: diagtest.RouterAddr})
	for _, cause := range []string{"address.unassigned", "host.source-selection"} {
		if f := find(t, Diagnose(unseen.State()), cause); f.Confidence != Likely {
			t.Errorf("%s: %s: %s", cause, f.Confidence, f.Summary)
		}
	}
	managed := diagtest.VPC().NoAddress().Offer(diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Mine, 128)}}}).
		Say(diag.Manager{Interface: "eth0", Name: "dhclient"})
	managed.Elapsed = time.Minute
	if f := find(t, Diagnose(managed.State()), "dhcpv6.client-fails"); f.Confidence == Certain || !strings.Contains(f.Summary, "a client is at work") {
		t.Errorf("a client runs: %s: %s", f.Confidence, f.Summary)
	}
}

// A peer that somebody took for a router is one host, whatever it is asked as.
func TestHostsAsked(t *testing.T) {
	asked := func(class diag.TargetClass, target netip.Addr) *path {
		return &path{Path: &diag.Path{Target: target, TargetClass: class}}
	}
	router, global := asked(diag.TargetRouter, diagtest.RouterAddr), asked(diag.TargetPeer, diagtest.PeerGlobal)
	for name, tt := range map[string]struct {
		asked []*path
		want  int
	}{
		"nobody":                               {nil, 0},
		"a router, and two addresses of peers": {[]*path{router, global, asked(diag.TargetPeer, diagtest.Host2)}, 2},
		"two peers":                            {[]*path{asked(diag.TargetPeer, diagtest.PeerLocal), global, asked(diag.TargetPeer, diagtest.Private)}, 2},
		"a peer as a router": {[]*path{
			router, asked(diag.TargetRouter, diagtest.PeerLocal), asked(diag.TargetPeer, diagtest.PeerLocal), global,
		}, 2},
	} {
		if got := hostsOf(tt.asked); got != tt.want {
			t.Errorf("%s: %d hosts, want %d", name, got, tt.want)
		}
	}
}
