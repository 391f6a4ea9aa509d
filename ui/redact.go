package ui

import (
	"fmt"
	"net/netip"
	"strings"

	"ndwhy/diag"
)

// A redactor hides addresses: the same address is the same mask wherever it stands, for as long as
// the program runs, so that a picture or a copied finding can be given away and still be followed.
// The zero redactor shows everything.
type redactor struct {
	on    bool
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

// text returns text with its addresses hidden.
func (d *redactor) text(text string) string {
	if !d.on || !strings.ContainsAny(text, ":-") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		if n := sequence(text[i:]); n > 0 {
			b.WriteString(text[i : i+n])
			i += n
			continue
		}
		n := token(text[i:])
		if n == 0 {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString(d.token(text[i : i+n]))
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

func (d *redactor) token(word string) string {
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

func (d *redactor) mask(kind, text string) string {
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
