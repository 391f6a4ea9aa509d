package ui

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"

	tea "charm.land/bubbletea/v2"
)

// Every screen over a recording of the lab, as it is at the size of a console; and where a larger
// window shows more, that.
func TestGoldenScreens(t *testing.T) {
	console := newStage(t, Config{}, 80, 24).play("unassigned-address")
	for screen := ScreenMatrix; screen < ScreenSwitch; screen++ {
		console.press(fmt.Sprint(int(screen))).golden(screen.name())
	}
	console.press("1", "enter").golden("finding")
	console.press("esc", "?").golden("help")
	console.press("esc", "2", "up", "enter").golden("evidence")
	console.press("esc", "C").golden("consent")
	console.press("esc", "6", "down", "down", "enter").golden("bytes")
	console.press("esc", "3", "enter").golden("neighbour")

	wide := newStage(t, Config{}, 200, 60).play("unassigned-address")
	wide.press("2").golden("matrix-wide").press("6").golden("packets-wide")
	newStage(t, Config{}, 120, 40).play("unassigned-address").golden("map-120x40")
	newStage(t, Config{}, 40, 10).play("unassigned-address").golden("map-40x10").press("3").golden("neighbours-40x10")
	newStage(t, Config{}, 80, 24).play("rogue-router").press("4", "down").golden("rogue")
}

// Networks of the lab at the sizes of a phone, a console, a window and a large screen: the overview, and what enter opens
// where that is not beside it already. One file a network, to be read.
func TestGoldenNetworks(t *testing.T) {
	for _, path := range recordings(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".jsonl.zst")
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}, {200, 60}} {
				s := newStage(t, Config{}, size[0], size[1]).playFile(path)
				fmt.Fprintf(&b, "═══ %d x %d ═══\n%s\n", size[0], size[1], s.shown())
				if s.press("enter"); size[0] < 130 {
					fmt.Fprintf(&b, "═══ %d x %d, enter ═══\n%s\n", size[0], size[1], s.shown())
				}
			}
			same(t, "lab-"+name+".txt", strings.TrimSuffix(b.String(), "\n"))
		})
	}
}

// recordings are those of ndwhy lab NAME -- ndwhy check --record.
func recordings(tb testing.TB) []string {
	tb.Helper()
	list, err := filepath.Glob(filepath.Join("testdata", "lab", "*.jsonl.zst"))
	if err != nil || len(list) < 15 {
		tb.Fatalf("%d recordings of the lab: %v", len(list), err)
	}
	return list
}

// The map with its styles: on a console, in a window with room for all of it, and without colours
// and characters beyond ASCII.
func TestGoldenStyles(t *testing.T) {
	newStage(t, Config{}, 80, 24).play("unassigned-address").styled("map")
	newStage(t, Config{}, 200, 60).play("unassigned-address").styled("map-wide")
	newStage(t, Config{ASCII: true, NoColor: true}, 80, 24).play("unassigned-address").styled("map-ascii")
}

// On every screen the colour repeats what a character says, one tab stands out, and so does the row
// under the cursor.
func TestStylesEverywhere(t *testing.T) {
	for _, name := range []string{"unassigned-address", "rogue-router", "wrong-neighbour"} {
		for _, size := range [][2]int{{40, 10}, {80, 24}, {200, 60}} {
			s := newStage(t, Config{Mode: InLab, Bench: &bench{}}, size[0], size[1]).play(name)
			s.lab = labOf(s)
			for _, keys := range []string{"1", "1w", "1\r", "2", "2\r", "3", "3\r", "4", "4\r", "5", "6", "6\r", "7", "8", "?", "b", "2c"} {
				for _, key := range "\x1b" + keys {
					s.press(cmp.Or(map[rune]string{'\r': "enter", '\x1b': "esc"}[key], string(key)))
				}
				checkStyles(t, fmt.Sprintf("%s at %v after %q", name, size, keys), &s.m.canvas)
			}
		}
	}
}

