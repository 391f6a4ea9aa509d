// Package kernel reads what Linux knows of IPv6 by rtnetlink: links, addresses, routes, policy rules
// and the neighbour cache. It needs no privilege, never changes anything and sends no packet. It
// knows no namespaces: it reads the one that the process is in.
package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/guard"

	"golang.org/x/sys/unix"
)

// Options configures a Reader.
type Options struct {
	// PollCounters makes up for a missing tap: the kernel announces no INCOMPLETE entry, but counts
	// the solicitations it sends, per interface.
	PollCounters bool
	// Interfaces are those whose counters are polled. Everything else is read of all interfaces.
	Interfaces []string
}

// How often the kernel is asked besides what it announces.
const (
	// refreshEvery is for what changes without a word: entries that became INCOMPLETE, and the
	// expiry of a route that an advertisement renewed.
	refreshEvery = 5 * time.Second
	// routesEvery is how soon the routes are read again where somebody asks for them.
	routesEvery = 100 * time.Millisecond
	// countersEvery is for Icmp6OutNeighborSolicits.
	countersEvery = 200 * time.Millisecond
	// resyncPause lies between two attempts to read the tables again.
	resyncPause = time.Second
)

// Shares of the time that may go into asking: a dump waits for so many times what the last took.
// 100,000 neighbours take the kernel 49 ms, which five times a second would be a quarter of a core.
const (
	countersShare = 20
	tableShare    = 300
)

// asksMax is how many entries are asked for one by one; more are cheaper to dump.
const asksMax = 256

// groups are the multicast groups that announce what a Reader mirrors.
var groups = []uint{
	unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE,
}

// A Reader follows the kernel's tables. Ask may be called from anywhere; the rest belongs to the
// goroutine that calls Run.
type Reader struct {
	opt    Options
	query  *socket // for requests
	mirror *mirror

	mu     sync.Mutex
	follow *socket // for notifications
	asked  map[question]struct{}
	routes bool // are asked for
	woken  bool
	closed bool

	counters []counter
	neighboursAt,
	routesAt,
	countersAt time.Time // when each is due
	routesNot time.Time // they are not read before, whoever asks
}

// A question is an entry of the neighbour cache that somebody wants to know of.
type question struct {
	iface string
	addr  netip.Addr
}

// Open subscribes to the kernel's tables. Close or Run ends the subscription.
func Open(opt Options) (*Reader, error) {
	follow, err := dial(groups...)
	if err != nil {
		return nil, err
	}
	query, err := dial()
	if err != nil {
		follow.close()
		return nil, err
	}
	r := &Reader{opt: opt, query: query, follow: follow, asked: map[question]struct{}{}}
	if opt.PollCounters {
		for _, iface := range opt.Interfaces {
			r.counters = append(r.counters, newCounter(iface))
		}
	}
	return r, nil
}

// Close ends a Reader that is not running.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.follow.close()
	r.query.close()
}

// Ask has the entry of an address in an interface's neighbour cache looked up soon, and emitted if it
// differs from what was last emitted: the kernel does not announce that it started to resolve. Ask
// never blocks and never emits itself, so it may be called from inside Session.Watch.
func (r *Reader) Ask(iface string, addr netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.asked) <= asksMax { // beyond that the whole table will be read
		r.asked[question{iface, addr.WithZone("")}] = struct{}{}
	}
	r.wake()
}

// AskRoutes has the routes read again soon, and those emitted that have changed: where an advertisement renews one, the
// kernel announces nothing, not even of one that had run out (net/ipv6/ndisc.c, ndisc_router_discovery). It keeps to
// what is said at Ask.
func (r *Reader) AskRoutes() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routes = true
	r.wake()
}

// wake makes the receive of Run return. r.mu is held.
func (r *Reader) wake() {
	r.woken = true
	_ = r.follow.file.SetReadDeadline(time.Unix(1, 0))
}

