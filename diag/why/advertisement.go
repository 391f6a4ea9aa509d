package why

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

var noAdvertisement = Cause{
	ID: "router.no-advertisement", Severity: Critical,
	Remedy: []Remedy{
		inVPC("subnet-ipv6", "aws ec2 associate-subnet-cidr-block --subnet-id {subnet} --ipv6-cidr-block <subnet-prefix>").when(as("")),
		ask("ask.advertise").when(as("")),
		ask("ask.advertise-again").when(as("stopped")),
		way("default-by-hand", "ip -6 route add default via <router> dev {interface}").when(notAWS).when(as("")),
		way("default-by-hand", "ip -6 route add default via {router} dev {interface} metric 2048").when(as("stopped")).
			kept(keep{networkd: "[Route] Gateway={router}; Metric=2048", up: true}),
		way("", "rdisc6 -1 {interface}"),
		inVPC("", "aws ec2 describe-subnets --subnet-ids {subnet} --query 'Subnets[].Ipv6CidrBlockAssociationSet'"),
	},
	find:         findNoAdvertisement,
	contradicted: func(iv *ifaceView, h hypothesis) bool { return h.as != "stopped" && iv.advertised() },
}

var advertisementIgnored = Cause{
	ID: "router.advertisement-ignored", Severity: Critical, Working: true, Answers: noDefaultRoute,
	Remedy: []Remedy{
		{
			Does: "act-on-offer", If: mends, Do: []string{"sysctl -w {sysctl}={mended}"}, Make: actOnOffer,
			Keep: &keep{sysctl: "{sysctl}={mended}", networkd: actOnRA, netplan: "accept-ra=true", nm: "ipv6.method auto"},
		},
		way("manager-acts", "networkctl reconfigure {interface}").when(as("prefix", "prefix-other")).when(managedBy("networkd")).when(unmended).
			kept(keep{networkd: "[IPv6AcceptRA] UseAutonomousPrefix=yes"}),
		way("manager-acts", `nmcli connection up "$(nmcli -g GENERAL.CON-UUID device show {interface})"`).when(as("prefix", "prefix-other")).when(managedBy("NetworkManager")).when(unmended).
			kept(keep{nm: "ipv6.method auto"}),
		way("route-by-hand", "ip -6 route add {prefix} via {router} dev {interface}").when(as("route")).
			kept(keep{networkd: "[Route] Destination={prefix}; Gateway={router}", nm: `+ipv6.routes "{prefix} {router}"`, up: true}),
		way("mtu-announced", "sysctl -w net.ipv6.conf.{interface}.mtu={mtu-announced}").when(as("mtu")).
			kept(keep{sysctl: "{conf}.mtu={mtu-announced}", networkd: "[Network] IPv6MTUBytes={mtu-announced}", nm: "ipv6.mtu {mtu-announced}", up: true}),
		way("default-by-hand", "ip -6 route add default via {router} dev {interface}").when(as("")).
			kept(keep{networkd: "[Route] Gateway={router}", nm: `+ipv6.routes "::/0 {router}"`, up: true}),
		ask("ask.offer").when(as("prefix", "prefix-other")).when(unmended),
		way("", "rdisc6 -1 {interface}"),
	},
	find:         findAdvertisementIgnored,
	contradicted: func(iv *ifaceView, h hypothesis) bool { return h.as == "" && hasDefaultHere(iv, h) },
}

var notDefault = Cause{
	ID: "router.not-default", Severity: Critical, Working: true,
	Remedy: []Remedy{
		ask("ask.lifetime"),
		way("", "rdisc6 -1 {interface}", "ip -6 route show default"),
	},
	find:         findNotDefault,
	contradicted: hasDefaultHere,
}

var routeMissing = Cause{
	ID: "route.missing", Severity: Critical, Working: true, Answers: noDefaultRoute,
	Remedy: []Remedy{
		way("default", "ip -6 route add default via {router} dev {interface}").when(as("")).
			kept(keep{networkd: "[IPv6AcceptRA] UseGateway=yes", nm: "ipv6.method auto ipv6.never-default no", up: true}),
		way("default", "ip -6 route add default via {router} dev {interface} onlink").when(as("by-hand", "static")).
			kept(keep{
				networkd: "[Route] Gateway={router}; GatewayOnLink=yes", netplan: `routes=[{"to":"::/0","via":"{router}","on-link":true}]`,
				nm: `+ipv6.routes "::/0 {router} onlink=true"`, up: true,
			}),
		way("", "rdisc6 -1 {interface}").when(as("")),
	},
	find:         findRouteMissing,
	contradicted: hasDefaultHere,
}

