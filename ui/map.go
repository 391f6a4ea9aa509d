package ui

import (
	"cmp"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// mapScreen is the verdict, the network as a drawing whose edges are what came of asking, and below
// it why.
type mapScreen struct {
	list list
}

// A because is a line of the list below the map: a finding, a symptom that nothing explains, or
// something that could not be told.
type because struct {
	mark  mark
	word  string
	text  string
	id    string
	page  func(c *canvas, w int) *doc
	plain string // what y copies
}

func becauses(s *scene) []because {
	var list []because
	for i := range s.Report.Findings {
		f := &s.Report.Findings[i]
		list = append(list, because{
			mark: severityMark(f.Severity), word: words.Say("severity." + string(f.Severity)), text: f.Summary,
			id:   f.Cause + " " + f.Interface + " " + f.Subject.Value,
			page: func(c *canvas, w int) *doc { return findingDoc(c, w, &s.Report, f) }, plain: findingText(f),
		})
	}
	for i := range s.Report.Unexplained {
		u := &s.Report.Unexplained[i]
		list = append(list, because{
			mark: mark{"?", yellow | bold}, word: say("unexplained"), text: u.Symptom, id: u.Symptom,
			page: func(c *canvas, w int) *doc { return unexplainedDoc(c, w, &s.Report, u) }, plain: u.Symptom,
		})
	}
	for i := range s.Report.Unknown {
		u := &s.Report.Unknown[i]
		list = append(list, because{
			mark: markUnknown, word: words.Say("verdict.unknown"), text: u.What + ": " + u.Why, id: u.What + u.Why,
			page: func(c *canvas, w int) *doc { return unknownDoc(c, w, u) }, plain: joinNonEmpty("\n", u.What+": "+u.Why, u.Fix),
		})
	}
	return list
}

func (m *mapScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedNetlink)
	items := becauses(s)
	if r.w >= 130 && r.h >= 16 {
		left := r.sub(0, 0, 82, r.h)
		y := m.drawHeadline(s, left)
		lines := m.lines(s, left.sub(0, y, left.w, left.h-y))
		drawLines(left.sub(0, y, left.w, left.h-y), lines)
		m.drawWide(s, r.sub(84, 0, r.w-84, r.h), items)
		return
	}
	y := m.drawHeadline(s, r)
	room := r.h - y
	why := min(max(2*len(items), 2)+1, max(room/3, 3))
	area := r.sub(0, y, r.w, room-why)
	lines := m.lines(s, area)
	drawLines(area, lines)
	y += min(len(lines), area.h)
	if r.h-y > 6 {
		y++
	}
	m.drawItems(s, r.sub(0, y, r.w, r.h-y), items)
}

// drawHeadline says the verdict in one sentence.
func (m *mapScreen) drawHeadline(s *scene, r region) int {
	y := 0
	for _, line := range wrap(s.canvas, s.Report.Headline, r.w-2) {
		if y >= max(r.h/4, 1) {
			break
		}
		r.put(1, y, line, bold)
		y++
	}
	if r.h >= 16 {
		y++
	}
	return y
}

func drawLines(r region, lines [][]span) {
	for y, line := range lines {
		r.spans(0, y, line...)
	}
}

// lines draws the network in as many lines as there is room for: first the strokes between the
// nodes go, then the least remarkable of many nodes.
func (m *mapScreen) lines(s *scene, r region) [][]span {
	for _, room := range []struct {
		strokes bool
		each    int
	}{{true, 64}, {false, 64}, {false, 6}, {false, 4}, {false, 3}, {false, 2}, {false, 1}} {
		lines := mapLines(s, r.w, room.strokes, room.each)
		if len(lines) <= r.h || room.each == 1 {
			return lines
		}
	}
	return nil
}

func mapLines(s *scene, w int, strokes bool, each int) [][]span {
	all := nodes(s.paths())
	of := func(class diag.TargetClass) []*node {
		var list []*node
		for _, n := range all {
			if n.class == class {
				list = append(list, n)
			}
		}
		slices.SortStableFunc(list, func(a, b *node) int { return cmp.Compare(b.rank, a.rank) })
		return list
	}
	var lines [][]span
	add := func(stem string, label string, list []*node) {
		for i, n := range list {
			if i == each && len(list) > each+1 {
				lines = append(lines, nodeLine(s, w, stem, "", say("map.more", "n", len(list)-i), nil))
				break
			}
			lines = append(lines, nodeLine(s, w, stem, label, n.addr, n.marks))
			label = ""
		}
	}
	stroke := func() {
		if strokes && len(lines) > 0 {
			lines = append(lines, []span{{"    │", dim}})
		}
	}
	add("", say("node.internet"), of(diag.TargetInternet))
	add("", say("node.service"), of(diag.TargetService))
	stroke()
	add("", say("node.router"), routersOf(s, of(diag.TargetRouter)))
	stroke()
	link := s.link()
	lines = append(lines, nodeLine(s, w, "", say("node.self"), link.MAC.String(), linkMarks(link)))
	own := ownAddresses(s)
	for i, a := range own {
		if i == each && len(own) > each+1 {
			lines = append(lines, nodeLine(s, w, "", "", say("map.more", "n", len(own)-i), nil))
			break
		}
		text := a.Prefix.Addr().String()
		if !a.Prefix.IsSingleIP() {
			text = a.Prefix.String()
		}
		lines = append(lines, nodeLine(s, w, "    │  ", "", text, []edge{addressEdge(&a)}))
	}
	add("    ├─ ", say("node.peer"), of(diag.TargetPeer))
	nobody := of(diag.TargetAllNodes)
	add("    └─ ", say("node.all-nodes"), nobody)
	closeTree(lines, len(nobody) > 0)
	return lines
}

