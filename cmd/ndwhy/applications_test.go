package main

import (
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/lab/labtest"
)

// In a network where all is well applications get what the interface itself gets: an echo, and a connection refused by
// who is there.
func TestApplicationsGetThrough(t *testing.T) {
	t.Parallel()
	r := labtest.Run(t, "vpc", "ndwhy", "check", "--json", "--add", "none")
	rep := readReport(t, r)
	type way struct {
		asks diag.Asks
		via  diag.Via
	}
	seen := map[way]bool{}
	for _, p := range rep.Paths {
		if p.Check != "internet" {
			continue
		}
		seen[way{p.Asks, p.Via}] = true
		if p.Outcome != diag.Answered || p.Normal == nil || !*p.Normal || p.Source == nil || *p.Source != ubuntu1 {
			t.Errorf("%s by %s: %+v", p.Asks, p.Via, p)
		}
		if p.Via == diag.ViaApp && (p.Out == nil || *p.Out != "eth0") {
			t.Errorf("%s leaves by %v", p.Asks, p.Out)
		}
		if p.Asks == diag.AsksTCP && (p.Port == nil || *p.Port != 443 || p.Detail != "closed") {
			t.Errorf("TCP: %+v", p)
		}
	}
	for _, w := range []way{{diag.AsksEcho, diag.ViaApp}, {diag.AsksEcho, diag.ViaKernel}, {diag.AsksEcho, diag.ViaWire}, {diag.AsksTCP, diag.ViaApp}, {diag.AsksTCP, diag.ViaKernel}} {
		if !seen[w] {
			t.Errorf("%s was not asked by %s", w.asks, w.via)
		}
	}
	if len(rep.Changed) > 0 {
		t.Errorf("changed %q", rep.Changed)
	}
}
