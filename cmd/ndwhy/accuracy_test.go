package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"ndwhy/checks/sim"

	"ndwhy/diag"
	"ndwhy/diag/drops"
	"ndwhy/diag/lab"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

var update = flag.Bool("update", false, "write generated documents anew")

const accuracyFile = "../../docs/accuracy.md"

// A trial that comes out wrong is tried once more: all labs share this machine's kernel, its time and its neighbour table
// among it. One in so many may need that.
const mayBeWrong = 40

var secondTries atomic.Int32

// A trial is a scenario, or several at once, and what of their causes the whole does not show.
type trial struct {
	name    string
	without []string
	untold  bool // the kernel is not asked what it drops
}

// together are scenarios that are tried on another base than their own, or several at once: a fault
// never hides another that has symptoms of its own.
var together = []trial{
	{name: "peer-down+unassigned-address"},
	{name: "internet-down+peer-echo-blocked"},
	{name: "mtu-blackhole+rogue-router"},
	{name: "echo-reply-dropped+internet-down"},
	{name: "wrong-neighbour+dns-down"},
	{name: "dhcp-silent+peer-echo-blocked"},
	{name: "na-dropped+unassigned-address"},
	{name: "networkd+no-ra"},
	{name: "unassigned-address+peer-echo-blocked+mtu-blackhole"},
	// Nobody is left whose answer to a candidate would show that the link is open.
	{name: "lan+peer-down", without: []string{"net.open-link"}},
	{name: "lan+na-dropped"},
	// A fabric that answers for its instances asks none of them: nothing is seen of it yet.
	{name: "vpc+solicitations-dropped"},
	{name: "lan+no-ra"},
	{name: "lan+forwarding"},
	{name: "lan+internet-refused"},
	// On an open link an address that nobody assigned works.
	{name: "lan+unassigned-address", without: []string{"address.unassigned"}},
}

// recorded are the causes that no scenario shows, because it would harm the machine that the lab is on or no kernel
// can be brought to it, with the test that shows them.
var recorded = map[string]string{
	"far.not-arrived":           "`TestFar`, which has two hosts watch",
	"far.not-answered":          "`TestFar`, likewise",
	"far.answer-lost":           "`TestFar`, likewise",
	"far.call-lost":             "`TestFarAsks`, likewise",
	"host.neighbour-table-full": "`TestNeighbourTableFull`, from recorded events: the table is one for all namespaces of a machine",
}

// atOnce is how many labs run side by side. Most of a run is waiting.
const atOnce = 4

// An outcome is what a diagnosis said of a trial.
type outcome struct {
	trial
	want, got []string
	possible  []string // of got, what is merely possible
	healthy   bool
	verdict   why.Verdict
}

