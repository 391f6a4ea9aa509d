package render

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/redact"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

func textOf(t *testing.T, r report.Report) string {
	t.Helper()
	var b strings.Builder
	if err := Text(&b, r, Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What the user turned off is known to the user: it is nothing that could not be told.
func TestTextLeavesOutWhatTheUserTurnedOff(t *testing.T) {
	off := report.Skipped{Check: "mtu", Why: "left out by --only or --skip", User: true}
	r := report.Report{Verdict: why.VerdictOK, Headline: "Fine.", Profile: why.Recognition{Name: "lan", Confidence: why.Likely}, Skipped: []report.Skipped{off}}
	if text := textOf(t, r); strings.Contains(text, "mtu") || strings.Contains(text, "NOT KNOWN") {
		t.Errorf("a check that was turned off is listed:\n%s", text)
	}
	r.Skipped = append(r.Skipped, report.Skipped{Check: "services", Why: "time was up"})
	if text := textOf(t, r); strings.Contains(text, "mtu") || !strings.Contains(text, "services") {
		t.Errorf("want the check that could not run, alone:\n%s", text)
	}
}

// Findings of one cause with one explanation are explained once.
func TestTextExplainsOnceWhatFindingsShare(t *testing.T) {
	finding := func(peer string) report.Finding {
		return report.Finding{
			Cause: "peer.unmapped", Severity: why.Warning, Confidence: why.Likely, Subject: why.Subject{Kind: "peer", Value: peer},
			Summary: "Nobody answers for " + peer + ".", Explanation: "Solicitations for it stayed unanswered.", Remedy: []string{"ndisc6 " + peer + " eth0"},
		}
	}
	r := report.Report{
		Verdict: why.VerdictWarning, Headline: "Two.", Profile: why.Recognition{Name: "lan", Confidence: why.Likely},
		Findings: []report.Finding{finding("2001:db8::1"), finding("2001:db8::2")},
	}
	text := textOf(t, r)
	for _, want := range []string{"peer.unmapped", "Solicitations for it", "for 2001:db8::1.", "for 2001:db8::2.", "ndisc6 2001:db8::1 eth0", "ndisc6 2001:db8::2 eth0"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q stands %d times in:\n%s", want, strings.Count(text, want), text)
		}
	}
}

// An address that is assigned and not configured is said within the width, in the column of the rest;
// with addresses hidden everything stands where it stood.
func TestTextKeepsItsColumns(t *testing.T) {
	mac := "06:f0:13:eb:c6:1d"
	r := report.Report{
		Verdict: why.VerdictOK, Headline: "Fine.", Profile: why.Recognition{Name: "aws", Confidence: why.Certain},
		Addresses: []report.Address{{Interface: "eth0", Address: "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3", PrefixLen: 128, Flags: []string{"noprefixroute", "mngtmpaddr"}}},
		Assigned:  []report.Assigned{{Interface: "eth0", Prefix: "2001:db8:1f16:8df0:f557:112e:f9bd:c7f4/128", Source: diag.FromIMDS}},
	}
	r.Neighbours.Asked = []report.Neighbour{{Address: "2001:db8:1f16:8df0:d326:143a:2015:79fa", MAC: &mac, State: diag.Reachable}}
	columns := func(text string) (at []int) {
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) > 80 {
				t.Errorf("%d columns: %q", len(line), line)
			}
			for _, word := range []string{"assigned (imds)", "NOT KNOWN", "REACHABLE"} {
				if i := strings.Index(line, word); i > 0 {
					at = append(at, i)
				}
			}
		}
		return at
	}
	shown := columns(textOf(t, r))
	var b strings.Builder
	hide := redact.Redactor{On: true}
	if err := Text(&b, r, Style{Width: 80, Mask: hide.Text}); err != nil {
		t.Fatal(err)
	}
	if hidden := columns(b.String()); len(shown) == 0 || !slices.Equal(shown, hidden) {
		t.Errorf("columns %v, and %v with addresses hidden:\n%s", shown, hidden, b.String())
	}
	if strings.Contains(b.String(), "2001:db8:1f16") {
		t.Errorf("not hidden:\n%s", b.String())
	}
}

// What an outcome leaves open is said below the matrix, and a letter tells of which: not of all that look
// alike. It fits 80 columns at its longest.
func TestTextMarksWhatANoteIsAbout(t *testing.T) {
	symptom := false
	path := func(id, target string, outcome diag.Outcome, detail string) report.Path {
		source := "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3"
		return report.Path{
			ID: id, Interface: "eth0", Check: "peer-echo", Asks: diag.AsksEcho, Source: &source, SourceClass: diag.SourceAssigned,
			Target: target, TargetClass: diag.TargetPeer, Via: diag.ViaKernel, Outcome: outcome, Normal: &symptom, Detail: detail,
		}
	}
	text := textOf(t, report.Report{
		Verdict: why.VerdictWarning, Headline: "Some.", Profile: why.Recognition{Name: "lan", Confidence: why.Likely},
		Paths: []report.Path{
			path("p1", "2001:db8:1f16:8df0:d326:143a:2015:7001", diag.Silent, ""),
			path("p2", "2001:db8:1f16:8df0:d326:143a:2015:7002", diag.Silent, "unresolved"),
			path("p3", "2001:db8:1f16:8df0:d326:143a:2015:7003", diag.Unsent, "not-seen-leaving"),
		},
	})
	for _, want := range []string{"silent!\n", "silent! a\n", "not sent! b\n", "\n  (a) its neighbour discovery failed", "\n  (b) no copy of it"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q stands %d times in:\n%s", want, strings.Count(text, want), text)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
}

// Of several interfaces each line says which it is about, what holds of all of them once; and every format
// that people read says what was not asked.
func TestSeveralInterfaces(t *testing.T) {
	w := diagtest.VPC().Second(func(diag.Path) bool { return true })
	w.Run.NotExamined = []diag.NotExamined{{Interface: "docker0", Why: diag.ExamineInside}, {Interface: "virbr0", Why: diag.ExamineInside}, {Interface: "wg0", Why: diag.ExamineNoND}}
	s := w.State()
	r := report.New(s, why.Diagnose(s))
	var text, markdown strings.Builder
	if err := errors.Join(Text(&text, r, Style{Width: 200}), Markdown(&markdown, r)); err != nil {
		t.Fatal(err)
	}
	const unasked = "Not asked: docker0, virbr0 (this host is the router there); wg0 (no neighbour discovery on it); from outside in ("
	once := []string{unasked, "eth0, eth1: The router " + diagtest.RouterAddr.String() + " is there and does not answer ping"}
	for _, want := range append(once, "eth1: assigned (imds)", "eth1: "+diagtest.RouterAddr.String(), "eth1: STALE") {
		if n := strings.Count(text.String(), want); n == 0 || n > 1 && slices.Contains(once, want) {
			t.Errorf("%d times %q in:\n%s", n, want, text.String())
		}
	}
	for _, want := range []string{unasked, "eth1: The router ", "| `eth1` `" + diagtest.SecondOwn.String() + "`"} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("no %q in:\n%s", want, markdown.String())
		}
	}
}
