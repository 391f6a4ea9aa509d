package diag

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ndwhy/diag/words"
)

// symptomKind says what differs from normal.
type symptomKind int

const (
	pathSymptom symptomKind = iota
	noGlobal                // no usable global address on the interface
	noDefault               // no default route anywhere
	absent                  // an assigned address is not configured
)

// A symptom is one difference from normal, for causes to explain.
type symptom struct {
	kind  symptomKind
	iface string
	path  *Path      // of a pathSymptom
	addr  netip.Addr // of an absent one
	// weak: the program chose the target itself, so that its silence proves little. What explains
	// only weak symptoms is info, and a weak symptom that nothing explains is not reported.
	weak bool
}

// A hypothesis is a cause that may hold here, about one subject.
type hypothesis struct {
	cause   *Cause
	iface   string
	subject Subject
	addr    netip.Addr // of the subject, where it has one

	severity   Severity
	confidence Confidence
	// direct: it is a fact that was seen, and stands whether it explains a symptom or not.
	direct bool
	// beyond: inferred from silence out on the wire, which an XDP program here could feign.
	beyond bool

	symptoms []int    // that it explains
	paths    []string // that it explains
	evidence []int64
	args     []any    // of its words
	as       string   // "", or which other summary and explanation the catalogue has under cause.<ID>.<as>
	more     []string // keys of sentences that go on the explanation
	facts    []Event
}

// A view is a state with what every cause needs to know of it worked out once.
type view struct {
	s       *State
	profile Profile
	rec     Recognition
	paths   []Path
	normal  map[string]*bool
	ifaces  []*ifaceView
	gone    []Unknown // interfaces of which nothing can be told, by name

	symptoms []symptom
	byPath   map[string]int // symptom of a path
	place    map[string]int // of a path in the report
}

// An ifaceView is what the view knows of one interface.
type ifaceView struct {
	*view
	name      string
	link      Link
	known     bool // the link was seen
	addresses []At[Address]
	class     map[netip.Addr]SourceClass
	assigned  []Assignment
	paths     []*Path
	routers   []*RouterSeen
	defaults  []At[Route] // of any table, through this interface, not expired
	// reached are the questions that were answered on the wire or to the kernel.
	reached map[question]bool
	// answers are the answered paths by what was asked, of whom.
	answers map[asked][]*Path
	// discovered are the targets of which a path shows that neighbour discovery succeeds; viaRouter
	// those for which the kernel would not try it.
	discovered, viaRouter map[netip.Addr]bool
	// deafTo is what unanswered found; nil: it was not asked yet.
	deafTo map[netip.Addr]bool
	// lateTo is what lateEchoes found, and latest the longest that one took.
	lateTo map[netip.Addr]Event
	latest time.Duration
}

// asked is a question without who asked it.
type asked struct {
	asks   Asks
	target netip.Addr
}

func diagnose(s *State) Diagnosis {
	v := newView(s)
	d := Diagnosis{Profile: v.rec, Normal: v.normal, evidence: map[int64]Event{}}
	chosen := v.choose(v.hypotheses())
	covered := make([]bool, len(v.symptoms))
	for _, c := range chosen {
		for _, i := range c.symptoms {
			covered[i] = true
		}
		d.Findings = append(d.Findings, v.finding(c, d.evidence))
	}
	SortFunc(d.Findings, compareFindings)
	d.Unexplained = v.unexplained(covered)
	d.Unknown = v.unknown()
	d.Verdict = verdict(d)
	d.Headline = v.headline(d)
	return d
}

func compareFindings(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(b.Severity.rank(), a.Severity.rank()),
		cmp.Compare(causeRank[a.Cause], causeRank[b.Cause]),
		cmp.Compare(a.Interface, b.Interface),
		cmp.Compare(a.Subject.Kind, b.Subject.Kind),
		compareValues(a.Subject.Value, b.Subject.Value),
	)
}

