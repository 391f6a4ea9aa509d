// Package diagtest makes up observations for tests: healthy networks that a test bends, one for every
// cause, and such as chance makes.
package diagtest

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// The addresses of the tests: the article's, on a documentation prefix.
var (
	Subnet     = netip.MustParsePrefix("2001:db8:1f16:8df::/64")
	Mine       = netip.MustParseAddr("2001:db8:1f16:8df:f557:112e:f9bd:c7f3")
	MineNext   = netip.MustParseAddr("2001:db8:1f16:8df:f557:112e:f9bd:c7f4")
	PeerGlobal = netip.MustParseAddr("2001:db8:1f16:8df:d326:143a:2015:79fa")
	PeerSecond = netip.MustParseAddr("2001:db8:1f16:8df:d326:143a:2015:79fb")
	PeerLocal  = netip.MustParseAddr("fe80::4f0:13ff:feeb:c61d")
	RouterAddr = netip.MustParseAddr("fe80::4fd:d1ff:fec8:f9cf")
	Host1      = netip.MustParseAddr("2001:db8:ffff::1")
	Host2      = netip.MustParseAddr("2001:db8:ffff::2")
	UlaCand    = netip.MustParseAddr("fd12:3456:789a::1")
	LocalCand  = netip.MustParseAddr("fe80::1234")
	Hand       = netip.MustParseAddr("2001:db8:1f16:8df::1234")
	MyMAC      = diag.MAC{0x06, 0xdf, 0xa5, 0x6c, 0x5d, 0x57}
	OtherMAC   = diag.MAC{0x06, 0xdf, 0xa5, 0x00, 0x00, 0x02}
	RouterMAC  = diag.MAC{0x06, 0xfd, 0xd1, 0xc8, 0xf9, 0xcf}
	PeerMAC    = diag.MAC{0x06, 0xf0, 0x13, 0xeb, 0xc6, 0x1d}
	MyLocal    = MyMAC.LinkLocal()
	Start      = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

// A World is a list of observations that a test bends before it is folded. Its zero value is
// nothing at all; vpc and lan make healthy ones.
type World struct {
	Run     diag.Run
	Bodies  []diag.Body // facts, in order
	Paths   []diag.Path
	Checks  []diag.Check
	Elapsed time.Duration // from the first event to the last
	Late    time.Duration // after which an echo of the router's comes that nobody waited for
}

// Say adds facts.
func (w *World) Say(bodies ...diag.Body) *World {
	w.Bodies = append(w.Bodies, bodies...)
	return w
}

// Drop forgets the facts that ok holds of.
func (w *World) Drop(ok func(diag.Body) bool) *World {
	w.Bodies = slices.DeleteFunc(w.Bodies, ok)
	return w
}

// OfKind holds of the bodies of one kind that ok holds of.
func OfKind[T diag.Body](ok func(T) bool) func(diag.Body) bool {
	return func(b diag.Body) bool {
		x, is := b.(T)
		return is && ok(x)
	}
}

// Each changes every path that ok holds of.
func (w *World) Each(ok func(diag.Path) bool, change func(*diag.Path)) *World {
	for i := range w.Paths {
		if ok(w.Paths[i]) {
			change(&w.Paths[i])
		}
	}
	return w
}

// Path adds a question, with what follows from it filled in.
func (w *World) Path(p diag.Path) *World {
	if p.Interface == "" {
		p.Interface = "eth0"
	}
	if p.SourceClass == "" {
		p.SourceClass = diag.SourceAssigned
	}
	if p.Via == "" {
		p.Via = diag.ViaWire
	}
	if p.Outcome == "" {
		p.Outcome = diag.Answered
	}
	p.ID = fmt.Sprintf("%s/%s/%s/%s/%s/%s", p.Check, p.Interface, p.Source, p.Target, p.Asks, p.Via)
	if p.Sent == 0 && p.Outcome != diag.Unsent && p.Outcome != diag.OutcomeSkipped && p.Detail != "unresolved" {
		p.Sent = 2
		if p.Outcome == diag.Silent {
			p.Sent = 14
		}
	}
	if p.Outcome == diag.Answered && p.Received == 0 {
		p.Received = p.Sent
		p.RTTMS = 0.3
	}
	w.Paths = append(w.Paths, p)
	return w
}

// Both asks a question by wire and by kernel.
func (w *World) Both(p diag.Path) {
	p.Via = diag.ViaWire
	w.Path(p)
	p.Via = diag.ViaKernel
	w.Path(p)
}

// Events are the world as a stream.
func (w *World) Events() []diag.Event {
	var list []diag.Event
	at := Start
	add := func(b diag.Body) diag.Event {
		e := diag.Event{Seq: int64(len(list) + 1), At: at, Body: b}
		list = append(list, e)
		return e
	}
	add(w.Run)
	for _, b := range w.Bodies {
		add(b)
		at = at.Add(time.Millisecond)
	}
	for _, p := range w.Paths {
		if p.Asks == diag.AsksND && p.Outcome != diag.OutcomeSkipped && len(p.Evidence) == 0 {
			ns := add(diag.Frame{
				Interface: p.Interface, Out: true, Type: diag.NS, Src: p.Source, Dst: diag.SolicitedNode(p.Target), HopLimit: 255,
				SrcMAC: MyMAC, DstMAC: diag.MulticastMAC(diag.SolicitedNode(p.Target)), Target: p.Target, LLAddr: MyMAC, Raw: []byte{1, 2, 3},
			})
			p.Evidence = append(slices.Clone(p.Evidence), ns.Seq)
		} else if p.Outcome != diag.OutcomeSkipped && len(p.Evidence) == 0 {
			sent := add(diag.Socket{Interface: p.Interface, Event: diag.SocketSent, Source: p.Source, Target: p.Target, EchoID: 1, EchoSeq: 1})
			p.Evidence = append(slices.Clone(p.Evidence), sent.Seq)
		}
		add(p)
		at = at.Add(time.Millisecond)
	}
	for _, c := range w.Checks {
		add(c)
	}
	if w.Elapsed == 0 {
		w.Elapsed = 2 * time.Second
	}
	if w.Late > 0 {
		echo := diag.Frame{Interface: "eth0", Out: true, Type: diag.EchoRequest, Src: MyLocal, Dst: RouterAddr, SrcMAC: MyMAC, HopLimit: 64, EchoID: 7, EchoSeq: 7}
		add(echo)
		at = at.Add(w.Late)
		echo.Out, echo.Type, echo.Src, echo.Dst, echo.SrcMAC = false, diag.EchoReply, RouterAddr, MyLocal, RouterMAC
		add(echo)
	}
	at = Start.Add(max(w.Elapsed, at.Sub(Start)))
	add(diag.Tick{})
	return list
}

// Fold makes a state of events.
func Fold(events []diag.Event) *diag.State {
	s := diag.NewState()
	for _, e := range events {
		s.Apply(e)
	}
	return s
}

// State is the world folded.
func (w *World) State() *diag.State { return Fold(w.Events()) }

func synced(names ...diag.FeedName) []diag.Body {
	var list []diag.Body
	for _, n := range names {
		list = append(list, diag.Feed{Name: n, State: diag.Synced})
	}
	return list
}

// RaFrame is an advertisement to all nodes.
func RaFrame(from netip.Addr, mac diag.MAC, a diag.Advertisement) diag.Frame {
	return diag.Frame{
		Interface: "eth0", SrcMAC: mac, DstMAC: diag.MulticastMAC(diag.AllNodes), Src: from, Dst: diag.AllNodes, HopLimit: 255,
		Type: diag.RA, RA: &a, Raw: []byte{9, 9},
	}
}

// Leased is an address as a DHCPv6 client configures it in a VPC.
func Leased(a netip.Addr) diag.Address {
	return diag.Address{Interface: "eth0", Address: a, PrefixLen: 128, PreferredS: 140, ValidS: 450, UpdatedS: 5}
}

// NoDHCPv6Client is what a host answers to a DHCPv6 server when nobody there has the port of a client.
func NoDHCPv6Client() diag.Frame {
	return diag.Frame{
		Interface: "eth0", Out: true, Type: diag.Unreachable, Code: 4, Src: MyLocal, SrcMAC: MyMAC, Dst: RouterAddr, DstMAC: RouterMAC, HopLimit: 64,
		Quoted: &diag.Quoted{Src: RouterAddr, Dst: MyLocal, Type: diag.DHCPv6Frame, SrcPort: 547, DstPort: 546}, Raw: []byte{1, 4},
	}
}

// ByHand is an address as a person adds it.
func ByHand(a netip.Addr, bits int) diag.Address {
	return diag.Address{Interface: "eth0", Address: a, PrefixLen: bits, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever}
}

// DefaultRoute is the route through the router of the tests.
func DefaultRoute(proto string) diag.Route {
	expires := diag.Forever
	if proto == "ra" {
		expires = 1799
	}
	return diag.Route{
		Interface: "eth0", Dst: netip.MustParsePrefix("::/0"), Via: RouterAddr, Metric: 1024, Table: diag.MainTable,
		Protocol: proto, Type: "unicast", ExpiresS: expires,
	}
}

func doneChecks() []diag.Check {
	var list []diag.Check
	for _, id := range diag.CheckOrder {
		list = append(list, diag.Check{ID: id, Interface: "eth0", State: diag.CheckDone})
	}
	return list
}

// VpcRA is what a VPC's router advertises.
func VpcRA() diag.Advertisement {
	return diag.Advertisement{
		Managed: true, LifetimeS: 1800, Preference: "medium", LLAddr: RouterMAC,
		Prefixes: []diag.PrefixInfo{{Prefix: Subnet, OnLink: true, ValidS: 7200, PreferredS: 7200}},
	}
}

// link is what a healthy interface of any kind of network says, without what is assigned.
func link() *World {
	w := &World{
		Run: diag.Run{
			Version: "test", Host: "ubuntu1", Interfaces: []string{"eth0"}, Peers: []netip.Addr{PeerGlobal, PeerLocal},
			Internet: []netip.Addr{Host1, Host2}, InternetGiven: true, Add: diag.AddClaim, Count: 2, IntervalMS: 200, WaitMS: 1000,
		},
		Checks: doneChecks(),
	}
	w.Say(synced(diag.FeedNetlink, diag.FeedFrames, diag.FeedHost)...)
	w.Say(
		diag.Link{Interface: "eth0", Index: 2, MAC: MyMAC, MTU: 9001, Up: true, Carrier: true, Ethernet: true},
		diag.Address{Interface: "eth0", Address: MyLocal, PrefixLen: 64, Flags: diag.Permanent, PreferredS: diag.Forever, ValidS: diag.Forever},
		Leased(Mine),
		diag.Sysctl{Scope: "eth0", Name: "accept_ra", Value: "1"},
		diag.Sysctl{Scope: "eth0", Name: "forwarding", Value: "0"},
		diag.Sysctl{Scope: "eth0", Name: "disable_ipv6", Value: "0"},
		diag.Manager{Interface: "eth0", Name: "none"},
		diag.TableUse{Entries: 3, Thresh3: 1024},
		RaFrame(RouterAddr, RouterMAC, VpcRA()),
		DefaultRoute("ra"),
		diag.Route{Interface: "eth0", Dst: Subnet, Metric: 256, Table: diag.MainTable, Protocol: "kernel", Type: "unicast", ExpiresS: diag.Forever},
		diag.Neighbour{Interface: "eth0", Address: RouterAddr, MAC: RouterMAC, State: diag.Stale, Router: true},
		diag.Neighbour{Interface: "eth0", Address: PeerLocal, MAC: PeerMAC, State: diag.Stale},
		diag.Selection{Dst: Host1, Source: Mine, Interface: "eth0", Via: RouterAddr},
		diag.Selection{Dst: Host1, From: Mine, Source: Mine, Interface: "eth0", Via: RouterAddr},
	)
	w.Path(diag.Path{
		Check: "ra", Asks: diag.AsksRS, Source: MyLocal, Target: diag.AllRouters, TargetClass: diag.TargetRouter,
		Responders: []diag.Responder{{Address: RouterAddr, MAC: RouterMAC}},
	})
	w.Both(diag.Path{Check: "router-nd", Asks: diag.AsksND, Source: MyLocal, Target: RouterAddr, TargetClass: diag.TargetRouter, NUD: diag.Reachable})
	for _, p := range []struct{ source, target netip.Addr }{{Mine, PeerGlobal}, {MyLocal, PeerLocal}} {
		w.Both(diag.Path{
			Check: "peer-nd", Asks: diag.AsksND, Source: p.source, Target: p.target, TargetClass: diag.TargetPeer, Given: true, NUD: diag.Reachable,
			Responders: []diag.Responder{{Address: p.target, MAC: PeerMAC}},
		})
		w.Both(diag.Path{
			Check: "peer-echo", Asks: diag.AsksEcho, Source: p.source, Target: p.target, TargetClass: diag.TargetPeer, Given: true, NUD: diag.Reachable,
			Responders: []diag.Responder{{Address: p.target, MAC: PeerMAC}},
		})
	}
	for _, h := range []netip.Addr{Host1, Host2} {
		w.Both(diag.Path{Check: "internet", Asks: diag.AsksEcho, Source: Mine, Target: h, TargetClass: diag.TargetInternet, Given: true, NUD: diag.Reachable})
	}
	w.Path(diag.Path{Check: "source", Asks: diag.AsksND, Source: Mine, Target: RouterAddr, TargetClass: diag.TargetRouter})
	w.Path(diag.Path{Check: "source", Asks: diag.AsksEcho, Source: Mine, Target: Host1, TargetClass: diag.TargetInternet, Given: true})
	return w
}

// candidates adds the article's experiments with an outcome.
func (w *World) candidates(outcome diag.Outcome) *World {
	for _, c := range []netip.Addr{MineNext, UlaCand, LocalCand} {
		w.Path(diag.Path{
			Check: "added", Asks: diag.AsksDAD, Source: netip.IPv6Unspecified(), SourceClass: diag.SourceUnspecified, Target: c,
			TargetClass: diag.TargetPeer, Outcome: diag.Silent, Sent: 1,
		})
		target := PeerGlobal
		if c == LocalCand {
			target = PeerLocal
		}
		for _, asks := range []diag.Asks{diag.AsksND, diag.AsksEcho} {
			w.Path(diag.Path{
				Check: "added", Asks: asks, Source: c, SourceClass: diag.SourceCandidate, Target: target,
				TargetClass: diag.TargetPeer, Given: true, Outcome: outcome,
			})
		}
	}
	return w.Path(diag.Path{
		Check: "added", Asks: diag.AsksEcho, Source: MineNext, SourceClass: diag.SourceCandidate, Target: Host1,
		TargetClass: diag.TargetInternet, Given: true, Outcome: outcome,
	})
}

// VPC is a healthy instance as in the article: its assigned addresses work, candidates do not.
func VPC() *World {
	w := link()
	w.Say(
		diag.Feed{Name: diag.FeedIMDS, State: diag.Synced},
		diag.Machine{SysVendor: "Amazon EC2"},
		diag.Metadata{
			Endpoint: "http://169.254.169.254", State: diag.MetadataOK,
			Interfaces: []diag.MetadataInterface{{
				MAC: MyMAC, ID: "eni-0123", Subnet: "subnet-0123", Addresses: []netip.Addr{Mine}, Subnets: []netip.Prefix{Subnet},
			}},
		},
	)
	w.Both(diag.Path{Check: "router-echo", Asks: diag.AsksEcho, Source: MyLocal, Target: RouterAddr, TargetClass: diag.TargetRouter, Outcome: diag.Silent})
	w.Both(diag.Path{Check: "all-nodes", Asks: diag.AsksEcho, Source: MyLocal, Target: diag.AllNodes, TargetClass: diag.TargetAllNodes, Outcome: diag.Silent})
	return w.candidates(diag.Silent)
}

// LAN is a healthy host on a plain Ethernet: everybody answers, no cloud, no metadata. Its address is
// its own business, so whether it is assigned is not known.
func LAN() *World {
	w := link()
	w.Say(diag.Feed{Name: diag.FeedIMDS, State: diag.NotAsked})
	w.Each(func(p diag.Path) bool { return p.Source == Mine }, func(p *diag.Path) { p.SourceClass = diag.SourceUnknown })
	w.Both(diag.Path{Check: "router-echo", Asks: diag.AsksEcho, Source: MyLocal, Target: RouterAddr, TargetClass: diag.TargetRouter})
	w.Path(diag.Path{
		Check: "all-nodes", Asks: diag.AsksEcho, Source: MyLocal, Target: diag.AllNodes, TargetClass: diag.TargetAllNodes,
		Responders: []diag.Responder{{Address: PeerLocal, MAC: PeerMAC}, {Address: RouterAddr, MAC: RouterMAC}},
	})
	return w.candidates(diag.Answered)
}

// To holds of the questions to a target.
func To(target netip.Addr) func(diag.Path) bool {
	return func(p diag.Path) bool { return p.Target == target }
}

// Silence takes the answers away from the questions that ok holds of.
func (w *World) Silence(ok func(diag.Path) bool) *World {
	return w.Each(ok, func(p *diag.Path) { Silent(p) })
}

// Silent makes a path unanswered after all re-asking.
func Silent(p *diag.Path) {
	p.Outcome, p.Received, p.RTTMS, p.Responders, p.NUD = diag.Silent, 0, 0, nil, ""
	p.Sent = 14
}

// NoDefault takes the default routes away.
func (w *World) NoDefault() *World {
	w.Drop(OfKind(func(r diag.Route) bool { return r.Dst.Bits() == 0 }))
	return w.Each(func(p diag.Path) bool {
		return p.TargetClass == diag.TargetInternet && p.Via == diag.ViaKernel && p.SourceClass != diag.SourceCandidate && p.Interface == "eth0"
	}, func(p *diag.Path) {
		Silent(p)
		p.Outcome, p.Sent, p.Errno = diag.Unsent, 0, "ENETUNREACH"
	})
}

// NoDMI takes away what the machine says of itself.
func (w *World) NoDMI() *World {
	return w.Drop(func(b diag.Body) bool { _, dmi := b.(diag.Machine); return dmi })
}

// Service asks a service, by both ways.
func (w *World) Service(target string, outcome diag.Outcome) *World {
	return w.Path(diag.Path{
		Check: "services", Asks: diag.AsksService, Source: Mine, Target: netip.MustParseAddr(target), TargetClass: diag.TargetService,
		Via: diag.ViaKernel, Outcome: outcome,
	})
}

// FarPeer asks a peer of another subnet.
func (w *World) FarPeer(outcome diag.Outcome) *World {
	far := netip.MustParseAddr("2001:db8:1f16:8df1::7")
	w.Say(diag.Selection{Dst: far, Bound: "eth0", Source: Mine, Interface: "eth0", Via: RouterAddr})
	w.Both(diag.Path{
		Check: "peer-nd", Asks: diag.AsksND, Source: Mine, Target: far, TargetClass: diag.TargetPeer, Given: true,
		Outcome: diag.OutcomeSkipped, Detail: "via-router", Note: RouterAddr.String(),
	})
	w.Both(diag.Path{Check: "peer-echo", Asks: diag.AsksEcho, Source: Mine, Target: far, TargetClass: diag.TargetPeer, Given: true, Outcome: outcome})
	return w
}

// NoAddress takes the global addresses away.
func (w *World) NoAddress() *World {
	w.Drop(OfKind(func(a diag.Address) bool { return a.Address == Mine }))
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return p.Source == Mine })
	return w
}

