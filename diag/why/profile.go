package why

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// Recognition says which network this is taken for, and why.
type Recognition struct {
	Name       string     `json:"name"`
	Confidence Confidence `json:"confidence"`
	Because    []string   `json:"because"`
}

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
	ours       = []diag.SourceClass{diag.SourceAssigned, diag.SourceUnknown}
	notOurs    = []diag.SourceClass{diag.SourceUnassigned, diag.SourceCandidate}
	nd         = []diag.Asks{diag.AsksND}
	echo       = []diag.Asks{diag.AsksEcho}
	reach      = []diag.Asks{diag.AsksND, diag.AsksEcho}
	dad        = []diag.Asks{diag.AsksDAD}
	solicit    = []diag.Asks{diag.AsksRS}
	toRouter   = []diag.TargetClass{diag.TargetRouter}
	toPeer     = []diag.TargetClass{diag.TargetPeer}
	toAllNodes = []diag.TargetClass{diag.TargetAllNodes}
	toInternet = []diag.TargetClass{diag.TargetInternet}
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
			{from: notOurs, expect: ExpectSilence},
			{asks: nd, from: ours, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ours, to: toPeer, expect: ExpectAnswer},
			{asks: echo, from: ours, to: toInternet, expect: ExpectAnswer},
			{asks: []diag.Asks{diag.AsksDHCP}, expect: ExpectAnswer},
			{asks: []diag.Asks{diag.AsksService}, from: ours, expect: ExpectAnswer},
			{asks: []diag.Asks{diag.AsksMTU}, from: ours, expect: ExpectAnswer},
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
			{from: notOurs, expect: ExpectEither},
			{asks: nd, from: ours, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ours, to: toPeer, expect: ExpectAnswer},
			{asks: echo, from: ours, to: toInternet, expect: ExpectAnswer},
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
			{asks: nd, from: ours, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ours, to: toPeer, expect: ExpectAnswer},
			{asks: echo, from: ours, to: toInternet, expect: ExpectAnswer},
		},
	},
	// Google Cloud: the subnet is not on-link, so peers are reached through the router and are no
	// neighbours; only the router is (GoogleCloudPlatform/guest-agent#160).
	"gcp": {
		Name: "gcp",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: nd, from: ours, to: toRouter, expect: ExpectAnswer},
			{asks: echo, from: ours, to: []diag.TargetClass{diag.TargetPeer, diag.TargetInternet}, expect: ExpectAnswer},
		},
	},
	// Oracle Cloud: RA with M and DHCPv6 (systemd/systemd#28183); how unassigned sources, ff02::1
	// and echo to the router are treated is not known.
	"oci": {
		Name: "oci",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: nd, from: ours, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ours, to: toPeer, expect: ExpectAnswer},
			{asks: echo, from: ours, to: toInternet, expect: ExpectAnswer},
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
			{asks: echo, from: notOurs, to: toInternet, expect: ExpectEither},
			{asks: reach, to: []diag.TargetClass{diag.TargetRouter, diag.TargetPeer}, expect: ExpectAnswer},
			{asks: echo, to: toInternet, expect: ExpectAnswer},
		},
	},
	// Nothing recognised: what IPv6 itself promises of any link, and no more.
	"unknown": {
		Name: "unknown",
		Normal: []cell{
			{asks: solicit, expect: ExpectAnswer},
			{asks: nd, from: ours, to: toRouter, expect: ExpectAnswer},
			{asks: reach, from: ours, to: toPeer, expect: ExpectAnswer},
			{asks: echo, from: ours, to: toInternet, expect: ExpectAnswer},
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

// Azure's router has one address and MAC in every subnet (Azure/azure-container-networking,
// defaultV6HostGw and defaultHostGwMac).
var (
	azureRouter    = netip.MustParseAddr("fe80::1234:5678:9abc")
	azureRouterMAC = diag.MAC{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc}
)

// azureChassis is the chassis asset tag of every Azure machine (cloud-init, DataSourceAzure.py).
const azureChassis = "7783-7084-3265-9085-8269-3286-77"

// Recognise says which network s is in. --profile wins; then the infrastructure's own word
// (metadata, DMI), then what the router looks like, then how the network behaved.
func Recognise(s *diag.State) Recognition {
	if _, ok := profiles[s.Run.Profile]; ok {
		return Recognition{s.Run.Profile, Certain, []string{words.Say("profile.because.given")}}
	}
	open, multicast := behaviour(s)
	r := recognise(s)
	switch {
	case r.Name == "aws" && r.Confidence != Certain && open != "":
		// A VPC drops candidates: what is merely like one is none.
		return Recognition{"lan", Likely, []string{open}}
	case r.Name != "":
		return r
	case open != "":
		return Recognition{"lan", Likely, []string{open}}
	case multicast != "":
		return Recognition{"lan", Possible, []string{multicast}}
	default:
		return Recognition{"unknown", Possible, []string{words.Say("profile.because.nothing")}}
	}
}

func recognise(s *diag.State) Recognition {
	var r Recognition
	because := func(name string, c Confidence, why string) {
		if r.Name == "" {
			r = Recognition{Name: name, Confidence: c}
		}
		if r.Name == name {
			r.Because = append(r.Because, why)
		}
	}
	if s.Metadata.State == diag.MetadataOK || s.Metadata.State == diag.MetadataNone {
		because("aws", Certain, words.Say("profile.because.imds", "endpoint", s.Metadata.Endpoint))
	}
	dmi := func(name, value string) {
		because(name, Certain, words.Say("profile.because.dmi", "value", value))
	}
	// As cloud-init recognises them: its DataSource files Ec2, Azure, GCE, Oracle and OpenStack.
	m := s.Machine
	switch {
	case m.SysVendor == "Amazon EC2":
		dmi("aws", m.SysVendor)
	case m.BIOS == "Amazon EC2":
		dmi("aws", m.BIOS)
	case strings.HasSuffix(m.BIOSVersion, ".amazon"):
		dmi("aws", m.BIOSVersion)
	case m.ChassisID == azureChassis:
		dmi("azure", m.ChassisID)
	case m.Product == "Google Compute Engine":
		dmi("gcp", m.Product)
	case m.ChassisID == "OracleCloud.com":
		dmi("oci", m.ChassisID)
	case strings.HasPrefix(m.Product, "OpenStack"):
		dmi("openstack", m.Product)
	}
	for _, router := range s.RoutersSorted() {
		if router.Address == azureRouter && router.MAC == azureRouterMAC {
			because("azure", Likely, words.Say("profile.because.azure-router", "address", router.Address, "mac", router.MAC))
		}
	}
	for _, p := range s.TellingPaths() {
		if p.Target == diag.VPCRouter && p.Asks == diag.AsksND {
			because("aws", Likely, words.Say("profile.because.vpc-router", "address", p.Target))
			break
		}
	}
	return r
}

// behaviour returns a sentence for each of the controls that shows an open link: an address that
// nobody assigned was answered; somebody else answered ff02::1.
func behaviour(s *diag.State) (open, multicast string) {
	for _, p := range s.TellingPaths() {
		if p.SourceClass == diag.SourceCandidate && p.Asks == diag.AsksEcho && open == "" {
			open = words.Say("profile.because.open", "source", p.Source, "target", p.Target)
		}
		if p.TargetClass == diag.TargetAllNodes && len(p.Responders) > 0 && multicast == "" {
			multicast = words.Say("profile.because.multicast", "count", len(p.Responders))
		}
	}
	return open, multicast
}

// Normal says whether a path's outcome is as a profile expects in the state s; nil where that
// cannot be known. A missing answer from a target that the program chose itself is nil, unless
// the wire shows that the target does answer.
func Normal(s *diag.State, profile string, p diag.Path) *bool {
	return newNormals(s, ProfileNamed(profile)).of(p)
}

// Unexpected reports whether the silence of p would be a symptom here, and so is worth asking
// again before it is believed.
func Unexpected(s *diag.State, p diag.Path) bool {
	if p.Outcome != diag.Silent {
		return false
	}
	n := Normal(s, Recognise(s).Name, p)
	return n != nil && !*n
}

// normals judges the paths of one state by one profile.
type normals struct {
	s       *diag.State
	profile Profile
}

func newNormals(s *diag.State, profile Profile) *normals { return &normals{s, profile} }

func (n *normals) answered(via diag.Via, q diag.Question) bool { return n.s.Answered(via, q) }

// expect returns what the profile's table, and the state where the table depends on it, say.
func (n *normals) expect(p diag.Path) Expectation {
	e := ExpectUnknown
	for _, c := range n.profile.Normal {
		if c.matches(p) {
			e = c.expect
			break
		}
	}
	switch {
	case p.Asks == diag.AsksRS && e == ExpectAnswer && n.hasOtherDefault(p.Interface):
		// Somebody configured the way out by hand: no advertisement is needed.
		return ExpectEither
	case p.Asks == diag.AsksND && p.TargetClass == diag.TargetRouter && e == ExpectAnswer && !n.s.IsRouter(p.Interface, p.Target):
		// A well-known router address that this network need not have.
		return ExpectEither
	case p.Asks == diag.AsksDHCP && e == ExpectUnknown:
		return ExpectAnswer // it is asked only where the router says that a server is there
	case p.Asks == diag.AsksMTU && !n.smallAnswered(p):
		// A target that answers no echo at all says nothing about sizes.
		return ExpectUnknown
	case p.Asks == diag.AsksMTU && e == ExpectUnknown:
		return ExpectAnswer
	case p.Asks == diag.AsksService && p.Target == diag.IMDSIPv6:
		// IMDS over IPv6 is off unless somebody switched it on (EC2 user guide).
		return ExpectEither
	case p.Asks == diag.AsksService && e == ExpectAnswer && !n.hasServices(p):
		return ExpectUnknown
	case e == ExpectAnswer && p.Asks != diag.AsksND && n.farSource(p):
		return ExpectUnknown
	}
	return e
}

// hasServices reports whether the services of a VPC are known to be there: they are on Nitro
// instances alone (VPC user guide, "DHCP option sets"), which say so, or of which one answers.
func (n *normals) hasServices(p diag.Path) bool {
	q := diag.QuestionOf(p)
	for _, q.Target = range diag.VPCServices {
		if n.answered(p.Via, q) {
			return true
		}
	}
	return n.s.Machine.SysVendor == "Amazon EC2"
}

// farSource reports whether an answer to a question's source may not find its way back, whatever
// the network lets through: a link-local source asks beyond its scope, or a candidate lies outside
// the link's prefixes, so that the target's own routes decide. (An advertisement of its address
// needs no route: the target sends it to the link.)
func (n *normals) farSource(p diag.Path) bool {
	if p.Target.IsLinkLocalUnicast() || p.Target.IsMulticast() {
		return false
	}
	if p.Source.IsLinkLocalUnicast() {
		return true
	}
	if diag.ScopeOf(p.Source) == diag.ULAScope && diag.ScopeOf(p.Target) == diag.GlobalScope && n.hasGlobal(p.Interface) {
		return true // ULAs are not routed on the Internet (RFC 4193 §4.1)
	}
	return p.SourceClass == diag.SourceCandidate && !slices.ContainsFunc(n.s.LinkPrefixes(p.Interface), func(prefix netip.Prefix) bool {
		return prefix.Contains(p.Source)
	})
}

// hasGlobal reports whether an interface has an address for the Internet. Without one, what its ULA
// cannot reach nothing can: unless that is translated, which is then what is missing.
func (n *normals) hasGlobal(iface string) bool {
	for k, a := range n.s.Addresses {
		if k.Interface == iface && diag.ScopeOf(k.Address) == diag.GlobalScope && a.Fact.Flags.Usable() {
			return true
		}
	}
	return false
}

func (n *normals) hasOtherDefault(iface string) bool {
	return slices.ContainsFunc(n.s.DefaultRoutes(iface), func(r diag.At[diag.Route]) bool {
		return r.Fact.Protocol != "ra" && n.s.Left(r.Fact.ExpiresS, r.At) != 0 && !n.profile.OneRouter
	})
}

func (n *normals) smallAnswered(p diag.Path) bool {
	q := diag.QuestionOf(p)
	q.Asks = diag.AsksEcho
	return n.answered(diag.ViaWire, q) || n.answered(diag.ViaKernel, q)
}

func (n *normals) of(p diag.Path) *bool {
	if p.Outcome == diag.OutcomeSkipped || p.Outcome == "" {
		return nil
	}
	if p.Asks == diag.AsksDAD {
		return n.dad(p)
	}
	q := diag.QuestionOf(p)
	if p.Asks == diag.AsksND && p.Via == diag.ViaKernel && p.Outcome == diag.Unsent && n.answered(diag.ViaKernel, diag.Question{Interface: q.Interface, Asks: diag.AsksEcho, Source: q.Source, Target: q.Target}) {
		return nil // the kernel sends it another way, and needed none
	}
	if p.Via == diag.ViaKernel && p.Outcome != diag.Answered && n.answered(diag.ViaWire, q) && p.Target != diag.VPCRouter {
		// The wire answered the same question: whatever this target does elsewhere, it answers here.
		return new(false)
	}
	if p.Via == diag.ViaWire && p.Outcome == diag.Silent && n.answered(diag.ViaKernel, q) {
		// It answered the kernel a moment before: a limit on its answers, not a fault.
		return nil
	}
	if p.Asks == diag.AsksND && p.Outcome == diag.Silent && n.s.ClassOf(p.Interface, p.Target) == diag.SourceAssigned {
		return new(true) // the interface's own address, which is not configured: nobody has taken it
	}
	expect := n.expect(p)
	if p.Outcome == diag.Answered {
		switch expect {
		case ExpectUnknown:
			return nil
		default:
			return new(expect != ExpectSilence)
		}
	}
	if p.Outcome == diag.Refused && p.Asks == diag.AsksMTU && p.Error != nil && p.Error.Type == diag.PacketTooBig {
		return new(true) // the error that must come came
	}
	switch expect {
	case ExpectAnswer:
		chosen := p.TargetClass == diag.TargetPeer || p.TargetClass == diag.TargetInternet
		if chosen && !p.Given && (p.Outcome != diag.Unsent || p.Errno == "") {
			return nil
		}
		return new(false)
	case ExpectSilence, ExpectEither:
		if p.Outcome == diag.Unsent {
			return nil // it never was asked
		}
		return new(true)
	default:
		return nil
	}
}

// dad judges duplicate address detection, where silence is the good outcome.
func (n *normals) dad(p diag.Path) *bool {
	switch {
	case p.Outcome == diag.Silent:
		return new(true)
	case p.Outcome == diag.Answered && n.s.ClassOf(p.Interface, p.Target) == diag.SourceAssigned:
		return new(false)
	default:
		return nil
	}
}

// DetailOf returns the detail of a path in a network of a profile: as it is, or said more exactly
// where it is known whose address answered.
func DetailOf(s *diag.State, profile string, p diag.Path) string {
	if p.Detail != "answered-for" || !ProfileNamed(profile).Reserved {
		return p.Detail
	}
	mine := p.Source // the candidate
	if p.Asks == diag.AsksDAD {
		mine = p.Target
	}
	for _, subnet := range s.LinkPrefixes(p.Interface) {
		switch {
		case mine == subnet.Masked().Addr().Next():
			return "answered-for-router"
		case diag.ReservedIn(subnet, mine):
			return "answered-for-reserved"
		}
	}
	if mine == diag.VPCRouter {
		return "answered-for-router"
	}
	return p.Detail
}
