// Package report is the outcome of a run as data, ndwhy.report/1, for the faces that write it.
package report

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/why"
	"ndwhy/diag/words"
)

// Schema names the report's format. Within a major, fields are only added.
const Schema = "ndwhy.report/1"

// A Report is the whole outcome as `ndwhy check --json` writes it; docs/report.schema.json
// describes it. Addresses are RFC 5952 strings without zone, the interface being the zone. What is
// not known is nil (null) or "unknown", never false. A lifetime of -1 s is for ever. Lists are
// never nil. Fields without a JSON name are for the faces that show the report to people.
type Report struct {
	Schema      string          `json:"schema"`
	Version     string          `json:"version"`
	Host        string          `json:"host"`
	Started     string          `json:"started"` // RFC 3339, UTC
	DurationMS  int64           `json:"duration_ms"`
	Interfaces  []Interface     `json:"interfaces"`
	NotExamined []NotExamined   `json:"not_examined"`
	Profile     why.Recognition `json:"profile"`
	Verdict     why.Verdict     `json:"verdict"`
	Headline    string          `json:"headline"`
	NotAsked    []NotAsked      `json:"not_asked"`
	Assignment  []Assignment    `json:"assignment"`
	Assigned    []Assigned      `json:"assigned"`
	Addresses   []Address       `json:"addresses"`
	Routers     []Router        `json:"routers"`
	Neighbours  Neighbours      `json:"neighbours"`
	Paths       []Path          `json:"paths"`
	Findings    []Finding       `json:"findings"`
	Unexplained []Unexplained   `json:"unexplained"`
	Skipped     []Skipped       `json:"skipped"`
	Traffic     Traffic         `json:"traffic"`
	Changed     []string        `json:"changed"`
	Far         []Far           `json:"far"`
	Evidence    []Evidence      `json:"evidence"`

	// Unknown is what kept the verdict from being ok, with the line that would help.
	Unknown []why.Unknown `json:"-"`
	// Captured is how many frames the capture has that this is of; nil: it is of a host.
	Captured *int `json:"-"`
}

// Interface is an interface that the run was about.
type Interface struct {
	Name    string  `json:"name"`
	MAC     *string `json:"mac"`
	MTU     *int    `json:"mtu"`
	Up      *bool   `json:"up"` // administratively up, with carrier
	Manager *string `json:"manager"`
}

// NotExamined is an interface of this host that the run was not about, and why, as part of a sentence.
type NotExamined struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// NotAsked is something of which the report says nothing because it was not asked, and why, as part of a
// sentence. What is a check's ID or one of why's Unasked*.
type NotAsked struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Name is What as people read it.
func (n NotAsked) Name() string {
	if key := "unasked." + n.What; words.Has(key) {
		return words.Say(key)
	}
	return n.What
}

// Assignment says how asking one source of knowledge about assignments went.
type Assignment struct {
	Source diag.AssignmentSource `json:"source"`
	State  diag.MetadataState    `json:"state"`
	Why    string                `json:"why"`
}

// Assigned is one address or prefix that the infrastructure gave, by one source.
type Assigned struct {
	Interface string                `json:"interface"`
	Prefix    string                `json:"prefix"`
	Source    diag.AssignmentSource `json:"source"`
}

// Address is a configured address.
type Address struct {
	Interface  string   `json:"interface"`
	Address    string   `json:"address"`
	PrefixLen  int      `json:"prefix_len"`
	Flags      []string `json:"flags"`
	PreferredS int64    `json:"preferred_s"`
	ValidS     int64    `json:"valid_s"`
	Origin     *string  `json:"origin"`
	Assigned   *bool    `json:"assigned"`
}

