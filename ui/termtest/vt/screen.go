package vt

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// A cell is what stands in one column: a character with what combines with it, or nothing. The
// second column of a wide character holds the empty string.
type cell struct {
	text string
	rend rendition
}

var blank = cell{text: " "}

// rendition is how a character is shown.
type rendition struct {
	bold, faint, italic, underline, blink, reverse, strike bool
	fg, bg                                                 int // an SGR code, 256 + n for one of 256, 0 for the default
}

type cursor struct {
	x, y int
	wrap bool // the last column was written: the next character wraps
	rend rendition
}

// A Screen is a terminal of one dialect. It is not safe for concurrent use.
type Screen struct {
	dialect       Dialect
	width, height int
	tallest       int // that it was before it was resized
	lines         [][]cell
	cursor
	saved       cursor
	top, bottom int
	tabs        map[int]bool
	insert      bool
	noWrap      bool
	origin      bool
	newline     bool
	hidden      bool
	keypad      bool
	appCursor   bool
	paste       bool
	sync        bool

	alt       bool
	main      [][]cell // while alt
	mainSaved cursor

	clipboard string // base64
	title     string
	painted   bool
	bytes     int64
	errs      []error

	state state
	seq   []byte

	// Reply takes what the terminal answers to a question; nil where nobody listens.
	Reply func(answer string)
}

// New returns a terminal as it is after power-up.
func New(width, height int, dialect Dialect) *Screen {
	s := &Screen{dialect: dialect, width: width, height: height}
	s.reset()
	return s
}

// Err returns what was written that the dialect does not define, each with the byte at which it
// ended; nil for nothing.
func (s *Screen) Err() error { return errors.Join(s.errs...) }

// Bytes returns how many bytes were written.
func (s *Screen) Bytes() int64 { return s.bytes }

// Size returns the number of columns and rows.
func (s *Screen) Size() (width, height int) { return s.width, s.height }

// Cursor returns where the cursor is, from 0, and whether it shows.
func (s *Screen) Cursor() (x, y int, visible bool) { return s.x, s.y, !s.hidden }

// Alternate reports whether the alternate screen shows.
func (s *Screen) Alternate() bool { return s.alt }

// Clipboard returns what OSC 52 last set, in base64.
func (s *Screen) Clipboard() string { return s.clipboard }

// Painted reports whether a colour was ever set.
func (s *Screen) Painted() bool { return s.painted }

// Row returns a row's text, without trailing spaces.
func (s *Screen) Row(y int) string {
	var b strings.Builder
	for _, c := range s.lines[y] {
		b.WriteString(c.text)
	}
	return strings.TrimRight(b.String(), " ")
}

// String returns the rows, each without trailing spaces, with newlines in between.
func (s *Screen) String() string {
	rows := make([]string, s.height)
	for y := range rows {
		rows[y] = s.Row(y)
	}
	return strings.Join(rows, "\n")
}

// Clean returns an error that names every setting that is not as a shell expects to find it: nil
// after a program that put all back.
func (s *Screen) Clean() error {
	var left []string
	for _, x := range []struct {
		set  bool
		name string
	}{
		{s.hidden, "the cursor is hidden"},
		{s.alt, "the alternate screen shows"},
		{s.insert, "insert mode is on"},
		{s.noWrap, "autowrap is off"},
		{s.origin, "origin mode is on"},
		{s.newline, "newline mode is on"},
		{s.keypad, "the keypad is in application mode"},
		{s.appCursor, "the cursor keys are in application mode"},
		{s.paste, "bracketed paste is on"},
		{s.sync, "an update is never ended"},
		{s.top != 0 || s.bottom != s.height-1, fmt.Sprintf("the scrolling region is %d to %d", s.top+1, s.bottom+1)},
		{s.rend != rendition{}, fmt.Sprintf("characters are rendered %+v", s.rend)},
		{s.state != ground, fmt.Sprintf("the sequence %q is not complete", s.seq)},
	} {
		if x.set {
			left = append(left, x.name)
		}
	}
	if left == nil {
		return nil
	}
	return errors.New(strings.Join(left, "; "))
}

