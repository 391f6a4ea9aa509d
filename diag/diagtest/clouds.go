package diagtest

import (
	"net/netip"

	"ndwhy/diag"
)

// HosterGateway is the router that several hosters have in every network.
var HosterGateway = netip.MustParseAddr("fe80::1")

// Configured is a healthy network in which the address and the gateway are configured, and no router announces
// itself.
func Configured(machine diag.Machine, gateway netip.Addr) *World {
	w := LAN().Say(machine)
	w.Drop(OfKind(func(f diag.Frame) bool { return f.Type == diag.RA }))
	w.Drop(OfKind(func(a diag.Address) bool { return a.Address == Mine })).Say(ByHand(Mine, 64))
	for i, b := range w.Bodies {
		switch x := b.(type) {
		case diag.Route:
			if x.Via == RouterAddr {
				x.Via, x.Protocol, x.ExpiresS = gateway, "static", diag.Forever
				w.Bodies[i] = x
			}
		case diag.Neighbour:
			if x.Address == RouterAddr {
				x.Address = gateway
				w.Bodies[i] = x
			}
		case diag.Selection:
			if x.Via == RouterAddr {
				x.Via = gateway
				w.Bodies[i] = x
			}
		}
	}
	w.Each(To(RouterAddr), func(p *diag.Path) { p.Target = gateway })
	w.Each(func(p diag.Path) bool { return p.Asks == diag.AsksRS }, Silent)
	return w
}

// Announced is a healthy network in which the router announces itself, and DHCPv6 or the prefix gives the address.
func Announced(machine diag.Machine) *World { return LAN().Say(machine) }

// Pod is a healthy pod on an EC2 instance that no metadata service tells of: the host's end of its link is its
// gateway, which it was told the MAC of.
func Pod() *World {
	w := Configured(diag.Machine{SysVendor: "Amazon EC2"}, HosterGateway)
	w.Drop(OfKind(func(l diag.Link) bool { return l.Interface == "eth0" }))
	w.Say(
		diag.Link{Interface: "eth0", Index: 3, MAC: MyMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true, Type: "veth", Parent: 17, Elsewhere: true},
		diag.Neighbour{Interface: "eth0", Address: HosterGateway, MAC: RouterMAC, State: diag.PermanentNUD},
	)
	return w
}
