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
	case r.Name == "aws" && r.Confidence != Certain && multicast != "":
		return Recognition{"lan", Possible, []string{multicast}} // nor has it multicast
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
	if inside(s) {
		// A container's or pod's link is its host's: what the VPC lets through is judged beyond it.
		return Recognition{Name: "unknown", Confidence: Likely, Because: []string{words.Say("profile.because.inside")}}
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

// inside reports whether this is a container or a pod on an instance: the metadata service answers, by way of the
// instance, and knows none of the interfaces here.
func inside(s *diag.State) bool {
	if s.Metadata.State != diag.MetadataOK || len(s.Metadata.Interfaces) == 0 {
		return false
	}
	some := false
	for _, l := range s.Links {
		if !l.Ethernet || l.Loopback || l.MAC == (diag.MAC{}) {
			continue
		}
		some = true
		if slices.ContainsFunc(s.Metadata.Interfaces, func(m diag.MetadataInterface) bool { return m.MAC == l.MAC }) {
			return false
		}
	}
	return some
}
