package why

import (
	"net/netip"
	"slices"
	"strconv"

	"ndwhy/diag"
)

// This file joins what routers offer with what the kernel has: what was offered, is needed, and is not in
// force; and what is in force, was offered, and does harm.

// notTaken returns what is offered of some kind and known not to be in force.
func (iv *ifaceView) notTaken(kind diag.OfferKind) []diag.Offer {
	var list []diag.Offer
	for _, o := range iv.offers {
		if o.Kind == kind && o.State == diag.OfferNotTaken {
			list = append(list, o)
		}
	}
	return list
}

// ignoring is a hypothesis that something offered is not in force, as one of the words' variants has it.
func (iv *ifaceView) ignoring(o *diag.Offer, as string, subject Subject) hypothesis {
	h := hypothesis{
		direct: true, confidence: Certain, subject: subject, as: as,
		args: []any{
			"router", o.Router.Address, "prefix", o.Prefix, "offered", o.What(), "why", o.Reason(),
			"setting", diag.SysctlName(o.Setting.Scope, o.Setting.Name) + "=" + o.SetTo,
		},
		facts: []diag.Event{iv.heard(o.Router)},
	}
	for _, key := range []diag.SysctlKey{o.Setting2, o.Setting} {
		if e := iv.s.Said(key); e.Body != nil {
			h.facts = append(h.facts, e)
		}
	}
	// What was announced, and what keeps it out, is the argument; that packets got lost comes after.
	for _, e := range h.facts {
		h.evidence = append(h.evidence, e.Seq)
	}
	if key, value, ok := o.Mend(); ok {
		h.args = append(h.args, "sysctl", diag.SysctlName(key.Scope, key.Name), "mended", value)
		h.mends = true
	}
	return h
}

// strong reports whether a hypothesis explains more than the silence of what the program chose itself.
func (iv *ifaceView) strong(h *hypothesis) bool {
	return slices.ContainsFunc(h.symptoms, func(y int) bool { return !iv.symptoms[y].weak })
}

// passedBy returns the router that announces a route to a target, where the kernel did not take that and
// sends what goes there to another, or nowhere (RFC 4191).
func (iv *ifaceView) passedBy(target netip.Addr) (best diag.Offer, ok bool) {
	for _, o := range iv.notTaken(diag.OfferRoute) {
		if o.Prefix.Contains(target) && (!ok || o.Prefix.Bits() > best.Prefix.Bits()) {
			best, ok = o, true
		}
	}
	if !ok {
		return best, false
	}
	via, known := iv.net.Gateway(target, netip.Addr{})
	if gateways := iv.net.Gateways(); !known && len(gateways) > 0 {
		via = gateways[0]
	}
	return best, via != best.Router.Address
}

// routesIgnored looks for routes that are announced and not taken, while what lies behind them is asked for in
// vain. Most hosts take none, and need none: what their default router reaches as well is no fault, nor does a host there
// that is silent tell of one where another is reached by that router.
func (iv *ifaceView) routesIgnored() []hypothesis {
	var list []hypothesis
	at := map[netip.Prefix]int{}
	for _, p := range iv.paths {
		o, ok := iv.passedBy(p.Target)
		if !ok || !p.Missing() || !p.Ours() || p.excused() || iv.unanswered(p.Source) || iv.reachedIn(o.Prefix) {
			continue
		}
		i, have := at[o.Prefix]
		if !have {
			i = len(list)
			at[o.Prefix] = i
			h := iv.ignoring(&o, "route", Subject{"route", o.Prefix.String()})
			h.confidence, h.addr = Likely, o.Prefix.Addr()
			h.args = append(h.args, "target", p.Target)
			list = append(list, h)
		}
		h := &list[i]
		if p.Outcome != diag.Silent && p.Source.IsValid() {
			h.confidence = Certain // whoever it went to has no way there, or there is none here
		}
		iv.explain(h, p)
		rest(h, p)
	}
	return slices.DeleteFunc(list, func(h hypothesis) bool { return !iv.strong(&h) })
}

