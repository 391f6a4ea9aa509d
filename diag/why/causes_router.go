package why

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var routerCauses = []Cause{
	{
		ID: "router.no-advertisement", Severity: Critical,
		Remedy: slices.Concat(
			always("rdisc6 -1 {interface}"),
			onAWS("aws ec2 describe-subnets --subnet-ids {subnet} --query 'Subnets[].Ipv6CidrBlockAssociationSet'"),
		),
		find:         findNoAdvertisement,
		contradicted: func(iv *ifaceView, _ hypothesis) bool { return iv.advertised() },
	},
	{
		ID: "router.advertisement-ignored", Severity: Critical, Hides: []string{"route.missing"},
		Remedy: []Remedy{
			{Command: "sysctl -w {sysctl}=1", If: func(_ *view, h *hypothesis) bool { return h.as == "prefix" }},
			{Command: "sysctl -w net.ipv6.conf.{interface}.accept_ra=2", If: func(v *view, h *hypothesis) bool { return h.as == "" && forwards(v, h) }},
			{Command: "sysctl -w net.ipv6.conf.{interface}.accept_ra=1", If: func(v *view, h *hypothesis) bool { return h.as == "" && !forwards(v, h) }},
			{Command: "rdisc6 -1 {interface}"},
		},
		find:         findAdvertisementIgnored,
		contradicted: func(iv *ifaceView, h hypothesis) bool { return h.as == "" && hasDefaultHere(iv, h) },
	},
	{
		ID: "router.not-default", Severity: Critical,
		Remedy:       always("rdisc6 -1 {interface}", "ip -6 route show default"),
		find:         findNotDefault,
		contradicted: hasDefaultHere,
	},
	{
		ID: "route.missing", Severity: Critical,
		Remedy: slices.Concat(
			always("ip -6 route add default via {router} dev {interface}", "nmcli connection modify CONNECTION ipv6.method auto"),
		),
		find:         findRouteMissing,
		contradicted: hasDefaultHere,
	},
	{
		ID: "router.unresolvable", Severity: Critical,
		Remedy: always("ndisc6 {router} {interface}", "ip -6 neigh show {router} dev {interface}"),
		find:   findUnresolvable,
		contradicted: func(iv *ifaceView, h hypothesis) bool {
			// An entry that is still REACHABLE is from before, and an echo that was answered used one: neither says
			// anything of today's silence.
			return iv.any(func(p *diag.Path) bool {
				return p.Target == h.addr && p.Asks == diag.AsksND && p.Outcome == diag.Answered
			})
		},
	},
	{
		ID: "router.rogue", Severity: Info,
		Remedy: always("rdisc6 {interface}", "ip -6 route show default dev {interface}"),
		find:   findRogue,
	},
}

func hasDefaultHere(iv *ifaceView, _ hypothesis) bool { return len(iv.defaults) > 0 }

func forwards(v *view, h *hypothesis) bool {
	f, _ := v.s.Sysctl(h.iface, "forwarding")
	return f != "" && f != "0"
}

// advertised reports whether an advertisement is in force: heard and not run out, or seen in a
// route that the kernel or a manager made of one.
func (iv *ifaceView) advertised() bool {
	if len(iv.liveRouters()) > 0 {
		return true
	}
	return slices.ContainsFunc(iv.defaults, func(r diag.At[diag.Route]) bool { return r.Fact.Protocol == "ra" })
}

// liveRouters are the advertisers that offer to be a default router, not run out.
func (iv *ifaceView) liveRouters() []*diag.RouterSeen {
	var list []*diag.RouterSeen
	for _, r := range iv.routers {
		if iv.s.Left(r.Last.LifetimeS, r.At) != 0 {
			list = append(list, r)
		}
	}
	return list
}

func (iv *ifaceView) heard(r *diag.RouterSeen) diag.Event { return iv.s.Said(r) }

// enough is what RFC 4861 §10 asks of a host before it gives up on routers: three solicitations,
// four seconds apart; certainty wants them spread over ten.
const (
	enoughRS   = 3
	enoughTime = 10 * time.Second
)

