package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/lab/vswitch"
)

// A Spec is all that a lab is made of: plain data, built by a base scenario and changed by faults.
type Spec struct {
	Scenario string // as the user named it
	Base     string // the scenario that the others changed
	Subnet   netip.Prefix
	Subnet4  netip.Prefix
	Hosts    []Host
	Routers  []vswitch.Router
	Fabric   vswitch.Fabric
	Other    *Other // nil: there is one subnet
	Internet Internet
	Chatter  []vswitch.Chatter // of others on the link
	Calls    []vswitch.Call    // what comes unasked while the command runs
	Metadata *Metadata         // nil: there is no metadata service
	// Machine is what the hosts' firmware says of them.
	Machine    diag.Machine
	Try        []netip.Addr
	Faulty     bool          // something is broken on purpose: boot does not insist on a whole network
	RouterDies bool          // the first router dies as soon as the network stands, and says nothing
	Age        time.Duration // how long the leases are held before the command runs
	Args       []string      // further arguments with which `ndwhy check` sees what there is to see
}

// Other is a second subnet behind the same gateway, with what becomes of packets there and back. Its hosts say that they
// are in it, and make their addresses of what its router announces.
type Other struct {
	Subnet      netip.Prefix
	Router      vswitch.Router
	There, Back vswitch.Reach
}

// Metadata is what the metadata service says that is not said by the interfaces themselves.
type Metadata struct {
	VPC, SubnetID   string
	VPCPrefix       netip.Prefix
	VPCPrefix4      netip.Prefix
	Region, Zone    string
	Owner           string
	NoIPv6          bool // the IPv6 endpoint is off
	NoIPv4          bool // nobody asks by IPv4
	Off             bool // the service refuses to say anything, as when it is switched off for an instance
	NoToken         bool // its answers to who asks for a token have a hop limit that ends before they arrive
	NoDNS           bool // the resolver answers nothing
	NoNTP           bool // the time server answers nothing
	InstanceType    string
	SecurityGroup   string
	SecurityGroupID string
}

// Internet is what lies behind the router.
type Internet struct {
	Host   netip.Addr // a real kernel that answers echo, and TCP with a reset
	Reach  vswitch.Reach
	MTU    int // of the path there; 0: that of the interfaces
	NoPTB  bool
	NoEcho bool // the subnet's access list lets no ICMPv6 echo request out
	NoTCP  bool // nor a TCP connection
	// ResetTCP says that a firewall at the router answers connections with a reset, in the name of whom they are for.
	ResetTCP bool
	// OnlyTCP is the one port that it lets TCP out to; 0: all.
	OnlyTCP uint16
	// Resolver is a name server there; zero: there is none. NoDNS says that it answers nothing, RefusesDNS that it looks
	// nothing up for anybody.
	Resolver   netip.Addr
	NoDNS      bool
	RefusesDNS bool
	// Translated says that unique-local addresses are translated on the way there.
	Translated bool
	// NAT64 says that a translator to IPv4 stands there: all of its prefix is answered for.
	NAT64 bool
	// DNS64 says that the name server makes up addresses of that prefix.
	DNS64 bool
}

// A Host is an instance: a kernel stack of its own.
type Host struct {
	Name        string
	Instance    string // instance ID
	NICs        []NIC
	Other       bool              // it is in the other subnet
	NoLoopback  bool              // its loopback interface is down
	NoLocalhost bool              // it has no ::1
	LocalLast   bool              // the policy rule that leads to its own addresses was moved behind all others
	Down        bool              // stopped: its links go down after boot
	Sysctls     map[string]string // below /proc/sys/net, set after boot: "ipv6/conf/eth0/accept_ra"
	Added       []Added           // addresses that somebody added by hand
	Neighbours  []Neighbour       // entries of the neighbour cache that are there already
	Routes      []Route           // that somebody added by hand
	Policies    []Policy          // of routing
	Filters     []Filter          // rules of its packet filter
	RanOut      bool              // its default route did, and nothing has renewed it
	Networkd    *Networkd         // nil: the kernel itself acts on advertisements
	Pod         *Pod              // nil: it is host to nobody
	Tunnel      *Tunnel           // nil: it has no VPN
	Proxies     []netip.Addr      // of others behind it, for whom it answers on its first interface
	// Outer says that the host is itself a container: the metadata service answers it, by way of the instance
	// that it is on, and knows the instance's interface alone.
	Outer *NIC
}

