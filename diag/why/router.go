package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var routerUnresolvable = Cause{
	ID: "router.unresolvable", Severity: Critical,
	Remedy: always("ndisc6 {router} {interface}", "ip -6 neigh show {router} dev {interface}"),
	find:   findUnresolvable,
	contradicted: func(iv *ifaceView, h hypothesis) bool {
		// An entry that is still REACHABLE is from before, and an echo that was answered used one: neither says
		// anything of today's silence.
		return iv.any(func(p *diag.Path) bool {
			return p.Target == h.addr && p.Asks == diag.AsksND && p.Outcome == diag.Answered
		})
	},
}

var routerSilent = Cause{
	ID: "net.router-silent", Severity: Info, find: findRouterSilent,
}

func findUnresolvable(iv *ifaceView) []hypothesis {
	var list []hypothesis
	alive := iv.any(func(p *diag.Path) bool {
		return p.Reaches() && p.Outcome == diag.Answered && p.TargetClass != diag.TargetAllNodes
	})
	anyND := iv.any(func(p *diag.Path) bool { return p.Asks == diag.AsksND && p.Outcome == diag.Answered })
	for _, router := range iv.routerAddresses() {
		var silent []*diag.Path
		h := hypothesis{confidence: Possible, subject: Subject{"router", router.String()}, addr: router, args: []any{"router", router}, beyond: true}
		for _, p := range iv.paths {
			if p.Target != router || !p.Missing() || !p.Ours() || p.Asks != diag.AsksND && p.Detail != "unresolved" {
				continue
			}
			silent = append(silent, p)
			switch {
			case p.Via == diag.ViaWire && p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Silent && p.Sent >= 3:
				h.confidence = Certain
			case p.Outcome == diag.Silent && h.confidence == Possible:
				h.confidence = Likely
			}
		}
		if !slices.ContainsFunc(silent, func(p *diag.Path) bool { return p.Outcome == diag.Silent }) {
			continue
		}
		iv.explain(&h, silent...)
		for _, p := range iv.paths {
			beyond := p.Target == router || p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService || p.Asks == diag.AsksDHCP ||
				!alive || !anyND && p.Asks == diag.AsksND
			if beyond && p.Outcome == diag.Silent && p.Ours() {
				if _, ok := iv.byPath[p.ID]; ok {
					iv.explain(&h, p)
				}
			}
		}
		if n, ok := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: router}]; ok {
			h.facts = append(h.facts, diag.FactOf(n))
			if n.Fact.State.Fixed() && alive {
				h.severity = Info // nobody has to ask for it
			}
		}
		if e, ok := iv.advertisement(router, false); ok {
			h.facts = append(h.facts, e)
			h.more = append(h.more, "cause.router.unresolvable.bad")
			h.args = append(h.args, "bad", words.Clean(e.Body.(diag.Frame).Bad))
		}
		list = append(list, h)
	}
	return list
}

// advertisement returns the newest advertisement for a neighbour that arrived: one that is to be
// believed, or one that is not.
func (iv *ifaceView) advertisement(addr netip.Addr, good bool) (newest diag.Event, ok bool) {
	for _, e := range iv.frames {
		f, is := e.Body.(diag.Frame)
		if is && f.Type == diag.NA && !f.Out && f.Interface == iv.name && f.Target == addr && (f.Bad == "") == good && e.Seq > newest.Seq {
			newest, ok = e, true
		}
	}
	return newest, ok
}

// noRouter reports whether a neighbour says of itself that it is no router (RFC 4861 §4.4, R flag): of the
// address, or of another that it has.
func (iv *ifaceView) noRouter(addr netip.Addr) (diag.Event, bool) {
	e, ok := iv.advertisement(addr, true)
	mac := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: addr}].Fact.MAC
	for _, p := range iv.paths {
		if !ok && mac != (diag.MAC{}) && p.Asks == diag.AsksND && slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.MAC == mac }) {
			e, ok = iv.advertisement(p.Target, true)
		}
	}
	return e, ok && !e.Body.(diag.Frame).Router
}

// theirs reports whether a target is one of the interface's routers.
func (iv *ifaceView) theirs(addr netip.Addr) bool { return slices.Contains(iv.routerAddresses(), addr) }

func findRouterSilent(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, router := range iv.targets(diag.TargetRouter) {
		if !iv.resolved(router) || len(iv.lateEchoes()) > 0 {
			continue
		}
		answered := iv.any(func(p *diag.Path) bool {
			return p.Target == router && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered
		})
		silent := iv.where(func(p *diag.Path) bool {
			return p.Target == router && p.Asks == diag.AsksEcho && p.Outcome == diag.Silent && p.Detail != "unresolved" && p.Ours() && !iv.excused(p)
		})
		if answered || len(silent) == 0 || iv.overridden(router) != nil {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"router", router.String()}, addr: router,
			args: []any{"router", router}, beyond: true,
		}
		iv.explain(&h, silent...)
		rest(&h, iv.where(func(p *diag.Path) bool {
			return p.Target == router && p.Asks == diag.AsksND && p.Outcome == diag.Answered
		})...)
		list = append(list, h)
	}
	return list
}
