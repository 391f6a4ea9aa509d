package checks

import "ndwhy/diag"

// internet asks for an echo from beyond the router. One host that answers is enough.
var internet = Check{
	ID:    idInternet,
	Sends: []Bound{{"sends.echo", 4, "per.host"}},
	plan:  planInternet,
}

func planInternet(p *planner) {
	if !p.raDone() {
		return
	}
	for _, host := range p.hosts() {
		src, via, ok := p.chosen(host)
		if !ok {
			continue
		}
		q := Question{
			Path: diag.Path{
				Check: idInternet, Asks: diag.AsksEcho, Source: src, Target: host,
				TargetClass: diag.TargetInternet, Given: p.s.Run.InternetGiven,
			},
			NextHop: via,
		}
		if !src.IsValid() {
			q.Via = diag.ViaKernel
			p.skip(q, DetailNoSource, "")
			continue
		}
		p.both(q)
	}
}
