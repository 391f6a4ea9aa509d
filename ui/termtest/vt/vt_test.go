package vt

import (
	"bytes"
	"context"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func TestStrictness(t *testing.T) {
	for _, x := range []struct {
		seq                         string
		vt220, linux, xterm, modern bool // understood
	}{
		{"text\r\n\b\t\x07", true, true, true, true},
		{"\x1b[5;10H\x1b[2J\x1b[K\x1b[1;31H", true, true, true, true},
		{"\x1b[1;4;5;7m\x1b[22;24;25;27m\x1b[m\x1b[;m", true, true, true, true},
		{"\x1b[2;5r\x1b[r\x1bM\x1bD\x1bE\x1b7\x1b8\x1b(B\x1b=\x1b>", true, true, true, true},
		{"\x1b[4h\x1b[4l\x1b[?7l\x1b[?7h\x1b[?25l\x1b[?25h\x1b[?1h\x1b[!p\x1bc", true, true, true, true},
		{"\x1b[3@\x1b[3P\x1b[3X\x1b[3L\x1b[3M\x1b[3A\x1b[3B\x1b[3C\x1b[3D", true, true, true, true},
		{"\x1b[31m", false, true, true, true},
		{"\x1b[2m\x1b[3m", false, true, true, true},
		{"\x1b[38;5;9m", false, false, true, true},
		{"\x1b[38;2;1;2;3m", false, false, false, false},
		{"é─漢", false, true, true, true},
		{"\x1b[3G\x1b[3d\x1b[2S", false, true, true, true},
		{"\x1b[?1049h", false, false, true, true},
		{"\x1b[?2004h", false, false, true, true},
		{"\x1b]52;c;YQ==\x07", false, false, true, true},
		{"\x1b[?2026h", false, false, false, true},
		{"\x1b[?2026$p", false, false, false, true},
		{"\x1b[?2027$p", false, false, false, false},
		{"\x1b[>1u", false, false, false, false},
		{"\x1b[>4;2m", false, false, false, false},
		{"\x1b[?5W", false, false, false, false},
		{"\x1b[?1002h", false, false, false, false},
		{"\x1b]11;?\x07", false, false, false, false},
		{"\x1b[c\x1b[6n", false, false, false, false},
		{"\x1b[3J", false, false, false, false},
		{"\x1b[5;3r", false, false, false, false},
		{"\x1b[31\x1b[m", false, false, false, false},
		{"\x1b[3\n1m", false, false, false, false},
		{"\x05", false, false, false, false},
		{"\x9b2J", false, false, false, false},
		{"\u009b2J", false, false, false, false},
		{"\xe2\x94x", false, false, false, false},
		{"\x1b[10000A", false, false, false, false},
		{"\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17H", false, false, false, false},
		{"\x1bPq\x1b\\", false, false, false, false},
	} {
		for _, y := range []struct {
			d    Dialect
			want bool
		}{{VT220, x.vt220}, {Linux, x.linux}, {Xterm, x.xterm}, {Modern, x.modern}} {
			s := New(80, 24, y.d)
			_, _ = s.Write([]byte(x.seq))
			if err := s.Err(); (err == nil) != y.want {
				t.Errorf("%s, %q: %v", y.d.Name, x.seq, err)
			}
		}
	}
}

func TestScreen(t *testing.T) {
	for _, x := range []struct{ name, in, want string }{
		{"wraps only with the next character", "abcde\rX\r\nYbcdefg", "Xbcde|Ybcde|fg|"},
		{"autowrap off", "\x1b[?7labcdefg", "abcdg|||"},
		{"scrolls", "1\r\n2\r\n3\r\n4\r\n5", "2|3|4|5"},
		{"scrolls within margins", "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\n5", "1|3|5|4"},
		{"reverse index at the top margin", "1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[2;1H\x1bM5", "1|5|2|4"},
		{"a line feed below the margin does not scroll", "1\x1b[1;2r\x1b[4;1H4\n", "1|||4"},
		{"inserts lines within margins", "1\r\n2\r\n3\r\n4\x1b[1;3r\x1b[2;1H\x1b[L", "1||2|4"},
		{"deletes lines", "1\r\n2\r\n3\r\n4\x1b[2;3H\x1b[2MX", "1|X||"},
		{"deletes nothing outside the margins", "1\r\n2\r\n3\r\n4\x1b[1;2r\x1b[3;1H\x1b[M", "1|2|3|4"},
		{"inserts and deletes characters", "abcde\x1b[1;2H\x1b[2@\x1b[1;5H\x1b[P\x1b[1;1H\x1b[P", "  b|||"},
		{"insert mode", "abc\r\x1b[4hX\x1b[4l", "Xabc|||"},
		{"erases", "abcde\r\nabcde\r\nabcde\x1b[2;3H\x1b[1K\x1b[J\x1b[1;4H\x1b[X", "abc e|||"},
		{"tabs", "a\tb", "a   b|||"},
		{"wide characters", "漢字\r\nab漢漢", "漢字|ab漢|漢|"},
		{"combining", "e\u0301x", "e\u0301x|||"},
		{"saves the cursor", "ab\x1b7\x1b[3;3HX\x1b8c", "abc||  X|"},
		{"up stops at the margin", "\x1b[2;3r\x1b[3;1H\x1b[9AX\x1b[9BY", "|X| Y|"},
		{"origin mode", "\x1b[2;3r\x1b[?6h\x1b[1;1HX\x1b[9;1HY", "|X|Y|"},
	} {
		d := Linux
		s := New(5, 4, d)
		_, _ = s.Write([]byte(x.in))
		if err := s.Err(); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if got := strings.ReplaceAll(s.String(), "\n", "|"); got != x.want {
			t.Errorf("%s: got %q, want %q", x.name, got, x.want)
		}
	}
}

func TestAlternateScreen(t *testing.T) {
	s := New(10, 3, Xterm)
	_, _ = s.Write([]byte("before\x1b[?1049h\x1b[H\x1b[31mwithin\x1b[?25l"))
	if got := s.Row(0); got != "within" || !s.Alternate() {
		t.Errorf("the row is %q", got)
	}
	if err := s.Clean(); err == nil || !strings.Contains(err.Error(), "cursor is hidden") {
		t.Errorf("left behind: %v", err)
	}
	_, _ = s.Write([]byte("\x1b[m\x1b[?1049l\x1b[?25h!"))
	if got := s.Row(0); got != "before!" || s.Clean() != nil {
		t.Errorf("the row is %q; %v", got, s.Clean())
	}
}

type still struct{}

func (still) Init() tea.Cmd                         { return tea.Quit }
func (s still) Update(tea.Msg) (tea.Model, tea.Cmd) { return s, nil }
func (still) View() tea.View                        { return tea.NewView("x") }

// What Bubble Tea writes for a VT220 by itself is not for one: the tests above this package would
// notice a missing filter.
func TestBubbleTeaAlone(t *testing.T) {
	var out bytes.Buffer
	p := tea.NewProgram(still{}, tea.WithContext(context.Background()), tea.WithInput(strings.NewReader("")), tea.WithOutput(&out),
		tea.WithWindowSize(80, 24), tea.WithEnvironment([]string{"TERM=vt220"}), tea.WithoutSignalHandler())
	if _, err := p.Run(); err != nil {
		t.Fatal(err)
	}
	s := New(80, 24, VT220)
	_, _ = s.Write(out.Bytes())
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), `>1u`) || !strings.Contains(err.Error(), `?2026$p`) {
		t.Errorf("of %q: %v", out.Bytes(), err)
	}
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte("\x1b[2;5r\x1b[9L\x1b[9999;9999H漢\x1b[4hx\x1b[1;1r\x1b[?1049h\x1b[99X"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := New(7, 5, Modern)
		_, _ = s.Write(in)
		s.Resize(3, 2)
		_, _ = s.Write(in)
		s.Resize(9, 9)
		_, _ = s.Write(in)
		if rows := strings.Count(s.String(), "\n"); rows != 8 {
			t.Errorf("%d rows", rows+1)
		}
	})
}
