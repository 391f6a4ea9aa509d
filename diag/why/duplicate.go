package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var duplicate = Cause{
	ID: "address.duplicate", Severity: Critical,
	Remedy: []Remedy{
		way("not-twice", "ip -6 addr del {address}/{len} dev {interface}").when(notTwice).when(configuredHere).when(givenAway).kept(keep{undo: true, nm: "-ipv6.addresses {address}/{len}"}),
		ask("ask.holder").when(notTwice),
		ask("ask.two").when(as("twice")),
		way("", "ip -6 addr show dev {interface}").when(notTwice),
		way("", "ndisc6 -m {address} {interface}").when(as("shared", "twice")),
		inVPC("", "aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={address}"),
	},
	find: findDuplicate,
}

// notTwice holds where one of the two that have an address is this host.
func notTwice(_ *view, h *hypothesis) bool { return h.as != "twice" }

// givenAway holds unless an address that is in use here is known to be this host's alone.
func givenAway(v *view, h *hypothesis) bool {
	return h.as != "shared" || !v.on(h.iface).assignedAlone(h.addr)
}

var loopedBack = Cause{
	ID: "address.looped-back", Severity: Critical,
	Remedy: []Remedy{
		way("nonce", "sysctl -w net.ipv6.conf.{interface}.enhanced_dad=1", "ip -6 addr del {address}/{len} dev {interface} && ip -6 addr add {address}/{len} dev {interface}").
			when(configuredHere).kept(keep{sysctl: "{conf}.enhanced_dad=1"}),
		way("nonce", "sysctl -w net.ipv6.conf.{interface}.enhanced_dad=1", "ip -6 addr add {address}/{len} dev {interface}").
			when(func(v *view, h *hypothesis) bool { return !configuredHere(v, h) }).kept(keep{sysctl: "{conf}.enhanced_dad=1"}),
		ask("ask.loop"),
	},
	find: findLoopedBack,
}

// findLoopedBack looks for duplicates that are none: the network sent a solicitation of this host back to it, and
// its kernel, which put no nonce in, could not know it for its own (RFC 7527).
func findLoopedBack(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for key := range iv.s.DADFailures {
		e := iv.s.Said(key)
		a, ok := e.Body.(diag.Address)
		if !ok || key.Interface != iv.name {
			continue
		}
		addr := key.Address
		facts, confidence := iv.loopedBack(addr)
		if len(facts) == 0 {
			continue
		}
		h := hypothesis{
			direct: true, confidence: confidence, subject: addressSubject(addr), addr: addr, args: []any{"address", addr, "len", a.PrefixLen},
			facts: append([]diag.Event{e}, facts...),
		}
		rest(&h, iv.where(func(p *path) bool { return p.Asks == diag.AsksND && p.Target == addr })...)
		iv.explainAbsence(&h)
		list = append(list, h)
	}
	return list
}

// loopedBack returns what shows that a duplicate of an address was this host's own question, and how surely: it came
// back, or other frames do and nobody answers for the address. nil: it was not, or that was not seen.
func (iv *ifaceView) loopedBack(addr netip.Addr) ([]diag.Event, Confidence) {
	put, setting, known := iv.nonce()
	if _, objected := iv.objection(addr); put || objected {
		return nil, ""
	}
	asks := func(p *path) bool { return p.Asks == diag.AsksND && p.Target == addr && p.Via == diag.ViaWire }
	if iv.any(func(p *path) bool { return asks(p) && p.Outcome == diag.Answered }) {
		return nil, ""
	}
	unanswered := iv.any(func(p *path) bool { return asks(p) && p.Outcome == diag.Silent })
	var facts []diag.Event
	question, returned := iv.ownQuestion(addr)
	switch f, _ := question.Body.(diag.Frame); {
	case returned && len(f.Nonce) > 0:
		return nil, ""
	case returned:
		facts = append(facts, question)
	case unanswered && len(iv.traffic.reflected) > 0:
		facts = append(facts, iv.traffic.reflected[0])
	default:
		return nil, ""
	}
	if known {
		facts = append(facts, setting)
	}
	if unanswered && (known || returned) {
		return facts, Certain
	}
	return facts, Likely
}

// nonce reports whether the kernel puts one into the solicitations of duplicate address detection: it does where
// either setting says so (net/ipv6/addrconf.c, addrconf_dad_kick). That it does not takes both.
func (iv *ifaceView) nonce() (put bool, event diag.Event, known bool) {
	_, event = iv.sysctl("enhanced_dad")
	one, read := iv.s.Sysctl(iv.name, "enhanced_dad")
	every, also := iv.s.Sysctl("all", "enhanced_dad")
	put = read && one != "0" || also && every != "0"
	return put, event, put || read && also
}

// explainAbsence says that h is why its address cannot be used.
func (iv *ifaceView) explainAbsence(h *hypothesis) {
	for y, s := range iv.symptoms {
		if s.iface == iv.name && (s.kind == absent && s.addr == h.addr || s.kind == noGlobal) {
			h.symptoms = append(h.symptoms, y)
		}
	}
}

