// Package capture shows the frames of neighbour discovery as they leave and arrive, by packet
// sockets. It only listens. It sees an answer before this host's nftables, tc and netdev ingress
// drop it (the sockets take all protocols), but not what an XDP program drops; and it sees a frame
// leave only after tc and netdev egress have let it.
package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/privilege"
)

const (
	// bufferSize is the receive buffer asked for: some 10,000 small frames.
	bufferSize = 8 << 20
	// lookEvery is how often drops are counted, and a lost interface is looked for.
	lookEvery = time.Second
	// segmentsMost is how many TCP segments a second are read of an interface. Where there are more,
	// none is for a while: the filter then keeps them from being copied at all.
	segmentsMost = 100
	segmentsRest = time.Minute
	// oldest is the age beyond which a frame's timestamp is no age but a clock that was set.
	oldest = 10 * time.Second
)

// A Tap holds one packet socket an interface.
type Tap struct {
	taps []*tap
	sink diag.Sink

	mu      sync.Mutex
	trouble map[string]string // by interface: why its frames are missing
	busy    map[string]bool   // by interface: its TCP segments are left out
	said    bool              // the stream knows how the feed stands
}

// Open attaches to interfaces. It needs CAP_NET_RAW for the moment, in effect or permitted; Run
// needs no privilege any more. An error that is a *PrivilegeError tells what would give it: Missing
// makes of it what the stream should say.
func Open(ifaces []string) (*Tap, error) {
	t := &Tap{trouble: map[string]string{}, busy: map[string]bool{}}
	err := privilege.WithAll(func() error { // CAP_NET_ADMIN for the buffer
		for _, name := range ifaces {
			one, err := attach(name)
			if err != nil {
				return err
			}
			t.taps = append(t.taps, one)
		}
		return nil
	}, unix.CAP_NET_RAW, unix.CAP_NET_ADMIN)
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Close ends a Tap that is not running.
func (t *Tap) Close() {
	for _, one := range t.taps {
		one.file.Close()
	}
}

// Run emits each frame with the time at which the kernel saw it, until ctx ends, when it returns
// nil. FeedFrames is synced as long as all is seen: frames that the kernel had to drop, and an
// interface that is down or gone, make it lost, until a second passes without drops and the
// interface is back. Run closes the Tap.
func (t *Tap) Run(ctx context.Context, sink diag.Sink) error {
	defer t.Close()
	t.sink = sink
	stop := context.AfterFunc(ctx, func() {
		defer guard.Rescue()
		for _, one := range t.taps {
			_ = one.file.SetReadDeadline(time.Unix(1, 0))
		}
	})
	defer stop()
	for _, one := range t.taps {
		if err := one.present(); err != nil {
			t.set(one.name, err.Error())
		}
	}
	t.say()
	var readers sync.WaitGroup
	for _, one := range t.taps {
		readers.Go(func() {
			defer guard.Rescue()
			t.read(ctx, one)
		})
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-look.C:
			for _, one := range t.taps {
				t.look(one)
			}
		}
	}
	readers.Wait()
	return nil
}

// read emits the frames of one interface.
func (t *Tap) read(ctx context.Context, one *tap) {
	for ctx.Err() == nil {
		var err error
		gone := one.raw.Read(func(fd uintptr) bool {
			_, err = t.take(one, fd)
			return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
		})
		switch {
		case gone != nil:
			return // it is closed, or is to end
		case err == nil, errors.Is(err, unix.ENETDOWN):
		default:
			select { // should it go on so
			case <-ctx.Done():
			case <-time.After(lookEvery):
			}
		}
	}
}

// running reports whether what is seen is emitted.
func (t *Tap) running() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said
}

// Collect emits what the sockets hold of the frames that were seen by now. On a busy machine those may
// wait there for longer than a question waits for its answer.
func (t *Tap) Collect() {
	if !t.running() {
		return
	}
	now := time.Now()
	for _, one := range t.taps {
		_ = one.raw.Control(func(fd uintptr) {
			for at, err := now, error(nil); err == nil && !at.After(now); {
				at, err = t.take(one, fd)
			}
		})
	}
}

// take emits the next frame that a socket holds, and returns when that was seen. The error is EAGAIN
// where it holds none.
func (t *Tap) take(one *tap, fd uintptr) (at time.Time, err error) {
	one.taking.Lock()
	defer one.taking.Unlock()
	r, err := one.receive(fd)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case errors.Is(err, unix.ENETDOWN):
		// The kernel has detached us until the interface is up again.
		t.set(one.name, one.name+" is down")
	case err != nil:
		t.set(one.name, fmt.Sprintf("%s: receive: %v", one.name, err))
	default:
		at = captured(time.Now(), r.at)
		f, ok := Decode(one.name, r.out, r.frame, r.csumNotReady)
		switch {
		case !ok || !r.ours:
		case f.Type.IsTCP() && !one.segment(fd, at):
			t.setBusy(one.name, true)
		case one.gate.take(at, f):
			t.sink.EmitAt(at, f)
		}
		t.floods(one, at)
	}
	return at, err
}

