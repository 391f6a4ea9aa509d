package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// What looks like another host with this one's MAC and is none, or cannot be told.
func TestOwnMAC(t *testing.T) {
	theirs := diagtest.Echo(diagtest.PeerLocal, false)
	on := func(change func(*diag.Link), frame diag.Frame) *diagtest.World {
		w := diagtest.LAN().Say(frame)
		for i, b := range w.Bodies {
			if l, ok := b.(diag.Link); ok {
				change(&l)
				w.Bodies[i] = l
			}
		}
		return w
	}
	virtual := theirs
	virtual.SrcMAC = diag.MAC{0, 0, 0x5e, 0, 2, 1}
	beside := func(l diag.Link) *diagtest.World {
		l.MAC, l.Up, l.Carrier = diagtest.MyMAC, true, true
		return diagtest.LAN().Say(l, theirs)
	}
	for _, tt := range []struct {
		name  string
		world *diagtest.World
		found bool
	}{
		{"its own frame, sent back", diagtest.Hairpin(), false},
		{"somebody else's", diagtest.LAN().Say(theirs), true},
		{"its own that the tap was too late for", diagtest.LAN().Say(diagtest.Echo(diagtest.MyLocal, false)), false},
		{"the MAC of a VRRP router", on(func(l *diag.Link) { l.MAC = virtual.SrcMAC }, virtual), false},
		{"a sibling ipvlan's", on(func(l *diag.Link) { l.Type = "ipvlan" }, theirs), false},
		{"a frame of a VLAN above it", beside(diag.Link{Interface: "eth0.7", Index: 9, Parent: 2, Type: "vlan"}), true},
		{"a frame of its port", beside(diag.Link{Interface: "port", Index: 9, Master: 2, Port: "bond"}), true},
		{"perhaps a frame of another interface of the same MAC", beside(diag.Link{Interface: "eth1", Index: 9}), false},
		{"the tap lost frames", diagtest.LAN().Say(theirs, diag.Feed{Name: diag.FeedFrames, State: diag.Lost}), false},
	} {
		if got := slices.Contains(named(Diagnose(tt.world.State())), "address.mac-duplicate"); got != tt.found {
			t.Errorf("%s: named %v, want %v", tt.name, got, tt.found)
		}
	}
}

// Whose answers go now to one machine, now to the other, has candidates answered now and then, too.
func TestSameMACExplainsCandidates(t *testing.T) {
	w := diagtest.LAN().Say(diagtest.Echo(diagtest.PeerLocal, false))
	silent := 0
	w.Each(func(p diag.Path) bool {
		return p.SourceClass == diag.SourceCandidate && p.TargetClass == diag.TargetPeer && p.Asks != diag.AsksDAD
	}, func(p *diag.Path) {
		if silent++; silent == 1 {
			diagtest.Silent(p)
		}
	})
	d := Diagnose(w.State())
	if silent < 2 || len(d.Unexplained) > 0 || !slices.Contains(faults(d), "address.mac-duplicate") {
		t.Errorf("of %d candidates one is silent: named %v, unexplained %v", silent, named(d), d.Unexplained)
	}
}

// question is the solicitation of duplicate address detection, as it comes back.
func question(nonce []byte) diag.Frame {
	return diag.Frame{
		Interface: "eth0", Type: diag.NS, Src: netip.IPv6Unspecified(), SrcMAC: diagtest.MyMAC, Dst: diag.SolicitedNode(diagtest.Hand),
		Target: diagtest.Hand, HopLimit: 255, Nonce: nonce,
	}
}

// A duplicate that somebody answers for is one, and so is one that a kernel with a nonce found.
func TestLoopedBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		bend func(*diagtest.World)
		want string
	}{
		{"nobody has it", func(*diagtest.World) {}, "address.looped-back"},
		{"somebody answers for it", func(w *diagtest.World) {
			w.Each(diagtest.To(diagtest.Hand), func(p *diag.Path) {
				p.Outcome, p.Responders = diag.Answered, []diag.Responder{{Address: diagtest.Hand, MAC: diagtest.OtherMAC}}
			})
		}, "address.duplicate"},
		{"a nonce was put in", func(w *diagtest.World) {
			w.Say(diag.Sysctl{Scope: "all", Name: "enhanced_dad", Value: "1"})
		}, "address.duplicate"},
		{"the question itself came back", func(w *diagtest.World) {
			w.Drop(diagtest.OfKind(func(f diag.Frame) bool { return f.Type == diag.EchoRequest })).Say(question(nil))
		}, "address.looped-back"},
		{"a question with a nonce came back", func(w *diagtest.World) {
			w.Say(question([]byte{1, 2, 3, 4, 5, 6}))
		}, "address.duplicate"},
		{"somebody else asks the same", func(w *diagtest.World) {
			f := question(nil)
			f.SrcMAC = diagtest.OtherMAC
			w.Say(f)
		}, "address.duplicate"},
		{"nothing comes back", func(w *diagtest.World) {
			w.Drop(diagtest.OfKind(func(f diag.Frame) bool { return f.Type == diag.EchoRequest }))
		}, "address.duplicate"},
	} {
		w := diagtest.LoopedBack()
		tt.bend(w)
		if got := faults(Diagnose(w.State())); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

// Whose answers may have gone to another machine knows nothing of what the network keeps back.
func TestSameMACTellsNothingOfTheNetwork(t *testing.T) {
	w := diagtest.LAN()
	w.Silence(func(p diag.Path) bool {
		return p.TargetClass == diag.TargetAllNodes || p.SourceClass == diag.SourceCandidate
	})
	about := []string{"net.multicast-suppressed", "net.per-address-filter"}
	for _, cause := range about {
		if !slices.Contains(named(Diagnose(w.State())), cause) {
			t.Errorf("%s is not found where the MAC is its own", cause)
		}
	}
	w.Say(diagtest.Echo(diagtest.PeerLocal, false))
	for _, cause := range about {
		if slices.Contains(named(Diagnose(w.State())), cause) {
			t.Errorf("%s is found where another machine has the MAC", cause)
		}
	}
}
