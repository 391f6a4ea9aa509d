package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/diagtest"
	"ndwhy/diag/why"
)

// impossible returns a cause that is named, or given as an alternative, although an observation
// contradicts it. It knows only what docs/causes.md says under "Contradicted by".
func impossible(s *diag.State, d why.Diagnosis) string {
	paths := s.Paths()
	answered := func(ok func(diag.Path) bool) bool {
		return slices.ContainsFunc(paths, func(p diag.Path) bool { return p.Outcome == diag.Answered && ok(p) })
	}
	for _, f := range d.Findings {
		addr, _ := netip.ParseAddr(f.Subject.Value)
		here := func(p diag.Path) bool { return p.Interface == f.Interface }
		defaults := len(s.DefaultRoutes(f.Interface)) > 0 && slices.ContainsFunc(s.DefaultRoutes(f.Interface), func(r diag.At[diag.Route]) bool { return s.Left(r.Fact.ExpiresS, r.At) != 0 })
		ids := []string{f.Cause}
		for _, a := range f.Alternatives {
			ids = append(ids, a.Cause)
		}
		for _, id := range ids {
			var wrong bool
			switch id {
			case "address.unassigned", "address.link-local-not-eui64", "address.reserved", "host.source-selection":
				wrong = answered(func(p diag.Path) bool { return here(p) && p.Source == addr && p.Asks == diag.AsksEcho })
			case "router.unresolvable": // an echo may have used an entry from before
				wrong = id == f.Cause && answered(func(p diag.Path) bool { return here(p) && p.Target == addr && p.Asks == diag.AsksND })
			case "peer.unmapped":
				wrong = id == f.Cause && answered(func(p diag.Path) bool { return here(p) && p.Target == addr })
			case "peer.echo-blocked", "net.router-silent":
				wrong = id == f.Cause && answered(func(p diag.Path) bool { return here(p) && p.Target == addr && p.Asks == diag.AsksEcho })
			case "path.beyond-router":
				wrong = answered(func(p diag.Path) bool {
					return here(p) && p.TargetClass == diag.TargetInternet && p.Asks == diag.AsksEcho
				})
			case "net.per-address-filter":
				wrong = answered(func(p diag.Path) bool {
					return here(p) && p.SourceClass == diag.SourceCandidate && p.Asks == diag.AsksEcho
				})
			case "net.multicast-suppressed":
				wrong = answered(func(p diag.Path) bool { return here(p) && p.TargetClass == diag.TargetAllNodes })
			case "dhcpv6.silent":
				wrong = answered(func(p diag.Path) bool { return here(p) && p.Asks == diag.AsksDHCP })
			case "router.advertisement-ignored", "router.not-default", "route.missing":
				wrong = defaults
			case "router.no-advertisement":
				for k, r := range s.Routers {
					wrong = wrong || k.Interface == f.Interface && s.Left(r.Last.LifetimeS, r.At) != 0
				}
			case "host.ipv6-disabled":
				for k, a := range s.Addresses {
					wrong = wrong || k.Interface == f.Interface && a.Fact.Flags.Usable()
				}
			case "host.link-down":
				l := s.Links[f.Interface]
				wrong = l.Up && l.Carrier
			case "address.not-configured":
				_, wrong = s.Addresses[diag.InterfaceAddr{Interface: f.Interface, Address: addr}]
			}
			if wrong {
				return fmt.Sprintf("%s of %s on %s", id, f.Subject.Value, f.Interface)
			}
		}
		if f.Confidence == why.Certain && len(f.Alternatives) > 0 {
			return f.Cause + " is certain and has alternatives"
		}
		if f.Cause == "address.unassigned" && !s.AssignmentKnown(f.Interface, diag.ScopeOf(addr)) {
			return "address.unassigned without the assigned set"
		}
	}
	return ""
}

// loose is a diagnosis without the numbers of events.
func loose(d why.Diagnosis) string {
	var b strings.Builder
	fmt.Fprintln(&b, d.Profile, d.Verdict, d.Headline)
	for _, f := range d.Findings {
		f.Evidence = nil
		fmt.Fprintf(&b, "%+v\n", f)
	}
	for _, u := range d.Unexplained {
		fmt.Fprintln(&b, u.Text, u.Paths)
	}
	fmt.Fprintln(&b, d.Unknown)
	for _, id := range diag.SortedKeys(d.Normal) {
		n := d.Normal[id]
		fmt.Fprintln(&b, id, n != nil, n != nil && *n)
	}
	return b.String()
}

