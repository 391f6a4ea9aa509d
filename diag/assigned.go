package diag

import (
	"net/netip"
	"slices"
)

// AssignmentSource says where knowledge of an assignment comes from.
type AssignmentSource string

// The sources of assignment.
const (
	FromIMDS   AssignmentSource = "imds"
	FromLease  AssignmentSource = "lease"  // recorded by a client on this host
	FromDHCPv6 AssignmentSource = "dhcpv6" // a Reply seen on the tap
	FromUser   AssignmentSource = "user"   // --assigned
	FromEUI64  AssignmentSource = "eui64"  // the link-local made from the MAC
)

// An Assignment is an address (as a /128) or prefix that the infrastructure gave to an interface.
type Assignment struct {
	Interface string
	Prefix    netip.Prefix
	Source    AssignmentSource
}

// Assignments returns all that is known to be assigned to an interface, one row a prefix and
// source, in a fixed order.
func (s *State) Assignments(iface string) []Assignment {
	var rows []Assignment
	add := func(p netip.Prefix, src AssignmentSource) {
		row := Assignment{iface, p.Masked(), src}
		if p.IsValid() && !slices.Contains(rows, row) {
			rows = append(rows, row)
		}
	}
	link := s.Links[iface]
	for _, m := range s.Metadata.Interfaces {
		if m.MAC != link.MAC {
			continue
		}
		for _, a := range m.Addresses {
			add(netip.PrefixFrom(a, 128), FromIMDS)
		}
		for _, p := range m.Prefixes {
			add(p, FromIMDS)
		}
	}
	for _, a := range s.Leases[iface].Addresses {
		add(a.Prefix, FromLease)
	}
	for _, a := range s.Replies[iface].Fact.Addresses {
		add(a.Prefix, FromDHCPv6)
	}
	if s.inVPC() {
		for _, a := range s.Offers[iface].Fact.Addresses {
			add(a.Prefix, FromDHCPv6)
		}
	}
	for _, p := range s.Run.Assigned {
		add(p, FromUser)
	}
	if link.Ethernet && link.MAC != (MAC{}) {
		add(netip.PrefixFrom(link.MAC.LinkLocal(), 128), FromEUI64)
	}
	return rows
}

// inVPC reports whether this is taken for an Amazon VPC, where a DHCPv6 server offers an interface what is
// assigned to it and nothing else (VPC user guide, "DHCP option sets"); elsewhere an offer is to who asked.
func (s *State) inVPC() bool {
	if s.Run.Profile != "" {
		return s.Run.Profile == "aws"
	}
	for id := range s.telling {
		if s.paths[id].Target != VPCRouter {
			return false // a candidate spoke, or ff02::1 reached somebody: no VPC lets that be
		}
	}
	return len(s.telling) > 0
}

// AssignmentKnown reports whether the set of assigned addresses of a scope is known to be whole for
// an interface, so that an address outside it is surely not assigned.
func (s *State) AssignmentKnown(iface string, scope Scope) bool {
	for _, a := range s.Assignments(iface) {
		if scope == LinkLocalScope && a.Source == FromEUI64 {
			return true
		}
		if scope != LinkLocalScope && a.Source != FromEUI64 && ScopeOf(a.Prefix.Addr()) != LinkLocalScope {
			return true
		}
	}
	return scope != LinkLocalScope && s.Metadata.State == MetadataNone
}

// ClassOf says what addr is to the network when used as a source on an interface.
func (s *State) ClassOf(iface string, addr netip.Addr) SourceClass {
	if !addr.IsValid() || addr.IsUnspecified() {
		return SourceUnspecified
	}
	for _, a := range s.Assignments(iface) {
		if a.Prefix.Contains(addr) {
			return SourceAssigned
		}
	}
	if s.AssignmentKnown(iface, ScopeOf(addr)) {
		return SourceUnassigned
	}
	return SourceUnknown
}
