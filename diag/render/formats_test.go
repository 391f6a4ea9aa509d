package render

import (
	"encoding/xml"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"ndwhy/diag/diagtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// each writes the report of every cause's world in a format.
func each(t *testing.T, format string, look func(t *testing.T, r report.Report, text string)) {
	for _, c := range diagtest.CauseTests {
		t.Run(c.Name, func(t *testing.T) {
			s := c.World().State()
			r := report.New(s, why.Diagnose(s))
			var b strings.Builder
			if err := Formats[format](&b, r, Style{Width: 80}); err != nil {
				t.Fatal(err)
			}
			look(t, r, b.String())
		})
	}
}

// A plugin says one line: the verdict, the text, and behind the only bar what can be drawn.
func TestNagiosIsOneLine(t *testing.T) {
	datum := regexp.MustCompile(`^[a-z-]+(_rtt|_loss)?=[0-9.]+(s|ms|%)?;;;0(;100)?$`)
	each(t, "nagios", func(t *testing.T, r report.Report, text string) {
		line, rest, _ := strings.Cut(text, "\n")
		said, data, ok := strings.Cut(line, " | ")
		if rest != "" || !ok || strings.Contains(data, "|") || !strings.HasPrefix(said, "NDWHY "+strings.ToUpper(string(r.Verdict))+": ") {
			t.Errorf("not a plugin's line: %q", text)
		}
		for d := range strings.FieldsSeq(data) {
			if !datum.MatchString(d) {
				t.Errorf("no performance datum: %q", d)
			}
		}
	})
}

// Every metric is explained, and no address is a label: a fleet would have a series for each.
func TestPrometheusLabelsAreFew(t *testing.T) {
	value := regexp.MustCompile(`"([^"]*)"`)
	seen := map[string]bool{}
	each(t, "prometheus", func(t *testing.T, _ report.Report, text string) {
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(strings.TrimPrefix(line, "# HELP "), " ")
			seen[name] = seen[name] || words.Has("prometheus."+name)
			for _, m := range value.FindAllStringSubmatch(line, -1) {
				if _, err := netip.ParseAddr(m[1]); err == nil {
					t.Errorf("an address is a label: %s", line)
				}
			}
		}
	})
	for _, name := range []string{"ndwhy_verdict", "ndwhy_finding", "ndwhy_questions", "ndwhy_neighbours", "ndwhy_router_advertisement_age_seconds", "ndwhy_default_route_expiry_seconds", "ndwhy_check_timestamp_seconds"} {
		if !seen[name] {
			t.Errorf("%s is missing, or has no help", name)
		}
	}
}

// A CI server fails what is broken, passes nothing that is not known, and its counts are right.
func TestJUnitFailsWhatIsBroken(t *testing.T) {
	each(t, "junit", func(t *testing.T, r report.Report, text string) {
		var got junitSuites
		if err := xml.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
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
			t.Errorf("counts %d %d %d, are %d %d %d", got.Tests, got.Failures, got.Suites[0].Skipped, cases, failed, skipped)
		}
		for _, f := range r.Problems() {
			if !causes[f.Cause] {
				t.Errorf("%s fails nothing:\n%s", f.Cause, text)
			}
		}
		if (r.Verdict == why.VerdictUnknown) && failed == 0 && skipped == 0 {
			t.Errorf("a verdict that is not known has passed:\n%s", text)
		}
	})
}
