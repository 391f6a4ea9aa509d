package why

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// Normal says whether a path's outcome is as a profile expects in the state s; nil where that
// cannot be known. A missing answer from a target that the program chose itself is nil, unless
// the wire shows that the target does answer.
func Normal(s *diag.State, profile string, p diag.Path) *bool {
	return newNormals(s, ProfileNamed(profile)).of(p)
}

// Unexpected reports whether the silence of p would be a symptom here, and so is worth asking
// again before it is believed.
func Unexpected(s *diag.State, p diag.Path) bool {
	return new(Judge).Unexpected(s, p)
}

// A Judge is for asking Unexpected of one state again and again. What it reads of the links may be some moments old.
type Judge struct {
	shaped  int64
	at      time.Time
	normals *normals
}

// The links are read again when an event has changed them; those with more addresses and routes than many after
// rereadAfter, as lifetimes run out by themselves.
const many, rereadAfter = 1000, 50 * time.Millisecond

// Unexpected is described at the function.
func (j *Judge) Unexpected(s *diag.State, p diag.Path) bool {
	if p.Outcome != diag.Silent {
		return false
	}
	old := s.Now.Sub(j.at) >= rereadAfter
	if j.normals == nil || old || j.shaped != s.Shaped() && len(s.Addresses)+s.Routes.Len() < many {
		links := s.ReadLinks()
		r := RecogniseOn(s, links)
		j.shaped, j.at, j.normals = s.Shaped(), s.Now, normalsIn(s, links, r, ProfileNamed(r.Name))
	}
	n := j.normals.of(p)
	return n != nil && !*n
}

// normals judges the paths of one state by one profile.
type normals struct {
	s       *diag.State
	profile Profile
	links   *diag.Links
	inwards map[string]bool
	sure    bool                        // it is known to be the network of that profile
	heard   map[diag.InterfaceAddr]bool // sources that somebody answered; nil: not read yet
}

func newNormals(s *diag.State, profile Profile) *normals {
	links := s.ReadLinks()
	return normalsIn(s, links, RecogniseOn(s, links), profile)
}

// normalsIn judges by a profile in what was recognised already.
func normalsIn(s *diag.State, links *diag.Links, r Recognition, profile Profile) *normals {
	return &normals{s: s, profile: profile, links: links, inwards: map[string]bool{}, sure: r.Confidence == Certain}
}

func (n *normals) link(iface string) *diag.LinkModel { return n.links.Of(iface) }

func (n *normals) answered(via diag.Via, q diag.Question) bool { return n.s.Answered(via, q) }

// expect returns what the profile's table, and the state where the table depends on it, say.
func (n *normals) expect(p diag.Path) Expectation {
	e := ExpectUnknown
	for _, c := range n.profile.Normal {
		if c.matches(p) {
			e = c.expect
			break
		}
	}
	switch {
	case p.Asks == diag.AsksRS && e == ExpectAnswer && n.hasOtherDefault(p.Interface):
		// Somebody configured the way out by hand: no advertisement is needed.
		return ExpectEither
	case p.Asks == diag.AsksND && p.TargetClass == diag.TargetRouter && e == ExpectAnswer && !n.link(p.Interface).IsRouter(p.Target):
		// A well-known router address that this network need not have.
		return ExpectEither
	case p.Asks == diag.AsksDHCP && e == ExpectUnknown:
		return ExpectAnswer // it is asked only where the router says that a server is there
	case p.Asks == diag.AsksMTU && !n.smallAnswered(p):
		// A target that answers no echo at all says nothing about sizes.
		return ExpectUnknown
	case p.Asks == diag.AsksMTU && n.tooMuch(p):
		return ExpectUnknown
	case p.Asks == diag.AsksMTU && e == ExpectUnknown:
		return ExpectAnswer
	case p.Asks == diag.AsksService && p.Target == diag.IMDSIPv6:
		// IMDS over IPv6 is off unless somebody switched it on (EC2 user guide).
		return ExpectEither
	case n.asksNameServer(p):
		// Whoever is told to ask it needs its answer, if that can find its way back.
		if p.Ours() && !n.farSource(p) {
			return ExpectAnswer
		}
	case p.Asks == diag.AsksService && e == ExpectAnswer && !n.hasServices(p):
		return ExpectUnknown
	case e == ExpectAnswer && p.Asks != diag.AsksND && p.Via != diag.ViaApp && n.farSource(p):
		return ExpectUnknown
	}
	return e
}

