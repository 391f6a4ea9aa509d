// Package render writes a report for people and for other programs: text, JSON, Markdown. It reads
// nothing but the report.
package render

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// Style is how text may be written.
type Style struct {
	Width int  // columns; at least 60
	Color bool // the terminal's own colours; they never carry meaning alone
	ASCII bool // no character beyond ASCII
	// Detail is how much is said: see Brief, Questions and Everything.
	Detail Detail
	// Mask rewrites what is written before it is laid out: it hides addresses. nil leaves all as it is.
	Mask func(string) string
}

// Detail is how much a text says.
type Detail int

// Details: what fits a screen, the answer first; every question and explanation; what they rest on, the
// addresses, the routers and the neighbour cache as well.
const (
	Brief Detail = iota
	Questions
	Everything
)

// Text writes the report for a person.
func Text(w io.Writer, r report.Report, style Style) error {
	t := &textWriter{style: style, evidence: map[string]report.Evidence{}}
	t.style.Width = max(60, style.Width)
	if t.style.Mask == nil {
		t.style.Mask = func(text string) string { return text }
	}
	for _, e := range r.Evidence {
		t.evidence[e.ID] = e
	}
	if style.Detail == Brief {
		t.brief(r)
	} else {
		t.full(r)
	}
	text := t.b.String()
	if style.ASCII {
		text = toASCII(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

// full writes the verdict, the matrix of questions, the explanations, and, if everything is asked for, what they
// rest on.
func (t *textWriter) full(r report.Report) {
	t.headline(r)
	var notes notes
	t.app(r, &notes)
	t.matrix(r, &notes)
	t.notes(r, notes)
	t.findings(r)
	t.unexplained(r)
	t.unknown(r)
	t.far(r)
	if t.style.Detail >= Everything {
		t.addresses(r)
		t.routers(r)
		t.neighbours(r)
	}
	t.closing(r)
}

type textWriter struct {
	b        strings.Builder
	style    Style
	evidence map[string]report.Evidence
}

// Select Graphic Rendition codes: bold, dim, and three of the sixteen colours, which every theme has.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *textWriter) paint(code, text string) string {
	code = strings.TrimSuffix(code, ";")
	if !t.style.Color || text == "" || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *textWriter) line(format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = t.style.Mask(text)
		}
	}
	fmt.Fprintf(&t.b, format+"\n", args...)
}

func (t *textWriter) section(key string) {
	t.line("\n%s", t.paint(bold, words.Say("report.section."+key)))
}

// wrap writes text in lines of at most the style's width, all but the first with a hanging indent.
func (t *textWriter) wrap(first, hang, text string) {
	for paragraph := range strings.SplitSeq(t.style.Mask(text), "\n") {
		line, used := first, utf8.RuneCountInString(first)
		empty := true
		for word := range strings.FieldsSeq(paragraph) {
			n := utf8.RuneCountInString(word)
			if !empty && used+1+n > t.style.Width {
				t.line("%s", line)
				line, used, empty = hang, utf8.RuneCountInString(hang), true
			}
			if !empty {
				line, used = line+" ", used+1
			}
			line, used, empty = line+word, used+n, false
		}
		t.line("%s", strings.TrimRight(line, " "))
		first = hang
	}
}

func verdictColor(v why.Verdict) string {
	switch v {
	case why.VerdictOK:
		return green
	case why.VerdictCritical:
		return red
	default:
		return yellow
	}
}

