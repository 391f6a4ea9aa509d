package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/kernel"
	"ndwhy/diag/live"
	"ndwhy/diag/record"
	"ndwhy/diag/words"
)

const defaultTimeout = 10 * time.Second

// open starts a session as the flags say; all that can be wrong with them is said before anything is
// asked or written. A session that is to stay is kept up to date. show, if not nil, sees every event.
// warn is told of a kept file that can be written no more.
func (o *options) open(ctx context.Context, stay bool, show func(diag.Event), warn func(error)) (*live.Session, error) {
	if err := distinct(o.files()); err != nil {
		return nil, err
	}
	wanted, err := o.parse()
	if err != nil {
		return nil, err
	}
	links, left, err := live.Interfaces(ctx, o.interfaces, wanted.zones)
	if err != nil {
		return nil, interfaceError(err)
	}
	run := wanted.run
	run.NotExamined = left
	for _, link := range links {
		run.Interfaces = append(run.Interfaces, link.Interface)
	}
	files, err := live.Keep(o.record, o.pcap, versionText(), run.Interfaces, warn)
	if err != nil {
		return nil, usageError{err}
	}
	return live.Open(ctx, live.Options{Run: run, Links: links, IMDS: o.imds, Stay: stay, Files: files, Show: show, Far: o.far})
}

// interfaceError is bad input where another interface could have been named, and "could not tell"
// where the one named does no neighbour discovery.
func interfaceError(err error) error {
	var e *kernel.InterfaceError
	if errors.As(err, &e) && !e.NoND {
		return usageError{err}
	}
	return err
}

// warnOn returns what tells at once, on w, of a file that can be written no more.
func warnOn(w io.Writer) func(error) {
	return func(err error) {
		fmt.Fprintln(w, "ndwhy: "+printable(words.Say("cli.kept-ends", "problem", err)))
	}
}

// openRecording opens a recording that a flag or an argument names.
func openRecording(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	if name == "-" {
		name = os.Stdin.Name()
	}
	file, err := record.Open(ctx, name)
	switch {
	case ctx.Err() != nil:
		return nil, exitCode(exitInterrupted)
	case err != nil:
		return nil, usageError{err}
	}
	return file, nil
}

// ended makes the exit code of ctrl-c of what only that ended.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return exitCode(exitInterrupted)
	}
	return err
}
