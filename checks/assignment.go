package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

const idAssignment = "assignment"

// The check assignment compares what was assigned with what is configured, which stands in the state, and
// asks whether somebody else answers for either, or for what a DHCPv6 server offers.
func init() {
	declare(Check{
		ID:    idAssignment,
		Sends: []Bound{{"sends.ns", 2, "per.address"}},
		plan:  planAssignment,
	})
}

// assignmentAsked bounds how many addresses are asked about.
const assignmentAsked = 16

func planAssignment(p *planner) {
	var list []netip.Addr
	for _, a := range p.assigned().Rows {
		if addr := a.Prefix.Addr(); a.Prefix.IsSingleIP() && diag.ScopeOf(addr) != diag.LinkLocalScope && !p.own(addr) {
			list = append(list, addr)
		}
	}
	for _, a := range p.s.Offers[p.iface].Fact.Addresses {
		addr := a.Prefix.Addr()
		if a.Prefix.IsSingleIP() && diag.ScopeOf(addr) != diag.LinkLocalScope && !p.own(addr) && !slices.Contains(list, addr) {
			list = append(list, addr) // a server may have for us what another host took
		}
	}
	for _, a := range p.s.AddressesOn(p.iface) {
		if diag.ScopeOf(a.Fact.Address) != diag.LinkLocalScope && !a.Fact.Temporary() && a.Fact.Flags&diag.Tentative == 0 || a.Fact.Flags&diag.DADFailed != 0 {
			list = append(list, a.Fact.Address)
		}
	}
	for _, addr := range list[:min(assignmentAsked, len(list))] {
		if src := p.guard(addr); src.IsValid() {
			p.add(Question{Path: diag.Path{Source: src, Target: addr, TargetClass: diag.TargetPeer}}, nd.wire)
		}
	}
}
