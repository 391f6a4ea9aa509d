package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mdlayher/ndp"

	"ndwhy/diag"
	"ndwhy/diag/lab/vswitch"
)

// A Scenario is a network and what is broken in it, or what merely looks so. Bases stand alone;
// faults change a base, and compose: "lan+peer-down", "no-ra+unassigned-address".
type Scenario struct {
	Name    string
	Title   string   // one sentence
	Causes  []string // what a diagnosis must name; of a fault: beside what it names of the base
	Subject string   // what the first of Causes is about, or a part of it; empty: anything
	Hides   []string // of a fault: causes of the base that nobody can tell under it
	Doubted []string // of Causes, those that one run of the checks cannot make more than possible
	Args    []string // further arguments with which `ndwhy check` sees it
	On      string   // the base that a fault breaks unless another is named; empty: this is a base
	Healthy bool     // nothing is broken, though it may look so
	Two     bool     // it is for two hosts that watch: what one alone makes of it depends on the moment

	Base  func() Spec // of a base
	Break func(*Spec) // of a fault
}

// Scenarios is every scenario: the VPC's and the LAN's, then those of other clouds, bases first.
var Scenarios = slices.Concat(scenarios, clouds)

var scenarios = []Scenario{
	{
		Name: "vpc", Base: vpc,
		Title:   "A VPC subnet of today: only assigned addresses speak, the fabric answers solicitations.",
		Causes:  []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent"},
		Healthy: true,
	},
	{
		Name: "article", Base: article,
		Title:   "The VPC of January 2017: no fe80:ec2::1, prefix::1 is nobody's, one address an instance, services over IPv4 alone.",
		Causes:  []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent", "service.imds-ipv6-off"},
		Healthy: true,
	},
	{
		Name: "lan", Base: lan,
		Title:   "A plain LAN: no filter, multicast everywhere, the router answers, no metadata service.",
		Causes:  []string{"net.open-link"},
		Healthy: true,
	},
	{
		Name: "forwarded-nd", Base: forwardedND,
		Title:   "A filtering network whose solicitations reach the target itself, as OpenStack's do.",
		Causes:  []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent"},
		Healthy: true,
	},

	{
		Name: "unassigned-address", On: "vpc",
		Title:   "Somebody added an address to ubuntu1 that nobody assigned; it is deprecated, so nothing uses it.",
		Causes:  []string{"address.unassigned"},
		Subject: neighbouring.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(neighbouring, 64), Deprecated: true})
		},
	},
	{
		Name: "unassigned-source", On: "vpc",
		Title:  "The same, and the kernel now prefers it as source towards the Internet.",
		Causes: []string{"address.unassigned", "host.source-selection"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(neighbouring, 64)})
		},
	},
	{
		Name: "temporary-source", On: "lan",
		Title:   "ubuntu1's kernel makes itself a temporary address (use_tempaddr=2) and prefers it, on a port that lets only the one made of the MAC speak.",
		Causes:  []string{"host.source-selection", "net.per-address-filter"},
		Hides:   []string{"net.open-link"},
		Subject: "2001:db8:1f16:8df0:",
		Break:   temporary("2", true),
	},
	{
		Name: "temporary-well", On: "lan", Healthy: true,
		Title: "ubuntu1's kernel makes itself a temporary address and prefers it, on a link that lets any address speak.",
		Break: temporary("2", false),
	},
	{
		Name: "temporary-unused", On: "lan", Healthy: true,
		Title:  "ubuntu1 makes itself no temporary address, on a port that lets only the one made of the MAC speak.",
		Causes: []string{"net.per-address-filter"},
		Hides:  []string{"net.open-link"},
		Break:  temporary("0", true),
	},
	{
		Name: "deprecated-own", On: "vpc",
		Title:   "ubuntu1's address is deprecated, as older cloud images leave it, and the kernel speaks from the one that its VPN has.",
		Causes:  []string{"host.source-selection"},
		Subject: "fd00:8::2",
		Break: func(s *Spec) {
			deprecated(s)
			s.ubuntu1().Tunnel = tunnel("fd00:8::/32")
		},
	},
	{
		Name: "deprecated-assigned", On: "vpc",
		Title:   "ubuntu1's address is deprecated, and somebody added another, which nobody assigned: the kernel prefers that.",
		Causes:  []string{"address.unassigned", "host.source-selection"},
		Subject: neighbouring.String(),
		Break: func(s *Spec) {
			deprecated(s)
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(neighbouring, 64)})
		},
	},
	{
		Name: "deprecated-alone", On: "vpc", Healthy: true,
		Title: "ubuntu1's address is deprecated, and there is no other: the kernel uses it all the same.",
		Break: deprecated,
	},
	{
		Name: "peer-down", On: "forwarded-nd",
		Title:  "ubuntu2 is stopped, in a network that leaves it to ubuntu2 to answer.",
		Causes: []string{"peer.unmapped"},
		Hides:  []string{"net.multicast-suppressed"},
		Break:  func(s *Spec) { s.ubuntu2().Down = true },
	},
	{
		Name: "peer-stopped", On: "vpc",
		Title:  "ubuntu2 is stopped; the fabric answers solicitations for it all the same.",
		Causes: []string{"peer.echo-blocked"},
		Break:  func(s *Spec) { s.ubuntu2().Down = true },
	},
	{
		Name: "peer-unmapped", On: "vpc",
		Title:  "ubuntu2's interface was detached: its addresses are nobody's.",
		Causes: []string{"peer.unmapped"},
		Hides:  []string{"net.multicast-suppressed"},
		Break:  func(s *Spec) { s.ubuntu2().NICs[0].Detached = true },
	},
	{
		Name: "peer-echo-blocked", On: "vpc",
		Title:  "ubuntu2's security group lets no echo request in.",
		Causes: []string{"peer.echo-blocked"},
		Break:  func(s *Spec) { s.ubuntu2().NICs[0].NoEchoIn = true },
	},
	{
		Name: "shared-address", On: "lan",
		Title:   "Somebody gave ubuntu3 the address that ubuntu1 has, and looked for no duplicates.",
		Causes:  []string{"address.duplicate"},
		Subject: ownAddress.String(),
		Break:   func(s *Spec) { s.addHost(thirdMAC).Added[0].Prefix = netip.PrefixFrom(ownAddress, 64) },
	},
	{
		Name: "peer-twice", On: "lan",
		Title:   "ubuntu2 and ubuntu3 do not hear each other, and both have taken the address of their cluster.",
		Causes:  []string{"address.duplicate"},
		Subject: peerAddress.String(),
		Break:   func(s *Spec) { s.addHost(thirdMAC).Added[0].Prefix = netip.PrefixFrom(peerAddress, 64) },
	},
	{
		Name: "isolated-ports", On: "lan",
		Title:  "The network keeps its hosts apart (a private VLAN, or an access point's client isolation): they reach the router alone.",
		Causes: []string{"peer.isolated"},
		Args:   []string{"--peer", peerAddress.String(), "--peer", lan().Hosts[1].NICs[0].LinkLocal().String(), "--peer", thirdMAC.LinkLocal().String()},
		Hides:  []string{"net.open-link"},
		Break: func(s *Spec) {
			s.Fabric.Isolated = true
			nic := &s.addHost(thirdMAC).NICs[0]
			nic.Addresses, nic.Static = []netip.Addr{thirdAddress}, []netip.Addr{thirdAddress}
		},
	},
	{
		Name: "snooping-forgets", On: "lan",
		Title:  "The switch follows multicast groups, and nobody asks for members: it has forgotten that ubuntu2 is one, whom the kernel still knows.",
		Causes: []string{"net.snooping"},
		Hides:  []string{"net.open-link"},
		Break:  snooped(false),
	},
	{
		Name: "snooping-queried", On: "lan", Healthy: true,
		Title: "The switch follows multicast groups, and has a querier.",
		Break: snooped(true),
	},
	{
		Name: "port-without-groups", On: "lan",
		Title:  "The switch passes on to ubuntu1 nothing that others send to its groups: ubuntu2 does not find it before it was told its MAC.",
		Causes: []string{"net.snooping"},
		Args:   []string{"--peer", peerAddress.String()},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].NoGroups = true },
	},
	{
		Name: "never-met", On: "lan", Healthy: true,
		Title: "ubuntu2 has never heard of one of ubuntu1's addresses, and finds it.",
		Args:  []string{"--peer", peerAddress.String()},
		Break: func(*Spec) {},
	},
	{
		Name: "cloned-mac", On: "lan",
		Title:   "ubuntu3 is a copy of ubuntu1, down to the MAC of its interface: answers go now to the one, now to the other.",
		Causes:  []string{"address.mac-duplicate"},
		Subject: "eth0",
		Break: func(s *Spec) {
			h := s.addHost(s.ubuntu1().NICs[0].MAC)
			h.NICs[0].Early = map[string]string{"stable_secret": "2001:db8::3"} // a link-local address of its own
		},
	},
	{
		Name: "peer-drops-echo", On: "lan", Two: true,
		Title:  "ubuntu2's packet filter drops the echo requests that arrive.",
		Causes: []string{"peer.echo-blocked"},
		Hides:  []string{"net.open-link"},
		Break:  peerDropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: echoRequest}),
	},
	{
		Name: "peer-drops-reply", On: "lan", Two: true,
		Title:  "ubuntu2's packet filter drops its own echo replies.",
		Causes: []string{"peer.echo-blocked"},
		Hides:  []string{"net.open-link"},
		Break:  peerDropping(Filter{Table: "inet filter", Chain: "output", Hook: "output", Type: echoReply}),
	},
	{
		Name: "peer-drops-ns", On: "lan", Two: true,
		Title:  "ubuntu2's packet filter drops the neighbour solicitations that arrive.",
		Causes: []string{"peer.unmapped"},
		Hides:  []string{"net.open-link"},
		Break:  peerDropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: neighbourSolicitation}),
	},
	{
		Name: "peer-drops-na", On: "lan", Two: true,
		Title:  "ubuntu2's packet filter drops its own neighbour advertisements.",
		Causes: []string{"peer.unmapped"},
		Hides:  []string{"net.open-link"},
		Break:  peerDropping(Filter{Table: "inet filter", Chain: "output", Hook: "output", Type: neighbourAdvert}),
	},
	{
		Name: "peer-not-configured", On: "forwarded-nd", Two: true,
		Title:  "ubuntu2 runs, and has none of the addresses that are assigned to it.",
		Causes: []string{"peer.unmapped"},
		Break: func(s *Spec) {
			nic := &s.ubuntu2().NICs[0]
			nic.DHCP, nic.Static = false, nil
		},
	},
	{
		Name: "peer-unheard", On: "lan", Two: true,
		Title:  "The switch drops everything that ubuntu2 sends.",
		Causes: []string{"peer.unmapped"},
		Hides:  []string{"net.open-link"},
		Break:  func(s *Spec) { s.ubuntu2().NICs[0].Loss = 100 },
	},
	{
		Name: "peer-lossy", On: "lan", Two: true,
		Title:  "Half of what ubuntu2 sends is lost.",
		Causes: []string{"path.lossy"},
		Break:  func(s *Spec) { s.ubuntu2().NICs[0].Loss = 50 },
	},
	{
		Name: "gateway-drops", On: "lan",
		Title:   "The gateway lets nothing through to ubuntu3, which is in another subnet.",
		Causes:  []string{"peer.echo-blocked"},
		Doubted: []string{"peer.echo-blocked"},
		Subject: otherHost.String(),
		Break: func(s *Spec) {
			s.addSubnet()
			s.Other.There = vswitch.Blackhole
		},
	},
	{
		Name: "gateway-drops-answer", On: "lan",
		Title:   "The gateway lets nothing through that ubuntu3, which is in another subnet, answers.",
		Causes:  []string{"peer.echo-blocked"},
		Doubted: []string{"peer.echo-blocked"},
		Subject: otherHost.String(),
		Break: func(s *Spec) {
			s.addSubnet()
			s.Other.Back = vswitch.Blackhole
		},
	},
	{
		Name: "two-subnets", On: "lan", Healthy: true,
		Title: "ubuntu3 is in another subnet, behind the same gateway.",
		Break: (*Spec).addSubnet,
	},
	{
		Name: "no-ra", On: "vpc",
		Title:  "The router advertises nothing and answers no router solicitation.",
		Causes: []string{"router.no-advertisement"},
		Break:  func(s *Spec) { s.router().Silent = true },
	},
	{
		Name: "not-default", On: "vpc",
		Title:  "The router advertises a lifetime of 0: it wants to be nobody's default router.",
		Causes: []string{"router.not-default"},
		Break:  func(s *Spec) { s.router().Lifetime = 0 },
	},
	{
		Name: "advertisements-lost", On: "vpc",
		Title:  "No advertisement to all nodes arrives, only answers to solicitations: ubuntu1's default route has run out.",
		Causes: []string{"router.advertisements-lost"},
		Break: func(s *Spec) {
			s.router().Every = 0
			s.ubuntu1().RanOut = true
			s.Age = max(s.Age, 6*time.Second) // so old is no link that has only just come up
		},
	},
	{
		Name: "router-unresolvable", On: "vpc",
		Title:  "The router advertises but answers no solicitation for its addresses.",
		Causes: []string{"router.unresolvable"},
		Hides:  []string{"net.router-silent"},
		Break:  func(s *Spec) { s.router().Unresolvable = true },
	},
	{
		Name: "rogue-router", On: "vpc",
		Title:   "A second router advertises itself.",
		Causes:  []string{"router.rogue"},
		Subject: rogueMAC.LinkLocal().String(),
		Break: func(s *Spec) {
			rogue := *s.router()
			rogue.Name, rogue.MAC, rogue.Addresses, rogue.Address4, rogue.Nowhere = "rogue", rogueMAC, nil, netip.Addr{}, true
			s.Routers = append(s.Routers, rogue)
		},
	},
	{
		Name: "dhcp-silent", On: "vpc",
		Title:  "The DHCPv6 server answers nothing.",
		Causes: []string{"dhcpv6.silent"},
		Break:  func(s *Spec) { s.router().DHCP.Off = true },
	},
	{
		Name: "nothing-assigned", On: "vpc",
		Title:  "The infrastructure assigned ubuntu1 no IPv6 address, and so the DHCPv6 server has none.",
		Causes: []string{"assignment.none"},
		Break:  nothingAssigned,
	},
	{
		Name: "dhcp-no-address", On: "vpc",
		Title:  "ubuntu1 is assigned an address, but the DHCPv6 server has none for it.",
		Causes: []string{"dhcpv6.no-address"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].NoLease = true },
	},
	{
		Name: "no-dhcp-client", On: "vpc",
		Title:  "No DHCPv6 client runs on ubuntu1: the address that waits for it is never asked for.",
		Causes: []string{"dhcpv6.no-client"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].DHCP = false },
	},
	{
		Name: "dhcp-client-deaf", On: "vpc",
		Title:  "A DHCPv6 client runs on ubuntu1, asks, and takes no answer.",
		Causes: []string{"dhcpv6.client-fails"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].DHCPDeaf = true },
	},
	{
		Name: "not-configured", On: "vpc",
		Title:   "A second address is assigned to ubuntu1, and nobody told its kernel: DHCPv6 leases only the first.",
		Causes:  []string{"address.not-configured"},
		Subject: furtherAddress.String(),
		Break: func(s *Spec) {
			nic := &s.ubuntu1().NICs[0]
			nic.Addresses = append(nic.Addresses, furtherAddress)
		},
	},
	{
		Name: "duplicate", On: "vpc",
		Title:   "Somebody gave ubuntu1 the address of ubuntu2: duplicate address detection found it out.",
		Causes:  []string{"address.duplicate"},
		Subject: peerAddress.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(peerAddress, 64), DAD: true})
		},
	},
	{
		Name: "dad-loop", On: "lan",
		Title:   "The switch sends ubuntu1's own question back to it, and its kernel takes that for somebody who has its address.",
		Causes:  []string{"address.looped-back"},
		Subject: furtherAddress.String(),
		Break: func(s *Spec) {
			s.Fabric.Hairpin = true
			h := s.ubuntu1()
			h.NICs[0].early("enhanced_dad", "0")
			h.NICs[0].early("ipv6/conf/all/enhanced_dad", "0")
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(furtherAddress, 64), DAD: true})
		},
	},
	{
		Name: "group-not-joined", On: "lan",
		Title:   "ubuntu1 got a second address while its interface looked for no neighbours, and its kernel never joined the group of it.",
		Causes:  []string{"host.group-not-joined"},
		Subject: furtherAddress.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.NICs[0].Addresses = append(h.NICs[0].Addresses, furtherAddress)
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(furtherAddress, 128), Deprecated: true, Unjoined: true})
		},
	},
	{
		Name: "address-taken", On: "lan",
		Title:   "While ubuntu1 is without its address, ubuntu2 has taken it and answers for it.",
		Causes:  []string{"address.duplicate", "dhcpv6.no-client"},
		Subject: ownAddress.String(),
		Break: func(s *Spec) {
			s.ubuntu1().NICs[0].DHCP = false
			h := s.ubuntu2()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(ownAddress, 64)})
		},
	},
	{
		Name: "wrong-interface", On: "vpc",
		Title:   "The address of ubuntu1's second interface is configured on the first.",
		Causes:  []string{"address.wrong-interface"},
		Subject: secondENI.String(),
		Break: func(s *Spec) {
			s.addENI().Static = nil
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(secondENI, 128), Deprecated: true})
		},
	},
	{
		Name: "expiring", On: "vpc",
		Title:   "ubuntu1's DHCPv6 client died 16 s ago (so long this lab takes to boot): nobody renews the lease.",
		Causes:  []string{"address.expiring"},
		Subject: ownAddress.String(),
		Break: func(s *Spec) {
			s.ubuntu1().NICs[0].DHCPOnce = true
			s.router().DHCP = vswitch.DHCP{Preferred: 20 * time.Second, Valid: 60 * time.Second}
			// Renewal is due at half, and overdue at 0.8 of the preferred lifetime (RFC 8415 §21.4).
			s.Age = max(s.Age, 16200*time.Millisecond)
		},
	},
	{
		Name: "reserved-address", On: "vpc",
		Title:   "Somebody gave ubuntu1 one of the addresses that the VPC keeps for itself.",
		Causes:  []string{"address.reserved"},
		Subject: reservedAddress.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(reservedAddress, 64), Deprecated: true})
		},
	},
	{
		Name: "stable-privacy", On: "vpc",
		Title:   "ubuntu1 makes its link-local address by RFC 7217, not from the MAC: the network drops what it sends.",
		Causes:  []string{"address.link-local-not-eui64"},
		Hides:   []string{"net.multicast-suppressed"}, // all nodes are asked from that address
		Subject: "fe80::",
		Break:   private,
	},
	{
		Name: "port-security", On: "lan",
		Title:   "ubuntu1's link-local address is not made of its MAC, on a port that lets no other speak, in a network that is no VPC.",
		Causes:  []string{"address.link-local-not-eui64", "net.per-address-filter"},
		Hides:   []string{"net.open-link"},
		Subject: "fe80::",
		Break: func(s *Spec) {
			s.Fabric.Filter = true
			private(s)
		},
	},
	{
		Name: "changed-mac", On: "lan",
		Title:   "Somebody gave ubuntu1's interface another MAC address, and its port accepts the old one alone.",
		Causes:  []string{"path.unheard"},
		Hides:   everything,
		Subject: "eth0",
		Break: func(s *Spec) {
			s.Fabric.Filter = true
			nic := &s.ubuntu1().NICs[0]
			nic.Guest = mac("02:42:ac:11:00:02")
			nic.DHCP, nic.Static = false, nic.Addresses // the lease is from before
		},
	},
	{
		Name: "same-mac", On: "lan",
		Title:  "ubuntu2 was cloned from ubuntu1, MAC address and all.",
		Causes: []string{"address.mac-duplicate"},
		Break: func(s *Spec) {
			nic := &s.ubuntu2().NICs[0]
			nic.Guest = s.ubuntu1().NICs[0].MAC
			nic.early("stable_secret", "2001:db8::2") // else it would have the link-local address too
		},
	},
	{
		Name: "route-missing", On: "vpc",
		Title:  "networkd acts on ubuntu1's advertisements and is told to make no default route of them (UseGateway=no).",
		Causes: []string{"route.missing"},
		Break:  func(s *Spec) { s.ubuntu1().Networkd = &Networkd{NoGateway: true} },
	},
	{
		Name: "internet-down", On: "vpc",
		Title:  "Nothing beyond the router answers: no route leads to the Internet.",
		Causes: []string{"path.beyond-router"},
		Break:  func(s *Spec) { s.Internet.Reach = vswitch.Blackhole },
	},
	{
		Name: "internet-refused", On: "vpc",
		Title:  "Beyond the router packets are refused as administratively prohibited.",
		Causes: []string{"path.refused"},
		Break:  func(s *Spec) { s.Internet.Reach = vswitch.Refused },
	},
	{
		Name: "no-nat64", On: "vpc",
		Title:  "The subnet's route table has no way to a NAT64 translator: IPv6 hosts answer, IPv4 hosts by way of 64:ff9b::/96 do not.",
		Causes: []string{"path.nat64-missing"},
		Args:   []string{"--internet", internetHost.String() + "," + ipv4Host.String()},
		Break:  func(*Spec) {},
	},
	{
		Name: "nat64", On: "vpc", Healthy: true,
		Title: "A NAT64 translator stands on the way out, and IPv4 hosts are reached by way of 64:ff9b::/96.",
		Args:  []string{"--internet", internetHost.String() + "," + ipv4Host.String()},
		Break: func(s *Spec) { s.Internet.NAT64 = true },
	},
	{
		Name: "no-echo-out", On: "vpc",
		Title:  "The subnet's access list lets no echo request out; connections to the Internet work.",
		Causes: []string{"path.icmp-blocked"},
		Break:  func(s *Spec) { s.Internet.NoEcho = true },
	},
	{
		Name: "tcp-reset-here", On: "vpc",
		Title:  "ubuntu1's packet filter refuses what connects out, by a reset that looks like the other host's.",
		Causes: []string{"host.firewall"},
		Break:  dropping(Filter{Table: "ip6 filter", Chain: "OUTPUT", Hook: "output", Pass: []Pass{{Tracked: true}}, Reject: byReset}),
	},
	{
		Name: "tcp-refused-here", On: "vpc",
		Title:  "ubuntu1's packet filter refuses what connects out, and says that the port is unreachable.",
		Causes: []string{"host.firewall"},
		Break:  dropping(Filter{Table: "inet filter", Chain: "output", Hook: "output", Pass: []Pass{{Tracked: true}}, Reject: byUnreachable}),
	},
	{
		Name: "internet-is-here", On: "vpc",
		Title:  "A route of the type local, as a transparent proxy sets it, makes ubuntu1 answer its own packets to the Internet.",
		Causes: []string{"host.routing"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{NIC: "lo", Dst: netip.PrefixFrom(internetHost, 32).Masked(), Local: true})
		},
	},
	{
		Name: "web-out-alone", On: "vpc", Healthy: true,
		Title: "ubuntu1's packet filter refuses what connects out, but to the ports of the web.",
		Break: dropping(Filter{Table: "ip6 filter", Chain: "OUTPUT", Hook: "output", Pass: []Pass{{Tracked: true}, {TCP: 443}, {TCP: 80}}, Reject: byReset}),
	},
	{
		Name: "no-tcp-out", On: "vpc",
		Title:  "The subnet's access list lets no TCP out, and echo.",
		Causes: []string{"path.tcp-blocked"},
		Break:  func(s *Spec) { s.Internet.NoTCP = true },
	},
	{
		Name: "tcp-reset-out", On: "vpc",
		Title:  "A firewall at the router resets ubuntu1's connections to the Internet, in the name of whom they are for, and lets echo through.",
		Causes: []string{"path.tcp-blocked"},
		Break:  func(s *Spec) { s.Internet.ResetTCP = true },
	},
	{
		Name: "mtu-blackhole", On: "vpc",
		Title:  "Large packets to the Internet vanish without a Packet Too Big.",
		Causes: []string{"path.mtu"},
		Break:  func(s *Spec) { s.Internet.MTU, s.Internet.NoPTB = 1400, true },
	},
	{
		Name: "mtu-of-device", On: "lan",
		Title:  "The virtual cable of ubuntu1's interface carries less than its MTU at the other end.",
		Causes: []string{"path.mtu"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].FarMTU = 1400 },
	},
	{
		Name: "lossy", On: "vpc",
		Title:  "30 % of what ubuntu1 sends is lost.",
		Causes: []string{"path.lossy"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].Loss = 30 },
	},
	{
		Name: "wrong-neighbour", On: "vpc",
		Title:  "ubuntu1 has a permanent neighbour entry with a wrong MAC for ubuntu2.",
		Causes: []string{"host.neighbour-override"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Neighbours = append(h.Neighbours, Neighbour{"eth0", s.ubuntu2().NICs[0].Addresses[0], mac("06:00:5e:00:53:99"), diag.PermanentNUD})
		},
	},
	{
		Name: "stale-neighbour", On: "lan",
		Title:   "ubuntu2 failed over to another machine without a word; ubuntu1's kernel still has the old MAC for its address.",
		Causes:  []string{"neighbour.stale-lladdr"},
		Subject: peerAddress.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Neighbours = append(h.Neighbours, Neighbour{"eth0", peerAddress, wrongMAC, diag.Stale})
		},
	},
	{
		Name: "stale-router", On: "lan",
		Title:   "The router's address moved to another machine without a word; ubuntu1's kernel still has the old one's MAC.",
		Causes:  []string{"neighbour.stale-lladdr"},
		Subject: mac("06:fd:d1:c8:f9:cf").LinkLocal().String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Neighbours = append(h.Neighbours, Neighbour{"eth0", s.router().LinkLocal(), wrongMAC, diag.Stale})
		},
	},
	{
		Name: "stale-gateway", On: "lan",
		Title:   "The same, and the router never advertises itself: ubuntu1's route and address were written down.",
		Causes:  []string{"neighbour.stale-lladdr"},
		Subject: mac("06:fd:d1:c8:f9:cf").LinkLocal().String(),
		Break: func(s *Spec) {
			static(64)(s)
			s.router().Silent = true
			for i := range s.Hosts {
				h := &s.Hosts[i]
				h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: s.router().LinkLocal()})
			}
			h := s.ubuntu1()
			h.Neighbours = append(h.Neighbours, Neighbour{"eth0", s.router().LinkLocal(), wrongMAC, diag.Stale})
		},
	},
	{
		Name: "forwarding", On: "vpc",
		Title:  "Forwarding was switched on in ubuntu1, as containers and VPNs do: its kernel ignores advertisements.",
		Causes: []string{"router.advertisement-ignored"},
		Hides:  []string{"net.per-address-filter", "net.open-link"},
		Break:  func(s *Spec) { s.ubuntu1().set("ipv6/conf/all/forwarding", "1") },
	},
	{
		Name: "ipv6-disabled", On: "vpc",
		Title:  "IPv6 is disabled on ubuntu1's interface.",
		Causes: []string{"host.ipv6-disabled"},
		Hides:  everything,
		Break:  func(s *Spec) { s.ubuntu1().set("ipv6/conf/eth0/disable_ipv6", "1") },
	},
	{
		Name: "arp-off", On: "vpc",
		Title:  "Somebody told ubuntu1's kernel to look for no neighbours on its interface (ip link set dev eth0 arp off).",
		Causes: []string{"host.discovery-off"},
		Hides:  []string{"net.multicast-suppressed", "net.router-silent"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].NoARP = true },
	},
	{
		Name: "loopback-down", On: "vpc",
		Title:   "ubuntu1's loopback interface is down, as in a namespace that somebody made by hand.",
		Causes:  []string{"host.loopback-down"},
		Subject: "lo",
		Break:   func(s *Spec) { s.ubuntu1().NoLoopback = true },
	},
	{
		Name: "loopback-bare", On: "vpc",
		Title:   "Somebody deleted ::1 from ubuntu1's loopback interface.",
		Causes:  []string{"host.loopback-down"},
		Subject: "lo",
		Break:   func(s *Spec) { s.ubuntu1().NoLocalhost = true },
	},
	{
		Name: "loopback-more", On: "vpc", Healthy: true,
		Title: "ubuntu1's loopback interface has an address beside ::1, as of hosts that speak a routing protocol.",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "lo", Prefix: netip.MustParsePrefix("fd00:10::1/128")})
		},
	},
	{
		Name: "local-last", On: "lan",
		Title:  "Somebody moved the policy rule for ubuntu1's own addresses (table local) behind the others: it takes nothing that comes for them.",
		Causes: []string{"host.routing"},
		Break:  func(s *Spec) { s.ubuntu1().LocalLast = true },
	},
	{
		Name: "bridged", On: "lan",
		Title:   "Somebody made ubuntu1's interface a port of a bridge, and left its addresses and routes on it.",
		Causes:  []string{"host.address-on-port"},
		Subject: "eth0",
		Break:   func(s *Spec) { s.ubuntu1().NICs[0].Bridge = &Bridge{Name: "br9"} },
	},
	{
		Name: "bridged-well", On: "lan", Healthy: true,
		Title: "ubuntu1's interface is a port of a bridge, which has its addresses and routes.",
		Break: func(s *Spec) { s.ubuntu1().NICs[0].Bridge = &Bridge{Name: "br9", Along: true} },
	},
	{
		Name: "link-down", On: "vpc",
		Title:  "ubuntu1's interface is down.",
		Causes: []string{"host.link-down"},
		Hides:  everything,
		Break:  func(s *Spec) { s.ubuntu1().Down = true },
	},
	{
		Name: "ns-dropped", On: "vpc",
		Title:   "A rule of ubuntu1's packet filter drops the neighbour solicitations that leave.",
		Causes:  []string{"host.firewall"},
		Subject: "inet filter output: icmpv6 type nd-neighbor-solicit",
		Break:   dropping(Filter{Table: "inet filter", Chain: "output", Hook: "output", Type: neighbourSolicitation}),
	},
	{
		Name: "na-dropped", On: "vpc",
		Title:   "A rule of ubuntu1's packet filter drops the neighbour advertisements that arrive.",
		Causes:  []string{"host.firewall"},
		Subject: "ip6 filter INPUT: icmpv6 type nd-neighbor-advert",
		Break:   dropping(Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Type: neighbourAdvert}),
	},
	{
		Name: "echo-reply-dropped", On: "vpc",
		Title:   "A rule of ubuntu1's packet filter drops the echo replies that arrive.",
		Causes:  []string{"host.firewall"},
		Subject: "inet filter input: icmpv6 type echo-reply",
		Break:   dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: echoReply}),
	},
	{
		Name: "echo-request-dropped", On: "vpc",
		Title:   "A rule of ubuntu1's packet filter drops the echo requests that leave.",
		Causes:  []string{"host.firewall"},
		Subject: "ip6 filter OUTPUT: icmpv6 type echo-request",
		Break:   dropping(Filter{Table: "ip6 filter", Chain: "OUTPUT", Hook: "output", Type: echoRequest}),
	},
	{
		Name: "egress-hook", On: "vpc",
		Title:   "A policy agent drops echo requests at ubuntu1's egress, below the packet filter.",
		Causes:  []string{"host.egress-hook"},
		Subject: "netdev agent egress: icmpv6 type echo-request",
		Hides:   []string{"net.multicast-suppressed", "net.router-silent"},
		Break:   dropping(Filter{Table: "netdev agent", Chain: "egress", Hook: "egress", NIC: "eth0", Type: echoRequest}),
	},
	{
		Name: "swallowed", On: "lan",
		Title:   "The queueing discipline of ubuntu1's interface throws away all that leaves, and says nothing (tc qdisc add ... blackhole).",
		Causes:  []string{"host.egress-hook"},
		Subject: "eth0",
		Hides:   []string{"net.open-link"},
		Break:   func(s *Spec) { s.ubuntu1().NICs[0].Queue = "blackhole" },
	},
	{
		Name: "queued", On: "lan", Healthy: true,
		Title: "Somebody chose another queueing discipline for ubuntu1's interface.",
		Break: func(s *Spec) { s.ubuntu1().NICs[0].Queue = "pfifo" },
	},
	{
		Name: "solicitations-dropped", On: "lan",
		Title:   "The rules of ubuntu1 let answers in, and what nobody there asked for only by name: no solicitations.",
		Causes:  []string{"host.firewall"},
		Subject: "ip6 filter INPUT: policy drop",
		Break: dropping(Filter{
			Table: "ip6 filter", Chain: "INPUT", Hook: "input",
			Pass: []Pass{{}, {Tracked: true}, {Type: neighbourAdvert}, {Type: routerAdvert}, {Type: echoRequest}, {UDP: toDHCPClient}, {TCP: ssh}},
		}),
	},
	{
		Name: "mld-dropped", On: "lan",
		Title:   "A rule of ubuntu1's packet filter drops the multicast listener reports that leave.",
		Causes:  []string{"host.firewall"},
		Subject: "ip6 filter OUTPUT: icmpv6 type mld2-listener-report",
		Break:   dropping(Filter{Table: "ip6 filter", Chain: "OUTPUT", Hook: "output", Type: listenerReport}),
	},
	{
		Name: "dhcp-reply-dropped", On: "vpc",
		Title:   "The rules of ubuntu1 came after its lease, and let no DHCPv6 server's answer in: it cannot be renewed.",
		Causes:  []string{"host.firewall"},
		Subject: "inet filter input: policy drop",
		Break: dropping(Filter{
			Table: "inet filter", Chain: "input", Hook: "input", Pass: []Pass{{}, {Tracked: true}, {ICMPv6: true}, {TCP: ssh}},
		}),
	},
	{
		Name: "ra-dropped", On: "vpc",
		Title:   "A rule of ubuntu1's packet filter drops the routers' advertisements; the default route is still there.",
		Causes:  []string{"host.firewall"},
		Subject: "inet filter input: icmpv6 type nd-router-advert",
		Break:   dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: routerAdvert}),
	},
	{
		Name: "too-big-dropped", On: "vpc",
		Title:   "A rule of ubuntu1's packet filter drops what says that a packet is too big for the way.",
		Causes:  []string{"host.firewall"},
		Subject: "inet filter input: icmpv6 type packet-too-big",
		Break:   dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: packetTooBig}),
	},
	{
		Name: "answers-dropped", On: "vpc",
		Title:   "The rules of ubuntu1 let ICMPv6 and a lease in, and forgot the answers to what it asks by TCP and UDP.",
		Causes:  []string{"host.firewall"},
		Subject: "ip6 filter INPUT: policy drop",
		Break: dropping(Filter{
			Table: "ip6 filter", Chain: "INPUT", Hook: "input", Pass: []Pass{{}, {ICMPv6: true}, {UDP: toDHCPClient}, {TCP: ssh}},
		}),
	},
	{
		Name: "tcp-kept-in", On: "vpc",
		Title:   "The rules of ubuntu1 let ICMPv6 and some UDP out, and no connection.",
		Causes:  []string{"host.firewall"},
		Subject: "ip6 filter OUTPUT: policy drop",
		Break: dropping(Filter{
			Table: "ip6 filter", Chain: "OUTPUT", Hook: "output",
			Pass: []Pass{{ICMPv6: true}, {UDP: toDHCPServer}, {UDP: toDNS}, {UDP: toNTP}},
		}),
	},
	{
		Name: "answers-invalid", On: "vpc",
		Title:   "ubuntu1 takes what it sends out of connection tracking, not what it gets, and a rule drops what tracking does not know: all answers.",
		Causes:  []string{"host.firewall"},
		Subject: "inet filter input: ct state invalid",
		Break: func(s *Spec) {
			dropping(Filter{Table: "inet raw", Chain: "output", Hook: "output", Untracks: true})(s)
			dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Invalid: true})(s)
		},
	},
	{
		Name: "invalid-dropped", On: "vpc", Healthy: true,
		Title: "A rule of ubuntu1 drops what connection tracking does not know, as many firewalls do.",
		Break: dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Invalid: true}),
	},
	{
		Name: "unreadable-rule", On: "vpc",
		Title:  "Something in ubuntu1 drops the echo replies that arrive, and reading its rules does not tell what.",
		Causes: []string{"host.firewall"},
		Break:  dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: echoReply, Opaque: true}),
	},
	{
		Name: "unreadable-rule-in", On: "lan",
		Title:  "Something in ubuntu1 drops the solicitations that come for it, and reading its rules does not tell what.",
		Causes: []string{"host.firewall"},
		Break:  dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: neighbourSolicitation, Opaque: true}),
	},
	{
		Name: "ipsec-blocks", On: "vpc",
		Title:   "A policy of IPsec in ubuntu1 blocks the echo requests that it sends.",
		Causes:  []string{"host.firewall"},
		Subject: "ipsec policy out",
		Break:   dropping(Filter{Hook: "output", Type: echoRequest, IPsec: true}),
	},
	{
		Name: "ipsec-elsewhere", On: "vpc", Healthy: true,
		Title: "A policy of IPsec in ubuntu1 blocks the echo requests to a host that nobody asks.",
		Break: dropping(Filter{Hook: "output", Type: echoRequest, IPsec: true, To: caller}),
	},
	{
		Name: "one-target-dropped", On: "vpc",
		Title:   "A rule in ubuntu1 drops the echo requests to ubuntu2 alone.",
		Causes:  []string{"host.firewall"},
		Subject: "inet filter output",
		Break:   dropping(Filter{Table: "inet filter", Chain: "output", Hook: "output", Type: echoRequest, To: peerAddress}),
	},
	{
		Name: "other-target-dropped", On: "vpc", Healthy: true,
		Title: "A rule in ubuntu1 drops the echo requests to a host that nobody asks.",
		Break: dropping(Filter{Table: "inet filter", Chain: "output", Hook: "output", Type: echoRequest, To: caller}),
	},
	{
		Name: "unreachable-route", On: "vpc",
		Title:   "An unreachable route in ubuntu1 refuses what lies around the Internet host.",
		Causes:  []string{"host.routing"},
		Subject: "unreachable 3fff:7f8::/32",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{Dst: netip.PrefixFrom(s.Internet.Host, 32), Refuse: true})
		},
	},
	{
		Name: "rule-refuses", On: "vpc",
		Title:   "A policy rule in ubuntu1 refuses what it sends from its own address.",
		Causes:  []string{"host.routing"},
		Subject: "unreachable",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Policies = append(h.Policies, Policy{From: netip.PrefixFrom(ownAddress, 128), Refuse: true})
		},
	},
	{
		Name: "rule-refuses-others", On: "vpc", Healthy: true,
		Title: "A policy rule in ubuntu1 refuses what others would send by way of it.",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Policies = append(h.Policies, Policy{From: netip.PrefixFrom(podAddress, 128), Refuse: true})
		},
	},
	{
		Name: "wrong-gateway", On: "vpc",
		Title:  "Somebody gave ubuntu1 a default route through ubuntu2, which is no router.",
		Causes: []string{"host.routing"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: s.ubuntu2().NICs[0].LinkLocal(), Metric: 512})
		},
	},
	{
		Name: "no-gateway", On: "vpc",
		Title:  "Somebody gave ubuntu1 a default route that names no router: the kernel takes every host for a neighbour.",
		Causes: []string{"host.routing"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Metric: 512})
		},
	},
	{
		Name: "no-policy-routing", On: "vpc",
		Title:   "ubuntu1 has a second interface, and what is sent from its address leaves by the first.",
		Causes:  []string{"host.routing"},
		Subject: secondENI.String(),
		Break: func(s *Spec) {
			s.addENI()
			h := s.ubuntu1()
			const metric = 2000 // the first interface's is better
			h.Routes = append(h.Routes,
				Route{NIC: "eth1", Dst: netip.MustParsePrefix("::/0"), Via: s.router().LinkLocal(), Metric: metric},
				Route{NIC: "eth1", Dst: s.Subnet, Metric: metric})
		},
	},
	{
		Name: "vpn-takes-default", On: "vpc",
		Title:   "A VPN on ubuntu1 takes everything (wg-quick with AllowedIPs = ::/0), and its other end has no IPv6.",
		Causes:  []string{"host.routing"},
		Subject: "wg0",
		Break:   func(s *Spec) { s.ubuntu1().Tunnel = tunnel("::/0") },
	},
	{
		Name: "led-away", On: "lan",
		Title:   "A policy rule on ubuntu1 leads all TCP into a VPN whose other end has no IPv6.",
		Causes:  []string{"host.routing"},
		Subject: "ipproto 6",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Tunnel = tunnel("::/0")
			h.Tunnel.Unruled = true
			h.Policies = append(h.Policies, Policy{TCP: true, Table: h.Tunnel.Table})
		},
	},
	{
		Name: "led-well", On: "lan", Healthy: true,
		Title: "A policy rule on ubuntu1 looks all TCP up in a table of its own, which leads out by the router as well.",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			const table = 99
			h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: s.router().LinkLocal(), Table: table})
			h.Policies = append(h.Policies, Policy{TCP: true, Table: table})
		},
	},
	{
		Name: "second-default", On: "lan",
		Title:   "ubuntu1's second interface, attached to nothing any more, has a default route that the kernel prefers.",
		Causes:  []string{"host.routing"},
		Subject: "eth1",
		Args:    []string{"-i", "eth0"},
		Break: func(s *Spec) {
			nic := s.addENI()
			nic.Detached, nic.Addresses = true, nil
			h := s.ubuntu1()
			// A way that leads nowhere is tried by applications as soon as its gateway is known.
			h.Neighbours = append(h.Neighbours, Neighbour{"eth1", s.router().LinkLocal(), s.router().MAC, diag.Stale})
			h.Routes = append(h.Routes, Route{NIC: "eth1", Dst: netip.MustParsePrefix("::/0"), Via: s.router().LinkLocal(), Metric: 100})
		},
	},
	{
		Name: "short-prefix", On: "lan",
		Title:   "ubuntu1's address was written with /32: it takes the Internet host, which is in that, for a neighbour.",
		Causes:  []string{"host.routing"},
		Subject: "2001:db8::/32",
		Break:   static(32),
	},
	{
		Name: "not-on-link", On: "lan",
		Title:   "The network says that no prefix is on the link, and ubuntu1's address was written with /64: it seeks its peers there.",
		Causes:  []string{"host.routing"},
		Subject: "2001:db8:1f16:8df0::/64",
		Hides:   []string{"net.open-link"},
		Break:   unannounced(64),
	},
	{
		Name: "router-died", On: "lan",
		Title:   "The router died without a word and another took over; ubuntu1 still has a default route by the first.",
		Causes:  []string{"router.unresolvable"},
		Subject: mac("06:fd:d1:c8:f9:cf").LinkLocal().String(),
		Break: func(s *Spec) {
			old := s.router().LinkLocal()
			s.addRouter()
			s.RouterDies = true
			for i := range s.Hosts {
				// Their kernels have noticed.
				s.Hosts[i].Neighbours = append(s.Hosts[i].Neighbours, Neighbour{"eth0", old, diag.MAC{}, diag.Failed})
			}
		},
	},
	{
		Name: "ula-only", On: "lan",
		Title:  "The router announces a unique-local prefix alone, and translates nothing: no answer from the Internet finds back.",
		Causes: []string{"assignment.none"},
		Break:  uniqueLocal(false),
	},
	{
		Name: "moved-address", On: "lan",
		Title:   "ubuntu1's address is on another device of it, where a network plugin moved it: the router asks for it in vain.",
		Causes:  []string{"address.not-configured"},
		Subject: ownAddress.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.NICs[0].DHCP = false
			h.Pod = &Pod{Address: podAddress, Gateway: ownAddress}
		},
	},
	{
		Name: "router-asks-again", On: "lan",
		Title:   "What ubuntu1 answers the router's solicitations never reaches the router: it asks again and again, and forwards nothing.",
		Causes:  []string{"router.asks-again"},
		Subject: ownAddress.String(),
		Break:   func(s *Spec) { s.router().Deaf = true },
	},
	{
		Name: "redirected", On: "lan",
		Title:   "The router redirects what goes to the Internet host to a neighbour that is not there.",
		Causes:  []string{"router.redirects"},
		Subject: internetHost.String(),
		Break:   redirecting,
	},
	{
		Name: "no-way-back", On: "vpc",
		Title:  "A host beyond the router pings ubuntu1, which has an unreachable route for where that is.",
		Causes: []string{"host.inbound-unanswered"},
		Break: func(s *Spec) {
			s.called(0)
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{Dst: netip.PrefixFrom(caller, 32).Masked(), Refuse: true})
		},
	},
	{
		Name: "vpn-without-proxy", On: "lan",
		Title:   "A VPN's client behind ubuntu1 has an address of the LAN, and nobody there answers for it.",
		Causes:  []string{"host.proxy-missing", "host.forwards-unassigned"},
		Hides:   []string{"net.open-link"},
		Subject: vpnClient.String(),
		Break:   func(s *Spec) { s.addClient() },
	},
	{
		Name: "pod-without-nat", On: "vpc",
		Title:  "A container behind ubuntu1 speaks with its own address: nobody assigned it, and nothing translates it.",
		Causes: []string{"host.forwards-unassigned"},
		Hides:  []string{"net.per-address-filter"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Pod = &Pod{Address: podAddress, Gateway: netip.MustParseAddr("fd00:10:244::1")}
			h.forwards()
		},
	},
	{
		Name: "imds-ipv6-off", On: "vpc",
		Title:  "The metadata service's IPv6 endpoint is off, as it is unless somebody switches it on.",
		Causes: []string{"service.imds-ipv6-off"}, Healthy: true,
		Break: func(s *Spec) { s.Metadata.NoIPv6 = true },
	},
	{
		Name: "dns-down", On: "vpc",
		Title:   "The resolver of the VPC answers nothing.",
		Causes:  []string{"service.unreachable"},
		Subject: dns6.String(),
		Break:   func(s *Spec) { s.Metadata.NoDNS = true },
	},
	{
		Name: "ntp-down", On: "vpc",
		Title:   "The time server of the VPC answers nothing.",
		Causes:  []string{"service.unreachable"},
		Subject: ntp6.String(),
		Break:   func(s *Spec) { s.Metadata.NoNTP = true },
	},
	{
		Name: "name-server-dead", On: "lan",
		Title:   "The name server that the router announces (RDNSS) answers nothing.",
		Causes:  []string{"service.unreachable"},
		Subject: resolver.String(),
		Break:   func(s *Spec) { s.announceResolver(); s.Internet.NoDNS = true },
	},
	{
		Name: "name-server-refuses", On: "lan",
		Title:   "The name server that the router announces (RDNSS) looks no names up for this network.",
		Causes:  []string{"service.unreachable"},
		Subject: resolver.String(),
		Break:   func(s *Spec) { s.announceResolver(); s.Internet.RefusesDNS = true },
	},
	{
		Name: "name-server-nobody", On: "lan",
		Title:   "The name server that the router announces (RDNSS) is an address of the link that nobody has.",
		Causes:  []string{"service.unreachable"},
		Subject: nobody.String(),
		Break:   func(s *Spec) { s.router().NameServers = []netip.Addr{nobody} },
	},
	{
		Name: "name-server-well", On: "lan", Healthy: true,
		Title: "The router announces a name server (RDNSS), which answers.",
		Break: func(s *Spec) { s.announceResolver() },
	},

	{
		Name: "dns64-nowhere", On: "lan",
		Title:  "The name server makes up addresses for IPv4 hosts (DNS64), and no translator stands on the way to them.",
		Causes: []string{"path.nat64-missing"},
		Break:  func(s *Spec) { s.announceResolver(); s.Internet.DNS64 = true },
	},
	{
		Name: "dns64-well", On: "lan", Healthy: true,
		Title: "The name server makes up addresses for IPv4 hosts (DNS64), and a translator answers for them.",
		Break: func(s *Spec) { s.announceResolver(); s.Internet.DNS64, s.Internet.NAT64 = true, true },
	},

	{
		Name: "dad-off", On: "vpc", Healthy: true,
		Title: "Duplicate address detection is off in ubuntu1, as on Amazon Linux 2023.",
		Break: func(s *Spec) { s.ubuntu1().set("ipv6/conf/eth0/accept_dad", "0") },
	},
	{
		Name: "networkd", On: "vpc", Healthy: true,
		Title: "systemd-networkd acts on ubuntu1's advertisements, and so the kernel does not (accept_ra=0).",
		Break: func(s *Spec) { s.ubuntu1().Networkd = &Networkd{} },
	},
	{
		Name: "router-no-echo", On: "lan", Healthy: true,
		Title:  "The router of a LAN answers no echo requests.",
		Causes: []string{"net.router-silent"},
		Break:  func(s *Spec) { s.router().AnswersEcho = false },
	},
	{
		Name: "backup-router", On: "lan", Healthy: true,
		Title: "A second router of a LAN advertises itself with low preference, in case the first fails.",
		Break: func(s *Spec) {
			s.addRouter().Preference = ndp.Low
		},
	},
	{
		Name: "flood-solicitations", On: "lan",
		Title:  "A machine on the link sends thousands of neighbour solicitations and advertisements a second.",
		Causes: []string{"link.flood"},
		Break:  chattering(vswitch.Chatter{Type: diag.NS, PerSecond: 3000, Hosts: 400}, vswitch.Chatter{Type: diag.NA, PerSecond: 1000, Hosts: 400}),
	},
	{
		Name: "flood-routers", On: "lan",
		Title:  "A machine on the link makes up routers and advertises hundreds of them a second.",
		Causes: []string{"link.flood"},
		Break:  chattering(vswitch.Chatter{Type: diag.RA, PerSecond: 300, Hosts: 200}),
	},
	{
		Name: "spoofed-advertisements", On: "lan", Healthy: true,
		Title:  "Somebody sends neighbour advertisements from beyond the link: their hop limit says so.",
		Causes: []string{"link.spoofed"},
		Break:  chattering(vswitch.Chatter{Type: diag.NA, PerSecond: 100, Hosts: 20, HopLimit: 64}),
	},
	{
		Name: "busy-link", On: "lan", Healthy: true,
		Title: "Hundreds of hosts on the link look for one another all the time.",
		Break: chattering(vswitch.Chatter{Type: diag.NS, PerSecond: 200, Hosts: 500}, vswitch.Chatter{Type: diag.NA, PerSecond: 100, Hosts: 500}),
	},
	{
		Name: "two-routers", On: "lan", Healthy: true,
		Title:  "Two routers of a LAN advertise themselves and the same prefix, and either will do.",
		Causes: []string{"router.rogue"},
		Break:  func(s *Spec) { s.addRouter() },
	},
	{
		Name: "proxied-twice", On: "lan", Healthy: true,
		Title: "ubuntu3 answers for ubuntu2's address as a proxy does, and ubuntu2 itself does too.",
		Break: func(s *Spec) {
			h := s.addHost(thirdMAC)
			h.Proxies = []netip.Addr{peerAddress}
			h.forwards()
			h.Sysctls["ipv6/neigh/eth0/proxy_delay"] = "0"
			h.Filters = append(h.Filters, Filter{Table: "inet filter", Chain: "output", Hook: "output", Type: redirectMessage}) // or it would tell of the shorter way
		},
	},
	{
		Name: "local-proxy", On: "lan", Healthy: true, Hides: []string{"net.open-link"},
		Title: "The network keeps its hosts apart, and the router answers for all of them and passes on what they send each other.",
		Break: func(s *Spec) {
			s.Fabric.Isolated, s.Fabric.LocalND = true, true
			nic := &s.addHost(thirdMAC).NICs[0]
			nic.Addresses, nic.Static = []netip.Addr{thirdAddress}, []netip.Addr{thirdAddress}
		},
	},
	{
		Name: "two-macs", On: "lan", Healthy: true,
		Title: "The router advertises itself by its own MAC, and answers solicitations by that which it shares with its stand-in.",
		Break: func(s *Spec) { s.router().Physical = rogueMAC },
	},
	{
		Name: "hairpin", On: "lan", Healthy: true,
		Title: "The switch sends what goes to everybody also back to its sender, as access points do.",
		Break: func(s *Spec) { s.Fabric.Hairpin = true },
	},
	{
		Name: "route-ignored", On: "lan",
		Title:   "Another router announces the way to fd99:1:2:3::/64, and ubuntu1's kernel takes no such routes (accept_ra_rt_info_max_plen=0).",
		Causes:  []string{"router.advertisement-ignored"},
		Subject: behind.String(),
		Args:    []string{"--peer", peerAddress.String(), "--peer", behindHost.String()},
		Break:   borderRouter("0"),
	},
	{
		Name: "route-taken", On: "lan", Healthy: true,
		Title: "Another router announces the way to fd99:1:2:3::/64, and ubuntu1 takes it.",
		Args:  []string{"--peer", peerAddress.String(), "--peer", behindHost.String()},
		Break: borderRouter("64"),
	},
	{
		Name: "route-not-needed", On: "lan", Healthy: true,
		Title: "Another router announces a way to where the default router leads as well; ubuntu1 does not take it, and misses nothing.",
		Break: func(s *Spec) {
			borderRouter("0")(s)
			s.Routers[1].Routes = []netip.Prefix{netip.PrefixFrom(internetHost, 32).Masked()}
		},
	},
	{
		Name: "static-default", On: "lan",
		Title:  "A default route that somebody wrote down is preferred to the advertised one, and its router leads nowhere.",
		Causes: []string{"path.beyond-router"},
		Break:  staticDefault(true),
	},
	{
		Name: "static-default-well", On: "lan", Healthy: true,
		Title: "A default route that somebody wrote down is preferred to the advertised one, and its router leads out as well.",
		Break: staticDefault(false),
	},
	{
		Name: "near-source", On: "lan",
		Title:  "The default route that somebody wrote down names the link-local address as its source, so no application gets out.",
		Causes: []string{"host.source-selection"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: s.router().LinkLocal(), Src: h.NICs[0].MAC.LinkLocal(), Metric: 512})
		},
	},
	{
		Name: "next-hops", On: "lan",
		Title:  "The default route has two next hops that the kernel uses in turn, and the router of one leads nowhere.",
		Causes: []string{"path.beyond-router"},
		Break:  nextHops(true),
	},
	{
		Name: "next-hops-well", On: "lan", Healthy: true,
		Title: "The default route has two next hops that the kernel uses in turn, and both routers lead out.",
		Break: nextHops(false),
	},
	{
		Name: "off-link", On: "lan",
		Title:   "The router says that the subnet's hosts are no neighbours (L=0), and ubuntu1's address has the prefix as on the link: its peer is silent.",
		Causes:  []string{"host.routing"},
		Doubted: []string{"host.routing"},
		Subject: subnet.String(),
		Hides:   []string{"net.open-link"},
		Args:    []string{"--peer", peerAddress.String()},
		Break:   isolated(64),
	},
	{
		Name: "off-link-well", On: "lan", Healthy: true,
		Title: "The router says that the subnet's hosts are no neighbours (L=0), and ubuntu1 sends what is for them to the router.",
		Hides: []string{"net.open-link"},
		Args:  []string{"--peer", peerAddress.String()},
		Break: isolated(128),
	},
	{
		Name: "hop-limit", On: "lan",
		Title:   "The router announces a hop limit of 1 for all that hosts send: none of it gets beyond the router.",
		Causes:  []string{"path.hop-limit"},
		Subject: "eth0",
		Break:   func(s *Spec) { s.router().HopLimit = 1 },
	},
	{
		Name: "hop-limit-refused", On: "lan", Healthy: true,
		Title: "The router announces a hop limit of 1, and ubuntu1 refuses so low a one (accept_ra_min_hop_limit).",
		Break: func(s *Spec) {
			s.router().HopLimit = 1
			for i := range s.Hosts {
				s.Hosts[i].NICs[0].early("accept_ra_min_hop_limit", "32")
			}
		},
	},
	{
		Name: "mtu-ignored", On: "lan",
		Title:   "The router announces an MTU of 1400, which the way out has; ubuntu1 does not take it (accept_ra_mtu=0), and its full packets vanish.",
		Causes:  []string{"router.advertisement-ignored"},
		Subject: "eth0",
		Break: func(s *Spec) {
			narrow(s)
			s.ubuntu1().NICs[0].early("accept_ra_mtu", "0")
		},
	},
	{
		Name: "enough-addresses", On: "lan",
		Title:  "ubuntu1's kernel makes itself no more than one address on an interface (max_addresses=1), and has that: the link-local one.",
		Causes: []string{"router.advertisement-ignored"},
		Break:  mostAddresses("1"),
	},
	{
		Name: "enough-addresses-well", On: "lan", Healthy: true,
		Title: "ubuntu1's kernel makes itself no more than two addresses on an interface (max_addresses=2), and needs no others.",
		Break: mostAddresses("2"),
	},
	{
		Name: "mtu-taken", On: "lan", Healthy: true,
		Title: "The router announces an MTU of 1400, which the way out has, and ubuntu1 takes it.",
		Break: narrow,
	},
	{
		Name: "two-mtus", On: "lan",
		Title:   "Two routers announce themselves, and two different MTUs of the link.",
		Causes:  []string{"router.inconsistent", "router.rogue"},
		Subject: "eth0",
		Break: func(s *Spec) {
			s.router().MTU = 1400
			s.addRouter().MTU = internetMTU
		},
	},
	{
		Name: "two-prefixes", On: "lan",
		Title:   "Two routers have a prefix each, and forward no other; ubuntu1 sends what is from either to the first.",
		Causes:  []string{"host.routing", "router.rogue"},
		Doubted: []string{"router.rogue"},
		Subject: "3fff:7f8:fff0:1:",
		Break:   twoPrefixes(nearbyHost),
	},
	{
		Name: "two-prefixes-source", On: "lan",
		Title:   "The same, and ubuntu1 chooses an address of the second router's prefix.",
		Causes:  []string{"host.source-selection", "router.rogue"},
		Doubted: []string{"router.rogue"},
		Subject: "3fff:7f8:fff0:1:",
		Break:   twoPrefixes(internetHost),
	},
	{
		Name: "two-prefixes-rule", On: "lan",
		Title:   "The same, and a rule sends what is from the second prefix to its router: too late for a socket that is bound to nothing.",
		Causes:  []string{"host.source-selection", "router.rogue"},
		Doubted: []string{"router.rogue"},
		Subject: "3fff:7f8:fff0:1:",
		Break: func(s *Spec) {
			twoPrefixes(internetHost)(s)
			s.ruled()
		},
	},
	{
		Name: "two-prefixes-ruled", On: "lan", Healthy: true,
		Title:   "Two routers have a prefix each; a rule sends what is from the second's to it, and ubuntu1 chooses the first's by itself.",
		Causes:  []string{"router.rogue"},
		Doubted: []string{"router.rogue"},
		Break: func(s *Spec) {
			twoPrefixes(nearbyHost)(s)
			s.ruled()
		},
	},
	{
		Name: "two-prefixes-src", On: "lan", Healthy: true,
		Title:   "Two routers have a prefix each; a rule sends what is from the second's to it, and the default route says which source suits it.",
		Causes:  []string{"router.rogue"},
		Doubted: []string{"router.rogue"},
		Break: func(s *Spec) {
			twoPrefixes(internetHost)(s)
			s.ruled()
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{
				NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: s.router().LinkLocal(), Metric: 512, Src: identified(s.Subnet, h.NICs[0].LinkLocal()),
			})
		},
	},
	{
		Name: "renumbered", On: "lan",
		Title:   "The network has another prefix than before, and ubuntu1 still an address of the old one.",
		Causes:  []string{"address.prefix-withdrawn"},
		Subject: "3fff:7f8:fff0:1:",
		Break:   renumbered(nearbyHost, false),
	},
	{
		Name: "renumbered-source", On: "lan",
		Title:   "The same, and ubuntu1 chooses the old address.",
		Causes:  []string{"host.source-selection"},
		Subject: "3fff:7f8:fff0:1:",
		Break:   renumbered(internetHost, false),
	},
	{
		Name: "renumbered-well", On: "lan", Healthy: true,
		Title:  "The network has another prefix than before, and said so: ubuntu1's old address is deprecated.",
		Causes: []string{"address.prefix-withdrawn"},
		Break:  renumbered(internetHost, true),
	},
	{
		Name: "leftovers", On: "vpc", Healthy: true,
		Title: "ubuntu1's neighbour cache holds a STALE entry of its peer, and a FAILED one of somebody who is gone.",
		Break: func(s *Spec) {
			h, peer := s.ubuntu1(), s.ubuntu2().NICs[0]
			h.Neighbours = append(h.Neighbours,
				Neighbour{"eth0", peerAddress, peer.MAC, diag.Stale},
				Neighbour{"eth0", netip.MustParseAddr("2001:db8:1f16:8df0::dead"), diag.MAC{}, diag.Failed})
		},
	},
	{
		Name: "echo-limit", On: "vpc", Healthy: true,
		Title:   "ubuntu2 answers no more than a few echo requests a second. It may as well be that the way to it loses them.",
		Causes:  []string{"path.lossy"},
		Doubted: []string{"path.lossy"},
		Break: func(s *Spec) {
			h := s.ubuntu2()
			h.Filters = append(h.Filters, Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: echoRequest, Above: 5})
		},
	},
	{
		Name: "ufw", On: "vpc", Healthy: true,
		Title: "ubuntu1's packet filter drops what comes, but for what ufw lets in: discovery, errors, listener queries, DHCPv6.",
		Break: dropping(Filter{
			Table: "ip6 filter", Chain: "INPUT", Hook: "input",
			Pass: []Pass{
				{},
				{Tracked: true},
				{Type: 1},
				{Type: packetTooBig},
				{Type: 3},
				{Type: 4},
				{Type: echoRequest},
				{Type: 133, HopLimit: 255},
				{Type: routerAdvert, HopLimit: 255},
				{Type: neighbourSolicitation, HopLimit: 255},
				{Type: neighbourAdvert, HopLimit: 255},
				{Type: 130},
				{Type: 131},
				{Type: 132},
				{Type: listenerReport},
				{UDP: toDHCPClient},
				{TCP: ssh},
			},
		}),
	},
	{
		Name: "no-echo-in", On: "vpc", Healthy: true,
		Title: "ubuntu1's packet filter drops echo requests, because somebody wants it so.",
		Break: dropping(Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Type: echoRequest}),
	},
	{
		Name: "no-tcp-in", On: "vpc", Healthy: true,
		Title: "ubuntu1's packet filter lets answers, discovery and a lease in, and nothing that others begin.",
		Break: dropping(Filter{
			Table: "inet filter", Chain: "input", Hook: "input",
			Pass: []Pass{{}, {Tracked: true}, {Type: routerAdvert}, {Type: neighbourSolicitation}, {Type: neighbourAdvert}, {UDP: toDHCPClient}},
		}),
	},
	{
		Name: "pinged", On: "vpc", Healthy: true,
		Title: "A host beyond the router pings ubuntu1, tries a port at which nobody listens, and is answered.",
		Break: func(s *Spec) { s.called(0, 8080) },
	},
	{
		Name: "pinged-in-vain", On: "vpc", Healthy: true,
		Title:  "A host beyond the router pings ubuntu1, whose packet filter drops echo requests, because somebody wants it so.",
		Causes: []string{"host.inbound-unanswered"},
		Break: func(s *Spec) {
			s.called(0)
			dropping(Filter{Table: "ip6 filter", Chain: "INPUT", Hook: "input", Type: echoRequest})(s)
		},
	},
	{
		Name: "echo-ignored", On: "vpc", Healthy: true,
		Title:  "A host beyond the router pings ubuntu1, which is told to answer no echo (icmp.echo_ignore_all=1).",
		Causes: []string{"host.inbound-unanswered"},
		Break: func(s *Spec) {
			s.called(0)
			s.ubuntu1().set("ipv6/icmp/echo_ignore_all", "1")
		},
	},
	{
		Name: "knocked-in-vain", On: "vpc", Healthy: true,
		Title:  "A host beyond the router tries a port of ubuntu1, whose packet filter lets nothing in that others begin.",
		Causes: []string{"host.inbound-unanswered"},
		Break: func(s *Spec) {
			s.called(8080)
			dropping(Filter{
				Table: "inet filter", Chain: "input", Hook: "input",
				Pass: []Pass{{}, {Tracked: true}, {Type: routerAdvert}, {Type: neighbourSolicitation}, {Type: neighbourAdvert}, {UDP: toDHCPClient}},
			})(s)
		},
	},
	{
		Name: "redirects-off", On: "lan", Healthy: true,
		Title: "The router redirects what goes to the Internet host, and ubuntu1 follows no redirects (accept_redirects=0).",
		Break: func(s *Spec) {
			redirecting(s)
			s.ubuntu1().set("ipv6/conf/eth0/accept_redirects", "0")
		},
	},
	{
		Name: "redirects-dropped", On: "lan", Healthy: true,
		Title:  "The router redirects what goes to the Internet host, and a rule of ubuntu1 drops it: its packets go on by the router.",
		Causes: []string{"host.firewall"},
		Break: func(s *Spec) {
			redirecting(s)
			dropping(Filter{Table: "inet filter", Chain: "input", Hook: "input", Type: redirectMessage})(s)
		},
	},
	{
		Name: "rare-advertisements", On: "vpc", Healthy: true,
		Title: "The router advertises itself to all nodes so rarely that none comes while anybody looks; ubuntu1's default route is from its boot.",
		Break: func(s *Spec) {
			s.router().Every = time.Hour
			s.Age = max(s.Age, 6*time.Second)
		},
	},
	{
		Name: "guarded", On: "vpc", Healthy: true,
		Title: "ubuntu1's security group lets no echo request in, however often somebody pings it; what ubuntu1 asks is answered.",
		Break: func(s *Spec) {
			s.ubuntu1().NICs[0].NoEchoIn = true
			s.called(0)
		},
	},
	{
		Name: "few-ports-out", On: "vpc", Healthy: true,
		Title: "The subnet's access list lets TCP out to port 443 alone, and echo.",
		Break: func(s *Spec) { s.Internet.OnlyTCP = 443 },
	},
	{
		Name: "static", On: "lan", Healthy: true,
		Title: "ubuntu1's address is configured by hand, with the length of the prefix that the router announces.",
		Break: static(64),
	},
	{
		Name: "ula-translated", On: "lan", Healthy: true,
		Title: "The router announces a unique-local prefix alone, and translates it on the way to the Internet.",
		Break: uniqueLocal(true),
	},
	{
		Name: "address-twice", On: "lan", Healthy: true,
		Title: "ubuntu1's address is on another device of it too, as network plugins do.",
		Break: func(s *Spec) { s.ubuntu1().Pod = &Pod{Address: podAddress, Gateway: ownAddress} },
	},
	{
		Name: "vpn", On: "lan", Healthy: true,
		Title:  "A VPN's client behind ubuntu1 has an address of the LAN, and ubuntu1 answers for it (proxy_ndp).",
		Causes: []string{"host.forwards-unassigned"},
		Hides:  []string{"net.open-link"},
		Break: func(s *Spec) {
			s.addClient()
			h := s.ubuntu1()
			h.Proxies = append(h.Proxies, vpnClient)
		},
	},
	{
		Name: "container", On: "lan", Healthy: true,
		Title: "ubuntu1 is a container: the metadata service answers it, and knows the instance's interface alone.",
		Break: func(s *Spec) {
			instance := vpc()
			s.Metadata = instance.Metadata
			h := s.ubuntu1()
			h.Outer = &instance.ubuntu1().NICs[0]
			h.Outer.Addresses, h.Outer.Prefixes = []netip.Addr{furtherAddress}, []netip.Prefix{netip.PrefixFrom(ownAddress, 80).Masked()}
			h.NICs[0].MAC = mac("02:42:ac:11:00:02") // as Docker gives them
		},
	},
	{
		Name: "optimistic", On: "vpc", Healthy: true,
		Title: "ubuntu1 uses a new address while its kernel still looks for duplicates (RFC 4429).",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			nic := &h.NICs[0]
			nic.Addresses = append(nic.Addresses, furtherAddress)
			nic.early("optimistic_dad", "1")
			nic.early("use_optimistic", "1")
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(furtherAddress, 128), Optimistic: true})
		},
	},
	{
		Name: "delegated-prefix", On: "vpc", Healthy: true,
		Title: "ubuntu1 uses an address inside a prefix that is delegated to it.",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.NICs[0].Prefixes = []netip.Prefix{netip.MustParsePrefix("2001:db8:1f16:8df0:aaaa::/80")}
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.MustParsePrefix("2001:db8:1f16:8df0:aaaa::77/128")})
		},
	},
	{
		Name: "deprecated", On: "vpc", Healthy: true,
		Title: "One of two assigned addresses of ubuntu1 is deprecated: valid, and used only where asked for.",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.NICs[0].Addresses = append(h.NICs[0].Addresses, furtherAddress)
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(furtherAddress, 128), Deprecated: true})
		},
	},
	{
		Name: "not-on-link-well", On: "lan", Healthy: true, Hides: []string{"net.open-link"},
		Title: "The network says that no prefix is on the link: ubuntu1's address has /128, and its peers are reached by the router.",
		Break: unannounced(128),
	},
	{
		Name: "no-on-link-route", On: "lan",
		Title:   "ubuntu1's address was written with /128: it sends what is for its neighbours to the router, which sends nothing back.",
		Causes:  []string{"host.routing"},
		Subject: subnet.String(),
		Break: func(s *Spec) {
			alone(s)
			s.router().OneWay = true
		},
	},
	{
		Name: "no-on-link-route-well", On: "lan", Healthy: true,
		Title: "ubuntu1's address was written with /128: it sends what is for its neighbours to the router, which sends it on to them.",
		Break: alone,
	},
	{
		Name: "split-tunnel", On: "vpc", Healthy: true,
		Title: "A VPN on ubuntu1 takes what is for its own network, and nothing else.",
		Break: func(s *Spec) { s.ubuntu1().Tunnel = tunnel("fd00:8::/32") },
	},
	{
		Name: "port-security-eui64", On: "lan", Healthy: true,
		Title:  "A port that lets only assigned addresses speak, in a network that is no VPC: ubuntu1's are.",
		Causes: []string{"net.per-address-filter"},
		Hides:  []string{"net.open-link"},
		Break:  func(s *Spec) { s.Fabric.Filter = true },
	},
	{
		Name: "private-link-local", On: "lan", Healthy: true,
		Title: "ubuntu1's link-local address is not made of its MAC, on a link that lets any address speak.",
		Break: private,
	},
	{
		Name: "two-interfaces", On: "vpc", Healthy: true,
		Title: "ubuntu1 has a second interface, and sends what is from its address by a routing table of its own.",
		Args:  []string{"-i", "all"},
		Break: func(s *Spec) {
			s.addENI()
			h := s.ubuntu1()
			const table = 10001
			h.Routes = append(h.Routes,
				Route{NIC: "eth1", Dst: netip.MustParsePrefix("::/0"), Via: s.router().LinkLocal(), Table: table},
				Route{NIC: "eth1", Dst: s.Subnet, Table: table})
			h.Policies = append(h.Policies, Policy{From: netip.PrefixFrom(secondENI, 128), Table: table})
		},
	},
}

