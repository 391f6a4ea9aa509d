package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

const (
	idRouterND   = "router-nd"
	idRouterEcho = "router-echo"
)

// The check router-nd asks who has the router's address; router-echo whether it answers an echo, which a VPC's
// router need not do.
func init() {
	declare(Check{
		ID:      idRouterND,
		Sends:   []Bound{{"sends.ns", 6, "per.router"}},
		Changes: []string{"changes.neighbour"},
		plan:    func(p *planner) { planRouters(p, nd) },
		nothing: because("detail.no-router"),
	})
	declare(Check{
		ID:      idRouterEcho,
		Sends:   []Bound{{"sends.echo", 4, "per.router"}},
		Changes: []string{"changes.neighbour"},
		plan:    func(p *planner) { planRouters(p, echo) },
		nothing: because("detail.no-router"),
	})
}

// vpcRouters and services are addresses of a VPC's own machinery, which are nobody's peers.
var (
	vpcRouters = netip.MustParsePrefix("fe80:ec2::/32")
	services   = netip.MustParsePrefix("fd00:ec2::/32")
)

// planRouters asks every router known, in a VPC the two addresses that its router has besides, and where no router is
// known the one that is configured by hand in most networks that announce none.
func planRouters(p *planner, by ways) {
	if len(p.net().Gateways()) == 0 && !p.raDone() {
		return
	}
	for _, target := range p.routerTargets() {
		guessed := !p.net().IsRouter(target) && !p.aws()
		if guessed && by != nd {
			continue // that it is there tells which network this is; more is not asked of it
		}
		q := Question{Path: diag.Path{Target: target, TargetClass: diag.TargetRouter}}
		// The kernel reaches fe80:ec2::1 through the router that advertised, without asking who
		// has it: it is in no on-link prefix. So only our own frames can ask.
		wireOnly := vpcRouters.Contains(target) || guessed
		var src, via netip.Addr
		if wireOnly {
			src, _ = p.linkLocal()
		} else {
			var ok bool
			if src, via, ok = p.chosen(target); !ok {
				continue
			}
		}
		if !src.IsValid() {
			p.skip(q, DetailNoSource, "", by.kernel)
			continue
		}
		q.Source = src
		switch {
		case wireOnly:
			p.add(q, by.wire)
		case via.IsValid() && by == nd: // without an on-link route the kernel takes even what is near for beyond
			p.skip(q, DetailRouted, via.String(), by.kernel)
			p.add(q, by.wire)
		default:
			q.NextHop = via
			p.add(q, by.kernel, by.wire)
		}
	}
}

// routerTargets are the addresses of routers that are asked.
func (p *planner) routerTargets() []netip.Addr {
	targets := p.gateways()
	if p.maybeVPC() {
		for _, a := range p.vpcAddresses() {
			if !slices.Contains(targets, a) {
				targets = append(targets, a)
			}
		}
	}
	if len(p.net().Gateways()) == 0 && !p.aws() && !p.own(diag.StaticGateway) {
		targets = append(targets, diag.StaticGateway) // nobody announces it where it is
	}
	return targets
}

// gateways are the link's, those of earlier rounds first where there are more than are asked: which they are may change.
func (p *planner) gateways() []netip.Addr {
	now := p.net().Gateways()
	if p.net().GatewaysLeft() == 0 {
		return slices.Clone(now)
	}
	var list []netip.Addr
	for _, q := range p.prior {
		if q.TargetClass == diag.TargetRouter && p.net().IsRouter(q.Target) && !slices.Contains(list, q.Target) {
			list = append(list, q.Target)
		}
	}
	for _, a := range now {
		if len(list) < len(now) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// vpcAddresses are the addresses that a VPC's router has besides the one that it advertises from.
func (p *planner) vpcAddresses() []netip.Addr {
	list := []netip.Addr{diag.VPCRouter}
	if !p.aws() {
		return list // it tells whether this is one
	}
	for _, prefix := range p.net().Prefixes() {
		if prefix.Bits() == 64 && diag.ScopeOf(prefix.Addr()) == diag.GlobalScope {
			list = append(list, prefix.Addr().Next())
		}
	}
	return list[:min(len(list), 6)]
}
