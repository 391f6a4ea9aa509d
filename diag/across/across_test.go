package across_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/across"
	"ndwhy/diag/diagtest"
)

// toPeer is the echo by wire to the peer that both hosts watch.
func toPeer(t *testing.T, s *diag.State) diag.Path {
	t.Helper()
	for _, p := range s.Paths() {
		if p.Target == diagtest.PeerGlobal && p.Asks == diag.AsksEcho && p.Via == diag.ViaWire && p.Source == diagtest.Mine {
			return p
		}
	}
	t.Fatal("nobody asked the peer")
	return diag.Path{}
}

// What both hosts saw of an echo says how far it came, whatever their clocks show, and what the other says of itself
// why it came no further.
func TestFollow(t *testing.T) {
	t.Parallel()
	rule := diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "icmpv6 type echo-request drop", Verdict: "drop", Matches: []string{"echo-request"}}
	out := rule
	out.Hook, out.Chain, out.Matches = "output", "output", []string{"echo-reply"}
	elsewhere := rule
	elsewhere.Interface = "eth1"
	question := diag.Frame{Interface: "eth0", Type: diag.EchoRequest, Src: diagtest.Mine, Dst: diagtest.PeerGlobal, EchoID: 9}
	gone := diagtest.ByHand(diagtest.PeerGlobal, 64)
	gone.Gone = true
	tentative := diagtest.ByHand(diagtest.PeerGlobal, 64)
	tentative.Flags = diag.Tentative
	lookup := diag.Frame{Interface: "eth0", Out: true, Type: diag.NS, Src: diagtest.PeerGlobal, Target: diagtest.Mine}
	for name, tt := range map[string]struct {
		stage int
		there []diag.Body
		place across.Place
		why   across.Reason
		what  string
	}{
		"it never arrives":                     {stage: diagtest.ToNobody, place: across.NotArrived},
		"it arrives":                           {stage: diagtest.ToThere, place: across.NotAnswered, why: across.Unexplained},
		"the answer is lost":                   {stage: diagtest.BackThere, place: across.AnswerLost},
		"the answer comes":                     {stage: diagtest.BackHere, place: across.Returned},
		"a rule there stops the question":      {diagtest.ToThere, []diag.Body{rule}, across.NotAnswered, across.Filtered, "inet filter input: icmpv6 type echo-request drop"},
		"a rule there stops the answer":        {diagtest.ToThere, []diag.Body{out}, across.NotAnswered, across.Filtered, "inet filter output: icmpv6 type echo-request drop"},
		"a rule of another interface":          {diagtest.ToThere, []diag.Body{elsewhere}, across.NotAnswered, across.Unexplained, ""},
		"its kernel says that a rule did":      {diagtest.ToThere, []diag.Body{rule, diag.Drop{Frame: question, Reason: "NETFILTER_DROP"}}, across.NotAnswered, across.Dropped, "inet filter input: icmpv6 type echo-request drop"},
		"its kernel says that something did":   {diagtest.ToThere, []diag.Body{diag.Drop{Frame: question, Reason: "BPF_CGROUP_EGRESS"}}, across.NotAnswered, across.Dropped, "BPF_CGROUP_EGRESS"},
		"a drop that means nothing":            {diagtest.ToThere, []diag.Body{diag.Drop{Frame: question, Reason: "NO_SOCKET"}}, across.NotAnswered, across.Unexplained, ""},
		"the address is gone":                  {diagtest.ToThere, []diag.Body{gone}, across.NotAnswered, across.NotConfigured, ""},
		"the address is tentative":             {diagtest.ToThere, []diag.Body{tentative}, across.NotAnswered, across.NotConfigured, ""},
		"it is told to ignore echoes":          {diagtest.ToThere, []diag.Body{diag.Sysctl{Name: "icmp.echo_ignore_all", Value: "1"}}, across.NotAnswered, across.Ignored, "net.ipv6.icmp.echo_ignore_all"},
		"it looks for us in vain":              {diagtest.ToThere, []diag.Body{lookup}, across.NotAnswered, across.Unresolved, diagtest.Mine.String()},
		"its frames are not all told":          {diagtest.ToNobody, []diag.Body{diag.Feed{Name: diag.FeedFrames, State: diag.Lost}}, across.Unknown, "", ""},
		"it never had the address, nor saw it": {diagtest.ToNobody, []diag.Body{gone}, across.Unknown, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := diagtest.EchoSilent().Watched(tt.stage, tt.there...).State()
			h := across.Hosts(s)[0]
			got := h.Follow(toPeer(t, s))
			if got.Place != tt.place || got.Why != tt.why || got.What != tt.what {
				t.Errorf("%q because of %q %q, want %q, %q %q", got.Place, got.Why, got.What, tt.place, tt.why, tt.what)
			}
			if tt.place != across.Unknown && (got.Sent != 3 || !got.Sure) {
				t.Errorf("%d questions are followed, sure %v", got.Sent, got.Sure)
			}
			if d := h.Offset - diagtest.FarClock; d.Abs() > 5*time.Millisecond {
				t.Errorf("the other clock is ahead by %v of %v", h.Offset, diagtest.FarClock)
			}
		})
	}
}

