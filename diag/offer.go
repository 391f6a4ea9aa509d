package diag

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"ndwhy/diag/words"
)

// An Offer is one thing that a router advertises, and what this host made of it.
type Offer struct {
	Router *RouterSeen
	Kind   OfferKind
	Prefix netip.Prefix // of a prefix or a route
	Value  int          // of a hop limit or an MTU
	// LifetimeS is what was advertised, in seconds; Forever for what has no end, or no lifetime.
	LifetimeS  int64
	PreferredS int64 // of a prefix to make addresses from

	State OfferState
	// Why it is not taken, or that cannot be told; Setting is the one that says so, where it is one, and
	// Setting2 the one without which it would not.
	Why               OfferReason
	Setting, Setting2 SysctlKey
	SetTo             string // what Setting is
	Manager           string // who did not take it, where it is not the kernel
	// By is what shows that it is taken: a Route, an Address or a Sysctl.
	By       Body
	forwards bool
}

// What says in a few words what is offered.
func (o *Offer) What() string {
	return words.Say("offer."+string(o.Kind), "prefix", o.Prefix, "value", o.Value)
}

// Reason says why an offer is not taken, or why that cannot be told; of one that is taken it is empty.
func (o *Offer) Reason() string {
	if o.Why == "" {
		return ""
	}
	return words.Say("offer.why."+string(o.Why), "setting", o.Setting.settingName(), "besides", o.Setting2.settingName(), "value", o.SetTo, "manager", o.Manager)
}

func (k SysctlKey) settingName() string { return SysctlName(k.Scope, k.Name) }

// Mend returns a setting, and the value that it would have to have for the kernel to take the offer; ok is false
// where no setting keeps it out.
func (o *Offer) Mend() (setting SysctlKey, value int, ok bool) {
	if o.Why != OfferRefused && o.Why != OfferForwards && o.Why != OfferFull {
		return SysctlKey{}, 0, false
	}
	switch o.Setting.Name {
	case "forwarding":
		return o.Setting2, 2, true
	case "accept_ra":
		if o.forwards {
			return o.Setting, 2, true
		}
		return o.Setting, 1, true
	case "accept_ra_rt_info_max_plen":
		return o.Setting, max(64, o.Prefix.Bits()), true
	case "accept_ra_rt_info_min_plen", "accept_ra_min_lft", "disable_ipv6", "max_addresses":
		return o.Setting, 0, true
	default:
		return o.Setting, 1, true
	}
}

// OfferKind is what an Offer is of.
type OfferKind string

// What routers offer: RFC 4861 §§4.2, 4.6.2, 4.6.4 and RFC 4191.
const (
	OfferDefault  OfferKind = "default-route"
	OfferOnLink   OfferKind = "on-link"   // flag L of a prefix
	OfferAddress  OfferKind = "address"   // flag A of a prefix
	OfferRoute    OfferKind = "route"     // a route information option
	OfferMTU      OfferKind = "mtu"       //
	OfferHopLimit OfferKind = "hop-limit" // Cur Hop Limit
)

// OfferState is what became of an offer.
type OfferState string

// An offer is unknown while the kernel may still act on it, or where a feed is not complete.
const (
	OfferTaken    OfferState = "taken"
	OfferNotTaken OfferState = "not-taken"
	OfferUnknown  OfferState = "unknown"
)

// OfferReason is why an offer is not taken. Its words are in the catalogue under offer.why.
type OfferReason string

// Why the kernel does not take an offer (net/ipv6/ndisc.c, ndisc_router_discovery; addrconf.c,
// addrconf_prefix_rcv; route.c, rt6_route_rcv), and what else there is to say.
const (
	OfferRefused   OfferReason = "setting"      // a setting forbids it
	OfferForwards  OfferReason = "forwarding"   // accept_ra=1 on a host that forwards
	OfferNoSupport OfferReason = "no-support"   // the kernel was built without it
	OfferManaged   OfferReason = "manager"      // who handles advertisements on this host did not take it
	OfferBadLength OfferReason = "length"       // addresses are made from 64 bits alone (RFC 4862 §5.5.3)
	OfferBadTimes  OfferReason = "lifetimes"    // it is preferred for longer than it is valid
	OfferTooSmall  OfferReason = "below-1280"   // an MTU that IPv6 does not know (RFC 8200 §5)
	OfferTooLarge  OfferReason = "above-link"   // an MTU that the interface has not
	OfferFull      OfferReason = "full"         // as many addresses as the setting lets be
	OfferDuplicate OfferReason = "duplicate"    // somebody has the address (RFC 4862 §5.4.5)
	OfferElse      OfferReason = "nothing-says" // something took it away again, or put another in its place
	OfferPending   OfferReason = "pending"      // it came only now
	OfferUnread    OfferReason = "unread"       // the tables or settings are not known
)