func findNoAdvertisement(iv *ifaceView) []hypothesis {
	rs := iv.where(func(p *diag.Path) bool { return p.Asks == diag.AsksRS && p.Outcome == diag.Silent })
	var symptoms []*diag.Path
	for _, p := range rs {
		if _, ok := iv.byPath[p.ID]; ok {
			symptoms = append(symptoms, p)
		}
	}
	if len(symptoms) == 0 {
		return nil
	}
	h := hypothesis{confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true}
	sent, first, last := 0, time.Time{}, time.Time{}
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if !ok || !f.Out || f.Type != diag.RS || f.Interface != iv.name {
			continue
		}
		sent++
		if first.IsZero() || e.At.Before(first) {
			first = e.At
		}
		if e.At.After(last) {
			last = e.At
		}
	}
	if sent >= enoughRS && last.Sub(first) >= enoughTime {
		h.confidence = Certain
	}
	h.args = []any{"sent", max(sent, rs[0].Sent)}
	iv.explain(&h, symptoms...)
	iv.explainKind(&h, noDefault, noGlobal, absent)
	iv.explain(&h, iv.routed()...)
	// The neighbours hear no router either, and have no way to send a global answer.
	if !iv.hasRoute(globalTarget) {
		for _, p := range iv.paths {
			if _, symptom := iv.byPath[p.ID]; symptom && p.Outcome == diag.Silent && p.Asks == diag.AsksEcho && !iv.hasRoute(p.Target) {
				iv.explain(&h, p)
			}
		}
	}
	return []hypothesis{h}
}

// globalTarget stands for any address beyond the router.
var globalTarget = netip.MustParseAddr("2001:db8::1")

// routed are the symptoms of the kernel's paths to targets that no route leads to: beyond the
// router, or on the link while nothing announces its prefix.
func (iv *ifaceView) routed() []*diag.Path {
	return iv.where(func(p *diag.Path) bool {
		_, symptom := iv.byPath[p.ID]
		return symptom && p.Missing() && p.Via == diag.ViaKernel && !iv.hasRoute(p.Target)
	})
}

// hasRoute reports whether the main table has a route to a target.
func (iv *ifaceView) hasRoute(target netip.Addr) bool {
	if target.IsLinkLocalUnicast() || target.IsMulticast() {
		return true
	}
	for k, r := range iv.s.Routes {
		if k.Type == "unicast" && k.Table == diag.MainTable && k.Dst.Contains(target) && iv.s.Left(r.Fact.ExpiresS, r.At) != 0 {
			return true
		}
	}
	return false
}

// acceptance says whether the kernel acts on advertisements (net.ipv6.conf.*.accept_ra: 0 never, 1
// unless it forwards, 2 always), and the settings that say so.
func (iv *ifaceView) acceptance() (accepts, known bool, facts []diag.Event) {
	ra, e1, ok := iv.sysctl("accept_ra")
	if !ok {
		return false, false, nil
	}
	fwd, e2, fwdKnown := iv.sysctl("forwarding")
	defrtr, e3, defrtrKnown := iv.sysctl("accept_ra_defrtr")
	switch {
	case ra == "0":
		return false, true, []diag.Event{e1}
	case defrtrKnown && defrtr == "0":
		return false, true, []diag.Event{e3}
	case ra == "1" && !fwdKnown:
		return false, false, nil
	case ra == "1" && fwd != "0":
		return false, true, []diag.Event{e1, e2}
	default:
		return true, true, []diag.Event{e1}
	}
}

// settled is how long after an advertisement the kernel's or a manager's route can be asked for.
const settled = 300 * time.Millisecond

// unusedRouter returns a router that offers itself, long enough ago, while the interface has no
// default route at all.
func (iv *ifaceView) unusedRouter() *diag.RouterSeen {
	if !iv.s.Complete(diag.FeedNetlink) || len(iv.defaults) > 0 {
		return nil
	}
	for _, r := range iv.liveRouters() {
		if iv.s.Now.Sub(r.First) >= settled {
			return r
		}
	}
	return nil
}

