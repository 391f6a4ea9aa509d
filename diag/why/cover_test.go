package why

import (
	"math/bits"
	"math/rand/v2"
	"testing"
)

// TestCoverIsTheSmallest holds the cover against a search through all combinations.
func TestCoverIsTheSmallest(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		symptoms, sets := 1+rng.IntN(8), 1+rng.IntN(9)
		list := make([]*hypothesis, sets)
		masks := make([]uint, sets)
		var all uint
		for i := range list {
			h := &hypothesis{cause: causes[i], confidence: Likely}
			for y := range symptoms {
				if rng.IntN(3) == 0 {
					h.symptoms = append(h.symptoms, y)
					masks[i] |= 1 << y
				}
			}
			if masks[i] == 0 {
				h.symptoms, masks[i] = []int{0}, 1
			}
			all |= masks[i]
			list[i] = h
		}
		best := sets
		for combination := range uint(1) << sets {
			var reach uint
			for i, m := range masks {
				if combination&(1<<i) != 0 {
					reach |= m
				}
			}
			if reach == all {
				best = min(best, bits.OnesCount(combination))
			}
		}
		chosen := cover(list, make([]bool, symptoms))
		var reach uint
		for _, c := range chosen {
			var mine, others uint
			for _, y := range c.symptoms {
				mine |= 1 << y
			}
			for _, o := range chosen {
				if o.cause.ID != c.cause.ID {
					for _, y := range o.symptoms {
						others |= 1 << y
					}
				}
			}
			reach |= mine
			for _, a := range c.alternatives {
				for _, y := range a.symptoms {
					others |= 1 << y
				}
				if len(c.alternatives) == 1 && others != all {
					t.Fatalf("seed %d: %s cannot stand in for %s", seed, a.cause.ID, c.cause.ID)
				}
			}
		}
		if reach != all || len(chosen) != best {
			t.Fatalf("seed %d: %d causes cover %b of %b, %d would do", seed, len(chosen), reach, all, best)
		}
	}
}

func TestCoverPrefersTheSurer(t *testing.T) {
	doubtful := &hypothesis{cause: causes[0], confidence: Possible, symptoms: []int{0, 1}}
	sure := &hypothesis{cause: causes[5], confidence: Likely, symptoms: []int{0, 1}}
	part := &hypothesis{cause: causes[2], confidence: Certain, symptoms: []int{1}}
	chosen := cover([]*hypothesis{doubtful, part, sure}, make([]bool, 2))
	if len(chosen) != 1 || chosen[0].cause != sure.cause {
		t.Fatalf("chose %+v", chosen)
	}
	if a := chosen[0].alternatives; len(a) != 1 || a[0] != doubtful {
		t.Errorf("alternatives %+v: only what explains as much can stand in", a)
	}
}

func TestCoverOfManyStaysWithinReason(t *testing.T) {
	var list []*hypothesis
	rng := rand.New(rand.NewPCG(1, 1))
	const symptoms = 400
	for range 300 {
		h := &hypothesis{cause: causes[rng.IntN(len(causes))], confidence: Likely, subject: Subject{"peer", string(rune('a' + rng.IntN(26)))}}
		for y := range symptoms {
			if rng.IntN(40) == 0 {
				h.symptoms = append(h.symptoms, y)
			}
		}
		list = append(list, h)
	}
	chosen := cover(list, make([]bool, symptoms))
	seen := map[int]bool{}
	for _, c := range chosen {
		for _, y := range c.symptoms {
			seen[y] = true
		}
	}
	for _, h := range list {
		for _, y := range h.symptoms {
			if !seen[y] {
				t.Fatalf("symptom %d, which a hypothesis explains, is not covered", y)
			}
		}
	}
}
