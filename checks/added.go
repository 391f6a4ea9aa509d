package checks

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// Added is the ID of the check that tries candidates.
const Added = "added"

// The check added tries addresses that were surely not assigned: the negative control. By claim they are
// used in frames alone; by kernel they are configured for some seconds.
func init() {
	declare(Check{
		ID:    Added,
		Needs: NeedsNetRaw, NeedsAdmin: true,
		Sends: []Bound{
			{"sends.ns", 4, "per.candidate"},
			{"sends.echo", 4, "per.candidate"},
			{"sends.mld", mldReports, "per.candidate"},
		},
		Changes: []string{"changes.neighbour", "changes.mld", "changes.alarm"},
		plan:    planAdded,
		several: true,
		off: func(run diag.Run) string {
			if run.Add != diag.AddClaim && run.Add != diag.AddKernel {
				return "skipped.add-none"
			}
			return ""
		},
	})
}

// mldReports is what joining a candidate's group and leaving it makes the kernel send (safety rule 2).
const mldReports = 4

// validLifetime is how long the kernel keeps a candidate if this program is killed (safety rule 1:
// at most 20 s; the kernel removes it up to 1.2 s late).
const validLifetime = diag.TemporaryS * time.Second

func planAdded(p *planner) {
	mode := p.s.Run.Add
	if mode != diag.AddClaim && mode != diag.AddKernel || !p.raDone() {
		return
	}
	list := p.chosenCandidates()
	if p.wire() {
		p.planControls(list, mode)
	}
	for _, c := range list {
		p.planCandidate(c, mode)
	}
}

// chosenCandidates returns the candidates of the run: those of earlier rounds stay.
func (p *planner) chosenCandidates() []candidate {
	var asked []netip.Addr
	for _, q := range p.prior {
		if q.Check == Added && q.Candidate.IsValid() && !slices.Contains(asked, q.Candidate) {
			asked = append(asked, q.Candidate)
		}
	}
	list := p.candidates()
	if len(asked) == 0 {
		return list
	}
	kinds := map[netip.Addr]candidate{}
	for _, c := range list {
		kinds[c.addr] = c
	}
	var same []candidate
	for _, addr := range asked {
		c, ok := kinds[addr]
		if !ok {
			c = candidate{addr: addr, kind: elsewhere}
		}
		c.detail, c.note = "", ""
		same = append(same, c)
	}
	return same
}

func (p *planner) planCandidate(c candidate, mode diag.AddMode) {
	free := Question{
		Path: diag.Path{
			Source: netip.IPv6Unspecified(), SourceClass: diag.SourceUnspecified,
			Target: c.addr, TargetClass: diag.TargetPeer,
		},
		Candidate: c.addr,
	}
	if detail, note := p.forbidden(c, mode); detail != "" {
		free.Candidate = netip.Addr{}
		p.skip(free, detail, note, dad.wire)
		return
	}
	free.Guard = p.guard(c.addr)
	p.add(free, dad.wire)
	if !p.wire() {
		return
	}
	if mode == diag.AddKernel {
		if setting := p.dadOff(); setting != "" {
			p.skip(free, DetailOff, setting, dad.kernel)
		} else {
			p.add(free, dad.kernel)
		}
		if c.kind == nextToAssigned {
			p.planFresh(c)
		}
	}
	p.planCandidatePeer(c, mode)
	if !c.addr.IsLinkLocalUnicast() {
		p.planCandidateInternet(c, mode)
	}
}

// forbidden says why a candidate is not tried on this host.
func (p *planner) forbidden(c candidate, mode diag.AddMode) (detail, note string) {
	if c.detail != "" {
		return c.detail, c.note
	}
	if mode == diag.AddKernel {
		if p.s.Feeds[diag.FeedAdmin].State == diag.Unavailable {
			return DetailNoAdmin, ""
		}
		if !p.otherOfScope(c.addr) {
			return DetailNoOther, ""
		}
		return "", ""
	}
	if mode == diag.AddClaim {
		for _, key := range []diag.SysctlKey{{Scope: "all", Name: "forwarding"}, {Scope: p.iface, Name: "force_forwarding"}} {
			if v := p.s.Sysctls[key]; v != "" && v != "0" {
				return DetailForwarding, key.Scope + "." + key.Name
			}
		}
		if !p.routed(c.addr) {
			return DetailNoRoute, ""
		}
	}
	return "", ""
}

