package redact

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
)

// An address is hidden by its parts, so that masks are to one another as the addresses are:
//
//	/48 site     numbered: 3fff:fff:N::/48 (RFC 9637, for documentation), fdff:ff:N::/48 of a ULA
//	subnet       16 bits, of the site's tree
//	interface ID a MAC's (EUI-64), or the tree of its upper 40 bits and that of its lower 24
//	MAC          the vendor numbered, 02:ff:N; the tree of the lower 24 bits
//
// The lower 24 bits are the same in a MAC, in the addresses made from it and in their solicited-node
// groups; below 2^8 they stay (::1). The trees keep zero bits zero.

// keepsIdentity are addresses that say nothing about the network they are used in.
var keepsIdentity = map[netip.Addr]bool{
	netip.IPv6Unspecified(): true, netip.IPv6Loopback(): true, netip.IPv4Unspecified(): true, diag.VPCRouter: true,
	netip.MustParseAddr("fd00:ec2::254"): true, netip.MustParseAddr("fd00:ec2::253"): true,
	netip.MustParseAddr("fd00:ec2::123"):   true,
	netip.MustParseAddr("169.254.169.254"): true, netip.MustParseAddr("255.255.255.255"): true,
}

// The prefixes of masks.
var (
	globalMask = [...]byte{0x3f, 0xff, 0x0f, 0xff}
	ulaMask    = [...]byte{0xfd, 0xff, 0x00, 0xff}
	vendorMask = [...]byte{0x02, 0xff}
)

// prefix hides an address; what stands after it says whether it is a prefix, which has no bits beyond
// its length and keeps none.
func (d *Redactor) prefix(a netip.Addr, text, after string) string {
	if d.issued[a.String()] {
		return text
	}
	hidden := d.address(a)
	if hidden == a {
		return text
	}
	var length int
	if n, _ := fmt.Sscanf(after, "/%d", &length); n == 1 {
		if p, err := a.Prefix(length); err == nil && p.Addr() == a {
			p, _ := hidden.Prefix(length)
			hidden = p.Addr()
		}
	}
	return d.keep(fmt.Sprint(a, "/", length), hidden.String())
}

// address returns the mask of an address.
func (d *Redactor) address(a netip.Addr) netip.Addr {
	b := a.As16()
	switch {
	case keepsIdentity[a], a.IsLoopback():
	case a.Is4In6():
		return netip.AddrFrom16(d.address(a.Unmap()).As16())
	case a.Is4():
		return d.address4(a.As4())
	case a.IsMulticast():
		d.group(&b)
		return netip.AddrFrom16(b)
	case a.IsLinkLocalUnicast():
		d.interfaceID(b[8:])
		return netip.AddrFrom16(b)
	default:
		start := globalMask
		if diag.ScopeOf(a) == diag.ULAScope {
			start = ulaMask
		}
		site := d.sites.of(binary.BigEndian.Uint64(b[:8]) >> 16)
		copy(b[:], start[:])
		binary.BigEndian.PutUint16(b[4:], site)
		if d.subnets == nil {
			d.subnets = map[uint16]*tree{}
		}
		if d.subnets[site] == nil {
			d.subnets[site] = &tree{}
		}
		binary.BigEndian.PutUint16(b[6:], uint16(d.subnets[site].mask(uint64(binary.BigEndian.Uint16(b[6:])), 16)))
		d.interfaceID(b[8:])
		return netip.AddrFrom16(b)
	}
	return a
}

// interfaceID hides the lower half of an address.
func (d *Redactor) interfaceID(id []byte) {
	if id[3] == 0xff && id[4] == 0xfe { // modified EUI-64 (RFC 4291, appendix A)
		mac := d.mac(diag.MAC{id[0] ^ 2, id[1], id[2], id[5], id[6], id[7]})
		copy(id, []byte{mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
		return
	}
	v := binary.BigEndian.Uint64(id)
	binary.BigEndian.PutUint64(id, d.upper.mask(v>>24, 40)<<24|d.low(v&0xffffff))
}

// low returns the mask of the lower 24 bits.
func (d *Redactor) low(v uint64) uint64 {
	if v>>8 == 0 {
		return v
	}
	return d.lower.mask(v, 24)
}

// group hides a multicast address: a solicited-node group by what is asked for, and one that a site
// made (RFC 3306, RFC 4291 §2.7 flag T) by nothing but that it is one. The others are the same everywhere.
func (d *Redactor) group(b *[16]byte) {
	solicited := netip.MustParsePrefix("ff02::1:ff00:0/104")
	switch {
	case solicited.Contains(netip.AddrFrom16(*b)):
		low := d.low(uint64(b[13])<<16 | uint64(b[14])<<8 | uint64(b[15]))
		b[13], b[14], b[15] = byte(low>>16), byte(low>>8), byte(low)
	case b[1]>>4 != 0:
		clear(b[2:8])
		d.interfaceID(b[8:])
	}
}

// mac returns the mask of a MAC. Groups stay what they are.
func (d *Redactor) mac(m diag.MAC) diag.MAC {
	switch {
	case m == diag.MAC{}:
		return m
	case m[0]&1 != 0 && (m[0] != 0x33 || m[1] != 0x33 || m[2] != 0xff):
		return m
	}
	low := d.low(uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5]))
	m[3], m[4], m[5] = byte(low>>16), byte(low>>8), byte(low)
	if m[0]&1 == 0 {
		vendor := d.vendors.of(uint64(m[0])<<16 | uint64(m[1])<<8 | uint64(m[2]))
		m[0], m[1], m[2] = vendorMask[0], vendorMask[1]-byte(vendor>>8), byte(vendor)
	}
	return m
}

