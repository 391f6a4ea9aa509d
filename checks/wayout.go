package checks

import (
	"net/netip"

	"ndwhy/diag"
)

// wayOut asks whether a router leads out: an echo to an Internet host is given to that router, whichever the kernel would
// take. The question is about the router, so it is its target.
var wayOut wayOutByWire

type wayOutByWire struct {
	byWire
	echoes
}

func (wayOutByWire) asks() diag.Asks { return diag.AsksWayOut }
func (wayOutByWire) again() bool     { return false }

func (wayOutByWire) topics(q Question) []topic { return []topic{{q.Interface, q.Beyond, q.Source}} }

func (wayOutByWire) adjust(l *lane, a *asking) { a.ready = l.addressed }

func (wayOutByWire) compose(l *lane, t *tally) func() Frame {
	id := l.r.echoID()
	hear(id, l.of(wayOut))
	return func() Frame {
		f := l.echoRequest(t, id)
		f.Dst = t.q.Beyond
		return f
	}
}

func (wayOutByWire) frame(t *tally, e diag.Event, f diag.Frame) {
	switch {
	case !t.ids[f.EchoID] && (f.Quoted == nil || !t.ids[f.Quoted.EchoID]):
	case f.Out && f.Type == diag.EchoRequest:
		t.copies++
		t.ask(e, f.EchoSeq)
	case f.Out:
	case f.Type == diag.EchoReply && f.Src == t.q.Beyond && f.Dst == t.q.Source:
		t.answer(e, f.EchoSeq, f.Src, f.SrcMAC)
	case f.Type.IsError() && f.Quoted != nil && f.Quoted.Dst == t.q.Beyond:
		t.error(e, diag.PathError{Type: f.Type, Code: f.Code, From: f.Src, MTU: f.MTU}, "")
	}
}

func (wayOutByWire) judge(t *tally, p *diag.Path) {
	t.usual(p)
	p.Note = t.q.Beyond.String()
}

// planWaysOut asks each of several routers whether it leads out, where no answer came by the one that the kernel takes, or
// where it takes them in turn.
func (p *planner) planWaysOut() {
	hosts, routers := p.hosts(), p.gateways()
	if len(hosts) == 0 || len(routers) < 2 || !p.wire() || !p.guess && (!p.settled(idInternet) || !p.settled(idRouterND)) {
		return
	}
	if !p.guess && p.reachedBeyond() {
		routers = p.net().InTurn()
	}
	src, _, ok := p.chosen(hosts[0])
	if !ok || !src.IsValid() || src.IsLinkLocalUnicast() {
		return
	}
	for _, r := range routers {
		if p.guess || p.answersND(r) {
			p.add(Question{Path: diag.Path{Source: src, Target: r, TargetClass: diag.TargetRouter}, Beyond: hosts[0]}, wayOut)
		}
	}
}

// reachedBeyond reports whether an echo of this interface was answered from beyond the router.
func (p *planner) reachedBeyond() bool {
	return p.anyPath(func(q *diag.Path) bool {
		return q.TargetClass == diag.TargetInternet && q.Asks == diag.AsksEcho && q.Outcome == diag.Answered && q.Via != diag.ViaApp
	})
}

// answersND reports whether a router was seen to answer for its address.
func (p *planner) answersND(router netip.Addr) bool {
	return p.anyPath(func(q *diag.Path) bool {
		return q.Target == router && q.Asks == diag.AsksND && q.Outcome == diag.Answered
	})
}

func (p *planner) anyPath(ok func(*diag.Path) bool) bool {
	for _, q := range p.s.Paths() {
		if q.Interface == p.iface && ok(&q) {
			return true
		}
	}
	return false
}
