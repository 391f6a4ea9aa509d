package checks

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

// net is what is known of the link that is planned for.
func (p *planner) net() *diag.LinkModel { return p.netOf(p.iface) }

func (p *planner) netOf(iface string) *diag.LinkModel { return p.links.Of(iface) }

// own reports whether addr is configured on any interface.
func (p *planner) own(addr netip.Addr) bool {
	if p.ours == nil {
		p.ours = map[netip.Addr]bool{}
		for k := range p.s.Addresses {
			p.ours[k.Address] = true
		}
	}
	return p.ours[addr]
}

// assigned is what is known to be assigned to the interface that is planned for.
func (p *planner) assigned() *diag.Assigned { return p.assignedTo(p.iface) }

func (p *planner) assignedTo(iface string) *diag.Assigned {
	a := p.rows[iface]
	if a == nil {
		a = p.s.Assigned(iface)
		p.rows[iface] = a
	}
	return a
}

func (p *planner) recognised() why.Recognition {
	if p.network == nil {
		p.network = new(why.RecogniseOn(p.s, p.links))
	}
	return *p.network
}

// linkLocal returns the link-local address that we speak from: the assigned one where there is.
func (p *planner) linkLocal() (netip.Addr, bool) {
	var best netip.Addr
	for _, a := range p.net().Usable() {
		if diag.ScopeOf(a.Address) != diag.LinkLocalScope {
			continue
		}
		if !best.IsValid() || p.assigned().ClassOf(a.Address) == diag.SourceAssigned {
			best = a.Address
		}
	}
	return best, best.IsValid()
}

// chosen is how the kernel would reach a target: from which source and through which gateway. It
// is not ok while the kernel was not asked yet; then planning goes on when it was.
func (p *planner) chosen(target netip.Addr) (src, via netip.Addr, ok bool) {
	sel, ok := p.s.Selections[diag.SelectionKey{Dst: target, Bound: p.iface}]
	if !ok && !p.guess {
		p.wants = append(p.wants, lookup{p.iface, target})
		return src, via, false
	}
	if sel.Source.IsValid() && !sel.Source.IsLoopback() {
		src = sel.Source
	} else { // where the interface has no address at all the kernel names ::1, which it lets out nowhere
		src, _ = p.likely(target)
	}
	if sel.Via.IsValid() && sel.Via != target {
		via = sel.Via
	} else if routers := p.net().Gateways(); !p.net().Within(target) && len(routers) > 0 {
		via = routers[0]
	}
	return src, p.through(target, src, via), true
}

// through is the gateway that the kernel takes to a target for a source, where it was asked that: a policy rule may
// have each source go by a router of its own. Else it is via.
func (p *planner) through(target, source, via netip.Addr) netip.Addr {
	sel, asked := p.s.Selections[diag.SelectionKey{Dst: target, From: source}]
	if asked && source.IsValid() && sel.Errno == "" && sel.Interface == p.iface && sel.Via.IsValid() && sel.Via != target {
		return sel.Via
	}
	return via
}

// likely is the source that RFC 6724 §5 would choose, as far as scope, deprecation and the longest
// matching prefix tell.
func (p *planner) likely(target netip.Addr) (netip.Addr, bool) {
	linkLocal := target.IsLinkLocalUnicast() || target.IsLinkLocalMulticast()
	var best diag.Address
	rank := func(a diag.Address) int {
		n := commonBits(a.Address, target)
		if a.Flags&diag.Deprecated == 0 {
			n += 256
		}
		return n
	}
	for _, a := range p.net().Usable() {
		if a.Address.IsLinkLocalUnicast() != linkLocal {
			continue
		}
		if !best.Address.IsValid() || rank(a) > rank(best) {
			best = a
		}
	}
	if !best.Address.IsValid() && !linkLocal {
		return p.linkLocal()
	}
	return best.Address, best.Address.IsValid()
}

func commonBits(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			n := i * 8
			for d&0x80 == 0 {
				d <<= 1
				n++
			}
			return n
		}
	}
	return 128
}

