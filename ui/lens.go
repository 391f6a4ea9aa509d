package ui

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/redact"
	"ndwhy/diag/report"
	"ndwhy/diag/why"
)

// Query is what the program is looking at: a Frame has what its Query asks for and no more.
type Query struct {
	Screen    Screen
	Neighbour NeighbourQuery
	Exchanges bool // the frames that passed are in sight
}

// A Lens makes Frames of a session's state. It is fed by Note with every event, looks where Want
// tells it to, and says by Wake when a new Frame is worth making:
//
//	lens, box := ui.NewLens(), ui.NewMailbox()
//	session.Watch(lens.Note)
//	for range lens.Wake() {
//		session.Look(func(s *diag.State) { frame = lens.Snapshot(s) })
//		box.Put(frame)
//		time.Sleep(100 * time.Millisecond) // at most ten a second
//	}
//
// Note and Snapshot are called under the session's lock, which keeps them apart; Want and Wake are
// safe at any time.
type Lens struct {
	wake chan struct{}

	mu   sync.Mutex
	want Query

	// What Note has seen since the last Snapshot, and gathered for ever.
	seq    int64
	facts  bool // something that the diagnosis rests on
	moved  bool // anything but the clock
	table  bool // the neighbour table
	frames bool
	settle bool
	checks map[diag.CheckKey]CheckRow
	echoes history

	report    report.Report
	diagnosed time.Time // in the stream's time
	index     neighbourIndex
	exchanges []Exchange
}

// NewLens returns a Lens that looks at the map.
func NewLens() *Lens {
	return &Lens{
		wake: make(chan struct{}, 1), want: Query{Screen: ScreenMap},
		facts: true, table: true, frames: true, checks: map[diag.CheckKey]CheckRow{}, echoes: history{},
	}
}

// Wake receives when a new Frame is worth making.
func (l *Lens) Wake() <-chan struct{} { return l.wake }

// Stir makes Wake receive: what its owner puts into a Frame is another. It is safe at any time.
func (l *Lens) Stir() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Want says what the program is looking at from now on.
func (l *Lens) Want(q Query) {
	l.mu.Lock()
	changed := l.want != q
	l.want = q
	l.mu.Unlock()
	if changed {
		l.Stir()
	}
}

// Note takes notice of an event. It is cheap and never blocks: it is meant for Session.Watch.
func (l *Lens) Note(e diag.Event) {
	if e.Seq <= l.seq { // a replay began again
		clear(l.checks)
		clear(l.echoes)
		l.facts, l.table, l.frames, l.diagnosed = true, true, true, time.Time{}
	}
	l.seq = e.Seq
	if far, ok := e.Body.(diag.Far); ok && far.Event != nil {
		l.noteFar(far.Event.Body)
		l.Stir()
		return
	}
	_, tick := e.Body.(diag.Tick)
	l.moved = l.moved || !tick
	switch b := e.Body.(type) {
	case diag.Tick:
	case diag.Neighbour:
		l.table = true
	case diag.Frame:
		l.frames = true
		l.facts = l.facts || b.Type == diag.RA
	case diag.Socket:
		l.frames = true
	case diag.Drop:
		l.frames, l.facts = true, true
	case diag.Check:
		l.facts = true
		l.noteCheck(e.At, b)
	case diag.Path:
		l.facts = true
		l.echoes.note(e, b)
		key := diag.CheckKey{ID: b.Check, Interface: b.Interface}
		if row, ok := l.checks[key]; ok {
			row.Settled = e.At
			l.checks[key] = row
		}
	default:
		l.facts = true
	}
	l.Stir()
}

// noteFar is Note of what another host told: its packets may settle where something was lost, and will soon enough.
func (l *Lens) noteFar(b diag.Body) {
	switch b.(type) {
	case diag.Tick:
	case diag.Neighbour, diag.Frame, diag.Socket, diag.Drop:
		l.moved = true
	default:
		l.moved, l.facts = true, true
	}
}

// Settle has the next Snapshot diagnose, whatever that costs: a replay stands still, and no event will
// come that makes up for what was put off. It is called as Note is.
func (l *Lens) Settle() {
	l.settle = true
	l.Stir()
}

func (l *Lens) noteCheck(at time.Time, c diag.Check) {
	key := diag.CheckKey{ID: c.ID, Interface: c.Interface}
	row := l.checks[key]
	row.Check = c
	switch c.State {
	case diag.CheckRunning:
		row.Started, row.Ended = at, time.Time{}
	default:
		row.Ended = at
	}
	l.checks[key] = row
}

