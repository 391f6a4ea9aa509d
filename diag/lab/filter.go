package lab

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// A Filter is a rule of a host's packet filter that drops ICMPv6 messages of one type, in a chain of
// its own; or such a chain that drops everything but what it lets pass.
type Filter struct {
	Table string // with its family, as nft writes it: "inet filter", "ip6 filter", "netdev agent"
	Chain string
	Hook  string // input, output, egress
	NIC   string // whose egress; of the family netdev alone
	Type  byte   // of the messages (RFC 4443, RFC 4861); 0: see Pass
	Above uint64 // only what is more than this in a second; 0: all
	// Opaque makes the rule depend on what nobody can tell by reading it: the CPU that runs it. Any does.
	Opaque bool
	Pass   []Pass
	// Reject refuses the TCP that the chain does not let pass, and lets all else pass; nil: it drops both.
	Reject *expr.Reject
	// Invalid: in place of all that, it drops what connection tracking takes for no part of a connection.
	Invalid bool
	// Untracks: in place of all that, it drops nothing, and takes what passes out of connection tracking's hands.
	Untracks bool
	// IPsec makes it a policy of IPsec that blocks messages of the type, in place of a rule of the packet filter.
	IPsec bool
	// To is whom alone it concerns, of what leaves; invalid: all.
	To netip.Addr
}

// Refusals, as who tries to connect is told of them.
var (
	byReset       = &expr.Reject{Type: unix.NFT_REJECT_TCP_RST}
	byUnreachable = &expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: 4} // the port (RFC 4443 §3.1)
)

// A Pass is packets that a chain lets pass: all that is named of it must be so. The zero value is what comes
// by the loopback interface.
type Pass struct {
	Tracked  bool   // connection tracking takes them for an answer, or for an error about something sent
	Type     byte   // ICMPv6 messages of this type
	HopLimit uint8  // of them
	ICMPv6   bool   // any ICMPv6
	UDP, TCP uint16 // to this port
}

// ICMPv6 message types that filters of scenarios drop or let pass.
const (
	packetTooBig          = 2
	echoRequest           = 128
	echoReply             = 129
	listenerReport        = 143
	routerAdvert          = 134
	neighbourSolicitation = 135
	neighbourAdvert       = 136
	redirectMessage       = 137
)

// Ports that hosts open, or ask.
const (
	toDHCPClient = 546
	toDHCPServer = 547
	toDNS        = 53
	toNTP        = 123
	ssh          = 22
)

var filterFamilies = map[string]nftables.TableFamily{
	"inet": nftables.TableFamilyINet, "ip6": nftables.TableFamilyIPv6, "netdev": nftables.TableFamilyNetdev,
}

var filterHooks = map[string]*nftables.ChainHook{
	"input": nftables.ChainHookInput, "output": nftables.ChainHookOutput, "egress": nftables.ChainHookEgress,
}

// filter installs a host's rules as nft or ip6tables-nft would, without either being there.
func (w *world) filter(host *Host) error {
	if len(host.Filters) == 0 {
		return nil
	}
	c, err := nftables.New(nftables.WithNetNSFd(int(w.namespaces[host.Name].Fd())))
	if err != nil {
		return fmt.Errorf("nf_tables: %w", err)
	}
	for _, f := range host.Filters {
		if f.IPsec {
			if err := w.block(host, f); err != nil {
				return err
			}
			continue
		}
		f.add(c)
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nf_tables: %w: this kernel does not take the packet-filter rules of the scenario", err)
	}
	return nil
}

// block installs a policy of IPsec.
func (w *world) block(host *Host, f Filter) error {
	handle, err := netlink.NewHandleAt(netns.NsHandle(w.namespaces[host.Name].Fd()), unix.NETLINK_XFRM)
	if err != nil {
		return fmt.Errorf("IPsec: %w", err)
	}
	defer handle.Close()
	to := net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	if f.To.IsValid() {
		to = net.IPNet{IP: f.To.AsSlice(), Mask: net.CIDRMask(128, 128)}
	}
	p := &netlink.XfrmPolicy{
		Dir: map[string]netlink.Dir{"input": netlink.XFRM_DIR_IN, "output": netlink.XFRM_DIR_OUT}[f.Hook], Action: netlink.XFRM_POLICY_BLOCK,
		Src: &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}, Dst: &to, Proto: unix.IPPROTO_ICMPV6, SrcPort: int(f.Type),
	}
	if err := handle.XfrmPolicyAdd(p); err != nil {
		return fmt.Errorf("IPsec: %w: this kernel does not take the policies of the scenario", err)
	}
	return nil
}

