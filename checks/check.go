// Package checks asks the network the program's own questions: can this source reach this target,
// asked by the kernel's sockets and by frames of our own.
//
// A check is data: what it needs, sends and changes is declared. Planning (which questions the
// state calls for) and judging (what the events mean for a question) are pure functions; only a Loop
// asks, through a Net, and what comes of it goes into the one stream of events and nowhere else.
// It knows no clock: Run drives it on this host. The package opens no socket itself:
// ndwhy/checks/probe does.
package checks

import (
	"cmp"
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/why"
)

// Capability is the privilege that a check cannot do without.
type Capability string

// The capabilities. A check that needs none still asks by wire where CAP_NET_RAW is there.
const (
	NeedsNothing  Capability = ""
	NeedsNetRaw   Capability = "net_raw"
	NeedsNetAdmin Capability = "net_admin"
)

// A Bound says how many packets of one kind a check sends at most, and per what.
type Bound struct {
	Key string // of the catalogue, group "sends": "sends.echo"
	Max int    // for each unit of Per
	Per string // of the catalogue, group "per": "per.target"
}

// A Check is one line of enquiry. The zero Check is of no use.
type Check struct {
	ID    string // stable: flags, reports and recordings name checks by it
	Needs Capability
	Sends []Bound
	// Changes are catalogue keys (group "changes") of what the check may change on this host.
	Changes []string
	// NeedsAdmin: with --add kernel it needs CAP_NET_ADMIN too.
	NeedsAdmin bool

	plan func(p *planner) // nil: it asks nobody
	// feed is the source of events that the check reads; empty: none in particular.
	feed diag.FeedName
	// several: it asks one target in several kinds, so its paths' IDs name the kind.
	several bool
	// crowds: there may be a thousand questions of it.
	crowds bool
	// controls: what it finds of targets of this class is what a candidate's silence is held against.
	controls diag.TargetClass
	// off says why the user turned it off otherwise than by its name, as a catalogue key; empty: that is not so.
	off func(diag.Run) string
	// nothing says why there may have been nothing to ask, as a catalogue key.
	nothing func(s *diag.State, iface string) string
}

// What was declared: by ID, and in the order in which it is shown.
var (
	declared = map[string]Check{}
	inOrder  []Check
)

// declare makes a check one of All.
func declare(c Check) {
	declared[c.ID] = c
	inOrder = append(inOrder, c)
	diag.SortFunc(inOrder, func(a, b Check) int {
		return cmp.Compare(slices.Index(diag.CheckOrder, a.ID), slices.Index(diag.CheckOrder, b.ID))
	})
}

// All returns every check, in the order in which they are shown.
func All() []Check { return slices.Clone(inOrder) }

// IDs returns the names of all checks in order.
func IDs() []string {
	var ids []string
	for _, c := range inOrder {
		ids = append(ids, c.ID)
	}
	return ids
}

// Find returns the check with an ID.
func Find(id string) (Check, bool) {
	c, ok := declared[id]
	return c, ok
}

// A Lane is what is asked in order: everything that one source asks one target on an interface.
// Lanes run side by side.
type Lane struct {
	Interface      string
	Source, Target netip.Addr
}

// A Question is a path that is to be asked, and how.
type Question struct {
	// Path is the question itself. With Outcome preset to skipped (Detail says why) it is only
	// reported.
	diag.Path
	// NextHop is the gateway on the way to Target; zero where Target is on the link.
	NextHop netip.Addr
	// After are the lanes that must have let go of their targets first: a lane lets go when its
	// kernel question left this host or came to its end.
	After []Lane
	// Candidate is the address whose claim the question belongs to: it is asked while that lasts.
	Candidate netip.Addr
	// Fresh: the kernel may resolve Target although Source is not known to be assigned; the
	// neighbour entry is deleted afterwards (safety rule 2 allows it once in a run).
	Fresh bool
	// Guard is the address that asks, before anything else, whether somebody has the candidate.
	Guard netip.Addr
	// Service is what is asked for, of a path that asks for a service.
	Service Service
	// Beyond is the host beyond Target that is pinged, of a path that asks for the way out.
	Beyond netip.Addr
	// Size is how many bytes the packet is to have; 0: as many as it needs.
	Size int
	// Frames is how many packets the question may cost at most, the kernel's included, and Again how many more where
	// silence has it asked again.
	Frames, Again int

	kind kind
	// crowds and controls are what the Check says: there may be a thousand like it, and a candidate's silence is held
	// against what comes of it.
	crowds, controls bool
}

// Lane returns the lane that the question is asked in.
func (q Question) Lane() Lane { return Lane{q.Interface, q.Source, q.Target} }

// Planned reports whether the question is to be asked at all.
func (q Question) Planned() bool { return q.Outcome == "" }

// Plan returns the questions that what is known calls for. It is pure; the same question has the
// same ID whenever it is planned, so that more can be asked as more is learnt.
func Plan(s *diag.State) []Question {
	p := newPlanner(s, nil)
	p.guess = true
	var list []Question
	for _, q := range p.run() {
		list = append(list, *q)
	}
	return list
}

// A Line is one row of what a run would do: see DryRun.
type Line struct {
	Question
	Changes []string // catalogue keys
}

// DryRun returns what a run would ask from what is known now, without what it would yet learn (a
// router that only an advertisement tells of); how many packets that is at most; and how many more
// at most where silence makes it ask again.
func DryRun(s *diag.State) (lines []Line, frames, again int) {
	if s.Run.Passive {
		return nil, 0, 0
	}
	changed := map[string]bool{}
	profile := why.Recognise(s).Name
	for _, q := range Plan(s) {
		line := Line{Question: q}
		line.Detail = why.DetailOf(s, profile, line.Path)
		if c, ok := Find(q.Check); ok && q.Planned() && !changed[c.ID] {
			changed[c.ID] = true
			line.Changes = c.Changes
			if c.NeedsAdmin && s.Run.Add == diag.AddKernel {
				line.Changes = append(slices.Clip(line.Changes), "changes.address")
			}
		}
		if !q.Planned() {
			line.Frames = 0
		}
		frames += line.Frames
		if q.Planned() {
			again += q.Again
		}
		lines = append(lines, line)
	}
	bound := packetBound(s.Run)
	frames = min(frames, bound)
	return lines, frames, min(again, bound-frames)
}

// wanted reports whether the user left a check on.
func wanted(run diag.Run, id string) bool {
	if len(run.Now) > 0 {
		return slices.Contains(run.Now, id)
	}
	if len(run.Only) > 0 && !slices.Contains(run.Only, id) {
		return false
	}
	return !slices.Contains(run.Skip, id)
}
