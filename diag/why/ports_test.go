package why

import (
	"net/netip"
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A connection that comes to nothing is this host's doing where its kernel says so, where the tap saw the answer
// arrive, and where it saw nothing leave; else it is somebody's beyond.
func TestConnectionsStoppedHere(t *testing.T) {
	const port = 40000
	syn := diag.Frame{
		Interface: "eth0", Out: true, Type: diag.TCPSyn, Src: diagtest.Mine, Dst: diagtest.Host1, SrcMAC: diagtest.MyMAC, HopLimit: 64, SrcPort: port, DstPort: 443,
	}
	answer := diag.Frame{
		Interface: "eth0", Type: diag.TCPSynAck, Src: diagtest.Host1, Dst: diagtest.Mine, SrcMAC: diagtest.RouterMAC, HopLimit: 64, SrcPort: 443, DstPort: port,
	}
	dropped := func(f diag.Frame) diag.Drop {
		return diag.Drop{Frame: f, Reason: "NETFILTER_DROP", Function: "nft_do_chain"}
	}
	tap, drops := diag.Feed{Name: diag.FeedTCP, State: diag.Synced}, diag.Feed{Name: diag.FeedPorts, State: diag.Synced}
	rule := diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "policy drop", Verdict: "drop", Matches: []string{"tcp-synack"}}
	invalid := diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "ct state invalid drop", Verdict: "drop", Invalid: []string{"tcp-synack"}}
	for name, c := range map[string]struct {
		seen     []diag.Body
		cause    string
		severity Severity
		sure     Confidence
		subject  string
	}{
		"the kernel drops what leaves":                                         {[]diag.Body{tap, drops, dropped(syn)}, "host.firewall", Warning, Certain, "host"},
		"the kernel drops the answer":                                          {[]diag.Body{tap, drops, syn, answer, dropped(answer)}, "host.firewall", Warning, Certain, "host"},
		"the kernel drops the answer, by a rule":                               {[]diag.Body{tap, drops, rule, syn, answer, dropped(answer)}, "host.firewall", Warning, Certain, "rule"},
		"the kernel drops the answer, by a rule against what it does not know": {[]diag.Body{tap, drops, invalid, syn, answer, dropped(answer)}, "host.firewall", Warning, Certain, "rule"},
		"the answer was seen":                                                  {[]diag.Body{tap, syn, answer}, "host.firewall", Warning, Likely, "host"},
		"nothing was seen to leave":                                            {[]diag.Body{tap}, "host.firewall", Warning, Likely, "host"},
		"nothing came":                                                         {[]diag.Body{tap, drops, syn}, "path.tcp-blocked", Warning, Likely, "interface"},
		"nobody looked":                                                        {nil, "path.tcp-blocked", Warning, Likely, "interface"},
	} {
		t.Run(name, func(t *testing.T) {
			w := diagtest.VPC().Say(c.seen...)
			w.Drop(diagtest.OfKind(func(f diag.Feed) bool { return f.Name == diag.FeedDrops }))
			w.Say(diag.Socket{
				Interface: "eth0", Event: diag.SocketSent, Source: diagtest.Mine, Target: diagtest.Host1, Service: "tcp", Port: 443, LocalPort: port,
			})
			sent := int64(len(w.Bodies) + 1) // after the Run
			w.Path(diag.Path{
				Check: "internet", Asks: diag.AsksTCP, Via: diag.ViaKernel, Source: diagtest.Mine, Target: diagtest.Host1,
				TargetClass: diag.TargetInternet, Given: true, Outcome: diag.Silent, Evidence: []int64{sent},
			})
			d := Diagnose(w.State())
			f := find(t, d, c.cause)
			if got := faults(d); !slices.Equal(got, []string{c.cause}) || f.Severity != c.severity || f.Confidence != c.sure || f.Subject.Kind != c.subject || len(d.Unexplained) > 0 {
				t.Errorf("named %v, %s and %s of %s: %s; unexplained %v", got, f.Severity, f.Confidence, f.Subject.Kind, f.Summary, d.Unexplained)
			}
		})
	}
}

// A service that is silent because this host drops its answer is not said to be off or down.
func TestServiceStoppedHere(t *testing.T) {
	dns := netip.MustParseAddr("fd00:ec2::253")
	answer := diag.Frame{
		Interface: "eth0", Type: diag.UDPFrame, Src: dns, Dst: diagtest.Mine, SrcMAC: diagtest.RouterMAC, HopLimit: 64, SrcPort: 53, DstPort: 40000,
	}
	w := diagtest.VPC().Say(
		diag.Machine{SysVendor: "Amazon EC2"}, diag.Feed{Name: diag.FeedPorts, State: diag.Synced},
		diag.Drop{Frame: answer, Reason: "NETFILTER_DROP", Function: "nft_do_chain"},
		diag.Socket{Interface: "eth0", Event: diag.SocketSent, Source: diagtest.Mine, Target: dns, Service: "dns", LocalPort: 40000},
	)
	sent := int64(len(w.Bodies) + 1)
	w.Path(diag.Path{
		Check: "services", Asks: diag.AsksService, Via: diag.ViaKernel, Source: diagtest.Mine, Target: dns, TargetClass: diag.TargetService,
		Outcome: diag.Silent, Evidence: []int64{sent},
	})
	d := Diagnose(w.State())
	if got := faults(d); !slices.Equal(got, []string{"host.firewall"}) || find(t, d, "host.firewall").Confidence != Certain {
		t.Errorf("named %v", got)
	}
}

// A connection that its kernel tries again after nobody waits for it any more did leave; and who is refused has the answer.
func TestConnectionsNotStoppedHere(t *testing.T) {
	const port = 40000
	syn := diag.Frame{
		Interface: "eth0", Out: true, Type: diag.TCPSyn, Src: diagtest.Mine, Dst: diag.IMDSIPv6, SrcMAC: diagtest.MyMAC, HopLimit: 64, SrcPort: port, DstPort: 80,
	}
	reset := diag.Frame{
		Interface: "eth0", Type: diag.TCPRst, Src: diag.IMDSIPv6, Dst: diagtest.Mine, SrcMAC: diagtest.RouterMAC, HopLimit: 64, SrcPort: 80, DstPort: port,
	}
	for name, c := range map[string]struct {
		detail string
		before []diag.Body
		after  []diag.Body
	}{
		"tried again": {"", []diag.Body{syn}, []diag.Body{syn, syn}},
		"refused":     {diag.DetailClosed, []diag.Body{syn, reset}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := diagtest.VPC().Say(diag.Feed{Name: diag.FeedTCP, State: diag.Synced})
			w.Say(diag.Socket{
				Interface: "eth0", Event: diag.SocketSent, Source: diagtest.Mine, Target: diag.IMDSIPv6, Service: "imds", LocalPort: port,
			})
			sent := int64(len(w.Bodies) + 1) // after the Run
			w.Say(c.before...)
			w.Path(diag.Path{
				Check: "services", Asks: diag.AsksService, Via: diag.ViaKernel, Source: diagtest.Mine, Target: diag.IMDSIPv6,
				TargetClass: diag.TargetService, Outcome: diag.Silent, Detail: c.detail, Sent: 1, Evidence: []int64{sent},
			})
			w.Say(c.after...)
			if got := faults(Diagnose(w.State())); slices.Contains(got, "host.firewall") {
				t.Errorf("named %v", got)
			}
		})
	}
}
