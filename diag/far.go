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
	Why     string
	State   *State // by its own clock
	// lag is the least time by which what it saw was known here later, with what its clock is behind.
	lag time.Duration
	// told are the places of its events in the stream of here, by its own numbers, ascending.
	told []placed
}

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
		begun := f != nil && f.State.Seq > 0
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
		f.Reading, f.Why = b.State, cmp.Or(b.Why, f.Why)
		s.said[farKey(b.From)] = e
		return
	}
	if lag := e.At.Sub(b.Event.At); f.State.Seq == 0 || lag < f.lag {
		f.lag = lag
	}
	f.State.Apply(*b.Event)
	f.told = append(f.told, placed{b.Event.Seq, e.Seq, e.At})
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
func (f *FarHost) Told() time.Time { return f.State.Now.Add(f.lag) }

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