// Times in the stream's own time: how old a diagnosis may be when only the neighbour table and
// frames moved, when nothing but the clock did (a lifetime may have ended), and for each thing that there is to
// diagnose: of very much, doing so at every Frame would cost a good part of a core.
const (
	stale     = time.Second
	staleIdle = 5 * time.Second
	staleEach = 250 * time.Microsecond
	staleMost = 2 * time.Second
)

// Snapshot makes a Frame of s, which it neither keeps nor changes.
func (l *Lens) Snapshot(s *diag.State) Frame {
	l.mu.Lock()
	q := l.want
	l.mu.Unlock()
	l.diagnose(s)
	f := Frame{
		Of: q, Seq: s.Seq, Started: s.Started, At: s.Now, Report: l.report,
		Feeds: feeds(s), Links: links(s), Checks: l.checkRows(), Temporary: temporary(s),
		Names: redact.Names(s), Echoes: maps.Clone(l.echoes),
	}
	f.Addresses = addresses(s, l.report)
	f.Routers = routers(s, l.report)
	f.Neighbours.ByState = map[diag.NUD]int{}
	for _, iface := range s.InterfacesOf() {
		for state, n := range s.CountNeighbours(iface) {
			f.Neighbours.ByState[state] += n
			f.Neighbours.Total += n
		}
	}
	if q.Screen == ScreenNeighbours || q.Neighbour.Frozen { // what is frozen stays as it is until then
		l.index.fill(&f.Neighbours, s, q.Neighbour, l.table)
		l.table = false
	} else {
		l.index = neighbourIndex{}
		l.table = true
	}
	if q.Exchanges {
		if l.frames || l.exchanges == nil {
			l.exchanges = exchanges(s.Frames(), s.Drops(), func(a diag.InterfaceAddr) bool {
				own, ok := s.Addresses[a]
				return ok && own.Fact.Flags.Usable() && !own.Fact.Passing()
			}, trials(s))
			l.frames = false
		}
		f.Exchanges = l.exchanges
	} else {
		l.exchanges = nil
	}
	return f
}

func (l *Lens) diagnose(s *diag.State) {
	old := s.Now.Sub(l.diagnosed)
	things := len(l.report.Paths) + len(s.Addresses) + s.Routes.Len() + len(s.Routers)
	rest := min(time.Duration(things)*staleEach, staleMost)
	due := l.facts && old >= rest
	limit := staleIdle
	if l.moved {
		limit = max(stale, rest)
	}
	if !due && !l.settle && old < limit && !l.diagnosed.IsZero() {
		return
	}
	l.report = report.New(s, why.Diagnose(s))
	l.diagnosed, l.facts, l.moved, l.settle = s.Now, false, false, false
}

func (l *Lens) checkRows() []CheckRow {
	rows := slices.Collect(maps.Values(l.checks))
	diag.SortFunc(rows, func(a, b CheckRow) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Interface, b.Interface))
	})
	return rows
}

