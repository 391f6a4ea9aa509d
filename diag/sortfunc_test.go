package diag

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// What is equal stays in its order, as slices.SortStableFunc leaves it.
func TestSortFunc(t *testing.T) {
	type row struct{ key, place int }
	compare := func(a, b row) int { return cmp.Compare(a.key, b.key) }
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		var list []row
		for i := range n {
			list = append(list, row{r.IntN(n/3 + 1), i})
		}
		want := slices.Clone(list)
		slices.SortStableFunc(want, compare)
		if SortFunc(list, compare); !slices.Equal(list, want) {
			t.Fatalf("%v, want %v", list, want)
		}
	}
}
