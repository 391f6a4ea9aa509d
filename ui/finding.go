package ui

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// A pager shows one thing in full over the screen: a line of the overview's list by its id, or any text. Such a line is
// looked up anew in each Frame, so it stays true while it is read; the keys turn to its neighbours.
type pager struct {
	scroll scroll
	id     string // of a because
	of     *list  // the list that it is in; its cursor goes along
	whole  bool   // what is folded is shown
	chosen int    // of the ways to put it right, from 1; 0: the first that is commands
	chose  bool   // just now: that way is to be in sight
	item   because
	at     string // where in the list it is
	page   func(c *canvas, w int) *doc
	plain  string
}

// find looks up what is shown, and where in the list it is.
func (p *pager) find(s *scene) {
	if p.id == "" {
		return
	}
	items := becauses(s)
	for i := range items {
		if b := &items[i]; b.id == p.id {
			p.item, p.page, p.plain = *b, b.page, b.plain
			p.at = say("finding.at", "i", i+1, "n", len(items))
			if p.whole && b.whole != nil {
				p.page = b.whole
			}
			if p.chosen > 0 && p.chosen <= len(b.ways) {
				way := &b.ways[p.chosen-1]
				p.item.fix = cmp.Or(strings.Join(way.Do, " && "), way.Does)
			}
		}
	}
}

// way is which of several ways to put it right y copies; -1: none, or there is but one.
func (p *pager) way() int {
	switch {
	case len(p.item.ways) < 2:
		return -1
	case p.chosen > 0 && p.chosen <= len(p.item.ways):
		return p.chosen - 1
	default:
		return slices.IndexFunc(p.item.ways, func(a why.Advice) bool { return len(a.Do) > 0 })
	}
}

func (p *pager) draw(s *scene, r region) {
	p.find(s)
	if p.page == nil {
		return
	}
	margin, inside := r.sub(0, 0, 1, r.h), r.sub(1, 0, r.w-2, r.h)
	if p.id != "" && r.h > 4 {
		x := inside.put(0, 0, p.at, bold)
		turn := say("finding.turn")
		if x+r.width(p.item.name)+r.width(turn)+4 > inside.w {
			turn = ""
		}
		inside.put(x+2, 0, r.c.fit(p.item.name, inside.w-x-2), dim)
		inside.right(0, x, span{turn, dim})
		margin, inside = margin.sub(0, 1, 1, r.h-1), inside.sub(0, 1, inside.w, inside.h-1)
	}
	page := p.page(s.canvas, min(inside.w, 110))
	at := -1
	if i := p.way(); i >= 0 && i < len(page.ways) {
		at = page.ways[i]
	}
	if p.chose && at >= 0 && (at < p.scroll.top || at >= p.scroll.top+inside.h-2) {
		p.scroll.top = at
	}
	p.chose = false
	p.scroll.draw(page, inside)
	if y := at - p.scroll.top; at >= 0 && y >= 0 && y < p.scroll.page {
		margin.put(0, y, "▸", bold)
	}
}

// draw shows the lines in sight, and how many there are below them.
func (p *scroll) draw(d *doc, r region) {
	h := r.h
	if len(d.lines) > h { // the last line says that there is more
		h--
	}
	p.fit(len(d.lines), h)
	p.hits = d.find(&p.find)
	if p.found != p.find.text {
		p.found = p.find.text
		p.jump(p.top)
	}
	d.draw(r.sub(0, 0, r.w, h), p.top)
	for _, line := range p.hits {
		if y := line - p.top; y >= 0 && y < h {
			x, n := d.place(line, &p.find)
			r.sub(x, y, n, 1).restyle(0, func(st style) style { return st | reverse })
		}
	}
	if more := len(d.lines) - p.top - h; more > 0 {
		r.right(r.h-1, 0, span{say("more-below", "n", more), dim})
	}
}

func (p *pager) key(s *scene, key string) (action, bool) {
	if p.scroll.key(key) {
		return nil, false
	}
	if act, ok := p.scroll.search(key); ok {
		return act, false
	}
	if p.id != "" {
		p.find(s)
		switch key {
		case "left", "right":
			p.turn(s, key == "right")
			return nil, false
		case "space":
			p.whole = !p.whole
			return nil, false
		case "f":
			if len(p.item.frames) > 0 {
				return evidence{frames: p.item.frames, name: p.item.cause}, false
			}
		case "m":
			if p.item.path != nil {
				return inMatrix{p.item.path}, false
			}
		case "r":
			return run{}, false
		case "a", "b", "c", "d", "e":
			if i := int(key[0] - 'a'); len(p.item.ways) > 1 && i < len(p.item.ways) {
				p.chosen, p.chose = i+1, true
				return nil, false
			}
		}
	}
	switch key {
	case "esc", "enter", "q", "left", "backspace":
		return nil, true
	default:
		return unused(key), false
	}
}

