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
	// IPv4 hosts are silent that are asked by way of a translator's prefix, and no other host beyond the router is. Such
	// an address is asked where it is named; nothing asks for one by itself.
	find: rule{
		confidence: Likely,
		explains:   all(toward(diag.TargetInternet), silence, not(undiscovered), not(locally), fromUs, not(detoured), translated),
		denied:     all(toward(diag.TargetInternet), fromUs, either(all(translated, answers), all(not(translated), silence))),
		more: func(iv *ifaceView, h *hypothesis) {
			lost := iv.symptoms[h.symptoms[0]].path.Target
			h.args = []any{"target", lost, "ipv4", embedded(lost), "prefix", netip.PrefixFrom(lost, translates).Masked()}
			h.as = "alone"
			if p := iv.first(reachesBeyond); p != nil {
				h.as = ""
				h.args = append(h.args, "other", p.Target)
				rest(h, p)
			}
			for _, r := range iv.net.Routers {
				if slices.Contains(pref64(r.Last), netip.PrefixFrom(lost, translates).Masked()) {
					h.more = append(h.more, "cause.path.nat64-missing.announced")
					h.args = append(h.args, "router", r.Address)
					h.facts = append(h.facts, iv.heard(r))
					break
				}
			}
		},
	}.find,
}

// translates is the length of the prefixes that translators are looked for by; the IPv4 address follows (RFC 6052 §2.2).
const translates = 96

// wellKnown is the prefix of every network that has no other for its translator (RFC 6052 §2.1).
var wellKnown = netip.MustParsePrefix("64:ff9b::/96")

// translated holds of what asks an IPv4 host by way of a translator: of the well-known prefix, or of one that a router
// announces.
var translated = in(func(iv *ifaceView, p *path) bool {
	of := func(prefix netip.Prefix) bool { return prefix.Contains(p.Target) }
	return of(wellKnown) || slices.ContainsFunc(iv.net.Routers, func(r *diag.RouterSeen) bool { return slices.ContainsFunc(pref64(r.Last), of) })
})

// embedded is the IPv4 address that an address of a translator's prefix stands for.
func embedded(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom4([4]byte(b[12:]))
}

// pref64 are the prefixes of length 96 that an advertisement says a translator has (RFC 8781 §4), and has still.
func pref64(a diag.Advertisement) (list []netip.Prefix) {
	const option, size, length = 38, 16, 7 // the last three bits are the length's code, 0 for 96; the others the lifetime
	for _, o := range a.Unknown {
		if o.Type != option || len(o.Raw) != size || o.Raw[3]&length != 0 || o.Raw[2] == 0 && o.Raw[3] == 0 {
			continue
		}
		var b [16]byte
		copy(b[:], o.Raw[4:])
		list = append(list, netip.PrefixFrom(netip.AddrFrom16(b), translates))
	}
	return list
}
