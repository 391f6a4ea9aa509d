package why

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

var rogue = Cause{
	ID: "router.rogue", Severity: Info,
	Remedy: []Remedy{
		ask("ask.rogue"),
		{
			Does: "ignore-rogue", If: func(_ *view, h *hypothesis) bool { return h.severity == Critical },
			Do: []string{
				"nft add table ip6 ndwhy", "nft 'add chain ip6 ndwhy input { type filter hook input priority -10; }'",
				"nft add rule ip6 ndwhy input icmpv6 type nd-router-advert ip6 saddr {router} drop",
				"ip -6 route del default via {router} dev {interface}",
			},
			Keep: &keep{filter: true},
		},
		way("", "rdisc6 {interface}", "ip -6 route show default dev {interface}"),
	},
	find: findRogue,
}

// maxInterval is the longest time between a router's advertisements (RFC 4861 §6.2.1,
// MaxRtrAdvInterval), and then some.
const maxInterval = 2 * 1800 * time.Second

// An advertiser is a router with how much speaks for it being the one that is meant to be here.
type advertiser struct {
	*diag.RouterSeen
	standing, hint int
	vain           bool // it is no way out, and addresses of its prefix get no answer
}

// advertisers are the routers that have a say now, the one that most speaks for first. One that fell
// silent has none any more; one that offers no way out still hands out prefixes.
func (iv *ifaceView) advertisers() []advertiser {
	servers := iv.servers()
	first := time.Time{}
	for _, r := range iv.net.Routers {
		if first.IsZero() || r.First.Before(first) {
			first = r.First
		}
	}
	var list []advertiser
	for _, r := range iv.net.Routers {
		if !iv.profile.OneRouter && borders(r) {
			continue
		}
		if r.Last.LifetimeS != 0 && iv.s.Left(r.Last.LifetimeS, r.At) == 0 || iv.s.Now.Sub(r.At) > maxInterval {
			continue
		}
		made, _, _ := iv.madeInVain(r)
		list = append(list, advertiser{r, iv.standing(r, servers[r.Address]), iv.hint(r, first), made.IsValid()})
	}
	diag.SortFunc(list, func(a, b advertiser) int {
		if a.standing == b.standing && a.vain != b.vain {
			if a.vain {
				return 1
			}
			return -1
		}
		return cmp.Or(cmp.Compare(b.standing, a.standing), cmp.Compare(b.hint, a.hint))
	})
	return list
}

// borders reports whether a router offers no way out and no prefix, and nothing but the ways to what lies behind it
// (RFC 4191 §2.3), as a Thread border router does: it is in nobody's way.
func borders(r *diag.RouterSeen) bool {
	return r.Last.LifetimeS == 0 && len(r.Last.Prefixes) == 0 && len(r.Last.Routes) > 0
}

// findRogue takes the advertiser that most speaks for to be the one that belongs here.
func findRogue(iv *ifaceView) []hypothesis {
	if len(iv.net.Routers) < 2 || iv.flooded() {
		return nil // of a flood of routers most are nobody
	}
	routers := iv.advertisers()
	if len(routers) < 2 {
		return nil
	}
	best := routers[0]
	var list []hypothesis
	for _, r := range routers[1:] {
		if !iv.profile.OneRouter && standsBy(r.RouterSeen, best.RouterSeen) {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Possible, subject: Subject{"router", r.Address.String()}, addr: r.Address,
			args:  []any{"router", r.Address, "routermac", r.MAC, "expected", best.Address},
			facts: []diag.Event{iv.heard(r.RouterSeen), iv.heard(best.RouterSeen)},
		}
		if iv.profile.OneRouter {
			h.severity = Critical
			h.more = []string{"cause.router.rogue.cloud"}
		}
		switch {
		case r.standing < best.standing:
			h.confidence = Certain
		case r.hint < best.hint:
			h.confidence = Likely
		}
		if made, silent, control := iv.madeInVain(r.RouterSeen); made.IsValid() && h.severity != Critical {
			h.severity, h.confidence = Warning, Likely
			h.more = append(h.more, "cause.router.rogue.nowhere")
			h.args = append(h.args, "made", made, "target", silent[0].Target, "better", control.Source)
			iv.explain(&h, silent...)
			rest(&h, append(silent, control)...)
		}
		if h.severity == Critical {
			// What is sent to it is its to deliver, or to swallow.
			iv.explain(&h, iv.where(func(p *path) bool {
				return p.Missing() && p.Ours() && !p.excused() && iv.viaRouterAt(p, r.RouterSeen)
			})...)
		}
		list = append(list, h)
	}
	return list
}

// madeInVain returns an address of a prefix that only a router announces which is no way out, and what got no answer from it
// beyond the link, while another address of the interface got one. A unique-local prefix is meant for the link alone.
func (iv *ifaceView) madeInVain(r *diag.RouterSeen) (addr netip.Addr, silent []*path, control *path) {
	if r.Last.LifetimeS != 0 {
		return addr, nil, nil
	}
	for _, a := range iv.homeless() {
		owners := iv.announcers(a.Fact.Address)
		if diag.ScopeOf(a.Fact.Address) != diag.GlobalScope || len(owners) != 1 || owners[0] != r {
			continue
		}
		silent, control = iv.unheardBeyond(a.Fact.Address)
		return a.Fact.Address, silent, control
	}
	return addr, nil, nil
}

