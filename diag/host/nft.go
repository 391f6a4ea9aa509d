package host

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
)

// The rules are read with messages of our own and only their expressions decoded by
// google/nftables: its GetRules leaves out expressions that it does not know, and a rule without
// one of its conditions would seem to drop everything.

const (
	maxRules    = 20_000
	maxElements = 4096 // of one set
	nftTimeout  = 2 * time.Second
)

// Attributes that golang.org/x/sys does not name (linux/netfilter/nf_tables.h).
const (
	nftaHookDevs    = 4 // NFTA_HOOK_DEVS
	nftaDeviceName  = 1 // NFTA_DEVICE_NAME
	nftaDevicePref  = 2 // NFTA_DEVICE_PREFIX
	nftaElemKeyEnd  = 10
	nftElemCatchAll = 2
	nfInetIngress   = 5 // NF_INET_INGRESS
)

// families are the tables that IPv6 frames of this host pass.
var families = map[uint8]string{
	unix.NFPROTO_INET: "inet", unix.NFPROTO_IPV6: "ip6", unix.NFPROTO_NETDEV: "netdev", unix.NFPROTO_BRIDGE: "bridge",
}

// A ruleset is the packet-filter rules of one moment.
type ruleset struct {
	generation uint32
	chains     map[chainKey]*chain
	order      []chainKey // as the kernel lists them
	sets       map[setKey][]element
	legacy     bool // of x_tables
	marks      bool // some rule sets a packet's mark
	untracks   bool // some rule takes packets out of conntrack's hands
}

type chainKey struct {
	family      uint8
	table, name string
}

type setKey struct {
	family      uint8
	table, name string
}

type chain struct {
	chainKey
	base     bool
	kind     string // filter, nat, route
	hook     uint32
	priority int32
	drops    bool     // its policy
	devices  []string // of a base chain in netdev, or in inet's ingress; "eth*" is a prefix
	rules    []rule
}

type rule struct {
	handle  uint64
	exprs   []any // of expr, or opaque
	comment string
}

// opaque is an expression that is not known here.
type opaque string

// An element of a set or map.
type element struct {
	key, end []byte // end: of an interval with both ends
	closes   bool   // key is the first one after an interval
	all      bool   // the catch-all element
	verdict  *expr.Verdict
}

// readRuleset reads the rules of the four families, unless the ruleset's generation is the given
// one: then it returns nil. It needs CAP_NET_ADMIN in the network namespace.
func readRuleset(ctx context.Context, known uint32) (*ruleset, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("socket(NETLINK_NETFILTER): %w", errno(err))
	}
	defer c.Close()
	deadline, ok := ctx.Deadline()
	if limit := time.Now().Add(nftTimeout); !ok || limit.Before(deadline) {
		deadline = limit
	}
	if err := c.SetDeadline(deadline); err != nil {
		return nil, err
	}
	for range 3 {
		before, err := generation(c)
		if err != nil || known != 0 && before == known {
			return nil, err
		}
		rs, err := dump(c)
		if err != nil {
			return nil, err
		}
		after, err := generation(c)
		if err != nil {
			return nil, err
		}
		if rs.generation = after; before == after {
			return rs, nil
		}
	}
	return nil, errors.New("the rules change all the time")
}

func errno(err error) error {
	if n, ok := errors.AsType[unix.Errno](err); ok {
		return n
	}
	return err
}

func request(c *netlink.Conn, what uint16, family uint8, flags netlink.HeaderFlags, attrs []byte) ([]netlink.Message, error) {
	replies, err := c.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | what),
			Flags: netlink.Request | flags,
		},
		Data: append([]byte{family, unix.NFNETLINK_V0, 0, 0}, attrs...),
	})
	if err != nil {
		return nil, fmt.Errorf("netlink nf_tables request %d: %w", what, errno(err))
	}
	return replies, nil
}

// attributes decodes what follows the nfgenmsg header, in network byte order.
func attributes(m netlink.Message, each func(ad *netlink.AttributeDecoder)) error {
	if len(m.Data) < 4 {
		return errors.New("a netlink message without a header")
	}
	return nested(m.Data[4:], each)
}

func nested(b []byte, each func(ad *netlink.AttributeDecoder)) error {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		each(ad)
	}
	return ad.Err()
}

func generation(c *netlink.Conn) (id uint32, err error) {
	replies, err := request(c, unix.NFT_MSG_GETGEN, unix.NFPROTO_UNSPEC, 0, nil)
	if err != nil {
		return 0, err
	}
	for _, m := range replies {
		err = errors.Join(err, attributes(m, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == unix.NFTA_GEN_ID {
				id = ad.Uint32()
			}
		}))
	}
	return id, err
}

