package ui

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/render"
	"ndwhy/diag/report"
	"ndwhy/diag/words"

	tea "charm.land/bubbletea/v2"
)

func TestFindingIsOpenedCopiedAndLeft(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.press("enter").want("Do one of these", "aws ec2 assign-ipv6-addresses", "address.unassigned")
	s.press("y").want("/root/.cache/ndwhy/copied.txt")
	if !strings.HasPrefix(s.intents.kept, "aws ec2 assign-ipv6-addresses") {
		t.Errorf("copied %q", s.intents.kept)
	}
	if s.press("Y").want("Copy", "fix b", "this finding").press("c"); !strings.Contains(s.intents.kept, "address.unassigned") || !strings.Contains(s.intents.kept, "$ sudo ip -6 addr del") {
		t.Errorf("copied %q", s.intents.kept)
	}
	if !slices.ContainsFunc(s.sent, func(m string) bool { return strings.Contains(m, "setClipboardMsg") }) {
		t.Errorf("no OSC 52 was asked for: %v", s.sent)
	}
	s.press("esc").want("WHY  1 of").wantNot("Do one of these")
}

// From a finding one goes to the next, to the frames that show it, and to its cells in the matrix.
func TestFindingLeadsOn(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("enter")
	s.want("Overview › 1 of 5", "from …c7f3", "from …c7f4", "✗ 2 sent, 0 came").wantNot("It explains 3")
	s.press("end").want("It explains 3 questions", "12 frames").press("space", "end").wantNot("12 frames")
	s.press("f").want("[6 Packets]", "/address.unassigned: ", "…f557:112e:f9bd:c7f4").wantNot("fe80::1234")
	s.press("esc").want("1/44")
	s.press("1", "enter", "m").want("[2 Matrix]", "from 2001:db8:1f16:8df0:f557:112e:f9bd:c7f4", "problem 1")
	s.press("1", "enter", "right").want("Overview › 2 of 5", "net.per-address-filter").press("left", "left").want("Overview › 1 of 5")
	s.press("right", "esc").want("WHY  2 of 5")
}

func TestCandidatesAreTriedOnlyWithConsent(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("2")
	s.want("all (t: one by one)").press("t").want("…f557:112e:f9bd:c7f6") // planned, not tried
	ran := func() (list []string) {
		for _, a := range s.intents.asked {
			if strings.HasPrefix(a, "run") {
				list = append(list, a)
			}
		}
		return list
	}
	s.press("c").want("Try addresses that nobody assigned?", "At most 42 packets", candidate.String())
	s.press("esc")
	if got := ran(); got != nil {
		t.Fatalf("esc ran %v", got)
	}
	s.press("c", "enter").wantNot("Try addresses")
	s.press("c")
	if got := ran(); !slices.Equal(got, []string{"run [added] claim", "run [added] claim"}) {
		t.Fatalf("ran %v, want the second time without asking", got)
	}
	// The other mode is another question.
	s.press("C").want("each address is configured for at").press("n")
	if got := ran(); len(got) != 2 {
		t.Fatalf("ran %v", got)
	}
}

func TestKernelTimedRemovalCountsDown(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.emit(0, diag.Address{
		Interface: "eth0", Address: candidate, PrefixLen: 128, Flags: diag.NoPrefixRoute, PreferredS: 0, ValidS: 20,
	})
	s.want("In 20 s the kernel removes " + candidate.String())
	s.emit(3*time.Second, diag.Tick{}).want("In 17 s the kernel")
	s.emit(time.Second, diag.Address{Interface: "eth0", Address: candidate, Gone: true}).wantNot("the kernel removes")
}

func TestFilterNarrowsAndInverts(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("3")
	s.want("d326:143a:2015:79fa", "fe80::4f0:13ff:feeb:c61d")
	s.press("/").typed("FE80").want("Filter: FE80").wantNot("d326:143a:2015:79fa")
	s.press("enter").want("/FE80: 2", "fe80::4f0:13ff:feeb:c61d").wantNot("d326:143a:2015:79fa")
	s.press("esc").want("d326:143a:2015:79fa")
	s.press("/").typed("!fe80").press("enter").want("d326:143a:2015:79fa").wantNot("fe80::4f0:13ff:feeb:c61d")
	s.press("esc", "/").typed("2001:db8:1f16:8df0::/64").want("d326:143a:2015:79fa").wantNot("fe80::4f0:13ff:feeb:c61d")
	s.press("esc").want("fe80::4f0:13ff:feeb:c61d")
	s.press("/").typed("nothing at all").press("enter").want("None of 5 entries")
}

