package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var routerRedirects = Cause{
	ID: "router.redirects", Severity: Critical,
	Remedy: []Remedy{
		way("no-redirects", "sysctl -w net.ipv6.conf.{interface}.accept_redirects=0", "ip -6 route flush cache").when(as("", "before")).
			kept(keep{sysctl: "{conf}.accept_redirects=0"}),
		ask("ask.redirects").when(as("", "rogue")),
		way("", "ip -6 route get {target}").when(as("", "before")),
		way("", "ip -6 neigh show dev {interface}"),
	},
	find: findRedirects,
}

// findRedirects looks for redirects (RFC 4861 §8) that this host follows to where nothing answers, and for such as come
// from who is no router of the link. That one is not followed (accept_redirects=0) is no fault: what the router says is
// that there is a shorter way.
func findRedirects(iv *ifaceView) []hypothesis {
	list := iv.redirectedBefore()
	for _, dst := range iv.traffic.redirected() {
		e := iv.traffic.redirects[dst]
		f := e.Body.(diag.Frame)
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"target", dst.String()}, addr: dst,
			args:  []any{"target", dst, "via", f.Target, "router", f.Src},
			facts: []diag.Event{e},
		}
		if !iv.isRouter(f) {
			// The kernel believes only the router by which it sends already (net/ipv6/route.c, rt6_do_redirect).
			h.as, h.severity, h.subject, h.addr = "rogue", Info, Subject{"router", f.Src.String()}, f.Src
			if iv.profile.OneRouter {
				h.severity = Warning
			}
			list = append(list, h)
			continue
		}
		followed := iv.where(func(p *path) bool { return p.Target == dst && p.Missing() && p.Ours() && iv.redirected(p) })
		answered := iv.any(func(p *path) bool { return p.Target == dst && p.Outcome == diag.Answered && iv.redirected(p) })
		if answered || !slices.ContainsFunc(followed, func(p *path) bool { return p.symptom >= 0 }) {
			continue
		}
		iv.explain(&h, followed...)
		if !iv.any(func(p *path) bool { return p.Target == dst && p.Outcome == diag.Answered }) {
			h.confidence = Likely // whether the router's own way leads there is not known
		}
		list = append(list, h)
	}
	return list
}

// redirectedBefore looks for what the kernel sends by a gateway that no route names, in vain: that is how a redirect looks
// which came before anybody looked (net/ipv6/route.c, rt6_do_redirect, makes an exception that no list of routes shows).
func (iv *ifaceView) redirectedBefore() []hypothesis {
	var list []hypothesis
	for _, sel := range iv.selections() {
		if _, seen := iv.traffic.redirects[sel.Dst]; seen || sel.Interface != iv.name || !iv.exception(sel) ||
			slices.ContainsFunc(list, func(h hypothesis) bool { return h.addr == sel.Dst }) {
			continue
		}
		h := hypothesis{
			confidence: Likely, direct: true, as: "before", subject: Subject{"target", sel.Dst.String()}, addr: sel.Dst,
			args: []any{"target", sel.Dst, "via", sel.Via}, facts: []diag.Event{iv.s.Said(sel)},
		}
		asked := iv.where(func(p *path) bool { return p.Target == sel.Dst && p.Via != diag.ViaWire && p.Ours() })
		if slices.ContainsFunc(asked, func(p *path) bool { return p.Outcome == diag.Answered }) ||
			!slices.ContainsFunc(asked, func(p *path) bool { return p.symptom >= 0 && p.Missing() }) {
			continue
		}
		iv.explain(&h, iv.where(func(p *path) bool { return p.Target == sel.Dst && p.Missing() && p.Ours() && iv.byException(p) })...)
		list = append(list, h)
	}
	return list
}

// exception reports whether the kernel's answer names a gateway that none of the interface's routes does.
func (iv *ifaceView) exception(sel diag.Selection) bool {
	if !sel.Via.IsValid() || sel.Type != "unicast" || !iv.s.Complete(diag.FeedNetlink) || sel.Dst == sel.Via {
		return false
	}
	for k := range iv.s.Routes.All() {
		if k.Interface == iv.name && k.Via == sel.Via {
			return false
		}
	}
	// A route that was there until now may still be what the kernel answered by.
	return !slices.ContainsFunc(iv.s.Notes(), func(e diag.Event) bool {
		r, is := e.Body.(diag.Route)
		return is && r.Gone && r.Interface == iv.name && r.Via == sel.Via
	})
}

// byException reports whether a path's packets went by such a gateway: all that the kernel sends, and of our own frames
// those that have its MAC.
func (iv *ifaceView) byException(p *path) bool {
	via, known := iv.net.Gateway(p.Target, p.Source)
	if !known || !iv.exception(diag.Selection{Dst: p.Target, Via: via, Type: "unicast"}) {
		return false
	}
	entry, ok := iv.net.Entry(via)
	return p.Via != diag.ViaWire || ok && iv.sentTo(p, entry.Fact.MAC)
}

// redirected are the destinations that redirects are about, in order.
func (t *traffic) redirected() []netip.Addr {
	list := make([]netip.Addr, 0, len(t.redirects))
	for dst := range t.redirects {
		list = append(list, dst)
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}

// redirected reports whether a path's packets went where a redirect said: as the frames say that are its evidence, or
// as the kernel says that it would send its own.
func (iv *ifaceView) redirected(p *path) bool {
	e, ok := iv.traffic.redirects[p.Target]
	if !ok {
		return false
	}
	said := e.Body.(diag.Frame)
	if via, known := iv.net.Gateway(p.Target, p.Source); known && via == said.Target && p.Via != diag.ViaWire {
		return true
	}
	return iv.sentTo(p, said.LLAddr)
}

// sentTo reports whether a frame that is evidence of a path left for a MAC.
func (iv *ifaceView) sentTo(p *path, mac diag.MAC) bool {
	return mac != (diag.MAC{}) && slices.ContainsFunc(p.Evidence, func(seq int64) bool {
		e, _ := iv.s.Evidence(seq)
		f, ok := e.Body.(diag.Frame)
		return ok && f.Out && f.Dst == p.Target && f.DstMAC == mac
	})
}
