package vswitch

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

func (t *turn) take() {
	f := t.frame
	h, _, ok := wire.ParseEthernet(f)
	switch {
	case !ok:
		t.drop("too short for an Ethernet frame")
		return
	case len(f) > maxFrame:
		t.drop("longer than any packet")
		return
	}
	if t.port == BeyondPort {
		t.fromBeyond(h.Type)
		return
	}
	port := &t.cfg.Ports[t.port]
	if t.begun && port.Loss > 0 && t.dice.IntN(100) < port.Loss {
		t.drop("lost: %d %% of what %s sends is", port.Loss, port.Name)
		return
	}
	if t.cfg.Fabric.Filter && h.Src != port.MAC {
		t.drop("source MAC %s is not that of the interface, %s", h.Src, port.MAC)
		return
	}
	if h.Src == port.MAC {
		t.spoke[h.Src] = t.port
	}
	if port.Detached {
		t.drop("%s is attached to nothing", port.Name)
		return
	}
	switch h.Type {
	case unix.ETH_P_IPV6:
		p, err := parse6(f)
		if err != nil {
			t.drop("%v", err)
			return
		}
		t.from6(port, &p)
	case unix.ETH_P_IP:
		p, err := parse4(f)
		if err != nil {
			t.drop("%v", err)
			return
		}
		t.from4(port, &p)
	case unix.ETH_P_ARP:
		a, err := parseARP(f)
		if err != nil {
			t.drop("%v", err)
			return
		}
		t.arp(port, &a)
	default:
		t.drop("only IPv6, IPv4 and ARP are carried")
	}
}

// from6 is an IPv6 packet from an instance.
func (t *turn) from6(port *Port, p *ip6) {
	fabric := t.cfg.Fabric
	var msg ndp.Message
	if p.nd() && p.ICMPType() != ipv6.ICMPTypeRedirect {
		var err error
		if msg, err = p.message(); err != nil {
			t.drop("not believed as neighbour discovery: %v", err)
			return
		}
	}
	ns, isNS := msg.(*ndp.NeighborSolicitation)
	switch {
	case p.Src.IsMulticast() || p.Src.IsLoopback():
		t.drop("%s cannot be a source address", p.Src)
		return
	case p.Src.IsUnspecified() && !p.Dst.IsMulticast():
		t.drop("the unspecified address cannot be answered")
		return
	case !fabric.Filter:
	case p.Src.IsUnspecified():
		if !isNS && !p.mld() {
			t.drop("only duplicate address detection and MLD may come from the unspecified address")
			return
		}
	case !port.assigned(p.Src):
		what := "a packet"
		if isNS {
			what = "a solicitation"
		}
		t.drop("source %s is not assigned to %s: %s from it goes nowhere and is not answered", p.Src, port.Name, what)
		return
	}
	switch m := msg.(type) {
	case *ndp.NeighborSolicitation:
		if mac, ok := linkLayer(m.Options, ndp.Source); ok && !p.Src.IsUnspecified() {
			t.learn(p.Src, t.port, mac)
		}
		t.solicited(port, p, ns)
		return
	case *ndp.NeighborAdvertisement:
		t.advertised(port, p, m)
		return
	case *ndp.RouterSolicitation:
		t.routerSolicited(p)
		return
	case *ndp.RouterAdvertisement:
		if fabric.Filter {
			t.drop("an instance may not advertise itself as a router")
			return
		}
	}
	if p.ICMPType() == ipv6.ICMPTypeRedirect && fabric.Filter {
		t.drop("an instance may not redirect others")
		return
	}
	if u, ok := p.UDP(); ok && u.Dst == wire.DHCPv6Server {
		t.dhcp(port, p, u)
		return
	} else if ok && u.Src == wire.DHCPv6Server && fabric.Filter {
		t.drop("an instance may not be a DHCPv6 server")
		return
	}
	if p.Dst.IsMulticast() {
		t.multicast6(p)
		return
	}
	t.unicast6(port, p)
}

