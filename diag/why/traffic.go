package why

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// A traffic is what the remembered frames of one interface tell, read in one pass.
type traffic struct {
	// late are the echo replies that came after the wait for them, by who asked whom; latest
	// is the longest that one took.
	late   map[callKey]diag.Event
	latest time.Duration
	// sought are the newest solicitations of others on the link, by the address that they ask for, and told
	// the addresses that this host advertised.
	sought map[netip.Addr]diag.Event
	told   map[netip.Addr]bool
	// believed and bad are the newest advertisements for a neighbour that arrived: such as are to be
	// believed, and such as are not.
	believed, bad map[netip.Addr]diag.Event
	// rivals are pairs of advertisements for an address that answer at once from two Ethernet addresses, each with the
	// override flag, which who has an address alone sets: a proxy, and who shares an anycast address, do not (RFC 4861
	// §§7.2.7, 7.2.8). claimed are the newest of such.
	rivals  map[netip.Addr][2]diag.Event
	claimed map[netip.Addr]diag.Event
	// solicited are the router solicitations that left: how many, and over what time.
	solicitations int
	solicited     time.Duration
	// mldReports is how many multicast listener reports left, mldQueries how many queries came.
	mldReports, mldQueries int
	// askedByOne and askedByGroup: somebody solicited for an address at this host's MAC alone, or by its group.
	askedByOne, askedByGroup bool
	// toAll: something of another host's came that was sent to all nodes.
	toAll bool
	// calls are what others ask of addresses of this host without being asked, echo requests and connections, by who
	// asks what; redirects are the newest of them, by the destination that they are about.
	calls               map[callKey]*call
	echoes, connections int // of calls
	redirects           map[netip.Addr]diag.Event
	// repeats are how often the same host solicited for an address again soon after it had been advertised to it.
	repeats map[askedBy]*repeat
	// dropped are the newest packets of each kind that a rule or hook of this host threw away.
	dropped map[dropKind]diag.Event
	// beyond is neighbour discovery that cannot come from this link, spoilt that with a wrong checksum.
	beyond, spoilt []diag.Event
	// dhcpv6 are the DHCPv6 messages, both ways.
	dhcpv6 []diag.Event
	// reflected and impostors are frames that came from the interface's own Ethernet address: those that this
	// host had sent, and those that it had not.
	reflected, impostors []diag.Event
	// sent are the addresses that frames left from.
	sent map[netip.Addr]bool
}

// A callKey is who asks what of which address: an echo, or a connection to a port.
type callKey struct {
	from, to netip.Addr
	port     uint16 // 0: an echo
}

// A call is what somebody asked, and what came of it.
type call struct {
	first, last diag.Event
	answered    bool
	elsewhere   diag.Event // an answer that left by another interface
	dropped     diag.Event // the kernel's word that it threw away a request, or the answer
}

// askedBy is who solicits for an address.
type askedBy struct{ by, target netip.Addr }

// A repeat is a neighbour that solicits again for what it was told.
type repeat struct {
	told  diag.Event // the advertisement
	again diag.Event // the newest solicitation after it
	count int
}

// again is how long after an advertisement its asker has no reason to solicit by multicast again, but that it did not
// get it: an entry is good for longer (RFC 4861 §10, REACHABLE_TIME is 30 s, and then it is probed by unicast).
// What is under way at the same time is no repetition.
const (
	repeatAfter  = 50 * time.Millisecond
	repeatWithin = 10 * time.Second
)

// A dropKind is what a dropped packet was, and whether it was to leave.
type dropKind struct {
	out   bool
	frame diag.FrameType
}

// An echoNumber is an echo, by what its reply repeats.
type echoNumber struct{ id, seq uint16 }

// tooLate is how long an echo is waited for.
const tooLate = time.Second

// settled is how long after an advertisement the kernel's or a manager's route can be asked for, and after a
// solicitation the answer to it.
const settled = 300 * time.Millisecond