func findDuplicate(iv *ifaceView) []hypothesis {
	var list []hypothesis
	found := map[netip.Addr]bool{}
	for key := range iv.s.DADFailures {
		addr := key.Address
		if key.Interface != iv.name || iv.isCandidate(addr) {
			continue
		}
		if looped, _ := iv.loopedBack(addr); len(looped) > 0 {
			continue
		}
		e := iv.s.Said(key)
		if a, ok := e.Body.(diag.Address); ok && a.Passing() || iv.clashes(addr) {
			continue
		}
		found[addr] = true
		h := hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(addr), addr: addr,
			args: []any{"address", addr}, facts: []diag.Event{e},
		}
		iv.whoObjected(&h)
		if put, _, known := iv.nonce(); h.as == "unseen" && known && !put {
			h.confidence = Possible // it may have been this host's own question, back from the network
		}
		list = append(list, h)
	}
	for _, p := range iv.paths {
		if p.Asks != diag.AsksND && p.Asks != diag.AsksDAD || p.Outcome != diag.Answered || found[p.Target] || iv.isCandidate(p.Target) {
			continue
		}
		for _, r := range p.Responders {
			if r.MAC == (diag.MAC{}) || iv.s.OwnMAC(r.MAC) || !iv.assignedAlone(p.Target) && !iv.offeredAlone(p.Target) ||
				diag.ScopeOf(p.Target) == diag.LinkLocalScope || iv.heldElsewhere(p.Target) || iv.net.Configured(p.Target) && p.Asks != diag.AsksDAD || iv.proxying(r.MAC, p.Target) {
				continue
			}
			found[p.Target] = true
			h := hypothesis{
				direct: true, confidence: Certain, subject: addressSubject(p.Target), addr: p.Target,
				args: []any{"address", p.Target, "foreign", r.MAC}, more: []string{"cause.address.duplicate.foreign"},
			}
			if !iv.assignedAlone(p.Target) {
				h.more = []string{"cause.address.duplicate.offered"}
				h.facts = append(h.facts, iv.s.Offer(iv.name))
				iv.explainKind(&h, noGlobal)
			}
			iv.explain(&h, p)
			rest(&h, p)
			list = append(list, h)
			break
		}
	}
	for i := range list {
		if a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: list[i].addr}]; ok {
			list[i].args = append(list[i].args, "len", a.Fact.PrefixLen)
		}
		iv.explainAbsence(&list[i])
	}
	return append(list, iv.sharedAddresses(found)...)
}

// proxying reports whether a MAC is that of a router which answers for hosts as well, as where these are kept apart: that
// it answers for one more address does not make that its own.
func (iv *ifaceView) proxying(mac diag.MAC, addr netip.Addr) bool {
	return iv.answersBy(mac, diag.TargetRouter, addr) && iv.answersBy(mac, diag.TargetPeer, addr)
}

// proxied reports whether nobody but a router answers neighbour discovery for an address: that somebody has it is then not
// said, for a router may answer for whoever there is, or was (RFC 4389).
func (iv *ifaceView) proxied(addr netip.Addr) bool {
	answers := iv.answers[asked{diag.AsksND, addr}]
	return len(answers) > 0 && !slices.ContainsFunc(answers, func(p *path) bool {
		return slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return !iv.answersBy(r.MAC, diag.TargetRouter, addr) })
	})
}

// answersBy reports whether somebody of a class, another than addr, was answered for by a MAC.
func (iv *ifaceView) answersBy(mac diag.MAC, class diag.TargetClass, addr netip.Addr) bool {
	return iv.any(func(p *path) bool {
		return p.Asks == diag.AsksND && p.TargetClass == class && p.Target != addr && slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.MAC == mac })
	})
}

// shared reports whether another host advertises an address that this interface has in use.
func (iv *ifaceView) shared(addr netip.Addr) bool {
	e, claimed := iv.traffic.claimed[addr]
	a, ours := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
	return claimed && ours && a.Fact.Flags.Usable() && !e.At.Before(a.At)
}

// sharedAddresses are addresses in use by two hosts at once: one that this interface has, for which another
// advertises itself, and a neighbour's, for which two answer.
func (iv *ifaceView) sharedAddresses(found map[netip.Addr]bool) []hypothesis {
	var list []hypothesis
	for addr, e := range iv.traffic.claimed {
		f, _ := e.Body.(diag.Frame)
		a, ours := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
		pair, two := iv.traffic.rivals[addr]
		h := hypothesis{direct: true, confidence: Certain, subject: addressSubject(addr), addr: addr}
		switch {
		case found[addr] || iv.isCandidate(addr):
			continue
		case iv.shared(addr):
			h.as, h.facts, h.args = "shared", []diag.Event{e}, []any{"address", addr, "len", a.Fact.PrefixLen, "foreign", f.LLAddr}
			iv.explain(&h, iv.where(func(p *path) bool { return p.fate == diverted && p.Source == addr && p.symptom >= 0 })...)
		case !ours && two:
			first, _ := pair[0].Body.(diag.Frame)
			second, _ := pair[1].Body.(diag.Frame)
			if first.LLAddr.String() > second.LLAddr.String() {
				first, second = second, first
			}
			h.as, h.facts, h.args = "twice", pair[:], []any{"address", addr, "first", first.LLAddr, "second", second.LLAddr}
			if !iv.net.IsRouter(addr) {
				h.severity = Warning
			}
			iv.explain(&h, iv.where(func(p *path) bool { return p.Target == addr && p.symptom >= 0 && p.beyondHost() })...)
			iv.takenForRouter(&h)
		default:
			continue
		}
		list = append(list, h)
	}
	return list
}

