package ui

import (
	"cmp"
	"strings"
)

// switchScreen is the truth beside the diagnosis: what the lab's switch did with each frame, and
// why. It is a screen of its own and, by a key, a pane beside the others.
type switchScreen struct {
	list   list
	filter filter
	order  order
}

var switchOrders = []orderBy[*Verdict]{
	{"newest", nil},
	{"verdict", func(a, b *Verdict) int { return cmp.Compare(a.Verdict, b.Verdict) }},
	{"port", func(a, b *Verdict) int { return cmp.Compare(a.Port, b.Port) }},
}

func verdictStyle(verdict string) mark {
	switch verdict {
	case "dropped":
		return markBad
	case "delivered", "forwarded", "answered":
		return markGood
	default:
		return markWaiting
	}
}

func (x *switchScreen) rows(s *scene) []*Verdict {
	if s.Lab == nil {
		return nil
	}
	var rows []*Verdict
	for i := len(s.Lab.Verdicts) - 1; i >= 0; i-- {
		v := &s.Lab.Verdicts[i]
		if x.filter.text == "" || x.filter.matches(verdictText(v)) {
			rows = append(rows, v)
		}
	}
	sortRows(rows, x.order, switchOrders)
	return rows
}

func verdictText(v *Verdict) string {
	return joinNonEmpty(" ", clock(v.Time), v.Port, v.Verdict, v.Summary+":", v.Reason)
}

func (x *switchScreen) draw(s *scene, r region) {
	rows := x.rows(s)
	foot := min(4, r.h/3)
	// The reason comes first; the frame gets what is left of the line, and says as much as fits.
	frame, reason := column{title: say("col.frame"), width: 10}, column{title: say("col.reason"), width: 24, drop: 1}
	for _, v := range rows {
		frame.grow = max(frame.grow, r.width(v.Summary))
		reason.grow = max(reason.grow, r.width(v.Reason))
	}
	reason.width = min(max(reason.width, reason.grow), 46) // rather than the port
	columns := []column{
		{title: say("col.time"), width: 8, drop: 2},
		{title: say("col.port"), width: 8, drop: 3},
		{title: "", width: 1},
		{title: say("col.verdict"), width: 9},
		reason,
		frame,
	}
	room := fitColumns(columns, r.w-2, 0)[len(columns)-1]
	g := grid{columns: columns, list: &x.list, empty: x.emptyText(s), row: func(i int) []span {
		v := rows[i]
		m := verdictStyle(v.Verdict)
		return []span{{clock(v.Time)[:8], dim}, {v.Port, plain}, m.span(), {v.Verdict, m.st}, {v.Reason, plain}, {frameText(s.canvas, v.Summary, room), dim}}
	}}
	g.draw(r.sub(0, 0, r.w, r.h-foot), len(rows), func(i int) string { return verdictText(rows[i]) })
	if x.filter.text != "" {
		r.right(0, 20, span{say("filter.on", "filter", x.filter.text, "n", len(rows)) + "      ", cyan | bold})
	}
	if foot > 1 && len(rows) > 0 {
		area := r.sub(0, r.h-foot, r.w, foot)
		area.rule(0, dim)
		verdictDoc(s.canvas, area.w-2, rows[x.list.sel]).preview(area.sub(1, 1, area.w-2, area.h-1))
	}
}

func (x *switchScreen) emptyText(s *scene) string {
	if x.filter.text != "" && s.Lab != nil && len(s.Lab.Verdicts) > 0 {
		return say("packets.none-match", "filter", x.filter.text, "n", len(s.Lab.Verdicts))
	}
	return say("switch.empty")
}

// frameText is as much of a frame's summary, "source > destination: kind, more", as w columns hold: all of it, without
// the addresses of the header, its kind.
func frameText(c *canvas, summary string, w int) string {
	_, what, ok := strings.Cut(summary, ": ")
	if !ok {
		what = summary
	}
	for _, text := range []string{summary, what} {
		if c.width(c.shorten(text)) <= w {
			return c.fit(text, w)
		}
	}
	return strings.TrimSuffix(what[:strings.IndexAny(what+":", ":,")], " request")
}

