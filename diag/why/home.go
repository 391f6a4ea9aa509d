package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// This file joins an address with the routers that announce the prefix which it is of.

var prefixWithdrawn = Cause{
	ID: "address.prefix-withdrawn", Severity: Warning, Answers: maySpeak,
	Remedy: []Remedy{
		addressAway("withdrawn-away"),
		ask("ask.prefix"),
		way("", "rdisc6 {interface}"),
	},
	find:         findPrefixWithdrawn,
	contradicted: sourceSpoke,
}

// announcers are the routers that announce a prefix which an address is of, as one to be used.
func (iv *ifaceView) announcers(addr netip.Addr) []*diag.RouterSeen {
	var list []*diag.RouterSeen
	for _, r := range iv.net.Routers {
		if slices.ContainsFunc(r.Last.Prefixes, func(p diag.PrefixInfo) bool {
			return p.Prefix.Contains(addr) && p.ValidS != 0 && p.PreferredS != 0
		}) {
			list = append(list, r)
		}
	}
	return list
}

// makers are the routers from whose announcements this host made an address, and would make it anew: nobody configured
// it, and the prefix is one to make addresses of (RFC 4862 §5.5.3).
func (iv *ifaceView) makers(addr netip.Addr) []*diag.RouterSeen {
	i := slices.IndexFunc(iv.addresses, func(a diag.At[diag.Address]) bool { return a.Fact.Address == addr })
	if i < 0 || iv.addresses[i].Fact.Flags&diag.Permanent != 0 {
		return nil
	}
	return slices.DeleteFunc(iv.announcers(addr), func(r *diag.RouterSeen) bool {
		return !slices.ContainsFunc(r.Last.Prefixes, func(p diag.PrefixInfo) bool { return p.Autonomous && p.Prefix.Contains(addr) })
	})
}

// announced holds where this host made a hypothesis' address from an announcement.
func announced(v *view, h *hypothesis) bool { return len(v.on(h.iface).makers(h.addr)) > 0 }

// tellAnnouncer has h say who announces the prefix that its address was made of.
func (iv *ifaceView) tellAnnouncer(h *hypothesis) {
	if list := iv.makers(h.addr); len(list) > 0 {
		h.more = append(h.more, "cause.announced")
		h.args = append(h.args, "announcer", list[0].Address, "announcer-mac", list[0].MAC)
		h.facts = append(h.facts, iv.heard(list[0]))
	}
}

// withdrawn returns the router that says, or lets it be seen, that the prefix of an address is over: it announces
// it with no time left, over, or another one in its stead (RFC 8978).
func (iv *ifaceView) withdrawn(a diag.Address) (by *diag.RouterSeen, over, ok bool) {
	if len(iv.announcers(a.Address)) > 0 {
		return nil, false, false
	}
	made := a.PrefixLen == 64 && a.Flags&diag.Permanent == 0 // of an advertisement, as far as can be told
	for _, r := range iv.net.Routers {
		over = slices.ContainsFunc(r.Last.Prefixes, func(p diag.PrefixInfo) bool { return p.Prefix.Contains(a.Address) })
		if p, forms := r.Forms(); over || made && forms && p.PreferredS != 0 {
			return r, over, true
		}
	}
	return nil, false, false
}

// unheardRouter reports whether the kernel has a default route of an advertisement whose router was not heard.
func (iv *ifaceView) unheardRouter() bool {
	return slices.ContainsFunc(iv.net.Defaults, func(d diag.At[diag.Route]) bool {
		return d.Fact.Protocol == "ra" && !slices.ContainsFunc(iv.net.Routers, func(r *diag.RouterSeen) bool { return r.Address == d.Fact.Via })
	})
}

// unheardBeyond returns what an address asked beyond the router and got no answer to, where another address of
// the interface got one from the same host; nil where anything from there answered it.
func (iv *ifaceView) unheardBeyond(addr netip.Addr) (list []*path, control *path) {
	for _, p := range iv.paths {
		if p.Source != addr || p.TargetClass != diag.TargetInternet || p.Asks != diag.AsksEcho && p.Asks != diag.AsksTCP {
			continue
		}
		if p.Outcome == diag.Answered {
			return nil, nil
		}
		if p.beyondHost() {
			list = append(list, p)
			if c := iv.control(p); c != nil {
				control = c
			}
		}
	}
	if control == nil {
		return nil, nil
	}
	return list, control
}

// chosen reports whether the kernel by itself speaks from an address that gets no answer: then that is what is
// to be said of it.
func (iv *ifaceView) chosen(addr netip.Addr) bool {
	return slices.ContainsFunc(iv.selections(), func(sel diag.Selection) bool {
		return !sel.From.IsValid() && sel.Source == addr && sel.Interface == iv.name && iv.outOfPlace(sel)
	})
}

