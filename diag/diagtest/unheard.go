package diagtest

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// Private is a link-local address that is not made of the MAC (RFC 7217).
var Private = netip.MustParseAddr("fe80::9c3f:41d2:77aa:e08b")

// Unheard takes every answer away: what the host sends gets nowhere. It still hears what is sent to all.
func Unheard(w *World) *World {
	w.Silence(func(p diag.Path) bool { return p.Asks != diag.AsksDAD })
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate })
	return w
}

// PortSecurity is a host with a link-local address that is not made of its MAC, on a port that lets no other speak, in a
// network of which nothing else is known.
func PortSecurity() *World {
	w := Unheard(LAN())
	for i, b := range w.Bodies {
		if a, ok := b.(diag.Address); ok && a.Address == MyLocal {
			a.Address = Private
			w.Bodies[i] = a
		}
	}
	for i := range w.Paths {
		if p := &w.Paths[i]; p.Source == MyLocal {
			p.Source, p.SourceClass, p.ID = Private, diag.SourceUnassigned, p.ID+"/private"
		}
	}
	return w.Path(diag.Path{Check: "source", Asks: diag.AsksND, Source: MyLocal, Target: RouterAddr, TargetClass: diag.TargetRouter})
}

// Relink changes the interface itself.
func (w *World) Relink(change func(*diag.Link)) *World {
	for i, b := range w.Bodies {
		if l, ok := b.(diag.Link); ok && l.Interface == "eth0" {
			change(&l)
			w.Bodies[i] = l
		}
	}
	return w
}

// NoPeers asks no peer.
func (w *World) NoPeers() *World {
	w.Run.Peers = nil
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.TargetClass == diag.TargetPeer && p.Asks != diag.AsksDAD })
	return w
}
