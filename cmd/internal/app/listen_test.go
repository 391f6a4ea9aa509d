package app

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/why"
)

// text is what lines say.
func text(lines []Line) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line.Text + "\n")
	}
	return b.String()
}

// heard listens to what a list of events says, a millisecond apart but for where a tick lets two seconds pass.
func heard(named netip.Addr, count int, bodies ...diag.Body) (*Listener, *diag.State, []string) {
	var said []string
	l := NewListener(named, count, func(_ time.Time, line string) { said = append(said, line) })
	s, at := diag.NewState(), diagtest.Start
	for i, b := range bodies {
		at = at.Add(time.Millisecond)
		if _, tick := b.(diag.Tick); tick {
			at = at.Add(2 * time.Second)
		}
		e := diag.Event{Seq: int64(i + 1), At: at, Body: b}
		s.Apply(e)
		l.Take(e)
	}
	return l, s, said
}

var (
	listenMine = diagtest.Mine
	ownsMine   = diag.Address{Interface: "eth0", Address: listenMine, PrefixLen: 128, ValidS: diag.Forever, PreferredS: diag.Forever}
	seesFrames = diag.Feed{Name: diag.FeedFrames, State: diag.Synced}
)

func in(t diag.FrameType, f diag.Frame) diag.Frame {
	f.Type, f.Interface, f.SrcMAC, f.HopLimit = t, "eth0", diagtest.PeerMAC, 255
	if !f.Src.IsValid() {
		f.Src = diagtest.PeerGlobal
	}
	if !f.Dst.IsValid() {
		f.Dst = listenMine
	}
	return f
}

func out(t diag.FrameType, iface string, f diag.Frame) diag.Frame {
	f.Type, f.Interface, f.Out, f.SrcMAC, f.Src, f.Dst = t, iface, true, diagtest.MyMAC, listenMine, diagtest.PeerGlobal
	return f
}

