package host

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

const maxRuleText = 300

// An operand is what a register was loaded with, and how its values are written.
type operand struct {
	name   string
	format func([]byte) string
	mask   []byte
	data   []byte // where the rule itself has it
	// swapped: it was put into the network's byte order, to compare which is greater.
	swapped bool
}

// text writes a value of it.
func (o operand) text(b []byte) string {
	if o.swapped && len(b) == 4 {
		b = binary.NativeEndian.AppendUint32(nil, binary.BigEndian.Uint32(b))
	}
	return o.format(b)
}

// list writes a rule roughly as nft would list it, and says whether it speaks of interfaces.
// Conditions that only say "ICMPv6" are left out where there is one on its type, and likewise for the
// ports of TCP and UDP, as nft does.
// Counters have no numbers: a rule is the same rule after the next packet.
func list(rs *ruleset, c *chain, r rule) (text string, iface bool) {
	var (
		words []string
		regs  = map[uint32]operand{}
		typed = listsType(r)
		over  = carried(r)
	)
	load := func(reg uint32) operand {
		if o, ok := regs[reg]; ok {
			return o
		}
		return operand{name: "?", format: hexadecimal}
	}
	add := func(s ...string) { words = append(words, s...) }
	for _, e := range r.exprs {
		switch e := e.(type) {
		case *expr.Meta:
			if e.SourceRegister {
				add("meta set")
				continue
			}
			o := metaOperand(e.Key)
			iface = iface || strings.HasPrefix(o.name, "iif") || strings.HasPrefix(o.name, "oif")
			regs[e.Register] = o
		case *expr.Payload:
			if e.OperationType == expr.PayloadLoad {
				regs[e.DestRegister] = payloadOperand(e, over)
			} else {
				add("payload set")
			}
		case *expr.Ct:
			regs[e.Register] = operand{name: "ct " + ctKeys[e.Key], format: number}
			if e.Key == expr.CtKeySTATE {
				regs[e.Register] = operand{name: "ct state", format: states}
			}
		case *expr.Exthdr:
			regs[e.DestRegister] = operand{name: fmt.Sprintf("exthdr %d", e.Type), format: hexadecimal}
		case *expr.Immediate:
			regs[e.Register] = operand{name: hexadecimal(e.Data), format: hexadecimal, data: e.Data}
		case *expr.Bitwise:
			o := load(e.SourceRegister)
			o.mask = e.Mask
			regs[e.DestRegister] = o
		case *expr.Cmp:
			if o := load(e.Register); !typed || !implied(o, e) {
				add(comparison(o, e.Op, e.Data))
			}
		case *expr.Range:
			o := load(e.Register)
			add(o.name, strings.TrimLeft(operators[e.Op]+" ", " ")+o.text(e.FromData)+"-"+o.text(e.ToData))
		case *expr.Lookup:
			add(lookup(rs, c, load(e.SourceRegister), e))
		case *expr.Limit:
			add(limit(e))
		case *expr.Counter:
			add("counter")
		case *expr.Log:
			if prefix := strings.TrimRight(string(e.Data), "\x00"); prefix != "" {
				add("log prefix", strconv.Quote(prefix))
			} else {
				add("log")
			}
		case *expr.Reject:
			add(reject(e))
		case *expr.Match:
			add(match(e))
		case *expr.Target:
			add("-j " + e.Name + translated(e))
		case *expr.NAT:
			how := map[expr.NATType]string{expr.NATTypeSourceNAT: "snat", expr.NATTypeDestNAT: "dnat"}[e.Type]
			add(how, "to", place6(addressOf(load(e.RegAddrMin).data), load(e.RegProtoMin).data))
		case *expr.Redir:
			add("redirect to", place6(netip.Addr{}, load(e.RegisterProtoMin).data))
		case *expr.TProxy:
			add("tproxy to", place6(addressOf(load(e.RegAddr).data), load(e.RegPort).data))
		case *expr.Queue:
			add("queue num", strconv.Itoa(int(e.Num)))
		case *expr.Objref:
			add(e.Name)
		case *expr.Verdict:
			add(strings.TrimSpace(verdictNames[e.Kind] + " " + e.Chain))
		case opaque:
			if e != "byteorder" {
				add("[" + string(e) + "]")
				continue
			}
			for reg, o := range regs { // of which one, it does not say here: what was loaded last is compared next
				o.swapped = true
				regs[reg] = o
			}
		}
	}
	if r.comment != "" {
		add("comment", strconv.Quote(r.comment))
	}
	text = clean(strings.Join(words, " "))
	if len(text) > maxRuleText {
		text = strings.ToValidUTF8(text[:maxRuleText], "") + " …"
	}
	return text, iface
}