// Every table has the filter, and an order to turn; every text and the matrix can be searched. A key without a meaning
// says so.
func TestRowsAreFoundEverywhere(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("5")
	s.press("/").typed("c7f4").press("enter").want("/c7f4: 1").wantNot("c7f3     ✓")
	s.press("esc").want("…f557:112e:f9bd:c7f3")
	s.press("o").want("Now the worst first", "▸ …f557:112e:f9bd:c7f4").press("O").want("reversed", "▸ fe80::")
	s.press("7", "/").typed("echo").press("enter").want("router-echo", "peer-echo").wantNot("all-nodes")
	s.press("n").want("▸ ✓ peer-echo").press("N").want("▸ ✓ router-echo")
	s.press("4", "/").typed("nobody").want("The filter nobody lets none of the rows through")

	s.press("esc", "2", "/").typed("c7f4").press("enter").want("▸ 2001:db8:…f557:112e:f9bd:c7f4", "from 2001:db8:1f16:8df0:f557:112e:f9bd:c7f4")
	s.press("esc", "1", "enter", "/").typed("cloudtrail").press("enter").want("Overview › 1 of")
	s.press("/", "pgup").typed("describe-network").press("enter").want("describe-network-interfaces")
	s.press("esc").want("Overview › 1 of").press("esc").wantNot("Overview › 1 of")
	s.press("z").want("z does nothing here; ? has the keys.")
}

// The help's second page explains the terms.
func TestTerms(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("?").want("Keys of this screen", "? what the terms mean")
	s.press("?").want("What the terms mean", "all nodes").press("/").typed("eui-64").press("enter").want("EUI-64", "from the MAC")
	s.press("esc", "?").want("WHY  1 of")
}

// One filter for all screens: a prefix is one among the packets too.
func TestFilterOfPacketsTakesAPrefix(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("6")
	s.want("1/44")
	s.press("/").typed("fe80::/10").press("enter").want("/fe80::/10", "fe80::4").wantNot("c09::71")
	s.press("esc", "!").want("Filter: !")
	s.typed("fe80::/10").press("enter").want("/!fe80::/10", "c09::71").wantNot("fe80::4")
}

// From an entry one comes to its packets, and only to them.
func TestPacketsOfAnAddress(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("3")
	s.press("/").typed("fe80::4f0").press("enter", "f")
	s.want("[6 ", "/fe80::4f0:13ff:feeb:c61d/128: ").wantNot("c09::71")
	s.press("esc").want("c09::71")
	s.press("4", "f").want("[6 ", "/fe80::4fd:d1ff:fec8:f9cf/128: ")
	s.press("5", "f").want("[6 ", "/2001:db8:1f16:8df0:f557:112e:f9bd:c7f3/128: ")
}

// Where in many rows one is stands beside the headings, not over them.
func TestPositionLeavesHeadings(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	for i := range 1000 {
		a := netip.AddrFrom16([16]byte{0xfe, 0x80, 13: 1, 14: byte(i >> 8), 15: byte(i)})
		s.emit(0, diag.Neighbour{Interface: "eth0", Address: a, State: diag.Stale})
	}
	s.emit(2*time.Second, diag.Tick{}).press("3").want("AGE        1/1005").wantNot("ANSW ")
}

func TestFreezeHoldsStill(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("3")
	newcomer := diag.Neighbour{Interface: "eth0", Address: netip.MustParseAddr("fe80::77"), MAC: diag.MAC{2, 0, 0, 0, 0, 7}, State: diag.Stale}
	s.press("space").want("FROZEN")
	s.emit(time.Second, newcomer).wantNot("fe80::77")
	s.press("1", "3").want("FROZEN").wantNot("fe80::77")
	s.press("space").want("fe80::77").wantNot("FROZEN")

	s.press("1", "space")
	s.emit(time.Second, diag.Neighbour{Interface: "eth0", Address: netip.MustParseAddr("fe80::78"), State: diag.Stale})
	s.press("3").want("FROZEN", "fe80::77")
	s.wantNot("fe80::78")
}

// What is pressed before the rows have come is about them all the same: over a slow line people type
// ahead.
func TestKeysWaitForTheirRows(t *testing.T) {
	ahead := func(s *stage, keys ...tea.KeyPressMsg) *stage {
		for _, k := range keys {
			s.send(k)
		}
		return s
	}
	key := func(r rune) tea.KeyPressMsg { return tea.KeyPressMsg{Code: r, Text: string(r)} }
	enter, down := tea.KeyPressMsg{Code: tea.KeyEnter}, tea.KeyPressMsg{Code: tea.KeyDown}

	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	ahead(s, key('6'), down, enter).wantNot("Nothing passed yet", "Ethernet")
	s.look().want("Ethernet")
	s.press("esc").want("2/")

	s = newStage(t, Config{}, 80, 24).play("unassigned-address")
	ahead(s, key('3'), down, down, enter).look().want("2001:db8:1f16:8df0:d326:143a:2015:7a01", "What became of it")

	s = newStage(t, Config{}, 80, 24).play("unassigned-address").press("3")
	ahead(s, key('/'), key('f'), key('e'), key('8'), key('0'), enter, enter).look()
	s.want("fe80::4f0:13ff:feeb:c61d dev eth0")

	// They are about the screen on which they were pressed.
	s = newStage(t, Config{}, 80, 24).play("unassigned-address")
	ahead(s, key('6'), enter, key('1')).look().want("WHY  1 of").wantNot("Do one of these")
}

