package why

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var peerCauses = []Cause{
	{
		ID: "peer.unmapped", Severity: Warning,
		Remedy: slices.Concat(
			always("ndisc6 {peer} {interface}"),
			forGlobal(onAWS("aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={peer}")),
		),
		find: findUnmapped, contradicted: targetAnswered,
	},
	{
		ID: "peer.echo-blocked", Severity: Warning,
		Remedy: slices.Concat(
			forGlobal(onAWS("aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={peer} --query 'NetworkInterfaces[].Groups'")),
			onAWS(
				"aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
				"aws ec2 authorize-security-group-ingress --group-id SG --ip-permissions 'IpProtocol=icmpv6,FromPort=128,ToPort=-1,Ipv6Ranges=[{CidrIpv6=VPC6,Description=\"ping6\"}]'",
			),
		),
		find: findEchoBlocked,
		contradicted: func(iv *ifaceView, h hypothesis) bool {
			return iv.any(func(p *diag.Path) bool {
				return p.Target == h.addr && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered
			})
		},
	},
}

// forGlobal limits commands to a peer's global address: EC2 lists no link-local ones.
func forGlobal(list []Remedy) []Remedy {
	for i := range list {
		list[i].If = func(_ *view, h *hypothesis) bool { return diag.ScopeOf(h.addr) == diag.GlobalScope }
	}
	return list
}

// targetAnswered reports whether the subject answered anything at all.
func targetAnswered(iv *ifaceView, h hypothesis) bool {
	return iv.any(func(p *diag.Path) bool { return p.Target == h.addr && p.Outcome == diag.Answered })
}

func peerHypothesis(peer netip.Addr) hypothesis {
	return hypothesis{
		confidence: Likely, subject: Subject{"peer", peer.String()}, addr: peer, args: []any{"peer", peer}, beyond: true,
	}
}

func (iv *ifaceView) pathsByTarget(class diag.TargetClass) (targets []netip.Addr, by map[netip.Addr][]*diag.Path) {
	by = map[netip.Addr][]*diag.Path{}
	for _, p := range iv.paths {
		if p.TargetClass == class {
			by[p.Target] = append(by[p.Target], p)
		}
	}
	return iv.targets(class), by
}

func findUnmapped(iv *ifaceView) []hypothesis {
	var list []hypothesis
	var other *diag.Path
	for _, p := range iv.paths {
		if p.Asks == diag.AsksND && p.Outcome == diag.Answered && p.Ours() {
			other = p
			break
		}
	}
	if other == nil {
		return nil
	}
	targets, by := iv.pathsByTarget(diag.TargetPeer)
	for _, peer := range targets {
		h := peerHypothesis(peer)
		unheard := false
		for _, p := range by[peer] {
			if !p.Ours() || p.Outcome != diag.Silent {
				continue
			}
			unheard = unheard || p.Asks == diag.AsksND || p.Detail == "unresolved"
			iv.explain(&h, p)
		}
		if !unheard || len(h.symptoms) == 0 || slices.ContainsFunc(by[peer], func(p *diag.Path) bool { return p.Outcome == diag.Answered }) {
			continue
		}
		rest(&h, other)
		h.args = append(h.args, "other", other.Target)
		if iv.profile.Answers {
			h.more = []string{"cause.peer.unmapped.fabric"}
		}
		if n, ok := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: peer}]; ok {
			h.facts = append(h.facts, diag.FactOf(n))
		}
		list = append(list, h)
	}
	return list
}

