package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// gatewayOf returns the router that the kernel sends a path's packets to, as it answers itself; ok is
// false where it was not asked.
func (iv *ifaceView) gatewayOf(p *diag.Path) (via netip.Addr, ok bool) {
	for _, key := range []diag.SelectionKey{{Dst: p.Target, From: p.Source, Bound: ""}, {Dst: p.Target}, {Dst: p.Target, Bound: iv.name}} {
		if sel, asked := iv.s.Selections[key]; asked && sel.Errno == "" && sel.Interface == iv.name {
			return sel.Via, true
		}
	}
	return via, false
}

// resolves reports whether a router's link-layer address is known: it answered for it, or the kernel
// uses it. One that answers no solicitation today is router.unresolvable's.
func (iv *ifaceView) resolves(router netip.Addr) bool {
	if iv.answers[asked{diag.AsksND, router}] != nil {
		return true
	}
	if iv.any(func(p *diag.Path) bool {
		return p.Target == router && p.Asks == diag.AsksND && p.Outcome == diag.Silent && p.Ours()
	}) {
		return false
	}
	n, known := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: router}]
	return iv.answers[asked{diag.AsksEcho, router}] != nil || known && n.Fact.State.Resolved()
}

// misled reports whether a path's packets are sent to a gateway which says that it is no router, and
// where it does.
func (iv *ifaceView) misled(p *diag.Path) (na diag.Event, ok bool) {
	via, known := iv.gatewayOf(p)
	if _, advertises := iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: via}]; advertises || !known || !via.IsValid() {
		return na, false
	}
	return iv.noRouter(via)
}

// resolved reports whether neighbour discovery for a target succeeded for an address of ours: on
// the wire, or in the kernel's table while it was asked.
func (iv *ifaceView) resolved(target netip.Addr) bool {
	return iv.any(func(p *diag.Path) bool {
		return p.Target == target && (p.Asks == diag.AsksND && p.Outcome == diag.Answered ||
			p.Asks == diag.AsksEcho && (p.Outcome == diag.Answered || p.Via == diag.ViaKernel && p.NUD.Resolved() && p.Detail != "unresolved"))
	})
}

// neighbour reports whether a target is proven to be on the link: the kernel would ask for it there,
// and neighbour discovery for it succeeded. An echo alone may have come from beyond a router.
func (iv *ifaceView) neighbour(target netip.Addr) bool {
	return iv.discovered[target] && iv.onLink(target)
}

// discovers reports whether a path shows that neighbour discovery for its target succeeds, if that is
// on the link at all.
func discovers(p *diag.Path) bool {
	return p.Asks == diag.AsksND && (p.Outcome == diag.Answered || p.Detail == "already-resolved") ||
		p.Asks == diag.AsksEcho && p.Outcome == diag.Answered && p.Via == diag.ViaKernel && p.NUD.Resolved()
}

// onLink reports whether a target is reached without a router: the kernel's own word where it was
// asked, else the prefixes of the link.
func (iv *ifaceView) onLink(target netip.Addr) bool {
	if target.IsLinkLocalUnicast() {
		return true
	}
	if iv.viaRouter[target] {
		return false
	}
	for _, bound := range []string{iv.name, ""} {
		sel, ok := iv.s.Selections[diag.SelectionKey{Dst: target, Bound: bound}]
		if ok && sel.Errno == "" && sel.Interface == iv.name {
			return !sel.Via.IsValid() || sel.Via == target
		}
	}
	if slices.ContainsFunc(iv.s.LinkPrefixes(iv.name), func(p netip.Prefix) bool { return p.Contains(target) }) {
		return true
	}
	for k := range iv.s.Routes {
		if k.Interface == iv.name && k.Table == diag.MainTable && k.Type == "unicast" && !k.Via.IsValid() && k.Dst.Bits() > 0 && k.Dst.Contains(target) {
			return true
		}
	}
	return false
}

// routerAddresses are the addresses by which the interface's routers are to be reached.
func (iv *ifaceView) routerAddresses() []netip.Addr {
	var list []netip.Addr
	for _, r := range iv.routers {
		if iv.s.Left(r.Last.LifetimeS, r.At) != 0 {
			list = append(list, r.Address)
		}
	}
	for _, d := range iv.defaults {
		if d.Fact.Via.IsValid() && !slices.Contains(list, d.Fact.Via) {
			list = append(list, d.Fact.Via)
		}
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}
