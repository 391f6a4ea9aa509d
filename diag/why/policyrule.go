package why

import (
	"fmt"
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// rulesSorted are the policy rules, in the order in which the kernel tries them.
func (iv *ifaceView) rulesSorted() []diag.PolicyRule {
	list := make([]diag.PolicyRule, 0, len(iv.s.Rules))
	for r := range iv.s.Rules {
		list = append(list, r)
	}
	diag.SortFunc(list, func(a, b diag.PolicyRule) int { return a.Priority - b.Priority })
	return list
}

// concernsRoute reports whether a policy rule may concern what goes from a source to a target out of the interface, and
// whether more than its addresses decides: a mark, a user, a protocol or a port. What arrives is not concerned.
func (iv *ifaceView) concernsRoute(r diag.PolicyRule, source, target netip.Addr) (may, conditional bool) {
	covers := func(p netip.Prefix, a netip.Addr) bool {
		return !p.IsValid() || p.Bits() == 0 || a.IsValid() && p.Contains(a)
	}
	if r.Interface != "" && r.Interface != "lo" || r.Out != "" && r.Out != iv.name || r.Invert || r.L3MDev || !covers(r.Src, source) || !covers(r.Dst, target) {
		return false, false
	}
	return true, r.Also != "" || r.UIDs != "" || r.Mark != 0
}

// refuses returns what a policy rule refuses a target by: itself, or a route in its table.
func (iv *ifaceView) refuses(r diag.PolicyRule, target netip.Addr) (route diag.At[diag.Route], ok bool) {
	if slices.Contains(refusals, r.Action) {
		return route, true
	}
	if r.Action != "to_table" || r.Table == diag.MainTable {
		return route, false
	}
	route, ok = iv.inTable(r, target)
	return route, ok && slices.Contains(refusals, route.Fact.Type)
}

// inTable returns the route that a rule's table has for a target, unless the rule passes it over.
func (iv *ifaceView) inTable(r diag.PolicyRule, target netip.Addr) (route diag.At[diag.Route], ok bool) {
	for k, other := range iv.s.Routes.All() {
		if other.Fact.Table == r.Table && k.Dst.Contains(target) && (!ok || moreSpecific(other.Fact, route.Fact)) {
			route, ok = other, true
		}
	}
	return route, ok && route.Fact.Dst.Bits() >= r.SuppressBelow && route.Fact.Type != "throw"
}

// byRefusingRule is a hypothesis that a policy rule, or the table that it leads to, is in the way of a target.
func (iv *ifaceView) byRefusingRule(r diag.PolicyRule, route diag.At[diag.Route], target netip.Addr) hypothesis {
	name := diag.Describe(iv.s.Said(r))
	h := hypothesis{
		direct: true, confidence: Certain, as: "rule", subject: Subject{"rule", name}, args: []any{"target", target, "rule", name},
		facts: []diag.Event{iv.s.Said(r)},
	}
	if route.Fact.Type != "" {
		h.more = append(h.more, "cause.host.routing.rule.route")
		h.args = append(h.args, "route", diag.DescribeRoute(route.Fact, diag.Forever))
		h.facts = append(h.facts, diag.FactOf(route))
	}
	return h
}

// unconditional returns the rule that refuses all that goes from a source to a target, if one does.
func (iv *ifaceView) unconditional(source, target netip.Addr) (rule diag.PolicyRule, route diag.At[diag.Route], ok bool) {
	for _, r := range iv.rulesSorted() {
		may, conditional := iv.concernsRoute(r, source, target)
		if !may || conditional {
			continue
		}
		if route, ok = iv.refuses(r, target); ok {
			return r, route, true
		}
		if _, settled := iv.inTable(r, target); settled {
			return rule, route, false
		}
	}
	return rule, route, false
}

// refusedByRule are the errors by which the kernel says that its routing refuses: unreachable, prohibit, blackhole, no route.
var refusedByRule = []string{"EHOSTUNREACH", "EACCES", "EINVAL", "ENETUNREACH"}

// conditional looks for policy rules that refuse only what has a mark, is of a user, or of a protocol or port: what the
// kernel says about a target does not show them, and what programs ask does.
func (iv *ifaceView) conditional() []hypothesis {
	var list []hypothesis
	at := map[diag.PolicyRule]int{}
	for _, p := range iv.paths {
		sel, asked := iv.s.Selections[diag.SelectionKey{Dst: p.Target}]
		refused := p.Outcome == diag.Unsent && slices.Contains(refusedByRule, p.Errno) || iv.remarked(p)
		if !refused || p.Via == diag.ViaWire || asked && sel.Errno != "" {
			continue
		}
		r, route, ok := iv.condition(p)
		if !ok {
			continue
		}
		i, known := at[r]
		if !known {
			i = len(list)
			at[r], list = i, append(list, iv.byRefusingRule(r, route, p.Target))
			list[i].confidence, list[i].direct = Likely, false
		}
		iv.explain(&list[i], p)
		rest(&list[i], p)
	}
	return slices.DeleteFunc(list, func(h hypothesis) bool { return len(h.symptoms) == 0 })
}

// condition returns the first policy rule that refuses what a path asks, if a condition of its own holds.
func (iv *ifaceView) condition(p *path) (rule diag.PolicyRule, route diag.At[diag.Route], ok bool) {
	for _, r := range iv.rulesSorted() {
		if may, conditional := iv.concernsRoute(r, p.Source, p.Target); !may || !conditional || !ofProtocol(r, p) {
			continue
		}
		if route, ok = iv.refuses(r, p.Target); ok {
			return r, route, true
		}
	}
	return rule, route, false
}

// ledAway looks for policy rules that lead only what has a mark, is of a user, or of a protocol or port to a table of its
// own, and by another interface out. A socket that is bound to this one is not concerned, and gets its answers.
func (iv *ifaceView) ledAway() []hypothesis {
	var list []hypothesis
	at := map[diag.PolicyRule]int{}
	for _, p := range iv.paths {
		if p.Via != diag.ViaApp || !p.silent() || p.symptom < 0 || p.Out != "" && p.Out != iv.name || len(iv.answers[asked{p.Asks, p.Target}]) == 0 {
			continue
		}
		r, route, ok := iv.diversion(p)
		if !ok {
			continue
		}
		i, known := at[r]
		if !known {
			name := diag.Describe(iv.s.Said(r))
			i = len(list)
			at[r], list = i, append(list, hypothesis{
				confidence: Likely, as: "led-away", subject: Subject{"rule", name},
				args:  []any{"target", p.Target, "rule", name, "other", route.Fact.Interface, "table", route.Fact.Table, "route", diag.DescribeRoute(route.Fact, diag.Forever)},
				facts: []diag.Event{iv.s.Said(r), diag.FactOf(route)},
			})
		}
		iv.explain(&list[i], p)
		rest(&list[i], p)
		rest(&list[i], iv.answers[asked{p.Asks, p.Target}]...)
	}
	return list
}

// diversion returns the first policy rule with a condition of its own that may lead what a path asks out by another
// interface.
func (iv *ifaceView) diversion(p *path) (rule diag.PolicyRule, route diag.At[diag.Route], ok bool) {
	for _, r := range iv.rulesSorted() {
		if may, conditional := iv.concernsRoute(r, p.Source, p.Target); !may || !conditional || !ofProtocol(r, p) || r.Action != "to_table" || r.Table == diag.MainTable {
			continue
		}
		if route, ok = iv.inTable(r, p.Target); ok && route.Fact.Type == "unicast" && route.Fact.Interface != iv.name {
			return r, route, true
		}
	}
	return rule, route, false
}

// remarked reports whether something in this host may have stopped a path's packets by a mark: when the packet filter sets
// one, the kernel looks for a route again, and drops what it finds none for (net/ipv6/netfilter.c, ip6_route_me_harder).
func (iv *ifaceView) remarked(p *path) bool {
	if p.fate != stoppedHere || !p.silent() || droppedIn(p.drop) || p.came.Body != nil {
		return false
	}
	r, _, ok := iv.condition(p)
	return ok && r.Mark != 0
}

// ofProtocol reports whether a rule's conditions leave it possible that it concerns what a path asks by.
func ofProtocol(r diag.PolicyRule, p *path) bool {
	const icmpv6, tcp = 58, 6
	var protocol int
	if n, _ := fmt.Sscanf(r.Also, "ipproto %d", &protocol); n == 0 {
		return true
	}
	switch p.Asks {
	case diag.AsksTCP:
		return protocol == tcp
	case diag.AsksService:
		return protocol != icmpv6
	default:
		return protocol == icmpv6
	}
}

// unled looks for what the kernel has no route for, although the interface has one: a throw route ends the table before
// it, or no policy rule leads there.
func (iv *ifaceView) unled(sel diag.Selection) (h hypothesis, ok bool) {
	route, known := iv.routeFor(sel.Dst)
	if sel.Errno != "ENETUNREACH" || sel.From.IsValid() && !iv.net.Configured(sel.From) || !known || len(iv.s.Rules) == 0 || !iv.s.Complete(diag.FeedNetlink) || iv.led(route.Fact) {
		return h, false
	}
	h = hypothesis{
		direct: true, confidence: Likely, as: "no-rule", subject: Subject{"route", diag.DescribeRoute(route.Fact, diag.Forever)},
		args:  []any{"target", sel.Dst, "route", diag.DescribeRoute(route.Fact, diag.Forever), "table", route.Fact.Table},
		facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route)},
	}
	for _, r := range iv.rulesSorted() {
		if len(h.facts) < 6 {
			h.facts = append(h.facts, iv.s.Said(r))
		}
	}
	for _, p := range iv.paths {
		if p.Via != diag.ViaWire && p.Outcome == diag.Unsent && route.Fact.Dst.Contains(p.Target) {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	return h, len(h.symptoms) > 0
}

// routeFor returns the interface's most specific route to a destination.
func (iv *ifaceView) routeFor(dst netip.Addr) (best diag.At[diag.Route], ok bool) {
	for k, r := range iv.s.Routes.All() {
		if k.Interface == iv.name && k.Type == "unicast" && k.Dst.Contains(dst) && (!ok || moreSpecific(r.Fact, best.Fact)) {
			best, ok = r, true
		}
	}
	return best, ok
}

// led reports whether some policy rule leads the kernel to a route, of whatever packets.
func (iv *ifaceView) led(route diag.Route) bool {
	return slices.ContainsFunc(iv.rulesSorted(), func(r diag.PolicyRule) bool {
		return r.L3MDev || r.Action == "to_table" && r.Table == route.Table && route.Dst.Bits() >= r.SuppressBelow
	})
}

// notLocal looks for a policy rule that sends what is for an address of the interface elsewhere before the rule is tried
// that has the host's own addresses (table local): the kernel then takes nothing that comes for the address. Where no other
// rule than the kernel's own was ever added it does not look at them at all, so that what is missing must be there too.
func (iv *ifaceView) notLocal() []hypothesis {
	if !iv.s.Complete(diag.FeedNetlink) {
		return nil
	}
	for _, a := range iv.addresses {
		if !a.Fact.Flags.Usable() || iv.isCandidate(a.Fact.Address) {
			continue
		}
		r, route, ok := iv.beforeLocal(a.Fact.Address)
		if !ok {
			continue
		}
		name := diag.Describe(iv.s.Said(r))
		h := hypothesis{
			confidence: Likely, as: "not-local", subject: Subject{"rule", name}, args: []any{"own", a.Fact.Address, "rule", name},
			facts: []diag.Event{iv.s.Said(r), diag.FactOf(route)},
		}
		iv.explainAll(&h)
		for _, y := range h.symptoms {
			switch s := iv.symptoms[y]; {
			case s.kind == unheeded:
				h.confidence, h.direct = Certain, true // others ask for it, and it does not answer
			case s.path != nil && s.path.fate == stoppedHere:
				h.direct = true // an answer came, and was not taken
			}
		}
		late := slices.ContainsFunc(iv.rulesSorted(), func(r diag.PolicyRule) bool { return r.Table == diag.LocalTable })
		if len(h.symptoms) > 0 && (late || h.confidence == Certain) {
			return []hypothesis{h}
		}
	}
	return nil
}

// beforeLocal returns the policy rule, and the route of its table, by which the kernel sends what comes for an address of this
// host elsewhere, as it tries that before the host's own addresses.
func (iv *ifaceView) beforeLocal(own netip.Addr) (rule diag.PolicyRule, route diag.At[diag.Route], ok bool) {
	for _, r := range iv.rulesSorted() {
		anything := r.Interface == "" && r.Out == "" && !r.Invert && !r.L3MDev && r.Also == "" && r.UIDs == "" && r.Mark == 0 &&
			(!r.Src.IsValid() || r.Src.Bits() == 0) && (!r.Dst.IsValid() || r.Dst.Contains(own))
		if !anything || r.Action != "to_table" {
			continue
		}
		if r.Table == diag.LocalTable {
			return rule, route, false
		}
		if route, ok = iv.inTable(r, own); ok {
			return r, route, true
		}
	}
	return rule, route, false
}
