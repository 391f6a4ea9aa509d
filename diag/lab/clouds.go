package lab

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/lab/vswitch"
)

// Networks of others than Amazon, as far as package why knows of them (docs/profiles.md). What is not known of one,
// as whether its router answers an echo, is here in one of the ways that it can be.

// hosterGateway is the router that hosters have in every network.
var hosterGateway = netip.MustParseAddr("fe80::1")

// plain is a network of two hosts and a router, without anything of Amazon's. The firmware calls itself machine.
func plain(name string, machine diag.Machine) Spec {
	s := lan()
	s.Base, s.Machine = name, machine
	for i := range s.Hosts {
		nic := &s.Hosts[i].NICs[0]
		nic.Addresses, nic.Static = nic.Addresses[:1], nil
	}
	return s
}

// cloud is one in which the router announces itself, DHCPv6 gives a /128, and a fabric lets nothing else speak.
func cloud(name string, machine diag.Machine) Spec {
	s := plain(name, machine)
	s.Fabric = vswitch.Fabric{Filter: true, Proxy: true}
	r := s.router()
	r.AnswersEcho, r.Addresses = false, nil
	return s
}

// byHand is one in which the image configures the address, with a prefix of that length, and the gateway, which
// announces nothing.
func byHand(name string, machine diag.Machine, length int, gateway netip.Addr) Spec {
	s := plain(name, machine)
	r := s.router()
	r.Silent, r.Every, r.DHCP.Off, r.Addresses = true, 0, true, nil
	if gateway.IsLinkLocalUnicast() {
		r.Local = gateway
	} else {
		r.Addresses = []netip.Addr{gateway}
	}
	for i := range s.Hosts {
		nic := &s.Hosts[i].NICs[0]
		nic.DHCP, nic.Static, nic.Length, nic.Gateway = false, nic.Addresses, length, gateway
	}
	return s
}

// formed is one in which hosts make their addresses of the announced prefix and their MAC.
func formed(name string, machine diag.Machine, macs ...diag.MAC) Spec {
	s := plain(name, machine)
	r := s.router()
	r.Managed, r.Autonomous, r.DHCP.Off = false, true, true
	s.give(macs...)
	for i := range s.Hosts {
		nic := &s.Hosts[i].NICs[0]
		nic.DHCP, nic.Addresses = false, []netip.Addr{identified(s.Subnet, nic.LinkLocal())}
	}
	return s
}

// give gives the router and the hosts their MACs, in turn.
func (s *Spec) give(macs ...diag.MAC) {
	s.router().MAC = macs[0]
	for i := range s.Hosts {
		s.Hosts[i].NICs[0].MAC = macs[i+1]
	}
}

// hetzner routes a /64 to each host, by way of its link-local address.
func hetzner() Spec {
	s := byHand("hetzner", diag.Machine{SysVendor: "Hetzner", Product: "vServer"}, 64, hosterGateway)
	s.Fabric.Isolated = true
	s.Subnet = netip.MustParsePrefix("2001:db8:1f16:8df0::/60")
	s.router().ByLinkLocal = true
	for i, host := range []string{"2001:db8:1f16:8df1::1", "2001:db8:1f16:8df2::1"} {
		nic := &s.Hosts[i].NICs[0]
		nic.Addresses = []netip.Addr{netip.MustParseAddr(host)}
		nic.Static, nic.Prefixes = nic.Addresses, []netip.Prefix{netip.PrefixFrom(nic.Addresses[0], 64).Masked()}
	}
	return s
}

// hoster is one of many that are built alike and say nothing of themselves.
func hoster() Spec {
	return byHand("hoster", diag.Machine{SysVendor: "QEMU", Product: "Standard PC (i440FX + PIIX, 1996)"}, 64, hosterGateway)
}

// ovh gives each host a /128 of one /64, in which the gateway is too. What shows that it is not any OpenStack network
// are its addresses, which no lab has.
func ovh() Spec {
	s := byHand("ovh", diag.Machine{SysVendor: "OpenStack Foundation", Product: "OpenStack Nova"}, 0, subnetRouter)
	s.Fabric.Isolated = true
	s.Args = []string{"--profile", "ovh"}
	return s
}

