package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/lab"
	"ndwhy/diag/lab/vswitch"
	"ndwhy/diag/why"
)

// Weather is what happens to a run beside the faults: how the network carries, and how busy the host is. Its zero value
// is a network that takes no time and a host that has all of it.
type Weather struct {
	Delay, Jitter    time.Duration // of a frame between a host and the switch: at least; and beside that at most
	Loss, Duplicate  float64       // of the frames, the share
	Reorder          float64       // of those that others overtake
	Tap, Sock, Kern  time.Duration // how late at most the tap, sockets and netlink are read
	Call             time.Duration // that a question to the host's own kernel takes at most
	Forged           int           // frames that a neighbour sends and nobody is to believe, or that are about nobody here
	Moves            int           // how often something of the interface goes away and comes back meanwhile
	TicksAlways      bool          // routers advertise themselves every second
	PeerDelay        time.Duration // that a peer takes to answer at most
	Timeout          time.Duration // of the run; 0: 10 s
	Cancel           time.Duration // after which the user ends the run; 0: never
	Add              diag.AddMode
	Patient          bool // every silence is waited for in full
	WithoutTap, Bare bool // the program has no CAP_NET_RAW; nor CAP_NET_ADMIN
}

// A World is a network and a host in it on which the checks run.
type World struct {
	clock
	Spec    lab.Spec
	Weather Weather
	State   *diag.State
	Events  []diag.Event
	// Sent is what left the host, in order; Broken what a rule forbids, or should not be possible.
	Sent   []Sent
	Broken []string
	Took   time.Duration
	// Found is what the run came to.
	Found why.Diagnosis
	// Late are how many answers came after a silence was concluded that is waited for as long elsewhere.
	Late int

	begun   time.Time
	sw      *vswitch.Switch
	hosts   []*host
	ports   []*nic
	me      *host
	mail    checks.Mail
	booting bool

	frames, sock, netlink feed
	ears                  bool // the tap is there
	sockets               int
	byWire                bool
	givenAt               time.Time // when what leaves now was given to the kernel, which held it back; zero: it did not
	added                 map[netip.Addr]bool
	choosing              bool
	configured            map[netip.Addr]bool // what was, at the beginning
	lacking               bool                // some of that is gone at the end
	cables                map[cable]time.Time // when what was sent last arrives
}

// Sent is a packet that the host sent.
type Sent struct {
	At     time.Duration // from the beginning of the run
	Given  time.Duration // when the kernel was given it: before At where it waited for its neighbour
	Frame  diag.Frame    // of what a socket was given that did not leave, its source and target alone
	Wire   bool          // by the program's own frames
	Socket bool          // it is what a socket was given, which may become a frame
	Errno  string
}

// epoch is when every run begins.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// New builds the network of a lab's description.
func New(spec lab.Spec, seed uint64, weather Weather) *World {
	w := &World{
		clock: clock{now: epoch, dice: rand.New(rand.NewPCG(seed, 2))},
		Spec:  spec, Weather: weather, State: diag.NewState(), added: map[netip.Addr]bool{}, Events: make([]diag.Event, 0, 1<<9), cables: map[cable]time.Time{}, ears: !weather.WithoutTap,
	}
	w.frames, w.sock, w.netlink = feed{w: w, lag: weather.Tap, when: true}, feed{w: w, lag: weather.Sock, when: true}, feed{w: w, lag: weather.Kern}
	w.boot()
	return w
}

// broken notes what should not be.
func (w *World) broken(format string, args ...any) {
	if len(w.Broken) < 20 {
		w.Broken = append(w.Broken, fmt.Sprintf(format, args...))
	}
}

// A feed is a source of events, which come in order and some time late.
type feed struct {
	w    *World
	lag  time.Duration
	when bool // it says when something happened; else that is when it is read
	last time.Time
	held []diag.Event
}

func (f *feed) put(b diag.Body) {
	w := f.w
	if f.lag == 0 {
		w.Emit(b)
		return
	}
	at := w.now.Add(w.within(f.lag))
	if at.Before(f.last) {
		at = f.last
	}
	f.last = at
	f.held = append(f.held, diag.Event{At: w.now, Body: b})
	w.after(at.Sub(w.now), func() { f.read(1) })
}

