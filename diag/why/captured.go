package why

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/across"
	"ndwhy/diag/words"
)

// captured are the causes that the frames of a capture can tell alone, of any host in it, and how. What rests on anything
// else is not known there, and never absent.
var captured map[*Cause]func(*ifaceView) []hypothesis

func init() {
	captured = map[*Cause]func(*ifaceView) []hypothesis{
		&linkSpoofed:        heardSpoilt,
		&linkFlood:          heardFloods,
		&duplicate:          heardDuplicates,
		&loopedBack:         heardLoops,
		&routerRedirects:    heardRedirects,
		&routerAsksAgain:    heardAgain,
		&nobodyHears:        heardByNobody,
		&clientFails:        heardInvain,
		&noAdvertisement:    heardLapse,
		&notDefault:         heardWithdrawal,
		&routerUnresolvable: heardRouterSilent,
		&rogue:              heardRogues,
		&inconsistent:       findInconsistent,
		&dhcpv6Silent:       heardClients,
		&dhcpv6NoAddress:    heardRefusals,
		&peerUnmapped:       heardSilence,
		&unassigned:         heardMutes,
		&echoBlocked:        heardPings,
		&refused:            heardRefused,
		&farNotArrived:      heardLost(across.NotArrived),
		&farNotAnswered:     heardLost(across.NotAnswered),
		&farAnswerLost:      heardAnswersLost,
		&lossyPath:          heardLosses,
		&pathMTU:            heardTooLarge,
	}
}

const (
	// toldOne is how many silent addresses of a link are told one by one: more are a scan, or a network that is gone.
	toldOne = 8
	// alternates is how often an address changes hands before two must be holding it: once is a failover.
	alternates = 2
	// answeredBefore is how long before a program tried an address the same from another was answered.
	answeredBefore = 10 * time.Second
	// triedOften is how often a program tries an address, with several hosts, before no chance explains that nobody answers.
	triedOften = 6
	// nobodyOf is how many addresses a host asks for in vain before it is the host that nobody hears.
	nobodyOf = 2
	// againOften is how often somebody asks again for what was answered before the answers must be lost to him.
	againOften = 3
	// offeredOften is how often a DHCPv6 client is offered an address before it must have taken the first.
	offeredOften = 4
	// retransmits is how often a DHCPv6 client asks the same before it has surely got no answer.
	retransmits = 2
)

// overheard is what the capture has of the link.
func (iv *ifaceView) overheard() *diag.Overheard { return iv.s.Overheard[iv.name] }

// inVain are the addresses for which somebody asked in vain until the capture ended, in order: who gets answers to others.
func inVain(o *diag.Overheard) (list []netip.Addr) {
	mute, alone := mutes(o), heardNothing(o)
	for addr, t := range o.Targets {
		for by, a := range t.By {
			if o.InVain(addr, a) && !mute[by].other.IsValid() && len(alone[a.MAC]) == 0 {
				list = append(list, addr)
				break
			}
		}
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}

// nobodyAnswers is the hypothesis that nobody answers for an address.
func (iv *ifaceView) nobodyAnswers(addr netip.Addr, arg string) hypothesis {
	o := iv.overheard()
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{arg, addr.String()}, addr: addr, as: "captured"}
	t := o.Targets[addr]
	var askers []netip.Addr
	onlyRouters, probes := true, true
	for by, a := range t.By {
		if o.InVain(addr, a) {
			askers = append(askers, by)
		}
	}
	diag.SortFunc(askers, netip.Addr.Compare)
	var names []string
	count := 0
	for _, by := range askers {
		a := t.By[by]
		names = append(names, by.String())
		count = max(count, a.Unanswered)
		if len(h.facts) < evidenceOfMany {
			h.facts = append(h.facts, a.First, a.Last)
		}
		if o.Hears(a.MAC) {
			h.confidence = Certain
		}
		if a.Answered.Body != nil && len(h.more) == 0 {
			h.more = append(h.more, "captured.answered-before")
			h.facts = append(h.facts, a.Answered)
		}
		onlyRouters = onlyRouters && o.Routers[by] != nil
		probes = probes && a.Probes
	}
	if claims := o.Claims[addr]; probes && o.Routers[addr] == nil {
		// Who still wants to send asks again, and by multicast (RFC 4861 §7.3.3).
		h.severity = Info
		h.more = append(h.more, "captured.probes")
	} else if claims != nil {
		h.more = append(h.more, "captured.alive")
		h.args = append(h.args, "holder", claims.Order[0])
	} else if onlyRouters {
		// What is beyond a router may look for anything.
		h.severity = Info
		h.more = append(h.more, "captured.by-router")
	}
	if h.confidence != Certain {
		h.more = append(h.more, "captured.elsewhere")
	}
	if len(iv.fars) > 0 && o.Claims[addr] == nil {
		h.more = append(h.more, "captured.tell-whose")
		h.args = append(h.args, "address", addr)
	}
	h.args = append(h.args, arg, addr, "askers", listed(names[:min(len(names), evidenceOfMany)]), "count", count)
	return h
}