func feeds(s *diag.State) []diag.Feed {
	list := slices.Collect(maps.Values(s.Feeds))
	diag.SortFunc(list, func(a, b diag.Feed) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

func links(s *diag.State) []diag.Link {
	var list []diag.Link
	for _, name := range s.InterfacesOf() {
		if l, ok := s.Links[name]; ok {
			list = append(list, l)
		} else if s.Overheard != nil {
			list = append(list, diag.Link{Interface: name, Ethernet: true, Up: true, Carrier: true}) // frames came by
		} else {
			list = append(list, diag.Link{Interface: name, Gone: true})
		}
	}
	return list
}

func temporary(s *diag.State) []Temporary {
	var list []Temporary
	for _, iface := range s.InterfacesOf() {
		for _, a := range s.AddressesOn(iface) {
			if a.Fact.Temporary() {
				list = append(list, Temporary{iface, a.Fact.Address, s.Left(a.Fact.ValidS, a.At)})
			}
		}
	}
	return list
}

// addresses joins what is assigned with what is configured, one row an address or prefix.
func addresses(s *diag.State, r report.Report) []AddressRow {
	rows := slices.Grow[[]AddressRow](nil, len(s.Addresses))
	for _, iface := range s.InterfacesOf() {
		at := map[netip.Prefix]int{}
		first := len(rows)
		row := func(p netip.Prefix) *AddressRow {
			i, ok := at[p]
			if !ok {
				i = len(rows)
				at[p] = i
				rows = append(rows, AddressRow{Interface: iface, Prefix: p})
			}
			return &rows[i]
		}
		assigned := s.Assigned(iface)
		wide := slices.DeleteFunc(slices.Clone(assigned.Rows), func(a diag.Assignment) bool { return a.Prefix.IsSingleIP() })
		for _, a := range assigned.Rows {
			x := row(a.Prefix)
			x.Class = diag.SourceAssigned
			if !slices.Contains(x.Sources, a.Source) {
				x.Sources = append(x.Sources, a.Source)
			}
		}
		for _, a := range s.AddressesOn(iface) {
			x := row(netip.PrefixFrom(a.Fact.Address, 128))
			x.Configured, x.Flags, x.Origin = true, a.Fact.Flags.Names(), a.Fact.Origin
			x.PreferredS, x.ValidS = s.Left(a.Fact.PreferredS, a.At), s.Left(a.Fact.ValidS, a.At)
			x.Class = assigned.ClassOf(a.Fact.Address)
			if x.Temporary = a.Fact.Temporary(); x.Temporary {
				x.Class = diag.SourceCandidate
			}
			for _, b := range wide { // those of the address itself are there already
				if b.Prefix.Contains(a.Fact.Address) && !slices.Contains(x.Sources, b.Source) {
					x.Sources = append(x.Sources, b.Source)
				}
			}
		}
		diag.SortFunc(rows[first:], func(a, b AddressRow) int {
			return cmp.Or(cmp.Compare(scopeRank(a.Prefix.Addr()), scopeRank(b.Prefix.Addr())),
				a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
		})
	}
	count(rows, r)
	return rows
}

// scopeRank puts global addresses first, as people look for them first.
func scopeRank(a netip.Addr) int {
	switch diag.ScopeOf(a) {
	case diag.GlobalScope:
		return 0
	case diag.ULAScope:
		return 1
	default:
		return 2
	}
}

func count(rows []AddressRow, r report.Report) {
	type source struct{ iface, addr string }
	at := map[source]*AddressRow{}
	for i := range rows {
		if rows[i].Prefix.IsSingleIP() {
			at[source{rows[i].Interface, rows[i].Prefix.Addr().String()}] = &rows[i]
		}
	}
	blame := func(x *AddressRow, problem int) {
		if problem > 0 && (x.Problem == 0 || problem < x.Problem) {
			x.Problem = problem
		}
	}
	for of, x := range at {
		x.Problem = r.Accuses(of.iface, of.addr)
	}
	for _, p := range r.Paths {
		x := at[source{p.Interface, deref(p.Source)}]
		if x == nil || p.Asks == diag.AsksDAD || p.Outcome == diag.OutcomeSkipped {
			continue
		}
		if x.Class == diag.SourceUnassigned { // of others' questions the target may be to blame
			blame(x, p.Mark.Problem)
		}
		x.Asked++
		if p.Outcome == diag.Answered {
			x.Answered++
		}
		if p.Mark.Judgement == report.Wrong {
			x.Wrong++
		}
	}
	problems := r.Problems()
	for i := range rows {
		if n := rows[i].Problem; n > 0 {
			rows[i].Cause = problems[n-1].Cause
		}
	}
}

func routers(s *diag.State, r report.Report) []RouterRow {
	var rows []RouterRow
	routes := map[string]map[netip.Addr]diag.At[diag.Route]{}
	type router struct{ iface, addr string }
	offers := map[router][]report.Offer{}
	for _, y := range r.Routers {
		offers[router{y.Interface, y.Address}] = y.Offers
	}
	for _, x := range s.Routers {
		row := RouterRow{
			Interface: x.Interface, Address: x.Address, MAC: x.MAC, RA: x.Last, First: x.First, At: x.At,
			Count: x.Count, IntervalS: x.IntervalS, LeftS: s.Left(x.Last.LifetimeS, x.At),
			Problem: r.Accuses(x.Interface, x.Address.String()),
		}
		if e, ok := s.Evidence(x.Seq); ok {
			row.Event = e
		}
		if routes[x.Interface] == nil {
			routes[x.Interface] = s.RoutersRoutes(x.Interface)
		}
		if route, ok := routes[x.Interface][x.Address]; ok {
			row.Route, row.RouteLeftS = &route.Fact, s.Left(route.Fact.ExpiresS, route.At)
		}
		row.Offers = offers[router{x.Interface, x.Address.String()}]
		rows = append(rows, row)
	}
	diag.SortFunc(rows, func(a, b RouterRow) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	return rows
}
