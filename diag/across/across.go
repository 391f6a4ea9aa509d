// Package across follows a question that this host asked another: on both hosts' word it tells how far the question came,
// and how far the answer. Frames are the same frame where they say the same: the numbers of an echo, the target and
// source of a solicitation, a DHCPv6 transaction. Clocks are only compared, never relied on.
package across

import (
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
)

// A Place is how far a question, or its answer, came.
type Place string

// The places, in the order in which a question passes them.
const (
	Unknown     Place = ""
	NotSent     Place = "not-sent"     // it never left here
	NotArrived  Place = "not-arrived"  // it left here, and never arrived there
	NotAnswered Place = "not-answered" // it arrived there, and no answer left
	AnswerLost  Place = "answer-lost"  // the answer left there, and never arrived here
	Returned    Place = "returned"     // the answer arrived here
)

// A Reason is why a host did not answer what arrived.
type Reason string

// The reasons, the surest first.
const (
	Dropped       Reason = "drop"           // its kernel says that a rule or hook threw the question or the answer away
	NotConfigured Reason = "not-configured" // it does not have the address
	Filtered      Reason = "filter"         // a rule there stops it
	Ignored       Reason = "ignored"        // it is told to answer no echo
	Unresolved    Reason = "unresolved"     // it asked whose the question's source is, and got no answer
	Unexplained   Reason = "stack"          // nothing that could be read there says why
)

// A Trace is what became of the questions of one path.
type Trace struct {
	Host  *Host
	Asks  diag.Asks // what was followed: nd where an echo never left for want of it
	Place Place
	// Of the questions that left here: how many arrived there, to how many an answer left, and how many answers arrived.
	Sent, Arrived, Answered, Returned int
	// Why and What are of a question that was not answered: What is a rule, or the kernel's word.
	Why  Reason
	What string
	// Sure: the other host is known to have told all that it saw meanwhile.
	Sure bool
	// Evidence are events of the other host that it rests on, as they stand in the stream of here.
	Evidence []diag.Event
}

// A Host is another host, with the frames that both saw.
type Host struct {
	*diag.FarHost
	// Offset is what its clock shows more than the one of here, worked out from Pairs frames; nothing where that is 0.
	Offset time.Duration
	Pairs  int

	state       *diag.State // of here
	here, there seen
}

// seen are the frames that a host remembers, by what they say, oldest first.
type seen struct {
	sent, came map[key][]diag.Event
	asks       map[question][]key // of sent, in the order in which they left
}

// A question is what frames that ask the same have in common.
type question struct {
	frame  diag.FrameType
	target netip.Addr
}

// A key says which frame it is, whoever saw it.
type key struct {
	frame  diag.FrameType
	a, b   netip.Addr
	id, no uint16
	text   string // a nonce, or a DHCPv6 message and transaction
}

// keyOf names a frame; ok is false of one that another may resemble.
func keyOf(f diag.Frame) (k key, ok bool) {
	k = key{frame: f.Type}
	switch f.Type {
	case diag.EchoRequest:
		k.a, k.id, k.no = f.Dst, f.EchoID, f.EchoSeq
	case diag.EchoReply:
		k.a, k.id, k.no = f.Src, f.EchoID, f.EchoSeq
	case diag.NS:
		k.a, k.b, k.text = f.Target, f.Src, string(f.Nonce)
	case diag.NA:
		k.a, k.b = f.Target, f.Dst
	case diag.DHCPv6Frame:
		if f.DHCPv6 == nil {
			return k, false
		}
		k.text = f.DHCPv6.Message + " " + f.DHCPv6.Transaction
	default:
		return k, false
	}
	return k, f.Bad == ""
}

// answer names the frame that answers.
func (k key) answer() key {
	switch k.frame {
	case diag.EchoRequest:
		k.frame = diag.EchoReply
	case diag.NS:
		k.frame, k.text = diag.NA, ""
	}
	return k
}

// Hosts returns the other hosts whose stream is a part of a state, each with the frames that it and this one saw.
func Hosts(s *diag.State) []*Host {
	var list []*Host
	for _, f := range s.Fars {
		h := &Host{FarHost: f, state: s, here: frames(s), there: frames(f.State)}
		h.clock()
		list = append(list, h)
	}
	return list
}

