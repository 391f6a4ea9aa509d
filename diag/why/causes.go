package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A Cause is one thing that can be so and explains what is seen. Its words are in the catalogue
// under cause.<ID>: title, means, evidence, contradicts, see, source, summary, explanation, apart.
type Cause struct {
	ID       string
	Severity Severity // unless a hypothesis says otherwise
	// Hides are causes that say less of the same address (or interface) than this one.
	Hides  []string
	Remedy []Remedy

	// find returns the hypotheses that the observations of an interface call for.
	find func(*ifaceView) []hypothesis
	// contradicted reports whether an observation rules a hypothesis out.
	contradicted func(*ifaceView, hypothesis) bool
}

// A Remedy is a command that helps, with placeholders as in the catalogue.
type Remedy struct {
	Command string
	AWS     bool // only in a VPC
	// If says when it helps; nil: always.
	If func(*view, *hypothesis) bool
}

func always(commands ...string) []Remedy {
	list := make([]Remedy, len(commands))
	for i, c := range commands {
		list[i].Command = c
	}
	return list
}

func onAWS(commands ...string) []Remedy {
	list := always(commands...)
	for i := range list {
		list[i].AWS = true
	}
	return list
}

// causes is the catalogue, in the order in which findings of one severity are shown: what is
// wrong on this host, then with its addresses, then with the router, then beyond.
var causes = slices.Concat(hostCauses, addressCauses, routerCauses, dhcpCauses, peerCauses, pathCauses, serviceCauses, netCauses)

var causeRank = map[string]int{}

func init() {
	for i, c := range causes {
		causeRank[c.ID] = i
	}
}

// CauseNames returns the names of all causes in the order of the catalogue.
func CauseNames() []string {
	names := make([]string, len(causes))
	for i, c := range causes {
		names[i] = c.ID
	}
	return names
}

// where returns the paths of the interface that ok holds of.
func (iv *ifaceView) where(ok func(*diag.Path) bool) []*diag.Path {
	var list []*diag.Path
	for _, p := range iv.paths {
		if ok(p) {
			list = append(list, p)
		}
	}
	return list
}

func (iv *ifaceView) any(ok func(*diag.Path) bool) bool { return slices.ContainsFunc(iv.paths, ok) }

// explain says that h is why these paths came out as they did.
func (iv *ifaceView) explain(h *hypothesis, paths ...*diag.Path) {
	for _, p := range paths {
		if y, ok := iv.byPath[p.ID]; ok {
			h.symptoms = append(h.symptoms, y)
		} else {
			h.paths = append(h.paths, p.ID)
		}
	}
}

// explains reports whether a path's symptom is among those that h explains.
func (iv *ifaceView) explains(h *hypothesis, p *diag.Path) bool {
	y, ok := iv.byPath[p.ID]
	return ok && slices.Contains(h.symptoms, y)
}

// explainKind says that h is why a symptom that is no path's is there. A link-local address comes from
// nobody but this host.
func (iv *ifaceView) explainKind(h *hypothesis, kinds ...symptomKind) {
	for i, y := range iv.symptoms {
		if y.iface == iv.name && slices.Contains(kinds, y.kind) && !y.addr.IsLinkLocalUnicast() {
			h.symptoms = append(h.symptoms, i)
		}
	}
}

// explainAll says that h is why anything is missing on the interface at all.
func (iv *ifaceView) explainAll(h *hypothesis) {
	for i, y := range iv.symptoms {
		if y.iface == iv.name && (y.path == nil || y.path.Missing()) {
			h.symptoms = append(h.symptoms, i)
		}
	}
}

// rest adds the evidence of paths that h rests on without explaining them: its controls.
func rest(h *hypothesis, paths ...*diag.Path) {
	for _, p := range paths {
		if p != nil {
			h.evidence = append(h.evidence, p.Evidence...)
		}
	}
}

func (iv *ifaceView) sysctl(name string) (value string, event diag.Event, known bool) {
	value, known = iv.s.Sysctl(iv.name, name)
	return value, iv.s.Said(diag.SysctlKey{Scope: iv.name, Name: name}), known
}

func addressSubject(a netip.Addr) Subject { return Subject{"address", a.String()} }

// isCandidate reports whether the program itself tried an address.
func (iv *ifaceView) isCandidate(addr netip.Addr) bool {
	return slices.Contains(iv.s.Run.Try, addr) || iv.any(func(p *diag.Path) bool {
		return p.Source == addr && p.SourceClass == diag.SourceCandidate ||
			p.Target == addr && p.Asks == diag.AsksDAD && p.Check == "added"
	})
}

// ownMAC reports whether an Ethernet address is one of this host's.
func (v *view) ownMAC(m diag.MAC) bool {
	for _, l := range v.s.Links {
		if l.MAC == m {
			return true
		}
	}
	return false
}