// reachedIn reports whether the kernel was answered by anybody in a prefix.
func (iv *ifaceView) reachedIn(prefix netip.Prefix) bool {
	return iv.any(func(p *path) bool {
		return p.Via != diag.ViaWire && p.Outcome == diag.Answered && prefix.Contains(p.Target)
	})
}

// mtuIgnored looks for an announced MTU that is smaller than what this host sends, while packets of that size
// are lost.
func (iv *ifaceView) mtuIgnored() []hypothesis {
	for _, o := range iv.notTaken(diag.OfferMTU) {
		if o.Why == diag.OfferTooSmall || o.Value >= iv.net.Link.MTU {
			continue
		}
		h := iv.ignoring(&o, "mtu", Subject{"interface", iv.name})
		h.severity, h.confidence = Warning, Likely
		h.args = append(h.args, "mtu", iv.net.Link.MTU, "mtu-announced", o.Value)
		iv.explain(&h, iv.where(func(p *path) bool { return p.Asks == diag.AsksMTU && p.beyondHost() })...)
		if iv.strong(&h) {
			return []hypothesis{h}
		}
	}
	return nil
}

// prefixIgnored looks for a prefix that is announced for making addresses from, where none is made of it and
// there is no other.
func (iv *ifaceView) prefixIgnored() []hypothesis {
	stray, ok := iv.onlyStrays()
	if iv.hasUsableGlobal() && !ok {
		return nil
	}
	for _, o := range iv.notTaken(diag.OfferAddress) {
		switch o.Why {
		case diag.OfferDuplicate, diag.OfferBadLength, diag.OfferElse:
			continue // others say more of these, or nothing is known
		case diag.OfferManaged:
			if o.Router.Last.Managed {
				continue
			}
		}
		if iv.opensNothing(&o) {
			continue
		}
		h := iv.ignoring(&o, "prefix", Subject{"router", o.Router.Address.String()})
		h.addr = o.Router.Address
		if o.Why == diag.OfferManaged {
			h.confidence = Likely
		}
		if ok {
			h.as, h.confidence = "prefix-other", Likely
			h.args = append(h.args, "address", stray)
			iv.explain(&h, iv.where(func(p *path) bool {
				return p.TargetClass == diag.TargetInternet && p.beyondHost() && p.Ours() && !p.Source.IsLinkLocalUnicast()
			})...)
			if !iv.strong(&h) {
				return nil
			}
		}
		iv.explainKind(&h, noGlobal)
		return []hypothesis{h}
	}
	return nil
}

// onlyStrays returns an address of the interface where none of those that it speaks from is known to be its own or of a
// prefix that a router announces, and nothing beyond the router answers one.
func (iv *ifaceView) onlyStrays() (stray netip.Addr, ok bool) {
	if iv.hearsBeyond() {
		return stray, false
	}
	for _, a := range iv.addresses {
		addr := a.Fact.Address
		switch {
		case !iv.global(a.Fact) || !a.Fact.Flags.Usable():
		case iv.class[addr] == diag.SourceAssigned || len(iv.announcers(addr)) > 0:
			return stray, false
		default:
			stray = addr
		}
	}
	return stray, stray.IsValid()
}

// opensNothing reports whether an offer is refused by what refuses all that a router says, so that there is
// more to be said than that.
func (iv *ifaceView) opensNothing(o *diag.Offer) bool {
	return slices.Contains([]string{"accept_ra", "forwarding", "disable_ipv6"}, o.Setting.Name) && iv.unusedRouter() != nil
}

