package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A hypothesis is a cause that may hold here, about one subject.
type hypothesis struct {
	cause   *Cause
	iface   string
	subject Subject
	addr    netip.Addr // of the subject, where it has one

	severity   Severity
	confidence Confidence
	// direct: it is a fact that was seen, and stands whether it explains a symptom or not.
	direct bool
	// beyond: inferred from silence out on the wire, which an XDP program here could feign, and anything here where what
	// leaves and comes is not seen.
	beyond bool

	symptoms []int    // that it explains
	paths    []string // that it explains
	evidence []int64
	args     []any    // of its words
	as       string   // "", or which other summary and explanation the catalogue has under cause.<ID>.<as>
	more     []string // keys of sentences that go on the explanation
	facts    []diag.Event
	mends    bool // a setting would mend it: {sysctl} and {mended} of its words
}

// hypotheses asks every cause, and leaves out what an observation contradicts.
func (v *view) hypotheses() []hypothesis {
	var list []hypothesis
	for _, c := range causes {
		find := c.find
		if v.s.Overheard != nil {
			find = captured[c]
		}
		if find == nil {
			continue
		}
		for _, iv := range v.ifaces {
			for _, h := range find(iv) {
				h.cause = c
				h.iface = iv.name
				if h.severity == "" {
					h.severity = c.Severity
				}
				if c.contradicted != nil && v.s.Overheard == nil && c.contradicted(iv, h) {
					continue
				}
				list = append(list, iv.settle(h))
			}
		}
	}
	return list
}

// settle fills in what follows from the rest of a hypothesis.
func (iv *ifaceView) settle(h hypothesis) hypothesis {
	slices.Sort(h.symptoms)
	h.symptoms = slices.Compact(h.symptoms)
	if len(h.symptoms) > 0 && !h.direct {
		weak, mild := true, true
		for _, i := range h.symptoms {
			weak = weak && iv.symptoms[i].weak
			mild = mild && (iv.symptoms[i].weak || iv.symptoms[i].mild)
		}
		switch {
		case weak:
			h.severity, h.confidence = Info, weaker(h.confidence, Possible)
		case mild && h.severity == Critical:
			h.severity = Warning
		}
	}
	if (!h.direct || h.confidence != Certain) && iv.hasty(h) || (h.beyond || h.confidence != Certain) && iv.byLuck(h) {
		h.confidence = weaker(h.confidence, Possible)
	}
	if !h.direct && iv.byStrange(h) {
		h.confidence = weaker(h.confidence, Possible)
	}
	h.severity = iv.weigh(h)
	switch {
	case h.beyond && iv.net.Link.XDP:
		h.confidence = weaker(h.confidence, Possible)
		h.more = append(h.more, "cause.more.xdp")
	case h.beyond && iv.s.Overheard == nil && !iv.s.Complete(diag.FeedFrames):
		h.confidence = weaker(h.confidence, Possible)
		h.more = append(h.more, "cause.more.no-tap")
	}
	return h
}

// byStrange reports whether a hypothesis rests on nothing but what was asked from addresses of which it is not known that
// they may speak, and others are answered.
func (iv *ifaceView) byStrange(h hypothesis) bool {
	return len(h.symptoms) > 0 && !slices.ContainsFunc(h.symptoms, func(i int) bool {
		p := iv.symptoms[i].path
		return p == nil || !iv.strange(p.Source)
	})
}

// leftToChance reports whether what is left for a hypothesis to explain, of what others do already, may be chance alone:
// the rest of it speaks for them.
func (iv *ifaceView) leftToChance(h hypothesis, covered []bool) bool {
	all := len(h.symptoms)
	h.symptoms = slices.DeleteFunc(slices.Clone(h.symptoms), func(y int) bool { return covered[y] })
	h.paths = nil
	return len(h.symptoms) < all && (iv.hasty(h) || iv.byLuck(h))
}

// hasty reports whether a hypothesis rests on nothing but silences that were not asked about again, as the run had no time
// for that or too much to ask: so few packets get lost by chance.
func (iv *ifaceView) hasty(h hypothesis) bool {
	return len(h.symptoms) > 0 && !slices.ContainsFunc(h.symptoms, func(i int) bool {
		p := iv.symptoms[i].path
		if p == nil || !p.silent() || p.drop.Body != nil || p.came.Body != nil || len(p.Responders) > 0 {
			return true // what arrived, or what the kernel tells of, was not lost by chance
		}
		asks, target, few := p.Asks, p.Target, max(1, iv.s.Run.Count)
		vain := iv.vain[askedFrom{asked{asks, target}, p.Source}]
		if p.failedDiscovery() {
			if via, known := iv.net.Gateway(p.Target, p.Source); known && via.IsValid() {
				target = via
			}
			if sought, told := iv.vain[askedFrom{asked{diag.AsksND, target}, p.Source}]; told { // else no path tells of it by itself
				asks, vain = diag.AsksND, sought
			}
		}
		if asks == diag.AsksND || asks == diag.AsksRS || asks == diag.AsksDHCP {
			few = max(few, 3) // as the kernel, or a client, asks by itself; the frames seen are those and ours
		}
		return vain > few
	})
}