func scaleway() Spec {
	return byHand("scaleway", diag.Machine{SysVendor: "Scaleway", Product: "SCW-DEV1-S"}, 64, mac("06:fd:d1:c8:f9:cf").LinkLocal())
}

// digitalocean lets each host speak from sixteen addresses of a /64 that all share.
func digitalocean() Spec {
	s := byHand("digitalocean", diag.Machine{SysVendor: "DigitalOcean", Product: "Droplet"}, 64, subnetRouter)
	s.Fabric = vswitch.Fabric{Filter: true}
	for i := range s.Hosts {
		nic := &s.Hosts[i].NICs[0]
		nic.Prefixes = []netip.Prefix{netip.PrefixFrom(nic.Addresses[0], 124).Masked()}
	}
	return s
}

func linode() Spec {
	s := formed("linode", diag.Machine{SysVendor: "Akamai", Product: "Compute Instance"},
		mac("06:fd:d1:c8:f9:cf"), mac("f2:3c:95:00:53:01"), mac("f2:3c:95:00:53:02"))
	s.router().Local = hosterGateway
	return s
}

func vultr() Spec {
	return formed("vultr", diag.Machine{SysVendor: "Vultr", Product: "VC2"},
		mac("fe:00:05:00:53:01"), mac("56:00:05:00:53:01"), mac("56:00:05:00:53:02"))
}

// azure has the same router in every subnet, and no multicast.
func azure() Spec {
	s := cloud("azure", diag.Machine{SysVendor: "Microsoft Corporation", Product: "Virtual Machine", ChassisID: "7783-7084-3265-9085-8269-3286-77"})
	r := s.router()
	r.MAC, r.Local = mac("12:34:56:78:9a:bc"), netip.MustParseAddr("fe80::1234:5678:9abc")
	return s
}

// gcp does not say that the subnet is on-link: a route to it leads through the router.
func gcp() Spec {
	s := cloud("gcp", diag.Machine{SysVendor: "Google", Product: "Google Compute Engine"})
	s.Fabric.Isolated = true
	s.give(mac("42:01:0a:00:00:01"), mac("42:01:0a:00:00:0b"), mac("42:01:0a:00:00:0c"))
	r := s.router()
	r.OnLink, r.Lifetime = false, 66*time.Second
	r.Routes = []netip.Prefix{netip.PrefixFrom(s.Subnet.Addr(), 65)}
	return s
}

func oci() Spec {
	return cloud("oci", diag.Machine{SysVendor: "QEMU", Product: "Standard PC (i440FX + PIIX, 1996)", ChassisID: "OracleCloud.com"})
}

// openstack is a Neutron network of ipv6_address_mode slaac, whose ports let nothing speak but what they were given.
func openstack() Spec {
	s := formed("openstack", diag.Machine{SysVendor: "OpenStack Foundation", Product: "OpenStack Nova"},
		mac("fa:16:3e:00:53:00"), mac("fa:16:3e:00:53:01"), mac("fa:16:3e:00:53:02"))
	s.Fabric = vswitch.Fabric{Filter: true, Multicast: true}
	return s
}

// pod is a container on an EC2 instance, on a link that the instance makes, and without a metadata service: it has one
// address, and a gateway that it was told the MAC of.
func pod() Spec {
	s := byHand("pod", diag.Machine{SysVendor: "Amazon EC2", Product: "t3.nano"}, 0, hosterGateway)
	s.Fabric.Isolated = true
	for i, own := range []diag.MAC{mac("0a:58:0a:00:00:0b"), mac("0a:58:0a:00:00:0c")} {
		h := &s.Hosts[i]
		h.Outer = &NIC{}
		h.NICs[0].MAC = own
		h.Neighbours = append(h.Neighbours, Neighbour{"eth0", hosterGateway, s.router().MAC, diag.PermanentNUD})
	}
	return s
}