// unused says that a key does nothing where it was pressed.
func unused(key string) action {
	if utf8.RuneCountInString(key) != 1 {
		return nil
	}
	return tell{say("notice.unused", "key", key)}
}

// turn goes to the next line of the list, or to the one before.
func (p *pager) turn(s *scene, on bool) {
	items := becauses(s)
	i := slices.IndexFunc(items, func(b because) bool { return b.id == p.id })
	step := -1
	if on {
		step = 1
	}
	if i += step; i < 0 || i >= len(items) {
		return
	}
	p.id, p.scroll, p.whole, p.chosen = items[i].id, scroll{}, false, 0
	if p.of != nil {
		p.of.sel, p.of.id, p.of.moved = i, p.id, true
	}
}

func (p *pager) copied(s *scene) string {
	p.find(s)
	return cmp.Or(p.item.fix, p.plain)
}

func (p *pager) keys(s *scene) []hotkey {
	keys := []hotkey{{"esc", "back"}, {"↑↓", "scroll"}}
	if p.id != "" {
		p.find(s)
		if p.item.fix != "" {
			keys = append(keys, hotkey{"y", "copy-fix"})
		}
		if p.way() >= 0 {
			keys = append(keys, hotkey{"a-" + string(rune('a'-1+len(p.item.ways))), "choose-fix"})
		}
		keys = append(keys, hotkey{"←→", "turn"})
		if len(p.item.frames) > 0 {
			keys = append(keys, hotkey{"f", "frames"})
		}
		if p.item.path != nil {
			keys = append(keys, hotkey{"m", "cells"})
		}
		if p.item.whole != nil {
			keys = append(keys, hotkey{"space", "unfold"})
		}
	}
	if p.item.fix == "" {
		keys = append(keys, hotkey{"y", "copy"})
	}
	return append(keys, hotkey{"/", "find"}, hotkey{"Y", "copy-menu"}, hotkey{"s", "save"}, hotkey{"x", "hide"})
}

// proofRows is how many questions a proof has at most: they all show the same.
const proofRows = 4

// capitals is a name that stands for a value in a command.
var capitals = regexp.MustCompile(`\b(MAC|ENI|ID|PREFIX|CANDIDATE|ADDRESS|PEER|TARGET|HOST|ROUTER|IF)\b`)

