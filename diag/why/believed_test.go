package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A router that answers solicitations for a silent peer too does not show that the peer is there.
func TestProxiedPeer(t *testing.T) {
	for _, tt := range []struct {
		who  diag.MAC
		sure Confidence
	}{{diagtest.PeerMAC, Likely}, {diagtest.RouterMAC, Possible}} {
		w := diagtest.LAN().Silence(func(p diag.Path) bool { return p.Target == diagtest.PeerGlobal && p.Asks == diag.AsksEcho })
		w.Each(func(p diag.Path) bool { return p.Asks == diag.AsksND && p.Outcome == diag.Answered }, func(p *diag.Path) {
			p.Responders = []diag.Responder{{Address: p.Target, MAC: tt.who}}
			if p.Target == diagtest.RouterAddr {
				p.Responders[0].MAC = diagtest.RouterMAC
			}
		})
		if f := find(t, Diagnose(w.State()), "peer.echo-blocked"); f.Confidence != tt.sure {
			t.Errorf("%s answers for it: %s, want %s", tt.who, f.Confidence, tt.sure)
		}
	}
}

// A lease is what one client was given, and no word about the interface's other addresses.
func TestLeaseIsNotAllThatIsAssigned(t *testing.T) {
	leased := func(outcome diag.Outcome) *diagtest.World {
		w := diagtest.VPC().Say(
			diag.Metadata{State: diag.MetadataUnreachable},
			diag.Lease{Interface: "eth0", Addresses: []diag.LeaseAddress{{Prefix: netip.PrefixFrom(diagtest.Mine, 128), PreferredS: 140, ValidS: 450, At: diagtest.Start}}},
			diagtest.ByHand(diagtest.Hand, 128),
		)
		w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.Check == "added" })
		if outcome != "" {
			w.Path(diag.Path{
				Check: "source", Asks: diag.AsksEcho, Source: diagtest.Hand, SourceClass: diag.SourceUnassigned, Target: diagtest.Host1,
				TargetClass: diag.TargetInternet, Given: true, Outcome: outcome,
			})
		}
		return w
	}
	for _, tt := range []struct {
		what    string
		outcome diag.Outcome
		cause   string
		sure    Confidence
	}{
		{"another address was not asked from", "", "address.unassigned", Possible},
		{"another address is silent where the leased one is not", diag.Silent, "address.unassigned", Certain},
	} {
		if f := find(t, Diagnose(leased(tt.outcome).State()), tt.cause); f.Confidence != tt.sure {
			t.Errorf("%s: %s is %s, want %s", tt.what, tt.cause, f.Confidence, tt.sure)
		}
	}
	d := Diagnose(leased(diag.Answered).State())
	if got := named(d); slices.Contains(got, "net.open-link") || slices.Contains(got, "address.unassigned") || len(d.Unexplained) > 0 {
		t.Errorf("another address is answered: named %v, unexplained %+v", got, d.Unexplained)
	}
}

// Where some connections with a host fail as well, that only ping is stopped is no more than possible.
func TestNotOnlyPing(t *testing.T) {
	connects := func(via diag.Via, outcome diag.Outcome) diag.Path {
		return diag.Path{
			Check: "internet", Asks: diag.AsksTCP, Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true,
			Via: via, Outcome: outcome,
		}
	}
	for _, tt := range []struct {
		app  diag.Outcome
		sure Confidence
	}{{diag.Answered, Likely}, {diag.Silent, Possible}} {
		w := diagtest.VPC().Silence(func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet })
		w.Path(connects(diag.ViaKernel, diag.Answered)).Path(connects(diag.ViaApp, tt.app))
		if f := find(t, Diagnose(w.State()), "path.icmp-blocked"); f.Confidence != tt.sure {
			t.Errorf("applications' connections are %s: %s, want %s", tt.app, f.Confidence, tt.sure)
		}
	}
}

// One answer that the kernel did not pass on is one, however many checks asked for it; and what came for an address that
// this host lost meanwhile was none of its any more.
func TestFilteredInPart(t *testing.T) {
	lost := diag.Address{Interface: "eth0", Address: diagtest.Mine, PrefixLen: 128, PreferredS: 100, ValidS: 400, Gone: true}
	running := diag.Check{ID: "internet", Interface: "eth0", State: diag.CheckRunning}
	for _, tt := range []struct {
		what     string
		received int
		say      []diag.Body
		want     bool
	}{
		{"two answers are missing", 2, nil, true},
		{"one is missing", 3, nil, false},
		{"the address is gone, and then the link", 2, []diag.Body{running, lost, diag.Link{
			Interface: "eth0", Index: 2, MAC: diagtest.MyMAC, MTU: 9001, Up: true, Ethernet: true,
		}}, false},
	} {
		w := diagtest.VPC().Path(diag.Path{
			Check: "source", Asks: diag.AsksEcho, Via: diag.ViaKernel, Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true,
		}).Each(func(p diag.Path) bool {
			return p.Target == diagtest.Host1 && p.Source == diagtest.Mine && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered
		}, func(p *diag.Path) {
			p.Sent, p.Received = 4, 4
			if p.Via == diag.ViaKernel {
				p.Received = tt.received
			}
		})
		w.Say(tt.say...)
		if got := slices.Contains(named(Diagnose(w.State())), "host.firewall"); got != tt.want {
			t.Errorf("%s: host.firewall is named: %t", tt.what, got)
		}
	}
}