// What comes, what leaves, and what it means, by the last line of what is said of the address.
func TestListener(t *testing.T) {
	ping, pong := diag.Frame{EchoID: 7, EchoSeq: 1}, diag.Frame{EchoID: 7, EchoSeq: 1}
	syn := diag.Frame{SrcPort: 40000, DstPort: 443}
	refused := diag.Drop{Frame: in(diag.EchoRequest, ping), Reason: "NETFILTER_DROP", Function: "nft_do_chain"}
	for name, tt := range map[string]struct {
		bodies  []diag.Body
		lines   []string // what is said as it happens, by how it begins
		means   string
		verdict why.Verdict
	}{
		"nothing comes": {[]diag.Body{diag.Tick{}}, nil, "Nothing came for it", why.VerdictUnknown},
		"a ping is answered": {
			[]diag.Body{in(diag.EchoRequest, ping), out(diag.EchoReply, "eth0", pong), diag.Tick{}},
			[]string{"arrived", "answered"},
			"Everything that came was answered", why.VerdictOK,
		},
		"by another interface": {
			[]diag.Body{in(diag.EchoRequest, ping), out(diag.EchoReply, "eth1", pong)},
			[]string{"arrived", "answered"},
			"Answers left by eth1", why.VerdictOK,
		},
		"what the kernel drops is not seen": {
			[]diag.Body{in(diag.EchoRequest, ping), out(diag.EchoReply, "eth0", pong)}, []string{"arrived", "answered"}, "dropped here: not known", why.VerdictOK,
		},
		"a ping came only just": {
			[]diag.Body{in(diag.EchoRequest, ping)}, []string{"arrived"}, "too early to say", why.VerdictUnknown,
		},
		"a rule only just drops it": {
			[]diag.Body{in(diag.EchoRequest, ping), refused}, []string{"arrived", "dropped"}, "not answered: 1, dropped here: 1", why.VerdictWarning,
		},
		"a ping is not answered": {
			[]diag.Body{in(diag.EchoRequest, ping), diag.Tick{}}, []string{"arrived", "silent"}, "Nothing that ndwhy could read", why.VerdictWarning,
		},
		"another's ping is answered": {
			[]diag.Body{in(diag.EchoRequest, ping), out(diag.EchoReply, "eth0", diag.Frame{EchoID: 7, EchoSeq: 2}), diag.Tick{}},
			[]string{"arrived", "silent"},
			"Nothing that ndwhy could read", why.VerdictWarning,
		},
		"a rule drops it": {
			[]diag.Body{in(diag.EchoRequest, ping), refused, diag.Tick{}}, []string{"arrived", "dropped"}, "", why.VerdictWarning,
		},
		"the kernel tells of the drop first": {
			[]diag.Body{refused, in(diag.EchoRequest, ping), diag.Tick{}}, []string{"dropped", "arrived"}, "", why.VerdictWarning,
		},
		"a neighbour only solicits": {
			[]diag.Body{in(diag.NS, diag.Frame{Target: listenMine, Dst: diag.SolicitedNode(listenMine)}), out(diag.NA, "eth0", diag.Frame{Target: listenMine}), diag.Tick{}},
			[]string{"arrived", "answered"},
			"Neighbours solicited it and got an answer", why.VerdictOK,
		},
		"a neighbour is not told": {
			[]diag.Body{in(diag.NS, diag.Frame{Target: listenMine, Dst: diag.SolicitedNode(listenMine)}), diag.Tick{}},
			[]string{"arrived", "silent"},
			"Neighbours solicited it and got no answer", why.VerdictWarning,
		},
		"a connection is refused": {
			[]diag.Body{in(diag.TCPSyn, syn), out(diag.TCPRst, "eth0", diag.Frame{SrcPort: 443, DstPort: 40000})},
			[]string{"arrived", "answered"},
			"Everything that came was answered", why.VerdictOK,
		},
		"what this host begins is no news": {
			[]diag.Body{out(diag.EchoRequest, "eth0", ping), in(diag.EchoReply, pong)}, nil, "Nothing came for it", why.VerdictUnknown,
		},
		"what comes for another is none of ours": {
			[]diag.Body{in(diag.EchoRequest, diag.Frame{Dst: diagtest.PeerSecond})}, nil, "Nothing came for it", why.VerdictUnknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, s, said := heard(netip.Addr{}, 0, append([]diag.Body{seesFrames, ownsMine}, tt.bodies...)...)
			for i, want := range tt.lines {
				if i >= len(said) || !strings.HasPrefix(said[i], want) {
					t.Fatalf("%q is said, want %q", said, tt.lines)
				}
			}
			if len(said) != len(tt.lines) {
				t.Errorf("%q is said, want %q", said, tt.lines)
			}
			end, verdict := l.End(s, why.Diagnosis{})
			if got := text(end); !strings.Contains(got, tt.means) || verdict != tt.verdict {
				t.Errorf("%s: want %s and %q:\n%s", verdict, tt.verdict, tt.means, got)
			}
		})
	}
}

// It ends when so many came and are settled, and not by what is still waiting for its answer.
func TestListenerCounts(t *testing.T) {
	ping := func(seq uint16) diag.Body { return in(diag.EchoRequest, diag.Frame{EchoID: 7, EchoSeq: seq}) }
	done := func(l *Listener) bool {
		select {
		case <-l.Done():
			return true
		default:
			return false
		}
	}
	pong := out(diag.EchoReply, "eth0", diag.Frame{EchoID: 7, EchoSeq: 1})
	if l, _, _ := heard(listenMine, 2, ping(1), pong, ping(2)); done(l) {
		t.Error("it ended before the second had its answer")
	}
	l, s, said := heard(listenMine, 2, seesFrames, ping(1), pong, ping(2), ping(3), ping(4), diag.Tick{})
	if !done(l) || len(said) != 4 {
		t.Errorf("ended %v, said %q", done(l), said)
	}
	if end, _ := l.End(s, why.Diagnosis{}); !strings.Contains(end[0].Text, "pings and connections: 2") {
		t.Error(end)
	}
}

