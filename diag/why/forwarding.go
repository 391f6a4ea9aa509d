package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var forwardsUnassigned = Cause{
	ID: "host.forwards-unassigned", Severity: Warning,
	Remedy: slices.Concat(
		onAWS(
			"aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-prefix-count 1",
			"aws ec2 modify-network-interface-attribute --network-interface-id {eni} --no-source-dest-check",
			"aws ec2 create-route --route-table-id RTB --destination-ipv6-cidr-block P --network-interface-id {eni}",
		),
		[]Remedy{{
			Command: "nft add rule ip6 nat postrouting oifname {interface} masquerade",
			If:      func(_ *view, h *hypothesis) bool { return h.as == "" },
		}},
	),
	find: findForwards,
}

// findForwards looks for frames that left with sources which the interface does not own and the
// program did not try.
func findForwards(iv *ifaceView) []hypothesis {
	if iv.s.Checks[diag.CheckKey{ID: "added", Interface: iv.name}].State == diag.CheckRunning {
		return nil // a claim whose paths are not settled looks the same
	}
	var sources []netip.Addr
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}}
	for key, f := range iv.s.Foreign {
		addr := key.Address
		if key.Interface != iv.name || iv.net.Configured(addr) || iv.isCandidate(addr) ||
			iv.s.ClassOf(iv.name, addr) == diag.SourceAssigned || iv.heldByUs(addr) || iv.s.InterfaceWith(addr) != "" {
			continue
		}
		sources = append(sources, addr)
		h.facts = append(h.facts, diag.FactOf(f))
	}
	if len(sources) == 0 {
		return nil
	}
	if !iv.profile.Filters {
		h.severity, h.confidence, h.as = Info, Likely, "open"
	} else if !iv.s.AssignmentKnown(iv.name, diag.GlobalScope) {
		h.confidence = Likely
	}
	diag.SortFunc(sources, netip.Addr.Compare)
	diag.SortFunc(h.facts, func(a, b diag.Event) int { return int(a.Seq - b.Seq) })
	h.facts = h.facts[:min(8, len(h.facts))]
	h.args = []any{"source", sources[0], "count", len(sources)}
	return []hypothesis{h}
}

// heldByUs reports whether a source was an address of the interface that is gone now and that the
// program asked from.
func (iv *ifaceView) heldByUs(addr netip.Addr) bool {
	return iv.any(func(p *path) bool { return p.Source == addr })
}
