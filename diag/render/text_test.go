package render

import (
	"strings"
	"testing"

	"ndwhy/diag"
)

func textOf(t *testing.T, r diag.Report) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, r, Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What the user turned off is known to the user: it is nothing that could not be told.
func TestTextLeavesOutWhatTheUserTurnedOff(t *testing.T) {
	off := diag.ReportSkipped{Check: "mtu", Why: "left out by --only or --skip", User: true}
	r := diag.Report{Verdict: diag.VerdictOK, Headline: "Fine.", Profile: diag.Recognition{Name: "lan", Confidence: diag.Likely}, Skipped: []diag.ReportSkipped{off}}
	if text := textOf(t, r); strings.Contains(text, "mtu") || strings.Contains(text, "NOT KNOWN") {
		t.Errorf("a check that was turned off is listed:\n%s", text)
	}
	r.Skipped = append(r.Skipped, diag.ReportSkipped{Check: "services", Why: "time was up"})
	if text := textOf(t, r); strings.Contains(text, "mtu") || !strings.Contains(text, "services") {
		t.Errorf("want the check that could not run, alone:\n%s", text)
	}
}

// Findings of one cause with one explanation are explained once.
func TestTextExplainsOnceWhatFindingsShare(t *testing.T) {
	finding := func(peer string) diag.ReportFinding {
		return diag.ReportFinding{
			Cause: "peer.unmapped", Severity: diag.Warning, Confidence: diag.Likely, Subject: diag.Subject{Kind: "peer", Value: peer},
			Summary: "Nobody answers for " + peer + ".", Explanation: "Solicitations for it stayed unanswered.", Remedy: []string{"ndisc6 " + peer + " eth0"},
		}
	}
	r := diag.Report{
		Verdict: diag.VerdictWarning, Headline: "Two.", Profile: diag.Recognition{Name: "lan", Confidence: diag.Likely},
		Findings: []diag.ReportFinding{finding("2001:db8::1"), finding("2001:db8::2")},
	}
	text := textOf(t, r)
	for _, want := range []string{"peer.unmapped", "Solicitations for it", "for 2001:db8::1.", "for 2001:db8::2.", "ndisc6 2001:db8::1 eth0", "ndisc6 2001:db8::2 eth0"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q stands %d times in:\n%s", want, strings.Count(text, want), text)
		}
	}
}
