package diag_test

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

func TestDescribe(t *testing.T) {
	tests := []struct {
		body diag.Body
		want string
	}{
		{
			diag.Frame{Type: diag.NS, Out: true, Src: diagtest.MyLocal, Dst: diag.SolicitedNode(diagtest.PeerLocal), Target: diagtest.PeerLocal},
			"NS fe80::4df:a5ff:fe6c:5d57 > ff02::1:ffeb:c61d: who has fe80::4f0:13ff:feeb:c61d?",
		},
		{
			diag.Frame{Type: diag.NA, Src: diagtest.PeerLocal, Dst: diagtest.MyLocal, Target: diagtest.PeerLocal, LLAddr: diagtest.PeerMAC, Solicited: true},
			"NA fe80::4f0:13ff:feeb:c61d > fe80::4df:a5ff:fe6c:5d57: fe80::4f0:13ff:feeb:c61d is at 06:f0:13:eb:c6:1d (solicited)",
		},
		{
			diagtest.RaFrame(diagtest.RouterAddr, diagtest.RouterMAC, diagtest.VpcRA()),
			"RA fe80::4fd:d1ff:fec8:f9cf > ff02::1: M, lifetime 1800 s, 2001:db8:1f16:8df::/64 L",
		},
		{
			diag.Frame{Type: diag.Unreachable, Code: 1, Src: diagtest.RouterAddr, Dst: diagtest.Mine, Quoted: &diag.Quoted{Src: diagtest.Mine, Dst: diagtest.Host1}},
			"destination unreachable fe80::4fd:d1ff:fec8:f9cf > 2001:db8:1f16:8df:f557:112e:f9bd:c7f3: administratively prohibited, about 2001:db8:1f16:8df:f557:112e:f9bd:c7f3 > 2001:db8:ffff::1",
		},
		{diag.Frame{Type: diag.NS, Src: diagtest.PeerLocal, Dst: diag.AllNodes, Target: diagtest.Mine, Bad: "hop limit 64"}, "NS fe80::4f0:13ff:feeb:c61d > ff02::1: who has 2001:db8:1f16:8df:f557:112e:f9bd:c7f3? [not believed: hop limit 64]"},
		{diag.Neighbour{Interface: "eth0", Address: diagtest.RouterAddr, MAC: diagtest.RouterMAC, State: diag.Stale, Router: true}, "neighbour fe80::4fd:d1ff:fec8:f9cf on eth0 is 06:fd:d1:c8:f9:cf, router, STALE"},
		{diag.Neighbour{Interface: "eth0", Address: diagtest.PeerGlobal, State: diag.Incomplete}, "neighbour 2001:db8:1f16:8df:d326:143a:2015:79fa on eth0 has no MAC, INCOMPLETE"},
		{diagtest.DefaultRoute("ra"), "route default via fe80::4fd:d1ff:fec8:f9cf dev eth0 proto ra metric 1024 expires 1799sec"},
		{diag.Sysctl{Scope: "eth0", Name: "accept_ra", Value: "2"}, "net.ipv6.conf.eth0.accept_ra = 2"},
		{diag.PolicyRule{Priority: 10000, Src: netip.PrefixFrom(diagtest.Mine, 128), Table: 10000}, "policy rule 10000: from 2001:db8:1f16:8df:f557:112e:f9bd:c7f3/128 lookup 10000"},
		{
			diag.Path{Check: "peer-echo", Asks: diag.AsksEcho, Source: diagtest.Mine, Target: diagtest.PeerGlobal, Via: diag.ViaKernel, Outcome: diag.Silent, Detail: "unresolved"},
			"peer-echo: echo from 2001:db8:1f16:8df:f557:112e:f9bd:c7f3 to 2001:db8:1f16:8df:d326:143a:2015:79fa by kernel: silent: neighbour discovery for it failed, so the ping never left",
		},
	}
	for _, tt := range tests {
		if got := diag.Describe(diag.Event{Body: tt.body}); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.body.Kind(), got, tt.want)
		}
	}
}

// Every kind of event has a sentence, and not its name instead.
func TestEveryKindIsDescribed(t *testing.T) {
	for _, kind := range diag.Kinds() {
		var e diag.Event
		if err := json.Unmarshal([]byte(`{"seq":1,"kind":"`+kind+`","body":{}}`), &e); err != nil {
			t.Fatal(err)
		}
		if got := diag.Describe(e); got == kind || got == "" {
			t.Errorf("of %s is told %q", kind, got)
		}
	}
}

func TestBurstOfNeighboursLeavesTheFrames(t *testing.T) {
	w := diagtest.VPC()
	events := w.Events()
	s := diagtest.Fold(events)
	before := len(s.Frames())
	seq := s.Seq
	for i := range 100_000 {
		seq++
		s.Apply(diag.Event{Seq: seq, At: diagtest.Start.Add(time.Minute), Body: diag.Neighbour{Interface: "eth0", Address: netip.AddrFrom16([16]byte{0x20, 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}), State: diag.Stale, MAC: diagtest.PeerMAC}})
	}
	if got := len(s.Frames()); got != before {
		t.Errorf("%d frames are remembered, %d before the burst", got, before)
	}
	last := diag.Path{ID: "x", Interface: "eth0", Check: "peer-nd", Asks: diag.AsksND, Source: diagtest.Mine, Target: diagtest.PeerGlobal, Evidence: []int64{seq}}
	s.Apply(diag.Event{Seq: seq + 1, At: diagtest.Start.Add(time.Minute), Body: last})
	if e, ok := s.Evidence(seq); !ok || e.Kind() != "neighbour" {
		t.Errorf("a neighbour event that a path points at is not remembered: %v", e)
	}
}

func TestEvidenceOfReplacedPathsIsForgotten(t *testing.T) {
	s := diag.NewState()
	seq := int64(0)
	next := func(b diag.Body) int64 {
		seq++
		s.Apply(diag.Event{Seq: seq, At: diagtest.Start, Body: b})
		return seq
	}
	first := next(diag.Socket{Interface: "eth0", Event: diag.SocketSent, Target: diagtest.Host1})
	next(diag.Path{ID: "a", Target: diagtest.Host1, Evidence: []int64{first}})
	next(diag.Path{ID: "b", Target: diagtest.Host1, Evidence: []int64{first}})
	for range 2 * diag.EventsKept {
		next(diag.Socket{Interface: "eth0", Event: diag.SocketSent, Target: diagtest.Host1})
	}
	next(diag.Path{ID: "a", Target: diagtest.Host1})
	if _, ok := s.Evidence(first); !ok {
		t.Error("evidence that a path still points at is gone")
	}
	next(diag.Path{ID: "b", Target: diagtest.Host1})
	if _, ok := s.Evidence(first); ok {
		t.Error("evidence that nothing points at any more is kept")
	}
}
