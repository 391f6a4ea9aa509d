package ui

import (
	"net/netip"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// neighbourScreen is the kernel's neighbour cache, live.
type neighbourScreen struct {
	list    list
	filter  filter
	sort    NeighbourSort
	reverse bool
}

func (x *neighbourScreen) query() NeighbourQuery {
	return NeighbourQuery{Filter: x.filter.text, Sort: x.sort, Reverse: x.reverse, Top: x.list.top}
}

// row returns row i of the matched ones, or nil while it is on its way.
func (x *neighbourScreen) row(s *scene, i int) *NeighbourRow {
	if i -= s.Neighbours.Offset; i >= 0 && i < len(s.Neighbours.Rows) {
		return &s.Neighbours.Rows[i]
	}
	return nil
}

func (x *neighbourScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedNetlink)
	x.drawSummary(s, r)
	foot := 4
	if r.h < 12 {
		foot = 0
	}
	table := r.sub(0, 1, r.w, r.h-1-foot)
	g := grid{columns: x.columns(s), list: &x.list, empty: x.emptyText(s), row: func(i int) []span { return x.cells(s, i) }}
	g.draw(table, s.Neighbours.Matched, x.ids(s))
	if foot > 0 {
		x.drawDetail(s, r.sub(0, r.h-foot, r.w, foot))
	}
}

// ids names the rows for the cursor to follow; rows outside the page keep their place.
func (x *neighbourScreen) ids(s *scene) func(int) string {
	return func(i int) string {
		if n := x.row(s, i); n != nil {
			return n.Interface + " " + n.Address.String()
		}
		return ""
	}
}

func (x *neighbourScreen) emptyText(s *scene) string {
	if s.coming {
		return ""
	}
	if x.filter.text != "" && s.Neighbours.Total > 0 {
		return say("neighbours.none-match", "filter", x.filter.text, "n", s.Neighbours.Total)
	}
	return s.emptyText("neighbours.empty", diag.FeedNetlink)
}

// drawSummary counts the states, so that a full table is told at a glance.
func (x *neighbourScreen) drawSummary(s *scene, r region) {
	count := say("neighbours.count", "n", s.Neighbours.Total)
	if s.Neighbours.Total == 1 {
		count = say("neighbours.count-1")
	}
	at := r.put(1, 0, count, bold)
	for _, state := range []diag.NUD{
		diag.Incomplete, diag.Failed, diag.Probing, diag.Delay, diag.Stale, diag.Reachable, diag.PermanentNUD, diag.NoARP,
	} {
		if n := s.Neighbours.ByState[state]; n > 0 {
			text := say("neighbours.state", "n", n, "state", string(state))
			if at+2+r.width(text) < r.w-22 {
				at = r.put(at+2, 0, text, nudStyle(state))
			}
		}
	}
	var right []span
	if x.filter.text != "" {
		right = append(right, span{say("filter.on", "filter", x.filter.text, "n", s.Neighbours.Matched) + "  ", cyan | bold})
	}
	order := say("sort." + [...]string{"address", "state", "age"}[x.sort])
	if x.reverse {
		order += " " + say("sort.reverse")
	}
	right = append(right, span{order + " ", dim})
	r.right(0, at+2, right...)
}

func (x *neighbourScreen) columns(s *scene) []column {
	columns := []column{
		{title: say("col.address"), width: 24, grow: 39},
		{title: say("col.mac"), width: 17, drop: 2},
		{title: say("col.role"), width: 6, drop: 3},
		{title: say("col.state"), width: 10},
		{title: say("col.age"), width: 6, drop: 1},
		{title: say("col.answer"), width: 10, grow: 12, drop: 4},
		{title: say("col.asked"), width: 20, grow: 39, drop: 5},
		{title: say("col.history"), width: 30, grow: 44, drop: 6},
	}
	return s.perInterface(columns)
}

func (x *neighbourScreen) cells(s *scene, i int) []span {
	n := x.row(s, i)
	if n == nil {
		return []span{{"…", dim}}
	}
	state, st := string(n.State), nudStyle(n.State)
	if state == "" {
		state = "NONE"
	}
	if n.Gone {
		state, st = say("gone"), dim
	}
	mac := n.MAC.String()
	if mac == "" {
		mac = "–"
	}
	return s.onInterface(n.Interface, []span{
		s.accused(n.Address.String(), s.Report.Accuses(n.Interface, n.Address.String())),
		{mac, plain},
		{n.Role.name(), roleStyle(n.Role)},
		{state, st},
		{age(s.At.Sub(n.At)), dim},
		{answerText(s, n), answerStyle(s, n)},
		{askedBy(n), plain},
		{historyText(n), dim},
	})
}

func roleStyle(r Role) style {
	if r == RoleRouter {
		return cyan
	}
	return plain
}

func askedBy(n *NeighbourRow) string {
	if n.Asked == nil {
		return "–"
	}
	if n.Asked.By.IsUnspecified() {
		return say("asked.dad")
	}
	return n.Asked.By.String()
}

// answerText says whether the last solicitation was answered; without the tap that is not known.
func answerText(s *scene, n *NeighbourRow) string {
	a := n.Asked
	switch {
	case a == nil && s.feed(diag.FeedFrames).State != diag.Synced:
		return say("answer.unseen")
	case a == nil:
		return "–"
	case a.Answered:
		return took(a.After)
	case s.At.Sub(a.At) < answerWithin:
		return say("answer.waiting")
	case a.Trial:
		return say("answer.trial")
	case a.Times == 1:
		return say("answer.none")
	default:
		return say("answer.none-n", "n", a.Times)
	}
}