// add adds the table, the chain and the rules; what is there already stays.
func (f *Filter) add(c *nftables.Conn) {
	family, name, _ := strings.Cut(f.Table, " ")
	table := c.AddTable(&nftables.Table{Family: filterFamilies[family], Name: name})
	policy, priority := nftables.ChainPolicyAccept, nftables.ChainPriorityFilter
	if f.closed() {
		policy = nftables.ChainPolicyDrop
	}
	if f.Untracks {
		priority = nftables.ChainPriorityRaw
	}
	chain := c.AddChain(&nftables.Chain{
		Name: f.Chain, Table: table, Type: nftables.ChainTypeFilter, Hooknum: filterHooks[f.Hook],
		Priority: priority, Device: f.NIC, Policy: &policy,
	})
	rule := func(verdict expr.VerdictKind, exprs ...expr.Any) {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(exprs, &expr.Counter{}, &expr.Verdict{Kind: verdict})})
	}
	for _, p := range f.Pass {
		rule(expr.VerdictAccept, p.exprs()...)
	}
	if f.Reject != nil {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(meta(expr.MetaKeyL4PROTO, unix.IPPROTO_TCP), &expr.Counter{}, f.Reject)})
	}
	switch {
	case f.Untracks:
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Notrack{}}})
		return
	case f.Invalid:
		rule(expr.VerdictDrop, tracked(expr.CtStateBitINVALID)...)
		return
	case f.Type == 0:
		return
	}
	var exprs []expr.Any
	if family == "netdev" {
		exprs = meta(expr.MetaKeyPROTOCOL, unix.ETH_P_IPV6>>8, unix.ETH_P_IPV6&0xff)
	}
	if f.Opaque {
		exprs = append(exprs, &expr.Meta{Key: expr.MetaKeyCPU, Register: reg},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: []byte{0xff, 0xff, 0xff, 0xff}})
	}
	if f.To.IsValid() {
		const target = 24 // where it is in the header
		exprs = append(append(exprs, meta(expr.MetaKeyNFPROTO, unix.NFPROTO_IPV6)...), header(expr.PayloadBaseNetworkHeader, target, f.To.AsSlice()...)...)
	}
	exprs = append(exprs, icmpv6(f.Type)...)
	if f.Above > 0 {
		exprs = append(exprs, &expr.Limit{
			Type: expr.LimitTypePkts, Rate: f.Above, Unit: expr.LimitTimeSecond, Burst: uint32(f.Above), Over: true,
		})
	}
	rule(expr.VerdictDrop, exprs...)
}

// closed reports whether the chain drops everything but what it lets pass.
func (f *Filter) closed() bool { return f.Type == 0 && f.Reject == nil && !f.Invalid && !f.Untracks }

// reg is the register that conditions are computed in.
const reg = 1

// meta, header and icmpv6 are conditions: a property of the packet, bytes of a header, a type of message.
func meta(key expr.MetaKey, want ...byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: reg}, &expr.Cmp{Register: reg, Data: want}}
}

func header(base expr.PayloadBase, offset uint32, want ...byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: reg, Base: base, Offset: offset, Len: uint32(len(want))}, &expr.Cmp{Register: reg, Data: want},
	}
}

func icmpv6(typ byte) []expr.Any {
	return append(meta(expr.MetaKeyL4PROTO, unix.IPPROTO_ICMPV6), header(expr.PayloadBaseTransportHeader, 0, typ)...)
}

// tracked is the condition that connection tracking takes a packet for one of several states.
func tracked(states uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: reg},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Xor: make([]byte, 4), Mask: binaryutil.NativeEndian.PutUint32(states)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: make([]byte, 4)},
	}
}

// exprs are the conditions of what passes.
func (p Pass) exprs() (list []expr.Any) {
	const hopLimit, toPort = 7, 2 // where they are in their headers
	if p == (Pass{}) {
		return meta(expr.MetaKeyIIFNAME, []byte("lo\x00")...)
	}
	if p.Tracked {
		list = append(list, tracked(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)...)
	}
	if p.HopLimit > 0 {
		list = append(append(list, meta(expr.MetaKeyNFPROTO, unix.NFPROTO_IPV6)...), header(expr.PayloadBaseNetworkHeader, hopLimit, p.HopLimit)...)
	}
	if p.Type > 0 {
		list = append(list, icmpv6(p.Type)...)
	}
	if p.ICMPv6 {
		list = append(list, meta(expr.MetaKeyL4PROTO, unix.IPPROTO_ICMPV6)...)
	}
	for proto, port := range map[byte]uint16{unix.IPPROTO_UDP: p.UDP, unix.IPPROTO_TCP: p.TCP} {
		if port > 0 {
			list = append(append(list, meta(expr.MetaKeyL4PROTO, proto)...), header(expr.PayloadBaseTransportHeader, toPort, byte(port>>8), byte(port))...)
		}
	}
	return list
}
