// Package measure makes docs/performance.md: what the program takes, side by side with the tools that one would
// otherwise use.
package measure

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ndwhy/diag/kernel/nstest"
)

const (
	document = "../../../docs/performance.md"
	// What a measurement in a process of its own is told: which binary to measure, and where its section goes.
	binaryVar, sectionsVar = "NDWHY_MEASURE_BINARY", "NDWHY_MEASURE_SECTIONS"
)

var (
	update = flag.Bool("update", false, "measure, and write docs/performance.md anew")
	only   = flag.String("only", "", "with -update: measure only the sections whose titles this matches; the others stay")
)

// A section is one part of the document.
type section struct {
	title string
	// apart: it is measured in a network namespace of its own.
	apart   bool
	measure func(t *testing.T, ndwhy string) string
}

var sections = []section{
	{"The check", false, theCheck},
	{"One question", false, oneQuestion},
	{"1,000 peers", true, manyPeers},
	{"Watching", true, watching},
	{"Starting, and what it holds", true, starting},
	{"The screens", true, theScreens},
	{"Much on the link", true, muchOnTheLink},
	{"The core", false, theCore},
	{"For long", false, forLong},
}

const preface = `# Performance

    go test ./cmd/internal/measure -run TestPerformance -update -timeout 1h

makes this page, as root, in a quarter of an hour; ` + "`-only TITLE`" + ` makes one section of it, and a section that fails stays as
it was. Each number is the median, with the least and the most in brackets; what is compared was run in turn, and a ratio
is that of the medians. Whole processes are timed, their start and end included. ` + "`ndwhy`" + ` is what ` + "`.ci/build`" + ` makes. What is not installed is not measured, which the row says
(` + "`apt install iputils-ping ndisc6 fping termshark thc-ipv6`" + `).

`

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "timed" {
		os.Exit(timed(os.Args[2]))
	}
	os.Exit(m.Run())
}

// TestPerformance holds docs/performance.md to the list of its sections. With -update it measures them all and writes
// the document.
func TestPerformance(t *testing.T) {
	dir := os.Getenv(sectionsVar)
	if dir != "" { // in a namespace of its own, for one section
		for _, s := range sections {
			t.Run(s.title, func(t *testing.T) { s.run(t, dir) })
		}
		return
	}
	old, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	texts, titles := split(string(old))
	if !*update {
		var want []string
		for _, s := range sections {
			want = append(want, s.title)
		}
		if !slices.Equal(titles, want) {
			t.Errorf("%s has the sections %q, want %q: -update writes it anew", document, titles, want)
		}
		return
	}
	dir = t.TempDir()
	ndwhy := filepath.Join(dir, "ndwhy")
	if out, err := exec.Command("../../../.ci/build", ndwhy).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv(sectionsVar, dir)
	t.Setenv(binaryVar, ndwhy)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	chosen := regexp.MustCompile(*only)
	for _, s := range sections {
		if !chosen.MatchString(s.title) {
			continue
		}
		t.Run(s.title, func(t *testing.T) { s.run(t, dir) })
		fresh, err := os.ReadFile(filepath.Join(dir, s.title))
		if err != nil {
			t.Errorf("%q was not measured: it stays as it was", s.title)
			continue
		}
		// The document is written each time: what comes later may fail in any way.
		texts[s.title] = machine() + strings.Trim(string(fresh), "\n") + "\n"
		if err := os.WriteFile(document, page(texts), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// run measures the section, and leaves it in dir under its title.
func (s section) run(t *testing.T, dir string) {
	t.Helper()
	if s.apart && !nstest.EnterAsRoot(t) {
		return
	}
	begun := time.Now()
	text := s.measure(t, os.Getenv(binaryVar))
	if t.Failed() {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, s.title), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("measured within %s", time.Since(begun).Round(time.Second))
}

// page is the document of the sections' texts.
func page(texts map[string]string) []byte {
	var b strings.Builder
	b.WriteString(preface)
	for _, s := range sections {
		fmt.Fprintf(&b, "## %s\n\n%s\n", s.title, texts[s.title])
	}
	return []byte(strings.TrimSpace(b.String()) + "\n")
}

// split takes the document apart into its sections, by title and in order.
func split(text string) (by map[string]string, titles []string) {
	by = map[string]string{}
	for _, part := range strings.Split("\n"+text, "\n## ")[1:] {
		title, body, _ := strings.Cut(part, "\n")
		titles = append(titles, title)
		by[title] = strings.Trim(body, "\n") + "\n"
	}
	return by, titles
}

// machine says on what and when something was measured.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`model name\s*: (.*)`).FindSubmatch(info); m != nil {
			model = string(m[1])
		}
	}
	var u unix.Utsname
	_ = unix.Uname(&u)
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("*%d cores, %s, Linux %s, load %s when it ended.*\n\n", runtime.NumCPU(), model,
		unix.ByteSliceToString(u.Release[:]), strings.Fields(string(load) + " ?")[0])
}

