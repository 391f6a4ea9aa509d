// Package redact hides what identifies a network, its hosts and its users in text that is to be given
// away, and keeps what explains it: the same is hidden by the same mask everywhere, an address by an
// address, and addresses that share a prefix by masks that share one.
package redact

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// A Redactor hides, for as long as the program runs by the same masks, so that a picture or a copied
// finding can be followed beside the report. What was hidden once stays as it is if it comes again.
// The zero Redactor shows everything. It is not safe for concurrent use.
type Redactor struct {
	On bool

	masks  map[string]string // by what was hidden
	issued map[string]bool   // the masks
	count  map[string]int    // of masks, by kind
	names  []string          // that Learn was told

	// See addresses.go.
	sites, vendors, nets4 numbers
	subnets               map[uint16]*tree
	upper, lower          tree
}

// mostMasks bounds what is remembered of what arrives from outside.
const mostMasks = 1 << 16

// Text returns text with what identifies hidden. It may hold control sequences, or what stands
// between the quotes of JSON.
func (d *Redactor) Text(text string) string {
	if !d.On {
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
			// A longer mask takes of the spaces behind it all but two.
			if owed < 0 && strings.HasPrefix(text[i+2:], " ") {
				owed++
			} else {
				b.WriteString(strings.Repeat(" ", max(owed, 0)+1))
				owed = min(owed, 0)
			}
			n = 1
		default:
			if n = token(text[i:]); n > 0 {
				word := d.token(text[i:i+n], text[:i], text[i+n:])
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

// JSON is Text for the values of a JSON text, whose keys say nothing of a network.
func (d *Redactor) JSON(text string) string {
	if !d.On {
		return text
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, `"`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		end := 0
		for end < len(rest) && rest[end] != '"' {
			end += escape(rest[end:])
		}
		end = min(end, len(rest))
		value, after := rest[:end], strings.TrimPrefix(rest[end:], `"`)
		if !strings.HasPrefix(strings.TrimLeft(after, " \n\t"), ":") {
			value = d.Text(value)
		}
		b.WriteString(`"` + value + `"`)
		text = after
	}
}

// Learn tells names that are to be hidden: of hosts, and of domains with all that is below them. A name
// that is a word of the program's own is not, or no sentence could be read; Name hides it where it
// stands alone.
func (d *Redactor) Learn(names ...string) {
	for _, name := range names {
		first, _, _ := strings.Cut(name, ".")
		for _, n := range [...]string{name, first} {
			n = strings.ToLower(strings.TrimSuffix(n, "."))
			if n != "" && len(d.names) < mostNames && !slices.Contains(d.names, n) && !words.Speaks(n) {
				d.names = append(d.names, n)
			}
		}
	}
}

// mostNames bounds how many names are looked for in every word.
const mostNames = 64

// Name hides what is a name and nothing else.
func (d *Redactor) Name(name string) string {
	if !d.On || name == "" {
		return name
	}
	return d.mask("host", strings.ToLower(name))
}

// Names returns the names in a state that Learn is to be told.
func Names(s *diag.State) []string {
	names := []string{s.Run.Host}
	for _, r := range s.Routers {
		names = append(names, r.Last.DNSSL...)
	}
	for _, f := range s.Fars {
		names = append(names, Names(f.State)...)
	}
	return append(names, endpointHost(s.Metadata.Endpoint))
}

// endpointHost returns the name that a URL has where others have an address, which needs none; "" where
// that is what it has.
func endpointHost(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return ""
	}
	return u.Hostname()
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

// token returns the length of the word at the start of text that may be an address or a name; 0: none.
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

// token hides a word, if there is something to hide in it, that stands between before and after.
func (d *Redactor) token(word, before, after string) string {
	core := strings.TrimRight(word, ".-_")
	if strings.HasSuffix(core, ":") && !strings.HasSuffix(core, "::") {
		core = strings.TrimSuffix(core, ":")
	}
	rest := word[len(core):]
	if d.issued[core] {
		return word
	}
	if strings.HasSuffix(before, "/home/") || strings.HasSuffix(before, "/Users/") {
		return d.mask("user", core) + rest
	}
	if a, err := netip.ParseAddr(core); err == nil {
		return d.prefix(a, core, after) + rest
	}
	if ap, err := netip.ParseAddrPort(core); err == nil && ap.Addr().Is4() {
		return fmt.Sprintf("%s:%d", d.prefix(ap.Addr(), ap.Addr().String(), ""), ap.Port()) + rest
	}
	if hidden, ok := d.hardware(core); ok && !strings.HasSuffix(before, "/") { // a page of the catalogue's sources
		return hidden + rest
	}
	return d.name(core) + rest
}

// name hides what is no address.
func (d *Redactor) name(word string) string {
	lower := strings.ToLower(word)
	for _, n := range d.names {
		if lower == n || strings.Contains(n, ".") && strings.HasSuffix(lower, "."+n) {
			return d.mask("host", lower)
		}
	}
	label, domain, dotted := strings.Cut(lower, ".")
	if dotted && private(domain) || isAddressName(label) {
		return d.mask("host", lower)
	}
	kind, id, ok := strings.Cut(lower, "-")
	switch {
	case len(lower) == 36 && strings.Count(lower, "-") == 4 && isHex(strings.ReplaceAll(lower, "-", "")):
		return d.mask("uuid", lower)
	case !ok:
	case dotted && strings.Contains(id, ".") && kind == "i":
		// A host named by its instance: i-0123….eu-west-1.compute.internal is caught above, others are not.
		if id, _, _ := strings.Cut(id, "."); isID(id) {
			return d.mask("host", lower)
		}
	case isLetters(kind) && isID(id):
		return d.mask(kind, lower)
	}
	return word
}

// private reports whether a domain is one that an infrastructure or a site names its own hosts in.
func private(domain string) bool {
	if domain == "google.internal" {
		return false // metadata.google.internal is the same everywhere
	}
	for _, end := range [...]string{"internal", "local", "localdomain", "lan", "home.arpa", "amazonaws.com", "cloudapp.net", "cloudapp.azure.com"} {
		if domain == end || strings.HasSuffix(domain, "."+end) {
			return true
		}
	}
	return false
}

// isAddressName recognises a name that EC2 makes of an IPv4 address: ip-10-0-0-1.
func isAddressName(label string) bool {
	for _, start := range [...]string{"ip-", "ec2-"} {
		if text, ok := strings.CutPrefix(label, start); ok {
			a, err := netip.ParseAddr(strings.ReplaceAll(text, "-", "."))
			return err == nil && a.Is4()
		}
	}
	return false
}

// isID recognises what EC2 appends to the kind of a resource: eni-0123456789abcdef0, and the older
// form of eight digits.
func isID(id string) bool {
	return (len(id) == 8 || len(id) == 17) && isHex(id) && strings.ContainsAny(id, "0123456789")
}

func isHex(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }

func isLetters(text string) bool {
	return text != "" && len(text) <= 12 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}

// mask returns the mask of a text that is hidden by its kind and a number.
func (d *Redactor) mask(kind, text string) string {
	if m, ok := d.masks[text]; ok {
		return m
	}
	if d.count == nil {
		d.count = map[string]int{}
	}
	d.count[kind]++
	return d.keep(text, fmt.Sprintf("%s-%d", kind, d.count[kind]))
}

// keep remembers a mask.
func (d *Redactor) keep(text, mask string) string {
	if d.masks == nil {
		d.masks, d.issued = map[string]string{}, map[string]bool{}
	}
	if len(d.masks) < mostMasks {
		d.masks[text] = mask
		d.issued[mask] = true
	}
	return mask
}