func dump(c *netlink.Conn) (*ruleset, error) {
	rs := &ruleset{chains: map[chainKey]*chain{}, sets: map[setKey][]element{}}
	wanted := map[setKey]bool{}
	rules := 0
	for _, family := range diag.SortedFunc(maps.Keys(families), cmp.Compare) {
		chains, err := request(c, unix.NFT_MSG_GETCHAIN, family, netlink.Dump, nil)
		if err != nil {
			return nil, err
		}
		for _, m := range chains {
			ch, err := decodeChain(m)
			if err != nil {
				return nil, err
			}
			rs.chains[ch.chainKey] = ch
			rs.order = append(rs.order, ch.chainKey)
		}
		if len(chains) == 0 {
			continue
		}
		list, err := request(c, unix.NFT_MSG_GETRULE, family, netlink.Dump, nil)
		if err != nil {
			return nil, err
		}
		if rules += len(list); rules > maxRules {
			return nil, fmt.Errorf("more than %d rules", maxRules)
		}
		for _, m := range list {
			key, r, err := decodeRule(m)
			if err != nil {
				return nil, err
			}
			ch := rs.chains[key]
			if ch == nil {
				continue // made since the chains were listed: the generation shows it
			}
			ch.rules = append(ch.rules, r)
			rs.note(r)
			for _, e := range r.exprs {
				if l, ok := e.(*expr.Lookup); ok {
					wanted[setKey{key.family, key.table, l.SetName}] = true
				}
			}
		}
	}
	for key := range wanted {
		elements, err := decodeSet(c, key)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return nil, err
		}
		rs.sets[key] = elements
	}
	return rs, nil
}

// note takes what a rule does to others.
func (rs *ruleset) note(r rule) {
	for _, e := range r.exprs {
		switch e := e.(type) {
		case *expr.Meta:
			rs.marks = rs.marks || e.SourceRegister && e.Key == expr.MetaKeyMARK
		case *expr.Target:
			rs.marks = rs.marks || e.Name == "MARK" || e.Name == "CONNMARK"
			rs.untracks = rs.untracks || e.Name == "CT" || e.Name == "NOTRACK"
		case opaque:
			rs.untracks = rs.untracks || e == "notrack"
		}
	}
}

func decodeChain(m netlink.Message) (*chain, error) {
	ch := &chain{}
	var inner error
	err := attributes(m, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_CHAIN_NAME:
			ch.name = ad.String()
		case unix.NFTA_CHAIN_TABLE:
			ch.table = ad.String()
		case unix.NFTA_CHAIN_TYPE:
			ch.kind = ad.String()
		case unix.NFTA_CHAIN_POLICY:
			ch.drops = ad.Uint32() == 0 // NF_DROP
		case unix.NFTA_CHAIN_HOOK:
			ch.base = true
			inner = nested(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
				switch ad.Type() {
				case unix.NFTA_HOOK_HOOKNUM:
					ch.hook = ad.Uint32()
				case unix.NFTA_HOOK_PRIORITY:
					ch.priority = int32(ad.Uint32())
				case unix.NFTA_HOOK_DEV:
					ch.devices = append(ch.devices, ad.String())
				case nftaHookDevs:
					ch.devices = nil // NFTA_HOOK_DEV repeats the only one of them
					_ = nested(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
						switch ad.Type() {
						case nftaDeviceName:
							ch.devices = append(ch.devices, ad.String())
						case nftaDevicePref:
							ch.devices = append(ch.devices, ad.String()+"*")
						}
					})
				}
			})
		}
	})
	if len(m.Data) > 0 {
		ch.family = m.Data[0]
	}
	return ch, errors.Join(err, inner)
}

func decodeRule(m netlink.Message) (key chainKey, r rule, err error) {
	if len(m.Data) > 0 {
		key.family = m.Data[0]
	}
	err = attributes(m, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_RULE_TABLE:
			key.table = ad.String()
		case unix.NFTA_RULE_CHAIN:
			key.name = ad.String()
		case unix.NFTA_RULE_HANDLE:
			r.handle = ad.Uint64()
		case unix.NFTA_RULE_USERDATA:
			r.comment = comment(ad.Bytes())
		case unix.NFTA_RULE_EXPRESSIONS:
			_ = nested(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
				r.exprs = append(r.exprs, decodeExpr(key.family, ad.Bytes()))
			})
		}
	})
	return key, r, err
}

// comment reads the comment of a rule's user data, which the kernel keeps as whoever added the rule wrote it: type,
// length and value after one another.
func comment(b []byte) string {
	for len(b) >= 2 && int(b[1])+2 <= len(b) {
		if value := b[2 : 2+int(b[1])]; b[0] == byte(userdata.TypeComment) {
			return strings.TrimRight(string(value), "\x00")
		}
		b = b[2+int(b[1]):]
	}
	return ""
}

