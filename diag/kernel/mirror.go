package kernel

import (
	"net/netip"
	"time"
	"unique"

	"ndwhy/diag"
	"ndwhy/diag/dense"

	"golang.org/x/sys/unix"
)

// A mirror is what the kernel was last known to have. It emits where the kernel's word differs from
// that, and nothing else. It asks nobody and reads no clock.
type mirror struct {
	emit func(diag.Body)
	// find returns an interface that a row names before it was announced itself.
	find func(index int) (diag.Link, bool)

	now    time.Time // of the message in hand
	uptime uint32    // at now, in USER_HZ, as cacheinfo counts it

	turn       uint32 // the number of the dump in hand: rows that it does not touch are gone
	links      map[int]linkRow
	addresses  map[addressKey]addressRow
	routes     dense.Map[routeKey, routeRow]
	room       diag.RouteRoom // of routes
	rules      map[diag.PolicyRule]ruleRow
	neighbours dense.Map[neighbourKey, neighbourRow]
}

type linkRow struct {
	diag.Link
	turn uint32
}

type addressKey struct {
	index int
	addr  netip.Addr
}

type addressRow struct {
	address
	turn uint32
}

// A routeKey names a next hop as the kernel does.
type routeKey struct {
	dst, from     netip.Prefix
	via           netip.Addr
	index         int32
	metric, table uint32
	kind          unique.Handle[string]
}

// Hash makes it a dense.Key.
func (k routeKey) Hash() uint64 {
	return dense.Hash(struct {
		dst, via                   [16]byte
		bits                       int
		index, metric, table, from uint32
	}{k.dst.Addr().As16(), k.via.As16(), k.dst.Bits(), uint32(k.index), k.metric, k.table, uint32(k.from.Bits())})
}

// A routeRow is what a route has besides its key, a few numbers: there may be 10,000.
type routeRow struct {
	prefSrc  netip.Addr
	protocol unique.Handle[string]
	expires  int64 // Unix time in nanoseconds; 0: never
	turn     uint32
}

// A ruleRow counts the rules that differ in nothing that a PolicyRule tells.
type ruleRow struct {
	count int
	turn  uint32
}

// A neighbourRow is small: there may be 100,000.
type neighbourRow struct {
	mac       diag.MAC
	state     uint8 // NUD_*, of which there are eight bits
	flags     uint8
	turn      uint32
	confirmed uint32 // Unix time in seconds
}

func newMirror(emit func(diag.Body), find func(index int) (diag.Link, bool)) *mirror {
	return &mirror{
		emit: emit, find: find,
		links: map[int]linkRow{}, addresses: map[addressKey]addressRow{}, rules: map[diag.PolicyRule]ruleRow{},
	}
}

// A table is one of the kernel's.
type table int

const (
	links table = iota
	addresses
	routes
	rules
	neighbours
	tables
)

// apply takes one message: a notification, or a row of a dump.
func (m *mirror) apply(msg message) {
	switch msg.kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		if l, ok := parseLink(msg.data); ok {
			m.applyLink(l, msg.kind == unix.RTM_DELLINK)
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if a, ok := parseAddress(msg.data); ok {
			m.applyAddress(a, msg.kind == unix.RTM_DELADDR)
		}
	case unix.RTM_NEWROUTE:
		m.applyRoutes(parseRoute(msg.data), msg.flags&unix.NLM_F_REPLACE != 0)
	case unix.RTM_DELROUTE:
		for _, r := range parseRoute(msg.data) {
			m.dropRoute(keyOf(r))
		}
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		if r, ok := parseRule(msg.data); ok {
			m.applyRule(r, msg.kind == unix.RTM_DELRULE)
		}
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		if n, ok := parseNeighbour(msg.data); ok {
			m.applyNeighbour(n, msg.kind == unix.RTM_DELNEIGH)
		}
	}
}

// begin opens a dump of t. Rows that the kernel does not name before end are gone.
func (m *mirror) begin(t table) {
	m.turn++
	if t == rules {
		for r, row := range m.rules {
			row.count = 0 // the dump counts them anew
			m.rules[r] = row
		}
	}
}

// end closes a whole dump of t, for one interface where index is not 0.
func (m *mirror) end(t table, index int) {
	switch t {
	case links:
		for i, row := range m.links {
			if row.turn != m.turn {
				m.dropLink(i)
			}
		}
	case addresses:
		for k, row := range m.addresses {
			if row.turn != m.turn {
				m.dropAddress(k)
			}
		}
	case routes:
		for k, row := range m.routes.All() {
			if row.turn != m.turn {
				m.dropRoute(k)
			}
		}
	case rules:
		for r, row := range m.rules {
			if row.turn != m.turn {
				m.dropRule(r)
			}
		}
	case neighbours:
		for k, row := range m.neighbours.All() {
			if row.turn != m.turn && (index == 0 || int(k.index) == index) {
				m.dropNeighbour(k)
			}
		}
	}
}

