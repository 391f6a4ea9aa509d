package capture

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

// A flood is told in numbers, and hides neither what answers this host nor the router that was there before.
func TestGate(t *testing.T) {
	t.Parallel()
	now := diagtest.Start
	g := newGate("eth0")
	var told map[diag.FrameType]int
	var floods map[diag.FrameType]diag.Flood
	send := func(f diag.Frame) bool {
		f.Interface = "eth0"
		ok := g.take(now, f)
		if ok {
			told[f.Type]++
		}
		for _, flood := range g.turn(now) {
			floods[flood.Type] = flood
		}
		return ok
	}
	stranger := func(i int) diag.Frame {
		mac := diag.MAC{2}
		binary.BigEndian.PutUint32(mac[2:], uint32(i))
		return diag.Frame{SrcMAC: mac, Src: mac.LinkLocal(), Target: mac.LinkLocal(), Dst: diag.AllNodes}
	}
	router := diag.Frame{Type: diag.RA, Src: diagtest.RouterAddr, SrcMAC: diagtest.RouterMAC}
	asked := netip.MustParseAddr("fe80::77")
	start := func() {
		told, floods = map[diag.FrameType]int{}, map[diag.FrameType]diag.Flood{}
	}

	start()
	for i := range 2000 { // a busy link: 200 solicitations a second of hundreds of hosts, an advertisement now and then
		now = now.Add(5 * time.Millisecond)
		f := stranger(i % 300)
		if f.Type = diag.NS; !send(f) {
			t.Fatal("what a busy link sends is not told")
		}
		if i%200 == 0 && !send(router) {
			t.Fatal("a router is not told of")
		}
	}
	if len(floods) > 0 {
		t.Errorf("a busy link is taken for a flood: %v", floods)
	}

	start()
	send(diag.Frame{Type: diag.NS, Out: true, Target: asked})
	answers, advertisements := 0, 0
	const packets = 100_000
	for i := range packets { // 10,000 of each kind a second
		now = now.Add(100 * time.Microsecond)
		for _, kind := range []diag.FrameType{diag.RA, diag.NS, diag.NA, diag.MLD, diag.RedirectFrame} {
			f := stranger(i)
			f.Type = kind
			send(f)
		}
		if i%10_000 == 5_000 {
			send(diag.Frame{Type: diag.NS, Out: true, Target: asked})
			if send(diag.Frame{Type: diag.NA, Target: asked, SrcMAC: diagtest.PeerMAC}) {
				answers++
			}
			if send(router) {
				advertisements++
			}
		}
	}
	if answers != 10 || advertisements != 10 {
		t.Errorf("%d of 10 answers and %d of 10 advertisements of the router were told", answers, advertisements)
	}
	for kind, most := range flooding {
		if kind == diag.RS {
			continue
		}
		seconds := packets / 10_000
		if n := told[kind]; n > (most+routerMost)*2*(seconds+1)+answers*2 {
			t.Errorf("%d %s were told", n, kind)
		}
		if f := floods[kind]; f.Rate() < 9_500 || f.Rate() > 10_500 || f.Senders != diag.SendersCounted {
			t.Errorf("%s: told as %+v", kind, f)
		}
	}
	if len(g.asked) > askedRemembered || len(g.routers) > knownRouters {
		t.Errorf("%d targets, %d routers are remembered", len(g.asked), len(g.routers))
	}
	for i := range 10 * askedRemembered {
		f := stranger(i)
		f.Type, f.Out = diag.NS, true
		send(f)
	}
	if len(g.asked) > askedRemembered {
		t.Errorf("%d targets are remembered", len(g.asked))
	}
}

// What ends before a flood has lasted for a whole window tells of it all the same.
func TestGateEnds(t *testing.T) {
	t.Parallel()
	for advertisements, flood := range map[int]bool{few: false, few + 1: true, 500: true} {
		g, now := newGate("eth0"), diagtest.Start
		for i := range advertisements {
			now = diagtest.Start.Add(time.Duration(i) * window / 2 / time.Duration(advertisements))
			g.take(now, diag.Frame{Interface: "eth0", Type: diag.RA, Src: diagtest.RouterAddr, SrcMAC: diagtest.RouterMAC})
			if len(g.turn(now)) > 0 {
				t.Fatal("it is told of before the window is over")
			}
		}
		if floods := g.end(now); (len(floods) == 1 && floods[0].Packets == advertisements) != flood {
			t.Errorf("%d advertisements in %v: %+v", advertisements, window/2, floods)
		}
	}
}
