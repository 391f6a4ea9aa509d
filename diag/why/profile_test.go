package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// on is an interface with a MAC and an address, and more about it.
func on(mac diag.MAC, addr string, more ...diag.Body) []diag.Body {
	return append([]diag.Body{
		diag.Link{Interface: "eth0", Index: 2, MAC: mac, Up: true, Ethernet: true},
		diag.Address{Interface: "eth0", Address: netip.MustParseAddr(addr), PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever},
	}, more...)
}

// by is a default route that somebody configured.
func by(gateway string) diag.Body {
	r := diagtest.DefaultRoute("static")
	r.Via = netip.MustParseAddr(gateway)
	return r
}

// veth is an interface whose other end is in another network namespace.
var veth = []diag.Body{diag.Link{Interface: "eth0", Index: 2, MAC: diagtest.MyMAC, Up: true, Ethernet: true, Type: "veth", Parent: 9, Elsewhere: true}}

func TestRecognise(t *testing.T) {
	tests := []struct {
		name       string
		bodies     []diag.Body
		paths      []diag.Path
		want       string
		confidence Confidence
	}{
		{name: "nothing", want: "unknown", confidence: Possible},
		{name: "metadata", bodies: []diag.Body{diag.Metadata{State: diag.MetadataNone}}, want: "aws", confidence: Certain},
		{name: "Nitro", bodies: []diag.Body{diag.Machine{SysVendor: "Amazon EC2"}}, want: "aws", confidence: Certain},
		{name: "Xen", bodies: []diag.Body{diag.Machine{SysVendor: "Xen", BIOSVersion: "4.11.amazon"}}, want: "aws", confidence: Certain},
		{
			name: "a router that answers for the VPC's, and for nobody's address", want: "unknown", confidence: Possible,
			paths: []diag.Path{
				{Asks: diag.AsksND, Target: diag.VPCRouter, TargetClass: diag.TargetRouter, Outcome: diag.Answered, Responders: []diag.Responder{{MAC: diagtest.RouterMAC}}},
				{
					Check: "added", Asks: diag.AsksDAD, Source: netip.IPv6Unspecified(), Target: netip.MustParseAddr("fe80::1234"), TargetClass: diag.TargetPeer,
					Outcome: diag.Answered, Responders: []diag.Responder{{MAC: diagtest.RouterMAC}},
				},
			},
		},
		{
			name: "the VPC's router", paths: []diag.Path{{Asks: diag.AsksND, Target: diag.VPCRouter, TargetClass: diag.TargetRouter, Outcome: diag.Answered}},
			want: "aws", confidence: Likely,
		},
		{
			name: "the VPC's router where candidates are answered", paths: []diag.Path{
				{Asks: diag.AsksND, Target: diag.VPCRouter, TargetClass: diag.TargetRouter, Outcome: diag.Answered},
				{Asks: diag.AsksEcho, Source: diagtest.MineNext, SourceClass: diag.SourceCandidate, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer, Outcome: diag.Answered},
			},
			want: "lan", confidence: Likely,
		},
		{name: "Azure by chassis", bodies: []diag.Body{diag.Machine{SysVendor: "Microsoft Corporation", ChassisID: azureChassis}}, want: "azure", confidence: Certain},
		{name: "Hyper-V is not Azure", bodies: []diag.Body{diag.Machine{SysVendor: "Microsoft Corporation"}}, want: "unknown", confidence: Possible},
		{
			name:   "Azure by its router",
			bodies: []diag.Body{diagtest.RaFrame(azureRouter, azureRouterMAC, diag.Advertisement{LifetimeS: 1800})},
			want:   "azure", confidence: Likely,
		},
		{
			name:   "Azure's address with another MAC",
			bodies: []diag.Body{diagtest.RaFrame(azureRouter, diagtest.PeerMAC, diag.Advertisement{LifetimeS: 1800})},
			want:   "unknown", confidence: Possible,
		},
		{name: "Google", bodies: []diag.Body{diag.Machine{Product: "Google Compute Engine"}}, want: "gcp", confidence: Certain},
		{name: "Oracle", bodies: []diag.Body{diag.Machine{ChassisID: "OracleCloud.com"}}, want: "oci", confidence: Certain},
		{name: "OpenStack", bodies: []diag.Body{diag.Machine{Product: "OpenStack Nova"}}, want: "openstack", confidence: Certain},
		{
			name: "multicast arrives", want: "lan", confidence: Possible,
			paths: []diag.Path{{Asks: diag.AsksEcho, Target: diag.AllNodes, TargetClass: diag.TargetAllNodes, Outcome: diag.Answered, Responders: []diag.Responder{{Address: diagtest.PeerLocal}}}},
		},
		{
			name: "given", bodies: []diag.Body{diag.Run{Profile: "gcp"}, diag.Machine{SysVendor: "Amazon EC2"}}, want: "gcp", confidence: Certain,
		},
		{name: "Hetzner", bodies: []diag.Body{diag.Machine{SysVendor: "Hetzner"}}, want: "hetzner", confidence: Certain},
		{name: "Scaleway", bodies: []diag.Body{diag.Machine{SysVendor: "Scaleway"}}, want: "scaleway", confidence: Certain},
		{name: "DigitalOcean", bodies: []diag.Body{diag.Machine{SysVendor: "DigitalOcean"}}, want: "digitalocean", confidence: Certain},
		{name: "Akamai", bodies: []diag.Body{diag.Machine{SysVendor: "Akamai"}}, want: "linode", confidence: Certain},
		{name: "Linode", bodies: []diag.Body{diag.Machine{SysVendor: "Linode"}}, want: "linode", confidence: Certain},
		{name: "Vultr", bodies: []diag.Body{diag.Machine{SysVendor: "Vultr"}}, want: "vultr", confidence: Certain},
		{name: "Open Telekom Cloud", bodies: []diag.Body{diag.Machine{SysVendor: "OpenStack Foundation", ChassisID: "OpenTelekomCloud"}}, want: "openstack", confidence: Certain},
		{name: "a cloud of which nothing is known", bodies: []diag.Body{diag.Machine{SysVendor: "UpCloud"}}, want: "unknown", confidence: Likely},
		{name: "a laptop", bodies: []diag.Body{diag.Machine{SysVendor: "LENOVO"}}, want: "unknown", confidence: Possible},

		{name: "Amazon's addresses", bodies: on(diagtest.MyMAC, "2600:1f16:8df::7"), want: "unknown", confidence: Possible},
		{
			name: "Amazon's addresses and lease", want: "aws", confidence: Likely,
			bodies: append(on(diagtest.MyMAC, "2600:1f16:8df::7"), diag.Lease{Interface: "eth0", Addresses: []diag.LeaseAddress{{Prefix: netip.MustParsePrefix("2600:1f16:8df::7/128"), PreferredS: 140, ValidS: 450}}}),
		},
		{name: "Google's addresses", bodies: on(diagtest.MyMAC, "2600:1900:4000:1::7"), want: "gcp", confidence: Possible},
		{name: "Hetzner's addresses", bodies: on(diagtest.MyMAC, "2a01:4f8:1c1e:1::1"), want: "hetzner", confidence: Possible},
		{name: "Hetzner's addresses and gateway", bodies: on(diagtest.MyMAC, "2a01:4ff:f0:1::1", by("fe80::1")), want: "hetzner", confidence: Likely},
		{name: "a gateway as of several", bodies: on(diagtest.MyMAC, "2001:db8::7", by("fe80::1")), want: "unknown", confidence: Possible},
		{name: "OVH's addresses", bodies: on(diagtest.MyMAC, "2001:41d0:701:1100::b4f"), want: "ovh", confidence: Possible},
		{
			name: "OVH's addresses in an OpenStack machine", bodies: append(on(diagtest.MyMAC, "2001:41d0:701:1100::b4f"), diag.Machine{Product: "OpenStack Nova"}),
			want: "ovh", confidence: Likely,
		},
		{name: "OVH's addresses and Neutron's MAC", bodies: on(diag.MAC{0xfa, 0x16, 0x3e, 1, 2, 3}, "2001:41d0:701:1100::b4f"), want: "ovh", confidence: Likely},
		{name: "Neutron's MAC", bodies: on(diag.MAC{0xfa, 0x16, 0x3e, 1, 2, 3}, "2001:db8::7"), want: "openstack", confidence: Likely},
		{name: "Google's MAC", bodies: on(diag.MAC{0x42, 0x01, 0x0a, 0x8a, 0, 4}, "2001:db8::7"), want: "gcp", confidence: Likely},
		{
			name: "Google's router", want: "gcp", confidence: Likely,
			bodies: append(on(diagtest.MyMAC, "2001:db8::7"), diagtest.RaFrame(netip.MustParseAddr("fe80::4001:aff:fe03:1"), diag.MAC{0x42, 0x01, 0x0a, 0x03, 0, 1}, diag.Advertisement{Managed: true, LifetimeS: 66})),
		},
		{name: "Scaleway's addresses", bodies: on(diagtest.MyMAC, "2001:bc8:1210::1"), want: "scaleway", confidence: Possible},
		{name: "DigitalOcean's addresses", bodies: on(diagtest.MyMAC, "2a03:b0c0:2:f0::2c:2001"), want: "digitalocean", confidence: Possible},
		{name: "Linode's addresses", bodies: on(diagtest.MyMAC, "2600:3c01::f03c:91ff:fe00:1"), want: "linode", confidence: Possible},
		{
			name: "Vultr's addresses and the end of the tap", want: "vultr", confidence: Likely,
			bodies: on(diag.MAC{0x56, 0, 3, 0x21, 0x2e, 0xeb}, "2001:19f0:6001::7", by("fe80::fc00:3ff:fe21:2eeb")),
		},
		{
			name: "a VPC's addresses and advertisement", want: "aws", confidence: Likely,
			bodies: append(on(diagtest.MyMAC, "2600:1f16:8df::7"), diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diagtest.VpcRA())),
		},
		{name: "the addresses of another's machine", bodies: append(on(diagtest.MyMAC, "2600:1f16:8df::7"), diag.Machine{SysVendor: "Hetzner"}), want: "hetzner", confidence: Certain},
		{
			name: "Amazon's addresses where candidates are answered", bodies: on(diagtest.MyMAC, "2600:1f16:8df::7"), want: "lan", confidence: Likely,
			paths: []diag.Path{{Asks: diag.AsksEcho, Source: diagtest.MineNext, SourceClass: diag.SourceCandidate, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer}},
		},

		{name: "a container", bodies: append(veth, diag.Machine{SysVendor: "Amazon EC2"}), want: "container", confidence: Likely},
		{name: "a container at home", bodies: append(veth, diag.Machine{SysVendor: "LENOVO"}), want: "unknown", confidence: Possible},
		{name: "a container of a machine that says nothing", bodies: veth, want: "unknown", confidence: Possible},
		{name: "an instance of the lab", bodies: append(slices.Clone(veth), diag.Run{NICs: []string{"eth0"}}, diag.Machine{SysVendor: "Amazon EC2"}), want: "aws", confidence: Certain},
		{
			name: "a host of containers", want: "aws", confidence: Certain,
			bodies: append(veth, diag.Link{Interface: "ens5", Index: 2, MAC: diagtest.OtherMAC, Ethernet: true}, diag.Machine{SysVendor: "Amazon EC2"}),
		},
		{
			name: "a container that the metadata service answers", want: "container", confidence: Likely,
			bodies: append(on(diagtest.MyMAC, "2001:db8::7"), diag.Metadata{State: diag.MetadataOK, Interfaces: []diag.MetadataInterface{{MAC: diagtest.OtherMAC}}}),
		},
		{
			name: "given and unheard of", bodies: []diag.Body{diag.Run{Profile: "nonesuch"}}, want: "unknown", confidence: Possible,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &diagtest.World{Run: diag.Run{Interfaces: []string{"eth0"}}}
			w.Say(tt.bodies...)
			for _, p := range tt.paths {
				w.Path(p)
			}
			s := w.State()
			r := Recognise(s)
			if r.Name != tt.want || r.Confidence != tt.confidence || len(r.Because) == 0 {
				t.Errorf("got %+v, want %s, %s", r, tt.want, tt.confidence)
			}
		})
	}
}