// readTraffic reads the frames of every interface.
func (v *view) readTraffic() map[string]*traffic {
	all := map[string]*traffic{}
	own := map[diag.MAC]bool{}
	for _, l := range v.s.Links {
		own[l.MAC] = true
	}
	sent := map[string]map[echoNumber]diag.Event{}
	first := map[string]time.Time{}
	on := func(iface string) *traffic {
		t := all[iface]
		if t == nil {
			t = newTraffic()
			all[iface], sent[iface] = t, map[echoNumber]diag.Event{}
		}
		return t
	}
	answers := map[callKey]map[string]diag.Event{}
	answer := func(key callKey, iface string, e diag.Event) {
		if answers[key] == nil {
			answers[key] = map[string]diag.Event{}
		}
		answers[key][iface] = e
	}
	for _, e := range v.frames {
		f, ok := e.Body.(diag.Frame)
		if !ok {
			continue
		}
		t := on(f.Interface)
		switch {
		case !spoofed(f):
		case f.HopLimit != 255:
			t.beyond = append(t.beyond, e)
		default:
			t.spoilt = append(t.spoilt, e)
		}
		if f.Out {
			t.sent[f.Src] = true
		} else if f.Dst == diag.AllNodes && !own[f.SrcMAC] {
			t.toAll = true
		}
		switch {
		case f.Type == diag.NA && !f.Out && f.Bad != "":
			t.bad[f.Target] = e
		case f.Bad != "":
		case f.Type == diag.NA && !f.Out:
			t.believed[f.Target] = e
			if !own[f.LLAddr] && !own[f.SrcMAC] { // or it is this host's own word, sent back to it
				t.claim(e, f)
			}
		case f.Type == diag.NA:
			t.told[f.Target] = true
			if f.Solicited {
				key := askedBy{f.Dst, f.Target}
				if t.repeats[key] == nil {
					t.repeats[key] = &repeat{}
				}
				t.repeats[key].told = e
			}
		case f.Type == diag.NS && !f.Out && !f.Src.IsUnspecified() && !own[f.SrcMAC]:
			if f.Dst.IsMulticast() {
				t.askedByGroup = t.askedByGroup || v.s.InterfaceWith(f.Target) == f.Interface
			} else {
				t.askedByOne = t.askedByOne || own[f.DstMAC]
			}
			if _, again := t.sought[f.Target]; !again || v.s.Now.Sub(e.At) >= settled {
				t.sought[f.Target] = e
			}
			if r := t.repeats[askedBy{f.Src, f.Target}]; r != nil && f.Dst.IsMulticast() {
				if age := e.At.Sub(r.told.At); age >= repeatAfter && age <= repeatWithin {
					r.again = e
					r.count++
				}
			}
		case f.Type == diag.RedirectFrame && !f.Out && f.Quoted != nil:
			t.redirects[f.Quoted.Dst] = e
		case f.Type == diag.EchoRequest && !f.Out && !own[f.SrcMAC]:
			t.called(callKey{from: f.Src, to: f.Dst}, e)
		case f.Type == diag.EchoReply && f.Out:
			answer(callKey{from: f.Dst, to: f.Src}, f.Interface, e)
		case f.Type == diag.MLD && f.Out:
			t.mldReports++
		case f.Type == diag.MLD && f.Src.IsLinkLocalUnicast() && f.Dst == diag.AllNodes:
			t.mldQueries++ // only a general query goes there (RFC 3810 §5.1.15)
		case f.Type == diag.RS && f.Out:
			if t.solicitations++; t.solicitations == 1 {
				first[f.Interface] = e.At
			}
			t.solicited = e.At.Sub(first[f.Interface])
		case f.Type == diag.EchoRequest && f.Out:
			sent[f.Interface][echoNumber{f.EchoID, f.EchoSeq}] = e
		case f.Type == diag.EchoReply && !f.Out:
			number := echoNumber{f.EchoID, f.EchoSeq}
			q, asked := sent[f.Interface][number]
			if !asked {
				break
			}
			question := q.Body.(diag.Frame)
			if after := e.At.Sub(q.At); after >= tooLate {
				t.late[callKey{from: question.Src, to: question.Dst}] = e
				t.latest = max(t.latest, after)
			}
			if f.Src == question.Dst {
				delete(sent[f.Interface], number) // a second copy of the answer is none that is late
			}
		case f.Type == diag.DHCPv6Frame && f.DHCPv6 != nil:
			t.dhcpv6 = append(t.dhcpv6, e)
		}
	}
	for _, e := range v.s.Segments() {
		switch f, ok := e.Body.(diag.Frame); {
		case !ok || f.Bad != "":
		case f.Type == diag.TCPSyn && !f.Out && !own[f.SrcMAC]:
			on(f.Interface).called(callKey{f.Src, f.Dst, f.DstPort}, e)
		case (f.Type == diag.TCPSynAck || f.Type == diag.TCPRst) && f.Out:
			answer(callKey{f.Dst, f.Src, f.SrcPort}, f.Interface, e)
		}
	}
	for _, e := range v.s.Drops() {
		if d, ok := e.Body.(diag.Drop); ok {
			on(d.Frame.Interface).drop(e, d, v.s.Ruled())
		}
	}
	for iface, t := range all {
		for key, c := range t.calls {
			for by, e := range answers[key] {
				if by == iface {
					c.answered = true
				} else {
					c.elsewhere = e
				}
			}
		}
	}
	v.readOwnMAC(all)
	return all
}

