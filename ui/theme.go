package ui

import (
	"strconv"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// A mark is the one character that stands for an outcome. No two meanings share a character: the
// colour only repeats what the character says.
type mark struct {
	s  string
	st style
}

var (
	markNone    = mark{" ", plain}
	markGood    = mark{"✓", green}
	markQuiet   = mark{"○", plain} // no answer, and none is normal here
	markBad     = mark{"✗", red | bold}
	markPart    = mark{"!", yellow | bold} // answered, and not as it should be
	markUnknown = mark{"?", yellow}
	markSkipped = mark{"–", dim}
	markWaiting = mark{"·", dim}
)

func (m mark) span() span { return span{m.s, m.st} }

// numbered is the mark with the number of the problem that explains it, where there are several.
func (m mark) numbered(problem int, several bool) []span {
	if !several || problem == 0 || problem > 9 || m != markBad && m != markPart {
		return []span{m.span()}
	}
	return []span{m.span(), {strconv.Itoa(problem), m.st &^ bold}}
}

// rank orders marks by how much they deserve attention.
func (m mark) rank() int {
	switch m {
	case markBad:
		return 6
	case markPart:
		return 5
	case markUnknown:
		return 4
	case markGood:
		return 3
	case markQuiet:
		return 2
	case markSkipped:
		return 1
	default:
		return 0
	}
}

// pathMark says what came of a question, in the light of what was found.
func pathMark(p *report.Path) mark {
	if p == nil {
		return markNone
	}
	return marks[p.Mark.Judgement]
}

// marks are those of a report, as screens show them.
var marks = map[report.Judgement]mark{
	report.Unasked: markSkipped, report.AsExpected: markQuiet, report.Answered: markGood,
	report.Undecided: markUnknown, report.Impaired: markPart, report.Wrong: markBad,
}

func verdictMark(v why.Verdict) mark {
	switch v {
	case why.VerdictOK:
		return mark{"✓", green | bold}
	case why.VerdictCritical:
		return mark{"✗", red | bold}
	case why.VerdictWarning:
		return mark{"!", yellow | bold}
	default:
		return mark{"?", yellow | bold}
	}
}

func severityMark(s why.Severity) mark {
	switch s {
	case why.Critical:
		return mark{"✗", red | bold}
	case why.Warning:
		return mark{"!", yellow | bold}
	default:
		return mark{"i", cyan}
	}
}

func upper(key string) string { return strings.ToUpper(words.Say(key)) }

// nudStyle colours a neighbour's state; the word stands beside it always.
func nudStyle(n diag.NUD) style {
	switch n {
	case diag.Reachable, diag.PermanentNUD, diag.NoARP:
		return green
	case diag.Incomplete, diag.Probing, diag.Delay, diag.Failed: // whom nobody answers for need not be missed
		return yellow
	default:
		return plain
	}
}
