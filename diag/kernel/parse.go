package kernel

import (
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/dense"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// This file reads the payload of rtnetlink messages: pure functions on bytes. netlink v1.3.1 does
// not give what neighbour discovery needs of them (IFA_PROTO, RTA_CACHEINFO, IFLA_XDP, the router
// flag, NDA_CACHEINFO), and its NeighDeserialize may itself ask the kernel.

var native = nl.NativeEndian()

// userHZ is USER_HZ, the unit of time in rtnetlink's cacheinfo: 100 on all that Go runs on.
const userHZ = 100

// infinity is the kernel's lifetime of what does not expire (INFINITY_LIFE_TIME).
const infinity = 0xffffffff

// Of linux/netlink.h and linux/if_addr.h (5.18), which x/sys lacks.
const (
	nlaTypeMask = 0x3fff
	ifaProto    = 11
)

// attributes yields the type and value of each attribute of b, and ends at the first malformed one.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			length := int(native.Uint16(b))
			if length < unix.SizeofRtAttr || length > len(b) {
				return
			}
			if !yield(native.Uint16(b[2:])&nlaTypeMask, b[unix.SizeofRtAttr:length]) {
				return
			}
			b = b[min(len(b), (length+3)&^3):]
		}
	}
}

func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return native.Uint32(b)
}

func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

func addr6(b []byte) netip.Addr {
	if len(b) != 16 {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte(b))
}

func mac(b []byte) (m diag.MAC) {
	if len(b) == len(m) {
		m = diag.MAC(b)
	}
	return m
}

func prefix(addr netip.Addr, bits byte) netip.Prefix {
	if !addr.IsValid() {
		addr = netip.IPv6Unspecified()
	}
	return netip.PrefixFrom(addr, int(bits)).Masked()
}

func seconds(lifetime uint32) int64 {
	if lifetime == infinity {
		return diag.Forever
	}
	return int64(lifetime)
}

// parseLink reads an ifinfomsg. ok is false for what is no word about the link itself: a bridge's
// word about its port, or a wireless event.
func parseLink(b []byte) (l diag.Link, ok bool) {
	if len(b) < unix.SizeofIfInfomsg || b[0] != unix.AF_UNSPEC {
		return l, false
	}
	hardware, flags := native.Uint16(b[2:]), native.Uint32(b[8:])
	l.Index = int(int32(native.Uint32(b[4:])))
	l.Up = flags&unix.IFF_UP != 0
	l.Carrier = flags&unix.IFF_LOWER_UP != 0
	l.Loopback = flags&unix.IFF_LOOPBACK != 0
	l.Ethernet = hardware == unix.ARPHRD_ETHER
	l.Promiscuous = flags&unix.IFF_PROMISC != 0
	l.AllMulticast = flags&unix.IFF_ALLMULTI != 0
	var data []byte
	for typ, v := range attributes(b[unix.SizeofIfInfomsg:]) {
		switch typ {
		case unix.IFLA_WIRELESS:
			return l, false
		case unix.IFLA_IFNAME:
			l.Interface = text(v)
		case unix.IFLA_ADDRESS:
			l.MAC = mac(v)
		case unix.IFLA_MTU:
			l.MTU = int(u32(v))
		case unix.IFLA_PERM_ADDRESS:
			l.PermMAC = mac(v)
		case unix.IFLA_LINK:
			if parent := int(u32(v)); parent != l.Index { // of a device without one it is itself
				l.Parent = parent
			}
		case unix.IFLA_LINK_NETNSID:
			l.Elsewhere = true
		case unix.IFLA_MASTER:
			l.Master = int(u32(v))
		case unix.IFLA_PROMISCUITY: // what packet sockets and bridges asked for, which no flag tells
			l.Promiscuous = l.Promiscuous || u32(v) > 0
		case unix.IFLA_ALLMULTI:
			l.AllMulticast = l.AllMulticast || u32(v) > 0
		case unix.IFLA_LINKINFO:
			for typ, v := range attributes(v) {
				switch typ {
				case unix.IFLA_INFO_KIND:
					l.Type = text(v)
				case unix.IFLA_INFO_DATA:
					data = v
				case unix.IFLA_INFO_SLAVE_KIND:
					if kind := text(v); kind != "vrf" { // whose members keep their own addresses
						l.Port = kind
					}
				}
			}
		case unix.IFLA_XDP:
			for typ, v := range attributes(v) {
				if typ == unix.IFLA_XDP_ATTACHED && len(v) == 1 {
					l.XDP = v[0] != 0
				}
			}
		}
	}
	if flags&unix.IFF_NOARP != 0 {
		l.NoARP = l.Ethernet && resolves(l)
		l.Ethernet = l.NoARP
	}
	l.Mode = linkMode(l.Type, data)
	return l, l.Interface != ""
}

