package diag

import (
	"net/netip"
	"slices"
)

// LinkPrefixes returns the IPv6 prefixes of the interface's link: from the metadata service, else all
// that is announced on-link.
func (s *State) LinkPrefixes(iface string) []netip.Prefix {
	list := s.MetadataSubnets(iface)
	if len(list) > 0 {
		return list
	}
	for _, r := range s.RoutersSorted() {
		if r.Interface != iface {
			continue
		}
		for _, p := range r.OnLink() {
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// MetadataSubnets returns the interface's subnet as the metadata service names it.
func (s *State) MetadataSubnets(iface string) []netip.Prefix {
	var list []netip.Prefix
	for _, m := range s.Metadata.Interfaces {
		if m.MAC == s.Links[iface].MAC {
			list = append(list, m.Subnets...)
		}
	}
	return list
}

// OnLink returns the global prefixes that a router announces on-link.
func (r *RouterSeen) OnLink() []netip.Prefix {
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

// IsRouter reports whether addr advertises itself on an interface or is a gateway of the kernel.
func (s *State) IsRouter(iface string, addr netip.Addr) bool {
	if _, ok := s.Routers[InterfaceAddr{iface, addr}]; ok {
		return true
	}
	return slices.ContainsFunc(s.DefaultRoutes(iface), func(r At[Route]) bool { return r.Fact.Via == addr })
}
