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

// A matrixRow is a source, or (source empty) the heading of a class of them.
type matrixRow struct {
	class   diag.SourceClass
	source  string
	heading bool
	planned bool // a candidate that was not tried yet
}

func (r matrixRow) id() string { return string(r.class) + " " + r.source }

// A matrixColumn is one kind of question to one target.
type matrixColumn struct {
	class  diag.TargetClass
	target string // empty: the questions that have no target of their own (DAD, DHCPv6)
	asks   diag.Asks
	group  string // what the target is called in the heading
	width  int
}

type matrixKey struct {
	row  string
	asks diag.Asks
	to   string
	via  diag.Via
}

// A matrix is the paths of an interface in rows and columns.
type matrix struct {
	rows  []matrixRow
	cols  []matrixColumn
	cells map[matrixKey]*diag.ReportPath
}

func (m *matrix) cell(r matrixRow, c matrixColumn, via diag.Via) *diag.ReportPath {
	return m.cells[matrixKey{r.id(), c.asks, c.target, via}]
}

// place says in which row and column a path belongs. The question whether an address is free is
// asked from no address: it belongs to the row of the address it asks for.
func place(p *diag.ReportPath) (matrixRow, matrixColumn) {
	row := matrixRow{class: p.SourceClass, source: sourceText(p)}
	col := matrixColumn{class: p.TargetClass, target: p.Target, asks: p.Asks}
	switch {
	case p.Asks == diag.AsksDAD:
		row = matrixRow{class: diag.SourceCandidate, source: p.Target}
		col = matrixColumn{class: diag.TargetAllNodes, asks: p.Asks}
	case p.Asks == diag.AsksRS || p.Asks == diag.AsksDHCP:
		col.target = ""
	}
	return row, col
}

func newMatrix(s *scene) *matrix {
	m := &matrix{cells: map[matrixKey]*diag.ReportPath{}}
	for _, p := range s.paths() {
		m.add(p, false)
	}
	for i := range s.plan.Lines {
		if l := &s.plan.Lines[i]; l.Check == checkAdded && l.Interface == s.iface {
			m.add(plannedPath(l), true)
		}
	}
	m.order()
	return m
}

// plannedPath is a question that was not asked yet, as a path without an outcome.
func plannedPath(l *PlanLine) *diag.ReportPath {
	p := &diag.ReportPath{
		Interface: l.Interface, Check: l.Check, Asks: l.Asks, SourceClass: l.SourceClass, Target: l.Target.String(),
		TargetClass: l.TargetClass, Via: l.Via, Outcome: l.Outcome, Detail: l.Detail, Note: l.Note,
	}
	if l.Source.IsValid() {
		source := l.Source.String()
		p.Source = &source
	}
	return p
}

func (m *matrix) add(p *diag.ReportPath, planned bool) {
	row, col := place(p)
	row.planned = planned
	i := slices.IndexFunc(m.rows, func(x matrixRow) bool { return x.id() == row.id() })
	switch {
	case i < 0:
		m.rows = append(m.rows, row)
	case planned && !m.rows[i].planned:
		return // it was tried: what came of it stands there
	}
	if !slices.ContainsFunc(m.cols, func(x matrixColumn) bool {
		return x.class == col.class && x.target == col.target && x.asks == col.asks
	}) {
		m.cols = append(m.cols, col)
	}
	k := matrixKey{row.id(), col.asks, col.target, p.Via}
	if old := m.cells[k]; old == nil || pathMark(p).rank() > pathMark(old).rank() {
		m.cells[k] = p
	}
}

var (
	classOrder  = []diag.SourceClass{diag.SourceAssigned, diag.SourceUnknown, diag.SourceUnassigned, diag.SourceUnspecified, diag.SourceCandidate}
	targetOrder = []diag.TargetClass{diag.TargetRouter, diag.TargetPeer, diag.TargetAllNodes, diag.TargetInternet, diag.TargetService}
	asksOrder   = []diag.Asks{diag.AsksRS, diag.AsksDHCP, diag.AsksND, diag.AsksEcho, diag.AsksMTU, diag.AsksService, diag.AsksDAD}
)

