package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

const (
	// waitingMost is how many bytes of lines wait for a reader that is slow; what comes on top is left out.
	waitingMost = 4 << 20
	// gather is how long a line may wait for others: where things happen by the thousand, a write for each would cost more
	// than to read them.
	gather = time.Millisecond
	// usual is how many bytes of lines there are mostly at a time.
	usual = 64 << 10
	// lastWords is how long a reader may take, when the program ends, for what waits.
	lastWords = time.Second
)

// A feeder hands lines to a reader who may be slower than things happen: nobody waits for him. What he misses is
// a gap, of which he is told as of a feed that was lost, and then what is so.
type feeder struct {
	out  io.Writer
	line func(diag.Event) (text string, wanted bool) // mu is held
	gap  func(diag.Event) string                     // the line of what the feeder says itself; mu is held
	// facts are the events that tell what is so now. taken is called at that moment.
	facts func(taken func()) []diag.Event

	mu          sync.Mutex
	waiting     []byte // lines
	missed      int
	first, last diag.Event // of those missed
	ended       bool
	news        chan struct{}
}

// add takes an event. It does not wait.
func (f *feeder) add(e diag.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text, wanted := f.line(e)
	if !wanted || f.ended {
		return
	}
	if f.missed > 0 || len(f.waiting)+len(text) > waitingMost {
		if f.missed++; f.missed == 1 {
			f.first = e
		}
		f.last = e
		return
	}
	f.waiting = append(f.waiting, text...)
	f.wake()
}

// begin has what say returns come next. mu is held while it runs.
func (f *feeder) begin(say func() string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(f.waiting, say()...)
	f.wake()
}

func (f *feeder) wake() {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// end has run return once what waits is written.
func (f *feeder) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.wake()
}

// run writes lines until end, or an error of the writer's.
func (f *feeder) run() error {
	var written []byte // what may be written over
	for {
		f.mu.Lock()
		lines, missed, ended := f.waiting, f.missed, f.ended
		f.waiting = written[:0]
		f.mu.Unlock()
		if written = lines; cap(lines) > usual {
			written = nil
		}
		switch {
		case len(lines) > 0:
			if _, err := f.out.Write(lines); err != nil {
				return err
			}
		case missed > 0:
			if err := f.resync(); err != nil {
				return err
			}
		case ended:
			return nil
		default:
			<-f.news
			time.Sleep(gather)
		}
	}
}

// resync tells of a gap and then what is so. What comes meanwhile waits behind it.
func (f *feeder) resync() error {
	var lost, synced diag.Event
	facts := f.facts(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		lost, synced = f.last, f.last
		lost.Body = diag.Feed{Name: diag.FeedWatch, State: diag.Lost, Why: words.Say("watch.gap", "n", f.missed, "first", f.first.Seq, "last", f.last.Seq)}
		synced.Body = diag.Feed{Name: diag.FeedWatch, State: diag.Synced}
		f.missed = 0
	})
	write := func(say func(diag.Event) (string, bool), e diag.Event) error {
		f.mu.Lock()
		text, wanted := say(e)
		f.mu.Unlock()
		if !wanted {
			return nil
		}
		_, err := io.WriteString(f.out, text)
		return err
	}
	own := func(e diag.Event) (string, bool) { return f.gap(e), true }
	if err := write(own, lost); err != nil {
		return fmt.Errorf("telling of a gap: %w", err)
	}
	for _, e := range facts {
		if err := write(f.line, e); err != nil {
			return err
		}
	}
	return write(own, synced)
}
