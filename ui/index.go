package ui

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ndwhy/diag"
)

// NeighbourQuery is what is looked at of the neighbour table.
type NeighbourQuery struct {
	Filter  string // as typed: text, !text, or a prefix
	Sort    NeighbourSort
	Reverse bool
	Top     int  // the first row in sight
	Frozen  bool // rows and their order stay as they are
}

// NeighbourSort is the order of the neighbour table.
type NeighbourSort int

// The orders. Addresses first: that order alone never moves under the reader's eyes.
const (
	SortAddress NeighbourSort = iota
	SortState
	SortAge
	neighbourSorts
)

// NeighbourPage is a part of the neighbour table: rows Offset to Offset+len(Rows) of the Matched
// ones, in order. Small tables are one page.
type NeighbourPage struct {
	Query   NeighbourQuery
	Total   int
	ByState map[diag.NUD]int
	Matched int
	Offset  int
	Rows    []NeighbourRow
}

// NeighbourRow is an entry of the neighbour cache, and what is remembered of it.
type NeighbourRow struct {
	Interface string
	Address   netip.Addr
	MAC       diag.MAC
	State     diag.NUD
	Role      Role
	At        time.Time // of the last change
	Gone      bool
	History   []Transition // oldest first
	Asked     *Asked       // the last solicitation for it; nil: none seen
}

// Role is what a neighbour is to this host.
type Role uint8

// The roles.
const (
	RolePeer Role = iota
	RoleRouter
	RoleSelf
)

// Transition is a state that an entry came into.
type Transition struct {
	State diag.NUD // empty: the entry was deleted
	At    time.Time
}

// Asked is a solicitation that the tap saw, with the ones repeated right before it.
type Asked struct {
	By       netip.Addr
	At       time.Time
	Times    int
	Answered bool
	After    time.Duration // from the last solicitation to the answer
	Trial    bool          // by an address that may not speak here: no answer says nothing of the neighbour
}

const (
	pageRows    = 256 // around the row in sight
	wholeTable  = 512 // a table up to this size is one page
	historyKept = 6
	// A table larger than this is put in order at most once a second; what its visible rows say is
	// fresh in every Frame.
	largeTable = 4096
)

// entry is a row of the index, kept small: there may be 100,000.
type entry struct {
	addr  [16]byte
	at    int64 // Unix nanoseconds
	mac   diag.MAC
	iface uint8 // of neighbourIndex.ifaces
	nud   uint8 // of nudOrder
	role  Role
	gone  bool
}

// nudOrder puts what needs attention first.
var nudOrder = [...]diag.NUD{
	"", diag.Incomplete, diag.Failed, diag.Probing, diag.Delay, diag.Stale, diag.Reachable, diag.PermanentNUD, diag.NoARP,
}

func nudIndex(n diag.NUD) uint8 { return uint8(max(slices.Index(nudOrder[:], n), 0)) }

// A neighbourIndex is the table filtered and in order, as the screen last asked for it.
type neighbourIndex struct {
	query   NeighbourQuery
	ifaces  []string
	entries []entry
	at      time.Time
	dirty   bool
	valid   bool
}

// fill writes the part of the table that q looks at into page.
func (x *neighbourIndex) fill(page *NeighbourPage, s *diag.State, q NeighbourQuery, changed bool) {
	x.dirty = x.dirty || changed
	same := x.valid && x.query.Filter == q.Filter && x.query.Sort == q.Sort && x.query.Reverse == q.Reverse
	x.query = q
	large := len(x.entries) > largeTable || s.Neighbours.Len() > largeTable
	due := x.dirty && !q.Frozen && (!large || s.Now.Sub(x.at) >= time.Second)
	switch {
	case !same && q.Frozen && x.valid:
		x.refilter()
	case !same || due:
		x.rebuild(s)
	}
	page.Query, page.Matched = q, len(x.entries)
	from, to := 0, len(x.entries)
	if to > wholeTable {
		from = min(max(q.Top-pageRows/2, 0), to-pageRows)
		to = from + pageRows
	}
	page.Offset = from
	page.Rows = x.rows(s, from, to, q.Frozen)
}

func (x *neighbourIndex) rebuild(s *diag.State) {
	x.ifaces = s.InterfacesOf()
	match := x.matcher()
	x.entries = slices.Grow(x.entries[:0], s.Neighbours.Len())
	for key, n := range s.Neighbours.All() {
		iface := slices.Index(x.ifaces, key.Interface)
		if iface < 0 || iface > 255 || key.Address.IsMulticast() {
			continue
		}
		x.entries = append(x.entries, entry{
			addr: key.Address.As16(), at: n.At.UnixNano(), mac: n.Fact.MAC, iface: uint8(iface), nud: nudIndex(n.Fact.State),
			role: role(s, key, n.Fact),
		})
		if last := len(x.entries) - 1; !match(&x.entries[last]) {
			x.entries = x.entries[:last]
		}
	}
	x.sort()
	x.at, x.dirty, x.valid = s.Now, false, true
}

// refilter narrows or reorders a frozen table; what the filter hid before comes back only when the
// table runs again.
func (x *neighbourIndex) refilter() {
	match := x.matcher()
	x.entries = slices.DeleteFunc(x.entries, func(e entry) bool { return !match(&e) })
	x.sort()
}

// sort sorts in place: there may be 100,000, and no two are equal.
func (x *neighbourIndex) sort() { slices.SortFunc(x.entries, x.query.compare) }

func role(s *diag.State, key diag.InterfaceAddr, n diag.Neighbour) Role {
	if _, own := s.Addresses[key]; own {
		return RoleSelf
	}
	if _, advertises := s.Routers[key]; advertises || n.Router {
		return RoleRouter
	}
	return RolePeer
}

