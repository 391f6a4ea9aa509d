package why

import (
	"slices"

	"ndwhy/diag"
)

// inward reports whether an interface leads to a network of its own, from which nothing leads on: no default
// route leads through it; its routers say that they are no default routers, or there is none, and all that is
// set up there was set up by hand; and the way out is another interface's. Nothing is missing where it finds
// no router. Where the infrastructure has a router in every subnet, it is no such network.
func (n *normals) inward(iface string) bool {
	is, known := n.inwards[iface]
	if !known {
		is = n.isInward(iface)
		n.inwards[iface] = is
	}
	return is
}

func (n *normals) isInward(iface string) bool {
	l := n.link(iface)
	if len(l.Defaults) > 0 || n.profile.OneRouter && n.provided(l.Link.MAC) {
		return false
	}
	for _, r := range l.Routers {
		if r.Last.LifetimeS != 0 {
			return false
		}
	}
	told := len(l.Routers) > 0 // that nothing leads on, by the network itself
	for _, a := range n.s.AddressesOn(iface) {
		if !told && a.Fact.Flags&diag.Permanent == 0 && !a.Fact.Passing() {
			return false
		}
	}
	elsewhere := false
	for k, r := range n.s.Routes.All() {
		switch {
		case !told && k.Interface == iface && (r.Fact.Protocol == "ra" || r.Fact.ExpiresS != diag.Forever):
			return false
		case k.Interface != iface && k.Dst.Bits() == 0 && k.Table == diag.MainTable && k.Type == "unicast" && n.s.Left(r.Fact.ExpiresS, r.At) != 0:
			elsewhere = true
		}
	}
	return elsewhere
}

// provided reports whether an interface is one that the infrastructure made, as far as it tells.
func (n *normals) provided(mac diag.MAC) bool {
	if n.s.Metadata.State != diag.MetadataOK {
		return true
	}
	for _, m := range n.s.Metadata.Interfaces {
		if m.MAC == mac {
			return true
		}
	}
	return false
}

// leadsNowhere reports whether a path asks on an inward interface for what cannot be there. An Internet host
// that the user named is missed where no other interface is examined.
func (n *normals) leadsNowhere(p diag.Path) bool {
	switch {
	case p.Asks != diag.AsksRS && p.TargetClass != diag.TargetInternet && p.TargetClass != diag.TargetService:
		return false
	case p.Given && p.TargetClass == diag.TargetInternet && !slices.ContainsFunc(n.s.InterfacesOf(), func(name string) bool { return !n.inward(name) }):
		return false
	default:
		return n.inward(p.Interface)
	}
}

// outward are the interfaces by which the Internet can be expected.
func (v *view) outward() []*ifaceView {
	var list []*ifaceView
	for _, iv := range v.ifaces {
		if !v.normals.inward(iv.name) {
			list = append(list, iv)
		}
	}
	return list
}
