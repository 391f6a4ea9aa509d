package diag

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"ndwhy/diag/words"
)

// Far is what was learnt of another host that watches at the same time: one event of its own stream, with its own
// number and clock, or how reading that stream goes. Either Event or State is there.
type Far struct {
	// From names the stream: the command that prints it, or the recording.
	From  string   `json:"from"`
	Event *Event   `json:"event,omitempty"`
	State FarState `json:"state,omitempty"`
	Why   string   `json:"why,omitempty"`
}

// FarState says how far another host's stream was read.
type FarState string

// The states of a stream. What a host saw is known to be all only where the stream is complete, or is a recording.
const (
	FarStarted   FarState = "started"
	FarComplete  FarState = "complete"  // all that it saw until the questions had been asked
	FarBehind    FarState = "behind"    // it had not told so much when the time was up
	FarEnded     FarState = "ended"     // it ended by itself, or could not be read on
	FarRecording FarState = "recording" // a file, of the same time
)

// Kind returns "far", the body's name in recordings.
func (Far) Kind() string { return "far" }

// UnmarshalJSON reads what was written. An event of a third host inside is an error: that would have no end.
func (f *Far) UnmarshalJSON(raw []byte) error {
	type plain Far
	var in struct {
		plain
		Event *struct {
			Kind string `json:"kind"`
		} `json:"event"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	if in.Event != nil && in.Event.Kind == f.Kind() {
		return errors.New("a far event in a far event")
	}
	var event struct {
		Event *Event `json:"event"`
	}
	if err := json.Unmarshal(raw, &event); err != nil {
		return err
	}
	*f = Far(in.plain)
	f.Event = event.Event
	return nil
}

// FarsKept bounds how many other hosts are listened to.
const FarsKept = 8

// A FarHost is another host as its stream tells of it.
type FarHost struct {
	From    string
	Reading FarState
	At      time.Time // of here, when that was said
	Why     string
	State   *State // by its own clock
	lag     lag
	// told are the places of its events in the stream of here, by its own numbers, ascending: of those that still matter,
	// and of some others. At enough, what does not matter is left out.
	told   []placed
	enough int
	// again: its stream was begun anew, and what comes is of another run there, with numbers of its own.
	again bool
}

// A lag is the least time by which what a host saw was known here later, with what its clock is behind: of the last
// minute or two, for clocks drift and are set.
type lag struct {
	least, before time.Duration
	since         time.Time // of least; zero: there is none
}

const lagOf = time.Minute

func (l *lag) note(here, there time.Time) {
	d := here.Sub(there)
	switch {
	case l.since.IsZero():
		*l = lag{d, d, here}
	case here.Sub(l.since) > lagOf:
		*l = lag{d, l.least, here}
	default:
		l.least = min(l.least, d)
	}
}

// toldLeast is how many places of events are kept whatever they are of.
const toldLeast = 4 * EventsKept

type placed struct {
	there, here int64
	at          time.Time
}

// Far returns the host that a stream is of; nil where nothing came of it.
func (s *State) Far(from string) *FarHost {
	i := slices.IndexFunc(s.Fars, func(f *FarHost) bool { return f.From == from })
	if i < 0 {
		return nil
	}
	return s.Fars[i]
}

func (s *State) applyFar(e Event, b Far) {
	f := s.Far(b.From)
	if b.Event != nil {
		// Every stream begins with its Run; what does not fit is of a recording that was tampered with.
		_, begins := b.Event.Body.(Run)
		begun := f != nil && f.State.Seq > 0 && (!f.again || !begins)
		if b.Event.Body == nil || b.Event.Kind() == b.Kind() || !begun && !begins || begun && b.Event.Seq <= f.State.Seq || b.Event.Seq <= 0 {
			return
		}
	}
	if f == nil {
		if len(s.Fars) >= FarsKept {
			return
		}
		f = &FarHost{From: b.From, State: NewState()}
		s.Fars = append(s.Fars, f)
	}
	if b.Event == nil {
		f.Reading, f.At, f.Why = b.State, e.At, b.Why
		f.again = f.again || b.State == FarStarted && f.State.Seq > 0
		s.said[farKey(b.From)] = e
		return
	}
	if _, begins := b.Event.Body.(Run); begins && f.again {
		f.State, f.lag, f.told, f.again = NewState(), lag{}, nil, false
	}
	f.lag.note(e.At, b.Event.At)
	f.State.Apply(*b.Event)
	f.tell(placed{b.Event.Seq, e.Seq, e.At})
}

// tell notes the place of an event, in memory that a stream of weeks does not fill.
func (f *FarHost) tell(p placed) {
	if f.told = append(f.told, p); len(f.told) < max(f.enough, toldLeast) {
		return
	}
	matter := map[int64]bool{}
	for _, e := range f.State.Events() {
		matter[e.Seq] = true
	}
	f.told = slices.DeleteFunc(f.told, func(p placed) bool { return !matter[p.there] })
	f.enough = 2 * len(f.told)
}

// Here returns an event of the host as it stands in the stream of here; without a body where it does not.
func (f *FarHost) Here(e Event) Event {
	i, ok := slices.BinarySearchFunc(f.told, e.Seq, func(p placed, seq int64) int { return cmp.Compare(p.there, seq) })
	if !ok {
		return Event{}
	}
	return Event{Seq: f.told[i].here, At: f.told[i].at, Body: Far{From: f.From, Event: &e}}
}

// Told is the time of here up to which the host has told what it saw, but for what its words take on the way.
func (f *FarHost) Told() time.Time { return f.State.Now.Add(min(f.lag.least, f.lag.before)) }

// Missed returns how it is told that a part of what the host saw is missing from its stream, the newest if there are
// several, and when it saw the end of that; "" where nothing is known to be missing.
func (f *FarHost) Missed() (why string, until time.Time) {
	e := f.State.said[gapKey{}]
	gap, ok := e.Body.(Feed)
	if !ok {
		return "", time.Time{}
	}
	return gap.Why, e.At
}

// Name is the host's own name; where it has none, the stream's.
func (f *FarHost) Name() string { return words.Clean(cmp.Or(f.State.Run.Host, f.From)) }

// events are those that still matter, as in State.Events.
func (f *FarHost) events() []Event {
	var list []Event
	for _, e := range f.State.Events() {
		if here := f.Here(e); here.Body != nil {
			list = append(list, here)
		}
	}
	return list
}

func describeFar(f Far) string {
	if f.Event == nil {
		return words.Say("event.far", "from", f.From, "state", f.State, "why", colon(f.Why))
	}
	return words.Say("event.far-event", "from", f.From, "event", Describe(*f.Event))
}