// chattering has others on the link talk.
func chattering(list ...vswitch.Chatter) func(*Spec) {
	return func(s *Spec) { s.Chatter = append(s.Chatter, list...) }
}

// called has a host beyond the router ask ubuntu1 for an echo (0), or try ports of it, while the command runs.
func (s *Spec) called(ports ...uint16) {
	for _, port := range ports {
		s.Calls = append(s.Calls, vswitch.Call{From: caller, To: ownAddress, Port: port, Every: 150 * time.Millisecond})
	}
}

// redirecting has the router tell ubuntu1 again and again that somebody who is not there is the better way to the Internet.
func redirecting(s *Spec) {
	nobody := mac("06:00:5e:00:53:99")
	s.Calls = append(s.Calls, vswitch.Call{
		From: s.router().LinkLocal(), To: ownAddress, Every: 100 * time.Millisecond,
		Redirect: &vswitch.Redirect{Dst: s.Internet.Host, Via: nobody.LinkLocal(), MAC: nobody},
	})
}

// nothingAssigned leaves ubuntu1 without a global address, and the DHCPv6 server with none for it.
func nothingAssigned(s *Spec) {
	nic := &s.ubuntu1().NICs[0]
	nic.Addresses, nic.Static, nic.NoLease = nil, nil, true
}

