package why

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// all of what is said of a router, a lease or a path when the interface itself is out of order.
var hiddenByInterface = []string{
	"router.advertisement-ignored", "router.not-default", "route.missing", "dhcpv6.no-client",
	"dhcpv6.no-address", "address.expiring", "host.source-selection", "host.routing",
	"host.neighbour-override", "path.lossy", "net.router-silent", "net.multicast-suppressed",
}

var hostCauses = []Cause{
	{
		ID: "host.link-down", Severity: Critical, Hides: append([]string{"host.ipv6-disabled"}, hiddenByInterface...),
		Remedy: always("ip link set dev {interface} up", "ip -d link show dev {interface}"),
		find:   findLinkDown,
	},
	{
		ID: "host.ipv6-disabled", Severity: Critical, Hides: hiddenByInterface,
		Remedy: []Remedy{
			{Command: "ip link set dev {interface} mtu 1500", If: func(_ *view, h *hypothesis) bool { return h.as == "mtu" }},
			{Command: "sysctl -w net.ipv6.conf.{interface}.disable_ipv6=0", If: func(_ *view, h *hypothesis) bool { return h.as == "" }},
		},
		find: findIPv6Disabled,
		contradicted: func(iv *ifaceView, _ hypothesis) bool {
			return slices.ContainsFunc(iv.addresses, func(a diag.At[diag.Address]) bool { return a.Fact.Flags.Usable() })
		},
	},
	{
		ID: "host.neighbour-table-full", Severity: Critical,
		Remedy: always(
			"sysctl -w net.ipv6.neigh.default.gc_thresh3=8192 net.ipv6.neigh.default.gc_thresh2=4096 net.ipv6.neigh.default.gc_thresh1=1024",
			"ip -6 neigh show | wc -l",
		),
		find: findTableFull,
	},
	{
		ID: "host.neighbour-override", Severity: Critical,
		Remedy: always("ip -6 neigh del {address} dev {interface}"),
		find:   findOverride,
	},
	{
		ID: "host.egress-hook", Severity: Critical,
		Remedy: always("tc filter show dev {interface} egress", "nft list ruleset", "bpftool net show dev {interface}"),
		find:   findEgressHook,
		contradicted: func(iv *ifaceView, _ hypothesis) bool {
			return iv.any(func(p *diag.Path) bool { return p.Via == diag.ViaWire && p.Asks == diag.AsksND && p.Sent > 0 }) &&
				!iv.any(func(p *diag.Path) bool {
					return p.Via == diag.ViaWire && p.Outcome == diag.Unsent && p.Asks != diag.AsksND
				})
		},
	},
	{
		ID: "host.firewall", Severity: Critical,
		Remedy: []Remedy{
			{Command: "nft -a list chain {table} {chain}", If: ruleNamed},
			{
				Command: "nft insert rule {table} {chain} icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, echo-request, echo-reply } accept",
				If:      ruleNamed,
			},
			{Command: "nft list ruleset", If: func(v *view, h *hypothesis) bool { return !ruleNamed(v, h) }},
			{Command: "ip6tables -S", If: func(v *view, h *hypothesis) bool { return !ruleNamed(v, h) }},
		},
		find: findFirewall,
	},
	{
		ID: "host.source-selection", Severity: Critical,
		Remedy: []Remedy{
			{Command: "ip -6 addr del {address}/{len} dev {interface}"},
			{Command: "ip -6 addr change {address}/{len} dev {interface} preferred_lft 0"},
			{
				Command: "aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-addresses {address}", AWS: true,
				If: assignable,
			},
		},
		find: findSourceSelection, contradicted: sourceSpoke,
	},
	{
		ID: "host.routing", Severity: Critical,
		Remedy: []Remedy{
			{Command: "ip -6 route get {target} from {address}", If: hasSource},
			{Command: "ip -6 route get {target}", If: func(v *view, h *hypothesis) bool { return !hasSource(v, h) }},
			{Command: "ip -6 rule add from {address} lookup 10000", If: hasSource},
			{Command: "ip -6 route add default via {router} dev {interface} table 10000", If: hasSource},
			{Command: "ip -6 route show table all type unreachable", If: func(v *view, h *hypothesis) bool { return !hasSource(v, h) && h.as == "" }},
			{Command: "ip -6 route del {route}", If: func(_ *view, h *hypothesis) bool { return h.as != "" }},
		},
		find: findRouting,
	},
	{
		ID: "host.forwards-unassigned", Severity: Warning,
		Remedy: slices.Concat(
			onAWS(
				"aws ec2 assign-ipv6-addresses --network-interface-id {eni} --ipv6-prefix-count 1",
				"aws ec2 modify-network-interface-attribute --network-interface-id {eni} --no-source-dest-check",
				"aws ec2 create-route --route-table-id RTB --destination-ipv6-cidr-block P --network-interface-id {eni}",
			),
			always("nft add rule ip6 nat postrouting oifname {interface} masquerade"),
		),
		find: findForwards,
	},
}

