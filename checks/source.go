package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

const idSource = "source"

// The check source asks from each configured address: who has the router, and an echo beyond it. An address
// that was added by hand and that the network filters shows here.
func init() {
	declare(Check{
		ID:       idSource,
		Sends:    []Bound{{"sends.ns", 2, "per.address"}, {"sends.echo", 4, "per.host"}},
		Changes:  []string{"changes.neighbour"},
		plan:     planSource,
		several:  true,
		controls: diag.TargetInternet,
		nothing:  because("detail.no-router"),
	})
}

func planSource(p *planner) {
	if !p.raDone() {
		return
	}
	routers, hosts := p.net().Gateways(), p.hosts()
	hosts = hosts[:min(len(hosts), sourceHosts)]
	for _, a := range p.sources() {
		if len(routers) > 0 {
			q := Question{Path: diag.Path{Source: a.Address, Target: routers[0], TargetClass: diag.TargetRouter}}
			q.After = p.behind(q)
			p.add(q, nd.wire)
		}
		if a.Address.IsLinkLocalUnicast() {
			continue
		}
		for _, host := range hosts {
			_, via, ok := p.chosen(host)
			if !ok {
				continue
			}
			q := Question{
				Path:    diag.Path{Source: a.Address, Target: host, TargetClass: diag.TargetInternet, Given: p.s.Run.InternetGiven},
				NextHop: via,
			}
			q.After = p.behind(q)
			p.add(q, echo.kernel, echo.wire)
		}
	}
}

// sources are the addresses that ask: those of earlier rounds stay.
func (p *planner) sources() []diag.Address {
	asked := map[netip.Addr]bool{}
	for _, q := range p.prior {
		if q.Check == idSource {
			asked[q.Source] = true
		}
	}
	return p.net().Sources(func(a netip.Addr) bool { return asked[a] })
}

// behind returns the lane that the kernel itself would use towards q's target on this interface,
// where that is another: its question comes first.
func (p *planner) behind(q Question) []Lane {
	for _, lane := range slices.Backward(p.first[q.Target]) {
		if lane.Interface == p.iface && lane.Source != q.Source {
			return []Lane{lane}
		}
	}
	return nil
}

// goesFirst notes a question that others to its target come behind.
func (p *planner) goesFirst(q Question) {
	lanes := p.first[q.Target]
	if q.Check != idSource && q.Check != idAdded && q.Via == diag.ViaKernel && q.Planned() &&
		(len(lanes) == 0 || lanes[len(lanes)-1] != q.Lane()) {
		p.first[q.Target] = append(lanes, q.Lane())
	}
}
