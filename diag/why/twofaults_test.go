package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A route by another interface is none for what is bound to this one: that no router is heard explains it all the same.
func TestNoRouterBesideAnotherWay(t *testing.T) {
	w := diagtest.NoRouter().Drop(diagtest.OfKind(func(r diag.Route) bool { return r.Dst.Contains(diagtest.PeerGlobal) })).Say(
		diag.Link{Interface: "eth1", Index: 3, MAC: diagtest.OtherMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
		diag.Route{Interface: "eth1", Dst: netip.MustParsePrefix("::/0"), Via: diagtest.RouterAddr, Metric: 2000, Table: diag.MainTable, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever},
	).Path(diag.Path{
		Check: "peer-echo", Asks: diag.AsksEcho, Source: diagtest.Mine, SourceClass: diag.SourceAssigned, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer,
		Given: true, Via: diag.ViaKernel, Outcome: diag.Unsent, Errno: "ENETUNREACH",
	})
	d := Diagnose(w.State())
	if got := named(d); !slices.Contains(got, "router.no-advertisement") || len(d.Unexplained) > 0 {
		t.Errorf("named %v, unexplained %+v", got, d.Unexplained)
	}
}

// What applications send another way is that way's doing, whatever proves that the interface's own is open.
func TestElsewhereWhateverIsAsked(t *testing.T) {
	w := diagtest.LAN().Say(
		diag.Selection{Dst: diagtest.Host1, Interface: "eth1", Table: diag.MainTable, Metric: 100, Protocol: "static"},
		diag.Link{Interface: "eth1", Index: 3, Up: true, Carrier: true},
	).Path(diag.Path{
		Check: "internet", Asks: diag.AsksTCP, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaApp,
		SourceClass: diag.SourceUnknown, Outcome: diag.Silent, Detail: "elsewhere", Out: "eth1", Sent: 4,
	})
	d := Diagnose(w.State())
	if f := find(t, d, "host.routing"); f.Confidence != Certain || len(d.Unexplained) > 0 {
		t.Errorf("%s, unexplained %+v", f.Confidence, d.Unexplained)
	}
}

// Where nobody says what is assigned, a candidate that is answered and lies in the prefix of an address of ours may be this
// host's, as long as another that does not is dropped: else the link is open.
func TestPerhapsDelegated(t *testing.T) {
	for name, other := range map[string]diag.Outcome{"one is dropped": diag.Silent, "all are answered": diag.Answered} {
		w := diagtest.VPC().Drop(diagtest.OfKind(func(diag.Metadata) bool { return true })).Drop(diagtest.OfKind(func(f diag.Feed) bool { return f.Name == diag.FeedIMDS }))
		w.Each(func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate && p.Source == diagtest.MineNext }, func(p *diag.Path) {
			p.Outcome, p.Received = diag.Answered, p.Sent
		})
		for _, p := range slices.Clone(w.Paths) {
			if p.Source == diagtest.MineNext && p.Asks != diag.AsksDAD {
				p.Source, p.Outcome, p.Received = netip.MustParseAddr("2001:db8:1f16:8df:a::5"), other, 0
				if other == diag.Answered {
					p.Received = p.Sent
				}
				w.Path(p)
			}
		}
		d := Diagnose(w.State())
		quiet := len(d.Unexplained) == 0 && !slices.Contains(named(d), "net.open-link")
		if quiet != (other == diag.Silent) {
			t.Errorf("%s: named %v, unexplained %+v", name, named(d), d.Unexplained)
		}
	}
}

// What applications send to a neighbour by an interface that has lost its own address, from another's, says what is known
// already: that the one has none.
func TestByAnInterfaceWithoutAddress(t *testing.T) {
	offered := diag.DHCPv6{Message: "advertise", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Mine, 128)}}}
	w := diagtest.VPC().Second(func(diag.Path) bool { return true }).NoAddress().Offer(offered).Path(diag.Path{
		Interface: "eth1", Check: "peer-echo", Asks: diag.AsksEcho, Source: diagtest.SecondOwn, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer, Given: true,
		Via: diag.ViaApp, Outcome: diag.Silent, Detail: "elsewhere", Out: "eth0",
	})
	d := Diagnose(w.State())
	if got := named(d); !slices.Contains(got, "dhcpv6.no-client") || len(d.Unexplained) > 0 {
		t.Errorf("named %v, unexplained %+v", got, d.Unexplained)
	}
}