// resolves reports whether a kind of Ethernet interface comes into the world without IFF_NOARP, so that somebody set it.
// Dummies, VRFs, an ipvlan in mode l3 and mobile modems (which systemd names ww…) come with it: they have nobody to find.
func resolves(l diag.Link) bool {
	switch l.Type {
	case "":
		return !strings.HasPrefix(l.Interface, "ww")
	case "veth", "bond", "team", "bridge", "vlan", "macvlan", "macvtap":
		return true
	default:
		return false
	}
}

// linkMode names the mode of a macvlan or ipvlan, as iproute2 does, from its IFLA_INFO_DATA.
func linkMode(kind string, data []byte) string {
	for typ, v := range attributes(data) {
		switch {
		case kind == "macvlan" && typ == unix.IFLA_MACVLAN_MODE:
			return map[uint32]string{1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}[u32(v)]
		case kind == "ipvlan" && typ == unix.IFLA_IPVLAN_MODE && len(v) >= 2:
			return map[uint16]string{0: "l2", 1: "l3", 2: "l3s"}[native.Uint16(v)]
		}
	}
	return ""
}

// namedFlags are the address flags that have a name in recordings: others would be lost there.
const namedFlags = diag.Temporary | diag.NoDAD | diag.Optimistic | diag.DADFailed | diag.Deprecated |
	diag.Tentative | diag.Permanent | diag.ManageTemp | diag.NoPrefixRoute | diag.StablePrivacy

// An address is an Address without its interface's name, as an ifaddrmsg has it.
type address struct {
	diag.Address
	index int
	stamp uint32 // when the lifetimes were last set, USER_HZ since boot
}

func parseAddress(b []byte) (a address, ok bool) {
	if len(b) < unix.SizeofIfAddrmsg || b[0] != unix.AF_INET6 {
		return a, false
	}
	a.PrefixLen = int(b[1])
	a.index = int(native.Uint32(b[4:]))
	a.PreferredS, a.ValidS = diag.Forever, diag.Forever
	flags := uint32(b[2])
	for typ, v := range attributes(b[unix.SizeofIfAddrmsg:]) {
		switch typ {
		case unix.IFA_LOCAL: // with a point-to-point peer, IFA_ADDRESS is the peer's
			a.Address.Address = addr6(v)
		case unix.IFA_ADDRESS:
			if !a.Address.Address.IsValid() {
				a.Address.Address = addr6(v)
			}
		case unix.IFA_FLAGS:
			flags = u32(v)
		case ifaProto:
			if len(v) == 1 {
				a.Origin = origin(v[0])
			}
		case unix.IFA_CACHEINFO:
			if len(v) >= 16 {
				a.PreferredS, a.ValidS = seconds(native.Uint32(v)), seconds(native.Uint32(v[4:]))
				a.stamp = native.Uint32(v[12:])
			}
		}
	}
	a.Flags = diag.AddrFlags(flags) & namedFlags
	return a, a.Address.Address.IsValid()
}

// origin names IFAPROT_* of linux/if_addr.h.
func origin(proto byte) string {
	switch proto {
	case 0:
		return ""
	case 1:
		return "kernel_lo"
	case 2:
		return "kernel_ra"
	case 3:
		return "kernel_ll"
	default:
		return strconv.Itoa(int(proto))
	}
}

