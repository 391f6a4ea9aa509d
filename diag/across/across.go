// Package across follows a question that this host asked another: on both hosts' word it tells how far the question came,
// and how far the answer. Frames are the same frame where they say the same: the numbers of an echo, the target and
// source of a solicitation, a DHCPv6 transaction. Clocks are only compared, never relied on.
package across

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
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
	// Probes: they asked, each by unicast, only whether a neighbour that is known is still there.
	Probes bool
	// Why and What are of a question that was not answered: What is a rule, or the kernel's word.
	Why  Reason
	What string
	// Sure: the other host is known to have told all that it saw meanwhile.
	Sure bool
	// Evidence are events of the other host that it rests on, as they stand in the stream of here.
	Evidence []diag.Event

	first, last time.Time // of the questions that left, by the clock of who asked
}

// A Host is another host, with the frames that both saw.
type Host struct {
	*diag.FarHost
	// Offset is what its clock shows more than the one of here, worked out from Pairs frames; nothing where that is 0.
	Offset time.Duration
	Pairs  int

	here, there side
	calls       []Call // as Asked has them; nil: they are not known yet
}

// A side is one of the two hosts, with the frames that it remembers, by what they say, oldest first.
type side struct {
	state      *diag.State
	sent, came map[key][]diag.Event
	asks       map[question][]key // of sent, in the order in which they left
	// Of both, the answers to echoes by who asked and its numbers: where a group was asked, whoever answers.
	sentTo, cameTo map[key][]diag.Event
	// here is an event of the side as it stands in the stream of here.
	here func(diag.Event) diag.Event
	// capture is set where nothing is known of the side but frames; spoke are then the addresses that it sent from, and
	// holds those for which it answered.
	capture      *diag.Capture
	spoke, holds map[netip.Addr]bool
}

// A question is what frames that ask the same have in common.
type question struct {
	frame  diag.FrameType
	target netip.Addr
}

// A key says which frame it is, whoever saw it: what it is sent to or about, who asks, and its numbers.
type key struct {
	frame         diag.FrameType
	target, asker netip.Addr
	id, no        uint16
	text          string // a nonce, or a DHCPv6 message and transaction
}

// What answers has in its key one name, whatever it says.
const (
	tcpAnswer    diag.FrameType = "tcp-answer"
	dhcpv6Answer diag.FrameType = "dhcpv6-answer"
)

// keyOf names a frame; ok is false of one that another may resemble.
func keyOf(f diag.Frame) (k key, ok bool) {
	k = key{frame: f.Type}
	switch f.Type {
	case diag.EchoRequest:
		k.target, k.asker, k.id, k.no = f.Dst, f.Src, f.EchoID, f.EchoSeq
	case diag.EchoReply:
		k.target, k.asker, k.id, k.no = f.Src, f.Dst, f.EchoID, f.EchoSeq
	case diag.NS:
		k.target, k.asker, k.text = f.Target, f.Src, string(f.Nonce)
	case diag.NA:
		k.target, k.asker = f.Target, f.Dst
	case diag.TCPSyn:
		k.target, k.asker, k.id, k.no = f.Dst, f.Src, f.SrcPort, f.DstPort
	case diag.TCPSynAck, diag.TCPRst:
		k.frame, k.target, k.asker, k.id, k.no = tcpAnswer, f.Src, f.Dst, f.DstPort, f.SrcPort
	case diag.DHCPv6Frame:
		switch {
		case f.DHCPv6 == nil || f.DHCPv6.Transaction == "":
			return k, false
		case f.DHCPv6.Message == "advertise" || f.DHCPv6.Message == "reply":
			k.frame, k.text = dhcpv6Answer, f.DHCPv6.Transaction
		default:
			k.target, k.text = f.Dst, f.DHCPv6.Message+" "+f.DHCPv6.Transaction
		}
	default:
		return k, false
	}
	// Of an echo whose data was not captured the numbers were.
	return k, f.Bad == "" || f.Cut() && (f.EchoID != 0 || f.EchoSeq != 0)
}

// answer names the frame that answers.
func (k key) answer() key {
	switch k.frame {
	case diag.EchoRequest:
		k.frame = diag.EchoReply
	case diag.NS:
		k.frame, k.text = diag.NA, ""
	case diag.TCPSyn:
		k.frame = tcpAnswer
	case diag.DHCPv6Frame:
		_, transaction, _ := strings.Cut(k.text, " ")
		k = key{frame: dhcpv6Answer, text: transaction}
	}
	return k
}

