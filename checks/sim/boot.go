package sim

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/lab"
	"ndwhy/diag/lab/vswitch"
	"ndwhy/diag/wire"
)

// boot builds the network as it stands when the program is started: what the lab's own boot brings its kernels to.
func (w *World) boot() {
	w.booting = true
	spec := &w.Spec
	config := spec.Switch()
	config.Seed, config.Terse = w.dice.Uint64(), true
	for h := range spec.Hosts {
		host := &host{
			w: w, spec: &spec.Hosts[h], proxies: spec.Hosts[h].Proxies, flows: map[uint16]*request{}, shorter: map[netip.Addr]netip.Addr{},
			forward: spec.Hosts[h].Sysctls["ipv6/conf/all/forwarding"] == "1",
			rules:   []diag.PolicyRule{{Priority: 0, Table: 255, Action: "to_table"}},
		}
		for _, f := range host.spec.Filters {
			host.filters = append(host.filters, &filter{Filter: f})
		}
		for i, p := range host.spec.Policies {
			rule := diag.PolicyRule{Priority: 32765 - i, Src: p.From, Table: p.Table, Action: "to_table"}
			if p.Refuse {
				rule.Table, rule.Action = 0, "unreachable"
			}
			host.rules = append(host.rules, rule)
		}
		host.rules = append(host.rules, diag.PolicyRule{Priority: 32766, Table: diag.MainTable, Action: "to_table"})
		w.hosts = append(w.hosts, host)
		for i := range host.spec.NICs {
			n := w.bootNIC(host, i)
			n.port = len(w.ports)
			w.ports = append(w.ports, n)
		}
	}
	w.me = w.hosts[0]
	w.me.watched = true
	if spec.RouterDies {
		r := &config.Routers[0]
		r.Silent, r.Unresolvable, r.AnswersEcho, r.Nowhere = true, true, false, true
	}
	for _, h := range w.hosts {
		w.finish(h)
	}
	for _, n := range w.me.nics {
		if n.port != none && w.me.spec.NICs[n.port].DHCPDeaf {
			n.solicitLeases()
		}
	}
	if w.Weather.TicksAlways {
		for i := range config.Routers {
			if r := &config.Routers[i]; r.Every > 0 {
				r.Every = time.Second
			}
		}
	}
	// The routers advertised themselves last some time before, and what comes unasked has come already.
	w.sw = vswitch.New(config, w.now.Add(-w.within(config.Routers[0].Every)))
	_, _ = w.sw.Tick(w.sw.Next())
	w.sw.Begin()
	outs, _ := w.sw.Tick(w.now)
	for _, o := range outs {
		if o.Port != vswitch.BeyondPort {
			w.ports[o.Port].receive(o.Frame)
		}
	}
	w.tick()
	w.open()
	w.booting = false
}

