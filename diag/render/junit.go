package render

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// JUnit XML as CI servers read it (the schema of Jenkins' xUnit plugin, junit-10.xsd).
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Hostname  string      `xml:"hostname,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string       `xml:"name,attr"`
		Classname string       `xml:"classname,attr"`
		Failures  []junitFault `xml:"failure"`
		Skipped   *junitFault  `xml:"skipped"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the report for a CI server: every check a test case, failed by the problems that explain what it
// missed, and skipped where it could ask nothing. What no check asked, and what is known of the host alone, is a case of its
// own, "host".
func JUnit(w io.Writer, r report.Report) error {
	checkOf := map[string]string{}
	paths := map[string][]report.Path{}
	for _, p := range r.Paths {
		checkOf[p.ID] = p.Check
		paths[p.Check] = append(paths[p.Check], p)
	}
	explained := map[string]bool{}
	failures := map[string][]junitFault{}
	fail := func(paths []string, fault junitFault) {
		var named []string
		for _, id := range paths {
			if check := checkOf[id]; check != "" && !slices.Contains(named, check) {
				named = append(named, check)
			}
		}
		if len(named) == 0 {
			named = []string{"host"}
		}
		for _, check := range named {
			failures[check] = append(failures[check], fault)
		}
	}
	for _, f := range r.Findings {
		for _, id := range f.Explains {
			explained[id] = true
		}
	}
	for _, f := range r.Problems() {
		lines := []string{f.Explanation}
		for _, s := range why.Steps(f.Remedies, f.Look) {
			lines = append(lines, s.Text)
		}
		fail(f.Explains, junitFault{r.On(f.Interface, f.Says()), f.Cause, strings.Join(lines, "\n")})
	}
	for _, u := range r.Unexplained {
		fail(u.Paths, junitFault{Message: words.Say("brief.unexplained", "symptom", u.Symptom), Type: "unexplained"})
	}
	seconds := fmt.Sprintf("%.3f", float64(r.DurationMS)/1000)
	suite := junitSuite{Name: "ndwhy", Time: seconds, Timestamp: strings.TrimSuffix(r.Started, "Z"), Hostname: r.Host}
	add := func(c junitCase) {
		c.Classname = "ndwhy"
		suite.Tests++
		suite.Failures += min(len(c.Failures), 1)
		if c.Skipped != nil {
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, c)
	}
	// What is not known has not passed.
	untold := map[string][]string{}
	for _, u := range r.Unknown {
		untold[u.What] = append(untold[u.What], u.Why)
	}
	for _, s := range r.Skipped {
		if len(untold[s.Check]) == 0 && len(paths[s.Check]) == 0 {
			untold[s.Check] = []string{s.Why}
		}
	}
	names := slices.Sorted(maps.Keys(paths))
	for _, name := range slices.Concat(names, []string{"host"}, slices.Sorted(maps.Keys(untold))) {
		if slices.ContainsFunc(suite.Cases, func(c junitCase) bool { return c.Name == name }) {
			continue
		}
		c := junitCase{Name: name, Failures: failures[name]}
		skipped := untold[name]
		if n := notAsked(paths[name]); n != "" {
			skipped = append(skipped, n)
		}
		if missed := followed(paths[name], explained); len(c.Failures) == 0 && len(missed) > 0 && r.Verdict != why.VerdictOK {
			c.Failures = []junitFault{{missed[0], "followed", strings.Join(missed, "\n")}}
		}
		if len(c.Failures) == 0 && len(skipped) > 0 {
			c.Skipped = &junitFault{Message: strings.Join(skipped, "; ")}
		}
		add(c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	err := enc.Encode(junitSuites{Name: "ndwhy", Tests: suite.Tests, Failures: suite.Failures, Time: seconds, Suites: []junitSuite{suite}})
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// notAsked says why none of the questions of a check was asked; "" where one was.
func notAsked(paths []report.Path) string {
	if len(paths) == 0 || slices.ContainsFunc(paths, func(p report.Path) bool { return p.Outcome != diag.OutcomeSkipped }) {
		return ""
	}
	return cmp.Or(detailOf(paths[0]), words.Say("outcome.skipped"))
}

// followed are the questions that were not answered as is normal and that no finding names: they follow from what was found.
func followed(paths []report.Path, explained map[string]bool) (list []string) {
	for _, p := range paths {
		if p.Normal == nil || *p.Normal || explained[p.ID] || p.Outcome == diag.OutcomeSkipped {
			continue
		}
		text := p.Target + ": " + words.Say("brief.asks."+string(p.Asks)) + " " + outcome(p)
		if detail := detailOf(p); detail != "" {
			text += ": " + detail
		}
		list = append(list, text)
	}
	return list
}