// Time that stands still does so on every screen, those that were not in sight too.
func TestFrozenPacketsAreThoseOfThen(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("space")
	late := netip.MustParseAddr("fe80::77")
	s.emit(time.Second, diag.Frame{Interface: "eth0", Type: diag.NS, Src: late, Dst: diag.SolicitedNode(late), HopLimit: 255, Target: late})
	s.press("6").want("FROZEN", "waiting", "1/44").wantNot("fe80::77", "Nothing passed yet")
	s.press("space").want("fe80::77")
}

func TestIncompleteAppearsWithItsAsker(t *testing.T) {
	s := newStage(t, Config{}, 120, 30).play("unassigned-address").press("3")
	dead := netip.MustParseAddr("2001:db8:1f16:8df0::dead")
	me := netip.MustParseAddr("2001:db8:1f16:8df0:f557:112e:f9bd:c7f3")
	ns := diag.Frame{Interface: "eth0", Out: true, Src: me, Dst: diag.SolicitedNode(dead), HopLimit: 255, Type: diag.NS, Target: dead}
	s.emit(100*time.Millisecond, ns, diag.Neighbour{Interface: "eth0", Address: dead, State: diag.Incomplete})
	s.want(dead.String(), "INCOMPLETE", "waiting")
	s.emit(time.Second, ns)
	s.emit(time.Second, ns)
	s.emit(time.Second, diag.Neighbour{Interface: "eth0", Address: dead, State: diag.Failed})
	s.emit(time.Second, diag.Tick{})
	s.want("FAILED", "none ×3")
	s.press("/").typed("dead").press("enter", "enter")
	s.want("INCOMPLETE", "FAILED", "nobody answered", "asked for by "+me.String())
	s.press("esc", "esc", "6").want("? no answer", "who has 2001:db8:1f16:8df0::dead? asks 2001:db8:1f16:8df0:f557:112e:f9bd:c7f3 ×3")
	s.want("no answer after 3")
}

