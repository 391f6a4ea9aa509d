package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// symptomKind says what differs from normal.
type symptomKind int

const (
	pathSymptom symptomKind = iota
	noGlobal                // no usable global address on the interface
	noDefault               // no default route anywhere
	absent                  // an assigned address is not configured
	unheeded                // others solicit for a configured address, and this host does not answer
)

// A symptom is one difference from normal, for causes to explain.
type symptom struct {
	kind  symptomKind
	iface string
	path  *path      // of a pathSymptom
	addr  netip.Addr // of an absent or unheeded one
	// weak: the program chose the target itself, so that its silence proves little. What explains
	// only weak symptoms is info, and a weak symptom that nothing explains is not reported.
	weak bool
	// mild: the program chose the target itself, and nothing else proves the way to it; or this host lets a connection
	// not out, which may be its owner's will. What explains only such is a warning at most.
	mild bool
}

// byPort reports whether it is of a connection, or of a service.
func (y symptom) byPort() bool {
	return y.path != nil && (y.path.Asks == diag.AsksTCP || y.path.Asks == diag.AsksService)
}

// findSymptoms lists what differs from normal on an interface.
func (iv *ifaceView) findSymptoms() {
	for _, p := range iv.paths {
		n := p.normal
		missing := p.Outcome == diag.Silent || p.Outcome == diag.Refused || p.Outcome == diag.Unsent
		chosen := !p.Given && (p.TargetClass == diag.TargetPeer || p.TargetClass == diag.TargetInternet)
		ours := p.SourceClass == diag.SourceAssigned || p.SourceClass == diag.SourceUnknown
		switch {
		case p.Via == diag.ViaApp && iv.bound[asked{p.Asks, p.Target}]:
			// A bound socket gets no answer either: that says the same, and where it breaks.
		case iv.borrowed(p.Source):
			// That the interface has no address of its own is the symptom.
		case iv.taken(p):
			// That it has this one no more is, if it should have it.
		case p.Via == diag.ViaApp && iv.missedThere(p):
			// So does one that is bound to the interface by which it left.
		case n != nil && !*n:
			unwilling := (p.Asks == diag.AsksTCP || p.Asks == diag.AsksService) && p.silent() && p.fate == stoppedHere && p.came.Body == nil && !droppedIn(p.drop)
			iv.symptom(symptom{kind: pathSymptom, iface: iv.name, path: p, mild: unwilling})
		case n == nil && missing && chosen && ours && !iv.reached[diag.QuestionOf(*p.Path)] &&
			p.origin != far && (p.Reaches() || p.Asks == diag.AsksMTU && iv.normals.smallAnswered(*p.Path)):
			mild := p.TargetClass == diag.TargetInternet && !iv.hearsBeyond()
			iv.symptom(symptom{kind: pathSymptom, iface: iv.name, path: p, weak: !mild, mild: mild})
		}
	}
	if !iv.s.Complete(diag.FeedNetlink) || !iv.net.Known {
		return
	}
	if !iv.hasUsableGlobal() {
		iv.symptom(symptom{kind: noGlobal, iface: iv.name})
	}
	if !iv.hasAnyDefault() {
		iv.symptom(symptom{kind: noDefault, iface: iv.name})
	}
	for _, a := range iv.addresses {
		if iv.s.Complete(diag.FeedFrames) && iv.unanswered(a.Fact.Address) {
			iv.symptom(symptom{kind: unheeded, iface: iv.name, addr: a.Fact.Address})
		}
	}
	for _, a := range iv.absentAddresses() {
		iv.symptom(symptom{kind: absent, iface: iv.name, addr: a})
	}
	if iv.net.Link.Ethernet && iv.net.Link.MAC != (diag.MAC{}) && !slices.ContainsFunc(iv.addresses, func(a diag.At[diag.Address]) bool { return a.Fact.Address.IsLinkLocalUnicast() }) {
		// Every interface has one (RFC 4291 §2.1); which, only the rule of EUI-64 tells.
		iv.symptom(symptom{kind: absent, iface: iv.name, addr: iv.net.Link.MAC.LinkLocal()})
	}
}

