package why

import (
	"slices"
	"testing"
)

func named(d Diagnosis) []string {
	list := []string{}
	for _, f := range d.Findings {
		list = append(list, f.Cause)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func find(t *testing.T, d Diagnosis, cause string) Finding {
	t.Helper()
	for _, f := range d.Findings {
		if f.Cause == cause {
			return f
		}
	}
	t.Fatalf("%s is not among %v", cause, named(d))
	return Finding{}
}
