package diagtest

import (
	"time"

	"ndwhy/diag"
)

// Later lets some time pass before what is said next.
func (w *World) Later(d time.Duration) *World {
	for range d / time.Millisecond { // as long as one observation takes
		w.Say(diag.Tick{})
	}
	return w
}

// Call is an echo request of a host beyond the router, for an address of the tests' host.
func Call(seq uint16) diag.Frame {
	return diag.Frame{Interface: "eth0", Type: diag.EchoRequest, Src: Host2, Dst: Mine, SrcMAC: RouterMAC, DstMAC: MyMAC, HopLimit: 60, EchoID: 77, EchoSeq: seq, Raw: []byte{7}}
}

// Knock is a connection that a host beyond the router tries.
func Knock(port uint16) diag.Frame {
	return diag.Frame{Interface: "eth0", Type: diag.TCPSyn, Src: Host2, Dst: Mine, SrcMAC: RouterMAC, DstMAC: MyMAC, HopLimit: 60, SrcPort: 50000, DstPort: port, Raw: []byte{8}}
}

// Answer is what this host answers to a Call or a Knock.
func Answer(f diag.Frame) diag.Frame {
	f.Out, f.Src, f.Dst, f.SrcMAC, f.DstMAC, f.SrcPort, f.DstPort = true, f.Dst, f.Src, f.DstMAC, f.SrcMAC, f.DstPort, f.SrcPort
	if f.Type = diag.EchoReply; f.SrcPort != 0 {
		f.Type = diag.TCPSynAck
	}
	return f
}

// Better is a router's redirect: what goes to Host1 is to go to a neighbour that is not there.
func Better() diag.Frame {
	return diag.Frame{
		Interface: "eth0", Type: diag.RedirectFrame, Src: RouterAddr, Dst: Mine, SrcMAC: RouterMAC, DstMAC: MyMAC, HopLimit: 255,
		Target: NobodyMAC.LinkLocal(), LLAddr: NobodyMAC, Quoted: &diag.Quoted{Dst: Host1}, Raw: []byte{9},
	}
}

// NobodyMAC is no neighbour's.
var NobodyMAC = diag.MAC{0x06, 0, 0x5e, 0, 0x53, 0x99}

// Redirected is a host that follows a redirect to where nobody is: its own packets get no answer, frames that go to
// the router do.
func Redirected() *World {
	w := VPC().Say(Better(), diag.Frame{
		Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: Mine, Dst: Host1, SrcMAC: MyMAC, DstMAC: NobodyMAC, HopLimit: 64, Raw: []byte{1},
	})
	sent := int64(len(w.Bodies) + 1) // after the Run
	return w.Each(func(p diag.Path) bool {
		return p.Target == Host1 && p.Via == diag.ViaKernel && p.SourceClass == diag.SourceAssigned
	}, func(p *diag.Path) {
		Silent(p)
		p.Evidence = []int64{sent}
	})
}

// AsksAgain is a router that solicits for an address again soon after it was advertised to it, so many times.
func AsksAgain(w *World, times int) *World {
	ns := asked(Mine)
	ns.Src, ns.SrcMAC = RouterAddr, RouterMAC
	na := diag.Frame{
		Interface: "eth0", Out: true, Type: diag.NA, Src: Mine, Dst: RouterAddr, SrcMAC: MyMAC, DstMAC: RouterMAC, HopLimit: 255, Target: Mine, LLAddr: MyMAC,
		Solicited: true, Override: true, Raw: []byte{2},
	}
	w.Say(ns, na)
	for range times {
		w.Later(100*time.Millisecond).Say(ns, na)
	}
	return w
}
