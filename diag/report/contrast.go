package report

import (
	"cmp"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

// A Contrast is a proof: the same question twice, answered once, and one difference.
type Contrast struct {
	Answered, Missed Path
	// BySource: only the source differs. Otherwise it is the way of asking.
	BySource bool
}

// Contrasts returns, for what a finding explains, the questions that were answered but for one difference; at
// most n, each target once.
func (r Report) Contrasts(f Finding, n int) []Contrast {
	type question struct {
		iface, target string
		asks          diag.Asks
	}
	of := func(p Path) question { return question{p.Interface, p.Target, p.Asks} }
	answered := map[question][]Path{}
	byID := make(map[string]Path, len(r.Paths))
	for _, p := range r.Paths {
		byID[p.ID] = p
		if p.Outcome == diag.Answered {
			answered[of(p)] = append(answered[of(p)], p)
		}
	}
	var list []Contrast
	if f.Cause == why.Loss {
		return list // which of them got lost is chance
	}
	shown := map[question]bool{}
	for _, id := range f.Explains {
		p := byID[id]
		if p.ID == "" || p.Outcome == diag.Answered || p.Outcome == diag.OutcomeSkipped || p.Asks == diag.AsksDAD || shown[of(p)] {
			continue
		}
		if c, ok := against(p, answered[of(p)]); ok {
			shown[of(p)] = true
			list = append(list, c)
		}
		if len(list) == n {
			break
		}
	}
	return list
}

// against finds among answered questions one that differs from p in its source alone, or in its way alone.
func against(p Path, answered []Path) (best Contrast, ok bool) {
	for _, q := range answered {
		source := sourceText(q) != sourceText(p)
		if source == (q.Via != p.Via) {
			continue // both differ, or none
		}
		if !ok || source && !best.BySource {
			best, ok = Contrast{Answered: q, Missed: p, BySource: source}, true
		}
	}
	return best, ok
}

func sourceText(p Path) string { return *cmp.Or(p.Source, new(string)) }
