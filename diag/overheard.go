package diag

import (
	"bytes"
	"net/netip"
	"slices"
	"time"
)

// What is remembered of the frames of a capture is bounded: a capture is of any length, of any number of hosts, and from
// anywhere.
const (
	overheardLinks  = 64
	overheardMost   = 1 << 14 // of everything together
	overheardAskers = 16      // of an address
	overheardClaims = 8       // of an address
	overheardAsked  = 16      // by an address
	overheardRaw    = 256     // bytes of a frame
)

// Overheard is what the frames of a capture tell of one link and of all hosts on it, each as much as the others.
type Overheard struct {
	Interface   string
	Frames      int
	First, Last time.Time
	Hosts       map[MAC]HostOverheard
	// Targets are the addresses that were asked for.
	Targets map[netip.Addr]*Sought
	// Claims are who says that an address is his.
	Claims map[netip.Addr]*Claims
	// Wanted are the addresses of which somebody asked whether they are free (RFC 4862 §5.4).
	Wanted map[netip.Addr]*Wanted
	// Voices are the addresses from which hosts of the link ask.
	Voices  map[netip.Addr]*Voice
	Routers map[netip.Addr]*RouterOverheard
	Clients map[string]*ClientOverheard // of DHCPv6, by transaction
	// Redirects are those that routers sent, by the destination that they are about (RFC 4861 §8).
	Redirects map[netip.Addr]*RedirectOverheard
	// Refusals are the words of those that cannot or may not pass on a packet.
	Refusals map[RefusalKey]*Refusal
	Spoilt   map[SpoiltKey]*Spoilt
	// Doubled is how many unicast frames were in the capture twice, as where a switch mirrors both ways of a port: then
	// what came twice did not come back.
	Doubled int
	// Cut is how many frames of neighbour discovery and DHCPv6 are there with their beginning alone.
	Cut int
	// Sender is who sent the first frame, and Others says that not all are of it. A capture of what one host sends alone
	// has no answers, whether or not it got any.
	Sender MAC
	Others bool
	// Full: there was more than is remembered.
	Full bool

	left *int // places, of all links together
	last []byte
	at   time.Time
}

// HostOverheard is what is known of a host of a capture.
type HostOverheard struct {
	// Hears: unicast to it was seen, or the capture says that it was made there.
	Hears bool
	// Believed: it sent something that hosts believe.
	Believed bool
	// Reached: unicast to it was seen.
	Reached bool
}

// Sought is an address that was asked for by neighbour solicitation, with who asked.
type Sought struct {
	By map[netip.Addr]*Asker
	// Answer is the newest advertisement for it, to whomever.
	Answer Event
}

// An Asker is who asks for an address.
type Asker struct {
	MAC         MAC
	First, Last Event // of the solicitations since the last answer
	Unanswered  int   // those solicitations
	Probes      bool  // all of them asked by unicast, whether a neighbour that was known is still there
	Answered    Event // the newest answer, if there was one
	// Again is how often it asked all hosts again soon after an answer, and sent nothing to the address since; AgainFirst to
	// AgainLast.
	Again                 int
	AgainFirst, AgainLast Event
}

// A Voice is an address from which a host of the link asks, by solicitation or ping.
type Voice struct {
	MAC MAC
	// Heard: somebody sends to it by unicast.
	Heard bool
	// Hasty: it asked the same again sooner than a kernel does (RFC 4861 §10, RETRANS_TIMER), as programs do that try an
	// address.
	Hasty bool
	Asked map[netip.Addr]*Asked
}

// Asked is what a voice asked an address, and what came of it.
type Asked struct {
	Count       int // solicitations and pings
	First, Last Event
	Answer      Event // the newest
	// Pings are those since the last reply or error, from FirstPing to LastPing.
	Pings               int
	FirstPing, LastPing Event
	// Replied is how many pings came back, of at most Largest bytes, and Lost how many did not for longer than any takes, of at
	// least Smallest bytes.
	Replied, Largest int
	Lost, Smallest   int

	asked time.Time // the newest solicitation
	open  []openPing
}

// An openPing is one that has not come back yet.
type openPing struct {
	id, seq uint16
	size    int
	at      time.Time
}

// Lose counts those pings as lost that have been open for too long by now.
func (a *Asked) Lose(now time.Time) {
	for len(a.open) > 0 && (len(a.open) > openMost || now.Sub(a.open[0].at) > lateMost) {
		if size := a.open[0].size; a.Lost == 0 || size < a.Smallest {
			a.Smallest = size
		}
		a.Lost++
		a.open = a.open[1:]
	}
}

