package lab

import (
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A Filter is a rule of a host's packet filter that drops ICMPv6 messages of one type, in a chain of
// its own.
type Filter struct {
	Table string // with its family, as nft writes it: "inet filter", "ip6 filter", "netdev policy"
	Chain string
	Hook  string // input, output, egress
	NIC   string // whose egress; of the family netdev alone
	Type  byte   // of the messages (RFC 4443, RFC 4861)
	Above uint64 // only what is more than this in a second; 0: all
}

// ICMPv6 message types that filters of scenarios drop.
const (
	echoRequest           = 128
	echoReply             = 129
	neighbourSolicitation = 135
	neighbourAdvert       = 136
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
		f.add(c)
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nf_tables: %w: this kernel does not take the packet-filter rules of the scenario", err)
	}
	return nil
}

// add adds the table, the chain and the rule; what is there already stays.
func (f *Filter) add(c *nftables.Conn) {
	family, name, _ := strings.Cut(f.Table, " ")
	table := c.AddTable(&nftables.Table{Family: filterFamilies[family], Name: name})
	chain := c.AddChain(&nftables.Chain{
		Name: f.Chain, Table: table, Type: nftables.ChainTypeFilter, Hooknum: filterHooks[f.Hook],
		Priority: nftables.ChainPriorityFilter, Device: f.NIC,
	})
	const reg = 1
	var exprs []expr.Any
	if family == "netdev" {
		exprs = append(exprs,
			&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: reg},
			&expr.Cmp{Register: reg, Data: []byte{unix.ETH_P_IPV6 >> 8, unix.ETH_P_IPV6 & 0xff}})
	}
	exprs = append(exprs,
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg},
		&expr.Cmp{Register: reg, Data: []byte{unix.IPPROTO_ICMPV6}},
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Len: 1},
		&expr.Cmp{Register: reg, Data: []byte{f.Type}})
	if f.Above > 0 {
		exprs = append(exprs, &expr.Limit{
			Type: expr.LimitTypePkts, Rate: f.Above, Unit: expr.LimitTimeSecond, Burst: uint32(f.Above), Over: true,
		})
	}
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(exprs, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})})
}
