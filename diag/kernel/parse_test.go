package kernel

import (
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// attr is one attribute, padded.
func attr(typ int, value ...byte) []byte { return nl.NewRtAttr(typ, value).Serialize() }

func join(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func TestParseLink(t *testing.T) {
	t.Parallel()
	header := func(family, hardware byte, flags uint32) []byte {
		b := make([]byte, unix.SizeofIfInfomsg)
		b[0], b[2] = family, hardware
		native.PutUint32(b[4:], 7)
		native.PutUint32(b[8:], flags)
		return b
	}
	name := attr(unix.IFLA_IFNAME, 'e', 'n', 's', '5', 0)
	xdp := func(mode byte) []byte {
		return attr(unix.IFLA_XDP|unix.NLA_F_NESTED, attr(unix.IFLA_XDP_ATTACHED, mode)...)
	}
	for what, tt := range map[string]struct {
		b    []byte
		want diag.Link
		ok   bool
	}{
		"a NIC with XDP": {
			join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, unix.IFF_UP|unix.IFF_LOWER_UP), name, attr(unix.IFLA_ADDRESS, 2, 0, 0, 0, 0, 1), xdp(2)),
			diag.Link{Interface: "ens5", Index: 7, MAC: diag.MAC{2, 0, 0, 0, 0, 1}, Up: true, Carrier: true, Ethernet: true, XDP: true},
			true,
		},
		"a NIC without":                {join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 0), name, xdp(0)), diag.Link{Interface: "ens5", Index: 7, Ethernet: true}, true},
		"a dummy":                      {join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, unix.IFF_NOARP), name, attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_KIND, 'd', 'u', 'm', 'm', 'y', 0)...)), diag.Link{Interface: "ens5", Index: 7, Type: "dummy"}, true},
		"a NIC told to resolve nobody": {join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, unix.IFF_NOARP), name), diag.Link{Interface: "ens5", Index: 7, Ethernet: true, NoARP: true}, true},
		"a modem":                      {join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, unix.IFF_NOARP), attr(unix.IFLA_IFNAME, 'w', 'w', 'a', 'n', '0', 0)), diag.Link{Interface: "wwan0", Index: 7}, true},
		"a pod's interface": {
			join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 0), name, attr(unix.IFLA_LINK, nl.Uint32Attr(5)...), attr(unix.IFLA_LINK_NETNSID, nl.Uint32Attr(0)...), attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_KIND, 'v', 'e', 't', 'h', 0)...)),
			diag.Link{Interface: "ens5", Index: 7, Ethernet: true, Type: "veth", Parent: 5, Elsewhere: true},
			true,
		},
		"a macvlan": {
			join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, unix.IFF_ALLMULTI), name, attr(unix.IFLA_LINK, nl.Uint32Attr(2)...), attr(unix.IFLA_MASTER, nl.Uint32Attr(9)...), attr(unix.IFLA_PROMISCUITY, nl.Uint32Attr(1)...),
				attr(unix.IFLA_LINKINFO, join(attr(unix.IFLA_INFO_KIND, []byte("macvlan\x00")...), attr(unix.IFLA_INFO_DATA, attr(unix.IFLA_MACVLAN_MODE, nl.Uint32Attr(8)...)...))...)),
			diag.Link{Interface: "ens5", Index: 7, Ethernet: true, Type: "macvlan", Mode: "passthru", Parent: 2, Master: 9, Promiscuous: true, AllMulticast: true},
			true,
		},
		"a NIC with another MAC": {
			join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 0), name, attr(unix.IFLA_LINK, nl.Uint32Attr(7)...), attr(unix.IFLA_ADDRESS, 2, 0, 0, 0, 0, 2), attr(unix.IFLA_PERM_ADDRESS, 2, 0, 0, 0, 0, 1)),
			diag.Link{Interface: "ens5", Index: 7, Ethernet: true, MAC: diag.MAC{2, 0, 0, 0, 0, 2}, PermMAC: diag.MAC{2, 0, 0, 0, 0, 1}},
			true,
		},
		"a bridge's port":  {join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 0), name, attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_SLAVE_KIND, 'b', 'r', 'i', 'd', 'g', 'e', 0)...)), diag.Link{Interface: "ens5", Index: 7, Ethernet: true, Port: "bridge"}, true},
		"a VRF's member":   {join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 0), name, attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_SLAVE_KIND, 'v', 'r', 'f', 0)...)), diag.Link{Interface: "ens5", Index: 7, Ethernet: true}, true},
		"a bridge's word":  {join(header(unix.AF_BRIDGE, unix.ARPHRD_ETHER, 0), name), diag.Link{}, false},
		"a wireless event": {join(header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 0), name, attr(unix.IFLA_WIRELESS, 1)), diag.Link{}, false},
		"no name":          {header(unix.AF_UNSPEC, unix.ARPHRD_ETHER, 0), diag.Link{}, false},
		"half a header":    {header(unix.AF_UNSPEC, 1, 0)[:9], diag.Link{}, false},
	} {
		got, ok := parseLink(tt.b)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%s: %+v %v, want %+v %v", what, got, ok, tt.want, tt.ok)
		}
	}
}

