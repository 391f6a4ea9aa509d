package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// filtered reports whether the network is known to drop what addr sends: it did not assign it, it
// is of a kind that filters (or was seen to), and nothing answered addr.
func (iv *ifaceView) filtered(addr netip.Addr) bool {
	return iv.class[addr] == diag.SourceUnassigned && (iv.profile.Filters || iv.silenced(addr)) && !iv.spoke(addr)
}

// strange reports whether an address of which it is not known whether it is assigned gets no answer to
// what another of the interface, likewise, is answered; or none at all, in a network that is known to filter.
func (iv *ifaceView) strange(addr netip.Addr) bool {
	return iv.class[addr] == diag.SourceUnknown && (iv.profile.Filters || iv.silenced(addr)) && !iv.spoke(addr)
}

// spoke reports whether a source got an answer that shows it may speak. An advertisement after a router
// solicitation may be one that all get now and then.
func (iv *ifaceView) spoke(addr netip.Addr) bool {
	echoed, resolved, unheard := false, false, false
	for _, p := range iv.paths {
		if p.Source != addr || p.Asks == diag.AsksDAD || p.Asks == diag.AsksRS {
			continue
		}
		switch {
		case p.Outcome == diag.Answered && p.Asks == diag.AsksND:
			resolved = true
		case p.Outcome == diag.Answered:
			echoed = true
		case p.Outcome == diag.Silent && p.Asks == diag.AsksEcho && iv.control(p) != nil:
			unheard = true
		}
	}
	return echoed || resolved && !unheard
}

// silenced reports whether a source got no answer where an assigned one did.
func (iv *ifaceView) silenced(addr netip.Addr) bool {
	return slices.ContainsFunc(iv.paths, func(p *path) bool {
		return p.Source == addr && p.silent() && !p.excused() && p.Asks != diag.AsksDAD && iv.control(p) != nil
	})
}

// control returns the path that proves that a silent path's target answers: the same question from
// an address that is assigned (or, where that is not known, configured), asked in the same way if
// there is one.
func (iv *ifaceView) control(p *path) *path {
	if p.Asks != diag.AsksND && p.origin == far {
		return nil
	}
	var best *path
	worth := func(c *path) int {
		n := 0
		if c.SourceClass == diag.SourceAssigned {
			n += 2
		}
		if c.Via == p.Via {
			n++
		}
		return n
	}
	for _, c := range iv.answers[asked{p.Asks, p.Target}] {
		if c.Source == p.Source {
			continue
		}
		if c.Ours() && (best == nil || worth(c) > worth(best)) {
			best = c
		}
	}
	return best
}

// unanswered reports whether others on the link solicited for an address of this host that can be used, and this host
// never advertised it there: also as it has the address on another interface.
func (iv *ifaceView) unanswered(addr netip.Addr) bool {
	_, inVain := iv.soughtInVain(addr)
	a, configured := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
	if !configured {
		a, configured = iv.s.Addresses[diag.InterfaceAddr{Interface: iv.s.InterfaceWith(addr), Address: addr}]
	}
	return configured && inVain && a.Fact.Flags.Usable() && !a.Fact.Passing()
}

// soughtInVain returns the newest solicitation of others for an address that this host never advertised, if it has
// had the time to.
func (iv *ifaceView) soughtInVain(addr netip.Addr) (e diag.Event, ok bool) {
	e = iv.traffic.sought[addr]
	return e, e.Body != nil && !iv.traffic.told[addr] && iv.s.Now.Sub(e.At) >= settled
}
