package why

import (
	"slices"

	"ndwhy/diag"
)

var linkDown = Cause{
	ID: "host.link-down", Severity: Critical, Whole: true,
	Remedy: always("ip link set dev {interface} up", "ip -d link show dev {interface}"),
	find:   findLinkDown,
}

var ipv6Disabled = Cause{
	ID: "host.ipv6-disabled", Severity: Critical, Whole: true,
	Remedy: []Remedy{
		{Command: "ip link set dev {interface} mtu 1500", If: func(_ *view, h *hypothesis) bool { return h.as == "mtu" }},
		{Command: "sysctl -w net.ipv6.conf.{interface}.disable_ipv6=0", If: func(_ *view, h *hypothesis) bool { return h.as == "" }},
	},
	find: findIPv6Disabled,
	contradicted: func(iv *ifaceView, _ hypothesis) bool {
		return slices.ContainsFunc(iv.addresses, func(a diag.At[diag.Address]) bool { return a.Fact.Flags.Usable() })
	},
}

func findLinkDown(iv *ifaceView) []hypothesis {
	if !iv.net.Known || iv.net.Link.Up && iv.net.Link.Carrier {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, facts: []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})},
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
	iv.explainAll(&h)
	return []hypothesis{h}
}