// multicast6 is a multicast packet that neither ND nor DHCPv6 needs.
func (t *turn) multicast6(p *ip6) {
	switch {
	case p.mld() && t.cfg.Fabric.Snooping:
		if t.decide(Delivered, "the switch forgets who is a member"); t.cfg.Fabric.Querier {
			t.decide(Delivered, "the switch notes who is a member")
			t.joins(p)
		}
	case p.mld() && !t.cfg.Fabric.Multicast:
		t.decide(Delivered, "the router hears of the group and keeps no list")
		for i := range t.cfg.Routers {
			t.to(t.cfg.Routers[i].Name)
		}
	case !t.cfg.Fabric.Multicast:
		t.drop("multicast is not carried in this network, but for neighbour discovery, MLD and DHCPv6")
	default:
		t.decide(Delivered, "multicast reaches every interface that the sender does")
		t.flood()
		if p.Dst != allNodes || p.ICMPType() != ipv6.ICMPTypeEchoRequest || p.Src.IsUnspecified() {
			return
		}
		for i := range t.cfg.Routers {
			if r := &t.cfg.Routers[i]; r.AnswersEcho {
				t.to(r.Name)
				t.send(t.port, echoReply(r, r.LinkLocal(), p), r.Name+" answers an echo request to all nodes")
			}
		}
	}
}

// unicast6 is a packet to one interface.
func (t *turn) unicast6(port *Port, p *ip6) {
	if r := t.routerOfMAC(p.ether.Dst); r != nil {
		t.toRouter(r, p)
		return
	}
	q, ok := t.portOfMAC(p.ether.Dst)
	switch {
	case t.cfg.Fabric.Isolated:
		t.drop("instances are kept from each other")
	case ok && q == t.port:
		t.drop("it is addressed to its own sender")
	case t.cfg.Fabric.Filter:
		owner, mapped := t.owner(p.Dst)
		switch {
		case !mapped:
			t.drop("%s is assigned to no interface of this subnet", p.Dst)
		case !ok || owner != q:
			t.drop("%s is not at MAC %s", p.Dst, p.ether.Dst)
		default:
			t.toPort(q, p, slices.Clone(t.frame), Delivered, fmt.Sprintf("%s may send from %s, and %s has %s",
				port.Name, p.Src, t.name(q), p.Dst))
		}
	case ok:
		t.toPort(q, p, slices.Clone(t.frame), Delivered, fmt.Sprintf("the MAC is that of %s", t.name(q)))
	case p.ether.Dst[0]&1 == 1:
		t.decide(Delivered, "a multicast frame reaches every interface")
		t.flood()
	default:
		t.drop("no interface has MAC %s", p.ether.Dst)
	}
}

// toPort hands an IPv6 packet to an instance unless its security group objects.
func (t *turn) toPort(q int, p *ip6, frame []byte, v Verdict, reason string) {
	if t.cfg.Ports[q].NoEchoIn && p.ICMPType() == ipv6.ICMPTypeEchoRequest {
		t.drop("the security group of %s lets no ICMPv6 echo request in", t.name(q))
		return
	}
	t.decide(v, "%s", reason)
	t.pass(q, frame)
}