// listsType reports whether the ICMPv6 type stands in a rule, so that the protocol need not.
func listsType(r rule) bool {
	for _, e := range r.exprs {
		if m, ok := e.(*expr.Match); ok && m.Name == "icmp6" {
			return true
		}
		if p, ok := e.(*expr.Payload); ok && p.Base == expr.PayloadBaseTransportHeader {
			return true
		}
	}
	return false
}

// carried returns the protocol that a rule is about, 0 where it names none.
func carried(r rule) byte {
	for i, e := range r.exprs {
		if m, ok := e.(*expr.Meta); ok && m.Key == expr.MetaKeyL4PROTO && i+1 < len(r.exprs) {
			if c, ok := r.exprs[i+1].(*expr.Cmp); ok && c.Op == expr.CmpOpEq && len(c.Data) == 1 {
				return c.Data[0]
			}
		}
	}
	return 0
}

func implied(o operand, e *expr.Cmp) bool {
	return e.Op == expr.CmpOpEq && (o.name == "meta l4proto" ||
		o.name == "meta nfproto" || o.name == "ether type" || o.name == "meta protocol")
}

var operators = map[expr.CmpOp]string{
	expr.CmpOpEq: "", expr.CmpOpNeq: "!=", expr.CmpOpLt: "<", expr.CmpOpLte: "<=", expr.CmpOpGt: ">", expr.CmpOpGte: ">=",
}

func comparison(o operand, op expr.CmpOp, data []byte) string {
	zero := len(bytes.Trim(data, "\x00")) == 0
	text := o.text(data)
	switch {
	case o.mask == nil:
	case zero && o.name == "ct state":
		// nft writes a test for one bit of several as the list of them.
		text = o.format(o.mask)
		if op == expr.CmpOpEq {
			op = expr.CmpOpNeq
		} else {
			op = expr.CmpOpEq
		}
	case len(o.mask) == 16 && prefixLen(o.mask) >= 0:
		text += "/" + strconv.Itoa(prefixLen(o.mask))
	default:
		return strings.Join(strings.Fields(o.name+" & "+o.format(o.mask)+" "+operators[op]+" "+text), " ")
	}
	return strings.Join(strings.Fields(o.name+" "+operators[op]+" "+text), " ")
}

// prefixLen returns the length of a contiguous mask, -1 for another one.
func prefixLen(mask []byte) int {
	ones := 0
	for i, b := range mask {
		n := bits.LeadingZeros8(^b)
		ones += n
		if n < 8 {
			if b<<n != 0 || len(bytes.Trim(mask[i+1:], "\x00")) != 0 {
				return -1
			}
			break
		}
	}
	return ones
}

func lookup(rs *ruleset, c *chain, o operand, e *expr.Lookup) string {
	name := o.name
	if e.IsDestRegSet {
		name += " vmap"
	} else if e.Invert {
		name += " !="
	}
	if !strings.HasPrefix(e.SetName, "__") {
		return name + " @" + e.SetName
	}
	const most = 12
	var list []string
	for _, el := range rs.sets[setKey{c.family, c.table, e.SetName}] {
		if len(list) == most {
			list = append(list, "…")
			break
		}
		switch {
		case el.closes:
		case el.verdict != nil:
			list = append(list, o.format(el.key)+" : "+strings.TrimSpace(verdictNames[el.verdict.Kind]+" "+el.verdict.Chain))
		default:
			list = append(list, o.format(el.key))
		}
	}
	return name + " { " + strings.Join(list, ", ") + " }"
}

func limit(e *expr.Limit) string {
	unit := map[expr.LimitTime]string{1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}[e.Unit]
	over := ""
	if e.Over {
		over = "over "
	}
	return fmt.Sprintf("limit rate %s%d/%s", over, e.Rate, unit)
}

func reject(e *expr.Reject) string {
	var kind string
	var codes []string
	switch e.Type {
	case unix.NFT_REJECT_ICMP_UNREACH:
		kind, codes = "icmpv6", []string{"no-route", "admin-prohibited", "", "addr-unreachable", "", "policy-fail", "reject-route"}
	case unix.NFT_REJECT_ICMPX_UNREACH:
		kind, codes = "icmpx", []string{"no-route", "", "host-unreachable", "admin-prohibited"}
	}
	if int(e.Code) < len(codes) && codes[e.Code] != "" {
		return "reject with " + kind + " " + codes[e.Code]
	}
	return "reject" // port-unreachable is what nft does not write
}