// Time is up: what came has its second, what comes now does not count.
func TestListenerEnough(t *testing.T) {
	ping := func(seq uint16) diag.Body { return in(diag.EchoRequest, diag.Frame{EchoID: 7, EchoSeq: seq}) }
	idle, _, _ := heard(listenMine, 0, seesFrames)
	idle.Enough()
	<-idle.Done()
	l, s, _ := heard(listenMine, 0, seesFrames, ping(1))
	l.Enough()
	select {
	case <-l.Done():
		t.Error("it ended before the ping had its second")
	default:
	}
	l.Take(diag.Event{Seq: 3, At: diagtest.Start.Add(time.Second), Body: ping(2)})
	l.Take(diag.Event{Seq: 4, At: diagtest.Start.Add(2 * time.Second), Body: diag.Tick{}})
	<-l.Done()
	if end, verdict := l.End(s, why.Diagnosis{}); !strings.Contains(end[0].Text, "pings and connections: 1") || verdict != why.VerdictWarning {
		t.Error(verdict, end)
	}
}

// Who cannot see what arrives does not say that nothing did.
func TestListenerBlind(t *testing.T) {
	l, s, _ := heard(netip.Addr{}, 0, diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "no right"}, ownsMine)
	end, verdict := l.End(s, why.Diagnosis{})
	if got := text(end); strings.Contains(got, "connections: 0") || !strings.Contains(got, "could not see what arrived") || verdict != why.VerdictUnknown {
		t.Error(verdict, got)
	}
}

// Whoever knocks a million times fills neither the memory nor the screen.
func TestListenerIsBounded(t *testing.T) {
	var bodies []diag.Body
	for i := range 5000 {
		a := diagtest.PeerGlobal.As16()
		a[14], a[15] = byte(i>>8), byte(i)
		bodies = append(bodies, in(diag.TCPSyn, diag.Frame{Src: netip.AddrFrom16(a), SrcPort: uint16(i), DstPort: 443}))
	}
	l, _, said := heard(listenMine, 0, bodies...)
	if len(l.waiting) > knocksKept || len(l.of(listenMine).From) > knocksKept {
		t.Errorf("%d wait, of %d hosts", len(l.waiting), len(l.of(listenMine).From))
	}
	if most := 6 * (linesASecond + 1); len(said) > most || !strings.Contains(strings.Join(said, "\n"), "more lines in that second") {
		t.Errorf("%d lines in five seconds, want at most %d", len(said), most)
	}
}

