package diag

import (
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// offerTests have one offer each, and the settings and tables that make of it what they say.
var offerTests = []struct {
	name  string
	ra    Advertisement
	facts []Body
	kind  OfferKind
	state OfferState
	why   OfferReason
	mend  string // "setting=value"
}{
	{name: "a default route, taken", ra: Advertisement{LifetimeS: 1800}, kind: OfferDefault, state: OfferTaken, facts: []Body{offerRoute("::/0", offerRouter)}},
	{name: "accept_ra=0", ra: Advertisement{LifetimeS: 1800}, kind: OfferDefault, facts: set("accept_ra", "0"), why: OfferRefused, mend: "accept_ra=1"},
	{name: "a host that forwards", ra: Advertisement{LifetimeS: 1800}, kind: OfferDefault, facts: set("forwarding", "1"), why: OfferForwards, mend: "accept_ra=2"},
	{name: "a host that forwards, and listens all the same", ra: Advertisement{LifetimeS: 1800}, kind: OfferDefault, facts: set("forwarding", "1", "accept_ra", "2"), why: OfferElse},
	{name: "accept_ra_defrtr=0", ra: Advertisement{LifetimeS: 1800}, kind: OfferDefault, facts: set("accept_ra_defrtr", "0"), why: OfferRefused, mend: "accept_ra_defrtr=1"},
	{name: "a lifetime below the least", ra: Advertisement{LifetimeS: 100}, kind: OfferDefault, facts: set("accept_ra_min_lft", "180"), why: OfferRefused, mend: "accept_ra_min_lft=0"},
	{name: "on the link, taken", ra: pio("2001:db8::/64", true, false), kind: OfferOnLink, state: OfferTaken, facts: []Body{offerRoute("2001:db8::/64", "")}},
	{name: "accept_ra_pinfo=0", ra: pio("2001:db8::/64", true, false), kind: OfferOnLink, facts: set("accept_ra_pinfo", "0"), why: OfferRefused, mend: "accept_ra_pinfo=1"},
	{name: "an address, made", ra: pio("2001:db8::/64", false, true), kind: OfferAddress, state: OfferTaken, facts: []Body{
		Address{Interface: "eth0", Address: netip.MustParseAddr("2001:db8::5"), PrefixLen: 64, PreferredS: 100, ValidS: 100},
	}},
	{name: "autoconf=0", ra: pio("2001:db8::/64", false, true), kind: OfferAddress, facts: set("autoconf", "0"), why: OfferRefused, mend: "autoconf=1"},
	{name: "no 64 bits", ra: pio("2001:db8::/56", false, true), kind: OfferAddress, why: OfferBadLength},
	{name: "as many addresses as may be", ra: pio("2001:db8::/64", false, true), kind: OfferAddress, why: OfferFull, mend: "max_addresses=0", facts: append(
		set("max_addresses", "1"), Address{Interface: "eth0", Address: netip.MustParseAddr("fe80::5"), PrefixLen: 64, PreferredS: Forever, ValidS: Forever})},
	{name: "somebody has it", ra: pio("2001:db8::/64", false, true), kind: OfferAddress, why: OfferDuplicate, facts: []Body{
		Address{Interface: "eth0", Address: netip.MustParseAddr("2001:db8::5"), PrefixLen: 64, PreferredS: 100, ValidS: 100, Flags: DADFailed | Tentative},
	}},
	{
		name: "preferred for longer than valid", kind: OfferAddress, why: OfferBadTimes,
		ra: Advertisement{Prefixes: []PrefixInfo{{Prefix: netip.MustParsePrefix("2001:db8::/64"), Autonomous: true, ValidS: 100, PreferredS: Forever}}},
	},
	{name: "a route, taken", ra: rio("fd99::/48"), kind: OfferRoute, state: OfferTaken, facts: append(set("accept_ra_rt_info_max_plen", "0"), offerRoute("fd99::/48", offerRouter))},
	{name: "a route by another", ra: rio("fd99::/48"), kind: OfferRoute, why: OfferRefused, mend: "accept_ra_rt_info_max_plen=64", facts: []Body{offerRoute("fd99::/48", "fe80::9")}},
	{name: "a longer route than may be", ra: rio("fd99::1/128"), kind: OfferRoute, facts: set("accept_ra_rt_info_max_plen", "64"), why: OfferRefused, mend: "accept_ra_rt_info_max_plen=128"},
	{name: "a shorter one than may be", ra: rio("fd99::/16"), kind: OfferRoute, facts: set("accept_ra_rt_info_max_plen", "64", "accept_ra_rt_info_min_plen", "48"), why: OfferRefused, mend: "accept_ra_rt_info_min_plen=0"},
	{name: "an MTU, taken", ra: Advertisement{MTU: 1400}, kind: OfferMTU, state: OfferTaken, facts: set("mtu", "1400")},
	{name: "accept_ra_mtu=0", ra: Advertisement{MTU: 1400}, kind: OfferMTU, facts: set("accept_ra_mtu", "0"), why: OfferRefused, mend: "accept_ra_mtu=1"},
	{name: "an MTU below 1280", ra: Advertisement{MTU: 1200}, kind: OfferMTU, why: OfferTooSmall},
	{name: "an MTU above the interface's", ra: Advertisement{MTU: 9000}, kind: OfferMTU, why: OfferTooLarge},
	{name: "a hop limit, taken", ra: Advertisement{HopLimit: 64}, kind: OfferHopLimit, state: OfferTaken},
	{name: "a hop limit below the least", ra: Advertisement{HopLimit: 3}, kind: OfferHopLimit, facts: set("accept_ra_min_hop_limit", "32"), why: OfferRefused, mend: "accept_ra_min_hop_limit=1"},
	{name: "who handles advertisements", ra: Advertisement{LifetimeS: 1800}, kind: OfferDefault, why: OfferManaged, facts: append(set("accept_ra", "0"), Manager{Interface: "eth0", Name: "networkd", RA: true})},
	{name: "tables that are not complete", ra: Advertisement{LifetimeS: 1800}, kind: OfferDefault, state: OfferUnknown, why: OfferUnread, facts: []Body{Feed{Name: FeedNetlink, State: Lost}}},
}

const offerRouter = "fe80::1"

func offerRoute(dst, via string) Route {
	r := Route{Interface: "eth0", Dst: netip.MustParsePrefix(dst), Table: MainTable, Type: "unicast", ExpiresS: Forever}
	if via != "" {
		r.Via = netip.MustParseAddr(via)
	}
	return r
}

func set(list ...string) []Body {
	var bodies []Body
	for i := 0; i < len(list); i += 2 {
		bodies = append(bodies, Sysctl{Scope: "eth0", Name: list[i], Value: list[i+1]})
	}
	return bodies
}

func pio(prefix string, onLink, autonomous bool) Advertisement {
	return Advertisement{Prefixes: []PrefixInfo{{Prefix: netip.MustParsePrefix(prefix), OnLink: onLink, Autonomous: autonomous, ValidS: 7200, PreferredS: 3600}}}
}

func rio(prefix string) Advertisement {
	return Advertisement{Routes: []RouteInfo{{Prefix: netip.MustParsePrefix(prefix), LifetimeS: 1800}}}
}

func TestOffers(t *testing.T) {
	usual := append([]Body{
		Feed{Name: FeedNetlink, State: Synced}, Feed{Name: FeedHost, State: Synced}, Link{Interface: "eth0", MTU: 1500, Up: true, Carrier: true, Ethernet: true},
	}, set("accept_ra", "1", "forwarding", "0", "accept_ra_defrtr", "1", "accept_ra_pinfo", "1", "autoconf", "1", "accept_ra_rtr_pref", "1",
		"accept_ra_rt_info_max_plen", "0", "accept_ra_rt_info_min_plen", "0", "accept_ra_mtu", "1", "hop_limit", "64", "mtu", "1500", "accept_ra_min_hop_limit", "1")...)
	for _, tt := range offerTests {
		t.Run(tt.name, func(t *testing.T) {
			s, at := NewState(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			var seq int64
			say := func(list ...Body) {
				for _, b := range list {
					seq++
					s.Apply(Event{Seq: seq, At: at, Body: b})
				}
			}
			say(usual...)
			say(tt.facts...)
			say(Frame{Interface: "eth0", Type: RA, Src: netip.MustParseAddr(offerRouter), HopLimit: 255, RA: &tt.ra})
			at = at.Add(10 * time.Second)
			say(Tick{})
			offers := s.LinkOf("eth0").Offers()
			var got *Offer
			for i := range offers {
				if offers[i].Kind == tt.kind {
					got = &offers[i]
				}
			}
			want := tt.state
			if want == "" {
				want = OfferNotTaken
			}
			if got == nil || got.State != want || got.Why != tt.why || (got.By != nil) != (want == OfferTaken) {
				t.Fatalf("%+v, want %s %s", got, want, tt.why)
			}
			mend := ""
			if key, value, ok := got.Mend(); ok {
				mend = key.Name + "=" + strconv.Itoa(value)
			}
			if mend != tt.mend {
				t.Errorf("mended by %q, want %q", mend, tt.mend)
			}
			if (got.Reason() == "") != (tt.why == "") {
				t.Errorf("reason %q", got.Reason())
			}
		})
	}
}

// TestOffersRunOut: what was advertised and has run out, or is taken back, is no offer.
func TestOffersRunOut(t *testing.T) {
	s, at := NewState(), time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ra := Advertisement{LifetimeS: 30, Prefixes: []PrefixInfo{{Prefix: netip.MustParsePrefix("2001:db8::/64"), OnLink: true, Autonomous: true}}}
	s.Apply(Event{Seq: 1, At: at, Body: Frame{Interface: "eth0", Type: RA, Src: netip.MustParseAddr(offerRouter), HopLimit: 255, RA: &ra}})
	if offers := s.LinkOf("eth0").Offers(); len(offers) != 1 || offers[0].Kind != OfferDefault {
		t.Errorf("%+v, want the default route alone", offers)
	}
	s.Apply(Event{Seq: 2, At: at.Add(time.Minute), Body: Tick{}})
	if offers := s.LinkOf("eth0").Offers(); len(offers) != 0 {
		t.Errorf("%+v, want none", offers)
	}
}

// TestSysctlName: sysctl(8) takes a dot for a separator, and VLANs have one in their name.
func TestSysctlName(t *testing.T) {
	if got := SysctlName("eth0.100", "accept_ra"); got != "net.ipv6.conf.eth0/100.accept_ra" {
		t.Error(got)
	}
}
