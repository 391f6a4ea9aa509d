package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// The bounds of design rule 4, and the least times of rules 1 and 3, as a host beside the program can measure them.
const (
	burst       = 40
	perSecond   = 100
	guard       = 300 * time.Millisecond
	firstAnswer = 150 * time.Millisecond
)

// Rules returns which of the rules of safety the run broke.
func (w *World) Rules() (broken []string) {
	say := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	w.countPackets(say)
	w.watchCandidates(say)
	w.kernelFirst(say)
	for a := range w.added {
		if n, _ := w.me.own(a); n != nil {
			say("%s is still configured", a)
		}
	}
	for _, n := range w.me.nics {
		for g, joined := range n.groups {
			held := 0
			if g == diag.AllNodes {
				held = 1
			}
			for _, a := range n.addrs {
				if diag.SolicitedNode(a.Address.Address) == g {
					held++
				}
			}
			for _, a := range n.proxies {
				if n == w.me.nics[0] && diag.SolicitedNode(a) == g {
					held++
				}
			}
			if joined > held {
				say("group %s is still joined", g)
			}
		}
	}
	return broken
}

// ours reports whether a packet that left is one that the program made the host send.
func (s Sent) ours() bool {
	if s.Socket {
		return false // counted when it leaves
	}
	if s.Wire {
		return true
	}
	switch s.Frame.Type {
	case diag.EchoRequest:
		return s.Frame.EchoID != 1 || s.Frame.EchoSeq != 0 // a container's
	case diag.TCPSyn:
		return true
	case diag.NS:
		return s.Frame.Dst.IsMulticast() && !s.Frame.Src.IsUnspecified()
	default:
		return false
	}
}

func (w *World) countPackets(say func(string, ...any)) {
	var at []time.Duration
	type pair struct {
		iface       string
		src, target netip.Addr
	}
	solicits := map[pair]int{}
	for _, s := range w.Sent {
		if s.ours() {
			at = append(at, s.Given)
		}
		if s.Frame.Type == diag.NS && s.ours() {
			solicits[pair{s.Frame.Interface, s.Frame.Src, s.Frame.Target}]++
		}
	}
	if most := max(2000, 8*len(w.State.Run.Peers)); len(at) > most {
		say("%d packets left", len(at))
	}
	// What the kernel adds of its own (the repeated solicitations, SYNs) is counted when it has left.
	const added = 30
	slices.Sort(at)
	for i := range at {
		if j := i + burst + added; j < len(at) {
			for ; j < len(at); j++ {
				if n := j - i + 1; n > burst+added+int((at[j]-at[i]).Seconds()*perSecond) {
					say("%d packets in %s", n, at[j]-at[i])
					return
				}
			}
		}
	}
	for p, n := range solicits {
		if n > 2+12+4*3 {
			say("%d solicitations for %s from %s", n, p.target, p.src)
		}
	}
}

// watchCandidates: a candidate is nobody's, and is used only when it was asked for in vain.
func (w *World) watchCandidates(say func(string, ...any)) {
	taken := map[netip.Addr]string{}
	var prefixes []netip.Prefix
	for _, h := range w.hosts {
		for i := range h.spec.NICs {
			nic := &h.spec.NICs[i]
			for _, a := range append(slices.Clone(nic.Addresses), nic.Static...) {
				taken[a] = h.spec.Name
			}
			for _, a := range h.nics[i].addrs {
				if h != w.me { // else it may be asked from, as from any that is this host's by right
					taken[a.Address.Address] = h.spec.Name
				}
			}
			if h != w.me || w.State.Metadata.State == diag.MetadataOK { // else nobody could know
				prefixes = append(prefixes, nic.Prefixes...)
			}
		}
		for _, a := range h.spec.Added {
			taken[a.Prefix.Addr()] = h.spec.Name
		}
	}
	for i := range w.Spec.Routers {
		for _, a := range append(slices.Clone(w.Spec.Routers[i].Addresses), w.Spec.Routers[i].LinkLocal()) {
			taken[a] = w.Spec.Routers[i].Name
		}
	}
	candidate := func(a netip.Addr) bool {
		return a.IsValid() && !a.IsUnspecified() && !w.configured[a]
	}
	asked := map[netip.Addr][2]time.Duration{} // from nowhere; by name
	for _, s := range w.Sent {
		f := s.Frame
		if s.Wire && f.Type == diag.NS && candidate(f.Target) {
			times := asked[f.Target]
			if f.Src.IsUnspecified() && times[0] == 0 {
				times[0] = s.At + 1
			} else if !candidate(f.Src) && times[1] == 0 {
				times[1] = s.At + 1
			}
			asked[f.Target] = times
		}
		if !candidate(f.Src) || !s.Wire && !s.Socket && f.Type != diag.NS || w.pods(f.Src) {
			continue
		}
		if who := taken[f.Src]; who != "" {
			say("a frame from %s, which is %s's", f.Src, who)
		}
		if slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(f.Src) }) {
			say("a frame from %s, which is in a prefix that is delegated", f.Src)
		}
		times := asked[f.Src]
		if times[0] == 0 || times[1] == 0 || s.At < max(times[0], times[1])-1+guard {
			say("a frame from %s at %s, asked for at %s and %s", f.Src, s.At, times[0], times[1])
			return
		}
		if !s.Wire && f.Type == diag.NS && (w.Weather.Add != diag.AddKernel || w.routers(f.Target)) {
			say("the kernel asked for %s from %s", f.Target, f.Src)
		}
	}
}

func (w *World) pods(a netip.Addr) bool { return w.me.spec.Pod != nil && w.me.spec.Pod.Address == a }

func (w *World) routers(a netip.Addr) bool {
	return slices.ContainsFunc(w.hosts[0].routes, func(r diag.Route) bool { return r.Via == a })
}

// kernelFirst: what the kernel is asked, our own frames ask only when it has, and left or had its time.
func (w *World) kernelFirst(say func(string, ...any)) {
	type lane struct{ src, target netip.Addr }
	asked, left := map[lane]time.Duration{}, map[lane]bool{}
	hop := func(target netip.Addr) netip.Addr {
		if sel := w.me.route(target, netip.Addr{}, ""); sel.Via.IsValid() {
			return sel.Via
		}
		return target
	}
	for _, s := range w.Sent {
		f := s.Frame
		key := lane{f.Src, f.Dst}
		if f.Type == diag.NS {
			key.target = f.Target
		}
		switch {
		case s.Socket:
			if _, was := asked[key]; !was {
				asked[key] = s.At
			}
			left[key] = left[key] || s.Errno != ""
		case !s.Wire:
			left[key] = true
			for k := range asked {
				if f.Type == diag.NS && hop(k.target) == f.Target {
					left[k] = true
				}
			}
		case f.Type == diag.NS || f.Type == diag.EchoRequest:
			at, was := asked[key]
			if was && !left[key] && s.At < at+firstAnswer && w.State.ClassOf(f.Interface, f.Src) == diag.SourceAssigned && !w.busy() {
				say("%s from %s for %s at %s, the kernel was asked at %s and nothing had left", f.Type, f.Src, key.target, s.At, at)
				return
			}
		}
	}
}

// busy reports whether what leaves is seen late.
func (w *World) busy() bool { return w.Weather.Tap > time.Millisecond }
