package lease

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ndwhy/diag"
)

// maxDepth is more than the three levels that a lease6 declaration has.
const maxDepth = 8

// A statement of dhclient's file: words, then either ";" or a block.
type statement struct {
	words []string
	block []statement
}

// parseDhclient reads the lease6 declarations of dhclient. Of one interface the last counts; if
// that one is released, none.
func parseDhclient(content string, _ time.Time) ([]diag.Lease, error) {
	s := scanner{text: content}
	statements, err := s.statements(0)
	if err != nil {
		return nil, err
	}
	var (
		leases []diag.Lease
		duid   string // of the whole file, for leases that do not name their own
	)
	for _, st := range statements {
		switch {
		case len(st.words) == 2 && st.words[0] == "default-duid":
			duid = hex.EncodeToString([]byte(st.words[1]))
		case len(st.words) == 1 && st.words[0] == "lease6":
			l, held := lease6(st.block)
			leases = slices.DeleteFunc(leases, func(o diag.Lease) bool { return o.Interface == l.Interface })
			if held {
				leases = append(leases, l)
			}
		}
	}
	for i := range leases {
		if leases[i].DUID == "" && len(duid) <= 2*maxDUID {
			leases[i].DUID = duid
		}
	}
	return leases, nil
}

// maxDUID is the longest DUID, its type included (RFC 8415 §11.1).
const maxDUID = 130

func lease6(block []statement) (l diag.Lease, held bool) {
	held = true
	for _, st := range block {
		w := st.words
		switch {
		case len(w) == 1 && w[0] == "released":
			held = false
		case len(w) == 2 && w[0] == "interface":
			l.Interface = w[1]
		case len(w) == 2 && (w[0] == "ia-na" || w[0] == "ia-pd"):
			if id := colonHex(w[1]); len(id) == 4 && (l.IAID == 0 || w[0] == "ia-na") {
				l.IAID = binary.BigEndian.Uint32(id)
			}
			for _, ia := range st.block {
				if a, ok := leaseAddress(ia); ok {
					l.Addresses = append(l.Addresses, a)
				}
			}
		case len(w) == 3 && w[0] == "option" && w[1] == "dhcp6.client-id":
			if id := colonHex(w[2]); len(id) <= maxDUID {
				l.DUID = hex.EncodeToString(id)
			}
		}
	}
	return l, held
}

// leaseAddress reads "iaaddr ADDRESS {…}" or "iaprefix PREFIX {…}".
func leaseAddress(st statement) (a diag.LeaseAddress, ok bool) {
	if len(st.words) != 2 {
		return a, false
	}
	switch st.words[0] {
	case "iaaddr":
		addr, err := netip.ParseAddr(st.words[1])
		if err != nil || !addr.Is6() {
			return a, false
		}
		a.Prefix = netip.PrefixFrom(addr, 128)
	case "iaprefix":
		p, err := netip.ParsePrefix(st.words[1])
		if err != nil {
			return a, false
		}
		a.Prefix = p.Masked()
	}
	if !assignable(a.Prefix) {
		return a, false
	}
	for _, life := range st.block {
		if len(life.words) != 2 {
			continue
		}
		n, known := seconds(life.words[1])
		if !known {
			return a, false
		}
		switch life.words[0] {
		case "starts":
			a.At = time.Unix(n, 0).UTC()
		case "preferred-life":
			a.PreferredS = n
		case "max-life":
			a.ValidS = n
		}
	}
	return a, !a.At.IsZero()
}

// colonHex reads bytes as dhclient prints them, without leading zeroes: "0:1:0:1:32:96". Anything
// else is nil.
func colonHex(s string) []byte {
	var id []byte
	for part := range strings.SplitSeq(s, ":") {
		b, err := strconv.ParseUint(part, 16, 8)
		if err != nil {
			return nil
		}
		id = append(id, byte(b))
	}
	return id
}

// A scanner takes dhclient's file apart (dhcp-eval(5), conflex.c).
type scanner struct {
	text string
	pos  int
}

var errCut = errors.New("it ends within a declaration")

// statements reads up to the end of the block, or of the file at depth 0. What follows the last
// whole declaration of the file was cut off while it was being written, and is left out.
func (s *scanner) statements(depth int) ([]statement, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("declarations nested deeper than %d", maxDepth)
	}
	var list []statement
	var st statement
	for {
		word, kind := s.next()
		switch {
		case kind == endOfFile && depth == 0:
			return list, nil
		case kind == endOfFile:
			return nil, errCut
		case kind == text:
			st.words = append(st.words, word)
			continue
		case word == "{":
			var err error
			st.block, err = s.statements(depth + 1)
			if depth == 0 && errors.Is(err, errCut) {
				return list, nil
			}
			if err != nil {
				return nil, err
			}
		case word == "}" && depth == 0:
			return nil, errors.New("a closing brace without an opening one")
		case word == "}":
			return list, nil
		}
		list = append(list, st)
		st = statement{}
	}
}

type kind int

const (
	endOfFile kind = iota
	text
	mark // one of {};
)

func (s *scanner) next() (string, kind) {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		case '#':
			end := strings.IndexByte(s.text[s.pos:], '\n')
			if end < 0 {
				s.pos = len(s.text)
			} else {
				s.pos += end
			}
		case '{', '}', ';':
			s.pos++
			return string(c), mark
		case '"':
			return s.quoted()
		default:
			start := s.pos
			for s.pos < len(s.text) && !strings.ContainsRune(" \t\r\n{};\"#", rune(s.text[s.pos])) {
				s.pos++
			}
			return s.text[start:s.pos], text
		}
	}
	return "", endOfFile
}

// quoted reads a string, in which a backslash stands before three octal digits or before the
// character itself.
func (s *scanner) quoted() (string, kind) {
	var b strings.Builder
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; c {
		case '"':
			s.pos++
			return b.String(), text
		case '\\':
			if rest := s.text[s.pos+1:]; len(rest) >= 3 {
				if n, err := strconv.ParseUint(rest[:3], 8, 8); err == nil {
					b.WriteByte(byte(n))
					s.pos += 3
					continue
				}
			}
			if s.pos++; s.pos < len(s.text) {
				b.WriteByte(s.text[s.pos])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", endOfFile
}
