package why

import (
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

func (iv *ifaceView) applies(f diag.Filter) bool {
	return (f.Interface == "" || f.Interface == iv.name) && slices.Contains([]string{"drop", "reject", "hop-limit"}, f.Verdict)
}

func ruleName(f diag.Filter) string {
	return words.Clean(strings.TrimSpace(f.Table + " " + f.Chain + ": " + f.Rule))
}

// stops reports whether a rule of this host can be why the kernel got no answer: it drops a frame
// that the question or its answer needs.
func stops(f diag.Filter, p *path) bool {
	var need []diag.FrameType
	in := f.Inbound()
	// The kernel's discovery that was seen to leave no solicitation had begun before.
	never := p.Outcome == diag.Unsent || p.Sent == 0 && p.Asks != diag.AsksND && !p.failedDiscovery()
	switch {
	case f.Hook == "egress":
		return false // drops our own frames too: host.egress-hook
	case in && never, p.Via == diag.ViaWire:
		return false
	case in && p.Asks == diag.AsksND, in && p.failedDiscovery():
		need = []diag.FrameType{diag.NA}
	case in && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU):
		need = []diag.FrameType{diag.EchoReply}
	case in && p.Asks == diag.AsksRS:
		need = []diag.FrameType{diag.RA}
	case p.Asks == diag.AsksTCP || p.Asks == diag.AsksService && p.Target == diag.IMDSIPv6:
		// What the tap saw arrive had been let out.
		if arrived := p.came.Body != nil || droppedIn(p.drop); in && arrived {
			need = []diag.FrameType{diag.TCPSynAck}
		} else if !in && !arrived {
			need = []diag.FrameType{diag.TCPSyn}
		}
	case p.Asks == diag.AsksService:
		need = []diag.FrameType{diag.UDPFrame}
	case p.Asks == diag.AsksND || p.failedDiscovery():
		need = []diag.FrameType{diag.NS}
	case p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU:
		need = []diag.FrameType{diag.EchoRequest, diag.NS}
	case p.Asks == diag.AsksRS:
		need = []diag.FrameType{diag.RS}
	}
	return slices.ContainsFunc(need, f.Stops)
}

// unplaced reports whether a rule of this host can be why an answer was lost that connection tracking took for none.
func unplaced(f diag.Filter, p *path) bool {
	f.Matches = f.Invalid
	return f.Inbound() && stops(f, p)
}

// deafens reports whether a rule of this host can be why it does not answer for its addresses.
func deafens(f diag.Filter) bool {
	if f.Inbound() {
		return f.Stops(diag.NS)
	}
	return f.Stops(diag.NA)
}

func (iv *ifaceView) filtersSorted() []diag.Filter { return filtersSorted(iv.s) }

func filtersSorted(s *diag.State) []diag.Filter {
	list := slices.Clone(s.Filters)
	diag.SortFunc(list, func(a, b diag.Filter) int { return strings.Compare(ruleName(a), ruleName(b)) })
	return list
}

// byRule is a hypothesis that a rule of this host is in the way.
func (iv *ifaceView) byRule(f diag.Filter) hypothesis {
	h := hypothesis{
		confidence: Certain, subject: Subject{"rule", ruleName(f)},
		args:  []any{"rule", ruleName(f), "table", f.Table, "chain", f.Chain, "hook", f.Hook, "handle", f.Handle},
		facts: []diag.Event{iv.s.Said(f)},
	}
	switch {
	case f.Tool == diag.ToolIPsec:
		h.as = "ipsec"
	case f.Verdict == "hop-limit":
		h.as = "hop-limit"
	}
	return h
}

// A harm is what a rule does by standing there, whether anybody asked or not: it stops what an interface
// cannot do without (RFC 4890 §4.4.1 lists what must not be dropped). What it means is in the catalogue under
// cause.host.firewall.harm.<in or out>.<frame>.
type harm struct {
	in       bool
	frame    diag.FrameType
	severity Severity
	// matters says whether the interface does without it after all; nil: never.
	matters func(*ifaceView) bool
	// passes reports whether it was seen to pass all the same.
	passes func(*ifaceView) bool
}

// key is where the catalogue has the words of a harm.
func (x harm) key() string {
	way := "out"
	if x.in {
		way = "in"
	}
	return "cause.host.firewall.harm." + way + "." + string(x.frame)
}

// dropsOf returns the newest of what the kernel says that a rule dropped of the kind that a harm is about.
func (iv *ifaceView) dropsOf(x harm) diag.Event { return iv.traffic.dropped[dropKind{!x.in, x.frame}] }