const (
	// offerSettled is how long the kernel, or who handles advertisements in its stead, may take to act on one.
	offerSettled = 300 * time.Millisecond
	// settingsRead is how old what is known of a setting may be: they are read every five seconds.
	settingsRead = 6 * time.Second
	// offersMax bounds what is reckoned with of one router: an advertisement can hold any number.
	offersMax = 32
)

// leastMTU is the least that a link of IPv6 carries (RFC 8200 §5).
const leastMTU = 1280

// An offerRule is one of the tests that an offer passes on its way into the kernel's tables, in its order.
type offerRule struct {
	kinds []OfferKind
	// setting is what decides, refuses whether its value keeps the offer out. A rule without one asks nothing
	// but the offer.
	setting string
	refuses func(t *tables, o *Offer, value int64) bool
	why     OfferReason
	// built: a kernel that has the setting not was built without what it is about.
	built bool
}

var (
	everyOffer = []OfferKind{OfferDefault, OfferOnLink, OfferAddress, OfferRoute, OfferMTU, OfferHopLimit}
	ofPrefixes = []OfferKind{OfferOnLink, OfferAddress}
)

func isOff(_ *tables, _ *Offer, value int64) bool { return value == 0 }

// offerRules is what the kernel does with an advertisement, as data.
var offerRules = []offerRule{
	{kinds: everyOffer, setting: "disable_ipv6", refuses: func(_ *tables, _ *Offer, v int64) bool { return v != 0 }},
	{kinds: everyOffer, setting: "accept_ra", refuses: isOff},
	{kinds: everyOffer, setting: "forwarding", why: OfferForwards, refuses: func(t *tables, _ *Offer, v int64) bool {
		accept, _ := t.setting("accept_ra")
		return v != 0 && accept == 1
	}},
	{kinds: []OfferKind{OfferDefault, OfferHopLimit}, setting: "accept_ra_defrtr", refuses: isOff},
	{kinds: []OfferKind{OfferRoute}, setting: "accept_ra_defrtr", refuses: func(_ *tables, o *Offer, v int64) bool {
		return v == 0 && o.Prefix.Bits() == 0
	}},
	{kinds: []OfferKind{OfferRoute}, setting: "accept_ra_rtr_pref", refuses: isOff, built: true},
	{kinds: []OfferKind{OfferRoute}, setting: "accept_ra_rt_info_max_plen", built: true, refuses: func(_ *tables, o *Offer, v int64) bool {
		return int64(o.Prefix.Bits()) > v
	}},
	{kinds: []OfferKind{OfferRoute}, setting: "accept_ra_rt_info_min_plen", refuses: func(_ *tables, o *Offer, v int64) bool {
		return int64(o.Prefix.Bits()) < v
	}},
	{kinds: ofPrefixes, setting: "accept_ra_pinfo", refuses: isOff},
	{kinds: ofPrefixes, why: OfferBadTimes, refuses: func(_ *tables, o *Offer, _ int64) bool { return longer(o.PreferredS, o.LifetimeS) }},
	{kinds: []OfferKind{OfferDefault, OfferOnLink, OfferAddress, OfferRoute}, setting: "accept_ra_min_lft", refuses: func(_ *tables, o *Offer, v int64) bool {
		return o.LifetimeS != Forever && o.LifetimeS < v
	}},
	{kinds: []OfferKind{OfferAddress}, setting: "autoconf", refuses: isOff},
	{kinds: []OfferKind{OfferAddress}, why: OfferBadLength, refuses: func(_ *tables, o *Offer, _ int64) bool { return o.Prefix.Bits() != formable }},
	{kinds: []OfferKind{OfferAddress}, setting: "max_addresses", why: OfferFull, refuses: func(t *tables, _ *Offer, v int64) bool {
		return v > 0 && int64(len(t.addresses)) >= v
	}},
	{kinds: []OfferKind{OfferHopLimit}, setting: "accept_ra_min_hop_limit", refuses: func(_ *tables, o *Offer, v int64) bool { return int64(o.Value) < v }},
	{kinds: []OfferKind{OfferMTU}, setting: "accept_ra_mtu", refuses: isOff},
	{kinds: []OfferKind{OfferMTU}, why: OfferTooSmall, refuses: func(_ *tables, o *Offer, _ int64) bool { return o.Value < leastMTU }},
	{kinds: []OfferKind{OfferMTU}, why: OfferTooLarge, refuses: func(t *tables, o *Offer, _ int64) bool { return t.Known && t.Link.MTU > 0 && o.Value > t.Link.MTU }},
}