func verdictDoc(c *canvas, w int, v *Verdict) *doc {
	d := newDoc(c, w)
	m := verdictStyle(v.Verdict)
	d.para(span{m.s + " " + v.Verdict + "  ", m.st}, v.Summary, plain)
	d.para(span{"  ", plain}, joinNonEmpty(": ", v.Port, v.Reason), plain)
	return d
}

// drawPane shows the newest verdicts beside a screen.
func drawPane(s *scene, r region) {
	if r.x > 0 { // beside, not below
		for y := range r.h {
			r.raw(0, y, "│", dim)
		}
		r = r.sub(1, 0, r.w-1, r.h)
	}
	r.rule(0, dim)
	r.put(1, 0, " "+say("switch.title")+" ", bold)
	list := s.Lab.Verdicts
	y := 1
	for i := len(list) - 1; i >= 0 && y < r.h; i-- {
		v := &list[i]
		m := verdictStyle(v.Verdict)
		r.spans(1, y, m.span(), span{" ", plain}, span{pad(s.canvas, v.Verdict, 10), m.st})
		if r.h >= 16 {
			r.put(13, y, s.canvas.fit(v.Summary, r.w-14), plain)
			if y++; y < r.h {
				r.put(13, y, s.canvas.fit(v.Reason, r.w-14), dim)
			}
		} else {
			at := r.put(13, y, s.canvas.fit(v.Reason, r.w-14), plain)
			if r.w-at > 30 {
				r.put(at+2, y, s.canvas.fit(v.Summary, r.w-at-3), dim)
			}
		}
		y++
	}
	if len(list) == 0 {
		r.put(1, 1, say("switch.empty"), dim)
	}
}

func (x *switchScreen) key(s *scene, key string) (action, bool) {
	if x.list.key(key) {
		return nil, true
	}
	switch key {
	case "enter":
		if rows := x.rows(s); x.list.sel < len(rows) {
			v := *rows[x.list.sel]
			return open{&pager{page: func(c *canvas, w int) *doc { return verdictDoc(c, w, &v) }, plain: verdictText(&v)}}, true
		}
		return nil, true
	default:
		if act, ok := orderKey(&x.order, switchOrders, &x.list, key); ok {
			return act, true
		}
		return x.filter.keys(&x.list, key)
	}
}

func (x *switchScreen) copied(s *scene) string {
	if rows := x.rows(s); x.list.sel < len(rows) {
		return verdictText(rows[x.list.sel])
	}
	return ""
}

func (x *switchScreen) seeks() bool { return x.filter.text != "" }

func (x *switchScreen) keys(*scene) []hotkey {
	return append([]hotkey{{"↑↓", "move"}, {"enter", "open"}}, rowKeys...)
}

// breakage is the list of what can be broken and mended in the lab.
type breakage struct{ list list }

func (b *breakage) draw(s *scene, r region) {
	if s.Lab == nil {
		return
	}
	r.put(1, 0, say("breaks.title"), bold)
	for i, line := range wrap(s.canvas, say("breaks.text"), r.w-2) {
		r.put(1, 1+i, line, dim)
	}
	g := grid{columns: []column{
		{title: "", width: 1}, {title: say("col.now"), width: 8}, {title: say("col.what"), width: 20, grow: 100},
	}, list: &b.list, empty: say("breaks.none"), row: func(i int) []span {
		x := s.Lab.Breaks[i]
		if x.Broken {
			return []span{markBad.span(), {say("breaks.broken"), red}, {x.Title, plain}}
		}
		return []span{markGood.span(), {say("breaks.whole"), plain}, {x.Title, plain}}
	}}
	g.draw(r.sub(0, 4, r.w, r.h-4), len(s.Lab.Breaks), func(i int) string { return s.Lab.Breaks[i].ID })
}

func (b *breakage) key(s *scene, key string) (action, bool) {
	if b.list.key(key) {
		return nil, false
	}
	switch key {
	case "enter", "space", "b":
		if s.Lab != nil && b.list.sel < len(s.Lab.Breaks) {
			x := s.Lab.Breaks[b.list.sel]
			return breaks{x.ID, !x.Broken}, false
		}
		return nil, false
	default:
		return nil, key == "esc" || key == "q"
	}
}

func (b *breakage) copied(*scene) string { return "" }

func (b *breakage) keys(*scene) []hotkey {
	return []hotkey{{"↑↓", "choose"}, {"enter", "toggle"}, {"esc", "back"}}
}