// A muted address is one whose questions nobody answers, while another of the same host asked target too and was answered.
type muted struct{ other, target netip.Addr }

// mutes are the addresses of which that is so.
func mutes(o *diag.Overheard) map[netip.Addr]muted {
	type asked struct {
		mac    diag.MAC
		target netip.Addr
	}
	type answer struct {
		diag.Event
		to netip.Addr
	}
	answers := map[asked]answer{}
	for addr, v := range o.Voices {
		for target, a := range v.Asked {
			if key := (asked{v.MAC, target}); a.Answer.Body != nil && a.Answer.Seq > answers[key].Seq {
				answers[key] = answer{a.Answer, addr}
			}
		}
	}
	list := map[netip.Addr]muted{}
	for addr, v := range o.Voices {
		if v.Heard {
			continue
		}
		var first, last diag.Event
		var most muted
		count, mostly, targets := 0, 0, 0
		for target, a := range v.Asked {
			got := answers[asked{v.MAC, target}]
			// What was answered before, the network may have changed since: a program tries it at once.
			justBefore := v.Hasty && a.First.At.Sub(got.At) <= answeredBefore
			if got.Body == nil || got.to == addr || got.Seq <= a.First.Seq && !justBefore {
				continue
			}
			targets++
			if count += a.Count; count == a.Count || a.First.Seq < first.Seq {
				first = a.First
			}
			if a.Last.Seq > last.Seq {
				last = a.Last
			}
			if a.Count > mostly || a.Count == mostly && target.Less(most.target) {
				most, mostly = muted{got.to, target}, a.Count
			}
		}
		slowly := count >= diag.AskedThrice && last.At.Sub(first.At) >= diag.AskedThriceTime
		if slowly || v.Hasty && count >= triedOften && targets > 1 {
			list[addr] = most
		}
	}
	return list
}

// heardMutes tells of addresses of a host that nobody answers, while others of the same host are answered: of those that a
// program only tries, together.
func heardMutes(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	mute := mutes(o)
	var tried hypothesis
	var names []string
	for _, addr := range addresses(mute) {
		v, m := o.Voices[addr], mute[addr]
		a := v.Asked[m.target]
		h := hypothesis{
			direct: true, confidence: Likely, subject: addressSubject(addr), addr: addr, as: "captured",
			args:  []any{"address", addr, "other", m.other, "target", m.target, "count", a.Count, "host", v.MAC},
			facts: []diag.Event{a.First, a.Last, o.Voices[m.other].Asked[m.target].Answer},
		}
		if !v.Hasty {
			list = append(list, h)
			continue
		}
		if names = append(names, addr.String()); len(names) == 1 {
			tried = h
		}
	}
	list = list[:min(len(list), toldOne)]
	if len(names) > 0 {
		tried.as, tried.severity = "captured-tried", Info
		tried.args = append(tried.args, "n", len(names), "addresses", listed(names[:min(len(names), toldOne)]))
		list = append(list, tried)
	}
	return list
}