// tooMuch reports whether a packet was asked for that is larger than what a router says the link takes, as it was not
// heard yet. That this host does not keep to what was heard is another matter.
func (n *normals) tooMuch(p diag.Path) bool {
	size := 0
	for _, seq := range p.Evidence {
		e, _ := n.s.Evidence(seq)
		if f, ok := e.Body.(diag.Frame); ok && f.Out {
			size = max(size, f.Size)
		}
	}
	return slices.ContainsFunc(n.link(p.Interface).Offers(), func(o diag.Offer) bool {
		return o.Kind == diag.OfferMTU && o.State != diag.OfferNotTaken && o.Value < size
	})
}

// asksNameServer reports whether a path asks a name server that this host or a router of the link names, or who has its
// address. The VPC's own is there or not as the rest of its services are.
func (n *normals) asksNameServer(p diag.Path) bool {
	if p.TargetClass != diag.TargetService || slices.Contains(diag.VPCServices, p.Target) {
		return false
	}
	_, ok := n.link(p.Interface).NameServer(p.Target)
	return ok
}

// declines reports whether a name server answers that it looks nothing up, or cannot.
func declines(p diag.Path) bool {
	return p.Outcome == diag.Answered && p.Detail == diag.DetailDeclines && (p.Note == "Refused" || p.Note == "ServerFailure")
}

// hasServices reports whether the services of a VPC are known to be there: they are on Nitro
// instances alone (VPC user guide, "DHCP option sets"), which say so, or of which one answers.
func (n *normals) hasServices(p diag.Path) bool {
	q := diag.QuestionOf(p)
	for _, q.Target = range diag.VPCServices {
		if n.answered(p.Via, q) {
			return true
		}
	}
	return n.s.Machine.SysVendor == "Amazon EC2"
}

// farSource reports whether an answer to a question's source may not find its way back, whatever
// the network lets through: a link-local source asks beyond its scope, or a candidate lies outside
// the link's prefixes, so that the target's own routes decide. (An advertisement of its address
// needs no route: the target sends it to the link.)
func (n *normals) farSource(p diag.Path) bool {
	if p.Target.IsLinkLocalUnicast() || p.Target.IsMulticast() {
		return false
	}
	if p.Source.IsLinkLocalUnicast() {
		return true
	}
	if diag.ScopeOf(p.Source) == diag.ULAScope && diag.ScopeOf(p.Target) == diag.GlobalScope && n.hasGlobal(p.Interface) {
		return true // ULAs are not routed on the Internet (RFC 4193 §4.1)
	}
	return p.SourceClass == diag.SourceCandidate && !slices.ContainsFunc(n.link(p.Interface).Announced(), func(prefix netip.Prefix) bool {
		return prefix.Contains(p.Source)
	})
}

// hasGlobal reports whether an interface has an address for the Internet. Without one, what its ULA
// cannot reach nothing can: unless that is translated, which is then what is missing.
func (n *normals) hasGlobal(iface string) bool {
	for k, a := range n.s.Addresses {
		if k.Interface == iface && diag.ScopeOf(k.Address) == diag.GlobalScope && a.Fact.Flags.Usable() {
			return true
		}
	}
	return false
}

func (n *normals) hasOtherDefault(iface string) bool {
	return (!n.profile.OneRouter || !n.sure) && slices.ContainsFunc(n.link(iface).Defaults, func(r diag.At[diag.Route]) bool {
		return r.Fact.Protocol != "ra" && r.Fact.Table == diag.MainTable
	})
}

