package sim

import (
	"net/netip"
	"strconv"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// What a kernel does with what routers tell it (net/ipv6/ndisc.c, ndisc_router_discovery; route.c, rt6_do_redirect).

// defaultHops is the hop limit of what a host sends, where no router tells it another.
const defaultHops = 64

// number is the value of one of an interface's settings.
func (n *nic) number(name string) int {
	v, err := strconv.Atoi(n.setting(n.name, name))
	if err != nil {
		panic(err)
	}
	return v
}

// act makes and renews what an advertisement brings.
func (n *nic) act(router netip.Addr, ra *diag.Advertisement) {
	protocol, metric, forever := "kernel", 256, false
	if n.networkd != nil {
		protocol, metric, forever = "ra", 1024, true
	}
	lifetime := func(s int64) int64 {
		if forever {
			return diag.Forever
		}
		return s
	}
	for _, p := range ra.Prefixes {
		if p.OnLink {
			n.setRoute(diag.Route{
				Interface: n.name, Dst: p.Prefix.Masked(), Metric: metric, Table: diag.MainTable, Protocol: protocol, Type: "unicast", ExpiresS: lifetime(p.ValidS),
			})
		}
	}
	by := diag.Route{Interface: n.name, Via: router, Metric: 1024, Table: diag.MainTable, Protocol: "ra", Type: "unicast"}
	for _, r := range ra.Routes {
		if n.networkd != nil || r.Prefix.Bits() <= n.number("accept_ra_rt_info_max_plen") {
			by.Dst, by.ExpiresS = r.Prefix, lifetime(r.LifetimeS)
			n.setRoute(by)
		}
	}
	if ra.HopLimit >= n.number("accept_ra_min_hop_limit") {
		n.hopLimit = ra.HopLimit
	}
	if ra.MTU > 0 && ra.MTU <= n.mtu && n.setting(n.name, "accept_ra_mtu") == "1" {
		n.mtu6 = ra.MTU
	}
	if n.networkd != nil && n.networkd.NoGateway {
		return
	}
	by.Dst, by.ExpiresS, by.Gone = defaultRoute, lifetime(ra.LifetimeS), ra.LifetimeS == 0
	n.setRoute(by)
}

var defaultRoute = netip.PrefixFrom(netip.IPv6Unspecified(), 0)

// redirected is a router that names a better next hop. Only the one that packets go by already is believed.
func (n *nic) redirected(f diag.Frame, p wire.Packet) {
	const destination = 24 // behind the better hop (RFC 4861 §4.5)
	if n.forward || n.setting(n.name, "accept_redirects") != "1" || len(p.Payload) < destination+16 {
		return
	}
	dst := netip.AddrFrom16([16]byte(p.Payload[destination:]))
	if sel := n.route(dst, netip.Addr{}, ""); sel.Interface != n.name || sel.Via != f.Src {
		return
	}
	n.learnt(f.Target, f.LLAddr, diag.Stale, f.Target != dst)
	n.shorter[dst] = f.Target
}
