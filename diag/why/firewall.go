package why

import (
	"fmt"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var firewall = Cause{
	ID: "host.firewall", Severity: Critical,
	Remedy: []Remedy{
		{Command: "nft -a list chain {table} {chain}", If: ruleNamed},
		{
			Command: "nft insert rule {table} {chain} icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, echo-request, echo-reply } accept",
			If:      ruleNamed,
		},
		{Command: "nft list ruleset", If: func(v *view, h *hypothesis) bool { return !ruleNamed(v, h) }},
		{Command: "ip6tables -S", If: func(v *view, h *hypothesis) bool { return !ruleNamed(v, h) }},
	},
	find: findFirewall,
}

func ruleNamed(_ *view, h *hypothesis) bool { return h.subject.Kind == "rule" }

// noFilter are the errors that a packet ends with before any packet filter sees it, or after: no route,
// no room in the neighbour table, a hook below.
var noFilter = map[string]bool{"ENETUNREACH": true, "EINVAL": true, "ENOBUFS": true}

// findFirewall names the rules that stand between what the wire answered and what the kernel got,
// one hypothesis for each set of symptoms; and, where none that is readable does, that there must
// be one.
func findFirewall(iv *ifaceView) []hypothesis {
	var inside []*path
	wire := iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Outcome != diag.OutcomeSkipped })
	for _, p := range iv.paths {
		symptom := p.symptom >= 0
		if !symptom && p.fate != deaf || p.Via != diag.ViaKernel && p.fate != deaf || !p.Missing() || noFilter[p.Errno] {
			continue
		}
		if p.local() || !wire && p.Outcome != diag.Refused {
			inside = append(inside, p)
		}
	}
	var list []hypothesis
	merged := map[string]int{}
	for _, f := range iv.filtersSorted() {
		if !iv.applies(f) {
			continue
		}
		h := iv.byRule(f)
		for _, p := range inside {
			if !stops(f, p) && (p.fate != deaf || !deafens(f)) {
				continue
			}
			if !p.local() {
				h.confidence = Likely
			}
			iv.explain(&h, p)
		}
		if f.Inbound() && f.Stops(diag.RA) && iv.unusedRouter() != nil {
			iv.explainKind(&h, noDefault, noGlobal)
			iv.explain(&h, iv.routed()...)
		}
		if deafens(f) {
			iv.explainKind(&h, unheeded)
		}
		key := symptomsKey(h.symptoms)
		if len(h.symptoms) == 0 {
			if !iv.stands(f, &h) {
				continue
			}
			key = fmt.Sprint(h.more)
		}
		if i, ok := merged[key]; ok {
			list[i].facts = append(list[i].facts, h.facts...)
			continue
		}
		merged[key] = len(list)
		list = append(list, h)
	}
	var unnamed []*path
	for _, p := range inside {
		if p.local() && !slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.applies(f) && (stops(f, p) || p.fate == deaf && deafens(f)) }) {
			unnamed = append(unnamed, p)
		}
	}
	if len(unnamed) > 0 {
		h := hypothesis{confidence: Likely, subject: Subject{"host", words.Clean(iv.s.Run.Host)}, more: []string{"cause.host.firewall.unnamed"}}
		h.args = []any{"rule", words.Say("cause.host.firewall.some-rule")}
		iv.explain(&h, unnamed...)
		for _, p := range unnamed {
			rest(&h, p)
		}
		list = append(list, h)
	}
	if len(list) == 0 {
		list = iv.firewallInPart()
	}
	for i := range list {
		if slices.ContainsFunc(inside, func(p *path) bool {
			return p.fate == deaf && (slices.Contains(list[i].paths, p.ID) || iv.explains(&list[i], p))
		}) {
			list[i].more = append(list[i].more, "cause.host.firewall.deaf")
		}
	}
	wires := map[diag.Question]*path{}
	for _, p := range iv.paths {
		if p.Via == diag.ViaWire && p.Outcome == diag.Answered {
			wires[diag.QuestionOf(*p.Path)] = p
		}
	}
	for i := range list {
		for _, y := range list[i].symptoms {
			if p := iv.symptoms[y].path; p != nil {
				rest(&list[i], wires[diag.QuestionOf(*p.Path)])
			}
		}
	}
	return list
}

// firewallInPart looks for answers that all arrived, by wire, and of which the kernel passed on a part: a
// rule with a limit, or one that takes packets by chance.
func (iv *ifaceView) firewallInPart() []hypothesis {
	h := hypothesis{
		severity: Warning, direct: true, confidence: Likely, as: "in-part", subject: Subject{"host", words.Clean(iv.s.Run.Host)},
	}
	rule := words.Say("cause.host.firewall.some-rule")
	questions := iv.inPart()
	lost, sent := 0, 0
	for _, p := range iv.paths {
		wire := questions[diag.QuestionOf(*p.Path)]
		if wire == nil || wire.Via != diag.ViaWire || wire.lossy() || p.Via != diag.ViaKernel || p.Asks != diag.AsksEcho || !p.lossy() {
			continue
		}
		lost += p.Sent - p.Received
		sent += p.Sent
		iv.explain(&h, p)
		rest(&h, p, wire)
		for _, f := range iv.filtersSorted() {
			if h.subject.Kind != "rule" && iv.applies(f) && f.Inbound() && f.Stops(diag.EchoReply) {
				rule = ruleName(f)
				h.subject = Subject{"rule", rule}
				h.facts = append(h.facts, iv.s.Said(f))
				h.args = append(h.args, "table", f.Table, "chain", f.Chain)
			}
		}
	}
	if lost < 2 {
		return nil
	}
	h.args = append(h.args, "rule", rule, "lost", lost, "sent", sent)
	return []hypothesis{h}
}