// Assign replaces what the metadata service says is assigned.
func (w *World) Assign(list ...netip.Addr) *World {
	state := diag.MetadataOK
	return w.Say(diag.Metadata{State: state, Interfaces: []diag.MetadataInterface{{
		MAC: MyMAC, ID: "eni-0123", Subnet: "subnet-0123", Addresses: list, Subnets: []netip.Prefix{Subnet},
	}}})
}

// The second interface's MAC and assigned address.
var (
	SecondMAC = diag.MAC{0x06, 0xdf, 0xa5, 0x6c, 0x5d, 0x99}
	SecondOwn = netip.MustParseAddr("2001:db8:1f16:8df:f557:112e:f9bd:e001")
)

// Second gives the host of a VPC a second interface like the first, with a routing table of its own, and
// asks by it what is asked by the first and ok holds of, but for candidates.
func (w *World) Second(ok func(diag.Path) bool) *World {
	const table = 10001
	w.Run.Interfaces = []string{"eth0", "eth1"}
	own := func(a netip.Addr) netip.Addr {
		switch a {
		case Mine:
			return SecondOwn
		case MyLocal:
			return SecondMAC.LinkLocal()
		}
		return a
	}
	var more []diag.Body
	for _, b := range w.Bodies {
		switch x := b.(type) {
		case diag.Link:
			x.Interface, x.Index, x.MAC = "eth1", 3, SecondMAC
			more = append(more, x)
		case diag.Address:
			x.Interface, x.Address = "eth1", own(x.Address)
			more = append(more, x)
		case diag.Sysctl:
			x.Scope = "eth1"
			more = append(more, x)
		case diag.Manager:
			x.Interface = "eth1"
			more = append(more, x)
		case diag.Route:
			x.Interface, x.Table = "eth1", table
			more = append(more, x)
		case diag.Neighbour:
			x.Interface = "eth1"
			more = append(more, x)
		case diag.Frame:
			x.Interface = "eth1"
			more = append(more, x)
		case diag.Selection:
			if x.From.IsValid() {
				x.From, x.Source, x.Interface = own(x.From), own(x.Source), "eth1"
				more = append(more, x)
			}
		case diag.Metadata:
			x.Interfaces = append(slices.Clone(x.Interfaces), diag.MetadataInterface{
				MAC: SecondMAC, ID: "eni-0456", Subnet: "subnet-0123", Addresses: []netip.Addr{SecondOwn}, Subnets: []netip.Prefix{Subnet},
			})
			more = append(more, x)
		}
	}
	w.Say(more...)
	for _, p := range slices.Clone(w.Paths) {
		if p.SourceClass == diag.SourceCandidate || p.Asks == diag.AsksDAD || !ok(p) {
			continue
		}
		p.Interface, p.Source = "eth1", own(p.Source)
		w.Path(p)
	}
	for _, c := range slices.Clone(w.Checks) {
		c.Interface = "eth1"
		w.Checks = append(w.Checks, c)
	}
	return w
}

