package ui

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/report"
	"ndwhy/diag/words"
)

// routerScreen is every advertiser: what it says, and what the kernel made of it.
type routerScreen struct {
	list   list
	scroll scroll
	filter filter
	order  order
}

var routerOrders = []orderBy[*RouterRow]{
	{"address", nil},
	{"lifetime", func(a, b *RouterRow) int { return cmp.Compare(a.LeftS, b.LeftS) }},
	{"seen", func(a, b *RouterRow) int { return a.At.Compare(b.At) }},
}

// rows returns the routers that the filter lets through, in order.
func (x *routerScreen) rows(s *scene) []*RouterRow {
	var rows []*RouterRow
	for i := range s.Routers {
		a := &s.Routers[i]
		if x.filter.text == "" || x.filter.matches(joinNonEmpty(" ", a.Interface, a.Address.String(), a.MAC.String(), strings.Join(asSent(&a.RA), " "))) {
			rows = append(rows, a)
		}
	}
	sortRows(rows, x.order, routerOrders)
	return rows
}

// row returns the one under the cursor; nil: there is none.
func (x *routerScreen) row(s *scene) *RouterRow {
	if rows := x.rows(s); x.list.sel < len(rows) {
		return rows[x.list.sel]
	}
	return nil
}

func (x *routerScreen) draw(s *scene, r region) {
	r = s.drawTroubles(r, diag.FeedFrames, diag.FeedNetlink)
	if len(s.Routers) == 0 {
		x.drawNone(s, r)
		return
	}
	rows := x.rows(s)
	n := min(max(len(rows), 1)+1, max(r.h/3, 2))
	g := grid{columns: s.perInterface([]column{
		{title: say("col.router"), width: 24, grow: 39},
		{title: say("col.flags"), width: 5, grow: 8, drop: 2},
		{title: say("col.lifetime"), width: 8, grow: 14},
		{title: say("col.kernel"), width: 15, grow: 24, drop: 1},
		{title: say("col.every"), width: 7, grow: 10, drop: 3},
		{title: say("col.seen"), width: 8, grow: 12, drop: 2},
		{title: say("col.mac"), width: 17, drop: 4},
	}), list: &x.list, empty: s.noRows(&x.filter, len(s.Routers), "routers.none", diag.FeedFrames), row: func(i int) []span {
		return s.onInterface(rows[i].Interface, routerCells(s, rows[i]))
	}}
	g.draw(r.sub(0, 0, r.w, n), len(rows), func(i int) string { return rows[i].Interface + rows[i].Address.String() })
	r.right(0, 20, x.filter.count(len(rows))...)
	below := r.sub(0, n, r.w, r.h-n)
	below.rule(0, dim)
	inside := below.sub(1, 1, below.w-2, below.h-1)
	if len(rows) == 0 {
		return
	}
	d := routerDoc(s, rows[x.list.sel], min(inside.w, 110))
	x.scroll.fit(len(d.lines), inside.h)
	d.draw(inside, x.scroll.top)
}

func (x *routerScreen) drawNone(s *scene, r region) {
	for i, line := range wrap(s.canvas, s.emptyText("routers.none", diag.FeedFrames), r.w-4) {
		r.put(2, i+1, line, dim)
	}
}

func routerFlags(ra *diag.Advertisement) string {
	flag := func(on bool, name string) string {
		if on {
			return name
		}
		return "-"
	}
	return flag(ra.Managed, "M") + flag(ra.Other, "O")
}

// flagWord is routerFlags within a sentence.
func flagWord(ra *diag.Advertisement) string {
	if flags := strings.Trim(routerFlags(ra), "-"); flags != "" {
		return flags
	}
	return say("router.no-flags")
}

func routerCells(s *scene, x *RouterRow) []span {
	name := s.accused(x.Address.String(), x.Problem)
	left, leftSt := seconds(x.LeftS), plain
	switch {
	case x.RA.LifetimeS == 0:
		left, leftSt = say("router.not-default"), plain
	case x.LeftS == 0:
		left, leftSt = say("router.expired"), red
	}
	kernel, kernelSt := say("router.no-route"), plain
	if x.RA.LifetimeS > 0 {
		kernelSt = yellow
	}
	if x.Route != nil {
		kernel, kernelSt = seconds(x.RouteLeftS), plain
		if x.Route.ExpiresS == diag.Forever {
			kernel = say("router.route-forever")
		}
	}
	every := "–"
	if x.IntervalS > 0 {
		every = fmt.Sprintf("%.0f s", x.IntervalS)
	}
	seen, seenSt := age(s.At.Sub(x.At)), dim
	if vanished(s, x) {
		seen, seenSt = "✗ "+seen, red
	}
	return []span{
		name,
		{routerFlags(&x.RA), plain},
		{left, leftSt},
		{kernel, kernelSt},
		{every, plain},
		{seen, seenSt},
		{x.MAC.String(), dim},
	}
}

// vanished reports whether an advertiser has missed three of its advertisements.
func vanished(s *scene, x *RouterRow) bool {
	return x.IntervalS > 0 && s.At.Sub(x.At).Seconds() > 3*x.IntervalS+1
}