func TestExchangesPairQuestionsWithAnswers(t *testing.T) {
	me, peer := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::2")
	mac := diag.MAC{2, 0, 0, 0, 0, 2}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var events []diag.Event
	add := func(ms int, f diag.Frame) {
		f.Interface = "eth0"
		events = append(events, diag.Event{Seq: int64(len(events) + 1), At: at.Add(time.Duration(ms) * time.Millisecond), Body: f})
	}
	add(0, diag.Frame{Out: true, Type: diag.NS, Src: me, Target: peer})
	add(5, diag.Frame{Type: diag.NA, Src: peer, Dst: me, Target: peer, LLAddr: mac})
	add(10, diag.Frame{Out: true, Type: diag.EchoRequest, Src: me, Dst: peer, EchoID: 7, EchoSeq: 1})
	add(11, diag.Frame{Type: diag.EchoReply, Src: peer, Dst: me, EchoID: 7, EchoSeq: 1})
	add(20, diag.Frame{Out: true, Type: diag.EchoRequest, Src: me, Dst: peer, EchoID: 8})
	add(21, diag.Frame{Type: diag.Unreachable, Code: 1, Src: netip.MustParseAddr("fe80::9"), Dst: me, Quoted: &diag.Quoted{Src: me, Dst: peer, Type: diag.EchoRequest, EchoID: 8}})
	add(30, diag.Frame{Type: diag.NA, Src: peer, Dst: diag.AllNodes, Target: peer})
	add(40, diag.Frame{Type: diag.RA, Src: peer, Dst: diag.AllNodes, HopLimit: 64, Bad: "hop limit 64", RA: &diag.Advertisement{}})
	add(50, diag.Frame{Out: true, Type: diag.NS, Src: me, Target: netip.MustParseAddr("fe80::3")})
	now := at.Add(10 * time.Second)
	var got []string
	for _, x := range exchanges(events, nil, func(diag.InterfaceAddr) bool { return false }, func(diag.Frame) bool { return false }) {
		got = append(got, exchangeMark(&x, told{}, now).s+" "+exchangeText(&x, now))
	}
	want := []string{
		"? who has fe80::3? asks fe80::1: no answer",
		"? RA fe80::2 > ff02::1: " + strings.TrimPrefix(diag.Describe(events[7]), "RA fe80::2 > ff02::1: "),
		"  " + diag.Describe(events[6]),
		"! echo fe80::1 > fe80::2: refused by fe80::9: " + words.Say("icmp.unreachable.1"),
		"✓ echo fe80::1 > fe80::2: answered after 1.00\u00a0ms",
		"✓ who has fe80::2? asks fe80::1: 02:00:00:00:00:02 answered after 5.00\u00a0ms",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Everything on every screen, and what leaves it, hides every address that the state knows.
func TestHiddenAddressesAreHiddenEverywhere(t *testing.T) {
	s := newStage(t, Config{Redact: true, Mode: InLab, Bench: &bench{}}, 200, 60).play("unassigned-address")
	s.lab = labOf(s)
	s.look()
	var secrets []string
	for key, n := range s.state.Neighbours.All() {
		secrets = append(secrets, key.Address.String(), n.Fact.MAC.String())
	}
	for key := range s.state.Addresses {
		if key.Interface == "eth0" {
			secrets = append(secrets, key.Address.String(), lastFour(key.Address.String()))
		}
	}
	secrets = append(secrets, "2001:db8:1f16", "f557:112e", "eni-01f16f557112ef9bd")
	check := func(where, text string) {
		t.Helper()
		for _, x := range secrets {
			if x != "" && strings.Contains(text, x) {
				t.Errorf("%s shows %s", where, x)
			}
		}
	}
	for _, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		s.press(key)
		check("screen "+key, s.shown())
		s.press("y")
		check("what y copies on "+key, s.intents.kept)
		s.press("enter")
		check("enter on "+key, s.shown())
		s.press("end")
		check("the end of enter on "+key, s.shown())
		s.press("esc")
	}
	s.press("s")
	check("the saved report", s.intents.saved)
	s.press("Q")
	check("the report that Q leaves", s.m.Farewell(render.Style{Width: 80}))
	if a, b := s.m.mask("x 2001:db8::5, y"), s.m.mask("2001:db8:0::5"); !strings.Contains(a, b) {
		t.Errorf("%q and %q: one address, two masks", a, b)
	}
}

func TestXHidesAndShows(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.press("x").want("addresses hidden", "eth0 has …80:4, which is not assigned to it", "├─ this host 02:ff:01:40:00:00")
	s.press("x").want("06:df:a5:6c:5d:57").wantNot("3fff:fff:1:", "addresses hidden")
}

func lastFour(a string) string {
	if _, tail, ok := lastGroups(a); ok {
		return tail
	}
	return ""
}

func TestReplayKeys(t *testing.T) {
	p := &player{}
	s := newStage(t, Config{Mode: Replaying, Player: p}, 100, 24)
	s.replay = &Replay{Event: 12, Events: 345, Speed: 2}
	s.play("unassigned-address")
	s.want("12/345 ×2", "pause", "next finding")
	s.press("space", ".", "n", "+", "-")
	want := []string{"pause true", "step", "next", "speed 4", "speed 1"}
	if !slices.Equal(p.did, want) {
		t.Errorf("the player was told %v, want %v", p.did, want)
	}
	s.press("r").want("Nothing can be asked here")
	s.press("?", "end").want("half as fast").wantNot("stop the checks")
	s.press("esc")

	p.did = nil
	s.replay = &Replay{Event: 12, Events: 345, Speed: 1, Quiet: 130 * time.Second, Problems: []string{"line 7 is cut short", "line 9: what"}}
	s.look().want("nothing happened for 130 s: shortened", "line 7 is cut short (and 1 more)")
	s.replay = &Replay{Event: 345, Events: 345, Speed: 1, Ended: true}
	s.look().want("end of recording", "R from the beginning").press("R", "space")
	if want := []string{"restart", "restart"}; !slices.Equal(p.did, want) {
		t.Errorf("the player was told %v, want %v", p.did, want)
	}
}

type player struct{ did []string }

func (p *player) Pause(on bool)        { p.did = append(p.did, fmt.Sprint("pause ", on)) }
func (p *player) Step()                { p.did = append(p.did, "step") }
func (p *player) Speed(factor float64) { p.did = append(p.did, fmt.Sprint("speed ", factor)) }
func (p *player) NextFinding()         { p.did = append(p.did, "next") }
func (p *player) Restart()             { p.did = append(p.did, "restart") }

func TestBreakAndMend(t *testing.T) {
	b := &bench{}
	s := newStage(t, Config{Mode: InLab, Bench: b}, 80, 24).play("unassigned-address")
	s.lab = labOf(s)
	s.look().press("b").want("Break and mend", "broken", "whole")
	s.press("enter", "down", "enter", "esc").wantNot("Break and mend")
	if want := []string{"stop-peer true", "add-address false"}; !slices.Equal(b.did, want) {
		t.Errorf("did %v, want %v", b.did, want)
	}
}

func TestTourWalksAndDoes(t *testing.T) {
	s := newStage(t, Config{Mode: InLab, Tour: true, Bench: &bench{}}, 80, 24).play("unassigned-address")
	s.lab = labOf(s)
	s.look().want("TOUR 1 of", "Look:")
	for range tourSteps {
		s.press(">")
	}
	s.want(fmt.Sprintf("TOUR %d of %d", len(tourSteps), len(tourSteps)))
	s.press("home", "<", "<", "<", "<", "<", "<", "<", "<", "<", "!")
	if !slices.Contains(s.intents.asked, "run [ra] ") {
		t.Errorf("! did not run the step's check: %v", s.intents.asked)
	}
	s.press("ctrl+t").wantNot("TOUR")
}

func TestSaveRecordAndErrorsAreSaid(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.press("s").want("The report is in /root/ndwhy.md.")
	if !strings.Contains(s.intents.saved, "address.unassigned") {
		t.Errorf("saved %q", s.intents.saved)
	}
	s.press("e").want("Recording into /root/ndwhy.jsonl", "● recording")
	s.press("e").want("The recording is in /root/ndwhy.jsonl").wantNot("● recording")
	s.intents.err = errDisk
	s.press("s").want("no space left on device")
	s.press("R").want("no space left on device")
}

func TestQuitting(t *testing.T) {
	for key, want := range map[string]bool{"q": false, "ctrl+c": false, "Q": true} {
		s := newStage(t, Config{}, 80, 24).play("unassigned-address")
		s.press(key)
		if !slices.ContainsFunc(s.sent, func(m string) bool { return strings.Contains(m, "QuitMsg") }) {
			t.Errorf("%s does not quit: %v", key, s.sent)
		}
		if got := s.m.Farewell(render.Style{Width: 80}); strings.Contains(got, "WARNING") != want {
			t.Errorf("%s leaves %q", key, got)
		}
	}
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.press("ctrl+z")
	if !slices.ContainsFunc(s.sent, func(m string) bool { return strings.Contains(m, "SuspendMsg") }) {
		t.Errorf("ctrl+z does not suspend: %v", s.sent)
	}
}

// A window of every size is drawn within itself, on every screen and under every overlay.
func TestEverySizeIsDrawnWithinItself(t *testing.T) {
	s := newStage(t, Config{Mode: InLab, Bench: &bench{}, Tour: true}, 80, 24).play("wrong-neighbour")
	s.lab = labOf(s)
	s.look()
	for _, key := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "?", "b"} {
		s.press("esc", key)
		for w := 1; w <= 250; w += 7 {
			for h := 1; h <= 100; h += 9 {
				s.m.w, s.m.h = w, h
				lines := strings.Split(s.shown(), "\n")
				if len(lines) != h {
					t.Fatalf("screen %s at %dx%d: %d lines", key, w, h, len(lines))
				}
				for _, line := range lines {
					if n := s.m.canvas.width(line); n > w {
						t.Fatalf("screen %s at %dx%d: a line of %d columns", key, w, h, n)
					}
				}
			}
		}
	}
	s.m.w, s.m.h = 30, 8
	s.want("30 columns by 8")
}