// Finish tells of the floods that have not lasted for as long as is counted before one is told of: nothing more is to be
// taken in.
func (t *Tap) Finish() {
	if !t.running() {
		return
	}
	for _, one := range t.taps {
		one.taking.Lock()
		now := time.Now()
		for _, f := range one.gate.end(now) {
			t.sink.EmitAt(now, f)
		}
		one.taking.Unlock()
	}
}

// floods tells of the floods of the window that is over. one.taking is held.
func (t *Tap) floods(one *tap, now time.Time) {
	for _, f := range one.gate.turn(now) {
		t.sink.EmitAt(now, f)
	}
}

// captured returns the time of a frame that the kernel stamped with at by the wall clock, as now
// with the frame's age taken off: so it compares with the session's other times by the monotonic
// clock. An age that cannot be is that of a clock which was set; then now stands.
func captured(now, at time.Time) time.Time {
	age := now.Round(0).Sub(at)
	if at.IsZero() || age < 0 || age > oldest {
		return now
	}
	return now.Add(-age)
}

// look counts the drops of an interface, and finds it again.
func (t *Tap) look(one *tap) {
	one.taking.Lock()
	t.floods(one, time.Now())
	one.taking.Unlock()
	if one.rested(time.Now()) {
		t.setBusy(one.name, false)
	}
	drops, err := one.drops()
	switch {
	case err != nil:
		t.set(one.name, fmt.Sprintf("%s: packet statistics: %v", one.name, err))
	case drops > 0:
		t.set(one.name, fmt.Sprintf("%s: %d frames came faster than they could be read", one.name, drops))
	default:
		why := ""
		if err := one.present(); err != nil {
			why = err.Error()
		}
		t.set(one.name, why)
	}
}

// set notes why an interface's frames are missing, empty for nothing missing, and says so if that
// is news.
func (t *Tap) set(name, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.trouble[name] == why {
		return
	}
	if why == "" {
		delete(t.trouble, name)
	} else {
		t.trouble[name] = why
	}
	if t.said {
		t.feed()
	}
}

// setBusy notes that an interface's TCP segments are left out, or not any more, and says so if that is
// news.
func (t *Tap) setBusy(name string, busy bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy[name] != busy {
		t.busy[name] = busy
		t.feedTCP()
	}
}

// feedTCP emits how the feed of TCP segments stands. t.mu is held.
func (t *Tap) feedTCP() {
	feed := diag.Feed{Name: diag.FeedTCP, State: diag.Synced}
	for _, one := range t.taps {
		if t.busy[one.name] {
			feed.State, feed.Why = diag.Lost, fmt.Sprintf("%s: more than %d TCP segments a second begin or end a connection", one.name, segmentsMost)
			break
		}
	}
	t.sink.Emit(feed)
}

// say tells for the first time how the feeds stand.
func (t *Tap) say() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = true
	t.feed()
	t.feedTCP()
}

// feed emits how the feed stands. t.mu is held: two states must not overtake one another.
func (t *Tap) feed() {
	var why []string
	for _, one := range t.taps {
		if w := t.trouble[one.name]; w != "" {
			why = append(why, w)
		}
	}
	feed := diag.Feed{Name: diag.FeedFrames, State: diag.Synced}
	if len(why) > 0 {
		feed.State, feed.Why = diag.Lost, strings.Join(why, "; ")
	}
	t.sink.Emit(feed)
}

// A tap is a packet socket on the runtime's poller. mdlayher/packet tells neither the direction of a
// frame nor the state of its checksum.
type tap struct {
	name string
	file *os.File
	raw  syscall.RawConn
	// index is of the interface that the socket is bound to. Only Run's own goroutine uses it.
	index int

	taking       sync.Mutex // held from receiving a frame until it is in the stream: they keep their order
	buf, control []byte
	gate         *gate
	segments     int       // of TCP, since counting
	counting     time.Time // when the second began in which they are counted
	resting      time.Time // until when they are left out; zero: they are not
}

// segment counts a TCP segment that was seen at now, and reports whether it is to be told of: of those that a busy machine
// lets wait, as many as came in a second count, not as are read. taking is held.
func (one *tap) segment(fd uintptr, now time.Time) bool {
	if !one.resting.IsZero() {
		return false
	}
	if now.Sub(one.counting) >= time.Second {
		one.segments, one.counting = 0, now
	}
	if one.segments++; one.segments <= segmentsMost {
		return true
	}
	one.resting = now.Add(segmentsRest)
	_ = attachFilter(int(fd), false) // where that fails they are still left out here
	return false
}