// read shows the oldest of what is held; what was collected meanwhile is not there any more.
func (f *feed) read(n int) {
	for range min(n, len(f.held)) {
		e := f.held[0]
		f.held = f.held[1:]
		if !f.when {
			e.At = f.w.now
		}
		f.w.EmitAt(e.At, e.Body)
	}
}

// collect brings in what tap and sockets hold.
func (w *World) collect() {
	w.frames.read(len(w.frames.held))
	w.sock.read(len(w.sock.held))
}

// Emit implements diag.Sink.
func (w *World) Emit(b diag.Body) diag.Event { return w.EmitAt(w.now, b) }

// EmitAt implements diag.Sink.
func (w *World) EmitAt(at time.Time, b diag.Body) diag.Event {
	e := diag.Event{Seq: w.State.Seq + 1, At: at, Body: b}
	w.Events = append(w.Events, e)
	w.State.Apply(e)
	w.mail.Events = append(w.mail.Events, e)
	switch b.(type) {
	case diag.Address, diag.Route:
		w.chooseAgain()
	}
	return e
}

// Watch implements checks.Session. A Loop does not watch.
func (w *World) Watch(func(diag.Event)) (stop func()) { return func() {} }

// Look implements checks.Session.
func (w *World) Look(fn func(*diag.State)) { fn(w.State) }

// chooseAgain asks the kernel for its choices anew, some time after what they rest on has changed.
func (w *World) chooseAgain() {
	if w.choosing || w.booting {
		return
	}
	w.choosing = true
	w.after(100*time.Millisecond, func() {
		w.choosing = false
		w.choices()
	})
}

func (w *World) choices() {
	for _, dst := range slices.Concat(w.State.Run.Internet, w.State.Run.Peers) {
		if !dst.IsLinkLocalUnicast() {
			w.choice(dst, netip.Addr{})
		}
	}
}

func (w *World) choice(dst, from netip.Addr) {
	now := w.me.route(dst, from, "")
	if was, ok := w.State.Selections[diag.SelectionKey{Dst: dst, From: from}]; !ok || was != now {
		w.Emit(now)
	}
}

// tap shows a frame that came.
func (w *World) tap(f diag.Frame) {
	if w.ears && !w.booting {
		w.frames.put(f)
	}
}

// witness shows a frame that leaves; a solicitation has its entry read.
func (w *World) witness(f diag.Frame) {
	if w.booting {
		return
	}
	given := w.now
	if !w.givenAt.IsZero() {
		given = w.givenAt
	}
	w.Sent = append(w.Sent, Sent{At: w.now.Sub(w.begun), Given: given.Sub(w.begun), Frame: f, Wire: w.byWire})
	w.tap(f)
	if w.ears && f.Type == diag.NS && !f.Src.IsUnspecified() {
		w.after(200*time.Microsecond, func() {
			if n := w.me.nic(f.Interface); n != nil {
				if e := n.neigh[f.Target]; e != nil {
					w.Emit(e.told(w))
				}
			}
		})
	}
}

// asked notes what a socket was given.
func (w *World) asked(e diag.Socket) {
	w.Sent = append(w.Sent, Sent{
		At: w.now.Sub(w.begun), Socket: true, Errno: e.Errno, Frame: diag.Frame{Interface: e.Interface, Src: e.Source, Dst: e.Target, Type: diag.FrameType(e.Service)},
	})
}

// delay is how long a frame takes from a host to the switch, or back.
func (w *World) delay() time.Duration { return w.Weather.Delay + w.within(w.Weather.Jitter) }

// carry brings a frame to the switch, and what comes of it to whom it is for.
func (w *World) carry(port int, frame []byte) {
	if port == none || port >= 0 && w.ports[port].spec.Down {
		return
	}
	w.travel(cable{port, true}, func() {
		outs, _ := w.sw.Handle(w.now, port, frame)
		w.deliver(outs)
	})
}

// A cable is one direction of the way between a port and what is on it.
type cable struct {
	port     int
	toSwitch bool
}

// travel is the way of a frame along a cable, on which those that come later arrive later, if no weather is against it.
func (w *World) travel(along cable, arrive func()) {
	if w.chance(w.Weather.Loss) {
		return
	}
	at := w.now.Add(w.delay())
	if last := w.cables[along]; at.Before(last) && !w.chance(w.Weather.Reorder) {
		at = last
	}
	if w.chance(w.Weather.Reorder) {
		at = at.Add(w.within(2 * (w.Weather.Delay + w.Weather.Jitter)))
	} else {
		w.cables[along] = at
	}
	w.after(at.Sub(w.now), arrive)
	if w.chance(w.Weather.Duplicate) {
		w.after(at.Sub(w.now)+w.delay(), arrive)
	}
}