func (t *textWriter) headline(r report.Report) {
	word := strings.ToUpper(words.Say("verdict." + string(r.Verdict)))
	var headline textWriter
	headline.style = t.style
	headline.wrap(word+"  ", strings.Repeat(" ", utf8.RuneCountInString(word)+2), r.Headline)
	text := headline.b.String()
	t.b.WriteString(t.paint(bold+";"+verdictColor(r.Verdict), word) + strings.TrimPrefix(text, word))
	for _, i := range r.Interfaces {
		parts := []string{i.Name}
		if i.MAC != nil {
			parts = append(parts, *i.MAC)
		}
		if i.MTU != nil {
			parts = append(parts, fmt.Sprintf("MTU %d", *i.MTU))
		}
		if i.Up != nil && !*i.Up {
			parts = append(parts, words.Say("report.down"))
		}
		if i.Manager != nil && *i.Manager != "none" {
			parts = append(parts, words.Say("report.managed-by", "manager", *i.Manager))
		}
		t.line("%s", t.paint(dim, strings.Join(parts, ", ")))
	}
	t.wrap("", "  ", words.Say("report.profile", "profile", words.Say("profile."+r.Profile.Name+".name"),
		"confidence", words.Say("confidence."+string(r.Profile.Confidence)),
		"because", strings.Join(r.Profile.Because, "; ")))
	if unasked := r.Beside(); unasked != "" {
		t.wrap("", "  ", unasked)
	}
}

// byApp returns the questions that were asked as applications do, what is not as it should be first, then what
// lies furthest. Of what came out the same for several interfaces there is one.
func byApp(paths []report.Path) []report.Path {
	type asked struct {
		asks              diag.Asks
		target, way, what string
	}
	seen := map[asked]bool{}
	var list []report.Path
	for _, p := range paths {
		key := asked{p.Asks, p.Target, p.Way, string(p.Outcome) + " " + p.Detail}
		if p.Via == diag.ViaApp && !seen[key] {
			seen[key] = true
			list = append(list, p)
		}
	}
	far := []diag.TargetClass{diag.TargetInternet, diag.TargetService, diag.TargetRouter, diag.TargetPeer}
	diag.SortFunc(list, func(a, b report.Path) int {
		return cmp.Or(cmp.Compare(wrong(b), wrong(a)), cmp.Compare(slices.Index(far, a.TargetClass), slices.Index(far, b.TargetClass)))
	})
	return list
}

// wrong is 1 of an outcome that is a symptom, else 0.
func wrong(p report.Path) int {
	if p.Normal != nil && !*p.Normal {
		return 1
	}
	return 0
}

// boundTo is the interface by which a question was answered that an application got no answer to; empty: none.
func boundTo(paths []report.Path, app report.Path) string {
	i := slices.IndexFunc(paths, func(p report.Path) bool {
		return p.Via != diag.ViaApp && p.Asks == app.Asks && p.Target == app.Target && p.Outcome == diag.Answered
	})
	if i < 0 || app.Outcome == diag.Answered {
		return ""
	}
	return paths[i].Interface
}

// app says whether the host works, which comes first: what was asked as applications do. The way is said where it
// is not the obvious one, and where no answer came.
func (t *textWriter) app(r report.Report, notes *notes) {
	list := byApp(r.Paths)
	if len(list) == 0 {
		return
	}
	t.section("app")
	for i, p := range list {
		t.question(p.TargetClass, p.Target, p.Asks, t.cell(p, notes.mark(p), 0))
		way := wayBelow(r.Paths, p)
		if next := i + 1; way == "" || next < len(list) && list[next].Target == p.Target && wayBelow(r.Paths, list[next]) == way {
			continue // said once, below all that it is of
		}
		t.wrap("            ", "            ", way)
	}
}

// wayBelow is what is said below a question of the way it went; empty: nothing.
func wayBelow(paths []report.Path, p report.Path) string {
	if p.Via != diag.ViaApp || p.Outcome == diag.Answered && (p.Out == nil || *p.Out == p.Interface) {
		return ""
	}
	way := p.Way
	if way != "" && p.Source != nil {
		way += ", " + words.Say("way.from", "source", *p.Source)
	}
	if iface := boundTo(paths, p); iface != "" {
		way = strings.TrimPrefix(way+"; "+words.Say("report.bound", "interface", iface), "; ")
	}
	return way
}

