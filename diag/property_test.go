package diag

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// chance makes observations up: a healthy or an empty world, bent at random.
type chance struct{ *rand.Rand }

func (c chance) one(in int) bool { return c.IntN(in) == 0 }

func pick[T any](c chance, list []T) T { return list[c.IntN(len(list))] }

var (
	someAddresses = []netip.Addr{
		mine, mineNext, peerGlobal, peerSecond, peerLocal, routerAddr, host1, host2, ulaCand, localCand, hand, myLocal, AllNodes,
		VPCRouter, imdsIPv6, netip.MustParseAddr("2001:db8:1f16:8df::1"), netip.IPv6Unspecified(),
		{},
	}
	someMACs     = []MAC{myMAC, otherMAC, routerMAC, peerMAC, {}}
	someOutcomes = []Outcome{Answered, Answered, Silent, Silent, Refused, Unsent, OutcomeSkipped}
	someErrnos   = []string{"", "", "EPERM", "ENOBUFS", "ENETUNREACH", "EHOSTUNREACH", "EACCES"}
	someDetails  = []string{"", "", "unresolved", "not-seen-leaving", "timeout", "off", "no-raw"}
	someStates   = []NUD{Incomplete, Reachable, Stale, Failed, PermanentNUD, ""}
	someLifes    = []int64{Forever, 0, 3, 140, 1800}
	someIfaces   = []string{"eth0", "eth0", "eth0", "eth1", "lo"}
)

func (c chance) prefix() netip.Prefix {
	a := pick(c, someAddresses)
	if !a.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, pick(c, []int{0, 48, 64, 80, 128})).Masked()
}

func (c chance) world() *world {
	w := []func() *world{vpc, lan, link, func() *world { return &world{run: Run{Interfaces: []string{"eth0"}}} }}[c.IntN(4)]()
	w.run.Profile = pick(c, []string{"", "", "", "aws", "lan", "openstack", "azure", "gcp", "oci", "unknown"})
	if c.one(8) {
		w.run2()
	}
	if c.one(4) {
		w.run.Assigned = append(w.run.Assigned, c.prefix())
	}
	for i := range w.paths {
		if c.one(4) {
			c.bend(&w.paths[i])
		}
	}
	w.drop(func(b Body) bool { _, isFeed := b.(Feed); return c.one(12) && !isFeed })
	for range c.IntN(8) {
		w.say(c.body())
	}
	for range c.IntN(4) {
		w.path(Path{
			Interface: pick(c, someIfaces), Check: pick(c, checkOrder), Asks: pick(c, []Asks{AsksND, AsksDAD, AsksEcho, AsksRS, AsksDHCP, AsksMTU, AsksService}),
			Source: pick(c, someAddresses), Target: pick(c, someAddresses[:16]), Outcome: pick(c, someOutcomes),
			SourceClass: pick(c, []SourceClass{SourceAssigned, SourceUnassigned, SourceCandidate, SourceUnknown, SourceUnspecified}),
			TargetClass: pick(c, []TargetClass{TargetRouter, TargetPeer, TargetAllNodes, TargetInternet, TargetService}),
			Via:         pick(c, []Via{ViaWire, ViaKernel}), Given: c.one(2), Detail: pick(c, someDetails), Errno: pick(c, someErrnos),
		})
	}
	byID := map[string]bool{}
	w.paths = slices.DeleteFunc(w.paths, func(p Path) bool {
		again := byID[p.ID]
		byID[p.ID] = true
		return again
	})
	w.elapsed = time.Duration(c.IntN(20000)) * time.Millisecond
	return w
}

func (c chance) bend(p *Path) {
	p.Outcome, p.Detail, p.Errno = pick(c, someOutcomes), pick(c, someDetails), pick(c, someErrnos)
	p.Sent, p.Received, p.Given, p.NUD = c.IntN(14), 0, c.one(2), pick(c, someStates)
	if p.Outcome == Answered {
		p.Sent = max(1, p.Sent)
		p.Received = 1 + c.IntN(p.Sent)
		p.Responders = []Responder{{Address: p.Target, MAC: pick(c, someMACs)}}
	}
	if p.Outcome == Refused {
		p.Error = &PathError{Type: pick(c, []FrameType{Unreachable, PacketTooBig, TimeExceeded}), Code: c.IntN(6), From: pick(c, someAddresses)}
	}
}

