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

// TestHeadline holds what is claimed in one sentence against what was seen.
func TestHeadline(t *testing.T) {
	builtIn := func(w *diagtest.World) *diagtest.World {
		w.Run.InternetGiven = false
		return w.Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }, func(p *diag.Path) { p.Given = false })
	}
	refused := func(w *diagtest.World, hosts ...netip.Addr) *diagtest.World {
		return w.Each(func(p diag.Path) bool {
			return slices.Contains(hosts, p.Target) && p.SourceClass == diag.SourceAssigned
		}, func(p *diag.Path) {
			diagtest.Silent(p)
			p.Outcome, p.Error = diag.Refused, &diag.PathError{Type: diag.Unreachable, Code: 0, From: diagtest.RouterAddr}
		})
	}
	tests := []struct {
		name    string
		world   *diagtest.World
		verdict Verdict
		want    string
	}{
		{
			"a healthy VPC", diagtest.VPC(), VerdictOK,
			"The router, the peers and the Internet answer as is normal here (an Amazon VPC); only assigned addresses work, and yours do.",
		},
		{
			"a healthy LAN", diagtest.LAN(), VerdictOK,
			"The router, the peers and the Internet answer as is normal here (a plain LAN); any address works on this link.",
		},
		{
			"without the experiment", diagtest.VPC().Skip("added"), VerdictOK,
			"The router, the peers and the Internet answer as is normal here (an Amazon VPC).",
		},
		{
			"the router alone", diagtest.VPC().Only("ra"), VerdictOK,
			"The router answers as is normal here (an Amazon VPC); the Internet was not asked.",
		},
		{
			"peers and candidates", diagtest.VPC().Only("added", "peer-nd", "peer-echo"), VerdictOK,
			"The peers answer as is normal here (an Amazon VPC); the Internet was not asked.",
		},
		{
			"candidates without a control", diagtest.VPC().Only("added"), VerdictOK,
			"Nothing differs from what is normal in this network (an Amazon VPC), but nothing answered either, so this proves little (asked: added).",
		},
		{
			"all nodes alone", diagtest.VPC().Only("all-nodes"), VerdictOK,
			"Nothing differs from what is normal in this network (an Amazon VPC), but nothing answered either, so this proves little (asked: all-nodes).",
		},
		{
			"this host alone", diagtest.VPC().Only("host"), VerdictOK,
			"This host is set up as it should be here (an Amazon VPC); the network was not asked.",
		},
		{
			"a peer from the cache is silent", diagtest.VPC().Each(diagtest.To(diagtest.PeerGlobal), func(p *diag.Path) { p.Given = false }).Silence(diagtest.To(diagtest.PeerGlobal)), VerdictOK,
			"Nothing differs from what is normal here (an Amazon VPC), but not everything answered; only assigned addresses work, and yours do.",
		},
		{
			"the built-in hosts are refused by our router", refused(builtIn(diagtest.VPC()), diagtest.Host1, diagtest.Host2), VerdictOK,
			"No fault found in this network (an Amazon VPC), but look at this: A host on the way, fe80::4fd:d1ff:fec8:f9cf, refuses packets to 2001:db8:ffff::1: no route to destination.",
		},
		{
			"one of the built-in hosts is refused", refused(builtIn(diagtest.VPC()), diagtest.Host2), VerdictOK,
			"Nothing differs from what is normal here (an Amazon VPC), but not everything answered; only assigned addresses work, and yours do.",
		},
		{
			"one of the built-in hosts is silent", builtIn(diagtest.VPC()).Silence(diagtest.To(diagtest.Host2)), VerdictOK,
			"The router, the peers and the Internet answer as is normal here (an Amazon VPC); only assigned addresses work, and yours do.",
		},
		{
			"the built-in hosts are silent", builtIn(diagtest.VPC()).Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }), VerdictWarning,
			"The router fe80::4fd:d1ff:fec8:f9cf answers neighbour discovery, but nothing beyond it answers.",
		},
		{
			"one fault", diagtest.VPC().Silence(diagtest.To(diagtest.PeerGlobal)), VerdictWarning,
			"Nobody answers for 2001:db8:1f16:8df:d326:143a:2015:79fa.",
		},
		{
			"two of a kind", diagtest.VPC().Silence(diagtest.To(diagtest.PeerGlobal)).Silence(diagtest.To(diagtest.PeerLocal)), VerdictWarning,
			"Nobody answers for 2001:db8:1f16:8df:d326:143a:2015:79fa (the same goes for 1 more address).",
		},
		{
			"two kinds, of two addresses each", diagtest.HandAdded().Silence(diagtest.To(diagtest.PeerGlobal)).Silence(diagtest.To(diagtest.PeerLocal)).Say(diagtest.ByHand(diagtest.MineNext, 64)), VerdictWarning,
			"eth0 has 2001:db8:1f16:8df::1234, which is not assigned to it: the network drops everything sent from it (the same goes for 1 more address, plus 1 more problem).",
		},
		{
			"one thing that nothing explains", diagtest.VPC().Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes && p.Via == diag.ViaWire }, func(p *diag.Path) {
				p.Outcome, p.Received, p.Responders = diag.Answered, 1, []diag.Responder{{Address: diagtest.PeerLocal, MAC: diagtest.PeerMAC}}
			}).Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes && p.Via == diag.ViaKernel }, func(p *diag.Path) {
				p.Outcome = diag.OutcomeSkipped
			}), VerdictWarning,
			"One thing differs from what is normal here, and no known cause explains it: ping from fe80::4df:a5ff:fe6c:5d57 to ff02::1, on the wire: answered.",
		},
		{
			"two things that nothing explains", diagtest.VPC().Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes }, func(p *diag.Path) {
				p.Outcome, p.Received, p.Responders = diag.Answered, 1, []diag.Responder{{Address: diagtest.PeerLocal, MAC: diagtest.PeerMAC}}
			}), VerdictWarning,
			"2 things differ from what is normal here, and no known cause explains them; the first: ping from fe80::4df:a5ff:fe6c:5d57 to ff02::1, as the kernel sends it: answered.",
		},
		{
			"the resolver is silent", diagtest.VPC().Path(diag.Path{
				Check: "services", Asks: diag.AsksService, Source: diagtest.Mine, Target: netip.MustParseAddr("fd00:ec2::253"), TargetClass: diag.TargetService, Via: diag.ViaKernel, Outcome: diag.Silent,
			}), VerdictWarning,
			"In an Amazon VPC, the DNS resolver at fd00:ec2::253 does not answer.",
		},
		{
			"a lease that nobody renews", diagtest.VPC().Drop(diagtest.OfKind(func(x diag.Address) bool { return x.Address == diagtest.Mine })).Say(diag.Address{
				Interface: "eth0", Address: diagtest.Mine, PrefixLen: 128, PreferredS: 20, ValidS: 330, UpdatedS: 120,
			}), VerdictWarning,
			"The lease of 2001:db8:1f16:8df:f557:112e:f9bd:c7f3 should have been renewed and was not: the kernel removes the address in 329 s.",
		},
		{
			"no privilege", diagtest.VPC().Say(diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "needs CAP_NET_RAW"}), VerdictUnknown,
			"ndwhy could not tell whether all is well: needs CAP_NET_RAW.",
		},
		{
			"no Internet", noInternet(diagtest.VPC()), VerdictOK,
			"The router and the peers answer as is normal here (an Amazon VPC); the Internet was not asked.",
		},
		{
			"one of two interfaces", diagtest.VPC().Second(func(p diag.Path) bool { return p.TargetClass != diag.TargetInternet }), VerdictOK,
			"The router and the peers answer as is normal here (an Amazon VPC); the Internet was not asked by eth1.",
		},
		{
			"two interfaces", diagtest.VPC().Second(func(diag.Path) bool { return true }), VerdictOK,
			"The router, the peers and the Internet answer as is normal here (an Amazon VPC); only assigned addresses work, and yours do.",
		},
		{
			"a fault of one of two interfaces", diagtest.VPC().Second(func(diag.Path) bool { return true }).Silence(func(p diag.Path) bool {
				return p.Interface == "eth1" && p.Target == diagtest.PeerGlobal
			}), VerdictWarning,
			"eth1: Nobody answers for 2001:db8:1f16:8df:d326:143a:2015:79fa.",
		},
		{"nothing at all", &diagtest.World{Run: diag.Run{Interfaces: []string{"eth0"}}}, VerdictUnknown, "ndwhy could not tell whether all is well: the netlink source of events gave nothing."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world.State())
			if d.Verdict != tt.verdict || d.Headline != tt.want {
				t.Errorf("%s: %s\nwant %s: %s", d.Verdict, d.Headline, tt.verdict, tt.want)
			}
		})
	}
}