// Networkd says that systemd-networkd configures the interfaces: it switches the kernel's handling
// of advertisements off, and acts on them itself.
type Networkd struct {
	NoGateway bool // UseGateway=no: it makes no default route of them
}

// A Pod is a container or a VPN's client behind a host, which forwards for it if it is told to.
type Pod struct {
	Address, Gateway netip.Addr // the host's end is the gateway
}

// A Tunnel is a host's end of a VPN whose other end takes everything and answers nothing. A table of its own has the
// routes into it, and rules as of wg-quick lead there.
type Tunnel struct {
	Name    string
	Address netip.Addr
	Routes  []netip.Prefix
	Table   int  // and firewall mark of its own packets
	Unruled bool // none of these rules is there
}

// A NIC is one interface of a host. Its first assigned address is the one that DHCPv6 leases.
type NIC struct {
	Name      string
	ID        string // ENI ID
	MAC       diag.MAC
	MTU       int
	FarMTU    int          // of the other end of its cable; 0: MTU
	Addresses []netip.Addr // assigned
	Prefixes  []netip.Prefix
	Address4  netip.Addr
	DHCP      bool              // a DHCPv6 client runs
	DHCPOnce  bool              // it ends as soon as it has its lease
	DHCPDeaf  bool              // it asks, and takes no answer
	Static    []netip.Addr      // assigned, and configured by the image rather than by DHCPv6
	Length    int               // of Static's prefix, which is on-link then; 0: 128
	Gateway   netip.Addr        // that the image configures, on-link whatever the prefix; zero: what is announced
	Early     map[string]string // settings from before it comes up, of it ("accept_ra") or below /proc/sys/net
	Guest     diag.MAC          // that the host gave the interface in place of MAC; zero: it left it as it was

	Bridge   *Bridge
	Queue    string // its queueing discipline, as tc names it; empty: the kernel's own
	NoARP    bool   // somebody told the kernel to look for no neighbours there
	Detached bool   // the infrastructure knows nothing of it any more
	NoLease  bool   // the DHCPv6 server has no address for it
	NoEchoIn bool   // its security group lets no echo request in
	NoGroups bool   // of multicasts that others send it gets those for all nodes alone
	Loss     int    // percent of what it sends that is lost, once the command runs
}

// A Bridge is one of which somebody made the interface a port, once the network stood.
type Bridge struct {
	Name  string
	Along bool // what is static of its addresses, and its default route, went along
}

// LinkLocal returns the EUI-64 link-local address.
func (n *NIC) LinkLocal() netip.Addr { return n.MAC.LinkLocal() }

// address is the MAC that the interface has.
func (n *NIC) address() diag.MAC {
	if n.Guest != (diag.MAC{}) {
		return n.Guest
	}
	return n.MAC
}

// Added is an address that somebody configured by hand.
type Added struct {
	NIC        string
	Prefix     netip.Prefix
	Deprecated bool // never chosen as a source by itself
	DAD        bool // duplicates are looked for, as the kernel does unless told not to
	Optimistic bool // it is used meanwhile (RFC 4429)
	// Lasts is for how long it is valid, as one made of an advertisement is; 0: for ever.
	Lasts time.Duration
	// Unjoined says that the kernel has not joined its group: the interface looked for no neighbours when the address was
	// added (arp off), and was told to again while its link was not ready.
	Unjoined bool
}

// A Neighbour is an entry of the neighbour cache.
type Neighbour struct {
	NIC     string
	Address netip.Addr
	MAC     diag.MAC
	State   diag.NUD // PermanentNUD, Stale or Failed
}

// A Route is one that somebody added.
type Route struct {
	NIC    string // of a route that leads somewhere
	Dst    netip.Prefix
	Via    netip.Addr // zero: on-link
	Src    netip.Addr // the source that it wants; zero: none
	Table  int        // 0: main
	Metric int        // 0: the kernel's own, 1024
	Refuse bool       // "unreachable": it leads nowhere
	Local  bool       // "local": the host takes what it leads to for its own; NIC is lo
	Beside bool       // another next hop of a route that stands before it
}

// A Policy looks packets from a prefix up in a routing table of their own.
type Policy struct {
	From   netip.Prefix // zero: from anywhere
	TCP    bool         // of TCP alone
	Table  int
	Refuse bool // it leads nowhere: what it concerns is unreachable
}