// Resizing moves nothing but the picture: the cursor stays on its row.
func TestResizeKeepsThePlace(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("3", "down", "down")
	id := s.m.screens[ScreenNeighbours].(*neighbourScreen).list.id
	for _, size := range [][2]int{{40, 10}, {200, 60}, {39, 9}, {120, 40}, {80, 24}} {
		s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		s.m.View()
	}
	if got := s.m.screens[ScreenNeighbours].(*neighbourScreen).list.id; got != id {
		t.Errorf("the cursor went from %s to %s", id, got)
	}
}

// Before anything is known, and before the first size, the program draws and quits.
func TestNothingYet(t *testing.T) {
	m := New(Config{})
	if v := m.View(); v.Content != "" || !v.AltScreen {
		t.Errorf("the first view has %q", v.Content)
	}
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	if !strings.Contains(m.View().Content, words.Say("ui.waiting")) {
		t.Errorf("shows %q", m.View().Content)
	}
	for _, key := range "?123/xysercC" {
		m.Update(tea.KeyPressMsg{Code: key, Text: string(key)})
	}
	m.Update(tea.KeyPressMsg{Code: tea.KeyEscape})
	if _, cmd := m.Update(tea.KeyPressMsg{Code: 'q', Text: "q"}); cmd == nil {
		t.Error("q does not quit")
	}
}

// A router that stopped advertising, and one that has no business here, stand out.
func TestVanishedRouterStandsOut(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("4")
	router := netip.MustParseAddr("fe80::4fd:d1ff:fec8:f9cf")
	ra := diag.Frame{
		Interface: "eth0", Src: router, Dst: diag.AllNodes, HopLimit: 255, Type: diag.RA, SrcMAC: diag.MAC{6, 0xfd, 0xd1, 0xc8, 0xf9, 0xcf},
		RA: &diag.Advertisement{Managed: true, LifetimeS: 1800, Preference: "medium"},
	}
	s.emit(time.Second, ra)
	s.emit(10*time.Second, ra)
	s.emit(10*time.Second, ra)
	s.emit(25*time.Second, diag.Tick{}).want("10 s", "1775 s").wantNot("✗ 25 s")
	s.emit(20*time.Second, diag.Tick{}).want("✗ 45 s", "Last heard 45 s ago, though it advertised every 10 s")
}

