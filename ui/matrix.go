package ui

import (
	"fmt"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// matrixScreen is who can reach whom: a row a source, a column a question to a target, and in each cell a mark, or
// two where our frame and the kernel's socket came to different ends. The first rows are what was asked as
// applications do; all test addresses are one row, until the reader unfolds it.
type matrixScreen struct {
	tests bool // a row each
	rows  list
	moved bool     // the cursor, by the reader
	at    question // in whose column the cursor is
	col   int      // that column
	left  int      // the first column in sight
	room  int      // for the columns, when they were last drawn
	find  filter   // a source or a target
	found string   // what was looked for when it was last drawn
}

// sourceWidth is what a source has at least: the cursor, an address, a gap.
const sourceWidth = 2 + shortestAddress + 1

func (x *matrixScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedFrames)
	x.room = r.w - sourceWidth
	m := newMatrix(s, x.room, x.tests)
	if len(m.cols) == 0 {
		for i, line := range wrap(s.canvas, say("matrix.empty"), r.w-4) {
			r.put(2, i+1, line, dim)
		}
		return
	}
	names := min(max(r.w-width(m.cols)-1, sourceWidth), longestAddress+4)
	foot := min(5, max(r.h/3, 2))
	if r.h >= 32 { // room for the evidence itself
		foot = r.h - len(m.rows) - 4
		foot = max(r.h/3, min(foot, r.h*2/3))
	}
	body := r.sub(0, 0, r.w, r.h-foot)
	if x.found != x.find.text {
		x.found = x.find.text
		x.jump(m, 0)
	}
	x.fit(m, body.h-2, r.w-names)
	x.drawHeadings(m, body.sub(names, 0, r.w-names, 2))
	for y := 2; y < body.h && x.rows.top+y-2 < len(m.rows); y++ {
		i := x.rows.top + y - 2
		x.drawRow(s, m, body, y, i, names)
	}
	x.drawDetail(s, m, r.sub(0, r.h-foot, r.w, foot))
}

// fit keeps the cursor on a source, and its column in sight. Until the reader moves it, it is where
// something is wrong, else where something was asked.
func (x *matrixScreen) fit(m *matrix, h, w int) {
	before := x.rows.sel
	if !x.moved && !x.rows.moved {
		x.rows.sel, x.col = m.start()
		x.at = m.cols[x.col].questions[0]
	} else {
		x.col = max(0, slices.IndexFunc(m.cols, func(c matrixColumn) bool { return c.has(x.at) }))
	}
	x.rows.follow(len(m.rows), h, func(i int) string { return m.rows[i].id() })
	if len(m.rows) > 0 && m.rows[x.rows.sel].heading {
		x.rows.sel++
		if before > 0 && before < len(m.rows) && x.rows.sel >= len(m.rows) {
			x.rows.sel = len(m.rows) - 1
		}
		x.rows.id = ""
		x.rows.follow(len(m.rows), h, func(i int) string { return m.rows[i].id() })
	}
	if x.rows.sel == 1 {
		x.rows.top = 0 // its heading stays in sight
	}
	x.left = min(x.left, x.col)
	for used := width(m.cols[x.left : x.col+1]); used > w && x.left < x.col; {
		used -= m.cols[x.left].width
		x.left++
	}
}

// goTo puts the cursor on the cell of a question.
func (x *matrixScreen) goTo(p *report.Path) {
	row, col := place(p)
	if row.class == diag.SourceCandidate && !x.tests {
		row.source, row.folded = say("matrix.tests"), true
	}
	x.moved, x.at = true, col.questions[0]
	x.rows.moved, x.rows.id = true, row.id()
}

// jump goes to the next source that has what is looked for, or to the one before; where none has it, to such a column.
// With 0 it stays where that has it.
func (x *matrixScreen) jump(m *matrix, step int) {
	if x.find.text == "" {
		return
	}
	x.moved, x.rows.moved = true, true
	search := func(at, n int, hit func(int) bool) (int, bool) {
		by := step
		if step == 0 {
			by = 1
			at--
		}
		for range n {
			if at = (at + by + n) % n; hit(at) {
				return at, true
			}
		}
		return 0, false
	}
	if i, ok := search(x.rows.sel, len(m.rows), func(i int) bool { return !m.rows[i].heading && x.find.matches(m.rows[i].source) }); ok {
		x.rows.sel, x.rows.id = i, m.rows[i].id()
		return
	}
	if i, ok := search(x.col, len(m.cols), func(i int) bool {
		c := &m.cols[i]
		text := []string{c.group, c.head}
		for _, q := range c.questions {
			text = append(text, q.target)
		}
		return x.find.matches(strings.Join(text, " "))
	}); ok {
		x.col, x.at = i, m.cols[i].questions[0]
	}
}

