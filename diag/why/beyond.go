package why

import (
	"net/netip"
	"slices"
	"strconv"

	"ndwhy/diag"
)

var refused = Cause{
	ID: "path.refused", Severity: Critical,
	Remedy: []Remedy{
		ask("ask.refused").when(as("")),
		ask("ask.refuses").when(as("itself")),
		inVPC("", "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}",
			"aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}"),
	},
	find: findRefused,
}

var beyondRouter = Cause{
	ID: "path.beyond-router", Severity: Critical,
	Remedy: []Remedy{
		way("route-away", "ip -6 route del default via {router} dev {interface}").when(as("by-another", "in-turn")).when(writtenDown).kept(keep{undo: true}),
		way("other-router", "ip -6 route add default via {better-router} dev {interface} metric 1").when(as("by-another")).when(otherwise(writtenDown)).kept(keep{}),
		inVPC("vpc-route", "aws ec2 create-route --route-table-id <rtb-id> --destination-ipv6-cidr-block ::/0 --gateway-id <igw-id>").when(as("")),
		inVPC("let-out", "aws ec2 authorize-security-group-egress --group-id <sg-id> --ip-permissions 'IpProtocol=-1,Ipv6Ranges=[{CidrIpv6=::/0}]'").when(as("")),
		ask("ask.beyond").when(as("")),
		ask("ask.no-way-out").when(as("by-another", "in-turn")),
		way("", "ip -6 route show default", "ip nexthop show").when(as("in-turn")),
		inVPC("", "aws ec2 describe-route-tables --filters Name=association.subnet-id,Values={subnet}", "aws ec2 describe-vpc-block-public-access-options",
			"aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}"),
	},
	find:         func(iv *ifaceView) []hypothesis { return append(nothingBeyond.find(iv), iv.oneOfSeveral()...) },
	contradicted: func(iv *ifaceView, h hypothesis) bool { return h.as != "in-turn" && len(iv.flowing()) > 0 },
}

// nothingBeyond: the router that leads there resolves, and nothing beyond it answers.
var nothingBeyond = rule{
	about: (*ifaceView).routerTo, kind: "router", arg: "router", confidence: Likely,
	explains: all(
		either(toward(diag.TargetInternet), all(toward(diag.TargetPeer), asking(diag.AsksEcho), not(nearby)), all(ofNameServer, not(nearby))), unanswered, fromUs, not(detoured),
		not(of(func(p *path) bool { return p.Via == diag.ViaApp && p.Source.IsLinkLocalUnicast() })), // which no router passes on
		not(in(func(iv *ifaceView, p *path) bool {
			_, host := iv.noRouter(iv.routerTo(p))
			return host && !iv.isAdvertiser(iv.routerTo(p))
		})),
	),
	given: func(iv *ifaceView, router netip.Addr) bool {
		return iv.resolves(router) && iv.overridden(router) == nil && (iv.wayOut(netip.Addr{}, diag.Answered) == nil || iv.preferred(router)) &&
			!slices.ContainsFunc(iv.oneOfSeveral(), func(h hypothesis) bool { return h.addr == router })
	},
	denied: reachesBeyond,
	more: func(iv *ifaceView, h *hypothesis) {
		rest(h, iv.answers[asked{diag.AsksND, h.addr}]...)
		if !slices.ContainsFunc(h.symptoms, func(y int) bool { p := iv.symptoms[y].path; return p == nil || !iv.strayed(p) }) {
			h.confidence = Possible // a router may well let through what is of its own prefix
		}
		if !slices.ContainsFunc(h.symptoms, func(y int) bool {
			p := iv.symptoms[y].path
			return p == nil || diag.ScopeOf(p.Source) != diag.ULAScope || diag.ScopeOf(p.Target) != diag.GlobalScope
		}) {
			h.confidence = Possible
			h.more = append(h.more, "cause.path.beyond-router.local")
		}
		if dead, out := iv.wayOut(h.addr, diag.Silent, diag.Refused), iv.wayOut(netip.Addr{}, diag.Answered); dead != nil && out != nil {
			// The same ping, given to one and to the other.
			h.confidence, h.direct, h.as = Certain, true, "by-another"
			h.args = append(h.args, "better-router", out.Target, "pinged", out.Note)
			iv.explain(h, dead)
			rest(h, dead, out)
			return
		}
		for _, r := range iv.net.Defaults {
			if via := r.Fact.Via; via.IsValid() && via != h.addr && r.Fact.Table == diag.MainTable {
				h.more = append(h.more, "cause.path.beyond-router.other-way")
				h.args = append(h.args, "other", via, "proto", r.Fact.Protocol, "metric", r.Fact.Metric)
				h.facts = append(h.facts, diag.FactOf(r))
				break
			}
		}
	},
}

