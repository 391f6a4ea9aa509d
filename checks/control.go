package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A candidate's silence says something only beside an answer that an assigned address had from the
// same target, asked in the same way: the positive control. The peer and Internet checks ask that
// anyway; where they are left out the check `added` asks it itself.

// planControls asks from addresses of ours what the candidates will be asked with, as far as no
// other check does.
func (p *planner) planControls(list []candidate, mode diag.AddMode) {
	var scopes [2]bool // of the candidates that may be tried: global, link-local
	for _, c := range list {
		if detail, _ := p.forbidden(c, mode); detail == "" {
			if c.addr.IsLinkLocalUnicast() {
				scopes[1] = true
			} else {
				scopes[0] = true
			}
		}
	}
	for i, local := range []bool{false, true} {
		if scopes[i] {
			p.planPeerControl(local, mode)
		}
	}
	if scopes[0] && !wanted(p.s.Run, idInternet) && !wanted(p.s.Run, idSource) {
		p.planInternetControl(mode)
	}
}

// control adds a question of ours: by wire, and where the candidates use the kernel by that too, so
// that it has the entries which their questions need.
func (p *planner) control(q Question, by ways, mode diag.AddMode) {
	q.Source, q.controls = p.guard(q.Target), true
	switch {
	case !q.Source.IsValid():
		p.skip(q, DetailNoSource, "", by.wire)
	case mode == diag.AddKernel:
		p.add(q, by.kernel, by.wire)
	default:
		p.add(q, by.wire)
	}
}

func (p *planner) planPeerControl(local bool, mode diag.AddMode) {
	peers, given := p.candidatePeers(local)
	reserved := p.reserved()
	for _, peer := range peers[:min(len(peers), cachePeers)] {
		if peer == reserved && p.held(peer) {
			continue // a candidate asks it first
		}
		q := Question{Path: diag.Path{Target: peer, TargetClass: diag.TargetPeer, Given: given}}
		if !wanted(p.s.Run, idPeerND) {
			p.control(q, nd, mode)
		}
		if !wanted(p.s.Run, idPeerEcho) {
			p.control(q, echo, mode)
		}
	}
}

func (p *planner) planInternetControl(mode diag.AddMode) {
	hosts := p.hosts()
	for _, host := range hosts[:min(len(hosts), sourceHosts)] {
		_, via, ok := p.chosen(host)
		if !ok {
			continue
		}
		q := Question{
			Path:    diag.Path{Target: host, TargetClass: diag.TargetInternet, Given: p.s.Run.InternetGiven},
			NextHop: via,
		}
		if !via.IsValid() && !p.net().Within(host) {
			q.controls = true
			p.skip(q, DetailNoRouter, "", echo.wire)
			continue
		}
		if via.IsValid() && !p.net().Resolved(via) && mode == diag.AddClaim && !wanted(p.s.Run, idRouterND) {
			p.control(Question{Path: diag.Path{Target: via, TargetClass: diag.TargetRouter}}, nd, mode)
		}
		p.control(q, echo, mode)
	}
}

// candidatePeers returns the peers that a candidate of a scope can be asked with: those on the link,
// the one that the kernel's own experiment needs untouched last.
func (p *planner) candidatePeers(local bool) (peers []netip.Addr, given bool) {
	peers, given = p.peers()
	reserved := p.reserved()
	if i := slices.Index(peers, reserved); i >= 0 {
		// It is asked late: another will do sooner, if there is one.
		peers = append(slices.Delete(slices.Clone(peers), i, i+1), reserved)
	}
	return slices.DeleteFunc(slices.Clone(peers), func(a netip.Addr) bool {
		return a.IsLinkLocalUnicast() != local || p.own(a) || !p.mayBeNear(a)
	}), given
}

// proven returns the first of the targets that answered an address that is no candidate. wait says
// that one before it may yet answer: which of two is quicker would change the result from run to run.
func (p *planner) proven(class diag.TargetClass, by ways, targets []netip.Addr) (target netip.Addr, wait bool) {
	if len(targets) == 0 {
		return netip.Addr{}, false
	}
	if p.guess {
		return targets[0], false
	}
	answered, open, asked := map[netip.Addr]bool{}, map[netip.Addr]bool{}, map[netip.Addr]bool{}
	controlled := false
	for _, list := range [][]*Question{p.prior, p.questions} {
		for _, q := range list {
			if q.Interface != p.iface || q.Asks != by.wire.asks() || !q.controls || q.TargetClass != class {
				continue
			}
			path, ok := p.s.Path(q.ID)
			controlled = true
			answered[q.Target] = answered[q.Target] || path.Outcome == diag.Answered
			open[q.Target] = open[q.Target] || !ok && q.Planned()
			asked[q.Target] = true
		}
	}
	reserved := p.reserved()
	for _, a := range targets {
		if answered[a] {
			return a, wait
		}
		wait = wait || open[a] || !asked[a] && (!controlled || a == reserved)
	}
	return netip.Addr{}, wait
}
