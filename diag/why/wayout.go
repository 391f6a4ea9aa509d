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
