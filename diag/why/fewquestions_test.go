package why

import (
	"net/netip"
	"slices"
	"testing"
	"time"

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

// A router's silence is sure where its kind of network is known for it, or where it was asked often enough; unless it
// answers what all are asked.
func TestQuietRouterAskedOnce(t *testing.T) {
	echo := func(p diag.Path) bool { return p.TargetClass == diag.TargetRouter && p.Asks == diag.AsksEcho }
	for _, tt := range []struct {
		world *diagtest.World
		sent  int
		all   []diag.Responder // who answered all nodes
		want  Confidence
	}{
		{diagtest.VPC(), 2, nil, Certain},
		{diagtest.LAN().Silence(echo), 2, nil, Possible},
		{diagtest.LAN().Silence(echo), 3, nil, Certain},
		{diagtest.LAN().Silence(echo), 3, []diag.Responder{{Address: diagtest.RouterAddr, MAC: diagtest.RouterMAC}}, Possible},
	} {
		tt.world.Each(func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes }, func(p *diag.Path) { p.Responders = tt.all })
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

// Where packets get lost, a silence counts by how often who is asked can have looked for this host meanwhile, not by how
// often he was asked.
func TestAskedInAHurry(t *testing.T) {
	const sent = 14
	for _, tt := range []struct {
		name string
		over time.Duration
		lost int // of 24 solicitations
		want Confidence
	}{
		{"within two seconds, and much is lost", 2 * time.Second, 4, Possible},
		{"for a quarter of a minute", 15 * time.Second, 4, Likely},
		{"within two seconds, and nothing is lost", 2 * time.Second, 0, Likely},
	} {
		w := diagtest.LAN()
		lost := tt.lost
		w.Each(func(p diag.Path) bool {
			return p.Asks == diag.AsksND && p.Via == diag.ViaWire && p.Outcome == diag.Answered
		}, func(p *diag.Path) {
			p.Sent, p.Received = 6, 6-min(lost, 1)
			lost -= min(lost, 1)
		})
		w.Silence(func(p diag.Path) bool { return p.Asks == diag.AsksEcho && p.Target == diagtest.PeerGlobal })
		list := w.Events()
		add := func(after time.Duration, b diag.Body) int64 {
			e := diag.Event{Seq: int64(len(list) + 1), At: list[len(list)-1].At.Add(after), Body: b}
			list = append(list, e)
			return e.Seq
		}
		for i, p := range w.Paths {
			if p.Asks != diag.AsksEcho || p.Target != diagtest.PeerGlobal {
				continue
			}
			p.Sent, p.Evidence = sent, nil
			for range sent {
				p.Evidence = append(p.Evidence, add(tt.over/time.Duration(sent), diag.Frame{
					Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: p.Source, Dst: p.Target, SrcMAC: diagtest.MyMAC, DstMAC: diagtest.PeerMAC, HopLimit: 64, EchoID: uint16(i), EchoSeq: 1,
				}))
			}
			add(time.Millisecond, p)
		}
		f := find(t, Diagnose(diagtest.Fold(list)), "peer.echo-blocked")
		if f.Confidence != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, f.Confidence, tt.want)
		}
	}
}

// A host that limits its answers makes no silence of another a matter of chance; loss that others see does.
func TestLimitIsNoLoss(t *testing.T) {
	for name, tt := range map[string]struct {
		solicitations int // that were answered, of 12
		want          Confidence
	}{"its echoes alone": {12, Likely}, "solicitations too": {10, Possible}} {
		w := worldOf(t, "path.tcp-blocked")
		w.Each(func(p diag.Path) bool { return p.Outcome == diag.Answered && p.TargetClass == diag.TargetPeer }, func(p *diag.Path) {
			p.Sent, p.Received, p.Responders = 12, tt.solicitations, []diag.Responder{{Address: p.Target, MAC: diagtest.PeerMAC}}
			if p.Asks == diag.AsksEcho {
				p.Received = 5
			}
		})
		if f := find(t, Diagnose(w.State()), "path.tcp-blocked"); f.Confidence != tt.want {
			t.Errorf("lost %s: %s, want %s", name, f.Confidence, tt.want)
		}
	}
}
