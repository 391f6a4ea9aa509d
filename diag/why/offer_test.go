package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// offerTests are what is announced beside what is in force, and next to each fault the healthy networks that look
// like it.
var offerTests = []struct {
	name   string
	world  func() *diagtest.World
	faults []string
	sure   Confidence
	says   []string // of the finding of the first of faults
}{
	{
		name: "a route that is announced, not taken and needed: refused", faults: []string{"router.advertisement-ignored"}, sure: Certain,
		world: func() *diagtest.World { return diagtest.BorderRouter(diag.Refused) },
		says:  []string{"accept_ra_rt_info_max_plen=0", "sysctl -w net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=64"},
	},
	{
		name: "a route that is announced, not taken and needed: silent", faults: []string{"router.advertisement-ignored"}, sure: Likely,
		world: func() *diagtest.World { return diagtest.BorderRouter(diag.Silent) },
	},
	{
		name: "a kernel without route information", faults: []string{"router.advertisement-ignored"},
		world: func() *diagtest.World {
			return diagtest.BorderRouter(diag.Refused).Drop(diagtest.OfKind(func(x diag.Sysctl) bool { return strings.HasPrefix(x.Name, "accept_ra_rt") }))
		},
		says: []string{"CONFIG_IPV6_ROUTE_INFO", "ip -6 route add fd99:1:2:3::/64 via fe80::400:ff:fe00:202 dev eth0"},
	},
	{
		name: "a route not taken by who handles advertisements", faults: []string{"router.advertisement-ignored"},
		world: func() *diagtest.World {
			return diagtest.BorderRouter(diag.Refused).Say(diag.Manager{Interface: "eth0", Name: "networkd", RA: true}).Set("accept_ra", "0")
		},
		says: []string{"networkd handles advertisements here"},
	},
	{
		name: "a route that is not taken, and the default router reaches the same", faults: []string{},
		world: func() *diagtest.World { return diagtest.BorderRouter(diag.Answered) },
	},
	{
		name: "a route that is taken, and refused behind", faults: []string{"path.refused"},
		world: func() *diagtest.World {
			return diagtest.BorderRouter(diag.Refused).Set("accept_ra_rt_info_max_plen", "64").Say(
				diag.Route{Interface: "eth0", Dst: diagtest.FarPrefix, Via: diagtest.SecondLocal, Metric: 1024, Table: diag.MainTable, Protocol: "ra", Type: "unicast", ExpiresS: 1700},
				diag.Selection{Dst: diagtest.FarHost, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.SecondLocal})
		},
	},
	{
		name: "an address of one router's prefix, sent to the other", faults: []string{"host.routing"}, sure: Likely,
		world: func() *diagtest.World { return diagtest.TwoPrefixes(diag.Silent) },
		says:  []string{"RFC 8028", "ip -6 route add default via fe80::400:ff:fe00:202 dev eth0 table 10000", "fe80::400:ff:fe00:202 announces that prefix"},
	},
	{
		name: "the same, and the kernel chooses that address", faults: []string{"host.source-selection"},
		world: func() *diagtest.World {
			return diagtest.TwoPrefixes(diag.Silent).Say(diag.Selection{Dst: diagtest.Host1, Source: diagtest.OtherAddr, Interface: "eth0", Via: diagtest.RouterAddr})
		},
		says: []string{"RFC 8028", "ip -6 rule add from " + diagtest.OtherAddr.String()},
	},
	{
		name: "a rule by source, and a socket that has none yet", faults: []string{"host.source-selection"}, sure: Likely,
		world: func() *diagtest.World {
			w := diagtest.TwoPrefixes(diag.Answered).Say(
				diag.Selection{Dst: diagtest.Host1, From: diagtest.OtherAddr, Source: diagtest.OtherAddr, Interface: "eth0", Via: diagtest.SecondLocal, Table: 10000},
				diag.Selection{Dst: diagtest.Host1, Source: diagtest.OtherAddr, Interface: "eth0", Via: diagtest.RouterAddr})
			return w.Path(diag.Path{
				Check: "internet", Asks: diag.AsksEcho, Source: diagtest.OtherAddr, SourceClass: diag.SourceUnknown, Target: diagtest.Host1,
				TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaApp, Out: "eth0", Outcome: diag.Silent,
			})
		},
		says: []string{"no rule by source matches", "via fe80::400:ff:fe00:202 dev eth0 src " + diagtest.OtherAddr.String()},
	},
	{
		name: "two routers that carry each other's prefix", faults: []string{},
		world: func() *diagtest.World { return diagtest.TwoPrefixes(diag.Answered) },
	},
	{
		name: "an address left of a prefix that is gone", faults: []string{"address.prefix-withdrawn"}, sure: Likely,
		world: func() *diagtest.World { return diagtest.Renumbered(diag.Silent) },
		says:  []string{"RFC 8978", "ip -6 addr del " + diagtest.OtherAddr.String() + "/64 dev eth0"},
	},
	{
		name: "the same, and the kernel chooses it", faults: []string{"host.source-selection"},
		world: func() *diagtest.World {
			return diagtest.Renumbered(diag.Silent).Say(diag.Selection{Dst: diagtest.Host1, Source: diagtest.OtherAddr, Interface: "eth0", Via: diagtest.RouterAddr})
		},
		says: []string{"no router announces any more"},
	},
	{
		name: "an address of a prefix that nobody announces, and that works", faults: []string{},
		world: func() *diagtest.World { return diagtest.Renumbered(diag.Answered) },
	},
	{
		name: "a prefix that is on the link here, and not by the router's word", faults: []string{"host.routing"}, sure: Likely,
		world: func() *diagtest.World { return diagtest.NotOnLink().Silence(diagtest.To(diagtest.PeerGlobal)) },
		says:  []string{"without flag L", "ip -6 route del " + diagtest.Subnet.String()},
	},
	{
		name: "the same, and neighbours answer", faults: []string{}, world: diagtest.NotOnLink,
	},
	{
		name: "the same, and only one neighbour does not answer", faults: []string{"peer.unmapped"},
		world: func() *diagtest.World {
			w := diagtest.NotOnLink().Silence(diagtest.To(diagtest.PeerGlobal))
			w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool {
				return p.Target == diagtest.PeerGlobal && p.SourceClass == diag.SourceCandidate
			})
			w.Both(diag.Path{
				Check: "peer-nd", Asks: diag.AsksND, Source: diagtest.Mine, Target: diagtest.PeerSecond, TargetClass: diag.TargetPeer, Given: true,
				SourceClass: diag.SourceUnknown, NUD: diag.Reachable,
			})
			return w
		},
	},
	{
		name: "a hop limit with which packets die", faults: []string{"path.hop-limit"}, sure: Certain,
		world: func() *diagtest.World { return diagtest.FewHops("3", 3).DieOnTheWay() },
		says:  []string{"announces a hop limit of 3", "sysctl -w net.ipv6.conf.eth0.hop_limit=64"},
	},
	{
		name: "a hop limit with which packets would die further away", faults: []string{"path.hop-limit"},
		world: func() *diagtest.World { return diagtest.FewHops("8", 8) },
	},
	{
		name: "a hop limit that somebody set", faults: []string{"path.hop-limit"},
		world: func() *diagtest.World { return diagtest.FewHops("5", 64).DieOnTheWay() },
		says:  []string{"No router here announces that value"},
	},
	{
		name: "a hop limit that is mended, but for the default route's own", faults: []string{"path.hop-limit"}, sure: Certain,
		world: func() *diagtest.World {
			return diagtest.FewHops("64", 3).Set("accept_ra_min_hop_limit", "32").DieOnTheWay().Say(
				diag.Selection{Dst: diagtest.Host1, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.RouterAddr, HopLimit: 3})
		},
		says: []string{"announces a hop limit of 3", "ip -6 route del default via " + diagtest.RouterAddr.String()},
	},
	{
		name: "a low hop limit that this host refuses", faults: []string{},
		world: func() *diagtest.World { return diagtest.FewHops("64", 3).Set("accept_ra_min_hop_limit", "32") },
	},
	{name: "a hop limit of 255", faults: []string{}, world: func() *diagtest.World { return diagtest.FewHops("255", 255) }},
	{
		name: "an MTU that is announced and not taken", faults: []string{"router.advertisement-ignored"}, sure: Likely,
		world: func() *diagtest.World { return diagtest.Narrow(1400, diag.Silent).Set("accept_ra_mtu", "0") },
		says:  []string{"accept_ra_mtu=0", "sysctl -w net.ipv6.conf.eth0.accept_ra_mtu=1"},
	},
	{
		name: "an MTU that is not taken, and nothing is lost", faults: []string{},
		world: func() *diagtest.World { return diagtest.Narrow(1400, diag.Answered).Set("accept_ra_mtu", "0") },
	},
	{
		name: "an MTU that no link of IPv6 has, and full packets are lost", faults: []string{"path.mtu"},
		world: func() *diagtest.World { return diagtest.Narrow(1000, diag.Silent) },
	},
	{
		name: "two routers with two MTUs", faults: []string{"router.inconsistent"}, sure: Certain,
		world: func() *diagtest.World {
			return diagtest.Narrow(1400, diag.Answered).Set("mtu", "1400").Say(diagtest.RaFrame(diagtest.SecondLocal, diagtest.SecondMAC2, diag.Advertisement{LifetimeS: 1800, MTU: 1500}))
		},
		says: []string{"1400", "1500"},
	},
	{
		name: "two routers, one of which says no MTU", faults: []string{},
		world: func() *diagtest.World {
			return diagtest.Narrow(1400, diag.Answered).Set("mtu", "1400").Say(diagtest.RaFrame(diagtest.SecondLocal, diagtest.SecondMAC2, diag.Advertisement{LifetimeS: 1800}))
		},
	},
}

