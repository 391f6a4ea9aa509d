package ui

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"ndwhy/diag/render"
)

// A copyable is something that can be copied: its key and name in the menu, and the text.
type copyable struct{ key, name, text string }

// copyMenu asks what is to be copied: what y takes, each way to put a finding right, the command line that asks it again,
// the screen, the report.
type copyMenu struct {
	list  list
	items []copyable
	under overlay // that was open, and is again after it
}

// copyOut is the action of copying a text.
type copyOut struct {
	text  string
	under overlay
}

// openCopyMenu opens the menu over what is open.
func (m *Model) openCopyMenu(s *scene) {
	menu := &copyMenu{under: m.overlay}
	add := func(name, text string) {
		if text = strings.TrimSpace(text); text != "" && !slices.ContainsFunc(menu.items, func(c copyable) bool { return c.text == text }) {
			menu.items = append(menu.items, copyable{name: name, text: text})
		}
	}
	var item *because
	switch at := m.overlay.(type) {
	case *pager:
		at.find(s)
		if at.id != "" {
			item = &at.item
		} else {
			add(say("copy.page"), at.plain)
		}
	case nil:
		if screen, ok := m.screens[m.screen].(*mapScreen); ok {
			if items := becauses(s); screen.list.sel < len(items) {
				item = &items[screen.list.sel]
			}
		} else {
			add(say("copy.row"), m.screens[m.screen].copied(s))
		}
	}
	if item != nil {
		for i, a := range item.ways {
			if n := len(menu.items); len(a.Do) > 0 {
				letter := string(rune('a' + i))
				if add(say("copy.fix", "letter", letter), strings.Join(a.Do, "\n")); n < len(menu.items) {
					menu.items[n].key = letter // as its page has it
				}
			}
		}
		add(say("copy.finding"), item.plain)
	}
	add(say("copy.headline"), s.headline())
	add(say("copy.again"), "ndwhy check -v -i "+s.iface)
	if item != nil && item.cause != "" {
		add(say("copy.explain"), "ndwhy explain "+item.cause)
	}
	add(say("copy.screen"), ansi.Strip(m.canvas.String(false)))
	var b strings.Builder
	if render.Markdown(&b, s.Report) == nil {
		add(say("copy.report"), b.String())
	}
	menu.letter()
	m.overlay = menu
}

// letters are the keys of the entries: those that move nothing.
const letters = "abcdefimnoprstuvwxz"

// letter gives a key to the entries that have none.
func (c *copyMenu) letter() {
	used := func(key string) bool {
		return slices.ContainsFunc(c.items, func(x copyable) bool { return x.key == key })
	}
	rest := letters
	for i := range c.items {
		for c.items[i].key == "" && rest != "" {
			if key := rest[:1]; !used(key) {
				c.items[i].key = key
			}
			rest = rest[1:]
		}
	}
}

func (c *copyMenu) draw(_ *scene, r region) {
	w := min(r.w, 84)
	h := min(len(c.items)+2, r.h)
	box := r.sub((r.w-w)/2, (r.h-h)/2, w, h).box(say("copy.title"), cyan)
	c.list.follow(len(c.items), box.h, func(i int) string { return c.items[i].text })
	names := 0
	for _, x := range c.items {
		names = max(names, box.width(x.name))
	}
	names = min(names, box.w/2)
	for y := 0; y < box.h && c.list.top+y < len(c.items); y++ {
		i := c.list.top + y
		box.clickable(0, y, box.w, spot{list: &c.list, row: i})
		pointer, st := " ", plain
		if i == c.list.sel {
			pointer, st = "▸", bold
		}
		x := box.spans(0, y, span{pointer, bold}, span{pad(box.c, c.items[i].key, 2), bold | cyan}, span{pad(box.c, box.c.fit(c.items[i].name, names), names+1), st})
		first, more, _ := strings.Cut(c.items[i].text, "\n")
		if more != "" {
			first += " …"
		}
		box.put(x+1, y, box.c.fit(strings.TrimSpace(first), box.w-x-1), dim)
	}
}

func (c *copyMenu) key(_ *scene, key string) (action, bool) {
	if c.list.key(key) {
		return nil, false
	}
	take := -1
	switch {
	case key == "enter":
		take = c.list.sel
	case len(key) == 1:
		take = slices.IndexFunc(c.items, func(x copyable) bool { return x.key == key })
	}
	switch {
	case take >= 0 && take < len(c.items):
		return copyOut{c.items[take].text, c.under}, true
	case key == "esc" || key == "q" || key == "Y":
		return open{c.under}, true
	default:
		return unused(key), false
	}
}

func (c *copyMenu) copied(*scene) string {
	if c.list.sel < len(c.items) {
		return c.items[c.list.sel].text
	}
	return ""
}

func (c *copyMenu) keys(*scene) []hotkey {
	return []hotkey{{"↑↓", "choose"}, {"enter", "copy"}, {"a-z", "copy-one"}, {"esc", "back"}}
}
