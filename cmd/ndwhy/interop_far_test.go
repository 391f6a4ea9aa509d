//go:build interop

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// Two captures that tcpdump made on two hosts, with clocks 3 s apart, name the place; where enough was heard, without being
// told who made which.
func TestInteropTwoCaptures(t *testing.T) {
	t.Parallel()
	const own = "2001:db8:1f16:8df0:f557:112e:f9bd:c7f3"
	for _, tt := range []struct {
		scenario, want string
		told           bool
	}{
		{"lan", "", false},
		{"peer-drops-echo", "far.not-answered", false},
		{"peer-drops-reply", "far.not-answered", false},
		{"peer-lossy", "path.lossy", true},
		{"peer-drops-ns", "far.not-answered", true},
		{"peer-drops-na", "far.not-answered", true},
		{"peer-not-configured", "far.not-answered", true},
		{"peer-unheard", "far.answer-lost", true},
		{"peer-echo-blocked", "far.not-arrived", true},
		{"two-subnets", "", true},
		{"gateway-drops", "far.not-arrived", true},
		{"gateway-drops-answer", "far.answer-lost", true},
	} {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			host, peer := otherHost(t, tt.scenario)
			dir := t.TempDir()
			here, there, later := filepath.Join(dir, "here.pcap"), filepath.Join(dir, "there.pcap"), filepath.Join(dir, "later.pcap")
			const dump = "exec tcpdump -U -i eth0 -w "
			labtest.Run(t, tt.scenario, "sh", "-c", fmt.Sprintf(
				`chmod 777 %[1]s; sh -c '%[2]s%[3]s' 2>/dev/null & p=$!; ndwhy lab exec %[6]s -- timeout 25 sh -c '%[2]s%[4]s' 2>/dev/null & q=$!
				sleep 3; ping -6 -c 4 -i 0.3 %[5]s; ndwhy check; sleep 3; ping -6 -c 1 %[5]s; kill $p; wait $q`, dir, dump, here, there, peer, host))
			if out, err := exec.Command("editcap", "-t", "3", there, later).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			args := []string{"check", "--json", "--from", here, "--from", later}
			if tt.told {
				args = append(args, "--as", own, "--as", peer)
			}
			var out, errs strings.Builder
			code := run(args, nil, &out, &errs)
			got := readReport(t, labtest.Result{Stdout: out.String(), Stderr: errs.String(), Code: code})
			found := slices.ContainsFunc(got.Findings, func(f report.Finding) bool {
				return f.Cause == tt.want && (f.Subject.Value == peer || f.Cause == "path.lossy")
			})
			fault := slices.ContainsFunc(got.Findings, func(f report.Finding) bool { return f.Severity != why.Info })
			if tt.want != "" && !found || tt.want == "" && fault || got.Far[0].OffsetMS == nil && tt.scenario != "peer-echo-blocked" && tt.scenario != "gateway-drops" {
				t.Errorf("want %q: %s: %s\n%s", tt.want, got.Verdict, got.Headline, errs.String())
			}
		})
	}
}