// byNature are the reasons for which nobody takes an offer, whoever handles advertisements.
var byNature = []OfferReason{OfferBadLength, OfferBadTimes, OfferTooSmall, OfferTooLarge, OfferDuplicate}

// longer reports whether a lifetime is longer than another.
func longer(a, b int64) bool { return b != Forever && (a == Forever || a > b) }

// setting returns a numeric setting of the interface.
func (l *LinkModel) setting(name string) (value int64, known bool) {
	text, ok := l.s.Sysctl(l.Name, name)
	if !ok {
		return 0, false
	}
	value, err := strconv.ParseInt(text, 10, 64)
	return value, err == nil
}

// Offers returns what the link's routers offer and has not run out, a router after the other, each with what
// this host made of it.
func (l *LinkModel) Offers() []Offer { return l.offers() }

func (l *LinkModel) readOffers() []Offer {
	if len(l.Routers) == 0 {
		return nil
	}
	t := tables{LinkModel: l, addresses: l.s.AddressesOn(l.Name), routes: map[leads]Route{}}
	for k, r := range l.s.Routes.All() {
		if k.Interface != l.Name || k.Type != "unicast" || l.s.Left(r.Fact.ExpiresS, r.At) == 0 {
			continue
		}
		to := leads{k.Dst, k.Via}
		if best, ok := t.routes[to]; !ok || cmp.Or(cmp.Compare(k.Metric, best.Metric), cmp.Compare(k.Table, best.Table)) < 0 {
			t.routes[to] = r.Fact
		}
	}
	var list []Offer
	for _, r := range l.Routers[:min(len(l.Routers), routersUsed)] {
		list = append(list, t.offersOf(r)...)
	}
	return list
}

// tables are the kernel's, of one link, in the order in which offers are looked for.
type tables struct {
	*LinkModel
	routes    map[leads]Route // of those that lead to the same by the same gateway, the one that is preferred
	addresses []At[Address]
}

// leads is where a route leads, and by which gateway.
type leads struct {
	dst netip.Prefix
	via netip.Addr
}

func (t *tables) offersOf(r *RouterSeen) []Offer {
	var list []Offer
	ra := &r.Last
	add := func(o Offer) {
		if t.s.Left(o.LifetimeS, r.At) == 0 || len(list) >= offersMax {
			return
		}
		o.Router = r
		t.judge(&o)
		list = append(list, o)
	}
	add(Offer{Kind: OfferDefault, LifetimeS: ra.LifetimeS})
	for _, p := range ra.Prefixes {
		if !p.Prefix.IsValid() || p.Prefix.Addr().IsLinkLocalUnicast() || p.Prefix.Addr().IsMulticast() {
			continue
		}
		o := Offer{Prefix: p.Prefix.Masked(), LifetimeS: p.ValidS, PreferredS: p.PreferredS}
		if p.OnLink {
			o.Kind = OfferOnLink
			add(o)
		}
		if p.Autonomous {
			o.Kind = OfferAddress
			add(o)
		}
	}
	for _, x := range ra.Routes {
		if x.Prefix.IsValid() {
			add(Offer{Kind: OfferRoute, Prefix: x.Prefix.Masked(), LifetimeS: x.LifetimeS})
		}
	}
	if ra.MTU != 0 {
		add(Offer{Kind: OfferMTU, Value: ra.MTU, LifetimeS: Forever})
	}
	if ra.HopLimit != 0 {
		add(Offer{Kind: OfferHopLimit, Value: ra.HopLimit, LifetimeS: Forever})
	}
	return list
}

