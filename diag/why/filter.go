package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var perAddressFilter = Cause{
	ID: "net.per-address-filter", Severity: Info, find: findPerAddressFilter, contradicted: candidateSpoke,
}

var openLink = Cause{
	ID: "net.open-link", Severity: Info, find: findOpenLink,
}

func candidateSpoke(iv *ifaceView, _ hypothesis) bool {
	sought := iv.traffic.sought
	return iv.any(func(p *path) bool {
		return p.SourceClass == diag.SourceCandidate && (sought[p.Source].Body != nil || iv.spoke(p.Source))
	})
}

// findPerAddressFilter wants the two controls: an assigned address was answered, and one that
// nobody assigned was not, by the same target asked in the same way.
func findPerAddressFilter(iv *ifaceView) []hypothesis {
	if iv.toAnother() {
		return nil
	}
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true}
	candidates, dropped := 0, map[[2]netip.Addr]bool{}
	for _, class := range []diag.SourceClass{diag.SourceCandidate, diag.SourceUnassigned} {
		for _, p := range iv.paths {
			if p.SourceClass != class || p.Outcome != diag.Silent || !p.Reaches() {
				continue
			}
			if class == diag.SourceUnassigned && iv.s.InterfaceWith(p.Source) != iv.name {
				continue // an application's, that left by another
			}
			if class == diag.SourceUnassigned && p.TargetClass == diag.TargetInternet && iv.leftOut(p.Source) {
				continue // it may have the prefix of another router than the one that it is sent to
			}
			c := iv.control(p)
			if c == nil || class == diag.SourceCandidate && iv.kinSilent(p) || class == diag.SourceUnassigned && (diag.ScopeOf(p.Source) == diag.LinkLocalScope || iv.spoke(p.Source)) {
				continue
			}
			iv.explain(&h, p)
			rest(&h, c, p)
			dropped[[2]netip.Addr{p.Source, p.Target}] = true
			if len(h.args) == 0 {
				h.args = []any{"source", c.Source, "candidate", p.Source, "target", p.Target}
			}
			if class == diag.SourceCandidate {
				candidates++
				if c.SourceClass == diag.SourceAssigned {
					h.confidence = Certain
				}
			}
		}
		if candidates > 0 {
			break
		}
	}
	if len(h.args) == 0 {
		return nil
	}
	iv.explain(&h, iv.where(func(p *path) bool { // what else they asked the same one, though ours got no answer to that either
		return p.symptom >= 0 && p.Outcome == diag.Silent && dropped[[2]netip.Addr{p.Source, p.Target}]
	})...)
	return []hypothesis{h}
}

// kinSilent reports whether an address of ours with the same 64 bits in front fares no better than a candidate: then it
// is the prefix that is not let through, or not answered.
func (iv *ifaceView) kinSilent(p *path) bool {
	prefix := netip.PrefixFrom(p.Source, 64).Masked()
	return diag.ScopeOf(p.Source) == diag.GlobalScope && iv.any(func(q *path) bool {
		return q.Ours() && q.silent() && q.Asks == p.Asks && q.Target == p.Target && prefix.Contains(q.Source)
	}) && !iv.any(func(q *path) bool {
		return q.Ours() && q.Outcome == diag.Answered && q.Asks == p.Asks && q.Target == p.Target && prefix.Contains(q.Source)
	})
}

func findOpenLink(iv *ifaceView) []hypothesis {
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}}
	silent := iv.any(func(p *path) bool {
		return p.SourceClass == diag.SourceCandidate && p.Outcome == diag.Silent && iv.control(p) != nil && !iv.spoke(p.Source)
	})
	if iv.any(func(p *path) bool {
		return p.SourceClass == diag.SourceCandidate && p.Outcome == diag.Silent && iv.besideOurs(p.Source) && iv.control(p) != nil && !iv.spoke(p.Source)
	}) {
		return nil // some do, and some do not: those that do may be this host's all the same
	}
	apart := false // one that is none of a prefix which may be this host's
	for _, p := range iv.paths {
		// A configured address that is answered where candidates are silent is assigned after all.
		tried := p.SourceClass == diag.SourceCandidate || p.SourceClass == diag.SourceUnassigned && !silent
		if !tried || p.Outcome != diag.Answered || !p.Reaches() || !iv.spoke(p.Source) {
			continue
		}
		iv.explain(&h, p)
		rest(&h, p)
		if len(h.args) == 0 {
			h.args = []any{"source", p.Source, "target", p.Target}
		}
		apart = apart || !inDelegated(iv.net, p.Source)
		if p.Asks == diag.AsksEcho && iv.s.AssignmentKnown(iv.name, diag.GlobalScope) && assignmentConfidence(iv.s, iv.assigned) == Certain {
			h.confidence = Certain // a lease names what one client asked for, and the interface may have more
		}
	}
	if len(h.args) == 0 {
		return nil
	}
	if !apart && h.confidence != Certain {
		h.confidence = Possible
	}
	return []hypothesis{h}
}

// delegated is how long a prefix is that a network may give to an interface as a whole (Amazon EC2 user guide, "Prefix
// delegation").
const delegated = 80

// inDelegated reports whether an address has the prefix of one of a link's that may be the link's as a whole.
func inDelegated(link *diag.LinkModel, addr netip.Addr) bool {
	return slices.ContainsFunc(link.Usable(), func(a diag.Address) bool {
		return diag.ScopeOf(a.Address) == diag.GlobalScope && netip.PrefixFrom(a.Address, delegated).Masked().Contains(addr)
	})
}

// besideOurs reports whether a global address has the 64 bits of one of the interface's.
func (iv *ifaceView) besideOurs(addr netip.Addr) bool {
	return diag.ScopeOf(addr) == diag.GlobalScope && slices.ContainsFunc(iv.net.Usable(), func(a diag.Address) bool {
		return netip.PrefixFrom(a.Address, 64).Masked().Contains(addr)
	})
}