// question writes a line of what was asked and what came of it.
func (t *textWriter) question(class diag.TargetClass, target string, asks diag.Asks, outcome string) {
	t.line("  %-9s %-39s %-4s %s", words.Say("target."+string(class)), target, words.Say("asks."+string(asks)), outcome)
}

// A row of the matrix is one question, asked by wire and by kernel.
type row struct {
	target diag.TargetClass
	addr   string
	asks   diag.Asks
	by     map[diag.Via]report.Path
}

func (t *textWriter) matrix(r report.Report, notes *notes) {
	type source struct {
		iface, addr string
		class       diag.SourceClass
	}
	var sources []source
	rows := map[source][]*row{}
	for _, p := range r.Paths {
		if p.Via == diag.ViaApp {
			continue
		}
		src := source{iface: p.Interface, class: p.SourceClass}
		addr := p.Target
		switch {
		case p.Asks == diag.AsksDAD:
			// The question is the target's own: it belongs to the row of the address it asks for.
			src.addr, src.class = p.Target, diag.SourceCandidate
		case p.Source != nil:
			src.addr = *p.Source
		}
		if !slices.Contains(sources, src) {
			sources = append(sources, src)
		}
		i := slices.IndexFunc(rows[src], func(x *row) bool {
			if x.addr != addr || x.asks != p.Asks || x.target != p.TargetClass {
				return false
			}
			_, taken := x.by[p.Via]
			return !taken || x.by[p.Via].Outcome == p.Outcome
		})
		if i < 0 {
			rows[src] = append(rows[src], &row{p.TargetClass, addr, p.Asks, map[diag.Via]report.Path{}})
			i = len(rows[src]) - 1
		}
		rows[src][i].by[p.Via] = p
	}
	if len(sources) == 0 {
		return
	}
	t.section("matrix")
	for _, src := range sources {
		name := src.addr
		if name == "" || name == "::" {
			name = words.Say("report.source.unspecified")
		}
		label := words.Say("source."+string(src.class), "interface", src.iface)
		t.line("%s %s", t.paint(bold, name), t.paint(dim, label))
		for _, x := range rows[src] {
			addr := x.addr
			if x.asks == diag.AsksDAD {
				addr = words.Say("report.dad")
			}
			wire, kernel := x.by[diag.ViaWire], x.by[diag.ViaKernel]
			t.question(x.target, addr, x.asks, t.cell(wire, notes.mark(wire), 11)+" "+t.cell(kernel, notes.mark(kernel), 0))
		}
	}
}

// notes explains the marks of both tables.
func (t *textWriter) notes(r report.Report, notes notes) {
	if len(r.Paths) == 0 {
		return
	}
	t.wrap("", "", words.Say("report.legend"))
	for i, note := range notes {
		t.wrap("  ("+string(rune('a'+i))+") ", "      ", note)
	}
}

// notes are what is said below the matrix of outcomes that do not speak for themselves.
type notes []string

// notesShown bounds them: a letter each.
const notesShown = 26

// mark returns the letter of the note that belongs to an outcome; "" where there is none.
func (n *notes) mark(p report.Path) string {
	var parts []string
	if (p.Outcome != diag.Answered && p.Detail != "" || qualified(p)) && (p.Way == "" || p.Detail != "elsewhere") {
		parts = append(parts, words.Detail(string(p.Asks), p.Detail, p.Note))
	}
	if p.Place != nil && p.Outcome != diag.Answered {
		parts = append(parts, p.Place.String())
	}
	if len(parts) == 0 {
		return ""
	}
	note := strings.Join(parts, "; ")
	i := slices.Index(*n, note)
	if i < 0 {
		if i = len(*n); i == notesShown {
			return ""
		}
		*n = append(*n, note)
	}
	return " " + string(rune('a'+i))
}

// qualified reports whether an answer is one with a reservation: of a host on which nobody listens, of a service that
// does not serve.
func qualified(p report.Path) bool {
	return p.Outcome == diag.Answered && (p.Detail == diag.DetailDeclines || p.Asks == diag.AsksTCP && p.Detail != "")
}