func findEchoBlocked(iv *ifaceView) []hypothesis {
	var list []hypothesis
	linkLocal := false // of all of them is said the same, so that it need be said once
	targets, by := iv.pathsByTarget(diag.TargetPeer)
	for _, peer := range targets {
		h := peerHypothesis(peer)
		resolved := false
		if !iv.onLink(peer) {
			h.as = "routed"
		}
		for _, p := range by[peer] {
			switch {
			case h.as == "routed":
				// The router has it to resolve: that the echo left for the router is all there is to know.
				resolved = resolved || p.Asks == diag.AsksEcho && p.Outcome == diag.Silent && p.Detail != "unresolved" && p.Sent > 0
			case p.Asks == diag.AsksND && p.Outcome == diag.Answered,
				p.Asks == diag.AsksEcho && p.Via == diag.ViaKernel && p.NUD.Resolved() && p.Detail != "unresolved":
				resolved = true
				rest(&h, p)
			}
			if p.Asks == diag.AsksEcho && p.Outcome == diag.Silent && p.Detail != "unresolved" && p.Ours() && !iv.excused(p) {
				iv.explain(&h, p)
			}
		}
		if !resolved || len(h.symptoms) == 0 {
			continue
		}
		switch {
		case h.as == "routed":
		case iv.profile.Answers:
			h.more = append(h.more, "cause.peer.echo-blocked.fabric")
		default:
			h.more = append(h.more, "cause.peer.echo-blocked.alive")
		}
		linkLocal = linkLocal || diag.ScopeOf(peer) == diag.LinkLocalScope
		list = append(list, h)
	}
	if linkLocal {
		for i := range list {
			if list[i].as == "" {
				list[i].more = append(list[i].more, "cause.peer.echo-blocked.link-local")
			}
		}
	}
	return list
}

var pathCauses = []Cause{
	{
		ID: "path.refused", Severity: Critical,
		Remedy: onAWS(
			"aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}",
			"aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}",
		),
		find: findRefused,
	},
	{
		ID: "path.beyond-router", Severity: Critical,
		Remedy: onAWS(
			"aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}",
			"aws ec2 create-route --route-table-id RTB --destination-ipv6-cidr-block ::/0 --gateway-id IGW",
			"aws ec2 describe-vpc-block-public-access-options",
			"aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}",
			"aws ec2 describe-security-group-rules --filters Name=group-id,Values=SG",
		),
		find: findBeyondRouter,
		contradicted: func(iv *ifaceView, _ hypothesis) bool {
			return iv.any(func(p *diag.Path) bool {
				return p.TargetClass == diag.TargetInternet && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered
			})
		},
	},
	{
		ID: "path.mtu", Severity: Warning,
		Remedy: slices.Concat(
			onAWS("aws ec2 authorize-security-group-ingress --group-id SG --ip-permissions 'IpProtocol=icmpv6,FromPort=2,ToPort=0,Ipv6Ranges=[{CidrIpv6=::/0}]'"),
			always("tracepath -6 {target}", "ip link set dev {interface} mtu 1500"),
		),
		find: findMTU,
	},
	{
		ID: "path.lossy", Severity: Warning,
		Remedy: always("ping -6 -c 100 -i 0.2 -I {interface} {target}", "ip -s link show dev {interface}", "ethtool -S {interface}"),
		find:   findLossy,
	},
}

func findRefused(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[string]int{}
	for _, p := range iv.paths {
		if p.Outcome != diag.Refused || p.Error == nil || p.Error.Type == diag.PacketTooBig || !p.Ours() || beyondScope(p) {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"target", p.Target.String()}, addr: p.Target,
			args: []any{"target", p.Target, "from", p.Error.From, "error", diag.DescribeError(*p.Error)},
		}
		if !p.Given {
			h.severity = Info
		}
		key := h.subject.Value
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, h)
		}
		iv.explain(&list[i], p)
		rest(&list[i], p)
	}
	return list
}

// beyondScope reports whether a packet was refused because a link-local address asked beyond the link
// (RFC 4443 §3.1, code 2): that is how it must be, and what is wrong is that there was no other source.
func beyondScope(p *diag.Path) bool {
	return p.Error.Type == diag.Unreachable && p.Error.Code == 2 && p.Source.IsLinkLocalUnicast()
}

// gatewayOf returns the router that the kernel sends a path's packets to, as it answers itself; ok is
// false where it was not asked.
func (iv *ifaceView) gatewayOf(p *diag.Path) (via netip.Addr, ok bool) {
	for _, key := range []diag.SelectionKey{{Dst: p.Target, From: p.Source, Bound: ""}, {Dst: p.Target}, {Dst: p.Target, Bound: iv.name}} {
		if sel, asked := iv.s.Selections[key]; asked && sel.Errno == "" && sel.Interface == iv.name {
			return sel.Via, true
		}
	}
	return via, false
}

