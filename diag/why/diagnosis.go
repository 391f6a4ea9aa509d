package why

import (
	"net/netip"
	gopath "path"
	"slices"
	"strings"

	"ndwhy/diag"
	"ndwhy/diag/across"
)

// Severity says how bad a finding is. Info describes the network and is no fault.
type Severity string

// The severities, worst last.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

func (s Severity) rank() int {
	switch s {
	case Critical:
		return 2
	case Warning:
		return 1
	default:
		return 0
	}
}

// Confidence says how sure a statement is. Certain is earned: by direct evidence, or because
// every alternative is contradicted.
type Confidence string

// The confidences, surest first.
const (
	Certain  Confidence = "certain"
	Likely   Confidence = "likely"
	Possible Confidence = "possible"
)

func (c Confidence) rank() int {
	switch c {
	case Certain:
		return 2
	case Likely:
		return 1
	default:
		return 0
	}
}

func weaker(a, b Confidence) Confidence {
	if a.rank() < b.rank() {
		return a
	}
	return b
}

// Verdict is the diagnosis in one word: critical > warning > unknown > ok.
type Verdict string

// The verdicts.
const (
	VerdictOK       Verdict = "ok"
	VerdictUnknown  Verdict = "unknown"
	VerdictWarning  Verdict = "warning"
	VerdictCritical Verdict = "critical"
)

// Exit codes of `ndwhy check`: the monitoring plugins' convention.
const (
	ExitOK       = 0
	ExitWarning  = 1
	ExitCritical = 2
	ExitUnknown  = 3
)

// ExitCode returns the exit code of a verdict. failOn is --fail-on: the mildest verdict that is
// not 0, in the order unknown < warning < critical; "never" (and anything else) makes all 0.
func ExitCode(v Verdict, failOn string) int {
	rank := map[Verdict]int{VerdictUnknown: 1, VerdictWarning: 2, VerdictCritical: 3}
	code := map[Verdict]int{VerdictUnknown: ExitUnknown, VerdictWarning: ExitWarning, VerdictCritical: ExitCritical}
	floor, ok := rank[Verdict(failOn)]
	if !ok || rank[v] < floor {
		return ExitOK
	}
	return code[v]
}

// A Diagnosis is what a State means. It is a function of the State alone.
type Diagnosis struct {
	Profile  Recognition
	Verdict  Verdict
	Headline string // one sentence
	// Findings are in a fixed order: severity, cause, interface, subject.
	Findings    []Finding
	Unexplained []Symptom
	// Unknown is what could not be told, and so keeps the verdict from being ok.
	Unknown []Unknown
	// NotAsked is what nothing is said of, besides the interfaces that were not examined.
	NotAsked []Unasked
	// Normal says of each path, by ID, whether its outcome is as the profile expects; nil where
	// that cannot be known.
	Normal map[string]*bool

	// evidence has the events that findings and symptoms point at, also those of facts.
	Evidence map[int64]diag.Event
	// Fars are other hosts that watched at the same time, and Traces, by path ID, how far what was not answered came by
	// their word.
	Fars   []*across.Host
	Traces map[string]across.Trace

	// Links are the state's as they were read, for who goes on with the same state: to read very much twice takes long.
	Links *diag.Links
}

// A Finding is a cause that holds here.
type Finding struct {
	Cause        string
	Interface    string
	Subject      Subject
	Severity     Severity
	Confidence   Confidence
	Summary      string
	Explanation  string
	Explains     []string // IDs of paths
	Evidence     []int64  // Seqs of events
	Alternatives []Alternative
	Remedy       []string // the commands of Remedies, printed and never run
	Remedies     []Advice // any one of them will do, the best first
	Look         []string // commands that show more
}

// A Subject is what a finding is about.
type Subject struct {
	// Kind is interface, address, prefix, router, peer, target, rule, route, service or host.
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

// An Alternative is a cause that would explain the same as well.
type Alternative struct {
	Cause     string `json:"cause"`
	TellApart string `json:"tell_apart"`
}

// A Symptom is a difference from what is normal here.
type Symptom struct {
	Text      string
	Interface string
	// Address is what the symptom is about where it is no path's.
	Address  netip.Addr
	Paths    []string // IDs
	Evidence []int64
}

// Unknown is something that could not be told.
type Unknown struct {
	// What is a check's ID or a feed's name.
	What string
	Why  string // a sentence
	Fix  string // the exact line that would give it, or in words who can; if any
}

// IsCommand reports whether what would help is a line for a shell: else it is a sentence.
func IsCommand(fix string) bool { return strings.HasPrefix(fix, "sudo ") }

// Fixes are the commands that would let more be told, what gives least first; none where fix is a sentence.
func Fixes(fix string) []string {
	switch sudo := AsRoot(fix); {
	case !IsCommand(fix):
		return nil
	case sudo != "":
		return []string{sudo, fix}
	default:
		return []string{fix}
	}
}

// AsRoot is the program's start by sudo, where fix would give its file a privilege for good: for once that is less. It is
// empty where fix is anything else.
func AsRoot(fix string) string {
	_, program, ok := strings.Cut(fix, "=p ")
	if !ok {
		return ""
	}
	// sudo finds it by name in its usual secure_path.
	if slices.Contains([]string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}, gopath.Dir(program)) {
		program = gopath.Base(program)
	}
	return "sudo " + program
}

// Diagnose explains a state. It never fails; of an empty state it says that nothing was checked.
func Diagnose(s *diag.State) Diagnosis { return diagnose(s) }
