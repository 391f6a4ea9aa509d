package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/privilege"
	"ndwhy/diag/wire"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// echoTypes names the ICMPv6 errors that the error queue tells of (RFC 4443 §3).
var echoTypes = map[byte]diag.FrameType{
	1: diag.Unreachable, 2: diag.PacketTooBig, 3: diag.TimeExceeded, 4: diag.ParameterProblem,
}

// An echo is a socket that asks for echoes as ping does: a raw one where that is allowed, else the
// datagram socket that net.ipv4.ping_group_range opens to ordinary users.
type echo struct {
	sink   diag.Sink
	iface  string
	index  int
	source netip.Addr
	data   []byte // of a request
	id     uint16
	file   *os.File
	conn   syscall.RawConn
	done   chan struct{}

	mu    sync.Mutex // orders sent before what came of it
	asked map[uint16]diag.Socket

	taking   sync.Mutex // held while what came is read
	buf, oob []byte
}

// Listen opens an echo socket bound to the interface and the source; without a source it is bound to nothing. Its
// requests have size bytes from the IPv6 header on, or ping's number.
func (n *Net) Listen(iface string, source netip.Addr, size int) (checks.Asker, error) {
	i, err := index(iface)
	if err != nil {
		return nil, named(err)
	}
	fd, raw, err := echoSocket()
	if err != nil {
		return nil, err
	}
	e := &echo{
		sink: n.sink, iface: iface, index: i, source: source, data: filled(size),
		done: make(chan struct{}), asked: map[uint16]diag.Socket{}, buf: make([]byte, 2048), oob: make([]byte, 512),
	}
	if err := e.setUp(fd, raw); err != nil {
		_ = unix.Close(fd)
		return nil, named(fmt.Errorf("echo socket from %s on %s: %w", source, iface, err))
	}
	e.file = os.NewFile(uintptr(fd), "icmpv6")
	if e.conn, err = e.file.SyscallConn(); err != nil {
		_ = e.file.Close()
		return nil, err
	}
	n.mu.Lock()
	n.echoes = append(slices.Clip(n.echoes), e)
	n.mu.Unlock()
	go func() {
		defer guard.Rescue()
		e.receive()
	}()
	return e, nil
}

func echoSocket() (fd int, raw bool, err error) {
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	err = privilege.With(unix.CAP_NET_RAW, func() (err error) {
		fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|flags, unix.IPPROTO_ICMPV6)
		return err
	})
	if err == nil {
		return fd, true, nil
	}
	fd, err2 := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|flags, unix.IPPROTO_ICMPV6)
	if err2 == nil {
		return fd, false, nil
	}
	if errors.Is(err, unix.EPERM) || errors.Is(err2, unix.EACCES) {
		return 0, false, &checks.Denied{
			Why: "CAP_NET_RAW is missing, and net.ipv4.ping_group_range allows this user no echo socket",
			Fix: privilege.Fix(unix.CAP_NET_RAW),
		}
	}
	return 0, false, named(fmt.Errorf("echo socket: %w", err2))
}

func (e *echo) setUp(fd int, raw bool) error {
	if raw {
		var filter unix.ICMPv6Filter // a set bit blocks the type
		for i := range filter.Data {
			filter.Data[i] = ^uint32(0)
		}
		filter.Data[ipv6.ICMPTypeEchoReply/32] &^= 1 << (ipv6.ICMPTypeEchoReply % 32)
		if err := unix.SetsockoptICMPv6Filter(fd, unix.IPPROTO_ICMPV6, unix.ICMPV6_FILTER, &filter); err != nil {
			return fmt.Errorf("ICMP6_FILTER: %w", err)
		}
	}
	options := []struct{ option, value int }{{unix.IPV6_RECVERR, 1}}
	if e.source.IsValid() {
		err := privilege.With(unix.CAP_NET_RAW, func() error { return unix.BindToDevice(fd, e.iface) })
		if err != nil {
			return fmt.Errorf("SO_BINDTODEVICE: %w", err)
		}
		options = append(options, []struct{ option, value int }{
			{unix.IPV6_MULTICAST_LOOP, 0}, // else this host answers its own question to ff02::1
			{unix.IPV6_MULTICAST_IF, e.index},
		}...)
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, o.option, o.value); err != nil {
			return fmt.Errorf("socket option %d: %w", o.option, err)
		}
	}
	from := e.sockaddr(netip.IPv6Unspecified()) // gives a datagram socket its id, and binds nothing
	if e.source.IsValid() {
		from = e.sockaddr(e.source)
	}
	if err := unix.Bind(fd, from); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	e.id = uint16(1 + rand.Uint32N(1<<16-1))
	if !raw {
		name, err := unix.Getsockname(fd)
		if err != nil {
			return fmt.Errorf("getsockname: %w", err)
		}
		if in6, ok := name.(*unix.SockaddrInet6); ok {
			e.id = uint16(in6.Port) // the kernel's own choice, which it writes into every request
		}
	}
	return nil
}

func (e *echo) sockaddr(a netip.Addr) *unix.SockaddrInet6 { return scoped(a, e.index) }

// scoped is an address as sockets take it, with the interface where its scope needs one.
func scoped(a netip.Addr, index int) *unix.SockaddrInet6 {
	to := &unix.SockaddrInet6{Addr: a.As16()}
	if a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() {
		to.ZoneId = uint32(index)
	}
	return to
}

