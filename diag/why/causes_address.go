package why

import (
	"math"
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var addressCauses = []Cause{
	{
		ID: "assignment.none", Severity: Critical, Hides: []string{"dhcpv6.no-address"},
		Remedy: onAWS(
			"aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-address-count 1",
			"aws ec2 modify-subnet-attribute --subnet-id {subnet} --assign-ipv6-address-on-creation",
		),
		find: findAssignmentNone,
	},
	{
		ID: "address.duplicate", Severity: Critical, Hides: []string{"address.unassigned", "address.expiring"},
		Remedy: slices.Concat(
			always("ip -6 addr show dev {interface}"),
			onAWS("aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={address}"),
		),
		find: findDuplicate,
	},
	{
		ID: "address.wrong-interface", Severity: Critical,
		Hides: []string{"address.reserved", "address.link-local-not-eui64", "address.unassigned"},
		Remedy: slices.Concat(
			always("ip -6 addr del {address}/{len} dev {interface}", "ip -6 addr add {address}/128 dev {other}"),
			onAWS(
				"aws ec2 unassign-ipv6-addresses --network-interface-id {owner} --ipv6-addresses {address}",
				"aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}",
			),
		),
		find: findWrongInterface,
	},
	{
		ID: "address.reserved", Severity: Warning,
		Hides:        []string{"address.link-local-not-eui64", "address.unassigned"},
		Remedy:       always("ip -6 addr del {address}/{len} dev {interface}"),
		find:         findReserved,
		contradicted: sourceSpoke,
	},
	{
		ID: "address.link-local-not-eui64", Severity: Warning, Hides: []string{"address.unassigned"},
		Remedy: always(
			"sysctl -w net.ipv6.conf.{interface}.addr_gen_mode=0",
			"ip link set dev {interface} down && ip link set dev {interface} up",
		),
		find:         findLinkLocalNotEUI64,
		contradicted: sourceSpoke,
	},
	{
		ID: "address.unassigned", Severity: Warning,
		Remedy: []Remedy{
			{
				Command: "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}", AWS: true,
				If: assignable,
			},
			{Command: "ip -6 addr del {address}/{len} dev {interface}"},
		},
		find:         findUnassigned,
		contradicted: sourceSpoke,
	},
	{
		ID: "address.not-configured", Severity: Warning,
		Remedy: slices.Concat(
			[]Remedy{
				{Command: "ip -6 addr add {address}/128 dev {interface}", If: func(_ *view, h *hypothesis) bool { return h.as == "" }},
				{Command: "ip -6 addr add {address}/64 dev {interface}", If: func(_ *view, h *hypothesis) bool { return h.as != "" }},
			},
			onAWS("aws ec2 unassign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}"),
		),
		find: findNotConfigured,
	},
	{
		ID: "address.expiring", Severity: Warning,
		Remedy: always("ip -6 addr show dev {interface}", "networkctl status {interface}", "networkctl renew {interface}"),
		find:   findExpiring,
	},
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

func findAssignmentNone(iv *ifaceView) []hypothesis {
	if h, ok := iv.nothingAdvertised(); ok {
		return []hypothesis{h}
	}
	if iv.s.Metadata.State != diag.MetadataOK && iv.s.Metadata.State != diag.MetadataNone || !iv.known {
		return nil
	}
	named := iv.s.Metadata.State == diag.MetadataNone
	for _, m := range iv.s.Metadata.Interfaces {
		named = named || m.MAC == iv.link.MAC
	}
	if !named || slices.ContainsFunc(iv.assigned, func(a diag.Assignment) bool {
		return a.Source != diag.FromEUI64 && diag.ScopeOf(a.Prefix.Addr()) != diag.LinkLocalScope
	}) {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name},
		facts: []diag.Event{iv.s.Said(diag.Metadata{})},
	}
	iv.explainKind(&h, noGlobal)
	for _, p := range iv.paths {
		if p.Asks == diag.AsksDHCP && p.Missing() {
			iv.explain(&h, p)
		}
	}
	return []hypothesis{h}
}

// nothingAdvertised looks for a link on which nothing that says where addresses come from gives any: no
// prefix to make one from, no DHCPv6, and nothing known to be assigned.
func (iv *ifaceView) nothingAdvertised() (h hypothesis, ok bool) {
	if !iv.known || !iv.s.Complete(diag.FeedNetlink) || len(iv.routers) == 0 || iv.hasUsableGlobal() || iv.s.AssignmentKnown(iv.name, diag.GlobalScope) {
		return h, false
	}
	h = hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, as: "advertised"}
	for _, r := range iv.routers {
		if _, forms := r.Forms(); forms || r.Last.Managed {
			return h, false
		}
		h.facts = append(h.facts, iv.heard(r))
	}
	h.args = []any{"router", iv.routers[0].Address}
	iv.explainKind(&h, noGlobal)
	for _, p := range iv.paths {
		if p.Missing() && p.Source.IsLinkLocalUnicast() && (p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService) {
			iv.explain(&h, p)
		}
	}
	return h, true
}

