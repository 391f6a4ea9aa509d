package app

import (
	"context"
	"time"

	"ndwhy/diag"
	"ndwhy/ui"
)

// framesEvery bounds how often the screen is drawn anew: ten times a second, however much happens.
const framesEvery = 100 * time.Millisecond

// A Looker is what has a state: a session, or a player.
type Looker interface{ Look(func(*diag.State)) }

// Frames hands a frame to the program whenever there is something new to see, and not oftener than
// ten times a second, until ctx ends.
func Frames(ctx context.Context, s Looker, lens *ui.Lens, box *ui.Mailbox, note func(*ui.Frame)) {
	defer box.Close()
	for {
		select {
		case <-ctx.Done():
			return
		case <-lens.Wake():
		}
		var f ui.Frame
		s.Look(func(st *diag.State) { f = lens.Snapshot(st) })
		note(&f)
		box.Put(f)
		if !pause(ctx, framesEvery) {
			return
		}
	}
}

// pause waits for d, and reports whether ctx lasted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