// private makes ubuntu1's link-local address by RFC 7217. A DHCPv6 client, which asks from that address, might get nothing.
func private(s *Spec) {
	nic := &s.ubuntu1().NICs[0]
	nic.DHCP, nic.Static = false, nic.Addresses
	nic.early("stable_secret", "2001:db8::1")
}

// temporary is a LAN on which hosts make their addresses themselves: ubuntu1 with a temporary one as use says, on a
// port that lets its first address alone speak or not.
func temporary(use string, filter bool) func(*Spec) {
	return func(s *Spec) {
		s.Fabric.Filter = filter
		s.autonomous()
		nic := &s.ubuntu1().NICs[0]
		nic.Addresses = []netip.Addr{identified(s.Subnet, nic.LinkLocal())}
		nic.early("use_tempaddr", use)
	}
}

// deprecated leaves ubuntu1's own address deprecated.
func deprecated(s *Spec) {
	h := s.ubuntu1()
	h.NICs[0].DHCP = false
	h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(ownAddress, 128), Deprecated: true})
}

// everything is all that is said of a base.
var everything = []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent", "net.open-link"}

// peerDropping breaks a network by a rule of ubuntu2's.
func peerDropping(f Filter) func(*Spec) {
	return func(s *Spec) { s.ubuntu2().Filters = append(s.ubuntu2().Filters, f) }
}

