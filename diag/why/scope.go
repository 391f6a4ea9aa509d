package why

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// Unasked is something of which nothing is said because it was not asked. What could not be asked although
// it was wanted is Unknown.
type Unasked struct {
	// What is one of the Unasked* or a check's ID.
	What string
	Why  string // part of a sentence
}

// What may not have been asked, besides checks.
const (
	UnaskedNetwork   = "network"  // nothing was sent at all
	UnaskedInternet  = "internet" // beyond the router
	UnaskedPeers     = "peers"
	UnaskedRouters   = "routers"   // of more default routers than are asked
	UnaskedSources   = "sources"   // of more addresses than are asked from
	UnaskedRules     = "rules"     // of what only some packets are concerned that this host sends
	UnaskedRulesIn   = "rules-in"  // the same of what it gets
	UnaskedFound     = "found"     // whether others find this host by multicast
	UnaskedForwarded = "forwarded" // what this host forwards for others, as for containers
	UnaskedInbound   = "inbound"   // who can reach this host, which no host can find out about itself
)

// notAsked lists what was not asked.
func (v *view) notAsked(findings []Finding) []Unasked {
	var list []Unasked
	if v.s.Run.Passive {
		return []Unasked{{UnaskedNetwork, words.Say("unasked.why.passive")}}
	}
	on := func(ids ...string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return !v.leftOut(id) })
	}
	out := v.outward()
	if missing, all := without(out, diag.TargetInternet); (all || len(missing) > 0) && on("internet", "source") {
		why := words.Say("unasked.why.internet-by", "interfaces", listed(missing))
		switch {
		case v.s.Run.InternetOff:
			why = words.Say("unasked.why.internet-none")
		case len(out) == 0:
			why = words.Say("unasked.why.internet-inward")
		case all:
			why = words.Say("unasked.why.internet")
		}
		list = append(list, Unasked{UnaskedInternet, why})
	}
	if missing, all := without(v.ifaces, diag.TargetPeer); len(missing) > 0 && len(v.s.Run.Peers) == 0 && on("peer-nd", "peer-echo") {
		why := words.Say("unasked.why.peers-on", "interfaces", listed(missing))
		if all {
			why = words.Say("unasked.why.peers")
		}
		list = append(list, Unasked{UnaskedPeers, why})
	}
	list = append(list, v.leftOfMany()...)
	for _, id := range diag.CheckOrder {
		switch {
		case v.leftOut(id):
			list = append(list, Unasked{id, words.Say("unasked.why.left-out")})
		case id == "added" && v.s.Run.Add == diag.AddNone:
			list = append(list, Unasked{id, words.Say("unasked.why.added")})
		}
	}
	for _, what := range []string{UnaskedRules, UnaskedRulesIn} {
		if why := v.ruledInPart(findings, what == UnaskedRulesIn); why != "" {
			list = append(list, Unasked{what, why})
		}
	}
	if missing := v.unfound(); len(missing) > 0 && on("all-nodes") {
		list = append(list, Unasked{UnaskedFound, words.Say("unasked.why.found", "interfaces", listed(missing))})
	}
	if others := v.forwardsFor(); len(others) > 0 {
		list = append(list, Unasked{UnaskedForwarded, words.Say("unasked.why.forwarded", "interfaces", listed(others))})
	}
	why := words.Say("unasked.why.inbound")
	if v.profile.AWS {
		why = words.Say("unasked.why.inbound-aws")
	}
	return append(list, Unasked{UnaskedInbound, why})
}

// forwardsFor are the interfaces from which this host forwards what others send, as containers do, and that were not examined:
// what is asked from here passes other rules than theirs.
func (v *view) forwardsFor() (names []string) {
	if !slices.ContainsFunc(v.ifaces, func(iv *ifaceView) bool {
		on, _ := iv.sysctl("forwarding")
		return on == "1" && len(iv.net.Defaults) > 0
	}) {
		return nil
	}
	for _, name := range diag.SortedKeys(v.s.Links) {
		l := v.s.Links[name]
		on, _ := v.s.Sysctl(name, "forwarding")
		if on == "0" || !l.Up || !l.Carrier || l.Loopback || l.Gone || slices.Contains(v.s.Run.Interfaces, name) || len(v.normals.link(name).Defaults) > 0 {
			continue
		}
		if slices.ContainsFunc(v.s.AddressesOn(name), func(a diag.At[diag.Address]) bool {
			return !a.Fact.Address.IsLinkLocalUnicast() && a.Fact.Flags.Usable()
		}) {
			names = append(names, name)
		}
	}
	return names
}

// unfound are the interfaces on which nobody was heard to ask for this host by multicast, where a network passes that.
func (v *view) unfound() (names []string) {
	if v.profile.NoMulticast || v.profile.Apart {
		return nil
	}
	for _, iv := range v.ifaces {
		if !iv.traffic.askedByGroup && !iv.any(func(p *path) bool { return p.Asks == diag.AsksFound && p.fate == answered }) {
			names = append(names, iv.name)
		}
	}
	return names
}