// weigh returns the severity of a fault by what it does to the host, which is one rule for all causes: what leaves it
// without its way out is critical; what concerns the way out alone, while applications get out all the same, is a warning.
func (iv *ifaceView) weigh(h hypothesis) Severity {
	some, all, hard := false, true, false
	for _, i := range h.symptoms {
		y := iv.symptoms[i]
		out := y.wayOut()
		some, all, hard = some || out, all && out, hard || out && !y.weak && !y.mild
	}
	switch {
	case h.severity == Critical && some && all && iv.out && !h.cause.Whole:
		return Warning
	case h.severity == Warning && hard && !iv.out && !h.cause.Working:
		return Critical
	default:
		return h.severity
	}
}

// wayOut reports whether a symptom is one of the way beyond the link.
func (y symptom) wayOut() bool {
	switch y.kind {
	case noGlobal, noDefault:
		return true
	case pathSymptom:
		reach := y.path.TargetClass == diag.TargetInternet && (y.path.Asks == diag.AsksEcho || y.path.Asks == diag.AsksTCP)
		return reach || y.path.TargetClass == diag.TargetRouter
	default:
		return false
	}
}

// goesOut reports whether applications on this host get answers from beyond the link, by whatever interface; where
// nothing was asked as they ask, whether the kernel gets any. What the wire answers alone is of no use to them.
func (v *view) goesOut() bool {
	for _, via := range []diag.Via{diag.ViaApp, diag.ViaKernel} {
		asked := false
		for _, p := range v.paths {
			if p.TargetClass == diag.TargetInternet && p.Via == via && p.Outcome != diag.OutcomeSkipped && p.SourceClass != diag.SourceCandidate {
				asked = true
				if p.Outcome == diag.Answered {
					return true
				}
			}
		}
		if asked {
			break
		}
	}
	return slices.ContainsFunc(v.ifaces, func(iv *ifaceView) bool { return len(iv.flowing()) > 0 })
}

// A choice is a hypothesis that is part of the diagnosis, with those that would do as well.
type choice struct {
	hypothesis
	alternatives []*hypothesis
	untold       bool // it is not to be said after all
}

// choose returns the diagnosis: every direct hypothesis that no stronger one of the same subject
// hides, and the smallest set of the others that covers what is left.
func (v *view) choose(list []hypothesis) []choice {
	var chosen []choice
	covered := make([]bool, len(v.symptoms))
	v.doubt(list)
	for i := range list {
		h := &list[i]
		if !h.direct || hidden(h, list) {
			continue
		}
		chosen = append(chosen, choice{hypothesis: *h})
		for _, y := range h.symptoms {
			covered[y] = true
		}
	}
	var rest []*hypothesis
	for i := range list {
		if h := &list[i]; !h.direct && !hidden(h, list) && slices.ContainsFunc(h.symptoms, func(y int) bool { return !covered[y] }) {
			if v.on(h.iface).leftToChance(*h, covered) {
				h.confidence = weaker(h.confidence, Possible)
			}
			rest = append(rest, h)
		}
	}
	return settleDisputes(append(chosen, cover(rest, covered)...))
}

// hidden reports whether a direct hypothesis that comes before h in the catalogue says more of the same, or
// leaves h nothing to be said of.
func hidden(h *hypothesis, list []hypothesis) bool {
	return slices.ContainsFunc(list, func(o hypothesis) bool {
		if !o.direct || o.iface != h.iface || causeRank[o.cause.ID] >= causeRank[h.cause.ID] {
			return false
		}
		more := o.cause.Answers != "" && o.cause.Answers == h.cause.Answers && (!o.addr.IsValid() || o.addr == h.addr)
		return more || o.cause.Whole && (h.cause.Whole || h.cause.Working)
	})
}

// explain says that h is why these paths came out as they did.
func (iv *ifaceView) explain(h *hypothesis, paths ...*path) {
	for _, p := range paths {
		if y := p.symptom; y >= 0 {
			h.symptoms = append(h.symptoms, y)
		} else {
			h.paths = append(h.paths, p.ID)
		}
	}
}

// explains reports whether a path's symptom is among those that h explains.
func (iv *ifaceView) explains(h *hypothesis, p *path) bool {
	y := p.symptom
	return y >= 0 && slices.Contains(h.symptoms, y)
}

// explainKind says that h is why a symptom that is no path's is there. That a link-local address is missing is
// nobody's doing but this host's.
func (iv *ifaceView) explainKind(h *hypothesis, kinds ...symptomKind) {
	for i, y := range iv.symptoms {
		if y.iface == iv.name && slices.Contains(kinds, y.kind) && (y.kind != absent || !y.addr.IsLinkLocalUnicast()) {
			h.symptoms = append(h.symptoms, i)
		}
	}
}

// explainAll says that h is why anything is missing on the interface at all.
func (iv *ifaceView) explainAll(h *hypothesis) {
	for i, y := range iv.symptoms {
		if y.iface == iv.name && (y.path == nil || y.path.Missing()) {
			h.symptoms = append(h.symptoms, i)
		}
	}
}

// rest adds the evidence of paths that h rests on without explaining them: its controls.
func rest(h *hypothesis, paths ...*path) {
	for _, p := range paths {
		if p != nil {
			h.evidence = append(h.evidence, p.Evidence...)
		}
	}
}
