package why

import (
	"net/netip"

	"ndwhy/diag"
)

var (
	ourSources   = []diag.SourceClass{diag.SourceAssigned, diag.SourceUnknown}
	otherSources = []diag.SourceClass{diag.SourceUnassigned, diag.SourceCandidate}
	nd           = []diag.Asks{diag.AsksND}
	echo         = []diag.Asks{diag.AsksEcho}
	reach        = []diag.Asks{diag.AsksND, diag.AsksEcho}
	beyond       = []diag.Asks{diag.AsksEcho, diag.AsksTCP}
	dad          = []diag.Asks{diag.AsksDAD}
	solicit      = []diag.Asks{diag.AsksRS}
	toRouter     = []diag.TargetClass{diag.TargetRouter}
	toPeer       = []diag.TargetClass{diag.TargetPeer}
	toAllNodes   = []diag.TargetClass{diag.TargetAllNodes}
	toInternet   = []diag.TargetClass{diag.TargetInternet}
)

// The router that hosters configure by hand in every network.
var fe801 = diag.StaticGateway

// Where lines come from.
var (
	ec2Security = Source{Documented, "Amazon EC2 user guide, \"Infrastructure security\" (2026-04-13)"}
	vpcSubnets  = Source{Documented, "Amazon VPC user guide, \"Subnet sizing\" (2025-11 or later)"}
	vpcMapping  = Source{Observed, "tty.neveragain.de/2020/08/12/aws-multicast.html (2020-08-12)"}
	vpcArticle  = Source{Observed, "qiita.com/ip6/items/bec8a619c6d486dea0a8 (2017-01-15)"}
	vpcRA       = Source{Observed, "amazonlinux/amazon-ec2-net-utils#94 (2023-09-19)"}
	vpcDHCP     = Source{Documented, "Amazon VPC user guide, \"DHCP option sets\" (2025-11 or later)"}
	ec2MTU      = Source{Documented, "Amazon EC2 user guide, \"Network MTU\" (2026-04-13)"}

	neutronFirewall = Source{Documented, "openstack/neutron, neutron/agent/linux/iptables_firewall.py (2026-08-07)"}
	neutronIPv6     = Source{Documented, "openstack/neutron, doc/source/admin/config-ipv6.rst (2026-08-07)"}

	azureFAQ    = Source{Documented, "Microsoft Azure, \"Virtual Network frequently asked questions\" (about 2020)"}
	azureRouted = Source{Documented, "Azure/azure-container-networking, defaultV6HostGw (no date)"}
	azureIMDS   = Source{Documented, "canonical/cloud-init, DataSourceAzure.py (2026-08-21)"}

	gcpAgent = Source{Observed, "GoogleCloudPlatform/guest-agent#160 (2022-03-11)"}

	ociNetworkd = Source{Observed, "systemd/systemd#28183 (2023-06-28)"}

	hetznerDocs = Source{Documented, "docs.hetzner.com, \"Network configuration on Debian & Ubuntu\" (read 2026-11)"}
	hetznerWiki = Source{Observed, "hpaluch.github.io, wiki \"Hetzner\" (2026-11-07)"}

	ovhVPS  = Source{Observed, "bortzmeyer.org/ovh-ipv6.html (2023-03-17)"}
	ovhNet  = Source{Observed, "blog.laxis.it/static-ipv4-ipv6-netplan-ovh-vps (read 2026-11)"}
	ovhNDP  = Source{Observed, "sawknerd.net/2024/07 (2024-08-01)"}
	ovhHost = Source{Observed, "otacon22.com, \"IPv6 setup in two hosting providers compared\" (2016-02-21)"}

	scalewayDocs = Source{Documented, "scaleway/docs-content#4341 (2025-02-03)"}

	doMetadata = Source{Documented, "canonical/cloud-init, helpers/digitalocean.py (2026-08-21)"}
	doSixteen  = Source{Observed, "Temporalitas/ipv6-proxy-server#21 (2024-04)"}

	linodePaste = Source{Observed, "pastebin.com/hD4m03aQ (no date)"}
	linodeGuide = Source{Documented, "Linode, \"An Overview of IPv6 on Linode\" (2019-01-02)"}

	vultrMetadata = Source{Documented, "canonical/cloud-init, helpers/vultr.py (2026-08-21)"}
	vultrGist     = Source{Observed, "gist.github.com/cloverstd/3731dc0b323988bf8d143ea24031d340 (2019-09-04)"}
	vultrNDP      = Source{Observed, "moby/moby#37779 (2018-09)"}

	cniSpec = Source{Documented, "containernetworking/cni, SPEC.md, version 1.1.0 (2024)"}

	rfc4861 = Source{Documented, "RFC 4861 §7.2.4"}
	noRA    = Source{Inferred, "the way out is configured by hand, so that none need be announced; whether one is, is not known"}
)