// match writes a match of ip6tables-nft as ip6tables does.
func match(e *expr.Match) string {
	raw := []byte(nil)
	if u, ok := e.Info.(*xt.Unknown); ok {
		raw = *u
	}
	comment, _ := e.Info.(*xt.Comment)
	switch {
	case comment != nil:
		return "comment " + strconv.Quote(strings.TrimRight(string(*comment), "\x00"))
	case e.Name == "icmp6" && len(raw) >= 4:
		return "-m icmp6 " + map[bool]string{true: "! "}[raw[3]&1 != 0] + "--icmpv6-type " + icmpType(raw[:1])
	case e.Name == "tcp" || e.Name == "udp":
		return ports(e)
	case e.Name == "conntrack":
		if mask, invert, ok := conntrackStates(e.Info); ok {
			not := map[bool]string{true: "! "}[invert]
			return "-m conntrack " + not + "--ctstate " + strings.ToUpper(states(binary.NativeEndian.AppendUint32(nil, mask)))
		}
	}
	return "-m " + e.Name
}

// ports writes a match of ip6tables on TCP or UDP.
func ports(e *expr.Match) string {
	text := "-m " + e.Name
	add := func(option string, within [2]uint16, invert bool) {
		if within == [2]uint16{0, 0xffff} {
			return
		}
		text += map[bool]string{true: " !"}[invert] + " " + option + " " + strconv.Itoa(int(within[0]))
		if within[0] != within[1] {
			text += ":" + strconv.Itoa(int(within[1]))
		}
	}
	switch i := e.Info.(type) {
	case *xt.Tcp:
		add("--sport", i.SrcPorts, i.InvFlags&xt.TcpInvSrcPorts != 0)
		add("--dport", i.DstPorts, i.InvFlags&xt.TcpInvDestPorts != 0)
		if i.FlagsMask != 0 {
			text += fmt.Sprintf("%s --tcp-flags %#x %#x", map[bool]string{true: " !"}[i.InvFlags&xt.TcpInvFlags != 0], i.FlagsMask, i.FlagsCmp)
		}
	case *xt.Udp:
		add("--sport", i.SrcPorts, i.InvFlags&xt.UdpInvSrcPorts != 0)
		add("--dport", i.DstPorts, i.InvFlags&xt.UdpInvDestPorts != 0)
	}
	return text
}

var verdictNames = map[expr.VerdictKind]string{
	expr.VerdictAccept: "accept", expr.VerdictDrop: "drop", expr.VerdictReturn: "return", expr.VerdictJump: "jump",
	expr.VerdictGoto: "goto", expr.VerdictContinue: "continue", expr.VerdictQueue: "queue",
}

var ctKeys = map[expr.CtKey]string{
	expr.CtKeySTATE: "state", expr.CtKeyDIRECTION: "direction", expr.CtKeySTATUS: "status", expr.CtKeyMARK: "mark",
}

var metaOperands = map[expr.MetaKey]operand{
	expr.MetaKeyIIFNAME: {name: "iifname", format: quotedName}, expr.MetaKeyOIFNAME: {name: "oifname", format: quotedName},
	expr.MetaKeyIIF: {name: "iif", format: number}, expr.MetaKeyOIF: {name: "oif", format: number},
	expr.MetaKeyL4PROTO: {name: "meta l4proto", format: protocol},
	expr.MetaKeyNFPROTO: {name: "meta nfproto", format: func(b []byte) string {
		return map[string]string{"\x02": "ipv4", "\x0a": "ipv6"}[string(b)]
	}},
	expr.MetaKeyPROTOCOL: {name: "meta protocol", format: hexadecimal}, expr.MetaKeyMARK: {name: "meta mark", format: number},
	expr.MetaKeySKUID: {name: "meta skuid", format: number}, expr.MetaKeySKGID: {name: "meta skgid", format: number},
	expr.MetaKeyLEN: {name: "meta length", format: number}, expr.MetaKeyCGROUP: {name: "meta cgroup", format: number},
}

func metaOperand(key expr.MetaKey) operand {
	if o, known := metaOperands[key]; known {
		return o
	}
	return operand{name: fmt.Sprintf("meta %d", key), format: hexadecimal}
}

// payloadOperand names a field; over is the protocol that the rule is about.
func payloadOperand(e *expr.Payload, over byte) operand {
	type at struct{ base, offset, length uint32 }
	if name, ok := map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[over]; ok && e.Base == expr.PayloadBaseTransportHeader {
		switch {
		case e.Offset == 0 && e.Len == 2:
			return operand{name: name + " sport", format: port}
		case e.Offset == 2 && e.Len == 2:
			return operand{name: name + " dport", format: port}
		case e.Offset == 13 && e.Len == 1 && name == "tcp":
			return operand{name: "tcp flags", format: hexadecimal}
		}
	}
	fields := map[at]operand{
		{1, 6, 1}: {name: "ip6 nexthdr", format: protocol}, {1, 7, 1}: {name: "ip6 hoplimit", format: number},
		{1, 4, 2}: {name: "ip6 length", format: port},
		{2, 0, 1}: {name: "icmpv6 type", format: icmpType}, {2, 1, 1}: {name: "icmpv6 code", format: number},
		{0, 12, 2}: {name: "ether type", format: hexadecimal},
		{0, 0, 6}:  {name: "ether daddr", format: mac}, {0, 6, 6}: {name: "ether saddr", format: mac},
	}
	if o, ok := fields[at{uint32(e.Base), e.Offset, e.Len}]; ok {
		return o
	}
	// A prefix whose length is a whole number of bytes is loaded as that many bytes.
	if e.Base == expr.PayloadBaseNetworkHeader && e.Len <= 16 && (e.Offset == 8 || e.Offset == 24) {
		return operand{name: map[uint32]string{8: "ip6 saddr", 24: "ip6 daddr"}[e.Offset], format: address}
	}
	base := map[expr.PayloadBase]string{0: "ll", 1: "nh", 2: "th"}[e.Base]
	return operand{name: fmt.Sprintf("@%s,%d,%d", base, e.Offset*8, e.Len*8), format: hexadecimal}
}

