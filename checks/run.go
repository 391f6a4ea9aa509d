package checks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/words"
)

// Fix is the line that gives the program its privileges.
const Fix = "sudo setcap cap_net_raw,cap_net_admin=p $(command -v ndwhy)"

// settleTime gathers what is learnt at about the same time into one round of planning.
const settleTime = 2 * time.Millisecond

// planShare is how many times longer than planning took the next round of it is put off.
const planShare = 20

// A run is one execution of the checks.
type run struct {
	Runner
	spec           diag.Run
	post           *post
	pace           *pacer
	ledger         *ledger
	count          int
	interval, wait time.Duration

	lanes []*lane // all that there were, but those of claims
	lossy atomic.Bool
	open  atomic.Int32 // lanes under way
	seq   atomic.Uint32

	mu      sync.Mutex
	sockets map[socketKey]*openSocket
	macs    map[diag.InterfaceAddr]diag.MAC
	gates   map[Lane]*gate
	claims  map[diag.InterfaceAddr]*claim
	ifaces  map[string]*ifaceRun
	denied  *Denied
	broke   map[diag.CheckKey]string
	ids     map[uint16]bool
}

type socketKey struct {
	iface   string
	source  netip.Addr
	service Service // empty: for echoes
}

type openSocket struct {
	once sync.Once
	sock Asker
	err  error
}