func (iv *ifaceView) noRoute(r *diag.RouterSeen) hypothesis {
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"router", r.Address.String()}, addr: r.Address,
		args: []any{"router", r.Address}, facts: []diag.Event{iv.heard(r)},
	}
	iv.explainKind(&h, noDefault)
	iv.explain(&h, iv.routed()...)
	return h
}

func (iv *ifaceView) managesRA() bool { return iv.s.Managers[iv.name].RA }

func findAdvertisementIgnored(iv *ifaceView) []hypothesis {
	if h, ok := iv.prefixIgnored(); ok {
		return []hypothesis{h}
	}
	r := iv.unusedRouter()
	if r == nil || iv.managesRA() {
		return nil
	}
	accepts, known, facts := iv.acceptance()
	if accepts && known {
		return nil
	}
	h := iv.noRoute(r)
	setting := "accept_ra"
	if known {
		h.facts = append(h.facts, facts...)
		f, _ := facts[len(facts)-1].Body.(diag.Sysctl)
		setting = diag.SysctlName(f.Scope, f.Name) + "=" + f.Value
		if len(facts) == 2 {
			h.more = append(h.more, "cause.router.advertisement-ignored.forwarding")
		}
	} else {
		h.direct, h.confidence = false, Possible
	}
	iv.explainKind(&h, noGlobal)
	h.args = append(h.args, "setting", setting)
	return []hypothesis{h}
}

// prefixIgnored looks for a prefix that is announced for making addresses from, which a setting of the
// kernel forbids.
func (iv *ifaceView) prefixIgnored() (h hypothesis, ok bool) {
	if iv.managesRA() || iv.hasUsableGlobal() || !iv.s.Complete(diag.FeedNetlink) {
		return h, false
	}
	for _, name := range []string{"accept_ra_pinfo", "autoconf"} {
		value, e, known := iv.sysctl(name)
		if !known || value != "0" {
			continue
		}
		for _, r := range iv.routers {
			prefix, forms := r.Forms()
			if !forms {
				continue
			}
			h = hypothesis{
				direct: true, confidence: Certain, subject: Subject{"router", r.Address.String()}, addr: r.Address, as: "prefix",
				args:  []any{"router", r.Address, "prefix", prefix.Prefix, "setting", diag.SysctlName(iv.name, name) + "=0", "sysctl", diag.SysctlName(iv.name, name)},
				facts: []diag.Event{iv.heard(r), e},
			}
			iv.explainKind(&h, noGlobal)
			return h, true
		}
	}
	return h, false
}

func findRouteMissing(iv *ifaceView) []hypothesis {
	r := iv.unusedRouter()
	if r == nil || iv.dropsRA() {
		return nil
	}
	accepts, known, facts := iv.acceptance()
	if known && !accepts && !iv.managesRA() {
		return nil
	}
	h := iv.noRoute(r)
	h.facts = append(h.facts, facts...)
	if e, ok := iv.noRouter(r.Address); ok {
		h.facts = append(h.facts, e)
		h.more = append(h.more, "cause.route.missing.host")
	}
	if !known && !iv.managesRA() {
		h.direct, h.confidence = false, Possible
	}
	return []hypothesis{h}
}

// dropsRA reports whether a rule of this host keeps advertisements from the kernel.
func (iv *ifaceView) dropsRA() bool {
	return slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool {
		return iv.applies(f) && slices.Contains(f.Matches, string(diag.RA)) && inward(f.Hook)
	})
}

func findNotDefault(iv *ifaceView) []hypothesis {
	if !iv.s.Complete(diag.FeedNetlink) || len(iv.liveRouters()) > 0 {
		return nil
	}
	var list []hypothesis
	for _, r := range iv.routers {
		if r.Last.LifetimeS == 0 {
			list = append(list, iv.noRoute(r))
		}
	}
	return list[:min(1, len(list))]
}