var harms = []harm{
	{in: true, frame: diag.NS, severity: Critical, passes: (*ifaceView).advertises},
	{in: true, frame: diag.NA, severity: Critical, passes: (*ifaceView).kernelResolves},
	{in: false, frame: diag.NS, severity: Critical, passes: (*ifaceView).kernelResolves},
	{in: false, frame: diag.NA, severity: Critical, passes: (*ifaceView).advertises},
	{in: true, frame: diag.RA, severity: Warning, matters: (*ifaceView).livesByRA},
	{in: true, frame: diag.DHCPv6Frame, severity: Warning, matters: (*ifaceView).livesByDHCPv6},
	{in: false, frame: diag.DHCPv6Frame, severity: Warning, matters: (*ifaceView).livesByDHCPv6},
	{in: true, frame: diag.PacketTooBig, severity: Warning},
	{in: true, frame: diag.MLD, severity: Warning, matters: (*ifaceView).queriedMLD, passes: (*ifaceView).reportsMLD},
	{in: false, frame: diag.MLD, severity: Warning, passes: (*ifaceView).reportsMLD},
	{in: true, frame: diag.RedirectFrame, severity: Info, matters: (*ifaceView).isRedirected},
}

// stands reports whether a rule does harm by standing there, and has h say which.
func (iv *ifaceView) stands(f diag.Filter, h *hypothesis) bool {
	var what []string
	var seen []diag.Event
	for _, x := range harms {
		if f.Inbound() != x.in || !f.Stops(x.frame) || x.matters != nil && !x.matters(iv) || x.passes != nil && x.passes(iv) {
			continue
		}
		h.more = append(h.more, x.key())
		what = append(what, words.Say(x.key()+".what"))
		if e := iv.dropsOf(x); e.Body != nil {
			seen = append(seen, e)
		}
		if x.severity == Critical || h.severity == "" {
			h.severity = x.severity
		}
	}
	if len(what) == 0 {
		return false
	}
	if f.Stops(diag.DHCPv6Frame) {
		iv.keptFromLease(h)
	}
	if f.Tool != diag.ToolIPsec {
		h.as = "standing"
	}
	h.direct, h.confidence = true, Likely
	for _, e := range seen {
		h.dropped(e)
	}
	if len(seen) == 0 {
		h.more = append([]string{"cause.host.firewall.standing.unseen"}, h.more...)
	}
	if f.Handle == 0 || strings.Contains(f.Rule, "ct state") { // no rule names them, and none lets them through
		h.more = append([]string{"cause.host.firewall.standing.untracked"}, h.more...)
	}
	h.args = append(h.args, "what", listed(what))
	return true
}

// keptFromLease has what stops DHCPv6 explain that the interface has no address, where it is to have one by that.
func (iv *ifaceView) keptFromLease(h *hypothesis) {
	if h.severity == Warning && !iv.hasUsableGlobal() && iv.livesByDHCPv6() {
		h.severity = Critical
		iv.explainKind(h, noGlobal, absent)
	}
}

// advertises reports whether this host was seen to answer a solicitation.
func (iv *ifaceView) advertises() bool { return len(iv.traffic.told) > 0 }

// kernelResolves reports whether the kernel's own neighbour discovery was answered.
func (iv *ifaceView) kernelResolves() bool {
	return iv.any(func(p *path) bool {
		return p.Asks == diag.AsksND && p.Via == diag.ViaKernel && p.Outcome == diag.Answered
	})
}

// reportsMLD reports whether a group membership of this host was seen leaving.
func (iv *ifaceView) reportsMLD() bool { return iv.traffic.mldReports > 0 }

// isRedirected reports whether a router was heard to name a better way.
func (iv *ifaceView) isRedirected() bool { return len(iv.traffic.redirects) > 0 }

// queriedMLD reports whether somebody on the link asks who listens. Where nobody does, nobody forgets who.
func (iv *ifaceView) queriedMLD() bool { return iv.traffic.mldQueries > 0 }

// livesByRA reports whether the interface's way out is what a router advertises.
func (iv *ifaceView) livesByRA() bool {
	return slices.ContainsFunc(iv.net.Defaults, func(r diag.At[diag.Route]) bool { return r.Fact.Protocol == "ra" }) ||
		len(iv.net.Defaults) == 0 && len(iv.net.Offering()) > 0
}

// livesByDHCPv6 reports whether the interface has its addresses by DHCPv6, or is to: a router says so, and a
// client of this host was seen at it, left an address or a lease, or manages the interface.
func (iv *ifaceView) livesByDHCPv6() bool {
	if iv.managed() == nil {
		return false
	}
	_, working := iv.clientAtWork()
	manager := iv.s.Managers[iv.name].Name
	leased := slices.ContainsFunc(iv.addresses, func(a diag.At[diag.Address]) bool { return iv.looksLeased(a.Fact) })
	return working || leased || len(iv.s.Leases[iv.name].Addresses) > 0 || manager != "" && manager != "none"
}
