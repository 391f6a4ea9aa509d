package ui

import (
	"net/netip"
	"slices"
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

// open is what the keys do that all screens with a filter share: type one, its inverse, or end it. It
// reports whether the key was one.
func (f *filter) open(key string) (action, bool) {
	switch key {
	case "!":
		if f.text == "" {
			f.text = "!"
		}
	case "/":
	case "esc":
		f.text = ""
		return nil, true
	default:
		return nil, false
	}
	return filterOn{f}, true
}

// keys is open, and with a filter the keys to the next row that passes it and to the one before.
func (f *filter) keys(l *list, key string) (action, bool) {
	if f.text != "" {
		switch key {
		case "n":
			return nil, l.key("down")
		case "N":
			return nil, l.key("up")
		}
	}
	return f.open(key)
}

// count says in a heading how many rows pass; nil: all do.
func (f *filter) count(n int) []span {
	if f.text == "" {
		return nil
	}
	return []span{{say("filter.on", "filter", f.text, "n", n) + "      ", cyan | bold}}
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

// wanted returns what a filter looks for, lower case, the prefix if it is one, and whether it is turned
// round.
func wanted(filter string) (text string, prefix netip.Prefix, inverse bool) {
	text, inverse = strings.CutPrefix(strings.TrimSpace(filter), "!")
	text = strings.ToLower(strings.TrimSpace(text))
	prefix, _ = netip.ParsePrefix(text)
	return text, prefix.Masked(), inverse
}

// matches reports whether a row's text passes: it has the text, or an address in the prefix.
func (f *filter) matches(text string) bool {
	want, prefix, inverse := wanted(f.text)
	if !prefix.IsValid() {
		return want == "" || strings.Contains(strings.ToLower(text), want) != inverse
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef:.", r) })
	return slices.ContainsFunc(words, func(word string) bool {
		a, err := netip.ParseAddr(word)
		if err != nil { // the end of a sentence
			a, err = netip.ParseAddr(strings.TrimRight(word, ":."))
		}
		return err == nil && prefix.Contains(a)
	}) != inverse
}
