package why

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

var noAdvertisement = Cause{
	ID: "router.no-advertisement", Severity: Critical,
	Remedy: slices.Concat(
		always("rdisc6 -1 {interface}"),
		onAWS("aws ec2 describe-subnets --subnet-ids {subnet} --query 'Subnets[].Ipv6CidrBlockAssociationSet'"),
	),
	find:         findNoAdvertisement,
	contradicted: func(iv *ifaceView, _ hypothesis) bool { return iv.advertised() },
}

var advertisementIgnored = Cause{
	ID: "router.advertisement-ignored", Severity: Critical, Working: true, Answers: noDefaultRoute,
	Remedy: []Remedy{
		{Command: "sysctl -w {sysctl}={mended}", If: func(_ *view, h *hypothesis) bool { return h.mends }},
		{Command: "ip -6 route add {prefix} via {router} dev {interface}", If: func(_ *view, h *hypothesis) bool { return h.as == "route" && !h.mends }},
		{Command: "rdisc6 -1 {interface}"},
	},
	find:         findAdvertisementIgnored,
	contradicted: func(iv *ifaceView, h hypothesis) bool { return h.as == "" && hasDefaultHere(iv, h) },
}

var notDefault = Cause{
	ID: "router.not-default", Severity: Critical, Working: true,
	Remedy:       always("rdisc6 -1 {interface}", "ip -6 route show default"),
	find:         findNotDefault,
	contradicted: hasDefaultHere,
}

var routeMissing = Cause{
	ID: "route.missing", Severity: Critical, Working: true, Answers: noDefaultRoute,
	Remedy: []Remedy{
		{Command: "ip -6 route add default via {router} dev {interface}", If: announced},
		{Command: "nmcli connection modify CONNECTION ipv6.method auto", If: announced},
		{Command: "ip -6 route add default via {router} dev {interface} onlink", If: func(v *view, h *hypothesis) bool { return !announced(v, h) }},
	},
	find:         findRouteMissing,
	contradicted: hasDefaultHere,
}

func announced(_ *view, h *hypothesis) bool { return h.as != "by-hand" }

func hasDefaultHere(iv *ifaceView, _ hypothesis) bool { return len(iv.net.Defaults) > 0 }

// advertised reports whether an advertisement is in force: heard and not run out, or seen in a
// route that the kernel or a manager made of one.
func (iv *ifaceView) advertised() bool {
	if len(iv.net.Offering()) > 0 {
		return true
	}
	return slices.ContainsFunc(iv.net.Defaults, func(r diag.At[diag.Route]) bool { return r.Fact.Protocol == "ra" })
}

func (iv *ifaceView) heard(r *diag.RouterSeen) diag.Event { return iv.s.Said(r) }

// enough is what RFC 4861 §10 asks of a host before it gives up on routers: three solicitations,
// four seconds apart; certainty wants them spread over ten.
const (
	enoughRS   = 3
	enoughTime = 10 * time.Second
)

func findNoAdvertisement(iv *ifaceView) []hypothesis {
	rs := iv.where(func(p *path) bool { return p.Asks == diag.AsksRS && p.Outcome == diag.Silent })
	var symptoms []*path
	for _, p := range rs {
		if p.symptom >= 0 {
			symptoms = append(symptoms, p)
		}
	}
	if len(symptoms) == 0 {
		return nil
	}
	h := hypothesis{confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true}
	sent := iv.traffic.solicitations
	if sent >= enoughRS && iv.traffic.solicited >= enoughTime {
		h.confidence = Certain
	}
	h.args = []any{"sent", max(sent, rs[0].Sent)}
	iv.explain(&h, symptoms...)
	iv.explainKind(&h, noDefault, noGlobal, absent)
	iv.explain(&h, iv.routed()...)
	// The neighbours hear no router either, and have no way to send a global answer.
	if !iv.hasRoute(globalTarget) {
		for _, p := range iv.paths {
			if p.symptom >= 0 && p.Outcome == diag.Silent && p.Asks == diag.AsksEcho && !iv.hasRoute(p.Target) {
				iv.explain(&h, p)
			}
		}
	}
	return []hypothesis{h}
}

// globalTarget stands for any address beyond the router.
var globalTarget = netip.MustParseAddr("2001:db8::1")

// routed are the symptoms of the kernel's paths to targets that no route leads to: beyond the
// router, or on the link while nothing announces its prefix.
func (iv *ifaceView) routed() []*path {
	return iv.where(func(p *path) bool {
		symptom := p.symptom >= 0
		return symptom && p.Missing() && p.Via != diag.ViaWire && !iv.hasRoute(p.Target)
	})
}

