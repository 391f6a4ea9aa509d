package ui

import (
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// inSight is the place of the interface in sight among those of the run: the one that was turned to, or as long as
// none was, that of the first problem.
func (m *Model) inSight() int {
	links := m.frame.Links
	if len(links) == 0 {
		return 0
	}
	if !m.turned {
		for _, f := range m.frame.Report.Problems() {
			if i := slices.IndexFunc(links, func(l diag.Link) bool { return l.Interface == f.Interface }); i >= 0 {
				return i
			}
		}
	}
	return m.iface % len(links)
}

// turnTo has an interface be in sight; -1: the next one.
func (m *Model) turnTo(s *scene, i int) {
	if i < 0 {
		i = m.inSight() + 1
	}
	if len(s.Links) < 2 {
		m.notice = span{s.otherwise(), dim}
		return
	}
	m.turned, m.iface = true, i
}

// otherwise says which interfaces of this host the run is not about, where there is none to turn to.
func (s *scene) otherwise() string {
	var names []string
	for _, x := range s.Report.NotExamined {
		names = append(names, x.Name)
	}
	if len(names) == 0 {
		return say("iface.only")
	}
	return say("iface.not-asked", "interface", s.iface, "others", words.List(names))
}

// here reports whether what is of an interface is to be told of the one in sight: what is of none, or of one that has
// no screens of its own, is told of each.
func (s *scene) here(iface string) bool {
	return iface == s.iface || !slices.ContainsFunc(s.Links, func(l diag.Link) bool { return l.Interface == iface })
}

// problem is one of the report's problems and its number among them.
type problem struct {
	*report.Finding
	number int
}

// problems are those of the interface in sight, with their places among all, from 1.
func (s *scene) problems() []problem {
	var list []problem
	all := s.Report.Problems()
	for i := range all {
		if s.here(all[i].Interface) {
			list = append(list, problem{&all[i], i + 1})
		}
	}
	return list
}

// unexplained are the symptoms that nothing explains, of the interface in sight.
func (s *scene) unexplained() []*report.Unexplained {
	var list []*report.Unexplained
	for i := range s.Report.Unexplained {
		u := &s.Report.Unexplained[i]
		paths := explained(&s.Report, u.Paths)
		if len(paths) == 0 || slices.ContainsFunc(paths, func(p *report.Path) bool { return s.here(p.Interface) }) {
			list = append(list, u)
		}
	}
	return list
}

// verdict is that of the interface in sight.
func (s *scene) verdict() why.Verdict {
	worst := why.VerdictOK
	switch {
	case len(s.unexplained()) > 0:
		worst = why.VerdictWarning
	case s.Report.Verdict == why.VerdictUnknown, len(s.Report.Unknown) > 0:
		worst = why.VerdictUnknown
	}
	for _, p := range s.problems() {
		switch p.Severity {
		case why.Critical:
			return why.VerdictCritical
		case why.Warning:
			worst = why.VerdictWarning
		case why.Info:
		}
	}
	return worst
}

// headline is the verdict on the interface in sight in one sentence: the report's, where that is about it.
func (s *scene) headline() string {
	all, own := s.Report.Problems(), s.problems()
	switch {
	case len(all) == len(own) && len(s.Report.Unexplained) == len(s.unexplained()):
		return s.Report.Headline
	case len(own) == 0 && len(s.unexplained()) > 0:
		return s.unexplained()[0].Symptom
	case len(own) == 0:
		return say("iface.fine", "interface", s.iface)
	default:
		return own[0].Summary
	}
}

// on says of which interface a sentence is, where that is not the one in sight.
func (s *scene) on(iface, sentence string) string {
	if iface == s.iface {
		return sentence
	}
	return s.Report.On(iface, sentence)
}

// of is the scene of another interface.
func (s *scene) of(iface string) *scene {
	other := *s
	other.iface = iface
	return &other
}

// others are the run's other interfaces about which somebody has to act, or that nothing explains, worst first.
func (s *scene) others() []*scene {
	var list []*scene
	for _, l := range s.Links {
		if o := s.of(l.Interface); l.Interface != s.iface && len(o.problems())+len(o.unexplained()) > 0 {
			list = append(list, o)
		}
	}
	diag.SortFunc(list, func(a, b *scene) int { return verdictRank(b.verdict()) - verdictRank(a.verdict()) })
	return list
}

func verdictRank(v why.Verdict) int {
	return slices.Index([]why.Verdict{why.VerdictOK, why.VerdictUnknown, why.VerdictWarning, why.VerdictCritical}, v)
}

// elsewheres are a line of the overview's list for each other interface where something is wrong.
func (s *scene) elsewheres() []because {
	var list []because
	for _, o := range s.others() {
		item := because{
			mark: verdictMark(o.verdict()), word: say("iface.turn"), text: words.On(o.iface, o.headline()),
			id: "interface " + o.iface, name: o.iface, turn: o.iface,
		}
		item.plain = item.text
		item.page = func(c *canvas, w int) *doc {
			d := newDoc(c, w)
			for _, p := range o.problems() {
				d.para(severityMark(p.Severity).span(), " "+p.Says(), plain)
			}
			for _, u := range o.unexplained() {
				d.para(span{"? ", yellow | bold}, u.Symptom, plain)
			}
			return d
		}
		list = append(list, item)
	}
	return list
}

// whereabouts names the interface in sight, and what is to be known of the others before it is read.
func (s *scene) whereabouts(undecided bool) []span {
	list := []span{{s.iface, bold}}
	if others := s.others(); len(others) > 0 && !undecided {
		v := others[0].verdict()
		list = append(list, span{"  " + others[0].iface + ": ", plain}, verdictMark(v).span(), span{" " + upper("verdict."+string(v)) + " ", verdictMark(v).st}, span{say("iface.key"), dim})
		return list
	}
	if len(s.Links) > 1 {
		return append(list, span{say("status.of", "n", len(s.Links)), dim})
	}
	if n := len(s.Report.NotExamined); n == 1 {
		list = append(list, span{say("iface.other-not-asked", "interface", s.Report.NotExamined[0].Name), dim})
	} else if n > 1 {
		list = append(list, span{say("iface.others-not-asked", "n", n), dim})
	}
	return list
}

// spansWidth is how many columns spans take.
func (r region) spansWidth(list []span) int {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.text)
	}
	return r.width(b.String())
}
