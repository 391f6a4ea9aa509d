package diag

import (
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag/dense"
)

// Neighbours are the entries of the neighbour cache, each as it was last told of. There may be 100,000 of them, so each is
// kept in few bytes, none of which the garbage collector has to look into.
type Neighbours struct {
	rows   map[string]*dense.Map[neighbourKey, neighbourRow] // by interface
	newest time.Time                                         // when the last was told; the times of all are given in its zone
}

type neighbourKey [16]byte

// Hash makes it a dense.Key.
func (k neighbourKey) Hash() uint64 { return dense.Hash([16]byte(k)) }

type neighbourRow struct {
	at        int64 // Unix time in seconds
	seq       int64
	atNs      int32  // of the second
	confirmed uint32 // hundredths of a second, as the kernel counts them
	mac       MAC
	state     uint8 // its place in nuds
	router    bool
}

// confirmedIn are the units of neighbourRow.confirmed in a second.
const confirmedIn = 100

// Len is how many entries there are.
func (t *Neighbours) Len() (n int) {
	for _, rows := range t.rows {
		n += rows.Len()
	}
	return n
}

// Find returns the entry of an address on an interface, if there is one.
func (t *Neighbours) Find(key InterfaceAddr) (entry At[Neighbour], ok bool) {
	if key.Address.Is4() || key.Address.Zone() != "" {
		return entry, false
	}
	rows := t.rows[key.Interface]
	if rows == nil {
		return entry, false
	}
	row, ok := rows.Get(key.Address.As16())
	if !ok {
		return entry, false
	}
	return t.entry(key, row), true
}

// Of is the entry of an address on an interface; the zero one where there is none.
func (t *Neighbours) Of(key InterfaceAddr) At[Neighbour] {
	entry, _ := t.Find(key)
	return entry
}

// All are the entries, in no order. The entry at hand may be removed.
func (t *Neighbours) All() iter.Seq2[InterfaceAddr, At[Neighbour]] {
	return func(yield func(InterfaceAddr, At[Neighbour]) bool) {
		for iface, rows := range t.rows {
			for addr, row := range rows.All() {
				key := InterfaceAddr{iface, netip.AddrFrom16(addr)}
				if !yield(key, t.entry(key, row)) {
					return
				}
			}
		}
	}
}

func (t *Neighbours) entry(key InterfaceAddr, row neighbourRow) At[Neighbour] {
	return At[Neighbour]{
		Fact: Neighbour{
			Interface: key.Interface, Address: key.Address, MAC: row.mac, State: nuds[row.state], Router: row.router,
			ConfirmedS: float64(row.confirmed) / confirmedIn,
		},
		At: time.Unix(row.at, int64(row.atNs)).In(t.newest.Location()), Seq: row.seq,
	}
}

// set keeps an entry, of an IPv6 address without a zone, that e told of, and returns the state that it has now: none where
// that is not one of RFC 4861 or of Linux, as may stand in a recording.
func (t *Neighbours) set(e Event, n Neighbour) NUD {
	t.newest = e.At
	rows := t.rows[n.Interface]
	if rows == nil {
		rows = &dense.Map[neighbourKey, neighbourRow]{}
		t.rows[n.Interface] = rows
	}
	state := max(slices.Index(nuds[:], n.State), 0)
	confirmed := min(max(math.Round(n.ConfirmedS*confirmedIn), 0), math.MaxUint32)
	rows.Set(n.Address.As16(), neighbourRow{
		at: e.At.Unix(), atNs: int32(e.At.Nanosecond()), seq: e.Seq, confirmed: uint32(confirmed), mac: n.MAC,
		state: uint8(state), router: n.Router,
	})
	return nuds[state]
}

func (t *Neighbours) remove(key InterfaceAddr) {
	if rows := t.rows[key.Interface]; rows != nil {
		rows.Delete(key.Address.As16())
	}
}

// removeAll removes the entries of an interface.
func (t *Neighbours) removeAll(iface string) { delete(t.rows, iface) }