// Router is an advertiser. HopLimit and MTU are nil where it says none; KernelRoute is the
// kernel's default route through it as `ip -6 route` writes it, nil where there is none.
type Router struct {
	Interface   string   `json:"interface"`
	Address     string   `json:"address"`
	MAC         *string  `json:"mac"`
	Flags       []string `json:"flags"` // M, O and the preference low or high
	LifetimeS   int64    `json:"lifetime_s"`
	HopLimit    *int     `json:"hop_limit"`
	MTU         *int     `json:"mtu"`
	Prefixes    []Prefix `json:"prefixes"`
	RDNSS       []string `json:"rdnss"`
	KernelRoute *string  `json:"kernel_route"`
	AgeS        int64    `json:"age_s"`           // since its last advertisement
	RouteLeftS  *int64   `json:"route_expires_s"` // of KernelRoute: -1 never
	Offers      []Offer  `json:"offers"`
}

// Offer is one thing that a router advertises. Prefix is of a prefix or a route, Value of a hop limit or an MTU.
// Taken is nil where it cannot be told; By is what in the kernel shows that it is, Why is why it is not.
type Offer struct {
	What   string  `json:"what"` // default-route, on-link, address, route, mtu, hop-limit
	Prefix *string `json:"prefix"`
	Value  *int    `json:"value"`
	Taken  *bool   `json:"taken"`
	By     *string `json:"by"`
	Why    *string `json:"why"`
	// Says is the offer in words, for faces.
	Says string `json:"-"`
}

// Prefix is a prefix that a router advertises, with the lifetimes as advertised.
type Prefix struct {
	Prefix     string `json:"prefix"`
	OnLink     bool   `json:"on_link"`
	Autonomous bool   `json:"autonomous"`
	ValidS     int64  `json:"valid_s"`
	PreferredS int64  `json:"preferred_s"`
}

// Neighbours is the neighbour cache: the entries of what was asked, and the rest as counts.
type Neighbours struct {
	Asked       []Neighbour                 `json:"asked"`
	ByState     map[diag.NUD]int            `json:"by_state"`
	ByInterface map[string]map[diag.NUD]int `json:"by_interface"`
}

// Neighbour is an entry of the neighbour cache.
type Neighbour struct {
	Interface string   `json:"interface"`
	Address   string   `json:"address"`
	MAC       *string  `json:"mac"`
	State     diag.NUD `json:"state"`
	Router    bool     `json:"router"`
}

// Path is a question and what came of it.
type Path struct {
	ID          string           `json:"id"`
	Interface   string           `json:"interface"`
	Check       string           `json:"check"`
	Asks        diag.Asks        `json:"asks"`
	Source      *string          `json:"source"`
	SourceClass diag.SourceClass `json:"source_class"`
	Target      string           `json:"target"`
	TargetClass diag.TargetClass `json:"target_class"`
	Via         diag.Via         `json:"via"`
	Out         *string          `json:"out"`  // via app: the interface that the kernel chose
	Port        *int             `json:"port"` // of TCP that was answered
	Outcome     diag.Outcome     `json:"outcome"`
	Normal      *bool            `json:"normal"`
	Sent        int              `json:"sent"`
	Received    int              `json:"received"`
	RTTMS       *float64         `json:"rtt_ms"`
	Error       *PathError       `json:"error"`
	Errno       *string          `json:"errno"`
	Responders  []Responder      `json:"responders"`
	// Detail is a key of the catalogue's group "detail", or empty.
	Detail string `json:"detail"`
	// Place is how far it came, by another host's word; nil where none tells.
	Place    *Place   `json:"place"`
	Evidence []string `json:"evidence"`

	Given bool     `json:"-"` // the user named the target
	Note  string   `json:"-"` // the value in the detail's sentence
	Way   string   `json:"-"` // via app: what the kernel chose beside the source, in words; empty: not known
	NUD   diag.NUD `json:"-"`
	Mark  Mark     `json:"-"`
}

// OfOurs reports whether the question is about an address of this host's own, which somebody else may have: its target
// is no peer.
func (p Path) OfOurs() bool { return p.Check == "assignment" }

// PathError is the ICMPv6 error that another host answered with.
type PathError struct {
	Type diag.FrameType `json:"type"`
	Code int            `json:"code"`
	From string         `json:"from"`
}

// Responder is a host that answered.
type Responder struct {
	Address string   `json:"address"`
	MAC     *string  `json:"mac"`
	RTTMS   *float64 `json:"rtt_ms"`
}