func findDuplicate(iv *ifaceView) []hypothesis {
	var list []hypothesis
	found := map[netip.Addr]bool{}
	for key := range iv.s.DADFailures {
		addr := key.Address
		if key.Interface != iv.name || iv.isCandidate(addr) {
			continue
		}
		e := iv.s.Said(key)
		if a, ok := e.Body.(diag.Address); ok && a.Passing() {
			continue
		}
		found[addr] = true
		list = append(list, hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(addr), addr: addr,
			args: []any{"address", addr}, facts: []diag.Event{e}, more: []string{"cause.address.duplicate.dad"},
		})
	}
	for _, p := range iv.paths {
		if p.Asks != diag.AsksND && p.Asks != diag.AsksDAD || p.Outcome != diag.Answered || found[p.Target] || iv.isCandidate(p.Target) {
			continue
		}
		for _, r := range p.Responders {
			if r.MAC == (diag.MAC{}) || iv.ownMAC(r.MAC) || !iv.assignedAlone(p.Target) ||
				diag.ScopeOf(p.Target) == diag.LinkLocalScope || iv.heldElsewhere(p.Target) || iv.configured(p.Target) && p.Asks != diag.AsksDAD {
				continue
			}
			found[p.Target] = true
			h := hypothesis{
				direct: true, confidence: Certain, subject: addressSubject(p.Target), addr: p.Target,
				args: []any{"address", p.Target, "foreign", r.MAC}, more: []string{"cause.address.duplicate.foreign"},
			}
			iv.explain(&h, p)
			rest(&h, p)
			list = append(list, h)
			break
		}
	}
	for i := range list {
		for y, s := range iv.symptoms {
			if s.iface == iv.name && (s.kind == absent && s.addr == list[i].addr || s.kind == noGlobal) {
				list[i].symptoms = append(list[i].symptoms, y)
			}
		}
	}
	return list
}

