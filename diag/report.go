package diag

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"ndwhy/diag/words"
)

// ReportSchema names the report's format. Within a major, fields are only added.
const ReportSchema = "ndwhy.report/1"

// A Report is the whole outcome as `ndwhy check --json` writes it; docs/report.schema.json
// describes it. Addresses are RFC 5952 strings without zone, the interface being the zone. What is
// not known is nil (null) or "unknown", never false. A lifetime of -1 s is for ever. Lists are
// never nil. Fields without a JSON name are for the faces that show the report to people.
type Report struct {
	Schema      string              `json:"schema"`
	Version     string              `json:"version"`
	Host        string              `json:"host"`
	Started     string              `json:"started"` // RFC 3339, UTC
	DurationMS  int64               `json:"duration_ms"`
	Interfaces  []ReportInterface   `json:"interfaces"`
	Profile     Recognition         `json:"profile"`
	Verdict     Verdict             `json:"verdict"`
	Headline    string              `json:"headline"`
	Assignment  []ReportAssignment  `json:"assignment"`
	Assigned    []ReportAssigned    `json:"assigned"`
	Addresses   []ReportAddress     `json:"addresses"`
	Routers     []ReportRouter      `json:"routers"`
	Neighbours  ReportNeighbours    `json:"neighbours"`
	Paths       []ReportPath        `json:"paths"`
	Findings    []ReportFinding     `json:"findings"`
	Unexplained []ReportUnexplained `json:"unexplained"`
	Skipped     []ReportSkipped     `json:"skipped"`
	Traffic     ReportTraffic       `json:"traffic"`
	Changed     []string            `json:"changed"`
	Evidence    []ReportEvidence    `json:"evidence"`

	// Unknown is what kept the verdict from being ok, with the line that would help.
	Unknown []Unknown `json:"-"`
}

// ReportInterface is an interface that the run was about.
type ReportInterface struct {
	Name    string  `json:"name"`
	MAC     *string `json:"mac"`
	MTU     *int    `json:"mtu"`
	Up      *bool   `json:"up"` // administratively up, with carrier
	Manager *string `json:"manager"`
}

// ReportAssignment says how asking one source of knowledge about assignments went.
type ReportAssignment struct {
	Source AssignmentSource `json:"source"`
	State  MetadataState    `json:"state"`
	Why    string           `json:"why"`
}

// ReportAssigned is one address or prefix that the infrastructure gave, by one source.
type ReportAssigned struct {
	Interface string           `json:"interface"`
	Prefix    string           `json:"prefix"`
	Source    AssignmentSource `json:"source"`
}

// ReportAddress is a configured address.
type ReportAddress struct {
	Interface  string   `json:"interface"`
	Address    string   `json:"address"`
	PrefixLen  int      `json:"prefix_len"`
	Flags      []string `json:"flags"`
	PreferredS int64    `json:"preferred_s"`
	ValidS     int64    `json:"valid_s"`
	Origin     *string  `json:"origin"`
	Assigned   *bool    `json:"assigned"`
}

// ReportRouter is an advertiser. HopLimit and MTU are nil where it says none; KernelRoute is the
// kernel's default route through it as `ip -6 route` writes it, nil where there is none.
type ReportRouter struct {
	Interface   string         `json:"interface"`
	Address     string         `json:"address"`
	MAC         *string        `json:"mac"`
	Flags       []string       `json:"flags"` // M, O and the preference low or high
	LifetimeS   int64          `json:"lifetime_s"`
	HopLimit    *int           `json:"hop_limit"`
	MTU         *int           `json:"mtu"`
	Prefixes    []ReportPrefix `json:"prefixes"`
	RDNSS       []string       `json:"rdnss"`
	KernelRoute *string        `json:"kernel_route"`
}

// ReportPrefix is a prefix that a router advertises, with the lifetimes as advertised.
type ReportPrefix struct {
	Prefix     string `json:"prefix"`
	OnLink     bool   `json:"on_link"`
	Autonomous bool   `json:"autonomous"`
	ValidS     int64  `json:"valid_s"`
	PreferredS int64  `json:"preferred_s"`
}

