package diag

import (
	"net/netip"
	"slices"
)

// A Path is one question and what came of it: can Source reach Target, asked in one of the ways (Via).
// It arrives as an event when the question is settled; a later one with the same ID replaces it
// (a silent path is re-asked). Whether its outcome is normal is the diagnosis' to say.
type Path struct {
	ID          string      `json:"id"` // stable in a run: "peer-echo/eth0/<source>/<target>/kernel"
	Interface   string      `json:"interface"`
	Check       string      `json:"check"`
	Asks        Asks        `json:"asks"`
	Source      netip.Addr  `json:"source,omitzero"` // zero: not known (the kernel chose none)
	SourceClass SourceClass `json:"source_class"`
	Target      netip.Addr  `json:"target"`
	TargetClass TargetClass `json:"target_class"`
	Via         Via         `json:"via"`
	// Out is the interface that the kernel chose, of a path asked as applications do; empty: not known. It may be
	// another than Interface, which is the one in whose name the run asked.
	Out     string  `json:"out,omitempty"`
	Outcome Outcome `json:"outcome"`
	// Given: the user named the target (--peer, --internet, or the lab did), so its silence counts.
	Given    bool `json:"given,omitempty"`
	Sent     int  `json:"sent"`     // frames or packets that were seen leaving
	Received int  `json:"received"` // answers
	// RTTMS is the first answer's, in milliseconds; 0 where none came.
	RTTMS float64 `json:"rtt_ms,omitempty"`
	// Error is the ICMPv6 error that another host answered with.
	Error *PathError `json:"error,omitempty"`
	// Errno is why the question was not sent.
	Errno      string      `json:"errno,omitempty"`
	Responders []Responder `json:"responders,omitempty"`
	// Detail refines the outcome by a catalogue key of the group "detail": "unresolved", "off",
	// "no-admin" …; empty where the outcome says all.
	Detail string `json:"detail,omitempty"`
	// Note is a value for the detail's sentence: an address, a number, a setting. Of TCP that was answered it is the
	// port.
	Note string `json:"note,omitempty"`
	// NUD is the state that the kernel's entry for Target reached while it was asked.
	NUD NUD `json:"nud,omitempty"`
	// Evidence are the Seqs of the events the outcome rests on.
	Evidence []int64 `json:"evidence,omitempty"`
}

// Asks is the kind of question.
type Asks string

// The kinds of question.
const (
	AsksND      Asks = "nd"
	AsksDAD     Asks = "dad"
	AsksEcho    Asks = "echo"
	AsksRS      Asks = "rs"
	AsksDHCP    Asks = "dhcp"
	AsksMTU     Asks = "mtu"
	AsksService Asks = "service"
	AsksTCP     Asks = "tcp"     // whether a connection is answered at all: a refusal is an answer
	AsksFound   Asks = "found"   // whether a neighbour that does not know the source finds it, by multicast
	AsksWayOut  Asks = "way-out" // whether a router leads to an Internet host: the path's Note, of an echo that it is given
)

// AsksOrder has every kind of question, in the order in which they are shown.
var AsksOrder = []Asks{AsksRS, AsksND, AsksEcho, AsksTCP, AsksMTU, AsksService, AsksDHCP, AsksDAD, AsksWayOut, AsksFound}

// SourceClass says what the source of a question is to the network.
type SourceClass string

// The classes of source. A configured address whose assignment is not known is "unknown".
const (
	SourceAssigned    SourceClass = "assigned"
	SourceUnassigned  SourceClass = "unassigned"
	SourceCandidate   SourceClass = "candidate"
	SourceUnspecified SourceClass = "unspecified"
	SourceUnknown     SourceClass = "unknown"
)

// TargetClass says what the target of a question is.
type TargetClass string

// The classes of target.
const (
	TargetRouter   TargetClass = "router"
	TargetPeer     TargetClass = "peer"
	TargetAllNodes TargetClass = "all-nodes"
	TargetInternet TargetClass = "internet"
	TargetService  TargetClass = "service"
)