// ID is the id in the echo requests.
func (e *echo) ID() uint16 { return e.id }

// chosen is the source that the kernel chooses towards an address; zero where it knows no way. Connecting a datagram
// socket sends nothing.
func chosen(to *unix.SockaddrInet6) (source netip.Addr) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return source
	}
	defer unix.Close(fd)
	discard := *to
	discard.Port = 9
	if unix.Connect(fd, &discard) != nil {
		return source
	}
	a, _ := local(fd)
	return a
}

// local is the address that a socket has here, zero: none; and its port, of TCP and UDP.
func local(fd int) (a netip.Addr, port uint16) {
	name, err := unix.Getsockname(fd)
	if in6, ok := name.(*unix.SockaddrInet6); ok && err == nil && in6.Addr != ([16]byte{}) {
		a, port = netip.AddrFrom16(in6.Addr), uint16(in6.Port)
	}
	return a, port
}

// Ask sends one echo request and says so, or why it was not sent.
func (e *echo) Ask(to netip.AddrPort, seq uint16) {
	target := to.Addr()
	b := echoRequest(e.id, seq, e.data)
	event := diag.Socket{Interface: e.iface, Event: diag.SocketSent, Source: e.source, Target: target, EchoID: e.id, EchoSeq: seq}
	if !e.source.IsValid() {
		event.Via, event.Source = diag.ViaApp, chosen(e.sockaddr(target))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked[seq] = event
	var at time.Time
	var err error
	gone := e.conn.Control(func(fd uintptr) {
		// An error that came back for an earlier question stands in the error queue too; here it
		// would be taken for this one's.
		_, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		at = time.Now()
		err = unix.Sendto(int(fd), b, 0, e.sockaddr(target))
	})
	if gone != nil {
		at, err = time.Now(), unix.EBADF
	}
	if err != nil {
		event.Event, event.Errno = diag.SocketError, errnoName(err)
	}
	e.sink.EmitAt(at, event)
}

func errnoName(err error) string {
	if no, ok := errors.AsType[unix.Errno](err); ok {
		if name := unix.ErrnoName(no); name != "" {
			return name
		}
	}
	return "EIO"
}

// Close ends the socket and waits until it emits no more.
func (e *echo) Close() error {
	err := e.file.Close()
	<-e.done
	return err
}

// receive emits replies and errors until the socket is closed.
func (e *echo) receive() {
	defer close(e.done)
	_ = e.conn.Read(func(fd uintptr) bool {
		e.take(fd)
		return false
	})
}

// take emits the replies and errors that the socket holds.
func (e *echo) take(fd uintptr) {
	e.taking.Lock()
	defer e.taking.Unlock()
	for {
		n, oobn, _, _, err := unix.Recvmsg(int(fd), e.buf, e.oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			break
		}
		e.failure(e.buf[:n], e.oob[:oobn])
	}
	for failures := 0; failures < 16; {
		n, _, _, from, err := unix.Recvmsg(int(fd), e.buf, e.oob, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
			failures++ // an error that was queued, and read above
			continue
		}
		if in6, ok := from.(*unix.SockaddrInet6); ok {
			e.reply(e.buf[:n], netip.AddrFrom16(in6.Addr))
		}
	}
}

// about reads the sequence number of an echo of ours, and says what was said when it was sent.
func (e *echo) about(b []byte, typ ipv6.ICMPType) (sent diag.Socket, ok bool) {
	m, ok := wire.ParseEcho(b)
	if !ok || m.Type != typ || m.ID != e.id {
		return sent, false
	}
	sent, ok = e.asked[m.Seq]
	return sent, ok
}

func (e *echo) reply(b []byte, from netip.Addr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event, ok := e.about(b, ipv6.ICMPTypeEchoReply)
	if !ok {
		return
	}
	event.Event, event.From = diag.SocketReply, from
	e.sink.EmitAt(time.Now(), event)
}

// failure reads one message of the error queue: the request that failed, a struct sock_extended_err
// (linux/errqueue.h) and the address of whoever says so.
func (e *echo) failure(b, oob []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	event, ok := e.about(b, ipv6.ICMPTypeEchoRequest)
	event.Event = diag.SocketError
	if !ok || !parseError(oob, &event) {
		return
	}
	e.sink.EmitAt(time.Now(), event)
}

func parseError(oob []byte, event *diag.Socket) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range messages {
		if m.Header.Level != unix.IPPROTO_IPV6 || m.Header.Type != unix.IPV6_RECVERR || len(m.Data) < 16 {
			continue
		}
		if name := unix.ErrnoName(unix.Errno(binary.NativeEndian.Uint32(m.Data))); name != "" {
			event.Errno = name
		}
		if m.Data[4] == unix.SO_EE_ORIGIN_ICMP6 {
			event.Type, event.Code = echoTypes[m.Data[5]], int(m.Data[6])
		}
		// struct sockaddr_in6: family, port, flow, address.
		if offender := m.Data[16:]; len(offender) >= 24 && binary.NativeEndian.Uint16(offender) == unix.AF_INET6 {
			event.From = netip.AddrFrom16([16]byte(offender[8:24]))
		}
		return true
	}
	return false
}
