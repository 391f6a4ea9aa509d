package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var peerUnmapped = Cause{
	ID: "peer.unmapped", Severity: Warning,
	Remedy: slices.Concat(
		always("ndisc6 {peer} {interface}"),
		forGlobal(onAWS("aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={peer}")),
	),
	find: findUnmapped, contradicted: targetAnswered,
}

var echoBlocked = Cause{
	ID: "peer.echo-blocked", Severity: Warning,
	Remedy: slices.Concat(
		forGlobal(onAWS("aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={peer} --query 'NetworkInterfaces[].Groups'")),
		onAWS(
			"aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
			"aws ec2 authorize-security-group-ingress --group-id SG --ip-permissions 'IpProtocol=icmpv6,FromPort=128,ToPort=-1,Ipv6Ranges=[{CidrIpv6=VPC6,Description=\"ping6\"}]'",
		),
	),
	find: findEchoBlocked,
	contradicted: func(iv *ifaceView, h hypothesis) bool {
		return iv.any(func(p *path) bool {
			return p.Target == h.addr && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered
		})
	},
}

// forGlobal limits commands to a peer's global address: EC2 lists no link-local ones.
func forGlobal(list []Remedy) []Remedy {
	for i := range list {
		list[i].If = func(_ *view, h *hypothesis) bool { return diag.ScopeOf(h.addr) == diag.GlobalScope }
	}
	return list
}

// targetAnswered reports whether the subject answered anything at all.
func targetAnswered(iv *ifaceView, h hypothesis) bool {
	return iv.any(func(p *path) bool { return p.Target == h.addr && p.Outcome == diag.Answered })
}

func peerHypothesis(peer netip.Addr) hypothesis {
	return hypothesis{
		confidence: Likely, subject: Subject{"peer", peer.String()}, addr: peer, args: []any{"peer", peer}, beyond: true,
	}
}

func (iv *ifaceView) pathsByTarget(class diag.TargetClass) (targets []netip.Addr, by map[netip.Addr][]*path) {
	by = map[netip.Addr][]*path{}
	for _, p := range iv.paths {
		if p.TargetClass == class {
			by[p.Target] = append(by[p.Target], p)
		}
	}
	return iv.targets(class), by
}

func findUnmapped(iv *ifaceView) []hypothesis {
	var list []hypothesis
	var other *path
	for _, p := range iv.paths {
		if p.Asks == diag.AsksND && p.Outcome == diag.Answered && p.Ours() {
			other = p
			break
		}
	}
	if other == nil {
		return nil
	}
	targets, by := iv.pathsByTarget(diag.TargetPeer)
	for _, peer := range targets {
		h := peerHypothesis(peer)
		unheard := false
		for _, p := range by[peer] {
			if !p.Ours() || p.Outcome != diag.Silent {
				continue
			}
			unheard = unheard || p.Asks == diag.AsksND || p.failedDiscovery()
			iv.explain(&h, p)
		}
		if !unheard || len(h.symptoms) == 0 || slices.ContainsFunc(by[peer], func(p *path) bool { return p.Outcome == diag.Answered }) {
			continue
		}
		rest(&h, other)
		h.args = append(h.args, "other", other.Target)
		if iv.profile.Answers {
			h.more = []string{"cause.peer.unmapped.fabric"}
		}
		if n, ok := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: peer}]; ok {
			h.facts = append(h.facts, diag.FactOf(n))
		}
		list = append(list, h)
	}
	return list
}

func findEchoBlocked(iv *ifaceView) []hypothesis {
	var list []hypothesis
	linkLocal := false // of all of them is said the same, so that it need be said once
	targets, by := iv.pathsByTarget(diag.TargetPeer)
	for _, peer := range targets {
		h := peerHypothesis(peer)
		resolved := false
		if !iv.near(peer) {
			h.as = "routed"
		}
		for _, p := range by[peer] {
			switch {
			case h.as == "routed":
				// The router has it to resolve: that the echo left for the router is all there is to know.
				resolved = resolved || p.Asks == diag.AsksEcho && p.Outcome == diag.Silent && !p.failedDiscovery() && p.Sent > 0
			case p.Asks == diag.AsksND && p.Outcome == diag.Answered,
				p.Asks == diag.AsksEcho && p.Via == diag.ViaKernel && p.NUD.Resolved() && !p.failedDiscovery():
				resolved = true
				rest(&h, p)
			}
			if p.Asks == diag.AsksEcho && p.Outcome == diag.Silent && !p.failedDiscovery() && p.Ours() && !p.excused() {
				iv.explain(&h, p)
			}
		}
		if !resolved || len(h.symptoms) == 0 {
			continue
		}
		switch {
		case h.as == "routed":
		case iv.profile.Answers:
			h.more = append(h.more, "cause.peer.echo-blocked.fabric")
		default:
			h.more = append(h.more, "cause.peer.echo-blocked.alive")
		}
		linkLocal = linkLocal || diag.ScopeOf(peer) == diag.LinkLocalScope
		list = append(list, h)
	}
	if linkLocal {
		for i := range list {
			if list[i].as == "" {
				list[i].more = append(list[i].more, "cause.peer.echo-blocked.link-local")
			}
		}
	}
	return list
}
