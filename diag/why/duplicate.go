package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var duplicate = Cause{
	ID: "address.duplicate", Severity: Critical,
	Remedy: []Remedy{
		way("not-twice", "ip -6 addr del {address}/{len} dev {interface}").when(configuredHere).kept(keep{undo: true, nm: "-ipv6.addresses {address}/{len}"}),
		ask("ask.holder"),
		way("", "ip -6 addr show dev {interface}"),
		inVPC("", "aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={address}"),
	},
	find: findDuplicate,
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
		h := hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(addr), addr: addr,
			args: []any{"address", addr}, facts: []diag.Event{e},
		}
		iv.whoObjected(&h)
		list = append(list, h)
	}
	for _, p := range iv.paths {
		if p.Asks != diag.AsksND && p.Asks != diag.AsksDAD || p.Outcome != diag.Answered || found[p.Target] || iv.isCandidate(p.Target) {
			continue
		}
		for _, r := range p.Responders {
			if r.MAC == (diag.MAC{}) || iv.s.OwnMAC(r.MAC) || !iv.assignedAlone(p.Target) ||
				diag.ScopeOf(p.Target) == diag.LinkLocalScope || iv.heldElsewhere(p.Target) || iv.net.Configured(p.Target) && p.Asks != diag.AsksDAD {
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
		if a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: list[i].addr}]; ok {
			list[i].args = append(list[i].args, "len", a.Fact.PrefixLen)
		}
		for y, s := range iv.symptoms {
			if s.iface == iv.name && (s.kind == absent && s.addr == list[i].addr || s.kind == noGlobal) {
				list[i].symptoms = append(list[i].symptoms, y)
			}
		}
	}
	return list
}

// whoObjected says who made duplicate address detection fail, as far as that was seen: another host, or nobody but the
// kernel's own solicitation that came back to it.
func (iv *ifaceView) whoObjected(h *hypothesis) {
	h.as = "unseen"
	for _, e := range iv.s.Frames() {
		f, ok := e.Body.(diag.Frame)
		if !ok || f.Interface != iv.name || f.Out || f.Bad != "" || f.Target != h.addr || f.Type != diag.NA && (f.Type != diag.NS || !f.Src.IsUnspecified()) {
			continue
		}
		if iv.s.OwnMAC(f.SrcMAC) && f.Type == diag.NS {
			h.as = "looped"
			h.facts = append(h.facts, e)
			continue
		}
		h.as, h.more = "", []string{"cause.address.duplicate.dad"}
		h.args = append(h.args, "foreign", f.SrcMAC)
		h.facts = append(h.facts, e)
		return
	}
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

// configuredHere holds where the kernel has a hypothesis' address.
func configuredHere(v *view, h *hypothesis) bool { return v.on(h.iface).net.Configured(h.addr) }
