package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/lab/labtest"
	"ndwhy/diag/record"
)

// TestDropsInTheLab: in a lab that root started, the kernel's own word names the packet that a rule stands
// in the way of, and the question that was asked with it; where all is well it says nothing that tells.
func TestDropsInTheLab(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scenario string
		typ      diag.FrameType
		out      bool
	}{
		{scenario: "vpc"},
		{"echo-request-dropped", diag.EchoRequest, true},
		{"echo-reply-dropped", diag.EchoReply, false},
		{"ns-dropped", diag.NS, true},
		{"na-dropped", diag.NA, false},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			s := recordedIn(t, c.scenario)
			telling := 0
			for _, e := range s.Drops() {
				d := e.Body.(diag.Drop)
				if !d.Telling() {
					continue
				}
				telling++
				if d.Reason != "NETFILTER_DROP" || d.Frame.Type != c.typ || d.Frame.Out != c.out {
					t.Error(diag.Describe(e))
				}
			}
			if (telling > 0) != (c.typ != "") {
				t.Errorf("%d telling drops", telling)
			}
			asked := 0
			for _, p := range s.Paths() {
				if _, ok := s.DropOn(p); ok && p.Asks == diag.AsksEcho {
					asked++
				}
			}
			if echo := c.typ == diag.EchoRequest || c.typ == diag.EchoReply; (asked > 0) != echo {
				t.Errorf("%d echo questions are dropped", asked)
			}
		})
	}
}

// recordedIn returns the state that a check in a lab ends with. t is skipped where the kernel does not
// tell what it drops.
func recordedIn(t *testing.T, scenario string) *diag.State {
	t.Helper()
	path := filepath.Join(t.TempDir(), "recording.jsonl")
	r := labtest.Run(t, scenario, "ndwhy", "check", "--json", "--record", path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err, r.Stderr)
	}
	defer file.Close()
	s := diag.NewState()
	for e, err := range record.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(e)
	}
	if f := s.Feeds[diag.FeedDrops]; f.State != diag.Synced {
		t.Skip(fmt.Sprint(f.State, ": ", strings.Join([]string{f.Why, f.Fix}, "; ")))
	}
	return s
}
