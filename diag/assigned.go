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

// Assigned is what is known to be assigned to an interface, at the moment at which it was read: whoever asks of many
// addresses reads it once.
type Assigned struct {
	// Rows are one a prefix and source, in a fixed order.
	Rows []Assignment

	hosts       map[netip.Addr]bool
	prefixes    []netip.Prefix
	local, wide bool // the set is known to be whole of link-local addresses, of others
}

// Assigned reads what is known to be assigned to an interface.
func (s *State) Assigned(iface string) *Assigned {
	a := &Assigned{hosts: map[netip.Addr]bool{}, wide: s.Metadata.State == MetadataNone}
	seen := map[Assignment]bool{}
	add := func(p netip.Prefix, src AssignmentSource) {
		row := Assignment{iface, p.Masked(), src}
		if !p.IsValid() || seen[row] {
			return
		}
		seen[row] = true
		a.Rows = append(a.Rows, row)
		if row.Prefix.IsSingleIP() {
			a.hosts[row.Prefix.Addr()] = true
		} else {
			a.prefixes = append(a.prefixes, row.Prefix)
		}
		a.local = a.local || src == FromEUI64
		a.wide = a.wide || src != FromEUI64 && ScopeOf(row.Prefix.Addr()) != LinkLocalScope
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
	return a
}

// Holds reports whether an address is assigned.
func (a *Assigned) Holds(addr netip.Addr) bool {
	return a.hosts[addr] || slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// Whole reports whether the set of assigned addresses of a scope is known to be whole, so that an address outside it
// is surely not assigned.
func (a *Assigned) Whole(scope Scope) bool {
	if scope == LinkLocalScope {
		return a.local
	}
	return a.wide
}

// ClassOf says what addr is to the network when used as a source.
func (a *Assigned) ClassOf(addr netip.Addr) SourceClass {
	switch {
	case !addr.IsValid() || addr.IsUnspecified():
		return SourceUnspecified
	case a.Holds(addr):
		return SourceAssigned
	case a.Whole(ScopeOf(addr)):
		return SourceUnassigned
	default:
		return SourceUnknown
	}
}

// Assignments returns all that is known to be assigned to an interface.
func (s *State) Assignments(iface string) []Assignment { return s.Assigned(iface).Rows }

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
// an interface: see Assigned.Whole.
func (s *State) AssignmentKnown(iface string, scope Scope) bool {
	return s.Assigned(iface).Whole(scope)
}

// ClassOf says what one address is to the network when used as a source on an interface.
func (s *State) ClassOf(iface string, addr netip.Addr) SourceClass {
	return s.Assigned(iface).ClassOf(addr)
}
