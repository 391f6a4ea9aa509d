package term

import (
	"strings"
	"testing"

	"ndwhy/ui/termtest/vt"
)

var (
	vt220Profile  = Profile{Level: Strict, ASCII: true}
	linuxProfile  = Profile{Level: Strict, Color: true, Dim: true}
	xtermProfile  = Profile{Level: Xterm, Color: true, Dim: true, Clipboard: true}
	modernProfile = Profile{Level: Modern, Color: true, Dim: true, Clipboard: true}
)

func TestFilter(t *testing.T) {
	for _, x := range []struct{ name, in, vt220, linux, xterm, modern string }{
		{"text", "a b\r\n\tc\b", "a b\r\n\tc\b", "a b\r\n\tc\b", "a b\r\n\tc\b", "a b\r\n\tc\b"},
		{"kitty keyboard", "\x1b[>1ua\x1b[<1u\x1b[=5u\x1b[?u", "a", "a", "a", "a"},
		{"modifyOtherKeys", "\x1b[>4;2ma\x1b[>4m", "a", "a", "a", "a"},
		{"mode queries", "\x1b[?2026$pa\x1b[?2027$p", "a", "a", "a", "\x1b[?2026$pa"},
		{"tab stops", "\x1b[?5Wa", "a", "a", "a", "a"},
		{"colour queries", "\x1b]11;?\x07\x1b]10;?\x1b\\a", "a", "a", "a", "a"},
		{"title", "\x1b]2;x\x07a", "a", "a", "a", "a"},
		// In the bytes of these quotation marks are those of C1's ST and PU1, which end nothing in UTF-8.
		{"title beyond ASCII", "\x1b]2;a “title” b\x07c\x1bPq“x”\x1b\\d", "cd", "cd", "cd", "cd"},
		{"nothing of what is malformed is text", "\x1b[ 5ma\x1b[1<2mb", "ab", "ab", "ab", "ab"},
		{"version and attributes", "\x1b[>qa\x1b[c\x1b[6n\x1b[5n\x1bP+q544e\x1b\\", "a", "a", "a", "a"},
		{"mouse and focus", "\x1b[?1002h\x1b[?1006ha\x1b[?1004h", "a", "a", "a", "a"},
		{"mixed modes", "\x1b[?25;1002;7l", "\x1b[?25;7l", "\x1b[?25;7l", "\x1b[?25;7l", "\x1b[?25;7l"},
		{"paste", "\x1b[?2004h", "", "", "\x1b[?2004h", "\x1b[?2004h"},
		{"synchronised", "\x1b[?2026ha\x1b[?2026l", "a", "a", "a", "\x1b[?2026ha\x1b[?2026l"},
		{"second screen", "\x1b[?1049ha\x1b[?1049l", "a\x1b[H\x1b[2J", "a\x1b[H\x1b[2J", "\x1b[?1049ha\x1b[?1049l", "\x1b[?1049ha\x1b[?1049l"},
		{"colours", "\x1b[1;31mx\x1b[39;1m\x1b[92;44m", "\x1b[1mx\x1b[1m", "\x1b[1;31mx\x1b[39;1m\x1b[92;44m", "\x1b[1;31mx\x1b[39;1m\x1b[92;44m", "\x1b[1;31mx\x1b[39;1m\x1b[92;44m"},
		{"256 colours", "\x1b[38;5;9;4m\x1b[48;2;1;2;3m", "\x1b[4m", "\x1b[4m", "\x1b[38;5;9;4m\x1b[48;2;1;2;3m", "\x1b[38;5;9;4m\x1b[48;2;1;2;3m"},
		{"nothing left is no reset", "\x1b[31mx\x1b[m", "x\x1b[m", "\x1b[31mx\x1b[m", "\x1b[31mx\x1b[m", "\x1b[31mx\x1b[m"},
		{"curly underline", "\x1b[4:3m\x1b[58;5;1m\x1b[4:0m", "\x1b[4m\x1b[24m", "\x1b[4m\x1b[24m", "\x1b[4m\x1b[24m", "\x1b[4m\x1b[24m"},
		{"dim", "\x1b[2;1mx", "\x1b[1mx", "\x1b[2;1mx", "\x1b[2;1mx", "\x1b[2;1mx"},
		{"clipboard", "\x1b]52;c;YQ==\x07", "", "", "\x1b]52;c;YQ==\x07", "\x1b]52;c;YQ==\x07"},
		{"clipboard, ended by ST", "\x1b]52;c;YQ==\x1b\\", "", "", "\x1b]52;c;YQ==\x1b\\", "\x1b]52;c;YQ==\x1b\\"},
		{"clipboard query", "\x1b]52;c;?\x07\x1b]52;c;?\x1b\\", "", "", "", ""},
		{"clipboard with more in it", "\x1b]52;c;Y\x1b[2Jx", "\x1b[2Jx", "\x1b[2Jx", "\x1b[2Jx", "\x1b[2Jx"},
		{"control characters", "\x05\x07\x0e\x7fa\u0085\u009b2J\u202e\x9b", "a2J?", "a2J?", "a2J?", "a2J?"},
		{"reset and device control", "\x1bc\x1bP1$r\x1b\\\x1b]0;t\x1b\\\x1b_x\x1b\\\x1b[5i\x1b#8a", "a", "a", "a", "a"},
		{"beyond ASCII", "─│┌╯→…✗·漢", "-|++>.?.??", "─│┌╯→…✗·漢", "─│┌╯→…✗·漢", "─│┌╯→…✗·漢"},
		{"editing", "\x1b[2;5H\x1b[K\x1b[3L\x1b[M\x1b[4h\x1b[4l\x1b[2;9r\x1bM\x1b[@\x1b[P", "\x1b[2;5H\x1b[K\x1b[3L\x1b[M\x1b[4h\x1b[4l\x1b[2;9r\x1bM\x1b[@\x1b[P", "\x1b[2;5H\x1b[K\x1b[3L\x1b[M\x1b[4h\x1b[4l\x1b[2;9r\x1bM\x1b[@\x1b[P", "\x1b[2;5H\x1b[K\x1b[3L\x1b[M\x1b[4h\x1b[4l\x1b[2;9r\x1bM\x1b[@\x1b[P", "\x1b[2;5H\x1b[K\x1b[3L\x1b[M\x1b[4h\x1b[4l\x1b[2;9r\x1bM\x1b[@\x1b[P"},
		{"broken off", "\x1b[12\x1b[2Ja\x1b]52;c\x1b[Kb", "\x1b[2Ja\x1b[Kb", "\x1b[2Ja\x1b[Kb", "\x1b[2Ja\x1b[Kb", "\x1b[2Ja\x1b[Kb"},
	} {
		for _, y := range []struct {
			p    Profile
			want string
		}{{vt220Profile, x.vt220}, {linuxProfile, x.linux}, {xtermProfile, x.xterm}, {modernProfile, x.modern}} {
			f := filter{profile: y.p}
			if got := string(f.pass(nil, []byte(x.in))); got != y.want {
				t.Errorf("%s, level %d: %q became %q, want %q", x.name, y.p.Level, x.in, got, y.want)
			}
			// The same, a byte at a time.
			f = filter{profile: y.p}
			var got []byte
			for i := range len(x.in) {
				got = f.pass(got, []byte{x.in[i]})
			}
			if string(got) != y.want {
				t.Errorf("%s, level %d, byte by byte: %q became %q, want %q", x.name, y.p.Level, x.in, got, y.want)
			}
		}
	}
}

