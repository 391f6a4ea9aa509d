package why

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

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