func checkStyles(t *testing.T, where string, c *canvas) {
	t.Helper()
	means := map[string]style{"✓": green, "✗": red}
	tab, cursors := "", 0
	for i, cell := range c.cells {
		if want, ok := means[cell.s]; ok && cell.st&colours != want && cell.st&(reverse|dim) == 0 {
			t.Errorf("%s: %q in row %d has the style %x", where, cell.s, i/c.w, cell.st)
		}
		if i < c.w && cell.st&reverse != 0 {
			tab += cell.s
		}
		if cell.s == "▸" && cell.st&(bold|reverse) != 0 {
			cursors++
		}
	}
	if marks := strings.Count(c.String(false), "▸"); marks > 1 || marks != cursors || !strings.HasPrefix(tab, "[") || !strings.HasSuffix(tab, "]") {
		t.Errorf("%s: %d rows stand out as the cursor's, the tab that stands out is %q", where, cursors, tab)
	}
}

// What is shown of a network where the echo to a peer, beside a DHCPv6 server that answers, is lost.
func TestMapOfWhatIsWrong(t *testing.T) {
	newStage(t, Config{}, 80, 24).play("wrong-neighbour").want(
		"✗ CRITICAL", "2001:db8:1f16:8df0:d326:143a:2015:79fa  ✓ found ✗ ping silent", "✓ DHCPv6 answers", "▸ ✗",
	).press("3").want("1 PERMANENT")
}

func labOf(s *stage) *Lab {
	at := s.state.Now
	return &Lab{
		Scenario: "vpc",
		Verdicts: []Verdict{
			{Time: at.Add(-2 * time.Second), Port: "ubuntu1", Verdict: "answered", Reason: "the fabric answers on behalf of ubuntu2", Summary: "fe80::4df:a5ff:fe6c:5d57 > ff02::1:ffeb:c61d: NS: who has fe80::4f0:13ff:feeb:c61d?"},
			{Time: at, Port: "ubuntu1", Verdict: "dropped", Reason: "source fe80::1234 is not assigned to ubuntu1", Summary: "fe80::1234 > ff02::1:ffeb:c61d: NS: who has fe80::4f0:13ff:feeb:c61d?"},
		},
		Breaks: []Break{
			{ID: "stop-peer", Title: "ubuntu2 is stopped; the switch goes on answering solicitations for it"},
			{ID: "add-address", Title: "somebody adds an address by hand that nobody assigned", Broken: true},
		},
	}
}

// The lab's pane and screen, the list of what can be broken, and the tour.
func TestGoldenLab(t *testing.T) {
	s := newStage(t, Config{Mode: InLab, Bench: &bench{}}, 80, 24).play("unassigned-address")
	s.lab = labOf(s)
	s.look().press("w").golden("lab-pane")
	s.press("8").golden("switch")
	s.press("b").golden("breaks")

	s = newStage(t, Config{Mode: InLab, Tour: true}, 200, 60).play("unassigned-address")
	s.lab = labOf(s)
	s.look().golden("tour-wide")
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	s.press(">", ">", ">").golden("tour")
}

// What is missing is said where it is missed, with the line that would give it.
func TestGoldenTroubles(t *testing.T) {
	s := newStage(t, Config{}, 80, 24)
	s.emit(0,
		diag.Run{Interfaces: []string{"eth0"}, Add: diag.AddNone},
		diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{6, 0xdf, 0xa5, 0x6c, 0x5d, 0x57}, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "opening a packet socket on eth0: operation not permitted", Fix: "sudo setcap cap_net_raw=p ./ndwhy"},
		diag.Address{Interface: "eth0", Address: netip.MustParseAddr("fe80::4df:a5ff:fe6c:5d57"), PrefixLen: 64, PreferredS: diag.Forever, ValidS: diag.Forever},
	)
	s.golden("unprivileged")
	s.press("6").want("Not available: frames from the wire", "$ sudo setcap cap_net_raw=p ./ndwhy", "ndwhy cannot read this now.")
	s.emit(time.Second, diag.Feed{Name: diag.FeedNetlink, State: diag.Lost, Why: "the kernel dropped messages"})
	s.press("3").want("Incomplete until it is read again: the kernel's tables", "ndwhy cannot read this now.")
	s.emit(time.Second, diag.Link{Interface: "eth0", Gone: true})
	s.press("1").want("✗ interface gone", "The interface eth0 is gone. Its earlier results are still shown.")
}

// bench remembers what was broken.
type bench struct{ did []string }

func (b *bench) Break(id string, on bool) error {
	b.did = append(b.did, fmt.Sprint(id, " ", on))
	return nil
}
