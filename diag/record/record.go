// Package record keeps a stream of events in a file and reads it back: JSON Lines, a header first
// and then one diag.Event a line. Whoever folds the events that Read yields has the State that the
// recording session had. It also writes neighbour discovery among
// them as a pcapng capture.
//
// What is read may come from anywhere, so reading bounds what it takes, never stops at a line that
// it does not understand, and lets no control character but tab and newline through.
package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"ndwhy/diag"
)

const (
	// Schema names the form that this package writes. Within a major number fields and kinds of
	// event are only added.
	Schema = "ndwhy.events/1"

	family  = "ndwhy.events/"
	major   = 1
	maxLine = 1 << 20
	// maxNotes bounds what Replay says about a recording that is mostly unreadable.
	maxNotes = 20
)

// Header is the first line of a recording.
type Header struct {
	Schema  string    `json:"schema"`
	Version string    `json:"version"` // of the program that recorded
	Started time.Time `json:"started"`
}

// A Writer writes a recording. It is not safe for concurrent use.
type Writer struct{ *outlet }

// NewWriter writes the header at once, so that a place that cannot be written to shows. version is
// that of the program. Where w is a Packer it is flushed with the Writer.
func NewWriter(w io.Writer, version string, started time.Time) (*Writer, error) {
	rec := &Writer{newOutlet("recording", w, started)}
	if err := rec.line(json.Marshal(Header{Schema, version, started.UTC()})); err != nil {
		return nil, err
	}
	return rec, rec.Flush()
}

// Write adds an event. What it holds is on its way to the file a quarter of a second of events
// later, with the next Tick, or after Flush.
func (w *Writer) Write(e diag.Event) error {
	if err := w.line(e.MarshalJSON()); err != nil {
		return err
	}
	return w.passed(e)
}

// line writes what was marshalled as a line, unless that failed.
func (w *Writer) line(b []byte, err error) error {
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	if len(b) > maxLine {
		return fmt.Errorf("recording: an event of %d bytes", len(b))
	}
	return w.put(append(b, '\n'))
}

// Read yields the events of a recording in order, and an error, with no event, for every line that
// gave none: it names the line and says what is wrong. Reading goes on after such an error. Events
// keep their numbers and times; one whose number is not higher than the one before it is an error,
// since evidence names events by number. Only what is told again after a gap is numbered anew, and so is
// all that comes after it.
func Read(r io.Reader) iter.Seq2[diag.Event, error] { return scan(r, true, maxLine) }

// Lines is Read of a stream that needs no header, what `ndwhy watch --json` prints, of lines of at most so many bytes.
func Lines(r io.Reader, most int) iter.Seq2[diag.Event, error] { return scan(r, false, most) }

func scan(r io.Reader, headed bool, most int) iter.Seq2[diag.Event, error] {
	return func(yield func(diag.Event, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		var number numbering
		for n := 1; ; n++ {
			line, whole, err := readLine(in, most)
			if len(line) == 0 && err == io.EOF { //nolint:errorlint // readLine returns io.EOF itself
				return
			}
			e, problem := diag.Event{}, error(nil)
			switch {
			case errors.As(err, new(longError)):
				problem = err
			case err != nil && err != io.EOF: //nolint:errorlint // as above
				yield(diag.Event{}, fmt.Errorf("line %d: %w: the rest is not read", n, err))
				return
			case len(bytes.TrimSpace(line)) == 0:
				continue
			case n == 1:
				var isHeader bool
				if isHeader, problem = header(line); isHeader && problem == nil {
					continue
				}
				if !isHeader {
					if headed && !yield(diag.Event{}, headerProblem{fmt.Errorf("line 1: no header with schema %q: perhaps not a recording", Schema)}) {
						return
					}
					e, problem = event(line, whole, &number)
				}
			default:
				e, problem = event(line, whole, &number)
			}
			if problem != nil {
				problem = fmt.Errorf("line %d: %w", n, problem)
				e = diag.Event{}
			}
			if !yield(e, problem) {
				return
			}
		}
	}
}

// A headerProblem stands for no event that could not be read.
type headerProblem struct{ error }

// A problem says in a line what was wrong with one.
type problem struct {
	text  string
	cause error
}

func (p problem) Error() string { return p.text }
func (p problem) Unwrap() error { return p.cause }

// A longError is a line that was longer than so many bytes.
type longError int

func (e longError) Error() string { return fmt.Sprintf("longer than %d bytes: left out", int(e)) }

// readLine returns the next line; whole is false for a last one without a newline. A line that is
// too long is skipped and gives a longError.
func readLine(in *bufio.Reader, most int) (line []byte, whole bool, err error) {
	long := false
	for {
		part, err := in.ReadSlice('\n')
		if long = long || len(line)+len(part) > most+1; !long {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return []byte{' '}, true, longError(most)
		}
		return line, err == nil, err
	}
}

// header judges the first line.
func header(line []byte) (is bool, err error) {
	var h Header
	if json.Unmarshal(line, &h) != nil || !strings.HasPrefix(h.Schema, family) {
		return false, nil
	}
	n, err := strconv.Atoi(h.Schema[len(family):])
	switch {
	case err != nil || n < 1:
		return false, nil
	case n > major:
		return true, headerProblem{fmt.Errorf("schema %s of ndwhy %s is newer than this program, which knows %s: read as far as it is understood; a newer ndwhy reads all of it",
			h.Schema, strconv.Quote(h.Version), Schema)}
	}
	return true, nil
}

// event decodes one line.
func event(line []byte, whole bool, number *numbering) (diag.Event, error) {
	var e diag.Event
	if err := json.Unmarshal(clean(line), &e); err != nil {
		if !whole {
			return e, errors.New("cut off: the recording ended while it was being written")
		}
		return e, problem{oneLine(err.Error()), err}
	}
	return e, number.take(&e)
}

// A numbering holds the numbers of a stream's events. Whoever reads `ndwhy watch` slowly is told of a gap, then again what
// is so, with the numbers of when that was learnt, and then that this is all.
type numbering struct {
	told int64 // the highest number that the stream had
	last int64 // that of the event that was read last, which is higher where some were told again
	gap  bool
}

// take numbers an event. It is an error where the event does not come after those before it.
func (n *numbering) take(e *diag.Event) error {
	switch told := e.Seq; {
	case n.gap && told > 0 && told <= n.told && n.last < math.MaxInt64:
		e.Seq = n.last + 1
	case told <= n.told || told > math.MaxInt64-(n.last-n.told):
		return fmt.Errorf("event %d after event %d: left out", told, n.told)
	default:
		e.Seq, n.told = n.last+told-n.told, told
	}
	n.last = e.Seq
	if f, ok := e.Body.(diag.Feed); ok && f.Name == diag.FeedWatch {
		n.gap = f.State == diag.Lost
	}
	return nil
}

// clean replaces what no live event holds by a dot: control characters but tab and newline, and
// the invisible ones that turn text around, both as they are and as JSON escapes.
func clean(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c == '\\' && i+1 < len(line) && line[i+1] != 'u':
			if c := line[i+1]; c == 'b' || c == 'f' || c == 'r' {
				out = append(out, '.')
			} else {
				out = append(out, line[i:i+2]...)
			}
			i += 2
		case c == '\\' && i+6 <= len(line):
			r, size := escaped(line[i:])
			if r != 0 && (passes(r) || r == utf8.RuneError) {
				out = append(out, line[i:i+size]...)
			} else {
				out = append(out, '.')
			}
			i += size
		case c < utf8.RuneSelf:
			out = append(out, c)
			i++
		default:
			r, size := utf8.DecodeRune(line[i:])
			if passes(r) {
				out = append(out, line[i:i+size]...)
			} else {
				out = append(out, '.')
			}
			i += size
		}
	}
	return out
}