// dropping is a fault of ubuntu1's packet filter.
func dropping(f Filter) func(*Spec) {
	return func(s *Spec) {
		h := s.ubuntu1()
		h.Filters = append(h.Filters, f)
	}
}

// static is a LAN without DHCPv6: ubuntu1's address is written down, with a prefix of that length. The
// Internet host has an address that is like it.
func static(bits int) func(*Spec) {
	return func(s *Spec) {
		s.router().Managed, s.router().DHCP.Off = false, true
		s.Internet.Host = nearbyHost
		for i := range s.Hosts {
			h := &s.Hosts[i]
			h.NICs[0].DHCP = false
			h.NICs[0].Static = h.NICs[0].Addresses
		}
		h := s.ubuntu1()
		h.NICs[0].Static = nil
		h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(ownAddress, bits)})
	}
}

// unannounced is a network of hosts with addresses of their own and no prefix on the link, as some clouds have it: all
// goes by the router.
func unannounced(bits int) func(*Spec) {
	return func(s *Spec) {
		static(bits)(s)
		s.Internet.Host = internetHost
		s.router().OnLink = false
		s.Fabric.Isolated, s.Fabric.LocalND = true, true
	}
}

// alone is a LAN whose router says nothing of a prefix; the hosts are neighbours all the same. ubuntu1's address has /128,
// and its peer's the length that the network has.
func alone(s *Spec) {
	static(128)(s)
	s.Internet.Host = internetHost
	s.router().OnLink = false
	s.ubuntu2().NICs[0].Length = subnet.Bits()
}

