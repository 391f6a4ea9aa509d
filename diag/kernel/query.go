package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"ndwhy/diag"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Route asks the kernel how it would reach dst, with the source from and by the interface oif where
// these are given (RTM_GETROUTE). A refusal is in Errno by its name: ENETUNREACH for no route, EACCES
// for a prohibited one, ENODEV for no such interface.
func Route(dst, from netip.Addr, oif string) diag.Selection {
	s, err := selectRoute(dst.WithZone(""), from.WithZone(""), oif)
	s.Dst, s.From, s.Bound = dst.WithZone(""), from.WithZone(""), oif
	var errno unix.Errno
	switch {
	case errors.As(err, &errno):
		s.Errno = unix.ErrnoName(errno)
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.Errno = "ETIMEDOUT"
	case err != nil:
		s.Errno = "EIO"
	}
	return s
}

func selectRoute(dst, from netip.Addr, oif string) (sel diag.Selection, err error) {
	s, err := dialBriefly(unix.NETLINK_ROUTE)
	if err != nil {
		return sel, err
	}
	defer s.close()
	header := rtmsg(unix.AF_INET6)
	header[1] = 128
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, 0)
	if from.IsValid() {
		header[2] = 128
	}
	req.AddData(raw(header))
	req.AddData(nl.NewRtAttr(unix.RTA_DST, dst.AsSlice()))
	if from.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_SRC, from.AsSlice()))
	}
	if oif != "" {
		link, err := s.link(oif, 0)
		if err != nil {
			return sel, err
		}
		req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(link.Index))))
	}
	index := 0
	if err := s.ask(req, func(m message) { sel, index = parseSelection(m.data) }); err != nil {
		return sel, err
	}
	if index == 0 {
		return sel, nil
	}
	link, err := s.link("", index)
	sel.Interface = link.Interface
	return sel, err
}

// link asks for an interface by its name, or its index where that is empty.
func (s *socket) link(name string, index int) (l diag.Link, err error) {
	found := false
	err = s.ask(getLink(name, index), func(m message) { l, found = parseLink(m.data) })
	if err == nil && !found {
		err = unix.ENODEV
	}
	return l, err
}

// Neighbour asks for the entry of an address in an interface's neighbour cache, and reports whether
// there is one.
func Neighbour(iface string, addr netip.Addr) (n diag.Neighbour, ok bool, err error) {
	s, err := dialBriefly(unix.NETLINK_ROUTE)
	if err != nil {
		return n, false, err
	}
	defer s.close()
	link, err := s.link(iface, 0)
	if err != nil {
		return n, false, fmt.Errorf("interface %s: %w", iface, err)
	}
	addr = addr.WithZone("")
	key := neighbourKey{index: int32(link.Index), addr: addr.As16()}
	take := func(m message) {
		if row, parsed := parseNeighbour(m.data); parsed && row.key == key {
			ok = true
			n = diag.Neighbour{
				Interface: iface, Address: addr, MAC: row.mac, State: nud(row.state),
				Router: row.flags&unix.NTF_ROUTER != 0, ConfirmedS: float64(row.confirmed) / userHZ,
			}
		}
	}
	err = s.ask(getNeighbour(key), take)
	if errors.Is(err, unix.EOPNOTSUPP) { // before Linux 5.0
		err = uninterrupted(context.Background(), func() error { return s.ask(dumpNeighbours(link.Index, false), take) })
	}
	if errors.Is(err, unix.ENOENT) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("neighbour %s on %s: %w", addr, iface, err)
	}
	return n, ok, err
}

// Look takes a Survey of the kernel's links, addresses and routes as they are now. Where ctx ends before, it is of what
// was read by then.
func Look(ctx context.Context) (diag.Survey, error) {
	var v diag.Survey
	s, err := dial()
	if err != nil {
		return v, err
	}
	defer s.close()
	names := map[int]string{}
	err = uninterrupted(ctx, func() error {
		v.Links = nil
		return s.dump(ctx, dumpLinks(), func(m message) {
			if l, ok := parseLink(m.data); ok {
				v.Links = append(v.Links, l)
				names[l.Index] = l.Interface
			}
		})
	})
	if err != nil {
		return v, fmt.Errorf("links: %w", err)
	}
	err = uninterrupted(ctx, func() error {
		v.Addresses = nil
		return s.dump(ctx, dumpAddresses(), func(m message) {
			if a, ok := parseAddress(m.data); ok {
				a.Interface = names[a.index]
				v.Addresses = append(v.Addresses, a.Address)
			}
		})
	})
	if err != nil {
		return v, fmt.Errorf("addresses: %w", err)
	}
	err = uninterrupted(ctx, func() error {
		v.Routes = nil
		return s.dump(ctx, dumpRoutes(unix.AF_INET6), func(m message) {
			for _, r := range parseRoute(m.data) {
				r.Interface = names[r.index]
				v.Add(r.Route)
			}
		})
	})
	if err != nil {
		return v, fmt.Errorf("IPv6 routes: %w", err)
	}
	err = uninterrupted(ctx, func() error {
		best := -1
		return s.dump(ctx, dumpRoutes(unix.AF_INET), func(m message) {
			index, metric, ok := parseDefault4(m.data)
			if ok && (best < 0 || metric < best) {
				best, v.Default4 = metric, names[index]
			}
		})
	})
	if err != nil {
		return v, fmt.Errorf("IPv4 routes: %w", err)
	}
	return v, nil
}

// parseDefault4 reads an IPv4 rtmsg; ok is whether it is a default route of the main table.
func parseDefault4(b []byte) (index, metric int, ok bool) {
	if len(b) < unix.SizeofRtMsg || b[0] != unix.AF_INET || b[1] != 0 || b[7] != unix.RTN_UNICAST {
		return 0, 0, false
	}
	table := int(b[4])
	for typ, v := range attributes(b[unix.SizeofRtMsg:]) {
		switch typ {
		case unix.RTA_OIF:
			index = int(u32(v))
		case unix.RTA_PRIORITY:
			metric = int(u32(v))
		case unix.RTA_TABLE:
			table = int(u32(v))
		case unix.RTA_MULTIPATH: // the first hop stands for all
			if len(v) >= unix.SizeofRtNexthop {
				index = int(u32(v[4:]))
			}
		}
	}
	return index, metric, table == unix.RT_TABLE_MAIN
}
