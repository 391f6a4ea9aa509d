package capture

import (
	"cmp"
	"net/netip"
	"time"

	"ndwhy/diag"
)

// What is told one by one of the packets that come in a window of time, by kind. No link has more for long: a thousand
// hosts that look for one another make some hundred solicitations a second. What is on top is counted.
const (
	window = 500 * time.Millisecond
	some   = 250
	few    = 25 // advertisements of routers, and redirects
)

// What passes on top: what answers this host.
const (
	askedRemembered = 512             // targets that this host solicited
	askedFor        = 5 * time.Second // how long an answer is waited for
	answersMost     = 500
	knownRouters    = 32 // heard before any flood; each has its own share
	routerMost      = 2
)

// flooding are the kinds of packets that anybody on a link can send as many of as he likes, and how many are told.
var flooding = map[diag.FrameType]int{
	diag.RA: few, diag.RedirectFrame: few, diag.RS: some, diag.NS: some, diag.NA: some, diag.MLD: some,
}

// A gate lets as much of what comes in on an interface into the stream as can be looked at, and tells of the rest in
// numbers. It reads no clock.
type gate struct {
	iface   string
	since   time.Time // when the window in hand began
	kinds   map[diag.FrameType]*kindCount
	answers int
	routers map[netip.Addr]int       // how many of each in this window
	asked   map[netip.Addr]time.Time // when this host solicited for it last
}

// A kindCount is how much of a kind came in the window in hand.
type kindCount struct {
	packets, told int
	senders       map[diag.MAC]int
}

func newGate(iface string) *gate {
	return &gate{iface: iface, kinds: map[diag.FrameType]*kindCount{}, routers: map[netip.Addr]int{}, asked: map[netip.Addr]time.Time{}}
}

// take counts a frame, and reports whether it is to be told.
func (g *gate) take(now time.Time, f diag.Frame) bool {
	most, bounded := flooding[f.Type]
	if !bounded {
		return true
	}
	if f.Out {
		if f.Type == diag.NS && f.Target.IsValid() {
			g.ask(now, f.Target)
		}
		return true
	}
	k := g.kinds[f.Type]
	if k == nil {
		k = &kindCount{senders: map[diag.MAC]int{}}
		g.kinds[f.Type] = k
	}
	k.packets++
	if _, known := k.senders[f.SrcMAC]; known || len(k.senders) < diag.SendersCounted {
		k.senders[f.SrcMAC]++
	}
	if k.told < most {
		k.told++
		if _, known := g.routers[f.Src]; f.Type == diag.RA && !known && len(g.routers) < knownRouters {
			g.routers[f.Src] = 0
		}
		return true
	}
	return g.answersUs(now, f)
}

// answersUs reports whether a frame that comes in a flood is one that this host may wait for.
func (g *gate) answersUs(now time.Time, f diag.Frame) bool {
	switch f.Type {
	case diag.NA:
		at, asked := g.asked[f.Target]
		if !asked || now.Sub(at) > askedFor || g.answers >= answersMost {
			return false
		}
		g.answers++
		return true
	case diag.RA:
		n, known := g.routers[f.Src]
		if !known || n >= routerMost {
			return false
		}
		g.routers[f.Src]++
		return true
	default:
		return false
	}
}

// ask notes that this host solicits for an address; of more than are remembered the oldest goes.
func (g *gate) ask(now time.Time, target netip.Addr) {
	if _, known := g.asked[target]; !known && len(g.asked) >= askedRemembered {
		var oldest netip.Addr
		for a, at := range g.asked {
			if !oldest.IsValid() || at.Before(g.asked[oldest]) {
				oldest = a
			}
		}
		delete(g.asked, oldest)
	}
	g.asked[target] = now
}

// turn ends the window in hand if it is over, and returns the floods in it.
func (g *gate) turn(now time.Time) (floods []diag.Flood) {
	if g.since.IsZero() {
		g.since = now
	}
	if now.Sub(g.since) < window {
		return nil
	}
	return g.end(now)
}

// end ends the window in hand, be it over or not, and returns the floods in it.
func (g *gate) end(now time.Time) (floods []diag.Flood) {
	over := now.Sub(g.since)
	for kind, k := range g.kinds {
		if k.packets > flooding[kind]*max(1, int(over/window)) {
			f := diag.Flood{Interface: g.iface, Type: kind, Packets: k.packets, OverS: over.Round(10 * time.Millisecond).Seconds(), Senders: len(k.senders)}
			for mac, n := range k.senders {
				if n > f.Most || n == f.Most && mac.String() < f.MAC.String() {
					f.MAC, f.Most = mac, n
				}
			}
			floods = append(floods, f)
		}
	}
	clear(g.kinds)
	for a := range g.routers {
		g.routers[a] = 0
	}
	g.since, g.answers = now, 0
	diag.SortFunc(floods, func(a, b diag.Flood) int { return cmp.Compare(a.Type, b.Type) })
	return floods
}

// gatesMost bounds the interfaces of a capture of which floods are counted.
const gatesMost = 64

// Floods counts the packets of a capture that somebody else made, in which all are told of. The zero Floods has seen none.
type Floods struct{ gates map[string]*gate }

// Take counts a frame, and returns the floods that were over when it came.
func (f *Floods) Take(now time.Time, frame diag.Frame) []diag.Flood {
	g := f.gates[frame.Interface]
	if g == nil {
		if len(f.gates) == gatesMost {
			return nil
		}
		if f.gates == nil {
			f.gates = map[string]*gate{}
		}
		g = newGate(frame.Interface)
		f.gates[frame.Interface] = g
	}
	var over []diag.Flood
	if now.Sub(g.since) > 2*window && !g.since.IsZero() {
		over = g.end(g.since.Add(window)) // nothing came since
	}
	over = append(over, g.turn(now)...)
	g.take(now, frame)
	return over
}

// End returns the floods that last until a capture ends.
func (f *Floods) End(now time.Time) (floods []diag.Flood) {
	for _, name := range diag.SortedKeys(f.gates) {
		floods = append(floods, f.gates[name].end(now)...)
	}
	return floods
}