// makers are the expressions that the judge or the listing knows.
var makers = map[string]func() expr.Any{
	"meta": func() expr.Any { return &expr.Meta{} }, "payload": func() expr.Any { return &expr.Payload{} },
	"cmp": func() expr.Any { return &expr.Cmp{} }, "range": func() expr.Any { return &expr.Range{} },
	"bitwise": func() expr.Any { return &expr.Bitwise{} }, "lookup": func() expr.Any { return &expr.Lookup{} },
	"ct": func() expr.Any { return &expr.Ct{} }, "exthdr": func() expr.Any { return &expr.Exthdr{} },
	"immediate": func() expr.Any { return &expr.Immediate{} }, "limit": func() expr.Any { return &expr.Limit{} },
	"counter": func() expr.Any { return &expr.Counter{} }, "log": func() expr.Any { return &expr.Log{} },
	"reject": func() expr.Any { return &expr.Reject{} }, "match": func() expr.Any { return &expr.Match{} },
	"target": func() expr.Any { return &expr.Target{} }, "objref": func() expr.Any { return &expr.Objref{} },
	"nat": func() expr.Any { return &expr.NAT{} }, "redir": func() expr.Any { return &expr.Redir{} },
	"queue": func() expr.Any { return &expr.Queue{} }, "tproxy": func() expr.Any { return &expr.TProxy{} },
}

func decodeExpr(family uint8, b []byte) any {
	var name string
	var data []byte
	if err := nested(b, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_EXPR_NAME:
			name = ad.String()
		case unix.NFTA_EXPR_DATA:
			data = ad.Bytes()
		}
	}); err != nil {
		return opaque("?")
	}
	maker := makers[name]
	if maker == nil {
		return opaque(name)
	}
	if name == "bitwise" && shifts(data) {
		return opaque(name)
	}
	e := maker()
	if err := expr.Unmarshal(family, data, e); err != nil {
		return opaque(name)
	}
	if imm, ok := e.(*expr.Immediate); ok && imm.Register == unix.NFT_REG_VERDICT {
		v := &expr.Verdict{}
		if err := expr.Unmarshal(family, data, v); err != nil {
			return opaque(name)
		}
		return v
	}
	return e
}

// shifts reports whether a bitwise expression does anything but mask and xor (NFTA_BITWISE_OP),
// which google/nftables does not tell.
func shifts(data []byte) (yes bool) {
	const nftaBitwiseOp = 6
	err := nested(data, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == nftaBitwiseOp {
			yes = ad.Uint32() != 0
		}
	})
	return yes || err != nil
}

func decodeSet(c *netlink.Conn, key setKey) ([]element, error) {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: append([]byte(key.table), 0)},
		{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: append([]byte(key.name), 0)},
	})
	if err != nil {
		return nil, err
	}
	replies, err := request(c, unix.NFT_MSG_GETSETELEM, key.family, netlink.Dump, attrs)
	if err != nil {
		return nil, err
	}
	elements := []element{}
	for _, m := range replies {
		err := attributes(m, func(ad *netlink.AttributeDecoder) {
			if ad.Type() != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				return
			}
			_ = nested(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
				elements = append(elements, decodeElement(ad.Bytes()))
			})
		})
		if err != nil {
			return nil, err
		}
		if len(elements) > maxElements {
			return nil, nil // too long to be a set of message types: left unknown
		}
	}
	// The kernel lists a hash table as it lies; a rule must read the same every time.
	diag.SortFunc(elements, func(a, b element) int { return bytes.Compare(a.key, b.key) })
	return elements, nil
}

func decodeElement(b []byte) (e element) {
	value := func(b []byte) (v []byte) {
		_ = nested(b, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == unix.NFTA_DATA_VALUE {
				v = ad.Bytes()
			}
		})
		return v
	}
	_ = nested(b, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.NFTA_SET_ELEM_KEY:
			e.key = value(ad.Bytes())
		case nftaElemKeyEnd:
			e.end = value(ad.Bytes())
		case unix.NFTA_SET_ELEM_FLAGS:
			flags := ad.Uint32()
			e.closes = flags&unix.NFT_SET_ELEM_INTERVAL_END != 0
			e.all = flags&nftElemCatchAll != 0
		case unix.NFTA_SET_ELEM_DATA:
			_ = nested(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
				if ad.Type() != unix.NFTA_DATA_VERDICT {
					return
				}
				e.verdict = &expr.Verdict{}
				_ = nested(ad.Bytes(), func(ad *netlink.AttributeDecoder) {
					switch ad.Type() {
					case unix.NFTA_VERDICT_CODE:
						e.verdict.Kind = expr.VerdictKind(int32(ad.Uint32()))
					case unix.NFTA_VERDICT_CHAIN:
						e.verdict.Chain = ad.String()
					}
				})
			})
		}
	})
	return e
}

// bound reports whether a base chain with devices sees frames of an interface.
func (c *chain) bound(iface string) bool {
	if len(c.devices) == 0 {
		return true
	}
	for _, d := range c.devices {
		if prefix, ok := strings.CutSuffix(d, "*"); d == iface || ok && strings.HasPrefix(iface, prefix) {
			return true
		}
	}
	return false
}
