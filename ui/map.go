package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// mapScreen is the verdict, the network as a drawing whose edges are what came of asking, and below
// it why.
type mapScreen struct {
	list  list
	find  filter
	found string       // what was looked for when it was last drawn
	short report.Short // of the addresses of this host, which the map always shows
}

// A because is a line of the list below the map: a problem with its number, a symptom that nothing explains,
// something that could not be told, what was not asked, or all that is silent and right so.
type because struct {
	mark   mark
	number int    // of a problem, where there are several
	word   string // what kind of line it is, or how sure
	text   string
	id     string
	page   func(c *canvas, w int) *doc
	whole  func(c *canvas, w int) *doc // the page with what it folds; nil: it folds nothing
	name   string                      // of the page: how sure, the cause, the interface
	cause  string                      // of a finding
	frames map[int64]bool              // the events that it rests on, of frames
	path   *report.Path                // the first question that it explains
	// do is the first remedy, where it is no command: whom to ask; fix is what y copies of a problem first, the first
	// that is commands, as one line, and what that does; caution what it may cut off.
	do, fix, fixDoes, caution string
	ways                      []why.Advice // to put a finding right
	plain                     string       // what y copies
	turn                      string       // the interface that enter turns to; empty: it opens the page
}

func becauses(s *scene) []because { return append(reasons(s), fars(s)...) }

// reasons are the lines on this host.
func reasons(s *scene) []because {
	var list []because
	numbered, headline := len(s.Report.Problems()) > 1, s.headline()
	for _, p := range s.problems() {
		f := p.Finding
		item := becauseOf(s, f)
		item.mark, item.word, item.text = severityMark(f.Severity), words.Say("confidence."+string(f.Confidence)), s.on(f.Interface, f.Says())
		if len(f.Others) == 0 { // a line of a list
			item.text = strings.TrimSuffix(item.text, ".")
		}
		item.id = f.Cause + " " + f.Interface + " " + f.Subject.Value
		if numbered {
			item.number = p.number
		}
		if strings.Contains(headline, strings.TrimSuffix(f.Summary, ".")) { // it stands above already
			item.text = s.on(f.Interface, words.Say("cause."+f.Cause+".title"))
			if len(f.Others) > 0 {
				item.text += ". " + f.SaysOthers()
			}
		}
		if len(f.Remedies) > 0 && len(f.Remedies[0].Do) == 0 {
			item.do = f.Remedies[0].Does
		}
		if i := slices.IndexFunc(f.Remedies, func(a why.Advice) bool { return len(a.Do) > 0 }); i >= 0 {
			a := &f.Remedies[i]
			item.fix, item.fixDoes, item.caution = strings.Join(a.Do, " && "), a.Does, a.Caution
		}
		list = append(list, item)
	}
	for _, u := range s.unexplained() {
		list = append(list, because{
			mark: mark{"?", yellow | bold}, word: say("unexplained"), text: u.Symptom, id: u.Symptom,
			page: func(c *canvas, w int) *doc { return unexplainedDoc(c, w, &s.Report, u) }, plain: u.Symptom,
		})
	}
	list = append(list, s.elsewheres()...)
	telling, expected := notes(s)
	all := slices.Concat(telling, expected)
	if s.undecided() {
		return append(list, all...) // what is not known yet is no finding
	}
	list = append(list, unknowns(s)...)
	unasked := s.Report.Unasked()
	if len(unasked) == 0 || len(s.Report.Paths) == 0 {
		return append(list, all...)
	}
	item := because{
		mark: markSkipped, word: say("not-asked"), text: strings.Join(unasked, "; "), id: "not-asked",
		page: func(c *canvas, w int) *doc { return unaskedDoc(c, w, &s.Report) }, plain: s.Report.Beside(),
	}
	if s.verdict() == why.VerdictOK { // how far that goes is said before what is silent and right so
		return slices.Concat(list, telling, []because{item}, expected)
	}
	return append(append(list, all...), item)
}