// heardPings tells of hosts of the link whose pings nobody answers. Routers often answer none.
func heardPings(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	mute := mutes(o)
	told := map[netip.Addr]bool{}
	for _, addr := range addresses(o.Voices) {
		v := o.Voices[addr]
		if _, is := mute[addr]; is || !o.Hears(v.MAC) {
			continue
		}
		for _, target := range addresses(v.Asked) {
			a := *v.Asked[target]
			if a.Lose(o.Last); a.Pings < diag.AskedThrice || a.LastPing.At.Sub(a.FirstPing.At) < diag.AskedThriceTime ||
				o.Routers[target] != nil || told[target] || tooLarge(a) || len(iv.lostBetweenCaptures(target)) > 0 {
				continue
			}
			told[target] = true
			list = append(list, hypothesis{
				direct: true, confidence: Likely, severity: Info, subject: Subject{"peer", target.String()}, addr: target, as: "captured",
				args: []any{"peer", target, "from", addr, "count", a.Pings}, facts: []diag.Event{a.FirstPing, a.LastPing},
			})
		}
	}
	return list[:min(len(list), toldOne)]
}

// tooLarge reports whether of the pings to an address the small ones were answered, and none of the large ones.
func tooLarge(a diag.Asked) bool {
	return a.Lost >= lostLeast && a.Replied > 0 && a.Smallest > a.Largest
}

// pinged are those that pinged an address of which some were answered and some were not, each with what was lost by the end.
func pinged(o *diag.Overheard, yield func(from, target netip.Addr, a diag.Asked)) {
	for _, from := range addresses(o.Voices) {
		v := o.Voices[from]
		for _, target := range addresses(v.Asked) {
			a := *v.Asked[target]
			if a.Lose(o.Last); a.Lost >= lostLeast && a.Replied > 0 && o.Hears(v.MAC) {
				yield(from, target, a)
			}
		}
	}
}

// heardTooLarge tells of hosts that answer small pings, and no large ones.
func heardTooLarge(iv *ifaceView) (list []hypothesis) {
	pinged(iv.overheard(), func(from, target netip.Addr, a diag.Asked) {
		if tooLarge(a) && len(list) < toldOne {
			list = append(list, hypothesis{
				direct: true, confidence: Likely, severity: Warning, subject: Subject{"target", target.String()}, addr: target, as: "captured",
				args: []any{"target", target, "from", from, "lost", a.Lost, "least", a.Smallest, "most", a.Largest}, facts: []diag.Event{a.Answer, a.Last},
			})
		}
	})
	return list
}

// heardLosses tells of what the network lost between two captures, and of pings that were answered in part.
func heardLosses(iv *ifaceView) []hypothesis {
	list := heardLoss(iv)
	pinged(iv.overheard(), func(from, target netip.Addr, a diag.Asked) {
		told := func(h hypothesis) bool { return h.addr == target }
		if tooLarge(a) || len(list) >= toldOne || slices.ContainsFunc(list, told) {
			return
		}
		list = append(list, hypothesis{
			direct: true, confidence: Likely, severity: Info, subject: Subject{"target", target.String()}, addr: target, as: "captured-pings",
			args: []any{"target", target, "from", from, "lost", a.Lost, "sent", a.Lost + a.Replied}, facts: []diag.Event{a.Answer, a.Last},
		})
	})
	return list
}

// heardRefused tells of packets that somebody on the way cannot or may not pass on. A closed port is none of it (code 4), and
// that nobody has an address (code 3) may be so.
func heardRefused(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	told := map[netip.Addr]bool{}
	for _, key := range heardRefusers(o) {
		r := o.Refusals[key]
		if key.Code == 4 || r.Count < 2 || told[key.Target] {
			continue
		}
		told[key.Target] = true
		h := hypothesis{
			direct: true, confidence: Certain, severity: Warning, subject: Subject{"target", key.Target.String()}, addr: key.Target, as: "captured",
			args:  []any{"target", key.Target, "from", key.From, "count", r.Count, "error", diag.DescribeError(diag.PathError{From: key.From, Type: diag.Unreachable, Code: key.Code})},
			facts: []diag.Event{r.First, r.Last},
		}
		if key.Code == 3 {
			h.severity = Info
		}
		list = append(list, h)
	}
	return list[:min(len(list), toldOne)]
}

func heardRefusers(o *diag.Overheard) []diag.RefusalKey {
	return diag.SortedFunc(maps.Keys(o.Refusals), func(a, b diag.RefusalKey) int {
		return cmp.Or(a.Target.Compare(b.Target), a.From.Compare(b.From), cmp.Compare(a.Code, b.Code))
	})
}

