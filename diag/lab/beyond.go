package lab

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag/lab/metadata"
)

// beyond configures the stack behind the router: the Internet host, and the metadata service on its
// well-known addresses. The router is its permanent neighbour; there is no discovery on that side.
func (w *world) beyond() error {
	ns, h := w.namespaces[beyondHost], w.handles[beyondHost]
	if err := within(ns, func() error {
		return errors.Join(
			sysctl("ipv6/conf/eth0/accept_dad", "0"),
			sysctl("ipv6/conf/eth0/accept_ra", "0"),
		)
	}); err != nil {
		return err
	}
	link, err := h.LinkByName("eth0")
	if err != nil {
		return err
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	addresses := []netip.Addr{w.spec.Internet.Host}
	if w.spec.Internet.Resolver.IsValid() {
		addresses = append(addresses, w.spec.Internet.Resolver)
	}
	if w.spec.Metadata != nil {
		addresses = append(addresses, imds4, imds6, dns6, ntp6)
	}
	for _, a := range addresses {
		if err := w.address(beyondHost, "eth0", netip.PrefixFrom(a, a.BitLen()), unix.IFA_F_NODAD, 0, 0); err != nil {
			return err
		}
	}
	if w.spec.Internet.NAT64 {
		if err := h.RouteReplace(&netlink.Route{LinkIndex: 1 /* lo */, Dst: ipNet(nat64Prefix), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL}); err != nil {
			return fmt.Errorf("translator: %w", err)
		}
	}
	router := w.spec.router()
	for _, gw := range []netip.Addr{router.LinkLocal(), netip.MustParseAddr("169.254.0.1")} {
		family, zero := netlink.FAMILY_V6, &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		if gw.Is4() {
			family, zero = netlink.FAMILY_V4, &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
		}
		if err := h.NeighSet(&netlink.Neigh{
			LinkIndex: link.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT,
			IP: gw.AsSlice(), HardwareAddr: net.HardwareAddr(router.MAC[:]),
		}); err != nil {
			return fmt.Errorf("router's neighbour entry: %w", err)
		}
		if err := h.RouteReplace(&netlink.Route{
			LinkIndex: link.Attrs().Index, Dst: zero, Gw: gw.AsSlice(), Flags: int(netlink.FLAG_ONLINK),
		}); err != nil {
			return fmt.Errorf("route to the subnet: %w", err)
		}
	}
	if at := w.spec.Internet.Resolver; at.IsValid() {
		answer := resolve
		switch {
		case w.spec.Internet.RefusesDNS:
			answer = refuse
		case w.spec.Internet.DNS64:
			answer = synthesise
		}
		if err := w.serveUDP(netip.AddrPortFrom(at, 53), unless(w.spec.Internet.NoDNS, answer)); err != nil {
			return err
		}
	}
	if w.spec.Metadata == nil {
		return nil
	}
	if err := w.services(); err != nil {
		return err
	}
	handler := metadata.New(w.spec.instances(), time.Now)
	if w.spec.Metadata.NoToken {
		handler = withoutToken(handler)
	}
	if w.spec.Metadata.Off {
		handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "403 - Forbidden", http.StatusForbidden) })
	}
	server := &http.Server{Handler: handler, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	endpoints := []string{netip.AddrPortFrom(imds4, 80).String()}
	if !w.spec.Metadata.NoIPv6 {
		endpoints = append(endpoints, netip.AddrPortFrom(imds6, 80).String())
	}
	for _, endpoint := range endpoints {
		var l net.Listener
		if err := within(ns, func() (err error) {
			l, err = net.Listen("tcp", endpoint)
			return err
		}); err != nil {
			return fmt.Errorf("metadata service: %w", err)
		}
		go func() { _ = server.Serve(l) }()
	}
	return nil
}

// withoutToken never answers who asks for a session token, as where the answer's hop limit ends on the way.
func withoutToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	})
}

// instances is what the metadata service knows of each host.
func (s *Spec) instances() []metadata.Instance {
	m := s.Metadata
	var list []metadata.Instance
	for i := range s.Hosts {
		h := &s.Hosts[i]
		instance := metadata.Instance{ID: h.Instance, Type: m.InstanceType, Region: m.Region, Zone: m.Zone}
		for n := range h.NICs {
			nic := &h.NICs[n]
			if nic.Detached {
				continue
			}
			own := nic.Address4 // by which the service knows who asks
			if h.Outer != nil {
				nic = h.Outer
			}
			instance.Interfaces = append(instance.Interfaces, metadata.Interface{
				ID: nic.ID, MAC: nic.MAC.String(), Device: n, Owner: m.Owner,
				SubnetID: m.SubnetID, VPCID: m.VPC, SecurityGroup: m.SecurityGroup, SecurityGroupID: m.SecurityGroupID,
				IPv4: own, IPv6: nic.Addresses, Prefixes: nic.Prefixes,
				Subnet4: s.Subnet4, Subnet6: s.Subnet, VPC4: m.VPCPrefix4, VPC6: m.VPCPrefix,
			})
		}
		list = append(list, instance)
	}
	return list
}
