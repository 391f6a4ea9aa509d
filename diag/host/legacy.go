package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"strings"
	"unsafe"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// The rules of ip6tables-legacy (x_tables) stand beside those of nf_tables, and nothing that asks
// nf_tables shows them. They are read as ip6tables-legacy does, and put as the expressions that
// ip6tables-nft makes of the same rules.

// Of linux/netfilter_ipv6/ip6_tables.h and linux/netfilter/x_tables.h.
const (
	ip6tGetInfo    = 64 // IP6T_SO_GET_INFO
	ip6tGetEntries = 65 // IP6T_SO_GET_ENTRIES
	infoSize       = 84 // struct ip6t_getinfo
	entriesHeader  = 40 // struct ip6t_get_entries before its entries
	entrySize      = 168
	matchHeader    = 32 // struct xt_entry_match, or xt_entry_target, before its data
	hookCount      = 5

	flagProtocol, flagTOS, flagGoto = 1, 2, 4 // IP6T_F_*

	invertIn, invertOut, invertTOS, invertSrc, invertDst, invertProtocol = 1, 2, 4, 8, 16, 64 // IP6T_INV_*

	verdictReturn = -5 // XT_RETURN; others are -1 less the NF_* verdict
)

// legacyMax bounds the size of a table that is read, in bytes.
const legacyMax = 4 << 20

// legacyPriority are the tables and where they stand (linux/netfilter_ipv6.h).
var legacyPriority = map[string]int32{"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}

// legacyTables returns the tables of ip6tables-legacy that this namespace has. To ask for one that it
// has not would make it. ok is false where that may be read by nobody but root.
func (r *Reader) legacyTables() (names []string, ok bool) {
	const path = "proc/net/ip6_tables_names"
	if _, err := fs.Stat(r.root, path); err != nil {
		return nil, true // the kernel has no ip6_tables, or never loaded it
	}
	content, ok := r.content(path)
	if !ok {
		return nil, false
	}
	for name := range strings.FieldsSeq(content) {
		if _, known := legacyPriority[name]; known {
			names = append(names, name)
		}
	}
	return names, true
}

// readLegacy reads the tables of some names, unless their sum is the given one: then it returns nil. It
// needs CAP_NET_ADMIN in the network namespace.
func readLegacy(names []string, known uint64) (*ruleset, uint64, error) {
	rs := &ruleset{legacy: true, chains: map[chainKey]*chain{}}
	var sum maphash.Hash
	sum.SetSeed(legacySeed)
	for _, name := range names {
		info, entries, err := legacyTable(name)
		if err != nil {
			return nil, 0, err
		}
		sum.Write(info)
		sum.Write(entries)
		decodeLegacy(rs, name, info, entries)
	}
	if sum.Sum64() == known {
		rs = nil
	}
	return rs, sum.Sum64(), nil
}

var legacySeed = maphash.MakeSeed()

// legacyTable reads one table, with its counters at 0: info is a struct ip6t_getinfo.
func legacyTable(name string) (info, entries []byte, err error) {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("ip6tables-legacy: socket: %w", err)
	}
	defer unix.Close(fd)
	for range 3 {
		info = make([]byte, infoSize)
		copy(info, name)
		if err := getsockopt(fd, ip6tGetInfo, info); err != nil {
			return nil, nil, fmt.Errorf("ip6tables-legacy table %s: %w", name, err)
		}
		size := binary.NativeEndian.Uint32(info[80:])
		if size > legacyMax {
			return nil, nil, fmt.Errorf("ip6tables-legacy table %s has %d bytes", name, size)
		}
		entries = make([]byte, entriesHeader+size)
		copy(entries, name)
		binary.NativeEndian.PutUint32(entries[32:], size)
		err = getsockopt(fd, ip6tGetEntries, entries)
		if !errors.Is(err, unix.EAGAIN) { // it was changed between
			break
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ip6tables-legacy table %s: %w", name, err)
	}
	entries = entries[entriesHeader:]
	for _, e := range legacyEntries(entries) {
		clear(e.raw[152:entrySize])
	}
	return info, entries, nil
}

func getsockopt(fd int, option uintptr, b []byte) error {
	length := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_IPV6, option,
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&length)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// A legacyEntry is a struct ip6t_entry with its matches and target.
type legacyEntry struct {
	offset int
	raw    []byte
}

// legacyEntries cuts a table into its entries, and ends at the first malformed one.
func legacyEntries(b []byte) (list []legacyEntry) {
	for at := 0; len(b)-at >= entrySize; {
		target, next := int(binary.NativeEndian.Uint16(b[at+140:])), int(binary.NativeEndian.Uint16(b[at+142:]))
		if target < entrySize || next < target+matchHeader || next > len(b)-at {
			break
		}
		list = append(list, legacyEntry{at, b[at : at+next]})
		at += next
	}
	return list
}

// decodeLegacy adds the chains of a table to a ruleset. A rule's handle is its number in the chain, as
// `ip6tables-legacy -D CHAIN NUMBER` counts.
func decodeLegacy(rs *ruleset, table string, info, entries []byte) {
	starts, policies := map[int]*chain{}, map[int]bool{}
	add := func(c *chain) {
		c.chainKey = chainKey{unix.NFPROTO_IPV6, table, c.name}
		rs.chains[c.chainKey] = c
		rs.order = append(rs.order, c.chainKey)
	}
	kind := "filter"
	if table == "nat" {
		kind = "nat"
	}
	for hook, name := range []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"} {
		if binary.NativeEndian.Uint32(info[32:])&(1<<hook) != 0 {
			c := &chain{chainKey: chainKey{name: name}, base: true, kind: kind, hook: uint32(hook), priority: legacyPriority[table]}
			add(c)
			starts[int(binary.NativeEndian.Uint32(info[36+4*hook:]))] = c
			policies[int(binary.NativeEndian.Uint32(info[36+4*(hookCount+hook):]))] = true
		}
	}
	list := legacyEntries(entries)
	for i, e := range list {
		if name, ok := legacyHead(e); ok && i+1 < len(list) {
			c := &chain{chainKey: chainKey{name: name}}
			add(c)
			starts[list[i+1].offset] = c
		}
	}
	var c *chain
	for _, e := range list {
		if starts[e.offset] != nil {
			c = starts[e.offset]
		}
		switch _, head := legacyHead(e); {
		case head || c == nil:
			c = nil
		case policies[e.offset]:
			c.drops = legacyVerdict(e) == -1 // NF_DROP
			c = nil
		default:
			r := legacyRule(e, starts)
			r.handle = uint64(len(c.rules) + 1)
			c.rules = append(c.rules, r)
			rs.note(r)
		}
	}
}

