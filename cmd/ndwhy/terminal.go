package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"ndwhy/diag/render"
)

// reportWidth is the width of a report that goes to no terminal, and the most that lines of prose
// take on a wide one.
const reportWidth, widest = 80, 100

// style says how text may be written to w, by the flags, the environment and the terminal.
func (o *options) style(w io.Writer) render.Style {
	s := render.Style{Width: reportWidth, ASCII: o.ascii || !utf8Locale(os.Getenv)}
	file, ok := w.(*os.File)
	if !ok {
		return s
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return s
	}
	if size.Col > 0 {
		s.Width = min(int(size.Col), widest)
	}
	// https://no-color.org: any non-empty value.
	s.Color = !o.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
	return s
}

// utf8Locale reports whether the locale's character set is UTF-8, as setlocale(3) chooses it. With
// no locale set at all (a minimal container) UTF-8 is assumed: that is what terminals speak.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}
