package ui

import "strconv"

// A column of a grid. Where the window is too narrow for all, the columns with the highest drop go
// first; those with drop 0 stay.
type column struct {
	title string
	width int // at least
	grow  int // at most, where there is room; 0: width
	drop  int
}

// A grid is a table whose cells are styled one by one. Only the rows in sight are made.
type grid struct {
	columns []column
	list    *list
	empty   string // said where there are no rows
	// row returns the cells of row i, one a column.
	row func(i int) []span
}

// draw shows the rows of which there are n; offset is the number of rows before row 0.
func (g *grid) draw(r region, n int, id func(i int) string) {
	body := r.sub(0, 1, r.w, r.h-1)
	g.list.follow(n, body.h, id)
	at := g.list.position()
	widths := fitColumns(g.columns, r.w-2, len(at))
	x, end := 2, r.w-len(at)
	r.put(max(end, 0), 0, at, dim)
	for i, c := range g.columns {
		if title := r.c.fit(c.title, widths[i]); widths[i] > 0 && x+r.width(title) <= end {
			r.put(x, 0, title, dim|bold)
		}
		if widths[i] > 0 {
			x += widths[i] + 1
		}
	}
	if n == 0 {
		for i, line := range wrap(r.c, g.empty, body.w-4) {
			body.put(2, i, line, dim)
		}
		return
	}
	for y := 0; y < body.h && g.list.top+y < n; y++ {
		i := g.list.top + y
		body.clickable(0, y, body.w, spot{list: g.list, row: i})
		cells := g.row(i)
		x := 2
		for k, w := range widths {
			if w > 0 && k < len(cells) {
				body.put(x, y, r.c.fit(cells[k].text, w), cells[k].st)
			}
			if w > 0 {
				x += w + 1
			}
		}
		if i == g.list.sel {
			selected(body, y)
		}
	}
}

// selected marks a row as the one under the cursor.
func selected(r region, y int) {
	r.raw(0, y, "▸", bold)
	r.restyle(y, func(style) style { return reverse })
}

// position says at the right end of the heading where in the rows one is, if not all are in sight.
func (l *list) position() string {
	if l.n <= l.page {
		return ""
	}
	return " " + strconv.Itoa(l.sel+1) + "/" + strconv.Itoa(l.n)
}

// fitColumns shares w columns out; 0 leaves a column away. Of what is left over, the last of them stay free: a heading's
// position stands there.
func fitColumns(columns []column, w, free int) []int {
	widths := make([]int, len(columns))
	used := -1
	for i, c := range columns {
		widths[i] = c.width
		used += c.width + 1
	}
	for used > w {
		worst := -1
		for i, c := range columns {
			if widths[i] > 0 && c.drop > 0 && (worst < 0 || c.drop > columns[worst].drop) {
				worst = i
			}
		}
		if worst < 0 {
			break
		}
		used -= widths[worst] + 1
		widths[worst] = 0
	}
	for i, c := range columns {
		if more := min(c.grow-c.width, w-free-used); widths[i] > 0 && more > 0 {
			widths[i] += more
			used += more
		}
	}
	return widths
}

// perInterface puts the column of the interface first, where there are several.
func (s *scene) perInterface(columns []column) []column {
	if len(s.Links) < 2 {
		return columns
	}
	return append([]column{{title: say("col.interface"), width: 6, grow: 10, drop: 1}}, columns...)
}

// onInterface puts the interface before the cells of a row, where there is a column for it.
func (s *scene) onInterface(name string, cells []span) []span {
	if len(s.Links) < 2 {
		return cells
	}
	return append([]span{{name, plain}}, cells...)
}
