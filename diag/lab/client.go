package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"golang.org/x/sys/unix"
)

// Retransmission of DHCPv6 messages (RFC 8415 §7.6), and the bound of the waits between them.
const (
	firstWait  = time.Second
	longWait   = 30 * time.Second
	retryAfter = 10 * time.Second
)

// A client is an instance's DHCPv6 client: it holds UDP port 546 and keeps the lease.
type client struct {
	world  *world
	port   port
	socket *os.File // nonblocking, in the instance's namespace
	fd     int
	index  int // of the interface
	leased atomic.Bool
}

// startClient starts the DHCPv6 client of an interface.
func (w *world) startClient(p port) error {
	c := &client{world: w, port: p}
	if err := within(w.namespaces[p.host.Name], c.open); err != nil {
		return err
	}
	w.clients = append(w.clients, c)
	go c.run()
	return nil
}

// open opens the client's socket on the calling thread.
func (c *client) open() error {
	ifi, err := net.InterfaceByName(c.port.nic.Name)
	if err != nil {
		return err
	}
	c.index = ifi.Index
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1),
		unix.BindToDevice(fd, c.port.nic.Name),
		unix.Bind(fd, &unix.SockaddrInet6{Port: 546}),
	); err != nil {
		unix.Close(fd)
		return fmt.Errorf("UDP port 546: %w", err)
	}
	c.fd, c.socket = fd, os.NewFile(uintptr(fd), "dhcpv6")
	return nil
}

// run keeps a lease for as long as the process lasts, or gets one and is gone.
func (c *client) run() {
	if c.port.nic.DHCPDeaf {
		c.askOn()
	}
	for {
		lease := c.acquire()
		if lease == nil {
			time.Sleep(retryAfter)
			continue
		}
		c.leased.Store(true)
		if c.port.nic.DHCPOnce {
			c.socket.Close()
			return
		}
		for lease != nil {
			lease = c.keep(lease)
		}
	}
}

// deafWait is what a client that takes no answer waits before it asks again.
const deafWait = 300 * time.Millisecond

// askOn solicits for as long as the process lasts.
func (c *client) askOn() {
	mac := c.port.nic.MAC
	for ; ; time.Sleep(deafWait) {
		solicit, err := dhcpv6.NewSolicit(net.HardwareAddr(mac[:]))
		if err == nil {
			_ = unix.Sendto(c.fd, solicit.ToBytes(), 0, c.servers()) // the link-local address may not be there yet
		}
	}
}

// servers is where all that asks is sent to.
func (c *client) servers() *unix.SockaddrInet6 {
	return &unix.SockaddrInet6{Port: 547, Addr: [16]byte(dhcpv6.AllDHCPRelayAgentsAndServers.To16()), ZoneId: uint32(c.index)}
}

// A held is a lease as it was given.
type held struct {
	reply     *dhcpv6.Message
	at        time.Time
	preferred time.Duration
	valid     time.Duration
	t1, t2    time.Duration
}

// acquire is Solicit, Advertise, Request, Reply; nil where no address came of it.
func (c *client) acquire() *held {
	mac := c.port.nic.MAC
	solicit, err := dhcpv6.NewSolicit(net.HardwareAddr(mac[:]))
	if err != nil {
		return nil
	}
	advertise := c.exchange(solicit, dhcpv6.MessageTypeAdvertise, time.Time{})
	if addressOf(advertise) == nil {
		return nil
	}
	request, err := dhcpv6.NewRequestFromAdvertise(advertise)
	if err != nil {
		return nil
	}
	return c.take(c.exchange(request, dhcpv6.MessageTypeReply, time.Now().Add(retryAfter)))
}

// keep waits for T1, renews until T2, rebinds until the lease is over (RFC 8415 §18.2.4, §18.2.5).
func (c *client) keep(h *held) *held {
	time.Sleep(time.Until(h.at.Add(h.t1)))
	if l := c.take(c.exchange(again(h, dhcpv6.MessageTypeRenew), dhcpv6.MessageTypeReply, h.at.Add(h.t2))); l != nil {
		return l
	}
	return c.take(c.exchange(again(h, dhcpv6.MessageTypeRebind), dhcpv6.MessageTypeReply, h.at.Add(h.valid)))
}

// again asks for what is held once more.
func again(h *held, t dhcpv6.MessageType) *dhcpv6.Message {
	m, err := dhcpv6.NewMessage()
	if err != nil {
		return nil
	}
	m.MessageType = t
	m.AddOption(dhcpv6.OptClientID(h.reply.Options.ClientID()))
	if t == dhcpv6.MessageTypeRenew {
		m.AddOption(dhcpv6.OptServerID(h.reply.Options.ServerID()))
	}
	m.AddOption(dhcpv6.OptElapsedTime(0))
	m.AddOption(h.reply.Options.OneIANA())
	return m
}

// addressOf returns the leased address of a message, or nil.
func addressOf(m *dhcpv6.Message) *dhcpv6.OptIAAddress {
	if m == nil || m.Options.ClientID() == nil || m.Options.ServerID() == nil {
		return nil
	}
	ia := m.Options.OneIANA()
	if ia == nil {
		return nil
	}
	return ia.Options.OneAddress()
}

// take configures the address of a Reply; nil where it holds none.
func (c *client) take(reply *dhcpv6.Message) *held {
	a := addressOf(reply)
	if a == nil {
		return nil
	}
	addr, ok := netip.AddrFromSlice(a.IPv6Addr)
	if !ok || a.ValidLifetime < time.Second {
		return nil
	}
	ia := reply.Options.OneIANA()
	h := &held{reply: reply, at: time.Now(), preferred: a.PreferredLifetime, valid: a.ValidLifetime, t1: ia.T1, t2: ia.T2}
	if h.t1 == 0 {
		h.t1 = h.preferred / 2
	}
	if h.t2 == 0 {
		h.t2 = h.preferred * 4 / 5
	}
	if err := c.world.address(c.port.host.Name, c.port.nic.Name, netip.PrefixFrom(addr, 128), unix.IFA_F_NOPREFIXROUTE,
		int(h.preferred/time.Second), int(h.valid/time.Second)); err != nil {
		return nil
	}
	return h
}

// exchange sends m until an answer of type want comes, or until a time that is not zero; nil then.
func (c *client) exchange(m *dhcpv6.Message, want dhcpv6.MessageType, until time.Time) *dhcpv6.Message {
	if m == nil {
		return nil
	}
	wait := firstWait
	servers := c.servers()
	buf := make([]byte, 1<<16)
	for {
		end := time.Now().Add(wait)
		if err := unix.Sendto(c.fd, m.ToBytes(), 0, servers); err != nil {
			// The interface is down, or its link-local address is not there yet.
			end = time.Now().Add(min(wait, 10*time.Millisecond))
		} else {
			wait = min(2*wait, longWait)
		}
		if !until.IsZero() && end.After(until) {
			end = until
		}
		if err := c.socket.SetReadDeadline(end); err != nil {
			return nil
		}
		for {
			n, err := c.socket.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				// An ICMPv6 error about what was sent; the next round asks again.
				time.Sleep(time.Until(end))
				break
			}
			answer, err := dhcpv6.MessageFromBytes(buf[:n])
			if err == nil && answer.MessageType == want && answer.TransactionID == m.TransactionID {
				return answer
			}
		}
		if !until.IsZero() && !time.Now().Before(until) {
			return nil
		}
	}
}
