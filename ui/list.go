package ui

import "slices"

// A list is a cursor in rows that may change under it: once it was moved, it follows the row it
// stands on by that row's ID. Before, it stays on the first row, whichever that is.
type list struct {
	moved    bool
	sel, top int
	id       string
	page     int // rows in sight when it was last drawn
	n        int // rows there were
}

// key moves the cursor and reports whether the key was one that does.
func (l *list) key(key string) bool {
	page := max(l.page, 1)
	switch key {
	case "up":
		l.sel--
	case "down":
		l.sel++
	case "pgup":
		l.sel -= page
	case "pgdown":
		l.sel += page
	case "home":
		l.sel = 0
	case "end":
		l.sel = l.n - 1
	default:
		return false
	}
	l.sel = max(0, min(l.sel, l.n-1))
	l.id, l.moved = "", key != "home"
	return true
}

// choose puts the cursor on a row.
func (l *list) choose(row int) { l.sel, l.id, l.moved = max(0, min(row, l.n-1)), "", true }

// follow fits the cursor to n rows of which page are in sight. id names row i; it may be nil.
func (l *list) follow(n, page int, id func(i int) string) {
	l.n, l.page = n, max(page, 1)
	if l.moved && id != nil && l.id != "" && (l.sel >= n || id(l.sel) != l.id) {
		for i := range n {
			if id(i) == l.id {
				l.sel = i
				break
			}
		}
	}
	l.sel = max(0, min(l.sel, n-1))
	if id != nil && n > 0 {
		l.id = id(l.sel)
	}
	if l.sel < l.top {
		l.top = l.sel
	}
	if l.sel >= l.top+l.page {
		l.top = l.sel - l.page + 1
	}
	l.top = max(0, min(l.top, n-l.page))
}

// scroll is the cursor of a pager: only the top line moves. Text in it can be found.
type scroll struct {
	top, n, page int
	find         filter
	found        string // what was looked for when the lines were last drawn
	hits         []int  // the lines that have it
}

// search is what the keys do with which text is found. It reports whether the key was one.
func (p *scroll) search(key string) (action, bool) {
	switch {
	case key == "/":
		return filterOn{&p.find}, true
	case p.find.text == "":
		return nil, false
	case key == "esc":
		p.find.text = ""
	case key == "n":
		p.jump(p.top + 1)
	case key == "N":
		for _, at := range slices.Backward(p.hits) {
			if at < p.top {
				p.jump(at)
				return nil, true
			}
		}
		p.jump(p.n)
	default:
		return nil, false
	}
	return nil, true
}

// jump goes to the first hit at or after a line; after the last comes the first.
func (p *scroll) jump(line int) {
	if len(p.hits) == 0 {
		return
	}
	i, _ := slices.BinarySearch(p.hits, line)
	p.top = p.hits[i%len(p.hits)]
	p.fit(p.n, p.page)
}

func (p *scroll) key(key string) bool {
	page := max(p.page-1, 1)
	switch key {
	case "up":
		p.top--
	case "down":
		p.top++
	case "pgup":
		p.top -= page
	case "pgdown":
		p.top += page
	case "home":
		p.top = 0
	case "end":
		p.top = p.n
	default:
		return false
	}
	p.fit(p.n, p.page)
	return true
}

func (p *scroll) fit(n, page int) {
	p.n, p.page = n, page
	p.top = max(0, min(p.top, n-page))
}