func frames(s *diag.State) seen {
	l := seen{map[key][]diag.Event{}, map[key][]diag.Event{}, map[question][]key{}}
	for _, e := range s.Frames() {
		f, ok := e.Body.(diag.Frame)
		if !ok {
			continue
		}
		k, ok := keyOf(f)
		switch {
		case !ok:
		case f.Out:
			if q := (question{k.frame, k.a}); len(l.sent[k]) == 0 {
				l.asks[q] = append(l.asks[q], k)
			}
			l.sent[k] = append(l.sent[k], e)
		default:
			l.came[k] = append(l.came[k], e)
		}
	}
	return l
}

// clock works out the offset from the frames that each saw once. On the way there a frame takes time, which makes the
// other clock look ahead by so much; on the way back, behind. The quickest of both ways say it best.
func (h *Host) clock() {
	differ := func(sent, came map[key][]diag.Event) (list []time.Duration) {
		for k, out := range sent {
			if in := came[k]; len(out) == 1 && len(in) == 1 {
				list = append(list, in[0].At.Sub(out[0].At))
			}
		}
		return list
	}
	ahead, behind := differ(h.here.sent, h.there.came), differ(h.there.sent, h.here.came)
	h.Pairs = len(ahead) + len(behind)
	switch {
	case len(ahead) > 0 && len(behind) > 0:
		h.Offset = (slices.Min(ahead) - slices.Min(behind)) / 2
	case len(ahead) > 0:
		h.Offset = slices.Min(ahead)
	case len(behind) > 0:
		h.Offset = -slices.Min(behind)
	}
}

// Has reports whether an address is one of the host's: configured there, or assigned to it.
func (h *Host) Has(addr netip.Addr) bool {
	if h.State.InterfaceWith(addr) != "" {
		return true
	}
	for _, iface := range h.State.InterfacesOf() {
		for _, a := range h.State.Assignments(iface) {
			if a.Prefix.IsSingleIP() && a.Prefix.Addr() == addr {
				return true
			}
		}
	}
	return false
}

// big is the size from which an echo tries the way's MTU rather than the host.
const big = 1000

// Follow tells what became of a path's questions. A host that does not have the target, and where nothing for it was
// seen, says nothing of it: the Place is Unknown.
func (h *Host) Follow(p diag.Path) Trace {
	t := Trace{Host: h, Asks: p.Asks}
	asked := diag.EchoRequest
	switch {
	case p.Detail == diag.DetailUnresolved && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksND):
		asked, t.Asks = diag.NS, diag.AsksND
	case p.Asks == diag.AsksND:
		asked = diag.NS
	case p.Asks != diag.AsksEcho:
		return t
	}
	if p.Outcome == diag.OutcomeSkipped || p.Outcome == diag.Refused || !h.State.Complete(diag.FeedFrames) {
		return t
	}
	since := h.state.Begun(p.Check, p.Interface)
	var first, last time.Time
	var questions []diag.Event // those that arrived, as there
	for _, k := range h.here.asks[question{asked, p.Target}] {
		mine := slices.DeleteFunc(slices.Clone(h.here.sent[k]), func(e diag.Event) bool {
			f, _ := e.Body.(diag.Frame)
			source := f.Src == p.Source || !p.Source.IsValid() || t.Asks != p.Asks
			return e.Seq <= since || f.Interface != p.Interface || f.Size > big || f.Src.IsUnspecified() || !source
		})
		for _, e := range mine {
			if first.IsZero() || e.At.Before(first) {
				first = e.At
			}
			if e.At.After(last) {
				last = e.At
			}
		}
		if len(mine) == 0 {
			continue
		}
		arrived := h.during(h.there.came[k], first)
		answers := h.during(h.there.sent[k.answer()], first)
		t.Sent += len(mine)
		t.Arrived += min(len(mine), len(arrived))
		t.Answered += min(len(mine), len(answers))
		t.Returned += min(len(mine), len(after(h.here.came[k.answer()], since)))
		questions = append(questions, arrived...)
		t.note(arrived, answers)
	}
	switch {
	case t.Arrived == 0 && !h.Has(p.Target):
		return t
	case t.Sent == 0 && (p.Sent > 0 || !h.state.Complete(diag.FeedFrames)):
		return t // they are not remembered
	case t.Sent == 0:
		t.Place = NotSent
	case t.Returned > 0:
		t.Place = Returned
	case !h.covers(first, last):
		return t
	case t.Answered > 0:
		t.Place = AnswerLost
	case t.Arrived > 0:
		t.Place = NotAnswered
		h.judge(&t, questions)
	default:
		t.Place = NotArrived
	}
	t.Sure = h.Reading == diag.FarComplete || h.Pairs > 0
	return t
}

// after are the events behind a number.
func after(list []diag.Event, seq int64) []diag.Event {
	return slices.DeleteFunc(slices.Clone(list), func(e diag.Event) bool { return e.Seq <= seq })
}

