package ui

import (
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// A pager shows one thing in full over the screen: a finding by its id, or any text. A finding is
// looked up anew in each Frame, so it stays true while it is read.
type pager struct {
	scroll scroll
	id     string // of a because
	page   func(c *canvas, w int) *doc
	plain  string
}

func (p *pager) draw(s *scene, r region) {
	if p.id != "" {
		for _, b := range becauses(s) {
			if b.id == p.id {
				p.page, p.plain = b.page, b.plain
			}
		}
	}
	if p.page == nil {
		return
	}
	inside := r.sub(1, 0, r.w-2, r.h)
	d := p.page(s.canvas, min(inside.w, 110))
	p.scroll.draw(d, inside)
}

// draw shows the lines in sight, and how many there are below them.
func (p *scroll) draw(d *doc, r region) {
	h := r.h
	if len(d.lines) > h { // the last line says that there is more
		h--
	}
	p.fit(len(d.lines), h)
	d.draw(r.sub(0, 0, r.w, h), p.top)
	if more := len(d.lines) - p.top - h; more > 0 {
		r.right(r.h-1, 0, span{say("more-below", "n", more), dim})
	}
}

func (p *pager) key(_ *scene, key string) (action, bool) {
	switch {
	case p.scroll.key(key):
		return nil, false
	default:
		return nil, key == "esc" || key == "enter" || key == "q" || key == "left" || key == "backspace"
	}
}

func (p *pager) copied(*scene) string { return p.plain }

func (p *pager) keys(*scene) []hotkey {
	return []hotkey{{"esc", "back"}, {"↑↓", "scroll"}, {"y", "copy"}, {"s", "save"}, {"x", "hide"}}
}

// findingDoc is a finding in full.
func findingDoc(c *canvas, w int, r *report.Report, f *report.Finding) *doc {
	d := newDoc(c, w)
	m := severityMark(f.Severity)
	d.para(span{m.s + " ", m.st}, f.Summary, bold)
	d.line(span{"  " + joinNonEmpty(" · ", words.Say("severity."+string(f.Severity)),
		words.Say("confidence."+string(f.Confidence)), f.Cause, f.Interface), dim})
	d.gap()
	d.para(span{"", plain}, f.Explanation, plain)
	for i, s := range why.Steps(f.Remedies, f.Look) {
		if i == 0 {
			d.heading(say("finding.remedy"))
		}
		if s.Command {
			d.command(s.Text)
		} else {
			d.para(span{"  ", plain}, s.Text, plain)
		}
	}
	paths := explained(r, f.Explains)
	if len(paths) > 0 {
		d.heading(say("finding.explains"))
		for _, p := range paths {
			m := pathMark(p)
			d.para(span{"  " + m.s + " ", m.st}, pathText(p), plain)
		}
	}
	evidenceLines(d, r, f.Evidence)
	if len(f.Alternatives) > 0 {
		d.heading(say("finding.alternatives"))
		for _, a := range f.Alternatives {
			d.para(span{"  " + a.Cause + ": ", bold}, say("finding.tell", "tell", a.TellApart), plain)
		}
	}
	if key := "cause." + f.Cause + ".see"; words.Has(key) {
		d.heading(say("finding.see"))
		for command := range strings.SplitSeq(words.Say(key), "; ") {
			d.command(command)
		}
	}
	if key := "cause." + f.Cause + ".source"; words.Has(key) {
		d.heading(say("finding.source"))
		d.para(span{"  ", plain}, words.Say(key), dim)
	}
	return d
}

func evidenceLines(d *doc, r *report.Report, ids []string) {
	if len(ids) == 0 {
		return
	}
	d.heading(say("finding.evidence"))
	for _, e := range r.Evidence {
		for _, id := range ids {
			if e.ID == id {
				d.para(span{"  " + evidenceClock(e.At) + " ", dim}, e.What, plain)
			}
		}
	}
}

// evidenceClock cuts the time of day out of an RFC 3339 time.
func evidenceClock(at string) string {
	_, clock, _ := strings.Cut(at, "T")
	clock = strings.TrimSuffix(clock, "Z")
	return clock[:min(len(clock), 12)]
}

func explained(r *report.Report, ids []string) []*report.Path {
	var list []*report.Path
	for i := range r.Paths {
		for _, id := range ids {
			if r.Paths[i].ID == id {
				list = append(list, &r.Paths[i])
			}
		}
	}
	return list
}

// pathText says what was asked and what came of it.
func pathText(p *report.Path) string {
	return say("path", "asks", words.Say("asks."+string(p.Asks)), "source", sourceText(p), "target", p.Target,
		"via", words.Say("via."+string(p.Via)), "outcome", outcomeText(p))
}

func sourceText(p *report.Path) string {
	if p.Source == nil {
		return say("no-source")
	}
	return *p.Source
}

// outcomeText says what came of a question, with what refines it.
func outcomeText(p *report.Path) string {
	text := words.Say("outcome." + string(p.Outcome))
	if p.RTTMS != nil && p.Outcome == diag.Answered {
		text += " " + millis(*p.RTTMS)
	}
	if p.Sent > 1 && p.Received < p.Sent && p.Outcome == diag.Answered {
		text += " " + say("lost", "n", p.Sent-p.Received, "sent", p.Sent)
	}
	if p.Errno != nil {
		text += " (" + *p.Errno + ")"
	}
	if p.Error != nil {
		text += " " + say("by", "who", p.Error.From)
	}
	if p.NUD != "" && p.Outcome != diag.Answered {
		text += ", " + say("entry", "state", p.NUD)
	}
	if p.Way != "" {
		text += ", " + p.Way
	}
	if p.Detail != "" && (p.Detail != "elsewhere" || p.Way == "") { // the way tells where
		text += ": " + words.Detail(string(p.Asks), p.Detail, p.Note)
	}
	return text
}

func unexplainedDoc(c *canvas, w int, r *report.Report, u *report.Unexplained) *doc {
	d := newDoc(c, w)
	d.para(span{"? ", yellow | bold}, u.Symptom, bold)
	d.gap()
	d.para(span{"", plain}, say("unexplained.means"), plain)
	if paths := explained(r, u.Paths); len(paths) > 0 {
		d.heading(say("finding.paths"))
		for _, p := range paths {
			m := pathMark(p)
			d.para(span{"  " + m.s + " ", m.st}, pathText(p), plain)
		}
	}
	evidenceLines(d, r, u.Evidence)
	return d
}

func unknownDoc(c *canvas, w int, u *why.Unknown) *doc {
	d := newDoc(c, w)
	d.para(span{"? ", yellow | bold}, u.What, bold)
	d.gap()
	d.para(span{"", plain}, u.Why, plain)
	if u.Fix != "" {
		d.heading(say("unknown.fix"))
		d.command(u.Fix)
	}
	return d
}

func unaskedDoc(c *canvas, w int, list []string) *doc {
	d := newDoc(c, w)
	d.para(span{markSkipped.s + " ", markSkipped.st}, say("not-asked"), bold)
	d.gap()
	for _, text := range list {
		d.para(span{"  ", plain}, text, plain)
	}
	return d
}

// findingText is a finding as text for a ticket.
func findingText(f *report.Finding) string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(words.Say("severity."+string(f.Severity))) + " " + f.Cause + ": " + f.Summary + "\n")
	b.WriteString(f.Explanation + "\n")
	for _, s := range why.Steps(f.Remedies, f.Look) {
		if s.Command {
			s.Text = "  $ " + s.Text
		}
		b.WriteString(s.Text + "\n")
	}
	return b.String()
}
