package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var routing = Cause{
	ID: "host.routing", Severity: Critical, Working: true,
	Remedy: []Remedy{
		way("", "ip -6 route get {target} from {address}").when(hasSource),
		way("", "ip -6 route get {target}").when(func(v *view, h *hypothesis) bool { return !hasSource(v, h) && h.as != "not-local" }),
		way("", "ip -6 rule show", "ip -6 route get {own} iif {interface}").when(as("not-local")),
		{
			Does: "route-by-source", If: func(v *view, h *hypothesis) bool { return hasSource(v, h) && h.as == "" },
			Do: []string{"ip -6 route add default via {router} dev {interface} table 10000", "ip -6 rule add from {address} lookup 10000"},
			Keep: &keep{
				networkd: "[Route] Gateway={router}; Table=10000; [RoutingPolicyRule] From={address}; Table=10000",
				nm:       `+ipv6.routes "::/0 {router} table=10000" +ipv6.routing-rules "priority 10000 from {address} table 10000"`, up: true,
			},
		},
		way("source-route", "ip -6 route add default via {router} dev {interface} table 10000", "ip -6 rule add from {address} lookup 10000").when(as("other-router")).
			kept(keep{
				networkd: "[Route] Gateway={router}; Table=10000; [RoutingPolicyRule] From={address}; Table=10000",
				nm:       `+ipv6.routes "::/0 {router} table=10000" +ipv6.routing-rules "priority 10000 from {address} table 10000"`, up: true,
			}),
		{
			Does: "prefix-length", If: as("too-wide"), Make: shortenedAddress,
			Do:   []string{"ip -6 addr del {address}/{len} dev {interface} && ip -6 addr add {address}/64 dev {interface}"},
			Keep: &keep{amend: true},
		},
		{
			Does: "prefix-route", If: as(byLength...), Make: routelessAddress,
			Do:   []string{"ip -6 addr change {address}/{len} dev {interface} noprefixroute"},
			Keep: &keep{amend: true},
		},
		way("on-link", "ip -6 route add {prefix} dev {interface}").when(as("beside")).
			kept(keep{networkd: "[Route] Destination={prefix}", nm: "+ipv6.routes {prefix}", up: true}),
		{
			Does: "route-away", If: func(v *view, h *hypothesis) bool { return h.as != "led-away" && routelessAddress(v, h) == nil },
			Do: []string{"ip -6 route del {route}"}, Make: routeAway, Keep: &keep{undo: true},
		},
		{
			Does: "gateway", If: as("no-gateway", "through-host"), Do: []string{"ip -6 route replace default via {router} dev {interface} metric 1024"},
			Make: rightGateway, Keep: &keep{amend: true},
		},
		ask("ask.inside").when(as("inside")),
		way("", "ip -6 route get {target}", "ip -6 addr show dev {other}").when(as("inside")),
		way("local-away", `route=$(ip -6 route get fibmatch {target} | head -1) && sudo ip -6 route del $route`).when(as("local")),
		{Does: "rule-away", If: as("rule"), Do: []string{"ip -6 rule del priority PRIORITY"}, Make: ruleAway, Keep: &keep{undo: true}},
		way("local-first", "ip -6 rule add lookup local priority 0").when(as("not-local")).kept(keep{up: true}),
		way("rule-to-table", "ip -6 rule add lookup {table} priority 32766").when(as("no-rule")).kept(keep{up: true}),
		{Does: "rule-of-others", If: as("elsewhere", "led-away"), Do: []string{"ip -6 rule del priority PRIORITY"}, Make: ruleAway, Keep: &keep{undo: true}},
		ask("ask.forward").when(as("through-host")),
		way("loop-away", `route=$(ip -6 route get fibmatch {target} | head -1) && sudo ip -6 route del $route`).when(as("elsewhere")).when(toItself),
		ask("ask.other-way").when(as("elsewhere")).when(otherwise(toItself)),
		way("", "ip -6 rule show", "ip -6 route show table {table}").when(as("elsewhere")),
		way("", "ip -6 route show table all type unreachable", "ip -6 rule show").when(func(v *view, h *hypothesis) bool {
			_, named := factOf[diag.Route](h)
			return !hasSource(v, h) && h.as == "" && !named
		}),
		ask("ask.refusing-rule").when(func(_ *view, h *hypothesis) bool {
			_, named := factOf[diag.Route](h)
			return slices.Contains(h.more, "cause.host.routing.refused") && !named
		}),
	},
	find: findRouting,
}