// Conclusion is a cause that holds, wherever it does.
type Conclusion struct {
	Cause      string         `json:"cause"`
	Interface  string         `json:"interface"`
	Subject    why.Subject    `json:"subject"`
	Severity   why.Severity   `json:"severity"`
	Confidence why.Confidence `json:"confidence"`
	Summary    string         `json:"summary"`
}

// Finding is a cause that holds here.
type Finding struct {
	Conclusion
	Explanation  string            `json:"explanation"`
	Explains     []string          `json:"explains"`
	Evidence     []string          `json:"evidence"`
	Alternatives []why.Alternative `json:"alternatives"`
	Remedy       []string          `json:"remedy"`
	Remedies     []why.Advice      `json:"remedies"`
	Look         []string          `json:"look"`

	Others []string `json:"-"` // of one of Problems: the other subjects of which it is so
}

// Unexplained is a symptom that no cause covers.
type Unexplained struct {
	Symptom  string   `json:"symptom"`
	Paths    []string `json:"paths"`
	Evidence []string `json:"evidence"`
}

// Skipped is a check that did not run, and why, in a sentence.
type Skipped struct {
	Check string `json:"check"`
	Why   string `json:"why"`

	User bool `json:"-"` // turned off by the user
}

// Traffic is what the run put on the wire: packets seen leaving, and how many of them were
// asked through the kernel's sockets.
type Traffic struct {
	Sent     int `json:"sent"`
	ByKernel int `json:"by_kernel"`
}

// Evidence is an event that something in the report rests on.
type Evidence struct {
	ID    string  `json:"id"`
	At    string  `json:"at"`   // RFC 3339 with nanoseconds, UTC
	Kind  string  `json:"kind"` // of the event, as in `ndwhy watch --only`
	What  string  `json:"what"`
	Frame *string `json:"frame"` // base64, from the Ethernet header on; nil for what is no frame

	Seq int64 `json:"-"` // of the event
}

// New writes down a state and its diagnosis, since which it has not changed.
func New(s *diag.State, d why.Diagnosis) Report {
	b := reporter{s: s, links: cmp.Or(d.Links, s.ReadLinks()), d: d, ids: map[string]string{}, used: map[int64]diag.Event{}}
	r := Report{
		Schema:      Schema,
		Version:     words.Clean(s.Run.Version),
		Host:        words.Clean(s.Run.Host),
		Started:     s.Started.UTC().Format(time.RFC3339),
		DurationMS:  s.Now.Sub(s.Started).Milliseconds(),
		Interfaces:  b.interfaces(),
		NotExamined: b.notExamined(),
		NotAsked:    b.notAsked(),
		Profile:     d.Profile,
		Verdict:     d.Verdict,
		Headline:    d.Headline,
		Assignment:  b.assignment(),
		Assigned:    b.assigned(),
		Addresses:   b.addresses(),
		Routers:     b.routers(),
		Neighbours:  b.neighbours(),
		Paths:       b.paths(),
		Skipped:     b.skipped(),
		Traffic:     b.traffic(),
		Changed:     b.changed(),
		Far:         Fars(s, d),
		Unknown:     d.Unknown,
	}
	r.Findings, r.Unexplained = b.findings(), b.unexplained()
	if s.Overheard != nil {
		r.Captured = new(0)
		for _, o := range s.Overheard {
			*r.Captured += o.Frames
		}
	}
	r.mark()
	r.Evidence = b.evidence()
	if r.Profile.Because == nil {
		r.Profile.Because = []string{}
	}
	cleanStrings(reflect.ValueOf(&r).Elem())
	return r
}

// cleanStrings makes every string inside v fit for a terminal: interface names, checks and outcomes
// of a recording are as little to be trusted as what came from the network.
func cleanStrings(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if clean := words.Clean(v.String()); clean != v.String() {
			v.SetString(clean)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			cleanStrings(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			cleanStrings(v.Index(i))
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			cleanStrings(field)
		}
	default:
	}
}

