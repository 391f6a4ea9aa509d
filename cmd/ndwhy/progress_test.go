package main

import (
	"testing"

	"ndwhy/ui/termtest"
)

// A check that takes long says on a terminal that it is at work, and takes that back before the result.
func TestProgress(t *testing.T) {
	t.Parallel()
	p := startLab(t, termtest.Config{Width: 80, Height: 40}, func(ndwhy string) []string {
		return []string{ndwhy, "lab", "peer-down", "--", "ndwhy", "check", "--add", "none"}
	})
	p.Wait("asking: 1 s of at most 10 s")
	p.Wait("Nobody answers for")
	p.WaitGone("asking: ")
	if code := p.Exit(); code != 1 {
		t.Errorf("exit %d:\n%s", code, p)
	}
}
