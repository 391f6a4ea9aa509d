package nstest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	mdlayher "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addresses adds n addresses of 2001:db8::/64 to an interface, 2001:db8::2:0 and on.
func Addresses(t *testing.T, link string, n int) {
	t.Helper()
	on := Link(t, link)
	for i := range n {
		addr := netip.MustParseAddr("2001:db8::2:0").As16()
		addr[14], addr[15] = byte(i>>8), byte(i)
		must(t, "address", netlink.AddrAdd(on, &netlink.Addr{
			IPNet: &net.IPNet{IP: addr[:], Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD,
		}))
	}
}

// Neighbours adds n permanent entries to the neighbour cache, 2001:db8::1:0:0 and on, as fast as the kernel takes them.
// Permanent ones do not count against its limits (net/core/neighbour.c, neigh_alloc), which all namespaces share.
func Neighbours(t *testing.T, link string, n int) {
	t.Helper()
	conn, err := mdlayher.Dial(unix.NETLINK_ROUTE, nil)
	must(t, "netlink", err)
	defer conn.Close()
	index := Link(t, link).Attrs().Index
	var batch []mdlayher.Message
	for i := range n {
		head := make([]byte, unix.SizeofNdMsg)
		head[0] = unix.AF_INET6
		binary.NativeEndian.PutUint32(head[4:], uint32(index))
		binary.NativeEndian.PutUint16(head[8:], netlink.NUD_PERMANENT)
		addr := netip.MustParseAddr("2001:db8::1:0:0").As16()
		addr[13], addr[14], addr[15] = byte(i>>16), byte(i>>8), byte(i)
		e := mdlayher.NewAttributeEncoder()
		e.Bytes(unix.NDA_DST, addr[:])
		e.Bytes(unix.NDA_LLADDR, []byte{2, 0, 0, byte(i >> 16), byte(i >> 8), byte(i)})
		attributes, err := e.Encode()
		must(t, "neighbour", err)
		batch = append(batch, mdlayher.Message{
			Header: mdlayher.Header{Type: unix.RTM_NEWNEIGH, Flags: mdlayher.Request | mdlayher.Create | mdlayher.Replace},
			Data:   append(head, attributes...),
		})
		if len(batch) == 500 || i == n-1 {
			_, err := conn.SendMessages(batch)
			must(t, "neighbours", err)
			batch = batch[:0]
		}
	}
}
