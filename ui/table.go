package ui

import (
	"fmt"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

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

// targetNobody is the column of a question that hopes for no answer: is the address free?
const (
	targetNobody diag.TargetClass = "nobody"
	targetAny    diag.TargetClass = "any" // asked of everybody on the link
)

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

// paths returns the questions of a cell that were settled, by wire first.
func (m *matrix) paths(r matrixRow, c matrixColumn) []*diag.ReportPath {
	var list []*diag.ReportPath
	for _, via := range []diag.Via{diag.ViaWire, diag.ViaKernel} {
		if p := m.cell(r, c, via); p != nil && p.Outcome != "" {
			list = append(list, p)
		}
	}
	return list
}

// place says in which row and column a path belongs. The question whether an address is free is
// asked from no address: it belongs to the row of the address it asks for.
func place(p *diag.ReportPath) (matrixRow, matrixColumn) {
	row := matrixRow{class: p.SourceClass, source: sourceText(p)}
	col := matrixColumn{class: p.TargetClass, target: p.Target, asks: p.Asks}
	switch p.Asks {
	case diag.AsksDAD:
		row = matrixRow{class: diag.SourceCandidate, source: p.Target}
		col = matrixColumn{class: targetNobody, asks: p.Asks}
	case diag.AsksRS, diag.AsksDHCP:
		col.class, col.target = targetAny, ""
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
	targetOrder = []diag.TargetClass{diag.TargetRouter, diag.TargetPeer, diag.TargetAllNodes, diag.TargetInternet, diag.TargetService, targetNobody, targetAny}
	asksOrder   = []diag.Asks{diag.AsksRS, diag.AsksDHCP, diag.AsksND, diag.AsksEcho, diag.AsksMTU, diag.AsksService, diag.AsksDAD}
)

// order sorts rows and columns, puts headings in, and names the targets.
func (m *matrix) order() {
	diag.SortFunc(m.rows, func(a, b matrixRow) int {
		return slices.Index(classOrder, a.class) - slices.Index(classOrder, b.class)
	})
	targets := map[diag.TargetClass][]string{}
	for _, c := range m.cols {
		if !slices.Contains(targets[c.class], c.target) && c.target != "" {
			targets[c.class] = append(targets[c.class], c.target)
		}
	}
	diag.SortFunc(m.cols, func(a, b matrixColumn) int {
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
		m.cols[i].width = max(3, c.width(words.Say("asks."+string(m.cols[i].asks)))) + 1
		total += m.cols[i].width
	}
	for i := 0; i < len(m.cols); {
		j, w := i, 0
		for j < len(m.cols) && m.cols[j].group == m.cols[i].group && m.cols[j].class == m.cols[i].class {
			w += m.cols[j].width
			j++
		}
		more := max(1, c.width(m.cols[i].group)+2-w)
		m.cols[j-1].width += more
		total += more
		i = j
	}
	return total
}
