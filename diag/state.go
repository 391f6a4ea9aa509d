package diag

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// framesKept bounds the frames that State remembers besides those that evidence points at.
const framesKept = 4096

// An InterfaceAddr names an address on an interface: link-local addresses repeat on every link.
type InterfaceAddr struct {
	Interface string
	Address   netip.Addr
}

// State is everything known at one moment, folded from events. The zero State is not ready: use
// NewState. It is not safe for concurrent use. Lifetimes in it are as the events gave them;
// the Left functions count them down to Now.
type State struct {
	Started time.Time // the first event's time
	Now     time.Time // the last event's time
	Seq     int64

	Run     Run
	Feeds   map[FeedName]Feed
	Machine Machine

	Links      map[string]Link
	Addresses  map[InterfaceAddr]At[Address]
	Routes     map[RouteKey]At[Route]
	Rules      map[PolicyRule]bool
	Neighbours map[InterfaceAddr]At[Neighbour]

	Sysctls    map[SysctlKey]string
	Managers   map[string]Manager
	Selections map[SelectionKey]Selection
	Filters    []Filter
	TableUse   TableUse

	Metadata Metadata
	Leases   map[string]Lease              // by interface, from files
	Replies  map[string]At[DHCPv6]         // by interface, DHCPv6 Replies seen on the tap
	Routers  map[InterfaceAddr]*RouterSeen // every advertiser
	Checks   map[CheckKey]Check
	Changes  []Change

	// DADFailures are addresses whose removal said dadfailed: with a finite lifetime the kernel
	// deletes a duplicate at once, and only the deletion tells (net/ipv6/addrconf.c).
	DADFailures map[InterfaceAddr]int64

	paths    map[string]Path
	order    []string // of paths, as first settled
	frames   []Event  // a ring of the newest
	oldest   int
	evidence map[int64]Event
	counts   map[NUD]map[string]int
}

// At is a fact with the time and number of the event that said it.
type At[T any] struct {
	Fact T
	At   time.Time
	Seq  int64
}

// RouteKey identifies a route as the kernel does.
type RouteKey struct {
	Interface string
	Dst       netip.Prefix
	Via       netip.Addr
	Metric    int
	Table     int
	Type      string
}

// SysctlKey names a sysctl.
type SysctlKey struct{ Scope, Name string }

// SelectionKey names a question put to the kernel's routing: see Selection.
type SelectionKey struct {
	Dst, From netip.Addr
	Bound     string
}

// CheckKey names a check on an interface.
type CheckKey struct{ ID, Interface string }

// RouterSeen is an advertiser as its advertisements showed it.
type RouterSeen struct {
	Interface string
	Address   netip.Addr
	MAC       MAC
	Last      Advertisement
	First, At time.Time
	Seq       int64 // of the last
	Count     int
	// IntervalS is the time between the last two multicast advertisements, seconds; 0: not known.
	IntervalS     float64
	lastMulticast time.Time
}

// NewState returns an empty state.
func NewState() *State {
	return &State{
		Feeds:       map[FeedName]Feed{},
		Links:       map[string]Link{},
		Addresses:   map[InterfaceAddr]At[Address]{},
		Routes:      map[RouteKey]At[Route]{},
		Rules:       map[PolicyRule]bool{},
		Neighbours:  map[InterfaceAddr]At[Neighbour]{},
		Sysctls:     map[SysctlKey]string{},
		Managers:    map[string]Manager{},
		Selections:  map[SelectionKey]Selection{},
		Leases:      map[string]Lease{},
		Replies:     map[string]At[DHCPv6]{},
		Routers:     map[InterfaceAddr]*RouterSeen{},
		Checks:      map[CheckKey]Check{},
		DADFailures: map[InterfaceAddr]int64{},
		paths:       map[string]Path{},
		evidence:    map[int64]Event{},
		counts:      map[NUD]map[string]int{},
	}
}

