package host

import (
	"bytes"
	"encoding/binary"
	"slices"

	"ndwhy/diag"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// The judge asks of every base chain what becomes of a neighbour discovery message or echo on an
// interface: it walks the rules with what is known of such a packet before it is sent. A condition
// that depends on more (addresses, sizes) is "perhaps", one that cannot be computed here "unclear".
// Reported is a rule that drops the message for certain, or perhaps, if it speaks of ICMPv6 itself;
// and a chain's policy where no rule before it lets the message pass. Where that is unclear nothing
// is claimed.

type answer int

const (
	no answer = iota
	yes
	perhaps
	unclear
)

// and is the answer for two conditions that must both hold.
func and(a, b answer) answer {
	if a == no || b == no {
		return no
	}
	return max(a, b)
}

func truth(b bool) answer {
	if b {
		return yes
	}
	return no
}

// A message is a packet as far as it is known before it is sent.
type message struct {
	frame    diag.FrameType
	icmp     byte   // its type; the code is 0
	ct       uint32 // conntrack state bit (linux/netfilter/nf_conntrack_common.h)
	hopLimit int    // -1: any
	in, out  bool   // where it can matter: arriving, leaving
}

// Conntrack state bits, the same in nf_tables and xt_conntrack.
const (
	ctInvalid     = 1 << 0
	ctEstablished = 1 << 1
	ctRelated     = 1 << 2
	ctNew         = 1 << 3
	ctUntracked   = 1 << 6
)

// messages are the frames that a host needs or is asked with. The kernel tracks no neighbour
// discovery (nf_conntrack_proto_icmpv6.c, noct_valid_new); an echo request opens a connection, and
// the reply belongs to it.
var messages = []message{
	{diag.RS, 133, ctUntracked, 255, false, true},
	{diag.RA, 134, ctUntracked, 255, true, false},
	{diag.NS, 135, ctUntracked, 255, true, true},
	{diag.NA, 136, ctUntracked, 255, true, true},
	{diag.EchoRequest, 128, ctNew, -1, true, true},
	{diag.EchoReply, 129, ctEstablished, -1, true, true},
	{diag.PacketTooBig, 2, ctRelated, -1, true, false},
}

// hookName names the hook of a base chain, and whether frames arrive there. Forward is none: what is
// forwarded is not this host's own.
func hookName(c *chain) (name string, in bool) {
	if c.family == unix.NFPROTO_NETDEV {
		switch c.hook {
		case unix.NF_NETDEV_INGRESS:
			return "ingress", true
		case unix.NF_NETDEV_EGRESS:
			return "egress", false
		}
		return "", false
	}
	switch c.hook {
	case unix.NF_INET_PRE_ROUTING:
		return "prerouting", true
	case unix.NF_INET_LOCAL_IN:
		return "input", true
	case unix.NF_INET_LOCAL_OUT:
		return "output", false
	case unix.NF_INET_POST_ROUTING:
		return "postrouting", false
	case nfInetIngress:
		return "ingress", true
	}
	return "", false
}

// judge returns the rules that stop messages on the given interfaces. One that says nothing about
// interfaces and does the same on each has no Interface.
func judge(rs *ruleset, links []diag.Link) []diag.Filter {
	type key struct {
		base, chain chainKey
		handle      uint64
	}
	type found struct {
		filter  diag.Filter
		by      map[string][]string // frame types by interface
		mention bool
	}
	var order []key
	all := map[key]*found{}
	for _, ck := range rs.order {
		c := rs.chains[ck]
		hook, in := hookName(c)
		if !c.base || hook == "" || c.kind == "nat" {
			continue // nat chains see what conntrack tracks, and are not for dropping
		}
		for _, l := range links {
			if !c.bound(l.Interface) || c.family == unix.NFPROTO_BRIDGE && l.Type != "bridge" {
				continue
			}
			for _, m := range messages {
				if in && !m.in || !in && !m.out {
					continue
				}
				w := &walk{rs: rs, base: c, hook: hook, in: in, link: l, message: m}
				for _, s := range w.stops() {
					k := key{ck, s.chain.chainKey, s.rule.handle}
					f := all[k]
					if f == nil {
						f = &found{by: map[string][]string{}, filter: diag.Filter{
							Table: families[c.family] + " " + clean(c.table), Chain: clean(s.chain.name), Hook: hook,
							Rule: "policy drop", Verdict: "drop", Handle: s.rule.handle,
						}, mention: len(c.devices) > 0}
						if s.rule.handle != 0 {
							text, mention := list(rs, s.chain, s.rule)
							f.filter.Rule, f.mention = text, f.mention || mention
							f.filter.Verdict = s.verdict
						}
						all[k] = f
						order = append(order, k)
					}
					f.by[l.Interface] = append(f.by[l.Interface], string(m.frame))
				}
			}
		}
	}
	var filters []diag.Filter
	for _, k := range order {
		f := all[k]
		same := len(f.by) == len(links) && !f.mention
		for _, l := range links {
			same = same && slices.Equal(f.by[l.Interface], f.by[links[0].Interface])
		}
		for _, l := range links {
			if len(f.by[l.Interface]) == 0 {
				continue
			}
			filter := f.filter
			filter.Matches = f.by[l.Interface]
			if !same {
				filter.Interface = l.Interface
			}
			filters = append(filters, filter)
			if same {
				break
			}
		}
	}
	return filters
}

// A stop is a rule that drops a message; rule is zero for the policy.
type stop struct {
	chain   *chain
	rule    rule
	verdict string
	certain bool
}

// A walk is one message's way through one base chain.
type walk struct {
	rs      *ruleset
	base    *chain
	hook    string
	in      bool
	link    diag.Link
	message message

	found []stop
	// left is whether the message is still there: yes at first, perhaps after a rule that may have
	// accepted it.
	left answer
}

const maxJumps = 16 // NFT_JUMP_STACK_SIZE

func (w *walk) stops() []stop {
	w.left = yes
	if over := w.chain(w.base, yes, 0); !over && w.base.drops {
		w.found = append(w.found, stop{chain: w.base, verdict: "drop", certain: w.left == yes})
	}
	// Where one is certain, what perhaps drops it too need not be named.
	if slices.ContainsFunc(w.found, func(s stop) bool { return s.certain }) {
		w.found = slices.DeleteFunc(w.found, func(s stop) bool { return !s.certain })
	}
	return w.found
}

// chain walks the rules of a chain that is entered under a condition. over means that the message's
// fate is settled, or that nothing more can be claimed.
func (w *walk) chain(c *chain, entered answer, depth int) (over bool) {
	if depth > maxJumps {
		return true
	}
	for _, r := range c.rules {
		m, verdict := w.rule(c, r)
		m = and(m, entered)
		if m == no || verdict.kind == nothing {
			continue
		}
		switch verdict.kind {
		case accepts:
			if m == yes || m == unclear || speaksOfICMP(r) {
				return true
			}
			w.left = max(w.left, perhaps)
		case drops:
			certain := m == yes && w.left == yes
			if m == yes || m == perhaps && speaksOfICMP(r) {
				w.found = append(w.found, stop{c, r, verdict.text, certain})
			}
			if m == yes {
				return true
			}
		case returns:
			switch m {
			case yes:
				return false
			case unclear:
				return true
			}
			entered = perhaps
		case jumps, goes:
			target := w.rs.chains[chainKey{c.family, c.table, verdict.text}]
			if target == nil {
				return true
			}
			over := w.chain(target, m, depth+1)
			if over && m != no {
				return true
			}
			if verdict.kind == goes && m == yes {
				return false
			}
		default: // queue, and what is not known
			if m == yes || m == unclear {
				return true
			}
			w.left = max(w.left, perhaps)
		}
	}
	return false
}

type verdictKind int

const (
	nothing verdictKind = iota
	accepts
	drops
	returns
	jumps
	goes
	other
)

type verdict struct {
	kind verdictKind
	text string // drop or reject; the chain of a jump
}

func verdictOf(v *expr.Verdict) verdict {
	switch v.Kind {
	case expr.VerdictAccept, expr.VerdictStop:
		return verdict{kind: accepts}
	case expr.VerdictDrop:
		return verdict{drops, "drop"}
	case expr.VerdictReturn:
		return verdict{kind: returns}
	case expr.VerdictJump:
		return verdict{jumps, v.Chain}
	case expr.VerdictGoto:
		return verdict{goes, v.Chain}
	case expr.VerdictContinue:
		return verdict{}
	}
	return verdict{kind: other}
}

// speaksOfICMP reports whether a rule has a condition on ICMPv6 itself.
func speaksOfICMP(r rule) bool {
	for i, e := range r.exprs {
		switch e := e.(type) {
		case *expr.Payload:
			if e.Base == expr.PayloadBaseTransportHeader && e.Offset < 2 {
				return true
			}
		case *expr.Meta:
			if e.Key == expr.MetaKeyL4PROTO && i+1 < len(r.exprs) {
				if c, ok := r.exprs[i+1].(*expr.Cmp); ok && c.Op == expr.CmpOpEq && bytes.Equal(c.Data, []byte{unix.IPPROTO_ICMPV6}) {
					return true
				}
			}
		case *expr.Match:
			if e.Name == "icmp6" {
				return true
			}
		}
	}
	return false
}

// A value is what a register holds.
type value struct {
	b     []byte
	known answer // yes; perhaps: not before the packet is there; unclear: not here
}

func have(b ...byte) value     { return value{b, yes} }
func native(n uint32) value    { return value{binary.NativeEndian.AppendUint32(nil, n), yes} }
func dependent(size int) value { return value{make([]byte, size), perhaps} }
func unknown() value           { return value{known: unclear} }

// ifname is an interface name as a register holds it.
func ifname(s string) value {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, s)
	return have(b...)
}

