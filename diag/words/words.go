// Package words is the one catalogue of what people read: findings, explanations, details,
// headlines. A text is found by its key and filled in by named placeholders, {address}; codes,
// JSON keys and commands are never translated and do not stand here.
//
// Keys are grouped by a dotted prefix: cause.<id>.summary, check.<id>.title, detail.<key>,
// outcome.<outcome>, profile.<name>.name, verdict.<verdict>, headline.<key>, event.<key>.
package words

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// english is the catalogue, joined from the parts in this package's other files.
var english = join(general, cli, checks, running, details, events, causesNetwork, causesRouter, causesAddress, causesHost, causesLink, causesUnheard, causesDaily, causesFlood, causesSeen, causesStranger, screens, plainText, labText, replay, profiles, offers, causesOffers, html, listen, causesCaptured, causesBeyond, glossary, remedies, causesFar, acrossHosts, causesOwn, causesScope)

func join(parts ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, part := range parts {
		for key, text := range part {
			if _, twice := all[key]; twice {
				panic("words: key stands twice: " + key)
			}
			all[key] = text
		}
	}
	return all
}

// Say returns the text of a key with its placeholders filled in: args are names and values in
// turn, words.Say("detail.answered-for", "note", addr). Values are printed with fmt.Sprint and
// cleaned as by Clean; {n|packet|packets} is a number with what it
// counts. A key that is not in the catalogue is returned as it is, so that a
// missing text is seen; a placeholder without a value stays.
func Say(key string, args ...any) string {
	text, ok := english[key]
	if !ok {
		return Clean(key)
	}
	return Fill(text, args...)
}

// namesShown bounds a list inside a sentence.
const namesShown = 4

// List puts names into a sentence, the first few of many.
func List(names []string) string {
	if n := len(names) - namesShown; n > 1 {
		return Say("list.more", "list", strings.Join(names[:namesShown], ", "), "n", n)
	}
	return strings.Join(names, ", ")
}

// On says of which interface a sentence is, unless that says so itself.
func On(iface, sentence string) string {
	if iface == "" || slices.Contains(strings.FieldsFunc(sentence, func(r rune) bool { return strings.ContainsRune(" ,;:()", r) }), iface) {
		return sentence
	}
	return Say("on.interface", "interface", iface, "sentence", sentence)
}

// Fill is Say for a text that is at hand: a command of a remedy. Braces that are no placeholder of
// args stay as they are, and values are not looked into for placeholders.
func Fill(text string, args ...any) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		name, forms, counted := strings.Cut(name, "|")
		value, known := lookUp(name, args)
		if !closed || !known {
			b.WriteByte('{')
			text = rest
			continue
		}
		b.WriteString(Clean(value))
		if one, many, _ := strings.Cut(forms, "|"); counted && value == "1" {
			b.WriteString(" " + one)
		} else if counted {
			b.WriteString(" " + many)
		}
		text = after
	}
}

// lookUp returns the first value of a name.
func lookUp(name string, args []any) (string, bool) {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return fmt.Sprint(args[i+1]), true
		}
	}
	return "", false
}

// Has reports whether the catalogue has a key.
func Has(key string) bool {
	_, ok := english[key]
	return ok
}

// Detail is the sentence that refines the outcome of a question: one kind of question may have its own.
func Detail(asks, detail, note string) string {
	key := "detail." + asks + "." + detail
	if !Has(key) {
		key = "detail." + detail
	}
	return Say(key, "note", note)
}

// Capital is a text as a sentence begins.
func Capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// Clean makes text from elsewhere fit for a terminal and a log line: control and formatting
// characters (C0, C1, bidirectional overrides) and invalid UTF-8 become U+FFFD, so nothing that
// came from the network moves a cursor or hides what stands before it.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// Speaks reports whether a word is one of the catalogue's: in any text, or in a key, which names causes
// and checks.
func Speaks(word string) bool {
	return slices.Contains(vocabulary(), strings.ToLower(word))
}

var vocabulary = sync.OnceValue(func() []string {
	var list []string
	for key, text := range english {
		list = append(list, strings.FieldsFunc(strings.ToLower(key+" "+text), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-'
		})...)
	}
	slices.Sort(list)
	return slices.Compact(list)
})
