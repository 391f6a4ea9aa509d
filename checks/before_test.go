package checks

import (
	"context"
	"testing"
	"time"

	"ndwhy/diag"
)

// Nothing is asked before all that the kernel has is known: asking may change it.
func TestRunLooksBeforeItAsks(t *testing.T) {
	inWorld(t, "the tables come late", func(w *world) {
		const late = 3 * time.Second
		w.sess.Emit(diag.Feed{Name: diag.FeedNetlink})
		w.later(late, func() { w.sess.Emit(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced}) })
		w.run(w.t.Context(), nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, at := range w.at {
			if at < late {
				w.t.Errorf("%s after %s", w.log[i], at)
			}
		}
		if before, ok := w.state().Before("eth0"); !ok || !before.Complete || len(before.Routes) != 1 {
			w.t.Errorf("before it asked there was %+v", before)
		}
	})
	inWorld(t, "they never come", func(w *world) {
		w.sess.Emit(diag.Feed{Name: diag.FeedNetlink})
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if took := w.run(ctx, nil); took > 1010*time.Millisecond {
			w.t.Errorf("took %s", took)
		}
		if n := len(w.log); n > 0 {
			w.t.Errorf("%q was sent", w.log)
		}
	})
	inWorld(t, "they were lost", func(w *world) {
		w.sess.Emit(diag.Feed{Name: diag.FeedNetlink, State: diag.Lost})
		w.run(w.t.Context(), nil)
		w.want(idFarEcho, diag.Answered, "")
		if before, ok := w.state().Before("eth0"); !ok || before.Complete {
			w.t.Errorf("what is not known is taken for whole: %+v", before)
		}
	})
}
