package why

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var onPort = Cause{
	ID: "host.address-on-port", Severity: Critical, Whole: true,
	Remedy: []Remedy{
		{
			Does: "to-master", Make: toMaster, Keep: &keep{amend: true},
			Do: []string{"ip -6 addr del {own}/{own-len} dev {left}", "ip -6 addr add {own}/{own-len} dev {master}", "ip -6 route add default via {router} dev {master}"},
		},
		way("", "ip -d link show dev {left}", "ip -6 addr show dev {left}", "ip -6 route show dev {left}"),
	},
	find: findOnPort,
	contradicted: func(iv *ifaceView, h hypothesis) bool {
		return h.subject.Value == iv.name && iv.kernelAnswered()
	},
}

// A leftover is what is on a port and belongs on its master.
type leftover struct {
	port, master diag.Link
	addresses    []diag.At[diag.Address]
	routes       []diag.Route // unicast, of the main table, but for link-local ones
}

// findOnPort looks for addresses and routes that were left on a port of a bridge or a bond: what comes in by it is the
// master's (net/core/dev.c, rx_handler), so no answer gets to them. What a port has that is not examined itself is
// told with its master.
func findOnPort(iv *ifaceView) (list []hypothesis) {
	for _, port := range diag.SortedKeys(iv.s.Links) {
		l := iv.s.Links[port]
		itself := port == iv.name
		if l.Port == "" || !itself && (l.Master != iv.net.Link.Index || slices.Contains(iv.s.Run.Interfaces, port)) {
			continue
		}
		x, ok := iv.leftOn(l)
		if !ok {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"interface", port}, as: "route",
			args:  []any{"port", l.Port, "master", x.master.Interface, "left", port},
			facts: []diag.Event{iv.s.Said(l), iv.s.Said(x.master)},
		}
		if len(x.addresses) > 0 {
			a := x.addresses[0]
			h.as, h.args, h.facts = "", append(h.args, "own", a.Fact.Address, "own-len", a.Fact.PrefixLen), append(h.facts, diag.FactOf(a))
		} else {
			h.args = append(h.args, "prefix", x.routes[0].Dst)
		}
		iv.explain(&h, iv.where(func(p *path) bool {
			return p.symptom >= 0 && p.Missing() && p.Via != diag.ViaWire && (itself || p.Out == port)
		})...)
		if itself {
			iv.explainKind(&h, noGlobal, noDefault, absent, unheeded)
		} else {
			h.severity = Warning
		}
		list = append(list, h)
	}
	return list
}

// leftOn returns what is on a port; not ok: nothing that matters.
func (iv *ifaceView) leftOn(port diag.Link) (x leftover, ok bool) {
	x.port = port
	for _, l := range iv.s.Links {
		if l.Index != 0 && l.Index == port.Master {
			x.master = l
		}
	}
	for k, a := range iv.s.Addresses {
		if k.Interface == port.Interface && iv.global(a.Fact) && a.Fact.Flags.Usable() {
			x.addresses = append(x.addresses, a)
		}
	}
	diag.SortFunc(x.addresses, func(a, b diag.At[diag.Address]) int { return a.Fact.Address.Compare(b.Fact.Address) })
	for k, r := range iv.s.Routes.All() {
		if k.Interface == port.Interface && k.Type == "unicast" && k.Table == diag.MainTable && !k.Dst.Addr().IsLinkLocalUnicast() && !k.Dst.Addr().IsMulticast() {
			x.routes = append(x.routes, r.Fact)
		}
	}
	diag.SortFunc(x.routes, func(a, b diag.Route) int {
		return cmp.Or(a.Dst.Compare(b.Dst), a.Via.Compare(b.Via), cmp.Compare(a.Metric, b.Metric))
	})
	return x, x.master.Index != 0 && len(x.addresses)+len(x.routes) > 0
}

// kernelAnswered reports whether somebody's answer to what the kernel sent got to the kernel.
func (iv *ifaceView) kernelAnswered() bool {
	return iv.any(func(p *path) bool {
		return p.Via == diag.ViaKernel && p.Reaches() && p.Outcome == diag.Answered && p.Received > 0 && !p.Target.IsMulticast()
	})
}

// toMaster moves addresses and default routes to the master, a route only where there is none yet; the routes to the
// addresses' own prefixes come with them.
func toMaster(v *view, h *hypothesis) (list []string) {
	x, ok := v.on(h.iface).leftOn(v.s.Links[h.subject.Value])
	if !ok {
		return nil
	}
	from, to := quote(x.port.Interface), quote(x.master.Interface)
	out := false
	for k := range v.s.Routes.All() {
		out = out || k.Dst.Bits() == 0 && k.Interface == x.master.Interface && k.Type == "unicast" && k.Table == diag.MainTable
	}
	for _, a := range x.addresses {
		prefix := netip.PrefixFrom(a.Fact.Address, a.Fact.PrefixLen)
		list = append(list, fmt.Sprintf("ip -6 addr del %s dev %s", prefix, from), fmt.Sprintf("ip -6 addr add %s dev %s", prefix, to))
	}
	for _, r := range x.routes {
		switch byAddress := slices.ContainsFunc(x.addresses, func(a diag.At[diag.Address]) bool {
			return r.Dst == netip.PrefixFrom(a.Fact.Address, a.Fact.PrefixLen).Masked()
		}); {
		case r.Dst.Bits() > 0 && byAddress: // it went with the address
		case r.Dst.Bits() > 0 || !r.Via.IsValid():
			list = append(list, fmt.Sprintf("ip -6 route del %s dev %s", r.Dst, from), fmt.Sprintf("ip -6 route add %s dev %s", viaOf(r), to))
		default:
			if list = append(list, fmt.Sprintf("ip -6 route del default via %s dev %s", r.Via, from)); !out {
				list, out = append(list, fmt.Sprintf("ip -6 route add default via %s dev %s", r.Via, to)), true
			}
		}
	}
	return list
}

// viaOf writes a route's destination and gateway as ip-route(8) has them.
func viaOf(r diag.Route) string {
	if r.Via.IsValid() {
		return fmt.Sprintf("%s via %s", r.Dst, r.Via)
	}
	return r.Dst.String()
}
