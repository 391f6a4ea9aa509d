package checks

import (
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
)

// events numbers bodies and puts them one millisecond apart.
func events(bodies ...diag.Body) []diag.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	list := make([]diag.Event, len(bodies))
	for i, b := range bodies {
		list[i] = diag.Event{Seq: int64(i + 1), At: at.Add(time.Duration(i) * time.Millisecond), Body: b}
	}
	return list
}

func question(k kind, source, target netip.Addr) Question {
	return Question{kind: k, Path: diag.Path{Interface: "eth0", Source: source, Target: target}}
}

// judge returns what a list of events means for a question: what a run would say of it. ids are the echo ids that it
// was asked with.
func judge(q Question, host Host, ids []uint16, before diag.NUD, events []diag.Event) diag.Path {
	t := newTally(q, host)
	t.before = before
	for _, id := range ids {
		t.ids[id] = true
	}
	for _, e := range events {
		t.see(e)
	}
	return t.verdict()
}

func TestJudge(t *testing.T) {
	const id = 77
	request := func(seq uint16) diag.Frame {
		return diag.Frame{Interface: "eth0", Out: true, SrcMAC: ourMAC, Type: diag.EchoRequest, Src: ourGUA, Dst: peerGUA, EchoID: id, EchoSeq: seq}
	}
	reply := func(seq uint16) diag.Frame {
		return diag.Frame{Interface: "eth0", SrcMAC: peerMAC, Type: diag.EchoReply, Src: peerGUA, Dst: ourGUA, EchoID: id, EchoSeq: seq}
	}
	sock := func(e diag.SocketEvent, seq uint16) diag.Socket {
		from := netip.Addr{}
		if e == diag.SocketReply {
			from = peerGUA
		}
		return diag.Socket{Interface: "eth0", Event: e, Source: ourGUA, Target: peerGUA, EchoID: id, EchoSeq: seq, From: from}
	}
	solicit := diag.Frame{Interface: "eth0", Out: true, SrcMAC: ourMAC, Type: diag.NS, Src: ourGUA, Dst: diag.SolicitedNode(peerGUA), Target: peerGUA}
	advertise := diag.Frame{Interface: "eth0", SrcMAC: peerMAC, Type: diag.NA, Src: peerGUA, Dst: ourGUA, Target: peerGUA, LLAddr: peerMAC, Solicited: true}
	entry := func(state diag.NUD) diag.Neighbour {
		return diag.Neighbour{Interface: "eth0", Address: peerGUA, State: state}
	}
	unreachable := func(from netip.Addr) diag.Frame {
		return diag.Frame{
			Interface: "eth0", SrcMAC: routerMAC, Type: diag.Unreachable, Code: 1, Src: from, Dst: ourGUA,
			Quoted: &diag.Quoted{Src: ourGUA, Dst: peerGUA, Type: diag.EchoRequest, EchoID: id, EchoSeq: 1},
		}
	}
	bad := reply(1)
	bad.Bad = "checksum"
	spoofed := advertise
	spoofed.Bad = "hop limit 64"
	other := reply(1)
	other.EchoID = 78
	queue := sock(diag.SocketError, 1)
	queue.Type, queue.Code, queue.From, queue.Errno = diag.Unreachable, 1, router, "EACCES"
	ownQueue := queue
	ownQueue.From, ownQueue.Code, ownQueue.Errno = ourGUA, 3, "EHOSTUNREACH"
	eperm := sock(diag.SocketError, 1)
	eperm.Errno = "EPERM"
	echoWire, echoKernel := question(echo.wire, ourGUA, peerGUA), question(echo.kernel, ourGUA, peerGUA)
	ndWire, ndKernel := question(nd.wire, ourGUA, peerGUA), question(nd.kernel, ourGUA, peerGUA)
	dadWire := question(dad.wire, netip.IPv6Unspecified(), peerGUA)
	dadKernel := question(dad.kernel, netip.IPv6Unspecified(), peerGUA)
	dadNS := diag.Frame{Interface: "eth0", Out: true, SrcMAC: ourMAC, Type: diag.NS, Src: netip.IPv6Unspecified(), Target: peerGUA}
	rival := dadNS
	rival.Out, rival.SrcMAC = false, peerMAC
	tentative := diag.Address{Interface: "eth0", Address: peerGUA, Flags: diag.Tentative}
	failed := diag.Address{Interface: "eth0", Address: peerGUA, Flags: diag.Tentative | diag.DADFailed, Gone: true}

	for name, tc := range map[string]struct {
		q              Question
		before         diag.NUD
		noTap, xdp     bool
		events         []diag.Event
		outcome        diag.Outcome
		detail         string
		sent, received int
		errno          string
	}{
		"echo answered":                       {q: echoWire, events: events(request(1), reply(1)), outcome: diag.Answered, sent: 1, received: 1},
		"the same answer twice is one":        {q: echoWire, events: events(request(1), reply(1), reply(1)), outcome: diag.Answered, sent: 1, received: 1},
		"the second of two answered":          {q: echoWire, events: events(request(1), request(2), reply(2)), outcome: diag.Answered, sent: 2, received: 1},
		"an answer that is not believed":      {q: echoWire, events: events(request(1), bad), outcome: diag.Silent, sent: 1},
		"another program's answer":            {q: echoWire, events: events(request(1), other), outcome: diag.Silent, sent: 1},
		"silent":                              {q: echoWire, events: events(request(1), request(2)), outcome: diag.Silent, sent: 2},
		"silent under XDP":                    {q: echoWire, xdp: true, events: events(request(1)), outcome: diag.Silent, detail: DetailXDP, sent: 1},
		"refused by another host":             {q: echoWire, events: events(request(1), unreachable(router)), outcome: diag.Refused, sent: 1},
		"the host's own error is no refusal":  {q: echoWire, events: events(request(1), unreachable(ourGUA)), outcome: diag.Silent, sent: 1},
		"an answer to what a group was asked": {q: echoWire, events: events(reply(groupSeq|1), request(2), reply(2)), outcome: diag.Answered, sent: 1, received: 1},
		"no copy seen leaving":                {q: echoWire, events: nil, outcome: diag.Unsent, detail: DetailNotSeen},

		"kernel answered":               {q: echoKernel, events: events(sock(diag.SocketSent, 1), request(1), reply(1), sock(diag.SocketReply, 1)), outcome: diag.Answered, sent: 1, received: 1},
		"kernel silent, wire answered":  {q: echoKernel, events: events(sock(diag.SocketSent, 1), request(1), reply(1)), outcome: diag.Silent, sent: 1},
		"kernel refused locally":        {q: echoKernel, events: events(eperm), outcome: diag.Unsent, errno: "EPERM"},
		"kernel refused from afar":      {q: echoKernel, events: events(sock(diag.SocketSent, 1), request(1), queue), outcome: diag.Refused, sent: 1},
		"the entry failed":              {q: echoKernel, events: events(sock(diag.SocketSent, 1), entry(diag.Incomplete), ownQueue, entry(diag.Failed)), outcome: diag.Silent, detail: DetailUnresolved},
		"taken and never seen leaving":  {q: echoKernel, events: events(sock(diag.SocketSent, 1), entry(diag.Reachable)), outcome: diag.Unsent, detail: DetailNotSeen},
		"taken, and nothing could tell": {q: echoKernel, noTap: true, events: events(sock(diag.SocketSent, 1)), outcome: diag.Silent, sent: 1},

		"resolved":                              {q: ndWire, events: events(solicit, advertise), outcome: diag.Answered, sent: 1, received: 1},
		"an advertisement that is not believed": {q: ndWire, events: events(solicit, spoofed), outcome: diag.Silent, sent: 1},
		"unresolved":                            {q: ndWire, events: events(solicit, solicit), outcome: diag.Silent, sent: 2},
		"kernel resolved":                       {q: ndKernel, events: events(solicit, advertise, entry(diag.Reachable)), outcome: diag.Answered, sent: 1, received: 1},
		"kernel resolved, then flushed":         {q: ndKernel, events: events(solicit, advertise, entry(diag.Reachable), entry(diag.Failed)), outcome: diag.Answered, sent: 1, received: 1},
		"an advertisement told it":              {q: ndKernel, events: events(solicit, entry(diag.Stale)), outcome: diag.OutcomeSkipped, detail: DetailResolved, sent: 1},
		"kernel did not take the answer":        {q: ndKernel, events: events(solicit, advertise, entry(diag.Incomplete)), outcome: diag.Silent, sent: 1},
		"kernel had it already":                 {q: ndKernel, before: diag.Stale, events: events(entry(diag.Delay)), outcome: diag.OutcomeSkipped, detail: DetailResolved},
		"kernel's solicitation never left":      {q: ndKernel, events: events(entry(diag.Incomplete)), outcome: diag.Unsent, detail: DetailNotSeen},
		"kernel failed, and nothing could tell": {q: ndKernel, noTap: true, events: events(entry(diag.Incomplete), entry(diag.Failed)), outcome: diag.Silent},

		"nobody has it":            {q: dadWire, events: events(dadNS), outcome: diag.Silent, sent: 1},
		"somebody has it":          {q: dadWire, events: events(dadNS, advertise), outcome: diag.Answered, sent: 1, received: 1},
		"somebody wants it too":    {q: dadWire, events: events(dadNS, rival), outcome: diag.Answered, sent: 1, received: 1},
		"the kernel found it free": {q: dadKernel, events: events(tentative, dadNS, diag.Address{Interface: "eth0", Address: peerGUA}), outcome: diag.Silent, sent: 1},
		"the kernel gave it up":    {q: dadKernel, events: events(tentative, dadNS, failed), outcome: diag.Answered, sent: 1, received: 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := Host{MAC: ourMAC, Tap: !tc.noTap, XDP: tc.xdp, Own: func(a netip.Addr) bool { return a == ourGUA || a == ourLL }}
			p := judge(tc.q, h, []uint16{id}, tc.before, tc.events)
			if p.Outcome != tc.outcome || p.Detail != tc.detail || p.Sent != tc.sent || p.Received != tc.received || p.Errno != tc.errno {
				t.Errorf("%s %q, sent %d, received %d, errno %q; want %s %q, %d, %d, %q", p.Outcome, p.Detail, p.Sent, p.Received, p.Errno,
					tc.outcome, tc.detail, tc.sent, tc.received, tc.errno)
			}
			if p.Outcome == diag.Refused && (p.Error == nil || p.Error.From != router || p.Error.Code != 1) {
				t.Errorf("error %+v", p.Error)
			}
			if p.Outcome == diag.Answered && (len(p.Evidence) == 0 || p.RTTMS > 3) {
				t.Errorf("evidence %v, rtt %v", p.Evidence, p.RTTMS)
			}
		})
	}
}

