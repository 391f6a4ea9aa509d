package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/schematest"
)

// What a lab's recordings hold, and what watch writes, is as the schema says, line by line.
func TestEventsKeepToTheirSchema(t *testing.T) {
	t.Parallel()
	schema := schematest.Load(t, "../../docs/events.schema.json")
	for _, scenario := range []string{"vpc", "lan", "pinged-in-vain"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			r := labtest.Run(t, scenario, "sh", "-c", "ndwhy watch --json >"+dir+"/watched & w=$!; ndwhy check --add kernel --record "+dir+"/recorded >/dev/null; kill $w; wait; true")
			for name, skip := range map[string]int{"watched": 0, "recorded": 1} { // a recording begins with a header
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err, r.Stderr)
				}
				lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
				if len(lines) < 20 {
					t.Errorf("%s: only %d lines", name, len(lines))
				}
				for i, line := range lines[skip:] {
					if err := schema.Check([]byte(line)); err != nil {
						t.Fatalf("%s, line %d: %v\n%s", name, i+1, err, line)
					}
				}
			}
		})
	}
}