func legacyTarget(e legacyEntry) []byte { return e.raw[binary.NativeEndian.Uint16(e.raw[140:]):] }

func legacyName(b []byte) string { return text(b[2:31]) }

// text is a string that ends at a NUL.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

// legacyHead returns the name of the chain that begins after an entry; at the end of a table it is
// "ERROR".
func legacyHead(e legacyEntry) (name string, ok bool) {
	t := legacyTarget(e)
	if legacyName(t) != "ERROR" {
		return "", false
	}
	return text(t[matchHeader:]), true
}

// legacyVerdict returns a standard target's verdict.
func legacyVerdict(e legacyEntry) int32 {
	if t := legacyTarget(e); legacyName(t) == "" && len(t) >= matchHeader+4 {
		return int32(binary.NativeEndian.Uint32(t[matchHeader:]))
	}
	return verdictReturn
}

func legacyRule(e legacyEntry, starts map[int]*chain) (r rule) {
	b := e.raw
	flags, inverted := b[131], b[132]
	equals := func(invert byte) expr.CmpOp {
		if inverted&invert != 0 {
			return expr.CmpOpNeq
		}
		return expr.CmpOpEq
	}
	add := func(list ...any) { r.exprs = append(r.exprs, list...) }
	address := func(at int, offset uint32, invert byte) {
		addr, mask := b[at:at+16], b[at+32:at+48]
		if prefixLen(mask) == 0 {
			return
		}
		add(&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 16})
		if prefixLen(mask) != 128 {
			add(&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 16, Mask: mask, Xor: make([]byte, 16)})
		}
		add(&expr.Cmp{Op: equals(invert), Register: 1, Data: addr})
	}
	address(0, 8, invertSrc)
	address(16, 24, invertDst)
	device := func(at int, key expr.MetaKey, invert byte) {
		if n := len(bytes.TrimRight(b[at+32:at+48], "\x00")); n > 0 {
			add(&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: equals(invert), Register: 1, Data: b[at : at+n]})
		}
	}
	device(64, expr.MetaKeyIIFNAME, invertIn)
	device(80, expr.MetaKeyOIFNAME, invertOut)
	if flags&flagProtocol != 0 && b[128] != 0 {
		add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: equals(invertProtocol), Register: 1, Data: b[128:129]})
	}
	if flags&flagTOS != 0 {
		add(opaque("tos"))
	}
	end := int(binary.NativeEndian.Uint16(b[140:]))
	for at := entrySize; at < end; {
		size := int(binary.NativeEndian.Uint16(b[at:]))
		if size < matchHeader || size > end-at {
			add(opaque("?"))
			break
		}
		name, revision := legacyName(b[at:]), b[at+31]
		info, err := xt.Unmarshal(name, unix.NFPROTO_IPV6, uint32(revision), b[at+matchHeader:at+size])
		if err != nil {
			add(opaque(name))
		} else {
			add(&expr.Match{Name: name, Rev: uint32(revision), Info: info})
		}
		at += size
	}
	t := legacyTarget(e)
	if name := legacyName(t); name != "" {
		info, err := xt.Unmarshal(name, unix.NFPROTO_IPV6, uint32(t[31]), t[matchHeader:])
		if err != nil {
			info = nil
		}
		add(&expr.Target{Name: name, Rev: uint32(t[31]), Info: info})
		return r
	}
	switch v := legacyVerdict(e); {
	case v == verdictReturn:
		add(&expr.Verdict{Kind: expr.VerdictReturn})
	case v == -1:
		add(&expr.Verdict{Kind: expr.VerdictDrop})
	case v == -2:
		add(&expr.Verdict{Kind: expr.VerdictAccept})
	case v < 0:
		add(&expr.Verdict{Kind: expr.VerdictQueue})
	case int(v) == e.offset+len(b): // no target at all: on to the next rule
	default:
		jump := &expr.Verdict{Kind: expr.VerdictJump}
		if flags&flagGoto != 0 {
			jump.Kind = expr.VerdictGoto
		}
		if c := starts[int(v)]; c != nil {
			jump.Chain = c.name
		}
		add(jump)
	}
	return r
}
