package app

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ndwhy/checks"
	"ndwhy/checks/probe"
	"ndwhy/diag"
	"ndwhy/diag/live"
)

// The pace of a Pulse: who goes away is missed after one beat and the tries of the next.
const (
	beatEvery = time.Second
	beatWaits = 150 * time.Millisecond // for an answer: neighbours are near
	beatTries = 3
	beatMost  = 8 // hosts, one of whose addresses is asked in turn
	beatEach  = 4 // addresses of a MAC: who has more stands for several hosts
	// A silence that the checks then did not find, as where frames get lost, keeps the next from being believed at once.
	doubtFirst = 5 * time.Second
	doubtMost  = time.Minute
)

// A Pulse notices that a neighbour went away, or came back, while nothing is asked: nobody tells this kernel that somebody
// else's link went down. Once a second it sends one echo request to each neighbour that answered the checks' own, in
// frames, so that the neighbour cache stays as it is. What it hears is no event: where that is not what the checks found,
// those that asked the neighbour are run again, and what they find is.
type Pulse struct {
	look func(func(*diag.State))
	send func(iface string, f checks.Frame) error
	run  func(ids []string) error
	stir func()
	id   uint16
	came chan struct{} // an answer

	// Of Beat alone.
	hosts  []*host
	hearts map[diag.InterfaceAddr]*heart // of hosts
	of     int64                         // the run that they are of

	mu    sync.Mutex
	seq   uint16
	waits map[uint16]*heart // by the echo's number
	quiet map[diag.InterfaceAddr]time.Time
}

// A host is a neighbour by all its addresses, as far as they are known.
type host struct {
	hearts []*heart
	turn   int // whose it is
	now    *heart

	doubt    time.Duration
	believed time.Time // not before
}

// A heart is an address of a neighbour.
type heart struct {
	diag.InterfaceAddr
	host     *host
	source   netip.Addr // of ours
	from, to diag.MAC
	checks   []string // that asked it
	answers  bool     // it did when they asked last
	heard    bool     // in this beat; guarded by the Pulse
	asked    bool     // in this beat
}

// NewPulse returns a Pulse that has checks run by run, which returns when they are done, and says by stir that Quiet has
// changed.
func NewPulse(s Looker, run func(ids []string) error, stir func()) *Pulse {
	return &Pulse{
		look: s.Look, run: run, stir: stir, id: uint16(1 + rand.Uint32N(1<<16-1)), came: make(chan struct{}, 1),
		hearts: map[diag.InterfaceAddr]*heart{}, waits: map[uint16]*heart{}, quiet: map[diag.InterfaceAddr]time.Time{},
	}
}

// Live beats on a live session until ctx ends. Where frames can be neither sent nor seen it does nothing.
func (p *Pulse) Live(ctx context.Context, l *live.Session) {
	net := probe.New(l)
	defer net.Close()
	if l.Aside(p.id, p.hear) {
		p.beat(ctx, net.Send)
	}
}

// Quiet is who stopped answering since when, as far as the checks have not yet found out.
func (p *Pulse) Quiet() map[diag.InterfaceAddr]time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.quiet) == 0 {
		return nil
	}
	return maps.Clone(p.quiet)
}

// beat asks every second, but while checks do so.
func (p *Pulse) beat(ctx context.Context, send func(string, checks.Frame) error) {
	p.send = send
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !p.learn() {
			continue
		}
		if !p.round(ctx) {
			return
		}
		p.judge()
	}
}

// learn takes from the last run whom to ask, and reports whether one has ended and none is under way. What is no more this
// host's address is not asked from.
func (p *Pulse) learn() (idle bool) {
	p.look(func(s *diag.State) {
		run, running := lastRun(s)
		if idle = run > 0 && !running; !idle {
			return
		}
		if run != p.of {
			p.of = run
			p.take(s)
		}
		for _, h := range p.hosts {
			h.next(func(h *heart) bool {
				a, configured := s.Addresses[diag.InterfaceAddr{Interface: h.Interface, Address: h.source}]
				return configured && a.Fact.Flags.Usable() && s.Links[h.Interface].MAC == h.from
			})
		}
	})
	return idle
}

// next has another of the host's addresses be asked, of those that can be: now is nil where none can.
func (h *host) next(can func(*heart) bool) {
	h.now = nil
	for range h.hearts {
		h.turn = (h.turn + 1) % len(h.hearts)
		if x := h.hearts[h.turn]; can(x) {
			h.now = x
			return
		}
	}
}