// An ifaceRun ends everything on an interface when that vanishes.
type ifaceRun struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Run asks what the state's Run wants to know and returns when every question is settled, or ctx
// has ended: what is open then is reported as skipped. Nothing of what it changed on the host is
// left behind. The error is ctx's, unless that ended by its deadline, which is no error.
func Run(ctx context.Context, runner Runner) error {
	r := &run{
		Runner:  runner,
		sockets: map[socketKey]*openSocket{},
		macs:    map[diag.InterfaceAddr]diag.MAC{},
		gates:   map[Lane]*gate{},
		claims:  map[diag.InterfaceAddr]*claim{},
		ifaces:  map[string]*ifaceRun{},
		broke:   map[diag.CheckKey]string{},
		ids:     map[uint16]bool{},
	}
	r.Session.Look(func(s *diag.State) { r.spec = s.Run })
	r.count = max(1, r.spec.Count)
	r.interval = time.Duration(max(1, r.spec.IntervalMS)) * time.Millisecond
	r.wait = time.Duration(max(1, r.spec.WaitMS)) * time.Millisecond
	r.pace, r.ledger = newPacer(packetBound(r.spec)), newLedger()
	r.seq.Store(rand.Uint32N(1 << 15))
	if r.begin() {
		r.post = newPost(r.gone)
		stop := r.Session.Watch(func(e diag.Event) {
			if f, ok := e.Body.(diag.Frame); ok && f.Out && f.Type == diag.NS && r.ledger.unpaid(f) {
				r.pace.charge(1)
			}
			r.post.see(e)
		})
		for _, iface := range r.spec.Interfaces {
			c, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			r.ifaces[iface] = &ifaceRun{c, cancel}
		}
		r.awaitAddresses(ctx)
		prior := r.ask(ctx)
		for _, l := range r.lanes {
			if l.serves() {
				l.drain()
				l.publish(true)
				r.post.unsubscribe(l.in)
			}
		}
		r.endClaims()
		stop()
		r.closeSockets()
		r.end(ctx, prior)
	}
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// awaitAddresses gives addresses that are under duplicate address detection the time to become
// usable: an instance that has just been configured is no broken one.
func (r *run) awaitAddresses(ctx context.Context) {
	end := time.Now().Add(dadTime)
	for {
		pending := false
		r.Session.Look(func(s *diag.State) {
			for k, a := range s.Addresses {
				pending = pending || r.ifaces[k.Interface] != nil && s.Links[k.Interface].Carrier && !a.Fact.Flags.Usable() && a.Fact.Flags&diag.DADFailed == 0
			}
		})
		left := time.Until(end)
		if !pending || left <= 0 {
			return
		}
		wait, cancel := context.WithTimeout(ctx, left)
		select {
		case <-r.post.learnt:
		case <-wait.Done():
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
	}
}

// begin reports every check as running or skipped, and whether any is running.
func (r *run) begin() bool {
	some := false
	var list []diag.Check
	r.Session.Look(func(s *diag.State) {
		for _, iface := range r.spec.Interfaces {
			for _, c := range All {
				check := standing(s, c, iface)
				if check.State == diag.CheckRunning {
					some = true
				}
				list = append(list, check)
			}
		}
	})
	for _, c := range list {
		r.Session.Emit(c)
	}
	return some
}

// standing says whether a check can run on an interface, and what is missing if it cannot.
func standing(s *diag.State, c Check, iface string) diag.Check {
	check := diag.Check{ID: c.ID, Interface: iface, State: diag.CheckSkipped}
	link, ok := s.Links[iface]
	switch {
	case s.Run.Passive:
		check.Why, check.User = words.Say("skipped.passive"), true
	case !wanted(s.Run, c.ID):
		check.Why, check.User = words.Say("skipped.user"), true
	case c.ID == idAdded && s.Run.Add != diag.AddClaim && s.Run.Add != diag.AddKernel:
		check.Why, check.User = words.Say("skipped.add-none"), true
	case c.ID == idInternet && s.Run.InternetOff:
		check.Why, check.User = words.Say("skipped.internet-none"), true
	case !ok:
		check.Why = words.Say("skipped.no-interface", "interface", iface)
	case !link.Ethernet:
		check.Why = words.Say("skipped.no-nd", "interface", iface)
	case !link.Up:
		check.Why = words.Say("skipped.down", "interface", iface)
	case c.ID == idHost && s.Feeds[diag.FeedHost].State != diag.Synced && s.Feeds[diag.FeedHost].State != diag.Lost:
		check.Why, check.Fix = s.Feeds[diag.FeedHost].Why, s.Feeds[diag.FeedHost].Fix
	case c.Needs == NeedsNetRaw && s.Feeds[diag.FeedFrames].State != diag.Synced:
		feed := s.Feeds[diag.FeedFrames]
		check.Why, check.Fix = lack(feed, "skipped.no-raw")
	case c.NeedsAdmin && s.Run.Add == diag.AddKernel && s.Feeds[diag.FeedAdmin].State == diag.Unavailable:
		check.Why, check.Fix = lack(s.Feeds[diag.FeedAdmin], "skipped.no-admin")
	default:
		check.State = diag.CheckRunning
	}
	return check
}

func lack(feed diag.Feed, key string) (why, fix string) {
	why, fix = feed.Why, feed.Fix
	if why == "" {
		why = words.Say(key)
	}
	if fix == "" {
		fix = Fix
	}
	return why, fix
}

// maxCrowd is how many peers are asked at the same time: enough that silent ones leave no packet of
// the pace unused, few enough that the first of a long list are told when time is up.
const maxCrowd = 96

// crowds reports whether there may be a thousand questions like this one.
func (q Question) crowds() bool { return q.Check == idPeerND || q.Check == idPeerEcho }

// ask plans and asks in rounds until nothing new is to be learnt. It returns what was planned.
func (r *run) ask(ctx context.Context) []Question {
	var (
		prior   []Question
		running = map[Lane]bool{}
		queued  = map[Lane][]Question{}
		crowd   []Lane // peers that wait until others are done; their questions are queued
		inside  = 0    // lanes of the crowd under way
		active  = 0
		ended   = make(chan *lane)
		second  = false
	)
	start := func(key Lane, list []Question) {
		l := r.newLane(key, list)
		running[key] = true
		active++
		q := list[0]
		switch {
		case !q.Candidate.IsValid():
		case q.Asks == diag.AsksDAD:
			c := r.newClaim(l)
			go func() {
				defer guard.Rescue()
				c.hold(func() {
					r.open.Add(-1)
					ended <- l
				})
			}()
			return // it keeps its lane to itself until it ends
		default:
			l.candidate = diag.InterfaceAddr{Interface: key.Interface, Address: q.Candidate}
		}
		r.lanes = append(r.lanes, l)
		go func() {
			defer guard.Rescue()
			l.run(r.ifaces[key.Interface].ctx)
			r.open.Add(-1)
			ended <- l
		}()
	}
	next := func(key Lane) {
		list := queued[key]
		delete(queued, key)
		if list[0].crowds() {
			inside++
		}
		start(key, list)
	}
	admit := func(limit int) {
		for ; len(crowd) > 0 && inside < limit; crowd = crowd[1:] {
			next(crowd[0])
		}
	}
	end := func(l *lane) {
		active--
		running[l.key] = false
		if l.tallies[0].q.crowds() {
			inside--
		}
		if len(queued[l.key]) > 0 {
			r.open.Add(1)
			next(l.key)
		}
	}
	// gather lets what is learnt within a while come together. What may go on without a plan does.
	gather := func(while time.Duration) {
		over := time.After(while)
		for active > 0 {
			select {
			case l := <-ended:
				end(l)
				admit(maxCrowd)
			case <-over:
				return
			case <-ctx.Done():
				return
			}
		}
	}
	for {
		begun := time.Now()
		fresh := r.plan(ctx, prior)
		// With a thousand peers a round of planning takes milliseconds: a small share of the time.
		pause := max(settleTime, planShare*time.Since(begun))
		prior = append(prior, fresh...)
		byLane, order := map[Lane][]Question{}, []Lane{}
		for _, q := range fresh {
			if !q.Planned() {
				r.Session.Emit(q.Path)
				continue
			}
			if byLane[q.Lane()] == nil {
				order = append(order, q.Lane())
			}
			byLane[q.Lane()] = append(byLane[q.Lane()], q)
		}
		for _, key := range order {
			r.gate(key)
		}
		for _, key := range order {
			list := byLane[key]
			switch {
			case running[key]:
				queued[key] = append(queued[key], list...)
			case list[0].crowds():
				running[key], queued[key] = true, list
				crowd = append(crowd, key)
				r.open.Add(1)
			default:
				r.open.Add(1)
				start(key, list)
			}
		}
		admit(maxCrowd)
		if active == 0 {
			if ctx.Err() != nil || second || !r.lossy.Load() {
				return prior
			}
			second = true
			r.askAgain(ctx)
			continue
		}
		select {
		case l := <-ended:
			end(l)
			if pause > settleTime {
				gather(pause)
			}
		case <-r.post.learnt:
			gather(pause)
		case <-ctx.Done():
			for admit(len(crowd) + inside); active > 0; {
				end(<-ended)
			}
			return prior
		}
	}
}

// plan makes the next round's questions; what the kernel's routing would do is asked first.
func (r *run) plan(ctx context.Context, prior []Question) []Question {
	for {
		var fresh []Question
		var wants []lookup
		r.Session.Look(func(s *diag.State) {
			p := newPlanner(s, prior)
			fresh, wants = p.run(), p.wants
		})
		asked := map[lookup]bool{}
		for _, want := range wants {
			if asked[want] {
				continue
			}
			asked[want] = true
			sel := r.Net.Route(want.iface, want.dst)
			sel.Dst, sel.From, sel.Bound = want.dst, netip.Addr{}, want.iface
			r.Session.Emit(sel)
		}
		if len(wants) == 0 || ctx.Err() != nil {
			return fresh
		}
	}
}

func (r *run) newLane(key Lane, list []Question) *lane {
	l := &lane{r: r, key: key, in: newInbox(), hop: key.Target, published: map[string]diag.Path{}, gate: r.gate(key)}
	var own map[netip.Addr]bool
	r.Session.Look(func(s *diag.State) {
		own = map[netip.Addr]bool{}
		for k := range s.Addresses {
			own[k.Address] = true
		}
		l.link = s.Links[key.Interface]
		l.host.Tap = s.Feeds[diag.FeedFrames].State == diag.Synced
	})
	l.host.MAC, l.host.XDP = l.link.MAC, l.link.XDP
	l.host.Own = func(a netip.Addr) bool { return own[a] }
	for _, q := range list {
		if q.NextHop.IsValid() {
			l.hop = q.NextHop
		}
		l.tallies = append(l.tallies, newTally(q, l.host))
	}
	return l
}

// claim returns the claim of a candidate, nil where there is none.
func (r *run) claim(key diag.InterfaceAddr) *claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.claims[key]
}

// askAgain re-asks every silence of the run: loss was seen, so none of them is sure.
func (r *run) askAgain(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, l := range r.lanes {
		if l.silent() && ctx.Err() == nil {
			wg.Go(func() {
				defer guard.Rescue()
				l.again(r.ifaces[l.key.Interface].ctx)
			})
		}
	}
}

// A gate is closed to the lanes that come after a lane until that lets go of its target.
type gate struct {
	once sync.Once
	open chan struct{}
}

func (g *gate) letGo() { g.once.Do(func() { close(g.open) }) }

// gate returns the gate of a lane.
func (r *run) gate(key Lane) *gate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gates[key] == nil {
		r.gates[key] = &gate{open: make(chan struct{})}
	}
	return r.gates[key]
}

