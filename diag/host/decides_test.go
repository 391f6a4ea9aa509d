package host

import (
	"slices"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// TestDecides: what a rule decides by is told for what ndwhy's own questions are all the same in.
func TestDecides(t *testing.T) {
	load := func(base expr.PayloadBase, offset, length uint32) []any {
		return []any{&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: length}}
	}
	match := func(name string, info xt.InfoAny) []any { return []any{&expr.Match{Name: name, Info: info}} }
	all := [2]uint16{0, 65535}
	for name, c := range map[string]struct {
		exprs []any
		want  []string
	}{
		"hop limit":           {load(expr.PayloadBaseNetworkHeader, 7, 1), []string{"hops"}},
		"destination port":    {load(expr.PayloadBaseTransportHeader, 2, 2), []string{"port"}},
		"ICMPv6 type":         {load(expr.PayloadBaseTransportHeader, 0, 1), nil},
		"source address":      {load(expr.PayloadBaseNetworkHeader, 8, 16), nil},
		"-m hl":               {match("hl", new(xt.Unknown{1, 5})), []string{"hops"}},
		"-m tcp --dport":      {match("tcp", &xt.Tcp{SrcPorts: all, DstPorts: [2]uint16{25, 25}}), []string{"port"}},
		"-m tcp, any port":    {match("tcp", &xt.Tcp{SrcPorts: all, DstPorts: all}), nil},
		"-m udp --sport":      {match("udp", &xt.Udp{SrcPorts: [2]uint16{53, 53}, DstPorts: all}), []string{"port"}},
		"-m multiport --port": {match("multiport", new(xt.Unknown{1})), []string{"port"}},
	} {
		if got := decides(rule{exprs: c.exprs}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