// A route is a Route without its interface's name: one next hop of an rtmsg.
type route struct {
	diag.Route
	index int
}

// parseRoute returns an rtmsg's IPv6 next hops, one Route each; none for what is kept out: cached
// and local routes, and those for multicast.
func parseRoute(b []byte) []route {
	if len(b) < unix.SizeofRtMsg || b[0] != unix.AF_INET6 {
		return nil
	}
	flags, kind := native.Uint32(b[8:]), b[7]
	if flags&unix.RTM_F_CLONED != 0 || kind == unix.RTN_LOCAL || kind == unix.RTN_ANYCAST || kind == unix.RTN_MULTICAST {
		return nil
	}
	r := route{Route: diag.Route{
		Table: int(b[4]), Protocol: protocol(b[5]), Type: routeType(kind), ExpiresS: diag.Forever,
	}}
	var dst, from netip.Addr
	var hops []byte
	for typ, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch typ {
		case unix.RTA_DST:
			dst = addr6(v)
		case unix.RTA_SRC:
			from = addr6(v)
		case unix.RTA_OIF:
			r.index = int(u32(v))
		case unix.RTA_GATEWAY:
			r.Via = addr6(v)
		case unix.RTA_PRIORITY:
			r.Metric = int(u32(v))
		case unix.RTA_PREFSRC:
			r.PrefSrc = addr6(v)
		case unix.RTA_TABLE:
			r.Table = int(u32(v))
		case unix.RTA_CACHEINFO:
			// struct rta_cacheinfo: rta_expires is the third word, and 0 for a route that stays.
			if len(v) >= 12 {
				if left := int32(native.Uint32(v[8:])); left != 0 {
					r.ExpiresS = max(0, int64(left)/userHZ)
				}
			}
		case unix.RTA_MULTIPATH:
			hops = v
		}
	}
	r.Dst = prefix(dst, b[1])
	if from.IsValid() {
		r.From = prefix(from, b[2])
	}
	if !r.Dst.IsValid() || r.Dst.Addr().IsMulticast() || r.Table == unix.RT_TABLE_LOCAL {
		return nil
	}
	if hops == nil {
		return []route{r}
	}
	var list []route
	for len(hops) >= unix.SizeofRtNexthop {
		length := int(native.Uint16(hops))
		if length < unix.SizeofRtNexthop || length > len(hops) {
			break
		}
		hop := r
		hop.index = int(int32(native.Uint32(hops[4:])))
		for typ, v := range attributes(hops[unix.SizeofRtNexthop:length]) {
			if typ == unix.RTA_GATEWAY {
				hop.Via = addr6(v)
			}
		}
		list = append(list, hop)
		hops = hops[min(len(hops), (length+3)&^3):]
	}
	return list
}

// protocol names RTPROT_* as iproute2's rt_protos does.
func protocol(p byte) string {
	switch p {
	case unix.RTPROT_REDIRECT:
		return "redirect"
	case unix.RTPROT_KERNEL:
		return "kernel"
	case unix.RTPROT_BOOT:
		return "boot"
	case unix.RTPROT_STATIC:
		return "static"
	case unix.RTPROT_RA:
		return "ra"
	case unix.RTPROT_ZEBRA:
		return "zebra"
	case unix.RTPROT_BIRD:
		return "bird"
	case unix.RTPROT_DHCP:
		return "dhcp"
	case unix.RTPROT_KEEPALIVED:
		return "keepalived"
	case unix.RTPROT_BABEL:
		return "babel"
	case unix.RTPROT_BGP:
		return "bgp"
	case unix.RTPROT_ISIS:
		return "isis"
	case unix.RTPROT_OSPF:
		return "ospf"
	case unix.RTPROT_RIP:
		return "rip"
	default:
		return strconv.Itoa(int(p))
	}
}