// passed waits until a lane has let go, if there is such a lane.
func (r *run) passed(ctx context.Context, key Lane) bool {
	r.mu.Lock()
	g := r.gates[key]
	r.mu.Unlock()
	if g == nil {
		return ctx.Err() == nil
	}
	select {
	case <-g.open:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *run) endClaims() {
	r.mu.Lock()
	claims := r.claims
	r.mu.Unlock()
	for _, c := range claims {
		c.cancel(errEnded)
	}
	for _, c := range claims {
		<-c.ended
	}
}

func (r *run) closeSockets() {
	for _, s := range r.sockets {
		if s.sock != nil {
			_ = s.sock.Close()
		}
	}
}

// end reports how every check that ran has ended.
func (r *run) end(ctx context.Context, prior []Question) {
	var list []diag.Check
	r.Session.Look(func(s *diag.State) {
		for _, iface := range r.spec.Interfaces {
			for _, c := range All {
				key := diag.CheckKey{ID: c.ID, Interface: iface}
				if s.Checks[key].State != diag.CheckRunning {
					continue
				}
				check := diag.Check{ID: c.ID, Interface: iface, State: diag.CheckDone}
				asked, denied, late, planned := 0, 0, 0, 0
				for _, q := range prior {
					if q.Check != c.ID || q.Interface != iface {
						continue
					}
					planned++
					path, ok := s.Path(q.ID)
					switch {
					case !ok:
						late++
					case path.Outcome != diag.OutcomeSkipped:
						asked++
					case path.Detail == DetailNoSocket || path.Detail == DetailNoRaw:
						denied++
					case path.Detail == DetailTimeout || path.Detail == DetailCancelled:
						late++
					}
				}
				switch {
				case r.broke[key] != "":
					check.State, check.Why = diag.CheckSkipped, words.Say("skipped.broken", "why", r.broke[key])
				case asked == 0 && denied > 0 && r.denied != nil:
					check.State, check.Why, check.Fix = diag.CheckSkipped, r.denied.Why, r.denied.Fix
				case asked == 0 && (late > 0 || ctx.Err() != nil && len(prior) == 0):
					check.State, check.Why = diag.CheckSkipped, words.Say("skipped.timeout")
				}
				if planned == 0 && check.State == diag.CheckDone {
					check.Why = nothingToAsk(s, key)
				}
				list = append(list, check)
			}
		}
	})
	for _, c := range list {
		r.Session.Emit(c)
	}
}

// nothing has why a check may have had nothing to ask.
var nothing = map[string]string{
	idRouterND: "detail.no-router", idRouterEcho: "detail.no-router", idPeerND: "detail.no-peer",
	idPeerEcho: "detail.no-peer", idInternet: "detail.no-hosts", idSource: "detail.no-router",
	idDHCPv6: "detail.not-managed", idServices: "detail.no-service",
}

// nothingToAsk says why a check had nothing to ask; "" where that needs no reason.
func nothingToAsk(s *diag.State, key diag.CheckKey) string {
	why := nothing[key.ID]
	if _, heard := managedBy(s, key.Interface); key.ID == idDHCPv6 && !heard {
		why = "detail.no-advertisement"
	}
	if why == "" {
		return ""
	}
	return words.Say(why)
}

// gone ends what is asked on an interface that has vanished. The session calls it, so it only
// passes the word on.
func (r *run) gone(iface string) {
	if i := r.ifaces[iface]; i != nil {
		i.cancel(errGone)
	}
}

// interrupt settles a question that ctx's end left open.
func (r *run) interrupt(ctx context.Context, t *tally) {
	cause := context.Cause(ctx)
	var why *refusal
	switch {
	case errors.As(cause, &why):
		t.skip(why.detail, why.note)
	case errors.Is(cause, errGone):
		t.preset, t.path.Errno = diag.Unsent, "ENODEV"
	case errors.Is(cause, context.DeadlineExceeded):
		t.skip(DetailTimeout, "")
	default:
		t.skip(DetailCancelled, "")
	}
}

// broken remembers that a check came to grief by an error of the program's own.
func (r *run) broken(check, iface string, why any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broke[diag.CheckKey{ID: check, Interface: iface}] = fmt.Sprint(why)
}

// socket returns the socket that asks from a source: one for all targets.
func (r *run) socket(key socketKey) (Asker, error) {
	r.mu.Lock()
	s := r.sockets[key]
	if s == nil {
		s = &openSocket{}
		r.sockets[key] = s
	}
	r.mu.Unlock()
	s.once.Do(func() {
		if key.service != "" {
			s.sock, s.err = r.Net.Inquire(key.iface, key.source, key.service)
		} else {
			s.sock, s.err = r.Net.Listen(key.iface, key.source)
		}
		if denied, ok := errors.AsType[*Denied](s.err); ok {
			r.mu.Lock()
			r.denied = denied
			r.mu.Unlock()
		}
	})
	return s.sock, s.err
}

// groupSeq marks the sequence numbers of echoes to a group. Their replies come from the members' own
// addresses, and from the same socket's id would pass for replies to what was asked of those.
const groupSeq = 1 << 15

func (r *run) nextSeq(target netip.Addr) uint16 {
	seq := uint16(r.seq.Add(1)) &^ groupSeq
	if target.IsMulticast() {
		seq |= groupSeq
	}
	return seq
}

// echoID returns an id for echoes by wire: random, as other programs' raw sockets hear the replies,
// and none twice.
func (r *run) echoID() uint16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if id := uint16(1 + rand.Uint32N(1<<16-1)); !r.ids[id] {
			r.ids[id] = true
			return id
		}
	}
}

