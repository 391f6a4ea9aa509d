package render

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

//go:embed html.css
var htmlStyle string

// HTML writes the report as one page that needs nothing else: no script, no other file, no network. It is for a
// browser, light or dark, and for paper. It is built as a tree, which the library writes down: what came from a
// network stays text, whatever it says. (A template calls methods by name, for which the linker keeps every
// exported method of the program: 3 MB.)
func HTML(w io.Writer, r report.Report, style Style) error {
	if style.Mask == nil {
		style.Mask = func(text string) string { return text }
	}
	p := page{brief{textWriter: &textWriter{style: style, evidence: map[string]report.Evidence{}}, r: r, problems: r.Problems()}}
	for _, e := range r.Evidence {
		p.evidence[e.ID] = e
	}
	p.table = p.rows()
	for _, n := range []*html.Node{{Type: html.DoctypeNode, Data: "html"}, {Type: html.TextNode, Data: "\n"}, el("html", attr("lang", "en"), p.head(), p.body())} {
		if err := html.Render(w, n); err != nil {
			return err
		}
	}
	return nil
}

// A page is a report on its way to HTML.
type page struct{ brief }

func (p page) head() *html.Node {
	meta := func(key, value, content string) *html.Node {
		return el("meta", attr(key, value), attr("content", content))
	}
	return el("head", el("meta", attr("charset", "utf-8")),
		meta("name", "viewport", "width=device-width, initial-scale=1"),
		meta("name", "color-scheme", "light dark"),
		meta("http-equiv", "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
		el("title", words.Say("html.title", "verdict", words.Say("verdict."+string(p.r.Verdict)), "host", p.r.Host)),
		el("style", htmlStyle))
}

func (p page) body() *html.Node {
	color := map[why.Verdict]string{why.VerdictOK: "answered", why.VerdictCritical: "wrong"}[p.r.Verdict]
	return el("body",
		el("h1", el("span", class("verdict "+color), words.Say("verdict."+string(p.r.Verdict))), " ", p.r.Headline),
		p.facts(), p.maps(), p.first(), p.unknown(), p.reach(), p.findings(), p.far(), p.unexplained(), p.addresses(), p.routers(),
		p.neighbours(), p.questions(),
		section("html.changed", just(each(p.r.Changed, "ul", func(c string) *html.Node { return el("li", c) }))),
		el("p", class("soft"), words.Say("report.traffic", "sent", p.r.Traffic.Sent, "kernel", p.r.Traffic.ByKernel, "seconds", p.seconds())))
}

func (p page) seconds() string { return fmt.Sprintf("%.1f", float64(p.r.DurationMS)/1000) }

// facts say of what and when the report is, and what kind of network that is.
func (p page) facts() *html.Node {
	n := el("p", class("soft"),
		words.Say("html.facts", "host", p.r.Host, "started", p.r.Started, "seconds", p.seconds(), "version", p.r.Version), el("br"),
		words.Say("report.profile", "profile", words.Say("profile."+p.r.Profile.Name+".name"),
			"confidence", words.Say("confidence."+string(p.r.Profile.Confidence)), "because", strings.Join(p.r.Profile.Because, "; ")))
	if beside := p.r.Beside(); beside != "" {
		add(n, el("br"), beside)
	}
	return n
}

func (p page) maps() (list []*html.Node) {
	for _, i := range p.r.Interfaces {
		if d := p.drawing(i); d != nil {
			list = append(list, d.svg())
		}
	}
	return list
}

// first is the first problem: why, and what to do.
func (p page) first() []*html.Node {
	if len(p.problems) == 0 {
		return nil
	}
	f := p.problems[0]
	list := section("html.why", just(el("p", f.Explanation)))
	if proofs := p.proofs(f); len(proofs) > 0 {
		list = append(list, el("p", class("soft"), words.Say("html.proof")+":"), each(proofs, "ul", func(proof string) *html.Node { return el("li", proof) }))
	}
	return slices.Concat(list, section("html.do", steps(why.Steps(f.Remedies, nil)), el("p", class("soft"), words.Say("html.do-note"))))
}

// findings are the problems, with the numbers that marks give them, then the notes, each in full; what several have in
// common is said once.
func (p page) findings() []*html.Node {
	var list []*html.Node
	number := 0
	for _, group := range slices.Concat(alike(p.problems), alike(p.r.Notes())) {
		f := group[0]
		n := el("section", el("h3", el("code", f.Cause), " ",
			el("span", class("soft"), words.Say("severity."+string(f.Severity))+", "+words.Say("confidence."+string(f.Confidence)))))
		for i, says := range summaries(p.r, group) {
			line := el("p")
			if number < len(p.problems) {
				add(line, el("span", class("wrong"), number+i+1), " ")
			}
			add(line, el("strong", says))
			add(n, line)
		}
		number += len(group)
		add(n, el("p", f.Explanation))
		var evidence []string
		for _, f := range group {
			for _, proof := range p.proofs(f) {
				add(n, el("p", words.Say("html.proof")+": "+proof))
			}
			add(n, each(f.Alternatives, "ul", func(a why.Alternative) *html.Node {
				return el("li", words.Say("report.alternative", "cause", a.Cause, "tell", a.TellApart))
			}))
			evidence = append(evidence, f.Evidence...)
		}
		add(n, steps(advised(group)), p.seen(evidence))
		list = append(list, n)
	}
	return section("html.findings", list)
}

// far is what is known of other hosts that watched.
func (p page) far() []*html.Node {
	var list []*html.Node
	for _, f := range p.r.Far {
		list = append(list, each(f.Says(), "ul", func(says string) *html.Node { return el("li", says) }))
	}
	return section("report.section.far", list)
}

// unexplained are the symptoms that no cause covers, with what they rest on.
func (p page) unexplained() []*html.Node {
	var list []*html.Node
	for _, u := range p.r.Unexplained {
		list = append(list, el("p", u.Symptom), p.seen(u.Evidence))
	}
	return section("html.unexplained", list)
}

func (p page) seen(ids []string) *html.Node {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { _, ok := p.evidence[id]; return !ok })
	if len(ids) == 0 {
		return nil
	}
	return el("details", attr("open", ""), el("summary", words.Say("html.seen")), each(ids, "ul", func(id string) *html.Node {
		return el("li", el("span", class("soft"), p.evidence[id].At), " ", p.evidence[id].What)
	}))
}

