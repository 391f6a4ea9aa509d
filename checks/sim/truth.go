package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/lab"
	"ndwhy/diag/why"
)

// What a diagnosis is held against: the causes of the faults that were built in. Several faults at once may hide one
// another, and bring about what neither does alone. Both are written down here, and nothing else is let pass.

// fits are the networks beside its own on which a fault of a network is tried.
var fits = map[string][]string{
	"vpc":          {"article", "forwarded-nd"},
	"forwarded-nd": {"lan"},
}

// unmodelled are the scenarios that are not tried, and what is not simulated of them.
var unmodelled = map[string]string{
	"flood-solicitations":   "that the tap tells only a summary of a flood",
	"internet-is-here":      "routes of the type local",
	"local-last":            "the order of policy rules",
	"loopback-down":         "the loopback interface",
	"loopback-bare":         "the loopback interface",
	"loopback-more":         "the loopback interface",
	"swallowed":             "what the kernel queues (lab.NIC.Queue)",
	"queued":                "what the kernel queues (lab.NIC.Queue)",
	"flood-routers":         "that the tap tells only a summary of a flood",
	"answers-invalid":       "connection tracking (lab.Filter.Invalid)",
	"invalid-dropped":       "connection tracking (lab.Filter.Invalid)",
	"temporary-source":      "the addresses that a kernel makes by use_tempaddr",
	"temporary-well":        "the addresses that a kernel makes by use_tempaddr",
	"temporary-unused":      "the addresses that a kernel makes by use_tempaddr",
	"deprecated-alone":      "which of two deprecated addresses a kernel chooses",
	"deprecated-assigned":   "which of two deprecated addresses a kernel chooses",
	"bridged":               "bridges (lab.NIC.Bridge)",
	"bridged-well":          "bridges (lab.NIC.Bridge)",
	"arp-off":               "an interface that resolves nobody (lab.NIC.NoARP)",
	"snooping-forgets":      "listener reports (vswitch.Fabric.Snooping)",
	"port-without-groups":   "who a neighbour finds by itself (lab.NIC.NoGroups)",
	"never-met":             "who a neighbour finds by itself",
	"snooping-queried":      "listener reports (vswitch.Fabric.Snooping)",
	"deprecated-own":        "an interface without neighbour discovery (lab.Host.Tunnel)",
	"gateway-drops":         "a second subnet (lab.Spec.Other)",
	"gateway-drops-answer":  "a second subnet (lab.Spec.Other)",
	"two-subnets":           "a second subnet (lab.Spec.Other)",
	"no-nat64":              "a second host beyond the router (lab.Internet.NAT64)",
	"dns64-nowhere":         "a second host beyond the router (lab.Internet.NAT64)",
	"dns64-well":            "a second host beyond the router (lab.Internet.NAT64)",
	"enough-addresses":      "how many addresses a kernel makes (max_addresses)",
	"enough-addresses-well": "how many addresses a kernel makes (max_addresses)",
	"mtu-of-device":         "the device below an interface (lab.NIC.FarMTU)",
	"nat64":                 "a second host beyond the router (lab.Internet.NAT64)",
	"vpn-takes-default":     "an interface without neighbour discovery (lab.Host.Tunnel)",
	"led-away":              "an interface without neighbour discovery (lab.Host.Tunnel)",
	"led-well":              "policy rules of a protocol (lab.Policy.TCP)",
	"split-tunnel":          "an interface without neighbour discovery (lab.Host.Tunnel)",
	"private-address":       "which addresses a kernel makes by RFC 7217, and when they are usable",
	"proxied-twice":         "a host that forwards by the interface on which it got a packet, and sends redirects",
}

// Models reports whether all of a network, named as the lab does, is simulated.
func Models(network string) bool {
	return !slices.ContainsFunc(strings.Split(network, "+"), func(name string) bool {
		i := slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == name })
		return unmodelled[name] != "" || i >= 0 && lab.Scenarios[i].Two // that is for two hosts that watch
	})
}

// Networks are the networks on which a scenario's fault is tried, its own first; of a whole network, itself.
func Networks(s lab.Scenario) []string {
	switch {
	case !Models(s.Name):
		return nil
	case s.On == "":
		return []string{s.Name}
	}
	var list []string
	for _, base := range append([]string{s.On}, fits[s.On]...) {
		if !slices.Contains(unfit[s.Name], base) {
			list = append(list, base)
		}
	}
	return list
}

