package diagtest

import (
	"time"

	"ndwhy/diag"
)

// Unfound is a LAN whose switch passes no multicast to this host: a peer finds it only when it is told.
func Unfound() *World {
	return LAN().Path(diag.Path{
		Check: "all-nodes", Asks: diag.AsksFound, Source: MyLocal, SourceClass: diag.SourceUnknown, Target: PeerGlobal, TargetClass: diag.TargetPeer,
		Outcome: diag.Silent, Detail: diag.DetailTold, Sent: 6,
	})
}

// Told is a LAN in which a peer answered a ping only after a solicitation of this host had told it who asks: whether
// it had been heard to look for this host meanwhile, and how long later it was told.
func Told(heard bool, later time.Duration) []diag.Event {
	events := LAN().Say(diag.Frame{ // an exchange that took as long as others do
		Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: Mine, Dst: PeerGlobal, SrcMAC: MyMAC, DstMAC: PeerMAC, HopLimit: 64, EchoID: 9, EchoSeq: 1,
	}, diag.Frame{
		Interface: "eth0", Type: diag.EchoReply, Src: PeerGlobal, Dst: Mine, SrcMAC: PeerMAC, DstMAC: MyMAC, HopLimit: 64, EchoID: 9, EchoSeq: 1,
	}).Events()
	at := events[len(events)-1].At
	add := func(after time.Duration, f diag.Frame) {
		at = at.Add(after)
		f.Interface = "eth0"
		events = append(events, diag.Event{Seq: int64(len(events) + 1), At: at, Body: f})
	}
	echo := diag.Frame{Out: true, Type: diag.EchoRequest, Src: Mine, Dst: PeerGlobal, SrcMAC: MyMAC, DstMAC: PeerMAC, HopLimit: 64, EchoID: 9, EchoSeq: 2}
	add(time.Second, echo)
	group := diag.SolicitedNode(Mine)
	if heard {
		add(time.Millisecond, diag.Frame{Type: diag.NS, Src: PeerGlobal, Dst: group, Target: Mine, SrcMAC: PeerMAC, DstMAC: diag.MulticastMAC(group), HopLimit: 255})
	}
	sought := diag.SolicitedNode(PeerGlobal)
	add(later, diag.Frame{Out: true, Type: diag.NS, Src: Mine, Dst: sought, Target: PeerGlobal, LLAddr: MyMAC, SrcMAC: MyMAC, DstMAC: diag.MulticastMAC(sought), HopLimit: 255})
	echo.Out, echo.Type, echo.Src, echo.Dst, echo.SrcMAC, echo.DstMAC = false, diag.EchoReply, PeerGlobal, Mine, PeerMAC, MyMAC
	add(time.Millisecond, echo)
	return events
}
