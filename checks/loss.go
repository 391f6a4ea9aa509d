package checks

import (
	"slices"

	"ndwhy/diag"
)

// A healthy run asks too little to tell how much is lost: of twenty packets one is lost by chance where one in a hundred
// is, and none is now and then where one in ten is. So where any loss is seen, those who answered are asked as often as
// silences are.

// measuredTargets is how many targets on an interface loss is measured at.
const measuredTargets = 6

// measured are the lanes that loss is measured in, on the interfaces on which some was seen: those that saw it first, for
// what one target alone loses may be its own doing, and others to compare it with; one for each target.
func (r *Loop) measured() map[*lane]bool {
	lossy := map[string]bool{}
	for _, l := range r.lanes {
		lossy[l.key.Interface] = lossy[l.key.Interface] || l.lossy()
	}
	list, targets, count := map[*lane]bool{}, map[Lane]bool{}, map[string]int{}
	for _, saw := range []bool{true, false} {
		for _, l := range r.lanes {
			iface := l.key.Interface
			target := Lane{Interface: iface, Target: l.key.Target}
			if !lossy[iface] || l.lossy() != saw || targets[target] || count[iface] == measuredTargets || !l.measures() {
				continue
			}
			list[l], targets[target] = true, true
			count[iface]++
		}
	}
	return list
}

// measurable reports whether loss may be measured in a lane that has ended: it saw some, or it is one of those that others
// are compared with, of which there are no more than are measured.
func (r *Loop) measurable(l *lane) bool {
	if l.lossy() || !l.measures() {
		return l.lossy()
	}
	target := Lane{Interface: l.key.Interface, Target: l.key.Target}
	count := 0
	for _, other := range r.compared {
		if other == target {
			return false
		}
		if other.Interface == target.Interface {
			count++
		}
	}
	if count == measuredTargets {
		return false
	}
	r.compared = append(r.compared, target)
	return true
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
