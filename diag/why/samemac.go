package why

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

var macDuplicate = Cause{
	ID: "address.mac-duplicate", Severity: Critical,
	Remedy: []Remedy{
		// Of two clones each would draw the same from what it knows of itself.
		way("mac-of-its-own", `ip link set dev {interface} address "02$(od -An -N5 -tx1 /dev/urandom | tr ' ' :)"`).kept(keep{}).
			when(func(v *view, _ *hypothesis) bool { return !v.profile.Filters }),
		ask("ask.clone"),
		way("", "tcpdump -eni {interface} -Q in ether src {mac}", "ip -d link show dev {interface}"),
	},
	find: findMACDuplicate,
}

// findMACDuplicate looks for frames that came from this interface's own Ethernet address, and that this host did not
// send: a machine that was cloned with it. A switch sends what is for one of the two to the one that spoke last.
func findMACDuplicate(iv *ifaceView) []hypothesis {
	strangers := iv.traffic.impostors
	if len(strangers) == 0 {
		return iv.twin()
	}
	shown := strangers[len(strangers)-1]
	for _, e := range slices.Backward(strangers) {
		if src := e.Body.(diag.Frame).Src; !src.IsUnspecified() && !iv.mayHaveSent(src) {
			shown = e
			break
		}
	}
	src := shown.Body.(diag.Frame).Src
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true,
		args:  []any{"from", src, "frames", len(strangers)},
		facts: []diag.Event{shown, iv.s.Said(iv.net.Link)},
	}
	if len(strangers) > 1 || !iv.mayHaveSent(src) {
		h.confidence = Certain
	}
	iv.explainTwin(&h)
	return []hypothesis{h}
}

// explainTwin says that another machine with this interface's Ethernet address is why answers did not come.
func (iv *ifaceView) explainTwin(h *hypothesis) {
	lost := iv.where(func(p *path) bool {
		return (p.origin == ours || p.symptom >= 0) && (p.lossy() || p.beyondHost() || p.failedDiscovery() && !p.local())
	})
	iv.explain(h, lost...)
	if len(lost) == 0 {
		h.severity = Warning
	}
}

// twin looks for another machine with this interface's Ethernet address that sent nothing while this host listened: somebody
// has the link-local address that is made of it, and nobody with another Ethernet address was seen to.
func (iv *ifaceView) twin() []hypothesis {
	addr := iv.net.Link.MAC.LinkLocal()
	if !iv.clashes(addr) {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, addr: addr, beyond: true, as: "dad", args: []any{"address", addr},
		facts: []diag.Event{iv.s.Said(diag.InterfaceAddr{Interface: iv.name, Address: addr}), iv.s.Said(iv.net.Link)},
	}
	if put, _, known := iv.nonce(); known && !put {
		h.confidence = Possible // it may have been this host's own question, back from the network
	}
	iv.explainTwin(&h)
	iv.explainAbsence(&h)
	return []hypothesis{h}
}

// clashes reports whether duplicate address detection failed for the link-local address that is made of the interface's
// Ethernet address, and nobody with another one was seen to have it.
func (iv *ifaceView) clashes(addr netip.Addr) bool {
	if _, failed := iv.s.DADFailures[diag.InterfaceAddr{Interface: iv.name, Address: addr}]; !failed || addr != iv.net.Link.MAC.LinkLocal() || !iv.hasOwnMAC(iv.name) {
		return false
	}
	looped, _ := iv.loopedBack(addr)
	h := hypothesis{addr: addr}
	iv.whoObjected(&h)
	return len(looped) == 0 && h.as == "unseen"
}

// mayHaveSent reports whether a source is, or may have been, this host's own.
func (iv *ifaceView) mayHaveSent(src netip.Addr) bool {
	return iv.ours(src) || iv.traffic.sent[src] || iv.isCandidate(src) || iv.heldByUs(src)
}

// toAnother reports whether answers may have gone to another machine, which has this interface's Ethernet address: then no
// silence tells anything of the network.
func (iv *ifaceView) toAnother() bool { return len(iv.traffic.impostors) > 0 }