func (q NeighbourQuery) compare(a, b entry) int {
	var c int
	switch q.Sort {
	case SortState:
		c = cmp.Compare(a.nud, b.nud)
	case SortAge:
		c = cmp.Compare(b.at, a.at)
	}
	c = cmp.Or(c, cmp.Compare(a.iface, b.iface), bytes.Compare(a.addr[:], b.addr[:]))
	if q.Reverse {
		return -c
	}
	return c
}

// matcher returns the test that a filter stands for: an address or prefix matches what it holds,
// any other text what shows it; a leading ! turns it round.
func (x *neighbourIndex) matcher() func(*entry) bool {
	text, p, inverse := wanted(x.query.Filter)
	if text == "" {
		return func(*entry) bool { return true }
	}
	if p.IsValid() {
		return func(e *entry) bool { return p.Contains(netip.AddrFrom16(e.addr)) != inverse }
	}
	var buf []byte
	return func(e *entry) bool {
		buf = netip.AddrFrom16(e.addr).AppendTo(buf[:0])
		buf = append(buf, ' ')
		buf = append(buf, e.mac.String()...)
		buf = append(buf, ' ')
		buf = append(buf, strings.ToLower(string(nudOrder[e.nud]))...)
		buf = append(buf, ' ')
		buf = append(buf, e.role.name()...)
		buf = append(buf, ' ')
		buf = append(buf, x.ifaces[e.iface]...)
		return strings.Contains(string(buf), text) != inverse
	}
}

func (r Role) name() string {
	switch r {
	case RoleRouter:
		return say("role.router")
	case RoleSelf:
		return say("role.self")
	default:
		return say("role.peer")
	}
}

// rows copies a part of the index out, fresh from the state unless it is frozen.
func (x *neighbourIndex) rows(s *diag.State, from, to int, frozen bool) []NeighbourRow {
	rows := make([]NeighbourRow, 0, to-from)
	at := make(map[diag.InterfaceAddr]*NeighbourRow, to-from)
	for i := from; i < to; i++ {
		e := &x.entries[i]
		key := diag.InterfaceAddr{Interface: x.ifaces[e.iface], Address: netip.AddrFrom16(e.addr)}
		if !frozen {
			if n, ok := s.Neighbours.Find(key); ok {
				e.at, e.nud, e.mac, e.gone = n.At.UnixNano(), nudIndex(n.Fact.State), n.Fact.MAC, false
			} else {
				e.gone = true
			}
		}
		rows = append(rows, NeighbourRow{
			Interface: key.Interface, Address: key.Address, MAC: e.mac, State: nudOrder[e.nud], Role: e.role,
			At: time.Unix(0, e.at), Gone: e.gone,
		})
		at[key] = &rows[len(rows)-1]
	}
	histories(at, s.Notes())
	askers(at, s)
	return rows
}

// histories writes the remembered transitions into the rows; a note that only refreshes a state is
// none.
func histories(rows map[diag.InterfaceAddr]*NeighbourRow, notes []diag.Event) {
	for _, e := range notes {
		n, ok := e.Body.(diag.Neighbour)
		if !ok {
			continue
		}
		row := rows[diag.InterfaceAddr{Interface: n.Interface, Address: n.Address}]
		if row == nil {
			continue
		}
		state := n.State
		if n.Gone {
			state = ""
		}
		if k := len(row.History); k > 0 && row.History[k-1].State == state {
			continue
		}
		row.History = append(row.History, Transition{state, e.At})
		if len(row.History) > historyKept {
			row.History = row.History[1:]
		}
	}
}

// askers writes the last solicitation for each row, and whether an answer came. What a test address asks counts only
// where nobody else did, or where the entry waits for the answer to that.
func askers(rows map[diag.InterfaceAddr]*NeighbourRow, s *diag.State) {
	tried := trials(s)
	for _, e := range s.Frames() {
		f, ok := e.Body.(diag.Frame)
		if !ok || f.Bad != "" || f.Type != diag.NS && f.Type != diag.NA {
			continue
		}
		row := rows[diag.InterfaceAddr{Interface: f.Interface, Address: f.Target}]
		if row == nil {
			continue
		}
		last := row.Asked
		trial := f.Type == diag.NS && tried(f)
		switch {
		case trial && last != nil && !last.Trial && row.State.Resolved():
		case f.Type == diag.NA && last != nil && !last.Answered:
			last.Answered, last.After = true, e.At.Sub(last.At)
		case f.Type == diag.NS && last != nil && last.By == f.Src && !last.Answered && e.At.Sub(last.At) < repeatWithin:
			last.At = e.At
			last.Times++
		case f.Type == diag.NS:
			row.Asked = &Asked{By: f.Src, At: e.At, Times: 1, Trial: trial}
		}
	}
}

// trials returns what reports whether a frame was sent from an address that may expect no answer: none of the host's
// own, one that the program put there for some seconds, or one that nobody assigned.
func trials(s *diag.State) func(diag.Frame) bool {
	known := map[diag.InterfaceAddr]bool{}
	return func(f diag.Frame) bool {
		if !f.Out || f.Src.IsUnspecified() {
			return false
		}
		at := diag.InterfaceAddr{Interface: f.Interface, Address: f.Src}
		trial, ok := known[at]
		if !ok {
			own, is := s.Addresses[at]
			trial = !is || own.Fact.Temporary() || s.ClassOf(f.Interface, f.Src) == diag.SourceUnassigned
			known[at] = trial
		}
		return trial
	}
}
