package plain

import (
	"bytes"
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/render"
	"ndwhy/diag/why"
)

var (
	mine   = netip.MustParseAddr("2001:db8::7")
	hand   = netip.MustParseAddr("2001:db8::1234")
	peer   = netip.MustParseAddr("2001:db8::9")
	router = netip.MustParseAddr("fe80::1")
	mac1   = diag.MAC{2, 0, 0, 0, 0, 1}
	mac2   = diag.MAC{2, 0, 0, 0, 0, 2}
)

// A reader is who reads the lines of a stream as it goes on.
type reader struct {
	t     *testing.T
	state *diag.State
	w     *Writer
	out   bytes.Buffer
	seq   int64
}

func newReader(t *testing.T, style render.Style) *reader {
	t.Helper()
	r := &reader{t: t, state: diag.NewState()}
	r.w = New(&r.out, style, strings.Clone)
	r.hear(
		diag.Run{Interfaces: []string{"eth0"}, Peers: []netip.Addr{peer}, Count: 2},
		diag.Feed{Name: diag.FeedNetlink, State: diag.Synced},
		diag.Link{Interface: "eth0", Index: 2, MAC: mac1, MTU: 1500, Up: true, Carrier: true, Ethernet: true},
		diag.Route{Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: router, Table: diag.MainTable, Type: "unicast", Protocol: "ra", ExpiresS: diag.Forever},
		address(mine), address(mac1.LinkLocal()), entryOf(peer, diag.Reachable, mac2),
	)
	return r
}

func address(a netip.Addr) diag.Address {
	return diag.Address{Interface: "eth0", Address: a, PrefixLen: 128, PreferredS: 100, ValidS: 200}
}

func entryOf(a netip.Addr, state diag.NUD, mac diag.MAC) diag.Neighbour {
	return diag.Neighbour{Interface: "eth0", Address: a, State: state, MAC: mac}
}

func nd(check string, target netip.Addr, class diag.TargetClass, outcome diag.Outcome) diag.Path {
	return diag.Path{
		ID: check + "/" + target.String(), Interface: "eth0", Check: check, Asks: diag.AsksND, Source: mine,
		SourceClass: diag.SourceUnknown, Target: target, TargetClass: class, Via: diag.ViaWire, Outcome: outcome, Given: true, Sent: 2,
	}
}

func check(id string, state diag.CheckState) diag.Check {
	return diag.Check{ID: id, Interface: "eth0", State: state}
}

// hear applies events and returns the lines that came of them.
func (r *reader) hear(bodies ...diag.Body) []string {
	r.t.Helper()
	for _, b := range bodies {
		r.seq++
		r.state.Apply(diag.Event{Seq: r.seq, At: time.Date(2026, 11, 22, 3, 0, int(r.seq), 0, time.UTC), Body: b})
	}
	if err := r.w.Update(r.state, why.Diagnose(r.state)); err != nil {
		r.t.Fatal(err)
	}
	text := r.out.String()
	r.out.Reset()
	if text == "" {
		return nil
	}
	if strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' }) {
		r.t.Errorf("control characters in %q", text)
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// want checks that lines match the patterns, one each.
func want(t *testing.T, what string, lines []string, patterns ...string) {
	t.Helper()
	if len(lines) != len(patterns) {
		t.Errorf("%s: %d lines, want %d:\n%s", what, len(lines), len(patterns), strings.Join(lines, "\n"))
		return
	}
	for i, p := range patterns {
		if !regexp.MustCompile(p).MatchString(lines[i]) {
			t.Errorf("%s: line %d is %q, want %s", what, i, lines[i], p)
		}
	}
}

// told brings a reader to where the summary has been read.
func told(t *testing.T) *reader {
	t.Helper()
	r := newReader(t, render.Style{})
	r.hear(nd("router-nd", router, diag.TargetRouter, diag.Answered),
		nd("peer-nd", peer, diag.TargetPeer, diag.Answered),
		check("router-nd", diag.CheckDone), check("peer-nd", diag.CheckDone))
	return r
}

func TestSummaryWaitsForTheChecks(t *testing.T) {
	r := newReader(t, render.Style{})
	want(t, "before anything runs", r.hear(diag.Tick{}))
	want(t, "the first check", r.hear(check("router-nd", diag.CheckRunning)), `^Asking the network on eth0; .* \(03:00:09\)$`)
	want(t, "while it runs", r.hear(nd("router-nd", router, diag.TargetRouter, diag.Silent)))
	lines := r.hear(check("router-nd", diag.CheckDone))
	text := strings.Join(lines, "\n")
	for _, p := range []string{
		`^Verdict [a-z]+: .*\(03:00:11\)\n`, `\nInterface: .*eth0`, `\nAddress 2001:db8::7/128 on eth0: `,
		`\nAsked: router fe80::1 on eth0 does not answer neighbour discovery on the wire, from 2001:db8::7: `,
		`\nWhat changes from now on `,
	} {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("no %s in:\n%s", p, text)
		}
	}
	want(t, "nothing new", r.hear(diag.Tick{}))
}

