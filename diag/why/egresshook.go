package why

import (
	"slices"

	"ndwhy/diag"
)

var egressHook = Cause{
	ID: "host.egress-hook", Severity: Critical,
	Remedy: []Remedy{
		{Does: "rule-away", Make: ruleDeleted, Keep: &keep{filter: true}, Do: []string{"nft delete rule {table} {chain} handle {handle}"}},
		ask("ask.hook").when(unnamed),
		way("hook-away", "tc filter del dev {interface} egress", "tc filter show dev {interface} egress").when(unnamed),
		way("", "nft list ruleset", "bpftool net show dev {interface}").when(unnamed),
	},
	find: findEgressHook,
	contradicted: func(iv *ifaceView, _ hypothesis) bool {
		return iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Asks == diag.AsksND && p.Sent > 0 }) &&
			!iv.any(func(p *path) bool {
				return p.Via == diag.ViaWire && p.Outcome == diag.Unsent && p.Asks != diag.AsksND
			})
	},
}

// findEgressHook looks for our own frames that never left: tc and netdev egress drop after the
// firewall's output hooks and before the tap's copy is made, and say ENOBUFS.
func findEgressHook(iv *ifaceView) []hypothesis {
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}}
	proof := false
	for _, p := range iv.paths {
		if p.Outcome != diag.Unsent {
			continue
		}
		wire := p.Via == diag.ViaWire && p.Errno == "ENOBUFS"
		proof = proof || wire
		if wire || p.Via == diag.ViaKernel && (p.Errno == "ENOBUFS" || p.Detail == "not-seen-leaving" || p.Errno == "") {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	if !proof || len(iv.tooLarge()) > 0 {
		return nil
	}
	if iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Sent > 0 }) {
		h.as = "in-part"
	}
	// What never left cannot have been answered: silence of the kernel's own questions follows.
	for _, p := range iv.paths {
		if p.symptom >= 0 && p.Via == diag.ViaKernel && p.Outcome == diag.Silent && p.Sent == 0 {
			iv.explain(&h, p)
		}
	}
	if f, ok := iv.atEgress(); ok {
		h.facts = append(h.facts, iv.s.Said(f))
		h.subject = Subject{"rule", ruleName(f)}
	}
	return []hypothesis{h}
}

// atEgress returns a readable rule at the interface's egress.
func (iv *ifaceView) atEgress() (diag.Filter, bool) {
	i := slices.IndexFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.applies(f) && f.Hook == "egress" })
	if i < 0 {
		return diag.Filter{}, false
	}
	return iv.s.Filters[i], true
}

// tooLarge are the full-size frames of ours that the interface did not take, where it takes small ones, and no rule is
// there to stop them: a virtual one whose other end has a smaller MTU says ENOBUFS too (drivers/net/veth.c).
func (iv *ifaceView) tooLarge() []*path {
	var list []*path
	small := false
	for _, p := range iv.paths {
		switch {
		case p.Via != diag.ViaWire:
		case p.Outcome == diag.Unsent && p.Errno == "ENOBUFS":
			if p.Asks != diag.AsksMTU {
				return nil
			}
			list = append(list, p)
		default:
			small = small || p.Asks != diag.AsksMTU && p.Sent > 0
		}
	}
	if _, rule := iv.atEgress(); rule || !small {
		return nil
	}
	return list
}