// rule judges whether a message matches the rule, and what the rule then does.
func (w *walk) rule(c *chain, r rule) (match answer, v verdict) {
	match = yes
	regs := map[uint32]value{}
	load := func(reg uint32) value {
		if v, ok := regs[reg]; ok {
			return v
		}
		return unknown()
	}
	for _, e := range r.exprs {
		holds := yes
		switch e := e.(type) {
		case *expr.Meta:
			if !e.SourceRegister {
				regs[e.Register] = w.meta(c, e.Key)
			}
		case *expr.Payload:
			if e.OperationType == expr.PayloadLoad {
				regs[e.DestRegister] = w.payload(e)
			}
		case *expr.Ct:
			if e.Register != 0 {
				var ok bool
				if regs[e.Register], ok = w.conntrack(e.Key); !ok {
					holds = no // no connection to ask about: the rule ends (nft_ct.c)
				}
			}
		case *expr.Exthdr:
			const present = 1 // NFT_EXTHDR_F_PRESENT
			switch {
			case e.DestRegister == 0:
			case e.Flags&present != 0:
				regs[e.DestRegister] = have(0)
			default:
				holds = no // these messages have no extension headers
			}
		case *expr.Immediate:
			regs[e.Register] = have(e.Data...)
		case *expr.Bitwise:
			regs[e.DestRegister] = mask(load(e.SourceRegister), e.Mask, e.Xor)
		case *expr.Cmp:
			holds = compare(load(e.Register), e.Op, e.Data)
		case *expr.Range:
			reg := load(e.Register)
			holds = and(compare(reg, expr.CmpOpGte, e.FromData), compare(reg, expr.CmpOpLte, e.ToData))
			if e.Op == expr.CmpOpNeq {
				holds = not(holds)
			}
		case *expr.Lookup:
			el, found := find(w.rs.sets[setKey{c.family, c.table, e.SetName}], load(e.SourceRegister))
			holds = found
			switch {
			case !e.IsDestRegSet && e.Invert:
				holds = not(found)
			case e.IsDestRegSet && e.DestRegister != unix.NFT_REG_VERDICT:
				regs[e.DestRegister] = unknown()
			case e.IsDestRegSet && found == yes && el.verdict != nil:
				v = verdictOf(el.verdict)
			case e.IsDestRegSet && found != no:
				return unclear, verdict{kind: other}
			}
		case *expr.Limit:
			holds = truth(!e.Over) // the rate is not reached
		case *expr.Counter, *expr.Log:
		case *expr.Objref:
			const counter, helper = 1, 3 // NFT_OBJECT_COUNTER, NFT_OBJECT_CT_HELPER
			if e.Type != counter && e.Type != helper {
				holds = unclear
			}
		case *expr.Match:
			holds = w.xtMatch(e)
		case *expr.Target:
			v = xtTarget(e.Name)
		case *expr.Reject:
			v = verdict{drops, "reject"}
		case *expr.Verdict:
			v = verdictOf(e)
		case opaque:
			switch e {
			case "notrack", "last", "dup": // statements without an effect here
			case "masq", "nat", "redir", "queue", "fwd", "synproxy", "tproxy", "flow_offload":
				v = verdict{kind: other}
			default:
				holds = unclear
			}
		default:
			holds = unclear
		}
		if match = and(match, holds); match == no {
			return no, verdict{}
		}
		if v.kind != nothing {
			return match, v
		}
	}
	return match, v
}