// name returns the name of an interface, asking for one that is not known yet.
func (m *mirror) name(index int) (string, bool) {
	if row, ok := m.links[index]; ok {
		return row.Interface, true
	}
	l, ok := m.find(index)
	if ok {
		m.applyLink(l, false)
	}
	return l.Interface, ok
}

// index returns the index of an interface that is known.
func (m *mirror) index(name string) (int, bool) {
	for i, row := range m.links {
		if row.Interface == name {
			return i, true
		}
	}
	return 0, false
}

func (m *mirror) applyLink(l diag.Link, gone bool) {
	old, known := m.links[l.Index]
	switch {
	case gone:
		if known {
			m.dropLink(l.Index)
		}
		return
	case known && old.Interface != l.Interface:
		m.rename(old.Link, l)
	case !known || old.Link != l:
		m.emit(l)
	}
	m.links[l.Index] = linkRow{l, m.turn}
}

// rename moves all that an interface has to its new name: names are what events go by.
func (m *mirror) rename(old, l diag.Link) {
	m.emitAll(old.Index, old.Interface, true)
	old.Gone = true
	m.emit(old)
	m.emit(l)
	m.emitAll(l.Index, l.Interface, false)
}

// emitAll emits each row of an interface under a name.
func (m *mirror) emitAll(index int, name string, gone bool) {
	for k, row := range m.neighbours.All() {
		if int(k.index) == index {
			m.emit(m.neighbourBody(k, row, name, gone))
		}
	}
	for k, row := range m.routes.All() {
		if int(k.index) == index {
			m.emit(m.routeBody(k, row, name, gone))
		}
	}
	for k, row := range m.addresses {
		if k.index == index {
			m.emit(m.addressBody(row.address, name, gone))
		}
	}
}

// dropLink ends an interface and all that it had: the kernel announces the ends of these too, but
// sysctls (skip_notify_on_dev_down) can silence it.
func (m *mirror) dropLink(index int) {
	row := m.links[index]
	m.emitAll(index, row.Interface, true)
	for k := range m.neighbours.All() {
		if int(k.index) == index {
			m.neighbours.Delete(k)
		}
	}
	for k, row := range m.routes.All() {
		if int(k.index) == index {
			m.room.Free(m.routeBody(k, row, "", true))
			m.routes.Delete(k)
		}
	}
	for k := range m.addresses {
		if k.index == index {
			delete(m.addresses, k)
		}
	}
	delete(m.links, index)
	row.Gone = true
	m.emit(row.Link)
}

func (m *mirror) applyAddress(a address, gone bool) {
	key := addressKey{a.index, a.Address.Address}
	old, known := m.addresses[key]
	if gone {
		delete(m.addresses, key)
		// A duplicate is deleted at once where its lifetime is finite, and only the deletion says so.
		if !known && a.Flags&diag.DADFailed == 0 {
			return
		}
		if name, ok := m.name(a.index); ok {
			m.emit(m.addressBody(a, name, true))
		}
		return
	}
	name, ok := m.name(a.index)
	if !ok {
		return
	}
	m.addresses[key] = addressRow{a, m.turn}
	// The lifetimes left run down by themselves; the stamp tells whether they were set anew.
	was, is := old.address, a
	was.PreferredS, was.ValidS, is.PreferredS, is.ValidS = 0, 0, 0, 0
	if known && was == is && sameEnd(old.PreferredS, a.PreferredS) && sameEnd(old.ValidS, a.ValidS) {
		return
	}
	m.emit(m.addressBody(a, name, false))
}

func sameEnd(a, b int64) bool { return (a == diag.Forever) == (b == diag.Forever) }

func (m *mirror) dropAddress(k addressKey) {
	row := m.addresses[k]
	delete(m.addresses, k)
	if name, ok := m.name(k.index); ok {
		m.emit(m.addressBody(row.address, name, true))
	}
}

func (m *mirror) addressBody(a address, name string, gone bool) diag.Address {
	body := a.Address
	body.Interface, body.Gone = name, gone
	if a.stamp != 0 {
		// Both are 32-bit counters that wrap after 497 days; a stamp just ahead of us is now.
		if ago := int32(m.uptime - a.stamp); ago > 0 {
			body.UpdatedS = float64(ago) / userHZ
		}
	}
	return body
}

func keyOf(r route) routeKey {
	return routeKey{r.Dst, r.From, r.Via, int32(r.index), uint32(r.Metric), uint32(r.Table), unique.Make(r.Type)}
}

// applyRoutes takes the next hops of one route. A replacement takes the place of all that had its
// destination, metric and table.
func (m *mirror) applyRoutes(hops []route, replace bool) {
	if replace && len(hops) > 0 {
		first, is := keyOf(hops[0]), map[routeKey]bool{}
		for _, r := range hops {
			is[keyOf(r)] = true
		}
		for k := range m.routes.All() {
			if k.dst == first.dst && k.from == first.from && k.metric == first.metric && k.table == first.table && !is[k] {
				m.dropRoute(k)
			}
		}
	}
	for _, r := range hops {
		m.applyRoute(r)
	}
}

