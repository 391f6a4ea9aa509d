package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ndwhy/checks"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/words"
)

const fleet = "../../docs/fleet"

// The commands, checks, metrics and files that the recipes for fleets name are there.
func TestFleetNamesWhatIsThere(t *testing.T) {
	files, err := filepath.Glob(fleet + "/*")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	metrics := 0
	for _, file := range files {
		text := read(t, file)
		for _, name := range regexp.MustCompile(`\bndwhy_[a-z_]+`).FindAllString(text, -1) {
			if slices.Contains([]string{".yml", ".json"}, filepath.Ext(file)) && !strings.HasPrefix(filepath.Base(file), "check") {
				metrics++
				if !words.Has("prometheus." + name) {
					t.Errorf("%s names the metric %s, which is none", file, name)
				}
			}
		}
		for _, m := range regexp.MustCompile(`ndwhy check ([a-z][a-z-]*)`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(checks.IDs(), m[1]) {
				t.Errorf("%s names the check %s, which is none", file, m[1])
			}
		}
		for _, flag := range regexp.MustCompile(`ndwhy check [^\n"`+"`"+`]*`).FindAllString(text, -1) {
			for _, m := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(flag, -1) {
				if checkCommand().Flags().Lookup(m[1]) == nil {
					t.Errorf("%s: check has no --%s: %s", file, m[1], flag)
				}
			}
		}
	}
	if metrics < 10 {
		t.Errorf("only %d metrics were looked at", metrics)
	}
	for _, m := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(read(t, fleet+"/README.md"), -1) {
		if _, err := os.Stat(filepath.Join(fleet, m[1])); err != nil {
			t.Errorf("README.md: %v", err)
		}
	}
}

// An SSM document is one that Run Command takes (schema 2.2), every value that a user may give fits a pattern or a list,
// for it becomes part of a shell's line, and what it runs does what it says.
func TestFleetSSM(t *testing.T) {
	t.Parallel()
	var doc struct {
		SchemaVersion string `json:"schemaVersion"`
		Description   string `json:"description"`
		Parameters    map[string]struct {
			Type           string   `json:"type"`
			Description    string   `json:"description"`
			Default        string   `json:"default"`
			AllowedPattern string   `json:"allowedPattern"`
			AllowedValues  []string `json:"allowedValues"`
		} `json:"parameters"`
		MainSteps []struct {
			Action       string              `json:"action"`
			Name         string              `json:"name"`
			Precondition map[string][]string `json:"precondition"`
			Inputs       struct {
				TimeoutSeconds string   `json:"timeoutSeconds"`
				RunCommand     []string `json:"runCommand"`
			} `json:"inputs"`
		} `json:"mainSteps"`
	}
	d := json.NewDecoder(strings.NewReader(read(t, fleet+"/ssm-document.json")))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.SchemaVersion != "2.2" || len(doc.MainSteps) != 1 || doc.MainSteps[0].Action != "aws:runShellScript" {
		t.Fatalf("%+v", doc)
	}
	script := strings.Join(doc.MainSteps[0].Inputs.RunCommand, "\n")
	for _, name := range slices.Sorted(maps.Keys(doc.Parameters)) {
		p := doc.Parameters[name]
		fits := slices.Contains(p.AllowedValues, p.Default)
		if p.AllowedPattern != "" {
			pattern := regexp.MustCompile(p.AllowedPattern)
			fits = pattern.MatchString(p.Default) && !pattern.MatchString("x; reboot") && !pattern.MatchString("$(reboot)")
		}
		if !fits || p.Type != "String" || p.Description == "" {
			t.Errorf("%s: %+v", name, p)
		}
		filled := strings.ReplaceAll(script, "{{ "+name+" }}", p.Default)
		if filled == script {
			t.Errorf("%s is not used", name)
		}
		script = filled
	}
	r := labtest.Run(t, "unassigned-source", "sh", "-c", script)
	if r.Code != 2 || !strings.HasPrefix(r.Stdout, "## CRITICAL") || len(r.Stdout) > 24000 {
		t.Errorf("exit %d, %d characters:\n%s%s", r.Code, len(r.Stdout), r.Stdout, r.Stderr)
	}
}
