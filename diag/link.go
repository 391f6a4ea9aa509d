package diag

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
)

// A LinkModel is what is known of the link that an interface is on: the one reading of it that planning, the
// diagnosis and the screens share. It is of the moment at which it was made.
type LinkModel struct {
	s    *State
	Name string
	Link Link
	// Known: the interface was seen.
	Known bool
	// Routers are its advertisers, in order of address.
	Routers []*RouterSeen
	// Defaults are the default routes through it that have not run out: of the main table first, by metric.
	Defaults []At[Route]

	usable   []Address
	assigned []netip.Prefix // of the subnet, by the infrastructure's word
	prefixes []netip.Prefix
	gateways []netip.Addr
	vias     map[netip.Addr]bool // the gateways of Defaults
	offers   func() []Offer
	// nameServers is of those that can be asked from the link.
	nameServers func() []NameServer
}

// Links reads the links of a state, each once: there may be very much on one. It is of the moment at which it was
// made, and for one goroutine.
type Links struct {
	s    *State
	read map[string]*LinkModel
}

// ReadLinks returns the links of the state as it is.
func (s *State) ReadLinks() *Links { return &Links{s, map[string]*LinkModel{}} }

// Of is LinkOf.
func (l *Links) Of(iface string) *LinkModel {
	link := l.read[iface]
	if link == nil {
		link = l.s.LinkOf(iface)
		l.read[iface] = link
	}
	return link
}

// routersUsed bounds how many routers of a link are reckoned with, prefixesUsed how many prefixes that only routers and
// routes tell of: anybody can advertise any number.
const routersUsed, prefixesUsed = 8, 256

// Serves reports whether any address of an interface may take a route: one may be for some sources only.
func (s *State) Serves(k RouteKey, iface string) bool {
	if !k.From.IsValid() {
		return true
	}
	for a := range s.Addresses {
		if a.Interface == iface && k.From.Contains(a.Address) {
			return true
		}
	}
	return false
}

