package ui

import (
	"fmt"
	"slices"

	"ndwhy/diag/words"
)

// help lists the keys of a screen, and those that hold everywhere; then the terms.
type help struct {
	terms  bool
	scroll scroll
	screen Screen
	own    []hotkey // of the screen, or of what was open over it
	play   bool     // over a recording
	lab    bool     // beside a lab
	under  overlay  // that was open, and is again after it
}

// globalKeys are the keys of every screen; those of what runs live are not there in a replay.
func (h *help) globalKeys() []hotkey {
	keys := slices.Clone(everywhere)
	if h.play {
		keys = append(keys, playKeys...)
	} else {
		keys = append(keys, hotkey{"space p", "freeze"}, hotkey{"e", "record"}, hotkey{"r R", "run-keys"}, hotkey{"S", "stop"}, hotkey{"a", "every"})
	}
	if h.lab {
		keys = append(keys, hotkey{"w", "pane"}, hotkey{"b", "toggle"})
	}
	return append(keys, hotkey{"? ?", "terms"}, hotkey{"ctrl+z", "suspend"}, hotkey{"q", "quit"}, hotkey{"Q", "quit-report"})
}

var everywhere = []hotkey{
	{fmt.Sprintf("1-%d", ScreenSwitch), "screens"},
	{"tab [ ]", "next-screen"},
	{"↑↓ jk", "move"},
	{"g G", "ends"},
	{"enter", "open"},
	{"esc", "back"},
	{"i", "interface"},
	{"y", "copy"},
	{"Y", "copy-menu"},
	{"s", "save"},
	{"x", "hide"},
}

func (h *help) draw(s *scene, r region) {
	d := newDoc(s.canvas, min(r.w-2, 100))
	if h.terms {
		drawTerms(d)
		h.scroll.draw(d, r.sub(1, 0, r.w-2, r.h))
		return
	}
	name := h.screen.name()
	d.line(span{say("tab." + name), bold})
	d.para(span{"", plain}, say("help."+name), plain)
	d.heading(say("help.keys"))
	for _, k := range h.own {
		d.para(span{"  " + pad(s.canvas, k.key, 9), bold | cyan}, describeKey(k), plain)
	}
	d.heading(say("help.everywhere"))
	for _, k := range h.globalKeys() {
		d.para(span{"  " + pad(s.canvas, k.key, 9), bold | cyan}, describeKey(k), plain)
	}
	d.heading(say("help.marks"))
	for _, m := range []struct {
		m    mark
		what string
	}{{markGood, "good"}, {markQuiet, "quiet"}, {markBad, "bad"}, {markPart, "part"}, {markUnknown, "unknown"}, {markSkipped, "skipped"}, {markWaiting, "waiting"}} {
		d.para(span{"  " + pad(s.canvas, m.m.s, 9), m.m.st}, say("help.mark."+m.what), plain)
	}
	h.scroll.draw(d, r.sub(1, 0, r.w-2, r.h))
}

// drawTerms explains the terms, one after another.
func drawTerms(d *doc) {
	d.line(span{say("help.terms"), bold})
	for _, term := range words.Terms() {
		d.gap()
		d.line(span{term, bold | cyan})
		d.para(span{"  ", plain}, words.Say("term."+term), plain)
	}
}

// describeKey says in full what a key does; where the footer's word says it all, that.
func describeKey(k hotkey) string {
	if words.Has("ui.help.key." + k.what) {
		return say("help.key." + k.what)
	}
	return say("key." + k.what)
}

func pad(c *canvas, text string, w int) string { return text + blank(max(w-c.width(text), 1)) }

func (h *help) key(_ *scene, key string) (action, bool) {
	if h.scroll.key(key) {
		return nil, false
	}
	if act, ok := h.scroll.search(key); ok {
		return act, false
	}
	if key == "?" && !h.terms {
		h.terms, h.scroll = true, scroll{}
		return nil, false
	}
	switch key {
	case "esc", "?", "enter", "q":
		return open{h.under}, true
	default:
		return unused(key), false
	}
}

func (h *help) copied(*scene) string { return "" }

func (h *help) keys(*scene) []hotkey {
	keys := []hotkey{{"esc", "back"}, {"↑↓", "scroll"}, {"/", "find"}}
	if !h.terms {
		keys = append(keys, hotkey{"?", "terms"})
	}
	return keys
}
