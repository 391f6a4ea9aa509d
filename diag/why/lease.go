package why

import (
	"math"
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var expiring = Cause{
	ID: "address.expiring", Severity: Warning, Working: true,
	Remedy: []Remedy{
		way("renew", "networkctl renew {interface}").when(managedBy("networkd")),
		way("renew", `nmcli connection up "$(nmcli -g GENERAL.CON-UUID device show {interface})" ifname {interface}`).when(managedBy("NetworkManager")),
		way("renew", "dhcpcd --rebind {interface}").when(managedBy("dhcpcd")),
		way("client", "dhclient -6 -nw {interface}").when(managedBy("dhclient", "none", "")),
		way("keep-address", "ip -6 addr change {address}/{len} dev {interface} valid_lft forever preferred_lft forever").kept(addressOf("{address}/{len}")),
		way("", "ip -6 addr show dev {interface}"),
		way("", "networkctl status {interface}").when(managedBy("networkd")),
	},
	find: findExpiring,
}

// findExpiring looks for leases past T2, which RFC 8415 §21.4 puts at 0.8 of the preferred
// lifetime: a client that lives has renewed before.
func findExpiring(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, a := range iv.addresses {
		f := a.Fact
		if !iv.looksLeased(f) {
			continue
		}
		elapsed := f.UpdatedS + iv.s.Now.Sub(a.At).Seconds()
		var lifetime float64
		switch {
		case f.PreferredS > 0:
			lifetime = float64(f.PreferredS) + f.UpdatedS
		case f.PreferredS == 0:
			// Deprecated: the lease tells whether that is by intent, or that it came about by itself.
			lifetime = iv.leasedFor(f.Address)
		}
		late := lifetime > 0 && elapsed > 0.8*lifetime
		if !late && !iv.soonOver(a) {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(f.Address), addr: f.Address, facts: []diag.Event{diag.FactOf(a)},
			args: []any{
				"address", f.Address, "len", f.PrefixLen, "left", diag.Seconds(iv.s.Left(f.ValidS, a.At)),
				"age", diag.Seconds(int64(math.Round(elapsed))), "lifetime", diag.Seconds(int64(math.Round(lifetime))),
			},
		}
		if !late {
			h.as, h.confidence = "short", Likely
		}
		list = append(list, h)
	}
	return list
}

// soon is what is left, in seconds, of an address that somebody should be about to renew: no lease is made for less.
const soon = 60

// soonOver reports whether an address is about to end and nothing is known that would renew it: no lease has it, and nobody
// configures the interface.
func (iv *ifaceView) soonOver(a diag.At[diag.Address]) bool {
	left := iv.s.Left(a.Fact.ValidS, a.At)
	return left > 0 && left <= soon && iv.leasedFor(a.Fact.Address) == 0 && slices.Contains([]string{"", "none"}, iv.s.Managers[iv.name].Name)
}

// looksLeased reports whether an address is like one that a DHCPv6 client configured: it runs out, and is made of no
// advertised prefix.
func (iv *ifaceView) looksLeased(f diag.Address) bool {
	return iv.global(f) && f.Flags.Usable() && f.ValidS != diag.Forever && f.Origin != "kernel_ra" &&
		f.Flags&(diag.Temporary|diag.ManageTemp) == 0 && !iv.fromPrefix(f)
}

// leasedFor is how long an address was to be preferred, in seconds; 0 where that is not known.
func (iv *ifaceView) leasedFor(addr netip.Addr) float64 {
	if was, ok := iv.s.Granted(diag.InterfaceAddr{Interface: iv.name, Address: addr}); ok {
		return float64(was.PreferredS) + was.UpdatedS
	}
	rows := slices.Concat(iv.s.Leases[iv.name].Addresses, iv.s.Replies[iv.name].Fact.Addresses)
	for _, r := range rows {
		if r.Prefix.Addr() == addr && r.PreferredS > 0 {
			return float64(r.PreferredS)
		}
	}
	return 0
}

// managedBy holds where one of some managers configures the interface.
func managedBy(names ...string) func(*view, *hypothesis) bool {
	return func(v *view, h *hypothesis) bool { return slices.Contains(names, v.s.Managers[h.iface].Name) }
}