func hexadecimal(b []byte) string { return "0x" + hex.EncodeToString(b) }

// number writes one byte, or a number in the machine's byte order.
func number(b []byte) string {
	switch len(b) {
	case 1:
		return strconv.Itoa(int(b[0]))
	case 4:
		return strconv.FormatUint(uint64(binary.NativeEndian.Uint32(b)), 10)
	}
	return hexadecimal(b)
}

func port(b []byte) string {
	if len(b) != 2 {
		return hexadecimal(b)
	}
	return strconv.Itoa(int(binary.BigEndian.Uint16(b)))
}

func quotedName(b []byte) string {
	s := string(bytes.TrimRight(b, "\x00"))
	if len(s) == len(b) && len(b) < unix.IFNAMSIZ {
		s += "*"
	}
	return strconv.Quote(s)
}

func address(b []byte) string {
	if len(b) > 16 {
		return hexadecimal(b)
	}
	var a [16]byte
	copy(a[:], b)
	s := netip.AddrFrom16(a).String()
	if len(b) < 16 {
		s += "/" + strconv.Itoa(8*len(b))
	}
	return s
}

func mac(b []byte) string {
	parts := make([]string, len(b))
	for i, c := range b {
		parts[i] = fmt.Sprintf("%02x", c)
	}
	return strings.Join(parts, ":")
}

func protocol(b []byte) string {
	if name, ok := map[string]string{"\x3a": "ipv6-icmp", "\x06": "tcp", "\x11": "udp"}[string(b)]; ok {
		return name
	}
	return number(b)
}

func icmpType(b []byte) string {
	names := map[string]string{
		"\x01": "destination-unreachable", "\x02": "packet-too-big", "\x03": "time-exceeded", "\x04": "parameter-problem",
		"\x80": "echo-request", "\x81": "echo-reply", "\x82": "mld-listener-query", "\x83": "mld-listener-report", "\x84": "mld-listener-done",
		"\x85": "nd-router-solicit", "\x86": "nd-router-advert", "\x87": "nd-neighbor-solicit", "\x88": "nd-neighbor-advert", "\x89": "nd-redirect",
		"\x8f": "mld2-listener-report",
	}
	if name, ok := names[string(b)]; ok {
		return name
	}
	return number(b)
}

func states(b []byte) string {
	if len(b) != 4 {
		return hexadecimal(b)
	}
	n := binary.NativeEndian.Uint32(b)
	var list []string
	for _, s := range []struct {
		bit  uint32
		name string
	}{{ctInvalid, "invalid"}, {ctEstablished, "established"}, {ctRelated, "related"}, {ctNew, "new"}, {ctUntracked, "untracked"}} {
		if n&s.bit != 0 {
			list = append(list, s.name)
		}
	}
	return strings.Join(list, ",")
}

// place6 writes an address and a port as nft does; "?" where the rule itself has neither.
func place6(a netip.Addr, port []byte) string {
	n := 0
	if len(port) == 2 {
		n = int(binary.BigEndian.Uint16(port))
	}
	switch {
	case a.IsValid() && n != 0:
		return netip.AddrPortFrom(a, uint16(n)).String()
	case a.IsValid():
		return a.String()
	case n != 0:
		return ":" + strconv.Itoa(n)
	default:
		return "?"
	}
}

// translated writes where a target of ip6tables translates to.
func translated(e *expr.Target) string {
	option := map[string]string{"DNAT": "--to-destination", "SNAT": "--to-source", "REDIRECT": "--to-ports", "NETMAP": "--to"}[e.Name]
	if option == "" {
		return ""
	}
	a, n := xtRange(e.Info)
	if e.Name == "REDIRECT" {
		return fmt.Sprintf(" %s %d", option, n)
	}
	return " " + option + " " + place6(a, binary.BigEndian.AppendUint16(nil, n))
}