// byAnyone is the key of an answer whoever it is from.
func (k key) byAnyone() key {
	k.target = netip.Addr{}
	return k
}

// left are the answers to a question that a side sent, got those that came to it.
func (s *side) answered(k key) []diag.Event { return answers(k, s.sent, s.sentTo) }
func (s *side) got(k key) []diag.Event      { return answers(k, s.came, s.cameTo) }

func answers(k key, list, byAnyone map[key][]diag.Event) []diag.Event {
	a := k.answer()
	if a.frame == diag.EchoReply && a.target.IsMulticast() {
		return byAnyone[a.byAnyone()]
	}
	return list[a]
}

// Hosts returns the other hosts whose stream is a part of a state, each with the frames that it and this one saw.
func Hosts(s *diag.State) []*Host {
	var list []*Host
	for _, f := range s.Fars {
		h := &Host{FarHost: f, here: sideOf(s, func(e diag.Event) diag.Event { return e }), there: sideOf(f.State, f.Here)}
		h.clock()
		list = append(list, h)
	}
	return list
}

// left reports whether a frame left the side. A capture does not say that of each, but its host has one MAC.
func (s *side) left(f diag.Frame) bool {
	if s.capture != nil {
		return f.SrcMAC == s.capture.Of && s.capture.Of != diag.MAC{}
	}
	return f.Out
}

// has reports whether an address is one of the side's: configured there, or assigned to it. Of a capture it is those for
// which its host answered, and the one by which it was named: whoever may send from another.
func (s *side) has(addr netip.Addr) bool {
	if s.capture != nil {
		return s.holds[addr] || s.capture.As == addr.String()
	}
	if s.state.InterfaceWith(addr) != "" {
		return true
	}
	for _, iface := range s.state.InterfacesOf() {
		for _, a := range s.state.Assignments(iface) {
			if a.Prefix.IsSingleIP() && a.Prefix.Addr() == addr {
				return true
			}
		}
	}
	return false
}

