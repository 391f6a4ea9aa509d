package checks

import (
	"net/netip"

	"ndwhy/diag"
)

const idInternet = "internet"

// The check internet asks for an echo and for a connection from beyond the router. One host that answers is enough, and
// one of the two.
func init() {
	declare(Check{
		ID:       idInternet,
		Sends:    []Bound{{"sends.echo", 6, "per.host"}, {"sends.way-out", 2, "per.router"}, {"sends.nat64", 6, "per.host"}, {"sends.tcp", 2 * handshakePackets * len(tcpPorts), "per.host"}},
		plan:     planInternet,
		controls: diag.TargetInternet,
		nothing:  because("detail.no-hosts"),
		off: func(run diag.Run) string {
			if run.InternetOff {
				return "skipped.internet-none"
			}
			return ""
		},
	})
}

func planInternet(p *planner) {
	if !p.raDone() {
		return
	}
	p.planWaysOut()
	p.planTranslated()
	for _, host := range p.hosts() {
		src, via, ok := p.chosen(host)
		if !ok {
			continue
		}
		q := Question{
			Path:    diag.Path{Source: src, Target: host, TargetClass: diag.TargetInternet, Given: p.s.Run.InternetGiven},
			NextHop: via,
		}
		if src.IsValid() {
			p.add(q, echo.kernel, tcp.kernel, echo.wire)
		} else {
			p.skip(q, DetailNoSource, "", echo.kernel, tcp.kernel)
		}
		if p.freeOn(host) == p.iface {
			p.add(q, echo.app, tcp.app)
		}
	}
}

// ipv4Hosts are those of the built-in Internet hosts' operators that have IPv4, asked by way of a translator: either
// answering counts.
var ipv4Hosts = []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("1.1.1.1")}

// translatorsAsked is of how many prefixes of translators an address is asked.
const translatorsAsked = 2

// planTranslated asks IPv4 hosts by way of the translators that routers or name servers tell of: what has no IPv6
// address is reached by them alone.
func (p *planner) planTranslated() {
	if len(p.hosts()) == 0 {
		return
	}
	prefixes := p.net().Pref64s()
	for _, prefix := range prefixes[:min(len(prefixes), translatorsAsked)] {
		for _, v4 := range ipv4Hosts {
			host := diag.Embed(prefix, v4)
			if !p.leavesHere(host) {
				continue // a translator of this host's own, or another interface, leads there
			}
			src, via, ok := p.chosen(host)
			if !ok || !src.IsValid() || !via.IsValid() {
				continue
			}
			p.add(Question{Path: diag.Path{Source: src, Target: host, TargetClass: diag.TargetInternet}, NextHop: via}, echo.kernel, tcp.kernel, echo.wire)
		}
	}
}
