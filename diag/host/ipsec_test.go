package host

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestIPsec(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "w0")
	r := New(&log{}, os.DirFS("/"), []diag.Link{{Interface: "eth0", Index: nstest.Link(t, "eth0").Attrs().Index}})
	if got := filtersOf(t, r); len(got) != 0 {
		t.Fatalf("without a policy: %+v", got)
	}
	prefix := func(s string) *net.IPNet {
		_, p, err := net.ParseCIDR(s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	tunnel := netlink.XfrmPolicyTmpl{Src: net.ParseIP("2001:db8::1"), Dst: net.ParseIP("2001:db8::2"), Proto: netlink.XFRM_PROTO_ESP, Mode: netlink.XFRM_MODE_TUNNEL, Reqid: 7}
	for _, p := range []netlink.XfrmPolicy{
		{Dir: netlink.XFRM_DIR_OUT, Src: prefix("::/0"), Dst: prefix("::/0"), Proto: unix.IPPROTO_ICMPV6, SrcPort: 135, Action: netlink.XFRM_POLICY_BLOCK, Priority: 5},
		{Dir: netlink.XFRM_DIR_OUT, Src: prefix("::/0"), Dst: prefix("::/0"), Proto: unix.IPPROTO_TCP, DstPort: 443, Priority: 1}, // lets pass what the next would not
		{Dir: netlink.XFRM_DIR_OUT, Src: prefix("::/0"), Dst: prefix("::/0"), Proto: unix.IPPROTO_TCP, Action: netlink.XFRM_POLICY_BLOCK, Priority: 9},
		{Dir: netlink.XFRM_DIR_OUT, Src: prefix("fd01::/64"), Dst: prefix("fd02::/64"), Action: netlink.XFRM_POLICY_BLOCK, Priority: 9},
		{Dir: netlink.XFRM_DIR_IN, Src: prefix("::/0"), Dst: prefix("::/0"), Tmpls: []netlink.XfrmPolicyTmpl{tunnel}, Priority: 9},
		{Dir: netlink.XFRM_DIR_FWD, Src: prefix("::/0"), Dst: prefix("::/0"), Action: netlink.XFRM_POLICY_BLOCK, Priority: 9},
	} {
		if err := netlink.XfrmPolicyAdd(&p); err != nil {
			t.Skipf("this kernel has no IPsec: %v", err)
		}
	}
	got := filtersOf(t, r)
	in := diag.Filter{
		Table: "ipsec", Chain: "policy in", Hook: "input", Verdict: "drop", Tool: diag.ToolIPsec,
		Rule:    "src ::/0 dst ::/0 dir in priority 9 tmpl proto esp, and there is no association",
		Matches: []string{"ra", "ns", "na", "redirect", "echo-request", "echo-reply", "unreachable", "packet-too-big", "time-exceeded", "parameter-problem", "mld", "dhcpv6", "udp", "tcp-syn", "tcp-synack"},
	}
	want := []diag.Filter{
		in,
		{
			Table: "ipsec", Chain: "policy out", Hook: "output", Verdict: "drop", Tool: diag.ToolIPsec, Matches: []string{"ns"},
			Rule: "src ::/0 dst ::/0 proto ipv6-icmp type 135 dir out priority 5 action block",
		},
		{
			Table: "ipsec", Chain: "policy out", Hook: "output", Verdict: "drop", Tool: diag.ToolIPsec, Matches: []string{},
			Partly: []string{"na", "echo-request", "udp"}, Rule: "src fd01::/64 dst fd02::/64 dir out priority 9 action block",
			Src: netip.MustParsePrefix("fd01::/64"), Dst: netip.MustParsePrefix("fd02::/64"),
		},
	}
	if diff := cmp.Diff(want, got, noHandles); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	// With an association it is for the other end to say what becomes of a packet.
	if err := netlink.XfrmStateAdd(&netlink.XfrmState{
		Src: tunnel.Src, Dst: tunnel.Dst, Proto: tunnel.Proto, Mode: tunnel.Mode, Reqid: tunnel.Reqid, Spi: 1,
		Auth: &netlink.XfrmStateAlgo{Name: "digest_null"}, Crypt: &netlink.XfrmStateAlgo{Name: "ecb(cipher_null)"},
	}); err != nil {
		t.Skipf("this kernel has no ESP: %v", err)
	}
	in.Gone = true
	if diff := cmp.Diff([]diag.Filter{in}, filtersOf(t, r), noHandles); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
