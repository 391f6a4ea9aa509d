package why

import (
	"slices"

	"ndwhy/diag"
)

var wrongInterface = Cause{
	ID: "address.wrong-interface", Severity: Critical, Answers: maySpeak,
	Remedy: []Remedy{
		way("move", "ip -6 addr del {address}/{len} dev {interface}", "ip -6 addr add {address}/128 dev {other}").
			kept(keep{undo: true, nm: "-ipv6.addresses {address}/{len}"}),
		inVPC("assign-here", "aws ec2 unassign-ipv6-addresses --network-interface-id {owner} --ipv6-addresses {address}",
			"aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}"),
	},
	find: findWrongInterface,
}

var reserved = Cause{
	ID: "address.reserved", Severity: Warning, Answers: maySpeak,
	Remedy:       []Remedy{addressAway("").when(otherwise(madeAgain)), noAutoconf.when(madeAgain).when(onlyMade)},
	find:         findReserved,
	contradicted: sourceSpoke,
}

var linkLocalNotEUI64 = Cause{
	ID: "address.link-local-not-eui64", Severity: Warning, Answers: maySpeak,
	Remedy: []Remedy{
		way("eui64", "ip -6 addr add {right}/64 dev {interface}", "ip -6 addr del {address}/{len} dev {interface}").
			when(as("", "asked", "silent", "unproven")).when(lacksEUI64).kept(generated),
		way("eui64-too", "ip -6 addr add {right}/64 dev {interface}").when(as("routed")).kept(generated),
		way("eui64-again", "sysctl -w net.ipv6.conf.{interface}.addr_gen_mode=0", "ip link set dev {interface} down && ip link set dev {interface} up").
			when(as("", "asked", "silent", "unproven")).when(lacksEUI64).kept(generated),
		addressAway("eui64-only").when(func(v *view, h *hypothesis) bool { return !lacksEUI64(v, h) }),
	},
	find: func(iv *ifaceView) []hypothesis {
		if h, ok := iv.unrouted(); ok {
			return []hypothesis{h}
		}
		return findLinkLocalNotEUI64(iv)
	},
	contradicted: func(iv *ifaceView, h hypothesis) bool { return h.as != "routed" && sourceSpoke(iv, h) },
}

var unassigned = Cause{
	ID: "address.unassigned", Severity: Warning, Answers: maySpeak,
	Remedy: []Remedy{
		inVPC("assign", "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}").when(assignable),
		noTemporary.when(temporaryOne),
		ask("ask.announcer").when(announced),
		addressAway("address-away").when(otherwise(temporaryOne)).when(otherwise(madeAgain)),
		noAutoconf.when(otherwise(temporaryOne)).when(madeAgain).when(onlyMade),
	},
	find:         findUnassigned,
	contradicted: sourceSpoke,
}

// addressAway deletes an address.
func addressAway(does string) Remedy {
	return way(does, "ip -6 addr del {address}/{len} dev {interface}").kept(keep{undo: true, nm: "-ipv6.addresses {address}/{len}"})
}

// noAutoconf has the kernel make no addresses of what routers announce, and takes away the one that is there: alone that
// lasts until the next advertisement.
var noAutoconf = way("no-autoconf", "sysctl -w net.ipv6.conf.{interface}.autoconf=0", "ip -6 addr del {address}/{len} dev {interface}").
	kept(keep{sysctl: "{conf}.autoconf=0", networkd: "[IPv6AcceptRA] UseAutonomousPrefix=no"})

// onlyMade holds where an interface has no other address that advertisements make, of which nobody says that it is not
// assigned.
func onlyMade(v *view, h *hypothesis) bool {
	iv := v.on(h.iface)
	return !slices.ContainsFunc(iv.addresses, func(a diag.At[diag.Address]) bool {
		made := a.Fact.Origin == "kernel_ra" || a.Fact.Flags&diag.ManageTemp != 0
		return made && a.Fact.Flags&diag.Permanent == 0 && a.Fact.Address != h.addr && !iv.filtered(a.Fact.Address)
	})
}

// madeAgain holds where the next advertisement makes a hypothesis' address again: an advertisement made it, whether or not
// that was heard, and none has said since that its prefix is over.
func madeAgain(v *view, h *hypothesis) bool {
	a, ok := factOf[diag.Address](h)
	if !ok || a.Flags&diag.Permanent != 0 {
		return false
	}
	return a.Origin == "kernel_ra" || a.Flags&diag.ManageTemp != 0 || announced(v, h)
}

// addressOf keeps an address.
func addressOf(prefix string) keep {
	return keep{networkd: "[Address] Address=" + prefix, netplan: "addresses=[" + prefix + "]", nm: "+ipv6.addresses " + prefix, up: true}
}

