package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
)

// TestMain lets the test binary be the lab and, inside it, the program: `ndwhy ...` there is run,
// and `ndwhy test-NAME` one of helpers.
func TestMain(m *testing.M) {
	labtest.Main(m, func(args []string) int {
		if len(args) > 0 {
			if helper, ok := helpers[args[0]]; ok {
				if err := helper(args[1:]); err != nil {
					fmt.Fprintln(os.Stderr, args[0]+":", err)
					return 1
				}
				return 0
			}
		}
		confines = true
		return run(args, os.Stdin, os.Stdout, os.Stderr)
	})
}

// helpers are what tests need done inside a lab, where nothing but Go is sure to be there.
var helpers = map[string]func(args []string) error{
	"test-address":      addAddress,
	"test-safety":       besideTraffic,
	"test-unprivileged": unprivileged,
	"test-vanish":       vanish,
	"test-took":         took,
	"test-sweep":        sweep,
	"test-endless":      endless,
	"test-hang":         hang,
	"test-bounded":      bounded,
	"test-bare":         bare,
	"test-by-file":      byFile,
	"test-chroot":       chrooted,
	"test-delete":       deleteLink,
}

// The lab's addresses, as in the article.
const (
	ubuntu1   = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3"
	ubuntu1LL = "fe80::4df:a5ff:fe6c:5d57"
	next      = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f4"
	ubuntu2   = "2001:db8:1f16:8df0:d326:143a:2015:79fa"
	ubuntu2LL = "fe80::4f0:13ff:feeb:c61d"
	second    = "2001:db8:1f16:8df0:d326:143a:2015:7a01"
	routerLL  = "fe80::4fd:d1ff:fec8:f9cf"
	subnetOne = "2001:db8:1f16:8df0::1"
	articleLL = "fe80::1234"
)

// readReport decodes what check --json printed.
func readReport(t *testing.T, r labtest.Result) report.Report {
	t.Helper()
	var got report.Report
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil {
		t.Fatalf("exit %d, no report: %v\n%s%s", r.Code, err, r.Stdout, r.Stderr)
	}
	return got
}

// check runs the check in a lab and wants it to find no fault.
func check(t *testing.T, scenario string, args ...string) (report.Report, labtest.Result) {
	t.Helper()
	r := labtest.Run(t, scenario, append([]string{"ndwhy", "check", "--json"}, args...)...)
	got := readReport(t, r)
	if r.Code != 0 {
		t.Errorf("exit %d, want 0: %s: %s", r.Code, got.Verdict, got.Headline)
	}
	return got, r
}

// A want is what the paths of a report are to be: empty fields match all.
type want struct {
	check          string
	asks           diag.Asks
	source, target string
	via            diag.Via
	outcome        diag.Outcome
	// abnormal: the outcome is wanted to be a symptom; else it is wanted not to be one.
	abnormal bool
}

func (w want) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s > %s %s", w.check, w.asks, w.source, w.target, w.via))
}

// paths checks that there are paths of each kind, and that all that were asked came out as wanted.
func paths(t *testing.T, r report.Report, wants ...want) {
	t.Helper()
	for _, w := range wants {
		n := 0
		for _, p := range r.Paths {
			source := ""
			if p.Source != nil {
				source = *p.Source
			}
			if p.Check != w.check || w.asks != "" && p.Asks != w.asks || w.source != "" && source != w.source ||
				w.target != "" && p.Target != w.target || w.via != "" && p.Via != w.via {
				continue
			}
			if p.Outcome == diag.OutcomeSkipped && w.outcome != diag.OutcomeSkipped {
				continue
			}
			n++
			if p.Outcome != w.outcome {
				t.Errorf("%s: %s > %s %s by %s: %s (%s %s), want %s", w, source, p.Target, p.Asks, p.Via, p.Outcome, p.Detail, p.Note, w.outcome)
			}
			if abnormal := p.Normal != nil && !*p.Normal; abnormal != w.abnormal {
				t.Errorf("%s: %s by %s: a symptom: %v, want %v", w, p.Target, p.Via, abnormal, w.abnormal)
			}
			if len(p.Evidence) == 0 && p.Outcome != diag.OutcomeSkipped {
				t.Errorf("%s: %s by %s has no evidence", w, p.Target, p.Via)
			}
		}
		if n == 0 {
			t.Errorf("%s: was not asked", w)
		}
	}
}

// causes checks which causes were found, each once or more.
func causes(t *testing.T, r report.Report, want ...string) {
	t.Helper()
	var got []string
	for _, f := range r.Findings {
		if !slices.Contains(got, f.Cause) {
			got = append(got, f.Cause)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("causes %v, want %v", got, want)
	}
	for _, u := range r.Unexplained {
		t.Errorf("unexplained: %s", u.Symptom)
	}
}

func finding(t *testing.T, r report.Report, cause string) report.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Cause == cause {
			return f
		}
	}
	t.Fatalf("%s was not found", cause)
	return report.Finding{}
}

func candidates(r report.Report) []string {
	var list []string
	for _, p := range r.Paths {
		if p.Check == "added" && p.Asks == diag.AsksDAD && !slices.Contains(list, p.Target) {
			list = append(list, p.Target)
		}
	}
	return list
}

func scope(text string) diag.Scope { return diag.ScopeOf(netip.MustParseAddr(text)) }