// start is the first cell with a symptom, else the first that was asked.
func (m *matrix) start() (row, col int) {
	found := false
	for i, r := range m.rows {
		for k, c := range m.cols {
			for _, p := range m.paths(r, c) {
				if cellMark(p) == markBad {
					return i, k
				}
				if !found {
					row, col, found = i, k, true
				}
			}
		}
	}
	return row, col
}

func width(cols []matrixColumn) int {
	w := 0
	for _, c := range cols {
		w += c.width
	}
	return w
}

func (x *matrixScreen) drawHeadings(m *matrix, r region) {
	at := 0
	group := "\x00"
	for i := x.left; i < len(m.cols) && at < r.w; i++ {
		c := m.cols[i]
		if c.group != group {
			r.sub(at, 0, r.w-at, 1).put(0, 0, c.group, bold)
			group = c.group
		}
		st := dim
		if i == x.col {
			st = bold | underline
		}
		r.put(at, 1, c.head, st)
		at += c.width
	}
	if x.left > 0 {
		r.put(0, 0, "←", bold)
	}
	if at-2 > r.w {
		r.put(r.w-1, 0, "→", bold)
	}
}

func (x *matrixScreen) drawRow(s *scene, m *matrix, r region, y, i, names int) {
	row := m.rows[i]
	if row.heading {
		text := say("sources." + string(row.class))
		if row.planned && s.canAsk {
			text += "  " + say("sources.untried")
		}
		r.put(1, y, s.canvas.fit(text, r.w-2), dim)
		return
	}
	st := plain
	if row.planned {
		st = dim
	}
	if i == x.rows.sel {
		r.put(0, y, "▸", bold)
		st = bold
	}
	name := row.source
	if out, addr, ok := strings.Cut(name, ": "); ok && s.canvas.width(name) > names-3 { // of another interface
		name = out + ": " + s.canvas.ending(addr, names-5-s.canvas.width(out))
	}
	r.put(2, y, s.canvas.fit(name, names-3), st)
	at, numbered := names, len(s.Report.Problems()) > 1
	for k := x.left; k < len(m.cols) && at < r.w; k++ {
		c := m.cols[k]
		cell := r.sub(at, y, 2, 1)
		cell.spans(0, 0, m.marks(row, c, numbered)...)
		if i == x.rows.sel && k == x.col {
			cell.restyle(0, func(style) style { return reverse })
		}
		at += c.width
	}
}

// drawDetail says in words what the cell under the cursor holds.
func (x *matrixScreen) drawDetail(s *scene, m *matrix, r region) {
	r.rule(0, dim)
	if n := len(m.rows); n > x.rows.page {
		r.put(2, 0, fmt.Sprintf(" %d/%d ", x.rows.sel+1, n), dim)
	}
	r.right(0, 6, span{" " + m.legend(r.c, r.w-8) + " ", dim})
	if len(m.rows) == 0 {
		return
	}
	row, col := m.rows[x.rows.sel], m.cols[x.col]
	inside := r.sub(1, 1, r.w-2, r.h-1)
	d := newDoc(s.canvas, inside.w)
	all := m.all(row, col)
	switch {
	case len(all) == 0:
		d.para(span{"", plain}, say("matrix.not-asked", "asks", askedWord(col.questions[0].asks), "source", row.source, "target", targetText(&col)), dim)
	case r.h > 8 && len(m.paths(row, col)) > 0:
		pathsDoc(s.canvas, min(inside.w, 110), &s.Report, m.paths(row, col)).preview(inside)
		return
	case len(col.questions) > 1:
		asks := col.questions[0].asks
		if slices.ContainsFunc(col.questions, func(q question) bool { return q.asks != asks }) {
			asks = diag.AsksService // one of several kinds
		}
		d.para(span{"", plain}, say("cells", "asks", askedWord(asks), "source", row.source, "target", targetText(&col)), bold)
		for _, q := range col.questions {
			m.oneLine(d, row, q)
		}
	default:
		d.para(span{"", plain}, cellTitle(all[0]), bold)
		for _, p := range all {
			lead := span{"  " + pad(s.canvas, say("via."+string(p.Via)), 10), dim}
			if p.Outcome == "" {
				d.line(lead, span{say("not-tried"), dim})
				continue
			}
			lead.text += pathMark(p).s + " "
			d.para(lead, joinNonEmpty(" · ", outcomeText(p), normalText(p)), plain)
		}
	}
	d.preview(inside)
}