// came takes what came back of a ping: a reply, or an error.
func (a *Asked) came(id, seq uint16, reply bool) {
	i := slices.IndexFunc(a.open, func(p openPing) bool { return p.id == id && p.seq == seq })
	if i < 0 {
		return
	}
	if reply {
		a.Replied++
		a.Largest = max(a.Largest, a.open[i].size)
	}
	a.open = slices.Delete(a.open, i, i+1)
}

// Claims are those that claim an address.
type Claims struct {
	By    map[MAC]Event // the newest
	Order []MAC         // as they first did
	// Firm are those of them whose word goes before another's (override flag), as that of proxies and of holders of an
	// anycast address does not (RFC 4861 §§7.2.7, 7.2.8). Changes is how often another of them claimed it than the one before.
	Firm    []MAC
	Changes int
	newest  MAC
}

// A Wanted is an address that is asked whether it is free.
type Wanted struct {
	MAC      MAC
	Asked    Event
	Objected Event // somebody else's word that it is his, or that he wants it too
	Looped   Event // the same question, come back
	Marked   bool  // it had a nonce, by which who asked knows it again (RFC 7527)
	nonce    []byte
}

// RouterOverheard is a router as its advertisements in a capture show it.
type RouterOverheard struct {
	MAC         MAC
	First, Last Event
	Offered     Event // the newest with a lifetime
	// Lapsed is the advertisement whose lifetime had run out before the next, Late, came.
	Lapsed, Late Event
	Count        int
}

// ClientOverheard is an exchange that a DHCPv6 client began.
type ClientOverheard struct {
	MAC         MAC
	First, Last Event
	Count       int
	Answer      Event
}

// A RedirectOverheard is a redirect, and what was sent where it says.
type RedirectOverheard struct {
	First, Last Event
	Count       int
	// Sent is how much has gone to the redirect's target for the destination since anything came from the destination.
	Sent                int
	FirstSent, LastSent Event
}

// RefusalKey names what cannot be reached, by whose word, and the code that says why (RFC 4443 §3.1).
type RefusalKey struct {
	From, Target netip.Addr
	Code         int
}

// A Refusal is how often that came.
type Refusal struct {
	Count       int
	First, Last Event
}

// SpoiltKey names neighbour discovery that nobody may believe.
type SpoiltKey struct {
	MAC      MAC
	Type     FrameType
	Checksum bool // wrong; else the hop limit is
}

// Spoilt is how often it came.
type Spoilt struct {
	Count int
	Last  Event
}

// AskedThrice is how many solicitations the kernel sends before it gives up (RFC 4861 §10, MAX_MULTICAST_SOLICIT), and how
// long that takes it at least.
const (
	AskedThrice     = 3
	AskedThriceTime = time.Second
)

// How long somebody takes to answer, or a frame to come back, at most.
const (
	objects  = 3 * time.Second
	comeBack = 500 * time.Millisecond
	forgets  = 5 * time.Second        // before a neighbour that answered may be asked for again (RFC 4861 §10, DELAY_FIRST_PROBE_TIME)
	hasty    = 500 * time.Millisecond // before asking again
	twice    = 100 * time.Millisecond
	lateMost = time.Second
	openMost = 16 // pings to one address
)

// Life is the lifetime of a router's advertisement.
func (a *Advertisement) Life() time.Duration { return time.Duration(a.LifetimeS) * time.Second }

// overhear takes a frame of a capture.
func (s *State) overhear(e Event, f Frame) {
	o := s.Overheard[f.Interface]
	if o == nil {
		if len(s.Overheard) == overheardLinks {
			return
		}
		o = &Overheard{
			Interface: f.Interface, First: e.At, Hosts: map[MAC]HostOverheard{}, Targets: map[netip.Addr]*Sought{}, Claims: map[netip.Addr]*Claims{},
			Wanted: map[netip.Addr]*Wanted{}, Voices: map[netip.Addr]*Voice{}, Routers: map[netip.Addr]*RouterOverheard{}, Clients: map[string]*ClientOverheard{},
			Redirects: map[netip.Addr]*RedirectOverheard{}, Refusals: map[RefusalKey]*Refusal{}, Spoilt: map[SpoiltKey]*Spoilt{}, left: &s.overheardLeft,
		}
		s.Overheard[f.Interface] = o
	}
	o.hear(e, f)
}

