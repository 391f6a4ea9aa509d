package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

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
// missed. What no check asked, and what is known of the host alone, is a case of its own, "host".
func JUnit(w io.Writer, r report.Report) error {
	checkOf := map[string]string{}
	var checks []string
	for _, p := range r.Paths {
		checkOf[p.ID] = p.Check
		checks = append(checks, p.Check)
	}
	slices.Sort(checks)
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
	for _, check := range slices.Compact(append(checks, "host")) {
		add(junitCase{Name: check, Failures: failures[check]})
	}
	// What is not known has not passed.
	for _, u := range r.Unknown {
		add(junitCase{Name: u.What, Skipped: &junitFault{Message: u.Why}})
	}
	for _, s := range r.Skipped {
		if !slices.ContainsFunc(suite.Cases, func(c junitCase) bool { return c.Name == s.Check }) {
			add(junitCase{Name: s.Check, Skipped: &junitFault{Message: s.Why}})
		}
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