// compareValues orders addresses as addresses and the rest as text.
func compareValues(a, b string) int {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	if errX == nil && errY == nil {
		return x.Compare(y)
	}
	return strings.Compare(a, b)
}

func newView(s *State) *view {
	v := &view{s: s, rec: Recognise(s), paths: s.pathsSorted(), normal: map[string]*bool{}, byPath: map[string]int{}, place: map[string]int{}}
	v.profile = ProfileNamed(v.rec.Name)
	n := newNormals(s, v.profile)
	for i, p := range v.paths {
		v.normal[p.ID] = n.of(p)
		v.place[p.ID] = i
	}
	for _, name := range s.InterfacesOf() {
		// Of an interface that is gone, or was shaken, nothing can be told: what it lacks now says nothing of
		// what it had, and what failed may have failed because of that.
		iv := v.newInterface(name)
		why := iv.lost()
		if why == "" {
			v.ifaces = append(v.ifaces, iv)
			continue
		}
		v.gone = append(v.gone, Unknown{name, why, ""})
		for _, p := range iv.paths {
			if n := v.normal[p.ID]; n != nil && !*n {
				v.normal[p.ID] = nil
			}
		}
	}
	for _, iv := range v.ifaces {
		iv.findSymptoms()
	}
	return v
}

func (v *view) newInterface(name string) *ifaceView {
	iv := &ifaceView{
		view: v, name: name, addresses: v.s.AddressesOn(name), assigned: v.s.Assignments(name),
		class: map[netip.Addr]SourceClass{}, reached: map[question]bool{},
		answers: map[asked][]*Path{}, discovered: map[netip.Addr]bool{}, viaRouter: map[netip.Addr]bool{},
	}
	iv.link, iv.known = v.s.Links[name]
	for _, a := range iv.addresses {
		iv.class[a.Fact.Address] = v.s.ClassOf(name, a.Fact.Address)
	}
	for i := range v.paths {
		p := &v.paths[i]
		if p.Interface != name {
			continue
		}
		iv.paths = append(iv.paths, p)
		if discovers(p) {
			iv.discovered[p.Target] = true
		}
		if p.Detail == "via-router" {
			iv.viaRouter[p.Target] = true
		}
		if p.Outcome == Answered {
			iv.reached[questionOf(*p)] = true
			iv.answers[asked{p.Asks, p.Target}] = append(iv.answers[asked{p.Asks, p.Target}], p)
		}
	}
	for _, r := range v.s.routersSorted() {
		if r.Interface == name {
			iv.routers = append(iv.routers, r)
		}
	}
	for k, r := range v.s.Routes {
		if k.Interface == name && k.Dst.Bits() == 0 && k.Type == "unicast" && v.s.Left(r.Fact.ExpiresS, r.At) != 0 {
			iv.defaults = append(iv.defaults, r)
		}
	}
	SortFunc(iv.defaults, func(a, b At[Route]) int {
		return cmp.Or(cmp.Compare(a.Fact.Table, b.Fact.Table), cmp.Compare(a.Fact.Metric, b.Fact.Metric),
			a.Fact.Via.Compare(b.Fact.Via))
	})
	return iv
}

// lost says why nothing can be told of an interface; "" where something can. What is out of order for
// good is for the causes to name.
func (iv *ifaceView) lost() string {
	e, shaken := iv.s.shaken(iv.name)
	_, was := iv.s.said[goneKey(iv.name)]
	switch {
	case !iv.s.Complete(FeedNetlink) && !iv.known:
		return ""
	case !iv.known && was:
		return words.Say("unknown.interface-gone", "interface", iv.name)
	case !iv.known:
		return words.Say("unknown.interface", "interface", iv.name)
	case !shaken || !iv.link.Up || !iv.link.Carrier || len(findIPv6Disabled(iv)) > 0:
		return ""
	}
	a, ok := e.Body.(Address)
	switch {
	case !ok:
		return words.Say("unknown.link-lost", "interface", iv.name)
	case iv.any(func(p *Path) bool { return p.Source == a.Address }):
		return words.Say("unknown.address-lost", "interface", iv.name, "address", a.Address)
	}
	return ""
}

