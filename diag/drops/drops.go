// Package drops tells which packets of neighbour discovery this host's kernel threw away, why, and
// where in it: the kernel's own word, from a small program on its tracepoint kfree_skb. It only listens,
// and leaves nothing behind.
//
// The tracepoint knows no namespaces; the program lets through what befell the interfaces of our own
// network namespace. What an XDP program drops in a driver is no skb yet, and is not seen.
package drops

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/capture"
	"ndwhy/diag/guard"
	"ndwhy/diag/privilege"
	"ndwhy/diag/words"
)

const (
	// lookEvery is how often what was missed is counted, and the interfaces are looked for.
	lookEvery = time.Second
	// oldest is the age beyond which a time of the kernel's is none.
	oldest = 10 * time.Second
)

// Off is the environment variable that turns the source off, by the value "off".
const Off = "NDWHY_DROPS"

// needed are the capabilities that loading takes, in the initial user namespace.
var needed = []int{unix.CAP_BPF, unix.CAP_PERFMON}

// Follow emits a diag.Drop for each packet of the interfaces that the kernel throws away, until ctx
// ends, when it returns nil. Before the first it says how the feed stands: where it cannot be had, why
// not, and no more.
func Follow(ctx context.Context, sink diag.Sink, ifaces []string) error {
	if os.Getenv(Off) == "off" {
		sink.Emit(diag.Feed{Name: diag.FeedDrops, State: diag.NotAsked, Why: words.Say("drops.turned-off", "name", Off)})
		return nil
	}
	m, err := Open(ifaces)
	if err != nil {
		sink.Emit(Missing(err))
		return nil
	}
	return m.Run(ctx, sink)
}

// A Monitor is the program at work in the kernel.
type Monitor struct {
	reasons map[uint32]string
	maps    *maps
	program *ebpf.Program
	link    link.Link
	shared  *ebpf.Memory
	samples *ringbuf.Reader
	query   int // a socket, to ask for the interfaces

	ifaces []string
	mu     sync.Mutex
	names  map[uint32]string // of the interfaces, by index

	missed missed
	states map[diag.FeedName]diag.FeedState // as they were said
}

// missed counts the drops that were not kept: more than a second may bring, no room in the ring, more than a
// second may bring of TCP and UDP, the program at work already where it would have been called.
type missed struct{ excess, full, extra, busy uint64 }

// Why the kernel lets this process load no program.
var (
	errPrivilege     = errors.New("CAP_BPF and CAP_PERFMON are missing")
	errUserNamespace = errors.New("CAP_BPF and CAP_PERFMON count for nothing in a user namespace")
)

// Open puts the program into the kernel. It needs CAP_BPF and CAP_PERFMON for the moment, in effect or
// permitted; Run needs no privilege any more. Missing makes of its error what a stream should say.
func Open(ifaces []string) (*Monitor, error) {
	// To see that it would be of no use is quick; to read the kernel's types is not.
	switch {
	case !inInitialUserNamespace():
		return nil, errUserNamespace
	case !privilege.Permitted(unix.CAP_BPF) || !privilege.Permitted(unix.CAP_PERFMON):
		return nil, errPrivilege
	}
	m := &Monitor{ifaces: ifaces, query: -1, states: map[diag.FeedName]diag.FeedState{}}
	if err := privilege.WithAll(m.load, needed...); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (m *Monitor) load() (err error) {
	if m.query, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("socket", err)
	}
	// The maps come first: they fail soonest.
	if m.maps, err = newMaps(); err != nil {
		return err
	}
	if m.shared, err = m.maps.shared.Memory(); err != nil {
		return err
	}
	layout, err := readLayout()
	if err != nil {
		return err
	}
	m.reasons = layout.reasons
	netns, err := namespace()
	if err != nil {
		return err
	}
	if err := m.findInterfaces(); err != nil {
		return err
	}
	m.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "ndwhy_drops", Type: ebpf.RawTracepoint, Instructions: program(layout, netns, m.maps),
		// The kernel lets only what is also under the GPL read its memory.
		License: "Dual BSD/GPL",
	})
	if err != nil {
		return err
	}
	if m.samples, err = ringbuf.NewReader(m.maps.ring); err != nil {
		return err
	}
	m.link, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: "kfree_skb", Program: m.program})
	return err
}

