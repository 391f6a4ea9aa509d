package ui

import (
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// mapScreen is the verdict, the network as a drawing whose edges are what came of asking, and below
// it why.
type mapScreen struct {
	list list
}

// A because is a line of the list below the map: a finding, a symptom that nothing explains, something
// that could not be told, or what was not asked.
type because struct {
	mark  mark
	word  string
	text  string
	id    string
	page  func(c *canvas, w int) *doc
	plain string // what y copies
}

func becauses(s *scene) []because {
	var list, infos []because
	for i := range s.Report.Findings {
		f := &s.Report.Findings[i]
		item := because{
			mark: severityMark(f.Severity), word: words.Say("severity." + string(f.Severity)), text: s.Report.On(f.Interface, f.Summary),
			id:   f.Cause + " " + f.Interface + " " + f.Subject.Value,
			page: func(c *canvas, w int) *doc { return findingDoc(c, w, &s.Report, f) }, plain: findingText(f),
		}
		if f.Severity == why.Info {
			infos = append(infos, item)
			continue
		}
		list = append(list, item)
	}
	for i := range s.Report.Unexplained {
		u := &s.Report.Unexplained[i]
		list = append(list, because{
			mark: mark{"?", yellow | bold}, word: say("unexplained"), text: u.Symptom, id: u.Symptom,
			page: func(c *canvas, w int) *doc { return unexplainedDoc(c, w, &s.Report, u) }, plain: u.Symptom,
		})
	}
	if s.undecided() {
		return append(list, infos...) // what is not known yet is no finding
	}
	list = append(list, unknowns(s)...)
	unasked := s.Report.Unasked()
	if len(unasked) == 0 || len(s.Report.Paths) == 0 {
		return append(list, infos...)
	}
	item := because{
		mark: markSkipped, word: say("not-asked"), text: strings.Join(unasked, "; "), id: "not-asked",
		page: func(c *canvas, w int) *doc { return unaskedDoc(c, w, unasked) }, plain: s.Report.Beside(),
	}
	if s.Report.Verdict == why.VerdictOK { // how far that goes is said first
		return append(append(list, item), infos...)
	}
	return append(append(list, infos...), item)
}

// unknowns are what could not be told: one reason often keeps many checks from running, and is said
// once.
func unknowns(s *scene) []because {
	type reason struct{ why, fix string }
	at := map[reason]int{}
	var whole []why.Unknown
	for _, u := range s.Report.Unknown {
		k := reason{u.Why, u.Fix}
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
		list = append(list, because{
			mark: markUnknown, word: words.Say("verdict.unknown"), text: joinNonEmpty(" · ", text, u.Fix), id: u.Why + u.Fix,
			page: func(c *canvas, w int) *doc { return unknownDoc(c, w, u) }, plain: joinNonEmpty("\n", text, u.Fix),
		})
	}
	return list
}

func (m *mapScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedNetlink)
	items := becauses(s)
	if r.w >= 130 && r.h >= 16 {
		left := r.sub(0, 0, 82, r.h)
		y := m.drawHeadline(s, left) + 1
		lines := m.lines(s, left.w, left.h-y)
		drawLines(left.sub(0, y, left.w, left.h-y), lines)
		drawLately(s, left.sub(0, y+len(lines)+1, left.w, left.h-y-len(lines)-1))
		m.drawOpen(s, r.sub(84, 0, r.w-84, r.h), items)
		return
	}
	y := m.drawHeadline(s, r)
	why := min(4, max((r.h-y)/3, 2)) // the map comes first; the rest is for the list
	room := max(r.h-y-why, 0)
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
	if below.h < len(items)+16 {
		m.drawItems(s, below, items)
		return
	}
	m.drawOpen(s, below, items)
}

// drawHeadline says the verdict in one sentence.
func (m *mapScreen) drawHeadline(s *scene, r region) int {
	y := 0
	headline := s.Report.Headline
	if s.undecided() {
		headline = say("so-far")
	}
	for _, line := range clipped(s.canvas, wrap(s.canvas, headline, r.w-2), max(r.h/3, 1), r.w-2) {
		r.put(1, y, line, bold)
		y++
	}
	return y
}

func drawLines(r region, lines [][]span) {
	for y, line := range lines {
		r.spans(0, y, line...)
	}
}

// textAt is the column in which the text of the list begins.
const textAt = 13

// drawItems lists why, worst first; the one under the cursor is shown in full.
func (m *mapScreen) drawItems(s *scene, r region, items []because) {
	m.list.follow(len(items), len(items), func(i int) string { return items[i].id })
	title := say("why")
	if len(items) > 0 {
		title = say("why-n", "i", m.list.sel+1, "n", len(items))
	}
	r.rule(0, dim)
	r.put(2, 0, " "+title+" ", bold)
	body := r.sub(0, 1, r.w, r.h-1)
	if len(items) == 0 {
		body.put(2, 0, r.c.fit(nothingToExplain(s), body.w-3), dim)
		return
	}
	at := textAt
	if body.w < 60 {
		at = 3
	}
	var heights []int
	texts := make([][]string, len(items))
	for i, it := range items {
		most := max(body.h, 1)
		if i != m.list.sel {
			most = 1
		}
		texts[i] = clipped(s.canvas, wrap(s.canvas, it.text, body.w-at-1), most, body.w-at-1)
		heights = append(heights, len(texts[i]))
	}
	y := 0
	for i := firstInSight(heights, m.list.sel, body.h); i < len(items) && y < body.h; i++ {
		pointer := " "
		st := plain
		if i == m.list.sel {
			pointer, st = "▸", bold
		}
		body.spans(0, y, span{pointer, bold}, items[i].mark.span(), span{" ", plain}, span{s.canvas.fit(items[i].word, max(at-4, 0)), items[i].mark.st})
		for _, line := range texts[i] {
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
	lines[n-1] = strings.TrimSuffix(c.fit(lines[n-1], w-2), " …") + " …"
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

// drawLately shows the newest exchanges on the wire where there is room for some.
func drawLately(s *scene, r region) {
	if r.h < 5 {
		return
	}
	r.rule(0, dim)
	r.put(2, 0, " "+say("lately")+" ", bold)
	for y := 1; y < r.h && y-1 < len(s.Exchanges); y++ {
		e := &s.Exchanges[y-1]
		m := exchangeMark(e, s.At)
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
		n = max(n, len(items)+len(wrap(s.canvas, it.text, r.w-textAt-1)))
	}
	n = max(min(n, r.h/2), 3)
	m.drawItems(s, r.sub(0, 0, r.w, n), items)
	if len(items) > 0 {
		below := r.sub(0, n, r.w, r.h-n)
		below.rule(0, dim)
		inside := below.sub(1, 1, below.w-2, below.h-1)
		items[m.list.sel].page(s.canvas, min(inside.w, 110)).preview(inside)
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
			return open{&pager{id: items[m.list.sel].id}}, true
		}
	case "r":
		return run{}, true
	}
	return nil, false
}

func (m *mapScreen) copied(s *scene) string {
	items := becauses(s)
	if m.list.sel < len(items) {
		return items[m.list.sel].plain
	}
	return s.Report.Headline
}

func (m *mapScreen) keys(s *scene) []hotkey {
	keys := []hotkey{{"↑↓", "choose"}, {"enter", "open"}}
	if s.canAsk {
		keys = append(keys, hotkey{"r", "run-again"})
	}
	return keys
}