// Apply folds e into s. The same events in the same order always make the same state.
func (s *State) Apply(e Event) {
	if s.Started.IsZero() {
		s.Started = e.At
	}
	if e.At.After(s.Now) {
		s.Now = e.At
	}
	s.Seq = e.Seq
	switch b := e.Body.(type) {
	case Run:
		s.Run = b
	case Tick:
	case Feed:
		s.Feeds[b.Name] = b
	case Link:
		s.applyLink(b)
	case Address:
		s.applyAddress(e, b)
	case Route:
		key := RouteKey{b.Interface, b.Dst, b.Via, b.Metric, b.Table, b.Type}
		if b.Gone {
			delete(s.Routes, key)
		} else {
			s.Routes[key] = At[Route]{b, e.At, e.Seq}
		}
	case PolicyRule:
		key := b
		key.Gone = false
		if b.Gone {
			delete(s.Rules, key)
		} else {
			s.Rules[key] = true
		}
	case Neighbour:
		s.applyNeighbour(e, b)
	case Sysctl:
		s.Sysctls[SysctlKey{b.Scope, b.Name}] = b.Value
	case Manager:
		s.Managers[b.Interface] = b
	case Selection:
		s.Selections[SelectionKey{b.Dst, b.From, b.Bound}] = b
	case Filter:
		if !slices.ContainsFunc(s.Filters, func(f Filter) bool { return sameFilter(f, b) }) {
			s.Filters = append(s.Filters, b)
		}
	case TableUse:
		b.NoBuffers = b.NoBuffers || s.TableUse.NoBuffers
		s.TableUse = b
	case Machine:
		s.Machine = b
	case Metadata:
		s.Metadata = b
	case Lease:
		s.Leases[b.Interface] = b
	case Frame:
		s.applyFrame(e, b)
	case Socket:
		s.keepFrame(e)
		if b.Errno == "ENOBUFS" {
			s.TableUse.NoBuffers = true
		}
	case Check:
		s.Checks[CheckKey{b.ID, b.Interface}] = b
	case Path:
		s.applyPath(b)
	case Change:
		s.Changes = append(s.Changes, b)
	}
}

func sameFilter(a, b Filter) bool {
	return a.Interface == b.Interface && a.Table == b.Table && a.Chain == b.Chain &&
		a.Rule == b.Rule && a.Handle == b.Handle
}

func (s *State) applyLink(l Link) {
	if !l.Gone {
		s.Links[l.Interface] = l
		return
	}
	delete(s.Links, l.Interface)
	for k := range s.Addresses {
		if k.Interface == l.Interface {
			delete(s.Addresses, k)
		}
	}
	for k, n := range s.Neighbours {
		if k.Interface == l.Interface {
			s.count(n.Fact, -1)
			delete(s.Neighbours, k)
		}
	}
	for k := range s.Routes {
		if k.Interface == l.Interface {
			delete(s.Routes, k)
		}
	}
}

func (s *State) applyAddress(e Event, a Address) {
	key := InterfaceAddr{a.Interface, a.Address}
	if a.Flags&DADFailed != 0 {
		s.DADFailures[key] = e.Seq
		s.keepFrame(e)
	}
	if a.Gone {
		delete(s.Addresses, key)
		return
	}
	if a.Flags&(DADFailed|Tentative) == 0 {
		delete(s.DADFailures, key)
	}
	s.Addresses[key] = At[Address]{a, e.At, e.Seq}
}

func (s *State) applyNeighbour(e Event, n Neighbour) {
	key := InterfaceAddr{n.Interface, n.Address}
	if old, ok := s.Neighbours[key]; ok {
		s.count(old.Fact, -1)
	}
	if n.Gone {
		delete(s.Neighbours, key)
		return
	}
	s.Neighbours[key] = At[Neighbour]{n, e.At, e.Seq}
	s.count(n, +1)
}

func (s *State) count(n Neighbour, by int) {
	m := s.counts[n.State]
	if m == nil {
		m = map[string]int{}
		s.counts[n.State] = m
	}
	m[n.Interface] += by
}

func (s *State) applyFrame(e Event, f Frame) {
	s.keepFrame(e)
	if f.Bad != "" || f.Out {
		return
	}
	if f.Type == RA && f.RA != nil {
		key := InterfaceAddr{f.Interface, f.Src}
		r := s.Routers[key]
		if r == nil {
			r = &RouterSeen{Interface: f.Interface, Address: f.Src, First: e.At}
			s.Routers[key] = r
		}
		r.MAC, r.Last, r.At, r.Seq = f.SrcMAC, *f.RA, e.At, e.Seq
		r.Count++
		if f.Dst == AllNodes {
			if !r.lastMulticast.IsZero() {
				r.IntervalS = e.At.Sub(r.lastMulticast).Seconds()
			}
			r.lastMulticast = e.At
		}
	}
	if f.Type == DHCPv6Frame && f.DHCPv6 != nil && f.DHCPv6.Message == "reply" && len(f.DHCPv6.Addresses) > 0 {
		s.Replies[f.Interface] = At[DHCPv6]{*f.DHCPv6, e.At, e.Seq}
	}
}

