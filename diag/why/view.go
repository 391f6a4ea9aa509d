package why

import (
	"net/netip"
	"slices"
	"sync"

	"ndwhy/diag"
	"ndwhy/diag/across"
	"ndwhy/diag/words"
)

// A view is a state with what every cause needs to know of it worked out once.
type view struct {
	s       *diag.State
	profile Profile
	rec     Recognition
	normals *normals
	paths   []diag.Path // in the order of the report
	place   map[string]int
	normal  map[string]*bool
	ifaces  []*ifaceView
	gone    []Unknown // interfaces of which nothing can be told, by name
	frames  []diag.Event
	out     bool // applications get answers from beyond the link: see goesOut

	fars   []*across.Host          // other hosts that watched at the same time
	traces map[string]across.Trace // by path: what they saw of it
	calls  []heardCall             // of captures

	symptoms []symptom
}

// An ifaceView is what the view knows of one interface.
type ifaceView struct {
	*view
	name      string
	net       *diag.LinkModel
	offers    []diag.Offer // of the link's routers, with what became of each
	traffic   *traffic
	addresses []diag.At[diag.Address]
	class     map[netip.Addr]diag.SourceClass
	assigned  []diag.Assignment
	paths     []*path
	// reached are the questions that were answered on the wire or to the kernel.
	reached map[diag.Question]bool
	// answers are the answered paths by what was asked, of whom.
	answers map[asked][]*path
	// vain is how many packets were sent at most of each question that got no answer: frames of ours, which include the
	// kernel's, or the kernel's, of whatever socket.
	vain map[askedFrom]int
	// losing is the share of packets that the interface is reckoned to lose by chance.
	losing float64
	// bound are the questions that a socket bound to the interface asked in vain, or could not ask for want of a source.
	bound map[asked]bool
	// discovered are the targets of which a path shows that neighbour discovery succeeds; viaRouter
	// those for which the kernel would not try it.
	discovered, viaRouter map[netip.Addr]bool
	// speakers are fromHosts, found when it is first asked for.
	speakers func() map[netip.Addr]diag.Event
}

// asked is a question without who asked it.
type asked struct {
	asks   diag.Asks
	target netip.Addr
}

// askedFrom is a question with the address that asks it.
type askedFrom struct {
	asked
	source netip.Addr
}