func hasSource(_ *view, h *hypothesis) bool { return h.addr.IsValid() }

func ruleNamed(_ *view, h *hypothesis) bool { return h.subject.Kind == "rule" }

func findLinkDown(iv *ifaceView) []hypothesis {
	if !iv.known || iv.link.Up && iv.link.Carrier {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, facts: []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})},
	}
	if iv.link.Up {
		h.more = []string{"cause.host.link-down.carrier"}
	} else {
		h.more = []string{"cause.host.link-down.admin"}
	}
	iv.explainAll(&h)
	return []hypothesis{h}
}

// leastMTU is what IPv6 demands of a link (RFC 8200 §5); the kernel runs none on one that carries less.
const leastMTU = 1280

func findIPv6Disabled(iv *ifaceView) []hypothesis {
	value, e, _ := iv.sysctl("disable_ipv6")
	if iv.known && iv.link.Up && iv.link.MTU > 0 && iv.link.MTU < leastMTU {
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "mtu", args: []any{"mtu", iv.link.MTU},
			facts: []diag.Event{iv.s.Said(diag.Link{Interface: iv.name})},
		}
		iv.explainAll(&h)
		return []hypothesis{h}
	}
	if value != "1" {
		return nil
	}
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, facts: []diag.Event{e}}
	iv.explainAll(&h)
	return []hypothesis{h}
}

func findTableFull(iv *ifaceView) []hypothesis {
	u := iv.s.TableUse
	// A packet for which no entry can be made is refused with EINVAL (net/ipv6/ip6_output.c,
	// ip6_finish_output2) or ENOBUFS. ENOBUFS by wire is a hook that drops what leaves.
	unmade := func(p *diag.Path) bool {
		return p.Via == diag.ViaKernel && p.Outcome == diag.Unsent && (p.Errno == "EINVAL" || p.Errno == "ENOBUFS")
	}
	refused := (u.NoBuffers || iv.any(unmade)) && !iv.any(func(p *diag.Path) bool { return p.Via == diag.ViaWire && p.Errno == "ENOBUFS" })
	// Entries counts the permanent ones too, which have no limit (net/core/neighbour.c, neigh_alloc): a
	// table that never refused one is not full, whatever their number.
	if !refused || u.Thresh3 > 0 && (10*u.Entries < 9*u.Thresh3 || u.TableFulls == 0) {
		return nil
	}
	full := u.Thresh3 > 0 && u.Entries >= u.Thresh3
	h := hypothesis{
		direct: full, confidence: Certain, subject: Subject{"host", words.Clean(iv.s.Run.Host)},
		args: []any{"entries", u.Entries, "limit", diag.OrUnknown(u.Thresh3)}, facts: []diag.Event{iv.s.Said(diag.TableUse{})},
	}
	if !full {
		h.confidence = Likely
	}
	for _, p := range iv.paths {
		if p.Via == diag.ViaKernel && p.Missing() && (unmade(p) || p.Detail == "unresolved" || p.Asks == diag.AsksND) {
			iv.explain(&h, p)
		}
	}
	if !h.direct && len(h.symptoms) == 0 {
		return nil
	}
	return []hypothesis{h}
}

func findOverride(iv *ifaceView) []hypothesis {
	var list []hypothesis
	found := map[netip.Addr]bool{}
	for _, p := range iv.paths {
		if found[p.Target] || p.Asks != diag.AsksND || p.Via != diag.ViaWire || p.Outcome != diag.Answered || iv.overridden(p.Target) != p {
			continue
		}
		found[p.Target] = true
		n := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: p.Target}]
		h := hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(p.Target), addr: p.Target, facts: []diag.Event{diag.FactOf(n)},
			args: []any{"address", p.Target, "static", n.Fact.MAC, "answered", p.Responders[0].MAC},
		}
		rest(&h, p)
		for _, q := range iv.paths {
			through := q.TargetClass == diag.TargetInternet || q.TargetClass == diag.TargetService
			if q.Missing() && (q.Target == p.Target || through && iv.theirs(p.Target)) {
				iv.explain(&h, q)
			}
		}
		list = append(list, h)
	}
	return list
}