// solicited is a neighbour solicitation: for an address, or (from ::) to see that nobody has it.
func (t *turn) solicited(port *Port, p *ip6, ns *ndp.NeighborSolicitation) {
	target := ns.TargetAddress
	dad := p.Src.IsUnspecified()
	fabric := t.cfg.Fabric
	passOn := func(why string) {
		t.decide(Delivered, "%s", why)
		if t.unwanted() {
			t.drop("no port has a member of %s", p.Dst)
			return
		}
		if q, ok := t.portOfMAC(p.ether.Dst); ok && q != t.port {
			t.pass(q, slices.Clone(t.frame))
			return
		}
		t.flood()
	}
	if r := t.routerOf(target); r != nil {
		if r.Unresolvable {
			t.drop("%s answers no solicitation", r.Name)
			return
		}
		if !fabric.Proxy && !fabric.Isolated && p.ether.Dst[0]&1 == 1 {
			t.flood()
		}
		t.decide(Answered, "%s is an address of %s", target, r.Name)
		t.to(r.Name)
		t.send(t.port, neighbourAdvertisement(p, target, r.MAC, true), fmt.Sprintf("%s answers for its own address", r.Name))
		return
	}
	if fabric.LocalND && !dad && (target.IsLinkLocalUnicast() || t.cfg.Routers[0].OnLink) {
		r := &t.cfg.Routers[0]
		na := &ndp.NeighborAdvertisement{Router: true, Solicited: true, TargetAddress: target, Options: []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: r.MAC[:]}}}
		t.decide(Answered, "instances do not hear each other: %s answers for all of them", r.Name)
		t.send(t.port, buildND(p.ether.Src, r.MAC, r.LinkLocal(), p.Src, na), r.Name+" answers as a proxy")
		return
	}
	if fabric.Isolated {
		t.drop("instances are kept from each other: nobody hears who has %s", target)
		return
	}
	if !fabric.Proxy {
		passOn("the target itself is to answer")
		return
	}
	owner, ok := t.owner(target)
	switch {
	case !ok && dad:
		t.drop("%s is assigned to no interface: nobody objects, so duplicate address detection passes, which proves nothing", target)
	case !ok:
		t.drop("%s is assigned to no interface: there is no answer to give", target)
	case owner == t.port && dad:
		t.drop("%s is assigned to %s itself: nobody objects", target, port.Name)
	case owner == t.port:
		t.drop("%s is the asker's own address", target)
	default:
		t.decide(Answered, "%s is assigned to %s: the fabric answers on its behalf, whether it is up or not", target, t.name(owner))
		t.send(t.port, neighbourAdvertisement(p, target, t.cfg.Ports[owner].MAC, false),
			fmt.Sprintf("the fabric answers on behalf of %s", t.name(owner)))
	}
}

// advertised is a neighbour advertisement from an instance.
func (t *turn) advertised(port *Port, p *ip6, na *ndp.NeighborAdvertisement) {
	fabric := t.cfg.Fabric
	switch {
	case fabric.Filter && !port.assigned(na.TargetAddress):
		t.drop("%s is not assigned to %s: it may not advertise it", na.TargetAddress, port.Name)
		return
	case fabric.Proxy:
		t.drop("the fabric answers for every address itself: what instances advertise is not passed on")
		return
	}
	mac, ok := linkLayer(na.Options, ndp.Target)
	if !ok {
		mac = p.ether.Src
	}
	t.learn(na.TargetAddress, t.port, mac)
	if r := t.routerOfMAC(p.ether.Dst); r != nil && r.Deaf {
		t.drop("%s hears no advertisement of a neighbour", r.Name)
		return
	} else if r != nil {
		t.decide(Delivered, "%s learns where %s is", r.Name, na.TargetAddress)
		t.to(r.Name)
		t.resolved(r, na.TargetAddress, mac)
		return
	}
	if fabric.Isolated {
		t.drop("only a router is reached on this link")
		return
	}
	t.decide(Delivered, "an answer to whom it is addressed")
	if q, ok := t.portOfMAC(p.ether.Dst); ok && q != t.port {
		t.pass(q, slices.Clone(t.frame))
		return
	}
	t.flood()
}

// routerSolicited answers a router solicitation: to the asker, or to all nodes where it is nobody.
func (t *turn) routerSolicited(p *ip6) {
	dst, mac := p.Src, p.ether.Src
	if p.Src.IsUnspecified() {
		dst, mac = allNodes, allNodesMAC
	}
	t.drop("no router answers")
	for i := range t.cfg.Routers {
		r := &t.cfg.Routers[i]
		if r.Silent {
			continue
		}
		t.decide(Answered, "routers answer solicitations")
		t.to(r.Name)
		t.send(t.port, t.advertisement(r, dst, mac), r.Name+" answers a router solicitation")
	}
}

