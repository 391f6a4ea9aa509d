package why

import (
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var egressHook = Cause{
	ID: "host.egress-hook", Severity: Critical,
	Remedy: always("tc filter show dev {interface} egress", "nft list ruleset", "bpftool net show dev {interface}"),
	find:   findEgressHook,
	contradicted: func(iv *ifaceView, _ hypothesis) bool {
		return iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Asks == diag.AsksND && p.Sent > 0 }) &&
			!iv.any(func(p *path) bool {
				return p.Via == diag.ViaWire && p.Outcome == diag.Unsent && p.Asks != diag.AsksND
			})
	},
}

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
		return nil
	}
	// What never left cannot have been answered: silence of the kernel's own questions follows.
	for _, p := range iv.paths {
		if p.symptom >= 0 && p.Via == diag.ViaKernel && p.Outcome == diag.Silent && p.Sent == 0 {
			iv.explain(&h, p)
		}
	}
	for _, f := range iv.s.Filters {
		if iv.applies(f) && f.Hook == "egress" {
			h.facts = append(h.facts, iv.s.Said(f))
			h.subject = Subject{"rule", ruleName(f)}
			break
		}
	}
	return []hypothesis{h}
}

func (iv *ifaceView) applies(f diag.Filter) bool {
	return (f.Interface == "" || f.Interface == iv.name) && (f.Verdict == "drop" || f.Verdict == "reject")
}

// inward reports whether a hook sees what arrives.
func inward(hook string) bool {
	switch hook {
	case "prerouting", "input", "ingress", "forward":
		return true
	default:
		return false
	}
}

func ruleName(f diag.Filter) string {
	return words.Clean(strings.TrimSpace(f.Table + " " + f.Chain + ": " + f.Rule))
}

// stops reports whether a rule of this host can be why the kernel got no answer: it drops a frame
// that the question or its answer needs.
func stops(f diag.Filter, p *path) bool {
	var need []diag.FrameType
	in := inward(f.Hook)
	// The kernel's discovery that was seen to leave no solicitation had begun before.
	never := p.Outcome == diag.Unsent || p.Sent == 0 && p.Asks != diag.AsksND && !p.failedDiscovery()
	switch {
	case f.Hook == "egress":
		return false // drops our own frames too: host.egress-hook
	case in && never, p.Via == diag.ViaWire:
		return false
	case in && p.Asks == diag.AsksND, in && p.failedDiscovery():
		need = []diag.FrameType{diag.NA}
	case in && p.Asks == diag.AsksEcho:
		need = []diag.FrameType{diag.EchoReply}
	case in && p.Asks == diag.AsksRS:
		need = []diag.FrameType{diag.RA}
	case p.Asks == diag.AsksND || p.failedDiscovery():
		need = []diag.FrameType{diag.NS}
	case p.Asks == diag.AsksEcho:
		need = []diag.FrameType{diag.EchoRequest, diag.NS}
	case p.Asks == diag.AsksRS:
		need = []diag.FrameType{diag.RS}
	}
	return slices.ContainsFunc(need, func(t diag.FrameType) bool { return slices.Contains(f.Matches, string(t)) })
}

// deafens reports whether a rule of this host can be why it does not answer for its addresses.
func deafens(f diag.Filter) bool {
	if inward(f.Hook) {
		return slices.Contains(f.Matches, string(diag.NS))
	}
	return slices.Contains(f.Matches, string(diag.NA))
}

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
		h := hypothesis{
			confidence: Certain, subject: Subject{"rule", ruleName(f)},
			args:  []any{"rule", ruleName(f), "table", f.Table, "chain", f.Chain, "hook", f.Hook, "handle", f.Handle},
			facts: []diag.Event{iv.s.Said(f)},
		}
		for _, p := range inside {
			if !stops(f, p) && (p.fate != deaf || !deafens(f)) {
				continue
			}
			if !p.local() {
				h.confidence = Likely
			}
			iv.explain(&h, p)
		}
		if slices.Contains(f.Matches, string(diag.RA)) && inward(f.Hook) && iv.unusedRouter() != nil {
			iv.explainKind(&h, noDefault, noGlobal)
			iv.explain(&h, iv.routed()...)
		}
		if len(h.symptoms) == 0 {
			continue
		}
		slices.Sort(h.symptoms)
		key := symptomsKey(h.symptoms)
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
			if h.subject.Kind != "rule" && iv.applies(f) && inward(f.Hook) && slices.Contains(f.Matches, string(diag.EchoReply)) {
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

func (iv *ifaceView) filtersSorted() []diag.Filter {
	list := slices.Clone(iv.s.Filters)
	diag.SortFunc(list, func(a, b diag.Filter) int { return strings.Compare(ruleName(a), ruleName(b)) })
	return list
}
