package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"

	"ndwhy/diag/render"
	"ndwhy/ui/term"
)

// reportWidth is the width of a report that goes to no terminal, and the most that lines of prose
// take on a wide one.
const reportWidth, widest = 80, 100

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