// ruledInPart names the rules that stop some of what leaves, or of what comes, by what our questions are all the same in: the length, say, or
// the user. Of what they may be meant for nothing is known. Empty where there is none.
func (v *view) ruledInPart(findings []Finding, inbound bool) string {
	var rules, by []string
	for _, f := range filtersSorted(v.s) {
		if f.Inbound() != inbound || len(f.By) == 0 || f.Verdict != "drop" && f.Verdict != "reject" || blamed(findings, f) ||
			!slices.ContainsFunc(v.ifaces, func(iv *ifaceView) bool { return iv.hereOn(f) }) {
			continue
		}
		if name := ruleName(f); !slices.Contains(rules, name) {
			rules = append(rules, name)
		}
		for _, what := range f.By {
			if word := words.Say("unasked.by." + what); !slices.Contains(by, word) {
				by = append(by, word)
			}
		}
	}
	if len(rules) == 0 {
		return ""
	}
	if len(rules) > mostSuspects {
		rules = append(rules[:mostSuspects], "…")
	}
	return words.Say("unasked.why.rules", "by", listed(by), "rules", strings.Join(rules, "; "))
}

// blamed reports whether a finding names a rule.
func blamed(findings []Finding, f diag.Filter) bool {
	return slices.ContainsFunc(findings, func(d Finding) bool { return d.Cause == firewall.ID && strings.Contains(d.Summary, ruleName(f)) })
}

// leftOfMany tells of interfaces with more addresses, or more default routers, than are asked.
func (v *view) leftOfMany() (list []Unasked) {
	for _, iv := range v.ifaces {
		if n := iv.net.GatewaysLeft(); n > 0 && (!v.leftOut("router-nd") || !v.leftOut("router-echo")) {
			all := n + len(iv.net.Gateways())
			list = append(list, Unasked{UnaskedRouters, words.Say("unasked.why.routers", "n", n, "all", all, "interface", iv.name)})
		}
		usable := iv.net.Usable()
		if len(usable) <= diag.SourcesAsked || v.leftOut("source") {
			continue
		}
		asked := map[netip.Addr]bool{}
		for _, p := range iv.paths {
			asked[p.Source] = asked[p.Source] || p.fate != notAsked
		}
		n := 0
		for _, a := range usable {
			if !asked[a.Address] {
				n++
			}
		}
		if n > 0 {
			list = append(list, Unasked{UnaskedSources, words.Say("unasked.why.sources", "n", n, "all", len(usable), "interface", iv.name)})
		}
	}
	return list
}

// leftOut reports whether the user turned a check off by its name.
func (v *view) leftOut(id string) bool {
	run := v.s.Run
	return len(run.Only) > 0 && !slices.Contains(run.Only, id) || slices.Contains(run.Skip, id)
}

// without names the interfaces by which nobody of a class was asked, and reports whether that is all of them.
func without(ifaces []*ifaceView, class diag.TargetClass) (names []string, all bool) {
	for _, iv := range ifaces {
		if !iv.any(func(p *path) bool { return p.TargetClass == class && p.Ours() && p.fate != notAsked }) {
			names = append(names, iv.name)
		}
	}
	return names, len(names) == len(ifaces)
}

// unmet lists the targets that the user named and that nothing was asked of, by the check that wanted to,
// and the reason.
func (v *view) unmet() []Unknown {
	var list []Unknown
	for _, group := range []struct {
		class   diag.TargetClass
		checks  []string
		targets []netip.Addr
	}{
		{diag.TargetPeer, []string{"peer-nd", "peer-echo"}, v.s.Run.Peers},
		{diag.TargetInternet, []string{"internet", "source"}, v.namedHosts()},
	} {
		check := slices.IndexFunc(group.checks, v.ended)
		if check < 0 {
			continue
		}
		reasons := map[string][]string{}
		for _, target := range group.targets {
			if why, unasked := v.unaskedOf(group.class, target); unasked {
				reasons[why] = append(reasons[why], target.String())
			}
		}
		for _, why := range diag.SortedKeys(reasons) {
			key := "unknown.target"
			if why == "" {
				key = "unknown.target-only"
			}
			list = append(list, Unknown{group.checks[check], words.Say(key, "targets", listed(reasons[why]), "why", why), ""})
		}
	}
	if tries := v.untried(); len(tries) > 0 {
		return append(list, tries...)
	}
	return append(list, v.noCandidate()...)
}