func (n *normals) smallAnswered(p diag.Path) bool {
	q := diag.QuestionOf(p)
	q.Asks = diag.AsksEcho
	return n.answered(diag.ViaWire, q) || n.answered(diag.ViaKernel, q)
}

// ours takes a configured source that somebody answers for one of this host's like any other where nothing says for certain
// that it is none: a link-local one that is not made of the MAC (RFC 7217), unless networks of the kind are known to let no
// such speak, and any other beside what one client was given.
func (n *normals) ours(p diag.Path) diag.Path {
	if p.SourceClass != diag.SourceUnassigned || !n.link(p.Interface).Configured(p.Source) {
		return p
	}
	unsure := !n.profile.EUI64Required
	if !p.Source.IsLinkLocalUnicast() {
		unsure = assignmentConfidence(n.s, n.s.Assigned(p.Interface).Rows) != Certain
	}
	if unsure && n.hears(p.Interface, p.Source) {
		p.SourceClass = diag.SourceUnknown
	}
	return p
}

// hears reports whether somebody answered what a source asked.
func (n *normals) hears(iface string, source netip.Addr) bool {
	if n.heard == nil {
		n.heard = map[diag.InterfaceAddr]bool{}
		for _, p := range n.s.Paths() {
			if p.Outcome == diag.Answered && p.Reaches() {
				n.heard[diag.InterfaceAddr{Interface: p.Interface, Address: p.Source}] = true
			}
		}
	}
	return n.heard[diag.InterfaceAddr{Interface: iface, Address: source}]
}

// mayBeDelegated reports whether a candidate is answered, and others are not, because it has the prefix of an address of its
// interface, which the network may give to that as a whole: nobody says what it gave.
func (n *normals) mayBeDelegated(p diag.Path) bool {
	link := n.link(p.Interface)
	return p.SourceClass == diag.SourceCandidate && !n.s.AssignmentKnown(p.Interface, diag.GlobalScope) && inDelegated(link, p.Source) &&
		slices.ContainsFunc(n.s.Paths(), func(q diag.Path) bool {
			return q.Interface == p.Interface && q.Asks == p.Asks && q.Target == p.Target && q.SourceClass == diag.SourceCandidate &&
				q.Outcome == diag.Silent && diag.ScopeOf(q.Source) == diag.GlobalScope && !inDelegated(link, q.Source)
		})
}