// toItself holds where packets leave by the loopback interface, and so do not leave.
func toItself(_ *view, h *hypothesis) bool { return h.subject.Value == "lo" }

// routeSpec names a route as `ip -6 route` takes it.
func routeSpec(r diag.Route) string {
	var words []string
	if r.Type != "" && r.Type != "unicast" {
		words = append(words, r.Type)
	}
	if r.Dst.Bits() == 0 {
		words = append(words, "default")
	} else {
		words = append(words, r.Dst.String())
	}
	if r.From.IsValid() {
		words = append(words, "from", r.From.String())
	}
	if r.Via.IsValid() {
		words = append(words, "via", r.Via.String())
	}
	if r.Interface != "" {
		words = append(words, "dev", quote(r.Interface))
	}
	if r.Table != diag.MainTable && r.Table != 0 {
		words = append(words, "table", strconv.Itoa(r.Table))
	}
	return strings.Join(append(words, "metric", strconv.Itoa(r.Metric)), " ")
}

// routeAway deletes the route that is in the way.
func routeAway(_ *view, h *hypothesis) []string {
	if r, ok := factOf[diag.Route](h); ok && !slices.Contains([]string{"elsewhere", "no-rule", "rule", "not-local"}, h.as) {
		return []string{"ip -6 route del " + routeSpec(r)}
	}
	return nil
}

// rightGateway has the route that is in the way lead by the router, where one is known.
func rightGateway(v *view, h *hypothesis) []string {
	r, ok := factOf[diag.Route](h)
	for _, router := range v.on(h.iface).net.Offering() {
		if ok && r.Dst.Bits() == 0 && router.Address != r.Via {
			return []string{fmt.Sprintf("ip -6 route del %s && ip -6 route add default via %s dev {interface} metric %d", routeSpec(r), router.Address, r.Metric)}
		}
	}
	return nil
}

// ofPrefix returns the address of which the kernel made the route that is in the way.
func ofPrefix(v *view, h *hypothesis) (a diag.Address, ok bool) {
	r, known := factOf[diag.Route](h)
	for _, a := range v.on(h.iface).addresses {
		if known && a.Fact.PrefixLen == r.Dst.Bits() && r.Dst.Contains(a.Fact.Address) && a.Fact.Flags&diag.NoPrefixRoute == 0 && !a.Fact.Passing() {
			return a.Fact, true
		}
	}
	return a, false
}

// withPrefix returns the address of which the kernel made the route that is too wide, and the length that the
// router announces.
func withPrefix(v *view, h *hypothesis) (a diag.Address, bits int, ok bool) {
	if a, ok = ofPrefix(v, h); !ok {
		return a, 0, false
	}
	for _, p := range v.on(h.iface).net.Announced() {
		if p.Contains(a.Address) && p.Bits() > a.PrefixLen {
			return a, p.Bits(), true
		}
	}
	return a, 0, false
}

// shortenedAddress gives that address the length that is announced, in one line: who is logged in by it stays so.
func shortenedAddress(v *view, h *hypothesis) []string {
	a, bits, ok := withPrefix(v, h)
	if !ok {
		return nil
	}
	return []string{fmt.Sprintf("ip -6 addr del %s/%d dev {interface} && ip -6 addr add %s/%d dev {interface}", a.Address, a.PrefixLen, a.Address, bits)}
}

// byLength are the ways in which a route is wrong that the length of an address' prefix made.
var byLength = []string{"too-wide", "off-link", "unannounced", "apart"}

func routelessAddress(v *view, h *hypothesis) []string {
	a, ok := ofPrefix(v, h)
	if !ok || !slices.Contains(byLength, h.as) {
		return nil
	}
	return []string{fmt.Sprintf("ip -6 addr change %s/%d dev {interface} noprefixroute", a.Address, a.PrefixLen)}
}

// ruleAway deletes the first policy rule that sends elsewhere what applications send.
func ruleAway(_ *view, h *hypothesis) []string {
	if r, ok := factOf[diag.PolicyRule](h); ok {
		return []string{fmt.Sprintf("ip -6 rule del priority %d", r.Priority)}
	}
	return nil
}