// overridden returns the answer of the wire that a static entry for a neighbour contradicts; nil where
// there is none.
func (iv *ifaceView) overridden(addr netip.Addr) *diag.Path {
	n, ok := iv.s.Neighbours[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
	if !ok || !n.Fact.State.Fixed() || n.Fact.MAC == (diag.MAC{}) {
		return nil
	}
	for _, p := range iv.answers[asked{diag.AsksND, addr}] {
		if p.Via == diag.ViaWire && len(p.Responders) > 0 &&
			!slices.ContainsFunc(p.Responders, func(r diag.Responder) bool { return r.MAC == n.Fact.MAC || r.MAC == (diag.MAC{}) }) {
			return p
		}
	}
	return nil
}

// findEgressHook looks for our own frames that never left: tc and netdev egress drop after the
// firewall's output hooks and before the tap's copy is made, and say ENOBUFS.
func findEgressHook(iv *ifaceView) []hypothesis {
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}}
	proof := false
	for _, p := range iv.paths {
		if p.Outcome != diag.Unsent {
			continue
		}
		wire := p.Via == diag.ViaWire && p.Errno == "ENOBUFS"
		proof = proof || wire
		if wire || p.Via == diag.ViaKernel && (p.Errno == "ENOBUFS" || p.Detail == "not-seen-leaving" || p.Errno == "") {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	if !proof {
		return nil
	}
	// What never left cannot have been answered: silence of the kernel's own questions follows.
	for _, p := range iv.paths {
		if _, ok := iv.byPath[p.ID]; ok && p.Via == diag.ViaKernel && p.Outcome == diag.Silent && p.Sent == 0 {
			iv.explain(&h, p)
		}
	}
	for _, f := range iv.s.Filters {
		if iv.applies(f) && f.Hook == "egress" {
			h.facts = append(h.facts, iv.s.Said(f))
			h.subject = Subject{"rule", ruleName(f)}
			break
		}
	}
	return []hypothesis{h}
}

func (iv *ifaceView) applies(f diag.Filter) bool {
	return (f.Interface == "" || f.Interface == iv.name) && (f.Verdict == "drop" || f.Verdict == "reject")
}

// inward reports whether a hook sees what arrives.
func inward(hook string) bool {
	switch hook {
	case "prerouting", "input", "ingress", "forward":
		return true
	default:
		return false
	}
}

func ruleName(f diag.Filter) string {
	return words.Clean(strings.TrimSpace(f.Table + " " + f.Chain + ": " + f.Rule))
}

// stops reports whether a rule of this host can be why the kernel got no answer: it drops a frame
// that the question or its answer needs.
func stops(f diag.Filter, p *diag.Path) bool {
	var need []diag.FrameType
	in := inward(f.Hook)
	// The kernel's discovery that was seen to leave no solicitation had begun before.
	never := p.Outcome == diag.Unsent || p.Sent == 0 && p.Asks != diag.AsksND && p.Detail != "unresolved"
	switch {
	case f.Hook == "egress":
		return false // drops our own frames too: host.egress-hook
	case in && never, p.Via == diag.ViaWire:
		return false
	case in && p.Asks == diag.AsksND, in && p.Detail == "unresolved":
		need = []diag.FrameType{diag.NA}
	case in && p.Asks == diag.AsksEcho:
		need = []diag.FrameType{diag.EchoReply}
	case in && p.Asks == diag.AsksRS:
		need = []diag.FrameType{diag.RA}
	case p.Asks == diag.AsksND || p.Detail == "unresolved":
		need = []diag.FrameType{diag.NS}
	case p.Asks == diag.AsksEcho:
		need = []diag.FrameType{diag.EchoRequest, diag.NS}
	case p.Asks == diag.AsksRS:
		need = []diag.FrameType{diag.RS}
	}
	return slices.ContainsFunc(need, func(t diag.FrameType) bool { return slices.Contains(f.Matches, string(t)) })
}

// local reports whether a kernel path's missing answer must be this host's doing: the same
// question was answered on the wire, or the kernel was not allowed to send it.
func (iv *ifaceView) local(p *diag.Path) bool {
	if iv.deaf(p) {
		return true
	}
	if p.Via != diag.ViaKernel || !p.Missing() || p.Outcome == diag.Refused {
		return false
	}
	if p.Errno == "EPERM" || p.Errno == "EACCES" && p.Outcome == diag.Unsent {
		return true
	}
	if p.Asks == diag.AsksService && p.Detail == "unresolved" {
		// No frame of ours asks for a service; what resolves the way to it is seen on the wire.
		return iv.any(func(r *diag.Path) bool {
			return r.Via == diag.ViaWire && r.Asks == diag.AsksND && r.TargetClass == diag.TargetRouter && r.Outcome == diag.Answered && r.Ours()
		})
	}
	return iv.s.Answered(diag.ViaWire, diag.QuestionOf(*p))
}

// excused reports whether a silence is not the asked one's: it was answered too late, or this host does not
// answer for its own address.
func (iv *ifaceView) excused(p *diag.Path) bool { return iv.late(p) || iv.deaf(p) }

// deaf reports whether an answer may be missing because this host does not answer for the source it
// asked with: somebody solicited for that, and no advertisement left. Who cannot resolve cannot answer.
func (iv *ifaceView) deaf(p *diag.Path) bool {
	return p.Outcome == diag.Silent && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU) && p.Detail != "unresolved" && iv.unanswered()[p.Source]
}