// routeType names RTN_* as iproute2 does.
func routeType(t byte) string {
	switch t {
	case unix.RTN_UNICAST:
		return "unicast"
	case unix.RTN_LOCAL:
		return "local"
	case unix.RTN_ANYCAST:
		return "anycast"
	case unix.RTN_MULTICAST:
		return "multicast"
	case unix.RTN_BLACKHOLE:
		return "blackhole"
	case unix.RTN_UNREACHABLE:
		return "unreachable"
	case unix.RTN_PROHIBIT:
		return "prohibit"
	case unix.RTN_THROW:
		return "throw"
	default:
		return strconv.Itoa(int(t))
	}
}

// parseRule reads a fib_rule_hdr.
func parseRule(b []byte) (r diag.PolicyRule, ok bool) {
	if len(b) < unix.SizeofRtMsg || b[0] != unix.AF_INET6 {
		return r, false
	}
	r.Table = int(b[4])
	r.Action = ruleAction(b[7])
	r.Invert = native.Uint32(b[8:])&unix.FIB_RULE_INVERT != 0
	var also []string
	if b[3] != 0 {
		also = append(also, fmt.Sprintf("tos %#x", b[3]))
	}
	for typ, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch typ {
		case unix.FRA_DST:
			r.Dst = prefix(addr6(v), b[1])
		case unix.FRA_SRC:
			r.Src = prefix(addr6(v), b[2])
		case unix.FRA_IIFNAME:
			r.Interface = text(v)
		case unix.FRA_OIFNAME:
			r.Out = text(v)
		case unix.FRA_PRIORITY:
			r.Priority = int(u32(v))
		case unix.FRA_FWMARK:
			r.Mark = u32(v)
		case unix.FRA_FWMASK:
			if mask := u32(v); mask != ^uint32(0) {
				r.MarkMask = mask
			}
		case unix.FRA_UID_RANGE:
			if len(v) >= 8 {
				r.UIDs = fmt.Sprintf("%d-%d", native.Uint32(v), native.Uint32(v[4:]))
			}
		case unix.FRA_L3MDEV:
			r.L3MDev = len(v) == 1 && v[0] != 0
		case unix.FRA_GOTO:
			r.Goto = int(u32(v))
		case unix.FRA_SUPPRESS_PREFIXLEN:
			if bits := int32(u32(v)); bits >= 0 && bits <= 128 {
				r.SuppressBelow = int(bits) + 1
			}
		case unix.FRA_IP_PROTO:
			if len(v) == 1 && v[0] != 0 {
				also = append(also, fmt.Sprintf("ipproto %d", v[0]))
			}
		case unix.FRA_SPORT_RANGE, unix.FRA_DPORT_RANGE:
			if len(v) >= 4 {
				side := map[uint16]string{unix.FRA_SPORT_RANGE: "sport", unix.FRA_DPORT_RANGE: "dport"}[typ]
				also = append(also, fmt.Sprintf("%s %d-%d", side, native.Uint16(v), native.Uint16(v[2:])))
			}
		case unix.FRA_TABLE:
			r.Table = int(u32(v))
		}
	}
	r.Also = strings.Join(also, " ")
	return r, true
}

// ruleAction names FR_ACT_* of linux/fib_rules.h.
func ruleAction(a byte) string {
	switch a {
	case unix.FR_ACT_TO_TBL:
		return "to_table"
	case unix.FR_ACT_GOTO:
		return "goto"
	case unix.FR_ACT_NOP:
		return "nop"
	case unix.FR_ACT_BLACKHOLE:
		return "blackhole"
	case unix.FR_ACT_UNREACHABLE:
		return "unreachable"
	case unix.FR_ACT_PROHIBIT:
		return "prohibit"
	default:
		return strconv.Itoa(int(a))
	}
}

// A neighbour is an ndmsg.
type neighbour struct {
	key       neighbourKey
	mac       diag.MAC
	state     uint16 // NUD_*
	flags     uint8  // NTF_*
	confirmed uint32 // USER_HZ since reachability was last confirmed
}