type reporter struct {
	s     *diag.State
	links *diag.Links
	d     why.Diagnosis
	ids   map[string]string // of paths: the State's to the report's
	used  map[int64]diag.Event
}

func (b *reporter) interfaces() []Interface {
	list := []Interface{}
	for _, name := range b.s.InterfacesOf() {
		i := Interface{Name: name}
		if l, ok := b.s.Links[name]; ok {
			up := l.Up && l.Carrier
			i.MAC, i.MTU, i.Up = macText(l.MAC), &l.MTU, &up
		}
		if m, ok := b.s.Managers[name]; ok {
			i.Manager = text(m.Name)
		}
		list = append(list, i)
	}
	return list
}

func (b *reporter) notExamined() []NotExamined {
	list := []NotExamined{}
	for _, x := range b.s.NotExamined() {
		list = append(list, NotExamined{x.Interface, words.Say("unexamined."+string(x.Why), "port", x.Port, "most", diag.MostExamined)})
	}
	return list
}

func (b *reporter) notAsked() []NotAsked {
	list := []NotAsked{}
	for _, u := range b.d.NotAsked {
		list = append(list, NotAsked(u))
	}
	return list
}

// On says of which interface a sentence is, where several were examined.
func (r Report) On(iface, sentence string) string {
	if len(r.Interfaces) < 2 {
		return sentence
	}
	return words.On(iface, sentence)
}

// Unasked lists in words what was not asked, the interfaces that were not examined among it; what has one
// reason together.
func (r Report) Unasked() []string {
	var reasons []string
	whats := map[string][]string{}
	add := func(what, why string) {
		if len(whats[why]) == 0 {
			reasons = append(reasons, why)
		}
		whats[why] = append(whats[why], what)
	}
	for _, x := range r.NotExamined {
		add(x.Name, x.Why)
	}
	for _, u := range r.NotAsked {
		add(u.Name(), u.Why)
	}
	for i, why := range reasons {
		reasons[i] = words.Say("unasked.item", "what", words.List(whats[why]), "why", why)
	}
	return reasons
}

// Beside is what was not asked, as one sentence; empty where that is nothing.
func (r Report) Beside() string {
	list := r.Unasked()
	if len(list) == 0 {
		return ""
	}
	return words.Say("unasked.line", "list", strings.Join(list, "; "))
}

func (b *reporter) assignment() []Assignment {
	state := b.s.Metadata.State
	why := b.s.Metadata.Why
	if state == "" {
		state = diag.MetadataNotAsked
		if f := b.s.Feeds[diag.FeedIMDS]; f.State == diag.Unavailable || f.State == diag.Lost {
			state, why = diag.MetadataUnreachable, f.Why
		}
	}
	list := []Assignment{{diag.FromIMDS, state, words.Clean(why)}}
	has := map[diag.AssignmentSource]bool{}
	for _, iface := range b.s.InterfacesOf() {
		for _, a := range b.s.Assignments(iface) {
			has[a.Source] = true
		}
	}
	for _, src := range []diag.AssignmentSource{diag.FromLease, diag.FromDHCPv6, diag.FromUser, diag.FromEUI64} {
		row := Assignment{Source: src, State: diag.MetadataNone}
		feed := diag.FeedLease
		if src == diag.FromDHCPv6 {
			feed = diag.FeedFrames
		}
		switch {
		case has[src]:
			row.State = diag.MetadataOK
		case src == diag.FromUser:
			row.State = diag.MetadataNotAsked
		case (src == diag.FromLease || src == diag.FromDHCPv6) && !b.s.Complete(feed):
			row.State, row.Why = diag.MetadataNotAsked, words.Clean(b.s.Feeds[feed].Why)
			if b.s.Feeds[feed].State == diag.Unavailable || b.s.Feeds[feed].State == diag.Lost {
				row.State = diag.MetadataUnreachable
			}
		}
		list = append(list, row)
	}
	return list
}

func (b *reporter) assigned() []Assigned {
	list := []Assigned{}
	for _, iface := range b.s.InterfacesOf() {
		for _, a := range b.s.Assignments(iface) {
			list = append(list, Assigned{a.Interface, a.Prefix.String(), a.Source})
		}
	}
	return list
}