// unfit are the networks of the same kind as its own on which a fault is none, or another.
var unfit = map[string][]string{
	"peer-stopped":   {"forwarded-nd"}, // nobody answers in its stead: it is peer-down there
	"not-configured": {"article"},      // which has one address an instance
	"imds-ipv6-off":  {"article"},      // which has none of these
	"dns-down":       {"article"},
	"ntp-down":       {"article"},
	"imds-by-ipv6":   {"article"}, // nobody answers there by IPv6
	"imds-off":       {"article"}, // whose firmware is none of today, when the services are there
}

// sameThing are faults of which two cannot be had at once: they are about the same setting, and the later one undoes or
// turns into something else what the first did.
var sameThing = [][]string{
	{"moved-address", "address-twice", "vpn", "vpn-without-proxy", "pod-without-nat", "forwarding"}, // what is behind the host
	// where its address comes from
	{"static", "short-prefix", "stale-gateway", "ula-only", "ula-translated", "address-taken", "moved-address", "address-twice", "container", "vpn", "vpn-without-proxy"},
	// what routers announce, and what is made of it
	{
		"static", "short-prefix", "ula-only", "ula-translated", "two-routers", "backup-router", "router-died", "two-mtus", "stale-router",
		"route-ignored", "route-taken", "route-not-needed", "static-default", "static-default-well", "off-link", "off-link-well", "local-proxy",
		"two-prefixes", "two-prefixes-source", "two-prefixes-rule", "two-prefixes-ruled", "two-prefixes-src",
		"renumbered", "renumbered-source", "renumbered-well", "changed-mac", "same-mac", "stale-gateway", "two-macs", "not-on-link", "not-on-link-well", "no-on-link-route", "no-on-link-route-well",
		"hop-limit", "hop-limit-refused", "router-asks-again", "redirected", "port-security", "port-security-eui64", "next-hops", "next-hops-well",
	},
	{"group-not-joined", "ula-only", "ula-translated", "renumbered", "renumbered-source", "renumbered-well"}, // the prefix of the added address
	// the added address, of which a kernel takes no second (EEXIST)
	{"group-not-joined", "dad-loop"},
	{"unassigned-address", "unassigned-source", "imds-by-ipv6"},
	// settings of the interface from before it is up
	{"dad-loop", "vpn", "vpn-without-proxy", "pod-without-nat", "route-ignored", "route-taken", "route-not-needed", "off-link", "off-link-well", "hop-limit-refused", "mtu-ignored"},
	{"same-mac", "cloned-mac", "changed-mac", "container"}, // the MAC
	{"changed-mac", "private-link-local"},
	// by hand it has the address all the same
	{"private-link-local", "moved-address"},
	{"private-link-local", "address-taken"},
	{"no-on-link-route", "moved-address"},
	{"no-on-link-route-well", "moved-address"},
	{"changed-mac", "dad-loop"},
	{"cloned-mac", "port-security"},
	{"same-mac", "address-taken"},              // who answers for the address
	{"private-link-local", "two-prefixes-src"}, // the address that a route names
	{"container", "two-prefixes-src"},
	{"near-source", "port-security"}, // it has another link-local address then
	{"near-source", "changed-mac"},
	{"near-source", "container"},
	{"near-source", "private-link-local"},
	{"peer-twice", "peer-down", "address-taken", "off-link-well", "not-on-link", "not-on-link-well", "no-on-link-route", "no-on-link-route-well"}, // whether the peer is a neighbour
	{"dad-loop", "not-on-link", "not-on-link-well", "no-on-link-route", "no-on-link-route-well"},                                                  // whether the added address makes it one
	{"stale-neighbour", "stale-gateway", "stale-router", "two-macs", "redirected", "redirects-off", "redirects-dropped"},                          // whom the kernel sends to
	{"pod-hop-limit", "pod-imds-off"}, // why it does not answer the pod
	{"imds-by-ipv6", "imds-off", "nothing-assigned", "dhcp-silent", "dhcp-no-address", "wrong-interface"}, // what the metadata service says
	{"solicitations-dropped", "unreadable-rule-in", "router-asks-again"},                                  // why the router hears no answer
	{"isolated-ports", "local-proxy", "off-link", "off-link-well", "dad-loop"},                            // what the switch passes on
	{"isolated-ports", "busy-link"}, // whether others are heard
	{"nothing-assigned", "not-configured", "delegated-prefix", "deprecated", "optimistic", "no-policy-routing", "two-interfaces", "wrong-interface", "dhcp-no-address"},
	{"two-interfaces", "no-policy-routing", "wrong-interface"},
	{"networkd", "route-missing", "forwarding", "pod-without-nat"},             // who acts on advertisements
	{"duplicate", "peer-unmapped", "peer-stopped", "peer-down", "dhcp-silent"}, // who has the peer's address
	{"leftovers", "wrong-neighbour"},                                           // the peer's entry
	{"not-configured", "deprecated", "optimistic"},                             // the second address
	{"unassigned-source", "optimistic", "delegated-prefix"},                    // the newest address, which the kernel prefers
	{"expiring", "dhcp-silent", "no-dhcp-client", "dhcp-no-address", "nothing-assigned", "stable-privacy"},
	{"peer-down", "peer-stopped", "peer-unmapped", "peer-echo-blocked"},
	{"internet-down", "internet-refused"},
	{"name-server-dead", "name-server-nobody", "name-server-well"},
	{"rogue-router", "no-ra"},                  // then it is the only one
	{"dhcp-reply-dropped", "no-tcp-in", "ufw"}, // chains that drop what they do not let pass
	{"ipv6-disabled", "link-down", "wrong-interface", "no-policy-routing", "two-interfaces"},
}

