package render

import (
	"io"

	"ndwhy/diag/report"
)

// Formats are what a report can be written as, by the name that --format takes.
var Formats = map[string]func(io.Writer, report.Report, Style) error{
	"text":       Text,
	"json":       func(w io.Writer, r report.Report, _ Style) error { return JSON(w, r) },
	"markdown":   func(w io.Writer, r report.Report, _ Style) error { return Markdown(w, r) },
	"nagios":     func(w io.Writer, r report.Report, _ Style) error { return Nagios(w, r) },
	"prometheus": func(w io.Writer, r report.Report, _ Style) error { return Prometheus(w, r) },
	"junit":      func(w io.Writer, r report.Report, _ Style) error { return JUnit(w, r) },
	"html":       HTML,
}