// ReportNeighbours is the neighbour cache: the entries of what was asked, and the rest as counts.
type ReportNeighbours struct {
	Asked   []ReportNeighbour `json:"asked"`
	ByState map[NUD]int       `json:"by_state"`
}

// ReportNeighbour is an entry of the neighbour cache.
type ReportNeighbour struct {
	Interface string  `json:"interface"`
	Address   string  `json:"address"`
	MAC       *string `json:"mac"`
	State     NUD     `json:"state"`
	Router    bool    `json:"router"`
}

// ReportPath is a question and what came of it.
type ReportPath struct {
	ID          string            `json:"id"`
	Interface   string            `json:"interface"`
	Check       string            `json:"check"`
	Asks        Asks              `json:"asks"`
	Source      *string           `json:"source"`
	SourceClass SourceClass       `json:"source_class"`
	Target      string            `json:"target"`
	TargetClass TargetClass       `json:"target_class"`
	Via         Via               `json:"via"`
	Outcome     Outcome           `json:"outcome"`
	Normal      *bool             `json:"normal"`
	Sent        int               `json:"sent"`
	Received    int               `json:"received"`
	RTTMS       *float64          `json:"rtt_ms"`
	Error       *ReportPathError  `json:"error"`
	Errno       *string           `json:"errno"`
	Responders  []ReportResponder `json:"responders"`
	// Detail is a key of the catalogue's group "detail", or empty.
	Detail   string   `json:"detail"`
	Evidence []string `json:"evidence"`

	Given bool   `json:"-"` // the user named the target
	Note  string `json:"-"` // the value in the detail's sentence
	NUD   NUD    `json:"-"`
}

// ReportPathError is the ICMPv6 error that another host answered with.
type ReportPathError struct {
	Type FrameType `json:"type"`
	Code int       `json:"code"`
	From string    `json:"from"`
}

// ReportResponder is a host that answered.
type ReportResponder struct {
	Address string   `json:"address"`
	MAC     *string  `json:"mac"`
	RTTMS   *float64 `json:"rtt_ms"`
}

// ReportFinding is a cause that holds.
type ReportFinding struct {
	Cause        string        `json:"cause"`
	Interface    string        `json:"interface"`
	Subject      Subject       `json:"subject"`
	Severity     Severity      `json:"severity"`
	Confidence   Confidence    `json:"confidence"`
	Summary      string        `json:"summary"`
	Explanation  string        `json:"explanation"`
	Explains     []string      `json:"explains"`
	Evidence     []string      `json:"evidence"`
	Alternatives []Alternative `json:"alternatives"`
	Remedy       []string      `json:"remedy"`
}

// ReportUnexplained is a symptom that no cause covers.
type ReportUnexplained struct {
	Symptom  string   `json:"symptom"`
	Paths    []string `json:"paths"`
	Evidence []string `json:"evidence"`
}

// ReportSkipped is a check that did not run, and why, in a sentence.
type ReportSkipped struct {
	Check string `json:"check"`
	Why   string `json:"why"`

	User bool `json:"-"` // turned off by the user
}

// ReportTraffic is what the run put on the wire: packets seen leaving, and how many of them were
// asked through the kernel's sockets.
type ReportTraffic struct {
	Sent     int `json:"sent"`
	ByKernel int `json:"by_kernel"`
}

// ReportEvidence is an event that something in the report rests on.
type ReportEvidence struct {
	ID    string  `json:"id"`
	At    string  `json:"at"` // RFC 3339 with nanoseconds, UTC
	What  string  `json:"what"`
	Frame *string `json:"frame"` // base64, from the Ethernet header on; nil for what is no frame
}