// cell is an outcome in w columns: "!" marks a symptom, "?" what has no normal outcome here, mark a note.
func (t *textWriter) cell(p report.Path, mark string, w int) string {
	if p.ID == "" {
		return fmt.Sprintf("%-*s", w, "-")
	}
	text := outcome(p)
	color := ""
	switch {
	case p.Outcome == diag.OutcomeSkipped:
		color = dim
	case p.Normal == nil:
		text += "?"
	case !*p.Normal:
		text, color = text+"!", bold+";"+red
	}
	return t.paint(color, fmt.Sprintf("%-*s", w, text+mark))
}

// outcome is what came of a question, in a word or two.
func outcome(p report.Path) string {
	if p.Asks == diag.AsksDAD && words.Has("dad."+string(p.Outcome)) {
		return words.Say("dad." + string(p.Outcome))
	}
	return words.Say("outcome." + string(p.Outcome))
}

// detailOf says more of it; "" where there is no more.
func detailOf(p report.Path) string {
	if p.Detail == "" {
		return ""
	}
	return words.Detail(string(p.Asks), p.Detail, p.Note)
}

func severityColor(s why.Severity) string {
	switch s {
	case why.Critical:
		return red
	case why.Warning:
		return yellow
	default:
		return ""
	}
}

// evidenceShown bounds the evidence lines of one finding: the report in JSON has them all.
const evidenceShown = 6

func (t *textWriter) findings(r report.Report) {
	if len(r.Findings) == 0 {
		return
	}
	t.section("findings")
	for i, list := range alike(r.Findings) {
		if i > 0 {
			t.line("")
		}
		t.group(r, list)
	}
}

// alike puts findings together that follow each other and have cause and explanation in common, which is said once.
func alike(list []report.Finding) (groups [][]report.Finding) {
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n].Cause == list[i].Cause && list[i+n].Explanation == list[i].Explanation {
			n++
		}
		groups = append(groups, list[i:i+n])
		i += n
	}
	return groups
}

// summaries are what findings say, each once, of all the interfaces that it is said of; by the number of the first
// finding that says it.
func summaries(r report.Report, list []report.Finding) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for i, f := range list {
			same := func(x report.Finding) bool { return x.Summary == f.Summary }
			if slices.ContainsFunc(list[:i], same) {
				continue
			}
			var on []string
			for _, x := range list[i:] {
				if same(x) && !slices.Contains(on, x.Interface) {
					on = append(on, x.Interface)
				}
			}
			if !yield(i, r.On(strings.Join(on, ", "), f.Says())) {
				return
			}
		}
	}
}

// advised is what to do about findings of one cause, and what shows more.
func advised(list []report.Finding) []why.Step {
	var advice [][]why.Advice
	var look []string
	for _, f := range list {
		advice = append(advice, f.Remedies)
		for _, c := range f.Look {
			if !slices.Contains(look, c) {
				look = append(look, c)
			}
		}
	}
	return why.Steps(why.Together(advice...), look)
}

// far says what is known of other hosts that watched.
func (t *textWriter) far(r report.Report) {
	if len(r.Far) == 0 {
		return
	}
	t.section("far")
	for _, f := range r.Far {
		for _, line := range f.Says() {
			t.wrap("  ", "    ", line)
		}
	}
}

// group writes findings of one cause with one explanation.
func (t *textWriter) group(r report.Report, list []report.Finding) {
	f := list[0]
	t.line("%s %s", t.paint(bold+";"+severityColor(f.Severity), f.Cause),
		t.paint(dim, fmt.Sprintf("(%s, %s)", words.Say("severity."+string(f.Severity)), words.Say("confidence."+string(f.Confidence)))))
	for _, says := range summaries(r, list) {
		t.wrap("  ", "  ", says)
	}
	t.wrap("  ", "  ", f.Explanation)
	var seen []string
	for _, f := range list {
		seen = append(seen, f.Evidence...)
	}
	t.seen(seen)
	for _, f := range list {
		for _, a := range f.Alternatives {
			t.wrap("  ", "    ", words.Say("report.alternative", "cause", a.Cause, "tell", a.TellApart))
		}
	}
	t.remedies(list)
}