// findSymptoms lists what differs from normal on an interface.
func (iv *ifaceView) findSymptoms() {
	for _, p := range iv.paths {
		n := iv.normal[p.ID]
		missing := p.Outcome == Silent || p.Outcome == Refused || p.Outcome == Unsent
		chosen := !p.Given && (p.TargetClass == TargetPeer || p.TargetClass == TargetInternet)
		ours := p.SourceClass == SourceAssigned || p.SourceClass == SourceUnknown
		switch {
		case n != nil && !*n:
			iv.symptom(symptom{kind: pathSymptom, iface: iv.name, path: p})
		case n == nil && missing && chosen && ours && !iv.reached[questionOf(*p)] &&
			!newNormals(iv.s, iv.profile).farSource(*p) && (reaches(p) || p.Asks == AsksMTU && newNormals(iv.s, iv.profile).smallAnswered(*p)):
			iv.symptom(symptom{kind: pathSymptom, iface: iv.name, path: p, weak: true})
		}
	}
	if !iv.s.Complete(FeedNetlink) || !iv.known {
		return
	}
	if !iv.hasUsableGlobal() {
		iv.symptom(symptom{kind: noGlobal, iface: iv.name})
	}
	if !iv.hasAnyDefault() {
		iv.symptom(symptom{kind: noDefault, iface: iv.name})
	}
	for _, a := range iv.absentAddresses() {
		iv.symptom(symptom{kind: absent, iface: iv.name, addr: a})
	}
	if iv.link.Ethernet && iv.link.MAC != (MAC{}) && !slices.ContainsFunc(iv.addresses, func(a At[Address]) bool { return a.Fact.Address.IsLinkLocalUnicast() }) {
		// Every interface has one (RFC 4291 §2.1); which, only the rule of EUI-64 tells.
		iv.symptom(symptom{kind: absent, iface: iv.name, addr: iv.link.MAC.LinkLocal()})
	}
}

func (v *view) symptom(y symptom) {
	if y.path != nil {
		v.byPath[y.path.ID] = len(v.symptoms)
	}
	v.symptoms = append(v.symptoms, y)
}

// hasUsableGlobal reports whether an interface has a global address that the network may let
// through: one that is not known to be filtered.
func (iv *ifaceView) hasUsableGlobal() bool {
	return slices.ContainsFunc(iv.addresses, func(a At[Address]) bool {
		return iv.global(a.Fact) && a.Fact.Flags.Usable() && !iv.filtered(a.Fact.Address)
	})
}

func (iv *ifaceView) global(a Address) bool {
	scope := ScopeOf(a.Address)
	return (scope == GlobalScope || scope == ULAScope) && !a.passing()
}

// filtered reports whether the network is known to drop what addr sends: it did not assign it, it
// is of a kind that filters (or was seen to), and nothing answered addr.
func (iv *ifaceView) filtered(addr netip.Addr) bool {
	return iv.class[addr] == SourceUnassigned && (iv.profile.Filters || iv.silenced(addr)) && !iv.spoke(addr)
}

// strange reports whether an address of which it is not known whether it is assigned gets no answer to
// what another of the interface, likewise, is answered.
func (iv *ifaceView) strange(addr netip.Addr) bool {
	return iv.class[addr] == SourceUnknown && iv.silenced(addr) && !iv.spoke(addr)
}

// spoke reports whether a source got an answer that shows it may speak. An advertisement after a router
// solicitation may be one that all get now and then.
func (iv *ifaceView) spoke(addr netip.Addr) bool {
	echoed, resolved, unheard := false, false, false
	for _, p := range iv.paths {
		if p.Source != addr || p.Asks == AsksDAD || p.Asks == AsksRS {
			continue
		}
		switch {
		case p.Outcome == Answered && p.Asks == AsksND:
			resolved = true
		case p.Outcome == Answered:
			echoed = true
		case p.Outcome == Silent && p.Asks == AsksEcho && iv.control(p) != nil:
			unheard = true
		}
	}
	return echoed || resolved && !unheard
}