// bootNIC brings an interface up as an instance's image does.
func (w *World) bootNIC(h *host, i int) *nic {
	spec, s := &h.spec.NICs[i], &w.Spec
	n := &nic{
		host: h, name: spec.Name, index: 2 + i, mac: spec.MAC, mtu: spec.MTU, kind: "veth", up: true, carrier: true, networkd: h.spec.Networkd,
		early: spec.Early, hopLimit: defaultHops,
		dhcp: spec.DHCP && !spec.DHCPOnce, dad: h.spec.Sysctls["ipv6/conf/"+spec.Name+"/accept_dad"] != "0", neigh: map[netip.Addr]*entry{},
		groups: map[netip.Addr]int{diag.AllNodes: 1},
	}
	if spec.Guest != (diag.MAC{}) {
		n.mac = spec.Guest
	}
	h.nics = append(h.nics, n)
	setting := spec.Early["accept_ra"]
	heeds := setting != "0" && h.spec.Networkd == nil // from the beginning
	n.acceptRA = heeds && (setting == "2" || !h.forward)
	ll, flags := n.mac.LinkLocal(), diag.Permanent
	if secret := spec.Early["stable_secret"]; secret != "" {
		a := ll.As16()
		h := fnv.New64a()
		_, _ = h.Write(append(slices.Clone(n.mac[:]), secret...)) // RFC 7217: anything that both decide
		binary.BigEndian.PutUint64(a[8:], h.Sum64())
		ll, flags = netip.AddrFrom16(a), diag.Permanent|diag.StablePrivacy
	}
	add := func(a netip.Addr, bits int, flags diag.AddrFlags, preferred, valid time.Duration, origin string) {
		seconds := func(d time.Duration) int64 {
			if d == 0 {
				return diag.Forever
			}
			return int64((d - s.Age) / time.Second)
		}
		n.addrs = append(n.addrs, &address{since: w.now, Address: diag.Address{
			Interface: n.name, Address: a, PrefixLen: bits, Flags: flags, PreferredS: seconds(preferred), ValidS: seconds(valid),
			UpdatedS: s.Age.Seconds() + 0.3, Origin: origin,
		}})
		n.groups[diag.SolicitedNode(a)]++
	}
	add(ll, 64, flags, 0, 0, "kernel_ll")
	n.connected(netip.PrefixFrom(ll, 64))
	for _, a := range spec.Static {
		if spec.Length == 0 {
			add(a, 128, diag.Permanent|diag.NoPrefixRoute, 0, 0, "")
			continue
		}
		add(a, spec.Length, diag.Permanent, 0, 0, "")
		n.connected(netip.PrefixFrom(a, spec.Length))
	}
	if gateway := spec.Gateway; gateway.IsValid() {
		static := diag.Route{Interface: n.name, Metric: 1024, Table: diag.MainTable, Type: "unicast", ExpiresS: diag.Forever}
		if !gateway.IsLinkLocalUnicast() && spec.Length == 0 {
			static.Dst, static.Protocol = netip.PrefixFrom(gateway, 128), "boot"
			n.setRoute(static)
		}
		static.Dst, static.Via, static.Protocol = defaultRoute, gateway, "static"
		n.setRoute(static)
	}
	r := &s.Routers[0]
	mayAsk := !s.Fabric.Filter || ll == spec.LinkLocal()
	if spec.DHCP && !r.DHCP.Off && !spec.NoLease && !spec.DHCPDeaf && !spec.Detached && len(spec.Addresses) > 0 && mayAsk {
		add(spec.Addresses[0], 128, diag.NoPrefixRoute, r.DHCP.Preferred, r.DHCP.Valid, "")
		if left := r.DHCP.Preferred - s.Age; left < 30*time.Second {
			x := n.addrs[len(n.addrs)-1]
			w.after(left, func() {
				x.Flags |= diag.Deprecated
				x.UpdatedS, x.ValidS, x.PreferredS = x.UpdatedS+left.Seconds(), x.ValidS-int64(left/time.Second), 0
				n.tell(x)
			})
		}
	}
	if spec.Detached {
		return n
	}
	for i := range s.Routers {
		r := &s.Routers[i]
		if r.Silent {
			continue
		}
		// That much the kernel does whatever accept_ra says (net/ipv6/ndisc.c, ndisc_router_discovery).
		n.neigh[r.LinkLocal()] = &entry{Neighbour: diag.Neighbour{
			Interface: n.name, Address: r.LinkLocal(), MAC: r.MAC, State: diag.Stale, Router: true, ConfirmedS: 60,
		}}
		if !heeds && h.spec.Networkd == nil {
			continue
		}
		ra := advertised(s, r)
		n.act(r.LinkLocal(), ra)
		for _, p := range ra.Prefixes {
			if a := identified(p.Prefix, ll); heeds && p.Autonomous && n.setting(n.name, "autoconf") == "1" && n.own(a) == nil {
				add(a, 64, diag.ManageTemp, time.Duration(p.PreferredS)*time.Second, time.Duration(p.ValidS)*time.Second, "kernel_ra")
			}
		}
	}
	if heeds && !n.acceptRA { // it was switched to forwarding since
		h.routes = slices.DeleteFunc(h.routes, func(r diag.Route) bool { return r.Interface == n.name && r.Dst.Bits() == 0 })
	}
	return n
}

