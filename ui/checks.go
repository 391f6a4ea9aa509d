package ui

import (
	"cmp"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// checkScreen is every check: how it stands, what it found, how long it took.
type checkScreen struct {
	list   list
	filter filter
	order  order
}

var checkOrders = []orderBy[checkLine]{
	{"listed", nil},
	{"worst", func(a, b checkLine) int { return cmp.Compare(b.mark().rank(), a.mark().rank()) }},
	{"took", func(a, b checkLine) int { return cmp.Compare(b.Settled.Sub(b.Started), a.Settled.Sub(a.Started)) }},
}

// rows returns the checks that the filter lets through, in order.
func (x *checkScreen) rows(s *scene) []checkLine {
	rows := slices.DeleteFunc(checkLines(s), func(l checkLine) bool {
		return x.filter.text != "" && !x.filter.matches(joinNonEmpty(" ", l.ID, words.Say("check."+l.ID+".title"), l.stateText(), l.outcome()))
	})
	sortRows(rows, x.order, checkOrders)
	return rows
}

// A checkLine is a check on an interface, with what its questions came to.
type checkLine struct {
	CheckRow
	known           bool // it has run or was skipped
	asked, answered int
	wrong, part     int // by pathMark
	quiet, unknown  int
	problem         int // the first that explains what is wrong, where there are several
}

func checkLines(s *scene) []checkLine {
	var lines []checkLine
	ids := slices.Clone(s.checks)
	for _, c := range s.Checks {
		if !slices.Contains(ids, c.ID) {
			ids = append(ids, c.ID)
		}
	}
	for _, id := range ids {
		line := checkLine{CheckRow: CheckRow{Check: diag.Check{ID: id, Interface: s.iface}}}
		for _, c := range s.Checks {
			if c.ID == id && (c.Interface == s.iface || c.Interface == "") {
				line.CheckRow, line.known = c, true
			}
		}
		var asked []*report.Path
		for _, p := range s.paths() {
			if p.Check != id || p.Outcome == diag.OutcomeSkipped {
				continue
			}
			line.asked++
			asked = append(asked, p)
			if p.Outcome == diag.Answered {
				line.answered++
			}
			switch pathMark(p) {
			case markBad:
				line.wrong++
			case markPart:
				line.part++
			case markQuiet:
				line.quiet++
			case markUnknown:
				line.unknown++
			}
		}
		if len(s.Report.Problems()) > 1 {
			line.problem = firstProblem(asked, line.mark())
		}
		lines = append(lines, line)
	}
	return lines
}

func (l *checkLine) mark() mark {
	switch {
	case l.State == diag.CheckSkipped:
		return markSkipped
	case l.wrong > 0:
		return markBad
	case l.part > 0:
		return markPart
	case l.State == diag.CheckRunning || !l.known:
		return markWaiting
	case l.unknown > 0:
		return markUnknown
	case l.asked == 0 && !words.Has("ui.check.read."+l.ID):
		return markSkipped
	default:
		return markGood
	}
}

// outcome says what a check came to, in words.
func (l *checkLine) outcome() string {
	switch {
	case l.State == diag.CheckSkipped:
		return skippedText(l.Why)
	case l.State == diag.CheckRunning && l.asked == 0:
		return say("check.running")
	case !l.known:
		return say("check.not-run")
	case l.asked == 0 && words.Has("ui.check.read."+l.ID):
		return say("check.read." + l.ID)
	case l.asked == 0:
		return say("check.no-questions")
	case l.wrong > 0:
		return l.because(say("check.wrong", "n", l.asked, "wrong", l.wrong+l.part))
	case l.part > 0:
		return l.because(say("check.part", "n", l.asked, "part", l.part))
	case l.unknown > 0:
		return say("check.unknown", "n", l.asked, "unknown", l.unknown)
	default:
		return say("check.normal", "n", l.asked)
	}
}

// because adds the number of the problem that explains it.
func (l *checkLine) because(text string) string {
	if l.problem == 0 {
		return text
	}
	return say("check.problem", "text", text, "n", l.problem)
}

func skippedText(why string) string {
	if words.Has("detail." + why) {
		return words.Say("detail."+why, "note", "")
	}
	return words.Clean(why)
}

func (l *checkLine) stateText() string {
	if !l.known {
		return "–"
	}
	return say("check.state." + string(l.State))
}

func (l *checkLine) took() string {
	if l.State != diag.CheckDone || l.Started.IsZero() || l.Ended.IsZero() || l.Settled.Before(l.Started) {
		return ""
	}
	return took(l.Settled.Sub(l.Started))
}

func (x *checkScreen) draw(s *scene, r region) {
	lines := x.rows(s)
	foot := min(max(r.h-len(lines)-1, 4), 6, r.h/3)
	g := grid{columns: []column{
		{title: "", width: 1},
		{title: say("col.check"), width: 12},
		{title: say("col.state"), width: 8},
		{title: say("col.took"), width: 8, drop: 1},
		{title: say("col.outcome"), width: 10, grow: 120, drop: 2},
	}, list: &x.list, empty: s.noRows(&x.filter, len(s.checks), "checks.empty", diag.FeedNetlink), row: func(i int) []span {
		l := &lines[i]
		m := l.mark()
		return []span{m.span(), {l.ID, plain}, {l.stateText(), plain}, {l.took(), dim}, {l.outcome(), m.st & colours}}
	}}
	g.draw(r.sub(0, 0, r.w, r.h-foot), len(lines), func(i int) string { return lines[i].ID })
	r.right(0, 20, x.filter.count(len(lines))...)
	if foot > 1 && len(lines) > 0 {
		area := r.sub(0, r.h-foot, r.w, foot)
		area.rule(0, dim)
		checkDoc(s.canvas, area.w-2, &lines[x.list.sel], nil).preview(area.sub(1, 1, area.w-2, area.h-1))
	}
}

// checkDoc says what a check asks and what came of it.
func checkDoc(c *canvas, w int, l *checkLine, paths []*report.Path) *doc {
	d := newDoc(c, w)
	d.para(span{l.ID + "  ", bold}, words.Say("check."+l.ID+".title"), plain)
	m := l.mark()
	d.para(span{m.s + " ", m.st}, l.outcome(), plain)
	if l.Fix != "" {
		d.fix(l.Fix)
	}
	for _, key := range []string{"asks", "sends", "changes"} {
		if key := "check." + l.ID + "." + key; words.Has(key) {
			d.para(span{"", plain}, words.Say(key), dim)
		}
	}
	if len(paths) > 0 {
		d.heading(say("finding.paths"))
	}
	for _, p := range paths {
		m := pathMark(p)
		d.para(span{"  " + m.s + " ", m.st}, pathText(p), plain)
	}
	return d
}

func (x *checkScreen) key(s *scene, key string) (action, bool) {
	lines := x.rows(s)
	if act, ok := orderKey(&x.order, checkOrders, &x.list, key); ok {
		return act, true
	}
	if x.list.sel >= len(lines) {
		return x.filter.keys(&x.list, key)
	}
	l := lines[x.list.sel]
	switch key {
	case "r":
		if l.ID == checkAdded {
			return try{diag.AddClaim}, true
		}
		return run{[]string{l.ID}}, true
	case "enter":
		var paths []*report.Path
		for _, p := range s.paths() {
			if p.Check == l.ID {
				paths = append(paths, p)
			}
		}
		return open{&pager{page: func(c *canvas, w int) *doc { return checkDoc(c, w, &l, paths) }, plain: l.ID + ": " + l.outcome()}}, true
	}
	if x.list.key(key) {
		return nil, true
	}
	return x.filter.keys(&x.list, key)
}

func (x *checkScreen) copied(s *scene) string {
	lines := x.rows(s)
	if x.list.sel < len(lines) {
		return lines[x.list.sel].ID + ": " + lines[x.list.sel].outcome()
	}
	return ""
}

func (x *checkScreen) seeks() bool { return x.filter.text != "" }

func (x *checkScreen) keys(s *scene) []hotkey {
	keys := []hotkey{{"↑↓", "choose"}, {"enter", "open"}}
	if s.canAsk {
		keys = append(keys, hotkey{"r", "run-this"}, hotkey{"R", "run-all"}, hotkey{"S", "stop"})
	}
	return append(keys, rowKeys...)
}
