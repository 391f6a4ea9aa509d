package ui

import (
	"strings"

	"ndwhy/diag/report"

	"github.com/charmbracelet/x/ansi"
)

// A style is how a cell is drawn: one of the terminal's own colours and attributes. The zero style
// is plain text.
type style uint8

// The colours are those that every theme keeps readable on its own background; the attributes
// follow. There is no background but reverse.
const (
	plain style = iota
	red
	green
	yellow
	cyan

	bold      style = 1 << 4
	dim       style = 1 << 5
	reverse   style = 1 << 6
	underline style = 1 << 7

	colours style = 1<<4 - 1
)

// sgr returns the Select Graphic Rendition sequence of st (ECMA-48 8.3.117).
func (st style) sgr(colour bool) string {
	params := make([]string, 0, 4)
	for _, a := range [...]struct {
		flag style
		code string
	}{{bold, "1"}, {dim, "2"}, {underline, "4"}, {reverse, "7"}} {
		if st&a.flag != 0 {
			params = append(params, a.code)
		}
	}
	if c := st & colours; c != 0 && colour {
		params = append(params, [...]string{red: "31", green: "32", yellow: "33", cyan: "36"}[c])
	}
	if len(params) == 0 {
		return ""
	}
	return "\x1b[" + strings.Join(params, ";") + "m"
}

// A cell is one column of one row: a grapheme and its style. The right half of a wide grapheme is
// an empty cell.
type cell struct {
	s  string
	st style
}

// A canvas is the screen being drawn. Every screen draws through regions of it, so that nothing
// lands outside its place whatever the text.
type canvas struct {
	w, h  int
	cells []cell
	ascii bool
	// mask rewrites text before it is measured or drawn: it hides addresses. It is never nil.
	mask  func(string) string
	twins report.Short // of addresses that end alike: a host has one identifier in every prefix
	spots []spot       // what can be clicked
}

// reset empties the canvas and gives it a size.
func (c *canvas) reset(w, h int) {
	c.w, c.h, c.spots = w, h, c.spots[:0]
	if cap(c.cells) < w*h {
		c.cells = make([]cell, w*h)
	}
	c.cells = c.cells[:w*h]
	for i := range c.cells {
		c.cells[i] = cell{s: " "}
	}
}

// String returns the rows, joined by newlines, without trailing blanks.
func (c *canvas) String(colour bool) string {
	var b strings.Builder
	b.Grow(len(c.cells) * 2)
	for y := range c.h {
		if y > 0 {
			b.WriteByte('\n')
		}
		row := c.cells[y*c.w : (y+1)*c.w]
		end := len(row)
		for end > 0 && row[end-1].s == " " && row[end-1].st&(reverse|underline) == 0 {
			end--
		}
		open := ""
		for _, cell := range row[:end] {
			seq := ""
			if cell.st != plain {
				seq = cell.st.sgr(colour)
			}
			if seq != open {
				if open != "" {
					b.WriteString("\x1b[m")
				}
				b.WriteString(seq)
				open = seq
			}
			b.WriteString(cell.s)
		}
		if open != "" {
			b.WriteString("\x1b[m")
		}
	}
	return b.String()
}

// region returns the whole canvas as a region.
func (c *canvas) region() region { return region{c, rect{0, 0, c.w, c.h}} }

// A rect is a rectangle in cells.
type rect struct{ x, y, w, h int }

func (r rect) empty() bool { return r.w <= 0 || r.h <= 0 }

// A region is a part of a canvas with its own origin; what is drawn outside it vanishes.
type region struct {
	c *canvas
	rect
}

// sub returns a part of r, clipped to it.
func (r region) sub(x, y, w, h int) region {
	x0, y0 := min(max(x, 0), r.w), min(max(y, 0), r.h)
	x1, y1 := min(max(x+w, x0), r.w), min(max(y+h, y0), r.h)
	return region{r.c, rect{r.x + x0, r.y + y0, x1 - x0, y1 - y0}}
}

// put draws text at x, y and returns the column after it. Control characters are left out.
func (r region) put(x, y int, text string, st style) int {
	return r.raw(x, y, r.c.mask(text), st)
}

