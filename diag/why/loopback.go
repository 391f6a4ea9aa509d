package why

import "ndwhy/diag"

var loopbackDown = Cause{
	ID: "host.loopback-down", Severity: Warning,
	Remedy: []Remedy{way("", "ip link set dev {lo} up").kept(keep{})},
	find:   findLoopbackDown,
}

// findLoopbackDown looks for a loopback interface that is off: what this host sends to an address of its own goes there,
// whichever interface has the address (net/ipv6/route.c, addrconf_f6i_alloc). It is one for all interfaces, so the first tells.
func findLoopbackDown(iv *ifaceView) []hypothesis {
	if iv != iv.ifaces[0] || !iv.s.Complete(diag.FeedNetlink) {
		return nil
	}
	for _, name := range diag.SortedKeys(iv.s.Links) {
		if l := iv.s.Links[name]; !l.Loopback || l.Up || l.Gone {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"interface", name}, args: []any{"lo", name},
			facts: []diag.Event{iv.s.Said(diag.Link{Interface: name})},
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