// missedThere reports whether what an unbound socket asked of a neighbour left by another interface, where a bound one got
// no answer either, or that has no address of its own: whatever is the matter is there.
func (iv *ifaceView) missedThere(p *path) bool {
	if p.Detail != "elsewhere" || !iv.normals.link(p.Out).Within(p.Target) {
		return false
	}
	i := slices.IndexFunc(iv.ifaces, func(other *ifaceView) bool { return other.name == p.Out })
	return i >= 0 && (iv.ifaces[i].bound[asked{p.Asks, p.Target}] || iv.ifaces[i].borrowed(p.Source))
}

// droppedIn reports whether a drop is of a packet that came.
func droppedIn(e diag.Event) bool {
	d, ok := e.Body.(diag.Drop)
	return ok && !d.Frame.Out
}

func (v *view) symptom(y symptom) {
	if y.path != nil {
		y.path.symptom = len(v.symptoms)
	}
	v.symptoms = append(v.symptoms, y)
}

// hasUsableGlobal reports whether an interface has a global address that the network may let
// through: one that is not known to be filtered.
func (iv *ifaceView) hasUsableGlobal() bool { return iv.usableGlobal().IsValid() }

// usableGlobal returns the first such address; zero: there is none.
func (iv *ifaceView) usableGlobal() netip.Addr {
	for _, a := range iv.addresses {
		if iv.global(a.Fact) && a.Fact.Flags.Usable() && !iv.filtered(a.Fact.Address) {
			return a.Fact.Address
		}
	}
	return netip.Addr{}
}

func (iv *ifaceView) global(a diag.Address) bool {
	scope := diag.ScopeOf(a.Address)
	return (scope == diag.GlobalScope || scope == diag.ULAScope) && !a.Passing()
}

// hasAnyDefault reports whether there is a default route in any table, or another interface has
// the one of the main table.
func (iv *ifaceView) hasAnyDefault() bool {
	if len(iv.net.Defaults) > 0 {
		return true
	}
	for k, r := range iv.s.Routes.All() {
		if k.Dst.Bits() == 0 && !k.From.IsValid() && k.Table == diag.MainTable && k.Type == "unicast" && iv.s.Left(r.Fact.ExpiresS, r.At) != 0 {
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
		if !a.Prefix.IsSingleIP() || a.Source == diag.FromEUI64 || diag.ScopeOf(addr) == diag.LinkLocalScope ||
			slices.Contains(list, addr) || iv.net.Configured(addr) || iv.leaseOver(a) {
			continue
		}
		list = append(list, addr)
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}

// leaseOver reports whether an assignment is known from a lease or Reply alone whose lifetime is over.
func (iv *ifaceView) leaseOver(a diag.Assignment) bool {
	var rows []diag.LeaseAddress
	at := iv.s.Now
	switch a.Source {
	case diag.FromLease:
		rows = iv.s.Leases[iv.name].Addresses
	case diag.FromDHCPv6:
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
			u.Text = words.Say("symptom.path", "question", sayQuestion(y.path.Path), "interface", y.iface, "outcome", sayOutcome(y.path.Path))
			u.Paths, u.Evidence = []string{y.path.ID}, y.path.Evidence
		case noGlobal:
			u.Text = words.Say("symptom.no-global", "interface", y.iface)
		case noDefault:
			u.Text = words.Say("symptom.no-default", "interface", y.iface)
		case absent:
			u.Text = words.Say("symptom.absent", "interface", y.iface, "address", y.addr)
		case unheeded:
			e := v.on(y.iface).traffic.sought[y.addr]
			u.Text, u.Evidence = words.Say("symptom.unheeded", "interface", y.iface, "address", y.addr, "from", e.Body.(diag.Frame).Src), []int64{e.Seq}
		}
		list = append(list, u)
	}
	return list
}

// sayQuestion says what was asked, as people say it.
func sayQuestion(p *diag.Path) string {
	source := words.Say("report.source.unspecified")
	if p.Source.IsValid() && !p.Source.IsUnspecified() {
		source = p.Source.String()
	}
	return words.Say("symptom.question", "asks", words.Say("plain.asks."+string(p.Asks)), "source", source, "target", p.Target,
		"via", words.Say("plain.via."+string(p.Via)))
}

// sayOutcome says what came of it.
func sayOutcome(p *diag.Path) string {
	outcome := words.Say("outcome." + string(p.Outcome))
	if p.Detail != "" {
		outcome += " (" + words.Detail(string(p.Asks), p.Detail, p.Note) + ")"
	}
	return outcome
}
