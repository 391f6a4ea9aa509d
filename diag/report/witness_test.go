package report

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
)

func TestFlowsReplaceOneAnother(t *testing.T) {
	flow := diag.Flow{Local: netip.MustParseAddrPort("[2001:db8::1]:22"), Remote: netip.MustParseAddrPort("[2001:db8:1::1]:40000"), State: diag.FlowEstablished, Inbound: true, AckedS: 0.25}
	waits := diag.Flow{Local: netip.MustParseAddrPort("[2001:db8::1]:40001"), Remote: netip.MustParseAddrPort("[2001:db8:2::1]:443"), State: diag.FlowSynSent, Retransmits: 3}
	c := &crowded{}
	c.say(diag.Run{}, diag.Flows{Count: 9, List: []diag.Flow{waits}}, diag.Flows{Count: 2, Partial: true, List: []diag.Flow{waits, flow}})
	s := diagtest.Fold(c.events)
	if s.Flows.Seq != 3 || len(s.Flows.Fact.List) != 2 || !s.Flows.Fact.List[0].Stuck() || s.Flows.Fact.List[1].Stuck() {
		t.Errorf("%+v", s.Flows)
	}
	same(t, s, again(t, s))
	want := "2+ TCP connections: [2001:db8::1]:40001 > [2001:db8:2::1]:443 syn-sent unanswered, sent again 3 times, [2001:db8::1]:22 < [2001:db8:1::1]:40000 acknowledged 0.2 s ago"
	if got := diag.Describe(c.events[2]); got != want {
		t.Errorf("%q", got)
	}
	if !diag.Concerns(c.events[2], flow.Remote.Addr()) || diag.Concerns(c.events[1], flow.Remote.Addr()) {
		t.Error("the event concerns those at its ends")
	}
}

func TestProxiesAndGroupsGoWithTheirLink(t *testing.T) {
	group := diag.SolicitedNode(netip.MustParseAddr("2001:db8::7"))
	neighbour := diag.Neighbour{Interface: "eth0", Address: diagtest.PeerGlobal, MAC: diagtest.PeerMAC, State: diag.Reachable}
	proxy := diag.Neighbour{Interface: "eth0", Address: diagtest.PeerGlobal, Proxy: true}
	groups := diag.Groups{Interface: "eth0", Joined: []netip.Addr{group}, Device: []diag.MAC{diag.MulticastMAC(group)}}
	hook := diag.Hook{Interface: "eth0", Name: diag.HookEgress, What: "bpf cil_to_netdev"}
	c := &crowded{}
	c.say(diag.Run{}, diag.Link{Interface: "eth0", Up: true, Carrier: true}, neighbour, proxy, groups, hook)
	s := diagtest.Fold(c.events)
	key := diag.InterfaceAddr{Interface: "eth0", Address: diagtest.PeerGlobal}
	if s.Neighbours.Of(key).Fact != neighbour || s.Proxies[key].Fact != proxy {
		t.Errorf("a proxy entry is no neighbour: %+v %+v", s.Neighbours, s.Proxies)
	}
	if joined, device := s.Groups["eth0"].Hears(netip.MustParseAddr("2001:db8:1::7")); !joined || !device {
		t.Error("addresses that end alike share a group")
	}
	if s.Hooks[diag.HookKey{Interface: "eth0", Name: diag.HookEgress}] != hook {
		t.Errorf("%+v", s.Hooks)
	}
	same(t, s, again(t, s))
	hook.Gone = true
	c.say(hook, diag.Link{Interface: "eth0", Gone: true})
	s = diagtest.Fold(c.events)
	if s.Neighbours.Len()+len(s.Proxies)+len(s.Groups)+len(s.Hooks) != 0 {
		t.Errorf("%+v %+v %+v %+v", s.Neighbours, s.Proxies, s.Groups, s.Hooks)
	}
	same(t, s, again(t, s))
}

// Segments come in any number: they push out one another, and nothing else.
func TestSegmentsPushOutNothingElse(t *testing.T) {
	c := &crowded{}
	ns := c.say(diag.Run{}, diag.Frame{Interface: "eth0", Type: diag.NS, Src: diagtest.Mine, Dst: diag.SolicitedNode(diagtest.PeerGlobal), Target: diagtest.PeerGlobal})
	for range diag.EventsKept + 10 {
		c.say(diag.Frame{Interface: "eth0", Type: diag.TCPSyn, Src: diagtest.PeerGlobal, Dst: diagtest.Mine, SrcPort: 40000, DstPort: 22})
	}
	s := diagtest.Fold(c.events)
	if frames := s.Frames(); len(frames) != 1 || frames[0].Seq != ns {
		t.Errorf("%d frames", len(frames))
	}
	if n := len(s.Segments()); n != diag.EventsKept {
		t.Errorf("%d segments", n)
	}
	if e, ok := s.Evidence(c.events[len(c.events)-1].Seq); !ok || diag.Describe(e) != "TCP SYN "+diagtest.PeerGlobal.String()+" > "+diagtest.Mine.String()+": 40000 > 22" {
		t.Errorf("%v %s", ok, diag.Describe(e))
	}
	same(t, s, again(t, s))
}
