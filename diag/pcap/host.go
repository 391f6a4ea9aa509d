package pcap

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// A Host is one of those in a capture, named by an address or by its MAC.
type Host struct {
	addr netip.Addr
	mac  diag.MAC
}

// ParseHost reads an IPv6 address or a MAC.
func ParseHost(text string) (h Host, err error) {
	if h.mac, err = diag.ParseMAC(text); err == nil {
		return h, nil
	}
	if h.addr, err = netip.ParseAddr(text); err != nil || !h.addr.Is6() || h.addr.Is4In6() {
		return Host{}, fmt.Errorf("%q is neither an IPv6 address nor a MAC address", text)
	}
	h.addr = h.addr.WithZone("")
	return h, nil
}

func (h Host) String() string {
	if h.addr.IsValid() {
		return h.addr.String()
	}
	return h.mac.String()
}

// A Maker finds out which host made a capture, in memory that does not grow: the zero Maker has seen no frame.
type Maker struct {
	named Host
	found diag.MAC
	sure  bool
	// maybe are those that all unicast frames so far were from or to, once there was one.
	maybe []diag.MAC
	some  bool
	// senders are those that sent something, as they first did, at most sendersMost.
	senders []diag.MAC
	// routers are those of them that say so, in advertisements of either kind.
	routers []diag.MAC
	// uses is an address of each that neighbour discovery shows, a global one if there is.
	uses map[diag.MAC]netip.Addr
	// pairs are those that spoke with each other by unicast neighbour discovery, at most pairsMost.
	pairs map[[2]diag.MAC]bool
}

const (
	sendersMost = 8
	pairsMost   = 256
)

// Find reads a capture to its end, or to where it says who made it: named is a host to look for instead, if not zero.
func Find(c *Reader, named Host) (m Maker) {
	m.named = named
	m.found, m.sure = named.mac, named.mac != diag.MAC{}
	for !m.sure {
		p, err := c.Next()
		if err != nil {
			return m
		}
		if f, ok, _ := frame(p); ok {
			m.take(f)
		}
	}
	return m
}

func (m *Maker) take(f diag.Frame) {
	switch {
	case m.named != Host{}:
		m.sure = f.Src == m.named.addr || f.Type == diag.NA && f.Target == m.named.addr && f.Bad == ""
	default:
		m.sure = f.Out
	}
	if m.sure {
		m.found = f.SrcMAC
		return
	}
	if len(m.senders) < sendersMost && f.SrcMAC != (diag.MAC{}) && !slices.Contains(m.senders, f.SrcMAC) {
		m.senders = append(m.senders, f.SrcMAC)
	}
	if routes := f.Type == diag.RA || f.Type == diag.NA && f.Router; routes && f.Bad == "" && len(m.routers) < sendersMost && !m.Routes(f.SrcMAC) {
		m.routers = append(m.routers, f.SrcMAC)
	}
	if f.Type.IsND() && f.Src.IsValid() && !f.Src.IsUnspecified() && slices.Contains(m.senders, f.SrcMAC) {
		if old, ok := m.uses[f.SrcMAC]; !ok || old.IsLinkLocalUnicast() && !f.Src.IsLinkLocalUnicast() {
			if m.uses == nil {
				m.uses = map[diag.MAC]netip.Addr{}
			}
			m.uses[f.SrcMAC] = f.Src
		}
	}
	if f.DstMAC[0]&1 != 0 || f.DstMAC == (diag.MAC{}) {
		return
	}
	if f.Type.IsND() && len(m.pairs) < pairsMost {
		if m.pairs == nil {
			m.pairs = map[[2]diag.MAC]bool{}
		}
		m.pairs[pair(f.SrcMAC, f.DstMAC)] = true
	}
	if both := []diag.MAC{f.SrcMAC, f.DstMAC}; !m.some {
		m.maybe, m.some = both, true
	} else {
		m.maybe = slices.DeleteFunc(m.maybe, func(h diag.MAC) bool { return !slices.Contains(both, h) })
	}
}

func pair(a, b diag.MAC) [2]diag.MAC {
	if slices.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return [2]diag.MAC{a, b}
}

