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
	// late are the echo replies that came after the wait for them, by the address that was asked; latest
	// is the longest that one took.
	late   map[netip.Addr]diag.Event
	latest time.Duration
	// sought are the newest solicitations of others on the link, by the address that they ask for, and told
	// the addresses that this host advertised.
	sought map[netip.Addr]diag.Event
	told   map[netip.Addr]bool
	// believed and bad are the newest advertisements for a neighbour that arrived: such as are to be
	// believed, and such as are not.
	believed, bad map[netip.Addr]diag.Event
	// solicited are the router solicitations that left: how many, and over what time.
	solicitations int
	solicited     time.Duration
	// mldReports is how many multicast listener reports left, mldQueries how many queries came.
	mldReports, mldQueries int
	// dropped are the newest packets of each kind that a rule or hook of this host threw away.
	dropped map[dropKind]diag.Event
	// dhcpv6 are the DHCPv6 messages, both ways.
	dhcpv6 []diag.Event
	// sent are the addresses that frames left from; mirrored are the newest frames that arrived with the interface's
	// own MAC as their source, by the address that they came from.
	sent     map[netip.Addr]bool
	mirrored map[netip.Addr]diag.Event
}

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
	for _, e := range v.s.Drops() {
		if d, ok := e.Body.(diag.Drop); ok && d.ByFilter() {
			on(d.Frame.Interface).dropped[dropKind{d.Frame.Out, d.Frame.Type}] = e
		}
	}
	for _, e := range v.s.Frames() {
		f, ok := e.Body.(diag.Frame)
		if !ok {
			continue
		}
		t := on(f.Interface)
		switch mac := v.s.Links[f.Interface].MAC; {
		case f.Out:
			t.sent[f.Src] = true
		case f.SrcMAC == mac && mac != (diag.MAC{}) && !f.Src.IsUnspecified():
			t.mirrored[f.Src] = e
		}
		switch {
		case f.Type == diag.NA && !f.Out && f.Bad != "":
			t.bad[f.Target] = e
		case f.Bad != "":
		case f.Type == diag.NA && !f.Out:
			t.believed[f.Target] = e
		case f.Type == diag.NA:
			t.told[f.Target] = true
		case f.Type == diag.NS && !f.Out && !f.Src.IsUnspecified() && !own[f.SrcMAC]:
			if _, again := t.sought[f.Target]; !again || v.s.Now.Sub(e.At) >= settled {
				t.sought[f.Target] = e
			}
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
			if q, asked := sent[f.Interface][echoNumber{f.EchoID, f.EchoSeq}]; asked && e.At.Sub(q.At) >= tooLate {
				t.late[q.Body.(diag.Frame).Dst] = e
				t.latest = max(t.latest, e.At.Sub(q.At))
			}
		case f.Type == diag.DHCPv6Frame && f.DHCPv6 != nil:
			t.dhcpv6 = append(t.dhcpv6, e)
		}
	}
	return all
}

func newTraffic() *traffic {
	return &traffic{
		late: map[netip.Addr]diag.Event{}, sought: map[netip.Addr]diag.Event{}, told: map[netip.Addr]bool{},
		believed: map[netip.Addr]diag.Event{}, bad: map[netip.Addr]diag.Event{},
		dropped: map[dropKind]diag.Event{}, sent: map[netip.Addr]bool{}, mirrored: map[netip.Addr]diag.Event{},
	}
}

// askedFor are the addresses that others on the link solicited for, in order.
func (t *traffic) askedFor() []netip.Addr {
	list := slices.Collect(maps.Keys(t.sought))
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}