// A sample is what one run of a command took.
type sample struct {
	Wall, CPU float64 // seconds
	Peak      float64 // MB, of the largest of its processes
	Code      int
}

// What timed is asked for: each command so often, in turn.
type timing struct {
	Runs     int
	Commands [][]string
}

// timed is the test binary as the one who runs commands and times them, inside a lab too.
func timed(request string) int {
	var r timing
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	took := make([][]sample, len(r.Commands))
	for range r.Runs {
		for i, c := range r.Commands {
			cmd := exec.Command(c[0], c[1:]...)
			start := time.Now()
			err := cmd.Run() // ping and ndisc6 fail where an answer stays out, as here some must
			wall := time.Since(start)
			if cmd.ProcessState == nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			took[i] = append(took[i], sampleOf(cmd.ProcessState, wall))
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(took)
	return 0
}

func sampleOf(s *os.ProcessState, wall time.Duration) sample {
	usage, _ := s.SysUsage().(*syscall.Rusage)
	return sample{
		Wall: wall.Seconds(), CPU: (s.UserTime() + s.SystemTime()).Seconds(),
		Peak: float64(usage.Maxrss) * 1024 / 1e6, Code: s.ExitCode(),
	}
}

// measured runs commands in turn: in a lab where there is one, else here.
func measured(t *testing.T, lab []string, runs int, commands ...[]string) [][]sample {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(timing{runs, commands})
	if err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(lab), self, "timed", string(request))
	cmd := exec.Command(args[0], args[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var took [][]sample
	if err := json.Unmarshal(out, &took); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return took
}

// Of what a sample is asked.
func wall(s sample) float64 { return s.Wall }
func cpu(s sample) float64  { return s.CPU }
func peak(s sample) float64 { return s.Peak }

// median is that of some numbers, and their spread as the document has it.
func median(list []float64) (m float64, spread string) {
	list = slices.Sorted(slices.Values(list))
	m = list[len(list)/2]
	if len(list) < 3 {
		return m, number(m)
	}
	return m, fmt.Sprintf("%s (%s–%s)", number(m), number(list[0]), number(list[len(list)-1]))
}

func of(samples []sample, what func(sample) float64) (m float64, spread string) {
	var list []float64
	for _, s := range samples {
		list = append(list, what(s))
	}
	return median(list)
}

// number has three digits that count.
func number(f float64) string {
	digits := 2
	for limit := 10.0; digits > 0 && math.Abs(f) >= limit; limit *= 10 {
		digits--
	}
	return fmt.Sprintf("%.*f", digits, f)
}

// missing says that a row is not measured, and why; empty: all the tools are there.
func missing(tools ...string) string {
	var list []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			list = append(list, tool)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "not measured: not installed: " + strings.Join(list, ", ")
}

// A table is one of the document's.
type table struct{ strings.Builder }

func newTable(head ...string) *table {
	t := &table{}
	t.row(head...)
	t.WriteString("|" + strings.Repeat("---|", len(head)) + "\n")
	return t
}

func (t *table) row(cells ...string) {
	t.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func code(command string) string { return "`" + strings.ReplaceAll(command, "|", `\|`) + "`" }

// parse reads a number that a program printed.
func parse(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}
