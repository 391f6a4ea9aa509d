package host

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// Pieces of rules, as nft makes them.

func icmpv6() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
	}
}

func typed(t byte) []expr.Any {
	return append(icmpv6(), &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{t}})
}

func out(name string) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: append([]byte(name), make([]byte, 16-len(name))...)},
	}
}

func inState(bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func from(addr []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 8, Len: uint32(len(addr))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr},
	}
}

func does(kind expr.VerdictKind, chain ...string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: strings.Join(chain, "")}}
}

// A wall builds a ruleset.
type wall struct {
	t *testing.T
	c *nftables.Conn
}

func newWall(t *testing.T) *wall {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	return &wall{t, c}
}

func (w *wall) table(family nftables.TableFamily, name string) *nftables.Table {
	return w.c.AddTable(&nftables.Table{Family: family, Name: name})
}

func (w *wall) base(table *nftables.Table, name string, hook *nftables.ChainHook, priority int32, drops bool, device string) *nftables.Chain {
	policy := nftables.ChainPolicyAccept
	if drops {
		policy = nftables.ChainPolicyDrop
	}
	return w.c.AddChain(&nftables.Chain{
		Name: name, Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: new(nftables.ChainPriority(priority)), Policy: &policy, Device: device,
	})
}

func (w *wall) rule(chain *nftables.Chain, parts ...[]expr.Any) {
	var exprs []expr.Any
	for _, p := range parts {
		exprs = append(exprs, p...)
	}
	w.c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: exprs})
}

func (w *wall) set(table *nftables.Table, verdicts map[byte]*expr.Verdict, types ...byte) *nftables.Set {
	w.t.Helper()
	set := &nftables.Set{Table: table, Anonymous: true, Constant: true, KeyType: nftables.TypeICMP6Type}
	var elements []nftables.SetElement
	for _, t := range types {
		elements = append(elements, nftables.SetElement{Key: []byte{t}})
	}
	if verdicts != nil {
		set.IsMap, set.DataType = true, nftables.TypeVerdict
		for t, v := range verdicts {
			elements = append(elements, nftables.SetElement{Key: []byte{t}, VerdictData: v})
		}
	}
	if err := w.c.AddSet(set, elements); err != nil {
		w.t.Fatal(err)
	}
	return set
}

func (w *wall) flush() {
	w.t.Helper()
	if err := w.c.Flush(); err != nil {
		w.t.Fatal(err)
	}
}

// filtersOf reads the filters and returns what it said, without handles: the kernel chooses them.
func filtersOf(t *testing.T, r *Reader) []diag.Filter {
	t.Helper()
	l := r.sink.(*log)
	l.bodies = nil
	r.readFilters(t.Context())
	for _, f := range of[diag.Feed](l.bodies) {
		if f.State != diag.Synced {
			t.Fatalf("%+v", f)
		}
	}
	return of[diag.Filter](l.bodies)
}

var (
	sameAddr  = cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})
	noHandles = cmp.Options{sameAddr, cmpopts.IgnoreFields(diag.Filter{}, "Handle", "Number")}
)