// judge says what became of an offer: what is in the tables shows that it is taken; where it is not there, the
// first rule that keeps it out says why.
func (t *tables) judge(o *Offer) {
	if o.By = t.inForce(o); o.By != nil {
		o.State = OfferTaken
		return
	}
	o.State = OfferNotTaken
	o.Why, o.Setting, o.Setting2 = t.kept(o)
	forwarding, _ := t.setting("forwarding")
	o.forwards = forwarding != 0
	o.SetTo, _ = t.s.Sysctl(o.Setting.Scope, o.Setting.Name)
	switch {
	case slices.Contains(byNature, o.Why):
	case !t.s.Complete(FeedNetlink):
		o.State, o.Why = OfferUnknown, OfferUnread
	case t.s.Managers[t.Name].RA:
		o.Why, o.Manager = OfferManaged, t.s.Managers[t.Name].Name
		if t.young(o) {
			o.State, o.Why = OfferUnknown, OfferPending
		}
	case o.Why != "":
	case !t.readable(o):
		o.State, o.Why = OfferUnknown, OfferUnread
	case t.young(o):
		o.State, o.Why = OfferUnknown, OfferPending
	default:
		o.Why = OfferElse
	}
}

// young reports whether an offer may be too new for what is known to show it.
func (t *tables) young(o *Offer) bool {
	wait := offerSettled
	if o.Kind == OfferMTU || o.Kind == OfferHopLimit {
		wait = settingsRead
	}
	return t.s.Now.Sub(o.Router.First) < wait
}

// readable reports whether the settings are known that could say why.
func (t *tables) readable(o *Offer) bool {
	for _, name := range []string{"accept_ra", "forwarding", offerShown[o.Kind]} {
		if _, known := t.setting(name); name != "" && !known {
			return false
		}
	}
	return true
}

// offerShown are the settings in which the kernel keeps what it takes into no table.
var offerShown = map[OfferKind]string{OfferMTU: "mtu", OfferHopLimit: "hop_limit"}

// kept returns the first rule that keeps an offer out.
func (t *tables) kept(o *Offer) (why OfferReason, setting, besides SysctlKey) {
	if o.Kind == OfferAddress && t.duplicate(o) {
		return OfferDuplicate, SysctlKey{}, SysctlKey{}
	}
	// Every kernel has the one; where it is known, those that are not known are not there.
	_, read := t.setting("hop_limit")
	for _, r := range offerRules {
		if !slices.Contains(r.kinds, o.Kind) {
			continue
		}
		key := SysctlKey{}
		var value int64
		if r.setting != "" {
			var known bool
			key = SysctlKey{Scope: t.Name, Name: r.setting}
			if value, known = t.setting(r.setting); !known {
				if r.built && read {
					return OfferNoSupport, key, SysctlKey{}
				}
				continue
			}
		}
		if !r.refuses(t, o, value) {
			continue
		}
		if r.why == OfferForwards {
			besides = SysctlKey{Scope: t.Name, Name: "accept_ra"}
		}
		return cmp.Or(r.why, OfferRefused), key, besides
	}
	return "", SysctlKey{}, SysctlKey{}
}

// duplicate reports whether the address that was made of a prefix failed duplicate address detection.
func (t *tables) duplicate(o *Offer) bool {
	return slices.ContainsFunc(t.addresses, func(a At[Address]) bool {
		return o.Prefix.Contains(a.Fact.Address) && a.Fact.Flags&DADFailed != 0
	})
}

// inForce returns what shows that an offer is in force, nil where nothing does.
func (t *tables) inForce(o *Offer) Body {
	switch o.Kind {
	case OfferDefault:
		return t.route(leads{netip.PrefixFrom(netip.IPv6Unspecified(), 0), o.Router.Address})
	case OfferRoute:
		return t.route(leads{o.Prefix, o.Router.Address})
	case OfferOnLink:
		return t.route(leads{o.Prefix, netip.Addr{}})
	case OfferAddress:
		for _, a := range t.addresses {
			if o.Prefix.Contains(a.Fact.Address) && !a.Fact.Passing() && a.Fact.Flags&DADFailed == 0 {
				return a.Fact
			}
		}
	default:
		name := offerShown[o.Kind]
		if value, known := t.setting(name); known && value == int64(o.Value) {
			text, _ := t.s.Sysctl(t.Name, name)
			return Sysctl{Scope: t.Name, Name: name, Value: text}
		}
	}
	return nil
}

// route returns the route that leads somewhere, nil where there is none.
func (t *tables) route(to leads) Body {
	if r, ok := t.routes[to]; ok {
		return r
	}
	return nil
}
