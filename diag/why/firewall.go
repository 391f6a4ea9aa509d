package why

import (
	"cmp"
	"fmt"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

var firewall = Cause{
	ID: "host.firewall", Severity: Critical,
	Remedy: []Remedy{
		{
			Does: "let-through", Make: letThrough, Keep: &keep{filter: true},
			Do: []string{"nft 'insert rule {table} {chain} icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept'"},
		},
		ask("ask.queue").when(as("queue")),
		{Does: "rule-away", If: unlike("ipsec"), Make: ruleDeleted, Keep: &keep{filter: true}, Do: []string{"nft delete rule {table} {chain} handle {handle}"}},
		{Does: "policy-away", If: as("ipsec"), Make: ruleDeleted, Keep: &keep{filter: true}, Do: []string{"ip xfrm policy delete index {handle} dir in"}},
		way("more-tracked", "sysctl -w net.netfilter.nf_conntrack_max={more}").when(as("tracking-full")).
			kept(keep{sysctl: "net.netfilter.nf_conntrack_max={more}"}),
		ask("ask.tracking").when(as("invalid")),
		ask("ask.association").when(waits),
		ask("ask.hook").when(as("xdp")),
		way("xdp-away", "ip link set dev {interface} xdpgeneric off", "ip -d link show dev {interface}").when(as("xdp")),
		ask("ask.rule").when(unnamed),
		{Make: listRule, Do: []string{"nft -a list chain {table} {chain}"}},
		way("", "nft -a list ruleset", "ip6tables -S", "ip6tables-legacy -S").when(unnamed),
		way("", "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max").when(as("tracking-full")),
	},
	find: findFirewall,
}

func unnamed(v *view, h *hypothesis) bool {
	return !ruleNamed(v, h) && h.as != "tracking-full" && h.as != "xdp"
}

func ruleNamed(_ *view, h *hypothesis) bool { return h.subject.Kind == "rule" }

// noFilter are the errors that a packet ends with before any packet filter sees it, or after: no route,
// no room in the neighbour table, a hook below.
var noFilter = map[string]bool{"ENETUNREACH": true, "EINVAL": true, "ENOBUFS": true}

// unsure reports whether a path shows nothing but that the kernel's own three solicitations did not get through, where
// packets get lost, or the run was cut short: frames of ours are sent more often, and later.
func (iv *ifaceView) unsure(p *path) bool {
	return p.drop.Body == nil && len(p.Responders) == 0 && (p.failedDiscovery() || p.Outcome == diag.Unsent && p.Errno == "" || p.Asks == diag.AsksND) &&
		(iv.losing > 0 || iv.any(func(q *path) bool { return q.Detail == "timeout" }))
}

// findFirewall names the rules that stand between what the wire answered and what the kernel got,
// one hypothesis for each set of symptoms; and, where none that is readable does, that there must
// be one.
func findFirewall(iv *ifaceView) []hypothesis {
	var inside, byXDP []*path
	wire := iv.any(func(p *path) bool { return p.Via == diag.ViaWire && p.Outcome != diag.OutcomeSkipped })
	for _, p := range iv.paths {
		symptom := p.symptom >= 0
		if d, _ := p.drop.Body.(diag.Drop); symptom && p.local() && d.ByXDP() {
			byXDP = append(byXDP, p)
			continue
		}
		if !symptom && p.fate != deaf || p.Via == diag.ViaWire && p.fate != deaf || !p.Missing() || noFilter[p.Errno] || iv.notDropped(p) || iv.remarked(p) {
			continue
		}
		// No frame of ours asks a service, to tell where its answer ends.
		if p.local() || (!wire || p.Asks == diag.AsksService) && p.Outcome != diag.Refused {
			inside = append(inside, p)
		}
	}
	var list []hypothesis
	merged := map[string]int{}
	for _, f := range iv.filtersSorted() {
		if !iv.applies(f) {
			continue
		}
		h := iv.byRule(f)
		proof, guess := false, false
		for _, p := range inside {
			if !stops(f, p) && (p.fate != deaf || !deafens(f)) {
				continue
			}
			proof, guess = proof || p.local(), guess || !p.local()
			iv.explain(&h, p)
			h.dropped(p.drop)
		}
		if guess && !proof {
			h.confidence = Likely
		}
		if !iv.kernelResolves() {
			iv.explain(&h, iv.where(func(p *path) bool {
				return p.Via != diag.ViaWire && p.Missing() && p.symptom >= 0 && (p.Asks == diag.AsksND || p.failedDiscovery()) && !noFilter[p.Errno] && stops(f, p)
			})...) // whatever else there is against the one that it looks for
		}
		if f.Inbound() && f.Stops(diag.RA) && iv.unusedRouter() != nil {
			iv.explainKind(&h, noDefault, noGlobal)
			iv.explain(&h, iv.routed()...)
		}
		if deafens(f) {
			iv.explainUnheeded(&h)
		}
		key := symptomsKey(h.symptoms)
		if len(h.symptoms) == 0 {
			if !iv.stands(f, &h) {
				continue
			}
			key = fmt.Sprint(h.more)
		} else {
			for _, x := range harms {
				if f.Inbound() == x.in && f.Stops(x.frame) {
					h.dropped(iv.dropsOf(x))
				}
			}
		}
		if i, ok := merged[key]; ok {
			list[i].facts = append(list[i].facts, h.facts...)
			continue
		}
		merged[key] = len(list)
		list = append(list, h)
	}
	if len(byXDP) > 0 {
		h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "xdp", facts: []diag.Event{iv.s.Said(iv.net.Link), byXDP[0].drop}}
		iv.explain(&h, byXDP...)
		list = append(list, h)
	}
	var unnamed []*path
	for _, p := range inside {
		if p.local() && !slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.applies(f) && (stops(f, p) || p.fate == deaf && deafens(f)) }) {
			unnamed = append(unnamed, p)
		}
	}
	list = append(list, iv.notPlaced(&unnamed)...)
	list = append(list, iv.trackingFull(&unnamed)...)
	list = append(list, iv.translated(&unnamed)...)
	list = append(list, iv.concerned(&unnamed)...)
	deafening := iv.deafening()
	list = append(list, deafening...)
	h := iv.byHost()
	iv.explain(&h, unnamed...)
	if !slices.ContainsFunc(unnamed, func(p *path) bool { return !iv.unsure(p) }) && len(unnamed) > 0 {
		h.confidence = weaker(h.confidence, Possible)
	}
	if len(deafening) == 0 && !iv.s.Complete(diag.FeedDrops) && !slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.applies(f) && deafens(f) }) {
		iv.explainUnheeded(&h) // they arrived, and what answers them is the kernel
	}
	if len(unnamed) > 0 || len(h.symptoms) > 0 {
		for _, p := range unnamed {
			h.dropped(p.drop)
		}
		list = append(list, h)
	}
	list = append(list, iv.droppedUnasked(list)...)
	if len(list) == 0 {
		list = iv.firewallInPart()
	}
	for i := range list {
		if list[i].as == "" && len(list[i].symptoms) > 0 && !slices.ContainsFunc(list[i].symptoms, func(y int) bool { return !iv.symptoms[y].byPort() }) {
			list[i].as = "ports"
		}
		if list[i].as == "" && slices.ContainsFunc(list[i].symptoms, iv.discovers) {
			list[i].more = append([]string{"cause.host.firewall.untracked"}, list[i].more...)
		}
		if slices.ContainsFunc(list[i].symptoms, func(y int) bool { return iv.symptoms[y].kind == unheeded }) || slices.ContainsFunc(inside, func(p *path) bool {
			return p.fate == deaf && (slices.Contains(list[i].paths, p.ID) || iv.explains(&list[i], p))
		}) {
			list[i].more = append(list[i].more, "cause.host.firewall.deaf")
		}
	}
	wires := map[diag.Question]*path{}
	for _, p := range iv.paths {
		if p.Via == diag.ViaWire && p.Outcome == diag.Answered {
			wires[diag.QuestionOf(*p.Path)] = p
		}
	}
	for i := range list {
		for _, y := range list[i].symptoms {
			if p := iv.symptoms[y].path; p != nil {
				rest(&list[i], wires[diag.QuestionOf(*p.Path)])
			}
		}
	}
	return list
}