// takenForRouter has h explain what goes wrong beyond a router whose address another host has too: packets reach that one
// instead, and where it says that it is no router, the kernel drops the default route (RFC 4861 §7.2.5).
func (iv *ifaceView) takenForRouter(h *hypothesis) {
	if !iv.net.IsRouter(h.addr) {
		return
	}
	iv.explain(h, iv.where(func(p *path) bool {
		return p.symptom >= 0 && p.Missing() && p.Ours() && !iv.near(p.Target) && !p.Target.IsMulticast() && iv.routerTo(p) == h.addr
	})...)
	if iv.denied(h.addr) {
		iv.explainKind(h, noDefault)
		iv.explain(h, iv.routed()...)
		h.more = append(h.more, "cause.address.duplicate.router")
	}
}

// denied reports whether one of two hosts that have a router's address says that it is no router.
func (iv *ifaceView) denied(router netip.Addr) bool {
	pair, two := iv.traffic.rivals[router]
	return two && slices.ContainsFunc(pair[:], func(e diag.Event) bool { return !e.Body.(diag.Frame).Router })
}

// whoObjected says who made duplicate address detection fail, as far as that was seen: who answered, or asked the same,
// or else who answers for the address now.
func (iv *ifaceView) whoObjected(h *hypothesis) {
	if e, ok := iv.objection(h.addr); ok {
		f, _ := e.Body.(diag.Frame)
		h.args, h.more, h.facts = append(h.args, "foreign", f.SrcMAC), []string{"cause.address.duplicate.dad"}, append(h.facts, e)
		return
	}
	for _, p := range iv.answers[asked{diag.AsksND, h.addr}] {
		if len(p.Responders) > 0 && !iv.s.OwnMAC(p.Responders[0].MAC) {
			h.args, h.more = append(h.args, "foreign", p.Responders[0].MAC), []string{"cause.address.duplicate.holder"}
			rest(h, p)
			return
		}
	}
	h.as = "unseen"
}

// objection returns the first frame in which somebody else says that an address is theirs, or is to be.
func (iv *ifaceView) objection(addr netip.Addr) (diag.Event, bool) {
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if ok && iv.claims(f, addr) && (f.SrcMAC != iv.net.Link.MAC || iv.impostor(e)) {
			return e, true
		}
	}
	return diag.Event{}, false
}

// ownQuestion returns the first solicitation of duplicate address detection for an address that came back to whom it
// was from.
func (iv *ifaceView) ownQuestion(addr netip.Addr) (diag.Event, bool) {
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if ok && f.Type == diag.NS && iv.claims(f, addr) && f.SrcMAC == iv.net.Link.MAC && !iv.impostor(e) {
			return e, true
		}
	}
	return diag.Event{}, false
}

// claims reports whether a frame that arrived has duplicate address detection for an address fail: an advertisement for
// it, or the same question (RFC 4862 §5.4.3, 5.4.4).
func (iv *ifaceView) claims(f diag.Frame, addr netip.Addr) bool {
	return f.Interface == iv.name && !f.Out && f.Bad == "" && f.Target == addr && (f.Type == diag.NA || f.Type == diag.NS && f.Src.IsUnspecified())
}

// assignedAlone reports whether an address is assigned as such, and not as part of a prefix: of a
// prefix, others may hold addresses.
func (iv *ifaceView) assignedAlone(addr netip.Addr) bool {
	return slices.ContainsFunc(iv.assigned, func(a diag.Assignment) bool { return a.Prefix.IsSingleIP() && a.Prefix.Addr() == addr })
}

// offeredAlone reports whether a DHCPv6 server has an address for the interface, which has no other: its client would give
// it back (RFC 8415 §18.2.8) if somebody else had it.
func (iv *ifaceView) offeredAlone(addr netip.Addr) bool {
	return iv.managed() != nil && iv.dhcpSeverity() == Critical &&
		slices.ContainsFunc(iv.s.Offers[iv.name].Fact.Addresses, func(a diag.LeaseAddress) bool { return a.Prefix.IsSingleIP() && a.Prefix.Addr() == addr })
}

// heldElsewhere reports whether another interface of this host has addr.
func (iv *ifaceView) heldElsewhere(addr netip.Addr) bool {
	for k := range iv.s.Addresses {
		if k.Address == addr && k.Interface != iv.name {
			return true
		}
	}
	return false
}

// configuredHere holds where the kernel has a hypothesis' address.
func configuredHere(v *view, h *hypothesis) bool { return v.on(h.iface).net.Configured(h.addr) }
