package host

import (
	"strings"
	"testing"
	"unicode"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"ndwhy/diag"
)

// attribute is a netlink attribute that holds others, or a value.
func attribute(kind uint16, value ...byte) []byte {
	n := len(value) + 4
	b := append([]byte{byte(n), byte(n >> 8), byte(kind), byte(kind >> 8)}, value...)
	return append(b, make([]byte, (4-n%4)%4)...)
}

// FuzzDump: whatever a dump of the packet filter's rules holds, it is read, judged and listed as one printable line.
func FuzzDump(f *testing.F) {
	header := []byte{unix.NFPROTO_IPV6, 0, 0, 0}
	text := func(kind uint16, s string) []byte { return attribute(kind, append([]byte(s), 0)...) }
	base := append(append(append([]byte{}, header...), text(unix.NFTA_CHAIN_TABLE, "filter")...), text(unix.NFTA_CHAIN_NAME, "input")...)
	base = append(base, attribute(unix.NFTA_CHAIN_HOOK, append(attribute(unix.NFTA_HOOK_HOOKNUM, 0, 0, 0, 1), attribute(unix.NFTA_HOOK_PRIORITY, 0, 0, 0, 0)...)...)...)
	rule := append(append(append([]byte{}, header...), text(unix.NFTA_RULE_TABLE, "filter")...), text(unix.NFTA_RULE_CHAIN, "input")...)
	meta := append(text(unix.NFTA_EXPR_NAME, "meta"), attribute(unix.NFTA_EXPR_DATA, append(attribute(unix.NFTA_META_DREG, 0, 0, 0, 1), attribute(unix.NFTA_META_KEY, 0, 0, 0, 16)...)...)...)
	verdict := append(text(unix.NFTA_EXPR_NAME, "immediate"), attribute(unix.NFTA_EXPR_DATA, append(
		attribute(unix.NFTA_IMMEDIATE_DREG, 0, 0, 0, 0),
		attribute(unix.NFTA_IMMEDIATE_DATA, attribute(unix.NFTA_DATA_VERDICT, attribute(unix.NFTA_VERDICT_CODE, 0, 0, 0, 0)...)...)...)...)...)
	full := append(append([]byte{}, rule...), attribute(unix.NFTA_RULE_EXPRESSIONS, append(attribute(unix.NFTA_LIST_ELEM, meta...), attribute(unix.NFTA_LIST_ELEM, verdict...)...)...)...)
	f.Add(base, full, attribute(unix.NFTA_SET_ELEM_KEY, attribute(unix.NFTA_DATA_VALUE, 1, 2, 3, 4)...))
	f.Add(base, append(append([]byte{}, rule...), attribute(unix.NFTA_RULE_USERDATA, append([]byte{0, 5}, "\x1b[2J\x00"...)...)...), []byte{255, 255, 1, 0})
	f.Add(base, append(append([]byte{}, rule...), attribute(unix.NFTA_RULE_USERDATA, 0, 200, 'x')...), []byte{})
	f.Add(header, header[:1], []byte{4, 0, 1, 0})
	f.Fuzz(func(t *testing.T, chainBytes, rule, elem []byte) {
		c, err := decodeChain(netlink.Message{Data: chainBytes})
		if err != nil {
			return
		}
		key, r, err := decodeRule(netlink.Message{Data: rule})
		if err != nil {
			return
		}
		_ = decodeElement(elem)
		c.rules = append(c.rules, r)
		rs := &ruleset{chains: map[chainKey]*chain{key: c}}
		rs.note(r)
		for _, filter := range judge(rs, []diag.Link{eth0}) {
			for _, s := range []string{filter.Rule, filter.Table, filter.Chain} {
				if strings.ContainsFunc(s, unicode.IsControl) {
					t.Errorf("%q", s)
				}
			}
		}
	})
}
