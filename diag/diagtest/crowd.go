package diagtest

import (
	"encoding/binary"
	"net/netip"

	"ndwhy/diag"
)

// A Crowd is how much of everything there is on a link.
type Crowd struct{ Addresses, Routes, Routers, Neighbours int }

// Most is the most that the program is made for.
var Most = Crowd{Addresses: 1000, Routes: 5000, Routers: 4096, Neighbours: 100_000}

// Bodies are what a crowd adds to a healthy link: addresses of its subnet, routes to elsewhere, routers that each
// advertise a prefix of their own and got a default route, and neighbours.
func (c Crowd) Bodies() []diag.Body {
	var list []diag.Body
	add := func(b diag.Body) { list = append(list, b) }
	for i := range c.Addresses {
		add(ByHand(numbered(Subnet.Addr(), 0xadd0_0000+i), 64))
	}
	for i := range c.Routes {
		add(diag.Route{
			Interface: "eth0", Dst: netip.PrefixFrom(within(netip.MustParseAddr("3fff::"), i), 48), Via: RouterAddr, Metric: 1024,
			Table: diag.MainTable, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever,
		})
	}
	for i := range c.Routers {
		router, mac := numbered(netip.MustParseAddr("fe80::"), 0xbad0_0000+i), diag.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}
		prefix := netip.PrefixFrom(within(netip.MustParseAddr("2001:db8:bad::"), i), 64)
		ra := VpcRA()
		ra.Prefixes = []diag.PrefixInfo{{Prefix: prefix, OnLink: true, Autonomous: true, ValidS: 7200, PreferredS: 7200}}
		ra.LLAddr = mac
		add(RaFrame(router, mac, ra))
		route := DefaultRoute("ra")
		route.Via = router
		add(route)
		route.Dst, route.Via = prefix, netip.Addr{}
		add(route)
	}
	for i := range c.Neighbours {
		add(diag.Neighbour{Interface: "eth0", Address: numbered(Subnet.Addr(), 0x1000_0000+i), MAC: diag.MAC{6, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)}, State: diag.Stale})
	}
	return list
}

// numbered is the i-th address of a /64.
func numbered(prefix netip.Addr, i int) netip.Addr {
	b := prefix.As16()
	binary.BigEndian.PutUint64(b[8:], uint64(i))
	return netip.AddrFrom16(b)
}

// within is the base of the i-th prefix of 48 or 64 bits that begins as one does.
func within(base netip.Addr, i int) netip.Addr {
	b := base.As16()
	binary.BigEndian.PutUint16(b[4:], binary.BigEndian.Uint16(b[4:])+uint16(i>>16))
	binary.BigEndian.PutUint16(b[6:], uint16(i))
	if base.As16()[4] == 0 { // a /48
		binary.BigEndian.PutUint16(b[4:], uint16(i))
		binary.BigEndian.PutUint16(b[6:], 0)
	}
	return netip.AddrFrom16(b)
}

// Flooded is a flood of a kind of packets, from so many senders.
func Flooded(kind diag.FrameType, packets, senders int) diag.Flood {
	return diag.Flood{Interface: "eth0", Type: kind, Packets: packets, OverS: 1, Senders: senders, MAC: OtherMAC, Most: packets / senders}
}
