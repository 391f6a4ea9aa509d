package why

import (
	"cmp"
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var sourceSelection = Cause{
	ID: "host.source-selection", Severity: Critical, Working: true,
	Remedy: []Remedy{
		way("each-router", "ip -6 route add default via {gateway} dev {interface} src {better} metric 512",
			"ip -6 route add default via {owner} dev {interface} table 10000", "ip -6 rule add from {address} lookup 10000").when(as("other-router")).
			kept(keep{
				networkd: "[Route] Gateway={gateway}; PreferredSource={better}; Metric=512; [Route] Gateway={owner}; Table=10000; [RoutingPolicyRule] From={address}; Table=10000",
				nm:       `+ipv6.routes "::/0 {gateway} 512 src={better}, ::/0 {owner} table=10000" +ipv6.routing-rules "priority 10000 from {address} table 10000"`, up: true,
			}),
		way("default-of-source", "ip -6 route add default via {owner} dev {interface} src {address} metric 512").when(as("unruled")).
			kept(keep{networkd: "[Route] Gateway={owner}; PreferredSource={address}; Metric=512", nm: `+ipv6.routes "::/0 {owner} 512 src={address}"`, up: true}),
		way("retire", "ip -6 addr change {address}/{len} dev {interface} valid_lft 7200 preferred_lft 0").when(as("withdrawn")),
		way("prefer-own", "ip -6 addr change {own}/{own-len} dev {interface} valid_lft forever preferred_lft forever").
			when(as("elsewhere")).when(keepsAside).kept(keep{amend: true}),
		way("prefer-own", "ip -6 addr change {own}/{own-len} dev {interface} valid_lft forever preferred_lft forever",
			"ip -6 addr change {address}/{len} dev {interface} preferred_lft 0").when(as("")).when(keepsAside).when(lasts).kept(keep{amend: true}),
		noTemporary.when(temporaryOne),
		{Does: "route-source", If: as("scope", "near"), Make: sourceOfRoute, Do: []string{"ip -6 route change {route} src {better}"}, Keep: &keep{amend: true}},
		way("deprecate", "ip -6 addr change {address}/{len} dev {interface} preferred_lft 0").when(as("", "out-of-place", "other-router", "scope")).when(notLocal).when(lasts).
			when(otherwise(hasAside)).when(otherwise(temporaryOne)).kept(keep{amend: true}),
		addressAway("withdrawn-away").when(as("withdrawn")),
		ask("ask.announcer").when(as("")).when(announced),
		addressAway("address-away").when(as("")).when(otherwise(temporaryOne)).when(otherwise(madeAgain)),
		noAutoconf.when(as("")).when(otherwise(temporaryOne)).when(madeAgain).when(onlyMade),
		ask("ask.source").when(as("out-of-place", "elsewhere")),
		way("", "ip -6 route get {target}", "ip addrlabel list").when(as("scope", "near")),
		inVPC("assign", "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}").when(as("")).when(assignable),
	},
	find: findSourceSelection,
	// A source that a rule sends the right way speaks where it is bound, and one of a narrower scope within that.
	contradicted: func(iv *ifaceView, h hypothesis) bool {
		return h.as != "unruled" && h.as != "scope" && h.as != "near" && iv.spoke(h.addr)
	},
}

// noTemporary has the kernel make no temporary addresses, and takes away the one that is there.
var noTemporary = way("no-temporary", "sysctl -w net.ipv6.conf.{interface}.use_tempaddr=0", "ip -6 addr del {address}/{len} dev {interface}").
	kept(keep{sysctl: "{conf}.use_tempaddr=0", networkd: "[Network] IPv6PrivacyExtensions=no", netplan: "ipv6-privacy=false", nm: "ipv6.ip6-privacy 0"})

func temporaryOne(_ *view, h *hypothesis) bool {
	a, ok := factOf[diag.Address](h)
	return ok && a.Flags&diag.Temporary != 0
}

// tellTemporary has h say that its address is one that the kernel made itself.
func (iv *ifaceView) tellTemporary(h *hypothesis) {
	if use, e := iv.sysctl("use_tempaddr"); temporaryOne(iv.view, h) {
		h.more = append(h.more, "cause.temporary")
		h.args = append(h.args, "use", cmp.Or(use, words.Say("word.unknown")))
		h.facts = append(h.facts, e)
	}
}

// keepsAside holds where the address that should be chosen is this host's own to prefer, not a lease's.
func keepsAside(v *view, h *hypothesis) bool {
	own, ok := v.on(h.iface).aside(h.addr)
	return ok && own.Flags&diag.Permanent != 0
}

// notLocal holds where the address is no link-local one, which the kernel needs.
func notLocal(_ *view, h *hypothesis) bool { return !h.addr.IsLinkLocalUnicast() }

func hasAside(v *view, h *hypothesis) bool {
	_, ok := v.on(h.iface).aside(h.addr)
	return ok
}

// sourceOfRoute has the route that names a source name the one that gets answers; nil where none names it.
func sourceOfRoute(v *view, h *hypothesis) []string {
	sel, ok := factOf[diag.Selection](h)
	if !ok {
		return nil
	}
	r, ok := v.on(h.iface).routeTo(sel.Dst, sel.Via)
	if !ok || r.Fact.PrefSrc != sel.Source {
		return nil
	}
	return []string{"ip -6 route change " + routeSpec(r.Fact) + " src {better}"}
}

// tooNear reports whether a source reaches less far than its target, while the interface has one that may reach it: that
// it gets no answer says nothing of the way.
func (iv *ifaceView) tooNear(p *path) bool {
	return iv.normals.farSource(*p.Path) && p.SourceClass != diag.SourceCandidate && iv.hasUsableGlobal()
}

// aside returns an address of the interface that may speak and is deprecated, so that the kernel chooses the given one.
// It looks at that before it looks at which interface has an address (RFC 6724 §5, rules 3 and 5).
func (iv *ifaceView) aside(instead netip.Addr) (diag.Address, bool) {
	for _, a := range iv.addresses {
		if iv.global(a.Fact) && a.Fact.Flags.Usable() && a.Fact.Flags&diag.Deprecated != 0 && a.Fact.Address != instead &&
			iv.class[a.Fact.Address] == diag.SourceAssigned {
			return a.Fact, true
		}
	}
	return diag.Address{}, false
}

// tellAside has h say that the address which the kernel should choose is deprecated.
func (iv *ifaceView) tellAside(h *hypothesis) {
	if own, ok := iv.aside(h.addr); ok {
		h.more = append(h.more, "cause.host.source-selection.aside")
		h.args = append(h.args, "own", own.Address, "own-len", own.PrefixLen)
		h.facts = append(h.facts, iv.s.Said(own))
	}
}

// elsewhere looks for a source of another interface of this host that the kernel chooses for what it sends by this one,
// where the asked host answers an address of this one.
func (iv *ifaceView) elsewhere(sel diag.Selection) (h hypothesis, ok bool) {
	lost := iv.where(func(p *path) bool {
		return p.Via == diag.ViaApp && p.Source == sel.Source && p.Target == sel.Dst && p.silent() && p.symptom >= 0 && p.Out == iv.name
	})
	reached := iv.first(of(func(p *path) bool {
		return p.Target == sel.Dst && p.Source != sel.Source && p.Ours() && p.Outcome == diag.Answered && p.Asks == diag.AsksEcho
	}))
	var owner string
	for _, name := range diag.SortedKeys(iv.s.Links) {
		if _, has := iv.s.Addresses[diag.InterfaceAddr{Interface: name, Address: sel.Source}]; has && name != iv.name {
			owner = name
		}
	}
	if len(lost) == 0 || reached == nil || owner == "" {
		return h, false
	}
	h = hypothesis{
		direct: true, confidence: Certain, subject: addressSubject(sel.Source), addr: sel.Source, as: "elsewhere",
		args:  []any{"address", sel.Source, "other", owner, "better", reached.Source},
		facts: []diag.Event{iv.s.Said(sel)},
	}
	iv.explain(&h, lost...)
	iv.explain(&h, iv.where(func(p *path) bool { // which is normal of such a source, and the proof
		return p.Via != diag.ViaApp && p.Source == sel.Source && p.Target == sel.Dst && p.silent()
	})...)
	rest(&h, lost[0], reached)
	iv.tellAside(&h)
	return h, true
}

// lasts holds where no advertisement gives the address of a hypothesis its time again.
func lasts(v *view, h *hypothesis) bool {
	a := v.s.Addresses[diag.InterfaceAddr{Interface: h.iface, Address: h.addr}]
	return a.Fact.Flags&diag.Permanent != 0 || len(v.on(h.iface).announcers(h.addr)) == 0
}

// findSourceSelection looks for destinations for which the kernel, left to itself, would choose a
// source that the network drops, although the interface has one that it lets through.
func findSourceSelection(iv *ifaceView) []hypothesis {
	if !iv.hasUsableGlobal() {
		return nil
	}
	var list []hypothesis
	at := map[netip.Addr]int{}
	selections := iv.selections()
	rank := iv.mattering(selections)
	diag.SortFunc(selections, func(a, b diag.Selection) int { return rank[b.Dst] - rank[a.Dst] })
	for _, sel := range selections {
		if sel.From.IsValid() || sel.Errno != "" || sel.Interface != iv.name || diag.ScopeOf(sel.Dst) == diag.LinkLocalScope || sel.Dst.IsMulticast() {
			continue
		}
		stays := iv.staysHere(sel)
		if diag.ScopeOf(sel.Source) == diag.LinkLocalScope && iv.betterSource(sel) == nil && !stays {
			continue
		}
		a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: sel.Source}]
		through, bound := iv.unruled(sel)
		if !ok {
			if h, found := iv.elsewhere(sel); found {
				if j, had := at[sel.Source]; had {
					list[j].symptoms = append(list[j].symptoms, h.symptoms...)
				} else {
					h.args = append(h.args, "target", sel.Dst)
					at[sel.Source] = len(list)
					list = append(list, h)
				}
			}
			continue
		}
		if a.Fact.Passing() || iv.madeUp(sel.Source) || !iv.filtered(sel.Source) && !iv.outOfPlace(sel) && bound == nil && !stays {
			continue
		}
		i, had := at[sel.Source]
		if !had {
			h := iv.about(a)
			h.confidence = weaker(assignmentConfidence(iv.s, iv.assigned), Likely)
			if iv.silenced(sel.Source) {
				h.confidence = Certain
			}
			switch {
			case iv.filtered(sel.Source):
				iv.tellAnnouncer(&h)
				iv.tellTemporary(&h)
				iv.tellAside(&h)
			case bound != nil:
				h.as, h.confidence = "unruled", Likely
				h.args = append(h.args, "gateway", sel.Via, "owner", through)
				rest(&h, bound)
			case stays:
				h.as = "near"
				h.args = append(h.args, "better", iv.usableGlobal())
			default:
				h.as = "out-of-place"
				h.args = append(h.args, "better", iv.betterSource(sel).Source, "gateway", sel.Via)
				rest(&h, iv.betterSource(sel))
				if scope := diag.ScopeOf(sel.Source); scope == diag.LinkLocalScope || scope == diag.ULAScope {
					h.as = "scope"
					h.args = append(h.args, "kind", words.Say("word.scope."+string(scope)))
				} else if owner, _, ok := iv.misrouted(sel.Source, sel.Dst); ok {
					h.as = "other-router"
					h.args = append(h.args, "owner", owner.Address)
					h.facts = append(h.facts, iv.heard(owner))
				} else if by, _, ok := iv.withdrawn(a.Fact); ok {
					h.as = "withdrawn"
					h.args = append(h.args, "router", by.Address)
					h.facts = append(h.facts, iv.heard(by))
				}
			}
			so := "in-part"
			if rank[sel.Dst] == mattersMost {
				so = "cut-off"
			}
			h.args = append(h.args, "target", sel.Dst, "so", words.Say("cause.host.source-selection."+so))
			i = len(list)
			at[sel.Source] = i
			list = append(list, h)
		}
		list[i].facts = append(list[i].facts, iv.s.Said(sel))
	}
	return list
}

