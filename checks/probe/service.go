package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/guard"
	"ndwhy/diag/privilege"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// requestTime is how long an answer is listened for at most, if the run lasts as long.
const requestTime = 5 * time.Second

// answerLimit is how much of an answer is read, in bytes: its beginning says all.
const answerLimit = 2048

// handshakeTime is how long a connection is waited for that is to be no more than that: the kernel sends another SYN
// after a second (RFC 6298 §2).
const handshakeTime = 900 * time.Millisecond

// A protocol is how a service is asked. It is pure.
type protocol struct {
	port   int // 0: as the question says
	stream bool
	// request returns what is sent, in which nonce is written.
	request func(target netip.Addr, nonce uint64) []byte
	// answer reads what came so far: what it says, or ok false if that is none of ours, or not yet.
	answer func(b []byte, nonce uint64) (says string, ok bool)
	// others are asked in turn where the service declines what it was asked before.
	others []func(target netip.Addr, nonce uint64) []byte
}

var protocols = map[checks.Service]protocol{
	checks.IMDS: {80, true, tokenRequest, httpStatus, nil},
	checks.DNS:  {53, false, namesQuery, dnsCode, []func(netip.Addr, uint64) []byte{rootQuery, oldQuery}},
	checks.NTP:  {123, false, timeRequest, timeStratum, nil},
	checks.TCP:  {stream: true},
}

// tokenRequest asks for a session token of IMDSv2 that is valid for a second (EC2 user guide, "Use
// IMDSv2"). The answer's status is all that is looked at.
func tokenRequest(target netip.Addr, _ uint64) []byte {
	return []byte("PUT /latest/api/token HTTP/1.1\r\nHost: [" + target.String() + "]\r\n" +
		"X-aws-ec2-metadata-token-ttl-seconds: 1\r\nUser-Agent: ndwhy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func httpStatus(b []byte, _ uint64) (says string, ok bool) {
	line, _, ended := bytes.Cut(b, []byte("\n"))
	fields := strings.Fields(string(line))
	if !ended || len(fields) < 2 || !strings.HasPrefix(fields[0], "HTTP/") || len(fields[1]) != 3 {
		return "", false
	}
	for _, c := range fields[1] {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return "HTTP " + fields[1], true
}

// namesQuery asks for the IPv6 addresses of ipv4only.arpa (RFC 7050), which has none: a resolver that answers says so, or
// makes them up of a translator's prefix.
func namesQuery(_ netip.Addr, nonce uint64) []byte {
	return query("ipv4only.arpa.", dnsmessage.TypeAAAA, nonce)
}

// rootQuery asks for the name servers of the root, of a server that will not hear of ipv4only.arpa.
func rootQuery(_ netip.Addr, nonce uint64) []byte { return query(".", dnsmessage.TypeNS, nonce) }

// oldQuery asks for the IPv4 addresses of ipv4only.arpa, which it has: a server that answers from a list of its own may have
// none but such for any name, and refuse whatever else it is asked.
func oldQuery(_ netip.Addr, nonce uint64) []byte {
	return query("ipv4only.arpa.", dnsmessage.TypeA, nonce)
}

func query(name string, asks dnsmessage.Type, nonce uint64) []byte {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(nonce), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: asks, Class: dnsmessage.ClassINET}},
	}
	b, err := m.Pack()
	if err != nil {
		panic(fmt.Sprintf("a constant query does not pack: %v", err))
	}
	return b
}

func dnsCode(b []byte, nonce uint64) (says string, ok bool) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response || h.ID != uint16(nonce) {
		return "", false
	}
	if h.RCode == dnsmessage.RCodeSuccess {
		if prefix, ok := madeUp(&p); ok {
			return checks.DNSTranslates + prefix.String(), true
		}
	}
	return strings.TrimPrefix(h.RCode.String(), "RCode"), true
}

// madeUp returns the translator's prefix in an answer about ipv4only.arpa.
func madeUp(p *dnsmessage.Parser) (prefix netip.Prefix, ok bool) {
	if p.SkipAllQuestions() != nil {
		return prefix, false
	}
	for {
		h, err := p.AnswerHeader()
		if err != nil {
			return prefix, false
		}
		if h.Type != dnsmessage.TypeAAAA {
			if p.SkipAnswer() != nil {
				return prefix, false
			}
			continue
		}
		r, err := p.AAAAResource()
		if err != nil {
			return prefix, false
		}
		if prefix, ok = diag.Pref64In(netip.AddrFrom16(r.AAAA)); ok {
			return prefix, true
		}
	}
}

