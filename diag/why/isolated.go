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

// findIsolated looks for a link on which several hosts are sought in vain, nobody but routers is ever heard, and these
// are reached: ports that the network keeps apart. That each of the hosts is down looks the same.
func findIsolated(iv *ifaceView) []hypothesis {
	if iv.profile.Filters || iv.profile.Answers {
		return nil
	}
	peers := iv.where(func(p *path) bool {
		return p.TargetClass == diag.TargetPeer && p.origin == ours && iv.near(p.Target) && !iv.net.Configured(p.Target) && p.fate != notAsked
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
	if len(hosts) < 2 || router == nil || iv.hearsHosts() {
		return nil
	}
	h := hypothesis{
		confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true, args: []any{"hosts", len(hosts), "router", router.Target},
	}
	iv.explain(&h, peers...)
	rest(&h, router)
	return []hypothesis{h}
}

// hearsHosts reports whether a frame came from anybody who is neither a router nor this host itself.
func (iv *ifaceView) hearsHosts() bool {
	known := map[diag.MAC]bool{}
	for _, r := range iv.net.Routers {
		known[r.MAC], known[r.Last.LLAddr] = true, true
	}
	for _, a := range iv.net.Gateways() {
		if n, ok := iv.net.Entry(a); ok {
			known[n.Fact.MAC] = true
		}
	}
	return slices.ContainsFunc(iv.s.Frames(), func(e diag.Event) bool {
		f, ok := e.Body.(diag.Frame)
		return ok && !f.Out && f.Interface == iv.name && f.SrcMAC != (diag.MAC{}) && !known[f.SrcMAC] && !iv.s.OwnMAC(f.SrcMAC)
	})
}
