package why

import (
	"net/netip"

	"ndwhy/diag"
)

var loopbackDown = Cause{
	ID: "host.loopback-down", Severity: Warning,
	Remedy: []Remedy{
		way("loopback-up", "ip link set dev {lo} up").when(as("")).kept(keep{}),
		way("loopback-address", "sysctl -w net.ipv6.conf.{lo}.disable_ipv6=0", "ip -6 addr replace ::1/128 dev {lo}").when(as("bare")).kept(keep{}),
	},
	find: findLoopbackDown,
}

// findLoopbackDown looks for a loopback interface that is off: what this host sends to an address of its own goes there,
// whichever interface has the address (net/ipv6/route.c, addrconf_f6i_alloc). One that is on has ::1, unless somebody took
// it away. It is one for all interfaces, so the first tells.
func findLoopbackDown(iv *ifaceView) []hypothesis {
	if iv != iv.ifaces[0] || !iv.s.Complete(diag.FeedNetlink) {
		return nil
	}
	for _, name := range diag.SortedKeys(iv.s.Links) {
		l := iv.s.Links[name]
		if !l.Loopback || l.Gone {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"interface", name}, args: []any{"lo", name},
			facts: []diag.Event{iv.s.Said(diag.Link{Interface: name})},
		}
		if l.Up {
			if _, has := iv.s.Addresses[diag.InterfaceAddr{Interface: name, Address: netip.IPv6Loopback()}]; has || len(iv.net.Usable()) == 0 {
				continue // without any address IPv6 is off altogether
			}
			h.as = "bare"
			return []hypothesis{h}
		}
		for _, a := range iv.net.Usable() {
			if !a.Address.IsLinkLocalUnicast() {
				h.args, h.more = append(h.args, "own", a.Address), []string{"cause.host.loopback-down.own"}
				break
			}
		}
		return []hypothesis{h}
	}
	return nil
}
