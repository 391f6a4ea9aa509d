package diag

import (
	"iter"
	"net/netip"
	"time"
	"unique"

	"ndwhy/diag/dense"
)

// Routes are the kernel's routes, each as it was last told of. There may be more than 10,000, so each takes half of what
// an At[Route] and its key would.
type Routes struct {
	rows   dense.Map[routeKey, routeRow]
	newest time.Time // when the last was told; the times of all are given in its zone
}

type routeKey struct {
	dst, from     netip.Prefix
	via           netip.Addr
	metric, table int
	iface, kind   unique.Handle[string]
}

// Hash makes it a dense.Key.
func (k routeKey) Hash() uint64 {
	return dense.Hash(struct {
		dst, via                  [16]byte
		bits, metric, table, from int
	}{k.dst.Addr().As16(), k.via.As16(), k.dst.Bits(), k.metric, k.table, k.from.Bits()})
}

type routeRow struct {
	prefSrc  netip.Addr
	protocol unique.Handle[string]
	expiresS int64
	at       int64 // Unix time in seconds
	seq      int64
	atNs     int32 // of the second
}

func (k RouteKey) packed() routeKey {
	return routeKey{k.Dst, k.From, k.Via, k.Metric, k.Table, unique.Make(k.Interface), unique.Make(k.Type)}
}

// Len is how many routes there are.
func (t *Routes) Len() int { return t.rows.Len() }

// Find returns a route, if it is there.
func (t *Routes) Find(key RouteKey) (route At[Route], ok bool) {
	k := key.packed()
	row, ok := t.rows.Get(k)
	if !ok {
		return route, false
	}
	return t.route(key, row), true
}

// All are the routes, in no order. The one at hand may be removed.
func (t *Routes) All() iter.Seq2[RouteKey, At[Route]] {
	return func(yield func(RouteKey, At[Route]) bool) {
		for k, row := range t.rows.All() {
			key := RouteKey{k.iface.Value(), k.dst, k.from, k.via, k.metric, k.table, k.kind.Value()}
			if !yield(key, t.route(key, row)) {
				return
			}
		}
	}
}

func (t *Routes) route(key RouteKey, row routeRow) At[Route] {
	return At[Route]{
		Fact: Route{
			Interface: key.Interface, Dst: key.Dst, From: key.From, Via: key.Via, PrefSrc: row.prefSrc, Metric: key.Metric, Table: key.Table,
			Protocol: row.protocol.Value(), Type: key.Type, ExpiresS: row.expiresS,
		},
		At: time.Unix(row.at, int64(row.atNs)).In(t.newest.Location()), Seq: row.seq,
	}
}

func (t *Routes) set(e Event, r Route) {
	t.newest = e.At
	t.rows.Set(r.key().packed(), routeRow{
		prefSrc: r.PrefSrc, protocol: unique.Make(r.Protocol), expiresS: r.ExpiresS,
		at: e.At.Unix(), seq: e.Seq, atNs: int32(e.At.Nanosecond()),
	})
}

func (t *Routes) remove(key RouteKey) { t.rows.Delete(key.packed()) }

func (r Route) key() RouteKey {
	return RouteKey{r.Interface, r.Dst, r.From, r.Via, r.Metric, r.Table, r.Type}
}

// What is kept of a host's routes is bounded: a router has the whole Internet's, and whoever is on the link can make
// the kernel set any number. Those that lead to somewhere particular through a gateway have a share of their own, for
// they say least of neighbour discovery: which way is taken the kernel is asked itself. Of more the first stay.
const (
	RoutesKept   = 12288 // default routes, those of the link, and those that refuse
	GatewaysKept = 6144  // routes through a gateway to somewhere particular
)

// RouteRoom counts the routes that somebody keeps. The zero value has none.
type RouteRoom struct{ through, others int }

// Take reports whether there is room for a route, and takes it.
func (c *RouteRoom) Take(r Route) bool {
	n, most := c.of(r)
	if *n >= most {
		return false
	}
	*n++
	return true
}

// Free gives the room of a route back.
func (c *RouteRoom) Free(r Route) {
	n, _ := c.of(r)
	*n--
}

func (c *RouteRoom) of(r Route) (n *int, most int) {
	if r.Type == "unicast" && r.Via.IsValid() && r.Dst.Bits() > 0 {
		return &c.through, GatewaysKept
	}
	return &c.others, RoutesKept
}
