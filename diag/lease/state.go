package lease

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ndwhy/diag"
)

// What is read of a DHCPv6 message (RFC 8415 §§7.3, 21; IA_PD §21.21).
const (
	typeReply      = 7
	optionClientID = 1
	optionIANA     = 3
	optionIAAddr   = 5
	optionIAPD     = 25
	optionIAPrefix = 26
)

// parseReply reads a DHCPv6 Reply as dhcpcd keeps it: the message without any header before it,
// written when it came.
func parseReply(iface string) parser {
	return func(content string, at time.Time) ([]diag.Lease, error) {
		if len(content) < 4 || content[0] != typeReply {
			return nil, errors.New("not a DHCPv6 Reply")
		}
		l := diag.Lease{Interface: iface}
		err := options([]byte(content[4:]), func(code uint16, data []byte) error {
			switch code {
			case optionClientID:
				if len(data) <= maxDUID {
					l.DUID = hex.EncodeToString(data)
				}
			case optionIANA, optionIAPD:
				if len(data) < 12 {
					return errShort
				}
				if l.IAID == 0 || code == optionIANA {
					l.IAID = binary.BigEndian.Uint32(data)
				}
				return options(data[12:], func(code uint16, data []byte) error {
					a, err := iaAddress(code, data)
					if err == nil && assignable(a.Prefix) {
						a.At = at.UTC()
						l.Addresses = append(l.Addresses, a)
					}
					return err
				})
			}
			return nil
		})
		return []diag.Lease{l}, err
	}
}

var errShort = errors.New("an option is shorter than it says or must be")

// options calls each for every option of b.
func options(b []byte, each func(code uint16, data []byte) error) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return errShort
		}
		code, size := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+size {
			return errShort
		}
		if err := each(code, b[4:4+size]); err != nil {
			return err
		}
		b = b[4+size:]
	}
	return nil
}

// iaAddress reads an address or prefix of an identity association; the zero value is another option.
func iaAddress(code uint16, data []byte) (a diag.LeaseAddress, err error) {
	life := func(b []byte) int64 {
		if n := binary.BigEndian.Uint32(b); n != 1<<32-1 {
			return int64(n)
		}
		return diag.Forever
	}
	switch code {
	case optionIAAddr:
		if len(data) < 24 {
			return a, errShort
		}
		a.Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte(data)), 128)
		a.PreferredS, a.ValidS = life(data[16:]), life(data[20:])
	case optionIAPrefix:
		if len(data) < 25 {
			return a, errShort
		}
		a.PreferredS, a.ValidS = life(data), life(data[4:])
		a.Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte(data[9:])), int(data[8])).Masked()
	}
	return a, nil
}

// parseNetworkManager reads the [dhcp6] group of a device's state. With NetworkManager's own client
// it has no times; with dhclient it has dhclient's.
func parseNetworkManager(iface string) parser {
	return func(content string, _ time.Time) ([]diag.Lease, error) {
		l := diag.Lease{Interface: iface}
		group, values := "", map[string]string{}
		for line := range strings.Lines(content) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") {
				group = line
				continue
			}
			name, value, ok := strings.Cut(line, "=")
			if name, is := strings.CutPrefix(name, "dhcp6."); ok && is && group == "[dhcp6]" {
				values[name] = value
			}
		}
		if id, err := hex.DecodeString(strings.ReplaceAll(values["dhcp6_client_id"], ":", "")); err == nil && len(id) <= maxDUID {
			l.DUID = hex.EncodeToString(id)
		}
		if id := colonHex(values["iaid"]); len(id) == 4 {
			l.IAID = binary.BigEndian.Uint32(id)
		}
		var times diag.LeaseAddress
		if at, ok := seconds(values["life_starts"]); ok {
			preferred, known := seconds(values["preferred_life"])
			valid, alsoKnown := seconds(values["max_life"])
			if known && alsoKnown {
				times = diag.LeaseAddress{At: time.Unix(at, 0).UTC(), PreferredS: preferred, ValidS: valid}
			}
		}
		add := func(p netip.Prefix) {
			if assignable(p) {
				a := times
				a.Prefix = p.Masked()
				l.Addresses = append(l.Addresses, a)
			}
		}
		for word := range strings.FieldsSeq(values["ip6_address"]) {
			if addr, err := netip.ParseAddr(word); err == nil && addr.Is6() {
				add(netip.PrefixFrom(addr, 128))
			}
		}
		for word := range strings.FieldsSeq(values["ip6_prefix"]) {
			if p, err := netip.ParsePrefix(word); err == nil {
				add(p)
			}
		}
		return []diag.Lease{l}, nil
	}
}

// The names that systemd gives to the types of DUID (sd-dhcp-duid.c, duid_type_table). A type
// without a name is written in the machine's byte order, so it is not read.
var duidTypes = map[string]uint16{
	"DUID-LLT": 1, "DUID-EN/Vendor": 2, "DUID-EN": 2, "DUID-LL": 3, "UUID": 4,
}

// parseNetworkd reads who networkd's DHCPv6 client is.
func parseNetworkd(iface string) parser {
	return func(content string, _ time.Time) ([]diag.Lease, error) {
		l := diag.Lease{Interface: iface}
		for line := range strings.Lines(content) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch name {
			case "DHCP6_CLIENT_IAID":
				if id, err := strconv.ParseUint(value, 0, 32); err == nil {
					l.IAID = uint32(id)
				}
			case "DHCP6_CLIENT_DUID":
				kind, data, _ := strings.Cut(value, ":")
				id, err := hex.DecodeString(data)
				if t := duidTypes[kind]; err == nil && t != 0 && len(id) > 0 && len(id)+2 <= maxDUID {
					l.DUID = hex.EncodeToString(append(binary.BigEndian.AppendUint16(nil, t), id...))
				}
			}
		}
		return []diag.Lease{l}, nil
	}
}