// mattersMost is what a host on the Internet matters as an example.
const mattersMost = 3

// mattering says how good an example each destination is of what this host speaks to: an Internet
// host, a peer, anything else, an address of the router itself.
func (iv *ifaceView) mattering(selections []diag.Selection) map[netip.Addr]int {
	class := map[netip.Addr]diag.TargetClass{}
	for _, p := range iv.paths {
		class[p.Target] = p.TargetClass
	}
	rank := map[netip.Addr]int{}
	for _, sel := range selections {
		dst := sel.Dst
		switch {
		case class[dst] == diag.TargetInternet, slices.Contains(iv.s.Run.Internet, dst):
			rank[dst] = mattersMost
		case class[dst] == diag.TargetRouter, iv.net.Reserved(dst):
			rank[dst] = 0
		case class[dst] == diag.TargetPeer:
			rank[dst] = 2
		default:
			rank[dst] = 1
		}
	}
	return rank
}

// outOfPlace reports whether nothing comes back from a host beyond the router to the source that the kernel
// chooses for it, while it answers another address of the interface: where there are two routers with a prefix
// each, and one is sent what has the other's (BCP 38).
func (iv *ifaceView) outOfPlace(sel diag.Selection) bool {
	class := iv.class[sel.Source]
	return (class == diag.SourceUnknown || class == diag.SourceAssigned || iv.leftOut(sel.Source)) && sel.Bound == "" && iv.betterSource(sel) != nil &&
		!iv.any(func(p *path) bool { return p.Source == sel.Source && p.Target == sel.Dst && p.Outcome == diag.Answered })
}

