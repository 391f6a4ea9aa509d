package checks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"ndwhy/diag"
)

// interrupt settles a question that was left open, for a cause.
func interrupt(t *tally, cause error) {
	var why *refusal
	switch {
	case errors.As(cause, &why):
		t.skip(why.detail, why.note)
	case errors.Is(cause, errGone):
		t.preset, t.path.Errno = diag.Unsent, "ENODEV"
	case errors.Is(cause, context.DeadlineExceeded):
		t.skip(DetailTimeout, "")
	default:
		t.skip(DetailCancelled, "")
	}
}

// broken remembers that a check came to grief by an error of the program's own.
func (r *Loop) broken(check, iface string, why any) {
	r.broke[diag.CheckKey{ID: check, Interface: iface}] = fmt.Sprint(why)
}

// socket returns the socket that a question asks through: one for all targets.
func (r *Loop) socket(t *task, k socketKind, q Question) (Asker, error) {
	key := k.shares(q)
	s := r.sockets[key]
	if s == nil {
		s = &openSocket{err: Errno("EBADF")} // unless it comes to be opened
		r.sockets[key] = s
		r.open(t, s, func() (Asker, error) { return key.listen(r.Net) })
	}
	t.outlast(func() bool { return s.tried })
	return s.sock, s.err
}

func (r *Loop) open(t *task, s *openSocket, listen func() (Asker, error)) {
	defer func() { s.tried = true }()
	var sock Asker
	err := t.change(func() (err error) {
		sock, err = listen()
		return err
	})
	s.sock, s.err = sock, err
	if denied, ok := errors.AsType[*Denied](err); ok {
		r.denied = denied
	}
}

// echoID returns an id for echoes by wire: random, as other programs' raw sockets hear the replies,
// and none twice.
func (r *Loop) echoID() uint16 {
	for {
		if id := uint16(1 + rand.Uint32N(1<<16-1)); !r.ids[id] {
			r.ids[id] = true
			return id
		}
	}
}

func (r *Loop) learnMAC(iface string, addr netip.Addr, mac diag.MAC) {
	r.macs[diag.InterfaceAddr{Interface: iface, Address: addr}] = mac
}

// macOf returns the link-layer address of a neighbour as it is known from an answer, from the
// kernel's entry or from an advertisement.
func (r *Loop) macOf(iface string, addr netip.Addr) (mac diag.MAC) {
	key := diag.InterfaceAddr{Interface: iface, Address: addr}
	mac = r.macs[key]
	if mac != (diag.MAC{}) {
		return mac
	}
	r.Session.Look(func(s *diag.State) {
		if n, ok := s.Neighbours.Find(key); ok && n.Fact.State.Resolved() && n.Fact.State != diag.NoARP { // nobody said that one
			mac = n.Fact.MAC
		} else if router := s.Routers[key]; router != nil {
			mac = router.MAC
		}
	})
	return mac
}

// only reports whether source is the one address of its scope on an interface: then everything on
// this host uses it anyway.
func (r *Loop) only(iface string, source netip.Addr) (only bool) {
	r.Session.Look(func(s *diag.State) {
		n := 0
		for _, a := range s.AddressesOn(iface) {
			if a.Fact.Flags.Usable() && a.Fact.Address.IsLinkLocalUnicast() == source.IsLinkLocalUnicast() {
				n++
			}
		}
		only = n == 1
	})
	return only
}

// mayAdd reports whether the interface still keeps an address that the kernel prefers to a candidate.
func (r *Loop) mayAdd(iface string, addr netip.Addr) (may bool) {
	r.Session.Look(func(s *diag.State) {
		p := newPlanner(s, nil)
		p.iface = iface
		may = p.otherOfScope(addr)
	})
	return may
}

// reasks is how often one silent path may be asked again: less often where so many are on their way
// that there is neither time nor traffic for more.
func (r *Loop) reasks() int {
	if r.deadline.IsZero() {
		return reasks
	}
	// Every lane is to have its first turn before others have more.
	share := r.pace.room(r.now, r.deadline.Add(-r.wait))/max(1, r.waiting) - r.count
	return min(reasks, max(0, share))
}

// timeFor reports whether the run lasts until t.
func (r *Loop) timeFor(t time.Time) bool { return r.deadline.IsZero() || r.deadline.After(t) }