// slack is how much the offset of two clocks may be wrong by.
const slack = 50 * time.Millisecond

// during leaves out what the host saw before a time of here, as far as the clocks can be compared.
func (h *Host) during(list []diag.Event, from time.Time) []diag.Event {
	if h.Pairs == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(e diag.Event) bool { return e.At.Before(from.Add(h.Offset - slack)) })
}

// covers reports whether the host is known to have looked, and to remember it, from a time of here to another, so that
// what it does not tell of did not happen there. Where no frame is in both, nothing compares the clocks: then a stream
// that was read to its end is taken for one of the whole time.
func (h *Host) covers(first, last time.Time) bool {
	began := h.State.Said(diag.FeedFrames)
	if why, until := h.Missed(); why != "" && (h.Pairs == 0 || until.After(first.Add(h.Offset-slack))) {
		return false
	}
	complete := h.Reading == diag.FarComplete && !h.At.Before(last)
	if h.Pairs == 0 {
		if complete {
			return !h.Here(began).At.After(first)
		}
		return h.Reading == diag.FarRecording
	}
	if seen := h.State.Frames(); len(seen) >= diag.EventsKept && seen[0].At.After(first.Add(h.Offset)) {
		return false
	}
	until := complete || !h.State.Now.Before(last.Add(h.Offset))
	return until && !began.At.After(first.Add(h.Offset+slack))
}

// mostEvidence bounds what a trace points at.
const mostEvidence = 2

// note keeps the first frames of each kind as evidence.
func (t *Trace) note(lists ...[]diag.Event) {
	for _, list := range lists {
		for _, e := range list[:min(1, len(list))] {
			if here := t.Host.Here(e); here.Body != nil && len(t.Evidence) < mostEvidence {
				t.Evidence = append(t.Evidence, here)
			}
		}
	}
}

// judge says why what arrived was not answered.
func (h *Host) judge(t *Trace, questions []diag.Event) {
	f, _ := questions[0].Body.(diag.Frame)
	s := h.State
	target, reply := f.Dst, diag.EchoReply
	if f.Type == diag.NS {
		target, reply = f.Target, diag.NA
	}
	why := func(r Reason, what string, e diag.Event) {
		t.Why, t.What = r, what
		if here := h.Here(e); here.Body != nil {
			t.Evidence = append(t.Evidence, here)
		}
	}
	for _, e := range slices.Backward(s.Drops()) {
		d, _ := e.Body.(diag.Drop)
		k, ok := keyOf(d.Frame)
		asked, _ := keyOf(f)
		if !ok || !d.ByFilter() || k != asked && k != asked.answer() {
			continue
		}
		if rule, e, ok := h.rule(d.Frame.Interface, d.Frame.Type, !d.Frame.Out); ok {
			why(Dropped, rule, e)
		} else {
			why(Dropped, d.Reason, e)
		}
		return
	}
	iface := s.InterfaceWith(target)
	if a, ok := s.Addresses[diag.InterfaceAddr{Interface: iface, Address: target}]; !ok || !a.Fact.Flags.Usable() {
		why(NotConfigured, "", diag.Event{})
		return
	}
	for _, in := range []bool{true, false} {
		of := f.Type
		if !in {
			of = reply
		}
		if rule, e, ok := h.rule(f.Interface, of, in); ok {
			why(Filtered, rule, e)
			return
		}
	}
	ignored := diag.SysctlKey{Name: "icmp.echo_ignore_all"}
	if v, ok := s.Sysctl(ignored.Scope, ignored.Name); ok && v == "1" && f.Type == diag.EchoRequest {
		why(Ignored, diag.SysctlName(ignored.Scope, ignored.Name), s.Said(ignored))
		return
	}
	for _, k := range h.there.asks[question{diag.NS, f.Src}] {
		if len(h.there.came[k.answer()]) == 0 {
			why(Unresolved, f.Src.String(), h.there.sent[k][0])
			return
		}
	}
	why(Unexplained, "", diag.Event{})
}

// rule returns a rule of the host that stops frames of a type, of those that come or those that leave.
func (h *Host) rule(iface string, of diag.FrameType, in bool) (text string, said diag.Event, ok bool) {
	for _, r := range h.State.Filters {
		if r.Stops(of) && r.Inbound() == in && (r.Interface == "" || r.Interface == iface) {
			return r.Table + " " + r.Chain + ": " + r.Rule, h.State.Said(r), true
		}
	}
	return "", diag.Event{}, false
}