// routerDoc is a router in full.
func routerDoc(s *scene, x *RouterRow, w int) *doc {
	d := newDoc(s.canvas, w)
	d.line(span{x.Address.String(), bold}, span{"  " + x.MAC.String() + "  " + x.Interface, dim})
	if x.Problem > 0 {
		d.para(span{"✗ ", markBad.st}, s.Report.Problems()[x.Problem-1].Says(), red)
	}
	if vanished(s, x) {
		d.para(span{"✗ ", red | bold}, say("router.vanished", "ago", ago(s.At.Sub(x.At)), "every", int(x.IntervalS)), red)
	}
	d.para(span{"", plain}, say("router.managed."+strconv.FormatBool(x.RA.Managed)), plain)
	if x.Route != nil {
		d.para(span{"✓ ", green}, say("router.kernel", "metric", x.Route.Metric, "proto", x.Route.Protocol, "left", seconds(x.RouteLeftS)), plain)
	} else {
		d.para(span{"? ", yellow}, say("router.kernel-none"), plain)
	}
	if taken := report.InForce(x.Offers); taken != "" {
		d.para(span{"✓ ", green}, taken, plain)
	}
	for _, o := range x.Offers {
		if o.Why != nil {
			d.para(span{"? ", yellow}, words.Say("report.offer", "offer", o.Says, "state", o.State(), "why", *o.Why), plain)
		}
	}
	if len(x.RA.Prefixes) > 0 {
		d.heading(say("router.prefixes"))
		for _, p := range x.RA.Prefixes {
			d.line(span{"  " + pad(s.canvas, p.Prefix.String(), 24), plain},
				span{say("router.prefix", "l", yesNo(p.OnLink), "a", yesNo(p.Autonomous), "valid", seconds(p.ValidS), "preferred", seconds(p.PreferredS)), plain})
		}
	}
	d.heading(say("router.as-sent", "n", x.Count, "ago", ago(s.At.Sub(x.At))))
	for _, line := range asSent(&x.RA) {
		d.line(span{"  " + line, cyan})
	}
	return d
}

func yesNo(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// asSent writes an advertisement in the names of RFC 4861 §4.2 and its options, as radvd.conf would.
func asSent(a *diag.Advertisement) []string {
	life := func(s int64) string {
		if s == diag.Forever {
			return "infinity"
		}
		return strconv.FormatInt(s, 10)
	}
	onOff := func(b bool) string {
		if b {
			return "on"
		}
		return "off"
	}
	lines := []string{
		"AdvManagedFlag " + onOff(a.Managed) + "; AdvOtherConfigFlag " + onOff(a.Other) + "; AdvDefaultPreference " + orMedium(a.Preference) + ";",
		"AdvDefaultLifetime " + life(a.LifetimeS) + "; AdvCurHopLimit " + strconv.Itoa(a.HopLimit) + ";",
		fmt.Sprintf("AdvReachableTime %d; AdvRetransTimer %d;", a.ReachableMS, a.RetransMS),
	}
	if a.MTU != 0 {
		lines = append(lines, "AdvLinkMTU "+strconv.Itoa(a.MTU)+";")
	}
	if a.LLAddr != (diag.MAC{}) {
		lines = append(lines, "AdvSourceLLAddress on; # "+a.LLAddr.String())
	}
	for _, p := range a.Prefixes {
		lines = append(lines, "prefix "+p.Prefix.String()+" { AdvOnLink "+onOff(p.OnLink)+"; AdvAutonomous "+onOff(p.Autonomous)+";",
			"  AdvValidLifetime "+life(p.ValidS)+"; AdvPreferredLifetime "+life(p.PreferredS)+"; };")
	}
	if len(a.RDNSS) > 0 {
		var list []string
		for _, x := range a.RDNSS {
			list = append(list, x.String())
		}
		lines = append(lines, "RDNSS "+strings.Join(list, " ")+" { AdvRDNSSLifetime "+life(a.RDNSSLifeS)+"; };")
	}
	if len(a.DNSSL) > 0 {
		lines = append(lines, "DNSSL "+strings.Join(a.DNSSL, " ")+" { };")
	}
	for _, r := range a.Routes {
		lines = append(lines, "route "+r.Prefix.String()+" { AdvRouteLifetime "+life(r.LifetimeS)+"; AdvRoutePreference "+orMedium(r.Preference)+"; };")
	}
	for _, o := range a.Unknown {
		lines = append(lines, fmt.Sprintf("# option %d, %d bytes", o.Type, len(o.Raw)))
	}
	return lines
}

func orMedium(preference string) string {
	if preference == "" {
		return "medium"
	}
	return preference
}

func (x *routerScreen) key(s *scene, key string) (action, bool) {
	switch key {
	case "pgdown", "pgup":
		return nil, x.scroll.key(key)
	case "f":
		if row := x.row(s); row != nil {
			return follow{netip.PrefixFrom(row.Address, 128)}, true
		}
		return nil, true
	case "r":
		return run{[]string{"ra"}}, true
	case "enter":
		if row := x.row(s); row != nil && row.Event.Body != nil {
			return open{eventPager([]diag.Event{row.Event}, s.redact)}, true
		}
		return nil, true
	}
	if x.list.key(key) {
		return nil, true
	}
	if act, ok := orderKey(&x.order, routerOrders, &x.list, key); ok {
		return act, true
	}
	return x.filter.keys(&x.list, key)
}

func (x *routerScreen) copied(s *scene) string {
	row := x.row(s)
	if row == nil {
		return ""
	}
	return "# " + row.Address.String() + " " + row.MAC.String() + " " + row.At.UTC().Format(time.RFC3339) + "\n" + strings.Join(asSent(&row.RA), "\n") + "\n"
}

func (x *routerScreen) seeks() bool { return x.filter.text != "" }

func (x *routerScreen) keys(s *scene) []hotkey {
	keys := []hotkey{{"↑↓", "choose"}, {"pgdn", "scroll"}, {"enter", "bytes"}, {"f", "follow"}}
	if s.canAsk {
		keys = append(keys, hotkey{"r", "solicit"})
	}
	return append(keys, rowKeys...)
}
