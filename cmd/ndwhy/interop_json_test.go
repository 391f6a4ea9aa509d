//go:build interop

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
)

// Every command of docs/json.md does what the page says of it, as far as that it says something.
func TestInteropJSONRecipes(t *testing.T) {
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	r := labtest.Run(t, "unassigned-source", "ndwhy", "check", "--json", "--record", filepath.Join(dir, "recorded"), "--output", filepath.Join(dir, "report.json"))
	recorded, err := os.ReadFile(filepath.Join(dir, "recorded"))
	if err != nil {
		t.Fatal(err, r.Stderr)
	}
	_, events, _ := strings.Cut(string(recorded), "\n")
	if err := os.WriteFile(filepath.Join(dir, "events.jsonl"), []byte(events), 0o600); err != nil {
		t.Fatal(err)
	}
	recipes := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(recipes) < 10 {
		t.Fatalf("only %d recipes were found", len(recipes))
	}
	source := strings.NewReplacer("ndwhy check --json", "cat report.json", "ndwhy watch --json", "cat events.jsonl")
	for _, recipe := range recipes {
		cmd := exec.Command("bash", "-o", "pipefail", "-c", source.Replace(recipe[1]))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if strings.Contains(recipe[1], "head -1") { // whose reader is gone early
			err = nil
		}
		if text := strings.TrimSpace(string(out)); err != nil || text == "" || text == "null" || strings.Contains(text, "jq: error") {
			t.Errorf("%s%v: %s", recipe[1], err, out)
		}
	}
}