// expiryMoved is by how much a route's expiry must move to be news: the kernel tells what is left
// of it in whole hundredths of a second, and we read our own clock a little later.
const expiryMoved = 2 * time.Second

func (m *mirror) applyRoute(r route) {
	name, ok := m.name(r.index)
	if !ok {
		return
	}
	key := keyOf(r)
	old, known := m.routes.Get(key)
	if !known && !m.room.Take(r.Route) {
		return
	}
	// The kernel says 0 for no expiry, and so for one hundredth of a second when a route expires.
	if r.ExpiresS == diag.Forever && old.expires != 0 && old.left(m.now).Abs() < time.Second {
		r.ExpiresS = 0
	}
	row := routeRow{prefSrc: r.PrefSrc, protocol: unique.Make(r.Protocol), turn: m.turn}
	if r.ExpiresS != diag.Forever {
		row.expires = m.now.Add(time.Duration(r.ExpiresS) * time.Second).UnixNano()
	}
	if known && old.prefSrc == row.prefSrc && old.protocol == row.protocol && (old.expires == 0) == (row.expires == 0) &&
		time.Duration(row.expires-old.expires).Abs() < expiryMoved {
		row.expires = old.expires // so that a slow drift adds up to news
		m.routes.Set(key, row)
		return
	}
	m.routes.Set(key, row)
	m.emit(m.routeBody(key, row, name, false))
}

func (m *mirror) dropRoute(k routeKey) {
	row, known := m.routes.Get(k)
	if !known {
		return
	}
	m.room.Free(m.routeBody(k, row, "", true))
	m.routes.Delete(k)
	if name, ok := m.name(int(k.index)); ok {
		m.emit(m.routeBody(k, row, name, true))
	}
}

// left is how long a route that has an end has still to go.
func (r routeRow) left(now time.Time) time.Duration { return time.Duration(r.expires - now.UnixNano()) }

func (m *mirror) routeBody(k routeKey, row routeRow, name string, gone bool) diag.Route {
	body := diag.Route{
		Interface: name, Dst: k.dst, From: k.from, Via: k.via, PrefSrc: row.prefSrc, Metric: int(k.metric), Table: int(k.table),
		Protocol: row.protocol.Value(), Type: k.kind.Value(), ExpiresS: diag.Forever, Gone: gone,
	}
	if row.expires != 0 {
		body.ExpiresS = max(0, int64(row.left(m.now).Round(time.Second)/time.Second))
	}
	return body
}

func (m *mirror) applyRule(r diag.PolicyRule, gone bool) {
	row := m.rules[r]
	switch {
	case gone && row.count > 1:
		row.count--
		m.rules[r] = row
	case gone && row.count == 1:
		m.dropRule(r)
	case !gone:
		if _, known := m.rules[r]; !known {
			m.emit(r)
		}
		m.rules[r] = ruleRow{row.count + 1, m.turn}
	}
}

func (m *mirror) dropRule(r diag.PolicyRule) {
	delete(m.rules, r)
	r.Gone = true
	m.emit(r)
}

// reconfirmed is by how many seconds an entry's last confirmation must move to be news by itself:
// BASE_REACHABLE_TIME. Under traffic it moves all the time.
const reconfirmed = 30

func (m *mirror) applyNeighbour(n neighbour, gone bool) {
	if gone {
		if _, known := m.neighbours.Get(n.key); known {
			m.dropNeighbour(n.key)
		}
		return
	}
	name, ok := m.name(int(n.key.index))
	if !ok {
		return
	}
	old, known := m.neighbours.Get(n.key)
	row := neighbourRow{n.mac, uint8(n.state), n.flags, m.turn, uint32(m.now.Unix()) - n.confirmed/userHZ}
	if known && old.mac == row.mac && old.state == row.state && old.flags == row.flags &&
		int32(row.confirmed-old.confirmed) < reconfirmed {
		old.turn = m.turn
		m.neighbours.Set(n.key, old)
		return
	}
	m.neighbours.Set(n.key, row)
	body := m.neighbourBody(n.key, row, name, false)
	body.ConfirmedS = float64(n.confirmed) / userHZ
	m.emit(body)
}

func (m *mirror) dropNeighbour(k neighbourKey) {
	row, _ := m.neighbours.Get(k)
	m.neighbours.Delete(k)
	if name, ok := m.name(int(k.index)); ok {
		m.emit(m.neighbourBody(k, row, name, true))
	}
}

func (m *mirror) neighbourBody(k neighbourKey, row neighbourRow, name string, gone bool) diag.Neighbour {
	return diag.Neighbour{
		Interface: name, Address: netip.AddrFrom16(k.addr), MAC: row.mac, State: nud(uint16(row.state)),
		Router: row.flags&unix.NTF_ROUTER != 0, Proxy: k.proxy,
		ConfirmedS: float64(int32(uint32(m.now.Unix()) - row.confirmed)), Gone: gone,
	}
}