// discovers reports whether a symptom, by its place, is about the messages of neighbour discovery.
func (iv *ifaceView) discovers(place int) bool {
	y := iv.symptoms[place]
	return y.kind == unheeded || y.path != nil && (y.path.Asks == diag.AsksND || y.path.Asks == diag.AsksRS || y.path.failedDiscovery())
}

// notPlaced makes hypotheses of the rules that drop an answer which connection tracking does not know the question of,
// and takes from lost what they explain. The tap saw the answers arrive, and no rule stops all of their kind.
func (iv *ifaceView) notPlaced(lost *[]*path) (list []hypothesis) {
	for _, f := range iv.filtersSorted() {
		if !iv.applies(f) {
			continue
		}
		h := iv.byRule(f)
		h.as, h.confidence = "invalid", Likely
		*lost = slices.DeleteFunc(*lost, func(p *path) bool {
			if !unplaced(f, p) {
				return false
			}
			iv.explain(&h, p)
			h.dropped(p.drop)
			return true
		})
		if len(h.symptoms) > 0 {
			list = append(list, h)
		}
	}
	return list
}

// trackingFull makes a hypothesis of a table of connections that has no room: the kernel drops what begins one
// (net/netfilter/nf_conntrack_core.c, nf_conntrack_in), and what it does not track passes. It takes from lost what that
// explains.
func (iv *ifaceView) trackingFull(lost *[]*path) []hypothesis {
	use := iv.s.TableUse
	if use.TrackedMost == 0 {
		return nil
	}
	h := iv.byHost()
	h.as, h.more = "tracking-full", nil
	h.args = append(h.args, "tracked", use.Tracked, "most", use.TrackedMost, "more", 2*use.TrackedMost)
	h.facts = append(h.facts, iv.s.Said(diag.TableUse{}))
	*lost = slices.DeleteFunc(*lost, func(p *path) bool {
		// Of a connection the kernel tries again, and tells nobody.
		begun := (p.Asks == diag.AsksTCP || p.Asks == diag.AsksService) && p.silent() && p.came.Body == nil && !droppedIn(p.drop)
		if p.Asks == diag.AsksND || p.Errno != "EPERM" && !begun {
			return false
		}
		iv.explain(&h, p)
		h.dropped(p.drop)
		return true
	})
	if len(h.symptoms) == 0 {
		return nil
	}
	return []hypothesis{h}
}

