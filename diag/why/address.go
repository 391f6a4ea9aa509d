package why

import (
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
	Remedy:       []Remedy{addressAway("")},
	find:         findReserved,
	contradicted: sourceSpoke,
}

var linkLocalNotEUI64 = Cause{
	ID: "address.link-local-not-eui64", Severity: Warning, Answers: maySpeak,
	Remedy: []Remedy{
		way("eui64", "ip -6 addr add {right}/64 dev {interface}", "ip -6 addr del {address}/{len} dev {interface}").
			kept(keep{sysctl: "{conf}.addr_gen_mode=0", networkd: "[Network] IPv6LinkLocalAddressGenerationMode=eui64", nm: "ipv6.addr-gen-mode eui64"}),
		way("eui64-again", "sysctl -w net.ipv6.conf.{interface}.addr_gen_mode=0", "ip link set dev {interface} down && ip link set dev {interface} up").
			kept(keep{sysctl: "{conf}.addr_gen_mode=0", networkd: "[Network] IPv6LinkLocalAddressGenerationMode=eui64", nm: "ipv6.addr-gen-mode eui64"}),
	},
	find:         findLinkLocalNotEUI64,
	contradicted: sourceSpoke,
}

var unassigned = Cause{
	ID: "address.unassigned", Severity: Warning, Answers: maySpeak,
	Remedy: []Remedy{
		inVPC("assign", "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}").when(assignable),
		addressAway("address-away"),
	},
	find:         findUnassigned,
	contradicted: sourceSpoke,
}

// addressAway deletes an address.
func addressAway(does string) Remedy {
	return way(does, "ip -6 addr del {address}/{len} dev {interface}").kept(keep{undo: true, nm: "-ipv6.addresses {address}/{len}"})
}

// addressOf keeps an address.
func addressOf(prefix string) keep {
	return keep{networkd: "[Address] Address=" + prefix, netplan: "addresses=[" + prefix + "]", nm: "+ipv6.addresses " + prefix, up: true}
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
func (iv *ifaceView) assignmentConfidence() Confidence {
	for _, a := range iv.assigned {
		if a.Source == diag.FromIMDS || a.Source == diag.FromUser {
			return Certain
		}
	}
	if iv.s.Metadata.State == diag.MetadataNone {
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
			if m.MAC == iv.net.Link.MAC || !m.Holds(a.Fact.Address) {
				continue
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

func findLinkLocalNotEUI64(iv *ifaceView) []hypothesis {
	if !iv.profile.EUI64Required || !iv.net.Known || iv.net.Link.MAC == (diag.MAC{}) {
		return nil
	}
	var list []hypothesis
	for _, a := range iv.addresses {
		addr := a.Fact.Address
		if diag.ScopeOf(addr) != diag.LinkLocalScope || iv.class[addr] == diag.SourceAssigned || a.Fact.Passing() || !a.Fact.Flags.Usable() {
			continue
		}
		h := iv.about(a)
		h.confidence = Likely
		if iv.silenced(addr) {
			h.confidence = Certain
		}
		h.args = append(h.args, "right", iv.net.Link.MAC.LinkLocal())
		list = append(list, h)
	}
	return list
}

func findUnassigned(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, a := range iv.addresses {
		addr := a.Fact.Address
		if !iv.global(a.Fact) || iv.class[addr] != diag.SourceUnassigned || !a.Fact.Flags.Usable() || iv.fromPrefix(a.Fact) {
			continue
		}
		silenced := iv.silenced(addr)
		if !iv.profile.Filters && !silenced {
			continue
		}
		h := iv.about(a)
		h.confidence = iv.assignmentConfidence()
		if silenced {
			h.confidence = Certain
			h.more = append(h.more, "cause.address.unassigned.seen")
		}
		for _, p := range iv.paths {
			if p.Source == addr && p.Outcome == diag.Silent {
				rest(&h, iv.control(p))
			}
		}
		h.facts = append(h.facts, iv.s.Said(diag.Metadata{}))
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
