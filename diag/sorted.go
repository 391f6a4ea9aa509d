package diag

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// InterfacesOf returns the interfaces that a run is about: those named in Run, else every
// Ethernet-like one.
func (s *State) InterfacesOf() []string {
	if len(s.Run.Interfaces) > 0 {
		return slices.Clone(s.Run.Interfaces)
	}
	if s.Overheard != nil {
		return SortedKeys(s.Overheard)
	}
	var names []string
	for name, l := range s.Links {
		if l.Ethernet && !l.Loopback && l.Port == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// CheckOrder is the order in which checks are shown: from the router outwards.
var CheckOrder = []string{
	"ra", "router-nd", "router-echo", "peer-nd", "peer-echo", "all-nodes", "internet", "source",
	"added", "assignment", "dhcpv6", "host", "mtu", "services",
}

// PathsSorted returns the settled questions in the order of the report.
func (s *State) PathsSorted() []Path {
	list := slices.Collect(maps.Values(s.paths))
	sortPaths(list)
	for i, p := range list {
		list[i] = s.read(p)
	}
	return list
}

// sortPaths puts paths in the order of the report.
func sortPaths(list []Path) {
	if len(list) < 2 {
		return // it is asked of very few again and again
	}
	rank := map[string]int{}
	for i, id := range CheckOrder {
		rank[id] = i
	}
	SortFunc(list, func(a, b Path) int {
		return cmp.Or(
			cmp.Compare(a.Interface, b.Interface),
			cmp.Compare(rank[a.Check], rank[b.Check]),
			cmp.Compare(a.Check, b.Check),
			a.Source.Compare(b.Source),
			cmp.Compare(a.Asks, b.Asks),
			a.Target.Compare(b.Target),
			cmp.Compare(a.Via, b.Via),
			strings.Compare(a.ID, b.ID),
		)
	})
}

// ChecksSorted returns the checks by ID, then by interface.
func (s *State) ChecksSorted() []Check {
	list := slices.Collect(maps.Values(s.Checks))
	SortFunc(list, func(a, b Check) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Interface, b.Interface))
	})
	return list
}

// RoutersSorted returns the advertisers by interface, then by address.
func (s *State) RoutersSorted() []*RouterSeen {
	list := slices.Collect(maps.Values(s.Routers))
	SortFunc(list, func(a, b *RouterSeen) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	return list
}
