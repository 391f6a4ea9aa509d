package why

import (
	"slices"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A reset that was made nearer to this host than its sender is by somebody else's; what a host, or a firewall before it,
// says of itself is not, and its stack may begin to count resets and echo replies differently.
func TestResetOnTheWay(t *testing.T) {
	const port = 40000
	for name, c := range map[string]struct {
		typ         diag.FrameType
		reset, echo int // hop limits; 0: no echo reply
		blocked     bool
	}{
		"by the router":                           {diag.TCPRst, 64, 63, true},
		"by the router, the host far away":        {diag.TCPRst, 64, 49, true},
		"by a firewall that begins with 255":      {diag.TCPRst, 253, 49, true},
		"by the host":                             {diag.TCPRst, 49, 49, false},
		"by the host, another way back":           {diag.TCPRst, 51, 49, false},
		"by a host that begins resets with 255":   {diag.TCPRst, 240, 49, false},
		"by a host that begins resets with 64":    {diag.TCPRst, 49, 240, false},
		"by a host that begins resets with 128":   {diag.TCPRst, 113, 240, false},
		"by a firewall before the host":           {diag.TCPRst, 52, 49, false},
		"of how far the host is nothing is known": {diag.TCPRst, 64, 0, false},
		"the connection stands":                   {diag.TCPSynAck, 64, 49, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := diagtest.VPC().Say(diag.Feed{Name: diag.FeedTCP, State: diag.Synced}, diag.Feed{Name: diag.FeedPorts, State: diag.Synced})
			answer := func(f diag.Frame) diag.Frame {
				f.Interface, f.Src, f.Dst, f.SrcMAC = "eth0", diagtest.Host1, diagtest.Mine, diagtest.RouterMAC
				return f
			}
			w.Say(
				diag.Socket{Interface: "eth0", Event: diag.SocketSent, Source: diagtest.Mine, Target: diagtest.Host1, Service: "tcp", Port: 443, LocalPort: port},
				diag.Frame{Interface: "eth0", Out: true, Type: diag.TCPSyn, Src: diagtest.Mine, Dst: diagtest.Host1, HopLimit: 64, SrcPort: port, DstPort: 443},
				answer(diag.Frame{Type: c.typ, HopLimit: c.reset, SrcPort: 443, DstPort: port}),
			)
			said := int64(len(w.Bodies)) // the Run goes first
			if c.echo > 0 {
				w.Say(answer(diag.Frame{Type: diag.EchoReply, HopLimit: c.echo}))
			}
			path := diag.Path{
				Check: "internet", Via: diag.ViaKernel, Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Given: true, Sent: 1, Received: 1,
			}
			echo, tcp := path, path
			echo.Asks, tcp.Asks, tcp.Note, tcp.Evidence = diag.AsksEcho, diag.AsksTCP, "443", []int64{said - 1}
			if c.echo > 0 {
				echo.Evidence = []int64{said + 2}
			}
			if c.typ == diag.TCPRst {
				tcp.Detail = "closed"
			}
			d := Diagnose(w.Path(echo).Path(tcp).State())
			if got := slices.Contains(faults(d), "path.tcp-blocked"); got != c.blocked {
				t.Errorf("blocked %v, want %v; named %v", got, c.blocked, faults(d))
			}
		})
	}
}
