package diag

import (
	"net/netip"
	"testing"
)

func TestRecognise(t *testing.T) {
	tests := []struct {
		name       string
		bodies     []Body
		paths      []Path
		want       string
		confidence Confidence
	}{
		{name: "nothing", want: "unknown", confidence: Possible},
		{name: "metadata", bodies: []Body{Metadata{State: MetadataNone}}, want: "aws", confidence: Certain},
		{name: "Nitro", bodies: []Body{Machine{SysVendor: "Amazon EC2"}}, want: "aws", confidence: Certain},
		{name: "Xen", bodies: []Body{Machine{SysVendor: "Xen", BIOSVersion: "4.11.amazon"}}, want: "aws", confidence: Certain},
		{
			name: "the VPC's router", paths: []Path{{Asks: AsksND, Target: VPCRouter, TargetClass: TargetRouter, Outcome: Answered}},
			want: "aws", confidence: Likely,
		},
		{
			name: "the VPC's router where candidates are answered", paths: []Path{
				{Asks: AsksND, Target: VPCRouter, TargetClass: TargetRouter, Outcome: Answered},
				{Asks: AsksEcho, Source: mineNext, SourceClass: SourceCandidate, Target: peerGlobal, TargetClass: TargetPeer, Outcome: Answered},
			},
			want: "lan", confidence: Likely,
		},
		{name: "Azure by chassis", bodies: []Body{Machine{SysVendor: "Microsoft Corporation", ChassisID: azureChassis}}, want: "azure", confidence: Certain},
		{name: "Hyper-V is not Azure", bodies: []Body{Machine{SysVendor: "Microsoft Corporation"}}, want: "unknown", confidence: Possible},
		{
			name:   "Azure by its router",
			bodies: []Body{raFrame(azureRouter, azureRouterMAC, Advertisement{LifetimeS: 1800})},
			want:   "azure", confidence: Likely,
		},
		{
			name:   "Azure's address with another MAC",
			bodies: []Body{raFrame(azureRouter, peerMAC, Advertisement{LifetimeS: 1800})},
			want:   "unknown", confidence: Possible,
		},
		{name: "Google", bodies: []Body{Machine{Product: "Google Compute Engine"}}, want: "gcp", confidence: Certain},
		{name: "Oracle", bodies: []Body{Machine{ChassisID: "OracleCloud.com"}}, want: "oci", confidence: Certain},
		{name: "OpenStack", bodies: []Body{Machine{Product: "OpenStack Nova"}}, want: "openstack", confidence: Certain},
		{
			name: "multicast arrives", want: "lan", confidence: Possible,
			paths: []Path{{Asks: AsksEcho, Target: AllNodes, TargetClass: TargetAllNodes, Outcome: Answered, Responders: []Responder{{Address: peerLocal}}}},
		},
		{
			name: "given", bodies: []Body{Run{Profile: "gcp"}, Machine{SysVendor: "Amazon EC2"}}, want: "gcp", confidence: Certain,
		},
		{
			name: "given and unheard of", bodies: []Body{Run{Profile: "nonesuch"}}, want: "unknown", confidence: Possible,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &world{run: Run{Interfaces: []string{"eth0"}}}
			w.say(tt.bodies...)
			for _, p := range tt.paths {
				w.path(p)
			}
			s := w.state()
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
	base := vpc().drop(ofKind(func(Metadata) bool { return true })).drop(ofKind(func(Machine) bool { return true }))
	base.paths = nil
	s := base.state()
	nd := func(class SourceClass, target TargetClass) Path {
		return Path{Interface: "eth0", Asks: AsksND, Source: mine, SourceClass: class, Target: peerGlobal, TargetClass: target, Given: true, Via: ViaWire}
	}
	echo := func(class SourceClass, target TargetClass) Path {
		p := nd(class, target)
		p.Asks = AsksEcho
		return p
	}
	candidate := func(p Path) Path { p.Source = mineNext; return p }
	toRouter := func(p Path) Path { p.Target = routerAddr; return p }
	chosen := func(p Path) Path { p.Given = false; return p }
	known := func(p Path) Path { p.Target = VPCRouter; return p }
	tests := []struct {
		profile          string
		path             Path
		answered, silent *bool
	}{
		{"aws", toRouter(nd(SourceAssigned, TargetRouter)), yes, no},
		{"aws", known(nd(SourceAssigned, TargetRouter)), yes, yes},
		{"aws", toRouter(echo(SourceAssigned, TargetRouter)), yes, yes},
		{"aws", nd(SourceAssigned, TargetPeer), yes, no},
		{"aws", echo(SourceAssigned, TargetPeer), yes, no},
		{"aws", echo(SourceUnknown, TargetPeer), yes, no},
		{"aws", chosen(echo(SourceAssigned, TargetPeer)), yes, nil},
		{"aws", chosen(echo(SourceAssigned, TargetInternet)), yes, nil},
		{"aws", echo(SourceAssigned, TargetInternet), yes, no},
		{"aws", echo(SourceAssigned, TargetAllNodes), no, yes},
		{"aws", candidate(nd(SourceCandidate, TargetPeer)), no, yes},
		{"aws", candidate(echo(SourceCandidate, TargetInternet)), no, yes},
		{"aws", echo(SourceUnassigned, TargetInternet), no, yes},
		{"lan", toRouter(echo(SourceAssigned, TargetRouter)), yes, no},
		{"lan", candidate(nd(SourceCandidate, TargetPeer)), yes, no},
		{"lan", candidate(echo(SourceCandidate, TargetPeer)), yes, no},
		{"lan", echo(SourceAssigned, TargetAllNodes), yes, yes},
		{"openstack", candidate(echo(SourceCandidate, TargetPeer)), yes, yes},
		{"openstack", toRouter(echo(SourceAssigned, TargetRouter)), yes, yes},
		{"openstack", nd(SourceAssigned, TargetPeer), yes, no},
		{"azure", toRouter(echo(SourceAssigned, TargetRouter)), yes, yes},
		{"azure", echo(SourceAssigned, TargetAllNodes), no, yes},
		{"azure", candidate(echo(SourceCandidate, TargetPeer)), nil, nil},
		{"gcp", nd(SourceAssigned, TargetPeer), nil, nil},
		{"gcp", toRouter(nd(SourceAssigned, TargetRouter)), yes, no},
		{"gcp", toRouter(echo(SourceAssigned, TargetRouter)), nil, nil},
		{"gcp", echo(SourceAssigned, TargetAllNodes), nil, nil},
		{"oci", toRouter(echo(SourceAssigned, TargetRouter)), nil, nil},
		{"oci", candidate(echo(SourceCandidate, TargetPeer)), nil, nil},
		{"oci", echo(SourceAssigned, TargetAllNodes), nil, nil},
		{"unknown", candidate(echo(SourceCandidate, TargetPeer)), nil, nil},
		{"unknown", echo(SourceUnassigned, TargetPeer), nil, nil},
		{"unknown", echo(SourceUnknown, TargetPeer), yes, no},
		{"unknown", toRouter(echo(SourceAssigned, TargetRouter)), nil, nil},
		{"unknown", echo(SourceAssigned, TargetAllNodes), nil, nil},
	}
	for _, tt := range tests {
		for outcome, want := range map[Outcome]*bool{Answered: tt.answered, Silent: tt.silent} {
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
	kernel := Path{
		Check: "peer-echo", Interface: "eth0", Asks: AsksEcho, Source: mine, SourceClass: SourceAssigned, Target: peerSecond, TargetClass: TargetPeer,
		Via: ViaKernel, Outcome: Silent,
	}
	wire := kernel
	wire.Via, wire.Outcome = ViaWire, Answered
	s := (&world{}).path(wire).path(kernel).state()
	if got := Normal(s, "unknown", kernel); got == nil || *got {
		t.Errorf("the wire is answered, the kernel is not, by a target of the program's own choice: %s", tri(got))
	}
	wire.Outcome, kernel.Outcome = Silent, Answered
	s = (&world{}).path(wire).path(kernel).state()
	if got := Normal(s, "lan", wire); got != nil {
		t.Errorf("a target that answered the kernel a moment before limits its answers: %s", tri(got))
	}
}

func TestUnexpected(t *testing.T) {
	s := vpc().state()
	silent := Path{Interface: "eth0", Asks: AsksEcho, Source: mine, SourceClass: SourceAssigned, Target: peerSecond, TargetClass: TargetPeer, Via: ViaWire, Outcome: Silent, Given: true}
	if !Unexpected(s, silent) {
		t.Error("the silence of a peer that the user named is not worth asking again")
	}
	candidate := silent
	candidate.Source, candidate.SourceClass = mineNext, SourceCandidate
	if Unexpected(s, candidate) {
		t.Error("the silence that a filter makes is asked again")
	}
	silent.Outcome = Answered
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
		if got := reservedIn(subnet, netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v, want %v", addr, got, want)
		}
	}
	if reservedIn(netip.MustParsePrefix("2001:db8::/44"), netip.MustParseAddr("2001:db8:f:ffff:ffff:ffff:ffff:ffff")) != true {
		t.Error("the last address of a /44 is not reserved")
	}
}
