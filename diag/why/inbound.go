package why

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// InboundUnanswered is the name of the cause that others ask this host and it does not answer them.
const InboundUnanswered = "host.inbound-unanswered"

// Whether this host is to answer others is its owner's to say: what a rule or a setting keeps from them is told, and is
// no fault.
var inboundUnanswered = Cause{
	ID: InboundUnanswered, Severity: Info, Working: true,
	Remedy: []Remedy{
		way("answer-echo", "sysctl -w net.ipv6.icmp.echo_ignore_all=0").when(as("ignored")).kept(keep{sysctl: "net.ipv6.icmp.echo_ignore_all=0"}),
		{
			Does: "route-by-source", If: as("elsewhere"), Make: bySource,
			Do:   []string{"ip -6 route add default via ROUTER dev {interface} table 10000", "ip -6 rule add from {address} lookup 10000"},
			Keep: &keep{up: true},
		},
		{Does: "way-back", If: as("no-way-back"), Make: wayBack, Do: []string{"ip -6 route add {from}/128 via ROUTER dev {interface}"}, Keep: &keep{up: true}},
		ask("ask.inbound").when(as("")),
		ask("ask.rule").when(as("rule", "tcp", "rule-out", "tcp-out")),
		way("", "nft -a list ruleset", "ip6tables -S").when(as("rule", "tcp", "rule-out", "tcp-out", "")),
		way("", "sysctl net.ipv6.icmp.echo_ignore_all").when(as("ignored")),
		way("", "ip -6 route get {from} from {address} oif {interface}").when(as("no-way-back", "elsewhere", "")),
		way("", "tcpdump -ni {interface} host {from}").when(as("")),
	},
	find: findInboundUnanswered,
}

// bySource sends what has an address by a router of its own interface.
func bySource(v *view, h *hypothesis) []string {
	return []string{"ip -6 route add default via " + v.on(h.iface).gateway() + " dev {interface} table 10000", "ip -6 rule add from {address} lookup 10000"}
}

// wayBack leads to who asks by a router of the interface that the question came by.
func wayBack(v *view, h *hypothesis) []string {
	return []string{"ip -6 route add {from}/128 via " + v.on(h.iface).gateway() + " dev {interface}"}
}

// findInboundUnanswered looks for echo requests and connections of others that arrived for an address of the interface
// and that this host did not answer: one hypothesis for each reason.
func findInboundUnanswered(iv *ifaceView) []hypothesis {
	if !iv.s.Complete(diag.FeedFrames) || !iv.s.Complete(diag.FeedNetlink) {
		return nil
	}
	found := map[string]*hypothesis{}
	ports := map[string]map[uint16]bool{} // that were tried
	// Whoever knocks at many ports makes as many calls as are remembered: what all of them need is worked out once.
	own, mine := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for k := range iv.s.Addresses {
		own[k.Address] = true
	}
	isMine := func(addr netip.Addr) bool {
		is, known := mine[addr]
		if !known {
			is = iv.answersFor(addr)
			mine[addr] = is
		}
		return is
	}
	echo, echoRuled := iv.stopsCalls(diag.EchoRequest, diag.EchoReply)
	tcp, tcpRuled := iv.stopsCalls(diag.TCPSyn, diag.TCPSynAck)
	for _, key := range iv.traffic.callers() {
		c := iv.traffic.calls[key]
		if c.answered || !isMine(key.to) || !answerable(key.from) || own[key.from] || iv.s.Now.Sub(c.first.At) < settled {
			continue
		}
		rule, ruled := echo, echoRuled
		if key.port != 0 {
			rule, ruled = tcp, tcpRuled
		}
		h, ok := iv.unansweredCall(key, c, rule, ruled)
		if !ok {
			continue
		}
		if found[h.as] == nil {
			found[h.as] = &h
		} else if kept := found[h.as]; len(kept.facts) < callFacts {
			kept.facts = append(kept.facts, h.facts...)
		}
		if ports[h.as] == nil {
			ports[h.as] = map[uint16]bool{}
		}
		ports[h.as][key.port] = true
	}
	var list []hypothesis
	for _, as := range diag.SortedKeys(found) {
		h := *found[as]
		var names []string
		for _, port := range diag.SortedKeys(ports[as]) {
			names = append(names, fmt.Sprint(port))
		}
		h.args = append(h.args, "ports", words.List(names))
		list = append(list, h)
	}
	return list
}

// callFacts bounds what a finding points at.
const callFacts = 8

