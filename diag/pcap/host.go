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
}

const sendersMost = 8

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
	if f.DstMAC[0]&1 != 0 || f.DstMAC == (diag.MAC{}) {
		return
	}
	if both := []diag.MAC{f.SrcMAC, f.DstMAC}; !m.some {
		m.maybe, m.some = both, true
	} else {
		m.maybe = slices.DeleteFunc(m.maybe, func(h diag.MAC) bool { return !slices.Contains(both, h) })
	}
}

// MakerOf returns who made a capture, where others are known to have made others; ok is false where it is none alone. A host
// that was named and sent nothing is the zero MAC.
func (m *Maker) MakerOf(others []diag.MAC) (mac diag.MAC, ok bool) {
	if m.sure || m.named != (Host{}) {
		return m.found, true
	}
	left := slices.DeleteFunc(slices.Clone(m.maybe), func(h diag.MAC) bool { return slices.Contains(others, h) })
	if len(left) != 1 {
		return mac, false
	}
	return left[0], true
}

// Candidates are some of those that may have made a capture, where others are known to have made others: where there was no
// unicast frame, those that sent something.
func (m *Maker) Candidates(others []diag.MAC) []diag.MAC {
	list := m.maybe
	if len(list) == 0 {
		list = m.senders
	}
	return slices.DeleteFunc(slices.Clone(list), func(h diag.MAC) bool { return slices.Contains(others, h) })
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
