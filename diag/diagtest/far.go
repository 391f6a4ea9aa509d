package diagtest

import (
	"time"

	"ndwhy/diag"
)

// FarClock is how far the other host's clock is ahead of the tests' host's.
const FarClock = 3 * time.Second

// How far echoes to PeerGlobal come, and their answers.
const (
	ToNobody  = iota // the questions leave
	ToThere          // they arrive
	BackThere        // answers leave
	BackHere         // answers arrive
)

// FarTells adds what the host tells that has PeerGlobal and PeerSecond; bodies come after the usual.
func (w *World) FarTells(bodies ...diag.Body) *World {
	for _, b := range bodies {
		seq := int64(len(w.Bodies) + 1)
		at := Start.Add(FarClock + time.Duration(len(w.Bodies))*time.Millisecond)
		w.Say(diag.Far{From: "ssh far", Event: &diag.Event{Seq: seq, At: at, Body: b}})
	}
	return w
}

// Watched has another host watch meanwhile that has PeerGlobal and PeerSecond, and itself tells there of itself. Three
// echoes to PeerGlobal come so far as stage says; one to PeerSecond came through.
func (w *World) Watched(stage int, there ...diag.Body) *World {
	w.FarTells(diag.Run{Version: "test", Host: "far", Interfaces: []string{"eth0"}})
	for _, b := range synced(diag.FeedNetlink, diag.FeedFrames) {
		w.FarTells(b)
	}
	w.FarTells(
		diag.Link{Interface: "eth0", Index: 2, MAC: PeerMAC, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		ByHand(PeerGlobal, 64), ByHand(PeerSecond, 64),
	)
	w.FarTells(there...)
	echo := diag.Frame{Interface: "eth0", Type: diag.EchoRequest, Src: Mine, Dst: PeerSecond, SrcMAC: MyMAC, DstMAC: PeerMAC, HopLimit: 64, EchoID: 8, EchoSeq: 1, Size: 64, Raw: []byte{1}}
	ask := func(stage int) {
		in, answer := echo, Answer(echo)
		out := in
		out.Out = true
		w.Say(out)
		if stage >= ToThere {
			w.FarTells(in)
		}
		if stage >= BackThere {
			w.FarTells(answer)
		}
		if answer.Out = false; stage >= BackHere {
			w.Say(answer)
		}
	}
	ask(BackHere)
	echo.Dst, echo.EchoID = PeerGlobal, 9
	for echo.EchoSeq = range uint16(3) {
		ask(stage)
	}
	return w.Say(diag.Far{From: "ssh far", State: diag.FarComplete})
}

// Called has the other host of Watched ask Mine three echoes, which come so far as stage says, and some time pass.
func (w *World) Called(stage int) *World {
	echo := diag.Frame{Interface: "eth0", Type: diag.EchoRequest, Src: PeerGlobal, Dst: Mine, SrcMAC: PeerMAC, DstMAC: MyMAC, HopLimit: 64, EchoID: 11, Size: 64, Raw: []byte{1}}
	for echo.EchoSeq = range uint16(3) {
		out, answer := echo, Answer(echo)
		out.Out = true
		w.FarTells(out)
		if stage >= ToThere {
			w.Say(echo)
		}
		if stage >= BackThere {
			w.Say(answer)
		}
		if answer.Out = false; stage >= BackHere {
			w.FarTells(answer)
		}
	}
	return w.Later(1100 * time.Millisecond).FarTells(diag.Tick{}).Say(diag.Far{From: "ssh far", State: diag.FarComplete})
}

// EchoSilent is the VPC where PeerGlobal answers no echo.
func EchoSilent() *World {
	return VPC().Silence(func(p diag.Path) bool { return p.Target == PeerGlobal && p.Asks == diag.AsksEcho })
}
