package host

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
)

// The policies of IPsec (ip-xfrm(8)) drop packets as a filter does, and no listing of one shows them. The first that
// matches decides: it blocks, lets pass, or wants the packet in an association that there may not be. They are put as
// the expressions of a chain for each direction.

// maxPolicies bounds the policies that are judged.
const maxPolicies = 1024

// Of linux/xfrm.h: the directions of what this host receives and sends, and an action.
const policyIn, policyOut, policyBlock = 0, 1, 1

// A policy is one of IPsec.
type policy struct {
	nl.XfrmUserpolicyInfo
	templates []nl.XfrmUserTmpl // what it wants a packet in
	mark      [2]uint32         // value and mask
}

// readIPsec returns the policies that stop messages; nil where the kernel has no IPsec. It needs CAP_NET_ADMIN in the
// network namespace.
func readIPsec(links []diag.Link) ([]diag.Filter, error) {
	c, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("socket(NETLINK_XFRM): %w", errno(err))
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(nftTimeout)); err != nil {
		return nil, err
	}
	list, err := policies(c)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	keyed, err := associations(c)
	if err != nil {
		return nil, err
	}
	rs := &ruleset{chains: map[chainKey]*chain{}}
	texts := map[uint64]string{}
	for dir, hook := range map[uint8]uint32{policyIn: unix.NF_INET_LOCAL_IN, policyOut: unix.NF_INET_LOCAL_OUT} {
		ch := &chain{chainKey: chainKey{unix.NFPROTO_IPV6, "ipsec", directions[dir]}, base: true, kind: "filter", hook: hook}
		for _, p := range list {
			if p.Dir != dir {
				continue
			}
			r, text := p.rule(keyed)
			texts[r.handle] = text
			ch.rules = append(ch.rules, r)
		}
		rs.chains[ch.chainKey] = ch
		rs.order = append(rs.order, ch.chainKey)
	}
	filters := judge(rs, links)
	for i := range filters {
		f := &filters[i]
		f.Table, f.Chain, f.Tool, f.Rule, f.Number = "ipsec", "policy "+f.Chain, diag.ToolIPsec, texts[f.Handle], 0
	}
	diag.SortFunc(filters, func(a, b diag.Filter) int {
		return cmp.Or(strings.Compare(a.Chain, b.Chain), cmp.Compare(a.Handle, b.Handle), strings.Compare(a.Interface, b.Interface))
	})
	return filters, nil
}

var directions = map[uint8]string{policyIn: "in", policyOut: "out"}

func dumpIPsec(c *netlink.Conn, what netlink.HeaderType, each func(data []byte)) error {
	replies, err := c.Execute(netlink.Message{Header: netlink.Header{Type: what, Flags: netlink.Request | netlink.Dump}, Data: make([]byte, nl.SizeofXfrmUserpolicyInfo)})
	if err != nil {
		return fmt.Errorf("netlink xfrm request %d: %w", what, errno(err))
	}
	for _, m := range replies {
		each(m.Data)
	}
	return nil
}

// policies returns those that packets of this host's own meet, in the order in which the kernel tries them.
func policies(c *netlink.Conn) (list []policy, err error) {
	err = dumpIPsec(c, nl.XFRM_MSG_GETPOLICY, func(b []byte) {
		if len(b) < nl.SizeofXfrmUserpolicyInfo {
			return
		}
		p := policy{XfrmUserpolicyInfo: *nl.DeserializeXfrmUserpolicyInfo(b)}
		others := directions[p.Dir] == "" || p.Sel.Family != unix.AF_INET6
		_ = nested(b[nl.SizeofXfrmUserpolicyInfo:], func(ad *netlink.AttributeDecoder) {
			value := ad.Bytes()
			switch ad.Type() {
			case nl.XFRMA_TMPL:
				for ; len(value) >= nl.SizeofXfrmUserTmpl; value = value[nl.SizeofXfrmUserTmpl:] {
					p.templates = append(p.templates, *nl.DeserializeXfrmUserTmpl(value))
				}
			case nl.XFRMA_MARK:
				if len(value) >= nl.SizeofXfrmMark {
					m := nl.DeserializeXfrmMark(value)
					p.mark = [2]uint32{m.Value, m.Mask}
				}
			case nl.XFRMA_IF_ID, nl.XFRMA_POLICY_TYPE:
				others = others || slices.Max(append(value, 0)) > 0 // of an interface of IPsec's own; a sub-policy
			}
		})
		if !others {
			list = append(list, p)
		}
	})
	// Of the same priority the elder goes first (net/xfrm/xfrm_policy.c, xfrm_policy_insert_list).
	diag.SortFunc(list, func(a, b policy) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Index, b.Index))
	})
	return list[:min(len(list), maxPolicies)], err
}