func (b *reporter) addresses() []Address {
	list := []Address{}
	for _, iface := range b.s.InterfacesOf() {
		assigned := b.s.Assigned(iface)
		for _, a := range b.s.AddressesOn(iface) {
			row := Address{
				Interface: iface, Address: a.Fact.Address.String(), PrefixLen: a.Fact.PrefixLen,
				Flags:      a.Fact.Flags.Names(),
				PreferredS: b.s.Left(a.Fact.PreferredS, a.At), ValidS: b.s.Left(a.Fact.ValidS, a.At),
				Origin: text(a.Fact.Origin),
			}
			switch assigned.ClassOf(a.Fact.Address) {
			case diag.SourceAssigned:
				row.Assigned = new(true)
			case diag.SourceUnassigned:
				row.Assigned = new(false)
			}
			list = append(list, row)
		}
	}
	return list
}

func (b *reporter) routers() []Router {
	list := []Router{}
	offers := map[*diag.RouterSeen][]Offer{}
	for _, name := range b.s.InterfacesOf() {
		for _, o := range b.links.Of(name).Offers() {
			offers[o.Router] = append(offers[o.Router], offer(&o))
		}
	}
	routes := map[string]map[netip.Addr]diag.At[diag.Route]{}
	for _, r := range b.s.RoutersSorted() {
		row := Router{
			Offers:    append([]Offer{}, offers[r]...),
			Interface: r.Interface, Address: r.Address.String(), MAC: macText(r.MAC),
			Flags: []string{}, LifetimeS: b.s.Left(r.Last.LifetimeS, r.At),
			Prefixes: []Prefix{}, RDNSS: []string{}, AgeS: int64(b.s.Now.Sub(r.At) / time.Second),
		}
		if r.Last.Managed {
			row.Flags = append(row.Flags, "M")
		}
		if r.Last.Other {
			row.Flags = append(row.Flags, "O")
		}
		if r.Last.Preference == "low" || r.Last.Preference == "high" {
			row.Flags = append(row.Flags, r.Last.Preference)
		}
		if r.Last.HopLimit != 0 {
			row.HopLimit = &r.Last.HopLimit
		}
		if r.Last.MTU != 0 {
			row.MTU = &r.Last.MTU
		}
		for _, p := range r.Last.Prefixes {
			if !p.Prefix.IsValid() {
				continue
			}
			row.Prefixes = append(row.Prefixes, Prefix{p.Prefix.String(), p.OnLink, p.Autonomous, p.ValidS, p.PreferredS})
		}
		for _, a := range r.Last.RDNSS {
			if !a.IsValid() {
				continue
			}
			row.RDNSS = append(row.RDNSS, a.String())
		}
		if routes[r.Interface] == nil {
			routes[r.Interface] = b.s.RoutersRoutes(r.Interface)
		}
		if route, ok := routes[r.Interface][r.Address]; ok {
			left := b.s.Left(route.Fact.ExpiresS, route.At)
			row.KernelRoute, row.RouteLeftS = text(diag.DescribeRoute(route.Fact, left)), &left
		}
		list = append(list, row)
	}
	return list
}

// State says in words whether the offer is taken.
func (o Offer) State() string {
	switch {
	case o.Taken == nil:
		return words.Say("offer.unknown")
	case *o.Taken:
		return words.Say("offer.taken")
	default:
		return words.Say("offer.not-taken")
	}
}

// InForce says in one line what of a router's offers this host took, beside the default route; "" for nothing.
func InForce(offers []Offer) string {
	var taken []string
	for _, o := range offers {
		if o.Taken != nil && *o.Taken && o.What != string(diag.OfferDefault) {
			taken = append(taken, o.Says)
		}
	}
	if len(taken) == 0 {
		return ""
	}
	return words.Say("report.offers-taken", "list", strings.Join(taken, ", "))
}