// becauseOf is the line of a finding, as far as it is the same for problems and notes.
func becauseOf(s *scene, f *report.Finding) because {
	item := because{
		page:  func(c *canvas, w int) *doc { return findingDoc(c, w, &s.Report, f, false, s.canAsk) },
		cause: f.Cause, plain: findingText(f), ways: f.Remedies,
	}
	sure := words.Say("severity."+string(f.Severity)) + ", " + words.Say("confidence."+string(f.Confidence))
	item.name = joinNonEmpty(" · ", sure, f.Cause, f.Interface)
	paths := explained(&s.Report, f.Explains)
	if len(paths) > 0 {
		item.path = paths[0]
	}
	_, frames := seen(&s.Report, f.Evidence)
	if len(frames) > 0 {
		item.frames = map[int64]bool{}
	}
	for _, e := range frames {
		item.frames[e.Seq] = true
	}
	if len(paths)+len(f.Evidence) > 0 {
		item.whole = func(c *canvas, w int) *doc { return findingDoc(c, w, &s.Report, f, true, s.canAsk) }
	}
	return item
}

// notes are the findings that nobody has to act on, a line each: what tells of this network, and what only looks broken.
func notes(s *scene) (telling, expected []because) {
	of := s.Report.Notes()
	for i := range of {
		f := &of[i]
		if !s.here(f.Interface) {
			continue
		}
		text := s.on(f.Interface, f.Summary)
		if key := "cause." + f.Cause + ".right"; words.Has(key) {
			text = words.Say(key)
		}
		list, m, word := &telling, severityMark(f.Severity), ""
		if words.Has("cause." + f.Cause + ".looks") {
			list, m, word = &expected, markQuiet, say("right")
		}
		if slices.ContainsFunc(*list, func(b because) bool { return b.text == text }) {
			continue // of another address of the same
		}
		item := becauseOf(s, f)
		item.mark, item.word, item.text, item.id = m, word, text, f.Cause+" "+f.Interface
		*list = append(*list, item)
	}
	return telling, expected
}

// unknowns are what could not be told: one reason often keeps many checks from running, and is said
// once.
func unknowns(s *scene) []because {
	type reason struct{ why, fix string }
	at := map[reason]int{}
	var whole []why.Unknown
	counts := map[reason]int{}
	for _, u := range s.Report.Unknown {
		k := reason{u.Why, u.Fix}
		if slices.Contains(diag.CheckOrder, u.What) {
			counts[k]++
		}
		if i, ok := at[k]; ok {
			whole[i].What += ", " + u.What
			continue
		}
		at[k] = len(whole)
		whole = append(whole, u)
	}
	var list []because
	for i := range whole {
		u := &whole[i]
		text := u.What + ": " + u.Why
		item := because{
			mark: markUnknown, word: words.Say("verdict.unknown"), text: text, id: u.Why + u.Fix,
			page: func(c *canvas, w int) *doc { return unknownDoc(c, w, u) }, plain: joinNonEmpty("\n", text, u.Fix),
		}
		if n := counts[reason{u.Why, u.Fix}]; n > 1 {
			item.text = say("unknown.n", "n", n, "why", u.Why)
		}
		for _, command := range why.Fixes(u.Fix) {
			item.ways = append(item.ways, why.Advice{Do: []string{command}})
		}
		if len(item.ways) > 0 {
			item.fix = item.ways[0].Do[0]
		} else {
			item.do = u.Fix
		}
		list = append(list, item)
	}
	return list
}