// impostor reports whether an event is a frame of another machine with this interface's Ethernet address.
func (iv *ifaceView) impostor(e diag.Event) bool {
	return slices.ContainsFunc(iv.traffic.impostors, func(o diag.Event) bool { return o.Seq == e.Seq })
}

// A mark is what tells a frame from others of its sender, without what a network card may still change in it.
type mark struct {
	kind                   diag.FrameType
	src, dst, target       netip.Addr
	mac                    diag.MAC
	id, seq                uint16
	size                   int
	nonce, message, number string
}

func markOf(f diag.Frame) mark {
	p := mark{
		kind: f.Type, src: f.Src, dst: f.Dst, target: f.Target, mac: f.LLAddr, id: f.EchoID, seq: f.EchoSeq, size: f.Size, nonce: string(f.Nonce),
	}
	if f.DHCPv6 != nil {
		p.message, p.number = f.DHCPv6.Message, f.DHCPv6.Transaction
	}
	return p
}

// longestWay is how long a frame of this host may be on its way before a switch has sent it back to it.
const longestWay = time.Second

// readOwnMAC tells the frames apart that came from an interface's own Ethernet address: those that the network
// sent back, and those of somebody else. Only where the tap would have seen all that this host sends is
// anything told.
func (v *view) readOwnMAC(all map[string]*traffic) {
	fromOwn := func(f diag.Frame) bool {
		return !f.Out && f.SrcMAC != (diag.MAC{}) && f.SrcMAC == v.s.Links[f.Interface].MAC && v.hasOwnMAC(f.Interface)
	}
	tapped, frames := v.s.Said(diag.FeedFrames), v.frames
	if !v.s.Complete(diag.FeedFrames) || !slices.ContainsFunc(frames, func(e diag.Event) bool {
		f, ok := e.Body.(diag.Frame)
		return ok && fromOwn(f)
	}) {
		return
	}
	left := map[mark][]time.Time{}
	for _, e := range frames {
		if f, ok := e.Body.(diag.Frame); ok && f.Out {
			left[markOf(f)] = append(left[markOf(f)], e.At)
		}
	}
	for _, times := range left {
		diag.SortFunc(times, time.Time.Compare)
	}
	for _, e := range frames {
		f, ok := e.Body.(diag.Frame)
		if !ok || !fromOwn(f) {
			continue
		}
		t := all[f.Interface]
		times := left[markOf(f)]
		before, exact := slices.BinarySearchFunc(times, e.At, time.Time.Compare)
		switch {
		case exact || before > 0 && e.At.Sub(times[before-1]) <= longestWay:
			t.reflected = append(t.reflected, e)
		case len(frames) >= diag.EventsKept && e.At.Sub(frames[0].At) <= longestWay: // what it was may be forgotten
		case e.At.Sub(tapped.At) > settled || !v.ours(f.Src) && !t.sent[f.Src]:
			t.impostors = append(t.impostors, e)
		}
	}
}

// ours reports whether this host may have sent from an address before the tap was there.
func (v *view) ours(src netip.Addr) bool { return src.IsUnspecified() || v.s.InterfaceWith(src) != "" }

// hasOwnMAC reports whether an interface has its Ethernet address for itself: what a VRRP router uses (RFC 9568
// §7.3) is meant to be on several hosts, and an ipvlan's is its parent's and its siblings'.
func (v *view) hasOwnMAC(name string) bool {
	l := v.s.Links[name]
	if l.Type == "ipvlan" || [4]byte(l.MAC[:4]) == [4]byte{0x00, 0x00, 0x5e, 0x00} {
		return false
	}
	for other, o := range v.s.Links {
		if other != name && o.MAC == l.MAC && !related(l, o) {
			return false
		}
	}
	return true
}

// related reports whether one interface is made of the other: of its ports, or on top of it.
func related(a, b diag.Link) bool {
	return a.Master == b.Index || b.Master == a.Index ||
		a.Parent == b.Index && !a.Elsewhere || b.Parent == a.Index && !b.Elsewhere
}