func offer(o *diag.Offer) Offer {
	row := Offer{What: string(o.Kind), Says: o.What(), Why: text(o.Reason())}
	if o.Prefix.IsValid() {
		row.Prefix = text(o.Prefix.String())
	}
	if o.Value != 0 {
		row.Value = &o.Value
	}
	if taken := o.State == diag.OfferTaken; taken || o.State == diag.OfferNotTaken {
		row.Taken = &taken
	}
	if o.By != nil {
		row.By = text(diag.Describe(diag.Event{Body: o.By}))
	}
	return row
}

func (b *reporter) neighbours() Neighbours {
	n := Neighbours{Asked: []Neighbour{}, ByState: map[diag.NUD]int{}, ByInterface: map[string]map[diag.NUD]int{}}
	asked := map[diag.InterfaceAddr]bool{}
	for _, p := range b.s.Paths() {
		asked[diag.InterfaceAddr{Interface: p.Interface, Address: p.Target}] = true
	}
	for key := range b.s.Routers {
		asked[key] = true
	}
	for key := range asked {
		e, ok := b.s.Neighbours.Find(key)
		if !ok {
			continue
		}
		n.Asked = append(n.Asked, Neighbour{
			key.Interface, key.Address.String(), macText(e.Fact.MAC), diag.NudName(e.Fact.State), e.Fact.Router,
		})
	}
	diag.SortFunc(n.Asked, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface),
			netip.MustParseAddr(a.Address).Compare(netip.MustParseAddr(b.Address)))
	})
	for _, iface := range b.s.InterfacesOf() {
		n.ByInterface[iface] = map[diag.NUD]int{}
		for state, count := range b.s.CountNeighbours(iface) {
			n.ByState[diag.NudName(state)] += count
			n.ByInterface[iface][diag.NudName(state)] = count
		}
	}
	return n
}

func (b *reporter) paths() []Path {
	list := []Path{}
	assigned := map[string]*diag.Assigned{}
	for i, p := range b.s.PathsSorted() {
		id := fmt.Sprintf("p%d", i+1)
		b.ids[p.ID] = id
		row := Path{
			ID: id, Interface: p.Interface, Check: p.Check, Asks: p.Asks,
			SourceClass: p.SourceClass, Target: p.Target.String(), TargetClass: p.TargetClass,
			Via: p.Via, Out: text(p.Out), Outcome: p.Outcome, Normal: b.d.Normal[p.ID],
			Sent: p.Sent, Received: p.Received, RTTMS: millis(p.RTTMS), Errno: text(p.Errno),
			Responders: []Responder{}, Detail: words.Clean(why.DetailOf(b.s, b.d.Profile.Name, p)),
			Given: p.Given, Note: words.Clean(p.Note), NUD: p.NUD, Way: b.way(p),
		}
		if p.Source.IsValid() {
			row.Source = text(p.Source.String())
		}
		if p.SourceClass == diag.SourceUnknown && p.Source.IsValid() {
			if assigned[p.Interface] == nil {
				assigned[p.Interface] = b.s.Assigned(p.Interface)
			}
			if assigned[p.Interface].Holds(p.Source) {
				row.SourceClass = diag.SourceAssigned // somebody said so after it was asked: an address is one thing
			}
		}
		if port, err := strconv.ParseUint(p.Note, 10, 16); err == nil && port > 0 && p.Asks == diag.AsksTCP && p.Outcome == diag.Answered {
			row.Port = new(int(port))
		}
		if p.Error != nil && p.Error.From.IsValid() {
			row.Error = &PathError{p.Error.Type, p.Error.Code, p.Error.From.String()}
		}
		for _, r := range p.Responders {
			if !r.Address.IsValid() {
				continue
			}
			row.Responders = append(row.Responders, Responder{r.Address.String(), macText(r.MAC), millis(r.RTTMS)})
		}
		row.Place = b.place(p)
		row.Evidence = b.point(p.Evidence)
		list = append(list, row)
	}
	return list
}

