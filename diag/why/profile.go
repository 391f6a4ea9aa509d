package why

import (
	"slices"

	"ndwhy/diag"
)

// An Expectation is the outcome of a question that is normal somewhere.
type Expectation int

// What can be expected. ExpectUnknown is neither normal nor a symptom, whatever comes.
const (
	ExpectUnknown Expectation = iota
	ExpectAnswer
	ExpectSilence
	ExpectEither
)

// A cell is a row of a profile's table: the outcome that is normal for questions of these kinds.
// An empty list matches all.
type cell struct {
	asks   []diag.Asks
	from   []diag.SourceClass
	to     []diag.TargetClass
	via    diag.Via
	expect Expectation
}

func (c cell) matches(p diag.Path) bool {
	return (len(c.asks) == 0 || slices.Contains(c.asks, p.Asks)) &&
		(len(c.from) == 0 || slices.Contains(c.from, p.SourceClass)) &&
		(len(c.to) == 0 || slices.Contains(c.to, p.TargetClass)) &&
		(c.via == "" || c.via == p.Via)
}

// A Profile is what is known of a kind of network. The first row of Normal that matches a
// question holds; where none does, nothing is known.
type Profile struct {
	Name   string
	Normal []cell

	// Filters: the network is documented to drop frames from addresses that it did not assign.
	Filters bool
	// EUI64Required: a link-local address that is not made from the MAC is not let through.
	EUI64Required bool
	// OneRouter: a second advertiser has no business on this link.
	OneRouter bool
	// Answers: the infrastructure answers NS for a neighbour, so a resolved one is mapped, not alive.
	Answers bool
	// Reserved: the first four addresses and the last of a subnet are the network's own.
	Reserved bool
	// AWS: the commands of `aws ec2` apply.
	AWS bool
}

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

// profiles are what the program knows of networks: only what is documented or was observed stands
// here. A configured address of which it is not known
// whether it is assigned is expected to work: that is what it was configured for.
var profiles = map[string]Profile{
	// AWS: the VPC drops what an interface sends from an address that is not its own (EC2 user
	// guide, "Infrastructure security"); no multicast ("Subnet sizing"); NS are answered by the
	// infrastructure (tty.neveragain.de 2020); DAD of an unassigned address passes and its NS stay
	// unanswered (qiita.com/ip6 2017). Whether a router address answers echo today is not known.
	"aws": {
		Name: "aws", Filters: true, EUI64Required: true, OneRouter: true, Answers: true, Reserved: true, AWS: true,
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: dad, expect: ExpectSilence},
			{asks: echo, to: toRouter, expect: ExpectEither},
			{asks: echo, to: toAllNodes, expect: ExpectSilence},
			{from: otherSources, expect: ExpectSilence},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
			{asks: []diag.Asks{diag.AsksDHCP}, expect: ExpectAnswer},
			{asks: []diag.Asks{diag.AsksService}, from: ourSources, expect: ExpectAnswer},
			{asks: []diag.Asks{diag.AsksMTU}, from: ourSources, expect: ExpectAnswer},
		},
	},
	// OpenStack Neutron filters by port unless port security is off (neutron/agent/linux/
	// iptables_firewall.py): both are common, so neither outcome of an unassigned source is odd.
	// Multicast is delivered; who answers depends on the security groups.
	"openstack": {
		Name: "openstack", EUI64Required: true,
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: dad, expect: ExpectSilence},
			{asks: echo, to: []diag.TargetClass{diag.TargetRouter, diag.TargetAllNodes}, expect: ExpectEither},
			{from: otherSources, expect: ExpectEither},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	// Azure: no multicast, no layer 2, the router cannot be pinged (Virtual Network FAQ).
	"azure": {
		Name: "azure", OneRouter: true,
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: dad, expect: ExpectSilence},
			{asks: echo, to: toRouter, expect: ExpectEither},
			{asks: echo, to: toAllNodes, expect: ExpectSilence},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	// Google Cloud: the subnet is not on-link, so peers are reached through the router and are no
	// neighbours; only the router is (GoogleCloudPlatform/guest-agent#160).
	"gcp": {
		Name: "gcp",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer},
			{asks: beyond, from: ourSources, to: []diag.TargetClass{diag.TargetPeer, diag.TargetInternet}, expect: ExpectAnswer},
		},
	},
	// Oracle Cloud: RA with M and DHCPv6 (systemd/systemd#28183); how unassigned sources, ff02::1
	// and echo to the router are treated is not known.
	"oci": {
		Name: "oci",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
	// A plain Ethernet, where every host that holds an address answers for it (RFC 4861 §7.2.4)
	// and any address that fits the link may be used. Hosts may ignore multicast echo.
	"lan": {
		Name: "lan",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: dad, expect: ExpectSilence},
			{asks: echo, to: toAllNodes, expect: ExpectEither},
			{asks: beyond, from: otherSources, to: toInternet, expect: ExpectEither},
			{asks: reach, to: []diag.TargetClass{diag.TargetRouter, diag.TargetPeer}, expect: ExpectAnswer},
			{asks: beyond, to: toInternet, expect: ExpectAnswer},
		},
	},
	// Nothing recognised: what IPv6 itself promises of any link, and no more.
	"unknown": {
		Name: "unknown",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: nd, from: ourSources, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ourSources, to: toPeer, expect: ExpectAnswer},
			{asks: beyond, from: ourSources, to: toInternet, expect: ExpectAnswer},
		},
	},
}

// Profiles returns the names that --profile takes, sorted.
func Profiles() []string { return diag.SortedKeys(profiles) }

// ProfileNamed returns a profile; of a name that is not known, the unknown one.
func ProfileNamed(name string) Profile {
	if p, ok := profiles[name]; ok {
		return p
	}
	return profiles["unknown"]
}
