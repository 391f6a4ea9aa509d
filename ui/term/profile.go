// Package term stands between the program and the terminal: it decides what the terminal
// understands, lets nothing else through, and puts everything back however the program ends. It
// knows nothing of what is drawn.
package term

import (
	"slices"
	"strings"
)

// A Level is how much of a terminal there is. Each understands what those before it do.
type Level uint8

const (
	// Dumb cannot be drawn on: no terminal, or one whose cursor cannot be moved. Lines are written.
	Dumb Level = iota
	// Strict is a DEC VT220 as its manual defines it, and no more: serial consoles, web consoles
	// that say so, and every terminal that is not known here.
	Strict
	// Xterm has a second screen, bracketed paste and a clipboard (DECSET 1049 and 2004, OSC 52).
	Xterm
	// Modern also updates the screen in one go (DECSET 2026).
	Modern
)

// A Profile is what may be written to a terminal. The zero Profile is a dumb one.
type Profile struct {
	Level Level
	// Color: the terminal has colours and the user did not turn them off.
	Color bool
	// ASCII: nothing beyond ASCII, because of the locale, the terminal or the user.
	ASCII bool
	// Dim: the terminal can show text dimmed, in italics and struck through.
	Dim bool
	// Clipboard: OSC 52 may reach a clipboard; whether it does cannot be known.
	Clipboard bool
	// Mouse: the user asked for it. Nothing else sets it, for it takes away the terminal's own
	// selection.
	Mouse bool
	// Why says why lines are written: dumb, no-term, no-terminal or accessible (the catalogue has a
	// sentence for each); empty above Dumb.
	Why string
}

// TakesClipboard reports whether a clipboard is known to be set by OSC 52: what calls itself xterm may be
// a web console that drops it, or a multiplexer that keeps it to itself.
func (p Profile) TakesClipboard() bool { return p.Clipboard && p.Level >= Modern }

// terminals are the values of TERM that are known. A pattern is a name as in terminfo(5), alone or
// followed by "-" or "." and anything; one that ends in "*" is a beginning. The first that matches
// counts.
var terminals = []struct {
	pattern string
	Profile
}{
	{"dumb", Profile{Why: "dumb"}},
	{"unknown", Profile{Why: "dumb"}},
	{"emacs", Profile{Why: "dumb"}},

	// Synchronised output: https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036
	{"xterm-kitty", modern},
	{"xterm-ghostty", modern},
	{"xterm-rio", modern},
	{"alacritty", modern},
	{"contour", modern},
	{"foot", modern},
	{"ghostty", modern},
	{"kitty", modern},
	{"rio", modern},
	{"wezterm", modern},

	{"xterm-mono", Profile{Level: Xterm, Dim: true, Clipboard: true}},
	{"xterm", xterm},
	{"tmux", xterm},
	{"screen", xterm},
	{"rxvt", xterm},
	{"putty", xterm},
	{"konsole", xterm},
	{"gnome", xterm},
	{"vte", xterm},
	{"st", xterm},
	{"mlterm", xterm},
	{"mintty", xterm},
	{"nsterm", xterm},
	{"iterm", xterm},
	{"iterm2", xterm},
	{"eterm", xterm},

	// The kernel's console has colours, dims by colour, and takes UTF-8.
	{"linux", Profile{Level: Strict, Color: true, Dim: true}},
	// The hardware and what plays it: 7-bit text. agetty(8) calls serial lines vt220.
	{"vt*", Profile{Level: Strict, ASCII: true}},
	{"ansi", Profile{Level: Strict, ASCII: true}},
}

var (
	xterm  = Profile{Level: Xterm, Color: true, Dim: true, Clipboard: true}
	modern = Profile{Level: Modern, Color: true, Dim: true, Clipboard: true}
)

// programs are the values of TERM_PROGRAM whose terminals call themselves xterm and are Modern.
var programs = []string{"contour", "ghostty", "iTerm.app", "kitty", "rio", "WezTerm"}

// ProfileOf says what may be written, by the environment. tty says that both ends are a terminal:
// keys come from one and the screen is one. Flags are the caller's to apply: Color = false for
// --no-color, ASCII = true for --ascii.
func ProfileOf(getenv func(string) string, tty bool) Profile {
	name := getenv("TERM")
	p := known(name)
	if p.Level == Xterm && matches(name, "xterm") && slices.Contains(programs, getenv("TERM_PROGRAM")) {
		p = modern
	}
	switch {
	case !tty:
		p = Profile{Why: "no-terminal"}
	case name == "":
		p = Profile{Why: "no-term"}
	case getenv("ACCESSIBLE") != "":
		// As github.com/charmbracelet/huh has it: the user reads with a screen reader.
		p = Profile{Why: "accessible"}
	}
	// https://no-color.org: any non-empty value. https://bixense.com/clicolors: 0 turns them off.
	p.Color = p.Color && getenv("NO_COLOR") == "" && getenv("CLICOLOR") != "0"
	p.ASCII = p.ASCII || !UTF8Locale(getenv)
	return p
}

func known(name string) Profile {
	for _, t := range terminals {
		if matches(name, t.pattern) {
			return t.Profile
		}
	}
	// A terminal that nobody told us about: what every terminal since 1983 understands.
	return Profile{Level: Strict, Color: strings.HasSuffix(name, "color")}
}

func matches(name, pattern string) bool {
	if beginning, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, beginning)
	}
	rest, ok := strings.CutPrefix(strings.ToLower(name), pattern)
	return ok && (rest == "" || rest[0] == '-' || rest[0] == '.')
}

// UTF8Locale reports whether the locale's character set is UTF-8, as setlocale(3) chooses it. With
// no locale set at all (a minimal container) UTF-8 is assumed: that is what terminals speak.
func UTF8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}