func not(a answer) answer {
	switch a {
	case yes:
		return no
	case no:
		return yes
	}
	return a
}

func (w *walk) meta(c *chain, key expr.MetaKey) value {
	here := func(arriving bool, v, absent value) value {
		if c.family == unix.NFPROTO_BRIDGE {
			return dependent(len(v.b)) // the port
		}
		if w.in == arriving {
			return v
		}
		return absent
	}
	switch key {
	case expr.MetaKeyNFPROTO:
		return have(unix.NFPROTO_IPV6)
	case expr.MetaKeyL4PROTO:
		return have(unix.IPPROTO_ICMPV6)
	case expr.MetaKeyPROTOCOL:
		return have(0x86, 0xdd)
	case expr.MetaKeyIIFNAME:
		return here(true, ifname(w.link.Interface), ifname(""))
	case expr.MetaKeyOIFNAME:
		return here(false, ifname(w.link.Interface), ifname(""))
	case expr.MetaKeyIIF:
		return here(true, native(uint32(w.link.Index)), native(0))
	case expr.MetaKeyOIF:
		return here(false, native(uint32(w.link.Index)), native(0))
	case expr.MetaKeyMARK:
		return native(0) // unless a rule before sets it
	case expr.MetaKeyPRANDOM, expr.MetaKeyCPU, expr.MetaKeyNFTRACE:
		return unknown()
	}
	return dependent(4)
}

