package dense

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"testing"
)

type number int

func (n number) Hash() uint64 { return Hash(int(n)) }

// crowded keys are all looked for in a few places.
type crowded int

func (n crowded) Hash() uint64 { return uint64(n % 3) }

// alike does the same to a Map and to Go's own, at random, and holds one against the other.
func alike[K interface {
	Key
	~int
}](t *testing.T, keys, steps int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(keys)))
	var m Map[K, int]
	want := map[K]int{}
	for step := range steps {
		key := K(r.IntN(keys))
		if growing := step/(2*keys)%2 == 0; r.IntN(4) == 0 == growing {
			m.Delete(key)
			delete(want, key)
		} else {
			m.Set(key, step)
			want[key] = step
		}
		key = K(r.IntN(keys))
		value, ok := m.Get(key)
		if known, is := want[key]; ok != is || value != known || m.Len() != len(want) {
			t.Fatalf("step %d: key %d: %d, %t of %d; want %d, %t of %d", step, key, value, ok, m.Len(), known, is, len(want))
		}
	}
	if got := maps.Collect(m.All()); !maps.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for key := range m.All() {
		if key%2 == 0 {
			m.Delete(key)
			delete(want, key)
		}
	}
	if got := maps.Collect(m.All()); !maps.Equal(got, want) {
		t.Errorf("with half of it deleted on the way: %v, want %v", got, want)
	}
	for key := range want {
		m.Delete(key)
	}
	if m.Len() != 0 || len(m.chunks) != 0 || len(m.slots) > leastSlots {
		t.Errorf("empty it has %d keys, %d chunks, %d slots", m.Len(), len(m.chunks), len(m.slots))
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{1, 3, 10, 500, 5000} {
		alike[number](t, keys, 40*keys)
	}
	alike[crowded](t, 60, 5000)
}

// A map of many rows takes little more than they do.
func TestRoom(t *testing.T) {
	const rows, each = 100_000, 48
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	var m Map[number, [each - 8]byte]
	for i := range rows {
		m.Set(number(i), [each - 8]byte{})
	}
	if took := held() - before; took > rows*(each+10) {
		t.Errorf("%d rows of %d bytes take %d", rows, each, took)
	}
	runtime.KeepAlive(m)
}