func newView(s *diag.State) *view {
	links := s.ReadLinks()
	v := &view{s: s, frames: s.Frames(), rec: RecogniseOn(s, links), paths: s.PathsSorted(), normal: map[string]*bool{}, place: map[string]int{}, fars: across.Hosts(s), traces: map[string]across.Trace{}}
	v.profile = ProfileNamed(v.rec.Name)
	v.normals = normalsIn(s, links, v.rec, v.profile)
	for i, p := range v.paths {
		v.paths[i] = v.normals.ours(p)
		v.normal[p.ID] = v.normals.of(p)
		v.place[p.ID] = i
	}
	heard := v.readTraffic()
	for _, name := range s.InterfacesOf() {
		// Of an interface that is gone, or was shaken, nothing can be told: what it lacks now says nothing of
		// what it had, and what failed may have failed because of that.
		iv := v.newInterface(name, heard[name])
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
	if s.Overheard != nil {
		v.calls = v.heardCalls()
		return v // nobody asked, and nothing is missed
	}
	v.out = v.goesOut()
	for _, iv := range v.ifaces {
		iv.findSymptoms()
	}
	return v
}

func (v *view) newInterface(name string, heard *traffic) *ifaceView {
	iv := &ifaceView{
		view: v, name: name, net: v.normals.link(name), traffic: heard, addresses: v.s.AddressesOn(name),
		class: map[netip.Addr]diag.SourceClass{}, reached: map[diag.Question]bool{},
		vain: map[askedFrom]int{}, answers: map[asked][]*path{}, bound: map[asked]bool{}, discovered: map[netip.Addr]bool{}, viaRouter: map[netip.Addr]bool{},
	}
	iv.speakers = sync.OnceValue(iv.fromHosts)
	iv.offers = iv.net.Offers()
	if heard == nil {
		iv.traffic = newTraffic()
	}
	assigned := v.s.Assigned(name)
	iv.assigned = assigned.Rows
	for _, a := range iv.addresses {
		iv.class[a.Fact.Address] = assigned.ClassOf(a.Fact.Address)
	}
	for i := range v.paths {
		p := &path{Path: &v.paths[i], normal: v.normal[v.paths[i].ID], symptom: -1}
		if p.Interface != name || p.Via == diag.ViaApp && p.Outcome == diag.Answered && p.Out != "" && p.Out != name {
			continue // what works by another interface says nothing of this one
		}
		iv.paths = append(iv.paths, p)
		if discovers(p) {
			iv.discovered[p.Target] = true
		}
		if p.Detail == "via-router" {
			iv.viaRouter[p.Target] = true
		}
		if p.Via == diag.ViaKernel && (p.Missing() && (p.normal == nil || !*p.normal) && !iv.tooNear(p) || p.Detail == "no-source") {
			iv.bound[asked{p.Asks, p.Target}] = true
		}
		if p.Outcome == diag.Answered {
			iv.reached[diag.QuestionOf(*p.Path)] = true
			iv.answers[asked{p.Asks, p.Target}] = append(iv.answers[asked{p.Asks, p.Target}], p)
		}
	}
	iv.read()
	iv.losing = iv.lossRate()
	return iv
}

// lost says why nothing can be told of an interface; "" where something can. What is out of order for
// good is for the causes to name.
func (iv *ifaceView) lost() string {
	e, shaken := iv.s.Shaken(iv.name)
	was := iv.s.Removed(iv.name)
	switch {
	case !iv.s.Complete(diag.FeedNetlink) && !iv.net.Known:
		return ""
	case !iv.net.Known && was:
		return words.Say("unknown.interface-gone", "interface", iv.name)
	case !iv.net.Known:
		return words.Say("unknown.interface", "interface", iv.name)
	case !shaken || !iv.net.Link.Up || !iv.net.Link.Carrier || len(findIPv6Disabled(iv)) > 0:
		return ""
	}
	a, ok := e.Body.(diag.Address)
	switch {
	case !ok:
		return words.Say("unknown.link-lost", "interface", iv.name)
	case iv.any(func(p *path) bool { return p.Source == a.Address }):
		return words.Say("unknown.address-lost", "interface", iv.name, "address", a.Address)
	}
	return ""
}

func (v *view) on(iface string) *ifaceView {
	return v.ifaces[slices.IndexFunc(v.ifaces, func(iv *ifaceView) bool { return iv.name == iface })]
}

// where returns the paths of the interface that ok holds of.
func (iv *ifaceView) where(ok func(*path) bool) []*path {
	var list []*path
	for _, p := range iv.paths {
		if ok(p) {
			list = append(list, p)
		}
	}
	return list
}

func (iv *ifaceView) any(ok func(*path) bool) bool { return slices.ContainsFunc(iv.paths, ok) }

func (iv *ifaceView) sysctl(name string) (value string, event diag.Event) {
	value, _ = iv.s.Sysctl(iv.name, name)
	return value, iv.s.Said(diag.SysctlKey{Scope: iv.name, Name: name})
}

// isCandidate reports whether the program itself tried an address.
func (iv *ifaceView) isCandidate(addr netip.Addr) bool {
	return slices.Contains(iv.s.Run.Try, addr) || iv.any(func(p *path) bool {
		return p.Source == addr && p.SourceClass == diag.SourceCandidate ||
			p.Target == addr && p.Asks == diag.AsksDAD && p.Check == "added"
	})
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

func addressSubject(a netip.Addr) Subject { return Subject{"address", a.String()} }
