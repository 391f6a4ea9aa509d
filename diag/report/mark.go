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

// Problems are the findings that somebody has to act on: all but the notes, in the report's order. Those that say the
// same of several subjects are one, where the first of them stands, which has the others' names.
func (r Report) Problems() []Finding {
	var list []Finding
	for _, kin := range r.kin() {
		list = append(list, kin[0].with(kin[1:]))
	}
	return list
}

// kin are the findings that somebody has to act on, those that say the same of several subjects together.
func (r Report) kin() (list [][]Finding) {
	at := map[string]int{}
	for _, f := range r.Findings {
		if f.Severity == why.Info {
			continue
		}
		key := f.kin()
		if i, had := at[key]; had && key != "" {
			list[i] = append(list[i], f)
			continue
		}
		at[key] = len(list)
		list = append(list, []Finding{f})
	}
	return list
}

// Faults is how many findings somebody has to act on, of every subject one.
func (r Report) Faults() int { return len(r.Findings) - len(r.Notes()) }

// kin is the same of findings that say the same of their subjects.
func (f Finding) kin() string {
	return why.Finding{
		Cause: f.Cause, Interface: f.Interface, Subject: f.Subject, Severity: f.Severity, Confidence: f.Confidence,
		Summary: f.Summary, Explanation: f.Explanation,
	}.Kin()
}

// with is the finding and others that say the same, as one.
func (f Finding) with(others []Finding) Finding {
	if len(others) == 0 {
		return f
	}
	explains, evidence, remedy, look := [][]string{f.Explains}, [][]string{f.Evidence}, [][]string{f.Remedy}, [][]string{f.Look}
	remedies := [][]why.Advice{f.Remedies}
	f.Others = nil
	for _, o := range others {
		f.Others = append(f.Others, o.Subject.Value)
		explains, evidence, remedy, look = append(explains, o.Explains), append(evidence, o.Evidence), append(remedy, o.Remedy), append(look, o.Look)
		more := slices.Clone(o.Remedies)
		for i := range more { // said of either subject, it is one way to put both right
			more[i].Does = strings.ReplaceAll(more[i].Does, o.Subject.Value, f.Subject.Value)
		}
		remedies = append(remedies, more)
	}
	f.Explains, f.Evidence, f.Remedy, f.Look = union(explains), union(evidence), union(remedy), union(look)
	f.Remedies = why.Together(remedies...)
	return f
}

// union is what the lists have, each once, in their order.
func union(lists [][]string) []string {
	seen := map[string]bool{}
	var all []string
	for _, s := range slices.Concat(lists...) {
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
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
	about := func(f Finding) bool { return f.Severity != why.Info && f.Interface == iface && f.Subject.Value == addr }
	if !slices.ContainsFunc(r.Findings, about) {
		return 0 // of most addresses nothing is said
	}
	for i, kin := range r.kin() {
		if slices.ContainsFunc(kin, about) {
			return i + 1
		}
	}
	return 0
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
	case answered && (problem > 0 || noted) && p.Received < p.Sent:
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
