package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A topic is what an event is about, so that it reaches only the lanes that asked.
type topic struct {
	iface string
	addr  netip.Addr // zero for any
	echo  uint16     // 0: not about an echo
}

// An address is whom an event is for.
type addressed struct {
	topics [2]topic
	n      int
	learnt bool // planning depends on it
}

func (a *addressed) to(t topic) {
	a.topics[a.n] = t
	a.n++
}

// about says what an event is about.
func about(e diag.Event) (a addressed) {
	switch b := e.Body.(type) {
	case diag.Frame:
		switch {
		case b.Type == diag.NS, b.Type == diag.NA:
			a.to(topic{b.Interface, b.Target, 0})
		case b.Type == diag.RS, b.Type == diag.RA:
			a.to(topic{b.Interface, diag.AllRouters, 0})
			a.learnt = b.Type == diag.RA
		case b.Type == diag.EchoRequest:
			a.to(topic{b.Interface, b.Dst, b.EchoID})
		case b.Type == diag.EchoReply:
			a.to(topic{b.Interface, b.Src, b.EchoID})
			a.to(topic{b.Interface, netip.Addr{}, b.EchoID})
		case b.Type == diag.DHCPv6Frame:
			a.to(topic{b.Interface, dhcpServers, 0})
		case b.Quoted != nil:
			a.to(topic{b.Interface, b.Quoted.Dst, b.Quoted.EchoID})
		}
	case diag.Socket:
		a.to(topic{b.Interface, b.Target, b.EchoID})
	case diag.Neighbour:
		a.to(topic{b.Interface, b.Address, 0})
	case diag.Address:
		a.to(topic{b.Interface, b.Address, 0})
		a.learnt = true
	case diag.Link, diag.Route, diag.Path, diag.Metadata, diag.Lease, diag.Selection:
		a.learnt = true
	}
	return a
}

// inboxLimit bounds what a flood of frames can make one lane queue; what comes on top is dropped.
const inboxLimit = 4096

// An inbox queues events for one lane.
type inbox struct {
	list   []diag.Event
	topics []topic
}

func (b *inbox) put(e diag.Event) {
	if len(b.list) < inboxLimit {
		b.list = append(b.list, e)
	}
}

func (b *inbox) take() []diag.Event {
	list := b.list
	b.list = nil
	return list
}

func (r *Loop) subscribe(box *inbox, t topic) {
	if slices.Contains(r.boxes[t], box) {
		return
	}
	r.boxes[t] = append(r.boxes[t], box)
	box.topics = append(box.topics, t)
}

func (r *Loop) unsubscribe(box *inbox) {
	for _, t := range box.topics {
		list := slices.DeleteFunc(r.boxes[t], func(have *inbox) bool { return have == box })
		if len(list) == 0 {
			delete(r.boxes, t)
		} else {
			r.boxes[t] = list
		}
	}
	box.topics = nil
}
