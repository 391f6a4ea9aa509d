package report

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"ndwhy/diag"
)

// Short has short names, by the full one, of addresses that stand in full on the same page: "…c7f4".
type Short map[string]string

// address matches what may be an IPv6 address inside a sentence.
var address = regexp.MustCompile(`[0-9A-Fa-f:]*:[0-9A-Fa-f:]*[0-9A-Fa-f]`)

// shortest is the length up to which an address needs no short name.
const shortest = 12

// longest is the length up to which the end of an address is a name: beyond, it is the identifier that a host has in every
// prefix, and what tells its addresses apart is how they begin.
const longest = 14

// telling is the length from which an end is a name: "…1" says nothing to anybody.
const telling = 4

// Shorten gives each address that is shown the shortest end, in whole groups, that no other of them and of all has; where
// that is long, its shortest beginning and its last group, if no other has those.
func Shorten(shown, all []string) Short {
	names := Short{}
	// Those that end most alike stand side by side.
	all = slices.Concat(shown, all)
	diag.SortFunc(all, backwards)
	all = slices.Compact(all)
	for _, addr := range shown {
		if len(addr) <= shortest {
			continue
		}
		at, _ := slices.BinarySearchFunc(all, addr, backwards)
		alike := 0
		for _, beside := range slices.Concat(all[max(at-1, 0):at], all[at+1:min(at+2, len(all))]) {
			alike = max(alike, sameEnd(addr, beside))
		}
		end := ending(addr, alike)
		names[addr] = "…" + end
		if len(end) <= longest {
			continue
		}
		if both := ends(all, at); both != "" && len(both) < len(names[addr]) {
			names[addr] = both
		}
	}
	return names
}

// alikeMost is how many may have the same last group: among more no name is looked for.
const alikeMost = 64

// ends is the shortest beginning of all[at], in whole groups, that with its last group no other of all has, which stand
// in the order of their ends; empty: there is none.
func ends(all []string, at int) string {
	addr := all[at]
	colon := strings.LastIndexByte(addr, ':')
	if colon < 0 {
		return "" // masked, or no address
	}
	last := addr[colon:]
	from, to := at, at+1
	for ; from > 0 && strings.HasSuffix(all[from-1], last); from-- {
		if at-from == alikeMost {
			return ""
		}
	}
	for ; to < len(all) && strings.HasSuffix(all[to], last); to++ {
		if to-at == alikeMost {
			return ""
		}
	}
	others := slices.Concat(all[from:at], all[at+1:to])
	for i := 1; i < len(addr)-len(last); i++ {
		if addr[i] != ':' || addr[i-1] == ':' {
			continue
		}
		if !slices.ContainsFunc(others, func(x string) bool { return strings.HasPrefix(x, addr[:i+1]) }) {
			return addr[:i+1] + "…" + last[1:]
		}
	}
	return ""
}

// backwards compares two texts from their ends.
func backwards(a, b string) int {
	same := sameEnd(a, b)
	if same == len(a) || same == len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return cmp.Compare(a[len(a)-1-same], b[len(b)-1-same])
}

// sameEnd is how many bytes of their ends two texts have in common.
func sameEnd(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// ending is the shortest end of an address, in whole groups, that with the colon before it is longer than what others
// have in common with it.
func ending(addr string, alike int) string {
	for i := len(addr) - 1; i > 0; i-- {
		if addr[i-1] == ':' && addr[i] != ':' && len(addr)-i+1 > alike && len(addr)-i >= telling {
			return addr[i:]
		}
	}
	return addr
}

// Addresses are the addresses of a sentence.
func Addresses(text string) (list []string) {
	for _, word := range address.FindAllString(text, -1) {
		if _, err := netip.ParseAddr(word); err == nil {
			list = append(list, word)
		}
	}
	return list
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