// viaRouterAt reports whether a path's packets went to a router: as the frames say that are its evidence, else
// as the kernel says that it would send them. (Which of two routes is taken may change from one packet to
// the next.)
func (iv *ifaceView) viaRouterAt(p *path, r *diag.RouterSeen) bool {
	if p.Target == r.Address || p.Target.IsLinkLocalUnicast() || iv.near(p.Target) {
		return false
	}
	seen := false
	for _, seq := range p.Evidence {
		e, _ := iv.s.Evidence(seq)
		f, ok := e.Body.(diag.Frame)
		if !ok || !f.Out || f.Dst != p.Target {
			continue
		}
		if f.DstMAC == r.MAC {
			return true
		}
		seen = true
	}
	return !seen && iv.routerTo(p) == r.Address
}

// rogues are the routers that do not belong here and are known to do harm.
func (iv *ifaceView) rogues() []*diag.RouterSeen {
	var list []*diag.RouterSeen
	for _, h := range findRogue(iv) {
		if h.severity == Critical {
			list = append(list, iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: h.addr}])
		}
	}
	return list
}

// standsBy reports whether a router offers itself for when another fails and nothing else: with low
// preference (RFC 4191 §2.1), which no host heeds while there is another, and no prefix of its own.
func standsBy(r, other *diag.RouterSeen) bool {
	return r.Last.Preference == "low" && other.Last.Preference != "low" &&
		!slices.ContainsFunc(r.Last.Prefixes, func(p diag.PrefixInfo) bool {
			return !slices.ContainsFunc(other.Last.Prefixes, func(o diag.PrefixInfo) bool { return o.Prefix == p.Prefix })
		})
}

// standing says how much of what no other host can just say of itself speaks for an advertiser. What
// comes first outweighs all that follows.
func (iv *ifaceView) standing(r *diag.RouterSeen, serves bool) int {
	n := 0
	if iv.profile.Name == "azure" && r.Address == azureRouter && r.MAC == azureRouterMAC {
		n += 8
	}
	if serves {
		n += 4
	}
	if iv.announcesOurs(r) {
		n += 2
	}
	if iv.profile.OneRouter && r.Address == r.MAC.LinkLocal() {
		n++
	}
	return n
}

// hint tells advertisers of one standing apart by what proves nothing: who was there before, and
// whose own word ranks it lower. A high preference speaks for nobody: it is what a rogue sets.
func (iv *ifaceView) hint(r *diag.RouterSeen, first time.Time) int {
	n := 0
	if r.Last.Preference != "low" {
		n++
	}
	// A solicitation is answered within 0.5 s (RFC 4861 §6.2.6): who answered first tells nothing. Nor does whose answer
	// was lost, of routers that the kernel knew.
	known := slices.ContainsFunc(iv.net.Defaults, func(d diag.At[diag.Route]) bool {
		return d.Fact.Protocol == "ra" && d.Fact.Via == r.Address && d.At.Sub(first) <= time.Second
	})
	if known || r.First.Sub(first) <= time.Second {
		n += 2
	}
	return n
}

// given are the prefixes that are known to be assigned to the interface: by the infrastructure's or
// the user's word, else as a client here was told.
func (iv *ifaceView) given() []netip.Prefix {
	var sure, told []netip.Prefix
	for _, a := range iv.assigned {
		switch {
		case a.Source == diag.FromEUI64 || diag.ScopeOf(a.Prefix.Addr()) == diag.LinkLocalScope:
		case a.Source == diag.FromIMDS || a.Source == diag.FromUser:
			sure = append(sure, a.Prefix)
		default:
			told = append(told, a.Prefix)
		}
	}
	if len(sure) > 0 {
		return sure
	}
	return told
}

// announcesOurs reports whether an advertiser announces the interface's subnet, or a prefix that an
// assigned address is in.
func (iv *ifaceView) announcesOurs(r *diag.RouterSeen) bool {
	ours := slices.Concat(iv.net.Subnets(), iv.given())
	return slices.ContainsFunc(r.Last.Prefixes, func(p diag.PrefixInfo) bool {
		return p.Prefix.Bits() > 0 && slices.ContainsFunc(ours, func(q netip.Prefix) bool {
			return p.Prefix.Bits() <= q.Bits() && p.Prefix.Contains(q.Addr())
		})
	})
}

// servers are the hosts that were seen to hand out by DHCPv6 what is assigned.
func (iv *ifaceView) servers() map[netip.Addr]bool {
	given := iv.given()
	servers := map[netip.Addr]bool{}
	for _, e := range append([]diag.Event{iv.s.Reply(iv.name), iv.s.Offer(iv.name)}, iv.traffic.dhcpv6...) {
		f, ok := e.Body.(diag.Frame)
		if ok && !f.Out && slices.ContainsFunc(f.DHCPv6.Addresses, func(a diag.LeaseAddress) bool { return slices.Contains(given, a.Prefix.Masked()) }) {
			servers[f.Src] = true
		}
	}
	return servers
}

// subnets returns the IPv6 prefixes of the interface's subnet that are to be trusted: those of the
// metadata service, else what the router that belongs here announces on-link.
func (iv *ifaceView) subnets() []netip.Prefix {
	if list := iv.net.Subnets(); len(list) > 0 {
		return list
	}
	routers := iv.advertisers()
	if len(routers) == 0 {
		return nil
	}
	best := routers[0]
	belongs := len(iv.given()) == 0 || best.standing > 1 // more than its address speaks for it
	if !belongs || len(routers) > 1 && routers[1].standing == best.standing {
		return nil
	}
	return best.OnLinkPrefixes()
}
