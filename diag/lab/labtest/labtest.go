// Package labtest runs commands in labs from tests: the test binary itself becomes the lab, and
// "ndwhy" inside it. It is apart from package lab so that the program does not contain package
// testing.
package labtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"ndwhy/diag/lab"
	"ndwhy/diag/lab/vswitch"
)

// The names under which the test binary runs again (argv[0]).
const (
	programName = "ndwhy"
	labName     = "ndwhy-labtest"
)

// Main is to be called by TestMain. run is the program that tests mean by the command "ndwhy": it
// gets the arguments after the name and returns the exit code.
func Main(m *testing.M, run func(args []string) int) {
	code, handled := lab.Entry()
	switch name := filepath.Base(os.Args[0]); {
	case handled:
	case name == programName:
		code = run(os.Args[1:])
	case name == labName:
		code = runLab(os.Args[1], os.Args[2], os.Args[3:])
	default:
		code = m.Run()
	}
	os.Exit(code) //nolint:forbidigo // it is main that calls this, by way of TestMain
}

func runLab(scenario, switchLog string, command []string) int {
	spec, _, err := lab.Find(scenario)
	code := lab.Failed
	if err == nil {
		code, err = lab.Run(lab.Options{
			Spec: spec, Command: command, SwitchLog: switchLog, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		if code == 0 {
			return lab.Failed
		}
	}
	return code
}

// A Result is what came of a command in a lab.
type Result struct {
	Stdout, Stderr string
	Code           int
	SwitchLog      []vswitch.Entry
}

var available = sync.OnceValue(lab.Available)

// Need skips the test where no lab can be built, with the reason, but fails it where CI=true: there
// a skipped test would be a test that nobody runs.
func Need(tb testing.TB) {
	tb.Helper()
	err := available()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		tb.Fatal(err)
	default:
		tb.Skip(err)
	}
}

// Run builds the lab of a scenario, runs a command in ubuntu1 and returns what came of it. The
// command "ndwhy", also from a shell, is what Main was given.
func Run(tb testing.TB, scenario string, command ...string) Result {
	tb.Helper()
	switchLog := filepath.Join(tb.TempDir(), "switch.jsonl")
	cmd := Command(tb, scenario, switchLog, command...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		tb.Fatalf("lab %s: %v", scenario, err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), ReadLog(tb, switchLog)}
}

// Command returns the lab as a command that is still to be started, for tests that signal it or
// talk with it meanwhile. switchLog may be empty.
func Command(tb testing.TB, scenario, switchLog string, command ...string) *exec.Cmd {
	tb.Helper()
	Need(tb)
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	bin := tb.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, programName)); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{labName, scenario, switchLog}, command...)
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return cmd
}

// ReadLog reads a switch's log: nothing where the lab did not get as far as writing one. A last line
// that is cut off, as SIGKILL may leave it, is left out.
func ReadLog(tb testing.TB, file string) []vswitch.Entry {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	var list []vswitch.Entry
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var e vswitch.Entry
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return list
		case err != nil:
			tb.Fatalf("switch log: %v", err)
		}
		list = append(list, e)
	}
}
