package checks

import "ndwhy/diag"

// allNodes asks who else hears ff02::1.
var allNodes = Check{
	ID:    idAllNodes,
	Sends: []Bound{{"sends.echo", 2, "per.interface"}},
	plan:  planAllNodes,
}

func planAllNodes(p *planner) {
	src, ok := p.linkLocal()
	q := Question{Path: diag.Path{
		Check: idAllNodes, Asks: diag.AsksEcho, Source: src, Target: diag.AllNodes, TargetClass: diag.TargetAllNodes,
	}, Frames: p.count()}
	if !ok {
		q.Via = diag.ViaKernel
		p.skip(q, DetailNoSource, "")
		return
	}
	q.Via = diag.ViaKernel
	p.add(q)
	q.Via, q.Frames = diag.ViaWire, noFrames
	p.add(q)
}