// way says what the kernel chose for a question that was asked as applications do, the source apart.
func (b *reporter) way(p diag.Path) string {
	if p.Via != diag.ViaApp {
		return ""
	}
	if p.Errno != "" {
		return words.Say("way.none", "errno", p.Errno)
	}
	if p.Out == "" {
		return ""
	}
	parts := []string{words.Say("way.by", "interface", p.Out)}
	if sel, ok := b.s.Selections[diag.SelectionKey{Dst: p.Target}]; ok && sel.Interface == p.Out {
		if sel.Table != 0 && sel.Table != diag.MainTable {
			parts = append(parts, words.Say("way.table", "table", sel.Table))
		}
		if sel.Via.IsValid() {
			parts = append(parts, words.Say("way.via", "router", sel.Via))
		}
	}
	return strings.Join(parts, ", ")
}

func (b *reporter) findings() []Finding {
	list := []Finding{}
	for _, f := range b.d.Findings {
		list = append(list, Finding{
			Conclusion: concludes(f), Explanation: f.Explanation, Explains: b.pathIDs(f.Explains), Evidence: b.point(f.Evidence),
			Alternatives: append([]why.Alternative{}, f.Alternatives...),
			Remedy:       append([]string{}, f.Remedy...),
			Remedies:     append([]why.Advice{}, f.Remedies...),
			Look:         append([]string{}, f.Look...),
		})
	}
	return list
}

func concludes(f why.Finding) Conclusion {
	return Conclusion{f.Cause, f.Interface, f.Subject, f.Severity, f.Confidence, f.Summary}
}

func (b *reporter) unexplained() []Unexplained {
	list := []Unexplained{}
	for _, u := range b.d.Unexplained {
		list = append(list, Unexplained{u.Text, b.pathIDs(u.Paths), b.point(u.Evidence)})
	}
	return list
}

func (b *reporter) skipped() []Skipped {
	list := []Skipped{}
	for _, c := range b.s.ChecksSorted() {
		if c.State == diag.CheckSkipped {
			list = append(list, Skipped{c.ID, diag.SkippedWhy(c), c.User})
		}
	}
	return slices.Compact(list)
}

func (b *reporter) traffic() Traffic {
	type question struct {
		diag.Question
		app bool
	}
	sent, byKernel := map[question]int{}, map[question]int{}
	for _, p := range b.s.Paths() {
		// What the kernel asked by a bound socket was seen on the wire: it is the question by wire, too.
		q := question{diag.QuestionOf(p), p.Via == diag.ViaApp}
		sent[q] = max(sent[q], p.Sent)
		if p.Via != diag.ViaWire {
			byKernel[q] = max(byKernel[q], p.Sent)
		}
	}
	var t Traffic
	for q, n := range sent {
		t.Sent += n
		t.ByKernel += byKernel[q]
	}
	return t
}

// broughtWithin is how long after an advertisement an address of it may become usable: duplicate address detection
// begins up to a second later, and takes one (RFC 4862 §5.4.2).
const broughtWithin = 4 * time.Second

// brought lists what our own asking brought about: default routes and addresses that were not there before, of routers
// that answered our solicitation.
func (b *reporter) brought() []string {
	list := []string{}
	for _, p := range b.s.PathsSorted() {
		before, known := b.s.Before(p.Interface)
		if p.Asks != diag.AsksRS || !known || !before.Complete {
			continue
		}
		for _, seq := range p.Evidence {
			e, _ := b.s.Evidence(seq)
			if f, ok := e.Body.(diag.Frame); ok && seq > before.Seq && !f.Out && f.Type == diag.RA && f.RA != nil {
				list = b.broughtBy(list, before, e, f)
			}
		}
	}
	return list
}

