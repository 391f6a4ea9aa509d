package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// What is shown of each before the rest is only counted: -v has all. One finding fits 24 lines of 80 so.
const (
	proofsShown    = 2
	remediesShown  = 3
	problemsShown  = 5
	addressesShown = 6
)

// labelled is the column in which what has a label begins.
const labelled = 6

// screen is how many lines a terminal of 24 shows above the prompt that follows.
const screen = 23

// wellScreen is how many lines an "all is well" takes at most.
const wellScreen = 10

// near is by how many lines what is said may miss the screen before all that can wait is left out: the verdict has gone
// from the screen either way.
const near = 2

// brief answers first: the verdict, why, what to do, what else, who reaches whom, what was not asked. Whatever
// else there is stands behind -v. Where a screen is too small for it, the blank lines go.
func (t *textWriter) brief(r report.Report) {
	b := brief{textWriter: t, r: r, problems: r.Problems()}
	b.table = b.rows()
	// A small screen goes without some of it, what is missed least first. Where that does not help, only the blank lines and
	// the marks' meanings go.
	airy := len(b.problems)+len(r.Unexplained)+len(r.Unknown) > 0
	const all, proofs = remediesShown, proofsShown
	levels := []spare{
		{airy, true, true, true, true, all, proofs},
		{false, true, true, true, true, all, proofs},
		{false, false, true, true, true, all, proofs},
		{false, false, true, false, true, all, proofs},
		{false, false, false, false, true, all, proofs},
		{false, false, false, false, true, all, 1},
		{false, false, false, false, true, 2, proofs},
		{false, false, false, false, false, all, proofs},
		{false, false, false, false, false, all, 1},
		{false, false, false, false, true, 1, proofs},
		{false, false, false, false, false, 1, 1},
	}
	room := screen
	if b.r.Verdict == why.VerdictOK {
		levels, room = []spare{levels[0], levels[3]}, wellScreen
	}
	var heights []int
	for _, s := range levels {
		heights = append(heights, b.height(s))
	}
	if shortest := slices.Min(heights); shortest > room {
		room = shortest + near
	}
	b.spare = levels[slices.IndexFunc(heights, func(n int) bool { return n <= room })]
	b.write()
}

// height is how many lines of a terminal it takes with so much of it: a command may take several.
func (b *brief) height(s spare) int {
	try, plain := *b, *b.textWriter
	plain.b, plain.style.Color = strings.Builder{}, false
	try.textWriter, try.spare = &plain, s
	try.write()
	n := 0
	for line := range strings.Lines(plain.b.String()) {
		n += max(1, (utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))+b.style.Width-1)/b.style.Width)
	}
	return n
}

// spare is what a screen has room for.
type spare struct {
	airy      bool // blank lines between the parts
	marks     bool // what the marks mean, and what -v and -vv show
	notes     bool // what looks broken and is not
	tests     bool // the row of test addresses, where nothing is wrong with them
	remarks   bool // what a remedy does, where that takes a line of its own
	ways      int
	contrasts int
}

func (b *brief) write() {
	if fix := b.privilege(); fix != "" {
		b.blind(fix)
		return
	}
	b.short = b.named(nil)
	b.verdict()
	b.short = b.named(report.Addresses(b.style.Mask(b.r.Headline))) // it has said them in full
	b.why()
	b.also()
	b.unknown()
	b.reach()
	b.closing()
}

type brief struct {
	*textWriter
	r        report.Report
	problems []report.Finding
	table    []reachRow
	spare
	short report.Short // of the addresses that have a row, and of those that were said in full
}

// named gives a short name to every address that has a row, and to others that stand in full above.
func (b *brief) named(above []string) report.Short {
	shown := slices.Clone(above)
	var all []string
	for _, x := range b.table {
		shown = append(shown, b.style.Mask(x.address))
	}
	for _, p := range b.r.Paths {
		all = append(all, b.style.Mask(p.Target))
	}
	return report.Shorten(shown, all)
}

// prose shortens the addresses of a sentence that stand in full elsewhere.
func (b *brief) prose(text string) string { return b.short.In(b.style.Mask(text)) }