func findUnresolvable(iv *ifaceView) []hypothesis {
	var list []hypothesis
	alive := iv.any(func(p *diag.Path) bool {
		return p.Reaches() && p.Outcome == diag.Answered && p.TargetClass != diag.TargetAllNodes
	})
	anyND := iv.any(func(p *diag.Path) bool { return p.Asks == diag.AsksND && p.Outcome == diag.Answered })
	for _, router := range iv.routerAddresses() {
		var silent []*diag.Path
		h := hypothesis{confidence: Possible, subject: Subject{"router", router.String()}, addr: router, args: []any{"router", router}, beyond: true}
		for _, p := range iv.paths {
			if p.Target != router || !p.Missing() || !p.Ours() || p.Asks != diag.AsksND && p.Detail != "unresolved" {
				continue
			}
			silent = append(silent, p)
			switch {
			case p.Via == diag.ViaWire && p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Silent && p.Sent >= 3:
				h.confidence = Certain
			case p.Outcome == diag.Silent && h.confidence == Possible:
				h.confidence = Likely
			}
		}
		if !slices.ContainsFunc(silent, func(p *diag.Path) bool { return p.Outcome == diag.Silent }) {
			continue
		}
		iv.explain(&h, silent...)
		for _, p := range iv.paths {
			beyond := p.Target == router || p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService || p.Asks == diag.AsksDHCP ||
				!alive || !anyND && p.Asks == diag.AsksND
			if beyond && p.Outcome == diag.Silent && p.Ours() {
				if _, ok := iv.byPath[p.ID]; ok {
					iv.explain(&h, p)
				}
			}
		}
		if n, ok := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: router}]; ok {
			h.facts = append(h.facts, diag.FactOf(n))
			if n.Fact.State.Fixed() && alive {
				h.severity = Info // nobody has to ask for it
			}
		}
		if e, ok := iv.advertisement(router, false); ok {
			h.facts = append(h.facts, e)
			h.more = append(h.more, "cause.router.unresolvable.bad")
			h.args = append(h.args, "bad", words.Clean(e.Body.(diag.Frame).Bad))
		}
		list = append(list, h)
	}
	return list
}

// advertisement returns the newest advertisement for a neighbour that arrived: one that is to be
// believed, or one that is not.
func (iv *ifaceView) advertisement(addr netip.Addr, good bool) (newest diag.Event, ok bool) {
	for _, e := range iv.frames {
		f, is := e.Body.(diag.Frame)
		if is && f.Type == diag.NA && !f.Out && f.Interface == iv.name && f.Target == addr && (f.Bad == "") == good && e.Seq > newest.Seq {
			newest, ok = e, true
		}
	}
	return newest, ok
}

// noRouter reports whether a neighbour says of itself that it is no router (RFC 4861 §4.4, R flag): of the
// address, or of another that it has.
func (iv *ifaceView) noRouter(addr netip.Addr) (diag.Event, bool) {
	e, ok := iv.advertisement(addr, true)
	mac := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: addr}].Fact.MAC
	for _, p := range iv.paths {
		if !ok && mac != (diag.MAC{}) && p.Asks == diag.AsksND && slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.MAC == mac }) {
			e, ok = iv.advertisement(p.Target, true)
		}
	}
	return e, ok && !e.Body.(diag.Frame).Router
}

// maxInterval is the longest time between a router's advertisements (RFC 4861 §6.2.1,
// MaxRtrAdvInterval), and then some.
const maxInterval = 2 * 1800 * time.Second

// An advertiser is a router with how much speaks for it being the one that is meant to be here.
type advertiser struct {
	*diag.RouterSeen
	standing, hint int
}

