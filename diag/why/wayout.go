package why

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
)

// The tables and marks that programs are known to route by: tailscale (wgengine/router), wg-quick(8) and strongSwan
// (charon.routing_table).
const (
	tailscaleTable  = 52
	wgQuickTable    = 51820
	strongSwanTable = 220
)

// takenBy says in h who made another way the preferred one, and through which rule: as far as the kernel's answer,
// its rules and routes tell.
func (iv *ifaceView) takenBy(h *hypothesis, sel diag.Selection) {
	const key = "cause.host.routing.elsewhere."
	say := func(part string, args ...any) {
		h.more = append(h.more, key+part)
		h.args = append(h.args, args...)
	}
	rules := iv.rulesTo(sel.Table)
	if len(rules) > 0 {
		say("rule", "rule", diag.Describe(iv.s.Said(rules[0])))
	} else if own, ok := iv.mainDefault(); ok && sel.Table == diag.MainTable && sel.Dst.IsValid() {
		switch {
		case sel.Metric < own.Metric:
			say("metric", "metric", sel.Metric, "own", own.Metric)
		case sel.Metric == own.Metric:
			say("equal", "metric", sel.Metric)
		}
	}
	manager := iv.s.Managers[sel.Interface].Name
	switch {
	case sel.Table == tailscaleTable:
		say("tailscale")
	case sel.Table == strongSwanTable:
		say("strongswan")
	case sel.Table == wgQuickTable || iv.s.Links[sel.Interface].Type == "wireguard" || slices.ContainsFunc(rules, func(r diag.PolicyRule) bool { return r.Invert && r.Mark == wgQuickTable }):
		say("wireguard")
	case sel.Protocol == "ra":
		say("ra")
	case sel.Protocol == "dhcp":
		say("dhcp")
	case manager != "" && manager != "none" && !strings.HasPrefix(sel.Protocol, "boot"):
		say("manager", "manager", manager, "protocol", sel.Protocol)
	case sel.Protocol != "":
		say("by-hand", "protocol", sel.Protocol)
	}
}

// mainDefault returns the default route of the main table through the interface that is preferred.
func (iv *ifaceView) mainDefault() (diag.Route, bool) {
	for _, r := range iv.net.Defaults {
		if r.Fact.Table == diag.MainTable && r.Fact.Dst.Addr() == netip.IPv6Unspecified() {
			return r.Fact, true
		}
	}
	return diag.Route{}, false
}

// unannounced looks for a prefix that an address was written down with, though the routers say of no prefix that it is
// on the link: where all goes by the router, as in some clouds, whoever has an address of it is sought on the link in
// vain. Where one is found there, the prefix is right, whatever the routers leave out.
func (iv *ifaceView) unannounced() []hypothesis {
	offering := iv.net.Offering()
	if len(offering) == 0 || slices.ContainsFunc(iv.net.Routers, func(r *diag.RouterSeen) bool { return len(r.Last.Prefixes) > 0 }) || len(iv.net.Subnets()) > 0 {
		return nil
	}
	var list []hypothesis
	for _, a := range iv.addresses {
		prefix := netip.PrefixFrom(a.Fact.Address, a.Fact.PrefixLen).Masked()
		route, ok := iv.s.Routes.Find(diag.RouteKey{Interface: iv.name, Dst: prefix, Metric: connectedMetric, Table: diag.MainTable, Type: "unicast"})
		within := func(p *path) bool { return prefix.Contains(p.Target) && !iv.net.Configured(p.Target) }
		if !ok || !iv.global(a.Fact) || prefix.IsSingleIP() || a.Fact.Origin == "kernel_ra" ||
			iv.any(func(p *path) bool { return within(p) && (p.Outcome == diag.Answered || iv.resolves(p.Target)) }) {
			continue
		}
		name := diag.DescribeRoute(route.Fact, diag.Forever)
		h := hypothesis{
			confidence: Possible, severity: Warning, subject: Subject{"route", name}, as: "unannounced",
			args:  []any{"route", name, "router", offering[0].Address, "prefix", prefix, "own", a.Fact.Address},
			facts: []diag.Event{diag.FactOf(a), diag.FactOf(route), iv.heard(offering[0])},
		}
		var targets []netip.Addr
		for _, p := range iv.paths {
			if within(p) && p.Missing() && !p.local() {
				iv.explain(&h, p)
				rest(&h, p)
				if !slices.Contains(targets, p.Target) {
					targets = append(targets, p.Target)
				}
			}
		}
		if len(targets) == 0 {
			continue
		}
		if len(targets) > 1 {
			h.confidence = Likely
		}
		h.args = append(h.args, "targets", len(targets), "target", targets[0])
		list = append(list, h)
	}
	return list
}

// connectedMetric is that of the route which the kernel makes of an address' prefix (IP6_RT_PRIO_ADDRCONF).
const connectedMetric = 256