// Answers that are old are said to be.
func TestOldAnswersAreSaidToBe(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.emit(9*time.Minute, diag.Tick{}).wantNot("asked 9 min ago")
	s.emit(34*time.Minute, diag.Tick{}).want("asked 40 min ago")
	s.emit(0, diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckRunning}).want("asking: ra").wantNot("asked 40 min")
}

func TestInterfacesAreTurnedThrough(t *testing.T) {
	s := newStage(t, Config{}, 80, 24)
	s.emit(0,
		diag.Run{Interfaces: []string{"eth0", "eth1"}},
		diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{2, 0, 0, 0, 0, 1}, Up: true, Carrier: true, Ethernet: true},
		diag.Link{Interface: "eth1", Index: 3, MAC: diag.MAC{2, 0, 0, 0, 0, 2}, Up: true, Ethernet: true},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		neighbour(1, diag.Stale),
	)
	s.want("✗ CRITICAL  eth1  eth0: ! WARNING (i)", "02:00:00:00:00:02", "link down")
	s.press("i").want("! WARNING  eth0  eth1: ✗ CRITICAL (i)", "02:00:00:00:00:01")
	s.press("3").want("IF", "eth0 ")
	s.press("i").want("✗ CRITICAL  eth1")
}

// What was opened is left by turning to another screen, but a question must be answered.
func TestDigitsLeaveWhatIsOpen(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.press("enter", "3").want("[3 Neighbours]", "REACHABLE")
	s.press("2", "c", "3").want("Try addresses")
	s.press("esc", "tab").want("[3 Neighbours]").press("shift+tab")
}

// Nothing that is drawn moves the cursor or changes the terminal, whatever it holds.
func TestHostileTextIsDrawnHarmless(t *testing.T) {
	s := newStage(t, Config{Mode: InLab}, 80, 24).play("unassigned-address")
	s.lab = &Lab{Scenario: "x\x1b]0;title\a", Verdicts: []Verdict{{Verdict: "dropped", Port: "\x1b[2J", Reason: "a\u202eb\u009b2Jc\r\n\td", Summary: "\x9b\x00"}}}
	s.look().press("8")
	coloured := regexp.MustCompile(`\x1b\[[0-9;:]*m`)
	for line := range strings.SplitSeq(coloured.ReplaceAllString(s.m.View().Content, ""), "\n") {
		for _, r := range line {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e {
				t.Errorf("%q has %U", line, r)
			}
		}
	}
	s.want("ab2Jcd")
}

// The worst stays under the cursor until the reader moves it; then the cursor stays with its row.
func TestCursorStaysWithTheWorstUntilMoved(t *testing.T) {
	s := newStage(t, Config{}, 80, 24)
	early := []diag.Body{
		diag.Run{Interfaces: []string{"eth0"}},
		diag.Link{Interface: "eth0", Index: 2, Up: true, Carrier: true, Ethernet: true},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		neighbour(5, diag.Stale),
	}
	s.emit(0, early...).press("3")
	s.emit(0, neighbour(3, diag.Stale)).want("▸ 2001:db8::3")
	s.press("down")
	s.emit(0, neighbour(1, diag.Stale), neighbour(2, diag.Stale)).want("▸ 2001:db8::5")
	s.press("home").want("▸ 2001:db8::1")
}

// Nothing is called fine while it is being asked; what is wrong already is said at once.
func TestNoVerdictBeforeTheAnswers(t *testing.T) {
	s := newStage(t, Config{}, 80, 24)
	s.emit(0,
		diag.Run{Interfaces: []string{"eth0"}},
		diag.Link{Interface: "eth0", Index: 2, MAC: diag.MAC{2, 0, 0, 0, 0, 1}, Up: true, Carrier: true, Ethernet: true},
		diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckRunning},
	)
	s.want("· ASKING", "asking: ra", "Nothing so far").wantNot("OK ")
	s = newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.emit(0, diag.Check{ID: "ra", Interface: "eth0", State: diag.CheckRunning}).want("! WARNING")
}