// silenced reports whether a source got no answer where an assigned one did.
func (iv *ifaceView) silenced(addr netip.Addr) bool {
	return slices.ContainsFunc(iv.paths, func(p *Path) bool {
		return p.Source == addr && p.Outcome == Silent && p.Asks != AsksDAD && iv.control(p) != nil
	})
}

// control returns the path that proves that a silent path's target answers: the same question from
// an address that is assigned (or, where that is not known, configured), asked in the same way if
// there is one.
func (iv *ifaceView) control(p *Path) *Path {
	if p.Asks != AsksND && newNormals(iv.s, iv.profile).farSource(*p) {
		return nil
	}
	var best *Path
	worth := func(c *Path) int {
		n := 0
		if c.SourceClass == SourceAssigned {
			n += 2
		}
		if c.Via == p.Via {
			n++
		}
		return n
	}
	for _, c := range iv.answers[asked{p.Asks, p.Target}] {
		if c.Source == p.Source {
			continue
		}
		if ourSource(c) && (best == nil || worth(c) > worth(best)) {
			best = c
		}
	}
	return best
}

// hasAnyDefault reports whether there is a default route in any table, or another interface has
// the one of the main table.
func (iv *ifaceView) hasAnyDefault() bool {
	if len(iv.defaults) > 0 {
		return true
	}
	for k, r := range iv.s.Routes {
		if k.Dst.Bits() == 0 && k.Table == MainTable && k.Type == "unicast" && iv.s.Left(r.Fact.ExpiresS, r.At) != 0 {
			return true
		}
	}
	return false
}

// absentAddresses returns the single global addresses that are assigned to an interface and not
// configured on it.
func (iv *ifaceView) absentAddresses() []netip.Addr {
	var list []netip.Addr
	for _, a := range iv.assigned {
		addr := a.Prefix.Addr()
		if !a.Prefix.IsSingleIP() || a.Source == FromEUI64 || ScopeOf(addr) == LinkLocalScope ||
			slices.Contains(list, addr) || iv.configured(addr) || iv.leaseOver(a) {
			continue
		}
		list = append(list, addr)
	}
	SortFunc(list, netip.Addr.Compare)
	return list
}

func (iv *ifaceView) configured(addr netip.Addr) bool {
	_, ok := iv.s.Addresses[InterfaceAddr{iv.name, addr}]
	return ok
}

// leaseOver reports whether an assignment is known from a lease or Reply alone whose lifetime is over.
func (iv *ifaceView) leaseOver(a Assignment) bool {
	var rows []LeaseAddress
	at := iv.s.Now
	switch a.Source {
	case FromLease:
		rows = iv.s.Leases[iv.name].Addresses
	case FromDHCPv6:
		rows, at = iv.s.Replies[iv.name].Fact.Addresses, iv.s.Replies[iv.name].At
	default:
		return false
	}
	for _, r := range rows {
		given := r.At
		if given.IsZero() {
			given = at
		}
		if r.Prefix.Masked() == a.Prefix && iv.s.Left(r.ValidS, given) != 0 {
			return false
		}
	}
	return true
}

// hypotheses asks every cause, and leaves out what an observation contradicts.
func (v *view) hypotheses() []hypothesis {
	var list []hypothesis
	for i := range causes {
		c := &causes[i]
		for _, iv := range v.ifaces {
			for _, h := range c.find(iv) {
				h.cause = c
				h.iface = iv.name
				if h.severity == "" {
					h.severity = c.Severity
				}
				if c.contradicted != nil && c.contradicted(iv, h) {
					continue
				}
				list = append(list, iv.settle(h))
			}
		}
	}
	return list
}