// namespace returns the inode number of this thread's network namespace.
func namespace() (uint32, error) {
	info, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("the network namespace has no number")
	}
	return uint32(stat.Ino), nil
}

// Missing returns what a stream says in place of drops, where Open failed with err.
func Missing(err error) diag.Feed {
	feed := diag.Feed{Name: diag.FeedDrops, State: diag.Unavailable}
	switch {
	case errors.Is(err, errUserNamespace):
		feed.Why, feed.Fix = words.Say("drops.user-namespace"), words.Say("drops.user-namespace-fix")
	case errors.Is(err, errPrivilege):
		feed.Why, feed.Fix = words.Say("drops.no-privilege"), privilege.Fix(needed...)
	default: // of a verifier's log, the first line
		why, _, _ := strings.Cut(err.Error(), "\n")
		feed.Why = words.Say("drops.unavailable", "why", words.Clean(why))
	}
	return feed
}

// inInitialUserNamespace reports whether the capabilities that this process has, if any, count for the
// kernel as a whole.
func inInitialUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || slices.Equal(strings.Fields(string(b)), []string{"0", "0", "4294967295"})
}

// Close ends a Monitor that is not running; nothing of it stays in the kernel.
func (m *Monitor) Close() {
	if m.link != nil {
		m.link.Close()
	}
	if m.samples != nil {
		m.samples.Close()
	}
	m.program.Close()
	if m.maps != nil {
		m.maps.close()
	}
	if m.query >= 0 {
		unix.Close(m.query)
	}
}

// Run emits each drop with the time at which it happened, until ctx ends, when it returns nil.
// FeedDrops is synced as long as all are told, and FeedPorts as long as all are of TCP and UDP with the ports
// that are asked here: more than a second may bring, or than there is room for, make it lost, until a second passes without any. Run closes the Monitor; its error is that the ring
// could not be read.
func (m *Monitor) Run(ctx context.Context, sink diag.Sink) error {
	defer m.Close()
	m.say(sink, diag.FeedDrops, diag.Synced, "")
	m.say(sink, diag.FeedPorts, diag.Synced, "")
	ended := make(chan error, 1)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer guard.Rescue()
		ended <- m.read(sink)
	})
	defer reader.Wait()
	defer m.samples.Close() // which ends the reader
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case <-look.C:
			m.look(sink)
		}
	}
}

// read emits the drops until the ring is closed, or cannot be read.
func (m *Monitor) read(sink diag.Sink) error {
	var record ringbuf.Record
	for {
		if err := m.samples.ReadInto(&record); err != nil {
			return fmt.Errorf("dropped packets: %w", err)
		}
		m.mu.Lock()
		names := m.names
		m.mu.Unlock()
		if d, at, ok := m.decode(record.RawSample, names); ok {
			sink.EmitAt(happened(at), d)
		}
	}
}

// decode reads a sample; ok is false for what the tap would not show either, and for TCP and UDP that died for no
// reason that tells of this host: at a closed port, say. at is when it was dropped,
// in nanoseconds of CLOCK_MONOTONIC.
func (m *Monitor) decode(b []byte, names map[uint32]string) (d diag.Drop, at uint64, ok bool) {
	if len(b) < sampleSize {
		return d, 0, false
	}
	order := binary.NativeEndian
	index := order.Uint32(b[sampleIndex:])
	length := min(int(order.Uint16(b[sampleLength:])), copied)
	name, ok := names[index]
	if !ok {
		return d, 0, false
	}
	frame := make([]byte, ethernetLen, ethernetLen+copied)
	if order.Uint16(b[sampleLink:]) == ethernetLen {
		copy(frame, b[sampleHeader:])
	}
	binary.BigEndian.PutUint16(frame[ethernetLen-2:], unix.ETH_P_IPV6)
	frame = append(frame, b[samplePacket:samplePacket+length]...)
	// What came in has the interface noted that it came by; what is forwarded leaves by another.
	out := order.Uint32(b[sampleFrom:]) != index
	// On its way out, the checksum may be still to be filled in.
	d.Frame, ok = capture.Decode(name, out, frame, true)
	if d.Frame.Size > length {
		d.Frame.Bad = "" // all that is wrong with it is that no more was copied
	}
	d.Reason = m.reasons[order.Uint32(b[sampleReason:])]
	if d.Reason == "" {
		d.Reason = fmt.Sprint(order.Uint32(b[sampleReason:])) // of a subsystem with reasons of its own
	}
	d.Function = function(b[sampleFunction:sampleSize])
	return d, order.Uint64(b[sampleTime:]), ok && (!d.Frame.Type.HasPorts() || d.Telling())
}