func (m *mapScreen) draw(s *scene, r region) {
	defer r.mark(&m.find)
	r = s.drawTroubles(r, diag.FeedNetlink)
	items := becauses(s)
	if m.found != m.find.text {
		m.found = m.find.text
		m.jump(s, 0)
	}
	m.name(s)
	if r.w >= 130 && r.h >= 16 {
		left := r.sub(0, 0, 82, r.h)
		y := m.drawHeadline(s, left, items) + 1
		lines := m.lines(s, left.w, left.h-y)
		drawLines(left.sub(0, y, left.w, left.h-y), lines)
		drawLately(s, left.sub(0, y+len(lines)+1, left.w, left.h-y-len(lines)-1))
		m.drawOpen(s, r.sub(84, 0, r.w-84, r.h), items)
		return
	}
	y := m.drawHeadline(s, r, items)
	why := min(len(items)+2, max((r.h-y)/3, 2)) // the map comes first; the rest is for the list
	if most := (r.h - y) * 3 / 5; len(s.problems()) > 0 && most >= len(items)+previewLines+1 {
		why = max(why, min(len(items)+previewRoom, most)) // room for the finding as well: what is well folds
	}
	room := max(r.h-y-why, 0)
	if room < 2 {
		room = 0
	}
	lines := m.lines(s, r.w, room)
	if y+len(lines)+why < r.h {
		y++
		room = r.h - y - why
	}
	drawLines(r.sub(0, y, r.w, room), lines)
	y += min(len(lines), room)
	if r.h-y > len(items)+4 {
		y++
	}
	below := r.sub(0, y, r.w, r.h-y)
	if below.h < len(items)+previewLines {
		m.drawItems(s, below, items)
		return
	}
	m.drawOpen(s, below, items)
}

// previewRoom is how many lines below the list what enter would open of a problem is given, where the map can fold.
const previewRoom = 20

// previewLines is from how many lines below the list on what enter would open is shown there already.
const previewLines = 8

// drawHeadline says the verdict in one sentence, and the first thing to do about it.
func (m *mapScreen) drawHeadline(s *scene, r region, items []because) int {
	y := 0
	headline := s.headline()
	if s.undecided() {
		headline = s.soFar()
	}
	for _, line := range clipped(s.canvas, wrap(s.canvas, m.prose(s, headline), r.w-2), min(max(r.h/3, 3), max(r.h-4, 1)), r.w-2) {
		r.put(1, y, line, bold)
		y++
	}
	it := m.first(s, items)
	if it == nil || it.do == "" && it.fix == "" {
		return y
	}
	for _, line := range m.firstAid(s, it, r.w-2, min(3, max(r.h-y-2, 1)), r.h >= 16) {
		r.spans(1, y, line...)
		y++
	}
	return y
}

// first is the line that says what to do: of the first problem; where there is none, of what would let more be told.
func (m *mapScreen) first(s *scene, items []because) *because {
	if len(s.problems()) > 0 {
		return &items[0]
	}
	if i := slices.IndexFunc(items, func(b because) bool { return b.do+b.fix != "" }); i >= 0 {
		return &items[i]
	}
	return nil
}

// firstAid says what to do: in words where no command does it best, else the command, in n lines; where there is room
// also what that may cut off, and what the reader has to fill in.
func (m *mapScreen) firstAid(s *scene, it *because, w, n int, roomy bool) (lines [][]span) {
	lead, hang := span{say("fix") + "  ", bold}, span{blank(s.canvas.width(say("fix")) + 2), plain}
	add := func(line ...span) {
		lines = append(lines, append([]span{lead}, line...))
		lead = hang
	}
	inside := w - s.canvas.width(hang.text)
	if it.do != "" {
		room := n
		if it.fix != "" {
			room--
		}
		for _, line := range clipped(s.canvas, wrap(s.canvas, m.prose(s, it.do), inside), max(room, 1), inside) {
			add(span{line, plain})
		}
		n -= len(lines)
		lead = span{pad(s.canvas, say("fix.or"), s.canvas.width(hang.text)), bold}
	}
	if it.fix == "" || n < 1 {
		return lines
	}
	if it.caution != "" && roomy {
		for _, line := range clipped(s.canvas, wrap(s.canvas, words.Say("remedy.caution", "caution", m.prose(s, it.caution)), w), 2, w) {
			lines = append(lines, []span{{line, yellow}})
		}
	}
	d := newDoc(s.canvas, inside)
	d.command(it.fix)
	command, blanks := d.lines, len(why.Blanks(it.fix)) > 0
	if len(command) > n && it.fixDoes != "" { // half a command is none
		command, blanks = nil, false
		for _, line := range clipped(s.canvas, wrap(s.canvas, m.prose(s, it.fixDoes)+" "+say("fix.copy"), inside), n, inside) {
			command = append(command, []span{{line, plain}})
		}
	} else if len(command) > n {
		command = append(slices.Clip(command[:n-1]), []span{{"", plain}, {say("fix.more"), dim}})
	}
	for _, line := range command {
		line[0].text = strings.Replace(strings.TrimPrefix(line[0].text, "  "), "$ ", "", 1)
		add(line...)
	}
	if blanks && roomy {
		add(span{say("fix.blank"), dim})
	}
	return lines
}