func (r *run) learnMAC(iface string, addr netip.Addr, mac diag.MAC) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.macs[diag.InterfaceAddr{Interface: iface, Address: addr}] = mac
}

// macOf returns the link-layer address of a neighbour as it is known from an answer, from the
// kernel's entry or from an advertisement.
func (r *run) macOf(iface string, addr netip.Addr) (mac diag.MAC) {
	key := diag.InterfaceAddr{Interface: iface, Address: addr}
	r.mu.Lock()
	mac = r.macs[key]
	r.mu.Unlock()
	if mac != (diag.MAC{}) {
		return mac
	}
	r.Session.Look(func(s *diag.State) {
		if n, ok := s.Neighbours[key]; ok && n.Fact.State.Resolved() {
			mac = n.Fact.MAC
		} else if router := s.Routers[key]; router != nil {
			mac = router.MAC
		}
	})
	return mac
}

// only reports whether source is the one address of its scope on an interface: then everything on
// this host uses it anyway.
func (r *run) only(iface string, source netip.Addr) (only bool) {
	r.Session.Look(func(s *diag.State) {
		n := 0
		for _, a := range s.AddressesOn(iface) {
			if a.Fact.Flags.Usable() && a.Fact.Address.IsLinkLocalUnicast() == source.IsLinkLocalUnicast() {
				n++
			}
		}
		only = n == 1
	})
	return only
}