// findingDoc is a finding: what it says, the proof as a contrast, what to do. Where a window is too low for both, what to
// do comes before the proof. What it explains and the frames that were seen are counted; whole has them in full. live: it can be
// asked again.
func findingDoc(c *canvas, w int, r *report.Report, f *report.Finding, whole, live bool) *doc {
	d := newDoc(c, w)
	m := severityMark(f.Severity)
	d.para(span{m.s + " ", m.st}, f.Says(), bold)
	d.gap()
	d.short = shortNames(c, r, f)
	d.para(span{"", plain}, f.Explanation, plain)
	do, shown := newDoc(c, w), newDoc(c, w)
	do.short, shown.short = d.short, d.short
	first := remedies(do, f, live)
	proof(shown, r, f)
	parts := []*doc{shown, do}
	if len(d.lines)+len(shown.lines)+first+aroundPage > c.h {
		parts = []*doc{do, shown}
	}
	for _, part := range parts {
		d.gap()
		for _, line := range part.ways {
			d.ways = append(d.ways, len(d.lines)+line)
		}
		d.lines = append(d.lines, part.lines...)
	}
	paths := explained(r, f.Explains)
	facts, frames := seen(r, f.Evidence)
	if len(facts) > 0 || whole && len(frames) > 0 {
		d.heading(say("finding.evidence"))
	}
	more := 0
	if !whole {
		facts, more = distinct(facts)
	} else {
		facts = append(facts, frames...)
		diag.SortFunc(facts, func(a, b report.Evidence) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	for _, e := range facts {
		d.para(span{"  " + evidenceClock(e.At) + " ", dim}, e.What, plain)
	}
	if whole && len(paths) > 0 {
		d.heading(say("finding.explains"))
		pathLines(d, paths)
	}
	if more > 0 {
		d.line(span{"  " + say("finding.facts-more", "n", more), dim})
	}
	if !whole && len(paths)+len(frames) > 0 {
		d.gap()
		d.line(span{foldedText(len(paths), len(frames)), dim})
	}
	if len(f.Alternatives) > 0 {
		d.heading(say("finding.alternatives"))
		for _, a := range f.Alternatives {
			d.para(span{"  " + a.Cause + ": ", bold}, say("finding.tell", "tell", a.TellApart), plain)
		}
	}
	commands := slices.Clone(f.Look)
	if words.Has("cause." + f.Cause + ".see") {
		for _, command := range why.See(f.Cause, f.Interface, f.Subject) {
			if !slices.ContainsFunc(commands, func(c string) bool { return runs(c) == runs(command) }) {
				commands = append(commands, command)
			}
		}
	}
	if len(commands) > 0 {
		heading := say("finding.see")
		if slices.ContainsFunc(commands, capitals.MatchString) {
			heading += " " + say("finding.see.capitals")
		}
		d.heading(heading)
		for _, command := range commands {
			d.command(command)
		}
	}
	if key := "cause." + f.Cause + ".source"; words.Has(key) {
		d.heading(say("finding.source"))
		d.para(span{"  ", plain}, words.Say(key), dim)
	}
	return d
}

// runs is what a command runs, and on what: its first two words that are no options, and what picks from its output.
func runs(command string) string {
	words := slices.DeleteFunc(strings.Fields(command), func(w string) bool { return w == "sudo" || strings.HasPrefix(w, "-") })
	_, picks, _ := strings.Cut(command, " | ")
	return strings.Join(words[:min(2, len(words))], " ") + picks
}

// aroundPage is how many lines of a window a page leaves for what stands around it.
const aroundPage = 7

// remedies are the ways to put a finding right, with letters where there are several, as in the menu of what to copy. It
// returns how many lines the first takes, up to its commands.
func remedies(d *doc, f *report.Finding, live bool) (first int) {
	switch len(f.Remedies) {
	case 0:
		return 0
	case 1:
		d.heading(say("finding.remedy"))
	default:
		d.heading(say("finding.remedies"))
	}
	run := func(commands []string) {
		for _, c := range commands {
			d.command(c)
		}
	}
	for i, a := range f.Remedies {
		lead := span{"  ", plain}
		d.ways = append(d.ways, len(d.lines))
		if len(f.Remedies) > 1 {
			lead = span{string(rune('a'+i)) + " ", bold | cyan}
		}
		if a.Does != "" {
			d.para(lead, a.Does, plain)
			lead = span{"  ", plain}
		}
		if a.Caution != "" {
			d.para(lead, words.Say("remedy.caution", "caution", a.Caution), yellow)
		}
		if run(a.Do); i == 0 {
			first = len(d.lines) + 2 // with the gaps
		}
		if len(a.Persistent) > 0 {
			d.para(span{"  ", plain}, words.Say("remedy.keep"), plain)
			run(a.Persistent)
		}
		for _, text := range append([]string{a.Lasts}, a.Fill...) {
			if text != "" {
				d.para(span{"  ", plain}, text, dim)
			}
		}
	}
	if live && f.Severity != why.Info {
		d.para(span{"", plain}, say("finding.then"), plain)
	}
	return first
}

// distinct are the first few facts that say different things, and how many there are besides.
func distinct(facts []report.Evidence) (few []report.Evidence, more int) {
	const most = 8
	said := map[string]bool{}
	for _, e := range facts {
		if !said[e.What] && len(few) < most {
			said[e.What] = true
			few = append(few, e)
		}
	}
	return few, len(facts) - len(few)
}

// foldedText says how much is folded of what a finding explains, and of the frames that show it.
func foldedText(paths, frames int) string {
	count := func(n int, key string) string {
		switch n {
		case 0:
			return ""
		case 1:
			return say("finding." + key + "-1")
		default:
			return say("finding."+key+"-n", "n", n)
		}
	}
	return joinNonEmpty(" · ", count(paths, "paths"), count(frames, "frames"))
}

// shortNames are names for the addresses of a finding's prose: of those that its summary or its commands show in full,
// and of this host's.
func shortNames(c *canvas, r *report.Report, f *report.Finding) report.Short {
	var shown, all []string
	add := func(list *[]string, addr string) {
		if addr = c.mask(addr); !slices.Contains(*list, addr) {
			*list = append(*list, addr)
		}
	}
	text := strings.Join(append([]string{f.Summary}, f.Remedy...), " ")
	for i := range r.Paths {
		p := &r.Paths[i]
		add(&all, p.Target)
		if p.Source != nil {
			add(&all, *p.Source)
			add(&shown, *p.Source)
		}
		if strings.Contains(text, p.Target) {
			add(&shown, p.Target)
		}
	}
	if f.Subject.Value != "" && strings.Contains(text, f.Subject.Value) {
		add(&shown, f.Subject.Value)
	}
	return report.Shorten(shown, all)
}

// proof shows what a finding rests on: the kernel's own word for what it dropped; else the same questions with one
// difference, side by side; else what was asked.
func proof(d *doc, r *report.Report, f *report.Finding) {
	for _, e := range r.Evidence {
		if e.Kind == (diag.Drop{}).Kind() && slices.Contains(f.Evidence, e.ID) {
			d.heading(say("finding.proof"))
			d.para(span{"  " + evidenceClock(e.At) + " ", dim}, e.What, plain)
			return
		}
	}
	all := r.Contrasts(*f, len(r.Paths))
	if len(all) == 0 {
		paths := explained(r, f.Explains)
		if len(paths) == 0 {
			return
		}
		d.heading(say("finding.paths"))
		pathLines(d, paths[:min(len(paths), proofRows)])
		return
	}
	first := all[0]
	names := func(x report.Contrast) (answered, missed string) {
		if x.BySource {
			return say("finding.from", "source", d.name(sourceText(&x.Answered))), say("finding.from", "source", d.name(sourceText(&x.Missed)))
		}
		return say("via." + string(x.Answered.Via)), say("via." + string(x.Missed.Via))
	}
	left, right := names(first)
	rows := all[:0:0]
	for _, x := range all { // the others differ in something else: one table is proof enough
		if a, b := names(x); a == left && b == right && len(rows) < proofRows {
			rows = append(rows, x)
		}
	}
	what := func(p *report.Path) string {
		return joinNonEmpty(" ", say("proof."+string(p.Asks)), words.Say("target."+string(p.TargetClass)), d.name(p.Target))
	}
	const answers = 19 // "✗ 2 sent, 0 came" and a gap
	label := d.c.width(say("finding.proof"))
	for _, x := range rows {
		label = max(label, d.c.width(what(&x.Missed)))
	}
	label = max(min(label, d.w-2*answers-4), shortestAddress)
	column := max(answers, d.c.width(left)+2)
	d.gap()
	d.line(span{pad(d.c, say("finding.proof"), label+4), bold}, span{pad(d.c, left, column), bold}, span{right, bold})
	for _, x := range rows {
		a, b := &x.Answered, &x.Missed
		am, bm := pathMark(a), pathMark(b)
		d.line(span{"  " + pad(d.c, d.c.fit(what(b), label), label+2), plain},
			span{pad(d.c, am.s+" "+shortOutcome(a), column), am.st}, span{bm.s + " " + shortOutcome(b), bm.st})
	}
	key := "finding.by-way"
	if first.BySource {
		key = "finding.by-source"
	}
	d.para(span{"  ", plain}, say(key), dim)
}

// shortOutcome is what came of a question in a cell of a proof.
func shortOutcome(p *report.Path) string {
	switch {
	case p.Outcome == diag.Answered && p.RTTMS != nil:
		return millis(*p.RTTMS)
	case p.Outcome == diag.Silent && p.Sent > 0:
		return say("finding.silent", "sent", p.Sent)
	default:
		return words.Say("outcome." + string(p.Outcome))
	}
}

// seen parts evidence into facts and frames: of frames there are many, and a screen that shows them better.
func seen(r *report.Report, ids []string) (facts, frames []report.Evidence) {
	for _, e := range r.Evidence {
		switch {
		case !slices.Contains(ids, e.ID):
		case e.Kind == (diag.Frame{}).Kind() || e.Kind == (diag.Socket{}).Kind():
			frames = append(frames, e)
		default:
			facts = append(facts, e)
		}
	}
	return facts, frames
}

func pathLines(d *doc, paths []*report.Path) {
	for _, p := range paths {
		m := pathMark(p)
		d.para(span{"  " + m.s + " ", m.st}, pathText(p), plain)
	}
}

func evidenceLines(d *doc, r *report.Report, ids []string) {
	if len(ids) == 0 {
		return
	}
	d.heading(say("finding.evidence"))
	for _, e := range r.Evidence {
		for _, id := range ids {
			if e.ID == id {
				d.para(span{"  " + evidenceClock(e.At) + " ", dim}, e.What, plain)
			}
		}
	}
}

// evidenceClock cuts the time of day out of an RFC 3339 time.
func evidenceClock(at string) string {
	_, clock, _ := strings.Cut(at, "T")
	clock = strings.TrimSuffix(clock, "Z")
	return clock[:min(len(clock), 12)]
}

func explained(r *report.Report, ids []string) []*report.Path {
	var list []*report.Path
	for i := range r.Paths {
		for _, id := range ids {
			if r.Paths[i].ID == id {
				list = append(list, &r.Paths[i])
			}
		}
	}
	return list
}

// pathText says what was asked and what came of it.
func pathText(p *report.Path) string {
	return say("path", "asks", words.Say("brief.asks."+string(p.Asks)), "source", sourceText(p), "target", p.Target,
		"via", say("via."+string(p.Via)), "outcome", outcomeText(p))
}

func sourceText(p *report.Path) string {
	if p.Source == nil {
		return say("no-source")
	}
	return *p.Source
}

// outcomeText says what came of a question, with what refines it.
func outcomeText(p *report.Path) string {
	text := words.Say("outcome." + string(p.Outcome))
	if p.RTTMS != nil && p.Outcome == diag.Answered {
		text += " " + millis(*p.RTTMS)
	}
	if p.Sent > 1 && p.Received < p.Sent && p.Outcome == diag.Answered {
		text += " " + say("lost", "n", p.Sent-p.Received, "sent", p.Sent)
	}
	if p.Errno != nil {
		text += " (" + *p.Errno + ")"
	}
	if p.Error != nil {
		text += " " + say("by", "who", p.Error.From)
	}
	if p.NUD != "" && p.Outcome != diag.Answered {
		text += ", " + say("entry", "state", p.NUD)
	}
	if p.Way != "" {
		text += ", " + p.Way
	}
	if p.Detail != "" && (p.Detail != "elsewhere" || p.Way == "") { // the way tells where
		text += ": " + words.Detail(string(p.Asks), p.Detail, p.Note)
	}
	if p.Place != nil && p.Outcome != diag.Answered {
		text += "; " + p.Place.String()
	}
	return text
}

func unexplainedDoc(c *canvas, w int, r *report.Report, u *report.Unexplained) *doc {
	d := newDoc(c, w)
	d.para(span{"? ", yellow | bold}, u.Symptom, bold)
	d.gap()
	d.para(span{"", plain}, say("unexplained.means"), plain)
	if paths := explained(r, u.Paths); len(paths) > 0 {
		d.heading(say("finding.paths"))
		pathLines(d, paths)
	}
	evidenceLines(d, r, u.Evidence)
	return d
}

func unknownDoc(c *canvas, w int, u *why.Unknown) *doc {
	d := newDoc(c, w)
	d.para(span{"? ", yellow | bold}, u.What, bold)
	d.gap()
	d.para(span{"", plain}, u.Why, plain)
	if u.Fix != "" {
		d.heading(say("unknown.fix"))
		commands := why.Fixes(u.Fix)
		for _, command := range commands {
			d.ways = append(d.ways, len(d.lines))
			d.command(command)
		}
		if commands == nil {
			d.para(span{"  ", plain}, u.Fix, plain)
		}
	}
	return d
}

// unaskedDoc says what was not asked, why, and how it can be learnt.
func unaskedDoc(c *canvas, w int, r *report.Report) *doc {
	d := newDoc(c, w)
	d.para(span{markSkipped.s + " ", markSkipped.st}, say("not-asked.means"), bold)
	item := func(what, why string) {
		d.gap()
		d.para(span{"  ", plain}, words.Say("unasked.item", "what", what, "why", why), plain)
	}
	for _, x := range r.NotExamined {
		item(x.Name, x.Why)
	}
	for _, u := range r.NotAsked {
		item(u.Name(), u.Why)
		if key := "not-asked." + u.What; words.Has("ui." + key) {
			d.para(span{"  ", plain}, say(key), plain)
			if command := key + ".command"; words.Has("ui." + command) {
				d.command(say(command))
			}
		}
	}
	return d
}

// findingText is a finding as text for a ticket.
func findingText(f *report.Finding) string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(words.Say("severity."+string(f.Severity))) + " " + f.Cause + ": " + f.Says() + "\n")
	b.WriteString(f.Explanation + "\n")
	for _, s := range why.Steps(f.Remedies, f.Look) {
		if s.Command {
			s.Text = "  $ " + s.Text
		}
		b.WriteString(s.Text + "\n")
	}
	return b.String()
}
