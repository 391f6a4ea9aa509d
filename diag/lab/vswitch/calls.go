package vswitch

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// A Call is what comes to an instance unasked, again and again once Begin was called: from a host beyond the router, or
// from the router itself.
type Call struct {
	From  netip.Addr // beyond the router; of a redirect the router that sends it
	To    netip.Addr // assigned to a port
	Every time.Duration
	Port  uint16 // a connection to it is tried; 0: it is an echo request
	// Redirect is what the router says instead: what goes to Dst is to go to Via, which has that MAC.
	Redirect *Redirect
}

// A Redirect names a better first hop (RFC 4861 §4.5).
type Redirect struct {
	Dst, Via netip.Addr
	MAC      diag.MAC
}

// callID numbers what calls, as a connection's port and as an echo's identifier.
const callID = 50000

// nextCall returns when the next call is due, or the zero time: never.
func (s *Switch) nextCall() (first time.Time) {
	for i, c := range s.cfg.Calls {
		if at := s.called[i].Add(c.Every); s.begun && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// calls puts out what is due.
func (t *turn) calls() {
	for i, c := range t.cfg.Calls {
		if !t.begun || t.now.Before(t.called[i].Add(c.Every)) {
			continue
		}
		t.called[i] = t.now
		t.count++
		q, ok := t.owner(c.To)
		if !ok || t.cfg.Ports[q].NoEchoIn && c.Port == 0 && c.Redirect == nil {
			continue
		}
		r, reason := t.gateway(), fmt.Sprintf("%s asks for %s", c.From, c.To)
		if c.Redirect != nil {
			r, reason = t.routerOf(c.From), fmt.Sprintf("%s redirects what goes to %s to %s", c.From, c.Redirect.Dst, c.Redirect.Via)
		}
		if r == nil {
			continue // no router has that address
		}
		t.send(q, c.packet(t.count).Frame(t.cfg.Ports[q].MAC, r.MAC), reason)
	}
}

// packet is the n-th packet of a call.
func (c *Call) packet(n uint16) wire.Packet {
	const hops = 63 // from beyond the router
	switch {
	case c.Redirect != nil:
		return wire.Packet{Src: c.From, Dst: c.To, HopLimit: 255, Proto: unix.IPPROTO_ICMPV6, Payload: c.Redirect.marshal()}
	case c.Port != 0:
		b := make([]byte, wire.TCPLen)
		binary.BigEndian.PutUint16(b, callID+n%1000)
		binary.BigEndian.PutUint16(b[2:], c.Port)
		b[12], b[13] = wire.TCPLen/4<<4, wire.SYN
		binary.BigEndian.PutUint16(b[14:], 64000) // the window
		return wire.Packet{Src: c.From, Dst: c.To, HopLimit: hops, Proto: unix.IPPROTO_TCP, Payload: b}
	default:
		e := wire.Echo{Type: ipv6.ICMPTypeEchoRequest, ID: callID, Seq: n}
		return wire.Packet{Src: c.From, Dst: c.To, HopLimit: hops, Proto: unix.IPPROTO_ICMPV6, Payload: e.Marshal()}
	}
}

// marshal is the message, its checksum zero, with the link-layer address of the better hop.
func (r *Redirect) marshal() []byte {
	const targetLinkLayer = 2
	via, dst := r.Via.As16(), r.Dst.As16()
	b := append(make([]byte, 0, 48), byte(ipv6.ICMPTypeRedirect), 0, 0, 0, 0, 0, 0, 0)
	b = append(append(b, via[:]...), dst[:]...)
	return append(append(b, targetLinkLayer, 1), r.MAC[:]...)
}
