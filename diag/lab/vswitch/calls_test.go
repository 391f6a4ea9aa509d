package vswitch

import (
	"net/netip"
	"testing"
	"time"

	"ndwhy/diag"
	"ndwhy/diag/capture"
)

// Calls are made once the boot is over, each in its time, and are what they are meant to be; a security group keeps
// echoes out.
func TestCalls(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	host := netip.MustParseAddr("2001:db8::7")
	beyond := netip.MustParseAddr("3fff::1")
	r := Router{Name: "router", MAC: diag.MAC{2, 0, 0, 0, 0, 1}}
	cfg := Config{
		Subnet: netip.MustParsePrefix("2001:db8::/64"), Ports: []Port{{Name: "a", MAC: diag.MAC{2, 0, 0, 0, 0, 7}, Addresses: []netip.Addr{host}}},
		Routers: []Router{r},
		Calls: []Call{
			{From: beyond, To: host, Every: time.Second},
			{From: beyond, To: host, Every: 2 * time.Second, Port: 22},
			{From: r.LinkLocal(), To: host, Every: 2 * time.Second, Redirect: &Redirect{Dst: beyond, Via: netip.MustParseAddr("fe80::9"), MAC: diag.MAC{2, 0, 0, 0, 0, 9}}},
			{From: netip.MustParseAddr("fe80::66"), To: host, Every: time.Second, Redirect: &Redirect{Dst: beyond, Via: netip.MustParseAddr("fe80::9")}},
		},
	}
	types := func(s *Switch, at time.Time) (list []diag.FrameType) {
		outs, _ := s.Tick(at)
		for _, o := range outs {
			f, ok := capture.Decode("eth0", false, o.Frame, false)
			if !ok || f.Bad != "" || f.SrcMAC != r.MAC || f.Dst != host {
				t.Errorf("%+v", f)
			}
			if f.Type == diag.RedirectFrame && (f.Quoted.Dst != beyond || f.LLAddr[5] != 9 || f.Target.String() != "fe80::9") {
				t.Errorf("%+v", f)
			}
			list = append(list, f.Type)
		}
		return list
	}
	s := New(cfg, start)
	if got := types(s, start); len(got) > 0 || !s.Next().IsZero() {
		t.Errorf("while instances boot: %v, next %v", got, s.Next())
	}
	s.Begin()
	for i, want := range [][]diag.FrameType{{diag.EchoRequest, diag.TCPSyn, diag.RedirectFrame}, {diag.EchoRequest}} {
		at := start.Add(time.Duration(i) * time.Second)
		if s.Next().After(at) {
			t.Errorf("round %d: next %v", i, s.Next())
		}
		if got := types(s, at); len(got) != len(want) {
			t.Errorf("round %d: %v, want %v", i, got, want)
		}
	}
	cfg.Ports[0].NoEchoIn = true
	s = New(cfg, start)
	s.Begin()
	if got := types(s, start); len(got) != 2 {
		t.Errorf("through a security group: %v", got)
	}
}