// legend explains the marks that cells have, in at most w columns, the most important first.
func (m *matrix) legend(c *canvas, w int) string {
	has := map[string]bool{}
	for _, row := range m.rows {
		for _, col := range m.cols {
			spans := m.marks(row, col, false)
			has["differ"] = has["differ"] || len(spans) > 1
			for _, p := range spans {
				has[p.text] = true
			}
		}
	}
	text := ""
	for _, x := range []struct{ has, what string }{
		{markBad.s, "bad"},
		{markPart.s, "part"},
		{markUnknown.s, "unknown"},
		{markQuiet.s, "quiet"},
		{"differ", "differ"},
		{markSkipped.s, "skipped"},
		{markGood.s, "good"},
		{markWaiting.s, "waiting"},
	} {
		if more := joinNonEmpty("  ", text, say("matrix.legend."+x.what)); has[x.has] && c.width(more) <= w {
			text = more
		}
	}
	return text
}

// oneLine says what came of one question of a cell that has several.
func (m *matrix) oneLine(d *doc, row matrixRow, q question) {
	marks := []span{{"  ", plain}}
	name, normal := q.target, ""
	var outcomes []string
	for _, via := range diag.Ways {
		p := m.cells[matrixKey{row.id(), q, via}]
		if p == nil {
			marks = append(marks, markNone.span())
			continue
		}
		marks = append(marks, cellMark(p).span())
		if service := serviceName(q); service != "" && outcomes == nil {
			name = service + " " + name
		}
		text := say("not-tried-yet")
		if p.Outcome != "" {
			text = words.Say("outcome." + string(p.Outcome))
			normal = normalText(p)
		}
		if p.RTTMS != nil && p.Outcome == diag.Answered {
			text = millis(*p.RTTMS)
		}
		outcomes = append(outcomes, say("via."+string(via))+" "+text)
	}
	if outcomes == nil {
		return
	}
	lead := 0
	for _, m := range marks {
		lead += d.c.width(m.text)
	}
	text := " " + name + " " + strings.Join(outcomes, ", ")
	if whole := joinNonEmpty(" · ", text, normal); lead+d.c.width(whole) <= d.w {
		text, normal = whole, ""
	}
	d.line(append(marks, span{text, plain})...)
	if normal != "" {
		d.para(span{strings.Repeat(" ", lead+1), plain}, normal, plain)
	}
}

// serviceName is what answers a question to a service; empty: not known.
func serviceName(q question) string {
	switch {
	case q.asks == diag.AsksDHCP:
		return words.Say("service.dhcpv6")
	case q.asks != diag.AsksService:
		return ""
	}
	switch q.target {
	case "fd00:ec2::254":
		return say("source.imds")
	case "fd00:ec2::253":
		return words.Say("service.dns")
	case "fd00:ec2::123":
		return words.Say("service.ntp")
	}
	return ""
}

// askedWord names a question in a sentence.
func askedWord(asks diag.Asks) string { return say("asks." + string(asks)) }

// targetText names the targets of a column.
func targetText(c *matrixColumn) string {
	switch {
	case len(c.questions) > 1 || c.questions[0].target == "":
		return c.group
	default:
		return joinNonEmpty(" ", say("column."+string(c.class)), c.questions[0].target)
	}
}

func cellTitle(p *report.Path) string {
	if p.Asks == diag.AsksDAD {
		return say("cell.dad", "target", p.Target)
	}
	return say("cell", "asks", askedWord(p.Asks), "source", sourceText(p),
		"class", words.Say("target."+string(p.TargetClass)), "target", p.Target)
}

func normalText(p *report.Path) string {
	switch {
	case p.Outcome == diag.OutcomeSkipped:
		return ""
	case p.Mark.Problem > 0:
		return say("normal.problem", "n", p.Mark.Problem)
	case p.Normal == nil:
		return say("normal.unknown")
	case *p.Normal:
		return say("normal.yes")
	default:
		return say("normal.no")
	}
}