func (o *Overheard) hear(e Event, f Frame) {
	if o.Frames++; o.Frames == 1 {
		o.Sender = f.SrcMAC
	}
	o.Others = o.Others || f.SrcMAC != o.Sender
	o.Last = e.At
	o.host(f.SrcMAC, HostOverheard{Hears: f.Out, Believed: f.Bad == ""})
	// A "cooked" frame does not say to which MAC it went.
	if v := o.Voices[f.Dst]; v != nil && (f.DstMAC == MAC{} || v.MAC == f.DstMAC) {
		v.Heard = true
	}
	if f.DstMAC != (MAC{}) && f.DstMAC[0]&1 == 0 {
		o.host(f.DstMAC, HostOverheard{Hears: true, Reached: true})
		if e.At.Sub(o.at) <= twice && bytes.Equal(f.Raw, o.last) {
			o.Doubled++
		}
	}
	o.last, o.at = f.Raw, e.At
	if len(f.Raw) > overheardRaw {
		f.Raw = bytes.Clone(f.Raw[:overheardRaw])
		e.Body = f
	}
	if f.Bad != "" {
		if f.Cut() {
			o.reached(f)
		}
		if f.Cut() && (f.Type.IsND() || f.Type == DHCPv6Frame) {
			o.Cut++
		}
		o.spoil(e, f)
		return
	}
	o.reached(f)
	o.wander(e, f)
	switch f.Type {
	case NS:
		if f.Src.IsUnspecified() {
			o.ask(e, f)
			return
		}
		o.seek(e, f)
		o.voice(e, f, f.Target)
		if f.LLAddr != (MAC{}) {
			o.claim(e, f.Src, f.LLAddr, true)
		}
	case NA:
		mac := f.LLAddr
		if mac == (MAC{}) {
			mac = f.SrcMAC
		}
		o.answer(e, f)
		o.object(e, f)
		o.claim(e, f.Target, mac, f.Override)
		o.voiceAnswered(e, f.Dst, f.Target, nil)
	case EchoRequest:
		// Of other sources it is a router that passes on what others ask.
		if c := o.Claims[f.Src]; c != nil && c.By[f.SrcMAC].Body != nil && !f.Dst.IsMulticast() {
			o.voice(e, f, f.Dst)
		}
	case EchoReply:
		o.voiceAnswered(e, f.Dst, f.Src, &Quoted{EchoID: f.EchoID, EchoSeq: f.EchoSeq})
	case Unreachable, PacketTooBig, TimeExceeded, ParameterProblem:
		if f.Quoted != nil {
			o.voiceAnswered(e, f.Quoted.Src, f.Quoted.Dst, f.Quoted)
			o.refuse(e, f)
		}
	case RA:
		o.advertise(e, f)
		if f.RA != nil {
			mac := f.RA.LLAddr
			if mac == (MAC{}) {
				mac = f.SrcMAC
			}
			o.claim(e, f.Src, mac, true)
		}
	case RedirectFrame:
		o.redirect(e, f)
	case DHCPv6Frame:
		o.dhcp(e, f)
	default:
	}
}

// Hears reports whether an answer to a host would have been seen too.
func (o *Overheard) Hears(m MAC) bool {
	h := o.Hosts[m]
	return h.Reached || h.Hears && o.Others
}

// room returns what a map has under a key, or room for it; nil where there is none.
func room[K comparable, V any](o *Overheard, m map[K]*V, key K) (v *V, fresh bool) {
	if v = m[key]; v != nil {
		return v, false
	}
	if !o.fits() {
		return nil, false
	}
	v = new(V)
	m[key] = v
	return v, true
}

func (o *Overheard) host(m MAC, is HostOverheard) {
	was, known := o.Hosts[m]
	if m != (MAC{}) && (known || o.fits()) {
		o.Hosts[m] = HostOverheard{was.Hears || is.Hears, was.Believed || is.Believed, was.Reached || is.Reached}
	}
}

// fits takes a place for one thing more, if there is one.
func (o *Overheard) fits() bool {
	if *o.left == 0 {
		o.Full = true
		return false
	}
	*o.left--
	return true
}

func (o *Overheard) spoil(e Event, f Frame) {
	if !f.Type.IsND() || f.HopLimit == 255 && f.Bad != BadChecksum {
		return
	}
	if s, _ := room(o, o.Spoilt, SpoiltKey{f.SrcMAC, f.Type, f.HopLimit == 255}); s != nil {
		s.Count++
		s.Last = e
	}
}

