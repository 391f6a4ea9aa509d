package render

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

//go:embed html.tmpl
var htmlText string

// htmlPage escapes by where a value stands: what came from a network stays text, whatever it says.
var htmlPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"say": words.Say, "lifetime": lifetime, "bit": bit, "inForce": report.InForce, "remedies": remedies,
	"join": func(list []string) string { return strings.Join(list, " ") },
}).Parse(htmlText))

// HTML writes the report as one page that needs nothing else: no script, no other file, no network. It is for a
// browser, light or dark, and for paper.
func HTML(w io.Writer, r report.Report, style Style) error {
	if style.Mask == nil {
		style.Mask = func(text string) string { return text }
	}
	p := page{brief: brief{textWriter: &textWriter{style: style, evidence: map[string]report.Evidence{}}, r: r, problems: r.Problems()}}
	for _, e := range r.Evidence {
		p.evidence[e.ID] = e
	}
	p.table = p.rows()
	for _, i := range r.Interfaces {
		if m := p.drawing(i); m != nil {
			p.Maps = append(p.Maps, m)
		}
	}
	return htmlPage.Execute(w, p)
}

// remedies are the commands that put a finding right.
func remedies(f report.Finding) []string { return f.Remedy }

// A page is what the template is filled in with.
type page struct {
	brief
	Maps []*drawing
}

// R is the report.
func (p page) R() report.Report { return p.r }

// Facts say of what and when the report is.
func (p page) Facts() string {
	return words.Say("html.facts", "host", p.r.Host, "started", p.r.Started, "seconds", fmt.Sprintf("%.1f", float64(p.r.DurationMS)/1000),
		"version", p.r.Version)
}

// Profile says what kind of network it is, and how that is known.
func (p page) Profile() string {
	return words.Say("report.profile", "profile", words.Say("profile."+p.r.Profile.Name+".name"),
		"confidence", words.Say("confidence."+string(p.r.Profile.Confidence)), "because", strings.Join(p.r.Profile.Because, "; "))
}

// Sent says what the run put on the wire.
func (p page) Sent() string {
	return words.Say("report.traffic", "sent", p.r.Traffic.Sent, "kernel", p.r.Traffic.ByKernel, "seconds", fmt.Sprintf("%.1f", float64(p.r.DurationMS)/1000))
}

// A numbered finding is a problem with the number that marks give it, or a note, without one.
type numbered struct {
	report.Finding
	Number  int
	Summary string
	Proofs  []string
	Seen    []report.Evidence
}

// Findings are the problems, then the notes.
func (p page) Findings() (list []numbered) {
	for i, f := range slices.Concat(p.problems, p.r.Notes()) {
		n := numbered{Finding: f, Summary: p.r.On(f.Interface, f.Summary), Proofs: p.proofs(f), Seen: p.seenBy(f.Evidence)}
		if i < len(p.problems) {
			n.Number = i + 1
		}
		list = append(list, n)
	}
	return list
}

func (p page) seenBy(ids []string) (list []report.Evidence) {
	for _, id := range ids {
		if e, ok := p.evidence[id]; ok {
			list = append(list, e)
		}
	}
	return list
}

// First is the first problem; nil where there is none.
func (p page) First() *numbered {
	if len(p.problems) == 0 {
		return nil
	}
	return &p.Findings()[0]
}

// Unexplained are the symptoms that no cause covers, with what they rest on.
func (p page) Unexplained() (list []numbered) {
	for _, u := range p.r.Unexplained {
		list = append(list, numbered{Summary: u.Symptom, Seen: p.seenBy(u.Evidence)})
	}
	return list
}

// A sign is a mark with the class that colours it, and what it means.
type sign struct{ Text, Class, Means string }

func (p page) sign(m report.Mark) sign {
	text, _ := p.mark(m)
	return sign{text, judgements[m.Judgement], words.Say(fmt.Sprintf("mark.%d.means", m.Judgement))}
}

// judgements are the names of the classes of marks.
var judgements = map[report.Judgement]string{
	report.Unasked: "unasked", report.AsExpected: "expected", report.Answered: "answered",
	report.Undecided: "undecided", report.Impaired: "impaired", report.Wrong: "wrong",
}

