package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/host"
	"ndwhy/diag/imds"
	"ndwhy/diag/kernel"
	"ndwhy/diag/lease"
	"ndwhy/diag/record"
	"ndwhy/diag/session"
	"ndwhy/diag/words"
)

const defaultTimeout = 10 * time.Second

// settle bounds how long the sources that answer once may take before the checks begin without
// them: no metadata service answers later than this when it answers at all.
const settle = time.Second

// live is a session with its sources running.
type live struct {
	*session.Session
	done   chan struct{} // closed when no source is left
	cancel context.CancelFunc
	wg     sync.WaitGroup
	files  []io.Closer

	once   sync.Once
	closed error
}

// open starts a session: the interface is chosen, every source is running, and those that answer
// once have answered or had their time. show, if not nil, sees every event.
func open(ctx context.Context, o *options, stderr io.Writer, show func(diag.Event)) (*live, error) {
	wanted, err := o.parse()
	if err != nil {
		return nil, err
	}
	links, err := chooseInterfaces(ctx, o.interfaces, wanted.zones)
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		wanted.run.Interfaces = append(wanted.run.Interfaces, link.Interface)
	}
	sinks, files, err := o.recordings(wanted.run.Interfaces)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &live{done: make(chan struct{}), cancel: cancel, files: files}
	l.Session = session.New(func(e diag.Event) error {
		for _, sink := range sinks {
			if err := sink(e); err != nil {
				return err
			}
		}
		return nil
	})
	if show != nil {
		l.Watch(show)
	}
	if err := l.start(ctx, o.imds, wanted.run, links); err != nil {
		l.close()
		return nil, err
	}
	go func() {
		l.wg.Wait()
		close(l.done)
	}()
	return l, nil
}

// recordings opens what --record and --pcap name, before anything else happens.
func (o *options) recordings(ifaces []string) (sinks []func(diag.Event) error, files []io.Closer, err error) {
	fail := func(flag string, err error) ([]func(diag.Event) error, []io.Closer, error) {
		for _, f := range files {
			f.Close()
		}
		return nil, nil, usagef("--%s: %w", flag, err)
	}
	if o.record != "" {
		file, err := record.Create(o.record)
		if err != nil {
			return fail("record", err)
		}
		w, err := record.NewWriter(file, versionText(), time.Now())
		files = append(files, file, flusher{w})
		if err != nil {
			return fail("record", err)
		}
		sinks = append(sinks, w.Write)
	}
	if o.pcap != "" {
		file, err := record.Create(o.pcap)
		if err != nil {
			return fail("pcap", err)
		}
		files = append(files, file)
		w, err := record.NewPcap(file, versionText(), ifaces)
		if err != nil {
			return fail("pcap", err)
		}
		sinks = append(sinks, w.Write)
	}
	return sinks, files, nil
}

// A flusher closes what only has to be flushed.
type flusher struct{ w *record.Writer }

func (f flusher) Close() error { return f.w.Flush() }

// source runs one source of events until ctx ends; a panic in it becomes a lost feed.
func (l *live) source(name diag.FeedName, run func() error) {
	l.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				l.Emit(diag.Feed{Name: name, State: diag.Lost, Why: fmt.Sprint("internal error: ", p)})
			}
		}()
		if err := run(); err != nil && !errors.Is(err, context.Canceled) {
			l.Emit(diag.Feed{Name: name, State: diag.Lost, Why: err.Error()})
		}
	})
}

func (l *live) start(ctx context.Context, imdsFlag string, run diag.Run, links []diag.Link) error {
	l.Emit(run)
	tap, err := capture.Open(run.Interfaces)
	reader, rerr := kernel.Open(kernel.Options{PollCounters: err != nil, Interfaces: run.Interfaces})
	if rerr != nil {
		return rerr
	}
	if err != nil {
		l.Emit(capture.Missing(err))
	} else {
		l.source(diag.FeedFrames, func() error { return tap.Run(ctx, l) })
	}
	l.Watch(askIncomplete(reader))
	l.source(diag.FeedNetlink, func() error { return reader.Run(ctx, l) })

	// These answer once; the checks wait for them, but not for ever.
	once, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	var answers sync.WaitGroup
	root := os.DirFS("/")
	answers.Go(func() { host.Read(once, l, root, links) })
	answers.Go(func() { l.metadata(once, imdsFlag) })
	answers.Wait()
	l.Wait(once.Done(), func(s *diag.State) bool { return s.Complete(diag.FeedNetlink) })
	l.leases(root, links)
	l.selections(reader, run)
	return ctx.Err()
}

