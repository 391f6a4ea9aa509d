package checks

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// However much there is on a link, what is asked is bounded, and fairly chosen: from the addresses that the kernel
// itself would use, and from one of each kind, also where that is one among a thousand; and by the router that the
// kernel sends to, among thousands.
func TestPlanMany(t *testing.T) {
	t.Parallel()
	w := diagtest.VPC().Say(diagtest.Crowd{Addresses: 1000, Routers: 4096}.Bodies()...)
	w.Checks, w.Paths = nil, nil
	w.Run.Peers, w.Run.Add = nil, diag.AddNone
	kernels, odd, deprecated := addr("2001:db8:1f16:8df::add0:3e0"), addr("fd00:1::1"), addr("2001:db8:1f16:8df::add0:222")
	gateway := addr("fe80::bad0:900")
	old := diagtest.ByHand(deprecated, 64)
	old.Flags |= diag.Deprecated
	w.Say(
		diagtest.ByHand(odd, 64), old,
		diag.Selection{Dst: diagtest.Host1, Bound: "eth0", Source: kernels, Interface: "eth0", Via: gateway},
	)
	s := w.State()
	list := Plan(s)
	from, routers := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for _, q := range list {
		if q.Check == idSource {
			from[q.Source] = true
		}
		if q.Check == idRouterND {
			routers[q.Target] = true
		}
	}
	for _, a := range []netip.Addr{diagtest.MyLocal, diagtest.Mine, kernels, odd, deprecated} {
		if !from[a] {
			t.Errorf("nothing is asked from %s", a)
		}
	}
	if !routers[gateway] {
		t.Error("the router that the kernel sends to is not asked")
	}
	if len(from) != diag.SourcesAsked || len(routers) > 14 || len(list) > 200 {
		t.Errorf("%d questions from %d addresses, of %d routers", len(list), len(from), len(routers))
	}
	again := newPlanner(s, priors(list))
	again.guess = true
	s.Apply(diag.Event{Seq: s.Seq + 1, At: s.Now, Body: diag.Selection{Dst: diagtest.Host2, Source: addr("2001:db8:1f16:8df::add0:100"), Interface: "eth0", Via: addr("fe80::bad0:800")}})
	for _, q := range again.run() {
		if q.Check == idSource && !from[q.Source] || q.Check == idRouterND && !routers[q.Target] {
			t.Errorf("another round asks more: %s", q.ID)
		}
	}
}