// rested has TCP segments read again once the interface's time is over, and reports whether it is.
func (one *tap) rested(now time.Time) (over bool) {
	one.taking.Lock()
	defer one.taking.Unlock()
	if one.resting.IsZero() || now.Before(one.resting) {
		return false
	}
	err := one.raw.Control(func(fd uintptr) { over = attachFilter(int(fd), true) == nil })
	if over = over && err == nil; over {
		one.resting, one.segments = time.Time{}, 0
	}
	return over
}

// attach opens the tap of an interface.
func attach(name string) (*tap, error) {
	// Protocol 0 takes nothing yet: the filter must be there before the first frame.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, &PrivilegeError{Err: err, Fix: privilege.Fix(unix.CAP_NET_RAW)}
	}
	if err != nil {
		return nil, fmt.Errorf("frames of %s: packet socket: %w", name, err)
	}
	one := &tap{name: name, gate: newGate(name), buf: make([]byte, snap), control: make([]byte, 512)}
	if err := one.setUp(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("frames of %s: %w", name, err)
	}
	one.file = os.NewFile(uintptr(fd), "packet "+name)
	if one.raw, err = one.file.SyscallConn(); err != nil {
		one.file.Close()
		return nil, fmt.Errorf("frames of %s: %w", name, err)
	}
	return one, nil
}

func attachFilter(fd int, segments bool) error {
	program, err := bpf.Assemble(filter(segments))
	if err != nil {
		return err
	}
	code := make([]unix.SockFilter, len(program))
	for i, in := range program {
		code[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

func (one *tap) setUp(fd int) error {
	if err := attachFilter(fd, true); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1); err != nil {
		return fmt.Errorf("PACKET_AUXDATA: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("SO_TIMESTAMPNS: %w", err)
	}
	// What is allowed of it is enough to work with: a smaller buffer only drops sooner, visibly.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferSize) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferSize)
	}
	link, err := unix.NewIfreq(one.name)
	if err != nil {
		return fmt.Errorf("no interface %q: %w", one.name, err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, link); err != nil {
		return fmt.Errorf("no interface %q: %w", one.name, err)
	}
	one.index = int(link.Uint32())
	return bind(fd, one.index)
}

func bind(fd, index int) error {
	all := uint16(unix.ETH_P_ALL)
	err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all<<8 | all>>8, Ifindex: index})
	if err != nil {
		return fmt.Errorf("bind to interface %d: %w", index, err)
	}
	return nil
}

// present returns an error where the interface is gone or down. One that came back under its name
// is attached to again, which needs no privilege.
func (one *tap) present() error {
	var failed error
	err := one.raw.Control(func(fd uintptr) {
		link, err := unix.NewIfreq(one.name)
		if err != nil {
			failed = err
			return
		}
		if unix.IoctlIfreq(int(fd), unix.SIOCGIFINDEX, link) != nil {
			failed = fmt.Errorf("%s is gone", one.name)
			return
		}
		if index := int(link.Uint32()); index != one.index {
			if failed = bind(int(fd), index); failed != nil {
				return
			}
			one.index = index
		}
		if err := unix.IoctlIfreq(int(fd), unix.SIOCGIFFLAGS, link); err != nil || link.Uint16()&unix.IFF_UP == 0 {
			failed = fmt.Errorf("%s is down", one.name)
		}
	})
	return errors.Join(err, failed)
}

// drops returns how many frames were dropped for want of room since the last call.
func (one *tap) drops() (n uint32, err error) {
	var stats *unix.TpacketStats
	cerr := one.raw.Control(func(fd uintptr) {
		stats, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if err = errors.Join(cerr, err); err != nil {
		return 0, err
	}
	return stats.Drops, nil
}

// received is a frame with what the kernel says of it.
type received struct {
	frame        []byte
	ours         bool // sent by this host or for it
	out          bool
	csumNotReady bool
	at           time.Time // by the wall clock; zero: not told
}

// receive reads the next frame, which stays in buf.
func (one *tap) receive(fd uintptr) (r received, err error) {
	n, cn, _, from, err := unix.Recvmsg(int(fd), one.buf, one.control, 0)
	if err != nil {
		return r, err
	}
	r.frame = one.buf[:n]
	if sender, ok := from.(*unix.SockaddrLinklayer); ok {
		r.out = sender.Pkttype == unix.PACKET_OUTGOING
		// What a promiscuous interface overhears between others is no word to this host.
		r.ours = sender.Pkttype != unix.PACKET_OTHERHOST
	}
	messages, err := unix.ParseSocketControlMessage(one.control[:cn])
	if err != nil {
		return r, nil // the frame itself is whole
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16:
			r.at = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 4:
			status := binary.NativeEndian.Uint32(m.Data)
			r.csumNotReady = status&unix.TP_STATUS_CSUMNOTREADY != 0
			// The hardware took a VLAN tag off: it is not this interface's frame.
			r.ours = r.ours && status&unix.TP_STATUS_VLAN_VALID == 0
		}
	}
	return r, nil
}