func TestJudgeAllNodes(t *testing.T) {
	q := question(echo.wire, ourLL, diag.AllNodes)
	from := func(a netip.Addr, mac diag.MAC) diag.Frame {
		return diag.Frame{Interface: "eth0", SrcMAC: mac, Type: diag.EchoReply, Src: a, Dst: ourLL, EchoID: 5, EchoSeq: 1}
	}
	h := Host{MAC: ourMAC, Tap: true, Own: func(a netip.Addr) bool { return a == ourLL }}
	p := judge(q, h, []uint16{5}, "", events(
		diag.Frame{Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: ourLL, Dst: diag.AllNodes, EchoID: 5, EchoSeq: 1},
		from(ourLL, ourMAC), from(peerLL, peerMAC), from(peerLL, peerMAC), from(router, routerMAC),
	))
	if p.Outcome != diag.Answered || len(p.Responders) != 2 || p.Responders[0].Address != peerLL || p.Responders[1].Address != router {
		t.Errorf("%s %+v", p.Outcome, p.Responders)
	}
	if p := judge(q, h, []uint16{5}, "", events(
		diag.Frame{Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: ourLL, Dst: diag.AllNodes, EchoID: 5, EchoSeq: 1},
		from(ourLL, ourMAC),
	)); p.Outcome != diag.Silent {
		t.Errorf("only ourselves: %s", p.Outcome)
	}
}