// oneOfSeveral looks for a router that leads nowhere, while the kernel sends by it and by others in turn: which flow goes
// where is chance.
func (iv *ifaceView) oneOfSeveral() (list []hypothesis) {
	turns := iv.net.InTurn()
	for _, router := range turns {
		dead := iv.wayOut(router, diag.Silent, diag.Refused)
		if dead == nil || !iv.resolves(router) {
			continue
		}
		i := slices.IndexFunc(turns, func(other netip.Addr) bool { return iv.wayOut(other, diag.Answered) != nil })
		if i < 0 {
			continue
		}
		out := iv.wayOut(turns[i], diag.Answered)
		h := hypothesis{
			direct: true, beyond: true, confidence: Certain, severity: Warning, subject: Subject{"router", router.String()}, addr: router, as: "in-turn",
			args: []any{"router", router, "better-router", out.Target, "pinged", out.Note},
		}
		for _, r := range iv.net.Defaults {
			if r.Fact.Via == router {
				h.facts = append(h.facts, diag.FactOf(r))
				break
			}
		}
		iv.explain(&h, dead)
		iv.explain(&h, iv.where(func(p *path) bool {
			return p.symptom >= 0 && (p.beyondHost() || p.Outcome == diag.Refused) && (p.TargetClass == diag.TargetInternet || p.Asks == diag.AsksService) && slices.Contains(turns, iv.routerTo(p))
		})...)
		rest(&h, dead, out)
		list = append(list, h)
	}
	return list
}

// wayOut returns a path that asked whether a router leads out, with one of the outcomes; of any router where it is zero; nil:
// there is none.
func (iv *ifaceView) wayOut(router netip.Addr, outcomes ...diag.Outcome) *path {
	for _, p := range iv.paths {
		if p.Asks == diag.AsksWayOut && (!router.IsValid() || p.Target == router) && slices.Contains(outcomes, p.Outcome) {
			return p
		}
	}
	return nil
}

// preferred reports whether the kernel gave a router what it sent out.
func (iv *ifaceView) preferred(router netip.Addr) bool {
	return iv.any(func(p *path) bool {
		return p.TargetClass == diag.TargetInternet && p.Via != diag.ViaWire && (p.Outcome == diag.Silent || p.Outcome == diag.Refused) && iv.routerTo(p) == router
	})
}

// writtenDown holds where no advertisement made the default route by a router.
func writtenDown(v *view, h *hypothesis) bool {
	routes := v.on(h.iface).net.Defaults
	i := slices.IndexFunc(routes, func(r diag.At[diag.Route]) bool { return r.Fact.Via == h.addr })
	return i >= 0 && routes[i].Fact.Protocol != "ra"
}

