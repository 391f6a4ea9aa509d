package diag

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"ndwhy/diag/words"
)

func reportJSON(t *testing.T, s *State) []byte {
	t.Helper()
	raw, err := json.Marshal(NewReport(s, Diagnose(s)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestEveryReportFitsTheSchema(t *testing.T) {
	s := reportSchema(t)
	if err := s.Check(reportJSON(t, NewState())); err != nil {
		t.Errorf("empty state: %v", err)
	}
	for _, tt := range causeTests {
		t.Run(tt.name, func(t *testing.T) {
			raw := reportJSON(t, tt.world().state())
			if err := s.Check(raw); err != nil {
				t.Errorf("%v", err)
			}
			var r Report
			if err := json.Unmarshal(raw, &r); err != nil {
				t.Fatal(err)
			}
			checkReferences(t, r)
		})
	}
}

// checkReferences fails where an ID points at nothing, or evidence is not pointed at.
func checkReferences(t *testing.T, r Report) {
	t.Helper()
	paths, evidence, used := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, p := range r.Paths {
		paths[p.ID] = true
	}
	for _, e := range r.Evidence {
		evidence[e.ID] = true
	}
	point := func(from string, toPaths, toEvidence []string) {
		for _, id := range toPaths {
			if !paths[id] {
				t.Errorf("%s points at %s, which is not in the report", from, id)
			}
		}
		for _, id := range toEvidence {
			used[id] = true
			if !evidence[id] {
				t.Errorf("%s points at %s, which is not in the report", from, id)
			}
		}
	}
	for _, p := range r.Paths {
		point(p.ID, nil, p.Evidence)
	}
	for _, f := range r.Findings {
		point(f.Cause, f.Explains, f.Evidence)
	}
	for _, u := range r.Unexplained {
		point(u.Symptom, u.Paths, u.Evidence)
	}
	for id := range evidence {
		if !used[id] {
			t.Errorf("nothing points at %s", id)
		}
	}
}

func TestReportKeepsUnknownApart(t *testing.T) {
	w := lan()
	w.bodies = append(w.bodies, Address{Interface: "eth0", Address: hand, PrefixLen: 64, Flags: Permanent, PreferredS: Forever, ValidS: Forever})
	w.path(Path{Check: "internet", Asks: AsksEcho, Target: netip.MustParseAddr("2001:db8::77"), SourceClass: SourceUnknown, TargetClass: TargetInternet, Outcome: Unsent, Errno: "ENETUNREACH"})
	s := w.state()
	r := NewReport(s, Diagnose(s))
	for _, a := range r.Addresses {
		if a.Address == hand.String() && a.Assigned != nil {
			t.Errorf("%s: assigned is %v although the assigned set is not known", a.Address, *a.Assigned)
		}
	}
	for _, p := range r.Paths {
		if p.Target == "2001:db8::77" && (p.Source != nil || p.RTTMS != nil) {
			t.Errorf("a source or time that nobody knows: %+v", p)
		}
	}
	if r.Routers[0].HopLimit != nil || r.Routers[0].MTU != nil {
		t.Error("the router said neither hop limit nor MTU")
	}
	if r.Assignment[0].State != MetadataNotAsked {
		t.Errorf("metadata is %s, want not-asked", r.Assignment[0].State)
	}
}

func TestReportShowsOnlyWhatIsPointedAt(t *testing.T) {
	w := vpc()
	for range 100 {
		w.say(Frame{Interface: "eth0", Type: NS, Src: peerLocal, Dst: AllNodes, Target: mine, Raw: []byte("not for the report")})
	}
	raw := reportJSON(t, w.state())
	if bytes.Contains(raw, []byte("bm90IGZvciB0aGUgcmVwb3J0")) {
		t.Error("a frame that nothing points at is in the report")
	}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		body Body
		want string
	}{
		{
			Frame{Type: NS, Out: true, Src: myLocal, Dst: SolicitedNode(peerLocal), Target: peerLocal},
			"NS fe80::4df:a5ff:fe6c:5d57 > ff02::1:ffeb:c61d: who has fe80::4f0:13ff:feeb:c61d?",
		},
		{
			Frame{Type: NA, Src: peerLocal, Dst: myLocal, Target: peerLocal, LLAddr: peerMAC, Solicited: true},
			"NA fe80::4f0:13ff:feeb:c61d > fe80::4df:a5ff:fe6c:5d57: fe80::4f0:13ff:feeb:c61d is at 06:f0:13:eb:c6:1d (solicited)",
		},
		{
			raFrame(routerAddr, routerMAC, vpcRA()),
			"RA fe80::4fd:d1ff:fec8:f9cf > ff02::1: M, lifetime 1800 s, 2001:db8:1f16:8df::/64 L",
		},
		{
			Frame{Type: Unreachable, Code: 1, Src: routerAddr, Dst: mine, Quoted: &Quoted{Src: mine, Dst: host1}},
			"destination unreachable fe80::4fd:d1ff:fec8:f9cf > 2001:db8:1f16:8df:f557:112e:f9bd:c7f3: administratively prohibited, about 2001:db8:1f16:8df:f557:112e:f9bd:c7f3 > 2001:db8:ffff::1",
		},
		{Frame{Type: NS, Src: peerLocal, Dst: AllNodes, Target: mine, Bad: "hop limit 64"}, "NS fe80::4f0:13ff:feeb:c61d > ff02::1: who has 2001:db8:1f16:8df:f557:112e:f9bd:c7f3? [not believed: hop limit 64]"},
		{Neighbour{Interface: "eth0", Address: routerAddr, MAC: routerMAC, State: Stale, Router: true}, "neighbour fe80::4fd:d1ff:fec8:f9cf on eth0 is 06:fd:d1:c8:f9:cf, router, STALE"},
		{Neighbour{Interface: "eth0", Address: peerGlobal, State: Incomplete}, "neighbour 2001:db8:1f16:8df:d326:143a:2015:79fa on eth0 has no MAC, INCOMPLETE"},
		{defaultRoute("ra"), "route default via fe80::4fd:d1ff:fec8:f9cf dev eth0 proto ra metric 1024 expires 1799sec"},
		{Sysctl{Scope: "eth0", Name: "accept_ra", Value: "2"}, "net.ipv6.conf.eth0.accept_ra = 2"},
		{PolicyRule{Priority: 10000, Src: netip.PrefixFrom(mine, 128), Table: 10000}, "policy rule 10000: from 2001:db8:1f16:8df:f557:112e:f9bd:c7f3/128 lookup 10000"},
		{
			Path{Check: "peer-echo", Asks: AsksEcho, Source: mine, Target: peerGlobal, Via: ViaKernel, Outcome: Silent, Detail: "unresolved"},
			"peer-echo: echo from 2001:db8:1f16:8df:f557:112e:f9bd:c7f3 to 2001:db8:1f16:8df:d326:143a:2015:79fa by kernel: silent: its neighbour discovery failed, so the echo never left",
		},
	}
	for _, tt := range tests {
		if got := Describe(Event{Body: tt.body}); got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.body.Kind(), got, tt.want)
		}
	}
}

