package vt

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The states of the parser, after the DEC-compatible one of Paul Williams
// (https://vt100.net/emu/dec_ansi_parser), without the 8-bit controls.
type state uint8

const (
	ground state = iota
	escape
	escapeIntermediate
	csi
	str    // OSC, DCS, SOS, PM, APC
	strEsc // an ESC within one
	char   // within a UTF-8 sequence
)

// The most that a VT220 takes: 16 parameters of at most 9999 (EK-VT220-RM §4.1.2).
const maxParams, maxParam = 16, 9999

// maxString bounds a control string: a clipboard of 75,000 bytes, in base64.
const maxString = 100_000

// Write feeds the terminal. It never fails: what the dialect does not define is kept for Err.
func (s *Screen) Write(p []byte) (int, error) {
	for _, b := range p {
		s.bytes++
		s.step(b)
	}
	return len(p), nil
}

func (s *Screen) fault(format string, args ...any) {
	const kept = 20
	if len(s.errs) < kept {
		s.errs = append(s.errs, fmt.Errorf("%s, byte %d: %s", s.dialect.Name, s.bytes, fmt.Sprintf(format, args...)))
	}
}

func (s *Screen) step(b byte) {
	switch s.state {
	case str:
		s.inString(b)
		return
	case strEsc:
		s.state = ground
		if b == '\\' {
			s.endString()
			return
		}
		s.fault("a control string %q is broken off by ESC %q", s.seq, b)
		s.seq = s.seq[:0]
		s.step(b)
		return
	case char:
		s.inChar(b)
		return
	default:
	}
	if b == 0x1b {
		if s.state != ground {
			s.fault("ESC within the sequence %q", s.seq)
		}
		s.state, s.seq = escape, s.seq[:0]
		return
	}
	if b < 0x20 || b == 0x7f {
		if s.state != ground {
			s.fault("control character %#02x within the sequence %q", b, s.seq)
		}
		s.control(b)
		return
	}
	switch s.state {
	case escape:
		s.inEscape(b)
	case escapeIntermediate:
		s.seq = append(s.seq, b)
		if b >= 0x30 {
			s.state = ground
			s.escape(string(s.seq))
		}
	case csi:
		s.seq = append(s.seq, b)
		switch {
		case b > 0x7e:
			s.state = ground
			s.fault("byte %#02x within the sequence %q", b, s.seq)
		case b >= 0x40:
			s.state = ground
			s.csi(string(s.seq))
		case len(s.seq) > 256:
			s.state = ground
			s.fault("an endless sequence %q", s.seq)
		}
	default:
		s.text(b)
	}
}

func (s *Screen) inEscape(b byte) {
	switch {
	case b == '[':
		s.state = csi
	case strings.IndexByte("]PX^_", b) >= 0:
		s.state, s.seq = str, append(s.seq, b)
	case b >= 0x20 && b <= 0x2f:
		s.state, s.seq = escapeIntermediate, append(s.seq, b)
	default:
		s.state = ground
		s.escape(string(b))
	}
}

func (s *Screen) inString(b byte) {
	switch {
	case b == 0x1b:
		s.state = strEsc
	case b == 0x07 && s.seq[0] == ']':
		s.state = ground
		s.endString()
	case b < 0x20 || b == 0x7f || len(s.seq) > maxString:
		s.state = ground
		s.fault("byte %#02x within the control string %.40q", b, s.seq)
	default:
		s.seq = append(s.seq, b)
	}
}

func (s *Screen) text(b byte) {
	if b < 0x80 {
		s.print(rune(b))
		return
	}
	if !s.dialect.UTF8 {
		s.fault("byte %#02x: text beyond ASCII", b)
		s.print('?')
		return
	}
	s.state, s.seq = char, append(s.seq[:0], b)
	if utf8.FullRune(s.seq) {
		s.endChar()
	}
}

func (s *Screen) inChar(b byte) {
	if b < 0x80 || b >= 0xc0 {
		s.state = ground
		s.fault("a broken UTF-8 sequence % x", s.seq)
		s.step(b)
		return
	}
	s.seq = append(s.seq, b)
	if utf8.FullRune(s.seq) {
		s.endChar()
	}
}

func (s *Screen) endChar() {
	s.state = ground
	r, _ := utf8.DecodeRune(s.seq)
	switch {
	case r == utf8.RuneError:
		s.fault("not UTF-8: % x", s.seq)
	case r < 0xa0:
		s.fault("the C1 control U+%04X as text", r)
		return
	}
	s.print(r)
}

// control does a C0 control (EK-VT220-RM table 2-1). ENQ asks for the answerback, which nobody
// reads, and DC1 and DC3 are flow control: a program has no business with either.
func (s *Screen) control(b byte) {
	switch b {
	case 0x07: // BEL
	case 0x08:
		s.x, s.wrap = max(0, s.x-1), false
	case 0x09:
		s.tab()
	case 0x0a, 0x0b, 0x0c:
		s.index()
	case 0x0d:
		s.x, s.wrap = 0, false
	default:
		s.fault("control character %#02x", b)
	}
}