var icmpBlocked = Cause{
	ID: "path.icmp-blocked", Severity: Warning,
	Remedy: []Remedy{
		inVPC("let-echo-out", "aws ec2 authorize-security-group-egress --group-id <sg-id> --ip-permissions 'IpProtocol=icmpv6,FromPort=-1,ToPort=-1,Ipv6Ranges=[{CidrIpv6=::/0}]'"),
		ask("ask.icmp"),
		inVPC("", "aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}"),
	},
	// Echo is silent beyond the router, and packets do come from there; or nothing else could be tried.
	find: eitherWay(diag.AsksEcho, rule{
		confidence: Likely,
		explains:   all(toward(diag.TargetInternet), asking(diag.AsksEcho), unanswered, fromUs, not(detoured)),
		given: func(iv *ifaceView, _ netip.Addr) bool {
			return (iv.first(all(reachesBeyond, asking(diag.AsksTCP))) != nil || len(iv.flowing()) > 0) && len(iv.oneOfSeveral()) == 0
		},
		denied: all(reachesBeyond, asking(diag.AsksEcho)),
		more: func(iv *ifaceView, h *hypothesis) {
			h.addr = netip.Addr{}
			if p := iv.first(all(reachesBeyond, asking(diag.AsksTCP))); p != nil {
				rest(h, p)
				if iv.first(all(toward(diag.TargetInternet), asking(diag.AsksTCP), unanswered, fromUs, of(func(q *path) bool { return q.Target == p.Target }))) != nil {
					h.confidence = Possible // of connections with the same host some fail as well
				}
				port := p.Note
				if f, ok := p.came.Body.(diag.Frame); ok && port == "" { // it came, and was not let in
					port = strconv.Itoa(int(f.SrcPort))
				}
				if d, ok := p.drop.Body.(diag.Drop); ok && port == "" {
					port = strconv.Itoa(int(d.Frame.SrcPort))
				}
				h.args = []any{"target", p.Target, "port", port}
				return
			}
			flow := iv.flowing()[0]
			h.as, h.args = "flow", []any{"target", flow.Remote.Addr(), "port", flow.Remote.Port()}
			h.facts = append(h.facts, diag.FactOf(iv.s.Flows))
		},
	}),
}

var tcpBlocked = Cause{
	ID: "path.tcp-blocked", Severity: Warning,
	Remedy: []Remedy{
		inVPC("let-tcp-out", "aws ec2 authorize-security-group-egress --group-id <sg-id> --ip-permissions 'IpProtocol=tcp,FromPort=0,ToPort=65535,Ipv6Ranges=[{CidrIpv6=::/0}]'").when(otherwise(as("reset"))),
		ask("ask.tcp").when(otherwise(as("reset"))),
		ask("ask.tcp-reset").when(as("reset")),
		way("", "curl -6 -sv -m 5 -o /dev/null https://[{target}]"),
		inVPC("", "aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}"),
	},
	// Echo is answered beyond the router, and not one connection is.
	find: func(iv *ifaceView) []hypothesis { return append(tcpSilent(iv), iv.resetOnTheWay()...) },
}

var tcpSilent = eitherWay(diag.AsksTCP, rule{
	confidence: Likely, direct: true,
	explains: all(toward(diag.TargetInternet), asking(diag.AsksTCP), unanswered, fromUs, not(detoured), not(locally), not(rewritten), echoed),
	given: func(iv *ifaceView, _ netip.Addr) bool {
		// Of a host that the user named its ports may be filtered, and what stands says that others are not.
		named := iv.first(all(toward(diag.TargetInternet), asking(diag.AsksTCP), of(func(p *path) bool { return p.Given }))) != nil
		return (len(iv.opened()) == 0 || !named) && len(iv.oneOfSeveral()) == 0
	},
	denied: either(all(reachesBeyond, asking(diag.AsksTCP)), all(toward(diag.TargetInternet), asking(diag.AsksTCP), locally)),
	more: func(iv *ifaceView, h *hypothesis) {
		h.args = []any{"target", iv.first(all(toward(diag.TargetInternet), asking(diag.AsksTCP), silence)).Target}
		if iv.first(all(toward(diag.TargetInternet), asking(diag.AsksTCP), silence, echoedToUs)) == nil {
			h.confidence = Possible // what keeps this host from its echoes may stop its connections too
		}
		if flows := iv.opened(); len(flows) > 0 {
			h.confidence = Possible
			h.more = append(h.more, "cause.path.tcp-blocked.stands")
			h.args = append(h.args, "standing", flows[0].Remote)
		} else if len(iv.flowing()) > 0 {
			h.more = append(h.more, "cause.path.tcp-blocked.inbound")
			h.args = append(h.args, "from", iv.flowing()[0].Remote.Addr())
		}
	},
})

