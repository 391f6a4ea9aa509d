package render

import (
	"errors"
	"fmt"
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
	if err := Text(&b, r, Style{Width: 80, Detail: Everything}); err != nil {
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
			Conclusion: report.Conclusion{
				Cause: "peer.unmapped", Severity: why.Warning, Confidence: why.Likely, Subject: why.Subject{Kind: "peer", Value: peer},
				Summary: "Nobody answers for " + peer + ".",
			},
			Explanation: "Solicitations for it stayed unanswered.", Look: []string{"ndisc6 " + peer + " eth0"},
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
	if err := Text(&b, r, Style{Width: 80, Detail: Everything, Mask: hide.Text}); err != nil {
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
	for _, want := range []string{"silent!\n", "silent! a\n", "not sent! b\n", "\n  (a) neighbour discovery for it failed", "\n  (b) no copy of it"} {
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
	if err := errors.Join(Text(&text, r, Style{Width: 200, Detail: Everything}), Markdown(&markdown, r)); err != nil {
		t.Fatal(err)
	}
	const unasked = "Not asked: docker0, virbr0 (this host is the router there); wg0 (no neighbour discovery on it); connections from outside ("
	once := []string{unasked, "eth0, eth1: The router " + diagtest.RouterAddr.String() + " answers neighbour discovery but not ping"}
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

// app is a question asked as applications do, with what came of it.
func app(target string, asks diag.Asks, outcome diag.Outcome, normal bool) report.Path {
	out := "eth0"
	return report.Path{
		ID: "app " + target + string(asks), Interface: "eth0", Check: "internet", Asks: asks, SourceClass: diag.SourceAssigned, Target: target,
		TargetClass: diag.TargetPeer, Via: diag.ViaApp, Out: &out, Outcome: outcome, Normal: &normal, Way: "by " + out,
	}
}

// Whether the host works stands on the first screen, however many neighbours answer: what applications get no
// answer to, by which way it went, and that another way is answered. No address is cut, and nothing is wider than 80.
func TestTextSaysFirstWhatApplicationsDoNotGet(t *testing.T) {
	const host, source, iface = "2001:db8:ffff:8df0:d326:143a:2015:7071", "2001:db8:ea04:1115:f557:112e:f9bd:c7f4", "wireguard-15chr"
	r := report.Report{
		Verdict: why.VerdictCritical, Headline: "What applications send elsewhere is lost.", Profile: why.Recognition{Name: "lan", Confidence: why.Likely},
	}
	for i := range 40 {
		r.Paths = append(r.Paths, app(fmt.Sprintf("2001:db8:1f16:8df0:d326:143a:2015:7a%02x", i), diag.AsksEcho, diag.Answered, true))
	}
	lost := app(host, diag.AsksEcho, diag.Silent, false)
	lost.TargetClass, lost.Detail, lost.Note = diag.TargetInternet, "elsewhere", iface
	lost.Way = "by " + iface + ", table 51820, via fe80::ff:fe00:1"
	lost.Source = new(source)
	bound := app(host, diag.AsksEcho, diag.Answered, true)
	bound.ID, bound.Via, bound.Way, bound.Out, bound.TargetClass = "bound", diag.ViaKernel, "", nil, diag.TargetInternet
	r.Paths = append(r.Paths, lost, bound)

	lines := strings.Split(textOf(t, r), "\n")
	first := strings.Join(strings.Fields(strings.Join(lines[:24], " ")), " ")
	for _, want := range []string{"Internet " + host + " echo silent!", "by " + iface + ",", "table 51820,", source, "asked by eth0 itself, it answers"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is not on the first screen:\n%s", want, strings.Join(lines[:24], "\n"))
		}
	}
	for _, line := range lines {
		if len(line) > 80 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
}

// A connection that was reset reached its host: it is an answer, and said so.
func TestAResetIsAnAnswer(t *testing.T) {
	p := app("2001:db8:ffff::71", diag.AsksTCP, diag.Answered, true)
	p.Detail, p.Note = "closed", "443"
	r := report.Report{Verdict: why.VerdictOK, Headline: "Fine.", Profile: why.Recognition{Name: "lan", Confidence: why.Likely}, Paths: []report.Path{p}}
	var md strings.Builder
	if err := Markdown(&md, r); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{textOf(t, r), md.String()} {
		if !strings.Contains(text, "answered") || !strings.Contains(text, "answered with a reset: no program listens on port 443") || strings.Contains(text, "refused") {
			t.Errorf("not told as an answer:\n%s", text)
		}
	}
}

// In Markdown too, what applications do not get is the first row, with the way it went.
func TestMarkdownSaysFirstWhatApplicationsDoNotGet(t *testing.T) {
	bound := app("2001:db8:ffff::71", diag.AsksEcho, diag.Answered, true)
	bound.Via, bound.Way = diag.ViaKernel, ""
	lost := app("2001:db8:ffff::71", diag.AsksEcho, diag.Silent, false)
	lost.Way = "by wg0, table 51820"
	var md strings.Builder
	if err := Markdown(&md, report.Report{Verdict: why.VerdictCritical, Profile: why.Recognition{Name: "lan", Confidence: why.Likely}, Paths: []report.Path{bound, lost}}); err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(md.String(), "|---|\n")
	if row, _, _ := strings.Cut(rows, "\n"); !strings.Contains(row, "application | silent, by wg0, table 51820; asked by eth0 itself, it answers | **no**") {
		t.Errorf("the first row is not what applications do not get:\n%s", rows)
	}
}

// What sudo gives for once comes before what a file gets for good, in every text.
func TestSudoComesFirst(t *testing.T) {
	const forGood = "sudo setcap cap_net_raw=p /opt/ndwhy"
	r := report.Report{
		Verdict: why.VerdictUnknown, Headline: "ndwhy could not tell.", Profile: why.Recognition{Name: "lan", Confidence: why.Likely},
		Unknown: []why.Unknown{{What: string(diag.FeedFrames), Why: "CAP_NET_RAW is missing", Fix: forGood}},
	}
	var md, page strings.Builder
	if err := errors.Join(Markdown(&md, r), HTML(&page, r, Style{})); err != nil {
		t.Fatal(err)
	}
	var brief strings.Builder
	if err := Text(&brief, r, Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{textOf(t, r), md.String(), page.String(), brief.String()} {
		once, good := strings.Index(text, "sudo /opt/ndwhy check"), strings.Index(text, forGood)
		if once < 0 || good < once {
			t.Errorf("sudo at %d, setcap at %d:\n%s", once, good, text)
		}
	}
}
