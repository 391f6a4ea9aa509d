package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag/render"
	"ndwhy/ui/term"
)

// reportWidth is the width of a report that goes to no terminal, and the most that lines of prose
// take on a wide one.
const reportWidth, widest = 80, 100

// narrowest is the width that a time, what happened and an address fit in.
const narrowest = 64

// style says how text may be written to w, by the flags, the environment and the terminal.
func (o *options) style(w io.Writer) render.Style {
	s := render.Style{Width: reportWidth}
	p, columns := o.profileOf(w)
	if columns > 0 {
		s.Width = min(columns, widest)
	}
	s.ASCII, s.Color = p.ASCII, p.Color
	return s
}

// happened is what happened at a moment, as it may be shown.
func (o *options) happened(w io.Writer, at time.Time, what, text string) string {
	_, columns := o.profileOf(w)
	return logged(at, what, o.hide.Text(text), columns)
}

// logged is a line of a log, which a terminal of so many columns has in lines that fit, broken between words.
func logged(at time.Time, what, text string, columns int) string {
	first := fmt.Sprintf("%s %-9s ", at.Format("15:04:05.000"), what)
	if columns == 0 {
		return first + strings.TrimLeft(text, " ") + "\n"
	}
	hang := strings.Repeat(" ", len(first))
	return strings.Join(render.Wrap(first, hang, text, max(narrowest, columns)), "\n") + "\n"
}

// profileOf says what may be written to w, and how many columns it has: 0 where that is not known.
func (o *options) profileOf(w io.Writer) (p term.Profile, columns int) {
	tty := false
	if file, ok := w.(interface{ Fd() uintptr }); ok {
		size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
		if tty = err == nil; tty {
			columns = int(size.Col)
		}
	}
	p = term.ProfileOf(os.Getenv, tty)
	p.ASCII = p.ASCII || o.ascii
	p.Color = p.Color && !o.noColor
	return p, columns
}
