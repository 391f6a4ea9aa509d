package term

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// A filter passes what a terminal understands, and drops or rewrites the rest. A sequence that a
// write breaks off is held until the next.
type filter struct {
	profile Profile
	held    []byte
	endless bool // held is what is left of a sequence that was too long
	// What the program left switched on, for ending without it.
	alt, hidden, paste, mouse bool
}

// maxSequence bounds what is held: the longest that passes is a clipboard of 75,000 bytes in base64,
// which is what terminals take.
const maxSequence = 100_000 + 64

// sequences are the control sequences, by private marker, intermediates and final character, with
// the level that they need. Missing here: the keyboard protocols, which a killed program would
// leave behind for the shell; colour and version queries, whose late answers are read as keys; tab stops, which the program does not
// use.
var sequences = map[string]Level{
	"A": Strict, "B": Strict, "C": Strict, "D": Strict, // CUU CUD CUF CUB
	"H": Strict, "f": Strict, // CUP HVP
	"J": Strict, "K": Strict, "X": Strict, // ED EL ECH
	"@": Strict, "P": Strict, "L": Strict, "M": Strict, // ICH DCH IL DL
	"r": Strict,                                    // DECSTBM
	"d": Xterm, "G": Xterm, "S": Xterm, "T": Xterm, // VPA CHA SU SD
	"?$p": Modern, // DECRQM, only of a mode that passes
}

// privateModes and modes are what may be set and reset: DECSET and SM.
var privateModes = map[int]Level{
	7: Strict, 25: Strict, // autowrap, cursor
	altScreen: Xterm, pasteMode: Xterm,
	2026: Modern, // synchronised output
}

// mouseModes are buttons, motion, and their reports in decimals.
var mouseModes = []int{1000, 1002, 1003, 1006}

var modes = map[int]Level{4: Strict} // insert

const (
	cursorMode = 25
	altScreen  = 1049
	pasteMode  = 2004
)

// escapes are the sequences without parameters.
var escapes = []string{"7", "8", "D", "E", "M"} // DECSC DECRC IND NEL RI

// clearScreen is what a terminal with one screen gets for leaving the second: what comes next
// begins on an empty screen.
const clearScreen = "\x1b[H\x1b[2J"

// pass appends to dst what may be written of p.
func (f *filter) pass(dst, p []byte) []byte {
	if len(f.held) > 0 {
		p = append(f.held, p...)
		f.held = nil
	}
	for len(p) > 0 {
		n, whole := length(p)
		if !whole {
			if len(p) > maxSequence {
				// Its end is still to be found, or the rest of it would be taken for text.
				f.endless = true
				p = append(p[:2:2], p[len(p)-1])
			}
			f.held = slices.Clone(p)
			return dst
		}
		if !f.endless && n <= maxSequence {
			dst = f.one(dst, p[:n])
		}
		f.endless = false
		p = p[n:]
	}
	return dst
}

// length returns how long the first sequence or character of p is, and whether it is whole. A
// sequence that is broken off by what cannot be in it ends there.
func length(p []byte) (n int, whole bool) {
	switch {
	case p[0] >= utf8.RuneSelf:
		if !utf8.FullRune(p) {
			return 0, false
		}
		_, n = utf8.DecodeRune(p)
		return n, true
	case p[0] != ansi.ESC:
		return 1, true
	case len(p) == 1:
		return 0, false
	}
	switch {
	case p[1] == '[':
		for i := 2; i < len(p); i++ {
			switch {
			case p[i] >= 0x40 && p[i] <= 0x7e:
				return i + 1, true
			case p[i] < 0x20 || p[i] > 0x7e:
				return i, true
			}
		}
		return 0, false
	case strings.IndexByte("]PX^_", p[1]) >= 0:
		for i := 2; i < len(p); i++ {
			switch p[i] {
			case ansi.BEL:
				return i + 1, true
			case ansi.ESC:
				if i+1 == len(p) {
					return 0, false
				}
				if p[i+1] == '\\' {
					return i + 2, true
				}
				return i, true
			}
		}
		return 0, false
	default:
		for i := 1; i < len(p); i++ {
			switch {
			case p[i] >= 0x30 && p[i] <= 0x7e:
				return i + 1, true
			case p[i] < 0x20 || p[i] > 0x7e:
				return i, true
			}
		}
		return 0, false
	}
}

