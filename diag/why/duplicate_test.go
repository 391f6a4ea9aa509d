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