// timeRequest is an SNTP client's packet (RFC 4330 §5). Its transmit timestamp is a random number, as
// draft-ietf-ntp-data-minimization has it: nobody need know this host's clock.
func timeRequest(_ netip.Addr, nonce uint64) []byte {
	const version, client, length = 4, 3, 48
	b := make([]byte, length)
	b[0] = version<<3 | client
	binary.BigEndian.PutUint64(b[40:], nonce)
	return b
}

func timeStratum(b []byte, nonce uint64) (says string, ok bool) {
	const server, length = 4, 48
	if len(b) < length || b[0]&7 != server || binary.BigEndian.Uint64(b[24:]) != nonce {
		return "", false
	}
	return fmt.Sprintf("stratum %d", b[1]), true
}

// An inquiry asks a service, each request through a socket of its own.
type inquiry struct {
	sink    diag.Sink
	iface   string
	index   int
	source  netip.Addr
	service checks.Service
	id      uint16
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// Inquire prepares requests to a service. A socket is opened once, to see that it can be. Without a source it is
// bound to nothing.
func (n *Net) Inquire(iface string, source netip.Addr, service checks.Service) (checks.Asker, error) {
	if _, ok := protocols[service]; !ok {
		return nil, fmt.Errorf("service %q: want imds, dns, ntp or tcp", service)
	}
	i, err := index(iface)
	if err != nil {
		return nil, named(err)
	}
	q := &inquiry{
		sink: n.sink, iface: iface, index: i, source: source, service: service, id: uint16(1 + rand.Uint32N(1<<16-1)),
	}
	fd, err := q.socket()
	if err != nil {
		return nil, err
	}
	_ = unix.Close(fd)
	q.ctx, q.cancel = context.WithCancel(context.Background())
	return q, nil
}

// socket opens a socket bound to the interface and the source, where there is one.
func (q *inquiry) socket() (fd int, err error) {
	kind := unix.SOCK_DGRAM
	if protocols[q.service].stream {
		kind = unix.SOCK_STREAM
	}
	if fd, err = unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return 0, named(fmt.Errorf("%s socket: %w", q.service, err))
	}
	if q.source.IsValid() {
		err = privilege.With(unix.CAP_NET_RAW, func() error { return unix.BindToDevice(fd, q.iface) })
	}
	switch {
	case errors.Is(err, unix.EPERM): // before Linux 5.7
		err = &checks.Denied{
			Why: "CAP_NET_RAW is missing: no socket can be bound to " + q.iface, Fix: privilege.Fix(unix.CAP_NET_RAW),
		}
	case err == nil:
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	}
	if err == nil && q.source.IsValid() {
		err = unix.Bind(fd, scoped(q.source, q.index))
	}
	if err == nil && q.service == checks.TCP {
		// A connection that stands is ended by a reset: a FIN would be answered, repeated and remembered after us.
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, named(fmt.Errorf("%s socket from %s on %s: %w", q.service, q.source, q.iface, err))
	}
	return fd, nil
}

// ID numbers the requests of this inquiry.
func (q *inquiry) ID() uint16 { return q.id }

// Close ends all requests and waits until they emit no more.
func (q *inquiry) Close() error {
	q.cancel()
	q.wg.Wait()
	return nil
}

// Ask sends one request and says so, or why it was not sent.
func (q *inquiry) Ask(to netip.AddrPort, seq uint16) {
	target := to.Addr()
	r := &request{inquiry: q, protocol: protocols[q.service], nonce: rand.Uint64(), event: diag.Socket{
		Interface: q.iface, Event: diag.SocketSent, Source: q.source, Target: target,
		EchoID: q.id, EchoSeq: seq, Service: string(q.service), Port: int(to.Port()),
	}}
	if !q.source.IsValid() {
		r.event.Via = diag.ViaApp
	}
	if r.port == 0 {
		r.port = int(to.Port())
	}
	if r.request != nil {
		r.bytes = r.request(target, r.nonce)
	}
	at := time.Now()
	file, err := r.begin(target)
	if err != nil {
		r.event.Event, r.event.Errno = diag.SocketError, errnoName(err)
		q.sink.EmitAt(at, r.event)
		return
	}
	q.sink.EmitAt(at, r.event)
	q.wg.Go(func() {
		defer guard.Rescue()
		r.finish(file)
	})
}