// escaped is the character that one \u of JSON stands for, or two where that is a pair of surrogates, and their length; one
// without the other is read as utf8.RuneError. 0: it is none.
func escaped(b []byte) (r rune, size int) {
	const one = len(`\u0000`)
	half := func(b []byte) rune {
		if len(b) < one || b[0] != '\\' || b[1] != 'u' {
			return 0
		}
		n, err := strconv.ParseUint(string(b[2:one]), 16, 16)
		if err != nil {
			return 0
		}
		return rune(n)
	}
	if r = half(b); !utf16.IsSurrogate(r) {
		return r, one
	}
	if pair := utf16.DecodeRune(r, half(b[one:])); pair != utf8.RuneError {
		return pair, 2 * one
	}
	return utf8.RuneError, one
}

func passes(r rune) bool { return r == '\t' || r == '\n' || unicode.IsPrint(r) }

// oneLine makes an error that quotes the file fit for a line.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '.'
	}, s)
	const limit = 200
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + " …"
	}
	return s
}

// Replay folds a recording. The strings say, a line each, what could not be read; an error means
// that there was no event in it at all.
func Replay(r io.Reader) (*diag.State, []string, error) {
	state := diag.NewState()
	var p problems
	for e, err := range Read(r) {
		if err == nil {
			state.Apply(e)
		} else {
			p.add(err)
		}
	}
	if state.Seq == 0 {
		return nil, p.list(), p.nothing()
	}
	return state, p.list(), nil
}

// Beside folds a recording that another host made at the same time into the state of one: name is what it is called
// there. The strings and the error are as Replay's.
func Beside(state *diag.State, name string, r io.Reader) ([]string, error) {
	var p problems
	some := false
	take, end := Other(state, name)
	for e, err := range Read(r) {
		if err != nil {
			p.add(err)
			continue
		}
		take(e)
		some = true
	}
	if !some {
		return p.list(), p.nothing()
	}
	end()
	return p.list(), nil
}

// Other returns what takes the events of another host into the state of one, and what says that these are all.
func Other(state *diag.State, name string) (take func(diag.Event), end func()) {
	tell := func(b diag.Far) {
		state.Apply(diag.Event{Seq: state.Seq + 1, At: state.Now, Body: b})
	}
	take = func(e diag.Event) {
		if e.Kind() != (diag.Far{}).Kind() { // what it heard of others is theirs to tell
			tell(diag.Far{From: name, Event: &e})
		}
	}
	return take, func() { tell(diag.Far{From: name, State: diag.FarRecording}) }
}

// problems are what could not be read of a recording.
type problems struct {
	first []string
	more  int
}

func (p *problems) add(err error) {
	if len(p.first) < maxNotes {
		p.first = append(p.first, err.Error())
	} else {
		p.more++
	}
}

// list returns a line for each, as far as they are not too many.
func (p *problems) list() []string {
	if p.more == 0 {
		return slices.Clone(p.first)
	}
	return append(slices.Clone(p.first), fmt.Sprintf("%d more lines could not be read", p.more))
}

// ErrNothing is the error of a recording without an event.
var ErrNothing = errors.New("no event in the recording")

// nothing is that, and why.
func (p *problems) nothing() error {
	why := "it is empty"
	if len(p.first) > 0 {
		why = p.first[0]
	}
	return fmt.Errorf("%w: %s", ErrNothing, why)
}