func hasSource(_ *view, h *hypothesis) bool { return h.addr.IsValid() }

// selections returns what the kernel answered about its routing that concerns the interface, in a
// fixed order.
func (v *view) selections() []diag.Selection {
	list := make([]diag.Selection, 0, len(v.s.Selections))
	for _, sel := range v.s.Selections {
		list = append(list, sel)
	}
	diag.SortFunc(list, func(a, b diag.Selection) int {
		if c := a.Dst.Compare(b.Dst); c != 0 {
			return c
		}
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return strings.Compare(a.Bound, b.Bound)
	})
	return list
}

// findRouting looks for what the kernel would send the wrong way, or refuse: a network that
// filters by interface drops what leaves by another than its source's.
func findRouting(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[Subject]int{}
	add := func(h hypothesis) {
		i, ok := at[h.subject]
		if !ok {
			at[h.subject] = len(list)
			list = append(list, h)
			return
		}
		// The same route, or address, in the way of another destination.
		list[i].symptoms = append(list[i].symptoms, h.symptoms...)
		list[i].paths = append(list[i].paths, h.paths...)
		list[i].evidence = append(list[i].evidence, h.evidence...)
	}
	for _, h := range slices.Concat(iv.takenElsewhere(), iv.takenInside(), iv.otherRouter(), iv.notLocal()) {
		add(h)
	}
	for _, sel := range iv.selections() {
		if sel.Dst.IsLinkLocalUnicast() || sel.Dst.IsMulticast() || sel.Bound != "" && sel.Bound != iv.name {
			continue
		}
		switch {
		case sel.Errno != "":
			if h, ok := iv.refusedRoute(sel); ok {
				add(h)
			} else if h, ok := iv.unled(sel); ok {
				add(h)
			}
		case sel.Type == "local":
			if h, ok := iv.toItself(sel); ok {
				add(h)
			}
		case sel.From.IsValid() && sel.Interface != iv.name && sel.Interface != "":
			if h, ok := iv.wrongWay(sel); ok {
				add(h)
			}
		case sel.Interface == iv.name && !sel.Via.IsValid():
			if h, ok := iv.noGateway(sel); ok {
				add(h)
			}
			if h, ok := iv.tooWide(sel); ok {
				add(h)
			} else if h, ok := iv.offLink(sel); ok {
				add(h)
			}
			if h, ok := iv.apart(sel); ok {
				add(h)
			}
		case sel.Interface == iv.name:
			if h, ok := iv.throughHost(sel); ok {
				add(h)
			} else if h, ok := iv.beside(sel); ok {
				add(h)
			}
		}
	}
	for _, h := range slices.Concat(iv.unannounced(), iv.conditional(), iv.ledAway()) {
		add(h)
	}
	return list
}

// toItself looks for a route that has this host take another's address for its own: what is sent there comes back to
// it, and looks answered.
func (iv *ifaceView) toItself(sel diag.Selection) (h hypothesis, ok bool) {
	if iv.s.InterfaceWith(sel.Dst) != "" {
		return h, false
	}
	h = hypothesis{
		direct: true, confidence: Certain, subject: Subject{"target", sel.Dst.String()}, as: "local",
		args: []any{"target", sel.Dst}, facts: []diag.Event{iv.s.Said(sel)},
	}
	for _, p := range iv.view.paths {
		if p.Interface == iv.name && p.Target == sel.Dst && p.Via == diag.ViaApp {
			h.paths = append(h.paths, p.ID)
			h.evidence = append(h.evidence, p.Evidence...)
		}
	}
	return h, len(h.paths) > 0
}