// remedies writes what to do about findings of one cause.
func (t *textWriter) remedies(list []report.Finding) {
	steps := advised(list)
	if len(steps) > 0 {
		t.line("  %s", words.Say("report.remedy"))
	}
	for _, s := range steps {
		if s.Command {
			// A command is never wrapped: it is there to be copied.
			t.line("      %s", s.Text)
		} else {
			t.wrap("    ", "    ", s.Text)
		}
	}
}

// seen lists what was observed, each sentence once.
func (t *textWriter) seen(ids []string) {
	var texts []string
	for _, id := range ids {
		if what := t.evidence[id].What; what != "" && !slices.Contains(texts, what) {
			texts = append(texts, what)
		}
	}
	if len(texts) == 0 || t.style.Detail < Everything {
		return
	}
	t.line("  %s", words.Say("report.seen"))
	for _, text := range texts[:min(len(texts), evidenceShown)] {
		t.wrap("    ", "      ", text)
	}
	if n := len(texts) - evidenceShown; n > 0 {
		t.line("    %s", words.Say("report.seen-more", "n", n))
	}
}

func (t *textWriter) unexplained(r report.Report) {
	if len(r.Unexplained) == 0 {
		return
	}
	t.section("unexplained")
	for _, u := range r.Unexplained {
		t.wrap("  ", "    ", u.Symptom)
		t.seen(u.Evidence)
	}
}

func (t *textWriter) unknown(r report.Report) {
	// What the user turned off is no news to the user; what is unknown stands there with its reason.
	skipped := slices.DeleteFunc(slices.Clone(r.Skipped), func(s report.Skipped) bool {
		return s.User || slices.ContainsFunc(r.Unknown, func(u why.Unknown) bool { return u.What == s.Check })
	})
	if len(r.Unknown)+len(skipped) == 0 {
		return
	}
	t.section("unknown")
	// One reason often keeps many checks from running: it is said once.
	var reasons []why.Unknown
	names := map[string][]string{}
	for _, u := range r.Unknown {
		key := u.Why + "\n" + u.Fix
		if len(names[key]) == 0 {
			reasons = append(reasons, u)
		}
		names[key] = append(names[key], u.What)
	}
	for _, u := range reasons {
		t.wrap("  ", "    ", strings.Join(names[u.Why+"\n"+u.Fix], ", ")+": "+u.Why)
		if u.Fix != "" {
			for _, command := range fixes(u.Fix) {
				t.line("    %s", command) // never wrapped: it is there to be copied
			}
			if !why.IsCommand(u.Fix) {
				t.wrap("    ", "    ", u.Fix)
			}
		}
	}
	var why []string
	checks := map[string][]string{}
	for _, s := range skipped {
		if !slices.Contains(why, s.Why) {
			why = append(why, s.Why)
		}
		checks[s.Why] = append(checks[s.Why], s.Check)
	}
	for _, reason := range why {
		t.wrap("  ", "    ", words.Say("report.skipped", "checks", strings.Join(checks[reason], ", "), "why", reason))
	}
}

func (t *textWriter) addresses(r report.Report) {
	if len(r.Addresses)+len(r.Assigned) == 0 {
		return
	}
	t.section("addresses")
	for _, a := range r.Addresses {
		status := words.Say("assigned.unknown")
		if a.Assigned != nil && *a.Assigned {
			status = words.Say("assigned.yes", "sources", strings.Join(sourcesOf(r, a), ", "))
		} else if a.Assigned != nil {
			status = words.Say("assigned.no")
		}
		status = r.On(a.Interface, status)
		t.address(fmt.Sprintf("%s/%d", a.Address, a.PrefixLen), status+" "+strings.Join(a.Flags, " "))
	}
	for _, a := range r.Assigned {
		if !covered(r, a) {
			t.address(a.Prefix, r.On(a.Interface, words.Say("assigned.absent", "source", a.Source)))
		}
	}
}