// homeless are the addresses, made here and not known to be assigned, that nobody beyond answers although another
// of the interface is answered, and that the kernel chooses for nothing.
func (iv *ifaceView) homeless() []diag.At[diag.Address] {
	var list []diag.At[diag.Address]
	for _, a := range iv.addresses {
		addr := a.Fact.Address
		if !iv.global(a.Fact) || iv.class[addr] != diag.SourceUnknown && !iv.leftOut(addr) || !a.Fact.Flags.Usable() {
			continue
		}
		if _, control := iv.unheardBeyond(addr); control != nil && !iv.chosen(addr) {
			list = append(list, a)
		}
	}
	return list
}

// leftOut reports whether what is said to be assigned leaves out an address that a router had this host make, and no flood
// of them.
func (iv *ifaceView) leftOut(addr netip.Addr) bool {
	a, ours := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
	return ours && iv.class[addr] == diag.SourceUnassigned && iv.fromPrefix(a.Fact) && !iv.madeUp(addr)
}

func findPrefixWithdrawn(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, a := range iv.homeless() {
		by, over, ok := iv.withdrawn(a.Fact)
		if !ok {
			continue
		}
		silent, control := iv.unheardBeyond(a.Fact.Address)
		h := iv.about(a)
		h.confidence = Likely
		if !over && iv.unheardRouter() {
			h.confidence = Possible // it may announce the prefix
		}
		if a.Fact.Flags&diag.Deprecated != 0 {
			h.severity = Info // as it should be: nothing new is sent from it
		}
		h.args = append(h.args, "router", by.Address, "better", control.Source, "target", silent[0].Target)
		h.facts = append(h.facts, iv.heard(by))
		rest(&h, control)
		list = append(list, h)
	}
	return list
}

// otherRouter looks for addresses of a prefix that one router announces, and whose packets the kernel hands to
// another: that one drops them (BCP 38), or they come back by a way that leads nowhere (RFC 8028).
func (iv *ifaceView) otherRouter() []hypothesis {
	var list []hypothesis
	for _, a := range iv.homeless() {
		addr := a.Fact.Address
		silent, control := iv.unheardBeyond(addr)
		owner, via, ok := iv.misrouted(addr, silent[0].Target)
		if !ok {
			continue
		}
		h := iv.about(a)
		h.severity, h.confidence, h.as = Warning, Likely, "other-router"
		h.args = append(h.args, "router", owner.Address, "gateway", via, "better", control.Source, "target", silent[0].Target)
		h.facts = append(h.facts, iv.heard(owner))
		rest(&h, control)
		list = append(list, h)
	}
	return list
}

// unruled reports whether the kernel sends what has no source yet by another gateway than what is from the source
// that it then chooses, and the one is not answered while the other is: a rule by source is looked at before there
// is one (net/ipv6/ip6_output.c, ip6_dst_lookup_tail).
func (iv *ifaceView) unruled(sel diag.Selection) (through netip.Addr, answer *path) {
	bound, asked := iv.s.Selections[diag.SelectionKey{Dst: sel.Dst, From: sel.Source}]
	if !asked || sel.Bound != "" || bound.Interface != iv.name || !bound.Via.IsValid() || bound.Via == sel.Via || iv.class[sel.Source] == diag.SourceAssigned {
		return through, nil
	}
	free := func(p *path) bool { return p.Target == sel.Dst && p.Via == diag.ViaApp }
	if !iv.any(func(p *path) bool { return free(p) && p.silent() }) || iv.any(func(p *path) bool { return free(p) && p.Outcome == diag.Answered }) {
		return through, nil
	}
	return bound.Via, iv.first(all(reachesBeyond, of(func(p *path) bool { return p.Target == sel.Dst && p.Source == sel.Source && p.Via != diag.ViaApp })))
}

// strayed reports whether a question went to another router than those that announce the prefix of its source.
func (iv *ifaceView) strayed(p *path) bool {
	owners := iv.announcers(p.Source)
	via := iv.routerTo(p)
	if sel, asked := iv.s.Selections[diag.SelectionKey{Dst: p.Target}]; asked && p.Via == diag.ViaApp {
		via = sel.Via // it had no source yet
	}
	return len(owners) > 0 && !slices.ContainsFunc(owners, func(r *diag.RouterSeen) bool { return r.Address == via })
}

// misrouted returns the router that announces the prefix of an address, and the one that the kernel hands its
// packets to, where these are two.
func (iv *ifaceView) misrouted(addr, target netip.Addr) (owner *diag.RouterSeen, via netip.Addr, ok bool) {
	owners := slices.DeleteFunc(iv.announcers(addr), func(r *diag.RouterSeen) bool { return r.Last.LifetimeS == 0 }) // it leads nowhere
	via, known := iv.net.Gateway(target, addr)
	if !known || !via.IsValid() || len(owners) == 0 || slices.ContainsFunc(owners, func(r *diag.RouterSeen) bool { return r.Address == via }) {
		return nil, via, false
	}
	return owners[0], via, true
}