// uniqueLocal is a LAN on which hosts make their addresses of a unique-local prefix.
func uniqueLocal(translated bool) func(*Spec) {
	return func(s *Spec) {
		s.Subnet = netip.MustParsePrefix("fd12:3456:789a:1::/64")
		s.router().Addresses = []netip.Addr{s.Subnet.Addr().Next()}
		s.Internet.Translated = translated
		s.autonomous()
	}
}

// borderRouter adds a router that is no way out, and announces the way to what lies behind it. plen is the length of
// the longest prefix of such a route that ubuntu1 takes.
func borderRouter(plen string) func(*Spec) {
	return func(s *Spec) {
		r := s.addRouter()
		r.Lifetime, r.OnLink, r.Managed, r.DHCP.Off = 0, false, false, true
		r.Routes, r.Addresses = []netip.Prefix{behind}, []netip.Addr{behindHost}
		s.ubuntu1().NICs[0].early("accept_ra_rt_info_max_plen", plen)
	}
}

// staticDefault gives ubuntu1 a default route by a router that advertises nothing, preferred to the advertised one.
func staticDefault(nowhere bool) func(*Spec) {
	return func(s *Spec) {
		r := s.addRouter()
		r.Silent, r.Nowhere = true, nowhere
		h := s.ubuntu1()
		h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: r.LinkLocal(), Metric: 512})
	}
}

