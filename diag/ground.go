package diag

import (
	"fmt"
	"hash/maphash"
	"time"
)

var groundSeed = maphash.MakeSeed()

// Ground is a sum over what the answers to questions rest on: links, addresses, routes, rules, filters, the
// routers and how they advertise. While it stays, asking again is expected to bring the same. It leaves out what
// goes by itself or by asking: lifetimes, candidates, the neighbour cache. It is of this process alone.
func (s *State) Ground() uint64 {
	var sum uint64
	add := func(format string, args ...any) { sum += maphash.String(groundSeed, fmt.Sprintf(format, args...)) }
	examined := map[string]bool{}
	for _, iface := range s.InterfacesOf() {
		examined[iface] = true
		l, ok := s.Links[iface]
		add("link %s %v %v %v %v %v", iface, ok && !l.Gone, l.Up, l.Carrier, l.MAC, l.MTU)
	}
	for key, a := range s.Addresses {
		if examined[key.Interface] && !a.Fact.Temporary() && !a.Fact.Passing() {
			add("address %v %d %v", key, a.Fact.PrefixLen, a.Fact.Flags)
		}
	}
	for key, r := range s.Routes {
		if r.Fact.Table != localTable && r.Fact.Type != "local" {
			add("route %v %s %v", key, r.Fact.Type, r.Fact.PrefSrc)
		}
	}
	for rule := range s.Rules {
		add("rule %v", rule)
	}
	for _, f := range s.Filters {
		add("filter %v", f)
	}
	for key, r := range s.Routers {
		add("router %v %v %v %v", key, r.MAC, r.Last.LifetimeS > 0, r.Last.Managed)
		for _, p := range r.Last.Prefixes {
			add("prefix %v %v %v %v %v", key, p.Prefix, p.OnLink, p.Autonomous, p.PreferredS > 0)
		}
	}
	return sum
}

// FailedSince reports whether a neighbour that answered has failed to resolve after an event: the kernel, asking in
// its own need, has found out what the answers on record do not say.
func (s *State) FailedSince(seq int64) bool {
	for _, id := range s.order {
		p := s.paths[id]
		if p.Asks != AsksND || p.Outcome != Answered {
			continue
		}
		if n, ok := s.Neighbours[InterfaceAddr{Interface: p.Interface, Address: p.Target}]; ok && n.Fact.State == Failed && n.Seq > seq {
			return true
		}
	}
	return false
}

// AskedAt is when a question was settled; zero: it was not.
func (s *State) AskedAt(id string) time.Time { return s.said[pathKey(id)].At }