// TestLateIsNotLost: a solicitation whose answer is still on its way when another is answered is waited for,
// and its time is told from the question that it answers.
func TestLateIsNotLost(t *testing.T) {
	q := question(nd.wire, ourLL, router)
	tally := newTally(q, Host{MAC: ourMAC, Tap: true, Own: func(netip.Addr) bool { return false }})
	solicit := diag.Frame{Interface: "eth0", Out: true, SrcMAC: ourMAC, Type: diag.NS, Src: ourLL, Target: router}
	advertise := diag.Frame{Interface: "eth0", SrcMAC: routerMAC, Type: diag.NA, Src: router, Dst: ourLL, Target: router}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	see := func(after time.Duration, f diag.Frame) {
		tally.see(diag.Event{Seq: int64(after) + 1, At: at.Add(after), Body: f})
	}
	see(0, solicit)
	see(200*time.Millisecond, solicit)
	see(900*time.Millisecond, advertise)
	if end := 200*time.Millisecond + tally.patience(); !tally.outstanding() || end < 1100*time.Millisecond {
		t.Errorf("outstanding %v, waited for until %v", tally.outstanding(), end)
	}
	see(1100*time.Millisecond, advertise)
	if p := tally.verdict(); tally.outstanding() || tally.lossy() || p.RTTMS != 900 {
		t.Errorf("outstanding %v, lossy %v, %v ms", tally.outstanding(), tally.lossy(), p.RTTMS)
	}
}