// Run emits all that the kernel has, then that FeedNetlink is synced, then every change, until ctx
// ends, when it returns nil. Where notifications were lost or a table could not be read whole it
// emits that the feed is lost, and why; then what had changed, and that it is synced again. The
// error is that the Reader was closed before. Run closes it.
func (r *Reader) Run(ctx context.Context, sink diag.Sink) error {
	r.mu.Lock()
	closed := r.closed
	r.mu.Unlock()
	if closed {
		return fmt.Errorf("rtnetlink: run: %w", os.ErrClosed)
	}
	defer r.Close()
	stop := context.AfterFunc(ctx, func() {
		defer guard.Rescue()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.wake()
	})
	defer stop()
	r.mirror = newMirror(func(b diag.Body) { sink.Emit(b) }, r.link)
	r.resync(ctx, sink)
	for ctx.Err() == nil {
		datagrams, err := r.next(ctx)
		r.stamp()
		for m := range messages(datagrams) {
			r.mirror.apply(m)
		}
		if err == nil {
			err = r.answer(ctx)
		}
		if err == nil {
			err = r.refresh(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.lost(sink, err)
			r.resync(ctx, sink)
		}
	}
	return nil
}

// stamp sets the clocks of the mirror.
func (r *Reader) stamp() {
	var up unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &up) == nil {
		r.mirror.uptime = uint32(up.Nano() / int64(time.Second/userHZ))
	}
	r.mirror.now = time.Now()
}

// next waits for notifications, a question, the next thing due or the end of ctx.
func (r *Reader) next(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	wait := !r.woken && len(r.asked) == 0 && ctx.Err() == nil
	r.woken = false
	due := r.neighboursAt
	routesAt := r.routesAt
	if r.routes && r.routesNot.Before(routesAt) {
		routesAt = r.routesNot
	}
	if routesAt.Before(due) {
		due = routesAt
	}
	if len(r.counters) > 0 && r.countersAt.Before(due) {
		due = r.countersAt
	}
	err := r.follow.file.SetReadDeadline(due)
	r.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("rtnetlink: %w", err)
	}
	datagrams, err := r.follow.receive(wait)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return datagrams, nil
	}
	if err != nil {
		return datagrams, fmt.Errorf("rtnetlink: receive: %w", err)
	}
	return datagrams, nil
}

func (r *Reader) lost(sink diag.Sink, err error) {
	why := err.Error()
	if errors.Is(err, unix.ENOBUFS) {
		why = "the kernel changed its tables faster than they could be read (rtnetlink: ENOBUFS)"
	}
	sink.Emit(diag.Feed{Name: diag.FeedNetlink, State: diag.Lost, Why: why})
}

// resync reads every table until that works, and says that the feed is synced. After a loss the
// subscription starts anew before, so that what comes by it is younger than the tables.
func (r *Reader) resync(ctx context.Context, sink diag.Sink) {
	for again := r.mirror.turn > 0; ctx.Err() == nil; again = true {
		var err error
		if again {
			err = r.resubscribe()
		}
		if err == nil {
			err = r.read(ctx)
		}
		if err == nil {
			sink.Emit(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced})
			return
		}
		if ctx.Err() != nil {
			return
		}
		r.lost(sink, err)
		select {
		case <-ctx.Done():
		case <-time.After(resyncPause):
		}
	}
}

func (r *Reader) resubscribe() error {
	follow, err := dial(groups...)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow.close()
	r.follow = follow
	return nil
}

// read brings the mirror up to all of the kernel's tables.
func (r *Reader) read(ctx context.Context) error {
	for t := range tables {
		if err := r.table(ctx, t, 0); err != nil {
			return err
		}
	}
	now := time.Now()
	r.neighboursAt, r.routesAt, r.countersAt = now.Add(refreshEvery), now.Add(refreshEvery), now
	return r.settle()
}

// table brings the mirror up to one table, or, with an index, to an interface's share of it.
func (r *Reader) table(ctx context.Context, t table, index int) error {
	r.stamp()
	return uninterrupted(ctx, func() (err error) {
		r.mirror.begin(t)
		switch t {
		case links:
			err = r.query.dump(ctx, dumpLinks(), r.mirror.apply)
		case addresses:
			err = r.query.dump(ctx, dumpAddresses(), r.mirror.apply)
		case routes:
			err = r.query.dump(ctx, dumpRoutes(unix.AF_INET6), r.mirror.apply)
		case rules:
			err = r.query.dump(ctx, dumpRules(), r.mirror.apply)
		case neighbours:
			err = r.query.dump(ctx, dumpNeighbours(index, false), r.mirror.apply)
			if err == nil {
				err = r.query.dump(ctx, dumpNeighbours(index, true), r.mirror.apply)
			}
		}
		if err == nil {
			r.mirror.end(t, index)
		}
		return err
	})
}

