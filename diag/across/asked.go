package across

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// A Call is what one host asked the other.
type Call struct {
	Trace
	Source, Target netip.Addr
	Port           uint16 // of TCP
	// Owned: the target is known to be an address of who was asked.
	Owned bool
}

// What a host asked is followed as far back as lately, in a capture to its beginning, and is given answerIn to be answered.
const (
	lately   = time.Minute
	answerIn = time.Second
)

// followed are the frames by which a host asks another, and what they ask.
var followed = map[diag.FrameType]diag.Asks{diag.EchoRequest: diag.AsksEcho, diag.NS: diag.AsksND, diag.TCPSyn: diag.AsksTCP}

// A way leads from one of the two hosts to the other, whose clock shows offset more, where the two are compared.
type way struct {
	from, to *side
	offset   time.Duration
	compared bool
}

// Asked tells what became of what the host asked of addresses of this one lately: of echoes, solicitations, connections.
func (h *Host) Asked() []Call {
	if h.calls == nil {
		h.calls = h.follow(way{&h.there, &h.here, -h.Offset, h.Pairs > 0})
	}
	return h.calls
}

// AskedHere is Asked of what this one asked of the host.
func (h *Host) AskedHere() []Call { return h.follow(way{&h.here, &h.there, h.Offset, h.Pairs > 0}) }

func (h *Host) follow(w way) []Call {
	type asked struct {
		asks           diag.Asks
		source, target netip.Addr
		port           uint16
	}
	keys := map[asked][]key{}
	for k := range w.from.sent {
		a := asked{asks: followed[k.frame], source: k.asker, target: k.target}
		if k.frame == diag.TCPSyn {
			a.port = k.no
		}
		if a.asks != "" && w.from.speaks(k.asker) && w.asks(k) && w.from.complete(k.frame) && w.to.complete(k.frame) {
			keys[a] = append(keys[a], k)
		}
	}
	calls := []Call{}
	for a, list := range keys {
		diag.SortFunc(list, func(a, b key) int { return cmp.Compare(w.from.sent[a][0].Seq, w.from.sent[b][0].Seq) })
		if t := h.askedBy(w, list); t.Place != Unknown {
			t.Asks = a.asks
			calls = append(calls, Call{t, a.source, a.target, a.port, w.to.has(a.target) || a.target == diag.AllNodes})
		}
	}
	diag.SortFunc(calls, func(a, b Call) int {
		return cmp.Or(slices.Index(diag.AsksOrder, a.Asks)-slices.Index(diag.AsksOrder, b.Asks), a.Source.Compare(b.Source),
			a.Target.Compare(b.Target), cmp.Compare(a.Port, b.Port))
	})
	return calls
}

// speaks reports whether a side asks from an address: one of its own, or in a capture whatever it sent from.
func (s *side) speaks(from netip.Addr) bool { return s.spoke[from] && s.capture != nil || s.has(from) }

// asks reports whether a question is one to the host at the end of a way. Captures do not tell whose an address is: then
// it is who was sent the frame, and a switch may send to all what is for a group. All nodes of a link are asked by ff02::1.
func (w way) asks(k key) bool {
	if w.to.has(k.target) {
		return true
	}
	captured := w.from.capture != nil || w.to.capture != nil
	return captured && (k.target == diag.AllNodes || slices.ContainsFunc(w.to.came[k], w.to.meant))
}

// askedBy follows questions that ask the same.
func (h *Host) askedBy(w way, list []key) Trace {
	t := Trace{Host: h}
	var questions []diag.Event // those that arrived
	for _, k := range list {
		mine := slices.DeleteFunc(slices.Clone(w.from.sent[k]), func(e diag.Event) bool {
			age := w.from.state.Now.Sub(e.At)
			return age > lately && w.from.capture == nil || age < answerIn || w.forgot(e.At)
		})
		if len(mine) == 0 {
			continue
		}
		t.Probes = (t.Probes || t.Sent == 0) && !slices.ContainsFunc(mine, func(e diag.Event) bool {
			f, _ := e.Body.(diag.Frame)
			return f.Type != diag.NS || f.Dst.IsMulticast()
		})
		t.note(mine)
		t.rest(w.from, mine)
		arrived := w.since(w.to.came[k], t.first)
		got := slices.DeleteFunc(from(w.from.got(k), t.first), func(e diag.Event) bool {
			f, _ := e.Body.(diag.Frame)
			return k.target.IsMulticast() && !w.to.has(f.Src)
		})
		t.count(mine, arrived, w.since(w.to.answered(k), t.first), got)
		questions = append(questions, arrived...)
	}
	switch {
	case t.Sent == 0:
	case t.Returned > 0:
		t.Place = Returned
	case w.looked(t.first, h.Reading):
		t.lost(w.to, questions)
	}
	t.Sure = w.compared && (w.to.capture == nil || w.during(t.first, t.last))
	return t
}

// from leaves out the events before a time.
func from(list []diag.Event, at time.Time) []diag.Event {
	return slices.DeleteFunc(slices.Clone(list), func(e diag.Event) bool { return e.At.Before(at) })
}

// since leaves out what was seen at the end of a way before a time of its beginning, as far as the clocks can be
// compared.
func (w way) since(list []diag.Event, at time.Time) []diag.Event {
	if !w.compared {
		return list
	}
	return from(list, at.Add(w.offset-Slack))
}

// looked reports whether the host at the end of a way is known to have looked, and to remember it, from a time of the
// beginning, so that what it did not see did not come. Captures that are read together are of the same time by the word
// of who names them: one without packets does not say when it was begun.
func (w way) looked(at time.Time, reading diag.FarState) bool {
	switch {
	case w.from.capture != nil || w.to.capture != nil:
		return w.compared || len(w.to.state.Frames()) < diag.EventsKept
	case !w.compared:
		return reading != diag.FarRecording // then it is only known that a stream was begun while this host looked
	default:
		return !w.to.began().After(at.Add(w.offset+Slack)) && !w.forgot(at)
	}
}

// during reports whether a capture at the end of a way has packets from before and after what left at these times.
func (w way) during(first, last time.Time) bool {
	return !w.to.began().After(first.Add(w.offset+Slack)) && !w.to.state.Now.Before(last.Add(w.offset))
}

// forgot reports whether the host at the end of a way no longer remembers a time of the beginning.
func (w way) forgot(at time.Time) bool {
	seen := w.to.state.Frames()
	return w.compared && len(seen) >= diag.EventsKept && seen[0].At.After(at.Add(w.offset))
}

// began is since when a side has told its frames.
func (s *side) began() time.Time { return s.state.Said(diag.FeedFrames).At }