// take finds the neighbours that answered an echo from an address that is to work; of those that did and do no more it
// keeps how they were reached.
func (p *Pulse) take(s *diag.State) {
	was := p.hearts
	p.hosts, p.hearts = nil, map[diag.InterfaceAddr]*heart{}
	near := map[diag.MAC]*host{}
	for _, path := range s.Paths() {
		if path.Asks != diag.AsksEcho || path.TargetClass != diag.TargetPeer && path.TargetClass != diag.TargetRouter ||
			!path.Ours() || path.Via == diag.ViaApp {
			continue
		}
		key := diag.InterfaceAddr{Interface: path.Interface, Address: path.Target}
		answers := path.Outcome == diag.Answered
		if h := p.hearts[key]; h != nil {
			h.answers = h.answers || answers
			continue
		}
		h := was[key]
		if h == nil {
			h = &heart{InterfaceAddr: key, host: &host{}}
		}
		before := h.host
		if answers && len(path.Responders) > 0 {
			h.source, h.from, h.to = path.Source, s.Links[path.Interface].MAC, path.Responders[0].MAC
		}
		if h.from == (diag.MAC{}) || h.to == (diag.MAC{}) {
			continue
		}
		h.host = near[h.to]
		if h.host == nil || len(h.host.hearts) == beatEach || !s.LinkOf(key.Interface).OnLink(key.Address) {
			if len(p.hosts) == beatMost {
				continue
			}
			h.host = &host{doubt: before.doubt, believed: before.believed}
			p.hosts = append(p.hosts, h.host)
			if s.LinkOf(key.Interface).OnLink(key.Address) {
				near[h.to] = h.host
			}
		}
		h.host.hearts = append(h.host.hearts, h)
		h.answers, h.checks = answers, askedBy(s, path)
		p.hearts[key] = h
	}
}

// askedBy are the checks that say something else when this target does: all of them of a router.
func askedBy(s *diag.State, path diag.Path) (ids []string) {
	for _, other := range s.Paths() {
		if other.Check != checks.Added && other.Interface == path.Interface && !slices.Contains(ids, other.Check) &&
			(other.Target == path.Target || path.TargetClass == diag.TargetRouter) {
			ids = append(ids, other.Check)
		}
	}
	return ids
}

// round asks one address of every host, those that should answer and do not a few times. It is false when there is no use
// in going on.
func (p *Pulse) round(ctx context.Context) bool {
	var hearts []*heart
	for _, h := range p.hosts {
		if h.now != nil {
			hearts = append(hearts, h.now)
			h.now.asked, h.now.heard = false, false
		}
	}
	defer func() {
		p.mu.Lock()
		clear(p.waits)
		p.mu.Unlock()
	}()
	for try := range beatTries {
		for _, h := range hearts {
			if try > 0 && (p.has(h) || !h.answers) {
				continue
			}
			err := p.send(h.Interface, p.question(h))
			if _, denied := errors.AsType[*checks.Denied](err); denied {
				return false
			}
			h.asked = err == nil // else the trouble is here, which the kernel tells of
		}
		until := time.NewTimer(beatWaits)
		missing := func(h *heart) bool { return h.asked && (h.answers || try == 0) && !p.has(h) }
		for waiting := true; waiting && slices.ContainsFunc(hearts, missing); {
			select {
			case <-p.came:
			case <-until.C:
				waiting = false
			case <-ctx.Done():
				return false
			}
		}
		until.Stop()
	}
	return true
}

func (p *Pulse) question(h *heart) checks.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	p.waits[p.seq] = h
	return checks.Frame{
		Type: diag.EchoRequest, SrcMAC: h.from, DstMAC: h.to, Src: h.source, Dst: h.Address, EchoID: p.id, EchoSeq: p.seq,
	}
}

// hear takes an answer.
func (p *Pulse) hear(f diag.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.waits[f.EchoSeq]
	if h == nil || f.Out || f.Type != diag.EchoReply || f.Src != h.Address || f.Interface != h.Interface {
		return
	}
	h.heard = true
	signal(p.came)
}

func (p *Pulse) has(h *heart) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return h.heard
}

// judge has the checks run again that asked those who answer no more, or do again.
func (p *Pulse) judge() {
	now := time.Now()
	var surprises []*heart
	var ids []string
	p.mu.Lock()
	for _, host := range p.hosts {
		h := host.now
		if h == nil || !h.asked || h.heard == h.answers || now.Before(host.believed) {
			continue
		}
		surprises = append(surprises, h)
		if !h.heard {
			for _, x := range host.hearts {
				p.quiet[x.InterfaceAddr] = now
			}
		}
		for _, id := range h.checks {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	p.mu.Unlock()
	if len(surprises) == 0 {
		return
	}
	p.stir()
	err := p.run(ids)
	p.mu.Lock()
	clear(p.quiet)
	p.mu.Unlock()
	p.stir()
	if err != nil || !p.learn() {
		return // what the checks found is another run's to say
	}
	for _, h := range surprises {
		is := p.hearts[h.InterfaceAddr]
		switch {
		case is == nil:
		case is.answers == h.heard: // as it was heard
			is.host.doubt, is.host.believed = 0, time.Time{}
		default:
			is.host.doubt = min(max(2*is.host.doubt, doubtFirst), doubtMost)
			is.host.believed = time.Now().Add(is.host.doubt)
		}
	}
}
