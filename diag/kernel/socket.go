package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"ndwhy/diag/guard"
	"ndwhy/diag/privilege"
)

// A socket is a netlink socket on the runtime's poller. nl's own allocates and clears 64 KiB
// for every datagram it receives, which a burst of notifications (one a datagram) cannot afford.
type socket struct {
	file *os.File
	raw  syscall.RawConn
	buf  []byte
	lent *[datagramMax]byte // buf, where it is to be given back
}

const (
	// datagramMax is room for the largest datagram: the kernel fills dumps to 32 KiB at most.
	datagramMax = 64 << 10
	// burstBuffer is the receive buffer asked for: some 70,000 notifications, which take the kernel
	// 768 bytes each. Without CAP_NET_ADMIN it is capped at net.core.rmem_max.
	burstBuffer = 32 << 20
	// answerTimeout bounds the wait for an answer of the kernel, which is never long in coming.
	answerTimeout = 10 * time.Second
)

// dial opens a NETLINK_ROUTE socket that is a member of groups (RTNLGRP_*).
func dial(groups ...uint) (*socket, error) { return dialProtocol(unix.NETLINK_ROUTE, groups...) }

// dialProtocol opens a socket of a netlink protocol.
func dialProtocol(protocol int, groups ...uint) (*socket, error) {
	s, err := open(protocol, groups...)
	if err == nil {
		s.buf = make([]byte, 4*datagramMax)
	}
	return s, err
}

// spareBuffers are those of sockets for a few questions: a run of the checks opens some for each target.
var spareBuffers = sync.Pool{New: func() any { return new([datagramMax]byte) }}

// dialBriefly opens a socket of a netlink protocol for a few questions by one goroutine, which closes it too.
func dialBriefly(protocol int) (*socket, error) {
	s, err := open(protocol)
	if err == nil {
		s.lent, _ = spareBuffers.Get().(*[datagramMax]byte)
		s.buf = s.lent[:]
	}
	return s, err
}

// open opens a socket that has no buffer yet.
func open(protocol int, groups ...uint) (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, fmt.Errorf("netlink: socket: %w", err)
	}
	local := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if len(groups) > 0 {
		for _, g := range groups {
			local.Groups |= 1 << (g - 1)
		}
		// What is allowed of it is enough to work with: a smaller buffer only overflows sooner.
		if privilege.With(unix.CAP_NET_ADMIN, func() error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, burstBuffer) }) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, burstBuffer)
		}
	}
	if err := unix.Bind(fd, local); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("netlink: bind to groups %v: %w", groups, err)
	}
	file := os.NewFile(uintptr(fd), "netlink")
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return &socket{file: file, raw: raw}, nil
}

func (s *socket) close() {
	s.file.Close()
	if s.lent != nil {
		spareBuffers.Put(s.lent)
		s.lent, s.buf = nil, nil
	}
}

// receive waits for datagrams and returns as many as are there and fit into the socket's buffer,
// which the next call overwrites. Where wait is false it returns at once, whatever the deadline,
// with nothing if need be. The error is that of recvfrom, or os.ErrDeadlineExceeded.
func (s *socket) receive(wait bool) ([]byte, error) {
	n := 0
	var failed error
	take := func(fd uintptr) bool {
		for len(s.buf)-n >= datagramMax {
			size, from, err := unix.Recvfrom(int(fd), s.buf[n:], unix.MSG_TRUNC)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				return n > 0
			case err != nil:
				failed = err
				return true
			}
			// Only the kernel's word counts: another process may send to this socket too.
			if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != nl.PidKernel {
				continue
			}
			if size > len(s.buf)-n {
				failed = unix.EMSGSIZE
				return true
			}
			n = min(len(s.buf), (n+size+3)&^3)
		}
		return true
	}
	var err error
	if wait {
		err = s.raw.Read(take)
	} else {
		err = s.raw.Control(func(fd uintptr) { take(fd) })
	}
	if failed != nil {
		err = failed
	}
	return s.buf[:n], err
}

// errInterrupted says that the table changed while it was dumped (NLM_F_DUMP_INTR), so that rows
// may be missing.
var errInterrupted = errors.New("the table changed while it was read")