// settle fills in what follows from the rest of a hypothesis.
func (iv *ifaceView) settle(h hypothesis) hypothesis {
	slices.Sort(h.symptoms)
	h.symptoms = slices.Compact(h.symptoms)
	if len(h.symptoms) > 0 && !h.direct {
		weak := true
		for _, i := range h.symptoms {
			weak = weak && iv.symptoms[i].weak
		}
		if weak {
			h.severity, h.confidence = Info, weaker(h.confidence, Possible)
		}
	}
	if h.beyond && iv.link.XDP {
		h.confidence = weaker(h.confidence, Possible)
		h.more = append(h.more, "cause.more.xdp")
	}
	return h
}

// A choice is a hypothesis that is part of the diagnosis, with those that would do as well.
type choice struct {
	hypothesis
	alternatives []*hypothesis
}

// choose returns the diagnosis: every direct hypothesis that no stronger one of the same subject
// hides, and the smallest set of the others that covers what is left.
func (v *view) choose(list []hypothesis) []choice {
	var chosen []choice
	covered := make([]bool, len(v.symptoms))
	for i := range list {
		h := &list[i]
		if !h.direct || hidden(h, list) {
			continue
		}
		chosen = append(chosen, choice{hypothesis: *h})
		for _, y := range h.symptoms {
			covered[y] = true
		}
	}
	var rest []*hypothesis
	for i := range list {
		if h := &list[i]; !h.direct && !hidden(h, list) && slices.ContainsFunc(h.symptoms, func(y int) bool { return !covered[y] }) {
			rest = append(rest, h)
		}
	}
	return append(chosen, cover(rest, covered)...)
}

// hidden reports whether a direct hypothesis that is stronger says what h says: it is listed in the
// other's Hides, and about the same address (or the whole interface, where it has none).
func hidden(h *hypothesis, list []hypothesis) bool {
	for i := range list {
		o := &list[i]
		if o.direct && o.iface == h.iface && slices.Contains(o.cause.Hides, h.cause.ID) &&
			(!o.addr.IsValid() || o.addr == h.addr) {
			return true
		}
	}
	return false
}

// finding writes a chosen hypothesis down in words.
func (v *view) finding(c choice, evidence map[int64]Event) Finding {
	h := &c.hypothesis
	args := v.args(h)
	id := "cause." + h.cause.ID
	if h.as != "" {
		id += "." + h.as
	}
	f := Finding{
		Cause: h.cause.ID, Interface: h.iface, Subject: Subject{h.subject.Kind, words.Clean(h.subject.Value)}, Severity: h.severity,
		Confidence: h.confidence, Summary: words.Say(id+".summary", args...),
		Remedy: v.remedy(h, args),
	}
	parts := []string{words.Say(id+".explanation", args...)}
	for _, key := range h.more {
		parts = append(parts, words.Say(key, args...))
	}
	f.Explanation = strings.Join(parts, " ")
	seqs := slices.Clone(h.evidence)
	for _, e := range h.facts {
		if e.Body != nil {
			evidence[e.Seq] = e
			seqs = append(seqs, e.Seq)
		}
	}
	explains := slices.Clone(h.paths)
	for _, id := range h.paths {
		seqs = append(seqs, v.paths[v.place[id]].Evidence...)
	}
	for _, y := range h.symptoms {
		if p := v.symptoms[y].path; p != nil {
			explains = append(explains, p.ID)
			seqs = append(seqs, p.Evidence...)
		}
	}
	f.Explains = v.inOrder(explains)
	// In the order of the argument, not of time: a reader who stops early has seen what counts.
	for _, seq := range seqs {
		if !slices.Contains(f.Evidence, seq) {
			f.Evidence = append(f.Evidence, seq)
		}
	}
	for _, a := range c.alternatives {
		f.Alternatives = append(f.Alternatives, Alternative{
			a.cause.ID, words.Say("cause."+a.cause.ID+".apart", v.args(a)...),
		})
	}
	if len(c.alternatives) > 0 {
		f.Confidence = weaker(f.Confidence, Possible)
	}
	return f
}

