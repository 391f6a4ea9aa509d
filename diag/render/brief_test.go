package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

func briefOf(t *testing.T, s *diag.State) (report.Report, []string) {
	t.Helper()
	r := report.New(s, why.Diagnose(s))
	var b strings.Builder
	if err := Text(&b, r, Style{Width: 80}); err != nil {
		t.Fatal(err)
	}
	return r, strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// One screen of 24 lines has all that matters of one problem, ten lines say that all is well, whatever the cause:
// the verdict first, no line but a command wider than 80, the table's numbers those of the problems.
func TestBriefFitsOneScreen(t *testing.T) {
	for _, c := range diagtest.CauseTests {
		t.Run(c.Name, func(t *testing.T) {
			r, lines := briefOf(t, c.World().State())
			text := strings.Join(lines, "\n")
			if !strings.HasPrefix(text, strings.ToUpper(string(r.Verdict))) {
				t.Errorf("the verdict does not come first:\n%s", text)
			}
			problems := len(r.Problems())
			most := screen
			if r.Verdict == why.VerdictOK && !strings.Contains(text, "\nAlso") {
				most = 10
			}
			if problems <= 1 && len(lines) > most {
				t.Errorf("%d lines for %d problems, want at most %d:\n%s", len(lines), problems, most, text)
			}
			var commands []string
			for _, f := range r.Problems() {
				commands = append(commands, f.Remedy...)
			}
			for _, u := range r.Unknown {
				commands = append(commands, u.Fix)
			}
			for i, line := range lines {
				command := slices.ContainsFunc(commands, func(c string) bool { return strings.HasSuffix(line, c) })
				if n := utf8.RuneCountInString(line); n > 80 && !command {
					t.Errorf("line %d has %d columns: %q", i+1, n, line)
				}
			}
			for n := problems + 1; n < 10; n++ {
				if strings.Contains(text, fmt.Sprintf("✗%d", n)) {
					t.Errorf("a mark leads to problem %d of %d:\n%s", n, problems, text)
				}
			}
			if problems > 0 && !strings.Contains(text, "\nDo ") {
				t.Errorf("what to do is missing:\n%s", text)
			}
		})
	}
}

// What a problem explains is marked as wrong, also where the silence is as it must be for such a source; what
// nobody has to act on is not.
func TestMarksFollowFindings(t *testing.T) {
	for _, c := range diagtest.CauseTests {
		s := c.World().State()
		r := report.New(s, why.Diagnose(s))
		explained := map[string]bool{}
		for _, f := range r.Problems() {
			for _, id := range f.Explains {
				explained[id] = true
			}
		}
		for _, p := range r.Paths {
			symptom := p.Normal != nil && !*p.Normal
			missed := p.Outcome == diag.Silent && p.Asks != diag.AsksDAD || p.Outcome == diag.Refused
			m := p.Mark
			if (explained[p.ID] && missed) != (m.Problem > 0 && m.Judgement == report.Wrong) && missed {
				t.Errorf("%s: %s %s from %v is %s, explained %v, and marked %v", c.Name, p.Asks, p.Target, p.Source, p.Outcome, explained[p.ID], m)
			}
			if m.Judgement == report.Wrong && !symptom && !explained[p.ID] {
				t.Errorf("%s: %s %s is marked wrong, and neither a symptom nor explained", c.Name, p.Asks, p.Target)
			}
		}
	}
}

// The proof is a contrast: the same question, answered but for one difference.
func TestContrastsDifferInOneThing(t *testing.T) {
	seen := 0
	for _, c := range diagtest.CauseTests {
		s := c.World().State()
		r := report.New(s, why.Diagnose(s))
		for _, f := range r.Problems() {
			for _, x := range r.Contrasts(f, 2) {
				seen++
				source := *x.Answered.Source != *x.Missed.Source
				via := x.Answered.Via != x.Missed.Via
				if source == via || source != x.BySource || x.Answered.Target != x.Missed.Target || x.Answered.Asks != x.Missed.Asks || x.Missed.Outcome == diag.Answered {
					t.Errorf("%s: no contrast: %+v", c.Name, x)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no cause is proven by a contrast")
	}
}

// Loss takes answers by chance: which of two questions got one proves nothing.
func TestLossIsNoContrast(t *testing.T) {
	r := report.Report{
		Paths: []report.Path{
			{ID: "p1", Target: "fe80::1", Asks: diag.AsksEcho, Source: new("fe80::2"), Via: diag.ViaKernel, Outcome: diag.Silent},
			{ID: "p2", Target: "fe80::1", Asks: diag.AsksEcho, Source: new("fe80::2"), Via: diag.ViaWire, Outcome: diag.Answered},
		},
	}
	f := report.Finding{Conclusion: report.Conclusion{Cause: why.Loss}, Explains: []string{"p1"}}
	if got := r.Contrasts(f, 2); len(got) > 0 {
		t.Errorf("loss is proven by %+v", got)
	}
	if f.Cause = "host.firewall"; len(r.Contrasts(f, 2)) != 1 {
		t.Error("a rule is not proven by what differs in the way alone")
	}
}

// What stood in full above has a short name below, save in what is there to be copied; marks that do not speak for
// themselves are explained, whatever the room; and an address is said to be of the interface that has it.
func TestBriefNames(t *testing.T) {
	addr := diagtest.PeerGlobal.String()
	_, lines := briefOf(t, diagtest.VPC().Silence(diagtest.To(diagtest.PeerGlobal)).State())
	text := strings.Join(lines, "\n")
	if head, rest, _ := strings.Cut(text, "\nWhy "); strings.Count(head, addr) != 1 || strings.Contains(rest, addr) {
		t.Errorf("the peer's address is to stand in full once, in the first sentence:\n%s", text)
	}
	for _, c := range diagtest.CauseTests {
		_, lines := briefOf(t, c.World().State())
		table, legend := "", false
		for _, line := range lines {
			switch {
			case strings.HasPrefix(line, "Who reaches whom"):
				table = line
			case table != "" && strings.HasPrefix(line, "  "):
				table += line
				legend = legend || strings.Contains(line, "not known")
			case table != "" && !strings.HasPrefix(line, " "):
				if strings.Contains(table, " ? ") && !legend {
					t.Errorf("%s: nothing says what ? means:\n%s", c.Name, strings.Join(lines, "\n"))
				}
				table = ""
			}
		}
	}
}
