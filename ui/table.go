package ui

import (
	"slices"
	"strconv"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// A matrixRow is a source, or (source empty) the heading of a class of them.
type matrixRow struct {
	class   diag.SourceClass
	source  string
	heading bool
	planned bool // a candidate that was not tried yet
	folded  bool // it stands for all test addresses
}

func (r matrixRow) id() string { return string(r.class) + " " + r.source }

// A matrixColumn is one kind of question to one target, or where the window is too narrow for that,
// to all targets of a class.
type matrixColumn struct {
	class     diag.TargetClass
	questions []question
	group     string // what the targets are called, in the heading
	head      string // what is asked, below it
	width     int
}

// A question is what is asked of a target; an RS and DAD have no target of their own.
type question struct {
	asks   diag.Asks
	target string
}

func (c *matrixColumn) has(q question) bool { return slices.Contains(c.questions, q) }

// sourceApp is the class of the rows of what was asked as applications do: the kernel chose the source.
const sourceApp diag.SourceClass = "app"

// targetNobody is the column of a question that hopes for no answer: is the address free?
const targetNobody diag.TargetClass = "nobody"

type matrixKey struct {
	row string
	question
	via diag.Via
}

// A matrix is the paths of an interface in rows and columns.
type matrix struct {
	rows  []matrixRow
	cols  []matrixColumn
	cells map[matrixKey]*report.Path
	tests bool // test addresses have a row each
}

// all returns the questions of a cell, one target after another.
func (m *matrix) all(r matrixRow, c matrixColumn) []*report.Path {
	var list []*report.Path
	for _, q := range c.questions {
		for _, via := range diag.Ways {
			if p := m.cells[matrixKey{r.id(), q, via}]; p != nil {
				list = append(list, p)
			}
		}
	}
	return list
}

// paths returns the questions of a cell that were settled.
func (m *matrix) paths(r matrixRow, c matrixColumn) []*report.Path {
	return slices.DeleteFunc(m.all(r, c), func(p *report.Path) bool { return p.Outcome == "" })
}

// mark is the mark of a cell by one way: of several questions, that which most deserves attention.
func (m *matrix) mark(r matrixRow, c matrixColumn, via diag.Via) mark {
	worst := markNone
	for _, p := range m.all(r, c) {
		if x := cellMark(p); p.Via == via && (worst == markNone || x.rank() > worst.rank()) {
			worst = x
		}
	}
	return worst
}

// marks are what a cell shows: one mark where the ways agree, else by wire and by kernel; of what a problem explains
// its number, where there are several.
func (m *matrix) marks(r matrixRow, c matrixColumn, numbered bool) []span {
	if r.class == sourceApp {
		return m.numbered(r, c, m.mark(r, c, diag.ViaApp), numbered)
	}
	wire, kernel := m.mark(r, c, diag.ViaWire), m.mark(r, c, diag.ViaKernel)
	switch {
	case wire == kernel, kernel == markNone, kernel == markSkipped && wire != markNone:
		return m.numbered(r, c, wire, numbered)
	case wire == markNone, wire == markSkipped:
		return m.numbered(r, c, kernel, numbered)
	default:
		return []span{wire.span(), kernel.span()}
	}
}

// numbered is a mark with the number of the first problem that explains it.
func (m *matrix) numbered(r matrixRow, c matrixColumn, k mark, several bool) []span {
	return k.numbered(firstProblem(m.all(r, c), k), several)
}

// cellMark is the mark of a question; one that was planned and not asked waits.
func cellMark(p *report.Path) mark {
	if p.Outcome == "" {
		return markWaiting
	}
	return pathMark(p)
}

// elsewhere is the interface by which applications' packets leave where it is another than the one asked in whose
// name; empty: it is none.
func elsewhere(p *report.Path) string {
	if p.Via == diag.ViaApp && p.Out != nil && *p.Out != p.Interface {
		return *p.Out
	}
	return ""
}

// place says in which row and column a path belongs. The question whether an address is free is
// asked from no address: it belongs to the row of the address it asks for.
func place(p *report.Path) (matrixRow, matrixColumn) {
	row := matrixRow{class: p.SourceClass, source: sourceText(p)}
	class, q := p.TargetClass, question{p.Asks, p.Target}
	if p.Via == diag.ViaApp {
		row = matrixRow{class: sourceApp, source: sourceText(p)}
		if out := elsewhere(p); out != "" {
			row.source = say("matrix.out", "interface", out, "source", row.source)
		}
	}
	switch p.Asks {
	case diag.AsksDAD:
		row = matrixRow{class: diag.SourceCandidate, source: p.Target}
		class, q.target = targetNobody, ""
	case diag.AsksRS:
		class, q.target = diag.TargetRouter, ""
	case diag.AsksDHCP:
		class = diag.TargetService
	}
	return row, matrixColumn{class: class, questions: []question{q}}
}

// newMatrix arranges what was and would be asked in columns that are at most w wide together, if
// that can be.
func newMatrix(s *scene, w int, tests bool) *matrix {
	m := &matrix{cells: map[matrixKey]*report.Path{}, tests: tests}
	for _, p := range s.paths() {
		if !p.OfOurs() || p.Mark.Judgement >= report.Impaired { // an address of this host is no peer, unless another answers for it
			m.add(p, false)
		}
	}
	for i := range s.plan.Lines {
		if l := &s.plan.Lines[i]; l.Check == checkAdded && l.Interface == s.iface {
			m.add(plannedPath(l), true)
		}
	}
	m.order()
	m.shape(s.canvas, w)
	return m
}

// plannedPath is a question that was not asked yet, as a path without an outcome.
func plannedPath(l *PlanLine) *report.Path {
	p := &report.Path{
		Interface: l.Interface, Check: l.Check, Asks: l.Asks, SourceClass: l.SourceClass, Target: l.Target.String(),
		TargetClass: l.TargetClass, Via: l.Via, Outcome: l.Outcome, Detail: l.Detail, Note: l.Note,
	}
	if l.Source.IsValid() {
		source := l.Source.String()
		p.Source = &source
	}
	return p
}

func (m *matrix) add(p *report.Path, planned bool) {
	row, col := place(p)
	row.planned = planned
	if row.class == diag.SourceCandidate && !m.tests {
		row.source, row.folded = say("matrix.tests"), true
	}
	i := slices.IndexFunc(m.rows, func(x matrixRow) bool { return x.id() == row.id() })
	switch {
	case i < 0:
		m.rows = append(m.rows, row)
	case planned && !m.rows[i].planned:
		return // it was tried: what came of it stands there
	}
	q := col.questions[0]
	if !slices.ContainsFunc(m.cols, func(x matrixColumn) bool { return x.class == col.class && x.has(q) }) {
		m.cols = append(m.cols, col)
	}
	k := matrixKey{row.id(), q, p.Via}
	if old := m.cells[k]; old == nil || cellMark(p).rank() > cellMark(old).rank() {
		m.cells[k] = p
	}
}

var (
	classOrder  = []diag.SourceClass{sourceApp, diag.SourceAssigned, diag.SourceUnknown, diag.SourceUnassigned, diag.SourceUnspecified, diag.SourceCandidate}
	targetOrder = []diag.TargetClass{diag.TargetRouter, diag.TargetPeer, diag.TargetAllNodes, diag.TargetInternet, diag.TargetService, targetNobody}
)

// order sorts rows and columns, and puts headings in.
func (m *matrix) order() {
	diag.SortFunc(m.rows, func(a, b matrixRow) int {
		return slices.Index(classOrder, a.class) - slices.Index(classOrder, b.class)
	})
	targets := []string{""} // in the order in which they were asked
	for _, c := range m.cols {
		targets = append(targets, c.questions[0].target)
	}
	diag.SortFunc(m.cols, func(a, b matrixColumn) int {
		if d := slices.Index(targetOrder, a.class) - slices.Index(targetOrder, b.class); d != 0 {
			return d
		}
		if d := slices.Index(targets, a.questions[0].target) - slices.Index(targets, b.questions[0].target); d != 0 {
			return d
		}
		return slices.Index(diag.AsksOrder, a.questions[0].asks) - slices.Index(diag.AsksOrder, b.questions[0].asks)
	})
	var rows []matrixRow
	for i, r := range m.rows {
		if i == 0 || r.class != m.rows[i-1].class {
			rows = append(rows, matrixRow{class: r.class, heading: true, planned: r.planned})
		}
		rows = append(rows, r)
	}
	m.rows = rows
}

// shape folds the targets of every class into one column a question, and unfolds those for which w
// columns are enough: what is looked for first, first.
func (m *matrix) shape(c *canvas, w int) {
	whole := m.cols
	open := map[diag.TargetClass]bool{}
	for _, class := range [...]diag.TargetClass{diag.TargetPeer, diag.TargetRouter, diag.TargetInternet, diag.TargetService} {
		open[class] = true
		if m.fold(whole, open); m.measure(c, 2) > w {
			open[class] = false
		}
	}
	m.fold(whole, open)
	if m.measure(c, 2) > w {
		m.measure(c, 1)
	}
}

// fold makes the columns of whole, one for all targets of a class that is not open, and names them.
func (m *matrix) fold(whole []matrixColumn, open map[diag.TargetClass]bool) {
	names := map[diag.TargetClass][]string{}
	for _, c := range whole {
		if t := c.questions[0].target; t != "" && !slices.Contains(names[c.class], t) {
			names[c.class] = append(names[c.class], t)
		}
	}
	m.cols = nil
	for _, c := range whole {
		q, n := c.questions[0], len(names[c.class])
		c.group = say("column." + string(c.class))
		if c.class != diag.TargetService && c.class != targetNobody {
			c.head = say("head." + string(q.asks))
		}
		switch {
		case n < 2:
		case !open[c.class]:
			if key := "column." + string(c.class) + ".n"; words.Has("ui." + key) {
				c.group = say(key, "n", n)
			}
			i := slices.IndexFunc(m.cols, func(x matrixColumn) bool { return x.class == c.class && x.head == c.head })
			if i >= 0 {
				m.cols[i].questions = append(slices.Clip(m.cols[i].questions), q)
				continue
			}
		case c.class == diag.TargetService:
			if name := serviceName(q); name != "" {
				c.group = name
			}
		case q.target != "":
			c.group += " " + strconv.Itoa(slices.Index(names[c.class], q.target)+1)
		}
		m.cols = append(m.cols, c)
	}
	diag.SortFunc(m.cols, func(a, b matrixColumn) int {
		if a.class != b.class || open[a.class] {
			return 0
		}
		return slices.Index(diag.AsksOrder, a.questions[0].asks) - slices.Index(diag.AsksOrder, b.questions[0].asks)
	})
}

// measure gives each column its width, two marks or its heading, with gap columns between groups,
// and returns what they take together.
func (m *matrix) measure(c *canvas, gap int) int {
	total := 0
	for i := 0; i < len(m.cols); {
		j, w := i, 0
		for ; j < len(m.cols) && m.cols[j].group == m.cols[i].group && m.cols[j].class == m.cols[i].class; j++ {
			m.cols[j].width = max(2, c.width(m.cols[j].head)) + 1
			w += m.cols[j].width
		}
		more := max(0, c.width(m.cols[i].group)+1-w) + gap - 1
		m.cols[j-1].width += more
		total += w + more
		i = j
	}
	return total - gap
}