// advertised is what a router of the lab says.
func advertised(s *lab.Spec, r *vswitch.Router) *diag.Advertisement {
	ra := &diag.Advertisement{Managed: r.Managed, LifetimeS: int64(r.Lifetime / time.Second), LLAddr: r.MAC, HopLimit: int(r.HopLimit), MTU: int(r.MTU)}
	for _, p := range r.Routes {
		ra.Routes = append(ra.Routes, diag.RouteInfo{Prefix: p.Masked(), LifetimeS: cmp.Or(ra.LifetimeS, 1800)})
	}
	prefix := s.Subnet
	if r.Prefix.IsValid() {
		prefix = r.Prefix
	}
	if r.OnLink || r.Autonomous {
		ra.Prefixes = []diag.PrefixInfo{{Prefix: prefix, OnLink: r.OnLink, Autonomous: r.Autonomous, ValidS: 2592000, PreferredS: 604800}}
	}
	return ra
}

// identified returns the address of a /64 that has the interface identifier of another.
func identified(p netip.Prefix, other netip.Addr) netip.Addr {
	a, b := other.As16(), p.Addr().As16()
	copy(a[:8], b[:8])
	return netip.AddrFrom16(a)
}

// connected is the route that an address brings with it.
func (n *nic) connected(p netip.Prefix) {
	n.setRoute(diag.Route{
		Interface: n.name, Dst: p.Masked(), Metric: 256, Table: diag.MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: diag.Forever,
	})
}

// finish puts a host into the state in which the program finds it: what is broken on purpose.
func (w *World) finish(h *host) {
	for _, a := range h.spec.Added {
		n := h.nic(a.NIC)
		x := &address{since: w.now, Address: diag.Address{
			Interface: n.name, Address: a.Prefix.Addr(), PrefixLen: a.Prefix.Bits(), Flags: diag.Permanent | diag.NoDAD, PreferredS: diag.Forever, ValidS: diag.Forever,
		}}
		if a.Lasts > 0 {
			x.Flags, x.PreferredS, x.ValidS = diag.NoDAD, int64(a.Lasts/time.Second), int64(a.Lasts/time.Second)
		}
		switch {
		case a.Deprecated:
			x.Flags, x.PreferredS = x.Flags|diag.Deprecated, 0
		case a.Optimistic:
			x.Flags = diag.Permanent | diag.Tentative | diag.Optimistic
			w.after(w.within(800*time.Millisecond), func() {
				x.Flags &^= diag.Tentative | diag.Optimistic
				n.tell(x)
			})
		case a.DAD && (w.held(n, a.Prefix.Addr()) || w.Spec.Fabric.Hairpin && n.setting(n.name, "enhanced_dad") == "0"):
			x.Flags = diag.Permanent | diag.Tentative | diag.DADFailed
		case a.DAD:
			x.Flags = diag.Permanent
		}
		n.addrs = append(n.addrs, x)
		if !a.Unjoined {
			n.groups[diag.SolicitedNode(a.Prefix.Addr())]++
		}
		if a.Prefix.Bits() < 128 {
			n.connected(a.Prefix)
		}
	}
	for _, e := range h.spec.Neighbours {
		n := h.nic(e.NIC)
		n.neigh[e.Address] = &entry{Neighbour: diag.Neighbour{Interface: n.name, Address: e.Address, MAC: e.MAC, State: e.State, ConfirmedS: 60}}
	}
	for _, r := range h.spec.Routes {
		route := diag.Route{
			Interface: r.NIC, Dst: r.Dst.Masked(), Via: r.Via, PrefSrc: r.Src, Table: r.Table, Metric: r.Metric, Protocol: "static", Type: "unicast", ExpiresS: diag.Forever,
		}
		if route.Table == 0 {
			route.Table = diag.MainTable
		}
		if route.Metric == 0 {
			route.Metric = 1024
		}
		if r.Refuse {
			route.Type, route.Interface = "unreachable", "lo"
		}
		if n, _ := h.own(r.Src); r.Src.IsValid() && n == nil {
			w.Broken = append(w.Broken, fmt.Sprintf("a route from %s, which no interface has: a kernel takes none such", r.Src))
			continue
		}
		h.setRoute(route)
	}
	if h.spec.RanOut {
		h.routes = slices.DeleteFunc(h.routes, func(r diag.Route) bool { return r.Dst.Bits() == 0 && r.Table == diag.MainTable })
	}
	for _, n := range h.nics {
		n.disabled = h.spec.Sysctls["ipv6/conf/"+n.name+"/disable_ipv6"] == "1"
		n.up = !h.spec.Down || h != w.me
		n.carrier = n.up
		if n.disabled || !n.up {
			n.addrs, n.neigh, n.groups = nil, map[netip.Addr]*entry{}, map[netip.Addr]int{}
			h.routes = slices.DeleteFunc(h.routes, func(r diag.Route) bool { return r.Interface == n.name })
		}
	}
	for _, a := range h.proxies {
		h.nics[0].groups[diag.SolicitedNode(a)]++
	}
	if h.spec.Pod != nil {
		w.pod(h)
	}
}