func TestSummaryOfWhatIsOver(t *testing.T) {
	r := newReader(t, render.Style{})
	r.hear(address(mac1.LinkLocal()))
	if err := r.w.End(r.state, why.Diagnose(r.state)); err != nil || !strings.HasPrefix(r.out.String(), "Verdict unknown: ") {
		t.Errorf("%v: %s", err, &r.out)
	}
	passive := newReader(t, render.Style{})
	if lines := passive.hear(diag.Run{Interfaces: []string{"eth0"}, Passive: true}); len(lines) == 0 || !strings.HasPrefix(lines[0], "Verdict ") {
		t.Errorf("a run that asks nothing says %q", lines)
	}
}

func TestChanges(t *testing.T) {
	r := told(t)
	want(t, "a state that comes and goes", r.hear(entryOf(peer, diag.Stale, mac2)))
	want(t, "an entry that nobody asked about", r.hear(entryOf(hand, diag.Failed, diag.MAC{})))
	want(t, "failed", r.hear(entryOf(peer, diag.Failed, diag.MAC{})), `^Neighbour 2001:db8::9 on eth0 does not answer \(FAILED\)\. \(03:`)
	want(t, "asked", r.hear(entryOf(peer, diag.Incomplete, diag.MAC{})), `has not answered yet \(INCOMPLETE\)`)
	want(t, "resolved", r.hear(entryOf(peer, diag.Reachable, mac2)), `is found now, at 02:00:00:00:00:02\.`)
	want(t, "moved", r.hear(entryOf(peer, diag.Reachable, mac1)), `is now at 02:00:00:00:00:01; before, at 02:00:00:00:00:02`)
	want(t, "an address", r.hear(address(hand)), `^Now: Address 2001:db8::1234/128 on eth0: `)
	want(t, "an address gone", r.hear(func() diag.Address { a := address(hand); a.Gone = true; return a }()), `^Removed: Address 2001:db8::1234/128`)
	lines := r.hear(diag.Feed{Name: diag.FeedNetlink, State: diag.Lost, Why: "ENOBUFS"})
	if text := strings.Join(lines, "\n"); !strings.HasPrefix(text, "Now: Source netlink has lost events and is being read anew. ENOBUFS") ||
		!strings.Contains(text, "\nNow: Not known: netlink") || !strings.Contains(text, "\nVerdict unknown: ") {
		t.Errorf("events lost: %s", text)
	}
	r.hear(diag.Feed{Name: diag.FeedNetlink, State: diag.Synced})
	lines = r.hear(diag.Frame{Interface: "eth0", SrcMAC: mac1, Src: router, Dst: diag.AllNodes, HopLimit: 255, Type: diag.RA, RA: &diag.Advertisement{LifetimeS: 1800}})
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "Now: Router fe80::1 on eth0, 02:00:00:00:00:01, advertises itself") {
		t.Errorf("a router says %q", lines)
	}
}

