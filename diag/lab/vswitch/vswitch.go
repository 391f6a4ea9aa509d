// Package vswitch is the fabric of a virtual subnet as a deterministic machine: frames in on a
// port, frames out and a verdict with its reason. It plays the switch that lets only assigned
// addresses speak, the router with its advertisements, the DHCPv6 server, and the edge towards
// everything beyond the subnet.
//
// It has no sockets, no goroutines and no clock: the caller hands it each frame with the time at
// which it came, sends what comes out, and calls Tick when Next says so. It is not safe for
// concurrent use.
package vswitch

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"

	"ndwhy/diag"
)

// A Config describes a subnet. Its zero value of every flag is the well-behaved VPC, but for
// Fabric, whose zero value is an open link.
type Config struct {
	Subnet  netip.Prefix // IPv6, a /64
	Subnet4 netip.Prefix
	Ports   []Port
	Routers []Router
	Beyond  Beyond
	Fabric  Fabric
	Chatter []Chatter
	Calls   []Call
	// Next is another subnet behind the same gateway, whose ports are numbered on from these; nil: there is none. Each has
	// the other in its Beyond.
	Next  *Config
	Seed  uint64 // of the dice that Port.Loss throws, and who chatters
	Terse bool   // entries do not describe their frames
}

// Fabric says what the switch itself lets through.
type Fabric struct {
	Filter    bool // only assigned addresses and the port's own MAC may speak, and only they are reached
	Proxy     bool // neighbour solicitations are answered on behalf of the target, never passed on
	Isolated  bool // what instances send reaches routers alone: one reaches another through them
	Multicast bool // every multicast is passed on; else only what ND, MLD and DHCPv6 need
	LocalND   bool // where they are isolated, the first router answers for all of what it says is on the link, and forwards between them
	// Snooping: a multicast goes to the members of its group alone, but for all nodes' (RFC 4541 §3). Without a Querier
	// nobody has them say again that they are (RFC 3810 §5.1), and the switch has forgotten who was.
	Snooping, Querier bool
	Hairpin           bool // what every interface gets, its sender gets back
}

// A Port is one interface of an instance as the infrastructure knows it.
type Port struct {
	Name      string
	MAC       diag.MAC // its EUI-64 link-local address is always assigned
	Addresses []netip.Addr
	Prefixes  []netip.Prefix // delegated: every address inside is assigned
	Address4  netip.Addr
	Lease     netip.Addr // what the DHCPv6 server has for it; zero: NoAddrsAvail

	Detached bool // nothing is assigned: frames of the port go nowhere, nobody finds its addresses
	NoEchoIn bool // the security group lets no echo request in
	NoGroups bool // of multicasts it gets those for all nodes alone
	Loss     int  // percent of the frames from this port that vanish once Begin was called
}

// A Router advertises and routes. What comes from beyond comes by the first that routes.
type Router struct {
	Name      string
	MAC       diag.MAC
	Physical  diag.MAC     // what it advertises itself by, where that is another; it takes what is sent to either
	Local     netip.Addr   // its link-local address; zero: the one that EUI-64 makes of MAC
	Addresses []netip.Addr // further addresses that it answers for
	Address4  netip.Addr

	Silent     bool // never advertises
	Every      time.Duration
	Lifetime   time.Duration
	Preference ndp.Preference // RFC 4191
	Managed    bool           // M flag
	Other      bool           // O flag
	OnLink     bool           // L flag of the subnet's prefix
	Autonomous bool           // A flag of the subnet's prefix
	HopLimit   uint8
	MTU        uint32 // announced where not 0
	// Prefix is its own, announced in the subnet's place: it forwards what comes from that alone (BCP 38).
	Prefix netip.Prefix
	// Routes are announced as reached through it (RFC 4191), NameServers as those to ask (RFC 8106).
	Routes      []netip.Prefix
	NameServers []netip.Addr
	// ByLinkLocal: what comes for a prefix of a port is sent to the EUI-64 link-local address of its MAC.
	ByLinkLocal  bool
	Unresolvable bool // answers no solicitation for its addresses
	AnswersEcho  bool
	Nowhere      bool // routes nothing
	OneWay       bool // sends nothing back into the subnet that it got from there
	Deaf         bool // hears no advertisement of a neighbour: it asks again for each packet
	DHCP         DHCP
}

