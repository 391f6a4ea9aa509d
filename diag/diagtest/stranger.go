package diagtest

import (
	"net/netip"

	"ndwhy/diag"
)

// Suspect is a VPC in which the kernel gets no reply from the peer, and the wire does, and a rule of this host concerns some
// of what leaves.
func Suspect(f diag.Filter) *World {
	f.Hook, f.Matches = "output", []string{}
	return VPC().Say(f).Each(func(p diag.Path) bool {
		return p.Via == diag.ViaKernel && p.Asks == diag.AsksEcho && p.Target == PeerGlobal && p.SourceClass == diag.SourceAssigned
	}, func(p *diag.Path) {
		Silent(p)
		p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "EPERM"
	})
}

// ForPeer is a rule about packets to the peer, OfOthers one about those to others.
func ForPeer(verdict string) diag.Filter {
	return diag.Filter{
		Table: "inet filter", Chain: "output", Rule: "ip6 daddr of the peer", Handle: 4, Verdict: verdict, Partly: []string{"echo-request"},
		Dst: netip.PrefixFrom(PeerGlobal, 128),
	}
}

// Refused is a VPC in which the kernel refuses with EINVAL what goes beyond the router, by way of a rule.
func Refused(rule diag.PolicyRule, selected ...diag.Body) *World {
	return VPC().Say(rule).Say(selected...).Each(func(p diag.Path) bool {
		return p.TargetClass == diag.TargetInternet && p.Via == diag.ViaKernel
	}, func(p *diag.Path) {
		Silent(p)
		p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "EINVAL"
	})
}
