// Package dense has a map for the kernel's tables, which may have 100,000 rows that are kept more than once: it takes
// the room of the rows and five to ten bytes each, some two thirds of what Go's own map takes.
package dense

import (
	"hash/maphash"
	"iter"
)

// A Key is what a Map finds its values by.
type Key interface {
	comparable
	// Hash is the same for equal keys: see the function Hash.
	Hash() uint64
}

// Hash makes a number of what a key is told by. Nobody can foretell it: whoever is on the link may choose keys. What has
// pointers is better left out of it, for it would be copied to the heap.
func Hash[T comparable](of T) uint64 { return maphash.Comparable(seed, of) }

var seed = maphash.MakeSeed()

// A Map has a value for each of its keys. The zero Map is empty and ready. It is not safe for concurrent use.
type Map[K Key, V any] struct {
	chunks [][]row[K, V] // full but for the last
	n      int
	// slots are an open-addressing table: 0, or 1 and the number of a row. Their number is a power of two.
	slots []uint32
}

type row[K Key, V any] struct {
	key   K
	value V
}

const (
	chunkRows  = 512
	leastSlots = 8
)

// Len is how many keys there are.
func (m *Map[K, V]) Len() int { return m.n }

// Get returns the value of a key, if there is one.
func (m *Map[K, V]) Get(key K) (value V, ok bool) {
	if m.n == 0 {
		return value, false
	}
	slot := m.find(key)
	if m.slots[slot] == 0 {
		return value, false
	}
	return m.at(m.slots[slot] - 1).value, true
}

// Set gives a key a value.
func (m *Map[K, V]) Set(key K, value V) {
	if 5*(m.n+1) > 4*len(m.slots) {
		m.resize(max(leastSlots, 2*len(m.slots)))
	}
	slot := m.find(key)
	if m.slots[slot] != 0 {
		m.at(m.slots[slot] - 1).value = value
		return
	}
	if m.n == chunkRows*len(m.chunks) {
		var chunk []row[K, V]
		if m.n > 0 {
			chunk = make([]row[K, V], 0, chunkRows)
		}
		m.chunks = append(m.chunks, chunk)
	}
	last := &m.chunks[len(m.chunks)-1]
	*last = append(*last, row[K, V]{key, value})
	m.n++
	m.slots[slot] = uint32(m.n)
}

// Delete removes a key.
func (m *Map[K, V]) Delete(key K) {
	if m.n == 0 {
		return
	}
	slot := m.find(key)
	if m.slots[slot] == 0 {
		return
	}
	if hole, last := m.slots[slot]-1, uint32(m.n-1); hole != last { // the last row takes its place
		moved := *m.at(last)
		m.slots[m.find(moved.key)] = hole + 1
		*m.at(hole) = moved
	}
	end := len(m.chunks) - 1
	chunk := m.chunks[end]
	clear(chunk[len(chunk)-1:])
	m.chunks[end] = chunk[:len(chunk)-1]
	if m.n--; len(m.chunks[end]) == 0 {
		m.chunks[end] = nil
		m.chunks = m.chunks[:end]
	}
	m.vacate(slot)
	if 8*m.n < len(m.slots) && len(m.slots) > leastSlots {
		m.resize(len(m.slots) / 2)
	}
}

// All are the keys and values, the newest first as long as nothing was deleted. The one at hand may be deleted.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := m.n - 1; i >= 0; i-- {
			if r := m.at(uint32(i)); !yield(r.key, r.value) {
				return
			}
		}
	}
}

func (m *Map[K, V]) at(i uint32) *row[K, V] { return &m.chunks[i/chunkRows][i%chunkRows] }

// home is where a key is looked for first.
func (m *Map[K, V]) home(key K) int { return int(key.Hash() & uint64(len(m.slots)-1)) }

// find returns the slot of a key, or the free one where it belongs.
func (m *Map[K, V]) find(key K) int {
	slot := m.home(key)
	for m.slots[slot] != 0 && m.at(m.slots[slot]-1).key != key {
		slot = (slot + 1) & (len(m.slots) - 1)
	}
	return slot
}

// vacate frees a slot, and moves those behind that would not be found any more.
func (m *Map[K, V]) vacate(free int) {
	last := len(m.slots) - 1
	for slot := (free + 1) & last; m.slots[slot] != 0; slot = (slot + 1) & last {
		if home := m.home(m.at(m.slots[slot] - 1).key); (slot-home)&last >= (slot-free)&last {
			m.slots[free], free = m.slots[slot], slot
		}
	}
	m.slots[free] = 0
}

func (m *Map[K, V]) resize(slots int) {
	m.slots = make([]uint32, slots)
	for i := range m.n {
		m.slots[m.find(m.at(uint32(i)).key)] = uint32(i + 1)
	}
}