// LinkOf reads an interface's link.
func (s *State) LinkOf(iface string) *LinkModel {
	l := &LinkModel{s: s, Name: iface}
	l.offers, l.nameServers = sync.OnceValue(l.readOffers), sync.OnceValue(l.readNameServers)
	l.Link, l.Known = s.Links[iface]
	for k, r := range s.Routers {
		if k.Interface == iface {
			l.Routers = append(l.Routers, r)
		}
	}
	SortFunc(l.Routers, func(a, b *RouterSeen) int { return a.Address.Compare(b.Address) })
	var connected []netip.Prefix
	defaults := 0 // counted first: there may be thousands, and they are large
	for k := range s.Routes.All() {
		if k.Interface == iface && k.Dst.Bits() == 0 {
			defaults++
		}
	}
	l.Defaults = slices.Grow(l.Defaults, defaults)
	for k, r := range s.Routes.All() {
		switch {
		case k.Interface != iface || k.Type != "unicast" || s.Left(r.Fact.ExpiresS, r.At) == 0 || !s.Serves(k, iface):
		case k.Dst.Bits() == 0:
			l.Defaults = append(l.Defaults, r)
		case !k.Via.IsValid() && k.Table == MainTable:
			connected = append(connected, k.Dst)
		}
	}
	SortFunc(l.Defaults, func(a, b At[Route]) int {
		return cmp.Or(-compareBool(a.Fact.Table == MainTable, b.Fact.Table == MainTable), cmp.Compare(a.Fact.Table, b.Fact.Table), cmp.Compare(a.Fact.Metric, b.Fact.Metric), a.Fact.Via.Compare(b.Fact.Via))
	})
	for _, a := range s.AddressesOn(iface) {
		if a.Fact.Flags.Usable() && !a.Fact.Temporary() {
			l.usable = append(l.usable, a.Fact)
		}
	}
	l.readPrefixes(connected)
	l.readGateways()
	return l
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// readPrefixes puts the prefixes in order: those that the metadata service names, then those that routers
// announce on-link, that the kernel routes, that addresses imply.
func (l *LinkModel) readPrefixes(connected []netip.Prefix) {
	seen := map[netip.Prefix]bool{}
	add := func(to *[]netip.Prefix, p netip.Prefix) {
		p = p.Masked()
		if p.IsValid() && p.Bits() > 0 && p.Bits() < 128 && !p.Addr().IsLinkLocalUnicast() && !p.Addr().IsMulticast() && !seen[p] {
			seen[p] = true
			*to = append(*to, p)
		}
	}
	for _, m := range l.s.Metadata.Interfaces {
		if l.Known && m.MAC == l.Link.MAC {
			for _, p := range m.Subnets {
				add(&l.assigned, p)
			}
		}
	}
	more := connected
	for _, r := range l.Routers {
		more = append(more, r.OnLinkPrefixes()...)
	}
	for _, a := range l.usable {
		if a.Flags&NoPrefixRoute != 0 {
			continue // it says nothing of what is on the link
		}
		more = append(more, netip.PrefixFrom(a.Address, a.PrefixLen))
	}
	SortFunc(more, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	l.prefixes = slices.Clone(l.assigned)
	for _, p := range more {
		if len(l.prefixes) < prefixesUsed+len(l.assigned) {
			add(&l.prefixes, p)
		}
	}
}

// Usable returns the configured addresses that can be a source, without those that the program gave to the
// kernel itself, in order.
func (l *LinkModel) Usable() []Address { return l.usable }

// SourcesAsked bounds how many of an interface's addresses are asked from.
const SourcesAsked = 16

// Sources returns the configured addresses that are asked from: all of them, or of more than SourcesAsked first those
// of kept, then those that the kernel names as its choice, then one of each scope, class, origin and prefix, then
// others, evenly taken. They are in order.
func (l *LinkModel) Sources(kept func(netip.Addr) bool) []Address {
	if len(l.usable) <= SourcesAsked {
		return l.usable
	}
	chosen := map[netip.Addr]bool{}
	take := func(ok func(Address) bool) {
		for _, a := range l.usable {
			if len(chosen) < SourcesAsked && ok(a) {
				chosen[a.Address] = true
			}
		}
	}
	take(func(a Address) bool { return kept(a.Address) })
	byKernel := map[netip.Addr]bool{}
	for key, sel := range l.s.Selections {
		byKernel[sel.Source] = byKernel[sel.Source] || !key.From.IsValid() && sel.Interface == l.Name
	}
	take(func(a Address) bool { return byKernel[a.Address] })
	type group struct {
		class      SourceClass
		origin     string
		deprecated bool
		prefix     netip.Prefix
	}
	assigned, seen := l.s.Assigned(l.Name), map[group]bool{}
	take(func(a Address) bool {
		prefix, _ := a.Address.Prefix(64)
		g := group{assigned.ClassOf(a.Address), a.Origin, a.Flags&Deprecated != 0, prefix}
		news := !seen[g]
		seen[g] = true
		return news
	})
	left, others, i := SourcesAsked-len(chosen), len(l.usable)-len(chosen), -1
	take(func(a Address) bool {
		if !chosen[a.Address] {
			i++
		}
		return !chosen[a.Address] && i*left%others < left
	})
	return slices.DeleteFunc(slices.Clone(l.usable), func(a Address) bool { return !chosen[a.Address] })
}

// Prefixes returns the global prefixes of the link as far as anything tells of them: the subnet by the
// metadata service's word first.
func (l *LinkModel) Prefixes() []netip.Prefix { return l.prefixes }

// Subnets returns the interface's subnet as the metadata service names it.
func (l *LinkModel) Subnets() []netip.Prefix { return l.assigned }

// Announced returns the prefixes that the network itself says are on the link: the subnet by the metadata
// service's word, else all that is advertised on-link.
func (l *LinkModel) Announced() []netip.Prefix {
	if len(l.assigned) > 0 {
		return l.assigned
	}
	var list []netip.Prefix
	for _, r := range l.Routers {
		for _, p := range r.OnLinkPrefixes() {
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// Within reports whether a prefix of the link holds a target.
func (l *LinkModel) Within(target netip.Addr) bool {
	return target.IsLinkLocalUnicast() || target.IsMulticast() ||
		slices.ContainsFunc(l.prefixes, func(p netip.Prefix) bool { return p.Contains(target) })
}

// OnLink reports whether a target is reached without a router: by the kernel's own word where it was asked,
// else by the prefixes of the link.
func (l *LinkModel) OnLink(target netip.Addr) bool {
	if via, known := l.Gateway(target, netip.Addr{}); known && !target.IsLinkLocalUnicast() {
		return !via.IsValid() || via == target
	}
	return l.Within(target)
}

// Gateway returns the router that the kernel sends what goes to a target to, as it answers itself: for a
// source, where it was asked so. It is not known where the kernel was not asked, or sends it elsewhere.
func (l *LinkModel) Gateway(target, source netip.Addr) (via netip.Addr, known bool) {
	for _, key := range []SelectionKey{{Dst: target, From: source}, {Dst: target, Bound: l.Name}, {Dst: target}} {
		if sel, asked := l.s.Selections[key]; asked && sel.Errno == "" && sel.Interface == l.Name {
			return sel.Via, true
		}
	}
	return via, false
}

// Gateways are the addresses by which the link's routers are to be reached: those of default routes first,
// as the kernel prefers them, then those that advertise themselves as default routers. Of more than are reckoned
// with, those stay that the kernel named as its choice, then those that it has resolved.
func (l *LinkModel) Gateways() []netip.Addr { return l.gateways }

// InTurn are the routers that the kernel sends by in turn, where the preferred default route has several next hops. What
// an advertisement made is never one of several (net/ipv6/ip6_fib.c, rt6_qualify_for_ecmp).
func (l *LinkModel) InTurn() []netip.Addr {
	var list []netip.Addr
	for _, r := range l.Defaults {
		best := l.Defaults[0].Fact
		if f := r.Fact; f.Via.IsValid() && f.Protocol != "ra" && f.Table == best.Table && f.Metric == best.Metric && f.From == best.From && !slices.Contains(list, f.Via) {
			list = append(list, f.Via)
		}
	}
	if len(list) < 2 {
		return nil
	}
	return list
}

// GatewaysLeft is how many gateways there are that Gateways leaves out.
func (l *LinkModel) GatewaysLeft() int { return len(l.vias) - min(len(l.vias), routersUsed) }

func (l *LinkModel) readGateways() {
	l.vias = map[netip.Addr]bool{}
	for _, r := range l.Defaults {
		if r.Fact.Via.IsValid() && !l.vias[r.Fact.Via] {
			l.vias[r.Fact.Via] = true
			l.gateways = append(l.gateways, r.Fact.Via)
		}
	}
	if len(l.gateways) > routersUsed {
		l.gateways = l.preferred(l.gateways)
	}
	for _, r := range l.Offering() {
		if len(l.gateways) >= routersUsed {
			return
		}
		if !l.vias[r.Address] {
			l.gateways = append(l.gateways, r.Address)
		}
	}
}

// preferred are as many of the gateways as are reckoned with, in their order.
func (l *LinkModel) preferred(all []netip.Addr) []netip.Addr {
	chosen := map[netip.Addr]bool{}
	for _, sel := range l.s.Selections {
		if sel.Interface == l.Name && sel.Errno == "" && l.vias[sel.Via] && len(chosen) < routersUsed {
			chosen[sel.Via] = true
		}
	}
	for _, ok := range []func(netip.Addr) bool{l.Resolved, func(netip.Addr) bool { return true }} {
		for _, a := range all {
			if len(chosen) < routersUsed && ok(a) {
				chosen[a] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(a netip.Addr) bool { return !chosen[a] })
}

// Offering are the advertisers that offer to be a default router and have not run out.
func (l *LinkModel) Offering() []*RouterSeen {
	var list []*RouterSeen
	for _, r := range l.Routers {
		if l.s.Left(r.Last.LifetimeS, r.At) != 0 {
			list = append(list, r)
		}
	}
	return list
}

// IsRouter reports whether an address advertises itself or is a gateway of the kernel.
func (l *LinkModel) IsRouter(addr netip.Addr) bool {
	_, advertises := l.s.Routers[InterfaceAddr{l.Name, addr}]
	return advertises || l.vias[addr]
}

// Entry returns the kernel's entry for a neighbour.
func (l *LinkModel) Entry(addr netip.Addr) (At[Neighbour], bool) {
	n, ok := l.s.Neighbours.Find(InterfaceAddr{l.Name, addr})
	return n, ok
}

// Resolved reports whether the kernel has a usable entry for a neighbour.
func (l *LinkModel) Resolved(addr netip.Addr) bool {
	n, ok := l.Entry(addr)
	return ok && n.Fact.State.Resolved()
}

// Configured reports whether the interface has an address.
func (l *LinkModel) Configured(addr netip.Addr) bool {
	_, ok := l.s.Addresses[InterfaceAddr{l.Name, addr}]
	return ok
}

// Reserved reports whether an address is one that a VPC keeps for itself in a subnet of the link.
func (l *LinkModel) Reserved(addr netip.Addr) bool {
	return slices.ContainsFunc(l.Announced(), func(p netip.Prefix) bool { return ReservedIn(p, addr) })
}

// OnLinkPrefixes returns the global prefixes that a router announces on-link.
func (r *RouterSeen) OnLinkPrefixes() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range r.Last.Prefixes {
		if p.OnLink && !p.Prefix.Addr().IsLinkLocalUnicast() && !slices.Contains(list, p.Prefix.Masked()) {
			list = append(list, p.Prefix.Masked())
		}
	}
	return list
}

// ReservedIn reports whether addr is one of the first four addresses of a VPC subnet or its last
// (Amazon VPC user guide, "Subnet sizing for IPv6").
func ReservedIn(subnet netip.Prefix, addr netip.Addr) bool {
	if !subnet.IsValid() || !subnet.Contains(addr) || !addr.Is6() || subnet.Bits() > 120 {
		return false
	}
	base, a := subnet.Masked().Addr().As16(), addr.As16()
	last, first := true, base == [16]byte{}
	for i := range a {
		mask := byte(0xff)
		if bits := subnet.Bits() - 8*i; bits >= 8 {
			mask = 0
		} else if bits > 0 {
			mask >>= bits
		}
		if a[i]&mask != mask {
			last = false
		}
	}
	for i := range uint8(4) {
		b := base
		b[15] |= i
		first = first || a == b
	}
	return first || last
}