// LinkLocal returns the router's link-local address.
func (r *Router) LinkLocal() netip.Addr {
	if r.Local.IsValid() {
		return r.Local
	}
	return r.MAC.LinkLocal()
}

// prefix is what a router announces and forwards for.
func (c *Config) prefix(r *Router) netip.Prefix {
	if r.Prefix.IsValid() {
		return r.Prefix
	}
	return c.Subnet
}

// onLink reports whether an address is of a prefix of the link.
func (c *Config) onLink(a netip.Addr) bool {
	return c.Subnet.Contains(a) || slices.ContainsFunc(c.Routers, func(r Router) bool { return r.Prefix.IsValid() && r.Prefix.Contains(a) })
}

// DHCP is the router's stateful DHCPv6 server.
type DHCP struct {
	Off       bool // answers nothing
	Preferred time.Duration
	Valid     time.Duration
}

// Reach is what becomes of packets to the Internet, or to another subnet.
type Reach uint8

// What becomes of them.
const (
	Open      Reach = iota
	Blackhole       // dropped without a word
	Refused         // answered by the router: destination unreachable, administratively prohibited
)

// Beyond is the port behind the router: the Internet and the infrastructure's own services.
type Beyond struct {
	Name     string
	MAC      diag.MAC
	Services []netip.Prefix // reached whatever Internet says: metadata, DNS, NTP
	Internet Reach
	MTU      int    // of the path to the Internet; 0: no limit
	NoPTB    bool   // what exceeds MTU vanishes without a Packet Too Big
	NoEcho   bool   // the access list on the way to the Internet lets no ICMPv6 echo request out
	NoTCP    bool   // nor TCP
	ResetTCP bool   // a firewall at the router answers TCP with a reset, in the name of whom it was for
	OnlyTCP  uint16 // but to this port, where it is not 0
	// Translated says that packets from unique-local addresses are translated on their way, and so answered.
	Translated bool
	// Subnets are those behind the same gateway, and what becomes of packets to them.
	Subnets []Subnet
}

// A Subnet is another than the one at hand.
type Subnet struct {
	Prefix netip.Prefix
	Reach  Reach
}

// A Verdict is what became of a frame.
type Verdict string

// What became of a frame.
const (
	Delivered Verdict = "delivered" // passed on as it came, or taken by whom it was for
	Forwarded Verdict = "forwarded" // routed: hop limit and MACs changed
	Answered  Verdict = "answered"  // the switch or the router replied itself
	Dropped   Verdict = "dropped"
	Sent      Verdict = "sent" // made by the switch or the router
)

// An Entry is one line of the switch's log: one frame and what became of it.
type Entry struct {
	Time      time.Time `json:"time"`
	Port      string    `json:"port"`
	Direction string    `json:"direction"` // in: from the port into the switch; out: made here, sent to the port
	Verdict   Verdict   `json:"verdict"`
	Reason    string    `json:"reason"`
	To        []string  `json:"to,omitempty"` // the ports or routers that got it
	Frame     string    `json:"frame"`        // one line of text, without control characters
}

// An Output is a frame to be sent on a port: an index into Config.Ports, or BeyondPort.
type Output struct {
	Port  int
	Frame []byte
}

// BeyondPort is the index of the port behind the router.
const BeyondPort = -1

// A Switch is a running fabric.
type Switch struct {
	cfg   Config
	dice  *rand.Rand
	begun bool
	next  []time.Time      // when each router advertises next
	spoke map[diag.MAC]int // the port that a MAC spoke on last, of several that have it
	chats time.Time        // when the next chatter is due
	// members are the ports from which somebody joined a group, by its Ethernet address.
	members map[diag.MAC]map[int]bool
	other   *Switch // of the next subnet; nil: there is none

	called []time.Time // when each call was made last
	count  uint16      // of calls

	// What the router of an open link has learnt and is waiting for. A filtering fabric needs
	// neither: it knows who has what.
	known   map[netip.Addr]seen
	pending map[netip.Addr]pending
}

type seen struct {
	port int
	mac  diag.MAC
}

type pending struct {
	at     time.Time
	frames [][]byte // wait for the resolution, hop limit already counted down; the newest
}

// Bounds of what strangers can make the switch remember.
const (
	maxKnown   = 4096
	maxPending = 64
	maxWaiting = 8 // for one address (RFC 4861 §7.2.2: a small queue)
	maxFrame   = 65535
)