// resetOnTheWay looks for connections that something nearer to this host than to whom they are for resets, in its name:
// the hop limit of the reset tells, beside that of the echo reply that the same host sends.
func (iv *ifaceView) resetOnTheWay() []hypothesis {
	h := hypothesis{direct: true, confidence: Likely, beyond: true, as: "reset", subject: Subject{"interface", iv.name}}
	for _, p := range iv.where(func(p *path) bool {
		return p.TargetClass == diag.TargetInternet && p.Asks == diag.AsksTCP && p.Outcome == diag.Answered
	}) {
		reset, near := iv.resetBefore(p)
		if !near {
			return nil // a connection stands, or whom it was for may have refused it
		}
		if len(h.args) == 0 {
			h.args = []any{"target", p.Target, "port", p.Note, "hops", reset.resets, "away", reset.replies}
		}
		iv.explain(&h, p)
		rest(&h, p, reset.echo)
		h.evidence = append(h.evidence, reset.seq)
	}
	if len(h.args) == 0 {
		return nil
	}
	return []hypothesis{h}
}

// A nearReset is a reset from nearer than the echo reply of whom it says that it is from.
type nearReset struct {
	seq             int64
	resets, replies int // how many routers each passed
	echo            *path
}

// resetBefore returns the reset that answered a connection, if it came from nearer to this host than to its target. Ways
// back differ by a router or two, and who is asked may have a firewall of its own before it: neither is half the way.
func (iv *ifaceView) resetBefore(p *path) (nearReset, bool) {
	e, came := iv.s.SegmentOn(*p.Path, false)
	f, _ := e.Body.(diag.Frame)
	resets, known := passed(f.HopLimit)
	if !came || f.Type != diag.TCPRst || f.Src != p.Target || !known {
		return nearReset{}, false
	}
	for _, q := range iv.answers[asked{diag.AsksEcho, p.Target}] {
		for _, seq := range q.Evidence {
			e, _ := iv.s.Evidence(seq)
			reply, is := e.Body.(diag.Frame)
			if !is || reply.Out || reply.Type != diag.EchoReply || reply.Src != p.Target {
				continue
			}
			if replies, known := passed(reply.HopLimit); known {
				return nearReset{e.Seq, resets, replies, q}, 2*resets < replies
			}
		}
	}
	return nearReset{}, false
}

// passed is how many routers a packet passed, by what is left of its hop limit. Hosts begin with 64, 128 or 255, and the
// same host not always with the same; known is false where none of these is near.
func passed(left int) (routers int, known bool) {
	const far = 60 // more than any path of the Internet has
	for _, first := range []int{64, 128, 255} {
		if left > 0 && left <= first {
			return first - left, first-left < far
		}
	}
	return 0, false
}

// eitherWay finds what a rule does; and where this host let out nothing but what asks in one way, that this is what is
// blocked is as possible as that the way is cut.
func eitherWay(asks diag.Asks, r rule) func(*ifaceView) []hypothesis {
	return func(iv *ifaceView) []hypothesis {
		if list := r.find(iv); len(list) > 0 || iv.hearsBeyond() {
			return list
		}
		tried := iv.where(func(p *path) bool {
			return p.TargetClass == diag.TargetInternet && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksTCP) && p.Ours() &&
				(p.fate == unheard || p.fate == turnedAway) && !iv.filtered(p.Source) && !iv.strange(p.Source)
		})
		if len(tried) == 0 || slices.ContainsFunc(tried, func(p *path) bool { return p.Asks != asks }) {
			return nil
		}
		list := slices.DeleteFunc(beyondRouter.find(iv), func(h hypothesis) bool { return h.as != "" })
		for i := range list {
			list[i].as, list[i].more = "alone", nil
		}
		return list
	}
}

// ofNameServer holds of what asks a name server that this host or a router names.
var ofNameServer = in(func(iv *ifaceView, p *path) bool { return iv.normals.asksNameServer(*p.Path) })

// reachesBeyond holds of an answer from beyond the router that came back by this interface, whether or not this host let
// it in.
var reachesBeyond = all(toward(diag.TargetInternet), asking(diag.AsksEcho, diag.AsksTCP), either(answers, arrived), not(detoured))

// arrived holds of a question whose answer came as far as this host.
var arrived = of(func(p *path) bool {
	d, _ := p.drop.Body.(diag.Drop)
	return p.came.Body != nil || droppedIn(p.drop) && d.Frame.Src == p.Target
})

// detoured holds of what the kernel sent by another interface, asked as applications do.
var detoured = of(func(p *path) bool { return p.Detail == "elsewhere" })