func TestParseRule(t *testing.T) {
	t.Parallel()
	header := []byte{unix.AF_INET6, 0, 0, 0, unix.RT_TABLE_MAIN, 0, 0, unix.FR_ACT_TO_TBL, 0, 0, 0, 0}
	wireguard := join(header, attr(unix.FRA_PRIORITY, nl.Uint32Attr(32765)...), attr(unix.FRA_SUPPRESS_PREFIXLEN, nl.Uint32Attr(0)...), attr(unix.FRA_TABLE, nl.Uint32Attr(254)...))
	particular := join(header, attr(unix.FRA_PRIORITY, nl.Uint32Attr(5)...), attr(unix.FRA_FWMARK, nl.Uint32Attr(0x200)...), attr(unix.FRA_FWMASK, nl.Uint32Attr(0xf00)...),
		attr(unix.FRA_UID_RANGE, append(nl.Uint32Attr(0), nl.Uint32Attr(0)...)...), attr(unix.FRA_IP_PROTO, 6), attr(unix.FRA_DPORT_RANGE, append(nl.Uint16Attr(53), nl.Uint16Attr(54)...)...),
		attr(unix.FRA_SUPPRESS_PREFIXLEN, nl.Uint32Attr(0xffffffff)...))
	for _, tt := range []struct {
		message []byte
		want    diag.PolicyRule
		line    string
	}{
		{wireguard, diag.PolicyRule{Priority: 32765, Table: 254, Action: "to_table", SuppressBelow: 1}, "policy rule 32765: from all lookup 254 suppress_prefixlength 0"},
		{
			particular,
			diag.PolicyRule{Priority: 5, Mark: 0x200, MarkMask: 0xf00, UIDs: "0-0", Also: "ipproto 6 dport 53-54", Table: 254, Action: "to_table"},
			"policy rule 5: from all fwmark 0x200/0xf00 uidrange 0-0 ipproto 6 dport 53-54 lookup 254",
		},
	} {
		got, ok := parseRule(tt.message)
		if !ok || got != tt.want {
			t.Errorf("%+v, want %+v", got, tt.want)
		}
		if line := diag.Describe(diag.Event{Body: got}); line != tt.line {
			t.Errorf("%q, want %q", line, tt.line)
		}
	}
}