// nextHops is a LAN whose host sends by two routers in turn; the second may lead nowhere.
func nextHops(nowhere bool) func(*Spec) {
	return func(s *Spec) {
		staticDefault(nowhere)(s)
		h := s.ubuntu1()
		h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: s.Routers[0].LinkLocal(), Metric: 512, Beside: true})
	}
}

// snooped is a LAN whose switch follows multicast groups, and a host that knows its peer already.
func snooped(querier bool) func(*Spec) {
	return func(s *Spec) {
		s.Fabric.Snooping, s.Fabric.Querier = true, querier
		h, peer := s.ubuntu1(), s.ubuntu2().NICs[0]
		h.Neighbours = append(h.Neighbours, Neighbour{NIC: "eth0", Address: peerAddress, MAC: peer.MAC, State: diag.Stale})
	}
}

// isolated is a LAN whose switch keeps the hosts from each other, and whose router says so. ubuntu1's address has a
// prefix of that length.
func isolated(bits int) func(*Spec) {
	return func(s *Spec) {
		static(bits)(s)
		s.Fabric.Isolated = true
		s.router().OnLink, s.router().Autonomous = false, true
		for i := range s.Hosts {
			s.Hosts[i].NICs[0].early("autoconf", "0")
		}
	}
}

// narrow is a way out that carries less than the link, and a router that says so beforehand, never when a packet is
// too big.
func narrow(s *Spec) {
	s.router().MTU, s.Internet.MTU, s.Internet.NoPTB = 1400, 1400, true
}