// Host returns the host of a name, or nil.
func (s *Spec) Host(name string) *Host {
	for i := range s.Hosts {
		if s.Hosts[i].Name == name {
			return &s.Hosts[i]
		}
	}
	return nil
}

// nics names the interfaces.
func (h *Host) nics() []string {
	var names []string
	for i := range h.NICs {
		names = append(names, h.NICs[i].Name)
	}
	return names
}

// ubuntu1 is the host in which the command runs, and ubuntu2 its peer: every base has both.
func (s *Spec) ubuntu1() *Host { return s.Host("ubuntu1") }
func (s *Spec) ubuntu2() *Host { return s.Host("ubuntu2") }

// announceResolver has the router announce a name server that is there.
func (s *Spec) announceResolver() {
	s.Internet.Resolver = resolver
	s.router().NameServers = []netip.Addr{resolver}
}

// router is the subnet's router.
func (s *Spec) router() *vswitch.Router { return &s.Routers[0] }

// Addresses on documentation prefixes (RFC 3849, RFC 9637), interface identifiers and MACs as in
// the article that the lab plays (ip6, "Amazon AWS EC2 VPCのIPv6対応", 2017).
var (
	subnet       = netip.MustParsePrefix("2001:db8:1f16:8df0::/64")
	subnet4      = netip.MustParsePrefix("10.0.0.0/24")
	subnetRouter = netip.MustParseAddr("2001:db8:1f16:8df0::1")
	internetHost = netip.MustParseAddr("3fff:7f8:b001:c09::71")
	resolver     = netip.MustParseAddr("3fff:7f8:b001:c09::53")
	nat64Prefix  = netip.MustParsePrefix("64:ff9b::/96")
	ipv4Host     = netip.MustParseAddr("64:ff9b::c633:6407") // 198.51.100.7 by way of NAT64
	caller       = netip.MustParseAddr("3fff:abc::53")       // of whom nothing but questions is seen
	imds4        = netip.MustParseAddr("169.254.169.254")
	imds6        = netip.MustParseAddr("fd00:ec2::254")
	dns6         = netip.MustParseAddr("fd00:ec2::253")
	ntp6         = netip.MustParseAddr("fd00:ec2::123")
	ownAddress   = netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:c7f3")
	peerAddress  = netip.MustParseAddr("2001:db8:1f16:8df0:d326:143a:2015:79fa")
	// furtherAddress and secondENI are ubuntu1's too, where a scenario gives it more than one.
	furtherAddress = netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:d001")
	secondENI      = netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:e001")
	// reservedAddress is one of the first four of the subnet.
	reservedAddress = netip.MustParseAddr("2001:db8:1f16:8df0::2")
	// nobody has this address of the subnet.
	nobody = netip.MustParseAddr("2001:db8:1f16:8df0::53")
	// podAddress is a container's, and vpnClient somebody's for whom ubuntu1 forwards.
	podAddress = netip.MustParseAddr("fd00:10:244::2")
	vpnClient  = netip.MustParseAddr("2001:db8:1f16:8df0::77")
	// thirdAddress is ubuntu3's, where there is one.
	thirdAddress = netip.MustParseAddr("2001:db8:1f16:8df0:c10e::3")
	// nearbyHost is an Internet host whose address begins as the subnet's do.
	nearbyHost = netip.MustParseAddr("2001:db8:b001:c09::71")
	// behind is what lies behind a router that is no way out, and behindHost in it; otherPrefix is a second
	// router's, or was the link's before.
	behind      = netip.MustParsePrefix("fd99:1:2:3::/64")
	behindHost  = netip.MustParseAddr("fd99:1:2:3::99")
	otherPrefix = netip.MustParsePrefix("3fff:7f8:fff0:1::/64")
	// otherSubnet is behind the gateway, and otherHost ubuntu3's address in it, which EUI-64 makes of its MAC.
	otherSubnet = netip.MustParsePrefix("2001:db8:1f16:8df1::/64")
	otherHost   = netip.MustParseAddr("2001:db8:1f16:8df1:4c1:eff:fe00:5303")
	// neighbouring is ubuntu1's assigned address plus one.
	neighbouring = netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:c7f4")
)

