package diag

import (
	"iter"
	"net/netip"
	"slices"
	"time"
)

// Neighbours are the entries of the neighbour cache, each as it was last told of. There may be 100,000 of them, so each is
// kept in few bytes, none of which the garbage collector has to look into.
type Neighbours struct {
	rows   map[string]map[[16]byte]neighbourRow // by interface and address
	newest time.Time                            // when the last was told; the times of all are given in its zone
}

type neighbourRow struct {
	at         int64 // Unix time in seconds
	seq        int64
	confirmedS float64
	atNs       int32 // of the second
	state      uint8 // its place in nuds
	mac        MAC
	router     bool
}

// Len is how many entries there are.
func (t *Neighbours) Len() (n int) {
	for _, rows := range t.rows {
		n += len(rows)
	}
	return n
}

// Find returns the entry of an address on an interface, if there is one.
func (t *Neighbours) Find(key InterfaceAddr) (entry At[Neighbour], ok bool) {
	if key.Address.Is4() || key.Address.Zone() != "" {
		return entry, false
	}
	row, ok := t.rows[key.Interface][key.Address.As16()]
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

// All are the entries, in no order. An entry may be removed on the way.
func (t *Neighbours) All() iter.Seq2[InterfaceAddr, At[Neighbour]] {
	return func(yield func(InterfaceAddr, At[Neighbour]) bool) {
		for iface, rows := range t.rows {
			for addr, row := range rows {
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
			ConfirmedS: row.confirmedS,
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
		rows = map[[16]byte]neighbourRow{}
		t.rows[n.Interface] = rows
	}
	state := max(slices.Index(nuds[:], n.State), 0)
	rows[n.Address.As16()] = neighbourRow{
		at: e.At.Unix(), atNs: int32(e.At.Nanosecond()), seq: e.Seq, state: uint8(state), mac: n.MAC, router: n.Router,
		confirmedS: n.ConfirmedS,
	}
	return nuds[state]
}

func (t *Neighbours) remove(key InterfaceAddr) { delete(t.rows[key.Interface], key.Address.As16()) }

// removeAll removes the entries of an interface.
func (t *Neighbours) removeAll(iface string) { delete(t.rows, iface) }