func (w *World) deliver(outs []vswitch.Output) {
	for _, o := range outs {
		if o.Port == vswitch.BeyondPort {
			w.after(w.delay(), func() { w.beyond(o.Frame) })
			continue
		}
		n := w.ports[o.Port]
		if n.spec.Down {
			continue
		}
		extra := time.Duration(0)
		if n.host != w.me {
			extra = w.within(w.Weather.PeerDelay)
		}
		w.travel(cable{o.Port, false}, func() {
			if extra == 0 {
				n.receive(o.Frame)
				return
			}
			w.after(extra, func() { n.receive(o.Frame) })
		})
	}
}

// tick has the routers advertise themselves when it is time.
func (w *World) tick() {
	next := w.sw.Next()
	if next.IsZero() {
		return
	}
	w.after(next.Sub(w.now), func() {
		outs, _ := w.sw.Tick(w.now)
		w.deliver(outs)
		w.tick()
	})
}

// Run runs the checks, and diagnoses.
func (w *World) Run() why.Diagnosis {
	timeout := w.timeout()
	w.begun = w.now
	w.configured = map[netip.Addr]bool{}
	for _, n := range w.me.nics {
		for _, a := range n.addrs {
			w.configured[a.Address.Address] = true
		}
	}
	deadline := w.now.Add(timeout)
	var judge why.Judge
	loop := checks.NewLoop(checks.Runner{
		Session: w, Net: w.me, Expect: func(p diag.Path) bool { return judge.Unexpected(w.State, p) }, Patient: w.Weather.Patient,
	}, deadline)
	w.weather()
	if w.Weather.Cancel > 0 {
		w.after(w.Weather.Cancel, func() { w.mail.End = context.Canceled })
	}
	var made []*checks.Call
	var read []diag.Event // room for the events of the next mail
	next := checks.Next{}
	for steps := 0; !next.Over; steps++ {
		if steps == 1_000_000 {
			w.broken("the run does not end")
			break
		}
		if !next.Due.IsZero() && !w.now.Before(next.Due) {
			w.collect()
		}
		mail := w.mail
		mail.Made, made = made, nil
		w.mail, read = checks.Mail{Events: read[:0]}, mail.Events
		next = loop.Step(w.now, mail)
		for _, c := range next.Calls {
			w.after(w.within(w.Weather.Call), func() {
				c.Make()
				made = append(made, c)
			})
		}
		for !next.Over && len(w.mail.Events) == 0 && w.mail.End == nil && len(made) == 0 && (next.Wake.IsZero() || w.now.Before(next.Wake)) {
			if w.next(next.Wake) {
				continue
			}
			if next.Wake.IsZero() {
				w.broken("nothing to wait for, and it is not over")
				return why.Diagnose(w.State)
			}
			w.now = next.Wake
		}
	}
	w.Took = w.now.Sub(w.begun)
	if w.Took > timeout+w.Weather.Call+200*time.Millisecond {
		w.broken("it took %s, %s were given", w.Took, timeout)
	}
	// What is on its way in this host comes in, as while a session is closed.
	w.settle(w.Weather.Kern)
	w.collect()
	w.Emit(diag.Tick{})
	w.Found = why.Diagnose(w.State)
	w.lacking = w.lacks()
	w.Late = w.late()
	return w.Found
}

// timeout is the time that the run has.
func (w *World) timeout() time.Duration {
	if w.Weather.Timeout > 0 {
		return w.Weather.Timeout
	}
	return 10 * time.Second
}

// settle lets some time pass.
func (c *clock) settle(d time.Duration) {
	end := c.now.Add(d)
	for c.next(end) {
	}
	c.now = end
}

// weather plans what happens meanwhile of itself.
func (w *World) weather() {
	for range w.Weather.Forged {
		w.after(w.within(1500*time.Millisecond), w.forge)
	}
	for range w.Weather.Moves {
		w.after(w.within(1500*time.Millisecond), w.move)
	}
}