// resolves reports whether a router's link-layer address is known: it answered for it, or the kernel
// uses it. One that answers no solicitation today is router.unresolvable's.
func (iv *ifaceView) resolves(router netip.Addr) bool {
	if iv.answers[asked{diag.AsksND, router}] != nil {
		return true
	}
	if iv.any(func(p *diag.Path) bool {
		return p.Target == router && p.Asks == diag.AsksND && p.Outcome == diag.Silent && p.Ours()
	}) {
		return false
	}
	n, known := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: router}]
	return iv.answers[asked{diag.AsksEcho, router}] != nil || known && n.Fact.State.Resolved()
}

// misled reports whether a path's packets are sent to a gateway which says that it is no router, and
// where it does.
func (iv *ifaceView) misled(p *diag.Path) (na diag.Event, ok bool) {
	via, known := iv.gatewayOf(p)
	if _, advertises := iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: via}]; advertises || !known || !via.IsValid() {
		return na, false
	}
	return iv.noRouter(via)
}

func findBeyondRouter(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[netip.Addr]int{}
	for _, p := range iv.paths {
		beyond := p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetPeer && p.Asks == diag.AsksEcho && !iv.onLink(p.Target)
		if !beyond || p.Outcome != diag.Silent || p.Detail == "unresolved" || !p.Ours() || iv.excused(p) {
			continue
		}
		router, known := iv.gatewayOf(p)
		if !known {
			for _, r := range iv.routerAddresses() {
				if !router.IsValid() && iv.resolves(r) {
					router = r
				}
			}
		}
		if _, host := iv.misled(p); host || !router.IsValid() || !iv.resolves(router) || iv.overridden(router) != nil {
			continue
		}
		i, ok := at[router]
		if !ok {
			i = len(list)
			at[router] = i
			list = append(list, hypothesis{
				confidence: Likely, subject: Subject{"router", router.String()}, addr: router, args: []any{"router", router}, beyond: true,
			})
			rest(&list[i], iv.answers[asked{diag.AsksND, router}]...)
		}
		iv.explain(&list[i], p)
	}
	return list
}

func findMTU(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, target := range slices.Concat(iv.targets(diag.TargetRouter), iv.targets(diag.TargetPeer), iv.targets(diag.TargetInternet)) {
		h := hypothesis{
			confidence: Likely, subject: Subject{"target", target.String()}, addr: target, beyond: true,
			args: []any{"target", target, "mtu", iv.link.MTU},
		}
		for _, p := range iv.paths {
			if p.Target != target {
				continue
			}
			if p.Asks == diag.AsksMTU && p.Outcome == diag.Silent {
				iv.explain(&h, p)
			}
			if p.Asks == diag.AsksEcho && p.Outcome == diag.Answered {
				rest(&h, p)
			}
		}
		if len(h.symptoms) > 0 {
			list = append(list, h)
		}
	}
	if len(list) < 2 || !slices.ContainsFunc(list, func(h hypothesis) bool { return iv.onLink(h.addr) }) ||
		iv.any(func(p *diag.Path) bool {
			return p.Asks == diag.AsksMTU && (p.Outcome == diag.Answered || p.Outcome == diag.Refused)
		}) {
		return list
	}
	// Nobody takes them, neighbours neither: it is the link that carries less.
	link := list[0]
	link.subject, link.addr, link.as = Subject{"interface", iv.name}, netip.Addr{}, "link"
	for _, h := range list[1:] {
		link.symptoms = append(link.symptoms, h.symptoms...)
		link.evidence = append(link.evidence, h.evidence...)
	}
	return []hypothesis{link}
}