// assignedAlone reports whether an address is assigned as such, and not as part of a prefix: of a
// prefix, others may hold addresses.
func (iv *ifaceView) assignedAlone(addr netip.Addr) bool {
	return slices.ContainsFunc(iv.assigned, func(a diag.Assignment) bool { return a.Prefix.IsSingleIP() && a.Prefix.Addr() == addr })
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

func findWrongInterface(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, a := range iv.addresses {
		if !iv.global(a.Fact) || iv.class[a.Fact.Address] == diag.SourceAssigned {
			continue
		}
		for _, m := range iv.s.Metadata.Interfaces {
			if m.MAC == iv.link.MAC || !m.Holds(a.Fact.Address) {
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
				owner = "ENI"
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
	if !iv.profile.EUI64Required || !iv.known || iv.link.MAC == (diag.MAC{}) {
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
		h.args = append(h.args, "right", iv.link.MAC.LinkLocal())
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
	for _, r := range iv.routers {
		for _, p := range r.Last.Prefixes {
			if p.Autonomous && p.Prefix.Contains(a.Address) {
				return true
			}
		}
	}
	return false
}

// findNotConfigured makes a hypothesis of every absent address: what made it absent, if anything
// is known to have, explains it better and is taken first.
func findNotConfigured(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for i, y := range iv.symptoms {
		if y.iface != iv.name || y.kind != absent {
			continue
		}
		h := hypothesis{
			confidence: Certain, subject: addressSubject(y.addr), addr: y.addr,
			args: []any{"address", y.addr}, symptoms: []int{i}, facts: []diag.Event{iv.s.Said(diag.Metadata{}), iv.s.Said(diag.Lease{Interface: iv.name})},
		}
		if y.addr.IsLinkLocalUnicast() {
			h.as, h.facts = "link-local", []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})}
			iv.explain(&h, iv.where(func(p *diag.Path) bool {
				return p.Asks == diag.AsksRS && p.Source.IsUnspecified() && p.Outcome == diag.Silent
			})...)
			list = append(list, h)
			continue
		}
		if iv.routedInside(y.addr) {
			h.severity = Info
			h.more = []string{"cause.address.not-configured.routed"}
		} else {
			iv.explainKind(&h, noGlobal)
		}
		list = append(list, h)
	}
	return list
}

// routedInside reports whether an address lives on another interface of this host, or is routed to
// one: that is how containers and pods get theirs.
func (iv *ifaceView) routedInside(addr netip.Addr) bool {
	if iv.heldElsewhere(addr) {
		return true
	}
	for k := range iv.s.Routes {
		if k.Interface != iv.name && k.Dst.Bits() >= 96 && k.Type == "unicast" && k.Dst.Contains(addr) {
			return true
		}
	}
	return false
}

// findExpiring looks for leases past T2, which RFC 8415 §21.4 puts at 0.8 of the preferred
// lifetime: a client that lives has renewed before.
func findExpiring(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, a := range iv.addresses {
		f := a.Fact
		if !iv.global(f) || f.ValidS == diag.Forever || f.Origin == "kernel_ra" || f.Flags&(diag.Temporary|diag.ManageTemp) != 0 || iv.fromPrefix(f) {
			continue
		}
		elapsed := f.UpdatedS + iv.s.Now.Sub(a.At).Seconds()
		var lifetime float64
		switch {
		case f.PreferredS > 0:
			lifetime = float64(f.PreferredS) + f.UpdatedS
		case f.PreferredS == 0:
			// Deprecated: the lease tells whether that is by intent, or that it came about by itself.
			lifetime = iv.leasedFor(f.Address)
		}
		if lifetime <= 0 || elapsed <= 0.8*lifetime {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(f.Address), addr: f.Address, facts: []diag.Event{diag.FactOf(a)},
			args: []any{
				"address", f.Address, "left", diag.Seconds(iv.s.Left(f.ValidS, a.At)),
				"age", diag.Seconds(int64(math.Round(elapsed))), "lifetime", diag.Seconds(int64(math.Round(lifetime))),
			},
		}
		list = append(list, h)
	}
	return list
}

// leasedFor is how long an address was to be preferred, in seconds; 0 where that is not known.
func (iv *ifaceView) leasedFor(addr netip.Addr) float64 {
	if was, ok := iv.s.Granted(diag.InterfaceAddr{Interface: iv.name, Address: addr}); ok {
		return float64(was.PreferredS) + was.UpdatedS
	}
	rows := slices.Concat(iv.s.Leases[iv.name].Addresses, iv.s.Replies[iv.name].Fact.Addresses)
	for _, r := range rows {
		if r.Prefix.Addr() == addr && r.PreferredS > 0 {
			return float64(r.PreferredS)
		}
	}
	return 0
}