// held reports whether somebody else on the link says that an address is theirs.
func (w *World) held(n *nic, a netip.Addr) bool {
	for _, other := range w.ports {
		if other == n || other.spec.Down && !w.Spec.Fabric.Proxy {
			continue
		}
		nic := other.spec.NICs[slices.Index(other.nics, other)]
		has := slices.Contains(nic.Addresses, a) && !nic.Detached
		if w.Spec.Fabric.Proxy && has || !w.Spec.Fabric.Proxy && other.own(a) != nil && (has || !w.Spec.Fabric.Filter) {
			return true
		}
	}
	return false
}

// podEvery is how often a container says something to the Internet.
const podEvery = 100 * time.Millisecond

// pod puts a container behind a host, with an application in it that never stops asking.
func (w *World) pod(h *host) {
	p := h.spec.Pod
	n := &nic{
		host: h, name: "veth-pod", index: 1000, mac: diag.MAC{2, 0, 0, 0, 0, 1}, mtu: 1500, kind: "veth", port: none, up: true, carrier: true, dad: true,
		hopLimit: defaultHops, acceptRA: !h.forward, neigh: map[netip.Addr]*entry{}, groups: map[netip.Addr]int{diag.AllNodes: 1},
	}
	h.nics = append(h.nics, n)
	podMAC := diag.MAC{2, 0, 0, 0, 0, 2}
	for _, a := range []netip.Addr{n.mac.LinkLocal(), p.Gateway} {
		bits := 128
		if a.IsLinkLocalUnicast() {
			bits = 64
		}
		n.addrs = append(n.addrs, &address{since: w.now, Address: diag.Address{
			Interface: n.name, Address: a, PrefixLen: bits, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever,
		}})
	}
	n.connected(netip.PrefixFrom(n.mac.LinkLocal(), 64))
	h.setRoute(diag.Route{
		Interface: n.name, Dst: netip.PrefixFrom(p.Address, 128), Metric: 1024, Table: diag.MainTable, Protocol: "boot", Type: "unicast", ExpiresS: diag.Forever,
	})
	n.neigh[p.Address] = &entry{Neighbour: diag.Neighbour{Interface: n.name, Address: p.Address, MAC: podMAC, State: diag.Reachable}, used: w.now}
	if !h.forward || h.filtered("input", traffic{typ: diag.NS}, n) || h.filtered("output", traffic{typ: diag.NA}, n) {
		return // nobody forwards for it, or tells it the gateway's address
	}
	packet := wire.Packet{
		Src: p.Address, Dst: w.Spec.Internet.Host, HopLimit: 63, Proto: unix.IPPROTO_ICMPV6,
		Payload: wire.Echo{Type: ipv6.ICMPTypeEchoRequest, ID: 1, Data: []byte("pod")}.Marshal(),
	}
	var ask func()
	ask = func() {
		if sel := h.route(packet.Dst, netip.Addr{}, ""); sel.Errno == "" && sel.Type == "unicast" {
			hop := packet.Dst
			if sel.Via.IsValid() {
				hop = sel.Via
			}
			if out := h.nic(sel.Interface); out != n {
				out.hand(packet, hop, nil)
			}
		}
		w.after(podEvery, ask)
	}
	w.after(w.within(podEvery), ask)
}

type setting struct{ name, value string }

