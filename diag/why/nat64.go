package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var nat64Missing = Cause{
	ID: "path.nat64-missing", Severity: Warning,
	Remedy: []Remedy{
		inVPC("nat64-route", "aws ec2 create-route --route-table-id <rtb-id> --destination-ipv6-cidr-block {prefix} --nat-gateway-id <nat-id>"),
		inVPC("no-dns64", "aws ec2 modify-subnet-attribute --subnet-id {subnet} --no-enable-dns64"),
		ask("ask.nat64").when(notAWS),
		way("", "dig +short AAAA ipv4only.arpa"),
		inVPC("", "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}"),
	},
	// IPv4 hosts are silent, or refused, that are asked by way of a translator's prefix, and no other host beyond the
	// router is.
	find: rule{
		confidence: Likely,
		explains:   all(toward(diag.TargetInternet), came(diag.Silent, diag.Refused), not(undiscovered), not(locally), fromUs, not(detoured), translated),
		denied:     all(toward(diag.TargetInternet), fromUs, either(all(translated, answers), all(not(translated), came(diag.Silent, diag.Refused)))),
		more: func(iv *ifaceView, h *hypothesis) {
			lost := iv.symptoms[h.symptoms[0]].path.Target
			prefix := translator(iv.net, lost)
			h.args = []any{"target", lost, "ipv4", diag.Embedded(prefix, lost), "prefix", prefix}
			h.as = "alone"
			if p := iv.first(reachesBeyond); p != nil {
				h.as = ""
				h.args = append(h.args, "other", p.Target)
				rest(h, p)
			}
			for _, r := range iv.net.Routers {
				if slices.Contains(r.Last.Pref64s(), prefix) {
					h.more = append(h.more, "cause.path.nat64-missing.announced")
					h.args = append(h.args, "router", r.Address)
					h.facts = append(h.facts, iv.heard(r))
					break
				}
			}
			if p := iv.symptoms[h.symptoms[0]].path; p.Error != nil {
				h.more = append(h.more, "cause.path.nat64-missing.refused")
				h.args = append(h.args, "from", p.Error.From, "error", diag.DescribeError(*p.Error))
			}
			if made := iv.first(of(func(p *path) bool { return p.Detail == diag.DetailTranslates && p.Note == prefix.String() })); made != nil {
				h.more = append(h.more, "cause.path.nat64-missing.made-up")
				h.args = append(h.args, "server", made.Target)
				rest(h, made)
			}
		},
	}.find,
}

// translated holds of what asks an IPv4 host by way of a translator: of the well-known prefix, or of one that a router
// or a name server tells of.
var translated = in(func(iv *ifaceView, p *path) bool { return translator(iv.net, p.Target).IsValid() })

// translator is the prefix by which an address stands for an IPv4 host; zero: none that is known.
func translator(l *diag.LinkModel, a netip.Addr) netip.Prefix {
	for _, prefix := range append(l.Pref64s(), diag.WellKnownPref64) {
		if prefix.Contains(a) {
			return prefix
		}
	}
	return netip.Prefix{}
}
