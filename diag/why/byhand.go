package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// What goes wrong where the way out is configured by hand, and the network has rules for it that it does not announce.

// forgotten looks for a way out that was to be configured and is not: in a network that is known for that, or where
// nobody announces one and the address answers that gateways have in such networks.
func (iv *ifaceView) forgotten() (h hypothesis, ok bool) {
	found := iv.answers[asked{diag.AsksND, diag.StaticGateway}]
	static := len(found) > 0 && !iv.profile.Advertised && !iv.normals.inward(iv.name)
	if !iv.profile.ByHand && !static || !iv.s.Complete(diag.FeedNetlink) || iv.hasAnyDefault() || len(iv.net.Routers) > 0 {
		return h, false
	}
	h = hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "by-hand",
		args: []any{"router", gatewayOf(iv.profile)}, facts: []diag.Event{iv.s.Said(iv.net.Link)},
	}
	if static && !iv.profile.ByHand {
		h.as, h.confidence, h.args = "static", Likely, []any{"router", diag.StaticGateway}
		iv.explain(&h, iv.where(func(p *path) bool { return p.symptom >= 0 && p.Asks == diag.AsksRS })...)
		rest(&h, found...)
	}
	iv.explainKind(&h, noDefault)
	iv.explain(&h, iv.routed()...)
	// On the wire those are asked for who are no neighbours, and whom a router would be asked for.
	iv.explain(&h, iv.where(func(p *path) bool {
		return p.symptom >= 0 && p.silent() && p.Via == diag.ViaWire && p.TargetClass == diag.TargetPeer && !iv.hasRoute(p.Target)
	})...)
	return h, true
}

// gatewayOf is the router of every network of a kind, where that is known.
func gatewayOf(p Profile) string {
	if len(p.Gateways) == 0 {
		return "<router>"
	}
	return p.Gateways[0].String()
}

// unrouted looks for a link-local address that is missing where the network sends to it all that comes for this
// host: what is sent arrives, and no answer does.
func (iv *ifaceView) unrouted() (h hypothesis, ok bool) {
	mac := iv.net.Link.MAC
	own := mac.LinkLocal()
	if !iv.profile.ByLinkLocal || !iv.net.Known || mac == (diag.MAC{}) || iv.net.Configured(own) || iv.hearsInternet() {
		return h, false
	}
	i := slices.IndexFunc(iv.addresses, func(a diag.At[diag.Address]) bool {
		return a.Fact.Address.IsLinkLocalUnicast() && a.Fact.Flags.Usable() && !a.Fact.Passing()
	})
	router := slices.IndexFunc(iv.net.Gateways(), iv.resolves)
	if i < 0 || router < 0 {
		return h, false
	}
	other := iv.addresses[i]
	h = hypothesis{
		direct: true, confidence: Likely, severity: Critical, subject: addressSubject(other.Fact.Address), addr: other.Fact.Address, as: "routed",
		args:  []any{"address", other.Fact.Address, "len", other.Fact.PrefixLen, "right", own, "router", iv.net.Gateways()[router]},
		facts: []diag.Event{diag.FactOf(other)},
	}
	if e := iv.traffic.sought[own]; e.Body != nil {
		h.confidence = Certain
		h.facts = append(h.facts, e)
	}
	away := func(p *path) bool {
		return p.silent() && p.Ours() && !p.Source.IsLinkLocalUnicast() && (p.TargetClass == diag.TargetInternet || !iv.near(p.Target))
	}
	lost := iv.where(away)
	iv.explain(&h, lost...)
	rest(&h, lost...)
	return h, len(lost) > 0
}

// apart looks for a route that takes hosts for neighbours whom the network keeps apart: they are asked for on the
// link, where it lets nobody but the router answer.
func (iv *ifaceView) apart(sel diag.Selection) (h hypothesis, ok bool) {
	route, ok := iv.routeTo(sel.Dst, netip.Addr{})
	if !ok || !iv.profile.Apart || route.Fact.Dst.Bits() == 0 || route.Fact.Dst.IsSingleIP() || !iv.net.Link.Ethernet || iv.theirs(sel.Dst) {
		return h, false
	}
	if iv.any(func(p *path) bool {
		return p.Asks == diag.AsksND && p.Outcome == diag.Answered && route.Fact.Dst.Contains(p.Target) && !iv.theirs(p.Target)
	}) {
		return h, false
	}
	name := diag.DescribeRoute(route.Fact, diag.Forever)
	h = hypothesis{
		// What the network is known for needs no silence to prove it.
		direct: true, confidence: Certain, subject: Subject{"route", name}, as: "apart",
		args: []any{"target", sel.Dst, "router", iv.gateway(), "route", name}, facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route)},
	}
	for _, p := range iv.paths {
		if p.Target == sel.Dst && p.Missing() && p.Ours() {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	return h, len(h.symptoms) > 0
}

// takenInside looks for a named peer that is found on the link, while the kernel sends what is for it to an interface
// behind which this host's own containers are: those were given a prefix that others have addresses of.
func (iv *ifaceView) takenInside() (list []hypothesis) {
	for _, p := range iv.paths {
		sel, asked := iv.s.Selections[diag.SelectionKey{Dst: p.Target}]
		if p.Via != diag.ViaApp || p.Outcome != diag.OutcomeSkipped || p.TargetClass != diag.TargetPeer || !p.Given || !asked || sel.Errno != "" ||
			sel.Interface == iv.name || sel.Via.IsValid() || !iv.forContainers(sel.Interface) {
			continue
		}
		found := iv.first(of(func(q *path) bool {
			return q.Target == p.Target && q.Asks == diag.AsksND && q.Via == diag.ViaWire && q.Outcome == diag.Answered
		}))
		if found == nil {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Likely, severity: Warning, subject: Subject{"target", p.Target.String()}, as: "inside",
			args: []any{"target", p.Target, "other", sel.Interface}, facts: []diag.Event{iv.s.Said(sel), iv.s.Said(iv.s.Links[sel.Interface])}, paths: []string{p.ID},
		}
		rest(&h, found)
		list = append(list, h)
	}
	return list
}

// forContainers reports whether behind an interface there is nothing but what this host itself put there: one end of a
// pair, or a bridge of no other ports.
func (iv *ifaceView) forContainers(name string) bool {
	l, known := iv.s.Links[name]
	if !known || l.Port != "" || l.Type != "bridge" && l.Type != "veth" || name == iv.name {
		return false
	}
	for _, port := range iv.s.Links {
		if port.Master == l.Index && port.Master != 0 && port.Type != "veth" {
			return false
		}
	}
	return l.Index != iv.net.Link.Master || l.Index == 0
}