// A request is one question on its way.
type request struct {
	*inquiry
	protocol
	event diag.Socket
	nonce uint64
	bytes []byte
	said  bool // what came of it was emitted
}

// begin opens the request's socket and hands its first packet to the kernel.
func (r *request) begin(target netip.Addr) (*os.File, error) {
	fd, err := r.socket()
	if err != nil {
		return nil, err
	}
	to := scoped(target, r.index)
	to.Port = r.port
	err = unix.Connect(fd, to)
	switch {
	case r.stream && errors.Is(err, unix.EINPROGRESS):
		err = nil
	case !r.stream && err == nil:
		_, err = unix.Write(fd, r.bytes)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	source, port := local(fd) // which connecting has made the kernel choose
	if r.event.LocalPort = port; !r.source.IsValid() {
		r.event.Source = source
	}
	return os.NewFile(uintptr(fd), string(r.service)), nil
}

// finish waits for what comes of the request, and says it.
func (r *request) finish(file *os.File) {
	stop := context.AfterFunc(r.ctx, func() {
		defer guard.Rescue()
		_ = file.SetDeadline(time.Unix(1, 0))
	})
	defer stop()
	defer file.Close()
	limit := requestTime
	if r.service == checks.TCP {
		limit = handshakeTime
	}
	_ = file.SetDeadline(time.Now().Add(limit))
	if r.ctx.Err() != nil {
		return
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return
	}
	if r.stream && !r.connected(conn) {
		return
	}
	if r.service == checks.TCP {
		r.told(checks.TCPOpen)
		return
	}
	if r.stream && !r.write(file) {
		return
	}
	b, others := make([]byte, 0, answerLimit), r.others
	_ = conn.Read(func(fd uintptr) (done bool) {
		for {
			if r.failed(fd) {
				return true
			}
			if !r.stream {
				b = b[:0] // one datagram, one answer
			}
			n, err := unix.Read(int(fd), b[len(b):cap(b)])
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				r.fail(errnoName(err))
				return true
			}
			b = b[:len(b)+n]
			if says, ok := r.answer(b, r.nonce); ok {
				if len(others) > 0 && checks.Declines(r.service, says) {
					r.nonce++ // so that a late copy of the answer is none to this
					if _, err := unix.Write(int(fd), others[0](r.event.Target, r.nonce)); err == nil {
						others = others[1:]
						continue
					}
				}
				r.told(says)
				return true
			}
			if r.stream && (n == 0 || len(b) == cap(b)) {
				return true // it is no HTTP
			}
		}
	})
}

// connected waits until a connection stands, or does not.
func (r *request) connected(conn syscall.RawConn) (ok bool) {
	err := conn.Write(func(fd uintptr) (done bool) {
		if r.failed(fd) {
			return true
		}
		no, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && no != 0 {
			err = unix.Errno(no)
		}
		if err != nil {
			// The error may have come between the two looks.
			switch {
			case r.failed(fd):
			case errors.Is(err, unix.ECONNREFUSED) && r.service == checks.TCP:
				r.told(checks.TCPClosed) // by a reset: it is there
			default:
				r.fail(errnoName(err))
			}
			return true
		}
		_, err = unix.Getpeername(int(fd))
		ok = err == nil
		return ok
	})
	return ok && err == nil
}

func (r *request) write(file *os.File) bool {
	_, err := file.Write(r.bytes)
	return err == nil
}

// failed says what the socket's error queue holds, and reports whether that was anything.
func (r *request) failed(fd uintptr) bool {
	buf, oob := make([]byte, 256), make([]byte, 512)
	n, oobn, _, _, err := unix.Recvmsg(int(fd), buf, oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil || n < 0 {
		return false
	}
	event := r.event
	event.Event = diag.SocketError
	if !parseError(oob[:oobn], &event) {
		return false
	}
	r.say(event)
	return true
}

// told says what the one asked answered.
func (r *request) told(answer string) {
	event := r.event
	event.Event, event.From, event.Answer = diag.SocketReply, r.event.Target, answer
	r.say(event)
}

func (r *request) fail(errno string) {
	event := r.event
	event.Event, event.Errno = diag.SocketError, errno
	r.say(event)
}

// say emits what came of the request, once.
func (r *request) say(e diag.Socket) {
	if !r.said && r.ctx.Err() == nil {
		r.said = true
		r.sink.EmitAt(time.Now(), e)
	}
}
