package checks

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/words"
)

// guardTime is how long somebody who has a candidate may take to say so before it is used.
const guardTime = 300 * time.Millisecond

// dadTime is more than the kernel takes to find an address unique: a random delay of up to 1 s, then
// one solicitation and 1 s (RFC 4862 §5.4).
const dadTime = 3300 * time.Millisecond

// A refusal is why questions are not, or no longer, asked.
type refusal struct{ detail, note string }

func (r *refusal) Error() string { return r.detail + " " + r.note }

// errGone ends what is asked on an interface that has vanished.
var errGone = errors.New("the interface is gone")

// errEnded ends a claim whose questions are all settled.
var errEnded = errors.New("the claim has ended")

// A claim is the use of a candidate, for as long as nobody else has it.
type claim struct {
	*lane
	extent *extent
	ready  bool // the candidate may be used, or may not: then the extent has ended
	over   bool // nothing is left of it
}

// newClaim makes a claim of the lane that asks whether the candidate is free. Questions of the same
// candidate find it from then on.
func (r *Loop) newClaim(l *lane) *claim {
	c := &claim{lane: l, extent: &extent{within: r.ifaces[l.key.Interface]}}
	r.claims[diag.InterfaceAddr{Interface: l.key.Interface, Address: l.key.Target}] = c
	return c
}

// join makes the lane part of the claim that it belongs to, if it does to one, and waits until the candidate may be
// used. It is false when it may not.
func (l *lane) join() bool {
	c := l.r.claims[l.candidate]
	if c == nil {
		return !l.ended()
	}
	if !l.await(func() bool { return c.ready }) {
		return false
	}
	l.within = c.extent
	return !l.ended()
}

// hold guards the candidate, makes it usable, and takes it back when the claim has ended. settled
// is called once, as soon as the claim's own questions are.
func (c *claim) hold(settled func()) {
	var undo []func()
	c.unbroken(func() { c.prepare(&undo) })
	c.finish()
	c.letGo()
	c.ready = true
	settled()
	c.unbroken(func() {
		for !c.ended() {
			c.listen(time.Time{})
			c.contest()
		}
	})
	c.r.unsubscribe(c.in)
	for _, f := range slices.Backward(undo) {
		c.unbroken(f)
	}
	c.over = true
}

// unbroken does something; where that breaks it ends the claim, not the program.
func (c *claim) unbroken(do func()) {
	defer func() {
		if v := recover(); v != nil {
			c.r.broken(c.tallies[0].q.Check, c.key.Interface, v)
			c.extent.end(&refusal{DetailInterrupted, ""})
		}
	}()
	do()
}

// prepare asks whether somebody has the candidate and, where nobody says so, makes it usable. The
// claim has ended if it is not. undo gets what takes back what was done.
func (c *claim) prepare(undo *[]func()) {
	q := c.tallies[0].q
	iface, addr := c.key.Interface, q.Target
	c.r.subscribe(c.in, topic{iface, addr, netip.Addr{}})
	var leave func() error
	err := c.change(func() (err error) {
		leave, err = c.r.Net.Join(iface, diag.SolicitedNode(addr))
		return err
	})
	if err != nil {
		c.extent.end(&refusal{DetailNotAdded, errno(err)})
		return
	}
	*undo = append(*undo, func() { _ = c.change(leave) })
	c.guard(q)
	if c.ended() || c.r.spec.Add != diag.AddKernel || q.Check != Added {
		return
	}
	if !c.r.mayAdd(iface, addr) {
		c.extent.end(&refusal{DetailNoOther, ""})
		return
	}
	err = c.change(func() error { return c.r.Net.AddAddress(iface, addr, validLifetime) })
	if err != nil {
		c.extent.end(&refusal{DetailNotAdded, errno(err)})
		return
	}
	what := words.Say("change.address", "address", addr, "interface", iface)
	c.r.Session.Emit(diag.Change{Interface: iface, What: what, Address: addr})
	*undo = append(*undo, func() {
		err := c.change(func() error { return c.r.Net.DelAddress(iface, addr) })
		if err != nil && errno(err) != "EADDRNOTAVAIL" && errno(err) != "ENODEV" {
			c.r.broken(c.tallies[0].q.Check, iface, err)
			return
		}
		c.r.Session.Emit(diag.Change{Interface: iface, What: what, Address: addr, Undone: true})
	})
	c.awaitDAD()
}

// guard solicits the candidate from an address that the network knows and from none, and waits.
func (c *claim) guard(q Question) {
	nonce := make([]byte, 6)
	_, _ = rand.Read(nonce)
	for _, t := range c.of(dad.wire) {
		t.nonce = nonce
	}
	asked := c.of(dad.wire)
	if q.Guard.IsValid() {
		t := newTally(Question{kind: nd.wire, Path: diag.Path{Interface: q.Interface, Source: q.Guard, Target: q.Target}}, c.host)
		t.quiet = true
		c.tallies = append(c.tallies, t)
		asked = append(asked, t)
	}
	var list []*asking
	for _, t := range asked {
		list = append(list, &asking{tallies: []*tally{t}, count: 1, wait: guardTime, send: c.sender(t)})
	}
	for _, t := range c.of(dad.kernel) {
		t.muted = true // until the kernel has the address
	}
	c.pursue(list...)
	for _, t := range c.of(dad.kernel) {
		t.muted = false
	}
	c.contest()
}

// contest ends the claim if somebody else turned out to have the address.
func (c *claim) contest() {
	for _, t := range c.tallies {
		if t.path.Received == 0 {
			continue
		}
		who := ""
		if len(t.path.Responders) > 0 {
			who = t.path.Responders[0].MAC.String()
		}
		for _, mine := range c.tallies {
			if mine.path.Received == 0 {
				mine.skip(DetailAnsweredFor, who)
			}
		}
		c.extent.end(&refusal{DetailAnsweredFor, who})
		return
	}
}

// awaitDAD waits until the kernel has found the address unique, or has not.
func (c *claim) awaitDAD() {
	end := c.r.now.Add(dadTime)
	state := newTally(Question{kind: dad.kernel, Path: diag.Path{Interface: c.key.Interface, Target: c.key.Target}}, c.host)
	c.tallies = append(c.tallies, state)
	defer func() { c.tallies = c.tallies[:len(c.tallies)-1] }()
	state.quiet = true
	for !c.ended() {
		switch {
		case state.path.Received > 0:
			c.extent.end(&refusal{DetailAnsweredFor, ""})
			return
		case state.passed:
			for _, t := range c.of(dad.kernel) {
				t.done = true
			}
			return
		case !c.r.now.Before(end):
			c.extent.end(&refusal{DetailNotAdded, "tentative"})
			return
		}
		c.listen(end)
		c.contest()
	}
}