// inOrder returns the paths' IDs once each, in the order of the report.
func (v *view) inOrder(ids []string) []string {
	SortFunc(ids, func(a, b string) int { return cmp.Compare(v.place[a], v.place[b]) })
	return slices.Compact(ids)
}

// args are the values that every cause's words may use, after those of the hypothesis itself, which
// come first and win.
func (v *view) args(h *hypothesis) []any {
	eni, subnet := "ENI", "SUBNET"
	mac := v.s.Links[h.iface].MAC
	for _, m := range v.s.Metadata.Interfaces {
		if m.MAC == mac && m.ID != "" {
			eni = m.ID
			if m.Subnet != "" {
				subnet = m.Subnet
			}
		}
	}
	args := append(slices.Clone(h.args),
		"interface", h.iface, "value", h.subject.Value, "network", words.Say("profile."+v.profile.Name+".name"),
		"eni", eni, "subnet", subnet, "mac", mac, "paths", len(h.symptoms))
	if h.addr.IsValid() {
		args = append(args, "address", h.addr)
	}
	return args
}

// remedy returns the commands that would help here, filled in. They are printed, never run.
func (v *view) remedy(h *hypothesis, args []any) []string {
	var list []string
	for _, r := range h.cause.Remedy {
		if r.AWS && !v.profile.AWS || r.If != nil && !r.If(v, h) {
			continue
		}
		list = append(list, words.Fill(r.Command, args...))
	}
	return list
}

func (v *view) on(iface string) *ifaceView {
	return v.ifaces[slices.IndexFunc(v.ifaces, func(iv *ifaceView) bool { return iv.name == iface })]
}

func (v *view) unexplained(covered []bool) []Symptom {
	var list []Symptom
	for i, y := range v.symptoms {
		if covered[i] || y.weak {
			continue
		}
		u := Symptom{Interface: y.iface, Address: y.addr}
		switch y.kind {
		case pathSymptom:
			if iv := v.on(y.iface); iv.strange(y.path.Source) {
				// What is told by one address is said once.
				at := slices.IndexFunc(list, func(x Symptom) bool { return x.Address == y.path.Source && x.Interface == y.iface })
				if at < 0 {
					at = len(list)
					list = append(list, Symptom{
						Interface: y.iface, Address: y.path.Source, Text: words.Say("symptom.strange", "address", y.path.Source, "interface", y.iface),
					})
				}
				list[at].Paths = append(list[at].Paths, y.path.ID)
				list[at].Evidence = append(list[at].Evidence, y.path.Evidence...)
				continue
			}
			u.Text = words.Say("symptom.path", "path", DescribePath(*y.path), "interface", y.iface)
			u.Paths, u.Evidence = []string{y.path.ID}, y.path.Evidence
		case noGlobal:
			u.Text = words.Say("symptom.no-global", "interface", y.iface)
		case noDefault:
			u.Text = words.Say("symptom.no-default", "interface", y.iface)
		case absent:
			u.Text = words.Say("symptom.absent", "interface", y.iface, "address", y.addr)
		}
		list = append(list, u)
	}
	return list
}

// couldNot are the details with which a path was skipped although it was wanted.
var couldNot = map[string]bool{"no-raw": true, "no-admin": true, "no-socket": true, "timeout": true, "interrupted": true}

// doesNotApply are the reasons for which a check is skipped because there is nothing to ask, which
// leaves nothing unknown.
var doesNotApply = map[string]bool{
	"not-applicable": true, "no-peer": true, "off": true, "passive": true, "no-fresh-peer": true,
	"not-managed": true, "no-hosts": true, "no-service": true,
}