// arp is an ARP packet from an instance: the router's own address and, as for ND, everybody's.
func (t *turn) arp(port *Port, a *arp) {
	fabric := t.cfg.Fabric
	switch {
	case fabric.Filter && (a.senderMAC != port.MAC || a.senderIP != port.Address4 && !a.senderIP.IsUnspecified()):
		t.drop("%s at %s is not assigned to %s", a.senderIP, a.senderMAC, port.Name)
		return
	case a.op != 1 && fabric.Proxy:
		t.drop("the fabric answers ARP itself: what instances announce is not passed on")
		return
	case a.op != 1:
		t.decide(Delivered, "an ARP announcement")
		t.flood()
		return
	}
	if a.targetIP == a.senderIP {
		t.drop("an announcement: nobody objects")
		return
	}
	for i := range t.cfg.Routers {
		if r := &t.cfg.Routers[i]; r.Address4 == a.targetIP {
			t.decide(Answered, "%s is the router's address", a.targetIP)
			t.to(r.Name)
			t.send(t.port, buildARPReply(a.senderMAC, a.senderIP, r.MAC, a.targetIP), r.Name+" answers for its own address")
			return
		}
	}
	if !fabric.Proxy {
		t.decide(Delivered, "the target itself is to answer")
		t.flood()
		return
	}
	owner, ok := t.owner4(a.targetIP)
	if !ok || owner == t.port {
		t.drop("%s is assigned to no other interface", a.targetIP)
		return
	}
	t.decide(Answered, "%s is assigned to %s: the fabric answers on its behalf", a.targetIP, t.name(owner))
	t.send(t.port, buildARPReply(a.senderMAC, a.senderIP, t.cfg.Ports[owner].MAC, a.targetIP),
		fmt.Sprintf("the fabric answers on behalf of %s", t.name(owner)))
}

// from4 is an IPv4 packet from an instance. IPv4 is carried as far as the metadata service and the
// peers need it.
func (t *turn) from4(port *Port, p *ip4) {
	if t.cfg.Fabric.Filter && p.src != port.Address4 {
		t.drop("source %s is not assigned to %s", p.src, port.Name)
		return
	}
	if r := t.routerOfMAC(p.ether.Dst); r != nil {
		switch {
		case !t.service(p.dst):
			t.drop("IPv4 leads to the infrastructure's services only")
		case p.ttl <= 1:
			t.drop("TTL used up")
		default:
			t.decide(Forwarded, "routed to the infrastructure's own service")
			t.pass(BeyondPort, build4(t.cfg.Beyond.MAC, r.MAC, p.packet))
		}
		return
	}
	if t.cfg.Fabric.Isolated {
		t.drop("instances are kept from each other")
		return
	}
	if q, ok := t.portOfMAC(p.ether.Dst); ok && q != t.port && !t.cfg.Ports[q].Detached {
		t.decide(Delivered, "the MAC is that of %s", t.name(q))
		t.pass(q, slices.Clone(t.frame))
		return
	}
	if p.ether.Dst == broadcast || p.ether.Dst[0]&1 == 1 {
		if !t.cfg.Fabric.Multicast {
			t.drop("neither broadcast nor multicast is carried in this network")
			return
		}
		t.decide(Delivered, "it reaches every interface")
		t.flood()
		return
	}
	t.drop("no interface has MAC %s", p.ether.Dst)
}

// service reports whether a is one of the infrastructure's own services.
func (t *turn) service(a netip.Addr) bool {
	return slices.ContainsFunc(t.cfg.Beyond.Services, func(x netip.Prefix) bool { return x.Contains(a) })
}

// macFor returns the Ethernet destination of an answer to p.
func macFor(p *ip6, dst netip.Addr) diag.MAC {
	if dst.IsMulticast() {
		return diag.MulticastMAC(dst)
	}
	return p.ether.Src
}
