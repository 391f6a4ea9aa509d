package why

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

var duplicateMAC = Cause{
	ID: "mac.duplicate", Severity: Critical,
	Remedy: always("tcpdump -eni {interface} -Q in ether src {mac}", "ip link set dev IF address MAC"),
	find:   findDuplicateMAC,
}

// findDuplicateMAC looks for frames that came from this interface's own Ethernet address, and that this host
// did not send: a switch sends what is for one of two such hosts to the one that spoke last.
func findDuplicateMAC(iv *ifaceView) []hypothesis {
	strangers := iv.traffic.impostors
	if len(strangers) == 0 {
		return nil
	}
	last := strangers[len(strangers)-1]
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true,
		args:  []any{"from", last.Body.(diag.Frame).Src, "frames", len(strangers)},
		facts: []diag.Event{last},
	}
	if len(strangers) > 1 {
		h.confidence = Certain
		h.facts = append(h.facts, strangers[0])
	}
	iv.explain(&h, iv.where(func(p *path) bool {
		return p.origin == ours && (p.lossy() || p.beyondHost() || p.failedDiscovery() && !p.local())
	})...)
	return []hypothesis{h}
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
	tapped := v.s.Said(diag.FeedFrames)
	if !v.s.Complete(diag.FeedFrames) || !slices.ContainsFunc(v.s.Frames(), func(e diag.Event) bool {
		f, ok := e.Body.(diag.Frame)
		return ok && fromOwn(f)
	}) {
		return
	}
	left := map[mark][]time.Time{}
	for _, e := range v.s.Frames() {
		if f, ok := e.Body.(diag.Frame); ok && f.Out {
			left[markOf(f)] = append(left[markOf(f)], e.At)
		}
	}
	for _, times := range left {
		slices.SortFunc(times, time.Time.Compare)
	}
	for _, e := range v.s.Frames() {
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
		case e.At.Sub(tapped.At) > settled || !v.ours(f.Src):
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
	if l.Type == "ipvlan" || [4]byte(l.MAC[:4]) == [4]byte{0, 0, 0x5e, 0} {
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
