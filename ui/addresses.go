package ui

import (
	"cmp"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// addressScreen holds what is assigned against what is configured and what is answered.
type addressScreen struct {
	list   list
	filter filter
	order  order
}

var addressOrders = []orderBy[*AddressRow]{
	{"address", nil},
	{"worst", func(a, b *AddressRow) int { return cmp.Compare(addressEdge(b).mark.rank(), addressEdge(a).mark.rank()) }},
	{"valid", func(a, b *AddressRow) int { return cmp.Compare(a.ValidS, b.ValidS) }},
}

// rows returns the addresses that the filter lets through, in order.
func (x *addressScreen) rows(s *scene) []*AddressRow {
	var rows []*AddressRow
	for i := range s.Addresses {
		if a := &s.Addresses[i]; x.filter.text == "" || x.filter.matches(addressText(a)+" "+addressEdge(a).text) {
			rows = append(rows, a)
		}
	}
	sortRows(rows, x.order, addressOrders)
	return rows
}

// row returns the one under the cursor; nil: there is none.
func (x *addressScreen) row(s *scene) *AddressRow {
	if rows := x.rows(s); x.list.sel < len(rows) {
		return rows[x.list.sel]
	}
	return nil
}

func (x *addressScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedNetlink)
	foot := min(5, r.h/3)
	y := x.drawSources(s, r)
	columns := []column{
		{title: say("col.address"), width: 24, grow: 43},
		{title: say("col.assigned"), width: 10, grow: 16},
		{title: say("col.configured"), width: 10, drop: 1},
		{title: say("col.answered"), width: 10, grow: 12, drop: 1},
		{title: say("col.preferred"), width: 10, grow: 14, drop: 4},
		{title: say("col.valid"), width: 9, grow: 14, drop: 3},
		{title: say("col.origin"), width: 10, grow: 14, drop: 5},
		{title: say("col.flags"), width: 18, grow: 40, drop: 6},
	}
	rows := x.rows(s)
	g := grid{columns: s.perInterface(columns), list: &x.list, empty: s.noRows(&x.filter, len(s.Addresses), "addresses.empty", diag.FeedNetlink), row: func(i int) []span {
		return s.onInterface(rows[i].Interface, addressCells(rows[i]))
	}}
	table := r.sub(0, y, r.w, r.h-y-foot)
	g.draw(table, len(rows), func(i int) string { return rows[i].Interface + rows[i].Prefix.String() })
	table.right(0, 20, x.filter.count(len(rows))...)
	if foot > 1 && len(rows) > 0 {
		area := r.sub(0, r.h-foot, r.w, foot)
		area.rule(0, dim)
		addressDoc(s.canvas, area.w-2, rows[x.list.sel]).preview(area.sub(1, 1, area.w-2, area.h-1))
	}
}

// drawSources says who was asked what is assigned, and what they said.
func (x *addressScreen) drawSources(s *scene, r region) int {
	y := 0
	at := r.put(1, 0, say("assignment")+" ", dim)
	for _, a := range s.Report.Assignment {
		m := markGood
		switch a.State {
		case diag.MetadataNone:
			m = markQuiet
		case diag.MetadataUnreachable:
			m = markUnknown
		case diag.MetadataNotAsked:
			m = markSkipped
		}
		name := say("source." + string(a.Source))
		if at+2+r.width(name) > r.w {
			at, y = 1, y+1
		}
		at = r.spans(at, y, m.span(), span{" " + name + "  ", plain})
	}
	return y + 1
}

func addressCells(a *AddressRow) []span {
	text := a.Prefix.Addr().String()
	if !a.Prefix.IsSingleIP() {
		text = a.Prefix.String()
	}
	assigned := span{"? " + say("unknown"), yellow}
	switch a.Class {
	case diag.SourceAssigned:
		assigned = span{"✓ " + say("yes"), green}
	case diag.SourceUnassigned:
		assigned = a.faulty(say("no"))
	case diag.SourceCandidate:
		assigned = span{"– " + say("candidate"), dim}
	}
	configured := span{"✓ " + say("yes"), green}
	switch {
	case !a.Prefix.IsSingleIP():
		configured = span{"–", dim}
	case !a.Configured && a.Prefix.Addr().IsLinkLocalUnicast():
		configured = span{"○ " + say("no"), plain}
	case !a.Configured:
		configured = a.faulty(say("no"))
	}
	preferred, valid := span{"", plain}, span{"", plain}
	if a.Configured {
		preferred, valid = span{seconds(a.PreferredS), plain}, span{seconds(a.ValidS), plain}
		if a.PreferredS == 0 {
			preferred = span{say("deprecated"), yellow}
		}
	}
	origin := a.Origin
	if origin == "" && a.Configured {
		origin = "–"
	}
	return []span{{text, plain}, assigned, configured, answeredCell(a), preferred, valid, {origin, dim}, {strings.Join(a.Flags, " "), dim}}
}