// Where another host has this host's address too, that a neighbour is silent says nothing of the way to it.
func TestBesideAndShared(t *testing.T) {
	beside := func() *diagtest.World {
		w := diagtest.LAN().Say(
			diag.Selection{Dst: diagtest.PeerGlobal, Source: diagtest.Mine, Interface: "eth0", Via: diagtest.RouterAddr},
			diag.Selection{Dst: diagtest.PeerGlobal, Bound: "eth0", Source: diagtest.Mine, Interface: "eth0", Via: diagtest.RouterAddr},
		)
		w.Drop(diagtest.OfKind(func(r diag.Route) bool { return r.Dst == diagtest.Subnet }))
		w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate })
		return w.Silence(func(p diag.Path) bool { return p.Target == diagtest.PeerGlobal && p.Asks == diag.AsksEcho })
	}
	if f := find(t, Diagnose(beside().State()), "host.routing"); f.Confidence != Likely {
		t.Errorf("host.routing is %s", f.Confidence)
	}
	claim := diagtest.Advertised(diagtest.Mine, diagtest.OtherMAC)
	if got := named(Diagnose(beside().Say(claim).State())); slices.Contains(got, "host.routing") {
		t.Errorf("named %v", got)
	}
}

// A link-local address that is not made of the MAC is one of this host's like any other where it is answered.
func TestPrivateLinkLocal(t *testing.T) {
	private := netip.MustParseAddr("fe80::5c1a:a533:776c:5d57")
	w := diagtest.LAN()
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate })
	for i, b := range w.Bodies {
		if a, ok := b.(diag.Address); ok && a.Address == diagtest.MyLocal {
			a.Address = private
			w.Bodies[i] = a
		}
	}
	for i, p := range w.Paths {
		if p.Source == diagtest.MyLocal {
			w.Paths[i].Source, w.Paths[i].SourceClass = private, diag.SourceUnassigned
		}
	}
	w.Silence(func(p diag.Path) bool { return p.Target == diagtest.RouterAddr && p.Asks == diag.AsksEcho })
	w.Silence(diagtest.To(diagtest.PeerLocal))
	d := Diagnose(w.State())
	if got := named(d); !slices.Contains(got, "net.router-silent") || !slices.Contains(got, "peer.unmapped") {
		t.Errorf("named %v", got)
	}
	if len(d.Unexplained) > 0 {
		t.Errorf("unexplained: %+v", d.Unexplained)
	}
}

// A rule that stops neighbour discovery is why the kernel finds nobody, whatever else is wrong with who is looked for.
func TestRuleBesidePeer(t *testing.T) {
	rule := diag.Filter{Table: "ip6 filter", Chain: "OUTPUT", Hook: "output", Rule: "icmpv6 type nd-neighbor-solicit", Verdict: "drop", Matches: []string{string(diag.NS)}}
	w := diagtest.VPC().Say(rule).Silence(diagtest.To(diagtest.PeerGlobal)).Silence(diagtest.To(diagtest.PeerLocal))
	w.Each(func(p diag.Path) bool { return p.Via == diag.ViaKernel && p.Asks == diag.AsksND }, func(p *diag.Path) {
		p.Outcome, p.Detail, p.Sent, p.Received, p.NUD = diag.Unsent, "not-seen", 0, 0, diag.Failed
	})
	d := Diagnose(w.State())
	if got := named(d); !slices.Contains(got, "host.firewall") || !slices.Contains(got, "peer.unmapped") {
		t.Errorf("named %v", got)
	}
	if len(d.Unexplained) > 0 {
		t.Errorf("unexplained: %+v", d.Unexplained)
	}
}

// That echoes are answered is seen on the wire also where a rule of this host keeps the answers from the kernel, or may.
func TestNotOnlyTheRule(t *testing.T) {
	echo := []string{string(diag.EchoReply)}
	for name, rule := range map[string]diag.Filter{"of all": {Matches: echo}, "of some": {Partly: echo}} {
		rule.Table, rule.Chain, rule.Hook, rule.Rule, rule.Verdict = "inet filter", "input", "input", "icmpv6 type echo-reply", "drop"
		w := diagtest.VPC().Say(rule).Path(diag.Path{
			Check: "internet", Asks: diag.AsksTCP, Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true,
			Via: diag.ViaKernel, Outcome: diag.Silent, Sent: 4,
		}).Silence(func(p diag.Path) bool { return p.Asks == diag.AsksEcho && p.Via == diag.ViaKernel })
		d := Diagnose(w.State())
		if f := find(t, d, "path.tcp-blocked"); f.Confidence != Possible {
			t.Errorf("%s: path.tcp-blocked is %s", name, f.Confidence)
		}
		if len(d.Unexplained) > 0 {
			t.Errorf("%s: unexplained: %+v", name, d.Unexplained)
		}
	}
}
