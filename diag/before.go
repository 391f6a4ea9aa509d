package diag

import (
	"slices"
	"time"
)

// A Before is what an interface was like when a run began to ask on it. What is asked heals what it measures: the
// answer to a router solicitation brings a default route back that had run out. Whoever wants to say how the host
// fared while nobody asked looks here.
type Before struct {
	Interface string    `json:"interface"`
	At        time.Time `json:"at"`
	Seq       int64     `json:"seq"` // of the event with which the asking began
	// Complete: all that the kernel has was known by then, so that what is not here was not there.
	Complete bool `json:"complete"`
	// Routes are the default routes through the interface that had not run out, of every table. Their ExpiresS, as the
	// lifetimes of addresses, is what was left At.
	Routes []Route `json:"routes,omitempty"`
	// Addresses are the global ones that were configured, usable or not, without those that the program gave to the kernel.
	Addresses []Address `json:"addresses,omitempty"`
	// Routers are the entries of the neighbour cache for the gateways of Routes; of one without an entry there is none.
	Routers []Neighbour `json:"routers,omitempty"`
}

// beforeKept bounds how many routes and how many addresses a Before remembers; where there are more it is not Complete.
const beforeKept = 64

// Before returns what an interface was like when the newest run on it began; ok is false where none has.
func (s *State) Before(iface string) (b Before, ok bool) {
	b, ok = s.before[iface]
	return b, ok
}

// begins looks at an interface as the first check of a run begins on it.
func (s *State) begins(iface string, e Event) {
	for key, c := range s.Checks {
		if key.Interface == iface && c.State == CheckRunning {
			return
		}
	}
	b := Before{Interface: iface, At: e.At, Seq: e.Seq, Complete: s.Complete(FeedNetlink)}
	defaults, addresses := s.LinkOf(iface).Defaults, s.AddressesOn(iface)
	b.Complete = b.Complete && max(len(defaults), len(addresses)) <= beforeKept
	for _, r := range defaults[:min(len(defaults), beforeKept)] {
		route := r.Fact
		route.ExpiresS = s.Left(route.ExpiresS, r.At)
		b.Routes = append(b.Routes, route)
		entry, known := s.Neighbours.Find(InterfaceAddr{iface, route.Via})
		if known && !slices.Contains(b.Routers, entry.Fact) {
			b.Routers = append(b.Routers, entry.Fact)
		}
	}
	for _, a := range addresses[:min(len(addresses), beforeKept)] {
		if addr := a.Fact; !addr.Address.IsLinkLocalUnicast() && !addr.Passing() {
			addr.PreferredS, addr.ValidS = s.Left(addr.PreferredS, a.At), s.Left(addr.ValidS, a.At)
			b.Addresses = append(b.Addresses, addr)
		}
	}
	s.before[iface] = b
}