// broughtBy adds what an advertisement brought.
func (b *reporter) broughtBy(list []string, before diag.Before, ra diag.Event, f diag.Frame) []string {
	add := func(sentence string) {
		if !slices.Contains(list, sentence) {
			list = append(list, sentence)
		}
	}
	soon := func(at time.Time) bool { return !at.Before(ra.At) && at.Sub(ra.At) < broughtWithin }
	for _, r := range b.links.Of(before.Interface).Defaults {
		if r.Fact.Via != f.Src || !soon(r.At) {
			continue
		}
		had := slices.ContainsFunc(before.Routes, func(o diag.Route) bool { return o.Via == r.Fact.Via && o.Table == r.Fact.Table })
		if !had {
			add(words.Say("change.route-brought", "interface", before.Interface, "router", f.Src))
		}
	}
	for _, a := range b.s.AddressesOn(before.Interface) {
		if a.Fact.Passing() || !soon(a.At) {
			continue
		}
		had := slices.ContainsFunc(before.Addresses, func(o diag.Address) bool { return o.Address == a.Fact.Address })
		ours := slices.ContainsFunc(f.RA.Prefixes, func(p diag.PrefixInfo) bool { return p.Autonomous && p.Prefix.Contains(a.Fact.Address) })
		if !had && ours {
			add(words.Say("change.address-brought", "interface", before.Interface, "address", a.Fact.Address, "router", f.Src))
		}
	}
	return list
}

// changed lists what our asking brought about, and what the program changed and undid: one sentence for the addresses
// of an interface, one for each other change.
func (b *reporter) changed() []string {
	list, at := b.brought(), map[string]int{}
	var ifaces []string
	added, removed := map[string][]string{}, map[string][]string{}
	for _, c := range b.s.Changes {
		switch {
		case !c.Address.IsValid():
		case c.Undone:
			removed[c.Interface] = append(removed[c.Interface], c.Address.String())
		default:
			if added[c.Interface] == nil {
				ifaces = append(ifaces, c.Interface)
			}
			added[c.Interface] = append(added[c.Interface], c.Address.String())
		}
	}
	for _, iface := range ifaces {
		more, gone := added[iface], removed[iface]
		slices.Sort(more) // which of them comes first is chance
		slices.Sort(gone)
		key := "change.addresses-left"
		switch {
		case len(gone) == 0:
			key = "change.addresses"
		case len(gone) >= len(more) && len(more) == 1:
			key = "change.one-address-gone"
		case len(gone) >= len(more):
			key = "change.addresses-gone"
		}
		list = append(list, words.Say(key, "interface", iface, "added", strings.Join(more, ", "), "removed", strings.Join(gone, ", ")))
	}
	for _, c := range b.s.Changes {
		if c.Address.IsValid() {
			continue
		}
		i, ok := at[c.What]
		if !ok {
			i = len(list)
			at[c.What] = i
			list = append(list, c.What)
		}
		if c.Undone {
			list[i] = words.Say("report.undone", "what", c.What)
		}
	}
	return list
}

// point names the events that are remembered and marks them as used.
func (b *reporter) point(seqs []int64) []string {
	ids := []string{}
	for _, seq := range seqs {
		e, ok := b.d.Evidence[seq]
		if !ok {
			e, ok = b.s.Evidence(seq)
		}
		if !ok {
			continue
		}
		b.used[seq] = e
		ids = append(ids, evidenceID(seq))
	}
	return ids
}

func evidenceID(seq int64) string { return fmt.Sprintf("e%d", seq) }

func (b *reporter) pathIDs(ids []string) []string {
	list := []string{}
	for _, id := range ids {
		if short, ok := b.ids[id]; ok {
			list = append(list, short)
		}
	}
	return list
}

func (b *reporter) evidence() []Evidence {
	list := []Evidence{}
	for _, seq := range slices.Sorted(maps.Keys(b.used)) {
		e := b.used[seq]
		row := Evidence{ID: evidenceID(seq), At: e.At.UTC().Format(time.RFC3339Nano), Kind: e.Kind(), What: diag.Describe(e), Seq: seq}
		if f, ok := e.Body.(diag.Frame); ok && len(f.Raw) > 0 {
			row.Frame = text(base64.StdEncoding.EncodeToString(f.Raw))
		}
		list = append(list, row)
	}
	return list
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	s = words.Clean(s)
	return &s
}

func macText(m diag.MAC) *string { return text(m.String()) }

func millis(ms float64) *float64 {
	if ms <= 0 || math.IsNaN(ms) || math.IsInf(ms, 0) {
		return nil
	}
	ms = math.Round(ms*1000) / 1000
	return &ms
}