func TestNothingHostileReachesTheReport(t *testing.T) {
	evil := "\x1b[2J\x1b]0;x\a\u202e\u0085\r\n"
	w := vpc()
	w.run.Host, w.run.Version = evil, evil
	w.run.Interfaces = []string{"eth0", evil}
	w.path(Path{Check: evil, Interface: evil, Asks: Asks(evil), Source: mine, Target: host1, TargetClass: TargetClass(evil), Outcome: Outcome(evil)})
	w.checks = append(w.checks, Check{ID: "mtu", Interface: "eth0", State: CheckSkipped, Why: evil, Fix: evil})
	w.say(
		Machine{SysVendor: "Amazon EC2", Product: evil},
		Manager{Interface: "eth0", Name: evil},
		Filter{Table: evil, Chain: evil, Hook: "input", Rule: evil, Verdict: "drop", Matches: []string{"na"}},
		Change{Interface: "eth0", What: evil},
		Frame{Interface: "eth0", Type: FrameType(evil), Src: peerLocal, Dst: mine, Bad: evil, RA: &Advertisement{DNSSL: []string{evil}}},
		Metadata{Endpoint: evil, State: MetadataOK, Why: evil, Interfaces: []MetadataInterface{{MAC: myMAC, ID: evil, Subnet: evil, Addresses: []netip.Addr{mine}}}},
		byHand(hand, 64),
	)
	w.kernelDeaf("unresolved").path(Path{Check: "mtu", Asks: AsksMTU, Source: mine, Target: host1, TargetClass: TargetInternet, Detail: evil, Note: evil, Errno: evil, Outcome: Unsent})
	events := w.events()
	s := fold(events)
	var texts []string
	for _, e := range events {
		texts = append(texts, Describe(e))
	}
	var strs func(v any)
	strs = func(v any) {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case []any:
			for _, x := range v {
				strs(x)
			}
		case map[string]any:
			for _, x := range v {
				strs(x)
			}
		}
	}
	var doc any
	if err := json.Unmarshal(reportJSON(t, s), &doc); err != nil {
		t.Fatal(err)
	}
	strs(doc)
	for _, u := range Diagnose(s).Unknown {
		texts = append(texts, u.What, u.Why, u.Fix)
	}
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf) }) {
			t.Errorf("control characters in %q", text)
		}
	}
}

