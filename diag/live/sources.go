package live

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/drops"
	"ndwhy/diag/guard"
	"ndwhy/diag/host"
	"ndwhy/diag/imds"
	"ndwhy/diag/kernel"
	"ndwhy/diag/lease"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// source runs one source of events until ctx ends; a panic in it becomes a lost feed.
func (l *Session) source(name diag.FeedName, run func() error) {
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

func (l *Session) start(ctx context.Context, o Options) error {
	run, links := o.Run, o.Links
	l.Emit(run)
	l.source(diag.FeedDrops, func() error { return drops.Follow(ctx, sifted{l}, run.Interfaces) })
	tap, err := capture.Open(run.Interfaces)
	reader, rerr := kernel.Open(kernel.Options{PollCounters: err != nil, Interfaces: run.Interfaces})
	if rerr != nil {
		return rerr
	}
	if err != nil {
		l.Emit(capture.Missing(err))
	} else {
		l.tap = tap
		l.source(diag.FeedFrames, func() error { return tap.Run(ctx, sifted{l}) })
	}
	l.Watch(askUnannounced(reader))
	l.source(diag.FeedNetlink, func() error { return reader.Run(ctx, l) })

	root := os.DirFS("/")
	l.host = host.New(l, root, links)
	l.host.Ends = kernel.Ends
	l.flows = kernel.NewFlows(l)
	if o.Stay {
		l.source(diag.FeedFlows, func() error {
			l.flows.Watch(ctx)
			return nil
		})
		l.source(diag.FeedHost, func() error {
			l.host.Watch(ctx)
			return nil
		})
		l.wg.Go(func() {
			defer guard.Rescue()
			l.refresh(ctx, o)
		})
	} else {
		l.source(diag.FeedFlows, func() error {
			l.flows.Read()
			return nil
		})
		l.source(diag.FeedHost, func() error {
			l.host.Read(ctx)
			return nil
		})
	}
	asked := make(chan struct{})
	l.source(diag.FeedIMDS, func() error {
		defer close(asked)
		l.metadata(ctx, o.IMDS)
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
			if !s.Complete(diag.FeedNetlink) {
				return false
			}
			for _, name := range [...]diag.FeedName{diag.FeedHost, diag.FeedFlows, diag.FeedFrames, diag.FeedDrops} {
				if s.Feeds[name].State == "" {
					return false
				}
			}
			return true
		})
		l.selections(run)
		return nil
	})
	l.wg.Go(func() {
		defer guard.Rescue()
		l.follow(ctx)
	})
	again := time.Duration(0)
	if o.Stay {
		again = againAfter
	}
	for _, command := range o.Far {
		l.wg.Go(func() {
			defer guard.Rescue()
			l.hear(ctx, command, again)
		})
	}
	return ctx.Err()
}

// How often a session that stays tells the time, and how often it asks again what announces no
// change: a newly assigned address, a renewed lease, another choice of route.
const tickEvery, askAgainEvery = time.Second, 30 * time.Second

func (l *Session) refresh(ctx context.Context, o Options) {
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
			l.metadata(ctx, o.IMDS)
			l.leases(os.DirFS("/"), o.Links)
			l.selections(o.Run)
		}
	}
}

// askUnannounced returns a watcher that has read of the kernel what it does not announce: the entry of a neighbour when a
// solicitation leaves, for there is no word of INCOMPLETE, and the routes when an advertisement comes, which may renew one.
func askUnannounced(reader *kernel.Reader) func(diag.Event) {
	return func(e diag.Event) {
		switch f, ok := e.Body.(diag.Frame); {
		case !ok:
		case f.Out && f.Type == diag.NS && !f.Src.IsUnspecified():
			reader.Ask(f.Interface, f.Target)
		case !f.Out && f.Type == diag.RA && f.Bad == "":
			reader.AskRoutes()
		}
	}
}

// metadata asks the instance metadata service where there should be one.
func (l *Session) metadata(ctx context.Context, endpoint string) {
	endpoints := imds.Endpoints
	switch endpoint {
	case "none":
		l.Emit(diag.Metadata{State: diag.MetadataNotAsked, Why: words.Say("imds.turned-off")})
		return
	case "":
		// What the machine calls itself is among the first things the host's facts say.
		l.Wait(ctx.Done(), func(s *diag.State) bool { return s.Feeds[diag.FeedHost].State != "" })
		var ec2 bool
		l.Look(func(s *diag.State) { ec2 = why.OnEC2(s) })
		if !ec2 {
			l.Emit(diag.Metadata{State: diag.MetadataNotAsked, Why: words.Say("imds.not-ec2")})
			return
		}
	default:
		endpoints = []string{endpoint}
	}
	l.Emit(imds.Read(ctx, imds.Options{Endpoints: endpoints}))
}

// leases reads what DHCPv6 clients of this host recorded.
func (l *Session) leases(root fs.FS, links []diag.Link) {
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
func (l *Session) follow(ctx context.Context) {
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
		select {
		case <-ctx.Done():
			return
		case <-time.After(choiceRests):
		}
		var run diag.Run
		l.Look(func(s *diag.State) { run = s.Run })
		l.choices(run)
	}
}

// selections asks the kernel how it would reach what the checks are about to ask, left to itself and,
// beyond the router, from each address that an application may bind to.
func (l *Session) selections(run diag.Run) {
	l.choices(run)
	var bound []netip.Addr
	l.Look(func(s *diag.State) {
		for _, iface := range run.Interfaces {
			for _, a := range s.LinkOf(iface).Sources(func(netip.Addr) bool { return false }) {
				if !a.Address.IsLinkLocalUnicast() {
					bound = append(bound, a.Address)
				}
			}
		}
	})
	for _, dst := range run.Internet {
		for _, from := range bound {
			l.choose(dst, from)
		}
	}
}

// choices asks the kernel how it would reach what the checks are about to ask, left to itself.
func (l *Session) choices(run diag.Run) {
	for _, dst := range slices.Concat(run.Internet, run.Peers) {
		if dst.IsLinkLocalUnicast() {
			continue
		}
		l.choose(dst, netip.Addr{})
	}
}

// choose asks the kernel how it would reach dst, and says so unless that is known.
func (l *Session) choose(dst, from netip.Addr) {
	now, known := kernel.Route(dst, from, ""), false
	l.Look(func(s *diag.State) {
		was, ok := s.Selections[diag.SelectionKey{Dst: now.Dst, From: now.From, Bound: now.Bound}]
		known = ok && was == now
	})
	if !known {
		l.Emit(now)
	}
}
