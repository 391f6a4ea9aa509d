package diag

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// An Event is one thing learnt at one moment. Everything the program knows came in as an
// Event: State is a fold over them, and a recording is a list of them.
type Event struct {
	// Seq numbers the events of a stream from 1 without gaps. Evidence is named by it: "e12" is
	// the event with Seq 12.
	Seq int64
	At  time.Time
	Body
}

// A Body is what an Event says: one of the types listed in bodies, always by value.
type Body interface {
	// Kind is the body's stable name in recordings and in `watch --only`.
	Kind() string
}

// bodies has one decoder per kind. Adding a kind of event is adding its type and its row here.
var bodies = map[string]func(json.RawMessage) (Body, error){
	Run{}.Kind():        decode[Run],
	Tick{}.Kind():       decode[Tick],
	Feed{}.Kind():       decode[Feed],
	Link{}.Kind():       decode[Link],
	Groups{}.Kind():     decode[Groups],
	Address{}.Kind():    decode[Address],
	Route{}.Kind():      decode[Route],
	PolicyRule{}.Kind(): decode[PolicyRule],
	Neighbour{}.Kind():  decode[Neighbour],
	Sysctl{}.Kind():     decode[Sysctl],
	Manager{}.Kind():    decode[Manager],
	Access{}.Kind():     decode[Access],
	Selection{}.Kind():  decode[Selection],
	Filter{}.Kind():     decode[Filter],
	Hook{}.Kind():       decode[Hook],
	Flows{}.Kind():      decode[Flows],
	TableUse{}.Kind():   decode[TableUse],
	Resolvers{}.Kind():  decode[Resolvers],
	Machine{}.Kind():    decode[Machine],
	Metadata{}.Kind():   decode[Metadata],
	Lease{}.Kind():      decode[Lease],
	Frame{}.Kind():      decode[Frame],
	Drop{}.Kind():       decode[Drop],
	Flood{}.Kind():      decode[Flood],
	Socket{}.Kind():     decode[Socket],
	Check{}.Kind():      decode[Check],
	Path{}.Kind():       decode[Path],
	Change{}.Kind():     decode[Change],
	Far{}.Kind():        decode[Far],
}

// Kinds returns the names of every kind of event, sorted.
func Kinds() []string { return SortedKeys(bodies) }

func decode[T Body](raw json.RawMessage) (Body, error) {
	var b T
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, err
	}
	return b, nil
}

type eventJSON struct {
	Seq  int64           `json:"seq"`
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`
}

// MarshalJSON writes the event as one JSON object: seq, at (RFC 3339, UTC), kind and body. Where there are many it is
// better called than json.Marshal, which looks through all of it once more.
func (e Event) MarshalJSON() ([]byte, error) {
	if e.Body == nil {
		return nil, fmt.Errorf("event %d has no body", e.Seq)
	}
	body, err := json.Marshal(e.Body)
	if err != nil {
		return nil, fmt.Errorf("event %d (%s): %w", e.Seq, e.Kind(), err)
	}
	at, err := e.At.UTC().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("event %d (%s): %w", e.Seq, e.Kind(), err)
	}
	b := strconv.AppendInt(append(make([]byte, 0, len(body)+100), `{"seq":`...), e.Seq, 10)
	b = append(append(b, `,"at":`...), at...)
	b = append(append(b, `,"kind":"`...), e.Kind()...)
	b = append(append(b, `","body":`...), body...)
	return append(b, '}'), nil
}

// A KindError is the kind of an event that this program does not know: a later version has more.
type KindError struct {
	Seq  int64
	Kind string
}

func (e *KindError) Error() string { return fmt.Sprintf("event %d: unknown kind %q", e.Seq, e.Kind) }

// UnmarshalJSON reads what MarshalJSON wrote. An unknown kind is a *KindError.
func (e *Event) UnmarshalJSON(raw []byte) error {
	var j eventJSON
	if err := json.Unmarshal(raw, &j); err != nil {
		return err
	}
	dec, ok := bodies[j.Kind]
	if !ok {
		return &KindError{j.Seq, j.Kind}
	}
	body, err := dec(j.Body)
	if err != nil {
		return fmt.Errorf("event %d (%s): %w", j.Seq, j.Kind, err)
	}
	e.Seq, e.At, e.Body = j.Seq, j.At, body
	return nil
}

// A Sink takes what a source of events has learnt: the session is one. Emit stamps the body with
// the present time, EmitAt with the time the thing happened. Both return the event as numbered.
type Sink interface {
	Emit(body Body) Event
	EmitAt(at time.Time, body Body) Event
}