func (n *normals) of(p diag.Path) *bool {
	p = n.ours(p)
	if p.Outcome == diag.OutcomeSkipped || p.Outcome == "" {
		return nil
	}
	if p.Via == diag.ViaApp && p.Outcome == diag.Answered {
		// Whatever way it took, unless that was none: then it was this host that answered.
		return new(!n.s.Links[p.Out].Loopback || n.s.InterfaceWith(p.Target) != "")
	}
	if p.Asks == diag.AsksDAD {
		return n.dad(p)
	}
	if p.Asks == diag.AsksFound {
		if p.Outcome == diag.Silent && p.Detail != diag.DetailTold {
			return nil // it may answer no ping from there
		}
		return new(p.Outcome == diag.Answered)
	}
	q := diag.QuestionOf(p)
	if p.Via == diag.ViaApp {
		if n.answeredHere(p) {
			return new(false) // what is there answers who asks from here: it is this host that sends it elsewhere, or not
		}
		p.SourceClass = diag.SourceAssigned // whatever the kernel chose: applications have no other
	}
	if (p.Asks == diag.AsksTCP || p.Asks == diag.AsksService) && p.Outcome == diag.Silent && n.stoppedHere(p) {
		return new(false) // whatever is there, it is this host that lets its answer not in, or the question not out
	}
	if p.Asks == diag.AsksTCP && p.Outcome == diag.Silent && n.answered(p.Via, diag.Question{Interface: q.Interface, Asks: diag.AsksEcho, Source: q.Source, Target: q.Target}) {
		return nil // a firewall there, perhaps: of its ports nothing is known
	}
	if p.Asks == diag.AsksND && p.Via == diag.ViaKernel && p.Outcome == diag.Unsent && n.answered(diag.ViaKernel, diag.Question{Interface: q.Interface, Asks: diag.AsksEcho, Source: q.Source, Target: q.Target}) {
		return nil // the kernel sends it another way, and needed none
	}
	if p.Via == diag.ViaKernel && p.Outcome != diag.Answered && n.answered(diag.ViaWire, q) && p.Target != diag.VPCRouter {
		// The wire answered the same question: whatever this target does elsewhere, it answers here.
		return new(false)
	}
	if p.Via == diag.ViaWire && p.Outcome == diag.Silent && n.answered(diag.ViaKernel, q) {
		// It answered the kernel a moment before: a limit on its answers, not a fault.
		return nil
	}
	if p.Asks == diag.AsksND && p.Outcome == diag.Silent && (n.s.ClassOf(p.Interface, p.Target) == diag.SourceAssigned || n.link(p.Interface).Configured(p.Target)) {
		return new(true) // the interface's own address, which is not configured, or not in use: nobody has taken it
	}
	if p.Via != diag.ViaWire && p.Missing() && n.link(p.Interface).Configured(p.Target) {
		return nil // it became this host's own meanwhile: the kernel looks for nobody else
	}
	if p.Asks == diag.AsksND && p.TargetClass == diag.TargetPeer && p.Outcome == diag.Silent && n.routed(p) {
		return nil // it need not be on the link
	}
	if p.Missing() && (n.leadsNowhere(p) || n.onAnotherLink(p)) {
		return new(true)
	}
	if p.TargetClass == diag.TargetInternet && !p.Given && (p.Outcome == diag.Silent || p.Outcome == diag.Refused) && p.Ours() {
		if prefix := translator(n.link(p.Interface), p.Target); prefix.IsValid() {
			if n.answersIn(p.Interface, prefix) {
				return nil
			}
			return new(false) // the network itself says that IPv4 hosts are reached so
		}
	}
	if declines(p) && n.asksNameServer(p) {
		return new(false)
	}
	expect := n.expect(p)
	if p.Outcome == diag.Answered {
		switch {
		case expect == ExpectUnknown, expect == ExpectSilence && n.mayBeDelegated(p):
			return nil
		default:
			return new(expect != ExpectSilence)
		}
	}
	if p.Outcome == diag.Refused && p.Asks == diag.AsksMTU && p.Error != nil && p.Error.Type == diag.PacketTooBig {
		return new(true) // the error that must come came
	}
	switch expect {
	case ExpectAnswer:
		chosen := p.TargetClass == diag.TargetPeer || p.TargetClass == diag.TargetInternet
		if chosen && !p.Given && (p.Outcome != diag.Unsent || p.Errno == "") {
			return nil
		}
		return new(false)
	case ExpectSilence, ExpectEither:
		if p.Outcome == diag.Unsent {
			return nil // it never was asked
		}
		return new(true)
	default:
		return nil
	}
}

// answersIn reports whether an Internet host of a prefix answered anything.
func (n *normals) answersIn(iface string, prefix netip.Prefix) bool {
	return slices.ContainsFunc(n.s.Paths(), func(p diag.Path) bool {
		return p.Interface == iface && p.TargetClass == diag.TargetInternet && p.Outcome == diag.Answered && prefix.Contains(p.Target)
	})
}