// TestNormal spells the tables out: what is normal, for whom, where. Where a cloud's behaviour is
// not documented, neither outcome may be called normal or not.
func TestNormal(t *testing.T) {
	yes, no := new(true), new(false)
	base := diagtest.VPC().Drop(diagtest.OfKind(func(diag.Metadata) bool { return true })).Drop(diagtest.OfKind(func(diag.Machine) bool { return true }))
	base.Paths = nil
	s := base.State()
	nd := func(class diag.SourceClass, target diag.TargetClass) diag.Path {
		return diag.Path{Interface: "eth0", Asks: diag.AsksND, Source: diagtest.Mine, SourceClass: class, Target: diagtest.PeerGlobal, TargetClass: target, Given: true, Via: diag.ViaWire}
	}
	echo := func(class diag.SourceClass, target diag.TargetClass) diag.Path {
		p := nd(class, target)
		p.Asks = diag.AsksEcho
		return p
	}
	candidate := func(p diag.Path) diag.Path { p.Source = diagtest.MineNext; return p }
	toRouter := func(p diag.Path) diag.Path { p.Target = diagtest.RouterAddr; return p }
	chosen := func(p diag.Path) diag.Path { p.Given = false; return p }
	known := func(p diag.Path) diag.Path { p.Target = diag.VPCRouter; return p }
	tests := []struct {
		profile          string
		path             diag.Path
		answered, silent *bool
	}{
		{"aws", toRouter(nd(diag.SourceAssigned, diag.TargetRouter)), yes, no},
		{"aws", known(nd(diag.SourceAssigned, diag.TargetRouter)), yes, yes},
		{"aws", toRouter(echo(diag.SourceAssigned, diag.TargetRouter)), yes, yes},
		{"aws", nd(diag.SourceAssigned, diag.TargetPeer), yes, no},
		{"aws", echo(diag.SourceAssigned, diag.TargetPeer), yes, no},
		{"aws", echo(diag.SourceUnknown, diag.TargetPeer), yes, no},
		{"aws", chosen(echo(diag.SourceAssigned, diag.TargetPeer)), yes, nil},
		{"aws", chosen(echo(diag.SourceAssigned, diag.TargetInternet)), yes, nil},
		{"aws", echo(diag.SourceAssigned, diag.TargetInternet), yes, no},
		{"aws", echo(diag.SourceAssigned, diag.TargetAllNodes), no, yes},
		{"aws", candidate(nd(diag.SourceCandidate, diag.TargetPeer)), no, yes},
		{"aws", candidate(echo(diag.SourceCandidate, diag.TargetInternet)), no, yes},
		{"aws", echo(diag.SourceUnassigned, diag.TargetInternet), no, yes},
		{"lan", toRouter(echo(diag.SourceAssigned, diag.TargetRouter)), yes, no},
		{"lan", candidate(nd(diag.SourceCandidate, diag.TargetPeer)), yes, no},
		{"lan", candidate(echo(diag.SourceCandidate, diag.TargetPeer)), yes, no},
		{"lan", echo(diag.SourceAssigned, diag.TargetAllNodes), yes, yes},
		{"openstack", candidate(echo(diag.SourceCandidate, diag.TargetPeer)), yes, yes},
		{"openstack", toRouter(echo(diag.SourceAssigned, diag.TargetRouter)), yes, yes},
		{"openstack", nd(diag.SourceAssigned, diag.TargetPeer), yes, no},
		{"azure", toRouter(echo(diag.SourceAssigned, diag.TargetRouter)), yes, yes},
		{"azure", echo(diag.SourceAssigned, diag.TargetAllNodes), no, yes},
		{"azure", candidate(echo(diag.SourceCandidate, diag.TargetPeer)), nil, nil},
		{"gcp", nd(diag.SourceAssigned, diag.TargetPeer), nil, nil},
		{"gcp", toRouter(nd(diag.SourceAssigned, diag.TargetRouter)), yes, no},
		{"gcp", toRouter(echo(diag.SourceAssigned, diag.TargetRouter)), nil, nil},
		{"gcp", echo(diag.SourceAssigned, diag.TargetAllNodes), nil, nil},
		{"oci", toRouter(echo(diag.SourceAssigned, diag.TargetRouter)), nil, nil},
		{"oci", candidate(echo(diag.SourceCandidate, diag.TargetPeer)), nil, nil},
		{"oci", echo(diag.SourceAssigned, diag.TargetAllNodes), nil, nil},
		{"unknown", candidate(echo(diag.SourceCandidate, diag.TargetPeer)), nil, nil},
		{"unknown", echo(diag.SourceUnassigned, diag.TargetPeer), nil, nil},
		{"unknown", echo(diag.SourceUnknown, diag.TargetPeer), yes, no},
		{"unknown", toRouter(echo(diag.SourceAssigned, diag.TargetRouter)), nil, nil},
		{"unknown", echo(diag.SourceAssigned, diag.TargetAllNodes), nil, nil},
	}
	for _, tt := range tests {
		for outcome, want := range map[diag.Outcome]*bool{diag.Answered: tt.answered, diag.Silent: tt.silent} {
			p := tt.path
			p.Outcome = outcome
			got := Normal(s, tt.profile, p)
			if (got == nil) != (want == nil) || got != nil && *got != *want {
				t.Errorf("%s: %s %s > %s %s: %s, want %s", tt.profile, p.Asks, p.SourceClass, p.TargetClass, outcome, tri(got), tri(want))
			}
		}
	}
}