// Run2 makes the run one about two interfaces.
func (w *World) Run2() *World {
	w.Run.Interfaces = []string{"eth0", "eth1"}
	return w
}

// Offer has a DHCPv6 server offer something.
func (w *World) Offer(d diag.DHCPv6) *World {
	return w.Say(diag.Frame{Interface: "eth0", Type: diag.DHCPv6Frame, Src: RouterAddr, Dst: MyLocal, DHCPv6: &d})
}

// KernelDeaf silences the kernel's echoes while the wire is answered.
func (w *World) KernelDeaf(detail string) *World {
	return w.Each(func(p diag.Path) bool {
		return p.Via == diag.ViaKernel && p.SourceClass == diag.SourceAssigned && p.Outcome == diag.Answered && (p.Asks == diag.AsksEcho || detail != "" && p.Asks == diag.AsksND)
	}, func(p *diag.Path) {
		Silent(p)
		if p.Asks == diag.AsksEcho && detail != "" {
			p.Detail, p.Sent = detail, 0
		}
	})
}

// Only leaves what `check --only` with these IDs asks: the other checks were turned off by the user.
func (w *World) Only(ids ...string) *World {
	w.Run.Only = ids
	return w.turnOff(func(id string) bool { return !slices.Contains(ids, id) })
}

// Skip turns checks off.
func (w *World) Skip(ids ...string) *World {
	w.Run.Skip = ids
	return w.turnOff(func(id string) bool { return slices.Contains(ids, id) })
}

func (w *World) turnOff(off func(id string) bool) *World {
	for i := range w.Checks {
		if off(w.Checks[i].ID) {
			w.Checks[i].State, w.Checks[i].User, w.Checks[i].Why = diag.CheckSkipped, true, words.Say("skipped.user")
		}
	}
	w.Paths = slices.DeleteFunc(w.Paths, func(p diag.Path) bool { return off(p.Check) })
	return w
}

// Advertise replaces the advertisement.
func (w *World) Advertise(a diag.Advertisement) *World {
	a.LifetimeS, a.Preference, a.LLAddr = 1800, "medium", RouterMAC
	return w.Drop(OfKind(func(f diag.Frame) bool { return f.Type == diag.RA })).Say(RaFrame(RouterAddr, RouterMAC, a))
}