// New returns a switch that advertises for the first time at start.
func New(cfg Config, start time.Time) *Switch {
	s := &Switch{
		cfg:     cfg,
		dice:    rand.New(rand.NewPCG(cfg.Seed, 0)),
		spoke:   map[diag.MAC]int{},
		known:   map[netip.Addr]seen{},
		pending: map[netip.Addr]pending{},
		members: map[diag.MAC]map[int]bool{},
		chats:   start,
	}
	for range cfg.Routers {
		s.next = append(s.next, start)
	}
	s.called = make([]time.Time, len(cfg.Calls))
	if cfg.Next != nil {
		s.other = New(*cfg.Next, start)
	}
	return s
}

// Begin ends the calm in which instances boot: from now on frames get lost, others chatter and call, where the
// configuration says so.
func (s *Switch) Begin() {
	s.begun = true
	if s.other != nil {
		s.other.Begin()
	}
}

// Next returns when Tick has something to do, or the zero time: never.
func (s *Switch) Next() time.Time {
	first := s.nextCall()
	for i, r := range s.cfg.Routers {
		if r.Silent || r.Every <= 0 {
			continue
		}
		if first.IsZero() || s.next[i].Before(first) {
			first = s.next[i]
		}
	}
	if s.begun && len(s.cfg.Chatter) > 0 && (first.IsZero() || s.chats.Before(first)) {
		first = s.chats
	}
	if s.other != nil {
		if next := s.other.Next(); first.IsZero() || !next.IsZero() && next.Before(first) {
			first = next
		}
	}
	return first
}

// Tick does what time asks for: the routers' unsolicited advertisements, the chatter of others, and calls.
func (s *Switch) Tick(now time.Time) ([]Output, []Entry) {
	t := turn{Switch: s, now: now}
	for i := range s.cfg.Routers {
		r := &s.cfg.Routers[i]
		if r.Silent || r.Every <= 0 || now.Before(s.next[i]) {
			continue
		}
		s.next[i] = now.Add(r.Every)
		for p := range s.cfg.Ports {
			t.send(p, t.advertisement(r, allNodes, allNodesMAC), fmt.Sprintf("%s advertises itself every %g s", r.Name, r.Every.Seconds()))
		}
	}
	if s.begun && len(s.cfg.Chatter) > 0 && !now.Before(s.chats) {
		if s.chats = s.chats.Add(chatterEvery); s.chats.Before(now) {
			s.chats = now.Add(chatterEvery) // what could not be sent in time is not sent at once
		}
		t.chat()
	}
	t.calls()
	if s.other != nil {
		outs, entries := s.other.Tick(now)
		for _, o := range outs {
			t.outs = append(t.outs, s.beside(o))
		}
		t.entries = append(t.entries, entries...)
	}
	return t.outs, t.entries
}

// Handle takes one Ethernet frame that came in on a port at now and returns the frames that leave
// and the log: first the frame's own entry, then one for each frame that was made. frame is not
// kept; the outputs share no memory with it.
func (s *Switch) Handle(now time.Time, port int, frame []byte) ([]Output, []Entry) {
	if s.other != nil {
		return s.handleBoth(now, port, frame)
	}
	return s.handle(now, port, frame)
}

// handle is Handle of one subnet.
func (s *Switch) handle(now time.Time, port int, frame []byte) ([]Output, []Entry) {
	t := turn{Switch: s, now: now, port: port, frame: frame}
	t.entries = append(t.entries, Entry{Time: now, Port: s.name(port), Direction: "in", Verdict: Dropped, Frame: s.describe(frame)})
	t.take()
	return t.outs, t.entries
}

// describe is a frame in the words of the log.
func (s *Switch) describe(frame []byte) string {
	if s.cfg.Terse {
		return ""
	}
	return Summary(frame)
}

// Name returns the name of a port.
func (s *Switch) Name(port int) string {
	if s.other != nil && port >= len(s.cfg.Ports) {
		return s.other.Name(port - len(s.cfg.Ports))
	}
	return s.name(port)
}

func (s *Switch) name(port int) string {
	if port == BeyondPort {
		return s.cfg.Beyond.Name
	}
	return s.cfg.Ports[port].Name
}