var hopLimit = Cause{
	ID: "path.hop-limit", Severity: Warning,
	Remedy: []Remedy{
		// The default route that an advertisement made has its hop limit too, and keeps it: it has to go, and is back with
		// the answer to a solicitation. Who has been answered before is answered again; else it is set as it was.
		way("hop-limit-own", "sysctl -w {least}=32", "sysctl -w {sysctl}=64",
			"rdisc6 -1 {interface} && ip -6 route del default via {router} dev {interface} && rdisc6 -1 {interface} || sudo ip -6 route add default via {router} dev {interface}").
			when(as("")).when(func(v *view, h *hypothesis) bool { return !v.on(h.iface).managesRA() }).kept(keep{sysctl: "{least}=32 {sysctl}=64"}),
		{Does: "hop-limit-64", If: as("set"), Make: hopLimitSet, Do: []string{"sysctl -w {sysctl}=64"}, Keep: &keep{sysctl: "{sysctl}=64"}},
		{Does: "hop-limit-route", If: as("set"), Make: hopLimitOfRoute, Do: []string{"ip -6 route change {route} hoplimit 64"}, Keep: &keep{amend: true}},
		ask("ask.hop-limit").when(as("")),
		way("hop-rule", "nft list ruleset", "ip6tables -t mangle -S").when(as("written")),
		way("", "tracepath -6 {target}").when(hasSource),
	},
	find: findHopLimit,
}

// hopLimitSet sets the hop limit, unless it is a route's.
func hopLimitSet(v *view, h *hypothesis) []string {
	if hopLimitOfRoute(v, h) != nil {
		return nil
	}
	return []string{"sysctl -w {sysctl}=64"}
}

// hopLimitOfRoute gives the route that has one a hop limit as others have it.
func hopLimitOfRoute(v *view, h *hypothesis) []string {
	sel, ok := factOf[diag.Selection](h)
	if !ok {
		return nil
	}
	r, ok := v.on(h.iface).routeTo(sel.Dst, sel.Via)
	if !ok {
		return nil
	}
	return []string{"ip -6 route change " + routeSpec(r.Fact) + " hoplimit 64"}
}

// fewHops is what a hop limit has to be for any host of the Internet to be reached: paths are up to 30
// routers long, and 64 is what hosts use (RFC 1700).
const fewHops = 32

// findHopLimit looks for a hop limit with which packets die on their way: a router announced it for all that
// hosts send (RFC 4861 §6.3.4), or somebody set it.
func findHopLimit(iv *ifaceView) []hypothesis {
	hops := iv.hopsLeft()
	if iv.normals.inward(iv.name) {
		return nil
	}
	if hops >= fewHops {
		return iv.hopsWritten()
	}
	key := diag.SysctlKey{Scope: iv.name, Name: "hop_limit"}
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, as: "set", facts: iv.hopsSaid(key, hops),
		args: []any{"hops", hops, "sysctl", diag.SysctlName(key.Scope, key.Name), "least", diag.SysctlName(iv.name, "accept_ra_min_hop_limit")},
	}
	for _, o := range iv.offers {
		if o.Kind == diag.OfferHopLimit && o.Value == hops {
			h.as = ""
			h.args = append(h.args, "router", o.Router.Address)
			h.facts = append(h.facts, iv.heard(o.Router))
			break
		}
	}
	for _, p := range iv.paths {
		if !iv.spent(p, hops) {
			continue
		}
		if p.Outcome == diag.Refused {
			h.confidence = Certain
		}
		h.addr = p.Target
		iv.explain(&h, p)
		rest(&h, p)
	}
	if iv.strong(&h) {
		h.severity = Critical
		h.more = []string{"cause.path.hop-limit.seen"}
		h.args = append(h.args, "target", h.addr)
	}
	return []hypothesis{h}
}

// hopsWritten looks for packets that left with fewer hops than the kernel gave them, and died on their way: a rule of this
// host's writes the field.
func (iv *ifaceView) hopsWritten() (list []hypothesis) {
	for _, target := range iv.targets(diag.TargetInternet) {
		left, ok := iv.leftWith(target)
		if !ok {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"target", target.String()}, addr: target, as: "written",
			args: []any{"hops", left.Body.(diag.Frame).HopLimit, "target", target}, facts: []diag.Event{left},
		}
		iv.explain(&h, iv.where(func(p *path) bool { return p.symptom >= 0 && iv.written(p) })...)
		if iv.strong(&h) {
			h.severity = Critical
		}
		list = append(list, h)
	}
	return list
}