// beside looks for a neighbour that answers on the link, while this host sends what is for it to a router, from where
// nothing comes: an address with /128, and no route that says who else is on the link.
func (iv *ifaceView) beside(sel diag.Selection) (h hypothesis, ok bool) {
	i := slices.IndexFunc(iv.paths, func(p *path) bool {
		return p.Target == sel.Dst && p.Via == diag.ViaWire && p.Asks == diag.AsksND && p.TargetClass == diag.TargetPeer && p.Outcome == diag.Answered && len(p.Responders) > 0
	})
	lost := iv.where(func(p *path) bool {
		return p.Target == sel.Dst && p.symptom >= 0 && p.beyondHost() && p.Ours() && !p.local() && p.Asks != diag.AsksND
	})
	if i < 0 || len(lost) == 0 || !iv.resolves(sel.Via) || iv.any(func(p *path) bool {
		return p.Target == sel.Dst && p.Ours() && p.Outcome == diag.Answered && p.Asks != diag.AsksND
	}) {
		return h, false
	}
	found := iv.paths[i]
	mac := found.Responders[0].MAC
	by := func(p *path) bool {
		return slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.MAC == mac })
	}
	if iv.any(func(p *path) bool { return p.Target == sel.Via && by(p) }) || slices.ContainsFunc(iv.net.Routers, func(r *diag.RouterSeen) bool { return r.MAC == mac }) {
		return h, false // the router answers in its stead
	}
	prefix, _ := sel.Dst.Prefix(64)
	h = hypothesis{
		direct: true, confidence: Possible, severity: Warning, subject: Subject{"route", prefix.String()}, as: "beside",
		args: []any{"target", sel.Dst, "router", sel.Via, "prefix", prefix, "mac", mac, "own", found.Source}, facts: []diag.Event{iv.s.Said(sel)},
	}
	rest(&h, found)
	if alive := iv.first(of(func(p *path) bool {
		// What the program tries by frames of its own goes to the neighbour itself.
		return p.Asks == diag.AsksEcho && p.Outcome == diag.Answered && (p.Target.IsLinkLocalUnicast() || !p.Ours()) && by(p)
	})); alive != nil {
		h.confidence = Likely
		h.more = append(h.more, "cause.host.routing.beside.alive")
		h.args = append(h.args, "alive", alive.Target)
		rest(&h, alive)
	}
	iv.explain(&h, lost...)
	return h, true
}

// besideUs reports whether a peer that this host reaches by a router is found on the link, and answers there.
func (iv *ifaceView) besideUs(dst netip.Addr) bool {
	return slices.ContainsFunc(iv.selections(), func(sel diag.Selection) bool {
		h, ok := iv.beside(sel)
		return ok && sel.Dst == dst && h.confidence == Likely
	})
}

// silentBeyond has h explain what got no answer from a host that is not on the link, and reports whether
// that is so of all that was asked of it.
func (iv *ifaceView) silentBeyond(h *hypothesis, dst, from netip.Addr) bool {
	for _, p := range iv.paths {
		if p.Target != dst || p.Asks != diag.AsksEcho && p.Asks != diag.AsksTCP || from.IsValid() && p.Source != from {
			continue
		}
		if p.Outcome == diag.Answered && p.Via == diag.ViaKernel {
			return false
		}
		if p.Missing() {
			iv.explain(h, p)
			rest(h, p)
		}
	}
	if len(h.symptoms) == 0 {
		return false
	}
	iv.explain(h, iv.where(func(p *path) bool { return p.TargetClass == diag.TargetService && p.Missing() && iv.astray(p) })...)
	return true
}

// astray reports whether this host's routing sends a path's packets where no router is.
func (iv *ifaceView) astray(p *path) bool {
	via, known := iv.net.Gateway(p.Target, p.Source)
	if known && !via.IsValid() {
		route, ok := iv.routeTo(p.Target, via)
		return ok && route.Fact.Dst.Bits() == 0 && iv.net.Link.Ethernet
	}
	_, host := iv.misled(p.Target, p.Source)
	return host
}

// routeTo returns the most specific route that leads to a destination by a gateway, or by none.
func (iv *ifaceView) routeTo(dst, via netip.Addr) (best diag.At[diag.Route], ok bool) {
	for k, r := range iv.s.Routes.All() {
		if k.Interface == iv.name && k.Type == "unicast" && k.Via == via && k.Dst.Contains(dst) && (!ok || moreSpecific(r.Fact, best.Fact)) {
			best, ok = r, true
		}
	}
	return best, ok
}

// noGateway looks for a default route that names no router: the kernel then takes every host for a
// neighbour, and asks for it on the link.
func (iv *ifaceView) noGateway(sel diag.Selection) (hypothesis, bool) {
	route, ok := iv.routeTo(sel.Dst, netip.Addr{})
	if !ok || route.Fact.Dst.Bits() != 0 || !iv.net.Link.Ethernet {
		return hypothesis{}, false
	}
	name := diag.DescribeRoute(route.Fact, diag.Forever)
	h := hypothesis{
		confidence: Certain, direct: true, subject: Subject{"route", name}, as: "no-gateway",
		args: []any{"target", sel.Dst, "router", iv.gateway(), "route", name}, facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route)},
	}
	return h, iv.silentBeyond(&h, sel.Dst, sel.From) || iv.notEvenAsked(&h, sel.Dst)
}

