package why

import (
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// TestTold: an answer that stayed away until this host told the asked one who asks shows that its own questions do not
// arrive, unless one was heard, or the answer was not long in coming.
func TestTold(t *testing.T) {
	for name, c := range map[string]struct {
		heard bool
		later time.Duration
		want  Confidence
	}{
		"after three of its own":         {false, 2500 * time.Millisecond, Likely},
		"after one of its own":           {false, 500 * time.Millisecond, Possible},
		"it was heard to ask":            {true, 2500 * time.Millisecond, ""},
		"sooner than anybody asks again": {false, 10 * time.Millisecond, ""},
	} {
		d := Diagnose(diagtest.Fold(diagtest.Told(c.heard, c.later)))
		var got Confidence
		for _, f := range d.Findings {
			if f.Cause == "net.snooping" {
				got = f.Confidence
			}
		}
		if got != c.want {
			t.Errorf("%s: net.snooping %q, want %q", name, got, c.want)
		}
	}
}

// Who was heard to look for this host at any time reaches its groups: that its next question waits for its turn is no loss.
func TestToldWhoWasHeardBefore(t *testing.T) {
	events := diagtest.Told(false, 2500*time.Millisecond)
	echo := len(events) - 3
	events = slices.Insert(events, echo, diag.Event{At: events[echo].At.Add(-time.Millisecond), Body: askedFor(diagtest.Mine)})
	for i := range events {
		events[i].Seq = int64(i + 1)
	}
	if got := named(Diagnose(diagtest.Fold(events))); slices.Contains(got, "net.snooping") {
		t.Errorf("named %v", got)
	}
}

// A neighbour that answers no ping from an address, told or not, shows nothing.
func TestUnansweredIsNotUnfound(t *testing.T) {
	w := diagtest.Unfound().Each(func(p diag.Path) bool { return p.Asks == diag.AsksFound }, func(p *diag.Path) { p.Detail = "" })
	if d := Diagnose(w.State()); d.Verdict != VerdictOK {
		t.Errorf("%s: %s", d.Verdict, d.Headline)
	}
}