func heardSilence(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	var some []netip.Addr
	for _, addr := range inVain(o) {
		// The VPC's router is looked for by who wants to know whether this is a VPC.
		if o.Routers[addr] == nil && addr != diag.VPCRouter && len(iv.lostBetweenCaptures(addr)) == 0 {
			some = append(some, addr)
		}
	}
	if len(some) > toldOne {
		h := iv.nobodyAnswers(some[0], "peer")
		var names []string
		for _, addr := range some[:evidenceOfMany] {
			names = append(names, addr.String())
		}
		h.subject, h.addr, h.as, h.more = Subject{"interface", iv.name}, netip.Addr{}, "captured-many", nil
		h.args = append(h.args, "n", len(some), "addresses", listed(names))
		return []hypothesis{h}
	}
	for _, addr := range some {
		list = append(list, iv.nobodyAnswers(addr, "peer"))
	}
	return list
}

func heardRouterSilent(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	if iv.floodedByRouters() {
		return nil // most are nobody
	}
	flood := len(findRogue(iv)) > toldOne
	for _, addr := range inVain(o) {
		if o.Routers[addr] != nil && len(list) < toldOne {
			h := iv.nobodyAnswers(addr, "router")
			if flood {
				h.severity = Info // most are nobody
			}
			list = append(list, h)
		}
	}
	return list
}

// heardNothing are the hosts that nobody answers, though some whom they ask are there, with what they asked for.
func heardNothing(o *diag.Overheard) map[diag.MAC][]netip.Addr {
	list, heard := map[diag.MAC][]netip.Addr{}, map[diag.MAC]bool{}
	there := map[diag.MAC]bool{}
	for addr, t := range o.Targets {
		for _, a := range t.By {
			switch {
			case o.Hosts[a.MAC].Reached, a.Answered.Body != nil:
				heard[a.MAC] = true
			case o.InVain(addr, a):
				list[a.MAC] = append(list[a.MAC], addr)
				there[a.MAC] = there[a.MAC] || o.Claims[addr] != nil || o.Routers[addr] != nil
			}
		}
	}
	for mac, asked := range list {
		if heard[mac] || len(asked) < nobodyOf || !there[mac] {
			delete(list, mac)
		}
	}
	return list
}

// heardByNobody tells of hosts that nobody answers.
func heardByNobody(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	alone := heardNothing(o)
	for _, mac := range macs(alone) {
		asked := alone[mac]
		diag.SortFunc(asked, netip.Addr.Compare)
		h := hypothesis{
			direct: true, confidence: Likely, severity: Warning, subject: Subject{"host", mac.String()}, as: "captured",
		}
		var names []string
		for _, addr := range asked[:min(len(asked), evidenceOfMany)] {
			names = append(names, addr.String())
			for _, a := range o.Targets[addr].By {
				if a.MAC == mac {
					h.facts = append(h.facts, a.First, a.Last)
				}
			}
		}
		if !o.Hears(mac) {
			h.more = append(h.more, "captured.elsewhere")
		}
		h.args = []any{"host", mac, "n", len(asked), "addresses", listed(names)}
		list = append(list, h)
	}
	return list[:min(len(list), toldOne)]
}

// heardAgain tells of routers that ask for an address again and again, though they are answered.
func heardAgain(iv *ifaceView) []hypothesis { return iv.again(true) }

// heardAnswersLost tells of other hosts that do, and of what was lost between two captures.
func heardAnswersLost(iv *ifaceView) []hypothesis {
	list := heardLost(across.AnswerLost)(iv)
	for _, h := range iv.again(false) {
		if len(iv.lostBetweenCaptures(h.addr)) == 0 {
			list = append(list, h)
		}
	}
	return list[:min(len(list), toldOne)]
}

func (iv *ifaceView) again(routers bool) (list []hypothesis) {
	o := iv.overheard()
	if len(iv.floods()) > 0 {
		return nil // who makes up questions does not wait for answers
	}
	for _, addr := range addresses(o.Targets) {
		t := o.Targets[addr]
		for _, by := range addresses(t.By) {
			a := t.By[by]
			if a.Again < againOften || (o.Routers[by] != nil) != routers {
				continue
			}
			h := hypothesis{
				direct: true, confidence: Likely, severity: Warning, subject: addressSubject(addr), addr: addr, as: "captured",
				args: []any{"address", addr, "router", by, "count", a.Again}, facts: []diag.Event{a.AgainFirst, a.Answered, a.AgainLast},
			}
			if !routers {
				h.subject, h.as = Subject{"peer", addr.String()}, "captured-again"
				h.args = append(h.args, "peer", addr, "from", by)
			}
			list = append(list, h)
			break
		}
	}
	return list[:min(len(list), toldOne)]
}

