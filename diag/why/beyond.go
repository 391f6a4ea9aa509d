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
	// The router that leads there resolves, and nothing beyond it answers.
	find: rule{
		about: (*ifaceView).routerTo, kind: "router", arg: "router", confidence: Likely,
		explains: all(
			either(toward(diag.TargetInternet), all(toward(diag.TargetPeer), asking(diag.AsksEcho), not(nearby))), unanswered, fromUs,
			not(in(func(iv *ifaceView, p *path) bool { _, host := iv.misled(p.Target, p.Source); return host })),
		),
		given: func(iv *ifaceView, router netip.Addr) bool {
			return iv.resolves(router) && iv.overridden(router) == nil
		},
		denied: all(toward(diag.TargetInternet), asking(diag.AsksEcho), answers),
		more: func(iv *ifaceView, h *hypothesis) {
			rest(h, iv.answers[asked{diag.AsksND, h.addr}]...)
		},
	}.find,
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

// routerTo is the router that a path's packets go to, as far as is known.
func (iv *ifaceView) routerTo(p *path) netip.Addr {
	router, known := iv.net.Gateway(p.Target, p.Source)
	for _, r := range iv.net.Gateways() {
		if !known && !router.IsValid() && iv.resolves(r) {
			router = r
		}
	}
	return router
}
