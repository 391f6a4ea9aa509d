package capture

import (
	"encoding/binary"
	"net/netip"

	"ndwhy/diag"

	"golang.org/x/net/ipv6"
)

// groupsMax bounds the groups that are read of one report.
const groupsMax = 128

// decodeMLD reads an MLD message (RFC 2710 §3, RFC 3810 §5); nil where it is malformed.
func decodeMLD(b []byte) *diag.MLDMessage {
	if len(b) < 8 {
		return nil
	}
	typ := ipv6.ICMPType(b[0])
	if typ == ipv6.ICMPTypeVersion2MulticastListenerReport {
		return decodeReport2(b)
	}
	if len(b) < 24 {
		return nil
	}
	m := &diag.MLDMessage{}
	group := netip.AddrFrom16([16]byte(b[8:24]))
	switch typ {
	case ipv6.ICMPTypeMulticastListenerQuery:
		m.Message = "query"
		m.MaxDelayMS = int(binary.BigEndian.Uint16(b[4:]))
		if code := m.MaxDelayMS; len(b) >= 28 && code >= 0x8000 { // RFC 3810 §5.1.3: a floating-point number
			m.MaxDelayMS = (code&0xfff | 0x1000) << (code>>12&7 + 3)
		}
		if group.IsUnspecified() {
			return m // all of them
		}
		m.Groups = append(m.Groups, group)
	case ipv6.ICMPTypeMulticastListenerReport:
		m.Message = "report"
		m.Groups = append(m.Groups, group)
	case ipv6.ICMPTypeMulticastListenerDone:
		m.Message = "done"
		m.Left = append(m.Left, group)
	}
	return m
}

// decodeReport2 reads a version 2 report: a record a group, each with sources.
func decodeReport2(b []byte) *diag.MLDMessage {
	const include, toInclude, block = 1, 3, 6
	m := &diag.MLDMessage{Message: "report"}
	n := int(binary.BigEndian.Uint16(b[6:]))
	for b = b[8:]; n > 0; n-- {
		if len(b) < 20 {
			return nil
		}
		kind, sources := b[0], int(binary.BigEndian.Uint16(b[2:]))
		size := 20 + 16*sources + 4*int(b[1])
		if size > len(b) {
			return nil
		}
		group := netip.AddrFrom16([16]byte(b[4:20]))
		switch {
		case len(m.Groups)+len(m.Left) >= groupsMax:
		case (kind == include || kind == toInclude) && sources == 0:
			m.Left = append(m.Left, group) // a filter that lets nothing through
		case kind != block:
			m.Groups = append(m.Groups, group)
		}
		b = b[size:]
	}
	return m
}