// hasRoute reports whether the main table has a route to a target.
func (iv *ifaceView) hasRoute(target netip.Addr) bool {
	if target.IsLinkLocalUnicast() || target.IsMulticast() {
		return true
	}
	for k, r := range iv.s.Routes {
		if k.Type == "unicast" && k.Table == diag.MainTable && k.Dst.Contains(target) && iv.s.Left(r.Fact.ExpiresS, r.At) != 0 {
			return true
		}
	}
	return false
}

// acceptance is what this host made of a router's offer to be the default router.
func (iv *ifaceView) acceptance(r *diag.RouterSeen) diag.Offer {
	i := slices.IndexFunc(iv.offers, func(o diag.Offer) bool { return o.Kind == diag.OfferDefault && o.Router == r })
	if i < 0 {
		return diag.Offer{Router: r, Kind: diag.OfferDefault, State: diag.OfferUnknown, Why: diag.OfferUnread}
	}
	return iv.offers[i]
}

// unusedRouter returns a router that offers itself, long enough ago, while the interface has no
// default route at all.
func (iv *ifaceView) unusedRouter() *diag.RouterSeen {
	if !iv.s.Complete(diag.FeedNetlink) || len(iv.net.Defaults) > 0 {
		return nil
	}
	for _, r := range iv.net.Offering() {
		if iv.s.Now.Sub(r.First) >= settled {
			return r
		}
	}
	return nil
}

func (iv *ifaceView) noRoute(r *diag.RouterSeen) hypothesis {
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"router", r.Address.String()}, addr: r.Address,
		args: []any{"router", r.Address}, facts: []diag.Event{iv.heard(r)},
	}
	iv.explainKind(&h, noDefault)
	iv.explain(&h, iv.routed()...)
	return h
}

func (iv *ifaceView) managesRA() bool { return iv.s.Managers[iv.name].RA }

func findAdvertisementIgnored(iv *ifaceView) []hypothesis {
	list := slices.Concat(iv.prefixIgnored(), iv.routesIgnored(), iv.mtuIgnored())
	r := iv.unusedRouter()
	if r == nil || iv.managesRA() {
		return list
	}
	o := iv.acceptance(r)
	if _, _, kept := o.Mend(); !kept && o.State != diag.OfferUnknown {
		return list
	}
	h := iv.noRoute(r)
	if o.State == diag.OfferUnknown {
		h.direct, h.confidence = false, Possible
		h.mends = true
		h.args = append(h.args, "setting", "accept_ra", "sysctl", diag.SysctlName(iv.name, "accept_ra"), "mended", 1)
	} else {
		kept := iv.ignoring(&o, "", h.subject)
		h.facts, h.args, h.mends = kept.facts, append(h.args, kept.args...), kept.mends
	}
	if o.Why == diag.OfferForwards {
		h.more = append(h.more, "cause.router.advertisement-ignored.forwarding")
	}
	iv.explainKind(&h, noGlobal)
	return append(list, h)
}

func findRouteMissing(iv *ifaceView) []hypothesis {
	if h, ok := iv.forgotten(); ok {
		return []hypothesis{h}
	}
	r := iv.unusedRouter()
	if r == nil || iv.dropsRA() {
		return nil
	}
	o := iv.acceptance(r)
	if _, _, kept := o.Mend(); kept {
		return nil
	}
	h := iv.noRoute(r)
	if e := iv.s.Said(diag.SysctlKey{Scope: iv.name, Name: "accept_ra"}); e.Body != nil {
		h.facts = append(h.facts, e)
	}
	if e, ok := iv.noRouter(r.Address); ok {
		h.facts = append(h.facts, e)
		h.more = append(h.more, "cause.route.missing.host")
	}
	if o.State == diag.OfferUnknown {
		h.direct, h.confidence = false, Possible
	}
	return []hypothesis{h}
}

// dropsRA reports whether a rule of this host keeps advertisements from the kernel.
func (iv *ifaceView) dropsRA() bool {
	return slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool {
		return iv.applies(f) && f.Inbound() && f.Stops(diag.RA)
	})
}

func findNotDefault(iv *ifaceView) []hypothesis {
	if !iv.s.Complete(diag.FeedNetlink) || len(iv.net.Offering())+len(iv.net.Defaults) > 0 || iv.normals.inward(iv.name) {
		return nil
	}
	var list []hypothesis
	for _, r := range iv.net.Routers {
		if r.Last.LifetimeS == 0 {
			list = append(list, iv.noRoute(r))
		}
	}
	return list[:min(1, len(list))]
}
