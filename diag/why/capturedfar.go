package why

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
	"ndwhy/diag/across"
)

// A heardCall is what one host of two captures of the same time asked the other: from and to are what the hosts are called.
type heardCall struct {
	across.Call
	from, to string
}

// heardCalls are what the host of a capture and those of others asked one another.
func (v *view) heardCalls() (list []heardCall) {
	here := v.s.Run.Host
	for _, h := range v.fars {
		for _, c := range h.AskedHere() {
			list = append(list, heardCall{c, here, h.Name()})
		}
		for _, c := range h.Asked() {
			list = append(list, heardCall{c, h.Name(), here})
		}
	}
	return list
}

// returned returns a source from which the same host reached the same target, where there is one.
func (v *view) returned(c heardCall, asks ...diag.Asks) (source netip.Addr, ok bool) {
	for _, o := range v.calls {
		if o.from == c.from && o.Target == c.Target && o.Place == across.Returned && slices.Contains(asks, o.Asks) {
			return o.Source, true
		}
	}
	return source, false
}

// lostBetweenCaptures are the calls to an address that came to nothing, the one that says most first.
func (v *view) lostBetweenCaptures(target netip.Addr) (list []heardCall) {
	for _, c := range v.calls {
		_, resolved := v.returned(c, diag.AsksEcho, diag.AsksTCP)
		if c.Target == target && c.Place != across.Returned && (c.Asks != diag.AsksND || !resolved) {
			list = append(list, c)
		}
	}
	diag.SortFunc(list, func(a, b heardCall) int { return b.Sent - a.Sent })
	return list
}

// heardLost is the rule for what was lost at a place, whichever of two hosts asked: one hypothesis for each target.
func heardLost(place across.Place) func(*ifaceView) []hypothesis {
	return func(iv *ifaceView) (list []hypothesis) {
		if iv != iv.ifaces[0] {
			return nil // hosts are compared, not their interfaces
		}
		told := map[netip.Addr]bool{}
		for _, c := range iv.calls {
			if told[c.Target] || len(list) == toldOne {
				continue
			}
			told[c.Target] = true
			for _, lost := range iv.lostBetweenCaptures(c.Target) {
				if lost.Place == place {
					list = append(list, iv.lostCall(lost))
					break
				}
			}
		}
		return list
	}
}

func (v *view) lostCall(c heardCall) hypothesis {
	h := hypothesis{
		direct: true, confidence: Likely, subject: Subject{"peer", c.Target.String()}, addr: c.Target, as: "captured", facts: c.Evidence,
		args: []any{"peer", c.Target, "from", c.Source, "here", c.from, "host", c.to, "sent", c.Sent, "arrived", c.Arrived, "answered", c.Answered, "what", c.What},
	}
	switch {
	case !c.Sure:
		h.more = append(h.more, "captured.unsure")
	case c.Arrived > 0 && !c.Owned && c.Why != across.NotConfigured:
		h.more = append(h.more, "captured.whose")
	default:
		h.confidence = Certain
	}
	switch {
	case c.Why == across.Unresolved:
		h.as = "captured-asks"
	case c.Why == across.NotConfigured:
		h.as = "captured-address"
	case c.Why == across.Unexplained:
		h.as = "captured-stack"
	case c.What != "":
		h.as = "captured-rule"
	}
	if other, ok := v.returned(c, c.Asks); ok {
		// The network lets speak who it knows, as a VPC does.
		h.severity = Info
		h.more = append(h.more, "captured.other-source")
		h.args = append(h.args, "other", other)
	}
	if c.Probes {
		h.severity = Info
		h.more = append(h.more, "captured.probes")
	}
	if c.Target.IsMulticast() {
		h.severity = Info
		h.more = append(h.more, "captured.to-all")
	}
	if c.Asks == diag.AsksTCP {
		h.more = append(h.more, "cause.far.tcp")
	}
	return h
}

// heardLoss tells of echoes between two captures of which the network lost some, and which way.
func heardLoss(iv *ifaceView) (list []hypothesis) {
	if iv != iv.ifaces[0] {
		return nil
	}
	for _, c := range iv.calls {
		lost := c.Sent - c.Arrived + c.Answered - c.Returned
		if c.Asks != diag.AsksEcho || c.Place != across.Returned || c.Target.IsMulticast() || lost < lostLeast || !c.Sure || len(list) == toldOne {
			continue
		}
		list = append(list, hypothesis{
			direct: true, confidence: Certain, subject: Subject{"target", c.Target.String()}, addr: c.Target, as: "captured", facts: c.Evidence,
			args: []any{
				"target", c.Target, "from", c.Source, "here", c.from, "host", c.to, "lost", lost, "sent", c.Sent,
				"arrived", c.Arrived, "answered", c.Answered, "returned", c.Returned,
			},
		})
	}
	return list
}

// lostLeast is from how many lost packets on between two hosts it is no accident.
const lostLeast = 2