// clouds are the networks of others than Amazon, and faults that are typical of them.
var clouds = []Scenario{
	{
		Name: "hetzner", Base: hetzner, Healthy: true,
		Title: "A Hetzner server: a /64 routed to its link-local address, and a gateway, fe80::1, that announces nothing.",
	},
	{
		Name: "hoster", Base: hoster, Healthy: true,
		Causes: []string{"net.open-link"},
		Title:  "Some hoster's network, which nothing tells from any other: addresses and the gateway, fe80::1, are configured, and nobody announces itself.",
	},
	{
		Name: "ovh", Base: ovh, Healthy: true,
		Title: "An OVH instance: one /128, and a gateway outside of it that announces nothing.",
	},
	{
		Name: "scaleway", Base: scaleway, Healthy: true,
		Title:  "A Scaleway instance: a /64 whose addresses it may choose, and a gateway that the image configures.",
		Causes: []string{"net.open-link"},
	},
	{
		Name: "digitalocean", Base: digitalocean, Healthy: true,
		Title:  "A DigitalOcean droplet: sixteen addresses of a shared /64, and a gateway that announces nothing.",
		Causes: []string{"net.multicast-suppressed", "net.per-address-filter"},
	},
	{
		Name: "linode", Base: linode, Healthy: true,
		Title:  "A Linode: the router, fe80::1, announces a prefix, and the host makes its address of it and its MAC.",
		Causes: []string{"net.open-link"},
	},
	{
		Name: "vultr", Base: vultr, Healthy: true,
		Title:  "A Vultr instance: the host's end of its interface announces a prefix to make an address of.",
		Causes: []string{"net.open-link"},
	},
	{
		Name: "azure", Base: azure, Healthy: true,
		Title:  "An Azure subnet: the router that all of them have, DHCPv6, and no multicast.",
		Causes: []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent"},
	},
	{
		Name: "gcp", Base: gcp, Healthy: true,
		Title:  "A Google Cloud subnet: it is not on-link, and peers are reached through the router.",
		Causes: []string{"net.router-silent"},
	},
	{
		Name: "oci", Base: oci, Healthy: true,
		Title:  "An Oracle cloud subnet: a router that announces itself, and DHCPv6.",
		Causes: []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent"},
	},
	{
		Name: "openstack", Base: openstack, Healthy: true,
		Title:  "An OpenStack network: hosts make their addresses of the announced prefix, and ports let no others speak.",
		Causes: []string{"net.per-address-filter"},
	},
	{
		Name: "pod", Base: pod, Healthy: true,
		Title: "A pod on an EC2 instance, where no metadata service is reached: its link is the instance's doing.",
	},
	{
		Name: "no-port-security", On: "openstack", Healthy: true,
		Title:  "Port security is off: any address may speak.",
		Causes: []string{"net.open-link"},
		Hides:  []string{"net.per-address-filter"},
		Break:  func(s *Spec) { s.Fabric.Filter = false },
	},
	{
		Name: "private-address", On: "openstack",
		Title:   "ubuntu1 makes its addresses by RFC 7217, and its port knows those of its MAC alone.",
		Causes:  []string{"address.link-local-not-eui64", "address.unassigned", "net.per-address-filter"},
		Subject: "fe80::",
		Break:   func(s *Spec) { s.ubuntu1().NICs[0].early("stable_secret", "2001:db8::1") },
	},
	{
		Name: "random-link-local", On: "hetzner",
		Title:   "ubuntu1 makes its link-local address by RFC 7217: what comes for it is sent to the one of its MAC.",
		Causes:  []string{"address.link-local-not-eui64"},
		Subject: "fe80::",
		Break:   func(s *Spec) { s.ubuntu1().NICs[0].early("stable_secret", "2001:db8::1") },
	},
	{
		Name: "gateway-forgotten", On: "hetzner",
		Title:  "ubuntu1 was installed anew, and its configuration has no gateway any more.",
		Causes: []string{"route.missing"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].Gateway = netip.Addr{} },
	},
	{
		Name: "gateway-lost", On: "hoster",
		Title:  "ubuntu1's configuration has no gateway any more, in a network that nothing tells from any other.",
		Causes: []string{"route.missing"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].Gateway = netip.Addr{} },
	},
	{
		Name: "gateway-refused", On: "ovh",
		Title:  "ubuntu1's kernel refused the gateway: it is in no prefix that is on-link, and nobody wrote that it is.",
		Causes: []string{"route.missing"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].Gateway = netip.Addr{} },
	},
	{
		Name: "whole-prefix", On: "ovh",
		Title:   "ubuntu1's address was written with the length of the whole prefix: it takes other customers for neighbours.",
		Causes:  []string{"host.routing"},
		Subject: subnet.String(),
		Break:   func(s *Spec) { s.ubuntu1().NICs[0].Length = 64 },
	},
	{
		Name: "subnet-on-link", On: "gcp",
		Title:   "Somebody gave ubuntu1 a route that says that its subnet is on-link, and no other host answers there.",
		Causes:  []string{"host.routing"},
		Subject: subnet.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Routes = append(h.Routes, Route{NIC: "eth0", Dst: s.Subnet})
		},
	},
	{
		Name: "seventeenth-address", On: "digitalocean",
		Title:   "Somebody gave ubuntu1 an address of the /64 that is none of its sixteen.",
		Causes:  []string{"address.unassigned"},
		Subject: furtherAddress.String(),
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(furtherAddress, 128), Deprecated: true})
		},
	},
	{
		Name: "by-hand", On: "linode", Healthy: true,
		Title: "ubuntu1's kernel ignores advertisements: its image configures the address and the gateway.",
		Break: func(s *Spec) {
			nic := &s.ubuntu1().NICs[0]
			nic.early("accept_ra", "0")
			nic.Static, nic.Length, nic.Gateway = nic.Addresses, 64, hosterGateway
		},
	},
	{
		Name: "imds-by-ipv6", On: "vpc",
		Title:   "The metadata service is asked over IPv6, and the address that the kernel prefers may not speak.",
		Causes:  []string{"address.unassigned", "host.source-selection"},
		Subject: neighbouring.String(),
		Break: func(s *Spec) {
			s.Metadata.NoIPv4 = true
			h := s.ubuntu1()
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.PrefixFrom(neighbouring, 64)})
		},
	},
	{
		Name: "imds-off", On: "vpc", Healthy: true,
		Title:  "The metadata service is switched off for the instance; the firmware says that it is one of EC2.",
		Causes: []string{"service.imds-off"},
		Break: func(s *Spec) {
			s.Metadata.Off = true
			s.Machine = diag.Machine{SysVendor: "Amazon EC2", Product: "t3.nano"}
		},
	},
	{
		Name: "pod-imds-off", On: "pod", Healthy: true,
		Title: "A pod that the metadata service refuses: what it would say is of the instance's interfaces anyway.",
		Break: func(s *Spec) {
			instance := vpc()
			s.Metadata = instance.Metadata
			s.Metadata.Off = true
		},
	},
	{
		Name: "pod-hop-limit", On: "pod", Healthy: true,
		Title:  "A pod that the metadata service gives no token: the hop limit of its answers is 1, as it is unless somebody raises it.",
		Causes: []string{"service.imds-hop-limit"},
		Break: func(s *Spec) {
			instance := vpc()
			s.Metadata = instance.Metadata
			s.Metadata.NoToken = true
		},
	},
	{
		Name: "pod-without-gateway", On: "pod",
		Title:  "Nobody gave the pod a default route.",
		Causes: []string{"route.missing"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].Gateway = netip.Addr{} },
	},
	{
		Name: "pod-wrong-gateway", On: "pod",
		Title:  "The pod was told a wrong MAC of its gateway.",
		Causes: []string{"host.neighbour-override"},
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.Neighbours = slices.Clone(h.Neighbours)
			h.Neighbours[0].MAC = mac("06:00:5e:00:53:99")
		},
	},
}
