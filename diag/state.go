package diag

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag/dense"
)

// What State remembers of the stream besides what evidence points at, and of what anybody on the
// link can send, is bounded.
const (
	EventsKept  = 4096 // in each ring
	RoutersKept = 256
	// routersFirst of them stay whatever comes: the first that were heard.
	routersFirst = 32
	foreignKept  = 256
	changesKept  = 256
	floodsKept   = 256
)

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
	Routes     Routes
	Rules      map[PolicyRule]bool
	Neighbours Neighbours
	Proxies    map[InterfaceAddr]At[Neighbour] // what this host answers for
	Groups     map[string]Groups               // by interface

	Sysctls    map[SysctlKey]string
	Managers   map[string]Manager
	Access     Access
	Selections map[SelectionKey]Selection
	Filters    []Filter
	Hooks      map[HookKey]Hook
	TableUse   TableUse
	Flows      At[Flows]
	Resolvers  Resolvers

	Metadata Metadata
	Leases   map[string]Lease              // by interface, from files
	Replies  map[string]At[DHCPv6]         // by interface, DHCPv6 Replies seen on the tap
	Routers  map[InterfaceAddr]*RouterSeen // every advertiser
	Checks   map[CheckKey]Check
	Changes  []Change

	// Offers are the newest DHCPv6 Advertises seen on the tap, by interface: an offer to whoever
	// asked, not an assignment.
	Offers map[string]At[DHCPv6]

	// Floods are the strongest of the last while.
	Floods map[FloodKey]At[Flood]

	// Overheard is what a capture tells, by interface; nil: the stream is of a host.
	Overheard     map[string]*Overheard
	overheardLeft int
	Fars          []*FarHost // other hosts that watch at the same time

	// Foreign are frames that left an interface with a global source that was not configured on it:
	// forwarded for others, or sent by a claim.
	Foreign map[InterfaceAddr]At[Frame]

	// DADFailures are addresses whose removal said dadfailed: with a finite lifetime the kernel
	// deletes a duplicate at once, and only the deletion tells (net/ipv6/addrconf.c).
	DADFailures map[InterfaceAddr]int64

	room     RouteRoom // of Routes
	paths    map[string]Path
	order    []string // of paths, as first settled
	answered map[Via]map[Question]int
	telling  map[string]bool // paths whose answer tells what network this is
	frames   ring
	segments ring // of TCP, apart for the same reason as notes
	notes    ring // apart, so that a burst of neighbour changes does not push the frames out
	drops    ring
	// portDrops are those of TCP and UDP, apart for the same reason as segments.
	portDrops ring
	dropped   map[PacketKey]int64 // the newest of drops, by packet
	ruleset   int64               // see Ruled
	evidence  map[int64]pinned
	said      map[any]Event // the newest event of every fact that has no Seq of its own
	counts    map[NUD]map[string]int
	before    map[string]Before // by interface
	first     int64             // the first event
	latest    int64             // the event that Now is of
	shaped    int64             // see Shaped
	resumed   *resumption       // nil: the stream is whole from here on
}

// A ring keeps the newest events.
type ring struct {
	events []Event
	oldest int
}

// keep adds an event, and returns the one that had to go for it, if any.
func (r *ring) keep(e Event) (gone Event) {
	if len(r.events) < EventsKept {
		r.events = append(r.events, e)
		return gone
	}
	gone, r.events[r.oldest] = r.events[r.oldest], e
	r.oldest = (r.oldest + 1) % EventsKept
	return gone
}

func (r *ring) find(seq int64) (Event, bool) {
	for _, part := range [][]Event{r.events[r.oldest:], r.events[:r.oldest]} {
		i, ok := slices.BinarySearchFunc(part, seq, func(e Event, seq int64) int { return cmp.Compare(e.Seq, seq) })
		if ok {
			return part[i], true
		}
	}
	return Event{}, false
}

func (r *ring) list() []Event {
	return slices.Concat(r.events[r.oldest:], r.events[:r.oldest])
}