// deafens reports whether a rule of this host can be why it does not answer for its addresses.
func deafens(f diag.Filter) bool {
	if inward(f.Hook) {
		return slices.Contains(f.Matches, string(diag.NS))
	}
	return slices.Contains(f.Matches, string(diag.NA))
}

// unanswered are the usable addresses of the interface that others solicited for and this host never
// advertised.
func (iv *ifaceView) unanswered() map[netip.Addr]bool {
	if iv.deafTo != nil {
		return iv.deafTo
	}
	iv.deafTo = map[netip.Addr]bool{}
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if !ok || f.Interface != iv.name || f.Bad != "" {
			continue
		}
		switch {
		case f.Type == diag.NS && !f.Out && !f.Src.IsUnspecified() && !iv.ownMAC(f.SrcMAC):
			a, ours := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: f.Target}]
			_, answered := iv.deafTo[f.Target]
			if ours && a.Fact.Flags.Usable() && !a.Fact.Passing() && !answered && iv.s.Now.Sub(e.At) >= settled {
				iv.deafTo[f.Target] = true
			}
		case f.Type == diag.NA && f.Out:
			iv.deafTo[f.Target] = false
		}
	}
	return iv.deafTo
}

// noFilter are the errors that a packet ends with before any packet filter sees it, or after: no route,
// no room in the neighbour table, a hook below.
var noFilter = map[string]bool{"ENETUNREACH": true, "EINVAL": true, "ENOBUFS": true}