// findLossy wants loss that a limit on a host's own answers does not explain: in neighbour
// discovery, or at two targets. A single target that answers some echoes is only remarked.
func findLossy(iv *ifaceView) []hypothesis {
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}}
	questions := iv.inPart()
	sent, received := 0, 0
	inND := false
	targets := map[netip.Addr]bool{}
	var first netip.Addr
	for _, p := range iv.paths {
		q, ok := questions[diag.QuestionOf(*p)]
		if !ok || p.Outcome != diag.Answered {
			continue
		}
		if p == q {
			sent += p.Sent
			received += min(p.Received, p.Sent)
		}
		if !lossy(q) || !lossy(p) {
			continue
		}
		iv.explain(&h, p)
		rest(&h, p)
		inND = inND || p.Asks == diag.AsksND
		targets[p.Target] = true
		if !first.IsValid() {
			first = p.Target
		}
	}
	if late, ok := iv.tardy(); ok {
		return []hypothesis{late}
	}
	lost := sent - received
	if len(targets) == 0 {
		return nil
	}
	h.args = []any{"lost", lost, "sent", sent, "percent", 100 * lost / max(1, sent), "target", first, "targets", len(targets)}
	switch {
	case lost >= 2 && (inND || len(targets) >= 2):
		if lost >= 4 && len(targets) >= 2 {
			h.confidence = Certain
		}
		iv.explain(&h, iv.lostByChance(float64(lost)/float64(sent))...)
	default:
		h.severity, h.confidence = Info, Possible
		h.subject = Subject{"target", first.String()}
		h.more = []string{"cause.path.lossy.limit"}
	}
	return []hypothesis{h}
}

// echoed is an echo, by what its reply repeats.
type echoed struct{ id, seq uint16 }

// lateEchoes are the replies that came after the wait for them, by the address that was asked.
func (iv *ifaceView) lateEchoes() map[netip.Addr]diag.Event {
	if iv.lateTo != nil {
		return iv.lateTo
	}
	iv.lateTo = map[netip.Addr]diag.Event{}
	sent := map[echoed]diag.Event{}
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		switch {
		case !ok || f.Interface != iv.name || f.Bad != "":
		case f.Out && f.Type == diag.EchoRequest:
			sent[echoed{f.EchoID, f.EchoSeq}] = e
		case !f.Out && f.Type == diag.EchoReply:
			if q, asked := sent[echoed{f.EchoID, f.EchoSeq}]; asked && e.At.Sub(q.At) >= tooLate {
				iv.lateTo[q.Body.(diag.Frame).Dst] = e
				iv.latest = max(iv.latest, e.At.Sub(q.At))
			}
		}
	}
	return iv.lateTo
}

// tooLate is how long an echo is waited for.
const tooLate = time.Second

// late reports whether the target of a silent path answered after all, when nobody waited any more.
func (iv *ifaceView) late(p *diag.Path) bool {
	_, ok := iv.lateEchoes()[p.Target]
	return ok && p.Outcome == diag.Silent && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU)
}

// tardy is a network that answers, and takes its time.
func (iv *ifaceView) tardy() (h hypothesis, ok bool) {
	late := iv.where(func(p *diag.Path) bool { return iv.late(p) && p.SourceClass != diag.SourceCandidate })
	if len(late) == 0 {
		return h, false
	}
	h = hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "late"}
	targets := map[netip.Addr]bool{}
	for _, p := range late {
		iv.explain(&h, p)
		if !targets[p.Target] {
			targets[p.Target] = true
			h.facts = append(h.facts, iv.lateEchoes()[p.Target])
		}
	}
	h.args = []any{"target", late[0].Target, "targets", len(targets), "seconds", strconv.FormatFloat(iv.latest.Seconds(), 'f', 1, 64)}
	iv.explain(&h, iv.where(func(p *diag.Path) bool {
		_, symptom := iv.byPath[p.ID]
		return symptom && p.Reaches() && p.Outcome == diag.Silent // three solicitations, a second apart, are too few as well
	})...)
	return h, true
}

func lossy(p *diag.Path) bool {
	return p.Outcome == diag.Answered && p.Received > 0 && p.Received < p.Sent
}

// inPart returns for each question that was answered, at least in part, the path that tells what was
// lost in the network: the one by wire, where there is one. A frame counts once, whichever checks asked.
func (iv *ifaceView) inPart() map[diag.Question]*diag.Path {
	best := map[diag.Question]*diag.Path{}
	for _, p := range iv.paths {
		if p.Outcome != diag.Answered || !p.Reaches() || p.TargetClass == diag.TargetAllNodes || !p.Ours() {
			continue
		}
		q := diag.QuestionOf(*p)
		old := best[q]
		if old == nil || p.Via == diag.ViaWire && old.Via != diag.ViaWire || p.Via == old.Via && p.Sent > old.Sent {
			best[q] = p
		}
	}
	return best
}