func TestFilters(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "w0")
	nstest.Veth(t, "eth1", "w1")
	var links []diag.Link
	for _, name := range []string{"eth0", "eth1"} {
		links = append(links, diag.Link{Interface: name, Index: nstest.Link(t, name).Attrs().Index})
	}
	r := New(&log{}, fstest.MapFS{}, links)
	if got := filtersOf(t, r); len(got) != 0 {
		t.Fatalf("without a rule: %+v", got)
	}

	w := newWall(t)
	inet := w.table(nftables.TableFamilyINet, "filter")
	input := w.base(inet, "input", nftables.ChainHookInput, 0, true, "")
	sub := w.c.AddChain(&nftables.Chain{Name: "icmp", Table: inet})
	w.rule(sub, icmpv6(), []expr.Any{in(w.set(inet, nil, 135, 134))}, does(expr.VerdictAccept))
	w.rule(sub, from([]byte{0xfe, 0x80}), typed(136), does(expr.VerdictDrop))
	w.rule(input, inState(ctEstablished|ctRelated), does(expr.VerdictAccept))
	w.rule(input, inState(ctInvalid), does(expr.VerdictDrop))
	w.rule(input, from([]byte{0x20, 0x01, 0x0d, 0xb8}), does(expr.VerdictDrop)) // says nothing of ICMPv6
	w.rule(input, icmpv6()[:2], does(expr.VerdictJump, "icmp"))
	w.rule(input, []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{6}}}, does(expr.VerdictAccept))

	output := w.base(inet, "output", nftables.ChainHookOutput, 0, false, "")
	w.c.AddRule(&nftables.Rule{
		Table: inet, Chain: output, UserData: userdata.AppendString(nil, userdata.TypeComment, "no questions\x1b"),
		Exprs: append(append(out("eth0"), typed(135)...), &expr.Counter{}, &expr.Log{Key: 1 << unix.NFTA_LOG_PREFIX, Data: []byte("ns ")}, &expr.Verdict{Kind: expr.VerdictDrop}),
	})
	w.rule(output, typed(128), []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: 5, Unit: expr.LimitTimeSecond, Over: true}}, does(expr.VerdictDrop))
	w.rule(output, typed(129), []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}})
	forward := w.base(inet, "forward", nftables.ChainHookForward, 0, true, "")
	w.rule(forward, typed(135), does(expr.VerdictDrop))

	ip6 := w.table(nftables.TableFamilyIPv6, "raw")
	pre := w.base(ip6, "pre", nftables.ChainHookPrerouting, -300, false, "")
	vmap := w.set(ip6, map[byte]*expr.Verdict{134: {Kind: expr.VerdictDrop}, 136: {Kind: expr.VerdictAccept}})
	l := in(vmap)
	l.IsDestRegSet = true
	w.rule(pre, icmpv6(), []expr.Any{l})
	w.rule(pre, icmpv6()[:2], []expr.Any{&expr.Fib{Register: 1, FlagSADDR: true, FlagIIF: true, ResultOIF: true}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: make([]byte, 4)}}, does(expr.VerdictDrop))

	netdev := w.table(nftables.TableFamilyNetdev, "n")
	w.base(netdev, "wire", nftables.ChainHookIngress, 0, true, "w0")
	egress := w.base(netdev, "egress", nftables.ChainHookEgress, 0, false, "eth1")
	w.rule(egress, typed(133), does(expr.VerdictDrop))
	w.flush()

	want := []diag.Filter{
		{
			Table: "inet filter", Chain: "input", Hook: "input", Verdict: "drop", Tool: "nft", Matches: []string{}, Partly: []string{"ns", "na"},
			Rule: "ip6 saddr 2001:db8::/32 drop", Src: netip.MustParsePrefix("2001:db8::/32"),
		},
		{Table: "inet filter", Chain: "input", Hook: "input", Rule: "policy drop", Verdict: "drop", Tool: "nft", Matches: []string{"na", "echo-request", "mld", "dhcpv6"}},
		{
			Table: "inet filter", Chain: "icmp", Hook: "input", Verdict: "drop", Tool: "nft", Matches: []string{}, Partly: []string{"na"},
			Rule: "ip6 saddr fe80::/16 icmpv6 type nd-neighbor-advert drop", Src: netip.MustParsePrefix("fe80::/16"),
		},
		{
			Table: "inet filter", Chain: "input", Hook: "input", Rule: "ct state invalid drop", Verdict: "drop", Tool: "nft",
			Matches: []string{}, Invalid: []string{"echo-reply", "udp", "tcp-synack"},
		},
		{
			Interface: "eth0", Table: "inet filter", Chain: "output", Hook: "output", Verdict: "drop", Tool: "nft", Matches: []string{"ns"},
			Rule: `oifname "eth0" icmpv6 type nd-neighbor-solicit counter log prefix "ns " drop comment "no questions\x1b"`,
		},
		{
			Table: "inet filter", Chain: "output", Hook: "output", Verdict: "drop", Tool: "nft", Matches: []string{}, Partly: []string{"echo-request"}, By: []string{"rate"},
			Rule: "icmpv6 type echo-request limit rate over 5/second drop",
		},
		{
			Table: "inet filter", Chain: "output", Hook: "output", Verdict: "reject", Tool: "nft", Matches: []string{"echo-reply"},
			Rule: "icmpv6 type echo-reply reject with icmpx admin-prohibited",
		},
		{Interface: "eth1", Table: "netdev n", Chain: "egress", Hook: "egress", Verdict: "drop", Tool: "nft", Matches: []string{"rs"}, Rule: "icmpv6 type nd-router-solicit drop"},
		{
			Table: "ip6 raw", Chain: "pre", Hook: "prerouting", Verdict: "drop", Tool: "nft", Matches: []string{"ra"},
			Rule: "icmpv6 type vmap { nd-router-advert : drop, nd-neighbor-advert : accept }",
		},
		{
			Table: "ip6 raw", Chain: "pre", Hook: "prerouting", Verdict: "drop", Tool: "nft", Matches: []string{}, Partly: []string{"ns", "echo-reply"},
			Rule: "meta l4proto ipv6-icmp [fib] meta l4proto 0 drop",
		},
	}
	got := filtersOf(t, r)
	if diff := cmp.Diff(want, got, noHandles); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	if got[1].Number != 0 || got[3].Number != 2 {
		t.Errorf("the policy is rule %d, and the third one %d", got[0].Number, got[3].Number)
	}
	for _, f := range got {
		if (f.Handle == 0) != (f.Rule == "policy drop") {
			t.Errorf("handle %d of %s", f.Handle, f.Rule)
		}
	}
	if got := filtersOf(t, r); len(got) != 0 {
		t.Errorf("nothing changed, and it said %+v", got)
	}

	// One rule less.
	rules, err := w.c.GetRules(inet, output)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.c.DelRule(rules[0]); err != nil {
		t.Fatal(err)
	}
	w.flush()
	gone, limited, rejected := want[4], want[5], want[6] // the next ones have other numbers now
	gone.Gone, limited.Gone, rejected.Gone = true, true, true
	if diff := cmp.Diff([]diag.Filter{gone, limited, rejected, want[5], want[6]}, filtersOf(t, r), noHandles); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func in(set *nftables.Set) *expr.Lookup {
	return &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID}
}

