package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/across"
)

// Where another host watched at the same time, a silence between the two is a place. These causes were seen on both
// sides, so they stand whatever silence alone would be taken for.
var (
	farNotArrived = Cause{
		ID: "far.not-arrived", Severity: Warning,
		Remedy: []Remedy{
			ask("ask.far-way"),
			inVPC("", "aws ec2 describe-network-interfaces --filters Name=ipv6-addresses.ipv6-address,Values={peer} --query 'NetworkInterfaces[].Groups'"),
		},
		find: lostAt(across.NotArrived, nil),
	}
	farNotAnswered = Cause{
		ID: "far.not-answered", Severity: Warning,
		Remedy: []Remedy{
			ask("ask.far-filter").when(as("filter", "drop")),
			ask("ask.far-address").when(as("not-configured")),
			ask("ask.far-ignored").when(as("ignored")),
			ask("ask.far-stack").when(as("", "unread")),
		},
		find: lostAt(across.NotAnswered, func(h *hypothesis, t *across.Trace) {
			switch t.Why {
			case across.Unexplained:
			case "":
				h.as = "unread"
			default:
				h.as = string(t.Why)
			}
			h.args = append(h.args, "what", t.What)
		}),
	}
	farAnswerLost = Cause{
		ID: "far.answer-lost", Severity: Warning,
		Remedy: []Remedy{
			ask("ask.far-back"),
			way("", "tcpdump -ni {interface} 'icmp6 and host {peer}'"),
			inVPC("", "aws ec2 describe-network-acls --filters Name=association.subnet-id,Values={subnet}"),
		},
		find: lostAt(across.AnswerLost, nil),
	}
)

// What another host asks of this one, and never gets an answer to. What arrives and is not answered is told already
// (host.inbound-unanswered).
var farCallLost = Cause{
	ID: "far.call-lost", Severity: Warning, Working: true,
	Remedy: []Remedy{
		ask("ask.far-call").when(as("")),
		ask("ask.far-reply").when(as("answer")),
		way("", "tcpdump -ni {interface} 'icmp6 and host {from}'"),
	},
	find: findCallLost,
}

// findCallLost looks for echoes and connections of other hosts that did not arrive here, or whose answer did not arrive
// there: one hypothesis for each address of this host. Where answers to this host's own questions are lost as well, that
// says it.
func findCallLost(iv *ifaceView) (list []hypothesis) {
	told := map[netip.Addr]bool{}
	for _, h := range iv.fars {
		for _, c := range h.Asked() {
			lost := c.Place == across.NotArrived || c.Place == across.AnswerLost
			if !lost || c.Asks == diag.AsksND || iv.s.InterfaceWith(c.Target) != iv.name || told[c.Target] || iv.deafTo(h) {
				continue
			}
			told[c.Target] = true
			x := hypothesis{
				direct: true, confidence: Likely, subject: addressSubject(c.Target), addr: c.Target, facts: c.Evidence,
				args: []any{"address", c.Target, "from", c.Source, "host", h.Name(), "sent", c.Sent, "arrived", c.Arrived, "answered", c.Answered},
			}
			if c.Sure {
				x.confidence = Certain
			}
			if c.Place == across.AnswerLost {
				x.as = "answer"
			}
			list = append(list, x)
		}
	}
	return list
}

// deafTo reports whether another host's answers to this one are lost.
func (iv *ifaceView) deafTo(h *across.Host) bool {
	return iv.any(func(p *path) bool { return p.trace != nil && p.trace.Host == h && p.trace.Place == across.AnswerLost })
}

// lostAt is the rule for what was lost at a place.
func lostAt(place across.Place, more func(*hypothesis, *across.Trace)) func(*ifaceView) []hypothesis {
	here := of(func(p *path) bool {
		return p.trace != nil && p.trace.Place == place && (p.fate == unheard || p.fate == unresolved) &&
			!p.Target.IsMulticast() && p.Asks != diag.AsksMTU // of which the small ones came through
	})
	answeredElse := in(func(iv *ifaceView, p *path) bool {
		q := diag.QuestionOf(*p.Path)
		if q.Asks = p.Asks; p.trace != nil {
			q.Asks = p.trace.Asks
		}
		return iv.reached[q]
	})
	return rule{
		about: target, kind: "peer", arg: "peer", direct: true, confidence: Likely,
		explains: all(symptomatic, here, not(answeredElse)),
		more: func(iv *ifaceView, h *hypothesis) {
			// The trace that follows most: the questions of one path may be few.
			var most *across.Trace
			for _, p := range iv.paths {
				if p.Target == h.addr && iv.explains(h, p) && (most == nil || p.trace.Sent > most.Sent) {
					most = p.trace
				}
			}
			if most == nil {
				return
			}
			if most.Sure {
				h.confidence = Certain
			}
			h.facts = append(h.facts, most.Evidence...)
			if most.Asks == diag.AsksTCP {
				h.more = append(h.more, "cause.far.tcp")
			}
			h.args = append(h.args, "host", most.Host.Name(), "sent", most.Sent, "arrived", most.Arrived, "answered", most.Answered)
			if more != nil {
				more(h, most)
			}
		},
	}.find
}

// follow traces what another host saw of every question that got no answer, or not all.
func (iv *ifaceView) follow() {
	for _, p := range iv.paths {
		if !p.Missing() && p.fate != partly {
			continue
		}
		for _, h := range iv.fars {
			if t := h.Follow(*p.Path); t.Place != across.Unknown {
				p.trace = &t
				iv.traces[p.ID] = t
				break
			}
		}
	}
}

// lostBetween sums up what other hosts saw of questions that were answered in part, or not at all, in a sentence of that
// name.
func (iv *ifaceView) lostBetween(h *hypothesis, name string, paths []*path) {
	var sum across.Trace
	var told []diag.Question
	for _, p := range paths {
		q := diag.QuestionOf(*p.Path)
		if t := p.trace; t != nil && t.Sure && !slices.Contains(told, q) {
			told = append(told, q)
			sum.Host = t.Host
			sum.Sent += t.Sent
			sum.Arrived += t.Arrived
			sum.Answered += t.Answered
			sum.Returned += t.Returned
		}
	}
	if sum.Host != nil {
		h.more = append(h.more, name)
		h.args = append(h.args, "host", sum.Host.Name(), "left", sum.Sent, "arrived", sum.Arrived, "answered", sum.Answered, "returned", sum.Returned)
	}
}
