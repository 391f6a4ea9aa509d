package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"ndwhy/checks"
	"ndwhy/diag"
	"ndwhy/diag/kernel"
	"ndwhy/diag/privilege"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Net asks on this host. It is safe for concurrent use. What its sockets see goes to the sink.
type Net struct {
	sink diag.Sink

	mu      sync.Mutex
	packets map[string]packetSocket
	echoes  []*echo
}

type packetSocket struct{ fd, index int }

// New returns a Net that has nothing open yet. Close it in the end.
func New(sink diag.Sink) *Net {
	return &Net{sink: sink, packets: map[string]packetSocket{}}
}

// Close closes the packet sockets.
func (n *Net) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, s := range n.packets {
		_ = unix.Close(s.fd)
		delete(n.packets, name)
	}
}

// named gives a system's error the form that checks understands.
func named(err error) error {
	if no, ok := errors.AsType[unix.Errno](err); ok {
		if name := unix.ErrnoName(no); name != "" {
			return fmt.Errorf("%w (%w)", checks.Errno(name), err)
		}
	}
	return err
}

// Open opens the interface's sending socket.
func (n *Net) Open(iface string) error {
	_, err := n.packet(iface)
	return err
}

// Send puts a frame on the wire through the queueing discipline, as the host's own packets go, so
// that the tap sees a copy of it.
func (n *Net) Send(iface string, f checks.Frame) error {
	b, err := Marshal(f)
	if err != nil {
		return err
	}
	s, err := n.packet(iface)
	if err != nil {
		return named(fmt.Errorf("packet socket on %s: %w", iface, err))
	}
	to := &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_IPV6), Ifindex: s.index, Halen: 6}
	copy(to.Addr[:], f.DstMAC[:])
	if err := unix.Sendto(s.fd, b, 0, to); err != nil {
		return named(fmt.Errorf("send %s to %s on %s: %w", f.Type, f.Dst, iface, err))
	}
	return nil
}

// Collect emits what the echo sockets hold.
func (n *Net) Collect() {
	n.mu.Lock()
	echoes := n.echoes
	n.mu.Unlock()
	for _, e := range echoes {
		_ = e.conn.Control(e.take) // one that is closed holds nothing
	}
}

func bigEndian(v uint16) uint16 { return v<<8 | v>>8 }

// packet returns the interface's sending socket. Its protocol is 0: it receives nothing.
func (n *Net) packet(iface string) (s packetSocket, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s, ok := n.packets[iface]; ok {
		return s, nil
	}
	if s.index, err = index(iface); err != nil {
		return s, err
	}
	err = privilege.With(unix.CAP_NET_RAW, func() (err error) {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if errors.Is(err, unix.EPERM) {
		return s, &checks.Denied{Why: "CAP_NET_RAW is missing: no frame can be sent", Fix: privilege.Fix(unix.CAP_NET_RAW)}
	}
	if err == nil {
		n.packets[iface] = s
	}
	return s, err
}

func index(iface string) (int, error) {
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", iface, unix.ENODEV)
	}
	return i.Index, nil
}

// Join makes the host a member of a group, which it says in two MLD reports, and in two more when it
// leaves.
func (n *Net) Join(iface string, group netip.Addr) (leave func() error, err error) {
	i, err := index(iface)
	if err != nil {
		return nil, named(err)
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, named(fmt.Errorf("join %s on %s: socket: %w", group, iface, err))
	}
	req := &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(i)}
	if err := unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, req); err != nil {
		_ = unix.Close(fd)
		return nil, named(fmt.Errorf("join %s on %s: %w", group, iface, err))
	}
	return func() error { return unix.Close(fd) }, nil
}

// AddAddress configures addr as safety rule 1 has it: /128, no prefix route, never preferred, and
// removed by the kernel itself when valid has passed. DAD runs.
func (n *Net) AddAddress(iface string, addr netip.Addr, valid time.Duration) error {
	return n.address("add", iface, addr, valid, netlink.AddrAdd)
}

// DelAddress removes addr.
func (n *Net) DelAddress(iface string, addr netip.Addr) error {
	return n.address("remove", iface, addr, 0, netlink.AddrDel)
}

func (n *Net) address(verb, iface string, addr netip.Addr, valid time.Duration, do func(netlink.Link, *netlink.Addr) error) error {
	i, err := index(iface)
	if err != nil {
		return named(err)
	}
	link := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: i, Name: iface}}
	a := &netlink.Addr{
		IPNet: &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(128, 128)},
		Flags: unix.IFA_F_NOPREFIXROUTE, ValidLft: int(valid / time.Second),
	}
	if err := privilege.With(unix.CAP_NET_ADMIN, func() error { return do(link, a) }); err != nil {
		return named(fmt.Errorf("%s address %s on %s: %w", verb, addr, iface, err))
	}
	return nil
}

// DelNeighbour deletes the neighbour entry of addr.
func (n *Net) DelNeighbour(iface string, addr netip.Addr) error {
	i, err := index(iface)
	if err != nil {
		return named(err)
	}
	err = privilege.With(unix.CAP_NET_ADMIN, func() error {
		return netlink.NeighDel(&netlink.Neigh{Family: unix.AF_INET6, LinkIndex: i, IP: addr.AsSlice()})
	})
	if err != nil {
		return named(fmt.Errorf("delete neighbour %s on %s: %w", addr, iface, err))
	}
	return nil
}

// Neighbour reads the kernel's entry for addr.
func (n *Net) Neighbour(iface string, addr netip.Addr) (diag.Neighbour, error) {
	entry, ok, err := kernel.Neighbour(iface, addr)
	if err != nil {
		return diag.Neighbour{}, named(err)
	}
	if !ok {
		return diag.Neighbour{Interface: iface, Address: addr, Gone: true}, nil
	}
	return entry, nil
}

// Route asks the kernel how a socket bound to the interface would reach dst; without one, how an unbound one would.
func (n *Net) Route(iface string, dst netip.Addr) diag.Selection {
	return kernel.Route(dst, netip.Addr{}, iface)
}
