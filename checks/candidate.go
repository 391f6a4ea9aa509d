package checks

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A candidate is an address that this host was surely not given.
type candidate struct {
	addr netip.Addr
	kind candidateKind
	// detail is why it may not be tried; empty where it may.
	detail, note string
}

type candidateKind int

const (
	nextToAssigned candidateKind = iota
	elsewhere
	uniqueLocal
	linkLocal
	tried // the user named it
)

// linkLocalPrefix is the one link-local prefix that hosts configure (RFC 4291 §2.5.6).
var linkLocalPrefix = netip.MustParsePrefix("fe80::/64")

// candidates derives the addresses to try. They depend on the MAC and the prefix alone, so they are
// the same every run, and two hosts never try the same one at the same moment.
func (p *planner) candidates() []candidate {
	var list []candidate
	add := func(kind candidateKind, pick func(try int) netip.Addr) {
		for try := range 16 {
			addr := pick(try)
			if addr.IsValid() && p.free(addr) && !slices.ContainsFunc(list, func(c candidate) bool { return c.addr == addr }) {
				list = append(list, candidate{addr: addr, kind: kind})
				return
			}
		}
	}
	base, prefix := p.base()
	if base.IsValid() {
		add(nextToAssigned, func(try int) netip.Addr { return plus(base, try+1) })
	}
	if prefix.IsValid() {
		add(elsewhere, func(try int) netip.Addr { return p.hashed(prefix, try) })
	}
	if base.IsValid() || prefix.IsValid() {
		// RFC 4193 §3.2.2 wants the global ID pseudo-random: a hash is.
		add(uniqueLocal, func(try int) netip.Addr {
			a := p.hashed(netip.MustParsePrefix("fd00::/8"), try).As16()
			a[6], a[7] = 0, 0
			return netip.AddrFrom16(a)
		})
	}
	add(linkLocal, func(try int) netip.Addr { return p.hashed(linkLocalPrefix, try) })
	for _, addr := range p.s.Run.Try {
		if addr.Zone() != "" && addr.Zone() != p.iface {
			continue
		}
		addr = addr.WithZone("")
		list = slices.DeleteFunc(list, func(c candidate) bool { return c.addr == addr })
		c := candidate{addr: addr, kind: tried}
		c.detail, c.note = p.taken(addr)
		list = append(list, c)
	}
	return list
}

// base returns the address next to which a candidate is wanted, and the subnet it is in: the
// assigned one, else one that is configured.
func (p *planner) base() (addr netip.Addr, subnet netip.Prefix) {
	for _, a := range p.assigned().Rows {
		if a.Prefix.Bits() == 128 && diag.ScopeOf(a.Prefix.Addr()) != diag.LinkLocalScope {
			addr = a.Prefix.Addr()
			break
		}
	}
	if !addr.IsValid() {
		for _, a := range p.net().Usable() {
			if diag.ScopeOf(a.Address) != diag.LinkLocalScope {
				addr = a.Address
				break
			}
		}
	}
	for _, prefix := range p.net().Prefixes() {
		if prefix.Bits() >= 48 && prefix.Bits() <= 112 && (!addr.IsValid() || prefix.Contains(addr)) {
			return addr, prefix
		}
	}
	if addr.IsValid() {
		subnet, _ = addr.Prefix(64)
	}
	return addr, subnet
}

// hashed returns the try-th address in prefix that belongs to this interface's MAC.
func (p *planner) hashed(prefix netip.Prefix, try int) netip.Addr {
	in := append([]byte("ndwhy candidate\x00"), p.link.MAC[:]...)
	in = append(in, byte(try))
	base := prefix.Masked().Addr().As16()
	in = append(in, base[:]...)
	sum := sha256.Sum256(in)
	out := base
	for i := range 128 - prefix.Bits() {
		bit := prefix.Bits() + i
		mask := byte(0x80 >> (bit % 8))
		out[bit/8] |= sum[bit/8] & mask
	}
	return netip.AddrFrom16(out)
}

func plus(a netip.Addr, n int) netip.Addr {
	b := a.As16()
	low := binary.BigEndian.Uint64(b[8:]) + uint64(n)
	binary.BigEndian.PutUint64(b[8:], low)
	return netip.AddrFrom16(b)
}

// free reports whether addr is nobody's as far as is known, and none that is kept for something.
func (p *planner) free(addr netip.Addr) bool {
	if p.reservedAddress(addr) {
		return false
	}
	detail, _ := p.taken(addr)
	return detail == ""
}

// taken says why addr may not be tried even if the user wants it: whose it is.
func (p *planner) taken(addr netip.Addr) (detail, note string) {
	for k, a := range p.s.Addresses {
		if k.Address == addr && (k.Interface != p.iface || !a.Fact.Temporary()) {
			return DetailConfigured, k.Interface
		}
	}
	for iface := range p.s.Links {
		for _, a := range p.assignedTo(iface).Rows {
			if a.Prefix.Contains(addr) && (iface == p.iface || a.Source != diag.FromUser) {
				return DetailAssigned, a.Prefix.String()
			}
		}
	}
	for _, m := range p.s.Metadata.Interfaces {
		for _, a := range m.Addresses {
			if a == addr {
				return DetailAssigned, a.String()
			}
		}
		for _, prefix := range m.Prefixes {
			if prefix.Contains(addr) {
				return DetailAssigned, prefix.String()
			}
		}
	}
	if n, ok := p.s.Neighbours.Find(diag.InterfaceAddr{Interface: p.iface, Address: addr}); ok && n.Fact.State.Resolved() {
		return DetailAnsweredFor, n.Fact.MAC.String()
	}
	if _, ok := p.s.Routers[diag.InterfaceAddr{Interface: p.iface, Address: addr}]; ok {
		return DetailAnsweredFor, addr.String()
	}
	for _, peer := range p.s.Run.Peers {
		if peer.WithZone("") == addr {
			return DetailAnsweredFor, addr.String()
		}
	}
	return "", ""
}

// reservedAddress reports whether addr is one that a network keeps for itself: the first four and
// the last of a VPC's subnet ("Subnet sizing for IPv6"), the anycast addresses of RFC 2526, and
// what is routed elsewhere on this host.
func (p *planner) reservedAddress(addr netip.Addr) bool {
	b := addr.As16()
	iid := binary.BigEndian.Uint64(b[8:])
	if iid <= 3 || iid >= 0xfdffffffffffff80 && iid <= 0xfdffffffffffffff || iid == ^uint64(0) {
		return true
	}
	for _, prefix := range p.net().Prefixes() {
		if !prefix.Contains(addr) {
			continue
		}
		first := prefix.Addr()
		for range 4 {
			if addr == first {
				return true
			}
			first = first.Next()
		}
		if next := addr.Next(); !prefix.Contains(next) {
			return true
		}
	}
	for k := range p.s.Routes.All() {
		if k.Interface != p.iface && k.Dst.Bits() > 0 && !k.Dst.Addr().IsLinkLocalUnicast() && k.Dst.Contains(addr) {
			return true
		}
	}
	return services.Contains(addr) || vpcRouters.Contains(addr)
}
