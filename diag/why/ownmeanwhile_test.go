package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// An address that became this host's own while its kernel was to look for it, as one that another host has, tells of no
// filter.
func TestOwnMeanwhile(t *testing.T) {
	t.Parallel()
	w := diagtest.LAN().Silence(func(p diag.Path) bool { return p.Target == diagtest.PeerGlobal && p.Via == diag.ViaKernel }).
		Each(func(p diag.Path) bool {
			return p.Target == diagtest.PeerGlobal && p.Via == diag.ViaKernel && p.Asks == diag.AsksEcho
		}, func(p *diag.Path) { p.Detail, p.Sent = diag.DetailUnresolved, 0 })
	if !slices.Contains(named(Diagnose(w.State())), "host.firewall") {
		t.Error("what the wire answers and the kernel does not is told")
	}
	w.Say(diag.Address{
		Interface: "eth0", Address: diagtest.PeerGlobal, PrefixLen: 64, Flags: diag.Permanent | diag.Tentative | diag.DADFailed, PreferredS: -1, ValidS: -1,
	})
	if d := Diagnose(w.State()); slices.Contains(named(d), "host.firewall") {
		t.Errorf("%s", d.Headline)
	}
}
