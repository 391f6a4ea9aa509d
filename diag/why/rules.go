package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A rule is a cause that is inferred from what was asked: answers that did not come, beside others that did.
// The paths that explains holds of are put together by what the cause is about. For each of these every test
// in needs must hold of some path, which becomes evidence, and denied of none.
type rule struct {
	// about is what a path says something of, the zero address where it is the whole interface.
	about func(*ifaceView, *path) netip.Addr
	kind  string // of the subject
	arg   string // the subject's name in the words

	explains test
	needs    []test
	denied   test
	given    func(iv *ifaceView, about netip.Addr) bool // what must hold besides

	confidence Confidence
	direct     bool // it stands whether it explains a symptom or not
	more       func(*ifaceView, *hypothesis)
}

// A test says something of a path, in the light of what a cause is about.
type test func(iv *ifaceView, about netip.Addr, p *path) bool

func all(tests ...test) test {
	return func(iv *ifaceView, a netip.Addr, p *path) bool {
		return !slices.ContainsFunc(tests, func(t test) bool { return !t(iv, a, p) })
	}
}

func either(tests ...test) test {
	return func(iv *ifaceView, a netip.Addr, p *path) bool {
		return slices.ContainsFunc(tests, func(t test) bool { return t(iv, a, p) })
	}
}

func not(t test) test {
	return func(iv *ifaceView, a netip.Addr, p *path) bool { return !t(iv, a, p) }
}

// of makes a test of what a path says by itself.
func of(ok func(p *path) bool) test {
	return func(_ *ifaceView, _ netip.Addr, p *path) bool { return ok(p) }
}

// in makes a test of what a path says among all that is known of the interface.
func in(ok func(iv *ifaceView, p *path) bool) test {
	return func(iv *ifaceView, _ netip.Addr, p *path) bool { return ok(iv, p) }
}

func asking(list ...diag.Asks) test {
	return of(func(p *path) bool { return slices.Contains(list, p.Asks) })
}

func toward(list ...diag.TargetClass) test {
	return of(func(p *path) bool { return slices.Contains(list, p.TargetClass) })
}

func came(list ...diag.Outcome) test {
	return of(func(p *path) bool { return slices.Contains(list, p.Outcome) })
}

// The vocabulary of the rules.
var (
	itself       test = func(_ *ifaceView, a netip.Addr, p *path) bool { return p.Target == a }
	fromUs            = of(func(p *path) bool { return p.Ours() })
	byKernel          = of(func(p *path) bool { return p.Via == diag.ViaKernel })
	answers           = came(diag.Answered)
	silence           = came(diag.Silent)
	undiscovered      = of((*path).failedDiscovery) // so that it never left
	unanswered        = of((*path).beyondHost)      // it left this host, and nothing came
	linkLocal         = of(func(p *path) bool { return p.Target.IsLinkLocalUnicast() })
	symptomatic       = of(func(p *path) bool { return p.symptom >= 0 })
	nearby            = in(func(iv *ifaceView, p *path) bool { return iv.near(p.Target) })
	live              = in(func(iv *ifaceView, p *path) bool { return iv.neighbour(p.Target) })
)

func target(_ *ifaceView, p *path) netip.Addr { return p.Target }

func (r rule) find(iv *ifaceView) []hypothesis {
	groups := map[netip.Addr][]*path{}
	var order []netip.Addr
	for _, p := range iv.paths {
		var about netip.Addr
		if r.about != nil {
			if about = r.about(iv, p); !about.IsValid() {
				continue
			}
		}
		if !r.explains(iv, about, p) {
			continue
		}
		if groups[about] == nil {
			order = append(order, about)
		}
		groups[about] = append(groups[about], p)
	}
	diag.SortFunc(order, netip.Addr.Compare)
	var list []hypothesis
	for _, about := range order {
		if h, ok := r.hypothesis(iv, about, groups[about]); ok {
			list = append(list, h)
		}
	}
	return list
}

func (r rule) hypothesis(iv *ifaceView, about netip.Addr, explained []*path) (hypothesis, bool) {
	h := hypothesis{direct: r.direct, confidence: r.confidence, subject: Subject{"interface", iv.name}, addr: about, beyond: true}
	if r.about != nil {
		h.subject, h.args = Subject{r.kind, about.String()}, []any{r.arg, about}
	}
	holds := func(t test) func(p *path) bool { return func(p *path) bool { return t(iv, about, p) } }
	if r.given != nil && !r.given(iv, about) || r.denied != nil && iv.any(holds(r.denied)) {
		return h, false
	}
	for _, need := range r.needs {
		i := slices.IndexFunc(iv.paths, holds(need))
		if i < 0 {
			return h, false
		}
		rest(&h, iv.paths[i])
	}
	iv.explain(&h, explained...)
	if r.more != nil {
		r.more(iv, &h)
	}
	return h, r.direct || len(h.symptoms) > 0
}

// first returns the first path that a test holds of; nil: there is none.
func (iv *ifaceView) first(t test) *path {
	for _, p := range iv.paths {
		if t(iv, netip.Addr{}, p) {
			return p
		}
	}
	return nil
}
