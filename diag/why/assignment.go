package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var assignmentNone = Cause{
	ID: "assignment.none", Severity: Critical, Answers: noAddress,
	Remedy: onAWS(
		"aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-address-count 1",
		"aws ec2 modify-subnet-attribute --subnet-id {subnet} --assign-ipv6-address-on-creation",
	),
	find: findAssignmentNone,
}

var notConfigured = Cause{
	ID: "address.not-configured", Severity: Warning,
	Remedy: slices.Concat(
		[]Remedy{
			{Command: "ip -6 addr add {address}/128 dev {interface}", If: func(_ *view, h *hypothesis) bool { return h.as == "" }},
			{Command: "ip -6 addr add {address}/64 dev {interface}", If: func(_ *view, h *hypothesis) bool { return h.as != "" }},
		},
		onAWS("aws ec2 unassign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}"),
	),
	find: findNotConfigured,
}

func findAssignmentNone(iv *ifaceView) []hypothesis {
	if h, ok := iv.nothingAdvertised(); ok {
		return []hypothesis{h}
	}
	if iv.s.Metadata.State != diag.MetadataOK && iv.s.Metadata.State != diag.MetadataNone || !iv.net.Known {
		return nil
	}
	named := iv.s.Metadata.State == diag.MetadataNone
	for _, m := range iv.s.Metadata.Interfaces {
		named = named || m.MAC == iv.net.Link.MAC
	}
	if !named || slices.ContainsFunc(iv.assigned, func(a diag.Assignment) bool {
		return a.Source != diag.FromEUI64 && diag.ScopeOf(a.Prefix.Addr()) != diag.LinkLocalScope
	}) {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name},
		facts: []diag.Event{iv.s.Said(diag.Metadata{})},
	}
	iv.explainKind(&h, noGlobal)
	for _, p := range iv.paths {
		if p.Asks == diag.AsksDHCP && p.Missing() {
			iv.explain(&h, p)
		}
	}
	return []hypothesis{h}
}

// nothingAdvertised looks for a link on which nothing that says where addresses come from gives any: no
// prefix to make one from, no DHCPv6, and nothing known to be assigned.
func (iv *ifaceView) nothingAdvertised() (h hypothesis, ok bool) {
	if !iv.net.Known || !iv.s.Complete(diag.FeedNetlink) || len(iv.net.Routers) == 0 || iv.hasUsableGlobal() || iv.s.AssignmentKnown(iv.name, diag.GlobalScope) {
		return h, false
	}
	h = hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, as: "advertised"}
	for _, r := range iv.net.Routers {
		if _, forms := r.Forms(); forms || r.Last.Managed {
			return h, false
		}
		h.facts = append(h.facts, iv.heard(r))
	}
	h.args = []any{"router", iv.net.Routers[0].Address}
	iv.explainKind(&h, noGlobal)
	for _, p := range iv.paths {
		if p.Missing() && p.Source.IsLinkLocalUnicast() && (p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService) {
			iv.explain(&h, p)
		}
	}
	return h, true
}

// findNotConfigured makes a hypothesis of every absent address: what made it absent, if anything
// is known to have, explains it better and is taken first.
func findNotConfigured(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for i, y := range iv.symptoms {
		if y.iface != iv.name || y.kind != absent {
			continue
		}
		h := hypothesis{
			confidence: Certain, subject: addressSubject(y.addr), addr: y.addr,
			args: []any{"address", y.addr}, symptoms: []int{i}, facts: []diag.Event{iv.s.Said(diag.Metadata{}), iv.s.Said(diag.Lease{Interface: iv.name})},
		}
		if y.addr.IsLinkLocalUnicast() {
			h.as, h.facts = "link-local", []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})}
			iv.explain(&h, iv.where(func(p *path) bool {
				return p.Asks == diag.AsksRS && p.Source.IsUnspecified() && p.Outcome == diag.Silent
			})...)
			list = append(list, h)
			continue
		}
		if iv.routedInside(y.addr) {
			h.severity = Info
			h.more = []string{"cause.address.not-configured.routed"}
		} else {
			iv.explainKind(&h, noGlobal)
		}
		list = append(list, h)
	}
	return list
}

// routedInside reports whether an address lives on another interface of this host, or is routed to
// one: that is how containers and pods get theirs.
func (iv *ifaceView) routedInside(addr netip.Addr) bool {
	if iv.heldElsewhere(addr) {
		return true
	}
	for k := range iv.s.Routes {
		if k.Interface != iv.name && k.Dst.Bits() >= 96 && k.Type == "unicast" && k.Dst.Contains(addr) {
			return true
		}
	}
	return false
}