// Reach is the table of who reaches whom.
func (p page) Reach() (table struct {
	Columns []string
	Rows    []reachLine
},
) {
	var columns []diag.TargetClass
	for _, class := range reached {
		if slices.ContainsFunc(p.table, func(x reachRow) bool { _, asked := x.cells[class]; return asked }) {
			columns = append(columns, class)
			table.Columns = append(table.Columns, words.Say("brief.column."+string(class)))
		}
	}
	for _, x := range p.table {
		line := reachLine{Address: x.address, Label: x.label, Remark: p.remark(x, len(p.r.Interfaces) > 1)}
		for _, class := range columns {
			line.Cells = append(line.Cells, p.sign(x.cells[class]))
		}
		table.Rows = append(table.Rows, line)
	}
	return table
}

// A reachLine is a row of it.
type reachLine struct {
	Address, Label, Remark string
	Cells                  []sign
}

// Legend explains the marks.
func (p page) Legend() (list []sign) {
	for j := report.Wrong; j >= report.Unasked; j-- {
		list = append(list, p.sign(report.Mark{Judgement: j}))
	}
	return list
}

// A question is a row of the list of all that was asked.
type question struct {
	Interface, Source, Target, Asks, Via, Outcome string
	Mark                                          sign
}

// Questions are all that was asked, as applications do first.
func (p page) Questions() (list []question) {
	bound := slices.DeleteFunc(slices.Clone(p.r.Paths), func(x report.Path) bool { return x.Via == diag.ViaApp })
	for _, x := range slices.Concat(byApp(p.r.Paths), bound) {
		q := question{
			Interface: x.Interface, Source: source(x), Target: x.Target, Asks: words.Say("brief.asks." + string(x.Asks)),
			Via: words.Say("via." + string(x.Via)), Outcome: words.Say("outcome." + string(x.Outcome)), Mark: p.sign(x.Mark),
		}
		if x.Asks == diag.AsksDAD && words.Has("dad."+string(x.Outcome)) {
			q.Outcome = words.Say("dad." + string(x.Outcome))
		}
		if x.RTTMS != nil {
			q.Outcome += fmt.Sprintf(", %.3g ms", *x.RTTMS)
		}
		if x.Detail != "" && x.Outcome != diag.Answered {
			q.Outcome += ": " + words.Detail(string(x.Asks), x.Detail, x.Note)
		}
		if way := wayBelow(p.r.Paths, x); way != "" {
			q.Outcome += "; " + way
		}
		list = append(list, q)
	}
	return list
}

// An addressLine is an address and how it stands.
type addressLine struct{ Interface, Address, State, Flags string }

// Addresses are those of this host, and what is assigned and not configured.
func (p page) Addresses() (list []addressLine) {
	for _, a := range p.r.Addresses {
		list = append(list, addressLine{a.Interface, fmt.Sprintf("%s/%d", a.Address, a.PrefixLen), p.assigned(a), strings.Join(a.Flags, " ")})
	}
	for _, a := range p.r.Assigned {
		if !covered(p.r, a) {
			list = append(list, addressLine{a.Interface, a.Prefix, words.Say("assigned.absent", "source", a.Source), ""})
		}
	}
	return list
}

func (p page) assigned(a report.Address) string {
	switch {
	case a.Assigned == nil:
		return words.Say("assigned.unknown")
	case *a.Assigned:
		return words.Say("assigned.yes", "sources", strings.Join(sourcesOf(p.r, a), ", "))
	default:
		return words.Say("assigned.no")
	}
}

// A reason is why something could not be told, and what would help.
type reason struct{ What, Why, Fix string }

// Unknown is what could not be told; one reason is said once.
func (p page) Unknown() (list []reason) {
	for _, u := range p.r.Unknown {
		i := slices.IndexFunc(list, func(r reason) bool { return r.Why == u.Why && r.Fix == u.Fix })
		if i < 0 {
			list = append(list, reason(u))
			continue
		}
		list[i].What += ", " + u.What
	}
	return list
}

// Color is the class of the verdict.
func (p page) Color() string {
	return map[why.Verdict]string{why.VerdictOK: "answered", why.VerdictCritical: "wrong"}[p.r.Verdict]
}