func TestParseRoute(t *testing.T) {
	t.Parallel()
	header := func(kind byte, flags uint32) []byte {
		b := rtmsg(unix.AF_INET6)
		b[4], b[5], b[7] = unix.RT_TABLE_MAIN, unix.RTPROT_RA, kind
		native.PutUint32(b[8:], flags)
		return b
	}
	expiring := attr(unix.RTA_CACHEINFO, join(make([]byte, 8), nl.Uint32Attr(179400), make([]byte, 20))...)
	list := parseRoute(join(header(unix.RTN_UNICAST, 0), attr(unix.RTA_OIF, nl.Uint32Attr(7)...), attr(unix.RTA_GATEWAY, router.AsSlice()...), attr(unix.RTA_PRIORITY, nl.Uint32Attr(4294967295)...), expiring))
	want := route{Route: diag.Route{Dst: netip.MustParsePrefix("::/0"), Via: router, Metric: 4294967295, Table: 254, Protocol: "ra", Type: "unicast", ExpiresS: 1794}, index: 7}
	if len(list) != 1 || list[0] != want {
		t.Errorf("%+v, want %+v", list, want)
	}
	for what, b := range map[string][]byte{
		"a cached route": header(unix.RTN_UNICAST, unix.RTM_F_CLONED),
		"a local route":  header(unix.RTN_LOCAL, 0),
		"multicast":      join(func() []byte { b := header(unix.RTN_UNICAST, 0); b[1] = 8; return b }(), attr(unix.RTA_DST, diag.AllNodes.AsSlice()...)),
		"IPv4":           {unix.AF_INET, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0},
	} {
		if list := parseRoute(b); list != nil {
			t.Errorf("%s: %+v", what, list)
		}
	}
}

// FuzzParse: whatever the bytes, nothing panics and what is taken is usable.
func FuzzParse(f *testing.F) {
	for kind := range uint16(5) {
		b := make([]byte, 16)
		b[0] = unix.AF_INET6
		f.Add(kind, join(b, attr(1, own.AsSlice()...), attr(4, 1, 2, 3, 4, 5, 6), attr(9, join(make([]byte, 8), attr(5, own.AsSlice()...))...)))
	}
	f.Fuzz(func(t *testing.T, kind uint16, b []byte) {
		var emitted []diag.Body
		m := newMirror(func(body diag.Body) { emitted = append(emitted, body) }, func(index int) (diag.Link, bool) {
			return diag.Link{Interface: "eth0", Index: index}, index > 0
		})
		kinds := []uint16{unix.RTM_NEWLINK, unix.RTM_NEWADDR, unix.RTM_NEWROUTE, unix.RTM_NEWRULE, unix.RTM_NEWNEIGH}
		msg := message{kind: kinds[int(kind)%len(kinds)], data: b}
		m.apply(msg)
		before := len(emitted)
		m.apply(msg)
		if msg.kind != unix.RTM_NEWROUTE && len(emitted) != before { // whose hops may contradict one another
			t.Errorf("said twice: %+v", emitted)
		}
		for _, body := range emitted {
			switch body := body.(type) {
			case diag.Address:
				if !body.Address.Is6() || body.Interface == "" {
					t.Errorf("%+v", body)
				}
			case diag.Route:
				if !body.Dst.IsValid() || body.Interface == "" {
					t.Errorf("%+v", body)
				}
			case diag.Neighbour:
				if !body.Address.Is6() || body.Interface == "" {
					t.Errorf("%+v", body)
				}
			}
		}
		msg.kind++ // RTM_DEL follows RTM_NEW
		m.apply(msg)
		for range messages(b) {
		}
		parseSelection(b)
		parseDefault4(b)
		solicits(b)
	})
}

func TestSolicits(t *testing.T) {
	t.Parallel()
	file := []byte("ifIndex                         \t2\nIcmp6OutNeighborSolicits        \t41\nIcmp6OutNeighborAdvertisements  \t3\n")
	if n, ok := solicits(file); n != 41 || !ok {
		t.Errorf("%d %v, want 41", n, ok)
	}
	if n, ok := solicits([]byte("Icmp6OutNeighborSolicits -\nIcmp6Out")); ok {
		t.Errorf("of garbage: %d", n)
	}
}

