package checks

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

// found asks whether a neighbour that does not know an address of this host finds it. It is pinged from that address
// without a word of who has it, so it has to solicit by multicast before it can answer. Where no answer comes it is told,
// and pinged again: who answers only then was not able to find it.
var found foundByWire

type foundByWire struct{ byWire }

// How often it is pinged before it is told, and after: within that time its kernel solicits twice (RFC 4861 §10,
// RETRANS_TIMER).
const (
	foundAsks     = 3
	foundInterval = 300 * time.Millisecond
	foundTold     = 3
	foundTargets  = 3 // asked one after the other, where the first know the address already
)

func (foundByWire) asks() diag.Asks { return diag.AsksFound }

func (foundByWire) cost(Question, int) (first, again int) { return foundAsks, 1 + foundTold }

// topics: it solicits for the source.
func (foundByWire) topics(q Question) []topic {
	return []topic{{q.Interface, q.Source, netip.Addr{}}}
}

func (foundByWire) adjust(l *lane, a *asking) {
	t := a.tallies[0]
	a.count, a.interval = foundAsks, foundInterval
	a.ready = func() bool { return l.holder(t.q.Target) != (diag.MAC{}) }
	a.again = func(a *asking) bool {
		if t.told || t.path.Sent == 0 || l.r.pace.spent() {
			return false
		}
		t.told = true
		ping, introduced := a.send, false
		a.send = func() error {
			if introduced {
				return ping()
			}
			introduced = true
			f := solicit(t.q, nil)
			f.SrcMAC, f.Dst, f.DstMAC = l.link.MAC, t.q.Target, l.holder(t.q.Target)
			l.r.ledger.wire(l.key.Interface, f.Src, f.Target)
			return l.r.Net.Send(l.key.Interface, f)
		}
		a.count, a.interval, a.next = a.sent+1+foundTold, reaskInterval, l.r.now
		return true
	}
}

func (foundByWire) compose(l *lane, t *tally) func() Frame {
	id := l.r.echoID()
	hear(id, l.of(found))
	return func() Frame {
		f := l.echoRequest(t, id)
		f.DstMAC = l.holder(t.q.Target)
		return f
	}
}

func (foundByWire) frame(t *tally, e diag.Event, f diag.Frame) {
	switch {
	case t.isRequest(f):
		t.leaves(e)
	case f.Out || t.path.Sent == 0 || t.answeredOnce():
	case f.Type == diag.NS && f.Target == t.q.Source && f.Dst.IsMulticast() && !f.Src.IsUnspecified() && f.SrcMAC != t.host.MAC:
		t.foundBy = t.foundBy || !t.told
		t.note(e)
	case f.Type == diag.EchoReply && t.ids[f.EchoID] && f.Dst == t.q.Source && f.Src == t.q.Target:
		t.replied = true
		t.note(e)
	}
}

// answeredOnce reports whether it is known what came of it.
func (t *tally) answeredOnce() bool { return t.foundBy || t.replied }

func (foundByWire) answered(t *tally) bool { return t.answeredOnce() }

func (foundByWire) judge(t *tally, p *diag.Path) {
	switch t.usual(p); {
	case p.Outcome != diag.Silent:
	case t.foundBy:
		p.Outcome, p.Received = diag.Answered, p.Sent
	case t.replied && t.told:
		p.Detail = DetailTold
	case t.replied:
		p.Outcome, p.Detail = diag.OutcomeSkipped, DetailKnown
	}
}

// planFound asks a neighbour that answers, from an address of this host that it has no reason to know: a peer's global
// address from the link-local one, or who answered ff02::1 from a global one. Where somebody asked for this host by
// multicast there is nothing to find out, nor where the network does without.
func (p *planner) planFound() {
	profile := why.ProfileNamed(p.recognised().Name)
	if !p.wire() || profile.NoMulticast || profile.Apart {
		return
	}
	if p.guess {
		p.guessFound()
		return
	}
	if p.open(idAllNodes) || p.open(idPeerEcho) {
		return
	}
	for _, q := range p.prior {
		if path, ok := p.s.Path(q.ID); q.Asks == diag.AsksFound && (!ok || path.Outcome != diag.OutcomeSkipped || path.Detail != DetailKnown) {
			return
		}
	}
	asked, next := 0, Question{}
	for _, q := range p.strangers() {
		if p.anyPath(func(path *diag.Path) bool {
			return path.Source == q.Source && path.Target == q.Target && path.Asks == diag.AsksFound
		}) {
			asked++
		} else if !next.Target.IsValid() {
			next = q
		}
	}
	if next.Target.IsValid() && asked < foundTargets && !p.soughtByGroup() {
		p.add(next, found)
	}
}

