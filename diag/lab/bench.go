package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"ndwhy/diag/lab/vswitch"
)

// Bounds of what is kept for those who watch: of the newest entries for one that comes, of those
// that one is slow to read, and how many may watch.
const (
	keepEntries = 300
	slowEntries = 2000
	maxWatchers = 16
)

// refreshEvery is how often it is looked whether somebody broke or mended something without us:
// deleting an address inside ubuntu1 is a way to mend it.
const refreshEvery = time.Second

// A bench is the lab's end of every Control.
type bench struct {
	faults []fault
	world  *world
	door   *net.UnixConn // by which new ones are let in
	handle *os.File      // what commands inherit to knock there

	setting sync.Mutex // held while something is broken or mended
	looking sync.Mutex // held while it is looked what is: who looks later knows better

	mu       sync.Mutex
	recent   []vswitch.Entry
	breaks   []Break
	watchers map[*watcher]struct{}
}

// A watcher is one Control, as the bench sees it.
type watcher struct {
	ready chan struct{} // there is something to take

	// Under the bench's mu.
	next down
}

// newBench returns the bench of a world whose wire is there, though it may not run yet.
func newBench(w *world) (*bench, error) {
	door, handle, err := socketPair("bench")
	if err != nil {
		return nil, err
	}
	b := &bench{faults: faults, world: w, door: door, handle: handle, watchers: map[*watcher]struct{}{}}
	w.wire.watch = b.saw
	return b, nil
}

// saw takes what the switch did. It does not block.
func (b *bench) saw(entries []vswitch.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recent = append(b.recent, entries...)
	if len(b.recent) > 2*keepEntries {
		b.recent = slices.Clone(b.recent[len(b.recent)-keepEntries:])
	}
	for w := range b.watchers {
		w.next.Entries = append(w.next.Entries, entries...)
		if over := len(w.next.Entries) - slowEntries; over > slowEntries {
			w.next.Entries = slices.Clone(w.next.Entries[over:])
			w.next.Dropped += over
		}
		w.wake()
	}
}

func (w *watcher) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// refresh looks what is broken, and tells those who watch if it is not what they were told.
func (b *bench) refresh() {
	b.looking.Lock()
	defer b.looking.Unlock()
	list := make([]Break, len(b.faults))
	for i, f := range b.faults {
		list[i] = Break{f.id, f.broken(b.world)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Equal(list, b.breaks) {
		return
	}
	b.breaks = list
	for w := range b.watchers {
		w.next.Breaks = list
		w.wake()
	}
}

// set breaks or mends something.
func (b *bench) set(id string, on bool) error {
	b.setting.Lock()
	defer b.setting.Unlock()
	i := slices.IndexFunc(b.faults, func(f fault) bool { return f.id == id })
	if i < 0 {
		return fmt.Errorf("nothing here is called %q; there are %s", id, strings.Join(Breakable(), ", "))
	}
	err := b.faults[i].set(b.world, on)
	b.refresh()
	if err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.watchers {
		w.next.Turned = true
		w.wake()
	}
	return nil
}

// letIn serves those who knock.
func (b *bench) letIn() {
	for {
		files, err := receiveFiles(b.door, 1)
		switch {
		case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF):
			return
		case err != nil:
			continue // they sent something else: that is theirs to wonder about
		}
		c, err := net.FileConn(files[0])
		closeAll(files)
		if err == nil {
			go b.serve(c)
		}
	}
}

// serve is the other side of one Control.
func (b *bench) serve(c net.Conn) {
	b.refresh()
	w := &watcher{ready: make(chan struct{}, 1)}
	b.mu.Lock()
	full := len(b.watchers) >= maxWatchers
	if !full {
		w.next = down{Breaks: b.breaks, Entries: slices.Clone(b.recent[max(0, len(b.recent)-keepEntries):])}
		b.watchers[w] = struct{}{}
	}
	b.mu.Unlock()
	if full {
		c.Close()
		return
	}
	w.wake()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer c.Close() // whatever is being written to it ends
		b.listen(c, w)
	}()
	refresh := time.NewTicker(refreshEvery)
	defer refresh.Stop()
	out := json.NewEncoder(c)
	for {
		select {
		case <-gone:
			b.mu.Lock()
			delete(b.watchers, w)
			b.mu.Unlock()
			return
		case <-refresh.C:
			b.refresh()
		case <-w.ready:
			b.mu.Lock()
			m := w.next
			w.next = down{}
			b.mu.Unlock()
			_ = out.Encode(m) // one that is gone is told of by gone
		}
	}
}

// listen does what a Control asks for, one after the other, until it is gone.
func (b *bench) listen(c net.Conn, w *watcher) {
	for in := json.NewDecoder(c); ; {
		var asked up
		if err := in.Decode(&asked); err != nil {
			return
		}
		answer := done{ID: asked.ID}
		if err := b.set(asked.Break, asked.On); err != nil {
			answer.Err = err.Error()
		}
		b.mu.Lock()
		w.next.Done = append(w.next.Done, answer)
		b.mu.Unlock()
		w.wake()
	}
}
