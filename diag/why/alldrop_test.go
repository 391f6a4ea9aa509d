package why

import (
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// TestRepliesToAllNodesDropped: the replies to what all nodes were asked come from their own addresses, and a rule of this host's that
// drops them is told of them too.
func TestRepliesToAllNodesDropped(t *testing.T) {
	reply := diag.Frame{
		Interface: "eth0", Type: diag.EchoReply, Src: diagtest.PeerLocal, Dst: diagtest.MyLocal, SrcMAC: diagtest.PeerMAC, DstMAC: diagtest.MyMAC, HopLimit: 64, EchoID: 5, EchoSeq: 5,
	}
	w := diagtest.LAN().Say(diag.Filter{Table: "inet t", Chain: "i", Hook: "input", Rule: "ct state invalid drop", Handle: 3, Verdict: "drop", Matches: []string{}, Invalid: []string{"echo-reply"}})
	w.Say(diag.Feed{Name: diag.FeedDrops, State: diag.Synced})
	at := len(w.Bodies) + 2 // the run comes first
	w.Say(reply, diag.Drop{Frame: reply, Reason: "NETFILTER_DROP", Function: "nft_do_chain"})
	w.Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes }, func(p *diag.Path) { p.Evidence = []int64{int64(at)} })
	w.Path(diag.Path{
		Check: "all-nodes", Asks: diag.AsksEcho, Source: diagtest.MyLocal, Target: diag.AllNodes, TargetClass: diag.TargetAllNodes, Via: diag.ViaKernel, Outcome: diag.Silent, Sent: 2,
	})
	d := Diagnose(w.State())
	if find(t, d, "host.firewall"); len(d.Unexplained) > 0 {
		t.Errorf("unexplained: %v", d.Unexplained)
	}
}