func mac(s string) diag.MAC {
	m, err := diag.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

var (
	beyondMAC = mac("06:00:5e:00:53:01") // of the far side of the router
	rogueMAC  = mac("06:00:5e:00:53:66") // of a second router
	otherMAC  = mac("06:00:5e:00:53:02") // of the router of the other subnet
	thirdMAC  = mac("06:c1:0e:00:53:03") // of ubuntu3
)

// A VPC's interfaces take frames of 9001 bytes, its way to the Internet 1500 (EC2 user guide,
// "Network MTU").
const (
	vpcMTU      = 9001
	internetMTU = 1500
)

// vpc is a VPC subnet of today with nothing broken.
func vpc() Spec {
	return Spec{
		Base: "vpc", Subnet: subnet, Subnet4: subnet4,
		Fabric: vswitch.Fabric{Filter: true, Proxy: true},
		Hosts: []Host{
			{Name: "ubuntu1", Instance: "i-01f16f557112ef9bd", NICs: []NIC{{
				Name: "eth0", ID: "eni-01f16f557112ef9bd", MAC: mac("06:df:a5:6c:5d:57"), MTU: vpcMTU, DHCP: true,
				Addresses: []netip.Addr{ownAddress},
				Address4:  netip.MustParseAddr("10.0.0.11"),
			}}},
			{Name: "ubuntu2", Instance: "i-01f16d326143a2015", NICs: []NIC{{
				Name: "eth0", ID: "eni-01f16d326143a2015", MAC: mac("06:f0:13:eb:c6:1d"), MTU: vpcMTU, DHCP: true,
				Addresses: []netip.Addr{
					peerAddress,
					netip.MustParseAddr("2001:db8:1f16:8df0:d326:143a:2015:7a01"),
				},
				Static:   []netip.Addr{netip.MustParseAddr("2001:db8:1f16:8df0:d326:143a:2015:7a01")},
				Address4: netip.MustParseAddr("10.0.0.12"),
			}}},
		},
		Routers: []vswitch.Router{{
			Name: "router", MAC: mac("06:fd:d1:c8:f9:cf"),
			Addresses: []netip.Addr{subnetRouter, diag.VPCRouter},
			Address4:  netip.MustParseAddr("10.0.0.1"),
			Every:     10 * time.Second, Lifetime: 1800 * time.Second, HopLimit: 64, Managed: true, OnLink: true,
			DHCP: vswitch.DHCP{Preferred: 140 * time.Second, Valid: 450 * time.Second},
		}},
		Internet: Internet{Host: internetHost, MTU: internetMTU},
		Metadata: &Metadata{
			VPC: "vpc-01f168df000000001", SubnetID: "subnet-01f168df000000002",
			VPCPrefix: netip.MustParsePrefix("2001:db8:1f16:8d00::/56"), VPCPrefix4: netip.MustParsePrefix("10.0.0.0/16"),
			Region: "us-east-2", Zone: "us-east-2a", Owner: "123456789012", InstanceType: "t3.nano",
			SecurityGroup: "default", SecurityGroupID: "sg-01f168df000000003",
		},
		Try: []netip.Addr{netip.MustParseAddr("fe80::1234")},
	}
}

// article is the VPC of January 2017.
func article() Spec {
	s := vpc()
	s.Base = "article"
	s.router().Addresses = nil
	s.Metadata.NoIPv6, s.Metadata.NoDNS, s.Metadata.NoNTP = true, true, true
	nic := &s.ubuntu2().NICs[0]
	nic.Addresses, nic.Static = nic.Addresses[:1], nil
	return s
}

// lan is an ordinary Ethernet with a router on it.
func lan() Spec {
	s := vpc()
	s.Base = "lan"
	s.Fabric = vswitch.Fabric{Multicast: true}
	s.Metadata = nil
	s.router().AnswersEcho = true
	s.router().Addresses = []netip.Addr{subnetRouter}
	for i := range s.Hosts {
		s.Hosts[i].NICs[0].MTU = internetMTU
	}
	return s
}

// forwardedND is a filtering network that lets the target itself answer, as Neutron's does.
func forwardedND() Spec {
	s := vpc()
	s.Base = "forwarded-nd"
	s.Fabric.Proxy = false
	return s
}

// config makes the switch's configuration, and the host and interface of each of its ports.
func (s *Spec) config() (vswitch.Config, []port) {
	c := vswitch.Config{
		Subnet: s.Subnet, Subnet4: s.Subnet4, Routers: s.Routers, Fabric: s.Fabric, Chatter: s.Chatter, Calls: s.Calls, Seed: 1,
		Beyond: vswitch.Beyond{
			Name: "internet", MAC: beyondMAC, Internet: s.Internet.Reach, MTU: s.Internet.MTU, NoPTB: s.Internet.NoPTB,
			NoEcho: s.Internet.NoEcho, NoTCP: s.Internet.NoTCP, ResetTCP: s.Internet.ResetTCP, OnlyTCP: s.Internet.OnlyTCP,
			Translated: s.Internet.Translated,
		},
	}
	if s.Metadata != nil {
		c.Beyond.Services = []netip.Prefix{netip.PrefixFrom(imds4, 32), netip.MustParsePrefix("fd00:ec2::/32")}
	}
	var ports []port
	c.Ports, ports = s.ports(false)
	if s.Other == nil {
		return c, ports
	}
	next := c
	next.Subnet, next.Subnet4, next.Routers, next.Chatter, next.Calls = s.Other.Subnet, netip.Prefix{}, []vswitch.Router{s.Other.Router}, nil, nil
	c.Beyond.Subnets = []vswitch.Subnet{{Prefix: s.Other.Subnet, Reach: s.Other.There}}
	next.Beyond.Subnets = []vswitch.Subnet{{Prefix: s.Subnet, Reach: s.Other.Back}}
	var further []port
	next.Ports, further = s.ports(true)
	c.Next = &next
	return c, append(ports, further...)
}

// ports are those of the hosts of this subnet, or of the other.
func (s *Spec) ports(other bool) (list []vswitch.Port, ports []port) {
	for h := range s.Hosts {
		for n := range s.Hosts[h].NICs {
			host, nic := &s.Hosts[h], &s.Hosts[h].NICs[n]
			if host.Other != other {
				continue
			}
			p := vswitch.Port{
				Name: host.Name, MAC: nic.MAC, Addresses: slices.Clone(nic.Addresses), Prefixes: nic.Prefixes, Address4: nic.Address4,
				Detached: nic.Detached, NoEchoIn: nic.NoEchoIn, NoGroups: nic.NoGroups, Loss: nic.Loss,
			}
			if n > 0 {
				p.Name += "-" + nic.Name
			}
			if !nic.NoLease && len(nic.Addresses) > 0 {
				p.Lease = nic.Addresses[0]
			}
			list = append(list, p)
			ports = append(ports, port{host, nic})
		}
	}
	return list, ports
}

type port struct {
	host *Host
	nic  *NIC
}

// environment is what processes inside a host learn of where they are: the defaults of ndwhy's flags.
func (s *Spec) environment(host *Host) map[string]string {
	env := map[string]string{
		"NDWHY_LAB": s.Scenario, "NDWHY_ADD": string(diag.AddClaim), "NDWHY_INTERNET": s.Internet.Host.String(),
		"NDWHY_TRY": join(s.Try), "NDWHY_IMDS": "none",
	}
	var assigned []string
	for i := range host.NICs {
		assigned = append(assigned, texts(host.NICs[i].Addresses)...)
		assigned = append(assigned, texts(host.NICs[i].Prefixes)...)
	}
	env["NDWHY_PEER"] = join(s.Peers(host))
	env[nicsEnv] = ""
	if host.Outer == nil {
		env[nicsEnv] = strings.Join(host.nics(), ",")
	}
	env[machineEnv] = s.machine()
	if host.Sysctls["ipv6/conf/all/forwarding"] == "1" {
		env["NDWHY_TRY"], env["NDWHY_ADD"] = "", string(diag.AddNone) // who forwards claims nothing
	}
	env[networkdEnv] = ""
	if host.Networkd != nil {
		env[networkdEnv] = strings.Join(host.nics(), ",")
	}
	switch {
	case s.Metadata != nil && s.Metadata.NoIPv4:
		env["NDWHY_IMDS"] = "http://[" + imds6.String() + "]"
	case s.Metadata != nil:
		env["NDWHY_IMDS"] = "http://" + imds4.String()
	default:
		env["NDWHY_ASSIGNED"] = strings.Join(assigned, ",")
	}
	return env
}

func join(list []netip.Addr) string { return strings.Join(texts(list), ",") }

func texts[T fmt.Stringer](list []T) []string {
	var texts []string
	for _, x := range list {
		texts = append(texts, x.String())
	}
	return texts
}