// generated has the link-local address be made of the MAC.
var generated = keep{sysctl: "{conf}.addr_gen_mode=0", networkd: "[Network] IPv6LinkLocalAddressGenerationMode=eui64", nm: "ipv6.addr-gen-mode eui64"}

// lacksEUI64 holds where an interface does not have the link-local address that is made of its MAC.
func lacksEUI64(v *view, h *hypothesis) bool {
	l := v.on(h.iface).net
	return !l.Configured(l.Link.MAC.LinkLocal())
}

func sourceSpoke(iv *ifaceView, h hypothesis) bool { return iv.spoke(h.addr) }

// assignable reports whether the VPC could assign a hypothesis' address to its interface: it lies in
// its subnet, and is none of those that the VPC keeps for itself.
func assignable(v *view, h *hypothesis) bool {
	for _, iv := range v.ifaces {
		if iv.name != h.iface {
			continue
		}
		for _, p := range iv.subnets() {
			if p.Contains(h.addr) {
				return !diag.ReservedIn(p, h.addr)
			}
		}
	}
	return false
}

// assignmentConfidence is how sure it is that an address outside the assigned set is not assigned:
// the infrastructure's or the user's own word is whole, a lease names what one client asked for.
func assignmentConfidence(s *diag.State, assigned []diag.Assignment) Confidence {
	for _, a := range assigned {
		if a.Source == diag.FromIMDS || a.Source == diag.FromUser {
			return Certain
		}
	}
	if s.Metadata.State == diag.MetadataNone {
		return Certain
	}
	return Likely
}

