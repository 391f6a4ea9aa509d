package why

import (
	"cmp"
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A fact is something that is so on an interface, or of one address there, or is not.
type fact string

// The facts that causes speak of.
const (
	isHeard     fact = "somebody hears what the interface sends"
	resolving   fact = "neighbour discovery for the address is answered"
	offered     fact = "a router offers the way out"
	accepted    fact = "this host acts on advertisements"
	answersOut  fact = "somebody beyond the router answers"
	served      fact = "a DHCPv6 server answers"
	available   fact = "the network has an address for the interface"
	assignedTo  fact = "the address is assigned to the interface"
	anyMaySpeak fact = "any address may speak"
)

// ofAddress are the facts about an address; the rest are about the interface.
var ofAddress = map[fact]bool{resolving: true, assignedTo: true}

// A stance is what a cause says about facts, beside what it is.
type stance struct {
	holds, denies []fact
}

// stances are what the causes assert about the world, by ID, or by ID and variant where that says otherwise. Two causes
// of which one holds what the other denies cannot both be so.
var stances = map[string]stance{
	"host.link-down":                            {denies: []fact{isHeard}},
	"host.ipv6-disabled":                        {denies: []fact{isHeard}},
	"host.address-on-port":                      {},
	"host.discovery-off":                        {},
	"host.loopback-down":                        {},
	"host.egress-hook.in-part":                  {},
	"host.egress-hook.swallowed":                {denies: []fact{isHeard}},
	"host.egress-hook":                          {denies: []fact{isHeard}},
	"path.unheard":                              {denies: []fact{isHeard, answersOut, served}},
	"path.unheard.discovery":                    {},
	"address.link-local-not-eui64":              {denies: []fact{anyMaySpeak}},
	"host.neighbour-override":                   {holds: []fact{isHeard, resolving}},
	"neighbour.stale-lladdr":                    {holds: []fact{isHeard, resolving}},
	"address.duplicate.twice":                   {holds: []fact{isHeard, resolving}},
	"address.wrong-interface":                   {denies: []fact{assignedTo}},
	"address.reserved":                          {denies: []fact{assignedTo}},
	"address.unassigned":                        {denies: []fact{assignedTo, anyMaySpeak}},
	"address.not-configured":                    {holds: []fact{assignedTo, available}},
	"address.not-configured.link-local":         {},
	"address.not-configured.elsewhere":          {},
	"assignment.none":                           {denies: []fact{available}},
	"router.no-advertisement":                   {denies: []fact{offered}},
	"router.not-default":                        {denies: []fact{offered}},
	"router.advertisements-lost.unsolicited":    {holds: []fact{offered, accepted}},
	"router.advertisements-lost":                {holds: []fact{offered, accepted}},
	"router.advertisement-ignored":              {holds: []fact{offered}, denies: []fact{accepted}},
	"router.advertisement-ignored.prefix":       {},
	"router.advertisement-ignored.prefix-other": {},
	"route.missing":                             {holds: []fact{offered, accepted}},
	"host.routing.unannounced":                  {holds: []fact{offered}},
	"router.unresolvable":                       {denies: []fact{resolving}},
	"dhcpv6.no-client":                          {holds: []fact{isHeard, served, available}},
	"dhcpv6.silent":                             {denies: []fact{served}},
	"dhcpv6.no-address":                         {holds: []fact{isHeard, served}, denies: []fact{available}},
	"peer.unmapped":                             {holds: []fact{isHeard}, denies: []fact{resolving}},
	"net.snooping":                              {holds: []fact{isHeard}},
	"peer.isolated":                             {holds: []fact{isHeard}},
	"peer.echo-blocked":                         {holds: []fact{isHeard, resolving}},
	"peer.echo-blocked.routed":                  {},
	"peer.echo-blocked.proxied":                 {holds: []fact{isHeard}},
	"path.refused":                              {holds: []fact{isHeard}},
	"path.beyond-router":                        {holds: []fact{isHeard, resolving}, denies: []fact{answersOut}},
	"path.beyond-router.by-another":             {holds: []fact{isHeard, resolving}},
	"path.beyond-router.in-turn":                {holds: []fact{isHeard, resolving}},
	"path.nat64-missing":                        {holds: []fact{isHeard}},
	"path.icmp-blocked":                         {holds: []fact{isHeard, answersOut}},
	"path.icmp-blocked.alone":                   {holds: []fact{isHeard}},
	"path.tcp-blocked.alone":                    {holds: []fact{isHeard}},
	"path.tcp-blocked.reset":                    {holds: []fact{isHeard, answersOut}},
	"path.tcp-blocked":                          {holds: []fact{isHeard, answersOut}},
	"path.mtu":                                  {holds: []fact{isHeard}},
	"path.lossy":                                {holds: []fact{isHeard}},
	"net.per-address-filter":                    {holds: []fact{isHeard}, denies: []fact{anyMaySpeak}},
	"net.open-link":                             {holds: []fact{isHeard, anyMaySpeak}},
	"net.multicast-suppressed":                  {holds: []fact{isHeard}},
	"peer.unmapped.lone":                        {denies: []fact{resolving}},
	"peer.unmapped.captured":                    {},
	"peer.unmapped.captured-many":               {},
	"router.unresolvable.captured":              {},
	"router.no-advertisement.captured":          {},
	"router.no-advertisement.captured-late":     {},
	"router.not-default.captured":               {},
	"router.not-default.captured-withdrawn":     {},
	"dhcpv6.silent.captured":                    {},
	"dhcpv6.no-address.captured":                {},
	"net.router-silent":                         {holds: []fact{isHeard, resolving}},
	"router.no-advertisement.stopped":           {},
}

func (h *hypothesis) stance() stance {
	if s, ok := stances[h.cause.ID+"."+h.as]; ok {
		return s
	}
	return stances[h.cause.ID]
}

// contradicts reports whether two hypotheses cannot both be so: one says what the other denies of the same interface,
// and of the same address where it is about one.
func (h *hypothesis) contradicts(o *hypothesis) bool {
	if h.iface != o.iface {
		return false
	}
	clash := func(holds, denies []fact, a, b netip.Addr) bool {
		return slices.ContainsFunc(holds, func(f fact) bool { return slices.Contains(denies, f) && (!ofAddress[f] || a == b) })
	}
	mine, theirs := h.stance(), o.stance()
	return clash(mine.holds, theirs.denies, h.addr, o.addr) || clash(theirs.holds, mine.denies, o.addr, h.addr)
}

// doubt makes what is inferred unsure where what was seen speaks against it, so that what can hold beside that is
// preferred to it.
func (v *view) doubt(list []hypothesis) {
	for i := range list {
		h := &list[i]
		if !h.direct && slices.ContainsFunc(list, func(o hypothesis) bool {
			return o.direct && o.confidence == Certain && !hidden(&o, list) && h.contradicts(&o)
		}) {
			h.confidence = weaker(h.confidence, Possible)
		}
	}
}

// settleDisputes leaves of two findings that contradict each other at most one certain: the one that was seen, that
// explains more, or that is nearer to this host. The other becomes possible, with the first as its alternative; where it
// only describes the network it is not said at all.
func settleDisputes(chosen []choice) []choice {
	for i := range chosen {
		for j := range chosen[:i] {
			a, b := &chosen[i], &chosen[j]
			if a.confidence != Certain || b.confidence != Certain || !a.contradicts(&b.hypothesis) {
				continue
			}
			if prior(&a.hypothesis, &b.hypothesis) {
				a, b = b, a
			}
			first := b.hypothesis
			a.confidence = Possible
			if a.severity == Info && len(a.symptoms) == 0 {
				a.untold = true
				continue
			}
			a.alternatives = append(a.alternatives, &first)
			diag.SortFunc(a.alternatives, compareHypotheses)
		}
	}
	return slices.DeleteFunc(chosen, func(c choice) bool { return c.untold })
}

// prior reports whether a is to be believed rather than b.
func prior(a, b *hypothesis) bool {
	direct := func(h *hypothesis) int {
		if h.direct {
			return 1
		}
		return 0
	}
	return cmp.Or(direct(a)-direct(b), len(a.symptoms)-len(b.symptoms), causeRank[b.cause.ID]-causeRank[a.cause.ID]) > 0
}