// unknown lists what some cause needs and could not be had. What the user turned off is not in it.
func (v *view) unknown() []Unknown {
	var list []Unknown
	add := func(u Unknown) {
		u.What = words.Clean(u.What)
		if !slices.ContainsFunc(list, func(x Unknown) bool { return x.What == u.What && x.Why == u.Why }) {
			list = append(list, u)
		}
	}
	for _, u := range v.gone {
		add(u)
	}
	for _, name := range []FeedName{FeedNetlink, FeedFrames, FeedIMDS, FeedHost} {
		f, said := v.s.Feeds[name]
		switch {
		case f.State == Lost || f.State == Unavailable:
			add(Unknown{string(name), feedWhy(f), words.Clean(f.Fix)})
		case !said && name == FeedNetlink:
			add(Unknown{string(name), words.Say("unknown.feed", "feed", name), ""})
		}
	}
	// It is asked where the machine is an EC2 instance, or where the user names it; what it would have said
	// may be known from elsewhere.
	if m := v.s.Metadata; m.State == MetadataUnreachable && slices.ContainsFunc(v.ifaces, func(iv *ifaceView) bool {
		return !v.s.AssignmentKnown(iv.name, GlobalScope)
	}) {
		add(Unknown{string(FeedIMDS), words.Clean(m.Why), ""})
	}
	for _, c := range v.s.checksSorted() {
		if c.State != CheckSkipped || c.User || doesNotApply[c.Why] {
			continue
		}
		add(Unknown{c.ID, skippedWhy(c), words.Clean(c.Fix)})
	}
	for i := range v.paths {
		p := &v.paths[i]
		told := slices.ContainsFunc(list, func(u Unknown) bool {
			return u.What == p.Check || u.What == string(FeedFrames) && p.Detail == "no-raw"
		})
		if p.Outcome == OutcomeSkipped && couldNot[p.Detail] && !told {
			add(Unknown{p.Check, words.Say("detail."+p.Detail, "note", p.Note), ""})
		}
	}
	if len(v.checked()) == 0 {
		idle := false
		for _, c := range v.s.checksSorted() {
			if c.State == CheckDone && c.Why != "" {
				add(Unknown{c.ID, skippedWhy(c), ""})
				idle = true
			}
		}
		if !idle {
			add(Unknown{nothingAsked, words.Say("unknown.nothing"), ""})
		}
	}
	return list
}

// nothingAsked is what is not known where nothing was asked at all.
const nothingAsked = "check"

// checked returns the IDs of the checks that came to anything: something was asked, or what they read
// was there to be read.
func (v *view) checked() []string {
	asked := map[string]bool{}
	for i := range v.paths {
		if p := &v.paths[i]; p.Outcome != OutcomeSkipped {
			asked[p.Check] = true
		}
	}
	for key, c := range v.s.Checks {
		switch {
		case c.State != CheckDone:
		case c.ID == "host":
			asked[c.ID] = asked[c.ID] || v.s.Complete(FeedHost)
		case c.ID == "assignment":
			asked[c.ID] = asked[c.ID] || v.s.Complete(FeedNetlink) && v.s.AssignmentKnown(key.Interface, GlobalScope)
		}
	}
	var list []string
	for _, id := range CheckOrder {
		if asked[id] {
			list = append(list, id)
		}
	}
	return list
}

func feedWhy(f Feed) string {
	if f.Why != "" {
		return words.Clean(f.Why)
	}
	return words.Say("unknown.feed", "feed", f.Name)
}

func verdict(d Diagnosis) Verdict {
	worst := VerdictOK
	if len(d.Unknown) > 0 {
		worst = VerdictUnknown
	}
	if len(d.Unexplained) > 0 {
		worst = VerdictWarning
	}
	for _, f := range d.Findings {
		switch f.Severity {
		case Critical:
			return VerdictCritical
		case Warning:
			worst = VerdictWarning
		case Info:
		}
	}
	return worst
}