// unknown is what could not be told, and what would help; one reason is said once.
func (p page) unknown() []*html.Node {
	var list []why.Unknown
	for _, u := range p.r.Unknown {
		i := slices.IndexFunc(list, func(r why.Unknown) bool { return r.Why == u.Why && r.Fix == u.Fix })
		if i < 0 {
			list = append(list, u)
			continue
		}
		list[i].What += ", " + u.What
	}
	return section("html.unknown", just(each(list, "ul", func(u why.Unknown) *html.Node {
		n := el("li", u.What+": "+u.Why)
		if u.Fix != "" {
			for _, command := range fixes(u.Fix) {
				add(n, el("pre", command))
			}
			if !why.IsCommand(u.Fix) {
				add(n, el("p", u.Fix))
			}
		}
		return n
	})))
}

// A sign is a mark with the class that colours it, and what it means.
type sign struct{ Text, Class, Means string }

func (p page) sign(m report.Mark) sign {
	text, _ := p.mark(m)
	return sign{text, judgements[m.Judgement], words.Say(fmt.Sprintf("mark.%d.means", m.Judgement))}
}

// cell is the sign in a table.
func (s sign) cell() *html.Node { return el("td", class(s.Class), attr("title", s.Means), s.Text) }

// judgements are the names of the classes of marks.
var judgements = map[report.Judgement]string{
	report.Unasked: "unasked", report.AsExpected: "expected", report.Answered: "answered",
	report.Undecided: "undecided", report.Impaired: "impaired", report.Wrong: "wrong",
}

// reach is the table of who reaches whom, and what its marks mean.
func (p page) reach() []*html.Node {
	if len(p.table) == 0 {
		return nil
	}
	columns := slices.DeleteFunc(slices.Clone(reached), func(class diag.TargetClass) bool {
		return !slices.ContainsFunc(p.table, func(x reachRow) bool { _, asked := x.cells[class]; return asked })
	})
	head := []string{""}
	for _, c := range columns {
		head = append(head, words.Say("brief.column."+string(c)))
	}
	legend := el("p", class("soft"))
	for j := report.Wrong; j >= report.Unasked; j-- {
		s := p.sign(report.Mark{Judgement: j})
		add(legend, el("span", class(s.Class), s.Text), " "+s.Means+"\u2002")
	}
	return section("html.reach", just(table(head, p.table, func(x reachRow) *html.Node {
		first := el("td", x.address+x.label)
		if x.address != "" {
			add(first, class("a"))
		}
		if remark := p.remark(x, len(p.r.Interfaces) > 1); remark != "" {
			add(first, el("br"), el("span", class("soft"), remark))
		}
		row := el("tr", first)
		for _, c := range columns {
			add(row, p.sign(x.cells[c]).cell())
		}
		return row
	})), legend)
}

