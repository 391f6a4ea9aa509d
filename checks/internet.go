package checks

import "ndwhy/diag"

const idInternet = "internet"

// The check internet asks for an echo and for a connection from beyond the router. One host that answers is enough, and
// one of the two.
func init() {
	declare(Check{
		ID:       idInternet,
		Sends:    []Bound{{"sends.echo", 6, "per.host"}, {"sends.way-out", 2, "per.router"}, {"sends.tcp", 2 * handshakePackets * len(tcpPorts), "per.host"}},
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