func TestOffers(t *testing.T) {
	for _, tt := range offerTests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world().State())
			if got := faults(d); !slices.Equal(got, tt.faults) {
				t.Fatalf("faults %v, want %v", got, tt.faults)
			}
			if len(d.Unexplained) > 0 {
				t.Errorf("unexplained: %+v", d.Unexplained)
			}
			if len(tt.faults) == 0 {
				return
			}
			f := find(t, d, tt.faults[0])
			if tt.sure != "" && f.Confidence != tt.sure {
				t.Errorf("%s is %s, want %s", f.Cause, f.Confidence, tt.sure)
			}
			text := f.Summary + "\n" + f.Explanation + "\n" + strings.Join(f.Remedy, "\n")
			for _, says := range tt.says {
				if !strings.Contains(text, says) {
					t.Errorf("%q is not said:\n%s", says, text)
				}
			}
			if strings.ContainsAny(text, "{}") {
				t.Errorf("a placeholder is left:\n%s", text)
			}
		})
	}
}

// The user names what is assigned, and leaves out what the host makes of a second router's prefix: what is wrong with that
// is said all the same.
func TestTwoPrefixesBesideWhatIsAssigned(t *testing.T) {
	free := diag.Selection{Dst: diagtest.Host1, Source: diagtest.OtherAddr, Interface: "eth0", Via: diagtest.RouterAddr}
	bound := diag.Selection{
		Dst: diagtest.Host1, From: diagtest.OtherAddr, Source: diagtest.OtherAddr, Interface: "eth0", Via: diagtest.SecondLocal, Table: 10000,
	}
	lost := diag.Path{
		Check: "internet", Asks: diag.AsksEcho, Source: diagtest.OtherAddr, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true,
		Via: diag.ViaApp, Out: "eth0", Outcome: diag.Silent,
	}
	for want, w := range map[string]*diagtest.World{
		"host.routing": diagtest.TwoPrefixes(diag.Silent), "host.source-selection": diagtest.TwoPrefixes(diag.Silent).Say(free), "": diagtest.TwoPrefixes(diag.Answered),
		"host.source-selection, by a rule": diagtest.TwoPrefixes(diag.Answered).Say(bound, free).Path(lost),
	} {
		w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate }) // as with --add none
		w.Run.Assigned = []netip.Prefix{netip.PrefixFrom(diagtest.Mine, 128)}
		w.Each(func(p diag.Path) bool { return p.Source == diagtest.Mine }, func(p *diag.Path) { p.SourceClass = diag.SourceAssigned })
		w.Each(func(p diag.Path) bool { return p.Source == diagtest.OtherAddr }, func(p *diag.Path) { p.SourceClass = diag.SourceUnassigned })
		cause, _, _ := strings.Cut(want, ",")
		for _, is := range []string{"host.routing", "host.source-selection", "net.per-address-filter"} {
			if got := named(Diagnose(w.State())); slices.Contains(got, is) != (is == cause) {
				t.Errorf("%s: named %v", want, got)
			}
		}
	}
}