// reached notes that somebody sends to an address by unicast: whoever does knows whose it is. A solicitation to it asks just
// whether that is still so.
func (o *Overheard) reached(f Frame) {
	if f.Type == NS || f.DstMAC[0]&1 != 0 {
		return
	}
	t := o.Targets[f.Dst]
	if t == nil {
		return
	}
	if t.By[f.Src] != nil {
		t.By[f.Src].Unanswered = 0
	}
	for _, a := range t.By {
		if a.MAC == f.SrcMAC {
			a.Again = 0 // what a router passes on is from others
		}
	}
}

// redirect takes what a router says of a better way.
func (o *Overheard) redirect(e Event, f Frame) {
	if f.Quoted == nil {
		return
	}
	r, fresh := room(o, o.Redirects, f.Quoted.Dst)
	if r == nil {
		return
	}
	if was, ok := r.Last.Body.(Frame); fresh || ok && was.Target != f.Target {
		*r = RedirectOverheard{First: e}
	}
	r.Last = e
	r.Count++
}

// wander notes what is sent to where a redirect says, and what comes from there.
func (o *Overheard) wander(e Event, f Frame) {
	if r := o.Redirects[f.Src]; r != nil {
		r.Sent = 0
	}
	r := o.Redirects[f.Dst]
	if r == nil {
		return
	}
	said, _ := r.Last.Body.(Frame)
	if said.LLAddr == (MAC{}) || f.DstMAC != said.LLAddr || f.SrcMAC != said.DstMAC {
		return
	}
	if r.Sent++; r.Sent == 1 {
		r.FirstSent = e
	}
	r.LastSent = e
}

// voice notes a question.
func (o *Overheard) voice(e Event, f Frame, target netip.Addr) {
	v, fresh := room(o, o.Voices, f.Src)
	if v == nil {
		return
	}
	if fresh {
		v.Asked = map[netip.Addr]*Asked{}
	}
	v.MAC = f.SrcMAC
	if v.Asked[target] == nil && len(v.Asked) == overheardAsked {
		o.Full = true
		return
	}
	a, fresh := room(o, v.Asked, target)
	if a == nil {
		return
	}
	if fresh {
		a.First = e
	}
	a.Count++
	a.Last = e
	if f.Type == NS {
		v.Hasty = v.Hasty || e.At.Sub(a.asked) < hasty && o.Doubled == 0
		a.asked = e.At
	} else {
		if a.Pings++; a.Pings == 1 {
			a.FirstPing = e
		}
		a.LastPing = e
		if !slices.ContainsFunc(a.open, func(p openPing) bool { return p.id == f.EchoID && p.seq == f.EchoSeq }) {
			a.open = append(a.open, openPing{f.EchoID, f.EchoSeq, f.Size, e.At})
		}
		a.Lose(e.At)
	}
}

// voiceAnswered notes that a question of an address came back answered: a ping, or a solicitation where that is nil.
func (o *Overheard) voiceAnswered(e Event, addr, target netip.Addr, ping *Quoted) {
	v := o.Voices[addr]
	if v == nil || v.Asked[target] == nil {
		return
	}
	a := v.Asked[target]
	a.Answer = e
	if ping == nil {
		return
	}
	a.Pings = 0
	f, _ := e.Body.(Frame)
	a.came(ping.EchoID, ping.EchoSeq, f.Type == EchoReply)
}

func (o *Overheard) seek(e Event, f Frame) {
	t, fresh := room(o, o.Targets, f.Target)
	if t == nil {
		return
	}
	if fresh {
		t.By = map[netip.Addr]*Asker{}
	}
	if t.By[f.Src] == nil && len(t.By) == overheardAskers {
		o.Full = true
		return
	}
	a, _ := room(o, t.By, f.Src)
	if a == nil {
		return
	}
	a.MAC = f.SrcMAC
	if gap := e.At.Sub(a.Answered.At); a.Answered.Body != nil && f.Dst.IsMulticast() && gap > twice && gap < forgets {
		if a.Again++; a.Again == 1 {
			a.AgainFirst = e
		}
		a.AgainLast = e
	}
	if a.Unanswered++; a.Unanswered == 1 {
		a.First, a.Probes = e, true
	}
	a.Probes = a.Probes && !f.Dst.IsMulticast()
	a.Last = e
}

// InVain reports whether somebody asked for an address again and again until the capture ended, and got no answer. Whoever
// says that the address is his own only asks whether another has it too.
func (o *Overheard) InVain(addr netip.Addr, a *Asker) bool {
	c := o.Claims[addr]
	return a.Unanswered >= AskedThrice && a.Last.At.Sub(a.First.At) >= AskedThriceTime && (c == nil || c.By[a.MAC].Body == nil)
}

