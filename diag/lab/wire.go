package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"ndwhy/diag/lab/vswitch"
)

// A wire joins the pure switch to packet sockets on its ends of the cables.
type wire struct {
	ports   map[int]*os.File
	changed chan struct{}         // the configuration is another: when to tick must be asked anew
	watch   func([]vswitch.Entry) // sees what is logged, in order, under mu

	mu        sync.Mutex
	sw        *vswitch.Switch
	unplugged map[int]bool  // by port: nothing passes its cable
	log       *json.Encoder // nil: none, or no more
	logErr    error         // why there is no more
}

func newWire(log io.Writer) *wire {
	w := &wire{ports: map[int]*os.File{}, unplugged: map[int]bool{}, changed: make(chan struct{}, 1), watch: func([]vswitch.Entry) {}}
	if log != nil {
		w.log = json.NewEncoder(log)
		w.log.SetEscapeHTML(false)
	}
	return w
}

// attach opens a packet socket on an interface of this namespace as the switch's port.
func (w *wire) attach(port int, name string) error {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	// Without a protocol nothing is received until the socket is bound to its interface.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	for _, o := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, 4 << 20},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, 4 << 20},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			unix.Close(fd)
			return fmt.Errorf("packet socket option: %w", err)
		}
	}
	all := uint16(unix.ETH_P_ALL)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all>>8 | all<<8, Ifindex: ifi.Index}); err != nil {
		unix.Close(fd)
		return fmt.Errorf("bind packet socket to %s: %w", name, err)
	}
	w.ports[port] = os.NewFile(uintptr(fd), name)
	return nil
}

// run starts the switch.
func (w *wire) run(config vswitch.Config) {
	w.sw = vswitch.New(config, time.Now())
	for port, f := range w.ports {
		go w.read(port, f)
	}
	go w.tick()
}

// begin ends the calm of the boot.
func (w *wire) begin() {
	w.mu.Lock()
	w.sw.Begin()
	w.mu.Unlock()
	w.wake()
}

// wake has the switch see anew what time asks for.
func (w *wire) wake() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *wire) read(port int, f *os.File) {
	buf := make([]byte, 1<<16+64)
	for {
		n, err := f.Read(buf)
		switch {
		case err == nil:
			w.do(func() ([]vswitch.Output, []vswitch.Entry) {
				if w.unplugged[port] {
					return nil, nil
				}
				return w.sw.Handle(time.Now(), port, buf[:n])
			})
		case isNetDown(err):
			// Reported once each time the interface goes down; the socket lives on.
		default:
			return
		}
	}
}

func (w *wire) tick() {
	for {
		w.mu.Lock()
		next := w.sw.Next()
		w.mu.Unlock()
		timer := time.NewTimer(time.Until(next))
		due := timer.C
		if next.IsZero() {
			due = nil
		}
		select {
		case <-due:
			w.do(func() ([]vswitch.Output, []vswitch.Entry) { return w.sw.Tick(time.Now()) })
		case <-w.changed:
		}
		timer.Stop()
	}
}

// alter changes the configuration of the running switch.
func (w *wire) alter(change func(*vswitch.Config)) {
	w.mu.Lock()
	change(w.sw.Config())
	w.mu.Unlock()
	w.wake()
}

// is looks at the configuration of the running switch.
func (w *wire) is(so func(*vswitch.Config) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return so(w.sw.Config())
}

// unplug pulls the cable of a port out, or puts it back.
func (w *wire) unplug(port int, out bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unplugged[port] = out
}

// isUnplugged reports whether the cable of a port is out.
func (w *wire) isUnplugged(port int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unplugged[port]
}

// advertise makes the routers advertise themselves now.
func (w *wire) advertise() {
	w.do(func() ([]vswitch.Output, []vswitch.Entry) {
		now := time.Now()
		w.sw.Hasten(now)
		return w.sw.Tick(now)
	})
}

// do lets the switch take one step, and sends and writes down what comes of it.
func (w *wire) do(step func() ([]vswitch.Output, []vswitch.Entry)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	outs, entries := step()
	w.lost(entries)
	w.watch(entries)
	for _, e := range entries {
		// A log that cannot be written must not stop the network.
		if w.log == nil {
			break
		}
		if w.logErr = w.log.Encode(e); w.logErr != nil {
			w.log = nil
		}
	}
	for _, o := range outs {
		if w.unplugged[o.Port] {
			continue
		}
		// A cable whose other end is down takes nothing, as in life.
		_, _ = w.ports[o.Port].Write(o.Frame)
	}
}

// unlogged says why the log is not whole, in one line; "" if it is, or there is none.
func (w *wire) unlogged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.logErr == nil {
		return ""
	}
	return fmt.Sprintf("switch log: %v; nothing more is written there", w.logErr)
}

// lost adds to the log what the switch cannot know: that nothing takes what it sends to a port.
func (w *wire) lost(entries []vswitch.Entry) {
	for port, out := range w.unplugged {
		if !out {
			continue
		}
		name := w.sw.Name(port)
		for i := range entries {
			if e := &entries[i]; slices.Contains(e.To, name) || e.Direction == "out" && e.Port == name {
				e.Reason += "; " + name + " is stopped and takes nothing"
			}
		}
	}
}

// offloadOff makes an interface of the calling thread's namespace finish its checksums before a
// frame leaves; without that, segmentation cannot be left to others either.
func offloadOff(name string) error {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_STXCSUM}
	var request struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	request.data = unsafe.Pointer(&value)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("checksum offload off: %w", errno)
	}
	return nil
}

// isNetDown reports whether err says that an interface went down.
func isNetDown(err error) bool { return errors.Is(err, unix.ENETDOWN) }