func (v *view) headline(d Diagnosis) string {
	faults := 0
	for _, f := range d.Findings {
		if f.Severity != Info {
			faults++
		}
	}
	more := faults + len(d.Unexplained) - 1
	switch {
	case faults > 0 && more == 0:
		return d.Findings[0].Summary
	case faults > 0 && more == 1:
		return words.Say("headline.fault-and-one", "summary", clause(d.Findings[0].Summary))
	case faults > 0:
		return words.Say("headline.faults", "summary", clause(d.Findings[0].Summary), "more", more)
	case len(d.Unexplained) == 1:
		return words.Say("headline.unexplained-one", "symptom", v.firstSymptom(d))
	case len(d.Unexplained) > 1:
		return words.Say("headline.unexplained", "count", len(d.Unexplained), "symptom", v.firstSymptom(d))
	case len(d.Unknown) > 0 && d.Unknown[0].What == nothingAsked:
		return words.Say("headline.nothing")
	case len(d.Unknown) > 0 && slices.Contains(CheckOrder, d.Unknown[0].What):
		return words.Say("headline.unknown-check", "what", d.Unknown[0].What, "why", clause(d.Unknown[0].Why))
	case len(d.Unknown) > 0:
		return words.Say("headline.unknown", "why", clause(d.Unknown[0].Why))
	default:
		return v.goodNews(d)
	}
}

// clause is a sentence as part of another.
func clause(text string) string { return strings.TrimSuffix(text, ".") }

func (v *view) firstSymptom(d Diagnosis) string {
	y := d.Unexplained[0]
	if len(y.Paths) > 0 && !y.Address.IsValid() {
		return DescribePath(v.paths[v.place[y.Paths[0]]])
	}
	return clause(y.Text)
}

// goodNews is the headline where no fault was found: it claims no more than was seen.
func (v *view) goodNews(d Diagnosis) string {
	network := words.Say("profile." + v.profile.Name + ".name")
	checks := listed(v.checked())
	if f := v.worthALook(d); f != nil {
		return words.Say("headline.look", "network", network, "summary", clause(f.Summary))
	}
	answered, silent, doubt := false, false, false
	for _, iv := range v.ifaces {
		for _, p := range iv.paths {
			answered = answered || p.Outcome == Answered && p.Asks != AsksDAD
			silent = silent || missing(p)
			doubt = doubt || iv.doubtful(p)
		}
	}
	if silent && !answered {
		return words.Say("headline.unproven", "network", network, "checks", checks)
	}
	part := len(v.s.Run.Only)+len(v.s.Run.Skip) > 0
	key := "ok"
	switch {
	case doubt && part:
		key = "same-part"
	case doubt:
		key = "same"
	case part:
		key = "part"
	}
	for _, f := range d.Findings {
		switch f.Cause {
		case "net.per-address-filter":
			key += "-filter"
		case "net.open-link":
			key += "-open"
		default:
			continue
		}
		break
	}
	return words.Say("headline."+key, "network", network, "checks", checks)
}

// worthALook returns the finding that is no fault only because the program chose the hosts that it
// asked itself: nothing beyond the router answered.
func (v *view) worthALook(d Diagnosis) *Finding {
	i := slices.IndexFunc(d.Findings, func(f Finding) bool {
		return f.Cause == "path.refused" || f.Cause == "path.beyond-router"
	})
	if i < 0 || slices.ContainsFunc(v.ifaces, (*ifaceView).hearsInternet) {
		return nil
	}
	return &d.Findings[i]
}

func (iv *ifaceView) hearsInternet() bool {
	return iv.any(func(p *Path) bool { return p.TargetClass == TargetInternet && p.Outcome == Answered && ourSource(p) })
}

// doubtful reports whether an answer is missing of which it is not known whether that is normal. Of
// the Internet hosts one that answers is enough.
func (iv *ifaceView) doubtful(p *Path) bool {
	return missing(p) && iv.normal[p.ID] == nil && ourSource(p) && reaches(p) && !iv.reached[questionOf(*p)] &&
		(p.TargetClass != TargetInternet || p.Outcome == Refused || !iv.hearsInternet())
}

// namesShown bounds a list inside a sentence.
const namesShown = 4

// listed puts names into a sentence.
func listed(names []string) string {
	if n := len(names) - namesShown; n > 1 {
		return words.Say("list.more", "list", strings.Join(names[:namesShown], ", "), "n", n)
	}
	return strings.Join(names, ", ")
}
