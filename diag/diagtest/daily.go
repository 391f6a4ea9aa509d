package diagtest

import (
	"slices"

	"ndwhy/diag"
)

// Forgotten is a LAN whose switch passes no solicitation for the peers on; one of them answers what is sent to its MAC.
func Forgotten() *World {
	w := LAN().Silence(func(p diag.Path) bool { return p.Check == "peer-nd" })
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.SourceClass == diag.SourceCandidate })
	return w.Each(func(p diag.Path) bool {
		return p.Check == "peer-nd" && p.Target == PeerGlobal && p.Via == diag.ViaWire
	}, func(p *diag.Path) {
		p.Detail, p.Note = diag.DetailAlone, PeerMAC.String()
	})
}

// DiscoveryOff is a LAN and a host whose kernel looks for no neighbours: what it sends gets no answer, and frames do.
func DiscoveryOff() *World {
	return LAN().Relink(func(l *diag.Link) { l.NoARP = true }).Each(func(p diag.Path) bool {
		return p.Via != diag.ViaWire && p.Reaches() && !p.Target.IsMulticast()
	}, func(p *diag.Path) {
		if Silent(p); p.Asks == diag.AsksND {
			p.Outcome, p.Detail, p.Sent = diag.OutcomeSkipped, "already-resolved", 0
		}
	})
}

// OnPort is a LAN and a host whose interface became a port of a bridge: frames get answers, and its kernel none.
func OnPort() *World {
	w := LAN().Relink(func(l *diag.Link) { l.Port, l.Master = "bridge", 9 })
	w.Say(diag.Link{Interface: "br9", Index: 9, MAC: MyMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true, Type: "bridge"})
	return w.Silence(func(p diag.Path) bool { return p.Via != diag.ViaWire && p.Reaches() && !p.Target.IsMulticast() })
}

// Queried is a general query for members, as a querier sends it.
func Queried() diag.Frame {
	return diag.Frame{Interface: "eth0", Type: diag.MLD, Src: RouterAddr, Dst: diag.AllNodes, SrcMAC: RouterMAC, HopLimit: 1, Raw: []byte{4}}
}
