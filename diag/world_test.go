package diag

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// The addresses of the tests: the article's, on a documentation prefix.
var (
	subnet     = netip.MustParsePrefix("2001:db8:1f16:8df::/64")
	mine       = netip.MustParseAddr("2001:db8:1f16:8df:f557:112e:f9bd:c7f3")
	mineNext   = netip.MustParseAddr("2001:db8:1f16:8df:f557:112e:f9bd:c7f4")
	peerGlobal = netip.MustParseAddr("2001:db8:1f16:8df:d326:143a:2015:79fa")
	peerSecond = netip.MustParseAddr("2001:db8:1f16:8df:d326:143a:2015:79fb")
	peerLocal  = netip.MustParseAddr("fe80::4f0:13ff:feeb:c61d")
	routerAddr = netip.MustParseAddr("fe80::4fd:d1ff:fec8:f9cf")
	host1      = netip.MustParseAddr("2001:db8:ffff::1")
	host2      = netip.MustParseAddr("2001:db8:ffff::2")
	ulaCand    = netip.MustParseAddr("fd12:3456:789a::1")
	localCand  = netip.MustParseAddr("fe80::1234")
	hand       = netip.MustParseAddr("2001:db8:1f16:8df::1234")
	myMAC      = MAC{0x06, 0xdf, 0xa5, 0x6c, 0x5d, 0x57}
	otherMAC   = MAC{0x06, 0xdf, 0xa5, 0x00, 0x00, 0x02}
	routerMAC  = MAC{0x06, 0xfd, 0xd1, 0xc8, 0xf9, 0xcf}
	peerMAC    = MAC{0x06, 0xf0, 0x13, 0xeb, 0xc6, 0x1d}
	myLocal    = myMAC.LinkLocal()
	start      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// A world is a list of observations that a test bends before it is folded. Its zero value is
// nothing at all; vpc and lan make healthy ones.
type world struct {
	run     Run
	bodies  []Body // facts, in order
	paths   []Path
	checks  []Check
	elapsed time.Duration // from the first event to the last
	late    time.Duration // after which an echo of the router's comes that nobody waited for
}

func (w *world) say(bodies ...Body) *world {
	w.bodies = append(w.bodies, bodies...)
	return w
}

// drop forgets the facts that ok holds of.
func (w *world) drop(ok func(Body) bool) *world {
	w.bodies = slices.DeleteFunc(w.bodies, ok)
	return w
}

func ofKind[T Body](ok func(T) bool) func(Body) bool {
	return func(b Body) bool {
		x, is := b.(T)
		return is && ok(x)
	}
}

// each changes every path that ok holds of.
func (w *world) each(ok func(Path) bool, change func(*Path)) *world {
	for i := range w.paths {
		if ok(w.paths[i]) {
			change(&w.paths[i])
		}
	}
	return w
}

func (w *world) path(p Path) *world {
	if p.Interface == "" {
		p.Interface = "eth0"
	}
	if p.SourceClass == "" {
		p.SourceClass = SourceAssigned
	}
	if p.Via == "" {
		p.Via = ViaWire
	}
	if p.Outcome == "" {
		p.Outcome = Answered
	}
	p.ID = fmt.Sprintf("%s/%s/%s/%s/%s/%s", p.Check, p.Interface, p.Source, p.Target, p.Asks, p.Via)
	if p.Sent == 0 && p.Outcome != Unsent && p.Outcome != OutcomeSkipped && p.Detail != "unresolved" {
		p.Sent = 2
		if p.Outcome == Silent {
			p.Sent = 14
		}
	}
	if p.Outcome == Answered && p.Received == 0 {
		p.Received = p.Sent
		p.RTTMS = 0.3
	}
	w.paths = append(w.paths, p)
	return w
}

// both asks a question by wire and by kernel.
func (w *world) both(p Path) {
	p.Via = ViaWire
	w.path(p)
	p.Via = ViaKernel
	w.path(p)
}

func (w *world) events() []Event {
	var list []Event
	at := start
	add := func(b Body) Event {
		e := Event{Seq: int64(len(list) + 1), At: at, Body: b}
		list = append(list, e)
		return e
	}
	add(w.run)
	for _, b := range w.bodies {
		add(b)
		at = at.Add(time.Millisecond)
	}
	for _, p := range w.paths {
		if p.Asks == AsksND && p.Outcome != OutcomeSkipped && len(p.Evidence) == 0 {
			ns := add(Frame{
				Interface: p.Interface, Out: true, Type: NS, Src: p.Source, Dst: SolicitedNode(p.Target), HopLimit: 255,
				SrcMAC: myMAC, DstMAC: MulticastMAC(SolicitedNode(p.Target)), Target: p.Target, LLAddr: myMAC, Raw: []byte{1, 2, 3},
			})
			p.Evidence = append(slices.Clone(p.Evidence), ns.Seq)
		} else if p.Outcome != OutcomeSkipped && len(p.Evidence) == 0 {
			sent := add(Socket{Interface: p.Interface, Event: SocketSent, Source: p.Source, Target: p.Target, EchoID: 1, EchoSeq: 1})
			p.Evidence = append(slices.Clone(p.Evidence), sent.Seq)
		}
		add(p)
		at = at.Add(time.Millisecond)
	}
	for _, c := range w.checks {
		add(c)
	}
	if w.elapsed == 0 {
		w.elapsed = 2 * time.Second
	}
	if w.late > 0 {
		echo := Frame{Interface: "eth0", Out: true, Type: EchoRequest, Src: myLocal, Dst: routerAddr, SrcMAC: myMAC, HopLimit: 64, EchoID: 7, EchoSeq: 7}
		add(echo)
		at = at.Add(w.late)
		echo.Out, echo.Type, echo.Src, echo.Dst, echo.SrcMAC = false, EchoReply, routerAddr, myLocal, routerMAC
		add(echo)
	}
	at = start.Add(max(w.elapsed, at.Sub(start)))
	add(Tick{})
	return list
}

func fold(events []Event) *State {
	s := NewState()
	for _, e := range events {
		s.Apply(e)
	}
	return s
}

func (w *world) state() *State { return fold(w.events()) }

func synced(names ...FeedName) []Body {
	var list []Body
	for _, n := range names {
		list = append(list, Feed{Name: n, State: Synced})
	}
	return list
}

func raFrame(from netip.Addr, mac MAC, a Advertisement) Frame {
	return Frame{
		Interface: "eth0", SrcMAC: mac, DstMAC: MulticastMAC(AllNodes), Src: from, Dst: AllNodes, HopLimit: 255,
		Type: RA, RA: &a, Raw: []byte{9, 9},
	}
}

// leased is an address as a DHCPv6 client configures it in a VPC.
func leased(a netip.Addr) Address {
	return Address{Interface: "eth0", Address: a, PrefixLen: 128, PreferredS: 140, ValidS: 450, UpdatedS: 5}
}

func byHand(a netip.Addr, bits int) Address {
	return Address{Interface: "eth0", Address: a, PrefixLen: bits, Flags: Permanent, PreferredS: Forever, ValidS: Forever}
}

func defaultRoute(proto string) Route {
	expires := Forever
	if proto == "ra" {
		expires = 1799
	}
	return Route{
		Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: routerAddr, Metric: 1024, Table: MainTable,
		Protocol: proto, Type: "unicast", ExpiresS: expires,
	}
}

func doneChecks() []Check {
	var list []Check
	for _, id := range CheckOrder {
		list = append(list, Check{ID: id, Interface: "eth0", State: CheckDone})
	}
	return list
}

func vpcRA() Advertisement {
	return Advertisement{
		Managed: true, LifetimeS: 1800, Preference: "medium", LLAddr: routerMAC,
		Prefixes: []PrefixInfo{{Prefix: subnet, OnLink: true, ValidS: 7200, PreferredS: 7200}},
	}
}

// link is what a healthy interface of any kind of network says, without what is assigned.
func link() *world {
	w := &world{
		run: Run{
			Version: "test", Host: "ubuntu1", Interfaces: []string{"eth0"}, Peers: []netip.Addr{peerGlobal, peerLocal},
			Internet: []netip.Addr{host1, host2}, InternetGiven: true, Add: AddClaim, Count: 2, IntervalMS: 200, WaitMS: 1000,
		},
		checks: doneChecks(),
	}
	w.say(synced(FeedNetlink, FeedFrames, FeedHost)...)
	w.say(
		Link{Interface: "eth0", Index: 2, MAC: myMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
		Address{Interface: "eth0", Address: myLocal, PrefixLen: 64, Flags: Permanent, PreferredS: Forever, ValidS: Forever},
		leased(mine),
		Sysctl{Scope: "eth0", Name: "accept_ra", Value: "1"},
		Sysctl{Scope: "eth0", Name: "forwarding", Value: "0"},
		Sysctl{Scope: "eth0", Name: "disable_ipv6", Value: "0"},
		Manager{Interface: "eth0", Name: "none"},
		TableUse{Entries: 3, Thresh3: 1024},
		raFrame(routerAddr, routerMAC, vpcRA()),
		defaultRoute("ra"),
		Route{Interface: "eth0", Dst: subnet, Metric: 256, Table: MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: Forever},
		Neighbour{Interface: "eth0", Address: routerAddr, MAC: routerMAC, State: Stale, Router: true},
		Neighbour{Interface: "eth0", Address: peerLocal, MAC: peerMAC, State: Stale},
		Selection{Dst: host1, Source: mine, Interface: "eth0", Via: routerAddr},
		Selection{Dst: host1, From: mine, Source: mine, Interface: "eth0", Via: routerAddr},
	)
	w.path(Path{
		Check: "ra", Asks: AsksRS, Source: myLocal, Target: AllRouters, TargetClass: TargetRouter,
		Responders: []Responder{{Address: routerAddr, MAC: routerMAC}},
	})
	w.both(Path{Check: "router-nd", Asks: AsksND, Source: myLocal, Target: routerAddr, TargetClass: TargetRouter, NUD: Reachable})
	for _, p := range []struct{ source, target netip.Addr }{{mine, peerGlobal}, {myLocal, peerLocal}} {
		w.both(Path{
			Check: "peer-nd", Asks: AsksND, Source: p.source, Target: p.target, TargetClass: TargetPeer, Given: true, NUD: Reachable,
			Responders: []Responder{{Address: p.target, MAC: peerMAC}},
		})
		w.both(Path{
			Check: "peer-echo", Asks: AsksEcho, Source: p.source, Target: p.target, TargetClass: TargetPeer, Given: true, NUD: Reachable,
			Responders: []Responder{{Address: p.target, MAC: peerMAC}},
		})
	}
	for _, h := range []netip.Addr{host1, host2} {
		w.both(Path{Check: "internet", Asks: AsksEcho, Source: mine, Target: h, TargetClass: TargetInternet, Given: true, NUD: Reachable})
	}
	w.path(Path{Check: "source", Asks: AsksND, Source: mine, Target: routerAddr, TargetClass: TargetRouter})
	w.path(Path{Check: "source", Asks: AsksEcho, Source: mine, Target: host1, TargetClass: TargetInternet, Given: true})
	return w
}

// candidates adds the article's experiments with an outcome.
func (w *world) candidates(outcome Outcome) *world {
	for _, c := range []netip.Addr{mineNext, ulaCand, localCand} {
		w.path(Path{
			Check: "added", Asks: AsksDAD, Source: netip.IPv6Unspecified(), SourceClass: SourceUnspecified, Target: c,
			TargetClass: TargetPeer, Outcome: Silent, Sent: 1,
		})
		target := peerGlobal
		if c == localCand {
			target = peerLocal
		}
		for _, asks := range []Asks{AsksND, AsksEcho} {
			w.path(Path{
				Check: "added", Asks: asks, Source: c, SourceClass: SourceCandidate, Target: target,
				TargetClass: TargetPeer, Given: true, Outcome: outcome,
			})
		}
	}
	return w.path(Path{
		Check: "added", Asks: AsksEcho, Source: mineNext, SourceClass: SourceCandidate, Target: host1,
		TargetClass: TargetInternet, Given: true, Outcome: outcome,
	})
}

// vpc is a healthy instance as in the article: its assigned addresses work, candidates do not.
func vpc() *world {
	w := link()
	w.say(
		Feed{Name: FeedIMDS, State: Synced},
		Machine{SysVendor: "Amazon EC2"},
		Metadata{
			Endpoint: "http://169.254.169.254", State: MetadataOK,
			Interfaces: []MetadataInterface{{
				MAC: myMAC, ID: "eni-0123", Subnet: "subnet-0123", Addresses: []netip.Addr{mine}, Subnets: []netip.Prefix{subnet},
			}},
		},
	)
	w.both(Path{Check: "router-echo", Asks: AsksEcho, Source: myLocal, Target: routerAddr, TargetClass: TargetRouter, Outcome: Silent})
	w.both(Path{Check: "all-nodes", Asks: AsksEcho, Source: myLocal, Target: AllNodes, TargetClass: TargetAllNodes, Outcome: Silent})
	return w.candidates(Silent)
}

// lan is a healthy host on a plain Ethernet: everybody answers, no cloud, no metadata. Its address is
// its own business, so whether it is assigned is not known.
func lan() *world {
	w := link()
	w.say(Feed{Name: FeedIMDS, State: NotAsked})
	w.each(func(p Path) bool { return p.Source == mine }, func(p *Path) { p.SourceClass = SourceUnknown })
	w.both(Path{Check: "router-echo", Asks: AsksEcho, Source: myLocal, Target: routerAddr, TargetClass: TargetRouter})
	w.path(Path{
		Check: "all-nodes", Asks: AsksEcho, Source: myLocal, Target: AllNodes, TargetClass: TargetAllNodes,
		Responders: []Responder{{Address: peerLocal, MAC: peerMAC}, {Address: routerAddr, MAC: routerMAC}},
	})
	return w.candidates(Answered)
}

func to(target netip.Addr) func(Path) bool { return func(p Path) bool { return p.Target == target } }

func (w *world) silence(ok func(Path) bool) *world {
	return w.each(ok, func(p *Path) { p.silent() })
}

// silent makes a path unanswered after all re-asking.
func (p *Path) silent() {
	p.Outcome, p.Received, p.RTTMS, p.Responders, p.NUD = Silent, 0, 0, nil, ""
	p.Sent = 14
}

func named(d Diagnosis) []string {
	list := []string{}
	for _, f := range d.Findings {
		list = append(list, f.Cause)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func find(t *testing.T, d Diagnosis, cause string) Finding {
	t.Helper()
	for _, f := range d.Findings {
		if f.Cause == cause {
			return f
		}
	}
	t.Fatalf("%s is not among %v", cause, named(d))
	return Finding{}
}
