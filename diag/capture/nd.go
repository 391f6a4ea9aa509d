package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"ndwhy/diag"

	"github.com/mdlayher/ndp"
)

// Lengths of the neighbour discovery messages without options (RFC 4861 §4).
var ndLen = map[diag.FrameType]int{diag.RS: 8, diag.RA: 16, diag.NS: 24, diag.NA: 24, diag.RedirectFrame: 40}

// Option types (RFC 4861 §4.6, RFC 3971 §5.3.2, RFC 4191 §2.3, RFC 8106 §5).
const (
	optSourceLL   = 1
	optTargetLL   = 2
	optPrefix     = 3
	optRedirected = 4
	optMTU        = 5
	optNonce      = 14
	optRoute      = 24
	optRDNSS      = 25
	optDNSSL      = 31
)

// optionsMax bounds the options that are read of one message.
const optionsMax = 128

var solicitedNodes = netip.MustParsePrefix("ff02::1:ff00:0/104")

// decodeND reads a neighbour discovery message and holds it against the rules for receiving it: RFC
// 4861 §§6.1.1, 6.1.2, 7.1.1, 7.1.2 and 8.1. What can be read of a bad one is read all the same.
func decodeND(f *diag.Frame, b []byte) {
	if f.HopLimit != 255 {
		bad(f, fmt.Sprintf("hop limit %d, not 255: it did not come from this link", f.HopLimit))
	}
	if f.Code != 0 {
		bad(f, fmt.Sprintf("code %d, not 0", f.Code))
	}
	fixed := ndLen[f.Type]
	if len(b) < fixed {
		bad(f, fmt.Sprintf("%d bytes, too short for %s", len(b), f.Type))
		return
	}
	if f.Type == diag.RedirectFrame { // ndp does not know it
		f.Target = netip.AddrFrom16([16]byte(b[8:24]))
		f.Quoted = &diag.Quoted{Dst: netip.AddrFrom16([16]byte(b[24:40]))}
	} else if m, err := ndp.ParseMessage(b[:fixed]); err != nil {
		bad(f, "malformed "+string(f.Type))
	} else {
		ndMessage(f, m)
	}
	options(f, b[fixed:])
	switch f.Type {
	case diag.RS:
		if f.Src.IsUnspecified() && f.LLAddr != (diag.MAC{}) {
			bad(f, "a source link-layer address from the unspecified address")
		}
	case diag.RA:
		if !f.Src.IsLinkLocalUnicast() {
			bad(f, "the source of an advertisement is no link-local address")
		}
	case diag.NS:
		judgeNS(f)
	case diag.NA:
		if f.Target.IsMulticast() {
			bad(f, "the target is a multicast address")
		}
		if f.Dst.IsMulticast() && f.Solicited {
			bad(f, "solicited, and sent to a multicast address")
		}
	case diag.RedirectFrame:
		judgeRedirect(f)
	}
}

func judgeNS(f *diag.Frame) {
	if f.Target.IsMulticast() {
		bad(f, "the target is a multicast address")
	}
	if !f.Src.IsUnspecified() {
		return
	}
	if !solicitedNodes.Contains(f.Dst) {
		bad(f, "from the unspecified address, and not to a solicited-node group")
	}
	if f.LLAddr != (diag.MAC{}) {
		bad(f, "a source link-layer address from the unspecified address")
	}
}

func judgeRedirect(f *diag.Frame) {
	switch {
	case !f.Src.IsLinkLocalUnicast():
		bad(f, "the source of a redirect is no link-local address")
	case f.Quoted.Dst.IsMulticast():
		bad(f, "a redirect for a multicast address")
	case !f.Target.IsLinkLocalUnicast() && f.Target != f.Quoted.Dst:
		bad(f, "redirected to neither a router's link-local address nor the destination itself")
	}
}

// ndMessage takes the fixed part of a message.
func ndMessage(f *diag.Frame, m ndp.Message) {
	switch m := m.(type) {
	case *ndp.NeighborSolicitation:
		f.Target = m.TargetAddress
	case *ndp.NeighborAdvertisement:
		f.Target, f.Router, f.Solicited, f.Override = m.TargetAddress, m.Router, m.Solicited, m.Override
	case *ndp.RouterAdvertisement:
		f.RA = &diag.Advertisement{
			Managed: m.ManagedConfiguration, Other: m.OtherConfiguration, HopLimit: int(m.CurrentHopLimit),
			LifetimeS: int64(m.RouterLifetime / time.Second), Preference: preference(m.RouterSelectionPreference),
			ReachableMS: m.ReachableTime.Milliseconds(), RetransMS: m.RetransmitTimer.Milliseconds(),
		}
	}
}

func preference(p ndp.Preference) string {
	switch p {
	case ndp.Low:
		return "low"
	case ndp.High:
		return "high"
	default:
		return "medium"
	}
}

func lifetime(d time.Duration) int64 {
	if d == ndp.Infinity {
		return diag.Forever
	}
	return int64(d / time.Second)
}