// mayAdd reports whether the interface still keeps an address that the kernel prefers to a candidate.
func (r *run) mayAdd(iface string, addr netip.Addr) (may bool) {
	r.Session.Look(func(s *diag.State) {
		p := newPlanner(s, nil)
		p.iface = iface
		may = p.otherOfScope(addr)
	})
	return may
}

// forget deletes the neighbour entry that a candidate's question made.
func (r *run) forget(iface string, addr netip.Addr) {
	if err := r.Net.DelNeighbour(iface, addr); err != nil && errno(err) != "ENOENT" {
		r.broken(idAdded, iface, fmt.Errorf("neighbour entry %s on %s: %w", addr, iface, err))
		return
	}
	r.Session.Emit(diag.Neighbour{Interface: iface, Address: addr, Gone: true})
}

// reasks is how often one silent path may be asked again: less often where so many are on their way
// that there is neither time nor traffic for more.
func (r *run) reasks(ctx context.Context) int {
	deadline, ok := ctx.Deadline()
	if !ok {
		return reasks
	}
	// Every lane is to have its first turn before others have more.
	share := r.pace.room(deadline.Add(-r.wait))/max(1, int(r.open.Load())) - r.count
	return min(reasks, max(0, share))
}

// timeFor reports whether the run lasts until t.
func (r *run) timeFor(ctx context.Context, t time.Time) bool {
	deadline, ok := ctx.Deadline()
	return !ok || deadline.After(t)
}
