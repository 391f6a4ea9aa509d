package checks

import (
	"net/netip"
	"time"

	"ndwhy/diag"
)

// A Frame is an Ethernet frame to send, as data. The checksum and the options follow from it.
type Frame struct {
	Type           diag.FrameType // rs, ns, echo-request or dhcpv6 (a Solicit)
	SrcMAC, DstMAC diag.MAC
	Src, Dst       netip.Addr
	Target         netip.Addr // of a solicitation
	// Nonce makes a DAD solicitation of ours known from another's (RFC 7527).
	Nonce           []byte
	EchoID, EchoSeq uint16
	// Size is what an echo is to have, from the IPv6 header on, in bytes; 0: a small one.
	Size int
	// Client and Transaction are who solicits a DHCPv6 server.
	Client      Client
	Transaction [3]byte
}

// A Net is the network as the checks ask it. Frames and socket events that come of it arrive in
// the stream; its methods return once the question is out. It is safe for concurrent use. Send, and
// an Asker's Ask, never wait.
type Net interface {
	// Open opens what Send needs, which may take long.
	Open(iface string) error
	// Send puts one frame on the wire of an interface. The error, an Errno where the system gave one,
	// is why it was not sent.
	Send(iface string, f Frame) error
	// Listen opens a socket that asks for echoes by the kernel, bound to the interface and the source; without a
	// source it is bound to nothing, as applications' sockets are, and the interface is only the one in whose name it
	// asks. Its packets have so many bytes, from the IPv6 header on; 0: small ones. An error that is a *Denied says which
	// line would allow it.
	Listen(iface string, source netip.Addr, size int) (Asker, error)
	// Inquire prepares requests to a service, or TCP connections, from such sockets. Its errors are Listen's.
	Inquire(iface string, source netip.Addr, service Service) (Asker, error)
	// Join makes this host a member of a multicast group until leave is called.
	Join(iface string, group netip.Addr) (leave func() error, err error)
	// AddAddress configures addr as a /128 that no other program chooses as source, and that the
	// kernel removes by itself after valid.
	AddAddress(iface string, addr netip.Addr, valid time.Duration) error
	DelAddress(iface string, addr netip.Addr) error
	DelNeighbour(iface string, addr netip.Addr) error
	// Neighbour returns the kernel's entry for an address, Gone where it has none.
	Neighbour(iface string, addr netip.Addr) (diag.Neighbour, error)
	// Route returns how the kernel would reach dst through the interface; without one, how it would left to itself.
	Route(iface string, dst netip.Addr) diag.Selection
}

// An Asker asks for echoes, or a service, through sockets. What it sent and what came back are
// diag.Socket events with its ID, a refusal of the host among them.
type Asker interface {
	ID() uint16
	// Ask asks once. The port is that of TCP; echoes have none, services their own.
	Ask(target netip.AddrPort, seq uint16)
	Close() error
}

// An Errno is a system error by its name: ENOBUFS.
type Errno string

func (e Errno) Error() string { return string(e) }

// A Denied is the lack of a privilege, and the exact line that would give it.
type Denied struct{ Why, Fix string }

func (d *Denied) Error() string { return d.Why }

// A Session is the stream of events that the answers come in by: ndwhy/diag/session has one.
type Session interface {
	diag.Sink
	Watch(fn func(diag.Event)) (stop func())
	Look(fn func(*diag.State))
}
