package ui

import (
	"net/netip"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/report"
)

// A Frame is what the screens show at one moment: an immutable snapshot. Lens.Snapshot makes it;
// Lab, Replay, Recording, Every and Quiet are put in by who owns them before the Frame is handed on.
type Frame struct {
	Of      Query // what it was made for
	Seq     int64
	Started time.Time
	At      time.Time // the last event's time: what the screens call now
	Report  report.Report
	Names   []string    // what is to be hidden with the addresses: of this host, of its domains
	Feeds   []diag.Feed // by name
	Links   []diag.Link // of the run, by name

	Checks     []CheckRow
	Addresses  []AddressRow
	Routers    []RouterRow
	Neighbours NeighbourPage
	Exchanges  []Exchange // of the frames that passed, newest first; where they are in sight
	Temporary  []Temporary
	Echoes     map[Host][]Sample // what came of the last echoes to a host, oldest first

	Lab       *Lab
	Replay    *Replay
	Recording string        // the file; empty: none
	Every     time.Duration // the checks run by themselves so often; 0: when the ground changes
	// Quiet is who stopped answering since when, while the checks have not yet found out.
	Quiet map[diag.InterfaceAddr]time.Time
}

// feed returns the feed of a name; the zero Feed where nothing was said of it.
func (f *Frame) feed(name diag.FeedName) diag.Feed {
	for _, x := range f.Feeds {
		if x.Name == name {
			return x
		}
	}
	return diag.Feed{}
}

// hasNeighbours reports whether the neighbours' rows are in the Frame, as far as they are in sight.
func (f *Frame) hasNeighbours() bool { return f.Of.Screen == ScreenNeighbours || f.Of.Neighbour.Frozen }

// CheckRow is a check and how it stands.
type CheckRow struct {
	diag.Check
	Started, Ended time.Time // zero: not known, not yet
	Settled        time.Time // its last question, as all checks of a run end together; zero: none
}

// AddressRow is an address on an interface: assigned, configured, or both.
type AddressRow struct {
	Interface  string
	Prefix     netip.Prefix // a delegated prefix is a row too; else a /128
	Class      diag.SourceClass
	Sources    []diag.AssignmentSource // that say it is assigned
	Configured bool
	Flags      []string
	PreferredS int64 // left now
	ValidS     int64
	Origin     string
	Temporary  bool // a candidate that the kernel removes by itself
	// Asked and Answered count the questions asked from the address, DAD aside; Wrong those whose
	// outcome is not as it should be.
	Asked, Answered, Wrong int
	// Problem is the place of the first problem that is about the address, or that explains a question from it; 0: none.
	Problem int
	Cause   string // of that problem
}

// RouterRow is an advertiser.
type RouterRow struct {
	Interface string
	Address   netip.Addr
	MAC       diag.MAC
	RA        diag.Advertisement // the newest, as sent
	First, At time.Time
	Count     int
	IntervalS float64
	LeftS     int64 // of the advertised lifetime, now
	// Route is the kernel's default route through it; nil: none.
	Route      *diag.Route
	RouteLeftS int64
	Event      diag.Event // the newest advertisement, while it is remembered
	Problem    int        // the place of the first problem that is about it; 0: none
	Offers     []report.Offer
}

// Temporary is an address that --add kernel put on an interface; the kernel removes it in LeftS.
type Temporary struct {
	Interface string
	Address   netip.Addr
	LeftS     int64
}

// Lab is the truth beside the diagnosis: what the lab's switch did, and what can be broken.
type Lab struct {
	Scenario string
	Verdicts []Verdict // oldest first; the newest some hundred
	Breaks   []Break
}

// Verdict is what the lab's switch did with one frame.
type Verdict struct {
	Time    time.Time
	Port    string
	Verdict string // delivered, forwarded, answered, dropped, sent
	Reason  string
	Summary string // of the frame, one line
}

// Break is something that can be broken and mended.
type Break struct {
	ID     string
	Title  string
	Broken bool
}

// Replay is where a replay stands.
type Replay struct {
	Event, Events int // the last event's number, and how many there are; 0: not known
	Paused, Ended bool
	Speed         float64
	Quiet         time.Duration // of which the replay makes a moment, before the next event
	Problems      []string      // what could not be read so far, a line each
}
