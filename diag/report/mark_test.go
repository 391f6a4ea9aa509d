package report

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

// Problems that say the same of several hosts are one, with one number for all their marks and one way to put all right;
// what differs in anything else stays apart, and the report keeps every finding.
func TestProblemsThatSayTheSameAreOne(t *testing.T) {
	of := func(addr string, change func(*Finding)) Finding {
		f := Finding{
			Conclusion: Conclusion{
				Cause: "peer.unmapped", Interface: "eth0", Subject: why.Subject{Kind: "peer", Value: addr}, Severity: why.Warning,
				Summary: "Nobody answers for " + addr + ".",
			},
			Explanation: "It is not there.", Explains: []string{"to " + addr},
			Remedies: []why.Advice{{Does: "Start " + addr + ".", Do: []string{"start " + addr}}},
		}
		if change != nil {
			change(&f)
		}
		return f
	}
	r := Report{Findings: []Finding{
		of("fe80::1", nil), of("fe80::2", nil),
		of("fe80::4", func(f *Finding) { f.Interface = "eth1" }),
		of("fe80::5", func(f *Finding) { f.Summary = "fe80::5 is silent." }),
		of("fe80::6", func(f *Finding) { f.Confidence = why.Certain }),
		of("fe80::3", nil), // others stand between
	}}
	got := r.Problems()
	if len(got) != 4 || r.Faults() != 6 {
		t.Fatalf("%d problems and %d faults, want 4 and 6", len(got), r.Faults())
	}
	first := got[0]
	if want := "Nobody answers for fe80::1. The same goes for fe80::2, fe80::3."; first.Says() != want {
		t.Errorf("it says %q, want %q", first.Says(), want)
	}
	if !slices.Equal(first.Explains, []string{"to fe80::1", "to fe80::2", "to fe80::3"}) {
		t.Errorf("it explains %q", first.Explains)
	}
	if len(first.Remedies) != 1 || !slices.Equal(first.Remedies[0].Do, []string{"start fe80::1", "start fe80::2", "start fe80::3"}) {
		t.Errorf("what to do is %+v", first.Remedies)
	}
	if n := r.Accuses("eth0", "fe80::3"); n != 1 {
		t.Errorf("fe80::3 is of problem %d, want 1", n)
	}
	if n := r.Accuses("eth0", "fe80::5"); n != 3 {
		t.Errorf("fe80::5 is of problem %d, want 3", n)
	}
	if f := r.Findings[0]; len(f.Others) > 0 || len(f.Explains) != 1 {
		t.Errorf("the report's own finding changed: %+v", f)
	}
}

// A host that leaves out some answers has the mark of that also where it is only remarked, and nobody has to act: its
// row is not the same as that of one which answers everything.
func TestWhatIsRemarkedIsMarked(t *testing.T) {
	partly := Path{ID: "p1", Outcome: diag.Answered, Sent: 10, Received: 7, Normal: new(true)}
	whole := Path{ID: "p2", Outcome: diag.Answered, Sent: 2, Received: 2, Normal: new(true)}
	for severity, want := range map[why.Severity]Mark{why.Info: {Judgement: Impaired}, why.Warning: {Impaired, 1}} {
		r := Report{
			Paths:    []Path{partly, whole},
			Findings: []Finding{{Conclusion: Conclusion{Cause: why.Loss, Severity: severity}, Explains: []string{"p1", "p2"}}},
		}
		r.mark()
		if r.Paths[0].Mark != want {
			t.Errorf("%s: what was answered in part is marked %v, want %v", severity, r.Paths[0].Mark, want)
		}
		if r.Paths[1].Mark != (Mark{Judgement: Answered}) {
			t.Errorf("%s: what was answered is marked %v", severity, r.Paths[1].Mark)
		}
	}
}
