package diag

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	mine       = netip.MustParseAddr("2001:db8:1f16:8df:f557:112e:f9bd:c7f3")
	peerGlobal = netip.MustParseAddr("2001:db8:1f16:8df:d326:143a:2015:79fa")
	host1      = netip.MustParseAddr("2001:db8:ffff::1")
	start      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func echoDrop(out bool, id, seq uint16, reason, function string) Drop {
	d := Drop{Frame: Frame{Interface: "eth0", Out: true, Type: EchoRequest, Src: mine, Dst: peerGlobal, EchoID: id, EchoSeq: seq, Size: 104}, Reason: reason, Function: function}
	if !out {
		d.Frame.Out, d.Frame.Type, d.Frame.Src, d.Frame.Dst = false, EchoReply, peerGlobal, mine
	}
	return d
}

func TestDropDescribed(t *testing.T) {
	for _, c := range []struct {
		drop Drop
		want string
	}{
		{echoDrop(true, 7, 1, "NETFILTER_DROP", "nft_do_chain"), "the kernel dropped an outgoing packet on eth0, NETFILTER_DROP in nft_do_chain: echo request "},
		{echoDrop(false, 7, 1, "TC_INGRESS", ""), "the kernel dropped an incoming packet on eth0, TC_INGRESS: echo reply "},
		{echoDrop(false, 7, 1, "NO_SOCKET", "ping_rcv"), "of no use to this host's kernel on eth0, NO_SOCKET in ping_rcv: echo reply "},
	} {
		e := Event{Seq: 1, At: start, Body: c.drop}
		if got := Describe(e); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q…", got, c.want)
		}
		if !Concerns(e, peerGlobal) || Concerns(e, host1) {
			t.Error("it concerns its source and its destination alone")
		}
		raw, err := json.Marshal(e)
		var back Event
		if err == nil {
			err = json.Unmarshal(raw, &back)
		}
		if err != nil || !cmp.Equal(back.Body, e.Body, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })) {
			t.Errorf("read back: %+v, %v", back, err)
		}
	}
}

// What befalls many a packet where all is well says nothing about this host.
func TestDropTelling(t *testing.T) {
	asked := Drop{Frame: Frame{Type: EchoRequest}, Reason: "NOT_SPECIFIED", Function: "icmpv6_rcv"}
	mld := asked
	mld.Frame.Type = MLD
	for _, c := range []struct {
		drop Drop
		want bool
	}{
		{echoDrop(true, 7, 1, "NETFILTER_DROP", "nf_hook_slow"), true},
		{echoDrop(false, 7, 1, "IPV6DISABLED", "ip6_rcv_core"), true},
		{asked, true}, // echo_ignore_all, or no way back
		{mld, false},
		{echoDrop(false, 7, 1, "NO_SOCKET", "ping_rcv"), false},
		{Drop{Frame: Frame{Type: NS}, Reason: "NOT_SPECIFIED", Function: "ip6_mc_input"}, false},
		{echoDrop(true, 7, 1, "NOT_SPECIFIED", "neigh_invalidate"), false},
		{echoDrop(false, 7, 1, "IP_INADDRERRORS", "ip6_forward"), false}, // for a claimed address
		{echoDrop(true, 7, 1, "SOMETHING_NEW", "f"), false},
	} {
		if got := c.drop.Telling(); got != c.want {
			t.Errorf("%s in %s of %s: telling %v", c.drop.Reason, c.drop.Function, c.drop.Frame.Type, got)
		}
	}
}

