package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/lab/vswitch"
)

// A Scenario is a network and what is broken in it. Bases stand alone; faults change a base, and
// compose: "lan+peer-down", "no-ra+unassigned-address".
type Scenario struct {
	Name   string
	Title  string   // one sentence
	Causes []string // what a diagnosis must name; of a fault: on the base that it is made for
	On     string   // the base that a fault breaks unless another is named; empty: this is a base

	Base  func() Spec // of a base
	Break func(*Spec) // of a fault
}

// Scenarios is every scenario, bases first.
var Scenarios = []Scenario{
	{
		Name: "vpc", Base: vpc,
		Title:  "A VPC subnet of today: only assigned addresses speak, the fabric answers solicitations.",
		Causes: []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent"},
	},
	{
		Name: "article", Base: article,
		Title:  "The VPC of January 2017: no fe80:ec2::1, prefix::1 is nobody's, one address an instance.",
		Causes: []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent"},
	},
	{
		Name: "lan", Base: lan,
		Title:  "A plain LAN: no filter, multicast everywhere, the router answers, no metadata service.",
		Causes: []string{"net.open-link"},
	},
	{
		Name: "forwarded-nd", Base: forwardedND,
		Title:  "A filtering network whose solicitations reach the target itself, as OpenStack's do.",
		Causes: []string{"net.per-address-filter", "net.multicast-suppressed", "net.router-silent"},
	},

	{
		Name: "unassigned-address", On: "vpc",
		Title:  "Somebody added an address to ubuntu1 that nobody assigned; it is deprecated, so nothing uses it.",
		Causes: []string{"address.unassigned"},
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
		Name: "peer-down", On: "forwarded-nd",
		Title:  "ubuntu2 is stopped, in a network that leaves it to ubuntu2 to answer.",
		Causes: []string{"peer.unmapped"},
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
		Break:  func(s *Spec) { s.ubuntu2().NICs[0].Detached = true },
	},
	{
		Name: "peer-echo-blocked", On: "vpc",
		Title:  "ubuntu2's security group lets no echo request in.",
		Causes: []string{"peer.echo-blocked"},
		Break:  func(s *Spec) { s.ubuntu2().NICs[0].NoEchoIn = true },
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
		Name: "router-unresolvable", On: "vpc",
		Title:  "The router advertises but answers no solicitation for its addresses.",
		Causes: []string{"router.unresolvable"},
		Break:  func(s *Spec) { s.router().Unresolvable = true },
	},
	{
		Name: "rogue-router", On: "vpc",
		Title:  "A second router advertises itself.",
		Causes: []string{"router.rogue"},
		Break: func(s *Spec) {
			rogue := *s.router()
			rogue.Name, rogue.MAC, rogue.Addresses, rogue.Address4 = "rogue", mac("06:00:5e:00:53:66"), nil, netip.Addr{}
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
		Name: "dhcp-no-address", On: "lan",
		Title:  "The DHCPv6 server has no address for ubuntu1, and no metadata service says why.",
		Causes: []string{"dhcpv6.no-address"},
		Break:  nothingAssigned,
	},
	{
		Name: "no-dhcp-client", On: "vpc",
		Title:  "No DHCPv6 client runs on ubuntu1: the address that waits for it is never asked for.",
		Causes: []string{"dhcpv6.no-client"},
		Break:  func(s *Spec) { s.ubuntu1().NICs[0].DHCP = false },
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
		Name: "mtu-blackhole", On: "vpc",
		Title:  "Large packets to the Internet vanish without a Packet Too Big.",
		Causes: []string{"path.mtu"},
		Break:  func(s *Spec) { s.Internet.MTU, s.Internet.NoPTB = 1400, true },
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
		Name: "forwarding", On: "vpc",
		Title:  "Forwarding was switched on in ubuntu1, as containers and VPNs do: its kernel ignores advertisements.",
		Causes: []string{"router.advertisement-ignored"},
		Break:  func(s *Spec) { s.ubuntu1().Sysctls = map[string]string{"ipv6/conf/all/forwarding": "1"} },
	},
	{
		Name: "ipv6-disabled", On: "vpc",
		Title:  "IPv6 is disabled on ubuntu1's interface.",
		Causes: []string{"host.ipv6-disabled"},
		Break:  func(s *Spec) { s.ubuntu1().Sysctls = map[string]string{"ipv6/conf/eth0/disable_ipv6": "1"} },
	},
	{
		Name: "link-down", On: "vpc",
		Title:  "ubuntu1's interface is down.",
		Causes: []string{"host.link-down"},
		Break:  func(s *Spec) { s.ubuntu1().Down = true },
	},
	{
		Name: "dad-off", On: "vpc",
		Title: "Duplicate address detection is off in ubuntu1, as on Amazon Linux 2023: no fault.",
		Break: func(s *Spec) { s.ubuntu1().Sysctls = map[string]string{"ipv6/conf/eth0/accept_dad": "0"} },
	},
	{
		Name: "delegated-prefix", On: "vpc",
		Title: "ubuntu1 uses an address inside a prefix that is delegated to it: no fault.",
		Break: func(s *Spec) {
			h := s.ubuntu1()
			h.NICs[0].Prefixes = []netip.Prefix{netip.MustParsePrefix("2001:db8:1f16:8df0:aaaa::/80")}
			h.Added = append(h.Added, Added{NIC: "eth0", Prefix: netip.MustParsePrefix("2001:db8:1f16:8df0:aaaa::77/128")})
		},
	},
}

// nothingAssigned leaves ubuntu1 without a global address, and the DHCPv6 server with none for it.
func nothingAssigned(s *Spec) {
	nic := &s.ubuntu1().NICs[0]
	nic.Addresses, nic.Static, nic.NoLease = nil, nil, true
}

// Find returns the network of a scenario's name, and the causes that a diagnosis of it must name: a
// base, or faults on the base that the first of them is made for, or a base and faults, joined by
// "+". What a base's own causes are under a fault depends on the fault: then only the faults' are
// returned. The error says where to look.
func Find(name string) (Spec, []string, error) {
	var spec *Spec
	var faults []Scenario
	var causes []string
	for n := range strings.SplitSeq(name, "+") {
		i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == n })
		if i < 0 {
			return Spec{}, nil, fmt.Errorf("scenario %q: there is no such one; see: ndwhy lab list", n)
		}
		sc := Scenarios[i]
		switch {
		case sc.On != "":
			faults = append(faults, sc)
		case spec != nil:
			return Spec{}, nil, fmt.Errorf("scenario %q: %s and %s are both whole networks; join one with faults", name, spec.Base, n)
		default:
			s := sc.Base()
			spec, causes = &s, sc.Causes
		}
	}
	if len(faults) > 0 {
		causes = nil
	}
	if spec == nil {
		i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == faults[0].On })
		s := Scenarios[i].Base()
		spec = &s
	}
	for _, f := range faults {
		f.Break(spec)
		causes = append(causes, f.Causes...)
	}
	spec.Scenario, spec.Faulty = name, len(faults) > 0
	return *spec, causes, nil
}
