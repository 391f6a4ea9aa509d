package imds

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"ndwhy/diag"
	"ndwhy/diag/kernel/nstest"
)

// The address that the kernel prefers is one that nothing comes back to: the service is reached from another.
func TestEverySourceThatMaySpeak(t *testing.T) {
	for _, tt := range []struct{ name, service, one, other string }{
		{"IPv6", "2001:db8:2::254/128", "2001:db8:1::7/64", "2001:db8:2::1/64"},
		{"IPv4", "192.0.2.254/32", "198.51.100.7/24", "192.0.2.1/24"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nstest.Run(t, func(t *testing.T) {
				t.Helper()
				nstest.Veth(t, "eth0", "wire")
				nstest.Address(t, "eth0", tt.one)
				nstest.Address(t, "eth0", tt.other)
				nstest.Address(t, "lo", tt.service)
				service := netip.MustParsePrefix(tt.service).Addr()
				l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(service, 0)))
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				chosen, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				filtered := netip.MustParseAddrPort(chosen.LocalAddr().String()).Addr()
				chosen.Close()
				dropFrom(t, filtered, l.Addr().(*net.TCPAddr).Port)
				conn, err := dial(t.Context(), "tcp", l.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if from := netip.MustParseAddrPort(conn.LocalAddr().String()).Addr(); from == filtered || !from.IsGlobalUnicast() {
					t.Errorf("connected from %s", from)
				}
			})
		})
	}
}

// dropFrom has this host drop what comes for a port from an address.
func dropFrom(t *testing.T, addr netip.Addr, port int) {
	t.Helper()
	nft, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	family, source := nftables.TableFamilyIPv6, uint32(8)
	if addr.Is4() {
		family, source = nftables.TableFamilyIPv4, 12
	}
	table := nft.AddTable(&nftables.Table{Family: family, Name: "t"})
	chain := nft.AddChain(&nftables.Chain{
		Name: "c", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: source, Len: uint32(len(addr.AsSlice()))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: addr.AsSlice()},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, uint16(port))},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := nft.Flush(); err != nil {
		t.Fatal(err)
	}
}

// Where no route leads to the service, nothing is said of whether it is there.
func TestNoRoute(t *testing.T) {
	nstest.Run(t, func(t *testing.T) {
		t.Helper()
		m := Read(t.Context(), Options{})
		if m.State != diag.MetadataUnreachable || strings.Count(m.Why, "no route to it") != len(Endpoints) || strings.Contains(m.Why, "no metadata service there") {
			t.Errorf("%s: %s", m.State, m.Why)
		}
	})
}
