package capture

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"ndwhy/diag"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

// Bounds on what is read of one DHCPv6 message. A DUID is at most 130 bytes (RFC 8415 §11.1).
const (
	dhcpMax         = 4096
	duidMax         = 130
	leaseAddressMax = 64
)

// decodeDHCPv6 reads a DHCPv6 message (RFC 8415 §8); nil where it is malformed. Of a relayed one
// only the name is read.
func decodeDHCPv6(b []byte) (d *diag.DHCPv6) {
	// The parser is not ours and its input is hostile: what it panics at is malformed.
	defer func() {
		if recover() != nil {
			d = nil
		}
	}()
	if len(b) < 4 || len(b) > dhcpMax {
		return nil
	}
	kind := dhcpv6.MessageType(b[0])
	d = &diag.DHCPv6{Message: messageName(kind)}
	if kind == dhcpv6.MessageTypeRelayForward || kind == dhcpv6.MessageTypeRelayReply {
		return d
	}
	m, err := dhcpv6.MessageFromBytes(b)
	if err != nil {
		return nil
	}
	d.Transaction = hex.EncodeToString(m.TransactionID[:])
	d.ClientDUID, d.ServerDUID = duid(m.Options.ClientID()), duid(m.Options.ServerID())
	status(d, m.Options.Status())
	for _, ia := range m.Options.IANA() {
		association(d, ia.IaId, ia.T1, ia.T2)
		status(d, ia.Options.Status())
		for _, a := range ia.Options.Addresses() {
			leased(d, a.IPv6Addr, 128, a.PreferredLifetime, a.ValidLifetime)
		}
	}
	for _, ia := range m.Options.IAPD() {
		association(d, ia.IaId, ia.T1, ia.T2)
		status(d, ia.Options.Status())
		for _, p := range ia.Options.Prefixes() {
			if p.Prefix != nil {
				bits, _ := p.Prefix.Mask.Size()
				leased(d, p.Prefix.IP, bits, p.PreferredLifetime, p.ValidLifetime)
			}
		}
	}
	return d
}

// messageName names a message type as RFC 8415 §7.3 does, in small letters.
func messageName(kind dhcpv6.MessageType) string {
	if name := kind.String(); !strings.HasPrefix(name, "unknown") {
		return strings.ToLower(name)
	}
	return fmt.Sprintf("type %d", kind)
}

func duid(id dhcpv6.DUID) string {
	if id == nil {
		return ""
	}
	b := id.ToBytes()
	return hex.EncodeToString(b[:min(len(b), duidMax)])
}

// association takes an identity association's numbers; the first one's stand.
func association(d *diag.DHCPv6, iaid [4]byte, t1, t2 time.Duration) {
	if d.IAID != 0 || d.T1S != 0 || d.T2S != 0 {
		return
	}
	d.IAID = uint32(iaid[0])<<24 | uint32(iaid[1])<<16 | uint32(iaid[2])<<8 | uint32(iaid[3])
	d.T1S, d.T2S = dhcpSeconds(t1), dhcpSeconds(t2)
}

// status takes a status code (RFC 8415 §21.13) that is not Success; the first one stands.
func status(d *diag.DHCPv6, s *dhcpv6.OptStatusCode) {
	if s == nil || s.StatusCode == iana.StatusSuccess || d.Status != "" {
		return
	}
	d.Status = s.StatusCode.String()
	if d.Status == "Unknown" {
		d.Status = fmt.Sprintf("status %d", uint16(s.StatusCode))
	}
}

func leased(d *diag.DHCPv6, ip net.IP, bits int, preferred, valid time.Duration) {
	addr, ok := netip.AddrFromSlice(ip.To16())
	if !ok || addr.Is4In6() || len(d.Addresses) == leaseAddressMax {
		return
	}
	d.Addresses = append(d.Addresses, diag.LeaseAddress{
		Prefix: netip.PrefixFrom(addr, bits), PreferredS: dhcpSeconds(preferred), ValidS: dhcpSeconds(valid),
	})
}

// dhcpSeconds is a lifetime: all ones are infinity (RFC 8415 §7.7).
func dhcpSeconds(d time.Duration) int64 {
	if d == 0xffffffff*time.Second {
		return diag.Forever
	}
	return int64(d / time.Second)
}