// echoedToUs holds of what asks a host that answered an echo from the same source, in the same way; echoed also where
// nothing but a rule of this host kept the answer from who asked so.
var (
	echoed     = either(echoedToUs, all(in(echoedBy(diag.ViaWire)), in(keptFromEcho)))
	echoedToUs = in(func(iv *ifaceView, p *path) bool { return echoedBy(p.Via)(iv, p) })
)

func echoedBy(via diag.Via) func(*ifaceView, *path) bool {
	return func(iv *ifaceView, p *path) bool {
		return slices.ContainsFunc(iv.answers[asked{diag.AsksEcho, p.Target}], func(q *path) bool { return q.Source == p.Source && q.Via == via })
	}
}

// keptFromEcho reports whether a rule of this host's filter kept the answer to an echo from who asks what p does, or may
// have.
func keptFromEcho(iv *ifaceView, p *path) bool {
	return !iv.astray(p) && iv.any(func(q *path) bool {
		return q.Asks == diag.AsksEcho && q.Target == p.Target && q.Source == p.Source && q.Via == p.Via && q.fate == stoppedHere &&
			(q.Errno == "EPERM" || q.drop.Body != nil || slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.applies(f) && (stops(f, q) || concerns(f, q)) }))
	})
}

// rewritten holds of what a rule of this host gives another target or source before it leaves.
var rewritten = in(func(iv *ifaceView, p *path) bool {
	return slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.rewrites(f) && concerns(f, p) })
})

// locally holds of what this host itself stopped.
var locally = of((*path).local)

// recently is for how long an acknowledgement proves that the way is open, in seconds.
const recently = 10

// flowing are the connections of this host with hosts beyond the router which get acknowledged, by an address of
// the interface: packets come and go, whatever becomes of an echo.
func (iv *ifaceView) flowing() []diag.Flow {
	var list []diag.Flow
	age := iv.s.Now.Sub(iv.s.Flows.At).Seconds()
	for _, f := range iv.s.Flows.Fact.List {
		remote := f.Remote.Addr()
		if f.State == diag.FlowEstablished && !f.Stuck() && f.AckedS+age <= recently && iv.net.Configured(f.Local.Addr()) &&
			!iv.near(remote) && iv.s.InterfaceWith(remote) == "" {
			list = append(list, f)
		}
	}
	return list
}

// opened are those of them that this host opened: what others opened says nothing of what it may open itself. When it
// did is not known.
func (iv *ifaceView) opened() []diag.Flow {
	return slices.DeleteFunc(iv.flowing(), func(f diag.Flow) bool { return f.Inbound })
}

// hearsBeyond reports whether anything at all proves the way beyond the router.
func (iv *ifaceView) hearsBeyond() bool {
	return iv.first(reachesBeyond) != nil || len(iv.flowing()) > 0
}

func findRefused(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[string]int{}
	for _, p := range iv.paths {
		named := iv.normals.asksNameServer(*p.Path)
		if p.Outcome != diag.Refused || p.Error == nil || p.Error.Type == diag.PacketTooBig || !p.Ours() || beyondScope(p) || named && p.Error.From == p.Target {
			continue // a name server that refuses is none
		}
		if _, other := iv.passedBy(p.Target); other || iv.spent(p, iv.hopsLeft()) || iv.written(p) {
			continue // it was sent the wrong way, or not far enough
		}
		if !p.Given && translator(iv.net, p.Target).IsValid() && iv.first(reachesBeyond) != nil {
			continue // nat64Missing says so
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"target", p.Target.String()}, addr: p.Target,
			args: []any{"target", p.Target, "from", p.Error.From, "error", diag.DescribeError(*p.Error)},
		}
		if p.Error.From == p.Target {
			h.as, h.severity = "itself", Warning
		}
		switch {
		case named:
			h.severity = Warning
		case !p.Given:
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
func beyondScope(p *path) bool {
	return p.Error.Type == diag.Unreachable && p.Error.Code == 2 && p.Source.IsLinkLocalUnicast()
}

// routerTo is the router that a path's packets go to, as far as is known.
func (iv *ifaceView) routerTo(p *path) netip.Addr {
	router, known := iv.net.Gateway(p.Target, p.Source)
	for _, r := range iv.net.Gateways() {
		if !known && !router.IsValid() && iv.resolves(r) {
			router = r
		}
	}
	return router
}
