package checks

import (
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// BenchmarkPlan plans a run on a link with as much of everything as the program is made for.
func BenchmarkPlan(b *testing.B) {
	w := diagtest.LAN().Say(diagtest.Most.Bodies()...)
	w.Checks, w.Paths = nil, nil
	w.Run.Peers, w.Run.Add = nil, diag.AddNone
	s := w.State()
	var n int
	for b.Loop() {
		n = len(Plan(s))
	}
	b.ReportMetric(float64(n), "questions")
}