// routersOf puts what an RS to everybody came to on the first router's line.
func routersOf(s *scene, list []*node) []*node {
	i := slices.IndexFunc(list, func(n *node) bool { return n.addr == "" })
	if i < 0 {
		return list
	}
	asked := list[i]
	list = slices.Delete(slices.Clone(list), i, i+1)
	if len(list) > 0 && asked.rank < markBad.rank() {
		return list
	}
	asked.addr = say("node.everybody")
	return append([]*node{asked}, list...)
}

// closeTree ends the last branch where there is no ff02::1 to end it.
func closeTree(lines [][]span, closed bool) {
	if closed || len(lines) == 0 {
		return
	}
	last := lines[len(lines)-1]
	switch {
	case len(last) > 0 && last[0].text == "    ├─ ":
		last[0].text = "    └─ "
	case len(last) > 0 && last[0].text == "    │  ":
		last[0].text = "       "
	}
}

// ownAddresses are the addresses of the interface in sight, what is wrong first.
func ownAddresses(s *scene) []AddressRow {
	var list []AddressRow
	for _, a := range s.Addresses {
		if a.Interface != s.iface || !a.Prefix.IsSingleIP() && !a.Configured {
			continue
		}
		// An assigned link-local address that is not configured is no fault of its own.
		if !a.Configured && a.Prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		list = append(list, a)
	}
	slices.SortStableFunc(list, func(a, b AddressRow) int {
		return cmp.Compare(addressEdge(&b).mark.rank()/5, addressEdge(&a).mark.rank()/5)
	})
	return list
}

func linkMarks(l diag.Link) []edge {
	switch {
	case l.Gone:
		return []edge{{markBad, say("link.gone")}}
	case l.Index != 0 && (!l.Up || !l.Carrier):
		return []edge{{markBad, say("link.down")}}
	default:
		return nil
	}
}

// nodeLine is one line of the map: label, address, and what came of asking, each in its column.
func nodeLine(s *scene, w int, stem, label, address string, marks []edge) []span {
	c := s.canvas
	lead := stem + label
	if stem == "" {
		lead = " " + label
	}
	const labels = 16
	space := max(labels-c.width(lead), 1)
	line := []span{{stem, dim}, {lead[len(stem):], bold}, {blank(space), plain}}
	room := 39
	if w < labels+39+2+20 {
		room = max(20, w-labels-2-24)
	}
	text := c.fit(address, room)
	line = append(line, span{text, plain}, span{blank(room - c.width(text) + 2), plain})
	for i, e := range marks {
		if i > 0 {
			line = append(line, span{"  ", plain})
		}
		line = append(line, e.spans()...)
	}
	return line
}

func blank(n int) string {
	const spaces = "                                                                                "
	return spaces[:max(0, min(n, len(spaces)))]
}

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
	var heights []int
	texts := make([][]string, len(items))
	for i, it := range items {
		texts[i] = wrap(s.canvas, it.text, body.w-14)
		if i != m.list.sel && len(texts[i]) > 1 {
			texts[i] = []string{s.canvas.cut(texts[i][0], body.w-15) + "…"}
		}
		if len(texts[i]) > body.h {
			texts[i] = texts[i][:max(body.h, 1)]
		}
		heights = append(heights, len(texts[i]))
	}
	y := 0
	for i := firstInSight(heights, m.list.sel, body.h); i < len(items) && y < body.h; i++ {
		pointer := " "
		st := plain
		if i == m.list.sel {
			pointer, st = "▸", bold
		}
		body.spans(0, y, span{pointer, bold}, items[i].mark.span(), span{" ", plain}, span{s.canvas.fit(items[i].word, 11), items[i].mark.st})
		for _, line := range texts[i] {
			body.put(13, y, line, st)
			y++
		}
	}
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
	if len(s.Report.Paths) == 0 {
		return say("nothing-asked")
	}
	return say("nothing-wrong")
}

// drawWide shows the list and, below it, what enter would open.
func (m *mapScreen) drawWide(s *scene, r region, items []because) {
	n := min(2*len(items)+2, r.h/2)
	m.drawItems(s, r.sub(0, 0, r.w, max(n, 3)), items)
	if len(items) > 0 {
		below := r.sub(0, max(n, 3)+1, r.w, r.h-max(n, 3)-1)
		below.rule(0, dim)
		items[m.list.sel].page(s.canvas, below.w-2).draw(below.sub(1, 1, below.w-2, below.h-1), 0)
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

func (m *mapScreen) keys(*scene) []hotkey {
	return []hotkey{{"↑↓", "choose"}, {"enter", "open"}, {"r", "run-again"}}
}
