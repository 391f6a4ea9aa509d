package checks

import (
	"net/netip"
	"time"

	"ndwhy/diag"
)

// A kind is one kind of question, asked in one way: how it is asked, which events concern it and what they mean for it.
// Kinds are values without a state; what is known of one question stands in its tally. One that is asked at all is a
// socketKind or a wireKind as well.
type kind interface {
	asks() diag.Asks
	via() diag.Via
	// cost is how many packets it takes at most, asked count times, and how many more where its silence has it asked again.
	cost(q Question, count int) (first, again int)

	// adjust makes the asking of a lane's questions what this kind needs: by default they are asked as often as the run's
	// Count says, and again where silence would be a symptom.
	adjust(l *lane, a *asking)
	// again reports whether its silence is asked again when loss was seen elsewhere in the run.
	again() bool
	// rides: nothing is sent for it alone; it is seen in what the kernel does for the others of its lane.
	rides() bool
	// copied: what the kernel sends in a question like it is a copy of it on the wire.
	copied() bool
	// lag is how long the tap is waited for, of which the socket's answer tells that it has something to show.
	lag(l *lane, t *tally) time.Duration

	// topics are what it is about, beside its source, its target and the way there.
	topics(q Question) []topic
	// What happens to an event: each gets those of its interface, and of its target or the way there.
	frame(t *tally, e diag.Event, f diag.Frame)
	hears(t *tally, s diag.Socket) bool // whether what a socket tells is about it
	socket(t *tally, e diag.Event, s diag.Socket)
	entry(t *tally, e diag.Event, n diag.Neighbour)
	address(t *tally, e diag.Event, a diag.Address)

	// answered reports whether an answer has come, or cannot come any more; pending, where one has, whether others are
	// on their way.
	answered(t *tally) bool
	pending(t *tally) bool
	// judge fills in the outcome of what was asked, and what the outcome needs beside it.
	judge(t *tally, p *diag.Path)
}

// A socketKind asks through a socket of this host.
type socketKind interface {
	kind
	// shares names the socket: questions of the same name have one in common, whatever their targets.
	shares(q Question) socketKey
	// port is the one that its question of a number asks, from 0; 0: there is but one.
	port(n int) uint16
}

// A wireKind asks by frames of our own.
type wireKind interface {
	kind
	// compose returns what makes one frame after the other. The lane fills in its MAC.
	compose(l *lane, t *tally) func() Frame
}

// A socketKey is what a socket asks from, and whom it may ask.
type socketKey struct {
	iface   string
	source  netip.Addr // zero: it is not bound, as applications' are not
	service Service    // empty: for echoes
	size    int        // of a packet, in bytes; 0: a small one
}

func (key socketKey) listen(net Net) (Asker, error) {
	if key.service == "" {
		return net.Listen(key.iface, key.source, key.size)
	}
	return net.Inquire(key.iface, key.source, key.service)
}

// ways are the kinds that ask the same: what the host makes of it, what the network does, and what applications get.
type ways struct{ kernel, wire, app kind }

// anyKind is what kinds do unless they say otherwise.
type anyKind struct{}

func (anyKind) adjust(*lane, *asking)                    {}
func (anyKind) again() bool                              { return false }
func (anyKind) rides() bool                              { return false }
func (anyKind) copied() bool                             { return false }
func (anyKind) lag(*lane, *tally) time.Duration          { return 0 }
func (anyKind) topics(Question) []topic                  { return nil }
func (anyKind) frame(*tally, diag.Event, diag.Frame)     {}
func (anyKind) hears(*tally, diag.Socket) bool           { return false }
func (anyKind) socket(*tally, diag.Event, diag.Socket)   {}
func (anyKind) entry(*tally, diag.Event, diag.Neighbour) {}
func (anyKind) address(*tally, diag.Event, diag.Address) {}
func (anyKind) answered(t *tally) bool                   { return t.path.Received > 0 }
func (anyKind) pending(*tally) bool                      { return false }
func (anyKind) judge(t *tally, p *diag.Path)             { t.usual(p) }

// byWire is what kinds do that frames of our own ask.
type byWire struct{ anyKind }

func (byWire) via() diag.Via { return diag.ViaWire }

func (byWire) cost(q Question, count int) (first, again int) {
	if q.Target.IsMulticast() {
		return count, 0
	}
	return count, reasks
}

// byKernel is what kinds do that sockets ask, bound to the interface and the source. Whatever they ask, the kernel may
// solicit the next hop first, whose entry tells how far it came.
type byKernel struct{ anyKind }

func (byKernel) via() diag.Via { return diag.ViaKernel }

func (byKernel) cost(q Question, count int) (first, again int) {
	first, again = byWire{}.cost(q, count)
	return first + kernelSolicits, again
}

func (byKernel) hears(t *tally, s diag.Socket) bool {
	return t.ids[s.EchoID] && s.Via != diag.ViaApp && s.Source == t.q.Source && s.Target == t.q.Target
}

func (byKernel) entry(t *tally, _ diag.Event, n diag.Neighbour) { t.nud = n.State }

func (byKernel) shares(q Question) socketKey {
	return socketKey{q.Interface, q.Source, q.Service, q.Size}
}

func (byKernel) port(int) uint16 { return 0 }