// one appends a whole sequence or character, as far as the terminal understands it.
func (f *filter) one(dst, seq []byte) []byte {
	switch {
	case seq[0] >= utf8.RuneSelf:
		return f.char(dst, seq)
	case seq[0] != ansi.ESC:
		if seq[0] < ' ' && bytes.IndexByte([]byte("\b\t\n\r"), seq[0]) < 0 || seq[0] == ansi.DEL {
			return dst
		}
		return append(dst, seq[0])
	case len(seq) < 2:
		return dst
	case seq[1] == '[':
		return f.control(dst, seq)
	case seq[1] == ']':
		return f.command(dst, seq)
	case slices.Contains(escapes, string(seq[1:])):
		return append(dst, seq...)
	default:
		return dst
	}
}

// char appends a character beyond ASCII. None that moves a cursor or turns text around gets
// through, whoever put it there.
func (f *filter) char(dst, seq []byte) []byte {
	r, _ := utf8.DecodeRune(seq)
	switch {
	case unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
		return dst
	case !f.profile.ASCII && r != utf8.RuneError:
		return append(dst, seq...)
	}
	// One column for one column: the renderer counts on it.
	for range ansi.StringWidth(string(r)) {
		dst = append(dst, fallback(r))
	}
	return dst
}

// ASCII returns text in characters that every terminal has. It may take more columns.
func ASCII(text string) string {
	text = longFallbacks.Replace(text)
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return rune(fallback(r))
	}, text)
}

var longFallbacks = strings.NewReplacer("…", "...", "→", "->", "⟷", "<->", "≤", "<=", "≥", ">=", "§", "section ")

// fallback is the ASCII character that stands for r where there is no other.
func fallback(r rune) byte {
	switch {
	case r == '─' || r == '━' || r == '═' || r == '–' || r == '—' || r == '╌' || r == '┄':
		return '-'
	case r == '│' || r == '┃' || r == '║' || r == '╎' || r == '┆':
		return '|'
	case r >= '┌' && r <= '╋' || r >= '╒' && r <= '╰':
		return '+'
	case r == '→' || r == '▶' || r == '›':
		return '>'
	case r == '←' || r == '◀' || r == '‹':
		return '<'
	case r == '↑' || r == '▲':
		return '^'
	case r == '↓' || r == '▼':
		return 'v'
	case r == '…' || r == '·':
		return '.'
	case r == '’' || r == '‘':
		return '\''
	case r == '“' || r == '”':
		return '"'
	case r == '×':
		return 'x'
	case r == '•' || r == '●' || r == '■':
		return '*'
	default:
		return '?'
	}
}

// control appends a control sequence: ESC [ marker parameters intermediates final.
func (f *filter) control(dst, seq []byte) []byte {
	body := seq[2:]
	end := bytes.IndexFunc(body, func(r rune) bool { return r < 0x30 || r > 0x3f })
	if end < 0 {
		return dst // broken off
	}
	marker := 0
	for marker < end && body[marker] >= '<' {
		marker++
	}
	params := string(body[marker:end])
	key := string(body[:marker]) + string(body[end:])
	switch key {
	case "m":
		return f.rendition(dst, params)
	case "h", "l":
		return f.setModes(dst, "", params, key, modes)
	case "?h", "?l":
		return f.setModes(dst, "?", params, key[1:], privateModes)
	case "?$p":
		if mode, err := strconv.Atoi(params); err != nil || !f.knows(privateModes, mode) {
			return dst
		}
	}
	if need, ok := sequences[key]; !ok || f.profile.Level < need || !sound(strings.Split(params, ";")) {
		return dst
	}
	return append(dst, seq...)
}

