package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var routerUnresolvable = Cause{
	ID: "router.unresolvable", Severity: Critical,
	Remedy: []Remedy{
		{Does: "route-away", If: anotherRouter, Do: []string{"ip -6 route del default via {router} dev {interface}"}, Make: defaultAway},
		ask("ask.router"),
		way("", "ndisc6 {router} {interface}", "ip -6 neigh show {router} dev {interface}"),
	},
	find: findUnresolvable,
	contradicted: func(iv *ifaceView, h hypothesis) bool {
		// An entry that is still REACHABLE is from before, and an echo that was answered used one: neither says
		// anything of today's silence.
		return iv.any(func(p *path) bool {
			return p.Target == h.addr && (p.Asks == diag.AsksND && p.Outcome == diag.Answered || p.alone())
		})
	},
}

// anotherRouter holds where the kernel has a default route through another router too.
func anotherRouter(v *view, h *hypothesis) bool {
	routers := v.on(h.iface).net.Gateways()
	return len(routers) > 1 && slices.Contains(routers, h.addr)
}

// defaultAway deletes the default route through a router, as the kernel has it where it is for some sources only.
func defaultAway(v *view, h *hypothesis) []string {
	for _, r := range v.on(h.iface).net.Defaults {
		if r.Fact.Via == h.addr && r.Fact.From.IsValid() {
			return []string{"ip -6 route del " + routeSpec(r.Fact)}
		}
	}
	return []string{"ip -6 route del default via {router} dev {interface}"}
}

var routerSilent = Cause{
	ID: "net.router-silent", Severity: Info, Working: true,
	// It resolves, and answers no echo.
	find: rule{
		about: target, kind: "router", arg: "router", confidence: Certain, direct: true,
		explains: all(toward(diag.TargetRouter), asking(diag.AsksEcho), unanswered, fromUs),
		given: func(iv *ifaceView, router netip.Addr) bool {
			_, moved := iv.moved()[router] // what it was asked may have gone to where it is no more
			return iv.resolves(router) && len(iv.traffic.late) == 0 && !iv.toAnother() && iv.overridden(router) == nil && !moved
		},
		denied: all(itself, asking(diag.AsksEcho), answers),
		more: func(iv *ifaceView, h *hypothesis) {
			rest(h, iv.answers[asked{diag.AsksND, h.addr}]...)
			if !iv.any(func(p *path) bool {
				return p.Target == h.addr && p.Asks == diag.AsksEcho && p.beyondHost() && (p.Sent > 2 || p.normal != nil && *p.normal)
			}) {
				h.confidence = Possible // where that is not known of the network, so few packets get lost by chance
			}
			if p := iv.first(all(toward(diag.TargetAllNodes), answers, of(func(p *path) bool {
				return slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.Address == h.addr })
			}))); p != nil {
				h.confidence = Possible // it does answer, if not what it is asked alone
				rest(h, p)
			}
		},
	}.find,
}

func findUnresolvable(iv *ifaceView) []hypothesis {
	var list []hypothesis
	alive := iv.any(func(p *path) bool {
		return p.Reaches() && p.Outcome == diag.Answered && p.TargetClass != diag.TargetAllNodes
	})
	heeded := iv.heeded()
	for _, router := range iv.routersAsked() {
		var silent []*path
		h := hypothesis{confidence: Possible, subject: Subject{"router", router.String()}, addr: router, args: []any{"router", router}, beyond: true}
		for _, p := range iv.paths {
			if p.Target != router || !p.Missing() || !p.Ours() && !iv.spoke(p.Source) || p.Asks != diag.AsksND && !p.failedDiscovery() {
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
		if !slices.ContainsFunc(silent, func(p *path) bool { return p.Outcome == diag.Silent }) {
			continue
		}
		iv.explain(&h, silent...)
		for _, p := range iv.paths {
			beyond := p.Target == router || p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService || p.Asks == diag.AsksDHCP ||
				p.TargetClass == diag.TargetRouter || p.TargetClass == diag.TargetPeer && !iv.near(p.Target)
			if beyond && (p.Outcome == diag.Silent || iv.waitedForRouter(p)) && p.Ours() && p.symptom >= 0 {
				iv.explain(&h, p)
			}
		}
		if n, ok := iv.s.Neighbours.Find(diag.InterfaceAddr{Interface: iv.name, Address: router}); ok {
			h.facts = append(h.facts, diag.FactOf(n))
			if n.Fact.State.Fixed() && alive {
				h.severity = Info // nobody has to ask for it
			}
		}
		switch advertised := iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: router}]; {
		case heeded:
			h.more = append(h.more, "cause.router.unresolvable.heeded")
		case advertised != nil && iv.heard(advertised).Seq > iv.s.Begun("router-nd", iv.name):
			h.confidence = weaker(h.confidence, Possible) // it is there, and it is not known whether it hears us
		default:
			h.confidence = weaker(h.confidence, Likely) // it is not known whether anybody hears us
		}
		if iv.out {
			h.more = append(h.more, "cause.router.unresolvable.around")
		}
		if e, ok := iv.traffic.bad[router]; ok {
			h.facts = append(h.facts, e)
			h.more = append(h.more, "cause.router.unresolvable.bad")
			h.args = append(h.args, "bad", words.Clean(e.Body.(diag.Frame).Bad))
		}
		list = append(list, h)
	}
	return list
}

// routersAsked are the interface's gateways, and the routers that were asked: of a great many gateways those may be
// others.
func (iv *ifaceView) routersAsked() []netip.Addr {
	list := slices.Clone(iv.net.Gateways())
	if iv.net.GatewaysLeft() == 0 {
		return list
	}
	for _, a := range iv.targets(diag.TargetRouter) {
		if iv.net.IsRouter(a) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// theirs reports whether a target is one of the interface's routers.
func (iv *ifaceView) theirs(addr netip.Addr) bool { return slices.Contains(iv.net.Gateways(), addr) }