// findFirewall names the rules that stand between what the wire answered and what the kernel got,
// one hypothesis for each set of symptoms; and, where none that is readable does, that there must
// be one.
func findFirewall(iv *ifaceView) []hypothesis {
	var inside []*diag.Path
	wire := iv.any(func(p *diag.Path) bool { return p.Via == diag.ViaWire && p.Outcome != diag.OutcomeSkipped })
	for _, p := range iv.paths {
		_, symptom := iv.byPath[p.ID]
		if !symptom && !iv.deaf(p) || p.Via != diag.ViaKernel && !iv.deaf(p) || !p.Missing() || noFilter[p.Errno] {
			continue
		}
		if iv.local(p) || !wire && p.Outcome != diag.Refused {
			inside = append(inside, p)
		}
	}
	var list []hypothesis
	merged := map[string]int{}
	for _, f := range iv.filtersSorted() {
		if !iv.applies(f) {
			continue
		}
		h := hypothesis{
			confidence: Certain, subject: Subject{"rule", ruleName(f)},
			args:  []any{"rule", ruleName(f), "table", f.Table, "chain", f.Chain, "hook", f.Hook, "handle", f.Handle},
			facts: []diag.Event{iv.s.Said(f)},
		}
		for _, p := range inside {
			if !stops(f, p) && (!iv.deaf(p) || !deafens(f)) {
				continue
			}
			if !iv.local(p) {
				h.confidence = Likely
			}
			iv.explain(&h, p)
		}
		if slices.Contains(f.Matches, string(diag.RA)) && inward(f.Hook) && iv.unusedRouter() != nil {
			iv.explainKind(&h, noDefault, noGlobal)
			iv.explain(&h, iv.routed()...)
		}
		if len(h.symptoms) == 0 {
			continue
		}
		slices.Sort(h.symptoms)
		key := symptomsKey(h.symptoms)
		if i, ok := merged[key]; ok {
			list[i].facts = append(list[i].facts, h.facts...)
			continue
		}
		merged[key] = len(list)
		list = append(list, h)
	}
	var unnamed []*diag.Path
	for _, p := range inside {
		if iv.local(p) && !slices.ContainsFunc(iv.s.Filters, func(f diag.Filter) bool { return iv.applies(f) && (stops(f, p) || iv.deaf(p) && deafens(f)) }) {
			unnamed = append(unnamed, p)
		}
	}
	if len(unnamed) > 0 {
		h := hypothesis{confidence: Likely, subject: Subject{"host", words.Clean(iv.s.Run.Host)}, more: []string{"cause.host.firewall.unnamed"}}
		h.args = []any{"rule", words.Say("cause.host.firewall.some-rule")}
		iv.explain(&h, unnamed...)
		for _, p := range unnamed {
			rest(&h, p)
		}
		list = append(list, h)
	}
	if len(list) == 0 {
		list = iv.firewallInPart()
	}
	for i := range list {
		if slices.ContainsFunc(inside, func(p *diag.Path) bool {
			return iv.deaf(p) && (slices.Contains(list[i].paths, p.ID) || iv.explains(&list[i], p))
		}) {
			list[i].more = append(list[i].more, "cause.host.firewall.deaf")
		}
	}
	wires := map[diag.Question]*diag.Path{}
	for _, p := range iv.paths {
		if p.Via == diag.ViaWire && p.Outcome == diag.Answered {
			wires[diag.QuestionOf(*p)] = p
		}
	}
	for i := range list {
		for _, y := range list[i].symptoms {
			if p := iv.symptoms[y].path; p != nil {
				rest(&list[i], wires[diag.QuestionOf(*p)])
			}
		}
	}
	return list
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
	for _, p := range iv.paths {
		wire := questions[diag.QuestionOf(*p)]
		if wire == nil || wire.Via != diag.ViaWire || lossy(wire) || p.Via != diag.ViaKernel || p.Asks != diag.AsksEcho || !lossy(p) {
			continue
		}
		lost += p.Sent - p.Received
		sent += p.Sent
		iv.explain(&h, p)
		rest(&h, p, wire)
		for _, f := range iv.filtersSorted() {
			if h.subject.Kind != "rule" && iv.applies(f) && inward(f.Hook) && slices.Contains(f.Matches, string(diag.EchoReply)) {
				rule = ruleName(f)
				h.subject = Subject{"rule", rule}
				h.facts = append(h.facts, iv.s.Said(f))
				h.args = append(h.args, "table", f.Table, "chain", f.Chain)
			}
		}
	}
	if lost < 2 {
		return nil
	}
	h.args = append(h.args, "rule", rule, "lost", lost, "sent", sent)
	return []hypothesis{h}
}

func (iv *ifaceView) filtersSorted() []diag.Filter {
	list := slices.Clone(iv.s.Filters)
	diag.SortFunc(list, func(a, b diag.Filter) int { return strings.Compare(ruleName(a), ruleName(b)) })
	return list
}

// selections returns what the kernel answered about its routing that concerns the interface, in a
// fixed order.
func (v *view) selections() []diag.Selection {
	list := make([]diag.Selection, 0, len(v.s.Selections))
	for _, sel := range v.s.Selections {
		list = append(list, sel)
	}
	diag.SortFunc(list, func(a, b diag.Selection) int {
		if c := a.Dst.Compare(b.Dst); c != 0 {
			return c
		}
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return strings.Compare(a.Bound, b.Bound)
	})
	return list
}