// Resize gives the terminal a new size. As on xterm, rows and columns are cut or added at the
// bottom and on the right, and the margins are opened.
func (s *Screen) Resize(width, height int) {
	s.lines = resized(s.lines, width, height)
	if s.alt {
		s.main = resized(s.main, width, height)
	}
	s.tallest = max(s.height, s.tallest)
	s.width, s.height = width, height
	s.top, s.bottom = 0, height-1
	s.x, s.y, s.wrap = min(s.x, width-1), min(s.y, height-1), false
}

func resized(lines [][]cell, width, height int) [][]cell {
	out := grid(width, height)
	for y := range min(height, len(lines)) {
		copy(out[y], lines[y])
	}
	return out
}

func grid(width, height int) [][]cell {
	lines := make([][]cell, height)
	for y := range lines {
		lines[y] = slices.Repeat([]cell{blank}, width)
	}
	return lines
}

func (s *Screen) reset() {
	s.lines = grid(s.width, s.height)
	s.cursor, s.saved = cursor{}, cursor{}
	s.alt, s.main = false, nil
	s.tabs = map[int]bool{}
	for x := 8; x < s.width; x += 8 {
		s.tabs[x] = true
	}
	s.softReset()
}

// softReset is DECSTR (EK-VT220-RM table 4-10), without its turning autowrap off, which no emulator
// does.
func (s *Screen) softReset() {
	s.top, s.bottom = 0, s.height-1
	s.insert, s.noWrap, s.origin, s.newline, s.hidden, s.keypad, s.appCursor = false, false, false, false, false, false, false
	s.paste, s.sync = false, false
	s.rend = rendition{}
}

func (s *Screen) print(r rune) {
	w := ansi.StringWidth(string(r))
	if w == 0 {
		s.combine(r)
		return
	}
	if (s.wrap || s.x+w > s.width) && !s.noWrap {
		s.x, s.wrap = 0, false
		s.index()
	}
	s.x = max(0, min(s.x, s.width-w))
	row := s.lines[s.y]
	if s.insert {
		copy(row[min(s.width, s.x+w):], row[s.x:])
	}
	row[s.x] = cell{string(r), s.rend}
	if w == 2 && s.x+1 < s.width {
		row[s.x+1] = cell{"", s.rend}
	}
	s.x += w
	if s.x >= s.width {
		s.x, s.wrap = s.width-1, !s.noWrap
	}
}

func (s *Screen) combine(r rune) {
	x := s.x - 1
	if s.wrap {
		x = s.x
	}
	if x >= 0 {
		s.lines[s.y][x].text += string(r)
	}
}

func (s *Screen) tab() {
	s.wrap = false
	for s.x < s.width-1 {
		s.x++
		if s.tabs[s.x] {
			return
		}
	}
}

func (s *Screen) clearTabs(what int, seq string) {
	switch what {
	case 0:
		delete(s.tabs, s.x)
	case 3:
		clear(s.tabs)
	default:
		s.fault("CSI %q is not defined", seq)
	}
}

// index moves down, and scrolls at the bottom margin (IND, LF).
func (s *Screen) index() {
	s.wrap = false
	switch {
	case s.y == s.bottom:
		s.scrollUp(s.top, s.bottom, 1)
	case s.y < s.height-1:
		s.y++
	}
	if s.newline {
		s.x = 0
	}
}

func (s *Screen) reverseIndex() {
	s.wrap = false
	switch {
	case s.y == s.top:
		s.scrollDown(s.top, s.bottom, 1)
	case s.y > 0:
		s.y--
	}
}

