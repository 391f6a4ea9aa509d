package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// asApp is what kinds do that ask as applications do: through a socket bound to nothing, so that the kernel chooses
// interface, source, gateway and table. It may leave where no tap of ours is; then the socket's word counts.
type asApp struct{}

func (asApp) via() diag.Via { return diag.ViaApp }

func (asApp) shares(q Question) socketKey { return socketKey{iface: q.Interface} }

func (asApp) hears(t *tally, s diag.Socket) bool {
	return t.ids[s.EchoID] && s.Via == diag.ViaApp && s.Target == t.q.Target
}

func (asApp) entry(t *tally, _ diag.Event, n diag.Neighbour) {
	if t.path.Out == t.q.Interface {
		t.nud = n.State
	}
}

// route asks the kernel which way it would choose for the lane's target, left to itself, and has the lane's questions
// as applications ask them know it. A link-local address is on every link: there the zone chooses the interface.
func (l *lane) route(list []*tally) (sel diag.Selection, ok bool) {
	bound := ""
	if l.key.Target.IsLinkLocalUnicast() {
		bound = l.key.Interface
	}
	found, ok := ask(l.task, func() []diag.Selection { return route(l.r.Net, []lookup{{bound, l.key.Target}}) })
	if !ok {
		return sel, false
	}
	sel = found[0]
	news := true
	l.r.Session.Look(func(s *diag.State) {
		known, was := s.Selections[diag.SelectionKey{Dst: sel.Dst, Bound: sel.Bound}]
		news = !was || known != sel
	})
	if news {
		l.r.Session.Emit(sel)
	}
	l.r.subscribe(l.in, topic{l.key.Interface, l.key.Target, sel.Source})
	for _, t := range list {
		t.path.Out = sel.Interface
		t.host.Tap = l.host.Tap && sel.Interface == l.key.Interface
		t.speaks(sel.Source)
	}
	return sel, true
}

// harmless applies safety rule 2 to what an unbound socket sends: from a source that is not known to be assigned it
// must make the kernel resolve nothing, unless what is bound to the same was allowed to.
func (l *lane) harmless(sel diag.Selection, permitted bool) bool {
	hop := l.key.Target
	if sel.Via.IsValid() {
		hop = sel.Via
	}
	if sel.Interface == l.key.Interface && sel.Source == l.key.Source && hop == l.hop && permitted {
		return true
	}
	fine := false
	l.r.Session.Look(func(s *diag.State) {
		link, known := s.Links[sel.Interface]
		fine = sel.Errno != "" || s.ClassOf(sel.Interface, sel.Source) == diag.SourceAssigned || known && !link.Resolves()
	})
	if fine {
		return true
	}
	entry, ok := ask(l.task, func() diag.Neighbour {
		n, _ := l.r.Net.Neighbour(sel.Interface, hop) // where it cannot be read it is not known to be resolved
		return n
	})
	return ok && entry.State.Resolved()
}

// speaks notes the source that the kernel chose.
func (t *tally) speaks(source netip.Addr) {
	if source.IsValid() && source != t.path.Source {
		t.path.Source, t.path.SourceClass = source, t.host.Class(t.path.Out, source)
	}
}

// freeOn is the interface in whose name a target is asked as applications do, once in a run: the one that the kernel
// would choose if that is among those that are asked about, else the first of them; empty while it was not asked yet.
func (p *planner) freeOn(target netip.Addr) string {
	if iface, chosen := p.apps[target]; chosen {
		return iface
	}
	asked := slices.DeleteFunc(slices.Clone(p.s.Run.Interfaces), func(iface string) bool {
		link, ok := p.s.Links[iface]
		return !ok || !link.Ethernet || !link.Up
	})
	if len(asked) < 2 {
		return p.iface
	}
	sel, ok := p.s.Selections[diag.SelectionKey{Dst: target}]
	if !ok && !p.guess {
		p.wants = append(p.wants, lookup{"", target})
		return ""
	}
	if slices.Contains(asked, sel.Interface) {
		return sel.Interface
	}
	return asked[0]
}