// findSourceSelection looks for destinations for which the kernel, left to itself, would choose a
// source that the network drops, although the interface has one that it lets through.
func findSourceSelection(iv *ifaceView) []hypothesis {
	if !iv.hasUsableGlobal() {
		return nil
	}
	var list []hypothesis
	at := map[netip.Addr]int{}
	selections := iv.selections()
	rank := iv.mattering(selections)
	diag.SortFunc(selections, func(a, b diag.Selection) int { return rank[b.Dst] - rank[a.Dst] })
	for _, sel := range selections {
		if sel.From.IsValid() || sel.Errno != "" || sel.Interface != iv.name || diag.ScopeOf(sel.Dst) == diag.LinkLocalScope ||
			sel.Dst.IsMulticast() || diag.ScopeOf(sel.Source) == diag.LinkLocalScope {
			continue
		}
		a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: sel.Source}]
		if !ok || a.Fact.Passing() || !iv.filtered(sel.Source) {
			continue
		}
		i, ok := at[sel.Source]
		if !ok {
			h := iv.about(a)
			h.confidence = iv.assignmentConfidence()
			if iv.silenced(sel.Source) {
				h.confidence = Certain
			}
			so := "in-part"
			if rank[sel.Dst] == mattersMost {
				so = "cut-off"
			}
			h.args = append(h.args, "target", sel.Dst, "so", words.Say("cause.host.source-selection."+so))
			i = len(list)
			at[sel.Source] = i
			list = append(list, h)
		}
		list[i].facts = append(list[i].facts, iv.s.Said(sel))
	}
	return list
}

// mattersMost is what a host on the Internet matters as an example.
const mattersMost = 3

// mattering says how good an example each destination is of what this host speaks to: an Internet
// host, a peer, anything else, an address of the router itself.
func (iv *ifaceView) mattering(selections []diag.Selection) map[netip.Addr]int {
	class := map[netip.Addr]diag.TargetClass{}
	for _, p := range iv.paths {
		class[p.Target] = p.TargetClass
	}
	prefixes := iv.s.LinkPrefixes(iv.name)
	rank := map[netip.Addr]int{}
	for _, sel := range selections {
		dst := sel.Dst
		reserved := slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return diag.ReservedIn(p, dst) })
		switch {
		case class[dst] == diag.TargetInternet, slices.Contains(iv.s.Run.Internet, dst):
			rank[dst] = mattersMost
		case class[dst] == diag.TargetRouter, reserved:
			rank[dst] = 0
		case class[dst] == diag.TargetPeer:
			rank[dst] = 2
		default:
			rank[dst] = 1
		}
	}
	return rank
}

// findRouting looks for what the kernel would send the wrong way, or refuse: a network that
// filters by interface drops what leaves by another than its source's.
func findRouting(iv *ifaceView) []hypothesis {
	var list []hypothesis
	at := map[Subject]int{}
	add := func(h hypothesis) {
		i, ok := at[h.subject]
		if !ok {
			at[h.subject] = len(list)
			list = append(list, h)
			return
		}
		// The same route, or address, in the way of another destination.
		list[i].symptoms = append(list[i].symptoms, h.symptoms...)
		list[i].paths = append(list[i].paths, h.paths...)
		list[i].evidence = append(list[i].evidence, h.evidence...)
	}
	for _, sel := range iv.selections() {
		if sel.Dst.IsLinkLocalUnicast() || sel.Dst.IsMulticast() || sel.Bound != "" && sel.Bound != iv.name {
			continue
		}
		switch {
		case sel.Errno != "":
			if h, ok := iv.refusedRoute(sel); ok {
				add(h)
			}
		case sel.From.IsValid() && sel.Interface != iv.name && sel.Interface != "":
			if h, ok := iv.wrongWay(sel); ok {
				add(h)
			}
		case sel.Interface == iv.name && !sel.Via.IsValid():
			if h, ok := iv.noGateway(sel); ok {
				add(h)
			}
		case sel.Interface == iv.name:
			if h, ok := iv.throughHost(sel); ok {
				add(h)
			}
		}
	}
	return list
}

// silentBeyond has h explain what got no answer from a host that is not on the link, and reports whether
// that is so of all that was asked of it.
func (iv *ifaceView) silentBeyond(h *hypothesis, dst, from netip.Addr) bool {
	for _, p := range iv.paths {
		if p.Target != dst || p.Asks != diag.AsksEcho || from.IsValid() && p.Source != from {
			continue
		}
		if p.Outcome == diag.Answered && p.Via == diag.ViaKernel {
			return false
		}
		if p.Missing() {
			iv.explain(h, p)
			rest(h, p)
		}
	}
	if len(h.symptoms) == 0 {
		return false
	}
	iv.explain(h, iv.where(func(p *diag.Path) bool { return p.TargetClass == diag.TargetService && p.Missing() && iv.astray(p) })...)
	return true
}

