package report

import (
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// A Judgement is how an outcome reads in the light of what was found.
type Judgement int

// Judgements, in the order in which they outweigh each other where several outcomes share one mark.
const (
	Unasked    Judgement = iota // no question, or none that could be asked
	AsExpected                  // no answer, as is normal here
	Answered
	Undecided // nobody can say what is normal here
	Impaired  // answered, and not as it should be
	Wrong
)

// A Mark is what faces show of an outcome. Problem is the place in Problems, from 1, of the finding that
// explains what is wrong; 0 where none does.
type Mark struct {
	Judgement Judgement
	Problem   int
}

// Problems are the findings that somebody has to act on: all but the notes, in the report's order. Those that follow each
// other and say the same of several subjects are one, which has the others' names.
func (r Report) Problems() []Finding {
	var list []Finding
	for _, f := range r.Findings {
		if f.Severity == why.Info {
			continue
		}
		if n := len(list); n > 0 && list[n-1].saysOf(f) {
			list[n-1] = list[n-1].with(f)
			continue
		}
		list = append(list, f)
	}
	return list
}

// Faults is how many findings somebody has to act on, of every subject one.
func (r Report) Faults() int { return len(r.Findings) - len(r.Notes()) }

// saysOf reports whether another finding says the same of its own subject.
func (f Finding) saysOf(o Finding) bool {
	return f.Subject.Value != "" && f.Subject.Kind == o.Subject.Kind && f.Cause == o.Cause && f.Interface == o.Interface &&
		f.Severity == o.Severity && f.Confidence == o.Confidence && f.Explanation == o.Explanation && f.Subject != o.Subject &&
		strings.ReplaceAll(f.Summary, f.Subject.Value, o.Subject.Value) == o.Summary
}

// with is the finding and another that says the same, as one.
func (f Finding) with(o Finding) Finding {
	f.Others = append(slices.Clip(f.Others), o.Subject.Value)
	f.Explains = slices.Concat(f.Explains, o.Explains)
	f.Evidence = union(f.Evidence, o.Evidence)
	f.Remedy = union(f.Remedy, o.Remedy)
	f.Look = union(f.Look, o.Look)
	more := slices.Clone(o.Remedies)
	for i := range more { // said of either subject, it is one way to put both right
		more[i].Does = strings.ReplaceAll(more[i].Does, o.Subject.Value, f.Subject.Value)
	}
	f.Remedies = why.Together(f.Remedies, more)
	return f
}

// union is a list with what another has beyond it.
func union(list, more []string) []string {
	list = slices.Clip(list)
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// Says is the finding in a sentence, and a second one where it is so of other subjects as well.
func (f Finding) Says() string {
	if len(f.Others) == 0 {
		return f.Summary
	}
	return f.Summary + " " + f.SaysOthers()
}

// SaysOthers names the other subjects of which the same is so.
func (f Finding) SaysOthers() string {
	return words.Say("finding.others", "others", words.List(f.Others))
}

// Notes are the findings that only describe: what looks broken, and is not.
func (r Report) Notes() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Severity != why.Info })
}

// Accuses is the place in Problems, from 1, of the first problem that is about an address itself, whatever the address
// answered; 0: none is.
func (r Report) Accuses(iface, addr string) int {
	return 1 + slices.IndexFunc(r.Problems(), func(f Finding) bool {
		return f.Interface == iface && (f.Subject.Value == addr || slices.Contains(f.Others, addr))
	})
}

// mark gives every path its mark. What a problem explains is wrong, also where the outcome is normal for such a
// source: an address that nobody assigned is silent as it must be, and broken. What a note alone explains is no fault
// of which it is known that somebody has to act.
func (r Report) mark() {
	by, noted := map[string]int{}, map[string]bool{}
	for _, f := range r.Notes() {
		for _, id := range f.Explains {
			noted[id] = true
		}
	}
	for i, f := range slices.Backward(r.Problems()) {
		for _, id := range f.Explains {
			by[id] = i + 1
		}
	}
	for i := range r.Paths {
		p := &r.Paths[i]
		p.Mark = markOf(*p, by[p.ID], noted[p.ID])
	}
}

func markOf(p Path, problem int, noted bool) Mark {
	symptom := p.Normal != nil && !*p.Normal
	answered := p.Outcome == diag.Answered
	if p.Asks == diag.AsksDAD {
		answered = p.Outcome == diag.Silent // nobody else has the address
	}
	switch {
	case p.Outcome == diag.OutcomeSkipped:
		return Mark{}
	case symptom && !noted, problem > 0 && !answered:
		return Mark{Wrong, problem}
	case answered && problem > 0 && p.Received < p.Sent:
		return Mark{Impaired, problem}
	case answered:
		return Mark{Judgement: Answered}
	case p.Normal == nil, symptom:
		return Mark{Judgement: Undecided}
	default:
		return Mark{Judgement: AsExpected}
	}
}

// Join is the one mark of several outcomes: the worst, of the first problem among them.
func (m Mark) Join(other Mark) Mark {
	switch {
	case other.Judgement > m.Judgement, other.Judgement == m.Judgement && other.Problem > 0 && (m.Problem == 0 || other.Problem < m.Problem):
		return other
	default:
		return m
	}
}
