package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// askedFor is a peer's solicitation for an address of this host's, which nothing answers.
func askedFor(a netip.Addr) diag.Frame {
	return diag.Frame{
		Interface: "eth0", Type: diag.NS, Src: diagtest.PeerLocal, SrcMAC: diagtest.PeerMAC, Dst: diag.SolicitedNode(a), Target: a, HopLimit: 255, LLAddr: diagtest.PeerMAC,
	}
}

// Where this host answers nobody who wants to know where it is, nothing that stays silent is the network's doing, however it
// was asked.
func TestDeafIsNotTheNetwork(t *testing.T) {
	groups := func(p diag.Path) bool { return p.TargetClass == diag.TargetAllNodes }
	tcp := func(p diag.Path) bool { return p.Asks == diag.AsksTCP }
	connection := diag.Path{
		Check: "internet", Asks: diag.AsksTCP, Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Via: diag.ViaKernel, Sent: 4,
	}
	for _, tt := range []struct {
		cause  string
		silent func(diag.Path) bool
		source netip.Addr
	}{
		{"net.multicast-suppressed", groups, diagtest.MyLocal},
		{"path.tcp-blocked", tcp, diagtest.Mine},
	} {
		for _, deaf := range []bool{false, true} {
			w := diagtest.LAN().Path(connection).Silence(tt.silent)
			if deaf {
				w.Say(askedFor(tt.source))
			}
			if got := named(Diagnose(w.State())); slices.Contains(got, tt.cause) == deaf {
				t.Errorf("%s: deaf %v, named %v", tt.cause, deaf, got)
			}
		}
	}
}

// A candidate that the network does not let speak shows no peer that answers no ping, though this host's own pings, for
// another reason, get no answer either.
func TestFilteredCandidateBesideDeafHost(t *testing.T) {
	w := diagtest.LAN().Say(askedFor(diagtest.Mine)).Silence(func(p diag.Path) bool {
		return p.SourceClass == diag.SourceCandidate || p.Source == diagtest.Mine && p.Asks == diag.AsksEcho && p.TargetClass == diag.TargetPeer
	})
	d := Diagnose(w.State())
	if got := named(d); slices.Contains(got, "peer.echo-blocked") || !slices.Contains(got, "net.per-address-filter") {
		t.Errorf("named %v, unexplained %+v", got, d.Unexplained)
	}
}

// What is sent from an address whose group this host is not in gets no answer for that reason, and for no filter's.
func TestNotInTheGroup(t *testing.T) {
	local := []netip.Addr{diag.SolicitedNode(diagtest.MyLocal), diag.SolicitedNode(diagtest.Mine)}
	w := diagtest.LAN().Say(diag.Groups{Interface: "eth0", Joined: local[:1], Device: []diag.MAC{diag.MulticastMAC(local[0]), diag.MulticastMAC(local[1])}}, askedFor(diagtest.Mine)).
		Silence(func(p diag.Path) bool { return p.Source == diagtest.Mine && p.TargetClass == diag.TargetInternet })
	d := Diagnose(w.State())
	if got := named(d); !slices.Contains(got, "host.group-not-joined") || slices.Contains(got, "host.firewall") || len(d.Unexplained) > 0 {
		t.Errorf("named %v, unexplained %+v", got, d.Unexplained)
	}
}
