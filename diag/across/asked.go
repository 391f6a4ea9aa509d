package across

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// A Call is what another host asked this one.
type Call struct {
	Trace
	Source, Target netip.Addr
	Port           uint16 // of TCP
}

// What the host asked is followed as far back as lately, and is given answerIn to be answered.
const (
	lately   = time.Minute
	answerIn = time.Second
)

// followed are the frames by which a host asks another, and what they ask.
var followed = map[diag.FrameType]diag.Asks{diag.EchoRequest: diag.AsksEcho, diag.NS: diag.AsksND, diag.TCPSyn: diag.AsksTCP}

// Asked tells what became of what the host asked of addresses of this one lately: of echoes, solicitations, connections.
func (h *Host) Asked() []Call {
	if h.calls == nil {
		h.calls = h.called()
	}
	return h.calls
}

func (h *Host) called() []Call {
	type asked struct {
		asks           diag.Asks
		source, target netip.Addr
		port           uint16
	}
	keys := map[asked][]key{}
	for k := range h.there.sent {
		a := asked{asks: followed[k.frame], source: k.asker, target: k.target}
		if k.frame == diag.TCPSyn {
			a.port = k.no
		}
		if a.asks != "" && h.here.state.InterfaceWith(k.target) != "" && h.Has(k.asker) && h.there.complete(k.frame) && h.here.complete(k.frame) {
			keys[a] = append(keys[a], k)
		}
	}
	calls := []Call{}
	for a, list := range keys {
		slices.SortFunc(list, func(a, b key) int { return cmp.Compare(h.there.sent[a][0].Seq, h.there.sent[b][0].Seq) })
		if t := h.askedBy(list); t.Place != Unknown {
			t.Asks = a.asks
			calls = append(calls, Call{t, a.source, a.target, a.port})
		}
	}
	diag.SortFunc(calls, func(a, b Call) int {
		return cmp.Or(slices.Index(diag.AsksOrder, a.Asks)-slices.Index(diag.AsksOrder, b.Asks), a.Source.Compare(b.Source),
			a.Target.Compare(b.Target), cmp.Compare(a.Port, b.Port))
	})
	return calls
}

// askedBy follows questions of the host that ask the same.
func (h *Host) askedBy(list []key) Trace {
	t := Trace{Host: h}
	var questions []diag.Event // those that arrived
	for _, k := range list {
		mine := slices.DeleteFunc(slices.Clone(h.there.sent[k]), func(e diag.Event) bool {
			age := h.there.state.Now.Sub(e.At)
			return age > lately || age < answerIn
		})
		if len(mine) == 0 {
			continue
		}
		t.note(mine)
		t.rest(&h.there, mine)
		arrived := h.since(h.here.came[k], t.first)
		t.count(mine, arrived, h.since(h.here.left(k), t.first), from(h.there.got(k), t.first))
		questions = append(questions, arrived...)
	}
	switch {
	case t.Sent == 0:
	case t.Returned > 0:
		t.Place = Returned
	case h.hereCovers(t.first):
		t.lost(&h.here, questions)
	}
	t.Sure = h.Pairs > 0
	return t
}

// from leaves out the events before a time.
func from(list []diag.Event, at time.Time) []diag.Event {
	return slices.DeleteFunc(slices.Clone(list), func(e diag.Event) bool { return e.At.Before(at) })
}

// since leaves out what this host saw before a time of there, as far as the clocks can be compared.
func (h *Host) since(list []diag.Event, there time.Time) []diag.Event {
	if h.Pairs == 0 {
		return list
	}
	return from(list, there.Add(-h.Offset-slack))
}

// hereCovers reports whether this host is known to have looked, and to remember it, from a time of there, so that what it
// did not see did not come.
func (h *Host) hereCovers(there time.Time) bool {
	if h.Pairs == 0 { // then it is only known that a stream was begun while this host looked
		return h.Reading != diag.FarRecording
	}
	began, at := h.here.state.Said(diag.FeedFrames).At, there.Add(-h.Offset)
	seen := h.here.state.Frames()
	return !began.After(at.Add(slack)) && (len(seen) < diag.EventsKept || !seen[0].At.After(at))
}
