package diag

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// SortedKeys are the keys of a map, in order.
func SortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// A MAC is an Ethernet address. It is an array so that facts which hold one compare with ==.
// The zero MAC means "none" and is written as an empty string.
type MAC [6]byte

// ParseMAC reads the colon form, "02:00:5e:10:00:01".
func ParseMAC(s string) (MAC, error) {
	var m MAC
	parts := strings.Split(s, ":")
	if len(parts) != len(m) {
		return MAC{}, fmt.Errorf("MAC address %q: want six colon-separated bytes", s)
	}
	for i, p := range parts {
		b, err := strconv.ParseUint(p, 16, 8)
		if err != nil || len(p) != 2 {
			return MAC{}, fmt.Errorf("MAC address %q: %q is not two hexadecimal digits", s, p)
		}
		m[i] = byte(b)
	}
	return m, nil
}

func (m MAC) String() string {
	if m == (MAC{}) {
		return ""
	}
	const digits = "0123456789abcdef"
	var b [3*len(m) - 1]byte
	for i, x := range m {
		if i > 0 {
			b[3*i-1] = ':'
		}
		b[3*i], b[3*i+1] = digits[x>>4], digits[x&15]
	}
	return string(b[:])
}

// MarshalText writes the colon form.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads the colon form; empty text is the zero MAC.
func (m *MAC) UnmarshalText(b []byte) (err error) {
	if len(b) == 0 {
		*m = MAC{}
		return nil
	}
	*m, err = ParseMAC(string(b))
	return err
}

// LinkLocal returns the link-local address that RFC 4291 appendix A makes of m (modified EUI-64).
func (m MAC) LinkLocal() netip.Addr {
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 0, 0, 0, 0, 0, 0,
		m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5],
	})
}

// MACIn returns the MAC that the interface identifier of addr is made of (modified EUI-64), and whether it is made of one.
func MACIn(addr netip.Addr) (m MAC, ok bool) {
	a := addr.As16()
	if !addr.Is6() || addr.IsMulticast() || a[11] != 0xff || a[12] != 0xfe {
		return MAC{}, false
	}
	m = MAC{a[8] ^ 2, a[9], a[10], a[13], a[14], a[15]}
	return m, m[0]&1 == 0 && m != MAC{}
}

// SolicitedNode returns the multicast group that a holder of addr listens on (RFC 4291 §2.7.1).
func SolicitedNode(addr netip.Addr) netip.Addr {
	a := addr.As16()
	return netip.AddrFrom16([16]byte{
		0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a[13], a[14], a[15],
	})
}