// otherOfScope reports whether the interface keeps another address that the kernel prefers to a
// deprecated candidate: else the candidate would become the source of everything.
func (p *planner) otherOfScope(addr netip.Addr) bool {
	return slices.ContainsFunc(p.net().Usable(), func(a diag.Address) bool {
		return a.Flags&(diag.Tentative|diag.Deprecated|diag.DADFailed) == 0 && a.Address != addr &&
			a.Address.IsLinkLocalUnicast() == addr.IsLinkLocalUnicast()
	})
}

// routed reports whether the kernel has a route towards addr. Without one it would answer what
// comes for a claimed address with "no route".
func (p *planner) routed(addr netip.Addr) bool {
	for k := range p.s.Routes.All() {
		if k.Type == "unicast" && k.Dst.IsValid() && k.Dst.Contains(addr) {
			return true
		}
	}
	return false
}

// dadOff names the setting that switches DAD off; empty where it is on. The kernel takes the larger
// of the two accept_dad (net/ipv6/addrconf.c, addrconf_dad_begin).
func (p *planner) dadOff() string {
	all, haveAll := p.s.Sysctl("all", "accept_dad")
	own, haveOwn := p.s.Sysctl(p.iface, "accept_dad")
	off := func(v string, have bool) bool { return have && len(v) > 0 && (v == "0" || v[0] == '-') }
	if off(own, haveOwn) && (off(all, haveAll) || !haveAll) {
		return p.iface + ".accept_dad"
	}
	if v, ok := p.s.Sysctl(p.iface, "dad_transmits"); ok && v == "0" {
		return p.iface + ".dad_transmits"
	}
	return ""
}

// guard returns the address to ask from whether somebody else has an address: another that is assigned, of its
// scope where there is, else the link-local one.
func (p *planner) guard(addr netip.Addr) netip.Addr {
	var best netip.Addr
	rank := -1
	for _, a := range p.net().Usable() {
		if a.Address == addr {
			continue
		}
		n := 0
		if p.assigned().ClassOf(a.Address) == diag.SourceAssigned {
			n += 4
		}
		if a.Address.IsLinkLocalUnicast() == addr.IsLinkLocalUnicast() {
			n += 2
		}
		if a.Flags&diag.Deprecated == 0 {
			n++
		}
		if n > rank {
			best, rank = a.Address, n
		}
	}
	return best
}

func candidateQuestion(c candidate, target netip.Addr, class diag.TargetClass) Question {
	return Question{
		Path:      diag.Path{Source: c.addr, SourceClass: diag.SourceCandidate, Target: target, TargetClass: class},
		Candidate: c.addr,
	}
}

// planCandidatePeer asks the peer that answered an assigned address.
func (p *planner) planCandidatePeer(c candidate, mode diag.AddMode) {
	peers, given := p.candidatePeers(c.addr.IsLinkLocalUnicast())
	reserved := p.reserved()
	if len(peers) == 0 {
		return
	}
	chosen := p.earlier(c, diag.TargetPeer)
	wait := false
	if !chosen.IsValid() {
		chosen, wait = p.proven(diag.TargetPeer, nd, peers)
	}
	if wait {
		return
	}
	q := candidateQuestion(c, chosen, diag.TargetPeer)
	q.Given = given
	if !chosen.IsValid() {
		q.Target, q.Candidate = peers[0], netip.Addr{}
		p.skip(q, DetailNoControl, "", nd.wire, echo.wire)
		return
	}
	q.After = p.behind(q)
	p.add(q, nd.wire)
	if mode == diag.AddKernel && (c.kind != nextToAssigned || chosen != reserved) {
		p.add(q, echo.kernel)
	}
	p.add(q, echo.wire)
}

