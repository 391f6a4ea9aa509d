package diag

import (
	"cmp"
	"maps"
	"slices"
)

// A Survey is what choosing among a host's interfaces rests on.
type Survey struct {
	Links     []Link
	Addresses []Address // IPv6, of all interfaces
	Routes    []Route   // IPv6, of all tables
	// Default4 is the interface of the lowest-metric IPv4 default route; empty: there is none, or it is not known.
	Default4 string
}

// NotExamined is an interface that a run is not about, and why.
type NotExamined struct {
	Interface string       `json:"interface"`
	Why       NotExamining `json:"why"`
	Port      string       `json:"port,omitempty"` // what it is a port of: bridge, bond …
}

// NotExamining is why an interface is not examined.
type NotExamining string

// Why an interface is not examined.
const (
	ExamineNoND     NotExamining = "no-nd"    // used, and does no neighbour discovery: a tunnel, a VPN
	ExaminePort     NotExamining = "port"     // another does IPv6 in its stead
	ExamineDown     NotExamining = "down"     // switched off
	ExamineLocal    NotExamining = "local"    // it has no address but its link-local one, and no default route
	ExamineInside   NotExamining = "inside"   // this host itself is the router there: containers, machines, overlays
	ExamineMany     NotExamining = "many"     // beyond the MostExamined
	ExamineUnasked  NotExamining = "unasked"  // the user named others
	ExamineAppeared NotExamining = "appeared" // it came, or came into use, when the run had begun
)

// MostExamined bounds how many interfaces are examined where the user names none.
const MostExamined = 8

// Add takes a route in, as far as it says something that no other said: there may be very many.
func (v *Survey) Add(r Route) {
	if r.Dst.Bits() > 0 && r.Protocol != "ra" && r.ExpiresS == Forever || slices.ContainsFunc(v.Routes, func(o Route) bool {
		return o.Interface == r.Interface && o.Type == r.Type && o.Gone == r.Gone && (o.Dst.Bits() == 0) == (r.Dst.Bits() == 0) &&
			(r.Dst.Bits() > 0 || o.Metric == r.Metric && o.Table == r.Table)
	}) {
		return
	}
	v.Routes = append(v.Routes, r)
}

// Used returns the interfaces by which this host reaches others, at most MostExamined, by name: a global
// address is configured, or a default route leads through it. Left are the others that somebody might miss.
func (v Survey) Used() (used []Link, left []NotExamined) {
	outs, told, global := map[string]int{}, map[string]bool{}, map[string]bool{}
	seeks := map[string]bool{} // routers, whom a tunnel's routes do not name
	for _, r := range v.Routes {
		seeks[r.Interface] = seeks[r.Interface] || r.Via.IsValid() && !r.Gone
		switch {
		case r.Type != "unicast" || r.Gone:
		case r.Dst.Bits() == 0:
			rank := r.Metric
			if r.Table != MainTable {
				rank = otherTables
			}
			if best, ok := outs[r.Interface]; !ok || rank < best {
				outs[r.Interface] = rank
			}
		case r.Protocol == "ra" || r.ExpiresS != Forever:
			told[r.Interface] = true
		}
	}
	for _, a := range v.Addresses {
		if scope := ScopeOf(a.Address); scope != GlobalScope && scope != ULAScope || a.Gone || a.Passing() {
			continue
		}
		global[a.Interface] = true
		if a.Flags&Permanent == 0 {
			told[a.Interface] = true
		}
	}
	told[v.Default4] = true
	for _, l := range v.Links {
		_, out := outs[l.Interface]
		leave := func(why NotExamining) {
			left = append(left, NotExamined{Interface: l.Interface, Why: why, Port: l.Port})
		}
		switch {
		case l.Gone || l.Loopback:
		case l.Port != "" && l.Ethernet && (out || global[l.Interface]):
			used = append(used, l) // by what was left on it, and should have gone where it went
		case l.Port != "":
			if l.hardware() {
				leave(ExaminePort)
			}
		case !l.Ethernet, l.NoARP && !seeks[l.Interface]:
			if out || global[l.Interface] {
				leave(ExamineNoND)
			}
		case out || global[l.Interface] && (l.hardware() || told[l.Interface]):
			used = append(used, l)
		case global[l.Interface]:
			leave(ExamineInside)
		case !l.hardware(): // of containers' ends there may be any number
		case !l.Up:
			leave(ExamineDown)
		default:
			leave(ExamineLocal)
		}
	}
	SortFunc(used, func(a, b Link) int {
		rank := func(l Link) int {
			if metric, ok := outs[l.Interface]; ok {
				return metric
			}
			return otherTables + 1
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Index, b.Index), cmp.Compare(a.Interface, b.Interface))
	})
	for _, l := range used[min(len(used), MostExamined):] {
		left = append(left, NotExamined{Interface: l.Interface, Why: ExamineMany})
	}
	used = used[:min(len(used), MostExamined)]
	SortFunc(used, func(a, b Link) int { return cmp.Compare(a.Interface, b.Interface) })
	SortFunc(left, func(a, b NotExamined) int { return cmp.Compare(a.Interface, b.Interface) })
	return used, left
}

// otherTables ranks a default route of another table than main behind all of that.
const otherTables = 1 << 32

// Resolves reports whether the kernel looks for neighbours on an interface, as it does not in a tunnel.
func (l Link) Resolves() bool { return l.Ethernet && !l.NoARP }

// hardware reports whether an interface stands for a NIC of the host, alone or with others: an address
// that somebody gave it is the host's own. Of what else there is (bridges, veths, overlays) the host may
// as well be the router.
func (l Link) hardware() bool {
	switch l.Type {
	case "", "bond", "team", "vlan", "macvlan", "macvtap", "ipvlan", "macsec", "dsa", "hsr":
		return true
	default:
		return false
	}
}

// Survey returns what is known for choosing among the interfaces, but for IPv4.
func (s *State) Survey() Survey {
	v := Survey{Links: slices.Collect(maps.Values(s.Links))}
	for _, a := range s.Addresses {
		v.Addresses = append(v.Addresses, a.Fact)
	}
	for _, r := range s.Routes.All() {
		v.Add(r.Fact)
	}
	return v
}

// NotExamined returns the interfaces that the run is not about, by name: those that were not when it
// began, and those that came into use since.
func (s *State) NotExamined() []NotExamined {
	list := slices.Clone(s.Run.NotExamined)
	used, _ := s.Survey().Used()
	for _, l := range used {
		if slices.Contains(s.Run.Interfaces, l.Interface) {
			continue
		}
		now := NotExamined{Interface: l.Interface, Why: ExamineAppeared}
		i := slices.IndexFunc(list, func(x NotExamined) bool { return x.Interface == l.Interface })
		switch {
		case i < 0:
			list = append(list, now)
		case list[i].Why != ExamineUnasked && list[i].Why != ExamineMany:
			list[i] = now
		}
	}
	SortFunc(list, func(a, b NotExamined) int { return cmp.Compare(a.Interface, b.Interface) })
	return list
}
