package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

const idSource = "source"

// The check source asks from each configured address: who has the router, and an echo beyond it. An address
// that was added by hand and that the network filters shows here. Where nobody answers any of them, it asks from the
// one that a port with security is sure to let speak: see planByMAC.
func init() {
	declare(Check{
		ID:       idSource,
		Sends:    []Bound{{"sends.ns", 2, "per.address"}, {"sends.echo", 4, "per.host"}, {"sends.mld", mldReports, "per.interface"}},
		Changes:  []string{"changes.neighbour", "changes.by-mac"},
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
				NextHop: p.through(host, a.Address, via),
			}
			q.After = p.behind(q)
			p.add(q, echo.kernel, echo.wire)
		}
	}
	p.planByMAC(routers)
}

// planByMAC asks the router from the link-local address that is made of the MAC (EUI-64), where the interface has
// another and nobody answers that: a port with security (OpenStack Neutron, libvirt) lets no other speak. The address is the interface's own by the rule of RFC 4291, so no provider is alarmed by it; it is used in
// frames alone, and as a candidate is: while nobody else answers for it.
func (p *planner) planByMAC(routers []netip.Addr) {
	own := p.link.MAC.LinkLocal()
	other, _ := p.linkLocal()
	switch {
	case len(routers) == 0, !p.wire(), p.link.MAC == (diag.MAC{}), !other.IsValid(), p.net().Configured(own):
		return
	case !p.guess && (!p.settled(idRouterND) || p.heeded()):
		return
	}
	c := candidate{addr: own, kind: linkLocal}
	if detail, _ := p.forbidden(c, diag.AddClaim); detail != "" {
		return
	}
	p.add(Question{
		Path:      diag.Path{Source: netip.IPv6Unspecified(), SourceClass: diag.SourceUnspecified, Target: own, TargetClass: diag.TargetPeer},
		Candidate: own, Guard: p.guard(own),
	}, dad.wire)
	p.add(Question{Path: diag.Path{Source: own, Target: routers[0], TargetClass: diag.TargetRouter}, Candidate: own}, nd.wire)
}

// heeded reports whether anybody answered a link-local address of the interface. An advertisement after a router
// solicitation may be one that all get now and then.
func (p *planner) heeded() bool {
	return slices.ContainsFunc(p.s.Paths(), func(q diag.Path) bool {
		return q.Interface == p.iface && q.Outcome == diag.Answered && (q.Asks == diag.AsksND || q.Asks == diag.AsksEcho) &&
			q.Source.IsLinkLocalUnicast() && p.own(q.Source)
	})
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
func (p *planner) goesFirst(q *Question) {
	lanes := p.first[q.Target]
	if q.Check != idSource && q.Check != Added && q.Via == diag.ViaKernel && q.Planned() &&
		(len(lanes) == 0 || lanes[len(lanes)-1] != q.Lane()) {
		p.first[q.Target] = append(lanes, q.Lane())
	}
}