// A stream that stops early, or had not begun, says nothing of what it did not see.
func TestNotThereAllTheTime(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]diag.FarState{"ended": diag.FarEnded, "behind": diag.FarBehind} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := diagtest.EchoSilent().Watched(diagtest.ToNobody)
			w.Bodies[len(w.Bodies)-1] = diag.Far{From: "ssh far", State: state, Why: "x"}
			s := w.State()
			if got := across.Hosts(s)[0].Follow(toPeer(t, s)); got.Place != across.Unknown {
				t.Errorf("%q, of what the other host may have seen later", got.Place)
			}
		})
	}
	t.Run("late", func(t *testing.T) {
		t.Parallel()
		w := diagtest.EchoSilent().Watched(diagtest.ToNobody).Later(time.Second).FarTells(diag.Feed{Name: diag.FeedFrames, State: diag.Synced})
		s := w.State()
		if got := across.Hosts(s)[0].Follow(toPeer(t, s)); got.Place != across.Unknown {
			t.Errorf("%q, of what was asked before the other host looked", got.Place)
		}
	})

	t.Run("gap", func(t *testing.T) {
		t.Parallel()
		w := diagtest.EchoSilent().Watched(diagtest.ToNobody)
		told := w.Bodies[len(w.Bodies)-1]
		w.Bodies = w.Bodies[:len(w.Bodies)-1]
		s := w.FarTells(diag.Feed{Name: diag.FeedWatch, State: diag.Lost, Why: "a reader that was slow"}).Say(told).State()
		if got := across.Hosts(s)[0].Follow(toPeer(t, s)); got.Place != across.Unknown {
			t.Errorf("%q, of what may be in the gap", got.Place)
		}
	})
	t.Run("a gap, and then what is so", func(t *testing.T) {
		t.Parallel()
		w := diagtest.EchoSilent().Watched(diagtest.ToNobody)
		told := w.Bodies[len(w.Bodies)-1]
		w.Bodies = w.Bodies[:len(w.Bodies)-1]
		w.FarTells(diag.Feed{Name: diag.FeedWatch, State: diag.Lost, Why: "a reader that was slow"}).FarTells(diag.Feed{Name: diag.FeedWatch, State: diag.Synced})
		s := w.Say(told).State()
		if got := across.Hosts(s)[0].Follow(toPeer(t, s)); got.Place != across.Unknown {
			t.Errorf("%q, of what may be in the gap", got.Place)
		}
	})
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		w := diagtest.EchoSilent().Watched(diagtest.ToNobody)
		told := w.Bodies[len(w.Bodies)-1]
		w.Bodies = w.Bodies[:len(w.Bodies)-1]
		first := slices.IndexFunc(w.Bodies, func(b diag.Body) bool {
			f, ok := b.(diag.Frame)
			return ok && f.Out && f.Dst == diagtest.PeerGlobal && f.EchoID == 9
		})
		w.Bodies = slices.Insert(w.Bodies, first, told)
		s := w.State()
		if got := across.Hosts(s)[0].Follow(toPeer(t, s)); got.Place != across.Unknown {
			t.Errorf("%q, of a question that was asked when the other host had told all before it", got.Place)
		}
	})
}

