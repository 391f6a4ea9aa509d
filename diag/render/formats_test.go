package render

import (
	"encoding/xml"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// A writtenReport is that of a cause's world, in a format.
type writtenReport struct {
	name string
	r    report.Report
	text string
}

func writtenAs(t *testing.T, format string) (list []writtenReport) {
	t.Helper()
	for _, c := range diagtest.CauseTests {
		s := c.World().State()
		r := report.New(s, why.Diagnose(s))
		var b strings.Builder
		if err := Formats[format](&b, r, Style{Width: 80}); err != nil {
			t.Fatal(c.Name, err)
		}
		list = append(list, writtenReport{c.Name, r, b.String()})
	}
	return list
}

// A plugin says one line: the verdict, the text, and behind the only bar what can be drawn.
func TestNagiosIsOneLine(t *testing.T) {
	datum := regexp.MustCompile(`^[a-z-]+(_rtt|_loss)?=[0-9.]+(s|ms|%)?;;;0(;100)?$`)
	for _, x := range writtenAs(t, "nagios") {
		line, rest, _ := strings.Cut(x.text, "\n")
		said, data, ok := strings.Cut(line, " | ")
		if rest != "" || !ok || strings.Contains(data, "|") || !strings.HasPrefix(said, "NDWHY "+strings.ToUpper(string(x.r.Verdict))+": ") {
			t.Errorf(x.name+": not a plugin's line: %q", x.text)
		}
		for d := range strings.FieldsSeq(data) {
			if !datum.MatchString(d) {
				t.Errorf(x.name+": no performance datum: %q", d)
			}
		}
	}
}

// Every metric is explained, and no address is a label: a fleet would have a series for each.
func TestPrometheusLabelsAreFew(t *testing.T) {
	value := regexp.MustCompile(`"([^"]*)"`)
	seen := map[string]bool{}
	for _, x := range writtenAs(t, "prometheus") {
		for line := range strings.Lines(x.text) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
			seen[name] = seen[name] || words.Has("prometheus."+name)
			for _, m := range value.FindAllStringSubmatch(line, -1) {
				if _, err := netip.ParseAddr(m[1]); err == nil {
					t.Errorf(x.name+": an address is a label: %s", line)
				}
			}
		}
	}
	for _, name := range []string{"ndwhy_verdict", "ndwhy_finding", "ndwhy_questions", "ndwhy_neighbours", "ndwhy_router_advertisement_age_seconds", "ndwhy_default_route_expiry_seconds", "ndwhy_check_timestamp_seconds"} {
		if !seen[name] {
			t.Errorf("%s is missing, or has no help", name)
		}
	}
}

// A CI server fails what is broken, passes nothing that is not known, and its counts are right.
func TestJUnitFailsWhatIsBroken(t *testing.T) {
	for _, x := range writtenAs(t, "junit") {
		var got junitSuites
		if err := xml.Unmarshal([]byte(x.text), &got); err != nil {
			t.Fatal(x.name, err)
		}
		failed, skipped, cases := 0, 0, 0
		causes := map[string]bool{}
		for _, c := range got.Suites[0].Cases {
			cases++
			failed += min(len(c.Failures), 1)
			if c.Skipped != nil {
				skipped++
			}
			for _, f := range c.Failures {
				causes[f.Type] = true
			}
		}
		if got.Tests != cases || got.Failures != failed || got.Suites[0].Skipped != skipped {
			t.Errorf(x.name+": counts %d %d %d, are %d %d %d", got.Tests, got.Failures, got.Suites[0].Skipped, cases, failed, skipped)
		}
		names := map[string]bool{}
		for _, c := range got.Suites[0].Cases {
			if names[c.Name] {
				t.Errorf(x.name+": two cases are called %s:\n%s", c.Name, x.text)
			}
			names[c.Name] = true
			passed := len(c.Failures) == 0 && c.Skipped == nil
			asked := slices.DeleteFunc(slices.Clone(x.r.Paths), func(p report.Path) bool { return p.Check != c.Name })
			if passed && len(asked) > 0 && !slices.ContainsFunc(asked, func(p report.Path) bool { return p.Outcome != diag.OutcomeSkipped }) {
				t.Errorf(x.name+": %s asked nothing, and passed", c.Name)
			}
		}
		for _, f := range x.r.Problems() {
			if !causes[f.Cause] {
				t.Errorf(x.name+": %s fails nothing:\n%s", f.Cause, x.text)
			}
		}
		if (x.r.Verdict == why.VerdictUnknown) && failed == 0 && skipped == 0 {
			t.Errorf(x.name+": a verdict that is not known has passed:\n%s", x.text)
		}
	}
}
