//go:build interop

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ndwhy/diag/lab"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

func init() { helpers["test-remedy"] = tryRemedy }

// A cure is what came of one remedy: how many this host can try in all, what was run, and the reports before
// and after.
type cure struct {
	All           int
	Finding       report.Finding
	Remedy        why.Advice
	Ran           []string
	Before, After report.Report
}

// settles is how long a remedy may take to show: an advertisement and a lease have to come.
const settles = 15 * time.Second

// tryRemedy is run inside the lab: the number of the remedy that is to be tried, and further arguments of check.
func tryRemedy(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	var c cure
	// What others send, who live behind this host, comes in its own time.
	for until := time.Now().Add(patience); c.Before.Verdict == "" || c.Before.Verdict == why.VerdictOK && time.Now().Before(until); {
		if c.Before, err = checkOnce(args[1:]); err != nil {
			return err
		}
	}
	for _, f := range c.Before.Findings {
		for _, a := range f.Remedies {
			if f.Severity == why.Info || !here(a) || made(f.Subject.Value) && strings.Contains(a.Do[0], "addr del") {
				continue
			}
			if c.All == n {
				c.Finding, c.Remedy = f, a
			}
			c.All++
		}
	}
	c.run(c.Remedy)
	followed := false
	for until := time.Now().Add(settles); len(c.Ran) > 0; {
		if c.After, err = checkOnce(args[1:]); err != nil {
			return err
		}
		if c.fails() == "" || time.Now().After(until) {
			break
		}
		// What comes to light now has remedies of its own, of which one is to end it.
		if !followed && time.Until(until) < settles-patience {
			followed = c.follow()
		}
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

// made reports whether the kernel made an address of an advertisement: the next one makes it again, whenever that comes.
func made(address string) bool {
	out, err := exec.Command("ip", "-6", "addr", "show", "to", address, "mngtmpaddr").CombinedOutput()
	return err == nil && strings.Contains(string(out), "inet6")
}

// patience is how long what is to come by itself may take.
const patience = 3 * time.Second

// run runs a remedy, and reports whether every command of it did.
func (c *cure) run(a why.Advice) bool {
	ok := true
	for _, command := range a.Do {
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		c.Ran = append(c.Ran, fmt.Sprintf("%s: %v %s", command, err, out))
		ok = ok && err == nil
	}
	return ok
}

// follow runs the remedies of what was not found before until one can be.
func (c *cure) follow() bool {
	known := func(f report.Finding) bool {
		return slices.ContainsFunc(c.Before.Findings, func(b report.Finding) bool { return b.Cause == f.Cause })
	}
	for _, f := range c.After.Findings {
		for _, a := range f.Remedies {
			if ran := len(c.Ran); f.Severity != why.Info && !known(f) && here(a) {
				if c.run(a) {
					return true
				}
				c.Ran = c.Ran[:ran] // the lab's own client holds the port
			}
		}
	}
	return false
}

// here reports whether a remedy is one for this host, and what it runs is installed.
func here(a why.Advice) bool {
	for _, command := range a.Do {
		for c := range strings.SplitSeq(command, " && ") {
			name, _, _ := strings.Cut(strings.TrimPrefix(c, "sudo "), " ")
			if _, err := exec.LookPath(name); err != nil || name == "aws" || strings.Contains(c, "<") {
				return false
			}
		}
	}
	return len(a.Do) > 0
}

func checkOnce(args []string) (r report.Report, err error) {
	out, err := exec.Command("ndwhy", append([]string{"check", "--json"}, args...)...).Output()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		return r, err
	}
	return r, json.Unmarshal(out, &r)
}

// fails says why a remedy is none; "": it is one.
func (c *cure) fails() string {
	faults := func(r report.Report) (list []string) {
		for _, f := range r.Findings {
			if f.Severity != why.Info {
				list = append(list, f.Cause+" of "+f.Subject.Value)
			}
		}
		return list
	}
	before, after := faults(c.Before), faults(c.After)
	for _, f := range after {
		switch {
		case f == c.Finding.Cause+" of "+c.Finding.Subject.Value:
			return "it is still there"
		case !slices.Contains(before, f):
			return "it made " + f
		}
	}
	if len(before) == 1 && c.After.Verdict != why.VerdictOK {
		return fmt.Sprintf("the verdict is %s: %s", c.After.Verdict, c.After.Headline)
	}
	return ""
}

// leave are remedies, as the catalogue names them, after which something is still found: they help this host and leave
// the fault where it is, and one wants a switch that learns who has which MAC, as the lab's does not.
var leave = []string{"ignore-rogue", "flood-deaf", "flood-neighbours", "mac-of-its-own"}

// untried are the causes of which a remedy for the host itself is not tried, and why.
var untried = map[string]string{
	"path.unheard":            "a lab's interface does not know with which MAC it came",
	"router.no-advertisement": "who the router is, is for the reader to fill in",
}

// Every remedy that is on this host is tried: the lab's instance is broken, the commands are run, and nothing is
// found any more that they were to mend, and nothing new.
func TestInteropRemedies(t *testing.T) {
	labtest.Need(t)
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, name := range []string{"ip", "sysctl", "nft", "ip6tables", "dhclient"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", stand(t)+":"+os.Getenv("PATH"))
	scenarios := make(chan lab.Scenario)
	var workers sync.WaitGroup
	var mu sync.Mutex
	tried := map[string]bool{}
	for range atOnce + 2 { // nothing else runs beside them
		workers.Go(func() {
			for s := range scenarios {
				t.Run(s.Name, func(t *testing.T) {
					for n, all := 0, 1; n < all; n++ {
						c := cured(t, s, n)
						if all = c.All; n >= all {
							break
						}
						mu.Lock()
						tried[c.Finding.Cause] = true
						mu.Unlock()
					}
				})
			}
		})
	}
	for _, s := range lab.Scenarios {
		if !s.Healthy {
			scenarios <- s
		}
	}
	close(scenarios)
	workers.Wait()
	for _, name := range why.CauseNames() {
		if tried[name] == (recorded[name] != "" || untried[name] != "" || !onHost(name)) {
			t.Errorf("%s: a remedy of it was tried: %v", name, tried[name])
		}
	}
}

// onHost reports whether the catalogue has a remedy for a cause that is a command for the host itself.
func onHost(cause string) bool {
	text, _ := why.Explain(cause)
	_, remedies, _ := strings.Cut(text, words.Say("explain.remedy"))
	remedies, _, _ = strings.Cut(remedies, words.Say("explain.see"))
	remedies, _, _ = strings.Cut(remedies, words.Say("remedy.look"))
	return strings.Contains(remedies, "  sudo ")
}

// stand returns a directory with what has to be another in a lab: there is no sudo, and dhclient keeps its files,
// and what it configures beside addresses, to itself.
func stand(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	dhclient, err := exec.LookPath("dhclient")
	if err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("testdata/interop/dhclient-script")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"sudo":   "#!/bin/sh\nexec \"$@\"\n",
		"script": string(text),
		"dhclient": "#!/bin/sh\nd=$(mktemp -d " + bin + "/XXXXXX)\nexec " + dhclient +
			" -sf " + bin + "/script -lf $d/leases -pf $d/pid \"$@\" >$d/out 2>&1\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// cured tries one remedy of a scenario's.
func cured(t *testing.T, s lab.Scenario, n int) (c cure) {
	t.Helper()
	r := labtest.Run(t, s.Name, append([]string{"ndwhy", "test-remedy", strconv.Itoa(n)}, s.Args...)...)
	if err := json.Unmarshal([]byte(r.Stdout), &c); err != nil {
		t.Fatalf("%v: %s%s", err, r.Stdout, r.Stderr)
	}
	if n >= c.All {
		return c // this boot, what was found left fewer to try
	}
	t.Logf("%s of %s, %s", c.Finding.Cause, c.Finding.Subject.Value, c.Remedy.Does)
	why := c.fails()
	for _, ran := range c.Ran {
		if !strings.Contains(ran, ": <nil> ") {
			why += "; " + ran
		}
	}
	left := slices.ContainsFunc(leave, func(name string) bool { return c.Remedy.Does == words.Say("remedy."+name) })
	if why != "" && !left {
		t.Errorf("%s of %s: %s\n%s\n%s", c.Finding.Cause, c.Finding.Subject.Value, c.Remedy.Does, strings.Join(c.Ran, "\n"), why)
	}
	return c
}