// A sequence without end neither grows without end nor is its rest taken for text.
func TestFilterEndless(t *testing.T) {
	f := filter{profile: modernProfile}
	got := f.pass(nil, []byte("a\x1b]52;c;"))
	for range 100 {
		got = f.pass(got, []byte(strings.Repeat("Y", 10_000)))
		if len(f.held) > maxSequence {
			t.Fatalf("%d bytes are held", len(f.held))
		}
	}
	got = f.pass(got, []byte("YY\x1b"))
	got = f.pass(got, []byte("\\b\x1b[31"))
	if got = f.pass(got, []byte("mc")); string(got) != "ab\x1b[31mc" {
		t.Errorf("got %.80q", got)
	}
	if got := f.pass(nil, []byte("\x1b]52;c;"+strings.Repeat("Y", maxSequence)+"\x07a")); string(got) != "a" {
		t.Errorf("got %.80q", got)
	}
}

// Whatever is written, in whatever pieces: what passes is understood, and after end nothing is left
// switched on.
func FuzzFilter(f *testing.F) {
	f.Add("\x1b[?25l\x1b[?1049h\x1b[1;31mx\x1b[2;5r\x1b[4h\x1b[?7l", uint8(3))
	f.Add("\x1b[>1u\x1b[?2026$p\x1b]52;c;YQ==\x07\u2500\u009b", uint8(1))
	f.Add("\x1b[38;5;9;4:3;58;2;1;2;3;31m\x1b[;m\x1b[999999999999A\x1b[1;2;3;4;5;6;7;8;9;0;1;2;3;4;5;6;7m", uint8(7))
	f.Fuzz(func(t *testing.T, in string, piece uint8) {
		// What a screen of a certain size makes of margins is not the filter's to know.
		in = strings.NewReplacer("r", "x", "J", "x", "K", "x").Replace(in)
		n := int(piece)%16 + 1
		for _, x := range []struct {
			p Profile
			d vt.Dialect
		}{{vt220Profile, vt.VT220}, {linuxProfile, vt.Linux}, {xtermProfile, vt.Xterm}, {modernProfile, vt.Modern}} {
			if x.d.Colour256 {
				x.d.TrueColour = true
			}
			whole := filter{profile: x.p}
			want := whole.pass(nil, []byte(in))
			pieces := filter{profile: x.p}
			var got []byte
			for rest := in; rest != ""; {
				k := min(n, len(rest))
				got = pieces.pass(got, []byte(rest[:k]))
				rest = rest[k:]
			}
			if string(got) != string(want) {
				t.Errorf("%s: %q became %q, in pieces of %d %q", x.d.Name, in, want, n, got)
			}
			s := vt.New(80, 24, x.d)
			_, _ = s.Write(got)
			_, _ = s.Write([]byte(pieces.end()))
			if err := s.Err(); err != nil {
				t.Errorf("%q became %q: %v", in, got, err)
			}
			if _, _, visible := s.Cursor(); !visible || s.Alternate() {
				t.Errorf("%q became %q: %v", in, got, s.Clean())
			}
		}
	})
}