// notEvenAsked has h explain what the kernel was not asked for, as it would have had to look for a host on the link that
// the router leads to.
func (iv *ifaceView) notEvenAsked(h *hypothesis, dst netip.Addr) bool {
	left := iv.where(func(p *path) bool { return p.Target == dst && p.Via != diag.ViaWire && p.Detail == "unproven-source" })
	alive := iv.first(func(_ *ifaceView, _ netip.Addr, p *path) bool {
		return p.Target == dst && p.Via == diag.ViaWire && p.Ours() && p.Outcome == diag.Answered
	})
	if len(left) == 0 || alive == nil || iv.any(func(p *path) bool { return p.Target == dst && p.Via != diag.ViaWire && p.fate != notAsked }) {
		return false
	}
	h.confidence = Likely
	iv.explain(h, left...)
	rest(h, alive)
	return true
}

// tooWide looks for a route that takes distant hosts for neighbours: the kernel asks for them on the link, where
// nobody has them. What is on the link is for the routers to say (RFC 5942 §4); where they say nothing, nothing
// is known.
func (iv *ifaceView) tooWide(sel diag.Selection) (hypothesis, bool) {
	route, ok := iv.routeTo(sel.Dst, netip.Addr{})
	announced := iv.net.Announced()
	within := func(p netip.Prefix) bool { return p.Contains(sel.Dst) }
	if !ok || route.Fact.Dst.Bits() == 0 || route.Fact.Dst.IsSingleIP() || !iv.net.Link.Ethernet || len(announced) == 0 ||
		slices.ContainsFunc(announced, within) || len(iv.net.Gateways()) == 0 || iv.resolves(sel.Dst) {
		return hypothesis{}, false
	}
	if !slices.ContainsFunc(announced, func(p netip.Prefix) bool {
		return route.Fact.Dst.Bits() < p.Bits() && route.Fact.Dst.Contains(p.Addr())
	}) {
		return hypothesis{}, false
	}
	name := diag.DescribeRoute(route.Fact, diag.Forever)
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"route", name}, as: "too-wide",
		args:  []any{"target", sel.Dst, "router", iv.gateway(), "route", name, "announced", announced[0]},
		facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route), iv.heard(iv.net.Routers[0])},
	}
	for _, p := range iv.paths {
		if p.Target == sel.Dst && p.Outcome != diag.Answered {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	return h, true
}

// offLink looks for a route that takes for neighbours whom the routers do not say to be: they announce the prefix
// without the flag L, and nobody of it was found on the link.
func (iv *ifaceView) offLink(sel diag.Selection) (hypothesis, bool) {
	route, ok := iv.routeTo(sel.Dst, netip.Addr{})
	if !ok || route.Fact.Dst.Bits() == 0 || route.Fact.Dst.IsSingleIP() || !iv.net.Link.Ethernet || len(iv.net.Gateways()) == 0 {
		return hypothesis{}, false
	}
	var by *diag.RouterSeen
	var announced netip.Prefix
	for _, r := range iv.net.Routers {
		for _, p := range r.Last.Prefixes {
			switch {
			case !p.Prefix.Contains(sel.Dst) || p.ValidS == 0:
			case p.OnLink:
				return hypothesis{}, false
			case by == nil:
				by, announced = r, p.Prefix
			}
		}
	}
	if by == nil || iv.any(func(p *path) bool { return route.Fact.Dst.Contains(p.Target) && iv.resolves(p.Target) }) {
		return hypothesis{}, false
	}
	name := diag.DescribeRoute(route.Fact, diag.Forever)
	h := hypothesis{
		confidence: Likely, severity: Warning, subject: Subject{"route", name}, as: "off-link",
		args:  []any{"target", sel.Dst, "router", by.Address, "route", name, "announced", announced},
		facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route), iv.heard(by)},
	}
	for _, p := range iv.paths {
		if p.Target == sel.Dst && p.Missing() {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	return h, len(h.symptoms) > 0
}

// throughHost looks for a way out that leads through a neighbour which says that it is no router.
func (iv *ifaceView) throughHost(sel diag.Selection) (hypothesis, bool) {
	na, ok := iv.misled(sel.Dst, sel.From)
	route, known := iv.routeTo(sel.Dst, sel.Via)
	if !ok || !known {
		return hypothesis{}, false
	}
	name := diag.DescribeRoute(route.Fact, diag.Forever)
	h := hypothesis{
		confidence: Likely, subject: Subject{"route", name}, as: "through-host",
		args: []any{"target", sel.Dst, "gateway", sel.Via, "route", name}, facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route), na},
	}
	if i := slices.IndexFunc(iv.net.Offering(), func(r *diag.RouterSeen) bool { return r.Address != sel.Via }); i >= 0 {
		other := iv.net.Offering()[i]
		h.args, h.more = append(h.args, "router", other.Address), []string{"cause.host.routing.through-host.other"}
		h.facts = append(h.facts, iv.heard(other))
	}
	return h, iv.silentBeyond(&h, sel.Dst, sel.From)
}

