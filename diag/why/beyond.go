package why

import (
	"net/netip"

	"ndwhy/diag"
)

var refused = Cause{
	ID: "path.refused", Severity: Critical,
	Remedy: onAWS(
		"aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}",
		"aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}",
	),
	find: findRefused,
}

var beyondRouter = Cause{
	ID: "path.beyond-router", Severity: Critical,
	Remedy: onAWS(
		"aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}",
		"aws ec2 create-route --route-table-id RTB --destination-ipv6-cidr-block ::/0 --gateway-id IGW",
		"aws ec2 describe-vpc-block-public-access-options",
		"aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}",
		"aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
	),
	find: findBeyondRouter,
	contradicted: func(iv *ifaceView, _ hypothesis) bool {
		return iv.any(func(p *path) bool {
			return p.TargetClass == diag.TargetInternet && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered
		})
	},
}

func findRefused(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[string]int{}
	for _, p := range iv.paths {
		if p.Outcome != diag.Refused || p.Error == nil || p.Error.Type == diag.PacketTooBig || !p.Ours() || beyondScope(p) {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"target", p.Target.String()}, addr: p.Target,
			args: []any{"target", p.Target, "from", p.Error.From, "error", diag.DescribeError(*p.Error)},
		}
		if !p.Given {
			h.severity = Info
		}
		key := h.subject.Value
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, h)
		}
		iv.explain(&list[i], p)
		rest(&list[i], p)
	}
	return list
}

// beyondScope reports whether a packet was refused because a link-local address asked beyond the link
// (RFC 4443 §3.1, code 2): that is how it must be, and what is wrong is that there was no other source.
func beyondScope(p *path) bool {
	return p.Error.Type == diag.Unreachable && p.Error.Code == 2 && p.Source.IsLinkLocalUnicast()
}

func findBeyondRouter(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[netip.Addr]int{}
	for _, p := range iv.paths {
		beyond := p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetPeer && p.Asks == diag.AsksEcho && !iv.near(p.Target)
		if !beyond || p.Outcome != diag.Silent || p.failedDiscovery() || !p.Ours() || p.excused() {
			continue
		}
		router, known := iv.net.Gateway(p.Target, p.Source)
		if !known {
			for _, r := range iv.net.Gateways() {
				if !router.IsValid() && iv.resolves(r) {
					router = r
				}
			}
		}
		if _, host := iv.misled(p.Target, p.Source); host || !router.IsValid() || !iv.resolves(router) || iv.overridden(router) != nil {
			continue
		}
		i, ok := at[router]
		if !ok {
			i = len(list)
			at[router] = i
			list = append(list, hypothesis{
				confidence: Likely, subject: Subject{"router", router.String()}, addr: router, args: []any{"router", router}, beyond: true,
			})
			rest(&list[i], iv.answers[asked{diag.AsksND, router}]...)
		}
		iv.explain(&list[i], p)
	}
	return list
}
