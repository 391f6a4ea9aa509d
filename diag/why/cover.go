package why

import (
	"cmp"
	"slices"

	"ndwhy/diag"
)

// exact is the number of hypotheses up to which the smallest cover is searched for; beyond it, what
// is left after the reductions is covered greedily.
const exact = 14

// cover returns the smallest set of hypotheses that covers every symptom that any of them covers
// and covered does not hold yet. Where several sets are as small, the one of the surer causes is
// taken, and what could stand in a hypothesis' place becomes its alternative.
func cover(list []*hypothesis, covered []bool) []choice {
	c := newCoverage(list, covered)
	taken := c.solve()
	times := map[int]int{} // how often a symptom is covered
	for _, g := range taken {
		for _, y := range c.sets[g].symptoms {
			times[y]++
		}
	}
	chosen := make([]choice, 0, len(taken))
	for _, g := range taken {
		set := c.sets[g]
		out := choice{hypothesis: *set.members[0]}
		out.alternatives = append(out.alternatives, set.members[1:]...)
		out.alternatives = append(out.alternatives, c.standIns(g, taken, times)...)
		diag.SortFunc(out.alternatives, compareHypotheses)
		chosen = append(chosen, out)
	}
	return chosen
}

// A coverage is the set-cover problem: hypotheses that cover the same are one set.
type coverage struct {
	sets []coverSet
	of   map[int][]int // symptom: the sets that cover it, ascending
}

type coverSet struct {
	symptoms []int
	members  []*hypothesis // the surest first
}

func newCoverage(list []*hypothesis, covered []bool) *coverage {
	list = slices.Clone(list)
	diag.SortFunc(list, compareHypotheses)
	c := &coverage{of: map[int][]int{}}
	byKey := map[string]int{}
	for _, h := range list {
		var open []int
		for _, y := range h.symptoms {
			if !covered[y] {
				open = append(open, y)
			}
		}
		key := symptomsKey(open)
		i, ok := byKey[key]
		if !ok {
			i = len(c.sets)
			byKey[key] = i
			c.sets = append(c.sets, coverSet{symptoms: open})
			for _, y := range open {
				c.of[y] = append(c.of[y], i)
			}
		}
		c.sets[i].members = append(c.sets[i].members, h)
	}
	return c
}

func symptomsKey(list []int) string {
	key := make([]byte, 0, 4*len(list))
	for _, y := range list {
		key = append(key, byte(y), byte(y>>8), byte(y>>16), byte(y>>24))
	}
	return string(key)
}

// compareHypotheses puts the surer first, then the order of the catalogue.
func compareHypotheses(a, b *hypothesis) int {
	return cmp.Or(
		cmp.Compare(b.confidence.rank(), a.confidence.rank()),
		cmp.Compare(causeRank[a.cause.ID], causeRank[b.cause.ID]),
		cmp.Compare(a.iface, b.iface),
		cmp.Compare(a.subject.Kind, b.subject.Kind),
		compareValues(a.subject.Value, b.subject.Value),
	)
}

// solve returns the sets of a smallest cover, ascending.
func (c *coverage) solve() []int {
	open := map[int]bool{}
	for y := range c.of {
		open[y] = true
	}
	var taken []int
	take := func(i int) {
		taken = append(taken, i)
		for _, y := range c.sets[i].symptoms {
			delete(open, y)
		}
	}
	for progress := true; progress && len(open) > 0; {
		progress = false
		for _, y := range diag.SortedKeys(open) {
			if !open[y] {
				continue
			}
			if live := c.live(y, open); len(live) == 1 {
				take(live[0])
				progress = true
			}
		}
	}
	if len(open) > 0 {
		for _, i := range c.search(open) {
			take(i)
		}
	}
	slices.Sort(taken)
	return taken
}

// live returns the sets that cover y, without those whose open symptoms another of them covers too
// and more.
func (c *coverage) live(y int, open map[int]bool) []int {
	var live []int
	for _, i := range c.of[y] {
		if !slices.ContainsFunc(c.of[y], func(j int) bool { return j != i && c.covers(j, i, open) }) {
			live = append(live, i)
		}
	}
	return live
}

// covers reports whether set j covers all open symptoms of set i, and is to be preferred: it covers
// more, or the same and comes first.
func (c *coverage) covers(j, i int, open map[int]bool) bool {
	more, mine := 0, 0
	for _, y := range c.sets[j].symptoms {
		if open[y] {
			more++
		}
	}
	for _, y := range c.sets[i].symptoms {
		if !open[y] {
			continue
		}
		mine++
		if _, ok := slices.BinarySearch(c.sets[j].symptoms, y); !ok {
			return false
		}
	}
	return more > mine || more == mine && j < i
}

// search covers open: exactly where few sets are left, else greedily.
func (c *coverage) search(open map[int]bool) []int {
	var left []int
	for _, y := range diag.SortedKeys(open) {
		for _, i := range c.live(y, open) {
			if !slices.Contains(left, i) {
				left = append(left, i)
			}
		}
	}
	slices.Sort(left)
	if len(left) <= exact {
		for size := 1; size <= len(left); size++ {
			if found := c.combine(left, size, nil, open); found != nil {
				return found
			}
		}
	}
	var taken []int
	rest := map[int]bool{}
	for y := range open {
		rest[y] = true
	}
	for len(rest) > 0 {
		best, most := -1, 0
		for _, i := range left {
			n := 0
			for _, y := range c.sets[i].symptoms {
				if rest[y] {
					n++
				}
			}
			if n > most {
				best, most = i, n
			}
		}
		taken = append(taken, best)
		for _, y := range c.sets[best].symptoms {
			delete(rest, y)
		}
	}
	return taken
}

// combine returns the first combination of size sets that covers open, in the order of left.
func (c *coverage) combine(left []int, size int, chosen []int, open map[int]bool) []int {
	if size == 0 {
		if c.covered(chosen, open) {
			return slices.Clone(chosen)
		}
		return nil
	}
	for i := range left {
		if len(left)-i < size {
			return nil
		}
		if found := c.combine(left[i+1:], size-1, append(chosen, left[i]), open); found != nil {
			return found
		}
	}
	return nil
}

func (c *coverage) covered(chosen []int, open map[int]bool) bool {
	seen := map[int]bool{}
	for _, i := range chosen {
		for _, y := range c.sets[i].symptoms {
			if open[y] {
				seen[y] = true
			}
		}
	}
	return len(seen) == len(open)
}

// standIns returns the surest member of every set that could replace g in taken, where times says
// how many of those cover a symptom.
func (c *coverage) standIns(g int, taken []int, times map[int]int) []*hypothesis {
	var alone []int // symptoms that only g covers
	for _, y := range c.sets[g].symptoms {
		if times[y] == 1 {
			alone = append(alone, y)
		}
	}
	if len(alone) == 0 {
		return nil
	}
	var list []*hypothesis
	for _, i := range c.of[alone[0]] {
		_, chosen := slices.BinarySearch(taken, i)
		if chosen || slices.ContainsFunc(alone, func(y int) bool {
			_, ok := slices.BinarySearch(c.sets[i].symptoms, y)
			return !ok
		}) {
			continue
		}
		list = append(list, c.sets[i].members[0])
	}
	return list
}