// heardRedirects tells of redirects that hosts follow to where nothing comes from.
func heardRedirects(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	for _, dst := range addresses(o.Redirects) {
		r := o.Redirects[dst]
		if r.Sent < diag.AskedThrice || r.LastSent.At.Sub(r.FirstSent.At) < diag.AskedThriceTime {
			continue
		}
		f := r.Last.Body.(diag.Frame)
		h := hypothesis{
			direct: true, confidence: Likely, severity: Warning, subject: Subject{"target", dst.String()}, addr: dst, as: "captured",
			args:  []any{"target", dst, "via", f.Target, "router", f.Src, "count", r.Sent},
			facts: []diag.Event{r.First, r.FirstSent, r.LastSent},
		}
		if !o.Hosts[f.LLAddr].Believed {
			h.confidence = Certain
			h.more = append(h.more, "captured.nothing-from")
			h.args = append(h.args, "mac", f.LLAddr)
		}
		list = append(list, h)
	}
	return list[:min(len(list), toldOne)]
}

// heardFloods tells of more packets of a kind than any network needs.
func heardFloods(iv *ifaceView) []hypothesis {
	floods := iv.floods()
	if len(floods) == 0 {
		return nil
	}
	h := hypothesis{direct: true, confidence: Certain, subject: Subject{"interface", iv.name}, as: "captured"}
	var kinds []string
	for _, f := range floods {
		h.facts = append(h.facts, diag.FactOf(f))
		kinds = append(kinds, words.Say("flood.of", "n", f.Fact.Rate(), "what", words.Say("flood."+string(f.Fact.Type))))
	}
	h.args = []any{"what", listed(kinds), "senders", floods[0].Fact.Senders, "mac", floods[0].Fact.MAC}
	if floods[0].Fact.Senders > 1 {
		h.more = append(h.more, "cause.link.flood.forged")
	}
	return []hypothesis{h}
}

// heardInvain tells of DHCPv6 clients that are offered an address again and again, and never ask for it.
func heardInvain(iv *ifaceView) (list []hypothesis) {
	type asking struct {
		n           int
		first, last diag.Event
		requested   bool
	}
	asked := map[diag.MAC]*asking{}
	for _, c := range iv.overheard().Clients {
		a := asked[c.MAC]
		if a == nil {
			a = &asking{}
			asked[c.MAC] = a
		}
		answer, _ := c.Answer.Body.(diag.Frame)
		switch {
		case c.Last.Body.(diag.Frame).DHCPv6.Message != "solicit":
			a.requested = true
		case answer.DHCPv6 != nil && answer.DHCPv6.Message == "advertise" && len(answer.DHCPv6.Addresses) > 0:
			if a.n++; a.n == 1 || c.First.Seq < a.first.Seq {
				a.first = c.First
			}
			if c.Answer.Seq > a.last.Seq {
				a.last = c.Answer
			}
		}
	}
	for _, mac := range macs(asked) {
		a := asked[mac]
		if a.requested || a.n < offeredOften {
			continue
		}
		list = append(list, hypothesis{
			direct: true, confidence: Likely, severity: Warning, subject: Subject{"host", mac.String()}, as: "captured",
			args: []any{"client", mac, "count", a.n, "server", a.last.Body.(diag.Frame).Src}, facts: []diag.Event{a.first, a.last},
		})
	}
	return list[:min(len(list), toldOne)]
}

// heardRogues tells of routers beside the one that most speaks for. More than a few are a flood, or a tool's work.
func heardRogues(iv *ifaceView) []hypothesis {
	list := findRogue(iv)
	if len(list) <= toldOne {
		return list
	}
	if iv.floodedByRouters() {
		return nil // which says it
	}
	h := list[0]
	var names []string
	for _, o := range list[:evidenceOfMany] {
		names = append(names, o.addr.String())
		h.facts = append(h.facts, o.facts[0])
	}
	h.severity = Warning
	h.subject, h.addr, h.as, h.more = Subject{"interface", iv.name}, netip.Addr{}, "captured-many", nil
	h.args = append(h.args, "n", len(list), "addresses", listed(names))
	return []hypothesis{h}
}