func tri(b *bool) string {
	switch {
	case b == nil:
		return "unknown"
	case *b:
		return "normal"
	default:
		return "a symptom"
	}
}

func TestNormalWhereWireAndKernelDisagree(t *testing.T) {
	kernel := diag.Path{
		Check: "peer-echo", Interface: "eth0", Asks: diag.AsksEcho, Source: diagtest.Mine, SourceClass: diag.SourceAssigned, Target: diagtest.PeerSecond, TargetClass: diag.TargetPeer,
		Via: diag.ViaKernel, Outcome: diag.Silent,
	}
	wire := kernel
	wire.Via, wire.Outcome = diag.ViaWire, diag.Answered
	s := (&diagtest.World{}).Path(wire).Path(kernel).State()
	if got := Normal(s, "unknown", kernel); got == nil || *got {
		t.Errorf("the wire is answered, the kernel is not, by a target of the program's own choice: %s", tri(got))
	}
	wire.Outcome, kernel.Outcome = diag.Silent, diag.Answered
	s = (&diagtest.World{}).Path(wire).Path(kernel).State()
	if got := Normal(s, "lan", wire); got != nil {
		t.Errorf("a target that answered the kernel a moment before limits its answers: %s", tri(got))
	}
}

func TestUnexpected(t *testing.T) {
	s := diagtest.VPC().State()
	silent := diag.Path{Interface: "eth0", Asks: diag.AsksEcho, Source: diagtest.Mine, SourceClass: diag.SourceAssigned, Target: diagtest.PeerSecond, TargetClass: diag.TargetPeer, Via: diag.ViaWire, Outcome: diag.Silent, Given: true}
	if !Unexpected(s, silent) {
		t.Error("the silence of a peer that the user named is not worth asking again")
	}
	candidate := silent
	candidate.Source, candidate.SourceClass = diagtest.MineNext, diag.SourceCandidate
	if Unexpected(s, candidate) {
		t.Error("the silence that a filter makes is asked again")
	}
	silent.Outcome = diag.Answered
	if Unexpected(s, silent) {
		t.Error("an answer is asked again")
	}
}

