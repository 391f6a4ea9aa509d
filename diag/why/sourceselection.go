package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var sourceSelection = Cause{
	ID: "host.source-selection", Severity: Critical, Working: true,
	Remedy: []Remedy{
		{
			Does: "source-route", If: as("out-of-place"), Make: sourceRoute,
			Do: []string{"ip -6 route add default via {router} dev {interface} table 10000", "ip -6 rule add from {address} lookup 10000"}, Keep: &keep{up: true},
		},
		way("deprecate", "ip -6 addr change {address}/{len} dev {interface} preferred_lft 0").kept(keep{amend: true}),
		addressAway("address-away").when(as("")),
		inVPC("assign", "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}").when(as("")).when(assignable),
	},
	find: findSourceSelection, contradicted: sourceSpoke,
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
		if sel.From.IsValid() || sel.Errno != "" || sel.Interface != iv.name || diag.ScopeOf(sel.Dst) == diag.LinkLocalScope ||
			sel.Dst.IsMulticast() || diag.ScopeOf(sel.Source) == diag.LinkLocalScope {
			continue
		}
		a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: sel.Source}]
		if !ok || a.Fact.Passing() || !iv.filtered(sel.Source) && !iv.outOfPlace(sel) {
			continue
		}
		i, ok := at[sel.Source]
		if !ok {
			h := iv.about(a)
			h.confidence = iv.assignmentConfidence()
			if iv.silenced(sel.Source) {
				h.confidence = Certain
			}
			if !iv.filtered(sel.Source) {
				h.as = "out-of-place"
				h.args = append(h.args, "better", iv.betterSource(sel).Source, "gateway", sel.Via)
				rest(&h, iv.betterSource(sel))
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
	return iv.class[sel.Source] == diag.SourceUnknown && sel.Bound == "" && iv.betterSource(sel) != nil &&
		!iv.any(func(p *path) bool { return p.Source == sel.Source && p.Target == sel.Dst && p.Outcome == diag.Answered })
}

// betterSource returns the answer of a host to another address than the one that the kernel chooses for it.
func (iv *ifaceView) betterSource(sel diag.Selection) *path {
	silent := func(p *path) bool {
		return p.Source == sel.Source && p.Target == sel.Dst && p.silent() && p.TargetClass == diag.TargetInternet && !p.local()
	}
	if !iv.any(silent) {
		return nil
	}
	return iv.first(all(reachesBeyond, of(func(p *path) bool { return p.Target == sel.Dst && p.Source != sel.Source })))
}

// sourceRoute sends what has a source by the router that announces its prefix.
func sourceRoute(v *view, h *hypothesis) []string {
	for _, r := range v.on(h.iface).net.Offering() {
		if slices.ContainsFunc(r.Last.Prefixes, func(p diag.PrefixInfo) bool { return p.Prefix.Contains(h.addr) }) {
			return []string{
				"ip -6 route add default via " + r.Address.String() + " dev {interface} table 10000",
				"ip -6 rule add from {address} lookup 10000",
			}
		}
	}
	return nil
}
