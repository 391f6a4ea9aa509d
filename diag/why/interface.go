package why

import (
	"slices"

	"ndwhy/diag"
)

var linkDown = Cause{
	ID: "host.link-down", Severity: Critical, Whole: true,
	Remedy: []Remedy{
		way("ifup", "ifup --force {interface}").when(switchedOff).when(func(v *view, h *hypothesis) bool { return v.s.Managers[h.iface].Writer == "ifupdown" }),
		way("link-up", "ip link set dev {interface} up", "ip -d link show dev {interface}").when(switchedOff),
		{Does: "lower-up", Do: []string{"ip link set dev {other} up"}, Make: lowerUp},
		ask("ask.carrier").when(noCarrier),
		way("", "ethtool {interface}").when(noCarrier),
		inVPC("", "aws ec2 describe-network-interfaces --filters Name=mac-address,Values={mac} --query 'NetworkInterfaces[].Attachment'").when(noCarrier),
	},
	find: findLinkDown,
}

var ipv6Disabled = Cause{
	ID: "host.ipv6-disabled", Severity: Critical, Whole: true,
	Remedy: []Remedy{
		way("mtu", "ip link set dev {interface} mtu 1500").when(as("mtu")).kept(mtuOf("1500")),
		way("enable-ipv6", "sysctl -w net.ipv6.conf.{interface}.disable_ipv6=0").when(as("")).
			kept(keep{sysctl: "{conf}.disable_ipv6=0", nm: "ipv6.method auto"}),
	},
	find: findIPv6Disabled,
	contradicted: func(iv *ifaceView, _ hypothesis) bool {
		return slices.ContainsFunc(iv.addresses, func(a diag.At[diag.Address]) bool { return a.Fact.Flags.Usable() })
	},
}

var discoveryOff = Cause{
	ID: "host.discovery-off", Severity: Critical, Whole: true,
	Remedy: []Remedy{
		way("arp-on", "ip link set dev {interface} arp on").when(as("")).kept(keep{networkd: "[Link] ARP=yes", up: true}),
		way("solicit-again", "sysctl -w net.ipv6.neigh.{interface}.mcast_solicit=3").when(as("unsolicited")).kept(keep{sysctl: "net.ipv6.neigh.{interface}.mcast_solicit=3"}),
		way("", "ip link show dev {interface}").when(as("")),
	},
	find: func(iv *ifaceView) []hypothesis { return append(findDiscoveryOff(iv), iv.neverSolicits()...) },
	contradicted: func(iv *ifaceView, h hypothesis) bool {
		if h.as == "" {
			return iv.kernelAnswered() // whatever is at the other end takes every frame, as a modem does
		}
		// A daemon that the kernel asks instead (app_solicit) knows all.
		return len(h.symptoms) == 0 && iv.any(func(p *path) bool {
			return p.Via == diag.ViaKernel && p.Asks == diag.AsksND && p.Outcome == diag.Answered
		})
	},
}

// neverSolicits looks for an interface on which the kernel multicasts no solicitation (net/ipv6/ndisc.c, ndisc_solicit):
// whom it does not know already, as one that spoke first, it never finds.
func (iv *ifaceView) neverSolicits() []hypothesis {
	value, said := iv.sysctl("neigh.mcast_solicit")
	if !iv.net.Known || value != "0" || iv.net.Link.NoARP || !iv.net.Link.Resolves() {
		return nil
	}
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "unsolicited", facts: []diag.Event{said}}
	iv.explain(&h, iv.where(func(p *path) bool { return p.symptom >= 0 && p.Missing() && p.Via != diag.ViaWire && p.Sent == 0 })...)
	return []hypothesis{h}
}

// findDiscoveryOff looks for an interface with IFF_NOARP: whatever the kernel sends there to a neighbour goes to the
// interface's own MAC (net/ipv6/ndisc.c, ndisc_constructor), so nobody gets it.
func findDiscoveryOff(iv *ifaceView) []hypothesis {
	if !iv.net.Known || !iv.net.Link.NoARP {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, facts: []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})},
		args: []any{"other", iv.lowerDown()},
	}
	iv.explain(&h, iv.where(func(p *path) bool { return p.symptom >= 0 && p.Missing() && p.Via != diag.ViaWire })...)
	return []hypothesis{h}
}

func switchedOff(v *view, h *hypothesis) bool { return !v.s.Links[h.iface].Up }

func noCarrier(v *view, h *hypothesis) bool { return !switchedOff(v, h) }

// lowerUp switches on the interface beneath, where that is what is off: to switch on what is on does nothing.
func lowerUp(v *view, h *hypothesis) []string {
	if name := v.on(h.iface).lowerDown(); name != "" {
		return []string{"ip link set dev " + quote(name) + " up"}
	}
	return nil
}

// lowerDown returns the interface that carries this one's frames, where that is switched off and this one is not.
func (iv *ifaceView) lowerDown() string {
	l := iv.net.Link
	for name, lower := range iv.s.Links {
		if l.Up && l.Parent != 0 && !l.Elsewhere && lower.Index == l.Parent && !lower.Up {
			return name
		}
	}
	return ""
}

func findLinkDown(iv *ifaceView) []hypothesis {
	if !iv.net.Known || iv.net.Link.Up && iv.net.Link.Carrier {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, facts: []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})},
		args: []any{"other", iv.lowerDown()},
	}
	if iv.net.Link.Up {
		h.more = []string{"cause.host.link-down.carrier"}
	} else {
		h.more = []string{"cause.host.link-down.admin"}
	}
	iv.explainAll(&h)
	return []hypothesis{h}
}

// leastMTU is what IPv6 demands of a link (RFC 8200 §5); the kernel runs none on one that carries less.
const leastMTU = 1280

func findIPv6Disabled(iv *ifaceView) []hypothesis {
	value, e := iv.sysctl("disable_ipv6")
	if iv.net.Known && iv.net.Link.Up && iv.net.Link.MTU > 0 && iv.net.Link.MTU < leastMTU {
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "mtu", args: []any{"mtu", iv.net.Link.MTU},
			facts: []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})},
		}
		iv.explainAll(&h)
		return []hypothesis{h}
	}
	if value != "1" {
		return nil
	}
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, facts: []diag.Event{e}}
	if dad, said := iv.sysctl("accept_dad"); dad == "2" {
		h.more, h.facts = []string{"cause.host.ipv6-disabled.dad"}, append(h.facts, said)
	}
	iv.explainAll(&h)
	return []hypothesis{h}
}