// A host firewall as distributions ship it lets through what the host needs: all that is to be said is
// that nobody can connect.
func TestFiltersOfAUsualFirewall(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "w0")
	w := newWall(t)
	inet := w.table(nftables.TableFamilyINet, "filter")
	input := w.base(inet, "input", nftables.ChainHookInput, 0, true, "")
	w.rule(input, inState(ctEstablished|ctRelated), does(expr.VerdictAccept))
	w.rule(input, []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte("lo\x00")}}, does(expr.VerdictAccept))
	w.rule(input, icmpv6()[:2], does(expr.VerdictAccept))
	w.rule(input, udpTo(546), does(expr.VerdictAccept))
	w.rule(input, []expr.Any{&expr.Reject{}})
	w.flush()
	r := New(&log{}, fstest.MapFS{}, []diag.Link{{Interface: "eth0", Index: nstest.Link(t, "eth0").Attrs().Index}})
	want := []diag.Filter{{Table: "inet filter", Chain: "input", Hook: "input", Rule: "reject with icmpv6 no-route", Verdict: "reject", Tool: "nft", Matches: []string{"tcp-syn"}, Invalid: []string{"udp", "tcp-synack"}}}
	if diff := cmp.Diff(want, filtersOf(t, r), noHandles); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func udpTo(port uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
	}
}