// callers are who asked what, in order.
func (t *traffic) callers() []callKey {
	list := make([]callKey, 0, len(t.calls))
	for key := range t.calls {
		list = append(list, key)
	}
	diag.SortFunc(list, func(a, b callKey) int {
		return cmp.Or(a.to.Compare(b.to), cmp.Compare(a.port, b.port), a.from.Compare(b.from))
	})
	return list
}

// answersFor reports whether what comes for an address comes for this interface.
func (iv *ifaceView) answersFor(addr netip.Addr) bool {
	a, configured := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
	return configured && a.Fact.Flags.Usable() && !a.Fact.Passing() && !iv.isCandidate(addr)
}

// answerable reports whether an answer can go to an address.
func answerable(addr netip.Addr) bool {
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast() && !addr.IsLoopback()
}

// unansweredCall says why this host did not answer a request, as far as that can be known: a rule may stop such. ok is
// false where it need not have answered, and where it is told otherwise.
func (iv *ifaceView) unansweredCall(key callKey, c *call, rule diag.Filter, ruled bool) (h hypothesis, ok bool) {
	h = hypothesis{
		direct: true, confidence: Certain, severity: Info, subject: Subject{"interface", iv.name}, addr: key.to,
		args:  []any{"address", key.to, "from", key.from},
		facts: []diag.Event{c.last},
	}
	drop, _ := c.dropped.Body.(diag.Drop)
	h.facts = append(h.facts, c.dropped, c.elsewhere)
	ignored, setting := iv.ignoresEcho()
	switch {
	case key.port != 0 && !drop.ByFilter() && !ruled:
		return h, false // nobody listens there, or its queue is full: that is not for this program to say
	case drop.ByFilter() || ruled:
		h.as = "rule"
		if key.port != 0 {
			h.as = "tcp"
		}
		if ruled && !rule.Inbound() || !ruled && drop.Frame.Out {
			h.as += "-out"
		}
		if !drop.ByFilter() {
			h.confidence = Likely
		}
		h.args = append(h.args, "rule", words.Say("cause.host.firewall.some-rule"))
		if ruled {
			h.args = append([]any{"rule", ruleName(rule)}, h.args...)
			h.facts = append(h.facts, iv.s.Said(rule))
		}
	case ignored:
		h.as = "ignored"
		h.facts = append(h.facts, setting)
	case c.elsewhere.Body != nil:
		h.as, h.severity = "elsewhere", Warning
		h.args = append(h.args, "other", c.elsewhere.Body.(diag.Frame).Interface)
	case iv.unknownAsker(key.from):
		return h, false // the answer waits for who asked, and does not find it
	case drop.Reason != "":
		h.as, h.severity, h.confidence = "no-way-back", Warning, Likely
	default:
		h.severity, h.confidence = Warning, Likely
		if iv.rulesUnread() {
			h.severity, h.confidence = Info, Possible
		}
	}
	return h, true
}

// ignoresEcho reports whether this host is told to answer no echo.
func (iv *ifaceView) ignoresEcho() (is bool, said diag.Event) {
	key := diag.SysctlKey{Name: "icmp.echo_ignore_all"}
	return iv.s.Sysctls[key] == "1", iv.s.Said(key)
}

// stopsCalls returns a rule that lets requests not in, or answers not out.
func (iv *ifaceView) stopsCalls(in, out diag.FrameType) (diag.Filter, bool) {
	list := iv.filtersSorted()
	i := slices.IndexFunc(list, func(f diag.Filter) bool {
		return iv.applies(f) && (f.Inbound() && f.Stops(in) || !f.Inbound() && f.Stops(out))
	})
	if i < 0 {
		return diag.Filter{}, false
	}
	return list[i], true
}

// unknownAsker reports whether this host could not find the neighbour by which an answer to an address would go.
func (iv *ifaceView) unknownAsker(addr netip.Addr) bool {
	hops := []netip.Addr{addr}
	if !iv.near(addr) {
		hops = iv.net.Gateways()
	}
	for _, hop := range hops {
		if n, ok := iv.s.Neighbours.Find(diag.InterfaceAddr{Interface: iv.name, Address: hop}); ok && n.Fact.State.Resolved() {
			return false
		}
	}
	return true
}

// rulesUnread reports whether rules of this host may be there that could not be read.
func (iv *ifaceView) rulesUnread() bool {
	if !iv.s.Complete(diag.FeedFilters) {
		return true
	}
	for key := range iv.s.Hooks {
		if key.Interface == "" || key.Interface == iv.name {
			return true
		}
	}
	return false
}
