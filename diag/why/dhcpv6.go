package why

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

var noClient = Cause{
	ID: "dhcpv6.no-client", Severity: Critical, Working: true,
	Remedy: []Remedy{
		{
			Does: "client-of", If: managedBy("networkd", "NetworkManager"), Do: []string{"networkctl reconfigure {interface}"}, Make: startClient,
			Keep: &keep{networkd: "[Network] DHCP=ipv6", netplan: "dhcp6=true", nm: "ipv6.method auto"},
		},
		way("client", "dhclient -6 -nw {interface}").when(managedBy("dhclient", "dhcpcd", "none", "")).when(unclaimed).
			kept(keep{netplan: "dhcp6=true", up: true}),
		way("offered", "ip -6 addr add {address}/128 dev {interface}").when(unclaimed).kept(addressOf("{address}/128")),
		ask("ask.holder").when(func(v *view, h *hypothesis) bool { return !unclaimed(v, h) }),
		way("", "networkctl status {interface}").when(managedBy("networkd")),
	},
	find: findNoClient,
	contradicted: func(iv *ifaceView, _ hypothesis) bool {
		_, asks := iv.clientAtWork()
		return asks
	},
}

var clientFails = Cause{
	ID: "dhcpv6.client-fails", Severity: Critical, Working: true,
	Remedy: []Remedy{
		way("client-again", "networkctl reconfigure {interface}").when(managedBy("networkd")),
		way("client-again", `nmcli connection up "$(nmcli -g GENERAL.CON-UUID device show {interface})"`).when(managedBy("NetworkManager")),
		way("offered", "ip -6 addr add {address}/128 dev {interface}").when(unclaimed).kept(addressOf("{address}/128")),
		ask("ask.client"),
		way("", "journalctl -b -u systemd-networkd -u NetworkManager", "ss -ulpn sport = :546", "tcpdump -vv -ni {interface} udp port 546 or udp port 547"),
	},
	find: findClientFails,
}

var dhcpv6Silent = Cause{
	ID: "dhcpv6.silent", Severity: Critical,
	Remedy: []Remedy{
		ask("ask.dhcpv6"),
		way("", "tcpdump -ni {interface} 'udp port 546 or udp port 547'"),
	},
	find: findDHCPSilent,
	contradicted: func(iv *ifaceView, _ hypothesis) bool {
		return iv.any(func(p *path) bool { return p.Asks == diag.AsksDHCP && p.Outcome == diag.Answered })
	},
}

var dhcpv6NoAddress = Cause{
	ID: "dhcpv6.no-address", Severity: Critical, Working: true, Answers: noAddress,
	Remedy: []Remedy{
		inVPC("assign-one", "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-address-count 1"),
		ask("ask.lease"),
		inVPC("", "aws ec2 describe-network-interfaces --network-interface-ids {eni} --query 'NetworkInterfaces[].Ipv6Addresses'"),
	},
	find: findDHCPNoAddress,
}

// managed returns a router that says that addresses come by DHCPv6 (RFC 4861 §4.2, M flag).
func (iv *ifaceView) managed() *diag.RouterSeen {
	for _, r := range iv.net.Routers {
		if r.Last.Managed {
			return r
		}
	}
	return nil
}

// dhcpSeverity: without an address it is what cuts the instance off; with one it is not yet felt.
func (iv *ifaceView) dhcpSeverity() Severity {
	for _, a := range iv.addresses {
		if iv.global(a.Fact) && a.Fact.Flags.Usable() && iv.class[a.Fact.Address] != diag.SourceUnassigned {
			return Info
		}
	}
	return Critical
}

func (iv *ifaceView) dhcp(r *diag.RouterSeen) hypothesis {
	h := hypothesis{
		severity: iv.dhcpSeverity(), direct: true, confidence: Certain, subject: Subject{"interface", iv.name},
		facts: []diag.Event{iv.heard(r)}, args: []any{"router", r.Address},
	}
	if h.severity == Critical {
		iv.explainKind(&h, noGlobal)
	}
	return h
}

