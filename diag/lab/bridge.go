package lab

import (
	"net"

	"github.com/vishvananda/netlink"
)

// bridge makes an interface a port of a bridge, and moves what is on it there, where that is done.
func (w *world) bridge(host *Host, nic *NIC) error {
	h := w.handles[host.Name]
	port, err := h.LinkByName(nic.Name)
	if err != nil {
		return err
	}
	addresses, err := h.AddrList(port, netlink.FAMILY_V6)
	if err != nil {
		return err
	}
	mac := nic.address()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = nic.Bridge.Name, nic.MTU, net.HardwareAddr(mac[:])
	if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return err
	}
	bridge, err := h.LinkByName(nic.Bridge.Name)
	if err != nil {
		return err
	}
	if err := within(w.namespaces[host.Name], func() error { return sysctl("ipv6/conf/"+nic.Bridge.Name+"/accept_dad", "0") }); err != nil {
		return err
	}
	if nic.Bridge.Along {
		for i := range addresses {
			if err := h.AddrDel(port, &addresses[i]); err != nil {
				return err
			}
		}
		if err := within(w.namespaces[host.Name], func() error { return sysctl("ipv6/conf/"+nic.Name+"/disable_ipv6", "1") }); err != nil {
			return err
		}
	}
	if err := h.LinkSetMaster(port, bridge); err != nil {
		return err
	}
	if err := h.LinkSetUp(bridge); err != nil || !nic.Bridge.Along {
		return err
	}
	for _, a := range addresses {
		if !a.IP.IsLinkLocalUnicast() {
			if err := h.AddrAdd(bridge, &netlink.Addr{IPNet: a.IPNet}); err != nil {
				return err
			}
		}
	}
	return h.RouteReplace(&netlink.Route{LinkIndex: bridge.Attrs().Index, Dst: everywhere, Gw: w.spec.router().LinkLocal().AsSlice()})
}