// TestDeliveredLate: what the kernel sent before its wait was over is its own answer, whenever it comes; what
// it sent after our own frames is not.
func TestDeliveredLate(t *testing.T) {
	for left, want := range map[bool]diag.Outcome{true: diag.Answered, false: diag.Silent} {
		tally := newTally(question(echo.kernel, ourGUA, peerGUA), Host{MAC: ourMAC, Tap: true, Own: func(netip.Addr) bool { return false }})
		tally.ids[7] = true
		sock := diag.Socket{Interface: "eth0", Event: diag.SocketSent, Source: ourGUA, Target: peerGUA, EchoID: 7, EchoSeq: 1}
		request := diag.Frame{Interface: "eth0", Out: true, SrcMAC: ourMAC, Type: diag.EchoRequest, Src: ourGUA, Dst: peerGUA, EchoID: 7, EchoSeq: 1}
		list := []diag.Body{sock, diag.Neighbour{Interface: "eth0", Address: peerGUA, State: diag.Incomplete}}
		if left {
			list = append(list, request)
		}
		for _, e := range events(list...) {
			tally.see(e)
		}
		tally.closed = true
		sock.Event, sock.From = diag.SocketReply, peerGUA
		for _, e := range events(request, sock) {
			tally.see(e)
		}
		if p := tally.verdict(); p.Outcome != want {
			t.Errorf("seen leaving %v: %s, want %s", left, p.Outcome, want)
		}
	}
}

// TestLostIsNotUnderway: of what was asked until time was up, only the last may still be answered.
func TestLostIsNotUnderway(t *testing.T) {
	tally := newTally(question(echo.wire, ourGUA, peerGUA), Host{MAC: ourMAC, Tap: true, Own: func(netip.Addr) bool { return false }})
	tally.ids[7] = true
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const rtt = 50 * time.Millisecond
	for i := range 8 {
		sent := at.Add(time.Duration(i) * 100 * time.Millisecond)
		f := diag.Frame{Interface: "eth0", Out: true, SrcMAC: ourMAC, Type: diag.EchoRequest, Src: ourGUA, Dst: peerGUA, EchoID: 7, EchoSeq: uint16(i)}
		tally.see(diag.Event{Seq: int64(2*i + 1), At: sent, Body: f})
		if i%2 == 0 {
			f.Out, f.Type, f.Src, f.Dst, f.SrcMAC = false, diag.EchoReply, peerGUA, ourGUA, peerMAC
			tally.see(diag.Event{Seq: int64(2*i + 2), At: sent.Add(rtt), Body: f})
		}
	}
	if n := tally.underway(at.Add(710 * time.Millisecond)); n != 1 {
		t.Errorf("%d of the four unanswered are underway", n)
	}
}

// TestLateSolicitationIsUnderway: an advertisement does not tell which solicitation it answers, so it may be the first one's,
// and the second one's be as long in coming.
func TestLateSolicitationIsUnderway(t *testing.T) {
	tally := newTally(question(nd.wire, ourGUA, peerGUA), Host{MAC: ourMAC, Tap: true, Own: func(netip.Addr) bool { return false }})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, f := range []diag.Frame{
		{Out: true, Type: diag.NS, Src: ourGUA, Dst: diag.SolicitedNode(peerGUA), Target: peerGUA, SrcMAC: ourMAC},
		{Out: true, Type: diag.NS, Src: ourGUA, Dst: diag.SolicitedNode(peerGUA), Target: peerGUA, SrcMAC: ourMAC},
		{Type: diag.NA, Src: peerGUA, Dst: ourGUA, Target: peerGUA, SrcMAC: peerMAC, LLAddr: peerMAC},
	} {
		f.Interface = "eth0"
		tally.see(diag.Event{Seq: 1, At: at, Body: f})
		at = at.Add(200 * time.Millisecond)
		if !f.Out {
			break
		}
	}
	if now := at.Add(-150 * time.Millisecond); tally.path.Received != 1 || tally.underway(now) < 1 {
		t.Errorf("received %d, underway %d", tally.path.Received, tally.underway(now))
	}
}

// TestSlowestTells: answers take as long as the slowest of them, of whichever question.
func TestSlowestTells(t *testing.T) {
	tally := newTally(question(echo.wire, ourGUA, peerGUA), Host{MAC: ourMAC, Tap: true, Own: func(netip.Addr) bool { return false }})
	tally.ids[7] = true
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, rtt := range []time.Duration{80 * time.Millisecond, 180 * time.Millisecond, 0} {
		sent := at.Add(time.Duration(i) * time.Second)
		f := diag.Frame{Interface: "eth0", Out: true, SrcMAC: ourMAC, Type: diag.EchoRequest, Src: ourGUA, Dst: peerGUA, EchoID: 7, EchoSeq: uint16(i)}
		tally.see(diag.Event{Seq: int64(2*i + 1), At: sent, Body: f})
		if rtt > 0 {
			f.Out, f.Type, f.Src, f.Dst, f.SrcMAC = false, diag.EchoReply, peerGUA, ourGUA, peerMAC
			tally.see(diag.Event{Seq: int64(2*i + 2), At: sent.Add(rtt), Body: f})
		}
	}
	for age, want := range map[time.Duration]int{250 * time.Millisecond: 1, 400 * time.Millisecond: 0} {
		if n := tally.underway(at.Add(2*time.Second + age)); n != want {
			t.Errorf("%s old: %d underway, want %d", age, n, want)
		}
	}
}
