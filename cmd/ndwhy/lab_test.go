package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ndwhy/diag/lab"
	"ndwhy/diag/lab/labtest"
)

func TestLabCommandLine(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args           string
		needsLab       bool
		code           int
		stdout, stderr string
	}{
		{"lab list", false, 0, "unassigned-address", ""},
		{"lab nonsense", false, exitUsage, "", `scenario "nonsense": no such scenario; see: ndwhy lab list`},
		{"lab vpc+lan -- true", false, exitUsage, "", "both whole networks"},
		{"lab vpc ping ::1", false, exitUsage, "", "ndwhy lab vpc -- ping ::1"},
		{"lab list nonsense", false, exitUsage, "", "unknown command"},
		{"lab exec ubuntu2", false, exitUsage, "", "ndwhy lab exec ubuntu2 -- ip -6 addr"},
		{"lab exec -- ip", false, exitUsage, "", "want a host"},
		{"lab exec --lab 1 ubuntu2 -- true", false, lab.Failed, "", "no lab"},
		{"lab --tour -- true", false, exitUsage, "", "--tour is for the ndwhy that the lab opens"},
		{"--tour", false, exitUsage, "", "ndwhy lab --tour"},
		{"lab break nonsense", false, exitUsage, "", "nonsense is nothing that can be broken; there are stop-peer"},
		{"lab mend", false, exitUsage, "", "ndwhy lab mend --help"},
		{"lab break --lab 1", false, lab.Failed, "", "no lab"},
		{"lab --switch-log /nonexistent/file -- true", false, lab.Failed, "", "/nonexistent/file"},
		{"lab -- sh -c exit\t7", true, 7, "", ""},
		{"lab no-ra+peer-down -- ndwhy lab list", true, 0, "no-ra", ""},
		{"lab -- ndwhy lab lan -- sh -c exit\t7", true, 7, "", ""},
		{"lab -- ndwhy lab lan -- ndwhy lab break", true, 0, "drop-ra", ""},
		{"lab -- ndwhy lab exec ubuntu2 -- hostname", true, 0, "ubuntu2\n", ""},
		{"lab -- ndwhy lab exec ubuntu2 -- ndwhy lab exec ubuntu1 -- sh -c hostname;exit\t7", true, 7, "ubuntu1\n", ""},
	} {
		t.Run(c.args, func(t *testing.T) {
			t.Parallel()
			if c.needsLab {
				labtest.Need(t)
			}
			cmd := exec.Command(self)
			cmd.Args = []string{"ndwhy"}
			for a := range strings.SplitSeq(c.args, " ") {
				cmd.Args = append(cmd.Args, strings.ReplaceAll(a, "\t", " "))
			}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
				t.Errorf("stdout %q, stderr %q; want %q, %q", stdout.String(), stderr.String(), c.stdout, c.stderr)
			}
			if c.code != 0 && strings.Count(stderr.String(), "\n") > 1 {
				t.Errorf("more than one line: %q", stderr.String())
			}
		})
	}
}