// MulticastMAC returns the Ethernet address of an IPv6 multicast group (RFC 2464 §7).
func MulticastMAC(group netip.Addr) MAC {
	a := group.As16()
	return MAC{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// Well-known addresses.
var (
	AllNodes   = netip.MustParseAddr("ff02::1")
	AllRouters = netip.MustParseAddr("ff02::2")
	// VPCRouter is the router address that every VPC subnet has beside the EUI-64 one (Amazon VPC
	// user guide, "Subnet sizing for IPv6").
	VPCRouter = netip.MustParseAddr("fe80:ec2::1")
	// StaticGateway is the router of many networks in which the default route is configured and none is announced:
	// Hetzner's, Linode's, and more hosters' and hypervisors' (docs/profiles.md).
	StaticGateway = netip.MustParseAddr("fe80::1")
)

// AddrFlags are the flags of a configured address: IFA_F_* of linux/if_addr.h.
type AddrFlags uint32

// The flags that matter to neighbour discovery.
const (
	Temporary     AddrFlags = 0x01
	NoDAD         AddrFlags = 0x02
	Optimistic    AddrFlags = 0x04
	DADFailed     AddrFlags = 0x08
	Deprecated    AddrFlags = 0x20
	Tentative     AddrFlags = 0x40
	Permanent     AddrFlags = 0x80
	ManageTemp    AddrFlags = 0x100
	NoPrefixRoute AddrFlags = 0x200
	StablePrivacy AddrFlags = 0x800
)

var addrFlagNames = []struct {
	flag AddrFlags
	name string
}{
	{Temporary, "temporary"},
	{NoDAD, "nodad"},
	{Optimistic, "optimistic"},
	{DADFailed, "dadfailed"},
	{Deprecated, "deprecated"},
	{Tentative, "tentative"},
	{Permanent, "permanent"},
	{ManageTemp, "mngtmpaddr"},
	{NoPrefixRoute, "noprefixroute"},
	{StablePrivacy, "stable-privacy"},
}

// Names returns the flags as `ip address` names them; flags without a name there are left out.
func (f AddrFlags) Names() []string {
	names := []string{}
	for _, n := range addrFlagNames {
		if f&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

// MarshalJSON writes the names as a list.
func (f AddrFlags) MarshalJSON() ([]byte, error) { return json.Marshal(f.Names()) }

// UnmarshalJSON reads the list; a name that it does not know is an error.
func (f *AddrFlags) UnmarshalJSON(raw []byte) error {
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return err
	}
	*f = 0
next:
	for _, name := range names {
		for _, n := range addrFlagNames {
			if n.name == name {
				*f |= n.flag
				continue next
			}
		}
		return fmt.Errorf("unknown address flag %q", name)
	}
	return nil
}

// Usable reports whether the address can be a source now: neither tentative (unless optimistic)
// nor failed. A deprecated address is usable but never preferred.
func (f AddrFlags) Usable() bool {
	return f&DADFailed == 0 && (f&Tentative == 0 || f&Optimistic != 0)
}

// NUD is a neighbour cache entry's state as RFC 4861 §7.3.2 names it, with the kernel's own
// additions. The zero value is no state (NUD_NONE).
type NUD string

// The states of linux/neighbour.h.
const (
	Incomplete   NUD = "INCOMPLETE"
	Reachable    NUD = "REACHABLE"
	Stale        NUD = "STALE"
	Delay        NUD = "DELAY"
	Probing      NUD = "PROBE"
	Failed       NUD = "FAILED"
	NoARP        NUD = "NOARP"
	PermanentNUD NUD = "PERMANENT"
)

// nuds are all of them.
var nuds = [...]NUD{"", Incomplete, Reachable, Stale, Delay, Probing, Failed, NoARP, PermanentNUD}

// Resolved reports whether an entry in this state has a link-layer address that the kernel uses.
func (n NUD) Resolved() bool {
	switch n {
	case Reachable, Stale, Delay, Probing, PermanentNUD, NoARP:
		return true
	default:
		return false
	}
}

// Fixed reports whether an entry in this state stands whatever neighbours say: it is never asked about.
func (n NUD) Fixed() bool { return n == PermanentNUD || n == NoARP }

// Forever is the lifetime of what does not expire (RFC 4861 §4.6.2: all ones).
const Forever int64 = -1

// Beside reports whether two global addresses have the same first 64 bits: those of one link mostly have (RFC 4291 §2.5.4),
// whatever their prefixes say.
func Beside(a, b netip.Addr) bool {
	p, _ := a.Prefix(64)
	return ScopeOf(a) != LinkLocalScope && ScopeOf(b) != LinkLocalScope && p.Contains(b)
}

// Scope tells the classes of unicast address that never answer for one another.
type Scope string

// Scopes: a ULA has global scope on the wire, but a network routes it apart.
const (
	LinkLocalScope Scope = "link-local"
	GlobalScope    Scope = "global"
	ULAScope       Scope = "unique-local"
	MulticastScope Scope = "multicast"
)

var ulaPrefix = netip.MustParsePrefix("fc00::/7")

// ScopeOf returns the class of addr.
func ScopeOf(addr netip.Addr) Scope {
	switch {
	case addr.IsMulticast():
		return MulticastScope
	case addr.IsLinkLocalUnicast():
		return LinkLocalScope
	case ulaPrefix.Contains(addr):
		return ULAScope
	default:
		return GlobalScope
	}
}

// SortFunc is slices.SortStableFunc, compiled once for all types: each instantiation of that one
// adds 18 kB to the program, and dozens of types are put in order here for people to read.
func SortFunc[T any](list []T, compare func(a, b T) int) {
	arrange(len(list), func(i, j int) int { return compare(list[i], list[j]) }, func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// arrange sorts the places of a list, and then puts what stands there in order: there may be thousands of large rows.
func arrange(n int, compare func(i, j int) int, swap func(i, j int)) {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(i, j int) int { return cmp.Or(compare(i, j), i-j) })
	for i := range places { // round every circle of those that change places
		for at, from := i, places[i]; ; at, from = from, places[from] {
			places[at] = at
			if from == i {
				break
			}
			swap(at, from)
		}
	}
}

// SortedFunc collects what seq yields and sorts it.
func SortedFunc[T any](seq iter.Seq[T], compare func(a, b T) int) []T {
	list := slices.Collect(seq)
	SortFunc(list, compare)
	return list
}

// The services that a VPC has at fixed addresses: instance metadata, DNS, NTP.
var (
	IMDSIPv6    = netip.MustParseAddr("fd00:ec2::254")
	VPCServices = []netip.Addr{IMDSIPv6, netip.MustParseAddr("fd00:ec2::253"), netip.MustParseAddr("fd00:ec2::123")}
)