func TestProfileOf(t *testing.T) {
	for _, x := range []struct {
		env  string
		tty  bool
		want Profile
	}{
		{"TERM=vt220", true, Profile{Level: Strict, ASCII: true}},
		{"TERM=vt220 LANG=en_US.UTF-8", true, Profile{Level: Strict, ASCII: true}},
		{"TERM=linux", true, Profile{Level: Strict, Color: true, Dim: true}},
		{"TERM=linux LANG=C", true, Profile{Level: Strict, Color: true, Dim: true, ASCII: true}},
		{"TERM=xterm-256color", true, xtermProfile},
		{"TERM=xterm-256color NO_COLOR=1", true, Profile{Level: Xterm, Dim: true, Clipboard: true}},
		{"TERM=xterm-256color CLICOLOR=0", true, Profile{Level: Xterm, Dim: true, Clipboard: true}},
		{"TERM=screen.xterm-256color", true, xtermProfile},
		{"TERM=tmux-256color TERM_PROGRAM=tmux", true, xtermProfile},
		{"TERM=xterm-256color TERM_PROGRAM=iTerm.app", true, modernProfile},
		// Within GNU screen the variable is the outer terminal's.
		{"TERM=screen-256color TERM_PROGRAM=iTerm.app", true, xtermProfile},
		{"TERM=xterm-256color TERM_PROGRAM=Apple_Terminal", true, xtermProfile},
		{"TERM=xterm-kitty", true, modernProfile},
		{"TERM=vte-256color LC_ALL=C LANG=en_US.UTF-8", true, Profile{Level: Xterm, Color: true, Dim: true, Clipboard: true, ASCII: true}},
		{"TERM=xtermite", true, Profile{Level: Strict}},
		{"TERM=something-256color", true, Profile{Level: Strict, Color: true}},
		{"TERM=dumb", true, Profile{Why: "dumb"}},
		{"", true, Profile{Why: "no-term"}},
		{"TERM=xterm", false, Profile{Why: "no-terminal"}},
		{"TERM=xterm ACCESSIBLE=1", true, Profile{Why: "accessible"}},
	} {
		env := map[string]string{}
		for v := range strings.FieldsSeq(x.env) {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		if got := ProfileOf(func(name string) string { return env[name] }, x.tty); got != x.want {
			t.Errorf("%s: got %+v, want %+v", x.env, got, x.want)
		}
	}
}