// stoppedHere reports whether a connection, or a service's answer, came to nothing on this host: its kernel says so,
// the tap saw the answer arrive, or saw nothing leave although the next hop is known.
func (n *normals) stoppedHere(p diag.Path) bool {
	if e, dropped := n.s.DropOn(p); dropped && e.Body.(diag.Drop).ByFilter() && e.Seq > n.s.Begun(p.Check, p.Interface) {
		return true
	}
	if p.Detail == diag.DetailClosed {
		return false // it was told of the reset
	}
	if _, came := n.s.SegmentOn(p, false); came {
		// A service whose connection stands may still not answer what it is asked.
		return p.Asks == diag.AsksTCP || slices.ContainsFunc(n.s.Paths(), func(q diag.Path) bool {
			return q.Interface == p.Interface && q.Asks == diag.AsksTCP && q.Outcome == diag.Silent && n.stoppedHere(q)
		})
	}
	_, left := n.s.SegmentOn(p, true)
	byTCP := p.Asks == diag.AsksTCP || p.Target == diag.IMDSIPv6
	return !left && byTCP && p.Via == diag.ViaKernel && p.Sent > 0 && n.s.Complete(diag.FeedTCP) && n.s.Complete(diag.FeedFrames) &&
		n.s.HasPorts(p) && n.nextHopKnown(p)
}

// nextHopKnown reports whether the kernel knows the neighbour that it sends a path's packets to, so that nothing waits
// for it.
func (n *normals) nextHopKnown(p diag.Path) bool {
	hop, known := n.link(p.Interface).Gateway(p.Target, p.Source)
	if !hop.IsValid() {
		hop = p.Target
	}
	e, has := n.s.Neighbours.Find(diag.InterfaceAddr{Interface: p.Interface, Address: hop})
	return known && has && e.Fact.State.Resolved()
}

// answeredHere reports whether the target of a path answered the same when a socket bound to an address of the
// interface asked, or a frame of ours. What an unbound socket sends may come from another.
func (n *normals) answeredHere(p diag.Path) bool {
	q := diag.QuestionOf(p)
	return slices.ContainsFunc(n.link(p.Interface).Usable(), func(a diag.Address) bool {
		q.Source = a.Address
		return n.answered(diag.ViaKernel, q) || n.answered(diag.ViaWire, q)
	})
}

// onAnotherLink reports whether a link-local peer, named without a zone and therefore asked by every
// interface, answered by another: it is not on this link.
func (n *normals) onAnotherLink(p diag.Path) bool {
	if p.TargetClass != diag.TargetPeer || !p.Given || !p.Target.IsLinkLocalUnicast() {
		return false
	}
	for _, iface := range n.s.Run.Interfaces {
		if iface == p.Interface {
			continue
		}
		for _, a := range n.s.AddressesOn(iface) {
			q := diag.Question{Interface: iface, Asks: p.Asks, Source: a.Fact.Address, Target: p.Target}
			if n.answered(diag.ViaWire, q) || n.answered(diag.ViaKernel, q) {
				return true
			}
		}
	}
	return false
}

// routed reports whether the kernel sends what is for a path's target to a router, and nobody says that it is a neighbour.
func (n *normals) routed(p diag.Path) bool {
	via, known := n.link(p.Interface).Gateway(p.Target, p.Source)
	return known && via.IsValid() && !n.link(p.Interface).Within(p.Target)
}

// dad judges duplicate address detection, where silence is the good outcome.
func (n *normals) dad(p diag.Path) *bool {
	switch {
	case p.Outcome == diag.Silent:
		return new(true)
	case p.Outcome == diag.Answered && n.s.ClassOf(p.Interface, p.Target) == diag.SourceAssigned:
		return new(false)
	default:
		return nil
	}
}

// DetailOf returns the detail of a path in a network of a profile: as it is, or said more exactly
// where it is known whose address answered.
func DetailOf(s *diag.State, profile string, p diag.Path) string {
	if p.Detail != "answered-for" || !ProfileNamed(profile).Reserved {
		return p.Detail
	}
	mine := p.Source // the candidate
	if p.Asks == diag.AsksDAD {
		mine = p.Target
	}
	for _, subnet := range s.LinkOf(p.Interface).Announced() {
		switch {
		case mine == subnet.Masked().Addr().Next():
			return "answered-for-router"
		case diag.ReservedIn(subnet, mine):
			return "answered-for-reserved"
		}
	}
	if mine == diag.VPCRouter {
		return "answered-for-router"
	}
	return p.Detail
}
