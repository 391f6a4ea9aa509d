package checks

import (
	"net/netip"
	"slices"

	"ndwhy/diag"
)

// A topic is what an event is about, so that it reaches only the lanes that asked: two addresses, of which zero is any.
type topic struct {
	iface         string
	remote, local netip.Addr
}

// An envelope says whom an event is for.
type envelope struct {
	topics [2]topic
	n      int
	learnt bool // planning depends on it
}

func (to *envelope) add(iface string, remote, local netip.Addr) {
	to.topics[to.n] = topic{iface, remote, local}
	to.n++
}

// about says what an event is about.
func about(e diag.Event) (to envelope) {
	switch b := e.Body.(type) {
	case diag.Frame:
		to.learnt = b.Type == diag.RA
		switch {
		case b.Target.IsValid():
			to.add(b.Interface, b.Target, netip.Addr{})
		case b.Out:
			to.add(b.Interface, b.Dst, b.Src)
		case b.Quoted != nil:
			to.add(b.Interface, b.Quoted.Dst, b.Quoted.Src)
		default:
			to.add(b.Interface, b.Src, b.Dst)
			to.add(b.Interface, netip.Addr{}, b.Dst)
		}
	case diag.Socket:
		if b.Via == diag.ViaApp {
			to.add(b.Interface, b.Target, netip.Addr{}) // the kernel chose the source
		} else {
			to.add(b.Interface, b.Target, b.Source)
		}
	case diag.Neighbour:
		to.add(b.Interface, b.Address, netip.Addr{})
	case diag.Address:
		to.add(b.Interface, b.Address, netip.Addr{})
		to.learnt = true
	case diag.Feed:
		to.learnt = b.Name == diag.FeedNetlink
	case diag.Link, diag.Route, diag.Path, diag.Metadata, diag.Lease, diag.Selection:
		to.learnt = true
	}
	return to
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