// explainUnheeded has h explain that this host does not answer for its addresses.
func (iv *ifaceView) explainUnheeded(h *hypothesis) {
	iv.explainKind(h, unheeded)
	for _, y := range iv.symptoms {
		if y.iface == iv.name && y.kind == unheeded {
			h.facts = append(h.facts, iv.traffic.sought[y.addr])
		}
	}
}

// byHost is a hypothesis that something on this host is in the way which could not be read.
func (iv *ifaceView) byHost() hypothesis {
	return hypothesis{
		confidence: Likely, subject: Subject{"host", words.Clean(iv.s.Run.Host)}, more: []string{"cause.host.firewall.unnamed"},
		args: []any{"rule", words.Say("cause.host.firewall.some-rule")},
	}
}

// dropped has the kernel's word, if there is one, make a hypothesis certain.
func (h *hypothesis) dropped(e diag.Event) {
	d, said := e.Body.(diag.Drop)
	if !said {
		return
	}
	h.confidence = Certain
	h.facts = append(h.facts, e)
	h.more = slices.DeleteFunc(h.more, func(key string) bool { return key == "cause.host.firewall.unnamed" })
	if !slices.Contains(h.more, "cause.host.firewall.dropped") {
		h.more = append(h.more, "cause.host.firewall.dropped")
		h.args = append(h.args, "reason", d.Reason, "function", cmp.Or(d.Function, words.Say("word.unknown")))
	}
}

// notDropped reports whether the kernel would have said if a rule had taken what is missing, and said
// nothing: no filter of this host did. What a rule rejects on its way out it counts to lo (net/ipv6/netfilter/
// nf_reject_ipv6.c, nf_send_unreach6), where nobody listens; and of what no program takes from a queue, what goes
// elsewhere or what IPsec blocks it says nothing that names a filter.
func (iv *ifaceView) notDropped(p *path) bool {
	feed := diag.FeedDrops
	if p.Asks == diag.AsksTCP || p.Asks == diag.AsksService {
		feed = diag.FeedPorts
	}
	if slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool {
		unsaid := f.Verdict == "reject" && !f.Inbound() || f.Verdict == "queue" || f.Verdict == "translate" || f.Verdict == "hop-limit" || f.Tool == diag.ToolIPsec
		return unsaid && iv.hereOn(f) && (stops(f, p) || concerns(f, p))
	}) {
		return false
	}
	return iv.s.Complete(feed) && p.fate == stoppedHere && p.silent() && p.drop.Body == nil && (feed == diag.FeedPorts || p.Reaches() || p.Asks == diag.AsksMTU)
}