const actOnRA = "[Network] IPv6AcceptRA=yes"

// mends holds where a setting of the kernel keeps out what is offered.
func mends(_ *view, h *hypothesis) bool { return h.mends }

func unmended(_ *view, h *hypothesis) bool { return !h.mends }

// actOnOffer gives the setting that keeps an offer out a value with which it does not, and the one that would keep
// out a default route next.
func actOnOffer(v *view, h *hypothesis) []string {
	commands := []string{"sysctl -w {sysctl}={mended}"}
	next := diag.SysctlName(h.iface, "accept_ra_defrtr")
	if d, _ := v.s.Sysctl(h.iface, "accept_ra_defrtr"); h.as == "" && d == "0" && !slices.Contains(h.args, any(next)) {
		commands = append(commands, "sysctl -w net.ipv6.conf.{interface}.accept_ra_defrtr=1")
	}
	return commands
}

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
	if _, static := iv.forgotten(); static {
		return nil // no router need announce itself there
	}
	h := hypothesis{confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true}
	sent := max(iv.traffic.solicitations, rs[0].Sent)
	switch {
	case iv.traffic.solicitations >= enoughRS && iv.traffic.solicited >= enoughTime:
		h.confidence = Certain
	case sent < 2:
		h.confidence = Possible // so few packets get lost by chance
	}
	h.args = []any{"sent", sent}
	iv.explain(&h, symptoms...)
	if route, ok := iv.remaining(); ok {
		h.as, h.severity, h.subject, h.addr = "stopped", Warning, Subject{"router", route.Fact.Via.String()}, route.Fact.Via
		h.args = append(h.args, "router", h.addr, "left", diag.Seconds(iv.s.Left(route.Fact.ExpiresS, route.At)))
		h.facts = append(h.facts, diag.FactOf(route))
		return []hypothesis{h}
	}
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

// remaining returns the default route that an advertisement from before this run left, where no router was heard in it:
// the route runs out, unless its router speaks again.
func (iv *ifaceView) remaining() (route diag.At[diag.Route], ok bool) {
	if len(iv.net.Routers) > 0 {
		return route, false
	}
	i := slices.IndexFunc(iv.net.Defaults, func(r diag.At[diag.Route]) bool {
		return r.Fact.Protocol == "ra" && r.Fact.ExpiresS != diag.Forever && r.Fact.Via.IsValid()
	})
	if i < 0 {
		return route, false
	}
	return iv.net.Defaults[i], true
}

// globalTarget stands for any address beyond the router.
var globalTarget = netip.MustParseAddr("2001:db8::1")

// routed are the symptoms of the kernel's paths to targets that no route leads to: beyond the
// router, or on the link while nothing announces its prefix.
func (iv *ifaceView) routed() []*path {
	return iv.where(func(p *path) bool {
		symptom := p.symptom >= 0
		return symptom && p.Missing() && p.Via != diag.ViaWire && !iv.hasRouteFor(p)
	})
}

// hasRouteFor reports whether a route leads to a path's target: for a socket that is bound to the interface one of its own, for
// applications any.
func (iv *ifaceView) hasRouteFor(p *path) bool {
	return iv.hasRoute(p.Target) || p.Via == diag.ViaApp && iv.leads(p.Target, "")
}

// hasRoute reports whether the main table has a route to a target by the interface.
func (iv *ifaceView) hasRoute(target netip.Addr) bool { return iv.leads(target, iv.name) }

// leads reports whether the main table has a route to a target by an interface; "": by whichever.
func (iv *ifaceView) leads(target netip.Addr, iface string) bool {
	if target.IsLinkLocalUnicast() || target.IsMulticast() {
		return true
	}
	for k, r := range iv.s.Routes.All() {
		if k.Type == "unicast" && k.Table == diag.MainTable && (iface == "" || k.Interface == iface) && k.Dst.Contains(target) &&
			iv.s.Serves(k, k.Interface) && iv.s.Left(r.Fact.ExpiresS, r.At) != 0 {
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
	if r == nil || iv.dropsRA() || iv.flooded() || iv.denied(r.Address) {
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