// up and down stop at the margin that they meet.
func (s *Screen) up(n int) {
	stop := 0
	if s.y >= s.top {
		stop = s.top
	}
	s.y, s.wrap = max(stop, s.y-n), false
}

func (s *Screen) down(n int) {
	stop := s.height - 1
	if s.y <= s.bottom {
		stop = s.bottom
	}
	s.y, s.wrap = min(stop, s.y+n), false
}

func (s *Screen) goTo(x, y int) {
	bottom := s.height - 1
	if s.origin {
		y, bottom = y+s.top, s.bottom
	}
	s.x, s.y, s.wrap = min(x, s.width-1), min(y, bottom), false
}

func (s *Screen) setMargins(top, bottom int, seq string) {
	if bottom >= s.height && bottom < s.tallest {
		return // it was on its way when the window shrank: a terminal does nothing then
	}
	if top >= bottom || bottom >= s.height {
		s.fault("CSI %q: no such scrolling region on %d rows", seq, s.height)
		return
	}
	s.top, s.bottom = top, bottom
	s.goTo(0, 0)
}

func (s *Screen) scrollUp(top, bottom, n int) {
	n = min(n, bottom-top+1)
	copy(s.lines[top:bottom+1], s.lines[top+n:bottom+1])
	copy(s.lines[bottom+1-n:bottom+1], grid(s.width, n))
}

func (s *Screen) scrollDown(top, bottom, n int) {
	n = min(n, bottom-top+1)
	copy(s.lines[top+n:bottom+1], s.lines[top:bottom+1-n])
	copy(s.lines[top:top+n], grid(s.width, n))
}

// insertLines and deleteLines do nothing outside the margins.
func (s *Screen) insertLines(n int) {
	if s.y >= s.top && s.y <= s.bottom {
		s.scrollDown(s.y, s.bottom, n)
		s.x, s.wrap = 0, false
	}
}

func (s *Screen) deleteLines(n int) {
	if s.y >= s.top && s.y <= s.bottom {
		s.scrollUp(s.y, s.bottom, n)
		s.x, s.wrap = 0, false
	}
}

func (s *Screen) insertCells(n int) {
	row := s.lines[s.y]
	n = min(n, s.width-s.x)
	copy(row[s.x+n:], row[s.x:])
	s.erase(s.y, s.x, s.x+n)
}

func (s *Screen) deleteCells(n int) {
	row := s.lines[s.y]
	n = min(n, s.width-s.x)
	copy(row[s.x:], row[s.x+n:])
	s.erase(s.y, s.width-n, s.width)
}

// erase clears the columns of a row from first up to but not including end.
func (s *Screen) erase(y, first, end int) {
	s.wrap = false
	for x := first; x < min(end, s.width); x++ {
		s.lines[y][x] = blank
	}
}

func (s *Screen) eraseLine(what int, seq string) {
	switch what {
	case 0:
		s.erase(s.y, s.x, s.width)
	case 1:
		s.erase(s.y, 0, s.x+1)
	case 2:
		s.erase(s.y, 0, s.width)
	default:
		s.fault("CSI %q is not defined", seq)
	}
}

func (s *Screen) eraseDisplay(what int, seq string) {
	first, end := s.y+1, s.height
	switch what {
	case 0:
		s.eraseLine(0, seq)
	case 1:
		s.eraseLine(1, seq)
		first, end = 0, s.y
	case 2:
		first = 0
	default:
		s.fault("CSI %q is not defined", seq)
		return
	}
	for y := first; y < end; y++ {
		s.erase(y, 0, s.width)
	}
}

func (s *Screen) setMode(mode int, on bool, seq string) {
	switch mode {
	case 4:
		s.insert = on
	case 20:
		s.newline = on
	default:
		s.fault("CSI %q: mode %d is not defined", seq, mode)
	}
}

