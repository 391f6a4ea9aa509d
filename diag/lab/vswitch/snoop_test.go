package vswitch

import (
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// report is a listener report of version 2 about one group: a kind of record, and so many sources.
func report(kind byte, group netip.Addr, sources int) []byte {
	b := group.As16()
	body := append([]byte{byte(ipv6.ICMPTypeVersion2MulticastListenerReport), 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, byte(sources)}, b[:]...)
	p := wire.Packet{
		Src: ll2, Dst: netip.MustParseAddr("ff02::16"), HopLimit: 1, Proto: unix.IPPROTO_ICMPV6,
		Payload: append(body, make([]byte, 16*sources)...),
	}
	return p.Frame(diag.MulticastMAC(p.Dst), mac2)
}

// A switch that follows groups passes a solicitation on to the members of its group, and what is for all to all.
func TestSnooping(t *testing.T) {
	const (
		include, exclude     = 1, 2
		leaves, joins, allow = 3, 4, 5
	)
	group := diag.SolicitedNode(global2)
	for name, c := range map[string]struct {
		querier bool
		says    [][]byte
		reached bool
	}{
		"nobody said anything":        {true, nil, false},
		"it joined":                   {true, [][]byte{report(joins, group, 0)}, true},
		"it still is one":             {true, [][]byte{report(exclude, group, 0)}, true},
		"from some sources":           {true, [][]byte{report(allow, group, 2)}, true},
		"it left":                     {true, [][]byte{report(joins, group, 0), report(leaves, group, 0)}, false},
		"it never was":                {true, [][]byte{report(include, group, 0)}, false},
		"another group":               {true, [][]byte{report(joins, diag.SolicitedNode(global1), 0)}, false},
		"it joined, and is forgotten": {false, [][]byte{report(joins, group, 0)}, false},
		"a record that is cut off":    {true, [][]byte{report(joins, group, 0)[:60]}, false},
	} {
		cfg := lan()
		cfg.Fabric.Snooping, cfg.Fabric.Querier = true, c.querier
		s := New(cfg, start)
		for _, frame := range c.says {
			s.Handle(start, 1, frame)
		}
		outs, entries := s.Handle(start, 0, ns(mac1, global1, global2))
		if reached := slices.Contains(ports(outs), 1); reached != c.reached {
			t.Errorf("%s: reached: %t, %s", name, reached, entries[0].Reason)
		}
		if outs, _ := s.Handle(start, 0, echo(diag.MulticastMAC(diag.AllNodes), mac1, ll1, diag.AllNodes)); !slices.Contains(ports(outs), 1) {
			t.Errorf("%s: what is for all nodes does not get there", name)
		}
	}
}