// heardDuplicates tells of addresses that two want.
func heardDuplicates(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	for _, addr := range addresses(o.Wanted) {
		t := o.Wanted[addr]
		if t.Objected.Body == nil {
			continue
		}
		list = append(list, hypothesis{
			direct: true, confidence: Certain, subject: addressSubject(addr), addr: addr, severity: Warning, as: "captured",
			args: []any{"address", addr, "host", t.MAC, "other", t.Objected.Body.(diag.Frame).SrcMAC}, facts: []diag.Event{t.Asked, t.Objected},
		})
	}
	for _, addr := range addresses(o.Claims) {
		c := o.Claims[addr]
		if len(c.Firm) < 2 || c.Changes < alternates || len(list) >= toldOne ||
			slices.ContainsFunc(list, func(h hypothesis) bool { return h.addr == addr }) {
			continue
		}
		var macs []string
		h := hypothesis{direct: true, confidence: Certain, subject: addressSubject(addr), addr: addr, as: "captured-claimed"}
		for _, mac := range c.Firm {
			macs = append(macs, mac.String())
			h.facts = append(h.facts, c.By[mac])
		}
		h.args = []any{"address", addr, "macs", listed(macs), "changes", c.Changes}
		list = append(list, h)
	}
	return list[:min(len(list), toldOne)]
}

// heardLoops tells of questions whether an address is free that came back to who asked. A host that marks its questions knows
// them again (RFC 7527).
func heardLoops(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	var marked []string
	var first hypothesis
	for _, addr := range addresses(o.Wanted) {
		t := o.Wanted[addr]
		if t.Looped.Body == nil || t.Objected.Body != nil || o.Doubled > 0 {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Likely, severity: Warning, subject: addressSubject(addr), addr: addr, as: "captured",
			args: []any{"address", addr, "host", t.MAC}, facts: []diag.Event{t.Asked, t.Looped},
		}
		if !t.Marked {
			list = append(list, h)
		} else if marked = append(marked, addr.String()); len(marked) == 1 {
			first = h
		}
	}
	list = list[:min(len(list), toldOne)]
	if len(marked) > 0 {
		first.as, first.severity = "captured-marked", Info
		first.args = append(first.args, "addresses", listed(marked[:min(len(marked), toldOne)]))
		list = append(list, first)
	}
	return list
}

func addresses[V any](m map[netip.Addr]V) []netip.Addr {
	list := make([]netip.Addr, 0, len(m))
	for a := range m {
		list = append(list, a)
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}

// heardLapse tells of routers whose advertisement ran out before the next came, or before the capture ended.
func heardLapse(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	for _, addr := range addresses(o.Routers) {
		r := o.Routers[addr]
		h := hypothesis{
			direct: true, confidence: Likely, subject: Subject{"router", addr.String()}, addr: addr,
			as: "captured", args: []any{"router", addr},
		}
		gap := time.Duration(0)
		last := r.Last.Body.(diag.Frame).RA
		switch {
		case last.LifetimeS > 0 && o.Last.Sub(r.Last.At) > last.Life():
			h.facts, gap = []diag.Event{r.Last}, o.Last.Sub(r.Last.At)
			h.args = append(h.args, "lifetime", last.LifetimeS)
		case r.Lapsed.Body != nil:
			h.as, h.severity = "captured-late", Warning
			h.facts, gap = []diag.Event{r.Lapsed, r.Late}, r.Late.At.Sub(r.Lapsed.At)
			h.args = append(h.args, "lifetime", r.Lapsed.Body.(diag.Frame).RA.LifetimeS)
		default:
			continue
		}
		h.args = append(h.args, "gap", int64(gap/time.Second))
		list = append(list, h)
	}
	return list[:min(len(list), toldOne)]
}

// heardWithdrawal tells of routers that took back their offer to be the way out.
func heardWithdrawal(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	others := false
	for _, r := range o.Routers {
		others = others || r.Last.Body.(diag.Frame).RA.LifetimeS != 0
	}
	for _, addr := range addresses(o.Routers) {
		r := o.Routers[addr]
		f := r.Last.Body.(diag.Frame)
		seen := iv.s.Routers[diag.InterfaceAddr{Interface: iv.name, Address: addr}]
		if f.RA.LifetimeS != 0 || r.Offered.Body == nil && (others || seen == nil || borders(seen)) {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"router", addr.String()}, addr: addr,
			as: "captured", args: []any{"router", addr}, facts: []diag.Event{r.Last},
		}
		if r.Offered.Body != nil {
			h.as = "captured-withdrawn"
			h.facts = append([]diag.Event{r.Offered}, h.facts...)
		}
		if others {
			h.severity = Info
		}
		list = append(list, h)
	}
	return list[:min(len(list), toldOne)]
}

