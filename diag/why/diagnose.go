package why

import (
	"ndwhy/diag"
)

func diagnose(s *diag.State) Diagnosis {
	v := newView(s)
	d := Diagnosis{Profile: v.rec, Normal: v.normal, Evidence: map[int64]diag.Event{}, Fars: v.fars, Traces: v.traces, Links: v.normals.links}
	chosen := v.choose(v.hypotheses())
	covered := make([]bool, len(v.symptoms))
	for _, c := range chosen {
		for _, i := range c.symptoms {
			covered[i] = true
		}
		d.Findings = append(d.Findings, v.finding(c, d.Evidence))
	}
	diag.SortFunc(d.Findings, compareFindings)
	d.Unexplained = v.unexplained(covered)
	d.Unknown, d.NotAsked = v.unknown(), v.notAsked(d.Findings)
	d.Verdict = verdict(d)
	d.Headline = v.headline(d)
	return d
}