// findNoClient looks for an address that a server offers and that nobody here asks for.
func findNoClient(iv *ifaceView) []hypothesis {
	h, ok := iv.offered()
	if !ok {
		return nil
	}
	if iv.hasClient() {
		return nil // findClientFails says so
	} else if e, ok := iv.closed(); ok {
		h.facts = append(h.facts, e)
	} else if h.confidence = Likely; iv.s.Now.Sub(iv.s.Said(diag.FeedFrames).At) < dhcpPatience {
		h.confidence = Possible // one may be at work that has not asked in so short a time
	}
	return []hypothesis{h}
}

// closed returns this host's own word that nobody has the port of a DHCPv6 client: what it answers to a server's message.
func (iv *ifaceView) closed() (diag.Event, bool) {
	for _, e := range slices.Backward(iv.frames) {
		f, ok := e.Body.(diag.Frame)
		if ok && f.Out && f.Interface == iv.name && f.Type == diag.Unreachable && f.Code == portUnreachable && f.Quoted != nil && f.Quoted.DstPort == wire.DHCPv6Client {
			return e, true
		}
	}
	return diag.Event{}, false
}

// portUnreachable is the code of the error that nobody has a port (RFC 4443 §3.1).
const portUnreachable = 4

// offered is a hypothesis of an address that a server offers and that is not configured.
func (iv *ifaceView) offered() (h hypothesis, ok bool) {
	r := iv.managed()
	offer, ok := iv.s.Offers[iv.name]
	if r == nil || !ok || !iv.s.Complete(diag.FeedNetlink) {
		return h, false
	}
	for _, a := range offer.Fact.Addresses {
		addr := a.Prefix.Addr()
		if !a.Prefix.IsSingleIP() || iv.net.Configured(addr) || iv.heldElsewhere(addr) || diag.ScopeOf(addr) == diag.LinkLocalScope ||
			iv.lostSince(addr, offer.At) {
			continue
		}
		h = iv.dhcp(r)
		isAbsent := false
		for i, y := range iv.symptoms {
			if y.iface == iv.name && y.kind == absent && y.addr == addr {
				h.symptoms = append(h.symptoms, i)
				isAbsent = true
			}
		}
		if h.severity == Info && !isAbsent {
			// Another address is held: the offer may be for our own asking alone.
			continue
		}
		h.addr = addr
		h.facts = append(h.facts, iv.s.Offer(iv.name))
		h.args = append(h.args, "address", addr, "manager", iv.s.Managers[iv.name].Name)
		return h, true
	}
	return h, false
}

// lostSince reports whether the interface had an address when something was heard, and has lost it since.
func (iv *ifaceView) lostSince(addr netip.Addr, when time.Time) bool {
	return slices.ContainsFunc(iv.s.Notes(), func(e diag.Event) bool {
		a, ok := e.Body.(diag.Address)
		return ok && a.Gone && e.At.After(when) && a.Interface == iv.name && a.Address == addr
	})
}

// findClientFails looks for a client of this host that asks for the address which a server offers, and does not
// come by it. What a rule of this host keeps from it is the rule's doing.
func findClientFails(iv *ifaceView) []hypothesis {
	h, ok := iv.offered()
	asked, works := iv.clientAtWork()
	switch {
	case !ok || iv.stopsDHCPv6():
		return nil
	case !works && iv.hasClient() && iv.otherHas(h.addr):
		return nil // findDuplicate says why
	case !works && iv.hasClient():
		// It waits between its tries longer than a run lasts (RFC 8415 §15), or was answered before.
		h.as, h.confidence = "busy", Likely
		h.facts = append(h.facts, iv.s.Said(iv.s.Managers[iv.name]))
		return []hypothesis{h}
	case !works:
		return nil
	}
	h.confidence = Likely
	heard := false
	for _, e := range iv.traffic.dhcpv6 {
		f := e.Body.(diag.Frame)
		if !f.Out && f.Bad == "" && slices.ContainsFunc(asked, func(q diag.Event) bool { return q.Body.(diag.Frame).DHCPv6.Transaction == f.DHCPv6.Transaction }) {
			heard = true
			h.facts = append(h.facts, e)
		}
	}
	h.facts = append(h.facts, asked[len(asked)-1])
	switch {
	case iv.s.Now.Sub(asked[0].At) < dhcpPatience:
		h.as, h.confidence = "begun", Possible
	case heard:
		h.as = "answered"
	}
	return []hypothesis{h}
}