// heardClients tells of DHCPv6 clients that nobody answers.
func heardClients(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	answered, newest := map[diag.MAC]bool{}, map[diag.MAC]*diag.ClientOverheard{}
	for _, c := range o.Clients {
		answered[c.MAC] = answered[c.MAC] || c.Answer.Body != nil
		if n := newest[c.MAC]; n == nil || c.Last.Seq > n.Last.Seq {
			newest[c.MAC] = c
		}
	}
	for _, mac := range macs(newest) {
		c := newest[mac]
		if c.Answer.Body != nil || c.Count < retransmits || len(list) == toldOne {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Likely, severity: Warning, subject: Subject{"host", mac.String()}, as: "captured",
			args:  []any{"client", mac, "count", c.Count, "message", c.Last.Body.(diag.Frame).DHCPv6.Message},
			facts: []diag.Event{c.First, c.Last},
		}
		if o.Hears(mac) {
			h.confidence = Certain
		}
		if answered[mac] {
			h.more = []string{"captured.answered-before"}
		}
		list = append(list, h)
	}
	return list
}

// heardRefusals tells of DHCPv6 servers that have no address for who asks.
func heardRefusals(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	newest := map[diag.MAC]*diag.ClientOverheard{}
	for _, c := range o.Clients {
		if n := newest[c.MAC]; c.Answer.Body != nil && (n == nil || c.Answer.Seq > n.Answer.Seq) {
			newest[c.MAC] = c
		}
	}
	for _, mac := range macs(newest) {
		c := newest[mac]
		f := c.Answer.Body.(diag.Frame)
		asked := c.Last.Body.(diag.Frame).DHCPv6
		if f.DHCPv6.Status == "" || len(f.DHCPv6.Addresses) > 0 || asked.Message == "information-request" || len(list) == toldOne {
			continue
		}
		list = append(list, hypothesis{
			direct: true, confidence: Certain, severity: Warning, subject: Subject{"host", mac.String()}, as: "captured",
			args:  []any{"client", mac, "server", f.Src, "status", f.DHCPv6.Status},
			facts: []diag.Event{c.Last, c.Answer},
		})
	}
	return list
}

func macs[V any](m map[diag.MAC]V) []diag.MAC {
	list := make([]diag.MAC, 0, len(m))
	for mac := range m {
		list = append(list, mac)
	}
	diag.SortFunc(list, func(a, b diag.MAC) int { return slices.Compare(a[:], b[:]) })
	return list
}

// heardSpoilt tells of neighbour discovery that no host may believe, by who sent it. Who sends nothing else is made up.
func heardSpoilt(iv *ifaceView) (list []hypothesis) {
	o := iv.overheard()
	for key, s := range o.Spoilt {
		f := s.Last.Body.(diag.Frame)
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"host", key.MAC.String()}, as: "captured",
			args:  []any{"n", s.Count, "what", key.Type, "from", f.Src, "sender", key.MAC, "hops", f.HopLimit},
			facts: []diag.Event{s.Last},
		}
		if key.Checksum {
			h.as = "captured-checksum"
		}
		if o.Hosts[key.MAC].Believed {
			h.severity = Warning
		}
		list = append(list, h)
	}
	diag.SortFunc(list, func(a, b hypothesis) int { return cmp.Compare(a.facts[0].Seq, b.facts[0].Seq) })
	if len(list) > toldOne {
		h := list[len(list)-1]
		h.severity, h.subject, h.as = Info, Subject{"interface", iv.name}, "captured-many"
		h.args = append(h.args, "senders", len(list))
		return []hypothesis{h}
	}
	return list
}