func (c chance) body() Body {
	iface, addr := pick(c, someIfaces), pick(c, someAddresses)
	switch c.IntN(16) {
	case 0:
		return Link{Interface: iface, MAC: pick(c, someMACs), MTU: 1500, Up: !c.one(3), Carrier: !c.one(3), Ethernet: !c.one(4), XDP: c.one(4), Gone: c.one(8)}
	case 1:
		return Address{
			Interface: iface, Address: addr, PrefixLen: pick(c, []int{64, 128}), PreferredS: pick(c, someLifes), ValidS: pick(c, someLifes),
			Flags: pick(c, []AddrFlags{0, Permanent, Tentative | DADFailed, Deprecated, NoPrefixRoute}), UpdatedS: float64(c.IntN(500)), Gone: c.one(6),
		}
	case 2:
		return Route{
			Interface: iface, Dst: c.prefix(), Via: addr, Table: pick(c, []int{MainTable, 10000}), Protocol: pick(c, []string{"ra", "static"}),
			Type: pick(c, []string{"unicast", "unreachable", "prohibit"}), ExpiresS: pick(c, someLifes), Gone: c.one(6),
		}
	case 3:
		return Sysctl{Scope: iface, Name: pick(c, []string{"accept_ra", "forwarding", "disable_ipv6", "accept_ra_defrtr"}), Value: pick(c, []string{"0", "1", "2"})}
	case 4:
		return Manager{Interface: iface, Name: "networkd", RA: c.one(2)}
	case 5:
		return Selection{Dst: addr, From: pick(c, someAddresses), Source: pick(c, someAddresses), Interface: iface, Errno: pick(c, someErrnos)}
	case 6:
		return Filter{
			Interface: pick(c, []string{"", iface}), Table: "inet f", Chain: "c", Hook: pick(c, []string{"input", "output", "egress", "ingress"}), Verdict: pick(c, []string{"drop", "reject"}),
			Rule: fmt.Sprint("rule ", c.IntN(3)), Matches: []string{pick(c, []string{"ns", "na", "ra", "rs", "echo-request", "echo-reply"})}, Gone: c.one(8),
		}
	case 7:
		return TableUse{Entries: c.IntN(2000), Thresh3: pick(c, []int{0, 1024}), NoBuffers: c.one(3)}
	case 8:
		return Metadata{State: pick(c, []MetadataState{MetadataOK, MetadataNone, MetadataUnreachable}), Interfaces: []MetadataInterface{
			{MAC: pick(c, someMACs), ID: "eni-1", Addresses: []netip.Addr{addr}, Prefixes: []netip.Prefix{c.prefix()}, Subnets: []netip.Prefix{c.prefix()}},
		}}
	case 9:
		return Lease{Interface: iface, Addresses: []LeaseAddress{{Prefix: c.prefix(), PreferredS: 140, ValidS: 450, At: start}}}
	case 10:
		return raFrame(addr, pick(c, someMACs), Advertisement{
			Managed: c.one(2), LifetimeS: pick(c, []int64{0, 1800}), Preference: pick(c, []string{"low", "medium", "high"}),
			Prefixes: []PrefixInfo{{Prefix: c.prefix(), OnLink: c.one(2), Autonomous: c.one(2)}},
		})
	case 11:
		return Frame{Interface: iface, Type: DHCPv6Frame, Src: addr, DHCPv6: &DHCPv6{
			Message: pick(c, []string{"advertise", "reply"}), Status: pick(c, []string{"", "NoAddrsAvail"}), Addresses: []LeaseAddress{{Prefix: c.prefix()}},
		}}
	case 12:
		return Frame{Interface: iface, Out: true, Type: EchoRequest, Src: addr, Dst: host1}
	case 13:
		return Neighbour{Interface: iface, Address: addr, MAC: pick(c, someMACs), State: pick(c, someStates), Router: c.one(2), Gone: c.one(6)}
	case 14:
		return Drop{Frame: Frame{Interface: iface, Out: c.one(2), Type: pick(c, []FrameType{EchoRequest, EchoReply, NS, NA}), Src: addr, Dst: host1}, Reason: pick(c, []string{"NETFILTER_DROP", "NO_SOCKET"})}
	default:
		return Feed{Name: pick(c, []FeedName{FeedNetlink, FeedFrames, FeedIMDS, FeedHost}), State: pick(c, []FeedState{Synced, Lost, Unavailable, NotAsked})}
	}
}