// A switch sends to all what is for one, so that another host than the one that is asked sees it too, as the tap does that
// hears everything: it is not the one that does not answer.
func TestFollowBystander(t *testing.T) {
	t.Parallel()
	third := diagtest.Host2
	group := diag.SolicitedNode(third)
	for name, tt := range map[string]struct {
		asks  diag.Asks
		frame diag.Frame
		want  across.Place
	}{
		"a solicitation to all":     {diag.AsksND, diag.Frame{Type: diag.NS, Dst: group, Target: third, DstMAC: diag.MulticastMAC(group)}, across.Unknown},
		"a solicitation to it":      {diag.AsksND, diag.Frame{Type: diag.NS, Dst: third, Target: third, DstMAC: diagtest.PeerMAC}, across.NotAnswered},
		"an echo to another":        {diag.AsksEcho, diag.Frame{Type: diag.EchoRequest, Dst: third, DstMAC: diag.MAC{2, 0, 0, 0, 0, 9}, EchoID: 30}, across.Unknown},
		"an echo that it gets":      {diag.AsksEcho, diag.Frame{Type: diag.EchoRequest, Dst: third, DstMAC: diagtest.PeerMAC, EchoID: 30}, across.NotAnswered},
		"a packet without Ethernet": {diag.AsksEcho, diag.Frame{Type: diag.EchoRequest, Dst: third, EchoID: 30}, across.NotAnswered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := diagtest.EchoSilent().Watched(diagtest.BackHere)
			w.Bodies = w.Bodies[:len(w.Bodies)-1]
			f := tt.frame
			f.Interface, f.Src, f.SrcMAC, f.HopLimit, f.Raw = "eth0", diagtest.Mine, diagtest.MyMAC, 255, []byte{1}
			out := f
			out.Out = true
			s := w.Say(out).FarTells(f).Say(diag.Far{From: "ssh far", State: diag.FarComplete}).State()
			p := diag.Path{Interface: "eth0", Check: "x", Asks: tt.asks, Source: diagtest.Mine, Target: third, Outcome: diag.Silent, Sent: 1}
			got := across.Hosts(s)[0].Follow(p)
			if got.Place != tt.want || got.Place != across.Unknown && got.Why != across.NotConfigured {
				t.Errorf("%q because of %q, want %q", got.Place, got.Why, tt.want)
			}
		})
	}
}

// A recording of a stream holds what makes the same of it.
func TestFarEventsKeep(t *testing.T) {
	t.Parallel()
	inner := diag.Event{Seq: 2, At: diagtest.Start, Body: diag.Far{From: "third", State: diag.FarEnded}}
	b, err := diag.Event{Seq: 1, At: diagtest.Start, Body: diag.Far{From: "far", Event: &inner}}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var e diag.Event
	if err := e.UnmarshalJSON(b); err == nil {
		t.Error("a far event holds a far event")
	}
}

