package why

import (
	"net/netip"

	"ndwhy/diag"
)

// resolves reports whether neighbour discovery for a target works for an address of ours: it was answered
// when it was asked, or the kernel's entry was used while an echo was. A target that answers no solicitation
// today does not, whatever is remembered of it.
func (iv *ifaceView) resolves(target netip.Addr) bool {
	if iv.answers[asked{diag.AsksND, target}] != nil {
		return true
	}
	used, refuses := false, false
	for _, p := range iv.paths {
		switch {
		case p.Target != target:
		case p.Asks == diag.AsksND:
			used = used || p.Detail == "already-resolved"
			refuses = refuses || p.silent() && p.Ours()
		case p.Asks == diag.AsksEcho:
			used = used || p.Outcome == diag.Answered || p.Via == diag.ViaKernel && p.NUD.Resolved() && !p.failedDiscovery()
		}
	}
	return !refuses && (used || iv.net.Resolved(target))
}

// near reports whether a target is reached without a router.
func (iv *ifaceView) near(target netip.Addr) bool {
	return !iv.viaRouter[target] && iv.net.OnLink(target)
}

// neighbour reports whether a target is proven to be on the link: the kernel would ask for it there,
// and neighbour discovery for it succeeded. An echo alone may have come from beyond a router.
func (iv *ifaceView) neighbour(target netip.Addr) bool {
	return iv.discovered[target] && iv.near(target)
}

// discovers reports whether a path shows that neighbour discovery for its target succeeds, if that is
// on the link at all.
func discovers(p *path) bool {
	return p.Asks == diag.AsksND && (p.Outcome == diag.Answered || p.Detail == "already-resolved") ||
		p.Asks == diag.AsksEcho && p.Outcome == diag.Answered && p.Via == diag.ViaKernel && p.NUD.Resolved()
}

// misled reports whether what goes to a target is sent to a gateway which says that it is no router, and
// where it does.
func (iv *ifaceView) misled(target, source netip.Addr) (na diag.Event, ok bool) {
	via, known := iv.net.Gateway(target, source)
	if !known || !via.IsValid() || iv.isAdvertiser(via) {
		return na, false
	}
	return iv.noRouter(via)
}

// isAdvertiser reports whether an address announces itself as a router's.
func (iv *ifaceView) isAdvertiser(addr netip.Addr) bool {
	_, does := iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
	return does
}

// noRouter reports whether a neighbour says of itself that it is no router (RFC 4861 §4.4, R flag): of the
// address, or of another that it has.
func (iv *ifaceView) noRouter(addr netip.Addr) (e diag.Event, ok bool) {
	e, ok = iv.traffic.believed[addr]
	entry, _ := iv.net.Entry(addr)
	for _, p := range iv.paths {
		if !ok && entry.Fact.MAC != (diag.MAC{}) && p.Asks == diag.AsksND && answeredBy(p, entry.Fact.MAC) {
			e, ok = iv.traffic.believed[p.Target]
		}
	}
	return e, ok && !e.Body.(diag.Frame).Router
}

func answeredBy(p *path, mac diag.MAC) bool {
	for _, r := range p.Responders {
		if r.MAC == mac {
			return true
		}
	}
	return false
}