// raw is put for text that was masked already.
func (r region) raw(x, y int, text string, st style) int {
	if y < 0 || y >= r.h || x < 0 {
		return x
	}
	for len(text) > 0 && x < r.w {
		var g string
		width := 1
		if b := text[0]; b < 0x80 && (len(text) == 1 || text[1] < 0x80) {
			g, text = text[:1], text[1:]
			if b < ' ' || b == 0x7f {
				continue
			}
		} else {
			g, width = ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
			if g == "" {
				break
			}
			text = text[len(g):]
			switch {
			case g == "\u00a0":
				g = " "
			case r.c.ascii:
				g, width = toASCII(g), 1
			}
			if width < 1 || width > 2 || len(g) == 1 && (g[0] < ' ' || g[0] >= 0x7f) {
				continue
			}
		}
		if x+width > r.w {
			break
		}
		i := (r.y+y)*r.c.w + r.x + x
		r.c.cells[i] = cell{g, st}
		if width == 2 {
			r.c.cells[i+1] = cell{"", st}
		}
		x += width
	}
	return x
}

// spans draws pieces of text one after another and returns the column after them.
func (r region) spans(x, y int, line ...span) int {
	for _, s := range line {
		x = r.put(x, y, s.text, s.st)
	}
	return x
}

// right draws text so that it ends at the right edge, if it fits behind column after.
func (r region) right(y, after int, line ...span) {
	w := 0
	for _, s := range line {
		w += r.width(s.text)
	}
	if x := r.w - w; x >= after {
		r.spans(x, y, line...)
	}
}

// width is how many columns text takes here.
func (r region) width(text string) int { return r.c.width(text) }

func (c *canvas) width(text string) int {
	text = c.mask(text)
	if isASCII(text) {
		return len(text)
	}
	if c.ascii {
		n := 0
		for len(text) > 0 {
			g, _ := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
			if g == "" {
				break
			}
			text = text[len(g):]
			n++
		}
		return n
	}
	return ansi.StringWidth(text)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// rule draws a horizontal line over a row.
func (r region) rule(y int, st style) {
	r.raw(0, y, strings.Repeat("─", max(r.w, 0)), st)
}

// restyle changes the style of a row as far as it is in r.
func (r region) restyle(y int, change func(style) style) {
	if y < 0 || y >= r.h {
		return
	}
	for x := range r.w {
		cell := &r.c.cells[(r.y+y)*r.c.w+r.x+x]
		cell.st = change(cell.st)
	}
}

// mark shows where in r what is looked for stands; of what is not to be there nothing is shown.
func (r region) mark(f *filter) {
	want, _, inverse := wanted(f.text)
	if want == "" || inverse {
		return
	}
	for y := range r.h {
		var line strings.Builder
		var at []int // the column of each byte
		for x := range r.w {
			text := strings.ToLower(r.c.cells[(r.y+y)*r.c.w+r.x+x].s)
			line.WriteString(text)
			for range len(text) {
				at = append(at, x)
			}
		}
		text := line.String()
		for from := 0; ; {
			i := strings.Index(text[from:], want)
			if i < 0 {
				break
			}
			from += i + len(want)
			first, last := at[from-len(want)], at[from-1]
			r.sub(first, y, last-first+1, 1).restyle(0, func(st style) style { return st | reverse })
		}
	}
}

// clear empties r.
func (r region) clear() {
	for y := range r.h {
		for x := range r.w {
			r.c.cells[(r.y+y)*r.c.w+r.x+x] = cell{s: " "}
		}
	}
}

// box empties r, draws a frame around it with a title, and returns the inside.
func (r region) box(title string, st style) region {
	r.clear()
	if r.w < 4 || r.h < 3 {
		return r
	}
	r.raw(0, 0, "┌"+strings.Repeat("─", r.w-2)+"┐", st)
	for y := 1; y < r.h-1; y++ {
		r.raw(0, y, "│", st)
		r.raw(r.w-1, y, "│", st)
	}
	r.raw(0, r.h-1, "└"+strings.Repeat("─", r.w-2)+"┘", st)
	if title != "" {
		r.sub(2, 0, r.w-4, 1).put(0, 0, " "+title+" ", st|bold)
	}
	return r.sub(2, 1, r.w-4, r.h-2)
}

// asciiFor has what stands for the characters beyond ASCII that the screens draw.
var asciiFor = map[string]string{
	"─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
	"✓": "+", "✗": "X", "○": "o", "●": "*", "▸": ">", "▶": ">", "…": "~", "–": "-", "—": "-", "·": ".", "×": "x",
	"↑": "^", "↓": "v", "→": ">", "←": "<", "⟷": "=", "“": `"`, "”": `"`, "‘": "'", "’": "'", "≥": ">", "≤": "<",
	"▁": "_", "▂": ".", "▃": ",", "▄": "-", "▅": "=", "▆": "*", "▇": "#",
}

// toASCII returns the one character that stands for a grapheme where only ASCII can be shown.
func toASCII(g string) string {
	if a, ok := asciiFor[g]; ok {
		return a
	}
	if len(g) == 1 {
		return g
	}
	return "?"
}