// advertisers are the routers that have a say now, the one that most speaks for first. One that fell
// silent has none any more; one that offers no way out still hands out prefixes.
func (iv *ifaceView) advertisers() []advertiser {
	servers := iv.servers()
	first := time.Time{}
	for _, r := range iv.routers {
		if first.IsZero() || r.First.Before(first) {
			first = r.First
		}
	}
	var list []advertiser
	for _, r := range iv.routers {
		if r.Last.LifetimeS != 0 && iv.s.Left(r.Last.LifetimeS, r.At) == 0 || iv.s.Now.Sub(r.At) > maxInterval {
			continue
		}
		list = append(list, advertiser{r, iv.standing(r, servers[r.Address]), hint(r, first)})
	}
	diag.SortFunc(list, func(a, b advertiser) int {
		return cmp.Or(cmp.Compare(b.standing, a.standing), cmp.Compare(b.hint, a.hint))
	})
	return list
}

// findRogue takes the advertiser that most speaks for to be the one that belongs here.
func findRogue(iv *ifaceView) []hypothesis {
	if len(iv.routers) < 2 {
		return nil
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
		list = append(list, h)
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
func hint(r *diag.RouterSeen, first time.Time) int {
	n := 0
	if r.Last.Preference != "low" {
		n++
	}
	// A solicitation is answered within 0.5 s (RFC 4861 §6.2.6): who answered first tells nothing.
	if r.First.Sub(first) <= time.Second {
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
	ours := slices.Concat(iv.metadataSubnets(), iv.given())
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
	for _, e := range append([]diag.Event{iv.s.Reply(iv.name), iv.s.Offer(iv.name)}, iv.frames...) {
		f, ok := e.Body.(diag.Frame)
		if ok && f.Type == diag.DHCPv6Frame && !f.Out && f.Bad == "" && f.DHCPv6 != nil && f.Interface == iv.name &&
			slices.ContainsFunc(f.DHCPv6.Addresses, func(a diag.LeaseAddress) bool { return slices.Contains(given, a.Prefix.Masked()) }) {
			servers[f.Src] = true
		}
	}
	return servers
}

// subnets returns the IPv6 prefixes of the interface's subnet that are to be trusted: those of the
// metadata service, else what the router that belongs here announces on-link.
func (iv *ifaceView) subnets() []netip.Prefix {
	if list := iv.metadataSubnets(); len(list) > 0 {
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
	return best.OnLink()
}

func (iv *ifaceView) metadataSubnets() []netip.Prefix { return iv.s.MetadataSubnets(iv.name) }

var dhcpCauses = []Cause{
	{
		ID: "dhcpv6.no-client", Severity: Critical,
		Remedy: always("networkctl status {interface}", "dhclient -6 {interface}"),
		find:   findNoClient,
	},
	{
		ID: "dhcpv6.silent", Severity: Critical,
		Remedy: always("dhclient -6 -v {interface}", "rdisc6 -1 {interface}"),
		find:   findDHCPSilent,
		contradicted: func(iv *ifaceView, _ hypothesis) bool {
			return iv.any(func(p *diag.Path) bool { return p.Asks == diag.AsksDHCP && p.Outcome == diag.Answered })
		},
	},
	{
		ID: "dhcpv6.no-address", Severity: Critical,
		Remedy: onAWS(
			"aws ec2 describe-network-interfaces --network-interface-ids {eni} --query 'NetworkInterfaces[].Ipv6Addresses'",
			"aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-address-count 1",
		),
		find: findDHCPNoAddress,
	},
}

// managed returns a router that says that addresses come by DHCPv6 (RFC 4861 §4.2, M flag).
func (iv *ifaceView) managed() *diag.RouterSeen {
	for _, r := range iv.routers {
		if r.Last.Managed {
			return r
		}
	}
	return nil
}

// dhcpSeverity: without an address it is what cuts the instance off; with one it is not yet felt.
func (iv *ifaceView) dhcpSeverity() Severity {
	for _, a := range iv.addresses {
		if iv.global(a.Fact) && a.Fact.Flags.Usable() && iv.class[a.Fact.Address] != diag.SourceUnassigned {
			return Info
		}
	}
	return Critical
}

func (iv *ifaceView) dhcp(r *diag.RouterSeen) hypothesis {
	h := hypothesis{
		severity: iv.dhcpSeverity(), direct: true, confidence: Certain, subject: Subject{"interface", iv.name},
		facts: []diag.Event{iv.heard(r)}, args: []any{"router", r.Address},
	}
	if h.severity == Critical {
		iv.explainKind(&h, noGlobal)
	}
	return h
}

func findNoClient(iv *ifaceView) []hypothesis {
	r := iv.managed()
	offer, ok := iv.s.Offers[iv.name]
	if r == nil || !ok || !iv.s.Complete(diag.FeedNetlink) {
		return nil
	}
	for _, a := range offer.Fact.Addresses {
		addr := a.Prefix.Addr()
		if !a.Prefix.IsSingleIP() || iv.configured(addr) || diag.ScopeOf(addr) == diag.LinkLocalScope {
			continue
		}
		h := iv.dhcp(r)
		isAbsent := false
		for i, y := range iv.symptoms {
			if y.iface == iv.name && y.kind == absent && y.addr == addr {
				h.symptoms = append(h.symptoms, i)
				isAbsent = true
			}
		}
		if h.severity == Info && !isAbsent {
			// Another address is held: the offer may be for our own asking alone.
			continue
		}
		h.addr = addr
		h.facts = append(h.facts, iv.s.Offer(iv.name))
		h.args = append(h.args, "address", addr, "manager", iv.s.Managers[iv.name].Name)
		if e, ok := iv.clientAtWork(); ok {
			h.confidence, h.as = Likely, "busy"
			h.facts = append(h.facts, e)
		}
		return []hypothesis{h}
	}
	return nil
}

// clientAtWork returns the last that a DHCPv6 client of this host was seen asking for: a message that is
// no Solicit of the program's own.
func (iv *ifaceView) clientAtWork() (last diag.Event, ok bool) {
	own := func(e diag.Event) bool {
		return iv.any(func(p *diag.Path) bool { return p.Asks == diag.AsksDHCP && slices.Contains(p.Evidence, e.Seq) })
	}
	for _, e := range iv.frames {
		f, is := e.Body.(diag.Frame)
		if is && f.Out && f.Type == diag.DHCPv6Frame && f.Interface == iv.name && f.DHCPv6 != nil && e.Seq > last.Seq && !own(e) {
			last, ok = e, true
		}
	}
	return last, ok
}

func findDHCPSilent(iv *ifaceView) []hypothesis {
	silent := iv.where(func(p *diag.Path) bool { return p.Asks == diag.AsksDHCP && p.Outcome == diag.Silent })
	r := iv.managed()
	if r == nil || len(silent) == 0 {
		return nil
	}
	h := iv.dhcp(r)
	h.direct, h.confidence, h.beyond = false, Likely, true
	if slices.ContainsFunc(silent, func(p *diag.Path) bool { return p.Sent >= 3 }) {
		h.confidence = Certain
	}
	iv.explain(&h, silent...)
	if h.severity == Critical {
		iv.explainKind(&h, absent)
	}
	return []hypothesis{h}
}

func findDHCPNoAddress(iv *ifaceView) []hypothesis {
	r := iv.managed()
	offer, ok := iv.s.Offers[iv.name]
	if r == nil || !ok || slices.ContainsFunc(offer.Fact.Addresses, func(a diag.LeaseAddress) bool { return a.Prefix.IsSingleIP() }) {
		return nil
	}
	h := iv.dhcp(r)
	h.facts = append(h.facts, iv.s.Offer(iv.name))
	status := offer.Fact.Status
	if status == "" {
		status = "no IA_NA address"
	}
	h.args = append(h.args, "status", status)
	if h.severity == Critical {
		iv.explainKind(&h, absent)
	}
	iv.explain(&h, iv.where(func(p *diag.Path) bool { return p.Asks == diag.AsksDHCP })...)
	return []hypothesis{h}
}

// theirs reports whether a target is one of the interface's routers.
func (iv *ifaceView) theirs(addr netip.Addr) bool { return slices.Contains(iv.routerAddresses(), addr) }
