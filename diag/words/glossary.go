package words

import (
	"maps"
	"slices"
	"strings"
)

// Terms returns what the glossary explains, in alphabetical order: words.Say("term." + name) does.
func Terms() []string {
	names := slices.Collect(maps.Keys(glossary))
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "term.")
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return names
}

// glossary explains the terms of the field, and the words that ndwhy uses in a sense of its own.
var glossary = map[string]string{
	"term.all nodes":           "ff02::1: every IPv6 host on the link. VPCs and many clouds do not carry it from host to host.",
	"term.assigned":            "The network gave this address to this interface: the metadata service, a DHCPv6 lease or the user says so, or it is the link-local address that the MAC makes.",
	"term.configured":          "The kernel has the address on the interface. Whether it is assigned is another matter.",
	"term.DAD":                 "Duplicate address detection: before it uses an address, a host asks whether somebody has it already (RFC 4862 §5.4). No answer means that the address is free, not that the network lets it through.",
	"term.deprecated":          "An address whose preferred lifetime is over: it still works, and is not chosen for new connections.",
	"term.DHCPv6":              "Gives out addresses one by one, where the router's advertisement says so (flag M).",
	"term.ENI":                 "Elastic network interface: a VPC's network card, with the addresses that are assigned to it.",
	"term.EUI-64":              "The way to make the last 64 bits of an address from the MAC: 06:df:a5:… makes fe80::4df:a5ff:…. A VPC lets no other link-local address through.",
	"term.evidence":            "The frames, answers and kernel entries that a finding rests on.",
	"term.finding":             "A cause that explains what was seen. Critical and warning: somebody should act. Info only describes.",
	"term.found":               "Neighbour discovery gave the MAC of an address. That does not prove that the host is alive: some switches answer for it.",
	"term.frame and socket":    "ndwhy asks by frames of its own (wire), and through the kernel as programs do (socket). Where only the frame is answered, the cause is on this host.",
	"term.global address":      "An address for the whole Internet, such as 2001:db8::7.",
	"term.link-local":          "An address of fe80::/10, valid on its link alone. Every interface has one; neighbour discovery and the way to the router use it.",
	"term.M, O, A, L":          "Flags of an advertisement. M: get addresses by DHCPv6. O: get other settings by DHCPv6. A: make addresses from this prefix. L: this prefix is on the link.",
	"term.metadata service":    "IMDS: a cloud's service that tells an instance about itself, such as which addresses are assigned to it.",
	"term.MTU":                 "The largest packet that a link carries, 1500 bytes on most. Full size: a ping of just that.",
	"term.NA":                  "Neighbour advertisement: the answer to an NS, with the MAC (RFC 4861 §4.4).",
	"term.neighbour cache":     "The kernel's table of MACs, by address: ip -6 neigh. INCOMPLETE: asked, no answer yet. REACHABLE: confirmed recently. STALE: not confirmed recently, still used. FAILED: nobody answered.",
	"term.neighbour discovery": "How IPv6 finds the MAC of a neighbour, the routers and the prefixes of a link: what ARP and more is to IPv4 (RFC 4861).",
	"term.normal":              "As it is if nothing is wrong, in this kind of network. It is normal that a VPC's router does not answer ping.",
	"term.NS":                  "Neighbour solicitation: who has this address? Sent to its solicited-node group (RFC 4861 §4.3).",
	"term.on-link":             "Reached without a router.",
	"term.peer":                "Another host on the same link.",
	"term.prefix":              "The first bits of an address, those of its subnet: 2001:db8:1f16:8df0::/64.",
	"term.profile":             "The kind of network that ndwhy takes this for, and what is normal in it.",
	"term.RA":                  "Router advertisement: a router says that it is there, for how long, and which prefixes the link has (RFC 4861 §4.2).",
	"term.RS":                  "Router solicitation: are there routers? (RFC 4861 §4.1)",
	"term.SLAAC":               "Stateless address autoconfiguration: a host makes its own addresses from the prefixes that a router advertises with A=1 (RFC 4862).",
	"term.solicited-node":      "ff02::1:ff and the last 24 bits of an address: the group in which only the hosts with such an address listen, so that an NS wakes few.",
	"term.source selection":    "How the kernel chooses the source address when the program does not (RFC 6724 §5).",
	"term.symptom":             "An outcome that is not normal here.",
	"term.test address":        "An address that surely nobody assigned, tried to see whether the network lets it through. Only used when you ask for it.",
	"term.ULA":                 "Unique local address, fc00::/7: for use inside a site.",
	"term.VPC":                 "Virtual private cloud: a network of its own inside a provider's. Amazon's only lets addresses through that were assigned to an interface.",
	"term.VPC router":          "The router that a VPC provides for each subnet. It advertises itself, answers NS, and need not answer ping.",
}