// mayBeNear reports whether a peer that no gateway leads to can be a neighbour: it is on the link as
// far as is known, or shares the 64 bits of a link's prefix with an address of ours (RFC 4291 §2.5.4),
// where the on-link route is what is missing.
func (p *planner) mayBeNear(peer netip.Addr) bool {
	return p.net().Within(peer) || p.net().Resolved(peer) || slices.ContainsFunc(p.net().Usable(), func(a diag.Address) bool {
		return commonBits(a.Address, peer) >= 64
	})
}

// aws reports whether the state shows a VPC: by the user's word, the metadata service's or DMI's.
func (p *planner) aws() bool {
	r := p.recognised()
	return r.Name == "aws" && r.Confidence == why.Certain
}

// maybeVPC reports whether nothing says surely that this is another network than a VPC.
func (p *planner) maybeVPC() bool { return p.recognised().MaybeVPC(p.s) }

// peers returns the peers of the interface and whether the user named them.
func (p *planner) peers() (list []netip.Addr, given bool) {
	if len(p.s.Run.Peers) > 0 {
		for _, a := range p.s.Run.Peers {
			if a.Zone() != "" && a.Zone() != p.iface {
				continue
			}
			zoned := a.Zone() != ""
			a = a.WithZone("")
			if !zoned && !a.IsLinkLocalUnicast() && !p.belongs(a) {
				continue
			}
			if !slices.Contains(list, a) {
				list = append(list, a)
			}
		}
		return list, true
	}
	for _, q := range p.prior {
		if q.controls && q.TargetClass == diag.TargetPeer && !slices.Contains(list, q.Target) {
			list = append(list, q.Target)
		}
	}
	if p.later {
		return list, false
	}
	return p.fromCache(), false
}

// fromCache are the neighbours that most likely answer: those that the kernel holds for reachable,
// by address, so that two runs in a row ask the same ones, then those that were confirmed last.
func (p *planner) fromCache() []netip.Addr {
	if list, ok := p.cached[p.iface]; ok {
		return list
	}
	routers := p.net().Gateways()
	var known []diag.At[diag.Neighbour]
	confirmed := func(n diag.At[diag.Neighbour]) time.Time {
		if n.Fact.State == diag.Reachable {
			return time.Unix(1<<40, 0) // as good as now
		}
		return n.At.Add(-time.Duration(n.Fact.ConfirmedS * float64(time.Second)))
	}
	older := func(a, b diag.At[diag.Neighbour]) int {
		return cmp.Or(confirmed(b).Compare(confirmed(a)), a.Fact.Address.Compare(b.Fact.Address))
	}
	for k, n := range p.s.Neighbours.All() {
		if k.Interface != p.iface || n.Fact.Router || slices.Contains(routers, k.Address) ||
			k.Address.IsMulticast() || p.own(k.Address) || services.Contains(k.Address) || vpcRouters.Contains(k.Address) {
			continue
		}
		switch n.Fact.State {
		case diag.Reachable, diag.Stale, diag.Delay, diag.Probing:
			if i, _ := slices.BinarySearchFunc(known, n, older); i < cachePeers {
				known = slices.Insert(known, i, n)
				known = known[:min(len(known), cachePeers)]
			}
		default:
		}
	}
	list := make([]netip.Addr, 0, len(known))
	for _, n := range known {
		list = append(list, n.Fact.Address)
	}
	p.cached[p.iface] = list
	return list
}

// belongs reports whether a global peer is to be asked on this interface, where there are several:
// on the one whose subnet it is in, else on the one that the kernel would send by, else on the first.
func (p *planner) belongs(addr netip.Addr) bool {
	if len(p.s.Run.Interfaces) < 2 {
		return true
	}
	if p.net().Within(addr) {
		return true
	}
	for _, iface := range p.s.Run.Interfaces {
		if p.netOf(iface).Within(addr) {
			return false
		}
	}
	sel := p.s.Selections[diag.SelectionKey{Dst: addr}]
	if slices.Contains(p.s.Run.Interfaces, sel.Interface) {
		return p.iface == sel.Interface
	}
	return p.iface == p.s.Run.Interfaces[0]
}

// hosts returns the Internet hosts to ask.
func (p *planner) hosts() []netip.Addr {
	if p.s.Run.InternetOff {
		return nil
	}
	return p.s.Run.Internet
}
