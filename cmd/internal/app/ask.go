// Package app joins what watches, what asks and what is shown: it runs the checks on a live session,
// does what the screens ask for, and keeps them supplied.
package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"ndwhy/checks"
	"ndwhy/checks/probe"
	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/live"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// readAgainWithin is how long a run that its deadline ended, or that ended just before it, may read the host's settings
// again.
const readAgainWithin = 50 * time.Millisecond

// Ask runs the checks against the network until a deadline at most, and then has l read again what announces no
// change; what the checks find goes into a session, l or a part of it.
func Ask(ctx context.Context, l *live.Session, into checks.Session, deadline time.Time) error {
	err := ask(ctx, l, into, deadline)
	ctx, cancel := context.WithTimeout(ctx, max(readAgainWithin, time.Until(deadline)/2))
	read := make(chan struct{})
	go func() {
		defer guard.Rescue()
		defer cancel()
		l.ReadAgain(ctx)
		close(read)
	}()
	select {
	case <-read:
	case <-ctx.Done(): // what it reads it no longer changes the outcome with
	}
	return err
}

func ask(ctx context.Context, l *live.Session, into checks.Session, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	l.Emit(probe.Admin())
	net := probe.New(into)
	var judge why.Judge
	defer net.Close()
	return checks.Run(ctx, checks.Runner{
		Session: into, Net: net,
		Expect: func(p diag.Path) (expect bool) {
			l.Look(func(s *diag.State) { expect = judge.Unexpected(s, p) })
			return expect
		},
		Collect: func() {
			l.Collect()
			net.Collect()
		},
	})
}

// DryRun lists what would be asked, by what is known now, and what that may change.
func DryRun(w io.Writer, s *diag.State, mask func(string) string) error {
	var b bytes.Buffer
	lines, frames, again := checks.DryRun(s)
	fmt.Fprintln(&b, words.Say("dry-run.title", "n", frames))
	var changes []string
	for _, line := range lines {
		from := words.Say("report.source.unspecified")
		if line.Source.IsValid() {
			from = line.Source.String()
		}
		via := words.Say("via." + string(line.Via))
		if !line.Planned() {
			via = words.Say("outcome.skipped") + ": " + words.Say("detail."+line.Detail, "note", line.Note)
		}
		fmt.Fprintf(&b, "%4d  %-11s %-4s %s > %s (%s, %s)\n", line.Frames, line.Check, words.Say("asks."+string(line.Asks)),
			from, line.Target, line.Interface, via)
		for _, key := range line.Changes {
			if text := line.Check + ": " + words.Say(key); !slices.Contains(changes, text) {
				changes = append(changes, text)
			}
		}
	}
	if again > 0 {
		fmt.Fprintln(&b, words.Say("dry-run.again", "n", again))
		fmt.Fprintln(&b, words.Say("dry-run.told"))
	}
	fmt.Fprintln(&b, words.Say("dry-run.pulse", "n", beatMost))
	if len(changes) > 0 {
		fmt.Fprintln(&b, words.Say("dry-run.changes"))
	}
	for _, text := range changes {
		fmt.Fprintf(&b, "  %s\n", text)
	}
	_, err := io.WriteString(w, mask(b.String()))
	return err
}