// payload loads from the headers: an IPv6 header without extension headers, and ICMPv6.
func (w *walk) payload(e *expr.Payload) value {
	var header []value
	switch e.Base {
	case expr.PayloadBaseLLHeader:
		header = append(slices.Repeat([]value{dependent(1)}, 12), have(0x86), have(0xdd))
	case expr.PayloadBaseNetworkHeader:
		header = slices.Repeat([]value{dependent(1)}, 40)
		header[6] = have(unix.IPPROTO_ICMPV6)
		if w.message.hopLimit >= 0 {
			header[7] = have(byte(w.message.hopLimit))
		}
	case expr.PayloadBaseTransportHeader:
		header = []value{have(w.message.icmp), have(0)}
	default:
		return unknown()
	}
	if uint64(e.Offset)+uint64(e.Len) > uint64(len(header)) {
		return dependent(int(min(e.Len, 64)))
	}
	v := have()
	for _, h := range header[e.Offset : e.Offset+e.Len] {
		v.b = append(v.b, h.b...)
		v.known = max(v.known, h.known)
	}
	return v
}

// conntrack loads what is known of a message's connection; ok is false where it has none.
func (w *walk) conntrack(key expr.CtKey) (v value, ok bool) {
	state := w.state()
	if key == expr.CtKeySTATE {
		return native(state), true
	}
	if state&(ctUntracked|ctInvalid) != 0 {
		return v, false
	}
	switch key {
	case expr.CtKeySTATUS:
		const seenReply, confirmed = 1 << 1, 1 << 3
		if state == ctNew {
			return native(0), true
		}
		return native(seenReply | confirmed), true
	case expr.CtKeyMARK:
		return native(0), true
	}
	return dependent(4), true
}

// state is the conntrack state bit that a base chain sees: before conntrack (priority -200) nothing
// is tracked, which is called invalid.
func (w *walk) state() uint32 {
	const conntrack = -200 // NF_IP_PRI_CONNTRACK
	before := (w.hook == "prerouting" || w.hook == "output") && w.base.priority <= conntrack
	if before || w.hook == "ingress" || w.hook == "egress" || w.base.family == unix.NFPROTO_BRIDGE {
		return ctInvalid
	}
	return w.message.ct
}

func mask(v value, and, xor []byte) value {
	if v.known != yes || len(and) > len(v.b) {
		return value{make([]byte, len(and)), max(v.known, perhaps)}
	}
	b := bytes.Clone(v.b[:len(and)])
	for i := range b {
		b[i] &= and[i]
		if i < len(xor) {
			b[i] ^= xor[i]
		}
	}
	return have(b...)
}

// compare does as the kernel does: of a longer register as many bytes as the data has.
func compare(v value, op expr.CmpOp, data []byte) answer {
	if v.known != yes {
		return v.known
	}
	if len(data) > len(v.b) {
		return unclear
	}
	c := bytes.Compare(v.b[:len(data)], data)
	switch op {
	case expr.CmpOpEq:
		return truth(c == 0)
	case expr.CmpOpNeq:
		return truth(c != 0)
	case expr.CmpOpLt:
		return truth(c < 0)
	case expr.CmpOpLte:
		return truth(c <= 0)
	case expr.CmpOpGt:
		return truth(c > 0)
	case expr.CmpOpGte:
		return truth(c >= 0)
	}
	return unclear
}

