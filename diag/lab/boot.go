package lab

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/lab/vswitch"
)

// beyondHost is the name of the stack behind the router: the Internet host and the services.
const beyondHost = "internet"

// How long boot waits for leases and default routes. They take milliseconds, or where a solicitation
// is lost as long as its retransmission; a network that is broken on purpose may never give them.
const (
	wholeWait  = 5 * time.Second
	brokenWait = time.Second
)

// firstIndex is the interface index of the switch's first port. It must differ from that of the
// cable's other end: where they are equal by chance, the kernel takes the veth for an ordinary device
// (linkwatch_urgent_event in net/core/link_watch.c) and says only a second later that the link is up.
const firstIndex = 1000

// A world is a network that stands.
type world struct {
	spec       *Spec
	namespaces map[string]*os.File // by host, and beyondHost
	handles    map[string]*netlink.Handle
	wire       *wire
	clients    []*client
	bench      *bench
}

func (w *world) names() string {
	var names []string
	for n := range w.namespaces {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// boot builds the network in this process's network namespace and returns when it is ready for the
// command. Everything in it ends with the process.
func boot(spec *Spec, log io.Writer) (*world, error) {
	w := &world{spec: spec, namespaces: map[string]*os.File{}, handles: map[string]*netlink.Handle{}}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		return nil, errors.New("IPv6 is switched off in this kernel (ipv6.disable=1): there is nothing to build a subnet on")
	}
	// The switch's own ends of the cables have no addresses of any kind.
	if err := sysctl("ipv6/conf/default/disable_ipv6", "1"); err != nil {
		return nil, err
	}
	config, ports := spec.config()
	names := []string{beyondHost}
	for i := range spec.Hosts {
		names = append(names, spec.Hosts[i].Name)
	}
	for _, name := range names {
		if err := w.addHost(name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	own, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	w.wire = newWire(log)
	if w.bench, err = newBench(w); err != nil {
		return nil, err
	}
	cable := func(index int, near, host, nic string, mac diag.MAC, mtu, farMTU int) error {
		if err := w.cable(own, firstIndex+index, near, host, nic, mac, mtu, farMTU); err != nil {
			return fmt.Errorf("%s: %s: %w", host, nic, err)
		}
		return w.wire.attach(index, near)
	}
	for i, p := range ports {
		if err := cable(i, fmt.Sprintf("port%d", i), p.host.Name, p.nic.Name, p.nic.address(), p.nic.MTU, cmp.Or(p.nic.FarMTU, p.nic.MTU)); err != nil {
			return nil, err
		}
	}
	if err := cable(vswitch.BeyondPort, "beyond", beyondHost, "eth0", beyondMAC, vpcMTU, vpcMTU); err != nil {
		return nil, err
	}
	if err := w.beyond(); err != nil {
		return nil, fmt.Errorf("%s: %w", beyondHost, err)
	}
	config.Routers = slices.Clone(config.Routers) // they may be changed; the specification stays
	for i := range config.Routers[1:] {
		config.Routers[1+i].Silent = true // until furtherRouters
	}
	w.wire.run(config)
	for _, p := range ports {
		if err := w.bootNIC(p); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", p.host.Name, p.nic.Name, err)
		}
	}
	if err := w.settle(); err != nil {
		return nil, err
	}
	if spec.RouterDies {
		w.wire.alter(func(c *vswitch.Config) {
			r := &c.Routers[0]
			r.Silent, r.Unresolvable, r.AnswersEcho, r.Nowhere = true, true, false, true
		})
	}
	for i := range spec.Hosts {
		if err := w.finish(&spec.Hosts[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Hosts[i].Name, err)
		}
	}
	time.Sleep(spec.Age)
	w.wire.begin()
	return w, nil
}

// sysctl sets a value below /proc/sys/net of the calling thread's network namespace.
func sysctl(name, value string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys/net", filepath.Clean("/"+name)), []byte(value), 0); err != nil {
		return fmt.Errorf("sysctl: %w", err)
	}
	return nil
}

// addHost makes a namespace with its loopback up.
func (w *world) addHost(name string) error {
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	w.namespaces[name] = ns
	h, err := netlink.NewHandleAt(netns.NsHandle(ns.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	w.handles[name] = h
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if err := h.LinkSetUp(lo); err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	return nil
}

// cable lays a veth pair: near in this namespace, up, with farMTU, the other end as nic in the host's, down, with mtu.
func (w *world) cable(own *netlink.Handle, index int, near, host, nic string, mac diag.MAC, mtu, farMTU int) error {
	ns := w.namespaces[host]
	attrs := netlink.NewLinkAttrs()
	attrs.Index, attrs.Name, attrs.MTU = index, near, farMTU
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: nic, PeerHardwareAddr: net.HardwareAddr(mac[:]), PeerMTU: uint32(mtu),
		PeerNamespace: netlink.NsFd(int(ns.Fd())),
	}
	if err := own.LinkAdd(veth); err != nil {
		return fmt.Errorf("add veth: %w", err)
	}
	// A veth leaves checksums and segmentation to the receiver: frames on the wire would be wrong.
	if err := within(ns, func() error { return offloadOff(nic) }); err != nil {
		return err
	}
	link, err := own.LinkByName(near)
	if err != nil {
		return err
	}
	if err := own.LinkSetUp(link); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return nil
}

// address adds an address. Lifetimes are those of forever where 0.
func (w *world) address(host, nic string, p netip.Prefix, flags, preferred, valid int) error {
	h := w.handles[host]
	link, err := h.LinkByName(nic)
	if err != nil {
		return err
	}
	a := &netlink.Addr{
		IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
		Flags: flags, PreferedLft: preferred, ValidLft: valid,
	}
	if err := h.AddrReplace(link, a); err != nil {
		return fmt.Errorf("address %s: %w", p, err)
	}
	return nil
}

// bootNIC brings an interface up as an instance's image does. Duplicate address detection is off
// meanwhile: its second and a half would be everybody's wait.
func (w *world) bootNIC(p port) error {
	ns := w.namespaces[p.host.Name]
	if err := within(ns, func() error {
		conf := "ipv6/conf/" + p.nic.Name + "/"
		if err := errors.Join(sysctl(conf+"accept_dad", "0"), sysctl(conf+"router_solicitation_delay", "0")); err != nil {
			return err
		}
		if p.host.Networkd != nil {
			if err := sysctl(conf+"accept_ra", "0"); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(p.nic.Early)) {
			path := name
			if !strings.Contains(name, "/") {
				path = conf + name
			}
			if err := sysctl(path, p.nic.Early[name]); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	h := w.handles[p.host.Name]
	link, err := h.LinkByName(p.nic.Name)
	if err != nil {
		return err
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	if p.nic.Address4.IsValid() {
		if err := w.address(p.host.Name, p.nic.Name, netip.PrefixFrom(p.nic.Address4, w.spec.Subnet4.Bits()), 0, 0, 0); err != nil {
			return err
		}
		if gw := w.spec.router().Address4; gw.IsValid() && p.nic.Name == p.host.NICs[0].Name {
			if err := h.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: gw.AsSlice()}); err != nil {
				return fmt.Errorf("IPv4 default route: %w", err)
			}
		}
	}
	if err := w.static(p, link.Attrs().Index); err != nil {
		return err
	}
	if p.host.Networkd != nil {
		if err := w.startNetworkd(p); err != nil {
			return err
		}
	}
	if !p.nic.DHCP {
		return nil
	}
	if err := w.startClient(p); err != nil {
		return fmt.Errorf("DHCPv6 client: %w", err)
	}
	return nil
}

// static configures what an image configures: addresses, and the way out.
func (w *world) static(p port, index int) error {
	length, flags := 128, unix.IFA_F_NOPREFIXROUTE
	if p.nic.Length > 0 {
		length, flags = p.nic.Length, 0
	}
	for _, a := range p.nic.Static {
		if err := w.address(p.host.Name, p.nic.Name, netip.PrefixFrom(a, length), flags, 0, 0); err != nil {
			return err
		}
	}
	if !p.nic.Gateway.IsValid() {
		return nil
	}
	h := w.handles[p.host.Name]
	if !p.nic.Gateway.IsLinkLocalUnicast() && length == 128 {
		if err := h.RouteReplace(&netlink.Route{LinkIndex: index, Dst: ipNet(netip.PrefixFrom(p.nic.Gateway, 128))}); err != nil {
			return fmt.Errorf("route to the gateway: %w", err)
		}
	}
	if err := h.RouteReplace(&netlink.Route{
		LinkIndex: index, Dst: ipNet(netip.PrefixFrom(netip.IPv6Unspecified(), 0)), Gw: p.nic.Gateway.AsSlice(), Protocol: unix.RTPROT_STATIC,
	}); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	return nil
}

// settle waits until every client has its lease and every host its default route, and until no
// address is tentative: the kernel decides late, in a queue, whether it checks for duplicates.
func (w *world) settle() error {
	begun := time.Now()
	until := func(coming bool, settled func() bool, otherwise string) error {
		wait := wholeWait
		if !coming {
			wait = brokenWait
		}
		for !settled() {
			if time.Since(begun) > wait {
				if w.spec.Faulty {
					return nil
				}
				return errors.New(otherwise)
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	for _, c := range w.clients {
		if err := until(w.spec.leases(c.port), c.leased.Load, c.port.host.Name+": the DHCPv6 exchange did not end in a lease"); err != nil {
			return err
		}
	}
	// A host that the network does not let solicit hears the next advertisement: that is now, and not
	// while the command runs.
	if slices.ContainsFunc(w.spec.Hosts, func(h Host) bool { return w.spec.routes(&h) && !w.hasDefault(h.Name) }) {
		for i := range w.spec.Hosts {
			name := w.spec.Hosts[i].Name
			if err := until(true, func() bool { return w.hasLinkLocal(name) }, name+" has no link-local address"); err != nil {
				return err
			}
		}
		w.wire.advertise()
	}
	for i := range w.spec.Hosts {
		name := w.spec.Hosts[i].Name
		if err := until(w.spec.routes(&w.spec.Hosts[i]), func() bool { return w.hasDefault(name) }, name+" has learnt no default route from the router's advertisement"); err != nil {
			return err
		}
	}
	if err := w.furtherRouters(until); err != nil {
		return err
	}
	begun = time.Now()
	for i := range w.spec.Hosts {
		name := w.spec.Hosts[i].Name
		if err := until(true, func() bool { return !w.hasTentative(name) }, name+" still checks its addresses for duplicates"); err != nil {
			return err
		}
	}
	return nil
}

// leases reports whether the DHCPv6 server will give an interface a lease: then a peer that has none
// yet would look like one that is broken on purpose.
func (s *Spec) leases(p port) bool {
	return !s.Faulty || !s.router().DHCP.Off && !p.nic.NoLease && !p.nic.DHCPDeaf && !p.nic.Detached && len(p.nic.Addresses) > 0
}

// routes reports whether a host will learn a default route.
func (s *Spec) routes(h *Host) bool {
	if !s.Faulty {
		return true
	}
	r := s.router()
	return !r.Silent && r.Lifetime > 0 && (h.Networkd == nil || !h.Networkd.NoGateway) &&
		!slices.ContainsFunc(h.NICs, func(n NIC) bool { return n.Detached })
}

func (w *world) hasTentative(host string) bool {
	list, err := w.handles[host].AddrList(nil, netlink.FAMILY_V6)
	return err != nil || slices.ContainsFunc(list, func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 })
}

// hasLinkLocal reports whether every interface of a host has a link-local address that can be used.
func (w *world) hasLinkLocal(host string) bool {
	list, err := w.handles[host].AddrList(nil, netlink.FAMILY_V6)
	usable := map[int]bool{}
	for _, a := range list {
		usable[a.LinkIndex] = usable[a.LinkIndex] || a.IP.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0
	}
	delete(usable, 1) // the loopback
	return err == nil && len(usable) == len(w.spec.Host(host).NICs) && !slices.Contains(slices.Collect(maps.Values(usable)), false)
}

func (w *world) hasDefault(host string) bool { return w.hasDefaultBy(host, nil) }

// hasDefaultBy reports whether a host has a default route through a gateway; nil: any.
func (w *world) hasDefaultBy(host string, gateway net.IP) bool {
	routes, err := w.handles[host].RouteList(nil, netlink.FAMILY_V6)
	return err == nil && slices.ContainsFunc(routes, func(r netlink.Route) bool {
		ones := 0
		if r.Dst != nil {
			ones, _ = r.Dst.Mask.Size()
		}
		return ones == 0 && r.Gw != nil && (gateway == nil || r.Gw.Equal(gateway))
	})
}

// furtherRouters has the routers beside the first begin to advertise. They come later because of equal
// routes a kernel prefers the one that it learnt first (net/ipv6/route.c, find_rr_leaf): which way a
// host sends must not be a matter of luck.
func (w *world) furtherRouters(until func(coming bool, settled func() bool, otherwise string) error) error {
	further := w.spec.Routers[1:]
	if len(further) == 0 {
		return nil
	}
	w.wire.alter(func(c *vswitch.Config) {
		for i := range further {
			c.Routers[1+i].Silent = further[i].Silent
		}
	})
	w.wire.advertise()
	for i := range further {
		r := &further[i]
		if r.Silent || r.Lifetime == 0 {
			continue
		}
		for j := range w.spec.Hosts {
			host := &w.spec.Hosts[j]
			if host.Other {
				continue
			}
			learnt := func() bool { return w.hasDefaultBy(host.Name, r.LinkLocal().AsSlice()) }
			if err := until(w.spec.routes(host), learnt, host.Name+" has learnt no default route from "+r.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish puts a host into the state in which the command finds it: duplicate address detection as
// kernels have it by default, and what is broken on purpose.
func (w *world) finish(host *Host) error {
	ns := w.namespaces[host.Name]
	if err := within(ns, func() error {
		for _, nic := range host.NICs {
			if err := sysctl("ipv6/conf/"+nic.Name+"/accept_dad", "1"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, a := range host.Added {
		add := w.add
		if a.Unjoined {
			add = w.addUnjoined
		}
		if err := add(host, a); err != nil {
			return err
		}
	}
	for _, n := range host.Neighbours {
		if err := w.neighbour(host, n); err != nil {
			return err
		}
	}
	for _, a := range host.Proxies {
		if err := w.proxy(host, a); err != nil {
			return err
		}
	}
	for _, r := range host.Routes {
		if err := w.route(host, r); err != nil {
			return err
		}
	}
	if host.RanOut {
		gateway := w.spec.router().LinkLocal()
		if err := w.handles[host.Name].RouteDel(&netlink.Route{Gw: gateway.AsSlice(), Dst: everywhere}); err != nil {
			return fmt.Errorf("default route: %w", err)
		}
	}
	for _, p := range host.Policies {
		rule := netlink.NewRule()
		rule.Family, rule.Table = netlink.FAMILY_V6, p.Table
		if p.From.IsValid() {
			rule.Src = ipNet(p.From)
		}
		if p.TCP {
			rule.IPProto = unix.IPPROTO_TCP
		}
		if p.Refuse {
			rule.Type = unix.FR_ACT_UNREACHABLE
		}
		if err := w.handles[host.Name].RuleAdd(rule); err != nil {
			return fmt.Errorf("policy rule: %w", err)
		}
	}
	if err := within(ns, func() error {
		for _, name := range slices.Sorted(maps.Keys(host.Sysctls)) {
			if err := sysctl(name, host.Sysctls[name]); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := w.filter(host); err != nil {
		return err
	}
	if host.Pod != nil {
		if err := w.startPod(host); err != nil {
			return fmt.Errorf("pod: %w", err)
		}
	}
	if host.Tunnel != nil {
		if err := w.startTunnel(host); err != nil {
			return fmt.Errorf("tunnel: %w", err)
		}
	}
	for i := range host.NICs {
		if nic := &host.NICs[i]; nic.Bridge != nil {
			if err := w.bridge(host, nic); err != nil {
				return fmt.Errorf("%s: %w", nic.Bridge.Name, err)
			}
		}
	}
	for _, nic := range host.NICs {
		if !nic.NoARP {
			continue
		}
		link, err := w.handles[host.Name].LinkByName(nic.Name)
		if err != nil {
			return err
		}
		if err := w.handles[host.Name].LinkSetARPOff(link); err != nil {
			return fmt.Errorf("%s: arp off: %w", nic.Name, err)
		}
	}
	if host.LocalLast {
		rule := netlink.NewRule()
		rule.Family, rule.Priority, rule.Table = netlink.FAMILY_V6, 40000, diag.LocalTable
		if err := w.handles[host.Name].RuleAdd(rule); err != nil {
			return fmt.Errorf("rule for local addresses: %w", err)
		}
		rule.Priority = 0
		if err := w.handles[host.Name].RuleDel(rule); err != nil {
			return fmt.Errorf("rule for local addresses: %w", err)
		}
	}
	for _, nic := range host.NICs {
		if nic.Queue == "" {
			continue
		}
		link, err := w.handles[host.Name].LinkByName(nic.Name)
		if err != nil {
			return err
		}
		if err := w.handles[host.Name].QdiscReplace(&netlink.GenericQdisc{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}, QdiscType: nic.Queue,
		}); err != nil {
			return fmt.Errorf("%s: queueing discipline %s: %w", nic.Name, nic.Queue, err)
		}
	}
	if host.NoLocalhost {
		link, err := w.handles[host.Name].LinkByName("lo")
		if err != nil {
			return err
		}
		if err := w.handles[host.Name].AddrDel(link, &netlink.Addr{IPNet: ipNet(netip.PrefixFrom(netip.IPv6Loopback(), 128))}); err != nil {
			return fmt.Errorf("::1: %w", err)
		}
	}
	if host.NoLoopback {
		link, err := w.handles[host.Name].LinkByName("lo")
		if err != nil {
			return err
		}
		if err := w.handles[host.Name].LinkSetDown(link); err != nil {
			return fmt.Errorf("lo down: %w", err)
		}
	}
	if !host.Down {
		return nil
	}
	if host != w.spec.ubuntu1() {
		w.stopped(host.Name, true) // so that it can be started again as it was
		return nil
	}
	h := w.handles[host.Name]
	for _, nic := range host.NICs {
		link, err := h.LinkByName(nic.Name)
		if err != nil {
			return err
		}
		if err := h.LinkSetDown(link); err != nil {
			return fmt.Errorf("%s down: %w", nic.Name, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// add adds an address as somebody did by hand, and returns when it can be used, or when it turned out
// to be a duplicate.
func (w *world) add(host *Host, a Added) error {
	flags, preferred, valid := unix.IFA_F_NODAD, 0, 0
	if a.DAD {
		flags = 0
	}
	if a.Optimistic {
		flags = unix.IFA_F_OPTIMISTIC
	}
	switch {
	case a.Lasts > 0 && a.Deprecated:
		valid = int(a.Lasts.Seconds())
	case a.Lasts > 0:
		preferred, valid = int(a.Lasts.Seconds()), int(a.Lasts.Seconds())
	case a.Deprecated:
		valid = forever
	}
	if err := w.address(host.Name, a.NIC, a.Prefix, flags, preferred, valid); err != nil {
		return err
	}
	h, ip := w.handles[host.Name], net.IP(a.Prefix.Addr().AsSlice())
	for deadline := time.Now().Add(wholeWait); ; time.Sleep(time.Millisecond) {
		list, err := h.AddrList(nil, netlink.FAMILY_V6)
		if err != nil {
			return fmt.Errorf("addresses: %w", err)
		}
		i := slices.IndexFunc(list, func(x netlink.Addr) bool { return x.IP.Equal(ip) })
		if i < 0 || list[i].Flags&unix.IFA_F_DADFAILED != 0 {
			return nil
		}
		// What is sent to it arrives only when it has its local route, which comes a moment later.
		routes, err := h.RouteGet(ip)
		usable := list[i].Flags&unix.IFA_F_TENTATIVE == 0 || list[i].Flags&unix.IFA_F_OPTIMISTIC != 0
		if usable && err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("address %s: it cannot be used yet, and no duplicate was found", a.Prefix)
		}
	}
}

// addUnjoined adds an address of which the kernel does not join the group. It joins that of an address that it has
// already when ARP is switched on, but only while the link is ready (net/ipv6/addrconf.c, addrconf_notify).
func (w *world) addUnjoined(host *Host, a Added) error {
	h := w.handles[host.Name]
	link, err := h.LinkByName(a.NIC)
	if err != nil {
		return err
	}
	ready := func(is bool) error {
		state := netlink.OperDormant
		if is {
			state = netlink.OperUp
		}
		return within(w.namespaces[host.Name], func() error {
			req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
			about := nl.NewIfInfomsg(unix.AF_UNSPEC)
			about.Index = int32(link.Attrs().Index)
			req.AddData(about)
			req.AddData(nl.NewRtAttr(unix.IFLA_OPERSTATE, []byte{byte(state)}))
			_, err := req.Execute(unix.NETLINK_ROUTE, 0)
			return err
		})
	}
	for _, step := range []func() error{
		func() error { return h.LinkSetARPOff(link) },
		func() error { return w.add(host, a) },
		func() error { return ready(false) },
		func() error { return h.LinkSetARPOn(link) },
		func() error { return ready(true) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("%s, without its group: %w", a.Prefix, err)
		}
	}
	return nil
}

func (w *world) neighbour(host *Host, n Neighbour) error {
	h := w.handles[host.Name]
	link, err := h.LinkByName(n.NIC)
	if err != nil {
		return err
	}
	entry := &netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: netlink.FAMILY_V6, State: netlink.NUD_PERMANENT,
		IP: n.Address.AsSlice(), HardwareAddr: net.HardwareAddr(n.MAC[:]),
	}
	switch n.State {
	case diag.Stale:
		entry.State = netlink.NUD_STALE
	case diag.Failed:
		entry.State, entry.HardwareAddr = netlink.NUD_FAILED, nil
	}
	if err := h.NeighSet(entry); err != nil {
		return fmt.Errorf("neighbour %s: %w", n.Address, err)
	}
	return nil
}

// proxy has a host answer for an address that is somebody's behind it.
func (w *world) proxy(host *Host, a netip.Addr) error {
	h, nic := w.handles[host.Name], host.NICs[0].Name
	link, err := h.LinkByName(nic)
	if err != nil {
		return err
	}
	if err := h.NeighSet(&netlink.Neigh{LinkIndex: link.Attrs().Index, Family: netlink.FAMILY_V6, Flags: netlink.NTF_PROXY, IP: a.AsSlice()}); err != nil {
		return fmt.Errorf("proxy of %s: %w", a, err)
	}
	return within(w.namespaces[host.Name], func() error { return sysctl("ipv6/conf/"+nic+"/proxy_ndp", "1") })
}

func (w *world) route(host *Host, r Route) error {
	h := w.handles[host.Name]
	route := &netlink.Route{Dst: ipNet(r.Dst), Table: r.Table, Priority: r.Metric, Protocol: unix.RTPROT_STATIC}
	if r.Refuse {
		route.Type = unix.RTN_UNREACHABLE
	} else {
		link, err := h.LinkByName(r.NIC)
		if err != nil {
			return err
		}
		route.LinkIndex = link.Attrs().Index
	}
	if r.Local {
		route.Type, route.Table = unix.RTN_LOCAL, unix.RT_TABLE_LOCAL
	}
	if r.Via.IsValid() {
		route.Gw = r.Via.AsSlice()
	}
	if r.Src.IsValid() {
		route.Src = r.Src.AsSlice()
	}
	set := h.RouteReplace
	if r.Beside {
		set = h.RouteAppend
	}
	if err := set(route); err != nil {
		return fmt.Errorf("route %s: %w", r.Dst, err)
	}
	return nil
}

// everywhere is the destination of a default route.
var everywhere = ipNet(netip.PrefixFrom(netip.IPv6Unspecified(), 0))

// forever is the lifetime that does not count down (RFC 4861 §4.6.2), as netlink has it.
const forever = 0xffffffff