// staysHere reports whether the kernel chooses a link-local source for what is beyond the router, and none of this host's
// addresses gets an answer from there: no router passes on what has such a source (RFC 4291 §2.5.6), whatever else is wrong.
func (iv *ifaceView) staysHere(sel diag.Selection) bool {
	return sel.Source.IsLinkLocalUnicast() && sel.Via.IsValid() && sel.Bound == "" && iv.betterSource(sel) == nil && iv.any(func(p *path) bool {
		return p.Via == diag.ViaApp && p.Source == sel.Source && p.Target == sel.Dst && p.silent() && p.TargetClass == diag.TargetInternet && p.symptom >= 0
	})
}

// betterSource returns the answer of a host to another address than the one that the kernel chooses for it.
func (iv *ifaceView) betterSource(sel diag.Selection) *path {
	silent := func(p *path) bool {
		return p.Source == sel.Source && p.Target == sel.Dst && (p.silent() || p.Outcome == diag.Refused && p.Source.IsLinkLocalUnicast()) &&
			p.TargetClass == diag.TargetInternet && !p.local()
	}
	if !iv.any(silent) {
		return nil
	}
	return iv.first(all(reachesBeyond, of(func(p *path) bool {
		return p.Target == sel.Dst && p.Source != sel.Source && p.SourceClass != diag.SourceCandidate
	})))
}
