package vswitch

import (
	"net/netip"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/wire"
)

// What goes from one subnet to the other arrives there two hops later, with the MAC of that subnet's router; what the
// gateway drops arrives nowhere, and its sender's port has the one entry that says so. The links share nothing else.
func TestTwoSubnets(t *testing.T) {
	t.Parallel()
	mac3, macRouter3 := diag.MAC{6, 0xc1, 0x0e, 0, 0x53, 3}, diag.MAC{6, 0, 0x5e, 0, 0x53, 2}
	prefix3 := netip.MustParsePrefix("2001:db8:1f16:8df1::/64")
	global3 := netip.MustParseAddr("2001:db8:1f16:8df1::3")
	both := func(there, back Reach) *Switch {
		c, next := vpc(), vpc()
		next.Subnet, next.Ports = prefix3, []Port{{Name: "ubuntu3", MAC: mac3, Addresses: []netip.Addr{global3}}}
		next.Routers[0].Name, next.Routers[0].MAC, next.Routers[0].Addresses = "router3", macRouter3, nil
		next.Beyond.Subnets = []Subnet{{c.Subnet, back}}
		c.Next, c.Beyond.Subnets = &next, []Subnet{{prefix3, there}}
		return New(c, start)
	}
	there, back := echo(macRouter, mac1, global1, global3), echo(macRouter3, mac3, global3, global1)
	out := echo(macRouter3, mac3, global3, internet)
	in := echo(macRouter, macBeyond, internet, global3)
	for name, tt := range map[string]struct {
		there, back Reach
		port        int
		frame       []byte
		want        int // the port at which it arrives; -2: at none
		from, to    diag.MAC
		hops        byte
	}{
		"there":                    {Open, Open, 0, there, 2, macRouter3, mac3, 62},
		"back":                     {Open, Open, 2, back, 0, macRouter, mac1, 62},
		"dropped there":            {Blackhole, Open, 0, there, -2, diag.MAC{}, diag.MAC{}, 0},
		"dropped there, but back":  {Blackhole, Open, 2, back, 0, macRouter, mac1, 62},
		"dropped back":             {Open, Blackhole, 2, back, -2, diag.MAC{}, diag.MAC{}, 0},
		"refused":                  {Refused, Open, 0, there, 0, macRouter, mac1, 64},
		"to the Internet":          {Blackhole, Blackhole, 2, out, BeyondPort, macRouter3, macBeyond, 63},
		"from the Internet":        {Blackhole, Blackhole, BeyondPort, in, 2, macRouter3, mac3, 63},
		"out of hops between them": {Open, Open, 0, hopLimit(2, echo(macRouter, mac1, global1, global3)), 0, macRouter, mac1, 63},
		"a solicitation stays":     {Open, Open, 2, ns(mac3, global3, global1), -2, diag.MAC{}, diag.MAC{}, 0},
	} {
		outs, entries := both(tt.there, tt.back).Handle(start, tt.port, tt.frame)
		if len(entries) == 0 || entries[0].Reason == "" {
			t.Errorf("%s: %+v", name, entries)
		}
		if tt.want == -2 {
			if len(outs) > 0 {
				t.Errorf("%s: it arrives at %d", name, outs[0].Port)
			}
			continue
		}
		if len(outs) != 1 {
			t.Errorf("%s: %d frames: %+v", name, len(outs), entries)
			continue
		}
		h, packet, _ := wire.ParseEthernet(outs[0].Frame)
		if outs[0].Port != tt.want || h.Src != tt.from || h.Dst != tt.to || packet[7] != tt.hops {
			t.Errorf("%s: at port %d from %s to %s with %d hops left", name, outs[0].Port, h.Src, h.Dst, packet[7])
		}
	}
	s := both(Open, Open)
	outs, _ := s.Tick(start)
	told := map[int]diag.MAC{}
	for _, o := range outs {
		h, _, _ := wire.ParseEthernet(o.Frame)
		told[o.Port] = h.Src
	}
	if len(told) != 3 || told[0] != macRouter || told[2] != macRouter3 || s.Name(2) != "ubuntu3" {
		t.Errorf("advertisements: %v", told)
	}
}