// Every scenario of the lab, on real kernels: all causes that it has are named, and no others. What
// is found is the table of docs/accuracy.md.
func TestAccuracy(t *testing.T) {
	if testing.Short() {
		t.Skip("it boots every scenario")
	}
	labtest.Need(t)
	var trials []trial
	for _, s := range lab.Scenarios {
		if !s.Two {
			trials = append(trials, trial{name: s.Name})
		}
	}
	trials = append(trials, together...)
	again := untold(t, trials)
	if err := kernelTells(); err == nil {
		trials = append(trials, again...)
	}
	outcomes := make([]outcome, len(trials))
	next := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				t.Run(trials[i].String(), func(t *testing.T) { outcomes[i] = try(t, trials[i]) })
			}
		})
	}
	for i := range trials {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, name := range why.CauseNames() {
		shown := slices.ContainsFunc(outcomes, func(o outcome) bool { return slices.Contains(o.want, name) })
		if (recorded[name] != "") == shown {
			t.Errorf("%s: in a scenario: %v; shown otherwise: %q", name, shown, recorded[name])
		}
	}
	if n := secondTries.Load(); int(n) > len(trials)/mayBeWrong {
		t.Errorf("%d of %d trials came out wrong on a first try, more than one in %d", n, len(trials), mayBeWrong)
	}
	simulated(t, outcomes)
	table := accuracyTable(outcomes, len(again))
	t.Log("\n" + table)
	if t.Failed() {
		return
	}
	text := accuracyHead + table
	if *update {
		if err := os.WriteFile(accuracyFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if was, err := os.ReadFile(accuracyFile); err != nil || string(was) != text {
		t.Errorf("%s is not what was found (%v): go test -run TestAccuracy ./cmd/ndwhy -update", accuracyFile, err)
	}
}

// simulated holds what was found on real kernels against what is found where the same networks are simulated: the
// kernels are the judges of the simulation.
func simulated(t *testing.T, outcomes []outcome) {
	t.Helper()
	for _, o := range outcomes {
		if o.name == "" || !sim.Models(o.name) {
			continue // not run, or not simulated
		}
		_, v := sim.Case{Network: o.name, Weather: sim.Fair, Seed: 1}.Run()
		if got := v.Got; !slices.Equal(got, o.got) && !slices.Contains(strings.Split(o.name, "+"), "lossy") {
			t.Errorf("%s: on kernels %q is named, simulated %q", o, o.got, got)
		}
	}
}

// untold are the trials that are run once more where the kernel is not asked what it drops, as for one who is not
// root: every network, and all in which this host's own packet filter has rules. The others do not depend on it,
// and would take as long again.
func untold(t *testing.T, trials []trial) (list []trial) {
	t.Helper()
	for _, what := range trials {
		spec, _, err := lab.Find(what.name)
		if err != nil {
			t.Fatal(err)
		}
		if what.name == spec.Base || len(spec.Host("ubuntu1").Filters) > 0 {
			what.untold = true
			list = append(list, what)
		}
	}
	return list
}

func (what trial) String() string {
	if what.untold {
		return what.name + " untold"
	}
	return what.name
}

// turnedOff is put before a command that is not to ask the kernel what it drops.
var turnedOff = []string{"env", drops.Off + "=off"}

// kernelTells returns why the kernel does not tell this process what it drops; nil: it does.
var kernelTells = sync.OnceValue(func() error {
	m, err := drops.Open(nil)
	if err != nil {
		return err
	}
	m.Close()
	return nil
})

// Where a rule cannot be judged by reading it, the kernel's own word for what it drops makes certain what is
// otherwise inferred.
func TestUnreadableRule(t *testing.T) {
	t.Parallel()
	for _, scenario := range []string{"unreadable-rule", "unreadable-rule-in"} {
		for _, told := range []bool{true, false} {
			t.Run(fmt.Sprint(scenario, " told ", told), func(t *testing.T) {
				command, want := []string{"ndwhy", "check", "--json"}, why.Certain
				if !told {
					command, want = append(turnedOff, command...), why.Likely
				} else if err := kernelTells(); err != nil {
					t.Skip(err)
				}
				f := finding(t, readReport(t, labtest.Run(t, scenario, command...)), "host.firewall")
				if f.Confidence != want || f.Subject.Kind != "rule" {
					t.Errorf("%s of %s %s, want %s of the rule that may be it: %s", f.Confidence, f.Subject.Kind, f.Subject.Value, want, f.Summary)
				}
			})
		}
	}
}

// try runs one trial.
func try(t *testing.T, what trial) outcome {
	t.Helper()
	spec, want, err := lab.Find(what.name)
	if err != nil {
		t.Fatal(err)
	}
	o := outcome{trial: what, healthy: !spec.Faulty}
	o.want = slices.DeleteFunc(want, func(c string) bool { return slices.Contains(what.without, c) })
	var recording string
	var r labtest.Result
	var got report.Report
	for first := true; ; first = false {
		recording = filepath.Join(t.TempDir(), "recording.jsonl")
		command := append([]string{"ndwhy", "check", "--json", "--record", recording}, spec.Args...)
		if what.untold {
			command = append(slices.Clone(turnedOff), command...)
		}
		r = labtest.Run(t, what.name, command...)
		got = readReport(t, r)
		o.verdict, o.got, o.possible = got.Verdict, nil, nil
		sure := map[string]bool{}
		for _, f := range got.Findings {
			o.got = append(o.got, f.Cause)
			sure[f.Cause] = sure[f.Cause] || f.Confidence != why.Possible
		}
		slices.Sort(o.got)
		o.got = slices.Compact(o.got)
		o.possible = slices.DeleteFunc(slices.Clone(o.got), func(c string) bool { return sure[c] })
		wrong := len(o.missed())+len(o.invented())+len(got.Unexplained) > 0 || o.healthy && o.verdict != why.VerdictOK
		if !first || !wrong {
			break
		}
		secondTries.Add(1)
		t.Logf("a first try missed %v, invented %v, left %d unexplained", o.missed(), o.invented(), len(got.Unexplained))
	}
	defer preserve(t, recording, r)
	for _, c := range o.missed() {
		t.Errorf("missed %s", c)
	}
	for _, c := range o.invented() {
		f := finding(t, got, c)
		t.Errorf("invented %s: %s", c, f.Summary)
	}
	for _, u := range got.Unexplained {
		t.Errorf("unexplained: %s", u.Symptom)
	}
	if o.healthy && o.verdict != why.VerdictOK {
		t.Errorf("verdict %s: %s", o.verdict, got.Headline)
	}
	for _, c := range minus(o.possible, o.doubted()) {
		if strings.HasPrefix(c, "net.") {
			continue // what the network is like, which few questions ask
		}
		f := finding(t, got, c)
		t.Errorf("%s is only possible: %s", c, f.Summary)
	}
	for name := range strings.SplitSeq(what.name, "+") {
		about(t, got, name, what.without)
	}
	hidden(t, recording, got)
	replays(t, recording, r)
	if t.Failed() {
		t.Logf("%s: %s", got.Verdict, got.Headline)
	}
	return o
}

// replays checks that a recording tells what the run that made it told.
func replays(t *testing.T, recording string, r labtest.Result) {
	t.Helper()
	var out, errs strings.Builder
	if code := run([]string{"check", "--json", "--from", recording}, nil, &out, &errs); code != r.Code || out.String() != r.Stdout || errs.Len() > 0 {
		t.Errorf("the recording tells something else: exit %d, the run's %d\n%s\n%s", code, r.Code, errs.String(), gocmp.Diff(r.Stdout, out.String()))
	}
}

// preserve leaves what shows why a trial came out wrong, and says where: what ndwhy saw, to be read with
// "ndwhy check --from", and what the switch did.
func preserve(t *testing.T, recording string, r labtest.Result) {
	t.Helper()
	if !t.Failed() {
		return
	}
	dir, err := os.MkdirTemp("", "ndwhy-accuracy-")
	if err != nil {
		t.Fatal(err)
	}
	log, _ := json.Marshal(r.SwitchLog)
	seen, _ := os.ReadFile(recording)
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "switch.json"), log, 0o600), os.WriteFile(filepath.Join(dir, "recording.jsonl"), seen, 0o600),
	); err != nil {
		t.Error(err)
	}
	t.Logf("exit %d\n%s\nwhat was seen is kept in %s", r.Code, r.Stderr, dir)
}