// A drop is found by what else tells of the same packet: the socket that sent it, the frame that came.
func TestDropOnPath(t *testing.T) {
	s := NewState()
	say := func(b Body) int64 {
		s.Apply(Event{Seq: s.Seq + 1, At: start.Add(time.Duration(s.Seq) * time.Millisecond), Body: b})
		return s.Seq
	}
	request := echoDrop(true, 7, 1, "NETFILTER_DROP", "nft_do_chain")
	reply := echoDrop(false, 7, 2, "NETFILTER_DROP", "nft_do_chain")
	unsent := say(Socket{Interface: "eth0", Event: SocketSent, Source: mine, Target: peerGlobal, EchoID: 7, EchoSeq: 1})
	sent := say(Socket{Interface: "eth0", Event: SocketSent, Source: mine, Target: peerGlobal, EchoID: 7, EchoSeq: 2})
	came := say(reply.Frame)
	first, second := say(request), say(reply)
	say(echoDrop(false, 7, 3, "NO_SOCKET", "ping_rcv"))
	other := say(Socket{Interface: "eth0", Event: SocketSent, Target: peerGlobal, EchoID: 7, EchoSeq: 3})
	service := say(Socket{Interface: "eth0", Event: SocketSent, Target: peerGlobal, EchoID: 7, EchoSeq: 1, Service: "dns"})
	for _, c := range []struct {
		name     string
		evidence []int64
		want     int64
	}{
		{"the request", []int64{unsent}, first},
		{"the reply", []int64{sent, came}, second},
		{"the reply, as the socket that waits for it knows it", []int64{sent}, second},
		{"both", []int64{unsent, sent, came}, second},
		{"nothing dropped", []int64{99}, 0},
		{"nothing telling, and no echo", []int64{other, service}, 0},
	} {
		e, ok := s.DropOn(Path{Evidence: c.evidence})
		if ok != (c.want != 0) || e.Seq != c.want {
			t.Errorf("%s: event %d, want %d", c.name, e.Seq, c.want)
		}
	}
	tcp := Socket{Interface: "eth0", Event: SocketSent, Target: peerGlobal, Service: "tcp", Port: 443, LocalPort: 40000}
	syn := Frame{Interface: "eth0", Out: true, Type: TCPSyn, Src: mine, Dst: peerGlobal, SrcPort: 40000, DstPort: 443}
	answer := Frame{Interface: "eth0", Type: TCPSynAck, Src: peerGlobal, Dst: mine, SrcPort: 443, DstPort: 40000}
	connect := say(tcp)
	foreign := syn
	foreign.SrcPort = 40001
	say(Drop{Frame: foreign, Reason: "NETFILTER_DROP"}) // another program's
	if e, ok := s.DropOn(Path{Evidence: []int64{connect}}); ok {
		t.Errorf("of a connection: %+v", e)
	}
	for _, f := range []Frame{syn, answer} {
		want := say(Drop{Frame: f, Reason: "NETFILTER_DROP"})
		if e, _ := s.DropOn(Path{Evidence: []int64{connect}}); e.Seq != want {
			t.Errorf("%s of a connection: event %d, want %d", f.Type, e.Seq, want)
		}
	}
	say(answer)
	p := Path{ID: "p", Interface: "eth0", Asks: AsksTCP, Target: peerGlobal, Evidence: []int64{connect}}
	say(p)
	if e, ok := s.SegmentOn(p, false); !ok || e.Body.(Frame).Type != TCPSynAck {
		t.Errorf("the answer that came: %+v", e)
	}
	if e, ok := s.SegmentOn(p, true); ok {
		t.Errorf("left: %+v", e)
	}
	tcp.LocalPort++
	say(foreign)
	again := Path{ID: "again", Interface: "eth0", Asks: AsksTCP, Target: peerGlobal, Evidence: []int64{say(tcp)}}
	say(again)
	say(foreign) // the kernel tries once more
	if e, ok := s.SegmentOn(again, true); !ok || e.Body.(Frame).SrcPort != tcp.LocalPort {
		t.Errorf("left, and left again after the path was settled: %+v", e)
	}
	answer.DstPort = tcp.LocalPort
	say(answer)
	if e, ok := s.SegmentOn(again, false); ok {
		t.Errorf("an answer that came too late: %+v", e)
	}
	ns := Frame{Interface: "eth0", Out: true, Type: NS, Src: mine, Dst: SolicitedNode(peerGlobal), Target: peerGlobal}
	want := say(Drop{Frame: ns, Reason: "NETFILTER_DROP"})
	if e, ok := s.DropOf(PacketKey{Interface: "eth0", Out: true, Type: NS, Peer: peerGlobal}); !ok || e.Seq != want {
		t.Errorf("the solicitation: %+v %v", e, ok)
	}
	if e, ok := s.Evidence(want); !ok || e.Seq != want {
		t.Error("a drop is no evidence")
	}
}

// However many are dropped, what is kept of them is bounded, and the newest are found.
func TestDropsBounded(t *testing.T) {
	s := NewState()
	const n = 2 * EventsKept
	for i := range n {
		s.Apply(Event{Seq: int64(i + 1), At: start, Body: echoDrop(true, uint16(i), 1, "NETFILTER_DROP", "")})
	}
	if len(s.Drops()) != EventsKept || len(s.dropped) != EventsKept {
		t.Errorf("%d drops are kept, %d by packet; want %d", len(s.Drops()), len(s.dropped), EventsKept)
	}
	knock := Frame{Interface: "eth0", Type: TCPSyn, Src: peerGlobal, Dst: mine}
	for i := range n {
		knock.DstPort = uint16(i)
		s.Apply(Event{Seq: int64(n + i + 1), At: start, Body: Drop{Frame: knock, Reason: "NETFILTER_DROP"}})
	}
	if len(s.Drops()) != 2*EventsKept || len(s.dropped) != 2*EventsKept {
		t.Errorf("beside %d knocks that were dropped %d drops are kept, %d by packet", n, len(s.Drops()), len(s.dropped))
	}
	if _, ok := s.DropOf(echoDrop(true, 1, 1, "", "").Frame.Key()); ok {
		t.Error("one that was pushed out is still found")
	}
	if e, ok := s.DropOf(echoDrop(true, n-1, 1, "", "").Frame.Key()); !ok || e.Seq != n {
		t.Errorf("the newest: %+v %v", e, ok)
	}
	again := NewState()
	for _, e := range s.Events() {
		again.Apply(e)
	}
	if !cmp.Equal(again.dropped, s.dropped) {
		t.Error("a recording that begins here finds other drops")
	}
}
