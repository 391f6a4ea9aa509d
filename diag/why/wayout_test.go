package why

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// Who made another way the preferred one, and through which rule.
func TestTakenBy(t *testing.T) {
	for _, tt := range []struct {
		name string
		sel  diag.Selection
		more []diag.Body
		says []string
	}{
		{
			"wg-quick",
			diag.Selection{Table: 51820, Protocol: "boot"},
			[]diag.Body{diag.PolicyRule{Priority: 32765, Mark: 51820, Invert: true, Table: 51820}},
			[]string{"32765: not from all fwmark 0xca6c lookup 51820", "WireGuard"},
		},
		{"tailscale", diag.Selection{Table: 52, Protocol: "static"}, []diag.Body{diag.PolicyRule{Priority: 5270, Table: 52}}, []string{"5270:", "exit node"}},
		{"another router's advertisement", diag.Selection{Table: diag.MainTable, Metric: 100, Protocol: "ra"}, nil, []string{"metric 100", "1024", "advertisement"}},
		{"an equal route", diag.Selection{Table: diag.MainTable, Metric: 1024, Protocol: "static"}, nil, []string{"learnt first", "proto static"}},
		{
			"a tunnel that takes one half of all and the other",
			diag.Selection{Table: diag.MainTable, Metric: 1024, Protocol: "boot"},
			[]diag.Body{
				diag.Route{Interface: "eth1", Dst: netip.MustParsePrefix("::/1"), Metric: 1024, Table: diag.MainTable, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
				diag.Route{Interface: "eth1", Dst: netip.MustParsePrefix("8000::/1"), Metric: 1024, Table: diag.MainTable, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever},
			},
			nil,
		},
		{
			"a manager",
			diag.Selection{Table: diag.MainTable, Metric: 50, Protocol: "static"},
			[]diag.Body{diag.Manager{Interface: "eth1", Name: "NetworkManager"}},
			[]string{"NetworkManager, which configures eth1"},
		},
	} {
		sel := tt.sel
		sel.Dst, sel.Interface, sel.Source = diagtest.Host1, "eth1", netip.MustParseAddr("fd00::1")
		w := diagtest.LAN().Say(sel, diag.Link{Interface: "eth1", Index: 3, Up: true, Carrier: true}).Say(tt.more...)
		w.Path(diag.Path{
			Check: "internet", Asks: diag.AsksEcho, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaApp,
			SourceClass: diag.SourceUnknown, Outcome: diag.Silent, Detail: "elsewhere", Out: "eth1",
		})
		f := find(t, Diagnose(w.State()), "host.routing")
		for _, part := range tt.says {
			if !strings.Contains(f.Explanation, part) {
				t.Errorf("%s: %q is not in %q", tt.name, part, f.Explanation)
			}
		}
	}
}

// What applications send by an interface that was not examined, and that was not asked, is no reason to say that all is well.
func TestOutOfSight(t *testing.T) {
	for _, tt := range []struct {
		out  string
		want Verdict
	}{{"eth1", VerdictUnknown}, {"eth0", VerdictOK}} {
		w := diagtest.LAN().Say(diag.Selection{Dst: diagtest.Host1, Interface: tt.out, Via: diagtest.RouterAddr, Source: diagtest.Mine})
		w.Path(diag.Path{
			Check: "internet", Asks: diag.AsksEcho, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaApp,
			SourceClass: diag.SourceUnknown, Outcome: diag.OutcomeSkipped, Detail: "unproven-source", Out: tt.out,
		})
		if d := Diagnose(w.State()); d.Verdict != tt.want {
			t.Errorf("by %s: %s, want %s: %s", tt.out, d.Verdict, tt.want, d.Headline)
		}
	}
}

// Frames go to the router whatever the routes say: where no socket was let ask, they tell nothing of what applications get.
func TestByFramesAlone(t *testing.T) {
	bySocket := func(p diag.Path) bool { return diagtest.To(diagtest.Host1)(p) && p.Via != diag.ViaWire }
	unproven := func(p *diag.Path) {
		p.Outcome, p.Detail, p.Sent, p.Received = diag.OutcomeSkipped, "unproven-source", 0, 0
	}
	app := diag.Path{
		Check: "internet", Asks: diag.AsksEcho, Source: diagtest.Mine, SourceClass: diag.SourceUnknown, Target: diagtest.Host1, TargetClass: diag.TargetInternet,
		Via: diag.ViaApp, Outcome: diag.OutcomeSkipped, Detail: "unproven-source", Out: "eth0",
	}
	for name, tt := range map[string]struct {
		w    *diagtest.World
		want Verdict
	}{
		"no socket asked":   {diagtest.LAN().Each(bySocket, unproven).Path(app), VerdictUnknown},
		"a bound one asked": {diagtest.LAN().Path(app), VerdictOK},
	} {
		if d := Diagnose(tt.w.State()); d.Verdict != tt.want {
			t.Errorf("%s: %s, want %s: %s %v", name, d.Verdict, tt.want, d.Headline, d.Unknown)
		}
	}
}

// A prefix that nobody announces is right where somebody of it is found on the link.
func TestUnannouncedAndWell(t *testing.T) {
	found := diagtest.NothingOnLink(64).Each(diagtest.To(diagtest.PeerSecond), func(p *diag.Path) { p.Outcome, p.Received = diag.Answered, p.Sent })
	for name, w := range map[string]*diagtest.World{"one answers": found, "no prefix": diagtest.NothingOnLink(128)} {
		for _, f := range Diagnose(w.State()).Findings {
			if f.Cause == "host.routing" {
				t.Errorf("%s: %s", name, f.Summary)
			}
		}
	}
}

// What applications send by another router than what is bound to the same source tells of no filter of this host's.
func TestAnotherRouterIsNoFilter(t *testing.T) {
	for name, via := range map[string]netip.Addr{"the same": diagtest.RouterAddr, "another": diagtest.OtherMAC.LinkLocal()} {
		w := diagtest.LAN().Say(diag.Selection{Dst: diagtest.Host1, Source: diagtest.Mine, Interface: "eth0", Via: via, Table: diag.MainTable}).Path(diag.Path{
			Check: "internet", Asks: diag.AsksEcho, Source: diagtest.Mine, SourceClass: diag.SourceUnknown, Target: diagtest.Host1, TargetClass: diag.TargetInternet,
			Given: true, Via: diag.ViaApp, Outcome: diag.Silent, Out: "eth0",
		})
		if got := slices.Contains(named(Diagnose(w.State())), "host.firewall"); got != (via == diagtest.RouterAddr) {
			t.Errorf("by %s router: host.firewall %v", name, got)
		}
	}
}
