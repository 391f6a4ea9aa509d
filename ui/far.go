package ui

import (
	"fmt"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// fars are the lines on other hosts that watch: how the stream of each stands, and what is wrong there by its own word.
func fars(s *scene) []because {
	var list []because
	for i := range s.Report.Far {
		f := &s.Report.Far[i]
		page := func(c *canvas, w int) *doc { return farDoc(c, w, f) }
		says := f.Says()
		plain := strings.Join(says, "\n")
		add := func(m mark, id, text string) {
			list = append(list, because{mark: m, word: say("far"), text: text, id: "far " + f.Command + " " + id, page: page, plain: plain})
		}
		m := markNone
		if f.State == diag.FarEnded || f.State == diag.FarBehind {
			m = markUnknown
		}
		add(m, "", says[0])
		for i, call := range f.Calls() {
			add(markNone, fmt.Sprint(i), call)
		}
		for _, x := range f.Findings {
			if x.Severity != why.Info {
				add(markNone, x.Cause+" "+x.Subject.Value, f.Own(x))
			}
		}
	}
	return list
}

// farDoc is another host in full: how its stream stands, its addresses, and what it found out about itself.
func farDoc(c *canvas, w int, f *report.Far) *doc {
	d := newDoc(c, w)
	d.para(span{"", plain}, f.Says()[0], bold)
	if len(f.Addresses) > 0 {
		d.heading(say("far.addresses"))
		for _, a := range f.Addresses {
			d.para(span{"  ", plain}, a, plain)
		}
	}
	for _, call := range f.Calls() {
		d.gap()
		d.para(span{"", plain}, call, plain)
	}
	for _, x := range f.Findings {
		d.gap()
		d.para(span{"", plain}, f.Own(x), plain)
		for _, command := range x.Remedy {
			d.command(command)
		}
	}
	return d
}

// placed says in few words how far the questions with a mark came that another host watched; "" where none did.
func placed(paths []*report.Path, m mark) string {
	for _, p := range paths {
		if p.Place != nil && p.Outcome != diag.Answered && pathMark(p) == m {
			return say("edge.place." + string(p.Place.Place))
		}
	}
	return ""
}
