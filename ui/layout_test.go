package ui

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"ndwhy/diag"
)

// No two parts of any window overlap, and none is outside.
func TestLayoutIsTotal(t *testing.T) {
	for w := 1; w <= 250; w++ {
		for h := 1; h <= 100; h++ {
			for _, want := range []wants{{}, {pane: true}, {tour: 7}, {pane: true, tour: 9}} {
				l := arrange(w, h, want)
				parts := []rect{l.tabs, l.status, l.body, l.pane, l.tour, l.hint, l.footer}
				if l.tooSmall != (w < minWidth || h < minHeight) {
					t.Fatalf("%dx%d: tooSmall %v", w, h, l.tooSmall)
				}
				if !l.tooSmall && l.body.h < 2 {
					t.Fatalf("%dx%d %+v: no body", w, h, want)
				}
				for i, a := range parts {
					if a.empty() {
						continue
					}
					if a.x < 0 || a.y < 0 || a.x+a.w > w || a.y+a.h > h {
						t.Fatalf("%dx%d %+v: part %d outside: %+v", w, h, want, i, a)
					}
					for j, b := range parts[:i] {
						if !b.empty() && a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
							t.Fatalf("%dx%d %+v: parts %d and %d overlap: %+v %+v", w, h, want, j, i, b, a)
						}
					}
				}
			}
		}
	}
}

// However narrow the place, an address keeps its last four groups.
func TestFitKeepsTheLastFourGroups(t *testing.T) {
	c := &canvas{mask: func(text string) string { return text }}
	err := quick.Check(func(raw [16]byte, zeros uint8, w uint8) bool {
		for i := range raw {
			if zeros&(1<<(i%8)) != 0 && i < 12 {
				raw[i] = 0
			}
		}
		text := netip.AddrFrom16(raw).String()
		room := 20 + int(w)%30
		got := c.fit(text, room)
		if c.width(got) > room {
			return false
		}
		groups := strings.Split(text, ":")
		return got == text || strings.HasSuffix(got, strings.Join(groups[len(groups)-4:], ":"))
	}, &quick.Config{MaxCount: 5000, Rand: nil})
	if err != nil {
		t.Error(err)
	}
}

// On no screen of any size is an address cut: it stands in full, or with nothing missing but its
// front.
func TestNoScreenCutsAnAddress(t *testing.T) {
	for _, name := range []string{"unassigned-address", "rogue-router", "wrong-neighbour"} {
		for _, size := range [][2]int{{40, 10}, {66, 20}, {80, 24}, {120, 40}, {200, 60}} {
			s := newStage(t, Config{Mode: InLab, Bench: &bench{}}, size[0], size[1]).play(name)
			s.lab = labOf(s)
			for _, p := range s.lens.report.Paths { // reasons as long as the lab's
				s.lab.Verdicts = append(s.lab.Verdicts, Verdict{
					Time: s.state.Now, Port: "ubuntu1", Verdict: "dropped",
					Reason:  "source " + deref(p.Source) + " is not assigned to ubuntu1: a packet from it goes nowhere",
					Summary: deref(p.Source) + " > " + p.Target + ": echo request, id 1 seq 2, 64 bytes",
				})
			}
			known := knownAddresses(s)
			s.look()
			for _, screen := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
				s.press("esc", screen)
				for _, keys := range [][]string{{}, {"down"}, {"down"}, {"w"}, {"w"}, {"enter"}, {"pgdown"}, {"end"}} {
					s.press(keys...)
					for line := range strings.SplitSeq(s.shown(), "\n") {
						if at := cutAddress(line, known); at != "" {
							t.Fatalf("%s, screen %s after %v at %dx%d cuts %q in %q:\n%s", name, screen, keys, size[0], size[1], at, line, s.shown())
						}
					}
				}
			}
		}
	}
}

