package lab

import (
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// podHost is the name of the stack of a host's container.
const podHost = "pod"

// podEvery is how often a container says something to the Internet.
const podEvery = 100 * time.Millisecond

// startPod puts a container behind a host: a namespace of its own, a cable to the host, which may forward for
// it, and an application in it that never stops asking.
func (w *world) startPod(host *Host) error {
	if err := w.addHost(podHost); err != nil {
		return err
	}
	pod, outside := w.namespaces[podHost], w.handles[host.Name]
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Index = "veth-pod", firstIndex
	if err := outside.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(pod.Fd()))}); err != nil {
		return fmt.Errorf("add veth: %w", err)
	}
	if err := within(pod, func() error { return sysctl("ipv6/conf/eth0/accept_dad", "0") }); err != nil {
		return err
	}
	for _, end := range []struct {
		host, nic      string
		address, other netip.Addr
	}{{host.Name, attrs.Name, host.Pod.Gateway, host.Pod.Address}, {podHost, "eth0", host.Pod.Address, host.Pod.Gateway}} {
		h := w.handles[end.host]
		link, err := h.LinkByName(end.nic)
		if err != nil {
			return err
		}
		if err := h.LinkSetUp(link); err != nil {
			return fmt.Errorf("%s up: %w", end.nic, err)
		}
		if err := w.address(end.host, end.nic, netip.PrefixFrom(end.address, 128), unix.IFA_F_NODAD, 0, 0); err != nil {
			return err
		}
		// Either may have an address of the subnet: it is to be found here all the same.
		if err := h.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(netip.PrefixFrom(end.other, 128))}); err != nil {
			return fmt.Errorf("route to %s: %w", end.other, err)
		}
	}
	inside := w.handles[podHost]
	link, err := inside.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := inside.RouteReplace(&netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}, Gw: host.Pod.Gateway.AsSlice(),
	}); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	var c *icmp.PacketConn
	if err := within(pod, func() (err error) {
		c, err = icmp.ListenPacket("ip6:ipv6-icmp", "::")
		return err
	}); err != nil {
		return fmt.Errorf("ICMPv6 socket: %w", err)
	}
	request, err := (&icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{ID: 1, Data: []byte("pod")}}).Marshal(nil)
	if err != nil {
		return err
	}
	begun := make(chan struct{}, 1)
	go func() {
		for {
			// The addresses take a moment to be usable; later ones are sent.
			if _, err := c.WriteTo(request, &net.IPAddr{IP: w.spec.Internet.Host.AsSlice()}); err == nil {
				select {
				case begun <- struct{}{}:
				default:
				}
			}
			time.Sleep(podEvery)
		}
	}()
	// A command that is quick is to see what it says.
	for range 2 {
		select {
		case <-begun:
		case <-time.After(wholeWait):
		}
	}
	return nil
}
