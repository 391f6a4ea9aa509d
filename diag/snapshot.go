package diag

import (
	"maps"
	"slices"
)

// Events returns the events that still matter: those of what is known now, those that evidence
// points at, and the newest that passed. Folded in order into a NewState they make a state that
// Diagnose, NewReport and the screens cannot tell from s, and that later events change as they
// change s: a recording may begin with them.
//
// They are the stream's own, with their numbers and times, but for the first, a Run with what the
// missing ones would have told (Resumed), and where the last or the latest is missing a Tick in its
// place. Of a stream that does not begin with its Run, the first event gives its place to that.
func (s *State) Events() []Event {
	if s.Seq == 0 {
		return nil
	}
	kept := map[int64]Event{}
	keep := func(e Event) { kept[e.Seq] = e }
	for key, e := range s.said {
		if a, ok := key.(InterfaceAddr); ok && s.DADFailures[a] != e.Seq {
			continue // the address has passed DAD since
		}
		keep(e)
	}
	keepFacts(kept, s.Addresses)
	for _, r := range s.Routes.All() {
		keep(FactOf(r))
	}
	for _, n := range s.Neighbours.All() {
		keep(FactOf(n))
	}
	keepFacts(kept, s.Proxies)
	keepFacts(kept, s.Foreign)
	for _, e := range s.frames.events {
		keep(e)
	}
	for _, e := range s.segments.events {
		keep(e)
	}
	for _, e := range s.notes.events {
		keep(e)
	}
	for _, e := range s.drops.events {
		keep(e)
	}
	for _, e := range s.portDrops.events {
		keep(e)
	}
	for _, f := range s.Fars {
		for _, e := range f.events() {
			keep(e)
		}
	}
	resumed := &Resumed{Until: s.Seq, Ruleset: s.ruleset}
	for seq, pin := range s.evidence {
		keep(pin.event)
		if _, ok := s.remembered(seq); !ok {
			resumed.Evidence = append(resumed.Evidence, seq)
		}
	}
	for _, f := range s.Foreign {
		resumed.Foreign = append(resumed.Foreign, f.Seq)
	}
	for _, r := range s.RoutersSorted() {
		resumed.Routers = append(resumed.Routers, ResumedRouter{r.Interface, r.Address, r.First, r.lastMulticast, r.Count, r.IntervalS})
	}
	for _, iface := range SortedKeys(s.before) {
		resumed.Before = append(resumed.Before, s.before[iface])
	}
	slices.Sort(resumed.Evidence)
	slices.Sort(resumed.Foreign)
	last := s.Seq
	if _, ok := kept[last]; ok {
		last = s.latest
	}
	if _, ok := kept[last]; !ok {
		keep(Event{last, s.Now, Tick{}})
	}
	run := s.Run
	run.Resumed = resumed
	keep(Event{s.first, s.Started, run})
	list := make([]Event, 0, len(kept))
	for _, seq := range slices.Sorted(maps.Keys(kept)) {
		list = append(list, kept[seq])
	}
	return list
}

func keepFacts[K comparable, T Body](kept map[int64]Event, facts map[K]At[T]) {
	for _, a := range facts {
		kept[a.Seq] = FactOf(a)
	}
}

// A resumption is how a stream that begins in the middle is folded as far as it was known before.
type resumption struct {
	until             int64
	foreign, evidence map[int64]bool
	routers           map[InterfaceAddr]ResumedRouter
}

// resume notices the beginning and the end of a resumption. What evidence points at is kept from the
// start: by the time that its path comes it may have been pushed out.
func (s *State) resume(e Event) {
	if run, ok := e.Body.(Run); ok && run.Resumed != nil && e.Seq == s.first {
		r := &resumption{run.Resumed.Until, map[int64]bool{}, map[int64]bool{}, map[InterfaceAddr]ResumedRouter{}}
		s.ruleset = run.Resumed.Ruleset
		for _, seq := range run.Resumed.Foreign {
			r.foreign[seq] = true
		}
		for _, seq := range run.Resumed.Evidence {
			r.evidence[seq] = true
		}
		for _, x := range run.Resumed.Routers {
			r.routers[InterfaceAddr{x.Interface, x.Address}] = x
		}
		for _, b := range run.Resumed.Before {
			s.before[b.Interface] = b
		}
		s.resumed = r
	}
	if s.resumed == nil {
		return
	}
	if e.Seq > s.resumed.until {
		s.resumed = nil
		return
	}
	if s.resumed.evidence[e.Seq] {
		s.evidence[e.Seq] = pinned{event: e}
	}
}

// router returns what is known of a router at its first advertisement; nil if it is none of those
// that were known.
func (r *resumption) router(e Event, key InterfaceAddr) *RouterSeen {
	seen := &RouterSeen{Interface: key.Interface, Address: key.Address, First: e.At}
	if r == nil {
		return seen
	}
	x, ok := r.routers[key]
	if !ok {
		return nil
	}
	seen.First, seen.lastMulticast = x.First, x.LastMulticast
	seen.Count, seen.IntervalS = max(x.Count, 1), max(x.IntervalS, 0)
	return seen
}

// Facts returns the events that tell what is so at the moment, in order: the newest of every entry of the kernel's tables
// and of every setting, and how complete the sources are. What passes by, as frames do, is not in it.
func (s *State) Facts() []Event {
	return slices.DeleteFunc(s.Events(), func(e Event) bool {
		switch b := e.Body.(type) {
		case Address:
			return s.Addresses[InterfaceAddr{b.Interface, b.Address}].Seq != e.Seq
		case Neighbour:
			key := InterfaceAddr{b.Interface, b.Address}
			return s.Neighbours.Of(key).Seq != e.Seq && s.Proxies[key].Seq != e.Seq
		case Route:
			r, _ := s.Routes.Find(b.key())
			return r.Seq != e.Seq
		case Run, Tick, Frame, Drop, Socket, Check, Path, Change, Selection, Flood:
			return true
		default:
			return false
		}
	})
}
