package vswitch

import (
	"net/netip"

	"golang.org/x/net/ipv6"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// maxGroups bounds the groups that a snooping switch keeps members of.
const maxGroups = 1024

// Where a listener report has its groups (RFC 2710 §3, RFC 3810 §5.2).
const (
	reportGroup  = 8  // of version 1, and the first record of version 2
	recordHeader = 20 // type, length of what is auxiliary in words, number of sources, the group
	addrLen      = 16
	toInclude    = 3 // the record by which a group is left: nothing is included
	isInclude    = 1
)

// joins notes which groups a listener report is about.
func (t *turn) joins(p *ip6) {
	b := p.Payload
	switch p.ICMPType() {
	case ipv6.ICMPTypeMulticastListenerReport:
		if len(b) >= reportGroup+addrLen {
			t.joined(netip.AddrFrom16([addrLen]byte(b[reportGroup:])), true)
		}
	case ipv6.ICMPTypeVersion2MulticastListenerReport:
		for b = b[min(len(b), reportGroup):]; len(b) >= recordHeader; {
			sources := int(b[2])<<8 | int(b[3])
			t.joined(netip.AddrFrom16([addrLen]byte(b[4:])), sources > 0 || b[0] != toInclude && b[0] != isInclude)
			b = b[min(len(b), recordHeader+addrLen*sources+4*int(b[1])):]
		}
	}
}

func (t *turn) joined(group netip.Addr, is bool) {
	mac := diag.MulticastMAC(group)
	switch ports := t.members[mac]; {
	case !group.IsMulticast() || ports == nil && (!is || len(t.members) >= maxGroups):
	case ports == nil:
		t.members[mac] = map[int]bool{t.port: true}
	case is:
		ports[t.port] = true
	default:
		delete(ports, t.port)
	}
}

// member reports whether a port gets the frame at hand, where it is a multicast.
func (t *turn) member(port int) bool {
	deaf := t.cfg.Ports[port].NoGroups
	if !t.cfg.Fabric.Snooping && !deaf {
		return true
	}
	h, _, _ := wire.ParseEthernet(t.frame)
	return !grouped(t.frame) || !deaf && t.members[h.Dst][port]
}

// grouped reports whether a frame is for the members of a group that is not all nodes'.
func grouped(frame []byte) bool {
	h, _, ok := wire.ParseEthernet(frame)
	return ok && h.Dst[0] == 0x33 && h.Dst != allNodesMAC
}

// unwanted reports whether no other port gets the frame at hand.
func (t *turn) unwanted() bool {
	for i := range t.cfg.Ports {
		if i != t.port && t.member(i) {
			return false
		}
	}
	return true
}
