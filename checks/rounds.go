package checks

import (
	"cmp"
	"errors"
	"maps"
	"net/netip"
	"time"

	"ndwhy/diag"
)

const (
	// settleTime gathers what is learnt at about the same time into one round of planning.
	settleTime = 2 * time.Millisecond
	// planPause is how much longer each question that there is puts the next round off, and factPause each fact that
	// planning looks at: planning a thousand peers takes milliseconds, and is to take a small share of the time.
	planPause, factPause = 25 * time.Microsecond, 5 * time.Microsecond
	// maxCrowd is how many peers are asked at the same time: enough that silent ones leave no packet of
	// the pace unused, few enough that the first of a long list are told when time is up.
	maxCrowd = 96
)

// rounds is how far the asking has come.
type rounds struct {
	prior   []*Question          // all that were planned
	known   map[identity]bool    // of prior
	ground  *ground              // that was planned on last
	facts   int                  // that planning last looked at
	running map[Lane]bool        // under way, or waiting in the crowd
	queued  map[Lane][]*Question // what comes when the lane has ended
	crowd   []Lane               // peers that wait until others are done; their questions are queued
	inside  int                  // lanes of the crowd under way
	active  int                  // lanes under way
	waiting int                  // those, and those of the crowd that have yet to begin
	ended   int                  // lanes that came to their end
	held    map[Lane]bool        // lanes that keep their targets to themselves
	kept    kept                 // of the lanes that have ended
}

// conduct is the run from its beginning to its end.
func (r *Loop) conduct(t *task) {
	r.awaitTables(t)
	if !r.begin() {
		return
	}
	r.openAll(t)
	r.awaitAddresses(t)
	r.chooseAgain(t)
	begun := r.now
	r.askAll(t)
	if r.forwards() && len(r.spec.Only)+len(r.spec.Now) == 0 {
		t.sleep(begun.Add(listenForwarding))
	}
	for _, l := range r.kept.served {
		l.drain()
		l.publish(true)
		r.unsubscribe(l.in)
	}
	for _, c := range r.claims {
		c.extent.end(errEnded)
	}
	for _, c := range r.claims {
		t.outlast(func() bool { return c.over })
	}
	_ = t.change(func() error {
		for _, s := range r.sockets {
			if s.sock != nil {
				_ = s.sock.Close()
			}
		}
		return nil
	})
	r.conclude()
}

// listenForwarding is how long a run lasts at least on a host that forwards: whoever looks in vain for an address
// behind it solicits once a second (RFC 4861 §10, RETRANS_TIMER), and a run that is over sooner may not hear it.
const listenForwarding = 2500 * time.Millisecond

// forwards reports whether this host does, by an interface that is asked on.
func (r *Loop) forwards() (yes bool) {
	r.Session.Look(func(s *diag.State) {
		for iface := range r.ifaces {
			value, known := s.Sysctl(iface, "forwarding")
			yes = yes || known && value != "0"
		}
	})
	return yes
}

// awaitTables waits until what the kernel has is known, or cannot be: what was so before anything was asked is part of
// what is to be found out, and asking may change it.
func (r *Loop) awaitTables(t *task) {
	known := func() (known bool) {
		r.Session.Look(func(s *diag.State) { known = s.Feeds[diag.FeedNetlink].State != "" })
		return known
	}
	if !r.spec.Passive {
		t.await(known)
	}
}

// openAll opens what frames of our own are sent through. Where that fails, sending will say why.
func (r *Loop) openAll(t *task) {
	tap := false
	r.Session.Look(func(s *diag.State) { tap = s.Feeds[diag.FeedFrames].State == diag.Synced })
	if tap {
		_, _ = ask(t, func() (err error) {
			for _, iface := range r.spec.Interfaces {
				err = errors.Join(err, r.Net.Open(iface))
			}
			return err
		})
	}
}

// awaitAddresses gives addresses that are under duplicate address detection the time to become
// usable: an instance that has just been configured is no broken one.
func (r *Loop) awaitAddresses(t *task) {
	for end := r.now.Add(dadTime); r.now.Before(end) && !t.ended(); {
		pending := false
		r.Session.Look(func(s *diag.State) {
			for k, a := range s.Addresses {
				pending = pending || r.ifaces[k.Interface] != nil && s.Links[k.Interface].Carrier && !a.Fact.Flags.Usable() && a.Fact.Flags&diag.DADFailed == 0
			}
		})
		if !pending {
			return
		}
		r.learnt = false
		t.yield(wait{within: t.within, until: end, ready: func() bool { return r.learnt }})
	}
}

// askAll plans and asks in rounds until nothing new is to be learnt.
func (r *Loop) askAll(t *task) {
	for again := false; ; {
		r.learnt = false
		r.enqueue(r.plan(t))
		pause := settleTime + time.Duration(len(r.prior))*planPause + time.Duration(r.facts)*factPause
		ended := r.ended
		r.admit(maxCrowd)
		switch {
		case r.active > 0:
		case t.ended() || again || !r.lossy:
			return
		default:
			again = true
			r.askAgain(t)
			continue
		}
		if t.await(func() bool { return r.learnt || r.ended > ended }) && !t.ended() {
			// What is learnt within a while comes together.
			t.yield(wait{within: t.within, until: r.now.Add(pause), ready: func() bool { return r.active == 0 }})
		}
		if t.ended() {
			r.admit(len(r.crowd) + r.inside)
			t.outlast(func() bool { return r.active == 0 })
			return
		}
	}
}

