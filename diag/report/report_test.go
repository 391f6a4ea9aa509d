package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

func ReportJSON(t *testing.T, s *diag.State) []byte {
	t.Helper()
	raw, err := json.Marshal(New(s, why.Diagnose(s)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestEveryReportFitsTheSchema(t *testing.T) {
	s := reportSchema(t)
	if err := s.Check(ReportJSON(t, diag.NewState())); err != nil {
		t.Errorf("empty state: %v", err)
	}
	for _, tt := range diagtest.CauseTests {
		t.Run(tt.Name, func(t *testing.T) {
			raw := ReportJSON(t, tt.World().State())
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
	w := diagtest.LAN()
	w.Bodies = append(w.Bodies, diag.Address{Interface: "eth0", Address: diagtest.Hand, PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever})
	w.Path(diag.Path{Check: "internet", Asks: diag.AsksEcho, Target: netip.MustParseAddr("2001:db8::77"), SourceClass: diag.SourceUnknown, TargetClass: diag.TargetInternet, Outcome: diag.Unsent, Errno: "ENETUNREACH"})
	s := w.State()
	r := New(s, why.Diagnose(s))
	for _, a := range r.Addresses {
		if a.Address == diagtest.Hand.String() && a.Assigned != nil {
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
	if r.Assignment[0].State != diag.MetadataNotAsked {
		t.Errorf("metadata is %s, want not-asked", r.Assignment[0].State)
	}
}

func TestReportShowsOnlyWhatIsPointedAt(t *testing.T) {
	w := diagtest.VPC()
	for range 100 {
		w.Say(diag.Frame{Interface: "eth0", Type: diag.NS, Src: diagtest.PeerLocal, Dst: diag.AllNodes, Target: diagtest.PeerGlobal, Raw: []byte("not for the report")})
	}
	raw := ReportJSON(t, w.State())
	if bytes.Contains(raw, []byte("bm90IGZvciB0aGUgcmVwb3J0")) {
		t.Error("a frame that nothing points at is in the report")
	}
}

func TestNothingHostileReachesTheReport(t *testing.T) {
	evil := "\x1b[2J\x1b]0;x\a\u202e\u0085\r\n"
	w := diagtest.VPC()
	w.Run.Host, w.Run.Version = evil, evil
	w.Run.Interfaces = []string{"eth0", evil}
	w.Path(diag.Path{Check: evil, Interface: evil, Asks: diag.Asks(evil), Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetClass(evil), Outcome: diag.Outcome(evil)})
	w.Checks = append(w.Checks, diag.Check{ID: "mtu", Interface: "eth0", State: diag.CheckSkipped, Why: evil, Fix: evil})
	w.Say(
		diag.Machine{SysVendor: "Amazon EC2", Product: evil},
		diag.Manager{Interface: "eth0", Name: evil},
		diag.Filter{Table: evil, Chain: evil, Hook: "input", Rule: evil, Verdict: "drop", Matches: []string{"na"}},
		diag.Change{Interface: "eth0", What: evil},
		diag.Frame{Interface: "eth0", Type: diag.FrameType(evil), Src: diagtest.PeerLocal, Dst: diagtest.Mine, Bad: evil, RA: &diag.Advertisement{DNSSL: []string{evil}}},
		diag.Metadata{Endpoint: evil, State: diag.MetadataOK, Why: evil, Interfaces: []diag.MetadataInterface{{MAC: diagtest.MyMAC, ID: evil, Subnet: evil, Addresses: []netip.Addr{diagtest.Mine}}}},
		diagtest.ByHand(diagtest.Hand, 64),
	)
	w.KernelDeaf("unresolved").Path(diag.Path{Check: "mtu", Asks: diag.AsksMTU, Source: diagtest.Mine, Target: diagtest.Host1, TargetClass: diag.TargetInternet, Detail: evil, Note: evil, Errno: evil, Outcome: diag.Unsent})
	events := w.Events()
	s := diagtest.Fold(events)
	var texts []string
	for _, e := range events {
		texts = append(texts, diag.Describe(e))
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
	if err := json.Unmarshal(ReportJSON(t, s), &doc); err != nil {
		t.Fatal(err)
	}
	strs(doc)
	for _, u := range why.Diagnose(s).Unknown {
		texts = append(texts, u.What, u.Why, u.Fix)
	}
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Cf) }) {
			t.Errorf("control characters in %q", text)
		}
	}
}

// TestChangedIsOneSentenceAnInterface: what --add kernel put on an interface and took off it again.
func TestChangedIsOneSentenceAnInterface(t *testing.T) {
	change := func(iface string, a netip.Addr, undone bool) diag.Change {
		return diag.Change{Interface: iface, What: words.Say("change.address", "address", a, "interface", iface), Address: a, Undone: undone}
	}
	w := diagtest.VPC().Say(
		change("eth0", diagtest.MineNext, false), change("eth0", diagtest.UlaCand, false), change("eth0", diagtest.LocalCand, false),
		change("eth1", diagtest.MineNext, false), change("eth1", diagtest.UlaCand, false),
		change("eth0", diagtest.MineNext, true), change("eth0", diagtest.LocalCand, true), change("eth0", diagtest.UlaCand, true),
		change("eth1", diagtest.UlaCand, true),
		diag.Change{Interface: "eth0", What: "something else"}, diag.Change{Interface: "eth0", What: "something else", Undone: true},
	)
	s := w.State()
	got := New(s, why.Diagnose(s)).Changed
	want := []string{
		"eth0 had more addresses for some seconds, all of them removed again: " + diagtest.MineNext.String() + ", " + diagtest.UlaCand.String() + ", " + diagtest.LocalCand.String() + ".",
		"eth1 was given more addresses for some seconds: " + diagtest.MineNext.String() + ", " + diagtest.UlaCand.String() + "; removed so far: " + diagtest.UlaCand.String() + "; the kernel removes the rest by itself.",
		"something else (undone)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestReportTellsWhatTheUserTurnedOff apart from what could not run.
func TestReportTellsWhatTheUserTurnedOff(t *testing.T) {
	w := diagtest.VPC().Skip("mtu")
	w.Checks = append(w.Checks, diag.Check{ID: "services", Interface: "eth0", State: diag.CheckSkipped, Why: words.Say("skipped.timeout")})
	s := w.State()
	got := New(s, why.Diagnose(s)).Skipped
	want := []Skipped{{"mtu", words.Say("skipped.user"), true}, {"services", words.Say("skipped.timeout"), false}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestAnsweredForSaysWhose: the addresses that a VPC keeps for itself are somebody's today, and it is
// known whose.
func TestAnsweredForSaysWhose(t *testing.T) {
	try := func(w *diagtest.World, target string) Report {
		a := netip.MustParseAddr(target)
		w.Run.Try = []netip.Addr{a}
		w.Path(diag.Path{
			Check: "added", Asks: diag.AsksDAD, Source: netip.IPv6Unspecified(), SourceClass: diag.SourceUnspecified, Target: a, TargetClass: diag.TargetPeer,
			Responders: []diag.Responder{{Address: a, MAC: diagtest.RouterMAC}},
		})
		w.Path(diag.Path{
			Check: "added", Asks: diag.AsksND, Source: a, SourceClass: diag.SourceCandidate, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer,
			Outcome: diag.OutcomeSkipped, Detail: "answered-for", Note: diagtest.RouterMAC.String(),
		})
		s := w.State()
		return New(s, why.Diagnose(s))
	}
	for _, tt := range []struct {
		world  *diagtest.World
		target string
		want   string
	}{
		{diagtest.VPC(), "2001:db8:1f16:8df::1", "answered-for-router"},
		{diagtest.VPC(), "fe80:ec2::1", "answered-for-router"},
		{diagtest.VPC(), "2001:db8:1f16:8df::2", "answered-for-reserved"},
		{diagtest.VPC(), "2001:db8:1f16:8df:ffff:ffff:ffff:ffff", "answered-for-reserved"},
		{diagtest.VPC(), "2001:db8:1f16:8df::1234", "answered-for"},
		{diagtest.LAN(), "2001:db8:1f16:8df::1", "answered-for"},
	} {
		found := false
		for _, p := range try(tt.world, tt.target).Paths {
			if p.Source == nil || *p.Source != tt.target {
				continue
			}
			found = true
			if p.Detail != tt.want || !words.Has("detail."+p.Detail) || p.Note != diagtest.RouterMAC.String() {
				t.Errorf("%s in %s: %s (%s), want %s", tt.target, tt.world.Run.Host, p.Detail, p.Note, tt.want)
			}
		}
		if !found {
			t.Errorf("%s: no path", tt.target)
		}
	}
}

// A frame that the kernel sent is both the kernel's question and the wire's, and one packet.
func TestTrafficCountsPackets(t *testing.T) {
	w := diagtest.VPC()
	w.Paths = nil
	q := diag.Path{Check: "peer-echo", Asks: diag.AsksEcho, Source: diagtest.Mine, Target: diagtest.PeerGlobal, TargetClass: diag.TargetPeer, Sent: 3}
	w.Both(q)
	q.Check, q.Asks, q.Sent, q.Via = "peer-nd", diag.AsksND, 2, diag.ViaWire
	w.Path(q)
	s := w.State()
	if got := New(s, why.Diagnose(s)).Traffic; got != (Traffic{Sent: 5, ByKernel: 3}) {
		t.Errorf("%+v", got)
	}
}
