package why

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var linkFlood = Cause{
	ID: "link.flood", Severity: Warning,
	Remedy: []Remedy{
		way("flood-deaf", "sysctl -w net.ipv6.conf.{interface}.accept_ra=0 net.ipv6.conf.{interface}.autoconf=0").when(as("routers")),
		// Only where the router is there to be asked again.
		way("flood-traces", "rdisc6 -1 {interface} && ip -6 route flush proto ra dev {interface} && rdisc6 -1 {interface}").when(as("traces")),
		way("flood-neighbours", "ip -6 neigh flush dev {interface} nud stale").when(func(_ *view, h *hypothesis) bool { return h.as != "routers" && h.as != "traces" }),
		ask("ask.flood"),
		way("", "tcpdump -eni {interface} -c 20 icmp6"),
	},
	find: findFlood,
}

const (
	// floodStands is for how long a flood that has ended is told of.
	floodStands = 2 * time.Minute
	// manyRouters is how many default routes an interface may have that routers advertised, before somebody must have
	// made them up.
	manyRouters = 32
)

// findFlood tells of floods that were seen, or of what one left in this kernel.
func findFlood(iv *ifaceView) []hypothesis {
	floods, routers := iv.floods(), iv.madeByRouters()
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name},
		args: []any{"interface", iv.name, "routes", len(routers), "addresses", iv.formed()},
	}
	switch {
	case len(floods) > 0:
		if use := iv.s.TableUse; use.Entries > 0 {
			h.facts = []diag.Event{iv.s.Said(diag.TableUse{})}
			h.more = append(h.more, "cause.link.flood.table")
			h.args = append(h.args, "entries", use.Entries, "limit", diag.OrUnknown(use.Thresh3))
		}
		var kinds []string
		for _, f := range floods {
			h.facts = append(h.facts, diag.FactOf(f))
			kinds = append(kinds, words.Say("flood.of", "n", f.Fact.Rate(), "what", words.Say("flood."+string(f.Fact.Type))))
			if f.Fact.Type == diag.RA {
				h.as = "routers"
			}
		}
		h.args = append(h.args, "what", listed(kinds), "senders", floods[0].Fact.Senders, "mac", floods[0].Fact.MAC)
		if floods[0].Fact.Senders > 1 {
			h.more = append(h.more, "cause.link.flood.forged")
		}
	case len(routers) > manyRouters:
		h.as = "traces"
		for _, d := range iv.net.Defaults[:evidenceOfMany] {
			h.facts = append(h.facts, diag.FactOf(d))
		}
	default:
		return nil
	}
	if h.as == "routers" {
		for _, r := range iv.net.Routers {
			routers[r.Address] = true // the kernel's own routes may not be read yet
		}
	}
	iv.explainRouters(&h, routers)
	if len(floods) > 0 {
		iv.explainLoss(&h)
	}
	return []hypothesis{h}
}

// lostSight reports whether the kernel took what was to be sent, without an error, and no copy of it was seen.
func (p *path) lostSight() bool {
	return p.Via == diag.ViaKernel && p.fate == notLeft && p.Errno == "" && p.drop.Body == nil && p.TargetClass == diag.TargetPeer
}

// explainLoss has a flood explain that packets get lost, where this host cannot keep up with it: several others answer in
// part or late, or what its kernel took to send was not seen leaving. As much silence is explained as chance makes of
// such loss.
func (iv *ifaceView) explainLoss(h *hypothesis) {
	iv.explain(h, iv.where((*path).lossy)...)
	lossy, rate := iv.loss(), iv.losing
	if !iv.any(func(p *path) bool { return p.Outcome == diag.Answered && p.Reaches() }) {
		rate = 1
	}
	blind := iv.where((*path).lostSight)
	if len(blind) == 0 && (len(lossy) == 0 || lossy[0].severity == Info) {
		return
	}
	h.more = append(h.more, "cause.link.flood.loss")
	iv.explain(h, iv.where(func(p *path) bool { return p.symptom >= 0 && p.fate == late })...)
	for _, p := range append(blind, iv.lostByChance(rate)...) {
		if p.origin == tested || p.local() && (p.drop.Body != nil || p.came.Body != nil) {
			continue // the kernel's word, or what was seen, says whose doing it is
		}
		iv.explain(h, p)
		if p.Via == diag.ViaApp {
			h.severity = Critical
		}
	}
}

// evidenceOfMany is how many of a great many facts are shown.
const evidenceOfMany = 4

// floodedByRouters reports whether a flood is of routers.
func (iv *ifaceView) floodedByRouters() bool {
	return slices.ContainsFunc(iv.floods(), func(f diag.At[diag.Flood]) bool { return f.Fact.Type == diag.RA })
}

// floods are the floods of the last while on the interface, in a capture of all of it, the strongest first.
func (iv *ifaceView) floods() []diag.At[diag.Flood] {
	var list []diag.At[diag.Flood]
	for key, f := range iv.s.Floods {
		if key.Interface == iv.name && (iv.s.Run.Capture != nil || iv.s.Now.Sub(f.At) <= floodStands) {
			list = append(list, f)
		}
	}
	diag.SortFunc(list, func(a, b diag.At[diag.Flood]) int {
		return cmp.Or(b.Fact.Rate()-a.Fact.Rate(), cmp.Compare(a.Fact.Type, b.Fact.Type))
	})
	return list
}

// flooded reports whether so many routers advertise themselves, or did, that most of them cannot be there.
func (iv *ifaceView) flooded() bool {
	return len(iv.net.Defaults) > manyRouters && len(iv.madeByRouters()) > manyRouters ||
		iv.floodedByRouters()
}

// madeByRouters are the gateways of default routes that the kernel made of advertisements.
func (iv *ifaceView) madeByRouters() map[netip.Addr]bool {
	by := map[netip.Addr]bool{}
	for _, d := range iv.net.Defaults {
		if d.Fact.Protocol == "ra" {
			by[d.Fact.Via] = true
		}
	}
	return by
}

// formed is how many addresses the kernel made of advertised prefixes.
func (iv *ifaceView) formed() int {
	n := 0
	for _, a := range iv.addresses {
		if formedOf(a.Fact) {
			n++
		}
	}
	return n
}

// formedOf reports whether an address is one that the kernel made of an advertised prefix.
func formedOf(a diag.Address) bool {
	return a.PrefixLen == 64 && a.Flags&(diag.Permanent|diag.DADFailed) == 0 && !a.Passing() && !a.Address.IsLinkLocalUnicast()
}

// madeUp reports whether the kernel made an address of what may be a made-up router's prefix: of one that was
// advertised while so many were.
func (iv *ifaceView) madeUp(addr netip.Addr) bool {
	a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
	return ok && formedOf(a.Fact) && iv.flooded()
}

// explainRouters has h explain that routers are silent which somebody made up, that nothing answers addresses of their
// prefixes, and what is sent by them.
func (iv *ifaceView) explainRouters(h *hypothesis, routers map[netip.Addr]bool) {
	if len(routers) <= manyRouters {
		return
	}
	for _, p := range iv.paths {
		if !p.Missing() || p.symptom < 0 {
			continue
		}
		beyond := p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService
		switch {
		case p.TargetClass == diag.TargetRouter && (routers[p.Target] || !iv.net.IsRouter(p.Target)): // or it went as it came
			iv.explain(h, p)
		case beyond && (routers[iv.routerTo(p)] || iv.madeUp(p.Source)):
			iv.explain(h, p)
			if p.Via == diag.ViaApp {
				h.severity = Critical
			}
		case iv.madeUp(p.Source):
			iv.explain(h, p)
		}
	}
}