// TestMirrorTimes: what runs down by itself is no news; what was set anew is.
func TestMirrorTimes(t *testing.T) {
	t.Parallel()
	var said []diag.Body
	m := newMirror(func(b diag.Body) { said = append(said, b) }, nil)
	m.links[7] = linkRow{Link: diag.Link{Interface: "eth0", Index: 7}}
	start := time.Unix(1000, 0)
	at := func(seconds int) {
		m.now, m.uptime = start.Add(time.Duration(seconds)*time.Second), uint32(100*seconds)
	}
	news := func(what string, want int) {
		t.Helper()
		if len(said) != want {
			t.Errorf("%s: %d events, want %d: %+v", what, len(said), want, said)
		}
		said = nil
	}
	r := route{Route: diag.Route{Dst: netip.MustParsePrefix("::/0"), Via: router, Type: "unicast", ExpiresS: 1800}, index: 7}
	at(0)
	m.applyRoute(r)
	news("the route", 1)
	at(10)
	r.ExpiresS = 1790
	m.applyRoute(r)
	news("ten seconds less", 0)
	r.ExpiresS = 1800
	m.applyRoute(r)
	news("renewed", 1)
	for i := range 10 {
		at(11 + i)
		r.ExpiresS = 1800 // a second later each time
		m.applyRoute(r)
	}
	if len(said) == 0 {
		t.Error("an expiry that creeps is never told")
	}
	said = nil
	at(1820)
	r.ExpiresS = diag.Forever
	m.applyRoute(r)
	news("0 as it expires", 0)
	at(1830)
	m.applyRoute(r)
	news("for ever", 1)

	a := address{Address: diag.Address{Address: own, PrefixLen: 128, PreferredS: 135, ValidS: 450}, index: 7, stamp: 500}
	at(10)
	m.applyAddress(a, false)
	if got := said[0].(diag.Address).UpdatedS; got != 5 {
		t.Errorf("updated %v s ago, want 5", got)
	}
	news("the address", 1)
	at(15)
	a.PreferredS, a.ValidS = 130, 445
	m.applyAddress(a, false)
	news("five seconds less", 0)
	a.PreferredS, a.ValidS, a.stamp = 140, 450, 1500
	m.applyAddress(a, false)
	news("renewed", 1)
	m.uptime, a.stamp = 5, 0xffffffff-94 // the counter has wrapped between
	m.applyAddress(a, false)
	if got := said[0].(diag.Address).UpdatedS; got != 1 {
		t.Errorf("updated %v s ago across the counter's wrap, want 1", got)
	}
	said = nil

	n := neighbour{key: neighbourKey{index: 7, addr: peer.As16()}, state: unix.NUD_REACHABLE, confirmed: 100}
	at(20)
	m.applyNeighbour(n, false)
	news("the neighbour", 1)
	at(25)
	m.applyNeighbour(n, false)
	news("confirmed again", 0)
	at(55)
	m.applyNeighbour(n, false)
	news("confirmed long after", 1)
}

// BenchmarkMirror reads 100,000 neighbours again, of which none has changed.
func BenchmarkMirror(b *testing.B) {
	const entries = 100_000
	dump := make([]message, entries)
	for i := range dump {
		head := ndmsg(7, false)
		native.PutUint16(head[8:], unix.NUD_STALE)
		a := own.As16()
		a[13], a[14], a[15] = byte(i>>16), byte(i>>8), byte(i)
		dump[i] = message{kind: unix.RTM_NEWNEIGH, data: join(head, attr(unix.NDA_DST, a[:]...), attr(unix.NDA_LLADDR, 2, 0, 0, 0, 0, 1), attr(unix.NDA_CACHEINFO, make([]byte, 16)...))}
	}
	emitted := 0
	m := newMirror(func(diag.Body) { emitted++ }, nil)
	m.links[7] = linkRow{Link: diag.Link{Interface: "eth0", Index: 7}}
	read := func() {
		m.begin(neighbours)
		for _, msg := range dump {
			m.apply(msg)
		}
		m.end(neighbours, 0)
	}
	read()
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
	if emitted != entries {
		b.Errorf("%d events, want %d", emitted, entries)
	}
}
