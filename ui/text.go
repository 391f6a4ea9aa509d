package ui

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// say returns the text of a key of the screens' part of the catalogue.
func say(key string, args ...any) string { return words.Say("ui."+key, args...) }

// A span is a piece of text in one style.
type span struct {
	text string
	st   style
}

// A doc is text laid out in lines of a width, for pagers and dialogs.
type doc struct {
	c     *canvas
	w     int
	lines [][]span
	short report.Short // names for addresses in paragraphs that stand in full elsewhere
	ways  []int        // the lines at which the ways to put something right begin
}

func newDoc(c *canvas, w int) *doc { return &doc{c: c, w: max(w, 1)} }

// gap adds an empty line, but never two in a row and never one at the top.
func (d *doc) gap() {
	if n := len(d.lines); n > 0 && len(d.lines[n-1]) > 0 {
		d.lines = append(d.lines, nil)
	}
}

// line adds pieces of text as one line; what is too long is shortened.
func (d *doc) line(pieces ...span) { d.lines = append(d.lines, d.fitted(pieces, d.w)) }

// fitted shortens pieces of text to w columns together.
func (d *doc) fitted(pieces []span, w int) []span {
	var line []span
	for _, p := range pieces {
		if w <= 0 {
			break
		}
		p.text = d.c.fit(p.text, w)
		w -= d.c.width(p.text)
		line = append(line, p)
	}
	return line
}

// heading adds a bold line with a gap above.
func (d *doc) heading(text string) {
	d.gap()
	d.line(span{text, bold})
}

// para adds text wrapped to the width: the first line behind first, the others behind as many
// blanks. Words are never broken unless one alone is too long for a line.
func (d *doc) para(first span, text string, st style) {
	hang := strings.Repeat(" ", d.c.width(first.text))
	lead := first
	if d.short != nil {
		text = d.short.In(d.c.mask(text))
	}
	for _, line := range wrap(d.c, text, d.w-len(hang)) {
		d.line(lead, span{line, st})
		lead = span{hang, plain}
	}
}

// name is the short name of an address, or the address.
func (d *doc) name(addr string) string {
	addr = d.c.mask(addr)
	return cmp.Or(d.short[addr], addr)
}

// fix adds what would help: a shell command, or a sentence.
func (d *doc) fix(text string) {
	if why.IsCommand(text) {
		d.command(text)
		return
	}
	d.para(span{"  ", plain}, text, plain)
}