// settings are what the program reads of each scope, and their defaults.
var settings = []setting{
	{"disable_ipv6", "0"},
	{"accept_ra", "1"},
	{"accept_ra_defrtr", "1"},
	{"accept_ra_pinfo", "1"},
	{"autoconf", "1"},
	{"router_solicitations", "-1"},
	{"forwarding", "0"},
	{"force_forwarding", "0"},
	{"accept_dad", "1"},
	{"dad_transmits", "1"},
	{"optimistic_dad", "0"},
	{"enhanced_dad", "1"},
	{"addr_gen_mode", "0"},
	{"use_tempaddr", "0"},
	{"ndisc_notify", "0"},
	{"proxy_ndp", "0"},
	{"drop_unsolicited_na", "0"},
	{"accept_redirects", "1"},
	{"accept_ra_rtr_pref", "1"},
	{"accept_ra_rt_info_min_plen", "0"},
	{"accept_ra_rt_info_max_plen", "0"},
	{"accept_ra_min_lft", "0"},
	{"accept_ra_mtu", "1"},
	{"accept_ra_min_hop_limit", "1"},
	{"max_addresses", "16"},
	{"hop_limit", "64"},
	{"mtu", "1500"},
}

// open is what the sources of a session say before the checks begin, in the order of a session on a real host.
func (w *World) open() {
	h, spec, weather := w.me, &w.Spec, w.Weather
	say := func(b diag.Body) { w.Emit(b) }
	given := false // the peers are
	run := diag.Run{
		Version: "sim", Host: h.spec.Name, Peers: spec.Peers(h.spec), Internet: []netip.Addr{spec.Internet.Host}, InternetGiven: true,
		Try: spec.Try, Add: weather.Add, Count: 2, IntervalMS: 200, WaitMS: 1000,
	}
	if h.spec.Sysctls["ipv6/conf/all/forwarding"] == "1" {
		run.Try = nil
	}
	for i := range h.spec.NICs {
		if h.spec.Outer == nil {
			run.NICs = append(run.NICs, h.spec.NICs[i].Name)
		}
		if spec.Metadata == nil {
			for _, a := range h.spec.NICs[i].Addresses {
				run.Assigned = append(run.Assigned, netip.PrefixFrom(a, 128))
			}
			run.Assigned = append(run.Assigned, h.spec.NICs[i].Prefixes...)
		}
	}
	var only string
	for args := spec.Args; len(args) > 1; args = args[2:] {
		switch args[0] {
		case "-i":
			only = args[1]
		case "--profile":
			run.Profile = args[1]
		case "--peer":
			if !given {
				run.Peers, given = nil, true
			}
			run.Peers = append(run.Peers, netip.MustParseAddr(args[1]))
		}
	}
	var links []diag.Link
	for _, n := range h.nics {
		links = append(links, n.link())
	}
	survey := diag.Survey{Links: links, Routes: h.routes}
	for _, n := range h.nics {
		for _, a := range n.addrs {
			survey.Addresses = append(survey.Addresses, a.Address)
		}
	}
	used, left := survey.Used()
	if len(used) == 0 || only != "" {
		used, left = nil, nil
		for _, l := range links {
			if only == l.Interface || (only == "" || only == "all") && l.Interface != "veth-pod" {
				used = append(used, l)
			}
		}
	}
	for _, l := range used {
		run.Interfaces = append(run.Interfaces, l.Interface)
	}
	run.NotExamined = left
	say(run)
	tap := diag.Feed{Name: diag.FeedFrames, State: diag.Synced}
	if !w.ears {
		tap.State, tap.Why = diag.Unavailable, "CAP_NET_RAW is missing"
	}
	say(tap)
	say(diag.Feed{Name: diag.FeedTCP, State: tap.State})
	say(diag.Link{Interface: "lo", Index: 1, MTU: 65536, Up: true, Carrier: true, Loopback: true})
	say(diag.Address{Interface: "lo", Address: netip.IPv6Loopback(), PrefixLen: 128, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever, Origin: "kernel_lo"})
	for _, l := range links {
		say(l)
	}
	for _, a := range survey.Addresses {
		say(a)
	}
	for _, r := range h.routes {
		say(r)
	}
	for _, r := range h.rules {
		say(r)
	}
	for _, n := range h.nics {
		list := diag.SortedFunc(func(yield func(*entry) bool) {
			for _, e := range n.neigh {
				if !yield(e) {
					return
				}
			}
		}, func(a, b *entry) int { return a.Address.Compare(b.Address) })
		for _, e := range list {
			say(e.told(w))
		}
		for _, a := range n.proxies {
			if n == h.nics[0] {
				say(diag.Neighbour{Interface: n.name, Address: a, Proxy: true})
			}
		}
	}
	say(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced})
	w.sayHost()
	say(diag.Flows{})
	say(diag.Feed{Name: diag.FeedFlows, State: diag.Synced})
	say(diag.Feed{Name: diag.FeedLease, State: diag.Synced})
	say(w.metadata())
	say(diag.Feed{Name: diag.FeedDrops, State: diag.Unavailable, Why: "a simulation has no drops"})
	for _, n := range h.nics {
		for _, a := range n.addrs {
			if a.Flags.Usable() && !a.Address.Address.IsLinkLocalUnicast() && slices.Contains(run.Interfaces, n.name) {
				w.choice(spec.Internet.Host, a.Address.Address)
			}
		}
	}
	w.choices()
	admin := diag.Feed{Name: diag.FeedAdmin, State: diag.Synced}
	if weather.Bare {
		admin.State, admin.Why = diag.Unavailable, "CAP_NET_ADMIN is missing"
	}
	say(admin)
}