// Together reports whether faults can be had at once.
func Together(names ...string) bool {
	for i, a := range names {
		for _, b := range names[i+1:] {
			if a == b || slices.ContainsFunc(sameThing, func(set []string) bool { return slices.Contains(set, a) && slices.Contains(set, b) }) {
				return false
			}
		}
	}
	return true
}

// Kinds of causes that hide one another: with one of them, what the others would show does not come about.
var (
	// nothing works.
	whole = []string{"host.link-down", "host.ipv6-disabled"}
	// there is no way out by the default route.
	noRoute = []string{
		"router.no-advertisement", "router.advertisements-lost", "router.advertisement-ignored", "router.not-default", "route.missing",
		"host.routing", "router.unresolvable",
	}
	// there is no address to speak from.
	noAddress = []string{"assignment.none", "dhcpv6.no-client", "dhcpv6.silent", "dhcpv6.no-address", "address.not-configured", "address.expiring", "address.link-local-not-eui64"}
	// nothing, or not everything, comes back from beyond.
	beyond = []string{
		"path.beyond-router", "path.refused", "path.icmp-blocked", "path.tcp-blocked", "path.mtu", "service.unreachable", "service.imds-ipv6-off",
		"host.forwards-unassigned", "host.proxy-missing",
	}
	// the peer is not reached.
	peers = []string{"peer.unmapped", "peer.echo-blocked", "host.neighbour-override", "address.duplicate"}
	// this host itself stops it.
	stopped = []string{"host.firewall", "host.egress-hook"}
)

// hides says which kinds of causes hide which.
var hides = []struct{ these, those []string }{
	{noRoute, noRoute},
	{noRoute, beyond},
	{noRoute, []string{"router.rogue", "host.source-selection"}},
	{[]string{"router.no-advertisement"}, noAddress},
	{[]string{"router.no-advertisement"}, []string{"host.firewall"}},
	{[]string{"router.advertisement-ignored", "router.not-default", "router.advertisements-lost", "route.missing"}, []string{"host.firewall"}}, // which drops them
	{[]string{"router.unresolvable"}, append([]string{"host.firewall"}, peers...)},
	{[]string{"route.missing"}, []string{"address.link-local-not-eui64"}}, // no router sends anything to it then
	{noAddress, noAddress},
	{[]string{"dhcpv6.client-fails"}, []string{"address.expiring"}}, // why nobody renews the lease
	{noAddress, beyond},
	{noAddress, []string{"host.routing", "host.source-selection", "host.firewall"}},
	{[]string{"host.source-selection"}, beyond},
	{[]string{"host.firewall"}, []string{"path.tcp-blocked", "path.icmp-blocked", "router.advertisements-lost", "route.missing"}},
	{beyond, beyond},
	{peers, peers},
	{[]string{"peer.isolated"}, append([]string{"address.mac-duplicate", "neighbour.stale-lladdr"}, peers...)},
	{stopped, stopped},
	{[]string{"host.firewall"}, []string{"host.forwards-unassigned", "host.proxy-missing"}},
	{[]string{"host.egress-hook"}, beyond},
	{[]string{"host.egress-hook"}, peers},
}

// hidden reports whether a cause is hidden by another there one that was named.
func hidden(cause string, there, named []string) bool {
	in := func(list []string, c string) bool { return slices.Contains(list, c) }
	for _, other := range there {
		if other == cause || !in(named, other) {
			continue
		}
		if in(whole, other) {
			return true
		}
		for _, h := range hides {
			if in(h.these, other) && in(h.those, cause) {
				return true
			}
		}
	}
	return false
}

