package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var imdsIPv6Off = Cause{
	ID: "service.imds-ipv6-off", Severity: Info,
	Remedy: onAWS("aws ec2 modify-instance-metadata-options --instance-id INSTANCE --http-endpoint enabled --http-protocol-ipv6 enabled"),
	find:   findIMDSIPv6Off,
}

var serviceUnreachable = Cause{
	ID: "service.unreachable", Severity: Warning,
	Remedy: slices.Concat(always("ip -6 route get {target}", "ping -6 -c 3 {target}")),
	find:   findServiceUnreachable,
	contradicted: func(iv *ifaceView, h hypothesis) bool {
		return iv.any(func(p *path) bool {
			return p.Target == h.addr && p.Asks == diag.AsksService && p.Outcome == diag.Answered
		})
	},
}

// services are the paths to services that gave no answer, though they were asked, and from where an
// answer can come back to.
func (iv *ifaceView) services(ok func(*path) bool) []*path {
	return iv.where(func(p *path) bool {
		asked := (p.Outcome == diag.Silent || p.Outcome == diag.Refused) && !p.failedDiscovery() && !p.Source.IsLinkLocalUnicast()
		return p.TargetClass == diag.TargetService && p.Asks == diag.AsksService && asked && p.Ours() && ok(p) && !iv.astray(p)
	})
}

func findIMDSIPv6Off(iv *ifaceView) []hypothesis {
	if iv.s.Metadata.State != diag.MetadataOK && iv.s.Metadata.State != diag.MetadataNone {
		return nil
	}
	off := iv.services(func(p *path) bool { return p.Target == diag.IMDSIPv6 })
	if len(off) == 0 || iv.any(func(p *path) bool { return p.Target == diag.IMDSIPv6 && p.Outcome == diag.Answered }) {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"service", diag.IMDSIPv6.String()}, addr: diag.IMDSIPv6,
		args: []any{"target", diag.IMDSIPv6}, facts: []diag.Event{iv.s.Said(diag.Metadata{})},
	}
	iv.explain(&h, off...)
	return []hypothesis{h}
}

// serviceName says what a VPC has at one of its own addresses (Amazon VPC user guide, "DNS
// attributes"; EC2 user guide, "Amazon Time Sync Service").
func serviceName(addr netip.Addr) string {
	switch addr {
	case netip.MustParseAddr("fd00:ec2::253"):
		return words.Say("cause.service.unreachable.dns")
	case netip.MustParseAddr("fd00:ec2::123"):
		return words.Say("cause.service.unreachable.ntp")
	default:
		return words.Say("cause.service.unreachable.some")
	}
}

func findServiceUnreachable(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[netip.Addr]int{}
	for _, p := range iv.services(func(p *path) bool { return p.Target != diag.IMDSIPv6 }) {
		if p.symptom < 0 {
			continue
		}
		i, ok := at[p.Target]
		if !ok {
			i = len(list)
			at[p.Target] = i
			list = append(list, hypothesis{
				confidence: Likely, subject: Subject{"service", p.Target.String()}, addr: p.Target, beyond: true,
				args: []any{"target", p.Target, "service", serviceName(p.Target)},
			})
		}
		iv.explain(&list[i], p)
	}
	return list
}