// Via is how a question was asked.
type Via string

// By a socket bound to the interface and the source, by our own frames, or as applications do: by an unbound
// socket, for which the kernel chooses interface, source, gateway and table.
const (
	ViaKernel Via = "kernel"
	ViaWire   Via = "wire"
	ViaApp    Via = "app"
)

// Ways has every way of asking, in the order in which they are told: whether the host works, then where it breaks.
var Ways = []Via{ViaApp, ViaWire, ViaKernel}

// Outcome is what came of a question.
type Outcome string

// The outcomes. Silent with Detail "unresolved" is a kernel echo whose neighbour discovery failed.
const (
	Answered       Outcome = "answered"
	Silent         Outcome = "silent"
	Refused        Outcome = "refused" // another host answered with an ICMPv6 error
	Unsent         Outcome = "unsent"  // refused locally, or no copy seen leaving
	OutcomeSkipped Outcome = "skipped" // not asked (Detail says why)
)

// DetailUnresolved is the detail of a kernel question whose neighbour discovery failed, so that it never left.
const DetailUnresolved = "unresolved"

// DetailClosed is the detail of a question to a service that was answered by whom it was asked of: nobody serves it there.
const DetailClosed = "closed"

// DetailDeclines is the detail of a question to a service that is there and says that it does not serve: Note is what it
// said, as Socket.Answer has it.
const DetailDeclines = "declines"

// DetailAlone is the detail of a silent solicitation by wire whose target answered one that was sent to its MAC alone.
const DetailAlone = "asked-alone"

// DetailTranslates is the detail of a question to a name server that makes up addresses for IPv4 hosts (DNS64): Note is
// the translator's prefix.
const DetailTranslates = "translates"

// DetailTold is the detail of a question to a neighbour that did not find this host, and answered when it was told its MAC.
const DetailTold = "told"

// PathError is an ICMPv6 error message.
type PathError struct {
	Type FrameType  `json:"type"`
	Code int        `json:"code"`
	From netip.Addr `json:"from"`
	MTU  int        `json:"mtu,omitempty"`
}

// Responder is a host that answered.
type Responder struct {
	Address netip.Addr `json:"address"`
	MAC     MAC        `json:"mac,omitzero"`
	RTTMS   float64    `json:"rtt_ms"`
}

// Question is what two ways of asking have in common.
type Question struct {
	Interface      string
	Asks           Asks
	Source, Target netip.Addr
}

// QuestionOf is the question of a path.
func QuestionOf(p Path) Question { return Question{p.Interface, p.Asks, p.Source, p.Target} }

// Ours reports whether a path was asked from an address that is to work: assigned, or configured and not
// known not to be.
func (p *Path) Ours() bool { return p.SourceClass == SourceAssigned || p.SourceClass == SourceUnknown }

// Reaches reports whether a path asks a neighbour or a host beyond whether it is there.
func (p *Path) Reaches() bool { return p.Asks == AsksND || p.Asks == AsksEcho }

// Missing reports whether an answer did not come.
func (p *Path) Missing() bool {
	return p.Outcome == Silent || p.Outcome == Refused || p.Outcome == Unsent
}

// Equal reports whether two paths say the same of the same.
func (p *Path) Equal(o *Path) bool {
	return p.ID == o.ID && p.Interface == o.Interface && p.Check == o.Check && p.Asks == o.Asks && p.Source == o.Source &&
		p.SourceClass == o.SourceClass && p.Target == o.Target && p.TargetClass == o.TargetClass && p.Via == o.Via && p.Out == o.Out &&
		p.Outcome == o.Outcome && p.Given == o.Given && p.Sent == o.Sent && p.Received == o.Received && p.RTTMS == o.RTTMS &&
		(p.Error == o.Error || p.Error != nil && o.Error != nil && *p.Error == *o.Error) && p.Errno == o.Errno &&
		slices.Equal(p.Responders, o.Responders) && p.Detail == o.Detail && p.Note == o.Note && p.NUD == o.NUD &&
		slices.Equal(p.Evidence, o.Evidence)
}
