package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// startTunnel lays a host's VPN: an interface without neighbour discovery into a namespace that knows nobody.
func (w *world) startTunnel(host *Host) error {
	t := host.Tunnel
	if err := w.addHost(t.Name); err != nil {
		return err
	}
	h := w.handles[host.Name]
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Index = t.Name, firstIndex+1
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: t.Name, PeerNamespace: netlink.NsFd(int(w.namespaces[t.Name].Fd()))}); err != nil {
		return fmt.Errorf("add veth: %w", err)
	}
	for _, end := range []string{host.Name, t.Name} {
		link, err := w.handles[end].LinkByName(t.Name)
		if err != nil {
			return err
		}
		if err := w.handles[end].LinkSetARPOff(link); err != nil {
			return fmt.Errorf("no neighbour discovery: %w", err)
		}
		if err := w.handles[end].LinkSetUp(link); err != nil {
			return fmt.Errorf("up: %w", err)
		}
	}
	if err := w.address(host.Name, t.Name, netip.PrefixFrom(t.Address, 128), unix.IFA_F_NODAD, 0, 0); err != nil {
		return err
	}
	for _, p := range t.Routes {
		if err := w.route(host, Route{NIC: t.Name, Dst: p, Table: t.Table}); err != nil {
			return err
		}
	}
	if t.Unruled {
		return nil
	}
	rule := netlink.NewRule()
	rule.Family, rule.Table, rule.Mark, rule.Invert = netlink.FAMILY_V6, t.Table, uint32(t.Table), true
	if err := h.RuleAdd(rule); err != nil {
		return fmt.Errorf("rule of the mark: %w", err)
	}
	rule = netlink.NewRule()
	rule.Family, rule.Table, rule.SuppressPrefixlen = netlink.FAMILY_V6, unix.RT_TABLE_MAIN, 0
	if err := h.RuleAdd(rule); err != nil {
		return fmt.Errorf("rule of the main table: %w", err)
	}
	return nil
}