// veils are faults, with those that nothing on the wire or in the kernel shows beside them: what would show them does not
// come about, or they concern what is not there then.
var veils = []struct{ by, hide []string }{
	{ // the hosts have other addresses then than the fault is about
		[]string{
			"two-prefixes", "two-prefixes-source", "two-prefixes-rule", "two-prefixes-ruled", "two-prefixes-src", "renumbered", "renumbered-source",
			"renumbered-well", "ula-only", "ula-translated",
		},
		[]string{"stale-neighbour", "peer-twice", "shared-address", "address-taken", "moved-address", "redirects-dropped"},
	},
	{ // the router answers for everybody, and nobody else is heard, or asks
		[]string{"local-proxy", "off-link", "off-link-well", "not-on-link", "not-on-link-well"},
		[]string{"shared-address", "peer-twice", "cloned-mac", "stale-neighbour", "unreadable-rule-in", "moved-address", "isolated-ports"},
	},
	{ // the port lets nobody speak for what is another's
		[]string{"port-security", "port-security-eui64"}, []string{"shared-address", "peer-twice", "address-taken", "cloned-mac"},
	},
	{ // nobody hears the interface, so that nobody answers, or asks for it
		[]string{"changed-mac"},
		[]string{"shared-address", "peer-twice", "stale-neighbour", "moved-address", "mtu-ignored", "second-default", "unreadable-rule-in"},
	},
	{ // nobody here has the address that is asked for, or a way to answer from it
		[]string{"dhcp-client-deaf", "no-dhcp-client", "dhcp-silent", "dhcp-no-address", "nothing-assigned", "no-ra", "not-default"},
		[]string{"no-way-back", "pinged-in-vain", "knocked-in-vain", "echo-ignored", "guarded"},
	},
	{ // no answer comes from beyond that could be dropped
		[]string{
			"unassigned-source", "dhcp-client-deaf", "internet-down", "internet-refused", "no-tcp-out", "unreachable-route", "wrong-gateway", "no-gateway",
			"imds-by-ipv6",
		},
		[]string{"answers-dropped", "tcp-kept-in"},
	},
	{ // nobody says what is assigned
		[]string{"imds-off", "imds-by-ipv6"}, []string{"not-configured", "imds-ipv6-off", "delegated-prefix"},
	},
	{ // nothing is offered that a client could not take
		[]string{"dhcp-silent", "dhcp-no-address", "nothing-assigned", "no-ra", "stable-privacy", "dhcp-reply-dropped"}, []string{"dhcp-client-deaf"},
	},
	{ // there is a global address, if one that nobody can find
		[]string{"group-not-joined"}, []string{"ula-only"},
	},
	{ // no small packet is answered from there, so that none asks with a large one, or by that route
		[]string{
			"ula-only", "two-prefixes-source", "renumbered-source", "stale-gateway", "static-default", "hop-limit", "router-asks-again", "redirected",
			"address-taken", "shared-address", "moved-address",
		},
		[]string{"mtu-ignored", "route-ignored"},
	},
}

// veiled reports whether a fault is not to be seen beside others.
func veiled(fault string, faults []string) bool {
	return slices.ContainsFunc(veils, func(v struct{ by, hide []string }) bool {
		return slices.Contains(v.hide, fault) && has(faults, v.by...)
	})
}

// A consequence is what faults bring about beside their own causes: it is so, and may be named.
type consequence struct {
	of    []string // faults, all of them; "a|b": one of these
	named []string
}

// noWayBack are faults with which this host answers nobody beyond the router, or not always.
const noWayBack = "no-ra|not-default|advertisements-lost|router-unresolvable|route-missing|forwarding|wrong-gateway|no-gateway|" +
	"no-echo-in|no-tcp-in|tcp-kept-in|ufw|ns-dropped|na-dropped|lossy|egress-hook|unreachable-route|rule-refuses|two-prefixes"

