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