func sideOf(s *diag.State, here func(diag.Event) diag.Event) side {
	l := side{
		state: s, here: here, sent: map[key][]diag.Event{}, came: map[key][]diag.Event{}, asks: map[question][]key{},
		sentTo: map[key][]diag.Event{}, cameTo: map[key][]diag.Event{}, capture: s.Run.Capture, spoke: map[netip.Addr]bool{}, holds: map[netip.Addr]bool{},
	}
	for _, e := range slices.Concat(s.Frames(), s.Segments()) {
		f, ok := e.Body.(diag.Frame)
		if !ok {
			continue
		}
		k, ok := keyOf(f)
		if !ok {
			continue
		}
		list, byAnyone := l.came, l.cameTo
		if l.left(f) {
			l.spoke[f.Src] = !f.Src.IsUnspecified()
			if f.Type == diag.NA || f.Type == diag.EchoReply || k.frame == tcpAnswer {
				l.holds[k.target] = true
			}
			list, byAnyone = l.sent, l.sentTo
			if q := (question{k.frame, k.target}); len(l.sent[k]) == 0 {
				l.asks[q] = append(l.asks[q], k)
			}
		}
		list[k] = append(list[k], e)
		if k.frame == diag.EchoReply {
			byAnyone[k.byAnyone()] = append(byAnyone[k.byAnyone()], e)
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
func (h *Host) Has(addr netip.Addr) bool { return h.there.has(addr) }

// big is the size from which an echo tries the way's MTU rather than the host.
const big = 1000

// asksBy is the frame by which a question is asked, as it is followed: nd where an echo never left for want of it.
func asksBy(p diag.Path) (diag.Asks, diag.FrameType) {
	switch {
	case p.Detail == diag.DetailUnresolved && (p.Asks == diag.AsksEcho || p.Asks == diag.AsksND):
		return diag.AsksND, diag.NS
	case p.Asks == diag.AsksND:
		return p.Asks, diag.NS
	case p.Asks == diag.AsksEcho || p.Asks == diag.AsksMTU:
		return p.Asks, diag.EchoRequest
	case p.Asks == diag.AsksTCP:
		return p.Asks, diag.TCPSyn
	case p.Asks == diag.AsksDHCP:
		return p.Asks, diag.DHCPv6Frame
	default:
		return p.Asks, ""
	}
}

// Follow tells what became of a path's questions. A host that does not have the target, and where nothing for it was
// seen, says nothing of it: the Place is Unknown.
func (h *Host) Follow(p diag.Path) Trace {
	asks, by := asksBy(p)
	t := Trace{Host: h, Asks: asks}
	if by == "" || p.Outcome == diag.OutcomeSkipped || p.Outcome == diag.Refused || !h.there.complete(by) {
		return t
	}
	since := h.here.state.Begun(p.Check, p.Interface)
	iface := cmp.Or(p.Out, p.Interface)
	var questions []diag.Event // those that arrived, as there
	for _, k := range h.here.asks[question{by, p.Target}] {
		mine := slices.DeleteFunc(slices.Clone(h.here.sent[k]), func(e diag.Event) bool {
			f, _ := e.Body.(diag.Frame)
			source := f.Src == p.Source || !p.Source.IsValid() || asks != p.Asks
			return e.Seq <= since || f.Interface != iface || (f.Size > big) != (asks == diag.AsksMTU) || f.Src.IsUnspecified() || !source
		})
		if len(mine) == 0 {
			continue
		}
		t.note(mine)
		arrived := h.during(h.there.came[k], t.first)
		left := h.during(h.there.answered(k), t.first)
		got := slices.DeleteFunc(slices.Clone(h.here.got(k)), func(e diag.Event) bool {
			f, _ := e.Body.(diag.Frame)
			return e.Seq <= since || p.Target.IsMulticast() && by == diag.EchoRequest && !h.Has(f.Src)
		})
		t.count(mine, arrived, left, got)
		t.rest(&h.there, arrived, left)
		questions = append(questions, arrived...)
	}
	switch {
	case !h.isAsked(p) && !slices.ContainsFunc(questions, h.there.meant):
		return t // whoever else it is for, a switch may send to all
	case t.Sent == 0 && (p.Sent > 0 || !h.here.complete(by)):
		return t // they are not remembered
	case t.Sent == 0:
		t.Place = NotSent
	case t.Returned > 0:
		t.Place = Returned
	case !h.covers(t.first, t.last):
		return t
	default:
		t.lost(&h.there, questions)
	}
	t.Sure = h.Reading == diag.FarComplete || h.Pairs > 0
	return t
}

// meant reports whether a frame that came to a side was sent to its own MAC.
func (s *side) meant(e diag.Event) bool {
	f, _ := e.Body.(diag.Frame)
	if f.DstMAC[0]&1 != 0 {
		return false
	}
	own := map[diag.MAC]bool{}
	if s.capture != nil {
		own[s.capture.Of] = true
	}
	for _, l := range s.state.Links {
		own[l.MAC] = true
	}
	delete(own, diag.MAC{})
	return len(own) == 0 || f.DstMAC == diag.MAC{} || own[f.DstMAC]
}

// isAsked reports whether a path's target is the host, or a group that it is in.
func (h *Host) isAsked(p diag.Path) bool {
	switch {
	case p.Asks == diag.AsksDHCP: // of the servers; who answers nobody is none
		return slices.ContainsFunc(slices.Collect(maps.Keys(h.there.sent)), func(k key) bool { return k.frame == dhcpv6Answer })
	case p.Target.IsMulticast():
		return true
	default:
		return h.Has(p.Target)
	}
}

// complete reports whether a side has seen all frames of a kind.
func (s *side) complete(of diag.FrameType) bool {
	return s.state.Complete(diag.FeedFrames) && (of != diag.TCPSyn || s.state.Feeds[diag.FeedTCP].State != diag.Lost)
}

// note takes the times of questions that left.
func (t *Trace) note(mine []diag.Event) {
	for _, e := range mine {
		if t.first.IsZero() || e.At.Before(t.first) {
			t.first = e.At
		}
		if e.At.After(t.last) {
			t.last = e.At
		}
	}
}

// count adds what became of the frames of one question.
func (t *Trace) count(mine, arrived, left, got []diag.Event) {
	t.Sent += len(mine)
	t.Arrived += min(len(mine), len(arrived))
	t.Answered += min(len(mine), len(left))
	t.Returned += min(len(mine), len(got))
}

// lost says where what did not return was lost; questions are those that arrived at a side.
func (t *Trace) lost(at *side, questions []diag.Event) {
	switch {
	case t.Answered > 0:
		t.Place = AnswerLost
	case t.Arrived > 0:
		t.Place = NotAnswered
		t.judge(at, questions)
	default:
		t.Place = NotArrived
	}
}

// Slack is how much the offset of two clocks may be wrong by.
const Slack = 50 * time.Millisecond

// during leaves out what the host saw before a time of here, as far as the clocks can be compared.
func (h *Host) during(list []diag.Event, here time.Time) []diag.Event {
	if h.Pairs == 0 {
		return list
	}
	return from(list, here.Add(h.Offset-Slack))
}

// covers reports whether the host is known to have looked, and to remember it, from a time of here to another, so that
// what it does not tell of did not happen there. Where no frame is in both, nothing compares the clocks: then a stream
// that was read to its end is taken for one of the whole time.
func (h *Host) covers(first, last time.Time) bool {
	began := h.State.Said(diag.FeedFrames)
	if why, until := h.Missed(); why != "" && (h.Pairs == 0 || until.After(first.Add(h.Offset-Slack))) {
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
	return until && !began.At.After(first.Add(h.Offset+Slack))
}

// mostEvidence bounds what a trace points at.
const mostEvidence = 2

// rest keeps the first frames of each kind, of a side, as evidence.
func (t *Trace) rest(of *side, lists ...[]diag.Event) {
	for _, list := range lists {
		for _, e := range list[:min(1, len(list))] {
			if here := of.here(e); here.Body != nil && len(t.Evidence) < mostEvidence {
				t.Evidence = append(t.Evidence, here)
			}
		}
	}
}

// answeredBy is the frame that answers one of a type.
var answeredBy = map[diag.FrameType]diag.FrameType{
	diag.EchoRequest: diag.EchoReply, diag.NS: diag.NA, diag.TCPSyn: diag.TCPSynAck, diag.DHCPv6Frame: diag.DHCPv6Frame,
}

// judge says why what arrived at a side was not answered.
func (t *Trace) judge(at *side, questions []diag.Event) {
	f, _ := questions[0].Body.(diag.Frame)
	target := f.Dst
	if f.Type == diag.NS {
		target = f.Target
	}
	why := func(r Reason, what string, e diag.Event) {
		t.Why, t.What = r, what
		if here := at.here(e); here.Body != nil {
			t.Evidence = append(t.Evidence, here)
		}
	}
	unexplained := Reason("") // a capture has no word of what it was made on
	if at.capture == nil {
		unexplained = Unexplained
		if r, what, e := at.excuse(f, target); r != "" {
			why(r, what, e)
			return
		}
	}
	for _, k := range at.asks[question{diag.NS, f.Src}] {
		if len(at.came[k.answer()]) == 0 {
			why(Unresolved, f.Src.String(), at.sent[k][0])
			return
		}
	}
	why(unexplained, "", diag.Event{})
}

// excuse is what a side tells of itself that keeps it from answering a question for a target; "" where that is nothing.
func (s *side) excuse(f diag.Frame, target netip.Addr) (r Reason, what string, said diag.Event) {
	for _, e := range slices.Backward(s.state.Drops()) {
		d, _ := e.Body.(diag.Drop)
		k, ok := keyOf(d.Frame)
		asked, _ := keyOf(f)
		if !ok || !d.ByFilter() || k != asked && k != asked.answer() {
			continue
		}
		if rule, e, ok := s.rule(d.Frame.Interface, d.Frame.Type, !d.Frame.Out); ok {
			return Dropped, rule, e
		}
		return Dropped, d.Reason, e
	}
	iface := s.state.InterfaceWith(target)
	if a, ok := s.state.Addresses[diag.InterfaceAddr{Interface: iface, Address: target}]; !target.IsMulticast() && (!ok || !a.Fact.Flags.Usable()) {
		return NotConfigured, "", diag.Event{}
	}
	if rule, e, ok := s.rule(f.Interface, f.Type, true); ok {
		return Filtered, rule, e
	}
	if rule, e, ok := s.rule(f.Interface, answeredBy[f.Type], false); ok {
		return Filtered, rule, e
	}
	ignored := []string{"icmp.echo_ignore_all"}
	if target.IsMulticast() {
		ignored = append(ignored, "icmp.echo_ignore_multicast")
	}
	for _, name := range ignored {
		key := diag.SysctlKey{Name: name}
		if v, ok := s.state.Sysctl(key.Scope, key.Name); ok && v == "1" && f.Type == diag.EchoRequest {
			return Ignored, diag.SysctlName(key.Scope, key.Name), s.state.Said(key)
		}
	}
	return "", "", diag.Event{}
}

// rule returns a rule of a side that stops frames of a type, of those that come or those that leave.
func (s *side) rule(iface string, of diag.FrameType, in bool) (text string, said diag.Event, ok bool) {
	for _, r := range s.state.Filters {
		if r.Stops(of) && r.Inbound() == in && (r.Interface == "" || r.Interface == iface) {
			return r.Table + " " + r.Chain + ": " + r.Rule, s.state.Said(r), true
		}
	}
	return "", diag.Event{}, false
}