// address writes an address, and beside it what is to be said of it.
func (t *textWriter) address(prefix, status string) {
	const column = 46
	t.wrap(fmt.Sprintf("  %-*s", column-2, t.style.Mask(prefix)), strings.Repeat(" ", column), status)
}

func (t *textWriter) routers(r report.Report) {
	if len(r.Routers) == 0 {
		return
	}
	t.section("routers")
	for _, x := range r.Routers {
		mac := ""
		if x.MAC != nil {
			mac = " " + *x.MAC
		}
		flags := "-"
		if len(x.Flags) > 0 {
			flags = strings.Join(x.Flags, " ")
		}
		t.line("  %s%s", r.On(x.Interface, x.Address), mac)
		t.wrap("    ", "      ", words.Say("report.router", "flags", flags, "lifetime", lifetime(x.LifetimeS)))
		for _, p := range x.Prefixes {
			t.wrap("    ", "      ", words.Say("report.prefix", "prefix", p.Prefix, "l", bit(p.OnLink), "a", bit(p.Autonomous),
				"valid", lifetime(p.ValidS), "preferred", lifetime(p.PreferredS)))
		}
		if x.MTU != nil {
			t.line("    MTU %d", *x.MTU)
		}
		if len(x.RDNSS) > 0 {
			t.wrap("    RDNSS ", "          ", strings.Join(x.RDNSS, " "))
		}
		route := words.Say("report.no-kernel-route")
		if x.KernelRoute != nil {
			route = words.Say("report.kernel-route", "route", *x.KernelRoute)
		}
		t.wrap("    ", "      ", route)
		t.offers(x.Offers)
	}
}

// offers says what of an advertisement is in force beside the default route, in one line, and what is not, a line each.
func (t *textWriter) offers(list []report.Offer) {
	if taken := report.InForce(list); taken != "" {
		t.wrap("    ", "      ", taken)
	}
	for _, o := range list {
		if o.Why != nil {
			t.wrap("    ", "      ", words.Say("report.offer", "offer", o.Says, "state", o.State(), "why", *o.Why))
		}
	}
}

func (t *textWriter) neighbours(r report.Report) {
	if len(r.Neighbours.Asked) == 0 {
		return
	}
	t.section("neighbours")
	for _, n := range r.Neighbours.Asked {
		mac, router := strings.Repeat("-", 17), ""
		if n.MAC != nil {
			mac = *n.MAC
		}
		if n.Router {
			router = " " + words.Say("target.router")
		}
		t.line("  %-39s %-17s %s%s", n.Address, mac, r.On(n.Interface, string(n.State)), router)
	}
}

func (t *textWriter) closing(r report.Report) {
	t.line("")
	for _, c := range r.Changed {
		t.wrap("", "  ", c)
	}
	t.wrap("", "  ", words.Say("report.traffic", "sent", r.Traffic.Sent, "kernel", r.Traffic.ByKernel,
		"seconds", fmt.Sprintf("%.1f", float64(r.DurationMS)/1000)))
}

func lifetime(seconds int64) string {
	if seconds == diag.Forever {
		return words.Say("report.forever")
	}
	return fmt.Sprintf("%d s", seconds)
}

func bit(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// toASCII replaces the few characters beyond ASCII that the catalogue uses.
func toASCII(text string) string {
	text = strings.NewReplacer("…", "...", "→", "->", "–", "-", "—", "-", "’", "'", "“", `"`, "”", `"`,
		"×", "x", "§", "section ", "·", "|", "≤", "<=", "≥", ">=", "⟷", "<->",
		"✓", "v", "✗", "x", "○", "o").Replace(text)
	return strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '?'
		}
		return r
	}, text)
}