var consequences = []consequence{
	// What applications send to neighbours leaves by the interface that has no address, from the other's.
	{[]string{"two-interfaces", "dhcp-client-deaf|no-dhcp-client|dhcp-silent|dhcp-no-address"}, []string{"host.routing"}},
	// ubuntu2 asks the same server, or hears the same router: without a lease, or an on-link route, it answers nothing.
	{[]string{"dhcp-silent"}, []string{"peer.echo-blocked", "peer.unmapped"}},
	{[]string{"no-ra"}, []string{"peer.echo-blocked"}},
	// What is assigned and was not leased is not configured.
	{[]string{"dhcp-silent|dhcp-no-address|no-dhcp-client|stable-privacy|dhcp-client-deaf|address-taken"}, []string{"address.not-configured"}},
	{[]string{"nothing-assigned"}, []string{"service.imds-ipv6-off"}},
	// Where it is instead is another's to say.
	{[]string{"wrong-interface"}, []string{"address.not-configured"}},
	// The network drops the solicitation for the sake of its source, and nothing comes without one.
	{[]string{"stable-privacy"}, []string{"router.no-advertisement"}},
	{[]string{"no-echo-out", "no-tcp-out"}, []string{"path.beyond-router"}},
	// Whoever is asked more often than he answers.
	{[]string{"echo-limit"}, []string{"path.lossy"}},
	// Who asks for the address in vain answers what waited, and no more, when the address shows itself in between.
	{[]string{"moved-address"}, []string{"path.lossy"}},
	// What the network hands to another, which has the same MAC or address, is lost.
	{[]string{"cloned-mac|shared-address"}, []string{"path.lossy"}},
	// Who has no way back, or no address, answers nobody.
	{[]string{"pinged|pinged-in-vain|knocked-in-vain|echo-ignored|no-way-back|guarded", noWayBack}, []string{"host.inbound-unanswered"}},
	// The port lets no other address speak than the one of its MAC.
	{[]string{"port-security-eui64", "private-link-local"}, []string{"address.link-local-not-eui64"}},
	// The kernel prefers the other when the lease's address is past its time, before the run is over.
	{[]string{"expiring", "unassigned-address|reserved-address|wrong-interface"}, []string{"host.source-selection"}},
	// There is none but what is not to be used.
	{
		[]string{"deprecated", "unassigned-address|reserved-address", "dhcp-silent|dhcp-no-address|no-dhcp-client|dhcp-client-deaf"},
		[]string{"host.source-selection"},
	},
	// Nobody is left who would answer all nodes.
	{[]string{"router-no-echo", "not-on-link|not-on-link-well|local-proxy"}, []string{"net.multicast-suppressed"}},
	// The second router is one that answers no echo either, and the peer.
	{[]string{"router-no-echo", "route-taken"}, []string{"peer.echo-blocked"}},
	// So it is; that the kernel chooses the old address is said instead where another is seen to work.
	{[]string{"renumbered-source"}, []string{"address.prefix-withdrawn"}},
	// To the name server, whose prefix is like the second router's, the kernel speaks from that one's.
	{[]string{"two-prefixes", "name-server-dead|name-server-refuses|name-server-nobody|name-server-well|dns64-nowhere|dns64-well"}, []string{"host.source-selection"}},
	// That goes to the first router, and the kernel does not choose it.
	{[]string{"near-source", "two-prefixes-source"}, []string{"host.routing"}},
	// What is sent to a peer by way of the router does not come back to another port either.
	{[]string{"isolated-ports", "ula-only|ula-translated|no-on-link-route|no-on-link-route-well"}, []string{"peer.echo-blocked", "path.beyond-router"}},
	// Neither of its addresses gets an answer, each for a reason of its own.
	{[]string{"group-not-joined", "ula-only"}, []string{"path.beyond-router"}},
	// The gateway is gone.
	{[]string{"wrong-gateway", "peer-unmapped|peer-down"}, []string{"router.unresolvable"}},
	// The other interface takes nothing of what routers announce, and this one gets nothing of it.
	{[]string{"no-policy-routing", "advertisements-lost"}, []string{"router.advertisement-ignored"}},
	{[]string{"ula-only|ula-translated|static|short-prefix", "backup-router|two-routers|router-died|rogue-router"}, []string{"dhcpv6.silent"}},
}

// A Flaw is something that is known to come out wrong, and why. A case that has it, and nothing else that is wrong, is
// counted by it. None lets a cause that is not so be called likely, or a rule be broken.
type Flaw struct {
	Name string
	Why  string
	// is reports whether a verdict on faults is it.
	is func(v Verdict, faults []string, w Weather) bool
}

func only(list []string, allowed ...string) bool { return len(minus(list, allowed)) == 0 }

func has(faults []string, some ...string) bool {
	return slices.ContainsFunc(some, func(f string) bool { return slices.Contains(faults, f) })
}

// quiet reports whether nothing that is not so is said to be likely or certain, and no rule is broken.
func (v Verdict) quiet() bool { return len(v.Invented)+len(v.Broken) == 0 }

// onlyMisses reports whether nothing is wrong but that a cause, or what explains a symptom, is not named.
func (v Verdict) onlyMisses() bool { return v.quiet() && len(v.Supposed) == 0 }