// about checks that the cause of a scenario is named of what it is about.
func about(t *testing.T, got report.Report, name string, without []string) {
	t.Helper()
	i := slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == name })
	s := lab.Scenarios[i]
	if s.Subject == "" || slices.Contains(without, s.Causes[0]) {
		return
	}
	var named []string
	for _, f := range got.Findings {
		if f.Cause == s.Causes[0] {
			named = append(named, f.Subject.Value)
		}
	}
	if len(named) != 1 || !strings.Contains(named[0], s.Subject) {
		t.Errorf("%s is named of %q, want %q alone", s.Causes[0], named, s.Subject)
	}
}

// doubted are the causes that one run of the checks cannot make more than possible.
func (o *outcome) doubted() (list []string) {
	for name := range strings.SplitSeq(o.name, "+") {
		i := slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == name })
		list = append(list, lab.Scenarios[i].Doubted...)
	}
	return list
}

func (o *outcome) missed() []string   { return minus(o.want, o.got) }
func (o *outcome) invented() []string { return minus(o.got, o.want) }

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// What stands above the table; docs/accuracy.md is this and the table.
const accuracyHead = `# How right is it

Generated by a test: do not edit. Every scenario of the lab (` + "`ndwhy lab list`" + `) is booted on this machine's kernel,
` + "`ndwhy check --add claim`" + ` runs in it, and what it names is held against what was broken. A cause that is missed or
invented, one that is only said to be possible where more can be told, a finding about the wrong address or rule, a
symptom left unexplained, or a verdict other than ok where nothing is broken, fails the test. A trial that comes out wrong
is tried once more, since all labs share one kernel; more than one in forty that need it fail the test too.

    go test -run TestAccuracy -v ./cmd/ndwhy             # prints this table
    go test -run TestAccuracy -v ./cmd/ndwhy -update     # and writes this file

One scenario by itself, with what the network did to every frame:

    ndwhy lab peer-down --switch-log switch.jsonl -- ndwhy check

What the lab cannot show is what a real cloud does beyond its documentation: the switch is written here. The same
scenarios, two and three at once, in networks that are slow, lossy or busy: [simulation](simulation.md).

`

