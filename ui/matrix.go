package ui

import (
	"fmt"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// matrixScreen is who can reach whom: a row a source, a column a question to a target, and in each
// cell two marks, by wire and by kernel.
type matrixScreen struct {
	rows list
	col  int
	left int // the first column in sight
}

func (x *matrixScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedFrames)
	m := newMatrix(s)
	if len(m.cols) == 0 {
		for i, line := range wrap(s.canvas, say("matrix.empty"), r.w-4) {
			r.put(2, i+1, line, dim)
		}
		return
	}
	total := m.measure(s.canvas)
	names := min(max(r.w-total-1, 24), 42)
	foot := min(5, max(r.h/3, 2))
	if r.h >= 32 { // room for the evidence itself
		foot = r.h - len(m.rows) - 4
		foot = max(r.h/3, min(foot, r.h*2/3))
	}
	body := r.sub(0, 0, r.w, r.h-foot)
	x.fit(m, body.h-2, r.w-names)
	x.drawHeadings(m, body.sub(names, 0, r.w-names, 2))
	for y := 2; y < body.h && x.rows.top+y-2 < len(m.rows); y++ {
		i := x.rows.top + y - 2
		x.drawRow(s, m, body, y, i, names)
	}
	x.drawDetail(s, m, r.sub(0, r.h-foot, r.w, foot))
}

// fit keeps the cursor on a source, and its column in sight.
func (x *matrixScreen) fit(m *matrix, h, w int) {
	before := x.rows.sel
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
	x.col = max(0, min(x.col, len(m.cols)-1))
	x.left = min(x.left, x.col)
	for used := width(m.cols[x.left : x.col+1]); used > w && x.left < x.col; {
		used -= m.cols[x.left].width
		x.left++
	}
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
		r.put(at, 1, words.Say("asks."+string(c.asks)), st)
		at += c.width
	}
	if x.left > 0 {
		r.put(0, 0, "←", bold)
	}
	if at > r.w {
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
	r.put(2, y, s.canvas.fit(row.source, names-3), st)
	at := names
	for k := x.left; k < len(m.cols) && at < r.w; k++ {
		c := m.cols[k]
		wire, kernel := m.cell(row, c, diag.ViaWire), m.cell(row, c, diag.ViaKernel)
		cell := r.sub(at, y, 3, 1)
		cell.spans(0, 0, cellMark(wire), span{" ", plain}, cellMark(kernel))
		if i == x.rows.sel && k == x.col {
			cell.restyle(0, func(style) style { return reverse })
		}
		at += c.width
	}
}

// cellMark is the mark of a question; one that was planned and not asked waits.
func cellMark(p *diag.ReportPath) span {
	if p != nil && p.Outcome == "" {
		return markWaiting.span()
	}
	return pathMark(p).span()
}

// drawDetail says in words what the cell under the cursor holds.
func (x *matrixScreen) drawDetail(s *scene, m *matrix, r region) {
	r.rule(0, dim)
	if n := len(m.rows); n > x.rows.page {
		r.put(2, 0, fmt.Sprintf(" %d/%d ", x.rows.sel+1, n), dim)
	}
	r.right(0, 12, span{" " + say("matrix.legend") + " ", dim})
	if len(m.rows) == 0 {
		return
	}
	row, col := m.rows[x.rows.sel], m.cols[x.col]
	inside := r.sub(1, 1, r.w-2, r.h-1)
	d := newDoc(s.canvas, inside.w)
	if paths := m.paths(row, col); r.h > 8 && len(paths) > 0 {
		pathsDoc(s.canvas, min(inside.w, 110), &s.Report, paths).preview(inside)
		return
	}
	asked := false
	for _, via := range []diag.Via{diag.ViaWire, diag.ViaKernel} {
		p := m.cell(row, col, via)
		if p == nil {
			continue
		}
		if !asked {
			d.para(span{"", plain}, cellTitle(p), bold)
			asked = true
		}
		lead := span{"  " + pad(s.canvas, say("via."+string(via)), 10), dim}
		if p.Outcome == "" {
			d.line(lead, span{say("not-tried"), dim})
			continue
		}
		mk := pathMark(p)
		lead.text += mk.s + " "
		d.para(lead, joinNonEmpty(" · ", outcomeText(p), normalText(p)), plain)
	}
	if !asked {
		d.para(span{"", plain}, say("matrix.not-asked"), dim)
	}
	d.preview(inside)
}

func cellTitle(p *diag.ReportPath) string {
	if p.Asks == diag.AsksDAD {
		return say("cell.dad", "target", p.Target)
	}
	return say("cell", "asks", words.Say("asks."+string(p.Asks)), "source", sourceText(p),
		"class", words.Say("target."+string(p.TargetClass)), "target", p.Target)
}

func normalText(p *diag.ReportPath) string {
	switch {
	case p.Outcome == diag.OutcomeSkipped:
		return ""
	case p.Normal == nil:
		return say("normal.unknown")
	case *p.Normal:
		return say("normal.yes")
	default:
		return say("normal.no")
	}
}

func (x *matrixScreen) key(s *scene, key string) (action, bool) {
	m := newMatrix(s)
	switch key {
	case "left":
		x.col = max(0, x.col-1)
	case "right":
		x.col = min(x.col+1, max(len(m.cols)-1, 0))
	case "enter":
		return x.open(s, m)
	case "c":
		return try{diag.AddClaim}, true
	case "C":
		return try{diag.AddKernel}, true
	case "r":
		if row, col, ok := x.under(m); ok {
			for _, via := range []diag.Via{diag.ViaWire, diag.ViaKernel} {
				if p := m.cell(row, col, via); p != nil && p.Check != checkAdded {
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
		return nil, true
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
func pathsDoc(c *canvas, w int, r *diag.Report, paths []*diag.ReportPath) *doc {
	d := newDoc(c, w)
	d.para(span{"", plain}, cellTitle(paths[0]), bold)
	for _, p := range paths {
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
				d.para(span{"  " + m.s + " ", m.st}, f.Summary, plain)
				break
			}
		}
	}
	return d
}

func (x *matrixScreen) copied(s *scene) string {
	m := newMatrix(s)
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

func (x *matrixScreen) keys(s *scene) []hotkey {
	keys := []hotkey{{"↑↓←→", "move"}, {"enter", "evidence"}}
	if s.canAsk {
		keys = append(keys, hotkey{"c", "claim"}, hotkey{"C", "kernel"}, hotkey{"r", "run-this"})
	}
	return keys
}