func TestReservedAddresses(t *testing.T) {
	for addr, want := range map[string]bool{
		"2001:db8:1f16:8df::":                   true,
		"2001:db8:1f16:8df::1":                  true,
		"2001:db8:1f16:8df::3":                  true,
		"2001:db8:1f16:8df::4":                  false,
		"2001:db8:1f16:8df:ffff:ffff:ffff:ffff": true,
		"2001:db8:1f16:8df:ffff:ffff:ffff:fffe": false,
		"2001:db8:1f16:8df:1::1":                false,
		"2001:db8:1f16:8de::1":                  false,
		"2001:db8:1f16:8df:f557:112e:f9bd:c7f3": false,
	} {
		if got := diag.ReservedIn(diagtest.Subnet, netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if diag.ReservedIn(netip.MustParsePrefix("2001:db8::/44"), netip.MustParseAddr("2001:db8:f:ffff:ffff:ffff:ffff:ffff")) != true {
		t.Error("the last address of a /44 is not reserved")
	}
}

// TestNetworks: a healthy network of each kind is one, and what goes wrong there is named.
func TestNetworks(t *testing.T) {
	nova := diag.Machine{Product: "OpenStack Nova"}
	hetzner := func() *diagtest.World {
		return diagtest.Configured(diag.Machine{SysVendor: "Hetzner"}, diagtest.HosterGateway)
	}
	ovh := func() *diagtest.World {
		w := diagtest.Configured(nova, netip.MustParseAddr("2001:db8:1f16:8df::1"))
		w.Run.Profile = "ovh"
		return w
	}
	private := func(w *diagtest.World) *diagtest.World {
		w.Drop(diagtest.OfKind(func(a diag.Address) bool { return a.Address == diagtest.MyLocal }))
		return w.Say(diag.Address{
			Interface: "eth0", Address: netip.MustParseAddr("fe80::88cf:4891:a68c:e03f"), PrefixLen: 64, Flags: diag.Permanent | diag.StablePrivacy, PreferredS: diag.Forever, ValidS: diag.Forever,
		})
	}
	beyond := func(p diag.Path) bool { return p.TargetClass == diag.TargetInternet }
	asked := diag.Frame{
		Interface: "eth0", SrcMAC: diagtest.RouterMAC, Src: diagtest.HosterGateway, Dst: diag.SolicitedNode(diagtest.MyLocal), HopLimit: 255, Type: diag.NS, Target: diagtest.MyLocal,
	}
	apart := func(w *diagtest.World) *diagtest.World {
		w.Silence(diagtest.To(diagtest.PeerGlobal))
		return w.Say(diag.Selection{Dst: diagtest.PeerGlobal, Source: diagtest.Mine, Interface: "eth0"})
	}
	tests := []struct {
		name, profile string
		world         *diagtest.World
		faults        []string
	}{
		{"hetzner", "hetzner", hetzner(), nil},
		{"another link-local address, and all is well", "hetzner", private(hetzner()), nil},
		{"another link-local address, and nothing comes back", "hetzner", private(hetzner()).Silence(beyond), []string{"address.link-local-not-eui64"}},
		{"and the router asks for the one of the MAC", "hetzner", private(hetzner()).Silence(beyond).Say(asked), []string{"address.link-local-not-eui64"}},
		{"nothing comes back, and the link-local address is right", "hetzner", hetzner().Silence(beyond), []string{"path.beyond-router"}},
		{"the gateway forgotten", "hetzner", hetzner().NoDefault(), []string{"route.missing"}},
		{"ovh", "ovh", ovh(), nil},
		{"the gateway refused", "ovh", ovh().NoDefault(), []string{"route.missing"}},
		{"the prefix too short", "ovh", apart(ovh()), []string{"host.routing"}},
		{"a peer that is gone, on a link of hosts", "scaleway", apart(diagtest.Configured(diag.Machine{SysVendor: "Scaleway"}, diagtest.RouterAddr)), []string{"peer.unmapped"}},
		{"scaleway", "scaleway", diagtest.Configured(diag.Machine{SysVendor: "Scaleway"}, diagtest.RouterAddr), nil},
		{"digitalocean", "digitalocean", diagtest.Configured(diag.Machine{SysVendor: "DigitalOcean"}, diagtest.RouterAddr), nil},
		{"linode", "linode", diagtest.Announced(diag.Machine{SysVendor: "Akamai"}), nil},
		{"linode, configured by hand", "linode", diagtest.Configured(diag.Machine{SysVendor: "Akamai"}, diagtest.HosterGateway), nil},
		{"linode, with neither", "linode", diagtest.Configured(diag.Machine{SysVendor: "Akamai"}, diagtest.HosterGateway).NoDefault(), []string{"router.no-advertisement"}},
		{"vultr", "vultr", diagtest.Announced(diag.Machine{SysVendor: "Vultr"}), nil},
		{"openstack", "openstack", diagtest.Announced(nova), nil},
		{"gcp", "gcp", diagtest.Announced(diag.Machine{Product: "Google Compute Engine"}), nil},
		{"oci", "oci", diagtest.Announced(diag.Machine{ChassisID: "OracleCloud.com"}), nil},
		{"pod", "container", diagtest.Pod(), nil},
		{"a pod whose way out is shut", "container", diagtest.Pod().Silence(beyond), []string{"path.beyond-router"}},
		{"a pod without a way out", "container", diagtest.Pod().NoDefault(), []string{"route.missing"}},
		{"a static gateway in a network of which nothing is known", "lan", diagtest.Configured(diag.Machine{}, diagtest.HosterGateway), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Diagnose(tt.world.State())
			if got := faults(d); !slices.Equal(got, tt.faults) || d.Profile.Name != tt.profile || len(d.Unexplained) > 0 {
				t.Errorf("%s: %v, want %s: %v; unexplained %v; %s", d.Profile.Name, got, tt.profile, tt.faults, d.Unexplained, d.Headline)
			}
		})
	}
}