func (s *State) keepFrame(e Event) {
	if len(s.frames) < framesKept {
		s.frames = append(s.frames, e)
		return
	}
	s.frames[s.oldest] = e
	s.oldest = (s.oldest + 1) % framesKept
}

func (s *State) applyPath(p Path) {
	if _, ok := s.paths[p.ID]; !ok {
		s.order = append(s.order, p.ID)
	}
	s.paths[p.ID] = p
	for _, seq := range p.Evidence {
		if _, ok := s.evidence[seq]; ok {
			continue
		}
		if e, ok := s.frame(seq); ok {
			s.evidence[seq] = e
		}
	}
}

func (s *State) frame(seq int64) (Event, bool) {
	newer, older := s.frames[:s.oldest], s.frames[s.oldest:]
	for _, part := range [][]Event{older, newer} {
		i, ok := slices.BinarySearchFunc(part, seq, func(e Event, seq int64) int { return cmp.Compare(e.Seq, seq) })
		if ok {
			return part[i], true
		}
	}
	return Event{}, false
}

// Paths returns the settled questions in the order in which they were first settled.
func (s *State) Paths() []Path {
	paths := make([]Path, 0, len(s.order))
	for _, id := range s.order {
		paths = append(paths, s.paths[id])
	}
	return paths
}

// Path returns the path with an ID.
func (s *State) Path(id string) (Path, bool) {
	p, ok := s.paths[id]
	return p, ok
}

// Evidence returns the event that seq names, if it is remembered.
func (s *State) Evidence(seq int64) (Event, bool) {
	if e, ok := s.evidence[seq]; ok {
		return e, true
	}
	return s.frame(seq)
}

// Frames returns the remembered frames and socket events, oldest first.
func (s *State) Frames() []Event {
	return slices.Concat(s.frames[s.oldest:], s.frames[:s.oldest])
}

// CountNeighbours returns how many entries an interface has in each state.
func (s *State) CountNeighbours(iface string) map[NUD]int {
	counts := map[NUD]int{}
	for state, by := range s.counts {
		if n := by[iface]; n > 0 {
			counts[state] = n
		}
	}
	return counts
}

// Left counts a lifetime given at some time down to s.Now: seconds, at least 0, or Forever.
func (s *State) Left(seconds int64, at time.Time) int64 {
	if seconds == Forever {
		return Forever
	}
	return max(0, seconds-int64(s.Now.Sub(at)/time.Second))
}

// AddressesOn returns the addresses of an interface, in order of address.
func (s *State) AddressesOn(iface string) []At[Address] {
	var list []At[Address]
	for k, a := range s.Addresses {
		if k.Interface == iface {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b At[Address]) int { return a.Fact.Address.Compare(b.Fact.Address) })
	return list
}

// DefaultRoutes returns the usable default routes of the main table through an interface, lowest
// metric first.
func (s *State) DefaultRoutes(iface string) []At[Route] {
	var list []At[Route]
	for k, r := range s.Routes {
		if k.Interface == iface && r.Fact.Dst.Bits() == 0 && r.Fact.Table == MainTable && r.Fact.Type == "unicast" {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b At[Route]) int {
		return cmp.Or(cmp.Compare(a.Fact.Metric, b.Fact.Metric), a.Fact.Via.Compare(b.Fact.Via))
	})
	return list
}

// MainTable is RT_TABLE_MAIN.
const MainTable = 254

// Sysctl returns a setting as an interface has it.
func (s *State) Sysctl(scope, name string) (string, bool) {
	v, ok := s.Sysctls[SysctlKey{scope, name}]
	return v, ok
}

// Complete reports whether a feed says everything it knows.
func (s *State) Complete(name FeedName) bool { return s.Feeds[name].State == Synced }
