package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/live"
	"ndwhy/diag/words"
	"ndwhy/ui"
)

// A Runner does what the screens ask for of a live session: it is their ui.Intents.
type Runner struct {
	Saver
	*Refresher
	ctx     context.Context // of the face: runs end with it
	live    *live.Session
	timeout time.Duration

	mu     sync.Mutex
	cancel context.CancelFunc // of the run under way
	ended  chan struct{}      // closed when that has ended
}

// NewRunner returns a Runner whose runs last until timeout, or until ctx ends. only, if it is not empty, are the
// checks that its Refresher may run.
func NewRunner(ctx context.Context, l *live.Session, timeout time.Duration, keep Saver, only []string) *Runner {
	r := &Runner{Saver: keep, ctx: ctx, live: l, timeout: timeout}
	r.Refresher = NewRefresher(l, only, func(ids []string) {
		_ = r.Run(ids, "") // busy: somebody has it done already; what cannot be asked stands in the session
	})
	l.Watch(r.Note)
	return r
}

// asked is the Run that would run only these checks, in this way; none means all that apply, and no
// mode the one that was configured.
func asked(run diag.Run, ids []string, add diag.AddMode) diag.Run {
	if len(ids) > 0 {
		run.Now = ids
	}
	if add != "" {
		run.Add = add
	}
	return run
}

// Plan implements ui.Intents.
func (r *Runner) Plan(ids []string, add diag.AddMode) (plan ui.Plan, err error) {
	r.live.Look(func(s *diag.State) {
		// A copy with another Run: planning reads the rest and changes nothing.
		would := *s
		would.Run = asked(s.Run, ids, add)
		lines, frames, _ := checks.DryRun(&would)
		plan.Frames = frames
		for _, l := range lines {
			plan.Lines = append(plan.Lines, ui.PlanLine{Path: l.Path, Frames: l.Frames, Changes: l.Changes})
		}
	})
	return plan, nil
}

// errBusy: one run at a time, or two would measure one another.
var errBusy = errors.New(words.Say("cli.busy"))

// Run implements ui.Intents.
func (r *Runner) Run(ids []string, add diag.AddMode) error {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	r.mu.Lock()
	if r.cancel != nil {
		r.mu.Unlock()
		return errBusy
	}
	ended := make(chan struct{})
	r.cancel, r.ended = cancel, ended
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.cancel = nil
		r.mu.Unlock()
		close(ended)
	}()
	r.live.Name() // who has come to watch since
	deadline := time.Now().Add(r.timeout)
	var was diag.Run
	r.live.Look(func(s *diag.State) { was = s.Run })
	r.live.Emit(asked(was, ids, add))
	err := Ask(ctx, r.live, part{r.live.Session, len(ids) > 0}, deadline)
	r.live.CatchUp(ctx, deadline)
	r.live.Emit(was) // what the user wants by default is as it was before
	return err
}

// Again runs checks, and first stops those under way: what they measure has been changed.
func (r *Runner) Again(ids []string, add diag.AddMode) {
	for errors.Is(r.Run(ids, add), errBusy) {
		r.Quiet()
	}
}

// Quiet ends the run under way, and returns when what it added is removed.
func (r *Runner) Quiet() {
	r.Stop()
	r.Wait()
}

// Wait waits until the run under way has ended, and what it added is removed.
func (r *Runner) Wait() {
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// A part is the session of a run of some checks: what it leaves out is not said to be skipped.
type part struct {
	checks.Session
	some bool
}

func (p part) Emit(b diag.Body) diag.Event {
	if c, ok := b.(diag.Check); ok && p.some && c.State == diag.CheckSkipped && c.User {
		return diag.Event{}
	}
	return p.Session.Emit(b)
}

// Stop implements ui.Intents.
func (r *Runner) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
	}
}

// Record implements ui.Intents.
func (r *Runner) Record(on bool) (string, error) { return r.live.Record(on) }
