package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ndwhy/ui/termtest"
	"ndwhy/ui/termtest/vt"
)

// keysOf are what somebody presses who does not look: every key of every screen but those that quit,
// keys that are none, text pasted, half a sequence.
var keysOf = slices.Concat(
	strings.Split("123456789abcCeghijklnoprstuvwxyzABDEFGHIJKLMNOPRSTUVWXYZ!/?.,;:<>[]{}()+-=_*&^%$#@~`'\"\\| ", ""),
	[]string{
		"\r", "\r", "\x1b", "\x1b", "\t", "\x7f", "\x14", "\x15", "\x04", "\x1b[A", "\x1b[B", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[5~", "\x1b[6~",
		"\x1b[H", "\x1b[F", "\x1b[Z", "\x1b[", "\x1b[200~" + strings.Repeat("fe80::1 \x1b[31mä漢\n", 20) + "\x1b[201~",
		"\x1b[<64;3;3M", "\x1b[?1;2c", "\xff\xfe", "漢字é", "\x00", "/fe80\r", "b\x1b[B\r", "c\r", "C\r", "R", "S", "3", "6", "\x1a",
	},
)

// Whatever is pressed, in whatever order and size of window, while the network breaks: the program
// stays itself, and what it writes is what its terminal understands.
func TestAnyKeys(t *testing.T) {
	t.Parallel()
	presses := 300
	if n, err := strconv.Atoi(os.Getenv("NDWHY_KEYS")); err == nil {
		presses = n
	}
	for i, d := range []vt.Dialect{vt.VT220, vt.Modern} {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(i + 1)
			if n, err := strconv.ParseUint(os.Getenv("NDWHY_SEED"), 10, 64); err == nil {
				seed = n
			}
			random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the same every run
			dir := t.TempDir()                       // for what is saved and copied
			p := startLab(t, termtest.Config{Dialect: d, Dir: dir, Env: []string{"TMPDIR=" + dir}}, func(ndwhy string) []string {
				return []string{ndwhy, "lab", "unassigned-address"}
			})
			p.Wait("[1 ")
			var last []string
			defer func() { t.Log("at last: ", strings.Join(last[max(0, len(last)-60):], " ")) }()
			for n := range presses {
				key := keysOf[random.IntN(len(keysOf))]
				last = append(last, fmt.Sprintf("%q", key))
				p.Send(key)
				if random.IntN(12) == 0 {
					w, h := 1+random.IntN(120), 1+random.IntN(50)
					if random.IntN(8) == 0 {
						w, h = 300, 100
					}
					last = append(last, fmt.Sprintf("%dx%d", w, h))
					p.Resize(w, h)
				}
				if n%25 == 24 {
					home(t, p)
				}
			}
			home(t, p)
			p.Send("1Q")
			leavesReport(t, p)
		})
	}
}

// home comes from anywhere to a screen with nothing open and nothing being typed, and so shows that the
// program still answers: its help comes and goes.
func home(t *testing.T, p *termtest.Terminal) {
	t.Helper()
	p.Resize(80, 24)
	press := func(what string, keys ...string) {
		for end := time.Now().Add(30 * time.Second); !strings.Contains(p.String(), what); {
			if time.Now().After(end) {
				t.Fatalf("no way to %q:\n%s", what, p)
			}
			for _, key := range keys {
				p.Send(key)
				time.Sleep(100 * time.Millisecond) // else esc and the next are alt-
			}
		}
	}
	press("Keys everywhere", "\x1b", "?")
	p.Send("\x1b")
	p.WaitGone("Keys everywhere")
	press("q quit", "\x1b") // the help may have been that of a page
}
