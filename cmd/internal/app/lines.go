package app

import (
	"context"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/record"
	"ndwhy/diag/redact"
	"ndwhy/diag/why"
	"ndwhy/ui"
	"ndwhy/ui/plain"
)

// Lines writes the summary of a session and then every change as a line, until ctx ends, whose error
// it returns, or until they cannot be written. bench may be nil.
func Lines(ctx context.Context, out *plain.Writer, s Looker, hide *redact.Redactor, lens *ui.Lens, bench *Bench) (err error) {
	for {
		s.Look(func(s *diag.State) {
			hide.Learn(redact.Names(s)...)
			err = out.Update(s, why.Diagnose(s))
		})
		if err == nil {
			err = bench.tell(out)
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-lens.Wake():
		}
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

// Retell writes what a recording says as lines, at the pace at which it happened times speed, and
// returns as Lines does. The player is to be paused: it goes on by steps, so that lines miss nothing,
// however busy this machine is.
func Retell(ctx context.Context, out *plain.Writer, player *record.Player, hide *redact.Redactor, speed float64) (err error) {
	var passed time.Duration // of the recording's own time, since something was said
	for {
		player.Step()
		gap, more := player.Ahead()
		if passed += gap; passed >= time.Second || !more {
			passed = 0
			player.Look(func(s *diag.State) {
				hide.Learn(redact.Names(s)...)
				d := why.Diagnose(s)
				if err = out.Update(s, d); !more && err == nil {
					err = out.End(s, d)
				}
			})
		}
		if err != nil || !more {
			return err
		}
		if !pause(ctx, time.Duration(float64(gap)/speed)) {
			return ctx.Err()
		}
	}
}
