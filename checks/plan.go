package checks

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

// Limits of safety rule 4.
const (
	maxFresh    = 64   // targets without an entry that the kernel is asked about
	maxPackets  = 2000 // in a run
	perPeer     = 8    // or this for each peer the user named
	cachePeers  = 4
	sourceHosts = 2 // Internet hosts that each configured address asks
	reasks      = 12
	// kernelSolicits is how often the kernel itself solicits a neighbour (mcast_solicit).
	kernelSolicits = 3
)

// A planner makes the questions of one round. It never changes the state.
type planner struct {
	s     *diag.State
	iface string
	link  diag.Link
	check Check // that plans
	// prior are the questions of the rounds before, on this interface: what was chosen stays.
	prior []*Question
	// later: this is not the first round, so the neighbour cache already shows our own doing.
	later bool
	// guess: where the kernel was not asked for its choice of source, work it out.
	guess bool

	questions []*Question
	wants     []lookup
	known     map[identity]bool // of prior
	planned   map[identity]bool // of questions
	// first are the lanes by which the kernel asks a target: see behind.
	first map[netip.Addr][]Lane
	// apps are the interfaces in whose name a target is asked as applications do.
	apps map[netip.Addr]string

	// What is asked of the state again and again, by interface.
	*ground
	mtus   map[string]int
	cached map[string][]netip.Addr // peers from the neighbour cache
	// mayAsk is kernelMayAsk's answer by interface, and fresh how many targets without an entry the
	// kernel is asked about.
	mayAsk map[string]map[netip.Addr]bool
	fresh  int
}

// A ground is what the state tells of the links and what is assigned, read once for as long as that stays so.
type ground struct {
	shaped  int64
	at      time.Time
	links   *diag.Links
	rows    map[string]*diag.Assigned
	ours    map[netip.Addr]bool // configured on any interface
	network *why.Recognition
}

// groundLasts is for how long a ground that no event has changed is held to be so: lifetimes run out by themselves.
const groundLasts = 50 * time.Millisecond

func newGround(s *diag.State) *ground {
	return &ground{shaped: s.Shaped(), at: s.Now, links: s.ReadLinks(), rows: map[string]*diag.Assigned{}}
}

// holds reports whether it is still so.
func (g *ground) holds(s *diag.State) bool {
	return g != nil && g.shaped == s.Shaped() && s.Now.Sub(g.at) < groundLasts
}

// A lookup is a question to the kernel's routing that planning waits for.
type lookup struct {
	iface string
	dst   netip.Addr
}

// An identity is what makes a question the same as another: its ID says it in words.
type identity struct {
	check, iface   string
	source, target netip.Addr
	asks           diag.Asks
	via            diag.Via
	fresh          bool
}

func (q *Question) identity() identity {
	id := identity{q.Check, q.Interface, q.Source, q.Target, q.Asks, q.Via, q.Fresh}
	if q.Via == diag.ViaApp {
		id.source = netip.Addr{} // the kernel will choose: the lane's is that of a bound socket
	}
	return id
}

// name is the ID of a question of a check that asks one target in several kinds, or in one.
func (id identity) name(several bool) string {
	var b strings.Builder
	for _, part := range []string{id.check, id.iface, name(id.source), name(id.target)} {
		b.WriteString(part + "/")
	}
	if several || id.asks == diag.AsksTCP {
		b.WriteString(string(id.asks) + "/")
	}
	b.WriteString(string(id.via))
	if id.fresh {
		b.WriteString("/fresh")
	}
	return b.String()
}

func newPlanner(s *diag.State, prior []*Question) *planner {
	known := map[identity]bool{}
	for _, q := range prior {
		known[q.identity()] = true
	}
	return plannerOn(newGround(s), s, prior, known)
}

// plannerOn is newPlanner for who has the ground, and what is known of the questions before.
func plannerOn(g *ground, s *diag.State, prior []*Question, known map[identity]bool) *planner {
	p := &planner{
		s: s, prior: prior, later: len(prior) > 0, known: known, planned: map[identity]bool{}, first: map[netip.Addr][]Lane{},
		apps: map[netip.Addr]string{}, ground: g, mtus: map[string]int{}, cached: map[string][]netip.Addr{},
	}
	for _, q := range prior {
		p.remember(q)
	}
	return p
}