// A neighbourKey is without pointers: there may be 100,000, which the collector need not look into.
type neighbourKey struct {
	index int32
	proxy bool
	addr  [16]byte
}

// Hash makes it a dense.Key.
func (k neighbourKey) Hash() uint64 { return dense.Hash(k) }

// sizeofNdMsg is that of struct ndmsg of linux/neighbour.h.
const sizeofNdMsg = 12

// parseNeighbour reads an ndmsg. ok is false for other families, for multicast groups and for
// interfaces without resolution (NUD_NOARP and no address): the kernel keeps entries there, which say
// nothing.
func parseNeighbour(b []byte) (n neighbour, ok bool) {
	if len(b) < sizeofNdMsg || b[0] != unix.AF_INET6 {
		return n, false
	}
	n.key.index = int32(native.Uint32(b[4:]))
	n.state, n.flags = native.Uint16(b[8:]), b[10]
	n.key.proxy = n.flags&unix.NTF_PROXY != 0
	for typ, v := range attributes(b[sizeofNdMsg:]) {
		switch typ {
		case unix.NDA_DST:
			if ok = len(v) == len(n.key.addr); ok {
				n.key.addr = [16]byte(v)
			}
		case unix.NDA_LLADDR:
			n.mac = mac(v)
		case unix.NDA_CACHEINFO:
			n.confirmed = u32(v)
		}
	}
	return n, ok && n.key.addr[0] != 0xff && (n.state&unix.NUD_NOARP == 0 || n.mac != diag.MAC{})
}

func nud(state uint16) diag.NUD {
	switch state {
	case unix.NUD_INCOMPLETE:
		return diag.Incomplete
	case unix.NUD_REACHABLE:
		return diag.Reachable
	case unix.NUD_STALE:
		return diag.Stale
	case unix.NUD_DELAY:
		return diag.Delay
	case unix.NUD_PROBE:
		return diag.Probing
	case unix.NUD_FAILED:
		return diag.Failed
	case unix.NUD_PERMANENT:
		return diag.PermanentNUD
	case unix.NUD_NOARP:
		return diag.NoARP
	default:
		return ""
	}
}

// parseSelection reads the rtmsg that answers RTM_GETROUTE: the next hop chosen, the index of its
// interface, the route that was found, and the path MTU and the hop limit where the kernel has learnt one.
func parseSelection(b []byte) (s diag.Selection, index int) {
	if len(b) < unix.SizeofRtMsg {
		return s, 0
	}
	s.Table, s.Protocol, s.Type = int(b[4]), protocol(b[5]), routeType(b[7])
	for typ, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch typ {
		case unix.RTA_OIF:
			index = int(u32(v))
		case unix.RTA_PREFSRC:
			s.Source = addr6(v)
		case unix.RTA_GATEWAY:
			s.Via = addr6(v)
		case unix.RTA_TABLE:
			s.Table = int(u32(v))
		case unix.RTA_PRIORITY:
			s.Metric = int(u32(v))
		case unix.RTA_METRICS:
			for typ, v := range attributes(v) {
				switch typ {
				case unix.RTAX_MTU:
					s.MTU = int(u32(v))
				case unix.RTAX_HOPLIMIT:
					s.HopLimit = int(u32(v))
				}
			}
		}
	}
	return s, index
}

// A message is one netlink message of a datagram.
type message struct {
	kind, flags uint16
	seq         uint32
	data        []byte
}

// messages yields the messages of a datagram, and ends at the first malformed one.
func messages(b []byte) iter.Seq[message] {
	return func(yield func(message) bool) {
		for len(b) >= unix.SizeofNlMsghdr {
			length := int(native.Uint32(b))
			if length < unix.SizeofNlMsghdr || length > len(b) {
				return
			}
			m := message{native.Uint16(b[4:]), native.Uint16(b[6:]), native.Uint32(b[8:]), b[unix.SizeofNlMsghdr:length]}
			if !yield(m) {
				return
			}
			b = b[min(len(b), (length+3)&^3):]
		}
	}
}
