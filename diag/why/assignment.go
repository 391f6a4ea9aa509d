package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var assignmentNone = Cause{
	ID: "assignment.none", Severity: Critical, Answers: noAddress,
	Remedy: []Remedy{
		inVPC("assign-one", "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-address-count 1").when(as("")),
		ask("ask.assign").when(as("")).when(notAWS),
		ask("ask.announce").when(as("advertised", "local")),
	},
	find: findAssignmentNone,
}

var notConfigured = Cause{
	ID: "address.not-configured", Severity: Warning,
	Remedy: []Remedy{
		way("address", "ip -6 addr add {address}/128 dev {interface}").when(as("")).kept(addressOf("{address}/128")),
		way("address", "ip -6 addr add {address}/64 dev {interface}").when(as("link-local", "elsewhere")).kept(addressOf("{address}/64")),
		inVPC("unassign", "aws ec2 unassign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}").when(as("")),
	},
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
	if !iv.net.Known || !iv.s.Complete(diag.FeedNetlink) || len(iv.net.Routers) == 0 || iv.s.AssignmentKnown(iv.name, diag.GlobalScope) {
		return h, false
	}
	h = hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, as: "advertised"}
	local := false
	for _, r := range iv.net.Routers {
		prefix, forms := r.Forms()
		if forms && diag.ScopeOf(prefix.Prefix.Addr()) == diag.ULAScope {
			local = true
			h.args = []any{"router", r.Address, "prefix", prefix.Prefix}
		} else if forms || r.Last.Managed {
			return h, false
		}
		h.facts = append(h.facts, iv.heard(r))
	}
	if local {
		return iv.onlyLocal(h)
	}
	if iv.hasUsableGlobal() {
		return h, false
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

// onlyLocal is a link on which a router offers the way out and only a prefix that leads nowhere beyond: a
// ULA is not routed on the Internet (RFC 4193 §4.1). One that is translated on its way is answered.
func (iv *ifaceView) onlyLocal(h hypothesis) (hypothesis, bool) {
	ulas := 0
	for _, a := range iv.addresses {
		if scope := diag.ScopeOf(a.Fact.Address); a.Fact.Flags.Usable() && scope == diag.GlobalScope {
			return h, false
		} else if scope == diag.ULAScope {
			ulas++
		}
	}
	h.as = "local"
	iv.explain(&h, iv.where(func(p *path) bool {
		return p.silent() && diag.ScopeOf(p.Source) == diag.ULAScope && diag.ScopeOf(p.Target) == diag.GlobalScope && !iv.near(p.Target)
	})...)
	return h, ulas > 0 && len(h.symptoms) > 0 && len(iv.net.Offering()) > 0 && !iv.hearsInternet() && iv.wayOut(netip.Addr{}, diag.Answered) == nil
}

// findNotConfigured makes a hypothesis of every absent address: what made it absent, if anything
// is known to have, explains it better and is taken first.
func findNotConfigured(iv *ifaceView) []hypothesis {
	list := iv.soughtElsewhere()
	for i, y := range iv.symptoms {
		if y.iface != iv.name || y.kind != absent || slices.ContainsFunc(list, func(o hypothesis) bool { return o.addr == y.addr }) {
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
			h.more = []string{"cause.address.not-configured.routed"}
			if iv.hasUsableGlobal() {
				h.severity = Info
			}
		}
		iv.explainKind(&h, noGlobal)
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
	for k := range iv.s.Routes.All() {
		if k.Interface != iv.name && k.Dst.Bits() >= 96 && k.Type == "unicast" && k.Dst.Contains(addr) {
			return true
		}
	}
	return false
}

// soughtElsewhere looks for addresses that others solicit for on the interface and that this host has on another:
// the kernel answers for the addresses of the interface that is asked, and so for none of these (net/ipv6/ndisc.c,
// ndisc_recv_ns).
func (iv *ifaceView) soughtElsewhere() []hypothesis {
	var list []hypothesis
	for _, addr := range iv.traffic.askedFor() {
		e, inVain := iv.soughtInVain(addr)
		other := iv.s.InterfaceWith(addr)
		if other == "" || other == iv.name || iv.net.Configured(addr) || !inVain || !iv.s.Complete(diag.FeedFrames) || iv.outward(other) {
			continue
		}
		h := hypothesis{
			direct: true, severity: Critical, confidence: Certain, subject: addressSubject(addr), addr: addr, as: "elsewhere",
			args:  []any{"address", addr, "other", other, "from", e.Body.(diag.Frame).Src},
			facts: []diag.Event{e, diag.FactOf(iv.s.Addresses[diag.InterfaceAddr{Interface: other, Address: addr}])},
		}
		for i, y := range iv.symptoms {
			if y.iface == iv.name && (y.kind == absent && y.addr == addr || y.kind == noGlobal) {
				h.symptoms = append(h.symptoms, i)
			}
		}
		iv.explain(&h, iv.where(func(p *path) bool { return p.Source == addr && p.Missing() && p.origin != far })...)
		list = append(list, h)
	}
	return list
}

// outward reports whether an interface has a link of its own to answer on: a way out, or a router there.
func (iv *ifaceView) outward(name string) bool {
	l := iv.normals.link(name)
	return len(l.Defaults) > 0 || len(l.Routers) > 0
}