// besides is a flaw of two faults and more: beside one of some (of any, where none are given), another is not named.
func besides(some ...string) func(Verdict, []string, Weather) bool {
	return func(v Verdict, faults []string, _ Weather) bool {
		return len(faults) > 1 && v.onlyMisses() && (len(some) == 0 || has(faults, some...))
	}
}

// Flaws are what is known to come out wrong; the first that fits counts.
var Flaws = []Flaw{
	{
		"no address, or no way, to ask from",
		"what is wrong beyond the router, with a service or a peer, or with what this host lets through on the way there, is not asked, or fails for another reason first",
		besides(
			"dhcp-client-deaf", "no-dhcp-client", "dhcp-silent", "dhcp-no-address", "nothing-assigned", "stable-privacy", "no-gateway", "wrong-gateway", "unreachable-route",
			"rule-refuses", "unassigned-source", "static-default", "second-default", "no-ra", "not-default", "router-unresolvable", "route-missing", "no-policy-routing",
		),
	},
	{
		"another host that gets the answers",
		"a second host with this one's MAC or address, or a MAC that nobody hears: what else is silent, or whose, is not told from that",
		besides("cloned-mac", "shared-address", "same-mac", "changed-mac", "address-taken", "moved-address", "duplicate", "port-security", "port-security-eui64", "stale-gateway"),
	},
	{
		"nobody who asks for this host", "what keeps it from answering is seen where somebody asks, which the network, or chance, does not have every neighbour do",
		func(v Verdict, faults []string, _ Weather) bool {
			return v.onlyMisses() && has(faults, "unreadable-rule-in", "guarded", "pinged-in-vain", "knocked-in-vain", "echo-ignored", "no-way-back", "router-asks-again") &&
				only(v.Missed, "host.firewall", "host.inbound-unanswered", "router.asks-again")
		},
	},
	{
		"a rule of this host beside another fault", "of what a rule keeps from the kernel, the wire alone shows whether it was answered, and that is silent, or went another way, for the other fault",
		besides(
			"na-dropped", "ns-dropped", "echo-reply-dropped", "echo-request-dropped", "unreadable-rule", "ipsec-blocks", "ipsec-elsewhere", "answers-dropped", "tcp-kept-in",
			"tcp-refused-here", "tcp-reset-here", "one-target-dropped", "other-target-dropped", "web-out-alone", "ufw", "egress-hook", "dhcp-reply-dropped", "solicitations-dropped",
		),
	},
	{
		"two faults on one way", "the second leaves paths unexplained, or unnamed, because nothing answers that would show the first",
		besides(),
	},
	{
		"without the tap, or CAP_NET_ADMIN", "nothing tells what this host's own filter drops, or sends to a stale MAC, from what the network does: the nearest cause is said to be possible",
		func(v Verdict, _ []string, w Weather) bool { return (w.WithoutTap || w.Bare) && v.quiet() },
	},
	{
		"cut short", "what tells one cause from another is not asked any more, nor a silence asked about again: the nearest cause is said to be possible",
		func(v Verdict, _ []string, w Weather) bool { return (w.Timeout > 0 || v.Spent) && v.quiet() },
	},
	{
		"a router and a peer that are both away", "they pass for an interface that nobody hears, which is said to be possible (path.unheard)",
		func(v Verdict, faults []string, _ Weather) bool {
			return has(faults, "router-unresolvable", "no-ra", "not-default") && has(faults, "peer-unmapped", "peer-down") && only(v.Supposed, "path.unheard") && v.quiet()
		},
	},
	{
		"a host that is kept apart, or gone", "one silent host alone may be either, beside other faults also where it is neither (peer.isolated)",
		func(v Verdict, faults []string, _ Weather) bool {
			return len(faults) > 1 && only(v.Supposed, "peer.isolated", "peer.unmapped") && v.quiet()
		},
	},
	{
		"a router that answers for all", "whether a silent peer is there at all, or has this host's own address, nobody can see: that it does not answer ping is said to be possible (peer.echo-blocked)",
		func(v Verdict, faults []string, _ Weather) bool {
			return len(faults) > 1 && has(faults, "local-proxy") && only(v.Supposed, "peer.echo-blocked") && v.quiet()
		},
	},
	{
		"nobody says what is assigned", "an address that nobody answers may be none of this interface's, or its way may be cut: either is said to be possible",
		func(v Verdict, faults []string, _ Weather) bool {
			return len(faults) > 1 && has(faults, "imds-by-ipv6", "imds-off") && v.quiet()
		},
	},
	{
		"loss", "what is never answered, however often it is asked, passes for silent, and the nearest cause is said to be possible: of three solicitations a third may be lost three times",
		func(v Verdict, faults []string, w Weather) bool {
			return (w.Loss > 0 || has(faults, "lossy")) && v.quiet()
		},
	},
	{
		"what moves", "an address, or the link, that goes away and comes back: what is gone in between is said to be gone, or to be another's when it is back",
		func(v Verdict, _ []string, w Weather) bool {
			return w.Moves > 0 && v.quiet()
		},
	},
	{
		"answers that others overtake, or that are slow themselves", "an answer that comes later than twice the time of the first passes for lost (path.lossy), who asks for us is not heard in time, and where answers come after more than a second no silence is the network's way",
		func(v Verdict, _ []string, w Weather) bool {
			return (w.Reorder > 0 || w.PeerDelay > 0) && only(v.Supposed, "path.lossy") && only(v.Missed, "host.firewall", "net.multicast-suppressed", "net.router-silent") && v.quiet()
		},
	},
}

