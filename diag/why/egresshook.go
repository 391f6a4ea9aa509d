package why

import (
	"slices"

	"ndwhy/diag"
)

var egressHook = Cause{
	ID: "host.egress-hook", Severity: Critical,
	Remedy: []Remedy{
		{Does: "rule-away", Make: ruleDeleted, Keep: &keep{filter: true}, Do: []string{"nft delete rule {table} {chain} handle {handle}"}},
		ask("ask.hook").when(unnamed).when(otherwise(as("swallowed"))),
		way("hook-away", "tc filter del dev {interface} egress", "tc filter show dev {interface} egress").when(unnamed).when(otherwise(as("swallowed"))),
		way("qdisc-away", "tc qdisc del dev {interface} root").when(as("swallowed")),
		way("", "nft list ruleset", "bpftool net show dev {interface}", "tc -s qdisc show dev {interface}").when(unnamed),
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
	if !proof {
		if h = iv.swallowed(); len(h.symptoms) == 0 || len(findLinkDown(iv)) > 0 {
			return nil // nothing leaves a link that is down
		}
	} else if len(iv.tooLarge()) > 0 {
		return nil
	}
	if iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Sent > 0 }) {
		h.as = "in-part"
	}
	// What never left cannot have been answered: silence of the kernel's own questions follows.
	for _, p := range iv.paths {
		leaves := p.Via == diag.ViaKernel && (p.Sent == 0 || h.as != "in-part") || p.Via == diag.ViaApp && h.as != "in-part" && (p.Out == "" || p.Out == iv.name)
		if p.symptom >= 0 && p.Outcome == diag.Silent && leaves {
			iv.explain(&h, p)
		}
	}
	if f, ok := iv.atEgress(); ok {
		h.facts = append(h.facts, iv.s.Said(f))
		h.subject = Subject{"rule", ruleName(f)}
	}
	return []hypothesis{h}
}

// swallowed looks for an interface that takes all frames and lets none of them out: its queueing discipline throws them
// away and says nothing (net/sched/sch_blackhole.c).
func (iv *ifaceView) swallowed() hypothesis {
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, as: "swallowed", facts: []diag.Event{iv.s.Said(iv.net.Link)}}
	gone := iv.where(func(p *path) bool { return p.Outcome == diag.Unsent && p.Errno == "" && p.Detail == "not-seen-leaving" })
	if !iv.s.Complete(diag.FeedFrames) || !iv.net.Link.Up || len(gone) < 3 || iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Sent > 0 }) ||
		!slices.ContainsFunc(gone, func(p *path) bool { return p.Via == diag.ViaWire }) {
		return hypothesis{}
	}
	iv.explain(&h, gone...)
	return h
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