// What checks settle is said once they have, and then with why.
func TestFindings(t *testing.T) {
	r := told(t)
	want(t, "while a check runs", r.hear(check("peer-nd", diag.CheckRunning), nd("peer-nd", peer, diag.TargetPeer, diag.Silent)))
	want(t, "a neighbour meanwhile", r.hear(entryOf(peer, diag.Failed, diag.MAC{})), `does not answer \(FAILED\)`)
	lines := r.hear(check("peer-nd", diag.CheckDone))
	text := strings.Join(lines, "\n")
	for _, p := range []string{`^Verdict [a-z]+: `, `\nNow: peer 2001:db8::9 on eth0 does not answer neighbour discovery on the wire`, `\nNew finding: [a-z]+\.[a-z-]+, `} {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("no %s in:\n%s", p, text)
		}
	}
	text = strings.Join(r.hear(nd("peer-nd", peer, diag.TargetPeer, diag.Answered)), "\n")
	for _, p := range []string{`Now: peer 2001:db8::9 on eth0 answers`, `\nFinding gone: `} {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("no %s in:\n%s", p, text)
		}
	}
}

// The summary begins with the verdict and what to do; what only looks like a problem comes last.
func TestVerdictAndFixStandFirst(t *testing.T) {
	var out bytes.Buffer
	s := diagtest.HandAdded().State()
	if err := New(&out, render.Style{}, strings.Clone).End(s, why.Diagnose(s)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.HasPrefix(lines[0], "Verdict warning: ") || !strings.HasPrefix(lines[1], "Fix: ") {
		t.Errorf("begins with\n%s\n%s", lines[0], lines[1])
	}
	first, last := strings.Index(out.String(), "\nProblem 1 of 1: address.unassigned"), strings.Index(out.String(), "\nGood to know: ")
	if first < 0 || last < first {
		t.Errorf("the problem is at %d, the first note at %d:\n%s", first, last, &out)
	}
}

// Nothing in a line is drawn, and in ASCII nothing is beyond it, whatever the network sent.
func TestHostileText(t *testing.T) {
	r := newReader(t, render.Style{ASCII: true})
	var all []string
	all = append(all, r.hear(diag.Feed{Name: diag.FeedFrames, State: diag.Unavailable, Why: "a\x1b[2J\nb\u202e…", Fix: "do\rthis"},
		check("x\x1b]0;t\x07", diag.CheckSkipped), diag.Link{Interface: "eth0", Type: "\x1b[H"})...)
	for _, line := range all {
		if strings.ContainsFunc(line, func(c rune) bool { return c > 0x7e || c < ' ' }) {
			t.Errorf("%q", line)
		}
	}
	if len(all) < 5 {
		t.Errorf("only %q", all)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestWriteError(t *testing.T) {
	s := diag.NewState()
	if err := New(full{}, render.Style{}, strings.Clone).End(s, why.Diagnose(s)); err == nil || err.Error() != "no space left on device" {
		t.Error(err)
	}
}

// What this host's kernel threw away is one line, however often it did; what is dropped where all is well is none. It
// tells the packet, the reason and the place.
func TestDropsAreSaidOnceOfAKind(t *testing.T) {
	r := newReader(t, render.Style{})
	r.hear(check("peer-nd", diag.CheckRunning))
	r.hear(check("peer-nd", diag.CheckDone))
	reply := diag.Frame{Interface: "eth0", Type: diag.EchoReply, Src: peer, Dst: mine, HopLimit: 64}
	drop := diag.Drop{Frame: reply, Reason: "NETFILTER_DROP", Function: "nft_do_chain"}
	useless := diag.Drop{Frame: reply, Reason: "NO_SOCKET"}
	lines := r.hear(useless, drop, drop)
	if len(lines) != 1 || !strings.Contains(lines[0], "the kernel dropped an incoming packet on eth0, NETFILTER_DROP in nft_do_chain: echo reply "+peer.String()) {
		t.Errorf("said %q, want the drop, once", lines)
	}
	if lines = r.hear(drop); len(lines) != 0 {
		t.Errorf("said %q again", lines)
	}
	solicitation := drop
	solicitation.Frame.Type, solicitation.Frame.Target = diag.NS, mine
	if lines = r.hear(solicitation); len(lines) == 0 || !strings.Contains(lines[0], "who has "+mine.String()) {
		t.Errorf("said %q, want the other kind", lines)
	}
}