// metadata is what the service says when it is asked by way of this host.
func (w *World) metadata() diag.Metadata {
	m := w.Spec.Instance(w.me.spec)
	switch {
	case m.State == diag.MetadataNotAsked:
		m.Why = "turned off"
	case w.Spec.Metadata.NoIPv4:
		// By IPv6 an answer finds only who asks from an assigned address.
		m.Endpoint = "http://[" + diag.IMDSIPv6.String() + "]"
		if sel := w.me.route(diag.IMDSIPv6, netip.Addr{}, ""); !slices.ContainsFunc(w.me.spec.NICs, func(n lab.NIC) bool {
			return slices.Contains(n.Addresses, sel.Source)
		}) {
			return diag.Metadata{Endpoint: m.Endpoint, State: diag.MetadataUnreachable, Why: "no answer"}
		}
	}
	return m
}

// leaseEvery is how often a client that takes no answer asks for a lease.
const leaseEvery = 300 * time.Millisecond

// solicitLeases is such a client.
func (n *nic) solicitLeases() {
	n.w.after(n.w.within(leaseEvery), func() {
		m, err := dhcpv6.NewSolicit(net.HardwareAddr(n.mac[:]))
		if err != nil {
			panic(err)
		}
		m.TransactionID = dhcpv6.TransactionID{byte(n.w.n >> 16), byte(n.w.n >> 8), byte(n.w.n)}
		servers := netip.MustParseAddr("ff02::1:2")
		if src := n.linkLocal(); !src.IsUnspecified() && !n.filtered("output", traffic{typ: diag.DHCPv6Frame, port: wire.DHCPv6Server}, n) {
			n.transmit(wire.Packet{
				Src: src, Dst: servers, HopLimit: 1, Proto: unix.IPPROTO_UDP,
				Payload: wire.UDP{Src: wire.DHCPv6Client, Dst: wire.DHCPv6Server, Payload: m.ToBytes()}.Marshal(),
			}.Frame(diag.MulticastMAC(servers), n.mac))
		}
		n.solicitLeases()
	})
}

// setting is the value of a sysctl of an interface, "all", "default", or icmp.
func (h *host) setting(scope, name string) string {
	path := "ipv6/conf/" + scope + "/" + name
	if scope == "icmp" {
		path = "ipv6/icmp/" + name
	}
	if v, ok := h.spec.Sysctls[path]; ok {
		return v
	}
	if scope == "all" && len(h.nics) > 0 && h.nics[0].early[path] != "" {
		return h.nics[0].early[path]
	}
	n := h.nic(scope)
	switch {
	case name == "forwarding" && h.forward && scope != "all":
		return "1"
	case scope == "icmp", name == "accept_dad" && scope == "all":
		return "0"
	case n == nil:
	case n.early[name] != "":
		return n.early[name]
	case name == "addr_gen_mode" && n.early["stable_secret"] != "":
		return "2"
	case name == "accept_ra" && n.networkd != nil:
		return "0"
	case name == "proxy_ndp" && len(h.proxies) > 0:
		return "1"
	case name == "hop_limit":
		return strconv.Itoa(n.hopLimit)
	case name == "mtu":
		return strconv.Itoa(cmp.Or(n.mtu6, n.mtu))
	}
	return settings[slices.IndexFunc(settings, func(s setting) bool { return s.name == name })].value
}