func (s *Screen) setPrivate(mode int, on bool, seq string) {
	switch {
	case mode == 1:
		s.appCursor = on
	case mode == 6:
		s.origin = on
		s.goTo(0, 0)
	case mode == 7:
		s.noWrap = !on
	case mode == 25:
		s.hidden = !on
	case mode == 1049 && s.dialect.AltScreen:
		s.alternate(on)
	case mode == 2004 && s.dialect.Paste:
		s.paste = on
	case mode == 2026 && s.dialect.Sync:
		s.sync = on
	default:
		s.fault("CSI %q: mode %d is not defined", seq, mode)
	}
}

func (s *Screen) alternate(on bool) {
	switch {
	case on == s.alt:
	case on:
		s.main, s.mainSaved = s.lines, s.cursor
		s.lines, s.alt = grid(s.width, s.height), true
	default:
		s.lines, s.cursor = s.main, s.mainSaved
		s.main, s.alt = nil, false
		s.x, s.y = min(s.x, s.width-1), min(s.y, s.height-1)
	}
}

// reportMode answers DECRQM.
func (s *Screen) reportMode(mode int, seq string) {
	if mode != 2026 || !s.dialect.Sync {
		s.fault("CSI %q is not defined", seq)
		return
	}
	if s.Reply != nil {
		answer := 2 // reset
		if s.sync {
			answer = 1
		}
		s.Reply(fmt.Sprintf("\x1b[?%d;%d$y", mode, answer))
	}
}

func (s *Screen) rendition(params []int, seq string) {
	if len(params) == 0 {
		params = []int{0}
	}
	for i := 0; i < len(params); i++ {
		p := max(0, params[i])
		if used, ok := s.colour(params[i:]); ok {
			i += used - 1
			continue
		}
		if s.plain(p) || s.dialect.Decor && s.decor(p) {
			continue
		}
		s.fault("CSI %q: SGR %d is not defined", seq, p)
	}
}

// plain are the renditions of a VT220 (EK-VT220-RM §4.9).
func (s *Screen) plain(p int) bool {
	switch p {
	case 0:
		s.rend = rendition{}
	case 1:
		s.rend.bold = true
	case 4:
		s.rend.underline = true
	case 5:
		s.rend.blink = true
	case 7:
		s.rend.reverse = true
	case 22:
		s.rend.bold, s.rend.faint = false, false
	case 24:
		s.rend.underline = false
	case 25:
		s.rend.blink = false
	case 27:
		s.rend.reverse = false
	default:
		return false
	}
	return true
}

func (s *Screen) decor(p int) bool {
	switch p {
	case 2:
		s.rend.faint = true
	case 3:
		s.rend.italic = true
	case 9:
		s.rend.strike = true
	case 23:
		s.rend.italic = false
	case 29:
		s.rend.strike = false
	default:
		return false
	}
	return true
}

// colour takes a colour off the front of params and returns of how many it is made.
func (s *Screen) colour(params []int) (used int, ok bool) {
	if !s.dialect.Colour {
		return 0, false
	}
	p := max(0, params[0])
	set := func(to *int, value int) (int, bool) {
		*to = value
		s.painted = s.painted || value != 0
		return 1, true
	}
	switch {
	case p >= 30 && p <= 37 || p >= 90 && p <= 97:
		return set(&s.rend.fg, p)
	case p >= 40 && p <= 47 || p >= 100 && p <= 107:
		return set(&s.rend.bg, p)
	case p == 39:
		return set(&s.rend.fg, 0)
	case p == 49:
		return set(&s.rend.bg, 0)
	case (p == 38 || p == 48) && s.dialect.Colour256 && len(params) >= 3 && params[1] == 5:
		to := &s.rend.fg
		if p == 48 {
			to = &s.rend.bg
		}
		set(to, 256+max(0, params[2]))
		return 3, true
	case (p == 38 || p == 48) && s.dialect.TrueColour && len(params) >= 5 && params[1] == 2:
		s.painted = true
		return 5, true
	default:
		return 0, false
	}
}
