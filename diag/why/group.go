package why

import (
	"ndwhy/diag"
)

var groupNotJoined = Cause{
	ID: "host.group-not-joined", Severity: Critical, Working: true,
	Remedy: []Remedy{
		way("hear-all", "ip link set dev {interface} allmulticast on", "ip -6 maddr show dev {interface}").when(as("device")).
			kept(keep{networkd: "[Link] AllMulticast=yes", up: true}),
		way("join-again", "ip -6 addr del {address}/{len} dev {interface} && ip -6 addr add {address}/{len} dev {interface}").when(as("")),
	},
	find: findGroupNotJoined,
}

// findGroupNotJoined looks for addresses whose solicited-node group (RFC 4291 §2.7.1) the kernel is not in, or
// the device does not let through: solicitations for them are never heard. A capture that makes the device
// promiscuous heals that as long as it lasts.
func findGroupNotJoined(iv *ifaceView) []hypothesis {
	groups, known := iv.s.Groups[iv.name]
	if !known || groups.Partial || !iv.net.Link.Up {
		return nil
	}
	var list []hypothesis
	for _, a := range iv.addresses {
		f := a.Fact
		joined, device := groups.Hears(f.Address)
		open := iv.net.Link.AllMulticast || iv.net.Link.Promiscuous
		if joined && (device || open) || !f.Flags.Usable() || f.Passing() {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Likely, subject: addressSubject(f.Address), addr: f.Address,
			args:  []any{"address", f.Address, "len", f.PrefixLen, "group", diag.SolicitedNode(f.Address)},
			facts: []diag.Event{diag.FactOf(a), iv.s.Said(groups)},
		}
		if joined {
			h.as = "device"
		}
		for i, y := range iv.symptoms {
			if y.iface == iv.name && y.kind == unheeded && y.addr == f.Address {
				h.symptoms = append(h.symptoms, i)
			}
		}
		// Who does not know this host, or forgot it, has to find it before it can answer.
		iv.explain(&h, iv.where(func(p *path) bool {
			return p.Source == f.Address && p.Asks != diag.AsksND && p.symptom >= 0 && (p.beyondHost() || p.fate == deaf)
		})...)
		list = append(list, h)
	}
	return list
}