// sayHost is what the host's own settings are.
func (w *World) sayHost() {
	h := w.me
	say := func(b diag.Body) { w.Emit(b) }
	scopes := []string{"all", "default"}
	for _, n := range h.nics {
		if n.name != "veth-pod" {
			scopes = append(scopes, n.name)
		}
	}
	for _, scope := range scopes {
		for _, s := range settings {
			say(diag.Sysctl{Scope: scope, Name: s.name, Value: h.setting(scope, s.name)})
		}
	}
	for _, name := range []string{"echo_ignore_all", "echo_ignore_multicast", "echo_ignore_anycast"} {
		say(diag.Sysctl{Name: "icmp." + name, Value: h.setting("icmp", name)})
	}
	for _, n := range h.nics {
		if n.name == "veth-pod" {
			continue
		}
		groups := diag.Groups{Interface: n.name}
		for g, joined := range n.groups {
			if joined > 0 && n.up && !n.disabled {
				groups.Joined = append(groups.Joined, g)
			}
		}
		diag.SortFunc(groups.Joined, netip.Addr.Compare)
		for _, g := range groups.Joined {
			groups.Device = append(groups.Device, diag.MulticastMAC(g))
		}
		say(groups)
		manager := diag.Manager{Interface: n.name, Name: "none"}
		if n.networkd != nil {
			manager.Name, manager.RA = "networkd", true
		}
		say(manager)
	}
	if w.Spec.Machine != (diag.Machine{}) {
		say(w.Spec.Machine)
	}
	say(diag.Feed{Name: diag.FeedHost, State: diag.Synced})
	for _, f := range h.filters {
		if r, ok := f.read(); ok {
			say(r)
		}
	}
	say(diag.Feed{Name: diag.FeedFilters, State: diag.Synced})
}

func (n *nic) link() diag.Link {
	return diag.Link{
		Interface: n.name, Index: n.index, MAC: n.mac, MTU: n.mtu, Up: n.up, Carrier: n.carrier, Ethernet: true, Type: strings.TrimPrefix(n.kind, "veth-"),
		Parent: 1000 + n.index, Elsewhere: n.port != none,
	}
}

// beyond is the Internet host and the services behind the router: they answer what is addressed to them.
func (w *World) beyond(frame []byte) {
	ether, b, _ := wire.ParseEthernet(frame)
	p, err := wire.ParsePacket(b)
	if err != nil {
		return
	}
	m := w.Spec.Metadata
	at := slices.Index(diag.VPCServices, p.Dst) // metadata, DNS, NTP
	resolver := p.Dst == w.Spec.Internet.Resolver
	if p.Dst != w.Spec.Internet.Host && !resolver && (at < 0 || m == nil) {
		return
	}
	answer := wire.Packet{Src: p.Dst, Dst: p.Src, HopLimit: 64, Proto: p.Proto}
	switch p.Proto {
	case unix.IPPROTO_ICMPV6:
		e, ok := wire.ParseEcho(p.Payload)
		if !ok || e.Type != ipv6.ICMPTypeEchoRequest {
			return
		}
		e.Type = ipv6.ICMPTypeEchoReply
		answer.Payload = e.Marshal()
	case unix.IPPROTO_TCP:
		t, ok := p.TCP()
		if !ok || t.Flags&wire.SYN == 0 {
			return
		}
		flags := byte(wire.RST | wire.ACK)
		if at == 0 && t.Dst == 80 && !m.NoIPv6 {
			flags = wire.SYN | wire.ACK
		}
		answer.Payload = segment(t.Dst, t.Src, flags)
	case unix.IPPROTO_UDP:
		u, ok := p.UDP()
		if !ok || at == 1 && m.NoDNS || at == 2 && m.NoNTP || at < 1 && !resolver || resolver && w.Spec.Internet.NoDNS {
			return
		}
		answer.Payload = wire.UDP{Src: u.Dst, Dst: u.Src, Payload: u.Payload}.Marshal()
	default:
		return
	}
	reply := answer.Frame(ether.Src, ether.Dst)
	w.after(w.delay(), func() {
		outs, _ := w.sw.Handle(w.now, vswitch.BeyondPort, reply)
		w.deliver(outs)
	})
}

