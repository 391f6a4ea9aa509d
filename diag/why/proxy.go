package why

import (
	"net/netip"

	"ndwhy/diag"
)

var proxyMissing = Cause{
	ID: "host.proxy-missing", Severity: Warning,
	Remedy: []Remedy{
		way("", "ip -6 neigh add proxy {address} dev {interface}", "sysctl -w net.ipv6.conf.{interface}.proxy_ndp=1", "ip -6 route get {address}").
			kept(keep{networkd: "[Network] IPv6ProxyNDP=yes; IPv6ProxyNDPAddress={address}", up: true}),
	},
	find: findProxyMissing,
}

// findProxyMissing looks for addresses that this host routes on, to a VPN's client or a container, and that
// others solicit for on the interface's own link: whoever lives behind a router and has an address of the
// link in front of it needs somebody who answers in its stead (RFC 4389, Linux proxy_ndp).
func findProxyMissing(iv *ifaceView) []hypothesis {
	if !iv.s.Complete(diag.FeedFrames) || !iv.s.Complete(diag.FeedNetlink) {
		return nil
	}
	var list []hypothesis
	for _, addr := range iv.traffic.askedFor() {
		e, inVain := iv.soughtInVain(addr)
		if !inVain || iv.s.InterfaceWith(addr) != "" || iv.isCandidate(addr) || len(iv.answers[asked{diag.AsksND, addr}]) > 0 {
			continue // or it lives on this link, and answers for itself
		}
		route, other, ok := iv.behind(addr)
		if !ok {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Likely, subject: addressSubject(addr), addr: addr, facts: []diag.Event{e, diag.FactOf(route)},
			args: []any{"address", addr, "other", other, "from", e.Body.(diag.Frame).Src},
		}
		if entry, listed := iv.s.Proxies[diag.InterfaceAddr{Interface: iv.name, Address: addr}]; listed {
			h.as = "off" // net/ipv6/ndisc.c, ndisc_recv_ns: an entry counts where proxy_ndp is on
			h.facts = append(h.facts, diag.FactOf(entry))
		}
		if f, sent := iv.s.Foreign[diag.InterfaceAddr{Interface: iv.name, Address: addr}]; sent {
			h.confidence = Certain // it is there, and speaks
			h.facts = append(h.facts, diag.FactOf(f))
		}
		list = append(list, h)
	}
	return list
}

// behind returns the route by which this host sends on what comes for an address to another of its interfaces:
// one for it or a few, not the way that everything takes, nor one as good as this link's own.
func (iv *ifaceView) behind(addr netip.Addr) (best diag.At[diag.Route], other string, ok bool) {
	for k, r := range iv.s.Routes.All() {
		if k.Type == "unicast" && k.Dst.Bits() > 0 && k.Dst.Contains(addr) && (!ok || moreSpecific(r.Fact, best.Fact)) {
			best, other, ok = r, k.Interface, true
		}
	}
	near := false
	for k := range iv.s.Routes.All() {
		near = near || k.Interface == iv.name && k.Type == "unicast" && !k.Via.IsValid() && k.Dst.Contains(addr) && k.Dst.Bits() >= best.Fact.Dst.Bits()
	}
	return best, other, ok && !near && other != iv.name && other != ""
}