// pinned is an event that paths point at, and how many do.
type pinned struct {
	event Event
	by    int
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
	From      netip.Prefix // the zero Prefix: for all sources
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

// HookKey names a Hook.
type HookKey struct {
	Interface string
	Name      HookName
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

// ToAll reports whether an advertisement of the router to all nodes was heard.
func (r *RouterSeen) ToAll() bool { return !r.lastMulticast.IsZero() }

// NewState returns an empty state.
func NewState() *State {
	return &State{
		Feeds:       map[FeedName]Feed{},
		Links:       map[string]Link{},
		Addresses:   map[InterfaceAddr]At[Address]{},
		Rules:       map[PolicyRule]bool{},
		Neighbours:  Neighbours{rows: map[string]*dense.Map[neighbourKey, neighbourRow]{}},
		Proxies:     map[InterfaceAddr]At[Neighbour]{},
		Groups:      map[string]Groups{},
		Sysctls:     map[SysctlKey]string{},
		Managers:    map[string]Manager{},
		Selections:  map[SelectionKey]Selection{},
		Hooks:       map[HookKey]Hook{},
		Leases:      map[string]Lease{},
		Replies:     map[string]At[DHCPv6]{},
		Routers:     map[InterfaceAddr]*RouterSeen{},
		Checks:      map[CheckKey]Check{},
		Offers:      map[string]At[DHCPv6]{},
		Foreign:     map[InterfaceAddr]At[Frame]{},
		Floods:      map[FloodKey]At[Flood]{},
		DADFailures: map[InterfaceAddr]int64{},
		paths:       map[string]Path{},
		answered:    map[Via]map[Question]int{},
		telling:     map[string]bool{},
		dropped:     map[PacketKey]int64{},
		evidence:    map[int64]pinned{},
		said:        map[any]Event{},
		counts:      map[NUD]map[string]int{},
		before:      map[string]Before{},
	}
}

// Apply folds e into s. The same events in the same order always make the same state.
func (s *State) Apply(e Event) {
	if s.Started.IsZero() {
		s.Started, s.first = e.At, e.Seq
	}
	if e.At.After(s.Now) {
		s.Now, s.latest = e.At, e.Seq
	}
	s.Seq = e.Seq
	if s.shapes(e.Body) {
		s.shaped = e.Seq
	}
	s.resume(e)
	switch b := e.Body.(type) {
	case Run:
		b.Resumed = nil
		s.Run = b
		if b.Capture != nil && s.Overheard == nil {
			s.Overheard, s.overheardLeft = map[string]*Overheard{}, overheardMost
		}
	case Tick:
	case Feed:
		s.applyFeed(e, b)
	case Link:
		s.said[linkKey(b.Interface)] = e
		if b.Gone {
			s.said[goneKey(b.Interface)] = e
		} else if !b.Up || !b.Carrier {
			s.lose(b.Interface, e)
		}
		s.applyLink(b)
	case Groups:
		s.Groups[b.Interface] = b
		s.said[groupsKey(b.Interface)] = e
	case Address:
		s.applyAddress(e, b)
	case Route:
		s.notes.keep(e)
		_, known := s.Routes.Find(b.key())
		switch {
		case b.Gone && known:
			s.room.Free(b)
			s.Routes.remove(b.key())
		case !b.Gone && (known || s.room.Take(b)):
			s.Routes.set(e, b)
		}
	case PolicyRule:
		key := b
		key.Gone = false
		if b.Gone {
			delete(s.Rules, key)
			delete(s.said, key)
		} else {
			s.Rules[key] = true
			s.said[key] = e
		}
	case Neighbour:
		s.applyNeighbour(e, b)
	case Sysctl:
		s.Sysctls[SysctlKey{b.Scope, b.Name}] = b.Value
		s.said[SysctlKey{b.Scope, b.Name}] = e
	case Manager:
		s.Managers[b.Interface] = b
		s.said[managerKey(b.Interface)] = e
	case Access:
		s.Access = b
		s.said[Access{}.Kind()] = e
	case Selection:
		s.Selections[SelectionKey{b.Dst, b.From, b.Bound}] = b
		s.said[SelectionKey{b.Dst, b.From, b.Bound}] = e
	case Filter:
		s.applyFilter(e, b)
	case Hook:
		key := HookKey{b.Interface, b.Name}
		if _, had := s.Hooks[key]; had || b.Gone {
			s.ruled(e)
		}
		if b.Gone {
			delete(s.Hooks, key)
			delete(s.said, key)
		} else {
			s.Hooks[key] = b
			s.said[key] = e
		}
	case Flows:
		s.Flows = At[Flows]{b, e.At, e.Seq}
		s.said[Flows{}.Kind()] = e
	case TableUse:
		if b.NoBuffers {
			s.said[noBuffers{}] = e
		}
		b.NoBuffers = b.NoBuffers || s.TableUse.NoBuffers
		s.TableUse = b
		s.said[TableUse{}.Kind()] = e
	case Resolvers:
		s.Resolvers = b
		s.said[Resolvers{}.Kind()] = e
	case Machine:
		s.Machine = b
		s.said[Machine{}.Kind()] = e
	case Metadata:
		s.Metadata = b
		s.said[Metadata{}.Kind()] = e
	case Lease:
		s.Leases[b.Interface] = b
		s.said[leaseKey(b.Interface)] = e
	case Frame:
		s.applyFrame(e, b)
	case Drop:
		s.applyDrop(e, b)
	case Flood:
		s.applyFlood(e, b)
	case Socket:
		s.frames.keep(e)
		if b.Errno == "ENOBUFS" {
			s.TableUse.NoBuffers = true
			s.said[noBuffers{}] = e
		}
	case Check:
		key := CheckKey{b.ID, b.Interface}
		if b.State == CheckRunning && s.resumed == nil {
			s.begins(b.Interface, e)
		}
		s.Checks[key] = b
		s.said[key] = e
		if b.State == CheckRunning {
			s.said[begunKey(key)] = e // when it began is for the screens to show
		}
		if b.State == CheckDone {
			s.forgetPaths(key)
		}
	case Path:
		s.applyPath(e, b)
	case Far:
		s.applyFar(e, b)
	case Change:
		if !slices.Contains(s.Changes, b) && len(s.Changes) < changesKept {
			s.Changes = append(s.Changes, b)
			s.said[b] = e
		}
	}
}

// Shaped is the number of the newest event that changed what links look like, what is assigned or which network this is:
// while it stays the same, and the time too, so do ReadLinks, Assigned, and what is recognised.
func (s *State) Shaped() int64 { return s.shaped }

// shapes reports whether an event that is about to be applied is such a one. What passes by all the time is not.
func (s *State) shapes(b Body) bool {
	switch b := b.(type) {
	case Tick, Socket, Neighbour, Drop, Flood, Check, Change, Flows, TableUse, Groups, Resolvers:
		return false
	case Frame:
		return b.Type == RA || b.Type == DHCPv6Frame || s.Overheard != nil
	case Path:
		return tells(b) || s.telling[b.ID]
	default:
		return true
	}
}

// Keys of said beside those that State's own maps have.
type (
	linkKey    string
	goneKey    string        // of a link that was removed: the newest time
	lostKey    string        // of an interface that lost its link or an address while it was asked on
	grantKey   InterfaceAddr // of an address whose preferred lifetime ran out: as it was before
	managerKey string
	groupsKey  string
	leaseKey   string
	routerKey  InterfaceAddr
	offerKey   string
	replyKey   string
	begunKey   CheckKey
	pathKey    string
	farKey     string
	noBuffers  struct{}
	filterKey  struct {
		iface, table, chain, hook, rule string
		handle                          uint64
		legacy                          bool
	}
)

func filterKeyOf(f Filter) filterKey {
	return filterKey{f.Interface, f.Table, f.Chain, f.Hook, f.Rule, f.Handle, f.Legacy}
}

// ruled notes that a rule or a hook is gone, or is another than it was.
func (s *State) ruled(e Event) {
	if s.resumed == nil { // else the stream says when
		s.ruleset = e.Seq
	}
}

// Ruled is the number of the newest event by which a rule or a hook went or changed: what one threw away before may pass by
// now. 0: none did.
func (s *State) Ruled() int64 { return s.ruleset }

func (s *State) applyFilter(e Event, f Filter) {
	key := filterKeyOf(f)
	n := len(s.Filters)
	s.Filters = slices.DeleteFunc(s.Filters, func(old Filter) bool { return filterKeyOf(old) == key })
	if f.Gone || len(s.Filters) < n {
		s.ruled(e)
	}
	if f.Gone {
		delete(s.said, key)
		return
	}
	s.Filters = append(s.Filters, f)
	s.said[key] = e
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
	s.Neighbours.removeAll(l.Interface)
	for _, by := range s.counts {
		delete(by, l.Interface)
	}
	for k := range s.Proxies {
		if k.Interface == l.Interface {
			delete(s.Proxies, k)
		}
	}
	delete(s.Groups, l.Interface)
	delete(s.said, groupsKey(l.Interface))
	for k, r := range s.Routes.All() {
		if k.Interface == l.Interface {
			s.room.Free(r.Fact)
			s.Routes.remove(k)
		}
	}
}

func (s *State) applyAddress(e Event, a Address) {
	if !a.Address.IsValid() {
		return
	}
	key := InterfaceAddr{a.Interface, a.Address}
	s.notes.keep(e)
	if a.Flags&DADFailed != 0 {
		s.DADFailures[key] = e.Seq
		s.said[key] = e
	}
	if a.Gone {
		delete(s.Addresses, key)
		if a.Flags&DADFailed == 0 && !a.Passing() {
			s.lose(a.Interface, e)
		}
		return
	}
	if a.Flags&(DADFailed|Tentative) == 0 {
		delete(s.DADFailures, key)
	}
	was := s.Addresses[key]
	granted := a.grantedAt(e.At).Sub(was.Fact.grantedAt(was.At)).Abs() >= time.Second
	switch {
	case granted || a.PreferredS != 0:
		delete(s.said, grantKey(key))
	case was.Fact.PreferredS > 0:
		s.said[grantKey(key)] = FactOf(was)
	}
	s.Addresses[key] = At[Address]{a, e.At, e.Seq}
}

// grantedAt is when the lifetimes of an address that was seen at a time were last set.
func (a Address) grantedAt(seen time.Time) time.Time {
	return seen.Add(-time.Duration(a.UpdatedS * float64(time.Second)))
}

// TemporaryS is how many seconds at most an address stays that `--add kernel` configures, should this
// program be killed.
const TemporaryS = 20

// Temporary reports whether a configured address bears the marks of one that `--add kernel` gave to
// the kernel: /128, no prefix route, never preferred, and not for long. Such an address is no part of
// the host's configuration.
func (a Address) Temporary() bool { return a.Passing() && a.ValidS > 0 && a.Flags&Permanent == 0 }

// Passing is Temporary also of one that has run out, which the kernel removes a moment late.
func (a Address) Passing() bool {
	return a.PrefixLen == 128 && a.PreferredS == 0 && a.ValidS <= TemporaryS && a.ValidS != Forever &&
		a.Flags&NoPrefixRoute != 0
}

// lose notes what an interface lost while a check was asking on it: the first of it, which the rest follows from; its
// link rather than an address.
func (s *State) lose(iface string, e Event) {
	_, link := e.Body.(Link)
	for key := range s.Checks {
		old := s.said[lostKey(iface)]
		_, address := old.Body.(Address)
		if key.Interface == iface && s.underWay(key, e) && (old.Seq < s.said[begunKey(key)].Seq || link && address) {
			s.said[lostKey(iface)] = e
			return
		}
	}
}

// lateNews is how long after the end of a check something that the kernel says is gone may have been gone before it: it
// says no time, and a busy host reads it late.
const lateNews = 300 * time.Millisecond

// underWay reports whether a check was asking when what an event tells happened.
func (s *State) underWay(key CheckKey, e Event) bool {
	begun, ran := s.said[begunKey(key)]
	said := s.said[key]
	return ran && begun.Seq < e.Seq && (s.Checks[key].State == CheckRunning || e.Seq < said.Seq || e.At.Sub(said.At) < lateNews)
}

// Shaken returns what an interface lost while a check was asking on it: what was asked before, and what
// after, was asked of two different hosts.
func (s *State) Shaken(iface string) (Event, bool) {
	lost, ok := s.said[lostKey(iface)]
	if !ok {
		return lost, false
	}
	for key := range s.Checks {
		if key.Interface == iface && s.underWay(key, lost) {
			return lost, true
		}
	}
	return lost, false
}

func (s *State) applyNeighbour(e Event, n Neighbour) {
	if !n.Address.Is6() || n.Address.Zone() != "" {
		return
	}
	key := InterfaceAddr{n.Interface, n.Address}
	s.notes.keep(e)
	if n.Proxy {
		if n.Gone {
			delete(s.Proxies, key)
		} else {
			s.Proxies[key] = At[Neighbour]{n, e.At, e.Seq}
		}
		return
	}
	if old, ok := s.Neighbours.Find(key); ok {
		s.count(old.Fact, -1)
	}
	if n.Gone {
		s.Neighbours.remove(key)
		return
	}
	n.State = s.Neighbours.set(e, n)
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
	if s.Overheard != nil {
		s.overhear(e, f)
		if f.Out {
			f.Out = false // every host of a capture is treated alike
			e.Body = f
		}
	}
	if f.Type.IsTCP() {
		s.segments.keep(e)
		return
	}
	s.frames.keep(e)
	if f.Out {
		s.applyOutgoing(e, f)
		return
	}
	if f.Bad != "" {
		return
	}
	if f.Type == RA && f.RA != nil && f.Src.IsValid() {
		key := InterfaceAddr{f.Interface, f.Src}
		r := s.Routers[key]
		if r == nil {
			if len(s.Routers) >= RoutersKept && !s.forgetRouter() {
				return
			}
			if r = s.resumed.router(e, key); r == nil {
				return
			}
			s.Routers[key] = r
		}
		r.MAC, r.Last, r.At, r.Seq = f.SrcMAC, *f.RA, e.At, e.Seq
		s.said[routerKey(key)] = e
		if s.resumed != nil {
			return // summed up
		}
		r.Count++
		if f.Dst == AllNodes {
			if !r.lastMulticast.IsZero() {
				r.IntervalS = e.At.Sub(r.lastMulticast).Seconds()
			}
			r.lastMulticast = e.At
		}
	}
	if f.Type != DHCPv6Frame || f.DHCPv6 == nil {
		return
	}
	switch f.DHCPv6.Message {
	case "reply":
		if len(f.DHCPv6.Addresses) > 0 {
			s.Replies[f.Interface] = At[DHCPv6]{*f.DHCPv6, e.At, e.Seq}
			s.said[replyKey(f.Interface)] = e
		}
	case "advertise":
		s.Offers[f.Interface] = At[DHCPv6]{*f.DHCPv6, e.At, e.Seq}
		s.said[offerKey(f.Interface)] = e
	}
}

// forgetRouter makes room for another router: of those that were heard once the one goes that was heard longest ago. A
// router that belongs there is heard again, or was there before any flood: those that were heard first stay.
func (s *State) forgetRouter() bool {
	if s.resumed != nil {
		return false
	}
	earlier := func(a, b *RouterSeen) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	}
	first := make([]*RouterSeen, 0, routersFirst+1) // in order
	for _, r := range s.Routers {
		if len(first) < routersFirst || earlier(r, first[routersFirst-1]) < 0 {
			i, _ := slices.BinarySearchFunc(first, r, earlier)
			first = slices.Insert(first, i, r)
			first = first[:min(len(first), routersFirst)]
		}
	}
	var oldest *RouterSeen
	for _, r := range s.Routers {
		if r.Count == 1 && (oldest == nil || r.Seq < oldest.Seq) && !slices.Contains(first, r) {
			oldest = r
		}
	}
	if oldest == nil {
		return false
	}
	key := InterfaceAddr{oldest.Interface, oldest.Address}
	delete(s.Routers, key)
	delete(s.said, routerKey(key))
	return true
}

func (s *State) applyOutgoing(e Event, f Frame) {
	if scope := ScopeOf(f.Src); f.Src.IsUnspecified() || scope != GlobalScope && scope != ULAScope {
		return
	}
	key := InterfaceAddr{f.Interface, f.Src}
	_, own := s.Addresses[key]
	if s.resumed != nil {
		own = !s.resumed.foreign[e.Seq]
	}
	if own {
		return
	}
	if _, ok := s.Foreign[key]; ok || len(s.Foreign) < foreignKept {
		s.Foreign[key] = At[Frame]{f, e.At, e.Seq}
	}
}

func (s *State) applyPath(e Event, p Path) {
	if !p.Target.IsValid() {
		return // no question: only a recording that was tampered with has one
	}
	s.said[pathKey(p.ID)] = e
	old, ok := s.paths[p.ID]
	if !ok {
		s.order = append(s.order, p.ID)
	}
	s.paths[p.ID] = p
	s.countAnswer(old, -1)
	s.countAnswer(p, +1)
	if tells(p) {
		s.telling[p.ID] = true
	} else {
		delete(s.telling, p.ID)
	}
	for _, seq := range p.Evidence {
		pin, ok := s.evidence[seq]
		if !ok {
			pin.event, ok = s.remembered(seq)
		}
		if ok {
			pin.by++
			s.evidence[seq] = pin
		}
	}
	s.unpin(old)
	if ok && old.Outcome != p.Outcome {
		s.forgetOther(p)
	}
}

// forgetOther drops what an earlier run learnt of the same question asked in another way, when what
// came of it in this one has changed: the two would be of different times, and blame this host for
// what the network did between them. The source of one that is asked as applications do is the kernel's choice.
func (s *State) forgetOther(p Path) {
	begun := s.said[begunKey{p.Check, p.Interface}].Seq
	s.order = slices.DeleteFunc(s.order, func(id string) bool {
		o := s.paths[id]
		same := o.Check == p.Check && o.Interface == p.Interface && o.Target == p.Target && o.Asks == p.Asks &&
			(o.Source == p.Source || o.Via == ViaApp || p.Via == ViaApp)
		if !same || o.Via == p.Via || s.said[pathKey(id)].Seq >= begun {
			return false
		}
		s.forget(id)
		return true
	})
}

// unpin lets go of a path's evidence.
func (s *State) unpin(old Path) {
	for _, seq := range old.Evidence {
		pin, ok := s.evidence[seq]
		if !ok {
			continue
		}
		if pin.by--; pin.by <= 0 {
			delete(s.evidence, seq)
		} else {
			s.evidence[seq] = pin
		}
	}
}

// forgetPaths drops what an earlier run of a check asked and the one that has ended did not: it says
// how things were then, and would contradict what is now.
func (s *State) forgetPaths(key CheckKey) {
	begun := s.said[begunKey(key)].Seq
	s.order = slices.DeleteFunc(s.order, func(id string) bool {
		p := s.paths[id]
		if p.Check != key.ID || p.Interface != key.Interface || s.said[pathKey(id)].Seq >= begun {
			return false
		}
		s.forget(id)
		return true
	})
}

func (s *State) forget(id string) {
	p := s.paths[id]
	s.countAnswer(p, -1)
	s.unpin(p)
	delete(s.paths, id)
	delete(s.telling, id)
	delete(s.said, pathKey(id))
}

// countAnswer keeps the questions that were answered, so that the same question asked in the other
// way is judged without a search.
func (s *State) countAnswer(p Path, by int) {
	if p.Outcome != Answered {
		return
	}
	m := s.answered[p.Via]
	if m == nil {
		m = map[Question]int{}
		s.answered[p.Via] = m
	}
	q := QuestionOf(p)
	if m[q] += by; m[q] <= 0 {
		delete(m, q)
	}
}

// Said returns the event that told of a fact last; the zero Event if none did. A fact is named by a
// body with its key filled in (Link{Interface: "eth0"}, Metadata{}), by a *RouterSeen, or by the key of
// one of the State's maps.
func (s *State) Said(fact any) Event {
	switch f := fact.(type) {
	case Link:
		fact = linkKey(f.Interface)
	case Manager:
		fact = managerKey(f.Interface)
	case Lease:
		fact = leaseKey(f.Interface)
	case Groups:
		fact = groupsKey(f.Interface)
	case Filter:
		fact = filterKeyOf(f)
	case Selection:
		fact = f.key()
	case *RouterSeen:
		fact = routerKey{f.Interface, f.Address}
	case Machine, Metadata, TableUse, Resolvers:
		fact = f.(Body).Kind()
	}
	return s.said[fact]
}

// Offer returns the newest DHCPv6 Advertise that was seen on an interface, Reply the newest Reply that
// gave an address; the zero Event where there was none.
func (s *State) Offer(iface string) Event { return s.said[offerKey(iface)] }

// Reply is described at Offer.
func (s *State) Reply(iface string) Event { return s.said[replyKey(iface)] }

// Removed reports whether an interface was removed.
func (s *State) Removed(iface string) bool {
	_, ok := s.said[goneKey(iface)]
	return ok
}

// Granted returns an address as it was before its preferred lifetime ran out by itself.
func (s *State) Granted(key InterfaceAddr) (Address, bool) {
	a, ok := s.said[grantKey(key)].Body.(Address)
	return a, ok
}

// InterfaceWith is the interface that has an address; "" where none has.
func (s *State) InterfaceWith(addr netip.Addr) string {
	var names []string
	for k := range s.Addresses {
		if k.Address == addr {
			names = append(names, k.Interface)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return slices.Min(names)
}

// OwnMAC reports whether an Ethernet address is one of this host's.
func (s *State) OwnMAC(m MAC) bool {
	for _, l := range s.Links {
		if l.MAC == m {
			return true
		}
	}
	return false
}

// Begun is the number of the event with which the newest run of a check began on an interface.
func (s *State) Begun(check, iface string) int64 { return s.said[begunKey{check, iface}].Seq }

// Answered reports whether a question was answered when it was asked in one way.
func (s *State) Answered(via Via, q Question) bool { return s.answered[via][q] > 0 }

func (s *State) remembered(seq int64) (Event, bool) {
	for _, r := range []*ring{&s.frames, &s.segments} {
		if e, ok := r.find(seq); ok {
			return e, true
		}
	}
	for _, r := range []*ring{&s.drops, &s.portDrops} {
		if e, ok := r.find(seq); ok {
			return e, true
		}
	}
	return s.notes.find(seq)
}

// Paths returns the settled questions in the order in which they were first settled.
func (s *State) Paths() []Path {
	paths := make([]Path, 0, len(s.order))
	for _, id := range s.order {
		paths = append(paths, s.read(s.paths[id]))
	}
	return paths
}

// Path returns the path with an ID.
func (s *State) Path(id string) (Path, bool) {
	p, ok := s.paths[id]
	return s.read(p), ok
}

// read returns a path as all that was seen says. A connection that was reset, and of which no segment left, was refused
// by this host itself (a rule that rejects): whom it was for was never asked.
func (s *State) read(p Path) Path {
	closed := p.Asks == AsksTCP && p.Outcome == Answered || p.Asks == AsksService && p.Outcome == Silent
	if !closed || p.Detail != DetailClosed || p.Out != "" && p.Out != p.Interface ||
		!s.Complete(FeedTCP) || !s.Complete(FeedFrames) || !s.HasPorts(p) || !s.tapSaw(s.said[pathKey(p.ID)].At) {
		return p
	}
	if _, left := s.SegmentOn(p, true); left {
		return p
	}
	p.Outcome, p.Errno, p.Detail, p.Note, p.Received, p.RTTMS, p.Responders = Unsent, "ECONNREFUSED", "", "", 0, 0, nil
	return p
}

// tapSaw reports whether the tap has come as far as a time: it may tell of a frame later than a socket of its answer.
func (s *State) tapSaw(t time.Time) bool {
	return slices.ContainsFunc(s.frames.list(), func(e Event) bool {
		_, is := e.Body.(Frame)
		return is && e.At.After(t)
	})
}

// HasPorts reports whether it is known which segments are a path's.
func (s *State) HasPorts(p Path) bool {
	return slices.ContainsFunc(p.Evidence, func(seq int64) bool {
		e, _ := s.Evidence(seq)
		k, ok := e.Body.(Socket)
		return ok && k.LocalPort != 0
	})
}

// Evidence returns the event that seq names, if it is remembered.
func (s *State) Evidence(seq int64) (Event, bool) {
	if pin, ok := s.evidence[seq]; ok {
		return pin.event, true
	}
	return s.remembered(seq)
}

// Frames returns the remembered frames and socket events, oldest first.
func (s *State) Frames() []Event { return s.frames.list() }

// Segments returns the remembered frames of TCP, oldest first.
func (s *State) Segments() []Event { return s.segments.list() }

// SegmentOn returns the oldest remembered segment, one that leaves or one that comes, of the connections that a path
// tried; what came after the path was settled came too late. That there is none proves nothing while FeedTCP is not
// Complete, nor where the connection left by another interface.
func (s *State) SegmentOn(p Path, out bool) (Event, bool) {
	begun := map[PacketKey]time.Time{} // a port may have been another connection's before
	for _, seq := range p.Evidence {
		e, _ := s.Evidence(seq)
		if k, is := e.Body.(Socket); is {
			for _, key := range k.Keys() {
				if at, known := begun[key]; !known || e.At.Before(at) {
					begun[key] = e.At
				}
			}
		}
	}
	if len(begun) == 0 {
		return Event{}, false
	}
	settled := s.said[pathKey(p.ID)].At // the tap may tell of a segment later than the socket of its answer
	for _, e := range s.segments.list() {
		f := e.Body.(Frame)
		if at, tried := begun[f.Key()]; tried && f.Out == out && f.Bad == "" && (out || !e.At.After(settled)) && !e.At.Before(at.Add(-clocksDiffer)) {
			return e, true
		}
	}
	return Event{}, false
}

// clocksDiffer is how far the kernel's time of a packet may lie from ours of having it sent.
const clocksDiffer = 10 * time.Millisecond

// Notes returns the remembered changes of neighbours, addresses and routes, oldest first.
func (s *State) Notes() []Event { return s.notes.list() }

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
	list := slices.Grow[[]At[Address]](nil, len(s.Addresses))
	for k, a := range s.Addresses {
		if k.Interface == iface {
			list = append(list, a)
		}
	}
	SortFunc(list, func(a, b At[Address]) int { return a.Fact.Address.Compare(b.Fact.Address) })
	return list
}

// DefaultRoutes returns the usable default routes of the main table through an interface, lowest
// metric first.
func (s *State) DefaultRoutes(iface string) []At[Route] {
	var list []At[Route]
	for k, r := range s.Routes.All() {
		if k.Interface == iface && r.Fact.usableDefault() {
			list = append(list, r)
		}
	}
	SortFunc(list, func(a, b At[Route]) int {
		return cmp.Or(cmp.Compare(a.Fact.Metric, b.Fact.Metric), a.Fact.Via.Compare(b.Fact.Via))
	})
	return list
}

// RoutersRoutes returns of DefaultRoutes the first by each router that advertises itself.
func (s *State) RoutersRoutes(iface string) map[netip.Addr]At[Route] {
	by := map[netip.Addr]At[Route]{}
	for k, r := range s.Routes.All() {
		if k.Interface != iface || !r.Fact.usableDefault() || s.Routers[InterfaceAddr{iface, k.Via}] == nil {
			continue
		}
		if best, ok := by[k.Via]; !ok || k.Metric < best.Fact.Metric {
			by[k.Via] = r
		}
	}
	return by
}

// usableDefault reports whether a route is one of those that DefaultRoutes has.
func (r Route) usableDefault() bool {
	return r.Dst.Bits() == 0 && r.Table == MainTable && r.Type == "unicast"
}

// MainTable is RT_TABLE_MAIN.
const MainTable = 254

// LocalTable is RT_TABLE_LOCAL, which has the host's own addresses.
const LocalTable = 255

// Sysctl returns a setting as an interface has it.
func (s *State) Sysctl(scope, name string) (string, bool) {
	v, ok := s.Sysctls[SysctlKey{scope, name}]
	return v, ok
}

// Complete reports whether a feed says everything it knows.
func (s *State) Complete(name FeedName) bool { return s.Feeds[name].State == Synced }

// TellingPaths returns the answers that tell what kind of network this is.
func (s *State) TellingPaths() []Path {
	list := make([]Path, 0, len(s.telling))
	for id := range s.telling {
		list = append(list, s.paths[id])
	}
	sortPaths(list)
	return list
}

// tells reports whether a path's answer tells what kind of network this is.
func tells(p Path) bool {
	if p.Outcome != Answered {
		return false
	}
	return p.SourceClass == SourceCandidate && p.Asks == AsksEcho ||
		p.TargetClass == TargetAllNodes && len(p.Responders) > 0 ||
		p.Target == VPCRouter && p.Asks == AsksND ||
		p.Check == "added" && p.Asks == AsksDAD
}

// FactOf is the event that a fact came with.
func FactOf[T Body](a At[T]) Event { return Event{Seq: a.Seq, At: a.At, Body: a.Fact} }
