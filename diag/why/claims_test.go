package why

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// exclusive are pairs of findings that cannot both be so, as a reader of docs/causes.md would say: of one interface, and
// of one subject where that is said.
var exclusive = []struct {
	a, b string
	same bool
}{
	{"host.link-down", "path.lossy", false},
	{"host.link-down", "peer.unmapped", false},
	{"host.link-down", "peer.echo-blocked", false},
	{"host.link-down", "path.refused", false},
	{"host.link-down", "net.per-address-filter", false},
	{"host.link-down", "net.router-silent", false},
	{"host.egress-hook", "net.router-silent", false},
	{"host.egress-hook", "path.refused", false},
	{"host.egress-hook", "dhcpv6.no-client", false},
	{"path.unheard", "path.lossy", false},
	{"path.unheard", "path.refused", false},
	{"path.unheard", "peer.unmapped", false},
	{"path.unheard", "dhcpv6.no-client", false},
	{"path.unheard", "peer.isolated", false},
	{"path.unheard", "neighbour.stale-lladdr", false},
	{"neighbour.stale-lladdr", "router.unresolvable", true},
	{"neighbour.stale-lladdr", "peer.unmapped", true},
	{"address.looped-back", "address.duplicate", true},
	{"router.unresolvable", "net.router-silent", true},
	{"router.unresolvable", "path.beyond-router", true},
	{"router.unresolvable", "host.neighbour-override", true},
	{"router.no-advertisement", "router.advertisement-ignored", false},
	{"router.no-advertisement", "route.missing", false},
	{"router.no-advertisement", "router.advertisements-lost", false},
	{"router.not-default", "router.advertisement-ignored", false},
	{"router.not-default", "route.missing", false},
	{"router.advertisement-ignored", "route.missing", false},
	{"dhcpv6.silent", "dhcpv6.no-client", false},
	{"dhcpv6.silent", "dhcpv6.no-address", false},
	{"dhcpv6.no-client", "dhcpv6.no-address", false},
	{"dhcpv6.no-client", "assignment.none", false},
	{"address.unassigned", "address.not-configured", true},
	{"address.wrong-interface", "address.not-configured", true},
	{"address.unassigned", "net.open-link", false},
	{"net.per-address-filter", "net.open-link", false},
	{"peer.unmapped", "peer.echo-blocked", true},
	{"path.beyond-router", "path.icmp-blocked", false},
	{"path.beyond-router", "path.tcp-blocked", false},
}

// disputed returns two certain findings that exclude each other.
func disputed(d Diagnosis) string {
	for _, x := range exclusive {
		for _, f := range d.Findings {
			if strings.HasPrefix(f.Summary, "Some of what") {
				continue // the rest does leave
			}
			for _, g := range d.Findings {
				if f.Cause == x.a && g.Cause == x.b && f.Confidence == Certain && g.Confidence == Certain && f.Interface == g.Interface && (!x.same || f.Subject == g.Subject) {
					return fmt.Sprintf("%s and %s are both certain:\n%s\n%s", x.a, x.b, f.Summary, g.Summary)
				}
			}
		}
	}
	return ""
}

// TestNothingContradictsItself: every two of the worlds in which causes hold, put together.
func TestNothingContradictsItself(t *testing.T) {
	cloud := func(w *diagtest.World) (metadata, machine bool) {
		for _, b := range w.Bodies {
			switch b.(type) {
			case diag.Metadata:
				metadata = true
			case diag.Machine:
				machine = true
			}
		}
		return metadata, machine
	}
	var worlds []*diagtest.World
	for _, tt := range diagtest.CauseTests {
		worlds = append(worlds, tt.World())
	}
	pairs, vpcBase, lanBase := 0, diagtest.VPC(), diagtest.LAN()
	for i, a := range diagtest.CauseTests {
		for j, b := range diagtest.CauseTests[:i] {
			x, y, base := worlds[i], worlds[j], lanBase
			vpc, known := cloud(x)
			if v, k := cloud(y); v != vpc || k != known || len(x.Bodies)+len(y.Bodies) > 1000 {
				continue // another network; a world that is only about time
			}
			if vpc {
				base = vpcBase
			}
			pairs++
			d := Diagnose(diagtest.Merge(base, x, y).State())
			if what := disputed(d); what != "" {
				t.Errorf("%s + %s: %s", a.Name, b.Name, what)
			}
			if d.Verdict == VerdictOK && len(a.Faults) > 0 && len(b.Faults) > 0 {
				t.Errorf("%s + %s: OK", a.Name, b.Name)
			}
		}
	}
	if pairs < 1000 {
		t.Errorf("only %d pairs", pairs)
	}
}

// TestChanceContradictsNothing: nor does what chance makes up.
func TestChanceContradictsNothing(t *testing.T) {
	for seed := range uint64(1500) {
		w := diagtest.Chance{Rand: rand.New(rand.NewPCG(seed, 11))}.World()
		if what := disputed(Diagnose(w.State())); what != "" {
			t.Errorf("seed %d: %s", seed, what)
		}
	}
}

// TestStances: what is said of causes is said of causes that there are.
func TestStances(t *testing.T) {
	for id := range stances {
		if !slices.ContainsFunc(CauseNames(), func(name string) bool { return id == name || strings.HasPrefix(id, name+".") }) {
			t.Errorf("there is no %s", id)
		}
	}
}