// planCandidateInternet asks the host that answered an assigned address.
func (p *planner) planCandidateInternet(c candidate, mode diag.AddMode) {
	hosts := p.hosts()
	if len(hosts) == 0 {
		return
	}
	chosen, wait := p.earlier(c, diag.TargetInternet), false
	if !chosen.IsValid() {
		chosen, wait = p.proven(diag.TargetInternet, echo, hosts)
	}
	if wait {
		return
	}
	q := candidateQuestion(c, chosen, diag.TargetInternet)
	q.Given = p.s.Run.InternetGiven
	if !chosen.IsValid() {
		q.Target, q.Candidate = hosts[0], netip.Addr{}
		p.skip(q, DetailNoControl, "", echo.wire)
		return
	}
	if _, via, ok := p.chosen(chosen); ok {
		q.NextHop = via
		for _, a := range p.net().Usable() {
			if commonBits(a.Address, c.addr) >= 64 { // each prefix may have a router of its own
				q.NextHop = p.through(chosen, a.Address, via)
				break
			}
		}
	}
	if !q.NextHop.IsValid() && !p.net().Within(chosen) {
		q.Candidate = netip.Addr{}
		p.skip(q, DetailNoRouter, "", echo.wire)
		return
	}
	q.After = p.behind(q)
	if mode == diag.AddKernel {
		p.add(q, echo.kernel)
	}
	p.add(q, echo.wire)
}

// earlier returns the target that a candidate's question of a class already has.
func (p *planner) earlier(c candidate, class diag.TargetClass) netip.Addr {
	for _, q := range p.prior {
		if q.Check == Added && q.Source == c.addr && q.TargetClass == class && !q.Fresh && q.Asks != diag.AsksDAD {
			return q.Target
		}
	}
	return netip.Addr{}
}

// planFresh lets the kernel resolve one peer from a candidate, as the article did: the only way to
// see the entry stay INCOMPLETE and fail.
func (p *planner) planFresh(c candidate) {
	peer := p.reserved()
	peers, _ := p.peers()
	q := candidateQuestion(c, peer, diag.TargetPeer)
	q.Given = len(p.s.Run.Peers) > 0
	if peer.IsValid() {
		q.Fresh = true
		p.add(q, nd.kernel, echo.kernel)
		return
	}
	if i := slices.IndexFunc(peers, func(a netip.Addr) bool { return !a.IsLinkLocalUnicast() && !p.own(a) }); i >= 0 {
		q.Target, q.Candidate = peers[i], netip.Addr{}
		p.skip(q, DetailNoFresh, "", nd.kernel)
	}
}

// reserved returns the peer that the candidate's kernel question has to itself until it is done: a
// global one on the link that the kernel has no entry for. Zero where there is
// none, or no such question comes.
func (p *planner) reserved() netip.Addr {
	for _, list := range [][]*Question{p.prior, p.questions} {
		for _, q := range list {
			if q.Fresh && q.Interface == p.iface {
				return q.Target
			}
		}
	}
	if p.s.Run.Add != diag.AddKernel || !wanted(p.s.Run, Added) || !p.wire() {
		return netip.Addr{}
	}
	peers, _ := p.peers()
	i := len(peers) - 1 // the last of them: the first is most likely the one that answers
	for i >= 0 && !p.untouched(peers[i]) {
		i--
	}
	if i < 0 {
		return netip.Addr{}
	}
	if !p.raDone() {
		return peers[i]
	}
	list := p.chosenCandidates()
	next := slices.IndexFunc(list, func(c candidate) bool { return c.kind == nextToAssigned })
	if next < 0 {
		return netip.Addr{}
	}
	if detail, _ := p.forbidden(list[next], diag.AddKernel); detail != "" {
		return netip.Addr{}
	}
	return peers[i]
}

// untouched reports whether a peer can show how the kernel fails to resolve it: global, on the
// link, without an entry in any state, and not asked about yet.
func (p *planner) untouched(peer netip.Addr) bool {
	if peer.IsLinkLocalUnicast() || !p.net().Within(peer) || p.own(peer) || slices.Contains(p.net().Gateways(), peer) {
		return false
	}
	if _, ok := p.s.Neighbours.Find(diag.InterfaceAddr{Interface: p.iface, Address: peer}); ok {
		return false
	}
	return !slices.ContainsFunc(p.prior, func(q *Question) bool { return q.Target == peer })
}

// held reports whether the peers' own questions to the reserved peer have to wait for a later
// round, because the candidate's is not planned yet.
func (p *planner) held(peer netip.Addr) bool {
	return !p.guess && peer.IsValid() && !slices.ContainsFunc(p.prior, func(q *Question) bool { return q.Fresh })
}
