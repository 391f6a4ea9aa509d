package why

import (
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// Azure's router has one address and MAC in every subnet (Azure/azure-container-networking,
// defaultV6HostGw and defaultHostGwMac).
var (
	azureRouter    = netip.MustParseAddr("fe80::1234:5678:9abc")
	azureRouterMAC = diag.MAC{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc}
)

// Recognition says which network this is taken for, and why.
type Recognition struct {
	Name       string     `json:"name"`
	Confidence Confidence `json:"confidence"`
	Because    []string   `json:"because"`
}

// Recognise says which network s is in. --profile wins; then the infrastructure's own word (metadata, DMI), then
// what the link looks like, then how the network behaved. No source of these has to be there: each that is adds
// what it tells.
func Recognise(s *diag.State) Recognition { return RecogniseOn(s, s.ReadLinks()) }

// RecogniseOn is Recognise for who has read the links of s.
func RecogniseOn(s *diag.State, links *diag.Links) Recognition {
	if _, ok := profiles[s.Run.Profile]; ok {
		return Recognition{s.Run.Profile, Certain, []string{words.Say("profile.because.given")}}
	}
	if inside(s) {
		// A container's or pod's link is its host's: what the network lets through is judged beyond it.
		return Recognition{Name: "container", Confidence: Likely, Because: []string{words.Say("profile.because.inside")}}
	}
	open, multicast := behaviour(s)
	r := gather(s, links).conclude()
	profile := profiles[r.Name]
	hint := []string{words.Say("profile.because.nothing")}
	if r.Confidence == Possible && profile.Filters {
		// What follows from such a network's rules needs more than that.
		r.Name, hint = "", r.Because
	}
	switch {
	case r.Name != "" && r.Confidence != Certain && profile.Filters && open != "":
		// Such a network drops candidates: what is merely like one is none.
		return Recognition{"lan", Likely, []string{open}}
	case r.Name != "" && r.Confidence != Certain && profile.NoMulticast && multicast != "":
		return Recognition{"lan", Possible, []string{multicast}}
	case r.Name != "":
		return r
	case open != "":
		return Recognition{"lan", Likely, []string{open}}
	case multicast != "":
		return Recognition{"lan", Possible, []string{multicast}}
	}
	if name, _ := cloudOf(s.Machine); name != "" {
		return Recognition{"unknown", Likely, []string{words.Say("profile.because.other", "value", name)}}
	}
	return Recognition{"unknown", Possible, hint}
}

// MaybeVPC reports whether nothing says that this is another network than a VPC, which r is what s shows of it.
func (r Recognition) MaybeVPC(s *diag.State) bool {
	if r.Name == "aws" {
		return true
	}
	name, profile := cloudOf(s.Machine)
	return r.Name != "container" && r.Confidence != Certain && (name == "" || profile == "aws")
}

// OnEC2 reports whether the machine, or what else was learnt of it, says that it is an EC2 instance, or a
// container on one: then there is a metadata service to be asked.
func OnEC2(s *diag.State) bool {
	r := Recognise(s)
	if s.Run.Profile != "" {
		return r.Name == "aws"
	}
	_, profile := cloudOf(s.Machine)
	return profile == "aws" || r.Name == "aws" && r.Confidence != Possible
}

// A clue is something seen that speaks for networks. Without a confidence of its own it only makes another surer.
type clue struct {
	confidence Confidence
	why        string
	profiles   []string
}

// clues are what was seen, the surest kinds first.
type clues []clue

func (c *clues) add(confidence Confidence, why string, profiles ...string) {
	*c = append(*c, clue{confidence, why, profiles})
}

// conclude returns the network that the surest clue speaks for, and all that speaks for it; without a name where
// there is none. Two that are each merely possible make it likely. Where one operator's network is built with what
// many build with, its addresses tell it.
func (c clues) conclude() Recognition {
	var r Recognition
	for _, x := range c {
		if x.confidence != "" && (r.Name == "" || x.confidence.surer(r.Confidence)) {
			r.Name, r.Confidence = x.profiles[0], x.confidence
		}
	}
	for _, x := range c {
		if p := profiles[x.profiles[0]]; x.confidence != "" && p.Platform != "" && p.Platform == r.Name {
			r.Name, r.Confidence = p.Name, Likely
		}
	}
	if r.Name == "" {
		return r
	}
	platform := profiles[r.Name].Platform
	for _, x := range c {
		if slices.Contains(x.profiles, r.Name) || platform != "" && slices.Contains(x.profiles, platform) {
			r.Because = append(r.Because, x.why)
		}
	}
	if r.Confidence == Possible && len(r.Because) > 1 {
		r.Confidence = Likely
	}
	return r
}

// surer reports whether a says more than b.
func (c Confidence) surer(b Confidence) bool { return c.rank() > b.rank() }

func gather(s *diag.State, links *diag.Links) clues {
	var c clues
	if s.Metadata.State == diag.MetadataOK || s.Metadata.State == diag.MetadataNone {
		c.add(Certain, words.Say("profile.because.imds", "endpoint", s.Metadata.Endpoint), "aws")
	}
	if value, profile := cloudOf(s.Machine); profile != "" {
		c.add(Certain, words.Say("profile.because.dmi", "value", value), profile)
	}
	for _, router := range s.RoutersSorted() {
		if router.Address == azureRouter && router.MAC == azureRouterMAC {
			c.add(Likely, words.Say("profile.because.azure-router", "address", router.Address, "mac", router.MAC), "azure")
		}
	}
	for _, p := range s.TellingPaths() {
		if p.Target == diag.VPCRouter && p.Asks == diag.AsksND && !answersForNobody(s, p.Responders) {
			c.add(Likely, words.Say("profile.because.vpc-router", "address", p.Target), "aws")
			break
		}
	}
	for _, iface := range s.InterfacesOf() {
		l := links.Of(iface)
		if !l.Known || !l.Link.Ethernet || l.Link.Loopback {
			continue
		}
		c.ofMAC(l)
		c.ofBlocks(l)
		c.ofGateway(l)
		c.ofAdvertisement(l)
		c.ofLease(s, iface)
	}
	return c
}

// answersForNobody reports whether one of those who answered for an address answers for one that nobody has as well, as
// a router does that answers for all: then it says nothing of whose the address is.
func answersForNobody(s *diag.State, who []diag.Responder) bool {
	return slices.ContainsFunc(s.TellingPaths(), func(p diag.Path) bool {
		return p.Asks == diag.AsksDAD && p.Target.IsLinkLocalUnicast() && slices.ContainsFunc(p.Responders, func(r diag.Responder) bool {
			return slices.ContainsFunc(who, func(w diag.Responder) bool { return w.MAC == r.MAC })
		})
	})
}

// MACs by which operators' networks can be told, by their first bytes.
var (
	neutronMACs = diag.MAC{0xfa, 0x16, 0x3e} // openstack/neutron, conf/common.py, base_mac (2026-08-07)
	googleMACs  = diag.MAC{0x42, 0x01}       // GoogleCloudPlatform/guest-agent#160 (2022-03-11)
	vultrMACs   = diag.MAC{0x56, 0x00}       // gist.github.com/mnathani/fd4611b17c8e3774d892c13b744b881d (2019-09-08)
	tapMACs     = byte(0xfe)                 // of the host's end of an interface, libvirt 6ea90b84 (2010-07), libvir-list 2019-August/msg00377
)

// ofMAC are the clues of an interface's own MAC, and of its router's.
func (c *clues) ofMAC(l *diag.LinkModel) {
	mac := l.Link.MAC
	begins := func(mac diag.MAC, profile string) {
		c.add(Likely, words.Say("profile.because.mac", "mac", mac, "network", words.Say("profile."+profile+".name")), profile)
	}
	google := func(mac diag.MAC) bool { return [2]byte(mac[:2]) == [2]byte(googleMACs[:2]) }
	router := slices.IndexFunc(l.Routers, func(r *diag.RouterSeen) bool { return google(r.MAC) })
	switch {
	case [3]byte(mac[:3]) == [3]byte(neutronMACs[:3]):
		begins(mac, "openstack")
	case google(mac):
		begins(mac, "gcp")
	case router >= 0:
		begins(l.Routers[router].MAC, "gcp")
	case [2]byte(mac[:2]) == [2]byte(vultrMACs[:2]):
		tap := mac
		tap[0] = tapMACs
		if l.IsRouter(tap.LinkLocal()) {
			c.add(Possible, words.Say("profile.because.tap", "address", tap.LinkLocal(), "mac", mac), "vultr")
		}
	}
}

// ofGateway are the clues of the router that is configured.
func (c *clues) ofGateway(l *diag.LinkModel) {
	for _, r := range l.Defaults {
		if r.Fact.Via != fe801 {
			continue
		}
		var names []string
		for _, p := range networks {
			if slices.Contains(p.Gateways, fe801) {
				names = append(names, p.Name)
			}
		}
		c.add("", words.Say("profile.because.gateway", "address", fe801), names...)
		return
	}
}

// A VPC's router announces itself so, and its DHCPv6 server gives addresses for so long, unless told otherwise
// (amazonlinux/amazon-ec2-net-utils#94, #68; Amazon VPC user guide, "DHCP option sets").
const (
	vpcLifetime  = 1800
	vpcPreferred = 140
	vpcValid     = 450
)

// ofAdvertisement are the clues of what a router announces: its flags, lifetime and prefixes.
func (c *clues) ofAdvertisement(l *diag.LinkModel) {
	for _, r := range l.Routers {
		onLink := func(p diag.PrefixInfo) bool { return p.OnLink && !p.Autonomous && p.Prefix.Bits() == 64 }
		route := func(i diag.RouteInfo) bool { return i.Prefix.Bits() > 0 }
		switch {
		case r.Last.Managed && r.Last.LifetimeS == vpcLifetime && slices.ContainsFunc(r.Last.Prefixes, onLink):
			c.add("", words.Say("profile.because.ra-vpc", "router", r.Address), "aws")
		case r.Last.Managed && len(r.OnLinkPrefixes()) == 0 && slices.ContainsFunc(r.Last.Routes, route):
			c.add("", words.Say("profile.because.ra-route", "router", r.Address), "gcp")
		}
	}
}

// ofLease are the clues of what DHCPv6 gave.
func (c *clues) ofLease(s *diag.State, iface string) {
	for _, list := range [][]diag.LeaseAddress{s.Replies[iface].Fact.Addresses, s.Leases[iface].Addresses} {
		if slices.ContainsFunc(list, func(a diag.LeaseAddress) bool { return a.PreferredS == vpcPreferred && a.ValidS == vpcValid }) {
			c.add(Possible, words.Say("profile.because.lease", "preferred", vpcPreferred, "valid", vpcValid), "aws")
			return
		}
	}
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

// azureChassis is the chassis asset tag of every Azure machine (cloud-init, DataSourceAzure.py).
const azureChassis = "7783-7084-3265-9085-8269-3286-77"

// cloudOf returns what a machine calls itself where that names a cloud, and the profile of its network, empty
// where nothing is known of that. As cloud-init recognises them (canonical/cloud-init, tools/ds-identify, 2026-08-21).
func cloudOf(m diag.Machine) (value, profile string) {
	switch {
	case m.SysVendor == "Amazon EC2":
		return m.SysVendor, "aws"
	case m.BIOS == "Amazon EC2":
		return m.BIOS, "aws"
	case strings.HasSuffix(m.BIOSVersion, ".amazon"):
		return m.BIOSVersion, "aws"
	case m.ChassisID == azureChassis:
		return m.ChassisID, "azure"
	case m.Product == "Google Compute Engine":
		return m.Product, "gcp"
	case m.ChassisID == "OracleCloud.com":
		return m.ChassisID, "oci"
	}
	switch m.SysVendor {
	case "Hetzner":
		return m.SysVendor, "hetzner"
	case "Scaleway":
		return m.SysVendor, "scaleway"
	case "DigitalOcean":
		return m.SysVendor, "digitalocean"
	case "Linode", "Akamai":
		return m.SysVendor, "linode"
	case "Vultr":
		return m.SysVendor, "vultr"
	case "UpCloud", "NWCS":
		return m.SysVendor, ""
	}
	switch m.ChassisID {
	case "OpenStack Nova", "OpenStack Compute", "OpenTelekomCloud", "SAP CCloud VM", "HUAWEICLOUD", "Samsung Cloud Platform":
		return m.ChassisID, "openstack"
	}
	for _, other := range []string{"CloudStack", "CloudCIX", "Exoscale", "CloudSigma", "Alibaba Cloud ECS", "3DS Outscale VM"} {
		if strings.HasPrefix(m.Product, other) {
			return m.Product, ""
		}
	}
	if strings.HasPrefix(m.Product, "OpenStack") {
		return m.Product, "openstack"
	}
	return "", ""
}

// fromHost are the kinds of interface that a host gives to its containers and pods.
var fromHost = []string{"veth", "macvlan", "ipvlan", "netkit"}

// inside reports whether this is a container or a pod on an instance. The metadata service, where it answers by way
// of the instance, knows none of the interfaces here. Where it does not, the machine is a cloud's, and every
// interface has its other end in another network namespace: no instance's own is such.
func inside(s *diag.State) bool {
	asked := s.Metadata.State == diag.MetadataOK && len(s.Metadata.Interfaces) > 0
	cloud, _ := cloudOf(s.Machine)
	if !asked && cloud == "" {
		return false
	}
	some := false
	for _, l := range s.Links {
		if !l.Ethernet || l.Loopback || l.MAC == (diag.MAC{}) {
			continue
		}
		some = true
		own := func(m diag.MetadataInterface) bool { return m.MAC == l.MAC }
		if asked && slices.ContainsFunc(s.Metadata.Interfaces, own) ||
			!asked && (!l.Elsewhere || !slices.Contains(fromHost, l.Type) || slices.Contains(s.Run.NICs, l.Interface)) {
			return false
		}
	}
	return some
}
