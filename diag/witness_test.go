package diag

import (
	"net/netip"
	"testing"
)

func TestFlowsReplaceOneAnother(t *testing.T) {
	flow := Flow{Local: netip.MustParseAddrPort("[2001:db8::1]:22"), Remote: netip.MustParseAddrPort("[2001:db8:1::1]:40000"), State: FlowEstablished, Inbound: true, AckedS: 0.25}
	waits := Flow{Local: netip.MustParseAddrPort("[2001:db8::1]:40001"), Remote: netip.MustParseAddrPort("[2001:db8:2::1]:443"), State: FlowSynSent, Retransmits: 3}
	c := &crowded{}
	c.say(Run{}, Flows{Count: 9, List: []Flow{waits}}, Flows{Count: 2, Partial: true, List: []Flow{waits, flow}})
	s := fold(c.events)
	if s.Flows.Seq != 3 || len(s.Flows.Fact.List) != 2 || !s.Flows.Fact.List[0].Stuck() || s.Flows.Fact.List[1].Stuck() {
		t.Errorf("%+v", s.Flows)
	}
	same(t, s, again(t, s))
	want := "2+ TCP connections: [2001:db8::1]:40001 > [2001:db8:2::1]:443 syn-sent unanswered, sent again 3 times, [2001:db8::1]:22 < [2001:db8:1::1]:40000 acknowledged 0.2 s ago"
	if got := Describe(c.events[2]); got != want {
		t.Errorf("%q", got)
	}
	if !Concerns(c.events[2], flow.Remote.Addr()) || Concerns(c.events[1], flow.Remote.Addr()) {
		t.Error("the event concerns those at its ends")
	}
}

func TestProxiesAndGroupsGoWithTheirLink(t *testing.T) {
	group := SolicitedNode(netip.MustParseAddr("2001:db8::7"))
	neighbour := Neighbour{Interface: "eth0", Address: peerGlobal, MAC: peerMAC, State: Reachable}
	proxy := Neighbour{Interface: "eth0", Address: peerGlobal, Proxy: true}
	groups := Groups{Interface: "eth0", Joined: []netip.Addr{group}, Device: []MAC{MulticastMAC(group)}}
	hook := Hook{Interface: "eth0", Name: HookEgress, What: "bpf cil_to_netdev"}
	c := &crowded{}
	c.say(Run{}, Link{Interface: "eth0", Up: true, Carrier: true}, neighbour, proxy, groups, hook)
	s := fold(c.events)
	key := InterfaceAddr{"eth0", peerGlobal}
	if s.Neighbours[key].Fact != neighbour || s.Proxies[key].Fact != proxy {
		t.Errorf("a proxy entry is no neighbour: %+v %+v", s.Neighbours, s.Proxies)
	}
	if joined, device := s.Groups["eth0"].Hears(netip.MustParseAddr("2001:db8:1::7")); !joined || !device {
		t.Error("addresses that end alike share a group")
	}
	if s.Hooks[HookKey{"eth0", HookEgress}] != hook {
		t.Errorf("%+v", s.Hooks)
	}
	same(t, s, again(t, s))
	hook.Gone = true
	c.say(hook, Link{Interface: "eth0", Gone: true})
	s = fold(c.events)
	if len(s.Neighbours)+len(s.Proxies)+len(s.Groups)+len(s.Hooks) != 0 {
		t.Errorf("%+v %+v %+v %+v", s.Neighbours, s.Proxies, s.Groups, s.Hooks)
	}
	same(t, s, again(t, s))
}

// Segments come in any number: they push out one another, and nothing else.
func TestSegmentsPushOutNothingElse(t *testing.T) {
	c := &crowded{}
	ns := c.say(Run{}, Frame{Interface: "eth0", Type: NS, Src: mine, Dst: SolicitedNode(peerGlobal), Target: peerGlobal})
	for range eventsKept + 10 {
		c.say(Frame{Interface: "eth0", Type: TCPSyn, Src: peerGlobal, Dst: mine, SrcPort: 40000, DstPort: 22})
	}
	s := fold(c.events)
	if frames := s.Frames(); len(frames) != 1 || frames[0].Seq != ns {
		t.Errorf("%d frames", len(frames))
	}
	if n := len(s.Segments()); n != eventsKept {
		t.Errorf("%d segments", n)
	}
	if e, ok := s.Evidence(c.events[len(c.events)-1].Seq); !ok || Describe(e) != "TCP SYN "+peerGlobal.String()+" > "+mine.String()+": 40000 > 22" {
		t.Errorf("%v %s", ok, Describe(e))
	}
	same(t, s, again(t, s))
}
