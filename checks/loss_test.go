package checks

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ndwhy/diag"
)

// TestLossIsMeasured: one lost packet is enough to be asked more, of those who answered, so that what is lost is told
// from what one target does not answer, and from chance.
func TestLossIsMeasured(t *testing.T) {
	wire := func(what string, target string) string {
		return what + "/eth0/" + ourGUA.String() + "/" + target + "/wire"
	}
	for name, c := range map[string]struct {
		lose      func(f diag.Frame, n int) bool
		asked     bool
		elsewhere bool // others lose too
	}{
		"none is lost":       {func(diag.Frame, int) bool { return false }, false, false},
		"one in five":        {func(_ diag.Frame, n int) bool { return n%5 == 1 }, true, true},
		"one target's alone": {func(f diag.Frame, n int) bool { return f.Dst == farHost && n%3 == 1 }, true, false},
	} {
		inWorld(t, name, func(w *world) {
			n := map[string]int{}
			w.lose = func(f diag.Frame) bool {
				key := string(f.Type) + f.Dst.String()
				n[key]++
				return c.lose(f, n[key])
			}
			w.run(w.t.Context(), nil)
			far, peer := w.path(wire("internet", farHost.String())), w.path(wire("peer-echo", peerGUA.String()))
			if more := far.Sent >= reasks && peer.Sent >= reasks; more != c.asked {
				w.t.Errorf("asked %d and %d times", far.Sent, peer.Sent)
			}
			if lost := peer.Received < peer.Sent; lost != c.elsewhere {
				w.t.Errorf("of %d from the peer, %d came", peer.Sent, peer.Received)
			}
			if c.asked && far.Received >= far.Sent {
				w.t.Errorf("of %d from beyond, %d came", far.Sent, far.Received)
			}
		})
	}
}

// TestFewLanesAreKept: of a thousand peers that answered, a few are kept to compare with, each once however it was asked;
// those that lost something come first, and where nothing was lost nobody is asked again.
func TestFewLanesAreKept(t *testing.T) {
	ended := func(iface string, target, received int) *lane {
		q := question(echo.wire, ourGUA, netip.MustParseAddr(fmt.Sprintf("2001:db8::1:%x", target)))
		q.Interface, q.SourceClass = iface, diag.SourceAssigned
		one := newTally(q, Host{})
		one.path.Sent, one.path.Received = 2, received
		return &lane{key: q.Lane(), tallies: []*tally{one}}
	}
	k := kept{lost: map[string]bool{}}
	for target := range 1000 {
		for range 2 {
			k.take(ended("eth0", target, 2))
			k.take(ended("eth1", target, 2))
		}
	}
	if n := len(k.served) + len(k.silent) + len(k.lossy) + len(k.steady); n != 2*measuredTargets {
		t.Errorf("%d lanes are kept", n)
	}
	if list := k.again(); len(list) > 0 {
		t.Errorf("%d are asked again though nothing was lost", len(list))
	}
	silent := ended("eth1", 5000, 0)
	k.take(silent)
	k.take(ended("eth0", 4000, 1))
	k.take(ended("eth0", 2, 1))
	var again []string
	for _, l := range k.again() {
		if l.measured == (l == silent) {
			t.Errorf("%v: loss is measured: %v", l.key.Target, l.measured)
		}
		again = append(again, l.key.Interface+" "+l.key.Target.String())
	}
	want := []string{"eth1 2001:db8::1:1388", "eth0 2001:db8::1:fa0", "eth0 2001:db8::1:2", "eth0 2001:db8::1:0", "eth0 2001:db8::1:1", "eth0 2001:db8::1:3", "eth0 2001:db8::1:4"}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("asked again (-want +got)\n%s", diff)
	}
}
