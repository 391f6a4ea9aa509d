package diag

import (
	"net/netip"
	"slices"
)

// WellKnownPref64 is the prefix of every network that has no other for its translator (RFC 6052 §2.1).
var WellKnownPref64 = netip.MustParsePrefix("64:ff9b::/96")

// Embed returns the address that stands for an IPv4 address with a translator's prefix (RFC 6052 §2.2); zero where the
// prefix has none of the lengths of such.
func Embed(prefix netip.Prefix, v4 netip.Addr) netip.Addr {
	at := embedding(prefix.Bits())
	if at == nil || !v4.Is4() {
		return netip.Addr{}
	}
	b, octets := prefix.Masked().Addr().As16(), v4.As4()
	for i, n := range at {
		b[n] = octets[i]
	}
	return netip.AddrFrom16(b)
}

// Embedded returns the IPv4 address that an address with a translator's prefix stands for; zero: none.
func Embedded(prefix netip.Prefix, addr netip.Addr) netip.Addr {
	at := embedding(prefix.Bits())
	if at == nil || !prefix.Contains(addr) {
		return netip.Addr{}
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte{b[at[0]], b[at[1]], b[at[2]], b[at[3]]})
}

// Pref64In returns the translator's prefix in an address that a resolver made up for ipv4only.arpa, whose own are
// 192.0.0.170 and 192.0.0.171 (RFC 7050 §3).
func Pref64In(addr netip.Addr) (prefix netip.Prefix, ok bool) {
	if !addr.Is6() || addr.Is4In6() {
		return prefix, false
	}
	for _, bits := range pref64Bits {
		prefix = netip.PrefixFrom(addr, bits).Masked()
		if v4 := Embedded(prefix, addr); v4 == netip.AddrFrom4([4]byte{192, 0, 0, 170}) || v4 == netip.AddrFrom4([4]byte{192, 0, 0, 171}) {
			return prefix, ScopeOf(prefix.Addr()) != LinkLocalScope && !prefix.Addr().IsMulticast()
		}
	}
	return netip.Prefix{}, false
}

// pref64Bits are the lengths that a translator's prefix may have, the commonest first.
var pref64Bits = []int{96, 64, 56, 48, 40, 32}

// embedding is where the octets of an IPv4 address stand behind a prefix: not in bits 64 to 71. Nil: none may be so long.
func embedding(bits int) []int {
	if !slices.Contains(pref64Bits, bits) {
		return nil
	}
	const reserved = 8
	var at []int
	for n := bits / 8; len(at) < 4; n++ {
		if n != reserved || bits == 96 {
			at = append(at, n)
		}
	}
	return at
}

// Pref64s are the prefixes of a translator that an advertisement names (RFC 8781 §4), and has not taken back.
func (a *Advertisement) Pref64s() (list []netip.Prefix) {
	const option, size = 38, 16 // 13 bits of lifetime in units of 8 s, then the length's code
	for _, o := range a.Unknown {
		if o.Type != option || len(o.Raw) != size || o.Raw[2] == 0 && o.Raw[3]>>3 == 0 || int(o.Raw[3]&7) >= len(pref64Bits) {
			continue
		}
		var b [16]byte
		copy(b[:], o.Raw[4:])
		list = append(list, netip.PrefixFrom(netip.AddrFrom16(b), pref64Bits[o.Raw[3]&7]).Masked())
	}
	return list
}

// Pref64s are the prefixes of translators that the interface is told of, by its routers or by name servers that it asked;
// at most so many as anybody has.
func (l *LinkModel) Pref64s() (list []netip.Prefix) {
	const most = 4
	add := func(p netip.Prefix) {
		if p.IsValid() && len(list) < most && !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for _, r := range l.Routers {
		for _, p := range r.Last.Pref64s() {
			add(p)
		}
	}
	for _, p := range l.s.Paths() {
		if p.Interface == l.Name && p.Detail == DetailTranslates {
			prefix, _ := netip.ParsePrefix(p.Note)
			add(prefix)
		}
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return list
}
