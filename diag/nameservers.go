package diag

import (
	"net/netip"
	"slices"
)

// How many name servers are reckoned with: of those that this host asks as many as its resolver does (resolv.conf(5),
// MAXNS), and of those that routers announce.
const (
	ResolversKept   = 3
	announcedServed = 4
)

// A NameServer is one that hosts of a link are told to ask, or that this host asks.
type NameServer struct {
	Address netip.Addr
	// Router announces it (RFC 8106); zero: this host is configured to ask it.
	Router netip.Addr
}

// NameServers are those of the link that can be asked from there: those that this host is configured to ask, then those
// that routers announce, until their lifetime is over.
func (l *LinkModel) NameServers() []NameServer { return l.nameServers() }

func (l *LinkModel) readNameServers() []NameServer {
	var list []NameServer
	add := func(a, router netip.Addr) bool {
		zone := a.Zone()
		a = a.WithZone("")
		if !a.Is6() || a.Is4In6() || a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || zone != "" && zone != l.Name || l.s.InterfaceWith(a) != "" ||
			slices.ContainsFunc(list, func(s NameServer) bool { return s.Address == a }) {
			return false
		}
		list = append(list, NameServer{a, router})
		return true
	}
	for _, a := range l.s.Resolvers.Addresses[:min(len(l.s.Resolvers.Addresses), ResolversKept)] {
		if !a.IsLinkLocalUnicast() || a.Zone() != "" {
			add(a, netip.Addr{})
		}
	}
	announced := 0
	for _, r := range l.Routers {
		if l.s.Left(r.Last.RDNSSLifeS, r.At) == 0 {
			continue
		}
		for _, a := range r.Last.RDNSS {
			if announced < announcedServed && add(a, r.Address) {
				announced++
			}
		}
	}
	return list
}

// NameServer returns the one of NameServers at an address, if it is one.
func (l *LinkModel) NameServer(addr netip.Addr) (s NameServer, ok bool) {
	i := slices.IndexFunc(l.NameServers(), func(s NameServer) bool { return s.Address == addr })
	if i < 0 {
		return s, false
	}
	return l.NameServers()[i], true
}
