package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var staleLinkLayer = Cause{
	ID: "neighbour.stale-lladdr", Severity: Critical, Working: true,
	Remedy: always("ip -6 neigh del {address} dev {interface}", "ndisc6 {address} {interface}"),
	find:   findStaleLinkLayer,
}

// findStaleLinkLayer looks for neighbours that moved to another Ethernet address without the kernel's knowing: what
// it sends goes to the old one until it asks again, which takes it some seconds from when it first sends
// (RFC 4861 §7.3.3). Any answer that this program gets tells the kernel too, so what counts is what it knew before.
func findStaleLinkLayer(iv *ifaceView) []hypothesis {
	moved := iv.moved()
	var list []hypothesis
	found := map[netip.Addr]bool{}
	for _, p := range iv.paths {
		old, has := moved[p.Target]
		if !has || found[p.Target] || p.Asks != diag.AsksND || p.Via != diag.ViaWire || p.Outcome != diag.Answered {
			continue
		}
		found[p.Target] = true
		h := hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(p.Target), addr: p.Target,
			args: []any{"address", p.Target, "old", old.Fact.MAC, "new", p.Responders[0].MAC}, facts: []diag.Event{diag.FactOf(old)},
		}
		rest(&h, p)
		router := iv.net.IsRouter(p.Target)
		by := func(q *path) bool { return q.Target == p.Target || router && iv.through(q, p.Target) }
		lost := iv.where(func(q *path) bool {
			return q.symptom >= 0 && q.Missing() && q.Via != diag.ViaWire && q.Reaches() && by(q)
		})
		iv.explain(&h, iv.where(func(q *path) bool { return (q.symptom >= 0 && q.Missing() && !q.local() || q.lossy()) && by(q) })...)
		now, still := iv.net.Entry(p.Target)
		switch {
		case len(lost) > 0:
			rest(&h, lost[0])
		case still && now.Fact.MAC == old.Fact.MAC:
			continue // what is sent to it arrives
		default:
			h.as, h.confidence, h.severity = "healed", Likely, Warning
		}
		if !router && !p.Given {
			h.severity = Info
		} else if !router {
			h.severity = Warning
		}
		list = append(list, h)
	}
	return list
}

// moved are the neighbours that answer from another Ethernet address than the kernel knew before it was asked, by that
// entry.
func (iv *ifaceView) moved() map[netip.Addr]diag.At[diag.Neighbour] {
	before, ok := iv.s.Before(iv.name)
	if !ok {
		return nil
	}
	known := iv.knownAt(before.Seq)
	for addr, n := range known {
		if len(iv.answers[asked{diag.AsksND, addr}]) == 0 || iv.heardOf(n.Fact, before.Seq) {
			delete(known, addr)
		}
	}
	return known
}

// knownAt are the neighbours whose Ethernet addresses the kernel had learnt before an event, as far as they are
// remembered.
func (iv *ifaceView) knownAt(seq int64) map[netip.Addr]diag.At[diag.Neighbour] {
	known := map[netip.Addr]diag.At[diag.Neighbour]{}
	for _, e := range iv.s.Notes() {
		n, ok := e.Body.(diag.Neighbour)
		if !ok || n.Interface != iv.name || n.Proxy || e.Seq >= seq {
			continue
		}
		if n.Gone || !n.State.Resolved() || n.State.Fixed() || n.MAC == (diag.MAC{}) {
			delete(known, n.Address)
		} else {
			known[n.Address] = diag.At[diag.Neighbour]{Fact: n, At: e.At, Seq: e.Seq}
		}
	}
	return known
}

// heardOf reports whether the Ethernet address of an entry was heard of since an event: by an answer for the
// neighbour, or by a frame from it. Some routers have two, and advertise themselves by one and answer by the other.
func (iv *ifaceView) heardOf(n diag.Neighbour, since int64) bool {
	return slices.ContainsFunc(iv.answers[asked{diag.AsksND, n.Address}], func(p *path) bool {
		return len(p.Responders) == 0 || slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.MAC == n.MAC || r.MAC == (diag.MAC{}) })
	}) || slices.ContainsFunc(iv.frames, func(e diag.Event) bool {
		f, ok := e.Body.(diag.Frame)
		return ok && !f.Out && e.Seq > since && f.Interface == iv.name && (f.SrcMAC == n.MAC || f.LLAddr == n.MAC || f.RA != nil && f.RA.LLAddr == n.MAC)
	})
}

// through reports whether a path's packets go by a router.
func (iv *ifaceView) through(p *path, router netip.Addr) bool {
	return (p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService || p.TargetClass == diag.TargetPeer && !iv.near(p.Target)) &&
		iv.routerTo(p) == router
}

// wentAstray reports whether what a path lacks may have gone to where a neighbour is no more, or never was.
func (iv *ifaceView) wentAstray(p *path) bool {
	for addr := range iv.moved() {
		if p.Target == addr || iv.through(p, addr) {
			return true
		}
	}
	return iv.overridden(p.Target) != nil || iv.through(p, iv.routerTo(p)) && iv.overridden(iv.routerTo(p)) != nil
}