// run plans every check that is on, for every interface, and returns the questions that are new.
func (p *planner) run() []*Question {
	prior := p.prior
	for _, iface := range p.s.Run.Interfaces {
		link, ok := p.s.Links[iface]
		if !ok || !link.Ethernet || !link.Up {
			continue
		}
		p.iface, p.link = iface, link
		p.prior = slices.DeleteFunc(slices.Clone(prior), func(q *Question) bool { return q.Interface != iface })
		for _, p.check = range inOrder {
			if p.check.plan != nil && wanted(p.s.Run, p.check.ID) {
				p.check.plan(p)
			}
		}
	}
	p.order()
	return p.questions
}

// order makes what the fresh question of the run needs to come first come first: its target is
// asked by nobody before.
func (p *planner) order() {
	for _, list := range [][]*Question{p.prior, p.questions} {
		for _, fresh := range list {
			if !fresh.Fresh || fresh.Via != diag.ViaKernel {
				continue
			}
			for _, q := range p.questions {
				if q.Target == fresh.Target && q.Interface == fresh.Interface && q.Lane() != fresh.Lane() {
					q.After = append(q.After, fresh.Lane())
				}
			}
		}
	}
}

func (p *planner) count() int { return max(1, p.s.Run.Count) }

// noFrames is the cost of a question that another's frames answer.
const noFrames = -1

// add plans a question, in each of the ways given.
func (p *planner) add(q Question, kinds ...kind) {
	q.Interface, q.Check = p.iface, p.check.ID
	q.crowds = p.check.crowds
	q.controls = q.controls || p.check.controls == q.TargetClass
	if q.SourceClass == "" {
		q.SourceClass = p.assigned().ClassOf(q.Source)
	}
	for _, k := range kinds {
		p.addOne(q, k)
	}
}

func (p *planner) addOne(q Question, k kind) {
	q.kind, q.Asks, q.Via = k, k.asks(), k.via()
	if q.Via == diag.ViaApp {
		q.controls = false
	}
	id := q.identity()
	if p.known[id] || p.planned[id] {
		return
	}
	p.planned[id] = true
	fresh := q // most are known already, and take no place of their own
	fresh.ID = id.name(p.check.several)
	if isWireKind(k) && q.Planned() && !p.wire() {
		fresh.Outcome, fresh.Detail = diag.OutcomeSkipped, DetailNoRaw
	}
	first, again := k.cost(fresh, p.count())
	fresh.Again = again
	switch q.Frames {
	case 0:
		fresh.Frames = first
	case noFrames:
		fresh.Frames = 0
	}
	p.questions = append(p.questions, &fresh)
	p.remember(&fresh)
}

// remember notes what of a question others depend on.
func (p *planner) remember(q *Question) {
	p.goesFirst(q)
	if q.Via == diag.ViaApp {
		p.apps[q.Target] = q.Interface
	}
}

// name is an address in an ID.
func name(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

// skip reports a question as not asked, and why.
func (p *planner) skip(q Question, detail, note string, kinds ...kind) {
	q.Outcome, q.Detail, q.Note = diag.OutcomeSkipped, detail, note
	p.add(q, kinds...)
}

// wire reports whether questions by wire can be judged: without the tap nothing is seen.
func (p *planner) wire() bool {
	return p.s.Feeds[diag.FeedFrames].State != diag.Unavailable
}

// settled reports whether a check has asked something and has no question open.
func (p *planner) settled(check string) bool {
	some := false
	for _, list := range [][]*Question{p.prior, p.questions} {
		for _, q := range list {
			if q.Check != check || q.Interface != p.iface {
				continue
			}
			some = true
			if _, ok := p.s.Path(q.ID); !ok && q.Planned() {
				return false
			}
		}
	}
	return some
}

// kernelMayAsk returns the peers that the kernel is asked about: those that it has an entry for or
// reaches through a router, and as many others as safety rule 4 allows on all interfaces together.
func (p *planner) kernelMayAsk(peers []netip.Addr) map[netip.Addr]bool {
	if may := p.mayAsk[p.iface]; may != nil {
		return may
	}
	if p.mayAsk == nil {
		p.mayAsk = map[string]map[netip.Addr]bool{}
		for _, iface := range p.s.Run.Interfaces {
			other := plannerOn(p.ground, p.s, nil, nil)
			other.iface, other.link = iface, p.s.Links[iface]
			for _, router := range other.routerTargets() {
				if !other.net().Resolved(router) {
					p.fresh++
				}
			}
		}
	}
	may := map[netip.Addr]bool{}
	for _, a := range peers {
		switch {
		case p.net().Resolved(a) || !p.mayBeNear(a):
			may[a] = true
		case p.fresh < maxFresh:
			p.fresh++
			may[a] = true
		}
	}
	p.mayAsk[p.iface] = may
	return may
}