// order sorts rows and columns, puts headings in, and names the targets.
func (m *matrix) order() {
	slices.SortStableFunc(m.rows, func(a, b matrixRow) int {
		return slices.Index(classOrder, a.class) - slices.Index(classOrder, b.class)
	})
	targets := map[diag.TargetClass][]string{}
	for _, c := range m.cols {
		if !slices.Contains(targets[c.class], c.target) && c.target != "" {
			targets[c.class] = append(targets[c.class], c.target)
		}
	}
	slices.SortStableFunc(m.cols, func(a, b matrixColumn) int {
		if d := slices.Index(targetOrder, a.class) - slices.Index(targetOrder, b.class); d != 0 {
			return d
		}
		if d := slices.Index(targets[a.class], a.target) - slices.Index(targets[b.class], b.target); d != 0 {
			return d
		}
		return slices.Index(asksOrder, a.asks) - slices.Index(asksOrder, b.asks)
	})
	for i := range m.cols {
		c := &m.cols[i]
		c.group = say("column." + string(c.class))
		if n := slices.Index(targets[c.class], c.target); len(targets[c.class]) > 1 && n >= 0 {
			c.group += fmt.Sprintf(" %d", n+1)
		}
		if c.target == "" {
			c.group = ""
		}
	}
	var rows []matrixRow
	for i, r := range m.rows {
		if i == 0 || r.class != m.rows[i-1].class {
			rows = append(rows, matrixRow{class: r.class, heading: true, planned: r.planned})
		}
		rows = append(rows, r)
	}
	m.rows = rows
}

// measure gives each column its width: two marks, or its heading; a group's name fits over it.
func (m *matrix) measure(c *canvas) int {
	total := 0
	for i := range m.cols {
		m.cols[i].width = max(3, c.width(words.Say("asks."+string(m.cols[i].asks)))) + 2
		total += m.cols[i].width
	}
	for i := 0; i < len(m.cols); {
		j, w := i, 0
		for j < len(m.cols) && m.cols[j].group == m.cols[i].group && m.cols[j].class == m.cols[i].class {
			w += m.cols[j].width
			j++
		}
		if more := c.width(m.cols[i].group) + 2 - w; more > 0 {
			m.cols[j-1].width += more
			total += more
		}
		i = j
	}
	return total
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
	names := min(max(r.w-total-3, 22), 41)
	foot := min(6, max(r.h/3, 2))
	body := r.sub(0, 0, r.w, r.h-foot)
	x.fit(m, body.h-2, r.w-names)
	x.drawHeadings(m, body.sub(names, 0, r.w-names, 2))
	for y := 2; y < body.h && x.rows.top+y-2 < len(m.rows); y++ {
		i := x.rows.top + y - 2
		x.drawRow(s, m, body, y, i, names)
	}
	more(body, &x.rows, len(m.rows))
	x.drawDetail(s, m, r.sub(0, r.h-foot, r.w, foot))
}

// fit keeps the cursor on a source, and its column in sight.
func (x *matrixScreen) fit(m *matrix, h, w int) {
	before := x.rows.sel
	x.rows.follow(len(m.rows), h, func(i int) string { return m.rows[i].id() })
	if len(m.rows) > 0 && m.rows[x.rows.sel].heading {
		x.rows.sel += 1
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
	if at > r.w || x.left > 0 && false {
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
			cell.restyle(0, func(st style) style { return st&^dim | reverse })
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
	r.right(0, 2, span{" " + say("matrix.legend") + " ", dim})
	if len(m.rows) == 0 {
		return
	}
	row, col := m.rows[x.rows.sel], m.cols[x.col]
	d := newDoc(s.canvas, r.w-2)
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
	d.draw(r.sub(1, 1, r.w-2, r.h-1), 0)
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
	var paths []*diag.ReportPath
	for _, via := range []diag.Via{diag.ViaWire, diag.ViaKernel} {
		if p := m.cell(row, col, via); p != nil && p.Outcome != "" {
			paths = append(paths, p)
		}
	}
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
	for _, via := range []diag.Via{diag.ViaWire, diag.ViaKernel} {
		if p := m.cell(row, col, via); p != nil && p.Outcome != "" {
			text.WriteString(pathText(p) + "\n")
		}
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
