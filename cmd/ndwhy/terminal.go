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
	var size *unix.Winsize
	if file, ok := w.(*os.File); ok {
		size, _ = unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	}
	if size != nil && size.Col > 0 {
		s.Width = min(int(size.Col), widest)
	}
	p := term.ProfileOf(os.Getenv, size != nil)
	s.ASCII, s.Color = o.ascii || p.ASCII, p.Color && !o.noColor
	return s
}