// forge has a neighbour send something that is not to be believed, or that is about nobody here.
func (w *World) forge() {
	n := w.me.nics[0]
	if n.gone || len(n.addrs) == 0 {
		return
	}
	liar := diag.MAC{6, 0x66, 0x66, 0x66, 0x66, 0x66}
	if w.Spec.Fabric.Isolated {
		liar = w.Spec.Routers[len(w.Spec.Routers)-1].MAC // from elsewhere, as nobody else is heard
	}
	targets := append([]netip.Addr{w.Spec.Routers[0].LinkLocal(), w.Spec.Internet.Host}, w.State.Run.Peers...)
	about := targets[w.dice.IntN(len(targets))]
	me := n.addrs[w.dice.IntN(len(n.addrs))].Address.Address
	na := func() wire.Packet {
		return ndPacket(about, me, &ndp.NeighborAdvertisement{
			Solicited: true, Override: true, TargetAddress: about,
			Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: liar[:]}},
		})
	}
	var frame []byte
	switch w.dice.IntN(6) {
	case 0: // it may come from off the link
		p := na()
		p.HopLimit = 64
		frame = p.Frame(n.mac, liar)
	case 1: // not whole
		frame = na().Frame(n.mac, liar)
		frame[len(frame)-1] ^= 0x55
	case 2: // an answer that nobody asked for
		frame = wire.Packet{
			Src: about, Dst: me, HopLimit: 64, Proto: unix.IPPROTO_ICMPV6,
			Payload: wire.Echo{Type: ipv6.ICMPTypeEchoReply, ID: 0xfffe, Seq: uint16(w.dice.Uint32())}.Marshal(),
		}.Frame(n.mac, liar)
	case 3: // an error about what was never sent
		quoted := wire.Packet{
			Src: me, Dst: about, HopLimit: 64, Proto: unix.IPPROTO_ICMPV6,
			Payload: wire.Echo{Type: ipv6.ICMPTypeEchoRequest, ID: 0xfffe, Seq: 1}.Marshal(),
		}.Marshal()
		frame = wire.Packet{
			Src: about, Dst: me, HopLimit: 64, Proto: unix.IPPROTO_ICMPV6, Payload: append([]byte{1, 1, 0, 0, 0, 0, 0, 0}, quoted...),
		}.Frame(n.mac, liar)
	case 4: // somebody asks for somebody else
		stranger := liar.LinkLocal()
		frame = ndPacket(stranger, diag.SolicitedNode(about), &ndp.NeighborSolicitation{
			TargetAddress: about, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: liar[:]}},
		}).Frame(diag.MulticastMAC(diag.SolicitedNode(about)), liar)
	default: // noise
		frame = make([]byte, 14+w.dice.IntN(120))
		for i := range frame {
			frame[i] = byte(w.dice.Uint32())
		}
		copy(frame, n.mac[:])
		frame[12], frame[13] = 0x86, 0xdd
	}
	n.receive(frame)
}

// move takes something of the interface away for a while.
func (w *World) move() {
	n := w.me.nics[0]
	if n.gone || !n.up || n.disabled || !n.carrier {
		return
	}
	back := w.within(time.Second) + 10*time.Millisecond
	if i := slices.IndexFunc(n.addrs, func(a *address) bool { return !a.Address.Address.IsLinkLocalUnicast() && !w.added[a.Address.Address] }); i >= 0 && w.dice.IntN(2) == 0 {
		a := n.addrs[i]
		n.remove(a)
		w.after(back, func() {
			if n.own(a.Address.Address) == nil {
				again := a.Address
				again.UpdatedS = 0
				n.assign(again)
			}
		})
		return
	}
	n.carrier = false
	n.say(n.link())
	w.after(back, func() {
		n.carrier = true
		n.say(n.link())
	})
}