// askIncomplete returns a watcher that has the kernel's entry read when a solicitation leaves:
// the kernel announces no INCOMPLETE.
func askIncomplete(reader *kernel.Reader) func(diag.Event) {
	return func(e diag.Event) {
		if f, ok := e.Body.(diag.Frame); ok && f.Out && f.Type == diag.NS && !f.Src.IsUnspecified() {
			reader.Ask(f.Interface, f.Target)
		}
	}
}

// metadata asks the instance metadata service where there should be one.
func (l *live) metadata(ctx context.Context, flag string) {
	endpoints := imds.Endpoints
	switch flag {
	case "none":
		l.Emit(diag.Metadata{State: diag.MetadataNotAsked, Why: words.Say("imds.turned-off")})
		return
	case "":
		// What the machine calls itself is among the first things the host's facts say.
		l.Wait(ctx.Done(), func(s *diag.State) bool { return s.Feeds[diag.FeedHost].State != "" })
		var ec2 bool
		l.Look(func(s *diag.State) { ec2 = diag.Recognise(s).Name == "aws" })
		if !ec2 {
			l.Emit(diag.Metadata{State: diag.MetadataNotAsked, Why: words.Say("imds.not-ec2")})
			return
		}
	default:
		endpoints = []string{flag}
	}
	l.Emit(imds.Read(ctx, imds.Options{Endpoints: endpoints}))
}

// leases reads what DHCPv6 clients of this host recorded.
func (l *live) leases(root fs.FS, links []diag.Link) {
	list, err := lease.Read(root, links)
	for _, one := range list {
		l.Emit(one)
	}
	feed := diag.Feed{Name: diag.FeedLease, State: diag.Synced}
	if err != nil {
		feed.State, feed.Why = diag.Unavailable, err.Error()
	}
	l.Emit(feed)
}

// selections asks the kernel how it would reach what the checks are about to ask.
func (l *live) selections(reader *kernel.Reader, run diag.Run) {
	for _, dst := range slices.Concat(run.Internet, run.Peers) {
		if dst.IsLinkLocalUnicast() {
			continue
		}
		l.Emit(kernel.Route(dst, netip.Addr{}, ""))
	}
}

// close ends the sources and the recording, and returns what went wrong with it.
func (l *live) close() error {
	l.once.Do(func() {
		l.cancel()
		l.wg.Wait()
		l.closed = l.Err()
		for _, f := range slices.Backward(l.files) {
			l.closed = errors.Join(l.closed, f.Close())
		}
	})
	return l.closed
}

// chooseInterfaces returns the interfaces to examine, by name: those asked for, those that zones
// name, or the one that the default route says.
func chooseInterfaces(ctx context.Context, asked, zones []string) ([]diag.Link, error) {
	survey, err := kernel.Look(ctx)
	if err != nil {
		return nil, err
	}
	asked = append(slices.Clone(asked), zones...)
	if len(asked) == 0 {
		name, err := kernel.DefaultInterface(survey.Links, survey.Routes, survey.Default4)
		if err != nil {
			return nil, interfaceError(err)
		}
		asked = []string{name}
	}
	all := slices.Contains(asked, "all")
	for _, name := range asked {
		if name == "all" {
			continue
		}
		if err := kernel.CheckInterface(survey.Links, name); err != nil {
			return nil, interfaceError(err)
		}
	}
	var links []diag.Link
	for _, link := range survey.Links {
		if slices.Contains(asked, link.Interface) || all && link.Ethernet {
			links = append(links, link)
		}
	}
	if len(links) == 0 {
		return nil, interfaceError(&kernel.InterfaceError{})
	}
	slices.SortFunc(links, func(a, b diag.Link) int { return cmp.Compare(a.Interface, b.Interface) })
	return links, nil
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
