package plain

import (
	"bytes"
	"strings"
	"testing"

	"ndwhy/diag/render"
	"ndwhy/ui"
)

// Of the lab is said what is broken and mended, and once each what the switch did that another would
// not have done: again after something was changed.
func TestLab(t *testing.T) {
	var out bytes.Buffer
	w := New(&out, render.Style{}, strings.Clone)
	heard := func(verdicts []ui.Verdict, breaks ...ui.Break) []string {
		t.Helper()
		if err := w.Lab("vpc", verdicts, breaks); err != nil {
			t.Fatal(err)
		}
		defer out.Reset()
		if out.Len() == 0 {
			return nil
		}
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	stopped := ui.Break{ID: "stop-peer", Title: "ubuntu2 is stopped"}
	dropped := ui.Verdict{Port: "ubuntu1", Verdict: "dropped", Reason: "no multicast here", Summary: "fe80::1 > ff02::1: echo request"}
	other := dropped
	other.Summary = "fe80::1 > ff02::1: echo request again"
	seen := []ui.Verdict{
		dropped,
		{Port: "ubuntu1", Verdict: "forwarded", Reason: "routed", Summary: "x"},
		other,
		{Port: "ubuntu1", Verdict: "answered", Reason: "fe80::2 is ubuntu2's", Summary: "NS: who has fe80::2"},
		{Port: "ubuntu1", Verdict: "answered", Reason: "fe80::3 is ubuntu2's", Summary: "NS: who has fe80::3"},
	}
	want(t, "at first", heard(seen, stopped), "^The lab vpc", "^The switch drops at ubuntu1: .*echo request\\. Why: no multicast here",
		"^The switch answers ubuntu1 itself: NS: who has fe80::2. Why: fe80::2 is ubuntu2's")
	want(t, "again", heard(seen, stopped))
	stopped.Broken = true
	want(t, "broken", heard([]ui.Verdict{dropped}, stopped), "^Broken in the lab: ubuntu2 is stopped", "^The switch drops")
	stopped.Broken = false
	want(t, "mended", heard(nil, stopped), "^Mended in the lab; no more: ubuntu2 is stopped")
}