// Of every kind of question a lost one has a place: by numbers of an echo, ports of a connection, a DHCPv6 transaction; of
// an echo to all by who asked and its numbers, whoever else answers.
func TestFollowEveryKind(t *testing.T) {
	t.Parallel()
	const full = 1500
	solicit := &diag.DHCPv6{Message: "solicit", Transaction: "a1b2c3"}
	stranger := diagtest.Host2
	for name, tt := range map[string]struct {
		asks            diag.Asks
		target          netip.Addr
		question, reply diag.Frame
	}{
		"a full-size packet": {
			diag.AsksMTU, diagtest.PeerGlobal,
			diag.Frame{Type: diag.EchoRequest, Src: diagtest.Mine, Dst: diagtest.PeerGlobal, EchoID: 20, Size: full},
			diag.Frame{Type: diag.EchoReply, Src: diagtest.PeerGlobal, Dst: diagtest.Mine, EchoID: 20, Size: full},
		},
		"a connection": {
			diag.AsksTCP, diagtest.PeerGlobal,
			diag.Frame{Type: diag.TCPSyn, Src: diagtest.Mine, Dst: diagtest.PeerGlobal, SrcPort: 50000, DstPort: 443},
			diag.Frame{Type: diag.TCPSynAck, Src: diagtest.PeerGlobal, Dst: diagtest.Mine, SrcPort: 443, DstPort: 50000},
		},
		"a connection that is refused": {
			diag.AsksTCP, diagtest.PeerGlobal,
			diag.Frame{Type: diag.TCPSyn, Src: diagtest.Mine, Dst: diagtest.PeerGlobal, SrcPort: 50000, DstPort: 443},
			diag.Frame{Type: diag.TCPRst, Src: diagtest.PeerGlobal, Dst: diagtest.Mine, SrcPort: 443, DstPort: 50000},
		},
		"a solicitation of DHCPv6 servers": {
			diag.AsksDHCP, netip.MustParseAddr("ff02::1:2"),
			diag.Frame{Type: diag.DHCPv6Frame, Src: diagtest.MyLocal, Dst: netip.MustParseAddr("ff02::1:2"), DHCPv6: solicit},
			diag.Frame{Type: diag.DHCPv6Frame, Src: diagtest.PeerLocal, Dst: diagtest.MyLocal, DHCPv6: &diag.DHCPv6{Message: "advertise", Transaction: "a1b2c3"}},
		},
		"an echo to all": {
			diag.AsksEcho, netip.MustParseAddr("ff02::1"),
			diag.Frame{Type: diag.EchoRequest, Src: diagtest.Mine, Dst: netip.MustParseAddr("ff02::1"), EchoID: 21, Size: 64},
			diag.Frame{Type: diag.EchoReply, Src: diagtest.PeerGlobal, Dst: diagtest.Mine, EchoID: 21, Size: 64},
		},
	} {
		for stage, want := range []across.Place{diagtest.ToNobody: across.NotArrived, diagtest.ToThere: across.NotAnswered, diagtest.BackThere: across.AnswerLost, diagtest.BackHere: across.Returned} {
			t.Run(fmt.Sprint(name, " ", stage), func(t *testing.T) {
				t.Parallel()
				w := diagtest.EchoSilent().Watched(diagtest.BackThere)
				w.Bodies = w.Bodies[:len(w.Bodies)-1]
				passes := func(f diag.Frame, there, out bool) {
					f.Interface, f.Out, f.Raw = "eth0", out, []byte{1}
					if there {
						w.FarTells(f)
					} else {
						w.Say(f)
					}
				}
				if tt.asks == diag.AsksDHCP { // who answers somebody is a server
					other := tt.reply
					other.DHCPv6 = &diag.DHCPv6{Message: "advertise", Transaction: "000001"}
					passes(other, true, true)
				}
				// One that is small, of another port, of another transaction comes through.
				passes(tt.question, false, true)
				if stage >= diagtest.ToThere {
					passes(tt.question, true, false)
				}
				if stage >= diagtest.BackThere {
					passes(tt.reply, true, true)
				}
				if stage >= diagtest.BackHere {
					passes(tt.reply, false, false)
				}
				if tt.target.IsMulticast() && tt.asks == diag.AsksEcho {
					other := tt.reply
					other.Src = stranger
					passes(other, false, false)
				}
				s := w.Say(diag.Far{From: "ssh far", State: diag.FarComplete}).State()
				p := diag.Path{Interface: "eth0", Check: "x", Asks: tt.asks, Source: tt.question.Src, Target: tt.target, Outcome: diag.Silent, Sent: 1}
				if got := across.Hosts(s)[0].Follow(p); got.Place != want || got.Sent != 1 || got.Asks != tt.asks {
					t.Errorf("%q of %d %s, want %q", got.Place, got.Sent, got.Asks, want)
				}
			})
		}
	}
}

// What the other host asks of this one has a place, too, and this host's own rule for it.
func TestAsked(t *testing.T) {
	t.Parallel()
	rule := diag.Filter{Table: "inet filter", Chain: "input", Hook: "input", Rule: "icmpv6 type echo-request drop", Verdict: "drop", Matches: []string{"echo-request"}}
	for stage, want := range []across.Place{diagtest.ToNobody: across.NotArrived, diagtest.ToThere: across.NotAnswered, diagtest.BackThere: across.AnswerLost, diagtest.BackHere: across.Returned} {
		s := diagtest.VPC().Watched(diagtest.BackHere).Say(rule).Called(stage).State()
		calls := across.Hosts(s)[0].Asked()
		if len(calls) != 1 {
			t.Fatalf("%d calls", len(calls))
		}
		c := calls[0]
		if c.Place != want || c.Source != diagtest.PeerGlobal || c.Target != diagtest.Mine || c.Asks != diag.AsksEcho || c.Sent != 3 || !c.Sure {
			t.Errorf("%+v, want %s", c, want)
		}
		if ruled := c.Why == across.Filtered; ruled != (want == across.NotAnswered) {
			t.Errorf("%s because of %s %s", c.Place, c.Why, c.What)
		}
	}
	// What has not had time to be answered, and what was asked before this host looked, is not judged.
	s := diagtest.VPC().Watched(diagtest.BackHere).Called(diagtest.ToNobody).Say(diag.Feed{Name: diag.FeedFrames, State: diag.Lost}).Say(diag.Feed{Name: diag.FeedFrames, State: diag.Synced}).State()
	if calls := across.Hosts(s)[0].Asked(); len(calls) > 0 {
		t.Errorf("%+v, of what came while this host did not look", calls)
	}
}
