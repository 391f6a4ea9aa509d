package imds

import (
	"context"
	"net"
	"net/netip"
	"time"

	"ndwhy/diag/guard"
)

const (
	// otherSources is how long the source that the kernel chooses has for itself.
	otherSources = 100 * time.Millisecond
	// maxSources bounds from how many addresses the service is asked.
	maxSources = 8
)

// dial connects from the source that the kernel chooses and, if that is not answered at once, from the other
// global addresses of this host too: the one that was added by hand and that the network lets not speak
// may be the kernel's choice, and the service is the one to say so.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	var list []net.Addr
	if host, err := netip.ParseAddrPort(address); err == nil {
		list = sources(host.Addr().Is6())
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results := make(chan result, 1+len(list))
	from := func(local net.Addr) {
		go func() {
			defer guard.Rescue()
			d := net.Dialer{LocalAddr: local}
			conn, err := d.DialContext(ctx, network, address)
			results <- result{conn, err}
		}()
	}
	from(nil)
	open := 1
	more := time.NewTimer(otherSources)
	defer more.Stop()
	var first error
	for open > 0 || len(list) > 0 {
		select {
		case r := <-results:
			if open--; r.err == nil {
				go func() { // those that come too late
					defer guard.Rescue()
					for range open {
						if late := <-results; late.conn != nil {
							late.conn.Close()
						}
					}
				}()
				return r.conn, nil
			}
			if first == nil {
				first = r.err
			}
			if open == 0 {
				more.Reset(0)
			}
		case <-more.C:
			for _, local := range list {
				from(local)
				open++
			}
			list = nil
		}
	}
	return nil, first
}

// sources are this host's addresses of a family from which the service may be asked: not the loopback's, nor
// link-local ones.
func sources(ip6 bool) []net.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []net.Addr
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || (n.IP.To4() == nil) != ip6 || !n.IP.IsGlobalUnicast() || len(list) == maxSources {
			continue
		}
		list = append(list, &net.TCPAddr{IP: n.IP})
	}
	return list
}
