package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var forwardsUnassigned = Cause{
	ID: "host.forwards-unassigned", Severity: Warning,
	Remedy: []Remedy{
		{
			Does: "masquerade", If: as(""), Make: masquerade,
			Do: []string{
				"nft add table ip6 ndwhy", "nft 'add chain ip6 ndwhy postrouting { type nat hook postrouting priority srcnat; }'",
				`nft 'add rule ip6 ndwhy postrouting oifname "{interface}" ip6 saddr {source} masquerade'`,
			},
			Keep: &keep{filter: true},
		},
		inVPC("assign-prefix", "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-prefix-count 1"),
		inVPC("source-check", "aws ec2 modify-network-interface-attribute --network-interface-id {eni} --no-source-dest-check",
			"aws ec2 create-route --route-table-id <rtb-id> --destination-ipv6-cidr-block <prefix> --network-interface-id {eni}"),
		ask("ask.assign-prefix").when(notAWS),
	},
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
		if key.Interface != iv.name || iv.net.Configured(addr) || iv.isCandidate(addr) || iv.translatedTo(addr) ||
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

// masquerade translates what the others send to the address of this host: those of the /64 of the first that was
// seen, or where that is the host's own, it alone.
func masquerade(v *view, h *hypothesis) []string {
	f, ok := factOf[diag.Frame](h)
	if !ok {
		return nil
	}
	from := netip.PrefixFrom(f.Src, 64).Masked()
	if slices.ContainsFunc(v.on(h.iface).addresses, func(a diag.At[diag.Address]) bool { return from.Contains(a.Fact.Address) }) {
		from = netip.PrefixFrom(f.Src, 128)
	}
	return []string{
		"nft add table ip6 ndwhy",
		"nft 'add chain ip6 ndwhy postrouting { type nat hook postrouting priority srcnat; }'",
		"nft " + quote("add rule ip6 ndwhy postrouting oifname \""+h.iface+"\" ip6 saddr "+from.String()+" masquerade"),
	}
}
