package host

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"ndwhy/diag"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// The judge asks of every base chain what becomes of a message on an interface: it walks the rules
// with what is known of such a packet before it is sent. A condition that depends on more (addresses,
// sizes) is "perhaps", one that cannot be computed here "unclear". Reported is a rule that drops the
// message for certain, or perhaps, if it speaks of its protocol itself; and a chain's policy where no
// rule before it lets the message pass. Where that is unclear nothing is claimed.

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
	frame diag.FrameType
	in    bool   // it arrives; else it leaves
	ct    uint32 // conntrack state bit (linux/netfilter/nf_conntrack_common.h)

	hopLimit int          // 0: any
	src, dst netip.Prefix // what is known of its addresses; zero: nothing
	hbh      bool         // a hop-by-hop header comes first

	protocol     byte
	icmp         byte   // its type; the code is 0
	sport, dport uint16 // 0: any
	flags        byte   // of TCP
}

// Conntrack state bits of nf_tables. Those of xt_conntrack differ in untracked.
const (
	ctInvalid     = 1 << 0
	ctEstablished = 1 << 1
	ctRelated     = 1 << 2
	ctNew         = 1 << 3
	ctUntracked   = 1 << 6
	xtUntracked   = 1 << 8
)

// What is known of addresses (RFC 4861 §§4.1, 4.2, 4.5, RFC 3810 §5, RFC 8415 §7.1).
var (
	linkLocal  = netip.MustParsePrefix("fe80::/10")
	allRouters = netip.MustParsePrefix("ff02::2/128")
	mldRouters = netip.MustParsePrefix("ff02::16/128")
	dhcpAgents = netip.MustParsePrefix("ff02::1:2/128")
)

