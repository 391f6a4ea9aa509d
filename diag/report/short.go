package report

import (
	"regexp"
	"slices"
	"strings"
)

// Short has short names, by the full one, of addresses that stand in full on the same page: "…c7f4".
type Short map[string]string

// address matches what may be an IPv6 address inside a sentence.
var address = regexp.MustCompile(`[0-9A-Fa-f:]*:[0-9A-Fa-f:]*[0-9A-Fa-f]`)

// shortest is the length up to which an address needs no short name.
const shortest = 12

// Shorten gives each address that is shown the shortest end, in whole groups, that no other of them and of all has.
func Shorten(shown, all []string) Short {
	names := Short{}
	all = slices.Concat(shown, all)
	for _, addr := range shown {
		if len(addr) > shortest {
			names[addr] = "…" + ending(addr, all)
		}
	}
	return names
}

// ending is the shortest end of an address, in whole groups, that no other of the list has.
func ending(addr string, all []string) string {
	for i := len(addr) - 1; i > 0; i-- {
		if addr[i-1] != ':' {
			continue
		}
		if !slices.ContainsFunc(all, func(x string) bool { return x != addr && strings.HasSuffix(x, addr[i-1:]) }) {
			return addr[i:]
		}
	}
	return addr
}

// In shortens the addresses of a sentence.
func (s Short) In(text string) string {
	return address.ReplaceAllStringFunc(text, func(word string) string {
		if short := s[word]; short != "" {
			return short
		}
		return word
	})
}