// associations returns those that are agreed on: one that has no SPI waits to be.
func associations(c *netlink.Conn) (list []nl.XfrmUsersaInfo, err error) {
	err = dumpIPsec(c, nl.XFRM_MSG_GETSA, func(b []byte) {
		if len(b) < nl.SizeofXfrmUsersaInfo {
			return
		}
		if sa := *nl.DeserializeXfrmUsersaInfo(b); sa.Id.Spi != 0 {
			list = append(list, sa)
		}
	})
	return list, err
}

// wants returns the protocol of a template that no association is for; "" where there is one for each.
func (p policy) wants(keyed []nl.XfrmUsersaInfo) string {
	names := map[uint8]string{unix.IPPROTO_ESP: "esp", unix.IPPROTO_AH: "ah", unix.IPPROTO_COMP: "comp"}
	for _, t := range p.templates {
		to := netip.AddrFrom16(t.XfrmId.Daddr)
		if t.Optional == 0 && names[t.XfrmId.Proto] != "" && !slices.ContainsFunc(keyed, func(sa nl.XfrmUsersaInfo) bool {
			return sa.Id.Proto == t.XfrmId.Proto && (t.Reqid == 0 || sa.Reqid == t.Reqid) && (to.IsUnspecified() || netip.AddrFrom16(sa.Id.Daddr) == to)
		}) {
			return names[t.XfrmId.Proto]
		}
	}
	return ""
}

// rule puts a policy as a rule of a chain, and as `ip xfrm policy` writes it.
func (p policy) rule(keyed []nl.XfrmUsersaInfo) (r rule, text string) {
	r.handle = uint64(p.Index)
	var words []string
	say := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	compare := func(load expr.Any, mask, data []byte) {
		r.exprs = append(r.exprs, load, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask))},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data})
	}
	for _, side := range []struct {
		name   string
		addr   nl.XfrmAddress
		bits   uint8
		offset uint32
	}{{"src", p.Sel.Saddr, p.Sel.PrefixlenS, 8}, {"dst", p.Sel.Daddr, p.Sel.PrefixlenD, 24}} {
		prefix := netip.PrefixFrom(netip.AddrFrom16(side.addr), min(int(side.bits), 128)).Masked()
		say("%s %s", side.name, prefix)
		if prefix.Bits() > 0 {
			compare(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: side.offset, Len: 16},
				net.CIDRMask(prefix.Bits(), 128), prefix.Addr().AsSlice())
		}
	}
	icmp := p.Sel.Proto == unix.IPPROTO_ICMPV6
	if p.Sel.Proto != 0 {
		say("proto %s", protocol([]byte{p.Sel.Proto}))
		r.exprs = append(r.exprs, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{p.Sel.Proto}})
	}
	for i, port := range []struct {
		name, icmp     string
		number, within uint16
	}{{"sport", "type", p.Sel.Sport, p.Sel.SportMask}, {"dport", "code", p.Sel.Dport, p.Sel.DportMask}} {
		if port.within == 0 {
			continue
		}
		number, mask := binary.NativeEndian.AppendUint16(nil, port.number), binary.NativeEndian.AppendUint16(nil, port.within) // they are in network order
		at, name := 2*i, port.name
		if icmp { // type and code are in the ports' place, a byte each
			number, mask, at, name = number[1:], mask[1:], i, port.icmp
		}
		say("%s %d", name, binary.BigEndian.Uint16(slices.Concat(make([]byte, 2-len(number)), number)))
		compare(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: uint32(at), Len: uint32(len(mask))}, mask, number)
	}
	if p.Sel.Ifindex != 0 {
		say("dev %d", p.Sel.Ifindex)
		if p.Dir == policyOut {
			r.exprs = append(r.exprs, &expr.Meta{Key: expr.MetaKeyOIF, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, uint32(p.Sel.Ifindex))})
		} else {
			r.exprs = append(r.exprs, opaque("dev"))
		}
	}
	if p.mark[1] != 0 {
		say("mark %#x/%#x", p.mark[0], p.mark[1])
		compare(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, binary.NativeEndian.AppendUint32(nil, p.mark[1]), binary.NativeEndian.AppendUint32(nil, p.mark[0]))
	}
	say("dir %s", directions[p.Dir])
	if p.Priority != 0 {
		say("priority %d", p.Priority)
	}
	wants := p.wants(keyed)
	does := expr.VerdictAccept
	switch {
	case p.Action == policyBlock:
		say("action block")
		does = expr.VerdictDrop
	case wants != "":
		say("tmpl proto %s, and there is no association", wants)
		does = expr.VerdictDrop
	case len(p.templates) > 0:
		does = expr.VerdictQueue // it goes in an association, and what then becomes of it is not known here
	}
	r.exprs = append(r.exprs, &expr.Verdict{Kind: does})
	return r, clean(strings.Join(words, " "))
}