// droppedUnasked makes hypotheses of what the kernel says that rules dropped and nobody here asked for, as far
// as the interface cannot do without it and none of list has it.
func (iv *ifaceView) droppedUnasked(list []hypothesis) []hypothesis {
	h := iv.byHost()
	var what []string
	for _, x := range harms {
		e := iv.dropsOf(x)
		d, _ := e.Body.(diag.Drop)
		if e.Body == nil || d.ByXDP() && slices.ContainsFunc(list, func(o hypothesis) bool { return o.as == "xdp" }) || iv.answersWire(e) || x.matters != nil && !x.matters(iv) || slices.ContainsFunc(list, func(o hypothesis) bool {
			return slices.ContainsFunc(o.facts, func(f diag.Event) bool { return f.Seq == e.Seq }) || slices.Contains(o.more, x.key())
		}) {
			continue
		}
		h.dropped(e)
		h.more = append(h.more, x.key())
		what = append(what, words.Say(x.key()+".what"))
		if x.severity == Critical || h.severity == "" {
			h.severity = x.severity
		}
		if x.frame == diag.NS && x.in || x.frame == diag.NA && !x.in {
			iv.explainUnheeded(&h)
		}
		if x.frame == diag.DHCPv6Frame {
			iv.keptFromLease(&h)
		}
	}
	if len(what) == 0 {
		return nil
	}
	h.as, h.direct = "dropped", true
	h.args = append(h.args, "what", listed(what))
	return []hypothesis{h}
}

// answersWire reports whether a packet that was dropped is an error about a frame of ours: connection tracking knows
// of no such frame, and takes the error for nothing that it let out.
func (iv *ifaceView) answersWire(e diag.Event) bool {
	dropped := e.Body.(diag.Drop).Frame
	return dropped.Quoted != nil && iv.any(func(p *path) bool {
		return p.Via == diag.ViaWire && slices.ContainsFunc(p.Evidence, func(seq int64) bool {
			seen, _ := iv.s.Evidence(seq)
			f, ok := seen.Body.(diag.Frame)
			return ok && f.Key() == dropped.Key()
		})
	})
}

// firewallInPart looks for answers that all arrived, by wire, and of which the kernel passed on a part: a
// rule with a limit, or one that takes packets by chance.
func (iv *ifaceView) firewallInPart() []hypothesis {
	h := hypothesis{
		severity: Warning, direct: true, confidence: Likely, as: "in-part", subject: Subject{"host", words.Clean(iv.s.Run.Host)},
	}
	rule := words.Say("cause.host.firewall.some-rule")
	questions := iv.inPart()
	lost, sent := 0, 0
	counted := map[diag.Question]bool{} // whichever checks asked
	for _, p := range iv.paths {
		wire := questions[diag.QuestionOf(*p.Path)]
		if wire == nil || wire.Via != diag.ViaWire || wire.lossy() || p.Via != diag.ViaKernel || p.Asks != diag.AsksEcho || !p.lossy() || iv.shaken(p) {
			continue
		}
		if iv.traffic.sought[p.Source].Body != nil && !iv.traffic.told[p.Source] {
			continue // who sends the answers asks for the source in vain, and may still have known it for a part of them
		}
		if q := diag.QuestionOf(*p.Path); !counted[q] {
			counted[q] = true
			lost += p.Sent - p.Received
			sent += p.Sent
		}
		iv.explain(&h, p)
		rest(&h, p, wire)
		for _, f := range iv.filtersSorted() {
			if h.subject.Kind != "rule" && iv.applies(f) && f.Inbound() && f.Stops(diag.EchoReply) {
				rule = ruleName(f)
				h.subject = Subject{"rule", rule}
				h.facts = append(h.facts, iv.s.Said(f))
				h.args = append(h.args, "table", f.Table, "chain", f.Chain)
			}
		}
	}
	if lost < 2 || (len(iv.floods()) > 0 || iv.toAnother()) && h.subject.Kind != "rule" {
		return nil
	}
	h.args = append(h.args, "rule", rule, "lost", lost, "sent", sent)
	return []hypothesis{h}
}
