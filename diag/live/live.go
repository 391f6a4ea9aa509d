// Package live runs a session on this host: its sources of events, and the files that the events are
// kept in.
package live

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/guard"
	"ndwhy/diag/host"
	"ndwhy/diag/kernel"
	"ndwhy/diag/session"
)

// settleWithin bounds how long the sources that answer once may take before the checks begin without
// them: no metadata service answers later than this when it answers at all.
const settleWithin = time.Second

// closeWithin is how long the sources may take to end. One that does not is in the hands of a kernel that has more to
// do, and is left to the end of the process: the stream ends without it.
const closeWithin = 50 * time.Millisecond

// A Session is a session with its sources running.
type Session struct {
	*session.Session
	files   *Files
	done    chan struct{} // closed when no source is left
	settled chan struct{} // closed when the sources that answer once have answered
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	host    *host.Reader
	flows   *kernel.Flows
	tap     *capture.Tap // nil where frames may not be seen
	far     int          // other hosts that are listened to
	said    sync.Map     // the *saying of the command of each of them
	aside   atomic.Pointer[aside]

	stop, once sync.Once
	closed     error
}

// Options say what a session is about.
type Options struct {
	Run   diag.Run    // its Interfaces are those of Links
	Links []diag.Link // as Interfaces returns them
	IMDS  string      // endpoint of the metadata service, "none", or "": asked on an EC2 instance alone
	Stay  bool        // it is kept up to date until it is closed; else its sources answer once
	Far   []string    // shell commands that print the streams of other hosts
	Files *Files      // Close closes them
	Show  func(diag.Event)
}

// Open starts a session: every source is running; Settle waits for what they have to say. Show, if not
// nil, sees every event, and must return at once.
func Open(ctx context.Context, o Options) (*Session, error) {
	slices.Sort(o.Far)
	o.Far = slices.Compact(o.Far)
	l := &Session{done: make(chan struct{}), files: o.Files, far: len(o.Far)}
	ctx, l.cancel = context.WithCancel(ctx)
	l.Session = session.New(o.Files.write)
	if o.Show != nil {
		l.Watch(o.Show)
	}
	err := l.start(ctx, o)
	go func() {
		defer guard.Rescue()
		l.wg.Wait()
		close(l.done)
	}()
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Settle waits until what the checks rest on is known, as far as it will be: the sources that answer
// once have answered or had their time.
func (l *Session) Settle(ctx context.Context) {
	select {
	case <-l.settled:
	case <-ctx.Done():
	}
}

// Done is closed when no source is left.
func (l *Session) Done() <-chan struct{} { return l.done }

// Collect takes in what the tap has seen so far.
func (l *Session) Collect() {
	if l.tap != nil {
		l.tap.Collect()
	}
}

// Aside has the frames of the echoes with an id taken, and kept out of the stream, from now on: requests, replies, the
// errors about them, and word of their end. take is told of the first two, and must return at once. There is one such id at
// a time. It is false where frames may not be seen.
func (l *Session) Aside(id uint16, take func(diag.Frame)) bool {
	l.aside.Store(&aside{id, take})
	return l.tap != nil
}

// ReadAgain reads the host's settings and connections once more: what changed of them announces itself no
// other way.
func (l *Session) ReadAgain(ctx context.Context) {
	l.host.Read(ctx)
	l.flows.Read()
}

// Record begins a recording, or ends the one under way, and returns its file. What is so already stays
// so.
func (l *Session) Record(on bool) (path string, err error) { return l.files.record(l, on) }

// Recording returns the file of the recording under way; "" where there is none, or one that failed.
func (l *Session) Recording() string { return l.files.recordingTo(l) }

// finish has the sources end, beside what comes next.
func (l *Session) finish() {
	l.stop.Do(func() {
		if l.tap != nil {
			l.tap.Finish()
		}
		l.cancel()
	})
}

// Stop ends the stream: nothing is taken in any more. The sources end by themselves; Close waits for them.
func (l *Session) Stop() {
	l.finish()
	l.End()
}

// Close ends the sources, the stream and what is kept, and returns what went wrong with that, which Files told of.
func (l *Session) Close() error {
	l.once.Do(func() {
		l.finish()
		select {
		case <-l.done:
		case <-time.After(closeWithin):
		}
		l.End()
		l.closed = l.files.close(l)
	})
	return l.closed
}