// leftWith returns an echo request of this host's for a target that left with so low a hop limit that a router dropped it.
func (iv *ifaceView) leftWith(target netip.Addr) (diag.Event, bool) {
	for _, p := range iv.paths {
		if p.Target != target || p.Asks != diag.AsksEcho || !iv.spent(p, 0) || p.Outcome != diag.Refused {
			continue
		}
		for _, seq := range p.Evidence {
			e, _ := iv.s.Evidence(seq)
			if f, is := e.Body.(diag.Frame); is && f.Out && f.Type == diag.EchoRequest && f.Dst == target && f.HopLimit > 0 && f.HopLimit < fewHops {
				return e, true
			}
		}
	}
	return diag.Event{}, false
}

// written reports whether a packet died on its way because of the hop limit that it left with, which is not the kernel's.
func (iv *ifaceView) written(p *path) bool {
	_, ok := iv.leftWith(p.Target)
	return ok && iv.hopsLeft() >= fewHops && iv.spent(p, 0)
}

// spent reports whether a packet of the kernel's, with so low a hop limit, died on its way: a router says so, or
// nothing came while a frame of ours, which has more, was answered.
func (iv *ifaceView) spent(p *path, hops int) bool {
	if hops >= fewHops || !p.Ours() || iv.near(p.Target) || p.Detail == "elsewhere" {
		return false
	}
	if p.Outcome == diag.Refused { // by wire too, where the kernel's frame was what was seen there
		return p.Error != nil && p.Error.Type == diag.TimeExceeded
	}
	if p.Via == diag.ViaWire || !p.silent() || p.drop.Body != nil || p.failedDiscovery() {
		return false
	}
	return slices.ContainsFunc(iv.answers[asked{diag.AsksEcho, p.Target}], func(q *path) bool { return q.Via == diag.ViaWire })
}

// hopsLeft is the hop limit of what the kernel sends by the interface beyond the link: that of the route, which goes
// before the setting; many where neither is known.
func (iv *ifaceView) hopsLeft() int {
	for _, sel := range iv.selections() {
		if sel.Interface == iv.name && sel.Via.IsValid() && sel.HopLimit > 0 {
			return sel.HopLimit
		}
	}
	text, _ := iv.sysctl("hop_limit")
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return fewHops
}

// hopsSaid are what say that the hop limit is so: a route, else the setting.
func (iv *ifaceView) hopsSaid(key diag.SysctlKey, hops int) []diag.Event {
	for _, sel := range iv.selections() {
		if sel.Interface == iv.name && sel.HopLimit == hops {
			return []diag.Event{iv.s.Said(sel), iv.s.Said(key)}
		}
	}
	return []diag.Event{iv.s.Said(key)}
}

var inconsistent = Cause{
	ID: "router.inconsistent", Severity: Info,
	Remedy: []Remedy{
		ask("ask.agree"),
		way("", "rdisc6 {interface}", "sysctl {sysctl}"),
	},
	find: findInconsistent,
}

// findInconsistent compares what the routers of a link say of the link itself: where they differ, each host has
// what it heard last (RFC 4861 §6.2.7).
func findInconsistent(iv *ifaceView) []hypothesis {
	rogue := iv.rogues()
	for _, kind := range []diag.OfferKind{diag.OfferMTU, diag.OfferHopLimit} {
		var first *diag.Offer
		for i := range iv.offers {
			o := &iv.offers[i]
			if o.Kind != kind || slices.Contains(rogue, o.Router) || iv.s.Now.Sub(o.Router.At) > maxInterval {
				continue
			}
			if first == nil {
				first = o
				continue
			}
			if o.Value == first.Value {
				continue
			}
			name := "mtu"
			if kind == diag.OfferHopLimit {
				name = "hop_limit"
			}
			h := hypothesis{
				direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: string(kind),
				args: []any{
					"router", first.Router.Address, "says", first.Value, "other", o.Router.Address, "denies", o.Value,
					"sysctl", diag.SysctlName(iv.name, name),
				},
				facts: []diag.Event{iv.heard(first.Router), iv.heard(o.Router)},
			}
			if kind == diag.OfferMTU {
				h.severity = Warning
			}
			return []hypothesis{h}
		}
	}
	return nil
}