// Doubts says of causes why another fault leaves them possible, where they are told for sure by themselves.
var Doubts = map[string]string{
	"path.beyond-router":           "a rule of this host lets out one kind of question only, so that it may be that kind alone which is stopped there; " + byLimit,
	"path.icmp-blocked":            byLimit,
	"path.tcp-blocked":             "a rule of this host keeps it from its echoes, and may stop its connections too; " + byLimit,
	"host.firewall":                byLimit,
	"router.no-advertisement":      byLimit,
	"service.imds-ipv6-off":        byLimit,
	"router.rogue":                 "which of two routers belongs is told by what is assigned, or by who is answered through it, and there is neither",
	"router.unresolvable":          "it advertises, so it is there, and whether it hears this host nobody else shows",
	"dhcpv6.client-fails":          "with another address, or no way out, the run is over before the client has asked for long enough",
	"address.link-local-not-eui64": "the other link-local address, which would be answered, is not in use",
	"address.unassigned":           "the metadata service is out of reach, and a lease names what one client was given, not all",
	"host.routing":                 "that the neighbour is on the link shows in its answers, and another host gets those, or it is kept apart; " + byLimit,
	"peer.unmapped":                "the router does not say that it is on the link, where alone it would be missed",
}

// byLimit is said of a limit on echoes, beside another fault.
const byLimit = "where hardly anybody answers but who limits its echoes, that passes for loss, and few silences may be chance"

// Known returns the flaw that a verdict shows; nil: none that is known.
func (v Verdict) Known(w Weather) *Flaw {
	faults := slices.DeleteFunc(strings.Split(v.Network, "+"), func(name string) bool {
		return lab.Scenarios[slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == name })].On == ""
	})
	for i := range Flaws {
		if Flaws[i].is(v, faults, w) {
			return &Flaws[i]
		}
	}
	return nil
}

// A Verdict is what a run is found to be when it is held against the truth.
type Verdict struct {
	Network string
	Want    []string // what should be named, of what nothing hides
	Got     []string
	Missed  []string
	// Doubted are there and named, and as possible at most, where one run of the checks can tell more of such by itself.
	Doubted []string
	// Invented are named as certain or likely, and are not so; Supposed are not so either, and said to be possible only.
	Invented []string
	Supposed []string
	// Unexplained are symptoms that no cause covers; Broken rules that were broken.
	Unexplained []string
	Broken      []string
	Spent       bool // the run had no more time
	// Late are the answers that came after their silence was concluded; Differs: other causes are named where every
	// silence is waited for in full.
	Late    int
	Differs bool
}

// Right reports whether nothing is wrong.
func (v Verdict) Right() bool {
	return len(v.Missed)+len(v.Invented)+len(v.Supposed)+len(v.Unexplained)+len(v.Broken) == 0
}