// otherHas reports whether another host answers for an address that is offered: a client that took it would have given it back.
func (iv *ifaceView) otherHas(addr netip.Addr) bool {
	return slices.ContainsFunc(findDuplicate(iv), func(d hypothesis) bool { return d.addr == addr })
}

// hasClient reports whether a DHCPv6 client that is nothing else runs for the interface.
func (iv *ifaceView) hasClient() bool {
	m := iv.s.Managers[iv.name]
	return m.Name == "dhclient" || m.Name == "dhcpcd"
}

// dhcpPatience is how long a client waits for the answer to its first Solicit (RFC 8415 §7.6, SOL_TIMEOUT).
const dhcpPatience = time.Second

// stopsDHCPv6 reports whether a rule of this host is known to stop DHCPv6 on the interface.
func (iv *ifaceView) stopsDHCPv6() bool {
	for _, out := range []bool{false, true} {
		if _, dropped := iv.traffic.dropped[dropKind{out, diag.DHCPv6Frame}]; dropped {
			return true
		}
	}
	return slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.applies(f) && f.Stops(diag.DHCPv6Frame) })
}

// clientAtWork returns what a DHCPv6 client of this host was seen asking, oldest first: messages that are no
// Solicits of the program's own.
func (iv *ifaceView) clientAtWork() (list []diag.Event, ok bool) {
	own := func(e diag.Event) bool {
		return iv.any(func(p *path) bool { return p.Asks == diag.AsksDHCP && slices.Contains(p.Evidence, e.Seq) })
	}
	for _, e := range iv.traffic.dhcpv6 {
		if e.Body.(diag.Frame).Out && !own(e) {
			list = append(list, e)
		}
	}
	return list, len(list) > 0
}

func findDHCPSilent(iv *ifaceView) []hypothesis {
	silent := iv.where(func(p *path) bool { return p.Asks == diag.AsksDHCP && p.Outcome == diag.Silent })
	r := iv.managed()
	if r == nil || len(silent) == 0 {
		return nil
	}
	h := iv.dhcp(r)
	h.direct, h.confidence, h.beyond = false, Likely, true
	switch most := slices.MaxFunc(silent, func(a, b *path) int { return a.Sent - b.Sent }).Sent; {
	case most >= 3:
		h.confidence = Certain
	case most < 2:
		h.confidence = Possible // so few packets get lost by chance
	}
	iv.explain(&h, silent...)
	if h.severity == Critical {
		iv.explainKind(&h, absent)
	}
	return []hypothesis{h}
}

func findDHCPNoAddress(iv *ifaceView) []hypothesis {
	r := iv.managed()
	offer, ok := iv.s.Offers[iv.name]
	if r == nil || !ok || slices.ContainsFunc(offer.Fact.Addresses, func(a diag.LeaseAddress) bool { return a.Prefix.IsSingleIP() }) {
		return nil
	}
	h := iv.dhcp(r)
	h.facts = append(h.facts, iv.s.Offer(iv.name))
	status := offer.Fact.Status
	if status == "" {
		status = "no IA_NA address"
	}
	h.args = append(h.args, "status", status)
	if h.severity == Critical {
		iv.explainKind(&h, absent)
	}
	iv.explain(&h, iv.where(func(p *path) bool { return p.Asks == diag.AsksDHCP })...)
	return []hypothesis{h}
}

// unclaimed holds where nobody else has a hypothesis' address: to ask for it then brings nothing.
func unclaimed(v *view, h *hypothesis) bool {
	return !v.on(h.iface).otherHas(h.addr)
}

// startClient has the manager begin anew, once its configuration says that it is to ask (see keep).
func startClient(v *view, h *hypothesis) []string {
	if !unclaimed(v, h) {
		return nil
	}
	if v.s.Managers[h.iface].Name == "networkd" {
		return []string{"networkctl reconfigure {interface}"}
	}
	return []string{`nmcli connection up "$(nmcli -g GENERAL.CON-UUID device show {interface})" ifname {interface}`}
}
