package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

var nobodyHears = Cause{
	ID: "path.unheard", Severity: Critical, Working: true,
	Remedy: []Remedy{
		way("mac-back", "ip link set dev {interface} address {right}").when(as("changed", "named", "beneath")).
			kept(keep{networkd: "[Link] MACAddress={right}", netplan: "macaddress={right}", nm: "802-3-ethernet.cloned-mac-address {right}", up: true}),
		ask("ask.port"),
		way("", "ip -d link show dev {interface}", "ndisc6 {asked} {interface}"),
	},
	find: findUnheard,
}

// findUnheard looks for an interface of which nothing that left is answered, by whomever: then it is more likely that
// its port lets it not speak than that everybody who was asked is away at once.
func findUnheard(iv *ifaceView) []hypothesis {
	asked := iv.neighboursInVain()
	if len(asked) == 0 || len(iv.traffic.late) > 0 || iv.toAnother() {
		return nil
	}
	h := hypothesis{confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true, facts: []diag.Event{iv.s.Said(iv.net.Link)}}
	h.args = []any{"asked", asked[0].Target}
	if iv.heeded() {
		hosts := hostsOf(asked)
		if hosts < 2 || iv.any(func(p *path) bool { return p.Asks == diag.AsksND && p.Outcome == diag.Answered }) {
			return nil
		}
		h.as = "discovery" // to whom the kernel still knows packets do get
		if hosts < 3 {
			h.confidence = Possible // two may well be away at once
		}
	} else if iv.whoseMAC(&h); h.as == "" && iv.lone() {
		if asked[0].TargetClass == diag.TargetPeer {
			return nil // peerUnmapped says so
		}
		h.as = "lone"
	}
	iv.explain(&h, iv.where(func(p *path) bool {
		return p.symptom >= 0 && p.Missing() && p.origin != tested && (p.silent() && !p.local() || iv.waitedForRouter(p))
	})...)
	if r := iv.managed(); r != nil {
		iv.explainKind(&h, noGlobal, absent) // no lease is had, nor renewed
	}
	if len(iv.net.Offering()) == 0 {
		iv.explainKind(&h, noDefault, noGlobal, absent)
	}
	if h.as == "discovery" {
		return []hypothesis{h}
	}
	switch e, alone, hears := iv.hears(); {
	case alone:
		// Whoever sent it knows the MAC, and so does the port: that is not why nobody answers.
		if h.as != "lone" {
			h.as = ""
		}
		h.facts = append(h.facts, e)
		h.more = append(h.more, "cause.path.unheard.delivered")
	case hears:
		h.facts = append(h.facts, e)
		h.more = append(h.more, "cause.path.unheard.hears")
	default:
		h.more = append(h.more, "cause.path.unheard.deaf")
	}
	if hostsOf(asked) < 2 {
		h.confidence = Possible // the one may be away, and the router
	}
	if iv.byMAC() == nil && len(iv.madeOtherwise()) > 0 {
		h.more = append(h.more, "cause.path.unheard.local")
	}
	return []hypothesis{h}
}

// lone reports whether at most one host was asked anything: its silence tells little of the interface.
func (iv *ifaceView) lone() bool {
	var one netip.Addr
	return !iv.any(func(p *path) bool {
		if p.Asks == diag.AsksDAD || p.Sent == 0 {
			return false
		}
		another := one.IsValid() && one != p.Target
		one = p.Target
		return another
	})
}

// hostsOf is how many hosts at least are asked for: a router's addresses are not a peer's, unless a peer is meant for a
// router, and of one host one address alone is link-local.
func hostsOf(asked []*path) int {
	hosts := map[netip.Addr]bool{}                                            // by their link-local addresses
	local, others := map[diag.TargetClass]bool{}, map[diag.TargetClass]bool{} // which have such, and others
	for _, p := range asked {
		if p.Target.IsLinkLocalUnicast() {
			hosts[p.Target], local[p.TargetClass] = true, true
		} else {
			others[p.TargetClass] = true
		}
	}
	n := len(hosts)
	for class := range others {
		if !local[class] {
			n++
		}
	}
	return n
}

// neighboursInVain are the solicitations of ours, by wire, for routers and peers that stayed unanswered.
func (iv *ifaceView) neighboursInVain() []*path {
	return iv.where(func(p *path) bool {
		return p.Via == diag.ViaWire && p.Asks == diag.AsksND && p.silent() && p.Ours() && p.Sent >= 2 && p.symptom >= 0
	})
}