// prose shortens the addresses of a sentence that the map shows in full.
func (m *mapScreen) prose(s *scene, text string) string {
	return m.short.In(s.canvas.mask(text))
}

func drawLines(r region, lines [][]span) {
	for y, line := range lines {
		r.spans(0, y, line...)
	}
}

// textAt is the column in which the text of the list begins.
const textAt = 4

// drawItems lists why, worst first; the one under the cursor is shown in full.
func (m *mapScreen) drawItems(s *scene, r region, items []because) {
	m.list.follow(len(items), len(items), func(i int) string { return items[i].id })
	title := say("notes")
	if m.first(s, items) != nil || len(s.unexplained()) > 0 || s.verdict() != why.VerdictOK {
		title = say("why")
	}
	if len(items) > 0 {
		title = say("why-n", "title", title, "i", m.list.sel+1, "n", len(items))
	}
	r.rule(0, dim)
	r.put(2, 0, " "+title+" ", bold)
	body := r.sub(0, 1, r.w, r.h-1)
	if len(items) == 0 {
		body.put(2, 0, r.c.fit(nothingToExplain(s), body.w-3), dim)
		return
	}
	at := textAt
	var heights []int
	texts := make([][]string, len(items))
	if body.w < 60 { // the text needs the room more
		items = slices.Clone(items)
		for i := range items {
			items[i].word = ""
		}
	}
	for i, it := range items {
		most, room := max(body.h, 1), body.w-at-1-body.width(it.word)-2
		if i != m.list.sel {
			most = 1
		}
		texts[i] = clipped(s.canvas, wrap(s.canvas, m.prose(s, it.text), room), most, room)
		heights = append(heights, len(texts[i]))
	}
	y := 0
	for i := firstInSight(heights, m.list.sel, body.h); i < len(items) && y < body.h; i++ {
		it, pointer, st := items[i], " ", plain
		if i == m.list.sel {
			pointer, st = "▸", bold
		}
		number := " "
		if it.number > 0 && it.number < 10 {
			number = fmt.Sprint(it.number)
		}
		body.spans(0, y, span{pointer, bold}, span{number, dim}, it.mark.span())
		body.put(body.w-1-body.width(it.word), y, it.word, dim)
		for _, line := range texts[i] {
			body.clickable(0, y, body.w, spot{list: &m.list, row: i})
			body.put(at, y, line, st)
			y++
		}
	}
}

// clipped returns at most n of the lines of a text, the last with a mark where there are more.
func clipped(c *canvas, lines []string, n, w int) []string {
	if len(lines) <= n {
		return lines
	}
	lines = slices.Clone(lines[:n])
	lines[n-1] = strings.TrimRight(c.fit(lines[n-1]+" …", w), " …") + " …"
	return lines
}

// firstInSight returns the first item to show so that item sel is in h lines in full.
func firstInSight(heights []int, sel, h int) int {
	first, used := sel, heights[sel]
	for first > 0 && used+heights[first-1] <= h {
		first--
		used += heights[first]
	}
	return first
}

func nothingToExplain(s *scene) string {
	if s.undecided() || !s.canAsk {
		return say("nothing-so-far")
	}
	return say("nothing-asked")
}

// name gives the addresses of this host their short names.
func (m *mapScreen) name(s *scene) {
	var own, all []string
	for _, a := range ownAddresses(s) {
		own = append(own, s.canvas.mask(a.Prefix.Addr().String()))
	}
	for _, p := range s.Report.Paths {
		all = append(all, s.canvas.mask(p.Target))
	}
	m.short = report.Shorten(own, all)
}

