package checks

import "ndwhy/diag"

const idAllNodes = "all-nodes"

// The check all-nodes asks who else hears ff02::1, and whether who does not know this host finds it by multicast.
func init() {
	declare(Check{
		ID:    idAllNodes,
		Sends: []Bound{{"sends.echo", 2 + foundTargets*foundAsks + foundTold, "per.interface"}, {"sends.ns", 1, "per.interface"}},
		plan:  planAllNodes,
	})
}

func planAllNodes(p *planner) {
	src, ok := p.linkLocal()
	q := Question{Path: diag.Path{Source: src, Target: diag.AllNodes, TargetClass: diag.TargetAllNodes}}
	if !ok {
		p.skip(q, DetailNoSource, "", echo.kernel)
		return
	}
	q.Frames = p.count()
	p.add(q, echo.kernel)
	q.Frames = noFrames
	p.add(q, echo.wire)
	p.planFound()
}