// noCandidate says that the user had candidates tried and none was, on any interface: what the network does with addresses
// that it did not assign is then not known.
func (v *view) noCandidate() []Unknown {
	if v.s.Run.Add != diag.AddClaim && v.s.Run.Add != diag.AddKernel || len(v.checked()) == 0 {
		return nil
	}
	var list []Unknown
	for i := range v.paths {
		p := &v.paths[i]
		switch {
		case p.Check != "added":
		case p.Outcome != diag.OutcomeSkipped, whose[p.Detail], couldNot[p.Detail], p.Detail == "cancelled":
			return nil
		case p.Detail != "" && len(list) == 0:
			why := strings.TrimSpace(words.Say("detail."+p.Detail, "note", p.Note))
			list = append(list, Unknown{"added", words.Say("unknown.untried", "interface", p.Interface, "why", why), ""})
		}
	}
	return list
}

// untried lists the addresses that the user wanted to be tried (--try) and that were not, but for those of which it was
// found out whose they are.
func (v *view) untried() []Unknown {
	if !v.ended("added") {
		return nil
	}
	reasons := map[string][]string{}
	for _, addr := range v.s.Run.Try {
		why, tried := "", false
		for i := range v.paths {
			p := &v.paths[i]
			about := p.Source == addr.WithZone("") || p.Asks == diag.AsksDAD && p.Target == addr.WithZone("")
			if p.Check != "added" || !about || addr.Zone() != "" && addr.Zone() != p.Interface {
				continue
			}
			tried = tried || p.Outcome != diag.OutcomeSkipped || whose[p.Detail] || couldNot[p.Detail] || p.Detail == "cancelled"
			if why == "" && p.Detail != "" {
				why = words.Say("detail."+p.Detail, "note", p.Note)
			}
		}
		if !tried {
			reasons[strings.TrimSpace(why)] = append(reasons[strings.TrimSpace(why)], addr.String())
		}
	}
	var list []Unknown
	for _, why := range diag.SortedKeys(reasons) {
		key := "unknown.tried"
		if why == "" {
			key = "unknown.tried-only"
		}
		list = append(list, Unknown{"added", words.Say(key, "targets", listed(reasons[why]), "why", why), ""})
	}
	return list
}

// whose are the reasons for which a candidate is not tried that say whose address it is.
var whose = map[string]bool{"answered-for": true, "configured": true, "assigned": true, "delegated": true}

func (v *view) namedHosts() []netip.Addr {
	if !v.s.Run.InternetGiven || v.s.Run.InternetOff {
		return nil
	}
	return v.s.Run.Internet
}

// ended reports whether a check was run to its end on some interface.
func (v *view) ended(id string) bool {
	some := false
	for _, c := range v.s.Checks {
		if c.ID == id && c.State == diag.CheckRunning {
			return false
		}
		some = some || c.ID == id && c.State == diag.CheckDone
	}
	return some
}

// unaskedOf reports whether nothing was asked of a target by any interface, but for what candidates ask, and
// the reason where there is one. What is said of its check already is not said again, and an address of this
// host is no target.
func (v *view) unaskedOf(class diag.TargetClass, target netip.Addr) (why string, unasked bool) {
	for i := range v.paths {
		p := &v.paths[i]
		switch {
		case p.TargetClass != class || p.Target != target.WithZone("") || p.SourceClass == diag.SourceCandidate:
		case target.Zone() != "" && target.Zone() != p.Interface:
		case p.Outcome != diag.OutcomeSkipped || p.Detail == "own-address" || couldNot[p.Detail] || p.Detail == "cancelled":
			return "", false
		case why == "" && p.Detail != "":
			why = words.Say("detail."+p.Detail, "note", p.Note)
		}
	}
	return strings.TrimSpace(why), true
}

// who names, as a part of the headline's keys, who answered: the router, the peers and the Internet by their
// first letters, where none of them did whoever else. The Internet does where it does by every interface.
func (v *view) who() string {
	heard := func(ok func(*path) bool) bool {
		return slices.ContainsFunc(v.ifaces, func(iv *ifaceView) bool {
			return iv.any(func(p *path) bool { return p.Outcome == diag.Answered && p.Asks != diag.AsksDAD && p.Ours() && ok(p) })
		})
	}
	of := func(class diag.TargetClass) func(*path) bool {
		return func(p *path) bool { return p.TargetClass == class && p.Asks != diag.AsksDHCP }
	}
	who := ""
	if heard(of(diag.TargetRouter)) {
		who += "r"
	}
	if heard(of(diag.TargetPeer)) {
		who += "p"
	}
	out := v.outward()
	if len(out) > 0 && !slices.ContainsFunc(out, func(iv *ifaceView) bool { return !iv.hearsInternet() }) {
		who += "i"
	}
	switch {
	case who != "":
	case heard(of(diag.TargetAllNodes)):
		return "nodes"
	case heard(of(diag.TargetService)):
		return "services"
	case heard(func(p *path) bool { return p.Asks == diag.AsksDHCP }):
		return "dhcp"
	}
	return who
}