// astray reports whether this host's routing sends a path's packets where no router is.
func (iv *ifaceView) astray(p *diag.Path) bool {
	via, known := iv.gatewayOf(p)
	if known && !via.IsValid() {
		route, ok := iv.routeTo(p.Target, via)
		return ok && route.Fact.Dst.Bits() == 0 && iv.link.Ethernet
	}
	_, host := iv.misled(p)
	return host
}

// routeTo returns the most specific route that leads to a destination by a gateway, or by none.
func (iv *ifaceView) routeTo(dst, via netip.Addr) (best diag.At[diag.Route], ok bool) {
	for k, r := range iv.s.Routes {
		if k.Interface == iv.name && k.Type == "unicast" && k.Via == via && k.Dst.Contains(dst) && (!ok || moreSpecific(r.Fact, best.Fact)) {
			best, ok = r, true
		}
	}
	return best, ok
}

// noGateway looks for a default route that names no router: the kernel then takes every host for a
// neighbour, and asks for it on the link.
func (iv *ifaceView) noGateway(sel diag.Selection) (hypothesis, bool) {
	route, ok := iv.routeTo(sel.Dst, netip.Addr{})
	if !ok || route.Fact.Dst.Bits() != 0 || !iv.link.Ethernet {
		return hypothesis{}, false
	}
	name := diag.DescribeRoute(route.Fact, diag.Forever)
	h := hypothesis{
		confidence: Certain, direct: true, subject: Subject{"route", name}, as: "no-gateway",
		args: []any{"target", sel.Dst, "router", iv.gateway(), "route", name}, facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route)},
	}
	return h, iv.silentBeyond(&h, sel.Dst, sel.From)
}

// throughHost looks for a way out that leads through a neighbour which says that it is no router.
func (iv *ifaceView) throughHost(sel diag.Selection) (hypothesis, bool) {
	na, ok := iv.misled(&diag.Path{Target: sel.Dst, Source: sel.From})
	route, known := iv.routeTo(sel.Dst, sel.Via)
	if !ok || !known {
		return hypothesis{}, false
	}
	name := diag.DescribeRoute(route.Fact, diag.Forever)
	h := hypothesis{
		confidence: Likely, subject: Subject{"route", name}, as: "through-host",
		args: []any{"target", sel.Dst, "gateway", sel.Via, "router", iv.gateway(), "route", name}, facts: []diag.Event{iv.s.Said(sel), diag.FactOf(route), na},
	}
	return h, iv.silentBeyond(&h, sel.Dst, sel.From)
}