// guessFound plans what planFound may come to ask, before anybody has answered.
func (p *planner) guessFound() {
	local, ok := p.linkLocal()
	peers, _ := p.peers()
	peers = slices.DeleteFunc(slices.Clone(peers), func(a netip.Addr) bool { return a.IsLinkLocalUnicast() || !p.net().Within(a) })
	for _, peer := range peers[:min(len(peers), foundTargets)] {
		if ok {
			p.add(Question{Path: diag.Path{Source: local, Target: peer, TargetClass: diag.TargetPeer}}, found)
		}
	}
}

// strangers are the questions that planFound may ask, best first: of each neighbour one.
func (p *planner) strangers() (list []Question) {
	local, _ := p.linkLocal()
	global := p.anyGlobal()
	type pair struct {
		source netip.Addr
		host   diag.MAC
	}
	told, hosts := map[pair]bool{}, map[netip.Addr]diag.MAC{}
	for _, path := range p.s.Paths() {
		for _, r := range path.Responders {
			if path.Interface != p.iface || r.MAC == (diag.MAC{}) {
				continue // a socket does not tell
			}
			hosts[r.Address] = r.MAC
			if path.Outcome == diag.Answered && path.Asks != diag.AsksFound && !path.Target.IsMulticast() {
				told[pair{path.Source, r.MAC}] = true
			}
		}
	}
	ask := func(source, target netip.Addr) {
		if source.IsValid() && !told[pair{source, hosts[target]}] && !p.own(target) && !p.net().IsRouter(target) {
			list = append(list, Question{Path: diag.Path{Source: source, Target: target, TargetClass: diag.TargetPeer}})
		}
	}
	for _, answered := range []func(*diag.Path){
		func(path *diag.Path) {
			if path.Check == idPeerEcho && path.Via == diag.ViaWire && !path.Target.IsLinkLocalUnicast() && p.net().Within(path.Target) {
				ask(local, path.Target)
			}
		},
		func(path *diag.Path) {
			if path.Check == idAllNodes {
				for _, r := range path.Responders {
					if r.Address.IsLinkLocalUnicast() && path.Via == diag.ViaWire {
						ask(global, r.Address)
					}
				}
			}
		},
	} {
		for _, path := range p.s.PathsSorted() {
			if path.Interface == p.iface && path.Outcome == diag.Answered {
				answered(&path)
			}
		}
	}
	return list
}

// anyGlobal returns a global address of the interface that is to work, the first that is not deprecated; zero: none.
func (p *planner) anyGlobal() netip.Addr {
	for _, a := range p.net().Usable() {
		class := p.assigned().ClassOf(a.Address)
		if diag.ScopeOf(a.Address) == diag.GlobalScope && a.Flags&diag.Deprecated == 0 && (class == diag.SourceAssigned || class == diag.SourceUnknown) {
			return a.Address
		}
	}
	return netip.Addr{}
}

// open reports whether a check has a question under way on the interface.
func (p *planner) open(check string) bool {
	return slices.ContainsFunc(p.prior, func(q *Question) bool {
		_, ok := p.s.Path(q.ID)
		return q.Check == check && q.Interface == p.iface && q.Asks != diag.AsksFound && q.Planned() && !ok
	}) || len(p.prior) == 0
}

// soughtByGroup reports whether somebody was heard to ask for an address of the interface by multicast.
func (p *planner) soughtByGroup() bool {
	return slices.ContainsFunc(p.s.Frames(), func(e diag.Event) bool {
		f, ok := e.Body.(diag.Frame)
		return ok && f.Type == diag.NS && !f.Out && f.Bad == "" && f.Interface == p.iface && f.Dst.IsMulticast() && !f.Src.IsUnspecified() &&
			!p.s.OwnMAC(f.SrcMAC) && p.net().Configured(f.Target)
	})
}