func knownAddresses(s *stage) map[string]bool {
	known := map[string]bool{candidate.String(): true}
	add := func(a netip.Addr) { known[a.String()] = true }
	for key := range s.state.Neighbours.All() {
		add(key.Address)
	}
	for key := range s.state.Addresses {
		add(key.Address)
	}
	for _, p := range s.lens.report.Paths {
		known[p.Target], known[deref(p.Source)] = true, true
	}
	for _, e := range s.state.Frames() {
		if f, ok := e.Body.(diag.Frame); ok {
			add(f.Src)
			add(f.Dst)
			add(f.Target)
		}
	}
	for a := range known { // the subnet is shown too
		if p, err := netip.ParseAddr(a); err == nil {
			known[strings.TrimRight(netip.PrefixFrom(p, 64).Masked().Addr().String(), ":")] = true
		}
	}
	return known
}

// cutAddress returns what is left of an address in a line that lacks a part of its end.
func cutAddress(line string, known map[string]bool) string {
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef:…", r) }) {
		word = strings.TrimRight(word, ":")
		if strings.Count(word, ":") < 3 || known[word] {
			continue
		}
		front, end, elided := strings.Cut(word, "…")
		whole, cut := false, false
		for a := range known {
			whole = whole || elided && strings.HasPrefix(a, front) && strings.HasSuffix(a, end) && strings.Count(end, ":") >= 3
			cut = cut || len(front) >= 8 && strings.HasPrefix(a, front) || front == "" && strings.Contains(a, end)
		}
		if cut && !whole || strings.Count(word, "…") > 1 {
			return word
		}
	}
	return ""
}

// wrap keeps addresses whole and lines within the width.
func TestWrap(t *testing.T) {
	c := &canvas{mask: func(text string) string { return text }}
	got := wrap(c, "asked 2001:db8:1f16:8df0:f557:112e:f9bd:c7f3, for 5\u00a0s, twice", 24)
	want := []string{"asked", "2001:…f557:112e:f9bd:c7f3,", "for 5\u00a0s, twice"}
	for i := range want {
		want[i] = strings.Replace(want[i], "2001:…f557", "…f557", 1)
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Wide characters, as a Japanese catalogue has them, stay within their place.
func TestWideCharacters(t *testing.T) {
	c := &canvas{mask: func(text string) string { return text }}
	c.reset(10, 1)
	r := c.region().sub(0, 0, 5, 1)
	if x := r.put(0, 0, "近隣探索", plain); x != 4 {
		t.Errorf("ended in column %d, want 4: half a character has no place", x)
	}
	if got := c.String(false); got != "近隣" {
		t.Errorf("drew %q", got)
	}
}

// The neighbour page is a part of the table in order, whatever is asked.
func TestNeighbourPagesAreInOrder(t *testing.T) {
	s := diag.NewState()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	apply := func(b diag.Body) { s.Apply(diag.Event{Seq: s.Seq + 1, At: at, Body: b}) }
	apply(diag.Run{Interfaces: []string{"eth0"}})
	for i := range 5000 {
		a := netip.MustParseAddr("fe80::").As16()
		a[13], a[14], a[15] = byte(i>>16), byte(i>>8), byte(i)
		apply(diag.Neighbour{Interface: "eth0", Address: netip.AddrFrom16(a), State: []diag.NUD{diag.Stale, diag.Failed}[rand.IntN(2)]})
	}
	var x neighbourIndex
	for _, q := range []NeighbourQuery{{}, {Top: 4990}, {Top: 2500}, {Sort: SortState, Top: 100}, {Reverse: true}, {Filter: "failed"}, {Filter: "!failed"}} {
		var page NeighbourPage
		x.fill(&page, s, q, true)
		if page.Matched != 5000 && q.Filter == "" {
			t.Fatalf("%+v: %d matched", q, page.Matched)
		}
		if q.Top < page.Matched && (q.Top < page.Offset || q.Top >= page.Offset+len(page.Rows)) {
			t.Errorf("%+v: rows %d to %d", q, page.Offset, page.Offset+len(page.Rows))
		}
		for i := 1; i < len(page.Rows); i++ {
			a, b := page.Rows[i-1], page.Rows[i]
			if q.Sort == SortAddress && (a.Address.Compare(b.Address) < 0) == q.Reverse {
				t.Fatalf("%+v: %s before %s", q, a.Address, b.Address)
			}
			if q.Filter == "failed" && a.State != diag.Failed || q.Filter == "!failed" && a.State == diag.Failed {
				t.Fatalf("%+v: shows %s", q, a.State)
			}
		}
	}
}