// address4 hides an IPv4 address by one of a network that is for tests (RFC 2544), /24 by /24.
func (d *Redactor) address4(a [4]byte) netip.Addr {
	net := d.nets4.of(uint64(binary.BigEndian.Uint32(a[:]) >> 8))
	return netip.AddrFrom4([4]byte{198, 18 + byte(net>>8&1), byte(net), a[3]})
}

// separators stand between the digits of a MAC.
var separators = strings.NewReplacer(":", "", "-", "", ".", "")

// hardware hides what is made of a MAC, in any of the forms in which it is written, or is some other
// long number of a device, such as a DUID.
func (d *Redactor) hardware(word string) (hidden string, ok bool) {
	lower := strings.ToLower(word)
	// Names that udev makes of it (systemd.net-naming-scheme): enx0123456789ab.
	if len(lower) >= 15 && d.issued[lower[:15]] {
		return word, true
	}
	if len(lower) >= 15 && lower[2] == 'x' && slices.Contains([]string{"en", "wl", "ww", "ib", "sl"}, lower[:2]) {
		if m, ok := macOf(lower[3:15]); ok {
			return d.writeMAC(m, lower[:3], "") + word[15:], true
		}
	}
	digits := separators.Replace(lower)
	if !isHex(digits) {
		return "", false
	}
	for _, form := range [...]struct {
		separator string
		group     int
	}{{":", 2}, {"-", 2}, {".", 4}} {
		if len(digits) == 12 && grouped(digits, form.group, form.separator) == lower {
			m, ok := macOf(digits)
			return d.writeMAC(m, "", form.separator), ok
		}
	}
	if m, ok := macOf(lower); ok && d.masks[m.String()] != "" {
		return d.writeMAC(m, "", ""), true // twelve digits may be anything else
	}
	if len(digits) >= 20 && (len(digits) == len(lower) || strings.Count(lower, ":") == len(digits)/2-1) {
		return d.mask("id", lower), true
	}
	return "", false
}

// macOf reads twelve hexadecimal digits.
func macOf(digits string) (m diag.MAC, ok bool) {
	b, err := hex.DecodeString(digits)
	return diag.MAC(append(b, make([]byte, 6)...)[:6]), err == nil && len(b) == 6
}

// writeMAC writes the mask of a MAC as the MAC was written.
func (d *Redactor) writeMAC(m diag.MAC, start, separator string) string {
	hidden := d.mac(m)
	d.keep(m.String(), hidden.String())
	digits := hex.EncodeToString(hidden[:])
	group := 2
	if separator == "." {
		group = 4
	}
	text := start + grouped(digits, group, separator)
	return d.keep(start+m.String()+separator, text)
}

// grouped writes digits in groups of n.
func grouped(digits string, n int, separator string) string {
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && i%n == 0 {
			b.WriteString(separator)
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

// numbers counts what is different, from 1 on; what comes after the last number shares it.
type numbers struct{ seen map[uint64]uint16 }

func (n *numbers) of(v uint64) uint16 {
	if k, ok := n.seen[v]; ok {
		return k
	}
	if n.seen == nil {
		n.seen = map[uint64]uint16{}
	}
	if len(n.seen) == 1<<16-1 {
		return 1<<16 - 1
	}
	k := uint16(len(n.seen) + 1)
	n.seen[v] = k
	return k
}

// A tree gives values masks of as many bits that have as long a prefix in common as the values have. A
// bit is 0 in the mask of the value that came first with all the bits before it, and zero came first.
type tree struct{ seen []leaf } // by value

type leaf struct{ value, mask uint64 }

// mostLeaves bounds a tree; what comes after them has one mask.
const mostLeaves = 1 << 15

func (t *tree) mask(v uint64, width int) uint64 {
	if t.seen == nil {
		t.seen = []leaf{{}}
	}
	i, found := slices.BinarySearchFunc(t.seen, v, func(l leaf, v uint64) int { return cmp.Compare(l.value, v) })
	if found {
		return t.seen[i].mask
	}
	if len(t.seen) >= mostLeaves {
		return 1<<width - 1
	}
	// The value with which it shares most bits is its neighbour on one side.
	near := t.seen[i-1] // zero is before all
	if i < len(t.seen) && t.seen[i].value^v < near.value^v {
		near = t.seen[i]
	}
	differs := uint64(1) << (bits.Len64(near.value^v) - 1)
	l := leaf{v, near.mask&^(differs<<1-1) | differs}
	t.seen = slices.Insert(t.seen, i, l)
	return l.mask
}