// NewReport writes down a state and its diagnosis.
func NewReport(s *State, d Diagnosis) Report {
	b := reporter{s: s, d: d, ids: map[string]string{}, used: map[int64]Event{}}
	r := Report{
		Schema:     ReportSchema,
		Version:    words.Clean(s.Run.Version),
		Host:       words.Clean(s.Run.Host),
		Started:    s.Started.UTC().Format(time.RFC3339),
		DurationMS: s.Now.Sub(s.Started).Milliseconds(),
		Interfaces: b.interfaces(),
		Profile:    d.Profile,
		Verdict:    d.Verdict,
		Headline:   d.Headline,
		Assignment: b.assignment(),
		Assigned:   b.assigned(),
		Addresses:  b.addresses(),
		Routers:    b.routers(),
		Neighbours: b.neighbours(),
		Paths:      b.paths(),
		Skipped:    b.skipped(),
		Traffic:    b.traffic(),
		Changed:    b.changed(),
		Unknown:    d.Unknown,
	}
	r.Findings, r.Unexplained = b.findings(), b.unexplained()
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

// InterfacesOf returns the interfaces that a run is about: those named in Run, else every
// Ethernet-like one.
func (s *State) InterfacesOf() []string {
	if len(s.Run.Interfaces) > 0 {
		return slices.Clone(s.Run.Interfaces)
	}
	var names []string
	for name, l := range s.Links {
		if l.Ethernet && !l.Loopback {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

type reporter struct {
	s    *State
	d    Diagnosis
	ids  map[string]string // of paths: the State's to the report's
	used map[int64]Event
}

func (b *reporter) interfaces() []ReportInterface {
	list := []ReportInterface{}
	for _, name := range b.s.InterfacesOf() {
		i := ReportInterface{Name: name}
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

func (b *reporter) assignment() []ReportAssignment {
	state := b.s.Metadata.State
	why := b.s.Metadata.Why
	if state == "" {
		state = MetadataNotAsked
		if f := b.s.Feeds[FeedIMDS]; f.State == Unavailable || f.State == Lost {
			state, why = MetadataUnreachable, f.Why
		}
	}
	list := []ReportAssignment{{FromIMDS, state, words.Clean(why)}}
	has := map[AssignmentSource]bool{}
	for _, iface := range b.s.InterfacesOf() {
		for _, a := range b.s.Assignments(iface) {
			has[a.Source] = true
		}
	}
	for _, src := range []AssignmentSource{FromLease, FromDHCPv6, FromUser, FromEUI64} {
		row := ReportAssignment{Source: src, State: MetadataNone}
		feed := FeedLease
		if src == FromDHCPv6 {
			feed = FeedFrames
		}
		switch {
		case has[src]:
			row.State = MetadataOK
		case src == FromUser:
			row.State = MetadataNotAsked
		case (src == FromLease || src == FromDHCPv6) && !b.s.Complete(feed):
			row.State, row.Why = MetadataNotAsked, words.Clean(b.s.Feeds[feed].Why)
			if b.s.Feeds[feed].State == Unavailable || b.s.Feeds[feed].State == Lost {
				row.State = MetadataUnreachable
			}
		}
		list = append(list, row)
	}
	return list
}

func (b *reporter) assigned() []ReportAssigned {
	list := []ReportAssigned{}
	for _, iface := range b.s.InterfacesOf() {
		for _, a := range b.s.Assignments(iface) {
			list = append(list, ReportAssigned{a.Interface, a.Prefix.String(), a.Source})
		}
	}
	return list
}

func (b *reporter) addresses() []ReportAddress {
	list := []ReportAddress{}
	for _, iface := range b.s.InterfacesOf() {
		for _, a := range b.s.AddressesOn(iface) {
			row := ReportAddress{
				Interface: iface, Address: a.Fact.Address.String(), PrefixLen: a.Fact.PrefixLen,
				Flags:      a.Fact.Flags.Names(),
				PreferredS: b.s.Left(a.Fact.PreferredS, a.At), ValidS: b.s.Left(a.Fact.ValidS, a.At),
				Origin: text(a.Fact.Origin),
			}
			switch b.s.ClassOf(iface, a.Fact.Address) {
			case SourceAssigned:
				row.Assigned = new(true)
			case SourceUnassigned:
				row.Assigned = new(false)
			}
			list = append(list, row)
		}
	}
	return list
}

func (b *reporter) routers() []ReportRouter {
	list := []ReportRouter{}
	for _, r := range b.s.routersSorted() {
		row := ReportRouter{
			Interface: r.Interface, Address: r.Address.String(), MAC: macText(r.MAC),
			Flags: []string{}, LifetimeS: b.s.Left(r.Last.LifetimeS, r.At),
			Prefixes: []ReportPrefix{}, RDNSS: []string{},
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
			row.Prefixes = append(row.Prefixes, ReportPrefix{p.Prefix.String(), p.OnLink, p.Autonomous, p.ValidS, p.PreferredS})
		}
		for _, a := range r.Last.RDNSS {
			if !a.IsValid() {
				continue
			}
			row.RDNSS = append(row.RDNSS, a.String())
		}
		for _, route := range b.s.DefaultRoutes(r.Interface) {
			if route.Fact.Via == r.Address {
				row.KernelRoute = text(describeRoute(route.Fact, b.s.Left(route.Fact.ExpiresS, route.At)))
				break
			}
		}
		list = append(list, row)
	}
	return list
}

func (b *reporter) neighbours() ReportNeighbours {
	n := ReportNeighbours{Asked: []ReportNeighbour{}, ByState: map[NUD]int{}}
	asked := map[InterfaceAddr]bool{}
	for _, p := range b.s.paths {
		asked[InterfaceAddr{p.Interface, p.Target}] = true
	}
	for key := range b.s.Routers {
		asked[key] = true
	}
	for key := range asked {
		e, ok := b.s.Neighbours[key]
		if !ok {
			continue
		}
		n.Asked = append(n.Asked, ReportNeighbour{
			key.Interface, key.Address.String(), macText(e.Fact.MAC), nudName(e.Fact.State), e.Fact.Router,
		})
	}
	SortFunc(n.Asked, func(a, b ReportNeighbour) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface),
			netip.MustParseAddr(a.Address).Compare(netip.MustParseAddr(b.Address)))
	})
	for _, iface := range b.s.InterfacesOf() {
		for state, count := range b.s.CountNeighbours(iface) {
			n.ByState[nudName(state)] += count
		}
	}
	return n
}

// nudName gives the state without a name, which the kernel calls NUD_NONE, one.
func nudName(n NUD) NUD {
	if n == "" {
		return "NONE"
	}
	return n
}

func (b *reporter) paths() []ReportPath {
	list := []ReportPath{}
	for i, p := range b.s.pathsSorted() {
		id := fmt.Sprintf("p%d", i+1)
		b.ids[p.ID] = id
		row := ReportPath{
			ID: id, Interface: p.Interface, Check: p.Check, Asks: p.Asks,
			SourceClass: p.SourceClass, Target: p.Target.String(), TargetClass: p.TargetClass,
			Via: p.Via, Outcome: p.Outcome, Normal: b.d.Normal[p.ID],
			Sent: p.Sent, Received: p.Received, RTTMS: millis(p.RTTMS), Errno: text(p.Errno),
			Responders: []ReportResponder{}, Detail: words.Clean(DetailOf(b.s, b.d.Profile.Name, p)),
			Given: p.Given, Note: words.Clean(p.Note), NUD: p.NUD,
		}
		if p.Source.IsValid() {
			row.Source = text(p.Source.String())
		}
		if p.Error != nil && p.Error.From.IsValid() {
			row.Error = &ReportPathError{p.Error.Type, p.Error.Code, p.Error.From.String()}
		}
		for _, r := range p.Responders {
			if !r.Address.IsValid() {
				continue
			}
			row.Responders = append(row.Responders, ReportResponder{r.Address.String(), macText(r.MAC), millis(r.RTTMS)})
		}
		row.Evidence = b.point(p.Evidence)
		list = append(list, row)
	}
	return list
}

// DetailOf returns the detail of a path in a network of a profile: as it is, or said more exactly
// where it is known whose address answered.
func DetailOf(s *State, profile string, p Path) string {
	if p.Detail != "answered-for" || !ProfileNamed(profile).Reserved {
		return p.Detail
	}
	mine := p.Source // the candidate
	if p.Asks == AsksDAD {
		mine = p.Target
	}
	for _, subnet := range s.linkPrefixes(p.Interface) {
		switch {
		case mine == subnet.Masked().Addr().Next():
			return "answered-for-router"
		case reservedIn(subnet, mine):
			return "answered-for-reserved"
		}
	}
	if mine == VPCRouter {
		return "answered-for-router"
	}
	return p.Detail
}

func (b *reporter) findings() []ReportFinding {
	list := []ReportFinding{}
	for _, f := range b.d.Findings {
		list = append(list, ReportFinding{
			Cause: f.Cause, Interface: f.Interface, Subject: f.Subject, Severity: f.Severity,
			Confidence: f.Confidence, Summary: f.Summary, Explanation: f.Explanation,
			Explains: b.pathIDs(f.Explains), Evidence: b.point(f.Evidence),
			Alternatives: append([]Alternative{}, f.Alternatives...),
			Remedy:       append([]string{}, f.Remedy...),
		})
	}
	return list
}

func (b *reporter) unexplained() []ReportUnexplained {
	list := []ReportUnexplained{}
	for _, u := range b.d.Unexplained {
		list = append(list, ReportUnexplained{u.Text, b.pathIDs(u.Paths), b.point(u.Evidence)})
	}
	return list
}

func (b *reporter) skipped() []ReportSkipped {
	list := []ReportSkipped{}
	for _, c := range b.s.checksSorted() {
		if c.State == CheckSkipped {
			list = append(list, ReportSkipped{c.ID, skippedWhy(c), c.User})
		}
	}
	return slices.Compact(list)
}

// skippedWhy is the reason of a skipped check as a sentence: Why is a key of the group "detail",
// or a sentence already.
func skippedWhy(c Check) string {
	if words.Has("detail." + c.Why) {
		return words.Say("detail."+c.Why, "note", "")
	}
	return words.Clean(c.Why)
}

func (b *reporter) traffic() ReportTraffic {
	var t ReportTraffic
	sent := map[question]int{}
	for _, p := range b.s.paths {
		// What the kernel asked was seen on the wire: it is the question by wire, too.
		q := questionOf(p)
		sent[q] = max(sent[q], p.Sent)
		if p.Via == ViaKernel {
			t.ByKernel += p.Sent
		}
	}
	for _, n := range sent {
		t.Sent += n
	}
	return t
}

// changed lists what the program changed and undid: one sentence for the addresses of an interface,
// one for each other change.
func (b *reporter) changed() []string {
	list, at := []string{}, map[string]int{}
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
		e, ok := b.d.evidence[seq]
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

func (b *reporter) evidence() []ReportEvidence {
	list := []ReportEvidence{}
	for _, seq := range slices.Sorted(maps.Keys(b.used)) {
		e := b.used[seq]
		row := ReportEvidence{ID: evidenceID(seq), At: e.At.UTC().Format(time.RFC3339Nano), What: Describe(e)}
		if f, ok := e.Body.(Frame); ok && len(f.Raw) > 0 {
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

func macText(m MAC) *string { return text(m.String()) }

func millis(ms float64) *float64 {
	if ms <= 0 || math.IsNaN(ms) || math.IsInf(ms, 0) {
		return nil
	}
	ms = math.Round(ms*1000) / 1000
	return &ms
}

// CheckOrder is the order in which checks are shown: from the router outwards.
var CheckOrder = []string{
	"ra", "router-nd", "router-echo", "peer-nd", "peer-echo", "all-nodes", "internet", "source",
	"added", "assignment", "dhcpv6", "host", "mtu", "services",
}

func (s *State) pathsSorted() []Path {
	list := slices.Collect(maps.Values(s.paths))
	sortPaths(list)
	return list
}

// sortPaths puts paths in the order of the report.
func sortPaths(list []Path) {
	rank := map[string]int{}
	for i, id := range CheckOrder {
		rank[id] = i
	}
	SortFunc(list, func(a, b Path) int {
		return cmp.Or(
			cmp.Compare(a.Interface, b.Interface),
			cmp.Compare(rank[a.Check], rank[b.Check]),
			cmp.Compare(a.Check, b.Check),
			a.Source.Compare(b.Source),
			cmp.Compare(a.Asks, b.Asks),
			a.Target.Compare(b.Target),
			cmp.Compare(a.Via, b.Via),
			strings.Compare(a.ID, b.ID),
		)
	})
}

func (s *State) checksSorted() []Check {
	list := slices.Collect(maps.Values(s.Checks))
	SortFunc(list, func(a, b Check) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Interface, b.Interface))
	})
	return list
}

func (s *State) routersSorted() []*RouterSeen {
	list := slices.Collect(maps.Values(s.Routers))
	SortFunc(list, func(a, b *RouterSeen) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Address.Compare(b.Address))
	})
	return list
}
