package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// worldOf is the first of the tests' worlds in which a cause holds.
func worldOf(t *testing.T, cause string) *diagtest.World {
	t.Helper()
	for _, tt := range diagtest.CauseTests {
		if tt.Cause == cause {
			return tt.World()
		}
	}
	t.Fatalf("no world has %s", cause)
	return nil
}

// What was asked once may have been lost: nothing that rests on its silence alone is likely.
func TestAskedOnce(t *testing.T) {
	for _, tt := range []struct {
		cause string
		asks  diag.Asks
	}{
		{"router.no-advertisement", diag.AsksRS},
		{"dhcpv6.silent", diag.AsksDHCP},
	} {
		w := worldOf(t, tt.cause)
		w.Each(func(p diag.Path) bool { return p.Asks == tt.asks }, func(p *diag.Path) { p.Sent = 1 })
		if f := find(t, Diagnose(w.State()), tt.cause); f.Confidence != Possible {
			t.Errorf("%s is %s", tt.cause, f.Confidence)
		}
	}
}

// A router's silence is sure where its kind of network is known for it, or where it was asked often enough.
func TestQuietRouterAskedOnce(t *testing.T) {
	echo := func(p diag.Path) bool { return p.TargetClass == diag.TargetRouter && p.Asks == diag.AsksEcho }
	for _, tt := range []struct {
		world *diagtest.World
		sent  int
		want  Confidence
	}{
		{diagtest.VPC(), 2, Certain},
		{diagtest.LAN().Silence(echo), 2, Possible},
		{diagtest.LAN().Silence(echo), 3, Certain},
	} {
		tt.world.Each(echo, func(p *diag.Path) { p.Sent = tt.sent })
		if f := find(t, Diagnose(tt.world.State()), "net.router-silent"); f.Confidence != tt.want {
			t.Errorf("asked %d times: %s, want %s", tt.sent, f.Confidence, tt.want)
		}
	}
}

// Who answers on the link for an address that is routed elsewhere needs nobody in its stead.
func TestProxyNotNeeded(t *testing.T) {
	client := netip.MustParseAddr("2001:db8:1f16:8df::77")
	w := worldOf(t, "host.proxy-missing")
	w.Path(diag.Path{
		Check: "peer-nd", Asks: diag.AsksND, Via: diag.ViaWire, Source: diagtest.Mine, Target: client, TargetClass: diag.TargetPeer, Outcome: diag.Answered, Sent: 1, Received: 1,
		Responders: []diag.Responder{{Address: client, MAC: diagtest.OtherMAC}},
	})
	if got := named(Diagnose(w.State())); slices.Contains(got, "host.proxy-missing") {
		t.Errorf("named %v", got)
	}
}

// What the kernel sent by a wrong entry of its own is not lost on the way.
func TestWrongEntryIsNoLoss(t *testing.T) {
	w := diagtest.LAN()
	w.Each(func(p diag.Path) bool { return p.Target == diagtest.PeerGlobal && p.Asks == diag.AsksEcho }, func(p *diag.Path) { p.Sent, p.Received = 3, 1 })
	if got := named(Diagnose(w.State())); !slices.Contains(got, "path.lossy") {
		t.Fatalf("named %v", got)
	}
	w.Say(diag.Neighbour{Interface: "eth0", Address: diagtest.PeerGlobal, MAC: diagtest.OtherMAC, State: diag.PermanentNUD})
	if got := named(Diagnose(w.State())); slices.Contains(got, "path.lossy") {
		t.Errorf("named %v", got)
	}
}