// drawLately shows the newest exchanges on the wire where there is room for some.
func drawLately(s *scene, r region) {
	if r.h < 5 {
		return
	}
	r.rule(0, dim)
	r.put(2, 0, " "+say("lately")+" ", bold)
	of := s.told()
	for y := 1; y < r.h && y-1 < len(s.Exchanges); y++ {
		e := &s.Exchanges[y-1]
		m := exchangeMark(e, of, s.At)
		x := r.spans(1, y, span{clock(e.First.At)[:8] + " ", dim}, direction(e), span{" ", plain},
			span{pad(s.canvas, joinNonEmpty(" ", m.s, outcomeWord(e, s.At)), 12), m.st})
		r.put(x, y, s.canvas.fit(questionText(e, r.w >= 82), r.w-x), plain)
	}
	if len(s.Exchanges) == 0 {
		r.put(1, 1, r.c.fit(s.emptyText("packets.empty", diag.FeedFrames), r.w-2), dim)
	}
}

// drawOpen shows the list and, below it, what enter would open.
func (m *mapScreen) drawOpen(s *scene, r region, items []because) {
	n := len(items) + 1
	for _, it := range items {
		n = max(n, len(items)+len(wrap(s.canvas, m.prose(s, it.text), r.w-textAt-1-r.width(it.word)-2)))
	}
	n = max(min(n, r.h/2), 3)
	m.drawItems(s, r.sub(0, 0, r.w, n), items)
	if len(items) == 0 {
		return
	}
	for i, below := m.list.sel, r.sub(0, n, r.w, r.h-n); i < len(items) && below.h >= previewLines-2; i++ { // and the next ones, as far as there is room
		below.rule(0, dim)
		if name := items[i].name; name != "" {
			below.put(2, 0, " "+below.c.fit(name, below.w-6)+" ", dim)
		}
		inside := below.sub(1, 1, below.w-2, below.h-1)
		page := items[i].page(s.canvas, min(inside.w, 110))
		page.preview(inside)
		used := len(page.lines) + 2
		below = below.sub(0, used, below.w, below.h-used)
	}
}

func (m *mapScreen) key(s *scene, key string) (action, bool) {
	if m.list.key(key) {
		return nil, true
	}
	switch key {
	case "enter":
		items := becauses(s)
		if m.list.sel < len(items) {
			if to := items[m.list.sel].turn; to != "" {
				return turn{to}, true
			}
			return open{&pager{id: items[m.list.sel].id, of: &m.list}}, true
		}
	case "r":
		return run{}, true
	case "n", "N":
		if m.seeks() {
			m.jump(s, map[string]int{"n": 1, "N": -1}[key])
			return nil, true
		}
	case "/", "esc":
		return m.find.open(key)
	}
	return nil, false
}

// jump goes to the next line of the list whose page has what is looked for, or to the one before; with 0 it stays where
// that has it. What else of the screen has it is marked.
func (m *mapScreen) jump(s *scene, step int) {
	items := becauses(s)
	if !m.seeks() || len(items) == 0 {
		return
	}
	by := cmp.Or(step, 1)
	for k := range items {
		i := (m.list.sel + step + k*by + 2*len(items)) % len(items)
		page := items[i].page
		if m.find.matches(items[i].text) || page != nil && len(page(s.canvas, max(s.canvas.w-2, 1)).find(&m.find)) > 0 {
			m.list.sel, m.list.id, m.list.moved = i, items[i].id, true
			return
		}
	}
}

func (m *mapScreen) copied(s *scene) string {
	items := becauses(s)
	if m.list.sel >= len(items) {
		return s.headline()
	}
	if fix := items[m.list.sel].fix; fix != "" {
		return fix
	}
	return items[m.list.sel].plain
}

func (m *mapScreen) seeks() bool { return m.find.text != "" }

func (m *mapScreen) keys(s *scene) []hotkey {
	keys := []hotkey{{"↑↓", "choose"}, {"enter", "open"}}
	if items := becauses(s); m.list.sel < len(items) && items[m.list.sel].fix != "" {
		keys = append(keys, hotkey{"y", "copy-fix"})
	}
	find := hotkey{"/", "find"}
	if !s.canAsk {
		return append(keys, find)
	}
	every := hotkey{"a", "every"}
	if s.Every > 0 {
		every.what = "every-off"
	}
	return append(keys, hotkey{"r", "run-again"}, find, every)
}