// find looks a value up in a set. A nil set was not read.
func find(set []element, v value) (el element, found answer) {
	if v.known != yes && (set == nil || len(set) > 0 && len(set[0].key) == len(v.b)) {
		return el, v.known
	}
	if v.known != yes || set == nil {
		return el, unclear
	}
	// In an interval set every element opens or closes an interval, in any order.
	var best element
	var at bool
	intervals := slices.ContainsFunc(set, func(e element) bool { return e.closes })
	for _, e := range set {
		switch {
		case e.all:
			continue
		case len(e.key) != len(v.b):
			return el, unclear // a concatenation
		case e.end != nil:
			if bytes.Compare(e.key, v.b) <= 0 && bytes.Compare(v.b, e.end) <= 0 {
				return e, yes
			}
		case intervals:
			// On the same key an interval that opens follows the one that closes.
			if c := bytes.Compare(e.key, v.b); c <= 0 {
				d := bytes.Compare(e.key, best.key)
				if !at || d > 0 || d == 0 && best.closes {
					best, at = e, true
				}
			}
		case bytes.Equal(e.key, v.b):
			return e, yes
		}
	}
	if at && !best.closes {
		return best, yes
	}
	for _, e := range set {
		if e.all {
			return e, yes
		}
	}
	return el, no
}

// xtMatch judges the matches of ip6tables that say something about our messages (linux/netfilter,
// linux/netfilter_ipv6: struct ip6t_icmp, ip6t_hl_info, xt_conntrack_mtinfo, xt_mark_mtinfo1).
func (w *walk) xtMatch(e *expr.Match) answer {
	raw := []byte(nil)
	if u, ok := e.Info.(*xt.Unknown); ok {
		raw = *u
	}
	switch e.Name {
	case "comment", "limit":
		return yes
	case "tcp", "udp", "rt", "frag", "hbh", "dst", "ah", "mh":
		return no // headers that these messages do not have
	case "icmp6":
		if len(raw) < 4 {
			return unclear
		}
		const invert = 1
		hit := raw[0] == w.message.icmp && raw[1] == 0 // the lowest code
		return truth(hit != (raw[3]&invert != 0))
	case "hl":
		if len(raw) < 2 {
			return unclear
		}
		if w.message.hopLimit < 0 {
			return perhaps
		}
		n, limit := w.message.hopLimit, int(raw[1])
		return truth([]bool{n == limit, n != limit, n < limit, n > limit}[raw[0]&3])
	case "mark":
		if len(raw) < 9 {
			return unclear
		}
		return truth((binary.NativeEndian.Uint32(raw) == 0) != (raw[8] != 0))
	case "state":
		if len(raw) < 4 {
			return unclear
		}
		return truth(binary.NativeEndian.Uint32(raw)&w.state() != 0)
	case "conntrack":
		states, invert, ok := conntrackStates(e.Info)
		if !ok {
			return unclear
		}
		return truth((states&w.state() != 0) != invert)
	}
	return unclear
}

// conntrackStates reads a conntrack match that is about nothing but the state.
func conntrackStates(info xt.InfoAny) (states uint32, invert, ok bool) {
	var base xt.ConntrackMtinfoBase
	switch i := info.(type) {
	case *xt.ConntrackMtinfo1:
		base, states = i.ConntrackMtinfoBase, uint32(i.StateMask)
	case *xt.ConntrackMtinfo2:
		base, states = i.ConntrackMtinfoBase, uint32(i.StateMask)
	case *xt.ConntrackMtinfo3:
		base, states = i.ConntrackMtinfoBase, uint32(i.StateMask)
	}
	const about = uint16(xt.ConntrackState | xt.ConntrackStateAlias)
	return states, base.InvertFlags&uint16(xt.ConntrackState) != 0,
		base.MatchFlags&uint16(xt.ConntrackState) != 0 && base.MatchFlags&^about == 0
}

func xtTarget(target string) verdict {
	switch target {
	case "REJECT":
		return verdict{drops, "reject"}
	case "DROP":
		return verdict{drops, "drop"}
	case "ACCEPT":
		return verdict{kind: accepts}
	case "LOG", "NFLOG", "MARK", "CONNMARK", "TRACE", "CLASSIFY", "CHECKSUM", "AUDIT", "NOTRACK", "CT", "TCPMSS", "SECMARK", "CONNSECMARK":
		return verdict{}
	}
	return verdict{kind: other}
}