// command adds a shell command; continued lines end in a backslash, so that what is copied off the
// screen still runs. A word that is too long for the indentation goes without.
func (d *doc) command(text string) {
	const tail = " \\"
	lead, hang := "  $ ", "      "
	room := d.w - len(hang) - len(tail)
	var lines []string
	line := ""
	for _, word := range shellWords(d.c.mask(text), room) {
		if line != "" && d.c.width(line)+1+d.c.width(word) > room {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	lines = append(lines, line)
	for i, line := range lines {
		after := tail
		if i == len(lines)-1 {
			after = ""
		}
		if over := d.c.width(line) - room; over > 0 {
			lead = lead[:max(0, len(lead)-over)]
		}
		for i, part := range wrap(d.c, line+after, d.w-len(lead)) {
			if i > 0 {
				lead = ""
			}
			d.lines = append(d.lines, append([]span{{lead, dim}}, marked(part)...))
		}
		lead = hang
	}
}

// shellWords parts a command where a line may end: nothing in quotes, unless it is longer than room and for nft, which takes
// what it is told in any number of words.
func shellWords(command string, room int) []string {
	var list []string
	nft, last := false, ""
	for word := range strings.FieldsSeq(command) {
		if strings.Count(last, "'")%2 == 1 {
			switch {
			case nft && len(last)+1+len(word) > room:
				list[len(list)-1] += "'"
				word = "'" + word
			default:
				list[len(list)-1] += " " + word
				last = list[len(list)-1]
				continue
			}
		}
		if last == "&&" || last == "sudo" {
			nft = false
		}
		nft = nft || word == "nft"
		list, last = append(list, word), word
	}
	return list
}

// marked is a command in which what the reader has to fill in stands out.
func marked(command string) []span {
	var spans []span
	at := 0
	for _, b := range why.Blanks(command) {
		spans = append(spans, span{command[at:b[0]], cyan}, span{command[b[0]:b[1]], yellow | bold})
		at = b[1]
	}
	return append(spans, span{command[at:], cyan})
}

// preview shows the beginning, and says so where that is not all.
func (d *doc) preview(r region) {
	d.draw(r, 0)
	if len(d.lines) <= r.h || r.h <= 0 {
		return
	}
	last := d.fitted(d.lines[r.h-1], r.w-2)
	r.sub(0, r.h-1, r.w, 1).clear()
	x := r.spans(0, r.h-1, last...)
	if n := len(last); n == 0 || !strings.HasSuffix(last[n-1].text, "…") {
		r.put(x, r.h-1, " …", dim)
	}
}

// draw shows the lines from top on.
func (d *doc) draw(r region, top int) {
	for y := range r.h {
		if top+y < len(d.lines) {
			r.spans(0, y, d.lines[top+y]...)
		}
	}
}

// find returns the lines that have what is looked for; none where nothing is.
func (d *doc) find(f *filter) []int {
	var hits []int
	for i := range d.lines {
		if f.text != "" && f.matches(d.text(i)) {
			hits = append(hits, i)
		}
	}
	return hits
}

func (d *doc) text(line int) string {
	var b strings.Builder
	for _, p := range d.lines[line] {
		b.WriteString(p.text)
	}
	return b.String()
}

// place is where in a line what is looked for stands, and how wide it is: of a prefix, and of what is not to be there,
// the whole line.
func (d *doc) place(line int, f *filter) (x, w int) {
	text := d.text(line)
	lower := strings.ToLower(text)
	want, _, inverse := wanted(f.text)
	at := strings.Index(lower, want)
	if at < 0 || inverse || len(lower) != len(text) {
		return 0, d.c.width(text)
	}
	return d.c.width(text[:at]), d.c.width(text[at : at+len(want)])
}

// wrap breaks text at blanks into lines of at most w columns. The mask is applied first, so that
// what is hidden is measured as it will be shown.
func wrap(c *canvas, text string, w int) []string {
	w = max(w, 1)
	var lines []string
	for paragraph := range strings.SplitSeq(c.mask(text), "\n") {
		line, used := "", 0
		for word := range strings.SplitSeq(paragraph, " ") {
			n := c.width(word)
			if n == 0 {
				continue
			}
			if used > 0 && used+1+n > w {
				lines = append(lines, line)
				line, used = "", 0
			}
			if used > 0 {
				line, used = line+" ", used+1
			}
			if n > w {
				word = c.fitWord(word, w)
				n = c.width(word)
			}
			for n > w { // a path or a line of hexadecimal
				cut := max(len(c.cut(word, w)), 1)
				if at := strings.LastIndexAny(word[:cut], "=,"); at > 0 { // before an address, not within
					cut = at + 1
				}
				lines = append(lines, word[:cut])
				word = word[cut:]
				n = c.width(word)
			}
			line, used = line+word, used+n
		}
		lines = append(lines, line)
	}
	return lines
}

// cut returns the longest beginning of text that fits in w columns.
func (c *canvas) cut(text string, w int) string {
	end, used := 0, 0
	for i, r := range text {
		n := c.width(string(r))
		if used+n > w {
			return text[:end]
		}
		used += n
		end = i + len(string(r))
	}
	return text
}

// fit returns text in at most w columns; what is cut off is marked. Addresses keep their last four
// groups, which tell the hosts of a subnet apart: where a text is too long its addresses are
// shortened first, and then words are left away at the end, but no address is cut.
func (c *canvas) fit(text string, w int) string {
	text = c.mask(text)
	if w <= 0 {
		return ""
	}
	if c.width(text) <= w {
		return text
	}
	if name := c.twin(text, w); name != "" {
		return name
	}
	if head, tail, ok := lastGroups(text); ok {
		head = head[:max(0, min(w-1-len(tail), len(head)))]
		return head[:strings.LastIndexByte(head, ':')+1] + "…" + tail
	}
	if text = c.shorten(text); c.width(text) <= w {
		return text
	}
	begin := c.cut(text, w-1)
	at := strings.LastIndexByte(begin, ' ')
	word, _, _ := strings.Cut(text[at+1:], " ")
	address := strings.Count(word, ":") > 1
	switch {
	case !address && strings.IndexByte(" ,.;:", text[len(begin)]) >= 0: // a whole word
	case at > 0 && (address || c.width(begin[at:]) < 12):
		return strings.TrimRight(begin[:at], " ") + " …"
	case address:
		return "…"
	}
	return begin + "…"
}

// know has addresses told apart that end in the same four groups.
func (c *canvas) know(addrs []string) {
	ends := map[string][]string{}
	for _, addr := range addrs {
		if _, tail, ok := lastGroups(addr); ok && !slices.Contains(ends[tail], addr) {
			ends[tail] = append(ends[tail], addr)
		}
	}
	clear(c.twins)
	for _, list := range ends {
		if len(list) > 1 {
			maps.Copy(c.twins, report.Shorten(list, nil))
		}
	}
}

// twin is the name in at most w columns of an address, with what follows it, that others end as; empty: it is none.
func (c *canvas) twin(text string, w int) string {
	addr, prefix, some := strings.Cut(text, "/")
	name := c.twins[addr]
	if name == "" {
		return ""
	}
	if some {
		name += "/" + prefix
	}
	for c.width(name) > w {
		_, rest, more := strings.Cut(strings.TrimPrefix(name, "…"), ":")
		if !more || strings.HasPrefix(rest, "…") {
			return ""
		}
		name = "…" + rest
	}
	return name
}

// ending is as many of the last groups of an address as fit in w columns, but one at least.
func (c *canvas) ending(addr string, w int) string {
	addr = c.mask(addr)
	if c.width(addr) <= w {
		return addr
	}
	for c.width(addr) >= w {
		_, rest, more := strings.Cut(addr, ":")
		if !more {
			break
		}
		addr = rest
	}
	return "…" + addr
}

// The columns of an address: in full at most, and with nothing but its last four groups.
const (
	longestAddress  = 39
	shortestAddress = 20
)

// shorten leaves nothing but their last four groups of the addresses in text: all look alike, line
// after line.
func (c *canvas) shorten(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		words[i] = c.fitWord(word, shortestAddress)
	}
	return strings.Join(words, " ")
}

// fitWord is fit for a word of a sentence: only an address is shortened, with what follows it kept.
func (c *canvas) fitWord(word string, w int) string {
	core := strings.TrimRight(word, ".,:;?!)")
	if len(core) <= shortestAddress {
		return word
	}
	if _, _, ok := lastGroups(core); !ok {
		return word
	}
	return c.fit(core, max(w-len(word)+len(core), shortestAddress)) + word[len(core):]
}

// lastGroups splits an address, with what follows it, before its last four groups.
func lastGroups(text string) (head, tail string, ok bool) {
	addr, _, _ := strings.Cut(text, "/")
	if a, err := netip.ParseAddr(addr); err != nil || !a.Is6() {
		return "", "", false
	}
	colons := 0
	for i := len(addr) - 1; i >= 0; i-- {
		if addr[i] != ':' {
			continue
		}
		if colons++; colons == 4 {
			return text[:i], text[i+1:], i > 0
		}
	}
	return "", "", false
}

// seconds writes a lifetime of s seconds for people: "1792 s", "2 h 10 min", "for ever".
func seconds(s int64) string {
	switch {
	case s == diag.Forever:
		return say("forever")
	case s < 7200:
		return fmt.Sprintf("%d\u00a0s", s)
	case s < 2*86400:
		return fmt.Sprintf("%d\u00a0h %02d\u00a0min", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%d\u00a0d %d\u00a0h", s/86400, s/3600%24)
	}
}

// age writes how long ago something was. It is coarse on purpose: a table whose ages all change
// every second cannot be read, and costs a write for each.
func age(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	switch {
	case s < 5:
		return say("age.now")
	case s < 60:
		return fmt.Sprintf("%d\u00a0s", s/5*5)
	case s < 3600:
		return fmt.Sprintf("%d\u00a0min", s/60)
	case s < 2*86400:
		return fmt.Sprintf("%d\u00a0h", s/3600)
	default:
		return fmt.Sprintf("%d\u00a0d", s/86400)
	}
}

// ago writes age as a phrase: "5 s ago".
func ago(d time.Duration) string {
	if d < 5*time.Second {
		return say("age.just")
	}
	return say("age.ago", "age", age(d))
}

// millis writes a round-trip time with the digits that mean something.
func millis(ms float64) string {
	switch {
	case ms < 10:
		return fmt.Sprintf("%.2f\u00a0ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f\u00a0ms", ms)
	default:
		return fmt.Sprintf("%.1f\u00a0s", ms/1000)
	}
}

// took writes how long something took.
func took(d time.Duration) string { return millis(float64(d) / float64(time.Millisecond)) }

// clock writes a moment as the wall clock in UTC, as evidence does.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// addr writes an address, or a dash where there is none.
func addr(a netip.Addr) string {
	if !a.IsValid() {
		return "–"
	}
	return a.String()
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
