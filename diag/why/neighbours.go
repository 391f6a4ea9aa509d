package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var neighbourTableFull = Cause{
	ID: "host.neighbour-table-full", Severity: Critical,
	Remedy: []Remedy{
		way("", "sysctl -w net.ipv6.neigh.default.gc_thresh3=8192 net.ipv6.neigh.default.gc_thresh2=4096 net.ipv6.neigh.default.gc_thresh1=1024", "ip -6 neigh show").
			kept(keep{sysctl: "net.ipv6.neigh.default.gc_thresh3=8192 net.ipv6.neigh.default.gc_thresh2=4096 net.ipv6.neigh.default.gc_thresh1=1024"}),
	},
	find: findTableFull,
}

var neighbourOverride = Cause{
	ID: "host.neighbour-override", Severity: Critical, Working: true,
	Remedy: []Remedy{way("", "ip -6 neigh del {address} dev {interface}").kept(keep{undo: true})},
	find:   findOverride,
}

func findTableFull(iv *ifaceView) []hypothesis {
	u := iv.s.TableUse
	// A packet for which no entry can be made is refused with EINVAL (net/ipv6/ip6_output.c,
	// ip6_finish_output2) or ENOBUFS. ENOBUFS by wire is a hook that drops what leaves, and EINVAL is what a blackhole says.
	unmade := func(p *path) bool {
		return p.Via == diag.ViaKernel && p.Outcome == diag.Unsent && (p.Errno == "EINVAL" && !iv.blackholed() || p.Errno == "ENOBUFS")
	}
	refused := (u.NoBuffers || iv.any(unmade)) && !iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Errno == "ENOBUFS" })
	// Entries counts the permanent ones too, which have no limit (net/core/neighbour.c, neigh_alloc): a
	// table that never refused one is not full, whatever their number.
	if !refused || u.Thresh3 > 0 && (10*u.Entries < 9*u.Thresh3 || u.TableFulls == 0) {
		return nil
	}
	full := u.Thresh3 > 0 && u.Entries >= u.Thresh3
	h := hypothesis{
		direct: full, confidence: Certain, subject: Subject{"host", words.Clean(iv.s.Run.Host)},
		args: []any{"entries", u.Entries, "limit", u.Thresh3}, facts: []diag.Event{iv.s.Said(diag.TableUse{})},
	}
	if !full {
		h.confidence = Likely
		if u.Thresh3 == 0 {
			h.as = "unread"
		}
		if u.Thresh3 == 0 && !iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Sent > 0 }) {
			h.confidence = Possible // a hook that drops what leaves says the same, and frames of ours would tell
		}
	}
	for _, p := range iv.paths {
		if p.Via == diag.ViaKernel && p.Missing() && (unmade(p) || p.failedDiscovery() || p.Asks == diag.AsksND) {
			iv.explain(&h, p)
		}
	}
	if !h.direct && len(h.symptoms) == 0 {
		return nil
	}
	return []hypothesis{h}
}

func findOverride(iv *ifaceView) []hypothesis {
	var list []hypothesis
	found := map[netip.Addr]bool{}
	for _, p := range iv.paths {
		if found[p.Target] || p.Asks != diag.AsksND || p.Via != diag.ViaWire || p.Outcome != diag.Answered || iv.overridden(p.Target) != p {
			continue
		}
		found[p.Target] = true
		n := iv.s.Neighbours.Of(diag.InterfaceAddr{Interface: iv.name, Address: p.Target})
		h := hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(p.Target), addr: p.Target, facts: []diag.Event{diag.FactOf(n)},
			args: []any{"address", p.Target, "static", n.Fact.MAC, "answered", p.Responders[0].MAC},
		}
		rest(&h, p)
		for _, q := range iv.paths {
			through := q.TargetClass == diag.TargetInternet || q.TargetClass == diag.TargetService || q.TargetClass == diag.TargetPeer && !iv.near(q.Target)
			if q.Missing() && (q.Target == p.Target || through && iv.theirs(p.Target)) {
				iv.explain(&h, q)
			}
		}
		list = append(list, h)
	}
	return list
}

// overridden returns the answer of the wire that a static entry for a neighbour contradicts; nil where
// there is none.
func (iv *ifaceView) overridden(addr netip.Addr) *path {
	n, ok := iv.s.Neighbours.Find(diag.InterfaceAddr{Interface: iv.name, Address: addr})
	if !ok || !n.Fact.State.Fixed() || n.Fact.MAC == (diag.MAC{}) {
		return nil
	}
	for _, p := range iv.answers[asked{diag.AsksND, addr}] {
		if p.Via == diag.ViaWire && len(p.Responders) > 0 &&
			!slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.MAC == n.Fact.MAC || r.MAC == (diag.MAC{}) }) {
			return p
		}
	}
	return nil
}

// blackholed reports whether a route or a policy rule of this host makes packets vanish.
func (iv *ifaceView) blackholed() bool {
	for k := range iv.s.Routes.All() {
		if k.Type == "blackhole" {
			return true
		}
	}
	for r := range iv.s.Rules {
		if r.Action == "blackhole" {
			return true
		}
	}
	return false
}