// settle applies what was announced while the kernel was asked. Such news may be older than the
// answer, so the entries it names are asked for once more: without that an entry which became
// INCOMPLETE, of which there is no news, would be taken for gone.
func (r *Reader) settle() error {
	const most = 64 // beyond that the table is in motion, and the next refresh puts it right
	touched := map[neighbourKey]struct{}{}
	for range most {
		datagrams, err := r.follow.receive(false)
		if err != nil {
			return fmt.Errorf("rtnetlink: receive: %w", err)
		}
		if len(datagrams) == 0 {
			break
		}
		r.stamp()
		for m := range messages(datagrams) {
			r.mirror.apply(m)
			if m.kind != unix.RTM_NEWNEIGH && m.kind != unix.RTM_DELNEIGH || len(touched) > most {
				continue
			}
			if n, ok := parseNeighbour(m.data); ok {
				touched[n.key] = struct{}{}
			}
		}
	}
	if len(touched) > most {
		return nil
	}
	for key := range touched {
		if err := r.entry(key); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return err
		}
	}
	return nil
}

// entry brings the mirror up to one entry of the neighbour cache. unix.EOPNOTSUPP says that this
// kernel cannot be asked so.
func (r *Reader) entry(key neighbourKey) error {
	err := r.query.ask(getNeighbour(key), r.mirror.apply)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV):
		r.mirror.applyNeighbour(neighbour{key: key}, true)
		return nil
	default:
		return err
	}
}

// answer looks up what Ask was called with.
func (r *Reader) answer(ctx context.Context) error {
	r.mu.Lock()
	asked := r.asked
	if len(asked) > 0 {
		r.asked = map[question]struct{}{}
	}
	r.mu.Unlock()
	if len(asked) == 0 {
		return nil
	}
	if len(asked) > asksMax {
		return r.neighbours(ctx, 0)
	}
	for q := range asked {
		index, ok := r.mirror.index(q.iface)
		if !ok {
			continue
		}
		err := r.entry(neighbourKey{index: int32(index), addr: q.addr.As16()})
		if errors.Is(err, unix.EOPNOTSUPP) {
			return r.neighbours(ctx, 0)
		}
		if err != nil {
			return err
		}
	}
	return r.settle()
}

// neighbours reads the neighbour cache, or an interface's share of it.
func (r *Reader) neighbours(ctx context.Context, index int) error {
	if err := r.table(ctx, neighbours, index); err != nil {
		return err
	}
	return r.settle()
}

// refresh asks for what is due.
func (r *Reader) refresh(ctx context.Context) error {
	now := time.Now()
	if len(r.counters) > 0 && !now.Before(r.countersAt) {
		for i := range r.counters {
			index, ok := r.mirror.index(r.counters[i].iface)
			if !ok || !r.counters[i].rose() {
				continue
			}
			if err := r.neighbours(ctx, index); err != nil {
				return err
			}
		}
		r.countersAt = now.Add(max(countersEvery, countersShare*time.Since(now)))
	}
	if !now.Before(r.neighboursAt) {
		start := time.Now()
		if err := r.neighbours(ctx, 0); err != nil {
			return err
		}
		r.neighboursAt = start.Add(max(refreshEvery, tableShare*time.Since(start)))
	}
	if r.routesDue(now) {
		start := time.Now()
		if err := r.table(ctx, routes, 0); err != nil {
			return err
		}
		took := time.Since(start)
		r.routesAt, r.routesNot = start.Add(max(refreshEvery, tableShare*took)), start.Add(max(routesEvery, countersShare*took))
	}
	return nil
}

// routesDue reports whether the routes are to be read now, because it is time or because somebody asks.
func (r *Reader) routesDue(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := !now.Before(r.routesAt) || r.routes && !now.Before(r.routesNot)
	if due {
		r.routes = false
	}
	return due
}

// link asks for an interface that is not in the mirror yet.
func (r *Reader) link(index int) (l diag.Link, ok bool) {
	// The query socket may be in the middle of a dump, whose rows would be taken for the answer.
	s, err := dialBriefly(unix.NETLINK_ROUTE)
	if err != nil {
		return l, false
	}
	defer s.close()
	l, err = s.link("", index)
	return l, err == nil
}