// messages are the frames that a host needs, answers or is asked with; what only routers take (RS) or
// send is none of it. The kernel tracks neither neighbour discovery nor MLD but for redirects, which
// are related to what they quote, as errors are (nf_conntrack_proto_icmpv6.c). An echo request opens a
// connection, and the reply belongs to it; a DHCPv6 server's answer does not belong to the question,
// which went to a group. Of TCP, what this host begins is what applications live by: a connection to HTTPS, from a
// port that no service has (RFC 6335 §6); of UDP a question to DNS.
var messages = func() (list []message) {
	const icmp, udp, tcp = unix.IPPROTO_ICMPV6, unix.IPPROTO_UDP, unix.IPPROTO_TCP
	const syn, ack = 0x02, 0x10
	const domain, https, ephemeral = 53, 443, 0xc000
	both := func(m message) {
		for _, m.in = range []bool{true, false} {
			list = append(list, m)
		}
	}
	list = append(list,
		message{frame: diag.RS, ct: ctUntracked, hopLimit: 255, dst: allRouters, protocol: icmp, icmp: 133},
		message{frame: diag.RA, in: true, ct: ctUntracked, hopLimit: 255, src: linkLocal, protocol: icmp, icmp: 134},
	)
	both(message{frame: diag.NS, ct: ctUntracked, hopLimit: 255, protocol: icmp, icmp: 135})
	both(message{frame: diag.NA, ct: ctUntracked, hopLimit: 255, protocol: icmp, icmp: 136})
	list = append(list, message{frame: diag.RedirectFrame, in: true, ct: ctRelated, hopLimit: 255, src: linkLocal, protocol: icmp, icmp: 137})
	both(message{frame: diag.EchoRequest, ct: ctNew, protocol: icmp, icmp: 128})
	both(message{frame: diag.EchoReply, ct: ctEstablished, protocol: icmp, icmp: 129})
	for i, frame := range []diag.FrameType{diag.Unreachable, diag.PacketTooBig, diag.TimeExceeded, diag.ParameterProblem} {
		both(message{frame: frame, ct: ctRelated, protocol: icmp, icmp: byte(i + 1)})
	}
	return append(list,
		message{frame: diag.MLD, in: true, ct: ctUntracked, hopLimit: 1, src: linkLocal, hbh: true, protocol: icmp, icmp: 130},
		message{frame: diag.MLD, ct: ctUntracked, hopLimit: 1, dst: mldRouters, hbh: true, protocol: icmp, icmp: 143},
		message{frame: diag.DHCPv6Frame, in: true, ct: ctNew, src: linkLocal, dst: linkLocal, protocol: udp, sport: 547, dport: 546},
		message{frame: diag.DHCPv6Frame, ct: ctNew, src: linkLocal, dst: dhcpAgents, protocol: udp, sport: 546, dport: 547},
		message{frame: diag.UDPFrame, ct: ctNew, protocol: udp, sport: ephemeral, dport: domain},
		message{frame: diag.UDPFrame, in: true, ct: ctEstablished, protocol: udp, sport: domain, dport: ephemeral},
		message{frame: diag.TCPSyn, in: true, ct: ctNew, protocol: tcp, flags: syn},
		message{frame: diag.TCPSyn, ct: ctNew, protocol: tcp, flags: syn, sport: ephemeral, dport: https},
		message{frame: diag.TCPSynAck, in: true, ct: ctEstablished, protocol: tcp, flags: syn | ack, sport: https, dport: ephemeral},
		message{frame: diag.TCPSynAck, ct: ctEstablished, protocol: tcp, flags: syn | ack},
	)
}()

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
		by      map[string]*stopped
		mention bool
		decides []string
	}
	var order []key
	all := map[key]*found{}
	partial := map[uint64]bool{}
	note := func(base *chain, hook string, l diag.Link, s stop) *stopped {
		k := key{base.chainKey, s.chain.chainKey, s.rule.handle}
		f := all[k]
		if f == nil {
			f = &found{by: map[string]*stopped{}, filter: diag.Filter{
				Table: families[base.family] + " " + clean(base.table), Chain: clean(s.chain.name), Hook: hook,
				Rule: "policy drop", Verdict: "drop", Handle: s.rule.handle, Legacy: rs.legacy, Tool: rs.tool(s.chain),
			}, mention: len(base.devices) > 0}
			if s.rule.handle != 0 {
				text, mention := list(rs, s.chain, s.rule)
				f.filter.Rule, f.mention = text, f.mention || mention
				f.filter.Verdict, f.filter.To = s.verdict, s.to
				f.filter.Src, f.filter.Dst = spoken(s.rule)
				f.decides = decides(s.rule)
				f.filter.Number = 1 + slices.IndexFunc(s.chain.rules, func(r rule) bool { return r.handle == s.rule.handle })
			}
			all[k] = f
			order = append(order, k)
		}
		if f.by[l.Interface] == nil {
			f.by[l.Interface] = &stopped{}
		}
		return f.by[l.Interface]
	}
	for _, ck := range rs.order {
		c := rs.chains[ck]
		hook, in := hookName(c)
		if !c.base || hook == "" || c.kind == "nat" && in {
			continue // nat chains see what begins a connection: of an answer, nothing
		}
		for _, l := range links {
			if !c.bound(l.Interface) || c.family == unix.NFPROTO_BRIDGE && l.Type != "bridge" {
				continue
			}
			for _, m := range messages {
				if in != m.in || c.kind == "nat" && m.ct != ctNew {
					continue
				}
				w := walk{rs: rs, base: c, hook: hook, link: l, message: m}
				anyway, some := stops(w)
				for _, s := range anyway {
					by := note(c, hook, l, s)
					by.matches = append(by.matches, string(m.frame))
				}
				for _, s := range some {
					if !needed[part{m.frame, in}] || slices.ContainsFunc(anyway, s.same) {
						continue
					}
					if partial[s.rule.handle] = true; len(partial) > maxPartial {
						continue
					}
					by := note(c, hook, l, s)
					by.partly = append(by.partly, string(m.frame))
				}
				if !in || m.ct != ctEstablished {
					continue
				}
				w.ct = ctInvalid
				stopped, _ := w.stops()
				for _, s := range stopped {
					if !slices.ContainsFunc(anyway, s.same) {
						by := note(c, hook, l, s)
						by.invalid = append(by.invalid, string(m.frame))
					}
				}
			}
		}
	}
	var filters []diag.Filter
	for _, k := range order {
		f := all[k]
		same := len(f.by) == len(links) && !f.mention
		for _, l := range links {
			same = same && f.by[l.Interface].same(f.by[links[0].Interface])
		}
		for _, l := range links {
			by := f.by[l.Interface]
			if by == nil {
				continue
			}
			filter := f.filter
			filter.Matches, filter.Invalid, filter.Partly = by.matches, by.invalid, by.partly
			if len(by.partly) > 0 {
				filter.By = f.decides
			}
			if filter.Matches == nil {
				filter.Matches = []string{}
			}
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

// maxPartial bounds the rules of which only that is said that they concern some messages.
const maxPartial = 64

// A part is a frame type in one direction.
type part struct {
	frame diag.FrameType
	in    bool
}

// needed are what this host's own questions and its answers to neighbours live by.
var needed = map[part]bool{
	{diag.NS, false}: true, {diag.NA, true}: true, {diag.NS, true}: true, {diag.NA, false}: true, {diag.RA, true}: true,
	{diag.EchoRequest, false}: true, {diag.EchoReply, true}: true, {diag.TCPSyn, false}: true, {diag.TCPSynAck, true}: true,
	{diag.UDPFrame, false}: true, {diag.UDPFrame, true}: true,
}

// A stop is a rule that drops a message; rule is zero for the policy.
type stop struct {
	chain   *chain
	rule    rule
	verdict string
	certain bool
	to      netip.Addr // of what translates
}

func (s stop) same(o stop) bool { return s.chain == o.chain && s.rule.handle == o.rule.handle }

// stopped are the frame types that a rule stops on an interface: in any case, answers that connection tracking
// takes for none, and those of which it stops some.
type stopped struct{ matches, invalid, partly []string }

func (s *stopped) same(o *stopped) bool {
	return slices.Equal(s.matches, o.matches) && slices.Equal(s.invalid, o.invalid) && slices.Equal(s.partly, o.partly)
}

// A walk is one message's way through one base chain.
type walk struct {
	rs   *ruleset
	base *chain
	hook string
	link diag.Link
	message

	found []stop
	some  []stop // what may stop it
	// dim is set once it is unclear whether the message is still there: what comes is then noted as what may stop it.
	dim bool
	// left is whether the message is still there: yes at first, perhaps after a rule that may have
	// accepted it.
	left  answer
	mark  value
	steps int
}

const (
	maxJumps = 16 // NFT_JUMP_STACK_SIZE
	// maxSteps bounds the rules that one walk meets: chains that jump to one another may make of a few
	// rules many.
	maxSteps = maxRules
)

// stops returns what stops a message on its walk, and what may.
func stops(w walk) (found, some []stop) {
	found, some = w.stops()
	if len(found) > 0 && w.rs.untracks && w.ct != ctUntracked {
		// Somewhere packets are taken out of conntrack's hands: it must be so for those too.
		w.ct = ctUntracked
		too, _ := w.stops()
		found = slices.DeleteFunc(found, func(s stop) bool {
			if slices.ContainsFunc(too, s.same) {
				return false
			}
			some = append(some, s)
			return true
		})
	}
	return found, some
}

func (w walk) stops() (found, some []stop) {
	w.left, w.mark = yes, native(0)
	if w.rs.marks {
		w.mark = dependent(4)
	}
	if over := w.walk(w.base, yes, 0); !over && w.base.drops {
		w.stop(stop{chain: w.base, verdict: "drop", certain: w.left == yes}, true)
	}
	// Where one is certain, what perhaps drops it too need not be named. Of TCP the port is not known:
	// only what stops every one of them stops it.
	certain := func(s stop) bool { return s.certain }
	if w.protocol == unix.IPPROTO_TCP || slices.ContainsFunc(w.found, certain) {
		w.found = slices.DeleteFunc(w.found, func(s stop) bool {
			if !s.certain {
				w.some = append(w.some, s)
			}
			return !s.certain
		})
	}
	return w.found, w.some
}

// stop notes what stops the message, or only may.
func (w *walk) stop(s stop, does bool) {
	list := &w.some
	if does && !w.dim {
		list = &w.found
	}
	*list = append(*list, s)
}

// walk goes through the rules of a chain that is entered under a condition. over means that the
// message's fate is settled, or that nothing more can be claimed.
func (w *walk) walk(c *chain, entered answer, depth int) (over bool) {
	if depth > maxJumps {
		return true
	}
	for _, r := range c.rules {
		if w.steps++; w.steps > maxSteps {
			return true
		}
		m, verdict := w.rule(c, r, entered)
		if m == no || verdict.kind == nothing {
			continue
		}
		// A rule with a rate has two effects, by how many packets came before.
		sure := m == yes && !rated(r)
		switch verdict.kind {
		case accepts:
			switch {
			case sure:
				return true
			case m == unclear, m == yes, w.speaksOf(r):
				w.dim = true
			}
			w.left = max(w.left, perhaps)
		case drops:
			w.stop(stop{chain: c, rule: r, verdict: verdict.text, certain: sure && w.left == yes}, sure || m == perhaps && w.speaksOf(r) && !rated(r))
			if sure {
				return true
			}
		case returns:
			if sure {
				return false
			}
			w.dim = w.dim || m == unclear || m == yes
			entered = perhaps
		case jumps, goes:
			target := w.rs.chains[chainKey{c.family, c.table, verdict.text}]
			if target == nil {
				return true
			}
			dim := w.dim
			w.dim = dim || rated(r)
			over := w.walk(target, m, depth+1)
			if over && sure {
				return true
			}
			if rated(r) {
				w.dim = dim || over
			} else { // what became unclear in the chain stays so
				w.dim = w.dim || over
			}
			if verdict.kind == goes && sure {
				return false
			}
		default: // queue, translation, and what is not known
			if verdict.text != "" {
				w.stop(stop{chain: c, rule: r, verdict: verdict.text, to: verdict.to}, false)
			}
			if sure {
				return true
			}
			w.dim = w.dim || m == unclear || m == yes
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
	text string     // what is done with the packet (diag.Filter.Verdict), if it is said; the chain of a jump
	to   netip.Addr // the address that it is given
}

// rated reports whether a rule has a condition on how many packets came before.
func rated(r rule) bool {
	return slices.ContainsFunc(r.exprs, func(e any) bool {
		switch e := e.(type) {
		case *expr.Limit:
			return true
		case *expr.Match:
			return e.Name == "limit"
		default:
			return false
		}
	})
}

// What a rule decides by, beside a packet's kind and addresses: by the keys and names of its conditions.
var (
	decidesByMeta = map[expr.MetaKey]string{
		expr.MetaKeyLEN: "length", expr.MetaKeySKUID: "user", expr.MetaKeySKGID: "group", expr.MetaKeyCGROUP: "cgroup", expr.MetaKeyPRANDOM: "chance",
	}
	decidesByName = map[string]string{
		"length": "length", "owner": "user", "cgroup": "cgroup", "socket": "cgroup", "dscp": "class", "tos": "class",
		"hl": "hops", "multiport": "port", "limit": "rate", "hashlimit": "rate", "connlimit": "count", "quota": "quota", "statistic": "chance", "numgen": "chance",
	}
)

// decides lists what a rule decides by.
func decides(r rule) (list []string) {
	for _, e := range r.exprs {
		by := ""
		switch e := e.(type) {
		case *expr.Meta:
			if !e.SourceRegister {
				by = decidesByMeta[e.Key]
			}
		case *expr.Payload:
			if e.Base == expr.PayloadBaseNetworkHeader && e.OperationType == expr.PayloadLoad {
				switch {
				case e.Offset < 4:
					by = "class"
				case e.Offset == 4:
					by = "length"
				case e.Offset == hopLimitAt && e.Len == 1:
					by = "hops"
				}
			} else if e.Base == expr.PayloadBaseTransportHeader && e.OperationType == expr.PayloadLoad && e.Offset < portsEnd && e.Len >= 2 {
				by = "port"
			}
		case *expr.Limit:
			by = "rate"
		case *expr.Match:
			if by = decidesByName[e.Name]; portsOf(e) {
				by = "port"
			}
		case opaque:
			by = decidesByName[string(e)]
		}
		if by != "" && !slices.Contains(list, by) {
			list = append(list, by)
		}
	}
	return list
}

// Where the hop limit stands in an IPv6 header, and where the ports end in one of TCP or UDP.
const hopLimitAt, portsEnd = 7, 4

// portsOf reports whether a match of ip6tables has a condition on ports.
func portsOf(e *expr.Match) bool {
	all := [2]uint16{0, 65535}
	switch i := e.Info.(type) {
	case *xt.Tcp:
		return i.SrcPorts != all || i.DstPorts != all
	case *xt.Udp:
		return i.SrcPorts != all || i.DstPorts != all
	default:
		return false
	}
}

func verdictOf(v *expr.Verdict) verdict {
	switch v.Kind {
	case expr.VerdictAccept, expr.VerdictStop:
		return verdict{kind: accepts}
	case expr.VerdictDrop:
		return verdict{kind: drops, text: "drop"}
	case expr.VerdictReturn:
		return verdict{kind: returns}
	case expr.VerdictJump:
		return verdict{kind: jumps, text: v.Chain}
	case expr.VerdictGoto:
		return verdict{kind: goes, text: v.Chain}
	case expr.VerdictContinue:
		return verdict{}
	}
	return verdict{kind: other}
}

// speaksOf reports whether a rule has a condition on the message's protocol itself.
func (w *walk) speaksOf(r rule) bool {
	matches := map[byte]string{unix.IPPROTO_ICMPV6: "icmp6", unix.IPPROTO_UDP: "udp", unix.IPPROTO_TCP: "tcp"}
	fields := map[byte]uint32{unix.IPPROTO_ICMPV6: 2, unix.IPPROTO_UDP: 4, unix.IPPROTO_TCP: 14} // type and code; ports; and flags
	for i, e := range r.exprs {
		switch e := e.(type) {
		case *expr.Payload:
			if e.Base == expr.PayloadBaseTransportHeader && e.Offset < fields[w.protocol] {
				return true
			}
		case *expr.Meta:
			if e.Key == expr.MetaKeyL4PROTO && i+1 < len(r.exprs) {
				if c, ok := r.exprs[i+1].(*expr.Cmp); ok && c.Op == expr.CmpOpEq && bytes.Equal(c.Data, []byte{w.protocol}) {
					return true
				}
			}
		case *expr.Match:
			if e.Name == matches[w.protocol] {
				return true
			}
		}
	}
	return false
}

// A value is what a register holds, as far as it is known: b where the bits of mask are set.
type value struct {
	b, mask []byte
	known   answer // yes: all of it; perhaps: the rest not before the packet is there; unclear: nothing here
}

func have(b ...byte) value     { return value{b, bytes.Repeat([]byte{0xff}, len(b)), yes} }
func native(n uint32) value    { return have(binary.NativeEndian.AppendUint32(nil, n)...) }
func dependent(size int) value { return value{make([]byte, size), make([]byte, size), perhaps} }
func unknown() value           { return value{known: unclear} }

// partly is a value of which some bits are known.
func partly(b, mask []byte) value {
	v := value{b, mask, yes}
	for _, m := range mask {
		if m != 0xff {
			v.known = perhaps
		}
	}
	return v
}

// bounds are the least and the greatest that a value can be in its first n bytes.
func (v value) bounds(n int) (low, high []byte) {
	low, high = make([]byte, n), make([]byte, n)
	for i := range n {
		low[i], high[i] = v.b[i]&v.mask[i], v.b[i]|^v.mask[i]
	}
	return low, high
}

// ifname is an interface name as a register holds it.
func ifname(s string) value {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, s)
	return have(b...)
}

// rule judges whether a message that comes under a condition matches the rule, and what the rule then
// does.
func (w *walk) rule(c *chain, r rule, entered answer) (match answer, v verdict) {
	match = entered
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
			switch {
			case !e.SourceRegister:
				regs[e.Register] = w.meta(c, e.Key)
			case e.Key == expr.MetaKeyMARK:
				w.setMark(match, load(e.Register))
			}
		case *expr.Payload:
			if e.OperationType == expr.PayloadLoad {
				regs[e.DestRegister] = w.payload(e)
			} else if hops, ok := written(load(e.SourceRegister), e); ok {
				v = w.hops(hops)
			}
		case *expr.Ct:
			if e.Register != 0 {
				var ok bool
				if regs[e.Register], ok = w.conntrack(e.Key); !ok {
					holds = no // no connection to ask about: the rule ends (nft_ct.c)
				}
			}
		case *expr.Exthdr:
			if e.DestRegister != 0 {
				var ok bool
				if regs[e.DestRegister], ok = w.extension(e); !ok {
					holds = no // there is none
				}
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
			if e.Over {
				holds = perhaps
			}
		case *expr.Counter, *expr.Log:
		case *expr.Objref:
			const counter, helper = 1, 3 // NFT_OBJECT_COUNTER, NFT_OBJECT_CT_HELPER
			if e.Type != counter && e.Type != helper {
				holds = unclear
			}
		case *expr.Match:
			holds = w.xtMatch(e)
		case *expr.Target:
			v = w.xtTarget(e, match)
		case *expr.Reject:
			v = verdict{kind: drops, text: "reject"}
		case *expr.Verdict:
			v = verdictOf(e)
		case *expr.Queue:
			v = verdict{kind: other, text: "queue"}
		case *expr.NAT:
			v = verdict{kind: other, text: "translate", to: addressOf(load(e.RegAddrMin).b)}
		case *expr.Redir, *expr.TProxy:
			v = verdict{kind: other, text: "translate"}
		case opaque:
			switch e {
			case "notrack", "last", "dup": // statements without an effect here
			case "masq", "fwd", "synproxy", "flow_offload":
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
		return have(w.protocol)
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
		return w.mark
	case expr.MetaKeyPRANDOM, expr.MetaKeyCPU, expr.MetaKeyNFTRACE:
		return unknown()
	}
	return dependent(4)
}

// setMark takes a new packet mark, of a rule that matches as m says.
func (w *walk) setMark(m answer, v value) {
	if m != yes || len(v.b) != 4 {
		v = dependent(4)
	}
	w.mark = v
}

// payload loads from the headers: Ethernet, IPv6, and what this packet carries.
func (w *walk) payload(e *expr.Payload) value {
	var b, mask []byte
	set := func(at int, known ...byte) {
		copy(b[at:], known)
		for i := range known {
			mask[at+i] = 0xff
		}
	}
	room := func(n int) { b, mask = make([]byte, n), make([]byte, n) }
	switch e.Base {
	case expr.PayloadBaseLLHeader:
		room(14)
		set(12, 0x86, 0xdd)
	case expr.PayloadBaseNetworkHeader:
		room(40)
		b[0], mask[0] = 0x60, 0xf0
		set(6, w.protocol)
		if w.hbh {
			set(6, unix.IPPROTO_HOPOPTS)
		}
		if w.hopLimit > 0 {
			set(7, byte(w.hopLimit))
		}
		for at, p := range map[int]netip.Prefix{8: w.src, 24: w.dst} {
			if p.IsValid() {
				copy(b[at:], p.Addr().AsSlice())
				copy(mask[at:], net.CIDRMask(p.Bits(), 128))
			}
		}
	case expr.PayloadBaseTransportHeader:
		room(20)
		switch w.protocol {
		case unix.IPPROTO_ICMPV6:
			set(0, w.icmp, 0)
		case unix.IPPROTO_UDP:
			set(0, byte(w.sport>>8), byte(w.sport), byte(w.dport>>8), byte(w.dport))
		case unix.IPPROTO_TCP:
			for at, port := range map[int]uint16{0: w.sport, 2: w.dport} {
				if port > 0 {
					set(at, byte(port>>8), byte(port))
				}
			}
			set(13, w.flags)
		}
	default:
		return unknown()
	}
	if uint64(e.Offset)+uint64(e.Len) > uint64(len(b)) {
		return dependent(int(min(e.Len, 64)))
	}
	return partly(b[e.Offset:e.Offset+e.Len], mask[e.Offset:e.Offset+e.Len])
}

// extension loads from an extension header or a TCP option; ok is false where there is none.
func (w *walk) extension(e *expr.Exthdr) (v value, ok bool) {
	const present = 1 // NFT_EXTHDR_F_PRESENT
	switch {
	case e.Op == expr.ExthdrOpTcpopt && w.protocol == unix.IPPROTO_TCP:
		return dependent(int(min(e.Len, 64))), true
	case e.Op == expr.ExthdrOpIpv6 && e.Type == unix.IPPROTO_HOPOPTS && w.hbh:
		if e.Flags&present != 0 {
			return have(1), true
		}
		return dependent(int(min(e.Len, 64))), true
	case e.Flags&present != 0:
		return have(0), true
	}
	return v, false
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
	return w.ct
}

func mask(v value, and, xor []byte) value {
	if v.known == unclear || len(and) > len(v.b) {
		return value{make([]byte, len(and)), make([]byte, len(and)), max(v.known, perhaps)}
	}
	b, known := bytes.Clone(v.b[:len(and)]), bytes.Clone(v.mask[:len(and)])
	for i := range b {
		b[i] &= and[i]
		known[i] |= ^and[i]
		if i < len(xor) {
			b[i] ^= xor[i]
		}
	}
	return partly(b, known)
}

// compare does as the kernel does: of a longer register as many bytes as the data has.
func compare(v value, op expr.CmpOp, data []byte) answer {
	if v.known == unclear || len(data) > len(v.b) {
		if v.known == perhaps {
			return perhaps
		}
		return unclear
	}
	low, high := v.bounds(len(data))
	least, most := bytes.Compare(low, data), bytes.Compare(high, data)
	either := func(always, never bool) answer {
		switch {
		case always:
			return yes
		case never:
			return no
		}
		return perhaps
	}
	differs := false
	for i, d := range data {
		differs = differs || (v.b[i]^d)&v.mask[i] != 0
	}
	switch op {
	case expr.CmpOpEq:
		return either(least == 0 && most == 0, differs)
	case expr.CmpOpNeq:
		return either(differs, least == 0 && most == 0)
	case expr.CmpOpLt:
		return either(most < 0, least >= 0)
	case expr.CmpOpLte:
		return either(most <= 0, least > 0)
	case expr.CmpOpGt:
		return either(least > 0, most <= 0)
	case expr.CmpOpGte:
		return either(least >= 0, most < 0)
	}
	return unclear
}

// find looks a value up in a set. A nil set was not read.
func find(set []element, v value) (el element, found answer) {
	switch {
	case v.known == unclear, v.known == yes && set == nil:
		return el, unclear
	case set == nil:
		return el, perhaps
	}
	if slices.ContainsFunc(set, func(e element) bool { return !e.all && len(e.key) != len(v.b) }) {
		return el, unclear // a concatenation
	}
	low, high := v.bounds(len(v.b))
	i, intervals := place(set, low)
	switch {
	case v.known == yes:
	case intervals:
		// All that it can be may lie in one interval, or between two.
		if j, _ := place(set, high); i != j {
			return el, perhaps
		}
	case slices.ContainsFunc(set, func(e element) bool { return e.all || compare(v, expr.CmpOpEq, e.key) != no }):
		return el, perhaps
	}
	if i >= 0 && !set[i].closes {
		return set[i], yes
	}
	for _, e := range set {
		if e.all {
			return e, yes
		}
	}
	return el, no
}

// place returns the index of the element that holds a key, or after which it comes; -1 for none.
// intervals says that the set has such.
func place(set []element, key []byte) (at int, intervals bool) {
	at = -1
	// In an interval set every element opens or closes an interval, in any order.
	opens := slices.ContainsFunc(set, func(e element) bool { return e.closes })
	for i, e := range set {
		switch {
		case e.all:
		case e.end != nil:
			intervals = true
			if bytes.Compare(e.key, key) <= 0 && bytes.Compare(key, e.end) <= 0 {
				at = i
			}
		case opens:
			// On the same key an interval that opens follows the one that closes.
			if bytes.Compare(e.key, key) <= 0 {
				if at < 0 {
					at = i
				} else if d := bytes.Compare(e.key, set[at].key); d > 0 || d == 0 && set[at].closes {
					at = i
				}
			}
		case bytes.Equal(e.key, key):
			at = i
		}
	}
	return at, intervals || opens
}

// xtMatch judges the matches of ip6tables that say something about our messages (linux/netfilter,
// linux/netfilter_ipv6: struct ip6t_icmp, ip6t_hl_info, xt_conntrack_mtinfo, xt_mark_mtinfo1).
func (w *walk) xtMatch(e *expr.Match) answer {
	raw := []byte(nil)
	if u, ok := e.Info.(*xt.Unknown); ok {
		raw = *u
	}
	icmp, tcp, udp := w.protocol == unix.IPPROTO_ICMPV6, w.protocol == unix.IPPROTO_TCP, w.protocol == unix.IPPROTO_UDP
	switch e.Name {
	case "comment", "limit":
		return yes
	case "rt", "frag", "dst", "ah", "mh", "esp", "sctp", "dccp", "udplite":
		return no // headers that these messages do not have
	case "hbh":
		return and(truth(w.hbh), perhaps)
	case "mac", "length", "dscp", "iprange", "pkttype", "owner":
		return perhaps // it depends on the packet
	case "addrtype":
		return w.addrType(e.Info)
	case "multiport":
		return and(truth(tcp || udp), perhaps)
	case "tcp":
		info, ok := e.Info.(*xt.Tcp)
		if !ok || !tcp {
			return and(truth(tcp), unclear)
		}
		answer := and(w.port(w.sport, info.SrcPorts, info.InvFlags&xt.TcpInvSrcPorts != 0), w.port(w.dport, info.DstPorts, info.InvFlags&xt.TcpInvDestPorts != 0))
		answer = and(answer, truth((w.flags&info.FlagsMask == info.FlagsCmp) != (info.InvFlags&xt.TcpInvFlags != 0)))
		if info.Option != 0 {
			answer = and(answer, perhaps)
		}
		return answer
	case "udp":
		info, ok := e.Info.(*xt.Udp)
		if !ok || !udp {
			return and(truth(udp), unclear)
		}
		return and(w.port(w.sport, info.SrcPorts, info.InvFlags&xt.UdpInvSrcPorts != 0), w.port(w.dport, info.DstPorts, info.InvFlags&xt.UdpInvDestPorts != 0))
	case "icmp6":
		if len(raw) < 4 || !icmp {
			return and(truth(icmp), unclear)
		}
		const invert = 1
		hit := (raw[0] == w.icmp || raw[0] == 0xff) && raw[1] == 0 // the lowest code
		return truth(hit != (raw[3]&invert != 0))
	case "hl":
		if len(raw) < 2 {
			return unclear
		}
		op := []expr.CmpOp{expr.CmpOpEq, expr.CmpOpNeq, expr.CmpOpLt, expr.CmpOpGt}[raw[0]&3]
		return compare(w.payload(&expr.Payload{Base: expr.PayloadBaseNetworkHeader, Offset: 7, Len: 1}), op, raw[1:2])
	case "mark":
		if len(raw) < 9 {
			return unclear
		}
		op := expr.CmpOpEq
		if raw[8] != 0 {
			op = expr.CmpOpNeq
		}
		return compare(mask(w.mark, raw[4:8], nil), op, raw[:4])
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

// addrType judges a match on whether addresses are this host's own; what is sent to a group is not.
func (w *walk) addrType(info xt.InfoAny) answer {
	i, ok := info.(*xt.AddrTypeV1)
	const notSource, notDest = 1, 2 // XT_ADDRTYPE_INVERT_SOURCE, XT_ADDRTYPE_INVERT_DEST
	if !ok || i.Flags&^(notSource|notDest) != 0 {
		return unclear
	}
	own := func(types uint16, is answer, invert bool) answer {
		switch {
		case types == 0:
			return yes
		case types != uint16(xt.AddrTypeLocal):
			return unclear
		case invert:
			return not(is)
		}
		return is
	}
	// Discovery and MLD go to groups and may come from ::, as DHCPv6 goes to a group.
	from, to := truth(!w.in), truth(w.in)
	switch {
	case w.in && (w.hopLimit > 0 || w.protocol == unix.IPPROTO_UDP):
		to = perhaps
	case !w.in && w.hopLimit > 0:
		from = perhaps
	}
	return and(own(i.Source, from, i.Flags&notSource != 0), own(i.Dest, to, i.Flags&notDest != 0))
}

// port judges a range of ports.
func (w *walk) port(port uint16, within [2]uint16, invert bool) (a answer) {
	switch {
	case within[0] == 0 && within[1] == 0xffff:
		a = yes
	case port == 0:
		a = perhaps
	default:
		a = truth(within[0] <= port && port <= within[1])
	}
	if invert {
		a = not(a)
	}
	return a
}

// conntrackStates reads a conntrack match that is about nothing but the state; the bits are those of
// nf_tables.
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
	const same = ctInvalid | ctEstablished | ctRelated | ctNew // the others are NAT's
	untracked := states & xtUntracked
	if states &= same; untracked != 0 {
		states |= ctUntracked
	}
	return states, base.InvertFlags&uint16(xt.ConntrackState) != 0,
		base.MatchFlags&uint16(xt.ConntrackState) != 0 && base.MatchFlags&^about == 0
}

// xtTarget is what a target of ip6tables does to a message that matches as m says.
func (w *walk) xtTarget(e *expr.Target, m answer) verdict {
	switch e.Name {
	case "REJECT":
		return verdict{kind: drops, text: "reject"}
	case "DROP":
		return verdict{kind: drops, text: "drop"}
	case "ACCEPT":
		return verdict{kind: accepts}
	case "MARK", "CONNMARK":
		v := dependent(4)
		if u, ok := e.Info.(*xt.Unknown); ok && e.Name == "MARK" && e.Rev == 2 && len(*u) >= 8 {
			// struct xt_mark_tginfo2: mark and mask.
			keep := binary.NativeEndian.AppendUint32(nil, ^binary.NativeEndian.Uint32((*u)[4:]))
			v = mask(w.mark, keep, (*u)[:4])
		}
		w.setMark(m, v)
		return verdict{}
	case "HL":
		const set, add = 0, 1 // IP6T_HL_SET and IP6T_HL_INC, which stops at 255; the third takes away
		if u, ok := e.Info.(*xt.Unknown); ok && len(*u) >= 2 && (*u)[0] != add {
			if (*u)[0] != set {
				return w.hops(0)
			}
			return w.hops((*u)[1])
		}
		return verdict{}
	case "NFQUEUE":
		return verdict{kind: other, text: "queue"}
	case "DNAT", "SNAT", "NETMAP", "REDIRECT", "TPROXY":
		to, _ := xtRange(e.Info)
		return verdict{kind: other, text: "translate", to: to}
	case "SNPT", "DNPT":
		v := verdict{kind: other, text: "translate"}
		if u, ok := e.Info.(*xt.Unknown); ok && len(*u) >= 32 { // struct ip6t_npt_tginfo
			v.to = addressOf((*u)[16:32])
		}
		return v
	case "LOG", "NFLOG", "TRACE", "CLASSIFY", "CHECKSUM", "AUDIT", "NOTRACK", "CT", "TCPMSS", "SECMARK", "CONNSECMARK":
		return verdict{}
	}
	return verdict{kind: other}
}

// hops is what a rule does to a message by giving it a hop limit: neighbour discovery that has another than 255 is taken by
// nobody (RFC 4861 §7.1).
func (w *walk) hops(limit byte) verdict {
	if w.hopLimit != 255 || limit == 255 {
		return verdict{}
	}
	return verdict{kind: drops, text: "hop-limit"}
}

// written is the hop limit that a rule writes into a packet, where it writes one that is known.
func written(v value, e *expr.Payload) (limit byte, ok bool) {
	const at = 7 // in the header
	i := at - int(e.Offset)
	if e.Base != expr.PayloadBaseNetworkHeader || i < 0 || i >= int(e.Len) || i >= len(v.mask) || v.mask[i] != 0xff {
		return 0, false
	}
	return v.b[i], true
}

// spoken are the prefixes that a rule says a packet's addresses are in, where it says one.
func spoken(r rule) (src, dst netip.Prefix) {
	sides := map[uint32]*netip.Prefix{8: &src, 24: &dst} // by their place in the header
	var side *netip.Prefix
	bits := 128
	for _, e := range r.exprs {
		switch e := e.(type) {
		case *expr.Payload:
			side, bits = nil, 8*int(e.Len)
			if e.Base == expr.PayloadBaseNetworkHeader && e.Len <= 16 {
				side = sides[e.Offset]
			}
		case *expr.Bitwise:
			bits = prefixLen(e.Mask)
		case *expr.Cmp:
			if side != nil && e.Op == expr.CmpOpEq && bits <= 128 {
				var a [16]byte
				copy(a[:], e.Data)
				*side = netip.PrefixFrom(netip.AddrFrom16(a), bits).Masked()
			}
			side = nil
		default:
			side = nil
		}
	}
	return src, dst
}

// xtRange is where a target of ip6tables translates to: the first address and port of a struct nf_nat_range.
func xtRange(info xt.InfoAny) (to netip.Addr, port uint16) {
	switch i := info.(type) {
	case *xt.NatRange:
		return addressOf(i.MinIP), i.MinPort
	case *xt.NatRange2:
		return addressOf(i.MinIP), i.MinPort
	case *xt.Unknown:
		if raw := []byte(*i); len(raw) >= 40 {
			return addressOf(raw[4:20]), binary.BigEndian.Uint16(raw[36:])
		}
	}
	return to, 0
}

// addressOf is an address other than ::, which says none.
func addressOf(b []byte) netip.Addr {
	a, ok := netip.AddrFromSlice(b)
	if !ok || !a.Is6() || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
