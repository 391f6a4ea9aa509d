package why

import (
	"slices"

	"ndwhy/diag"
)

var multicastSuppressed = Cause{
	ID: "net.multicast-suppressed", Severity: Info, find: findMulticastSuppressed,
}

func findMulticastSuppressed(iv *ifaceView) []hypothesis {
	all := iv.where(func(p *path) bool { return p.TargetClass == diag.TargetAllNodes })
	heard := slices.ContainsFunc(all, func(p *path) bool { return p.Outcome == diag.Answered })
	all = slices.DeleteFunc(all, func(p *path) bool { return p.Outcome != diag.Silent })
	heard = heard || len(iv.traffic.late) > 0
	if len(all) == 0 || heard {
		return nil
	}
	var proof *path
	for _, p := range iv.paths {
		live := p.Outcome == diag.Answered && iv.neighbour(p.Target) &&
			(p.TargetClass == diag.TargetPeer && p.Reaches() || p.TargetClass == diag.TargetRouter && p.Asks == diag.AsksEcho)
		if live && (proof == nil || p.Asks == diag.AsksEcho && proof.Asks != diag.AsksEcho) {
			proof = p
		}
	}
	if proof == nil {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true,
		args: []any{"target", proof.Target},
	}
	if proof.Asks == diag.AsksEcho {
		h.confidence = Certain
	}
	iv.explain(&h, all...)
	rest(&h, proof)
	return []hypothesis{h}
}