// function returns the name of a place in the kernel, without the module's and without what the compiler
// added (nft_do_chain [nf_tables], ip6_mc_input.part.0).
func function(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	if i := bytes.IndexAny(b, " ."); i >= 0 {
		b = b[:i]
	}
	if bytes.HasPrefix(b, []byte("0x")) {
		return "" // a kernel without symbols
	}
	return words.Clean(string(b))
}

// happened returns a time of the kernel's as one that compares with the session's others.
func happened(at uint64) time.Time {
	now := time.Now()
	var mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil {
		return now
	}
	age := time.Duration(uint64(mono.Nano()) - at)
	if age < 0 || age > oldest {
		return now
	}
	return now.Add(-age)
}

// look counts what was missed, and finds the interfaces again.
func (m *Monitor) look(sink diag.Sink) {
	if err := m.findInterfaces(); err != nil {
		m.say(sink, diag.FeedDrops, diag.Lost, err.Error())
		m.say(sink, diag.FeedPorts, diag.Lost, err.Error())
		return
	}
	now := m.count()
	was := m.missed
	m.missed = now
	judge := func(name diag.FeedName, excess uint64, limit int) {
		switch full := now.full - was.full + now.busy - was.busy; {
		case excess > 0:
			m.say(sink, name, diag.Lost, words.Say("drops.excess", "count", excess, "limit", limit))
		case full > 0:
			m.say(sink, name, diag.Lost, words.Say("drops.full", "count", full))
		default:
			m.say(sink, name, diag.Synced, "")
		}
	}
	judge(diag.FeedDrops, now.excess-was.excess, perSecond)
	judge(diag.FeedPorts, now.extra-was.extra, perSecondAsked)
}

// count returns how many drops were missed since the beginning.
func (m *Monitor) count() (now missed) {
	var b [24]byte
	_, _ = m.shared.ReadAt(b[:], sharedExcess)
	now.excess, now.full, now.extra = binary.NativeEndian.Uint64(b[:]), binary.NativeEndian.Uint64(b[8:]), binary.NativeEndian.Uint64(b[16:])
	now.busy = m.missed.busy
	// Before Linux 5.19 even this needs CAP_BPF.
	if stats, err := m.program.Stats(); err == nil {
		now.busy = stats.RecursionMisses
	}
	return now
}

// say tells how a feed stands, if that is news.
func (m *Monitor) say(sink diag.Sink, name diag.FeedName, state diag.FeedState, why string) {
	if m.states[name] != state {
		m.states[name] = state
		sink.Emit(diag.Feed{Name: name, State: state, Why: why})
	}
}

// findInterfaces tells the program which interfaces there are: one that comes back has another index.
func (m *Monitor) findInterfaces() error {
	names, indexes := map[uint32]string{}, []uint32{}
	for _, name := range m.ifaces {
		req, err := unix.NewIfreq(name)
		if err != nil || unix.IoctlIfreq(m.query, unix.SIOCGIFINDEX, req) != nil {
			continue // gone for now
		}
		names[req.Uint32()] = name
		indexes = append(indexes, req.Uint32())
	}
	m.mu.Lock()
	m.names = names
	m.mu.Unlock()
	if len(indexes) > watched {
		indexes = []uint32{anyIndex}
	}
	var b [4 * watched]byte
	for i, index := range indexes {
		binary.NativeEndian.PutUint32(b[4*i:], index)
	}
	_, err := m.shared.WriteAt(b[:], sharedIndexes)
	return err
}
