package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/drops"
	"ndwhy/diag/guard"
	"ndwhy/diag/host"
	"ndwhy/diag/imds"
	"ndwhy/diag/kernel"
	"ndwhy/diag/lease"
	"ndwhy/diag/session"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

const defaultTimeout = 10 * time.Second

// settleWithin bounds how long the sources that answer once may take before the checks begin without
// them: no metadata service answers later than this when it answers at all.
const settleWithin = time.Second

// live is a session with its sources running.
type live struct {
	*session.Session
	done    chan struct{} // closed when no source is left
	settled chan struct{} // closed when the sources that answer once have answered
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	host    *host.Reader
	tap     *capture.Tap // nil where frames may not be seen

	kept

	once   sync.Once
	closed error
}

// open starts a session: the interface is chosen and every source is running; settle waits for what
// they have to say. A session that is to stay is kept up to date. show, if not nil, sees every event.
// warn is told of a kept file that can be written no more, and must return at once: what the run finds
// stands all the same.
func open(ctx context.Context, o *options, stay bool, show func(diag.Event), warn func(error)) (*live, error) {
	if err := distinct(o.files()); err != nil {
		return nil, err
	}
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
	l := &live{done: make(chan struct{}), kept: kept{version: versionText(), warn: warn}}
	if err := l.keep(o.record, o.pcap, wanted.run.Interfaces); err != nil {
		return nil, usageError{err}
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.Session = session.New(l.write)
	if show != nil {
		l.Watch(show)
	}
	if err := l.start(ctx, o.imds, wanted.run, links, stay); err != nil {
		l.close()
		return nil, err
	}
	go func() {
		defer guard.Rescue()
		l.wg.Wait()
		close(l.done)
	}()
	return l, nil
}

// source runs one source of events until ctx ends; a panic in it becomes a lost feed.
func (l *live) source(name diag.FeedName, run func() error) {
	l.wg.Go(func() {
		defer guard.Rescue()
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

func (l *live) start(ctx context.Context, imdsFlag string, run diag.Run, links []diag.Link, stay bool) error {
	l.Emit(run)
	l.source(diag.FeedDrops, func() error { return drops.Follow(ctx, l, run.Interfaces) })
	tap, err := capture.Open(run.Interfaces)
	reader, rerr := kernel.Open(kernel.Options{PollCounters: err != nil, Interfaces: run.Interfaces})
	if rerr != nil {
		return rerr
	}
	if err != nil {
		l.Emit(capture.Missing(err))
	} else {
		l.tap = tap
		l.source(diag.FeedFrames, func() error { return tap.Run(ctx, l) })
	}
	l.Watch(askIncomplete(reader))
	l.source(diag.FeedNetlink, func() error { return reader.Run(ctx, l) })

	root := os.DirFS("/")
	l.host = host.New(l, root, links)
	if stay {
		l.source(diag.FeedHost, func() error {
			l.host.Watch(ctx)
			return nil
		})
		l.wg.Go(func() {
			defer guard.Rescue()
			l.refresh(ctx, imdsFlag, run, links)
		})
	} else {
		l.source(diag.FeedHost, func() error {
			l.host.Read(ctx)
			return nil
		})
	}
	asked := make(chan struct{})
	l.source(diag.FeedIMDS, func() error {
		defer close(asked)
		l.metadata(ctx, imdsFlag)
		return nil
	})
	l.settled = make(chan struct{})
	l.source(diag.FeedLease, func() error {
		defer close(l.settled)
		once, cancel := context.WithTimeout(ctx, settleWithin)
		defer cancel()
		l.leases(root, links)
		select {
		case <-asked:
		case <-once.Done():
		}
		l.Wait(once.Done(), func(s *diag.State) bool {
			return s.Complete(diag.FeedNetlink) && s.Feeds[diag.FeedHost].State != "" && s.Feeds[diag.FeedFrames].State != "" && s.Feeds[diag.FeedDrops].State != ""
		})
		l.selections(run)
		return nil
	})
	l.wg.Go(func() {
		defer guard.Rescue()
		l.follow(ctx, run)
	})
	return ctx.Err()
}

// settle waits until what the checks rest on is known, as far as it will be: the sources that answer
// once have answered or had their time.
func (l *live) settle(ctx context.Context) {
	select {
	case <-l.settled:
	case <-ctx.Done():
	}
}

// How often a session that stays tells the time, and how often it asks again what announces no
// change: a newly assigned address, a renewed lease, another choice of route.
const tickEvery, askAgainEvery = time.Second, 30 * time.Second

func (l *live) refresh(ctx context.Context, imdsFlag string, run diag.Run, links []diag.Link) {
	tick, again := time.NewTicker(tickEvery), time.NewTicker(askAgainEvery)
	defer tick.Stop()
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.Emit(diag.Tick{})
		case <-again.C:
			l.metadata(ctx, imdsFlag)
			l.leases(os.DirFS("/"), links)
			l.selections(run)
		}
	}
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
		l.Look(func(s *diag.State) { ec2 = why.Recognise(s).Name == "aws" })
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

// choiceRests is how long what the kernel's choice rests on is left to change on, before it is asked.
const choiceRests = 100 * time.Millisecond

// follow asks the kernel for its choices anew whenever addresses, routes or rules have changed: a lease
// that comes a moment late makes another of them.
func (l *live) follow(ctx context.Context, run diag.Run) {
	changed := make(chan struct{}, 1)
	defer l.Watch(func(e diag.Event) {
		switch e.Body.(type) {
		case diag.Address, diag.Route, diag.PolicyRule:
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	})()
	select {
	case <-ctx.Done():
		return
	case <-l.settled:
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		if !pause(ctx, choiceRests) {
			return
		}
		l.choices(run)
	}
}

// sourcesAsked bounds for how many of an interface's addresses the kernel is asked by which way it
// would send from them.
const sourcesAsked = 16

// selections asks the kernel how it would reach what the checks are about to ask, left to itself and,
// beyond the router, from each address that an application may bind to.
func (l *live) selections(run diag.Run) {
	var bound []netip.Addr
	l.Look(func(s *diag.State) {
		for _, iface := range run.Interfaces {
			n := 0
			for _, a := range s.AddressesOn(iface) {
				if a.Fact.Flags.Usable() && !a.Fact.Address.IsLinkLocalUnicast() && n < sourcesAsked {
					n++
					bound = append(bound, a.Fact.Address)
				}
			}
		}
	})
	for _, dst := range run.Internet {
		for _, from := range bound {
			l.choose(dst, from)
		}
	}
	l.choices(run)
}

// choices asks the kernel how it would reach what the checks are about to ask, left to itself.
func (l *live) choices(run diag.Run) {
	for _, dst := range slices.Concat(run.Internet, run.Peers) {
		if dst.IsLinkLocalUnicast() {
			continue
		}
		l.choose(dst, netip.Addr{})
	}
}

// choose asks the kernel how it would reach dst, and says so unless that is known.
func (l *live) choose(dst, from netip.Addr) {
	now, known := kernel.Route(dst, from, ""), false
	l.Look(func(s *diag.State) {
		was, ok := s.Selections[diag.SelectionKey{Dst: now.Dst, From: now.From, Bound: now.Bound}]
		known = ok && was == now
	})
	if !known {
		l.Emit(now)
	}
}

// close ends the sources and what is kept, and returns what went wrong with that: warn was told.
func (l *live) close() error {
	l.once.Do(func() {
		l.cancel()
		l.wg.Wait()
		l.closed = l.end(l.Session)
	})
	return l.closed
}

// chooseInterfaces returns the interfaces to examine, by name: those asked for, those that zones
// name, the one that the default route says, or else the only one there is, up or not: that it is down
// is what is to be told.
func chooseInterfaces(ctx context.Context, asked, zones []string) ([]diag.Link, error) {
	survey, err := kernel.Look(ctx)
	if err != nil {
		return nil, err
	}
	asked = append(slices.Clone(asked), zones...)
	if len(asked) == 0 {
		name, err := kernel.DefaultInterface(survey.Links, survey.Routes, survey.Default4)
		var none *kernel.InterfaceError
		if errors.As(err, &none) && none.Interface == "" && len(none.Others) == 1 {
			i := slices.IndexFunc(survey.Links, func(l diag.Link) bool { return l.Ethernet && !l.Gone })
			name, err = survey.Links[i].Interface, nil
		}
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
	diag.SortFunc(links, func(a, b diag.Link) int { return cmp.Compare(a.Interface, b.Interface) })
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
