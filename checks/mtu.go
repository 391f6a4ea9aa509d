package checks

import (
	"net/netip"
	"slices"
	"strconv"

	"ndwhy/diag"
)

const idMTU = "mtu"

// The check mtu asks for an echo as large as the link's packets may be, of whoever answered a small one. A
// Packet Too Big is the answer that must come where the path is narrower; then what it says fits is
// asked for. What came through by wire the kernel asks for too, for packet filters are not in the wire's way.
func init() {
	declare(Check{
		ID:      idMTU,
		Needs:   NeedsNetRaw,
		Sends:   []Bound{{"sends.echo", 8, "per.target"}},
		Changes: []string{"changes.mtu"},
		plan:    planMTU,
	})
}

const (
	mtuPeers = 4
	// minMTU is the least that IPv6 demands of a link (RFC 8200 §5); a Packet Too Big that says less
	// is no news.
	minMTU = 1280
	// narrowings bounds how often a path is believed to be narrower still.
	narrowings = 2
)

func planMTU(p *planner) {
	if p.link.MTU < minMTU || !p.wire() {
		return
	}
	checks := map[string]int{idRouterEcho: 8, idPeerEcho: mtuPeers, idInternet: sourceHosts}
	asked := map[Lane]bool{}
	for _, list := range [][]*Question{p.prior, p.questions} {
		for _, q := range list {
			left, echo := checks[q.Check]
			if !echo || q.Asks != diag.AsksEcho || q.Via == diag.ViaApp || q.Interface != p.iface || !q.Planned() || asked[q.Lane()] || left == 0 {
				continue
			}
			if path, _ := p.s.Path(q.ID); path.Outcome != diag.Answered && !p.guess {
				continue
			}
			asked[q.Lane()] = true
			checks[q.Check]--
			p.add(Question{
				Path:    diag.Path{Source: q.Source, Target: q.Target, TargetClass: q.TargetClass, Given: q.Given},
				NextHop: q.NextHop, Size: p.fullSize(q.Target),
			}, mtuByWire{})
		}
	}
	planMTUByKernel(p)
}

// planMTUByKernel has the kernel ask one target of each class for as much as was seen to come through, where it gets small
// answers.
func planMTUByKernel(p *planner) {
	gets := map[Lane]bool{}
	answered := func(q *Question) bool {
		path, _ := p.s.Path(q.ID)
		return p.guess || path.Outcome == diag.Answered
	}
	questions := slices.Concat(p.prior, p.questions)
	for _, q := range questions {
		if q.Asks == diag.AsksEcho && q.Via == diag.ViaKernel && q.Planned() && answered(q) {
			gets[q.Lane()] = true
		}
	}
	asked := map[diag.TargetClass]bool{}
	for _, q := range questions {
		if q.Asks != diag.AsksMTU || q.Interface != p.iface || !q.Planned() || !gets[q.Lane()] || asked[q.TargetClass] {
			continue
		}
		if q.Via == diag.ViaWire && !answered(q) {
			continue
		}
		asked[q.TargetClass] = true
		if q.Via != diag.ViaWire {
			continue
		}
		size := q.Size
		path, _ := p.s.Path(q.ID)
		if n, err := strconv.Atoi(path.Note); err == nil && path.Detail == DetailTooBig {
			size = n
		}
		p.add(Question{
			Path:    diag.Path{Source: q.Source, Target: q.Target, TargetClass: q.TargetClass, Given: q.Given},
			NextHop: q.NextHop, Size: size,
		}, mtuByKernel{})
	}
}

// fullSize is how large a packet to target may be when it leaves: as the interface has it, or less
// where a router (RFC 4861 §4.6.4) or the route says so.
func (p *planner) fullSize(target netip.Addr) int {
	size := p.offeredMTU()
	if mtu := p.s.Selections[diag.SelectionKey{Dst: target, Bound: p.iface}].MTU; mtu >= minMTU {
		size = min(size, mtu)
	}
	return size
}

// offeredMTU is how large a packet may be when it leaves the interface, by its own word and its routers'.
func (p *planner) offeredMTU() int {
	if size, known := p.mtus[p.iface]; known {
		return size
	}
	size := p.link.MTU
	// The kernel's own may be less by an advertisement of long ago, whose router is gone.
	if value, ok := p.s.Sysctl(p.iface, "mtu"); ok {
		if n, err := strconv.Atoi(value); err == nil && n >= minMTU {
			size = min(size, n)
		}
	}
	// What the kernel does not keep to makes its packets no smaller.
	for _, o := range p.net().Offers() {
		if o.Kind == diag.OfferMTU && o.State != diag.OfferNotTaken && o.Value >= minMTU {
			size = min(size, o.Value)
		}
	}
	p.mtus[p.iface] = size
	return size
}

// mtuByKernel asks as ping does that is given a size.
type mtuByKernel struct{ echoByKernel }

func (mtuByKernel) asks() diag.Asks { return diag.AsksMTU }

// mtuByWire asks for the largest echo, and for less where a router says how much fits.
type mtuByWire struct{ byWire }

func (mtuByWire) asks() diag.Asks                            { return diag.AsksMTU }
func (mtuByWire) pending(t *tally) bool                      { return len(t.answered) < len(t.asked) }
func (mtuByWire) frame(t *tally, e diag.Event, f diag.Frame) { t.seeEcho(e, f) }

func (mtuByWire) adjust(l *lane, a *asking) {
	t, left := a.tallies[0], narrowings
	a.ready = l.knowsMAC
	a.more = func() bool {
		e := t.path.Error
		if e == nil || e.Type != diag.PacketTooBig || e.MTU < minMTU || e.MTU >= t.size || left == 0 {
			return false
		}
		left--
		t.narrow(e.MTU)
		a.sent, a.count, a.reasked, a.twice = 0, l.r.count, false, false
		a.interval, a.wait, a.next = l.r.interval, l.r.wait, l.r.now
		a.send = l.sender(t)
		return true
	}
}

func (mtuByWire) compose(l *lane, t *tally) func() Frame {
	id := l.r.echoID()
	t.ids[id] = true
	return func() Frame {
		f := l.echoRequest(t, id)
		f.Size = t.size
		return f
	}
}

// narrow starts the question anew with a size that is said to fit.
func (t *tally) narrow(size int) {
	clear(t.ids)
	clear(t.asked)
	clear(t.answered)
	t.path.Sent, t.path.Received, t.path.RTTMS, t.path.Error = 0, 0, 0, nil
	t.path.Detail, t.path.Note = DetailTooBig, strconv.Itoa(size)
	t.size, t.done = size, false
}