// At the beginning it says what would keep this host from hearing who asks.
func TestListenerBegins(t *testing.T) {
	group := diag.SolicitedNode(listenMine)
	link := diag.Link{Interface: "eth0", Index: 2, MAC: diagtest.MyMAC, Up: true, Carrier: true, Ethernet: true}
	for name, tt := range map[string]struct {
		flags  diag.AddrFlags
		groups diag.Groups
		want   string
	}{
		"all is well":                   {0, diag.Groups{Interface: "eth0", Joined: []netip.Addr{group}, Device: []diag.MAC{diag.MulticastMAC(group)}}, "which hears solicitations for it"},
		"the kernel is not in it":       {0, diag.Groups{Interface: "eth0"}, "not in its group"},
		"the device does not let it in": {0, diag.Groups{Interface: "eth0", Joined: []netip.Addr{group}}, "whose device filters out"},
		"somebody else has it":          {diag.DADFailed | diag.Tentative, diag.Groups{Interface: "eth0", Joined: []netip.Addr{group}}, "duplicate address detection failed"},
	} {
		own := ownsMine
		own.Flags = tt.flags
		l, s, _ := heard(netip.Addr{}, 0, diag.Run{Interfaces: []string{"eth0"}}, link, own, tt.groups)
		if got := l.Begin(s); len(got) != 1 || !strings.Contains(got[0].Text, tt.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	l, s, _ := heard(diagtest.PeerGlobal, 0, diag.Run{Interfaces: []string{"eth0"}}, ownsMine)
	if got := l.Begin(s); len(got) != 1 || !strings.Contains(got[0].Text, "no interface here has it") {
		t.Errorf("%v", got)
	}
}

// What is about the address that is listened for comes first and counts; what is about another is named only; what may be
// why it is not reached is told whatever it is about.
func TestListenerTells(t *testing.T) {
	other := diagtest.MineNext.String()
	finding := func(cause, kind, value string, severity why.Severity) why.Finding {
		return why.Finding{Cause: cause, Interface: "eth0", Subject: why.Subject{Kind: kind, Value: value}, Severity: severity, Summary: "«" + cause + "»"}
	}
	firewall := finding("host.firewall", "rule", "inet filter input", why.Critical)
	unassigned := finding("address.unassigned", "address", other, why.Warning)
	mine := finding("address.expiring", "address", listenMine.String(), why.Warning)
	linkLocal := finding("address.duplicate", "address", "fe80::7", why.Critical)
	peer := finding("host.neighbour-override", "peer", diagtest.PeerGlobal.String(), why.Critical)
	unanswered := finding(why.InboundUnanswered, "interface", "eth0", why.Info)
	note := finding("net.per-address-filter", "interface", "eth0", why.Info)
	ping := in(diag.EchoRequest, diag.Frame{EchoID: 7, EchoSeq: 1})
	pong := out(diag.EchoReply, "eth0", diag.Frame{EchoID: 7, EchoSeq: 1})
	for name, tt := range map[string]struct {
		named    netip.Addr
		bodies   []diag.Body
		findings []why.Finding
		told     []string // causes, in order
		beside   string
		verdict  why.Verdict
	}{
		"another address": {
			listenMine,
			[]diag.Body{ping, pong},
			[]why.Finding{unassigned, peer, unanswered, note},
			nil, "address.unassigned (" + other + "), host.neighbour-override (" + diagtest.PeerGlobal.String() + "), host.inbound-unanswered (eth0)", why.VerdictOK,
		},
		"its own first": {
			listenMine,
			[]diag.Body{ping, pong},
			[]why.Finding{firewall, unassigned, mine},
			[]string{"address.expiring", "host.firewall"},
			"address.unassigned (" + other + ")", why.VerdictCritical,
		},
		"who asked in vain may be who it is about": {
			listenMine,
			[]diag.Body{ping, diag.Tick{}},
			[]why.Finding{peer, linkLocal, unanswered},
			[]string{why.InboundUnanswered, "host.neighbour-override", "address.duplicate"},
			"", why.VerdictCritical,
		},
		"every address": {netip.Addr{}, []diag.Body{ping, pong}, []why.Finding{unassigned, note}, []string{"address.unassigned"}, "", why.VerdictWarning},
	} {
		t.Run(name, func(t *testing.T) {
			l, s, _ := heard(tt.named, 0, append([]diag.Body{seesFrames, ownsMine}, tt.bodies...)...)
			lines, verdict := l.End(s, why.Diagnosis{Findings: tt.findings})
			got, at := text(lines), 0
			for _, cause := range tt.told {
				i := strings.Index(got[at:], "«"+cause+"»")
				if i < 0 {
					t.Fatalf("%s is not told where it belongs:\n%s", cause, got)
				}
				at += i
			}
			if n := strings.Count(got, "«"); n != len(tt.told) || strings.Contains(got, "Not about") != (tt.beside != "") || !strings.Contains(got, tt.beside) || verdict != tt.verdict {
				t.Errorf("%s, %d are told:\n%s", verdict, n, got)
			}
		})
	}
}