// assigned reports whether the infrastructure gave a to p.
func (p *Port) assigned(a netip.Addr) bool {
	if p.Detached {
		return false
	}
	return a == p.MAC.LinkLocal() || slices.Contains(p.Addresses, a) || p.delegated(a)
}

// delegated reports whether a prefix of p holds a.
func (p *Port) delegated(a netip.Addr) bool {
	return slices.ContainsFunc(p.Prefixes, func(x netip.Prefix) bool { return x.Contains(a) })
}

// owner returns the port to which a is assigned.
func (s *Switch) owner(a netip.Addr) (int, bool) {
	i := slices.IndexFunc(s.cfg.Ports, func(p Port) bool { return p.assigned(a) })
	return i, i >= 0
}

// owner4 is owner for IPv4.
func (s *Switch) owner4(a netip.Addr) (int, bool) {
	i := slices.IndexFunc(s.cfg.Ports, func(p Port) bool { return !p.Detached && p.Address4 == a })
	return i, i >= 0
}

// portOfMAC returns the port of a MAC: of two that have the same, as any switch does, the one that it last came from.
func (s *Switch) portOfMAC(m diag.MAC) (int, bool) {
	if i, ok := s.spoke[m]; ok {
		return i, true
	}
	i := slices.IndexFunc(s.cfg.Ports, func(p Port) bool { return p.MAC == m })
	return i, i >= 0
}

func (s *Switch) routerOfMAC(m diag.MAC) *Router {
	for i := range s.cfg.Routers {
		if r := &s.cfg.Routers[i]; r.MAC == m || r.Physical == m && m != (diag.MAC{}) {
			return r
		}
	}
	return nil
}

// routerOf returns the router that has a.
func (s *Switch) routerOf(a netip.Addr) *Router {
	for i := range s.cfg.Routers {
		if r := &s.cfg.Routers[i]; r.owns(a) {
			return r
		}
	}
	return nil
}

// gateway returns the router by which what comes from beyond enters the subnet.
func (s *Switch) gateway() *Router {
	i := slices.IndexFunc(s.cfg.Routers, func(r Router) bool { return !r.Nowhere })
	return &s.cfg.Routers[max(i, 0)]
}

func (r *Router) owns(a netip.Addr) bool {
	return a == r.LinkLocal() || slices.Contains(r.Addresses, a)
}

// learn keeps who has an address, as a router's neighbour cache does.
func (s *Switch) learn(a netip.Addr, port int, m diag.MAC) {
	if s.cfg.Fabric.Filter || a.IsUnspecified() || a.IsMulticast() || m == (diag.MAC{}) || m[0]&1 == 1 {
		return
	}
	if _, ok := s.known[a]; ok || len(s.known) < maxKnown {
		s.known[a] = seen{port, m}
	}
}

// A turn is the handling of one frame, or of one moment.
type turn struct {
	*Switch
	now     time.Time
	port    int
	frame   []byte
	outs    []Output
	entries []Entry
}

// decide writes the frame's own verdict.
func (t *turn) decide(v Verdict, format string, args ...any) {
	t.entries[0].Verdict = v
	t.entries[0].Reason = fmt.Sprintf(format, args...)
}

func (t *turn) drop(format string, args ...any) { t.decide(Dropped, format, args...) }

// pass hands the frame on to a port.
func (t *turn) pass(port int, frame []byte) {
	t.outs = append(t.outs, Output{port, frame})
	t.to(t.name(port))
}

func (t *turn) to(name string) {
	if !slices.Contains(t.entries[0].To, name) {
		t.entries[0].To = append(t.entries[0].To, name)
	}
}

// flood hands a copy on to every other instance that the sender reaches.
func (t *turn) flood() {
	for i := range t.cfg.Ports {
		if (i == t.port && t.cfg.Fabric.Hairpin || i != t.port && !t.cfg.Fabric.Isolated) && t.member(i) {
			t.pass(i, slices.Clone(t.frame))
		}
	}
}

// send puts out a frame that was made here.
func (t *turn) send(port int, frame []byte, reason string) {
	if port >= 0 && t.cfg.Ports[port].NoGroups && grouped(frame) {
		return
	}
	t.outs = append(t.outs, Output{port, frame})
	t.entries = append(t.entries, Entry{
		Time: t.now, Port: t.name(port), Direction: "out", Verdict: Sent, Reason: reason, Frame: t.describe(frame),
	})
}