// networks are what the program knows of networks: only what is documented or was observed stands here, and what is
// not found stays unknown. A configured address of which it is not known whether it is assigned is expected to
// work: that is what it was configured for.
var networks = []Profile{
	{
		Name: "aws", AWS: true,
		Facts: []Fact{
			{Filters, ec2Security},
			{EUI64Required, vpcMapping},
			{OneRouter, vpcSubnets},
			{Answers, vpcMapping},
			{Reserved, vpcSubnets},
			{NoMulticast, vpcSubnets},
			{Advertised, vpcRA},
			{Leased, vpcDHCP},
			{OneAddress, vpcRA},
		},
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: vpcRA},
			{asks: dad, expect: ExpectSilence, by: vpcArticle},
			// Whether a router address answers echo today is not known.
			{asks: echo, to: toRouter, expect: ExpectEither, by: vpcArticle},
			{asks: echo, to: toAllNodes, expect: ExpectSilence, by: vpcSubnets},
			{from: otherSources, expect: ExpectSilence, by: ec2Security},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: vpcMapping},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: vpcMapping},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
			{asks: []diag.Asks{diag.AsksDHCP}, expect: ExpectAnswer, by: vpcDHCP},
			{asks: []diag.Asks{diag.AsksService}, from: ourSources, expect: ExpectAnswer, by: vpcDHCP},
			{asks: []diag.Asks{diag.AsksMTU}, from: ourSources, expect: ExpectAnswer, by: ec2MTU},
		},
	},
	// A port lets through what it was given unless port security is off: both are common, so neither outcome of
	// an unassigned source is odd. Multicast is delivered; who answers depends on the security groups.
	{
		Name: "openstack",
		Facts: []Fact{
			{EUI64Required, neutronFirewall}, {Advertised, neutronIPv6},
		},
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: neutronIPv6},
			{asks: dad, expect: ExpectSilence, by: neutronFirewall},
			{asks: echo, to: []diag.TargetClass{diag.TargetRouter, diag.TargetAllNodes}, expect: ExpectEither, by: neutronFirewall},
			{from: otherSources, expect: ExpectEither, by: neutronFirewall},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	{
		Name: "azure", Gateways: []netip.Addr{azureRouter}, GatewaysBy: azureRouted,
		Facts: []Fact{
			{OneRouter, azureRouted}, {NoMulticast, azureFAQ}, {Advertised, azureRouted}, {Leased, azureIMDS}, {OneAddress, azureIMDS},
		},
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: azureRouted},
			{asks: dad, expect: ExpectSilence, by: azureFAQ},
			{asks: echo, to: toRouter, expect: ExpectEither, by: azureFAQ},
			{asks: echo, to: toAllNodes, expect: ExpectSilence, by: azureFAQ},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	// The subnet is not on-link, so peers are reached through the router and are no neighbours; only the router is.
	{
		Name: "gcp",
		Facts: []Fact{
			{Advertised, gcpAgent}, {Leased, gcpAgent}, {OneAddress, gcpAgent}, {OffLink, gcpAgent}, {Apart, gcpAgent},
		},
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: gcpAgent},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, from: ourSources, to: []diag.TargetClass{diag.TargetPeer, diag.TargetInternet}, expect: ExpectAnswer, by: gcpAgent},
		},
	},
	// How unassigned sources, ff02::1 and echo to the router are treated is not known.
	{
		Name: "oci",
		Facts: []Fact{
			{Advertised, ociNetworkd}, {Leased, ociNetworkd},
		},
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: ociNetworkd},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	// Dedicated servers and cloud servers: a /64 for each, by way of its link-local address.
	{
		Name: "hetzner", Gateways: []netip.Addr{fe801}, GatewaysBy: hetznerDocs,
		Facts: []Fact{
			{ByHand, hetznerDocs}, {ByLinkLocal, hetznerDocs},
		},
		Normal: byHand(hetznerWiki),
	},
	// VPS and public cloud, built with OpenStack, and dedicated servers: each solicits and is solicited, and
	// each has a gateway outside the prefix that it is given.
	{
		Name: "ovh", Platform: "openstack", PlatformBy: ovhVPS,
		Facts: []Fact{
			{ByHand, ovhNet}, {OneAddress, ovhNet}, {Apart, ovhVPS}, {Solicited, ovhNDP},
		},
		Normal: byHand(ovhHost),
	},
	{
		Name: "scaleway",
		Facts: []Fact{
			{ByHand, scalewayDocs},
		},
		Normal: byHand(noRA),
	},
	{
		Name: "digitalocean",
		Facts: []Fact{
			{ByHand, doMetadata}, {FewOnly, doSixteen},
		},
		Normal: byHand(doMetadata),
	},
	{
		Name: "linode", Gateways: []netip.Addr{fe801}, GatewaysBy: linodePaste,
		Facts: []Fact{
			{Advertised, linodeGuide}, {FormedByMAC, linodeGuide},
		},
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: linodeGuide},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	{
		Name: "vultr",
		Facts: []Fact{
			{Advertised, vultrGist}, {FormedByMAC, vultrMetadata}, {Solicited, vultrNDP},
		},
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: vultrGist},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	// The link of a container or a pod is what its host made it: addresses and routes are set up by its runtime, by a
	// bridge or by a pair of interfaces, and what the network around the host lets through is judged beyond it.
	{
		Name:   "container",
		Facts:  []Fact{{ByHand, cniSpec}},
		Normal: byHand(cniSpec),
	},
	// A plain Ethernet, where every host that holds an address answers for it and any address that fits the link
	// may be used. Hosts may ignore multicast echo.
	{
		Name: "lan",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: Source{Documented, "RFC 4861 §6.2.6"}},
			{asks: dad, expect: ExpectSilence, by: Source{Documented, "RFC 4862 §5.4"}},
			{asks: echo, to: toAllNodes, expect: ExpectEither, by: Source{Documented, "RFC 4443 §4.2"}},
			{asks: beyond, from: otherSources, to: toInternet, expect: ExpectEither},
			{asks: reach, to: []diag.TargetClass{diag.TargetRouter, diag.TargetPeer}, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, to: toInternet, expect: ExpectAnswer},
		},
	},
	// Nothing recognised: what IPv6 itself promises of any link, and no more.
	{
		Name: "unknown",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer, by: Source{Documented, "RFC 4861 §6.2.6"}},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: rfc4861},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
}

// byHand is what is normal where addresses and gateway are configured, and the gateway may be silent about itself.
func byHand(by Source) []cell {
	return []cell{
		{asks: solicit, expect: ExpectEither, by: by},
		{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer, by: rfc4861},
		{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer, by: rfc4861},
		{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
	}
}