// noInternet is `--internet none`.
func noInternet(w *diagtest.World) *diagtest.World {
	w.Run.InternetOff, w.Run.Internet = true, nil
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
	return w
}

// TestNothingCheckedIsNeverOK: a check that found nothing to ask has checked nothing.
func TestNothingCheckedIsNeverOK(t *testing.T) {
	why := words.Say("detail.no-peer")
	idle := func(w *diagtest.World) *diagtest.World {
		w.Run.Peers, w.Paths = nil, nil
		for i := range w.Checks {
			if w.Checks[i].State == diag.CheckDone {
				w.Checks[i].Why = why
			}
		}
		return w
	}
	tests := []struct {
		name  string
		world *diagtest.World
		want  string
	}{
		{"no peer to ask", idle(diagtest.VPC().Only("peer-nd", "peer-echo")), "ndwhy could not tell whether all is well: there is no peer to ask (peer-echo)."},
		{"every question skipped", diagtest.VPC().Only("added").Each(func(diag.Path) bool { return true }, func(p *diag.Path) {
			p.Outcome, p.Detail, p.Sent = diag.OutcomeSkipped, "no-control", 0
		}), "Nothing was asked, so ndwhy cannot say anything."},
		{"everything turned off", diagtest.VPC().Only(), "Nothing was asked, so ndwhy cannot say anything."},
		{"an assignment that is not known", func() *diagtest.World {
			w := diagtest.LAN().Only("assignment")
			w.Paths = nil
			return w
		}(), "Nothing was asked, so ndwhy cannot say anything."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world.State())
			if d.Verdict != VerdictUnknown || d.Headline != tt.want {
				t.Errorf("%s: %s\nwant unknown: %s", d.Verdict, d.Headline, tt.want)
			}
		})
	}
}

// TestHeadlineIsOneSentence, whatever is wrong.
func TestHeadlineIsOneSentence(t *testing.T) {
	for _, tt := range diagtest.CauseTests {
		h := Diagnose(tt.World().State()).Headline
		if !strings.HasSuffix(h, ".") || strings.Contains(h, "..") || strings.Contains(h, ". ") {
			t.Errorf("%s: %q", tt.Name, h)
		}
	}
}