// ask sends a request and calls f with each message of the answer, whose data is valid only during
// the call. The error is the kernel's errno, errInterrupted after the whole of a dump, or that of
// the socket.
func (s *socket) ask(req *nl.NetlinkRequest, f func(message)) error {
	return s.each(context.Background(), req, func(m message) bool {
		f(m)
		return true
	})
}

// dump is ask until ctx ends. After that the socket is of no more use.
func (s *socket) dump(ctx context.Context, req *nl.NetlinkRequest, f func(message)) error {
	err := s.each(ctx, req, func(m message) bool {
		f(m)
		return ctx.Err() == nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// each is ask until f returns false or ctx ends. After that the socket is of no more use: the rest of the answer
// is still to come.
func (s *socket) each(ctx context.Context, req *nl.NetlinkRequest, f func(message) bool) error {
	if err := s.file.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() {
		defer guard.Rescue()
		_ = s.file.SetDeadline(time.Unix(1, 0))
	})()
	var failed error
	err := s.raw.Write(func(fd uintptr) bool {
		failed = unix.Sendto(int(fd), req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(failed, unix.EAGAIN)
	})
	if err = errors.Join(failed, err); err != nil {
		return fmt.Errorf("netlink: send: %w", err)
	}
	interrupted := false
	for {
		datagrams, err := s.receive(true)
		if err != nil {
			return fmt.Errorf("netlink: receive: %w", err)
		}
		for m := range messages(datagrams) {
			if m.seq != req.Seq {
				continue
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch m.kind {
			case unix.NLMSG_ERROR, unix.NLMSG_DONE:
				if errno := -int32(u32(m.data)); errno > 0 {
					return unix.Errno(errno)
				}
				if interrupted {
					return errInterrupted
				}
				return nil
			default:
				if !f(m) {
					return nil
				}
				if m.flags&unix.NLM_F_MULTI == 0 {
					return nil
				}
			}
		}
	}
}

// Tables that keep changing are read again this often, after a pause that doubles.
const (
	dumpTries = 8
	dumpPause = 5 * time.Millisecond
)

// uninterrupted calls read until it does not come back with errInterrupted.
func uninterrupted(ctx context.Context, read func() error) error {
	pause := dumpPause
	for try := 1; ; try++ {
		err := read()
		if !errors.Is(err, errInterrupted) || try == dumpTries {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// rtextFilterSkipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h: a link without its counters.
const rtextFilterSkipStats = 8

func dumpLinks() *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(rtextFilterSkipStats)))
	return req
}

func getLink(name string, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	if name != "" {
		req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	}
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(rtextFilterSkipStats)))
	return req
}

func dumpAddresses() *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfAddrmsg(unix.AF_INET6))
	return req
}

func dumpRoutes(family byte) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(raw(rtmsg(family)))
	return req
}

func dumpRules() *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETRULE, unix.NLM_F_DUMP)
	req.AddData(raw(rtmsg(unix.AF_INET6)))
	return req
}

// raw is the fixed part of a request, for which nl has no type.
type raw []byte

func (b raw) Len() int          { return len(b) }
func (b raw) Serialize() []byte { return b }

// rtmsg is an empty struct rtmsg, or fib_rule_hdr, which has the same shape.
func rtmsg(family byte) []byte {
	b := make([]byte, unix.SizeofRtMsg)
	b[0] = family
	return b
}

// dumpNeighbours asks for the cache, of one interface where index is not 0; or for what the host
// answers for others (proxy), which is a table of its own.
func dumpNeighbours(index int, proxy bool) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.AddData(raw(ndmsg(0, proxy)))
	if index != 0 {
		req.AddData(nl.NewRtAttr(unix.NDA_IFINDEX, nl.Uint32Attr(uint32(index))))
	}
	return req
}

// getNeighbour asks for one entry; kernels before 5.0 know no such question (EOPNOTSUPP).
func getNeighbour(key neighbourKey) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
	req.AddData(raw(ndmsg(int(key.index), key.proxy)))
	req.AddData(nl.NewRtAttr(unix.NDA_DST, key.addr[:]))
	return req
}

func ndmsg(index int, proxy bool) []byte {
	b := make([]byte, sizeofNdMsg)
	b[0] = unix.AF_INET6
	native.PutUint32(b[4:], uint32(index))
	if proxy {
		b[10] = unix.NTF_PROXY
	}
	return b
}
