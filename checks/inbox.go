package checks

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ndwhy/diag"
)

// A topic is what an event is about, so that it reaches only the lanes that asked.
type topic struct {
	iface string
	addr  netip.Addr // zero for any
	echo  uint16     // 0: not about an echo
}

// A post hands the stream's events to the lanes. The session calls it inside Emit, so it only
// queues them.
type post struct {
	mu     sync.Mutex
	boxes  map[topic][]*inbox
	learnt chan struct{} // something that planning depends on has changed
	gone   func(iface string)
}

func newPost(gone func(string)) *post {
	return &post{boxes: map[topic][]*inbox{}, learnt: make(chan struct{}, 1), gone: gone}
}

func (p *post) see(e diag.Event) {
	var topics [2]topic
	n := 0
	to := func(t topic) { topics[n] = t; n++ }
	switch b := e.Body.(type) {
	case diag.Frame:
		switch {
		case b.Type == diag.NS, b.Type == diag.NA:
			to(topic{b.Interface, b.Target, 0})
		case b.Type == diag.RS, b.Type == diag.RA:
			to(topic{b.Interface, diag.AllRouters, 0})
			if b.Type == diag.RA {
				p.learn()
			}
		case b.Type == diag.EchoRequest:
			to(topic{b.Interface, b.Dst, b.EchoID})
		case b.Type == diag.EchoReply:
			to(topic{b.Interface, b.Src, b.EchoID})
			to(topic{b.Interface, netip.Addr{}, b.EchoID})
		case b.Type == diag.DHCPv6Frame:
			to(topic{b.Interface, dhcpServers, 0})
		case b.Quoted != nil:
			to(topic{b.Interface, b.Quoted.Dst, b.Quoted.EchoID})
		}
	case diag.Socket:
		to(topic{b.Interface, b.Target, b.EchoID})
	case diag.Neighbour:
		to(topic{b.Interface, b.Address, 0})
	case diag.Address:
		to(topic{b.Interface, b.Address, 0})
		p.learn()
	case diag.Link:
		if b.Gone {
			p.gone(b.Interface)
		}
		p.learn()
	case diag.Route, diag.Path, diag.Metadata, diag.Lease, diag.Selection:
		p.learn()
	}
	if n == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range topics[:n] {
		for _, box := range p.boxes[t] {
			box.put(e)
		}
	}
}

func (p *post) learn() {
	select {
	case p.learnt <- struct{}{}:
	default:
	}
}

func (p *post) subscribe(box *inbox, t topic) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.boxes[t], box) {
		return
	}
	p.boxes[t] = append(p.boxes[t], box)
	box.topics = append(box.topics, t)
}

func (p *post) unsubscribe(box *inbox) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range box.topics {
		list := slices.DeleteFunc(p.boxes[t], func(have *inbox) bool { return have == box })
		if len(list) == 0 {
			delete(p.boxes, t)
		} else {
			p.boxes[t] = list
		}
	}
	box.topics = nil
}

// inboxLimit bounds what a flood of frames can make one lane queue; what comes on top is dropped.
const inboxLimit = 4096

// An inbox queues events for one lane.
type inbox struct {
	mu     sync.Mutex
	list   []diag.Event
	ping   chan struct{}
	topics []topic // guarded by the post
}

func newInbox() *inbox { return &inbox{ping: make(chan struct{}, 1)} }

func (b *inbox) put(e diag.Event) {
	b.mu.Lock()
	if len(b.list) < inboxLimit {
		b.list = append(b.list, e)
	}
	b.mu.Unlock()
	select {
	case b.ping <- struct{}{}:
	default:
	}
}

func (b *inbox) take() []diag.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list = nil
	return list
}

// wait returns the queued events, waiting for one until the given time (a zero time: for ever).
// It is not ok when ctx ended first.
func (b *inbox) wait(ctx context.Context, until time.Time) (list []diag.Event, ok bool) {
	if list := b.take(); len(list) > 0 {
		return list, true
	}
	var fire <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		fire = t.C
	}
	select {
	case <-b.ping:
		return b.take(), true
	case <-fire:
		return b.take(), true
	case <-ctx.Done():
		return b.take(), false
	}
}
