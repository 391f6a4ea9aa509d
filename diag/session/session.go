// Package session joins the sources of events to the one state: it stamps and numbers every event,
// keeps the recording, and lets the faces and the checks look on. It is the only place where
// goroutines meet the pure core.
package session

import (
	"sync"
	"time"

	"ndwhy/diag"
)

// A Session is one stream of events and the state that it makes. It is safe for concurrent use.
type Session struct {
	mu       sync.Mutex
	state    *diag.State
	watchers map[int]func(diag.Event)
	next     int
	record   func(diag.Event)
	ended    bool
}

// New returns an empty session. record, if not nil, is called with every event in order, before
// anything else sees it.
func New(record func(diag.Event)) *Session {
	return &Session{state: diag.NewState(), watchers: map[int]func(diag.Event){}, record: record}
}

// Emit stamps body with the present time, folds it into the state and shows it to every watcher.
func (s *Session) Emit(body diag.Body) diag.Event { return s.EmitAt(time.Now(), body) }

// End has the session take in nothing any more: what is emitted after it is lost, and its event is the zero one. Who
// still waits for a source that hangs would wait for nothing.
func (s *Session) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// EmitAt is Emit with the time at which the thing happened: a frame's capture time.
func (s *Session) EmitAt(at time.Time, body diag.Body) diag.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return diag.Event{}
	}
	e := diag.Event{Seq: s.state.Seq + 1, At: at, Body: body}
	if s.record != nil {
		s.record(e)
	}
	s.state.Apply(e)
	for _, watch := range s.watchers {
		watch(e)
	}
	return e
}

// Watch calls fn with every event from now on, in order. fn runs inside Emit: it must return at
// once and must not call the session.
func (s *Session) Watch(fn func(diag.Event)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.watchers[id] = fn
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, id)
	}
}

// Look calls fn with the state, which fn must neither keep nor change.
func (s *Session) Look(fn func(*diag.State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(s.state)
}

// Wait blocks until cond holds of the state or done is closed, and reports whether cond holds.
func (s *Session) Wait(done <-chan struct{}, cond func(*diag.State) bool) bool {
	changed := make(chan struct{}, 1)
	stop := s.Watch(func(diag.Event) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer stop()
	for {
		var ok bool
		s.Look(func(st *diag.State) { ok = cond(st) })
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-done:
			return false
		}
	}
}
