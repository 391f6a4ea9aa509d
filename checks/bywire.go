package checks

import (
	"slices"

	"ndwhy/diag"
)

// byWire sends frames of our own for what was not on the wire yet, and asks once more what stayed
// silent and should not have.
func (l *lane) byWire() {
	if !l.host.Tap || l.ended() {
		return
	}
	l.drain()
	var list []*asking
	for _, open := range l.unanswered() {
		k := open[0].q.kind
		a := &asking{tallies: open, count: l.r.count, interval: l.r.interval, wait: l.r.wait, again: l.reask}
		if open[0].path.Sent > 0 {
			if l.reasked && k.copied() {
				continue // the kernel's re-asking was on the wire
			}
			a.count, a.end = 0, l.r.now
		}
		a.send = l.sender(open[0])
		k.adjust(l, a)
		list = append(list, a)
	}
	l.awaitRouter(list)
	l.pursue(list...)
	if l.ended() {
		return
	}
	for _, a := range list {
		for _, t := range a.tallies {
			if !a.over {
				t.skip(DetailUnresolved, "")
			}
		}
	}
}

// delivered waits for the socket's side of an answer that the tap showed after the kernel's wait, and for the answers
// right behind it: where one comes late, because somebody was only now found, all do.
func (l *lane) delivered() {
	for _, w := range l.open(isWireKind) {
		if w.path.Received == 0 || !w.q.kind.copied() {
			continue
		}
		end := l.r.now.Add(tapMayLag)
		for w.outstanding() && l.r.now.Before(end) {
			if !l.listen(end) {
				return
			}
		}
		for _, k := range l.open(isSocketKind) {
			for k.q.Asks == w.q.Asks && k.copies > 0 && (k.path.Received == 0 || k.outstanding()) && l.r.now.Before(end) {
				if !l.listen(end) {
					return
				}
			}
		}
	}
}

// awaitRouter waits for the gateway's link-layer address, which other lanes ask for.
func (l *lane) awaitRouter(list []*asking) {
	if l.hop == l.key.Target || len(list) == 0 {
		return
	}
	end := l.r.now.Add(l.r.interval + l.r.wait)
	for l.mac() == (diag.MAC{}) && l.r.now.Before(end) {
		if !l.listen(l.r.now.Add(tapMayLag)) {
			return
		}
	}
}

// unanswered returns the questions by wire that have no answer, those of a kind together, in the order planned.
func (l *lane) unanswered() (list [][]*tally) {
	for _, t := range l.open(isWireKind) {
		if t.hasAnswer() {
			continue
		}
		i := slices.IndexFunc(list, func(same []*tally) bool { return same[0].q.kind == t.q.kind })
		if i < 0 {
			list = append(list, []*tally{t})
		} else {
			list[i] = append(list[i], t)
		}
	}
	return list
}

// sender returns what sends a frame of our own for a question.
func (l *lane) sender(t *tally) func() error {
	k, ok := t.q.kind.(wireKind)
	if !ok {
		return nil
	}
	next := k.compose(l, t)
	return func() error {
		f := next()
		f.SrcMAC = l.link.MAC
		if f.Type == diag.NS {
			l.r.ledger.wire(l.key.Interface, f.Src, f.Target)
		}
		return l.r.Net.Send(l.key.Interface, f)
	}
}

// addressed reports whether a frame can be addressed to whom it is for: what somebody fixed in the kernel's table may
// be wrong, and is gone by only when the network was asked.
func (l *lane) addressed() bool {
	if l.before.Fixed() && slices.ContainsFunc(l.of(nd.wire), func(t *tally) bool { return !t.hasAnswer() && !t.done }) {
		return false
	}
	return l.knowsMAC()
}

// knowsMAC reports whether a frame can be addressed.
func (l *lane) knowsMAC() bool { return l.mac() != (diag.MAC{}) }

// mac returns the link-layer address that a frame to the target goes to; zero: not known yet.
func (l *lane) mac() diag.MAC {
	if l.hop.IsMulticast() {
		return diag.MulticastMAC(l.hop)
	}
	return l.r.macOf(l.key.Interface, l.hop)
}