// mostAddresses is a LAN whose hosts make their addresses themselves, ubuntu1 up to a number of them.
func mostAddresses(n string) func(*Spec) {
	return func(s *Spec) {
		s.autonomous()
		s.ubuntu1().NICs[0].early("max_addresses", n)
	}
}

// autonomous has the hosts make their addresses themselves. What can be asked for is named all the same.
func (s *Spec) autonomous() {
	r := s.router()
	r.Managed, r.Autonomous, r.DHCP.Off = false, true, true
	for i := range s.Hosts {
		nic := &s.Hosts[i].NICs[0]
		nic.DHCP, nic.Addresses, nic.Static = false, nil, nil
	}
	peer := &s.ubuntu2().NICs[0]
	peer.Addresses = []netip.Addr{identified(s.Subnet, peer.LinkLocal())}
}

// twoPrefixes is a LAN with two routers, each with a prefix of its own, and a host on the Internet.
func twoPrefixes(internet netip.Addr) func(*Spec) {
	return func(s *Spec) {
		s.Internet.Host = internet
		s.autonomous()
		s.addRouter().Prefix = otherPrefix
	}
}

// ruled has ubuntu1 send what is from the second router's prefix to that router.
func (s *Spec) ruled() {
	h := s.ubuntu1()
	const table = 10001
	h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: s.Routers[1].LinkLocal(), Table: table})
	h.Policies = append(h.Policies, Policy{From: otherPrefix, Table: table})
}