// MakerOf returns who made a capture, where others are known to have made others, of the same time as those of beside; ok is
// false where it is none alone. A host that sent nothing is the zero MAC.
func (m *Maker) MakerOf(others []diag.MAC, beside []Maker) (mac diag.MAC, ok bool) {
	if m.sure || m.named != (Host{}) {
		return m.found, true
	}
	switch left := m.Candidates(others, beside); {
	case len(left) == 1 && (m.some || m.alone(left[0], beside)):
		return left[0], true
	case len(left) == 0 && !m.some && len(m.senders) > 0 && len(m.senders) < sendersMost:
		return diag.MAC{}, true // it only heard others
	default:
		return mac, false
	}
}

// HostOf returns the one of those that may have made a capture which is no router: few capture there.
func (m *Maker) HostOf(others []diag.MAC, beside []Maker) (mac diag.MAC, ok bool) {
	hosts := slices.DeleteFunc(m.Candidates(others, beside), m.Routes)
	if !m.some || len(hosts) != 1 {
		return mac, false
	}
	return hosts[0], true
}

// alone reports whether a host was heard here and not elsewhere, as it would be on a link that brings everybody what is for
// all.
func (m *Maker) alone(h diag.MAC, beside []Maker) bool {
	return len(beside) > 0 && !slices.ContainsFunc(beside, func(o Maker) bool {
		return o.sure || len(o.senders) == sendersMost || slices.Contains(o.senders, h)
	})
}

// missed reports whether a host spoke with another, as is captured elsewhere and not here: so it is not this host, which has
// all of its own.
func (m *Maker) missed(h diag.MAC, beside []Maker) bool {
	if len(m.pairs) == pairsMost {
		return false
	}
	for _, o := range beside {
		for p := range o.pairs {
			if (p[0] == h || p[1] == h) && !m.pairs[p] {
				return true
			}
		}
	}
	return false
}

// rank is higher, the likelier a host is a router: one that does not solicit either may be.
func (m *Maker) rank(h diag.MAC) int {
	_, uses := m.Uses(h)
	switch {
	case m.Routes(h):
		return 2
	case !uses:
		return 1
	default:
		return 0
	}
}

// Routes reports whether a host says that it is a router.
func (m *Maker) Routes(h diag.MAC) bool { return slices.Contains(m.routers, h) }

// Uses returns an address of a host; ok is false where neighbour discovery shows none.
func (m *Maker) Uses(h diag.MAC) (addr netip.Addr, ok bool) {
	addr, ok = m.uses[h]
	return addr, ok
}

// Candidates are some of those that may have made a capture, where others are known to have made others: where there was no
// unicast frame, those that sent something. Those that seem to be no routers come first, for few capture on one.
func (m *Maker) Candidates(others []diag.MAC, beside []Maker) []diag.MAC {
	list := m.maybe
	if len(list) == 0 {
		list = m.senders
	}
	list = slices.DeleteFunc(slices.Clone(list), func(h diag.MAC) bool { return slices.Contains(others, h) || m.missed(h, beside) })
	diag.SortFunc(list, func(a, b diag.MAC) int { return m.rank(a) - m.rank(b) })
	return list
}

// heldMost bounds the frames that wait until it is known which MAC a host has that was named by its address.
const heldMost = 1024

// A view is a capture as one host of it sees it: what it sends, and what comes for it or for all. With no host it is all of
// the capture.
type view struct {
	host Host
	held []seen
}

// A seen is a frame with the time at which it was captured.
type seen struct {
	at time.Time
	diag.Frame
}

// take returns what is in view now that a frame has come, which is valid until it is called again.
func (v *view) take(f seen) []seen {
	if v.host == (Host{}) {
		return []seen{f}
	}
	if v.host.mac == (diag.MAC{}) {
		v.held = append(v.held, f)
		switch {
		case f.Src == v.host.addr:
			v.host.mac = f.SrcMAC
		case f.Type == diag.NA && f.Target == v.host.addr && f.Bad == "":
			v.host.mac = f.SrcMAC
		case len(v.held) > heldMost:
			v.held = v.held[1:]
			return nil
		default:
			return nil
		}
	} else {
		v.held = append(v.held, f)
	}
	list := v.held[:0]
	for _, f := range v.held {
		// A MAC that is not known is that of a "cooked" packet, which the capturing host was given.
		f.Out = f.SrcMAC == v.host.mac
		if f.Out || f.DstMAC == v.host.mac || f.DstMAC[0]&1 != 0 || f.DstMAC == (diag.MAC{}) {
			list = append(list, f)
		}
	}
	v.held = v.held[:0]
	return list
}