// accuracyTable is the confusion matrix, written as two lists because it is nearly empty.
func accuracyTable(all []outcome, again int) string {
	var b strings.Builder
	outcomes := slices.DeleteFunc(slices.Clone(all), func(o outcome) bool { return o.untold })
	missed, invented := 0, 0
	for _, o := range outcomes {
		missed += len(o.missed())
		invented += len(o.invented())
	}
	fmt.Fprintf(&b, "## Scenarios × causes named\n\n%d scenarios, %d causes missed, %d invented. Causes in parentheses describe the network and are no fault.\n\n",
		len(outcomes), missed, invented)
	fmt.Fprintf(&b, `Root's lab tells what the kernel drops. %d of the scenarios are booted once more without (`+"`NDWHY_DROPS=off`"+`), as
everybody else's is: each network, and all in which ubuntu1's own packet filter has rules. The same is named.

`, again)
	b.WriteString("| scenario | verdict | named |\n|---|---|---|\n")
	for _, group := range []struct {
		title string
		in    func(outcome) bool
	}{
		{"**Nothing is broken**", func(o outcome) bool { return o.healthy }},
		{"**One fault**", func(o outcome) bool { return !o.healthy && !strings.Contains(o.name, "+") }},
		{"**Several, or on another network**", func(o outcome) bool { return !o.healthy && strings.Contains(o.name, "+") }},
	} {
		fmt.Fprintf(&b, "| %s | | |\n", group.title)
		for _, o := range outcomes {
			if group.in(o) {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.name, o.verdict, o.cells())
			}
		}
	}
	b.WriteString("\n## Causes × scenarios\n\n| cause | named rightly in | missed | invented |\n|---|---|---|---|\n")
	for _, cause := range why.CauseNames() {
		var right []string
		n := map[string]int{}
		for _, o := range outcomes {
			switch want, got := slices.Contains(o.want, cause), slices.Contains(o.got, cause); {
			case want && got:
				right = append(right, "`"+o.name+"`")
			case want:
				n["missed"]++
			case got:
				n["invented"]++
			}
		}
		where := strings.Join(right, ", ")
		switch {
		case recorded[cause] != "":
			where = recorded[cause]
		case len(right) > 6:
			where = fmt.Sprintf("%d scenarios", len(right))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %d | %d |\n", cause, where, n["missed"], n["invented"])
	}
	return b.String()
}

// cells are the causes that were named, marked where they are wrong.
func (o *outcome) cells() string {
	all := map[string]bool{}
	for _, c := range slices.Concat(o.want, o.got) {
		all[c] = true
	}
	var faults, network []string
	for _, c := range slices.Sorted(maps.Keys(all)) {
		text := "`" + c + "`"
		switch {
		case !slices.Contains(o.got, c):
			text = "**missed** " + text
		case !slices.Contains(o.want, c):
			text = "**invented** " + text
		}
		if strings.HasPrefix(c, "net.") {
			network = append(network, text)
		} else {
			faults = append(faults, text)
		}
	}
	if len(network) > 0 {
		faults = append(faults, "("+strings.Join(network, ", ")+")")
	}
	return strings.Join(faults, ", ")
}

// The recording is of ubuntu1 in the lab's VPC, with what the kernel says where the neighbour table is
// full put in: its use as /proc shows it, and EINVAL for every echo that would need a new entry
// (net/ipv6/ip6_output.c, ip6_finish_output2). The entry of the router is there already.
func TestNeighbourTableFull(t *testing.T) {
	t.Parallel()
	var out, errs strings.Builder
	code := run([]string{"check", "--json", "--from", "testdata/neighbour-table-full.jsonl"}, nil, &out, &errs)
	got := readReport(t, labtest.Result{Stdout: out.String(), Stderr: errs.String(), Code: code})
	causes(t, got, "host.neighbour-table-full", "net.multicast-suppressed", "net.router-silent")
	f := finding(t, got, "host.neighbour-table-full")
	if code != 2 || f.Confidence != why.Certain || errs.Len() > 0 {
		t.Errorf("exit %d, %s: %s\n%s", code, f.Confidence, f.Summary, errs.String())
	}
	for _, p := range got.Paths {
		if p.Check == "peer-echo" && p.Via == diag.ViaKernel && !slices.Contains(f.Explains, p.ID) {
			t.Errorf("%s is not explained by it", p.ID)
		}
	}
}
