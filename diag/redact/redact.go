// Package redact hides addresses in text that is to be given away.
package redact

import (
	"fmt"
	"net/netip"
	"strings"

	"ndwhy/diag"
)

// A Redactor hides addresses: the same address is the same mask wherever it stands, for as long as
// the program runs, so that a picture or a copied finding can be given away and still be followed.
// The zero Redactor shows everything.
type Redactor struct {
	On    bool
	masks map[string]string
	count map[string]int
}

// wellKnown are addresses that say nothing about the network they are used in.
var wellKnown = map[netip.Addr]bool{
	netip.IPv6Unspecified(): true, netip.IPv6Loopback(): true, diag.AllNodes: true, diag.AllRouters: true,
	netip.MustParseAddr("ff02::16"): true, netip.MustParseAddr("ff02::1:2"): true, diag.VPCRouter: true,
	netip.MustParseAddr("fd00:ec2::254"): true, netip.MustParseAddr("fd00:ec2::253"): true,
	netip.MustParseAddr("fd00:ec2::123"): true,
}

// Text returns text with its addresses hidden, and the names of the infrastructure that an address
// can be found by. It may hold control sequences, or be JSON.
func (d *Redactor) Text(text string) string {
	if !d.On || !strings.ContainsAny(text, ":-") {
		return text
	}
	var b strings.Builder
	owed := 0 // how much shorter the line has become: in a table what follows stays in its column
	for i := 0; i < len(text); {
		n := sequence(text[i:])
		switch {
		case n > 0:
			b.WriteString(text[i : i+n])
		case strings.HasPrefix(text[i:], "  "):
			b.WriteString(strings.Repeat(" ", max(owed, 0)+1))
			n, owed = 1, 0
		default:
			if n = token(text[i:]); n > 0 {
				word := d.token(text[i : i+n])
				b.WriteString(word)
				owed += n - len(word)
				break
			}
			n = escape(text[i:])
			b.WriteString(text[i : i+n])
			if text[i] == '\n' {
				owed = 0
			}
		}
		i += n
	}
	return b.String()
}

// sequence returns the length of the control sequence at the start of text (ECMA-48 5.4); 0: none.
func sequence(text string) int {
	if !strings.HasPrefix(text, "\x1b[") {
		return 0
	}
	end := strings.IndexFunc(text[2:], func(r rune) bool { return r >= 0x40 && r <= 0x7e })
	if end < 0 {
		return len(text)
	}
	return end + 3
}

// escape returns the length of the byte, or the escaped character (RFC 8259 §7), at the start of
// text: what follows a \n is no part of a word with its n.
func escape(text string) int {
	switch {
	case text[0] != '\\' || len(text) < 2:
		return 1
	case text[1] == 'u':
		return min(len(text), len(`\u0000`))
	default:
		return 2
	}
}

// token returns the length of the word at the start of text that may be an address or an
// infrastructure's name; 0: none.
func token(text string) int {
	n := 0
	for n < len(text) && (text[n] == ':' || text[n] == '.' || text[n] == '-' || text[n] == '_' || isAlnum(text[n])) {
		n++
	}
	return n
}

func isAlnum(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

func (d *Redactor) token(word string) string {
	core := strings.TrimRight(word, ".-_")
	if strings.HasSuffix(core, ":") && !strings.HasSuffix(core, "::") {
		core = strings.TrimSuffix(core, ":")
	}
	rest := word[len(core):]
	if m, err := diag.ParseMAC(core); err == nil {
		if m[0] == 0x33 && m[1] == 0x33 {
			return d.mask("mac-group", core) + rest
		}
		return d.mask("mac", core) + rest
	}
	for _, prefix := range [...]string{"eni-", "subnet-", "vpc-", "i-"} {
		if id, ok := strings.CutPrefix(core, prefix); ok && len(id) >= 8 && strings.Trim(id, "0123456789abcdef") == "" {
			return d.mask(strings.TrimSuffix(prefix, "-"), core) + rest
		}
	}
	if strings.Count(core, ":") < 2 {
		return word
	}
	a, err := netip.ParseAddr(core)
	if err != nil || wellKnown[a] {
		return word
	}
	return d.mask(kindOf(a), a.String()) + rest
}

// kindOf names the kind of an address in its mask.
func kindOf(a netip.Addr) string {
	switch diag.ScopeOf(a) {
	case diag.MulticastScope:
		return "group"
	case diag.LinkLocalScope:
		return "link-local"
	case diag.ULAScope:
		return "ula"
	default:
		return "global"
	}
}

func (d *Redactor) mask(kind, text string) string {
	if m, ok := d.masks[text]; ok {
		return m
	}
	if d.masks == nil {
		d.masks, d.count = map[string]string{}, map[string]int{}
	}
	d.count[kind]++
	m := fmt.Sprintf("%s-%d", kind, d.count[kind])
	d.masks[text] = m
	return m
}