// impossible returns a cause that is named, or given as an alternative, although an observation
// contradicts it. It knows only what docs/causes.md says under "Contradicted by".
func impossible(s *State, d Diagnosis) string {
	paths := s.Paths()
	answered := func(ok func(Path) bool) bool {
		return slices.ContainsFunc(paths, func(p Path) bool { return p.Outcome == Answered && ok(p) })
	}
	for _, f := range d.Findings {
		addr, _ := netip.ParseAddr(f.Subject.Value)
		here := func(p Path) bool { return p.Interface == f.Interface }
		defaults := len(s.DefaultRoutes(f.Interface)) > 0 && slices.ContainsFunc(s.DefaultRoutes(f.Interface), func(r At[Route]) bool { return s.Left(r.Fact.ExpiresS, r.At) != 0 })
		ids := []string{f.Cause}
		for _, a := range f.Alternatives {
			ids = append(ids, a.Cause)
		}
		for _, id := range ids {
			var wrong bool
			switch id {
			case "address.unassigned", "address.link-local-not-eui64", "address.reserved", "host.source-selection":
				wrong = answered(func(p Path) bool { return here(p) && p.Source == addr && p.Asks == AsksEcho })
			case "router.unresolvable", "peer.unmapped":
				wrong = id == f.Cause && answered(func(p Path) bool { return here(p) && p.Target == addr })
			case "peer.echo-blocked", "net.router-silent":
				wrong = id == f.Cause && answered(func(p Path) bool { return here(p) && p.Target == addr && p.Asks == AsksEcho })
			case "path.beyond-router":
				wrong = answered(func(p Path) bool { return here(p) && p.TargetClass == TargetInternet && p.Asks == AsksEcho })
			case "net.per-address-filter":
				wrong = answered(func(p Path) bool { return here(p) && p.SourceClass == SourceCandidate && p.Asks == AsksEcho })
			case "net.multicast-suppressed":
				wrong = answered(func(p Path) bool { return here(p) && p.TargetClass == TargetAllNodes })
			case "dhcpv6.silent":
				wrong = answered(func(p Path) bool { return here(p) && p.Asks == AsksDHCP })
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
				_, wrong = s.Addresses[InterfaceAddr{f.Interface, addr}]
			}
			if wrong {
				return fmt.Sprintf("%s of %s on %s", id, f.Subject.Value, f.Interface)
			}
		}
		if f.Confidence == Certain && len(f.Alternatives) > 0 {
			return f.Cause + " is certain and has alternatives"
		}
		if f.Cause == "address.unassigned" && !s.AssignmentKnown(f.Interface, ScopeOf(addr)) {
			return "address.unassigned without the assigned set"
		}
	}
	return ""
}

