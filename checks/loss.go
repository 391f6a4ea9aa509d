package checks

import (
	"slices"

	"ndwhy/diag"
)

// measuredTargets is how many targets on an interface loss is measured at.
const measuredTargets = 6

// kept are the lanes that have ended and are looked at once more: of a thousand peers that answered, a few.
type kept struct {
	served []*lane // they asked a service: a late answer is one, as long as the run lasts
	silent []*lane // they are asked again where loss was seen
	// A healthy run asks too little to tell how much is lost: of twenty packets one is lost by chance where one in a
	// hundred is, and none is now and then where one in ten is. So on an interface on which any was lost, those who
	// answered are asked as often as silences are: those that saw loss first, for what one target alone loses may be its
	// own doing, and others to compare it with.
	lost          map[string]bool // interfaces
	lossy, steady []*lane
}

// take keeps of a lane that has ended what it is kept for.
func (k *kept) take(l *lane) {
	if l.serves() {
		k.served = append(k.served, l)
	}
	if l.silent() {
		k.silent = append(k.silent, l)
	}
	lossy := l.lossy()
	if lossy {
		k.lost[l.key.Interface] = true
	}
	switch {
	case !l.measures():
	case lossy:
		k.lossy = sample(k.lossy, l)
	default:
		k.steady = sample(k.steady, l)
	}
}

// again returns the lanes to ask again, those that loss is measured in marked as such.
func (k *kept) again() []*lane {
	var measured []*lane
	for _, l := range slices.Concat(k.lossy, k.steady) {
		if k.lost[l.key.Interface] {
			measured = sample(measured, l)
		}
	}
	list := slices.Clone(k.silent)
	for _, l := range measured {
		l.measured = true
		if !l.silent() {
			list = append(list, l)
		}
	}
	return list
}

// sample adds a lane to those that loss is measured in, one for each target, unless there are enough on its interface.
func sample(list []*lane, l *lane) []*lane {
	count := 0
	for _, other := range list {
		if other.key.Interface != l.key.Interface {
			continue
		}
		if count++; other.key.Target == l.key.Target || count == measuredTargets {
			return list
		}
	}
	return append(list, l)
}

func (l *lane) lossy() bool { return slices.ContainsFunc(l.tallies, (*tally).lossy) }

func (l *lane) measures() bool { return slices.ContainsFunc(l.tallies, l.measurable) }

// measurable reports whether asking a question once more tells how much is lost: it was answered, and nobody on this host
// has a part in it where frames of our own can ask.
func (l *lane) measurable(t *tally) bool {
	asks := t.q.Asks == diag.AsksEcho || t.q.Asks == diag.AsksND
	by := t.q.Via == diag.ViaWire || t.q.Via == diag.ViaKernel && !l.host.Tap
	return asks && by && t.q.kind.again() && t.q.Ours() && !l.candidate.Address.IsValid() && !t.q.Target.IsMulticast() &&
		t.preset == "" && t.path.Received > 0
}