// answer notes an advertisement with those whom it tells something.
func (o *Overheard) answer(e Event, f Frame) {
	t := o.Targets[f.Target]
	if t == nil {
		return
	}
	t.Answer = e
	for addr, a := range t.By {
		if f.Dst == addr || f.Dst.IsMulticast() {
			a.Unanswered, a.Answered = 0, e
		}
	}
}

func (o *Overheard) refuse(e Event, f Frame) {
	if f.Type != Unreachable {
		return
	}
	if r, fresh := room(o, o.Refusals, RefusalKey{f.Src, f.Quoted.Dst, f.Code}); r != nil {
		if fresh {
			r.First = e
		}
		r.Count++
		r.Last = e
	}
}

func (o *Overheard) claim(e Event, addr netip.Addr, mac MAC, override bool) {
	c, fresh := room(o, o.Claims, addr)
	if c == nil {
		return
	}
	if fresh {
		c.By = map[MAC]Event{}
	}
	if _, known := c.By[mac]; !known {
		if len(c.By) == overheardClaims || !o.fits() {
			o.Full = true
			return
		}
		c.Order = append(c.Order, mac)
	}
	c.By[mac] = e
	if !override {
		return
	}
	if !slices.Contains(c.Firm, mac) {
		c.Firm = append(c.Firm, mac)
	}
	if c.newest != mac && c.newest != (MAC{}) {
		c.Changes++
	}
	c.newest = mac
}

// ask takes the question whether an address is free.
func (o *Overheard) ask(e Event, f Frame) {
	t, fresh := room(o, o.Wanted, f.Target)
	if t == nil {
		return
	}
	if !fresh && e.At.Sub(t.Asked.At) <= objects {
		switch again := e.At.Sub(t.Asked.At) <= comeBack; {
		case f.SrcMAC != t.MAC && !bytes.Equal(f.Nonce, t.nonce) || f.SrcMAC != t.MAC && len(f.Nonce) == 0:
			t.Objected = e
			return
		case again && bytes.Equal(f.Nonce, t.nonce) && t.returns(f):
			t.Looped = e
			return
		}
	}
	if fresh || f.SrcMAC != t.MAC {
		t.Objected, t.Looped = Event{}, Event{}
	}
	t.MAC, t.Asked, t.nonce, t.Marked = f.SrcMAC, e, f.Nonce, len(f.Nonce) > 0
}

// returns reports whether a frame that was seen before can have come back. A "cooked" capture may be of several interfaces of
// one host, through which a frame passes one after the other: there what left must come in.
func (t *Wanted) returns(f Frame) bool {
	was, _ := t.Asked.Body.(Frame)
	return !f.Out && (was.Out || f.DstMAC != MAC{})
}

// object takes an advertisement that may be the answer to that: one that is for all (RFC 4861 §7.2.4). Another tells somebody
// who has asked for the address, as a proxy tells.
func (o *Overheard) object(e Event, f Frame) {
	t := o.Wanted[f.Target]
	if t != nil && f.Dst.IsMulticast() && f.SrcMAC != t.MAC && e.At.Sub(t.Asked.At) <= objects {
		t.Objected = e
	}
}

func (o *Overheard) advertise(e Event, f Frame) {
	if f.RA == nil {
		return
	}
	r, fresh := room(o, o.Routers, f.Src)
	if r == nil {
		return
	}
	if fresh {
		r.First = e
	} else if was, ok := r.Last.Body.(Frame); ok && was.RA.LifetimeS > 0 && e.At.Sub(r.Last.At) > was.RA.Life() {
		r.Lapsed, r.Late = r.Last, e
	}
	if f.RA.LifetimeS != 0 {
		r.Offered = e
	}
	r.MAC, r.Last = f.SrcMAC, e
	r.Count++
}

func (o *Overheard) dhcp(e Event, f Frame) {
	d := f.DHCPv6
	if d == nil || d.Transaction == "" {
		return
	}
	switch d.Message {
	case "advertise", "reply":
		if c := o.Clients[d.Transaction]; c != nil {
			c.Answer = e
		}
	case "solicit", "request", "confirm", "renew", "rebind", "information-request":
		c, fresh := room(o, o.Clients, d.Transaction)
		if c == nil {
			return
		}
		if fresh {
			c.First, c.MAC = e, f.SrcMAC
		}
		c.Last = e
		c.Count++
	}
}
