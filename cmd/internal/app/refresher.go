package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
)

// When the checks are run again by themselves: once the ground has been still for a moment, since one change
// seldom comes alone; a little apart, however often it changes; and no oftener than once a second when they are
// to be asked periodically.
const (
	groundStill = 300 * time.Millisecond
	groundApart = 5 * time.Second
	oftenest    = time.Second
)

// A Refresher has the checks run again when what their answers rest on has changed, and, if that is wanted, every
// so often. Candidates are never tried by itself: only a user asks from them.
type Refresher struct {
	look func(func(*diag.State))
	run  func()

	stirred chan struct{}
	told    chan struct{}

	mu    sync.Mutex
	every time.Duration
}

// NewRefresher returns a Refresher of a session's state; run runs checks and returns when they are done. only, if
// it is not empty, are all that are ever to be run.
func NewRefresher(s Looker, only []string, run func(ids []string)) *Refresher {
	ids := slices.DeleteFunc(checks.IDs(), func(id string) bool {
		return id == checks.Added || len(only) > 0 && !slices.Contains(only, id)
	})
	return &Refresher{
		look: s.Look, run: func() { run(ids) },
		stirred: make(chan struct{}, 1), told: make(chan struct{}, 1),
	}
}

// Note takes notice of an event. It never blocks.
func (r *Refresher) Note(e diag.Event) {
	body := e.Body
	if far, ok := body.(diag.Far); ok && far.Event != nil {
		body = far.Event.Body
		if _, ok := body.(diag.Address); !ok {
			return
		}
	}
	switch body.(type) {
	case diag.Link, diag.Address, diag.Route, diag.PolicyRule, diag.Filter, diag.Neighbour, diag.Check:
	case diag.Frame:
		if f, _ := e.Body.(diag.Frame); f.Type != diag.RA {
			return
		}
	default:
		return
	}
	signal(r.stirred)
}

// Every has the checks run every d from now on, at most once a second; 0 ends that.
func (r *Refresher) Every(d time.Duration) {
	if d > 0 {
		d = max(d, oftenest)
	}
	r.mu.Lock()
	r.every = d
	r.mu.Unlock()
	signal(r.told)
}

// Period is how often the checks are run; 0: not by the clock.
func (r *Refresher) Period() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.every
}

// Refresh does so until ctx ends. The first run of the checks is somebody else's.
func (r *Refresher) Refresh(ctx context.Context) {
	var known standing
	var last time.Time
	for {
		var tick <-chan time.Time
		if d := r.Period(); d > 0 {
			tick = time.After(max(time.Until(last.Add(d)), 0))
		}
		select {
		case <-ctx.Done():
			return
		case <-r.told:
			continue
		case <-tick:
		case <-r.stirred:
			if !pause(ctx, groundStill) {
				return
			}
			changed := false
			r.look(func(s *diag.State) { changed = known.changed(s) })
			if !changed {
				continue
			}
			if !pause(ctx, time.Until(last.Add(groundApart))) {
				return
			}
		}
		r.run()
		last = time.Now()
	}
}

// A standing is what the answers on record rest on.
type standing struct {
	run    int64 // which run of the checks they are of: the event with which it began
	at     int64 // the event up to which that is known
	ground uint64
}

// changed reports whether s stands differently. While checks run nothing can be said, and what has changed when
// they end is what they found.
func (k *standing) changed(s *diag.State) bool {
	run, running := lastRun(s)
	if running {
		return false
	}
	if run != k.run {
		*k = standing{run, s.Seq, s.Ground()}
	}
	return run > 0 && (s.Ground() != k.ground || s.FailedSince(k.at))
}

// lastRun is the newest run of the checks, by the event with which it began, and whether one is under way.
func lastRun(s *diag.State) (run int64, running bool) {
	for key, c := range s.Checks {
		running = running || c.State == diag.CheckRunning
		run = max(run, s.Begun(key.ID, key.Interface))
	}
	return run, running
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
