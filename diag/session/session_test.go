package session

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ndwhy/diag"
)

// However many sources emit at once, the stream has one order: numbers without gaps, the same for
// the recording, for every watcher and for the state.
func TestOneStream(t *testing.T) {
	t.Parallel()
	const sources, each = 8, 200
	var recorded, watched []int64
	s := New(func(e diag.Event) { recorded = append(recorded, e.Seq) })
	stop := s.Watch(func(e diag.Event) { watched = append(watched, e.Seq) })
	var wg sync.WaitGroup
	for range sources {
		wg.Go(func() {
			for range each {
				s.Emit(diag.Tick{})
			}
		})
	}
	wg.Wait()
	stop()
	s.Emit(diag.Tick{})
	if len(watched) != sources*each || len(recorded) != sources*each+1 {
		t.Fatalf("%d events watched, %d recorded of %d", len(watched), len(recorded), sources*each+1)
	}
	for i, seq := range recorded {
		if seq != int64(i+1) || i < len(watched) && watched[i] != seq {
			t.Fatalf("event %d has number %d", i+1, seq)
		}
	}
	s.Look(func(st *diag.State) {
		if st.Seq != sources*each+1 {
			t.Errorf("the state is at %d", st.Seq)
		}
	})
}

// Wait returns as soon as what it waits for is so, and gives up when it is told to.
func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(nil)
		go func() {
			time.Sleep(time.Second)
			s.Emit(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced})
		}()
		start := time.Now()
		synced := func(st *diag.State) bool { return st.Complete(diag.FeedNetlink) }
		if !s.Wait(t.Context().Done(), synced) || time.Since(start) != time.Second {
			t.Errorf("waited %v", time.Since(start))
		}
		done := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(done) })
		if s.Wait(done, func(*diag.State) bool { return false }) {
			t.Error("what is never so was waited for with success")
		}
	})
}

// After its end a session takes in nothing: neither the recording nor the state changes under who concludes.
func TestEnd(t *testing.T) {
	t.Parallel()
	recorded := 0
	s := New(func(diag.Event) { recorded++ })
	s.Emit(diag.Tick{})
	s.End()
	if e := s.Emit(diag.Tick{}); e.Seq != 0 || recorded != 1 {
		t.Errorf("event %d, %d recorded", e.Seq, recorded)
	}
	s.Look(func(st *diag.State) {
		if st.Seq != 1 {
			t.Errorf("the state is at %d", st.Seq)
		}
	})
}