// renumbered is a LAN that had another prefix before, of which ubuntu1 kept an address.
func renumbered(internet netip.Addr, deprecated bool) func(*Spec) {
	return func(s *Spec) {
		s.Internet.Host = internet
		s.autonomous()
		h := s.ubuntu1()
		h.Added = append(h.Added, Added{
			NIC: "eth0", Prefix: netip.PrefixFrom(identified(otherPrefix, h.NICs[0].LinkLocal()), 64), Deprecated: deprecated, Lasts: time.Hour,
		})
	}
}

// identified returns the address of a /64 that has the interface identifier of another.
func identified(p netip.Prefix, other netip.Addr) netip.Addr {
	a := other.As16()
	b := p.Addr().As16()
	copy(a[:8], b[:8])
	return netip.AddrFrom16(a)
}

// addHost puts a third host beside the two, with an address that nobody is asked about.
func (s *Spec) addHost(m diag.MAC) *Host {
	h := Host{
		Name: "ubuntu3", Instance: "i-01f16c10e00000003",
		NICs:  []NIC{{Name: "eth0", ID: "eni-01f16c10e00000003", MAC: m, MTU: s.ubuntu1().NICs[0].MTU}},
		Added: []Added{{NIC: "eth0", Prefix: netip.PrefixFrom(thirdAddress, s.Subnet.Bits())}},
	}
	s.Hosts = append(s.Hosts, h)
	return &s.Hosts[len(s.Hosts)-1]
}

// addSubnet puts a third host into a second subnet.
func (s *Spec) addSubnet() {
	r := *s.router()
	r.Name, r.MAC, r.Addresses, r.Address4, r.Autonomous = "router2", otherMAC, nil, netip.Addr{}, true
	s.Other = &Other{Subnet: otherSubnet, Router: r}
	h := s.addHost(thirdMAC)
	h.Other, h.Added, h.NICs[0].Addresses = true, nil, []netip.Addr{otherHost}
}

// tunnel is a VPN's that takes a prefix.
func tunnel(prefix string) *Tunnel {
	return &Tunnel{
		Name: "wg0", Address: netip.MustParseAddr("fd00:8::2"), Routes: []netip.Prefix{netip.MustParsePrefix(prefix)}, Table: 51820,
	}
}

// addRouter puts a second router beside the first, as good as that.
func (s *Spec) addRouter() *vswitch.Router {
	r := *s.router()
	r.Name, r.MAC, r.Addresses, r.Address4 = "router2", rogueMAC, nil, netip.Addr{}
	s.Routers = append(s.Routers, r)
	return &s.Routers[len(s.Routers)-1]
}

// addClient puts a client with an address of the subnet behind ubuntu1.
func (s *Spec) addClient() {
	h := s.ubuntu1()
	h.Pod = &Pod{Address: vpnClient, Gateway: netip.MustParseAddr("fd00:8::1")}
	h.forwards()
}

// set sets a sysctl, beside those that other faults set.
func (h *Host) set(name, value string) {
	if h.Sysctls == nil {
		h.Sysctls = map[string]string{}
	}
	h.Sysctls[name] = value
}

// early sets an interface's sysctl before it comes up.
func (n *NIC) early(name, value string) {
	if n.Early == nil {
		n.Early = map[string]string{}
	}
	n.Early[name] = value
}

// forwards has a host forward for others, and act on advertisements all the same.
func (h *Host) forwards() {
	h.NICs[0].early("accept_ra", "2")
	h.set("ipv6/conf/all/forwarding", "1")
}

// addENI attaches a second interface to ubuntu1, configured by its image: the kernel makes no second
// default route, which would be as good as the first.
func (s *Spec) addENI() *NIC {
	h := s.ubuntu1()
	h.NICs = append(h.NICs, NIC{
		Name: "eth1", ID: "eni-01f16f557112ef9be", MAC: mac("06:df:a5:6c:5d:99"), MTU: h.NICs[0].MTU,
		Addresses: []netip.Addr{secondENI}, Static: []netip.Addr{secondENI}, Early: map[string]string{"accept_ra": "0"},
	})
	return &h.NICs[len(h.NICs)-1]
}

// Find returns the network of a scenario's name: a base, or faults on the base that the first of
// them is made for, or a base and faults, joined by "+"; and the causes that a diagnosis of it names,
// sorted. The error says where to look.
func Find(name string) (Spec, []string, error) {
	var base *Scenario
	var faults []Scenario
	for n := range strings.SplitSeq(name, "+") {
		sc := find(n)
		switch {
		case sc == nil:
			return Spec{}, nil, fmt.Errorf("scenario %q: no such scenario; see: ndwhy lab list", n)
		case sc.On != "":
			faults = append(faults, *sc)
		case base != nil:
			return Spec{}, nil, fmt.Errorf("scenario %q: %s and %s are both whole networks; join one with faults", name, base.Name, n)
		default:
			base = sc
		}
	}
	if base == nil {
		base = find(faults[0].On)
	}
	spec, causes := base.Base(), slices.Clone(base.Causes)
	spec.Scenario = name
	for _, f := range faults {
		f.Break(&spec)
		spec.Faulty = spec.Faulty || !f.Healthy
		spec.Args = append(spec.Args, f.Args...)
		causes = slices.DeleteFunc(causes, func(c string) bool { return slices.Contains(f.Hides, c) })
	}
	for _, f := range faults {
		causes = append(causes, f.Causes...)
	}
	slices.Sort(causes)
	return spec, slices.Compact(causes), nil
}

func find(name string) *Scenario {
	i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &Scenarios[i]
}
