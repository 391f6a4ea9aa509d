package plain

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag/words"
	"ndwhy/ui"
)

// Lab says what is new in the lab: what was broken or mended, and what its switch did with the
// frames of verdicts, oldest first. Frames that it passed on as any switch would are not said; of the
// others each reason once, until something is broken or mended. It returns the first error of writing.
func (w *Writer) Lab(scenario string, verdicts []ui.Verdict, breaks []ui.Break) error {
	now := map[string]bool{}
	for _, b := range breaks {
		now[b.Title] = b.Broken
	}
	if !w.lab {
		w.lab, w.broken = true, map[string]bool{}
		w.line(words.Say("plain.lab", "scenario", scenario))
	}
	if !maps.Equal(now, w.broken) {
		w.marks = map[string]bool{}
	}
	for _, b := range breaks {
		switch was := w.broken[b.Title]; {
		case b.Broken && !was:
			w.line(words.Say("plain.lab.broken", "what", b.Title))
		case !b.Broken && was:
			w.line(words.Say("plain.lab.mended", "what", b.Title))
		}
	}
	w.broken = now
	for _, v := range verdicts {
		key := v.Port + " " + v.Verdict + " " + kindOf(v.Reason)
		if v.Verdict != "dropped" && v.Verdict != "answered" || w.marks[key] {
			continue
		}
		w.marks[key] = true
		w.line(words.Say("plain.lab."+v.Verdict, "port", v.Port, "frame", v.Summary, "reason", v.Reason, "time", v.Time.Format("15:04:05")))
	}
	return w.err
}

// kindOf is a reason without the addresses in it: it is said once, of whichever comes first.
func kindOf(reason string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(reason), func(word string) bool {
		_, err := netip.ParseAddr(strings.TrimRight(word, ".,:;"))
		return err == nil
	}), " ")
}