func (x *matrixScreen) key(s *scene, key string) (action, bool) {
	m := newMatrix(s, x.room, x.tests)
	switch key {
	case "left", "right":
		if len(m.cols) == 0 {
			break
		}
		x.moved = true
		if key == "left" {
			x.col = max(0, x.col-1)
		} else {
			x.col = min(x.col+1, len(m.cols)-1)
		}
		x.at = m.cols[x.col].questions[0]
	case "enter":
		if row, _, ok := x.under(m); ok && row.folded {
			x.tests = true
			return nil, true
		}
		return x.open(s, m)
	case "n", "N":
		if x.find.text == "" {
			return nil, false
		}
		x.jump(m, map[string]int{"n": 1, "N": -1}[key])
	case "/", "esc":
		return x.find.open(key)
	case "t":
		x.tests = !x.tests
	case "c":
		return try{diag.AddClaim}, true
	case "C":
		return try{diag.AddKernel}, true
	case "r":
		if row, col, ok := x.under(m); ok {
			for _, p := range m.all(row, col) {
				if p.Check != checkAdded {
					return run{[]string{p.Check}}, true
				}
			}
		}
	default:
		up := key == "up" || key == "pgup"
		if !x.rows.key(key) {
			return nil, false
		}
		// A heading is stepped over.
		for x.rows.sel > 0 && x.rows.sel < len(m.rows) && m.rows[x.rows.sel].heading && up {
			x.rows.sel--
		}
		return nil, true
	}
	return nil, true
}

func (x *matrixScreen) under(m *matrix) (row matrixRow, col matrixColumn, ok bool) {
	if x.rows.sel >= len(m.rows) || x.col >= len(m.cols) {
		return row, col, false
	}
	return m.rows[x.rows.sel], m.cols[x.col], true
}

// open shows the evidence of the cell under the cursor.
func (x *matrixScreen) open(s *scene, m *matrix) (action, bool) {
	row, col, ok := x.under(m)
	if !ok {
		return nil, true
	}
	paths := m.paths(row, col)
	if len(paths) == 0 {
		return tell{say("matrix.nothing-asked")}, true
	}
	report := &s.Report
	page := func(c *canvas, w int) *doc { return pathsDoc(c, w, report, paths) }
	var text strings.Builder
	for _, p := range paths {
		text.WriteString(pathText(p) + "\n")
	}
	return open{&pager{page: page, plain: text.String()}}, true
}

// pathsDoc is a cell in full: what was asked, what came of it, and the frames that show it.
func pathsDoc(c *canvas, w int, r *report.Report, paths []*report.Path) *doc {
	d := newDoc(c, w)
	for i, p := range paths {
		if i == 0 || p.Target != paths[i-1].Target || p.Asks != paths[i-1].Asks {
			d.gap()
			d.para(span{"", plain}, cellTitle(p), bold)
		}
		d.gap()
		m := pathMark(p)
		d.para(span{m.s + " ", m.st}, words.Say("via."+string(p.Via))+": "+joinNonEmpty(" · ", outcomeText(p), normalText(p)), bold)
		d.line(span{"  " + say("counts", "sent", p.Sent, "received", p.Received, "check", p.Check), dim})
		for _, x := range p.Responders {
			d.para(span{"  ", plain}, say("responder", "address", x.Address, "mac", deref(x.MAC), "rtt", millis(deref(x.RTTMS))), plain)
		}
		evidenceLines(d, r, p.Evidence)
	}
	for _, f := range r.Findings {
		for _, p := range paths {
			if slices.Contains(f.Explains, p.ID) {
				d.heading(say("why"))
				m := severityMark(f.Severity)
				d.para(span{"  " + m.s + " ", m.st}, f.Says(), plain)
				break
			}
		}
	}
	return d
}

func (x *matrixScreen) copied(s *scene) string {
	m := newMatrix(s, x.room, x.tests)
	row, col, ok := x.under(m)
	if !ok {
		return ""
	}
	var text strings.Builder
	for _, p := range m.paths(row, col) {
		text.WriteString(pathText(p) + "\n")
	}
	return text.String()
}

func (x *matrixScreen) seeks() bool { return x.find.text != "" }

func (x *matrixScreen) keys(s *scene) []hotkey {
	keys := []hotkey{{"↑↓←→", "move"}, {"enter", "evidence"}}
	if s.canAsk {
		keys = append(keys, hotkey{"t", "tests"}, hotkey{"c", "claim"}, hotkey{"C", "kernel"}, hotkey{"r", "run-this"})
	}
	return append(keys, hotkey{"/", "find"})
}
