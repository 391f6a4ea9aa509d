package measure

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// theCore runs the benchmarks of the parts that must keep up.
func theCore(t *testing.T, _ string) string {
	t.Helper()
	command := []string{
		"test", "-run", "^$", "-bench", "Apply|Diagnose$|DiagnoseMost|Plan|Decode|Mirror", "-benchtime", "1s",
		"./checks", "./diag/report", "./diag/kernel", "./diag/capture",
	}
	shown := "go " + strings.ReplaceAll(strings.Join(command, " "), "^$ -bench Apply|Diagnose$|DiagnoseMost|Plan|Decode|Mirror", "'^$' -bench 'Apply|Diagnose$|DiagnoseMost|Plan|Decode|Mirror'")
	cmd := exec.Command("go", command...)
	cmd.Dir = "../../.."
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	says := map[string]string{
		"Apply":        "one event folded into the state",
		"Diagnose":     "a diagnosis at 10,000 neighbours",
		"Decode":       "a solicitation decoded",
		"Mirror":       "100,000 neighbours compared with the kernel's table",
		"Plan":         "a round planned, with 1,000 addresses, 5,000 routes, 4,096 routers, 100,000 neighbours",
		"DiagnoseMost": "the diagnosis of as much, and its report",
	}
	tab := newTable("what", "benchmark", "time")
	for _, m := range regexp.MustCompile(`(?m)^Benchmark(\w+?)(?:/(\S+?))?(?:-\d+)?\s+\d+\s+([\d.]+) ns/op`).FindAllStringSubmatch(string(out), -1) {
		name := m[1]
		if m[2] != "" {
			name += "/" + m[2]
		}
		tab.row(says[m[1]], "`"+name+"`", nanoseconds(m[3]))
	}
	return "    " + shown + "\n\n" + tab.String()
}

// nanoseconds says a number of them in the unit that suits it.
func nanoseconds(text string) string {
	f := 0.0
	for _, unit := range []struct {
		ns   float64
		name string
	}{{1e6, "ms"}, {1e3, "µs"}, {1, "ns"}} {
		if f = parse(text) / unit.ns; f >= 1 {
			return number(f) + " " + unit.name
		}
	}
	return text + " ns"
}

// forLong runs a session that stays on a link where everything changes.
func forLong(t *testing.T, _ string) string {
	t.Helper()
	cmd := exec.Command("go", "test", "-count=1", "-run", "TestSoak", "-v", "-timeout", "2h", "./cmd/internal/app")
	cmd.Dir = "../../.."
	cmd.Env = append(os.Environ(), "NDWHY_SOAK=60s")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := regexp.MustCompile(`(\d+) changes, (\d+) runs: \{heap:(\d+) files:(\d+) goroutines:(\d+)\}, then \{heap:(\d+) files:(\d+) goroutines:(\d+)\}`).FindStringSubmatch(string(out))
	if m == nil {
		t.Fatalf("what it measured is not found:\n%s", out)
	}
	tab := newTable("a session under churn", "heap, MB", "descriptors", "goroutines")
	tab.row("after half of 60 s", number(parse(m[3])/1e6), m[4], m[5])
	tab.row("at the end, after "+m[1]+" changes and "+m[2]+" runs of the checks", number(parse(m[6])/1e6), m[7], m[8])
	return "    NDWHY_SOAK=60s go test -run TestSoak -v ./cmd/internal/app\n\n" + tab.String() + `
Neighbours, routes and addresses change all the time, and it asks every second or two. ` + "`NDWHY_SOAK=1h`" + ` is the long one.
`
}
