package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// Several may answer for an address, and nobody's is taken.
func TestSeveralAnswer(t *testing.T) {
	proxy := diagtest.Advertised(diagtest.PeerGlobal, diagtest.OtherMAC)
	proxy.Override = false
	own := diagtest.Advertised(diagtest.Mine, diagtest.MyMAC)
	failover := diagtest.Advertised(diagtest.PeerGlobal, diagtest.OtherMAC)
	failover.Solicited = false
	for _, tt := range []struct {
		name   string
		frames []diag.Body
		found  bool
	}{
		{"twice the same", []diag.Body{diagtest.Advertised(diagtest.PeerGlobal, diagtest.PeerMAC), diagtest.Advertised(diagtest.PeerGlobal, diagtest.PeerMAC)}, false},
		{"a proxy, or anycast", []diag.Body{diagtest.Advertised(diagtest.PeerGlobal, diagtest.PeerMAC), proxy}, false},
		{"a failover", []diag.Body{diagtest.Advertised(diagtest.PeerGlobal, diagtest.PeerMAC), failover}, false},
		{"its own, sent back", []diag.Body{own}, false},
		{"two", []diag.Body{diagtest.Advertised(diagtest.PeerGlobal, diagtest.PeerMAC), diagtest.Advertised(diagtest.PeerGlobal, diagtest.OtherMAC)}, true},
		{"another's, and its own sent back after it", []diag.Body{diagtest.Advertised(diagtest.Mine, diagtest.OtherMAC), own}, true},
		{
			"a virtual address before it came here",
			[]diag.Body{diagtest.Advertised(diagtest.Hand, diagtest.OtherMAC), diagtest.ByHand(diagtest.Hand, 64)},
			false,
		},
		{
			"a virtual address that came here and stayed there",
			[]diag.Body{diagtest.ByHand(diagtest.Hand, 64), diagtest.Advertised(diagtest.Hand, diagtest.OtherMAC)},
			true,
		},
	} {
		if got := slices.Contains(named(Diagnose(diagtest.LAN().Say(tt.frames...).State())), "address.duplicate"); got != tt.found {
			t.Errorf("%s: named %v, want %v", tt.name, got, tt.found)
		}
	}
}

// Where a router answers for everybody, its answer for an address that is missing here makes it nobody else's.
func TestProxyHoldsNothing(t *testing.T) {
	missing := diag.Path{
		Check: "assignment", Asks: diag.AsksND, Source: diagtest.Mine, Target: diagtest.PeerSecond, TargetClass: diag.TargetPeer,
		Responders: []diag.Responder{{Address: diagtest.PeerSecond, MAC: diagtest.RouterMAC}},
	}
	for _, tt := range []struct {
		name  string
		all   bool // the router answers for its hosts
		found bool
	}{{"a router that has it too", false, true}, {"a router that answers for all", true, false}} {
		w := diagtest.VPC().Assign(diagtest.Mine, diagtest.PeerSecond).Path(missing)
		w.Each(func(p diag.Path) bool {
			return p.Asks == diag.AsksND && p.Outcome == diag.Answered && p.Target != diagtest.PeerSecond
		}, func(p *diag.Path) {
			mac := diagtest.PeerMAC
			if tt.all || p.TargetClass == diag.TargetRouter {
				mac = diagtest.RouterMAC
			}
			p.Responders = []diag.Responder{{Address: p.Target, MAC: mac}}
		})
		if got := slices.Contains(named(Diagnose(w.State())), "address.duplicate"); got != tt.found {
			t.Errorf("%s: named %v, want %v", tt.name, got, tt.found)
		}
	}
}