// lostByChance are the silent paths that were asked so few times that loss at a rate may have taken
// every answer: the kernel gives up after three solicitations (RFC 4861 §10, MAX_MULTICAST_SOLICIT),
// whatever the re-asking by wire finds.
func (iv *ifaceView) lostByChance(rate float64) []*diag.Path {
	const unlikely = 0.001
	return iv.where(func(p *diag.Path) bool {
		_, symptom := iv.byPath[p.ID]
		asked := p.Sent
		if p.Detail == "unresolved" {
			asked = max(asked, 3)
		}
		asks := p.Reaches() || p.Asks == diag.AsksDHCP || p.Asks == diag.AsksRS && iv.advertised()
		return symptom && p.Outcome == diag.Silent && asks && math.Pow(rate, float64(asked)) > unlikely
	})
}

var serviceCauses = []Cause{
	{
		ID: "service.imds-ipv6-off", Severity: Info,
		Remedy: onAWS("aws ec2 modify-instance-metadata-options --instance-id INSTANCE --http-endpoint enabled --http-protocol-ipv6 enabled"),
		find:   findIMDSIPv6Off,
	},
	{
		ID: "service.unreachable", Severity: Warning,
		Remedy: slices.Concat(always("ip -6 route get {target}", "ping -6 -c 3 {target}")),
		find:   findServiceUnreachable,
		contradicted: func(iv *ifaceView, h hypothesis) bool {
			return iv.any(func(p *diag.Path) bool {
				return p.Target == h.addr && p.Asks == diag.AsksService && p.Outcome == diag.Answered
			})
		},
	},
}

// services are the paths to services that gave no answer, though they were asked, and from where an
// answer can come back to.
func (iv *ifaceView) services(ok func(*diag.Path) bool) []*diag.Path {
	return iv.where(func(p *diag.Path) bool {
		asked := (p.Outcome == diag.Silent || p.Outcome == diag.Refused) && p.Detail != "unresolved" && !p.Source.IsLinkLocalUnicast()
		return p.TargetClass == diag.TargetService && p.Asks == diag.AsksService && asked && p.Ours() && ok(p) && !iv.astray(p)
	})
}

func findIMDSIPv6Off(iv *ifaceView) []hypothesis {
	if iv.s.Metadata.State != diag.MetadataOK && iv.s.Metadata.State != diag.MetadataNone {
		return nil
	}
	off := iv.services(func(p *diag.Path) bool { return p.Target == diag.IMDSIPv6 })
	if len(off) == 0 || iv.any(func(p *diag.Path) bool { return p.Target == diag.IMDSIPv6 && p.Outcome == diag.Answered }) {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"service", diag.IMDSIPv6.String()}, addr: diag.IMDSIPv6,
		args: []any{"target", diag.IMDSIPv6}, facts: []diag.Event{iv.s.Said(diag.Metadata{})},
	}
	iv.explain(&h, off...)
	return []hypothesis{h}
}

// serviceName says what a VPC has at one of its own addresses (Amazon VPC user guide, "DNS
// attributes"; EC2 user guide, "Amazon Time Sync Service").
func serviceName(addr netip.Addr) string {
	switch addr {
	case netip.MustParseAddr("fd00:ec2::253"):
		return words.Say("cause.service.unreachable.dns")
	case netip.MustParseAddr("fd00:ec2::123"):
		return words.Say("cause.service.unreachable.ntp")
	default:
		return words.Say("cause.service.unreachable.some")
	}
}

func findServiceUnreachable(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[netip.Addr]int{}
	for _, p := range iv.services(func(p *diag.Path) bool { return p.Target != diag.IMDSIPv6 }) {
		if _, ok := iv.byPath[p.ID]; !ok {
			continue
		}
		i, ok := at[p.Target]
		if !ok {
			i = len(list)
			at[p.Target] = i
			list = append(list, hypothesis{
				confidence: Likely, subject: Subject{"service", p.Target.String()}, addr: p.Target, beyond: true,
				args: []any{"target", p.Target, "service", serviceName(p.Target)},
			})
		}
		iv.explain(&list[i], p)
	}
	return list
}