func TestBurstOfNeighboursLeavesTheFrames(t *testing.T) {
	w := vpc()
	events := w.events()
	s := fold(events)
	before := len(s.Frames())
	seq := s.Seq
	for i := range 100_000 {
		seq++
		s.Apply(Event{Seq: seq, At: start.Add(time.Minute), Body: Neighbour{Interface: "eth0", Address: netip.AddrFrom16([16]byte{0x20, 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}), State: Stale, MAC: peerMAC}})
	}
	if got := len(s.Frames()); got != before {
		t.Errorf("%d frames are remembered, %d before the burst", got, before)
	}
	last := Path{ID: "x", Interface: "eth0", Check: "peer-nd", Asks: AsksND, Source: mine, Target: peerGlobal, Evidence: []int64{seq}}
	s.Apply(Event{Seq: seq + 1, At: start.Add(time.Minute), Body: last})
	if e, ok := s.Evidence(seq); !ok || e.Kind() != "neighbour" {
		t.Errorf("a neighbour event that a path points at is not remembered: %v", e)
	}
}

func TestEvidenceOfReplacedPathsIsForgotten(t *testing.T) {
	s := NewState()
	seq := int64(0)
	next := func(b Body) int64 {
		seq++
		s.Apply(Event{Seq: seq, At: start, Body: b})
		return seq
	}
	first := next(Socket{Interface: "eth0", Event: SocketSent, Target: host1})
	next(Path{ID: "a", Target: host1, Evidence: []int64{first}})
	next(Path{ID: "b", Target: host1, Evidence: []int64{first}})
	for range 2 * eventsKept {
		next(Socket{Interface: "eth0", Event: SocketSent, Target: host1})
	}
	next(Path{ID: "a", Target: host1})
	if _, ok := s.Evidence(first); !ok {
		t.Error("evidence that a path still points at is gone")
	}
	next(Path{ID: "b", Target: host1})
	if _, ok := s.Evidence(first); ok {
		t.Error("evidence that nothing points at any more is kept")
	}
}