// escape does a sequence of ESC, intermediates and a final character.
func (s *Screen) escape(seq string) {
	switch seq {
	case "D":
		s.index()
	case "E":
		s.x, s.wrap = 0, false
		s.index()
	case "H":
		s.tabs[s.x] = true
	case "M":
		s.reverseIndex()
	case "7":
		s.saved = s.cursor
	case "8":
		s.cursor = s.saved
		s.x, s.y = min(s.x, s.width-1), min(s.y, s.height-1)
	case "=":
		s.keypad = true
	case ">":
		s.keypad = false
	case "c":
		s.reset()
	case "(B", ")B", "(A", ")A": // ASCII and the British set, which is ASCII but for the pound sign
	default:
		s.fault("ESC %q is not defined", seq)
	}
}

// params splits a control sequence: private marker, parameters, intermediates and final character
// in one key, "?h".
func (s *Screen) params(seq string) (key string, params []int) {
	final := seq[len(seq)-1:]
	body := seq[:len(seq)-1]
	marker := ""
	if body != "" && strings.ContainsRune("<=>?", rune(body[0])) {
		marker, body = body[:1], body[1:]
	}
	end := strings.IndexFunc(body, func(r rune) bool { return r < 0x30 })
	intermediates := ""
	if end >= 0 {
		body, intermediates = body[:end], body[end:]
	}
	if body != "" {
		for part := range strings.SplitSeq(body, ";") {
			n := -1
			if part != "" {
				v, err := strconv.Atoi(part)
				if err != nil || v > maxParam {
					s.fault("CSI %q: the parameter %q is none", seq, part)
					v = 0
				}
				n = v
			}
			params = append(params, n)
		}
	}
	if len(params) > maxParams {
		s.fault("CSI %q has more than %d parameters", seq, maxParams)
		params = params[:maxParams]
	}
	return marker + intermediates + final, params
}

// arg returns parameter i, or what stands for an absent or zero one.
func arg(params []int, i, otherwise int) int {
	if i < len(params) && params[i] > 0 {
		return params[i]
	}
	return otherwise
}

// csi does a control sequence (EK-VT220-RM chapter 4).
func (s *Screen) csi(seq string) {
	key, p := s.params(seq)
	n := arg(p, 0, 1)
	switch key {
	case "A":
		s.up(n)
	case "B":
		s.down(n)
	case "C":
		s.x, s.wrap = min(s.width-1, s.x+n), false
	case "D":
		s.x, s.wrap = max(0, s.x-n), false
	case "H", "f":
		s.goTo(arg(p, 1, 1)-1, arg(p, 0, 1)-1)
	case "@":
		s.insertCells(n)
	case "P":
		s.deleteCells(n)
	case "X":
		s.erase(s.y, s.x, s.x+n)
	case "L":
		s.insertLines(n)
	case "M":
		s.deleteLines(n)
	case "J":
		s.eraseDisplay(arg(p, 0, 0), seq)
	case "K":
		s.eraseLine(arg(p, 0, 0), seq)
	case "g":
		s.clearTabs(arg(p, 0, 0), seq)
	case "m":
		s.rendition(p, seq)
	case "r":
		s.setMargins(arg(p, 0, 1)-1, arg(p, 1, s.height)-1, seq)
	case "h", "l":
		for _, mode := range p {
			s.setMode(mode, key == "h", seq)
		}
	case "?h", "?l":
		for _, mode := range p {
			s.setPrivate(mode, key == "?h", seq)
		}
	case "!p": // DECSTR
		s.softReset()
	case "?$p":
		s.reportMode(arg(p, 0, 0), seq)
	default:
		if !s.dialect.Absolute || !s.absolute(key, n) {
			s.fault("CSI %q is not defined", seq)
		}
	}
}

func (s *Screen) absolute(key string, n int) bool {
	switch key {
	case "G", "`":
		s.x, s.wrap = min(s.width, n)-1, false
	case "d":
		s.y, s.wrap = min(s.height, n)-1, false
	case "S":
		s.scrollUp(s.top, s.bottom, n)
	case "T":
		s.scrollDown(s.top, s.bottom, n)
	default:
		return false
	}
	return true
}

func (s *Screen) endString() {
	seq := string(s.seq)
	s.seq = s.seq[:0]
	number, value, _ := strings.Cut(strings.TrimPrefix(seq, "]"), ";")
	switch {
	case seq[0] == ']' && number == "52" && s.dialect.Clipboard:
		_, s.clipboard, _ = strings.Cut(value, ";")
	case seq[0] == ']' && (number == "0" || number == "2") && s.dialect.Title:
		s.title = value
	default:
		s.fault("the control string %.40q is not defined", seq)
	}
}