func TestFiltersUnreadable(t *testing.T) {
	var l log
	r := New(&l, fstest.MapFS{}, []diag.Link{eth0})
	r.filters.said = []diag.Filter{{Table: "inet filter", Rule: "policy drop"}}
	r.filtersUnreadable(fmt.Errorf("netlink: %w", unix.EPERM))
	want := []diag.Body{
		diag.Filter{Table: "inet filter", Rule: "policy drop", Gone: true},
		diag.Feed{
			Name: diag.FeedFilters, State: diag.Unavailable, Why: "nftables rules can only be read with CAP_NET_ADMIN",
			Fix: "sudo setcap cap_net_raw,cap_net_admin=p $(command -v ndwhy)",
		},
	}
	if diff := cmp.Diff(want, l.bodies, sameAddr); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if os.Geteuid() != 0 {
		var own log
		New(&own, fstest.MapFS{}, []diag.Link{eth0}).readFilters(t.Context())
		if diff := cmp.Diff(want[1:], own.bodies, sameAddr); diff != "" {
			t.Errorf("as an ordinary user (-want +got)\n%s", diff)
		}
	}
}

// What a rule does beside dropping all of a kind: it hands packets to a program, translates them, or spoils them.
func TestFiltersThatConcernSome(t *testing.T) {
	if !nstest.Enter(t) {
		return
	}
	nstest.Veth(t, "eth0", "w0")
	r := New(&log{}, fstest.MapFS{}, []diag.Link{{Interface: "eth0", Index: nstest.Link(t, "eth0").Attrs().Index}})
	w := newWall(t)
	table := w.table(nftables.TableFamilyIPv6, "t")
	other := netip.MustParseAddr("2001:db8::5")
	to := func(a netip.Addr) []expr.Any {
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 24, Len: 16}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: a.AsSlice()},
		}
	}
	tcp := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}}}
	output := w.base(table, "o", nftables.ChainHookOutput, 0, false, "")
	w.rule(output, to(other), does(expr.VerdictDrop))
	w.rule(output, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyLEN, Register: 1},
		&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpGt, Register: 1, Data: []byte{0, 0, 5, 0}},
	}, does(expr.VerdictDrop))
	w.rule(output, typed(128), []expr.Any{&expr.Target{Name: "NFQUEUE", Info: new(xt.Unknown(make([]byte, 8)))}})
	post := w.base(table, "p", nftables.ChainHookPostrouting, 0, false, "")
	w.rule(post, []expr.Any{
		&expr.Immediate{Register: 1, Data: []byte{64}},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 7, Len: 1},
	})
	nat := w.c.AddChain(&nftables.Chain{Name: "n", Table: table, Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest})
	w.rule(nat, tcp, []expr.Any{
		&expr.Immediate{Register: 1, Data: other.AsSlice()},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV6, RegAddrMin: 1},
	})
	w.flush()
	want := []diag.Filter{
		{
			Table: "ip6 t", Chain: "o", Hook: "output", Rule: "ip6 daddr 2001:db8::5 drop", Verdict: "drop", Tool: "nft", Matches: []string{},
			Partly: []string{"ns", "na", "echo-request", "udp", "tcp-syn"}, Dst: netip.PrefixFrom(other, 128),
		},
		{
			Table: "ip6 t", Chain: "o", Hook: "output", Rule: "meta length > 1280 drop", Verdict: "drop", Tool: "nft", Matches: []string{},
			Partly: []string{"ns", "na", "echo-request", "udp", "tcp-syn"}, By: []string{"length"},
		},
		{
			Table: "ip6 t", Chain: "o", Hook: "output", Rule: "icmpv6 type echo-request -j NFQUEUE", Verdict: "queue", Tool: "nft", Matches: []string{},
			Partly: []string{"echo-request"},
		},
		{
			Table: "ip6 t", Chain: "p", Hook: "postrouting", Rule: "payload set", Verdict: "hop-limit", Tool: "nft", Matches: []string{"rs", "ns", "na"},
		},
		{
			Table: "ip6 t", Chain: "n", Hook: "output", Rule: "meta l4proto tcp dnat to 2001:db8::5", Verdict: "translate", Tool: "nft", Matches: []string{},
			Partly: []string{"tcp-syn"}, To: other,
		},
	}
	if diff := cmp.Diff(want, filtersOf(t, r), noHandles); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