// TestChangedIsOneSentenceAnInterface: what --add kernel put on an interface and took off it again.
func TestChangedIsOneSentenceAnInterface(t *testing.T) {
	change := func(iface string, a netip.Addr, undone bool) Change {
		return Change{Interface: iface, What: words.Say("change.address", "address", a, "interface", iface), Address: a, Undone: undone}
	}
	w := vpc().say(
		change("eth0", mineNext, false), change("eth0", ulaCand, false), change("eth0", localCand, false),
		change("eth1", mineNext, false), change("eth1", ulaCand, false),
		change("eth0", mineNext, true), change("eth0", localCand, true), change("eth0", ulaCand, true),
		change("eth1", ulaCand, true),
		Change{Interface: "eth0", What: "something else"}, Change{Interface: "eth0", What: "something else", Undone: true},
	)
	s := w.state()
	got := NewReport(s, Diagnose(s)).Changed
	want := []string{
		"eth0 had more addresses for some seconds, all of them removed again: " + mineNext.String() + ", " + ulaCand.String() + ", " + localCand.String() + ".",
		"eth1 was given more addresses for some seconds: " + mineNext.String() + ", " + ulaCand.String() + "; removed so far: " + ulaCand.String() + "; the kernel removes the rest by itself.",
		"something else (undone)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestReportTellsWhatTheUserTurnedOff apart from what could not run.
func TestReportTellsWhatTheUserTurnedOff(t *testing.T) {
	w := vpc().skip("mtu")
	w.checks = append(w.checks, Check{ID: "services", Interface: "eth0", State: CheckSkipped, Why: words.Say("skipped.timeout")})
	s := w.state()
	got := NewReport(s, Diagnose(s)).Skipped
	want := []ReportSkipped{{"mtu", words.Say("skipped.user"), true}, {"services", words.Say("skipped.timeout"), false}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAnsweredForSaysWhose: the addresses that a VPC keeps for itself are somebody's today, and it is
// known whose.
func TestAnsweredForSaysWhose(t *testing.T) {
	try := func(w *world, target string) Report {
		a := netip.MustParseAddr(target)
		w.run.Try = []netip.Addr{a}
		w.path(Path{
			Check: "added", Asks: AsksDAD, Source: netip.IPv6Unspecified(), SourceClass: SourceUnspecified, Target: a, TargetClass: TargetPeer,
			Responders: []Responder{{Address: a, MAC: routerMAC}},
		})
		w.path(Path{
			Check: "added", Asks: AsksND, Source: a, SourceClass: SourceCandidate, Target: peerGlobal, TargetClass: TargetPeer,
			Outcome: OutcomeSkipped, Detail: "answered-for", Note: routerMAC.String(),
		})
		s := w.state()
		return NewReport(s, Diagnose(s))
	}
	for _, tt := range []struct {
		world  *world
		target string
		want   string
	}{
		{vpc(), "2001:db8:1f16:8df::1", "answered-for-router"},
		{vpc(), "fe80:ec2::1", "answered-for-router"},
		{vpc(), "2001:db8:1f16:8df::2", "answered-for-reserved"},
		{vpc(), "2001:db8:1f16:8df:ffff:ffff:ffff:ffff", "answered-for-reserved"},
		{vpc(), "2001:db8:1f16:8df::1234", "answered-for"},
		{lan(), "2001:db8:1f16:8df::1", "answered-for"},
	} {
		found := false
		for _, p := range try(tt.world, tt.target).Paths {
			if p.Source == nil || *p.Source != tt.target {
				continue
			}
			found = true
			if p.Detail != tt.want || !words.Has("detail."+p.Detail) || p.Note != routerMAC.String() {
				t.Errorf("%s in %s: %s (%s), want %s", tt.target, tt.world.run.Host, p.Detail, p.Note, tt.want)
			}
		}
		if !found {
			t.Errorf("%s: no path", tt.target)
		}
	}
}

// A frame that the kernel sent is both the kernel's question and the wire's, and one packet.
func TestTrafficCountsPackets(t *testing.T) {
	w := vpc()
	w.paths = nil
	q := Path{Check: "peer-echo", Asks: AsksEcho, Source: mine, Target: peerGlobal, TargetClass: TargetPeer, Sent: 3}
	w.both(q)
	q.Check, q.Asks, q.Sent, q.Via = "peer-nd", AsksND, 2, ViaWire
	w.path(q)
	s := w.state()
	if got := NewReport(s, Diagnose(s)).Traffic; got != (ReportTraffic{Sent: 5, ByKernel: 3}) {
		t.Errorf("%+v", got)
	}
}