// faulty is a word that is wrong where a problem is about the address, and right so where none is.
func (a *AddressRow) faulty(text string) span {
	if a.Problem == 0 {
		return span{markQuiet.s + " " + text, markQuiet.st}
	}
	return span{markBad.s + " " + text, markBad.st}
}

func answeredCell(a *AddressRow) span {
	switch {
	case a.Asked == 0:
		return span{"–", dim}
	case a.Answered > 0 && a.Wrong == 0:
		return span{"✓ " + say("n-of", "n", a.Answered, "of", a.Asked), green}
	case a.Wrong > 0:
		return span{"✗ " + say("n-of", "n", a.Answered, "of", a.Asked), red | bold}
	case a.Class == diag.SourceUnassigned:
		return span{"○ " + say("n-of", "n", 0, "of", a.Asked), plain}
	default:
		return span{"? " + say("n-of", "n", 0, "of", a.Asked), yellow}
	}
}

// addressDoc says about one address what its row means.
func addressDoc(c *canvas, w int, a *AddressRow) *doc {
	d := newDoc(c, w)
	d.line(span{a.Prefix.String(), bold}, span{"  " + a.Interface, dim})
	var sources []string
	for _, src := range a.Sources {
		sources = append(sources, say("source."+string(src)))
	}
	switch {
	case len(sources) > 0:
		d.para(span{"", plain}, say("address.because", "sources", strings.Join(sources, ", ")), plain)
	case a.Class == diag.SourceUnassigned:
		d.para(span{"", plain}, say("address.not-in"), plain)
	case a.Class == diag.SourceUnknown:
		d.para(span{"", plain}, say("address.nobody-said"), plain)
	}
	e := addressEdge(a)
	text := e.text
	if a.Configured && len(a.Flags) > 0 {
		text += " · " + strings.Join(a.Flags, " ")
	}
	d.para(span{e.mark.s + " ", e.mark.st}, text, plain)
	return d
}

func (x *addressScreen) key(s *scene, key string) (action, bool) {
	switch key {
	case "f":
		if row := x.row(s); row != nil {
			return follow{row.Prefix}, true
		}
		return nil, true
	case "r":
		return run{[]string{"source", "assignment"}}, true
	case "enter":
		at := x.row(s)
		if at == nil {
			return nil, true
		}
		row := *at
		report := &s.Report
		page := func(c *canvas, w int) *doc {
			d := addressDoc(c, w, &row)
			d.heading(say("address.asked"))
			for i := range report.Paths {
				if p := &report.Paths[i]; sourceText(p) == row.Prefix.Addr().String() && p.Interface == row.Interface {
					m := pathMark(p)
					d.para(span{"  " + m.s + " ", m.st}, pathText(p), plain)
				}
			}
			for i := range report.Findings {
				if f := &report.Findings[i]; f.Subject.Value == row.Prefix.Addr().String() {
					d.heading(say("why"))
					d.para(span{"  " + severityMark(f.Severity).s + " ", severityMark(f.Severity).st}, f.Says()+" "+f.Explanation, plain)
				}
			}
			return d
		}
		return open{&pager{page: page, plain: addressText(&row)}}, true
	}
	if x.list.key(key) {
		return nil, true
	}
	if act, ok := orderKey(&x.order, addressOrders, &x.list, key); ok {
		return act, true
	}
	return x.filter.keys(&x.list, key)
}

func addressText(a *AddressRow) string {
	return joinNonEmpty(" ", a.Prefix.String(), "dev", a.Interface, words.Say("class."+string(a.Class)), strings.Join(a.Flags, " "))
}

func (x *addressScreen) copied(s *scene) string {
	if row := x.row(s); row != nil {
		return addressText(row)
	}
	return ""
}

func (x *addressScreen) seeks() bool { return x.filter.text != "" }

func (x *addressScreen) keys(s *scene) []hotkey {
	keys := []hotkey{{"↑↓", "choose"}, {"enter", "open"}, {"f", "follow"}}
	if s.canAsk {
		keys = append(keys, hotkey{"r", "ask-sources"})
	}
	return append(keys, rowKeys...)
}