// resolved reports whether neighbour discovery for a target succeeded for an address of ours: on
// the wire, or in the kernel's table while it was asked.
func (iv *ifaceView) resolved(target netip.Addr) bool {
	return iv.any(func(p *diag.Path) bool {
		return p.Target == target && (p.Asks == diag.AsksND && p.Outcome == diag.Answered ||
			p.Asks == diag.AsksEcho && (p.Outcome == diag.Answered || p.Via == diag.ViaKernel && p.NUD.Resolved() && p.Detail != "unresolved"))
	})
}

// neighbour reports whether a target is proven to be on the link: the kernel would ask for it there,
// and neighbour discovery for it succeeded. An echo alone may have come from beyond a router.
func (iv *ifaceView) neighbour(target netip.Addr) bool {
	return iv.discovered[target] && iv.onLink(target)
}

// discovers reports whether a path shows that neighbour discovery for its target succeeds, if that is
// on the link at all.
func discovers(p *diag.Path) bool {
	return p.Asks == diag.AsksND && (p.Outcome == diag.Answered || p.Detail == "already-resolved") ||
		p.Asks == diag.AsksEcho && p.Outcome == diag.Answered && p.Via == diag.ViaKernel && p.NUD.Resolved()
}

// onLink reports whether a target is reached without a router: the kernel's own word where it was
// asked, else the prefixes of the link.
func (iv *ifaceView) onLink(target netip.Addr) bool {
	if target.IsLinkLocalUnicast() {
		return true
	}
	if iv.viaRouter[target] {
		return false
	}
	for _, bound := range []string{iv.name, ""} {
		sel, ok := iv.s.Selections[diag.SelectionKey{Dst: target, Bound: bound}]
		if ok && sel.Errno == "" && sel.Interface == iv.name {
			return !sel.Via.IsValid() || sel.Via == target
		}
	}
	if slices.ContainsFunc(iv.s.LinkPrefixes(iv.name), func(p netip.Prefix) bool { return p.Contains(target) }) {
		return true
	}
	for k := range iv.s.Routes {
		if k.Interface == iv.name && k.Table == diag.MainTable && k.Type == "unicast" && !k.Via.IsValid() && k.Dst.Bits() > 0 && k.Dst.Contains(target) {
			return true
		}
	}
	return false
}

// routerAddresses are the addresses by which the interface's routers are to be reached.
func (iv *ifaceView) routerAddresses() []netip.Addr {
	var list []netip.Addr
	for _, r := range iv.routers {
		if iv.s.Left(r.Last.LifetimeS, r.At) != 0 {
			list = append(list, r.Address)
		}
	}
	for _, d := range iv.defaults {
		if d.Fact.Via.IsValid() && !slices.Contains(list, d.Fact.Via) {
			list = append(list, d.Fact.Via)
		}
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}

// targets returns the addresses of a class that were asked, sorted.
func (iv *ifaceView) targets(class diag.TargetClass) []netip.Addr {
	seen := map[netip.Addr]bool{}
	for _, p := range iv.paths {
		if p.TargetClass == class {
			seen[p.Target] = true
		}
	}
	list := make([]netip.Addr, 0, len(seen))
	for a := range seen {
		list = append(list, a)
	}
	diag.SortFunc(list, netip.Addr.Compare)
	return list
}

// netCauses describe the network; none is a fault.
var netCauses = []Cause{
	{ID: "net.per-address-filter", Severity: Info, find: findPerAddressFilter, contradicted: candidateSpoke},
	{ID: "net.open-link", Severity: Info, find: findOpenLink},
	{ID: "net.multicast-suppressed", Severity: Info, find: findMulticastSuppressed},
	{ID: "net.router-silent", Severity: Info, find: findRouterSilent},
}

func candidateSpoke(iv *ifaceView, _ hypothesis) bool {
	sought := iv.sought()
	return iv.any(func(p *diag.Path) bool {
		return p.SourceClass == diag.SourceCandidate && (sought[p.Source] || iv.spoke(p.Source))
	})
}

// sought are the addresses that others on the link asked for. Who asks for a candidate has something
// to deliver to it: what was sent from it arrived, and was answered. (A claim answers no solicitation.)
func (iv *ifaceView) sought() map[netip.Addr]bool {
	set := map[netip.Addr]bool{}
	for _, e := range iv.frames {
		f, ok := e.Body.(diag.Frame)
		if ok && !f.Out && f.Type == diag.NS && f.Bad == "" && f.Interface == iv.name && !f.Src.IsUnspecified() && !iv.ownMAC(f.SrcMAC) {
			set[f.Target] = true
		}
	}
	return set
}

// findPerAddressFilter wants the two controls: an assigned address was answered, and one that
// nobody assigned was not, by the same target asked in the same way.
func findPerAddressFilter(iv *ifaceView) []hypothesis {
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true}
	candidates := 0
	for _, class := range []diag.SourceClass{diag.SourceCandidate, diag.SourceUnassigned} {
		for _, p := range iv.paths {
			if p.SourceClass != class || p.Outcome != diag.Silent || !p.Reaches() {
				continue
			}
			c := iv.control(p)
			if c == nil || class == diag.SourceUnassigned && (diag.ScopeOf(p.Source) == diag.LinkLocalScope || iv.spoke(p.Source)) {
				continue
			}
			iv.explain(&h, p)
			rest(&h, c, p)
			if len(h.args) == 0 {
				h.args = []any{"source", c.Source, "candidate", p.Source, "target", p.Target}
			}
			if class == diag.SourceCandidate {
				candidates++
				if c.SourceClass == diag.SourceAssigned {
					h.confidence = Certain
				}
			}
		}
		if candidates > 0 {
			break
		}
	}
	if len(h.args) == 0 {
		return nil
	}
	return []hypothesis{h}
}

