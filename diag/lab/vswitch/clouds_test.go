package vswitch

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/mdlayher/ndp"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// ports are where frames came out.
func ports(outs []Output) []int {
	var list []int
	for _, o := range outs {
		list = append(list, o.Port)
	}
	return list
}

// On a link that keeps its hosts apart, each reaches the router alone, and others by it.
func TestIsolatedByRouter(t *testing.T) {
	c := lan()
	c.Fabric = Fabric{Isolated: true}
	s := New(c, start)
	for name, frame := range map[string][]byte{
		"who has the peer":     ns(mac1, global1, global2),
		"who has its own":      ns(mac1, ll1, ll2),
		"an echo to the peer":  echo(mac2, mac1, global1, global2),
		"an answer to it":      na(mac2, mac1, global1, global2),
		"an echo to all nodes": echo(diag.MulticastMAC(diag.AllNodes), mac1, ll1, diag.AllNodes),
	} {
		outs, _ := s.Handle(start, 0, frame)
		if slices.ContainsFunc(outs, func(o Output) bool { return o.Port != 0 }) {
			t.Errorf("%s came out at %v", name, ports(outs))
		}
	}
	s.Handle(start, 1, ns(mac2, global2, routerOne)) // the router learns where it is
	for name, tt := range map[string]struct {
		frame []byte
		out   int
	}{
		"who has the router":            {ns(mac1, global1, routerOne), 0},
		"an echo by the router":         {echo(macRouter, mac1, global1, global2), 1},
		"an echo beyond it":             {echo(macRouter, mac1, global1, internet), BeyondPort},
		"an echo to the router, itself": {echo(macRouter, mac1, global1, routerOne), 0},
	} {
		if outs, entries := s.Handle(start, 0, tt.frame); !slices.Equal(ports(outs), []int{tt.out}) {
			t.Errorf("%s came out at %v: %s", name, ports(outs), entries[0].Reason)
		}
	}
}

// A router that sends what comes for a prefix to the link-local address of the MAC asks for that, and for no other.
func TestByLinkLocal(t *testing.T) {
	c := lan()
	c.Routers[0].ByLinkLocal = true
	s := New(c, start)
	in := echo(macRouter, macBeyond, internet, delegated2)
	outs, _ := s.Handle(start, BeyondPort, in)
	if len(outs) != len(c.Ports) {
		t.Fatalf("%d frames", len(outs))
	}
	for _, o := range outs {
		p, err := parse6(o.Frame)
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.message()
		if ns, ok := m.(*ndp.NeighborSolicitation); err != nil || !ok || ns.TargetAddress != ll2 {
			t.Errorf("asks %v (%v), want who has %s", m, err, ll2)
		}
	}
	if outs, _ := s.Handle(start, 1, na(macRouter, mac2, ll2, llRouter)); !slices.Equal(ports(outs), []int{1}) {
		t.Errorf("what waited for it went to %v", ports(outs))
	}
	if outs, _ := s.Handle(start, BeyondPort, in); !slices.Equal(ports(outs), []int{1}) || [6]byte(outs[0].Frame) != mac2 {
		t.Errorf("the next went to %v", ports(outs))
	}
}

// A router advertises from the link-local address that it has, with the routes that lead through it.
func TestAdvertisedRoutes(t *testing.T) {
	c := vpc()
	r := &c.Routers[0]
	r.Local, r.OnLink, r.Routes = netip.MustParseAddr("fe80::1"), false, []netip.Prefix{netip.MustParsePrefix("2001:db8:1f16:8df0::/65")}
	outs, _ := New(c, start).Handle(start, 0, rs(ll1))
	if len(outs) != 1 {
		t.Fatalf("%d frames", len(outs))
	}
	p, err := parse6(outs[0].Frame)
	if err != nil || p.Src != r.Local {
		t.Fatalf("from %s (%v), want %s", p.Src, err, r.Local)
	}
	m, err := ndp.ParseMessage(outs[0].Frame[wire.EthernetLen+wire.IPv6Len:])
	if err != nil {
		t.Fatal(err)
	}
	var routes []netip.Prefix
	for _, o := range m.(*ndp.RouterAdvertisement).Options {
		switch o := o.(type) {
		case *ndp.PrefixInformation:
			t.Errorf("it says %s/%d to be on-link", o.Prefix, o.PrefixLength)
		case *ndp.RouteInformation:
			routes = append(routes, netip.PrefixFrom(o.Prefix, int(o.PrefixLength)))
		}
	}
	if !slices.Equal(routes, r.Routes) {
		t.Errorf("routes %v, want %v", routes, r.Routes)
	}
}
