package why

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// mostSuspects bounds the rules that are named where it may be any of them.
const mostSuspects = 3

// concerned makes hypotheses of the rules that concern some packets of a kind, by address, port, user, size or rate, or hand
// them to a program, where something on this host is in the way and no rule is that stops them all. It takes from
// lost what they explain.
func (iv *ifaceView) concerned(lost *[]*path) []hypothesis {
	var list []hypothesis
	at := map[string]int{}
	*lost = slices.DeleteFunc(*lost, func(p *path) bool {
		var suspects []diag.Filter
		for _, f := range iv.filtersSorted() {
			if iv.hereOn(f) && (f.Verdict != "translate" || f.Inbound()) && concerns(f, p) {
				suspects = append(suspects, f)
			}
		}
		if len(suspects) == 0 || len(suspects) > mostSuspects {
			return false
		}
		key := ruleNames(suspects)
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key], list = i, append(list, iv.bySuspects(suspects))
		}
		iv.explain(&list[i], p)
		iv.suspected(&list[i], suspects, p.drop)
		return true
	})
	return list
}

// deafening makes a hypothesis of the rules that concern some of what others ask for this host's addresses by, or of what
// it answers, where it does not answer and no rule is that stops them all.
func (iv *ifaceView) deafening() []hypothesis {
	if !slices.ContainsFunc(iv.symptoms, func(y symptom) bool { return y.iface == iv.name && y.kind == unheeded }) {
		return nil
	}
	said := iv.dropsOf(harm{in: true, frame: diag.NS})
	if said.Body == nil {
		said = iv.dropsOf(harm{frame: diag.NA})
	}
	if said.Body == nil && iv.s.Complete(diag.FeedDrops) {
		return nil
	}
	var suspects []diag.Filter
	for _, f := range iv.filtersSorted() {
		if iv.applies(f) && deafens(f) {
			return nil
		}
		if f.Matches = f.Partly; iv.hereOn(f) && deafens(f) {
			suspects = append(suspects, f)
		}
	}
	if len(suspects) == 0 || len(suspects) > mostSuspects {
		return nil
	}
	h := iv.bySuspects(suspects)
	iv.explainUnheeded(&h)
	iv.suspected(&h, suspects, said)
	return []hypothesis{h}
}

// bySuspects is a hypothesis that one of a few rules is in the way.
func (iv *ifaceView) bySuspects(suspects []diag.Filter) hypothesis {
	h := iv.byRule(suspects[0])
	h.as, h.confidence = "some", Likely
	if v := suspects[0].Verdict; v == "queue" || v == "translate" {
		h.as = v
	}
	if len(suspects) == 1 {
		return h
	}
	h = iv.byHost()
	h.as, h.more, h.args = "some", nil, []any{"rule", ruleNames(suspects)}
	for _, f := range suspects {
		h.facts = append(h.facts, iv.s.Said(f))
	}
	return h
}

func ruleNames(list []diag.Filter) string {
	var names []string
	for _, f := range list {
		names = append(names, ruleName(f))
	}
	return strings.Join(names, words.Say("cause.host.firewall.some.or"))
}

// suspected has the kernel's word, if there is one, make a hypothesis of one rule certain; of several, that one of them did
// it is certain, and not which.
func (iv *ifaceView) suspected(h *hypothesis, suspects []diag.Filter, said diag.Event) {
	h.dropped(said)
	if _, unread := iv.s.Hooks[diag.HookKey{Name: diag.HookLegacy}]; unread || len(suspects) > 1 {
		h.confidence = Likely
	}
}

// hereOn reports whether a rule stands on the interface's way.
func (iv *ifaceView) hereOn(f diag.Filter) bool { return f.Interface == "" || f.Interface == iv.name }

// concerns reports whether a rule that concerns some packets of a kind can be why the kernel got no answer.
func concerns(f diag.Filter, p *path) bool {
	f.Matches = f.Partly
	if p.fate == deaf && deafens(f) {
		return true
	}
	if !stops(f, p) {
		return false
	}
	if p.Asks == diag.AsksND || p.failedDiscovery() {
		return true // who asks and is asked there is not who the question is for
	}
	mine, theirs := f.Src, f.Dst
	if f.Inbound() {
		mine, theirs = theirs, mine
	}
	return (!mine.IsValid() || !p.Source.IsValid() || mine.Contains(p.Source)) && (!theirs.IsValid() || theirs.Contains(p.Target))
}

// translated makes hypotheses of the rules that send elsewhere what this host's programs ask, or give it a source that is
// not this host's: then whom they ask is not who answers. It takes from lost what they explain.
func (iv *ifaceView) translated(lost *[]*path) []hypothesis {
	var list []hypothesis
	for _, f := range iv.filtersSorted() {
		if !iv.rewrites(f) {
			continue
		}
		h := iv.byRule(f)
		h.as, h.confidence = "translate", Likely
		for _, p := range iv.paths {
			if p.Via != diag.ViaWire && p.Missing() && p.Asks != diag.AsksND && !p.failedDiscovery() && concerns(f, p) {
				iv.explain(&h, p)
				rest(&h, p)
				*lost = slices.DeleteFunc(*lost, func(q *path) bool { return q == p })
				h.direct = h.direct || p.symptom < 0 // not one connection of those tried, where an echo is answered
			}
		}
		if len(h.symptoms) == 0 {
			h.severity = Warning
		}
		if len(h.symptoms) > 0 || h.direct {
			list = append(list, h)
		}
	}
	return list
}

// rewrites reports whether a rule gives what leaves another target, or a source that is not this host's.
func (iv *ifaceView) rewrites(f diag.Filter) bool {
	return f.Verdict == "translate" && !f.Inbound() && iv.hereOn(f) && (f.Hook != "postrouting" || iv.othersSource(f))
}

// translatedTo reports whether a rule gives what leaves this source: it is no other host's then.
func (iv *ifaceView) translatedTo(source netip.Addr) bool {
	return slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool {
		p := netip.PrefixFrom(f.To, 64).Masked() // of a prefix translated for a prefix, its first address is said
		return iv.rewrites(f) && f.Hook == "postrouting" && (f.To == source || f.To == p.Addr() && p.Contains(source))
	})
}

// othersSource reports whether a rule gives packets a source that is not this interface's, and is not assigned to it.
func (iv *ifaceView) othersSource(f diag.Filter) bool {
	if !f.To.IsValid() || iv.class[f.To] == diag.SourceAssigned {
		return false
	}
	return !slices.ContainsFunc(iv.addresses, func(a diag.At[diag.Address]) bool { return a.Fact.Address == f.To })
}