// para writes prose below a label.
func (b *brief) para(label, text string) {
	first := lead(label)
	b.hung(first, strings.Repeat(" ", utf8.RuneCountInString(first)), text)
}

// lead is a label as wide as the column of labels, or a blank more where it is longer; "" is no label.
func lead(label string) string {
	word := ""
	if label != "" {
		word = words.Say("brief." + label)
	}
	return word + strings.Repeat(" ", max(1, labelled-utf8.RuneCountInString(word)))
}

// hung writes prose behind a bold lead, the lines after the first behind hang.
func (b *brief) hung(first, hang, text string) {
	var lines textWriter
	lines.style = b.style
	lines.style.Mask = func(text string) string { return text } // prose has it done
	lines.wrap(first, hang, b.prose(text))
	word := strings.TrimRight(first, " ")
	b.b.WriteString(b.paint(bold, word) + strings.TrimPrefix(lines.b.String(), word))
}

func (b *brief) gap() {
	if b.airy {
		b.b.WriteByte('\n')
	}
}

func (b *brief) verdict() {
	word := strings.ToUpper(words.Say("verdict." + string(b.r.Verdict)))
	var lines textWriter
	lines.style = b.style
	lines.style.Mask = func(text string) string { return text }
	lines.wrap(word+"  ", strings.Repeat(" ", utf8.RuneCountInString(word)+2), b.prose(b.r.Headline))
	b.b.WriteString(b.paint(bold+";"+verdictColor(b.r.Verdict), word) + strings.TrimPrefix(lines.b.String(), word))
}

// why explains the first problem: the reason, the proof, what to do.
func (b *brief) why() {
	if len(b.problems) == 0 {
		return
	}
	f := b.problems[0]
	b.gap()
	explanation := f.Explanation
	if f.Confidence != why.Certain {
		explanation = words.Say("brief.confidence", "confidence", words.Say("confidence."+string(f.Confidence)), "text", explanation)
	}
	b.para("why", explanation)
	label := "proof"
	for _, proof := range b.proofs(f) {
		b.para(label, proof)
		label = ""
	}
	label = "do"
	for i, a := range f.Remedies[:min(b.ways, len(f.Remedies))] {
		b.advice(label, a)
		label = "or"
		blank := func(a why.Advice) bool { return len(a.Fill) > 0 }
		if blank(a) && !slices.ContainsFunc(f.Remedies[i+1:min(b.ways, len(f.Remedies))], blank) {
			b.para("", words.Say("brief.blank")) // once, below the last that has one
		}
	}
	if n := len(f.Remedies) - b.ways; n > 0 {
		b.para("", words.Say("brief.more", "n", n))
	}
}

// advice writes one way to put a thing right: what it may cut off first, the commands, and what they do, behind a
// single one where there is room.
func (b *brief) advice(label string, a why.Advice) {
	prose := func(text string) {
		b.para(label, text)
		label = ""
	}
	if a.Caution != "" {
		prose(words.Say("remedy.caution", "caution", a.Caution))
	}
	remark := ""
	if a.Does != "" {
		remark = "  # " + a.Does
	}
	behind := len(a.Do) == 1 && len(a.Fill) == 0 && labelled+utf8.RuneCountInString(b.style.Mask(a.Do[0]+remark)) <= b.style.Width
	if remark != "" && !behind && (b.remarks || len(a.Do) == 0) {
		prose(a.Does)
	}
	for _, command := range a.Do {
		b.command(label, command)
		label = ""
	}
	if behind && remark != "" {
		line := strings.TrimSuffix(b.b.String(), "\n")
		b.b.Reset()
		b.b.WriteString(line + b.paint(dim, b.style.Mask(remark)) + "\n")
	}
}

