package ui

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A filter is a line of text being typed: rows that show it stay, with a leading ! those that do
// not.
type filter struct {
	text   string
	before string // what esc goes back to
}

// key takes a key while the filter is typed and reports whether that is over.
func (f *filter) key(key, text string) (done bool) {
	switch key {
	case "enter":
		return true
	case "esc":
		f.text = f.before
		return true
	case "backspace":
		_, n := utf8.DecodeLastRuneInString(f.text)
		f.text = f.text[:len(f.text)-n]
	case "pgup": // ctrl+u, as in a shell
		f.text = ""
	default:
		f.insert(text)
	}
	return false
}

// insert adds what was typed or pasted; a filter is one short line.
func (f *filter) insert(text string) {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if len(f.text)+len(text) <= 64 {
		f.text += text
	}
}

// matches reports whether a row's text passes.
func (f *filter) matches(text string) bool {
	want, inverse := strings.CutPrefix(strings.TrimSpace(f.text), "!")
	want = strings.ToLower(strings.TrimSpace(want))
	return want == "" || strings.Contains(strings.ToLower(text), want) != inverse
}
