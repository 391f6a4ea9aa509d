package why

import (
	"net/netip"

	"ndwhy/diag"
	"ndwhy/diag/across"
)

// A fate is what came of a question, told once and for all causes.
type fate int

// The fates. Every path has exactly one.
const (
	notAsked    fate = iota // skipped, for whatever reason
	answered                // by all that was asked of
	partly                  // some of what was sent
	late                    // when nobody waited any more
	deaf                    // this host answers nobody who wants to know where its source is, so no answer can come
	diverted                // another host or interface has the source, so the answer may have gone there
	stoppedHere             // this host let it not out, or not the answer in: the wire answers the same
	unresolved              // the kernel's neighbour discovery failed, so it never left
	unheard                 // it left, and nothing came
	turnedAway              // another host answered with an ICMPv6 error
	notLeft                 // this host had no way to send it
)

// An origin is what the source of a question is to the question.
type origin int

// The origins. Ours is to work; tested is what the program tries, or the network is known not to have
// assigned; from far no answer need find back, whatever the network lets through.
const (
	ours origin = iota
	tested
	far
)

// A path is a question with what is to be made of it.
type path struct {
	*diag.Path
	fate   fate
	origin origin
	normal *bool // as the profile expects; nil: that cannot be known
	// drop is the kernel's word that a rule or hook of this host threw a packet of the question away, or
	// the answer; without a body where it said nothing of the kind.
	drop diag.Event
	// came is the answer that the tap saw arrive, and that the socket was not given: of a connection.
	came diag.Event
	// trace is how far it came, by the word of another host; nil where none tells.
	trace *across.Trace
	// symptom is its place among the symptoms; -1 where it is none.
	symptom int
}

// silent reports whether nothing came that anybody heard.
func (p *path) silent() bool { return p.Outcome == diag.Silent }

// excused reports whether a silence is not the asked one's: it was answered too late, this host does not answer for its
// own address, or another does too.
func (p *path) excused() bool { return p.fate == late || p.fate == deaf || p.fate == diverted }

// local reports whether a missing answer is this host's doing.
func (p *path) local() bool { return p.fate == stoppedHere || p.fate == deaf }

// beyondHost reports whether a question got as far as leaving this host, and its silence is the network's or
// the asked one's.
func (p *path) beyondHost() bool { return p.silent() && !p.excused() && !p.failedDiscovery() }

// alone reports whether a solicitation was answered only when it was sent to its target's MAC alone.
func (p *path) alone() bool {
	return p.Asks == diag.AsksND && p.Outcome == diag.Silent && p.Detail == diag.DetailAlone
}

// failedDiscovery reports whether the kernel's echo never left because its neighbour discovery failed.
func (p *path) failedDiscovery() bool { return p.Detail == diag.DetailUnresolved }

// lossy reports whether some of the answers came.
func (p *path) lossy() bool { return p.fate == partly }

// read tells every path's fate and origin. The answers must be known by then.
func (iv *ifaceView) read() {
	for _, p := range iv.paths {
		if p.Missing() {
			p.drop = iv.dropOn(p)
			p.came, _ = iv.s.SegmentOn(*p.Path, false)
		}
		p.fate = iv.fateOf(p)
		if p.silent() {
			key := askedFrom{asked{p.Asks, p.Target}, p.Source}
			iv.vain[key] = max(iv.vain[key], p.Sent)
		}
		switch {
		case iv.normals.farSource(*p.Path):
			p.origin = far
		case !p.Ours():
			p.origin = tested
		}
	}
	iv.follow()
}

func (iv *ifaceView) fateOf(p *path) fate {
	switch p.Outcome {
	case diag.Answered:
		if p.Received > 0 && p.Received < p.Sent {
			return partly
		}
		return answered
	case diag.Refused:
		return turnedAway
	case diag.Unsent:
		if iv.stopped(p) {
			return stoppedHere
		}
		return notLeft
	case diag.Silent:
	default:
		return notAsked
	}
	waited := p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU
	switch {
	case (waited || p.Asks == diag.AsksTCP || p.Asks == diag.AsksService) && !p.failedDiscovery() && iv.unanswered(p.Source):
		// Somebody solicited for the source, and no advertisement left: who cannot resolve cannot answer, or not before he hears of it otherwise.
		return deaf
	case waited && iv.traffic.late[callKey{from: p.Source, to: p.Target}].Body != nil:
		return late
	case p.drop.Body == nil && !p.failedDiscovery() && (iv.shared(p.Source) || iv.borrowed(p.Source)):
		return diverted
	case iv.stopped(p):
		return stoppedHere
	case p.failedDiscovery():
		return unresolved
	default:
		return unheard
	}
}

// borrowed reports whether an address is one of another interface, which has a link of its own to be answered on or is
// not assigned to this host, while this one has none to ask from.
func (iv *ifaceView) borrowed(addr netip.Addr) bool {
	if !addr.IsValid() || addr.IsUnspecified() || addr.IsLinkLocalUnicast() || iv.net.Configured(addr) || iv.hasUsableGlobal() {
		return false
	}
	other := iv.s.InterfaceWith(addr)
	return other != "" && other != iv.name && (iv.outward(other) || iv.s.ClassOf(iv.name, addr) == diag.SourceUnassigned)
}