// enqueue starts the lanes of new questions, or puts them where their turn comes.
func (r *Loop) enqueue(fresh []*Question) {
	r.prior = append(r.prior, fresh...)
	for _, q := range fresh {
		r.known[q.identity()] = true
	}
	byLane, order := map[Lane][]*Question{}, []Lane{}
	for _, q := range fresh {
		if !q.Planned() {
			r.Session.Emit(q.Path)
			continue
		}
		if byLane[q.Lane()] == nil {
			order = append(order, q.Lane())
			if _, had := r.held[q.Lane()]; !had {
				r.held[q.Lane()] = true
			}
		}
		byLane[q.Lane()] = append(byLane[q.Lane()], q)
	}
	for _, key := range order {
		list := byLane[key]
		if r.running[key] {
			r.queued[key] = append(r.queued[key], list...)
			continue
		}
		r.running[key], r.queued[key] = true, list
		r.waiting++
		if list[0].crowds {
			r.crowd = append(r.crowd, key)
		} else {
			r.begins(key)
		}
	}
}

// admit lets so many of the crowd in at once.
func (r *Loop) admit(limit int) {
	for ; len(r.crowd) > 0 && r.inside < limit; r.crowd = r.crowd[1:] {
		r.begins(r.crowd[0])
	}
}

// begins starts the lane of what is queued for it.
func (r *Loop) begins(key Lane) {
	list := r.queued[key]
	delete(r.queued, key)
	if list[0].crowds {
		r.inside++
	}
	r.active++
	l := r.newLane(key, list)
	within := r.ifaces[key.Interface]
	if list[0].Candidate.IsValid() && list[0].Asks == diag.AsksDAD {
		c := r.newClaim(l)
		r.start(c.extent, func(t *task) {
			c.task = t
			c.hold(func() { r.ends(l) })
		})
		return // it keeps its lane to itself until it ends
	}
	if list[0].Candidate.IsValid() {
		l.candidate = diag.InterfaceAddr{Interface: key.Interface, Address: list[0].Candidate}
	}
	r.start(within, func(t *task) {
		l.task = t
		l.run()
		r.kept.take(l)
		r.ends(l)
	})
}

// ends notes that a lane's questions are settled.
func (r *Loop) ends(l *lane) {
	r.active--
	r.waiting--
	r.ended++
	r.running[l.key] = false
	if l.tallies[0].q.crowds {
		r.inside--
	}
	if len(r.queued[l.key]) > 0 {
		r.running[l.key] = true
		r.waiting++
		r.begins(l.key)
	}
	r.admit(maxCrowd)
}

// plan makes the next round's questions; what the kernel's routing would do is asked first.
func (r *Loop) plan(t *task) []*Question {
	for {
		var fresh []*Question
		var wants []lookup
		r.Session.Look(func(s *diag.State) {
			if !r.ground.holds(s) {
				r.ground = newGround(s)
			}
			p := plannerOn(r.ground, s, r.prior, r.known)
			fresh, wants = p.run(), p.wants
			r.facts = len(s.Addresses) + s.Routes.Len() + len(s.Routers)
		})
		if len(wants) == 0 {
			return fresh
		}
		found, ok := ask(t, func() []diag.Selection { return route(r.Net, wants) })
		if !ok {
			return fresh
		}
		for _, sel := range found {
			r.Session.Emit(sel)
		}
	}
}

// chooseAgain asks the kernel anew what it said in a run before of how it would reach targets by an interface: its
// routes and addresses may be others by now.
func (r *Loop) chooseAgain(t *task) {
	said := map[lookup]diag.Selection{}
	r.Session.Look(func(s *diag.State) {
		for key, sel := range s.Selections {
			if r.ifaces[key.Bound] != nil && !key.From.IsValid() {
				said[lookup{key.Bound, key.Dst}] = sel
			}
		}
	})
	if len(said) == 0 {
		return
	}
	wants := diag.SortedFunc(maps.Keys(said), func(a, b lookup) int {
		return cmp.Or(cmp.Compare(a.iface, b.iface), a.dst.Compare(b.dst))
	})
	found, _ := ask(t, func() []diag.Selection { return route(r.Net, wants) })
	for _, sel := range found {
		if said[lookup{sel.Bound, sel.Dst}] != sel {
			r.Session.Emit(sel)
		}
	}
}

// route asks the kernel each question once.
func route(net Net, wants []lookup) (found []diag.Selection) {
	asked := map[lookup]bool{}
	for _, want := range wants {
		if !asked[want] {
			asked[want] = true
			sel := net.Route(want.iface, want.dst)
			sel.Dst, sel.From, sel.Bound = want.dst, netip.Addr{}, want.iface
			found = append(found, sel)
		}
	}
	return found
}

// askAgain re-asks every silence of the run: loss was seen, so none of them is sure. And it measures the loss.
func (r *Loop) askAgain(t *task) {
	for _, l := range r.kept.again() {
		if t.ended() {
			break
		}
		r.active++
		r.start(r.ifaces[l.key.Interface], func(t *task) {
			l.task = t
			l.again()
			r.active--
		})
	}
	t.outlast(func() bool { return r.active == 0 })
}
