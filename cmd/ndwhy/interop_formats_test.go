//go:build interop

package main_test

import (
	"os/exec"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
)

// Each format is read by the program that it is for.
func TestInteropFormats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scenario, format string
		reader           []string
		want             string
	}{
		{"peer-down", "prometheus", []string{"promtool", "check", "metrics"}, ""},
		{"vpc", "prometheus", []string{"promtool", "check", "metrics"}, ""},
		{"peer-down", "junit", []string{"xmllint", "--xpath", "string(//testcase[@name='peer-nd']/failure/@type)", "-"}, "peer.unmapped"},
		{"peer-down", "junit", []string{"xmllint", "--noout", "--schema", "testdata/interop/junit.xsd", "-"}, "- validates"},
		{"vpc", "junit", []string{"xmllint", "--noout", "--schema", "testdata/interop/junit.xsd", "-"}, "- validates"},
		{"ipv6-disabled", "junit", []string{"xmllint", "--noout", "--schema", "testdata/interop/junit.xsd", "-"}, "- validates"},
		{"peer-down", "json", []string{"jq", "-r", ".verdict"}, "warning"},
	} {
		t.Run(tt.scenario+" "+tt.format, func(t *testing.T) {
			t.Parallel()
			r := labtest.Run(t, tt.scenario, "ndwhy", "check", "--format", tt.format)
			reader := exec.Command(tt.reader[0], tt.reader[1:]...)
			reader.Stdin = strings.NewReader(r.Stdout)
			out, err := reader.CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != tt.want {
				t.Errorf("%v: %v: %s\nof:\n%s", tt.reader, err, out, r.Stdout)
			}
		})
	}
}

// A monitoring server sees the verdict by the exit code: OK is turned into CRITICAL by a plugin that runs plugins.
func TestInteropNagiosRunner(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "vpc", "sh", "-c", `exec /usr/lib/nagios/plugins/negate -s -o CRITICAL "$(command -v ndwhy)" check --format nagios`)
	if r.Code != 2 || !strings.HasPrefix(r.Stdout, "NDWHY CRITICAL: ") {
		t.Errorf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}
