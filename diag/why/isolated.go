package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var peerIsolated = Cause{
	ID: "peer.isolated", Severity: Warning,
	Remedy: []Remedy{
		ask("ask.isolated"),
		way("", "ping -6 -c 2 ff02::1%{interface}", "tcpdump -eni {interface} -Q in icmp6"),
	},
	find: findIsolated,
}

// findIsolated looks for a link on which hosts are sought in vain, nobody but routers is ever heard, and these are
// reached: ports that the network keeps apart. That each of the hosts is down looks the same, so that of one alone it is
// merely possible.
func findIsolated(iv *ifaceView) []hypothesis {
	if iv.profile.Filters || iv.profile.Answers {
		return nil
	}
	peers := iv.where(func(p *path) bool {
		return p.TargetClass == diag.TargetPeer && p.origin != tested && iv.near(p.Target) && !iv.net.Configured(p.Target) && p.fate != notAsked
	})
	hosts := map[netip.Addr]bool{}
	for _, p := range peers {
		if p.Outcome == diag.Answered || p.alone() || p.local() || p.fate == late {
			return nil
		}
		// Of one host only one address is link-local.
		if p.Target.IsLinkLocalUnicast() && p.Asks == diag.AsksND && p.silent() {
			hosts[p.Target] = true
		}
	}
	router := iv.first(all(asking(diag.AsksND), toward(diag.TargetRouter), answers, fromUs))
	if len(peers) == 0 || router == nil || iv.hearsHosts() {
		return nil
	}
	h := hypothesis{
		confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true, args: []any{"hosts", len(hosts), "router", router.Target},
	}
	rest(&h, router)
	if len(hosts) > 1 {
		iv.explain(&h, peers...)
		return []hypothesis{h}
	}
	// Beside what explains one address alone, never instead of what does.
	var list []hypothesis
	for _, target := range iv.targets(diag.TargetPeer) {
		one := h
		one.confidence = Possible
		iv.explain(&one, slices.DeleteFunc(slices.Clone(peers), func(p *path) bool { return p.Target != target })...)
		if len(one.symptoms) > 0 {
			list = append(list, one)
		}
	}
	return list
}

// hearsHosts reports whether a frame came from anybody who is neither a router nor this host itself.
func (iv *ifaceView) hearsHosts() bool { return len(iv.speakers()) > 0 }

// fromHosts are the newest frames that came from who is neither a router nor this host itself, by their source; one that is
// not to be believed is nobody's.
func (iv *ifaceView) fromHosts() map[netip.Addr]diag.Event {
	known := map[diag.MAC]bool{}
	for _, r := range iv.net.Routers {
		known[r.MAC], known[r.Last.LLAddr] = true, true
	}
	routers := iv.net.Gateways()
	for _, a := range routers {
		if n, ok := iv.net.Entry(a); ok {
			known[n.Fact.MAC] = true
		}
	}
	var came []diag.Event
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if !ok || f.Out || f.Bad != "" || f.Interface != iv.name || f.SrcMAC == (diag.MAC{}) {
			continue
		}
		came = append(came, e)
		if slices.Contains(routers, f.Src) { // that may have several
			known[f.SrcMAC], known[f.LLAddr] = true, true
		}
	}
	newest := map[netip.Addr]diag.Event{}
	for _, e := range came {
		if f, _ := e.Body.(diag.Frame); !known[f.SrcMAC] && !iv.s.OwnMAC(f.SrcMAC) {
			newest[f.Src] = e
		}
	}
	return newest
}