// loose is a diagnosis without the numbers of events.
func loose(d Diagnosis) string {
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
	for _, id := range sortedKeys(d.Normal) {
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
		c := chance{rand.New(rand.NewPCG(seed, 7))}
		w := c.world()
		events := w.events()
		s := fold(events)
		d := Diagnose(s)
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
			if n != nil && !*n && !told[p.ID] && slices.Contains(s.InterfacesOf(), p.Interface) {
				t.Fatalf("seed %d: %s is a symptom that nothing covers or reports", seed, p.ID)
			}
		}
		if len(d.Unexplained) > 0 && (d.Verdict == VerdictOK || d.Verdict == VerdictUnknown) {
			t.Fatalf("seed %d: verdict %s with unexplained symptoms", seed, d.Verdict)
		}
		if again := Diagnose(s); loose(again) != loose(d) {
			t.Fatalf("seed %d: the same state gives two diagnoses", seed)
		}
		if seed%10 == 0 {
			if err := rules.check(reportJSON(t, s)); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

// TestOrderOfEventsDoesNotMatter shuffles what commutes: one fact of each kind and key, one path
// of each question.
func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	for i, tt := range causeTests {
		w := tt.world()
		w.drop(func(b Body) bool { _, tick := b.(Tick); return tick })
		var events []Event
		last := map[string]int{}
		for _, e := range w.events() {
			if p, ok := e.Body.(Path); ok {
				p.Evidence = nil
				e.Body = p
			}
			key := factKey(e.Body)
			if at, again := last[key]; again {
				events[at].Body = Tick{} // replaced by the later one
			}
			last[key] = len(events)
			events = append(events, e)
		}
		want := loose(Diagnose(fold(events)))
		rng := rand.New(rand.NewPCG(uint64(i), 3))
		for range 5 {
			rng.Shuffle(len(events)-1, func(i, j int) { events[i+1], events[j+1] = events[j+1], events[i+1] })
			for n := range events {
				events[n].Seq = int64(n + 1)
			}
			if got := loose(Diagnose(fold(events))); got != want {
				t.Fatalf("%s: another order, another diagnosis:\n%s\n%s", tt.name, want, got)
			}
		}
	}
}

// factKey is the same for bodies of which the later replaces the earlier.
func factKey(b Body) string {
	switch b := b.(type) {
	case Feed:
		return "feed" + string(b.Name)
	case Link:
		return "link" + b.Interface
	case Address:
		return "address" + b.Interface + b.Address.String()
	case Route:
		return fmt.Sprint("route", RouteKey{b.Interface, b.Dst, b.Via, b.Metric, b.Table, b.Type})
	case Neighbour:
		return "neighbour" + b.Interface + b.Address.String()
	case Sysctl:
		return "sysctl" + b.Scope + b.Name
	case Selection:
		return fmt.Sprint("selection", b.Dst, b.From, b.Bound)
	case Manager, Metadata, Machine, TableUse:
		return b.Kind()
	case Frame:
		if b.Type == RA || b.Type == DHCPv6Frame {
			return "frame" + string(b.Type) + b.Src.String()
		}
		return fmt.Sprintf("%+v", b)
	case Check:
		return "check" + b.ID + b.Interface
	case Path:
		return "path" + b.ID
	default:
		return fmt.Sprintf("%T%+v", b, b)
	}
}

func FuzzEvents(f *testing.F) {
	for _, world := range []func() *world{vpc, lan, handAdded, noRouter} {
		var b bytes.Buffer
		for _, e := range world().events() {
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
		s := NewState()
		for line := range bytes.Lines(raw) {
			var e Event
			if e.UnmarshalJSON(line) != nil {
				continue
			}
			again, err := json.Marshal(e)
			if err == nil {
				var same Event
				if err := json.Unmarshal(again, &same); err != nil {
					t.Fatalf("what was written cannot be read: %s: %v", again, err)
				}
			}
			s.Apply(e)
			Describe(e)
		}
		if _, err := json.Marshal(NewReport(s, Diagnose(s))); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEventsSurviveARecording(t *testing.T) {
	for _, world := range []func() *world{vpc, lan, handAdded} {
		events := world().events()
		again := make([]Event, len(events))
		for i, e := range events {
			raw, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &again[i]); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := reportJSON(t, fold(events)), reportJSON(t, fold(again)); !bytes.Equal(a, b) {
			t.Errorf("the replay reports something else:\n%s\n%s", a, b)
		}
	}
}

// crowd is a healthy VPC with n neighbours more.
func crowd(n int) []Event {
	w := vpc()
	for i := range n {
		w.say(Neighbour{
			Interface: "eth0", Address: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}),
			MAC: peerMAC, State: Stale,
		})
	}
	return w.events()
}

func BenchmarkApply(b *testing.B) {
	events := crowd(10_000)
	s := fold(events)
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
	s := fold(crowd(10_000))
	b.ReportAllocs()
	for b.Loop() {
		Diagnose(s)
	}
}

// BenchmarkDiagnosePeers is the diagnosis of a run with a thousand peers, all of them silent.
func BenchmarkDiagnosePeers(b *testing.B) {
	w := vpc()
	for i := range 1000 {
		peer := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0x1f, 0x16, 8, 0xdf, 14: byte(i >> 8), 15: byte(i)})
		w.both(Path{Check: "peer-nd", Asks: AsksND, Source: mine, Target: peer, TargetClass: TargetPeer, Given: true, Outcome: Silent})
		w.both(Path{Check: "peer-echo", Asks: AsksEcho, Source: mine, Target: peer, TargetClass: TargetPeer, Given: true, Outcome: Silent})
	}
	s := w.state()
	for b.Loop() {
		Diagnose(s)
	}
}
