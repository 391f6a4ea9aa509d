package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/render"

	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/schematest"
)

// secrets are what identifies the lab's network and hosts, in any form in which it is written.
var secrets = regexp.MustCompile(`2001:db8:|3fff:7f8:|fe80::4[0-9a-f]{2}:|06:[0-9a-f]{2}:|eni-[0-9a-f]{8}|172\.16\.|ubuntu1|"(raw|frame)":\s*"`)

// hidden checks that what is hidden of a recording's report is a report all the same: by the schema, and
// with the same diagnosis.
func hidden(t *testing.T, recording string, shown report.Report) {
	t.Helper()
	var out, errs strings.Builder
	run([]string{"check", "--json", "--redact", "--from", recording}, nil, &out, &errs)
	if err := schematest.Load(t, "../../docs/report.schema.json").Check([]byte(out.String())); err != nil {
		t.Errorf("hidden, it is no report: %v", err)
	}
	got := readReport(t, labtest.Result{Stdout: out.String(), Stderr: errs.String()})
	named := func(r report.Report) (list []string) {
		for _, f := range r.Findings {
			list = append(list, f.Cause)
		}
		return list
	}
	if got.Verdict != shown.Verdict || !slices.Equal(named(got), named(shown)) || len(got.Paths) != len(shown.Paths) {
		t.Errorf("hidden, it is %s with %v, not %s with %v", got.Verdict, named(got), shown.Verdict, named(shown))
	}
	// As many addresses as there were, told from one another.
	if a, b := addressesOf(shown), addressesOf(got); a != b {
		t.Errorf("%d addresses were shown, %d are hidden", a, b)
	}
	if found := secrets.FindString(out.String()); found != "" {
		t.Errorf("hidden, %q is in it", found)
	}
}

func addressesOf(r report.Report) int {
	var list []string
	for _, p := range r.Paths {
		list = append(list, p.Target)
		if p.Source != nil {
			list = append(list, *p.Source)
		}
	}
	slices.Sort(list)
	return len(slices.Compact(list))
}

// With --redact nothing that identifies is in any form of the report, nor in what watch and the lines
// print; the same is the same mask everywhere.
func TestRedact(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := labtest.Run(t, "unassigned-address", "sh", "-c", "ndwhy watch --json --redact >"+dir+"/json & a=$!; ndwhy watch --redact >"+dir+"/lines & b=$!; "+
		"ndwhy check --record "+dir+"/recording >/dev/null; kill $a $b; wait; true")
	if r.Code != 0 {
		t.Fatalf("exit %d\n%s", r.Code, r.Stderr)
	}
	texts := map[string]string{}
	for _, name := range []string{"json", "lines"} {
		text, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		texts["watch, "+name] = string(text)
	}
	for _, format := range diag.SortedKeys(render.Formats) {
		var out, errs strings.Builder
		if code := run([]string{"check", "--redact", "--format", format, "--from", dir + "/recording"}, nil, &out, &errs); code != 1 {
			t.Errorf("%s: exit %d %s", format, code, errs.String())
		}
		texts[format] = out.String()
		// The address that is at fault is a mask, wherever addresses are shown at all.
		if format != "prometheus" && !strings.Contains(out.String(), "3fff:fff:1:") {
			t.Errorf("%s: whose the finding is does not show:\n%s", format, out.String())
		}
	}
	_, texts["replay"], _ = replayed("--redact", "--plain", "--speed", "1000", dir+"/recording")
	for name, text := range texts {
		if found := secrets.FindString(text); found != "" || len(text) < 100 {
			t.Errorf("%s: %q is in it:\n%s", name, found, text)
		}
		if name == "json" || name == "watch, json" {
			for d := json.NewDecoder(strings.NewReader(text)); d.More(); {
				var v any
				if err := d.Decode(&v); err != nil {
					t.Errorf("%s: %v", name, err)
					break
				}
			}
		}
	}
}
