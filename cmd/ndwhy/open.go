package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/kernel"
	"ndwhy/diag/live"
	"ndwhy/diag/words"
)

const defaultTimeout = 10 * time.Second

// chooseWithin bounds how long it may take to choose the interfaces: who has more routes than are read by then has
// interfaces all the same.
const chooseWithin = time.Second

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
	choosing, chosen := context.WithTimeout(ctx, min(chooseWithin, o.timeout/4))
	links, left, err := live.Interfaces(choosing, o.interfaces, wanted.zones)
	chosen()
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

// openKept opens what was kept, a recording or a capture, that a flag or an argument names.
func openKept[T any](ctx context.Context, name string, open func(context.Context, string) (T, error)) (kept T, err error) {
	if name == "-" {
		name = os.Stdin.Name()
	}
	kept, err = open(ctx, name)
	switch {
	case ctx.Err() != nil:
		return kept, exitCode(exitInterrupted)
	case err != nil:
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err // which call failed says nothing to who named the file
		}
		return kept, usageError{err}
	}
	return kept, nil
}

// ended makes the exit code of ctrl-c of what only that ended.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return exitCode(exitInterrupted)
	}
	return err
}