// callsKept bounds the echoes and the connections that are told apart: whoever knocks at all ports costs no more, and
// hides no echo.
const callsKept = 256

// called takes a request of somebody's; nil: there are too many.
func (t *traffic) called(key callKey, e diag.Event) *call {
	c := t.calls[key]
	if c == nil {
		n := &t.echoes
		if key.port != 0 {
			n = &t.connections
		}
		if *n == callsKept {
			return nil
		}
		*n++
		c = &call{first: e}
		t.calls[key] = c
	}
	c.last = e
	return c
}

// drop takes the kernel's word that it threw a packet away. Of connections only so many frames are seen as there can be
// looked at, so one that is dropped may be the only trace of its request. What was dropped by the rules as they were before
// event since says nothing of a kind of packet.
func (t *traffic) drop(e diag.Event, d diag.Drop, since int64) {
	f := d.Frame
	if d.ByFilter() && e.Seq > since {
		t.dropped[dropKind{f.Out, f.Type}] = e
	}
	switch {
	case f.Type == diag.TCPSyn && !f.Out && d.ByFilter():
		key := callKey{f.Src, f.Dst, f.DstPort}
		c := t.calls[key]
		if c == nil {
			c = t.called(key, e)
		}
		if c != nil {
			c.dropped = e
		}
	case f.Type == diag.EchoRequest && !f.Out && d.Telling():
		if c := t.calls[callKey{from: f.Src, to: f.Dst}]; c != nil {
			c.dropped = e
		}
	case f.Type == diag.EchoReply && f.Out && d.Telling():
		if c := t.calls[callKey{from: f.Dst, to: f.Src}]; c != nil {
			c.dropped = e
		}
	}
}

func newTraffic() *traffic {
	return &traffic{
		late: map[callKey]diag.Event{}, sought: map[netip.Addr]diag.Event{}, told: map[netip.Addr]bool{},
		believed: map[netip.Addr]diag.Event{}, bad: map[netip.Addr]diag.Event{},
		calls: map[callKey]*call{}, redirects: map[netip.Addr]diag.Event{}, repeats: map[askedBy]*repeat{},
		rivals: map[netip.Addr][2]diag.Event{}, claimed: map[netip.Addr]diag.Event{},
		dropped: map[dropKind]diag.Event{}, sent: map[netip.Addr]bool{},
	}
}

// claim notes who says that an address is theirs alone.
func (t *traffic) claim(e diag.Event, f diag.Frame) {
	if !f.Override || f.LLAddr == (diag.MAC{}) {
		return
	}
	if last := t.claimed[f.Target]; last.Body != nil && f.Solicited {
		o, ok := last.Body.(diag.Frame)
		if ok && o.Solicited && o.LLAddr != f.LLAddr && e.At.Sub(last.At) < settled {
			t.rivals[f.Target] = [2]diag.Event{last, e}
		}
	}
	t.claimed[f.Target] = e
}

// askedFor are the addresses that others on the link solicited for, in order.
func (t *traffic) askedFor() []netip.Addr {
	list := slices.Collect(maps.Keys(t.sought))
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}
