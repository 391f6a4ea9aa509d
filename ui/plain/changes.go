package plain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// sorted returns the sentences of a map in an order that stays.
func sorted[K comparable](m map[K]string) []string { return slices.Sorted(maps.Values(m)) }

// changes says what is new.
func (w *Writer) changes(s *diag.State, d why.Diagnosis, running bool) {
	now := w.now(s, d)
	differ(w, s, w.was.links, now.links, "plain.link-gone")
	differ(w, s, w.was.feeds, now.feeds, "plain.feed-gone")
	differ(w, s, w.was.addresses, now.addresses, "plain.address-gone")
	differ(w, s, w.was.routers, now.routers, "plain.router-gone")
	differ(w, s, w.was.fars, now.fars, "plain.known-again")
	w.neighbours(s, now.neighbours)
	w.drops(s)
	if running {
		// Half-settled questions make findings that come and go.
		now.verdict, now.headline, now.findings, now.symptoms, now.unknown, now.paths = w.was.verdict, w.was.headline,
			w.was.findings, w.was.symptoms, w.was.unknown, w.was.paths
		w.was = now
		return
	}
	if now.verdict != w.was.verdict || now.headline != w.was.headline {
		w.say(s, verdict(d))
	}
	said := map[string]bool{} // two checks may ask the same
	for _, p := range s.Paths() {
		if text := now.paths[p.ID]; text != w.was.paths[p.ID] && !said[text] {
			said[text] = true
			w.say(s, words.Say("plain.now", "text", text))
		}
	}
	w.findings(s, d, now)
	differ(w, s, w.was.symptoms, now.symptoms, "plain.explained")
	differ(w, s, w.was.unknown, now.unknown, "plain.known-again")
	w.was = now
}

// differ says what is new or different in now, and by key what was and is no more.
func differ[K comparable](w *Writer, s *diag.State, was, now map[K]string, gone string) {
	var lines []string
	for key, text := range now {
		if was[key] != text {
			lines = append(lines, words.Say("plain.now", "text", text))
		}
	}
	for key, text := range was {
		if _, ok := now[key]; !ok {
			lines = append(lines, words.Say(gone, "text", text))
		}
	}
	slices.Sort(lines)
	for _, line := range lines {
		w.say(s, line)
	}
}

func (w *Writer) findings(s *diag.State, d why.Diagnosis, now known) {
	for _, f := range d.Findings {
		key := finding{f.Cause, f.Interface, f.Subject}
		before, had := w.was.findings[key]
		switch {
		case !had:
			w.say(s, words.Say("plain.finding-new", "finding", now.findings[key]))
			w.explain(f)
		case before != now.findings[key]:
			w.say(s, words.Say("plain.finding-changed", "finding", now.findings[key]))
		}
	}
	var gone []string
	for key, text := range w.was.findings {
		if _, ok := now.findings[key]; !ok {
			gone = append(gone, words.Say("plain.finding-gone", "finding", text))
		}
	}
	slices.Sort(gone)
	for _, line := range gone {
		w.say(s, line)
	}
}

// dropsSaid bounds the kinds of drops that are said.
const dropsSaid = 32

// drops says of each kind of packet that this host threw away, once, where and why.
func (w *Writer) drops(s *diag.State) {
	for _, e := range s.Drops() {
		d, ok := e.Body.(diag.Drop)
		if !ok || e.Seq <= w.drop {
			continue
		}
		w.drop = e.Seq
		kind := fmt.Sprint(d.Frame.Interface, d.Frame.Type, d.Frame.Out, d.Reason, d.Function)
		if !d.Telling() || w.dropped[kind] || len(w.dropped) == dropsSaid {
			continue
		}
		if w.dropped == nil {
			w.dropped = map[string]bool{}
		}
		w.dropped[kind] = true
		w.say(s, words.Say("plain.drop", "drop", diag.Describe(e)))
	}
}

func (w *Writer) neighbours(s *diag.State, now map[diag.InterfaceAddr]neighbour) {
	keys := diag.SortedFunc(maps.Keys(now), func(a, b diag.InterfaceAddr) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	for _, key := range keys {
		before, ok := w.was.neighbours[key]
		if !ok || before == now[key] {
			continue
		}
		to := now[key]
		what := to.key
		if before.key == to.key {
			what = "moved"
		}
		w.say(s, words.Say("plain.neighbour."+what, "address", key.Address, "interface", key.Interface,
			"mac", to.mac, "before", before.mac))
	}
}