// sound reports whether parameters are within what a VT220 takes: 16 numbers of at most 9999.
func sound(params []string) bool {
	for _, p := range params {
		if len(p) > 4 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return len(params) <= 16
}

func (f *filter) knows(table map[int]Level, mode int) bool {
	if slices.Contains(mouseModes, mode) {
		return f.profile.Mouse && f.profile.Level >= Xterm
	}
	need, ok := table[mode]
	return ok && f.profile.Level >= need
}

func (f *filter) setModes(dst []byte, marker, params, final string, table map[int]Level) []byte {
	var kept []string
	for param := range strings.SplitSeq(params, ";") {
		mode, err := strconv.Atoi(param)
		if err != nil {
			continue
		}
		if marker == "?" {
			dst = f.note(dst, mode, final == "h")
		}
		if f.knows(table, mode) {
			kept = append(kept, param)
		}
	}
	if kept == nil || !sound(kept) {
		return dst
	}
	return append(dst, "\x1b["+marker+strings.Join(kept, ";")+final...)
}

// note remembers what is switched on.
func (f *filter) note(dst []byte, mode int, on bool) []byte {
	switch mode {
	case cursorMode:
		f.hidden = !on
	case pasteMode:
		f.paste = on
	case 1002, 1003:
		f.mouse = on
	case altScreen:
		if f.alt && !on && f.profile.Level < Xterm {
			dst = append(dst, clearScreen...)
		}
		f.alt = on
	}
	return dst
}

// end returns what puts the terminal back as a shell expects it, wherever the program was; empty
// if nothing is left switched on.
func (f *filter) end() string {
	if !f.alt && !f.hidden && !f.paste && !f.mouse {
		return ""
	}
	s := "\x1b[m\x1b[4l\x1b[?7h"
	if f.profile.Level >= Modern {
		s += "\x1b[?2026l"
	}
	if f.paste && f.profile.Level >= Xterm {
		s += "\x1b[?2004l"
	}
	if f.mouse && f.profile.Mouse && f.profile.Level >= Xterm {
		s += "\x1b[?1002l\x1b[?1003l\x1b[?1006l"
	}
	if f.alt {
		s += "\x1b[r" + clearScreen
		if f.profile.Level >= Xterm {
			s += "\x1b[?1049l"
		}
	}
	f.alt, f.hidden, f.paste, f.mouse = false, false, false, false
	return s + "\x1b[?25h"
}

// rendition appends SGR with the parameters that the terminal understands.
func (f *filter) rendition(dst []byte, params string) []byte {
	var kept []string
	parts := strings.Split(params, ";")
	for i := 0; i < len(parts); i++ {
		first, sub, _ := strings.Cut(parts[i], ":")
		p, err := strconv.Atoi(first)
		if err != nil && first != "" {
			continue
		}
		n := 1
		if (p == 38 || p == 48 || p == 58) && sub == "" {
			n = colourParts(parts[i:])
		}
		if n > len(parts)-i {
			break // a colour that is not whole
		}
		switch {
		case n == 1 && (p == 38 || p == 48): // not whole, or in the form with colons
		case p == 4 && sub == "0":
			kept = append(kept, "24")
		case p == 4:
			kept = append(kept, "4") // a curly underline is an underline
		case f.shows(p):
			kept = append(kept, parts[i:i+n]...)
		}
		i += n - 1
	}
	if kept == nil || !sound(kept) {
		return dst
	}
	return append(dst, "\x1b["+strings.Join(kept, ";")+"m"...)
}

// colourParts returns how many parameters a colour in the form 38;5;n or 38;2;r;g;b takes.
func colourParts(parts []string) int {
	switch {
	case len(parts) > 1 && parts[1] == "5":
		return 3
	case len(parts) > 1 && parts[1] == "2":
		return 5
	default:
		return 1
	}
}

func (f *filter) shows(p int) bool {
	switch {
	case p == 0 || p == 1 || p == 5 || p == 7 || p == 22 || p == 24 || p == 25 || p == 27:
		return true
	case p == 2 || p == 3 || p == 9 || p == 23 || p == 29:
		return f.profile.Dim
	case p >= 30 && p <= 37 || p == 39 || p >= 40 && p <= 47 || p == 49 || p >= 90 && p <= 97 || p >= 100 && p <= 107:
		return f.profile.Color
	case p == 38 || p == 48:
		return f.profile.Color && f.profile.Level >= Xterm
	default:
		return false
	}
}

// command appends an operating system command: only what sets the clipboard passes.
func (f *filter) command(dst, seq []byte) []byte {
	if !f.profile.Clipboard || f.profile.Level < Xterm {
		return dst
	}
	body, ok := bytes.CutPrefix(seq, []byte("\x1b]52;"))
	if !ok {
		return dst
	}
	body, bel := bytes.CutSuffix(body, []byte{ansi.BEL})
	if !bel {
		if body, ok = bytes.CutSuffix(body, []byte("\x1b\\")); !ok {
			return dst // broken off
		}
	}
	which, data, ok := bytes.Cut(body, []byte(";"))
	base64 := func(r rune) bool {
		return r < 'A' && (r < '0' || r > '9') && r != '+' && r != '/' && r != '=' || r > 'Z' && r < 'a' || r > 'z'
	}
	if !ok || len(which) > 8 || bytes.IndexFunc(which, base64) >= 0 || bytes.IndexFunc(data, base64) >= 0 {
		return dst // a query has "?" there
	}
	return append(dst, seq...)
}
