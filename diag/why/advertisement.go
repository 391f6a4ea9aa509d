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
		inVPC("subnet-ipv6", "aws ec2 associate-subnet-cidr-block --subnet-id {subnet} --ipv6-cidr-block <subnet-prefix>"),
		ask("ask.advertise"),
		way("", "rdisc6 -1 {interface}"),
		inVPC("", "aws ec2 describe-subnets --subnet-ids {subnet} --query 'Subnets[].Ipv6CidrBlockAssociationSet'"),
	},
	find:         findNoAdvertisement,
	contradicted: func(iv *ifaceView, _ hypothesis) bool { return iv.advertised() },
}

var advertisementIgnored = Cause{
	ID: "router.advertisement-ignored", Severity: Critical, Working: true, Answers: noDefaultRoute,
	Remedy: []Remedy{
		way("act-on-prefix", "sysctl -w {sysctl}=1").when(as("prefix")).kept(keep{sysctl: "{sysctl}=1", networkd: actOnRA, netplan: "accept-ra=true", nm: "ipv6.method auto"}),
		{
			Does: "act-on-ra", If: as(""), Do: []string{"sysctl -w net.ipv6.conf.{interface}.accept_ra=2"}, Make: acceptRA("2", forwards),
			Keep: &keep{sysctl: "{conf}.accept_ra=2", networkd: actOnRA, netplan: "accept-ra=true", nm: "ipv6.method auto"},
		},
		{
			Does: "act-on-ra", If: as(""), Do: []string{"sysctl -w net.ipv6.conf.{interface}.accept_ra=1"}, Make: acceptRA("1", func(v *view, h *hypothesis) bool { return !forwards(v, h) }),
			Keep: &keep{sysctl: "{conf}.accept_ra=1", networkd: actOnRA, netplan: "accept-ra=true", nm: "ipv6.method auto"},
		},
		{
			Does: "default-by-hand", If: as(""), Do: []string{"ip -6 route add default via {router} dev {interface}"}, Keep: &keep{networkd: "[Route] Gateway={router}", up: true},
		},
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
		way("default", "ip -6 route add default via {router} dev {interface}").
			kept(keep{networkd: "[IPv6AcceptRA] UseGateway=yes", nm: "ipv6.method auto ipv6.never-default no", up: true}),
		way("", "rdisc6 -1 {interface}"),
	},
	find:         findRouteMissing,
	contradicted: hasDefaultHere,
}

const actOnRA = "[Network] IPv6AcceptRA=yes"

// acceptRA has the kernel act on advertisements: accept_ra to the value, where ok holds, and what else forbids it.
func acceptRA(value string, ok func(*view, *hypothesis) bool) func(*view, *hypothesis) []string {
	return func(v *view, h *hypothesis) []string {
		if !ok(v, h) {
			return nil
		}
		commands := []string{"sysctl -w net.ipv6.conf.{interface}.accept_ra=" + value}
		if d, _ := v.s.Sysctl(h.iface, "accept_ra_defrtr"); d == "0" {
			commands = append(commands, "sysctl -w net.ipv6.conf.{interface}.accept_ra_defrtr=1")
		}
		return commands
	}
}

func hasDefaultHere(iv *ifaceView, _ hypothesis) bool { return len(iv.net.Defaults) > 0 }

func forwards(v *view, h *hypothesis) bool {
	f, _ := v.s.Sysctl(h.iface, "forwarding")
	return f != "" && f != "0"
}

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
		return symptom && p.Missing() && p.Via == diag.ViaKernel && !iv.hasRoute(p.Target)
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

// acceptance says whether the kernel acts on advertisements (net.ipv6.conf.*.accept_ra: 0 never, 1
// unless it forwards, 2 always), and the settings that say so.
func (iv *ifaceView) acceptance() (accepts, known bool, facts []diag.Event) {
	ra, e1, ok := iv.sysctl("accept_ra")
	if !ok {
		return false, false, nil
	}
	fwd, e2, fwdKnown := iv.sysctl("forwarding")
	defrtr, e3, defrtrKnown := iv.sysctl("accept_ra_defrtr")
	switch {
	case ra == "0":
		return false, true, []diag.Event{e1}
	case defrtrKnown && defrtr == "0":
		return false, true, []diag.Event{e3}
	case ra == "1" && !fwdKnown:
		return false, false, nil
	case ra == "1" && fwd != "0":
		return false, true, []diag.Event{e1, e2}
	default:
		return true, true, []diag.Event{e1}
	}
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
	if h, ok := iv.prefixIgnored(); ok {
		return []hypothesis{h}
	}
	r := iv.unusedRouter()
	if r == nil || iv.managesRA() {
		return nil
	}
	accepts, known, facts := iv.acceptance()
	if accepts && known {
		return nil
	}
	h := iv.noRoute(r)
	setting := "accept_ra"
	if known {
		h.facts = append(h.facts, facts...)
		f, _ := facts[len(facts)-1].Body.(diag.Sysctl)
		setting = diag.SysctlName(f.Scope, f.Name) + "=" + f.Value
		if len(facts) == 2 {
			h.more = append(h.more, "cause.router.advertisement-ignored.forwarding")
		}
	} else {
		h.direct, h.confidence = false, Possible
	}
	iv.explainKind(&h, noGlobal)
	h.args = append(h.args, "setting", setting)
	return []hypothesis{h}
}

// prefixIgnored looks for a prefix that is announced for making addresses from, which a setting of the
// kernel forbids.
func (iv *ifaceView) prefixIgnored() (h hypothesis, ok bool) {
	if iv.managesRA() || iv.hasUsableGlobal() || !iv.s.Complete(diag.FeedNetlink) {
		return h, false
	}
	for _, name := range []string{"accept_ra_pinfo", "autoconf"} {
		value, e, known := iv.sysctl(name)
		if !known || value != "0" {
			continue
		}
		for _, r := range iv.net.Routers {
			prefix, forms := r.Forms()
			if !forms {
				continue
			}
			h = hypothesis{
				direct: true, confidence: Certain, subject: Subject{"router", r.Address.String()}, addr: r.Address, as: "prefix",
				args:  []any{"router", r.Address, "prefix", prefix.Prefix, "setting", diag.SysctlName(iv.name, name) + "=0", "sysctl", confKey(iv.name) + "." + name},
				facts: []diag.Event{iv.heard(r), e},
			}
			iv.explainKind(&h, noGlobal)
			return h, true
		}
	}
	return h, false
}

func findRouteMissing(iv *ifaceView) []hypothesis {
	r := iv.unusedRouter()
	if r == nil || iv.dropsRA() {
		return nil
	}
	accepts, known, facts := iv.acceptance()
	if known && !accepts && !iv.managesRA() {
		return nil
	}
	h := iv.noRoute(r)
	h.facts = append(h.facts, facts...)
	if e, ok := iv.noRouter(r.Address); ok {
		h.facts = append(h.facts, e)
		h.more = append(h.more, "cause.route.missing.host")
	}
	if !known && !iv.managesRA() {
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