// heeded reports whether anybody answered anything that left by the interface, or acknowledges what its connections
// send: then its port lets it speak. An advertisement to all nodes is no answer to a solicitation.
func (iv *ifaceView) heeded() bool {
	age := iv.s.Now.Sub(iv.s.Flows.At).Seconds()
	return slices.ContainsFunc(iv.s.Flows.Fact.List, func(f diag.Flow) bool {
		return f.State == diag.FlowEstablished && !f.Stuck() && f.AckedS+age <= recently && iv.net.Configured(f.Local.Addr()) && iv.s.InterfaceWith(f.Remote.Addr()) == ""
	}) || iv.any(iv.noticed)
}

// noticed reports whether a path shows that somebody heard what the interface sent.
func (iv *ifaceView) noticed(p *path) bool {
	switch {
	case p.alone():
		return true
	case p.Outcome != diag.Answered && p.Outcome != diag.Refused, p.Asks == diag.AsksDAD:
		return false
	case p.Asks == diag.AsksRS:
		return slices.ContainsFunc(p.Evidence, func(seq int64) bool {
			e, _ := iv.s.Evidence(seq)
			f, ok := e.Body.(diag.Frame)
			return ok && !f.Out && f.Type == diag.RA && f.Dst == p.Source
		})
	default:
		return true
	}
}

// hears returns the newest frame of somebody else's that arrived on the interface: one that was sent to its MAC alone,
// if there is any.
func (iv *ifaceView) hears() (newest diag.Event, alone, ok bool) {
	for _, e := range slices.Backward(iv.frames) {
		f, is := e.Body.(diag.Frame)
		if !is || f.Interface != iv.name || f.Out || iv.s.OwnMAC(f.SrcMAC) {
			continue
		}
		if f.DstMAC == iv.net.Link.MAC {
			return e, true, true
		}
		if !ok {
			newest, ok = e, true
		}
	}
	return newest, false, ok
}

// whoseMAC tells a hypothesis that nobody hears the interface what is known of its MAC that would explain it: that it is
// another than the one which the port was made for.
func (iv *ifaceView) whoseMAC(h *hypothesis) {
	l := iv.net.Link
	say := func(as string, right diag.MAC, args ...any) {
		h.as, h.args = as, append(append(h.args, "right", right), args...)
	}
	if l.PermMAC != (diag.MAC{}) && l.PermMAC != l.MAC {
		say("changed", l.PermMAC)
		return
	}
	if right, ok := iv.namedMAC(); ok {
		h.facts = append(h.facts, iv.s.Said(diag.Metadata{}))
		say("named", right)
		return
	}
	for _, name := range diag.SortedKeys(iv.s.Links) {
		under := iv.s.Links[name]
		beneath := under.Index != 0 && (under.Master == l.Index || under.Index == l.Parent && !l.Elsewhere)
		if !beneath || under.MAC == l.MAC || under.MAC == (diag.MAC{}) || under.Type == "veth" || iv.lends(l, under) {
			continue
		}
		h.facts = append(h.facts, iv.s.Said(under))
		say("beneath", under.MAC, "under", name)
		return
	}
	if l.Type == "macvlan" || l.Type == "macvtap" {
		say("macvlan", diag.MAC{})
	}
}

// namedMAC returns the MAC that the infrastructure names and no interface of this host has, where the interface's own is
// none of those that it names.
func (iv *ifaceView) namedMAC() (right diag.MAC, ok bool) {
	for _, m := range iv.s.Metadata.Interfaces {
		if m.MAC == iv.net.Link.MAC || inside(iv.s) {
			return right, false
		}
		if !ok && !iv.s.OwnMAC(m.MAC) {
			right, ok = m.MAC, true
		}
	}
	return right, ok
}

// lends reports whether another of the interfaces that one sends by has its MAC: of a bond's or a bridge's ports one does.
func (iv *ifaceView) lends(l, under diag.Link) bool {
	if under.Master != l.Index {
		return false
	}
	for _, o := range iv.s.Links {
		if o.Master == l.Index && (o.MAC == l.MAC || o.PermMAC == l.MAC) {
			return true
		}
	}
	return false
}