func (iv *ifaceView) wrongWay(sel diag.Selection) (hypothesis, bool) {
	a, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: sel.From}]
	out := iv.s.Links[sel.Interface]
	if !ok || !iv.global(a.Fact) || iv.filtered(sel.From) || out.Loopback {
		return hypothesis{}, false
	}
	if _, both := iv.s.Addresses[diag.InterfaceAddr{Interface: sel.Interface, Address: sel.From}]; both {
		return hypothesis{}, false
	}
	h := hypothesis{
		direct: true, confidence: Certain, subject: addressSubject(sel.From), addr: sel.From,
		args: []any{
			"address", sel.From, "target", sel.Dst, "other", sel.Interface, "router", iv.gateway(),
			"what", words.Say("cause.host.routing.by-way", "address", sel.From, "other", sel.Interface),
		},
		facts: []diag.Event{iv.s.Said(sel), diag.FactOf(a)}, more: []string{"cause.host.routing.wrong-way"},
	}
	for _, p := range iv.paths {
		beyond := p.TargetClass == diag.TargetInternet || p.TargetClass == diag.TargetService
		if p.Via == diag.ViaKernel && p.Missing() && p.Source == sel.From && (beyond || p.Target == sel.Dst) {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	// Another Ethernet of a filtering network drops it; elsewhere (a VPN, a host that forwards) only
	// a missing answer says that it matters.
	if !iv.profile.Filters || !out.Ethernet {
		h.direct, h.confidence = false, Likely
	}
	return h, h.direct || len(h.symptoms) > 0
}

func (iv *ifaceView) gateway() string {
	for _, a := range iv.routerAddresses() {
		return a.String()
	}
	return "ROUTER"
}

// refusals are the route types that refuse (ip-route(8)) and rule actions of the same names.
var refusals = []string{"unreachable", "blackhole", "prohibit"}

func (iv *ifaceView) refusedRoute(sel diag.Selection) (hypothesis, bool) {
	h := hypothesis{
		direct: true, confidence: Certain, facts: []diag.Event{iv.s.Said(sel)}, subject: Subject{"target", sel.Dst.String()},
		more: []string{"cause.host.routing.refused"},
	}
	if sel.From.IsValid() {
		if _, ok := iv.s.Addresses[diag.InterfaceAddr{Interface: iv.name, Address: sel.From}]; !ok {
			return h, false
		}
		h.addr = sel.From
		h.args = append(h.args, "address", sel.From, "router", iv.gateway())
	}
	rule, what := false, words.Say("cause.host.routing.by-rule")
	var best diag.At[diag.Route]
	for k, r := range iv.s.Routes {
		if !slices.Contains(refusals, k.Type) || !k.Dst.Contains(sel.Dst) || best.Fact.Type != "" && !moreSpecific(r.Fact, best.Fact) {
			continue
		}
		best, rule = r, true
	}
	if rule {
		what = words.Say("cause.host.routing.by-route", "route", diag.DescribeRoute(best.Fact, diag.Forever))
		h.facts = append(h.facts, diag.FactOf(best))
		h.subject = Subject{"route", diag.DescribeRoute(best.Fact, diag.Forever)}
	}
	for r := range iv.s.Rules {
		if slices.Contains(refusals, r.Action) {
			rule = true
		}
	}
	// Without a route that refuses it is the missing default route that refuses, which has causes
	// of its own.
	if !rule {
		return h, false
	}
	h.args = append(h.args, "target", sel.Dst, "errno", sel.Errno, "what", what)
	for _, p := range iv.paths {
		if p.Via == diag.ViaKernel && p.Outcome == diag.Unsent && (p.Target == sel.Dst || best.Fact.Type != "" && best.Fact.Dst.Contains(p.Target)) {
			iv.explain(&h, p)
			rest(&h, p)
		}
	}
	return h, true
}

// moreSpecific orders routes for one destination: the longer prefix, then the lower table and metric.
func moreSpecific(a, b diag.Route) bool {
	if a.Dst.Bits() != b.Dst.Bits() {
		return a.Dst.Bits() > b.Dst.Bits()
	}
	if a.Table != b.Table {
		return a.Table > b.Table
	}
	if a.Metric != b.Metric {
		return a.Metric < b.Metric
	}
	return a.Type < b.Type
}

// findForwards looks for frames that left with sources which the interface does not own and the
// program did not try.
func findForwards(iv *ifaceView) []hypothesis {
	if iv.s.Checks[diag.CheckKey{ID: "added", Interface: iv.name}].State == diag.CheckRunning {
		return nil // a claim whose paths are not settled looks the same
	}
	var sources []netip.Addr
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}}
	for key, f := range iv.s.Foreign {
		addr := key.Address
		if key.Interface != iv.name || iv.configured(addr) || iv.isCandidate(addr) ||
			iv.s.ClassOf(iv.name, addr) == diag.SourceAssigned || iv.heldByUs(addr) {
			continue
		}
		sources = append(sources, addr)
		h.facts = append(h.facts, diag.FactOf(f))
	}
	if len(sources) == 0 {
		return nil
	}
	if !iv.profile.Filters {
		h.severity, h.confidence = Info, Likely
	} else if !iv.s.AssignmentKnown(iv.name, diag.GlobalScope) {
		h.confidence = Likely
	}
	diag.SortFunc(sources, netip.Addr.Compare)
	diag.SortFunc(h.facts, func(a, b diag.Event) int { return int(a.Seq - b.Seq) })
	h.facts = h.facts[:min(8, len(h.facts))]
	h.args = []any{"source", sources[0], "count", len(sources)}
	return []hypothesis{h}
}

// heldByUs reports whether a source was an address of the interface that is gone now and that the
// program asked from.
func (iv *ifaceView) heldByUs(addr netip.Addr) bool {
	return iv.any(func(p *diag.Path) bool { return p.Source == addr })
}