func (iv *ifaceView) wrongWay(sel diag.Selection) (hypothesis, bool) {
	a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: sel.From}]
	out := iv.s.Links[sel.Interface]
	if !ok || !iv.global(a.Fact) || iv.filtered(sel.From) || out.Loopback || iv.normals.inward(iv.name) {
		return hypothesis{}, false
	}
	if _, both := iv.s.Addresses[diag.InterfaceAddr{Interface: sel.Interface, Address: sel.From}]; both {
		return hypothesis{}, false
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: addressSubject(sel.From), addr: sel.From,
		args: []any{
			"address", sel.From, "target", sel.Dst, "other", sel.Interface, "router", iv.gateway(),
			"what", words.Say("cause.host.routing.by-way", "address", sel.From, "other", sel.Interface),
		},
		facts: []diag.Event{iv.s.Said(sel), diag.FactOf(a)}, more: []string{"cause.host.routing.wrong-way"},
	}
	iv.takenBy(&h, sel)
	for _, p := range iv.paths {
		beyond := p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService
		if p.Via == diag.ViaKernel && p.Missing() && p.Source == sel.From && (beyond || p.Target == sel.Dst) {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	// Another Ethernet of a filtering network drops it; elsewhere (a VPN, a host that forwards) only
	// a missing answer says that it matters.
	if !iv.profile.Filters || !out.Resolves() {
		h.direct, h.confidence = false, Likely
	}
	return h, h.direct || len(h.symptoms) > 0
}

func (iv *ifaceView) gateway() string {
	for _, a := range iv.net.Gateways() {
		return a.String()
	}
	return "<router>"
}

// refusals are the route types that refuse (ip-route(8)) and rule actions of the same names.
var refusals = []string{"unreachable", "blackhole", "prohibit"}

func (iv *ifaceView) refusedRoute(sel diag.Selection) (hypothesis, bool) {
	h := hypothesis{
		direct: true, confidence: Certain, facts: []diag.Event{iv.s.Said(sel)}, subject: Subject{"target", sel.Dst.String()},
		more: []string{"cause.host.routing.refused"},
	}
	if sel.From.IsValid() {
		if _, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: sel.From}]; !ok {
			return h, false
		}
		h.addr = sel.From
		h.args = append(h.args, "address", sel.From, "router", iv.gateway())
	}
	if r, route, ok := iv.unconditional(sel.From, sel.Dst); ok {
		byRule := iv.byRefusingRule(r, route, sel.Dst)
		byRule.more = append(byRule.more, "cause.host.routing.refused")
		byRule.args, byRule.facts = append(byRule.args, "errno", sel.Errno), append(byRule.facts, h.facts...)
		for _, p := range iv.paths {
			if may, _ := iv.concernsRoute(r, p.Source, p.Target); may && p.Via != diag.ViaWire && p.Outcome == diag.Unsent {
				iv.explain(&byRule, p)
				rest(&byRule, p)
			}
		}
		return byRule, true
	}
	rule, what := false, words.Say("cause.host.routing.by-rule")
	var best diag.At[diag.Route]
	for k, r := range iv.s.Routes.All() {
		throws := k.Type == "throw" && r.Fact.Table == diag.MainTable // it ends the table, and main is the last
		if !slices.Contains(refusals, k.Type) && !throws || !k.Dst.Contains(sel.Dst) || best.Fact.Type != "" && !moreSpecific(r.Fact, best.Fact) {
			continue
		}
		best, rule = r, true
	}
	if rule {
		what = words.Say("cause.host.routing.by-route", "route", diag.DescribeRoute(best.Fact, diag.Forever))
		h.facts = append(h.facts, diag.FactOf(best))
		h.subject = Subject{"route", diag.DescribeRoute(best.Fact, diag.Forever)}
	}
	for r := range iv.s.Rules {
		if may, _ := iv.concernsRoute(r, sel.From, sel.Dst); may && slices.Contains(refusals, r.Action) {
			rule = true
		}
	}
	// Without a route that refuses it is the missing default route that refuses, which has causes
	// of its own.
	if !rule {
		return h, false
	}
	h.args = append(h.args, "target", sel.Dst, "errno", sel.Errno, "what", what)
	for _, p := range iv.paths {
		if p.Via != diag.ViaWire && p.Outcome == diag.Unsent && (p.Target == sel.Dst || best.Fact.Type != "" && best.Fact.Dst.Contains(p.Target)) {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	return h, true
}

// moreSpecific orders routes for one destination: the longer prefix, then the lower table and metric.
func moreSpecific(a, b diag.Route) bool {
	if a.Dst.Bits() != b.Dst.Bits() {
		return a.Dst.Bits() > b.Dst.Bits()
	}
	if a.Table != b.Table {
		return a.Table > b.Table
	}
	if a.Metric != b.Metric {
		return a.Metric < b.Metric
	}
	return a.Type < b.Type
}

// takenElsewhere looks for what applications send beyond the router and the kernel sends by another interface, where
// nobody answers, although the interface's own way is open: a tunnel's policy rule, a second way out that is
// preferred.
func (iv *ifaceView) takenElsewhere() []hypothesis {
	var list []hypothesis
	at := map[string]int{}
	for _, p := range iv.paths {
		sel, asked := iv.s.Selections[diag.SelectionKey{Dst: p.Target}]
		if p.Via != diag.ViaApp || p.Detail != "elsewhere" || !p.Missing() || !asked || sel.Interface == "" || sel.Interface == iv.name || iv.besides(sel.Interface, p.Target) ||
			!iv.any(func(q *path) bool {
				return q.Target == p.Target && (q.Asks == p.Asks || p.symptom >= 0) && q.Via != diag.ViaApp && q.Outcome == diag.Answered
			}) {
			continue
		}
		i, ok := at[sel.Interface]
		if !ok {
			i = len(list)
			at[sel.Interface] = i
			h := hypothesis{
				direct: true, confidence: Certain, subject: Subject{"interface", sel.Interface}, as: "elsewhere",
				args:  []any{"target", p.Target, "other", sel.Interface, "table", sel.Table, "router", iv.gateway()},
				facts: []diag.Event{iv.s.Said(sel)},
			}
			for _, r := range iv.rulesTo(sel.Table) {
				h.facts = append(h.facts, iv.s.Said(r))
			}
			iv.takenBy(&h, sel)
			list = append(list, h)
		}
		iv.explain(&list[i], p)
		rest(&list[i], p, iv.first(all(toward(diag.TargetInternet), answers, byKernel)))
	}
	return list
}

// besides reports whether a target is on the link of another interface. A route without a gateway says so, but not out of
// a tunnel, which needs none.
func (iv *ifaceView) besides(other string, target netip.Addr) bool {
	link := iv.normals.link(other)
	if link.Link.Ethernet {
		return link.Within(target)
	}
	return slices.ContainsFunc(iv.s.AddressesOn(other), func(a diag.At[diag.Address]) bool {
		prefix, err := a.Fact.Address.Prefix(a.Fact.PrefixLen)
		return err == nil && prefix.Contains(target)
	})
}

// rulesTo are the policy rules that lead to a table of somebody's own, by priority.
func (iv *ifaceView) rulesTo(table int) []diag.PolicyRule {
	var list []diag.PolicyRule
	for r := range iv.s.Rules {
		if r.Table == table && table != diag.MainTable {
			list = append(list, r)
		}
	}
	diag.SortFunc(list, func(a, b diag.PolicyRule) int { return a.Priority - b.Priority })
	return list[:min(4, len(list))]
}