// What an application gets no answer to, by the way the kernel chose, is where the matrix opens, and stands on the map,
// beside what the same host answers by the interface itself; at a console's size and in a large window.
func TestWhatApplicationsDoNotGetIsSeenFirst(t *testing.T) {
	host, own, vpn := netip.MustParseAddr("2001:db8:ffff:8df0:d326:143a:2015:7071"), netip.MustParseAddr("2001:db8:ea04:1115:f557:112e:f9bd:c7f4"), netip.MustParseAddr("fd86:ea04:1115::2")
	for _, size := range [][2]int{{80, 24}, {200, 60}} {
		s := newStage(t, Config{}, size[0], size[1]).play("unassigned-address")
		echo := diag.Path{Interface: "eth0", Check: "internet", Asks: diag.AsksEcho, Target: host, TargetClass: diag.TargetInternet, SourceClass: diag.SourceUnknown, Given: true, Sent: 2}
		app, wire, kernel := echo, echo, echo
		app.ID, app.Via, app.Source, app.Out, app.Outcome, app.Detail, app.Note = "app", diag.ViaApp, vpn, "wg0", diag.Silent, "elsewhere", "wg0"
		wire.ID, wire.Via, wire.Source, wire.Outcome, wire.Received = "wire", diag.ViaWire, own, diag.Answered, 2
		kernel.ID, kernel.Via, kernel.Source, kernel.Outcome, kernel.Received = "kernel", diag.ViaKernel, own, diag.Answered, 2
		s.emit(time.Second, diag.Selection{Dst: host, Interface: "wg0", Table: 51820, Source: vpn}, app, wire, kernel)
		s.press("1").want(host.String(), "✗1 ping: not by apps", "✗1 apps by wg0")
		s.press("2").want("as applications ask", "▸ wg0: ", "problem 1")
		s.press("enter").want("from "+vpn.String()+" to Internet "+host.String(), "silent, by wg0, table 51820 · wrong (problem 1)")
	}
}

// A service that is there and does not serve is none of those that answer.
func TestAServiceThatDeclinesStandsApart(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("expiring").want("✓ all 4 answer")
	for _, p := range s.state.Paths() {
		if p.Target == diag.IMDSIPv6 {
			p.Detail, p.Note = diag.DetailDeclines, "HTTP 403"
			s.emit(time.Second, p)
		}
	}
	s.want("DHCPv6, NTP, DNS, metadata", "✓ 3 answer", "metadata says HTTP 403").wantNot("all 4 answer")
}

// What the kernel says it threw away stands among the packets, once however often, with its reason; and so does what
// others asked for and this host, which has the address, left unanswered. What is dropped where all is well does not.
func TestPacketsThatThisHostDroppedOrLeftUnanswered(t *testing.T) {
	own, peer := netip.MustParseAddr("fe80::4df:a5ff:fe6c:5d57"), netip.MustParseAddr("fe80::7")
	s := newStage(t, Config{}, 80, 24)
	s.emit(0, diag.Run{Interfaces: []string{"eth0"}}, diag.Link{Interface: "eth0", Index: 2, Up: true, Carrier: true, Ethernet: true},
		diag.Feed{Name: diag.FeedFrames, State: diag.Synced}, diag.Address{Interface: "eth0", Address: own, PrefixLen: 64, ValidS: diag.Forever, PreferredS: diag.Forever})
	reply := diag.Frame{Interface: "eth0", Type: diag.EchoReply, Src: peer, Dst: own, HopLimit: 64}
	asks := diag.Frame{Interface: "eth0", Type: diag.NS, Src: peer, Dst: netip.MustParseAddr("ff02::1:ff6c:5d57"), Target: own, HopLimit: 255}
	other := asks
	other.Target = netip.MustParseAddr("fe80::99")
	drop := diag.Drop{Frame: reply, Reason: "NETFILTER_DROP", Function: "nft_do_chain"}
	s.emit(time.Second, drop, drop, diag.Drop{Frame: reply, Reason: "NO_SOCKET"}, asks, other)
	s.emit(3*time.Second, diag.Tick{})
	s.press("6").want("! dropped   echo-reply fe80::7: NETFILTER_DROP ×2", "! no answer NS fe80::4df:a5ff:fe6c:5d57? asks fe80::7", "? no answer NS fe80::99? asks fe80::7").wantNot("NO_SOCKET")
	s.press("down").want("this host has that address and")
	s.press("down").want("NETFILTER_DROP in nft_do_chain")
	s.press("enter").want("ICMPv6    echo-reply")
}

// The menu has whatever there is to copy at this place, whole, and what was open is open again after it.
func TestWhatIsCopiedIsChosen(t *testing.T) {
	s := newStage(t, Config{Intents: &intents{}}, 80, 24).play("unassigned-address")
	asked := s.m.cfg.Intents.(*intents)
	s.press("enter", "Y").want("Copy", "fix a", "this finding", "the verdict", "asks again", "the screen", "the report")
	s.press("down", "down")
	first := s.m.overlay.(*copyMenu).items[0].text
	s.press("a").want("1 of ")
	if asked.kept != first || !strings.HasPrefix(first, "aws ec2 ") {
		t.Errorf("kept %q, want the first way to put it right, whole: %q", asked.kept, first)
	}
	s.press("Y", "esc").want("1 of ").press("esc", "2", "Y").want("this row")
	for range 10 {
		s.press("down")
	}
	s.press("enter").want("[2 ")
	if !strings.HasPrefix(asked.kept, "#") || !strings.Contains(asked.kept, "address.unassigned") {
		t.Errorf("kept %.60q, want the report", asked.kept)
	}
}

