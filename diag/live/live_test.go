package live

import (
	"testing"
	"testing/synctest"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/session"
)

// A source that does not end, because the kernel does not answer it, keeps nobody waiting, and what it says later is
// not heard.
func TestCloseLeavesWhatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		files, err := Keep("", "", "", nil, func(error) {})
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan struct{})
		l := &Session{Session: session.New(files.write), files: files, done: make(chan struct{}), cancel: func() {}}
		l.source(diag.FeedNetlink, func() error {
			<-answers
			l.Emit(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced})
			return nil
		})
		start := time.Now()
		if err := l.Close(); err != nil || time.Since(start) > 100*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		close(answers)
		synctest.Wait()
		l.Look(func(s *diag.State) {
			if s.Complete(diag.FeedNetlink) {
				t.Error("it was heard")
			}
		})
	})
}