// about is a direct hypothesis of a configured address, with the silent paths from it.
func (iv *ifaceView) about(a diag.At[diag.Address]) hypothesis {
	addr := a.Fact.Address
	h := hypothesis{
		direct: true, confidence: Certain, subject: addressSubject(addr), addr: addr,
		args: []any{"address", addr, "len", a.Fact.PrefixLen}, facts: []diag.Event{diag.FactOf(a)},
	}
	for _, p := range iv.paths {
		if p.Source == addr && p.Missing() && p.Asks != diag.AsksDAD {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	return h
}

func findWrongInterface(iv *ifaceView) []hypothesis {
	if inside(iv.s) {
		return nil // a pod has an address of the instance's interface, and by right
	}
	var list []hypothesis
	for _, a := range iv.addresses {
		if !iv.global(a.Fact) || iv.class[a.Fact.Address] == diag.SourceAssigned {
			continue
		}
		for _, m := range iv.s.Metadata.Interfaces {
			if right, ok := iv.namedMAC(); m.MAC == iv.net.Link.MAC || !m.Holds(a.Fact.Address) || ok && m.MAC == right {
				continue // an interface that nobody has is this one, under another MAC
			}
			h := iv.about(a)
			other := m.MAC.String()
			for name, l := range iv.s.Links {
				if l.MAC == m.MAC {
					other = name
				}
			}
			owner := m.ID
			if owner == "" {
				owner = "<eni-id>"
			}
			h.args = append(h.args, "other", other, "owner", owner)
			h.facts = append(h.facts, iv.s.Said(diag.Metadata{}))
			for i, y := range iv.symptoms {
				if y.kind == absent && y.addr == a.Fact.Address || y.kind == noGlobal && y.iface == other {
					h.symptoms = append(h.symptoms, i)
				}
			}
			list = append(list, h)
			break
		}
	}
	return list
}

func findReserved(iv *ifaceView) []hypothesis {
	if !iv.profile.Reserved {
		return nil
	}
	var list []hypothesis
	subnets := iv.subnets()
	for _, a := range iv.addresses {
		if !iv.global(a.Fact) || iv.class[a.Fact.Address] == diag.SourceAssigned {
			continue
		}
		for _, subnet := range subnets {
			if diag.ReservedIn(subnet, a.Fact.Address) {
				h := iv.about(a)
				h.args = append(h.args, "subnet-prefix", subnet)
				list = append(list, h)
				break
			}
		}
	}
	return list
}

// findLinkLocalNotEUI64 looks for link-local addresses that are not made of the MAC, in a network that is known to let
// no others speak, or that was seen to: the router answers the one that is, and not them.
func findLinkLocalNotEUI64(iv *ifaceView) []hypothesis {
	byMAC, mute := iv.byMAC(), len(iv.neighboursInVain()) > 0 && !iv.heeded()
	var list []hypothesis
	for _, a := range iv.madeOtherwise() {
		addr := a.Fact.Address
		h := iv.about(a)
		h.confidence = Likely
		h.args = append(h.args, "right", iv.net.Link.MAC.LinkLocal())
		if mode, e := iv.sysctl("addr_gen_mode"); mode != "" {
			h.facts = append(h.facts, e)
		}
		switch {
		case byMAC != nil && iv.silenced(addr):
			h.confidence, h.as = Certain, "asked"
			h.args = append(h.args, "asked", byMAC.Target)
			rest(&h, byMAC)
			iv.explainBesides(&h)
		case iv.profile.EUI64Required:
			if iv.net.Configured(iv.net.Link.MAC.LinkLocal()) {
				h.as = "besides"
			}
			if iv.silenced(addr) {
				h.confidence = Certain
			} else if mute && byMAC == nil {
				iv.explainBesides(&h)
			}
		case iv.silenced(addr) && !iv.spoke(addr):
			h.as = "silent"
		case mute && byMAC == nil && !iv.any(func(p *path) bool { return p.Source == iv.net.Link.MAC.LinkLocal() && p.silent() }):
			h.direct, h.confidence, h.as = false, Possible, "unproven"
			iv.explainBesides(&h)
		default:
			continue
		}
		list = append(list, h)
	}
	return list
}

// madeOtherwise are the link-local addresses of the interface that are not made of its MAC.
func (iv *ifaceView) madeOtherwise() []diag.At[diag.Address] {
	var list []diag.At[diag.Address]
	for _, a := range iv.addresses {
		addr := a.Fact.Address
		if iv.net.Known && iv.net.Link.MAC != (diag.MAC{}) && diag.ScopeOf(addr) == diag.LinkLocalScope && iv.class[addr] != diag.SourceAssigned &&
			!a.Fact.Passing() && a.Fact.Flags.Usable() {
			list = append(list, a)
		}
	}
	return list
}

// byMAC returns the answer of a router to the link-local address that is made of the MAC, where the interface does not
// have it; nil where none came.
func (iv *ifaceView) byMAC() *path {
	own := iv.net.Link.MAC.LinkLocal()
	return iv.first(of(func(p *path) bool {
		return p.Source == own && p.Asks == diag.AsksND && p.Outcome == diag.Answered && !iv.net.Configured(own)
	}))
}

// explainBesides says that h is why nothing that is sent from an address not made of the MAC is answered.
func (iv *ifaceView) explainBesides(h *hypothesis) {
	own := iv.net.Link.MAC.LinkLocal().As16()
	iv.explain(h, iv.where(func(p *path) bool {
		source := p.Source.As16()
		made := p.Source.Is6() && [8]byte(source[8:]) == [8]byte(own[8:])
		return p.symptom >= 0 && p.Missing() && !made && (p.silent() && !p.local() || iv.waitedForRouter(p))
	})...)
	if iv.managed() != nil || len(iv.net.Offering()) == 0 {
		iv.explainKind(h, noGlobal, absent)
	}
	if len(iv.net.Offering()) == 0 {
		iv.explainKind(h, noDefault)
	}
}

func findUnassigned(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, a := range iv.addresses {
		addr := a.Fact.Address
		if !iv.global(a.Fact) || iv.class[addr] != diag.SourceUnassigned || !a.Fact.Flags.Usable() || iv.fromPrefix(a.Fact) || iv.madeUp(addr) {
			continue
		}
		silenced := iv.silenced(addr)
		if !iv.profile.Filters && !silenced {
			continue
		}
		h := iv.about(a)
		h.confidence = assignmentConfidence(iv.s, iv.assigned)
		if silenced {
			h.confidence = Certain
			h.more = append(h.more, "cause.address.unassigned.seen")
		} else {
			h.as = "unseen"
			if h.confidence == Certain {
				h.confidence = Likely
			} else {
				h.confidence = Possible // of what one client was given, and no more, nothing tells what else is assigned
			}
		}
		for _, p := range iv.paths {
			if p.Source == addr && p.Outcome == diag.Silent {
				rest(&h, iv.control(p))
			}
		}
		h.facts = append(h.facts, iv.s.Said(diag.Metadata{}))
		iv.tellAnnouncer(&h)
		iv.tellTemporary(&h)
		iv.explainKind(&h, noGlobal)
		list = append(list, h)
	}
	return list
}

// fromPrefix reports whether the host made an address of its own from an advertised prefix, as
// the router told it to (RFC 4862 §5.5.3): then a network that filters only what it gave is not
// this one, unless it is of a kind that is known to.
func (iv *ifaceView) fromPrefix(a diag.Address) bool {
	if iv.profile.Filters {
		return false
	}
	for _, r := range iv.net.Routers {
		for _, p := range r.Last.Prefixes {
			if p.Autonomous && p.Prefix.Contains(a.Address) {
				return true
			}
		}
	}
	return false
}