// Judge holds a diagnosis of a network, named as the lab does, against the truth.
func Judge(network string, w *World, d why.Diagnosis) Verdict {
	v := Verdict{Network: network, Got: causesOf(d, why.Certain, why.Likely, why.Possible), Broken: append(slices.Clone(w.Broken), w.Rules()...)}
	var faults, there, may, doubted []string
	for name := range strings.SplitSeq(network, "+") {
		i := slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == name })
		s := lab.Scenarios[i]
		may = append(may, s.Causes...)
		if s.On == "" {
			continue
		}
		faults = append(faults, name)
		there = append(there, s.Causes...)
		doubted = append(doubted, s.Doubted...)
	}
	may = append(may, lab.Scenarios[slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == w.Spec.Base })].Causes...)
	for _, c := range consequences {
		if !slices.ContainsFunc(c.of, func(some string) bool {
			return !slices.ContainsFunc(strings.Split(some, "|"), func(f string) bool { return slices.Contains(faults, f) })
		}) {
			may = append(may, c.named...)
			there = append(there, c.named...)
		}
	}
	calm := w.Weather.calm() && (len(faults) < 2 || !slices.Contains(faults, "lossy"))
	if w.Weather.Forged > 0 {
		may = append(may, "link.spoofed")
		if slices.Contains(faults, "forwarding") {
			may = append(may, "host.forwards-unassigned") // it passes on what is forged for somebody beyond it
		}
	}
	if !w.Spec.Fabric.Filter {
		may = append(may, "net.open-link") // which takes somebody who answers to be seen
	}
	if w.Weather.Loss > 0 {
		may = append(may, "path.lossy")
	}
	if w.Weather.Delay+w.Weather.PeerDelay > 100*time.Millisecond {
		may = append(may, "path.lossy") // where each has to find the other first, an answer comes as late as that cause says
	}
	if w.Weather.Moves > 0 {
		may = append(may, "host.link-down") // it may be, at the end
	}
	if w.lacking {
		// As the kernel said last; and what would give it another, and does not, is missed.
		may = append(may, "address.not-configured", "router.advertisement-ignored")
		if has(faults, "expiring") {
			may = append(may, "dhcpv6.no-client") // it died
		}
	}
	v.Invented = minus(causesOf(d, why.Certain, why.Likely), may)
	v.Supposed = minus(minus(v.Got, v.Invented), may)
	told := v.Got
	for _, f := range d.Findings {
		// One that cannot be told from another which is so, and says it, is not wrong where it is merely possible, and no
		// invention where it is likely; nor is the other missed.
		others := alternatives(f)
		if len(minus(others, may)) == len(others) {
			continue
		}
		told = append(told, others...)
		switch {
		case f.Confidence == why.Possible:
			v.Supposed = minus(v.Supposed, []string{f.Cause})
		case f.Confidence == why.Likely && slices.Contains(v.Invented, f.Cause):
			v.Invented = minus(v.Invented, []string{f.Cause})
			v.Supposed = append(v.Supposed, f.Cause)
		}
	}
	if calm && !strings.Contains(network, "+") {
		_, v.Want, _ = lab.Find(network)
	} else if calm {
		for _, f := range faults {
			if veiled(f, faults) {
				continue
			}
			i := slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == f })
			for _, c := range lab.Scenarios[i].Causes {
				// What describes the network needs a network that works; and how much is lost is a matter of luck.
				if !hidden(c, there, v.Got) && !strings.HasPrefix(c, "net.") && c != "path.lossy" {
					v.Want = append(v.Want, c)
				}
			}
		}
	}
	v.Missed = minus(v.Want, told)
	v.Doubted = slices.DeleteFunc(minus(minus(v.Want, v.Missed), append(doubted, causesOf(d, why.Certain, why.Likely)...)), func(c string) bool {
		return strings.HasPrefix(c, "net.") // what describes a network is no fault
	})
	v.Spent = w.Took > w.timeout()-time.Second
	if calm {
		for _, u := range d.Unexplained {
			v.Unexplained = append(v.Unexplained, u.Text)
		}
	}
	return v
}

// lacks reports whether an address of the host's that it had at the beginning is gone at the end, by the kernel's word.
func (w *World) lacks() bool {
	gone := map[diag.InterfaceAddr]bool{}
	for _, e := range w.Events {
		a, ok := e.Body.(diag.Address)
		key := diag.InterfaceAddr{Interface: a.Interface, Address: a.Address}
		if _, had := gone[key]; ok && (had || !e.At.After(w.begun)) {
			gone[key] = a.Gone
		}
	}
	return slices.Contains(slices.Collect(maps.Values(gone)), true)
}

// alternatives are the causes that a finding is not told from.
func alternatives(f why.Finding) (list []string) {
	for _, a := range f.Alternatives {
		list = append(list, a.Cause)
	}
	return list
}

// calm reports whether what there is to see can be seen: nothing is lost, or goes away, or is out of time.
func (w Weather) calm() bool {
	return w.Loss == 0 && w.Moves == 0 && w.Timeout == 0 && !w.WithoutTap && !w.Bare && w.Add == "claim"
}

// causesOf are the causes that a diagnosis names with one of some confidences, sorted.
func causesOf(d why.Diagnosis, sure ...why.Confidence) (got []string) {
	for _, f := range d.Findings {
		if slices.Contains(sure, f.Confidence) && !slices.Contains(got, f.Cause) {
			got = append(got, f.Cause)
		}
	}
	slices.Sort(got)
	return got
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