// options reads the options of a message one by one, so that one which is malformed hides no other:
// it is kept raw, as one that is not known. Only a length of zero, or beyond the end, spoils the
// message (RFC 4861 §4.6).
func options(f *diag.Frame, b []byte) {
	for n := 0; len(b) > 0; n++ {
		if len(b) < 2 || b[1] == 0 || int(b[1])*8 > len(b) {
			bad(f, "an option's length is zero or beyond the end")
			return
		}
		if n == optionsMax {
			bad(f, fmt.Sprintf("more than %d options", optionsMax))
			return
		}
		raw := b[:int(b[1])*8]
		b = b[len(raw):]
		if !option(f, raw) && f.RA != nil {
			f.RA.Unknown = append(f.RA.Unknown, diag.Option{Type: int(raw[0]), Raw: append([]byte(nil), raw...)})
		}
	}
}

// option takes one option, and reports whether it could.
func option(f *diag.Frame, raw []byte) bool {
	switch raw[0] {
	case optNonce:
		f.Nonce = append([]byte(nil), raw[2:]...)
		return true
	case optRedirected:
		if f.Type == diag.RedirectFrame {
			if q := quote(raw[8:]); q != nil {
				q.Dst = f.Quoted.Dst
				f.Quoted = q
			}
		}
		return f.Type == diag.RedirectFrame
	case optRoute:
		return f.RA != nil && routeInfo(f.RA, raw)
	case optSourceLL, optTargetLL, optPrefix, optMTU, optRDNSS, optDNSSL:
	default:
		return false
	}
	// ndp parses options inside messages only: a solicitation may hold any.
	m, err := ndp.ParseMessage(append([]byte{133, 0, 0, 0, 0, 0, 0, 0}, raw...))
	if err != nil {
		return false
	}
	rs, ok := m.(*ndp.RouterSolicitation)
	if !ok || len(rs.Options) != 1 {
		return false
	}
	if ll, ok := rs.Options[0].(*ndp.LinkLayerAddress); ok {
		want := ndp.Source
		if f.Type == diag.NA || f.Type == diag.RedirectFrame {
			want = ndp.Target
		}
		if ll.Direction == want && len(ll.Addr) == len(f.LLAddr) {
			f.LLAddr = diag.MAC(ll.Addr)
			if f.RA != nil {
				f.RA.LLAddr = f.LLAddr
			}
		}
		return ll.Direction == want
	}
	return f.RA != nil && raOption(f.RA, rs.Options[0])
}

// raOption takes an option that only an advertisement has.
func raOption(ra *diag.Advertisement, o ndp.Option) bool {
	switch o := o.(type) {
	case *ndp.MTU:
		ra.MTU = int(o.MTU)
	case *ndp.PrefixInformation:
		if o.PrefixLength > 128 {
			return false
		}
		ra.Prefixes = append(ra.Prefixes, diag.PrefixInfo{
			Prefix: netip.PrefixFrom(o.Prefix, int(o.PrefixLength)), OnLink: o.OnLink, Autonomous: o.AutonomousAddressConfiguration,
			ValidS: lifetime(o.ValidLifetime), PreferredS: lifetime(o.PreferredLifetime),
		})
	case *ndp.RecursiveDNSServer:
		ra.RDNSS = append(ra.RDNSS, o.Servers...)
		if life := lifetime(o.Lifetime); life == diag.Forever || ra.RDNSSLifeS != diag.Forever && life > ra.RDNSSLifeS {
			ra.RDNSSLifeS = life // of several, the longest
		}
	case *ndp.DNSSearchList:
		for _, name := range o.DomainNames {
			ra.DNSSL = append(ra.DNSSL, escape(name))
		}
	default:
		return false
	}
	return true
}

// routeInfo takes a route information option (RFC 4191 §2.3). ndp v1.1.0 drops the bits of a prefix
// behind its last whole byte, and an advertisement for one with the reserved preference.
func routeInfo(ra *diag.Advertisement, raw []byte) bool {
	bits, reserved := int(raw[2]), raw[3]>>3&3 == 2
	if reserved || bits > 128 || len(raw) < 8+(bits+63)/64*8 || len(raw) > 24 {
		return false
	}
	var b [16]byte
	copy(b[:], raw[8:])
	addr := netip.AddrFrom16(b)
	if addr.Is4In6() {
		return false
	}
	// The two bits count from -2 to 1: 01 is high, 11 is low.
	pref := map[byte]ndp.Preference{0: ndp.Medium, 1: ndp.High, 3: ndp.Low}[raw[3]>>3&3]
	ra.Routes = append(ra.Routes, diag.RouteInfo{
		Prefix: netip.PrefixFrom(addr, bits).Masked(), Preference: preference(pref),
		LifetimeS: lifetime(time.Duration(binary.BigEndian.Uint32(raw[4:])) * time.Second),
	})
	return true
}

// escape makes text from the network printable: control characters, and what turns the direction of
// writing, become escapes.
func escape(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}