func TestAnyObservations(t *testing.T) {
	rounds := uint64(1500)
	if testing.Short() {
		rounds = 200
	}
	rules := reportSchema(t)
	for seed := range rounds {
		c := diagtest.Chance{Rand: rand.New(rand.NewPCG(seed, 7))}
		w := c.World()
		events := w.Events()
		s := diagtest.Fold(events)
		d := why.Diagnose(s)
		if what := impossible(s, d); what != "" {
			t.Fatalf("seed %d: contradicted: %s", seed, what)
		}
		told := map[string]bool{}
		for _, f := range d.Findings {
			for _, id := range f.Explains {
				told[id] = true
			}
		}
		for _, u := range d.Unexplained {
			for _, id := range u.Paths {
				told[id] = true
			}
		}
		for _, p := range s.Paths() {
			n := d.Normal[p.ID]
			if p.Via == diag.ViaApp && slices.ContainsFunc(s.Paths(), func(o diag.Path) bool {
				return o.Via == diag.ViaKernel && o.Interface == p.Interface && o.Asks == p.Asks && o.Target == p.Target && (o.Missing() || o.Detail == "no-source")
			}) {
				continue // the bound socket fared no better, and that is told
			}
			if n != nil && !*n && !told[p.ID] && slices.Contains(s.InterfacesOf(), p.Interface) {
				t.Fatalf("seed %d: %s is a symptom that nothing covers or reports", seed, p.ID)
			}
		}
		if len(d.Unexplained) > 0 && (d.Verdict == why.VerdictOK || d.Verdict == why.VerdictUnknown) {
			t.Fatalf("seed %d: verdict %s with unexplained symptoms", seed, d.Verdict)
		}
		if again := why.Diagnose(s); loose(again) != loose(d) {
			t.Fatalf("seed %d: the same state gives two diagnoses", seed)
		}
		if seed%10 == 0 {
			if err := rules.Check(ReportJSON(t, s)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

// TestOrderOfEventsDoesNotMatter shuffles what commutes: one fact of each kind and key, one path
// of each question.
func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	for i, tt := range diagtest.CauseTests {
		w := tt.World()
		if slices.ContainsFunc(w.Bodies, diagtest.OfKind(func(diag.Far) bool { return true })) {
			continue // another host's stream is told in its order
		}
		w.Drop(func(b diag.Body) bool { _, tick := b.(diag.Tick); return tick })
		var events []diag.Event
		last := map[string]int{}
		for _, e := range w.Events() {
			if p, ok := e.Body.(diag.Path); ok {
				p.Evidence = nil
				e.Body = p
			}
			key := factKey(e.Body)
			if at, again := last[key]; again {
				events[at].Body = diag.Tick{} // replaced by the later one
			}
			last[key] = len(events)
			events = append(events, e)
		}
		want := loose(why.Diagnose(diagtest.Fold(events)))
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		for range 5 {
			rng.Shuffle(len(events)-1, func(i, j int) { events[i+1], events[j+1] = events[j+1], events[i+1] })
			for n := range events {
				events[n].Seq = int64(n + 1)
			}
			if got := loose(why.Diagnose(diagtest.Fold(events))); got != want {
				t.Fatalf("%s: another order, another diagnosis:\n%s\n%s", tt.Name, want, got)
			}
		}
	}
}

// factKey is the same for bodies of which the later replaces the earlier.
func factKey(b diag.Body) string {
	switch b := b.(type) {
	case diag.Feed:
		return "feed" + string(b.Name)
	case diag.Link:
		return "link" + b.Interface
	case diag.Address:
		return "address" + b.Interface + b.Address.String()
	case diag.Route:
		return fmt.Sprint("route", diag.RouteKey{Interface: b.Interface, Dst: b.Dst, Via: b.Via, Metric: b.Metric, Table: b.Table, Type: b.Type})
	case diag.Neighbour:
		return "neighbour" + b.Interface + b.Address.String()
	case diag.Sysctl:
		return "sysctl" + b.Scope + b.Name
	case diag.Selection:
		return fmt.Sprint("selection", b.Dst, b.From, b.Bound)
	case diag.Manager, diag.Metadata, diag.Machine, diag.TableUse:
		return b.Kind()
	case diag.Frame:
		if b.Type == diag.RA || b.Type == diag.DHCPv6Frame {
			return "frame" + string(b.Type) + b.Src.String()
		}
		return fmt.Sprintf("%+v", b)
	case diag.Check:
		return "check" + b.ID + b.Interface
	case diag.Path:
		return "path" + b.ID
	default:
		return fmt.Sprintf("%T%+v", b, b)
	}
}

func FuzzEvents(f *testing.F) {
	for _, world := range []func() *diagtest.World{diagtest.VPC, diagtest.LAN, diagtest.HandAdded, diagtest.NoRouter} {
		var b bytes.Buffer
		for _, e := range world().Events() {
			line, err := json.Marshal(e)
			if err != nil {
				f.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"seq":1,"kind":"path","body":{"id":"x","target":"::","outcome":"silent"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := diag.NewState()
		for line := range bytes.Lines(raw) {
			var e diag.Event
			if e.UnmarshalJSON(line) != nil {
				continue
			}
			again, err := json.Marshal(e)
			if err == nil {
				var same diag.Event
				if err := json.Unmarshal(again, &same); err != nil {
					t.Fatalf("what was written cannot be read: %s: %v", again, err)
				}
			}
			s.Apply(e)
			diag.Describe(e)
		}
		if _, err := json.Marshal(New(s, why.Diagnose(s))); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEventsSurviveARecording(t *testing.T) {
	for _, world := range []func() *diagtest.World{diagtest.VPC, diagtest.LAN, diagtest.HandAdded} {
		events := world().Events()
		again := make([]diag.Event, len(events))
		for i, e := range events {
			raw, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &again[i]); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := ReportJSON(t, diagtest.Fold(events)), ReportJSON(t, diagtest.Fold(again)); !bytes.Equal(a, b) {
			t.Errorf("the replay reports something else:\n%s\n%s", a, b)
		}
	}
}

// crowd is a healthy VPC with n neighbours more.
func crowd(n int) []diag.Event {
	w := diagtest.VPC()
	for i := range n {
		w.Say(diag.Neighbour{
			Interface: "eth0", Address: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}),
			MAC: diagtest.PeerMAC, State: diag.Stale,
		})
	}
	return w.Events()
}

func BenchmarkApply(b *testing.B) {
	events := crowd(10_000)
	s := diagtest.Fold(events)
	b.ReportAllocs()
	seq := s.Seq
	i := 0
	for b.Loop() {
		seq++
		e := events[i%len(events)]
		e.Seq = seq
		s.Apply(e)
		i++
	}
}

func BenchmarkDiagnose(b *testing.B) {
	s := diagtest.Fold(crowd(10_000))
	b.ReportAllocs()
	for b.Loop() {
		why.Diagnose(s)
	}
}

// BenchmarkDiagnosePeers is the diagnosis of a run with a thousand peers, all of them silent.
func BenchmarkDiagnosePeers(b *testing.B) {
	w := diagtest.VPC()
	for i := range 1000 {
		peer := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0x1f, 0x16, 8, 0xdf, 14: byte(i >> 8), 15: byte(i)})
		w.Both(diag.Path{Check: "peer-nd", Asks: diag.AsksND, Source: diagtest.Mine, Target: peer, TargetClass: diag.TargetPeer, Given: true, Outcome: diag.Silent})
		w.Both(diag.Path{Check: "peer-echo", Asks: diag.AsksEcho, Source: diagtest.Mine, Target: peer, TargetClass: diag.TargetPeer, Given: true, Outcome: diag.Silent})
	}
	s := w.State()
	for b.Loop() {
		why.Diagnose(s)
	}
}

// most is a link with as much of everything as the program is made for.
func most() *diag.State { return diagtest.LAN().Say(diagtest.Most.Bodies()...).State() }

// BenchmarkDiagnoseMost diagnoses, and reports.
func BenchmarkDiagnoseMost(b *testing.B) {
	s := most()
	for b.Loop() {
		New(s, why.Diagnose(s))
	}
}

// BenchmarkReportMost only reports.
func BenchmarkReportMost(b *testing.B) {
	s := most()
	d := why.Diagnose(s)
	for b.Loop() {
		New(s, d)
	}
}

// BenchmarkGroundMost sums up what answers rest on.
func BenchmarkGroundMost(b *testing.B) {
	s := most()
	for b.Loop() {
		s.Ground()
	}
}