// addresses are those of this host, and what is assigned and not configured.
func (p page) addresses() []*html.Node {
	row := func(cells ...string) *html.Node {
		return el("tr", el("td", cells[0]), el("td", class("a"), cells[1]), el("td", cells[2]), el("td", cells[3]))
	}
	var rows []*html.Node
	for _, a := range p.r.Addresses {
		rows = append(rows, row(a.Interface, fmt.Sprintf("%s/%d", a.Address, a.PrefixLen), p.assigned(a), strings.Join(a.Flags, " ")))
	}
	for _, a := range p.r.Assigned {
		if !covered(p.r, a) {
			rows = append(rows, row(a.Interface, a.Prefix, words.Say("assigned.absent", "source", a.Source), ""))
		}
	}
	return section("html.addresses", just(table(titles("interface", "address", "state", "flags"), rows, asIs)))
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

// routers are those that advertise: what they say, and what of it this host took.
func (p page) routers() []*html.Node {
	var list []*html.Node
	for _, r := range p.r.Routers {
		where := r.Interface
		if r.MAC != nil {
			where += ", " + *r.MAC
		}
		route := words.Say("report.no-kernel-route")
		if r.KernelRoute != nil {
			route = words.Say("report.kernel-route", "route", *r.KernelRoute)
		}
		says := el("p", words.Say("report.router", "flags", strings.Join(r.Flags, " "), "lifetime", lifetime(r.LifetimeS)), el("br"), route)
		for _, x := range r.Prefixes {
			add(says, el("br"), words.Say("report.prefix", "prefix", x.Prefix, "l", bit(x.OnLink), "a", bit(x.Autonomous),
				"valid", lifetime(x.ValidS), "preferred", lifetime(x.PreferredS)))
		}
		if len(r.RDNSS) > 0 {
			add(says, el("br"), "RDNSS "+strings.Join(r.RDNSS, " "))
		}
		list = append(list, el("h3", el("code", r.Address), " ", el("span", class("soft"), where)), says,
			table(titles("offer", "taken", "because"), r.Offers, func(o report.Offer) *html.Node {
				return el("tr", el("td", o.Says), el("td", o.State()), el("td", text(o.Why)))
			}))
	}
	return section("html.routers", list)
}

func (p page) neighbours() []*html.Node {
	return section("html.neighbours", just(table(titles("interface", "address", "mac", "state"), p.r.Neighbours.Asked, func(n report.Neighbour) *html.Node {
		state := string(n.State)
		if n.Router {
			state += " " + words.Say("target.router")
		}
		return el("tr", el("td", n.Interface), el("td", class("a"), n.Address), el("td", class("a"), text(n.MAC)), el("td", state))
	})))
}

// questions are all that was asked, as applications do first.
func (p page) questions() []*html.Node {
	bound := slices.DeleteFunc(slices.Clone(p.r.Paths), func(x report.Path) bool { return x.Via == diag.ViaApp })
	head := append([]string{""}, titles("source", "target", "asks", "via", "outcome")...)
	return section("html.questions", just(table(head, slices.Concat(byApp(p.r.Paths), bound), func(x report.Path) *html.Node {
		return el("tr", p.sign(x.Mark).cell(), el("td", class("a"), source(x)),
			el("td", class("a"), x.Target, " ", el("span", class("soft"), x.Interface)),
			el("td", words.Say("brief.asks."+string(x.Asks))), el("td", words.Say("via."+string(x.Via))), el("td", p.came(x)))
	})))
}

// came says what came of a question.
func (p page) came(x report.Path) string {
	came := outcome(x)
	if x.RTTMS != nil {
		came += fmt.Sprintf(", %.3g ms", *x.RTTMS)
	}
	if detail := detailOf(x); detail != "" && x.Outcome != diag.Answered {
		came += ": " + detail
	}
	if way := wayBelow(p.r.Paths, x); way != "" {
		came += "; " + way
	}
	return came
}

// svg is the map as it is drawn.
func (d *drawing) svg() *html.Node {
	line := func(s stroke) *html.Node {
		return el("line", attr("x1", s.X1), attr("y1", s.Y1), attr("x2", s.X2), attr("y2", s.Y2), class(s.Class))
	}
	label := func(x, y, dx, dy int, c, says string) *html.Node {
		return el("text", attr("x", x), attr("y", y), attr("dx", dx), attr("dy", dy), class(c), says)
	}
	n := el("svg", attr("viewBox", fmt.Sprintf("0 0 %d %d", d.Width, d.Height)), attr("role", "img"), attr("aria-label", d.Title), el("title", d.Title))
	for _, s := range d.Lines {
		add(n, line(s))
	}
	add(n, line(d.Link), label(d.Link.X1, d.Link.Y1, 0, -8, "soft", d.LinkName))
	for _, b := range d.Boxes {
		add(n, el("rect", attr("x", b.X), attr("y", b.Y), attr("width", b.W), attr("height", b.H), attr("rx", 6)), label(b.X, b.Y, 10, 19, "t", b.Title))
		for _, x := range b.Nodes {
			add(n, label(b.X, x.Y, 12, 0, x.Sign.Class, x.Sign.Text), label(b.X, x.Y, 42, 0, "a", x.Name), label(b.X, x.Y, 42, 15, "soft", x.Says))
		}
	}
	return n
}

// el is an element of parts: attributes, text, other elements; of nothing, there is none.
func el(tag string, parts ...any) *html.Node {
	n := &html.Node{Type: html.ElementNode, Data: tag}
	add(n, parts...)
	return n
}

// add adds parts to an element. What opens a line of its own in a browser does so in the file, for those who read that.
func add(n *html.Node, parts ...any) {
	for _, part := range parts {
		switch x := part.(type) {
		case html.Attribute:
			n.Attr = append(n.Attr, x)
		case *html.Node:
			if x == nil {
				continue
			}
			n.AppendChild(x)
			if !slices.Contains(inLine, x.Data) {
				add(n, "\n")
			}
		case []*html.Node:
			for _, child := range x {
				add(n, child)
			}
		default:
			n.AppendChild(&html.Node{Type: html.TextNode, Data: fmt.Sprint(x)})
		}
	}
}

// inLine are the elements that stand within a line.
var inLine = []string{"span", "code", "strong", "td", "th", "br"}

func attr(key string, value any) html.Attribute {
	return html.Attribute{Key: key, Val: fmt.Sprint(value)}
}

func class(name string) html.Attribute { return attr("class", name) }

// text is what a value says that may be missing.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// section is a part of the page under its heading; nothing without what it is to hold first.
func section(heading string, holds []*html.Node, more ...*html.Node) []*html.Node {
	holds = slices.DeleteFunc(holds, func(n *html.Node) bool { return n == nil })
	if len(holds) == 0 {
		return nil
	}
	return slices.Concat([]*html.Node{el("h2", words.Say(heading))}, holds, more)
}

// just is a part that is one element.
func just(n *html.Node) []*html.Node { return []*html.Node{n} }

// each is an element of one child for each of a list; none for none.
func each[T any](list []T, tag string, child func(T) *html.Node) *html.Node {
	if len(list) == 0 {
		return nil
	}
	n := el(tag)
	for _, x := range list {
		add(n, child(x))
	}
	return n
}

// table is a table with a row for each of a list; none for none.
func table[T any](head []string, list []T, row func(T) *html.Node) *html.Node {
	body := each(list, "tbody", func(x T) *html.Node { return written(row(x)) })
	if body == nil {
		return nil
	}
	top := el("tr")
	for _, h := range head {
		add(top, el("th", attr("scope", "col"), h))
	}
	return el("div", class("wide"), el("table", el("thead", top), body))
}

// written is an element as the text that it becomes: of a table with thousands of rows the elements would take ten times
// as much.
func written(n *html.Node) *html.Node {
	var text strings.Builder
	if err := html.Render(&text, n); err != nil {
		return n // Render of the page says why
	}
	return &html.Node{Type: html.RawNode, Data: text.String()}
}

// titles are the names of a table's columns.
func titles(columns ...string) []string {
	for i, c := range columns {
		columns[i] = words.Say("html." + c)
	}
	return columns
}

func asIs(n *html.Node) *html.Node { return n }

// steps are what to do: sentences, and commands to copy, those that follow each other in one box.
func steps(list []why.Step) (nodes []*html.Node) {
	for i := 0; i < len(list); i++ {
		if !list[i].Command {
			nodes = append(nodes, el("p", list[i].Text))
			continue
		}
		box := el("pre", list[i].Text)
		for ; i+1 < len(list) && list[i+1].Command; i++ {
			add(box, "\n"+list[i+1].Text)
		}
		nodes = append(nodes, box)
	}
	return nodes
}