// askedText says who asked for an entry last, and what came of it.
func askedText(s *scene, n *NeighbourRow) string {
	a := n.Asked
	if a == nil {
		return say("asked.never")
	}
	outcome := say("packet.none", "n", a.Times)
	switch {
	case a.Answered:
		outcome = say("packet.answer", "after", took(a.After))
	case s.At.Sub(a.At) < answerWithin:
		outcome = say("packet.waiting")
	case a.Times == 1:
		outcome = say("packet.no-answer")
	}
	if a.Trial && !a.Answered {
		outcome = say("asked.trial", "outcome", outcome)
	}
	return say("asked", "by", askedBy(n), "ago", ago(s.At.Sub(a.At)), "answer", outcome)
}

// answerStyle marks a silence that the kernel gave up on: a live entry may have been asked for by an
// address that gets no answers.
func answerStyle(s *scene, n *NeighbourRow) style {
	if a := n.Asked; a != nil && !a.Answered && !a.Trial && s.At.Sub(a.At) >= answerWithin && n.State == diag.Failed {
		return yellow
	}
	return plain
}

// historyText is the transitions in a row: INCOMPLETE > FAILED.
func historyText(n *NeighbourRow) string {
	var parts []string
	for _, t := range n.History[max(0, len(n.History)-4):] {
		if t.State == "" {
			parts = append(parts, say("gone"))
		} else {
			parts = append(parts, string(t.State))
		}
	}
	return strings.Join(parts, " > ")
}

// drawDetail shows the entry under the cursor in full.
func (x *neighbourScreen) drawDetail(s *scene, r region) {
	r.rule(0, dim)
	n := x.row(s, x.list.sel)
	if n == nil {
		return
	}
	at := r.put(1, 1, n.Address.String(), bold)
	r.put(at+2, 1, joinNonEmpty(" ", n.MAC.String(), n.Role.name()), dim)
	r.put(1, 2, r.c.fit(askedText(s, n), r.w-2), plain)
	var parts []string
	for _, t := range n.History {
		state := string(t.State)
		if state == "" {
			state = say("gone")
		}
		parts = append(parts, state+" ("+ago(s.At.Sub(t.At))+")")
	}
	text := strings.Join(parts, " > ")
	if text == "" {
		text = say("history.none")
	}
	for len(parts) > 1 && r.width(text) > r.w-2 {
		parts = parts[1:]
		text = "… > " + strings.Join(parts, " > ")
	}
	r.put(1, 3, text, dim)
}

func (x *neighbourScreen) key(s *scene, key string) (action, bool) {
	if x.list.key(key) {
		return nil, true
	}
	switch key {
	case "o":
		x.sort = (x.sort + 1) % neighbourSorts
		x.list = list{}
	case "O":
		x.reverse = !x.reverse
		x.list = list{}
	case "enter":
		if n := x.row(s, x.list.sel); n != nil {
			return open{&pager{page: x.page(s, *n), plain: neighbourText(*n)}}, true
		}
	case "f":
		if n := x.row(s, x.list.sel); n != nil {
			return follow{netip.PrefixFrom(n.Address, 128)}, true
		}
	case "r":
		return run{[]string{"router-nd", "peer-nd"}}, true
	default:
		return x.filter.keys(&x.list, key)
	}
	return nil, true
}

// page is an entry in full, with what its state means.
func (x *neighbourScreen) page(s *scene, n NeighbourRow) func(c *canvas, w int) *doc {
	last := askedText(s, &n)
	return func(c *canvas, w int) *doc {
		d := newDoc(c, w)
		d.line(span{n.Address.String(), bold})
		d.para(span{"", plain}, neighbourText(n), dim)
		if key := "ui.nud." + string(n.State); words.Has(key) {
			d.gap()
			d.para(span{string(n.State) + ": ", bold | nudStyle(n.State)}, words.Say(key), plain)
		}
		if n.Asked != nil {
			d.heading(say("neighbour.asked"))
			d.para(span{"  ", plain}, last, plain)
		}
		if len(n.History) > 0 {
			d.heading(say("neighbour.history"))
			for _, t := range n.History {
				state := string(t.State)
				if state == "" {
					state = say("gone")
				}
				d.line(span{"  " + clock(t.At) + "  ", dim}, span{state, nudStyle(t.State)})
			}
		}
		return d
	}
}

func neighbourText(n NeighbourRow) string {
	mac := ""
	if n.MAC != (diag.MAC{}) {
		mac = "lladdr " + n.MAC.String()
	}
	return joinNonEmpty(" ", n.Address.String(), "dev", n.Interface, mac, routerWord(n.Role), string(n.State))
}

func routerWord(r Role) string {
	if r == RoleRouter {
		return "router"
	}
	return ""
}

func (x *neighbourScreen) copied(s *scene) string {
	if n := x.row(s, x.list.sel); n != nil {
		return neighbourText(*n)
	}
	return ""
}

func (x *neighbourScreen) seeks() bool { return x.filter.text != "" }

func (x *neighbourScreen) keys(*scene) []hotkey {
	return []hotkey{{"↑↓", "move"}, {"enter", "open"}, {"f", "follow"}, {"/", "filter"}, {"o", "sort"}}
}