// proofs are what was seen, as contrasts: the same question with one difference; what the kernel itself says that
// it threw away.
func (b *brief) proofs(f report.Finding) []string {
	var list []string
	for _, id := range f.Evidence {
		e := b.evidence[id]
		if e.Kind == (diag.Drop{}).Kind() {
			list = []string{words.Capital(e.What)}
			break
		}
	}
	if len(list) > 0 {
		return list // nothing proves better
	}
	for _, c := range b.r.Contrasts(f, cmp.Or(b.contrasts, proofsShown)) {
		key, from, not := "brief.by-way", words.Say("plain.via."+string(c.Answered.Via)), words.Say("plain.via."+string(c.Missed.Via))
		if c.BySource {
			key, from, not = "brief.by-source", source(c.Answered), source(c.Missed)
		}
		list = append(list, words.Say(key, "target", c.Missed.Target, "asks", words.Say("brief.asks."+string(c.Missed.Asks)),
			"answered", from, "missed", not, "outcome", words.Say("outcome."+string(c.Missed.Outcome))))
	}
	return list
}

func source(p report.Path) string {
	if p.Source == nil {
		return words.Say("report.source.unspecified")
	}
	return *p.Source
}

// also lists the other problems, and what no cause covers, a line or two each.
func (b *brief) also() {
	var list []string
	for i, f := range b.problems {
		text := b.r.On(f.Interface, f.Says())
		switch first := b.problems[0]; {
		case i == 0 && len(f.Others) == 0:
			continue
		case i == 0:
			text = f.SaysOthers()
		case f.Subject == first.Subject && f.Subject.Kind == "address" && f.Interface == first.Interface: // what follows of it was said
			text = words.Say("brief.of-same", "title", words.Say("cause."+f.Cause+".title"), "address", f.Subject.Value)
		}
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	for _, f := range b.r.Notes() {
		if text := b.r.On(f.Interface, f.Summary); !strings.HasPrefix(f.Cause, "net.") && !words.Has("cause."+f.Cause+".looks") && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	for _, u := range b.r.Unexplained {
		list = append(list, words.Say("brief.unexplained", "symptom", u.Symptom))
	}
	for i, text := range list {
		label := "also"
		if i > 0 {
			label = ""
		} else {
			b.gap()
		}
		if i == problemsShown {
			b.para(label, words.Say("brief.more", "n", len(list)-i))
			break
		}
		b.para(label, text)
	}
	if len(b.r.Changed) > 0 {
		b.para("changed", strings.Join(b.r.Changed, " "))
	}
}

// unknown says what could not be told, and what would help. The headline has the reason, -v each.
func (b *brief) unknown() {
	var names []string
	label := "do"
	for _, u := range b.r.Unknown {
		names = append(names, u.What)
		if u.Fix == "" || label != "do" {
			continue
		}
		if len(b.problems) == 0 {
			b.gap()
		}
		for _, command := range fixes(u.Fix) {
			b.command(label, command)
			label = "or"
		}
		if !why.IsCommand(u.Fix) {
			b.para(label, u.Fix)
		}
		label = "or"
	}
	if b.r.Traffic.Sent+len(b.r.Paths) == 0 && len(b.r.Unknown) == 1 {
		return // the headline has all of it
	}
	if len(names) > 0 && b.r.Verdict != why.VerdictOK {
		b.para("open", words.Say("brief.unknown", "what", words.List(b.lacking())))
	}
}

// namedApart is how many of what could not be told for one reason have their names: more are counted, with the reason.
const namedApart = 3

// lacking says what could not be told: by name, or where one reason keeps many from it, by how many and that.
func (b *brief) lacking() (list []string) {
	names := map[string][]string{}
	for _, u := range b.r.Unknown {
		if !slices.Contains(names[u.Why], u.What) {
			names[u.Why] = append(names[u.Why], u.What)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(names)) {
		checks := slices.DeleteFunc(slices.Clone(names[reason]), func(name string) bool { return !slices.Contains(diag.CheckOrder, name) })
		if n := len(checks); n > namedApart {
			list = append(list, words.Say("brief.unknown-n", "n", n, "why", reason))
			continue
		}
		list = append(list, names[reason]...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// privilege is the line, or the sentence, that would let this user see packets, where that is all that keeps ndwhy from a verdict;
// else empty.
func (b *brief) privilege() string {
	if len(b.problems)+len(b.r.Unexplained) > 0 || len(b.r.Unknown) == 0 {
		return ""
	}
	i := slices.IndexFunc(b.r.Unknown, func(u why.Unknown) bool { return u.What == string(diag.FeedFrames) })
	if i < 0 {
		return ""
	}
	return b.r.Unknown[i].Fix
}

// blind says in four lines that nearly nothing could be asked: what would let it be, and what answered all the same.
func (b *brief) blind(fix string) {
	word := strings.ToUpper(words.Say("verdict." + string(b.r.Verdict)))
	b.b.WriteString(b.paint(bold+";"+verdictColor(b.r.Verdict), word) + "  " + words.Say("brief.blind") + "\n")
	label := "do"
	for _, command := range fixes(fix) {
		b.command(label, command)
		label = "or"
	}
	if !why.IsCommand(fix) {
		b.para(label, fix)
	}
	var answered []string
	for _, class := range reached {
		if slices.ContainsFunc(b.table, func(x reachRow) bool { return x.cells[class].Judgement == report.Answered }) {
			answered = append(answered, words.Say("brief.column."+string(class)))
		}
	}
	checks := map[string]bool{}
	for _, u := range b.r.Unknown {
		if slices.Contains(diag.CheckOrder, u.What) {
			checks[u.What] = true
		}
	}
	last := words.Say("brief.blind-none", "n", len(checks), "at", b.ended())
	if len(answered) > 0 {
		last = words.Say("brief.blind-some", "answered", strings.Join(answered, ", "), "n", len(checks), "at", b.ended())
	}
	b.wrap("", "", last)
}

// fixes are the commands that would let more be told, as why.Fixes has them, for who runs check.
func fixes(fix string) []string {
	list := why.Fixes(fix)
	if sudo := why.AsRoot(fix); sudo != "" {
		list[0] = words.Say("brief.again", "sudo", sudo)
	}
	return list
}

// ended is when the run ended.
func (b *brief) ended() string {
	started, err := time.Parse(time.RFC3339, b.r.Started)
	if err != nil {
		return b.r.Started
	}
	return started.Add(time.Duration(b.r.DurationMS) * time.Millisecond).Format("15:04:05")
}

// command writes a command: never wrapped or shortened, for it is there to be copied.
func (b *brief) command(label, command string) {
	word := strings.TrimRight(lead(label), " ")
	b.b.WriteString(b.paint(bold, word) + strings.TrimPrefix(lead(label), word) + b.style.Mask(command) + "\n")
}

// reached are the columns of the table.
var reached = []diag.TargetClass{diag.TargetRouter, diag.TargetPeer, diag.TargetInternet, diag.TargetService, diag.TargetAllNodes}

// A reachRow is who asks, and the marks of whom it asked.
type reachRow struct {
	iface, address, label string
	class                 diag.SourceClass
	cells                 map[diag.TargetClass]report.Mark
	worst                 report.Mark
	tested                int  // how many test addresses it stands for
	own                   bool // it stands for all of the interface's own addresses
}

// rows sums up the questions: programs first, who matters then, all test addresses of an interface in one.
func (b *brief) rows() []reachRow {
	type key struct{ iface, name string }
	rows := map[key]*reachRow{}
	var order []key
	tested := map[key]map[string]bool{}
	folded := b.r.Verdict == why.VerdictOK && len(b.r.Interfaces) > 1 // a line an interface: nobody has to look at one address
	for _, p := range b.r.Paths {
		if p.Asks == diag.AsksDAD || p.OfOurs() {
			continue
		}
		k := key{iface: p.Interface}
		x := reachRow{iface: p.Interface, class: p.SourceClass}
		switch {
		case p.Via == diag.ViaApp:
			k.name, x.label, x.class = "app", words.Say("brief.app"), ""
			k.iface = ""
		case p.SourceClass == diag.SourceCandidate:
			k.name = "candidates"
			if folded {
				k.iface = ""
			}
		case folded && p.Source != nil && *p.Source != "::":
			k.name, x.label, x.class, x.own = "own", words.Say("brief.own", "interface", p.Interface), "", true
		case p.Source == nil || *p.Source == "::":
			k.name, x.label = "none", words.Say("report.source.unspecified")
		default:
			k.name, x.address = *p.Source, *p.Source
		}
		if rows[k] == nil {
			x.cells = map[diag.TargetClass]report.Mark{}
			rows[k] = &x
			order = append(order, k)
			tested[k] = map[string]bool{}
		}
		row, mark := rows[k], p.Mark
		row.cells[p.TargetClass] = row.cells[p.TargetClass].Join(mark)
		row.worst = row.worst.Join(mark)
		tested[k][source(p)] = true
	}
	var list []reachRow
	for _, k := range order {
		x := *rows[k]
		if k.name == "candidates" {
			x.tested = len(tested[k])
			x.label = words.Say("brief.tested", "n", x.tested)
			if folded {
				x.iface = ""
			}
		}
		list = append(list, x)
	}
	rank := func(x reachRow) int {
		switch {
		case x.label != "" && x.class == "" && !x.own:
			return 0
		case x.worst.Judgement == report.Wrong:
			return 1
		case strings.HasPrefix(x.address, "fe80:"):
			return 3
		default:
			return 2
		}
	}
	diag.SortFunc(list, func(a, b reachRow) int { return rank(a) - rank(b) })
	return list
}

// reach writes the table of who reaches whom.
func (b *brief) reach() {
	var columns []diag.TargetClass
	telling := false
	for _, class := range reached {
		asked := false
		for _, x := range b.table {
			m, ok := x.cells[class]
			asked = asked || ok
			telling = telling || m.Judgement != report.Unasked && m.Judgement != report.Undecided
		}
		if asked {
			columns = append(columns, class)
		}
	}
	if !telling {
		return
	}
	b.gap()
	const first = 42
	var head strings.Builder
	fmt.Fprintf(&head, "%-*s", first, words.Say("brief.reach"))
	for _, class := range columns {
		fmt.Fprintf(&head, "%-*s", columnWidth(class), words.Say("brief.column."+string(class)))
	}
	b.b.WriteString(b.paint(bold, strings.TrimRight(head.String(), " ")) + "\n")
	several := len(b.r.Interfaces) > 1
	marks := map[report.Judgement]bool{}
	for i, x := range b.table {
		if x.tested > 0 && !b.tests && x.worst.Judgement != report.Wrong || x.label != "" && x.worst.Judgement == report.Unasked {
			continue
		}
		left := len(b.table) - i
		if left > 1 && (i >= addressesShown && x.worst.Judgement != report.Wrong || i >= 2*addressesShown) {
			b.line("  %s", words.Say("brief.more-rows", "n", left))
			break
		}
		name := x.label
		if x.address != "" {
			name = b.style.Mask(x.address)
		}
		b.b.WriteString("  " + name + strings.Repeat(" ", max(1, first-2-utf8.RuneCountInString(name))))
		for i, class := range columns {
			text, color := b.mark(x.cells[class])
			marks[x.cells[class].Judgement] = true
			pad := ""
			if i < len(columns)-1 {
				pad = strings.Repeat(" ", columnWidth(class)-utf8.RuneCountInString(text))
			}
			b.b.WriteString(b.paint(color, text) + pad)
		}
		b.b.WriteByte('\n')
		if remark := b.remark(x, several); remark != "" {
			b.b.WriteString("    " + b.paint(dim, remark) + "\n")
		}
	}
	if legend := b.legend(marks, b.marks && len(b.problems)+len(b.r.Unexplained) > 0); legend != "" {
		b.b.WriteString("  " + b.paint(dim, legend) + "\n")
	}
}

func columnWidth(class diag.TargetClass) int {
	return utf8.RuneCountInString(words.Say("brief.column."+string(class))) + 1
}

// remark is what is to be known of who asks beside its address; empty where all is as it should be.
func (b *brief) remark(x reachRow, several bool) string {
	switch {
	case x.address == "" && (!several || x.iface == "" || x.class == ""):
		return ""
	case x.class == diag.SourceUnassigned && x.worst.Judgement == report.Answered:
		return "" // it speaks as it should, whoever gave it
	case x.class == diag.SourceUnassigned && !b.configured(x):
		return words.Say("source.elsewhere", "interface", x.iface)
	case x.class == diag.SourceUnassigned || x.class == diag.SourceUnknown && b.filters():
		return words.Say("source."+string(x.class), "interface", x.iface)
	case several && x.class != "":
		return words.Say("source.unspecified", "interface", x.iface)
	default:
		return ""
	}
}

// configured reports whether the address of a row is one of its interface's.
func (b *brief) configured(x reachRow) bool {
	return slices.ContainsFunc(b.r.Addresses, func(a report.Address) bool { return a.Interface == x.iface && a.Address == x.address })
}

// filters reports whether it matters here who assigned an address.
func (b *brief) filters() bool { return why.ProfileNamed(b.r.Profile.Name).Filters }

// mark is how a mark is written, and its colour.
func (b *brief) mark(m report.Mark) (text, color string) {
	text = words.Say(fmt.Sprintf("mark.%d", m.Judgement))
	if m.Problem > 0 && len(b.problems) > 1 {
		text += fmt.Sprint(m.Problem)
	}
	switch m.Judgement {
	case report.Wrong:
		return text, bold + ";" + red
	case report.Answered:
		return text, green
	default:
		return text, dim
	}
}

// legend explains the marks that are shown: all of them, or those that do not speak for themselves.
func (b *brief) legend(shown map[report.Judgement]bool, all bool) string {
	var list []string
	for j := report.Wrong; j >= report.Unasked; j-- {
		if shown[j] && (all || j == report.Impaired || j == report.Undecided) {
			list = append(list, words.Say(fmt.Sprintf("mark.%d", j))+" "+words.Say(fmt.Sprintf("mark.%d.means", j)))
		}
	}
	return strings.Join(list, "  ")
}

// closing says what looks broken and is not, what was not asked, and where there is more.
func (b *brief) closing() {
	var notes []string
	for _, f := range b.r.Notes() {
		if looks := "cause." + f.Cause + ".looks"; words.Has(looks) && !slices.Contains(notes, words.Say(looks)) {
			notes = append(notes, words.Say(looks))
		}
	}
	for _, f := range b.r.Far {
		for _, line := range f.Says() {
			b.hung("", "  ", line)
		}
	}
	if len(notes) > 0 && b.spare.notes {
		b.hung(words.Say("brief.notes")+" ", "  ", strings.Join(notes, ", ")+".")
	}
	var not []string
	for _, x := range b.r.NotExamined {
		not = append(not, x.Name)
	}
	for _, u := range b.r.NotAsked {
		what := u.Name()
		if u.What == why.UnaskedRules || u.What == why.UnaskedRulesIn { // which, is all that there is to say of them
			what = words.Say("unasked.item", "what", what, "why", u.Why)
		}
		not = append(not, what)
	}
	if blind := b.r.Verdict == why.VerdictUnknown && len(b.problems) == 0; len(not) > 0 && !blind {
		b.hung(words.Say("brief.not-asked")+" ", "  ", words.List(not)+".")
	}
	var names []string
	for _, i := range b.r.Interfaces {
		names = append(names, i.Name)
	}
	facts := words.Say("brief.facts", "interfaces", words.List(names), "profile", words.Say("profile."+b.r.Profile.Name+".name"),
		"sent", b.r.Traffic.Sent, "seconds", fmt.Sprintf("%.1f", float64(b.r.DurationMS)/1000), "at", b.ended())
	switch {
	case b.r.Captured == nil:
	case *b.r.Captured == 0:
		facts = ""
	default:
		facts = words.Say("brief.facts-capture", "frames", *b.r.Captured, "seconds", fmt.Sprintf("%.1f", float64(b.r.DurationMS)/1000), "at", b.ended())
	}
	more := words.Say("brief.more-ok")
	if len(b.problems) > 0 && b.marks {
		more = words.Say("brief.more-of", "cause", b.problems[0].Cause)
	}
	if both := strings.TrimSpace(facts + " " + more); utf8.RuneCountInString(both) <= b.style.Width {
		facts, more = both, ""
	}
	b.wrap("", "", facts)
	if more != "" {
		b.wrap("", "", more)
	}
}