func findOpenLink(iv *ifaceView) []hypothesis {
	h := hypothesis{direct: true, confidence: Likely, subject: Subject{"interface", iv.name}}
	silent := iv.any(func(p *diag.Path) bool {
		return p.SourceClass == diag.SourceCandidate && p.Outcome == diag.Silent && iv.control(p) != nil && !iv.spoke(p.Source)
	})
	for _, p := range iv.paths {
		// A configured address that is answered where candidates are silent is assigned after all.
		tried := p.SourceClass == diag.SourceCandidate || p.SourceClass == diag.SourceUnassigned && !silent
		if !tried || p.Outcome != diag.Answered || !p.Reaches() || !iv.spoke(p.Source) {
			continue
		}
		iv.explain(&h, p)
		rest(&h, p)
		if len(h.args) == 0 {
			h.args = []any{"source", p.Source, "target", p.Target}
		}
		if p.Asks == diag.AsksEcho && iv.s.AssignmentKnown(iv.name, diag.GlobalScope) {
			h.confidence = Certain
		}
	}
	if len(h.args) == 0 {
		return nil
	}
	return []hypothesis{h}
}

func findMulticastSuppressed(iv *ifaceView) []hypothesis {
	all := iv.where(func(p *diag.Path) bool { return p.TargetClass == diag.TargetAllNodes })
	heard := slices.ContainsFunc(all, func(p *diag.Path) bool { return p.Outcome == diag.Answered })
	all = slices.DeleteFunc(all, func(p *diag.Path) bool { return p.Outcome != diag.Silent })
	heard = heard || len(iv.lateEchoes()) > 0
	if len(all) == 0 || heard {
		return nil
	}
	var proof *diag.Path
	for _, p := range iv.paths {
		live := p.Outcome == diag.Answered && iv.neighbour(p.Target) &&
			(p.TargetClass == diag.TargetPeer && p.Reaches() || p.TargetClass == diag.TargetRouter && p.Asks == diag.AsksEcho)
		if live && (proof == nil || p.Asks == diag.AsksEcho && proof.Asks != diag.AsksEcho) {
			proof = p
		}
	}
	if proof == nil {
		return nil
	}
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"interface", iv.name}, beyond: true,
		args: []any{"target", proof.Target},
	}
	if proof.Asks == diag.AsksEcho {
		h.confidence = Certain
	}
	iv.explain(&h, all...)
	rest(&h, proof)
	return []hypothesis{h}
}

func findRouterSilent(iv *ifaceView) []hypothesis {
	var list []hypothesis
	for _, router := range iv.targets(diag.TargetRouter) {
		if !iv.resolved(router) || len(iv.lateEchoes()) > 0 {
			continue
		}
		answered := iv.any(func(p *diag.Path) bool {
			return p.Target == router && p.Asks == diag.AsksEcho && p.Outcome == diag.Answered
		})
		silent := iv.where(func(p *diag.Path) bool {
			return p.Target == router && p.Asks == diag.AsksEcho && p.Outcome == diag.Silent && p.Detail != "unresolved" && p.Ours() && !iv.excused(p)
		})
		if answered || len(silent) == 0 || iv.overridden(router) != nil {
			continue
		}
		h := hypothesis{
			direct: true, confidence: Certain, subject: Subject{"router", router.String()}, addr: router,
			args: []any{"router", router}, beyond: true,
		}
		iv.explain(&h, silent...)
		rest(&h, iv.where(func(p *diag.Path) bool {
			return p.Target == router && p.Asks == diag.AsksND && p.Outcome == diag.Answered
		})...)
		list = append(list, h)
	}
	return list
}