// With the mouse a click does what the keys do: a tab is turned to, a row chosen and then opened, the footer's keys pressed.
func TestClicks(t *testing.T) {
	s := newStage(t, Config{Mouse: true}, 80, 24).play("unassigned-address")
	click := func(text string) {
		t.Helper()
		for y, line := range strings.Split(s.shown(), "\n") {
			if before, _, found := strings.Cut(line, text); found {
				s.send(tea.MouseClickMsg{X: s.m.canvas.width(before) + 1, Y: y, Button: tea.MouseLeft})
				return
			}
		}
		t.Fatalf("%q is not on the screen:\n%s", text, s.shown())
	}
	click("ping ff02::1 reaches nobody")
	s.want("▸ ○ ping ff02::1")
	click("ping ff02::1 reaches nobody")
	s.want("net.multicast-suppressed").press("esc")
	click("3 Neigh")
	s.want("[3 Neighbours]")
	click("? help")
	s.want("Keys of this screen")
	click("esc back")
	s.wantNot("Keys of this screen")
	s.send(tea.MouseClickMsg{X: 40, Y: 2, Button: tea.MouseLeft})
	s.want("[3 Neighbours]")
}

// A router that should not be there answers well, and stands apart from the others, with its problem, on every screen.
func TestTheRogueRouterStandsApart(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("rogue-router")
	rogue := s.lens.report.Problems()[0].Subject.Value
	end := rogue[len(rogue)-18:] // a narrow column leaves the beginning away
	row := func() string {
		for line := range strings.SplitSeq(s.shown(), "\n") {
			if strings.Contains(line, end) && strings.Contains(line, "✗") {
				return line
			}
		}
		return ""
	}
	for _, screen := range []string{"1", "3", "4"} {
		if s.press(screen); row() == "" {
			t.Errorf("screen %s does not mark %s:\n%s", screen, rogue, s.shown())
		}
	}
	if s.press("1"); !strings.Contains(row(), say("accused.router.rogue")) {
		t.Errorf("the overview does not say what is wrong with it: %q", row())
	}
}

// Of several ways to put something right a letter chooses the one that y copies, in the menu by the same letter; ? says so.
func TestChooseWhatToCopy(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address").press("enter")
	copies := func(command string) {
		t.Helper()
		if !strings.HasPrefix(s.intents.kept, command) {
			t.Errorf("%q is copied, want %q …", s.intents.kept, command)
		}
	}
	s.want("▸a Have the VPC assign", "a-b choose").press("y")
	copies("aws ec2 assign-ipv6-addresses")
	s.press("b").want("▸b Delete the address").press("y")
	copies("sudo ip -6 addr del")
	s.press("Y").want("a fix a", "b fix b").press("a")
	copies("aws ec2 assign-ipv6-addresses")
	s.press("z").want("z does nothing here")
	s.press("?").want("choose which of the fixes y copies").press("esc").want("▸b Delete the address")
}

// A host has one identifier in every prefix: where its addresses are shortened, they are told apart all the same.
func TestAddressesThatEndAlike(t *testing.T) {
	c := &canvas{mask: strings.Clone, twins: report.Short{}}
	c.know([]string{"2001:db8:0:4:4df:a5ff:fe6c:5d57", "2001:db8:0:e:4df:a5ff:fe6c:5d57", "fe80::4df:a5ff:fe6c:5d57", "2001:db8:0:4:d326:143a:2015:79fa"})
	for text, want := range map[string]string{
		"2001:db8:0:4:4df:a5ff:fe6c:5d57":             "2001:db8:0:4:…5d57",
		"2001:db8:0:e:4df:a5ff:fe6c:5d57/64":          "…db8:0:e:…5d57/64",
		"fe80::4df:a5ff:fe6c:5d57":                    "fe80:…5d57",
		"2001:db8:0:4:d326:143a:2015:79fa":            "…d326:143a:2015:79fa",
		"who has 2001:db8:0:4:4df:a5ff:fe6c:5d57? it": "who has …",
	} {
		if got := c.fit(text, 20); got != want {
			t.Errorf("%s became %q, want %q", text, got, want)
		}
	}
}

// What is looked for on the overview is found in the pages of its list, and marked on the map.
func TestFindOnTheOverview(t *testing.T) {
	s := newStage(t, Config{}, 80, 24).play("unassigned-address")
	s.press("/").typed("ff02::1").press("enter").want("WHY  3 of", "▸ ○ ping ff02::1 reaches nobody")
	cells := s.m.canvas.cells
	at := slices.IndexFunc(cells, func(c cell) bool { return c.st&reverse != 0 && c.s == "f" })
	if at < 0 || cells[at+6].s != "1" || cells[at+6].st&reverse == 0 || cells[at+7].st&reverse != 0 {
		t.Errorf("ff02::1 is not marked:\n%s", s.shown())
	}
	s.press("esc", "n").want("n does nothing here")
}
