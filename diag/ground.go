package diag

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"time"
)

var groundSeed = maphash.MakeSeed()

// A ground is a sum over facts, in whatever order they come.
type ground uint64

// sumUp adds a fact: a struct of a type of its own, so that equal fields of different facts stay apart.
func sumUp[T comparable](g *ground, fact T) { *g += ground(maphash.Comparable(groundSeed, fact)) }

// What Ground sums up.
type (
	groundLink struct {
		iface       string
		there       bool
		up, carrier bool
		mac         MAC
		mtu         int
	}
	groundAddress struct {
		key   InterfaceAddr
		bits  int
		flags AddrFlags
	}
	groundRoute struct {
		key     RouteKey
		kind    string
		prefSrc netip.Addr
	}
	groundRule   struct{ PolicyRule }
	groundFilter struct{ text string }
	groundRouter struct {
		key             InterfaceAddr
		mac             MAC
		offers, managed bool
	}
	groundFar struct {
		from string
		addr netip.Addr
	}
	groundPrefix struct {
		key                           InterfaceAddr
		prefix                        netip.Prefix
		onLink, autonomous, preferred bool
	}
)

// Ground is a sum over what the answers to questions rest on: links, addresses, routes, rules, filters, the
// routers and how they advertise, the addresses of other hosts that watch. While it stays, asking again is expected to
// bring the same. It leaves out what goes by itself or by asking: lifetimes, candidates, the neighbour cache. It is of this
// process alone.
func (s *State) Ground() uint64 {
	var sum ground
	examined := map[string]bool{}
	for _, iface := range s.InterfacesOf() {
		examined[iface] = true
		l, ok := s.Links[iface]
		sumUp(&sum, groundLink{iface, ok && !l.Gone, l.Up, l.Carrier, l.MAC, l.MTU})
	}
	for key, a := range s.Addresses {
		if examined[key.Interface] && !a.Fact.Temporary() && !a.Fact.Passing() {
			sumUp(&sum, groundAddress{key, a.Fact.PrefixLen, a.Fact.Flags})
		}
	}
	for key, r := range s.Routes.All() {
		if r.Fact.Table != LocalTable && r.Fact.Type != "local" {
			sumUp(&sum, groundRoute{key, r.Fact.Type, r.Fact.PrefSrc})
		}
	}
	for rule := range s.Rules {
		sumUp(&sum, groundRule{rule})
	}
	for _, f := range s.Filters {
		sumUp(&sum, groundFilter{fmt.Sprint(f)})
	}
	for key, r := range s.Routers {
		sumUp(&sum, groundRouter{key, r.MAC, r.Last.LifetimeS > 0, r.Last.Managed})
		for _, p := range r.Last.Prefixes {
			sumUp(&sum, groundPrefix{key, p.Prefix, p.OnLink, p.Autonomous, p.PreferredS > 0})
		}
	}
	for _, f := range s.Fars {
		for _, iface := range f.State.InterfacesOf() {
			for _, a := range f.State.AddressesOn(iface) {
				sumUp(&sum, groundFar{f.From, a.Fact.Address})
			}
		}
	}
	return uint64(sum)
}

// FailedSince reports whether a neighbour that answered has failed to resolve after an event: the kernel, asking in
// its own need, has found out what the answers on record do not say.
func (s *State) FailedSince(seq int64) bool {
	for _, id := range s.order {
		p := s.paths[id]
		if p.Asks != AsksND || p.Outcome != Answered {
			continue
		}
		if n, ok := s.Neighbours.Find(InterfaceAddr{Interface: p.Interface, Address: p.Target}); ok && n.Fact.State == Failed && n.Seq > seq {
			return true
		}
	}
	return false
}

// AskedAt is when a question was settled; zero: it was not.
func (s *State) AskedAt(id string) time.Time { return s.said[pathKey(id)].At }