// dropOn returns the kernel's word that a rule or hook of this host dropped a question, its answer, or what
// discovers the neighbour that it goes to.
func (iv *ifaceView) dropOn(p *path) (newest diag.Event) {
	later := func(e diag.Event, ok bool) {
		if d, is := e.Body.(diag.Drop); ok && is && d.ByFilter() && e.Seq > newest.Seq && e.Seq > iv.s.Begun(p.Check, p.Interface) {
			newest = e
		}
	}
	later(iv.s.DropOn(*p.Path))
	if p.Target.IsMulticast() && p.Via != diag.ViaWire {
		// Its replies come from the members' own addresses: the tap saw which.
		for _, q := range iv.answers[asked{p.Asks, p.Target}] {
			later(iv.s.DropOn(*q.Path))
		}
	}
	if p.Via == diag.ViaWire && p.Asks == diag.AsksND {
		if e, ok := iv.s.DropOf(diag.PacketKey{Interface: iv.name, Type: diag.NA, Peer: p.Target}); ok && e.Body.(diag.Drop).ByXDP() {
			later(e, ok)
		}
	}
	if p.Via == diag.ViaWire || p.Asks != diag.AsksND && !p.failedDiscovery() {
		return newest
	}
	hop := p.Target
	if via, known := iv.net.Gateway(p.Target, p.Source); known && via.IsValid() {
		hop = via
	}
	later(iv.s.DropOf(diag.PacketKey{Interface: iv.name, Out: true, Type: diag.NS, Peer: hop}))
	later(iv.s.DropOf(diag.PacketKey{Interface: iv.name, Type: diag.NA, Peer: hop}))
	return newest
}

// stopped reports whether a kernel path's missing answer must be this host's doing: the same question was
// answered on the wire, or the kernel was not allowed to send it.
func (iv *ifaceView) stopped(p *path) bool {
	switch d, _ := p.drop.Body.(diag.Drop); {
	case p.Via == diag.ViaWire:
		return d.ByXDP() // before the tap
	case p.drop.Body != nil:
		return true
	case p.Errno == "EPERM" || (p.Errno == "EACCES" || p.Errno == "ECONNREFUSED") && p.Outcome == diag.Unsent:
		return true
	case iv.shaken(p), iv.net.Configured(p.Target): // what became this host's own meanwhile the kernel looks for no more
		return false
	case p.Asks == diag.AsksService && p.failedDiscovery() && iv.near(p.Target):
		// Nobody else need be asked for it: whether the kernel's discovery is let through tells who is.
		return iv.any(func(r *path) bool {
			return r.Via == diag.ViaKernel && r.Asks == diag.AsksND && r.Missing() && r.Ours() && iv.s.Answered(diag.ViaWire, diag.QuestionOf(*r.Path))
		})
	case p.Asks == diag.AsksService && p.failedDiscovery():
		// No frame of ours asks for a service; what resolves the way to it is seen on the wire.
		return iv.any(func(r *path) bool {
			return r.Via == diag.ViaWire && r.Asks == diag.AsksND && r.TargetClass == diag.TargetRouter && r.Outcome == diag.Answered && r.Ours()
		})
	}
	if (p.Asks == diag.AsksTCP || p.Asks == diag.AsksService) && p.silent() {
		return iv.normals.stoppedHere(*p.Path)
	}
	if p.Via == diag.ViaApp && (p.Out != "" && p.Out != iv.name || iv.otherHop(p)) {
		return false // the wire here tells nothing of another interface, or of another router
	}
	return !iv.waitedForRouter(p) && !iv.redirected(p) && !iv.byException(p) && iv.s.Answered(diag.ViaWire, diag.QuestionOf(*p.Path))
}

// otherHop reports whether what applications send goes to another router than what is bound to its source: the kernel
// chooses the way before it chooses the source.
func (iv *ifaceView) otherHop(p *path) bool {
	sel, asked := iv.s.Selections[diag.SelectionKey{Dst: p.Target}]
	via, known := iv.net.Gateway(p.Target, p.Source)
	return asked && known && sel.Via.IsValid() && via.IsValid() && sel.Via != via
}

// taken reports whether the kernel did not let a socket have its source, and this host does not have that any more.
func (iv *ifaceView) taken(p *path) bool {
	return p.Errno == "EADDRNOTAVAIL" && p.Source.IsValid() && iv.s.InterfaceWith(p.Source) == ""
}

// shaken reports whether this host lost the link, or the source, while a question was under way: the wire has answers to
// what it sent before that it could not take for its own any more.
func (iv *ifaceView) shaken(p *path) bool {
	e, lost := iv.s.Shaken(iv.name)
	a, isAddress := e.Body.(diag.Address)
	return lost && (!isAddress || a.Address == p.Source) || iv.taken(p)
}

// waitedForRouter reports whether what the kernel took and did not send may have waited for a router: it tries one
// that it knows nothing of, or is about to find out about, before another that it knows (net/ipv6/route.c,
// rt6_check_neigh), and one of the interface's did not answer it.
func (iv *ifaceView) waitedForRouter(p *path) bool {
	return p.Outcome == diag.Unsent && p.Errno == "" && (p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService) &&
		iv.any(func(r *path) bool {
			return r.Via == diag.ViaKernel && r.Asks == diag.AsksND && r.silent() && iv.theirs(r.Target)
		})
}
